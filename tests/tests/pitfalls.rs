//! One test for each mistake that others made in this trade, by its name: each was a bug, a
//! vulnerability or a habit somewhere, and none may become ours.

use std::cell::Cell;
use std::mem;
use std::ops::Range;

use ringframe::formats::*;
use ringframe::{
    ConfigError, DecodeError, Decoder, DecoderParts, EncodeError, Encoder, EncoderParts, EndError, Endian,
    Event, Format, HeaderError, LengthField, Parsed, StaticFormat, Status, Store, Width, encode,
    encode_header, encode_with, length_field, peek,
};

/// All payloads that are whole in `chunk` or with it.
fn payloads<F: Format, S: Store>(decoder: &mut Decoder<F, S>, mut chunk: &[u8]) -> Vec<Vec<u8>> {
    let mut seen = vec![];
    while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
        seen.push(frame.payload().to_vec());
    }
    seen
}

/// Any format, with its calls of `parse` counted.
struct Counted<F> {
    format: F,
    parses: Cell<usize>,
}

impl<F> Counted<F> {
    fn new(format: F) -> Self {
        Self { format, parses: Cell::new(0) }
    }
}

impl<F: Format> Format for Counted<F> {
    type Trailer = F::Trailer;

    fn max_header(&self) -> usize {
        self.format.max_header()
    }

    fn min_header(&self) -> usize {
        self.format.min_header()
    }

    fn limit(&self) -> Option<u64> {
        self.format.limit()
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        self.parses.set(self.parses.get() + 1);
        self.format.parse(prefix)
    }

    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        self.format.header_len(fields, payload)
    }

    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        self.format.write(fields, payload, out);
    }
}

impl<F: StaticFormat> StaticFormat for Counted<F> {
    const MAX_HEADER: usize = F::MAX_HEADER;
}

/// Boundaries: too long, too short, too often.
mod limits {
    use super::*;

