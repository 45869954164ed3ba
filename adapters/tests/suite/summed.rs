//! A format whose frames end with a check.

use ringframe::{EncodeError, Format, HeaderError, Parsed, Trailer};

use super::streams::LIMIT;

/// The sum of all bytes before it, in two bytes.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum(u16);

impl Trailer for Sum {
    const MAX_LEN: usize = 2;

    fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    }

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.to_be_bytes());
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == self.0.to_be_bytes()
    }
}

/// A length of two bytes, the payload, the sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Summed;

impl Format for Summed {
    type Trailer = Sum;

    fn max_header(&self) -> usize {
        2
    }

    fn limit(&self) -> Option<u64> {
        Some(LIMIT)
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match *prefix {
            [high, low, ..] => {
                let payload = u16::from_be_bytes([high, low]).into();
                Ok(Parsed::Frame { header: 2, payload })
            }
            _ => Ok(Parsed::Incomplete { total: 2 }),
        }
    }

    fn header_len(&self, _fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        u16::try_from(payload).map(|_| 2).map_err(|_| EncodeError::Unrepresentable { payload })
    }

    fn write(&self, _fields: &[u8], payload: u64, out: &mut [u8]) {
        out.copy_from_slice(&(payload as u16).to_be_bytes());
    }
}
