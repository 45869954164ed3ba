//! The receive side. Theory, and rules for who changes it:
//!
//! - The ring holds bytes of the stream, oldest first, and while the state is `Frame` the oldest is the
//!   first byte of a frame (behind `raw`, which joins the ring, of whatever comes). It wraps only between
//!   frames: the second segment begins with a frame, so no frame is ever in two pieces.
//! - What the ring holds decides what comes next; the state adds only what the bytes can't tell. An error
//!   is not a state: the header at fault stays in the ring and is found again by every later call.
//! - `step` decides everything and is alone in refusing. A small device has nothing else; what follows is in front of
//!   it where code is spent on speed ([`QUICK`]), and must never come to another answer. On a small device `step` is
//!   inlined into the one `decode` or `event` that a program calls, which spares it all that passes between them.
//! - While nothing is buffered, whole frames are lent from the caller's chunk, and nothing is copied: `pass`.
//!   Whole frames in the ring: `whole` and `take`. These are inlined into `decode`.
//! - A chunk that doesn't complete what is awaited is a `drip`: a comparison and a copy, and no header is
//!   parsed again, because what is `missing` is remembered.
//! - `collect` is the straight path for the usual rest: a frame begins at the end of a chunk, is completed, or
//!   a short chunk is kept whole. It falls back to `step`.
//! - What is out of line takes the chunk by value and answers how much of it was used, so that the chunk stays
//!   in registers.

use core::hint::black_box;

use crate::QUICK;
use crate::error::{CommitError, ConfigError, DecodeError, FinishError, HeaderError};
use crate::frame::{Event, Frame, Peek, Status};
use crate::header::{Header, MAX_HEADER, Parsed};
use crate::ring::{Ring, cold_nothing};
use crate::store::Store;

/// A chunk of at most this many bytes is kept whole once something is buffered: one copy of a steady
/// length instead of two odd ones, one for the end of a frame and one for the beginning of the next.
const SHORT: usize = 256;

/// From this many released bytes on, a partial frame that is not larger moves to the front of the store,
/// so that small frames go through the same, cached, part of a large store.
const NEAR: usize = 4096;

/// How far ahead `pass` touches the chunk: three cache lines. Between 128 and 512 it makes little difference.
const AHEAD: usize = 192;

/// Bytes of a payload, in 64 bits but aligned to four bytes: eight bytes less of RAM on a device.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Left(u64);

/// What is awaited.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A frame. With `missing` 0, what is buffered, or in the next chunk, is to be looked at. Else some of
    /// the frame is buffered, nothing behind it, and that many bytes more must be before there is anything
    /// new to decide; room for them is there, in one piece.
    Frame { missing: usize },
    /// More of the payload of a frame that `event` began; with `left` 0, the call that says `End`.
    Payload { left: Left },
    /// The same of a frame that is to be skipped.
    Skip { left: Left },
}

const LOOK: State = State::Frame { missing: 0 };

/// What the first bytes of a frame tell.
#[derive(Clone, Copy)]
// A number of its own, and not one that hides in the error, is tested quicker on a 32-bit device.
#[repr(u32)]
enum Look {
    /// Nothing before the frame's first that many bytes are there.
    Need(usize),
    /// It is all there.
    Whole { header: usize, frame: usize },
    /// It is beyond the limit of whole frames.
    Large { header: usize, frame: u64 },
    /// It is none.
    Refused(DecodeError),
}

#[inline(always)]
fn look<H: Header>(format: &H, window: &[u8], limit: u64) -> Look {
    let least = format.min_len().min(format.max_len());
    if window.len() < least {
        return Look::Need(least);
    }
    match format.parse(window) {
        Ok(Parsed::Frame { header, frame }) => {
            if header as u64 > frame || header > format.max_len() || header == 0 {
                Look::Refused(HeaderError::Inconsistent.into())
            } else if frame > limit {
                Look::Large { header, frame }
            } else {
                // Not cut off: the limit is the length of a slice at most.
                let frame = frame as usize;
                if frame <= window.len() { Look::Whole { header, frame } } else { Look::Need(frame) }
            }
        }
        Ok(Parsed::Need(n)) if n > window.len() && n <= format.max_len() => Look::Need(n),
        Ok(Parsed::Need(_)) => Look::Refused(HeaderError::Inconsistent.into()),
        Err(error) => Look::Refused(error.into()),
    }
}

