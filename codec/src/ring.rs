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

use core::ops::Range;

use crate::copy::copy;

/// The cursors; the store is an argument of every method that touches bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ring {
    start: usize,
    end: usize,
    /// 0 while linear, else the length of the second segment plus one: a flag of its own would cost a
    /// device four bytes.
    wrapped: usize,
}

/// What is buffered. Boundary: only [`Ring::release`] moves `start`.
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
        self.wrapped.saturating_sub(1)
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.first_len().wrapping_add(self.tail())
    }

    #[inline(always)]
    pub(crate) fn is_wrapped(&self) -> bool {
        self.wrapped != 0
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
        if n < first {
            self.start = self.start.wrapping_add(n);
        } else {
            self.release_first(n.wrapping_sub(first));
        }
    }

    #[inline(always)]
    fn release_first(&mut self, more: usize) {
        let tail = self.tail();
        *self = Self { start: 0, end: tail, wrapped: 0 };
        if more != 0 {
            if more < tail {
                self.start = more;
            } else {
                self.end = 0;
            }
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

    /// Copies what fits of `bytes` behind the newest byte, wrapping anywhere; answers how much that was.
    pub(crate) fn put(&mut self, store: &mut [u8], bytes: &[u8]) -> usize {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let space = store.get_mut(self.space(store.len())).unwrap_or_default();
            let n = copy(space, rest);
            self.commit(n);
            used = used.wrapping_add(n);
            if n == rest.len() || !self.wrap(store.len()) {
                self.invariants(store.len());
                return used;
            }
        }
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
            self.wrapped = 1;
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
        self.wrapped = n.wrapping_add(1);
        self.invariants(store.len());
        true
    }

    /// Moves all bytes of a linear ring to the front of the store.
    #[inline]
    pub(crate) fn move_all(&mut self, store: &mut [u8]) {
        if !self.is_wrapped() && self.start > 0 {
            move_to_front(store, self.start..self.end);
            *self = Self { start: 0, end: self.first_len(), wrapped: 0 };
        }
        self.invariants(store.len());
    }

    /// Makes the ring linear, with its bytes in one piece. Seldom needed, so simple: one rotation.
    pub(crate) fn join(&mut self, store: &mut [u8]) {
        if !self.is_wrapped() {
            return;
        }
        let (first, tail) = (self.first_len(), self.tail());
        let all = store.get_mut(..self.end).unwrap_or_default();
        if self.start <= all.len() {
            // second ++ gap ++ first becomes first ++ second ++ gap.
            all.rotate_left(self.start);
        }
        *self = Self { start: 0, end: first.wrapping_add(tail), wrapped: 0 };
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

/// Moves bytes to the front of the store, in steps that don't overlap: `copy_within` would bring panics into a
/// program that is built for size.
fn move_to_front(store: &mut [u8], from: Range<usize>) {
    let (mut from, mut to, end) = (from.start, 0, from.end);
    while from < end {
        let n = end.wrapping_sub(from);
        let Some((front, back)) = store.split_at_mut_checked(from) else { return };
        let moved = copy(front.get_mut(to..).unwrap_or_default(), back.get(..n).unwrap_or_default());
        if moved == 0 {
            return;
        }
        from = from.wrapping_add(moved);
        to = to.wrapping_add(moved);
    }
}

#[cfg(test)]
mod tests;
