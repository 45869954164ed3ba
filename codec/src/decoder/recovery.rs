//! Starting over, and finding the next frame after a fault.

use super::{Decoder, State};
#[cfg(doc)]
use crate::error::DecodeError;
use crate::format::Format;
use crate::prefix::{Prefix, inspect};
use crate::ring::Ring;
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Forgets everything that is buffered and under way, errors included, for a new link. The
    /// counters and the limit stay.
    pub fn reset(&mut self) {
        self.note_high_water();
        self.ring = Ring::new();
        self.state = State::Between;
    }

    /// Gives up the frame at the front, after an error or a time-out, and looks for the next place
    /// where a frame can begin. Returns how many bytes it dropped.
    ///
    /// It looks among the buffered bytes only, and a call judges the header of each once. The bytes
    /// that it finds may still be no frame: then the next call returns an error again. So call it as
    /// often as an error comes. With a trailer, each of those errors costs one check over at most the
    /// store. A format with a sync word or a header check makes wrong places rare.
    ///
    /// It does not trust a length that may be damaged, so it also looks for frames inside a payload.
    /// Without an error it drops the first byte of a good frame. Inside a payload that is returned in
    /// pieces it gives up the payload. After [`DecodeError::Corrupt`] there,
    /// [`discard`](Self::discard) trusts the length and skips the trailer instead.
    ///
    /// ```
    /// use ringframe::{Decoder, Format, formats};
    ///
    /// // No frame has more than 16 bytes, so most wrong lengths are found.
    /// let mut decoder = Decoder::new(formats::U16_BE.with_limit(16), [0; 16]);
    /// let mut chunk = &b"\xff\xff\0\x02hi"[..];
    /// let mut dropped = 0;
    /// let frame = loop {
    ///     match decoder.next_frame(&mut chunk) {
    ///         Ok(_) => break decoder.stats().frames,
    ///         Err(_) => dropped += decoder.resync(),
    ///     }
    /// };
    /// assert_eq!((frame, dropped), (1, 2));
    /// ```
    pub fn resync(&mut self) -> usize {
        let before = self.ring.len();
        let in_payload = self.is_in_payload();
        self.forget_verdict();
        if !in_payload {
            self.release(1);
        }
        while !self.ring.is_empty() && !self.can_begin_a_frame() {
            self.release(1);
        }
        before.wrapping_sub(self.ring.len())
    }

    /// Returns true if a frame within the limit can begin with the oldest bytes.
    fn can_begin_a_frame(&self) -> bool {
        match inspect(&self.format, self.buffered_bytes(), self.whole_limit()) {
            Prefix::Invalid(_) => false,
            Prefix::Oversized { header, payload } => self.refuse_oversized(header, payload).is_none(),
            Prefix::Header { .. } | Prefix::Partial { .. } | Prefix::Complete { .. } => true,
        }
    }
}
