//! Formats with a trailer: a checksum after the payload, or an octet that never varies. Whatever
//! the cuts and the methods, an intact frame arrives and a damaged one does not.

use ringframe::{
    ConfigError, DecodeError, Decoder, DecoderParts, EncodeError, Encoder, EndError, Event, Format,
    HeaderError, Parsed, Peek, StaticFormat, Status, Trailer, encode, encode_header, encode_with, peek,
};
use ringframe_tests::rule::{Call, compare};

/// CRC-16/CCITT-FALSE as the format computes it: a byte at a time.
#[derive(Clone, Copy, Debug)]
struct Crc16(u16);

impl Default for Crc16 {
    fn default() -> Self {
        Self(0xffff)
    }
}

impl Trailer for Crc16 {
    const MAX_LEN: usize = 2;

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            let mut x = self.0 >> 8 ^ u16::from(byte);
            x ^= x >> 4;
            self.0 = self.0 << 8 ^ x << 12 ^ x << 5 ^ x;
        }
    }

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.to_be_bytes());
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == self.0.to_be_bytes()
    }
}

/// A length of two bytes, the payload, and a CRC over both.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Protected;

impl Format for Protected {
    type Trailer = Crc16;

    fn max_header(&self) -> usize {
        2
    }

    fn min_header(&self) -> usize {
        2
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match *prefix {
            [high, low, ..] => {
                Ok(Parsed::Frame { header: 2, payload: u16::from_be_bytes([high, low]).into() })
            }
            _ => Ok(Parsed::Incomplete { total: 2 }),
        }
    }

    fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
        u16::try_from(payload).map(|_| 2).map_err(|_| EncodeError::Unrepresentable { payload })
    }

    fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
        out.copy_from_slice(&(payload as u16).to_be_bytes());
    }
}

impl StaticFormat for Protected {
    const MAX_HEADER: usize = 2;
}

/// The same CRC by its definition, bit by bit: the polynomial is 0x1021, it starts with 0xffff.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff;
    for &byte in bytes {
        for bit in (0..8).rev() {
            let out = (crc >> 15) as u8 & 1;
            crc = (crc << 1) ^ if out ^ (byte >> bit & 1) == 1 { 0x1021 } else { 0 };
        }
    }
    crc
}

/// A frame on the wire, without the codec.
fn wire(payload: &[u8]) -> Vec<u8> {
    let mut wire = (payload.len() as u16).to_be_bytes().to_vec();
    wire.extend(payload);
    let crc = crc(&wire);
    wire.extend(crc.to_be_bytes());
    wire
}

/// Bytes that no two positions have alike.
fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(37) ^ 0x5a).collect()
}

/// The pieces of a stream that is cut after byte `i` where bit `i` is set.
fn chunks(bytes: &[u8], cuts: usize) -> Vec<&[u8]> {
    let mut chunks = vec![];
    let mut rest = bytes;
    let mut cuts = cuts;
    while !rest.is_empty() {
        let n = (cuts.trailing_zeros() as usize + 1).min(rest.len());
        let (now, later) = rest.split_at(n);
        chunks.push(now);
        (rest, cuts) = (later, cuts.checked_shr(n as u32).unwrap_or(0));
    }
    chunks
}

/// A way of taking frames.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    NextFrame,
    Frames,
    NextEvent,
    TakeFrame,
    TakeEvent,
}

const WAYS: [Way; 5] = [Way::NextFrame, Way::Frames, Way::NextEvent, Way::TakeFrame, Way::TakeEvent];

/// What came out of a stream.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    /// The payloads of whole frames, and of those that were streamed to their end.
    payloads: Vec<Vec<u8>>,
    /// What was streamed of a frame that did not end.
    open: Vec<u8>,
    error: Option<DecodeError>,
}

type Protecting<F> = Decoder<F, Vec<u8>>;

/// Gives the chunks to a decoder, takes everything, and compares each call with the rule.
fn run<F: Format + Clone>(decoder: &mut Protecting<F>, chunks: &[&[u8]], way: Way) -> Outcome {
    let mut outcome = Outcome::default();
    for mut chunk in chunks.iter().copied() {
        loop {
            let pulls = matches!(way, Way::TakeFrame | Way::TakeEvent);
            if pulls {
                compare(decoder, chunk, Call::Poll).unwrap();
                if let Ok(Status::Missing(missing)) = decoder.poll() {
                    assert_eq!(missing, decoder.missing());
                    if chunk.is_empty() {
                        break;
                    }
                    let space = decoder.space();
                    assert!(missing > 0 && !space.is_empty(), "no space although more is needed");
                    let n = space.len().min(chunk.len());
                    space[..n].copy_from_slice(&chunk[..n]);
                    chunk = &chunk[n..];
                    decoder.filled(n).unwrap();
                    continue;
                }
            }
            let call = match way {
                Way::NextFrame => Call::NextFrame,
                Way::Frames => Call::Frames(3),
                Way::NextEvent => Call::NextEvent,
                Way::TakeFrame => Call::TakeFrame,
                Way::TakeEvent => Call::TakeEvent,
            };
            compare(decoder, chunk, call).unwrap();
            let result = match way {
                Way::NextFrame => decoder.next_frame(&mut chunk).map(|frame| frame.map(Event::Frame)),
                Way::TakeFrame => decoder.take_frame().map(|frame| frame.map(Event::Frame)),
                Way::NextEvent => decoder.next_event(&mut chunk),
                Way::TakeEvent => decoder.take_event(),
                Way::Frames => {
                    let mut frames = decoder.frames(&mut chunk);
                    let error = loop {
                        match frames.next() {
                            Ok(Some(frame)) => {
                                outcome.see(Event::Frame(frame));
                            }
                            Ok(None) => break None,
                            Err(error) => break Some(error),
                        }
                    };
                    error.map_or(Ok(None), Err)
                }
            };
            match result {
                Ok(Some(event)) => outcome.see(event),
                Ok(None) => {
                    assert!(chunk.is_empty() && !pulls, "nothing, but input is left");
                    break;
                }
                Err(error) => {
                    assert!(outcome.error.is_none_or(|before| before == error));
                    // Once more, before the next chunk repeats it.
                    if outcome.error.replace(error).is_some() {
                        break;
                    }
                }
            }
        }
    }
    outcome
}

