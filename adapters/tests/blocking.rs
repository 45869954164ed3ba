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
use ringframe_io::std::{Framed, Incoming, ReadTimeout, Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use support::fake::{ALL, Call, Fake, Plan, Step};
use support::streams::{LIMIT, Owned, STORE, Stream, small_streams, streams, u32_be};

type FakeReader = Reader<Fake, Checked, Box<[u8]>>;
type FakeWriter = Writer<Fake, Checked, Box<[u8]>>;

/// After these an operation can be called again.
const GOES_ON: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];

fn fake_reader(stream: &Stream, plan: Plan) -> FakeReader {
    fake_reader_of(stream, &stream.wire, plan)
}

fn fake_reader_of(stream: &Stream, wire: &[u8], plan: Plan) -> FakeReader {
    Reader::with_capacity(Fake::new(wire, plan), stream.format, STORE).expect("a store that holds a header")
}

fn fake_writer(stream: &Stream, plan: Plan) -> FakeWriter {
    Writer::with_capacity(Fake::sink(plan), stream.format, STORE).expect("a store that holds a header")
}

/// `size` bytes a call, but the call number `at` fails.
fn fails_at(at: usize, kind: ErrorKind, size: usize) -> Plan {
    let mut once = vec![Step::Move(size); at];
    once.push(Step::Fail(kind));
    Plan::new(once, [Step::Move(size)])
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
                (format!("{size} bytes a call, {kind} at call {at}"), fails_at(at, kind, size))
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
                let mut reader = fake_reader(&stream, plan);
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
                let mut reader = fake_reader(&stream, plan);
                assert_eq!(read_any(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
                assert!(reader.get_ref().is_at_end());
            }
        }
    }

    #[test]
    fn interrupted_is_never_seen_and_the_others_are_seen_once_each() {
        let stream = u32_be(&[5, 0, 60]);
        for kind in [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::TimedOut] {
            let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(kind), Step::Move(3)]));
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
            let mut reader = fake_reader(&stream, plan);
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
        let mut reader = fake_reader(&u32_be(&[1]), Plan::once([Step::Fail(ErrorKind::TimedOut)]));
        assert!(
            matches!(reader.try_read_frame(), Poll::Ready(Err(ReadError::Io(_)))),
            "not for other errors"
        );
    }

    #[test]
    fn whatever_arrived_is_taken_in_one_call() {
        let stream = u32_be(&[5, 0, 20, 17]);
        let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
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
                let mut reader =
                    fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(size)]));
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
            let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
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
        let mut reader = fake_reader(&stream, plan);
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
                let mut reader = fake_reader(&stream, Plan::once([plan, vec![Step::Lie(more)]].concat()));
                assert!(matches!(reader.read_frame(), Err(ReadError::Io(_))), "{more} more after {before}");
                assert_eq!(
                    reader.read_frame().expect("a good frame").map(own).as_ref(),
                    Some(&stream.frames[0])
                );
            }
        }
        let large = u32_be(&[100]);
        let mut reader = fake_reader(&large, Plan::once([Step::Move(10), Step::Lie(1)]));
        let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else { panic!("a large frame") };
        let mut bytes = [0; 100];
        assert_eq!(payload.read(&mut bytes).expect("what is buffered"), 6);
        assert!(payload.read(&mut bytes).is_err());
        reader = fake_reader(&large, Plan::once([Step::Lie(1)]));
        assert!(reader.raw().read(&mut bytes).is_err());
    }

    #[test]
    fn a_reader_can_be_taken_apart_and_put_together() {
        let stream = u32_be(&[5, 20, 9]);
        let mut reader = fake_reader(&stream, Plan::once([Step::Move(15)]));
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
                    let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
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
                let mut reader = fake_reader(&stream, plan);
                let mut payload = loop {
                    if let Ok(Some(Incoming::Large(payload))) = reader.read(LIMIT) {
                        break payload;
                    }
                };
                let (mut bytes, mut at) = ([0; 150], 0);
                while at < take {
                    at += patiently(|| payload.read(&mut bytes[at..take])).expect("a payload");
                }
                assert_eq!(bytes[..take], stream.frames[0].1[..take]);
                assert_eq!(read_frames(&mut reader), stream.frames[1..], "{take} bytes, {size} a call");
            }
        }
    }

    #[test]
    fn a_payload_that_ends_early_is_an_unexpected_end_with_its_numbers() {
        let stream = u32_be(&[150]);
        for end in 64..154 {
            let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(64)]));
            let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else { panic!("a large frame") };
            let mut bytes = Vec::new();
            let error = payload.read_to_end(&mut bytes).expect_err("an early end");
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ReadError<io::Error>>());
            let Some(ReadError::Truncated(inner)) = inner else { panic!("{error:?}") };
            assert_eq!(*inner, FinishError::TruncatedPayload { missing: 154 - end as u64 });
            assert_eq!(bytes, stream.wire[4..end]);
            let Err(ReadError::Truncated(error)) = reader.read_frame() else { panic!("a clean end") };
            assert_eq!(error, FinishError::TruncatedPayload { missing: 154 - end as u64 });
        }
    }

    /// 0 means the end to a reader's user: only at the end, or where there was no room.
    #[test]
    fn a_payload_is_read_into_any_buffer() {
        let stream = u32_be(&[100, 4]);
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(5)]));
        let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else { panic!("a large frame") };
        assert_eq!(payload.read(&mut []).expect("nothing to do"), 0);
        let mut bytes = [0xee; 200];
        payload.read_exact(&mut bytes[..100]).expect("a whole payload");
        assert_eq!(payload.read(&mut bytes[100..]).expect("the end"), 0);
        assert!(
            bytes[..100] == stream.frames[0].1 && bytes[100..] == [0xee; 100],
            "no more than the payload"
        );
    }

    #[test]
    fn the_limit_is_that_of_frames_larger_than_the_store() {
        let stream = u32_be(&[150, 60]);
        for (limit, fits) in [(0, false), (153, false), (154, true), (u64::MAX, true)] {
            let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
            match reader.read(limit) {
                Ok(Some(Incoming::Large(_))) => assert!(fits, "limit {limit}"),
                Err(ReadError::Protocol(error)) => {
                    assert_eq!(error, DecodeError::TooLong { declared: 154, limit: limit.max(64) });
                    assert!(!fits, "limit {limit}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

mod raw_bytes {
    use super::*;

    /// Frames, then bytes of another protocol, then frames: however they arrive.
    #[test]
    fn raw_bytes_between_frames_leave_the_stream_in_step() {
        for (before, after) in
            [(&[5, 0][..], &[7, 60][..]), (&[60], &[0]), (&[], &[1]), (&[3, 100], &[100, 2])]
        {
            let (before, after) = (u32_be(before), u32_be(after));
            let unframed: Vec<u8> = (0..130).map(|i| 255 - i).collect();
            let wire = [&before.wire[..], &unframed, &after.wire].concat();
            for size in 1..=wire.len() {
                for piece in [1, 10, 130] {
                    let mut reader = fake_reader_of(&before, &wire, Plan::cycle([Step::Move(size)]));
                    for (_, wanted) in &before.frames {
                        match reader.read(LIMIT).expect("a good stream").expect("a frame") {
                            Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                            Incoming::Large(mut payload) => {
                                let mut bytes = Vec::new();
                                payload.read_to_end(&mut bytes).expect("a whole payload");
                                assert_eq!(&bytes, wanted);
                            }
                        }
                    }
                    let mut bytes = vec![0; unframed.len()];
                    for piece in bytes.chunks_mut(piece) {
                        reader.raw().read_exact(piece).expect("bytes");
                    }
                    assert_eq!(bytes, unframed, "{size} bytes a call, {piece} bytes a piece");
                    assert_eq!(
                        read_any(&mut reader),
                        after.frames,
                        "{size} bytes a call, {piece} bytes a piece"
                    );
                }
            }
        }
    }

    /// "From where the last frame ended": what was not read of a payload is not raw bytes.
    #[test]
    fn raw_bytes_begin_behind_a_payload_that_was_not_read() {
        let (before, after) = (u32_be(&[150]), u32_be(&[9]));
        let wire = [&before.wire[..], b"another protocol", &after.wire].concat();
        for take in [0, 1, 60, 100, 149, 150] {
            for size in 1..=wire.len() {
                let mut reader = fake_reader_of(&before, &wire, Plan::cycle([Step::Move(size)]));
                let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else {
                    panic!("a large frame")
                };
                payload.read_exact(&mut vec![0; take]).expect("a part of the payload");
                let mut bytes = [0; 16];
                for piece in bytes.chunks_mut(5) {
                    reader.raw().read_exact(piece).expect("bytes");
                }
                assert_eq!(&bytes, b"another protocol", "{take} bytes taken, {size} a call");
                assert_eq!(read_any(&mut reader), after.frames);
            }
        }
    }

    #[test]
    fn raw_bytes_go_to_the_end_and_failures_are_handed_on() {
        let stream = u32_be(&[5]);
        let wire = [&stream.wire[..], b"rest"].concat();
        let plan = Plan::cycle([Step::Fail(ErrorKind::WouldBlock), Step::Move(2)]);
        let mut reader = fake_reader_of(&stream, &wire, plan);
        while reader.read_frame().is_err() {}
        assert_eq!(reader.raw().read(&mut []).expect("nothing to do"), 0);
        let mut bytes = Vec::new();
        patiently(|| reader.raw().read_to_end(&mut bytes)).expect("the end");
        assert_eq!(bytes, b"rest");
    }
}

mod writing {
    use super::*;

    #[test]
    fn bytes_are_the_same_however_the_transport_cuts_and_fails() {
        for stream in streams() {
            for (plan_name, plan) in plans(stream.wire.len()) {
                for vectored in [true, false] {
                    let mut writer = fake_writer(&stream, plan.clone());
                    writer.get_mut().vectored = vectored;
                    write_all(&mut writer, &stream);
                    assert_sent(&writer, &stream.wire, &format!("{}, {plan_name}", stream.name));
                }
            }
        }
    }

    /// Two small writes meet Nagle and delayed acknowledgement: 40 ms a message. So a header never leaves
    /// alone, also where the transport has no vectored writes and would take the first slice only.
    #[test]
    fn nagle_never_sees_a_header_alone() {
        for len in [0, 1, 59, 60, 61, 62, 100, 1000] {
            for vectored in [true, false] {
                let stream = u32_be(&[len, len, len]);
                let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
                writer.get_mut().vectored = vectored;
                for (_, payload) in &stream.frames {
                    let before = writer.get_ref().calls.len();
                    writer.send(payload).expect("room");
                    let calls = &writer.get_ref().calls[before..];
                    if len <= 60 || vectored {
                        assert_eq!(calls.len(), 1, "{len} bytes, {calls:?}");
                        assert_eq!(calls[0].moved, 4 + len);
                    } else {
                        assert!(calls[0].moved >= STORE, "{len} bytes, {calls:?}");
                        assert!(calls.len() <= 2, "{len} bytes, {calls:?}");
                    }
                }
                assert_sent(&writer, &stream.wire, "no failures");
                assert_eq!(writer.get_ref().flushed, 3);
            }
        }
    }

    #[test]
    fn a_small_frame_leaves_in_one_piece_and_queued_ones_together() {
        let stream = u32_be(&[5, 0, 20, 17]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        for (_, payload) in &stream.frames {
            writer.push(&[], payload).expect("room");
        }
        assert!(writer.get_ref().calls.is_empty(), "queued only");
        flush(&mut writer);
        let call = Call { offered: vec![stream.wire.len()], moved: stream.wire.len() };
        assert_eq!(writer.get_ref().calls, [call]);
        assert_sent(&writer, &stream.wire, "together");
    }

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
    fn a_large_frame_survives_a_short_write_at_every_point() {
        let stream = u32_be(&[3, 150, 4]);
        for vectored in [true, false] {
            for cut in 1..stream.wire.len() {
                for cut_again in [1, 64, 1000] {
                    let mut writer =
                        fake_writer(&stream, Plan::once([Step::Move(cut), Step::Move(cut_again)]));
                    writer.get_mut().vectored = vectored;
                    write_all(&mut writer, &stream);
                    assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
                }
            }
        }
    }

    #[test]
    fn a_large_frame_that_stops_half_way_holds_back_the_others_until_it_is_resumed() {
        let stream = u32_be(&[150, 4]);
        let [(_, large), (_, small)] = &stream.frames[..] else { panic!("two frames") };
        for kind in GOES_ON {
            for cut in 0..154 {
                let fail = [Step::Move(cut), Step::Fail(kind)];
                let mut writer = fake_writer(&stream, Plan::once(if cut == 0 { &fail[1..] } else { &fail }));
                let Err(WriteError::Io(error)) = writer.send(large) else { panic!("{cut}: sent") };
                assert_eq!(error.kind(), kind);
                let left = writer.encoder().left();
                assert!(left > 0 && left <= (154 - cut as u64).min(150), "{cut}: {left}");
                let refused = EncodeError::MidPayload { left };
                for _ in 0..2 {
                    assert!(
                        matches!(writer.send(small), Err(WriteError::Encode(e)) if e == refused),
                        "{cut}"
                    );
                    assert!(matches!(writer.payload(&[], 7), Err(WriteError::Encode(e)) if e == refused));
                    assert!(matches!(writer.resume().finish(), Err(WriteError::Encode(e)) if e == refused));
                }
                let mut payload = writer.resume();
                payload.write_all(&large[150 - left as usize..]).expect("what is missing");
                payload.finish().expect("a whole payload");
                writer.send(small).expect("in step again");
                assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
                assert_eq!(writer.encoder().frames(), 2);
            }
        }
    }

    #[test]
    fn send_that_fails_has_queued_the_frame_whole_and_flush_goes_on() {
        let stream = u32_be(&[20, 3]);
        for kind in GOES_ON {
            for cut in 0..24 {
                let fail = [Step::Move(cut), Step::Fail(kind), Step::Fail(kind)];
                let mut writer =
                    fake_writer(&stream, Plan::once(if cut == 0 { &fail[1..] } else { &fail[..] }));
                let Err(WriteError::Io(error)) = writer.send(&stream.frames[0].1) else { panic!("sent") };
                assert_eq!(error.kind(), kind);
                assert_eq!(writer.encoder().frames(), 1, "it is queued");
                let again = writer.try_flush();
                assert_eq!(again.is_pending(), kind == ErrorKind::WouldBlock);
                assert!(matches!(writer.try_flush(), Poll::Ready(Ok(()))));
                writer.send(&stream.frames[1].1).expect("in step");
                assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
            }
        }
    }

    /// The counter tells whether a frame that `push` or `send` failed with is queued.
    #[test]
    fn push_that_fails_to_make_room_has_queued_nothing() {
        let stream = u32_be(&[40, 30]);
        let fail = Step::Fail(ErrorKind::WouldBlock);
        let mut writer = fake_writer(&stream, Plan::once([fail, fail]));
        writer.push(&[], &stream.frames[0].1).expect("room");
        for _ in 0..2 {
            assert!(matches!(writer.send(&stream.frames[1].1), Err(WriteError::Io(_))));
            assert_eq!(writer.encoder().frames(), 1);
        }
        writer.send(&stream.frames[1].1).expect("room again");
        assert_sent(&writer, &stream.wire, "retried");
    }

    #[test]
    fn a_write_that_answers_0_is_an_error_and_neither_a_panic_nor_a_loop() {
        let stream = u32_be(&[5, 100]);
        let mut writer =
            fake_writer(&stream, Plan::once([Step::Zero, Step::Zero, ALL, Step::Move(50), Step::Zero]));
        assert!(matches!(writer.send(&stream.frames[0].1), Err(WriteError::WriteZero)));
        assert!(matches!(writer.flush(), Err(WriteError::WriteZero)));
        writer.flush().expect("it takes bytes again");
        assert!(matches!(writer.send(&stream.frames[1].1), Err(WriteError::WriteZero)));
        let left = writer.encoder().left() as usize;
        write_rest(&mut writer, &stream.frames[1].1[100 - left..]);
        flush(&mut writer);
        assert_sent(&writer, &stream.wire, "in the end");
    }

    #[test]
    fn a_write_that_claims_more_than_it_was_offered_is_an_error() {
        let stream = u32_be(&[5, 100]);
        for more in [1, 50, usize::MAX - 1000] {
            let mut writer = fake_writer(&stream, Plan::cycle([Step::Lie(more)]));
            assert!(writer.send(&stream.frames[0].1).is_err(), "{more}");
            let mut writer = fake_writer(&stream, Plan::cycle([Step::Lie(more)]));
            assert!(writer.send(&stream.frames[1].1).is_err(), "{more}");
            // Inside a payload of announced length the surplus must not count as a part of it.
            let mut writer = fake_writer(&stream, Plan::once([Step::Lie(more)]));
            let mut payload = writer.payload(&[], 100).expect("room");
            payload.write_all(&[7; 10]).expect("room");
            assert!(payload.flush().is_err(), "{more}");
            assert_eq!(payload.left(), 90);
        }
    }

    #[test]
    fn interrupted_is_retried_by_flush_too() {
        let stream = u32_be(&[5]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().flush_fails = vec![ErrorKind::Other, ErrorKind::Interrupted, ErrorKind::Interrupted];
        let Err(WriteError::Io(error)) = writer.send(&stream.frames[0].1) else { panic!("flushed") };
        assert_eq!(error.kind(), ErrorKind::Other);
        writer.flush().expect("it is flushed now");
        assert_sent(&writer, &stream.wire, "flushed");
    }

    #[test]
    fn a_frame_that_can_not_be_encoded_queues_nothing() {
        let mut writer = Writer::with_capacity(Fake::sink(Plan::cycle([ALL])), formats::U_8, STORE)
            .expect("a store that holds a header");
        let refused = writer.send(&[0; 256]).expect_err("more than a byte can say");
        assert!(matches!(refused, WriteError::Encode(EncodeError::Unrepresentable { payload: 256 })));
        assert!(writer.push(&[1], b"").is_err(), "it has no fields");
        writer.send(b"ok").expect("room");
        assert_eq!(writer.get_ref().out, b"\x02ok");
    }

    #[test]
    fn a_writer_can_be_taken_apart_and_put_together() {
        let stream = u32_be(&[20, 5]);
        let plan = [Step::Move(7), Step::Fail(ErrorKind::WouldBlock)];
        let mut writer = fake_writer(&stream, Plan::once(plan));
        writer.send(&stream.frames[0].1).expect_err("the failure");
        let (io, encoder) = writer.into_parts();
        let mut writer = Writer::new(io, encoder);
        writer.send(&stream.frames[1].1).expect("room");
        assert_sent(&writer, &stream.wire, "both");
    }
}

mod announced_payloads {
    use super::*;

    #[test]
    fn a_payload_is_written_in_pieces_of_any_size() {
        for stream in streams() {
            for piece in [1, 7, 63, 64, 65, 1000] {
                for size in [1, 5, 64, usize::MAX] {
                    let plan = Plan::cycle([Step::Move(size), Step::Fail(ErrorKind::Interrupted)]);
                    let mut writer = fake_writer(&stream, plan);
                    for (_, bytes) in &stream.frames {
                        let mut payload =
                            writer.payload(stream.fields, bytes.len() as u64).expect("a header");
                        for piece in bytes.chunks(piece) {
                            payload.write_all(piece).expect("no failures");
                        }
                        assert_eq!(payload.left(), 0);
                        payload.finish().expect("no failures");
                    }
                    assert_sent(&writer, &stream.wire, stream.name);
                    assert_eq!(writer.encoder().frames() as usize, stream.frames.len());
                }
            }
        }
    }

    #[test]
    fn more_than_was_announced_is_not_taken() {
        for len in [0, 1, 10, 60, 61, 100] {
            let stream = u32_be(&[len, 3]);
            let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
            let mut payload = writer.payload(&[], len as u64).expect("a header");
            let more = [&stream.frames[0].1[..], b"more"].concat();
            let error = payload.write_all(&more).expect_err("more than was announced");
            assert_eq!(error.kind(), ErrorKind::WriteZero);
            assert_eq!(payload.write(b"more").expect("nothing"), 0);
            payload.finish().expect("all that was announced");
            writer.send(&stream.frames[1].1).expect("room");
            assert_sent(&writer, &stream.wire, "no more");
        }
    }

    #[test]
    fn less_than_was_announced_is_refused_and_can_be_resumed() {
        for (len, given) in [(1, 0), (10, 0), (10, 9), (60, 59), (100, 0), (100, 99)] {
            for finish in [true, false] {
                let stream = u32_be(&[2, len, 3]);
                let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
                writer.push(&[], &stream.frames[0].1).expect("room");
                let bytes = &stream.frames[1].1;
                let mut payload = writer.payload(&[], len as u64).expect("a header");
                payload.write_all(&bytes[..given]).expect("no failures");
                let left = payload.left();
                assert_eq!(left, (len - given) as u64);
                if finish {
                    let refused = payload.finish().expect_err("less than was announced");
                    assert!(
                        matches!(refused, WriteError::Encode(EncodeError::MidPayload { left: l }) if l == left)
                    );
                } else {
                    // Dropped early: as an error on the way out would.
                    let _ = payload;
                }
                let refused = writer.send(b"next").expect_err("a payload is under way");
                assert!(
                    matches!(refused, WriteError::Encode(EncodeError::MidPayload { left: l }) if l == left)
                );
                write_rest(&mut writer, &bytes[given..]);
                writer.send(&stream.frames[2].1).expect("in step again");
                assert_sent(&writer, &stream.wire, "resumed");
            }
        }
    }

    #[test]
    fn a_failure_takes_nothing_that_it_does_not_report() {
        let stream = u32_be(&[150]);
        let fail = Step::Fail(ErrorKind::WouldBlock);
        let mut writer = fake_writer(&stream, Plan::cycle([fail, Step::Move(11), fail, Step::Zero]));
        let mut rest = &stream.frames[0].1[..];
        let mut payload = writer.payload(&[], 150).expect("a header");
        let (mut blocked, mut zero) = (0, 0);
        while !rest.is_empty() {
            match payload.write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => blocked += 1,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WriteZero);
                    zero += 1;
                }
            }
            assert_eq!(payload.left(), rest.len() as u64);
        }
        assert!(blocked > 0 && zero > 0);
        while writer.flush().is_err() {}
        assert_sent(&writer, &stream.wire, "in the end");
    }

    #[test]
    fn resume_without_a_payload_has_nothing_left() {
        let stream = u32_be(&[3]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        assert_eq!(writer.resume().left(), 0);
        assert_eq!(writer.resume().write(b"x").expect("nothing"), 0);
        writer.resume().finish().expect("nothing to do");
        writer.send(&stream.frames[0].1).expect("room");
        assert_sent(&writer, &stream.wire, "only the frame");
    }
}

/// Time-outs as a fake transport reports them; those of real sockets are tested in `sockets.rs`.
mod patience {
    use super::*;

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
        let Ok(Some(Incoming::Large(mut payload))) = reader.read(LIMIT) else { panic!("a large frame") };
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
        assert_eq!((link.decoder().frames(), link.encoder().frames()), (3, 1));
    }
}

#[cfg(feature = "postcard")]
mod messages {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize, Clone, Debug, PartialEq)]
    struct Reading<'a> {
        sensor: &'a str,
        celsius: i16,
    }

    /// Messages are queued like frames: writing makes room, and what can never fit is refused.
    #[test]
    fn messages_make_room_for_themselves() {
        let sensor = "b".repeat(50);
        let readings = [
            Reading { sensor: "boiler", celsius: 64 },
            Reading { sensor: &sensor, celsius: -3 },
            Reading { sensor: "", celsius: 0 },
        ];
        let stream = u32_be(&[]);
        let fail = Step::Fail(ErrorKind::WouldBlock);
        let mut writer = fake_writer(&stream, Plan::once([fail]));
        writer.push_message(&readings[0]).expect("room");
        assert!(matches!(writer.push_message(&readings[1]), Err(WriteError::Io(_))));
        assert_eq!(writer.encoder().frames(), 1, "it is not queued");
        for reading in &readings[1..] {
            writer.push_message(reading).expect("room");
        }
        let large = "a".repeat(STORE);
        let refused = writer.push_message(&large).expect_err("larger than the store");
        assert!(matches!(refused, WriteError::Encode(EncodeError::NoRoom { free: STORE, .. })), "{refused}");
        flush(&mut writer);
        let wire = writer.get_ref().out.clone();
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(1)]));
        for reading in &readings {
            let frame = reader.read_frame().expect("a good frame").expect("a frame");
            assert_eq!(&frame.message::<Reading<'_>>().expect("a message"), reading);
        }
        assert!(reader.read_frame().expect("a clean end").is_none());
    }
}

/// What the transport itself holds back is flushed with the rest.
#[test]
fn a_payload_and_a_frame_go_out_through_a_buffered_transport() {
    let mut writer =
        Writer::with_capacity(io::BufWriter::new(Vec::new()), formats::U32_BE, 64).expect("a store");
    let mut payload = writer.payload(&[], 100).expect("a payload");
    payload.write_all(&[7; 100]).expect("a write");
    payload.finish().expect("a whole payload");
    assert_eq!(writer.get_ref().get_ref().len(), 104);
    writer.send(b"small").expect("a frame");
    assert_eq!(writer.get_ref().get_ref().len(), 104 + 9);
}

/// An end inside a payload that is being skipped is not the end of the raw bytes behind it.
#[test]
fn raw_bytes_behind_a_truncated_payload_are_an_unexpected_end() {
    let wire = [&100_u32.to_be_bytes()[..], &[7; 50]].concat();
    let mut reader = Reader::with_capacity(&wire[..], formats::U32_BE, 16).expect("a store");
    let Ok(Some(Incoming::Large(_))) = reader.read(LIMIT) else { panic!("a large frame") };
    let error = reader.raw().read(&mut [0; 10]).expect_err("an end inside the payload");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
}
