//! The wire description: what a header is, and how its length field gives the length of the frame.
//!
//! ```text
//! |<------------- header ------------->|<----- payload ----->|
//! |  offset  | length field |  behind   |                     |
//! |<------------------------- frame ------------------------->|
//!            |<-- width --->|
//! ```
//! `frame length = length value + adjust + offset + width`, as in Netty's LengthFieldBasedFrameDecoder.

use crate::copy::copy;
use crate::error::{ConfigError, EncodeError, HeaderError};

/// The longest header that this crate handles, bytes.
pub const MAX_HEADER: usize = 64;

/// What a header says so far, see [`Header::parse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Parsed {
    /// Nothing yet: the frame's first that many bytes are needed. More than there are.
    Need(usize),
    /// The length is known. The header itself may still be incomplete.
    Frame {
        /// Length of the whole header, bytes.
        header: usize,
        /// Length of the whole frame, header included, bytes.
        frame: u64,
    },
}

/// A wire format: how frames tell their length.
///
/// [`formats`](crate::formats) has the usual ones, [`LengthField`] describes others, and a header of one's
/// own (magic bytes, a checksum over the header) is an implementation of this trait, in a few lines. Two
/// laws hold the decoder's promise that any chunking gives the same frames:
/// - `parse` is a pure function of the header's own bytes; it is handed everything that is there, which
///   may be less than the header and may be more;
/// - once it has answered [`Parsed::Frame`] or an error, more bytes behind don't change the answer.
///
/// A header that breaks them gets wrong frames or [`HeaderError::Inconsistent`], never a panic.
pub trait Header {
    /// The longest header, where it is the same for all values of the type: what lets
    /// [`Decoder::new`](crate::Decoder::new) check an array at compile time.
    const MAX_LEN: Option<usize> = None;

    /// The first length worth a look, bytes, 1 to `max_len`: `parse` is never asked about less.
    fn min_len(&self) -> usize;

    /// The longest header, bytes; at most [`MAX_HEADER`].
    fn max_len(&self) -> usize;

    /// The longest frame, bytes, header included. Stores may limit it further.
    #[inline(always)]
    fn max_frame(&self) -> u64 {
        u64::MAX
    }

    /// The smallest payload that the format can carry, bytes: 0 unless its length counts more than there is.
    #[inline(always)]
    fn min_payload(&self) -> u64 {
        0
    }

    /// Reads a header from the first bytes of a frame.
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError>;

    /// Writes the header of a frame with `payload` bytes behind it to the front of `out` and answers the
    /// header's length. `fields` are the bytes around the length field, in order. `out` is at
    /// least as long as [`max_len`](Header::max_len), and usually longer: write only to its front.
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) -> Result<usize, EncodeError>;

    /// The same format with frames of at most `max_frame` bytes, header included.
    ///
    /// ```
    /// # use ringframe::{Decoder, DecodeError, Header, formats};
    /// let mut decoder = Decoder::new(formats::U32_BE.with_limit(100), [0; 1024]);
    /// let refused = decoder.decode(&mut &[0, 0, 0, 97][..]);
    /// assert_eq!(refused.unwrap_err(), DecodeError::TooLong { declared: 101, limit: 100 });
    /// ```
    fn with_limit(self, max_frame: u64) -> Limited<Self>
    where
        Self: Sized,
    {
        Limited { header: self, max_frame }
    }
}

/// A format with a limit of its own, see [`Header::with_limit`]. Who sets none pays for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Limited<H> {
    header: H,
    max_frame: u64,
}

impl<H> Limited<H> {
    /// The format without the limit.
    pub const fn inner(&self) -> &H {
        &self.header
    }
}

impl<H: Header> Header for Limited<H> {
    const MAX_LEN: Option<usize> = H::MAX_LEN;

    #[inline(always)]
    fn min_len(&self) -> usize {
        self.header.min_len()
    }

    #[inline(always)]
    fn max_len(&self) -> usize {
        self.header.max_len()
    }

