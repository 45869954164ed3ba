//! Time-outs of `std`'s transports: what is set on them and restored, what a transport reports that waited too long,
//! and non-blocking ones, on which patience has no effect. Real sockets are tested in `sockets.rs`.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::task::Poll;
use std::thread::sleep;
use std::time::Duration;

use ringframe::formats;
use ringframe_io::std::{Framed, Incoming, ReadTimeout, Reader, WriteTimeout, Writer};
use ringframe_io::{Patience, ReadError, WriteError};

use crate::attempts::try_next_frames;
use crate::suite::fake::{Fake, Plan, Step};
use crate::suite::plans::{STOPS, plans};
use crate::suite::streams::{summed, u32_be};
use crate::suite::{assert_sent, decoder, encoder, flush, next_frame, own, read_any, write_all};

/// Longer than any test takes.
const HOUR: Duration = Duration::from_secs(3600);

/// A transport with time-outs, whose calls that fail take some time before they do.
struct Timed {
    fake: Fake,
    /// How long a call takes that fails.
    takes: Duration,
    read: Cell<Option<Duration>>,
    write: Cell<Option<Duration>>,
    /// How often a time-out was set.
    sets: usize,
}

impl Timed {
    fn new(wire: &[u8], plan: Plan) -> Self {
        Self {
            fake: Fake::new(wire, plan),
            takes: Duration::ZERO,
            read: Cell::default(),
            write: Cell::default(),
            sets: 0,
        }
    }

    /// A blocking one: a call that fails takes that long.
    fn takes(self, time: Duration) -> Self {
        Self { takes: time, ..self }
    }

    /// One that its user gave time-outs.
    fn with_own_timeouts(self) -> Self {
        self.read.set(Some(OWN));
        self.write.set(Some(OWN * 2));
        self
    }

    fn timeouts(&self) -> [Option<Duration>; 2] {
        [self.read.get(), self.write.get()]
    }

    fn late<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if result.is_err() {
            sleep(self.takes);
        }
        result
    }
}

const OWN: Duration = Duration::from_millis(777);

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.fake.read(buf);
        self.late(result)
    }
}

impl Write for Timed {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let result = self.fake.write(buf);
        self.late(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.fake.flush();
        self.late(result)
    }
}

/// By `&mut self`, as serial ports have it.
impl ReadTimeout for Timed {
    fn read_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.read.get())
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO), "a socket refuses it");
        self.sets += 1;
        self.read.set(timeout);
        Ok(())
    }
}

impl WriteTimeout for Timed {
    fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.write.get())
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        assert_ne!(timeout, Some(Duration::ZERO), "a socket refuses it");
        self.sets += 1;
        self.write.set(timeout);
        Ok(())
    }
}

const SHORT: Patience =
    Patience::ENDLESS.with_idle(Duration::from_millis(30)).with_frame(Duration::from_millis(60));

mod blocking {
    use super::*;

    /// Systems differ in what they call a read whose time is up, and some time out early; that is not the end of
    /// anybody's patience.
    #[test]
    fn an_early_time_out_is_not_reported() {
        let stream = u32_be(&[5, 60]);
        for kind in STOPS {
            let plan = Plan::cycle([Step::Fail(kind), Step::Move(7)]);
            let transport = Timed::new(&stream.wire, plan.clone()).takes(Duration::from_millis(3));
            let mut reader = Reader::new(transport, decoder(stream.format));
            reader.set_patience(Patience::ENDLESS.with_idle(HOUR).with_frame(HOUR));
            let mut frames = Vec::new();
            while let Some(frame) = reader.next_frame().expect("nothing but time-outs") {
                frames.push(own(frame));
            }
            assert_eq!(frames, stream.frames, "{kind}");

            let transport = Timed::new(&[], plan).takes(Duration::from_millis(3));
            let mut writer = Writer::new(transport, encoder(stream.format));
            writer.set_write_patience(Some(HOUR));
            for (_, payload) in &stream.frames {
                writer.push(payload).expect("nothing but time-outs");
            }
            writer.flush().expect("nothing but time-outs");
            assert_eq!(writer.get_ref().fake.out, stream.wire, "{kind}");
        }
    }

