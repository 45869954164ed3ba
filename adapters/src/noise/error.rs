//! The errors of the handshake, of the link, and of the halves over a transport.

use core::convert::Infallible;
use core::fmt;

use super::{HANDSHAKE_MESSAGE, MAX_MESSAGE, PROLOGUE, TAG};

/// Why there is no authenticated link. `E` is the transport's own error; without a transport there is none.
///
/// After any of them the connection is of no use: close it, and send nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HandshakeError<E = Infallible> {
    /// The transport failed, or the system gave no random numbers.
    Io(E),
    /// The transport takes no more bytes.
    WriteZero,
    /// The transport is at fault: it claims to have moved more bytes than it was offered.
    Overrun {
        /// How many it claims.
        claimed: usize,
        /// How many it was offered.
        offered: usize,
    },
    /// The client did not begin with [`PROLOGUE`]: it has no key, or speaks another version.
    Prologue {
        /// Which byte is wrong, from 0.
        at: usize,
        /// What came instead.
        found: u8,
    },
    /// The peer announced a message of another length than [`HANDSHAKE_MESSAGE`].
    Length {
        /// What it announced, bytes.
        declared: u16,
    },
    /// The peer has another key, or somebody between changed its message.
    Authentication,
    /// The stream ended before the handshake. This is how a server refuses a client that does not have its key.
    Closed,
}

impl HandshakeError {
    /// Returns the same as an error over a transport.
    pub fn with_transport<E>(self) -> HandshakeError<E> {
        match self {
            Self::WriteZero => HandshakeError::WriteZero,
            Self::Overrun { claimed, offered } => HandshakeError::Overrun { claimed, offered },
            Self::Prologue { at, found } => HandshakeError::Prologue { at, found },
            Self::Length { declared } => HandshakeError::Length { declared },
            Self::Authentication => HandshakeError::Authentication,
            Self::Closed => HandshakeError::Closed,
        }
    }
}

impl<E: fmt::Display> fmt::Display for HandshakeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::WriteZero => write_zero(f),
            Self::Overrun { claimed, offered } => overrun(f, *claimed, *offered),
            Self::Prologue { at, found } => {
                let wanted = PROLOGUE.get(*at).copied().unwrap_or_default();
                write!(
                    f,
                    "not an authenticated link: byte {at} is {found:#04x} where its hello has {wanted:#04x}; \
                     the peer has no key, or speaks another version"
                )
            }
            Self::Length { declared } => write!(
                f,
                "a handshake message of {declared} bytes is announced where each has {HANDSHAKE_MESSAGE}: \
                 the peer does not speak this protocol"
            ),
            Self::Authentication => {
                f.write_str("the handshake does not authenticate the peer: its key is another one")
            }
            Self::Closed => f.write_str(
                "the peer closed the connection in the handshake: its key is another one, or it has none",
            ),
        }
    }
}

// No `source`: `Display` says it all.
impl<E: core::error::Error> core::error::Error for HandshakeError<E> {}

/// Why an authenticated link does not go on, in one direction. Every later call repeats it.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkError {
    /// The peer announced a message that is too short to hold a tag, or longer than this side's store for
    /// receiving, which is [`MAX_MESSAGE`] bytes unless this side has chosen less. If `declared` is allowed by the
    /// protocol, the two sides are not configured alike.
    Length {
        /// What it announced, bytes.
        declared: u16,
        /// The longest that this side takes, bytes.
        limit: u16,
    },
    /// A message is not what the peer sent: changed, repeated, left out or out of order. Nothing of it is delivered.
    Authentication,
    /// The stream ended without the message that ends it: what came is genuine, but more may have been cut off.
    Truncated,
    /// The peer sent more after the message that ends its direction.
    AfterEnd,
    /// All 2⁶⁴ - 1 messages that one key allows were used. Connect again.
    Exhausted,
    /// Misuse: this side has ended its direction already.
    Ended,
}

