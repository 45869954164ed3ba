//! `ringframe_io::std` over a transport that does, call by call, whatever a transport may do.
#![cfg(feature = "std")]

/// A call that may wait, to its end.
macro_rules! wait {
    ($call:expr) => {
        $call
    };
}

mod support {
    pub(crate) mod fake;
    pub(crate) mod plans;
    pub(crate) mod streams;
    pub(crate) mod suite;
    pub(crate) mod summed;
}

use std::io as traits;
use std::io::{self, ErrorKind, Read, Write};
use std::task::Poll;
use std::time::Duration;

use ringframe::{EndError, FilledError, Format, formats};
use ringframe_io::std as adapter;
use ringframe_io::std::{Framed, Incoming, ReadTimeout, Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use support::fake::{ALL, Call, Fake, Plan, Step};
use support::plans::GOES_ON;
use support::streams::{LIMIT, STORE, u32_be};
use support::suite::{assert_sent, fake_reader, fake_reader_of, fake_writer, flush, own, write_all};

const SEEN: &[ErrorKind] = &GOES_ON;
const VECTORED: &[bool] = &[true, false];

/// `std`'s error holds one of ours, or is the transport's.
fn read_error(error: io::Error) -> ReadError<io::Error> {
    let kind = error.kind();
    match error.downcast::<ReadError<io::Error>>() {
        Ok(inner) => {
            if let ReadError::Truncated(_) = inner {
                assert_eq!(kind, ErrorKind::UnexpectedEof);
            }
            inner
        }
        Err(error) => match error.downcast::<FilledError>() {
            Ok(overrun) => ReadError::Overrun(overrun),
            Err(error) => match error.downcast::<EndError>() {
                Ok(end) => {
                    assert_eq!(kind, ErrorKind::UnexpectedEof);
                    end.into()
                }
                Err(error) => ReadError::Io(error),
            },
        },
    }
}

fn write_error(error: io::Error) -> WriteError<io::Error> {
    let kind = error.kind();
    match error.downcast::<WriteError<io::Error>>() {
        Ok(inner) => {
            assert_eq!(kind, ErrorKind::WriteZero);
            inner
        }
        Err(error) => WriteError::Io(error),
    }
}

/// `write_all` makes an error of it.
fn is_refused(result: io::Result<usize>) -> bool {
    matches!(result, Ok(0))
}

mod writing {
    use super::*;

    #[test]
    fn a_wrapped_ring_leaves_in_one_vectored_write() {
        let stream = u32_be(&[40, 30]);
        for sent in 14..44 {
            let plan = [Step::Move(sent), Step::Fail(ErrorKind::WouldBlock)];
            let mut writer = fake_writer(&stream, Plan::once(plan));
            writer.send(&stream.frames[0].1).expect_err("the failure");
            writer.push(&[], &stream.frames[1].1).expect("room, around the end");
            flush(&mut writer);
            let last = writer.get_ref().calls.last().cloned().expect("a call");
            assert_eq!(last, Call { offered: vec![64 - sent, 14], moved: 78 - sent });
            assert_sent(&writer, &stream.wire, "wrapped");
        }
    }

    #[test]
    fn a_full_store_is_emptied_before_the_next_frame() {
        let stream = u32_be(&[30, 30, 60, 0, 100, 0]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        write_all(&mut writer, &stream);
        // 34; 34; 64; the empty one, as the large one has no room behind it; the large one; the empty one.
        assert_eq!(writer.get_ref().moved(), [34, 34, 64, 4, 104, 4]);
        assert_sent(&writer, &stream.wire, "no failures");
    }

    #[test]
    fn try_flush_is_pending_where_it_would_block() {
        let stream = u32_be(&[20]);
        for kind in GOES_ON {
            let mut writer = fake_writer(&stream, Plan::once([Step::Move(7), Step::Fail(kind)]));
            writer.push(&[], &stream.frames[0].1).expect("room");
            match writer.try_flush() {
                Poll::Pending => assert_eq!(kind, ErrorKind::WouldBlock),
                Poll::Ready(result) => {
                    assert!(matches!(result, Err(WriteError::Io(error)) if error.kind() == kind));
                    assert_ne!(kind, ErrorKind::WouldBlock);
                }
            }
            assert!(matches!(writer.try_flush(), Poll::Ready(Ok(()))));
            assert_sent(&writer, &stream.wire, "in the end");
        }
    }
}

/// Time-outs as a fake transport reports them; those of real sockets are tested in `sockets.rs`.
mod patience {
    use super::*;

    impl ReadTimeout for Fake {
        fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
            Ok(())
        }
    }

    const SHORT: Patience = Patience {
        idle: Some(Duration::from_millis(30)),
        frame: Some(Duration::from_millis(60)),
        bytes_per_second: 0,
    };

    /// Systems differ in what they call a read whose time is up; it is not the end of anybody's patience.
    #[test]
    fn an_early_time_out_is_not_reported() {
        let stream = u32_be(&[5, 60]);
        for kind in GOES_ON {
            let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(kind), Step::Move(3)]));
            reader.set_patience(Patience { idle: Some(Duration::from_secs(3600)), ..Patience::ENDLESS });
            let mut frames = Vec::new();
            while let Some(frame) = reader.read_frame().expect("nothing but time-outs") {
                frames.push(own(frame));
            }
            assert_eq!(frames, stream.frames, "{kind}");
        }
    }

    #[test]
    fn patience_ends_where_a_transport_only_times_out() {
        let stream = u32_be(&[5]);
        for kind in GOES_ON {
            let mut reader = fake_reader_of(&stream, &[], Plan::cycle([Step::Fail(kind)]));
            reader.set_patience(SHORT);
            let Err(ReadError::Idle { allowed }) = reader.read_frame() else { panic!("not idle") };
            assert_eq!(Some(allowed), SHORT.idle);
            let mut reader = fake_reader(&stream, Plan::new([Step::Move(6)], [Step::Fail(kind)]));
            reader.set_patience(SHORT);
            let Err(ReadError::TooSlow { allowed, missing }) = reader.read_frame() else {
                panic!("not slow")
            };
            assert_eq!((Some(allowed), missing), (SHORT.frame, 3));
        }
    }

    /// Who pings an idle peer and reads on must get the same time again, not a loop without a wait.
    #[test]
    fn idle_waits_again() {
        let stream = u32_be(&[5]);
        let fail = Step::Fail(ErrorKind::WouldBlock);
        let mut reader = fake_reader_of(&stream, &[], Plan::cycle([fail]));
        reader.set_patience(SHORT);
        for _ in 0..3 {
            let begin = std::time::Instant::now();
            assert!(matches!(reader.read_frame(), Err(ReadError::Idle { .. })));
            assert!(Some(begin.elapsed()) >= SHORT.idle);
        }
    }

    /// A payload's reader says `TimedOut`: the stream has not ended.
    #[test]
    fn a_slow_payload_is_a_time_out() {
        let stream = u32_be(&[100]);
        let mut reader =
            fake_reader(&stream, Plan::new([Step::Move(64)], [Step::Fail(ErrorKind::WouldBlock)]));
        reader.set_patience(SHORT);
        let Ok(Some(Incoming::Large(mut payload))) = reader.read() else { panic!("a large frame") };
        let error = payload.read_to_end(&mut Vec::new()).expect_err("nothing more comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(payload.left(), 40);
    }

    /// A connection that the system gave up (keep-alive, user time-out) must not be read on: the next read
    /// answers 0, which would look like a clean end.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_connection_that_timed_out_is_an_error() {
        struct GivenUp;
        impl Read for GivenUp {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                const ETIMEDOUT: i32 = 110;
                Err(io::Error::from_raw_os_error(ETIMEDOUT))
            }
        }
        impl ReadTimeout for GivenUp {
            fn set_read_timeout(&self, _: Option<Duration>) -> io::Result<()> {
                Ok(())
            }
        }
        let mut reader = Reader::with_capacity(GivenUp, formats::U32_BE, STORE).expect("a store");
        reader.set_patience(SHORT);
        let Err(ReadError::Io(error)) = reader.read_frame() else { panic!("taken for silence") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}