/// The frame at the front of `bytes`, or how many bytes it takes: for who keeps what arrives in a buffer of their own
/// that grows, with no [`Decoder`] and its store. The limit is the format's own, see [`Header::with_limit`].
///
/// ```
/// use ringframe::{Peek, formats, peek};
///
/// let mut buffer = b"\0\x05hello\0\x03ab".to_vec();
/// let Peek::Frame(frame) = peek(&formats::U16_BE, &buffer)? else { panic!("it is there") };
/// assert_eq!(frame.payload(), b"hello");
/// let used = frame.bytes().len();
/// buffer.drain(..used);
/// assert_eq!(peek(&formats::U16_BE, &buffer)?, Peek::Need(5));
/// # Ok::<(), ringframe::DecodeError>(())
/// ```
///
/// # Errors
/// A header that can't be, or a frame beyond the format's limit, or longer than a slice can be.
#[inline]
pub fn peek<'a, H: Header>(format: &H, bytes: &'a [u8]) -> Result<Peek<'a>, DecodeError> {
    let limit = format.max_frame().min(isize::MAX as u64);
    match look(format, bytes, limit) {
        Look::Need(frame) => Ok(Peek::Need(frame)),
        Look::Whole { header, frame } => Ok(Peek::Frame(Frame::new(split(bytes, frame).0, header))),
        Look::Large { frame: declared, .. } => Err(DecodeError::TooLong { declared, limit }),
        Look::Refused(error) => Err(error),
    }
}

/// Incremental decoder of length-prefixed frames over a fixed store.
///
/// `H` is the wire format, `B` the store: an array, a lent `&'static mut [u8]`, a `Box<[u8]>`. Besides the
/// store it takes 32 bytes on a 32-bit device. The crate's front page shows it at work.
///
/// Bytes come in either way, also in turns: [`decode`](Self::decode) and [`event`](Self::event) take them
/// from chunks that the caller has, [`space`](Self::space) and [`commit`](Self::commit) let a reader put
/// them into the store itself.
pub struct Decoder<H, B> {
    header: H,
    ring: Ring,
    state: State,
    frames: u32,
    high_water: u32,
    store: B,
}

#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Decoder<crate::formats::U32Be, [u8; 64]>>() <= 64 + 32);

impl<H: Header, const N: usize> Decoder<H, [u8; N]> {
    /// A decoder with an array as its store, for a format whose headers are known while compiling: a store
    /// that can't hold a header, or another format, does not compile.
    ///
    /// ```compile_fail
    /// ringframe::Decoder::new(ringframe::formats::U32_BE, [0; 3]);
    /// ```
    pub const fn new(format: H, store: [u8; N]) -> Self {
        const { check_array(H::MAX_LEN, N) };
        Self::with(format, store)
    }
}

impl<H, B> Decoder<H, B> {
    const fn with(header: H, store: B) -> Self {
        Self { header, ring: Ring::new(), state: LOOK, frames: 0, high_water: 0, store }
    }
}

/// Making one, and taking it apart.
impl<H: Header, B: Store> Decoder<H, B> {
    /// A decoder over any store.
    ///
    /// # Errors
    /// [`ConfigError::StoreTooSmall`] if the store can't hold a header, [`ConfigError::HeaderTooLong`] if
    /// headers can be longer than [`MAX_HEADER`].
    pub fn try_new(format: H, store: B) -> Result<Self, ConfigError> {
        check_store(&format, store.as_ref().len())?;
        Ok(Self::with(format, store))
    }

    /// The wire format.
    pub const fn format(&self) -> &H {
        &self.header
    }

    /// Forgets everything that is buffered and under way, errors included, for a new link. The counters
    /// stay.
    pub fn reset(&mut self) {
        self.note_drips();
        self.ring = Ring::new();
        self.state = LOOK;
    }

    /// The format, the store, and where in it the bytes are that arrived but were not taken.
    pub fn into_parts(mut self) -> (H, B, core::ops::Range<usize>) {
        self.ring.join(self.store.as_mut());
        let buffered = self.ring.start()..self.ring.start().wrapping_add(self.ring.len());
        (self.header, self.store, buffered)
    }
}

