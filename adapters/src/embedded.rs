//! What the adapters for embedded-io share, the blocking one and the asynchronous one.

use ::embedded_io::{Error, ErrorKind};

use crate::error::Fault;

/// Tells what an error of a transport means.
pub(crate) fn fault<E: Error>(error: &E) -> Fault {
    match error.kind() {
        ErrorKind::Interrupted => Fault::Interrupted,
        // embedded-io has no kind for an end that came too early. Our encrypted links report this one.
        ErrorKind::ConnectionAborted => Fault::CutOff,
        _ => Fault::Other,
    }
}

/// Returns whether a transport is ready. Interrupted, it is not, now.
pub(crate) fn ready<E: Error>(result: Result<bool, E>) -> Result<bool, E> {
    match result {
        Err(error) if fault(&error) == Fault::Interrupted => Ok(false),
        result => result,
    }
}
