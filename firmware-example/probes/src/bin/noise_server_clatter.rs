//! The duties of `noise_server_ours` that the cipher library has: a handshake, a record each way.
#![no_std]
#![no_main]

use probes::{clatter, link};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut second = [0; 48];
    let mut record = [0; 64];
    loop {
        match clatter::accept(link::receive(), &mut second) {
            Some(mut transport) => {
                link::send(&second);
                link::report(transport.receive(link::receive(), &mut record));
                link::report(transport.send(link::receive(), &mut record));
                link::send(&record);
            }
            None => link::report(()),
        }
    }
}
