//! Length-prefix framing for byte streams, the same on a desktop and on a microcontroller.
//!
//! TCP delivers bytes, not messages: two sends can arrive as one read, one send as ten. ringframe
//! gives a stream its message boundaries back. It does no input or output, allocates nothing, has no
//! dependency by default, and no input makes it panic.
//!
//! # Words
//! A *frame* is a *header*, a *payload*, and in some formats a *trailer*. The header holds a *length
//! field*. Its other bytes are the *fields*. The *store* is the memory that the caller lends. A
//! *chunk* is what arrived in one read. *Unframed* bytes are those outside frames.
//!
//! # Receiving
//! ```
//! use ringframe::{Decoder, formats};
//!
//! # let mut chunks = [&b"\0\0\0\x05he"[..], b"llo\0", b"\0\0\0\0\0\0\x03abc"].into_iter();
//! # let mut next_chunk = || chunks.next();
//! # let mut seen = Vec::new();
//! # let mut handle = |payload: &[u8]| seen.push(payload.to_vec());
//! let mut decoder = Decoder::new(formats::U32_BE, [0; 1024]); // 1. describe the wire, lend a store
//! while let Some(mut chunk) = next_chunk() {                  // 2. whatever arrived, cut anywhere
//!     let mut frames = decoder.frames(&mut chunk);
//!     while let Some(frame) = frames.next()? {                // 3. every frame in it
//!         handle(frame.payload());
//!     }
//! }
//! decoder.end_of_input()?;                                    // 4. was the end between frames?
//! # assert_eq!(seen, [&b"hello"[..], b"", b"abc"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//! A reader that can fill a buffer spares a copy if it fills the decoder's own: [`Decoder::poll`]
//! shows that loop. [`Decoder`] has a table "which method do I call?". The loops that read from
//! sockets and UARTs are in the crate `ringframe-io`.
//!
//! # Sending
//! [`Encoder`] queues frames for a transport that takes what it can. [`encode`] writes a frame into a
//! slice, [`encode_header`] a header alone.
//!
//! # Limits and frames larger than the store
//! There is one limit, and it counts the whole frame. It is the size of the store unless the format
//! names another: `formats::U32_BE.with_limit(1 << 20)`. A frame beyond the limit is refused as soon
//! as its length is known. No payload is waited for or copied before.
//!
//! If the limit is larger than the store, larger frames come in pieces. A device with 64 bytes to
//! spare takes in a megabyte:
//! ```
//! use ringframe::{Decoder, Event, Format, formats};
//!
//! # let wire = [&[0, 0, 0x10, 0][..], &[7; 4096], &[0, 0, 0, 2], b"ok"].concat();
//! let mut decoder = Decoder::new(formats::U32_BE.with_limit(1 << 20), [0; 64]);
//! let mut sum = 0;
//! # let mut small = Vec::new();
//! for mut chunk in wire.chunks(100) {
//!     while let Some(event) = decoder.next_event(&mut chunk)? {
//!         match event {
//!             Event::Frame(frame) => { /* it fits: the usual case */
//! #               small.push(frame.payload().to_vec());
//!             }
//!             Event::Begin { payload, .. } => println!("{payload} bytes follow"),
//!             Event::Data(piece) => sum += piece.iter().map(|&byte| u32::from(byte)).sum::<u32>(),
//!             Event::End => println!("their sum is {sum}"),
//!         }
//!     }
//! }
//! # assert_eq!((sum, small), (7 * 4096, vec![b"ok".to_vec()]));
//! # Ok::<(), ringframe::DecodeError>(())
//! ```
//! [`discard`](Decoder::discard) skips the rest of such a frame, so that a link lives on.
//!
//! # The wire
//! [`formats`] has the usual prefixes and the framing of 17 protocols as constants. [`LengthField`]
//! describes any header with a length in it at run time, [`length_field!`] at compile time. Custom
//! headers, sync words and checksums are an implementation of [`Format`]. One description drives both
//! directions: what an encoder writes, the decoder reads.
//!
//! # Errors
//! There is one small enum for each operation. An error says what was wrong, with its numbers.
//! `is_protocol()` of what a decoder returns tells the peer's fault from the caller's. Frames that
//! arrived before an error are never lost to it.
//!
//! # Features
//! | feature | adds | oldest Rust |
//! |---|---|---|
//! | none | | 1.85 |
//! | `postcard` | `frame.message::<T>()` and `encoder.push_message(&T)`: any serde type as a payload | 1.85 |
//! | `heapless` | `heapless::Vec::try_from(frame)`: an owned payload without an allocator | 1.87 |
//! | `defmt` | `defmt::Format` on every public type | 1.85 |
#![no_std]
#![forbid(unsafe_code)]
// No panic is reachable: the lints find most of it early, and `tests/no-panic` links the rest into proof.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::panic_in_result_fn,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::unreachable
    )
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod copy;
mod decoder;
mod encoder;
mod error;
mod format;
pub mod formats;
mod frame;
#[cfg(feature = "postcard")]
mod message;
mod prefix;
mod ring;
mod store;

pub use decoder::{Decoder, DecoderParts, Frames};
pub use encoder::{Encoder, EncoderParts, FrameWriter, encode, encode_header, encode_with};
pub use error::{ConfigError, DecodeError, EncodeError, EndError, FilledError, HeaderError};
#[doc(hidden)]
pub use format::__fixed;
pub use format::{
    Endian, Format, LengthField, Limited, MAX_HEADER, Parsed, RuntimeFormat, StaticFormat, Trailer, Width,
};
pub use frame::{Event, Frame, Peek, Status};
#[cfg(feature = "postcard")]
pub use message::MessageError;
pub use prefix::peek;
pub use store::{Stats, Store};

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt as __defmt;
