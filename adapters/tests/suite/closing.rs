//! Ending the sending direction, for adapters whose transports have an end of their own for it.

use std::io::ErrorKind;

use ringframe::EncodeError;
use ringframe_io::WriteError;

use crate::suite::fake::{ALL, Plan, Step};
use crate::suite::plans::STOPS;
use crate::suite::streams::u32_be;
use crate::suite::{assert_sent, fake_link, fake_writer, goes_on, write_rest};

#[test]
fn closing_sends_what_is_queued_and_then_the_end() {
    let stream = u32_be(&[5, 20]);
    let mut writer = fake_writer(&stream, Plan::cycle([Step::Move(3)]));
    for (_, payload) in &stream.frames {
        wait!(writer.push(payload)).expect("room");
    }
    wait!(writer.close()).expect("a good transport");
    assert_sent(&writer, &stream.wire, "closed");
    assert!(writer.get_ref().closed);
}

/// Else only the peer would learn that something is missing.
#[test]
fn closing_in_the_middle_of_a_payload_is_refused_and_nothing_is_sent() {
    for (len, given) in [(1, 0), (10, 3), (150, 0), (150, 30), (150, 149)] {
        let stream = u32_be(&[5, len]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        wait!(writer.push(&stream.frames[0].1)).expect("room");
        wait!(writer.announce(&[], len as u64)).map(|_| ()).expect("room");
        let bytes = &stream.frames[1].1;
        if given > 0 {
            write_rest_of(&mut writer, &bytes[..given]);
        }
        let calls = writer.get_ref().calls.len();
        for _ in 0..2 {
            let refused = wait!(writer.close()).expect_err("a payload is under way");
            let left = (len - given) as u64;
            assert!(
                matches!(refused, WriteError::Encode(EncodeError::MidPayload { left: told }) if told == left),
                "{refused}"
            );
        }
        assert_eq!(writer.get_ref().calls.len(), calls, "nothing is sent");
        assert!(!writer.get_ref().closed && writer.get_ref().flushed == 0);
        write_rest(&mut writer, &bytes[given..]);
        wait!(writer.close()).expect("a whole payload");
        assert_sent(&writer, &stream.wire, "closed");
        assert!(writer.get_ref().closed);
    }
}

fn write_rest_of(writer: &mut crate::suite::FakeWriter, bytes: &[u8]) {
    crate::suite::write_payload(&mut writer.resume(), bytes);
}

#[test]
fn closing_goes_on_after_a_stop_at_every_byte() {
    let stream = u32_be(&[5, 20]);
    for kind in STOPS {
        for at in 0..=stream.wire.len() {
            for stops in 0..3 {
                let mut writer = fake_writer(&stream, Plan::stop(at, kind));
                writer.get_mut().flushes = Plan::once(vec![Step::Fail(kind); stops]);
                for (_, payload) in &stream.frames {
                    wait!(writer.push(payload)).expect("room");
                }
                while let None | Some(Err(_)) = check(attempt!(writer.close())) {
                    assert!(!writer.get_ref().closed);
                }
                assert_sent(&writer, &stream.wire, "closed");
                assert!(writer.get_ref().closed);
            }
        }
    }
}

fn check<T>(
    attempt: Option<Result<T, WriteError<std::io::Error>>>,
) -> Option<Result<T, WriteError<std::io::Error>>> {
    if let Some(Err(error)) = &attempt {
        assert!(matches!(error, WriteError::Io(error) if goes_on(error)), "{error}");
    }
    attempt
}

#[test]
fn closing_is_retried_where_it_is_interrupted() {
    let stream = u32_be(&[5]);
    let again = Step::Fail(ErrorKind::Interrupted);
    for interruptions in [1, 2, 5] {
        let mut writer = fake_writer(&stream, Plan::once([again, ALL]));
        writer.get_mut().flushes = Plan::once(vec![again; interruptions]);
        wait!(writer.push(&stream.frames[0].1)).expect("room");
        wait!(writer.close()).expect("it is not seen");
        assert!(writer.get_ref().closed);
        // The transport's end itself, where flushing was not interrupted.
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().flushes = Plan::once([vec![ALL], vec![again; interruptions]].concat());
        wait!(writer.close()).expect("it is not seen");
        assert!(writer.get_ref().closed);
    }
}

#[test]
fn closing_fails_where_the_transport_does() {
    let stream = u32_be(&[5]);
    for fails in [[Step::Fail(ErrorKind::BrokenPipe), ALL], [ALL, Step::Fail(ErrorKind::BrokenPipe)]] {
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().flushes = Plan::new([], fails);
        let results = [wait!(writer.close()), wait!(writer.close())];
        assert!(results.iter().any(|result| {
            matches!(result, Err(WriteError::Io(error)) if error.kind() == ErrorKind::BrokenPipe)
        }));
    }
}

#[test]
fn reading_goes_on_after_closing() {
    let stream = u32_be(&[5]);
    let mut link = fake_link(&stream, Plan::cycle([ALL]));
    wait!(link.send(b"bye")).expect("a good transport");
    wait!(link.close()).expect("a good transport");
    assert!(wait!(link.next_frame()).expect("a good stream").is_some());
    assert!(wait!(link.next_frame()).expect("a clean end").is_none());
}
