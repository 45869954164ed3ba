//! `BufRead` of payloads and of unframed bytes, and transports that buffer.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use ringframe::Format;
use ringframe::{DecodeError, EndError, formats};
use ringframe_io::ReadError;
use ringframe_io::std::Writer;

use crate::read_error;
use crate::suite::fake::{ALL, Plan, Step};
use crate::suite::streams::{LIMIT, summed, u32_be};
use crate::suite::{FakeReader, fake_reader, fake_reader_of, goes_on, next_frame, next_large};

/// Reads to the end by pieces of the store, in bites of at most so many bytes. What the transport failed with is
/// tried again.
fn read_buffered(mut from: impl BufRead, bite: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let piece = match from.fill_buf() {
            Ok([]) => return bytes,
            Ok(piece) => &piece[..bite.min(piece.len())],
            Err(error) if goes_on(&error) => continue,
            Err(error) => panic!("{error}"),
        };
        bytes.extend_from_slice(piece);
        let n = piece.len();
        from.consume(n);
    }
}

#[test]
fn a_payload_is_lent_by_the_store() {
    let stream = u32_be(&[150, 3]);
    let check = summed(&[150, 3]);
    for size in [1, 7, 64, usize::MAX] {
        for kind in [ErrorKind::Interrupted, ErrorKind::WouldBlock, ErrorKind::TimedOut] {
            for bite in [1, 10, 100] {
                let plan = Plan::new([Step::Move(64)], [Step::Move(size), Step::Fail(kind)]);
                let mut reader = fake_reader(&stream, plan.clone());
                assert_eq!(read_buffered(next_large(&mut reader), bite), stream.frames[0].1);
                assert_in_step(&mut reader, &stream.frames[1]);
                let mut reader = fake_reader(&check, plan);
                assert_eq!(read_buffered(next_large(&mut reader), bite), check.frames[0].1);
                assert_in_step(&mut reader, &check.frames[1]);
            }
        }
    }
}

#[track_caller]
fn assert_in_step<F: Format>(reader: &mut FakeReader<F>, wanted: &(Vec<u8>, Vec<u8>)) {
    let frame = loop {
        match next_frame(reader) {
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            frame => break frame,
        }
    };
    assert_eq!(frame.expect("in step").as_ref(), Some(wanted));
}

/// As one that is read by `read`: else a caller that flushes replies while nothing is at hand would not.
#[test]
fn a_payload_that_was_consumed_leaves_nothing_at_hand() {
    let stream = u32_be(&[100]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    let mut payload = next_large(&mut reader);
    while payload.left() > 0 {
        let n = payload.fill_buf().expect("a payload").len();
        payload.consume(n);
    }
    assert!(!reader.is_ready());
    assert!(reader.resume().is_none());
    assert_eq!(reader.decoder().stats().frames, 1);
}

/// No more is consumed than there is, and none of what follows.
#[test]
fn consuming_too_much_consumes_what_is_there() {
    let stream = u32_be(&[100, 3]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    let mut payload = next_large(&mut reader);
    assert_eq!(payload.fill_buf().expect("a payload").len(), 60);
    payload.consume(1000);
    assert_eq!(payload.left(), 40);
    assert_eq!(payload.fill_buf().expect("a payload").len(), 40);
    payload.consume(1000);
    // It has ended, and what came with its end is not the payload's.
    for n in [0, 1000] {
        assert_eq!(payload.fill_buf().expect("the end"), []);
        payload.consume(n);
    }
    assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[1]));
}

#[test]
fn a_payload_is_read_by_lines() {
    let lines = "first\nsecond, which is a longer one than the others are\n\nthird\nwithout an end";
    let wire = [&[0, 0, 0, lines.len() as u8][..], lines.as_bytes()].concat();
    let stream = u32_be(&[]);
    let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(13)]));
    let payload = next_large(&mut reader);
    let read: Vec<String> = payload.lines().collect::<io::Result<_>>().expect("lines");
    assert_eq!(read, lines.lines().collect::<Vec<_>>());
}

