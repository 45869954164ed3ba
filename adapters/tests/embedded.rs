//! `ringframe_io::embedded_io` over a transport that does, call by call, whatever a transport may do.
#![cfg(feature = "embedded-io")]

/// A call that may wait, to its end.
macro_rules! wait {
    ($call:expr) => {
        $call
    };
}

mod support {
    pub(crate) mod embedded_suite;
    pub(crate) mod fake;
    pub(crate) mod over_embedded_io;
    pub(crate) mod plans;
    pub(crate) mod streams;
    pub(crate) mod suite;
    pub(crate) mod summed;
}

use std::io::ErrorKind;

use embedded_io as traits;
use ringframe_io::embedded_io as adapter;
use support::embedded_suite::{is_refused, read_error, write_error};

const SEEN: &[ErrorKind] = &support::plans::GOES_ON;
const VECTORED: &[bool] = &[false];
