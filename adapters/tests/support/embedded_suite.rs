//! What the adapters for embedded-io do beyond `suite`, tested once for both.

use std::io::{self, ErrorKind};
use std::task::Poll;

use embedded_io::{Error, ReadReady};
use ringframe::{DecodeError, Decoder, EncodeError, Encoder, EndError, Event, Format, formats};
use ringframe_io::{ReadError, WriteError};

use super::fake::{ALL, Fake, Plan, Step};
use super::plans::{GOES_ON, plans};
use super::streams::{LIMIT, Owned, STORE, streams, u32_be};
use super::suite::{
    FakeReader, assert_sent, fake_reader, fake_reader_of, fake_writer, flush, own, try_read_frames,
    write_rest,
};
use crate::adapter::{Framed, Incoming};
use crate::traits::{Read, Write};

const WOULD_BLOCK: Step = Step::Fail(ErrorKind::WouldBlock);
const INTERRUPTED: Step = Step::Fail(ErrorKind::Interrupted);

pub(crate) fn read_error(error: ReadError<io::Error>) -> ReadError<io::Error> {
    error
}

pub(crate) fn write_error(error: WriteError<io::Error>) -> WriteError<io::Error> {
    error
}

/// An answer of 0 would make `write_all` panic.
pub(crate) fn is_refused(result: Result<usize, WriteError<io::Error>>) -> bool {
    matches!(result, Err(WriteError::Encode(EncodeError::Overrun { left: 0, .. })))
}

/// All frames, to the end, from events. What the transport failed with is tried again.
pub(crate) fn read_events(reader: &mut FakeReader) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match wait!(reader.read_event()) {
            Ok(event) if !take_event(&mut frames, event) => return frames,
            Ok(_) => {}
            Err(ReadError::Io(error)) if GOES_ON.contains(&error.kind()) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Adds what an event brings; `false`: it is the end.
pub(crate) fn take_event(frames: &mut Vec<Owned>, event: Option<Event<'_>>) -> bool {
    match event {
        None => return false,
        Some(Event::Frame(frame)) => frames.push(own(frame)),
        Some(Event::Begin { header, .. }) => frames.push((header.to_vec(), Vec::new())),
        Some(Event::Data(piece)) => {
            assert!(!piece.is_empty());
            frames.last_mut().expect("it has begun").1.extend_from_slice(piece);
        }
        Some(Event::End) => {}
    }
    true
}

#[test]
fn events_are_the_same_however_the_transport_cuts_and_fails() {
    for stream in streams() {
        for (plan_name, plan) in plans(stream.wire.len()) {
            let mut reader = fake_reader(&stream, plan);
            assert_eq!(read_events(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
        }
    }
}

#[test]
fn what_is_discarded_of_a_payload_is_skipped() {
    let stream = u32_be(&[150, 3, 61, 0]);
    for size in [1, 7, 64, usize::MAX] {
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
        assert!(matches!(wait!(reader.read_event()), Ok(Some(Event::Begin { payload: 150, .. }))));
        assert_eq!((reader.discard(), reader.discard()), (150, 0));
        assert_eq!(read_events(&mut reader), stream.frames[1..]);
    }
}

#[test]
fn ready_means_that_no_read_is_needed() {
    let stream = u32_be(&[5, 0, 100]);
    let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(15)]));
    assert!(!reader.is_ready());
    assert!(wait!(reader.read_frame()).expect("a good frame").is_some());
    assert!(reader.is_ready());
    assert!(wait!(reader.read_frame()).expect("a good frame").is_some());
    assert!(!reader.is_ready(), "two bytes of a header");
    assert!(reader.decoder().is_mid_frame());
    assert_eq!(reader.get_ref().calls.len(), 1);
    let large = wait!(reader.read()).expect("a good frame");
    assert!(matches!(large, Some(Incoming::Large(_))));
    assert!(reader.is_ready(), "the payload's first bytes");
}

/// Who flushes answers while nothing is at hand would wait for a peer that waits for them.
#[test]
fn a_payload_that_was_read_leaves_nothing_at_hand() {
    let stream = u32_be(&[100]);
    for size in [1, 7, 64, usize::MAX] {
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
        let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else { panic!("no payload") };
        let mut read = vec![];
        while payload.left() > 0 {
            let mut piece = [0; 16];
            let n = wait!(payload.read(&mut piece)).expect("it is there");
            read.extend_from_slice(&piece[..n]);
        }
        assert_eq!(wait!(payload.read(&mut [0])).expect("the end"), 0);
        assert_eq!(read, stream.frames[0].1);
        assert!(!reader.is_ready(), "by {size}");
        assert_eq!(reader.decoder().stats().frames, 1);
        assert!(matches!(wait!(reader.read_frame()), Ok(None)));
    }
}

