//! The adapters for embedded-io: `next_incoming`, `send`, and payloads larger than the store in both directions.
#![no_std]
#![no_main]

use embedded_io::{Read, Write};
use probes::link;
use probes::wire::{Receiving, Sending};
use ringframe::{Decoder, Encoder, Limited, formats};
use ringframe_io::embedded_io::{Incoming, Reader, Writer};

#[cortex_m_rt::entry]
fn main() -> ! {
    let format = Limited::new(formats::U32_BE, 100_000);
    let mut reader = Reader::new(Receiving, Decoder::new(format, [0; 256]));
    let mut writer = Writer::new(Sending, Encoder::new(format, [0; 256]));
    let mut buf = [0; 64];
    loop {
        match reader.next_incoming() {
            Ok(Some(Incoming::Frame(frame))) => link::report(writer.send(frame.payload())),
            Ok(Some(Incoming::Large(mut payload))) => match writer.announce(&[], payload.left()) {
                Ok(mut answer) => {
                    while let Ok(n @ 1..) = payload.read(&mut buf) {
                        link::report(answer.write(&buf[..n]));
                    }
                    link::report(answer.finish());
                }
                Err(error) => link::report(error),
            },
            Ok(None) => link::report(0),
            Err(error) => link::report(error),
        }
        link::report(link::number());
    }
}
