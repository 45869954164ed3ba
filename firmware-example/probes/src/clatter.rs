//! The cipher library's own handshake, for the same pattern and primitives, as its users drive it.

use clatter::NqHandshakeCore;
use clatter::crypto::cipher::ChaChaPoly;
use clatter::crypto::dh::X25519;
use clatter::crypto::hash::Blake2s;
use clatter::handshakepattern::noise_nn_psk0;
use clatter::traits::Handshaker;
use clatter::transportstate::TransportState;
use ringframe_io::noise::PROLOGUE;

use crate::noise::KEY;

/// Gives the same byte again and again, where a device has a generator: it makes the ephemeral key of the recording.
#[derive(Clone, Default)]
pub struct Fixed<const BYTE: u8>;

impl<const BYTE: u8> rand_core::RngCore for Fixed<BYTE> {
    fn next_u32(&mut self) -> u32 {
        u32::from_ne_bytes([BYTE; 4])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_ne_bytes([BYTE; 8])
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.fill(BYTE);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        bytes.fill(BYTE);
        Ok(())
    }
}

impl<const BYTE: u8> rand_core::CryptoRng for Fixed<BYTE> {}

pub type Transport = TransportState<ChaChaPoly, Blake2s>;
type Handshake<const E: u8> = NqHandshakeCore<X25519, ChaChaPoly, Blake2s, Fixed<E>>;

/// Takes the first message, writes the second, and returns what seals and opens.
#[inline(always)]
pub fn accept(first: &[u8], second: &mut [u8]) -> Option<Transport> {
    let mut handshake =
        Handshake::<0x22>::new(noise_nn_psk0(), &PROLOGUE, false, None, None, None, None).ok()?;
    handshake.push_psk(&KEY);
    handshake.read_message(first, &mut []).ok()?;
    handshake.write_message(&[], second).ok()?;
    handshake.finalize().ok()
}

/// Writes the first message, takes the second, and returns what seals and opens.
#[inline(always)]
pub fn connect(first: &mut [u8], second: &[u8]) -> Option<Transport> {
    let mut handshake =
        Handshake::<0x11>::new(noise_nn_psk0(), &PROLOGUE, true, None, None, None, None).ok()?;
    handshake.push_psk(&KEY);
    handshake.write_message(&[], first).ok()?;
    handshake.read_message(second, &mut []).ok()?;
    handshake.finalize().ok()
}
