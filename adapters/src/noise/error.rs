//! The errors of the handshake and of the link behind it.

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
    /// The stream ended before the handshake: how a server refuses whoever has not its key.
    Closed,
}

impl HandshakeError {
    /// The same as an error over a transport.
    pub fn over<E>(self) -> HandshakeError<E> {
        match self {
            Self::WriteZero => HandshakeError::WriteZero,
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
            Self::WriteZero => f.write_str("the transport takes no more bytes"),
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
    /// The peer announced a message that is too short to hold a tag, or longer than [`MAX_MESSAGE`].
    Length {
        /// What it announced, bytes.
        declared: u16,
    },
    /// A message is not what the peer sent: changed, repeated, left out or out of order. Nothing of it is delivered.
    Authentication,
    /// The stream ended without the message that ends it: what came is genuine, but more may have been cut off.
    Truncated,
    /// The peer sent more behind the message that ends its direction.
    AfterEnd,
    /// All 2⁶⁴ - 1 messages that one key allows were used. Connect again.
    Exhausted,
    /// Misuse: this side has ended its direction already.
    Ended,
}

impl LinkError {
    /// Whether the peer, or somebody between, broke the protocol; `false` where this side is at fault or at an end.
    pub const fn is_protocol(&self) -> bool {
        !matches!(self, Self::Exhausted | Self::Ended)
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Length { declared } => {
                write!(f, "an encrypted message of {declared} bytes is announced: {TAG} to {MAX_MESSAGE} may be")
            }
            Self::Authentication => {
                f.write_str("an encrypted message does not authenticate: it was tampered with on the way")
            }
            Self::Truncated => f.write_str(
                "the encrypted stream ended without the message that ends it: it was cut off, perhaps on the way",
            ),
            Self::AfterEnd => f.write_str("data behind the message that ends the encrypted stream"),
            Self::Exhausted => f.write_str("this link's keys are used up: connect again"),
            Self::Ended => f.write_str("nothing can be sent on this link any more: its end was sent"),
        }
    }
}

impl core::error::Error for LinkError {}

#[cfg(feature = "std")]
impl From<LinkError> for std_crate::io::Error {
    fn from(error: LinkError) -> Self {
        use std_crate::io::ErrorKind;

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
