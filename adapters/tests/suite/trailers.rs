//! Formats whose frames end with a check. Most of the suite runs over them too; here is what is theirs alone.

use super::fake::{ALL, Step};
use super::streams::summed;
use super::summed::Summed;
use super::*;
use ringframe::{DecodeError, EndError};

const LENS: [usize; 7] = [5, 0, 100, 60, 61, 200, 1];

/// What came of the next frame: all of its payload, or what went wrong at its end.
fn read_next(reader: &mut FakeReader<Summed>) -> Result<Vec<u8>, DecodeError> {
    match wait!(reader.next_incoming()) {
        Ok(Some(Incoming::Frame(frame))) => Ok(frame.payload().to_vec()),
        Ok(Some(Incoming::Large(mut large))) => {
            let len = large.left();
            let mut bytes = vec![];
            loop {
                let mut piece = [0; 50];
                match read!(large, &mut piece) {
                    Ok(0) => break,
                    Ok(n) => bytes.extend_from_slice(&piece[..n]),
                    Err(ReadError::Protocol(error)) => {
                        assert_eq!((large.left(), bytes.len() as u64), (0, len));
                        let again = read!(large, &mut piece);
                        assert!(matches!(again, Err(ReadError::Protocol(_))), "it stays: {again:?}");
                        return Err(error);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!((large.left(), read!(large, &mut [0]).expect("the end")), (0, 0));
            Ok(bytes)
        }
        Ok(None) => panic!("the end"),
        Err(ReadError::Protocol(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

/// Of a large frame, after its payload; the next frame is in step.
#[test]
fn a_wrong_trailer_is_an_error() {
    let stream = summed(&LENS);
    for (n, len) in LENS.into_iter().enumerate() {
        let mut wire = stream.wire.clone();
        wire[stream.ends[n] - 2] ^= 1;
        for size in [1, 3, 64, usize::MAX] {
            let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
            for (m, (_, payload)) in stream.frames.iter().enumerate() {
                match read_next(&mut reader) {
                    Ok(bytes) => {
                        assert_ne!(m, n, "the damage is found");
                        assert_eq!(&bytes, payload);
                    }
                    Err(error) => {
                        assert_eq!((error, m), (DecodeError::Corrupt, n), "{size} bytes a call");
                        if len + 4 <= STORE {
                            break; // A frame that was to be returned whole stays at the front.
                        }
                    }
                }
            }
        }
    }
}

/// Events tell it in the place of the end.
#[test]
fn a_wrong_trailer_is_an_error_among_events_too() {
    let stream = summed(&[100]);
    let mut wire = stream.wire.clone();
    wire[50] ^= 1;
    for size in [1, 3, 64, usize::MAX] {
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
        let mut frames = Vec::new();
        let error = loop {
            match wait!(reader.next_event()) {
                Ok(event) => assert!(take_event(&mut frames, event), "no end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, ReadError::Protocol(DecodeError::Corrupt)), "{error}");
        assert_eq!(frames[0].1, wire[2..102]);
        assert!(matches!(wait!(reader.next_event()), Err(ReadError::Protocol(DecodeError::Corrupt))));
    }
}

/// Until the trailer is there, the payload's end is not.
#[test]
fn a_stream_that_ends_before_the_trailer_is_truncated() {
    let stream = summed(&[100]);
    for (end, missing) in [(102, 2), (103, 1)] {
        let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([ALL]));
        let mut large = next_large(&mut reader);
        assert_eq!(fill_from(&mut large, &mut [0; 100]), 100);
        let Err(ReadError::Truncated(error)) = read!(large, &mut [0]) else { panic!("a clean end") };
        assert_eq!(error, EndError::TruncatedPayload { missing });
    }
}

/// A caller that has read all of a payload can still be stopped before its trailer.
#[test]
fn a_payload_is_resumed_before_its_trailer() {
    let stream = summed(&[100, 3]);
    for at in [102, 103] {
        let mut reader = fake_reader(&stream, Plan::stop(at, ErrorKind::TimedOut));
        let mut large = next_large(&mut reader);
        assert_eq!(fill_from(&mut large, &mut [0; 100]), 100);
        assert!(matches!(read!(large, &mut [0]), Err(ReadError::Io(_))));
        let mut large = reader.resume().expect("it has not ended");
        assert_eq!(large.left(), 0);
        assert_eq!(read!(large, &mut [0]).expect("the right trailer"), 0);
        assert!(reader.resume().is_none());
        assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[1]));
    }
}

/// A payload that was read by its length, as `read_exact` does, is compared with its trailer by the next call; whoever
/// was told already is not told again. Each call that leaves a payload does so.
#[test]
fn a_wrong_trailer_is_told_once_by_the_next_call() {
    let stream = summed(&[100, 3]);
    let mut wire = stream.wire.clone();
    wire[50] ^= 1;
    for size in [1, 3, 64, usize::MAX] {
        for (take, is_told) in [(100, true), (99, false), (0, false)] {
            let reader = || {
                let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
                let mut large = next_large(&mut reader);
                assert_eq!(fill_from(&mut large, &mut vec![0; take]), take);
                reader
            };
            let check = |mut reader: FakeReader<Summed>, told: Reading<()>| {
                let was_told = matches!(told, Err(ReadError::Protocol(DecodeError::Corrupt)));
                assert_eq!(was_told, is_told, "{take} bytes taken, {size} a call: {told:?}");
                if was_told {
                    let next = next_frame(&mut reader).expect("told once");
                    assert_eq!(next.as_ref(), Some(&stream.frames[1]));
                }
            };
            let mut by_frame = reader();
            let told = wait!(by_frame.next_frame()).map(|_| ());
            check(by_frame, told);
            let mut by_peek = reader();
            let told = wait!(by_peek.peek_frame()).map(|_| ());
            check(by_peek, told);
            let mut by_incoming = reader();
            let told = wait!(by_incoming.next_incoming()).map(|_| ());
            check(by_incoming, told);
        }
        // Told by the payload's own reader.
        let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(size)]));
        let mut large = next_large(&mut reader);
        fill_from(&mut large, &mut [0; 100]);
        assert!(read!(large, &mut [0]).is_err());
        assert_eq!(next_frame(&mut reader).expect("it was told").as_ref(), Some(&stream.frames[1]));
        // Of a link, too.
        let mut link = Framed::new(
            Fake::new(&wire, Plan::cycle([Step::Move(size)])),
            decoder(stream.format),
            encoder(stream.format),
        );
        let Ok(Some(Incoming::Large(mut large))) = wait!(link.next_incoming()) else {
            panic!("a large frame")
        };
        fill(&mut [0; 100], |buf| read!(large, buf)).expect("a payload");
        assert!(wait!(link.next_request()).map(|_| ()).is_err());
        assert!(matches!(wait!(link.next_request()), Ok(Some((frame, _))) if frame.len() == 3));
    }
}

/// A right one says nothing, and is waited for.
#[test]
fn a_right_trailer_is_awaited_by_the_next_call() {
    let stream = summed(&[100, 3]);
    for at in 0..=stream.wire.len() {
        for kind in STOPS {
            let mut reader = fake_reader(&stream, Plan::stop(at, kind).and_stop(at, kind));
            while unless_stopped(attempt!(reader.next_incoming()).map(|large| large.map(|_| ()))).is_none() {}
            let mut left = 100;
            while left > 0 {
                let mut payload = reader.resume().expect("it is under way");
                let n = attempt!(payload.read(&mut vec![0; left])).map(|n| n.map_err(crate::read_error));
                left -= unless_stopped(n).unwrap_or(0);
            }
            let next = loop {
                if let Some(frame) = unless_stopped(attempt!(reader.next_frame())) {
                    break frame.map(own);
                }
            };
            assert_eq!(next.as_ref(), Some(&stream.frames[1]), "{kind} at {at}");
        }
    }
}

/// A stream that ends before it is truncated, also for the next call.
#[test]
fn a_trailer_that_never_comes_is_truncated_for_the_next_call() {
    let stream = summed(&[100]);
    for (end, missing) in [(102, 2), (103, 1)] {
        let mut reader = fake_reader_of(&stream, &stream.wire[..end], Plan::cycle([ALL]));
        let mut large = next_large(&mut reader);
        assert_eq!(fill_from(&mut large, &mut [0; 100]), 100);
        for _ in 0..2 {
            let Err(ReadError::Truncated(error)) = next_frame(&mut reader) else { panic!("a clean end") };
            assert_eq!(error, EndError::TruncatedPayload { missing });
        }
    }
}