impl Outcome {
    fn see(&mut self, event: Event<'_>) {
        assert_eq!(self.error, None, "something after an error");
        match event {
            Event::Frame(frame) => {
                let (header, rest) = frame.bytes().split_at(2);
                assert_eq!((frame.header(), frame.len() + 2), (header, rest.len()));
                assert_eq!(frame.payload(), &rest[..frame.len()]);
                self.payloads.push(frame.payload().to_vec());
            }
            Event::Begin { header, .. } => {
                assert!(header.len() == 2 && self.open.is_empty());
            }
            Event::Data(piece) => {
                assert!(!piece.is_empty());
                self.open.extend(piece);
            }
            Event::End => self.payloads.push(std::mem::take(&mut self.open)),
        }
    }
}

/// The check itself.
mod crc16 {
    use super::*;

    #[test]
    fn has_the_known_value() {
        let digits = b"123456789";
        assert_eq!(crc(digits), 0x29b1);
        for cut in 0..=digits.len() {
            let mut check = Crc16::default();
            check.update(&digits[..cut]);
            check.update(&digits[cut..]);
            assert_eq!(check.0, 0x29b1);
        }
    }

    /// The frame of these digits, computed by another implementation (Python's `binascii.crc_hqx`).
    #[test]
    fn is_on_the_wire() {
        let frame = b"\0\x09123456789\xc0\xc2";
        let mut out = [0; 16];
        assert_eq!(encode(&Protected, b"123456789", &mut out), Ok(13));
        assert_eq!(&out[..13], frame);
        assert_eq!(wire(b"123456789"), frame);
        assert_eq!(wire(b""), b"\0\0\x1d\x0f");
    }
}

/// The sending side.
mod encodes {
    use super::*;

    #[test]
    fn into_a_slice() {
        for len in [0, 1, 2, 3, 100] {
            let (payload, expected) = (payload(len), wire(&payload(len)));
            let mut out = [0xee; 128];
            let n = encode(&Protected, &payload, &mut out).unwrap();
            assert_eq!(&out[..n], expected);
            for cut in 0..=len {
                let mut out = vec![0xee; n];
                let parts = [&payload[..cut], &[], &payload[cut..]];
                assert_eq!(encode_with(&Protected, &[], &parts, &mut out), Ok(n));
                assert_eq!(out, expected);
            }
            // The trailer counts.
            for room in 0..n {
                let mut out = vec![0xee; room];
                let refused = EncodeError::NoRoom { needed: n, free: room, capacity: room };
                assert_eq!(encode(&Protected, &payload, &mut out), Err(refused));
                assert!(out.iter().all(|&byte| byte == 0xee));
            }
            let limited = Protected.with_limit(n as u64 - 1);
            let refused = EncodeError::TooLong { frame: n as u64, limit: n as u64 - 1 };
            assert_eq!(encode(&limited, &payload, &mut out), Err(refused));
            assert_eq!(encode_header(&limited, &[], len as u64, &mut out), Err(refused));
            assert_eq!(encode_header(&Protected, &[], len as u64, &mut out), Ok(2));
            assert_eq!(out[..2], expected[..2]);
        }
    }

    /// Every way of queueing a frame, with the ring wrapped at every place.
    #[test]
    fn into_a_queue() {
        const STORE: usize = 24;
        for begin in 0..STORE {
            for len in 0..=STORE - 5 {
                let (payload, expected) = (payload(len), wire(&payload(len)));
                let (left, right) = payload.split_at(len / 2);
                let fresh = || {
                    let mut encoder = Encoder::new(Protected, [0xee; STORE]);
                    encoder.push_unframed(&[0; STORE][..begin]).unwrap();
                    encoder.advance(begin.saturating_sub(1));
                    encoder
                };
                // A byte is pending unless the frame begins at the front.
                let kept = usize::from(begin > 0);
                let fits = expected.len() + kept <= STORE;
                let queued = |encoder: &Encoder<Protected, [u8; STORE]>, result: Result<(), EncodeError>| {
                    let pending = [encoder.pending().0, encoder.pending().1].concat();
                    if fits {
                        assert_eq!(result, Ok(()));
                        assert_eq!(&pending[kept..], expected, "{len} bytes at {begin}");
                    } else {
                        let (needed, free) = (expected.len(), STORE - kept);
                        assert_eq!(result, Err(EncodeError::NoRoom { needed, free, capacity: STORE }));
                        assert_eq!(pending.len(), kept);
                    }
                    assert_eq!(encoder.stats().frames, u32::from(fits));
                };

                let mut encoder = fresh();
                let result = encoder.push(&payload);
                queued(&encoder, result);
                let mut encoder = fresh();
                let result = encoder.push_with(&[], &[left, &[], right]);
                queued(&encoder, result);
                let mut encoder = fresh();
                let mut writer = encoder.begin(&[]).unwrap();
                let result = writer.write(left).and_then(|()| writer.write(right));
                let result = result.and_then(|()| writer.publish());
                queued(&encoder, result);
                let mut encoder = fresh();
                encoder.announce(&[], len as u64).unwrap();
                if fits {
                    assert_eq!((encoder.feed(left), encoder.feed(right)), (Ok(left.len()), Ok(right.len())));
                    assert_eq!(encoder.left(), 0);
                    queued(&encoder, Ok(()));
                } else {
                    // All but the last byte fit at the most: it waits for room for the trailer.
                    let n = encoder.feed(&payload).unwrap();
                    assert_eq!((n as u64 + encoder.left(), encoder.stats().frames), (len as u64, 0));
                    assert_eq!(n, (STORE - kept - 2).min(len - 1).min(encoder.capacity() - kept - 4));
                }
            }
        }
    }

