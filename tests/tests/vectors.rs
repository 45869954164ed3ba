//! The table of vectors, with each format as a description chosen at run time and, where there is
//! one, as the named zero-sized type; and what descriptions refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ringframe::formats::*;
use ringframe::{
    ConfigError, DecodeError, Decoder, EncodeError, Encoder, Endian, Format, LengthField, RuntimeFormat,
    Width, encode, encode_with, formats, length_field,
};
use ringframe_tests::{VECTORS, Vector, check, check_as};

/// Runs a check over the vectors that `wanted` picks and reports every failure by name. Returns how
/// many there were to run.
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
    "u64be" U64Be, "u64le" U64Le, "varint" Varint64,
    "amqp" Amqp, "bgp" Bgp, "diameter" Diameter, "dns-tcp" DnsTcp, "http2" Http2, "kafka" Kafka,
    "modbus-tcp" ModbusTcp, "mongodb" Mongodb, "mqtt" Mqtt, "mysql" Mysql, "ninep" NineP, "noise" Noise,
    "pcapng" Pcapng, "postgres" Postgres, "thrift" Thrift, "tls" Tls, "tpkt" Tpkt,
}

/// Formats that `length_field!` makes are the same as those that `check` makes.
#[test]
fn every_vector_as_a_macro() {
    macro_rules! as_type {
        ($($key:ident: $value:expr),*) => {{
            length_field! { struct Made($($key: $value),*); }
            let as_type = |vector: &Vector| {
                check_as(vector, Made).map_err(|failure| format!("{:?}: {failure}", Made::FIELD))
            };
            let count = run("macro", |vector| vector.field == Made::FIELD, as_type);
            assert!(count > 0, "no vector for {:?}", Made::FIELD);
        }};
    }
    as_type!();
    as_type!(width: Varint32);
    as_type!(offset: 1, width: Varint28);
    as_type!(width: U24, header: Some(9), adjust: 6);
    as_type!(adjust: -4, offset: 1);
    as_type!(width: U16, adjust: -2);
    as_type!(adjust: 100);
    as_type!(offset: 2, width: U16, endian: Little, header: Some(7));
    as_type!(width: Varint64, adjust: i64::MIN);
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
        // 255 + 0 is less than what follows a field of one byte in a header of 64.
        (
            LengthField { width: Width::U8, header: Some(64), adjust: -193, ..D },
            Err(ConfigError::Adjustment { adjust: -193 }),
        ),
        (LengthField { width: Width::U8, header: Some(64), adjust: -192, ..D }, Ok(())),
    ];
    for (field, expected) in cases {
        assert_eq!(field.check().map(|_| ()), expected, "{field:?}");
        assert_eq!(RuntimeFormat::try_from(field), field.check());
    }
}

#[test]
fn a_store_must_hold_a_header() {
    let format = LengthField { offset: 2, width: Width::Varint64, ..LengthField::DEFAULT }.check().unwrap();
    let refused = ConfigError::StoreTooSmall { store: 11, needed: 12 };
    assert_eq!(Decoder::try_new(format, [0; 11]).err(), Some(refused));
    assert_eq!(Encoder::try_new(format, [0; 11]).err(), Some(refused));
    assert!(Decoder::try_new(format, [0; 12]).is_ok() && Encoder::try_new(format, vec![0; 12]).is_ok());
}

/// A limit that leaves no room for the smallest frame is a mistake, found when the decoder is made.
#[test]
fn a_limit_must_leave_room_for_a_frame() {
    let least = |field: LengthField, needed: u64| {
        let format = field.check().unwrap();
        for limit in [0, needed - 1] {
            let refused = ConfigError::LimitTooSmall { limit, needed };
            assert_eq!(Decoder::try_new(format.with_limit(limit), [0; 64]).err(), Some(refused));
            assert_eq!(Encoder::try_new(format.with_limit(limit), [0; 64]).err(), Some(refused));
            let mut decoder = Decoder::try_new(format.with_limit(needed), [0; 64]).unwrap();
            assert_eq!(decoder.set_limit(limit), Err(refused));
            // Nothing was changed.
            assert_eq!(decoder.format().limit(), Some(needed));
            let mut encoder = Encoder::try_new(format.with_limit(needed), [0; 64]).unwrap();
            assert_eq!((encoder.set_limit(limit), encoder.format().limit()), (Err(refused), Some(needed)));
            assert_eq!((encoder.set_limit(needed + 1), encoder.format().limit()), (Ok(()), Some(needed + 1)));
        }
    };
    least(LengthField::DEFAULT, 4);
    least(LengthField { adjust: 100, ..LengthField::DEFAULT }, 104);
    // The length counts the header, so that the smallest frame has no payload.
    least(LengthField { adjust: -4, offset: 1, ..LengthField::DEFAULT }, 5);
    least(LengthField { width: Width::Varint64, ..LengthField::DEFAULT }, 1);
    least(Amqp::FIELD, 8);
}

