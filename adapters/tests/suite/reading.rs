//! Reading frames and events.

use super::fake::{ALL, Step};
use super::plans::plans;
use super::streams::{LIMIT, u32_be};
use super::*;
use ringframe::{DecodeError, EndError, formats};

#[test]
fn a_frame_is_read() {
    let stream = u32_be(&[5]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    let frame = wait!(reader.next_frame()).expect("a good stream").expect("a frame");
    assert_eq!((frame.header(), frame.payload()), (&[0, 0, 0, 5][..], &[0, 1, 2, 3, 4][..]));
    assert!(wait!(reader.next_frame()).expect("a clean end").is_none());
    assert!(wait!(reader.next_frame()).expect("still a clean end").is_none());
}

#[test]
fn frames_are_the_same_however_the_transport_cuts_and_fails() {
    each_stream!(small, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()) {
            let mut reader = fake_reader(stream, plan);
            assert_eq!(read_frames(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
            assert!(reader.get_ref().is_at_end());
            assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
        }
    });
}

#[test]
fn events_are_the_same_however_the_transport_cuts_and_fails() {
    each_stream!(all, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()) {
            let mut reader = fake_reader(stream, plan);
            assert_eq!(read_events(&mut reader), stream.frames, "{}, {plan_name}", stream.name);
            assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
        }
    });
}

#[test]
fn interrupted_is_never_seen_and_the_others_are_seen_once_each() {
    let stream = u32_be(&[5, 0, 60]);
    for &kind in [ErrorKind::Interrupted].iter().chain(DIFFERS.seen) {
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(kind), Step::Move(3)]));
        let mut seen = 0;
        loop {
            match wait!(reader.next_frame()) {
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
fn a_frame_that_is_peeked_at_stays() {
    each_stream!(small, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()).step_by(7) {
            let mut reader = fake_reader(stream, plan);
            for wanted in &stream.frames {
                for _ in 0..2 {
                    let peeked = loop {
                        match wait!(reader.peek_frame()) {
                            Ok(frame) => break frame.map(own),
                            Err(ReadError::Io(error)) if goes_on(&error) => {}
                            Err(error) => panic!("{error}"),
                        }
                    };
                    assert_eq!(peeked.as_ref(), Some(wanted), "{}, {plan_name}", stream.name);
                }
                let calls = reader.get_ref().calls.len();
                assert_eq!(next_frame(&mut reader).expect("it is there").as_ref(), Some(wanted));
                assert_eq!(reader.get_ref().calls.len(), calls, "taking it needs no read");
            }
        }
    });
    // The end, and what can't be taken, are told alike.
    let mut reader = fake_reader(&u32_be(&[]), Plan::cycle([ALL]));
    assert!(matches!(wait!(reader.peek_frame()), Ok(None)));
    let mut reader = fake_reader(&u32_be(&[100, 3]), Plan::cycle([ALL]));
    for _ in 0..2 {
        assert!(matches!(
            wait!(reader.peek_frame()),
            Err(ReadError::Protocol(DecodeError::TooLong { declared: 104, limit: 64 }))
        ));
    }
    next_large(&mut reader);
    let peeked = wait!(reader.peek_frame()).expect("it skips a payload").map(own);
    assert_eq!(peeked.map(|frame| frame.1.len()), Some(3));
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
            let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([Step::Move(size)]));
            if end > 9 {
                let first = next_frame(&mut reader).expect("a good frame");
                assert_eq!(first.as_ref(), Some(&stream.frames[0]));
            }
            for _ in 0..2 {
                let error = next_frame(&mut reader).expect_err("an end inside a frame");
                assert!(error.is_truncation());
                let ReadError::Truncated(error) = error else { panic!("{error}") };
                assert_eq!(error, wanted, "{end} bytes, {size} a call");
            }
        }
    }
}