    /// Frames larger than the store, with pieces and sent amounts of all sizes: the trailer waits
    /// where it must.
    #[test]
    fn through_a_small_queue() {
        for store in 4..12 {
            for len in 0..40 {
                let (payload, expected) = (payload(len), wire(&payload(len)));
                for (piece, sent) in [(1, 1), (1, 4), (2, 1), (3, 2), (7, 3), (40, 1), (40, 2), (40, 12)] {
                    let mut encoder = Encoder::try_new(Protected.with_limit(100), vec![0; store]).unwrap();
                    encoder.announce(&[], len as u64).unwrap();
                    let (mut rest, mut out, mut idle) = (&payload[..], Vec::<u8>::new(), 0);
                    while encoder.left() > 0 || !encoder.is_empty() {
                        // More than was announced is refused, and less is taken as far as there is
                        // room.
                        let overrun = vec![0; rest.len() + 1];
                        let given = rest.len() + 1;
                        let refused = Err(EncodeError::Overrun { given, left: rest.len() as u64 });
                        assert_eq!(encoder.feed(&overrun), refused);
                        let n = encoder.feed(&rest[..piece.min(rest.len())]).unwrap();
                        rest = &rest[n..];
                        assert_eq!(encoder.left(), rest.len() as u64);
                        assert_eq!(encoder.stats().frames, u32::from(rest.is_empty()));
                        let (first, _) = encoder.pending();
                        let m = first.len().min(sent);
                        out.extend(&first[..m]);
                        encoder.advance(m);
                        idle = if n + m == 0 { idle + 1 } else { 0 };
                        assert!(idle < 2, "stalled over {store} bytes with {} left", rest.len());
                    }
                    assert_eq!(out, expected, "store of {store}, pieces of {piece}, {sent} sent at once");
                }
            }
        }
    }

    /// The same in one run, step by step: the smallest store there is.
    #[test]
    fn the_trailer_waits_for_room() {
        let mut encoder = Encoder::new(Protected.with_limit(100), [0; 4]);
        encoder.announce(&[], 3).unwrap();
        // Room for two bytes, but not for the last one and the trailer.
        assert_eq!((encoder.feed(b"ab"), encoder.free()), (Ok(2), 0));
        assert_eq!((encoder.feed(b"c"), encoder.left()), (Ok(0), 1));
        encoder.advance(2);
        assert_eq!((encoder.feed(b"c"), encoder.left(), encoder.stats().frames), (Ok(0), 1, 0));
        encoder.advance(1);
        assert_eq!((encoder.feed(b"c"), encoder.left(), encoder.stats().frames), (Ok(1), 0, 1));
        assert_eq!([encoder.pending().0, encoder.pending().1].concat(), wire(b"abc")[3..]);

        // All at once: what fits without the last byte.
        encoder.reset();
        encoder.announce(&[], 3).unwrap();
        encoder.advance(2);
        assert_eq!((encoder.feed(b"abc"), encoder.pending().0), (Ok(2), &b"ab"[..]));

        // An empty payload is complete when it is announced, so it needs room for its trailer.
        encoder.reset();
        encoder.push_unframed(b"x").unwrap();
        let refused = EncodeError::NoRoom { needed: 4, free: 3, capacity: 4 };
        assert_eq!(encoder.announce(&[], 0), Err(refused));
        assert!(refused.fits_later());
        encoder.advance(1);
        assert_eq!(encoder.announce(&[], 0), Ok(()));
        assert_eq!((encoder.left(), encoder.pending().0), (0, &wire(b"")[..]));
    }

    /// What goes out past the queue is in the check, and is refused while earlier bytes are
    /// pending.
    #[test]
    fn around_the_queue() {
        fn drain<F: Format>(encoder: &mut Encoder<F, [u8; 4]>, out: &mut Vec<u8>) -> usize {
            let mut bytes = [0; 4];
            let n = encoder.drain(&mut bytes);
            out.extend(&bytes[..n]);
            n
        }

        let (payload, expected) = (payload(50), wire(&payload(50)));
        for fed in [0, 1, 2] {
            let mut encoder = Encoder::new(Protected.with_limit(100), [0; 4]);
            let mut out = vec![];
            encoder.announce(&[], 50).unwrap();
            assert_eq!(encoder.note_sent(&payload[..10]), Err(EncodeError::OutOfOrder { pending: 2 }));
            assert_eq!(encoder.note_sent(&[]), Ok(()));
            assert_eq!(drain(&mut encoder, &mut out), 2);
            assert_eq!(encoder.feed(&payload[..fed]), Ok(fed));
            assert_eq!(drain(&mut encoder, &mut out), fed);
            let refused = EncodeError::Overrun { given: 51 - fed, left: 50 - fed as u64 };
            assert_eq!(encoder.note_sent(&vec![0; 51 - fed]), Err(refused));
            assert_eq!(encoder.note_sent(&payload[fed..30]), Ok(()));
            out.extend(&payload[fed..30]);
            assert_eq!(encoder.feed(&payload[30..31]), Ok(1));
            assert_eq!(encoder.note_sent(&payload[31..]), Err(EncodeError::OutOfOrder { pending: 1 }));
            assert_eq!(drain(&mut encoder, &mut out), 1);
            assert_eq!(encoder.note_sent(&payload[31..]), Ok(()));
            out.extend(&payload[31..]);
            // The last byte brings the trailer along.
            assert_eq!((encoder.left(), encoder.stats().frames), (0, 1));
            assert_eq!(drain(&mut encoder, &mut out), 2);
            assert_eq!(out, expected);
        }
    }

    /// A frame that is given up leaves nothing in the check of the next one.
    #[test]
    fn a_new_frame_has_a_new_check() {
        let mut encoder = Encoder::new(Protected, [0; 64]);
        encoder.announce(&[], 10).unwrap();
        encoder.feed(b"given up").unwrap();
        encoder.reset();
        let mut dropped = encoder.begin(&[]).unwrap();
        dropped.write(b"dropped").unwrap();
        drop(dropped);
        encoder.push(b"one").unwrap();
        encoder.push(b"two").unwrap();
        assert_eq!(encoder.pending().0, [wire(b"one"), wire(b"two")].concat());
    }
}

/// The receiving side.
mod decodes {
    use super::*;

