//! Patience, for adapters whose calls all have a clock: payloads that are read in pieces, unframed bytes, and writing.
//!
//! In addition to what `clock` asks for, the root has `clocked!(call)`, a call to its end by that clock; and in
//! `clocked`, `writer(patience, script)`, a writer with a store of 64 bytes over a peer that takes bytes by the
//! script: as many at once as a piece has; `takes`, `taken`, `time`.

use std::io::ErrorKind;

use ringframe::EncodeError;
use ringframe_io::{Patience, ReadError, WriteError};

use crate::clock::{Script, frame_within, idle_for};
use crate::clocked::{UNIT, begin_large, next_frame, reader, taken, takes, time, writer};
use crate::traits::{Read as _, Write as _};
use crate::{read_error, write_error};

/// The header of a frame of 16 KiB, larger than the store.
const LARGE: &[u8] = &[0, 0, 0x40, 0];

/// A payload's reader says `TimedOut`: the stream has not ended.
#[test]
fn a_payload_that_stops_is_too_slow() {
    let script = Script::silent().then(0, &[LARGE, &[7; 100]].concat());
    let mut reader = reader(frame_within(3), script);
    begin_large(&mut reader);
    for _ in 0..2 {
        let mut payload = reader.resume().expect("a payload is under way");
        let mut at = 0;
        let error = loop {
            match clocked!(payload.read(&mut [0; 5000])) {
                Ok(n) => at += n,
                Err(error) => break error,
            }
        };
        assert!(at <= 100);
        assert_eq!(payload.left(), 0x4000 - 100);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let error = read_error(error);
        assert!(
            matches!(error, ReadError::TooSlow { allowed, missing } if allowed == 3 * UNIT && missing == 0x4000 - 100),
            "{error}"
        );
    }
}

