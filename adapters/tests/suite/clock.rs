//! Patience, for adapters with a clock: a peer that sends by the clock, and what a reader says of it.
//!
//! The root has a module `clocked`:
//! - `UNIT`: the unit of all times here.
//! - `IS_EXACT`: whether the clock is the test's. It may be a real one, on a machine that is slow: then nothing
//!   depends on a wait that is short enough, unless by a factor of a hundred or more.
//! - `now`: a time of that clock.
//! - `reader(patience, script)`: a reader of [`FORMAT`] with a store of [`STORE`] bytes, over that peer.
//! - `next_frame`, `begin_large`, `reset`, `resync`, `script`: what this needs of it. `begin_large` may wait for ever.

use std::collections::VecDeque;
use std::time::Duration;

use ringframe::Limited;
use ringframe::formats::{self, U32Be};
use ringframe_io::{Patience, ReadError};

use crate::clocked::{
    IS_EXACT, TimedReader, UNIT, begin_large, next_frame, now, reader, reset, resync, script,
};

pub(crate) const STORE: usize = 2048;

pub(crate) const FORMAT: Limited<U32Be> = Limited::new(formats::U32_BE, 1 << 18);

/// What a peer does: each piece that it sends, or that it takes, comes so many units after the one before.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: VecDeque<(u32, Vec<u8>)>,
    /// A byte for ever, at this distance; else silence.
    drips: Option<u32>,
}

impl Script {
    pub(crate) fn silent() -> Self {
        Self::default()
    }

    /// Then this comes.
    pub(crate) fn then(mut self, units: u32, bytes: &[u8]) -> Self {
        self.add(units, bytes);
        self
    }

    /// Then a byte comes now and then, for ever.
    pub(crate) fn drips(self, units: u32) -> Self {
        Self { drips: Some(units), ..self }
    }

    pub(crate) fn add(&mut self, units: u32, bytes: &[u8]) {
        self.steps.push_back((units, bytes.to_vec()));
    }

    /// Returns how long the next piece takes to come, `None` for ever.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.steps.front().map(|step| step.0).or(self.drips).map(|units| UNIT * units)
    }

    /// Takes as much of the next piece as there is room for. The rest of it comes without a wait.
    pub(crate) fn take(&mut self, room: usize) -> Vec<u8> {
        let Some((_, mut piece)) = self.steps.pop_front() else { return vec![7] };
        if piece.len() > room {
            self.steps.push_front((0, piece.split_off(room)));
        }
        piece
    }
}

pub(crate) const fn frame_within(units: u32) -> Patience {
    Patience::ENDLESS.with_frame(UNIT.saturating_mul(units))
}

pub(crate) const fn idle_for(units: u32) -> Patience {
    Patience::ENDLESS.with_idle(UNIT.saturating_mul(units))
}

#[track_caller]
fn assert_idle(reader: &mut TimedReader, units: u32) {
    match next_frame(reader) {
        Err(ReadError::Idle { allowed }) => assert_eq!(allowed, UNIT * units),
        other => panic!("{other:?}"),
    }
}