    /// Frames that fit and, over a small store, frames that don't, in all chunkings.
    #[test]
    fn in_every_chunking() {
        let payloads = [b"abc".to_vec(), vec![], b"de".to_vec()];
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| wire(payload)).collect();
        assert_eq!(stream.len(), 17);
        for cuts in 0..1 << (stream.len() - 1) {
            let chunks = chunks(&stream, cuts);
            for way in WAYS {
                let mut decoder = Decoder::try_new(Protected, vec![0; 8]).unwrap();
                let outcome = run(&mut decoder, &chunks, way);
                let expected = Outcome { payloads: payloads.to_vec(), ..Outcome::default() };
                assert_eq!(outcome, expected, "{way:?}, {chunks:?}");
                assert_eq!((decoder.end_of_input(), decoder.stats().frames), (Ok(()), 3));
            }
            for (way, store) in [(Way::NextEvent, 4), (Way::TakeEvent, 4), (Way::TakeEvent, 6)] {
                let mut decoder = Decoder::try_new(Protected.with_limit(7), vec![0; store]).unwrap();
                let outcome = run(&mut decoder, &chunks, way);
                let expected = Outcome { payloads: payloads.to_vec(), ..Outcome::default() };
                assert_eq!(outcome, expected, "streamed, {way:?}, {chunks:?}");
                assert_eq!((decoder.end_of_input(), decoder.stats().frames), (Ok(()), 3));
            }
        }
    }

    /// A large frame over small stores, with chunks of all sizes.
    #[test]
    fn larger_than_the_store() {
        let payload = payload(300);
        let stream = [wire(&payload), wire(b"next")].concat();
        let expected = Outcome { payloads: vec![payload, b"next".to_vec()], ..Outcome::default() };
        for store in [4, 5, 7, 16, 100, 303] {
            for size in [1, 2, 3, 5, 50, 301, 302, 303, 304, 305, 400] {
                let chunks: Vec<_> = stream.chunks(size).collect();
                for way in [Way::NextEvent, Way::TakeEvent] {
                    let mut decoder = Decoder::try_new(Protected.with_limit(304), vec![0; store]).unwrap();
                    assert_eq!(run(&mut decoder, &chunks, way), expected);
                }
            }
        }
    }

    /// A buffer of the caller's own.
    #[test]
    fn by_peek() {
        let frame = wire(b"hello");
        for end in 0..frame.len() {
            let total = if end < 2 { 2 } else { 9 };
            assert_eq!(peek(&Protected, &frame[..end]), Ok(Peek::Incomplete { total }));
        }
        let longer = [&frame[..], b"more"].concat();
        let Ok(Peek::Frame(found)) = peek(&Protected, &longer) else { panic!("it is there") };
        assert_eq!((found.bytes(), found.payload()), (&frame[..], &b"hello"[..]));
        for i in 2..frame.len() {
            let mut damaged = frame.clone();
            damaged[i] ^= 1;
            assert_eq!(peek(&Protected, &damaged), Err(DecodeError::Corrupt));
        }
    }

    /// The limit counts the trailer.
    #[test]
    fn within_a_limit() {
        let frame = wire(b"hello");
        for (limit, expected) in [(9, Ok(true)), (8, Err(DecodeError::TooLong { declared: 9, limit: 8 }))] {
            for store in [4, 9, 64] {
                let mut decoder = Decoder::try_new(Protected.with_limit(limit), vec![0; store]).unwrap();
                let found = decoder.next_event(&mut &frame[..]).map(|event| event.is_some());
                assert_eq!(found, expected);
            }
        }
        // Without one, the store is the limit, with its room for the trailer.
        let mut decoder = Decoder::new(Protected, [0; 8]);
        let too_long = DecodeError::TooLong { declared: 9, limit: 8 };
        assert_eq!(decoder.next_event(&mut &frame[..]), Err(too_long));
        assert_eq!(decoder.take_frame(), Err(too_long));
        // And one that leaves no room for it is refused.
        let refused = ConfigError::LimitTooSmall { limit: 3, needed: 4 };
        assert_eq!(Decoder::try_new(Protected.with_limit(3), [0; 8]).err(), Some(refused));
        let refused = ConfigError::StoreTooSmall { store: 3, needed: 4 };
        assert_eq!(Decoder::try_new(Protected, [0; 3]).err(), Some(refused));
        assert_eq!(Encoder::try_new(Protected, [0; 3]).err(), Some(refused));
    }

    /// A frame that is skipped takes its trailer along, right or wrong, wherever the chunks are
    /// cut.
    #[test]
    fn a_skipped_frame() {
        for damage in [0, 1] {
            let mut stream = [wire(&payload(20)), wire(b"next")].concat();
            stream[23] ^= damage;
            let tail = [&stream[..], b"unframed"].concat();
            for cut in 0..tail.len() {
                for second in cut..tail.len() {
                    let mut decoder = Decoder::new(Protected.with_limit(100), [0; 10]);
                    let (mut seen, mut after) = (vec![], vec![]);
                    for mut chunk in [&tail[..cut], &tail[cut..second], &tail[second..]] {
                        while seen.len() < 2 {
                            match decoder.next_event(&mut chunk).unwrap() {
                                Some(Event::Begin { payload, .. }) => {
                                    assert_eq!((payload, decoder.discard(), decoder.discard()), (20, 20, 0));
                                    seen.push(vec![]);
                                }
                                Some(Event::Frame(frame)) => seen.push(frame.payload().to_vec()),
                                Some(event) => panic!("{event:?}"),
                                None => break,
                            }
                        }
                        if seen.len() == 2 {
                            after.extend(decoder.unframed(&mut chunk, 100));
                            after.extend(decoder.unframed(&mut chunk, 100));
                        }
                    }
                    assert_eq!(seen, [vec![], b"next".to_vec()]);
                    assert_eq!((&after[..], decoder.stats().frames), (&b"unframed"[..], 2));
                }
            }
        }
    }

    /// What is given up in the middle: how much of the frame is left, with its trailer.
    #[test]
    fn a_frame_in_parts() {
        let stream = [wire(&payload(20)), wire(b"next")].concat();
        for taken in 0..=20 {
            let mut decoder = Decoder::new(Protected.with_limit(100), [0; 10]);
            let mut chunk = &stream[..2 + taken];
            assert!(matches!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { payload: 20, .. }))));
            while let Some(Event::Data(_)) = decoder.next_event(&mut chunk).unwrap() {}
            let left = 22 - taken as u64;
            assert_eq!(
                decoder.replace_format(Protected.with_limit(99)),
                Err(ConfigError::MidPayload { left })
            );
            assert!(decoder.is_mid_frame());
            assert_eq!(decoder.unframed(&mut &b"x"[..], 1), b"");
            let error = DecodeError::MidPayload { left: 20 - taken as u64 };
            assert_eq!(decoder.take_frame(), Err(error));
            let missing = if taken < 20 { 20 - taken } else { 2 };
            assert_eq!((decoder.missing(), decoder.poll()), (missing, Ok(Status::Missing(missing))));

            let parts = decoder.into_parts();
            assert_eq!((parts.frame_left, parts.buffered.len()), (left, 0));
            // The rest of it is skipped.
            let mut decoder = Decoder::from_parts(parts).unwrap();
            let mut chunk = &stream[2 + taken..];
            assert_eq!(decoder.next_frame(&mut chunk).unwrap().unwrap().payload(), b"next");
            assert_eq!(decoder.end_of_input(), Ok(()));
        }
        // Bytes that were read ahead come with it.
        for ahead in 0..stream.len() {
            let mut store = vec![0; 40];
            store[5..][..ahead].copy_from_slice(&stream[..ahead]);
            let parts = DecoderParts { format: Protected, store, buffered: 5..5 + ahead, frame_left: 24 };
            let mut decoder = Decoder::from_parts(parts).unwrap();
            let mut chunk = &stream[ahead..];
            assert_eq!(decoder.next_frame(&mut chunk).unwrap().unwrap().payload(), b"next", "{ahead} ahead");
            assert_eq!((decoder.end_of_input(), decoder.stats().frames), (Ok(()), 2));
        }
    }

    /// Pieces of a bounded size leave the check right.
    #[test]
    fn by_bounded_pieces() {
        let expected = payload(20);
        let stream = [wire(&expected), wire(b"next")].concat();
        for max in 1..8 {
            let mut decoder = Decoder::new(Protected.with_limit(100), [0; 10]);
            let (mut rest, mut seen, mut frames) = (&stream[..], vec![], vec![]);
            while frames.len() < 2 {
                if decoder.poll().unwrap() == Status::Ready {
                    let piece = decoder.take_payload(max);
                    assert!(piece.len() <= max);
                    seen.extend(piece);
                    if !piece.is_empty() {
                        continue;
                    }
                    match decoder.take_event().unwrap().unwrap() {
                        Event::Begin { .. } => {}
                        Event::End => frames.push(std::mem::take(&mut seen)),
                        Event::Frame(frame) => frames.push(frame.payload().to_vec()),
                        Event::Data(piece) => panic!("{piece:?} is left"),
                    }
                } else {
                    let space = decoder.space();
                    let n = space.len().min(rest.len());
                    space[..n].copy_from_slice(&rest[..n]);
                    rest = &rest[n..];
                    decoder.filled(n).unwrap();
                }
            }
            assert_eq!(frames, [&expected[..], b"next"]);
            // Outside of a payload there is none.
            assert_eq!(decoder.take_payload(max), b"");
        }
    }
}