/// The checks of `new`, while compiling.
pub(crate) const fn check_array(header: Option<usize>, store: usize) {
    match header {
        Some(header) => {
            assert!(header <= store, "the store is smaller than a header");
            assert!(header <= MAX_HEADER, "headers can't be longer than 64 bytes");
        }
        None => panic!("the length of this format's headers is known only at run time: use `try_new`"),
    }
}

/// The checks of `try_new`.
pub(crate) fn check_store<H: Header>(format: &H, store: usize) -> Result<(), ConfigError> {
    let header = format.max_len();
    if header > MAX_HEADER {
        return Err(ConfigError::HeaderTooLong { max: MAX_HEADER });
    }
    if header > store {
        return Err(ConfigError::StoreTooSmall { store, header });
    }
    Ok(())
}

/// Taking frames from chunks.
impl<H: Header, B: Store> Decoder<H, B> {
    /// The next frame, buffered or in `input`, which is moved on past the bytes that were used. `None`:
    /// all of `input` is used and more is needed, [`need`](Self::need) says how much. So call it until
    /// `None` for each chunk.
    ///
    /// The frame borrows `input` where it is whole in there and nothing was buffered before, else the store.
    ///
    /// # Errors
    /// A header that can't be, or a frame larger than the store or the format's limit. Frames before it
    /// have been given out. Of `input` the header at fault was used, and no more than 256 bytes behind it;
    /// all of that stays buffered, so every later call repeats the error, and uses nothing, until
    /// [`reset`](Self::reset) (or until a verb that can do more with it: `event` with a larger limit, `raw`,
    /// `into_parts`).
    #[inline(always)]
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'d>>, DecodeError> {
        if !QUICK {
            let (rest, found) = self.step(input, 0);
            *input = rest;
            return match found {
                Look::Whole { header, frame } => Ok(Some(self.hand_out(input, header, frame))),
                Look::Refused(error) => Err(error),
                _ => Ok(None),
            };
        }
        loop {
            if self.ring.is_empty() {
                if let Some(frame) = self.pass(input) {
                    return Ok(Some(frame));
                }
                if input.is_empty() && matches!(self.state, State::Frame { .. }) {
                    return Ok(None);
                }
            } else if self.drips(input) {
                self.drip(input);
                *input = &[];
                return Ok(None);
            } else {
                if let Some((header, frame)) = self.whole() {
                    return Ok(Some(self.take(header, frame)));
                }
                if input.is_empty() && self.waits() {
                    return Ok(None);
                }
            }
            match self.collect(input) {
                // Not another turn, which a header that answers otherwise each time would make endless.
                0 => {
                    let (found, rest) = self.look_again(input);
                    *input = rest;
                    return Ok(found);
                }
                used if used <= input.len() => *input = split(input, used).1,
                used => {
                    *input = split(input, !used).1;
                    return Err(self.fault());
                }
            }
        }
    }

    /// Like [`decode`](Self::decode), but a frame larger than the store, up to `limit` bytes with its
    /// header (or the format's own limit, if that is smaller), is given in pieces: [`Event::Begin`] as soon
    /// as its header is there, then [`Event::Data`] and [`Event::End`].
    ///
    /// # Errors
    /// Those of `decode`, with `limit` for frames that don't fit the store.
    #[inline]
    pub fn event<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
        limit: u64,
    ) -> Result<Option<Event<'d>>, DecodeError> {
        if let State::Payload { left } = self.state {
            return Ok(self.payload(input, left.0));
        }
        if QUICK {
            if let Some(frame) = self.pass(input) {
                return Ok(Some(Event::Frame(frame)));
            }
            if self.drips(input) {
                self.drip(input);
                *input = &[];
                return Ok(None);
            }
        }
        let (rest, found) = self.step(input, limit);
        *input = rest;
        match found {
            Look::Need(_) => Ok(None),
            Look::Whole { header, frame } => Ok(Some(Event::Frame(self.hand_out(input, header, frame)))),
            Look::Large { header, frame } => {
                let payload = frame.wrapping_sub(header as u64);
                self.state = State::Payload { left: Left(payload) };
                Ok(Some(Event::Begin { header: self.release(header), payload }))
            }
            Look::Refused(error) => Err(error),
        }
    }

    /// The whole frame that `step` found.
    #[inline(always)]
    fn hand_out<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8], header: usize, frame: usize) -> Frame<'d> {
        self.frames = self.frames.wrapping_add(1);
        let bytes = if self.ring.is_empty() {
            let (bytes, rest) = split(input, frame);
            *input = rest;
            bytes
        } else {
            self.release(frame)
        };
        Frame::new(bytes, header)
    }

    /// Skips what is left of the payload that [`Event::Begin`] announced, however many chunks it takes;
    /// [`Event::End`] is not given then. Answers how many bytes that is; where no payload is under way,
    /// 0, and nothing is skipped.
    pub fn discard(&mut self) -> u64 {
        match self.state {
            State::Payload { left } => {
                self.state = State::Skip { left };
                self.skip(&[]);
                left.0
            }
            _ => 0,
        }
    }

    /// Hands out bytes without looking for frames in them, at most `max` at a time, the buffered ones
    /// first: a preamble, what follows a protocol upgrade, content behind a header frame. Inside a streamed
    /// payload it keeps to that payload, for a reader that wants no more than it has room for. Empty: there
    /// are none now.
    pub fn raw<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8], max: usize) -> &'d [u8] {
        *input = self.skip(input);
        self.note_drips();
        if let State::Frame { .. } = self.state {
            // From here on the ring's wrap need not be at a frame's beginning.
            self.ring.join(self.store.as_mut());
            self.state = LOOK;
        }
        let buffered = self.ring.first_len();
        let mut n = max.min(if buffered > 0 { buffered } else { input.len() });
        if let State::Payload { left } = &mut self.state {
            n = n.min(clamp(left.0));
            *left = Left(left.0.wrapping_sub(n as u64));
        }
        if buffered > 0 {
            self.release(n)
        } else {
            let (now, later) = split(input, n);
            *input = later;
            now
        }
    }

    /// A frame that is whole in the chunk, while nothing is buffered: the quick part of `decode`, inlined.
    #[inline(always)]
    fn pass<'i>(&mut self, input: &mut &'i [u8]) -> Option<Frame<'i>> {
        if !self.ring.is_empty() || !matches!(self.state, State::Frame { .. }) {
            return None;
        }
        let chunk = *input;
        let Look::Whole { header, frame } = look(&self.header, chunk, self.limit()) else { return None };
        let (bytes, rest) = chunk.split_at_checked(frame)?;
        if cfg!(target_pointer_width = "64") {
            // A look at a byte further on, for nothing but to have it in the first-level cache in time: the way from
            // header to header is a chain of loads, and a miss in each makes it twice as long (64-byte frames in
            // chunks of 64 KiB took 4.9 ns each without this line and 2.8 with it).
            if let Some(&byte) = rest.get(AHEAD) {
                black_box(byte);
            }
        }
        *input = rest;
        self.frames = self.frames.wrapping_add(1);
        Some(Frame::new(bytes, header))
    }

    /// The lengths of the frame at the front of the ring and of its header, if it is whole.
    #[inline(always)]
    fn whole(&self) -> Option<(usize, usize)> {
        let State::Frame { missing: 0 } = self.state else { return None };
        match look(&self.header, self.ring.first(self.store.as_ref()), self.limit()) {
            Look::Whole { header, frame } => Some((header, frame)),
            _ => None,
        }
    }

    /// Whether nothing but the arrival of bytes can bring anything new. Remembers how many, if they fit.
    #[inline(always)]
    fn waits(&mut self) -> bool {
        let State::Frame { missing: 0 } = self.state else { return false };
        let ring = self.ring.first(self.store.as_ref());
        let Look::Need(need) = look(&self.header, ring, self.limit()) else { return false };
        if !ring.is_empty() && self.fits(need) {
            self.state = State::Frame { missing: need.wrapping_sub(ring.len()) };
        }
        true
    }

    /// Whether a chunk is more of the frame under way and does not complete it.
    #[inline(always)]
    fn drips(&self, chunk: &[u8]) -> bool {
        matches!(self.state, State::Frame { missing } if chunk.len() < missing)
    }

    /// Keeps such a chunk.
    #[inline(never)]
    fn drip(&mut self, chunk: &[u8]) {
        self.arrived(chunk.len());
        self.ring.append(self.store.as_mut(), chunk);
        self.invariants();
    }

    /// Counts `n` bytes more of the frame under way.
    #[inline(always)]
    fn arrived(&mut self, n: usize) {
        if let State::Frame { missing } = &mut self.state {
            *missing = missing.saturating_sub(n);
        }
    }

    /// Hands out the whole frame at the front of the ring; its bytes stay until the next call.
    #[inline(always)]
    fn take(&mut self, header: usize, frame: usize) -> Frame<'_> {
        self.frames = self.frames.wrapping_add(1);
        let ring = self.ring;
        self.ring.release_first(frame);
        let bytes = match ring.first(self.store.as_ref()).get(..frame) {
            Some(bytes) => bytes,
            None => cold_nothing(),
        };
        Frame::new(bytes, header)
    }

    /// Releases the `n` oldest bytes of the first segment and lends them until the next call.
    #[inline]
    fn release(&mut self, n: usize) -> &[u8] {
        let start = self.ring.start();
        self.ring.release_first(n);
        split(split(self.store.as_ref(), start).1, n).0
    }

    /// The rest of `decode`: keeps bytes of `chunk` until a frame is whole in the ring or the chunk is used
    /// up, and answers how much of it was used; with all its bits turned over, and so more than there is, it
    /// means an error, which `fault` finds. So it fits a register.
    ///
    /// Here are straight paths for the end of a chunk, for a short chunk, and for what completes a frame.
    #[inline(never)]
    fn collect(&mut self, chunk: &[u8]) -> usize {
        let State::Frame { missing } = self.state else { return self.collect_slowly(chunk, 0) };
        let limit = self.limit();
        let empty = self.ring.is_empty();
        let n = if empty || chunk.len() <= SHORT { chunk.len() } else { missing };
        let room = self.store.as_ref().len().saturating_sub(self.ring.end());
        if n > room || self.ring.start() >= NEAR || (missing == 0 && !empty) {
            return self.collect_slowly(chunk, 0);
        }
        let look = if empty {
            look(&self.header, chunk, limit)
        } else {
            self.ring.append_odd(self.store.as_mut(), chunk, n);
            self.note_high_water();
            look(&self.header, self.ring.first(self.store.as_ref()), limit)
        };
        match look {
            Look::Need(need) if empty && need <= room => {
                self.ring.append(self.store.as_mut(), chunk);
                self.state = State::Frame { missing: need.wrapping_sub(n) };
                self.invariants();
                n
            }
            Look::Whole { .. } if !empty => {
                self.state = LOOK;
                n
            }
            Look::Need(need) if n == chunk.len() && self.fits(need) => {
                self.state = State::Frame { missing: need.wrapping_sub(self.ring.first_len()) };
                n
            }
            _ => {
                self.state = LOOK;
                self.collect_slowly(chunk, if empty { 0 } else { n })
            }
        }
    }

    /// A frame that is there already, in the ring or in the chunk, behind a payload that was skipped to its end
    /// just now. Answers the rest of the chunk, too.
    #[cold]
    #[inline(never)]
    fn look_again<'d, 'i: 'd>(&'d mut self, mut chunk: &'i [u8]) -> (Option<Frame<'d>>, &'i [u8]) {
        let found = match (self.pass(&mut chunk), self.whole()) {
            (None, Some((header, frame))) => Some(self.take(header, frame)),
            (found, _) => found,
        };
        (found, chunk)
    }

    /// `collect` by way of `step`, after `before` bytes of the chunk were kept.
    #[inline(never)]
    fn collect_slowly(&mut self, chunk: &[u8], before: usize) -> usize {
        let (rest, found) = self.step(split(chunk, before).1, 0);
        let used = chunk.len().wrapping_sub(rest.len());
        if matches!(found, Look::Refused(_) | Look::Large { .. }) { !used } else { used }
    }

    /// Whether a frame of that length, the first in the ring, would not cross the end of the store.
    #[inline(always)]
    fn fits(&self, need: usize) -> bool {
        need.wrapping_add(self.ring.start()) <= self.store.as_ref().len()
    }

    /// Why `collect` had nothing: the header at fault is still there.
    #[cold]
    fn fault(&mut self) -> DecodeError {
        match self.step(&[], 0).1 {
            Look::Refused(error) => error,
            _ => HeaderError::Inconsistent.into(),
        }
    }

    /// What comes next, after as much of `chunk` was kept as that takes: a whole frame, in the ring or, where that is
    /// empty, in the rest of the chunk; or one larger than the limit but not than `stream`, with its header in the
    /// ring. Answers the rest of the chunk.
    #[cfg_attr(target_pointer_width = "64", inline(never))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(always))]
    fn step<'i>(&mut self, chunk: &'i [u8], stream: u64) -> (&'i [u8], Look) {
        let mut rest = chunk;
        if !matches!(self.state, State::Frame { .. }) {
            rest = self.skip(rest);
        }
        let State::Frame { mut missing } = self.state else { return (rest, self.not_a_frame()) };
        loop {
            if missing == 0 {
                let have = self.ring.first_len();
                let window = if have == 0 { rest } else { self.ring.first(self.store.as_ref()) };
                let (limit, stream) = (self.limit(), stream.min(self.header.max_frame()));
                let found = look(&self.header, window, limit);
                let fault = self.header.max_len().min(rest.len());
                let need = match found {
                    Look::Need(need) => need,
                    Look::Whole { .. } => return (rest, found),
                    Look::Large { header, frame } if frame <= stream => {
                        if have >= header {
                            return (rest, found);
                        }
                        header
                    }
                    // The header at fault is kept first, so that every later call finds it again.
                    _ if have == 0 && fault > 0 => fault,
                    Look::Large { frame: declared, .. } => {
                        let limit = limit.max(stream);
                        return (rest, Look::Refused(DecodeError::TooLong { declared, limit }));
                    }
                    Look::Refused(_) => return (rest, found),
                };
                missing = need.wrapping_sub(have);
                self.make_room(need);
            }
            let (now, later) = split(rest, missing);
            missing = missing.wrapping_sub(self.keep(now));
            rest = later;
            if !self.ring.is_empty() {
                self.state = State::Frame { missing };
            }
            if missing > 0 {
                return (rest, Look::Need(missing));
            }
        }
    }

    /// `step` while a payload is under way.
    #[cold]
    fn not_a_frame(&self) -> Look {
        match self.state {
            State::Payload { left } => Look::Refused(DecodeError::MidPayload { left: left.0 }),
            State::Skip { left } => Look::Need(clamp(left.0)),
            State::Frame { .. } => Look::Need(1),
        }
    }

    /// Appends what fits of `bytes` in one piece. The ring is linear: while it is wrapped, the frame at its front is
    /// whole, for a [`Header`] that keeps the laws.
    #[inline(never)]
    fn keep(&mut self, bytes: &[u8]) -> usize {
        let n = self.ring.append_some(self.store.as_mut(), bytes);
        self.note(self.ring.first_len());
        self.ring.invariants(self.store.as_ref().len());
        n
    }

    /// Makes room for `wanted` bytes from the first of the frame under way, by moving it to the front
    /// where it would cross the end. It is the only thing buffered.
    #[inline(always)]
    fn make_room(&mut self, wanted: usize) {
        let start = self.ring.start();
        // Not more often than its bytes were released since the last time, so at most one copy a byte.
        if !self.fits(wanted) || (QUICK && start >= NEAR && self.ring.first_len() <= start) {
            self.ring.move_all(self.store.as_mut());
        }
    }

    /// The next piece of a streamed payload.
    fn payload<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8], left: u64) -> Option<Event<'d>> {
        if left == 0 {
            self.state = LOOK;
            self.frames = self.frames.wrapping_add(1);
            return Some(Event::End);
        }
        let piece = self.raw(input, usize::MAX);
        if piece.is_empty() { None } else { Some(Event::Data(piece)) }
    }

    /// Skips what is there of a discarded payload.
    #[cold]
    #[inline(never)]
    fn skip<'i>(&mut self, input: &'i [u8]) -> &'i [u8] {
        let State::Skip { left: Left(mut left) } = self.state else { return input };
        // Linear, as in `keep`.
        let buffered = clamp(left).min(self.ring.first_len());
        self.ring.release_first(buffered);
        left = left.wrapping_sub(buffered as u64);
        let (skipped, rest) = split(input, clamp(left));
        left = left.wrapping_sub(skipped.len() as u64);
        self.state = if left > 0 {
            State::Skip { left: Left(left) }
        } else {
            self.frames = self.frames.wrapping_add(1);
            LOOK
        };
        rest
    }
}

