//! What a frame looks like on the wire.
//!
//! ```text
//! |<-------- header -------->|<---- payload ---->|<- trailer ->|
//! | length field and fields  |                   | checksum, … |
//! |<------------------------- frame -------------------------->|
//! ```
//! This file has the trait that every format implements. `length_field.rs` describes a header as
//! data, `fixed.rs` does so at compile time, `limited.rs` adds a limit, `trailer.rs` a check.

mod fixed;
mod length_field;
mod limited;
mod trailer;
mod varint;

pub use fixed::__fixed;
pub use length_field::{Endian, LengthField, RuntimeFormat, Width};
pub use limited::Limited;
pub use trailer::Trailer;

use crate::error::{EncodeError, HeaderError};

/// The longest header, and the longest trailer, that this crate handles, in bytes.
pub const MAX_HEADER: usize = 64;

/// What the first bytes of a frame tell, see [`Format::parse`].
// Exhaustive: a format has nothing else to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Parsed {
    /// The length is not known yet.
    Incomplete {
        /// How many bytes are needed, counted from the first byte of the frame. More than there are.
        total: usize,
    },
    /// The length is known. The header itself may still be incomplete.
    Frame {
        /// Length of the whole header, in bytes.
        header: usize,
        /// Length of the payload, in bytes.
        payload: u64,
    },
}

/// A wire format: how a frame tells its length, and what follows its payload.
///
/// [`formats`](crate::formats) has the usual formats. [`LengthField`] describes others. Implement
/// this trait for a header that no length field describes, for example one with a sync word or a
/// check over the header.
///
/// # Laws
/// The decoder gives the same frames in any chunking if the format keeps these laws:
/// - `parse` is a pure function of the header's bytes. It gets all bytes that have arrived. These
///   may be fewer than the header has, and they may be more.
/// - Of no bytes at all, `parse` returns [`Parsed::Incomplete`].
/// - After `parse` has returned [`Parsed::Frame`] or an error, more bytes don't change the result.
/// - After `parse` has returned [`Parsed::Incomplete`] with `total`, no prefix shorter than `total`
///   is an error or tells the length. A sync word is therefore awaited byte by byte.
/// - `write` writes what `parse` reads.
///
/// A format that breaks a law gets wrong frames or [`HeaderError::Inconsistent`], but never a panic.
///
/// # Example
/// A header of two bytes: a sync byte, then the length of the payload.
/// ```
/// use ringframe::{Decoder, EncodeError, Format, HeaderError, Parsed, StaticFormat, encode};
///
/// struct Synced;
///
/// impl Format for Synced {
///     type Trailer = ();
///
///     fn max_header(&self) -> usize {
///         2
///     }
///
///     fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
///         match *prefix {
///             [0xa5, length, ..] => Ok(Parsed::Frame { header: 2, payload: length.into() }),
///             [] => Ok(Parsed::Incomplete { total: 1 }),
///             [0xa5] => Ok(Parsed::Incomplete { total: 2 }),
///             _ => Err(HeaderError::Refused("the sync byte is missing")),
///         }
///     }
///
///     fn header_len(&self, _fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
///         if payload <= 255 { Ok(2) } else { Err(EncodeError::Unrepresentable { payload }) }
///     }
///
///     fn write(&self, _fields: &[u8], payload: u64, out: &mut [u8]) {
///         out.copy_from_slice(&[0xa5, payload as u8]);
///     }
/// }
///
/// // The longest header is known at compile time, so `Decoder::new` can check its store.
/// impl StaticFormat for Synced {
///     const MAX_HEADER: usize = 2;
/// }
///
/// let mut wire = [0; 16];
/// let n = encode(&Synced, b"hello", &mut wire)?;
/// let mut decoder = Decoder::new(Synced, [0; 64]);
/// let frame = decoder.next_frame(&mut &wire[..n])?.ok_or("incomplete")?;
/// assert_eq!(frame.payload(), b"hello");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// Formats without a trailer of one type can be chosen at run time as
/// `&dyn Format<Trailer = ()>`.
// Open, not sealed: users implement it.
pub trait Format {
    /// The running check over a frame: `()` for formats that end with the payload, else the state
    /// of a checksum. The decoder holds it while it streams a payload, the encoder while it is fed.
    type Trailer: Trailer;

