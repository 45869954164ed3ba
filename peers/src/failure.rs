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
    /// What came is not what was sent.
    Integrity = 7,
    /// ^C.
    Interrupted = 130,
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: Option<String>,
}

/// A wire format that a ring can't serve was asked for.
impl From<ringframe::ConfigError> for Failure {
    fn from(error: ringframe::ConfigError) -> Self {
        Self::new(Code::Usage, error.to_string())
    }
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: code as u8, message: Some(message.into()) }
    }

    /// Ends with the code of a command that ran elsewhere; 0 is no failure.
    pub(crate) fn remote(code: u8) -> Result<(), Self> {
        if code == 0 { Ok(()) } else { Err(Self { code, message: None }) }
    }

    /// The same failure where the codes are those of a remote command, and 255 says that there is none. What is
    /// wrong on our own command line, and a quiet end, stay what they are.
    pub(crate) fn without_a_code(mut self) -> Self {
        const OURS: [u8; 3] = [0, Code::Usage as u8, Code::Interrupted as u8];
        if !OURS.contains(&self.code) {
            self.code = u8::MAX;
        }
        self
    }

    /// Ends the command without a word: standard output was closed, whose reader has what it wanted.
    fn quiet() -> Self {
        Self { code: 0, message: None }
    }

    /// Ends with that code; what is wrong was said already.
    pub(crate) fn reported(code: Code) -> Self {
        Self { code: code as u8, message: None }
    }

    pub(crate) fn interrupted() -> Self {
        Self { code: Code::Interrupted as u8, message: None }
    }

    /// Says what it is about, in front of why.
    pub(crate) fn of(self, what: &str) -> Self {
        Self { message: self.message.map(|why| format!("{what}: {why}")), ..self }
    }

    /// The same, with more in its sentence.
    pub(crate) fn with(self, more: &str) -> Self {
        Self { message: self.message.map(|message| format!("{message} ({more})")), ..self }
    }

    pub(crate) fn is(&self, code: Code) -> bool {
        self.code == code as u8
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