    /// postcard's `CobsAccumulator` reports the frame and then takes its tail for a frame of its
    /// own.
    #[test]
    fn postcard_oversized_frame_split_over_two_chunks() {
        // The tail looks like a frame.
        let wire = b"\x13 is too long\0\x02XX\x02XX\x02ok";
        for cut in 0..=wire.len() {
            let (first, second) = wire.split_at(cut);
            let (mut seen, mut skipped) = (vec![], 0);
            let mut decoder = Decoder::new(U_8.with_limit(100), [0; 8]);
            for mut chunk in [first, second] {
                while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
                    match event {
                        Event::Frame(frame) => seen.push(frame.payload().to_vec()),
                        Event::Begin { payload, .. } => skipped += decoder.discard().min(payload),
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert_eq!((skipped, seen), (19, vec![b"ok".to_vec()]), "cut at {cut}");
            assert_eq!((decoder.end_of_input(), decoder.stats().frames), (Ok(()), 2));

            // By `next_frame` it is an error, and nothing after it is taken for a frame, whatever
            // the limit.
            let mut decoder = Decoder::new(U_8.with_limit(if cut % 2 == 0 { 8 } else { 100 }), [0; 8]);
            let error = Err(DecodeError::TooLong { declared: 20, limit: 8 });
            for mut chunk in [first, second] {
                if cut > 0 || !chunk.is_empty() {
                    for _ in 0..3 {
                        let expected = if decoder.buffered() + chunk.len() == 0 { Ok(None) } else { error };
                        assert_eq!(decoder.next_frame(&mut chunk), expected);
                    }
                }
            }
        }
    }

    /// tokio#4815: with an adjustment of -4 and a limit of 10 it rejects its own largest frame.
    #[test]
    fn tokio_4815_own_largest_frame() {
        let format = length_field!(adjust: -4).with_limit(10);
        let mut wire = [0; 16];
        assert_eq!(
            encode(&format, b"seven77", &mut wire),
            Err(EncodeError::TooLong { frame: 11, limit: 10 })
        );
        let n = encode(&format, b"six666", &mut wire).unwrap();
        assert_eq!(payloads(&mut Decoder::new(format, [0; 16]), &wire[..n]), [b"six666"]);
    }

    /// tokio#4815: with an adjustment of +100 and a limit of 10 it lets 110 bytes through.
    #[test]
    fn tokio_4815_limit_is_after_the_adjustment() {
        let mut decoder = Decoder::new(length_field!(adjust: 100).with_limit(10), [0; 256]);
        let error = DecodeError::TooLong { declared: 110, limit: 10 };
        assert_eq!(decoder.next_frame(&mut &b"\0\0\0\x06"[..]), Err(error));
    }

    /// tokio#8275, asynchronous-codec, wire-codec 1.1.0, memberlist#167: a length was cut off to
    /// `usize`, or wrapped around in a sum, and the codec waited for ever or for too little.
    #[test]
    fn lengths_near_the_end_of_u64() {
        for (value, too_far) in
            [(u64::MAX, 1), (u64::MAX - 7, 1), (u64::MAX - 8, 0), (1 << 63, 0), (1 << 32, 0)]
        {
            let expected = if too_far > 0 {
                DecodeError::Header(HeaderError::Overflow { value })
            } else {
                DecodeError::TooLong { declared: value + 8, limit: 64 }
            };
            // Without a named limit, the store is the limit of events, too.
            let mut decoder = Decoder::new(U64_BE, [0; 64]);
            assert_eq!(decoder.next_event(&mut &value.to_be_bytes()[..]), Err(expected));
            assert_eq!(decoder.take_frame(), Err(expected));
            // With the largest limit the frame is one to stream, if it is one at all.
            let mut decoder = Decoder::new(U64_BE.with_limit(u64::MAX), [0; 64]);
            assert_eq!(decoder.next_frame(&mut &value.to_be_bytes()[..]), Err(expected));
            let (end, event) = (decoder.end_of_input(), decoder.take_event());
            assert_eq!(end, Err(EndError::Unread { bytes: 8 }));
            match event {
                Ok(Some(Event::Begin { payload, .. })) => assert_eq!((payload, too_far), (value, 0)),
                event => assert_eq!((event, too_far), (Err(expected), 1)),
            }
            // What the decoder would not read the encoder does not write.
            let begun = Encoder::new(U64_BE.with_limit(u64::MAX), [0; 64]).announce(&[], value);
            let unreadable = Err(EncodeError::Unrepresentable { payload: value });
            assert_eq!(begun, if too_far > 0 { unreadable } else { Ok(()) });
            // Without a named limit, what its own store could not hold neither.
            let begun = Encoder::new(U64_BE, [0; 64]).announce(&[], value);
            let too_long = Err(EncodeError::TooLong { frame: value.wrapping_add(8), limit: 64 });
            assert_eq!(begun, if too_far > 0 { unreadable } else { too_long });
        }
        for adjust in [i64::MAX, i64::MIN, -1, 1] {
            for value in [0, 1, (1u64 << 63) - 1, 1 << 63, u64::MAX] {
                let format =
                    LengthField { width: Width::U64, adjust, ..LengthField::DEFAULT }.check().unwrap();
                let mut decoder = Decoder::try_new(format, [0; 32]).unwrap();
                let payload = i128::from(value) + i128::from(adjust);
                let result = decoder.next_frame(&mut &value.to_be_bytes()[..]).map(|frame| frame.is_some());
                let expected = match payload {
                    ..0 => Err(HeaderError::ShorterThanHeader { value, header: 8 }.into()),
                    0..=24 => Ok(payload == 0),
                    _ => match u64::try_from(payload + 8) {
                        Ok(declared) => Err(DecodeError::TooLong { declared, limit: 32 }),
                        Err(_) => Err(HeaderError::Overflow { value }.into()),
                    },
                };
                assert_eq!(result, expected, "{value} {adjust:+}");
            }
        }
    }

    /// netty#1798: a length shorter than its own header made a negative skip.
    #[test]
    fn netty_negative_skip() {
        let mut decoder = Decoder::new(length_field!(width: U16, adjust: -12, header: Some(8)), [0; 64]);
        // 2 + 12 - 12 = 2 bytes of frame, 8 of header.
        let error = DecodeError::Header(HeaderError::ShorterThanHeader { value: 12, header: 8 });
        assert_eq!(decoder.next_frame(&mut &b"\0\x0cabcdef"[..]), Err(error));
        assert!(error.is_protocol());
        // The least value that holds its header.
        decoder.reset();
        assert_eq!(payloads(&mut decoder, b"\0\x12abcdef\0\x13abcdefg"), [&b""[..], b"g"]);
    }

    /// Netty, CVE-2026-55851: a value inside the range of lengths meant "no length".
    #[test]
    fn no_value_is_a_sentinel() {
        for value in [0u32, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff] {
            let mut decoder = Decoder::new(U32_BE.with_limit(u64::MAX), [0; 4]);
            let header = &value.to_be_bytes()[..];
            match decoder.next_event(&mut &*header).unwrap().unwrap() {
                Event::Frame(frame) => assert_eq!((value, frame.payload()), (0, &b""[..])),
                event => assert_eq!(event, Event::Begin { header, payload: value.into() }),
            }
        }
    }

    /// CVE-2024-43410, RUSTSEC-2026-0154, CVE-2022-35922, RUSTSEC-2017-0006, CVE-2026-56816: memory
    /// was taken for a declared length, or filled up to it, before the limit was looked at.
    #[test]
    fn a_declared_length_is_refused_before_its_payload() {
        let mut decoder = Decoder::new(U32_BE, [0; 64]);
        let mut chunk = &b"\0\0\x10\0payload"[..];
        let error = Err(DecodeError::TooLong { declared: 4100, limit: 64 });
        assert_eq!(decoder.next_frame(&mut chunk), error);
        assert_eq!((decoder.buffered(), chunk), (4, &b"payload"[..]));
        // The same where the length arrives in two pieces.
        for cut in 1..4 {
            decoder.reset();
            assert_eq!(decoder.next_frame(&mut &b"\0\0\x10\0"[..cut]), Ok(None));
            assert_eq!(decoder.next_frame(&mut &b"\0\0\x10\0"[cut..]), error);
        }
    }

    /// The limit of the format holds for frames in pieces, too, and for those that would fit the
    /// store. A smaller one takes effect with the next frame.
    #[test]
    fn a_limit_of_the_format_holds_for_streams() {
        let wire = |payload: u32| [&payload.to_be_bytes()[..], &[0; 20]].concat();
        // The limit of the format itself, and one that is set on it, which counts only where it is
        // smaller.
        let mut decoder = Decoder::new(U32_BE.with_limit(20).with_limit(1000), [0; 8]);
        for (payload, allowed, expected) in [
            (16, 1000, Ok(())),
            (17, 1000, Err(20)),
            (12, 16, Ok(())),
            (13, 16, Err(16)),
            (5, 9, Ok(())),
            (5, 8, Err(8)),
            (4, 8, Ok(())),
            (1, 4, Err(4)),
            (0, 4, Ok(())),
        ] {
            decoder.reset();
            decoder.set_limit(allowed).unwrap();
            let result = decoder.next_event(&mut &wire(payload)[..4]).map(drop);
            let declared = u64::from(payload) + 4;
            assert_eq!(result, expected.map_err(|limit| DecodeError::TooLong { declared, limit }));
        }
        assert_eq!(decoder.set_limit(3), Err(ConfigError::LimitTooSmall { limit: 3, needed: 4 }));

        // A frame whose length was accepted keeps the limit that it was accepted under, however it
        // came.
        for a in 0..=8 {
            for b in a..=8 {
                let mut decoder = Decoder::new(U32_BE.with_limit(20), [0; 32]);
                for chunk in [&wire(10)[..a], &wire(10)[a..b], &wire(10)[b..8]] {
                    assert_eq!(decoder.next_frame(&mut &*chunk), Ok(None));
                }
                decoder.set_limit(4).unwrap();
                assert_eq!(payloads(&mut decoder, &[0; 6]), [[0; 10]]);
                let refused = Err(DecodeError::TooLong { declared: 14, limit: 4 });
                assert_eq!(decoder.next_frame(&mut &wire(10)[..8]), refused);
            }
        }
    }

    /// A length that arrives in pieces is no way around the limit, though the frame would fit the
    /// store.
    #[test]
    fn a_limit_holds_wherever_the_length_is_cut() {
        fn check<F: Format + Copy>(format: F, fields: &[u8]) {
            let mut wire = vec![0; 20_010];
            for (payload, limit) in [(130, 100), (20_000, 100), (20_000, 19_999)] {
                let header = encode_header(&format, fields, payload, &mut wire).unwrap();
                let declared = header as u64 + payload;
                let refused = DecodeError::TooLong { declared, limit };
                let store = vec![0; 20_010];
                let decoder = Decoder::try_new(format.with_limit(limit), store).unwrap();
                // All ways to cut the header.
                for cuts in 0..1 << (header - 1) {
                    for way in 0..4 {
                        let mut decoder = decoder.clone();
                        let mut start = 0;
                        let mut result = Ok(false);
                        for end in (1..=header).filter(|end| *end == header || cuts >> (end - 1) & 1 == 1) {
                            // Once the length is complete, the error comes, and stays.
                            assert!(result == Ok(false) || result == Err(refused));
                            let mut chunk = &wire[start..end];
                            start = end;
                            result = match way {
                                0 => decoder.next_frame(&mut chunk).map(|frame| frame.is_some()),
                                1 => decoder.frames(&mut chunk).next().map(|frame| frame.is_some()),
                                2 => decoder.next_event(&mut chunk).map(|event| event.is_some()),
                                _ => {
                                    decoder.space()[..chunk.len()].copy_from_slice(chunk);
                                    decoder.filled(chunk.len()).unwrap();
                                    decoder.poll().map(|status| status == Status::Ready)
                                }
                            };
                        }
                        assert_eq!(result, Err(refused), "{cuts:b} {way}");
                    }
                }
            }
        }
        check(VARINT64, b"");
        check(MQTT, b"t");
        check(U24_LE, b"");
        check(HTTP2, b"fields");
    }

    /// RUSTSEC-2026-0258 (h2): a flood of empty frames, at a byte each. Whichever way they are
    /// taken, a frame is looked at a few times and not once more for each of those that wait with
    /// it.
    #[test]
    fn a_flood_of_empty_frames() {
        const FLOOD: usize = 100_000;
        let flood = vec![0; FLOOD];
        let mut decoder = Decoder::new(Counted::new(U_8), [0; 4096]);
        for mut chunk in flood.chunks(1000) {
            while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                assert_eq!(frame.bytes(), [0]);
            }
            assert_eq!(decoder.buffered(), 0);
        }
        assert_eq!(decoder.stats().frames as usize, FLOOD);
        let looks = decoder.format().parses.get();
        // The end of each chunk is looked at, too.
        assert!(looks <= FLOOD + 5 * 100, "{looks} looks");

        let mut decoder = Decoder::new(Counted::new(U_8), [0; 4096]);
        let mut rest = &flood[..];
        while decoder.poll().unwrap() != Status::Ready && !rest.is_empty() {
            let space = decoder.space();
            let n = space.len().min(rest.len());
            decoder.filled(n).unwrap();
            rest = &rest[n..];
            while decoder.take_frame().unwrap().is_some() {}
        }
        assert_eq!(decoder.stats().frames as usize, FLOOD);
        let looks = decoder.format().parses.get();
        assert!(looks <= 2 * FLOOD, "{looks} looks");
    }

    /// The same where a frame after the flood is not complete, for a reader that asks for space
    /// again after every frame: finding where that frame begins must not cost a walk through the
    /// flood each time.
    #[test]
    fn a_flood_in_front_of_a_partial_frame() {
        const STORE: usize = 4096;
        // The second frame after the flood fits the store, the third is one to be streamed.
        for (partial, length) in [(0, 0u16), (2, 4000), (100, 4000), (2000, 4000), (100, 5000), (2000, 5000)]
        {
            let mut decoder = Decoder::new(Counted::new(U16_BE.with_limit(10_000)), [0; STORE]);
            let space = decoder.space();
            space.fill(0);
            if let Some(header) = space[STORE - partial..].first_chunk_mut() {
                *header = length.to_be_bytes();
            }
            decoder.filled(STORE).unwrap();
            let (frames, mut most) = ((STORE - partial) / 2, 0);
            for taken in 1..=frames {
                assert!(matches!(decoder.take_event(), Ok(Some(Event::Frame(_)))));
                let space = decoder.space().len();
                assert!(space <= 2 * taken);
                most = most.max(space);
            }
            let looks = decoder.format().parses.get();
            assert!(looks <= 4 * frames, "{looks} looks for {frames} frames, {partial} bytes after them");
            // Not only once all of them were taken is their space used again.
            assert!(most >= STORE / 4 || partial > STORE / 4, "{most}");
        }
    }

    /// paho.mqtt.embedded-c#40: a length beyond the buffer overran it.
    #[test]
    fn a_fixed_buffer_is_not_overrun() {
        for value in 0..=255 {
            let mut memory = [0xcc; 48];
            let mut decoder = Decoder::try_new(U_8.with_limit(1000), &mut memory[16..32]).unwrap();
            let mut wire = [0xee; 80];
            wire[0] = value;
            for mut byte in wire.chunks(1) {
                while let Ok(Some(_)) = decoder.next_event(&mut byte) {}
            }
            while let Ok(Status::Missing(_)) = decoder.poll() {
                decoder.space().fill(0xee);
                let n = decoder.space().len();
                assert!(decoder.filled(n + 1).is_err());
                decoder.filled(n).unwrap();
            }
            assert!(memory[..16].iter().chain(&memory[32..]).all(|&byte| byte == 0xcc));
        }
    }
}

/// Cuts: what is true of a stream in one piece must be true of it in any.
mod cuts {
    use super::*;