/// Returns how much is missing.
#[track_caller]
fn assert_too_slow(reader: &mut TimedReader, wanted: Duration) -> usize {
    match next_frame(reader) {
        Err(ReadError::TooSlow { allowed, missing }) => {
            assert_eq!(allowed, wanted);
            missing
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_payload(reader: &mut TimedReader, wanted: &[u8]) {
    let frame = next_frame(reader).expect("a good stream").expect("a frame");
    assert_eq!(frame.1, wanted);
}

const OK: &[u8] = b"\0\0\0\x02ok";

/// A caller that pings an idle peer and reads on gets the same time again, not a loop without a wait.
#[test]
fn a_silent_peer_is_idle_each_time_anew() {
    let mut reader = reader(idle_for(3), Script::silent().then(10, OK).then(5, OK));
    for _ in 0..3 {
        let begin = now(&reader);
        assert_idle(&mut reader, 3);
        assert!(now(&reader) - begin >= 3 * UNIT);
    }
    assert_payload(&mut reader, b"ok");
    assert_idle(&mut reader, 3);
    assert_payload(&mut reader, b"ok");
}

#[test]
fn a_frame_that_never_ends_is_too_slow_until_the_reader_is_reset() {
    let mut reader = reader(frame_within(3), Script::silent().then(5, b"\0\0\0\x05he"));
    for _ in 0..3 {
        assert_eq!(assert_too_slow(&mut reader, 3 * UNIT), 3);
    }
    // It is an end of patience, not of the time: what comes now is not looked at.
    script(&mut reader).add(0, b"llo");
    assert_eq!(assert_too_slow(&mut reader, 3 * UNIT), 3);
    // The time begins anew with the next frame.
    for _ in 0..2 {
        reset(&mut reader);
        *script(&mut reader) = Script::silent().then(1, b"\0\0\0\x02ok\0\0\0");
        assert_payload(&mut reader, b"ok");
        assert_eq!(assert_too_slow(&mut reader, 3 * UNIT), 1);
    }
}

/// It does not pay for the one that was given up.
#[test]
fn the_frame_that_resync_finds_has_all_of_its_time() {
    // The first bytes are noise: by them, a frame of 1,793 bytes.
    let script_of = Script::silent().then(0, &[&[0, 0, 7, 1], &OK[..5]].concat());
    let mut reader = reader(frame_within(5), script_of);
    assert_too_slow(&mut reader, 5 * UNIT);
    assert_eq!(resync(&mut reader), 4);
    script(&mut reader).add(3, &OK[5..]);
    assert_payload(&mut reader, b"ok");
}

/// CVE-2007-6750: a byte now and then must not hold a connection, whatever of a frame it is.
#[test]
fn a_byte_now_and_then_is_too_slow() {
    let patience = idle_for(1000).with_frame(10 * UNIT);
    for begins in [&[0, 0, 2][..], &[0, 0, 2, 0], &[0, 0, 2, 0, 1, 2, 3]] {
        let mut reader = reader(patience, Script::silent().then(0, begins).drips(2));
        let missing = assert_too_slow(&mut reader, 10 * UNIT);
        assert!(missing > 0 && missing < 524, "{missing}");
        let again = assert_too_slow(&mut reader, 10 * UNIT);
        assert_eq!(again, missing, "it is repeated");
    }
}

/// Also while a frame larger than the store is skipped: it is on the clock of its frame, not on that of idle peers.
#[test]
fn a_byte_now_and_then_of_a_skipped_payload_is_too_slow() {
    let patience = idle_for(1000).with_frame(10 * UNIT);
    let mut reader = reader(patience, Script::silent().then(0, &[0, 0, 0x40, 0, 1, 2, 3]).drips(2));
    begin_large(&mut reader);
    for _ in 0..2 {
        let missing = assert_too_slow(&mut reader, 10 * UNIT);
        assert!(missing > 0x3f00, "{missing}");
    }
    reset(&mut reader);
    *script(&mut reader) = Script::silent().then(1, OK);
    assert_payload(&mut reader, b"ok");
}

/// A frame's bytes may come as they like, as long as all come in time.
#[test]
fn a_frame_in_time_is_not_too_slow() {
    let patience = idle_for(1000).with_frame(1000 * UNIT);
    let slowly = OK.iter().fold(Script::silent(), |script, byte| script.then(1, &[*byte]));
    let mut reader = reader(patience, slowly);
    assert_payload(&mut reader, b"ok");
}

/// The idle time is that until a frame begins, and no more.
#[test]
fn the_idle_time_ends_with_the_first_byte() {
    let mut reader = reader(idle_for(3), Script::silent().then(2, b"\0").then(20, &OK[1..]));
    assert_payload(&mut reader, b"ok");
    assert_idle(&mut reader, 3);
}

/// And the frame's time is no idle time: between frames there is no hurry.
#[test]
fn the_time_of_a_frame_begins_with_its_first_byte() {
    let mut reader = reader(frame_within(5), Script::silent().then(20, OK).then(20, OK).then(20, b"\0"));
    assert_payload(&mut reader, b"ok");
    assert_payload(&mut reader, b"ok");
    assert_eq!(assert_too_slow(&mut reader, 5 * UNIT), 3);
}

/// When a frame came with the beginning of the next, the next has a time of its own.
#[test]
fn frames_that_come_together_have_a_time_each() {
    let mut slowly = Script::silent().then(0, b"\0");
    for _ in 0..3 {
        slowly.add(3, b"\0\0\x02ok\0");
    }
    let mut reader = reader(frame_within(if IS_EXACT { 5 } else { 1000 }), slowly);
    for _ in 0..3 {
        assert_payload(&mut reader, b"ok");
    }
    if IS_EXACT {
        assert_eq!(assert_too_slow(&mut reader, 5 * UNIT), 3);
    }
}

#[test]
fn a_declared_length_adds_to_the_time() {
    // 1000 bytes are worth a second at this rate, or ten at the other.
    let header = [0, 0, 3, 232];
    for arrived in [&header[..], &[0, 0, 3, 232, 7]] {
        let patience = frame_within(1).with_bytes_per_second(999);
        let mut reader = reader(patience, Script::silent().then(0, arrived));
        let missing = assert_too_slow(&mut reader, UNIT + Duration::from_secs(1));
        assert_eq!(missing, 1004 - arrived.len());
    }
    let patience = frame_within(1).with_bytes_per_second(10);
    let mut reader = reader(patience, Script::silent().then(0, &header).then(3, &[7; 1000]));
    assert_payload(&mut reader, &[7; 1000]);
}

/// "Only what is there": it is read, and not waited for.
#[test]
fn no_idle_time_takes_what_is_there() {
    let mut reader = reader(idle_for(0), Script::silent().then(0, OK));
    assert_payload(&mut reader, b"ok");
    for _ in 0..3 {
        assert_idle(&mut reader, 0);
    }
    script(&mut reader).add(0, OK);
    assert_payload(&mut reader, b"ok");
    assert_idle(&mut reader, 0);
}

/// However many reads it takes.
#[test]
fn no_idle_time_takes_all_that_is_there() {
    let script_of = (0..100).fold(Script::silent(), |script, _| script.then(0, OK));
    let mut reader = reader(idle_for(0), script_of);
    for _ in 0..100 {
        assert_payload(&mut reader, b"ok");
    }
    assert_idle(&mut reader, 0);
}

#[test]
fn no_time_for_a_frame_takes_what_is_there() {
    let mut reader = reader(frame_within(0), Script::silent().then(3, OK).then(0, &OK[..5]));
    assert_payload(&mut reader, b"ok");
    assert_eq!(assert_too_slow(&mut reader, Duration::ZERO), 1);
}

/// Without patience for either, a reader waits for ever, so the time of nothing is counted.
#[test]
fn without_patience_a_peer_may_take_its_time() {
    let slowly = OK.iter().fold(Script::silent(), |script, byte| script.then(2, &[*byte]));
    let mut reader = reader(Patience::ENDLESS, slowly);
    assert_payload(&mut reader, b"ok");
}
