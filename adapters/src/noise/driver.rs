//! A handshake on its way over a transport: what all ecosystems do alike.

use ringframe::Store;

use super::receiver::Chunk;
use super::transport::{Called, Turn};
use super::{Handshake, HandshakeError, Session, Step};

/// A handshake, and the memory that bytes are read to. Each ecosystem makes the calls that [`next`](Self::next)
/// wants, and hands over what came of them.
pub(super) struct Driver<'k, C> {
    handshake: Handshake<'k>,
    chunk: Chunk<C>,
}

impl<'k, C: Store> Driver<'k, C> {
    pub(super) const fn new(handshake: Handshake<'k>, chunk: C) -> Self {
        Self { handshake, chunk: Chunk::new(chunk) }
    }

    pub(super) fn next(&self) -> Step<'_> {
        self.handshake.next()
    }

    /// Returns where to read to.
    pub(super) fn space(&mut self) -> &mut [u8] {
        self.chunk.space()
    }

    /// Takes what came of a read to [`space`](Self::space).
    pub(super) fn arrived<E>(&mut self, called: Called<usize, E>) -> Result<Turn, HandshakeError<E>> {
        match self.chunk.arrived(called)? {
            None => return Ok(Turn::Interrupted),
            Some(0) => return Err(HandshakeError::Closed),
            Some(_) => {}
        }
        self.chunk.lend(|input| self.handshake.read(input)).map_err(HandshakeError::with_transport)?;
        Ok(Turn::GoOn)
    }

    /// Takes what came of writing the bytes of [`Step::Write`].
    pub(super) fn wrote<E>(&mut self, called: Called<usize, E>) -> Result<Turn, HandshakeError<E>> {
        let Some(n) = called.written(self.handshake.pending().len())? else { return Ok(Turn::Interrupted) };
        self.handshake.advance(n);
        Ok(Turn::GoOn)
    }

    /// Takes what came of a flush.
    pub(super) fn flushed<E>(&mut self, called: Called<(), E>) -> Result<Turn, HandshakeError<E>> {
        let Some(()) = called.done()? else { return Ok(Turn::Interrupted) };
        self.handshake.flushed();
        Ok(Turn::GoOn)
    }

    /// Returns the session once [`next`](Self::next) says [`Step::Done`], and what was read after the handshake.
    pub(super) fn finish<E>(self) -> Result<(Session, Chunk<C>), HandshakeError<E>> {
        match self.handshake.session() {
            Some(session) => Ok((session, self.chunk)),
            None => Err(HandshakeError::Closed),
        }
    }
}
