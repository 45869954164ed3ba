//! Any [`embedded_io_async::Read`] and [`embedded_io_async::Write`], without `std` and without an
//! allocator: embassy's sockets and serial ports. The stores are the user's, arrays or lent slices.
//!
//! It has what the module `embedded_io` has, with `.await`; also there is no clock: put a time-out around a call,
//! and ask `decoder().is_mid_frame()` whether a frame had begun. Flushing can take long, too: that of embassy-net waits
//! until the peer has acknowledged everything. [`Writer::drain`] hands over what is queued and leaves it at that.
//!
//! # What a dropped future leaves behind
//! Calls can be dropped half-way, by a time-out or a `select`, as long as the transport's own can: "cancel-safe"
//! means here that reading, or writing, adds no loss to that of the transport's `read` and `write`. (Those of
//! embassy-net lose nothing. One that has DMA under way may.)
//!
//! - Reading is cancel-safe: a byte that was read is kept for the next call.
//! - Writing is, by way of the store: a frame is queued whole or not at all, and what was not sent stays queued.
//! - A frame larger than the store goes out past it, from the caller's own memory, which a dropped call can't send
//!   the rest of. So half-way through it the writer refuses every other frame with [`EncodeError::MidPayload`], until
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
//!     while let Some(frame) = link.read_frame().await? {
//!         let mut reply = [0; 510];
//!         let n = frame.payload().len();
//!         reply[..n].copy_from_slice(frame.payload());
//!         reply.make_ascii_uppercase();
//!         link.push(&[], &reply[..n]).await?;
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

use core::task::Poll;

use ::embedded_io_async::{ErrorType, Read, ReadReady, Write, WriteReady};
use ringframe::{Decoder, EncodeError, Encoder, Event, Format, Frame, Status, Store};

use crate::access::{access, large};
use crate::embedded::{self, adapter, reading, writing};
use crate::{ReadError, WriteError, incoming, outgoing};

macro_rules! wait {
    ($call:expr) => {
        $call.await
    };
}

macro_rules! cancel_safe {
    ($why:literal) => {
        concat!("Cancel-safe: ", $why)
    };
}

adapter!(async);
