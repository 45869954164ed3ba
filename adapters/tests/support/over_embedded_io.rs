//! The fake transport over embedded-io's traits, with `std`'s errors, which are errors there, too.

use std::io::{self, ErrorKind};

use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

use super::fake::{Fake, Step};

impl ErrorType for Fake {
    type Error = io::Error;
}

impl Read for Fake {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        io::Read::read(self, buf)
    }
}

impl Write for Fake {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::Write::write(self, buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::Write::flush(self)
    }
}

/// Whether the next call would not block. If it would, or if the question is interrupted, that was the plan's
/// step: time passes.
fn ready(fake: &mut Fake) -> io::Result<bool> {
    let mut ahead = fake.plan.clone();
    let answer = match ahead.next() {
        Step::Fail(ErrorKind::WouldBlock) => Ok(false),
        Step::Fail(ErrorKind::Interrupted) => Err(ErrorKind::Interrupted.into()),
        _ => return Ok(true),
    };
    fake.plan = ahead;
    fake.failed += 1;
    answer
}

impl ReadReady for Fake {
    fn read_ready(&mut self) -> io::Result<bool> {
        ready(self)
    }
}

impl WriteReady for Fake {
    fn write_ready(&mut self) -> io::Result<bool> {
        ready(self)
    }
}
