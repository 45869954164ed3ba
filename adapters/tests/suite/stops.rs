//! Calls that the transport stops at a byte, at each in turn: by "would block" or a time-out, which come back as
//! errors, or to a task, because the future is dropped where it waits. Whatever was under way goes on, without
//! loss and without doubling.

use super::fake::{ALL, Step};
use super::streams::{Stream, summed, u32_be};
use super::*;

/// A transport that stops at this byte, twice.
fn stops_at(at: usize, kind: ErrorKind) -> Plan {
    Plan::stop(at, kind).and_stop(at, kind)
}

/// Runs a test with every kind of stop at every byte, the end among them, of streams with and without a check.
macro_rules! at_every_byte {
    ($lens:expr, |$stream:ident, $at:ident, $kind:ident| $body:block) => {
        at_every_byte!(@ u32_be($lens), $stream, $at, $kind, $body);
        at_every_byte!(@ summed($lens), $stream, $at, $kind, $body);
    };
    (@ $made:expr, $stream:ident, $at:ident, $kind:ident, $body:block) => {
        let made = $made;
        let $stream = &made;
        for $kind in STOPS {
            for $at in 0..=$stream.wire.len() $body
        }
    };
}

#[test]
fn a_frame_is_read_on_after_a_stop_at_every_byte() {
    at_every_byte!(&[5, 0, 60, 17], |stream, at, kind| {
        let mut reader = fake_reader(stream, stops_at(at, kind));
        let (mut frames, mut stops) = (Vec::new(), 0);
        loop {
            match unless_stopped(attempt!(reader.next_frame())) {
                Some(Some(frame)) => frames.push(own(frame)),
                Some(None) => break,
                None => stops += 1,
            }
        }
        assert_eq!((&frames, stops), (&stream.frames, 2), "{kind} at {at}");
    });
}

#[test]
fn a_frame_is_peeked_at_and_requested_after_a_stop_at_every_byte() {
    at_every_byte!(&[5, 0, 60], |stream, at, kind| {
        let mut link = fake_link(stream, stops_at(at, kind));
        let mut frames = Vec::new();
        loop {
            match unless_stopped(attempt!(link.peek_frame())) {
                Some(None) => break,
                Some(Some(_)) => {
                    let request = wait!(link.next_request()).expect("it is there");
                    frames.extend(request.map(|(frame, _)| own(frame)));
                }
                None => {}
            }
        }
        assert_eq!(frames, stream.frames, "{kind} at {at}");
    });
}

#[test]
fn events_go_on_after_a_stop_at_every_byte() {
    at_every_byte!(&[5, 150, 3], |stream, at, kind| {
        let mut reader = fake_reader(stream, stops_at(at, kind));
        let mut frames = Vec::new();
        loop {
            match unless_stopped(attempt!(reader.next_event())) {
                Some(event) if !take_event(&mut frames, event) => break,
                _ => {}
            }
        }
        assert_eq!(frames, stream.frames, "{kind} at {at}");
    });
}

/// The caller goes back to its event loop at each stop, with no more than the reader in hand.
#[test]
fn a_large_payload_is_resumed_after_a_stop_at_every_byte() {
    // Through the store, and past it.
    for piece in [10, 200] {
        at_every_byte!(&[5, 150, 3], |stream, at, kind| {
            let mut reader = fake_reader(stream, stops_at(at, kind));
            let (mut frames, mut stops) = (Vec::<Owned>::new(), 0);
            loop {
                let mut buf = vec![0; piece];
                if let Some(mut payload) = reader.resume() {
                    assert!(payload.header().is_empty());
                    let (header, bytes) = frames.last_mut().expect("it has begun");
                    assert_eq!(u16::from_be_bytes([header[header.len() - 2], header[header.len() - 1]]), 150);
                    assert_eq!(payload.left(), 150 - bytes.len() as u64);
                    match unless_stopped(
                        attempt!(payload.read(&mut buf)).map(|n| n.map_err(crate::read_error)),
                    ) {
                        Some(n) => bytes.extend_from_slice(&buf[..n]),
                        None => stops += 1,
                    }
                    continue;
                }
                match unless_stopped(attempt!(reader.next_incoming())) {
                    Some(Some(Incoming::Frame(frame))) => frames.push(own(frame)),
                    Some(Some(Incoming::Large(payload))) => frames.push((payload.header().to_vec(), vec![])),
                    Some(None) => break,
                    None => stops += 1,
                }
            }
            assert_eq!((&frames, stops), (&stream.frames, 2), "{kind} at {at}, {piece} bytes a piece");
        });
    }
}

