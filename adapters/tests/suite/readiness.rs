//! What the adapters for embedded-io have beyond the suite: transports that tell whether they are ready, and
//! draining without a flush.

use std::io::ErrorKind;
use std::task::Poll;

use embedded_io::ReadReady;
use ringframe_io::{ReadError, WriteError};

use crate::attempts::try_next_frames;
use crate::suite::fake::{ALL, Plan, Step};
use crate::suite::streams::u32_be;
use crate::suite::{assert_sent, fake_reader, fake_reader_of, fake_writer, flush, next_frame, next_large};
use crate::traits::Read as _;

const WOULD_BLOCK: Step = Step::Fail(ErrorKind::WouldBlock);
const INTERRUPTED: Step = Step::Fail(ErrorKind::Interrupted);

/// No call moves anything unless the transport said that it is ready. Interrupted, it is not.
#[test]
fn attempts_go_by_what_the_transport_says() {
    let stream = u32_be(&[5, 0, 60]);
    for size in [1, 7, usize::MAX] {
        let plan = Plan::cycle([WOULD_BLOCK, INTERRUPTED, Step::Move(size), WOULD_BLOCK]);

        let mut reader = fake_reader(&stream, plan.clone());
        let (frames, pending) = try_next_frames(&mut reader);
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
            wait!(writer.push(payload)).expect("room");
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
fn attempts_to_drain_fail_as_calls_do() {
    let stream = u32_be(&[5]);
    let mut writer =
        fake_writer(&stream, Plan::once([Step::Zero, Step::Lie(1), Step::Fail(ErrorKind::TimedOut)]));
    wait!(writer.push(&stream.frames[0].1)).expect("room");
    assert!(matches!(wait!(writer.try_drain()), Poll::Ready(Err(WriteError::WriteZero))));
    let lie = wait!(writer.try_drain());
    assert!(matches!(lie, Poll::Ready(Err(WriteError::Overrun { claimed: 10, offered: 9 }))), "{lie:?}");
    let Poll::Ready(Err(WriteError::Io(error))) = wait!(writer.try_drain()) else { panic!("no failure") };
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(wait!(writer.try_drain()).is_ready());
    assert_sent(&writer, &stream.wire, "in the end");
}

#[test]
fn a_payload_says_whether_reading_it_would_wait() {
    let stream = u32_be(&[100]);
    let plan = Plan::new([Step::Move(10), WOULD_BLOCK, INTERRUPTED, ALL, ALL], [WOULD_BLOCK]);
    let mut reader = fake_reader(&stream, plan);
    let mut payload = next_large(&mut reader);
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
fn unframed_bytes_say_whether_reading_them_would_wait() {
    let stream = u32_be(&[5, 100]);
    let wire = [&stream.wire[..], b"raw"].concat();
    // What came with a frame, then nothing.
    let mut reader =
        fake_reader_of(&stream, &wire, Plan::new([Step::Move(11), WOULD_BLOCK, INTERRUPTED, ALL], [ALL]));
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    let mut bytes = [0; 10];
    assert!(reader.unframed().read_ready().expect("an answer"), "two bytes of a header");
    assert_eq!(wait!(reader.unframed().read(&mut bytes)).expect("a part"), 2);
    assert!(!reader.unframed().read_ready().expect("an answer"));
    assert!(!reader.unframed().read_ready().expect("an answer"), "interrupted");
    assert!(reader.unframed().read_ready().expect("an answer"));
    // Of a payload that is skipped first, what is there is none of them.
    let mut reader = fake_reader_of(&stream, &wire[9..], Plan::new([Step::Move(20)], [WOULD_BLOCK]));
    next_large(&mut reader);
    assert!(!reader.unframed().read_ready().expect("an answer"));
}

#[test]
fn drain_leaves_the_transport_its_own_time_to_flush() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    writer.get_mut().flushes = Plan::once([Step::Fail(ErrorKind::TimedOut)]);
    wait!(writer.push(&stream.frames[0].1)).expect("room");
    wait!(writer.drain()).expect("nothing that flushes");
    assert_sent(&writer, &stream.wire, "drained");
    assert_eq!(writer.get_ref().flushed, 0);
    assert!(matches!(wait!(writer.flush()), Err(WriteError::Io(_))));
    wait!(writer.flush()).expect("it is flushed");
    assert_eq!(writer.get_ref().flushed, 1);
}

/// Without vectored writes, a write ends with the store.
#[test]
fn a_wrapped_store_drains_in_two_writes() {
    let stream = u32_be(&[40, 30]);
    let mut writer = fake_writer(&stream, Plan::stop(30, ErrorKind::TimedOut));
    wait!(writer.drain()).expect("nothing is queued");
    assert!(wait!(writer.send(&stream.frames[0].1)).is_err());
    wait!(writer.push(&stream.frames[1].1)).expect("room, around the end");
    wait!(writer.drain()).expect("no failures");
    assert_eq!(writer.get_ref().moved(), [30, 0, 34, 14]);
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "wrapped");
}

#[test]
fn reading_ahead_waits_for_nothing() {
    let stream = u32_be(&[5, 20]);
    let mut reader = fake_reader(&stream, Plan::new([Step::Move(4)], [WOULD_BLOCK]));
    for _ in 0..3 {
        assert!(!wait!(reader.read_ahead()).expect("a good transport"));
    }
    assert_eq!(reader.decoder().buffered(), 4);
}

/// A transport against its contract, as embassy-net's was: it is not ready at the end of its stream. An attempt
/// can't know, a call learns.
#[test]
fn a_transport_that_is_not_ready_at_its_end_keeps_attempts_pending() {
    let stream = u32_be(&[5]);
    let mut reader = fake_reader(&stream, Plan::new([ALL], [WOULD_BLOCK]));
    assert!(matches!(wait!(reader.try_next_frame()), Poll::Ready(Ok(Some(_)))));
    for _ in 0..1000 {
        assert!(wait!(reader.try_next_frame()).is_pending());
    }
    reader.get_mut().plan = Plan::cycle([ALL]);
    assert!(next_frame(&mut reader).expect("a clean end").is_none());
}

#[test]
fn a_transport_that_refuses_is_an_error() {
    let stream = u32_be(&[5]);
    let mut reader = fake_reader_of(&stream, &[], Plan::once([Step::Fail(ErrorKind::BrokenPipe)]));
    reader.get_mut().refuses = true;
    let error = wait!(reader.try_next_frame());
    assert!(matches!(error, Poll::Ready(Err(ReadError::Io(_)))), "{error:?}");
    assert!(matches!(wait!(reader.read_ahead()), Err(ReadError::Io(_))));
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    writer.get_mut().refuses = true;
    wait!(writer.push(&stream.frames[0].1)).expect("room");
    let error = wait!(writer.try_drain());
    assert!(matches!(error, Poll::Ready(Err(WriteError::Io(_)))), "{error:?}");
    assert_eq!(writer.get_ref().calls.len(), 0);
}
