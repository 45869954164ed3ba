//! Writing payloads of announced length in pieces.

use super::fake::{ALL, Step};
use super::streams::u32_be;
use super::*;
use ringframe::EncodeError;

#[test]
fn a_payload_is_written_in_pieces() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    let mut payload = wait!(writer.announce(&[], 5)).expect("room");
    assert_eq!(payload.left(), 5);
    assert_eq!(put!(payload, &[0, 1]).expect("room"), 2);
    assert_eq!(payload.left(), 3);
    assert_eq!(put!(payload, &[2, 3, 4]).expect("room"), 3);
    wait!(payload.finish()).expect("a whole payload");
    assert_sent(&writer, &stream.wire, "finished");
}

/// `feed` is `write` with errors of our own.
#[test]
fn a_payload_is_fed_in_pieces() {
    let stream = u32_be(&[100]);
    let bytes = &stream.frames[0].1;
    let mut writer = fake_writer(&stream, Plan::cycle([Step::Fail(ErrorKind::TimedOut), Step::Move(9)]));
    let mut payload = wait!(writer.announce(&[], 100)).expect("room");
    let (mut at, mut failed) = (0, 0);
    while at < 100 {
        match wait!(payload.feed(&bytes[at..])) {
            Ok(n) => at += n,
            Err(WriteError::Io(error)) if goes_on(&error) => failed += 1,
            Err(error) => panic!("{error}"),
        }
        assert_eq!(payload.left(), 100 - at as u64);
    }
    assert!(failed > 0);
    let refused = wait!(payload.feed(b"more")).expect_err("more than was announced");
    assert!(matches!(refused, WriteError::Encode(EncodeError::Overrun { given: 4, left: 0 })), "{refused}");
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "fed");
}

#[test]
fn pieces_may_have_any_size() {
    each_stream!(all, |stream| {
        for piece in [1, 7, 63, 64, 65, 1000] {
            for size in [1, 5, 64, usize::MAX] {
                for &vectored in DIFFERS.vectored {
                    let plan = Plan::cycle([Step::Move(size), Step::Fail(ErrorKind::Interrupted)]);
                    let mut writer = fake_writer(stream, plan);
                    writer.get_mut().vectored = vectored;
                    for (_, bytes) in &stream.frames {
                        let payload = wait!(writer.announce(stream.fields, bytes.len() as u64));
                        let mut payload = payload.expect("a header");
                        for piece in bytes.chunks(piece) {
                            write_payload(&mut payload, piece);
                        }
                        assert_eq!(payload.left(), 0);
                        wait!(payload.finish()).expect("no failures");
                    }
                    assert_sent(&writer, &stream.wire, stream.name);
                    assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len());
                }
            }
        }
    });
}

#[test]
fn a_payload_makes_room_for_its_header() {
    let stream = u32_be(&[58, 3]);
    for plan in [vec![], vec![Step::Fail(ErrorKind::TimedOut)]] {
        let fails = plan.len();
        let mut writer = fake_writer(&stream, Plan::once(plan));
        wait!(writer.push(&stream.frames[0].1)).expect("room");
        for _ in 0..fails {
            let announced = wait!(writer.announce(&[], 3)).map(|_| ());
            assert!(matches!(announced, Err(WriteError::NotQueued(_))), "{announced:?}");
            assert_eq!(writer.encoder().left(), 0, "nothing is begun");
        }
        let mut payload = wait!(writer.announce(&[], 3)).expect("room");
        write_payload(&mut payload, &stream.frames[1].1);
        wait!(payload.finish()).expect("no failures");
        assert_sent(&writer, &stream.wire, "both");
    }
}