#[test]
fn unframed_bytes_are_lent_by_the_store() {
    let stream = u32_be(&[5, 100]);
    let wire = [&stream.wire[..], b"HTTP/1.1 200 OK\r\n\r\n"].concat();
    for size in [1, 7, 64, usize::MAX] {
        for kind in [ErrorKind::Interrupted, ErrorKind::TimedOut] {
            let plan = Plan::cycle([Step::Move(size), Step::Fail(kind)]);
            let mut reader = fake_reader_of(&stream, &wire, plan);
            for _ in 0..2 {
                // The second is left, and skipped.
                while reader.next_incoming().is_err() {}
            }
            assert_eq!(read_buffered(reader.unframed(), 10), b"HTTP/1.1 200 OK\r\n\r\n");
        }
    }
    let mut reader = fake_reader_of(&stream, b"hello\nrest", Plan::cycle([ALL]));
    let mut line = String::new();
    reader.unframed().read_line(&mut line).expect("a line");
    assert_eq!(line, "hello\n");
    let mut rest = String::new();
    reader.unframed().read_to_string(&mut rest).expect("the rest");
    assert_eq!(rest, "rest", "what was not consumed stays");
}

#[test]
fn buffered_errors_are_those_of_reading() {
    let stream = u32_be(&[100]);
    let mut reader = fake_reader_of(&stream, &stream.wire[..70], Plan::cycle([Step::Move(70)]));
    let mut payload = next_large(&mut reader);
    for left in [60, 6] {
        assert_eq!(payload.fill_buf().expect("what arrived").len(), left);
        payload.consume(left);
    }
    for _ in 0..2 {
        let error = payload.fill_buf().expect_err("an end");
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        let ReadError::Truncated(error) = read_error(error) else { panic!("another error") };
        assert_eq!(error, EndError::TruncatedPayload { missing: 34 });
    }
    let error = reader.unframed().fill_buf().map(|_| ()).expect_err("an end");
    assert!(matches!(read_error(error), ReadError::Truncated(_)));

    let mut reader = fake_reader(&stream, Plan::once([Step::Move(4), Step::Lie(1)]));
    let error = next_large(&mut reader).fill_buf().map(|_| ()).expect_err("a lie");
    assert!(matches!(read_error(error), ReadError::Overrun { claimed: 65, offered: 64 }));
    let mut reader = fake_reader(&stream, Plan::once([Step::Lie(1)]));
    let error = reader.unframed().fill_buf().map(|_| ()).expect_err("a lie");
    assert!(matches!(read_error(error), ReadError::Overrun { claimed: 65, offered: 64 }));
}

#[test]
fn a_wrong_trailer_is_found_by_buffered_reading() {
    let stream = summed(&[100]);
    let mut wire = stream.wire.clone();
    wire[50] ^= 1;
    let mut reader = fake_reader_of(&stream, &wire, Plan::cycle([Step::Move(9)]));
    let mut payload = next_large(&mut reader);
    while payload.left() > 0 {
        let n = payload.fill_buf().expect("a payload").len();
        payload.consume(n);
    }
    for _ in 0..2 {
        let error = payload.fill_buf().expect_err("it is damaged");
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(matches!(read_error(error), ReadError::Protocol(DecodeError::Corrupt)));
    }
}

/// What the transport itself holds back is flushed with the rest.
#[test]
fn a_payload_and_a_frame_go_out_through_a_buffered_transport() {
    let transport = io::BufWriter::new(Vec::new());
    let mut writer =
        Writer::with_capacity(transport, formats::U32_BE.with_limit(LIMIT), 64).expect("a store");
    let mut payload = writer.announce(&[], 100).expect("a payload");
    payload.write_all(&[7; 100]).expect("a write");
    payload.finish().expect("a whole payload");
    assert_eq!(writer.get_ref().get_ref().len(), 104);
    writer.send(b"small").expect("a frame");
    assert_eq!(writer.get_ref().get_ref().len(), 104 + 9);
    writer.push(b"drained").expect("a frame");
    writer.drain().expect("a frame");
    assert_eq!(writer.get_ref().get_ref().len(), 104 + 9);
    writer.flush().expect("a frame");
    assert_eq!(writer.get_ref().get_ref().len(), 104 + 9 + 11);
}