    /// netty#17549: a varint of three bytes, split before the fourth byte of the stream, was read
    /// as millions of bogus frames. vector#26167: a varint's length was forgotten between reads.
    #[test]
    fn netty_and_vector_varint_split_anywhere() {
        let payload = vec![7; 20_000];
        let mut wire = vec![0; 20_010];
        let n = encode(&VARINT64, &payload, &mut wire).unwrap();
        assert_eq!((n, &wire[..3]), (20_003, &b"\xa0\x9c\x01"[..]));
        for cut in (0..8).chain(19_990..20_003) {
            let mut decoder = Decoder::try_new(VARINT64, vec![0; 30_000]).unwrap();
            let mut seen = payloads(&mut decoder, &wire[..cut]);
            assert!(seen.is_empty());
            seen.extend(payloads(&mut decoder, &wire[cut..n]));
            assert!(seen == [&payload[..]], "cut at {cut}");
        }
    }

    /// CVE-2026-73507 (Netty): what is there is scanned again at each drip.
    #[test]
    fn a_slow_drip_is_not_parsed_again() {
        let mut wire = vec![0; 5000];
        let n = encode(&U32_BE, &[1; 4000], &mut wire).unwrap();
        let wire = &wire[..n];

        let mut decoder = Decoder::new(Counted::new(U32_BE), [0; 5000]);
        let mut frames = 0;
        for mut byte in wire.chunks(1) {
            frames += usize::from(decoder.next_frame(&mut byte).unwrap().is_some());
            assert_eq!(decoder.is_mid_frame(), frames == 0);
        }
        assert_eq!(frames, 1);
        let looks = decoder.format().parses.get();
        assert!(looks <= 8, "{looks} looks at one frame");

        let mut decoder = Decoder::new(Counted::new(U32_BE), [0; 5000]);
        for byte in wire {
            assert!(matches!(decoder.poll(), Ok(Status::Missing(n)) if n == decoder.missing()));
            decoder.space()[0] = *byte;
            decoder.filled(1).unwrap();
        }
        assert!(decoder.take_frame().unwrap().is_some());
        let looks = decoder.format().parses.get();
        assert!(looks <= 8, "{looks} looks at one frame");
    }

