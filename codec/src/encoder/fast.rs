//! A shortcut of `push` on 64-bit hosts, for speed. It may only queue what [`Encoder::push_with`]
//! would. `small.rs` takes the place of this file on other targets.

use super::Encoder;
use super::slices::encode_parts;
use crate::error::EncodeError;
use crate::format::Format;
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Encodes straight into the space after the newest byte, if the frame fits there in one piece.
    #[inline(always)]
    pub(super) fn quick_push(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        if self.announced.is_none() && !self.ring.is_wrapped() {
            let space = self.store.as_mut().get_mut(self.ring.end()..).unwrap_or_default();
            if let Ok(n) = encode_parts(&self.format, &[], core::iter::once(payload), space) {
                self.ring.commit(n);
                self.count_frame();
                return Ok(());
            }
        }
        self.push_with(&[], &[payload])
    }
}