    #[inline(always)]
    fn max_frame(&self) -> u64 {
        self.max_frame
    }

    #[inline(always)]
    fn min_payload(&self) -> u64 {
        self.header.min_payload()
    }

    #[inline(always)]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        self.header.parse(prefix)
    }

    #[inline(always)]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.header.write(fields, payload, out)
    }
}

/// Width of a length field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    VarintMqtt,
    /// An unsigned LEB128 varint of 1 to 5 bytes, 32 bits.
    Varint32,
    /// An unsigned LEB128 varint of 1 to 10 bytes, 64 bits (protobuf).
    Varint64,
}

impl Width {
    /// The fewest bytes of the field.
    #[inline(always)]
    const fn min(self) -> usize {
        match self {
            Self::U16 => 2,
            Self::U24 => 3,
            Self::U32 => 4,
            Self::U64 => 8,
            Self::U8 | Self::VarintMqtt | Self::Varint32 | Self::Varint64 => 1,
        }
    }

    /// The most bytes of the field.
    #[inline(always)]
    const fn max(self) -> usize {
        match self {
            Self::VarintMqtt => 4,
            Self::Varint32 => 5,
            Self::Varint64 => 10,
            _ => self.min(),
        }
    }

    /// The largest value that the field holds.
    #[inline(always)]
    pub const fn max_value(self) -> u64 {
        match self {
            Self::U8 => 0xff,
            Self::U16 => 0xffff,
            Self::U24 => 0xff_ffff,
            Self::VarintMqtt => 0x0fff_ffff,
            Self::U32 | Self::Varint32 => 0xffff_ffff,
            Self::U64 | Self::Varint64 => u64::MAX,
        }
    }

    /// Whether the number of bytes varies.
    pub const fn is_varint(self) -> bool {
        matches!(self, Self::VarintMqtt | Self::Varint32 | Self::Varint64)
    }
}

/// Byte order of a length field; without meaning for one byte and for varints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// let frame = decoder.decode(&mut chunk)?.ok_or("incomplete")?;
/// assert_eq!((frame.header(), frame.payload()), (&b"Q\0\0\0\x0d"[..], &b"SELECT 1\0"[..]));
///
/// // The same description writes: the bytes around the length field are `fields`.
/// let mut encoder = Encoder::try_new(postgres, [0; 64])?;
/// encoder.push_parts(b"Q", &[b"SELECT", b" 1\0"])?;
/// assert_eq!(encoder.pending().0, b"Q\0\0\0\x0dSELECT 1\0");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LengthField {
    /// Bytes of the header before the length field.
    pub offset: usize,
    /// Width of the length field.
    pub width: Width,
    /// Byte order of the length field.
    pub endian: Endian,
    /// What is added to the length value: `frame length = value + adjust + offset + width`.
    pub adjust: i64,
    /// Length of the whole header; where it is `None`, the header ends with the length field.
    pub header: Option<usize>,
}

impl LengthField {
    /// A `u32` in network order that counts the payload.
    pub const DEFAULT: Self =
        Self { offset: 0, width: Width::U32, endian: Endian::Big, adjust: 0, header: None };

    /// The format that this describes, or why there can be none.
    pub const fn check(self) -> Result<Checked, ConfigError> {
        let too_long = ConfigError::HeaderTooLong { max: MAX_HEADER };
        if self.offset > MAX_HEADER {
            return Err(too_long);
        }
        let field_end = self.offset + self.width.max();
        let behind = match self.header {
            None => 0,
            Some(_) if self.width.is_varint() => return Err(ConfigError::HeaderOfVarint),
            Some(header) if header < field_end => {
                return Err(ConfigError::HeaderTooShort { header, field_end });
            }
            Some(header) => header - field_end,
        };
        if behind > MAX_HEADER || field_end + behind > MAX_HEADER {
            return Err(too_long);
        }
        // value + adjust + offset + width = frame = offset + width + behind + payload,
        // so that payload = value + (adjust - behind).
        let impossible = ConfigError::Adjustment { adjust: self.adjust };
        let Some(surplus) = self.adjust.checked_sub(behind as i64) else { return Err(impossible) };
        if self.width.max_value().checked_add_signed(surplus).is_none() && surplus < 0 {
            return Err(impossible);
        }
        Ok(Checked { field: self, behind, surplus })
    }
}

