//! Random use of the public API, also such that nobody would write, against models that are nothing
//! but the bytes: what is pending for the encoder, the stream and a position in it for the decoder.
//! No byte may be lost or doubled, whatever was called before. What the decoder says about itself
//! is modelled exactly, and each of its shortcuts is compared with its rule in every state that
//! comes up.

mod decoder;
mod encoder;
mod lies;

use proptest::prelude::*;
use ringframe::{
    ConfigError, Decoder, EncodeError, Encoder, Endian, Format, HeaderError, LengthField, Limited, Parsed,
    RuntimeFormat, Trailer, Width,
};

/// The descriptions in use here, with each feature of one in one of them.
const FIELDS: [LengthField; 6] = [
    LengthField { width: Width::U8, ..LengthField::DEFAULT },
    LengthField { width: Width::U16, endian: Endian::Little, ..LengthField::DEFAULT },
    LengthField { width: Width::Varint64, ..LengthField::DEFAULT },
    LengthField { offset: 1, width: Width::Varint28, ..LengthField::DEFAULT },
    // The length counts two of the four bytes after it and not the payload's first three.
    LengthField { offset: 2, width: Width::U16, adjust: 5, header: Some(8), ..LengthField::DEFAULT },
    LengthField { width: Width::U24, adjust: -3, ..LengthField::DEFAULT },
];

/// The index of the format after those: a length of one byte, and a trailer of two bytes, the sum
/// of all bytes before it.
const SUMMED: usize = FIELDS.len();

/// The number of formats.
const FORMATS: usize = SUMMED + 1;

/// Returns the bytes around the length field that a format wants.
fn fields(index: usize) -> &'static [u8] {
    let lengths = [0, 0, 0, 1, 6, 0, 0];
    // The fifth has two before it and four after it.
    &b"fields"[..lengths[index]]
}

/// The lengths of a format: of its longest header, of its smallest frame, and of its trailer.
struct Lengths {
    longest: usize,
    smallest: u64,
    trailer: usize,
}

fn lengths(index: usize) -> Lengths {
    let (longest, smallest) = [(1, 1), (2, 2), (10, 1), (5, 2), (8, 9), (3, 3), (1, 3)][index];
    Lengths { longest, smallest, trailer: if index == SUMMED { 2 } else { 0 } }
}

fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(u16::from(*byte)))
}

/// Returns the trailer after these bytes, which may have no bytes.
fn trailer(index: usize, before: &[u8]) -> Vec<u8> {
    if index == SUMMED { sum(before).to_be_bytes().to_vec() } else { vec![] }
}

/// Returns a frame as the format's document has it, without the codec.
fn frame(index: usize, payload: &[u8]) -> Option<Vec<u8>> {
    let mut frame = header(index, payload.len())?;
    frame.extend(payload);
    frame.extend(trailer(index, &frame));
    Some(frame)
}

/// Checks what `try_new` does.
fn check_format(index: usize, store: usize, limit: Option<u64>) -> Result<(), ConfigError> {
    let Lengths { longest, smallest, trailer } = lengths(index);
    let needed = longest + trailer;
    match limit {
        _ if needed > store => Err(ConfigError::StoreTooSmall { store, needed }),
        Some(limit) if limit < smallest => Err(ConfigError::LimitTooSmall { limit, needed: smallest }),
        _ => Ok(()),
    }
}

/// Returns a header as the format's document has it, without the codec, or `None` if there is none.
fn header(index: usize, payload: usize) -> Option<Vec<u8>> {
    let varint = |mut value: usize| {
        let mut bytes = vec![];
        while value > 127 {
            bytes.push((value % 128 + 128) as u8);
            value /= 128;
        }
        bytes.push(value as u8);
        bytes
    };
    Some(match index {
        0 => vec![u8::try_from(payload).ok()?],
        1 => (payload as u16).to_le_bytes().to_vec(),
        2 => varint(payload),
        3 => [b"f", &varint(payload)[..]].concat(),
        4 => [b"fi", &(payload.checked_sub(1)? as u16).to_be_bytes()[..], b"elds"].concat(),
        5 => [&[0], &(payload as u16 + 3).to_be_bytes()[..]].concat(),
        _ => vec![u8::try_from(payload).ok()?],
    })
}

