//! The table of vectors, with each format as a description chosen at run time and, where there is one, as
//! the named zero-sized type; and what descriptions refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ringframe::formats::*;
use ringframe::{
    ConfigError, ConstLengthField, Decoder, EncodeError, Encoder, Endian, Header, LengthField, Width, encode,
    encode_parts, formats, length_field,
};
use ringframe_tests::{VECTORS, Vector, check, check_as};

/// Runs a check over the vectors that `wanted` picks, reports every failure by name, and answers how many
/// there were to run.
fn run(what: &str, wanted: impl Fn(&Vector) -> bool, check: impl Fn(&Vector) -> Result<(), String>) -> usize {
    let picked: Vec<_> = VECTORS.iter().filter(|vector| wanted(vector)).collect();
    let mut failures = Vec::new();
    for vector in &picked {
        match catch_unwind(AssertUnwindSafe(|| check(vector))) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => failures.push(failure),
            Err(_) => failures.push(format!("vector {:?}: panicked", vector.name)),
        }
    }
    assert!(failures.is_empty(), "{what}: {} of {}:\n{}", failures.len(), picked.len(), failures.join("\n"));
    picked.len()
}

#[test]
fn every_vector_as_a_description() {
    let count = run("described", |_| true, |vector| check(vector).map_err(|failure| failure.to_string()));
    println!("{count} vectors");
}

/// Each format that exists as a type, by the name that `formats::ALL` gives it.
macro_rules! every_named_format {
    ($($name:literal $type:ident),* $(,)?) => {
        #[test]
        fn every_vector_as_a_named_format() {
            const NAMES: &[&str] = &[$($name),*];
            for (name, _) in formats::ALL {
                assert!(NAMES.contains(name), "the format {name} is missing here");
            }
            $({
                assert_eq!(formats::by_name($name), Some($type::FIELD), "{} has another type", $name);
                let as_type = |vector: &Vector| {
                    check_as(vector, $type).map_err(|failure| failure.to_string())
                };
                let count = run($name, |vector| vector.field == $type::FIELD, as_type);
                assert!(count > 0, "no vector for {}", $name);
            })*
        }
    };
}

every_named_format! {
    "u8" U8, "u16be" U16Be, "u16le" U16Le, "u24be" U24Be, "u24le" U24Le, "u32be" U32Be, "u32le" U32Le,
    "u64be" U64Be, "u64le" U64Le, "varint" Varint,
    "amqp" Amqp, "bgp" Bgp, "diameter" Diameter, "dns-tcp" DnsTcp, "http2" Http2, "kafka" Kafka,
    "modbus-tcp" ModbusTcp, "mongodb" Mongodb, "mqtt" Mqtt, "mysql" Mysql, "ninep" NineP, "noise" Noise,
    "pcapng" Pcapng, "postgres" Postgres, "thrift" Thrift, "tls" Tls, "tpkt" Tpkt,
}

/// Formats that `length_field!` makes are the same as those that `check` makes.
#[test]
fn every_vector_as_a_macro() {
    fn as_type<H: ConstLengthField + Copy>(format: H) {
        let as_type = |vector: &Vector| {
            check_as(vector, format).map_err(|failure| format!("{:?}: {failure}", H::FIELD))
        };
        assert!(run("macro", |vector| vector.field == H::FIELD, as_type) > 0, "no vector for {:?}", H::FIELD);
    }
    as_type(length_field!());
    as_type(length_field!(width = varint32));
    as_type(length_field!(offset = 1, width = varint_mqtt));
    as_type(length_field!(width = 3, header = 9, adjust = 6));
    as_type(length_field!(adjust = -4, offset = 1));
    as_type(length_field!(width = 2, adjust = -2));
    as_type(length_field!(adjust = 100));
    as_type(length_field!(offset = 2, width = 2, endian = le, header = 7));
    as_type(length_field!(width = varint, adjust = i64::MIN));
}

