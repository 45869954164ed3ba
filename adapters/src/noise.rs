//! Authenticated, encrypted links between parties that share a [`Key`]: a byte transport under the framing. Frames of
//! any format, and raw bytes, run on a link as they do on a plain connection, cut anywhere.
//!
//! | | |
//! |---|---|
//! | [`Handshake`], [`Opener`], [`Sealer`] | the protocol alone, over any transport: no `std`, no allocator |
//! | `noise::tokio`, feature `tokio` | `connect` and `accept`: two halves, an `AsyncRead` and an `AsyncWrite` |
//! | `noise::std`, feature `std` | the same as `Read` and `Write` |
//! | `noise::embedded_io`, `noise::embedded_io_async` | the same on a device, features of those names |
//!
//! # On the wire
//! A link is `Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s` of the [Noise Protocol
//! Framework](https://noiseprotocol.org/noise.html), revision 34, with the shared key as its `psk` and [`PROLOGUE`]
//! as its prologue. Every library of it can be the other end.
//!
//! ```text
//! client                                    server
//! F1 52 46 4E 01 0D 0A 00                             the hello, also the prologue; 01 is the version
//! 00 30 | e: 32 bytes | tag: 16   ──────▶             message 1, with an empty payload
//!                                 ◀──────   00 30 | e: 32 bytes | tag: 16         message 2, the same
//! then in each direction, from nonce 0:
//! length: u16 big-endian | ciphertext: 1 to 4,096 bytes | tag: 16                 any number of messages
//! 00 10 | tag: 16                                     an empty plaintext: the end of this direction
//! ```
//! 1. The client sends nothing but the hello and message 1 before message 2 has decrypted.
//! 2. A server that finds another hello, length or tag closes, and says nothing. It never falls back to a plain
//!    connection.
//! 3. A length counts the message without itself, its tag included: [`HANDSHAKE_MESSAGE`] in the handshake, then
//!    [`TAG`] to [`MAX_MESSAGE`]. Any other length ends the link.
//! 4. The end of a direction is followed by that of the transport's (of TCP, a half-close), and by nothing else. The
//!    end of the transport without it is a stream cut off, and an error.
//! 5. A tag that fails ends the link; nothing of that message is delivered. There is no rekeying, and the last nonce
//!    ends the link, too.
//!
//! # It needs a transport with an end
//! By rule 4 the reader waits for the end of the transport's stream after that of the link. TCP has one for each
//! direction. A UART or another serial line has none: a link over it works until a side ends its direction, and then
//! the peer waits for ever, or finds the stream cut off once the line is closed. Over a line, use the sans-IO types: an
//! [`Opener`] says [`Opened::End`] as soon as the message is there.
//!
//! # What it protects from, and what not
//! - Nobody without the key can be either end, read what goes over the link, or change, repeat, reorder, leave out or
//!   cut off any of it unnoticed. Keys are fresh for each link: a party that learns the shared key later can't read
//!   recorded links.
//! - Everybody with the key can pose as the server, and as any client: use one key for each domain of trust.
//! - Message 1 can be a recorded one, so a server's handshake proves nothing: act on nothing before the first message
//!   has been opened. Only a client that is really there can have sealed that.
//! - To refuse a stranger takes the server some hashes, and no public-key operation, with each of its keys.
//! - Lengths and times are visible, and who talks to whom. So is a hello: a server can be found by its silence.
//!
//! # Memory
//! A link has three stores, which are arguments on a device: see [`Session::split`] and `Memory`.
//!
//! | store | bytes | |
//! |---|--:|---|
//! | read ahead | 1 or more | some hundred save calls to the transport |
//! | to receive | 4,112 | one message of any peer; [`receive_store`]`(n)` = n + 16 for messages of n bytes |
//! | to send | 37 or more | [`send_store`]`(n)` = n + 36 for messages of n bytes; how large they are is no concern of the peer's |
//!
//! With less memory to receive, messages in that direction are smaller, and **both ends must be configured so**: this
//! side by the store, the peer by `set_max_plaintext` on what it sends with. A larger message is
//! [`LinkError::Length`], as soon as its length is there. Programs that can't be configured, such as the command line
//! `ringframe`, send up to 4,096 bytes.
//!
//! Hosts allocate: they read 16 KiB at once, receive messages of any peer, and gather up to three of the largest for one
//! system call.
//!
//! What a link takes of a Cortex-M3 beside its stores, at `opt-level = "s"` with fat LTO by Rust 1.95
//! (`firmware-example/probes` measures and compares it):
//!
//! | | server | client | the cipher library's own handshake, as a server |
//! |---|--:|--:|--:|
//! | flash, with reading and writing | 21,284 | 21,884 | 23,898 |
//! | stack of the handshake, the link in use included, blocking | 3,724 | 3,516 | 6,028 |
//! | the same, asynchronous: stack and future | 1,860 and 1,144 | | |
//! | RAM of both halves, beside the transport and the stores | 224 | 224 | |
//! | instructions of the handshake | 3,179,000 | 3,180,000 | 3,130,000 |
//!
//! | | 16 bytes | 1,024 bytes |
//! |---|--:|--:|
//! | instructions to seal a message | 4,692 | 56,982 |
//! | instructions to open it | 5,151 | 50,613 |
//!
//! At 64 MHz, and an estimated 1.3 cycles for each instruction, a handshake takes 65 ms. In that time a server with a single loop does
//! nothing else.

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
mod device;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod driver;
#[cfg(feature = "embedded-io")]
pub mod embedded_io;
#[cfg(feature = "embedded-io-async")]
pub mod embedded_io_async;
mod error;
mod handshake;
#[cfg(feature = "std")]
mod host;
mod inbox;
mod key;
mod opener;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod receiver;
mod sealer;
mod session;
#[cfg(feature = "std")]
pub mod std;
mod symmetric;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(any(feature = "std", feature = "embedded-io", feature = "embedded-io-async"))]
mod transport;

