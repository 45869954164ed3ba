//! Reading frames larger than the store.

use super::fake::{ALL, Step};
use super::plans::plans;
use super::streams::{LIMIT, u32_be};
use super::*;
use ringframe::{DecodeError, EndError, formats};

#[test]
fn a_large_frame_is_a_reader_of_its_payload() {
    let stream = u32_be(&[100]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    let mut payload = next_large(&mut reader);
    assert_eq!((payload.header(), payload.left()), (&[0, 0, 0, 100][..], 100));
    let mut bytes = [0; 100];
    assert_eq!(fill_from(&mut payload, &mut bytes), 100);
    assert_eq!(bytes, stream.frames[0].1[..]);
    assert_eq!(read!(payload, &mut [0]).expect("the end"), 0);
}

#[test]
fn frames_of_any_size_are_the_same_however_the_transport_cuts_and_fails() {
    each_stream!(all, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()) {
            let mut reader = fake_reader(stream, plan);
            assert_eq!(read_any(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
            assert!(reader.get_ref().is_at_end());
        }
    });
}

/// Reads some of each payload in pieces of one size; the next frame is in step.
#[test]
fn what_is_not_read_of_a_payload_is_skipped() {
    let stream = u32_be(&[150, 3, 61, 300, 0, 64, 7]);
    for piece in [1, 7, 64, 200] {
        for take in [0, 1, 59, 60, 61, 64, 149, 150] {
            for size in [1, 5, 64, usize::MAX] {
                let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
                for (header, wanted) in &stream.frames {
                    match wait!(reader.next_incoming()).expect("a good stream").expect("a frame") {
                        Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                        Incoming::Large(mut payload) => {
                            assert_eq!(payload.header(), header);
                            assert_eq!(payload.left(), wanted.len() as u64);
                            let mut bytes = vec![0; take.min(wanted.len())];
                            for piece in bytes.chunks_mut(piece) {
                                assert_eq!(fill_from(&mut payload, piece), piece.len());
                            }
                            assert_eq!(bytes, wanted[..bytes.len()]);
                            assert_eq!(payload.left(), (wanted.len() - bytes.len()) as u64);
                        }
                    }
                }
                assert!(wait!(reader.next_incoming()).expect("a clean end").is_none());
                assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
            }
        }
    }
}

#[test]
fn next_frame_goes_on_after_a_payload_that_was_not_read() {
    let stream = u32_be(&[150, 3]);
    for take in [0, 60, 100, 150] {
        for size in [1, 64, usize::MAX] {
            let plan = Plan::cycle([Step::Move(size), Step::Fail(ErrorKind::WouldBlock)]);
            let mut reader = fake_reader(&stream, plan);
            let mut payload = loop {
                match wait!(reader.next_incoming()) {
                    Ok(Some(Incoming::Large(payload))) => break payload,
                    Err(ReadError::Io(error)) if goes_on(&error) => {}
                    other => panic!("{other:?}"),
                }
            };
            let mut bytes = vec![0; take];
            fill_from(&mut payload, &mut bytes);
            assert_eq!(bytes, stream.frames[0].1[..take]);
            assert_eq!(read_frames(&mut reader), stream.frames[1..], "{take} bytes, {size} a call");
        }
    }
}

/// Callers that flush replies while nothing is at hand would wait for a peer that waits for them. So a payload ends
/// with its last byte, not with the read that finds no more.
#[test]
fn a_payload_that_was_read_leaves_nothing_at_hand() {
    for len in [100, 300] {
        let stream = u32_be(&[len]);
        for size in [1, 7, 64, usize::MAX] {
            for (piece, reads_the_end) in [(1, false), (16, false), (400, false), (16, true)] {
                let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
                let mut payload = next_large(&mut reader);
                let mut bytes = vec![];
                while payload.left() > 0 {
                    let mut piece = vec![0; piece];
                    let n = read!(payload, &mut piece).expect("it is there");
                    bytes.extend_from_slice(&piece[..n]);
                }
                if reads_the_end {
                    assert_eq!(read!(payload, &mut [0]).expect("the end"), 0);
                }
                assert_eq!(bytes, stream.frames[0].1);
                assert!(!reader.is_ready(), "by {size}");
                assert!(reader.resume().is_none());
                assert_eq!(reader.decoder().stats().frames, 1);
                assert!(matches!(next_frame(&mut reader), Ok(None)));
            }
        }
    }
}

#[test]
fn a_payload_that_ends_early_is_an_error_with_its_numbers() {
    let stream = u32_be(&[150]);
    for end in 64..154 {
        let wanted = EndError::TruncatedPayload { missing: 154 - end as u64 };
        let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(64)]));
        let mut payload = next_large(&mut reader);
        let mut bytes = vec![0; end - 4];
        fill_from(&mut payload, &mut bytes);
        assert_eq!(bytes, stream.wire[4..end]);
        let Err(ReadError::Truncated(error)) = read!(payload, &mut [0]) else { panic!("an end") };
        assert_eq!(error, wanted);
        let Err(ReadError::Truncated(error)) = next_frame(&mut reader) else { panic!("a clean end") };
        assert_eq!(error, wanted);
    }
}

