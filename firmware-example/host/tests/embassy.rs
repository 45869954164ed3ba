//! The upper service on embassy-net, by the `embedded-io-async` adapter: it has to stand what the other does.

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
