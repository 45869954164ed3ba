//! The upper service on embassy-net, by the `embedded-io-async` adapter: it has to stand what the other does.

use std::io::Write;
use std::thread;
use std::time::Instant;

mod support;

use support::{UPPER, exchange, frame, start, upper_casing};

#[test]
fn upper_stands_it_all() {
    let device = start("embassy", &[UPPER]);
    upper_casing::all(&device);
}

#[test]
fn an_end_inside_a_frame_is_told() {
    let device = start("embassy", &[UPPER]);
    let wire = [&frame(b"hello")[..], b"\0\0\0\x09hel"].concat();
    assert_eq!(exchange(device.addr(UPPER), &wire, 100), frame(b"HELLO"));
    let line = device.wait_for("7878: closed", support::PATIENCE).unwrap();
    assert_eq!(line.message, "7878: closed: Truncated(Truncated { have: 7, want: 13 })");
    assert_eq!(line.level, ringframe_device::Level::Error);
}

/// It had two deadlines of 60 s, one after the other: for the answer, and for what was left of it.
#[test]
fn a_peer_that_stops_reading_has_one_deadline() {
    let device = start("embassy", &[UPPER]);
    let mut stream = support::connect(device.addr(UPPER));
    let start = Instant::now();
    let sending = thread::spawn(move || {
        // Nobody reads the answers, so soon nothing more is taken.
        while stream.write_all(&frame(&[b'x'; 1000])).is_ok() {}
        stream
    });
    let line = device.wait_for("7878: closed", 2 * support::PATIENCE).unwrap();
    assert_eq!(line.message, "7878: closed: Stalled");
    assert!(start.elapsed() < support::PATIENCE * 3 / 2, "{:?}", start.elapsed());
    drop(sending.join());
}