/// An encrypted link whose end is missing was cut off, by whomever.
#[test]
fn a_stream_that_was_cut_off_is_not_a_clean_end() {
    let stream = u32_be(&[5]);
    for end in [0, 3, 9] {
        let plan = Plan::stop(end, ErrorKind::UnexpectedEof);
        let mut reader = fake_reader_of(&stream, &stream.wire[..end], plan);
        if end == 9 {
            assert!(next_frame(&mut reader).expect("a good frame").is_some());
        }
        let error = next_frame(&mut reader).expect_err("no end");
        assert_eq!(error.is_truncation(), DIFFERS.tells_cut_off, "{error}");
        let (ReadError::CutOff(inner) | ReadError::Io(inner)) = error else { panic!("{error}") };
        assert_eq!(inner.kind(), ErrorKind::UnexpectedEof);
    }
    // Also of payloads and of unframed bytes.
    let stream = u32_be(&[100]);
    for is_framed in [true, false] {
        let plan = Plan::stop(64, ErrorKind::UnexpectedEof);
        let mut reader = fake_reader_of(&stream, &stream.wire[..64], plan);
        let error = if is_framed {
            let mut payload = next_large(&mut reader);
            fill_from(&mut payload, &mut [0; 60]);
            read!(payload, &mut [0]).expect_err("no end")
        } else {
            fill(&mut [0; 65], |buf| read_unframed(&mut reader, buf)).expect_err("no end")
        };
        assert_eq!(error.is_truncation(), DIFFERS.tells_cut_off, "{error}");
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
            let mut reader = Reader::new(Fake::new(&wire, Plan::cycle([Step::Move(size)])), decoder(format));
            for frame in &stream.frames {
                let read = next_frame(&mut reader).expect("a good frame");
                assert_eq!(read.as_ref(), Some(frame), "{size} bytes a call");
            }
            for _ in 0..3 {
                let Err(ReadError::Protocol(error)) = next_frame(&mut reader) else { panic!("no error") };
                assert_eq!(error, too_long, "{size} bytes a call");
                assert!(reader.is_ready(), "an error can be had without waiting");
            }
            let calls = reader.get_ref().calls.len();
            let Err(ReadError::Protocol(error)) = wait!(reader.next_incoming()) else { panic!("no error") };
            assert_eq!(error, too_long, "{size} bytes a call");
            let Err(ReadError::Protocol(error)) = wait!(reader.next_event()) else { panic!("no error") };
            assert_eq!(error, too_long, "{size} bytes a call");
            let Err(ReadError::Protocol(error)) = wait!(reader.peek_frame()) else { panic!("no error") };
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
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    let error = next_frame(&mut reader).expect_err("the failure");
    assert!(matches!(&error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset));
    let next = next_frame(&mut reader).expect("a good frame");
    assert_eq!(next.as_ref(), Some(&stream.frames[1]));
}

/// The limit of frames that fit the store too: a number that holds on one path only is none.
#[test]
fn the_limit_is_that_of_frames_of_any_size() {
    for (len, fits_from) in [(150, 154), (60, 64)] {
        for limit in [4, 63, 64, 153, 154, u64::MAX] {
            let mut stream = u32_be(&[len]);
            stream.format.set_limit(limit);
            let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
            match wait!(reader.next_incoming()) {
                Ok(Some(Incoming::Large(_))) => assert!(limit >= fits_from && len == 150, "limit {limit}"),
                Ok(Some(Incoming::Frame(_))) => assert!(limit >= fits_from && len == 60, "limit {limit}"),
                Err(ReadError::Protocol(error)) => {
                    assert_eq!(error, DecodeError::TooLong { declared: fits_from, limit });
                    assert!(limit < fits_from, "limit {limit}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    // A limit that leaves no room for a frame is refused at once.
    let refused = Decoder::try_new(u32_be(&[]).format.into_inner().with_limit(3), [0; STORE]);
    assert_eq!(refused.err(), Some(ringframe::ConfigError::LimitTooSmall { limit: 3, needed: 4 }));
}

#[test]
fn ready_means_that_no_read_is_needed() {
    let stream = u32_be(&[5, 0, 100]);
    let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(15)]));
    assert!(!reader.is_ready());
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    assert!(reader.is_ready());
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    assert!(!reader.is_ready(), "two bytes of a header");
    assert!(reader.decoder().is_mid_frame());
    assert_eq!(reader.get_ref().calls.len(), 1);
    assert!(matches!(wait!(reader.next_event()), Ok(Some(Event::Begin { payload: 100, .. }))));
    assert!(reader.is_ready(), "the payload's first bytes");
}

#[test]
fn what_is_discarded_of_a_payload_is_skipped() {
    let stream = u32_be(&[150, 3, 61, 0]);
    for size in [1, 7, 64, usize::MAX] {
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
        assert!(matches!(wait!(reader.next_event()), Ok(Some(Event::Begin { payload: 150, .. }))));
        assert_eq!((reader.discard(), reader.discard()), (150, 0));
        assert_eq!(read_events(&mut reader), stream.frames[1..]);

        // Asking for a frame discards, too.
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(size)]));
        assert!(matches!(wait!(reader.next_event()), Ok(Some(Event::Begin { .. }))));
        assert_eq!(next_frame(&mut reader).expect("a good frame").as_ref(), Some(&stream.frames[1]));
    }
}

