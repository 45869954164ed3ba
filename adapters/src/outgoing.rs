//! What the writers share: which bytes go out next, and what it means that some of them went.

use std_crate::io::IoSlice;

use ringframe::{EncodeError, Encoder, Header, Store};

/// How much of a frame's payload goes out through the store although the frame is larger than it.
const TOGETHER: usize = 4096;

/// Queues a frame, whole; most have no fields, which is the encoder's short way.
#[inline(always)]
pub(crate) fn queue<H: Header, B: Store>(
    encoder: &mut Encoder<H, B>,
    fields: &[u8],
    payload: &[u8],
) -> Result<(), EncodeError> {
    if fields.is_empty() { encoder.push(payload) } else { encoder.push_parts(fields, &[payload]) }
}

/// Begins a frame that is larger than the store, which is empty, and answers what of its payload goes out
/// past it. The payload's beginning is queued with the header: the header must not leave alone where the
/// transport takes only the first slice of a vectored write either, as most that encrypt do.
pub(crate) fn start<'a, H: Header, B: Store>(
    encoder: &mut Encoder<H, B>,
    fields: &[u8],
    payload: &'a [u8],
) -> Result<&'a [u8], EncodeError> {
    encoder.start(fields, payload.len() as u64)?;
    let queued = encoder.feed(payload.get(..TOGETHER).unwrap_or(payload))?;
    Ok(payload.get(queued..).unwrap_or_default())
}

/// What is pending, then `direct`, for one vectored write.
pub(crate) fn slices<'a, H: Header, B: Store>(
    encoder: &'a Encoder<H, B>,
    direct: &'a [u8],
) -> [IoSlice<'a>; 3] {
    let (first, second) = encoder.pending();
    [IoSlice::new(first), IoSlice::new(second), IoSlice::new(direct)]
}

/// Counts `n` bytes of [`slices`] as sent and answers what is left of `direct`. A transport that claims to
/// have sent more than it was offered has sent nothing that can be relied upon.
pub(crate) fn sent<'a, H: Header, B: Store>(
    encoder: &mut Encoder<H, B>,
    direct: &'a [u8],
    n: usize,
) -> Result<&'a [u8], EncodeError> {
    let (first, second) = encoder.pending();
    let beyond = n.saturating_sub(first.len() + second.len());
    if beyond > direct.len() {
        return Err(EncodeError::Overrun { given: beyond, left: direct.len() as u64 });
    }
    encoder.advance(n);
    encoder.bypass(beyond)?;
    Ok(direct.get(beyond..).unwrap_or_default())
}