/// Returns the lengths of header and payload of the first frame in `bytes`, or `Err` with the
/// number of bytes that are needed.
fn parse(index: usize, bytes: &[u8]) -> Result<Result<(usize, u64), HeaderError>, usize> {
    let (offset, width) = [(0, 1), (0, 2), (0, 0), (1, 0), (2, 2), (0, 3), (0, 1)][index];
    if width == 0 {
        let (max, bits) = if index == 2 { (10, 64) } else { (4, 28) };
        let mut value = 0u128;
        for i in 0.. {
            let &byte =
                bytes.get(offset + i).ok_or(offset + 1 + i.min(bytes.len().saturating_sub(offset)))?;
            value |= u128::from(byte & 127) << (7 * i);
            if value >> bits > 0 || (byte > 127 && i + 1 == max) {
                return Ok(Err(HeaderError::VarintTooLong { max }));
            }
            if byte == 0 && i > 0 {
                return Ok(Err(HeaderError::VarintNotCanonical { bytes: i + 1 }));
            }
            if byte <= 127 {
                let header = offset + i + 1;
                return Ok(match u64::try_from(value + header as u128) {
                    Ok(_) => Ok((header, value as u64)),
                    Err(_) => Err(HeaderError::Overflow { value: value as u64 }),
                });
            }
        }
    }
    let field = bytes.get(offset..offset + width).ok_or(offset + width)?;
    let value = field.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    Ok(match index {
        0 | SUMMED => Ok((1, value)),
        1 => Ok((2, (value as u16).swap_bytes().into())),
        4 => Ok((8, value + 1)),
        _ => value
            .checked_sub(3)
            .map(|payload| (3, payload))
            .ok_or(HeaderError::ShorterThanHeader { value, header: 3 }),
    })
}

/// The last format, for the codec.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Summed;

#[derive(Clone, Copy, Default)]
struct Sum(u16);

impl Trailer for Sum {
    const MAX_LEN: usize = 2;

    fn update(&mut self, bytes: &[u8]) {
        self.0 = self.0.wrapping_add(sum(bytes));
    }

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.to_be_bytes());
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == self.0.to_be_bytes()
    }
}

impl Format for Summed {
    type Trailer = Sum;

    fn max_header(&self) -> usize {
        1
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match prefix {
            [] => Ok(Parsed::Incomplete { total: 1 }),
            [length, ..] => Ok(Parsed::Frame { header: 1, payload: u64::from(*length) }),
        }
    }

    fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
        if payload <= 255 { Ok(1) } else { Err(EncodeError::Unrepresentable { payload }) }
    }

    fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
        out.copy_from_slice(&[payload as u8]);
    }
}

/// The formats of one type, so that one can replace another, with a limit that can be set or
/// without one.
trait Family: Format + Clone + std::fmt::Debug + PartialEq {
    /// Makes the format of this index, or another one if it is of another type.
    fn make(index: usize, limit: Option<u64>) -> Self;

    /// Returns the index of the format that `make` makes.
    fn index(index: usize) -> usize;

    /// Sets the limit, if formats of this type have one.
    fn set_limit(decoder: &mut Decoder<Self, Vec<u8>>, limit: u64) -> Option<Result<(), ConfigError>>;

    /// The same for an encoder.
    fn set_encoder(encoder: &mut Encoder<Self, Vec<u8>>, limit: u64) -> Option<Result<(), ConfigError>>;
}

impl Family for RuntimeFormat {
    fn make(index: usize, _: Option<u64>) -> Self {
        FIELDS[Self::index(index)].check().unwrap()
    }

    fn index(index: usize) -> usize {
        index % FIELDS.len()
    }

    fn set_limit(_: &mut Decoder<Self, Vec<u8>>, _: u64) -> Option<Result<(), ConfigError>> {
        None
    }

    fn set_encoder(_: &mut Encoder<Self, Vec<u8>>, _: u64) -> Option<Result<(), ConfigError>> {
        None
    }
}

impl Family for Summed {
    fn make(_: usize, _: Option<u64>) -> Self {
        Self
    }

    fn index(_: usize) -> usize {
        SUMMED
    }

    fn set_limit(_: &mut Decoder<Self, Vec<u8>>, _: u64) -> Option<Result<(), ConfigError>> {
        None
    }

    fn set_encoder(_: &mut Encoder<Self, Vec<u8>>, _: u64) -> Option<Result<(), ConfigError>> {
        None
    }
}

impl<F: Family> Family for Limited<F> {
    fn make(index: usize, limit: Option<u64>) -> Self {
        F::make(index, None).with_limit(limit.expect("a limit"))
    }

    fn index(index: usize) -> usize {
        F::index(index)
    }

    fn set_limit(decoder: &mut Decoder<Self, Vec<u8>>, limit: u64) -> Option<Result<(), ConfigError>> {
        Some(decoder.set_limit(limit))
    }

    fn set_encoder(encoder: &mut Encoder<Self, Vec<u8>>, limit: u64) -> Option<Result<(), ConfigError>> {
        Some(encoder.set_limit(limit))
    }
}

/// Limits of all sizes. 12 is enough for the smallest frame of each format.
fn limit() -> impl Strategy<Value = u64> {
    prop_oneof![Just(12u64), Just(100), Just(1 << 20), Just(u64::MAX)]
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}