    /// Decoding each chunk as text cuts characters of several bytes in two; a frame is whole text.
    #[test]
    fn text_is_not_cut() {
        let text = "größer als 256 Zeichen: €".repeat(12);
        let mut wire = vec![0; 1000];
        let n = encode(&U16_BE, text.as_bytes(), &mut wire).unwrap();
        for size in 1..n {
            let mut decoder = Decoder::new(U16_BE, [0; 1000]);
            let seen: Vec<_> =
                wire[..n].chunks(size).flat_map(|chunk| payloads(&mut decoder, chunk)).collect();
            assert_eq!(seen.len(), 1);
            assert_eq!(std::str::from_utf8(&seen[0]), Ok(text.as_str()));
        }
    }

    /// Teaching code compares the bytes that arrived with the first byte of the length, and takes a
    /// request to be what one `recv(1024)` gives.
    #[test]
    fn all_bytes_of_the_length_count() {
        for length in [255, 256, 257, 511, 512, 1024, 1025, 65_535] {
            let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
            let mut wire = vec![0; length + 2];
            for format in [LengthField { width: Width::U16, ..LengthField::DEFAULT }] {
                for endian in [Endian::Big, Endian::Little] {
                    let format = LengthField { endian, ..format }.check().unwrap();
                    assert_eq!(encode(&format, &payload, &mut wire), Ok(length + 2));
                    let mut decoder = Decoder::try_new(format, vec![0; 70_000]).unwrap();
                    let seen: Vec<_> =
                        wire.chunks(1024).flat_map(|chunk| payloads(&mut decoder, chunk)).collect();
                    assert!(seen == [&payload[..]], "{length} bytes");
                }
            }
        }
    }

    /// smoltcp#797: a consumer that insists on contiguous frames stalls where its ring wraps. Here
    /// frames of all lengths are contiguous, and go on for ever, in a store that holds the largest
    /// of them and no byte more.
    #[test]
    fn smoltcp_no_stall_at_the_wrap() {
        for store in 1..40 {
            let mut decoder = Decoder::try_new(U_8, vec![0; store]).unwrap();
            let (mut wire, mut expected) = (vec![], vec![]);
            for i in 0..400 {
                let length = (i * 7 + i / 5) % store;
                wire.push(length as u8);
                wire.extend(vec![i as u8; length]);
                expected.push(length);
            }
            let (mut seen, mut rest) = (vec![], &wire[..]);
            // As much as there is room for, then one frame.
            while seen.len() < expected.len() {
                let space = decoder.space();
                let n = space.len().min(rest.len());
                space[..n].copy_from_slice(&rest[..n]);
                rest = &rest[n..];
                decoder.filled(n).unwrap();
                match decoder.take_frame().unwrap() {
                    Some(frame) => seen.push(frame.payload().len()),
                    None => assert!(n > 0, "stalled over {store} bytes"),
                }
            }
            assert_eq!((seen, decoder.end_of_input()), (expected, Ok(())));
        }
    }

    /// heapless: `make_contiguous` failed where its index was equal to the capacity. What is
    /// buffered must be joined from every position of the ring.
    #[test]
    fn a_full_ring_is_joined_from_every_position() {
        for released in 0..=8 {
            let mut encoder = Encoder::new(U_8, [0xee; 8]);
            encoder.push(&[0; 7]).unwrap();
            encoder.advance(released);
            let mut expected = vec![0; 8 - released];
            expected.splice(..usize::from(released == 0), (released == 0).then_some(7));
            while encoder.free() > 0 {
                let payload = [1; 8];
                let n = (encoder.free() - 1).min(3);
                encoder.push(&payload[..n]).unwrap();
                expected.push(n as u8);
                expected.extend(&payload[..n]);
            }
            let EncoderParts { store, pending, .. } = encoder.into_parts();
            assert_eq!(store[pending], expected, "{released} released");
        }
    }

    /// The end of a payload that is being skipped is in the store, and the next frame whole in a
    /// chunk: both places have to be looked at. Found by random operations, before it became
    /// anybody's bug.
    #[test]
    fn a_frame_after_the_end_of_a_skipped_payload() {
        for (filled, after) in [(5, 0), (4, 1), (1, 4), (0, 5)] {
            let mut decoder = Decoder::new(U_8.with_limit(100), [0; 8]);
            let begin = decoder.next_event(&mut &[20][..]);
            assert!(matches!(begin, Ok(Some(Event::Begin { payload: 20, .. }))));
            assert_eq!(decoder.discard(), 20);
            assert_eq!(decoder.next_frame(&mut &[0; 15][..]), Ok(None));
            decoder.space()[..filled].fill(0);
            decoder.filled(filled).unwrap();
            let chunk = [&vec![0; after][..], b"\x03abc\x01d"].concat();
            let mut input = &chunk[..];
            assert_eq!(decoder.next_frame(&mut input).unwrap().unwrap().payload(), b"abc");
            assert_eq!(decoder.next_frame(&mut input).unwrap().unwrap().payload(), b"d");
            assert_eq!(decoder.next_frame(&mut input), Ok(None));
        }
    }