/// Damage on the way, and input that is cut off.
mod damage {
    use super::*;

    /// Every bit of a frame, in every way: it never arrives.
    #[test]
    fn every_bit() {
        let frame = wire(b"payload");
        for bit in 0..8 * frame.len() {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // More than the frame, so that a longer one is there as well; and then there may be
            // others.
            let stream = [&damaged[..], &[0x77; 300]].concat();
            for size in [1, 2, 5, 11, 311] {
                for (way, store, limit) in [
                    (Way::NextFrame, 64, 64),
                    (Way::Frames, 64, 64),
                    (Way::TakeFrame, 64, 64),
                    (Way::NextEvent, 64, 64),
                    (Way::TakeEvent, 64, 64),
                    (Way::NextEvent, 4, 300),
                    (Way::TakeEvent, 4, 300),
                ] {
                    let mut decoder = Decoder::try_new(Protected.with_limit(limit), vec![0; store]).unwrap();
                    let chunks: Vec<_> = stream.chunks(size).collect();
                    let outcome = run(&mut decoder, &chunks, way);
                    assert_eq!(outcome.payloads, [[0u8; 0]; 0], "{way:?}, bit {bit}");
                    let error = outcome.error.expect("an error");
                    if bit >= 16 {
                        assert_eq!(error, DecodeError::Corrupt);
                        // What was streamed was given before the trailer could be compared.
                        let open = if store == 4 { &damaged[2..9] } else { &[] };
                        assert_eq!(outcome.open, open);
                    } else {
                        let too_long = matches!(error, DecodeError::TooLong { .. });
                        assert!(error == DecodeError::Corrupt || too_long, "{error}");
                    }
                    assert!(error.is_protocol());
                    assert_eq!(decoder.stats().frames, 0);
                }
            }
        }
    }

