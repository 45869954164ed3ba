//! Any [`std::io::Read`](std_crate::io::Read) and [`std::io::Write`](std_crate::io::Write).
//!
//! `Interrupted` is retried. `WouldBlock` and `TimedOut` come back as [`ReadError::Io`](crate::ReadError::Io) or
//! [`WriteError::Io`](crate::WriteError::Io) with all state kept, so that the next call goes on where this one stopped. On
//! non-blocking transports the `try_` methods return `Pending` instead.
//!
//! A small frame leaves in one system call, header and payload together. A payload larger than the store
//! is a reader, or a writer, of its own. Such frames need a format that names a limit: see
//! [`Format::with_limit`].
//!
//! ```
//! use std::io::Read;
//! use ringframe::{Format, formats};
//! use ringframe_io::std::{Incoming, Reader};
//!
//! # let wire = [&[0, 1, 0, 0][..], &[7; 65536], &[0, 0, 0, 2], b"ok"].concat();
//! # let mut seen = Vec::new();
//! let mut reader = Reader::with_capacity(&wire[..], formats::U32_BE.with_limit(1 << 20), 1024)?;
//! while let Some(incoming) = reader.next_incoming()? {
//!     match incoming {
//!         Incoming::Frame(frame) => println!("{:?}", frame.payload()),
//!         Incoming::Large(mut payload) => {
//!             let len = payload.left();
//!             let mut start = [0; 16];
//!             payload.read_exact(&mut start)?;
//!             println!("{len} bytes that begin with {start:?}");
//! #           seen.push(len);
//!             // What was not read is skipped.
//!         }
//!     }
//! }
//! # assert_eq!(seen, [65536]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! A request is answered while it is lent:
//!
//! ```no_run
//! use ringframe::formats;
//! use ringframe_io::std::Framed;
//!
//! # let stream = std::net::TcpStream::connect("192.0.2.1:7878")?;
//! let mut link = Framed::with_capacity(stream, formats::U32_BE, 4096)?;
//! while let Some((frame, writer)) = link.next_request()? {
//!     writer.send(frame.payload())?;
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use std_crate::{fmt, io};

use ringframe::{Format, Frame};

use crate::error::Fault;
use crate::reader::{Bare, Carries};

mod payload;
mod reader;
mod time;
mod writer;

pub use time::{ReadTime, ReadTimeout, WriteTime, WriteTimeout};

/// Reads frames from `R`. `B` is the decoder's store.
pub type Reader<R, F, B> = crate::reader::Reader<Bare<R>, F, B, ReadTime<R>>;

/// Writes frames to `W`. `B` is the encoder's store.
pub type Writer<W, F, B> = crate::writer::Writer<W, F, B, WriteTime<W>>;

/// Both over one transport. `D` is the decoder's store, `E` the encoder's.
pub type Framed<S, F, D, E = D> = crate::reader::Reader<Writer<S, F, E>, F, D, ReadTime<S>>;

/// What [`Reader::next_incoming`] found.
pub type Incoming<'r, C, F, B> = crate::reader::Incoming<'r, C, F, B, ReadTime<<C as Carries>::Io>>;

/// The payload of a frame larger than the store, as [`Read`](io::Read) and [`BufRead`](io::BufRead).
pub type PayloadReader<'r, C, F, B> = crate::reader::PayloadReader<'r, C, F, B, ReadTime<<C as Carries>::Io>>;

/// A frame, and the writer to answer it with: see [`Framed::next_request`].
pub type Request<'r, S, F, E> = (Frame<'r>, &'r mut Writer<S, F, E>);

/// Bytes that are not framed, as [`Read`](io::Read) and [`BufRead`](io::BufRead).
pub type Unframed<'r, C, F, B> = crate::reader::Unframed<'r, C, F, B, ReadTime<<C as Carries>::Io>>;

/// The payload of a frame of announced length, as [`Write`](io::Write).
pub type PayloadWriter<'w, W, F, B> = crate::writer::PayloadWriter<'w, W, F, B, WriteTime<W>>;

/// The two halves of a [`Framed`].
pub type Halves<S, F, D, E = D> = (Reader<S, F, D>, Writer<S, F, E>);

impl<S, F: Format, D, E> Framed<S, F, D, E> {
    /// Makes a half for each direction, so that two threads can use them. Each has a handle of its own. The
    /// patience of each direction stays.
    ///
    /// # Errors
    /// [`SplitError`] if the system gives no second handle. It has the link, and nothing is lost.
    #[allow(clippy::result_large_err, reason = "the link itself comes back")]
    pub fn split(self) -> Result<Halves<S, F, D, E>, SplitError<Self>>
    where
        S: Duplicate,
    {
        match self.get_ref().duplicate() {
            Err(error) => Err(SplitError { error, link: self }),
            Ok(other) => {
                let Self { carrier, decoder, time, has_told } = self;
                let Writer { io, .. } = carrier;
                let reader = Reader { carrier: Bare(io), decoder, time, has_told };
                Ok((reader, Writer { io: other, ..carrier }))
            }
        }
    }

    /// Puts two halves of one transport together again. The writer's handle is dropped.
    pub fn join(reader: Reader<S, F, D>, writer: Writer<S, F, E>) -> Self {
        let Reader { carrier: Bare(io), decoder, time, has_told } = reader;
        Self { carrier: Writer { io, ..writer }, decoder, time, has_told }
    }
}

/// Why a link was not split in halves: the system gave no second handle of its transport.
#[derive(Debug)]
pub struct SplitError<L> {
    /// The system's error.
    pub error: io::Error,
    /// The link, as it was.
    pub link: L,
}

impl<L> fmt::Display for SplitError<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no second handle of the transport: {}", self.error)
    }
}

impl<L: fmt::Debug> core::error::Error for SplitError<L> {}

impl<L> From<SplitError<L>> for io::Error {
    fn from(error: SplitError<L>) -> Self {
        error.error
    }
}

/// A transport of which there can be a second handle: TCP and Unix sockets.
pub trait Duplicate: Sized {
    /// Makes another handle of the same transport.
    ///
    /// # Errors
    /// Those of the system: too many open files, for example.
    fn duplicate(&self) -> io::Result<Self>;
}

impl Duplicate for std_crate::net::TcpStream {
    fn duplicate(&self) -> io::Result<Self> {
        self.try_clone()
    }
}

#[cfg(unix)]
impl Duplicate for std_crate::os::unix::net::UnixStream {
    fn duplicate(&self) -> io::Result<Self> {
        self.try_clone()
    }
}

/// A transport whose sending direction has an end of its own.
pub trait HalfClose {
    /// Ends the sending direction. The peer sees the end of the stream, and can still send.
    ///
    /// # Errors
    /// Those of the transport.
    fn half_close(&mut self) -> io::Result<()>;
}

impl HalfClose for std_crate::net::TcpStream {
    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

impl HalfClose for &std_crate::net::TcpStream {
    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl HalfClose for std_crate::os::unix::net::UnixStream {
    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl HalfClose for &std_crate::os::unix::net::UnixStream {
    fn half_close(&mut self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

#[cfg(feature = "tokio")]
pub(crate) use writer::slices;

/// Tells what an error of a transport means. tokio's transports have the same errors.
pub(crate) fn fault(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::Interrupted => Fault::Interrupted,
        // A plain stream ends by reading nothing. A link that encrypts says so when its end is missing.
        io::ErrorKind::UnexpectedEof => Fault::CutOff,
        _ => Fault::Other,
    }
}
