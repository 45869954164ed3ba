//! Authenticated, encrypted links between parties that share a [`Key`]: a byte transport under the framing.
//!
//! Every link is [Noise](https://noiseprotocol.org/noise.html), `Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s`. What runs on it
//! is the same as on a plain connection: frames of any format and raw bytes, cut anywhere.

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod embedded;
#[cfg(feature = "embedded-io")]
pub mod embedded_io;
#[cfg(feature = "embedded-io-async")]
pub mod embedded_io_async;
mod error;
mod handshake;
mod inbox;
mod key;
mod link;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod receiver;
#[cfg(feature = "std")]
pub mod std;
#[cfg(feature = "tokio")]
pub mod tokio;

pub use error::{HandshakeError, LinkError};
pub use handshake::{Handshake, Session};
pub use key::{Ephemeral, Key};
pub use link::{Opened, Opener, Sealer};

type Cipher = clatter::cipherstate::CipherState<clatter::crypto::cipher::ChaChaPoly>;

/// What a client sends first, and the prologue that the handshake authenticates. Its fifth byte is the version, which
/// fixes the pattern. As a length of four bytes, of either endianness, the first four are more than any plain server
/// takes.
pub const PROLOGUE: [u8; 8] = *b"\xF1RFN\x01\r\n\0";

/// Length of each handshake message, bytes: a public key and a tag.
pub const HANDSHAKE_MESSAGE: usize = 48;

/// Length of a tag, bytes: what a message is longer than its plaintext.
pub const TAG: usize = 16;

/// The most plaintext in one message, bytes.
pub const MAX_PLAINTEXT: usize = 4096;

/// The largest message, bytes.
pub const MAX_MESSAGE: usize = MAX_PLAINTEXT + TAG;

/// How much a host reads at once, bytes.
#[cfg(feature = "std")]
const CHUNK: usize = 16 * 1024;

/// What a host keeps to be sent, bytes: three of the largest messages, and the end.
#[cfg(feature = "std")]
const STORE: usize = 3 * (2 + MAX_MESSAGE) + 2 + TAG;
