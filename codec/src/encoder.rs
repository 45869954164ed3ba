//! The send side: [`encode`] into a slice, or an [`Encoder`] with an outgoing ring. Rules for who changes it:
//!
//! - Nothing half-happens: all sizes are known before the first byte becomes visible in the ring. A draft,
//!   which is a copy of the ring's cursors, is written to and then replaces them.
//! - The outgoing ring wraps anywhere; pending bytes are two slices.

use core::mem;

use crate::QUICK;
use crate::copy::copy;
use crate::decoder::{check_array, check_store};
use crate::error::{ConfigError, EncodeError};
use crate::header::{Header, MAX_HEADER};
use crate::ring::Ring;
use crate::store::Store;

/// Writes one frame into `out` and answers its length.
///
/// ```
/// let mut out = [0; 16];
/// let n = ringframe::encode(&ringframe::formats::U16_BE, b"hello", &mut out)?;
/// assert_eq!(&out[..n], b"\0\x05hello");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError::NoRoom`] with the size needed, and `out` as it was, if the frame doesn't fit;
/// [`EncodeError::TooLong`] or [`EncodeError::Unrepresentable`] if the format can't have such a frame.
#[inline(always)]
pub fn encode<H: Header>(format: &H, payload: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    match straight(format, payload, out) {
        Some(result) => result,
        None if QUICK => encode_parts(format, &[], &[payload], out),
        // The same for one part, inlined: of a header that always has its greatest length, only the error is left of it.
        None => {
            let (head, header) = head(format, &[], payload.len() as u64)?;
            let needed = (payload.len() as u64).saturating_add(header as u64);
            if needed > out.len() as u64 {
                return Err(EncodeError::NoRoom { needed, free: out.len() });
            }
            let n = copy(out, head.get(..header).unwrap_or_default());
            Ok(n.wrapping_add(copy(out.get_mut(n..).unwrap_or_default(), payload)))
        }
    }
}

/// The straight path of `encode` and `push`: with room for the longest header, it is written where it belongs.
#[inline(always)]
fn straight<H: Header>(format: &H, payload: &[u8], out: &mut [u8]) -> Option<Result<usize, EncodeError>> {
    let max = format.max_len();
    if (payload.len() as u64).saturating_add(max as u64) > format.max_frame().min(out.len() as u64) {
        return None;
    }
    let header = match format.write(&[], payload.len() as u64, out) {
        Ok(header) if header <= max => header,
        Ok(_) => return Some(Err(WROTE_TOO_MUCH)),
        Err(error) => return Some(Err(error)),
    };
    copy(out.get_mut(header..).unwrap_or_default(), payload);
    Some(Ok(header.wrapping_add(payload.len())))
}

const WROTE_TOO_MUCH: EncodeError = EncodeError::Refused("the header is longer than it may be");

/// Writes one frame, its payload given in parts, into `out` and answers its length. `fields` are the
/// header's bytes around the length field, in order.
///
/// # Errors
/// Those of [`encode`], and [`EncodeError::Fields`] if `fields` has another length than the header wants.
#[inline(never)]
pub fn encode_parts<H: Header>(
    format: &H,
    fields: &[u8],
    parts: &[&[u8]],
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let payload = total(parts);
    let (head, header) = head(format, fields, payload)?;
    let needed = payload.saturating_add(header as u64);
    if needed > out.len() as u64 {
        return Err(EncodeError::NoRoom { needed, free: out.len() });
    }
    let mut at: usize = 0;
    for part in [head.get(..header).unwrap_or_default()].iter().chain(parts) {
        at = at.wrapping_add(copy(out.get_mut(at..).unwrap_or_default(), part));
    }
    Ok(at)
}

/// Writes the header alone of a frame with `payload` bytes behind it into `out` and answers its length, at most
/// [`MAX_HEADER`]: for who sends the payload from where it is. `fields` are the header's bytes around the length field, in
/// order.
///
/// ```
/// let mut header = [0; ringframe::MAX_HEADER];
/// let n = ringframe::encode_header(&ringframe::formats::U32_BE, &[], 5 << 20, &mut header)?;
/// assert_eq!(header[..n], [0, 0x50, 0, 0]);
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
///
/// # Errors
/// Those of [`encode_parts`]; `NoRoom` is about the header.
#[inline]
pub fn encode_header<H: Header>(
    format: &H,
    fields: &[u8],
    payload: u64,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let (head, header) = head(format, fields, payload)?;
    let free = out.len();
    let (Some(room), Some(head)) = (out.get_mut(..header), head.get(..header)) else {
        return Err(EncodeError::NoRoom { needed: header as u64, free });
    };
    Ok(copy(room, head))
}

