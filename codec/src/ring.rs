//! The cursors of a ring over a store that somebody else owns.
//!
//! One ring serves both directions. Its bytes are in two segments, oldest first:
//!
//! ```text
//!  linear                                 wrapped
//!  0      start        end      cap       0     tail     start     end  cap
//!  |  free  |###first####|  free  |       |#second#|  free  |##first##|    |
//! ```
//!
//! Bytes are appended after the newest and released from the oldest on. The caller decides when to
//! wrap, by [`Ring::wrap`] or [`Ring::wrap_moving`]: the encoder wraps anywhere, the decoder only
//! between frames, so that a frame is always one slice.
//!
//! [`Ring::invariants`] checks the order of the cursors in debug builds: `tail <= start <= end`, and
//! all of them are zero while nothing is buffered.

use core::mem;
use core::ops::Range;

use crate::copy::copy;

/// The top bit of [`Ring::wrapped`].
const WRAPPED: usize = 1 << (usize::BITS - 1);

/// The longest chunk that is copied in line: nothing on a small device, where code counts.
const IN_LINE: usize = if cfg!(target_pointer_width = "64") { 64 } else { 0 };

/// The cursors. The store is an argument of every method that touches bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ring {
    start: usize,
    end: usize,
    /// 0 while linear. While wrapped, the top bit is set and the other bits are the length of the
    /// second segment. A `bool` of its own would cost a device four bytes.
    wrapped: usize,
}

/// What is buffered. Boundary: nothing here changes which bytes those are.
impl Ring {
    pub(crate) const fn new() -> Self {
        Self { start: 0, end: 0, wrapped: 0 }
    }

    /// Returns a linear ring of the bytes in `range`, as far as they are in a store of `cap` bytes.
    pub(crate) fn from_range(range: Range<usize>, cap: usize) -> Self {
        let end = range.end.min(cap);
        if range.start < end { Self { start: range.start, end, wrapped: 0 } } else { Self::new() }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // An empty ring is always linear, see `release_first`.
        self.start == self.end
    }

    /// Returns the length of the older segment.
    #[inline(always)]
    pub(crate) fn first_len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    /// Returns the length of the newer segment, 0 while the ring is linear.
    #[inline(always)]
    fn tail(&self) -> usize {
        self.wrapped & !WRAPPED
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.first_len().wrapping_add(self.tail())
    }

    #[inline(always)]
    pub(crate) fn is_wrapped(&self) -> bool {
        self.wrapped >= WRAPPED
    }

    /// Returns where the older segment starts.
    #[inline(always)]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Returns where the older segment ends.
    #[inline(always)]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// Returns where the bytes of a linear ring are in the store.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Returns the older segment.
    #[inline(always)]
    pub(crate) fn first<'s>(&self, store: &'s [u8]) -> &'s [u8] {
        match store.get(self.start..self.end) {
            Some(first) => first,
            // A branch, see BENCHMARKS.md: `unwrap_or_default` would be a conditional move.
            None => no_bytes(),
        }
    }

    /// Returns the newer segment, which is empty while the ring is linear.
    #[inline]
    pub(crate) fn second<'s>(&self, store: &'s [u8]) -> &'s [u8] {
        store.get(..self.tail()).unwrap_or_default()
    }

    /// Returns the newest `n` bytes in order, in two pieces.
    pub(crate) fn newest<'s>(&self, store: &'s [u8], n: usize) -> (&'s [u8], &'s [u8]) {
        let before = self.len().saturating_sub(n);
        let (first, second) = (self.first(store), self.second(store));
        match first.get(before..) {
            Some(first) => (first, second),
            None => (&[], second.get(before.wrapping_sub(first.len())..).unwrap_or_default()),
        }
    }
}

/// Releasing. Boundary: this makes the oldest bytes free, and nothing else moves `start` forward.
impl Ring {
    /// Releases the `n` oldest bytes, or all if there are fewer.
    #[inline(always)]
    pub(crate) fn release(&mut self, n: usize) {
        let first = self.first_len();
        self.release_first(n);
        if n > first {
            self.release_first(n.wrapping_sub(first));
        }
    }

    /// Releases the `n` oldest bytes, or the older segment if it has fewer.
    #[inline]
    pub(crate) fn release_first(&mut self, n: usize) {
        if n < self.first_len() {
            self.start = self.start.wrapping_add(n);
        } else {
            *self = Self { start: 0, end: self.tail(), wrapped: 0 };
        }
    }
}

/// Appending. Boundary: only these add bytes, by moving the newest end.
impl Ring {
    /// Returns the space that the next bytes go to, in one piece.
    #[inline(always)]
    pub(crate) fn space(&self, cap: usize) -> Range<usize> {
        if self.is_wrapped() { self.tail()..self.start } else { self.end..cap }
    }

    /// Returns the number of free bytes, wherever they are.
    #[inline]
    pub(crate) fn free(&self, cap: usize) -> usize {
        cap.saturating_sub(self.len())
    }

    /// Adds the first `n` bytes of [`Ring::space`]. The caller has checked that it is that large.
    #[inline(always)]
    pub(crate) fn commit(&mut self, n: usize) {
        if self.is_wrapped() {
            self.wrapped = self.wrapped.wrapping_add(n);
        } else {
            self.end = self.end.wrapping_add(n);
        }
    }

    /// Appends all of `bytes` in one piece. The ring is linear and has room for them, unless a format
    /// or a store contradicts itself: then nothing is appended, and false returned.
    #[inline(always)]
    pub(crate) fn append(&mut self, store: &mut [u8], bytes: &[u8]) -> bool {
        let end = self.end.wrapping_add(bytes.len());
        let Some(room) = store.get_mut(self.end..end) else { return false };
        copy(room, bytes);
        self.end = end;
        true
    }

