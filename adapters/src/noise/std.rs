//! Links over any [`std::io::Read`](std_crate::io::Read) and [`Write`], for example over both handles of a socket,
//! the second from `try_clone`, so that two threads can use them.
//!
//! `Interrupted` is retried. After `WouldBlock` and `TimedOut` the next call goes on where this one stopped; but a
//! handshake is lost then.

use core::time::Duration;
use std_crate::boxed::Box;
use std_crate::io::{self, IoSlice, Read, Write};

#[cfg(doc)]
use super::LinkError;
use super::host::{self, Driver, Inbound, Outbound};
pub use super::host::{MEMORY_PER_LINK, ReadParts, WriteParts};
use super::transport::Called;
use super::{Ephemeral, HalfError, Handshake, HandshakeError, Key, Sealer, Step};
use crate::std::{HalfClose, ReadTimeout, WriteTimeout};

/// Makes a link as the client, over both directions of a connection. A server that does not answer is waited for as
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
    shake_hands(host::driver(Handshake::client(key, e)), read, write)
}

/// Makes a link as the server, whose keys are tried in turn. A client that sends nothing is waited for as long as the
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
    shake_hands(host::driver(Handshake::server(keys, e)), read, write)
}

/// The two directions of a link.
pub type Halves<R, W> = (ReadHalf<R>, WriteHalf<W>);

fn shake_hands<R: Read, W: Write>(
    mut driver: Driver<'_>,
    mut read: R,
    mut write: W,
) -> Result<Halves<R, W>, HandshakeError<io::Error>> {
    loop {
        // Interrupted or not, `next` says how it goes on.
        let _ = match driver.next() {
            Step::Write(bytes) => {
                let called = Called::host(write.write(bytes));
                driver.wrote(called)?
            }
            Step::Flush => driver.flushed(Called::host(write.flush()))?,
            Step::Read => {
                let called = Called::host(read.read(driver.space()));
                driver.arrived(called)?
            }
            Step::Done => break,
        };
    }
    let (inbound, outbound) = host::halves(driver.finish()?);
    Ok((ReadHalf { io: read, inbound }, WriteHalf { io: write, outbound }))
}

/// The receiving direction of a link.
#[derive(Debug)]
pub struct ReadHalf<R> {
    io: R,
    inbound: Inbound,
}

impl<R> ReadHalf<R> {
    /// Returns the transport.
    pub const fn get_ref(&self) -> &R {
        &self.io
    }

    /// Returns the transport. Bytes that are moved past the link are missing on it, which ends it.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.io
    }

    /// Takes the half apart. Nothing is lost: the parts hold what was read from the transport and not yet from here.
    pub fn into_parts(self) -> ReadParts<R> {
        host::read_parts(self.io, self.inbound)
    }
}

/// The stream ends where the peer has ended its direction and then the transport's. What is wrong with the link is an
/// [`io::Error`] with a [`LinkError`] in it, which every later call repeats. The transport's own errors come as they
/// are, and the next call goes on.
impl<R: Read> Read for ReadHalf<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.inbound.take(buf)? {
                return Ok(n);
            }
            let called = Called::host(self.io.read(self.inbound.space()));
            let _ = self.inbound.arrived(called).map_err(HalfError::from)?;
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
    outbound: Outbound,
}

impl<W> WriteHalf<W> {
    /// Returns the transport.
    pub const fn get_ref(&self) -> &W {
        &self.io
    }

    /// Returns the transport. Bytes that are moved past the link are missing on it, which ends it.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.io
    }

    /// Lends the direction of the link, for its questions: what is [pending](Sealer::pending), for example.
    pub const fn sealer(&self) -> &Sealer<Box<[u8]>> {
        self.outbound.sealer()
    }

    /// From now on puts at most this many bytes of plaintext into one message, for a peer that was configured to
    /// receive smaller ones. See [`Sealer::set_max_plaintext`].
    pub fn set_max_plaintext(&mut self, bytes: usize) {
        self.outbound.set_max_plaintext(bytes);
    }

    /// Returns how many bytes of this half, sealed, the transport has taken so far. It grows while a call makes
    /// progress, also in `flush` and `close`.
    pub const fn bytes_sent(&self) -> u64 {
        self.outbound.sent()
    }

    /// Takes the half apart. Nothing is lost: the parts hold what was not sent, and why if that was not told yet.
    pub fn into_parts(self) -> WriteParts<W> {
        self.outbound.into_parts(self.io)
    }
}

impl<W: Write> WriteHalf<W> {
    /// Sends what waits, then the end of this direction, and ends the transport's; reading goes on. If the half is
    /// dropped without that, the peer finds the stream [cut off](LinkError::Truncated).
    ///
    /// # Errors
    /// The transport's; the next call goes on.
    pub fn close(&mut self) -> io::Result<()>
    where
        W: HalfClose,
    {
        self.outbound.end()?;
        self.flush()?;
        while Called::host(self.io.half_close()).done().map_err(HalfError::from)?.is_none() {}
        Ok(())
    }

    /// Writes all that is sealed.
    fn drain(&mut self) -> io::Result<()> {
        self.outbound.tell()?;
        while let Some(bytes) = self.outbound.pending() {
            let called = Called::host(self.io.write(bytes));
            let _ = self.outbound.wrote(called)?;
        }
        Ok(())
    }
}

/// So that a writer of frames closes the link, too.
impl<W: Write + HalfClose> HalfClose for WriteHalf<W> {
    fn half_close(&mut self) -> io::Result<()> {
        self.close()
    }
}

impl<W: WriteTimeout> WriteTimeout for WriteHalf<W> {
    fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.write_timeout()
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.set_write_timeout(timeout)
    }
}

/// What is written is sealed and goes out at once, in one system call for up to 12 KiB of it, in however many pieces
/// it is. If the transport blocks, it waits here for the next call. If the transport fails, the next call returns
/// that error, and the one after it goes on: bytes that were taken are never lost.
impl<W: Write> Write for WriteHalf<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.drain()?;
        let taken = self.outbound.seal(bufs)?;
        let drained = self.drain();
        self.outbound.tell_later(drained);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.drain()?;
        while Called::host(self.io.flush()).done().map_err(HalfError::from)?.is_none() {}
        Ok(())
    }
}
