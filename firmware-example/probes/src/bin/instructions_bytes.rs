//! Instructions where each byte is put into the store by itself, as by the interrupt of a UART, see
//! `counting.rs`.
#![no_std]
#![no_main]

use core::hint::black_box;

use probes::counting::{IDLE_BYTES, IDLE_HEADER, PAYLOADS, STORE, look, memory, report, stream, sum};
use ringframe::formats::{U32_BE, U32Be};
use ringframe::{Decoder, Status};

/// Puts a byte into the store. Returns false if there is no room.
#[inline(always)]
fn put(decoder: &mut Decoder<U32Be, [u8; STORE]>, byte: u8) -> bool {
    if let Some(slot) = decoder.space().first_mut() {
        *slot = byte;
    }
    decoder.filled(1).is_ok()
}

/// Asks for a frame after each byte.
#[inline(never)]
fn take(decoder: &mut Decoder<U32Be, [u8; STORE]>, stream: &[u8]) -> usize {
    let mut sum = 0;
    for byte in stream {
        if !put(decoder, *byte) {
            return sum;
        }
        if let Ok(Some(frame)) = decoder.take_frame() {
            sum += look(frame.payload());
        }
    }
    sum
}

/// Asks after each byte whether there is a frame. Returns how many bytes complete nothing.
#[inline(never)]
fn poll(decoder: &mut Decoder<U32Be, [u8; STORE]>, stream: &[u8]) -> usize {
    let mut idle = 0;
    for byte in stream {
        if !put(decoder, *byte) {
            return idle;
        }
        if let Ok(Status::Missing(_)) = decoder.poll() {
            idle += 1;
        }
    }
    idle
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let memory = memory();
    let mut decoder = Decoder::new(U32_BE, [0; STORE]);
    for payload in PAYLOADS {
        let stream = black_box(stream(memory, payload));
        let sum = sum(stream, payload);
        report(format_args!("bytes.ours_ring.{payload}"), "a_frame", &mut || {
            assert!(take(&mut decoder, stream) == sum, "another sum");
        });
    }
    let all = |found: usize, bytes: &[u8]| assert!(found == bytes.len(), "a byte completed a frame");
    all(poll(&mut decoder, &IDLE_HEADER), &IDLE_HEADER);
    report(format_args!("idle_byte.ours_ring"), "a_byte", &mut || {
        all(poll(&mut decoder, black_box(&IDLE_BYTES)), &IDLE_BYTES);
    });
    semihosting::process::exit(0)
}
