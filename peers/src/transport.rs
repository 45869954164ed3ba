//! What frames go over: the two directions of a connection.

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// What comes in.
pub(crate) type ReadHalf = OwnedReadHalf;

/// What goes out.
pub(crate) type WriteHalf = OwnedWriteHalf;
