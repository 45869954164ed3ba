//! A header with a length field, described as data.
//!
//! ```text
//! |<-------------- header --------------->|<----- payload ----->|
//! |  offset  | length field |    after    |                     |
//! |<-------------------------- frame -------------------------->|
//!            |<-- width --->|
//!  \________/ fields \___________________/
//! ```
//! `frame length = length value + adjust + offset + width`, as in Netty's
//! LengthFieldBasedFrameDecoder. The *fields* are the header's bytes before and after the length
//! field, in order.

use crate::copy::copy;
use crate::error::{ConfigError, EncodeError, HeaderError};
use crate::format::{Format, MAX_HEADER, Parsed, varint};

/// Width of a length field.
// Not exhaustive: more widths may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Width {
    /// 1 byte.
    U8,
    /// 2 bytes.
    U16,
    /// 3 bytes.
    U24,
    /// 4 bytes.
    U32,
    /// 8 bytes.
    U64,
    /// An unsigned LEB128 varint of 1 to 4 bytes, 28 bits (MQTT 5.0, section 1.5.5).
    Varint28,
    /// An unsigned LEB128 varint of 1 to 5 bytes, 32 bits.
    Varint32,
    /// An unsigned LEB128 varint of 1 to 10 bytes, 64 bits (protobuf).
    Varint64,
}

impl Width {
    /// Returns the fewest bytes of the field.
    #[inline(always)]
    const fn min(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U24 => 3,
            Self::U32 => 4,
            Self::U64 => 8,
            Self::U8 | Self::Varint28 | Self::Varint32 | Self::Varint64 => 1,
        }
    }

    /// Returns the most bytes of the field.
    #[inline(always)]
    const fn max(self) -> usize {
        match self {
            Self::Varint28 => 4,
            Self::Varint32 => 5,
            Self::Varint64 => 10,
            _ => self.min(),
        }
    }

    /// Returns the largest value that the field holds.
    #[inline(always)]
    pub const fn max_value(self) -> u64 {
        match self {
            Self::U8 => 0xff,
            Self::U16 => 0xffff,
            Self::U24 => 0xff_ffff,
            Self::Varint28 => 0x0fff_ffff,
            Self::U32 | Self::Varint32 => 0xffff_ffff,
            Self::U64 | Self::Varint64 => u64::MAX,
        }
    }

    /// Returns true if the number of bytes varies with the value.
    pub const fn is_varint(self) -> bool {
        matches!(self, Self::Varint28 | Self::Varint32 | Self::Varint64)
    }
}

/// Byte order of a length field. It has no meaning for one byte and for varints.
// Exhaustive: there are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Endian {
    /// The most significant byte first, "network order".
    Big,
    /// The least significant byte first.
    Little,
}

/// The description of a length field, as data. [`check`](LengthField::check) makes it a format.
///
/// ```
/// use ringframe::{Decoder, Encoder, LengthField};
///
/// // PostgreSQL messages: a type byte, then a length that counts itself but not the type byte.
/// let postgres = LengthField { offset: 1, adjust: -4, ..LengthField::DEFAULT }.check()?;
/// let mut decoder = Decoder::try_new(postgres, [0; 64])?;
/// let mut chunk = &b"Q\0\0\0\x0dSELECT 1\0"[..];
/// let frame = decoder.next_frame(&mut chunk)?.ok_or("incomplete")?;
/// assert_eq!((frame.header(), frame.payload()), (&b"Q\0\0\0\x0d"[..], &b"SELECT 1\0"[..]));
///
/// // The same description writes: the bytes around the length field are `fields`.
/// let mut encoder = Encoder::try_new(postgres, [0; 64])?;
/// encoder.push_with(b"Q", &[b"SELECT", b" 1\0"])?;
/// assert_eq!(encoder.pending().0, b"Q\0\0\0\x0dSELECT 1\0");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
// Exhaustive, so that it can be written as a literal. A new key would be a breaking change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LengthField {
    /// Bytes of the header before the length field.
    pub offset: usize,
    /// Width of the length field.
    pub width: Width,
    /// Byte order of the length field.
    pub endian: Endian,
    /// The adjustment: `frame length = value + adjust + offset + width`.
    pub adjust: i64,
    /// Length of the whole header in bytes. `None`: the header ends with the length field.
    pub header: Option<usize>,
}

impl LengthField {
    /// A `u32` in network order that counts the payload.
    pub const DEFAULT: Self =
        Self { offset: 0, width: Width::U32, endian: Endian::Big, adjust: 0, header: None };