mod both_ways {
    use super::*;

    #[test]
    fn both_ways_share_a_transport_and_part_and_meet_again() {
        let stream = u32_be(&[5, 0, 20]);
        let fake = || Fake::new(&stream.wire, Plan::cycle([ALL]));
        let mut link = Framed::with_capacity(fake(), stream.format, STORE).expect("a store");
        let first = link.read_frame().expect("a good frame").map(own).expect("a frame");
        assert_eq!(first, stream.frames[0]);
        link.push(&[], &first.1).expect("room");

        let failure = link.split(|_| Err::<Fake, _>("no second handle")).expect_err("the failure");
        assert_eq!(failure, "no second handle");

        let link = Framed::with_capacity(fake(), stream.format, STORE).expect("a store");
        let (mut reader, mut writer) = link.split(|_| Ok::<_, ()>(fake())).expect("a second handle");
        assert_eq!(reader.read_frame().expect("a good frame").map(own).as_ref(), Some(&stream.frames[0]));
        writer.push(&[], b"queued").expect("room");
        // What is buffered and what is queued come along.
        let mut link = Framed::join(reader, writer);
        assert_eq!(link.read_frame().expect("a good frame").map(own).as_ref(), Some(&stream.frames[1]));
        link.flush().expect("no failures");
        assert_eq!(link.get_ref().out, b"\0\0\0\x06queued");
        let (io, decoder, encoder) = link.into_parts();
        let mut link = Framed::new(io, decoder, encoder);
        assert_eq!(link.read_frame().expect("a good frame").map(own).as_ref(), Some(&stream.frames[2]));
        assert!(link.read_frame().expect("a clean end").is_none());
        assert_eq!((link.decoder().stats().frames, link.encoder().stats().frames), (3, 1));
    }
}

/// What the transport itself holds back is flushed with the rest.
#[test]
fn a_payload_and_a_frame_go_out_through_a_buffered_transport() {
    let mut writer =
        Writer::with_capacity(io::BufWriter::new(Vec::new()), formats::U32_BE.with_limit(LIMIT), 64)
            .expect("a store");
    let mut payload = writer.payload(&[], 100).expect("a payload");
    payload.write_all(&[7; 100]).expect("a write");
    payload.finish().expect("a whole payload");
    assert_eq!(writer.get_ref().get_ref().len(), 104);
    writer.send(b"small").expect("a frame");
    assert_eq!(writer.get_ref().get_ref().len(), 104 + 9);
}
