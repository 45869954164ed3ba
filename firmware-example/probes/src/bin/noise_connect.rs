//! Stack and instructions of a client's handshake, and the stack of its link in use.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_io::{Read, Write};
use probes::noise::{ANSWER, Buffers, CLIENT, CLIENT_SAYS, Expected, HELLO, KEY, Recorded, SERVER_SAYS};
use probes::{counting, stack};
use ringframe_io::noise::embedded_io::connect;
use ringframe_io::noise::{Ephemeral, Key};

/// Makes a link and exchanges so many records. In one place, as in firmware.
#[inline(never)]
fn call(buffers: &mut Buffers, key: &Key, theirs: &[u8], ours: &[u8], records: usize) {
    let e = Ephemeral::new(CLIENT);
    let link = connect(Recorded(theirs), Expected(ours), key, e, buffers.lend());
    let Ok((mut read, mut write)) = black_box(link) else { panic!("no link") };
    for _ in 0..records {
        let mut buf = [0; 16];
        assert!(matches!(read.read(&mut buf), Ok(5)), "nothing was said");
        assert!(matches!(write.write(b"hello"), Ok(5)) && write.flush().is_ok(), "other bytes");
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut BUFFERS: Buffers = Buffers::new();

    let key = Key::new(KEY);
    let mut handshake =
        || call(BUFFERS, &key, black_box(&SERVER_SAYS[..ANSWER]), &CLIENT_SAYS[..HELLO], black_box(0));
    stack::report("connect.ours", &mut handshake);
    counting::report_one(format_args!("connect.ours"), "a_handshake", &mut handshake);
    let mut exchange = || call(BUFFERS, &key, black_box(&SERVER_SAYS), &CLIENT_SAYS, black_box(1));
    stack::report("connect_and_exchange.ours", &mut exchange);
    semihosting::process::exit(0)
}
