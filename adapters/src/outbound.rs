//! What the writers share: which bytes go out next, and what it means that some of them went.

#[cfg(feature = "std")]
use std_crate::io::IoSlice;

use ringframe::{EncodeError, Encoder, Format, Store};

/// How much of a frame's payload goes out through the store although the frame is larger than it.
const TOGETHER: usize = 4096;

/// Queues a frame, whole; most have no fields, which is the encoder's short way.
#[inline(always)]
pub(crate) fn queue<F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    fields: &[u8],
    payload: &[u8],
) -> Result<(), EncodeError> {
    if fields.is_empty() { encoder.push(payload) } else { encoder.push_with(fields, &[payload]) }
}

/// Queues a frame in the store, which is empty. Of one that is larger than the store it queues the beginning
/// and answers what of its payload goes out past it: the header must not leave alone where the transport takes
/// only the first slice of a vectored write either, as most that encrypt do, or has no such writes.
pub(crate) fn begin<'a, F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    fields: &[u8],
    payload: &'a [u8],
) -> Result<&'a [u8], EncodeError> {
    match queue(encoder, fields, payload) {
        Err(EncodeError::NoRoom { .. }) => {}
        result => return result.map(|()| &[][..]),
    }
    encoder.announce(fields, payload.len() as u64)?;
    let queued = encoder.feed(payload.get(..TOGETHER).unwrap_or(payload))?;
    Ok(payload.get(queued..).unwrap_or_default())
}

/// Returns true if some of an announced payload's next bytes can be queued without writing first.
/// Its last byte needs room for the trailer, too.
pub(crate) fn has_room<F: Format, B: Store>(encoder: &Encoder<F, B>) -> bool {
    encoder.free() > encoder.format().trailer_len()
}

/// Queues what there is room for of a payload's next bytes, and none behind the announced length.
pub(crate) fn feed<F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    bytes: &[u8],
) -> Result<usize, EncodeError> {
    let left = usize::try_from(encoder.left()).unwrap_or(usize::MAX);
    encoder.feed(bytes.get(..left).unwrap_or(bytes))
}

/// What is pending, then `direct`, for one vectored write.
#[cfg(feature = "std")]
pub(crate) fn slices<'a, F: Format, B: Store>(
    encoder: &'a Encoder<F, B>,
    direct: &'a [u8],
) -> [IoSlice<'a>; 3] {
    let (first, second) = encoder.pending();
    [IoSlice::new(first), IoSlice::new(second), IoSlice::new(direct)]
}

/// Counts the first `n` bytes of what is pending and of `direct` as sent and answers what is left of `direct`.
/// A transport that claims to have sent more than it was offered has sent nothing that can be relied upon.
pub(crate) fn sent<'a, F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    direct: &'a [u8],
    n: usize,
) -> Result<&'a [u8], EncodeError> {
    let (first, second) = encoder.pending();
    let beyond = n.saturating_sub(first.len() + second.len());
    if beyond > direct.len() {
        return Err(EncodeError::Overrun { given: beyond, left: direct.len() as u64 });
    }
    encoder.advance(n);
    encoder.note_sent(direct.get(..beyond).unwrap_or_default())?;
    Ok(direct.get(beyond..).unwrap_or_default())
}
