//! The cursors of a ring over a store that somebody else owns.
//!
//! One ring serves both directions. Its bytes are two segments, oldest first:
//!
//! ```text
//!  linear                                 wrapped
//!  0      start        end      cap       0     tail     start     end  cap
//!  |  free  |###first####|  free  |       |#second#|  free  |##first##|    |
//! ```
//!
//! Bytes are written behind the newest one and released in front of the oldest. When and where the ring
//! wraps is its user's choice, by calling [`Ring::wrap`] or [`Ring::wrap_moving`]: the encoder wraps
//! anywhere, the decoder only between frames, so that a frame is always one slice.
//!
//! Ordering, checked by [`Ring::invariants`] in debug builds:
//! `tail <= start <= end <= cap` and, where nothing is buffered, all of them are zero.

use core::cell::Cell;
use core::mem;
use core::ops::Range;

use crate::QUICK;
use crate::copy::copy;

/// Bit of [`Ring::wrapped`].
const WRAPPED: usize = 1 << (usize::BITS - 1);

/// The cursors; the store is an argument of every method that touches bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ring {
    start: usize,
    end: usize,
    /// 0 while linear, else the length of the second segment plus one: a flag of its own would cost a
    /// device four bytes.
    wrapped: usize,
}

/// What is buffered. Boundary: only [`Ring::release`] and [`Ring::release_first`] move `start`.
impl Ring {
    pub(crate) const fn new() -> Self {
        Self { start: 0, end: 0, wrapped: 0 }
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        // An empty ring is always linear, see `release`.
        self.start == self.end
    }

    #[inline(always)]
    pub(crate) fn first_len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    #[inline(always)]
    pub(crate) fn tail(&self) -> usize {
        self.wrapped & (WRAPPED - 1)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.first_len().wrapping_add(self.tail())
    }

    #[inline(always)]
    pub(crate) fn is_wrapped(&self) -> bool {
        self.wrapped >= WRAPPED
    }

    #[inline(always)]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Where the older segment ends.
    #[inline(always)]
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// The older segment.
    #[inline(always)]
    pub(crate) fn first<'s>(&self, store: &'s [u8]) -> &'s [u8] {
        // Not `unwrap_or_default`, of which a conditional move would become, in the way of what is loaded next.
        match store.get(self.start..self.end) {
            Some(first) => first,
            None => cold_nothing(),
        }
    }

    /// The newer segment, empty while the ring is linear.
    #[inline]
    pub(crate) fn second<'s>(&self, store: &'s [u8]) -> &'s [u8] {
        store.get(..self.tail()).unwrap_or_default()
    }

    /// Lets go of the `n` oldest bytes, or of all where there are fewer.
    #[inline(always)]
    pub(crate) fn release(&mut self, n: usize) {
        let first = self.first_len();
        self.release_first(n);
        if n > first {
            self.release_first(n.wrapping_sub(first));
        }
    }

    /// Lets go of the `n` oldest bytes, or of the older segment where that has fewer.
    #[inline]
    pub(crate) fn release_first(&mut self, n: usize) {
        if n < self.first_len() {
            self.start = self.start.wrapping_add(n);
        } else {
            *self = Self { start: 0, end: self.tail(), wrapped: 0 };
        }
    }
}

/// Free space. Boundary: only [`Ring::commit`] and what copies here ([`Ring::append`], [`Ring::append_odd`],
/// [`Ring::put`]) make bytes visible.
impl Ring {
    /// The space that the next bytes go to, in one piece.
    #[inline(always)]
    pub(crate) fn space(&self, cap: usize) -> Range<usize> {
        if self.is_wrapped() { self.tail()..self.start } else { self.end..cap }
    }

    /// All free bytes, wherever they are.
    #[inline]
    pub(crate) fn free(&self, cap: usize) -> usize {
        cap.saturating_sub(self.len())
    }

    /// Makes the first `n` bytes of [`Ring::space`] visible. The caller has checked that it is that large.
    #[inline(always)]
    pub(crate) fn commit(&mut self, n: usize) {
        if self.is_wrapped() {
            self.wrapped = self.wrapped.wrapping_add(n);
        } else {
            self.end = self.end.wrapping_add(n);
        }
    }

    /// Appends bytes in one piece; the ring is linear, and there is room for them: else nothing.
    #[inline(always)]
    pub(crate) fn append(&mut self, store: &mut [u8], bytes: &[u8]) {
        let end = self.end.wrapping_add(bytes.len());
        let Some(slot) = store.get_mut(self.end..end) else { return };
        // The copy comes last, so that nothing need be saved around it.
        self.end = end;
        copy(slot, bytes);
    }