/// An error, and never 0: of that, `write_all` of embedded-io would make a panic, and others an error that does
/// not say what is wrong.
#[test]
fn more_than_was_announced_is_an_error() {
    for len in [0, 1, 10, 60, 61, 100] {
        let stream = u32_be(&[len, 3]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        let mut payload = wait!(writer.announce(&[], len as u64)).expect("a header");
        let more = [&stream.frames[0].1[..], b"more"].concat();
        let mut given = 0;
        while given < len {
            let n = put!(payload, &more[given..]).expect("what was announced");
            assert!(n > 0);
            given += n;
        }
        assert_eq!(given, len);
        for _ in 0..2 {
            let error = put!(payload, b"more").expect_err("more than was announced");
            assert_eq!(crate::kind_of_write_error(&error), ErrorKind::WriteZero);
            let WriteError::Encode(error) = error else { panic!("{error}") };
            assert_eq!(error, EncodeError::Overrun { given: 4, left: 0 }, "{len} bytes");
        }
        assert_eq!(put!(payload, &[]).expect("nothing"), 0);
        wait!(payload.finish()).expect("all that was announced");
        wait!(writer.send(&stream.frames[1].1)).expect("room");
        assert_sent(&writer, &stream.wire, "no more");
    }
}

/// The usual call that writes everything: no panic.
#[test]
fn write_all_of_more_than_was_announced_is_an_error() {
    let stream = u32_be(&[200]);
    let mut writer = fake_writer(&stream, Plan::cycle([Step::Move(7)]));
    let mut payload = wait!(writer.announce(&[], 200)).expect("a header");
    wait!(payload.write_all(&stream.frames[0].1)).expect("a good transport");
    let refused = wait!(payload.write_all(b"more")).map_err(crate::write_error);
    let refused = refused.expect_err("it is no panic");
    assert!(matches!(refused, WriteError::Encode(EncodeError::Overrun { given: 4, left: 0 })), "{refused}");
    wait!(payload.finish()).expect("a whole payload");
    assert_sent(&writer, &stream.wire, "no more");
}

#[test]
fn less_than_was_announced_is_refused_and_can_be_resumed() {
    for (len, given) in [(1, 0), (10, 0), (10, 9), (60, 59), (100, 0), (100, 99)] {
        for finish in [true, false] {
            let stream = u32_be(&[2, len, 3]);
            let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
            wait!(writer.push(&stream.frames[0].1)).expect("room");
            let bytes = &stream.frames[1].1;
            let mut payload = wait!(writer.announce(&[], len as u64)).expect("a header");
            write_payload(&mut payload, &bytes[..given]);
            let left = payload.left();
            assert_eq!(left, (len - given) as u64);
            let refusal = EncodeError::MidPayload { left };
            let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
            if finish {
                assert!(is_refusal(wait!(payload.finish()).expect_err("less than was announced")));
            } else {
                // Dropped early: as an error on the way out would.
                let _ = payload;
            }
            assert!(is_refusal(wait!(writer.send(b"next")).expect_err("a payload is under way")));
            write_rest(&mut writer, &bytes[given..]);
            wait!(writer.send(&stream.frames[2].1)).expect("in step again");
            assert_sent(&writer, &stream.wire, "resumed");
        }
    }
}

#[test]
fn a_failure_takes_nothing_that_it_does_not_report() {
    let stream = u32_be(&[150]);
    let fail = Step::Fail(ErrorKind::TimedOut);
    let mut writer = fake_writer(&stream, Plan::cycle([fail, Step::Move(11), fail, Step::Zero]));
    let mut rest = &stream.frames[0].1[..];
    let mut payload = wait!(writer.announce(&[], 150)).expect("a header");
    let (mut failed, mut zero) = (0, 0);
    while !rest.is_empty() {
        match put!(payload, rest) {
            Ok(0) => panic!("it takes no more"),
            Ok(n) => rest = &rest[n..],
            Err(WriteError::WriteZero) => zero += 1,
            Err(WriteError::Io(error)) => {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
                failed += 1;
            }
            Err(error) => panic!("{error}"),
        }
        assert_eq!(payload.left(), rest.len() as u64);
    }
    assert!(failed > 0 && zero > 0);
    while wait!(writer.flush()).is_err() {}
    assert_sent(&writer, &stream.wire, "in the end");
}

#[test]
fn resume_without_a_payload_has_nothing_left() {
    let stream = u32_be(&[3]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    assert_eq!(writer.resume().left(), 0);
    assert!(put!(writer.resume(), b"x").is_err());
    wait!(writer.resume().finish()).expect("nothing to do");
    wait!(writer.send(&stream.frames[0].1)).expect("room");
    assert_sent(&writer, &stream.wire, "only the frame");
}

/// The header waits for the payload's first bytes. Only where these go out past the store, and the transport takes
/// one slice a call, it leaves before them.
#[test]
fn an_announced_header_waits_for_the_payload() {
    let stream = u32_be(&[1000]);
    for &vectored in DIFFERS.vectored {
        for piece in [1, 63, 64, 1000] {
            let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
            writer.get_mut().vectored = vectored;
            let mut payload = wait!(writer.announce(&[], 1000)).expect("room");
            for piece in stream.frames[0].1.chunks(piece) {
                write_payload(&mut payload, piece);
            }
            wait!(payload.finish()).expect("a whole payload");
            assert_sent(&writer, &stream.wire, "in pieces");
            let first = writer.get_ref().calls[0].moved;
            assert!(first >= STORE || (first == 4 && piece >= STORE && !vectored), "{first}");
        }
    }
}

/// What is flushed has left; the rest follows.
#[test]
fn a_payload_can_be_flushed_in_the_middle() {
    let stream = u32_be(&[100]);
    let mut writer = fake_writer(&stream, Plan::cycle([Step::Move(7)]));
    let mut payload = wait!(writer.announce(&[], 100)).expect("room");
    write_payload(&mut payload, &stream.frames[0].1[..10]);
    wait!(payload.flush()).map_err(crate::write_error).expect("no failures");
    assert_eq!(writer.get_ref().out, stream.wire[..14]);
    write_rest(&mut writer, &stream.frames[0].1[10..]);
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "all of it");
}
