//! Calls itself until the stack is full.
#![no_std]
#![no_main]

use core::hint::black_box;

use board as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    panic!("a depth of {} was not too deep", deeper(&[0; 64]));
}

#[expect(unconditional_recursion, reason = "on purpose")]
fn deeper(above: &[u32; 64]) -> u32 {
    let here = black_box([above[0] + 1; 64]);
    deeper(&here) + black_box(here)[63]
}