impl LinkError {
    /// Returns true if the peer, or somebody between, broke the protocol, false if this side is at fault or at an end.
    pub const fn is_protocol(&self) -> bool {
        match *self {
            // A larger store would take it.
            Self::Length { declared, .. } => (declared as usize) < TAG || (declared as usize) > MAX_MESSAGE,
            Self::Authentication | Self::Truncated | Self::AfterEnd => true,
            Self::Exhausted | Self::Ended => false,
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { declared, limit } => {
                write!(f, "an encrypted message of {declared} bytes is announced, {TAG} to {limit} are allowed")
            }
            Self::Authentication => {
                f.write_str("an encrypted message does not authenticate: it was tampered with on the way")
            }
            Self::Truncated => f.write_str(
                "the encrypted stream ended without the message that ends it: it was cut off, perhaps on the way",
            ),
            Self::AfterEnd => f.write_str("data follows the message that ends the encrypted stream"),
            Self::Exhausted => f.write_str("this link's keys are used up: connect again"),
            Self::Ended => f.write_str("nothing can be sent on this link any more: its end was sent"),
        }
    }
}

impl core::error::Error for LinkError {}

/// Why a half of a link did not read or write. `E` is the transport's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum HalfError<E> {
    /// The transport failed. All state is kept, and the next call goes on.
    Io(E),
    /// The transport takes no more bytes. What was to be sent is kept.
    WriteZero,
    /// The transport is at fault: it claims to have moved more bytes than it was offered. None of them are counted.
    Overrun {
        /// How many it claims.
        claimed: usize,
        /// How many it was offered.
        offered: usize,
    },
    /// The link is at fault. Every later call repeats it.
    Link(LinkError),
}

impl<E> From<LinkError> for HalfError<E> {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl<E: fmt::Display> fmt::Display for HalfError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::WriteZero => write_zero(f),
            Self::Overrun { claimed, offered } => overrun(f, *claimed, *offered),
            Self::Link(error) => error.fmt(f),
        }
    }
}

fn write_zero(f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the transport takes no more bytes")
}

fn overrun(f: &mut fmt::Formatter<'_>, claimed: usize, offered: usize) -> fmt::Result {
    write!(f, "the transport is at fault: it claims to have moved {claimed} bytes of {offered}")
}

// No `source`: `Display` says it all.
impl<E: core::error::Error> core::error::Error for HalfError<E> {}

/// [`LinkError::Truncated`] is `ConnectionAborted`: embedded-io has no kind for an end that came too early, and a link
/// that was cut is a connection that somebody gave up. What the peer sent wrong is `InvalidData`.
#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<E: ::embedded_io::Error> ::embedded_io::Error for HalfError<E> {
    fn kind(&self) -> ::embedded_io::ErrorKind {
        use ::embedded_io::ErrorKind;

        match self {
            Self::Io(error) => error.kind(),
            Self::WriteZero => ErrorKind::WriteZero,
            Self::Overrun { .. } => ErrorKind::Other,
            Self::Link(LinkError::Truncated) => ErrorKind::ConnectionAborted,
            Self::Link(LinkError::Ended) => ErrorKind::BrokenPipe,
            Self::Link(LinkError::Exhausted) => ErrorKind::Other,
            Self::Link(LinkError::Length { .. } | LinkError::Authentication | LinkError::AfterEnd) => {
                ErrorKind::InvalidData
            }
        }
    }
}

/// A store is too small for a message with one byte, so it is of no use to a link.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StoreTooSmall {
    /// Its length, bytes.
    pub store: usize,
    /// The least that it needs, bytes.
    pub needed: usize,
}

impl fmt::Display for StoreTooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, needed } = self;
        write!(f, "a store of {store} bytes is too small for a link: it needs at least {needed}")
    }
}

impl core::error::Error for StoreTooSmall {}

#[cfg(feature = "std")]
mod host {
    use std_crate::io::{Error, ErrorKind};

    use super::{HalfError, LinkError};

    impl From<LinkError> for Error {
        fn from(error: LinkError) -> Self {
            let kind = match error {
                LinkError::Length { .. } | LinkError::Authentication | LinkError::AfterEnd => {
                    ErrorKind::InvalidData
                }
                LinkError::Truncated => ErrorKind::UnexpectedEof,
                LinkError::Ended => ErrorKind::BrokenPipe,
                LinkError::Exhausted => ErrorKind::Other,
            };
            Self::new(kind, error)
        }
    }

    /// The transport's own error as it is, a [`LinkError`] as above, any other with its kind and with this in it.
    impl From<HalfError<Self>> for Error {
        fn from(error: HalfError<Self>) -> Self {
            match error {
                HalfError::Io(error) => error,
                HalfError::WriteZero => Self::new(ErrorKind::WriteZero, error),
                HalfError::Overrun { .. } => Self::other(error),
                HalfError::Link(error) => error.into(),
            }
        }
    }
}
