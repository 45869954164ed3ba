//! The receive side: bytes in, frames out.
//!
//! # Theory
//! The store holds the bytes that arrived and were not taken, in a [`Ring`]. The oldest byte begins a
//! frame (or is inside a payload that is returned in pieces). Two cursors matter: where the buffered
//! bytes end, and `wanted`, the place that they must reach before anything new can be decided.
//!
//! ```text
//!  a frame that has begun                        whole frames wait, and more was read ahead
//!  0    start      end      wanted   cap         0     tail       start       end    cap
//!  | free |##########|........|  free  |         |##part##|  free  |#frame##frame#|   |
//!         |<----- one frame ----->|              |<- begins a frame
//! ```
//! - The ring wraps only between frames, so a frame is always one slice.
//! - A partial frame that would cross the end of the store moves to the front first. A byte moves at
//!   most once.
//! - While nothing is buffered, whole frames are lent from the caller's chunk without a copy.
//! - What is buffered decides what comes next. The state adds only what the bytes can't tell.
//! - An error is not a state. The bytes at fault stay buffered, so every later call finds them again.
//!
//! # Where to find what
//! - `rule.rs`: the one method that decides, [`Decoder::advance`]. Read it first.
//! - `chunks.rs`, `reading.rs`: the public methods, for chunks at hand and for a read loop.
//! - `questions.rs`: what is missing, and how the input ended.
//! - `recovery.rs`: starting over, finding the next frame after a fault.
//! - `batch.rs`, `fast.rs`: for speed. They may only return what the rule would. Small devices have
//!   `small.rs` in place of `fast.rs`.
//!
//! # Rules for changes
//! - Only [`Decoder::advance`] judges a frame, and only [`Decoder::complete`] counts one. The methods
//!   around it refuse what their caller can't take, and the trailer of a streamed payload.
//! - A shortcut needs no test of its own: the model and the vectors compare each with the rule, in
//!   every state that they reach (`tests/src/rule.rs`).
//! - A new state needs an arm in `rule.rs` and in `questions.rs`. The compiler asks for both.
//! - No indexing and no arithmetic that can overflow: `tests/no-panic` must link.

mod batch;
mod chunks;
#[cfg(all(target_pointer_width = "64", not(ringframe_small)))]
mod fast;
#[cfg(not(all(target_pointer_width = "64", not(ringframe_small))))]
#[path = "small.rs"]
mod fast;
mod questions;
mod reading;
mod recovery;
mod rule;

pub use batch::Frames;

use core::ops::Range;

use crate::error::ConfigError;
use crate::format::{Format, Limited, MAX_HEADER, StaticFormat, Trailer};
use crate::ring::Ring;
use crate::store::Store;

/// A number of payload bytes: 64 bits that are aligned to four, which spares a device eight bytes.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
pub(crate) struct Left(pub(crate) u64);

/// What is awaited. `wanted` is an offset in the store. The bytes from the newest one up to it are free.
///
/// A faulty header is in `Header`, a frame with a wrong trailer in `Frame`, its bytes up to `wanted`.
#[derive(Clone, Copy)]
enum State<T> {
    /// A frame, of which nothing is known. What is buffered has not been judged.
    Between,
    /// More of a frame whose length is not known, until the buffered bytes reach `wanted`.
    Header { wanted: usize },
    /// The rest of a frame whose length is within the limit, until they reach `wanted`.
    Frame { wanted: usize },
    /// More of a payload that is returned in pieces. At least one byte is left.
    Streaming { left: Left, check: T },
    /// The trailer of such a payload, all of which was returned.
    Ending { check: T },
    /// More of a frame that is to be skipped. At least one byte is left, and nothing is buffered.
    Skipping { left: Left },
}

impl<T> State<T> {
    /// A frame that is awaited up to `wanted`. Its length is accepted, or not known yet.
    #[inline(always)]
    fn awaiting(wanted: usize, is_accepted: bool) -> Self {
        if is_accepted { Self::Frame { wanted } } else { Self::Header { wanted } }
    }
}

