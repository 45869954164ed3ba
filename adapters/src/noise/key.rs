//! The secrets: what both sides were given, and what each makes for one connection.

use core::fmt;

use clatter::bytearray::SensitiveByteArray;
use clatter::crypto::dh::X25519;
use clatter::traits::Dh;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key that two or more parties share: whoever has it can connect, and can pose as the server.
///
/// It is wiped from memory when it is dropped, and never shown.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key([u8; Self::LEN]);

impl Key {
    /// Length, bytes.
    pub const LEN: usize = 32;

    /// A key of these bytes, which are all random: never a password, or anything else that can be guessed.
    pub const fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    pub(super) const fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl From<[u8; Self::LEN]> for Key {
    fn from(bytes: [u8; Self::LEN]) -> Self {
        Self::new(bytes)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The secret half of an X25519 key pair that serves one handshake: it can't be cloned, and a handshake takes it.
///
/// It is wiped from memory when it is dropped, and never shown.
pub struct Ephemeral(SensitiveByteArray<[u8; 32]>);

impl Ephemeral {
    /// One of 32 bytes from a cryptographically secure source, a hardware random number generator say. The same
    /// bytes twice make the messages of both connections readable.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(SensitiveByteArray::new(secret))
    }

    /// One from the operating system.
    ///
    /// # Errors
    /// The system's, where it has no random numbers.
    #[cfg(feature = "std")]
    pub fn random() -> std_crate::io::Result<Self> {
        let mut secret = SensitiveByteArray::new([0; 32]);
        getrandom::fill(&mut *secret)?;
        Ok(Self(secret))
    }

    /// Returns the public half, which is what RFC 7748 (section 6.1) calls `X25519(a, 9)`.
    ///
    /// The library has another way for this one point. On a Cortex-M3 it saves 2 % of a handshake's instructions, and
    /// costs 2 KiB of flash and 1.5 KiB of stack.
    pub(super) fn public(&self) -> Option<[u8; 32]> {
        let mut base = [0; 32];
        base[0] = 9;
        self.agree(&base).map(|public| *public)
    }

    /// Returns the secret that is shared with the owner of the secret half of `public`.
    ///
    /// By itself, so that its large frame is not on the stack while the handshake goes on.
    #[inline(never)]
    pub(super) fn agree(&self, public: &[u8; 32]) -> Option<SensitiveByteArray<[u8; 32]>> {
        X25519::dh(&self.0, public).ok()
    }
}

impl fmt::Debug for Ephemeral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ephemeral(…)")
    }
}
