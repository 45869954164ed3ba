//! One table of wires and what they mean. It drives the encoder and the decoder, so that neither
//! can be right only for the other; the bytes were written down by hand from the documents of the
//! formats.

use core::fmt;

use ringframe::{
    DecodeError, Decoder, EncodeError, Encoder, EndError, Endian, Event, Format, HeaderError, LengthField,
    Limited, MAX_HEADER, Peek, Status, Width, encode_header, encode_with, peek,
};

use crate::rule::{Call, compare};

/// Bytes of the store that a vector without a limit of its own is checked over.
pub const STORE: usize = 256;

/// The longest wire in the table, bytes; a check fails where one is longer.
const LONGEST: usize = 300;

/// Wires up to this length are cut at every place, longer ones near both ends.
const CUT_EVERYWHERE: usize = 40;

/// What the check puts after a wire: neither the end of a frame nor that of a varint.
const TRAILING: &[u8] = &[0xff, 0xfe, 0xfd];

/// A wire, and what it means.
#[derive(Debug)]
pub struct Vector {
    /// What to call it in a report.
    pub name: &'static str,
    /// The description of the format.
    pub field: LengthField,
    /// The limit that the format is given; without one it is the store's size, [`STORE`].
    pub limit: Option<u64>,
    /// The bytes.
    pub wire: &'static [u8],
    /// The frames in them, each as the header's bytes around the length field, and the payload.
    pub frames: &'static [(&'static [u8], &'static [u8])],
    /// What follows the last frame.
    pub end: End,
}

/// How a wire ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Between frames.
    Clean,
    /// Inside a frame, of which `have` bytes are there and `want` are known to be needed.
    Truncated {
        /// Bytes of the frame that are there.
        have: usize,
        /// Bytes that it has at the least.
        want: usize,
    },
    /// With a header that is refused.
    Refused(DecodeError),
}

const fn field(width: Width) -> LengthField {
    LengthField { width, ..LengthField::DEFAULT }
}

const fn le(width: Width) -> LengthField {
    LengthField { width, endian: Endian::Little, ..LengthField::DEFAULT }
}

/// A varint of at least `bytes` bytes for any payload: the length counts 2^(7 * (bytes - 1)) too
/// much.
const fn long_varint(bytes: u32) -> LengthField {
    let surplus = if bytes == 10 { i64::MIN } else { -(1 << (7 * (bytes - 1))) };
    LengthField { width: Width::Varint64, adjust: surplus, ..LengthField::DEFAULT }
}

/// `N` bytes that begin with `head` and count up from there.
const fn filled<const N: usize>(head: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    let mut i = 0;
    while i < N {
        all[i] = if i < head.len() { head[i] } else { i as u8 };
        i += 1;
    }
    all
}

/// A wire of one frame that is filled up, and the payload in it.
macro_rules! filled {
    ($length:literal, $head:expr) => {{
        const WIRE: &[u8] = &filled::<$length>($head);
        const PAYLOAD: &[u8] = WIRE.split_at($head.len()).1;
        (WIRE, PAYLOAD)
    }};
}

/// Type, channel, size of the payload; an octet after the payload, which the size leaves out.
const AMQP: LengthField = LengthField { offset: 3, adjust: 1, ..LengthField::DEFAULT };
/// A marker of 16 octets, the length of all, a type.
const BGP: LengthField =
    LengthField { offset: 16, width: Width::U16, adjust: -18, header: Some(19), ..LengthField::DEFAULT };
/// A version, the length of all, 16 octets more.
const DIAMETER: LengthField =
    LengthField { offset: 1, width: Width::U24, adjust: -4, header: Some(20), ..LengthField::DEFAULT };
/// Two numbers, the length of what follows it, the first byte of that.
const MODBUS: LengthField =
    LengthField { offset: 4, width: Width::U16, header: Some(7), ..LengthField::DEFAULT };
/// The length of all, three numbers.
const MONGODB: LengthField =
    LengthField { endian: Endian::Little, adjust: -4, header: Some(16), ..LengthField::DEFAULT };
/// The length of what follows the sequence number.
const MYSQL: LengthField = LengthField {
    width: Width::U24,
    endian: Endian::Little,
    adjust: 1,
    header: Some(4),
    ..LengthField::DEFAULT
};
/// The length of all, a type, a tag.
const NINEP: LengthField =
    LengthField { endian: Endian::Little, adjust: -4, header: Some(7), ..LengthField::DEFAULT };
/// A type, the length of all.
const PCAPNG: LengthField =
    LengthField { offset: 4, endian: Endian::Little, adjust: -8, ..LengthField::DEFAULT };
/// A type, a version, the length of the rest.
const TLS: LengthField = LengthField { offset: 3, width: Width::U16, ..LengthField::DEFAULT };
/// A version, a reserved octet, the length of all.
const TPKT: LengthField = LengthField { offset: 2, width: Width::U16, adjust: -4, ..LengthField::DEFAULT };
const MQTT: LengthField = LengthField { offset: 1, width: Width::Varint28, ..LengthField::DEFAULT };
/// The length counts what follows the header: frame = value + 6 + 0 + 3.
const HTTP2: LengthField =
    LengthField { width: Width::U24, header: Some(9), adjust: 6, ..LengthField::DEFAULT };
/// The length counts itself but not the type byte before it.
const POSTGRES: LengthField = LengthField { offset: 1, adjust: -4, ..LengthField::DEFAULT };
/// The length counts the whole frame.
const INCLUSIVE: LengthField = LengthField { width: Width::U16, adjust: -2, ..LengthField::DEFAULT };
/// The length counts four bytes more than there are, as in tokio#4815.
const MINUS_4: LengthField = LengthField { adjust: -4, ..LengthField::DEFAULT };
/// The length leaves a hundred bytes out, as in tokio#4815.
const PLUS_100: LengthField = LengthField { adjust: 100, ..LengthField::DEFAULT };
/// Magic, a little-endian length of what follows itself, flags.
const AROUND: LengthField =
    LengthField { offset: 2, width: Width::U16, endian: Endian::Little, adjust: 0, header: Some(7) };

