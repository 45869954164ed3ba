//! What came of a call to a transport: the one place where that is judged, for all ecosystems.
//!
//! Their loops only make the calls. Each names the result by [`Called::host`] or [`Called::device`] and
//! hands it to what it moves bytes for, which looks at it by [`Called::moved`].

#[cfg(feature = "std")]
use std_crate::io;

use super::{HalfError, HandshakeError};

/// What came of a call.
#[must_use]
#[derive(Debug)]
pub(super) enum Called<T, E> {
    Done(T),
    /// Nothing happened, and the same call has to be made again.
    Interrupted,
    Failed(E),
}

#[cfg(feature = "std")]
impl<T> Called<T, io::Error> {
    pub(super) fn host(result: io::Result<T>) -> Self {
        Self::new(result, crate::std::fault)
    }
}

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
impl<T, E: ::embedded_io::Error> Called<T, E> {
    pub(super) fn device(result: Result<T, E>) -> Self {
        Self::new(result, crate::embedded::fault)
    }
}

impl<T, E> Called<T, E> {
    fn new(result: Result<T, E>, fault: fn(&E) -> crate::error::Fault) -> Self {
        match result {
            Ok(done) => Self::Done(done),
            Err(error) if fault(&error) == crate::error::Fault::Interrupted => Self::Interrupted,
            Err(error) => Self::Failed(error),
        }
    }

    /// Returns the value, or `None` if the call was interrupted.
    pub(super) fn done(self) -> Result<Option<T>, Fault<E>> {
        match self {
            Self::Done(value) => Ok(Some(value)),
            Self::Interrupted => Ok(None),
            Self::Failed(error) => Err(Fault::Io(error)),
        }
    }
}

impl<E> Called<usize, E> {
    /// Returns how many of the `offered` bytes a read or a write moved, or `None` if it was interrupted.
    pub(super) fn moved(self, offered: usize) -> Result<Option<usize>, Fault<E>> {
        match self.done()? {
            Some(claimed) if claimed > offered => Err(Fault::Overrun { claimed, offered }),
            moved => Ok(moved),
        }
    }

    /// The same after a write, which has to move some.
    pub(super) fn written(self, offered: usize) -> Result<Option<usize>, Fault<E>> {
        match self.moved(offered)? {
            Some(0) => Err(Fault::WriteZero),
            moved => Ok(moved),
        }
    }
}

/// What is wrong with the transport.
#[derive(Debug)]
pub(super) enum Fault<E> {
    Io(E),
    /// A write moved nothing.
    WriteZero,
    /// It claims to have moved more bytes than it was offered.
    Overrun {
        claimed: usize,
        offered: usize,
    },
}

impl<E> From<Fault<E>> for HandshakeError<E> {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Io(error) => Self::Io(error),
            Fault::WriteZero => Self::WriteZero,
            Fault::Overrun { claimed, offered } => Self::Overrun { claimed, offered },
        }
    }
}

impl<E> From<Fault<E>> for HalfError<E> {
    fn from(fault: Fault<E>) -> Self {
        match fault {
            Fault::Io(error) => Self::Io(error),
            Fault::WriteZero => Self::WriteZero,
            Fault::Overrun { claimed, offered } => Self::Overrun { claimed, offered },
        }
    }
}

/// What a loop does after a call.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something happened.
    GoOn,
    /// The call was interrupted. A loop of a task lets other tasks run before it makes the call again, so that
    /// a transport that is interrupted for ever does not stop them.
    Interrupted,
}

impl Turn {
    /// Lets other tasks run if the call was interrupted.
    #[cfg(any(feature = "tokio", feature = "embedded-io-async"))]
    pub(super) async fn let_others_run(self) {
        if self == Self::Interrupted {
            crate::tasks::yield_now().await;
        }
    }
}
