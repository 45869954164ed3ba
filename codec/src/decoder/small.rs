//! The one-frame methods on small devices: the rule alone. `fast.rs` takes the place of this file on
//! 64-bit hosts.

use super::Decoder;
use crate::error::DecodeError;
use crate::format::Format;
use crate::frame::{Event, Frame, Status};
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Decoder<F, S> {
    #[inline(always)]
    pub(super) fn quick_frame<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Frame<'d>>, DecodeError> {
        self.__frame_by_rule(chunk)
    }

    #[inline(always)]
    pub(super) fn quick_event<'d, 'i: 'd>(
        &'d mut self,
        chunk: &mut &'i [u8],
    ) -> Result<Option<Event<'d>>, DecodeError> {
        self.__event_by_rule(chunk)
    }

    #[inline(always)]
    pub(super) fn quick_poll(&mut self) -> Result<Status, DecodeError> {
        match self.known_missing() {
            0 if self.whole_buffered().is_some() => Ok(Status::Ready),
            0 => self.__poll_by_rule(),
            missing => Ok(Status::Missing(missing)),
        }
    }

    #[inline(always)]
    pub(super) fn touch_ahead(_: &[u8]) {}

    #[inline(always)]
    pub(super) fn moves_early(_: usize, _: usize) -> bool {
        false
    }
}
