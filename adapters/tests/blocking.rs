//! `ringframe_io::std` over a transport that does, call by call, whatever a transport may do.
#![cfg(feature = "std")]

mod support {
    pub(crate) mod fake;
    pub(crate) mod streams;
}

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::task::Poll;
use std::time::Duration;

use ringframe::{Checked, DecodeError, EncodeError, FinishError, formats};
use ringframe_io::std::{Framed, Incoming, Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use support::fake::{ALL, Call, Fake, Plan, Step};
use support::streams::{LIMIT, Owned, STORE, Stream, small_streams, streams, u32_be};

type FakeReader = Reader<Fake, Checked, Box<[u8]>>;
type FakeWriter = Writer<Fake, Checked, Box<[u8]>>;

/// After these an operation can be called again.
const GOES_ON: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];

fn reader(stream: &Stream, plan: Plan) -> FakeReader {
    reader_of(stream, &stream.wire, plan)
}

fn reader_of(stream: &Stream, wire: &[u8], plan: Plan) -> FakeReader {
    Reader::with_capacity(Fake::new(wire, plan), stream.format, STORE).expect("a store that holds a header")
}

fn writer(stream: &Stream, plan: Plan) -> FakeWriter {
    Writer::with_capacity(Fake::sink(plan), stream.format, STORE).expect("a store that holds a header")
}

/// Every way in which a transport may cut a stream of that length and fail meanwhile, in calls of every size.
fn plans(len: usize) -> impl Iterator<Item = (String, Plan)> {
    let mut kinds = vec![ErrorKind::Interrupted];
    kinds.extend(GOES_ON);
    (1..=len.max(1)).flat_map(move |size| {
        let whole = (format!("{size} bytes a call"), Plan::cycle([Step::Move(size)]));
        let failing = kinds.clone().into_iter().flat_map(move |kind| {
            // A failure before each call, and one failure at each point; of single bytes too.
            let each = format!("{size} bytes a call, {kind} before each");
            let each = (each, Plan::cycle([Step::Fail(kind), Step::Move(size)]));
            let calls = len.div_ceil(size) + 1;
            let stride = if size == 1 { 1 } else { calls.div_ceil(8) };
            let once = (0..calls).step_by(stride).map(move |at| {
                (format!("{size} bytes a call, {kind} at call {at}"), Plan::fails_at(at, kind, size))
            });
            once.chain([each])
        });
        failing.chain([whole])
    })
}

/// Calls until something else than a failure of the plan comes back.
fn patiently<T>(mut call: impl FnMut() -> Result<T, io::Error>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if GOES_ON.contains(&error.kind()) => {}
            result => return result,
        }
    }
}

fn own(frame: ringframe::Frame<'_>) -> Owned {
    (frame.header().to_vec(), frame.payload().to_vec())
}