    #[test]
    fn patience_ends_where_a_transport_only_times_out() {
        let stream = u32_be(&[5]);
        for kind in STOPS {
            // The system's time-out may be a little early, so it takes several.
            let takes = Duration::from_millis(20);
            let transport = Timed::new(&[], Plan::cycle([Step::Fail(kind)])).takes(takes);
            let mut reader = Reader::new(transport, decoder(stream.format));
            reader.set_patience(SHORT);
            let Err(ReadError::Idle { allowed }) = reader.next_frame() else { panic!("not idle") };
            assert_eq!(Some(allowed), SHORT.idle);

            let plan = Plan::new([Step::Move(6)], [Step::Fail(kind)]);
            let mut reader = Reader::new(Timed::new(&stream.wire, plan).takes(takes), decoder(stream.format));
            reader.set_patience(SHORT);
            let Err(ReadError::TooSlow { allowed, missing }) = reader.next_frame() else {
                panic!("not slow")
            };
            assert_eq!((Some(allowed), missing), (SHORT.frame, 3));

            let transport = Timed::new(&[], Plan::cycle([Step::Fail(kind)])).takes(takes);
            let mut writer = Writer::new(transport, encoder(stream.format));
            writer.set_write_patience(SHORT.frame);
            let Err(WriteError::Stalled { allowed, .. }) = writer.send(b"hello") else {
                panic!("not stalled")
            };
            assert_eq!(Some(allowed), SHORT.frame);
        }
    }

    /// A caller that pings an idle peer and reads on must get the same time again, not a loop without a wait.
    #[test]
    fn idle_waits_again() {
        let transport = Timed::new(&[], Plan::cycle([Step::Fail(ErrorKind::WouldBlock)]));
        let mut reader = Reader::new(transport.takes(Duration::from_millis(10)), decoder(u32_be(&[]).format));
        reader.set_patience(SHORT);
        for _ in 0..3 {
            let begin = std::time::Instant::now();
            assert!(matches!(reader.next_frame(), Err(ReadError::Idle { .. })));
            assert!(Some(begin.elapsed()) >= SHORT.idle);
        }
    }

    /// Signals arrive, and the peer takes nothing: it is the peer that counts.
    #[test]
    fn interruptions_are_no_progress() {
        let interrupted = [Step::Fail(ErrorKind::Interrupted), Step::Fail(ErrorKind::WouldBlock)];
        for plan in [Plan::cycle(interrupted), Plan::cycle([interrupted[1], interrupted[0]])] {
            let takes = Duration::from_millis(20);
            let mut writer =
                Writer::new(Timed::new(&[], plan.clone()).takes(takes), encoder(u32_be(&[]).format));
            writer.set_write_patience(SHORT.frame);
            assert!(matches!(writer.send(b"hello"), Err(WriteError::Stalled { .. })));
            let mut reader = Reader::new(Timed::new(&[], plan).takes(takes), decoder(u32_be(&[]).format));
            reader.set_patience(SHORT);
            assert!(matches!(reader.next_frame(), Err(ReadError::Idle { .. })));
        }
    }