impl Default for LengthField {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A [`LengthField`] that was checked: a format chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Checked {
    field: LengthField,
    /// Bytes of the header behind the length field.
    behind: usize,
    /// `payload length = length value + surplus`.
    surplus: i64,
}

impl Checked {
    /// The description that was checked.
    pub const fn field(&self) -> LengthField {
        self.field
    }

    /// How many bytes a header has beside its length field: the length of `fields`.
    pub const fn fields_len(&self) -> usize {
        self.field.offset + self.behind
    }

    /// Takes the bytes around the length field out of a header, so that an answer can carry them; the
    /// inverse of what the encoder does with `fields`. A header that is too short leaves zeros.
    pub fn fields<'o>(&self, header: &[u8], out: &'o mut [u8; MAX_HEADER]) -> &'o [u8] {
        *out = [0; MAX_HEADER];
        let before = header.get(..self.field.offset).unwrap_or_default();
        let behind = header.last_chunk_from(self.behind);
        for (slot, byte) in out.iter_mut().zip(before.iter().chain(behind)) {
            *slot = *byte;
        }
        out.get(..self.fields_len()).unwrap_or_default()
    }

    #[inline(always)]
    const fn len(&self, width: usize) -> usize {
        self.field.offset + width + self.behind
    }

    /// All of the parsing of length fields. Inlined into each format: where the description is a
    /// constant, what is left is a load, a swap and an addition.
    #[inline(always)]
    fn read(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
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
            Width::VarintMqtt | Width::Varint32 | Width::Varint64 => {
                let (max, limit) = (self.field.width.max(), self.field.width.max_value());
                return match read_varint(field, max, limit)? {
                    Some((value, width)) => self.measure(value, self.len(width)),
                    // One more byte than there is: the next one may end it.
                    None => Ok(Parsed::Need(self.field.offset + 1 + field.len())),
                };
            }
        };
        match value {
            Some(value) => self.measure(value, self.len(self.field.width.min())),
            None => Ok(Parsed::Need(self.field.offset + self.field.width.min())),
        }
    }

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
            Some(frame) => Ok(Parsed::Frame { header, frame }),
            None => Err(HeaderError::Overflow { value }),
        }
    }

    #[inline(always)]
    fn write_header(&self, fields: &[u8], payload: u64, out: &mut [u8]) -> Result<usize, EncodeError> {
        let wanted = self.fields_len();
        let (Some((before, behind)), true) =
            (fields.split_at_checked(self.field.offset), fields.len() == wanted)
        else {
            return Err(EncodeError::Fields { given: fields.len(), wanted });
        };
        // The inverse of `measure`.
        let value = match payload.checked_sub_signed(self.surplus) {
            Some(value) if value <= self.field.width.max_value() => value,
            _ => return Err(EncodeError::Unrepresentable { payload }),
        };
        let width = if self.field.width.is_varint() { varint_len(value) } else { self.field.width.min() };
        let header = self.len(width);
        let free = out.len();
        let Some(room) = out.get_mut(..header) else {
            return Err(EncodeError::NoRoom { needed: header as u64, free });
        };
        if wanted > 0 {
            let (front, back) = room.split_at_mut_checked(self.field.offset + width).unwrap_or_default();
            copy(front, before);
            copy(back, behind);
        }
        let field = room.get_mut(self.field.offset..).unwrap_or_default();
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
            Width::VarintMqtt | Width::Varint32 | Width::Varint64 => write_varint(value, field),
        }
        Ok(header)
    }
}