    /// The error of a whole frame stays, for every method, until the decoder is told to go on.
    #[test]
    fn an_error_stays() {
        let mut damaged = wire(b"damaged");
        damaged[4] ^= 0x80;
        let stream = [wire(b"before"), damaged.clone(), wire(b"after")].concat();
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::new(Protected.with_limit(64), [0; 64]);
            let mut seen = vec![];
            let mut rest = &stream[..];
            for end in [cut, stream.len()] {
                let used = stream.len() - rest.len();
                let mut chunk = &stream[used..end.max(used)];
                while let Ok(Some(frame)) = decoder.next_frame(&mut chunk) {
                    seen.push(frame.payload().to_vec());
                }
                rest = &stream[end.max(used) - chunk.len()..];
            }
            assert_eq!(seen, [b"before"]);
            let corrupt = Err(DecodeError::Corrupt);
            let (left, bytes) = (rest.len(), decoder.buffered());
            assert_eq!(bytes, damaged.len());
            for _ in 0..2 {
                assert_eq!(decoder.next_frame(&mut rest), corrupt);
                assert_eq!(decoder.frames(&mut rest).next(), corrupt);
                assert_eq!(decoder.next_event(&mut rest), Err(DecodeError::Corrupt));
                assert_eq!(decoder.take_frame(), corrupt);
                assert_eq!(decoder.take_event(), Err(DecodeError::Corrupt));
                assert_eq!(decoder.poll(), Err(DecodeError::Corrupt));
                assert_eq!(decoder.end_of_input(), Err(EndError::Unread { bytes }));
                assert_eq!((decoder.missing(), decoder.is_mid_frame()), (0, false));
                // Another limit is no help.
                decoder.set_limit(100).unwrap();
            }
            assert_eq!((rest.len(), decoder.buffered()), (left, bytes));

            // Looking for the next frame finds it, in the store or in the chunk.
            let (mut found, mut dropped, mut errors) = (vec![], 0, 0);
            let mut again = decoder.clone();
            let mut chunk = rest;
            loop {
                match again.next_frame(&mut chunk) {
                    Ok(Some(frame)) => found.push(frame.payload().to_vec()),
                    Ok(None) => break,
                    Err(_) => {
                        errors += 1;
                        let n = again.resync();
                        assert!(n > 0, "an error, and nothing was dropped");
                        dropped += n;
                    }
                }
            }
            assert_eq!((found, dropped), (vec![b"after".to_vec()], damaged.len()), "cut at {cut}");
            assert!(errors <= damaged.len());

            // Bytes without framing are those at fault.
            let mut again = decoder.clone();
            assert_eq!(again.take_unframed(damaged.len()), damaged);
            let mut chunk = rest;
            assert_eq!(again.next_frame(&mut chunk).unwrap().unwrap().payload(), b"after");

            // A reset forgets all of it.
            decoder.reset();
            assert_eq!(decoder.next_frame(&mut &wire(b"new")[..]).unwrap().unwrap().payload(), b"new");
        }
    }

    /// The same for a frame in pieces: its end never comes.
    #[test]
    fn an_error_at_the_end_of_a_stream_stays() {
        for flipped in [9, 27, 28, 29] {
            let mut stream = wire(&payload(26));
            stream[flipped] ^= 2;
            stream.extend(wire(b"after"));
            for size in [1, 2, 29, 30, 31, 40] {
                let mut decoder = Decoder::new(Protected.with_limit(64), [0; 16]);
                let mut rest = &stream[..];
                let error = 'stream: loop {
                    let n = size.min(rest.len());
                    let mut chunk = &rest[..n];
                    loop {
                        match decoder.next_event(&mut chunk) {
                            Ok(None) => break,
                            Ok(Some(event)) => assert!(matches!(event, Event::Begin { .. } | Event::Data(_))),
                            Err(error) => {
                                rest = &rest[n - chunk.len()..];
                                break 'stream error;
                            }
                        }
                    }
                    rest = &rest[n..];
                };
                assert_eq!((error, decoder.buffered(), rest.len()), (DecodeError::Corrupt, 2, 9));
                for _ in 0..2 {
                    assert_eq!(decoder.next_event(&mut rest), Err(DecodeError::Corrupt));
                    assert_eq!(decoder.take_event(), Err(DecodeError::Corrupt));
                    // By other methods it is still the frame that is under way.
                    assert_eq!(decoder.next_frame(&mut rest), Err(DecodeError::MidPayload { left: 0 }));
                    assert_eq!(decoder.unframed(&mut rest, 10), b"");
                    assert_eq!(decoder.take_payload(10), b"");
                    assert_eq!(decoder.end_of_input(), Err(EndError::Unread { bytes: 2 }));
                    assert_eq!((decoder.missing(), decoder.is_mid_frame(), rest.len()), (0, false, 9));
                }
                // Giving the frame up in one way or another goes on after it.
                let mut again = decoder.clone();
                let mut chunk = rest;
                assert_eq!(again.discard(), 0);
                assert_eq!(again.next_frame(&mut chunk).unwrap().unwrap().payload(), b"after");
                assert_eq!(again.stats().frames, 2);

                // So does looking for the next frame, which may begin in what is left: in the
                // trailer.
                let mut dropped = decoder.resync();
                assert!(dropped > 0);
                let found = loop {
                    match decoder.next_frame(&mut rest) {
                        Ok(frame) => break frame.map(|frame| frame.payload().to_vec()),
                        Err(_) => dropped += decoder.resync(),
                    }
                };
                assert_eq!((found.as_deref(), dropped), (Some(&b"after"[..]), 2));
                assert_eq!(decoder.stats().frames, 1);
            }
        }
    }

    /// The end of the input anywhere in a frame, whole or streamed, also between payload and
    /// trailer.
    #[test]
    fn a_truncated_end() {
        let frame = wire(b"payload");
        for end in 1..frame.len() {
            for way in WAYS {
                let mut decoder = Decoder::try_new(Protected, vec![0; 32]).unwrap();
                assert_eq!(run(&mut decoder, &[&frame[..end]], way), Outcome::default());
                let want = if end < 2 { 2 } else { 11 };
                let error = EndError::Truncated { have: end, want };
                assert_eq!((decoder.end_of_input(), decoder.missing()), (Err(error), want - end));
                assert!(decoder.is_mid_frame() && error.is_protocol());
                // It was a question, not a change.
                let rest = run(&mut decoder, &[&frame[end..]], way);
                assert_eq!(rest.payloads, [b"payload"]);
            }
            for way in [Way::NextEvent, Way::TakeEvent] {
                for single in [false, true] {
                    let mut decoder = Decoder::try_new(Protected.with_limit(32), vec![0; 4]).unwrap();
                    let chunks: Vec<_> = frame[..end].chunks(if single { 1 } else { 32 }).collect();
                    let outcome = run(&mut decoder, &chunks, way);
                    assert_eq!(outcome.open, &frame[2.min(end)..end.min(9)]);
                    let error = match end {
                        1 => EndError::Truncated { have: 1, want: 2 },
                        _ => EndError::TruncatedPayload { missing: 11 - end as u64 },
                    };
                    assert_eq!(decoder.end_of_input(), Err(error), "{end} bytes");
                    let missing = match end {
                        1 => 1,
                        2..9 => 9 - end,
                        _ => 11 - end,
                    };
                    assert_eq!((decoder.missing(), decoder.is_mid_frame()), (missing, true));
                    // A trailer in two pieces is one.
                    let rest = run(&mut decoder, &[&frame[end..]], way);
                    assert_eq!((rest.error, rest.payloads.len()), (None, 1));
                    assert_eq!(decoder.end_of_input(), Ok(()));
                }
            }
            // Skipped, it is no less truncated.
            let mut decoder = Decoder::new(Protected.with_limit(32), [0; 4]);
            let mut chunk = &frame[..end];
            if let Some(Event::Begin { .. }) = decoder.next_event(&mut chunk).unwrap() {
                decoder.discard();
                assert_eq!(decoder.next_event(&mut chunk), Ok(None));
                let missing = 11 - end as u64;
                assert_eq!(decoder.end_of_input(), Err(EndError::TruncatedPayload { missing }));
                assert_eq!((decoder.missing() as u64, decoder.is_mid_frame()), (missing, true));
            }
        }
    }
}

