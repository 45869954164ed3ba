//! What comes of a handshake.

use core::fmt;

use ringframe::Store;

use super::{Cipher, Opener, Sealer, StoreTooSmall, opener, sealer};

/// The keys of a link, from its [`Handshake`](super::Handshake).
pub struct Session {
    receive: Cipher,
    send: Cipher,
}

impl Session {
    pub(super) const fn new(receive: Cipher, send: Cipher) -> Self {
        Self { receive, send }
    }

    /// Returns the two directions, each with the array that is its memory. They know nothing of each other, so each
    /// can go to a task of its own.
    ///
    /// - `receive` holds the largest message that may arrive. [`receive_store`](super::receive_store) computes its
    ///   size from that of the plaintext, and [`MAX_MESSAGE`](super::MAX_MESSAGE) is enough for every peer. With
    ///   less memory the peer must be configured to send smaller messages: a larger one is
    ///   [`LinkError::Length`](super::LinkError::Length), as soon as its length is there.
    /// - `send` decides how large the messages are that this side sends, which is no concern of the peer's.
    ///   [`send_store`](super::send_store) computes its size.
    ///
    /// Arrays are moved. On a device use [`try_split`](Self::try_split) with slices that are lent.
    ///
    /// A store that can't hold a single byte does not compile:
    /// ```compile_fail
    /// # fn split(session: ringframe_io::noise::Session) {
    /// session.split([0; 16], [0; 37]); // one byte more is needed to receive
    /// # }
    /// # let _: fn(_) = split;
    /// ```
    pub fn split<const R: usize, const S: usize>(
        self,
        receive: [u8; R],
        send: [u8; S],
    ) -> (Opener<[u8; R]>, Sealer<[u8; S]>) {
        const {
            assert!(opener::check_store(R).is_ok(), "the store can't hold a message to receive");
            assert!(sealer::check_store(S).is_ok(), "the store can't hold a message to send and the end");
        }
        self.split_checked(receive, send)
    }

    /// Returns the same with any stores: slices that are lent, boxes.
    ///
    /// # Errors
    /// [`StoreTooSmall`] if one of them can't hold a message with one byte.
    pub fn try_split<R: Store, S: Store>(
        self,
        receive: R,
        send: S,
    ) -> Result<(Opener<R>, Sealer<S>), StoreTooSmall> {
        opener::check_store(receive.as_ref().len())?;
        sealer::check_store(send.as_ref().len())?;
        Ok(self.split_checked(receive, send))
    }

    /// The caller has checked the stores.
    pub(super) fn split_checked<R: Store, S: Store>(self, receive: R, send: S) -> (Opener<R>, Sealer<S>) {
        (Opener::new(self.receive, receive), Sealer::new(self.send, send))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
