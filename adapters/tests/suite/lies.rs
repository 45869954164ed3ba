//! Transports that claim to have read or written more than they were given: in every operation an error with its
//! numbers, never a panic, and nothing of it is counted.

use super::fake::{ALL, Step};
use super::streams::{summed, u32_be};
use super::*;

const SURPLUS: [usize; 3] = [1, 50, usize::MAX - 2000];

/// A transport can lie by as much in reads, except where it hands over memory.
fn surplus_of_reads() -> impl Iterator<Item = usize> {
    SURPLUS.into_iter().filter(|more| *more < 2000 || DIFFERS.lies_beyond_memory)
}

#[track_caller]
fn assert_read_overrun<T>(result: Reading<T>, offered: usize, more: usize) {
    let error = result.err().expect("a lie");
    assert_eq!(crate::kind_of_read_error(&error), ErrorKind::Other);
    let text = error.to_string();
    let ReadError::Overrun { claimed, offered: room } = error else { panic!("{error}") };
    assert_eq!((claimed, room), (offered + more, offered));
    assert_eq!(text, format!("reading failed: the transport claims {claimed} bytes where {room} had room"));
}

#[track_caller]
fn assert_write_overrun<T>(result: Writing<T>, offered: usize, more: usize) {
    let error = result.err().expect("a lie");
    assert_eq!(crate::kind_of_write_error(&error), ErrorKind::Other);
    let text = error.to_string();
    let WriteError::Overrun { claimed, offered: given } = error else { panic!("{error}") };
    assert_eq!((claimed, given), (offered + more, offered));
    let wanted = format!("writing failed: the transport claims {claimed} bytes of {given} that it was given");
    assert_eq!(text, wanted);
}

/// Some bytes arrive, then comes a lie, then the truth.
fn lies_after(before: usize, more: usize) -> Plan {
    let before = (before > 0).then_some(Step::Move(before));
    Plan::once(before.into_iter().chain([Step::Lie(more)]).collect::<Vec<_>>())
}

#[test]
fn a_read_of_a_frame_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[5]);
    for more in surplus_of_reads() {
        for before in [0, 2, 8] {
            let offered = STORE - before;
            let reader = || fake_reader(&stream, lies_after(before, more));
            let check = |mut reader: FakeReader| {
                assert_eq!(reader.decoder().buffered(), before, "nothing is counted");
                assert_eq!(next_frame(&mut reader).expect("a good frame").as_ref(), Some(&stream.frames[0]));
                assert!(next_frame(&mut reader).expect("a clean end").is_none());
            };
            let mut of_frame = reader();
            assert_read_overrun(next_frame(&mut of_frame), offered, more);
            check(of_frame);
            let mut of_peek = reader();
            assert_read_overrun(wait!(of_peek.peek_frame()), offered, more);
            check(of_peek);
            let mut of_event = reader();
            assert_read_overrun(wait!(of_event.next_event()), offered, more);
            check(of_event);
            let mut of_incoming = reader();
            assert_read_overrun(wait!(of_incoming.next_incoming()), offered, more);
            check(of_incoming);
            let mut ahead = reader();
            assert_read_overrun(wait!(ahead.read_ahead()), offered, more);
            check(ahead);
            let mut of_request = fake_link(&stream, lies_after(before, more));
            assert_read_overrun(wait!(of_request.next_request()), offered, more);
            let request =
                wait!(of_request.next_request()).expect("a good frame").map(|(frame, _)| own(frame));
            assert_eq!(request.as_ref(), Some(&stream.frames[0]));
        }
    }
}

