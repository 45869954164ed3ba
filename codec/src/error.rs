//! The errors, one small enum per operation. `is_protocol()` tells "the peer broke the protocol", after
//! which a link is of no use, from "the caller misused us", after which nothing is lost.

use core::fmt;

/// Why a header is not one of its wire format. The peer's doing, except for `Inconsistent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
// Else the variant is told by 64 bits, beside fields of 64 bits, which costs a 32-bit device a comparison each time.
#[repr(u32)]
pub enum HeaderError {
    /// The length field makes the frame shorter than its own header.
    ShorterThanHeader {
        /// What the length field says.
        value: u64,
        /// Length of the header, bytes.
        header: usize,
    },
    /// The length field and its adjustment add up to more than 64 bits.
    Overflow {
        /// What the length field says.
        value: u64,
    },
    /// A varint goes on behind the most bytes that its format has, or its value does not fit.
    VarintTooLong {
        /// The most bytes of the format.
        max: usize,
    },
    /// A varint ends in a zero byte: a shorter form of the same value exists.
    VarintNotCanonical {
        /// How many bytes it took.
        bytes: usize,
    },
    /// A [`Header`](crate::Header) of one's own refused the bytes, with its reason.
    Refused(&'static str),
    /// A [`Header`](crate::Header) of one's own gave an answer that can't be: a bug in it.
    Inconsistent,
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ShorterThanHeader { value, header } => {
                write!(
                    f,
                    "the length field says {value}, a frame shorter than its own header of {header} bytes"
                )
            }
            Self::Overflow { value } => {
                write!(f, "the length field says {value}, with its adjustment more than 64 bits hold")
            }
            Self::VarintTooLong { max } => {
                write!(f, "the varint length is longer than {max} bytes or its value does not fit in them")
            }
            Self::VarintNotCanonical { bytes } => {
                write!(f, "the varint length takes {bytes} bytes, more than its value needs")
            }
            Self::Refused(why) => write!(f, "not a header of this protocol: {why}"),
            Self::Inconsistent => f.write_str("the header parser contradicts itself: a bug in its `Header`"),
        }
    }
}

impl core::error::Error for HeaderError {}

/// Why [`Decoder::decode`](crate::Decoder::decode) and its siblings have no frame.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DecodeError {
    /// The peer sent a header that can't be.
    Header(HeaderError),
    /// The peer declared a frame beyond the limit.
    TooLong {
        /// The declared length of the whole frame, header included, bytes.
        declared: u64,
        /// The largest whole frame allowed, bytes.
        limit: u64,
    },
    /// Misuse: the payload of a streamed frame is under way. Take it with `event`, or `discard` it.
    MidPayload {
        /// How much of it was not taken yet, bytes.
        left: u64,
    },
}

impl DecodeError {
    /// Whether the peer broke the protocol; `false` where the caller misused the decoder.
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
            Self::MidPayload { left } => write!(
                f,
                "{left} bytes of a streamed payload are still to come: take them with `event` or `discard` them"
            ),
        }
    }
}

// No `source`: `Display` says it all, and a chain would say it twice.
impl core::error::Error for DecodeError {}

/// Why the end of the input is not a clean one, see [`Decoder::finish`](crate::Decoder::finish).
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
// As for `HeaderError`.
#[repr(u32)]
pub enum FinishError {
    /// The input ended inside a frame.
    Truncated {
        /// How many bytes of the frame are there.
        have: usize,
        /// How many bytes it has, or, while that is unknown, its header at the least.
        want: usize,
    },
    /// The input ended inside the payload of a frame that was streamed or skipped.
    TruncatedPayload {
        /// How much of it is missing, bytes.
        missing: u64,
    },
    /// The input ended behind bytes that no frame can begin with.
    Protocol(DecodeError),
    /// Misuse: frames, or pieces of a payload, are still there to be taken.
    Unread {
        /// How many bytes are buffered.
        bytes: usize,
    },
}

impl FinishError {
    /// Whether the peer broke the protocol; `false` where the caller misused the decoder.
    pub const fn is_protocol(&self) -> bool {
        match self {
            Self::Truncated { .. } | Self::TruncatedPayload { .. } => true,
            Self::Protocol(error) => error.is_protocol(),
            Self::Unread { .. } => false,
        }
    }
}

