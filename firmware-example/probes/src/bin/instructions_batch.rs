//! Instructions a frame by the batch cursor, see `counting.rs`.
#![no_std]
#![no_main]

use core::hint::black_box;

use probes::counting::{IDLE_BYTES, IDLE_HEADER, PACKET, PAYLOADS, STORE, look, memory, report, stream, sum};
use ringframe::Decoder;
use ringframe::formats::{U32_BE, U32Be};

#[inline(never)]
fn batch(decoder: &mut Decoder<U32Be, [u8; STORE]>, stream: &[u8], chunk: usize) -> usize {
    let mut sum = 0;
    for mut input in stream.chunks(chunk) {
        let mut frames = decoder.frames(&mut input);
        while let Ok(Some(frame)) = frames.next() {
            sum += look(frame.payload());
        }
    }
    sum
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let memory = memory();
    let mut decoder = Decoder::new(U32_BE, [0; STORE]);
    for payload in PAYLOADS {
        let frame = 4 + payload;
        let stream = black_box(stream(memory, payload));
        let sum = sum(stream, payload);
        let mut report = |name: &str, chunk: usize| {
            report(format_args!("{name}.ours_batch.{payload}"), "a_frame", &mut || {
                assert!(batch(&mut decoder, stream, black_box(chunk)) == sum, "another sum");
            });
        };
        report("through", PACKET / frame * frame);
        report("packets", PACKET);
        report("bytes", 1);
    }
    let none = |found: usize| assert!(found == 0, "a byte completed a frame");
    none(batch(&mut decoder, &IDLE_HEADER, 1));
    report(format_args!("idle_byte.ours_batch"), "a_byte", &mut || {
        none(batch(&mut decoder, black_box(&IDLE_BYTES), black_box(1)));
    });
    semihosting::process::exit(0)
}
