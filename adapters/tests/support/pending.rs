//! What a call that would block is to a task.

use std::io::{self, ErrorKind};
use std::task::Poll;

/// What [`Fake`](super::fake::Fake) does, for a task.
pub(crate) fn pending(result: io::Result<usize>) -> Poll<io::Result<usize>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}
