//! What frames go over: the two directions of a connection.

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What comes in.
pub(crate) type ReadHalf = OwnedReadHalf;

/// What goes out.
pub(crate) type WriteHalf = OwnedWriteHalf;

/// Closes a connection by a reset, so that the peer learns that it was no end in order.
pub(crate) fn reset(read: ReadHalf, write: WriteHalf) {
    // Dropped by itself, the half that writes would end its direction in order.
    if let Ok(stream) = read.reunite(write) {
        let _ = stream.set_zero_linger();
    }
}