    /// Returns the length of the longest header, in bytes: 1 to [`MAX_HEADER`].
    fn max_header(&self) -> usize;

    /// Returns the length of the shortest header, in bytes. A limit must leave room for it.
    #[inline]
    fn min_header(&self) -> usize {
        1
    }

    /// Returns the length of the trailer, in bytes: 0 to [`Trailer::MAX_LEN`].
    #[inline(always)]
    fn trailer_len(&self) -> usize {
        Self::Trailer::MAX_LEN
    }

    /// Returns the length of the largest frame in bytes, with header and trailer, if the format
    /// names one. Without it, the size of the store is the limit.
    #[inline(always)]
    fn limit(&self) -> Option<u64> {
        None
    }

    /// Returns the length of the smallest payload that a header can describe, in bytes.
    ///
    /// It is 0 unless the length field counts less than the payload.
    #[inline(always)]
    fn min_payload(&self) -> u64 {
        0
    }

    /// Reads the header at the front of `prefix`, see the laws above.
    ///
    /// # Errors
    /// A [`HeaderError`] if no frame begins with these bytes.
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError>;

    /// Returns the length of the header of a frame with `payload` bytes of payload.
    ///
    /// `fields` are the header's bytes other than the length field, in order.
    ///
    /// # Errors
    /// An [`EncodeError`] if no header describes such a frame.
    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError>;

    /// Writes that header into `out`, which is exactly [`header_len`](Self::header_len) bytes long.
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]);

    /// Starts the check over a frame with this header.
    ///
    /// The default covers header and payload. Formats that leave out a part of the header override
    /// it.
    #[inline(always)]
    fn begin_trailer(&self, header: &[u8]) -> Self::Trailer {
        let mut check = Self::Trailer::default();
        check.update(header);
        check
    }

    /// Returns the same format with frames of at most `limit` bytes, header and trailer included.
    ///
    /// It never widens: if the format has a smaller limit already, that one counts.
    /// ```
    /// # use ringframe::{Decoder, DecodeError, Format, formats};
    /// let mut decoder = Decoder::new(formats::U32_BE.with_limit(100), [0; 1024]);
    /// let refused = decoder.next_frame(&mut &[0, 0, 0, 97][..]);
    /// assert_eq!(refused.unwrap_err(), DecodeError::TooLong { declared: 101, limit: 100 });
    /// ```
    /// [`Limited::new`] is the same in a `const`.
    #[must_use = "the returned format has the limit"]
    fn with_limit(self, limit: u64) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited::new(self, limit)
    }
}

/// A format whose longest header is known at compile time.
///
/// [`Decoder::new`](crate::Decoder::new) and [`Encoder::new`](crate::Encoder::new) ask for it: they
/// check at compile time that the store holds a header and a trailer.
// Open, not sealed: users implement it beside `Format`.
#[diagnostic::on_unimplemented(
    message = "the longest header of `{Self}` is not known at compile time: use `try_new`",
    note = "a custom format implements `StaticFormat` beside `Format`"
)]
pub trait StaticFormat: Format {
    /// The length of the longest header, in bytes. The same as [`Format::max_header`]: a format that
    /// contradicts itself gets [`HeaderError::Inconsistent`].
    const MAX_HEADER: usize;
}

/// A format can be shared: many decoders over one description.
impl<F: Format + ?Sized> Format for &F {
    type Trailer = F::Trailer;

    #[inline(always)]
    fn max_header(&self) -> usize {
        (**self).max_header()
    }

    #[inline(always)]
    fn min_header(&self) -> usize {
        (**self).min_header()
    }

    #[inline(always)]
    fn trailer_len(&self) -> usize {
        (**self).trailer_len()
    }

    #[inline(always)]
    fn limit(&self) -> Option<u64> {
        (**self).limit()
    }

    #[inline(always)]
    fn min_payload(&self) -> u64 {
        (**self).min_payload()
    }

    #[inline(always)]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        (**self).parse(prefix)
    }

    #[inline(always)]
    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        (**self).header_len(fields, payload)
    }

    #[inline(always)]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        (**self).write(fields, payload, out);
    }

    #[inline(always)]
    fn begin_trailer(&self, header: &[u8]) -> Self::Trailer {
        (**self).begin_trailer(header)
    }
}

impl<F: StaticFormat> StaticFormat for &F {
    const MAX_HEADER: usize = F::MAX_HEADER;
}
