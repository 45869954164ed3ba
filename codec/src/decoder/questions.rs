//! What is missing, what is buffered, and how the input ended.

use super::rule::clamp;
use super::{Decoder, State};
use crate::error::EndError;
use crate::format::Format;
use crate::prefix::{Prefix, inspect};
use crate::store::{Stats, Store};

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    /// Returns how many bytes are missing at least until there is something to take, or 0 if there
    /// is: a frame, an event, or an error.
    pub fn missing(&self) -> usize {
        let have = self.ring.first_len();
        match self.state {
            State::Header { .. } | State::Frame { .. } if self.known_missing() > 0 => self.known_missing(),
            State::Between | State::Header { .. } | State::Frame { .. } => {
                match inspect(&self.format, self.buffered_bytes(), self.whole_limit()) {
                    Prefix::Header { total } | Prefix::Partial { total } => total.saturating_sub(have),
                    Prefix::Oversized { header, payload }
                        if self.refuse_oversized(header, payload).is_none() =>
                    {
                        header.saturating_sub(have)
                    }
                    // Of no bytes there is nothing to take, whatever a format says of them.
                    Prefix::Oversized { .. } | Prefix::Complete { .. } | Prefix::Invalid(_) => {
                        usize::from(self.ring.is_empty())
                    }
                }
            }
            State::Streaming { .. } if have > 0 => 0,
            State::Streaming { left, .. } => clamp(left.0),
            State::Ending { .. } => self.format.trailer_len().saturating_sub(have),
            State::Skipping { left } => clamp(left.0),
        }
    }

    /// Returns true if a frame has begun to arrive but is not complete. A time-out needs to know.
    ///
    /// It is false between frames, and while a whole frame waits to be taken.
    pub fn is_mid_frame(&self) -> bool {
        match self.state {
            State::Between | State::Header { .. } | State::Frame { .. } => {
                !self.ring.is_empty() && self.missing() > 0
            }
            State::Streaming { .. } | State::Ending { .. } | State::Skipping { .. } => {
                self.frame_left() > self.ring.len() as u64
            }
        }
    }

    /// Returns true if the next event that is buffered is the beginning of a frame larger than the
    /// store. It borrows nothing, so a caller can choose between [`take_frame`](Self::take_frame) and
    /// [`take_event`](Self::take_event).
    pub fn has_large_frame(&self) -> bool {
        if self.known_missing() > 0 || self.is_in_payload() {
            return false;
        }
        match inspect(&self.format, self.buffered_bytes(), self.whole_limit()) {
            Prefix::Oversized { header, payload } => {
                header <= self.ring.first_len() && self.refuse_oversized(header, payload).is_none()
            }
            _ => false,
        }
    }

    /// Tells how the input ended: cleanly between frames, or not.
    ///
    /// It changes nothing. Take what is there first, until `None` or [`Status::Missing`].
    ///
    /// ```
    /// use ringframe::{Decoder, EndError, formats};
    ///
    /// let mut decoder = Decoder::new(formats::U_8, [0; 16]);
    /// assert_eq!(decoder.next_frame(&mut &b"\x05he"[..])?, None);
    /// assert_eq!(decoder.end_of_input(), Err(EndError::Truncated { have: 3, want: 6 }));
    /// # Ok::<(), ringframe::DecodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EndError`] says what is missing, or that something was not taken.
    ///
    /// [`Status::Missing`]: crate::Status::Missing
    pub fn end_of_input(&self) -> Result<(), EndError> {
        let bytes = self.ring.len();
        match self.state {
            State::Between | State::Header { .. } | State::Frame { .. } => match self.known_missing() {
                0 if bytes == 0 => Ok(()),
                0 => Err(EndError::Unread { bytes }),
                missing => Err(EndError::Truncated { have: bytes, want: bytes.wrapping_add(missing) }),
            },
            State::Streaming { .. } | State::Ending { .. } | State::Skipping { .. } => {
                match self.frame_left().checked_sub(bytes as u64) {
                    Some(missing @ 1..) => Err(EndError::TruncatedPayload { missing }),
                    _ => Err(EndError::Unread { bytes }),
                }
            }
        }
    }

    /// Returns how many bytes of a payload that is returned in pieces are still to be taken: at its
    /// beginning its length, outside such a payload 0.
    pub fn left(&self) -> u64 {
        match self.state {
            State::Streaming { left, .. } => left.0,
            _ => 0,
        }
    }

    /// Returns true inside a frame that is returned in pieces, from its header to its end: the next
    /// event is one of its pieces, or its end.
    pub fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming { .. } | State::Ending { .. })
    }

    /// Returns how many bytes are buffered.
    pub fn buffered(&self) -> usize {
        self.ring.len()
    }

    /// Returns how many bytes the store holds.
    pub fn capacity(&self) -> usize {
        self.store.as_ref().len()
    }

    /// Returns the counters.
    pub fn stats(&self) -> Stats {
        Stats { frames: self.frames, high_water: (self.high_water as usize).max(self.ring.len()) }
    }

    /// Returns true inside a frame that is streamed or skipped.
    pub(super) fn is_in_payload(&self) -> bool {
        matches!(self.state, State::Streaming { .. } | State::Ending { .. } | State::Skipping { .. })
    }

    /// Returns the bytes of the frame at the front of the store, and what follows in one piece.
    #[inline(always)]
    pub(super) fn buffered_bytes(&self) -> &[u8] {
        self.ring.first(self.store.as_ref())
    }
}
