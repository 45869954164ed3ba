//! The rule: what comes next in the stream. It is the reference for everything else.

use super::{Decoder, Left, State};
use crate::error::{DecodeError, HeaderError};
use crate::format::{Format, Trailer};
use crate::frame::Frame;
use crate::prefix::{Prefix, frame_len, inspect, is_intact};
use crate::store::Store;

/// What [`Decoder::advance`] found. Flat, because a `Result` around it takes a device more code.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Found {
    /// Nothing, without more bytes.
    Nothing,
    /// A whole frame: the oldest in the store, or the first in the chunk if the store is empty.
    Frame { header: usize, payload: usize },
    /// A frame larger than the store but within the limit. Its header is in the store.
    Oversized { header: usize, payload: u64 },
    /// No frame. What is at fault is in the store.
    Fault(DecodeError),
}

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Decides what comes next, and buffers as much of `chunk` as that takes.
    ///
    /// 1. Inside a payload, its bytes come first: they are skipped, or the caller must take them.
    /// 2. What is known to be missing of a frame is buffered. Nothing is decided before it is there.
    /// 3. The oldest bytes are judged: those in the store, or those of the chunk if it is empty.
    /// 4. A whole frame is found, or a faulty one that is buffered already.
    /// 5. Everything else is buffered, as far as every later call needs it to find the same.
    #[cfg_attr(not(target_pointer_width = "64"), inline(always))]
    pub(super) fn advance(&mut self, chunk: &mut &[u8]) -> Found {
        loop {
            match self.state {
                State::Between => {}
                State::Header { wanted } | State::Frame { wanted } => {
                    if !self.fill(chunk, wanted) {
                        return Found::Nothing;
                    }
                }
                State::Skipping { .. } => {
                    if !self.skip(chunk) {
                        return Found::Nothing;
                    }
                }
                State::Streaming { left, .. } => {
                    return Found::Fault(DecodeError::MidPayload { left: left.0 });
                }
                State::Ending { .. } => return Found::Fault(DecodeError::MidPayload { left: 0 }),
            }
            let is_buffered = !self.ring.is_empty();
            let window = if is_buffered { self.buffered_bytes() } else { *chunk };
            if window.is_empty() {
                return Found::Nothing;
            }
            let (total, is_accepted) = match inspect(&self.format, window, self.whole_limit()) {
                Prefix::Header { total } => (total, false),
                Prefix::Partial { total } => (total, true),
                Prefix::Complete { header, payload } => {
                    if is_intact(&self.format, window, header, payload) {
                        return Found::Frame { header, payload };
                    }
                    if is_buffered {
                        return Found::Fault(DecodeError::Corrupt);
                    }
                    (clamp(frame_len(&self.format, header, payload as u64)), true)
                }
                Prefix::Oversized { header, payload } => match self.refuse_oversized(header, payload) {
                    None if self.ring.first_len() >= header => return Found::Oversized { header, payload },
                    None => (header, false),
                    Some(error) if is_buffered => return Found::Fault(error),
                    Some(_) => (self.bytes_at_fault(window.len()), false),
                },
                Prefix::Invalid(error) if is_buffered => return Found::Fault(error.into()),
                Prefix::Invalid(_) => (self.bytes_at_fault(window.len()), false),
            };
            if total > self.store.as_ref().len() {
                return Found::Fault(HeaderError::Inconsistent.into());
            }
            self.want(total, is_accepted);
        }
    }

    /// Returns how many of `available` bytes are buffered of a header at fault: enough to find the
    /// fault again, and at least one, whatever the format says.
    #[inline(always)]
    fn bytes_at_fault(&self, available: usize) -> usize {
        self.format.max_header().min(available).max(1)
    }

    /// Buffers what is missing up to `wanted`. Returns false if some of it still is.
    fn fill(&mut self, chunk: &mut &[u8], wanted: usize) -> bool {
        let Some(missing @ 1..) = wanted.checked_sub(self.ring.end()) else { return true };
        let (now, later) = split(chunk, missing);
        if !self.ring.append(self.store.as_mut(), now) {
            return false;
        }
        *chunk = later;
        if now.len() < missing {
            return false;
        }
        self.note_high_water();
        true
    }

    /// Awaits the first `total` bytes of the frame at the front, and makes room for them.
    fn want(&mut self, total: usize, is_accepted: bool) {
        self.make_room(total);
        let wanted = self.ring.start().wrapping_add(total);
        self.state = State::awaiting(wanted, is_accepted);
    }

    /// Moves a partial frame to the front of the store if `total` bytes of it would cross the end. It
    /// is the only thing buffered.
    pub(super) fn make_room(&mut self, total: usize) {
        let start = self.ring.start();
        let crosses = start.wrapping_add(total) > self.store.as_ref().len();
        if crosses || Self::moves_early(start, self.ring.first_len()) {
            self.ring.move_all(self.store.as_mut());
        }
    }

    /// Returns the number of bytes that are known to be missing until there is anything to decide.
    #[inline(always)]
    pub(super) fn known_missing(&self) -> usize {
        match self.state {
            State::Header { wanted } | State::Frame { wanted } => wanted.saturating_sub(self.ring.end()),
            _ => 0,
        }
    }

    /// Returns the length of the largest new frame that is returned whole.
    #[inline(always)]
    pub(super) fn new_frame_limit(&self) -> usize {
        let capacity = self.store.as_ref().len();
        self.format.limit().map_or(capacity, |limit| clamp(limit).min(capacity))
    }

    /// The same for the frame at the front of the store. If its length was accepted, it keeps the
    /// limit that it was accepted under.
    #[inline(always)]
    pub(super) fn whole_limit(&self) -> usize {
        match self.state {
            State::Frame { .. } => self.store.as_ref().len(),
            _ => self.new_frame_limit(),
        }
    }

    /// Returns the error for a frame that is beyond the limit, or `None` if it may be streamed.
    pub(super) fn refuse_oversized(&self, header: usize, payload: u64) -> Option<DecodeError> {
        let limit = self.format.limit().unwrap_or(self.store.as_ref().len() as u64);
        let declared = frame_len(&self.format, header, payload);
        if declared > limit { Some(DecodeError::TooLong { declared, limit }) } else { None }
    }

    /// Skips what the chunk has of a frame that nobody wants. Returns true if none of it is left.
    #[cold]
    #[inline(never)]
    pub(super) fn skip(&mut self, chunk: &mut &[u8]) -> bool {
        let State::Skipping { left } = self.state else { return true };
        let (skipped, rest) = split(chunk, clamp(left.0));
        *chunk = rest;
        self.note_skipped(left.0, skipped.len())
    }

    /// Skips what is buffered of such a frame, so that nothing is buffered while bytes of it are left.
    #[cold]
    #[inline(never)]
    pub(super) fn skip_buffered(&mut self) {
        let State::Skipping { left } = self.state else { return };
        let n = clamp(left.0).min(self.ring.len());
        self.ring.release(n);
        self.note_skipped(left.0, n);
    }

    /// Notes that `n` of `left` bytes were skipped. Returns true if none is left.
    fn note_skipped(&mut self, left: u64, n: usize) -> bool {
        let left = left.wrapping_sub(n as u64);
        if left == 0 {
            self.complete();
        } else {
            self.state = State::Skipping { left: Left(left) };
        }
        left == 0
    }

    /// Counts a frame that is complete. What comes next is a new one.
    #[inline(always)]
    pub(super) fn complete(&mut self) {
        self.state = State::Between;
        self.frames = self.frames.wrapping_add(1);
    }

    /// Lends the frame that `advance` found.
    #[inline(always)]
    pub(super) fn lend_frame<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
        header: usize,
        payload: usize,
    ) -> Frame<'d> {
        if !self.ring.is_empty() {
            return self.lend_front(header, payload);
        }
        self.complete();
        let split = Frame::split_off(chunk, header, payload, self.format.trailer_len());
        let (frame, rest) = split.unwrap_or_default();
        *chunk = rest;
        frame
    }

    /// Lends the whole frame at the front of the store.
    #[inline(always)]
    pub(super) fn lend_front(&mut self, header: usize, payload: usize) -> Frame<'_> {
        self.complete();
        let start = self.ring.start();
        let len = header.wrapping_add(payload).wrapping_add(self.format.trailer_len());
        self.ring.release_first(len);
        let bytes = self.store.as_ref().get(start..start.wrapping_add(len)).unwrap_or_default();
        Frame::of(bytes, header, payload)
    }

    /// Lends up to `n` bytes and lets go of them: those in the store if there are any, else those of
    /// the chunk.
    #[inline]
    pub(super) fn lend<'d, 'i: 'd>(&'d mut self, chunk: &mut &'i [u8], n: usize) -> &'d [u8] {
        if !self.ring.is_empty() {
            return self.release(n);
        }
        let (now, later) = split(chunk, n);
        *chunk = later;
        now
    }

    /// Releases up to `n` bytes of the first segment and lends them until the next call.
    #[inline]
    pub(super) fn release(&mut self, n: usize) -> &[u8] {
        let start = self.ring.start();
        let end = start.wrapping_add(n.min(self.ring.first_len()));
        self.ring.release_first(n);
        self.store.as_ref().get(start..end).unwrap_or_default()
    }

    /// Notes how much is buffered: when a frame is complete, and before bytes are given up.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(super) fn note_high_water(&mut self) {
        let len = self.ring.len();
        if len > self.high_water as usize {
            self.high_water = u32::try_from(len).unwrap_or(u32::MAX);
        }
    }

    /// Forgets what is known of the frame at the front, so that it is judged again. The ring becomes
    /// linear, because its wrap need not be at the beginning of a frame any more.
    pub(super) fn forget_verdict(&mut self) {
        self.note_high_water();
        self.ring.join(self.store.as_mut());
        self.state = State::Between;
    }

    /// Returns how many bytes of a streamed or skipped frame are left, trailer included. Some of those
    /// of a streamed one may be buffered.
    pub(super) fn frame_left(&self) -> u64 {
        let trailer = self.format.trailer_len() as u64;
        match self.state {
            State::Streaming { left, .. } => left.0.saturating_add(trailer),
            State::Ending { .. } => trailer,
            State::Skipping { left } => left.0,
            State::Between | State::Header { .. } | State::Frame { .. } => 0,
        }
    }

    /// Returns the state inside a payload of which `left` bytes are left.
    #[inline]
    pub(super) fn streaming(left: u64, check: F::Trailer) -> State<F::Trailer> {
        if left > 0 { State::Streaming { left: Left(left), check } } else { State::Ending { check } }
    }

    /// Begins the check over a frame whose header is at the front of the store.
    pub(super) fn begin_check(&self, header: usize) -> F::Trailer {
        if F::Trailer::MAX_LEN == 0 {
            return F::Trailer::default();
        }
        self.format.begin_trailer(split(self.ring.first(self.store.as_ref()), header).0)
    }
}

/// Returns a length as a `usize`, or the largest if it is larger.
#[inline(always)]
pub(super) fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Returns the first `n` bytes, or all, and the rest.
#[inline(always)]
pub(super) fn split(bytes: &[u8], n: usize) -> (&[u8], &[u8]) {
    bytes.split_at(n.min(bytes.len()))
}
