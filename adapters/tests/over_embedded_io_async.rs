//! `ringframe_io::embedded_io_async`: what all adapters do, over a transport that does, poll by poll, whatever a
//! transport may do, with futures that are dropped at every point where they wait; and what only this one has.
#![cfg(feature = "embedded-io-async")]

/// A call that may wait, to its end.
macro_rules! wait {
    ($call:expr) => {
        crate::support::task::finish($call)
    };
}

/// The same, but dropped where it waits.
macro_rules! attempt {
    ($call:expr) => {
        crate::support::task::poll_at_most(1, $call)
    };
}

#[macro_use]
mod suite;
#[path = "suite/attempts.rs"]
mod attempts;
#[path = "suite/dropped.rs"]
mod dropped;
#[path = "suite/readiness.rs"]
mod readiness;
mod support {
    pub(crate) mod over_embedded_io;
    pub(crate) mod pending;
    pub(crate) mod task;
}

use std::future::poll_fn;
use std::io::{self, ErrorKind};

use embedded_io_async as traits;
use embedded_io_async::{Read, Write};
use ringframe_io::embedded_io_async as adapter;
use suite::fake::{ALL, Fake, Plan, Step};
use suite::streams::u32_be;
use suite::{Differs, FakeLink, FakeReader, FakeWriter, assert_sent, fake_reader, fake_writer, own};
use support::over_embedded_io::{kind_of_read_error, kind_of_write_error, read_error, write_error};
use support::pending::pending;

const DIFFERS: Differs = Differs {
    seen: &[ErrorKind::TimedOut],
    vectored: &[false],
    tells_cut_off: false,
    lies_beyond_memory: true,
    reads_ahead_until_full: false,
};

/// Its `read` and `write` are cancel-safe.
impl Read for Fake {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|_| pending(io::Read::read(self, buf))).await
    }
}

impl Write for Fake {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        poll_fn(|_| pending(io::Write::write(self, buf))).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|_| pending(io::Write::flush(self).map(|()| 0))).await.map(|_| ())
    }
}

fn split(link: FakeLink) -> (FakeReader, FakeWriter) {
    link.split(|fake| (fake, Fake::sink(Plan::cycle([ALL]))))
}

fn join(reader: FakeReader, writer: FakeWriter) -> FakeLink {
    FakeLink::join(reader, writer, |read, _| read)
}

/// Attempts wait for nothing where the transport keeps its word, so nothing of them can be dropped.
#[test]
fn an_attempt_never_waits() {
    let stream = u32_be(&[5, 0, 60]);
    for size in [1, 2, 3, 7, 63, 64, 65, usize::MAX] {
        let [cut, wait] = [Step::Move(size), Step::Fail(ErrorKind::WouldBlock)];
        for steps in [vec![wait, cut], vec![cut, cut, wait], vec![wait, wait, cut]] {
            let mut reader = fake_reader(&stream, Plan::cycle(&steps[..]));
            let mut frames = Vec::new();
            loop {
                match attempt!(reader.try_next_frame()).expect("an answer at once") {
                    std::task::Poll::Ready(Ok(Some(frame))) => frames.push(own(frame)),
                    std::task::Poll::Ready(Ok(None)) => break,
                    std::task::Poll::Ready(Err(error)) => panic!("{error}"),
                    std::task::Poll::Pending => {}
                }
            }
            assert_eq!(frames, stream.frames);
            let mut writer = fake_writer(&stream, Plan::cycle(steps));
            writer.encoder_mut().push(&stream.frames[0].1).expect("room");
            while attempt!(writer.try_drain()).expect("an answer at once").is_pending() {}
            assert_sent(&writer, &stream.wire[..9], "in attempts");
        }
    }
}
