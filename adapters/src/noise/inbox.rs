//! Messages as they come in: `u16` big-endian length, message.

use ringframe::formats::{self, U16Be};
use ringframe::{DecodeError, Decoder, Event, Format, Limited, Store};

use super::{MAX_MESSAGE, PREFIX};
use crate::copy::copy;

/// Puts one message after another together in a store, from chunks that are cut anywhere.
///
/// The decoder's own store holds a length only. So every message streams through it, into the memory where it is
/// decrypted in place, and an invalid length is refused before any of the message is waited for.
pub(super) struct Inbox<S> {
    decoder: Decoder<Limited<U16Be>, [u8; PREFIX]>,
    store: S,
    /// How much of the message under way is there.
    have: usize,
}

/// A message of this length was announced, which is too short or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongLength(pub(super) u16);

impl<S: Store> Inbox<S> {
    /// Takes messages of at most [`MAX_MESSAGE`] bytes, or less if the store is smaller.
    pub(super) fn new(store: S) -> Self {
        let largest = store.as_ref().len().min(MAX_MESSAGE);
        let format = formats::U16_BE.with_limit((PREFIX + largest) as u64);
        Self { decoder: Decoder::new(format, [0; PREFIX]), store, have: 0 }
    }

    /// Returns the next message, to be changed in place, or `None` once all of `input` is used. One shorter than
    /// `min`, or longer than the store, is an error.
    pub(super) fn next(&mut self, input: &mut &[u8], min: usize) -> Result<Option<&mut [u8]>, WrongLength> {
        loop {
            match self.decoder.next_event(input) {
                Ok(None) => return Ok(None),
                Ok(Some(Event::Begin { payload, .. })) if payload < min as u64 => {
                    return Err(wrong(payload));
                }
                Ok(Some(Event::Begin { .. })) => self.have = 0,
                Ok(Some(Event::Data(piece))) => {
                    let room = self.store.as_mut().get_mut(self.have..).unwrap_or_default();
                    self.have = self.have.saturating_add(copy(room, piece));
                }
                Ok(Some(Event::End)) => return Ok(self.store.as_mut().get_mut(..self.have)),
                // The decoder's store has room for a length alone, so this is one of 0.
                Ok(Some(Event::Frame(frame))) => return Err(wrong(frame.payload().len() as u64)),
                Err(DecodeError::TooLong { declared, .. }) => {
                    return Err(wrong(declared.saturating_sub(PREFIX as u64)));
                }
                // This format has no other error.
                Err(_) => return Err(wrong(u64::MAX)),
            }
        }
    }

    /// Returns the memory that messages are in.
    pub(super) fn store(&self) -> &[u8] {
        self.store.as_ref()
    }

    pub(super) fn into_store(self) -> S {
        self.store
    }

    /// Returns the length of the longest message.
    pub(super) fn largest(&self) -> usize {
        self.store.as_ref().len().min(MAX_MESSAGE)
    }

    /// Returns how many bytes are missing at least until `next` has something to say.
    pub(super) fn missing(&self) -> usize {
        self.decoder.missing()
    }
}

fn wrong(declared: u64) -> WrongLength {
    WrongLength(u16::try_from(declared).unwrap_or(u16::MAX))
}
