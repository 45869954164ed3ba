//! Bytes that are not framed, between frames.

use super::fake::{ALL, Step};
use super::streams::{Stream, summed, u32_be};
use super::*;
use ringframe::{EncodeError, EndError};

#[test]
fn unframed_bytes_follow_a_frame() {
    let stream = u32_be(&[5]);
    let wire = [&stream.wire[..], b"HTTP/1.1"].concat();
    let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([ALL]));
    assert!(next_frame(&mut reader).expect("a good frame").is_some());
    let mut bytes = [0; 10];
    assert_eq!(read_unframed(&mut reader, &mut bytes).expect("what is buffered"), 8);
    assert_eq!(&bytes[..8], b"HTTP/1.1");
    assert_eq!(read_unframed(&mut reader, &mut bytes).expect("the end"), 0);
}

/// Frames, then bytes of another protocol, then frames: however they arrive.
#[test]
fn unframed_bytes_between_frames_leave_the_stream_in_step() {
    for (before, after) in [(&[5, 0][..], &[7, 60][..]), (&[60], &[0]), (&[], &[1]), (&[3, 100], &[100, 2])] {
        in_step_between(&u32_be(before), &u32_be(after));
        in_step_between(&summed(before), &summed(after));
    }
}

fn in_step_between<F: Format + Copy>(before: &Stream<F>, after: &Stream<F>) {
    let unframed: Vec<u8> = (0..130).map(|i| 255 - i).collect();
    let wire = [&before.wire[..], &unframed, &after.wire].concat();
    for size in 1..=wire.len() {
        for piece in [1, 10, 130] {
            let mut reader = fake_reader_of(before, &wire, Plan::cycle([Step::Move(size)]));
            for (_, wanted) in &before.frames {
                match wait!(reader.next_incoming()).expect("a good stream").expect("a frame") {
                    Incoming::Frame(frame) => assert_eq!(frame.payload(), wanted),
                    Incoming::Large(mut payload) => {
                        let mut bytes = vec![0; wanted.len()];
                        fill_from(&mut payload, &mut bytes);
                        assert_eq!(&bytes, wanted);
                    }
                }
            }
            let mut bytes = vec![0; unframed.len()];
            for piece in bytes.chunks_mut(piece) {
                fill(piece, |buf| read_unframed(&mut reader, buf)).expect("bytes");
            }
            let name = format!("{size} bytes a call, {piece} bytes a piece");
            assert_eq!(bytes, unframed, "{name}");
            assert_eq!(read_any(&mut reader), after.frames, "{name}");
        }
    }
}

/// "From where the last frame ended": what was not read of a payload is not unframed.
#[test]
fn unframed_bytes_begin_after_a_payload_that_was_not_read() {
    for take in [0, 1, 60, 100, 149, 150] {
        skipped_before(&u32_be(&[150]), &u32_be(&[9]), take);
        skipped_before(&summed(&[150]), &summed(&[9]), take);
    }
}

fn skipped_before<F: Format + Copy>(before: &Stream<F>, after: &Stream<F>, take: usize) {
    let wire = [&before.wire[..], b"another protocol", &after.wire].concat();
    for size in 1..=wire.len() {
        let mut reader = fake_reader_of(before, &wire, Plan::cycle([Step::Move(size)]));
        let mut payload = next_large(&mut reader);
        fill_from(&mut payload, &mut vec![0; take]);
        let mut bytes = [0; 16];
        for piece in bytes.chunks_mut(5) {
            fill(piece, |buf| read_unframed(&mut reader, buf)).expect("bytes");
        }
        assert_eq!(&bytes, b"another protocol", "{take} bytes taken, {size} a call");
        assert_eq!(read_any(&mut reader), after.frames);
    }
}

