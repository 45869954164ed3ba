//! What lends a codec its memory.

/// The memory of a decoder or an encoder: an array, a lent `&'static mut [u8]`, a `Box<[u8]>` on a host.
///
/// Implemented for everything that is `AsRef` and `AsMut` of bytes. Its length must stay the same; a store
/// that changes it loses bytes, no more.
pub trait Store: AsRef<[u8]> + AsMut<[u8]> {}

impl<B: AsRef<[u8]> + AsMut<[u8]> + ?Sized> Store for B {}