#[test]
fn a_payload_is_skipped_on_after_a_stop_at_every_byte() {
    at_every_byte!(&[150, 3], |stream, at, kind| {
        for take in [0, 10, 150] {
            let mut reader = fake_reader(stream, stops_at(at, kind));
            while unless_stopped(attempt!(reader.next_incoming()).map(|frame| frame.map(|_| ()))).is_none() {}
            let mut taken = vec![];
            while taken.len() < take {
                let mut buf = vec![0; 10.min(take - taken.len())];
                let mut payload = reader.resume().expect("it is under way");
                let n = attempt!(payload.read(&mut buf)).map(|n| n.map_err(crate::read_error));
                taken.extend_from_slice(&buf[..unless_stopped(n).unwrap_or(0)]);
            }
            let next = loop {
                if let Some(frame) = unless_stopped(attempt!(reader.next_frame())) {
                    break frame.map(own);
                }
            };
            assert_eq!(taken, stream.frames[0].1[..take], "{kind} at {at}");
            assert_eq!(next.as_ref(), Some(&stream.frames[1]), "{kind} at {at}, {take} bytes taken");
        }
    });
}

#[test]
fn unframed_bytes_are_read_on_after_a_stop_at_every_byte() {
    at_every_byte!(&[5, 100], |stream, at, kind| {
        // The second frame is left, and skipped, before the bytes.
        let wire = [&stream.wire[..], b"another protocol"].concat();
        for at in [at, at + 16] {
            let mut reader = fake_reader_of(stream, &wire, stops_at(at, kind));
            for _ in 0..2 {
                while unless_stopped(attempt!(reader.next_incoming()).map(|f| f.map(|_| ()))).is_none() {}
            }
            let mut bytes = vec![];
            loop {
                let mut buf = [0; 5];
                let n = attempt!(reader.unframed().read(&mut buf)).map(|n| n.map_err(crate::read_error));
                match unless_stopped(n) {
                    Some(0) => break,
                    Some(n) => bytes.extend_from_slice(&buf[..n]),
                    None => {}
                }
            }
            assert_eq!(bytes, b"another protocol", "{kind} at {at}");
        }
    });
}

/// What a caller knows of a frame after a call that stopped: `NotQueued` says that it is not queued, `Io` that it
/// is, whole. A future that was dropped says nothing; the count of frames does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Queued {
    No,
    Yes,
}

/// Makes one attempt to send a frame that fits the store, and returns what the caller knows after it.
fn send_once<F: Format>(writer: &mut FakeWriter<F>, payload: &[u8], is_push: bool) -> Queued {
    let before = writer.encoder().stats().frames;
    let sent = if is_push { attempt!(writer.push(payload)) } else { attempt!(writer.send(payload)) };
    let after = writer.encoder().stats().frames;
    let queued = if after == before { Queued::No } else { Queued::Yes };
    match sent {
        Some(Ok(())) => assert_eq!(queued, Queued::Yes),
        Some(Err(WriteError::NotQueued(error))) if goes_on(&error) => assert_eq!(queued, Queued::No),
        Some(Err(WriteError::Io(error))) if goes_on(&error) => {
            assert_eq!(queued, Queued::Yes);
            assert!(!is_push, "a push stops only before it queues");
        }
        Some(Err(error)) => panic!("{error}"),
        None => {}
    }
    queued
}

fn flush_on<F: Format>(writer: &mut FakeWriter<F>) {
    while !matches!(attempt!(writer.flush()), Some(Ok(()))) {}
}

