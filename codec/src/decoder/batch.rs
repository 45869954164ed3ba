//! All frames of a chunk, for speed. It may only return what [`Decoder::advance`] would.
//!
//! While nothing is buffered, frames that are whole in the chunk are lent from it, and the decoder is
//! hardly touched between them. The two ends of a chunk have a straight path each: `begin` completes
//! the frame that an earlier chunk began, `keep` stores the beginning of the next one. Everything
//! else goes to the rule.

use super::rule::{Found, split};
use super::{Decoder, State};
use crate::error::DecodeError;
use crate::format::{Format, Parsed, Trailer};
use crate::frame::Frame;
use crate::prefix::{Prefix, frame_len, inspect, is_intact};
use crate::store::Store;

/// Where the next frame of a chunk is.
#[derive(Clone, Copy)]
pub(super) enum Phase {
    /// Nowhere: the chunk is used up.
    Done,
    /// In the store, whole, and nothing else is there.
    Store { header: usize, payload: usize },
    /// In the chunk, if it is whole there. Nothing is buffered.
    Chunk,
    /// The rule must say.
    Undecided,
}

/// What is at the front of a chunk.
enum Front<'i> {
    /// A whole frame, and what follows it.
    Frame(Frame<'i>, &'i [u8]),
    /// The first bytes of a frame of which `total` are wanted next.
    Part { total: usize, is_accepted: bool },
    /// The rule must say.
    Undecided,
}

/// The frames of a chunk, see [`Decoder::frames`].
#[must_use = "it returns frames only when asked with `next`"]
pub struct Frames<'c, 'i, F: Format, S: ?Sized> {
    decoder: &'c mut Decoder<F, S>,
    chunk: &'c mut &'i [u8],
    limit: usize,
    phase: Phase,
}

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Returns the frames of `chunk`, one after the other: the quickest way to take them.
    ///
    /// `chunk` and the counters are up to date after each frame. Stopping early, dropping or
    /// forgetting the returned value, or an error in the middle loses nothing: the rest of `chunk` can
    /// be given again.
    ///
    /// ```
    /// use ringframe::{Decoder, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U_8, [0; 16]);
    /// let mut chunk = &b"\x03one\x03two\x05th"[..];
    /// let mut frames = decoder.frames(&mut chunk);
    /// assert_eq!(frames.next()?.unwrap().payload(), b"one");
    /// assert_eq!(frames.next()?.unwrap().payload(), b"two");
    /// assert_eq!(frames.next()?, None);
    /// assert_eq!((chunk, decoder.missing()), (&b""[..], 3));
    /// # Ok::<(), ringframe::DecodeError>(())
    /// ```
    #[inline(always)]
    pub fn frames<'c, 'i>(&'c mut self, chunk: &'c mut &'i [u8]) -> Frames<'c, 'i, F, S> {
        let phase = self.begin(chunk);
        Frames { limit: self.new_frame_limit(), decoder: self, chunk, phase }
    }

    /// Takes from the chunk what is missing of the frame that has begun.
    #[inline(always)]
    pub(super) fn begin(&mut self, chunk: &mut &[u8]) -> Phase {
        loop {
            if self.only_extends(chunk) {
                return Phase::Done;
            }
            let missing = self.known_missing();
            if missing == 0 {
                return if self.is_between_frames() { Phase::Chunk } else { Phase::Undecided };
            }
            self.ring.append(self.store.as_mut(), split(chunk, missing).0);
            self.note_high_water();
            *chunk = split(chunk, missing).1;
            let (total, is_accepted) = match inspect(&self.format, self.buffered_bytes(), self.whole_limit())
            {
                Prefix::Complete { header, payload } if F::Trailer::MAX_LEN == 0 => {
                    return Phase::Store { header, payload };
                }
                Prefix::Header { total } => (total, false),
                Prefix::Partial { total } => (total, true),
                _ => return Phase::Undecided,
            };
            let wanted = self.ring.start().wrapping_add(total);
            if wanted > self.store.as_ref().len() || wanted <= self.ring.end() {
                return Phase::Undecided;
            }
            self.state = State::awaiting(wanted, is_accepted);
        }
    }

    /// Buffers a chunk that only extends the frame under way. Returns false for any other chunk.
    #[inline(always)]
    pub(super) fn only_extends(&mut self, chunk: &mut &[u8]) -> bool {
        let extends = chunk.len() < self.known_missing();
        if extends {
            self.ring.append_short(self.store.as_mut(), chunk);
            *chunk = &[];
        }
        extends
    }

    /// Returns true if nothing is buffered and a frame begins next.
    #[inline(always)]
    pub(super) fn is_between_frames(&self) -> bool {
        self.ring.is_empty() && matches!(self.state, State::Between)
    }

    /// Returns the next frame of a batch.
    #[inline(always)]
    pub(super) fn turn<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
        limit: usize,
        phase: &mut Phase,
    ) -> Result<Option<Frame<'d>>, DecodeError> {
        match *phase {
            Phase::Done => return Ok(None),
            Phase::Chunk => match front(&self.format, chunk, limit) {
                Front::Frame(frame, rest) => {
                    Self::touch_ahead(rest);
                    *chunk = rest;
                    self.complete();
                    return Ok(Some(frame));
                }
                Front::Part { total, is_accepted } if total <= self.store.as_ref().len() => {
                    self.keep(chunk, total, is_accepted);
                    *phase = Phase::Done;
                    return Ok(None);
                }
                Front::Part { .. } => *phase = Phase::Undecided,
                Front::Undecided => *phase = Phase::Undecided,
            },
            Phase::Store { header, payload } => {
                *phase = Phase::Chunk;
                return Ok(Some(self.lend_front(header, payload)));
            }
            Phase::Undecided => {}
        }
        let (rest, found) = self.advance_out_of_line(chunk);
        *chunk = rest;
        match found {
            Found::Nothing => Ok(None),
            Found::Frame { header, payload } => {
                if self.ring.len() as u64 <= frame_len(&self.format, header, payload as u64) {
                    *phase = Phase::Chunk;
                }
                Ok(Some(self.lend_frame(chunk, header, payload)))
            }
            Found::Oversized { header, payload } => Err(self.larger_than_store(header, payload)),
            Found::Fault(error) => Err(error),
        }
    }

    /// Stores the beginning of a frame. Nothing is buffered.
    #[inline(always)]
    fn keep(&mut self, chunk: &mut &[u8], total: usize, is_accepted: bool) {
        if chunk.is_empty() {
            return;
        }
        self.ring.append(self.store.as_mut(), chunk);
        self.state = State::awaiting(total, is_accepted);
        *chunk = &[];
    }

    /// `advance` with the chunk by value, so that a cursor over it stays in registers.
    #[cold]
    #[inline(never)]
    fn advance_out_of_line<'i>(&mut self, chunk: &'i [u8]) -> (&'i [u8], Found) {
        let mut rest = chunk;
        let found = self.advance(&mut rest);
        (rest, found)
    }
}