    /// A batch that is dropped or forgotten after any number of frames, also after none, loses
    /// nothing.
    #[test]
    fn a_batch_can_be_given_up() {
        let wire = b"\x03one\0\x03two\x05three\x04four";
        let expected = [&b"one"[..], b"", b"two", b"three", b"four"];
        for cut in 0..=wire.len() {
            for taken in 0..4 {
                for forgotten in [false, true] {
                    let mut decoder = Decoder::new(U_8, [0; 8]);
                    let mut seen = vec![];
                    for mut chunk in [&wire[..cut], &wire[cut..]] {
                        // None, then some, then the rest.
                        for count in [taken, 0, 1, 9] {
                            let mut frames = decoder.frames(&mut chunk);
                            for _ in 0..count {
                                let Some(frame) = frames.next().unwrap() else { break };
                                seen.push(frame.payload().to_vec());
                            }
                            if forgotten {
                                #[expect(
                                    clippy::forget_non_drop,
                                    reason = "must hold if it is given a `Drop` one day"
                                )]
                                mem::forget(frames);
                            }
                            assert_eq!(decoder.stats().frames as usize, seen.len());
                        }
                        assert!(chunk.is_empty());
                    }
                    assert_eq!(
                        (&seen[..], decoder.end_of_input()),
                        (&expected.map(<[u8]>::to_vec)[..], Ok(()))
                    );
                }
            }
        }
    }

    /// `read` into an empty slice returns `Ok(0)`, which is not the end: so a reader is never given
    /// one while more is needed, and can tell.
    #[test]
    fn space_is_never_empty_after_need() {
        for declared in 0..16 {
            for step in 1..5 {
                let mut decoder = Decoder::new(U_8, [0; 16]);
                for _ in 0..200 {
                    match decoder.poll() {
                        Ok(Status::Missing(n)) => {
                            let space = decoder.space();
                            assert!(!space.is_empty() && n > 0);
                            let n = space.len().min(step);
                            space[..n].fill(declared);
                            decoder.filled(n).unwrap();
                        }
                        Ok(Status::Ready) => drop(decoder.take_frame().unwrap().unwrap()),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
        }
    }
}

/// What comes after an error, and at the end.
mod afterwards {
    use super::*;

    /// tokio-util's `FramedRead` yields `Err, None, Err, None`; Netty went on with a wrong state.
    /// An error stays, for every method, until the decoder is told what to do.
    #[test]
    fn an_error_stays() {
        let mut decoder = Decoder::new(U16_BE.with_limit(16), [0; 16]);
        let mut chunk = &b"\0\x02ok\xff\xffpayload"[..];
        assert_eq!(decoder.next_frame(&mut chunk).unwrap().map(|frame| frame.payload()), Some(&b"ok"[..]));
        let error = DecodeError::TooLong { declared: 65_537, limit: 16 };
        for _ in 0..3 {
            assert_eq!(decoder.next_frame(&mut chunk), Err(error));
            assert_eq!(decoder.next_frame(&mut &b"\0\0"[..]), Err(error));
            assert_eq!(decoder.take_frame(), Err(error));
            assert_eq!(decoder.poll(), Err(error));
            assert_eq!(decoder.next_event(&mut chunk), Err(error));
            assert_eq!(decoder.take_event(), Err(error));
            let mut frames = decoder.frames(&mut chunk);
            assert_eq!(frames.next(), Err(error));
            assert_eq!(frames.next(), Err(error));
            // The end of the input blames nobody: a larger limit would take the frame.
            assert_eq!(decoder.end_of_input(), Err(EndError::Unread { bytes: 2 }));
            assert_eq!((decoder.missing(), decoder.is_mid_frame()), (0, false));
            assert_eq!(chunk, b"payload");
        }
        // A larger limit goes on where this one could not.
        decoder.set_limit(1 << 20).unwrap();
        let event = decoder.next_event(&mut chunk).unwrap();
        assert_eq!(event, Some(Event::Begin { header: b"\xff\xff", payload: 65_535 }));
        decoder.reset();
        assert_eq!(payloads(&mut decoder, b"\0\x01!"), [b"!"]);
        assert_eq!(decoder.end_of_input(), Ok(()));
    }

    /// Frames before an error are not lost to it, though all came in one chunk.
    #[test]
    fn frames_before_an_error_are_given() {
        let wire = b"\x01a\x01b\xff";
        for cut in 0..wire.len() {
            let mut decoder = Decoder::new(U_8, [0; 8]);
            let (first, mut second) = wire.split_at(cut);
            let mut seen = payloads(&mut decoder, first);
            let error = loop {
                match decoder.next_frame(&mut second) {
                    Ok(frame) => seen.extend(frame.map(|frame| frame.payload().to_vec())),
                    Err(error) => break error,
                }
            };
            assert_eq!(seen, [b"a", b"b"]);
            assert_eq!(error, DecodeError::TooLong { declared: 256, limit: 8 });
        }
    }

    /// An end inside a frame is not a clean one, wherever it is. (tokio-util takes one right after
    /// a header for clean.)
    #[test]
    fn a_truncated_end_is_an_error() {
        let wire = b"\0\0\0\x03abc";
        for cut in 1..wire.len() {
            let mut decoder = Decoder::new(U32_BE, [0; 16]);
            assert_eq!(decoder.next_frame(&mut &wire[..cut]), Ok(None));
            let want = if cut < 4 { 4 } else { 7 };
            let error = EndError::Truncated { have: cut, want };
            assert_eq!(decoder.end_of_input(), Err(error));
            assert!(error.is_protocol());
            // It was a question, not a change.
            assert_eq!(payloads(&mut decoder, &wire[cut..]), [b"abc"]);
        }
    }

    /// The parts of a decoder can be written by hand: a range that is not in the store is no range,
    /// and no byte beside it is read.
    #[test]
    fn parts_by_hand() {
        let parts =
            |buffered, frame_left| DecoderParts { format: U_8, store: *b"\x01a\x01b", buffered, frame_left };
        for (buffered, expected) in [
            (0..4, &[b"a", b"b"][..]),
            (2..4, &[b"b"]),
            (2..9, &[b"b"]),
            (2..usize::MAX, &[b"b"]),
            (4..4, &[]),
            (4..8, &[]),
            (Range { start: 3, end: 1 }, &[]),
            (usize::MAX..usize::MAX, &[]),
        ] {
            let mut decoder = Decoder::from_parts(parts(buffered, 0)).unwrap();
            assert_eq!(payloads(&mut decoder, b""), expected);
            assert_eq!((decoder.end_of_input(), decoder.stats().frames as usize), (Ok(()), expected.len()));
        }
        for left in 1..9 {
            let mut decoder = Decoder::from_parts(parts(0..4, left)).unwrap();
            let mut chunk = &b"\x01c\x01d\x01e\x01f"[..];
            let n = (left as usize).max(4) - 4;
            assert_eq!(decoder.stats().high_water, 4);
            let expected =
                [&b"\x01a\x01b"[..], &b"\x01c\x01d\x01e\x01f"[..]].concat()[left as usize..].to_vec();
            if left > 4 {
                assert_eq!(decoder.missing(), n);
                assert_eq!(decoder.end_of_input(), Err(EndError::TruncatedPayload { missing: n as u64 }));
            }
            let mut seen = decoder.unframed(&mut chunk, 99).to_vec();
            seen.extend(decoder.unframed(&mut chunk, 99));
            assert_eq!((seen, decoder.stats().frames), (expected, 1), "{left} left");
        }
        let small = DecoderParts { format: U32_BE, store: [0; 3], buffered: 0..0, frame_left: 0 };
        let refused = ConfigError::StoreTooSmall { store: 3, needed: 4 };
        assert_eq!(Decoder::from_parts(small).err(), Some(refused));
    }

    /// A format is replaced between frames, and what was read ahead is read in the new one.
    #[test]
    fn a_format_is_replaced_between_frames() {
        let wire = b"\0\x02hi\x02\0yo\x03\0bye";
        for cut in 0..=wire.len() {
            let formats = [Endian::Big, Endian::Little].map(|endian| {
                LengthField { width: Width::U16, endian, ..LengthField::DEFAULT }.check().unwrap()
            });
            let mut decoder = Decoder::try_new(formats[0], [0; 32]).unwrap();
            let mut seen = vec![];
            let mut rest = &wire[..];
            for end in [cut, wire.len()] {
                let n = end - (wire.len() - rest.len());
                let space = decoder.space();
                space[..n].copy_from_slice(&rest[..n]);
                decoder.filled(n).unwrap();
                rest = &rest[n..];
                while let Some(frame) = decoder.take_frame().unwrap() {
                    seen.push(frame.payload().to_vec());
                    if seen.len() == 1 {
                        assert_eq!(decoder.replace_format(formats[1]), Ok(formats[0]));
                    }
                }
            }
            assert_eq!(
                (seen, decoder.end_of_input()),
                (vec![b"hi".to_vec(), b"yo".to_vec(), b"bye".to_vec()], Ok(()))
            );
        }
        // Not to one that the store can't hold.
        let mut decoder = Decoder::try_new(U_8.with_limit(9), [0; 4]).unwrap();
        let refused = ConfigError::LimitTooSmall { limit: 0, needed: 1 };
        assert_eq!(decoder.replace_format(U_8.with_limit(0)).err(), Some(refused));
    }

    /// After a fault, a link that asks for it finds the next frame, whatever the chunks.
    #[test]
    fn resynchronisation_finds_the_next_frame() {
        // Junk before the second, third and fourth frame, all of which looks like the length of a
        // long one.
        let wire = b"\x02ok\xff\xff\xff\xff\xff\x02hi\x7f\x03yes\x80\x80\x01!";
        let expected = [&b"ok"[..], b"hi", b"yes", b"!"];
        for a in 0..=wire.len() {
            for b in a..=wire.len() {
                let mut decoder = Decoder::new(VARINT64.with_limit(16), [0; 16]);
                let (mut seen, mut dropped, mut rest) = (vec![], 0, &wire[..]);
                for end in [a, b, wire.len()] {
                    let used = wire.len() - rest.len();
                    let mut chunk = &wire[used..end.max(used)];
                    loop {
                        match decoder.next_frame(&mut chunk) {
                            Ok(Some(frame)) => seen.push(frame.payload().to_vec()),
                            Ok(None) => break,
                            Err(_) => {
                                let n = decoder.resync();
                                assert!(n > 0, "the same error for ever");
                                dropped += n;
                            }
                        }
                    }
                    rest = &wire[end.max(used) - chunk.len()..];
                }
                assert_eq!(seen, expected, "cut at {a} and {b}");
                assert_eq!((dropped, decoder.end_of_input()), (8, Ok(())));
            }
        }
    }

    /// Methods that don't go together are an error of the caller's, which costs nothing.
    #[test]
    fn misuse_is_an_error() {
        let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
        let mut chunk = &b"\x08payload8\x01x"[..];
        assert!(matches!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { payload: 8, .. }))));
        let error = DecodeError::MidPayload { left: 8 };
        assert_eq!(decoder.next_frame(&mut chunk), Err(error));
        assert_eq!(decoder.frames(&mut chunk).next(), Err(error));
        assert_eq!(decoder.take_frame(), Err(error));
        // `poll` is about events as well, so it is no misuse.
        assert_eq!(decoder.poll(), Ok(Status::Missing(8)));
        assert_eq!(decoder.unframed(&mut chunk, 4), b"");
        let refused = ConfigError::MidPayload { left: 8 };
        assert_eq!(decoder.replace_format(U_8.with_limit(50)), Err(refused));
        assert!(!error.is_protocol());
        assert_eq!(decoder.discard(), 8);
        assert_eq!(decoder.discard(), 0);
        assert_eq!(payloads(&mut decoder, chunk), [b"x"]);

        let refused = decoder.filled(5).unwrap_err();
        assert_eq!((refused.filled, refused.space, decoder.buffered()), (5, 4, 0));
        assert!(decoder.filled(usize::MAX).is_err());
    }
}