/// No call moves anything unless the transport said that it is ready.
#[test]
fn attempts_go_by_what_the_transport_says() {
    let stream = u32_be(&[5, 0, 60]);
    for size in [1, 7, usize::MAX] {
        let plan = Plan::cycle([WOULD_BLOCK, INTERRUPTED, Step::Move(size), WOULD_BLOCK]);

        let mut reader = fake_reader(&stream, plan.clone());
        let (frames, pending) = try_read_frames(&mut reader);
        assert_eq!(frames, stream.frames);
        assert_eq!(pending, reader.get_ref().failed, "each time that it was not ready");

        let mut writer = fake_writer(&stream, plan);
        let mut pending = 0;
        for (_, payload) in &stream.frames {
            while writer.encoder().free() < payload.len() + 4 {
                match wait!(writer.try_drain()) {
                    Poll::Ready(result) => result.expect("no failures"),
                    Poll::Pending => pending += 1,
                }
            }
            wait!(writer.push(&[], payload)).expect("room");
        }
        while wait!(writer.try_drain()).is_pending() {
            pending += 1;
        }
        assert_sent(&writer, &stream.wire, "in attempts");
        assert_eq!(pending, writer.get_ref().failed, "each time that it was not ready");
        assert_eq!(writer.get_ref().flushed, 0, "flushing can take long");
    }
}

#[test]
fn attempts_fail_as_calls_do() {
    let stream = u32_be(&[5]);
    let mut writer =
        fake_writer(&stream, Plan::once([Step::Zero, Step::Lie(1), Step::Fail(ErrorKind::TimedOut)]));
    wait!(writer.push(&[], &stream.frames[0].1)).expect("room");
    assert!(matches!(wait!(writer.try_drain()), Poll::Ready(Err(WriteError::WriteZero))));
    let Poll::Ready(Err(WriteError::Encode(EncodeError::Overrun { .. }))) = wait!(writer.try_drain()) else {
        panic!("it claims too much")
    };
    let Poll::Ready(Err(WriteError::Io(error))) = wait!(writer.try_drain()) else { panic!("no failure") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(wait!(writer.try_drain()).is_ready());
    assert_sent(&writer, &stream.wire, "in the end");

    let mut reader = fake_reader_of(&stream, &stream.wire[..7], Plan::cycle([ALL]));
    for _ in 0..2 {
        let Poll::Ready(Err(ReadError::Truncated(error))) = wait!(reader.try_read_frame()) else {
            panic!("a clean end")
        };
        assert_eq!(error, EndError::Truncated { have: 7, want: 9 });
    }
}

#[test]
fn a_payload_says_whether_reading_it_would_wait() {
    let stream = u32_be(&[100]);
    let plan = Plan::new([Step::Move(10), WOULD_BLOCK, INTERRUPTED, ALL, ALL], [WOULD_BLOCK]);
    let mut reader = fake_reader(&stream, plan);
    let Ok(Some(Incoming::Large(mut payload))) = wait!(reader.read()) else { panic!("a large frame") };
    let mut bytes = [0; 100];
    assert!(payload.read_ready().expect("an answer"), "what came with the header");
    assert_eq!(wait!(payload.read(&mut bytes)).expect("a part"), 6);
    assert!(!payload.read_ready().expect("an answer"));
    assert!(!payload.read_ready().expect("an answer"), "interrupted");
    let mut at = 6;
    while at < 100 {
        assert!(payload.read_ready().expect("an answer"));
        at += wait!(payload.read(&mut bytes[at..])).expect("a part");
    }
    assert_eq!(bytes, stream.frames[0].1[..]);
    assert!(payload.read_ready().expect("an answer"), "the end");
}

#[test]
fn drain_leaves_the_transport_its_own_time_to_flush() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    writer.get_mut().flush_fails = vec![ErrorKind::TimedOut];
    wait!(writer.push(&[], &stream.frames[0].1)).expect("room");
    wait!(writer.drain()).expect("nothing that flushes");
    assert_sent(&writer, &stream.wire, "drained");
    assert_eq!(writer.get_ref().flushed, 0);
    assert!(matches!(wait!(writer.flush()), Err(WriteError::Io(_))));
    wait!(writer.flush()).expect("it is flushed");
    assert_eq!(writer.get_ref().flushed, 1);
}

/// Without vectored writes, a write ends with the store, and a lie about it is one although more is pending.
#[test]
fn a_wrapped_store_leaves_in_two_writes_and_neither_can_claim_the_other() {
    let stream = u32_be(&[40, 30]);
    let plan = Plan::once([Step::Move(30), Step::Fail(ErrorKind::TimedOut), Step::Lie(1)]);
    let mut writer = fake_writer(&stream, plan);
    wait!(writer.send(&stream.frames[0].1)).expect_err("the failure");
    wait!(writer.push(&[], &stream.frames[1].1)).expect("room, around the end");
    let lie = wait!(writer.drain()).expect_err("a lie");
    assert!(matches!(lie, WriteError::Encode(EncodeError::Overrun { given: 35, left: 34 })), "{lie}");
    flush(&mut writer);
    assert_eq!(writer.get_ref().moved(), [30, 0, 0, 34, 14]);
    assert_sent(&writer, &stream.wire, "wrapped");
}

