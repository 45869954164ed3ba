//! Random numbers. **A board of your own replaces [`random`]**, by its hardware random number generator.

use semihosting::fs::File;
use semihosting::io::Read;

/// Returns fresh bytes of a cryptographically secure source.
///
/// Everything that must not be guessed comes from here: the ephemeral key of each authenticated link, and where TCP's
/// sequence numbers start. A counter, a clock or a fixed seed is not enough: two links with the same bytes make both
/// readable.
///
/// QEMU's board has no generator, so this asks the host, through semihosting.
///
/// # Panics
/// If there are none. A device without random numbers must not go on as if it had some.
pub fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    let read = File::open(c"/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    assert!(read.is_ok(), "no random numbers");
    bytes
}

/// Returns fresh bytes for a TCP/IP stack, which takes a seed of this size.
pub fn seed() -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = random();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
