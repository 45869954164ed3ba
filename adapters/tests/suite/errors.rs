//! What errors say: the same of the same event, whatever the adapter.

use std::error::Error;

use super::fake::{ALL, Step};
use super::streams::{summed, u32_be};
use super::*;
use ringframe::{DecodeError, EncodeError, EndError};

/// The texts of an error and of its sources.
#[track_caller]
fn assert_chain(error: &(dyn Error + 'static), wanted: &[&str]) {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    let texts: Vec<String> = chain.map(ToString::to_string).collect();
    assert_eq!(texts, wanted);
    for (n, text) in texts.iter().enumerate() {
        assert!(texts[n + 1..].iter().all(|source| !text.contains(source)), "repeated: {texts:?}");
    }
}

#[test]
fn reading_errors_read_the_same_everywhere() {
    let stream = u32_be(&[5, 100]);
    let of = |wire: &[u8], plan| {
        let mut reader = fake_reader_of(&stream, wire, plan);
        let error = next_frame(&mut reader).expect_err("a fault");
        (crate::kind_of_read_error(&error), error)
    };
    let (_, error) = of(&[], Plan::cycle([Step::Break]));
    assert_chain(&error, &["reading failed: the link is down", "somebody pulled the cable"]);

    let (kind, error) = of(&[], Plan::cycle([Step::Fail(ErrorKind::ConnectionReset)]));
    assert_eq!(kind, ErrorKind::ConnectionReset);
    assert_chain(&error, &["reading failed: connection reset"]);

    let (kind, error) = of(&stream.wire[..7], Plan::cycle([ALL]));
    assert_eq!(kind, crate::kind_of_read_error(&ReadError::Truncated(EndError::Unread { bytes: 1 })));
    assert_chain(&error, &["the stream ended inside a frame: 7 bytes of at least 9 arrived"]);

    let (kind, error) = of(&[0xff; 4], Plan::cycle([ALL]));
    assert_eq!(kind, ErrorKind::InvalidData);
    assert_chain(&error, &["a frame of 4294967299 bytes is declared, the limit is 1024"]);

    let (kind, error) = of(&[], Plan::once([Step::Lie(7)]));
    assert_eq!(kind, ErrorKind::Other);
    assert_chain(&error, &["reading failed: the transport claims 71 bytes where 64 had room"]);

    let mut damaged = summed(&[5]);
    damaged.wire[3] ^= 1;
    let error = next_frame(&mut fake_reader(&damaged, Plan::cycle([ALL]))).expect_err("it is damaged");
    assert_chain(&error, &["the trailer does not match the frame: it is damaged"]);
}

/// A payload's reader has the errors of its traits, and they say the same.
#[test]
fn errors_of_payloads_read_the_same_everywhere() {
    let stream = u32_be(&[100]);
    let mut reader = fake_reader_of(&stream, &stream.wire[..70], Plan::cycle([ALL]));
    let mut payload = next_large(&mut reader);
    fill_from(&mut payload, &mut [0; 66]);
    let error = wait!(payload.read(&mut [0])).expect_err("an end");
    assert_chain(&error, &["the stream ended inside a frame: 34 bytes of it are missing"]);

    let mut reader = fake_reader(&stream, Plan::once([Step::Move(64), Step::Lie(1)]));
    let mut payload = next_large(&mut reader);
    fill_from(&mut payload, &mut [0; 60]);
    let error = wait!(payload.read(&mut [0])).expect_err("a lie");
    assert_chain(&error, &["reading failed: the transport claims 65 bytes where 64 had room"]);

    let mut writer = fake_writer(&stream, Plan::once([Step::Zero, Step::Lie(1)]));
    let mut payload = wait!(writer.announce(&[], 3)).expect("room");
    let error = wait!(payload.flush()).expect_err("no room");
    assert_chain(&error, &["writing failed: the transport takes no more bytes"]);
    let error = wait!(payload.flush()).expect_err("a lie");
    assert_chain(&error, &["writing failed: the transport claims 5 bytes of 4 that it was given"]);
    assert_eq!(wait!(payload.write(b"abc")).expect("room"), 3);
    let error = wait!(payload.write(b"de")).expect_err("more than was announced");
    assert_chain(&error, &["2 bytes of payload were fed, but only 0 of the announced length are left"]);
}

#[test]
fn writing_errors_read_the_same_everywhere() {
    let stream = u32_be(&[5]);
    let of = |plan, wait_for_room: bool| {
        let mut writer = fake_writer(&stream, plan);
        if wait_for_room {
            wait!(writer.push(&[7; 60])).expect("room");
        }
        let error = wait!(writer.send(b"hello")).expect_err("a fault");
        (crate::kind_of_write_error(&error), error)
    };
    let (_, error) = of(Plan::cycle([Step::Break]), false);
    assert_chain(&error, &["writing failed: the link is down", "somebody pulled the cable"]);

    for wait_for_room in [false, true] {
        let (kind, error) = of(Plan::cycle([Step::Fail(ErrorKind::BrokenPipe)]), wait_for_room);
        assert_eq!(kind, ErrorKind::BrokenPipe);
        assert_chain(&error, &["writing failed: broken pipe"]);
    }
    let (kind, error) = of(Plan::cycle([Step::Zero]), false);
    assert_eq!(kind, ErrorKind::WriteZero);
    assert_chain(&error, &["writing failed: the transport takes no more bytes"]);

    let (kind, error) = of(Plan::cycle([Step::Lie(5)]), false);
    assert_eq!(kind, ErrorKind::Other);
    assert_chain(&error, &["writing failed: the transport claims 14 bytes of 9 that it was given"]);

    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    wait!(writer.announce(&[], 7)).map(|_| ()).expect("room");
    let error = wait!(writer.send(b"hello")).expect_err("a payload is under way");
    assert_eq!(crate::kind_of_write_error(&error), ErrorKind::InvalidInput);
    assert_chain(&error, &["7 bytes of an announced payload must be fed before the next frame"]);
}

/// Events that only some adapters have still have one text and one kind.
#[test]
fn errors_of_time_are_time_outs() {
    let allowed = std::time::Duration::from_millis(1500);
    let idle: ReadError<io::Error> = ReadError::Idle { allowed };
    let slow: ReadError<io::Error> = ReadError::TooSlow { allowed, missing: 7 };
    let stalled: WriteError<io::Error> = WriteError::Stalled { allowed, queued: true };
    let held: WriteError<io::Error> = WriteError::NotFlushed { allowed };
    assert_chain(&idle, &["no frame began within 1.5s"]);
    assert_chain(&slow, &["a frame was not complete within 1.5s: 7 bytes or more are missing"]);
    assert_chain(&stalled, &["the peer took no byte within 1.5s"]);
    assert_chain(&held, &["the transport was not flushed within 1.5s"]);
    for error in [idle, slow] {
        assert_eq!(crate::kind_of_read_error(&error), ErrorKind::TimedOut);
    }
    for error in [stalled, held] {
        assert_eq!(crate::kind_of_write_error(&error), ErrorKind::TimedOut);
    }
}

/// What generic code sees of the errors.
#[test]
fn errors_have_kinds() {
    let too_long = DecodeError::TooLong { declared: 2, limit: 1 };
    let reading = [
        (ReadError::Io(ErrorKind::TimedOut.into()), ErrorKind::TimedOut),
        (ReadError::Protocol(too_long), ErrorKind::InvalidData),
        (ReadError::Overrun { claimed: 2, offered: 1 }, ErrorKind::Other),
    ];
    for (error, kind) in reading {
        assert_eq!(crate::kind_of_read_error(&error), kind, "{error}");
    }
    let writing = [
        (WriteError::Io(ErrorKind::BrokenPipe.into()), ErrorKind::BrokenPipe),
        (WriteError::NotQueued(ErrorKind::BrokenPipe.into()), ErrorKind::BrokenPipe),
        (WriteError::WriteZero, ErrorKind::WriteZero),
        (WriteError::Overrun { claimed: 2, offered: 1 }, ErrorKind::Other),
        (WriteError::Encode(EncodeError::Overrun { given: 1, left: 0 }), ErrorKind::WriteZero),
        (WriteError::Encode(EncodeError::MidPayload { left: 1 }), ErrorKind::InvalidInput),
        (WriteError::Encode(EncodeError::TooLong { frame: 2, limit: 1 }), ErrorKind::InvalidInput),
    ];
    for (error, kind) in writing {
        assert_eq!(crate::kind_of_write_error(&error), kind, "{error}");
    }
}
