//! The send side: a queue of frames in a store, for a transport that takes what it can.
//!
//! # Theory
//! All or nothing: the lengths of a frame are known and checked before its first byte is visible in
//! the ring. [`FrameWriter`] writes to a draft, which is a copy of the ring's cursors, and puts it in
//! their place at the end.
//!
//! The outgoing ring wraps anywhere, so pending bytes are two slices.
//!
//! # Where to find what
//! - This file: the queue. Frames go in whole, and bytes come out.
//! - `announced.rs`: frames of announced length, and bytes outside frames.
//! - `frame_writer.rs`: frames whose length is filled in at the end.
//! - `slices.rs`: encoding into a slice, and the one place that measures a frame.
//! - `fast.rs`: for speed. It may only queue what `push_with` would.

mod announced;
#[cfg(all(target_pointer_width = "64", not(ringframe_small)))]
mod fast;
#[cfg(not(all(target_pointer_width = "64", not(ringframe_small))))]
#[path = "small.rs"]
mod fast;
mod frame_writer;
mod slices;

pub use frame_writer::FrameWriter;
pub use slices::{encode, encode_header, encode_with};

use core::ops::Range;

use announced::Announced;
use slices::{measure, total_len};

use crate::copy::copy;
use crate::decoder::{Left, check_array, check_format, check_limit};
use crate::error::{ConfigError, EncodeError};
use crate::format::{Format, Limited, MAX_HEADER, StaticFormat, Trailer};
use crate::ring::Ring;
use crate::store::{Stats, Store};

/// Encoder of length-prefixed frames into an outgoing ring of fixed size.
///
/// `F` is the wire format, `S` the store. Frames go in whole or are refused. Bytes come out in the
/// amounts that the transport takes. What is under way stays until it was sent. It can be unsized
/// behind a reference, as a [`Decoder`](crate::Decoder) can.
///
/// ```
/// use ringframe::{Encoder, formats};
///
/// let mut encoder = Encoder::new(formats::U32_BE, [0; 1024]);
/// encoder.push(b"hello")?;
/// encoder.push_with(&[], &[b"scat", b"tered"])?;
///
/// assert_eq!(encoder.pending().0, b"\0\0\0\x05hello\0\0\0\x09scattered");
/// let sent = 7; // what the transport took of `pending()`
/// encoder.advance(sent);
/// assert_eq!(encoder.pending().0, b"lo\0\0\0\x09scattered");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
pub struct Encoder<F: Format, S: ?Sized> {
    format: F,
    ring: Ring,
    announced: Option<Announced<F::Trailer>>,
    frames: u32,
    high_water: u32,
    store: S,
}

impl<F: StaticFormat, const N: usize> Encoder<F, [u8; N]> {
    /// Makes an encoder with an array as its store, see [`Decoder::new`](crate::Decoder::new).
    #[must_use]
    pub const fn new(format: F, store: [u8; N]) -> Self {
        const { check_array::<F>(N) };
        Self::with(format, store)
    }
}

impl<F: Format, S> Encoder<F, S> {
    const fn with(format: F, store: S) -> Self {
        Self { format, ring: Ring::new(), announced: None, frames: 0, high_water: 0, store }
    }
}

impl<F: Format, S: Store> Encoder<F, S> {
    /// Makes an encoder over any store.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`](crate::Decoder::try_new).
    pub fn try_new(format: F, store: S) -> Result<Self, ConfigError> {
        check_format(&format, store.as_ref().len())?;
        Ok(Self::with(format, store))
    }

    /// Takes the encoder apart. Send the pending bytes before anything else.
    pub fn into_parts(mut self) -> EncoderParts<F, S> {
        self.ring.join(self.store.as_mut());
        EncoderParts {
            payload_left: self.left(),
            pending: self.ring.range(),
            format: self.format,
            store: self.store,
        }
    }
}

/// The parts of an encoder, see [`Encoder::into_parts`].
// Not exhaustive: nothing takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct EncoderParts<F, S> {
    /// The wire format.
    pub format: F,
    /// The store.
    pub store: S,
    /// Where in the store the bytes are that are to be sent.
    pub pending: Range<usize>,
    /// How many bytes of an announced payload were not fed. 0 between frames.
    pub payload_left: u64,
}

/// The format.
impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Returns the wire format.
    pub const fn format(&self) -> &F {
        &self.format
    }

    /// Replaces the format, for example after a negotiation. Returns the old one.
    ///
    /// Frames that are queued stay as they are.
    ///
    /// # Errors
    /// [`ConfigError::MidPayload`] inside a payload of announced length, else those of
    /// [`try_new`](Self::try_new). Nothing is changed then.
    pub fn replace_format(&mut self, format: F) -> Result<F, ConfigError> {
        if let Some(Announced { left: Left(left), .. }) = self.announced {
            return Err(ConfigError::MidPayload { left });
        }
        check_format(&format, self.store.as_ref().len())?;
        Ok(core::mem::replace(&mut self.format, format))
    }
}

impl<F: Format, S: Store + ?Sized> Encoder<Limited<F>, S> {
    /// Changes the limit, for example to the one that was negotiated. It may be larger than before,
    /// but the format's own limit still counts. It takes effect with the next frame.
    ///
    /// # Errors
    /// [`ConfigError::LimitTooSmall`] if it leaves no room for a frame. Nothing is changed then.
    pub fn set_limit(&mut self, limit: u64) -> Result<(), ConfigError> {
        check_limit(&self.format, limit)?;
        self.format.set_limit(limit);
        Ok(())
    }
}

