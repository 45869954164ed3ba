//! Reading without I/O: where a transport is to read to, and what its answer means. All readers are loops
//! around these functions.
//!
//! There are three loops, and each asks before it reads whether there is something to take:
//!
//! | to get | take | read to | then call |
//! |---|---|---|---|
//! | a frame or an event | `Decoder::poll` | `Decoder::space` | [`after_read`] |
//! | some of a payload | [`take_payload`] | [`payload_space`] | [`after_payload_read`] |
//! | unframed bytes | [`take_unframed`] | [`unframed_space`] | [`after_unframed_read`] |

use ringframe::{DecodeError, Decoder, Event, Format, Store, Trailer};

use crate::ReadError;
use crate::copy::copy;
use crate::error::Fault;

/// What a read was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// So many bytes, not none, are where the caller wants them.
    Taken(usize),
    /// The stream ended, between frames.
    End,
    /// Bytes arrived in the store: ask again what there is to take.
    Stored,
    /// The call was interrupted: make it again.
    Interrupted,
}

/// Judges a read into the decoder's space.
pub(crate) fn after_read<F: Format, B: Store, E>(
    decoder: &mut Decoder<F, B>,
    result: Result<usize, E>,
    fault: fn(&E) -> Fault,
) -> Result<After, ReadError<E>> {
    match result {
        Ok(0) => {
            decoder.end_of_input()?;
            Ok(After::End)
        }
        Ok(n) => {
            decoder.filled(n)?;
            Ok(After::Stored)
        }
        Err(error) => failed(error, fault),
    }
}

fn failed<E>(error: E, fault: fn(&E) -> Fault) -> Result<After, ReadError<E>> {
    match fault(&error) {
        Fault::Interrupted => Ok(After::Interrupted),
        Fault::CutOff => Err(ReadError::CutOff(error)),
        Fault::Other => Err(ReadError::Io(error)),
    }
}

/// Leaves a payload that was not read to its end. Returns true if its trailer is still to be awaited and compared,
/// because all of its bytes were taken, and nobody was told yet that it is wrong: then fill the store and call
/// [`end_payload`].
#[inline(always)]
pub(crate) fn leave_payload<F: Format, B: Store>(decoder: &mut Decoder<F, B>, has_told: &mut bool) -> bool {
    if <F::Trailer as Trailer>::MAX_LEN > 0 {
        if decoder.is_streaming() && decoder.left() == 0 && !*has_told {
            return true;
        }
        *has_told = false;
    }
    decoder.discard();
    false
}

/// Takes the end of a payload, for which its trailer is compared.
pub(crate) fn end_payload<F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
    has_told: &mut bool,
) -> Result<bool, DecodeError> {
    let end = decoder.take_event().map(|event| matches!(event, Some(Event::End)));
    *has_told = end.is_err();
    end
}

/// Moves what is buffered of a payload to `buf`, which is not empty. Returns `Some(0)` at its end, and `None`
/// if more must be read.
pub(crate) fn take_payload<F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
    has_told: &mut bool,
    buf: &mut [u8],
) -> Result<Option<usize>, DecodeError> {
    let n = copy(buf, decoder.take_payload(buf.len()));
    if n > 0 {
        end_without_trailer(decoder)?;
        return Ok(Some(n));
    }
    let has_ended = !decoder.is_streaming() || end_payload(decoder, has_told)?;
    Ok(has_ended.then_some(0))
}

/// Ends a payload whose last byte was taken, unless a trailer follows, which the next call compares.
pub(crate) fn end_without_trailer<F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
) -> Result<(), DecodeError> {
    if decoder.left() == 0 && decoder.format().trailer_len() == 0 {
        decoder.take_event()?;
    }
    Ok(())
}

/// Returns where the next bytes of a payload are to be read to, of which none is buffered: straight to the
/// caller, if that is at least as much as the store has room for.
pub(crate) fn payload_space<'a, F: Format, B: Store>(
    decoder: &'a mut Decoder<F, B>,
    buf: &'a mut [u8],
) -> &'a mut [u8] {
    match direct(decoder, buf.len()) {
        Some(len) => buf.get_mut(..len).unwrap_or_default(),
        None => decoder.space(),
    }
}

/// Returns how many bytes of a payload are read straight to a buffer of this length, if any.
fn direct<F: Format, B: Store>(decoder: &Decoder<F, B>, len: usize) -> Option<usize> {
    let left = usize::try_from(decoder.left()).unwrap_or(usize::MAX);
    Some(len.min(left)).filter(|&len| len >= decoder.capacity())
}

/// Judges a read to [`payload_space`].
pub(crate) fn after_payload_read<F: Format, B: Store, E>(
    decoder: &mut Decoder<F, B>,
    buf: &[u8],
    result: Result<usize, E>,
    fault: fn(&E) -> Fault,
) -> Result<After, ReadError<E>> {
    let n = match (result, direct(decoder, buf.len())) {
        (Ok(n @ 1..), Some(offered)) if n > offered => {
            return Err(ReadError::Overrun { claimed: n, offered });
        }
        (Ok(n @ 1..), Some(_)) => n,
        (result, _) => return after_read(decoder, result, fault),
    };
    let mut arrived = buf.get(..n).unwrap_or_default();
    decoder.next_event(&mut arrived)?;
    end_without_trailer(decoder)?;
    Ok(After::Taken(n))
}

/// Moves what is buffered to `buf`, without looking for frames in it. Returns how much that is.
pub(crate) fn take_unframed<F: Format, B: Store>(decoder: &mut Decoder<F, B>, buf: &mut [u8]) -> usize {
    copy(buf, decoder.take_unframed(buf.len()))
}

/// Returns where the next unframed bytes are to be read to, while nothing is buffered: straight to the
/// caller. Only a payload that is skipped first goes through the store.
pub(crate) fn unframed_space<'a, F: Format, B: Store>(
    decoder: &'a mut Decoder<F, B>,
    buf: &'a mut [u8],
) -> &'a mut [u8] {
    if decoder.is_mid_frame() { decoder.space() } else { buf }
}

/// Judges a read to [`unframed_space`]. `len` is the length of the caller's buffer.
pub(crate) fn after_unframed_read<F: Format, B: Store, E>(
    decoder: &mut Decoder<F, B>,
    len: usize,
    result: Result<usize, E>,
    fault: fn(&E) -> Fault,
) -> Result<After, ReadError<E>> {
    match result {
        Ok(n @ 1..) if !decoder.is_mid_frame() => {
            if n > len {
                Err(ReadError::Overrun { claimed: n, offered: len })
            } else {
                Ok(After::Taken(n))
            }
        }
        result => after_read(decoder, result, fault),
    }
}