/// All frames, to the end. What the transport failed with is tried again.
fn read_frames(reader: &mut FakeReader) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match reader.read_frame() {
            Ok(Some(frame)) => frames.push(own(frame)),
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if GOES_ON.contains(&error.kind()) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames of any size, to the end. What the transport failed with is tried again.
fn read_any(reader: &mut FakeReader) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match reader.read(LIMIT) {
            Ok(Some(Incoming::Frame(frame))) => frames.push(own(frame)),
            Ok(Some(Incoming::Large(mut payload))) => {
                let header = payload.header().to_vec();
                let mut bytes = Vec::new();
                patiently(|| payload.read_to_end(&mut bytes)).expect("a whole payload");
                assert_eq!((payload.left(), payload.len()), (0, bytes.len() as u64));
                frames.push((header, bytes));
            }
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if GOES_ON.contains(&error.kind()) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames, queued and then sent. What the transport failed with is tried again, as the docs say how.
fn write_all(writer: &mut FakeWriter, stream: &Stream) {
    for (_, payload) in &stream.frames {
        loop {
            match writer.push(stream.fields, payload) {
                Ok(()) => break,
                Err(WriteError::Io(error)) if GOES_ON.contains(&error.kind()) => {
                    let left = writer.encoder().left() as usize;
                    if left > 0 {
                        write_rest(writer, &payload[payload.len() - left..]);
                        break;
                    }
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    flush(writer);
}

/// The missing bytes of a payload.
fn write_rest(writer: &mut FakeWriter, mut rest: &[u8]) {
    let mut payload = writer.resume();
    assert_eq!(payload.left(), rest.len() as u64);
    while !rest.is_empty() {
        let n = patiently(|| payload.write(rest)).expect("bytes that were announced");
        rest = &rest[n..];
    }
}

fn flush(writer: &mut FakeWriter) {
    while let Err(error) = writer.flush() {
        assert!(matches!(&error, WriteError::Io(error) if GOES_ON.contains(&error.kind())), "{error}");
    }
}

#[track_caller]
fn assert_sent(writer: &FakeWriter, wire: &[u8], name: &str) {
    assert!(writer.get_ref().out == wire, "{name}: {:?} instead of {wire:?}", writer.get_ref().out);
    assert!(writer.encoder().is_empty(), "{name}: bytes are pending");
}

mod reading {
    use super::*;

    #[test]
    fn frames_are_the_same_however_the_transport_cuts_and_fails() {
        for stream in small_streams() {
            for (plan_name, plan) in plans(stream.wire.len()) {
                let mut reader = reader(&stream, plan);
                assert_eq!(read_frames(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
                assert!(reader.get_ref().is_at_end());
                assert_eq!(reader.decoder().frames() as usize, stream.frames.len());
            }
        }
    }

    #[test]
    fn frames_larger_than_the_store_are_too() {
        for stream in streams() {
            for (plan_name, plan) in plans(stream.wire.len()) {
                let mut reader = reader(&stream, plan);
                assert_eq!(read_any(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
                assert!(reader.get_ref().is_at_end());
            }
        }
    }

    #[test]
    fn interrupted_is_never_seen_and_the_others_are_seen_once_each() {
        let stream = u32_be(&[5, 0, 60]);
        for kind in [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::TimedOut] {
            let mut reader = reader(&stream, Plan::cycle([Step::Fail(kind), Step::Move(3)]));
            let mut seen = 0;
            loop {
                match reader.read_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(ReadError::Io(error)) => {
                        assert_eq!(error.kind(), kind);
                        seen += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            let failed = if kind == ErrorKind::Interrupted { 0 } else { reader.get_ref().failed };
            assert_eq!(seen, failed, "{kind}");
            assert!(reader.get_ref().failed > 20, "{kind}");
        }
    }

    #[test]
    fn try_read_frame_is_pending_where_it_would_block() {
        for stream in small_streams() {
            let plan = Plan::cycle([Step::Fail(ErrorKind::WouldBlock), Step::Move(1)]);
            let mut reader = reader(&stream, plan);
            let (mut frames, mut pending) = (Vec::new(), 0);
            loop {
                match reader.try_read_frame() {
                    Poll::Ready(Ok(Some(frame))) => frames.push(own(frame)),
                    Poll::Ready(Ok(None)) => break,
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => pending += 1,
                }
            }
            assert_eq!(frames, stream.frames, "{}", stream.name);
            assert_eq!(pending, reader.get_ref().failed, "{}", stream.name);
        }
        let mut reader = reader(&u32_be(&[1]), Plan::once([Step::Fail(ErrorKind::TimedOut)]));
        assert!(
            matches!(reader.try_read_frame(), Poll::Ready(Err(ReadError::Io(_)))),
            "not for other errors"
        );
    }

    #[test]
    fn whatever_arrived_is_taken_in_one_call() {
        let stream = u32_be(&[5, 0, 20, 17]);
        let mut reader = reader(&stream, Plan::cycle([ALL]));
        for _ in &stream.frames {
            assert!(reader.read_frame().expect("a good stream").is_some());
        }
        assert_eq!(reader.get_ref().moved(), [stream.wire.len()]);
    }

    /// Where a wire ends, and what is said of it.
    #[test]
    fn a_truncated_end_is_an_error_with_numbers_and_stays_one() {
        let stream = u32_be(&[5, 60]);
        let truncated = |have, want| FinishError::Truncated { have, want };
        let cases = (1..9)
            .map(|have| (have, truncated(have, if have < 4 { 4 } else { 9 })))
            .chain((10..9 + 64).map(|end| (end, truncated(end - 9, if end < 13 { 4 } else { 64 }))));
        for (end, wanted) in cases {
            for size in [1, 7, usize::MAX] {
                let mut reader = reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(size)]));
                if end > 9 {
                    let first = reader.read_frame().expect("a good frame");
                    assert_eq!(first.map(own).as_ref(), Some(&stream.frames[0]));
                }
                for _ in 0..2 {
                    let ReadError::Truncated(error) = reader.read_frame().expect_err("an end inside a frame")
                    else {
                        panic!("another error")
                    };
                    assert_eq!(error, wanted, "{end} bytes, {size} a call");
                }
            }
        }
    }

    #[test]
    fn good_frames_come_before_an_error_and_the_error_is_repeated() {
        let stream = u32_be(&[5, 0]);
        let wire = [&stream.wire[..], &[0xff; 4], b"whatever"].concat();
        let too_long = DecodeError::TooLong { declared: 0xffff_ffff + 4, limit: STORE as u64 };
        for size in 1..=wire.len() {
            let mut reader = reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
            for frame in &stream.frames {
                let read = reader.read_frame().expect("a good frame");
                assert_eq!(read.map(own).as_ref(), Some(frame), "{size} bytes a call");
            }
            for _ in 0..3 {
                let Err(ReadError::Protocol(error)) = reader.read_frame() else { panic!("no error") };
                assert_eq!(error, too_long, "{size} bytes a call");
            }
            let calls = reader.get_ref().calls.len();
            let Err(ReadError::Protocol(error)) = reader.read(LIMIT) else { panic!("no error") };
            assert_eq!(error, DecodeError::TooLong { declared: 0xffff_ffff + 4, limit: LIMIT });
            assert_eq!(reader.get_ref().calls.len(), calls, "nothing more is read after an error");
        }
    }

    #[test]
    fn a_hard_error_keeps_what_arrived() {
        let stream = u32_be(&[5, 9]);
        let plan = Plan::once([Step::Move(11), Step::Fail(ErrorKind::ConnectionReset)]);
        let mut reader = reader(&stream, plan);
        assert!(reader.read_frame().expect("a good frame").is_some());
        let error = reader.read_frame().expect_err("the failure");
        assert!(matches!(&error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset));
        assert!(
            error.source().is_some_and(<dyn Error>::is::<io::Error>),
            "the transport's error is the source"
        );
        assert_eq!(reader.read_frame().expect("a good frame").map(own).as_ref(), Some(&stream.frames[1]));
    }

    /// A broken `Read` must not make bytes up, nor a panic.
    #[test]
    fn a_read_that_claims_more_than_it_was_offered_is_an_error() {
        let stream = u32_be(&[5]);
        for more in [1, STORE, usize::MAX - 2 * STORE] {
            for before in [0, 2, 8] {
                let plan = if before == 0 { vec![] } else { vec![Step::Move(before)] };
                let mut reader = reader(&stream, Plan::once([plan, vec![Step::Lie(more)]].concat()));
                assert!(matches!(reader.read_frame(), Err(ReadError::Io(_))), "{more} more after {before}");
                assert_eq!(
                    reader.read_frame().expect("a good frame").map(own).as_ref(),
                    Some(&stream.frames[0])
                );
            }
        }
        let large = u32_be(&[100]);
        let mut reader = reader(&large, Plan::once([Step::Move(10), Step::Lie(1)]));
        let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else { panic!("a large frame") };
        let mut bytes = [0; 100];
        assert_eq!(payload.read(&mut bytes).expect("what is buffered"), 6);
        assert!(payload.read(&mut bytes).is_err());
        reader = super::reader(&large, Plan::once([Step::Lie(1)]));
        assert!(reader.raw().read(&mut bytes).is_err());
    }

    #[test]
    fn a_reader_can_be_taken_apart_and_put_together() {
        let stream = u32_be(&[5, 20, 9]);
        let mut reader = reader(&stream, Plan::once([Step::Move(15)]));
        assert!(reader.read_frame().expect("a good frame").is_some());
        let (io, decoder) = reader.into_parts();
        assert_eq!(decoder.buffered(), 6);
        assert_eq!(read_frames(&mut Reader::new(io, decoder)), stream.frames[1..]);
    }
}

mod large_frames {
    use super::*;

    /// Reads some of each payload in pieces of one size; the next frame is in step.
    #[test]
    fn what_is_not_read_of_a_payload_is_skipped() {
        let stream = u32_be(&[150, 3, 61, 300, 0, 64, 7]);
        for piece in [1, 7, 64, 200] {
            for take in [0, 1, 59, 60, 61, 64, 149, 150] {
                for size in [1, 5, 64, usize::MAX] {
                    let mut reader = reader(&stream, Plan::cycle([Step::Move(size)]));
                    for (header, wanted) in &stream.frames {
                        match reader.read(LIMIT).expect("a good stream").expect("a frame") {
                            Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                            Incoming::Large(mut payload) => {
                                assert_eq!(payload.header(), header);
                                assert!(!payload.is_empty());
                                let mut bytes = vec![0; take.min(wanted.len())];
                                for piece in bytes.chunks_mut(piece) {
                                    payload.read_exact(piece).expect("a whole payload");
                                }
                                assert_eq!(bytes, wanted[..bytes.len()]);
                                assert_eq!(payload.left(), (wanted.len() - bytes.len()) as u64);
                            }
                        }
                    }
                    assert!(reader.read(LIMIT).expect("a clean end").is_none());
                    assert_eq!(reader.decoder().frames() as usize, stream.frames.len());
                }
            }
        }
    }

    #[test]
    fn read_frame_goes_on_behind_a_payload_that_was_not_read() {
        let stream = u32_be(&[150, 3]);
        for take in [0, 60, 100, 150] {
            for size in [1, 64, usize::MAX] {
                let plan = Plan::cycle([Step::Move(size), Step::Fail(ErrorKind::WouldBlock)]);
                let mut reader = reader(&stream, plan);
                let mut payload = loop {
                    // The borrow of a frame that comes back ends every other path.
                    if reader.try_read(LIMIT) {
                        break reader.take_large();
                    }
                };
                let mut bytes = vec![0; take];
                let mut at = 0;
                while at < take {
                    at += patiently(|| payload.read(&mut bytes[at..])).expect("a payload");
                }
                assert_eq!(read_frames(&mut reader), stream.frames[1..], "{take} bytes, {size} a call");
            }
        }
    }

    /// `read` as a question and an answer, which the borrow checker lets a loop repeat.
    trait TryRead {
        fn try_read(&mut self, limit: u64) -> bool;
        fn take_large(&mut self) -> ringframe_io::std::PayloadReader<'_, Fake, Checked, Box<[u8]>>;
    }
    impl TryRead for FakeReader {
        fn try_read(&mut self, _: u64) -> bool {
            true
        }
        fn take_large(&mut self) -> ringframe_io::std::PayloadReader<'_, Fake, Checked, Box<[u8]>> {
            unimplemented!()
        }
    }
}