/// A trailer that never varies: the frame-end octet of AMQP 0-9-1, sections 2.3.5 and 4.2.3.
mod fixed {
    use super::*;

    #[derive(Clone, Copy, Debug, Default)]
    struct FrameEnd;

    impl Trailer for FrameEnd {
        const MAX_LEN: usize = 1;

        fn update(&mut self, _: &[u8]) {}

        fn write(&self, out: &mut [u8]) {
            out.fill(0xce);
        }

        fn matches(&self, received: &[u8]) -> bool {
            received == [0xce]
        }
    }

    /// Type, channel, size of the payload, payload, frame-end octet.
    #[derive(Clone, Copy, Debug)]
    struct Amqp;

    impl Format for Amqp {
        type Trailer = FrameEnd;

        fn max_header(&self) -> usize {
            7
        }

        fn min_header(&self) -> usize {
            7
        }

        fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
            match prefix.first_chunk() {
                Some(&[_, _, _, a, b, c, d]) => {
                    Ok(Parsed::Frame { header: 7, payload: u32::from_be_bytes([a, b, c, d]).into() })
                }
                None => Ok(Parsed::Incomplete { total: 7 }),
            }
        }

        fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
            match fields {
                [_, _, _] if payload <= u32::MAX.into() => Ok(7),
                [_, _, _] => Err(EncodeError::Unrepresentable { payload }),
                _ => Err(EncodeError::Fields { given: fields.len(), wanted: 3 }),
            }
        }

        fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
            let (before, size) = out.split_at_mut(3);
            before.copy_from_slice(fields);
            size.copy_from_slice(&(payload as u32).to_be_bytes());
        }
    }

    impl StaticFormat for Amqp {
        const MAX_HEADER: usize = 7;
    }

    #[test]
    fn frames_have_an_end_octet() {
        // A heartbeat, and Connection.CloseOk.
        let stream = b"\x08\0\0\0\0\0\0\xce\x01\0\0\0\0\0\x04\0\x0a\0\x33\xce";
        let mut encoder = Encoder::new(Amqp, [0; 64]);
        encoder.push_with(b"\x08\0\0", &[]).unwrap();
        encoder.push_with(b"\x01\0\0", &[b"\0\x0a", b"\0\x33"]).unwrap();
        assert_eq!(encoder.pending().0, stream);
        let mut writer = encoder.begin(b"\x01\0\0").unwrap();
        writer.write(b"\0\x0a\0\x33").unwrap();
        writer.publish().unwrap();
        encoder.announce(b"\x08\0\0", 0).unwrap();
        assert_eq!(encoder.pending().0[20..], [&stream[8..], &stream[..8]].concat());

        for cut in 0..stream.len() {
            let mut decoder = Decoder::new(Amqp, [0; 16]);
            let mut seen = vec![];
            for mut chunk in [&stream[..cut], &stream[cut..]] {
                let mut frames = decoder.frames(&mut chunk);
                while let Some(frame) = frames.next().unwrap() {
                    seen.push((frame.header()[0], frame.payload().to_vec()));
                }
            }
            assert_eq!(seen, [(8, vec![]), (1, b"\0\x0a\0\x33".to_vec())]);
            assert_eq!(decoder.end_of_input(), Ok(()));
        }
    }

    #[test]
    fn another_octet_is_an_error() {
        for octet in (0..=255).filter(|&octet| octet != 0xce) {
            let stream = [b"\x01\0\0\0\0\0\x04\0\x0a\0\x33", &[octet][..]].concat();
            for cut in 0..=stream.len() {
                let mut decoder = Decoder::new(Amqp, [0; 16]);
                assert_eq!(decoder.next_frame(&mut &stream[..cut.min(11)]), Ok(None));
                let rest = decoder.next_frame(&mut &stream[cut.min(11)..]);
                assert_eq!(rest, Err(DecodeError::Corrupt));

                // The header fills this store.
                let mut decoder = Decoder::new(Amqp.with_limit(100), [0; 8]);
                let (mut error, mut pieces) = (None, vec![]);
                for mut chunk in [&stream[..cut], &stream[cut..]] {
                    loop {
                        match decoder.next_event(&mut chunk) {
                            Ok(Some(Event::Begin { .. })) => {}
                            Ok(Some(Event::Data(piece))) => pieces.extend(piece),
                            Ok(Some(event)) => panic!("{event:?}"),
                            Ok(None) => break,
                            Err(found) => {
                                error = Some(found);
                                break;
                            }
                        }
                    }
                }
                assert_eq!((error, &pieces[..]), (Some(DecodeError::Corrupt), &b"\0\x0a\0\x33"[..]));
            }
        }
    }
}

/// What a format may choose about its trailer.
mod choices {
    use super::*;

    /// A check that leaves the first byte of the header out, as IP leaves out what changes on the
    /// way, and that can be switched off.
    #[derive(Clone, Copy, Debug)]
    struct Chosen {
        checked: bool,
    }

    #[derive(Clone, Copy, Debug, Default)]
    struct Sum(u8);

    impl Trailer for Sum {
        const MAX_LEN: usize = 1;

        fn update(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(*byte));
        }

        fn write(&self, out: &mut [u8]) {
            out.fill(self.0);
        }

