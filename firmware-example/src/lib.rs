//! The board that the binaries run on: QEMU's `mps2-an385`, a Cortex-M3 at 25 MHz with a LAN9118 Ethernet chip.
//!
//! | module | holds |
//! |---|---|
//! | [`lan9118`] | the Ethernet chip |
//! | [`ethernet`] | the chip as smoltcp's device, and as embassy-net's driver |
//! | [`clock`] | milliseconds, and sleep |
//! | [`leds`] | two of them |
//! | [`random`](mod@random) | random numbers: the one function that a board replaces |
//! | [`key`] | the key of authenticated links |
//! | `crash` | what becomes of panics and hard faults: a line in the log, and an exit code |
//! | `embassy` | an executor and a time driver (feature `embassy`) |
//!
//! The log is defmt's, through semihosting: each line is a trap into QEMU, so it is for events, not for frames.
#![no_std]

use cortex_m::Peripherals;
use defmt_semihosting as _;

pub mod clock;
mod crash;
#[cfg(feature = "embassy")]
pub mod embassy;
pub mod ethernet;
pub mod key;
pub mod lan9118;
pub mod leds;
pub mod random;

use ethernet::Ethernet;
use lan9118::{Lan9118, StartError};
use leds::Leds;

/// What the board has.
pub struct Board {
    /// The network.
    pub ethernet: Ethernet,
    /// The lights.
    pub leds: Leds,
}

/// Starts the clock and the network.
///
/// # Errors
/// [`StartError`], also at a second call: there is one board.
pub fn start() -> Result<Board, StartError> {
    let core = Peripherals::take().ok_or(StartError::Twice)?;
    clock::start(core.SYST);
    let chip = Lan9118::start()?;
    Ok(Board { ethernet: Ethernet::new(chip), leds: Leds::new() })
}