    /// Returns the format that this describes.
    ///
    /// # Errors
    /// A [`ConfigError`] if no frame can have such a header.
    pub const fn check(self) -> Result<RuntimeFormat, ConfigError> {
        let too_long = ConfigError::HeaderTooLong { max: MAX_HEADER };
        if self.offset > MAX_HEADER {
            return Err(too_long);
        }
        let field_end = self.offset + self.width.max();
        let after = match self.header {
            None => 0,
            Some(_) if self.width.is_varint() => return Err(ConfigError::HeaderOfVarint),
            Some(header) if header < field_end => {
                return Err(ConfigError::HeaderTooShort { header, field_end });
            }
            Some(header) => header - field_end,
        };
        if after > MAX_HEADER || field_end + after > MAX_HEADER {
            return Err(too_long);
        }
        // value + adjust + offset + width = frame = offset + width + after + payload,
        // so payload = value + (adjust - after).
        let impossible = ConfigError::Adjustment { adjust: self.adjust };
        let Some(surplus) = self.adjust.checked_sub(after as i64) else { return Err(impossible) };
        if self.width.max_value().checked_add_signed(surplus).is_none() && surplus < 0 {
            return Err(impossible);
        }
        Ok(RuntimeFormat { field: self, after, surplus })
    }
}

impl Default for LengthField {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl TryFrom<LengthField> for RuntimeFormat {
    type Error = ConfigError;

    fn try_from(field: LengthField) -> Result<Self, ConfigError> {
        field.check()
    }
}

/// A format chosen at run time: a [`LengthField`] that was checked.
///
/// [`formats::by_name`](crate::formats::by_name) finds the named ones. All are of this one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RuntimeFormat {
    field: LengthField,
    /// Bytes of the header after the length field.
    after: usize,
    /// `payload length = length value + surplus`.
    surplus: i64,
}

/// The parts of a header.
impl RuntimeFormat {
    /// Returns the description.
    pub const fn field(&self) -> LengthField {
        self.field
    }

    /// Returns the number of bytes in a header other than the length field: the length of `fields`.
    pub const fn fields_len(&self) -> usize {
        self.field.offset + self.after
    }

    /// Copies the fields of `header` into `out` and returns them, so that a reply can carry them.
    ///
    /// Returns `None` if `header` is shorter than a header of this format.
    /// ```
    /// use ringframe::{LengthField, MAX_HEADER, Width};
    ///
    /// let format = LengthField { offset: 1, width: Width::U16, header: Some(4), ..LengthField::DEFAULT };
    /// let format = format.check()?;
    /// assert_eq!(format.fields(b"a\0\x05b", &mut [0; MAX_HEADER]), Some(&b"ab"[..]));
    /// assert_eq!(format.fields(b"a\0\x05", &mut [0; MAX_HEADER]), None);
    /// # Ok::<(), ringframe::ConfigError>(())
    /// ```
    pub fn fields<'o>(&self, header: &[u8], out: &'o mut [u8; MAX_HEADER]) -> Option<&'o [u8]> {
        if header.len() < self.len(self.field.width.min()) {
            return None;
        }
        let before = header.get(..self.field.offset)?;
        let after = header.get(header.len().checked_sub(self.after)?..)?;
        copy(out, before);
        copy(out.get_mut(before.len()..)?, after);
        out.get(..self.fields_len())
    }

    /// Returns the length of a header whose length field has this width.
    #[inline(always)]
    const fn len(&self, width: usize) -> usize {
        self.field.offset + width + self.after
    }
}

/// The arithmetic, inlined into every format. Where the description is a constant, a load, a swap
/// and an addition are left of it.
impl RuntimeFormat {
    #[inline(always)]
    pub(super) const fn shortest(&self) -> usize {
        self.len(self.field.width.min())
    }

    #[inline(always)]
    pub(super) const fn longest(&self) -> usize {
        self.len(self.field.width.max())
    }

    #[inline(always)]
    pub(super) const fn least_payload(&self) -> u64 {
        if self.surplus > 0 { self.surplus.unsigned_abs() } else { 0 }
    }

