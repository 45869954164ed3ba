//! How a link ended, as far as one side of it can see: the one place for the words that servers and clients have for
//! it, and for the exit codes.

use std::fmt::Display;
use std::io;

use ringframe_io::noise::LinkError;
use ringframe_io::{ReadError, WriteError};

use crate::failure::Code;

/// What ended a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The peer closed its sending direction between frames. Whether it still listens shows only when something is
    /// sent to it.
    Closed,
    /// The same, and it took what was sent after that.
    HalfClosed,
    /// Nothing did: all was said, and the peer kept its side open.
    Left,
    /// The peer closed its sending direction inside a frame.
    InsideFrame,
    /// The peer, or something on the way, gave the connection up.
    Reset,
    /// Nothing comes any more, whether or not the peer is still there.
    Silent,
    /// The system found that nothing comes any more: the peer, or the way to it, is gone.
    Unreachable,
    /// What comes, or is taken, does so too slowly.
    TooSlow,
    /// What came can't be a frame.
    BrokeProtocol,
    /// A message of an authenticated link is not what the peer sent.
    Tampered,
    /// An authenticated link ended without the message that ends it: somebody cut it, or the peer broke off.
    CutOff,
    /// It was not the peer's doing.
    Failed,
}

impl Ending {
    /// The word for it in the line that says how a connection ended.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfClosed => "half-closed",
            Self::Left => "open, and left",
            Self::InsideFrame => "closed inside a frame",
            Self::Reset => "reset",
            Self::Silent | Self::Unreachable => "silent",
            Self::TooSlow => "too slow",
            Self::BrokeProtocol => "broke the protocol",
            Self::Tampered => "tampered",
            Self::CutOff => "cut off",
            Self::Failed => "failed",
        }
    }

    /// What a command exits with, unless everything was there that it asked for.
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::Closed
            | Self::HalfClosed
            | Self::Left
            | Self::Reset
            | Self::Silent
            | Self::Unreachable
            | Self::TooSlow => Code::Connection,
            Self::InsideFrame | Self::BrokeProtocol => Code::Protocol,
            Self::Tampered | Self::CutOff => Code::Integrity,
            Self::Failed => Code::Other,
        }
    }
}

/// What is wrong with an authenticated link, if that is why its transport failed.
pub(crate) fn link_error(error: &io::Error) -> Option<&LinkError> {
    error.get_ref()?.downcast_ref()
}

impl From<&io::Error> for Ending {
    fn from(error: &io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, HostUnreachable, NetworkDown, NetworkUnreachable,
            NotConnected, TimedOut,
        };
        match link_error(error) {
            None => {}
            Some(LinkError::Authentication) => return Self::Tampered,
            Some(LinkError::Truncated) => return Self::CutOff,
            Some(LinkError::Length { .. } | LinkError::AfterEnd) => return Self::BrokeProtocol,
            Some(_) => return Self::Failed,
        }
        match error.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected => Self::Reset,
            // The system's own: unanswered keep-alive probes, or data, for so long.
            TimedOut | HostUnreachable | NetworkUnreachable | NetworkDown => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

impl From<&ReadError<io::Error>> for Ending {
    fn from(error: &ReadError<io::Error>) -> Self {
        match error {
            ReadError::Protocol(_) => Self::BrokeProtocol,
            ReadError::Truncated(_) => Self::InsideFrame,
            ReadError::Idle { .. } => Self::Silent,
            ReadError::TooSlow { .. } => Self::TooSlow,
            ReadError::Io(error) | ReadError::CutOff(error) => error.into(),
            _ => Self::Failed,
        }
    }
}

impl From<&WriteError<io::Error>> for Ending {
    fn from(error: &WriteError<io::Error>) -> Self {
        match error {
            WriteError::Stalled { .. } | WriteError::NotFlushed { .. } => Self::TooSlow,
            WriteError::WriteZero => Self::Reset,
            WriteError::Io(error) | WriteError::NotQueued(error) => error.into(),
            _ => Self::Failed,
        }
    }
}

/// How a link ended, and what to say of it: the error's own words, and what the system's word for a dead peer means.
pub(crate) fn of<'e, E: Display>(error: &'e E) -> (Ending, String)
where
    Ending: From<&'e E>,
{
    let ending = Ending::from(error);
    let said = if ending == Ending::Unreachable {
        format!("no answer to data or to keep-alive probes: the peer or the way to it is gone ({error})")
    } else {
        error.to_string()
    };
    (ending, said)
}