    /// Appends the first `n` bytes of `from` in one piece; the same, for lengths that vary from call to call.
    ///
    /// On 64-bit hosts, up to 64 are copied as 64 where both sides have them: what is behind them in the store
    /// is free, and a copy of a steady length has no branch that could be guessed wrong.
    #[inline(always)]
    pub(crate) fn append_odd(&mut self, store: &mut [u8], from: &[u8], n: usize) {
        const STEADY: usize = 64;
        let at = self.end;
        let (Some(room), Some(bytes)) = (store.get_mut(at..), from.get(..n)) else { return };
        if n > room.len() {
            return;
        }
        self.end = at.wrapping_add(n);
        if cfg!(target_pointer_width = "64")
            && n <= STEADY
            && let (Some(to), Some(from)) = (room.first_chunk_mut::<STEADY>(), from.first_chunk::<STEADY>())
        {
            *to = *from;
        } else {
            copy(room, bytes);
        }
    }

    /// Appends what fits of `bytes` in one piece; the ring is linear.
    #[inline(always)]
    pub(crate) fn append_some(&mut self, store: &mut [u8], bytes: &[u8]) -> usize {
        let Some(room) = store.get_mut(self.end..) else { return 0 };
        let n = copy(room, bytes);
        self.end = self.end.wrapping_add(n);
        n
    }

    /// Copies what fits of `bytes` behind the newest byte, wrapping anywhere; answers how much that was.
    pub(crate) fn put(&mut self, store: &mut [u8], bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some(space) = store.get_mut(self.space(store.len())) {
            let n = copy(space, rest);
            self.commit(n);
            rest = rest.get(n..).unwrap_or_default();
            if rest.is_empty() || !self.wrap(store.len()) {
                break;
            }
        }
        self.invariants(store.len());
        bytes.len().wrapping_sub(rest.len())
    }

    /// Moves `n` bytes, which lie `by` bytes before the newest end, to that end: room was left behind them.
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

    /// Where the byte number `i`, counted from the oldest, is in the store.
    fn place(&self, i: usize) -> usize {
        let first = self.first_len();
        if i < first { self.start.wrapping_add(i) } else { i.wrapping_sub(first) }
    }
}

/// Wrapping and moving. Boundary: these change where bytes are, never which bytes are buffered.
impl Ring {
    /// Lets the next bytes go to the front of the store; `false` where they can't: the end is not
    /// reached yet, there is no room in front, or the ring is wrapped already.
    pub(crate) fn wrap(&mut self, cap: usize) -> bool {
        let can = !self.is_wrapped() && self.end == cap && self.start > 0;
        if can {
            self.wrapped = WRAPPED;
        }
        can
    }

    /// Wraps in front of the newest `n` bytes, which move to the front of the store: the frame that they
    /// begin would have crossed the end. `false`, and nothing moved, where there is no room for them.
    pub(crate) fn wrap_moving(&mut self, store: &mut [u8], n: usize) -> bool {
        let from = self.end.wrapping_sub(n);
        if self.is_wrapped() || n > self.start || n >= self.first_len() {
            return false;
        }
        move_to_front(store, from..self.end);
        self.end = from;
        self.wrapped = n | WRAPPED;
        self.invariants(store.len());
        true
    }

    /// Moves all bytes of a linear ring to the front of the store.
    #[inline]
    pub(crate) fn move_all(&mut self, store: &mut [u8]) {
        move_to_front(store, self.start..self.end);
        *self = Self { start: 0, end: self.first_len(), wrapped: 0 };
        self.invariants(store.len());
    }

    /// Makes the ring linear, with its bytes in one piece. Seldom needed, so small.
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
        self.invariants(store.len());
    }

    #[inline(always)]
    pub(crate) fn invariants(&self, cap: usize) {
        debug_assert!(
            self.tail() <= self.start && self.start <= self.end && self.end <= cap,
            "{self:?} over {cap}"
        );
        debug_assert!(!self.is_empty() || self.end == 0, "{self:?} over {cap}");
    }
}

/// No bytes, for where there can be no others unless a store changed its length.
#[cold]
#[inline(never)]
pub(crate) fn cold_nothing<'s>() -> &'s [u8] {
    &[]
}

/// Moves bytes to the front of the store; `copy_within` would bring panics into a program that is built for size.
fn move_to_front(store: &mut [u8], from: Range<usize>) {
    if !QUICK {
        let store = Cell::from_mut(store).as_slice_of_cells();
        let (Some(to), Some(from)) = (store.get(..from.len()), store.get(from)) else { return };
        for (to, from) in to.iter().zip(from) {
            to.set(from.get());
        }
        return;
    }
    // In steps that don't overlap, each as long as the gap in front of them.
    let Some(mut rest) = store.get_mut(..from.end) else { return };
    while let Some((gap, bytes)) = rest.split_at_mut_checked(from.start)
        && !gap.is_empty()
        && !bytes.is_empty()
    {
        copy(gap, bytes);
        rest = bytes;
    }
}

/// Reverses a part of the store; the library's own would bring a panic along.
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