    #[inline(always)]
    pub(super) fn read(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        let field = prefix.get(self.field.offset..).unwrap_or_default();
        let big = matches!(self.field.endian, Endian::Big);
        let value = match self.field.width {
            Width::U8 => field.first().map(|&byte| u64::from(byte)),
            Width::U16 => field
                .first_chunk()
                .map(|&b| u64::from(if big { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) })),
            Width::U24 => field.first_chunk().map(|&[a, b, c]| {
                let b = if big { [0, a, b, c] } else { [0, c, b, a] };
                u64::from(u32::from_be_bytes(b))
            }),
            Width::U32 => field
                .first_chunk()
                .map(|&b| u64::from(if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })),
            Width::U64 => {
                field.first_chunk().map(|&b| if big { u64::from_be_bytes(b) } else { u64::from_le_bytes(b) })
            }
            Width::Varint28 | Width::Varint32 | Width::Varint64 => {
                let (max, limit) = (self.field.width.max(), self.field.width.max_value());
                return match varint::read(field, max, limit)? {
                    Some((value, width)) => self.measure(value, self.len(width)),
                    // One byte more may be the last one.
                    None => Ok(Parsed::Incomplete { total: self.field.offset + 1 + field.len() }),
                };
            }
        };
        match value {
            Some(value) => self.measure(value, self.shortest()),
            None => Ok(Parsed::Incomplete { total: self.field.offset + self.field.width.min() }),
        }
    }

    /// Returns the lengths that a length value gives.
    #[inline(always)]
    fn measure(&self, value: u64, header: usize) -> Result<Parsed, HeaderError> {
        let Some(payload) = value.checked_add_signed(self.surplus) else {
            return Err(if self.surplus < 0 {
                HeaderError::ShorterThanHeader { value, header }
            } else {
                HeaderError::Overflow { value }
            });
        };
        match payload.checked_add(header as u64) {
            Some(_) => Ok(Parsed::Frame { header, payload }),
            None => Err(HeaderError::Overflow { value }),
        }
    }

    /// Returns the length value of a payload: the inverse of `measure`.
    #[inline(always)]
    fn value(&self, payload: u64) -> Option<u64> {
        let surplus = self.surplus.unsigned_abs();
        let value =
            if self.surplus < 0 { payload.checked_add(surplus) } else { payload.checked_sub(surplus) }?;
        if value <= self.field.width.max_value() { Some(value) } else { None }
    }

    #[inline(always)]
    pub(super) fn length_of_header(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        let wanted = self.fields_len();
        if fields.len() != wanted {
            return Err(EncodeError::Fields { given: fields.len(), wanted });
        }
        match self.value(payload) {
            Some(value) if self.field.width.is_varint() => Ok(self.len(varint::len(value))),
            Some(_) => Ok(self.shortest()),
            None => Err(EncodeError::Unrepresentable { payload }),
        }
    }

    #[inline(always)]
    pub(super) fn write_header(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        let value = self.value(payload).unwrap_or_default();
        if self.fields_len() > 0 {
            let (before, after) = fields.split_at_checked(self.field.offset).unwrap_or_default();
            let rear = out.len().saturating_sub(self.after);
            copy(out, before);
            copy(out.get_mut(rear..).unwrap_or_default(), after);
        }
        let field = out.get_mut(self.field.offset..).unwrap_or_default();
        let big = matches!(self.field.endian, Endian::Big);
        match self.field.width {
            Width::U8 => put(field, [value as u8]),
            Width::U16 if big => put(field, (value as u16).to_be_bytes()),
            Width::U16 => put(field, (value as u16).to_le_bytes()),
            Width::U24 if big => {
                let [_, a, b, c] = (value as u32).to_be_bytes();
                put(field, [a, b, c]);
            }
            Width::U24 => {
                let [a, b, c, _] = (value as u32).to_le_bytes();
                put(field, [a, b, c]);
            }
            Width::U32 if big => put(field, (value as u32).to_be_bytes()),
            Width::U32 => put(field, (value as u32).to_le_bytes()),
            Width::U64 if big => put(field, value.to_be_bytes()),
            Width::U64 => put(field, value.to_le_bytes()),
            Width::Varint28 | Width::Varint32 | Width::Varint64 => varint::write(value, field),
        }
    }
}

/// Writes an array to the front of `out`.
#[inline(always)]
fn put<const N: usize>(out: &mut [u8], bytes: [u8; N]) {
    if let Some(slot) = out.first_chunk_mut() {
        *slot = bytes;
    }
}

impl Format for RuntimeFormat {
    type Trailer = ();

    #[inline]
    fn max_header(&self) -> usize {
        self.longest()
    }

    #[inline]
    fn min_header(&self) -> usize {
        self.shortest()
    }

    #[inline]
    fn min_payload(&self) -> u64 {
        self.least_payload()
    }

    #[inline]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        self.read(prefix)
    }

    #[inline]
    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        self.length_of_header(fields, payload)
    }

    #[inline]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        self.write_header(fields, payload, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Named after the fault: `fields` of a short header returned bytes twice, or from the wrong side.
    #[test]
    fn fields_of_a_short_header_are_none() {
        let field = LengthField { offset: 2, width: Width::U16, header: Some(6), ..LengthField::DEFAULT };
        let format = field.check().unwrap();
        for len in 0..6 {
            assert_eq!(format.fields(&b"ab\0\x03cd"[..len], &mut [0; MAX_HEADER]), None, "{len} bytes");
        }
        assert_eq!(format.fields(b"ab\0\x03cd", &mut [0; MAX_HEADER]), Some(&b"abcd"[..]));
    }

    #[test]
    fn fields_go_around_a_varint() {
        let format = LengthField { offset: 1, width: Width::Varint28, ..LengthField::DEFAULT };
        let format = format.check().unwrap();
        assert_eq!(format.fields(b"a\x80\x01", &mut [0; MAX_HEADER]), Some(&b"a"[..]));
        assert_eq!(format.fields(b"a", &mut [0; MAX_HEADER]), None);
    }

    #[test]
    fn frame_length_is_value_plus_adjust_plus_offset_plus_width() {
        let field = LengthField { offset: 1, width: Width::U16, adjust: 5, ..LengthField::DEFAULT };
        let parsed = field.check().unwrap().parse(b"x\0\x0a");
        assert_eq!(parsed, Ok(Parsed::Frame { header: 3, payload: 10 + 5 + 1 + 2 - 3 }));
    }
}