#[test]
fn frames_can_be_queued_in_any_way_the_encoder_has() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    let mut frame = writer.encoder_mut().begin(&[]).expect("room");
    frame.write(&stream.frames[0].1).expect("room");
    frame.publish().expect("room");
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "by way of the encoder");
}

/// Of two sizes, as a device has it that hears more than it says.
#[test]
fn both_ways_share_a_transport_and_part_and_meet_again() {
    let stream = u32_be(&[5, 0, 20]);
    let fake = Fake::new(&stream.wire, Plan::cycle([ALL]));
    let decoder = Decoder::new(formats::U32_BE, [0; 64]);
    let encoder = Encoder::new(formats::U32_BE, [0; 32]);
    let mut link = Framed::new(fake, decoder, encoder);
    assert_eq!(wait!(link.read_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[0]));
    wait!(link.push(&[], b"queued")).expect("room");

    // A transport whose halves are handles of it.
    let (mut reader, mut writer) = link.split(|fake| (fake, Fake::sink(Plan::cycle([ALL]))));
    assert_eq!(wait!(reader.read_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[1]));
    wait!(writer.send(b"and sent")).expect("a good transport");
    assert_eq!(writer.get_ref().out, b"\0\0\0\x06queued\0\0\0\x08and sent");
    wait!(writer.push(&[], b"again")).expect("room");

    let mut link = Framed::join(reader, writer, |read, _write| read);
    wait!(link.flush()).expect("a good transport");
    assert_eq!(link.get_ref().out, b"\0\0\0\x05again");
    assert_eq!(wait!(link.read_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[2]));
    let (mut fake, decoder, encoder) = link.into_parts();
    // A lent transport is one, too.
    let mut link = Framed::new(&mut fake, decoder, encoder);
    assert!(wait!(link.read_frame()).expect("a clean end").is_none());
    assert_eq!((link.decoder().stats().frames, link.encoder().stats().frames), (3, 3));
}

/// What generic code sees of the errors.
#[test]
fn errors_have_kinds() {
    use embedded_io::ErrorKind as Kind;
    type Reading = ReadError<io::Error>;
    type Writing = WriteError<io::Error>;
    let too_long = DecodeError::TooLong { declared: 2, limit: 1 };
    assert_eq!(Reading::Io(ErrorKind::TimedOut.into()).kind(), Kind::TimedOut);
    assert_eq!(Reading::Protocol(too_long).kind(), Kind::InvalidData);
    assert_eq!(Reading::Truncated(EndError::TruncatedPayload { missing: 1 }).kind(), Kind::InvalidData);
    let no_time = std::time::Duration::ZERO;
    assert_eq!(Reading::Idle { allowed: no_time }.kind(), Kind::TimedOut);
    assert_eq!(Writing::Io(ErrorKind::BrokenPipe.into()).kind(), Kind::BrokenPipe);
    assert_eq!(Writing::WriteZero.kind(), Kind::WriteZero);
    assert_eq!(Writing::Encode(EncodeError::Overrun { given: 1, left: 0 }).kind(), Kind::WriteZero);
    assert_eq!(Writing::Encode(EncodeError::MidPayload { left: 1 }).kind(), Kind::InvalidInput);
}

/// A lent store, as a `static` of a firmware is, and a payload that goes through embedded-io's own `write_all`.
#[test]
fn stores_can_be_lent() {
    let mut store = [0; STORE];
    let encoder = Encoder::try_new(formats::U16_BE.with_limit(LIMIT), &mut store[..])
        .expect("a store that holds a header");
    let mut writer = crate::adapter::Writer::new(Fake::sink(Plan::cycle([Step::Move(7)])), encoder);
    let mut payload = wait!(writer.payload(&[], 200)).expect("a header");
    wait!(payload.write_all(&[7; 200])).expect("a good transport");
    let refused = wait!(payload.write_all(b"more")).expect_err("it is no panic");
    assert!(matches!(refused, WriteError::Encode(EncodeError::Overrun { given: 4, left: 0 })), "{refused}");
    wait!(payload.finish()).expect("a whole payload");
    assert_eq!(writer.get_ref().out, [&[0, 200][..], &[7; 200]].concat());
    let stream = u32_be(&[100]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    assert!(wait!(writer.payload(&[], 100)).is_ok());
    write_rest(&mut writer, &stream.frames[0].1);
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "resumed");
}
