//! The adapters for embedded-io: `next_frame` and `send`.
#![no_std]
#![no_main]

use probes::link;
use probes::wire::{Receiving, Sending};
use ringframe::{Decoder, Encoder, formats};
use ringframe_io::embedded_io::{Reader, Writer};

#[cortex_m_rt::entry]
fn main() -> ! {
    let mut reader = Reader::new(Receiving, Decoder::new(formats::U32_BE, [0; 256]));
    let mut writer = Writer::new(Sending, Encoder::new(formats::U32_BE, [0; 256]));
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => link::report(writer.send(frame.payload())),
            Ok(None) => link::report(0),
            Err(error) => link::report(error),
        }
        link::report(link::number());
    }
}
