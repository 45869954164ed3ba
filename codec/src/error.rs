//! The errors, one small enum for each operation, with the numbers of what was wrong.
//!
//! `is_protocol()` of [`DecodeError`] and [`EndError`] tells "the peer broke the protocol", after
//! which a link is of no use, from "the caller misused us", after which nothing is lost.
//!
//! The enums are `#[non_exhaustive]`: a later format may find a new fault. The messages name bytes as
//! they are on the wire, so a frame's length includes its header and trailer.

use core::fmt;

/// Why no frame can begin with these bytes. The peer's fault, except for `Inconsistent`.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
// A tag of 32 bits. Beside fields of 64 bits it would have 64, two comparisons on a 32-bit device.
#[repr(u32)]
pub enum HeaderError {
    /// The length field makes the frame shorter than its own header.
    ShorterThanHeader {
        /// The value of the length field.
        value: u64,
        /// Length of the header, in bytes.
        header: usize,
    },
    /// The length field and its adjustment add up to more than 64 bits.
    Overflow {
        /// The value of the length field.
        value: u64,
    },
    /// A varint has more bytes than its format allows, or a value that does not fit in them.
    VarintTooLong {
        /// The most bytes that the format allows.
        max: usize,
    },
    /// A varint ends in a zero byte: a shorter form of the same value exists.
    VarintNotCanonical {
        /// How many bytes it has.
        bytes: usize,
    },
    /// A custom [`Format`](crate::Format) refused the bytes, with its reason.
    Refused(&'static str),
    /// A custom [`Format`](crate::Format) contradicts itself: a bug in it.
    Inconsistent,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ShorterThanHeader { value, header } => {
                write!(
                    f,
                    "the length field is {value}: the frame is shorter than its header of {header} bytes"
                )
            }
            Self::Overflow { value } => {
                write!(f, "the length field is {value}: with its adjustment this is more than 64 bits hold")
            }
            Self::VarintTooLong { max } => {
                write!(f, "the varint length is longer than {max} bytes or its value does not fit in them")
            }
            Self::VarintNotCanonical { bytes } => {
                write!(f, "the varint length has {bytes} bytes, more than its value needs")
            }
            Self::Refused(why) => write!(f, "not a header of this protocol: {why}"),
            Self::Inconsistent => f.write_str("the wire format contradicts itself: a bug in its `Format`"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// Why [`Decoder::next_frame`](crate::Decoder::next_frame) and its siblings return no frame.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The peer sent an invalid header.
    Header(HeaderError),
    /// The peer declared a frame beyond the limit.
    TooLong {
        /// The declared length of the whole frame, in bytes.
        declared: u64,
        /// The length of the largest frame allowed, in bytes.
        limit: u64,
    },
    /// The trailer does not match the frame: bytes of it are damaged. See
    /// [`Decoder::resync`](crate::Decoder::resync) for the way on.
    Corrupt,
    /// Misuse: the payload of a streamed frame is under way. Take it with `next_event`, or
    /// `discard` it.
    MidPayload {
        /// How many bytes of it were not taken yet.
        left: u64,
    },
}

impl DecodeError {
    /// Returns true if the peer broke the protocol, false if the caller misused the decoder.
    pub const fn is_protocol(&self) -> bool {
        !matches!(self, Self::MidPayload { .. } | Self::Header(HeaderError::Inconsistent))
    }
}

impl From<HeaderError> for DecodeError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Header(error) => error.fmt(f),
            Self::TooLong { declared, limit } => {
                write!(f, "a frame of {declared} bytes is declared, the limit is {limit}")
            }
            Self::Corrupt => f.write_str("the trailer does not match the frame: it is damaged"),
            Self::MidPayload { left } => write!(
                f,
                "a streamed frame has {left} bytes of payload left: call `next_event` until its end, or `discard`"
            ),
        }
    }
}

// No `source`: `Display` shows the inner error already.
impl core::error::Error for DecodeError {}