fn total(parts: &[&[u8]]) -> u64 {
    parts.iter().fold(0, |sum: u64, part| sum.saturating_add(part.len() as u64))
}

/// A header on the stack, for where it can't be written in place; and all the checks of it.
#[inline]
fn head<H: Header>(
    format: &H,
    fields: &[u8],
    payload: u64,
) -> Result<([u8; MAX_HEADER], usize), EncodeError> {
    let mut head = [0; MAX_HEADER];
    let header = format.write(fields, payload, &mut head)?;
    if header > format.max_len().min(MAX_HEADER) {
        return Err(WROTE_TOO_MUCH);
    }
    // Beyond 64 bits the decoder would not read it.
    let Some(frame) = payload.checked_add(header as u64) else {
        return Err(EncodeError::Unrepresentable { payload });
    };
    let limit = format.max_frame();
    if frame > limit { Err(EncodeError::TooLong { frame, limit }) } else { Ok((head, header)) }
}

/// Encoder of length-prefixed frames into an outgoing ring of fixed size.
///
/// `H` is the wire format, `B` the store. Frames go in whole or are refused; bytes come out in whatever
/// amounts the transport takes, and what is under way stays until it has gone out.
///
/// ```
/// use ringframe::{Encoder, formats};
///
/// let mut encoder = Encoder::new(formats::U32_BE, [0; 1024]);
/// encoder.push(b"hello")?;
/// encoder.push_parts(&[], &[b"scat", b"tered"])?;
///
/// let sent = 7; // what the transport took of `pending()`
/// assert_eq!(encoder.pending().0, b"\0\0\0\x05hello\0\0\0\x09scattered");
/// encoder.advance(sent);
/// assert_eq!(encoder.pending().0, b"lo\0\0\0\x09scattered");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
pub struct Encoder<H, B> {
    header: H,
    ring: Ring,
    /// What is missing of a payload of announced length.
    left: u64,
    frames: u32,
    high_water: u32,
    store: B,
}

impl<H: Header, const N: usize> Encoder<H, [u8; N]> {
    /// An encoder with an array as its store; see [`Decoder::new`](crate::Decoder::new).
    pub const fn new(format: H, store: [u8; N]) -> Self {
        const { check_array(H::MAX_LEN, N) };
        Self::with(format, store)
    }
}

impl<H, B> Encoder<H, B> {
    const fn with(header: H, store: B) -> Self {
        Self { header, ring: Ring::new(), left: 0, frames: 0, high_water: 0, store }
    }
}

/// Making one, and taking it apart.
impl<H: Header, B: Store> Encoder<H, B> {
    /// An encoder over any store.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`](crate::Decoder::try_new).
    pub fn try_new(format: H, store: B) -> Result<Self, ConfigError> {
        check_store(&format, store.as_ref().len())?;
        Ok(Self::with(format, store))
    }

    /// The wire format.
    pub const fn format(&self) -> &H {
        &self.header
    }

    /// Forgets everything that is pending or under way, for a new link. The counters stay.
    pub fn reset(&mut self) {
        self.advance(usize::MAX);
        self.left = 0;
    }

    /// The format, the store, and where in it the bytes are that are still to be sent.
    pub fn into_parts(mut self) -> (H, B, core::ops::Range<usize>) {
        self.ring.join(self.store.as_mut());
        let pending = self.ring.start()..self.ring.start().wrapping_add(self.ring.len());
        (self.header, self.store, pending)
    }
}

/// Putting frames in.
impl<H: Header, B: Store> Encoder<H, B> {
    /// Queues one frame, whole.
    ///
    /// # Errors
    /// Those of [`encode`], and [`EncodeError::MidPayload`]. Nothing is queued then.
    #[inline(always)]
    pub fn push(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        // Most frames find the ring linear, and room behind it.
        if QUICK
            && self.left == 0
            && !self.ring.is_wrapped()
            && let Some(room) = self.store.as_mut().get_mut(self.ring.end()..)
            && let Some(result) = straight(&self.header, payload, room)
        {
            self.ring.commit(result?);
            self.frames = self.frames.wrapping_add(1);
            return Ok(());
        }
        self.push_parts(&[], &[payload])
    }

