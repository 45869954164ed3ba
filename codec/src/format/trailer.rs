//! What follows a payload.

/// A running check over a frame, and the trailer that carries it.
///
/// A value is the state of the check after some bytes. [`Format::begin_trailer`] starts it with the
/// header. `()` is the trailer of formats that end with the payload. It costs nothing.
///
/// # Example
/// A trailer of one byte, the sum of the bytes before it:
/// ```
/// use ringframe::Trailer;
///
/// #[derive(Clone, Copy, Default)]
/// struct Sum(u8);
///
/// impl Trailer for Sum {
///     const MAX_LEN: usize = 1;
///
///     fn update(&mut self, bytes: &[u8]) {
///         self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(*byte));
///     }
///
///     fn write(&self, out: &mut [u8]) {
///         out.fill(self.0);
///     }
///
///     fn matches(&self, received: &[u8]) -> bool {
///         received == [self.0]
///     }
/// }
/// ```
///
/// [`Format::begin_trailer`]: crate::Format::begin_trailer
// Open, not sealed: users implement it. `Copy`: a check is a few bytes, and moves with a state.
pub trait Trailer: Copy + Default {
    /// The length of the longest trailer, in bytes: at most [`MAX_HEADER`](crate::MAX_HEADER).
    const MAX_LEN: usize;

    /// Adds the next bytes to the check, however they are cut.
    fn update(&mut self, bytes: &[u8]);

    /// Writes the trailer into `out`, which is exactly as long as the format's trailer.
    fn write(&self, out: &mut [u8]);

    /// Returns true if `received`, which is as long as the format's trailer, is the right one.
    fn matches(&self, received: &[u8]) -> bool;
}

/// No trailer.
impl Trailer for () {
    const MAX_LEN: usize = 0;

    #[inline(always)]
    fn update(&mut self, _: &[u8]) {}

    #[inline(always)]
    fn write(&self, _: &mut [u8]) {}

    #[inline(always)]
    fn matches(&self, _: &[u8]) -> bool {
        true
    }
}
