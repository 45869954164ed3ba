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
//! let key = Key::new([7; 32]); // a random one, in earnest
//! let client = async {
//!     let (_, writes) = connect(here.0, here.1, &key).await?;
//!     let mut writer = Writer::with_capacity(writes, formats::U32_BE, 4096)?;
//!     writer.send(b"hello").await?;
//!     writer.close().await?; // without it, the server is told that the stream was cut off
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
use std_crate::vec;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

#[cfg(doc)]
use super::LinkError;
use super::receiver::{Chunk, Receiver};
use super::{CHUNK, Ephemeral, Handshake, HandshakeError, Key, STORE, Sealer};
use crate::access::refs;

/// What both halves of a link keep in memory beside themselves, bytes.
pub const MEMORY: usize = size_of::<Receiver<Box<[u8]>>>() + CHUNK + size_of::<Sealer<STORE>>();

/// Makes a link by the client: over both halves of a connection.
///
/// Not cancel-safe: dropped, it leaves a connection that is of no use. Put a time-out around it: a server that does
/// not answer is waited for as long as it likes.
///
/// # Errors
/// [`HandshakeError`]; [`Closed`](HandshakeError::Closed) is how a server refuses another key.
pub async fn connect<R, W>(read: R, write: W, key: &Key) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(Handshake::client(key, e), read, write).await
}

/// Makes a link by the server, whose keys are tried in turn.
///
/// A client's first message can be a repeated one, so this proves nothing yet: act on nothing, and send nothing,
/// before the first byte is read from the link.
///
/// Not cancel-safe: dropped, it leaves a connection that is of no use. Put a time-out around it: a client that sends
/// nothing is waited for as long as it likes.
///
/// # Errors
/// [`HandshakeError`]. Close the connection then without a word.
pub async fn accept<R, W>(read: R, write: W, keys: &[Key]) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let e = Ephemeral::random().map_err(HandshakeError::Io)?;
    shake_hands(Handshake::server(keys, e), read, write).await
}

/// The two directions of a link, for one task or two.
pub type Halves<R, W> = (ReadHalf<R>, WriteHalf<W>);

async fn shake_hands<R, W>(
    mut handshake: Handshake<'_>,
    mut read: R,
    mut write: W,
) -> Result<Halves<R, W>, HandshakeError<io::Error>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut chunk = Chunk::new(vec![0; CHUNK].into_boxed_slice());
    loop {
        while !handshake.pending().is_empty() {
            match write.write(handshake.pending()).await {
                Ok(0) => return Err(HandshakeError::WriteZero),
                Ok(n) => handshake.advance(n),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(HandshakeError::Io(error)),
            }
        }
        write.flush().await.map_err(HandshakeError::Io)?;
        if handshake.is_done() {
            break;
        }
        match read.read(chunk.space()).await {
            Ok(0) => return Err(HandshakeError::Closed),
            Ok(n) => chunk.arrived(n),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(HandshakeError::Io(error)),
        }
        chunk.lend(|input| handshake.read(input)).map_err(HandshakeError::over)?;
    }
    let Some(session) = handshake.session() else { return Err(HandshakeError::Closed) };
    let (opener, sealer) = session.split();
    let read = ReadHalf { io: read, receiver: Box::new(Receiver::new(opener, chunk)) };
    let write = WriteHalf { io: write, sealer: Box::new(sealer), failed: None, sent: 0 };
    Ok((read, write))
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
///
/// Cancel-safe, as the transport is: a byte that was read is kept.
impl<R: AsyncRead + Unpin> AsyncRead for ReadHalf<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { io, receiver } = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if let Some(n) = receiver.take(buf.initialize_unfilled())? {
                buf.advance(n);
                return Poll::Ready(Ok(()));
            }
            let mut space = ReadBuf::new(receiver.space());
            ready!(Pin::new(&mut *io).poll_read(cx, &mut space))?;
            let n = space.filled().len();
            if !receiver.arrived(n)? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

/// The sending direction of a link.
#[derive(Debug)]
pub struct WriteHalf<W> {
    io: W,
    sealer: Box<Sealer<STORE>>,
    /// Why nothing more went out, for the next call: this one's bytes were taken.
    failed: Option<io::Error>,
    sent: u64,
}

impl<W> crate::tokio::Progress for WriteHalf<W> {
    fn bytes_sent(&self) -> Option<u64> {
        Some(self.sent)
    }
}

impl<W> WriteHalf<W> {
    refs!(W, "on the link, which ends it");
}

impl<W: AsyncWrite + Unpin> WriteHalf<W> {
    /// Writes all that is sealed.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        while !self.sealer.pending().is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, self.sealer.pending())) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    self.sent = self.sent.wrapping_add(n as u64);
                    self.sealer.advance(n);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// What is written is sealed and goes out at once, in one system call for up to 12 KiB of it, however many pieces it
/// is in. But where the transport is full it waits here: as with any buffered writer, only
/// [`flush`](AsyncWriteExt::flush) (which this crate's writers do after each frame) lets one wait for the peer's
/// answer.
///
/// [`shutdown`](AsyncWriteExt::shutdown) sends the end of the direction and then shuts the transport's down. Dropped
/// without that, the peer finds the stream [cut off](LinkError::Truncated).
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
        let taken = this.sealer.seal_parts(bufs.iter().map(|buf| &**buf))?;
        if let Poll::Ready(Err(error)) = this.poll_drain(cx) {
            this.failed = Some(error);
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.sealer.end()?;
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
