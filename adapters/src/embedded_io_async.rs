//! Any [`embedded_io_async::Read`] and [`embedded_io_async::Write`], without `std` and without an
//! allocator: embassy's sockets and serial ports. The stores are the caller's, arrays or lent slices.
//!
//! The methods behave as their namesakes in the module `std`, with `.await`. What differs:
//! - There is no clock: put a time-out around a call, and ask `decoder().is_mid_frame()` whether a frame had begun.
//! - Flushing can take long. That of embassy-net waits until the peer has acknowledged everything. [`Writer::drain`]
//!   hands over what is queued and leaves it at that.
//! - A transport has no end of its own for one direction, so [`Writer::close`](crate::std::Writer::close) is missing:
//!   flush, then close the socket.
//! - After `Interrupted` a call yields to other tasks, then goes on.
//!
//! # What a dropped future leaves behind
//! Calls can be dropped half-way, by a time-out or a `select`, as long as the transport's own can: "cancel-safe"
//! means here that reading, or writing, adds no loss to that of the transport's `read` and `write`. (Those of
//! embassy-net lose nothing. One that has DMA under way may.)
//!
//! - Reading is cancel-safe: a byte that was read is kept for the next call.
//! - Writing is, by way of the store: a frame is queued whole or not at all, and what was not sent stays queued.
//! - A frame larger than the store goes out past it, from the caller's own memory, which a dropped call can't send
//!   the rest of. So half-way through it the writer refuses every other frame with [`EncodeError::MidPayload`](ringframe::EncodeError::MidPayload), until
//!   [`Writer::resume`] has written the missing bytes.
//!
//! ```
//! use embedded_io_async::{Read, Write};
//! use ringframe::{Decoder, Encoder, formats};
//! use ringframe_io::embedded_io_async::Framed;
//!
//! /// Answers each message with the same in capitals, until the peer has no more.
//! async fn serve<S: Read + Write>(socket: S) -> Result<(), Box<dyn core::error::Error>>
//! # where S::Error: 'static
//! {
//!     let mut link = Framed::new(
//!         socket,
//!         Decoder::new(formats::U16_BE, [0; 512]),
//!         Encoder::new(formats::U16_BE, [0; 512]),
//!     );
//!     while let Some(frame) = link.next_frame().await? {
//!         let mut reply = [0; 510];
//!         let n = frame.payload().len();
//!         reply[..n].copy_from_slice(frame.payload());
//!         reply.make_ascii_uppercase();
//!         link.push(&reply[..n]).await?;
//!         if !link.is_ready() {
//!             link.drain().await?; // the replies to all requests that came together leave together
//!         }
//!     }
//!     Ok(link.flush().await?)
//! }
//! # struct Socket(&'static [u8], Vec<u8>);
//! # impl embedded_io_async::ErrorType for Socket { type Error = core::convert::Infallible; }
//! # impl Read for Socket {
//! #     async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { self.0.read(buf).await }
//! # }
//! # impl Write for Socket {
//! #     async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
//! #         self.1.extend_from_slice(buf);
//! #         Ok(buf.len())
//! #     }
//! #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # let mut socket = Socket(b"\0\x05hello\0\x02hi", Vec::new());
//! # let mut context = core::task::Context::from_waker(core::task::Waker::noop());
//! # let poll = Future::poll(core::pin::pin!(serve(&mut socket)), &mut context);
//! # assert!(matches!(poll, core::task::Poll::Ready(Ok(()))));
//! # assert_eq!(socket.1, b"\0\x05HELLO\0\x02HI");
//! ```

use ringframe::Frame;

use crate::embedded::Clockless;
use crate::reader::Bare;
use crate::time::Time;

mod payload;
mod reader;
mod writer;

/// Reads frames from `R`. `B` is the decoder's store.
pub type Reader<R, F, B> = crate::reader::Reader<Bare<R>, F, B, Tasks>;

/// Writes frames to `W`. `B` is the encoder's store.
pub type Writer<W, F, B> = crate::writer::Writer<W, F, B, Tasks>;

/// Both over one transport. `D` is the decoder's store, `E` the encoder's.
pub type Framed<S, F, D, E = D> = crate::reader::Reader<Writer<S, F, E>, F, D, Tasks>;

/// What [`Reader::next_incoming`] found.
pub type Incoming<'r, C, F, B> = crate::reader::Incoming<'r, C, F, B, Tasks>;

/// The payload of a frame larger than the store, as [`Read`](::embedded_io_async::Read).
pub type PayloadReader<'r, C, F, B> = crate::reader::PayloadReader<'r, C, F, B, Tasks>;

/// A frame, and the writer to answer it with: see [`Framed::next_request`].
pub type Request<'r, S, F, E> = (Frame<'r>, &'r mut Writer<S, F, E>);

/// Bytes that are not framed, as [`Read`](::embedded_io_async::Read).
pub type Unframed<'r, C, F, B> = crate::reader::Unframed<'r, C, F, B, Tasks>;

/// The payload of a frame of announced length, as [`Write`](::embedded_io_async::Write).
pub type PayloadWriter<'w, W, F, B> = crate::writer::PayloadWriter<'w, W, F, B, Tasks>;

/// What these adapters remember of time: nothing. It tells them from those of other modules.
#[derive(Clone, Copy, Debug)]
pub struct Tasks;

impl<S> Time<S> for Tasks {
    const NEW: Self = Self;
}

impl Clockless for Tasks {}
