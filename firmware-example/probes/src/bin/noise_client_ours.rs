//! Makes an authenticated link as the client, takes what comes, sends it back, and ends the link.
#![no_std]
#![no_main]

use embedded_io::{Read, Write};
use probes::link;
use probes::noise::{Buffers, CLIENT, KEY, Nowhere};
use ringframe_io::noise::embedded_io::connect;
use ringframe_io::noise::{Ephemeral, Key};

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut BUFFERS: Buffers = Buffers::new();

    let key = Key::new(KEY);
    loop {
        match connect(Nowhere, Nowhere, &key, Ephemeral::new(CLIENT), BUFFERS.lend()) {
            Ok((mut read, mut write)) => {
                let mut buf = [0; 64];
                link::report(read.read(&mut buf));
                link::report(write.write(&buf));
                link::report(write.flush());
                link::report(write.end());
            }
            Err(error) => link::report(error),
        }
    }
}
