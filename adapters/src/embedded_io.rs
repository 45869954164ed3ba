//! Any [`embedded_io::Read`] and [`embedded_io::Write`], without `std` and without an allocator: the
//! stores are the user's, arrays or lent slices.
//!
//! What is there behaves as its namesake in the module `std`. What differs:
//! - embedded-io has no "would block". The `try_` methods ask [`ReadReady`] and [`WriteReady`] first, and say
//!   `Pending` with all state kept.
//! - `Interrupted` is retried. After any other error, a time-out say, the next call goes on where this one stopped.
//! - Flushing can take long: until a serial line is idle, or a peer has acknowledged. [`Writer::drain`] hands over
//!   what is queued and leaves it at that.
//! - There is no clock: a user that has one keeps its own time, and asks `decoder().is_mid_frame()`.
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
//! while let Some(incoming) = link.read()? {
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

use core::task::Poll;

use ::embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};
use ringframe::{Decoder, EncodeError, Encoder, Event, Format, Frame, Status, Store};

use crate::access::{access, large};
use crate::embedded::{self, adapter, reading, writing};
use crate::{ReadError, WriteError, incoming, outgoing};

macro_rules! wait {
    ($call:expr) => {
        $call
    };
}

macro_rules! cancel_safe {
    ($why:literal) => {
        ""
    };
}

adapter!();
