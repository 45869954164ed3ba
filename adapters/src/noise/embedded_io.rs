//! Links over any [`embedded_io::Read`](Read) and [`embedded_io::Write`](Write), without `std` and without an
//! allocator. Beside the buffers that are the user's, a link takes some 4,200 bytes of memory.

use ::embedded_io::{ErrorType, Read, Write};
use ringframe::Store;

#[cfg(doc)]
use super::LinkError;
pub use super::embedded::Error;
use super::embedded::{halves, moved};
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
