//! What the adapters share of reading: bytes on their way from the transport to the handshake, and to the opener.

use core::fmt;
use core::ops::Range;

use ringframe::Store;

use super::{LinkError, Opener};
use crate::copy::copy;

/// Bytes that were read and are still to be looked at.
pub(super) struct Chunk<B> {
    store: B,
    filled: Range<usize>,
}

impl<B: Store> Chunk<B> {
    pub(super) const fn new(store: B) -> Self {
        Self { store, filled: 0..0 }
    }

    /// Where to read to, once all is looked at.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.store.as_mut()
    }

    /// Counts the first `n` bytes there as read.
    pub(super) fn arrived(&mut self, n: usize) {
        self.filled = 0..n.min(self.store.as_ref().len());
    }

    /// Lets `take` use some of what was read.
    pub(super) fn lend<T>(&mut self, take: impl FnOnce(&mut &[u8]) -> T) -> T {
        let mut input = self.store.as_ref().get(self.filled.clone()).unwrap_or_default();
        let taken = take(&mut input);
        self.filled.start = self.filled.end.saturating_sub(input.len());
        taken
    }
}

/// An opener, and what was read ahead of it.
pub(super) struct Receiver<B> {
    opener: Opener,
    chunk: Chunk<B>,
}

impl<B: Store> Receiver<B> {
    pub(super) const fn new(opener: Opener, chunk: Chunk<B>) -> Self {
        Self { opener, chunk }
    }

    /// Moves plaintext to `buf` and answers how much, more than none where `buf` has room. `None`: read to
    /// [`space`](Self::space), then say how much [`arrived`](Self::arrived).
    pub(super) fn take(&mut self, buf: &mut [u8]) -> Result<Option<usize>, LinkError> {
        let Some(data) = self.chunk.lend(|input| self.opener.open(input))?.data() else { return Ok(None) };
        let n = copy(buf, data);
        self.opener.consume(n);
        Ok(Some(n))
    }

    pub(super) fn space(&mut self) -> &mut [u8] {
        self.chunk.space()
    }

    /// After a read of `n` bytes, 0 at the end of the transport's stream. `false`: that is the link's end, too.
    pub(super) fn arrived(&mut self, n: usize) -> Result<bool, LinkError> {
        self.chunk.arrived(n);
        if n > 0 { Ok(true) } else { self.opener.finish().map(|()| false) }
    }
}

impl<B> fmt::Debug for Receiver<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { opener, chunk: Chunk { filled, .. } } = self;
        f.debug_struct("Receiver").field("opener", opener).field("read_ahead", filled).finish_non_exhaustive()
    }
}