        fn matches(&self, received: &[u8]) -> bool {
            received.iter().all(|byte| *byte == self.0)
        }
    }

    impl Format for Chosen {
        type Trailer = Sum;

        fn max_header(&self) -> usize {
            2
        }

        fn trailer_len(&self) -> usize {
            usize::from(self.checked)
        }

        fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
            match *prefix {
                [_, length, ..] => Ok(Parsed::Frame { header: 2, payload: length.into() }),
                _ => Ok(Parsed::Incomplete { total: 2 }),
            }
        }

        fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
            match (fields, payload) {
                ([_], ..=255) => Ok(2),
                ([_], _) => Err(EncodeError::Unrepresentable { payload }),
                _ => Err(EncodeError::Fields { given: fields.len(), wanted: 1 }),
            }
        }

        fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
            out.copy_from_slice(&[fields[0], payload as u8]);
        }

        fn begin_trailer(&self, header: &[u8]) -> Sum {
            let mut sum = Sum::default();
            sum.update(&header[1..]);
            sum
        }
    }

    #[test]
    fn a_part_of_the_header_can_be_left_out() {
        let mut encoder = Encoder::try_new(Chosen { checked: true }, [0; 32]).unwrap();
        encoder.push_with(b"t", &[b"\x01\x02"]).unwrap();
        encoder.announce(b"t", 2).unwrap();
        encoder.feed(b"\x01\x02").unwrap();
        let mut writer = encoder.begin(b"t").unwrap();
        writer.write(b"\x01\x02").unwrap();
        writer.publish().unwrap();
        let wire = encoder.pending().0;
        assert_eq!(wire, b"t\x02\x01\x02\x05".repeat(3));

        // The first byte may change, the second may not.
        let mut changed = wire[..5].to_vec();
        changed[0] = b'u';
        for store in [3, 8] {
            let format = Chosen { checked: true }.with_limit(64);
            let mut decoder = Decoder::try_new(format, vec![0; store]).unwrap();
            let mut chunk = &changed[..];
            let mut last = None;
            while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
                last = Some(matches!(event, Event::Frame(_) | Event::End));
            }
            assert_eq!(last, Some(true));
        }
    }

    #[test]
    fn a_trailer_can_be_switched_off() {
        let plain = Chosen { checked: false };
        let mut wire = [0xee; 8];
        assert_eq!(encode_with(&plain, b"t", &[b"\x01\x02"], &mut wire), Ok(4));
        assert_eq!(&wire, b"t\x02\x01\x02\xee\xee\xee\xee");
        let mut encoder = Encoder::try_new(plain, [0; 4]).unwrap();
        encoder.push_with(b"t", &[b"\x01\x02"]).unwrap();
        assert_eq!(encoder.pending().0, b"t\x02\x01\x02");

        let stream = b"t\x02\x01\x02t\0t\x01!";
        for cut in 0..=stream.len() {
            for store in [2, 4] {
                let mut decoder = Decoder::try_new(plain.with_limit(4), vec![0; store]).unwrap();
                let (mut seen, mut ends) = (vec![], 0);
                for mut chunk in [&stream[..cut], &stream[cut..]] {
                    compare(&decoder, chunk, Call::NextEvent).unwrap();
                    while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
                        match event {
                            Event::Frame(frame) => seen.extend(frame.payload()),
                            Event::Data(piece) => seen.extend(piece),
                            Event::Begin { .. } => continue,
                            Event::End => {}
                        }
                        ends += usize::from(!matches!(event, Event::Data(_)));
                    }
                }
                assert_eq!((&seen[..], ends), (&b"\x01\x02!"[..], 3));
                assert_eq!((decoder.end_of_input(), decoder.stats().frames), (Ok(()), 3));
            }
        }
    }

    /// A trailer longer than its type says is refused when the decoder is made.
    #[test]
    fn a_trailer_is_not_longer_than_its_type() {
        /// The check of `Chosen`, which is one byte, with a trailer of two.
        #[derive(Clone, Copy)]
        struct TooLong;

        impl Format for TooLong {
            type Trailer = Sum;

            fn max_header(&self) -> usize {
                2
            }

            fn trailer_len(&self) -> usize {
                2
            }

            fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
                Chosen { checked: true }.parse(prefix)
            }

            fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
                Chosen { checked: true }.header_len(fields, payload)
            }

            fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
                Chosen { checked: true }.write(fields, payload, out);
            }
        }

        let refused = ConfigError::HeaderTooLong { max: 1 };
        assert_eq!(Decoder::try_new(TooLong, [0; 16]).err(), Some(refused));
        assert_eq!(Encoder::try_new(TooLong, [0; 16]).err(), Some(refused));
    }

    /// A trailer longer than this crate handles is refused when the decoder is made.
    #[test]
    fn a_trailer_has_a_largest_length() {
        #[derive(Clone, Copy)]
        struct Long(usize);

        #[derive(Clone, Copy, Default)]
        struct Endless;

        impl Trailer for Endless {
            const MAX_LEN: usize = 100;

            fn update(&mut self, _: &[u8]) {}

            fn write(&self, out: &mut [u8]) {
                out.fill(b'-');
            }

            fn matches(&self, received: &[u8]) -> bool {
                received.iter().all(|&byte| byte == b'-')
            }
        }

        impl Format for Long {
            type Trailer = Endless;

            fn max_header(&self) -> usize {
                1
            }

            fn trailer_len(&self) -> usize {
                self.0
            }

            fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
                match prefix {
                    [] => Ok(Parsed::Incomplete { total: 1 }),
                    [length, ..] => Ok(Parsed::Frame { header: 1, payload: u64::from(*length) }),
                }
            }

            fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
                u8::try_from(payload).map(|_| 1).map_err(|_| EncodeError::Unrepresentable { payload })
            }

            fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
                out.fill(payload as u8);
            }
        }

        let refused = ConfigError::HeaderTooLong { max: 64 };
        assert_eq!(Decoder::try_new(Long(65), [0; 256]).err(), Some(refused));
        assert_eq!(Encoder::try_new(Long(65), [0; 256]).err(), Some(refused));
        // The longest, in a store that holds no more than it and the header.
        let mut encoder = Encoder::try_new(Long(64).with_limit(100), [0; 65]).unwrap();
        let mut decoder = Decoder::try_new(Long(64).with_limit(100), [0; 65]).unwrap();
        encoder.announce(&[], 2).unwrap();
        let (mut rest, mut wire) = (&b"ab"[..], vec![]);
        while encoder.left() > 0 || !encoder.is_empty() {
            rest = &rest[encoder.feed(rest).unwrap()..];
            let mut out = [0; 10];
            let n = encoder.drain(&mut out);
            wire.extend(&out[..n]);
        }
        assert_eq!(wire, [b"\x02ab", &[b'-'; 64][..]].concat());
        for size in [1, 66, 67] {
            let mut events = 0;
            for mut chunk in wire.chunks(size) {
                while let Some(event) = decoder.next_event(&mut chunk).unwrap() {
                    events += usize::from(event == Event::End);
                }
            }
            assert_eq!(events, 1);
        }
    }
}
