//! Links over any [`std::io::Read`](std_crate::io::Read) and [`Write`]: over both handles of a socket, say, the
//! second from `try_clone`, so that two threads can use them.
//!
//! `Interrupted` is retried. After `WouldBlock` and `TimedOut` the next call goes on where this one stopped; but a
//! handshake is lost then.

use core::time::Duration;
use std_crate::boxed::Box;
use std_crate::io::{self, ErrorKind, IoSlice, Read, Write};
use std_crate::vec;

#[cfg(doc)]
use super::LinkError;
use super::receiver::{Chunk, Receiver};
use super::{CHUNK, Ephemeral, Handshake, HandshakeError, Key, STORE, Sealer};
use crate::access::refs;
use crate::std::{HalfClose, ReadTimeout};

/// Makes a link by the client, over both directions of a connection. A server that does not answer is waited for as
/// long as the transport waits.
///
/// # Errors
/// [`HandshakeError`]; [`Closed`](HandshakeError::Closed) is how a server refuses another key. The connection is of
/// no use then.
pub fn connect<R: Read, W: Write>(
    read: R,
    write: W,
    key: &Key,
) -> Result<Halves<R, W>, HandshakeError<io::Error>> {
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(Handshake::client(key, e), read, write)
}

/// Makes a link by the server, whose keys are tried in turn. A client that sends nothing is waited for as long as the
/// transport waits.
///
/// A client's first message can be a repeated one, so this proves nothing yet: act on nothing, and send nothing,
/// before the first byte is read from the link.
///
/// # Errors
/// [`HandshakeError`]. Close the connection then without a word.
pub fn accept<R: Read, W: Write>(
    read: R,
    write: W,
    keys: &[Key],
) -> Result<Halves<R, W>, HandshakeError<io::Error>> {
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(Handshake::server(keys, e), read, write)
}

/// The two directions of a link.
pub type Halves<R, W> = (ReadHalf<R>, WriteHalf<W>);

fn shake_hands<R: Read, W: Write>(
    mut handshake: Handshake<'_>,
    mut read: R,
    mut write: W,
) -> Result<Halves<R, W>, HandshakeError<io::Error>> {
    let mut chunk = Chunk::new(vec![0; CHUNK].into_boxed_slice());
    loop {
        while !handshake.pending().is_empty() {
            match write.write(handshake.pending()) {
                Ok(0) => return Err(HandshakeError::WriteZero),
                Ok(n) => handshake.advance(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(HandshakeError::Io(error)),
            }
        }
        flush(&mut write).map_err(HandshakeError::Io)?;
        if handshake.is_done() {
            break;
        }
        match read.read(chunk.space()) {
            Ok(0) => return Err(HandshakeError::Closed),
            Ok(n) => chunk.arrived(n),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(HandshakeError::Io(error)),
        }
        chunk.lend(|input| handshake.read(input)).map_err(HandshakeError::over)?;
    }
    let Some(session) = handshake.session() else { return Err(HandshakeError::Closed) };
    let (opener, sealer) = session.split();
    let read = ReadHalf { io: read, receiver: Box::new(Receiver::new(opener, chunk)) };
    Ok((read, WriteHalf { io: write, sealer: Box::new(sealer), failed: None }))
}

fn flush(io: &mut impl Write) -> io::Result<()> {
    loop {
        match io.flush() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The receiving direction of a link.
#[derive(Debug)]
pub struct ReadHalf<R> {
    io: R,
    receiver: Box<Receiver<Box<[u8]>>>,
}

impl<R> ReadHalf<R> {
    refs!(R, "on the link, which ends it");
}

/// The stream ends where the peer has ended its direction and then the transport's. What is wrong with the link is an
/// [`io::Error`] with a [`LinkError`] in it, which every later call repeats; the transport's own errors come as they
/// are, and the next call goes on.
impl<R: Read> Read for ReadHalf<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.receiver.take(buf)? {
                return Ok(n);
            }
            match self.io.read(self.receiver.space()) {
                Ok(n) if self.receiver.arrived(n)? => {}
                Ok(_) => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: ReadTimeout> ReadTimeout for ReadHalf<R> {
    fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.read_timeout()
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.set_read_timeout(timeout)
    }
}

/// The sending direction of a link.
#[derive(Debug)]
pub struct WriteHalf<W> {
    io: W,
    sealer: Box<Sealer<STORE>>,
    /// Why nothing more went out, for the next call: this one's bytes were taken.
    failed: Option<io::Error>,
}

impl<W> WriteHalf<W> {
    refs!(W, "on the link, which ends it");
}

impl<W: Write> WriteHalf<W> {
    /// Sends what waits, then the end of this direction, and ends the transport's; reading goes on. Dropped without
    /// that, the peer finds the stream [cut off](LinkError::Truncated).
    ///
    /// # Errors
    /// The transport's; the next call goes on.
    pub fn shutdown(&mut self) -> io::Result<()>
    where
        W: HalfClose,
    {
        self.sealer.end()?;
        self.flush()?;
        self.io.half_close()
    }

    /// Writes all that is sealed.
    fn drain(&mut self) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        while !self.sealer.pending().is_empty() {
            match self.io.write(self.sealer.pending()) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.sealer.advance(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What is written is sealed and goes out at once, in one system call for up to 12 KiB of it, however many pieces it
/// is in. Where the transport would block it waits here for the next call.
impl<W: Write> Write for WriteHalf<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.drain()?;
        let taken = self.sealer.seal_parts(bufs.iter().map(|buf| &**buf))?;
        match self.drain() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => self.failed = Some(error),
            _ => {}
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        flush(&mut self.io)
    }
}
