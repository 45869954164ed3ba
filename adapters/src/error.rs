//! The errors of all adapters. `E` is the transport's own error.
//!
//! `Display` says all of it, down to the transport's words. So `source` goes on with the source of
//! the transport's error, and a chain repeats nothing.

use core::fmt;
use core::time::Duration;
#[cfg(feature = "std")]
use std_crate::io;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
use ::embedded_io::{Error, ErrorKind};
use ringframe::{DecodeError, EncodeError, EndError, FilledError};

/// How a transport's error changes what comes next. Each ecosystem has a function that tells.
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call did nothing: make it again.
    Interrupted,
    /// The stream ended without the end that the transport's protocol asks for.
    CutOff,
    /// Anything else.
    Other,
}

/// Why reading gave no frame.
#[must_use]
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadError<E> {
    /// The transport failed. All state is kept: after "would block" or a time-out the next call goes on.
    Io(E),
    /// The peer broke the protocol. Every later call repeats it, until the reader is reset. Only a wrong trailer of
    /// a payload in pieces is told once: the next call for a frame goes on after it.
    Protocol(DecodeError),
    /// The peer's stream ended inside a frame.
    Truncated(EndError),
    /// The stream was cut off: it ended, inside a frame or not, without the end that the transport's own
    /// protocol asks for. An encrypted link says so.
    CutOff(E),
    /// The transport is at fault: it claims to have read more than it was given room for. Nothing of that
    /// was taken.
    Overrun {
        /// The number of bytes that it claims.
        claimed: usize,
        /// The number of bytes there was room for.
        offered: usize,
    },
    /// No frame, or unframed byte, began to arrive within the idle time. The next call waits as long again.
    Idle {
        /// The time that was allowed.
        allowed: Duration,
    },
    /// A frame began, but was not complete within the time allowed for its length. Every later call repeats
    /// it, until the reader is reset.
    TooSlow {
        /// The time that was allowed.
        allowed: Duration,
        /// How many bytes of the frame are missing, at least.
        missing: usize,
    },
}

impl<E> ReadError<E> {
    /// Returns true if the stream ended too early: [`Truncated`](Self::Truncated) or
    /// [`CutOff`](Self::CutOff).
    pub const fn is_truncation(&self) -> bool {
        matches!(self, Self::Truncated(_) | Self::CutOff(_))
    }
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
    fn from(FilledError { filled, space }: FilledError) -> Self {
        Self::Overrun { claimed: filled, offered: space }
    }
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "reading failed: {error}"),
            Self::CutOff(error) => error.fmt(f),
            Self::Protocol(error) => error.fmt(f),
            Self::Truncated(error) => error.fmt(f),
            Self::Overrun { claimed, offered } => {
                write!(f, "reading failed: the transport claims {claimed} bytes where {offered} had room")
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
            Self::Io(error) | Self::CutOff(error) => error.source(),
            _ => None,
        }
    }
}

/// Lets `?` convert into [`io::Error`]: the transport's own error as it is, any other with its kind and with
/// this error in it. What the peer sent wrong is `InvalidData`, an end inside a frame `UnexpectedEof`.
#[cfg(feature = "std")]
impl From<ReadError<Self>> for io::Error {
    fn from(error: ReadError<Self>) -> Self {
        let kind = match error {
            ReadError::Io(error) | ReadError::CutOff(error) => return error,
            ReadError::Protocol(_) => io::ErrorKind::InvalidData,
            ReadError::Truncated(_) => io::ErrorKind::UnexpectedEof,
            ReadError::Overrun { .. } => io::ErrorKind::Other,
            ReadError::Idle { .. } | ReadError::TooSlow { .. } => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// Returns the [`ReadError`] that a payload's reader, or one of unframed bytes, has put in an [`io::Error`].
#[cfg(feature = "std")]
impl From<io::Error> for ReadError<io::Error> {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(error) => error,
            Err(error) if crate::std::fault(&error) == Fault::CutOff => Self::CutOff(error),
            Err(error) => Self::Io(error),
        }
    }
}

/// The kind that a payload's reader reports. There is none for an end that came too early: it is
/// `InvalidData`, like an invalid header.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<E: Error + 'static> Error for ReadError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) | Self::CutOff(error) => error.kind(),
            Self::Protocol(_) | Self::Truncated(_) => ErrorKind::InvalidData,
            Self::Overrun { .. } => ErrorKind::Other,
            Self::Idle { .. } | Self::TooSlow { .. } => ErrorKind::TimedOut,
        }
    }
}