#[test]
fn a_read_of_a_payload_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[150, 3]);
    let (header, wanted) = &stream.frames[0];
    for more in surplus_of_reads() {
        // Into the store, and into a buffer that is as large as the store or larger than the rest.
        for (room, offered) in [(10, 58), (63, 58), (64, 64), (100, 100), (144, 144), (500, 144)] {
            let mut reader = fake_reader(&stream, lies_after(10, more));
            let mut payload = next_large(&mut reader);
            assert_eq!(payload.header(), header);
            let mut bytes = [0; 506];
            assert_eq!(read!(payload, &mut bytes).expect("what is buffered"), 6);
            // Of its 64 bytes the store has those behind what was taken, or all.
            let result = read!(payload, &mut bytes[6..6 + room]);
            let Err(ReadError::Overrun { claimed, offered: told }) = result else { panic!("{result:?}") };
            assert!(told == offered || (room < STORE && told <= STORE), "{told} instead of {offered}");
            assert_eq!(claimed, told + more);
            assert_eq!(payload.left(), 144, "nothing is counted");
            assert_eq!(fill_from(&mut payload, &mut bytes[6..]), 144);
            assert_eq!(bytes[..150], *wanted);
            assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[1]));
        }
    }
}

#[test]
fn a_read_of_what_is_skipped_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[150, 3]);
    for more in surplus_of_reads() {
        let mut reader = fake_reader(&stream, lies_after(64, more));
        next_large(&mut reader);
        assert_read_overrun(next_frame(&mut reader), STORE, more);
        assert_eq!(next_frame(&mut reader).expect("in step").as_ref(), Some(&stream.frames[1]));

        // The trailer of a payload that was read.
        let stream = summed(&[100]);
        let mut reader = fake_reader(&stream, lies_after(64, more));
        let mut payload = next_large(&mut reader);
        assert!(matches!(fill(&mut [0; 100], |buf| read!(payload, buf)), Err(ReadError::Overrun { .. })));
        assert_eq!(fill_from(&mut payload, &mut [0; 100]), 38);
        assert_eq!(read!(payload, &mut [0]).expect("the right trailer"), 0);
    }
}

#[test]
fn a_read_of_unframed_bytes_that_claims_too_much_is_an_error() {
    let large = u32_be(&[100]);
    for more in surplus_of_reads() {
        let mut bytes = [0; 30];
        let mut reader = fake_reader(&large, lies_after(0, more));
        assert_read_overrun(read_unframed(&mut reader, &mut bytes), 30, more);
        assert_eq!(fill(&mut [0; 200], |buf| read_unframed(&mut reader, buf)).expect("the truth"), 104);

        // And of those that are skipped before them.
        let wire = [&large.wire[..], b"unframed"].concat();
        let mut reader = fake_reader_of(&large, &wire, lies_after(64, more));
        next_large(&mut reader);
        assert_read_overrun(read_unframed(&mut reader, &mut bytes), STORE, more);
        assert_eq!(fill(&mut bytes, |buf| read_unframed(&mut reader, buf)).expect("the truth"), 8);
        assert_eq!(&bytes[..8], b"unframed");
    }
}

#[test]
fn a_write_of_a_frame_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[5]);
    let payload = &stream.frames[0].1;
    for more in SURPLUS {
        let mut writer = fake_writer(&stream, Plan::once([Step::Lie(more), Step::Lie(more)]));
        // The frame is queued, and what a lie took is not counted.
        assert_write_overrun(wait!(writer.send(payload)), 9, more);
        assert_write_overrun(wait!(writer.flush()), 9, more);
        assert_eq!(writer.encoder().pending().0.len(), 9);
        wait!(writer.flush()).expect("the truth");
        assert_sent(&writer, &stream.wire, "in the end");
    }
}

#[test]
fn a_write_that_makes_room_and_claims_too_much_is_an_error() {
    let stream = u32_be(&[58, 20]);
    for more in SURPLUS {
        let lie = Step::Lie(more);
        let mut writer = fake_writer(&stream, Plan::once([lie, lie, lie]));
        wait!(writer.push(&stream.frames[0].1)).expect("room");
        assert_write_overrun(wait!(writer.push(&stream.frames[1].1)), 62, more);
        assert_write_overrun(wait!(writer.announce(&[], 20)).map(|_| ()), 62, more);
        #[cfg(feature = "postcard")]
        assert_write_overrun(wait!(writer.push_message("a message of some length")), 62, more);
        #[cfg(not(feature = "postcard"))]
        assert_write_overrun(wait!(writer.flush()), 62, more);
        assert_eq!((writer.encoder().stats().frames, writer.encoder().left()), (1, 0), "none is queued");
        wait!(writer.send(&stream.frames[1].1)).expect("the truth");
        assert_sent(&writer, &stream.wire, "in the end");
    }
}