#[cfg(any(feature = "embedded-io", feature = "embedded-io-async"))]
pub use device::Memory;
pub use error::{HalfError, HandshakeError, LinkError, StoreTooSmall};
pub use handshake::{Handshake, Step};
pub use key::{Ephemeral, Key};
pub use opener::{Opened, Opener};
pub use sealer::Sealer;
pub use session::Session;

type Cipher = clatter::cipherstate::CipherState<clatter::crypto::cipher::ChaChaPoly>;

/// What a client sends first, and the prologue that the handshake authenticates. Its fifth byte is the version, which
/// fixes the pattern. As a length of four bytes, of either endianness, the first four are more than any plain server
/// takes.
pub const PROLOGUE: [u8; 8] = *b"\xF1RFN\x01\r\n\0";

/// Length of each handshake message, bytes: a public key and a tag.
pub const HANDSHAKE_MESSAGE: usize = 48;

/// Length of a tag, bytes. A message is longer than its plaintext by this.
pub const TAG: usize = 16;

/// The most plaintext in one message, bytes.
pub const MAX_PLAINTEXT: usize = 4096;

/// The largest message, bytes.
pub const MAX_MESSAGE: usize = MAX_PLAINTEXT + TAG;

/// Returns the size of a store that receives messages with up to this much plaintext, bytes. Every peer may send
/// [`MAX_PLAINTEXT`], unless it was configured otherwise.
pub const fn receive_store(plaintext: usize) -> usize {
    plaintext.saturating_add(TAG)
}

/// Returns the size of a store that sends messages with up to this much plaintext, and the end of the link, bytes.
pub const fn send_store(plaintext: usize) -> usize {
    plaintext.saturating_add(2 * OVERHEAD)
}

/// Length of the length before each message, bytes.
const PREFIX: usize = 2;

/// What a message takes beside its plaintext, bytes.
const OVERHEAD: usize = PREFIX + TAG;

/// The nonce that the Noise specification reserves (revision 34, section 5.1): no message has it.
const NO_NONCE: u64 = u64::MAX;