    /// `append` for chunks that are often a few bytes: a single one is stored, not copied, and up to
    /// [`IN_LINE`] are copied without a call.
    #[inline(always)]
    pub(crate) fn append_short(&mut self, store: &mut [u8], bytes: &[u8]) {
        match *bytes {
            [byte] => {
                if let Some(slot) = store.get_mut(self.end) {
                    *slot = byte;
                    self.end = self.end.wrapping_add(1);
                }
            }
            // Two arms: a few bytes are then copied before longer copies are asked about.
            _ if bytes.len() <= IN_LINE / 4 => _ = self.append(store, bytes),
            _ if bytes.len() <= IN_LINE => _ = self.append(store, bytes),
            _ => self.append_out_of_line(store, bytes),
        }
    }

    #[inline(never)]
    fn append_out_of_line(&mut self, store: &mut [u8], bytes: &[u8]) {
        self.append(store, bytes);
    }

    /// Appends what fits of `bytes`, wrapping anywhere, and returns how much that is.
    pub(crate) fn append_wrapping(&mut self, store: &mut [u8], bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(space) = store.get_mut(self.space(store.len())) {
            let n = copy(space, rest);
            self.commit(n);
            rest = rest.get(n..).unwrap_or_default();
            if rest.is_empty() || !self.wrap(store.len()) {
                break;
            }
        }
        self.invariants();
        bytes.len().wrapping_sub(rest.len())
    }
}

/// Wrapping and moving. Boundary: these change where bytes are, never which bytes are buffered.
impl Ring {
    /// Sends the next bytes to the front of the store. Returns false if they can't go there: the end
    /// of the store is not reached, the front is not free, or the ring is wrapped already.
    pub(crate) fn wrap(&mut self, cap: usize) -> bool {
        let can = !self.is_wrapped() && self.end == cap && self.start > 0;
        if can {
            self.wrapped = WRAPPED;
        }
        can
    }

    /// Wraps before the newest `n` bytes, which move to the front of the store. Returns false, and
    /// moves nothing, if there is no room for them.
    pub(crate) fn wrap_moving(&mut self, store: &mut [u8], n: usize) -> bool {
        let from = self.end.wrapping_sub(n);
        if self.is_wrapped() || n > self.start || n >= self.first_len() {
            return false;
        }
        move_to_front(store, from..self.end);
        self.end = from;
        self.wrapped = n | WRAPPED;
        self.invariants();
        true
    }

    /// Moves all bytes of a linear ring to the front of the store.
    #[inline]
    pub(crate) fn move_all(&mut self, store: &mut [u8]) {
        move_to_front(store, self.start..self.end);
        *self = Self { start: 0, end: self.first_len(), wrapped: 0 };
        self.invariants();
    }

    /// Moves `n` bytes, which end `by` bytes before the newest end, to that end.
    pub(crate) fn shift_newest(&self, store: &mut [u8], n: usize, by: usize) {
        let to = self.len().wrapping_sub(n);
        let from = to.wrapping_sub(by);
        for i in (0..n).rev() {
            let byte = store.get(self.place(from.wrapping_add(i))).copied().unwrap_or_default();
            if let Some(slot) = store.get_mut(self.place(to.wrapping_add(i))) {
                *slot = byte;
            }
        }
    }

    /// Returns where in the store byte number `i` is, counted from the oldest.
    fn place(&self, i: usize) -> usize {
        let first = self.first_len();
        if i < first { self.start.wrapping_add(i) } else { i.wrapping_sub(first) }
    }

    /// Makes the ring linear, with its bytes in one piece. Rarely called, so optimised for size.
    pub(crate) fn join(&mut self, store: &mut [u8]) {
        if !self.is_wrapped() {
            return;
        }
        let len = self.len();
        // second ++ gap ++ first becomes first ++ second ++ gap: a rotation by three reversals.
        reverse(store, 0..self.start);
        reverse(store, self.start..self.end);
        reverse(store, 0..self.end);
        *self = Self { start: 0, end: len, wrapped: 0 };
        self.invariants();
    }

    #[inline(always)]
    pub(crate) fn invariants(&self) {
        debug_assert!(self.tail() <= self.start && self.start <= self.end, "{self:?}");
        debug_assert!(!self.is_empty() || self.end == 0, "{self:?}");
    }
}

/// Returns no bytes. Out of line: only reached if a store changed its length.
#[cold]
#[inline(never)]
fn no_bytes<'s>() -> &'s [u8] {
    &[]
}

/// Moves bytes to the front of the store, in steps that don't overlap: each is as long as the gap
/// before it. `copy_within` would bring a panic into a program that is optimised for size.
fn move_to_front(store: &mut [u8], from: Range<usize>) {
    let Some(mut rest) = store.get_mut(..from.end) else { return };
    while let Some((gap, bytes)) = rest.split_at_mut_checked(from.start) {
        if gap.is_empty() || bytes.is_empty() {
            return;
        }
        copy(gap, bytes);
        rest = bytes;
    }
}

/// Reverses a part of the store. The standard library's own would bring a panic along.
#[inline(never)]
fn reverse(store: &mut [u8], part: Range<usize>) {
    let mut part = store.get_mut(part).unwrap_or_default();
    while let [first, middle @ .., last] = part {
        mem::swap(first, last);
        part = middle;
    }
}

#[cfg(test)]
mod tests;