/// Incremental decoder of length-prefixed frames over a fixed store.
///
/// `F` is the wire format, `S` the store: an array, a lent `&'static mut [u8]`, a `Box<[u8]>`. A
/// decoder takes at most 32 bytes beside its store on a 32-bit device. It can be unsized behind a
/// reference: `&mut Decoder<F, [u8; 64]>` is also a `&mut Decoder<F, [u8]>`.
///
/// # Which method do I call?
/// | you have | call |
/// |---|---|
/// | a chunk of bytes | [`frames`](Self::frames) for all frames in it |
/// | a chunk, but no loop around it | [`next_frame`](Self::next_frame), one frame a call |
/// | a reader that can fill a buffer | [`poll`](Self::poll), [`space`](Self::space), [`filled`](Self::filled), [`take_frame`](Self::take_frame) |
/// | an interrupt that delivers bytes | [`next_frame`](Self::next_frame) with a chunk of one byte |
/// | frames larger than the store | [`next_event`](Self::next_event) or [`take_event`](Self::take_event), and a format with a limit |
/// | a buffer that you own | [`peek`](crate::peek), without a decoder |
/// | bytes outside frames | [`unframed`](Self::unframed) or [`take_unframed`](Self::take_unframed) |
///
/// ```
/// use ringframe::{Decoder, formats};
///
/// let mut decoder = Decoder::new(formats::U16_BE, [0; 64]);
/// let mut seen = vec![];
/// for mut chunk in [&b"\0\x05he"[..], b"llo\0\x02", b"ok"] {
///     let mut frames = decoder.frames(&mut chunk);
///     while let Some(frame) = frames.next()? {
///         seen.push(frame.payload().to_vec());
///     }
/// }
/// decoder.end_of_input()?;
/// assert_eq!(seen, [&b"hello"[..], b"ok"]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Decoder<F: Format, S: ?Sized> {
    format: F,
    ring: Ring,
    state: State<F::Trailer>,
    frames: u32,
    high_water: u32,
    store: S,
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Decoder<crate::formats::U32Be, [u8; 64]>>() <= 64 + 32);

impl<F: StaticFormat, const N: usize> Decoder<F, [u8; N]> {
    /// Makes a decoder with an array as its store.
    ///
    /// A store that can't hold a header and a trailer does not compile:
    /// ```compile_fail
    /// ringframe::Decoder::new(ringframe::formats::U32_BE, [0; 3]);
    /// ```
    /// It is `const`, so a decoder can be in a `static`. It does not check the format's limit, as
    /// [`try_new`](Self::try_new) does: with a limit smaller than a header, every frame is refused.
    #[must_use]
    pub const fn new(format: F, store: [u8; N]) -> Self {
        const { check_array::<F>(N) };
        Self::with(format, store)
    }
}

impl<F: Format, S> Decoder<F, S> {
    const fn with(format: F, store: S) -> Self {
        Self { format, ring: Ring::new(), state: State::Between, frames: 0, high_water: 0, store }
    }
}

impl<F: Format, S: Store> Decoder<F, S> {
    /// Makes a decoder over any store.
    ///
    /// # Errors
    /// [`ConfigError::StoreTooSmall`] if the store can't hold a header and a trailer,
    /// [`ConfigError::HeaderTooLong`] if either can be longer than [`MAX_HEADER`],
    /// [`ConfigError::LimitTooSmall`] if the format's limit leaves no room for a frame.
    pub fn try_new(format: F, store: S) -> Result<Self, ConfigError> {
        check_format(&format, store.as_ref().len())?;
        Ok(Self::with(format, store))
    }

    /// Takes the decoder apart, for example to go on with another type of format.
    ///
    /// Call it between frames: a payload that is returned in pieces can only be skipped afterwards.
    /// The counters are lost.
    ///
    /// ```
    /// use ringframe::{Decoder, DecoderParts, formats};
    ///
    /// // The first frame says that the rest has longer prefixes.
    /// let mut decoder = Decoder::new(formats::U_8, [0; 64]);
    /// let mut chunk = &b"\x02hi\0\x02yo"[..];
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"hi");
    ///
    /// let DecoderParts { store, buffered, frame_left, .. } = decoder.into_parts();
    /// let parts = DecoderParts { format: formats::U16_BE, store, buffered, frame_left };
    /// let mut decoder = Decoder::from_parts(parts)?;
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"yo");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    pub fn into_parts(mut self) -> DecoderParts<F, S> {
        self.ring.join(self.store.as_mut());
        DecoderParts {
            frame_left: self.frame_left(),
            buffered: self.ring.range(),
            format: self.format,
            store: self.store,
        }
    }

    /// Makes a decoder of parts. The buffered bytes are the first of the stream. If `frame_left` is
    /// not 0, that many bytes are skipped first.
    ///
    /// # Errors
    /// Those of [`try_new`](Self::try_new).
    pub fn from_parts(parts: DecoderParts<F, S>) -> Result<Self, ConfigError> {
        let DecoderParts { format, store, buffered, frame_left } = parts;
        let mut decoder = Self::try_new(format, store)?;
        decoder.ring = Ring::from_range(buffered, decoder.store.as_ref().len());
        decoder.note_high_water();
        if frame_left > 0 {
            decoder.state = State::Skipping { left: Left(frame_left) };
            decoder.skip_buffered();
        }
        Ok(decoder)
    }
}

