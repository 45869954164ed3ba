//! The made-up device as transports of embedded-io, for programs that use the adapters.

use core::convert::Infallible;

use embedded_io::{ErrorType, Read, Write};

use crate::link;

/// The receiving direction.
pub struct Receiving;

/// The sending direction.
pub struct Sending;

impl ErrorType for Receiving {
    type Error = Infallible;
}

impl ErrorType for Sending {
    type Error = Infallible;
}

impl Read for Receiving {
    #[inline(never)]
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let from = link::receive();
        buf.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        Ok(from.len().min(buf.len()))
    }
}

impl Write for Sending {
    #[inline(never)]
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(link::send(buf))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
