//! `push` on small devices: `push_with`. `fast.rs` takes the place of this file on 64-bit hosts.

use super::Encoder;
use crate::error::EncodeError;
use crate::format::Format;
use crate::store::Store;

impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    #[inline(always)]
    pub(super) fn quick_push(&mut self, payload: &[u8]) -> Result<(), EncodeError> {
        self.push_with(&[], &[payload])
    }
}
