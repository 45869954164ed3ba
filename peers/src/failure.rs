//! How a command fails: an exit code that scripts can rely on, and a sentence.

use std::io;
use std::process::ExitCode;

use ringframe_io::{ReadError, WriteError};

/// The exit codes; 0 is success, 2 is also what clap exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Anything without a code of its own.
    Other = 1,
    /// A wrong flag, an impossible wire format.
    Usage = 2,
    /// Refused, reset, timed out, or closed between frames with replies still missing.
    Connection = 4,
    /// The peer broke the protocol.
    Protocol = 5,
    /// Refused by policy.
    Policy = 6,
    /// ^C.
    Interrupted = 130,
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: code as u8, message: Some(message.into()) }
    }

    /// Ends the command without a word: standard output was closed, whose reader has what it wanted.
    fn quiet() -> Self {
        Self { code: 0, message: None }
    }

    pub(crate) fn interrupted() -> Self {
        Self { code: Code::Interrupted as u8, message: None }
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    /// Standard output can't be written.
    pub(crate) fn stdout(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::quiet(),
            _ => Self::new(Code::Other, format!("can't write to standard output: {error}")),
        }
    }

    /// Reading frames from `whom` failed.
    pub(crate) fn read(whom: &str, error: &ReadError<io::Error>) -> Self {
        let code = match error {
            ReadError::Protocol(_) | ReadError::Truncated(_) => Code::Protocol,
            ReadError::Io(error) if !is_connection(error) => Code::Other,
            _ => Code::Connection,
        };
        Self::new(code, format!("{whom}: {error}"))
    }

    /// Writing frames to `whom` failed.
    pub(crate) fn write(whom: &str, error: &WriteError<io::Error>) -> Self {
        let code = match error {
            WriteError::Encode(_) => Code::Other,
            WriteError::Io(error) if !is_connection(error) => Code::Other,
            _ => Code::Connection,
        };
        Self::new(code, format!("{whom}: {error}"))
    }
}

/// Whether an error says that the peer or the way to it is gone, rather than something here.
pub(crate) fn is_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable,
        NetworkUnreachable, NotConnected, TimedOut,
    };
    matches!(
        error.kind(),
        BrokenPipe
            | ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkUnreachable
            | NotConnected
            | TimedOut
    )
}
