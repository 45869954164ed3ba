//! Any [`embedded_io::Read`] and [`embedded_io::Write`], without `std` and without an allocator: the
//! stores are the caller's, arrays or lent slices.
//!
//! The methods behave as their namesakes in the module `std`. What differs:
//! - embedded-io has no "would block". The `try_` methods ask [`ReadReady`](::embedded_io::ReadReady) and [`WriteReady`](::embedded_io::WriteReady) first, and say
//!   `Pending` with all state kept.
//! - `Interrupted` is retried. After any other error, for example a time-out, the next call goes on where this one
//!   stopped.
//! - Flushing can take long: until a serial line is idle, or a peer has acknowledged. [`Writer::drain`] hands over
//!   what is queued and leaves it at that.
//! - There is no clock. A caller that has one passes it to [`Reader::next_frame_within`], where the transport has
//!   [`ReadReady`](::embedded_io::ReadReady).
//! - A transport has no end of its own for one direction, so [`Writer::close`](crate::std::Writer::close) is missing:
//!   flush, then close the socket.
//!
//! ```
//! use embedded_io::Read;
//! use ringframe::{Decoder, Encoder, Format, formats};
//! use ringframe_io::embedded_io::{Framed, Incoming};
//!
//! # struct Uart<'w>(&'w [u8], Vec<u8>);
//! # impl embedded_io::ErrorType for Uart<'_> { type Error = core::convert::Infallible; }
//! # impl Read for Uart<'_> {
//! #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { self.0.read(buf) }
//! # }
//! # impl embedded_io::Write for Uart<'_> {
//! #     fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
//! #         self.1.extend_from_slice(buf);
//! #         Ok(buf.len())
//! #     }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # let wire = [b"\0\x05hello\0\xc8", &[b'-'; 200][..], b"\0\x03end"].concat();
//! # let mut uart = Uart(&wire, Vec::new());
//! // Whole frames of up to 64 bytes, others in pieces; the largest reply has 32.
//! let format = formats::U16_BE.with_limit(1024);
//! let mut link = Framed::new(
//!     &mut uart,
//!     Decoder::new(format, [0; 64]),
//!     Encoder::new(format, [0; 32]),
//! );
//! while let Some(incoming) = link.next_incoming()? {
//!     let mut begins = [0; 1];
//!     match incoming {
//!         Incoming::Frame(frame) => frame.payload().read(&mut begins)?,
//!         Incoming::Large(mut payload) => payload.read(&mut begins)?, // what is not read is skipped
//!     };
//!     link.send(&begins)?;
//! }
//! # drop(link);
//! # assert_eq!(uart.1, b"\0\x01h\0\x01-\0\x01e");
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use ringframe::Frame;

use crate::embedded::Clockless;
use crate::reader::Bare;
use crate::time::Time;

mod payload;
mod reader;
mod writer;

/// Reads frames from `R`. `B` is the decoder's store.
pub type Reader<R, F, B> = crate::reader::Reader<Bare<R>, F, B, Blocking>;

/// Writes frames to `W`. `B` is the encoder's store.
pub type Writer<W, F, B> = crate::writer::Writer<W, F, B, Blocking>;

/// Both over one transport. `D` is the decoder's store, `E` the encoder's.
pub type Framed<S, F, D, E = D> = crate::reader::Reader<Writer<S, F, E>, F, D, Blocking>;

/// What [`Reader::next_incoming`] found.
pub type Incoming<'r, C, F, B> = crate::reader::Incoming<'r, C, F, B, Blocking>;

/// The payload of a frame larger than the store, as [`Read`](::embedded_io::Read).
pub type PayloadReader<'r, C, F, B> = crate::reader::PayloadReader<'r, C, F, B, Blocking>;

/// A frame, and the writer to answer it with: see [`Framed::next_request`].
pub type Request<'r, S, F, E> = (Frame<'r>, &'r mut Writer<S, F, E>);

/// Bytes that are not framed, as [`Read`](::embedded_io::Read).
pub type Unframed<'r, C, F, B> = crate::reader::Unframed<'r, C, F, B, Blocking>;

/// The payload of a frame of announced length, as [`Write`](::embedded_io::Write).
pub type PayloadWriter<'w, W, F, B> = crate::writer::PayloadWriter<'w, W, F, B, Blocking>;

/// What these adapters remember of time: nothing. It tells them from those of other modules.
#[derive(Clone, Copy, Debug)]
pub struct Blocking;

impl<S> Time<S> for Blocking {
    const NEW: Self = Self;
}

impl Clockless for Blocking {}
