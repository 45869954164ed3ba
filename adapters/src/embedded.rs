//! What the adapters for embedded-io share, the blocking one and the asynchronous one: here, what came of a call to
//! the transport and which bytes are next; in [`adapter`], the rest.

mod adapter;

use ::embedded_io::{Error, ErrorKind};
use ringframe::{Decoder, EncodeError, Encoder, Format, Store};

pub(crate) use adapter::{adapter, reading, writing};

use crate::{ReadError, WriteError, incoming, outgoing};

// What came of a call to the transport. `Interrupted` means once more.

/// After a read into the decoder's space; `false`: the stream ended between frames.
pub(crate) fn arrived<E: Error, F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
    result: Result<usize, E>,
) -> Result<bool, ReadError<E>> {
    match result {
        Ok(0) => Ok(decoder.end_of_input().map(|()| false)?),
        Ok(n) => Ok(decoder.filled(n).map(|()| true)?),
        Err(error) if is_interrupted(&error) => Ok(true),
        Err(error) => Err(ReadError::Io(error)),
    }
}

/// After a read of unframed bytes to [`incoming::space`]: how many of them are in a `buf` of that length, 0 at
/// the end; `None`: what arrived is not there, or nothing arrived.
pub(crate) fn arrived_raw<E: Error, F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
    buf: usize,
    result: Result<usize, E>,
) -> Result<Option<usize>, ReadError<E>> {
    match result {
        // Not the end that was meant, if a payload that is being skipped is not complete.
        Ok(0) => Ok(decoder.end_of_input().map(|()| Some(0))?),
        Ok(n) => Ok(incoming::arrived(decoder, buf, n).map(|n| Some(n).filter(|&n| n > 0))?),
        Err(error) if is_interrupted(&error) => Ok(None),
        Err(error) => Err(ReadError::Io(error)),
    }
}

/// After a write of [`next`], which was of that length: what is left of `direct`.
pub(crate) fn wrote<'a, E: Error, F: Format, B: Store>(
    encoder: &mut Encoder<F, B>,
    direct: &'a [u8],
    offered: usize,
    result: Result<usize, E>,
) -> Result<&'a [u8], WriteError<E>> {
    match result {
        Ok(0) => Err(WriteError::WriteZero),
        Ok(n) if n > offered => Err(EncodeError::Overrun { given: n, left: offered as u64 }.into()),
        Ok(n) => Ok(outgoing::sent(encoder, direct, n)?),
        Err(error) if is_interrupted(&error) => Ok(direct),
        Err(error) => Err(WriteError::Io(error)),
    }
}

/// After a flush; `false`: once more.
pub(crate) fn flushed<E: Error>(result: Result<(), E>) -> Result<bool, WriteError<E>> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_interrupted(&error) => Ok(false),
        Err(error) => Err(WriteError::Io(error)),
    }
}

/// After the question whether the transport is ready; interrupted, it is not, now.
pub(crate) fn ready<E: Error>(result: Result<bool, E>) -> Result<bool, E> {
    match result {
        Err(error) if is_interrupted(&error) => Ok(false),
        result => result,
    }
}

fn is_interrupted(error: &impl Error) -> bool {
    error.kind() == ErrorKind::Interrupted
}

/// The bytes of the next write: those that are pending, then `direct`, which belongs to an announced payload.
/// There are no vectored writes; but a ring that has room behind its bytes, as one that was empty has, offers
/// them in one piece. `None`: all are written.
pub(crate) fn next<'a, F: Format, B: Store>(
    encoder: &'a Encoder<F, B>,
    direct: &'a [u8],
) -> Option<&'a [u8]> {
    let (pending, _) = encoder.pending();
    let bytes = if pending.is_empty() { direct } else { pending };
    if bytes.is_empty() { None } else { Some(bytes) }
}

/// Whether some of a payload's next bytes can be fed without writing first. Those behind the announced length
/// are refused: an answer of 0 would make `write_all` panic.
pub(crate) fn has_room<F: Format, B: Store>(
    encoder: &Encoder<F, B>,
    bytes: &[u8],
) -> Result<bool, EncodeError> {
    match encoder.left() {
        0 if !bytes.is_empty() => Err(EncodeError::Overrun { given: bytes.len(), left: 0 }),
        _ => Ok(bytes.is_empty() || outgoing::has_room(encoder)),
    }
}