const U8_FULL: (&[u8], &[u8]) = filled!(256, &[255]);
const U16_FULL: (&[u8], &[u8]) = filled!(256, &[0, 254]);
const U32_FULL: (&[u8], &[u8]) = filled!(256, &[252, 0, 0, 0]);
const VARINT_127: (&[u8], &[u8]) = filled!(128, &[127]);
const VARINT_128: (&[u8], &[u8]) = filled!(130, &[0x80, 1]);
const VARINT_FULL: (&[u8], &[u8]) = filled!(256, &[0xfe, 1]);
const LEAST_104: (&[u8], &[u8]) = filled!(104, &[0, 0, 0, 0]);
const FULL_110: (&[u8], &[u8]) = filled!(110, &[0, 0, 0, 6]);

const fn vector(
    name: &'static str,
    field: LengthField,
    wire: &'static [u8],
    frames: &'static [(&'static [u8], &'static [u8])],
) -> Vector {
    Vector { name, field, limit: None, wire, frames, end: End::Clean }
}

impl Vector {
    const fn limit(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }

    const fn truncated(self, have: usize, want: usize) -> Self {
        Self { end: End::Truncated { have, want }, ..self }
    }

    const fn too_long(self, declared: u64) -> Self {
        let limit = match self.limit {
            Some(limit) => limit,
            None => STORE as u64,
        };
        Self { end: End::Refused(DecodeError::TooLong { declared, limit }), ..self }
    }

    const fn refused(self, error: HeaderError) -> Self {
        Self { end: End::Refused(DecodeError::Header(error)), ..self }
    }
}

