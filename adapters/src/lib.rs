//! [`ringframe`]'s codec joined to transports. The codec does the framing; here are only the loops that
//! move bytes, one module an ecosystem; what two of them have has the same name:
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
//! while let Some(frame) = reader.read_frame()? {
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

#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod access;
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
mod incoming;
#[cfg(feature = "noise")]
pub mod noise;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod outgoing;
#[cfg(feature = "std")]
mod patience;
#[cfg(feature = "std")]
pub mod std;
#[cfg(feature = "tcp")]
pub mod tcp;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::{ReadError, WriteError};
#[cfg(feature = "std")]
pub use patience::Patience;
