//! The fake transport over the traits of embedded-io-async. Its `read` and `write` are cancel-safe.

use std::future::poll_fn;
use std::io;

use embedded_io_async::{Read, Write};

use super::fake::Fake;
use super::pending::pending;

impl Read for Fake {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|_| pending(io::Read::read(self, buf))).await
    }
}

impl Write for Fake {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|_| pending(io::Write::write(self, buf))).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|_| pending(io::Write::flush(self).map(|()| 0))).await.map(|_| ())
    }
}
