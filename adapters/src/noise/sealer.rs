//! The sending direction of a link: messages are sealed.

use core::fmt;
use core::ops::Range;

use ringframe::{Store, encode_header, formats};

#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
use super::transport::{Called, Fault, Turn};
use super::{Cipher, LinkError, MAX_PLAINTEXT, NO_NONCE, OVERHEAD, PREFIX, StoreTooSmall, TAG, send_store};
use crate::copy::copy;

/// The sending direction of a link. It makes messages of plaintext.
///
/// They wait in `S`, a [`Store`] whose size decides how large they are. See
/// [`Session::split`](super::Session::split).
pub struct Sealer<S> {
    cipher: Cipher,
    store: S,
    /// What of the store is to be sent.
    pending: Range<usize>,
    /// The most plaintext in a message.
    max_plaintext: usize,
    ended: bool,
}

/// The smallest store: for a message with one byte of plaintext, and the end.
pub(super) const MIN_STORE: usize = send_store(1);

pub(super) const fn check_store(store: usize) -> Result<(), StoreTooSmall> {
    if store < MIN_STORE { Err(StoreTooSmall { store, needed: MIN_STORE }) } else { Ok(()) }
}

impl<S: Store> Sealer<S> {
    /// The caller has checked the store.
    pub(super) fn new(cipher: Cipher, store: S) -> Self {
        Self { cipher, store, pending: 0..0, max_plaintext: MAX_PLAINTEXT, ended: false }
    }

    /// From now on puts at most this many bytes of plaintext into one message, for a peer that receives into a
    /// smaller store. The link allows 1 to [`MAX_PLAINTEXT`]; the nearest of these is taken.
    pub fn set_max_plaintext(&mut self, bytes: usize) {
        self.max_plaintext = bytes.clamp(1, MAX_PLAINTEXT);
    }

    /// Queues messages with the first bytes of `plaintext`, as many as there is room for. Returns how many bytes
    /// that is. If it is 0, send what is [pending](Self::pending) first.
    ///
    /// # Errors
    /// [`LinkError::Ended`], [`LinkError::Exhausted`]. Nothing is queued then.
    pub fn seal(&mut self, plaintext: &[u8]) -> Result<usize, LinkError> {
        self.seal_parts([plaintext])
    }

    /// Does the same with plaintext in parts, which are joined: short ones leave in one message.
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
            let mut len: usize = 0;
            let mut room = self.plaintext_room();
            while !room.is_empty() {
                if part.is_empty() {
                    let Some(next) = parts.next() else { break };
                    part = next;
                }
                let n = copy(room, part);
                part = part.get(n..).unwrap_or_default();
                room = room.get_mut(n..).unwrap_or_default();
                len = len.saturating_add(n);
            }
            // An empty message would be the end.
            if len == 0 {
                return Ok(total);
            }
            match self.finish_message(len) {
                Ok(()) => total = total.saturating_add(len),
                // The next call says so.
                Err(_) if total > 0 => return Ok(total),
                Err(error) => return Err(error),
            }
        }
    }

    /// Queues the end of this direction. Send it, then half-close the transport. Called again, it does nothing.
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

    /// Returns what is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.store.as_ref().get(self.pending.clone()).unwrap_or_default()
    }

    /// Counts the first `n` bytes of it as sent.
    pub fn advance(&mut self, n: usize) {
        self.pending.start = self.pending.start.saturating_add(n);
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
    }

    /// Takes what came of writing what is pending.
    #[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
    pub(super) fn wrote<E>(&mut self, called: Called<usize, E>) -> Result<Turn, Fault<E>> {
        let Some(n) = called.written(self.pending().len())? else { return Ok(Turn::Interrupted) };
        self.advance(n);
        Ok(Turn::GoOn)
    }

    /// Returns how many bytes of plaintext the next message has room for. There is none, or little, until what is
    /// pending was sent.
    pub fn free(&self) -> usize {
        let free = self.store.as_ref().len().saturating_sub(self.pending.end);
        // This message's own, and the end's.
        free.saturating_sub(2 * OVERHEAD).min(self.max_plaintext)
    }

    /// Returns the store, for example to lend it to the next link. What is pending is lost.
    pub fn into_store(self) -> S {
        self.store
    }

    /// Returns where the plaintext of the next message is put together.
    fn plaintext_room(&mut self) -> &mut [u8] {
        let start = self.pending.end.saturating_add(PREFIX);
        let end = start.saturating_add(self.free());
        self.store.as_mut().get_mut(start..end).unwrap_or_default()
    }

    /// Makes a message of the first `len` bytes there.
    fn finish_message(&mut self, len: usize) -> Result<(), LinkError> {
        if self.cipher.get_nonce() == NO_NONCE {
            return Err(LinkError::Exhausted);
        }
        let sealed = len.saturating_add(TAG);
        let end = self.pending.end.saturating_add(PREFIX).saturating_add(sealed);
        // There is room for it, unless the store has changed its length.
        let room = self.store.as_mut().get_mut(self.pending.end..end);
        let Some((prefix, message)) = room.and_then(|room| room.split_at_mut_checked(PREFIX)) else {
            return Err(LinkError::Exhausted);
        };
        let header = encode_header(&formats::U16_BE, &[], sealed as u64, prefix);
        match (header, self.cipher.encrypt_with_ad_in_place(&[], message, len)) {
            (Ok(_), Ok(_)) => {
                self.pending.end = end;
                Ok(())
            }
            // Impossible: there is room, and the nonce is a good one.
            _ => Err(LinkError::Exhausted),
        }
    }
}

impl<S> fmt::Debug for Sealer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pending, ended, .. } = self;
        f.debug_struct("Sealer").field("pending", pending).field("ended", ended).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_are_used_up_half_way_take_what_they_can() {
        let cipher = Cipher::new(&[7; 32], NO_NONCE - 2);
        let mut sealer = Sealer::new(cipher, [0; 20_000]);
        assert_eq!(sealer.seal(&[7; 3 * MAX_PLAINTEXT]), Ok(2 * MAX_PLAINTEXT));
        assert_eq!(sealer.seal(&[7; MAX_PLAINTEXT]), Err(LinkError::Exhausted));
    }
}