/// A length as a `usize`, the largest where it is larger.
fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The first `n` bytes, or all, and the rest.
#[inline(always)]
fn split(bytes: &[u8], n: usize) -> (&[u8], &[u8]) {
    bytes.split_at(n.min(bytes.len()))
}

/// Reading straight into the store.
impl<H: Header, B: Store> Decoder<H, B> {
    /// Whether [`next_frame`](Self::next_frame) has something, or how many bytes are missing. It borrows
    /// nothing, so a loop around it passes the borrow checker.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Status, DecodeError> {
        // The same look that `next_frame` takes next, so that the compiler makes one of both.
        if self.whole().is_some() { Ok(Status::Ready) } else { self.poll_slowly(0) }
    }

    /// The same for [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// Those of [`event`](Self::event).
    #[inline(always)]
    pub fn poll_event(&mut self, limit: u64) -> Result<Status, DecodeError> {
        if self.whole().is_some() {
            return Ok(Status::Ready);
        }
        match self.state {
            State::Payload { left } if left.0 > 0 && self.ring.is_empty() => Ok(Status::Need(clamp(left.0))),
            State::Payload { .. } => Ok(Status::Ready),
            _ => self.poll_slowly(limit),
        }
    }

    #[inline(never)]
    fn poll_slowly(&mut self, limit: u64) -> Result<Status, DecodeError> {
        match self.step(&[], limit).1 {
            Look::Need(n) => Ok(Status::Need(n)),
            Look::Refused(error) => Err(error),
            _ => Ok(Status::Ready),
        }
    }

    /// The next frame that is buffered: [`decode`](Self::decode) without a chunk.
    ///
    /// # Errors
    /// Those of `decode`.
    #[inline(always)]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        match self.whole() {
            Some((header, frame)) => Ok(Some(self.take(header, frame))),
            None => self.next_slowly(),
        }
    }

    #[cold]
    #[inline(never)]
    fn next_slowly(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        let _ = self.poll_slowly(0)?;
        Ok(self.look_again(&[]).0)
    }

    /// The next event that is buffered: [`event`](Self::event) without a chunk.
    ///
    /// # Errors
    /// Those of `event`.
    #[inline]
    pub fn next_event(&mut self, limit: u64) -> Result<Option<Event<'_>>, DecodeError> {
        self.event(&mut &[][..], limit)
    }

    /// Free space in one piece, for a reader to fill. After [`Status::Need`] it is never empty; it can be
    /// while frames are waiting to be taken.
    pub fn space(&mut self) -> &mut [u8] {
        match self.state {
            State::Frame { missing: 0 }
                if !self.ring.is_empty()
                    && !self.ring.is_wrapped()
                    && self.ring.space(self.store.as_ref().len()).is_empty() =>
            {
                self.wrap();
            }
            // Where something is missing, room for it was made.
            _ => {}
        }
        let space = self.ring.space(self.store.as_ref().len());
        self.store.as_mut().get_mut(space).unwrap_or_default()
    }

    /// Adds the first `n` bytes of [`space`](Self::space) to what is buffered.
    ///
    /// # Errors
    /// [`CommitError`] if `n` is larger than that; nothing is added then.
    #[inline]
    pub fn commit(&mut self, n: usize) -> Result<(), CommitError> {
        let space = self.ring.space(self.store.as_ref().len()).len();
        if n > space {
            return Err(CommitError { committed: n, space });
        }
        self.ring.commit(n);
        self.note_high_water();
        self.arrived(n);
        self.invariants();
        Ok(())
    }

    /// Uses the space behind released frames while others wait to be taken: with the end of the store
    /// reached, finds where the last, partial frame begins and moves it to the front.
    #[cold]
    fn wrap(&mut self) {
        let limit = self.limit();
        let first = self.ring.first(self.store.as_ref());
        let mut partial = first;
        while let Look::Whole { frame, .. } = look(&self.header, partial, limit) {
            // With as much released as is buffered it succeeds: one walk a turn, however often a reader asks.
            if self.ring.start() < first.len() {
                return;
            }
            partial = split(partial, frame).1;
            if partial.is_empty() {
                break;
            }
        }
        let n = partial.len();
        let store = self.store.as_mut();
        if n == 0 {
            self.ring.wrap(store.len());
        } else if n == self.ring.first_len() {
            self.ring.move_all(store);
        } else {
            self.ring.wrap_moving(store, n);
        }
    }
}