/// Writes an array to the front of `out`.
#[inline(always)]
fn put<const N: usize>(out: &mut [u8], bytes: [u8; N]) {
    if let Some(slot) = out.first_chunk_mut() {
        *slot = bytes;
    }
}

/// The last `n` bytes of a slice, or none.
trait LastChunkFrom {
    fn last_chunk_from(&self, n: usize) -> &[u8];
}

impl LastChunkFrom for [u8] {
    fn last_chunk_from(&self, n: usize) -> &[u8] {
        self.len().checked_sub(n).and_then(|at| self.get(at..)).unwrap_or_default()
    }
}

/// An unsigned LEB128 number: seven bits a byte, the least significant first, the top bit set in all but
/// the last. Answers the value and its bytes, or `None` where more are needed.
#[inline(always)]
fn read_varint(bytes: &[u8], max: usize, limit: u64) -> Result<Option<(u64, usize)>, HeaderError> {
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

/// How many bytes a varint takes: one for each seven bits, and one for 0.
#[inline(always)]
const fn varint_len(value: u64) -> usize {
    (u64::BITS - (value | 1).leading_zeros()).div_ceil(7) as usize
}

fn write_varint(mut value: u64, out: &mut [u8]) {
    for slot in out {
        *slot = value as u8 & 0x7f;
        value >>= 7;
        if value == 0 {
            break;
        }
        *slot |= 0x80;
    }
}

impl Header for Checked {
    #[inline]
    fn min_len(&self) -> usize {
        self.field.offset + self.field.width.min()
    }

    #[inline]
    fn max_len(&self) -> usize {
        self.len(self.field.width.max())
    }

    #[inline]
    fn min_payload(&self) -> u64 {
        self.surplus.max(0).unsigned_abs()
    }

    #[inline]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        self.read(prefix)
    }

    #[inline]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.write_header(fields, payload, out)
    }
}

/// A [`LengthField`] known at compile time, as a zero-sized type: see [`length_field!`](crate::length_field).
///
/// A format that is a type costs nothing to carry, and its parsing folds to a few instructions: one
/// chosen at run time costs a quarter of the speed on small frames.
pub trait ConstLengthField {
    /// The description.
    const FIELD: LengthField;

    /// The description, checked while compiling.
    const CHECKED: Checked = match Self::FIELD.check() {
        Ok(checked) => checked,
        Err(error) => panic!("{}", error.summary()),
    };
}

impl<T: ConstLengthField> Header for T {
    const MAX_LEN: Option<usize> = Some(Self::CHECKED.len(Self::FIELD.width.max()));

    #[inline(always)]
    fn min_len(&self) -> usize {
        const { Self::CHECKED.field.offset + Self::CHECKED.field.width.min() }
    }

    #[inline(always)]
    fn max_len(&self) -> usize {
        const { Self::CHECKED.len(Self::FIELD.width.max()) }
    }

    #[inline(always)]
    fn min_payload(&self) -> u64 {
        const { Self::CHECKED }.min_payload()
    }

    #[inline(always)]
    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        const { Self::CHECKED }.read(prefix)
    }

    #[inline(always)]
    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) -> Result<usize, EncodeError> {
        const { Self::CHECKED }.write_header(fields, payload, out)
    }
}

