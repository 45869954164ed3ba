//! Encoding into a slice, without a queue.

use crate::copy::copy;
use crate::error::EncodeError;
use crate::format::{Format, MAX_HEADER, Trailer};

/// Writes one frame into `out` and returns its length.
///
/// ```
/// let mut out = [0; 16];
/// let n = ringframe::encode(&ringframe::formats::U16_BE, b"hello", &mut out)?;
/// assert_eq!(&out[..n], b"\0\x05hello");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::NoRoom`] with the size needed if the frame does not fit,
/// [`EncodeError::TooLong`] beyond the format's limit, [`EncodeError::Unrepresentable`],
/// [`EncodeError::Fields`] or [`EncodeError::Refused`] if the format has no such frame. `out` is as it
/// was then.
#[inline(always)]
pub fn encode<F: Format + ?Sized>(format: &F, payload: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    encode_parts(format, &[], core::iter::once(payload), out)
}

/// Writes one frame, its payload given in parts, into `out` and returns its length.
///
/// `fields` are the header's bytes other than the length field, in order.
/// ```
/// use ringframe::{encode_with, formats};
///
/// let mut out = [0; 16];
/// let n = encode_with(&formats::MQTT, &[0x30], &[b"one", b"two"], &mut out)?;
/// assert_eq!(&out[..n], b"\x30\x06onetwo");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
///
/// # Errors
/// Those of [`encode`].
#[inline]
pub fn encode_with<F: Format + ?Sized>(
    format: &F,
    fields: &[u8],
    parts: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    encode_parts(format, fields, parts.iter().copied(), out)
}

/// Writes one frame into `out`. The one place where that is done.
#[inline(always)]
pub(super) fn encode_parts<'p, F: Format + ?Sized>(
    format: &F,
    fields: &[u8],
    parts: impl Iterator<Item = &'p [u8]> + Clone,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let payload = total_len(parts.clone());
    let Lengths { header, frame } = measure(format, fields, payload, format.limit())?;
    let capacity = out.len();
    let Some(out) = out.get_mut(..frame) else {
        return Err(EncodeError::NoRoom { needed: frame, free: capacity, capacity });
    };
    let (header, mut rest) = out.split_at_mut_checked(header).unwrap_or_default();
    format.write(fields, payload, header);
    for part in parts.clone() {
        let n = copy(rest, part);
        rest = rest.get_mut(n..).unwrap_or_default();
    }
    if F::Trailer::MAX_LEN > 0 {
        let mut check = format.begin_trailer(header);
        parts.for_each(|part| check.update(part));
        check.write(rest);
    }
    Ok(frame)
}

/// Writes the header alone of a frame with `payload` bytes of payload into `out` and returns its
/// length, at most [`MAX_HEADER`].
///
/// It is for sending a payload without copying it. The caller sends `payload` bytes after it, and
/// then the trailer if the format has one. `fields` are the header's bytes other than the length
/// field, in order.
///
/// ```
/// let mut header = [0; ringframe::MAX_HEADER];
/// let n = ringframe::encode_header(&ringframe::formats::U32_BE, &[], 5 << 20, &mut header)?;
/// assert_eq!(header[..n], [0, 0x50, 0, 0]);
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
///
/// # Errors
/// Those of [`encode`]. `NoRoom` is about the header.
#[inline]
pub fn encode_header<F: Format + ?Sized>(
    format: &F,
    fields: &[u8],
    payload: u64,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let Lengths { header, .. } = measure(format, fields, payload, format.limit())?;
    let capacity = out.len();
    let Some(out) = out.get_mut(..header) else {
        return Err(EncodeError::NoRoom { needed: header, free: capacity, capacity });
    };
    format.write(fields, payload, out);
    Ok(header)
}

/// The lengths of a frame, in bytes.
pub(super) struct Lengths {
    pub(super) header: usize,
    /// The largest `usize` if it is larger.
    pub(super) frame: usize,
}

/// Returns the lengths of a frame that the format has and the limit allows.
#[inline(always)]
pub(super) fn measure<F: Format + ?Sized>(
    format: &F,
    fields: &[u8],
    payload: u64,
    limit: Option<u64>,
) -> Result<Lengths, EncodeError> {
    let header = format.header_len(fields, payload)?;
    if header > format.max_header() || header > MAX_HEADER {
        return Err(EncodeError::Refused("the header is longer than its format allows"));
    }
    // The decoder does not read a frame of more than 64 bits.
    let around = header.wrapping_add(format.trailer_len());
    let Some(frame) = payload.checked_add(around as u64) else {
        return Err(EncodeError::Unrepresentable { payload });
    };
    match limit {
        Some(limit) if frame > limit => Err(EncodeError::TooLong { frame, limit }),
        _ => Ok(Lengths { header, frame: usize::try_from(frame).unwrap_or(usize::MAX) }),
    }
}

/// Returns the length of a payload that is given in parts.
#[inline(always)]
pub(super) fn total_len<'p>(parts: impl Iterator<Item = &'p [u8]>) -> u64 {
    parts.fold(0, |sum: u64, part| sum.saturating_add(part.len() as u64))
}
