//! Stack and instructions of a client's handshake by the cipher library alone.
#![no_std]
#![no_main]

use core::hint::black_box;

use probes::noise::{ANSWER, CLIENT_SAYS, HELLO, SERVER_SAYS};
use probes::{clatter, counting, link, stack};

#[inline(never)]
fn call(second: &[u8]) {
    let mut first = [0; HELLO - 10];
    assert!(black_box(clatter::connect(&mut first, second)).is_some(), "no handshake");
    assert!(first == CLIENT_SAYS[10..HELLO], "another hello");
}

#[cortex_m_rt::entry]
fn main() -> ! {
    link::report(());
    let mut handshake = || call(black_box(&SERVER_SAYS[2..ANSWER]));
    stack::report("connect.clatter", &mut handshake);
    counting::report_one(format_args!("connect.clatter"), "a_handshake", &mut handshake);
    semihosting::process::exit(0)
}