/// A wire format as a zero-sized type, checked while compiling.
///
/// The words are those of [`LengthField`]: `offset`, `width` (1, 2, 3, 4, 8, `varint`, `varint32` or
/// `varint_mqtt`), `endian` (`be` or `le`), `adjust`, `header`, in any order; left out, they are 0, 4, `be`,
/// 0 and offset + width. As an expression it is a value; with a name in front it declares a type.
///
/// ```
/// use ringframe::{Decoder, length_field};
///
/// let mut decoder = Decoder::new(length_field!(offset = 1, width = 2, endian = le), [0; 256]);
/// let frame = decoder.decode(&mut &b"\x07\x02\0hi"[..])?.ok_or("incomplete")?;
/// assert_eq!(frame.payload(), b"hi");
///
/// length_field! {
///     /// A length that counts the whole frame, itself included.
///     pub struct Inclusive(width = 2, adjust = -2);
/// }
/// struct Link {
///     decoder: Decoder<Inclusive, [u8; 256]>,
/// }
/// let mut link = Link { decoder: Decoder::new(Inclusive, [0; 256]) };
/// let frame = link.decoder.decode(&mut &b"\0\x04hi"[..])?.ok_or("incomplete")?;
/// assert_eq!(frame.payload(), b"hi");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
/// What can't be does not compile:
/// ```compile_fail
/// # use ringframe::{Decoder, length_field};
/// let decoder = Decoder::new(length_field!(offset = 2, width = 4, header = 5), [0; 256]);
/// ```
#[macro_export]
macro_rules! length_field {
    ($(#[$meta:meta])* $vis:vis struct $name:ident($($description:tt)*);) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name;
        impl $crate::ConstLengthField for $name {
            const FIELD: $crate::LengthField = $crate::length_field!(@ $crate::LengthField::DEFAULT; $($description)*);
        }
        const _: $crate::Checked = <$name as $crate::ConstLengthField>::CHECKED;
        $crate::length_field!(@defmt $name);
    };
    (@ $field:expr;) => { $field };
    (@ $field:expr; offset = $value:expr $(, $($rest:tt)*)?) => {
        $crate::length_field!(@ $crate::LengthField { offset: $value, ..$field }; $($($rest)*)?)
    };
    (@ $field:expr; width = $value:tt $(, $($rest:tt)*)?) => {
        $crate::length_field!(@ $crate::LengthField { width: $crate::length_field!(@width $value), ..$field }; $($($rest)*)?)
    };
    (@ $field:expr; endian = $value:tt $(, $($rest:tt)*)?) => {
        $crate::length_field!(@ $crate::LengthField { endian: $crate::length_field!(@endian $value), ..$field }; $($($rest)*)?)
    };
    (@ $field:expr; adjust = $value:expr $(, $($rest:tt)*)?) => {
        $crate::length_field!(@ $crate::LengthField { adjust: $value, ..$field }; $($($rest)*)?)
    };
    (@ $field:expr; header = $value:expr $(, $($rest:tt)*)?) => {
        $crate::length_field!(@ $crate::LengthField { header: ::core::option::Option::Some($value), ..$field }; $($($rest)*)?)
    };
    (@width 1) => { $crate::Width::U8 };
    (@width 2) => { $crate::Width::U16 };
    (@width 3) => { $crate::Width::U24 };
    (@width 4) => { $crate::Width::U32 };
    (@width 8) => { $crate::Width::U64 };
    (@width varint) => { $crate::Width::Varint64 };
    (@width varint32) => { $crate::Width::Varint32 };
    (@width varint_mqtt) => { $crate::Width::VarintMqtt };
    (@endian be) => { $crate::Endian::Big };
    (@endian le) => { $crate::Endian::Little };
    (@defmt $name:ident) => { $crate::__defmt_format!($name); };
    (@ $($unknown:tt)*) => {
        ::core::compile_error!(::core::concat!("not a part of a length field: ", ::core::stringify!($($unknown)*)))
    };
    ($($description:tt)*) => {{
        $crate::length_field! { struct Anonymous($($description)*); }
        Anonymous
    }};
}

/// `defmt::Format` for a format's type, where this crate has `defmt`: a macro can't ask for its caller's
/// features.
#[cfg(feature = "defmt")]
#[doc(hidden)]
#[macro_export]
macro_rules! __defmt_format {
    ($name:ident) => {
        impl $crate::__defmt::Format for $name {
            fn format(&self, fmt: $crate::__defmt::Formatter<'_>) {
                $crate::__defmt::Format::format(&<$name as $crate::ConstLengthField>::CHECKED, fmt);
            }
        }
    };
}

#[cfg(not(feature = "defmt"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __defmt_format {
    ($name:ident) => {};
}