    /// A connection that the system gave up (keep-alive, user time-out) must not be read on: the next read
    /// returns 0, which would look like a clean end.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_timed_out_is_an_error() {
        struct GivenUp;
        impl GivenUp {
            /// It was waited for.
            fn fail<T>() -> io::Result<T> {
                const ETIMEDOUT: i32 = 110;
                sleep(Duration::from_millis(5));
                Err(io::Error::from_raw_os_error(ETIMEDOUT))
            }
        }
        impl Read for GivenUp {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Self::fail()
            }
        }
        impl Write for GivenUp {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Self::fail()
            }
            fn flush(&mut self) -> io::Result<()> {
                Self::fail()
            }
        }
        impl ReadTimeout for GivenUp {
            fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(None)
            }
            fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
                Ok(())
            }
        }
        impl WriteTimeout for GivenUp {
            fn write_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(None)
            }
            fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
                Ok(())
            }
        }
        let mut reader = Reader::with_capacity(GivenUp, formats::U32_BE, 64).expect("a store");
        reader.set_patience(SHORT);
        let Err(ReadError::Io(error)) = reader.next_frame() else { panic!("taken for silence") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let mut writer = Writer::with_capacity(GivenUp, formats::U32_BE, 64).expect("a store");
        writer.set_write_patience(SHORT.frame);
        let Err(WriteError::Io(error)) = writer.send(b"hello") else { panic!("taken for a stall") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

/// What is set is that of the patience, and what was there before comes back.
mod settings {
    use super::*;

    fn link(plan: Plan) -> Framed<Timed, formats::U32Be, [u8; 64]> {
        let transport = Timed::new(b"\0\0\0\x02ok\0", plan).with_own_timeouts();
        Framed::new(transport, decoder(formats::U32_BE), encoder(formats::U32_BE))
    }

    const OWN_TIMEOUTS: [Option<Duration>; 2] = [Some(OWN), Some(Duration::from_millis(2 * 777))];

    /// Reads a frame and a byte, and sends a frame.
    fn use_it(link: &mut Framed<Timed, formats::U32Be, [u8; 64]>) {
        assert!(matches!(link.next_frame(), Ok(Some(_))));
        link.send(b"hello").expect("a good transport");
    }

    #[test]
    fn without_patience_nothing_is_set() {
        let mut link = link(Plan::cycle([Step::Move(7)]));
        use_it(&mut link);
        assert_eq!((link.get_ref().sets, link.get_ref().timeouts()), (0, OWN_TIMEOUTS));
        link.set_patience(Patience::ENDLESS);
        link.set_write_patience(None);
        link.send(b"hello").expect("a good transport");
        let (transport, ..) = link.into_parts();
        assert_eq!((transport.sets, transport.timeouts()), (0, OWN_TIMEOUTS));
    }

    #[test]
    fn into_parts_restores_what_was_there() {
        let mut link = link(Plan::cycle([Step::Move(7)]));
        link.set_patience(Patience::ENDLESS.with_idle(HOUR));
        link.set_write_patience(Some(HOUR));
        use_it(&mut link);
        let [read, write] = link.get_ref().timeouts().map(|timeout| timeout.expect("one is set"));
        assert!(read > HOUR / 2 && write > HOUR / 2);
        let (transport, decoder, encoder) = link.into_parts();
        assert_eq!(transport.timeouts(), OWN_TIMEOUTS);

        // The same of each half by itself.
        let mut reader = Reader::new(transport, decoder);
        reader.set_patience(Patience::ENDLESS.with_frame(HOUR));
        assert!(reader.next_frame().is_err(), "an end inside a frame");
        assert_ne!(reader.get_ref().timeouts(), OWN_TIMEOUTS);
        let (transport, _) = reader.into_parts();
        assert_eq!(transport.timeouts(), OWN_TIMEOUTS);
        let mut writer = Writer::new(transport, encoder);
        writer.set_write_patience(Some(HOUR));
        writer.send(b"hello").expect("a good transport");
        assert_ne!(writer.get_ref().timeouts(), OWN_TIMEOUTS);
        let (transport, _) = writer.into_parts();
        assert_eq!(transport.timeouts(), OWN_TIMEOUTS);
    }

    #[test]
    fn endless_patience_restores_what_was_there() {
        let mut link = link(Plan::cycle([Step::Move(1)]));
        link.set_patience(Patience::ENDLESS.with_idle(HOUR).with_frame(HOUR));
        link.set_write_patience(Some(HOUR));
        use_it(&mut link);
        link.set_patience(Patience::ENDLESS);
        link.set_write_patience(None);
        // It is restored by the next call that reads or writes.
        link.read_ahead().expect("a good transport");
        assert!(link.next_frame().is_err(), "an end inside a frame");
        link.send(b"hello").expect("a good transport");
        assert_eq!(link.get_ref().timeouts(), OWN_TIMEOUTS);
    }

    /// Of a patience that has only a time for frames, the transport's own time-out is that between them.
    #[test]
    fn the_users_own_time_out_survives_between_frames() {
        let fail = Step::Fail(ErrorKind::WouldBlock);
        let mut link = link(Plan::once([Step::Move(6), fail, Step::Move(1), fail]));
        link.set_patience(Patience::ENDLESS.with_frame(HOUR));
        assert!(matches!(link.next_frame(), Ok(Some(_))));
        // It came from the time-out of the user, who knows what to do.
        assert!(matches!(link.next_frame(), Err(ReadError::Io(_))));
        assert_eq!(link.get_ref().timeouts(), OWN_TIMEOUTS);
    }

    #[test]
    fn a_time_out_that_stays_is_set_once() {
        let stream = u32_be(&[0; 100]);
        let transport = Timed::new(&stream.wire, Plan::cycle([Step::Move(4)]));
        let mut reader = Reader::new(transport, decoder(stream.format));
        reader.set_patience(Patience::ENDLESS.with_idle(HOUR));
        while reader.next_frame().expect("a good stream").is_some() {}
        // Each wait has the time that is left, which is all of it: each is for another frame.
        assert_eq!(reader.get_ref().sets, 1);
    }

    /// A transport whose time-out can't be set says so.
    #[test]
    fn a_time_out_that_can_not_be_set_is_an_error() {
        struct Refuses;
        impl Read for Refuses {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("without a time-out it could wait for ever")
            }
        }
        impl ReadTimeout for Refuses {
            fn read_timeout(&self) -> io::Result<Option<Duration>> {
                Ok(None)
            }
            fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
                Err(ErrorKind::Unsupported.into())
            }
        }
        let mut reader = Reader::with_capacity(Refuses, formats::U32_BE, 64).expect("a store");
        reader.set_patience(SHORT);
        for _ in 0..2 {
            let Err(ReadError::Io(error)) = reader.next_frame() else { panic!("no error") };
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }
}

/// "Would block" comes at once, so patience has no effect: neither a loop without a wait, nor an end of patience.
mod non_blocking {
    use super::*;

    const WOULD_BLOCK: Step = Step::Fail(ErrorKind::WouldBlock);

    const PATIENCES: [Patience; 4] = [
        Patience::ENDLESS,
        Patience::ENDLESS.with_idle(HOUR).with_frame(HOUR),
        Patience::ENDLESS.with_idle(Duration::ZERO).with_frame(Duration::ZERO),
        Patience::ENDLESS.with_frame(Duration::from_nanos(1)).with_bytes_per_second(1),
    ];

    #[test]
    fn an_attempt_is_pending_after_one_read_whatever_the_patience_is() {
        for patience in PATIENCES {
            let transport = Timed::new(b"\0\0\0", Plan::new([WOULD_BLOCK, Step::Move(3)], [WOULD_BLOCK]));
            let mut reader = Reader::new(transport, decoder(formats::U32_BE));
            reader.set_patience(patience);
            assert!(reader.try_next_frame().is_pending());
            assert_eq!(reader.get_ref().fake.calls.len(), 1);
            assert!(reader.try_next_frame().is_pending());
            assert_eq!(reader.get_ref().fake.calls.len(), 3);
            for calls in 4..100 {
                assert!(reader.try_next_frame().is_pending());
                assert_eq!(reader.get_ref().fake.calls.len(), calls);
            }
            assert_eq!(reader.get_ref().sets, 0);
        }
    }

    /// Also of one that awaits the trailer of a payload that was read.
    #[test]
    fn an_attempt_to_end_a_payload_is_pending_after_one_read() {
        let stream = summed(&[100]);
        for patience in PATIENCES {
            let plan = Plan::new([Step::Move(64), Step::Move(38)], [WOULD_BLOCK]);
            let mut reader = Reader::new(Timed::new(&stream.wire, plan), decoder(stream.format));
            let Ok(Some(Incoming::Large(mut payload))) = reader.next_incoming() else {
                panic!("a large frame")
            };
            payload.read_exact(&mut [0; 100]).expect("what arrived");
            reader.set_patience(patience);
            for calls in 3..100 {
                assert!(reader.try_next_frame().is_pending());
                assert_eq!(reader.get_ref().fake.calls.len(), calls);
            }
            assert_eq!(reader.get_ref().sets, 0);
        }
    }

    #[test]
    fn an_attempt_to_write_is_pending_after_one_write_whatever_the_patience_is() {
        for patience in [None, Some(Duration::ZERO), Some(Duration::from_nanos(1)), Some(HOUR)] {
            let transport = Timed::new(&[], Plan::new([Step::Move(3)], [WOULD_BLOCK]));
            let mut writer = Writer::new(transport, encoder(formats::U32_BE));
            writer.set_write_patience(patience);
            writer.push(b"hello").expect("room");
            for calls in 2..100 {
                let attempt = if calls % 2 == 0 { writer.try_flush() } else { writer.try_drain() };
                assert!(attempt.is_pending());
                assert_eq!(writer.get_ref().fake.calls.len(), calls);
            }
            assert_eq!(writer.get_ref().sets, 0);
        }
    }

    /// Other calls would, too. A machine may be so slow that "at once" looks like a wait, so a few reads more are
    /// no spinning.
    #[test]
    fn a_call_that_would_block_says_so_at_once() {
        for patience in &PATIENCES[..2] {
            let transport = Timed::new(&[], Plan::cycle([WOULD_BLOCK]));
            let mut reader = Reader::new(transport, decoder(formats::U32_BE));
            reader.set_patience(*patience);
            for _ in 0..10 {
                let Err(ReadError::Io(error)) = reader.next_frame() else { panic!("no error") };
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
            }
            assert!(reader.get_ref().fake.calls.len() < 100);
        }
        for patience in [None, Some(HOUR)] {
            let transport = Timed::new(&[], Plan::cycle([WOULD_BLOCK]));
            let mut writer = Writer::new(transport, encoder(formats::U32_BE));
            writer.set_write_patience(patience);
            writer.push(b"hello").expect("room");
            for _ in 0..10 {
                let Err(WriteError::Io(error)) = writer.flush() else { panic!("no error") };
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
            }
            assert!(writer.get_ref().fake.calls.len() < 100);
        }
    }

    impl ReadTimeout for Fake {
        fn read_timeout(&self) -> io::Result<Option<Duration>> {
            Ok(None)
        }

        fn set_read_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }
    }

    impl WriteTimeout for Fake {
        fn write_timeout(&self) -> io::Result<Option<Duration>> {
            Ok(None)
        }

        fn set_write_timeout(&mut self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }
    }

    /// All of the suite's ways to fail, with a patience that would be long over if anything waited.
    #[test]
    fn patience_changes_nothing_of_what_is_read_and_written() {
        let patience = Patience::ENDLESS.with_idle(HOUR).with_frame(HOUR);
        each_stream!(all, |stream| {
            for (plan_name, plan) in plans(stream.wire.len()).step_by(5) {
                let name = format!("{}, {plan_name}", stream.name);
                let mut reader = crate::suite::fake_reader(stream, plan.clone());
                reader.set_patience(patience);
                assert_eq!(read_any(&mut reader), stream.frames, "{name}");

                let mut writer = crate::suite::fake_writer(stream, plan);
                writer.set_write_patience(Some(HOUR));
                write_all(&mut writer, stream);
                assert_sent(&writer, &stream.wire, &name);
            }
        });
        each_stream!(small, |stream| {
            let plan = Plan::cycle([WOULD_BLOCK, Step::Move(5)]);
            let mut reader = crate::suite::fake_reader(stream, plan);
            reader.set_patience(patience);
            let (frames, pending) = try_next_frames(&mut reader);
            assert_eq!(frames, stream.frames);
            assert_eq!(pending, reader.get_ref().failed);
        });
    }

    #[test]
    fn an_attempt_to_flush_is_pending_where_the_transport_would_block() {
        let stream = u32_be(&[20]);
        for kind in STOPS {
            for is_flush in [true, false] {
                let mut writer = crate::suite::fake_writer(&stream, Plan::stop(7, kind));
                writer.push(&stream.frames[0].1).expect("room");
                match if is_flush { writer.try_flush() } else { writer.try_drain() } {
                    Poll::Pending => assert_eq!(kind, ErrorKind::WouldBlock),
                    Poll::Ready(result) => {
                        assert!(matches!(result, Err(WriteError::Io(error)) if error.kind() == kind));
                        assert_ne!(kind, ErrorKind::WouldBlock);
                    }
                }
                assert!(matches!(writer.try_drain(), Poll::Ready(Ok(()))));
                assert_eq!(writer.get_ref().flushed, 0, "draining is no flush");
                // A transport that buffers may not be able to flush now.
                writer.get_mut().flushes = Plan::once([Step::Fail(kind)]);
                assert_eq!(writer.try_flush().is_pending(), kind == ErrorKind::WouldBlock);
                assert!(matches!(writer.try_flush(), Poll::Ready(Ok(()))));
                flush(&mut writer);
                assert_sent(&writer, &stream.wire, "in the end");
            }
        }
    }

    #[test]
    fn attempts_to_write_fail_as_calls_do() {
        let stream = u32_be(&[5]);
        let interrupted = Step::Fail(ErrorKind::Interrupted);
        let mut writer =
            crate::suite::fake_writer(&stream, Plan::once([interrupted, Step::Zero, Step::Lie(1)]));
        writer.push(&stream.frames[0].1).expect("room");
        assert!(matches!(writer.try_flush(), Poll::Ready(Err(WriteError::WriteZero))));
        let lie = writer.try_drain();
        assert!(matches!(lie, Poll::Ready(Err(WriteError::Overrun { claimed: 10, offered: 9 }))), "{lie:?}");
        assert!(matches!(writer.try_flush(), Poll::Ready(Ok(()))));
        assert_sent(&writer, &stream.wire, "in the end");
    }

    /// With a reset, too, as the doc says of a line that went wrong.
    #[test]
    fn a_reader_that_was_reset_goes_on() {
        let stream = u32_be(&[5]);
        let mut reader = crate::suite::fake_reader_of(&stream, &[0xff; 4], Plan::cycle([Step::Move(4)]));
        reader.set_patience(SHORT);
        assert!(next_frame(&mut reader).is_err());
        reader.reset();
        reader.get_mut().arrive(&stream.wire);
        assert_eq!(next_frame(&mut reader).expect("a new stream").as_ref(), Some(&stream.frames[0]));
    }
}
