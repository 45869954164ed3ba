//! Writing without I/O: which bytes a transport is to write, and what its answer means. All writers are loops
//! around these functions.
//!
//! What is to be sent is what the encoder has pending, then bytes that go past the store, from the caller's own
//! memory: a [`Rest`]. A loop offers both, and hands the transport's answer to [`after_write`].

use ringframe::{EncodeError, Encoder, Format, Store};

use crate::WriteError;
use crate::error::Fault;

/// The most slices in one vectored write.
#[cfg(feature = "std")]
pub(crate) const SLICES: usize = 8;

/// Bytes that go out past the store, after those that are pending: parts of a payload, or unframed bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    /// The first part, as far as it is left. It is empty only if all are.
    first: &'a [u8],
    others: &'a [&'a [u8]],
}

impl<'a> Rest<'a> {
    /// No bytes.
    pub(crate) const NONE: Self = Self { first: &[], others: &[] };

    pub(crate) fn new(parts: &'a [&'a [u8]]) -> Self {
        let mut rest = Self { first: &[], others: parts };
        rest.advance(0);
        rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// The slices in order, without the empty ones.
    #[cfg(feature = "std")]
    pub(crate) fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        core::iter::once(self.first).chain(self.others.iter().copied()).filter(|slice| !slice.is_empty())
    }

    /// Leaves out the next `n` bytes, at most the first part.
    fn advance(&mut self, n: usize) {
        self.first = self.first.get(n..).unwrap_or_default();
        while let ([], [next, others @ ..]) = (self.first, self.others) {
            (self.first, self.others) = (next, others);
        }
    }

    /// Counts the next `n` bytes, which belong to an announced payload, as sent.
    pub(crate) fn sent<F: Format, B: Store>(
        &mut self,
        encoder: &mut Encoder<F, B>,
        mut n: usize,
    ) -> Result<(), EncodeError> {
        while n > 0 && !self.is_empty() {
            let sent = self.first.get(..n).unwrap_or(self.first);
            encoder.note_sent(sent)?;
            n -= sent.len();
            self.advance(sent.len());
        }
        Ok(())
    }
}

/// Tells whether a frame for which there was no room can be sent after what is pending: at once, if it is larger
/// than the store and the format allows that.
///
/// # Errors
/// The error that says why not.
pub(crate) fn check_later<F: Format, B: Store>(
    encoder: &Encoder<F, B>,
    error: EncodeError,
) -> Result<(), EncodeError> {
    match error {
        EncodeError::NoRoom { needed, capacity, .. }
            if needed > capacity && encoder.format().limit().is_none() =>
        {
            Err(EncodeError::TooLong { frame: needed as u64, limit: capacity as u64 })
        }
        EncodeError::NoRoom { .. } => Ok(()),
        error => Err(error),
    }
}

/// Queues a frame in the store, which is empty. Of a frame that is larger than the store it queues the header,
/// and returns the payload, which goes out past the store.
pub(crate) fn begin<'a, F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    fields: &[u8],
    parts: &'a [&'a [u8]],
) -> Result<Rest<'a>, EncodeError> {
    let len = parts.iter().map(|part| part.len() as u64).sum();
    encoder.announce(fields, len)?;
    if len > room(encoder) as u64 {
        return Ok(Rest::new(parts));
    }
    for part in parts {
        encoder.feed(part)?;
    }
    Ok(Rest::NONE)
}

/// Returns how many bytes of an announced payload can be queued now. Its last byte needs room for the trailer,
/// too.
fn room<F: Format, B: Store>(encoder: &Encoder<F, B>) -> usize {
    encoder.free().saturating_sub(encoder.format().trailer_len())
}

/// Returns true if the next `len` bytes of an announced payload go out right after what is pending, without a
/// copy. Others are queued, as many as there is room for.
pub(crate) fn go_past<F: Format, B: Store>(encoder: &Encoder<F, B>, len: usize) -> bool {
    let room = room(encoder);
    len > room && (room == 0 || len >= encoder.capacity())
}

/// Returns the next bytes of an announced payload, as far as the announced length goes.
///
/// More than none beyond that length is an error: a `write` that returns 0 would make `write_all` of
/// embedded-io panic.
pub(crate) fn within_announced<'a, F: Format, B: Store>(
    encoder: &Encoder<F, B>,
    bytes: &'a [u8],
) -> Result<&'a [u8], EncodeError> {
    match usize::try_from(encoder.left()).unwrap_or(usize::MAX) {
        0 if !bytes.is_empty() => Err(EncodeError::Overrun { given: bytes.len(), left: 0 }),
        left => Ok(bytes.get(..left).unwrap_or(bytes)),
    }
}

/// Refuses to end a stream in the middle of an announced payload.
pub(crate) fn check_complete<F: Format, B: Store>(encoder: &Encoder<F, B>) -> Result<(), EncodeError> {
    match encoder.left() {
        0 => Ok(()),
        left => Err(EncodeError::MidPayload { left }),
    }
}

/// Returns the bytes of the next write where there are no vectored ones, or `None` if all are written.
///
/// The ring offers its bytes in one piece, unless they wrap.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub(crate) fn next<'a, F: Format, B: Store>(encoder: &'a Encoder<F, B>, rest: &Rest<'a>) -> Option<&'a [u8]> {
    let (pending, _) = encoder.pending();
    Some(if pending.is_empty() { rest.first } else { pending }).filter(|bytes| !bytes.is_empty())
}

/// Judges a write of what is pending and, behind it, of bytes that go past the store, `offered` in all.
/// Returns how many of the latter went out, or `None` if the call was interrupted.
pub(crate) fn after_write<F: Format, B: Store, E>(
    encoder: &mut Encoder<F, B>,
    offered: usize,
    result: Result<usize, E>,
    fault: fn(&E) -> Fault,
) -> Result<Option<usize>, WriteError<E>> {
    match result {
        Ok(0) => Err(WriteError::WriteZero),
        Ok(claimed) if claimed > offered => Err(WriteError::Overrun { claimed, offered }),
        Ok(n) => {
            let pending = encoder.capacity() - encoder.free();
            encoder.advance(n);
            Ok(Some(n.saturating_sub(pending)))
        }
        Err(error) if fault(&error) == Fault::Interrupted => Ok(None),
        Err(error) => Err(WriteError::Io(error)),
    }
}

/// Judges a flush. Returns false if it was interrupted.
pub(crate) fn after_flush<E>(result: Result<(), E>, fault: fn(&E) -> Fault) -> Result<bool, WriteError<E>> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if fault(&error) == Fault::Interrupted => Ok(false),
        Err(error) => Err(WriteError::Io(error)),
    }
}
