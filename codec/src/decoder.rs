//! The receive side. Theory, and rules for who changes it:
//!
//! - The ring holds bytes of the stream, oldest first, and while the state is `Frame` the oldest is the
//!   first byte of a frame. It wraps only between frames: the second segment begins with a frame, so no
//!   frame is ever in two pieces.
//! - What the ring holds decides what comes next; the state adds only what the bytes can't tell. An error
//!   is not a state: the header at fault stays in the ring and is found again by every later call.
//! - While nothing is buffered, frames that are whole in the caller's chunk are handed out from there and
//!   nothing is copied: the small inlined part of `decode`. All else is `gather`, out of line, which takes
//!   the chunk by value and answers how much of it was used, so that the chunk stays in registers.
//! - `need` is remembered, so that a chunk that doesn't complete what is awaited costs a comparison and a
//!   copy, and the header is not parsed again at every drip.

use crate::copy::copy;
use crate::error::{CommitError, ConfigError, DecodeError, FinishError, HeaderError};
use crate::frame::{Event, Frame, Status};
use crate::header::{Header, MAX_HEADER, Parsed};
use crate::ring::Ring;
use crate::store::Store;

/// A chunk of at most this many bytes is kept whole once something is buffered: one copy of a steady
/// length instead of two odd ones, one for the end of a frame and one for the beginning of the next.
const SHORT: usize = 256;

/// From this many released bytes on, a partial frame that is not larger moves to the front of the store,
/// so that small frames go through the same, cached, part of a large store.
const NEAR: usize = 4096;

/// Bytes of a payload, in 64 bits but aligned to four bytes: eight bytes less of RAM on a device.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Left(u64);

/// What is awaited.
#[derive(Clone, Copy, Debug)]
enum State {
    /// A frame. `need` bytes of it must be buffered before there is anything new to decide; with less than
    /// that buffered, nothing was overlooked. 0: look now.
    Frame { need: usize },
    /// More of the payload of a frame that `event` began; with `left` 0, the call that says `End`.
    Payload { left: Left },
    /// The same of a frame that is to be skipped.
    Skip { left: Left },
}

const LOOK: State = State::Frame { need: 0 };

/// What the first bytes of a frame tell.
#[derive(Clone, Copy)]
enum Look {
    /// Nothing before the frame's first that many bytes are there.
    Need(usize),
    /// It is all there.
    Whole { header: usize, frame: usize },
    /// It is beyond the limit of whole frames.
    Large { header: usize, frame: u64 },
}