#[test]
fn a_payload_that_drips_is_too_slow() {
    let patience = idle_for(1000).with_frame(10 * UNIT);
    // Through the store, and past it.
    for room in [10, 5000] {
        let mut reader = reader(patience, Script::silent().then(0, LARGE).drips(2));
        begin_large(&mut reader);
        let mut payload = reader.resume().expect("a payload is under way");
        let error = loop {
            if let Err(error) = clocked!(payload.read(&mut vec![0; room])) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(matches!(read_error(error), ReadError::TooSlow { allowed, .. } if allowed == 10 * UNIT));
    }
}

#[test]
fn a_payload_in_time_is_not_too_slow() {
    let mut script = Script::silent().then(1, LARGE);
    for _ in 0..16 {
        script.add(1, &[7; 0x400]);
    }
    let mut reader = reader(idle_for(1000).with_frame(1000 * UNIT), script);
    begin_large(&mut reader);
    let mut bytes = Vec::new();
    let mut payload = reader.resume().expect("a payload is under way");
    clocked!(payload.read_to_end(&mut bytes)).expect("all in time");
    assert!(bytes == [7; 0x4000]);
}

/// The slow-loris hole: unframed bytes that are asked for begin after what is left of a payload, which is on the
/// clock of its frame, and not of idle peers.
#[test]
fn a_payload_that_is_skipped_before_unframed_bytes_is_too_slow() {
    let patience = idle_for(1000).with_frame(10 * UNIT);
    let mut reader = reader(patience, Script::silent().then(0, LARGE).drips(2));
    begin_large(&mut reader);
    for _ in 0..2 {
        let error = clocked!(reader.unframed().read(&mut [0; 16])).expect_err("it never ends");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(matches!(read_error(error), ReadError::TooSlow { allowed, .. } if allowed == 10 * UNIT));
    }
}

/// Not "would block": an error of our own, of the kind that a payload's reader has.
#[test]
fn a_silent_peer_is_idle_for_unframed_bytes_too() {
    let mut reader = reader(idle_for(3), Script::silent().then(7, b"raw"));
    for _ in 0..2 {
        let error = clocked!(reader.unframed().read(&mut [0; 16])).expect_err("nothing comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(matches!(read_error(error), ReadError::Idle { allowed } if allowed == 3 * UNIT));
    }
    let mut bytes = [0; 16];
    assert_eq!(clocked!(reader.unframed().read(&mut bytes)).expect("in time"), 3);
}

/// Of each read, as they are no frame: also after a frame whose time is over.
#[test]
fn unframed_bytes_have_the_idle_time_for_each_read() {
    let mut script = Script::silent().then(0, b"\0");
    for _ in 0..4 {
        script.add(2, b"raw");
    }
    let mut reader = reader(idle_for(3).with_frame(UNIT), script);
    assert!(matches!(next_frame(&mut reader), Err(ReadError::TooSlow { .. })));
    let mut bytes = Vec::new();
    while bytes.len() < 13 {
        let mut buf = [0; 16];
        let n = clocked!(reader.unframed().read(&mut buf)).expect("in time");
        bytes.extend_from_slice(&buf[..n]);
    }
    assert_eq!(bytes, b"\0rawrawrawraw");
    let error = clocked!(reader.unframed().read(&mut [0; 16])).expect_err("nothing comes");
    assert!(matches!(read_error(error), ReadError::Idle { .. }));
}

/// With the time between frames gone, what was awaited begins anew.
#[test]
fn the_patience_of_a_reader_in_use_can_be_changed() {
    let mut reader = reader(idle_for(1), Script::silent().then(20, b"\0\0\0\x02ok").then(3, b"\0"));
    assert!(matches!(next_frame(&mut reader), Err(ReadError::Idle { .. })));
    reader.set_patience(Patience::ENDLESS);
    assert!(matches!(next_frame(&mut reader), Ok(Some(_))));
    reader.set_patience(frame_within(2));
    assert!(matches!(next_frame(&mut reader), Err(ReadError::TooSlow { .. })));
}

#[test]
fn a_peer_that_takes_nothing_stalls_and_what_is_queued_stays() {
    let mut writer = writer(Some(3 * UNIT), Script::silent());
    for n in 0..3 {
        let begin = time();
        let error = match n {
            0 => clocked!(writer.send(b"hello")).expect_err("the peer takes nothing"),
            _ => clocked!(writer.flush()).expect_err("the peer takes nothing"),
        };
        assert!(matches!(error, WriteError::Stalled { allowed, .. } if allowed == 3 * UNIT), "{error}");
        assert!(time() - begin >= 3 * UNIT, "it waits as long again");
        assert_eq!((writer.encoder().stats().frames, writer.encoder().pending().0.len()), (1, 9));
    }
    takes(&mut writer).add(2, &[0; 100]);
    clocked!(writer.flush()).expect("it takes bytes again");
    assert_eq!(taken(&writer), b"\0\0\0\x05hello");
}

/// The longest time in which the peer takes no byte, not the time for all of it.
#[test]
fn a_peer_that_takes_a_byte_now_and_then_does_not_stall() {
    let mut writer = writer(Some(3 * UNIT), Script::silent().drips(2));
    clocked!(writer.send(b"hello")).expect("a steady peer");
    assert_eq!(taken(&writer), b"\0\0\0\x05hello");
    *takes(&mut writer) = (0..10).fold(Script::silent(), |script, _| script.then(2, &[0; 10]));
    clocked!(writer.send(&[7; 96])).expect("a steady peer");
    let error = clocked!(writer.send(b"x")).expect_err("it stopped");
    assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
}

#[test]
fn a_large_frame_that_stalls_half_way_can_be_resumed() {
    let payload: Vec<u8> = (0..200).collect();
    let mut writer = writer(Some(3 * UNIT), Script::silent().then(1, &[0; 100]));
    let error = clocked!(writer.send(&payload)).expect_err("the peer stopped");
    assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
    let left = writer.encoder().left() as usize;
    assert!(left > 0 && left < 200);
    let refused = clocked!(writer.send(b"next")).expect_err("a payload is under way");
    assert!(matches!(refused, WriteError::Encode(EncodeError::MidPayload { .. })), "{refused}");
    // A payload's writer stalls, too.
    let error = clocked!(writer.resume().write_all(&payload[200 - left..])).expect_err("it takes nothing");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(matches!(write_error(error), WriteError::Stalled { .. }));

    let left = writer.encoder().left() as usize;
    *takes(&mut writer) = Script::silent().drips(0);
    clocked!(writer.resume().write_all(&payload[200 - left..])).expect("it takes bytes again");
    clocked!(writer.flush()).expect("it takes bytes again");
    assert_eq!(taken(&writer), [&[0, 0, 0, 200][..], &payload].concat());
}

/// A call that makes room, and fails, has queued nothing, and says so.
#[test]
fn a_stall_says_whether_the_frame_is_queued() {
    let mut writer = writer(Some(UNIT), Script::silent());
    let error = clocked!(writer.send(&[7; 60])).expect_err("the peer takes nothing");
    assert!(matches!(error, WriteError::Stalled { queued: true, .. }), "{error}");
    let is_not_queued = |error| matches!(error, WriteError::Stalled { queued: false, .. });
    for _ in 0..2 {
        assert!(is_not_queued(clocked!(writer.push(b"next")).expect_err("no room")));
        assert!(is_not_queued(clocked!(writer.send(b"next")).expect_err("no room")));
        assert!(is_not_queued(clocked!(writer.announce(&[], 4)).map(|_| ()).expect_err("no room")));
        #[cfg(feature = "postcard")]
        assert!(is_not_queued(clocked!(writer.push_message("next")).expect_err("no room")));
        assert!(matches!(clocked!(writer.write_unframed(b"raw")), Err(WriteError::Stalled { .. })));
        assert_eq!((writer.encoder().stats().frames, writer.encoder().left()), (1, 0));
    }
    let error = clocked!(writer.flush()).expect_err("the peer takes nothing");
    assert!(matches!(error, WriteError::Stalled { queued: true, .. }), "{error}");
}

#[test]
fn without_patience_a_peer_may_take_its_time_to_take_bytes() {
    let mut writer = writer(Some(UNIT), Script::silent().then(20, &[0; 100]));
    writer.set_write_patience(None);
    clocked!(writer.send(b"hello")).expect("in the end");
}
