//! What every adapter with a `Framed` does, tested once for all of them, over a transport that does, call by call,
//! whatever a transport may do. A test that takes part says, in its root:
//!
//! - `adapter` and `traits`: the modules;
//! - `wait!(call)`: a call that may wait, to its end;
//! - `SEEN`: which of the failures that can be gone on from come back as errors;
//! - `VECTORED`: how the transport may take a vectored write;
//! - `read_error`, `write_error`: what the errors of a payload's reader and writer stand for;
//! - `is_refused`: whether a payload's writer took no more.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::task::Poll;

use ringframe::{
    ConfigError, DecodeError, Decoder, EncodeError, Encoder, EndError, Format, Limited, RuntimeFormat,
    formats,
};
use ringframe_io::{ReadError, WriteError};

use super::fake::{ALL, Call, Fake, Plan, Step};
use super::plans::{GOES_ON, plans};
use super::streams::{LIMIT, Owned, STORE, Stream, small_streams, streams, u32_be};
use crate::adapter::{Incoming, PayloadReader, PayloadWriter, Reader, Writer};
use crate::traits::{Read, Write};
use crate::{SEEN, VECTORED, is_refused, read_error, write_error};

pub(crate) type FakeReader = Reader<Fake, Limited<RuntimeFormat>, [u8; STORE]>;
pub(crate) type FakeWriter = Writer<Fake, Limited<RuntimeFormat>, [u8; STORE]>;

pub(crate) fn fake_reader(stream: &Stream, plan: Plan) -> FakeReader {
    fake_reader_of(stream, &stream.wire, plan)
}

pub(crate) fn fake_reader_of(stream: &Stream, wire: &[u8], plan: Plan) -> FakeReader {
    let decoder = Decoder::try_new(stream.format, [0; STORE]).expect("a store that holds a header");
    Reader::new(Fake::new(wire, plan), decoder)
}

pub(crate) fn fake_writer(stream: &Stream, plan: Plan) -> FakeWriter {
    let encoder = Encoder::try_new(stream.format, [0; STORE]).expect("a store that holds a header");
    Writer::new(Fake::sink(plan), encoder)
}

/// Frames of a format with this limit.
fn limited(lens: &[usize], limit: u64) -> Stream {
    let mut stream = u32_be(lens);
    stream.format.set_limit(limit);
    stream
}

pub(crate) fn own(frame: ringframe::Frame<'_>) -> Owned {
    (frame.header().to_vec(), frame.payload().to_vec())
}

fn goes_on(error: &io::Error) -> bool {
    GOES_ON.contains(&error.kind())
}

fn read(
    payload: &mut PayloadReader<'_, Fake, Limited<RuntimeFormat>, [u8; STORE]>,
    buf: &mut [u8],
) -> Result<usize, ReadError<io::Error>> {
    wait!(payload.read(buf)).map_err(read_error)
}

fn read_raw(reader: &mut FakeReader, buf: &mut [u8]) -> Result<usize, ReadError<io::Error>> {
    wait!(reader.raw().read(buf)).map_err(read_error)
}

fn write(
    payload: &mut PayloadWriter<'_, Fake, Limited<RuntimeFormat>, [u8; STORE]>,
    bytes: &[u8],
) -> Result<usize, WriteError<io::Error>> {
    wait!(payload.write(bytes)).map_err(write_error)
}

