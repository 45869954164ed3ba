//! What the ecosystems share of reading: bytes on their way from the transport to the handshake, and to the opener.

use core::fmt;
use core::ops::Range;

use ringframe::Store;

use super::transport::{Called, Fault, Turn};
use super::{LinkError, Opened, Opener};
use crate::copy::copy;

/// Bytes that were read and are still to be looked at.
pub(super) struct Chunk<C> {
    store: C,
    unread: Range<usize>,
}

impl<C: Store> Chunk<C> {
    pub(super) const fn new(store: C) -> Self {
        Self { store, unread: 0..0 }
    }

    /// Returns where to read to, once all is looked at.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.store.as_mut()
    }

    /// Takes what came of a read to [`space`](Self::space): how many bytes, 0 at the end of the transport's
    /// stream, or `None` if it was interrupted.
    pub(super) fn arrived<E>(&mut self, called: Called<usize, E>) -> Result<Option<usize>, Fault<E>> {
        let moved = called.moved(self.store.as_ref().len())?;
        if let Some(n) = moved {
            self.unread = 0..n;
        }
        Ok(moved)
    }

    /// Lets `take` use some of what was read.
    pub(super) fn lend<T>(&mut self, take: impl FnOnce(&mut &[u8]) -> T) -> T {
        let mut input = self.store.as_ref().get(self.unread.clone()).unwrap_or_default();
        let taken = take(&mut input);
        self.unread.start = self.unread.end.saturating_sub(input.len());
        taken
    }

    /// Returns the store, and where in it the bytes are that are still to be looked at.
    pub(super) fn into_parts(self) -> (C, Range<usize>) {
        (self.store, self.unread)
    }
}

/// An opener, and what was read ahead of it.
pub(super) struct Receiver<C, S> {
    opener: Opener<S>,
    chunk: Chunk<C>,
    /// The transport's stream is at its end.
    at_end: bool,
}

impl<C: Store, S: Store> Receiver<C, S> {
    pub(super) const fn new(opener: Opener<S>, chunk: Chunk<C>) -> Self {
        Self { opener, chunk, at_end: false }
    }

    /// Moves plaintext to `buf`, which has room, and returns how much, or 0 at the end of the link. `None`: read to
    /// [`space`](Self::space), and hand what came of it to [`arrived`](Self::arrived).
    pub(super) fn take(&mut self, buf: &mut [u8]) -> Result<Option<usize>, LinkError> {
        match self.chunk.lend(|input| self.opener.open(input))? {
            Opened::Data(data) => {
                let n = copy(buf, data);
                self.opener.consume(n);
                Ok(Some(n))
            }
            Opened::Missing(_) | Opened::End if self.at_end => self.opener.end_of_input().map(|()| Some(0)),
            Opened::Missing(_) | Opened::End => Ok(None),
        }
    }

    pub(super) fn space(&mut self) -> &mut [u8] {
        self.chunk.space()
    }

    /// Takes what came of a read to [`space`](Self::space).
    pub(super) fn arrived<E>(&mut self, called: Called<usize, E>) -> Result<Turn, Fault<E>> {
        let Some(n) = self.chunk.arrived(called)? else { return Ok(Turn::Interrupted) };
        self.at_end = n == 0;
        Ok(Turn::GoOn)
    }

    pub(super) fn into_parts(self) -> (Opener<S>, Chunk<C>) {
        (self.opener, self.chunk)
    }
}

impl<C, S> fmt::Debug for Receiver<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opener, chunk: Chunk { unread, .. }, .. } = self;
        f.debug_struct("Receiver").field("opener", opener).field("unread", unread).finish_non_exhaustive()
    }
}