/// Why a frame was not written.
#[must_use]
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError<E> {
    /// The frame can't be encoded, or one of announced length is still under way. It was not queued.
    Encode(EncodeError),
    /// Frames that were queued before left no room for this one, and the transport failed when they were to
    /// be sent. This frame was not queued. After "would block" or a time-out, flush and push it again.
    NotQueued(E),
    /// The transport failed. Everything is queued, or sent: after "would block" or a time-out, flush again.
    /// Of a frame larger than the store some bytes may be missing: resume its payload.
    Io(E),
    /// The transport takes no more bytes: a write returned 0. The link is of no more use.
    WriteZero,
    /// The transport is at fault: it claims to have taken more than it was given. The link is of no more use.
    Overrun {
        /// The number of bytes that it claims.
        claimed: usize,
        /// The number of bytes that it was given.
        offered: usize,
    },
    /// The peer took no byte for the time allowed.
    Stalled {
        /// The time that was allowed.
        allowed: Duration,
        /// True if everything is queued, or sent: flush to go on. False if this frame was not queued, because
        /// those before it left no room.
        queued: bool,
    },
    /// The transport did not flush what it buffers, or its end, within the time allowed for that.
    NotFlushed {
        /// The time that was allowed.
        allowed: Duration,
    },
}

impl<E> WriteError<E> {
    /// Returns the same error of a frame that was not queued, because it occurred before.
    #[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
    pub(crate) fn before_queueing(self) -> Self {
        match self {
            Self::Io(error) => Self::NotQueued(error),
            Self::Stalled { allowed, .. } => Self::Stalled { allowed, queued: false },
            other => other,
        }
    }
}

impl<E> From<EncodeError> for WriteError<E> {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}

impl<E: fmt::Display> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encode(error) => error.fmt(f),
            Self::NotQueued(error) | Self::Io(error) => write!(f, "writing failed: {error}"),
            Self::WriteZero => f.write_str("writing failed: the transport takes no more bytes"),
            Self::Overrun { claimed, offered } => {
                write!(
                    f,
                    "writing failed: the transport claims {claimed} bytes of {offered} that it was given"
                )
            }
            Self::Stalled { allowed, .. } => write!(f, "the peer took no byte within {allowed:?}"),
            Self::NotFlushed { allowed } => write!(f, "the transport was not flushed within {allowed:?}"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io(error) | Self::NotQueued(error) => error.source(),
            _ => None,
        }
    }
}

/// Lets `?` convert into [`io::Error`]: the transport's own error as it is, any other with its kind and with
/// this error in it. What can't be encoded is `InvalidInput`.
#[cfg(feature = "std")]
impl From<WriteError<Self>> for io::Error {
    fn from(error: WriteError<Self>) -> Self {
        let kind = match error {
            WriteError::Io(error) | WriteError::NotQueued(error) => return error,
            WriteError::Encode(EncodeError::Overrun { .. }) | WriteError::WriteZero => {
                io::ErrorKind::WriteZero
            }
            WriteError::Encode(_) => io::ErrorKind::InvalidInput,
            WriteError::Overrun { .. } => io::ErrorKind::Other,
            WriteError::Stalled { .. } | WriteError::NotFlushed { .. } => io::ErrorKind::TimedOut,
        };
        Self::new(kind, error)
    }
}

/// Returns the [`WriteError`] that a payload's writer has put in an [`io::Error`].
#[cfg(feature = "std")]
impl From<io::Error> for WriteError<io::Error> {
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

/// The kind that a payload's writer reports: `WriteZero` beyond the announced length.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<E: Error + 'static> Error for WriteError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) | Self::NotQueued(error) => error.kind(),
            Self::Encode(EncodeError::Overrun { .. }) | Self::WriteZero => ErrorKind::WriteZero,
            Self::Encode(_) => ErrorKind::InvalidInput,
            Self::Overrun { .. } => ErrorKind::Other,
            Self::Stalled { .. } | Self::NotFlushed { .. } => ErrorKind::TimedOut,
        }
    }
}