#[inline(always)]
fn look<H: Header>(format: &H, window: &[u8], limit: u64) -> Result<Look, DecodeError> {
    match format.parse(window)? {
        Parsed::Frame { header, frame } => {
            if header as u64 > frame || header > format.max_len() || header == 0 {
                Err(HeaderError::Inconsistent.into())
            } else if frame > limit {
                Ok(Look::Large { header, frame })
            } else if frame <= window.len() as u64 {
                Ok(Look::Whole { header, frame: frame as usize })
            } else {
                // Not cut off: the limit is the length of a slice at most.
                Ok(Look::Need(frame as usize))
            }
        }
        Parsed::Need(n) if n > window.len() && n <= format.max_len() => Ok(Look::Need(n)),
        Parsed::Need(_) => Err(HeaderError::Inconsistent.into()),
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
        const {
            match H::MAX_LEN {
                Some(header) => assert!(header <= N, "the store is smaller than a header"),
                None => {
                    panic!("the length of this format's headers is known only at run time: use `try_new`")
                }
            }
        }
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
        self.note_high_water();
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
    /// have been given out; of `input` no more than the header at fault was used, which stays buffered, so
    /// every later call repeats the error until [`reset`](Self::reset) (or until a verb that can do more
    /// with it: `event` with a larger limit, `raw`, `into_parts`).
    #[inline]
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'d>>, DecodeError> {
        if matches!(self.state, State::Skip { .. }) {
            self.skip(input);
        }
        match self.whole(input) {
            Found::InChunk(frame) => return Ok(Some(frame)),
            Found::Buffered { header, frame } => return Ok(Some(self.take(header, frame))),
            Found::No => {}
        }
        let (used, found) = self.gather(input, 0);
        *input = input.get(used..).unwrap_or_default();
        match found? {
            Look::Whole { header, frame } => Ok(Some(self.take(header, frame))),
            _ => Ok(None),
        }
    }

    /// Like [`decode`](Self::decode), but a frame larger than the store, up to `limit` bytes with its
    /// header (or the format's own limit, if that is smaller), is given in pieces: [`Event::Begin`] as soon as its header is there, then
    /// [`Event::Data`] and [`Event::End`].
    ///
    /// # Errors
    /// Those of `decode`, with `limit` for frames that don't fit the store.
    #[inline]
    pub fn event<'d, 'i: 'd>(
        &'d mut self,
        input: &mut &'i [u8],
        limit: u64,
    ) -> Result<Option<Event<'d>>, DecodeError> {
        match self.state {
            State::Frame { .. } => {}
            State::Payload { left } => return Ok(self.payload(input, left.0)),
            State::Skip { .. } => self.skip(input),
        }
        match self.whole(input) {
            Found::InChunk(frame) => return Ok(Some(Event::Frame(frame))),
            Found::Buffered { header, frame } => return Ok(Some(Event::Frame(self.take(header, frame)))),
            Found::No => {}
        }
        let (used, found) = self.gather(input, limit);
        *input = input.get(used..).unwrap_or_default();
        match found? {
            Look::Need(_) => Ok(None),
            Look::Whole { header, frame } => Ok(Some(Event::Frame(self.take(header, frame)))),
            Look::Large { header, frame } => {
                let payload = frame.saturating_sub(header as u64);
                self.state = State::Payload { left: Left(payload) };
                Ok(Some(Event::Begin { header: self.release(header), payload }))
            }
        }
    }

    /// Skips what is left of the payload that [`Event::Begin`] announced, however many chunks it takes;
    /// [`Event::End`] is not given then. Answers how many bytes that is; where no payload is under way,
    /// 0, and nothing is skipped.
    pub fn discard(&mut self) -> u64 {
        match self.state {
            State::Payload { left } => {
                self.state = State::Skip { left };
                self.skip(&mut &[][..]);
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
        if matches!(self.state, State::Skip { .. }) {
            self.skip(input);
        }
        let max = match self.state {
            State::Frame { .. } => {
                // From here on the ring's wrap need not be at a frame's beginning.
                self.ring.join(self.store.as_mut());
                self.state = LOOK;
                max
            }
            State::Payload { left } => clamp(left.0).min(max),
            State::Skip { .. } => 0,
        };
        let buffered = self.ring.first_len();
        let n = max.min(if buffered > 0 { buffered } else { input.len() });
        if let State::Payload { left } = self.state {
            self.state = State::Payload { left: Left(left.0.wrapping_sub(n as u64)) };
        }
        if buffered > 0 {
            self.release(n)
        } else {
            let (now, later) = split(input, n);
            *input = later;
            now
        }
    }

    /// The quick part of `decode`: whole frames, from the chunk or from the ring. Inlined, and without a
    /// store to memory but the count and the cursor.
    #[inline(always)]
    fn whole<'i>(&mut self, input: &mut &'i [u8]) -> Found<'i> {
        let State::Frame { need } = self.state else { return Found::No };
        if self.ring.is_empty() {
            let chunk = *input;
            if let Ok(Look::Whole { header, frame }) = look(&self.header, chunk, self.limit())
                && let Some((bytes, rest)) = chunk.split_at_checked(frame)
            {
                *input = rest;
                self.frames = self.frames.wrapping_add(1);
                return Found::InChunk(Frame::new(bytes, header));
            }
        } else if self.ring.first_len() >= need
            && let Ok(Look::Whole { header, frame }) =
                look(&self.header, self.ring.first(self.store.as_ref()), self.limit())
        {
            return Found::Buffered { header, frame };
        }
        Found::No
    }

    /// Hands out the whole frame at the front of the ring.
    #[inline(always)]
    fn take(&mut self, header: usize, frame: usize) -> Frame<'_> {
        self.frames = self.frames.wrapping_add(1);
        self.state = LOOK;
        Frame::new(self.release(frame), header)
    }

    /// Releases the `n` oldest bytes of the first segment and lends them until the next call.
    #[inline(always)]
    fn release(&mut self, n: usize) -> &[u8] {
        self.note_high_water();
        let start = self.ring.start();
        self.ring.release(n);
        self.store.as_ref().get(start..start.wrapping_add(n)).unwrap_or_default()
    }

    /// Moves bytes from `chunk` into the ring until a frame is whole, or one larger than the limit but not
    /// than `stream` has its header there, or the chunk is used up; answers how much of it was used.
    #[inline(never)]
    fn gather(&mut self, chunk: &[u8], stream: u64) -> (usize, Result<Look, DecodeError>) {
        let mut used = 0;
        let State::Frame { mut need } = self.state else { return self.gather_nothing(chunk) };
        let limit = self.limit();
        let stream = stream.min(self.header.max_frame());
        loop {
            let rest = chunk.get(used..).unwrap_or_default();
            let have = self.ring.first_len();
            if have >= need {
                let window = if have == 0 { rest } else { self.ring.first(self.store.as_ref()) };
                match look(&self.header, window, limit) {
                    Ok(Look::Need(n)) => need = n,
                    Ok(Look::Large { header, frame }) if frame <= stream => {
                        if have >= header {
                            return (used, Ok(Look::Large { header, frame }));
                        }
                        need = header;
                    }
                    Ok(Look::Whole { header, frame }) => {
                        if have >= frame {
                            return (used, Ok(Look::Whole { header, frame }));
                        }
                        need = frame;
                    }
                    refused => {
                        if have == 0 {
                            let n = rest.len().min(self.header.max_len());
                            used = used.wrapping_add(self.keep(rest.get(..n).unwrap_or_default()));
                        }
                        // A verb with another limit may see it otherwise.
                        self.state = LOOK;
                        let error = match refused {
                            Ok(Look::Large { frame, .. }) => {
                                DecodeError::TooLong { declared: frame, limit: limit.max(stream) }
                            }
                            Err(error) => error,
                            Ok(_) => HeaderError::Inconsistent.into(),
                        };
                        return (used, Err(error));
                    }
                }
                self.state = State::Frame { need };
            }
            if rest.is_empty() {
                return (used, Ok(Look::Need(need.wrapping_sub(have))));
            }
            let n = if have > 0 && rest.len() <= SHORT {
                rest.len()
            } else {
                need.wrapping_sub(have).min(rest.len())
            };
            self.make_room(have.wrapping_add(n).max(need));
            let n = self.keep(rest.get(..n).unwrap_or_default());
            used = used.wrapping_add(n);
            if n == 0 || self.ring.first_len() < need {
                // The usual end for a small chunk, without another look.
                return (used, Ok(Look::Need(need.saturating_sub(self.ring.first_len()))));
            }
        }
    }

    /// `gather` while the state is not `Frame`.
    #[cold]
    fn gather_nothing(&self, chunk: &[u8]) -> (usize, Result<Look, DecodeError>) {
        match self.state {
            State::Payload { left } => (0, Err(DecodeError::MidPayload { left: left.0 })),
            State::Skip { left } => (chunk.len(), Ok(Look::Need(clamp(left.0)))),
            State::Frame { need } => (0, Ok(Look::Need(need))),
        }
    }

    /// Appends what fits of `bytes` in one piece.
    #[inline(always)]
    fn keep(&mut self, bytes: &[u8]) -> usize {
        let store = self.store.as_mut();
        let space = self.ring.space(store.len());
        let n = copy(store.get_mut(space).unwrap_or_default(), bytes);
        self.ring.commit(n);
        self.ring.invariants(self.store.as_ref().len());
        n
    }

    /// Makes room for `wanted` bytes from the first of the frame under way, by moving it to the front
    /// where it would cross the end. It is the only thing buffered.
    #[inline(always)]
    fn make_room(&mut self, wanted: usize) {
        let start = self.ring.start();
        let store = self.store.as_mut();
        let crosses = wanted > store.len().saturating_sub(start);
        // Not more often than its bytes were released since the last time, so at most one copy a byte.
        if crosses || (start >= NEAR && self.ring.first_len() <= start) {
            self.ring.move_all(store);
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
    fn skip(&mut self, input: &mut &[u8]) {
        let State::Skip { left: Left(mut left) } = self.state else { return };
        let buffered = clamp(left).min(self.ring.len());
        self.note_high_water();
        self.ring.release(buffered);
        left = left.wrapping_sub(buffered as u64);
        let (skipped, rest) = split(input, clamp(left));
        left = left.wrapping_sub(skipped.len() as u64);
        *input = rest;
        self.state = if left > 0 {
            State::Skip { left: Left(left) }
        } else {
            self.frames = self.frames.wrapping_add(1);
            LOOK
        };
    }
}

/// Where a whole frame is.
enum Found<'i> {
    InChunk(Frame<'i>),
    Buffered { header: usize, frame: usize },
    No,
}

/// A length as a `usize`, the largest where it is larger.
fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The first `n` bytes, or all, and the rest.
#[inline(always)]
fn split(bytes: &[u8], n: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(n).unwrap_or((bytes, &[]))
}

/// Reading straight into the store.
impl<H: Header, B: Store> Decoder<H, B> {
    /// Whether [`next_frame`](Self::next_frame) has something, or how many bytes are missing. It borrows
    /// nothing, so a loop around it passes the borrow checker.
    ///
    /// # Errors
    /// Those of [`decode`](Self::decode).
    #[inline]
    pub fn poll(&mut self) -> Result<Status, DecodeError> {
        self.poll_event(0)
    }

    /// The same for [`next_event`](Self::next_event).
    ///
    /// # Errors
    /// Those of [`event`](Self::event).
    #[inline]
    pub fn poll_event(&mut self, limit: u64) -> Result<Status, DecodeError> {
        match self.state {
            State::Frame { .. } => {}
            // `decode` and `poll` have no limit, and to them a payload under way is misuse.
            State::Payload { left } if limit > 0 => {
                return Ok(if left.0 > 0 && self.ring.is_empty() {
                    Status::Need(clamp(left.0))
                } else {
                    Status::Ready
                });
            }
            State::Payload { .. } => {}
            State::Skip { .. } => self.skip(&mut &[][..]),
        }
        if let Found::Buffered { .. } = self.whole(&mut &[][..]) {
            return Ok(Status::Ready);
        }
        match self.gather(&[], limit).1? {
            Look::Need(n) => Ok(Status::Need(n)),
            _ => Ok(Status::Ready),
        }
    }

    /// The next frame that is buffered: [`decode`](Self::decode) without a chunk.
    ///
    /// # Errors
    /// Those of `decode`.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        self.decode(&mut &[][..])
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
            State::Frame { need } if !self.ring.is_empty() && !self.ring.is_wrapped() => {
                if need > self.ring.first_len() {
                    self.make_room(need);
                } else if self.ring.space(self.store.as_ref().len()).is_empty() {
                    self.wrap();
                }
            }
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
        self.ring.invariants(self.store.as_ref().len());
        Ok(())
    }

    /// Uses the space behind released frames while others wait to be taken: with the end of the store
    /// reached, finds where the last, partial frame begins and moves it to the front. Found once a turn.
    #[cold]
    fn wrap(&mut self) {
        let limit = self.limit();
        let first = self.ring.first(self.store.as_ref());
        let mut partial = first;
        while let Ok(Look::Whole { frame, .. }) = look(&self.header, partial, limit) {
            partial = split(partial, frame).1;
            if partial.is_empty() {
                break;
            }
        }
        let refused = !partial.is_empty() && !matches!(look(&self.header, partial, limit), Ok(Look::Need(_)));
        let n = partial.len();
        if refused {
            return;
        }
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
        match self.state {
            State::Frame { .. } => {}
            State::Payload { left } if left.0 == 0 || !self.ring.is_empty() => {
                return Err(FinishError::Unread { bytes: self.ring.len() });
            }
            State::Payload { left } => return Err(FinishError::TruncatedPayload { missing: left.0 }),
            State::Skip { .. } => {
                self.skip(&mut &[][..]);
                if let State::Skip { left } = self.state {
                    return Err(FinishError::TruncatedPayload { missing: left.0 });
                }
            }
        }
        if self.ring.is_empty() {
            return Ok(());
        }
        let have = self.ring.len();
        match self.gather(&[], 0).1 {
            Ok(Look::Need(missing)) => {
                Err(FinishError::Truncated { have, want: have.saturating_add(missing) })
            }
            Ok(_) => Err(FinishError::Unread { bytes: have }),
            Err(error) => Err(FinishError::Protocol(error)),
        }
    }

    /// How many bytes are missing at least until there is something to take; 0 where something is there
    /// (a frame, or an error).
    pub fn need(&self) -> usize {
        let have = self.ring.first_len();
        match self.state {
            State::Payload { left } if self.ring.is_empty() => clamp(left.0),
            State::Payload { .. } => 0,
            State::Skip { left } => clamp(left.0).saturating_sub(have),
            State::Frame { need } if need > have => need.wrapping_sub(have),
            State::Frame { .. } => {
                match look(&self.header, self.ring.first(self.store.as_ref()), self.limit()) {
                    Ok(Look::Need(n)) => n.saturating_sub(have),
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
            State::Skip { .. } => true,
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

    #[inline(always)]
    fn note_high_water(&mut self) {
        let len = self.ring.len();
        if len > self.high_water as usize {
            self.high_water = u32::try_from(len).unwrap_or(u32::MAX);
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
