//! Typed messages (postcard) and owned payloads (heapless): a bad message is not a bad frame, what
//! is too large leaves nothing behind, and the length is back-filled wherever the ring wraps.

use ringframe::formats::*;
use ringframe::{Decoder, EncodeError, Encoder, Format, Frame, LengthField, MessageError, Width};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
enum Message<'a> {
    Ping,
    Reading { sensor: &'a str, celsius: i16 },
    Blob(&'a [u8]),
    Nested(Option<(u64, [bool; 3])>),
}

/// A frame of that payload, over a store that is its own.
fn with_frame<T>(payload: &[u8], check: impl FnOnce(Frame<'_>) -> T) -> T {
    let mut wire = vec![0; payload.len() + 4];
    ringframe::encode(&U32_BE, payload, &mut wire).unwrap();
    let mut decoder = Decoder::try_new(U32_BE, vec![0; wire.len()]).unwrap();
    check(decoder.next_frame(&mut &wire[..]).unwrap().unwrap())
}

#[test]
fn messages_arrive_as_they_were_sent() {
    let blob: Vec<u8> = (0..200).collect();
    let messages = [
        Message::Ping,
        Message::Reading { sensor: "Kessel äöü", celsius: -40 },
        Message::Blob(&blob),
        Message::Blob(&[]),
        Message::Nested(Some((u64::MAX, [true, false, true]))),
    ];
    let mut encoder = Encoder::new(VARINT64, [0; 1024]);
    for message in &messages {
        encoder.push_message(message).unwrap();
    }
    let wire = encoder.pending().0;
    for size in 1..wire.len() {
        let mut decoder = Decoder::new(VARINT64, [0; 256]);
        let mut seen = 0;
        for mut chunk in wire.chunks(size) {
            while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                assert_eq!(frame.message::<Message<'_>>().unwrap(), messages[seen]);
                seen += 1;
            }
        }
        assert_eq!(seen, messages.len());
    }
}

/// Borrowed fields point into the frame, and through it into the store or the chunk: they outlive
/// the `Frame` value, not the bytes.
#[test]
fn borrowed_fields_borrow_the_frame() {
    let mut encoder = Encoder::new(U16_BE, [0; 64]);
    encoder.push_message(&Message::Reading { sensor: "boiler", celsius: 64 }).unwrap();
    let wire = encoder.pending().0.to_vec();
    let mut decoder = Decoder::new(U16_BE, [0; 64]);
    let mut chunk = &wire[..];
    let message = {
        let frame = decoder.next_frame(&mut chunk).unwrap().unwrap();
        frame.message::<Message<'_>>().unwrap()
    };
    let Message::Reading { sensor, .. } = message else { panic!("{message:?}") };
    assert_eq!(sensor, "boiler");
    assert!(wire.as_ptr_range().contains(&sensor.as_ptr()), "it was copied");
}

/// The payload must be exactly one message; each way of being none has its name, and the link stays
/// in step.
#[test]
fn bad_messages() {
    let mut good = [0; 16];
    let good = &*postcard::to_slice(&Message::Reading { sensor: "boiler", celsius: 64 }, &mut good).unwrap();
    for cut in 0..good.len() {
        with_frame(&good[..cut], |frame| {
            assert_eq!(frame.message::<Message<'_>>(), Err(MessageError::Truncated { payload: cut }));
        });
    }
    for more in [1, 2, 300] {
        with_frame(&[good, &vec![0; more]].concat(), |frame| {
            assert_eq!(frame.message::<Message<'_>>(), Err(MessageError::Trailing { bytes: more }));
        });
    }
    let invalid: [&[u8]; 4] = [
        // No such variant; not UTF-8; a boolean that is neither; a number that goes on and on.
        &[4],
        &[1, 2, 0xff, 0xff, 0],
        &[3, 1, 0, 2, 0, 0],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ];
    for payload in invalid {
        with_frame(payload, |frame| {
            assert_eq!(frame.message::<Message<'_>>(), Err(MessageError::Invalid), "{payload:?}");
        });
    }
    // A type without bytes is in the empty frame, and in no other.
    with_frame(b"", |frame| assert_eq!(frame.message::<()>(), Ok(())));
    with_frame(b"x", |frame| assert_eq!(frame.message::<()>(), Err(MessageError::Trailing { bytes: 1 })));

    let mut decoder = Decoder::new(U_8, [0; 16]);
    let mut chunk = &b"\x01\x09\x01\x00"[..];
    let frame = decoder.next_frame(&mut chunk).unwrap().unwrap();
    assert_eq!(frame.message::<Message<'_>>(), Err(MessageError::Invalid));
    let frame = decoder.next_frame(&mut chunk).unwrap().unwrap();
    assert_eq!(frame.message::<Message<'_>>(), Ok(Message::Ping));
}

/// A message that turns out too large while it is written leaves nothing behind, whatever refuses
/// it.
#[test]
fn a_message_too_large_leaves_nothing() {
    let blob = [7; 300];
    let mut encoder = Encoder::new(U_8, [0; 64]);
    encoder.push(b"before").unwrap();
    let before = encoder.pending().0.to_vec();

    // What is needed is known only as far as it was written: a text goes in at once, a slice byte
    // by byte.
    let text = Message::Reading { sensor: &"x".repeat(300), celsius: 0 };
    let no_room = |needed| Err(EncodeError::NoRoom { needed, free: 57, capacity: 64 });
    assert_eq!(encoder.push_message(&text), no_room(1 + 1 + 2 + 300));
    assert_eq!(encoder.push_message(&Message::Blob(&blob)), no_room(58));
    assert_eq!((encoder.pending(), encoder.stats().frames), ((&before[..], &[][..]), 1));

    // There is room, but the length has one byte.
    let mut roomy = Encoder::new(U_8, [0; 512]);
    let refused = roomy.push_message(&Message::Blob(&blob));
    assert_eq!(refused, Err(EncodeError::Unrepresentable { payload: 303 }));
    assert!(roomy.is_empty());

    let mut limited = Encoder::new(U32_BE.with_limit(20), [0; 64]);
    let refused = limited.push_message(&Message::Blob(&blob[..16]));
    assert_eq!(refused, Err(EncodeError::TooLong { frame: 22, limit: 20 }));
    assert!(limited.is_empty());
    limited.push_message(&Message::Blob(&blob[..14])).unwrap();

    // While a payload of announced length is under way, no message gets in between.
    encoder.announce(&[], 2).unwrap();
    assert_eq!(encoder.push_message(&Message::Ping), Err(EncodeError::MidPayload { left: 2 }));
    encoder.feed(b"xy").unwrap();
    encoder.push_message(&Message::Ping).unwrap();
    assert_eq!(&encoder.pending().0[7..], b"\x02xy\x01\0");
}

/// A value that can't be serialised is neither a frame nor half of one.
#[test]
fn a_value_that_refuses() {
    struct Refuses;

    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::{Error, SerializeSeq};
            let mut seq = serializer.serialize_seq(Some(3))?;
            seq.serialize_element(&1u8)?;
            Err(S::Error::custom("changed its mind"))
        }
    }

    let mut encoder = Encoder::new(U16_BE, [0; 32]);
    assert_eq!(encoder.push_message(&Refuses), Err(EncodeError::Serialize));
    assert!(encoder.is_empty() && encoder.stats().frames == 0);
}

/// A varint of two bytes before a payload that was written after a gap of one: the payload moves,
/// and across the wrap of the ring, from every position that it can begin at.
#[test]
fn varint_back_filled_across_the_wrap() {
    const STORE: usize = 400;
    for length in [0usize, 1, 126, 127, 128, 129, 200, 397] {
        let payload: Vec<u8> = (0..length).map(|i| i as u8 ^ 0x55).collect();
        let expected = match u8::try_from(length) {
            Ok(short @ ..128) => [&[short][..], &payload].concat(),
            _ => [&[length as u8 | 0x80, (length >> 7) as u8][..], &payload].concat(),
        };
        for begin in 0..STORE {
            let mut encoder = Encoder::new(VARINT64, [0xee; STORE]);
            // Frames of 1 + 99 bytes, and what is left; all but the last byte of them is sent.
            let (fill, rest) = (begin / 100, begin % 100);
            for _ in 0..fill {
                encoder.push(&[0; 99]).unwrap();
            }
            if rest > 0 {
                encoder.push(&[0; 99][..rest - 1]).unwrap();
            }
            encoder.advance(begin.saturating_sub(1));
            let kept = usize::from(begin > 0);
            let mut writer = encoder.begin(&[]).unwrap();
            for piece in payload.chunks(7) {
                writer.write(piece).unwrap();
            }
            writer.publish().unwrap();
            let (first, second) = encoder.pending();
            assert_eq!([first, second].concat()[kept..], expected, "{length} bytes at {begin}");
        }
    }
}

/// The move needs a byte more than the payload and its gap; where that byte is missing, all is
/// refused.
#[test]
fn varint_without_room_for_its_second_byte() {
    for store in [129, 130] {
        let mut encoder = Encoder::try_new(VARINT64, vec![0; store]).unwrap();
        let mut writer = encoder.begin(&[]).unwrap();
        writer.write(&[1; 128]).unwrap();
        let expected = if store < 130 {
            Err(EncodeError::NoRoom { needed: 130, free: 129, capacity: 129 })
        } else {
            Ok(())
        };
        assert_eq!(writer.publish(), expected);
        assert_eq!(encoder.pending().0.len(), if store < 130 { 0 } else { 130 });
    }
}

/// The same with bytes around the length field, which move with it.
#[test]
fn fields_around_a_back_filled_length() {
    let mqtt = LengthField { offset: 1, width: Width::Varint28, ..LengthField::DEFAULT }.check().unwrap();
    let mut encoder = Encoder::try_new(mqtt, vec![0; 20_000]).unwrap();
    let mut writer = encoder.begin(b"\x30").unwrap();
    for _ in 0..170 {
        writer.write(&[9; 100]).unwrap();
    }
    assert_eq!(writer.written(), 17_000);
    writer.publish().unwrap();
    let wire = encoder.pending().0;
    assert_eq!((&wire[..4], wire.len()), (&b"\x30\xe8\x84\x01"[..], 17_004));
    assert!(wire[4..].iter().all(|&byte| byte == 9));
    // The header of an empty message's fields is refused before anything is written.
    assert_eq!(encoder.push_message(&()), Err(EncodeError::Fields { given: 0, wanted: 1 }));
}

#[test]
fn heapless_takes_a_copy() {
    with_frame(b"payload", |frame| {
        let owned = heapless::Vec::<u8, 8>::try_from(frame).unwrap();
        assert_eq!(owned, b"payload");
        assert_eq!(heapless::Vec::<u8, 7>::try_from(frame).unwrap(), b"payload");
        assert!(heapless::Vec::<u8, 6>::try_from(frame).is_err());
        let whole = heapless::Vec::<u8, 16>::try_from(frame.bytes()).unwrap();
        assert_eq!(whole, b"\0\0\0\x07payload");
    });
    with_frame(b"", |frame| assert!(heapless::Vec::<u8, 0>::try_from(frame).unwrap().is_empty()));
}
