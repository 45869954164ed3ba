//! Panics.
#![no_std]
#![no_main]

use board as _;

#[cortex_m_rt::entry]
fn main() -> ! {
    panic!("as it should");
}
