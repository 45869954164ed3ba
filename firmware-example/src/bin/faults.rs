//! Reads where nothing is.
#![no_std]
#![no_main]

use core::ptr;

use board as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: it isn't: a hard fault is what this is for.
    let word = unsafe { ptr::without_provenance::<u32>(0xFFFF_0000).read_volatile() };
    panic!("there was {word}");
}