/// The table.
#[rustfmt::skip]
pub static VECTORS: &[Vector] = &[
    // Fixed widths.
    vector("u8: nothing at all", field(Width::U8), b"", &[]),
    vector("u8: three frames", field(Width::U8), b"\x03abc\0\x02de", &[(b"", b"abc"), (b"", b""), (b"", b"de")]),
    vector("u8: empty frames", field(Width::U8), b"\0\0\0", &[(b"", b""), (b"", b""), (b"", b"")]),
    vector("u8: the largest value fills the store", field(Width::U8), U8_FULL.0, &[(b"", U8_FULL.1)]),
    vector("u8: truncated payload", field(Width::U8), b"\x01a\x03ab", &[(b"", b"a")]).truncated(3, 4),
    vector("u8: limit reached", field(Width::U8), b"\x04abcd\0", &[(b"", b"abcd"), (b"", b"")]).limit(5),
    vector("u8: limit passed by one", field(Width::U8), b"\x04abcd\x05efghi", &[(b"", b"abcd")]).limit(5).too_long(6),
    vector("u16be: two frames", field(Width::U16), b"\0\x05hello\0\x01!", &[(b"", b"hello"), (b"", b"!")]),
    vector("u16be: fills the store", field(Width::U16), U16_FULL.0, &[(b"", U16_FULL.1)]),
    vector("u16be: one byte more than the store", field(Width::U16), b"\0\x01x\0\xff", &[(b"", b"x")]).too_long(257),
    vector("u16be: 256 is not 1", field(Width::U16), b"\x01\0ab", &[]).too_long(258),
    vector("u16be: truncated length", field(Width::U16), b"\0\0\0", &[(b"", b"")]).truncated(1, 2),
    vector("u16le: two frames", le(Width::U16), b"\x05\0hello\x01\0!", &[(b"", b"hello"), (b"", b"!")]),
    vector("u16le: largest value", le(Width::U16), b"\xff\xff", &[]).too_long(65_537),
    vector("u24be: two frames", field(Width::U24), b"\0\0\x02ab\0\0\0", &[(b"", b"ab"), (b"", b"")]),
    vector("u24be: largest value", field(Width::U24), b"\xff\xff\xff", &[]).too_long(0x0100_0002),
    vector("u24be: the middle byte counts", field(Width::U24), b"\0\x01\0", &[]).too_long(259),
    vector("u24le: two frames", le(Width::U24), b"\x02\0\0ab\0\0\0", &[(b"", b"ab"), (b"", b"")]),
    vector("u24le: the first byte is the low one", le(Width::U24), b"\xfd\0\0", &[]).truncated(3, 256),
    vector("u32be: two frames", field(Width::U32), b"\0\0\0\x05hello\0\0\0\x01!", &[(b"", b"hello"), (b"", b"!")]),
    vector("u32be: truncated length", field(Width::U32), b"\0\0", &[]).truncated(2, 4),
    vector("u32be: truncated payload", field(Width::U32), b"\0\0\0\x05hel", &[]).truncated(7, 9),
    vector("u32be: truncated behind the header", field(Width::U32), b"\0\0\0\x05", &[]).truncated(4, 9),
    vector("u32be: largest value", field(Width::U32), b"\xff\xff\xff\xff", &[]).too_long(0x1_0000_0003),
    vector("u32be: text is not a length", field(Width::U32), b"HTTP/1.1 200 OK\r\n", &[]).too_long(0x4854_5454),
    vector("u32le: two frames", le(Width::U32), b"\x05\0\0\0hello\x01\0\0\0!", &[(b"", b"hello"), (b"", b"!")]),
    vector("u32le: fills the store", le(Width::U32), U32_FULL.0, &[(b"", U32_FULL.1)]),
    vector("u32le: -1 as an '<i' would have it", le(Width::U32), b"\0\0\0\0\xff\xff\xff\xff", &[(b"", b"")]).too_long(0x1_0000_0003),
    vector("u32le: the least '<i'", le(Width::U32), b"\0\0\0\x80", &[]).too_long(0x8000_0004),
    vector("u64be: two frames", field(Width::U64), b"\0\0\0\0\0\0\0\x02ab\0\0\0\0\0\0\0\0", &[(b"", b"ab"), (b"", b"")]),
    vector("u64be: 2^32 is not 0", field(Width::U64), b"\0\0\0\x01\0\0\0\0", &[]).too_long(0x1_0000_0008),
    vector("u64be: largest value", field(Width::U64), &[0xff; 8], &[]).refused(HeaderError::Overflow { value: u64::MAX }),
    vector("u64be: largest value that fits with its header", field(Width::U64), b"\xff\xff\xff\xff\xff\xff\xff\xf7", &[]).too_long(u64::MAX),
    vector("u64be: smallest value that does not", field(Width::U64), b"\xff\xff\xff\xff\xff\xff\xff\xf8", &[])
        .refused(HeaderError::Overflow { value: u64::MAX - 7 }),
    vector("u64le: two frames", le(Width::U64), b"\x02\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0", &[(b"", b"ab"), (b"", b"")]),
    vector("u64le: truncated length", le(Width::U64), b"\x02\0\0\0\0\0\0", &[]).truncated(7, 8),

    // Varints: each number of bytes, its first and last value where a payload of that size fits.
    vector("varint: 0, 1", field(Width::Varint64), b"\0\x01a\0", &[(b"", b""), (b"", b"a"), (b"", b"")]),
    vector("varint: 127", field(Width::Varint64), VARINT_127.0, &[(b"", VARINT_127.1)]),
    vector("varint: 128", field(Width::Varint64), VARINT_128.0, &[(b"", VARINT_128.1)]),
    vector("varint: fills the store", field(Width::Varint64), VARINT_FULL.0, &[(b"", VARINT_FULL.1)]),
    vector("varint: one byte more than the store", field(Width::Varint64), b"\xff\x01", &[]).too_long(257),
    vector("varint: 2 bytes by adjustment", long_varint(2), b"\x80\x01\x83\x01abc", &[(b"", b""), (b"", b"abc")]),
    vector("varint: 3 bytes", long_varint(3), b"\x80\x80\x01\x83\x80\x01abc", &[(b"", b""), (b"", b"abc")]),
    vector("varint: 4 bytes", long_varint(4), b"\x80\x80\x80\x01\x83\x80\x80\x01abc", &[(b"", b""), (b"", b"abc")]),
    vector("varint: 5 bytes", long_varint(5), b"\x80\x80\x80\x80\x01\x83\x80\x80\x80\x01abc", &[(b"", b""), (b"", b"abc")]),
    vector("varint: 6 bytes", long_varint(6), b"\x83\x80\x80\x80\x80\x01abc", &[(b"", b"abc")]),
    vector("varint: 7 bytes", long_varint(7), b"\x83\x80\x80\x80\x80\x80\x01abc", &[(b"", b"abc")]),
    vector("varint: 8 bytes", long_varint(8), b"\x83\x80\x80\x80\x80\x80\x80\x01abc", &[(b"", b"abc")]),
    vector("varint: 9 bytes", long_varint(9), b"\x83\x80\x80\x80\x80\x80\x80\x80\x01abc", &[(b"", b"abc")]),
    vector("varint: 10 bytes", long_varint(10), b"\x83\x80\x80\x80\x80\x80\x80\x80\x80\x01abc", &[(b"", b"abc")]),
    vector("varint: 2 bytes, last value", field(Width::Varint64), b"\xff\x7f", &[]).too_long((1 << 14) - 1 + 2),
    vector("varint: 3 bytes, last value", field(Width::Varint64), b"\xff\xff\x7f", &[]).too_long((1 << 21) - 1 + 3),
    vector("varint: 9 bytes, last value", field(Width::Varint64), b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", &[]).too_long((1 << 63) - 1 + 9),
    vector("varint: 10 bytes, first value", field(Width::Varint64), b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", &[]).too_long((1 << 63) + 10),
    vector("varint: 10 bytes, last value", field(Width::Varint64), b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &[])
        .refused(HeaderError::Overflow { value: u64::MAX }),
    vector("varint: 65 bits", field(Width::Varint64), b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", &[])
        .refused(HeaderError::VarintTooLong { max: 10 }),
    vector("varint: 11 bytes", field(Width::Varint64), b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", &[])
        .refused(HeaderError::VarintTooLong { max: 10 }),
    vector("varint: 0 in 2 bytes", field(Width::Varint64), b"\x01a\x80\0", &[(b"", b"a")]).refused(HeaderError::VarintNotCanonical { bytes: 2 }),
    vector("varint: 1 in 3 bytes", field(Width::Varint64), b"\x81\x80\0", &[]).refused(HeaderError::VarintNotCanonical { bytes: 3 }),
    vector("varint: 0 in 10 bytes", field(Width::Varint64), b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\0", &[])
        .refused(HeaderError::VarintNotCanonical { bytes: 10 }),
    vector("varint: truncated length", field(Width::Varint64), b"\0\x80\x80", &[(b"", b"")]).truncated(2, 3),
    vector("varint: shorter than its header", long_varint(3), b"\xff\x7f", &[]).refused(HeaderError::ShorterThanHeader { value: 16_383, header: 2 }),
    vector("varint32: two frames", field(Width::Varint32), b"\x02ab\0", &[(b"", b"ab"), (b"", b"")]),
    vector("varint32: 128", field(Width::Varint32), VARINT_128.0, &[(b"", VARINT_128.1)]),
    vector("varint32: largest value", field(Width::Varint32), b"\xff\xff\xff\xff\x0f", &[]).too_long(0xffff_ffff + 5),
    vector("varint32: 33 bits", field(Width::Varint32), b"\x80\x80\x80\x80\x10", &[]).refused(HeaderError::VarintTooLong { max: 5 }),
    vector("varint32: 6 bytes", field(Width::Varint32), b"\x80\x80\x80\x80\x80\x01", &[]).refused(HeaderError::VarintTooLong { max: 5 }),
    vector("varint32: 0 in 5 bytes", field(Width::Varint32), b"\x80\x80\x80\x80\0", &[]).refused(HeaderError::VarintNotCanonical { bytes: 5 }),
    vector("mqtt: ping, publish, disconnect", MQTT, b"\xc0\0\x30\x07\0\x03a/bhi\xe0\0",
        &[(b"\xc0", b""), (b"\x30", b"\0\x03a/bhi"), (b"\xe0", b"")]),
    vector("mqtt: largest value", MQTT, b"\x30\xff\xff\xff\x7f", &[]).too_long(268_435_455 + 5),
    vector("mqtt: 5 bytes", MQTT, b"\x30\x80\x80\x80\x80\x01", &[]).refused(HeaderError::VarintTooLong { max: 4 }),
    vector("mqtt: 0 in 2 bytes", MQTT, b"\x30\x80\0", &[]).refused(HeaderError::VarintNotCanonical { bytes: 2 }),
    vector("mqtt: truncated behind the type", MQTT, b"\x30", &[]).truncated(1, 2),

    // Bytes around the length field, and adjustments.
    vector("http2: settings, its acknowledgement", HTTP2, b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\0\x04\x01\0\0\0\0",
        &[(b"\x04\0\0\0\0\0", b"\0\x03\0\0\0\x64"), (b"\x04\x01\0\0\0\0", b"")]),
    vector("http2: truncated behind the length", HTTP2, b"\0\0\x06\x04", &[]).truncated(4, 15),
    vector("http2: refused before the header is complete", HTTP2, b"\0\x40\0", &[]).too_long(16_384 + 9),
    vector("postgres: query, terminate", POSTGRES, b"Q\0\0\0\x0dSELECT 1\0X\0\0\0\x04", &[(b"Q", b"SELECT 1\0"), (b"X", b"")]),
    vector("postgres: a length that does not count itself", POSTGRES, b"X\0\0\0\x04Q\0\0\0\x03", &[(b"X", b"")])
        .refused(HeaderError::ShorterThanHeader { value: 3, header: 5 }),
    vector("http2: the preface is no frame", HTTP2, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[]).too_long(0x50_52_49 + 9),
    vector("postgres: SSLRequest has no type", POSTGRES, b"\0\0\0\x08\x04\xd2\x16\x2f", &[]).too_long(0x804 + 1),
    vector("mqtt: 321, the standard's example", MQTT, b"\x30\xc1\x02", &[]).too_long(321 + 3),

    // Protocols, as their documents show them.
    vector("amqp: heartbeat, connection.close-ok", AMQP, b"\x08\0\0\0\0\0\0\xce\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce",
        &[(b"\x08\0\0", b"\xce"), (b"\x01\0\0", b"\0\x0a\0\x33\xce")]),
    vector("amqp: truncated before the frame-end octet", AMQP, b"\x08\0\0\0\0\0\0", &[]).truncated(7, 8),
    vector("amqp: the protocol header is no frame", AMQP, b"AMQP\0\0\x09\x01", &[]).too_long(0x5000_0009 + 8),
    vector("amqp: largest value", AMQP, b"\x03\0\0\xff\xff\xff\xff", &[]).too_long(0xffff_ffff + 8),
    vector("bgp: keepalive, open", BGP,
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x13\x04\
          \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x1d\x01\x04\xfd\xe8\0\xb4\x0a\0\0\x01\0",
        &[(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x04", b""),
          (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x04\xfd\xe8\0\xb4\x0a\0\0\x01\0")]),
    vector("bgp: shorter than its header", BGP, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x12\x04", &[])
        .refused(HeaderError::ShorterThanHeader { value: 18, header: 19 }),
    vector("bgp: the standard's largest", BGP, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x10\0\x02", &[])
        .too_long(4096),
    vector("diameter: watchdog, its answer", DIAMETER,
        b"\x01\0\0\x14\x80\0\x01\x18\0\0\0\0\0\0\0\x01\0\0\0\x02\
          \x01\0\0\x20\0\0\x01\x18\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\x01\x0c\x40\0\0\x0c\0\0\x07\xd1",
        &[(b"\x01\x80\0\x01\x18\0\0\0\0\0\0\0\x01\0\0\0\x02", b""),
          (b"\x01\0\0\x01\x18\0\0\0\0\0\0\0\x01\0\0\0\x02", b"\0\0\x01\x0c\x40\0\0\x0c\0\0\x07\xd1")]),
    vector("diameter: shorter than its header", DIAMETER, b"\x01\0\0\x13", &[])
        .refused(HeaderError::ShorterThanHeader { value: 19, header: 20 }),
    vector("dns-tcp: a question for example.com", field(Width::U16),
        b"\0\x1d\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01",
        &[(b"", b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01")]),
    vector("kafka: ApiVersions without a client's name", field(Width::U32), b"\0\0\0\x0a\0\x12\0\0\0\0\0\x01\xff\xff",
        &[(b"", b"\0\x12\0\0\0\0\0\x01\xff\xff")]),
    vector("modbus-tcp: a register is read", MODBUS, b"\x15\x01\0\0\0\x06\xff\x03\0\x05\0\x01\x15\x01\0\0\0\x05\xff\x03\x02\x12\x34",
        &[(b"\x15\x01\0\0\xff", b"\x03\0\x05\0\x01"), (b"\x15\x01\0\0\xff", b"\x03\x02\x12\x34")]),
    vector("modbus-tcp: without a unit", MODBUS, b"\x15\x01\0\0\0\0", &[]).refused(HeaderError::ShorterThanHeader { value: 0, header: 7 }),
    vector("mongodb: OP_MSG", MONGODB,
        b"\x24\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0\0\0\0\0\0\x0f\0\0\0\x10ping\0\x01\0\0\0\0",
        &[(b"\x01\0\0\0\0\0\0\0\xdd\x07\0\0", b"\0\0\0\0\0\x0f\0\0\0\x10ping\0\x01\0\0\0\0")]),
    vector("mongodb: shorter than its header", MONGODB, b"\x0f\0\0\0", &[]).refused(HeaderError::ShorterThanHeader { value: 15, header: 16 }),
    vector("mongodb: largest value of a signed length", MONGODB, b"\xff\xff\xff\x7f", &[]).too_long(0x7fff_ffff),
    vector("mysql: COM_QUIT, OK", MYSQL, b"\x01\0\0\0\x01\x07\0\0\x02\0\0\0\x02\0\0\0",
        &[(b"\0", b"\x01"), (b"\x02", b"\0\0\0\x02\0\0\0")]),
    vector("mysql: a packet that goes on in the next", MYSQL, b"\xff\xff\xff\0", &[]).too_long(0xff_ffff + 4),
    vector("ninep: Tversion, Rclunk", NINEP, b"\x13\0\0\0\x64\xff\xff\0\x20\0\0\x06\09P2000\x07\0\0\0\x79\x01\0",
        &[(b"\x64\xff\xff", b"\0\x20\0\0\x06\09P2000"), (b"\x79\x01\0", b"")]),
    vector("ninep: shorter than its header", NINEP, b"\x06\0\0\0", &[]).refused(HeaderError::ShorterThanHeader { value: 6, header: 7 }),
    vector("noise: an empty transport message", field(Width::U16), b"\0\x10\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10",
        &[(b"", b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10")]),
    vector("pcapng: section header, interface description", PCAPNG,
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0\
          \x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\x04\0\x14\0\0\0",
        &[(b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0"),
          (b"\x01\0\0\0", b"\x01\0\0\0\0\0\x04\0\x14\0\0\0")]),
    vector("pcapng: of a big-endian machine", PCAPNG, b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d", &[]).too_long(0x1c00_0000),
    vector("thrift: a strict binary call of ping", field(Width::U32), b"\0\0\0\x11\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0",
        &[(b"", b"\x80\x01\0\x01\0\0\0\x04ping\0\0\0\0\0")]),
    vector("tls: change cipher spec, alert", TLS, b"\x14\x03\x03\0\x01\x01\x15\x03\x03\0\x02\x01\0",
        &[(b"\x14\x03\x03", b"\x01"), (b"\x15\x03\x03", b"\x01\0")]),
    vector("tls: the largest record of TLS 1.3", TLS, b"\x17\x03\x03\x41\0", &[]).too_long(16_384 + 256 + 5),
    vector("tpkt: a connection request", TPKT, b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0\x03\0\0\x07\x02\xf0\x80",
        &[(b"\x03\0", b"\x06\xe0\0\0\0\0\0"), (b"\x03\0", b"\x02\xf0\x80")]),
    vector("tpkt: shorter than its header", TPKT, b"\x03\0\0\x03", &[]).refused(HeaderError::ShorterThanHeader { value: 3, header: 4 }),

    vector("counts the whole frame", INCLUSIVE, b"\0\x05abc\0\x02", &[(b"", b"abc"), (b"", b"")]),
    vector("counts the whole frame, says 1", INCLUSIVE, b"\0\x01", &[]).refused(HeaderError::ShorterThanHeader { value: 1, header: 2 }),
    vector("counts the whole frame, says 0", INCLUSIVE, b"\0\0", &[]).refused(HeaderError::ShorterThanHeader { value: 0, header: 2 }),
    vector("adjust -4, limit 10: its own largest frame", MINUS_4, b"\0\0\0\x0aabcdef", &[(b"", b"abcdef")]).limit(10),
    vector("adjust -4, limit 10: 11 bytes", MINUS_4, b"\0\0\0\x0babcdefg", &[]).limit(10).too_long(11),
    vector("adjust +100: the least frame", PLUS_100, LEAST_104.0, &[(b"", LEAST_104.1)]),
    vector("adjust +100, limit 109: no 110 bytes pass", PLUS_100, b"\0\0\0\x06", &[]).limit(109).too_long(110),
    vector("adjust +100, limit 110: 110 bytes", PLUS_100, FULL_110.0, &[(b"", FULL_110.1)]).limit(110),
    vector("adjust +100, limit 110: 111 bytes", PLUS_100, b"\0\0\0\x07", &[]).limit(110).too_long(111),
    vector("around: the length counts three bytes behind itself", AROUND, b"RF\x03\0\x01\x02\x03RF\x05\0\x04\x05\x06hi",
        &[(b"RF\x01\x02\x03", b""), (b"RF\x04\x05\x06", b"hi")]),
    vector("around: shorter than its header", AROUND, b"RF\x02\0", &[]).refused(HeaderError::ShorterThanHeader { value: 2, header: 7 }),
    vector("limit of exactly a header", field(Width::U32), b"\0\0\0\0\0\0\0\x01", &[(b"", b"")]).limit(4).too_long(5),
];

/// A way of encoding or decoding that a check takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The description itself.
    Describe,
    /// `encode_with` into a slice.
    Slice,
    /// `push_with`.
    Push,
    /// `begin`, `write`, `publish`.
    Write,
    /// `announce`, `feed`.
    Announce,
    /// `peek` at the front of a buffer.
    Peek,
    /// `next_frame` from chunks.
    NextFrame,
    /// `frames` of chunks.
    Frames,
    /// `next_event` from chunks.
    NextEvent,
    /// `space`, `filled`, `poll`, `take_frame`.
    TakeFrame,
    /// `space`, `filled`, `poll`, `take_event`.
    TakeEvent,
    /// `next_event` over a store that holds a header and nothing more.
    NextPiece,
    /// `space`, `filled`, `poll`, `take_event` over such a store.
    TakePiece,
}

impl Way {
    const ENCODES: [Self; 4] = [Self::Slice, Self::Push, Self::Write, Self::Announce];
    const DECODES: [Self; 7] = [
        Self::NextFrame,
        Self::Frames,
        Self::NextEvent,
        Self::TakeFrame,
        Self::TakeEvent,
        Self::NextPiece,
        Self::TakePiece,
    ];

    /// Returns true if every frame with a payload is larger than the store.
    const fn is_in_pieces(self) -> bool {
        matches!(self, Self::NextPiece | Self::TakePiece)
    }

    /// Returns true if chunks are copied into the store by the caller.
    const fn fills(self) -> bool {
        matches!(self, Self::TakeFrame | Self::TakeEvent | Self::TakePiece)
    }
}

/// Which vector failed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The vector's name.
    pub vector: &'static str,
    /// What was done.
    pub way: Way,
    /// Where the wire was cut.
    pub cuts: [usize; 2],
    /// What was wrong.
    pub what: &'static str,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vector, way, cuts: [a, b], what } = self;
        write!(f, "vector \"{vector}\", by {way:?}, cut at {a} and {b}: {what}")
    }
}

impl core::error::Error for Failure {}

/// Checks a vector with the format that its description makes at run time.
///
/// As for [`check_as`]. Wherever the decoder may take a shortcut, it must also do what its rule
/// does.
///
/// # Errors
/// The first [`Failure`].
pub fn check(vector: &Vector) -> Result<(), Failure> {
    match vector.field.check() {
        Ok(format) => check_all(vector, format, compare, compare),
        Err(_) => Err(Failure {
            vector: vector.name,
            way: Way::Describe,
            cuts: [0, 0],
            what: "the description was refused",
        }),
    }
}

/// Checks a vector with a format that is to be the same.
///
/// The frames must encode to the wire, in every way. The wire must decode to the frames and the
/// end: whole, byte by byte, cut in two and in three at every place, with bytes after it, in every
/// way.
///
/// # Errors
/// The first [`Failure`].
pub fn check_as<F: Format + Copy>(vector: &Vector, format: F) -> Result<(), Failure> {
    check_all(vector, format, |_, _, _| Ok(()), |_, _, _| Ok(()))
}

/// What is done before each call that may take a shortcut.
type Before<F> = fn(&Decoder<F, Memory>, &[u8], Call) -> Result<(), &'static str>;

fn check_all<F: Format + Copy>(
    vector: &Vector,
    format: F,
    before: Before<F>,
    before_limited: Before<Limited<F>>,
) -> Result<(), Failure> {
    match vector.limit {
        Some(limit) => check_limited(vector, format.with_limit(limit), before_limited),
        None => {
            // A limit of the store's size changes nothing.
            check_limited(vector, format, before)?;
            check_limited(vector, format.with_limit(STORE as u64), before_limited)
        }
    }
}

fn check_limited<F: Format + Copy>(vector: &Vector, format: F, before: Before<F>) -> Result<(), Failure> {
    let fail = |way, cuts, what| Failure { vector: vector.name, way, cuts, what };
    if vector.wire.len() > LONGEST {
        return Err(fail(Way::Describe, [0, 0], "the wire is longer than the check has room for"));
    }
    for way in Way::ENCODES {
        encodes(vector, format, way).map_err(|what| fail(way, [0, 0], what))?;
    }
    // Without a named limit, a buffer of the caller's own has none, and a small store is one.
    let is_limited = format.limit().is_some();
    if is_limited {
        for end in 0..=vector.wire.len() {
            peeks(vector, format, end).map_err(|what| fail(Way::Peek, [end, end], what))?;
        }
    }
    for way in Way::DECODES {
        if way.is_in_pieces() && !is_limited {
            continue;
        }
        let reader = Reader { vector, format, way, before };
        reader.single_bytes().map_err(|what| fail(way, [1, 2], what))?;
        for b in cuts(vector.wire.len()) {
            reader.in_front_of_others(b).map_err(|what| fail(way, [b, b], what))?;
            for a in cuts(b) {
                reader.in_three(a, b).map_err(|what| fail(way, [a, b], what))?;
            }
        }
    }
    Ok(())
}

/// The places at which to cut `length` bytes.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let near = if length > CUT_EVERYWHERE { 16 } else { length };
    (0..=near).chain((length - near.min(8)).max(near + 1)..=length)
}

/// The length of the vector's frames on the wire.
fn frames_len(vector: &Vector) -> usize {
    vector.wire.len()
        - match vector.end {
            End::Clean => 0,
            End::Truncated { have, .. } => have,
            // What is refused begins where the frames end; the table's frames say where.
            End::Refused(_) => return refused_at(vector),
        }
}

/// Where the frames end, told from their headers' bytes and payloads and the shortest length
/// fields.
fn refused_at(vector: &Vector) -> usize {
    let mut at = 0;
    for (fields, payload) in vector.frames {
        // A varint ends with the first byte below 0x80.
        let width = match vector.field.width {
            Width::U8 => 1,
            Width::U16 => 2,
            Width::U24 => 3,
            Width::U32 => 4,
            Width::U64 => 8,
            _ => {
                let from = vector.wire.get(at + vector.field.offset..).unwrap_or_default();
                from.iter().take_while(|&&byte| byte >= 0x80).count() + 1
            }
        };
        at += fields.len() + width + payload.len();
    }
    at
}

fn encodes<F: Format + Copy>(vector: &Vector, format: F, way: Way) -> Result<(), &'static str> {
    let whole = vector.wire.get(..frames_len(vector)).ok_or("the frames are longer than the wire")?;
    let Ok(mut encoder) = Encoder::try_new(format, [0; LONGEST]) else {
        return Err("the encoder was refused");
    };
    let mut at = 0;
    for (fields, payload) in vector.frames {
        let (left, right) = payload.split_at(payload.len() / 2);
        let before = encoder.pending().0.len();
        match way {
            Way::Slice => {
                let mut out = [0xee; LONGEST];
                let n = encode_with(&format, fields, &[left, right], &mut out).map_err(|_| "refused")?;
                let exact = whole.get(at..at + n).ok_or("longer than the wire")?;
                if out.get(..n) != Some(exact) {
                    return Err("other bytes");
                }
                let mut tight = [0xee; LONGEST];
                let tight = tight.get_mut(..n).unwrap_or_default();
                if encode_with(&format, fields, &[payload], tight) != Ok(n) || tight != exact {
                    return Err("not the same into a slice of the exact size");
                }
                let mut short = [0xee; LONGEST];
                let short = short.get_mut(..n - 1).unwrap_or_default();
                let refused = EncodeError::NoRoom { needed: n, free: n - 1, capacity: n - 1 };
                if encode_with(&format, fields, &[payload], short) != Err(refused) || refused.fits_later() {
                    return Err("no word of the size needed");
                }
                if short.iter().any(|&byte| byte != 0xee) {
                    return Err("a refused frame left bytes behind");
                }
                let mut header = [0xee; MAX_HEADER];
                let header_len = n - payload.len();
                if encode_header(&format, fields, payload.len() as u64, &mut header) != Ok(header_len)
                    || header.get(..header_len) != exact.get(..header_len)
                {
                    return Err("not the same header alone");
                }
                at += n;
                continue;
            }
            Way::Push => encoder.push_with(fields, &[left, &[], right]).map_err(|_| "refused")?,
            Way::Write => {
                let mut frame = encoder.begin(fields).map_err(|_| "refused")?;
                frame.write(left).map_err(|_| "refused")?;
                frame.write(right).map_err(|_| "refused")?;
                frame.publish().map_err(|_| "refused")?;
            }
            _ => {
                encoder.announce(fields, payload.len() as u64).map_err(|_| "refused")?;
                for piece in [left, right] {
                    if encoder.feed(piece) != Ok(piece.len()) {
                        return Err("a piece was not taken whole");
                    }
                }
                if encoder.left() != 0 {
                    return Err("something is left to feed");
                }
            }
        }
        let now = encoder.pending().0;
        if now.get(before..) != whole.get(before..now.len()) {
            return Err("other bytes");
        }
        at = now.len();
    }
    if at != whole.len() {
        return Err("the frames don't make up the wire");
    }
    Ok(())
}

/// Looks for the vector's frames in a buffer that has the wire up to `end`.
fn peeks<F: Format>(vector: &Vector, format: F, end: usize) -> Result<(), &'static str> {
    let buffer = vector.wire.get(..end).unwrap_or_default();
    let mut at = 0;
    for (_, payload) in vector.frames {
        let rest = buffer.get(at..).unwrap_or_default();
        match peek(&format, rest) {
            Ok(Peek::Frame(frame)) if frame.payload() == *payload => at += frame.bytes().len(),
            Ok(Peek::Incomplete { total }) if total > rest.len() && rest.len() < vector.wire.len() - at => {
                return Ok(());
            }
            _ => return Err("another frame"),
        }
    }
    let rest = buffer.get(at..).unwrap_or_default();
    let right = match (vector.end, peek(&format, rest)) {
        (End::Truncated { want, .. }, Ok(Peek::Incomplete { total })) => {
            total > rest.len() && total <= want && (total == want || end < vector.wire.len())
        }
        (End::Refused(error), Err(found)) => found == error,
        (End::Refused(_), Ok(Peek::Incomplete { total })) => total > rest.len() && end < vector.wire.len(),
        // Nothing is a frame that has not begun.
        (End::Clean, Ok(Peek::Incomplete { total })) => total > 0 && rest.is_empty(),
        _ => false,
    };
    if right { Ok(()) } else { Err("another end") }
}

/// A store in an array that is as long as the check wants it.
#[derive(Clone)]
struct Memory {
    bytes: [u8; STORE],
    len: usize,
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl AsMut<[u8]> for Memory {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

struct Reader<'v, F: Format> {
    vector: &'v Vector,
    format: F,
    way: Way,
    before: Before<F>,
}

/// What was seen so far.
#[derive(Default)]
struct Seen {
    frames: usize,
    /// Bytes of the wire that the frames took.
    bytes: usize,
    /// Payload that is still to come, while one is streamed.
    streaming: Option<usize>,
    error: Option<DecodeError>,
}

impl Seen {
    /// Notes an error. Returns true if it came twice, so that the caller's next chunk repeats it,
    /// too.
    fn note(&mut self, error: DecodeError) -> Result<bool, &'static str> {
        match self.error.replace(error) {
            Some(before) if before != error => Err("another error"),
            before => Ok(before.is_some()),
        }
    }
}

/// What came of an attempt to fill the store.
enum Fill {
    /// There is something to take, if only an error.
    Ready,
    /// Bytes of the chunk are in the store.
    Filled,
    /// More is needed, and the chunk is used up.
    NoChunk,
}

impl<F: Format + Copy> Reader<'_, F> {
    fn single_bytes(&self) -> Result<(), &'static str> {
        self.with_decoder(|decoder, seen| {
            for byte in self.vector.wire.chunks(1) {
                self.feed(decoder, seen, byte, usize::MAX)?;
            }
            self.ended(decoder, seen)
        })
    }

    fn in_three(&self, a: usize, b: usize) -> Result<(), &'static str> {
        self.with_decoder(|decoder, seen| {
            let (wire, last) = self.vector.wire.split_at(b);
            let (first, second) = wire.split_at(a);
            for chunk in [first, second, last] {
                self.feed(decoder, seen, chunk, usize::MAX)?;
            }
            self.ended(decoder, seen)
        })
    }

    /// Takes the wire's frames and not one more: no byte after them, or after a header at fault, is
    /// lost.
    fn in_front_of_others(&self, cut: usize) -> Result<(), &'static str> {
        let mut bytes = [0; LONGEST + TRAILING.len()];
        let length = self.vector.wire.len() + TRAILING.len();
        let all = bytes.get_mut(..length).unwrap_or_default();
        let (wire, trailing) = all.split_at_mut(self.vector.wire.len());
        wire.copy_from_slice(self.vector.wire);
        trailing.copy_from_slice(TRAILING);
        if matches!(self.vector.end, End::Truncated { .. }) {
            return Ok(());
        }
        let frames = if self.vector.end == End::Clean { self.vector.frames.len() } else { usize::MAX };
        self.with_decoder(|decoder, seen| {
            let (first, second) = all.split_at(cut);
            let unused =
                [self.feed(decoder, seen, first, frames)?, self.feed(decoder, seen, second, frames)?];
            if matches!(self.vector.end, End::Refused(error) if seen.error != Some(error)) {
                return Err("bytes that follow changed the error");
            }
            let mut at = seen.bytes;
            for mut rest in unused {
                loop {
                    let bytes = decoder.unframed(&mut rest, 2);
                    if bytes.is_empty() {
                        break;
                    }
                    if all.get(at..at + bytes.len()) != Some(bytes) {
                        return Err("other unframed bytes");
                    }
                    at += bytes.len();
                }
            }
            if at == all.len() { Ok(()) } else { Err("bytes that follow were lost") }
        })
    }

    fn with_decoder(
        &self,
        run: impl FnOnce(&mut Decoder<F, Memory>, &mut Seen) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        let len = if self.way.is_in_pieces() { self.format.max_header() } else { STORE };
        let store = Memory { bytes: [0; STORE], len };
        let mut decoder = Decoder::try_new(self.format, store).map_err(|_| "the decoder was refused")?;
        run(&mut decoder, &mut Seen::default())
    }

    /// Feeds a chunk and takes what there is, up to `frames` in all. Returns what of the chunk was
    /// not used.
    fn feed<'c>(
        &self,
        decoder: &mut Decoder<F, Memory>,
        seen: &mut Seen,
        mut chunk: &'c [u8],
        frames: usize,
    ) -> Result<&'c [u8], &'static str> {
        if self.way == Way::Frames {
            self.feed_frames(decoder, seen, &mut chunk, frames)?;
        } else {
            while seen.frames < frames || seen.streaming.is_some() {
                if self.way.fills() {
                    match self.fill(decoder, seen, &mut chunk)? {
                        Fill::Ready => {}
                        Fill::Filled => continue,
                        Fill::NoChunk => break,
                    }
                }
                let event = match self.way {
                    Way::NextFrame => {
                        (self.before)(decoder, chunk, Call::NextFrame)?;
                        decoder.next_frame(&mut chunk).map(|frame| frame.map(Event::Frame))
                    }
                    Way::TakeFrame => {
                        (self.before)(decoder, chunk, Call::TakeFrame)?;
                        decoder.take_frame().map(|frame| frame.map(Event::Frame))
                    }
                    Way::TakeEvent | Way::TakePiece => {
                        (self.before)(decoder, chunk, Call::TakeEvent)?;
                        decoder.take_event()
                    }
                    _ => {
                        (self.before)(decoder, chunk, Call::NextEvent)?;
                        decoder.next_event(&mut chunk)
                    }
                };
                match event {
                    Ok(Some(event)) => self.see(seen, event)?,
                    Ok(None) if self.way.fills() => return Err("`poll` said ready, and there is nothing"),
                    Ok(None) if !chunk.is_empty() => return Err("nothing, but input is left"),
                    Ok(None) => break,
                    Err(error) if seen.note(error)? => break,
                    Err(_) => {}
                }
            }
        }
        if seen.error.is_some() && decoder.missing() != 0 {
            return Err("more is missing, although there is an error");
        }
        Ok(chunk)
    }

    /// Takes frames by cursors that are dropped after two frames each.
    fn feed_frames(
        &self,
        decoder: &mut Decoder<F, Memory>,
        seen: &mut Seen,
        chunk: &mut &[u8],
        frames: usize,
    ) -> Result<(), &'static str> {
        while seen.frames < frames {
            for count in 1..=3 {
                (self.before)(decoder, chunk, Call::Frames(count))?;
            }
            let mut cursor = decoder.frames(chunk);
            let mut is_used_up = false;
            for _ in 0..2.min(frames - seen.frames) {
                match cursor.next() {
                    Ok(Some(frame)) => self.see(seen, Event::Frame(frame))?,
                    Ok(None) => is_used_up = true,
                    Err(error) if seen.note(error)? => return Ok(()),
                    Err(_) => {}
                }
            }
            match is_used_up {
                true if chunk.is_empty() => break,
                true => return Err("nothing, but input is left"),
                false => {}
            }
        }
        Ok(())
    }

    /// Copies what fits of the chunk into the store, unless there is something to take.
    fn fill(
        &self,
        decoder: &mut Decoder<F, Memory>,
        seen: &Seen,
        chunk: &mut &[u8],
    ) -> Result<Fill, &'static str> {
        (self.before)(decoder, chunk, Call::Poll)?;
        let missing = match decoder.poll() {
            Ok(Status::Missing(missing)) => missing,
            Ok(Status::Ready) => return Ok(Fill::Ready),
            Err(error) if seen.error.is_some_and(|before| before != error) => {
                return Err("`poll` has another error");
            }
            Err(_) => return Ok(Fill::Ready),
        };
        if missing == 0 || missing != decoder.missing() {
            return Err("`poll` and `missing` differ");
        }
        if chunk.is_empty() {
            return Ok(Fill::NoChunk);
        }
        let space = decoder.space();
        let n = space.len().min(chunk.len());
        let (now, later) = chunk.split_at(n);
        space.get_mut(..n).unwrap_or_default().copy_from_slice(now);
        *chunk = later;
        if n == 0 || decoder.filled(n).is_err() {
            return Err("no space although more is needed");
        }
        Ok(Fill::Filled)
    }

    fn see(&self, seen: &mut Seen, event: Event<'_>) -> Result<(), &'static str> {
        if seen.error.is_some() {
            return Err("something after an error");
        }
        let (mut fields, mut fields_out) = (&[][..], [0; MAX_HEADER]);
        let mut expect = |bytes: &[u8]| {
            let expected = self.vector.wire.get(seen.bytes..seen.bytes + bytes.len());
            seen.bytes += bytes.len();
            if expected == Some(bytes) { Ok(()) } else { Err("other bytes") }
        };
        let Some(wanted) = self.vector.frames.get(seen.frames) else {
            // A frame larger than the store may begin, and be cut off in its payload.
            let End::Truncated { want, .. } = self.vector.end else { return Err("a frame too many") };
            return match event {
                Event::Begin { header, payload } if (header.len() as u64 + payload) == want as u64 => {
                    expect(header)
                }
                Event::Data(piece) => expect(piece),
                _ => Err("a frame too many"),
            };
        };
        match event {
            Event::Frame(frame) => {
                expect(frame.bytes())?;
                if let Ok(format) = self.vector.field.check() {
                    fields = format.fields(frame.header(), &mut fields_out).ok_or("a short header")?;
                }
                if (fields, frame.payload()) != *wanted {
                    return Err("another frame");
                }
                seen.frames += 1;
            }
            Event::Begin { header, payload } => {
                expect(header)?;
                if let Ok(format) = self.vector.field.check() {
                    fields = format.fields(header, &mut fields_out).ok_or("a short header")?;
                }
                if (fields, payload) != (wanted.0, wanted.1.len() as u64) || seen.streaming.is_some() {
                    return Err("another frame begins");
                }
                seen.streaming = Some(wanted.1.len());
            }
            Event::Data(piece) => {
                expect(piece)?;
                let left = seen.streaming.and_then(|left| left.checked_sub(piece.len()));
                if left.is_none() || piece.is_empty() {
                    return Err("a piece too many");
                }
                seen.streaming = left;
            }
            Event::End => {
                if seen.streaming.take() != Some(0) {
                    return Err("an end too early");
                }
                seen.frames += 1;
            }
        }
        Ok(())
    }

    fn ended(&self, decoder: &mut Decoder<F, Memory>, seen: &Seen) -> Result<(), &'static str> {
        if seen.frames != self.vector.frames.len() {
            return Err("frames are missing");
        }
        let end = decoder.end_of_input();
        let right = match (self.vector.end, end) {
            (End::Clean, Ok(())) => seen.error.is_none(),
            (End::Truncated { have, want }, Err(end)) => {
                seen.error.is_none()
                    && match end {
                        EndError::Truncated { have: h, want: w } if self.way.is_in_pieces() => {
                            h == have && w <= want
                        }
                        EndError::TruncatedPayload { missing } if self.way.is_in_pieces() => {
                            missing == (want - have) as u64
                        }
                        _ => end == EndError::Truncated { have, want },
                    }
            }
            (End::Refused(error), Err(EndError::Unread { bytes })) => {
                seen.error == Some(error) && decoder.poll() == Err(error) && bytes == decoder.buffered()
            }
            _ => false,
        };
        if !right {
            return Err("another end");
        }
        if decoder.is_mid_frame() != matches!(self.vector.end, End::Truncated { .. }) {
            return Err("wrong about whether a frame is under way");
        }
        if decoder.stats().frames as usize != self.vector.frames.len() {
            return Err("the frames were counted wrong");
        }
        Ok(())
    }
}