/// Why the end of the input is not a clean one, see
/// [`Decoder::end_of_input`](crate::Decoder::end_of_input).
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
// As for `HeaderError`.
#[repr(u32)]
pub enum EndError {
    /// The input ended inside a frame.
    Truncated {
        /// How many bytes of the frame arrived.
        have: usize,
        /// How many bytes it has. While that is unknown: how many of them would tell.
        want: usize,
    },
    /// The input ended inside the payload, or the trailer, of a frame that was streamed or skipped.
    TruncatedPayload {
        /// How many bytes of the frame are missing.
        missing: u64,
    },
    /// Misuse: something is left to take: a frame, a piece of a payload, or an error.
    Unread {
        /// How many bytes are buffered.
        bytes: usize,
    },
}

impl EndError {
    /// Returns true if the peer broke the protocol, false if the caller misused the decoder.
    pub const fn is_protocol(&self) -> bool {
        matches!(self, Self::Truncated { .. } | Self::TruncatedPayload { .. })
    }
}

impl fmt::Display for EndError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { have, want } => {
                write!(f, "the stream ended inside a frame: {have} bytes of at least {want} arrived")
            }
            Self::TruncatedPayload { missing } => {
                write!(f, "the stream ended inside a frame: {missing} bytes of it are missing")
            }
            Self::Unread { bytes } => {
                write!(f, "the stream ended before everything was taken: {bytes} bytes are buffered")
            }
        }
    }
}

impl core::error::Error for EndError {}

/// More bytes were reported to [`Decoder::filled`](crate::Decoder::filled) than
/// [`Decoder::space`](crate::Decoder::space) offered. None was taken.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
// Exhaustive: two numbers say it all.
pub struct FilledError {
    /// The number that was reported.
    pub filled: usize,
    /// The number of bytes that were offered.
    pub space: usize,
}

impl fmt::Display for FilledError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { filled, space } = self;
        write!(f, "{filled} bytes were reported as filled, but the space offered was {space}")
    }
}

impl core::error::Error for FilledError {}

/// Why a frame was not encoded. Nothing of it was written.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// There is no room. [`fits_later`](Self::fits_later) tells "not now" from "never".
    NoRoom {
        /// How many bytes the frame needs, or the header of an announced one. At least, if the
        /// length of the frame is not known yet.
        needed: usize,
        /// How many bytes are free.
        free: usize,
        /// How many bytes are there in all.
        capacity: usize,
    },
    /// The frame is larger than the limit.
    TooLong {
        /// The length of the whole frame, in bytes.
        frame: u64,
        /// The length of the largest frame allowed, in bytes.
        limit: u64,
    },
    /// No value of the length field describes a payload of this length.
    Unrepresentable {
        /// Length of the payload, in bytes.
        payload: u64,
    },
    /// The header has more, or fewer, bytes other than its length field than were given.
    Fields {
        /// How many were given.
        given: usize,
        /// How many the header has.
        wanted: usize,
    },
    /// A custom [`Format`](crate::Format) refused to write, with its reason.
    Refused(&'static str),
    /// A frame of announced length is under way. Feed it to its end first.
    MidPayload {
        /// How many bytes of its payload are missing.
        left: u64,
    },
    /// More payload was fed than was announced. None of it was taken.
    Overrun {
        /// How many bytes were given.
        given: usize,
        /// How many were left of the announced length.
        left: u64,
    },
    /// Bytes of a payload were reported as sent while earlier bytes are still pending.
    OutOfOrder {
        /// How many bytes are pending.
        pending: usize,
    },
    /// The value refused to be serialised by postcard.
    #[cfg(feature = "postcard")]
    Serialize,
}

