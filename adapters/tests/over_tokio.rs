//! `ringframe_io::tokio`: what all adapters do, over a transport that does, poll by poll, whatever a transport may do,
//! with futures that are dropped at every point where they wait; and what only this one has.
#![cfg(feature = "tokio")]

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
#[path = "suite/closing.rs"]
mod closing;
#[path = "suite/dropped.rs"]
mod dropped;
mod support {
    pub(crate) mod pending;
    pub(crate) mod std_errors;
    pub(crate) mod task;
}

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use ringframe_io::tokio as adapter;
use suite::fake::{ALL, Fake, Plan};
use suite::{Differs, FakeLink, FakeReader, FakeWriter};
use support::pending::pending;
use support::std_errors::{kind_of_read_error, kind_of_write_error, read_error, write_error};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

mod traits {
    pub(crate) use tokio::io::{AsyncReadExt as Read, AsyncWriteExt as Write};
}

const DIFFERS: Differs = Differs {
    seen: &[ErrorKind::TimedOut],
    vectored: &[true, false],
    tells_cut_off: true,
    lies_beyond_memory: false,
    reads_ahead_until_full: true,
};

/// Its `poll_read` and `poll_write` are cancel-safe.
impl AsyncRead for Fake {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let space = buf.initialize_unfilled();
        let room = space.len();
        pending(self.get_mut().read(space)).map_ok(|n| {
            if n > room {
                // A lie: the caller's buffer is exchanged for a larger one.
                *buf = ReadBuf::new(vec![0; n].leak());
                buf.set_filled(buf.capacity());
            } else {
                buf.advance(n);
            }
        })
    }
}

impl AsyncWrite for Fake {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        pending(self.get_mut().write(buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        pending(self.get_mut().write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        pending(self.get_mut().flush().map(|()| 0)).map_ok(|_| ())
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        pending(self.get_mut().close().map(|()| 0)).map_ok(|_| ())
    }
}

fn split(link: FakeLink) -> (FakeReader, FakeWriter) {
    link.split(|fake| (fake, Fake::sink(Plan::cycle([ALL]))))
}

fn join(reader: FakeReader, writer: FakeWriter) -> FakeLink {
    FakeLink::join(reader, writer, |read, _| Ok::<_, ()>(read)).expect("one transport")
}

/// A call to its end, by a clock that passes only while all tasks wait.
macro_rules! clocked {
    ($call:expr) => {
        crate::clocked::block_on($call)
    };
}

#[path = "suite/clock.rs"]
mod clock;
#[path = "suite/clock_of_streams.rs"]
mod clock_of_streams;

/// A peer whose time is tokio's.
mod clocked {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use std::time::Duration;

    use ringframe::formats::U32Be;
    use ringframe::{Decoder, Encoder, Limited};
    use ringframe_io::tokio::{Incoming, Reader, Writer};
    use ringframe_io::{Patience, ReadError};
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::runtime::{Builder, Runtime};
    use tokio::time::{Instant, Sleep, sleep};

    use crate::clock::{FORMAT, STORE, Script};
    use crate::suite::own;
    use crate::suite::streams::Owned;

    pub(crate) const UNIT: Duration = Duration::from_millis(10);
    pub(crate) const IS_EXACT: bool = true;

    pub(crate) fn time() -> Instant {
        block_on(async { Instant::now() })
    }

    pub(crate) fn now(_: &TimedReader) -> Instant {
        time()
    }

    thread_local! {
        static RUNTIME: Runtime =
            Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    }

    pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
        RUNTIME.with(|runtime| runtime.block_on(future))
    }

    pub(crate) struct Peer {
        script: Script,
        /// The rest of the next piece's time.
        sleep: Option<Pin<Box<Sleep>>>,
        taken: Vec<u8>,
    }

    impl Peer {
        const fn new(script: Script) -> Self {
            Self { script, sleep: None, taken: Vec::new() }
        }

        fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            let Some(wait) = self.script.wait() else { return Poll::Pending };
            ready!(self.sleep.get_or_insert_with(|| Box::pin(sleep(wait))).as_mut().poll(cx));
            self.sleep = None;
            Poll::Ready(())
        }
    }

    impl AsyncRead for Peer {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            ready!(self.poll_wait(cx));
            let piece = self.script.take(buf.remaining());
            buf.put_slice(&piece);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Peer {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            ready!(self.poll_wait(cx));
            let n = self.script.take(buf.len()).len();
            self.taken.extend_from_slice(&buf[..n]);
            Poll::Ready(Ok(n))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
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
        Ok(block_on(reader.next_frame())?.map(own))
    }

    pub(crate) fn begin_large(reader: &mut TimedReader) {
        assert!(matches!(block_on(reader.next_incoming()), Ok(Some(Incoming::Large(_)))));
    }

    pub(crate) fn reset(reader: &mut TimedReader) {
        reader.reset();
    }

    pub(crate) fn resync(reader: &mut TimedReader) -> usize {
        reader.resync()
    }

    pub(crate) fn script(reader: &mut TimedReader) -> &mut Script {
        reader.get_mut().sleep = None;
        &mut reader.get_mut().script
    }

    pub(crate) fn writer(patience: Option<Duration>, script: Script) -> TimedWriter {
        let mut writer = Writer::new(Peer::new(script), Encoder::new(FORMAT, [0; 64]));
        writer.set_write_patience(patience);
        writer
    }

    pub(crate) fn takes(writer: &mut TimedWriter) -> &mut Script {
        writer.get_mut().sleep = None;
        &mut writer.get_mut().script
    }

    pub(crate) fn taken(writer: &TimedWriter) -> &[u8] {
        &writer.get_ref().taken
    }
}

#[path = "only/tokio_sockets.rs"]
mod sockets;
#[path = "only/tokio_time.rs"]
mod time;
