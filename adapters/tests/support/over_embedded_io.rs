//! The fake transport over embedded-io's traits, with `std`'s errors, which are errors there, too.

use std::io::{self, ErrorKind};

use embedded_io::{Error, ErrorType, Read, ReadReady, Write, WriteReady};
use ringframe_io::{ReadError, WriteError};

use crate::suite::fake::Fake;

impl ErrorType for Fake {
    type Error = io::Error;
}

impl Read for Fake {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        io::Read::read(self, buf)
    }
}

impl Write for Fake {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::Write::write(self, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(self)
    }
}

impl ReadReady for Fake {
    fn read_ready(&mut self) -> io::Result<bool> {
        self.is_ready()
    }
}

impl WriteReady for Fake {
    fn write_ready(&mut self) -> io::Result<bool> {
        self.is_ready()
    }
}

pub(crate) fn read_error(error: ReadError<io::Error>) -> ReadError<io::Error> {
    error
}

pub(crate) fn write_error(error: WriteError<io::Error>) -> WriteError<io::Error> {
    error
}

pub(crate) fn kind_of_read_error(error: &ReadError<io::Error>) -> ErrorKind {
    kind(error.kind())
}

pub(crate) fn kind_of_write_error(error: &WriteError<io::Error>) -> ErrorKind {
    kind(error.kind())
}

/// The kind of the same name.
fn kind(kind: embedded_io::ErrorKind) -> ErrorKind {
    use embedded_io::ErrorKind as Kind;
    match kind {
        Kind::BrokenPipe => ErrorKind::BrokenPipe,
        Kind::ConnectionReset => ErrorKind::ConnectionReset,
        Kind::InvalidData => ErrorKind::InvalidData,
        Kind::InvalidInput => ErrorKind::InvalidInput,
        Kind::TimedOut => ErrorKind::TimedOut,
        Kind::WriteZero => ErrorKind::WriteZero,
        _ => ErrorKind::Other,
    }
}

#[test]
fn a_truncated_stream_is_invalid_data() {
    let end = ringframe::EndError::TruncatedPayload { missing: 1 };
    let error: ReadError<io::Error> = ReadError::Truncated(end);
    assert_eq!(error.kind(), embedded_io::ErrorKind::InvalidData);
}
