//! Links over any [`embedded_io::Read`] and [`embedded_io::Write`], without `std` and without an allocator.
//!
//! Three things are the device's own:
//! - 32 fresh random bytes for each link, for its [`Ephemeral`];
//! - the [`Memory`];
//! - the end of the transport's direction, to close once [`WriteHalf::end`] has sent that of the link. A transport
//!   without one, such as a UART, is of no use here: the peer would wait for it for ever.
//!
//! `Interrupted` is retried.
//! A link that was cut, [`LinkError::Truncated`], has the kind `ConnectionAborted`: embedded-io has none for an end that
//! came too early.
//!
//! ```
//! use embedded_io::{Read, Write};
//! use ringframe_io::noise::embedded_io::accept;
//! use ringframe_io::noise::{Ephemeral, HalfError, Key, Memory, receive_store, send_store};
//!
//! /// Sends back what the peer sends, until it ends its direction.
//! fn echo<R: Read, W: Write<Error = R::Error>>(
//!     read: R,
//!     write: W,
//!     keys: &[Key],
//!     random: [u8; 32],
//! ) -> Result<(), HalfError<R::Error>> {
//!     let (mut chunk, mut receive, mut send) = ([0; 64], [0; receive_store(4096)], [0; send_store(256)]);
//!     let memory = Memory::new(&mut chunk, &mut receive, &mut send);
//!     let Ok((mut read, mut write)) = accept(read, write, keys, Ephemeral::new(random), memory) else {
//!         return Ok(()); // Close the connection, and say nothing.
//!     };
//!     let mut buf = [0; 64];
//!     loop {
//!         let n = read.read(&mut buf)?;
//!         if n == 0 {
//!             return write.end(); // Close the transport's direction after this.
//!         }
//!         let mut rest = &buf[..n];
//!         while !rest.is_empty() {
//!             rest = &rest[write.write(rest)?..];
//!         }
//!         write.flush()?;
//!     }
//! }
//! ```

use ::embedded_io::{ErrorType, Read, Write};

#[cfg(doc)]
use super::LinkError;
use super::device::{self, Inbound};
pub use super::device::{ReadParts, WriteParts};
use super::driver::Driver;
use super::receiver::Receiver;
use super::transport::Called;
use super::{Ephemeral, HalfError, Handshake, HandshakeError, Key, Memory, Sealer, Step};

/// Makes a link as the client, over both directions of a connection.
///
/// `e` is made of fresh random bytes.
///
/// # Errors
/// [`HandshakeError`]; [`Closed`](HandshakeError::Closed) is how a server refuses another key. The connection is of
/// no use then.
pub fn connect<'m, R: Read, W: Write<Error = R::Error>>(
    read: R,
    write: W,
    key: &Key,
    e: Ephemeral,
    memory: Memory<'m>,
) -> Result<Halves<'m, R, W>, HandshakeError<R::Error>> {
    shake_hands(Handshake::client(key, e), read, write, memory)
}

/// Makes a link as the server, whose keys are tried in turn.
///
/// `e` is made of fresh random bytes.
///
/// A client's first message can be a repeated one, so this proves nothing yet: act on nothing, and send nothing,
/// before the first byte is read from the link.
///
/// # Errors
/// [`HandshakeError`]. Close the connection then without a word.
pub fn accept<'m, R: Read, W: Write<Error = R::Error>>(
    read: R,
    write: W,
    keys: &[Key],
    e: Ephemeral,
    memory: Memory<'m>,
) -> Result<Halves<'m, R, W>, HandshakeError<R::Error>> {
    shake_hands(Handshake::server(keys, e), read, write, memory)
}

/// The two directions of a link.
pub type Halves<'m, R, W> = (ReadHalf<'m, R>, WriteHalf<'m, W>);

fn shake_hands<'m, R: Read, W: Write<Error = R::Error>>(
    handshake: Handshake<'_>,
    mut read: R,
    mut write: W,
    memory: Memory<'m>,
) -> Result<Halves<'m, R, W>, HandshakeError<R::Error>> {
    let Memory { chunk, receive, send } = memory;
    let mut driver = Driver::new(handshake, chunk);
    loop {
        // Interrupted or not, `next` says how it goes on.
        let _ = match driver.next() {
            Step::Write(bytes) => {
                let called = Called::device(write.write(bytes));
                driver.wrote(called)?
            }
            Step::Flush => driver.flushed(Called::device(write.flush()))?,
            Step::Read => {
                let called = Called::device(read.read(driver.space()));
                driver.arrived(called)?
            }
            Step::Done => break,
        };
    }
    let (session, chunk) = driver.finish()?;
    let (opener, sealer) = session.split_checked(receive, send);
    Ok((ReadHalf { io: read, inbound: Receiver::new(opener, chunk) }, WriteHalf { io: write, sealer }))
}

