//! The same as `frames`, by the batch cursor.
#![no_std]
#![no_main]

use probes::link;
use ringframe::{Decoder, encode, formats};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut decoder = Decoder::new(formats::U32_BE, [0; 1024]);
    let mut out = [0; 1024];
    loop {
        let mut input = link::receive();
        let mut frames = decoder.frames(&mut input);
        loop {
            match frames.next() {
                Ok(Some(frame)) => _ = link::send(frame.payload()),
                Ok(None) => break,
                Err(error) => {
                    link::report(error);
                    decoder.reset();
                    break;
                }
            }
        }
        link::report(decoder.end_of_input());
        match encode(&formats::U32_BE, link::receive(), &mut out) {
            Ok(n) => _ = link::send(out.get(..n).unwrap_or_default()),
            Err(error) => link::report(error),
        }
    }
}