    /// Queues one frame, whole, its payload given in parts; `fields` are the header's bytes around the
    /// length field, in order.
    ///
    /// # Errors
    /// Those of [`encode_parts`], and [`EncodeError::MidPayload`]. Nothing is queued then.
    #[inline(never)]
    pub fn push_parts(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), EncodeError> {
        self.between_frames()?;
        let payload = total(parts);
        let (head, header) = head(&self.header, fields, payload)?;
        let needed = payload.saturating_add(header as u64);
        let store = self.store.as_mut();
        let free = self.ring.free(store.len());
        if needed > free as u64 {
            return Err(EncodeError::NoRoom { needed, free });
        }
        self.ring.put(store, head.get(..header).unwrap_or_default());
        for part in parts {
            self.ring.put(store, part);
        }
        self.frames = self.frames.wrapping_add(1);
        Ok(())
    }

    /// Begins a frame whose length is not known yet: write to it, then [`FrameWriter::finish`] puts the
    /// length in front and makes it visible. Without that, nothing of it was ever there.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`], or those of [`encode_parts`] for an empty frame.
    pub fn begin<'e>(&'e mut self, fields: &'e [u8]) -> Result<FrameWriter<'e, H, B>, EncodeError> {
        self.between_frames()?;
        let least = self.header.min_payload();
        let (head, gap) = head(&self.header, fields, least)?;
        let mut draft = self.ring;
        let free = draft.free(self.store.as_ref().len());
        if gap > free {
            return Err(EncodeError::NoRoom { needed: gap as u64, free });
        }
        // Where the header will be; an empty payload's header is the shortest.
        draft.put(self.store.as_mut(), head.get(..gap).unwrap_or_default());
        Ok(FrameWriter { encoder: self, fields, draft, gap, written: 0 })
    }

    /// Begins a frame of announced length, whose payload then goes through [`feed`](Self::feed) in pieces;
    /// it may be larger than the store.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`], [`EncodeError::Fields`], [`EncodeError::Unrepresentable`],
    /// [`EncodeError::TooLong`], or [`EncodeError::NoRoom`] if the header doesn't fit. Nothing is queued then.
    pub fn start(&mut self, fields: &[u8], payload: u64) -> Result<(), EncodeError> {
        self.between_frames()?;
        let (head, header) = head(&self.header, fields, payload)?;
        let store = self.store.as_mut();
        let free = self.ring.free(store.len());
        if header > free {
            return Err(EncodeError::NoRoom { needed: header as u64, free });
        }
        self.ring.put(store, head.get(..header).unwrap_or_default());
        self.left = payload;
        if payload == 0 {
            self.frames = self.frames.wrapping_add(1);
        }
        Ok(())
    }

    /// Queues what there is room for of the next piece of an announced payload and answers how much that
    /// was; the frame is complete when [`left`](Self::left) is 0.
    ///
    /// # Errors
    /// [`EncodeError::Overrun`] if that is more than was announced. Nothing is queued then.
    pub fn feed(&mut self, piece: &[u8]) -> Result<usize, EncodeError> {
        let left = self.left;
        if piece.len() as u64 > left {
            return Err(EncodeError::Overrun { given: piece.len(), left });
        }
        let n = self.ring.put(self.store.as_mut(), piece);
        self.bypass(n)?;
        Ok(n)
    }

    /// Counts `n` bytes of an announced payload as sent without passing through the store: a transport that
    /// has them at hand spares a copy. They go out behind everything that is pending.
    ///
    /// # Errors
    /// [`EncodeError::Overrun`] if that is more than was announced. Nothing is counted then.
    pub fn bypass(&mut self, n: usize) -> Result<(), EncodeError> {
        let left = self.left;
        match left.checked_sub(n as u64) {
            None => Err(EncodeError::Overrun { given: n, left }),
            Some(rest) => {
                self.left = rest;
                if n > 0 && rest == 0 {
                    self.frames = self.frames.wrapping_add(1);
                }
                Ok(())
            }
        }
    }

