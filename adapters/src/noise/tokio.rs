//! Links over any [`tokio::io::AsyncRead`] and [`AsyncWrite`], for example the halves of a `TcpStream`.
//!
//! ```
//! use ringframe::formats;
//! use ringframe_io::noise::{Key, tokio::{accept, connect}};
//! use ringframe_io::tokio::{Reader, Writer};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn core::error::Error>> {
//! # let (here, there) = tokio::io::duplex(1024);
//! # let (here, there) = (tokio::io::split(here), tokio::io::split(there));
//! let key = Key::new([7; 32]); // use random bytes here
//! let client = async {
//!     let (_, writes) = connect(here.0, here.1, &key).await?;
//!     let mut writer = Writer::with_capacity(writes, formats::U32_BE, 4096)?;
//!     writer.send(b"hello").await?;
//!     writer.close().await?; // Without it, the server is told that the stream was cut off.
//!     Ok::<_, Box<dyn core::error::Error>>(())
//! };
//! let server = async {
//!     let (reads, _) = accept(there.0, there.1, &[key.clone()]).await?;
//!     let mut reader = Reader::with_capacity(reads, formats::U32_BE, 4096)?;
//!     let frame = reader.next_frame().await?.ok_or("no frame")?;
//!     assert_eq!(frame.payload(), b"hello");
//!     Ok(())
//! };
//! tokio::try_join!(client, server)?;
//! # Ok(()) }
//! ```
//!
//! The halves know nothing of each other. Where one stream is wanted, [`tokio::io::join`] makes
//! one of them.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std_crate::boxed::Box;
use std_crate::io::{self, IoSlice};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

#[cfg(doc)]
use super::LinkError;
use super::host::{self, Driver, Inbound, Outbound};
pub use super::host::{MEMORY_PER_LINK, ReadParts, WriteParts};
use super::transport::{Called, Turn};
use super::{Ephemeral, HalfError, Handshake, HandshakeError, Key, Sealer, Step};
use crate::tasks::poll_again;
use crate::tokio::Progress;

/// Makes a link as the client, over both halves of a connection.
///
/// Not cancel-safe: dropped, it leaves a connection that is of no use. Put a time-out around it, since it waits for a
/// server that does not answer as long as that likes.
///
/// # Errors
/// [`HandshakeError`]; [`Closed`](HandshakeError::Closed) is how a server refuses another key.
pub async fn connect<R, W>(read: R, write: W, key: &Key) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(host::driver(Handshake::client(key, e)), read, write).await
}

/// Makes a link as the server, whose keys are tried in turn.
///
/// A client's first message can be a repeated one, so this proves nothing yet: act on nothing, and send nothing,
/// before the first byte is read from the link.
///
/// Not cancel-safe: dropped, it leaves a connection that is of no use. Put a time-out around it, since it waits for a
/// client that sends nothing as long as that likes.
///
/// # Errors
/// [`HandshakeError`]. Close the connection then without a word.
pub async fn accept<R, W>(read: R, write: W, keys: &[Key]) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(host::driver(Handshake::server(keys, e)), read, write).await
}

/// The two directions of a link, for one task or two.
pub type Halves<R, W> = (ReadHalf<R>, WriteHalf<W>);

async fn shake_hands<R, W>(
    mut driver: Driver<'_>,
    mut read: R,
    mut write: W,
) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    loop {
        let turn = match driver.next() {
            Step::Write(bytes) => {
                let called = Called::host(write.write(bytes).await);
                driver.wrote(called)?
            }
            Step::Flush => driver.flushed(Called::host(write.flush().await))?,
            Step::Read => {
                let called = Called::host(read.read(driver.space()).await);
                driver.arrived(called)?
            }
            Step::Done => break,
        };
        turn.let_others_run().await;
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
///
/// Cancel-safe, as the transport is: a byte that was read is kept.
impl<R: AsyncRead + Unpin> AsyncRead for ReadHalf<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, inbound } = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Some(n) = inbound.take(buf.initialize_unfilled())? {
                buf.advance(n);
                return Poll::Ready(Ok(()));
            }
            let mut space = ReadBuf::new(inbound.space());
            let result = ready!(Pin::new(&mut *io).poll_read(cx, &mut space));
            let called = Called::host(result.map(|()| space.filled().len()));
            if inbound.arrived(called).map_err(HalfError::from)? == Turn::Interrupted {
                return poll_again(cx);
            }
        }
    }
}

/// The sending direction of a link.
#[derive(Debug)]
pub struct WriteHalf<W> {
    io: W,
    outbound: Outbound,
}

impl<W> Progress for WriteHalf<W> {
    fn bytes_sent(&self) -> Option<u64> {
        Some(self.outbound.sent())
    }
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

impl<W: AsyncWrite + Unpin> WriteHalf<W> {
    /// Sends what waits, then the end of this direction, and ends the transport's; reading goes on. It is
    /// [`shutdown`](AsyncWriteExt::shutdown) by the name that it has everywhere in this crate. If the half is dropped
    /// without that, the peer finds the stream [cut off](LinkError::Truncated).
    ///
    /// Cancel-safe: what was not sent is kept for the next call.
    ///
    /// # Errors
    /// The transport's; the next call goes on.
    pub async fn close(&mut self) -> io::Result<()> {
        self.shutdown().await
    }

    /// Writes all that is sealed.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbound.tell()?;
        while let Some(bytes) = self.outbound.pending() {
            let called = Called::host(ready!(Pin::new(&mut self.io).poll_write(cx, bytes)));
            if self.outbound.wrote(called)? == Turn::Interrupted {
                return poll_again(cx);
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What is written is sealed and goes out at once, in one system call for up to 12 KiB of it, in however many pieces
/// it is. But where the transport is full it waits here. As with any buffered writer, only
/// [`flush`](AsyncWriteExt::flush), which this crate's writers do after each frame, lets one wait for the peer's
/// answer. If the transport fails, the next call returns that error, and the one after it goes on: bytes that were
/// taken are never lost.
///
/// [`shutdown`](AsyncWriteExt::shutdown) is [`close`](WriteHalf::close).
///
/// Cancel-safe: a write that was dropped has taken nothing; what was taken goes out with the next call.
impl<W: AsyncWrite + Unpin> AsyncWrite for WriteHalf<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let taken = this.outbound.seal(bufs)?;
        if let Poll::Ready(drained) = this.poll_drain(cx) {
            this.outbound.tell_later(drained);
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        let called = Called::host(ready!(Pin::new(&mut this.io).poll_flush(cx)));
        done(called, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.outbound.end()?;
        ready!(this.poll_drain(cx))?;
        let called = Called::host(ready!(Pin::new(&mut this.io).poll_shutdown(cx)));
        done(called, cx)
    }
}

/// Ends a call that moves no bytes.
fn done(called: Called<(), io::Error>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    match called.done().map_err(HalfError::from)? {
        Some(()) => Poll::Ready(Ok(())),
        None => poll_again(cx),
    }
}
