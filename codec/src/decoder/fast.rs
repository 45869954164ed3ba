//! Shortcuts of the one-frame methods on 64-bit hosts, for speed. They may only return what
//! [`Decoder::advance`] would. `small.rs` takes the place of this file on other targets.

use core::hint::black_box;

use super::Decoder;
use super::batch::Phase;
use crate::error::DecodeError;
use crate::format::Format;
use crate::frame::{Event, Frame, Status};
use crate::store::Store;

/// From this many released bytes on, a partial frame that is not larger moves to the front of the
/// store, so that small frames use the same, cached, part of a large store.
const NEAR: usize = 4096;

/// How far ahead a chunk is touched, in bytes: three cache lines.
const AHEAD: usize = 192;

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    #[inline(always)]
    pub(super) fn quick_frame<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Frame<'d>>, DecodeError> {
        let mut phase = self.begin(chunk);
        self.turn(chunk, self.new_frame_limit(), &mut phase)
    }

    /// Outside payloads.
    #[inline(always)]
    pub(super) fn quick_event<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Event<'d>>, DecodeError> {
        let mut phase = self.begin(chunk);
        match phase {
            Phase::Done => Ok(None),
            Phase::Store { .. } => {
                Ok(self.turn(chunk, self.new_frame_limit(), &mut phase)?.map(Event::Frame))
            }
            Phase::Chunk | Phase::Undecided => self.__event_by_rule(chunk),
        }
    }

    /// Takes the same look as `take_frame`, which comes next: the compiler makes one of both.
    #[inline(always)]
    pub(super) fn quick_poll(&mut self) -> Result<Status, DecodeError> {
        if self.whole_buffered().is_some() { Ok(Status::Ready) } else { self.__poll_by_rule() }
    }

    /// Reads a byte further on in a chunk, only to have it in the cache in time: the way from header
    /// to header is a chain of loads. BENCHMARKS.md has the figures.
    #[inline(always)]
    pub(super) fn touch_ahead(rest: &[u8]) {
        if let Some(&byte) = rest.get(AHEAD) {
            black_box(byte);
        }
    }

    /// Returns true if a partial frame of `len` bytes moves to the front although it need not.
    #[inline(always)]
    pub(super) fn moves_early(start: usize, len: usize) -> bool {
        start >= NEAR && len <= start
    }
}
