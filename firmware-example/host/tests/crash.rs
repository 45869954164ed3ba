//! What goes wrong on the device ends QEMU with a code and a line in the log, and never hangs.

use std::time::Duration;

use ringframe_device::{Device, Level, build};

#[track_caller]
fn ends(program: &str, code: i32, words: &str) {
    let mut device = Device::start(&build().unwrap().join(program), &[]).unwrap();
    assert_eq!(device.wait_for_exit(Duration::from_secs(60)).unwrap(), code);
    let log = device.stop();
    let last = log.last().expect("it said why");
    assert!(last.level == Level::Error && last.message.contains(words), "{log:#?}");
}

#[test]
fn a_panic() {
    ends("panics", 101, "as it should");
}

#[test]
fn a_hard_fault() {
    ends("faults", 102, "hard fault at 0x");
}

#[test]
fn a_stack_that_overflows() {
    ends("overflows", 102, "the stack is full");
}
