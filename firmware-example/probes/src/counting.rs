//! Counting instructions under QEMU, and the stream that the programs read. Results are lines
//! `name value unit`.
//!
//! It needs `qemu-system-arm -M mps2-an385 -icount shift=10`: every instruction then takes 1,024 ns
//! of the board's time, by which its Ethernet chip counts on at 25 MHz.

use core::fmt;
use core::ptr::{read_volatile, with_exposed_provenance};

use semihosting::println;

/// Bytes of the store on both sides.
pub const STORE: usize = 2048;

/// The most that one read brings: a TCP segment.
pub const PACKET: usize = 1460;

/// How many frames a stream has, and how often everything else is done.
pub const FRAMES: usize = 512;

/// Lengths of the payloads that are measured.
pub const PAYLOADS: [usize; 4] = [16, 64, 256, 1024];

/// Room for the longest stream, which a stack should not hold.
static mut MEMORY: [u8; FRAMES * 1028] = [0; FRAMES * 1028];

/// Returns the memory for the streams. Call it once.
pub fn memory() -> &'static mut [u8] {
    // SAFETY: each program calls this once, and nothing else takes it.
    unsafe { (&raw mut MEMORY).as_mut_unchecked() }
}

/// Returns a stream of frames with payloads of this length.
pub fn stream(memory: &mut [u8], payload: usize) -> &[u8] {
    let frame = 4 + payload;
    let stream = &mut memory[..FRAMES * frame];
    for (number, bytes) in stream.chunks_mut(frame).enumerate() {
        let (header, rest) = bytes.split_at_mut(4);
        header.copy_from_slice(&(payload as u32).to_be_bytes());
        rest.fill(number as u8);
    }
    stream
}

/// The header of the largest frame that the store holds. [`IDLE_BYTES`], twice, do not complete it.
pub const IDLE_HEADER: [u8; 4] = (STORE as u32 - 4).to_be_bytes();

/// Bytes of a payload.
pub const IDLE_BYTES: [u8; FRAMES] = [7; FRAMES];

/// Returns the sum of [`look`] over the frames of a stream.
pub fn sum(stream: &[u8], payload: usize) -> usize {
    stream.chunks(4 + payload).map(|frame| look(&frame[4..])).sum()
}

/// What a receiver does with a frame.
#[inline(always)]
pub fn look(payload: &[u8]) -> usize {
    let first = payload.first().copied().unwrap_or(0);
    let last = payload.last().copied().unwrap_or(0);
    payload.len() + usize::from(first) + usize::from(last)
}

/// Prints how many instructions `work` takes for each of [`FRAMES`] turns.
pub fn report(name: fmt::Arguments<'_>, unit: &str, work: &mut dyn FnMut()) {
    // Twice: the first turn leaves behind what is there at the second, as on a link.
    work();
    let all = count(work) / FRAMES as u64;
    println!("instructions.{name} {}.{} {unit}", all / 10, all % 10);
}

/// Prints how many instructions one turn of `work` takes.
pub fn report_one(name: fmt::Arguments<'_>, unit: &str, work: &mut dyn FnMut()) {
    let all = count(work);
    println!("instructions.{name} {}.{} {unit}", all / 10, all % 10);
}

/// Returns the instructions that something takes, in tenths: one is 25.6 ticks.
fn count(work: &mut dyn FnMut()) -> u64 {
    let begin = ticks();
    let empty = ticks().wrapping_sub(begin);
    let begin = ticks();
    work();
    let taken = ticks().wrapping_sub(begin);
    u64::from(taken.wrapping_sub(empty)) * 100 / 256
}

/// The LAN9118's free-running counter.
fn ticks() -> u32 {
    // SAFETY: a register of the board that can be read at any time.
    unsafe { read_volatile(with_exposed_provenance(0x4020_009c)) }
}