/// What is happening.
impl<H: Header, B: Store> Decoder<H, B> {
    /// The end of the input: a clean one between frames, or not.
    ///
    /// # Errors
    /// [`FinishError`] says what is missing, or what was left untaken. The decoder stays as it is.
    pub fn finish(&mut self) -> Result<(), FinishError> {
        self.skip(&[]);
        let bytes = self.ring.len();
        let want = match self.state {
            State::Payload { left } | State::Skip { left } => {
                return Err(if left.0 > 0 && bytes == 0 {
                    FinishError::TruncatedPayload { missing: left.0 }
                } else {
                    FinishError::Unread { bytes }
                });
            }
            State::Frame { .. } if bytes == 0 => return Ok(()),
            State::Frame { missing: 0 } => {
                let limit = self.limit();
                match look(&self.header, self.ring.first(self.store.as_ref()), limit) {
                    Look::Need(want) => want,
                    Look::Whole { .. } => return Err(FinishError::Unread { bytes }),
                    Look::Large { frame: declared, .. } => {
                        return Err(FinishError::Protocol(DecodeError::TooLong { declared, limit }));
                    }
                    Look::Refused(error) => return Err(FinishError::Protocol(error)),
                }
            }
            State::Frame { missing } => bytes.wrapping_add(missing),
        };
        Err(FinishError::Truncated { have: bytes, want })
    }

