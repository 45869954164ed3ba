//! What the first bytes of a frame tell, without a decoder.

use crate::error::{DecodeError, HeaderError};
use crate::format::{Format, Parsed, Trailer};
use crate::frame::{Frame, Peek};

/// The first bytes of a frame, judged.
#[derive(Clone, Copy)]
// A tag of its own, and not one that hides in the error, is tested quicker on a 32-bit device.
#[repr(u32)]
pub(crate) enum Prefix {
    /// The length is not known. The first `total` bytes of the frame are needed, more than there are.
    Header { total: usize },
    /// The length is known and within the limit. The frame has `total` bytes, more than there are.
    Partial { total: usize },
    /// The whole frame is there. Its trailer was not compared.
    Complete { header: usize, payload: usize },
    /// The length is known and beyond the limit. The header may be incomplete.
    Oversized { header: usize, payload: u64 },
    /// No frame begins with these bytes.
    Invalid(HeaderError),
}

/// Judges the bytes at the front of `window`. A frame of at most `limit` bytes is within the limit.
#[inline(always)]
pub(crate) fn inspect<F: Format + ?Sized>(format: &F, window: &[u8], limit: usize) -> Prefix {
    match format.parse(window) {
        Ok(Parsed::Frame { header, payload }) => {
            let frame = frame_len(format, header, payload);
            if header == 0 || header > format.max_header() {
                Prefix::Invalid(HeaderError::Inconsistent)
            } else if frame > limit as u64 {
                Prefix::Oversized { header, payload }
            } else if frame as usize <= window.len() {
                Prefix::Complete { header, payload: payload as usize }
            } else {
                Prefix::Partial { total: frame as usize }
            }
        }
        Ok(Parsed::Incomplete { total }) if total > window.len() && total <= format.max_header() => {
            Prefix::Header { total }
        }
        Ok(Parsed::Incomplete { .. }) => Prefix::Invalid(HeaderError::Inconsistent),
        Err(error) => Prefix::Invalid(error),
    }
}

/// Returns the length of a whole frame. A length beyond 64 bits counts as the largest.
#[inline(always)]
pub(crate) fn frame_len<F: Format + ?Sized>(format: &F, header: usize, payload: u64) -> u64 {
    payload.saturating_add(header.wrapping_add(format.trailer_len()) as u64)
}

/// Returns true if the whole frame of these lengths at the front of `window` has the right trailer.
#[inline(always)]
pub(crate) fn is_intact<F: Format + ?Sized>(
    format: &F,
    window: &[u8],
    header: usize,
    payload: usize,
) -> bool {
    if F::Trailer::MAX_LEN == 0 {
        return true;
    }
    let (header, rest) = window.split_at_checked(header).unwrap_or_default();
    let (payload, rest) = rest.split_at_checked(payload).unwrap_or_default();
    let mut check = format.begin_trailer(header);
    check.update(payload);
    check.matches(rest.get(..format.trailer_len()).unwrap_or_default())
}

/// Returns the whole frame of these lengths at the front of `window`.
#[inline(always)]
pub(crate) fn cut<'w, F: Format + ?Sized>(
    format: &F,
    window: &'w [u8],
    header: usize,
    payload: usize,
) -> Frame<'w> {
    let len = header.wrapping_add(payload).wrapping_add(format.trailer_len());
    let bytes = window.get(..len).unwrap_or_default();
    Frame::of(bytes, header, payload)
}

/// Returns the frame at the front of `bytes`, or the number of bytes it takes.
///
/// It is for callers that buffer input themselves, for example in a `Vec`, and need no
/// [`Decoder`](crate::Decoder). The limit is the format's own, see [`Format::with_limit`].
///
/// ```
/// use ringframe::{Peek, formats, peek};
///
/// let mut buffer = b"\0\x05hello\0\x03ab".to_vec();
/// let Peek::Frame(frame) = peek(&formats::U16_BE, &buffer)? else { panic!("it is there") };
/// assert_eq!(frame.payload(), b"hello");
/// let used = frame.bytes().len();
/// buffer.drain(..used);
/// assert_eq!(peek(&formats::U16_BE, &buffer)?, Peek::Incomplete { total: 5 });
/// # Ok::<(), ringframe::DecodeError>(())
/// ```
///
/// # Errors
/// An invalid header, a wrong trailer, a frame beyond the format's limit, or one that is longer than
/// a slice can be.
#[inline]
pub fn peek<'a, F: Format + ?Sized>(format: &F, bytes: &'a [u8]) -> Result<Peek<'a>, DecodeError> {
    let longest = isize::MAX as u64;
    let limit = format.limit().unwrap_or(longest).min(longest);
    match inspect(format, bytes, limit as usize) {
        Prefix::Header { total } | Prefix::Partial { total } => Ok(Peek::Incomplete { total }),
        Prefix::Complete { header, payload } => {
            if is_intact(format, bytes, header, payload) {
                Ok(Peek::Frame(cut(format, bytes, header, payload)))
            } else {
                Err(DecodeError::Corrupt)
            }
        }
        Prefix::Oversized { header, payload } => {
            Err(DecodeError::TooLong { declared: frame_len(format, header, payload), limit })
        }
        Prefix::Invalid(error) => Err(error.into()),
    }
}