/// Fills a buffer, as far as there is something; what the transport failed with is tried again.
fn fill(
    buf: &mut [u8],
    mut read: impl FnMut(&mut [u8]) -> Result<usize, ReadError<io::Error>>,
) -> Result<usize, ReadError<io::Error>> {
    let mut at = 0;
    while at < buf.len() {
        match read(&mut buf[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

/// All frames, to the end. What the transport failed with is tried again.
fn read_frames(reader: &mut FakeReader) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match wait!(reader.read_frame()) {
            Ok(Some(frame)) => frames.push(own(frame)),
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames, to the end, in attempts, and how many of these were too early.
pub(crate) fn try_read_frames(reader: &mut FakeReader) -> (Vec<Owned>, usize) {
    let (mut frames, mut pending) = (Vec::new(), 0);
    loop {
        match wait!(reader.try_read_frame()) {
            Poll::Ready(Ok(Some(frame))) => frames.push(own(frame)),
            Poll::Ready(Ok(None)) => break,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => pending += 1,
        }
    }
    (frames, pending)
}

/// All frames of any size, to the end. What the transport failed with is tried again.
fn read_any(reader: &mut FakeReader) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match wait!(reader.read()) {
            Ok(Some(Incoming::Frame(frame))) => frames.push(own(frame)),
            Ok(Some(Incoming::Large(mut payload))) => {
                // More room than there is payload: it must not be filled with what follows.
                let mut bytes = vec![0; payload.len() as usize + 50];
                let n = fill(&mut bytes, |buf| read(&mut payload, buf)).expect("a whole payload");
                assert_eq!((payload.left(), payload.len()), (0, n as u64));
                bytes.truncate(n);
                frames.push((payload.header().to_vec(), bytes));
            }
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames, queued and then sent. What the transport failed with is tried again, as the docs say how.
pub(crate) fn write_all(writer: &mut FakeWriter, stream: &Stream) {
    for (_, payload) in &stream.frames {
        loop {
            match wait!(writer.push(stream.fields, payload)) {
                Ok(()) => break,
                Err(WriteError::Io(error)) if goes_on(&error) => {
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
pub(crate) fn write_rest(writer: &mut FakeWriter, rest: &[u8]) {
    let mut payload = writer.resume();
    assert_eq!(payload.left(), rest.len() as u64);
    write_payload(&mut payload, rest);
}

fn write_payload(
    payload: &mut PayloadWriter<'_, Fake, Limited<RuntimeFormat>, [u8; STORE]>,
    mut rest: &[u8],
) {
    while !rest.is_empty() {
        match write(payload, rest) {
            Ok(0) => panic!("it takes no more"),
            Ok(n) => rest = &rest[n..],
            Err(WriteError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn flush(writer: &mut FakeWriter) {
    while let Err(error) = wait!(writer.flush()) {
        assert!(matches!(&error, WriteError::Io(error) if goes_on(error)), "{error}");
    }
}

#[track_caller]
pub(crate) fn assert_sent(writer: &FakeWriter, wire: &[u8], name: &str) {
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
                assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
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
        for &kind in [ErrorKind::Interrupted].iter().chain(SEEN) {
            let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(kind), Step::Move(3)]));
            let mut seen = 0;
            loop {
                match wait!(reader.read_frame()) {
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
            let (frames, pending) = try_read_frames(&mut reader);
            assert_eq!(frames, stream.frames, "{}", stream.name);
            assert_eq!(pending, reader.get_ref().failed, "{}", stream.name);
        }
        let mut reader = fake_reader(&u32_be(&[1]), Plan::once([Step::Fail(ErrorKind::TimedOut)]));
        assert!(
            matches!(wait!(reader.try_read_frame()), Poll::Ready(Err(ReadError::Io(_)))),
            "not for other errors"
        );
    }

    #[test]
    fn whatever_arrived_is_taken_in_one_call() {
        let stream = u32_be(&[5, 0, 20, 17]);
        let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
        for _ in &stream.frames {
            assert!(wait!(reader.read_frame()).expect("a good stream").is_some());
        }
        assert_eq!(reader.get_ref().moved(), [stream.wire.len()]);
    }

    /// Where a wire ends, and what is said of it.
    #[test]
    fn a_truncated_end_is_an_error_with_numbers_and_stays_one() {
        let stream = u32_be(&[5, 60]);
        let truncated = |have, want| EndError::Truncated { have, want };
        let cases = (1..9)
            .map(|have| (have, truncated(have, if have < 4 { 4 } else { 9 })))
            .chain((10..9 + 64).map(|end| (end, truncated(end - 9, if end < 13 { 4 } else { 64 }))));
        for (end, wanted) in cases {
            for size in [1, 7, usize::MAX] {
                let mut reader =
                    fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(size)]));
                if end > 9 {
                    let first = wait!(reader.read_frame()).expect("a good frame");
                    assert_eq!(first.map(own).as_ref(), Some(&stream.frames[0]));
                }
                for _ in 0..2 {
                    let ReadError::Truncated(error) =
                        wait!(reader.read_frame()).expect_err("an end inside a frame")
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
        // Without a named limit, the store is the limit.
        let formats: [&dyn Format<Trailer = ()>; 2] = [stream.format.get_ref(), &stream.format];
        for (format, limit) in formats.into_iter().zip([STORE as u64, LIMIT]) {
            let too_long = DecodeError::TooLong { declared: 0xffff_ffff + 4, limit };
            for size in 1..=wire.len() {
                let decoder = Decoder::try_new(format, [0; STORE]).expect("a store that holds a header");
                let mut reader = Reader::new(Fake::new(&wire, Plan::cycle([Step::Move(size)])), decoder);
                for frame in &stream.frames {
                    let read = wait!(reader.read_frame()).expect("a good frame");
                    assert_eq!(read.map(own).as_ref(), Some(frame), "{size} bytes a call");
                }
                for _ in 0..3 {
                    let Err(ReadError::Protocol(error)) = wait!(reader.read_frame()) else {
                        panic!("no error")
                    };
                    assert_eq!(error, too_long, "{size} bytes a call");
                }
                let calls = reader.get_ref().calls.len();
                let Err(ReadError::Protocol(error)) = wait!(reader.read()) else { panic!("no error") };
                assert_eq!(error, too_long, "{size} bytes a call");
                assert_eq!(reader.get_ref().calls.len(), calls, "nothing more is read after an error");
            }
        }
    }

    #[test]
    fn a_hard_error_keeps_what_arrived() {
        let stream = u32_be(&[5, 9]);
        let plan = Plan::once([Step::Move(11), Step::Fail(ErrorKind::ConnectionReset)]);
        let mut reader = fake_reader(&stream, plan);
        assert!(wait!(reader.read_frame()).expect("a good frame").is_some());
        let error = wait!(reader.read_frame()).expect_err("the failure");
        assert!(matches!(&error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset));
        assert!(
            error.source().is_some_and(<dyn Error>::is::<io::Error>),
            "the transport's error is the source"
        );
        let next = wait!(reader.read_frame()).expect("a good frame");
        assert_eq!(next.map(own).as_ref(), Some(&stream.frames[1]));
    }

    /// A broken `Read` must not make bytes up, nor a panic.
    #[test]
    fn a_read_that_claims_more_than_it_was_offered_is_an_error() {
        let stream = u32_be(&[5]);
        for more in [1, STORE, usize::MAX - 2 * STORE] {
            for before in [0, 2, 8] {
                let plan = if before == 0 { vec![] } else { vec![Step::Move(before)] };
                let mut reader = fake_reader(&stream, Plan::once([plan, vec![Step::Lie(more)]].concat()));
                let Err(ReadError::Overrun(error)) = wait!(reader.read_frame()) else {
                    panic!("{more} more after {before}")
                };
                assert_eq!((error.filled, error.space), (STORE - before + more, STORE - before));
                let next = wait!(reader.read_frame()).expect("a good frame");
                assert_eq!(next.map(own).as_ref(), Some(&stream.frames[0]));
            }
        }
        let large = u32_be(&[100]);
        let mut reader = fake_reader(&large, Plan::once([Step::Move(10), Step::Lie(1)]));
        let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else { panic!("a large frame") };
        let mut bytes = [0; 100];
        assert_eq!(read(&mut payload, &mut bytes).expect("what is buffered"), 6);
        assert!(matches!(read(&mut payload, &mut bytes), Err(ReadError::Overrun(_))));
        // Of raw bytes, and of those that are skipped in front of them.
        assert!(matches!(read_raw(&mut reader, &mut bytes), Ok(0) | Err(_)));
        for before in [None, Some(Step::Move(10))] {
            let plan = Plan::once(before.into_iter().chain([Step::Lie(1)]).collect::<Vec<_>>());
            reader = fake_reader(&large, plan);
            if before.is_some() {
                assert!(matches!(wait!(reader.read()), Ok(Some(Incoming::Large(_)))));
            }
            assert!(matches!(read_raw(&mut reader, &mut bytes), Err(ReadError::Overrun(_))));
        }
    }

    #[test]
    fn a_reader_can_be_taken_apart_and_put_together() {
        let stream = u32_be(&[5, 20, 9]);
        let mut reader = fake_reader(&stream, Plan::once([Step::Move(15)]));
        assert!(wait!(reader.read_frame()).expect("a good frame").is_some());
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
                        match wait!(reader.read()).expect("a good stream").expect("a frame") {
                            Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                            Incoming::Large(mut payload) => {
                                assert_eq!(payload.header(), header);
                                assert!(!payload.is_empty());
                                let mut bytes = vec![0; take.min(wanted.len())];
                                for piece in bytes.chunks_mut(piece) {
                                    let n = fill(piece, |buf| read(&mut payload, buf)).expect("a payload");
                                    assert_eq!(n, piece.len());
                                }
                                assert_eq!(bytes, wanted[..bytes.len()]);
                                assert_eq!(payload.left(), (wanted.len() - bytes.len()) as u64);
                            }
                        }
                    }
                    assert!(wait!(reader.read()).expect("a clean end").is_none());
                    assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
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
                    match wait!(reader.read()) {
                        Ok(Some(Incoming::Large(payload))) => break payload,
                        Err(ReadError::Io(error)) if goes_on(&error) => {}
                        other => panic!("{other:?}"),
                    }
                };
                let mut bytes = vec![0; take];
                fill(&mut bytes, |buf| read(&mut payload, buf)).expect("a payload");
                assert_eq!(bytes, stream.frames[0].1[..take]);
                assert_eq!(read_frames(&mut reader), stream.frames[1..], "{take} bytes, {size} a call");
            }
        }
    }

    #[test]
    fn a_payload_that_ends_early_is_an_error_with_its_numbers() {
        let stream = u32_be(&[150]);
        for end in 64..154 {
            let wanted = EndError::TruncatedPayload { missing: 154 - end as u64 };
            let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(64)]));
            let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else {
                panic!("a large frame")
            };
            let mut bytes = vec![0; end - 4];
            fill(&mut bytes, |buf| read(&mut payload, buf)).expect("what arrived");
            assert_eq!(bytes, stream.wire[4..end]);
            let Err(ReadError::Truncated(error)) = read(&mut payload, &mut [0]) else { panic!("an end") };
            assert_eq!(error, wanted);
            let Err(ReadError::Truncated(error)) = wait!(reader.read_frame()) else { panic!("a clean end") };
            assert_eq!(error, wanted);
        }
    }

    /// 0 means the end to a reader's user: only at the end, or where there was no room.
    #[test]
    fn a_payload_is_read_into_any_buffer() {
        let stream = u32_be(&[100, 4]);
        let plan = Plan::new([Step::Move(4), Step::Fail(ErrorKind::TimedOut)], [Step::Move(5)]);
        let mut reader = fake_reader(&stream, plan);
        let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else { panic!("a large frame") };
        assert_eq!(read(&mut payload, &mut []).expect("nothing to do, nothing to wait for"), 0);
        let mut bytes = [0xee; 200];
        let n = fill(&mut bytes, |buf| read(&mut payload, buf)).expect("a whole payload");
        assert_eq!(n, 100);
        assert_eq!(read(&mut payload, &mut bytes[100..]).expect("the end"), 0);
        assert!(
            bytes[..100] == stream.frames[0].1 && bytes[100..] == [0xee; 100],
            "no more than the payload"
        );
    }

    #[test]
    fn the_limit_is_that_of_frames_of_any_size() {
        for (limit, fits) in [(4, false), (64, false), (153, false), (154, true), (u64::MAX, true)] {
            let stream = limited(&[150, 60], limit);
            let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
            match wait!(reader.read()) {
                Ok(Some(Incoming::Large(_))) => assert!(fits, "limit {limit}"),
                Err(ReadError::Protocol(error)) => {
                    assert_eq!(error, DecodeError::TooLong { declared: 154, limit });
                    assert!(!fits, "limit {limit}");
                }
                other => panic!("{other:?}"),
            }
        }
        // Of those that fit the store, too.
        for (limit, fits) in [(4, false), (63, false), (64, true), (u64::MAX, true)] {
            let stream = limited(&[60, 150], limit);
            let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
            match wait!(reader.read()) {
                Ok(Some(Incoming::Frame(frame))) => {
                    assert_eq!(own(frame), stream.frames[0]);
                    assert!(fits, "limit {limit}");
                }
                Err(ReadError::Protocol(error)) => {
                    assert_eq!(error, DecodeError::TooLong { declared: 64, limit });
                    assert!(!fits, "limit {limit}");
                }
                other => panic!("{other:?}"),
            }
        }
        // A limit that leaves no room for a frame is refused at once.
        let refused = Decoder::try_new(limited(&[], 3).format, [0; STORE]);
        assert_eq!(refused.err(), Some(ConfigError::LimitTooSmall { limit: 3, needed: 4 }));
    }

    /// A length that no pointer can have is no reason to refuse what is streamed.
    #[test]
    fn a_frame_larger_than_any_memory_is_streamed() {
        let len = 1 << 63;
        let wire = [&u64::to_be_bytes(len)[..], b"begins"].concat();
        let format = formats::U64_BE.with_limit(u64::MAX);
        let fake = Fake::new(&wire, Plan::cycle([ALL]));
        let mut reader = Reader::new(fake, Decoder::new(format, [0; STORE]));
        let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else { panic!("a large frame") };
        assert_eq!((payload.len(), payload.left()), (len, len));
        let mut bytes = [0; 10];
        assert_eq!(wait!(payload.read(&mut bytes)).map_err(read_error).expect("what is buffered"), 6);
        assert_eq!((&bytes[..6], payload.left()), (&b"begins"[..], len - 6));
        let Err(ReadError::Truncated(error)) = wait!(payload.read(&mut bytes)).map_err(read_error) else {
            panic!("an end")
        };
        assert_eq!(error, EndError::TruncatedPayload { missing: len - 6 });
    }

    /// Within the limit, but larger than the store: whole it can't be.
    #[test]
    fn read_frame_refuses_a_frame_that_only_fits_the_limit() {
        let stream = u32_be(&[150, 60]);
        for size in [1, 7, usize::MAX] {
            let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
            for _ in 0..2 {
                let Err(ReadError::Protocol(error)) = wait!(reader.read_frame()) else { panic!("no error") };
                assert_eq!(error, DecodeError::TooLong { declared: 154, limit: STORE as u64 });
            }
            // It can still be had in pieces.
            assert_eq!(read_any(&mut reader), stream.frames);
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
                        match wait!(reader.read()).expect("a good stream").expect("a frame") {
                            Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                            Incoming::Large(mut payload) => {
                                let mut bytes = vec![0; wanted.len()];
                                fill(&mut bytes, |buf| read(&mut payload, buf)).expect("a whole payload");
                                assert_eq!(&bytes, wanted);
                            }
                        }
                    }
                    let mut bytes = vec![0; unframed.len()];
                    for piece in bytes.chunks_mut(piece) {
                        fill(piece, |buf| read_raw(&mut reader, buf)).expect("bytes");
                    }
                    let name = format!("{size} bytes a call, {piece} bytes a piece");
                    assert_eq!(bytes, unframed, "{name}");
                    assert_eq!(read_any(&mut reader), after.frames, "{name}");
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
                let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else {
                    panic!("a large frame")
                };
                fill(&mut vec![0; take], |buf| read(&mut payload, buf)).expect("a part of the payload");
                let mut bytes = [0; 16];
                for piece in bytes.chunks_mut(5) {
                    fill(piece, |buf| read_raw(&mut reader, buf)).expect("bytes");
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
        for &kind in SEEN {
            let plan = Plan::cycle([Step::Fail(kind), Step::Fail(ErrorKind::Interrupted), Step::Move(2)]);
            let mut reader = fake_reader_of(&stream, &wire, plan);
            while let Err(error) = wait!(reader.read_frame()) {
                assert!(matches!(error, ReadError::Io(_)), "{error}");
            }
            assert_eq!(read_raw(&mut reader, &mut []).expect("nothing to do"), 0);
            // One byte of it came with the frame.
            let mut bytes = [0; 10];
            assert_eq!(read_raw(&mut reader, &mut bytes).expect("what is buffered"), 1);
            let Err(ReadError::Io(error)) = read_raw(&mut reader, &mut bytes) else { panic!("no failure") };
            assert_eq!(error.kind(), kind);
            let n = fill(&mut bytes[1..], |buf| read_raw(&mut reader, buf)).expect("the end");
            assert_eq!(&bytes[..1 + n], b"rest");
        }
    }

    /// An end inside a payload that is being skipped is not the end of the raw bytes behind it.
    #[test]
    fn raw_bytes_behind_a_truncated_payload_are_an_error() {
        let stream = u32_be(&[100]);
        let mut reader = fake_reader_of(&stream, &stream.wire[..70], Plan::cycle([ALL]));
        assert!(matches!(wait!(reader.read()), Ok(Some(Incoming::Large(_)))));
        for _ in 0..2 {
            let Err(ReadError::Truncated(error)) = read_raw(&mut reader, &mut [0; 10]) else {
                panic!("a clean end")
            };
            assert_eq!(error, EndError::TruncatedPayload { missing: 34 });
        }
    }
}

mod writing {
    use super::*;

    #[test]
    fn bytes_are_the_same_however_the_transport_cuts_and_fails() {
        for stream in streams() {
            for (plan_name, plan) in plans(stream.wire.len()) {
                for &vectored in VECTORED {
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
            for &vectored in VECTORED {
                let stream = u32_be(&[len, len, len]);
                let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
                writer.get_mut().vectored = vectored;
                for (_, payload) in &stream.frames {
                    let before = writer.get_ref().calls.len();
                    wait!(writer.send(payload)).expect("room");
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
            wait!(writer.push(&[], payload)).expect("room");
        }
        assert!(writer.get_ref().calls.is_empty(), "queued only");
        flush(&mut writer);
        let call = Call { offered: vec![stream.wire.len()], moved: stream.wire.len() };
        assert_eq!(writer.get_ref().calls, [call]);
        assert_sent(&writer, &stream.wire, "together");
    }

    #[test]
    fn a_large_frame_survives_a_short_write_at_every_point() {
        let stream = u32_be(&[3, 150, 4]);
        for &vectored in VECTORED {
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
        for &kind in SEEN {
            for cut in 0..154 {
                // A transport without vectored writes takes the store and then the rest.
                let fail = if VECTORED.contains(&true) || cut <= STORE {
                    vec![Step::Move(cut), Step::Fail(kind)]
                } else {
                    vec![Step::Move(STORE), Step::Move(cut - STORE), Step::Fail(kind)]
                };
                let fail = if cut == 0 { &fail[1..] } else { &fail };
                let mut writer = fake_writer(&stream, Plan::once(fail));
                let Err(WriteError::Io(error)) = wait!(writer.send(large)) else { panic!("{cut}: sent") };
                assert_eq!(error.kind(), kind);
                let left = writer.encoder().left();
                assert!(left > 0 && left <= (154 - cut as u64).min(150), "{cut}: {left}");
                let refused = EncodeError::MidPayload { left };
                for _ in 0..2 {
                    let send = wait!(writer.send(small));
                    assert!(matches!(send, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                    let payload = wait!(writer.payload(&[], 7));
                    assert!(matches!(payload, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                    let finish = wait!(writer.resume().finish());
                    assert!(matches!(finish, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                }
                let mut payload = writer.resume();
                write_payload(&mut payload, &large[150 - left as usize..]);
                wait!(payload.finish()).expect("a whole payload");
                wait!(writer.send(small)).expect("in step again");
                assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
                assert_eq!(writer.encoder().stats().frames, 2);
            }
        }
    }

    #[test]
    fn send_that_fails_has_queued_the_frame_whole_and_flush_goes_on() {
        let stream = u32_be(&[20, 3]);
        for &kind in SEEN {
            for cut in 0..24 {
                let fail = [Step::Move(cut), Step::Fail(kind), Step::Fail(kind)];
                let mut writer =
                    fake_writer(&stream, Plan::once(if cut == 0 { &fail[1..] } else { &fail[..] }));
                for again in [false, true] {
                    let payload = &stream.frames[0].1;
                    let result = if again { wait!(writer.flush()) } else { wait!(writer.send(payload)) };
                    let Err(WriteError::Io(error)) = result else { panic!("sent") };
                    assert_eq!(error.kind(), kind);
                    assert_eq!(writer.encoder().stats().frames, 1, "it is queued");
                }
                wait!(writer.flush()).expect("it goes on");
                wait!(writer.send(&stream.frames[1].1)).expect("in step");
                assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
            }
        }
    }

    /// The counter tells whether a frame that `push` or `send` failed with is queued.
    #[test]
    fn push_that_fails_to_make_room_has_queued_nothing() {
        let stream = u32_be(&[40, 30]);
        let fail = Step::Fail(ErrorKind::TimedOut);
        let mut writer = fake_writer(&stream, Plan::once([fail, fail]));
        wait!(writer.push(&[], &stream.frames[0].1)).expect("room");
        for _ in 0..2 {
            assert!(matches!(wait!(writer.send(&stream.frames[1].1)), Err(WriteError::Io(_))));
            assert_eq!(writer.encoder().stats().frames, 1);
        }
        wait!(writer.send(&stream.frames[1].1)).expect("room again");
        assert_sent(&writer, &stream.wire, "retried");
    }

    #[test]
    fn a_write_that_answers_0_is_an_error_and_neither_a_panic_nor_a_loop() {
        let stream = u32_be(&[5, 100]);
        let mut writer =
            fake_writer(&stream, Plan::once([Step::Zero, Step::Zero, ALL, Step::Move(50), Step::Zero]));
        assert!(matches!(wait!(writer.send(&stream.frames[0].1)), Err(WriteError::WriteZero)));
        assert!(matches!(wait!(writer.flush()), Err(WriteError::WriteZero)));
        wait!(writer.flush()).expect("it takes bytes again");
        assert!(matches!(wait!(writer.send(&stream.frames[1].1)), Err(WriteError::WriteZero)));
        let left = writer.encoder().left() as usize;
        write_rest(&mut writer, &stream.frames[1].1[100 - left..]);
        flush(&mut writer);
        assert_sent(&writer, &stream.wire, "in the end");
    }

    #[test]
    fn a_write_that_claims_more_than_it_was_offered_is_an_error() {
        let stream = u32_be(&[5, 100]);
        for more in [1, 50, usize::MAX - 1000] {
            let is_overrun = |result| matches!(result, Err(WriteError::Encode(EncodeError::Overrun { .. })));
            for (_, payload) in &stream.frames {
                let mut writer = fake_writer(&stream, Plan::cycle([Step::Lie(more)]));
                assert!(is_overrun(wait!(writer.send(payload))), "{more}");
            }
            // Inside a payload of announced length the surplus must not count as a part of it.
            let mut writer = fake_writer(&stream, Plan::once([Step::Lie(more)]));
            let mut payload = wait!(writer.payload(&[], 100)).expect("room");
            write_payload(&mut payload, &[7; 10]);
            assert!(wait!(payload.flush()).is_err(), "{more}");
            assert_eq!(payload.left(), 90);
        }
    }

    #[test]
    fn interrupted_is_retried_by_flush_too() {
        let stream = u32_be(&[5]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().flush_fails = vec![ErrorKind::Other, ErrorKind::Interrupted, ErrorKind::Interrupted];
        let Err(WriteError::Io(error)) = wait!(writer.send(&stream.frames[0].1)) else { panic!("flushed") };
        assert_eq!(error.kind(), ErrorKind::Other);
        wait!(writer.flush()).expect("it is flushed now");
        assert_sent(&writer, &stream.wire, "flushed");
    }

    #[test]
    fn a_frame_that_can_not_be_encoded_queues_nothing() {
        let encoder = Encoder::new(formats::U_8, [0; STORE]);
        let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), encoder);
        let refused = wait!(writer.send(&[0; 256])).expect_err("more than a byte can say");
        assert!(matches!(refused, WriteError::Encode(EncodeError::Unrepresentable { payload: 256 })));
        assert!(wait!(writer.push(&[1], b"")).is_err(), "it has no fields");
        wait!(writer.send(b"ok")).expect("room");
        assert_eq!(writer.get_ref().out, b"\x02ok");
    }

    /// The store is the limit of a format that names none.
    #[test]
    fn a_frame_larger_than_the_store_needs_a_format_with_a_limit() {
        let stream = u32_be(&[61, 60]);
        let format = *stream.format.get_ref();
        let encoder = Encoder::try_new(format, [0; STORE]).expect("a store that holds a header");
        let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), encoder);
        let refusal = EncodeError::TooLong { frame: 65, limit: STORE as u64 };
        let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
        for _ in 0..2 {
            assert!(is_refusal(wait!(writer.send(&stream.frames[0].1)).expect_err("no limit")));
            assert!(is_refusal(wait!(writer.push(&[], &stream.frames[0].1)).expect_err("no limit")));
            assert!(is_refusal(wait!(writer.payload(&[], 61)).map(|_| ()).expect_err("no limit")));
            assert!(writer.encoder().is_empty() && writer.encoder().left() == 0, "nothing is queued");
            assert_eq!(writer.encoder().stats().frames, 0);
        }
        assert!(writer.get_ref().calls.is_empty(), "nothing was written");
        wait!(writer.send(&stream.frames[1].1)).expect("it fits");
        assert_eq!(writer.get_ref().out, stream.wire[65..]);
    }

    #[test]
    fn a_writer_can_be_taken_apart_and_put_together() {
        let stream = u32_be(&[20, 5]);
        let plan = [Step::Move(7), Step::Fail(ErrorKind::TimedOut)];
        let mut writer = fake_writer(&stream, Plan::once(plan));
        wait!(writer.send(&stream.frames[0].1)).expect_err("the failure");
        let (io, encoder) = writer.into_parts();
        let mut writer = Writer::new(io, encoder);
        wait!(writer.send(&stream.frames[1].1)).expect("room");
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
                        let payload = wait!(writer.payload(stream.fields, bytes.len() as u64));
                        let mut payload = payload.expect("a header");
                        for piece in bytes.chunks(piece) {
                            write_payload(&mut payload, piece);
                        }
                        assert_eq!(payload.left(), 0);
                        wait!(payload.finish()).expect("no failures");
                    }
                    assert_sent(&writer, &stream.wire, stream.name);
                    assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len());
                }
            }
        }
    }

    #[test]
    fn a_payload_makes_room_for_its_header() {
        let stream = u32_be(&[58, 3]);
        for plan in [vec![], vec![Step::Fail(ErrorKind::TimedOut)]] {
            let fails = plan.len();
            let mut writer = fake_writer(&stream, Plan::once(plan));
            wait!(writer.push(&[], &stream.frames[0].1)).expect("room");
            for _ in 0..fails {
                assert!(matches!(wait!(writer.payload(&[], 3)), Err(WriteError::Io(_))));
                assert_eq!(writer.encoder().left(), 0, "nothing is begun");
            }
            let mut payload = wait!(writer.payload(&[], 3)).expect("room");
            write_payload(&mut payload, &stream.frames[1].1);
            wait!(payload.finish()).expect("no failures");
            assert_sent(&writer, &stream.wire, "both");
        }
    }

    #[test]
    fn more_than_was_announced_is_not_taken() {
        for len in [0, 1, 10, 60, 61, 100] {
            let stream = u32_be(&[len, 3]);
            let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
            let mut payload = wait!(writer.payload(&[], len as u64)).expect("a header");
            let more = [&stream.frames[0].1[..], b"more"].concat();
            let mut given = 0;
            while given < len {
                let n = write(&mut payload, &more[given..]).expect("what was announced");
                assert!(n > 0);
                given += n;
            }
            assert_eq!(given, len);
            for _ in 0..2 {
                assert!(is_refused(wait!(payload.write(b"more"))), "{len} bytes");
            }
            assert_eq!(write(&mut payload, &[]).expect("nothing"), 0);
            wait!(payload.finish()).expect("all that was announced");
            wait!(writer.send(&stream.frames[1].1)).expect("room");
            assert_sent(&writer, &stream.wire, "no more");
        }
    }

    #[test]
    fn less_than_was_announced_is_refused_and_can_be_resumed() {
        for (len, given) in [(1, 0), (10, 0), (10, 9), (60, 59), (100, 0), (100, 99)] {
            for finish in [true, false] {
                let stream = u32_be(&[2, len, 3]);
                let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
                wait!(writer.push(&[], &stream.frames[0].1)).expect("room");
                let bytes = &stream.frames[1].1;
                let mut payload = wait!(writer.payload(&[], len as u64)).expect("a header");
                write_payload(&mut payload, &bytes[..given]);
                let left = payload.left();
                assert_eq!(left, (len - given) as u64);
                let refusal = EncodeError::MidPayload { left };
                let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
                if finish {
                    assert!(is_refusal(wait!(payload.finish()).expect_err("less than was announced")));
                } else {
                    // Dropped early: as an error on the way out would.
                    let _ = payload;
                }
                assert!(is_refusal(wait!(writer.send(b"next")).expect_err("a payload is under way")));
                write_rest(&mut writer, &bytes[given..]);
                wait!(writer.send(&stream.frames[2].1)).expect("in step again");
                assert_sent(&writer, &stream.wire, "resumed");
            }
        }
    }

    #[test]
    fn a_failure_takes_nothing_that_it_does_not_report() {
        let stream = u32_be(&[150]);
        let fail = Step::Fail(ErrorKind::TimedOut);
        let mut writer = fake_writer(&stream, Plan::cycle([fail, Step::Move(11), fail, Step::Zero]));
        let mut rest = &stream.frames[0].1[..];
        let mut payload = wait!(writer.payload(&[], 150)).expect("a header");
        let (mut failed, mut zero) = (0, 0);
        while !rest.is_empty() {
            match write(&mut payload, rest) {
                Ok(0) => panic!("it takes no more"),
                Ok(n) => rest = &rest[n..],
                Err(WriteError::WriteZero) => zero += 1,
                Err(WriteError::Io(error)) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut);
                    failed += 1;
                }
                Err(error) => panic!("{error}"),
            }
            assert_eq!(payload.left(), rest.len() as u64);
        }
        assert!(failed > 0 && zero > 0);
        while wait!(writer.flush()).is_err() {}
        assert_sent(&writer, &stream.wire, "in the end");
    }

    #[test]
    fn resume_without_a_payload_has_nothing_left() {
        let stream = u32_be(&[3]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        assert_eq!(writer.resume().left(), 0);
        assert!(is_refused(wait!(writer.resume().write(b"x"))));
        wait!(writer.resume().finish()).expect("nothing to do");
        wait!(writer.send(&stream.frames[0].1)).expect("room");
        assert_sent(&writer, &stream.wire, "only the frame");
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
        let fail = Step::Fail(ErrorKind::TimedOut);
        let mut writer = fake_writer(&stream, Plan::once([fail]));
        wait!(writer.push_message(&readings[0])).expect("room");
        assert!(matches!(wait!(writer.push_message(&readings[1])), Err(WriteError::Io(_))));
        assert_eq!(writer.encoder().stats().frames, 1, "it is not queued");
        for reading in &readings[1..] {
            wait!(writer.push_message(reading)).expect("room");
        }
        let large = "a".repeat(STORE);
        let refused = wait!(writer.push_message(&large)).expect_err("larger than the store");
        assert!(matches!(refused, WriteError::Encode(EncodeError::NoRoom { free: STORE, .. })), "{refused}");
        flush(&mut writer);
        let wire = writer.get_ref().out.clone();
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(1)]));
        for reading in &readings {
            let frame = wait!(reader.read_frame()).expect("a good frame").expect("a frame");
            assert_eq!(&frame.message::<Reading<'_>>().expect("a message"), reading);
        }
        assert!(wait!(reader.read_frame()).expect("a clean end").is_none());
    }
}

/// Formats whose frames end with a check.
mod trailers {
    use super::super::summed::{LENS, Summed, payload, wire};
    use super::*;

    fn reader(wire: &[u8], size: usize) -> Reader<Fake, Summed, [u8; STORE]> {
        let decoder = Decoder::try_new(Summed, [0; STORE]).expect("a store that holds a header");
        Reader::new(Fake::new(wire, Plan::cycle([Step::Move(size)])), decoder)
    }

    /// What came of the next frame: all of its payload, or what went wrong at its end.
    fn read_next(reader: &mut Reader<Fake, Summed, [u8; STORE]>) -> Result<Vec<u8>, DecodeError> {
        match wait!(reader.read()) {
            Ok(Some(Incoming::Frame(frame))) => Ok(frame.payload().to_vec()),
            Ok(Some(Incoming::Large(mut large))) => {
                let mut bytes = vec![];
                loop {
                    let mut piece = [0; 50];
                    match wait!(large.read(&mut piece)).map_err(read_error) {
                        Ok(0) => break,
                        Ok(n) => bytes.extend_from_slice(&piece[..n]),
                        Err(ReadError::Protocol(error)) => {
                            assert_eq!((large.left(), bytes.len() as u64), (0, large.len()));
                            let again = wait!(large.read(&mut piece)).map_err(read_error);
                            assert!(matches!(again, Err(ReadError::Protocol(_))), "it stays: {again:?}");
                            return Err(error);
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                assert_eq!((large.left(), wait!(large.read(&mut [0])).expect("the end")), (0, 0));
                Ok(bytes)
            }
            Ok(None) => panic!("the end"),
            Err(ReadError::Protocol(error)) => Err(error),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn frames_of_any_size_are_read() {
        let (wire, _) = wire();
        for size in (1..80).chain([usize::MAX]) {
            let mut reader = reader(&wire, size);
            for len in LENS {
                assert_eq!(read_next(&mut reader), Ok(payload(len)), "{size} bytes a call");
            }
            assert!(wait!(reader.read()).expect("a clean end").is_none());
            assert_eq!(reader.decoder().stats().frames as usize, LENS.len());
        }
    }

    /// Of a large frame, after its payload; the next frame is in step.
    #[test]
    fn a_wrong_trailer_is_an_error() {
        for (n, len) in LENS.into_iter().enumerate() {
            let (mut wire, begins) = wire();
            wire[begins[n] + 2 + len] ^= 1;
            for size in [1, 3, 64, usize::MAX] {
                let mut reader = reader(&wire, size);
                for (m, len) in LENS.into_iter().enumerate() {
                    match read_next(&mut reader) {
                        Ok(bytes) => assert_eq!(bytes, payload(len)),
                        Err(error) => {
                            assert_eq!((error, m), (DecodeError::Corrupt, n), "{size} bytes a call");
                            if len + 4 <= STORE {
                                break; // A frame that was to be returned whole stays at the front.
                            }
                        }
                    }
                    assert!(m != n || len + 4 > STORE, "the damage is found");
                }
            }
        }
    }

    /// Until the trailer is there, the payload's end is not.
    #[test]
    fn a_stream_that_ends_before_the_trailer_is_truncated() {
        let (wire, _) = wire();
        let mut reader = reader(&wire[9 + 4..9 + 4 + 103], usize::MAX);
        let Ok(Some(Incoming::Large(mut large))) = wait!(reader.read()) else { panic!("a large frame") };
        let mut at = 0;
        while at < 100 {
            at += wait!(large.read(&mut [0; 100])).expect("what arrived");
        }
        let Err(ReadError::Truncated(error)) = wait!(large.read(&mut [0])).map_err(read_error) else {
            panic!("a clean end")
        };
        assert_eq!(error, EndError::TruncatedPayload { missing: 1 });
    }

    /// Also of frames that go out past the store, or in pieces.
    #[test]
    fn trailers_are_written() {
        let (wire, _) = wire();
        for size in [1, 3, 64, usize::MAX] {
            for announced in [false, true] {
                let encoder = Encoder::try_new(Summed, [0; STORE]).expect("a store that holds a header");
                let mut writer = Writer::new(Fake::sink(Plan::cycle([Step::Move(size)])), encoder);
                for len in LENS {
                    let bytes = payload(len);
                    if announced {
                        let mut payload = wait!(writer.payload(&[], len as u64)).expect("a header");
                        let mut rest = &bytes[..];
                        while !rest.is_empty() {
                            let n = wait!(payload.write(rest)).expect("no failures");
                            assert!(n > 0, "it stands still");
                            rest = &rest[n..];
                        }
                        wait!(payload.finish()).expect("a whole payload");
                    } else {
                        wait!(writer.push(&[], &bytes)).expect("no failures");
                    }
                }
                wait!(writer.flush()).expect("no failures");
                assert_eq!(writer.get_ref().out, wire, "{size} bytes a call");
            }
        }
    }
}
