//! The one way in which this crate copies bytes between slices.

use crate::QUICK;

/// Copies as much of `from` as fits into `to`; answers how much that was.
///
/// Where code is spent on speed, up to 64 bytes go as two overlapping copies of a fixed size, which the compiler turns
/// into two loads and two stores: most framing copies are a few bytes, and a variable-length copy of a
/// few bytes costs a call to `memcpy`. On small devices the call costs less than its code.
#[inline(always)]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    if !QUICK {
        return copy_small(to, from);
    }
    let n = if from.len() < to.len() { from.len() } else { to.len() };
    let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) else { return 0 };
    if n <= 64 {
        match n {
            33.. => ends::<32>(to, from),
            16.. => ends::<16>(to, from),
            8.. => ends::<8>(to, from),
            4.. => ends::<4>(to, from),
            2.. => ends::<2>(to, from),
            _ => ends::<1>(to, from),
        }
    } else {
        to.copy_from_slice(from);
    }
    n
}

/// A function of its own, because the slices are known to be apart only as long as they are arguments: then the
/// compiler makes a `memcpy` of the loop. In front of the `memcpy` of `copy_from_slice` is a panic, which stays in a
/// program that is built for size at all costs; on hosts the loop is three times as slow.
#[inline(never)]
fn copy_small(to: &mut [u8], from: &[u8]) -> usize {
    let n = if from.len() < to.len() { from.len() } else { to.len() };
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    n
}

/// Copies the first and the last `N` bytes of two slices of the same length, `N` to `2 * N` (or none).
#[inline(always)]
fn ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) else { return };
    if let Some(slot) = to.first_chunk_mut::<N>() {
        *slot = *first;
    }
    if let Some(slot) = to.last_chunk_mut::<N>() {
        *slot = *last;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::copy;

    #[test]
    fn copies_every_length_into_every_room() {
        let from: Vec<u8> = (1..=150).collect();
        for length in 0..from.len() {
            for room in [0, 1, length.saturating_sub(1), length, length + 1, 200] {
                let mut to = std::vec![0; room];
                let n = copy(&mut to, &from[..length]);
                assert_eq!(n, length.min(room));
                assert_eq!(to[..n], from[..n]);
                assert!(to[n..].iter().all(|&byte| byte == 0));
            }
        }
    }
}
