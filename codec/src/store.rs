//! The memory that the caller lends to a codec.

/// The memory of a decoder or an encoder: an array, a lent `&'static mut [u8]`, a `Box<[u8]>`.
///
/// It is implemented for everything that is `AsRef` and `AsMut` of bytes. The length must stay the
/// same. If a store changes its length, frames are lost or wrong, but nothing panics.
// Open, not sealed: drivers have buffer types of their own.
pub trait Store: AsRef<[u8]> + AsMut<[u8]> {}

impl<B: AsRef<[u8]> + AsMut<[u8]> + ?Sized> Store for B {}

/// Counters of a decoder or an encoder, for logs and for choosing the size of a store.
///
/// A reset keeps them.
// Not exhaustive: more counters may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Stats {
    /// Frames that were completed, skipped ones included. It wraps around.
    pub frames: u32,
    /// The most bytes that were ever in the store.
    pub high_water: usize,
}
