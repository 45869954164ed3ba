//! `ringframe_io::embedded_io`: what all adapters do, over a transport that does, call by call, whatever a transport
//! may do; and what only this one has.
#![cfg(feature = "embedded-io")]

/// A call that may wait, to its end.
macro_rules! wait {
    ($call:expr) => {
        $call
    };
}

/// The same: a call is never dropped.
macro_rules! attempt {
    ($call:expr) => {
        Some($call)
    };
}

#[macro_use]
mod suite;
#[path = "suite/attempts.rs"]
mod attempts;
#[path = "suite/readiness.rs"]
mod readiness;
mod support {
    pub(crate) mod over_embedded_io;
}

use embedded_io as traits;
use ringframe_io::embedded_io as adapter;
use suite::fake::{ALL, Fake, Plan};
use suite::plans::STOPS;
use suite::{Differs, FakeLink, FakeReader, FakeWriter};
use support::over_embedded_io::{kind_of_read_error, kind_of_write_error, read_error, write_error};

const DIFFERS: Differs = Differs {
    seen: &STOPS,
    vectored: &[false],
    tells_cut_off: false,
    lies_beyond_memory: true,
    reads_ahead_until_full: false,
};

fn split(link: FakeLink) -> (FakeReader, FakeWriter) {
    link.split(|fake| (fake, Fake::sink(Plan::cycle([ALL]))))
}

fn join(reader: FakeReader, writer: FakeWriter) -> FakeLink {
    FakeLink::join(reader, writer, |read, _| read)
}

#[path = "suite/clock.rs"]
mod clock;

/// A peer and a clock that the caller lends: it goes on a little each time that it is looked at.
mod clocked {
    use std::cell::Cell;
    use std::io;
    use std::rc::Rc;
    use std::time::Duration;

    use embedded_io::{ErrorType, Read, ReadReady};
    use ringframe::formats::U32Be;
    use ringframe::{Decoder, Limited};
    use ringframe_io::embedded_io::{Incoming, Reader};
    use ringframe_io::{Patience, ReadError, Watch};

    use crate::clock::{FORMAT, STORE, Script};
    use crate::suite::own;
    use crate::suite::streams::Owned;

    pub(crate) const UNIT: Duration = Duration::from_millis(10);
    pub(crate) const IS_EXACT: bool = true;

    pub(crate) fn now(timed: &TimedReader) -> Duration {
        timed.clock.get()
    }

    struct Peer {
        script: Script,
        clock: Rc<Cell<Duration>>,
        /// Since when the next piece is awaited.
        since: Option<Duration>,
    }

    impl Peer {
        fn is_ready(&mut self) -> bool {
            let now = self.clock.get();
            let since = *self.since.get_or_insert(now);
            self.script.wait().is_some_and(|wait| now - since >= wait)
        }
    }

    impl ErrorType for Peer {
        type Error = io::Error;
    }

    impl Read for Peer {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            assert!(self.is_ready(), "it would wait");
            self.since = None;
            let piece = self.script.take(buf.len());
            buf[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl ReadReady for Peer {
        fn read_ready(&mut self) -> io::Result<bool> {
            Ok(self.is_ready())
        }
    }

    pub(crate) struct TimedReader {
        reader: Reader<Peer, Limited<U32Be>, [u8; STORE]>,
        watch: Watch,
        clock: Rc<Cell<Duration>>,
    }

    pub(crate) fn reader(patience: Patience, script: Script) -> TimedReader {
        let clock = Rc::new(Cell::new(Duration::from_secs(1000)));
        let peer = Peer { script, clock: Rc::clone(&clock), since: None };
        let reader = Reader::new(peer, Decoder::new(FORMAT, [0; STORE]));
        TimedReader { reader, watch: Watch::new(patience), clock }
    }

    pub(crate) fn next_frame(timed: &mut TimedReader) -> Result<Option<Owned>, ReadError<io::Error>> {
        let now = || {
            timed.clock.set(timed.clock.get() + UNIT / 10);
            timed.clock.get()
        };
        Ok(timed.reader.next_frame_within(&mut timed.watch, now)?.map(own))
    }

    pub(crate) fn begin_large(timed: &mut TimedReader) {
        assert!(matches!(timed.reader.next_incoming(), Ok(Some(Incoming::Large(_)))));
    }

    pub(crate) fn reset(timed: &mut TimedReader) {
        timed.reader.reset();
    }

    /// The watch is the caller's.
    pub(crate) fn resync(timed: &mut TimedReader) -> usize {
        timed.watch.restart();
        timed.reader.resync()
    }

    pub(crate) fn script(timed: &mut TimedReader) -> &mut Script {
        timed.reader.get_mut().since = None;
        &mut timed.reader.get_mut().script
    }
}

#[path = "only/embedded_io_watch.rs"]
mod watch;
