//! Where no way is known to edit a line: there are no sessions.

use std::convert::Infallible;
use std::io::{self, Write};

use tokio::sync::mpsc;

use super::Message;
use crate::failure::Failure;

pub(super) fn is_possible() -> bool {
    false
}

/// A conversation on a terminal, of which there is none.
pub(super) enum Session {}

impl Session {
    pub(super) fn start(
        _hex: bool,
        _check: impl Fn(&[u8]) -> Result<(), Failure> + 'static,
    ) -> Result<(Self, mpsc::Receiver<Vec<Message>>), Failure> {
        unreachable!("it is not possible")
    }

    pub(super) fn printer(&self) -> impl Write + 'static {
        match *self {}
        #[expect(unreachable_code, reason = "the type of what is never returned")]
        io::sink()
    }

    pub(super) fn has_unsent(&self) -> bool {
        match *self {}
    }

    pub(super) fn is_open(&self) -> bool {
        match *self {}
    }

    pub(super) async fn run(&mut self) -> Result<Infallible, Failure> {
        match *self {}
    }
}