#[test]
fn unframed_bytes_go_to_the_end_and_failures_are_handed_on() {
    let stream = u32_be(&[5]);
    let wire = [&stream.wire[..], b"rest"].concat();
    for &kind in DIFFERS.seen {
        let plan = Plan::cycle([Step::Fail(kind), Step::Fail(ErrorKind::Interrupted), Step::Move(2)]);
        let mut reader = fake_reader_of(&stream, &wire, plan);
        while let Err(error) = next_frame(&mut reader) {
            assert!(matches!(error, ReadError::Io(_)), "{error}");
        }
        assert_eq!(read_unframed(&mut reader, &mut []).expect("nothing to do"), 0);
        // One byte of it came with the frame.
        let mut bytes = [0; 10];
        assert_eq!(read_unframed(&mut reader, &mut bytes).expect("what is buffered"), 1);
        let Err(ReadError::Io(error)) = read_unframed(&mut reader, &mut bytes) else { panic!("no failure") };
        assert_eq!(error.kind(), kind);
        let n = fill(&mut bytes[1..], |buf| read_unframed(&mut reader, buf)).expect("the end");
        assert_eq!(&bytes[..1 + n], b"rest");
    }
}

/// An end inside a payload that is being skipped is not the end of the unframed bytes after it.
#[test]
fn unframed_bytes_after_a_truncated_payload_are_an_error() {
    let stream = u32_be(&[100]);
    let mut reader = fake_reader_of(&stream, &stream.wire[..70], Plan::cycle([ALL]));
    next_large(&mut reader);
    for _ in 0..2 {
        let Err(ReadError::Truncated(error)) = read_unframed(&mut reader, &mut [0; 10]) else {
            panic!("a clean end")
        };
        assert_eq!(error, EndError::TruncatedPayload { missing: 34 });
    }
}

#[test]
fn unframed_bytes_are_written_after_what_is_queued() {
    let stream = u32_be(&[5, 150, 9]);
    let unframed: Vec<u8> = (0..130).collect();
    let wire =
        [&stream.wire[..stream.ends[0]], &unframed, &stream.wire[stream.ends[0]..], &unframed].concat();
    for &vectored in DIFFERS.vectored {
        for size in 1..=wire.len() {
            for kind in [ErrorKind::Interrupted, ErrorKind::TimedOut] {
                let mut writer = fake_writer(&stream, Plan::cycle([Step::Fail(kind), Step::Move(size)]));
                writer.get_mut().vectored = vectored;
                let mut frames = stream.frames.iter().map(|(_, payload)| payload);
                for count in [1, 2] {
                    for payload in frames.by_ref().take(count) {
                        while let Err(error) = wait!(writer.push(payload)) {
                            assert!(error.to_string().contains("timed out"), "{error}");
                            let left = writer.encoder().left() as usize;
                            if left > 0 {
                                write_rest(&mut writer, &payload[payload.len() - left..]);
                                break;
                            }
                        }
                    }
                    write_all_unframed(&mut writer, &unframed);
                }
                assert_sent(&writer, &wire, &format!("{size} bytes a call, {kind}"));
            }
        }
    }
}

fn write_all_unframed(writer: &mut FakeWriter, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match wait!(writer.write_unframed(bytes)) {
            Ok(0) => panic!("it takes no more"),
            Ok(n) => bytes = &bytes[n..],
            Err(WriteError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// None are written without what is queued.
#[test]
fn no_unframed_bytes_send_what_is_queued() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([Step::Move(2)]));
    assert_eq!(wait!(writer.write_unframed(&[])).expect("nothing to do"), 0);
    wait!(writer.push(&stream.frames[0].1)).expect("room");
    assert_eq!(wait!(writer.write_unframed(&[])).expect("no failures"), 0);
    assert_sent(&writer, &stream.wire, "sent");
}

#[test]
fn unframed_bytes_inside_a_payload_are_refused() {
    let stream = u32_be(&[]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    wait!(writer.announce(&[], 5)).map(|_| ()).expect("room");
    let refused = wait!(writer.write_unframed(b"raw")).expect_err("a payload is under way");
    assert!(matches!(refused, WriteError::Encode(EncodeError::MidPayload { left: 5 })), "{refused}");
    assert!(writer.get_ref().calls.is_empty());
}
