//! A format with a limit.

use crate::error::{EncodeError, HeaderError};
use crate::format::{Format, Parsed, StaticFormat};

/// A format with a limit of its own, see [`Format::with_limit`].
///
/// Formats without a limit pay nothing for it.
/// ```
/// use ringframe::{Decoder, Limited, formats};
///
/// // In a `static`, because `Limited::new` is `const`.
/// static SMALL: Limited<formats::U32Be> = Limited::new(formats::U32_BE, 100);
/// let decoder = Decoder::new(&SMALL, [0; 256]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limited<F> {
    format: F,
    limit: u64,
}

impl<F> Limited<F> {
    /// Returns `format` with frames of at most `limit` bytes, header and trailer included.
    ///
    /// It never widens: if the format has a smaller limit already, that one counts.
    pub const fn new(format: F, limit: u64) -> Self {
        Self { format, limit }
    }

    /// Changes the limit. It may be larger than before, but the format's own limit still counts.
    pub const fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    /// Returns the format without this limit.
    pub const fn get_ref(&self) -> &F {
        &self.format
    }

    /// Returns the format without this limit.
    pub fn into_inner(self) -> F {
        self.format
    }
}

impl<F: Format> Format for Limited<F> {
    type Trailer = F::Trailer;

    #[inline(always)]
    fn max_header(&self) -> usize {
        self.format.max_header()
    }

    #[inline(always)]
    fn min_header(&self) -> usize {
        self.format.min_header()
    }

    #[inline(always)]
    fn trailer_len(&self) -> usize {
        self.format.trailer_len()
    }

    #[inline(always)]
    fn limit(&self) -> Option<u64> {
        Some(match self.format.limit() {
            Some(inner) => inner.min(self.limit),
            None => self.limit,
        })
    }

    #[inline(always)]
    fn min_payload(&self) -> u64 {
        self.format.min_payload()
    }

    #[inline(always)]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        self.format.parse(prefix)
    }

    #[inline(always)]
    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        self.format.header_len(fields, payload)
    }

    #[inline(always)]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        self.format.write(fields, payload, out);
    }

    #[inline(always)]
    fn begin_trailer(&self, header: &[u8]) -> Self::Trailer {
        self.format.begin_trailer(header)
    }
}

impl<F: StaticFormat> StaticFormat for Limited<F> {
    const MAX_HEADER: usize = F::MAX_HEADER;
}
