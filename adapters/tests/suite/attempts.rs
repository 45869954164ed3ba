//! Attempts: `try_next_frame`, for adapters that have it. It is `Pending` where the transport would block, and keeps
//! all state.

use std::io::ErrorKind;
use std::task::Poll;

use ringframe::{DecodeError, EndError};
use ringframe_io::ReadError;

use crate::suite::fake::{ALL, Plan, Step};
use crate::suite::streams::{Owned, u32_be};
use crate::suite::{FakeReader, fake_reader, fake_reader_of, next_large, own};
use ringframe::Format;

/// All frames, to the end, in attempts, and how many of these were too early.
pub(crate) fn try_next_frames<F: Format>(reader: &mut FakeReader<F>) -> (Vec<Owned>, usize) {
    let (mut frames, mut pending) = (Vec::new(), 0);
    loop {
        match wait!(reader.try_next_frame()) {
            Poll::Ready(Ok(Some(frame))) => frames.push(own(frame)),
            Poll::Ready(Ok(None)) => break,
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => pending += 1,
        }
    }
    (frames, pending)
}

#[test]
fn an_attempt_is_pending_where_the_transport_would_block() {
    each_stream!(small, |stream| {
        for size in [1, 7, usize::MAX] {
            let plan = Plan::cycle([Step::Fail(ErrorKind::WouldBlock), Step::Move(size)]);
            let mut reader = fake_reader(stream, plan);
            let (frames, pending) = try_next_frames(&mut reader);
            assert_eq!(frames, stream.frames, "{}", stream.name);
            assert_eq!(pending, reader.get_ref().failed, "{}", stream.name);
        }
    });
    let mut reader = fake_reader(&u32_be(&[1]), Plan::once([Step::Fail(ErrorKind::TimedOut)]));
    assert!(
        matches!(wait!(reader.try_next_frame()), Poll::Ready(Err(ReadError::Io(_)))),
        "not for other errors"
    );
}

#[test]
fn an_attempt_takes_what_is_buffered_without_a_read() {
    let stream = u32_be(&[5, 0, 20]);
    let mut reader = fake_reader(&stream, Plan::new([ALL], [Step::Fail(ErrorKind::WouldBlock)]));
    for wanted in &stream.frames {
        let Poll::Ready(Ok(Some(frame))) = wait!(reader.try_next_frame()) else { panic!("it is there") };
        assert_eq!(&own(frame), wanted);
    }
    assert_eq!(reader.get_ref().moved(), [stream.wire.len()]);
    assert!(wait!(reader.try_next_frame()).is_pending());
}

#[test]
fn an_attempt_fails_as_a_call_does() {
    let stream = u32_be(&[5]);
    let mut reader = fake_reader_of(&stream, &stream.wire[..7], Plan::cycle([ALL]));
    for _ in 0..2 {
        let Poll::Ready(Err(ReadError::Truncated(error))) = wait!(reader.try_next_frame()) else {
            panic!("a clean end")
        };
        assert_eq!(error, EndError::Truncated { have: 7, want: 9 });
    }
    let mut reader = fake_reader_of(&stream, &[0xff; 4], Plan::cycle([ALL]));
    for _ in 0..2 {
        let error = wait!(reader.try_next_frame());
        assert!(matches!(error, Poll::Ready(Err(ReadError::Protocol(DecodeError::TooLong { .. })))));
    }
    let mut reader = fake_reader(&stream, Plan::once([Step::Move(2), Step::Lie(1)]));
    let error = wait!(reader.try_next_frame());
    assert!(matches!(error, Poll::Ready(Err(ReadError::Overrun { claimed: 63, offered: 62 }))));
    assert!(matches!(wait!(reader.try_next_frame()), Poll::Ready(Ok(Some(_)))));
}

#[test]
fn an_attempt_skips_what_is_left_of_a_payload() {
    let stream = u32_be(&[150, 3]);
    for size in [1, 64, usize::MAX] {
        let would_block = Step::Fail(ErrorKind::WouldBlock);
        let plan = Plan::new([Step::Move(64)], [would_block, Step::Move(size)]);
        let mut reader = fake_reader(&stream, plan);
        next_large(&mut reader);
        let (frames, pending) = try_next_frames(&mut reader);
        assert_eq!(frames, stream.frames[1..]);
        assert_eq!(pending, reader.get_ref().failed);
    }
}
