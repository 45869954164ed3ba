//! The link behind the handshake, one direction each: messages are opened, and sealed.

use core::fmt;
use core::ops::Range;

use ringframe::{encode_header, formats};

use super::inbox::{Inbox, PREFIX};
use super::{Cipher, LinkError, MAX_MESSAGE, MAX_PLAINTEXT, TAG};
use crate::copy::copy;

/// What one message takes beside its plaintext, bytes.
const OVERHEAD: usize = PREFIX + TAG;

/// The nonce that the Noise specification reserves (revision 34, section 5.1): no message has it.
const NO_NONCE: u64 = u64::MAX;

/// The receiving direction of a link: gives out the plaintext of messages, one by one, once it is authenticated.
///
/// The largest message is decrypted where it lies: there is one buffer, for that.
pub struct Opener {
    cipher: Cipher,
    inbox: Inbox<MAX_MESSAGE>,
    state: State,
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Opener>() <= 4240 && size_of::<Sealer<37>>() <= 37 + 80);

/// What is awaited.
#[derive(Clone, Debug)]
enum State {
    /// The rest of a message, or the next.
    Message,
    /// That the rest of a message's plaintext, there in the inbox, is taken.
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
    /// Plaintext, never empty. It is there until it is [consumed](Opener::consume).
    Data(&'o [u8]),
    /// Nothing yet: all of the input is used, and at least that many bytes more are needed.
    Need(usize),
    /// The peer has ended its direction. Only the end of the stream may follow: ask [`Opener::finish`] then.
    End,
}

impl<'o> Opened<'o> {
    /// The plaintext, if that is what it is.
    pub const fn data(self) -> Option<&'o [u8]> {
        match self {
            Self::Data(data) => Some(data),
            Self::Need(_) | Self::End => None,
        }
    }
}

impl Opener {
    pub(super) fn new(cipher: Cipher) -> Self {
        Self { cipher, inbox: Inbox::new(), state: State::Message }
    }

