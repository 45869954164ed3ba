//! Going on in place after a fault, for instance on a serial line, which can't be closed and opened again.

use super::fake::{ALL, Step};
use super::streams::{summed, u32_be};
use super::*;
use ringframe::DecodeError;

/// A caller that has its reader by reference only, as in a resource of RTIC.
fn reset(reader: &mut FakeReader) {
    reader.reset();
}

#[test]
fn a_reset_forgets_an_invalid_header() {
    let stream = u32_be(&[5]);
    let mut reader = fake_reader_of(&stream, &[0xff; 4], Plan::cycle([Step::Move(4)]));
    for _ in 0..2 {
        for _ in 0..2 {
            assert!(matches!(next_frame(&mut reader), Err(ReadError::Protocol(_))));
        }
        reset(&mut reader);
        reader.get_mut().arrive(&stream.wire);
        assert_eq!(next_frame(&mut reader).expect("a new stream").as_ref(), Some(&stream.frames[0]));
        reader.get_mut().arrive(&[0xff; 4]);
    }
    assert_eq!(reader.decoder().stats().frames, 2, "the counters stay");
}

#[test]
fn a_reset_forgets_a_frame_that_has_begun() {
    let stream = u32_be(&[30]);
    for lost in 1..30 {
        // A byte or more were lost, so the frame never ends.
        let plan = Plan::stop(34 - lost, ErrorKind::TimedOut);
        let mut reader = fake_reader_of(&stream, &stream.wire[..34 - lost], plan);
        while unless_stopped(attempt!(reader.next_frame())).is_some() {}
        reset(&mut reader);
        assert!(!reader.is_ready() && !reader.decoder().is_mid_frame());
        reader.get_mut().arrive(&stream.wire);
        assert_eq!(next_frame(&mut reader).expect("a new stream").as_ref(), Some(&stream.frames[0]));
    }
}

/// Skipping it instead would take the missing bytes from the frames that follow.
#[test]
fn a_reset_forgets_a_large_payload_that_has_begun() {
    let stream = u32_be(&[150]);
    let next = u32_be(&[5]);
    for arrived in [4, 20, 64, 100, 153] {
        for take in [0, 10] {
            let plan = Plan::stop(arrived, ErrorKind::TimedOut);
            let mut reader = fake_reader_of(&stream, &stream.wire[..arrived], plan);
            let mut payload = next_large(&mut reader);
            let mut bytes = vec![0; take.min(arrived - 4)];
            fill_from(&mut payload, &mut bytes);
            reset(&mut reader);
            assert!(reader.resume().is_none());
            assert_eq!(reader.discard(), 0);
            reader.get_mut().arrive(&next.wire);
            // What the transport has not handed over yet is not the reader's to forget.
            let unread = arrived - reader.get_ref().total();
            assert_eq!(unread, arrived.saturating_sub(64));
            if unread > 0 {
                fill(&mut vec![0; unread], |buf| read_unframed(&mut reader, buf)).expect("bytes");
            }
            let frame = loop {
                if let Some(frame) = unless_stopped(attempt!(reader.next_frame())) {
                    break frame.map(own);
                }
            };
            assert_eq!(frame.as_ref(), Some(&next.frames[0]), "{arrived} arrived, {take} taken");
        }
    }
}

#[test]
fn resynchronising_finds_the_next_frame() {
    let stream = u32_be(&[5]);
    let wire = [b"noise\xff", &stream.wire[..]].concat();
    for size in 1..=wire.len() {
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
        let mut skipped = 0;
        let frame = loop {
            match next_frame(&mut reader) {
                Ok(frame) => break frame,
                Err(ReadError::Protocol(error)) => {
                    assert!(error.is_protocol());
                    skipped += reader.resync();
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!((frame.as_ref(), skipped), (Some(&stream.frames[0]), 6), "{size} bytes a call");
    }
}

/// The fault may also be passed over by hand.
#[test]
fn unframed_bytes_pass_over_an_invalid_header() {
    let stream = u32_be(&[5]);
    let wire = [&[0xff; 4], &stream.wire[..]].concat();
    let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([ALL]));
    assert!(matches!(next_frame(&mut reader), Err(ReadError::Protocol(_))));
    assert_eq!(read_unframed(&mut reader, &mut [0; 4]).expect("the header"), 4);
    assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[0]));
}

#[test]
fn a_damaged_frame_can_be_passed_over() {
    let stream = summed(&[5, 9, 100, 3]);
    for size in [1, 7, usize::MAX] {
        let mut wire = stream.wire.clone();
        wire[stream.ends[0] + 4] ^= 1;
        wire[stream.ends[1] + 40] ^= 1;
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
        assert_eq!(next_frame(&mut reader).expect("a good frame").as_ref(), Some(&stream.frames[0]));
        for _ in 0..2 {
            let error = next_frame(&mut reader).expect_err("it is damaged");
            assert!(matches!(error, ReadError::Protocol(DecodeError::Corrupt)), "{error}");
        }
        // Its length is trusted.
        let mut skipped = [0; 13];
        fill(&mut skipped, |buf| read_unframed(&mut reader, buf)).expect("the frame");
        let mut payload = next_large(&mut reader);
        fill_from(&mut payload, &mut [0; 100]);
        let error = read!(payload, &mut [0]).expect_err("it is damaged");
        assert!(matches!(error, ReadError::Protocol(DecodeError::Corrupt)), "{error}");
        // Asking for the next frame skips what is left of a streamed one, which is its trailer.
        assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[3]), "{size}");
    }
}
