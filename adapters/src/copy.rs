//! The one way in which the adapters copy bytes.

/// Copies what there is room for, and returns how much that is.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let n = to.len().min(from.len());
    // Two slices of a length that was just checked: the compiler leaves out the panic of `copy_from_slice`.
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
    n
}
