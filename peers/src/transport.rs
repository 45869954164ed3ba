//! What frames go over: the two directions of a connection, plain, or authenticated and encrypted by a key.
//!
//! The rest of the program does not ask which. It knows only that a write may leave bytes to be flushed, and that an
//! end of the stream is one that the peer meant.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ringframe::{Limited, RuntimeFormat};
use ringframe_io::noise::{self, HandshakeError, Key};
use ringframe_io::tokio::{Progress, Writer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::failure::{Code, Failure};

type SealedReadHalf = noise::tokio::ReadHalf<OwnedReadHalf>;
type SealedWriteHalf = noise::tokio::WriteHalf<OwnedWriteHalf>;

/// What comes in.
pub(crate) enum ReadHalf {
    Plain(OwnedReadHalf),
    Sealed(SealedReadHalf),
}

/// What goes out. Dropped, it ends its direction, which on an authenticated link is no end that was meant: that is
/// for `shutdown` to say.
pub(crate) enum WriteHalf {
    Plain(OwnedWriteHalf),
    Sealed(SealedWriteHalf),
}

/// Both directions of a connection without a key.
pub(crate) fn plain(stream: TcpStream) -> (ReadHalf, WriteHalf) {
    let (read, write) = stream.into_split();
    (ReadHalf::Plain(read), WriteHalf::Plain(write))
}

fn sealed((read, write): (SealedReadHalf, SealedWriteHalf)) -> (ReadHalf, WriteHalf) {
    (ReadHalf::Sealed(read), WriteHalf::Sealed(write))
}

/// A client's end of a connection to `address`; with a key the handshake has at most `patience`.
pub(crate) async fn begin(
    stream: TcpStream,
    key: Option<&Key>,
    address: &str,
    patience: Duration,
) -> Result<(ReadHalf, WriteHalf), Failure> {
    let Some(key) = key else { return Ok(plain(stream)) };
    let (read, write) = stream.into_split();
    match timeout(patience, noise::tokio::connect(read, write, key)).await {
        Ok(Ok(link)) => Ok(sealed(link)),
        Ok(Err(error)) => {
            let why = match error {
                // A server that closes before it has read everything resets.
                HandshakeError::Io(error) => {
                    format!("the handshake failed: {error}; the server's key may be another one")
                }
                error => error.to_string(),
            };
            Err(Failure::new(Code::Handshake, format!("{address}: {why}")))
        }
        Err(_) => {
            let patience = humantime::format_duration(patience);
            let why = format!("{address} did not answer the handshake within {patience}: it may have no key");
            Err(Failure::new(Code::Connection, why))
        }
    }
}

/// A server's end of a connection. With keys nothing is sent to who has none of them.
pub(crate) async fn accept(
    stream: TcpStream,
    keys: &[Key],
) -> Result<(ReadHalf, WriteHalf), HandshakeError<io::Error>> {
    if keys.is_empty() {
        return Ok(plain(stream));
    }
    let (read, write) = stream.into_split();
    noise::tokio::accept(read, write, keys).await.map(sealed)
}

/// Says that nothing more is sent, to a server that has had the last word: good manners, which may fail.
pub(crate) async fn end(writer: &mut Writer<WriteHalf, Limited<RuntimeFormat>, Box<[u8]>>) {
    const MANNERS: Duration = Duration::from_secs(1);
    let _ = timeout(MANNERS, writer.close()).await;
}

impl ReadHalf {
    /// The connection itself.
    fn tcp(&self) -> &OwnedReadHalf {
        match self {
            Self::Plain(half) => half,
            Self::Sealed(half) => half.get_ref(),
        }
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// Takes and forgets what still comes, until the end of the connection; whether it is genuine is nobody's
    /// matter any more.
    pub(crate) async fn drain(&self) {
        let tcp = self.tcp();
        let mut sink = [0; 4096];
        while tcp.readable().await.is_ok() {
            match tcp.try_read(&mut sink) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return,
            }
        }
    }
}

impl AsyncRead for ReadHalf {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(cx, buf),
            Self::Sealed(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

impl Progress for WriteHalf {
    fn bytes_sent(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            Self::Sealed(half) => Some(half.bytes_sent()),
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write(cx, buf),
            Self::Sealed(half) => Pin::new(half).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write_vectored(cx, bufs),
            Self::Sealed(half) => Pin::new(half).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(half) => half.is_write_vectored(),
            Self::Sealed(half) => half.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_flush(cx),
            Self::Sealed(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_shutdown(cx),
            Self::Sealed(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}

/// Closes a connection by a reset, so that the peer learns that it was no end in order.
pub(crate) fn reset(read: ReadHalf, write: WriteHalf) {
    if let (ReadHalf::Plain(read), WriteHalf::Plain(write)) = (read, write)
        // Dropped by itself, the half that writes would end its direction in order. That of an authenticated link
        // may: there it is no end without the message that says so.
        && let Ok(stream) = read.reunite(write)
    {
        let _ = stream.set_zero_linger();
    }
}
