//! What the errors of `std` stand for, which are tokio's too: one holds ours, or is the transport's.

use std::io::{self, ErrorKind};

use ringframe_io::{ReadError, WriteError};

pub(crate) fn read_error(error: io::Error) -> ReadError<io::Error> {
    let kind = error.kind();
    match error.downcast::<ReadError<io::Error>>() {
        Ok(inner) => {
            assert_eq!(kind, kind_of_read_error(&inner));
            inner
        }
        Err(error) if kind == ErrorKind::UnexpectedEof => ReadError::CutOff(error),
        Err(error) => ReadError::Io(error),
    }
}

pub(crate) fn write_error(error: io::Error) -> WriteError<io::Error> {
    let kind = error.kind();
    match error.downcast::<WriteError<io::Error>>() {
        Ok(inner) => {
            assert_eq!(kind, kind_of_write_error(&inner));
            inner
        }
        Err(error) => WriteError::Io(error),
    }
}

pub(crate) fn kind_of_read_error(error: &ReadError<io::Error>) -> ErrorKind {
    let same = match *error {
        ReadError::Io(ref error) | ReadError::CutOff(ref error) => return error.kind(),
        ReadError::Protocol(error) => ReadError::Protocol(error),
        ReadError::Truncated(error) => ReadError::Truncated(error),
        ReadError::Overrun { claimed, offered } => ReadError::Overrun { claimed, offered },
        ReadError::Idle { allowed } => ReadError::Idle { allowed },
        ReadError::TooSlow { allowed, missing } => ReadError::TooSlow { allowed, missing },
        _ => panic!("a new one: {error}"),
    };
    io::Error::from(same).kind()
}

pub(crate) fn kind_of_write_error(error: &WriteError<io::Error>) -> ErrorKind {
    let same = match *error {
        WriteError::Io(ref error) | WriteError::NotQueued(ref error) => return error.kind(),
        WriteError::Encode(error) => WriteError::Encode(error),
        WriteError::WriteZero => WriteError::WriteZero,
        WriteError::Overrun { claimed, offered } => WriteError::Overrun { claimed, offered },
        WriteError::Stalled { allowed, queued } => WriteError::Stalled { allowed, queued },
        WriteError::NotFlushed { allowed } => WriteError::NotFlushed { allowed },
        _ => panic!("a new one: {error}"),
    };
    io::Error::from(same).kind()
}

#[test]
fn a_truncated_stream_is_an_unexpected_end() {
    let end = ringframe::EndError::TruncatedPayload { missing: 1 };
    assert_eq!(kind_of_read_error(&ReadError::Truncated(end)), ErrorKind::UnexpectedEof);
}
