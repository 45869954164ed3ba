//! The board's LEDs: the lowest bits of a register of the FPGA.

use core::ptr;

/// How many there are.
pub const COUNT: u8 = 2;

/// FPGAIO's `LED0`, which can be read back.
const REGISTER: *mut u32 = ptr::without_provenance_mut(0x4002_8000);

/// The LEDs.
pub struct Leds {
    _private: (),
}

impl Leds {
    /// All off.
    pub(crate) fn new() -> Self {
        let mut leds = Self { _private: () };
        for index in 0..COUNT {
            leds.set(index, false);
        }
        leds
    }

    /// Switches an LED; there is none at or above [`COUNT`].
    pub fn set(&mut self, index: u8, on: bool) {
        if index < COUNT {
            let bit = 1 << index;
            let lit = if on { self.lit() | bit } else { self.lit() & !bit };
            // SAFETY: a register of 32 bits that is always there; writing it has no effect on memory. `self` is
            // the only one that does.
            unsafe { REGISTER.write_volatile(u32::from(lit)) }
        }
    }

    /// Which of them light, a bit each, read back from the board.
    pub fn lit(&self) -> u8 {
        // SAFETY: a register of 32 bits that is always there; reading it has no effect.
        let register = unsafe { REGISTER.read_volatile() };
        register as u8 & ((1 << COUNT) - 1)
    }
}