/// 0 means the end to a reader's user: only at the end, or where there was no room.
#[test]
fn a_payload_is_read_into_any_buffer() {
    let stream = u32_be(&[100, 4]);
    let plan = Plan::new([Step::Move(4), Step::Fail(ErrorKind::TimedOut)], [Step::Move(5)]);
    let mut reader = fake_reader(&stream, plan);
    let mut payload = next_large(&mut reader);
    assert_eq!(read!(payload, &mut []).expect("nothing to do, nothing to wait for"), 0);
    let mut bytes = [0xee; 200];
    assert_eq!(fill_from(&mut payload, &mut bytes), 100);
    assert_eq!(read!(payload, &mut bytes[100..]).expect("the end"), 0);
    assert!(bytes[..100] == stream.frames[0].1 && bytes[100..] == [0xee; 100], "no more than the payload");
}

/// A length that no pointer can have is no reason to refuse what is streamed.
#[test]
fn a_frame_larger_than_any_memory_is_streamed() {
    let len = 1 << 63;
    let wire = [&u64::to_be_bytes(len)[..], b"begins"].concat();
    let format = formats::U64_BE.with_limit(u64::MAX);
    let mut reader = Reader::new(Fake::new(&wire, Plan::cycle([ALL])), Decoder::new(format, [0; STORE]));
    let mut payload = next_large(&mut reader);
    assert_eq!(payload.left(), len);
    let mut bytes = [0; 10];
    assert_eq!(read!(payload, &mut bytes).expect("what is buffered"), 6);
    assert_eq!((&bytes[..6], payload.left()), (&b"begins"[..], len - 6));
    let Err(ReadError::Truncated(error)) = read!(payload, &mut bytes) else { panic!("an end") };
    assert_eq!(error, EndError::TruncatedPayload { missing: len - 6 });
}

/// Within the limit, but larger than the store: whole it can't be.
#[test]
fn next_frame_refuses_a_frame_that_only_fits_the_limit() {
    let stream = u32_be(&[150, 60]);
    for size in [1, 7, usize::MAX] {
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
        for _ in 0..2 {
            let Err(ReadError::Protocol(error)) = next_frame(&mut reader) else { panic!("no error") };
            assert_eq!(error, DecodeError::TooLong { declared: 154, limit: STORE as u64 });
        }
        // It can still be had in pieces.
        assert_eq!(read_any(&mut reader), stream.frames);
    }
}

#[test]
fn a_payload_can_be_resumed_and_then_has_no_header() {
    let stream = u32_be(&[100, 3]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    assert!(reader.resume().is_none(), "there is none yet");
    let mut payload = next_large(&mut reader);
    let mut bytes = [0; 100];
    fill_from(&mut payload, &mut bytes[..10]);
    let mut payload = reader.resume().expect("it is under way");
    assert_eq!((payload.header(), payload.left()), (&[][..], 90));
    fill_from(&mut payload, &mut bytes[10..]);
    assert_eq!(bytes, stream.frames[0].1[..]);
    assert!(reader.resume().is_none(), "it has ended");
    assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[1]));
    // A payload that is skipped can't be resumed.
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    next_large(&mut reader);
    reader.discard();
    assert!(reader.resume().is_none());
}

/// What a payload's reader leaves is the next call's choice: to go on, or to skip.
#[test]
fn events_go_on_with_a_payload_that_was_read_in_part() {
    let stream = u32_be(&[100, 3]);
    let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(30)]));
    let mut payload = next_large(&mut reader);
    let mut bytes = vec![0; 10];
    fill_from(&mut payload, &mut bytes);
    let mut frames = vec![(stream.frames[0].0.clone(), bytes)];
    while take_event(&mut frames, wait!(reader.next_event()).expect("a good stream")) {}
    assert_eq!(frames, stream.frames);
}

/// Without a named limit the store is the limit, so nothing is streamed.
#[test]
fn a_format_without_a_limit_streams_nothing() {
    let stream = u32_be(&[61]);
    let fake = Fake::new(&stream.wire, Plan::cycle([ALL]));
    let mut reader = Reader::new(fake, decoder(*stream.format.get_ref()));
    let Err(ReadError::Protocol(error)) = wait!(reader.next_incoming()) else { panic!("no error") };
    assert_eq!(error, DecodeError::TooLong { declared: 65, limit: STORE as u64 });
    assert!(stream.wire.len() < LIMIT as usize);
}
