//! Frames of announced length, whose payload is fed in pieces, and bytes outside frames.

use super::Encoder;
use super::slices::{Lengths, measure};
use crate::decoder::Left;
use crate::error::EncodeError;
use crate::format::{Format, Trailer};
use crate::store::Store;

/// A payload of announced length that is under way.
#[derive(Clone, Copy)]
pub(super) struct Announced<T> {
    /// How many bytes of it are missing. Never 0.
    pub(super) left: Left,
    check: T,
}

impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Begins a frame of announced length. Its payload then goes through [`feed`](Self::feed) in
    /// pieces, and may be larger than the store if the format's limit is.
    ///
    /// ```
    /// use ringframe::{Encoder, Format, formats};
    ///
    /// let mut encoder = Encoder::new(formats::U_8.with_limit(256), [0; 4]);
    /// let mut payload = &b"streamed"[..];
    /// let mut wire = vec![];
    /// encoder.announce(&[], payload.len() as u64)?;
    /// while encoder.left() > 0 {
    ///     payload = &payload[encoder.feed(payload)?..];
    ///     wire.extend_from_slice(encoder.pending().0); // send it
    ///     wire.extend_from_slice(encoder.pending().1);
    ///     encoder.advance(usize::MAX);
    /// }
    /// assert_eq!(wire, b"\x08streamed");
    /// # Ok::<(), ringframe::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`], [`EncodeError::Fields`], [`EncodeError::Unrepresentable`],
    /// [`EncodeError::TooLong`] beyond the format's limit, or beyond the store if it names none, and
    /// [`EncodeError::NoRoom`] if the header does not fit. Nothing is queued then.
    pub fn announce(&mut self, fields: &[u8], payload: u64) -> Result<(), EncodeError> {
        self.check_between_frames()?;
        let limit = self.format.limit().unwrap_or(self.store.as_ref().len() as u64);
        let Lengths { header, frame } = measure(&self.format, fields, payload, Some(limit))?;
        self.check_room(if payload == 0 { frame } else { header })?;
        let check = self.queue_header(fields, payload, header);
        self.continue_payload(payload, check);
        Ok(())
    }

    /// Queues what there is room for of the next piece of an announced payload and returns how much
    /// that is. The frame is complete when [`left`](Self::left) is 0.
    ///
    /// The last byte of a payload is queued together with the trailer.
    ///
    /// # Errors
    /// [`EncodeError::Overrun`] if the piece is more than was announced. Nothing is queued then.
    pub fn feed(&mut self, piece: &[u8]) -> Result<usize, EncodeError> {
        let (left, mut check) = self.announced_payload(piece)?;
        let trailer = self.format.trailer_len();
        let mut room = self.free();
        if piece.len() as u64 == left && room < piece.len().saturating_add(trailer) {
            room = room.min(piece.len().saturating_sub(1));
        }
        let piece = piece.get(..room).unwrap_or(piece);
        let n = self.ring.append_wrapping(self.store.as_mut(), piece);
        if n > 0 {
            check.update(piece);
            self.continue_payload(left.wrapping_sub(n as u64), check);
        }
        Ok(n)
    }

    /// Records that the next piece of an announced payload was sent by other means, without a copy into
    /// the store. Send everything that is pending before it.
    ///
    /// # Errors
    /// [`EncodeError::OutOfOrder`] if bytes are pending, [`EncodeError::Overrun`] if the piece is more
    /// than was announced. Nothing is recorded then.
    pub fn note_sent(&mut self, piece: &[u8]) -> Result<(), EncodeError> {
        let (left, mut check) = self.announced_payload(piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        if !self.ring.is_empty() {
            return Err(EncodeError::OutOfOrder { pending: self.ring.len() });
        }
        check.update(piece);
        self.continue_payload(left.wrapping_sub(piece.len() as u64), check);
        Ok(())
    }

    /// Queues what there is room for of bytes outside frames, and returns how much that is: a
    /// preamble, or content after a header frame. The counterpart of
    /// [`Decoder::unframed`](crate::Decoder::unframed).
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`]. Nothing is queued then.
    pub fn push_unframed(&mut self, bytes: &[u8]) -> Result<usize, EncodeError> {
        self.check_between_frames()?;
        Ok(self.ring.append_wrapping(self.store.as_mut(), bytes))
    }

    /// Returns how many bytes of the announced payload are left, and the check over those before,
    /// if `piece` is not more.
    fn announced_payload(&self, piece: &[u8]) -> Result<(u64, F::Trailer), EncodeError> {
        let Announced { left: Left(left), check } =
            self.announced.unwrap_or(Announced { left: Left(0), check: F::Trailer::default() });
        let given = piece.len();
        if given as u64 > left { Err(EncodeError::Overrun { given, left }) } else { Ok((left, check)) }
    }

    /// Goes on with an announced payload of which `left` bytes are missing, or ends its frame.
    fn continue_payload(&mut self, left: u64, check: F::Trailer) {
        if left > 0 {
            self.announced = Some(Announced { left: Left(left), check });
        } else {
            self.announced = None;
            self.end_frame(&check);
        }
    }
}