#[test]
fn a_write_of_a_large_frame_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[150]);
    let payload = &stream.frames[0].1[..];
    for &vectored in DIFFERS.vectored {
        for more in SURPLUS {
            // In the first write, or in one of the payload alone.
            for before in [None, Some(Step::Move(STORE))] {
                let plan = before.into_iter().chain([Step::Lie(more)]).collect::<Vec<_>>();
                let mut writer = fake_writer(&stream, Plan::once(plan));
                writer.get_mut().vectored = vectored;
                let error = wait!(writer.send(payload)).expect_err("a lie");
                assert!(
                    matches!(error, WriteError::Overrun { claimed, offered } if claimed == offered + more),
                    "{error}"
                );
                let (sent, left) = (writer.get_ref().total(), writer.encoder().left() as usize);
                let pending = writer.encoder().pending().0.len();
                assert_eq!(sent + pending + left, 154, "nothing is counted");
                write_rest(&mut writer, &payload[150 - left..]);
                flush(&mut writer);
                assert_sent(&writer, &stream.wire, "in the end");
            }
        }
    }
}

#[test]
fn a_write_of_an_announced_payload_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[150]);
    let bytes = &stream.frames[0].1[..];
    for more in SURPLUS {
        let mut writer = fake_writer(&stream, Plan::once([Step::Lie(more), ALL, Step::Lie(more)]));
        let mut payload = wait!(writer.announce(&[], 150)).expect("room");
        write_payload(&mut payload, &bytes[..10]);
        assert_write_overrun(wait!(payload.flush()).map_err(crate::write_error), 14, more);
        assert_eq!(payload.left(), 140, "the surplus is no part of it");
        wait!(payload.flush()).map_err(crate::write_error).expect("the truth");
        // Straight from the caller's memory.
        assert_write_overrun(put!(payload, &bytes[10..]), 140, more);
        assert_eq!(payload.left(), 140);
        write_payload(&mut payload, &bytes[10..]);
        wait!(payload.finish()).expect("a whole payload");
        assert_sent(&writer, &stream.wire, "in the end");
    }
}

#[test]
fn a_write_of_unframed_bytes_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[5]);
    for &vectored in DIFFERS.vectored {
        for more in SURPLUS {
            let mut writer = fake_writer(&stream, Plan::once([Step::Lie(more), ALL, Step::Lie(more)]));
            writer.get_mut().vectored = vectored;
            assert_write_overrun(wait!(writer.write_unframed(b"raw")), 3, more);
            assert_eq!(wait!(writer.write_unframed(b"raw")).expect("the truth"), 3);
            wait!(writer.push(&stream.frames[0].1)).expect("room");
            // A lie about what is queued, and where the transport is given both, about both together.
            let given = if DIFFERS.vectored == [false] { 9 } else { 13 };
            assert_write_overrun(wait!(writer.write_unframed(b"more")), given, more);
            assert_eq!(wait!(writer.write_unframed(b"more")).expect("the truth"), 4);
            assert_sent(&writer, &[b"raw", &stream.wire[..], b"more"].concat(), "in the end");
        }
    }
}

/// A ring that wraps leaves in two pieces. A lie about the first is one although more is pending.
#[test]
fn a_write_of_a_wrapped_store_that_claims_too_much_is_an_error() {
    let stream = u32_be(&[40, 30]);
    for &vectored in DIFFERS.vectored {
        let plan = Plan::once([Step::Move(30), Step::Fail(ErrorKind::TimedOut), Step::Lie(1)]);
        let mut writer = fake_writer(&stream, plan);
        writer.get_mut().vectored = vectored;
        assert!(wait!(writer.send(&stream.frames[0].1)).is_err());
        wait!(writer.push(&stream.frames[1].1)).expect("room, around the end");
        let given = if DIFFERS.vectored == [false] { 34 } else { 48 };
        assert_write_overrun(wait!(writer.flush()), given, 1);
        flush(&mut writer);
        assert_sent(&writer, &stream.wire, "wrapped");
    }
}