/// A name used twice makes a report ambiguous.
#[test]
fn names_are_unique() {
    let mut names: Vec<_> = VECTORS.iter().map(|vector| vector.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

/// What can't be is refused when it is described, not when the first frame arrives.
#[test]
fn impossible_descriptions() {
    const D: LengthField = LengthField::DEFAULT;
    let cases = [
        (LengthField { offset: 61, ..D }, Err(ConfigError::HeaderTooLong { max: 64 })),
        (LengthField { offset: 60, ..D }, Ok(())),
        (LengthField { offset: usize::MAX, ..D }, Err(ConfigError::HeaderTooLong { max: 64 })),
        (LengthField { header: Some(65), ..D }, Err(ConfigError::HeaderTooLong { max: 64 })),
        (LengthField { header: Some(usize::MAX), ..D }, Err(ConfigError::HeaderTooLong { max: 64 })),
        (LengthField { header: Some(3), ..D }, Err(ConfigError::HeaderTooShort { header: 3, field_end: 4 })),
        (LengthField { width: Width::Varint32, header: Some(9), ..D }, Err(ConfigError::HeaderOfVarint)),
        (LengthField { width: Width::U8, adjust: -255, ..D }, Ok(())),
        (LengthField { width: Width::U8, adjust: -256, ..D }, Err(ConfigError::Adjustment { adjust: -256 })),
        (LengthField { adjust: i64::MIN, ..D }, Err(ConfigError::Adjustment { adjust: i64::MIN })),
        (
            LengthField { header: Some(9), adjust: i64::MIN, ..D },
            Err(ConfigError::Adjustment { adjust: i64::MIN }),
        ),
        (LengthField { width: Width::U64, adjust: i64::MIN, ..D }, Ok(())),
        (LengthField { adjust: i64::MAX, ..D }, Ok(())),
        // 255 + 0 is less than what is behind a field of one byte in a header of 64.
        (
            LengthField { width: Width::U8, header: Some(64), adjust: -193, ..D },
            Err(ConfigError::Adjustment { adjust: -193 }),
        ),
        (LengthField { width: Width::U8, header: Some(64), adjust: -192, ..D }, Ok(())),
    ];
    for (field, expected) in cases {
        assert_eq!(field.check().map(|_| ()), expected, "{field:?}");
    }
}

#[test]
fn a_store_must_hold_a_header() {
    let format = LengthField { offset: 2, width: Width::Varint64, ..LengthField::DEFAULT }.check().unwrap();
    let refused = ConfigError::StoreTooSmall { store: 11, header: 12 };
    assert_eq!(Decoder::try_new(format, [0; 11]).err(), Some(refused));
    assert_eq!(Encoder::try_new(format, [0; 11]).err(), Some(refused));
    assert!(Decoder::try_new(format, [0; 12]).is_ok() && Encoder::try_new(format, vec![0; 12]).is_ok());
}

/// What a format can't say is refused, with the numbers, and leaves the output as it was.
#[test]
fn refused_encodings() {
    let adjusted = LengthField { adjust: 100, ..LengthField::DEFAULT }.check().unwrap();
    let around = LengthField { offset: 1, header: Some(7), ..LengthField::DEFAULT }.check().unwrap();
    let endless =
        LengthField { width: Width::U64, adjust: i64::MAX, ..LengthField::DEFAULT }.check().unwrap();
    let mut out = [0xee; 512];

    let longest = [0; 256];
    assert_eq!(encode(&U_8, &longest, &mut out), Err(EncodeError::Unrepresentable { payload: 256 }));
    assert_eq!(encode(&adjusted, &[0; 99], &mut out), Err(EncodeError::Unrepresentable { payload: 99 }));
    assert_eq!(encode(&endless, &[0; 99], &mut out), Err(EncodeError::Unrepresentable { payload: 99 }));
    // The frame-end octet of AMQP is the payload's last byte.
    let refused = Err(EncodeError::Unrepresentable { payload: 0 });
    assert_eq!(encode_parts(&AMQP, &[8, 0, 0], &[], &mut out), refused);
    let limited = U16_BE.with_limit(10);
    assert_eq!(encode(&limited, &[0; 9], &mut out), Err(EncodeError::TooLong { frame: 11, limit: 10 }));
    for given in [0, 2, 4, 64] {
        let fields = &longest[..given];
        let refused = Err(EncodeError::Fields { given, wanted: 3 });
        assert_eq!(encode_parts(&around, fields, &[b"x"], &mut out), refused);
        // The same where it is written by way of the stack.
        assert_eq!(encode_parts(&around, fields, &[b"x"], &mut []), refused);
    }
    assert_eq!(encode(&U32_LE, b"abc", &mut []), Err(EncodeError::NoRoom { needed: 7, free: 0 }));
    assert!(out.iter().all(|&byte| byte == 0xee));

    // A payload of 256 bytes in all is too long however it is cut.
    let mut encoder = Encoder::new(U_8, [0; 512]);
    assert_eq!(
        encoder.push_parts(&[], &[&longest[..200], &longest[..56]]),
        Err(EncodeError::Unrepresentable { payload: 256 })
    );
    assert_eq!(encoder.start(&[], 256), Err(EncodeError::Unrepresentable { payload: 256 }));
    let mut frame = encoder.begin(&[]).unwrap();
    frame.write(&longest).unwrap();
    assert_eq!(frame.finish(), Err(EncodeError::Unrepresentable { payload: 256 }));
    assert!(encoder.is_empty() && encoder.frames() == 0);
}

/// The header's other bytes come out of a header as they went in, so that an answer can carry them.
#[test]
fn fields_are_the_inverse() {
    let format =
        LengthField { offset: 3, width: Width::U24, endian: Endian::Little, adjust: 2, header: Some(8) };
    let format = format.check().unwrap();
    let mut wire = [0; 32];
    let n = encode_parts(&format, b"abcde", &[b"payload"], &mut wire).unwrap();
    assert_eq!(&wire[..n], b"abc\x07\0\0depayload");
    assert_eq!(format.fields_len(), 5);
    assert_eq!(format.fields(&wire[..8], &mut [0; 64]), b"abcde");
    assert_eq!(format.fields(b"", &mut [0; 64]), [0; 5]);
}