/// The parts of a decoder, see [`Decoder::into_parts`].
// Exhaustive: `from_parts` takes one that the caller wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DecoderParts<F, S> {
    /// The wire format.
    pub format: F,
    /// The store.
    pub store: S,
    /// Where in the store the bytes are that arrived but were not taken.
    pub buffered: Range<usize>,
    /// How many bytes of a streamed or skipped frame are left, trailer included. They come first, in
    /// `buffered` and in what arrives next. 0 between frames.
    pub frame_left: u64,
}

/// The format.
impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Returns the wire format.
    pub const fn format(&self) -> &F {
        &self.format
    }

    /// Replaces the format, for example after a negotiation. Returns the old one.
    ///
    /// The bytes that are buffered stay, and are read in the new format.
    ///
    /// # Errors
    /// [`ConfigError::MidPayload`] inside a frame that is streamed or skipped, else those of
    /// [`try_new`](Self::try_new). Nothing is changed then.
    pub fn replace_format(&mut self, format: F) -> Result<F, ConfigError> {
        if self.is_in_payload() {
            return Err(ConfigError::MidPayload { left: self.frame_left() });
        }
        check_format(&format, self.store.as_ref().len())?;
        self.forget_verdict();
        Ok(core::mem::replace(&mut self.format, format))
    }
}

impl<F: Format, S: Store + ?Sized> Decoder<Limited<F>, S> {
    /// Changes the limit, for example to the one that was negotiated. It may be larger than before,
    /// but the format's own limit still counts.
    ///
    /// It takes effect with the next frame. A frame that fits the store and whose length is known
    /// already keeps the old limit, and so does one that is being returned in pieces.
    ///
    /// ```
    /// use ringframe::{Decoder, DecodeError, Format, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U16_BE.with_limit(10), [0; 256]);
    /// let mut chunk = &b"\0\x0ba long one."[..];
    /// let too_long = DecodeError::TooLong { declared: 13, limit: 10 };
    /// assert_eq!(decoder.next_frame(&mut chunk), Err(too_long));
    ///
    /// decoder.set_limit(100)?;
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"a long one.");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::LimitTooSmall`] if it leaves no room for a frame. Nothing is changed then.
    pub fn set_limit(&mut self, limit: u64) -> Result<(), ConfigError> {
        check_limit(&self.format, limit)?;
        self.format.set_limit(limit);
        Ok(())
    }
}

/// The checks of `new`, at compile time.
pub(crate) const fn check_array<F: StaticFormat>(store: usize) {
    let trailer = <F::Trailer as Trailer>::MAX_LEN;
    assert!(F::MAX_HEADER <= MAX_HEADER, "a header can't be longer than 64 bytes");
    assert!(trailer <= MAX_HEADER, "a trailer can't be longer than 64 bytes");
    assert!(F::MAX_HEADER + trailer <= store, "the store is smaller than a header and a trailer");
}

/// The checks of `try_new`.
pub(crate) fn check_format<F: Format>(format: &F, store: usize) -> Result<(), ConfigError> {
    let (header, trailer) = (format.max_header(), format.trailer_len());
    if header > MAX_HEADER || trailer > MAX_HEADER {
        return Err(ConfigError::HeaderTooLong { max: MAX_HEADER });
    }
    if trailer > F::Trailer::MAX_LEN {
        return Err(ConfigError::HeaderTooLong { max: F::Trailer::MAX_LEN });
    }
    let needed = header.wrapping_add(trailer);
    if needed > store {
        return Err(ConfigError::StoreTooSmall { store, needed });
    }
    format.limit().map_or(Ok(()), |limit| check_limit(format, limit))
}

/// A limit must leave room for the smallest frame.
pub(crate) fn check_limit<F: Format>(format: &F, limit: u64) -> Result<(), ConfigError> {
    let around = format.min_header().saturating_add(format.trailer_len());
    let needed = format.min_payload().saturating_add(around as u64);
    if limit < needed { Err(ConfigError::LimitTooSmall { limit, needed }) } else { Ok(()) }
}

impl<F: Format + Clone, S: Clone> Clone for Decoder<F, S> {
    fn clone(&self) -> Self {
        Self { format: self.format.clone(), store: self.store.clone(), ..*self }
    }
}

impl<F: Format, S: ?Sized> core::fmt::Debug for Decoder<F, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder")
            .field("buffered", &self.ring.len())
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<F: Format, S: ?Sized> defmt::Format for Decoder<F, S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let buffered = self.ring.len();
        defmt::write!(f, "Decoder {{ buffered: {}, frames: {} }}", buffered, self.frames);
    }
}

#[cfg(test)]
mod tests;