/// Queueing frames whole.
impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Queues one frame, whole.
    ///
    /// # Errors
    /// Those of [`encode`], and [`EncodeError::MidPayload`]. Nothing is queued then.
    #[inline(always)]
    pub fn push(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        self.quick_push(payload)
    }

    /// Queues one frame, whole, its payload given in parts.
    ///
    /// `fields` are the header's bytes other than the length field, in order.
    ///
    /// # Errors
    /// Those of [`encode_with`], and [`EncodeError::MidPayload`]. Nothing is queued then.
    #[inline(never)]
    pub fn push_with(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), EncodeError> {
        self.check_between_frames()?;
        let payload = total_len(parts.iter().copied());
        let lengths = measure(&self.format, fields, payload, self.format.limit())?;
        self.check_room(lengths.frame)?;
        let mut check = self.queue_header(fields, payload, lengths.header);
        let store = self.store.as_mut();
        for part in parts {
            self.ring.append_wrapping(store, part);
            check.update(part);
        }
        self.end_frame(&check);
        Ok(())
    }

    /// Writes a header to the queue and begins the check over its frame.
    #[inline]
    fn queue_header(&mut self, fields: &[u8], payload: u64, header: usize) -> F::Trailer {
        let mut head = [0; MAX_HEADER];
        let head = head.get_mut(..header).unwrap_or_default();
        self.format.write(fields, payload, head);
        self.ring.append_wrapping(self.store.as_mut(), head);
        if F::Trailer::MAX_LEN > 0 { self.format.begin_trailer(head) } else { F::Trailer::default() }
    }

    /// Writes the trailer to the queue and counts the frame.
    #[inline]
    fn end_frame(&mut self, check: &F::Trailer) {
        if F::Trailer::MAX_LEN > 0 {
            append_trailer(&mut self.ring, self.store.as_mut(), check, self.format.trailer_len());
        }
        self.count_frame();
    }

    #[inline(always)]
    fn count_frame(&mut self) {
        self.frames = self.frames.wrapping_add(1);
    }

    /// Refuses `needed` bytes if they are not free.
    #[inline]
    fn check_room(&self, needed: usize) -> Result<(), EncodeError> {
        let capacity = self.store.as_ref().len();
        let free = self.ring.free(capacity);
        if needed > free { Err(EncodeError::NoRoom { needed, free, capacity }) } else { Ok(()) }
    }

    #[inline(always)]
    fn check_between_frames(&self) -> Result<(), EncodeError> {
        match self.announced {
            Some(Announced { left: Left(left), .. }) => Err(EncodeError::MidPayload { left }),
            None => Ok(()),
        }
    }
}

/// Writes a trailer to a ring that has room for it.
fn append_trailer<T: Trailer>(ring: &mut Ring, store: &mut [u8], check: &T, len: usize) {
    let mut trailer = [0; MAX_HEADER];
    let trailer = trailer.get_mut(..len).unwrap_or_default();
    check.write(trailer);
    ring.append_wrapping(store, trailer);
}

/// Taking bytes out.
impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Returns what is to be sent, in order: two slices, the second empty unless the ring is wrapped.
    #[inline]
    #[must_use]
    pub fn pending(&self) -> (&[u8], &[u8]) {
        let store = self.store.as_ref();
        (self.ring.first(store), self.ring.second(store))
    }

    /// Releases the first `n` pending bytes after they were sent, or all if there are fewer.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.high_water = u32::try_from(self.stats().high_water).unwrap_or(u32::MAX);
        self.ring.release(n);
    }

    /// Moves pending bytes into `out` and returns how many.
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        let (first, second) = self.pending();
        let n = copy(out, first);
        let n = n.wrapping_add(copy(out.get_mut(n..).unwrap_or_default(), second));
        self.advance(n);
        n
    }

    /// Forgets everything that is pending or under way, for a new link. The counters stay.
    pub fn reset(&mut self) {
        self.advance(usize::MAX);
        self.announced = None;
    }

    /// Returns how many bytes can be queued now, headers included.
    ///
    /// This is the back-pressure: take no request whose reply does not fit.
    #[inline]
    pub fn free(&self) -> usize {
        self.ring.free(self.store.as_ref().len())
    }

    /// Returns how many bytes of an announced payload are still to be fed.
    pub fn left(&self) -> u64 {
        self.announced.map_or(0, |announced| announced.left.0)
    }

    /// Returns true if nothing is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// Returns how many bytes the store holds.
    pub fn capacity(&self) -> usize {
        self.store.as_ref().len()
    }

    /// Returns the counters.
    #[inline]
    pub fn stats(&self) -> Stats {
        Stats { frames: self.frames, high_water: (self.high_water as usize).max(self.ring.len()) }
    }
}

impl<F: Format + Clone, S: Clone> Clone for Encoder<F, S> {
    fn clone(&self) -> Self {
        Self { format: self.format.clone(), store: self.store.clone(), ..*self }
    }
}

impl<F: Format, S: ?Sized> core::fmt::Debug for Encoder<F, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encoder")
            .field("pending", &self.ring.len())
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<F: Format, S: ?Sized> defmt::Format for Encoder<F, S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Encoder {{ pending: {}, frames: {} }}", self.ring.len(), self.frames);
    }
}

#[cfg(test)]
mod tests;