/// The sending side.
mod sending {
    use super::*;

    /// tokio-util's encoder leaves the bytes before the length field out, and can't read its own
    /// output.
    #[test]
    fn own_output_with_an_offset() {
        let format = length_field!(offset: 2, width: U32);
        let mut wire = [0; 32];
        let n = encode_with(&format, b"ab", &[b"payload"], &mut wire).unwrap();
        let mut decoder = Decoder::new(format, [0; 32]);
        let frame = decoder.next_frame(&mut &wire[..n]).unwrap().unwrap();
        assert_eq!((frame.header(), frame.payload()), (&b"ab\0\0\0\x07"[..], &b"payload"[..]));
        // And without those bytes there is no frame.
        assert_eq!(encode(&format, b"payload", &mut wire), Err(EncodeError::Fields { given: 0, wanted: 2 }));
    }

    /// Two small writes, header and then payload, meet Nagle and delayed acknowledgement. What is
    /// pending is one slice, or two where the ring wraps and never just at the header.
    #[test]
    fn header_and_payload_leave_together() {
        let mut encoder = Encoder::new(U32_BE, [0; 64]);
        for _ in 0..1000 {
            encoder.push(b"small").unwrap();
            let (first, second) = encoder.pending();
            assert_eq!([first, second].concat(), b"\0\0\0\x05small");
            let n = first.len() + second.len();
            encoder.advance(n);
        }
        assert!(encoder.is_empty());
    }

