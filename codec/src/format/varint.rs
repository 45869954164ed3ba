//! Unsigned LEB128 numbers: seven bits a byte, the least significant first. The top bit is set in
//! all bytes but the last.

use crate::error::HeaderError;

/// Returns the value at the front of `bytes` and its length, or `None` if more bytes are needed.
///
/// # Errors
/// The number is longer than `max` bytes, larger than `limit`, or not in its shortest form.
#[inline(always)]
pub(super) fn read(bytes: &[u8], max: usize, limit: u64) -> Result<Option<(u64, usize)>, HeaderError> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().take(max).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * i as u32;
        // The tenth byte has room for one bit of 64.
        let shifted = bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits);
        value = match shifted.map(|shifted| value | shifted) {
            Some(value) if value <= limit => value,
            _ => return Err(HeaderError::VarintTooLong { max }),
        };
        if byte & 0x80 == 0 {
            if byte == 0 && i > 0 {
                return Err(HeaderError::VarintNotCanonical { bytes: i + 1 });
            }
            return Ok(Some((value, i + 1)));
        }
    }
    if bytes.len() >= max { Err(HeaderError::VarintTooLong { max }) } else { Ok(None) }
}

/// Returns the length of a number in bytes: one for each seven bits, and one for 0.
#[inline(always)]
pub(super) const fn len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

/// Writes a number to the front of `out`.
pub(super) fn write(mut value: u64, out: &mut [u8]) {
    for slot in out {
        *slot = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *slot |= 0x80;
    }
}