#[test]
fn a_call_that_stopped_says_whether_the_frame_is_queued() {
    at_every_byte!(&[40, 30, 0, 60, 7], |stream, at, kind| {
        for is_push in [false, true] {
            let mut writer = fake_writer(stream, stops_at(at, kind));
            // Flushing may be stopped as well.
            writer.get_mut().flushes = Plan::once([Step::Fail(kind), Step::Fail(kind)]);
            for (_, payload) in &stream.frames {
                while send_once(&mut writer, payload, is_push) == Queued::No {}
            }
            flush_on(&mut writer);
            // By count on the wire: each frame once.
            assert_sent(&writer, &stream.wire, &format!("{kind} at {at}"));
            assert_eq!(writer.encoder().stats().frames, 5);
        }
    });
}

#[test]
fn a_large_frame_is_resumed_after_a_stop_at_every_byte() {
    for &vectored in DIFFERS.vectored {
        at_every_byte!(&[30, 150, 4], |stream, at, kind| {
            let mut writer = fake_writer(stream, stops_at(at, kind));
            writer.get_mut().vectored = vectored;
            for (n, (_, payload)) in stream.frames.iter().enumerate() {
                while writer.encoder().left() == 0 && writer.encoder().stats().frames as usize == n {
                    match attempt!(writer.push(payload)) {
                        None | Some(Ok(())) => {}
                        Some(Err(WriteError::NotQueued(_))) => {
                            assert_eq!(
                                (writer.encoder().stats().frames as usize, writer.encoder().left()),
                                (n, 0)
                            );
                        }
                        Some(Err(WriteError::Io(_))) => assert_eq!(payload.len(), 150, "{kind} at {at}"),
                        Some(Err(error)) => panic!("{error}"),
                    }
                }
                loop {
                    let left = writer.encoder().left() as usize;
                    if left == 0 {
                        break;
                    }
                    let rest = &payload[payload.len() - left..];
                    let n = attempt!(writer.resume().write(rest)).map(|n| n.map_err(crate::write_error));
                    let now = writer.encoder().left() as usize;
                    match n {
                        Some(Ok(n)) => assert_eq!(now, left - n),
                        Some(Err(WriteError::Io(_))) | None => assert_eq!(now, left, "it has taken nothing"),
                        Some(Err(error)) => panic!("{error}"),
                    }
                }
            }
            flush_on(&mut writer);
            assert_sent(&writer, &stream.wire, &format!("{kind} at {at}"));
        });
    }
}

#[test]
fn an_announced_payload_goes_on_after_a_stop_at_every_byte() {
    for piece in [7, 64, 150] {
        at_every_byte!(&[58, 150, 4], |stream, at, kind| {
            let mut writer = fake_writer(stream, stops_at(at, kind));
            writer.get_mut().flushes = Plan::once([Step::Fail(kind)]);
            for (_, bytes) in &stream.frames {
                while attempt!(writer.announce(&[], bytes.len() as u64)).is_none_or(|begun| begun.is_err()) {
                    assert_eq!(writer.encoder().left(), 0, "nothing is begun");
                }
                for mut piece in bytes.chunks(piece) {
                    while !piece.is_empty() {
                        let n = attempt!(writer.resume().write(piece));
                        piece = &piece[n.and_then(Result::ok).unwrap_or(0)..];
                    }
                    // Now and then it is flushed.
                    while bytes.len() == 58 && !matches!(attempt!(writer.resume().flush()), Some(Ok(()))) {}
                }
                while bytes.len() == 4 && !matches!(attempt!(writer.resume().finish()), Some(Ok(()))) {}
            }
            flush_on(&mut writer);
            assert_sent(&writer, &stream.wire, &format!("{kind} at {at}, {piece} bytes a piece"));
        });
    }
}