    /// How many bytes are missing at least until there is something to take; 0 where something is there
    /// (a frame, or an error).
    pub fn need(&self) -> usize {
        let have = self.ring.first_len();
        match self.state {
            State::Payload { left } if self.ring.is_empty() => clamp(left.0),
            State::Payload { .. } => 0,
            State::Skip { left } => clamp(left.0).saturating_sub(have),
            State::Frame { missing: missing @ 1.. } => missing,
            State::Frame { .. } => {
                match look(&self.header, self.ring.first(self.store.as_ref()), self.limit()) {
                    Look::Need(n) => n.saturating_sub(have),
                    _ => 0,
                }
            }
        }
    }

    /// Whether the next frame has begun to arrive but is not complete; `false` between frames, and where one
    /// is waiting to be taken. What a time-out needs to know.
    pub fn is_mid_frame(&self) -> bool {
        match self.state {
            State::Frame { .. } => !self.ring.is_empty() && self.need() > 0,
            State::Payload { left } => left.0 > self.ring.len() as u64,
            State::Skip { left } => left.0 > self.ring.len() as u64,
        }
    }

    /// How many bytes are buffered.
    pub fn buffered(&self) -> usize {
        self.ring.len()
    }

    /// How many bytes the store holds.
    pub fn capacity(&self) -> usize {
        self.store.as_ref().len()
    }

