//! Length-prefix framing for byte streams, the same on a desktop and on a microcontroller.
//!
//! TCP delivers bytes, not messages: two sends can arrive as one read, one send as ten. ringframe gives a
//! stream its message boundaries back. It does no input or output, allocates nothing, has no dependency by
//! default, and no input makes it panic.
//!
//! # Receiving
//! ```
//! use ringframe::{Decoder, formats};
//!
//! # let mut chunks = [&b"\0\0\0\x05he"[..], b"llo\0", b"\0\0\0\0\0\0\x03abc"].into_iter();
//! # let mut next_chunk = || chunks.next();
//! # let mut seen = Vec::new();
//! # let mut handle = |payload: &[u8]| seen.push(payload.to_vec());
//! let mut decoder = Decoder::new(formats::U32_BE, [0; 1024]);   // 1. describe the wire, lend a store
//! while let Some(chunk) = next_chunk() {                        // 2. whatever arrived, cut anywhere
//!     let mut input = chunk;
//!     while let Some(frame) = decoder.decode(&mut input)? {     // 3. every frame in it
//!         handle(frame.payload());
//!     }
//! }
//! decoder.finish()?;                                            // 4. was the end between frames?
//! # assert_eq!(seen, [&b"hello"[..], b"", b"abc"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//! A reader that can fill a buffer spares a copy by filling the decoder's own:
//! ```
//! # use ringframe::{Decoder, Status, formats};
//! # let mut stream = &b"\0\x05hello\0\x03abc"[..];
//! # let mut read = |space: &mut [u8]| std::io::Read::read(&mut stream, space);
//! # let mut seen = Vec::new();
//! # let mut handle = |payload: &[u8]| seen.push(payload.to_vec());
//! let mut decoder = Decoder::new(formats::U16_BE, [0; 1024]);
//! loop {
//!     match decoder.poll()? {
//!         Status::Need(_) => match read(decoder.space())? {     // 2. fill what is free
//!             0 => break,
//!             n => decoder.commit(n)?,
//!         },
//!         Status::Ready => {                                    // 3. take what is there
//!             let Some(frame) = decoder.next_frame()? else { continue };
//!             handle(frame.payload());
//!         }
//!     }
//! }
//! decoder.finish()?;                                            // 4. was the end between frames?
//! # assert_eq!(seen, [&b"hello"[..], b"abc"]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//! [`peek`] finds the frame at the front of a buffer that is somebody else's. The loops that read from sockets and UARTs
//! are in the crate `ringframe-io`.
//!
//! # Sending
//! [`encode`] writes a frame into a slice, [`encode_header`] a header alone, [`Encoder`] queues frames for a transport that takes what it can.
//!
//! # Frames larger than the store
//! What happens to them is the verb's choice. [`decode`](Decoder::decode) takes them for an error;
//! [`event`](Decoder::event) gives them in pieces, up to a limit; [`discard`](Decoder::discard) skips the rest
//! of one, so that a link lives on. A device with 64 bytes to spare takes in what is much larger:
//! ```
//! use ringframe::{Decoder, Event, formats};
//!
//! # let wire = [&[0, 0, 0x10, 0][..], &[7; 4096], &[0, 0, 0, 2], b"ok"].concat();
//! let mut decoder = Decoder::new(formats::U32_BE, [0; 64]);
//! let mut sum = 0;
//! # let mut small = Vec::new();
//! for chunk in wire.chunks(100) {
//!     let mut input = chunk;
//!     while let Some(event) = decoder.event(&mut input, 1 << 20)? {
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
//!
//! # The wire
//! [`formats`] has the usual prefixes and the framing of 17 protocols as constants. [`LengthField`] describes any
//! header with a length in it, at run time; [`length_field!`] does so while compiling. Magic bytes or a checksum over the header are an
//! implementation of [`Header`], see there. Whatever the description, it drives both ways: what an encoder
//! writes the decoder reads.
//!
//! # Errors
//! One small enum for each operation. An error says what was wrong, with its numbers, and whether the peer
//! broke the protocol or the caller misused the API (`is_protocol()`). Frames that arrived before an error
//! are never lost to it.
//!
//! # Features
//! | feature | adds |
//! |---|---|
//! | `postcard` | `frame.message::<T>()` and `encoder.push_message(&T)`: any serde type as a payload |
//! | `heapless` | `heapless::Vec::try_from(frame)`: an owned payload without an allocator |
//! | `defmt` | `defmt::Format` on every public type |
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
pub mod formats;
mod frame;
mod header;
#[cfg(feature = "postcard")]
mod message;
mod ring;
mod store;

/// Whether code is spent on speed, as on 64-bit hosts: quick paths, inlined into the caller, in front of the general
/// ones. A small device has the general ones alone. What comes out is the same, and
/// `RUSTFLAGS="--cfg ringframe_small" cargo test` shows it on a host.
#[allow(unexpected_cfgs)]
const QUICK: bool = cfg!(target_pointer_width = "64") && !cfg!(ringframe_small);

pub use decoder::{Decoder, peek};
pub use encoder::{Encoder, FrameWriter, encode, encode_header, encode_parts};
pub use error::{CommitError, ConfigError, DecodeError, EncodeError, FinishError, HeaderError};
pub use frame::{Event, Frame, Peek, Status};
pub use header::{
    Checked, ConstLengthField, Endian, Header, LengthField, Limited, MAX_HEADER, Parsed, Width,
};
#[cfg(feature = "postcard")]
pub use message::MessageError;
pub use store::Store;

#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt as __defmt;
