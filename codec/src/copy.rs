//! The one way in which this crate copies bytes between slices.

/// Copies as much of `from` as fits into `to`. Returns how many bytes that is.
#[inline(always)]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let n = if from.len() < to.len() { from.len() } else { to.len() };
    #[cfg(all(target_pointer_width = "64", not(ringframe_small)))]
    if n <= fast::SHORT {
        fast::copy_short(to, from, n);
        return n;
    }
    copy_exact(to, from, n);
    n
}

/// Copies `n` bytes: with `memcpy`, out of line on a small device, because the call takes more code
/// than the copy there.
#[cfg_attr(all(target_pointer_width = "64", not(ringframe_small)), inline(always))]
#[cfg_attr(not(all(target_pointer_width = "64", not(ringframe_small))), inline(never))]
fn copy_exact(to: &mut [u8], from: &[u8], n: usize) {
    if let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) {
        to.copy_from_slice(from);
    }
}

/// Code for speed: it may only copy what [`copy_exact`] would.
///
/// Most framing copies are a few bytes, for which a call to `memcpy` costs more than the copy. Up to
/// 64 bytes go as two overlapping copies of a fixed size, which are two loads and two stores.
#[cfg(all(target_pointer_width = "64", not(ringframe_small)))]
mod fast {
    /// The longest copy that is made here, in bytes.
    pub(super) const SHORT: usize = 64;

    #[inline(always)]
    pub(super) fn copy_short(to: &mut [u8], from: &[u8], n: usize) {
        let (Some(to), Some(from)) = (to.get_mut(..n), from.get(..n)) else { return };
        match n {
            33.. => ends::<32>(to, from),
            16.. => ends::<16>(to, from),
            8.. => ends::<8>(to, from),
            4.. => ends::<4>(to, from),
            2.. => ends::<2>(to, from),
            _ => ends::<1>(to, from),
        }
    }

    /// Copies the first and the last `N` bytes of two slices of the same length, `N` to `2 * N`, or
    /// nothing if they are empty.
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
