//! Stack and instructions of a server's handshake, and the stack of its link in use.
#![no_std]
#![no_main]

use core::hint::black_box;

use embedded_io::{Read, Write};
use probes::noise::{ANSWER, Buffers, CLIENT_SAYS, Expected, HELLO, KEY, Recorded, SERVER, SERVER_SAYS};
use probes::{counting, stack};
use ringframe_io::noise::embedded_io::{Halves, accept};
use ringframe_io::noise::{Ephemeral, Key};
use semihosting::println;

/// Makes a link and exchanges so many records. In one place, as in firmware.
#[inline(never)]
fn serve(buffers: &mut Buffers, keys: &[Key], theirs: &[u8], ours: &[u8], records: usize) {
    let e = Ephemeral::new(SERVER);
    let link = accept(Recorded(theirs), Expected(ours), keys, e, buffers.lend());
    let Ok((mut read, mut write)) = black_box(link) else { panic!("no link") };
    for _ in 0..records {
        let mut buf = [0; 16];
        assert!(matches!(read.read(&mut buf), Ok(5)), "nothing was said");
        assert!(matches!(write.write(b"HELLO"), Ok(5)) && write.flush().is_ok(), "other bytes");
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut BUFFERS: Buffers = Buffers::new();

    println!("ram.both_halves.ours {} bytes", size_of::<Halves<'static, (), ()>>());
    let keys = [Key::new(KEY)];
    let mut handshake =
        || serve(BUFFERS, &keys, black_box(&CLIENT_SAYS[..HELLO]), &SERVER_SAYS[..ANSWER], black_box(0));
    stack::report("accept.ours", &mut handshake);
    counting::report_one(format_args!("accept.ours"), "a_handshake", &mut handshake);
    let mut exchange = || serve(BUFFERS, &keys, black_box(&CLIENT_SAYS), &SERVER_SAYS, black_box(1));
    stack::report("accept_and_exchange.ours", &mut exchange);
    semihosting::process::exit(0)
}
