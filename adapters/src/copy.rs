//! The one way in which the adapters copy bytes.

/// Copies what there is room for and answers how much that is.
///
/// On a device it is a loop, of which the compiler makes a `memcpy`: in front of that of `copy_from_slice` is a
/// panic, which stays in a program that is built for size at all costs.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let n = to.len().min(from.len());
    if cfg!(target_pointer_width = "64") {
        to[..n].copy_from_slice(&from[..n]);
    } else {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    }
    n
}