/// A limit on a limit never widens it, in whichever order they are set.
#[test]
fn a_limit_never_widens() {
    for (inner, outer) in [(100, 1000), (1000, 100), (100, u64::MAX), (100, 100)] {
        let format = U16_BE.with_limit(inner).with_limit(outer);
        assert_eq!(format.limit(), Some(100));
        let mut decoder = Decoder::new(format, [0; 2048]);
        let refused = Err(DecodeError::TooLong { declared: 101, limit: 100 });
        assert_eq!(decoder.next_frame(&mut &[0, 99][..]), refused);
        assert_eq!(
            encode(&format, &[0; 99], &mut [0; 256]),
            Err(EncodeError::TooLong { frame: 101, limit: 100 })
        );
        assert_eq!(encode(&format, &[0; 98], &mut [0; 256]), Ok(100));
        // Nor does setting it anew go beyond the inner one.
        decoder.set_limit(u64::MAX).unwrap();
        assert_eq!(decoder.format().limit(), Some(inner));
    }
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
    assert_eq!(encode_with(&AMQP, &[8, 0, 0], &[], &mut out), refused);
    let limited = U16_BE.with_limit(10);
    assert_eq!(encode(&limited, &[0; 9], &mut out), Err(EncodeError::TooLong { frame: 11, limit: 10 }));
    for given in [0, 2, 4, 64] {
        let fields = &longest[..given];
        let refused = Err(EncodeError::Fields { given, wanted: 3 });
        assert_eq!(encode_with(&around, fields, &[b"x"], &mut out), refused);
        // The same where it is written by way of the stack.
        assert_eq!(encode_with(&around, fields, &[b"x"], &mut []), refused);
    }
    assert_eq!(
        encode(&U32_LE, b"abc", &mut []),
        Err(EncodeError::NoRoom { needed: 7, free: 0, capacity: 0 })
    );
    assert!(out.iter().all(|&byte| byte == 0xee));

    // A payload of 256 bytes in all is too long however it is cut.
    let mut encoder = Encoder::new(U_8, [0; 512]);
    assert_eq!(
        encoder.push_with(&[], &[&longest[..200], &longest[..56]]),
        Err(EncodeError::Unrepresentable { payload: 256 })
    );
    assert_eq!(encoder.announce(&[], 256), Err(EncodeError::Unrepresentable { payload: 256 }));
    let mut frame = encoder.begin(&[]).unwrap();
    frame.write(&longest).unwrap();
    assert_eq!(frame.publish(), Err(EncodeError::Unrepresentable { payload: 256 }));
    assert!(encoder.is_empty() && encoder.stats().frames == 0);
}

/// The header's other bytes come out of a header as they went in, so that an answer can carry them.
#[test]
fn fields_are_the_inverse() {
    let format =
        LengthField { offset: 3, width: Width::U24, endian: Endian::Little, adjust: 2, header: Some(8) };
    let format = format.check().unwrap();
    let mut wire = [0; 32];
    let n = encode_with(&format, b"abcde", &[b"payload"], &mut wire).unwrap();
    assert_eq!(&wire[..n], b"abc\x07\0\0depayload");
    assert_eq!(format.fields_len(), 5);
    assert_eq!(format.fields(&wire[..8], &mut [0; 64]), Some(&b"abcde"[..]));
    // A header that is cut off has none.
    for len in 0..8 {
        assert_eq!(format.fields(&wire[..len], &mut [0; 64]), None, "{len} bytes");
    }
}