    /// What is there, after as much of `input`, which may be cut anywhere, was used as that takes.
    ///
    /// # Errors
    /// [`LinkError`]; a length that can't be is one before any of the message is waited for. Every later call repeats
    /// it.
    pub fn open(&mut self, input: &mut &[u8]) -> Result<Opened<'_>, LinkError> {
        if let State::Message = self.state {
            self.state = self.next(input).unwrap_or_else(State::Failed);
        }
        if let (State::Ended, false) = (&self.state, input.is_empty()) {
            self.state = State::Failed(LinkError::AfterEnd);
        }
        match &self.state {
            State::Message => Ok(Opened::Need(self.inbox.need())),
            State::Plaintext(left) => {
                Ok(Opened::Data(self.inbox.message().get(left.clone()).unwrap_or_default()))
            }
            State::Ended => Ok(Opened::End),
            State::Failed(error) => Err(*error),
        }
    }

    fn next(&mut self, input: &mut &[u8]) -> Result<State, LinkError> {
        let message = match self.inbox.next(input, TAG) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(State::Message),
            Err(declared) => return Err(LinkError::Length { declared }),
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

    /// Takes the first `n` bytes of the plaintext, or all, off what [`open`](Self::open) gives next.
    pub fn consume(&mut self, n: usize) {
        if let State::Plaintext(left) = &mut self.state {
            left.start = left.start.saturating_add(n);
            if left.start >= left.end {
                self.state = State::Message;
            }
        }
    }

    /// The end of the stream.
    ///
    /// # Errors
    /// [`LinkError::Truncated`] if the peer had not ended its direction, or not all of its plaintext was consumed;
    /// else whatever went wrong before.
    pub fn finish(&mut self) -> Result<(), LinkError> {
        match self.state {
            State::Ended => Ok(()),
            State::Failed(error) => Err(error),
            State::Message | State::Plaintext(_) => {
                self.state = State::Failed(LinkError::Truncated);
                Err(LinkError::Truncated)
            }
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("state", &self.state).finish_non_exhaustive()
    }
}

/// The sending direction of a link: makes messages of plaintext.
///
/// They wait in a store of `N` bytes, which decides how large they are: by default it holds one of the largest. On a
/// device with less memory a smaller one does, since each message takes only 18 bytes beside its plaintext. As many
/// are always kept for the end of the direction, so at least 37 are needed.
pub struct Sealer<const N: usize = { OVERHEAD + MAX_PLAINTEXT + OVERHEAD }> {
    cipher: Cipher,
    store: [u8; N],
    /// What of it is to be sent.
    pending: Range<usize>,
    ended: bool,
}

impl<const N: usize> Sealer<N> {
    pub(super) fn new(cipher: Cipher) -> Self {
        const { assert!(N > 2 * OVERHEAD, "the store can't hold a message and the end") };
        Self { cipher, store: [0; N], pending: 0..0, ended: false }
    }

    /// Queues messages with the first bytes of `plaintext`, as many as there is room for, and answers how many bytes
    /// that is. 0: send what is [pending](Self::pending) first.
    ///
    /// # Errors
    /// [`LinkError::Ended`], [`LinkError::Exhausted`]. Nothing is queued then.
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<usize, LinkError> {
        self.seal_parts([plaintext])
    }

    /// The same of plaintext in parts, which are joined: short ones leave in one message.
    ///
    /// # Errors
    /// Those of [`seal`](Self::seal).
    pub fn seal_parts<'p>(&mut self, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<usize, LinkError> {
        if self.ended {
            return Err(LinkError::Ended);
        }
        let mut parts = parts.into_iter();
        let mut part: &[u8] = &[];
        let mut total: usize = 0;
        loop {
            let mut len = 0;
            let mut room = self.plaintext_room();
            while !room.is_empty() {
                if part.is_empty() {
                    let Some(next) = parts.next() else { break };
                    part = next;
                }
                let n = copy(room, part);
                part = part.split_at(n).1;
                room = room.split_at_mut(n).1;
                len += n;
            }
            // An empty message would be the end.
            if len == 0 {
                return Ok(total);
            }
            match self.finish_message(len) {
                Ok(()) => total += len,
                // The next call says so.
                Err(_) if total > 0 => return Ok(total),
                Err(error) => return Err(error),
            }
        }
    }

    /// Queues the end of this direction; send it, then half-close the transport. Called again, it does nothing.
    ///
    /// # Errors
    /// [`LinkError::Exhausted`].
    pub fn end(&mut self) -> Result<(), LinkError> {
        if !self.ended {
            self.finish_message(0)?;
            self.ended = true;
        }
        Ok(())
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.store.get(self.pending.clone()).unwrap_or_default()
    }

    /// Counts the first `n` bytes of it as sent.
    pub fn advance(&mut self, n: usize) {
        self.pending.start = self.pending.start.saturating_add(n);
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
    }

    /// How many bytes of plaintext the next message has room for: none, or little, until what is pending was sent.
    pub fn free(&self) -> usize {
        N.saturating_sub(self.pending.end).saturating_sub(OVERHEAD + OVERHEAD).min(MAX_PLAINTEXT)
    }

    /// Where the plaintext of the next message is put together.
    fn plaintext_room(&mut self) -> &mut [u8] {
        let (at, len) = (self.pending.end + PREFIX, self.free());
        self.store.get_mut(at..at + len).unwrap_or_default()
    }

    /// Makes a message of the first `len` bytes there.
    fn finish_message(&mut self, len: usize) -> Result<(), LinkError> {
        if self.cipher.get_nonce() == NO_NONCE {
            return Err(LinkError::Exhausted);
        }
        let (_, free) = self.store.split_at_mut(self.pending.end);
        let header = encode_header(&formats::U16_BE, &[], (len + TAG) as u64, free);
        let message = free.get_mut(PREFIX..).unwrap_or_default();
        match (header, self.cipher.encrypt_with_ad_in_place(&[], message, len)) {
            (Ok(header), Ok(sealed)) => {
                self.pending.end += header + sealed;
                Ok(())
            }
            // Neither can be: there is room, and the nonce is a good one.
            _ => Err(LinkError::Exhausted),
        }
    }
}

impl<const N: usize> fmt::Debug for Sealer<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending, ended, .. } = self;
        f.debug_struct("Sealer").field("pending", pending).field("ended", ended).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_nonce(nonce: u64) -> Cipher {
        Cipher::new(&[7; 32], nonce)
    }

    /// The last nonce is never used: the second message from the end of a key's life is its last.
    #[test]
    fn used_up_keys_end_the_link() {
        let mut sealer = Sealer::<1000>::new(at_nonce(NO_NONCE - 1));
        let mut opener = Opener::new(at_nonce(NO_NONCE - 1));
        assert_eq!(sealer.seal(b"last"), Ok(4));
        assert_eq!(sealer.seal(b"more"), Err(LinkError::Exhausted));
        assert_eq!(sealer.end(), Err(LinkError::Exhausted));
        assert_eq!(sealer.pending().len(), OVERHEAD + 4);
        let mut forged = [0; OVERHEAD];
        forged[1] = 16;
        let wire = [sealer.pending(), &forged].concat();
        let mut input = &wire[..];
        assert_eq!(opener.open(&mut input), Ok(Opened::Data(b"last")));
        opener.consume(4);
        assert_eq!(opener.open(&mut input), Err(LinkError::Exhausted));
        assert_eq!(opener.finish(), Err(LinkError::Exhausted));
    }

    #[test]
    fn keys_that_are_used_up_half_way_take_what_they_can() {
        let mut sealer = Sealer::<20_000>::new(at_nonce(NO_NONCE - 2));
        assert_eq!(sealer.seal(&[7; 3 * MAX_PLAINTEXT]), Ok(2 * MAX_PLAINTEXT));
        assert_eq!(sealer.seal(&[7; MAX_PLAINTEXT]), Err(LinkError::Exhausted));
    }
}
