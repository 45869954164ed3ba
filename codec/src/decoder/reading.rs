//! Reading straight into the store: a reader fills what is free, and frames are taken out.

use super::rule::{Found, clamp, split};
use super::{Decoder, State};
use crate::error::{DecodeError, FilledError};
use crate::format::{Format, Trailer};
use crate::frame::{Event, Frame, Status};
use crate::prefix::{Prefix, inspect, is_intact};
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Returns whether there is something to take, or how many bytes are missing. It borrows nothing,
    /// so a loop around it passes the borrow checker.
    ///
    /// "Something" is a frame, or an event if the format's limit is larger than the store. A caller
    /// that takes frames only then gets an error for a frame larger than the store.
    ///
    /// ```
    /// use ringframe::{Decoder, Status, formats};
    /// # let mut stream = &b"\0\x05hello\0\x03abc"[..];
    /// # let mut read = |space: &mut [u8]| std::io::Read::read(&mut stream, space);
    /// # let mut seen = Vec::new();
    ///
    /// let mut decoder = Decoder::new(formats::U16_BE, [0; 1024]);
    /// loop {
    ///     match decoder.poll()? {
    ///         Status::Missing(_) => match read(decoder.space())? {
    ///             0 => break,
    ///             n => decoder.filled(n)?,
    ///         },
    ///         Status::Ready => {
    ///             let Some(frame) = decoder.take_frame()? else { continue };
    ///             println!("{} bytes", frame.len());
    /// #           seen.push(frame.payload().to_vec());
    ///         }
    ///     }
    /// }
    /// decoder.end_of_input()?;
    /// # assert_eq!(seen, [&b"hello"[..], b"abc"]);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_event`](Self::next_event), except that a wrong trailer of a streamed payload is
    /// [`Status::Ready`].
    #[inline(always)]
    pub fn poll(&mut self) -> Result<Status, DecodeError> {
        self.quick_poll()
    }

    /// `poll`, by the rule alone.
    #[doc(hidden)]
    #[inline(never)]
    pub fn __poll_by_rule(&mut self) -> Result<Status, DecodeError> {
        match self.known_missing() {
            0 => {}
            missing => return Ok(Status::Missing(missing)),
        }
        if !matches!(self.state, State::Streaming { .. } | State::Ending { .. }) {
            match self.advance(&mut &[][..]) {
                Found::Nothing => {}
                Found::Frame { .. } | Found::Oversized { .. } => return Ok(Status::Ready),
                Found::Fault(error) => return Err(error),
            }
        }
        match self.missing() {
            0 => Ok(Status::Ready),
            missing => {
                if let State::Ending { .. } = self.state {
                    self.make_room(self.format.trailer_len());
                }
                Ok(Status::Missing(missing))
            }
        }
    }

    /// Returns the free space in one piece, for a reader to fill.
    ///
    /// It is never empty after [`Status::Missing`]. It can be empty while frames wait to be taken.
    #[must_use]
    pub fn space(&mut self) -> &mut [u8] {
        if self.ring.end() == self.store.as_ref().len() {
            self.wrap();
        }
        let space = self.ring.space(self.store.as_ref().len());
        self.store.as_mut().get_mut(space).unwrap_or_default()
    }

    /// Adds the first `n` bytes of [`space`](Self::space) to what is buffered.
    ///
    /// Call it before any other method of the decoder: others may move the space.
    ///
    /// # Errors
    /// [`FilledError`] if `n` is larger than the space. Nothing is added then.
    #[inline]
    pub fn filled(&mut self, n: usize) -> Result<(), FilledError> {
        let space = self.ring.space(self.store.as_ref().len()).len();
        if n > space {
            return Err(FilledError { filled: n, space });
        }
        self.ring.commit(n);
        self.note_high_water();
        self.ring.invariants();
        if let State::Skipping { .. } = self.state {
            self.skip_buffered();
        }
        Ok(())
    }

    /// Returns the next frame that is buffered, or `None`:
    /// [`next_frame`](Self::next_frame) without a chunk.
    ///
    /// # Errors
    /// Those of `next_frame`.
    #[inline(always)]
    pub fn take_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        match self.whole_buffered() {
            Some((header, payload)) => Ok(Some(self.lend_front(header, payload))),
            None if self.known_missing() > 0 => Ok(None),
            None => self.take_by_rule(),
        }
    }

    #[cold]
    #[inline(never)]
    fn take_by_rule(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        self.__frame_by_rule(&mut &[][..])
    }

    /// Returns the next event that is buffered, or `None`:
    /// [`next_event`](Self::next_event) without a chunk.
    ///
    /// # Errors
    /// Those of `next_event`.
    #[inline]
    pub fn take_event(&mut self) -> Result<Option<Event<'_>>, DecodeError> {
        self.next_event(&mut &[][..])
    }

    /// Returns buffered bytes without looking for frames in them, at most `max`:
    /// [`unframed`](Self::unframed) without a chunk.
    pub fn take_unframed(&mut self, max: usize) -> &[u8] {
        self.unframed(&mut &[][..], max)
    }

    /// Returns buffered bytes of a payload that is returned in pieces, at most `max`: the piece of
    /// [`Event::Data`], for a caller that has no room for more. It is empty if there are none, and
    /// outside such a payload. Whether a trailer is right, `Event::End` tells.
    pub fn take_payload(&mut self, max: usize) -> &[u8] {
        self.next_piece(&mut &[][..], max).unwrap_or_default()
    }

    /// Lends the frame that [`take_frame`](Self::take_frame) would return, and leaves it in the store.
    /// Returns `None` if none is whole.
    ///
    /// A caller can look at a frame and skip it, or return it from a loop, which a frame that was
    /// taken does not allow: it borrows the decoder.
    ///
    /// ```
    /// use ringframe::formats::U8;
    /// use ringframe::{DecodeError, Decoder, Frame};
    ///
    /// /// Returns the next frame that is not empty: an empty one only keeps the link alive.
    /// fn next_message(decoder: &mut Decoder<U8, [u8; 16]>) -> Result<Option<Frame<'_>>, DecodeError> {
    ///     while decoder.peek_frame().is_some_and(|frame| frame.is_empty()) {
    ///         decoder.take_frame()?;
    ///     }
    ///     decoder.take_frame()
    /// }
    ///
    /// let mut decoder = Decoder::new(U8, [0; 16]);
    /// decoder.space()[..5].copy_from_slice(b"\0\0\x02hi");
    /// decoder.filled(5)?;
    /// assert_eq!(next_message(&mut decoder)?.unwrap().payload(), b"hi");
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    #[must_use]
    pub fn peek_frame(&self) -> Option<Frame<'_>> {
        if self.known_missing() > 0 || self.is_in_payload() {
            return None;
        }
        let bytes = self.buffered_bytes();
        match inspect(&self.format, bytes, self.whole_limit()) {
            Prefix::Complete { header, payload } => {
                let len = header.wrapping_add(payload).wrapping_add(self.format.trailer_len());
                let is_intact = is_intact(&self.format, bytes, header, payload);
                bytes.get(..len).filter(|_| is_intact).map(|frame| Frame::of(frame, header, payload))
            }
            _ => None,
        }
    }

    /// Lends what is buffered of a payload that is returned in pieces, and leaves it in the store. Take it
    /// by [`take_payload`](Self::take_payload). It is empty outside such a payload.
    #[must_use]
    pub fn peek_payload(&self) -> &[u8] {
        match self.state {
            State::Streaming { left, .. } => split(self.buffered_bytes(), clamp(left.0)).0,
            _ => &[],
        }
    }

    /// Lends what is buffered outside of a payload, as far as it is in one piece, and leaves it in the store.
    /// Take it by [`take_unframed`](Self::take_unframed). It is empty inside a payload that is returned in
    /// pieces.
    #[must_use]
    pub fn peek_unframed(&self) -> &[u8] {
        if self.is_in_payload() { &[] } else { self.buffered_bytes() }
    }

    /// Returns the lengths of header and payload of the frame at the front of the store, if it is
    /// whole.
    #[inline(always)]
    pub(super) fn whole_buffered(&self) -> Option<(usize, usize)> {
        match self.state {
            State::Between => {}
            State::Header { wanted } | State::Frame { wanted } if wanted <= self.ring.end() => {}
            _ => return None,
        }
        if F::Trailer::MAX_LEN > 0 {
            return None;
        }
        match inspect(&self.format, self.buffered_bytes(), self.whole_limit()) {
            Prefix::Complete { header, payload } => Some((header, payload)),
            _ => None,
        }
    }

    /// Makes the space before the oldest frame usable while frames wait to be taken. The end of the
    /// store is reached. The partial frame there moves to the front.
    #[cold]
    fn wrap(&mut self) {
        if self.ring.is_wrapped() || self.known_missing() > 0 || self.is_in_payload() {
            return;
        }
        // Whole frames are passed over, whatever the limit is: they don't move.
        let capacity = self.store.as_ref().len();
        let first = self.ring.first(self.store.as_ref());
        let mut partial = first;
        while let Prefix::Complete { header, payload } = inspect(&self.format, partial, capacity) {
            // Only walk the frames once at least as much was released as is buffered. The move then
            // succeeds, so repeated calls don't walk again.
            if self.ring.start() < first.len() {
                return;
            }
            let len = header.wrapping_add(payload).wrapping_add(self.format.trailer_len());
            partial = split(partial, len).1;
            if partial.is_empty() {
                break;
            }
        }
        let n = partial.len();
        let store = self.store.as_mut();
        if n == 0 {
            self.ring.wrap(capacity);
        } else if n < self.ring.first_len() {
            self.ring.wrap_moving(store, n);
        } else {
            self.ring.move_all(store);
            self.state = State::Between;
        }
    }
}