#[inline(always)]
fn front<'i, F: Format>(format: &F, chunk: &'i [u8], limit: usize) -> Front<'i> {
    if let Ok(Parsed::Frame { header, payload }) = format.parse(chunk) {
        let is_valid = header > 0 && header <= format.max_header();
        if is_valid && frame_len(format, header, payload) <= limit as u64 {
            if let Some((frame, rest)) =
                Frame::split_off(chunk, header, payload as usize, format.trailer_len())
            {
                let is_intact = is_intact(format, chunk, header, payload as usize);
                return if is_intact { Front::Frame(frame, rest) } else { Front::Undecided };
            }
        }
    }
    match inspect(format, chunk, limit) {
        Prefix::Header { total } => Front::Part { total, is_accepted: false },
        Prefix::Partial { total } => Front::Part { total, is_accepted: true },
        _ => Front::Undecided,
    }
}

impl<F: Format, S: Store + ?Sized> Frames<'_, '_, F, S> {
    /// Returns the next frame, or `None` if the chunk is used up.
    ///
    /// It is no `Iterator`, because a frame borrows the cursor until the next call. Write
    /// `while let Some(frame) = frames.next()? { … }`.
    ///
    /// # Errors
    /// Those of [`Decoder::next_frame`]. The rest of the chunk is not used.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        self.decoder.turn(self.chunk, self.limit, &mut self.phase)
    }
}

#[cfg(feature = "defmt")]
impl<F: Format, S: ?Sized> defmt::Format for Frames<'_, '_, F, S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Frames {{ left: {} }}", self.chunk.len());
    }
}

impl<F: Format, S: ?Sized> core::fmt::Debug for Frames<'_, '_, F, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frames").field("left", &self.chunk.len()).finish_non_exhaustive()
    }
}