impl fmt::Display for FinishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { have, want } => {
                write!(f, "the stream ended inside a frame: {have} bytes of at least {want} arrived")
            }
            Self::TruncatedPayload { missing } => {
                write!(f, "the stream ended inside a frame: {missing} bytes of its payload are missing")
            }
            Self::Protocol(error) => write!(f, "the stream ended after an error: {error}"),
            Self::Unread { bytes } => {
                write!(f, "the stream ended while something was still there to take ({bytes} bytes buffered)")
            }
        }
    }
}

impl core::error::Error for FinishError {}

/// More bytes were committed than [`Decoder::space`](crate::Decoder::space) offered; none was taken.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CommitError {
    /// The number that was given.
    pub committed: usize,
    /// The number that there was space for.
    pub space: usize,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { committed, space } = self;
        write!(f, "{committed} bytes were committed, but the space offered was {space}")
    }
}

impl core::error::Error for CommitError {}

/// Why a frame was not encoded. Nothing of it was written, except where a variant says otherwise.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// There is no room now. It may be there later if `needed` is not beyond the capacity.
    NoRoom {
        /// Bytes that the frame, or the header of a streamed one, takes.
        needed: u64,
        /// Bytes that are free.
        free: usize,
    },
    /// The frame is larger than the limit of the format.
    TooLong {
        /// The length of the whole frame, header included, bytes.
        frame: u64,
        /// The largest whole frame allowed, bytes.
        limit: u64,
    },
    /// No value of the length field describes a payload of this length.
    Unrepresentable {
        /// Length of the payload, bytes.
        payload: u64,
    },
    /// The header has more, or fewer, bytes beside its length field than were given.
    Fields {
        /// How many were given.
        given: usize,
        /// How many the header has.
        wanted: usize,
    },
    /// A [`Header`](crate::Header) of one's own refused to write, with its reason.
    Refused(&'static str),
    /// A frame of announced length is under way; feed it to its end first.
    MidPayload {
        /// How much of its payload is missing, bytes.
        left: u64,
    },
    /// More payload was fed than was announced; none of it was taken.
    Overrun {
        /// How many bytes were given.
        given: usize,
        /// How many were left of the announced length.
        left: u64,
    },
    /// The value refused to be serialised by postcard.
    #[cfg(feature = "postcard")]
    Serialize,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRoom { needed, free } => write!(f, "the frame needs {needed} bytes, {free} are free"),
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
    /// The header would be longer than this crate handles.
    HeaderTooLong {
        /// The longest header possible, bytes.
        max: usize,
    },
    /// The header would end before its length field does.
    HeaderTooShort {
        /// The header's length, bytes.
        header: usize,
        /// Where the length field ends, bytes.
        field_end: usize,
    },
    /// A header of fixed length was asked for around a varint of variable length.
    HeaderOfVarint,
    /// No value of the length field makes a frame that holds its own header.
    Adjustment {
        /// The impossible adjustment.
        adjust: i64,
    },
    /// The store can't hold a header.
    StoreTooSmall {
        /// Capacity of the store, bytes.
        store: usize,
        /// The longest header of the format, bytes.
        header: usize,
    },
}

impl ConfigError {
    /// The same words as `Display`, without the numbers, for `const` evaluation.
    pub(crate) const fn summary(&self) -> &'static str {
        match self {
            Self::HeaderTooLong { .. } => "length field: the header is longer than 64 bytes",
            Self::HeaderTooShort { .. } => "length field: `header` ends before the length field does",
            Self::HeaderOfVarint => "length field: `header` has no meaning for a varint",
            Self::Adjustment { .. } => "length field: `adjust` leaves no frame that holds its own header",
            Self::StoreTooSmall { .. } => "the store is smaller than a header",
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::HeaderTooLong { max } => write!(f, "a header can't be longer than {max} bytes"),
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
            Self::StoreTooSmall { store, header } => {
                write!(f, "a store of {store} bytes can't hold a header of {header} bytes")
            }
        }
    }
}

impl core::error::Error for ConfigError {}