    /// Teaching code takes `send` to send all. What was not sent stays.
    #[test]
    fn a_short_send_loses_nothing() {
        let mut encoder = Encoder::new(U_8, [0; 10]);
        let (mut sent, mut expected) = (vec![], vec![]);
        for i in 0..200u8 {
            let payload = [i; 8];
            let payload = &payload[..usize::from(i) % 9];
            while encoder.push(payload).is_err() {
                let (first, _) = encoder.pending();
                let n = first.len().min(1 + usize::from(i) % 3);
                sent.extend(&first[..n]);
                encoder.advance(n);
            }
            expected.push(payload.len() as u8);
            expected.extend(payload);
        }
        sent.extend([encoder.pending().0, encoder.pending().1].concat());
        assert_eq!(sent, expected);
    }

    /// Found by the model: an empty frame was refused although there was room for it, after the end
    /// and before the beginning, because the header alone did not fit the room after the end.
    #[test]
    fn a_header_across_the_wrap() {
        let mut encoder = Encoder::new(U16_BE, [0; 4]);
        encoder.push(b"a").unwrap();
        encoder.advance(1);
        assert_eq!(encoder.free(), 2);
        encoder.push(b"").unwrap();
        assert_eq!(encoder.pending(), (&b"\x01a\0"[..], &b"\0"[..]));
    }

    /// A payload of announced length can't become another length.
    #[test]
    fn an_announced_length_is_kept() {
        let mut encoder = Encoder::new(U16_BE, [0; 8]);
        encoder.announce(&[], 5).unwrap();
        assert_eq!(encoder.feed(b"abc"), Ok(3));
        assert_eq!(encoder.push(b"x"), Err(EncodeError::MidPayload { left: 2 }));
        assert_eq!(encoder.begin(&[]).err(), Some(EncodeError::MidPayload { left: 2 }));
        assert_eq!(encoder.announce(&[], 1), Err(EncodeError::MidPayload { left: 2 }));
        assert_eq!(encoder.feed(b"def"), Err(EncodeError::Overrun { given: 3, left: 2 }));
        assert_eq!(encoder.feed(b"de"), Ok(2));
        assert_eq!((encoder.left(), encoder.stats().frames), (0, 1));
        assert_eq!(encoder.pending().0, b"\0\x05abcde");
    }
}

/// Custom formats.
mod headers {
    use super::*;

    /// Magic, a type, a length, and a checksum over all of them.
    #[derive(Clone, Copy)]
    struct Sealed;

    const MAGIC: [u8; 2] = *b"RF";

