//! The errors of all adapters. `E` is the transport's own.

use core::fmt;
use core::time::Duration;
#[cfg(feature = "std")]
use std_crate::io;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use ::embedded_io::{Error, ErrorKind};
use ringframe::{DecodeError, EncodeError, EndError, FilledError};

/// Why reading gave no frame.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The transport failed. All state is kept: after `WouldBlock` or a time-out the next call goes on.
    Io(E),
    /// The peer broke the protocol. Every later call repeats it.
    Protocol(DecodeError),
    /// The peer's stream ended inside a frame.
    Truncated(EndError),
    /// The transport is at fault: it claims to have read more than it was given room for. Nothing of that was
    /// taken.
    Overrun(FilledError),
    /// No frame began within the time allowed between frames. The next call waits as long again.
    Idle {
        /// What was allowed.
        allowed: Duration,
    },
    /// A frame began but was not complete within the time allowed for its length. Every later call repeats
    /// it.
    TooSlow {
        /// What was allowed.
        allowed: Duration,
        /// How many bytes of it are missing at least.
        missing: usize,
    },
}

impl<E> From<DecodeError> for ReadError<E> {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error)
    }
}

impl<E> From<EndError> for ReadError<E> {
    fn from(error: EndError) -> Self {
        Self::Truncated(error)
    }
}

impl<E> From<FilledError> for ReadError<E> {
    fn from(error: FilledError) -> Self {
        Self::Overrun(error)
    }
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "reading failed: {error}"),
            Self::Protocol(error) => error.fmt(f),
            Self::Truncated(error) => error.fmt(f),
            Self::Overrun(FilledError { filled, space }) => {
                write!(f, "reading failed: the transport claims {filled} bytes where {space} had room")
            }
            Self::Idle { allowed } => write!(f, "no frame began within {allowed:?}"),
            Self::TooSlow { allowed, missing } => {
                write!(f, "a frame was not complete within {allowed:?}: {missing} bytes or more are missing")
            }
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            // `Display` hands these on; a chain would say them twice.
            Self::Protocol(_)
            | Self::Truncated(_)
            | Self::Overrun(_)
            | Self::Idle { .. }
            | Self::TooSlow { .. } => None,
        }
    }
}

/// For who returns `std::io::Result`: the transport's own error as it is, any other with its kind and with this in it.
/// What the peer sent wrong is `InvalidData`, an end inside a frame `UnexpectedEof`.
#[cfg(feature = "std")]
impl From<ReadError<Self>> for io::Error {
    fn from(error: ReadError<Self>) -> Self {
        let kind = match error {
            ReadError::Io(error) => return error,
            ReadError::Protocol(_) => io::ErrorKind::InvalidData,
            ReadError::Truncated(_) => io::ErrorKind::UnexpectedEof,
            ReadError::Overrun(_) => io::ErrorKind::Other,
            ReadError::Idle { .. } | ReadError::TooSlow { .. } => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// What a payload's reader says of it. There is no kind for an end that came too early; like a header that
/// can't be, it is `InvalidData`.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<E: Error + 'static> Error for ReadError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::Protocol(_) | Self::Truncated(_) => ErrorKind::InvalidData,
            Self::Overrun(_) => ErrorKind::Other,
            Self::Idle { .. } | Self::TooSlow { .. } => ErrorKind::TimedOut,
        }
    }
}

/// Why a frame was not written.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The transport failed. What was queued stays queued: after `WouldBlock` or a time-out, flush again.
    Io(E),
    /// The frame can't be encoded, or one of announced length is still under way. Nothing was queued.
    Encode(EncodeError),
    /// The transport takes no more bytes: a write answered 0.
    WriteZero,
    /// The peer took nothing for the time allowed. What was queued stays queued.
    Stalled {
        /// What was allowed.
        allowed: Duration,
    },
}

impl<E> From<EncodeError> for WriteError<E> {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "writing failed: {error}"),
            Self::Encode(error) => error.fmt(f),
            Self::WriteZero => f.write_str("writing failed: the transport takes no more bytes"),
            Self::Stalled { allowed } => write!(f, "the peer took no byte within {allowed:?}"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Encode(_) | Self::WriteZero | Self::Stalled { .. } => None,
        }
    }
}

/// For who returns `std::io::Result`: the transport's own error as it is, any other with its kind and with this in it.
/// What can't be encoded is `InvalidInput`; more than an announced length is `WriteZero`.
#[cfg(feature = "std")]
impl From<WriteError<Self>> for io::Error {
    fn from(error: WriteError<Self>) -> Self {
        let kind = match error {
            WriteError::Io(error) => return error,
            WriteError::Encode(EncodeError::Overrun { .. }) | WriteError::WriteZero => {
                io::ErrorKind::WriteZero
            }
            WriteError::Encode(_) => io::ErrorKind::InvalidInput,
            WriteError::Stalled { .. } => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// What a payload's writer says of it: `WriteZero` behind the announced length.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<E: Error + 'static> Error for WriteError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::Encode(EncodeError::Overrun { .. }) | Self::WriteZero => ErrorKind::WriteZero,
            Self::Encode(_) => ErrorKind::InvalidInput,
            Self::Stalled { .. } => ErrorKind::TimedOut,
        }
    }
}
