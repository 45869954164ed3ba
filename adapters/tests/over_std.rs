//! `ringframe_io::std`: what all adapters do, over a transport that does, call by call, whatever a transport may do;
//! and what only this one has. Non-blocking transports are part of it: "would block" comes back as an error.
#![cfg(feature = "std")]

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
#[path = "suite/closing.rs"]
mod closing;
mod support {
    pub(crate) mod std_errors;
}

use std::io as traits;
use std::io::{self, ErrorKind};

use ringframe_io::std as adapter;
use ringframe_io::std::{Duplicate, HalfClose};
use suite::fake::{ALL, Fake, Plan};
use suite::plans::STOPS;
use suite::{Differs, FakeLink, FakeReader, FakeWriter};
use support::std_errors::{kind_of_read_error, kind_of_write_error, read_error, write_error};

const DIFFERS: Differs = Differs {
    seen: &STOPS,
    vectored: &[true, false],
    tells_cut_off: true,
    lies_beyond_memory: true,
    reads_ahead_until_full: true,
};

impl Duplicate for Fake {
    fn duplicate(&self) -> io::Result<Self> {
        if self.refuses { Err(ErrorKind::QuotaExceeded.into()) } else { Ok(Self::sink(Plan::cycle([ALL]))) }
    }
}

impl HalfClose for Fake {
    fn half_close(&mut self) -> io::Result<()> {
        self.close()
    }
}

fn split(link: FakeLink) -> (FakeReader, FakeWriter) {
    link.split().expect("a second handle")
}

fn join(reader: FakeReader, writer: FakeWriter) -> FakeLink {
    FakeLink::join(reader, writer)
}

/// A call to its end, by the clock.
macro_rules! clocked {
    ($call:expr) => {
        $call
    };
}

#[path = "suite/clock.rs"]
mod clock;
#[path = "suite/clock_of_streams.rs"]
mod clock_of_streams;

/// A peer whose system keeps the time, as far as it was told to: on a real clock, so in hundredths of a second.
mod clocked {
    use std::io::{self, ErrorKind, Read, Write};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use ringframe::formats::U32Be;
    use ringframe::{Decoder, Encoder, Limited};
    use ringframe_io::std::{Incoming, ReadTimeout, Reader, WriteTimeout, Writer};
    use ringframe_io::{Patience, ReadError};

    use crate::clock::{FORMAT, STORE, Script};
    use crate::suite::own;
    use crate::suite::streams::Owned;

    pub(crate) const UNIT: Duration = Duration::from_millis(10);
    pub(crate) const IS_EXACT: bool = false;

    pub(crate) fn time() -> Instant {
        Instant::now()
    }

    pub(crate) fn now(_: &TimedReader) -> Instant {
        time()
    }

    pub(crate) struct Peer {
        script: Script,
        /// How much of the next piece's time has passed.
        waited: Duration,
        timeout: Option<Duration>,
        taken: Vec<u8>,
    }

    impl Peer {
        const fn new(script: Script) -> Self {
            Self { script, waited: Duration::ZERO, timeout: None, taken: Vec::new() }
        }

        fn wait(&mut self) -> io::Result<()> {
            let left = self.script.wait().map(|wait| wait.saturating_sub(self.waited));
            match (left, self.timeout) {
                (Some(left), None) => sleep(left),
                (Some(left), Some(timeout)) if left <= timeout => sleep(left),
                (_, Some(timeout)) => {
                    sleep(timeout);
                    self.waited += timeout;
                    return Err(ErrorKind::WouldBlock.into());
                }
                (None, None) => panic!("it waits for ever"),
            }
            self.waited = Duration::ZERO;
            Ok(())
        }
    }

    impl Read for Peer {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.wait()?;
            let piece = self.script.take(buf.len());
            buf[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    impl Write for Peer {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.wait()?;
            let n = self.script.take(buf.len()).len();
            self.taken.extend_from_slice(&buf[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl ReadTimeout for Peer {
        fn read_timeout(&self) -> io::Result<Option<Duration>> {
            Ok(self.timeout)
        }

        fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
            self.timeout = timeout;
            Ok(())
        }
    }

    impl WriteTimeout for Peer {
        fn write_timeout(&self) -> io::Result<Option<Duration>> {
            Ok(self.timeout)
        }

        fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
            self.timeout = timeout;
            Ok(())
        }
    }

    pub(crate) type TimedReader = Reader<Peer, Limited<U32Be>, [u8; STORE]>;
    type TimedWriter = Writer<Peer, Limited<U32Be>, [u8; 64]>;

    pub(crate) fn reader(patience: Patience, script: Script) -> TimedReader {
        let mut reader = Reader::new(Peer::new(script), Decoder::new(FORMAT, [0; STORE]));
        reader.set_patience(patience);
        reader
    }

    pub(crate) fn next_frame(reader: &mut TimedReader) -> Result<Option<Owned>, ReadError<io::Error>> {
        Ok(reader.next_frame()?.map(own))
    }

    pub(crate) fn begin_large(reader: &mut TimedReader) {
        assert!(matches!(reader.next_incoming(), Ok(Some(Incoming::Large(_)))));
    }

    pub(crate) fn reset(reader: &mut TimedReader) {
        reader.reset();
    }

    pub(crate) fn resync(reader: &mut TimedReader) -> usize {
        reader.resync()
    }

    pub(crate) fn script(reader: &mut TimedReader) -> &mut Script {
        &mut reader.get_mut().script
    }

    pub(crate) fn writer(patience: Option<Duration>, script: Script) -> TimedWriter {
        let mut writer = Writer::new(Peer::new(script), Encoder::new(FORMAT, [0; 64]));
        writer.set_write_patience(patience);
        writer
    }

    pub(crate) fn takes(writer: &mut TimedWriter) -> &mut Script {
        &mut writer.get_mut().script
    }

    pub(crate) fn taken(writer: &TimedWriter) -> &[u8] {
        &writer.get_ref().taken
    }
}

#[path = "only/std_buffers.rs"]
mod buffers;
#[path = "only/std_links.rs"]
mod links;
#[path = "only/std_time.rs"]
mod time;
