//! Links over any [`embedded_io_async::Read`](Read) and [`embedded_io_async::Write`](Write), without `std` and without
//! an allocator. Beside the buffers that are the user's, a link takes some 4,200 bytes of memory.

use ::embedded_io_async::{ErrorType, Read, Write};
use ringframe::Store;

#[cfg(doc)]
use super::LinkError;
pub use super::embedded::Error;
use super::embedded::{halves, moved};
use super::receiver::{Chunk, Receiver};
use super::{Ephemeral, Handshake, HandshakeError, Key, Sealer};

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

halves!(async);
