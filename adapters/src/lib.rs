//! [`ringframe`]'s codec joined to transports. The codec does the framing. Here are only the loops that
//! move bytes, one module an ecosystem:
//!
//! | module | feature | transports |
//! |---|---|---|
//! | [`std`](mod@std) | `std` (default) | any `std::io::Read` and `Write` |
//! | [`tcp`] | `tcp` | options of TCP sockets, connecting, listening |
//! | [`tokio`](mod@tokio) | `tokio` | any `tokio::io::AsyncRead` and `AsyncWrite` |
//! | [`tokio::codec`] | `tokio` | the same by tokio-util's `Framed`: a drop-in for its `LengthDelimitedCodec` |
//! | [`embedded_io`](mod@embedded_io) | `embedded-io` | any `embedded_io::Read` and `Write`, without `std` |
//! | [`embedded_io_async`](mod@embedded_io_async) | `embedded-io-async` | the same of embedded-io-async: embassy |
//! | [`noise`] | `noise` | authenticated, encrypted links, over those or over anything, without `std` |
//!
//! # Operations
//! Each of the four ecosystems has a `Reader`, a `Writer`, and a `Framed` for both directions. An operation has the
//! same name in all of them. Where one has it not, the table says why.
//!
//! | reading | std | tokio | embedded-io | embedded-io-async |
//! |---|---|---|---|---|
//! | `next_frame` | ✓ | ✓ | ✓ | ✓ |
//! | `peek_frame` | ✓ | ✓ | ✓ | ✓ |
//! | `next_event` | ✓ | ✓ | ✓ | ✓ |
//! | `next_incoming` | ✓ | ✓ | ✓ | ✓ |
//! | `next_request` | ✓ | ✓ | ✓ | ✓ |
//! | `resume` | ✓ | ✓ | ✓ | ✓ |
//! | `unframed` | ✓ | ✓ | ✓ | ✓ |
//! | `read_ahead` | ✓ | ✓ | ✓ | ✓ |
//! | `is_ready` | ✓ | ✓ | ✓ | ✓ |
//! | `discard` | ✓ | ✓ | ✓ | ✓ |
//! | `reset` | ✓ | ✓ | ✓ | ✓ |
//! | `resync` | ✓ | ✓ | ✓ | ✓ |
//! | `decoder_mut` | ✓ | ✓ | ✓ | ✓ |
//! | `try_next_frame` | ✓ | a task waits instead | ✓ | ✓ |
//! | `set_patience` | ✓ | ✓ | no clock: see `next_frame_within` | no clock: put a time-out around a call |
//! | `next_frame_within` | the system keeps the time: see `set_patience` | tokio keeps the time: see `set_patience` | ✓ | put a time-out around `next_frame` |
//!
//! | writing | std | tokio | embedded-io | embedded-io-async |
//! |---|---|---|---|---|
//! | `send` | ✓ | ✓ | ✓ | ✓ |
//! | `push` | ✓ | ✓ | ✓ | ✓ |
//! | `push_with` | ✓ | ✓ | ✓ | ✓ |
//! | `push_message` | ✓ | ✓ | ✓ | ✓ |
//! | `announce` | ✓ | ✓ | ✓ | ✓ |
//! | `resume` | ✓ | ✓ | ✓ | ✓ |
//! | `write_unframed` | ✓ | ✓ | ✓ | ✓ |
//! | `flush` | ✓ | ✓ | ✓ | ✓ |
//! | `drain` | ✓ | ✓ | ✓ | ✓ |
//! | `encoder_mut` | ✓ | ✓ | ✓ | ✓ |
//! | `try_flush` | ✓ | a task waits instead | a flush has no "not now": see `try_drain` | a flush has no "not now": see `try_drain` |
//! | `try_drain` | ✓ | a task waits instead | ✓ | ✓ |
//! | `close` | ✓ | ✓ | a transport has no end for one direction: flush, then close the socket | the same |
//! | `set_write_patience` | ✓ | ✓ | no clock | no clock: put a time-out around a call |
//! | `set_flush_timeout` | a socket's time-out covers its flush | ✓ | no clock | no clock: put a time-out around `flush` |
//!
//! | both directions | std | tokio | embedded-io | embedded-io-async |
//! |---|---|---|---|---|
//! | `split` | ✓ | ✓ | ✓ | ✓ |
//! | `join` | ✓ | ✓ | ✓ | ✓ |
//! | `into_parts` | ✓ | ✓ | ✓ | ✓ |
//!
//! A large payload, and unframed bytes, are a `Read`, an `AsyncRead`, or an `embedded_io::Read`; they fill the caller's
//! buffer. std's are a `BufRead` as well.
//!
//! The feature `postcard` adds typed messages, `defmt` lets the errors be logged on a device. All
//! features build with Rust 1.85 and later.
//!
//! ```
//! # #[cfg(feature = "std")] fn main() -> Result<(), Box<dyn core::error::Error>> {
//! use ringframe::formats;
//! use ringframe_io::std::{Reader, Writer};
//!
//! let mut wire = Vec::new();
//! let mut writer = Writer::with_capacity(&mut wire, formats::U32_BE, 4096)?;
//! writer.send(b"hello")?;
//!
//! let mut reader = Reader::with_capacity(&wire[..], formats::U32_BE, 4096)?;
//! while let Some(frame) = reader.next_frame()? {
//!     assert_eq!(frame.payload(), b"hello");
//! }
//! # Ok(()) }
//! # #[cfg(not(feature = "std"))] fn main() {}
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "std")]
extern crate std as std_crate;

#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async", feature = "noise"))]
mod copy;
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod embedded;
#[cfg(feature = "embedded-io")]
pub mod embedded_io;
#[cfg(feature = "embedded-io-async")]
pub mod embedded_io_async;
mod error;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod inbound;
#[cfg(feature = "noise")]
pub mod noise;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod outbound;
#[cfg(any(feature = "std", feature = "embedded-io"))]
mod patience;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
pub mod reader;
#[cfg(feature = "std")]
pub mod std;
#[cfg(any(feature = "tokio", feature = "embedded-io-async"))]
mod tasks;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod time;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
pub mod writer;

pub use error::{ReadError, WriteError};
#[cfg(any(feature = "std", feature = "embedded-io"))]
pub use patience::{Patience, Watch};