/// The receiving direction of a link.
#[derive(Debug)]
pub struct ReadHalf<'m, R> {
    io: R,
    inbound: Inbound<'m>,
}

impl<'m, R> ReadHalf<'m, R> {
    /// Returns the transport.
    pub const fn get_ref(&self) -> &R {
        &self.io
    }

    /// Returns the transport. Bytes that are moved past the link are missing on it, which ends it.
    pub const fn get_mut(&mut self) -> &mut R {
        &mut self.io
    }

    /// Takes the half apart. Nothing is lost: the parts hold what was read from the transport and not yet from here.
    pub fn into_parts(self) -> ReadParts<'m, R> {
        device::read_parts(self.io, self.inbound)
    }
}

impl<R: ErrorType> ErrorType for ReadHalf<'_, R> {
    type Error = HalfError<R::Error>;
}

/// The stream ends where the peer has ended its direction and then the transport's.
impl<R: Read> Read for ReadHalf<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.inbound.take(buf)? {
                return Ok(n);
            }
            let called = Called::device(self.io.read(self.inbound.space()));
            let _ = self.inbound.arrived(called)?;
        }
    }
}

/// The sending direction of a link.
#[derive(Debug)]
pub struct WriteHalf<'m, W> {
    io: W,
    sealer: Sealer<&'m mut [u8]>,
}

impl<'m, W> WriteHalf<'m, W> {
    /// Returns the transport.
    pub const fn get_ref(&self) -> &W {
        &self.io
    }

    /// Returns the transport. Bytes that are moved past the link are missing on it, which ends it.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.io
    }

    /// Lends the direction of the link, for its questions: what is [pending](Sealer::pending), for example.
    pub const fn sealer(&self) -> &Sealer<&'m mut [u8]> {
        &self.sealer
    }

    /// From now on puts at most this many bytes of plaintext into one message, for a peer that was configured to
    /// receive smaller ones. See [`Sealer::set_max_plaintext`].
    pub fn set_max_plaintext(&mut self, bytes: usize) {
        self.sealer.set_max_plaintext(bytes);
    }

    /// Takes the half apart. Nothing is lost: the parts hold what was not sent.
    pub fn into_parts(self) -> WriteParts<'m, W> {
        WriteParts { io: self.io, sealer: self.sealer }
    }
}

impl<W: ErrorType> ErrorType for WriteHalf<'_, W> {
    type Error = HalfError<W::Error>;
}

impl<W: Write> WriteHalf<'_, W> {
    /// Sends what waits, then the end of this direction. Close the transport's direction after it, which the peer
    /// waits for. Without this the peer finds the stream [cut off](LinkError::Truncated).
    ///
    /// Not `close`, as on a host: transports of embedded-io have no end of a direction that this could send.
    ///
    /// # Errors
    /// The transport's; the next call goes on.
    pub fn end(&mut self) -> Result<(), HalfError<W::Error>> {
        self.sealer.end()?;
        self.flush()
    }

    /// Writes all that is sealed, and leaves it at that. [`flush`](Write::flush) also flushes the transport, which can
    /// take long: that of embassy-net waits until the peer has acknowledged everything.
    ///
    /// A writer of frames on this half that [drains](crate::embedded_io::Writer::drain) its queue only gets it sealed.
    /// Drain its half, too: `writer.get_mut().drain()`. On a host a write goes out at once, so there is no such method.
    ///
    /// # Errors
    /// The transport's; the next call goes on.
    pub fn drain(&mut self) -> Result<(), HalfError<W::Error>> {
        while !self.sealer.pending().is_empty() {
            let called = Called::device(self.io.write(self.sealer.pending()));
            let _ = self.sealer.wrote(called)?;
        }
        Ok(())
    }
}

/// What is written is sealed. It goes out once there is no room for more, when it is flushed, or when it is
/// [drained](WriteHalf::drain).
impl<W: Write> Write for WriteHalf<'_, W> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        // What has room in one message is not cut in two.
        if self.sealer.free() < buf.len() {
            self.drain()?;
        }
        Ok(self.sealer.seal(buf)?)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.drain()?;
        while Called::device(self.io.flush()).done()?.is_none() {}
        Ok(())
    }
}
