//! The messages of the handshake: what the Noise specification calls the symmetric state, and the pattern's tokens.

use clatter::cipherstate::CipherStates;
use clatter::crypto::cipher::ChaChaPoly;
use clatter::crypto::hash::Blake2s;
use clatter::symmetricstate::SymmetricState;

use super::{Ephemeral, HANDSHAKE_MESSAGE, HandshakeError, Key, PROLOGUE, TAG};

const NAME: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

pub(super) type Message = [u8; HANDSHAKE_MESSAGE];
pub(super) type Public = [u8; HANDSHAKE_MESSAGE - TAG];

/// The handshake's state as the Noise specification (revision 34, section 5.2) has it, and the two messages of the
/// pattern NNpsk0 (sections 7.4 and 9) in its tokens. Written out they need neither a table of patterns on a device
/// nor a random number generator of a type that the library chooses.
///
/// ```text
/// -> psk, e
/// <- e, ee
/// ```
pub(super) struct Symmetric(SymmetricState<ChaChaPoly, Blake2s>);

impl Symmetric {
    /// The beginning, with the first token: `psk`.
    pub(super) fn new(key: &Key) -> Self {
        let mut state = SymmetricState::new(NAME);
        state.mix_hash(&PROLOGUE);
        state.mix_key_and_hash(key.bytes());
        Self(state)
    }

    /// Message 1, by the client.
    pub(super) fn first(&mut self, e: &Ephemeral) -> Result<Message, HandshakeError> {
        let public = e.public().ok_or(HandshakeError::Authentication)?;
        self.e(&public);
        self.seal(public)
    }

    /// Message 1, by the server: the client's public key.
    pub(super) fn read_first(&mut self, message: &Message) -> Result<Public, HandshakeError> {
        let (re, tag) = split(message)?;
        self.e(re);
        self.open(tag)?;
        Ok(*re)
    }

    /// Message 2, by the server.
    pub(super) fn second(&mut self, e: &Ephemeral, re: &Public) -> Result<Message, HandshakeError> {
        let public = e.public().ok_or(HandshakeError::Authentication)?;
        self.e(&public);
        self.ee(e, re)?;
        self.seal(public)
    }

    /// Message 2, by the client.
    pub(super) fn read_second(&mut self, e: &Ephemeral, message: &Message) -> Result<(), HandshakeError> {
        let (re, tag) = split(message)?;
        self.e(re);
        self.ee(e, re)?;
        self.open(tag)
    }

    /// The token `e`, which in a handshake with a `psk` goes into the key, too.
    fn e(&mut self, public: &Public) {
        self.0.mix_hash(public);
        self.0.mix_key(public);
    }

    /// The token `ee`.
    fn ee(&mut self, e: &Ephemeral, re: &Public) -> Result<(), HandshakeError> {
        let shared = e.agree(re).ok_or(HandshakeError::Authentication)?;
        self.0.mix_key(&*shared);
        Ok(())
    }

    /// Ends a message that begins with a public key and has an empty payload: only the tag of that is behind it.
    fn seal(&mut self, public: Public) -> Result<Message, HandshakeError> {
        let mut message = [0; HANDSHAKE_MESSAGE];
        let (front, tag) = message.split_at_mut(public.len());
        front.copy_from_slice(&public);
        self.0.encrypt_and_hash(&[], tag).map_err(|_| HandshakeError::Authentication)?;
        Ok(message)
    }

    fn open(&mut self, tag: &[u8; TAG]) -> Result<(), HandshakeError> {
        self.0.decrypt_and_hash(tag, &mut []).map_err(|_| HandshakeError::Authentication)
    }

    pub(super) fn split(&self) -> Result<CipherStates<ChaChaPoly>, HandshakeError> {
        self.0.split().map_err(|_| HandshakeError::Authentication)
    }
}

/// A message's public key and its tag.
fn split(message: &Message) -> Result<(&Public, &[u8; TAG]), HandshakeError> {
    match (message.first_chunk(), message.last_chunk()) {
        (Some(public), Some(tag)) => Ok((public, tag)),
        _ => Err(HandshakeError::Authentication),
    }
}
