//! Any [`tokio::io::AsyncRead`] and [`AsyncWrite`](::tokio::io::AsyncWrite). For
//! tokio-util's `Framed` there is a [`codec`].
//!
//! Reading is as cancel-safe as the transport's `poll_read`, which for tokio's own is entirely. Writing is
//! cancel-safe where a frame passes through the store. Each method says so. After `Interrupted` a call
//! yields to other tasks, then goes on.
//!
//! A payload larger than the store is an [`AsyncRead`](::tokio::io::AsyncRead), or an
//! [`AsyncWrite`](::tokio::io::AsyncWrite), of its own. Such frames need a format that names a limit: see
//! [`Format::with_limit`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use ringframe::formats;
//! use ringframe_io::tokio::Framed;
//!
//! let (near, far) = tokio::io::duplex(1024);
//! let server = async {
//!     let mut link = Framed::with_capacity(far, formats::U32_BE, 4096)?;
//!     while let Some((frame, writer)) = link.next_request().await? {
//!         writer.send(&frame.payload().to_ascii_uppercase()).await?;
//!     }
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! };
//! let client = async {
//!     let mut link = Framed::with_capacity(near, formats::U32_BE, 4096)?;
//!     link.send(b"hello").await?;
//!     assert_eq!(link.next_frame().await?.ok_or("closed")?.payload(), b"HELLO");
//!     Ok(())
//! };
//! tokio::try_join!(server, client)?;
//! # Ok(()) }
//! ```

use ringframe::{Format, Frame};

use crate::reader::Bare;

pub mod codec;
mod payload;
mod reader;
mod time;
mod writer;

pub use time::{Progress, ReadTime, WriteTime};

/// Reads frames from `R`. `B` is the decoder's store.
pub type Reader<R, F, B> = crate::reader::Reader<Bare<R>, F, B, ReadTime>;

/// Writes frames to `W`. `B` is the encoder's store.
pub type Writer<W, F, B> = crate::writer::Writer<W, F, B, WriteTime<W>>;

/// Both over one transport. `D` is the decoder's store, `E` the encoder's.
pub type Framed<S, F, D, E = D> = crate::reader::Reader<Writer<S, F, E>, F, D, ReadTime>;

/// What [`Reader::next_incoming`] found.
pub type Incoming<'r, C, F, B> = crate::reader::Incoming<'r, C, F, B, ReadTime>;

/// The payload of a frame larger than the store, as [`AsyncRead`](::tokio::io::AsyncRead).
pub type PayloadReader<'r, C, F, B> = crate::reader::PayloadReader<'r, C, F, B, ReadTime>;

/// A frame, and the writer to answer it with: see [`Framed::next_request`].
pub type Request<'r, S, F, E> = (Frame<'r>, &'r mut Writer<S, F, E>);

/// Bytes that are not framed, as [`AsyncRead`](::tokio::io::AsyncRead).
pub type Unframed<'r, C, F, B> = crate::reader::Unframed<'r, C, F, B, ReadTime>;

/// The payload of a frame of announced length, as [`AsyncWrite`](::tokio::io::AsyncWrite).
pub type PayloadWriter<'w, W, F, B> = crate::writer::PayloadWriter<'w, W, F, B, WriteTime<W>>;

impl<S, F: Format, D, E> Framed<S, F, D, E> {
    /// Makes a half for each direction, for two tasks. `split` makes two of the transport, as its own method
    /// most often does: `link.split(TcpStream::into_split)`, `link.split(tokio::io::split)`.
    ///
    /// Time-outs stay. Only a write patience that goes by [`Progress`] must be set anew: it asks the transport,
    /// which is another one now.
    pub fn split<R, W>(self, split: impl FnOnce(S) -> (R, W)) -> (Reader<R, F, D>, Writer<W, F, E>) {
        let Self { carrier: Writer { io, encoder, time: write_time }, decoder, time, has_told } = self;
        let (read, write) = split(io);
        let writer = Writer { io: write, encoder, time: write_time.of_another_transport() };
        (Reader { carrier: Bare(read), decoder, time, has_told }, writer)
    }

    /// Puts two halves together again. `join` makes one transport of theirs, and may fail:
    /// `Framed::join(reader, writer, OwnedReadHalf::reunite)`. Time-outs stay as in [`split`](Self::split).
    ///
    /// # Errors
    /// Those of `join`. The halves have no use then, unless its error has them.
    pub fn join<R, W, X>(
        reader: Reader<R, F, D>,
        writer: Writer<W, F, E>,
        join: impl FnOnce(R, W) -> Result<S, X>,
    ) -> Result<Self, X> {
        let Reader { carrier: Bare(read), decoder, time, has_told } = reader;
        let Writer { io: write, encoder, time: write_time } = writer;
        let io = join(read, write)?;
        let writer = Writer { io, encoder, time: write_time.of_another_transport() };
        Ok(Self { carrier: writer, decoder, time, has_told })
    }
}
