//! Messages as they come in: `u16` big-endian length, message.

use ringframe::formats::{self, U16Be};
use ringframe::{DecodeError, Decoder, Event, Format, Limited};

use crate::copy::copy;

/// Length of the length, bytes.
pub(super) const PREFIX: usize = 2;

/// Puts one message after another together, each of at most `N` bytes, from chunks that are cut anywhere.
///
/// The decoder's store holds a length only, so every message streams through it, into a buffer where it can be
/// decrypted in place; and a length that can't be is refused before any of the message is waited for.
pub(super) struct Inbox<const N: usize> {
    decoder: Decoder<Limited<U16Be>, [u8; PREFIX]>,
    message: [u8; N],
    /// How much of the message under way is there.
    have: usize,
}

impl<const N: usize> Inbox<N> {
    pub(super) fn new() -> Self {
        let format = formats::U16_BE.with_limit((PREFIX + N) as u64);
        Self { decoder: Decoder::new(format, [0; PREFIX]), message: [0; N], have: 0 }
    }

    /// The next message, in place; `None`: all of `input` is used. One shorter than `min`, or longer than `N`, is an
    /// error: its length.
    pub(super) fn next(&mut self, input: &mut &[u8], min: usize) -> Result<Option<&mut [u8]>, u16> {
        loop {
            match self.decoder.next_event(input) {
                Ok(None) => return Ok(None),
                Ok(Some(Event::Begin { payload, .. })) if payload < min as u64 => {
                    return Err(length(payload));
                }
                Ok(Some(Event::Begin { .. })) => self.have = 0,
                Ok(Some(Event::Data(piece))) => {
                    let room = self.message.get_mut(self.have..).unwrap_or_default();
                    self.have = self.have.saturating_add(copy(room, piece));
                }
                Ok(Some(Event::End)) => return Ok(self.message.get_mut(..self.have)),
                // What fits the decoder's store is the length alone.
                Ok(Some(Event::Frame(frame))) => return Err(length(frame.payload().len() as u64)),
                Err(DecodeError::TooLong { declared, .. }) => {
                    return Err(length(declared.saturating_sub(PREFIX as u64)));
                }
                // This format has no other.
                Err(_) => return Err(u16::MAX),
            }
        }
    }

    /// What the last message became.
    pub(super) fn message(&self) -> &[u8] {
        &self.message
    }

    /// How many bytes are missing at least until there is something to say.
    pub(super) fn need(&self) -> usize {
        self.decoder.missing()
    }
}

fn length(declared: u64) -> u16 {
    u16::try_from(declared).unwrap_or(u16::MAX)
}