#[test]
fn reading_ahead_changes_nothing_but_tells_the_end() {
    each_stream!(small, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()).step_by(7) {
            let at = format!("{}, {plan_name}", stream.name);
            let mut reader = fake_reader(stream, plan.clone());
            for frame in &stream.frames {
                match wait!(reader.read_ahead()) {
                    Ok(true) => assert!(reader.get_ref().is_at_end(), "{at}"),
                    Ok(false) if DIFFERS.reads_ahead_until_full => {
                        assert!(reader.is_ready(), "a full store holds a frame: {at}");
                    }
                    Ok(false) => {}
                    Err(ReadError::Io(error)) if goes_on(&error) => {}
                    Err(error) => panic!("{at}: {error}"),
                }
                let read = loop {
                    match next_frame(&mut reader) {
                        Err(ReadError::Io(error)) if goes_on(&error) => {}
                        read => break read,
                    }
                };
                assert_eq!(read.expect("a good stream").as_ref(), Some(frame), "{at}");
            }
            while !wait!(reader.read_ahead()).is_ok_and(|has_ended| has_ended) {}
            assert_eq!(read_frames(&mut reader), [], "{at}");
        }
    });
    // The end is not told of a stream of which the store has no room for more.
    let stream = u32_be(&[60, 0]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    assert!(!wait!(reader.read_ahead()).expect("a good transport"));
    let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(ErrorKind::ConnectionReset)]));
    let error = wait!(reader.read_ahead()).expect_err("the failure");
    assert!(matches!(error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset));
}

/// For instance one that was negotiated: an `msize`, or a larger one after a log-in.
#[test]
fn the_limit_of_a_link_in_use_can_be_changed() {
    let stream = u32_be(&[20, 30, 30]);
    let mut link = fake_link(&stream, Plan::cycle([Step::Move(24)]));
    link.decoder_mut().set_limit(30).expect("a limit");
    link.encoder_mut().set_limit(30).expect("a limit");
    assert!(matches!(wait!(link.next_frame()), Ok(Some(_))));
    assert!(matches!(
        wait!(link.next_frame()),
        Err(ReadError::Protocol(DecodeError::TooLong { declared: 34, limit: 30 }))
    ));
    assert!(wait!(link.send(&[7; 30])).is_err());
    link.decoder_mut().set_limit(1024).expect("a limit");
    link.encoder_mut().set_limit(1024).expect("a limit");
    assert!(matches!(wait!(link.next_frame()), Ok(Some(_))), "the error was that of the limit");
    wait!(link.send(&[7; 30])).expect("it is allowed now");
}

/// What was read ahead stays.
#[test]
fn the_format_can_be_replaced_between_frames() {
    let wire = b"\0\0\0\x05hello\0\0\0\x07upgrade\x02hi\x03you";
    let before = ringframe::LengthField::DEFAULT.check().expect("a format");
    let width = ringframe::Width::U8;
    let after = ringframe::LengthField { width, ..ringframe::LengthField::DEFAULT };
    let after = after.check().expect("a format");
    for size in 1..=wire.len() {
        let mut reader = Reader::new(Fake::new(wire, Plan::cycle([Step::Move(size)])), decoder(before));
        for wanted in [&b"hello"[..], b"upgrade"] {
            assert_eq!(next_frame(&mut reader).expect("a good frame").expect("a frame").1, wanted);
        }
        reader.decoder_mut().replace_format(after).expect("between frames");
        for wanted in [&b"hi"[..], b"you"] {
            assert_eq!(next_frame(&mut reader).expect("a good frame").expect("a frame").1, wanted, "{size}");
        }
    }
}

#[test]
fn a_reader_can_be_taken_apart_and_put_together() {
    let stream = u32_be(&[5, 20, 9]);
    let mut reader = fake_reader(&stream, Plan::once([Step::Move(15)]));
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    let (io, decoder) = reader.into_parts();
    assert_eq!(decoder.buffered(), 6);
    assert_eq!(read_frames(&mut Reader::new(io, decoder)), stream.frames[1..]);
}

#[test]
fn a_store_can_be_lent() {
    let mut store = [0; STORE];
    let decoder = Decoder::try_new(formats::U32_BE, &mut store[..]).expect("a store");
    let stream = u32_be(&[5]);
    let mut reader = Reader::new(Fake::new(&stream.wire, Plan::cycle([ALL])), decoder);
    let frame = wait!(reader.next_frame()).expect("a good stream").expect("a frame");
    assert_eq!(own(frame), stream.frames[0]);
}
