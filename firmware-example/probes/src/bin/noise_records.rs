//! Instructions and stack of a record that is sealed and opened, and the RAM of what does it.
#![no_std]
#![no_main]

use core::hint::black_box;

use probes::noise::{Buffers, CLIENT, KEY, SERVER};
use probes::{counting, stack};
use ringframe_io::noise::{Ephemeral, Handshake, Key, Opener, Sealer, Session, receive_store, send_store};
use semihosting::println;

type Lent = &'static mut [u8];

/// Makes both sides of a handshake, and returns what the client seals and the server opens by.
fn directions() -> Option<(Session, Session)> {
    let keys = [Key::new(KEY)];
    let mut client = Handshake::client(&keys[0], Ephemeral::new(CLIENT));
    let mut server = Handshake::server(&keys, Ephemeral::new(SERVER));
    server.read(&mut client.pending()).ok()?;
    client.read(&mut server.pending()).ok()?;
    Some((client.session()?, server.session()?))
}

#[inline(never)]
fn seal(sealer: &mut Sealer<[u8; send_store(1024)]>, plaintext: &[u8]) {
    assert!(sealer.seal(black_box(plaintext)) == Ok(plaintext.len()), "no room");
}

#[inline(never)]
fn open(opener: &mut Opener<[u8; receive_store(1024)]>, mut wire: &[u8]) -> usize {
    let opened = opener.open(&mut wire).ok().and_then(|opened| opened.data()).map_or(0, <[u8]>::len);
    opener.consume(opened);
    opened
}

#[cortex_m_rt::entry]
fn main() -> ! {
    println!("ram.handshake.ours {} bytes", size_of::<Handshake<'_>>());
    println!("ram.opener.ours {} bytes", size_of::<Opener<Lent>>());
    println!("ram.sealer.ours {} bytes", size_of::<Sealer<Lent>>());
    println!("ram.lent_to_a_link {} bytes", size_of::<Buffers>());

    let Some((client, server)) = directions() else { panic!("no session") };
    let mut sealer = client.split([0; 17], [0; send_store(1024)]).1;
    let mut opener = server.split([0; receive_store(1024)], [0; 37]).0;
    let plaintext = [7; 1024];
    for len in [16, 1024] {
        counting::report_one(format_args!("seal.ours.{len}"), "a_record", &mut || {
            seal(&mut sealer, &plaintext[..len]);
        });
        counting::report_one(format_args!("open.ours.{len}"), "a_record", &mut || {
            assert!(open(&mut opener, sealer.pending()) == len, "another length");
        });
        sealer.advance(usize::MAX);
    }
    stack::report("seal.ours", &mut || seal(&mut sealer, &plaintext));
    stack::report("open.ours", &mut || {
        assert!(open(&mut opener, sealer.pending()) == 1024, "another length")
    });
    semihosting::process::exit(0)
}
