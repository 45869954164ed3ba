//! A watch over a transport that is asked whether it is ready, by a clock that the caller lends.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use embedded_io::{ErrorType, Read, ReadReady};
use ringframe::{Decoder, formats};
use ringframe_io::embedded_io::Reader;
use ringframe_io::{Patience, ReadError, Watch};

/// Bytes that arrive at their times, in milliseconds, by a clock that the test sets.
struct Timetable {
    clock: Rc<Cell<u64>>,
    bytes: Vec<(u64, u8)>,
}

impl ErrorType for Timetable {
    type Error = Infallible;
}

impl Read for Timetable {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let there = self.bytes.iter().take_while(|(time, _)| *time <= self.clock.get()).count();
        let n = there.min(buf.len());
        for (slot, (_, byte)) in buf.iter_mut().zip(self.bytes.drain(..n)) {
            *slot = byte;
        }
        Ok(n)
    }
}

impl ReadReady for Timetable {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(self.bytes.first().is_some_and(|(time, _)| *time <= self.clock.get()))
    }
}

/// An interrupt takes the processor for longer than the peer is allowed.
#[test]
fn what_came_in_time_is_taken_though_the_clock_jumped() {
    let clock = Rc::new(Cell::new(0));
    let bytes = vec![(5, 2), (5, b'h'), (5, b'i')];
    let io = Timetable { clock: Rc::clone(&clock), bytes };
    let mut reader = Reader::new(io, Decoder::new(formats::U_8, [0; 64]));
    let mut watch = Watch::new(Patience::ENDLESS.with_idle(Duration::from_millis(10)));
    let mut times = [0, 1, 20, 21, 22].into_iter();
    let now = || {
        clock.set(times.next().unwrap_or(30));
        Duration::from_millis(clock.get())
    };
    assert_eq!(reader.next_frame_within(&mut watch, now).unwrap().unwrap().payload(), b"hi");
}

/// A watch that is used for another reader, or after another call, begins anew when it is told to.
#[test]
fn a_watch_can_be_restarted() {
    let clock = Rc::new(Cell::new(0));
    let io = Timetable { clock: Rc::clone(&clock), bytes: vec![(0, 2)] };
    let mut reader = Reader::new(io, Decoder::new(formats::U_8, [0; 64]));
    let mut watch = Watch::new(Patience::ENDLESS.with_frame(Duration::from_millis(10)));
    let mut now = || {
        clock.set(clock.get() + 1);
        Duration::from_millis(clock.get())
    };
    for _ in 0..2 {
        let begin = now();
        for _ in 0..2 {
            let result = reader.next_frame_within(&mut watch, &mut now);
            assert!(matches!(result, Err(ReadError::TooSlow { missing: 2, .. })));
        }
        assert!(now() - begin >= Duration::from_millis(10));
        watch.restart();
    }
}