    /// Queues what there is room for of bytes that are not framed, and answers how much that was: a preamble,
    /// content behind a header frame. The twin of [`Decoder::raw`](crate::Decoder::raw).
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`]. Nothing is queued then.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<usize, EncodeError> {
        self.between_frames()?;
        Ok(self.ring.put(self.store.as_mut(), bytes))
    }

    #[inline(always)]
    fn between_frames(&self) -> Result<(), EncodeError> {
        if self.left > 0 { Err(EncodeError::MidPayload { left: self.left }) } else { Ok(()) }
    }
}

/// Taking bytes out.
impl<H: Header, B: Store> Encoder<H, B> {
    /// What is to be sent, in order: two slices, the second empty unless the ring is wrapped.
    #[inline]
    pub fn pending(&self) -> (&[u8], &[u8]) {
        let store = self.store.as_ref();
        (self.ring.first(store), self.ring.second(store))
    }

    /// Lets go of the first `n` pending bytes, which were sent; of all, where there are fewer.
    #[inline]
    pub fn advance(&mut self, n: usize) {
        self.high_water = u32::try_from(self.high_water()).unwrap_or(u32::MAX);
        self.ring.release(n);
    }

    /// Moves pending bytes into `out` and answers how many.
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        let (first, second) = self.pending();
        let n = copy(out, first);
        let n = n.wrapping_add(copy(out.get_mut(n..).unwrap_or_default(), second));
        self.advance(n);
        n
    }

    /// How many bytes can be queued now, headers included. This is the back-pressure: take no
    /// request whose answer does not fit.
    #[inline]
    pub fn free(&self) -> usize {
        self.ring.free(self.store.as_ref().len())
    }

    /// How many bytes of an announced payload are still to be fed.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Whether nothing is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// How many bytes the store holds.
    pub fn capacity(&self) -> usize {
        self.store.as_ref().len()
    }

    /// How many frames were queued since the beginning; it wraps around.
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// The most bytes that were ever pending.
    pub fn high_water(&self) -> usize {
        (self.high_water as usize).max(self.ring.len())
    }
}

/// A frame that is being written into the ring, its length back-filled; see [`Encoder::begin`].
///
/// ```
/// use ringframe::{Encoder, formats};
///
/// let mut encoder = Encoder::new(formats::U32_BE, [0; 64]);
/// let mut frame = encoder.begin(&[])?;
/// frame.write(b"one, ")?;
/// frame.write(b"two")?;
/// frame.finish()?;
/// assert_eq!(encoder.pending().0, b"\0\0\0\x08one, two");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
#[must_use = "only `finish` makes the frame visible"]
pub struct FrameWriter<'e, H, B> {
    encoder: &'e mut Encoder<H, B>,
    fields: &'e [u8],
    /// The ring as it will be. Until `finish`, the encoder's own does not know of these bytes.
    draft: Ring,
    /// Length of the header for which room was left.
    gap: usize,
    written: usize,
}

impl<H: Header, B: Store> FrameWriter<'_, H, B> {
    /// Adds bytes to the payload, all or none.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], with what all of the frame would need.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let store = self.encoder.store.as_mut();
        let free = self.draft.free(store.len());
        if bytes.len() > free {
            let begun = self.gap.wrapping_add(self.written);
            return Err(EncodeError::NoRoom {
                needed: (begun as u64).saturating_add(bytes.len() as u64),
                free: begun.wrapping_add(free),
            });
        }
        self.draft.put(store, bytes);
        self.written = self.written.wrapping_add(bytes.len());
        Ok(())
    }

    /// How many bytes of payload were written.
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Puts the header in front and makes the frame visible.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`] if a longer varint makes the frame too large,
    /// [`EncodeError::Unrepresentable`], [`EncodeError::TooLong`]. Nothing is queued then.
    pub fn finish(mut self) -> Result<(), EncodeError> {
        let (head, header) = head(&self.encoder.header, self.fields, self.written as u64)?;
        let head = head.get(..header).unwrap_or_default();
        let store = self.encoder.store.as_mut();
        if let Some(by @ 1..) = header.checked_sub(self.gap) {
            // A longer varint than that of an empty payload: the payload moves.
            let free = self.draft.free(store.len());
            if by > free {
                let needed = self.written.wrapping_add(header);
                let free = needed.wrapping_sub(by).wrapping_add(free);
                return Err(EncodeError::NoRoom { needed: needed as u64, free });
            }
            let zeros = [0; MAX_HEADER];
            self.draft.put(store, zeros.get(..by).unwrap_or_default());
            self.draft.shift_newest(store, self.written, by);
        } else if header < self.gap {
            return Err(EncodeError::Refused("the header became shorter as the payload grew"));
        }
        // The same bytes that the draft skipped, seen from the ring as it was.
        mem::replace(&mut self.encoder.ring, self.draft).put(store, head);
        self.encoder.frames = self.encoder.frames.wrapping_add(1);
        Ok(())
    }
}

impl<H, B> core::fmt::Debug for Encoder<H, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encoder")
            .field("pending", &self.ring.len())
            .field("left", &self.left)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<H, B> defmt::Format for Encoder<H, B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let pending = self.ring.len();
        defmt::write!(f, "Encoder {{ pending: {}, left: {} }}", pending, self.left);
    }
}
