//! Links over any [`embedded_io::Read`] and [`embedded_io::Write`], without `std` and without an
//! allocator.
//!
//! Two things are the device's own: 32 fresh random bytes for each link, and the end of the transport's direction, to
//! close once [`WriteHalf::end`] has sent that of the link.

use ::embedded_io::{ErrorType, Read, Write};
use ringframe::Store;

#[cfg(doc)]
use super::LinkError;
pub use super::embedded::Error;
use super::embedded::{done, halves};
use super::receiver::{Chunk, Receiver};
use super::{Ephemeral, Handshake, HandshakeError, Key, Sealer};

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

halves!();