    /// How many frames were completed since the beginning, skipped ones included; it wraps around.
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// The most bytes that were ever buffered.
    pub fn high_water(&self) -> usize {
        (self.high_water as usize).max(self.ring.len())
    }

    /// What `drip` leaves out, and `collect` and this make up for.
    #[inline(always)]
    fn note_drips(&mut self) {
        if QUICK {
            self.note_high_water();
        }
    }

    #[inline(always)]
    fn note_high_water(&mut self) {
        self.note(self.ring.len());
    }

    #[inline(always)]
    fn note(&mut self, len: usize) {
        if len > self.high_water as usize {
            self.high_water = u32::try_from(len).unwrap_or(u32::MAX);
        }
    }

    /// What holds between calls, unless a store changes its length: checked in debug builds.
    #[inline(always)]
    fn invariants(&self) {
        let capacity = self.store.as_ref().len();
        self.ring.invariants(capacity);
        // Wrapped, a frame is only awaited by a `Header` that answers otherwise each time.
        if let State::Frame { missing } = self.state
            && !self.ring.is_wrapped()
        {
            debug_assert!(missing <= capacity.saturating_sub(self.ring.end()), "{self:?}");
        }
    }

    /// The largest frame that is given whole.
    #[inline(always)]
    fn limit(&self) -> u64 {
        self.header.max_frame().min(self.store.as_ref().len() as u64)
    }
}

impl<H, B> core::fmt::Debug for Decoder<H, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder")
            .field("state", &self.state)
            .field("buffered", &self.ring.len())
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<H, B> defmt::Format for Decoder<H, B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let buffered = self.ring.len();
        defmt::write!(f, "Decoder {{ buffered: {}, frames: {} }}", buffered, self.frames);
    }
}
