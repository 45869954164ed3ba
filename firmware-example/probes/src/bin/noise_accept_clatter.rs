//! Stack and instructions of a server's handshake by the cipher library alone.
#![no_std]
#![no_main]

use core::hint::black_box;

use probes::noise::{ANSWER, CLIENT_SAYS, HELLO, SERVER_SAYS};
use probes::{clatter, counting, link, stack};

#[inline(never)]
fn serve(first: &[u8]) {
    let mut second = [0; ANSWER - 2];
    assert!(black_box(clatter::accept(first, &mut second)).is_some(), "no handshake");
    assert!(second == SERVER_SAYS[2..ANSWER], "another answer");
}

#[cortex_m_rt::entry]
fn main() -> ! {
    link::report(());
    let mut handshake = || serve(black_box(&CLIENT_SAYS[10..HELLO]));
    stack::report("accept.clatter", &mut handshake);
    counting::report_one(format_args!("accept.clatter"), "a_handshake", &mut handshake);
    semihosting::process::exit(0)
}
