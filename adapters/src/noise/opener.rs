//! The receiving direction of a link: messages are opened.

use core::fmt;
use core::ops::Range;

use ringframe::Store;

use super::inbox::{Inbox, WrongLength};
use super::{Cipher, LinkError, NO_NONCE, StoreTooSmall, TAG, receive_store};

/// The receiving direction of a link. It gives out the plaintext of messages, one by one, once it is authenticated.
///
/// `S` is the [`Store`] that holds one message, which is decrypted where it lies. See
/// [`Session::split`](super::Session::split) for its size.
pub struct Opener<S> {
    cipher: Cipher,
    inbox: Inbox<S>,
    state: State,
}

/// What is awaited.
#[derive(Clone, Debug)]
enum State {
    /// The rest of a message, or the next.
    Message,
    /// That the rest of a message's plaintext, which is in the inbox, is taken.
    Plaintext(Range<usize>),
    /// The end of the stream.
    Ended,
    /// Nothing.
    Failed(LinkError),
}

/// What an [`Opener`] has.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened<'o> {
    /// Plaintext, never empty. It stays until it is [consumed](Opener::consume).
    Data(&'o [u8]),
    /// Nothing yet. All of the input is used, and at least this many bytes are missing.
    Missing(usize),
    /// The peer has ended its direction. Only the end of the stream may follow: see [`Opener::end_of_input`].
    End,
}

impl<'o> Opened<'o> {
    /// Returns the plaintext, if there is some.
    pub const fn data(self) -> Option<&'o [u8]> {
        match self {
            Self::Data(data) => Some(data),
            Self::Missing(_) | Self::End => None,
        }
    }
}

/// The smallest store: for messages with one byte of plaintext.
pub(super) const MIN_STORE: usize = receive_store(1);

pub(super) const fn check_store(store: usize) -> Result<(), StoreTooSmall> {
    if store < MIN_STORE { Err(StoreTooSmall { store, needed: MIN_STORE }) } else { Ok(()) }
}

impl<S: Store> Opener<S> {
    /// The caller has checked the store.
    pub(super) fn new(cipher: Cipher, store: S) -> Self {
        Self { cipher, inbox: Inbox::new(store), state: State::Message }
    }

    /// Returns what is there, after using as much of `input` as that takes. The input may be cut anywhere.
    ///
    /// # Errors
    /// [`LinkError`]. An invalid length is one before any of the message is waited for. Every later call
    /// repeats it.
    pub fn open(&mut self, input: &mut &[u8]) -> Result<Opened<'_>, LinkError> {
        if let State::Message = self.state {
            self.state = self.next(input).unwrap_or_else(State::Failed);
        }
        if let (State::Ended, false) = (&self.state, input.is_empty()) {
            self.state = State::Failed(LinkError::AfterEnd);
        }
        match &self.state {
            State::Message => Ok(Opened::Missing(self.inbox.missing())),
            State::Plaintext(left) => {
                Ok(Opened::Data(self.inbox.store().get(left.clone()).unwrap_or_default()))
            }
            State::Ended => Ok(Opened::End),
            State::Failed(error) => Err(*error),
        }
    }

    fn next(&mut self, input: &mut &[u8]) -> Result<State, LinkError> {
        let limit = self.inbox.largest() as u16;
        let message = match self.inbox.next(input, TAG) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(State::Message),
            Err(WrongLength(declared)) => return Err(LinkError::Length { declared, limit }),
        };
        if self.cipher.get_nonce() == NO_NONCE {
            return Err(LinkError::Exhausted);
        }
        let len = message.len();
        match self.cipher.decrypt_with_ad_in_place(&[], message, len) {
            Ok(0) => Ok(State::Ended),
            Ok(n) => Ok(State::Plaintext(0..n)),
            Err(_) => Err(LinkError::Authentication),
        }
    }

    /// Takes the first `n` bytes of the plaintext, or all if there are fewer. [`open`](Self::open) returns the rest
    /// next.
    pub fn consume(&mut self, n: usize) {
        if let State::Plaintext(left) = &mut self.state {
            left.start = left.start.saturating_add(n);
            if left.start >= left.end {
                self.state = State::Message;
            }
        }
    }

    /// Tells how the stream ended. It changes nothing.
    ///
    /// # Errors
    /// [`LinkError::Truncated`] if the peer had not ended its direction, or if not all of its plaintext was consumed.
    /// Else whatever went wrong before.
    pub const fn end_of_input(&self) -> Result<(), LinkError> {
        match self.state {
            State::Ended => Ok(()),
            State::Failed(error) => Err(error),
            State::Message | State::Plaintext(_) => Err(LinkError::Truncated),
        }
    }

    /// Returns the store, for example to lend it to the next link. It may still hold plaintext, and what of that was
    /// not consumed is lost.
    pub fn into_store(self) -> S {
        self.inbox.into_store()
    }
}

impl<S> fmt::Debug for Opener<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("state", &self.state).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{MAX_MESSAGE, Sealer, send_store};

    fn at_nonce(nonce: u64) -> Cipher {
        Cipher::new(&[7; 32], nonce)
    }

    /// The last nonce is never used: the second message from the end of a key's life is its last.
    #[test]
    fn used_up_keys_end_the_link() {
        let mut sealer = Sealer::new(at_nonce(NO_NONCE - 1), [0; send_store(100)]);
        let mut opener = Opener::new(at_nonce(NO_NONCE - 1), [0; MAX_MESSAGE]);
        assert_eq!(sealer.seal(b"last"), Ok(4));
        assert_eq!(sealer.seal(b"more"), Err(LinkError::Exhausted));
        assert_eq!(sealer.end(), Err(LinkError::Exhausted));
        assert_eq!(sealer.pending().len(), 2 + 4 + TAG);
        let mut forged = [0; 2 + TAG];
        forged[1] = 16;
        let wire = [sealer.pending(), &forged].concat();
        let mut input = &wire[..];
        assert_eq!(opener.open(&mut input), Ok(Opened::Data(b"last")));
        opener.consume(4);
        assert_eq!(opener.open(&mut input), Err(LinkError::Exhausted));
        assert_eq!(opener.end_of_input(), Err(LinkError::Exhausted));
    }
}