impl EncodeError {
    /// Returns true if there is no room now, but there will be after enough bytes were sent. Send
    /// what is pending and try again.
    pub const fn fits_later(&self) -> bool {
        matches!(self, Self::NoRoom { needed, capacity, .. } if *needed <= *capacity)
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRoom { needed, free, capacity } => {
                write!(f, "the frame needs {needed} bytes, {free} of {capacity} are free")
            }
            Self::TooLong { frame, limit } => {
                write!(f, "the frame would have {frame} bytes, the limit is {limit}")
            }
            Self::Unrepresentable { payload } => {
                write!(f, "the length field of this wire format can't describe a payload of {payload} bytes")
            }
            Self::Fields { given, wanted } => {
                write!(f, "the header has {wanted} bytes beside its length field, but {given} were given")
            }
            Self::Refused(why) => write!(f, "the header can't be written: {why}"),
            Self::MidPayload { left } => {
                write!(f, "{left} bytes of an announced payload must be fed before the next frame")
            }
            Self::Overrun { given, left } => {
                write!(
                    f,
                    "{given} bytes of payload were fed, but only {left} of the announced length are left"
                )
            }
            Self::OutOfOrder { pending } => {
                write!(f, "a payload was reported as sent before the {pending} bytes that are pending")
            }
            #[cfg(feature = "postcard")]
            Self::Serialize => f.write_str("postcard could not serialise the message"),
        }
    }
}

impl core::error::Error for EncodeError {}

/// Why a description of the wire, or a store for it, is impossible.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// The header, or the trailer, would be longer than this crate handles.
    HeaderTooLong {
        /// The length of the longest one possible, in bytes.
        max: usize,
    },
    /// The header would end before its length field does.
    HeaderTooShort {
        /// The header's length, in bytes.
        header: usize,
        /// Where the length field ends, in bytes.
        field_end: usize,
    },
    /// A header of fixed length was asked for around a varint of variable length.
    HeaderOfVarint,
    /// No value of the length field makes a frame that holds its own header.
    Adjustment {
        /// The impossible adjustment.
        adjust: i64,
    },
    /// The store can't hold a header and a trailer.
    StoreTooSmall {
        /// Capacity of the store, in bytes.
        store: usize,
        /// The length of the longest header with the trailer, in bytes.
        needed: usize,
    },
    /// The limit leaves no room for the smallest frame.
    LimitTooSmall {
        /// The limit, in bytes.
        limit: u64,
        /// The length of the smallest frame, in bytes.
        needed: u64,
    },
    /// The payload of a frame is under way. A format is replaced between frames.
    MidPayload {
        /// How many bytes of the frame are left.
        left: u64,
    },
}

impl ConfigError {
    /// The same words as `Display`, without the numbers, for `length_field!`.
    #[doc(hidden)]
    pub const fn __summary(&self) -> &'static str {
        match self {
            Self::HeaderTooLong { .. } => "length field: the header is longer than 64 bytes",
            Self::HeaderTooShort { .. } => "length field: `header` ends before the length field does",
            Self::HeaderOfVarint => "length field: `header` has no meaning for a varint",
            Self::Adjustment { .. } => "length field: `adjust` leaves no frame that holds its own header",
            // Not of a description.
            Self::StoreTooSmall { .. } | Self::LimitTooSmall { .. } | Self::MidPayload { .. } => "",
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HeaderTooLong { max } => {
                write!(f, "a header or a trailer can't be longer than {max} bytes")
            }
            Self::HeaderTooShort { header, field_end } => write!(
                f,
                "a header of {header} bytes can't hold a length field that ends at byte {field_end}"
            ),
            Self::HeaderOfVarint => {
                f.write_str("`header` can't be given for a varint, whose own length varies")
            }
            Self::Adjustment { adjust } => {
                write!(f, "with an adjustment of {adjust} no frame could hold its own header")
            }
            Self::StoreTooSmall { store, needed } => {
                write!(f, "a store of {store} bytes can't hold a header and trailer of {needed} bytes")
            }
            Self::LimitTooSmall { limit, needed } => {
                write!(f, "a limit of {limit} bytes leaves no room for a frame: the smallest has {needed}")
            }
            Self::MidPayload { left } => {
                write!(f, "a frame is under way, of which {left} bytes are left")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
