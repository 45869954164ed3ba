//! Taking frames from chunks.

use super::rule::{Found, clamp, split};
use super::{Decoder, Left, State};
use crate::error::DecodeError;
use crate::format::{Format, Trailer};
use crate::frame::{Event, Frame};
use crate::prefix::frame_len;
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Returns the next frame, buffered or in `chunk`. `chunk` moves on past the bytes that were used.
    ///
    /// `None`: all of `chunk` is used, and [`missing`](Self::missing) says how many bytes more are
    /// needed. So call it until `None` for each chunk, or use [`frames`](Self::frames), which is
    /// quicker for many frames in a chunk. A chunk of one byte that completes nothing is cheap.
    ///
    /// The frame borrows `chunk` if it is whole there and nothing was buffered before, else the store.
    ///
    /// ```
    /// use ringframe::{Decoder, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U_8, [0; 16]);
    /// assert_eq!(decoder.next_frame(&mut &b"\x02h"[..])?, None);
    /// let mut chunk = &b"i\x01!"[..];
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"hi");
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"!");
    /// assert_eq!(decoder.next_frame(&mut chunk)?, None);
    /// # Ok::<(), ringframe::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// An invalid header, a wrong trailer, or a frame larger than the store or the format's limit.
    /// Frames before it have been returned. The header at fault stays buffered, so every later call
    /// returns the same error and uses nothing, until [`resync`](Self::resync),
    /// [`reset`](Self::reset), [`unframed`](Self::unframed), a larger limit or another format. A frame
    /// larger than the store but within the format's limit can still be taken with
    /// [`next_event`](Self::next_event).
    ///
    /// [`DecodeError::MidPayload`] inside a frame that `next_event` began.
    #[inline(always)]
    pub fn next_frame<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Frame<'d>>, DecodeError> {
        self.quick_frame(chunk)
    }

    /// `next_frame`, by the rule alone.
    #[doc(hidden)]
    #[cfg_attr(not(target_pointer_width = "64"), inline(always))]
    pub fn __frame_by_rule<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Frame<'d>>, DecodeError> {
        match self.advance(chunk) {
            Found::Nothing => Ok(None),
            Found::Frame { header, payload } => Ok(Some(self.lend_frame(chunk, header, payload))),
            Found::Oversized { header, payload } => Err(self.larger_than_store(header, payload)),
            Found::Fault(error) => Err(error),
        }
    }

    /// The error of callers that take frames, for one that only events can bring.
    #[cold]
    pub(super) fn larger_than_store(&self, header: usize, payload: u64) -> DecodeError {
        let declared = frame_len(&self.format, header, payload);
        DecodeError::TooLong { declared, limit: self.store.as_ref().len() as u64 }
    }

    /// Returns the next event: like [`next_frame`](Self::next_frame), but a frame larger than the
    /// store comes in pieces.
    ///
    /// The pieces are [`Event::Begin`] as soon as its header is there, any number of [`Event::Data`],
    /// and [`Event::End`]. The format must name a limit, see [`Format::with_limit`]. Without it, the
    /// store is the limit.
    ///
    /// ```
    /// use ringframe::{Decoder, Event, Format, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U_8.with_limit(256), [0; 4]);
    /// let mut chunk = &b"\x06stream"[..];
    /// let mut payload = vec![];
    /// while let Some(event) = decoder.next_event(&mut chunk)? {
    ///     match event {
    ///         Event::Frame(frame) => println!("{} bytes at once", frame.len()),
    ///         Event::Begin { payload, .. } => println!("{payload} bytes follow"),
    ///         Event::Data(piece) => payload.extend_from_slice(piece),
    ///         Event::End => println!("all of them are here"),
    ///     }
    /// }
    /// assert_eq!(payload, b"stream");
    /// # Ok::<(), ringframe::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// Those of `next_frame`, except that a frame larger than the store is none if it is within the
    /// format's limit.
    #[inline]
    pub fn next_event<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Event<'d>>, DecodeError> {
        match self.state {
            State::Streaming { .. } => Ok(self.next_piece(chunk, usize::MAX).map(Event::Data)),
            State::Ending { check } => self.end_payload(chunk, check),
            _ => self.quick_event(chunk),
        }
    }

    /// `next_event` outside payloads, by the rule alone.
    #[doc(hidden)]
    pub fn __event_by_rule<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Event<'d>>, DecodeError> {
        match self.advance(chunk) {
            Found::Nothing => Ok(None),
            Found::Frame { header, payload } => {
                Ok(Some(Event::Frame(self.lend_frame(chunk, header, payload))))
            }
            Found::Oversized { header, payload } => {
                self.state = Self::streaming(payload, self.begin_check(header));
                Ok(Some(Event::Begin { header: self.release(header), payload }))
            }
            Found::Fault(error) => Err(error),
        }
    }

    /// Returns the next piece, at most `max` bytes, of a payload that is returned in pieces. `None`:
    /// there are no bytes of it now.
    pub(super) fn next_piece<'d, 'i: 'd>(&'d mut self, chunk: &mut &'i [u8], max: usize) -> Option<&'d [u8]> {
        let State::Streaming { left: Left(left), mut check } = self.state else { return None };
        let buffered = self.ring.first(self.store.as_ref());
        let window = if buffered.is_empty() { *chunk } else { buffered };
        let (piece, _) = split(window, clamp(left).min(max));
        if piece.is_empty() {
            return None;
        }
        check.update(piece);
        let n = piece.len();
        self.state = Self::streaming(left.wrapping_sub(n as u64), check);
        Some(self.lend(chunk, n))
    }

    /// Compares the trailer of a payload that was returned in pieces.
    fn end_payload<'d>(
        &'d mut self,
        chunk: &mut &[u8],
        check: F::Trailer,
    ) -> Result<Option<Event<'d>>, DecodeError> {
        let trailer = self.format.trailer_len();
        let missing = trailer.saturating_sub(self.ring.first_len());
        if missing > 0 {
            self.make_room(trailer);
            let (now, later) = split(chunk, missing);
            self.ring.append(self.store.as_mut(), now);
            *chunk = later;
            if now.len() < missing {
                return Ok(None);
            }
            self.note_high_water();
        }
        if !check.matches(split(self.ring.first(self.store.as_ref()), trailer).0) {
            return Err(DecodeError::Corrupt);
        }
        self.release(trailer);
        self.complete();
        Ok(Some(Event::End))
    }

    /// Skips the rest of the frame that [`Event::Begin`] announced, however many chunks it takes.
    /// [`Event::End`] is not returned then, and the trailer is not compared.
    ///
    /// Returns how many bytes of the payload that is. Outside such a frame it returns 0, and nothing
    /// is skipped.
    pub fn discard(&mut self) -> u64 {
        let payload = match self.state {
            State::Streaming { left, .. } => left.0,
            State::Ending { .. } => 0,
            _ => return 0,
        };
        self.state = State::Skipping { left: Left(self.frame_left()) };
        self.skip_buffered();
        payload
    }

    /// Returns bytes without looking for frames in them, at most `max`, the buffered ones first.
    ///
    /// They are the bytes outside frames: a preamble, what follows a protocol upgrade, content after a
    /// header frame. Inside a payload that is returned in pieces there are none: they are
    /// [`next_event`](Self::next_event)'s. An empty slice means that no bytes are available.
    ///
    /// ```
    /// use ringframe::{Decoder, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U_8, [0; 16]);
    /// let mut chunk = &b"HELLO\x02hi"[..];
    /// assert_eq!(decoder.unframed(&mut chunk, 5), b"HELLO");
    /// assert_eq!(decoder.next_frame(&mut chunk)?.unwrap().payload(), b"hi");
    /// # Ok::<(), ringframe::DecodeError>(())
    /// ```
    pub fn unframed<'d, 'i: 'd>(&'d mut self, chunk: &mut &'i [u8], max: usize) -> &'d [u8] {
        self.skip(chunk);
        if max == 0 || self.is_in_payload() {
            return &[];
        }
        self.forget_verdict();
        self.lend(chunk, max)
    }
}