    fn checksum(bytes: &[u8]) -> u8 {
        !bytes.iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte))
    }

    impl Format for Sealed {
        type Trailer = ();

        fn max_header(&self) -> usize {
            6
        }

        fn min_header(&self) -> usize {
            6
        }

        fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
            // What is wrong in the first byte need not wait for the last.
            if prefix.iter().zip(&MAGIC).any(|(is, should)| is != should) {
                return Err(HeaderError::Refused("wrong magic bytes"));
            }
            let Some(&header) = prefix.first_chunk::<6>() else {
                return Ok(Parsed::Incomplete { total: if prefix.len() < 2 { prefix.len() + 1 } else { 6 } });
            };
            let [_, _, _, high, low, sum] = header;
            if sum != checksum(&header[..5]) {
                return Err(HeaderError::Refused("wrong checksum of the header"));
            }
            Ok(Parsed::Frame { header: 6, payload: u16::from_be_bytes([high, low]).into() })
        }

        fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
            if fields.len() != 1 {
                return Err(EncodeError::Fields { given: fields.len(), wanted: 1 });
            }
            u16::try_from(payload).map(|_| 6).map_err(|_| EncodeError::Unrepresentable { payload })
        }

        fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
            let [high, low] = (payload as u16).to_be_bytes();
            out.copy_from_slice(&[MAGIC[0], MAGIC[1], fields[0], high, low, 0]);
            out[5] = checksum(&out[..5]);
        }
    }

    impl StaticFormat for Sealed {
        const MAX_HEADER: usize = 6;
    }

    #[test]
    fn magic_type_and_checksum() {
        let mut encoder = Encoder::new(Sealed, [0; 64]);
        encoder.push_with(&[1], &[b"hel", b"lo"]).unwrap();
        let mut frame = encoder.begin(&[2]).unwrap();
        frame.write(b"back-filled").unwrap();
        frame.publish().unwrap();
        encoder.announce(&[3], 4).unwrap();
        encoder.feed(b"feed").unwrap();
        assert_eq!(encoder.push(b""), Err(EncodeError::Fields { given: 0, wanted: 1 }));
        let wire = encoder.pending().0;

        for a in 0..wire.len() {
            for b in a..wire.len() {
                let mut decoder = Decoder::new(Sealed, [0; 32]);
                let mut seen = vec![];
                for mut chunk in [&wire[..a], &wire[a..b], &wire[b..]] {
                    while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                        seen.push((frame.header()[2], frame.payload().to_vec()));
                    }
                }
                let expected = [(1, b"hello".to_vec()), (2, b"back-filled".to_vec()), (3, b"feed".to_vec())];
                assert_eq!(seen, expected);
            }
        }

        // Each byte of the header is covered, however it arrives.
        for i in 0..6 {
            let mut broken = wire[..11].to_vec();
            broken[i] ^= 4;
            let why = if i < 2 { "wrong magic bytes" } else { "wrong checksum of the header" };
            for size in 1..11 {
                let mut decoder = Decoder::new(Sealed, [0; 32]);
                let errors: Vec<_> = broken
                    .chunks(size)
                    .filter_map(|mut chunk| decoder.next_frame(&mut chunk).err())
                    .collect();
                assert!(!errors.is_empty());
                assert!(errors.iter().all(|error| *error == HeaderError::Refused(why).into()), "{errors:?}");
            }
        }
    }

    /// A format whose methods return the same, whatever they see.
    #[derive(Clone, Copy, Debug)]
    struct Wrong(Parsed, usize);

    impl Format for Wrong {
        type Trailer = ();

        fn max_header(&self) -> usize {
            4
        }

        fn parse(&self, _: &[u8]) -> Result<Parsed, HeaderError> {
            Ok(self.0)
        }

        fn header_len(&self, _: &[u8], _: u64) -> Result<usize, EncodeError> {
            Ok(self.1)
        }

        fn write(&self, _: &[u8], _: u64, _: &mut [u8]) {}
    }

    impl StaticFormat for Wrong {
        const MAX_HEADER: usize = 4;
    }

    /// IronRDP#1515: a length of zero made a loop that takes nothing. All of these are impossible,
    /// and are errors that name the parser as the one at fault, not the peer.
    #[test]
    fn impossible_results_of_a_parser() {
        let wrong = [
            Parsed::Incomplete { total: 0 },
            Parsed::Incomplete { total: 5 },
            Parsed::Incomplete { total: usize::MAX },
            Parsed::Frame { header: 0, payload: 0 },
            Parsed::Frame { header: 0, payload: 7 },
            Parsed::Frame { header: 5, payload: 0 },
            Parsed::Frame { header: 5, payload: 4 },
            Parsed::Frame { header: usize::MAX, payload: 0 },
            Parsed::Frame { header: usize::MAX, payload: u64::MAX },
        ];
        let inconsistent = DecodeError::Header(HeaderError::Inconsistent);
        assert!(!inconsistent.is_protocol());
        for result in wrong {
            assert_eq!(peek(&Wrong(result, 0), &[0; 3]), Err(inconsistent), "{result:?}");
            for size in [1, 3, 8] {
                let mut decoder = Decoder::new(Wrong(result, 0).with_limit(u64::MAX), [0; 8]);
                for mut chunk in [0; 24].chunks(size) {
                    for _ in 0..2 {
                        assert_eq!(decoder.next_frame(&mut chunk), Err(inconsistent), "{result:?}");
                        assert_eq!(decoder.frames(&mut chunk).next(), Err(inconsistent), "{result:?}");
                        assert_eq!(decoder.next_event(&mut chunk), Err(inconsistent), "{result:?}");
                        assert_eq!(decoder.poll(), Err(inconsistent), "{result:?}");
                    }
                }
                let bytes = decoder.buffered();
                assert_eq!(decoder.end_of_input(), Err(EndError::Unread { bytes }));
                assert_eq!(decoder.missing(), 0);
                // No frame begins anywhere.
                assert_eq!((decoder.resync(), decoder.buffered()), (bytes, 0));
            }
        }
        // More is needed than there is, but not more than a header has. Then it is still needed.
        let mut decoder = Decoder::new(Wrong(Parsed::Incomplete { total: 3 }, 0), [0; 8]);
        assert_eq!(decoder.next_frame(&mut &b"ab"[..]), Ok(None));
        assert_eq!(decoder.next_frame(&mut &b"c"[..]), Err(inconsistent));
        // A length beyond 64 bits is one that no limit lets pass.
        let endless = Parsed::Frame { header: 2, payload: u64::MAX };
        let mut decoder = Decoder::new(Wrong(endless, 0), [0; 8]);
        let refused = Err(DecodeError::TooLong { declared: u64::MAX, limit: 8 });
        assert_eq!(decoder.next_frame(&mut &[0; 8][..]), refused);
    }

    /// A format whose header shrinks as its payload grows. There is no place for it, so it must be
    /// refused: a frame with a gap in it would go out.
    #[test]
    fn a_header_that_shrinks() {
        struct Shrinking;

        impl Format for Shrinking {
            type Trailer = ();

            fn max_header(&self) -> usize {
                3
            }

            fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
                match *prefix {
                    [0, length, ..] => Ok(Parsed::Frame { header: 3, payload: length.into() }),
                    [length, ..] => Ok(Parsed::Frame { header: 1, payload: length.into() }),
                    [] => Ok(Parsed::Incomplete { total: 1 }),
                }
            }

            fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
                Ok(if payload < 4 { 3 } else { 1 })
            }

            fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
                out.fill(0);
                let at = out.len() / 2;
                out[at] = payload as u8;
            }
        }

        let mut encoder = Encoder::try_new(Shrinking, [0xee; 16]).unwrap();
        for before in [&b""[..], b"xy"] {
            encoder.reset();
            encoder.push_unframed(before).unwrap();
            let frames = encoder.stats().frames;
            let mut frame = encoder.begin(&[]).unwrap();
            frame.write(b"four").unwrap();
            assert!(matches!(frame.publish(), Err(EncodeError::Refused(_))));
            assert_eq!((encoder.pending(), encoder.stats().frames), ((before, &b""[..]), frames));
            // Where the header stays as it was, and where its length is known before, the frame is
            // good.
            let mut frame = encoder.begin(&[]).unwrap();
            frame.write(b"two").unwrap();
            frame.publish().unwrap();
            encoder.push(b"four").unwrap();
            let wire = encoder.pending().0.strip_prefix(before).unwrap();
            assert_eq!(wire, b"\0\x03\0two\x04four");
            let mut decoder = Decoder::try_new(Shrinking, [0; 16]).unwrap();
            assert_eq!(payloads(&mut decoder, wire), [&b"two"[..], b"four"]);
        }
    }

    /// A format that asks for a header longer than its own largest, or than there is room for.
    #[test]
    fn writing_more_than_there_is() {
        for wrote in [5, 64, 65, usize::MAX] {
            let format = Wrong(Parsed::Incomplete { total: 1 }, wrote);
            for room in [0, 3, 4, 12, 100] {
                let mut out = vec![0; room];
                let refused = encode(&format, b"payload", &mut out);
                assert!(
                    matches!(refused, Err(EncodeError::Refused(_) | EncodeError::NoRoom { .. })),
                    "{wrote} bytes of header into {room}: {refused:?}"
                );
                assert_eq!(encode_header(&format, &[], 7, &mut out), refused);
            }
            let mut encoder = Encoder::new(format, [0; 32]);
            let pushed = encoder.push(b"payload");
            assert!(pushed.is_err(), "{wrote}: {pushed:?}");
            assert!(encoder.push(&[0; 30]).is_err());
            assert!(matches!(encoder.announce(&[], 7), Err(EncodeError::Refused(_))));
            assert!(matches!(encoder.begin(&[]), Err(EncodeError::Refused(_))));
            assert!(encoder.is_empty());
        }
    }
}
