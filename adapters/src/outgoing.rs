//! What the writers share: which bytes go out next, and what it means that some of them went.

use std_crate::io::IoSlice;

use ringframe::{EncodeError, Encoder, Header, Store};

/// What is pending, then `direct`, for one vectored write: a header never leaves without its payload.
pub(crate) fn slices<'a, H: Header, B: Store>(
    encoder: &'a Encoder<H, B>,
    direct: &'a [u8],
) -> [IoSlice<'a>; 3] {
    let (first, second) = encoder.pending();
    [IoSlice::new(first), IoSlice::new(second), IoSlice::new(direct)]
}

/// Counts `n` bytes of [`slices`] as sent and answers what is left of `direct`.
pub(crate) fn sent<'a, H: Header, B: Store>(
    encoder: &mut Encoder<H, B>,
    direct: &'a [u8],
    n: usize,
) -> Result<&'a [u8], EncodeError> {
    let (first, second) = encoder.pending();
    let beyond = n.saturating_sub(first.len() + second.len());
    encoder.advance(n);
    encoder.bypass(beyond)?;
    Ok(direct.get(beyond..).unwrap_or_default())
}