/// No byte of them went out then.
#[test]
fn unframed_bytes_are_written_on_after_a_stop_at_every_byte() {
    for &vectored in DIFFERS.vectored {
        at_every_byte!(&[20, 9], |stream, at, kind| {
            let unframed: Vec<u8> = (0..100).collect();
            let wire = [&stream.wire[..], &unframed, b"!"].concat();
            for at in [at, at + 40, at + 100] {
                let mut writer = fake_writer(stream, stops_at(at, kind));
                writer.get_mut().vectored = vectored;
                for (_, payload) in &stream.frames {
                    wait!(writer.push(payload)).expect("room");
                }
                for mut bytes in [&unframed[..], b"!"] {
                    while !bytes.is_empty() {
                        let n = attempt!(writer.write_unframed(bytes));
                        assert!(!matches!(n, Some(Ok(0))));
                        bytes = &bytes[n.and_then(Result::ok).unwrap_or(0)..];
                    }
                }
                assert_sent(&writer, &wire, &format!("{kind} at {at}"));
            }
        });
    }
}

/// At every byte of all that is echoed; the link reads and writes.
#[test]
fn a_link_goes_on_after_a_stop_at_every_byte() {
    at_every_byte!(&[5, 30, 0], |stream, at, kind| {
        for at in [at, at + stream.wire.len()] {
            let mut link = fake_link(stream, stops_at(at, kind));
            loop {
                match attempt!(link.next_request()) {
                    None | Some(Err(ReadError::Io(_))) => {}
                    Some(Err(error)) => panic!("{error}"),
                    Some(Ok(None)) => break,
                    Some(Ok(Some((frame, writer)))) => {
                        let before = writer.encoder().stats().frames;
                        while writer.encoder().stats().frames == before {
                            let _ = attempt!(writer.push(frame.payload()));
                        }
                    }
                }
            }
            while !matches!(attempt!(link.flush()), Some(Ok(()))) {}
            assert_eq!(link.get_ref().out, stream.wire, "{kind} at {at}");
        }
    });
}

/// A link that blocks for a while does so without a word to the caller only where it is interrupted.
#[test]
fn an_interruption_at_every_byte_is_not_seen() {
    let stream = u32_be(&[5, 150, 3]);
    check_interruptions(&stream);
    check_interruptions(&summed(&[5, 150, 3]));
}

fn check_interruptions<F: Format + Copy>(stream: &Stream<F>) {
    let again = ErrorKind::Interrupted;
    for at in 0..=stream.wire.len() {
        let mut plan = Plan::cycle([ALL]);
        for _ in 0..3 {
            plan = plan.and_stop(at, again);
        }
        let mut reader = fake_reader(stream, plan.clone());
        assert_eq!(read_any(&mut reader), stream.frames);
        let mut reader = fake_reader(stream, plan.clone());
        assert_eq!(read_events(&mut reader), stream.frames);
        let mut reader = fake_reader(stream, plan.clone());
        let mut bytes = vec![0; stream.wire.len()];
        let n = fill(&mut bytes, |buf| read_unframed(&mut reader, buf)).expect("bytes");
        assert_eq!(bytes[..n], stream.wire);

        for &vectored in DIFFERS.vectored {
            let mut writer = fake_writer(stream, plan.clone());
            writer.get_mut().vectored = vectored;
            writer.get_mut().flushes = Plan::once([Step::Fail(again), Step::Fail(again)]);
            for (_, payload) in &stream.frames {
                wait!(writer.push(payload)).expect("it is not seen");
            }
            wait!(writer.flush()).expect("it is not seen");
            assert_sent(&writer, &stream.wire, "pushed");

            let mut writer = fake_writer(stream, plan.clone());
            writer.get_mut().vectored = vectored;
            writer.get_mut().flushes = Plan::once([Step::Fail(again), Step::Fail(again)]);
            for (_, bytes) in &stream.frames {
                let mut payload = wait!(writer.announce(&[], bytes.len() as u64)).expect("it is not seen");
                wait!(payload.write_all(bytes)).map_err(crate::write_error).expect("it is not seen");
                wait!(payload.finish()).expect("it is not seen");
            }
            assert_sent(&writer, &stream.wire, "announced");
        }
    }
}
