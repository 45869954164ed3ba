//! A frame whose length is not known before its payload is written.

use core::mem;

use super::Encoder;
use super::slices::measure;
use crate::error::EncodeError;
use crate::format::{Format, MAX_HEADER, Trailer};
use crate::ring::Ring;
use crate::store::Store;

/// A frame that is written into the queue piece by piece, see [`Encoder::begin`].
///
/// [`publish`](Self::publish) fills in the length. A frame that is dropped before was never there.
/// ```
/// use ringframe::{Encoder, formats};
///
/// let mut encoder = Encoder::new(formats::U32_BE, [0; 64]);
/// let mut frame = encoder.begin(&[])?;
/// frame.write(b"one, ")?;
/// frame.write(b"two")?;
/// frame.publish()?;
/// assert_eq!(encoder.pending().0, b"\0\0\0\x08one, two");
/// # Ok::<(), ringframe::EncodeError>(())
/// ```
#[must_use = "only `publish` queues the frame"]
pub struct FrameWriter<'e, F: Format, S: ?Sized> {
    encoder: &'e mut Encoder<F, S>,
    fields: &'e [u8],
    /// The ring as it will be. Until `publish`, the encoder's own does not know of these bytes.
    draft: Ring,
    /// Length of the header for which room was left.
    gap: usize,
    /// Length of the payload so far.
    written: usize,
}

impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Begins a frame whose length is not known yet.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`], or those of [`push_with`](Self::push_with) for an empty frame.
    pub fn begin<'e>(&'e mut self, fields: &'e [u8]) -> Result<FrameWriter<'e, F, S>, EncodeError> {
        self.check_between_frames()?;
        let smallest = self.format.min_payload();
        let gap = measure(&self.format, fields, smallest, self.format.limit())?.header;
        self.check_room(gap.wrapping_add(self.format.trailer_len()))?;
        let mut draft = self.ring;
        let room = [0; MAX_HEADER];
        draft.append_wrapping(self.store.as_mut(), room.get(..gap).unwrap_or_default());
        Ok(FrameWriter { encoder: self, fields, draft, gap, written: 0 })
    }
}

impl<F: Format, S: Store + ?Sized> FrameWriter<'_, F, S> {
    /// Adds bytes to the payload, all or none.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`], with what the frame would need so far.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.check_room(self.gap, bytes.len())?;
        self.draft.append_wrapping(self.encoder.store.as_mut(), bytes);
        self.written = self.written.wrapping_add(bytes.len());
        Ok(())
    }

    /// Returns how many bytes of payload were written.
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Fills in the header, adds the trailer, and queues the frame.
    ///
    /// # Errors
    /// [`EncodeError::NoRoom`] if a longer varint makes the frame too large,
    /// [`EncodeError::Unrepresentable`], [`EncodeError::TooLong`]. Nothing is queued then.
    pub fn publish(mut self) -> Result<(), EncodeError> {
        let payload = self.written as u64;
        let format = &self.encoder.format;
        let header = measure(format, self.fields, payload, format.limit())?.header;
        if header < self.gap {
            return Err(EncodeError::Refused("the header became shorter as the payload grew"));
        }
        self.check_room(header, 0)?;
        let by = header.wrapping_sub(self.gap);
        let mut head = [0; MAX_HEADER];
        let head = head.get_mut(..header).unwrap_or_default();
        let store = self.encoder.store.as_mut();
        if by > 0 {
            // A longer varint than that of the smallest payload: the payload moves.
            self.draft.append_wrapping(store, head.get(..by).unwrap_or_default());
            self.draft.shift_newest(store, self.written, by);
        }
        let format = &self.encoder.format;
        format.write(self.fields, payload, head);
        if F::Trailer::MAX_LEN > 0 {
            let mut check = format.begin_trailer(head);
            let (first, second) = self.draft.newest(store, self.written);
            check.update(first);
            check.update(second);
            super::append_trailer(&mut self.draft, store, &check, format.trailer_len());
        }
        // The same places that the draft left free, seen from the ring as it was.
        mem::replace(&mut self.encoder.ring, self.draft).append_wrapping(store, head);
        self.encoder.count_frame();
        Ok(())
    }

    /// Refuses what does not fit: a header of this length and `more` bytes of payload.
    #[inline]
    fn check_room(&self, header: usize, more: usize) -> Result<(), EncodeError> {
        let needed = self.written.wrapping_add(header).wrapping_add(self.encoder.format.trailer_len());
        self.encoder.check_room(needed.saturating_add(more))
    }
}

#[cfg(feature = "defmt")]
impl<F: Format, S: ?Sized> defmt::Format for FrameWriter<'_, F, S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "FrameWriter {{ written: {} }}", self.written);
    }
}

impl<F: Format, S: ?Sized> core::fmt::Debug for FrameWriter<'_, F, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FrameWriter").field("written", &self.written).finish_non_exhaustive()
    }
}
