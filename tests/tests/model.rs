//! Random use of the public API, also such that nobody would write, against models that are nothing but
//! the bytes: what is pending for the encoder, the stream and a position in it for the decoder. No byte may be
//! lost or doubled, whatever was called before.

use std::collections::VecDeque;
use std::mem;

use proptest::prelude::*;
use ringframe::{
    DecodeError, Decoder, EncodeError, Encoder, Endian, Event, FinishError, Header, HeaderError, LengthField,
    Status, Width,
};

/// The formats in use here, with each feature of a description in one of them.
const FORMATS: [LengthField; 6] = [
    LengthField { width: Width::U8, ..LengthField::DEFAULT },
    LengthField { width: Width::U16, endian: Endian::Little, ..LengthField::DEFAULT },
    LengthField { width: Width::Varint64, ..LengthField::DEFAULT },
    LengthField { offset: 1, width: Width::VarintMqtt, ..LengthField::DEFAULT },
    // The length counts two of the four bytes behind it and not the payload's first three.
    LengthField { offset: 2, width: Width::U16, adjust: 5, header: Some(8), ..LengthField::DEFAULT },
    LengthField { width: Width::U24, adjust: -3, ..LengthField::DEFAULT },
];

const FIELDS: &[u8] = b"fields";

/// The bytes around the length field that `FORMATS[index]` wants.
fn fields(index: usize) -> &'static [u8] {
    let fields = [0, 0, 0, 1, 6, 0];
    // The fifth has two in front and four behind.
    &FIELDS[..fields[index]]
}

/// A header as the format's document has it, without the codec; `None` where there is none.
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
        _ => [&[0], &(payload as u16 + 3).to_be_bytes()[..]].concat(),
    })
}

/// The payload's length, of the first frame in `bytes`, and its header's; `Err` with the bytes needed.
fn parse(index: usize, bytes: &[u8]) -> Result<Result<(usize, u64), HeaderError>, usize> {
    let (offset, width) = [(0, 1), (0, 2), (0, 0), (1, 0), (2, 2), (0, 3)][index];
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
        0 => Ok((1, value)),
        1 => Ok((2, (value as u16).swap_bytes().into())),
        4 => Ok((8, value + 1)),
        _ => value
            .checked_sub(3)
            .map(|payload| (3, payload))
            .ok_or(HeaderError::ShorterThanHeader { value, header: 3 }),
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

mod encoder {
    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Push(Vec<usize>),
        /// Pieces to write, and how it ends.
        Write(Vec<usize>, End),
        Start(usize),
        Feed(usize),
        Bypass(usize),
        Raw(usize),
        Advance(usize),
        Drain(usize),
        Reset,
    }

    #[derive(Clone, Copy, Debug)]
    enum End {
        Finish,
        Drop,
        Forget,
    }

    fn op() -> impl Strategy<Value = Op> {
        let pieces = || prop::collection::vec(prop_oneof![4 => 0..30usize, 1 => 100..300usize], 0..4);
        let end = prop_oneof![4 => Just(End::Finish), 1 => Just(End::Drop), 1 => Just(End::Forget)];
        prop_oneof![
            8 => pieces().prop_map(Op::Push),
            8 => (pieces(), end).prop_map(|(pieces, end)| Op::Write(pieces, end)),
            2 => (0..150usize).prop_map(Op::Start),
            6 => (0..60usize).prop_map(Op::Feed),
            1 => (0..60usize).prop_map(Op::Bypass),
            2 => (0..60usize).prop_map(Op::Raw),
            8 => (0..150usize).prop_map(Op::Advance),
            4 => (0..80usize).prop_map(Op::Drain),
            1 => Just(Op::Reset),
        ]
    }

    proptest! {
        #![proptest_config(config(2000))]

        #[test]
        fn keeps_every_byte(index in 0..FORMATS.len(), store in 10..300usize, ops in prop::collection::vec(op(), 0..60)) {
            run(index, store, &ops);
        }
    }

    fn run(index: usize, store: usize, ops: &[Op]) {
        let format = FORMATS[index].check().unwrap();
        let mut encoder = Encoder::try_new(format, vec![0; store]).unwrap();
        let mut model: VecDeque<u8> = VecDeque::new();
        let (mut left, mut frames, mut newest) = (0u64, 0u32, 0u8);
        let mut bytes = |n: usize| -> Vec<u8> {
            newest = newest.wrapping_add(1);
            (0..n).map(|i| newest.wrapping_add(i as u8)).collect()
        };
        let fields = fields(index);
        for op in ops {
            let free = store - model.len();
            let no_room = |needed| Err(EncodeError::NoRoom { needed: needed as u64, free });
            match op {
                Op::Push(pieces) => {
                    let parts: Vec<_> = pieces.iter().map(|&n| bytes(n)).collect();
                    let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                    let payload = parts.concat();
                    let expected = match header(index, payload.len()) {
                        _ if left > 0 => Err(EncodeError::MidPayload { left }),
                        None => Err(EncodeError::Unrepresentable { payload: payload.len() as u64 }),
                        Some(header) if header.len() + payload.len() > free => {
                            no_room(header.len() + payload.len())
                        }
                        Some(header) => {
                            model.extend(header.iter().chain(&payload));
                            frames += 1;
                            Ok(())
                        }
                    };
                    assert_eq!(encoder.push_parts(fields, &parts), expected);
                }
                Op::Write(pieces, end) => {
                    let least = if index == 4 { 1 } else { 0 };
                    let gap = header(index, least).unwrap().len();
                    let mut writer = match encoder.begin(fields) {
                        Ok(writer) => writer,
                        Err(error) => {
                            let expected =
                                if left > 0 { Err(EncodeError::MidPayload { left }) } else { no_room(gap) };
                            assert_eq!(Err(error), expected);
                            assert!(left > 0 || gap > free);
                            continue;
                        }
                    };
                    assert!(left == 0 && gap <= free);
                    let mut payload = vec![];
                    for &piece in pieces {
                        let piece = bytes(piece);
                        let needed = gap + payload.len() + piece.len();
                        let expected = if needed > free { no_room(needed) } else { Ok(()) };
                        assert_eq!(writer.write(&piece), expected);
                        if expected.is_ok() {
                            payload.extend(piece);
                        }
                        assert_eq!(writer.written(), payload.len());
                    }
                    match end {
                        #[expect(
                            clippy::forget_non_drop,
                            reason = "must hold if it is given a `Drop` one day"
                        )]
                        End::Forget => mem::forget(writer),
                        End::Drop => drop(writer),
                        End::Finish => {
                            let expected = match header(index, payload.len()) {
                                None => Err(EncodeError::Unrepresentable { payload: payload.len() as u64 }),
                                Some(header) if header.len() + payload.len() > free => {
                                    no_room(header.len() + payload.len())
                                }
                                Some(header) => {
                                    model.extend(header.iter().chain(&payload));
                                    frames += 1;
                                    Ok(())
                                }
                            };
                            assert_eq!(writer.finish(), expected);
                        }
                    }
                }
                Op::Start(n) => {
                    let expected = match header(index, *n) {
                        _ if left > 0 => Err(EncodeError::MidPayload { left }),
                        None => Err(EncodeError::Unrepresentable { payload: *n as u64 }),
                        Some(header) if header.len() > free => no_room(header.len()),
                        Some(header) => {
                            model.extend(&header);
                            left = *n as u64;
                            frames += u32::from(left == 0);
                            Ok(())
                        }
                    };
                    assert_eq!(encoder.start(fields, *n as u64), expected);
                }
                Op::Feed(n) => {
                    let piece = bytes(*n);
                    if *n as u64 > left {
                        assert_eq!(encoder.feed(&piece), Err(EncodeError::Overrun { given: *n, left }));
                    } else {
                        let n = free.min(*n);
                        assert_eq!(encoder.feed(&piece), Ok(n));
                        model.extend(&piece[..n]);
                        left -= n as u64;
                        frames += u32::from(n > 0 && left == 0);
                    }
                }
                Op::Bypass(n) => {
                    if *n as u64 > left {
                        assert_eq!(encoder.bypass(*n), Err(EncodeError::Overrun { given: *n, left }));
                    } else {
                        assert_eq!(encoder.bypass(*n), Ok(()));
                        left -= *n as u64;
                        frames += u32::from(*n > 0 && left == 0);
                    }
                }
                Op::Raw(n) => {
                    let piece = bytes(*n);
                    if left > 0 {
                        assert_eq!(encoder.raw(&piece), Err(EncodeError::MidPayload { left }));
                    } else {
                        let n = free.min(*n);
                        assert_eq!(encoder.raw(&piece), Ok(n));
                        model.extend(&piece[..n]);
                    }
                }
                Op::Advance(n) => {
                    encoder.advance(*n);
                    model.drain(..model.len().min(*n));
                }
                Op::Drain(n) => {
                    let mut out = vec![0; *n];
                    let drained = encoder.drain(&mut out);
                    assert_eq!(drained, model.len().min(*n));
                    assert!(model.drain(..drained).eq(out[..drained].iter().copied()));
                }
                Op::Reset => {
                    encoder.reset();
                    model.clear();
                    left = 0;
                }
            }
            let (first, second) = encoder.pending();
            assert!(first.iter().chain(second).eq(&model), "after {op:?}: {first:?} {second:?} {model:?}");
            assert!(!first.is_empty() || second.is_empty(), "a transport that sends the first slice stalls");
            assert_eq!(
                (encoder.left(), encoder.free(), encoder.frames()),
                (left, store - model.len(), frames)
            );
            assert_eq!((encoder.is_empty(), encoder.capacity()), (model.is_empty(), store));
            assert!(encoder.high_water() >= first.len() + second.len());
        }
        let (_, store, pending) = encoder.into_parts();
        assert!(store[pending].iter().eq(&model));
    }
}

mod decoder {
    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        /// `decode` with a chunk of that size.
        Decode(usize),
        Event(usize, u64),
        NextFrame,
        NextEvent(u64),
        Discard,
        Raw(usize, usize),
        /// That many bytes into `space`, fewer where it is smaller.
        Fill(usize),
        Commit(usize),
        Poll(u64),
        Finish,
        Reset,
    }

    fn op() -> impl Strategy<Value = Op> {
        let limit = || prop_oneof![Just(12u64), Just(100), Just(1 << 20), Just(u64::MAX)];
        let size = || prop_oneof![2 => 0..4usize, 4 => 0..40usize, 1 => 0..600usize, 1 => 0..3000usize];
        prop_oneof![
            10 => size().prop_map(Op::Decode),
            10 => (size(), limit()).prop_map(|(size, limit)| Op::Event(size, limit)),
            6 => Just(Op::NextFrame),
            6 => limit().prop_map(Op::NextEvent),
            3 => Just(Op::Discard),
            1 => (size(), size()).prop_map(|(size, max)| Op::Raw(size, max)),
            14 => size().prop_map(Op::Fill),
            1 => Just(Op::Commit(usize::MAX)),
            3 => limit().prop_map(Op::Poll),
            3 => Just(Op::Poll(0)),
            2 => Just(Op::Finish),
            1 => Just(Op::Reset),
        ]
    }

    /// Frames of the format, mostly small, some larger than the store, and now and then bytes of no meaning.
    fn stream(index: usize) -> impl Strategy<Value = Stream> {
        let piece = prop_oneof![
            10 => (0..12usize).prop_map(Ok),
            6 => (0..60usize).prop_map(Ok),
            2 => (0..300usize).prop_map(Ok),
            1 => (0..3000usize).prop_map(Ok),
            1 => prop::collection::vec(any::<u8>(), 1..9).prop_map(Err),
        ];
        prop::collection::vec(piece, 0..60).prop_map(move |pieces| {
            let mut bytes = vec![];
            for piece in pieces {
                match piece {
                    Ok(payload) => {
                        let Some(header) = header(index, payload) else { continue };
                        bytes.extend(header);
                        bytes.extend(
                            (0..payload).map(|i| (i as u8).wrapping_mul(7).wrapping_add(payload as u8)),
                        );
                    }
                    Err(junk) => bytes.extend(junk),
                }
            }
            Stream(bytes)
        })
    }

    fn case() -> impl Strategy<Value = (usize, usize, Stream, Vec<Op>)> {
        // In a large store a small partial frame moves to the front before the end is reached.
        let store = prop_oneof![9 => 10..120usize, 1 => 4200..9000usize];
        (0..FORMATS.len(), store).prop_flat_map(|(index, store)| {
            (Just(index), Just(store), stream(index), prop::collection::vec(op(), 0..200))
        })
    }

    proptest! {
        #![proptest_config(config(3000))]

        #[test]
        fn keeps_every_byte((index, store, bytes, ops) in case()) {
            Model::new(index, store, &bytes.0).run(&ops);
        }
    }

    /// What the decoder awaits, as far as its user can know.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Mode {
        Frame,
        Payload(u64),
        Skip(u64),
    }

    #[derive(Debug, PartialEq)]
    enum Told {
        Nothing,
        Frame { header: usize, frame: usize },
        Begin { header: usize, payload: u64 },
        Error(DecodeError),
    }

    /// A stream that a failure shows in one line.
    #[derive(Clone)]
    struct Stream(Vec<u8>);

    impl std::fmt::Debug for Stream {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0.escape_ascii().to_string())
        }
    }

    struct Model<'s> {
        index: usize,
        store: usize,
        stream: &'s [u8],
        decoder: Decoder<ringframe::Checked, Vec<u8>>,
        /// Where in the stream the first byte is that was not handed out yet.
        at: usize,
        /// How much of the stream the decoder was given.
        fed: usize,
        mode: Mode,
        frames: u32,
        /// The `at` of a frame that `event` would stream and whose header is not complete: that it is too
        /// long for another verb is told once the header is complete, not as soon as its length is.
        awaited: Option<usize>,
    }

    impl<'s> Model<'s> {
        fn new(index: usize, store: usize, stream: &'s [u8]) -> Self {
            let format = FORMATS[index].check().unwrap();
            let decoder = Decoder::try_new(format, vec![0; store]).unwrap();
            Self { index, store, stream, decoder, at: 0, fed: 0, mode: Mode::Frame, frames: 0, awaited: None }
        }

        /// What a verb must say that sees the stream up to `to`, in mode `Frame`.
        fn told(&mut self, to: usize, limit: u64) -> Told {
            let bytes = &self.stream[self.at..to];
            let (header, payload) = match parse(self.index, bytes) {
                Err(_) => return Told::Nothing,
                Ok(Err(error)) => return Told::Error(DecodeError::Header(error)),
                Ok(Ok(parsed)) => parsed,
            };
            let frame = payload + header as u64;
            if frame <= self.store as u64 {
                let frame = frame as usize;
                if frame <= bytes.len() { Told::Frame { header, frame } } else { Told::Nothing }
            } else if header > bytes.len() && self.awaited == Some(self.at) {
                Told::Nothing
            } else if frame > limit {
                Told::Error(DecodeError::TooLong { declared: frame, limit: limit.max(self.store as u64) })
            } else if header <= bytes.len() {
                Told::Begin { header, payload }
            } else {
                self.awaited = Some(self.at);
                Told::Nothing
            }
        }

        /// What is skipped once the stream up to `to` is there.
        fn skip(&mut self, to: usize) {
            if let Mode::Skip(left) = self.mode {
                let n = left.min((to - self.at) as u64);
                self.at += n as usize;
                self.mode = Mode::Skip(left - n);
                if n == left {
                    self.mode = Mode::Frame;
                    self.frames += 1;
                }
                // What was skipped went in, too.
                self.fed = self.fed.max(self.at);
            }
        }

        /// One call of `decode` (`None`) or `event`, with a chunk of at most `size` bytes.
        fn verb(&mut self, size: usize, limit: Option<u64>) {
            let to = self.stream.len().min(self.fed + size);
            let mut input = &self.stream[self.fed..to];
            self.skip(to);
            let told =
                if self.mode == Mode::Frame { self.told(to, limit.unwrap_or(0)) } else { Told::Nothing };
            let event = match limit {
                None => self.decoder.decode(&mut input).map(|frame| frame.map(Event::Frame)),
                Some(limit) => self.decoder.event(&mut input, limit),
            };
            self.fed = to - input.len();
            if let Mode::Payload(left) = self.mode {
                if limit.is_none() {
                    assert_eq!(event, Err(DecodeError::MidPayload { left }));
                    return;
                }
                match event.unwrap() {
                    Some(Event::Data(piece)) => {
                        assert!(!piece.is_empty() && piece.len() as u64 <= left);
                        assert_eq!(piece, &self.stream[self.at..self.at + piece.len()]);
                        self.at += piece.len();
                        self.mode = Mode::Payload(left - piece.len() as u64);
                    }
                    Some(Event::End) => {
                        assert_eq!(left, 0);
                        self.mode = Mode::Frame;
                        self.frames += 1;
                    }
                    other => {
                        assert_eq!(other, None);
                        assert!(left > 0 && self.at == to);
                    }
                }
                return;
            }
            match event {
                Ok(Some(Event::Frame(frame))) => {
                    let bytes = frame.bytes();
                    assert_eq!(told, Told::Frame { header: frame.header().len(), frame: bytes.len() });
                    assert_eq!(bytes, &self.stream[self.at..self.at + bytes.len()]);
                    self.at += bytes.len();
                    self.frames += 1;
                }
                Ok(Some(Event::Begin { header, payload })) => {
                    assert_eq!(told, Told::Begin { header: header.len(), payload });
                    assert_eq!(header, &self.stream[self.at..self.at + header.len()]);
                    self.at += header.len();
                    self.mode = Mode::Payload(payload);
                }
                Ok(Some(other)) => panic!("{other:?} without a beginning"),
                Ok(None) => {
                    assert_eq!(told, Told::Nothing);
                    assert!(input.is_empty(), "nothing, but input is left");
                }
                Err(error) => assert_eq!(told, Told::Error(error)),
            }
        }

        fn poll(&mut self, limit: u64) {
            self.skip(self.fed);
            let told = if self.mode == Mode::Frame { self.told(self.fed, limit) } else { Told::Nothing };
            let status = if limit == 0 { self.decoder.poll() } else { self.decoder.poll_event(limit) };
            match status {
                Ok(Status::Need(n)) => {
                    assert!(n > 0 && n == self.decoder.need());
                    assert!(!self.decoder.space().is_empty(), "no space although more is needed");
                    match self.mode {
                        Mode::Frame => assert_eq!(told, Told::Nothing),
                        Mode::Payload(left) => assert!(left > 0 && self.at == self.fed),
                        Mode::Skip(left) => assert_eq!(n as u64, left),
                    }
                }
                Ok(Status::Ready) => match self.mode {
                    Mode::Frame => {
                        assert!(matches!(told, Told::Frame { .. } | Told::Begin { .. }), "{told:?}");
                    }
                    Mode::Payload(left) => assert!(left == 0 || self.at < self.fed),
                    Mode::Skip(_) => panic!("ready although nothing but skipped bytes can be there"),
                },
                Err(error) => match self.mode {
                    Mode::Payload(left) => {
                        assert!(limit == 0);
                        assert_eq!(error, DecodeError::MidPayload { left });
                    }
                    _ => assert_eq!(told, Told::Error(error)),
                },
            }
        }

        fn finish(&mut self) {
            self.skip(self.fed);
            let end = self.decoder.finish();
            let have = self.fed - self.at;
            match self.mode {
                Mode::Skip(left) => assert_eq!(end, Err(FinishError::TruncatedPayload { missing: left })),
                Mode::Payload(left) if left == 0 || have > 0 => {
                    assert_eq!(end, Err(FinishError::Unread { bytes: have }));
                }
                Mode::Payload(left) => assert_eq!(end, Err(FinishError::TruncatedPayload { missing: left })),
                Mode::Frame if have == 0 => assert_eq!(end, Ok(())),
                Mode::Frame => match (self.told(self.fed, 0), end) {
                    (Told::Nothing, Err(FinishError::Truncated { have: h, want })) => {
                        assert!(h == have && want > have);
                    }
                    (Told::Error(error), end) => assert_eq!(end, Err(FinishError::Protocol(error))),
                    (told, end) => {
                        assert_eq!(end, Err(FinishError::Unread { bytes: have }), "{told:?}");
                        assert!(matches!(told, Told::Frame { .. }));
                    }
                },
            }
        }

        fn run(mut self, ops: &[Op]) {
            for op in ops {
                match *op {
                    Op::Decode(size) => self.verb(size, None),
                    Op::Event(size, limit) => self.verb(size, Some(limit)),
                    Op::NextFrame => self.verb(0, None),
                    Op::NextEvent(limit) => self.verb(0, Some(limit)),
                    Op::Discard => {
                        let expected = if let Mode::Payload(left) = self.mode { left } else { 0 };
                        assert_eq!(self.decoder.discard(), expected);
                        if let Mode::Payload(left) = self.mode {
                            self.mode = Mode::Skip(left);
                            self.skip(self.fed);
                        }
                    }
                    Op::Raw(size, max) => {
                        let to = self.stream.len().min(self.fed + size);
                        let mut input = &self.stream[self.fed..to];
                        self.skip(to);
                        self.awaited = None;
                        let raw = self.decoder.raw(&mut input, max);
                        self.fed = to - input.len();
                        assert_eq!(raw, &self.stream[self.at..self.at + raw.len()]);
                        assert!(raw.len() <= max);
                        let more_to_have = max > 0 && self.at < to;
                        match &mut self.mode {
                            Mode::Frame => assert_eq!(raw.is_empty(), !more_to_have),
                            Mode::Payload(left) => {
                                assert_eq!(raw.is_empty(), !more_to_have || *left == 0);
                                *left -= raw.len() as u64;
                            }
                            Mode::Skip(_) => assert!(raw.is_empty()),
                        }
                        self.at += raw.len();
                    }
                    Op::Fill(n) => {
                        let space = self.decoder.space();
                        let n = n.min(space.len()).min(self.stream.len() - self.fed);
                        // All of it may be written to; only what is committed counts.
                        space.fill(0xee);
                        space[..n].copy_from_slice(&self.stream[self.fed..self.fed + n]);
                        assert_eq!(self.decoder.commit(n), Ok(()));
                        self.fed += n;
                    }
                    Op::Commit(n) => {
                        let space = self.decoder.space().len();
                        let error = self.decoder.commit(n).unwrap_err();
                        assert_eq!((error.committed, error.space), (n, space));
                    }
                    Op::Poll(limit) => self.poll(limit),
                    Op::Finish => self.finish(),
                    Op::Reset => {
                        self.decoder.reset();
                        self.at = self.fed;
                        self.mode = Mode::Frame;
                    }
                }
                // What is to be skipped may still be buffered, until the next call that takes something.
                if let Mode::Skip(left) = self.mode {
                    assert_eq!(self.decoder.is_mid_frame(), left > self.decoder.buffered() as u64);
                } else {
                    assert_eq!(self.decoder.buffered(), self.fed - self.at, "after {op:?}");
                }
                assert_eq!(self.decoder.frames(), self.frames, "after {op:?}");
                assert!(self.decoder.high_water() >= self.decoder.buffered());
            }
            if let Mode::Skip(_) = self.mode {
                return;
            }
            let (_, store, buffered) = self.decoder.into_parts();
            assert_eq!(&store[buffered], &self.stream[self.at..self.fed]);
        }
    }
}

/// A header that answers whatever comes to its mind gets wrong frames or errors, never a panic or a hang.
mod lies {
    use std::cell::Cell;

    use ringframe::Parsed;

    use super::*;

    struct Liar {
        answers: Vec<Result<Parsed, HeaderError>>,
        written: Vec<Result<usize, EncodeError>>,
        next: Cell<usize>,
        lens: (usize, usize),
    }

    impl Header for Liar {
        fn min_len(&self) -> usize {
            self.lens.0
        }

        fn max_len(&self) -> usize {
            self.lens.1
        }

        fn max_frame(&self) -> u64 {
            self.next.get() as u64 * 7
        }

        fn min_payload(&self) -> u64 {
            self.next.get() as u64
        }

        fn parse(&self, _: &[u8]) -> Result<Parsed, HeaderError> {
            self.next.set(self.next.get() + 1);
            self.answers[self.next.get() % self.answers.len()]
        }

        fn write(&self, _: &[u8], _: u64, _: &mut [u8]) -> Result<usize, EncodeError> {
            self.next.set(self.next.get() + 1);
            self.written[self.next.get() % self.written.len()]
        }
    }

    fn number() -> impl Strategy<Value = usize> {
        prop_oneof![8 => 0..12usize, 4 => 0..80usize, 1 => Just(usize::MAX), 1 => any::<usize>()]
    }

    fn liar() -> impl Strategy<Value = Liar> {
        let answer = prop_oneof![
            4 => number().prop_map(|n| Ok(Parsed::Need(n))),
            8 => (number(), number()).prop_map(|(header, frame)| Ok(Parsed::Frame { header, frame: frame as u64 })),
            1 => Just(Err(HeaderError::Refused("so"))),
        ];
        let written = prop_oneof![6 => number().prop_map(Ok), 1 => Just(Err(EncodeError::Refused("so")))];
        let many = 1..20usize;
        (
            prop::collection::vec(answer, many.clone()),
            prop::collection::vec(written, many),
            (number(), 0..16usize),
        )
            .prop_map(|(answers, written, lens)| Liar { answers, written, next: Cell::new(0), lens })
    }

    impl std::fmt::Debug for Liar {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{:?} {:?} {:?}", self.answers, self.written, self.lens)
        }
    }

    proptest! {
        #![proptest_config(config(2000))]

        #[test]
        fn decoder_survives(liar in liar(), store in 16..64usize, ops in prop::collection::vec((0..10u8, 0..40usize), 0..100)) {
            let mut decoder = Decoder::try_new(liar, vec![0; store]).unwrap();
            let bytes = [0; 40];
            for (op, n) in ops {
                let input = &mut &bytes[..n];
                match op {
                    0 => drop(decoder.decode(input).map(drop)),
                    1 => drop(decoder.event(input, n as u64 * 5).map(drop)),
                    2 => drop(decoder.raw(input, n)),
                    3 | 4 => {
                        let n = decoder.space().len().min(n);
                        decoder.commit(n).unwrap();
                    }
                    5 => drop(decoder.poll_event(n as u64)),
                    6 => drop(decoder.finish()),
                    7 => drop(decoder.discard()),
                    8 => drop((decoder.need(), decoder.is_mid_frame(), decoder.buffered())),
                    _ => drop(decoder.poll()),
                }
                assert!(decoder.buffered() <= store);
            }
        }

        #[test]
        fn encoder_survives(liar in liar(), store in 16..64usize, ops in prop::collection::vec((0..6u8, 0..40usize), 0..100)) {
            let mut encoder = Encoder::try_new(liar, vec![0; store]).unwrap();
            let bytes = [0; 40];
            for (op, n) in ops {
                match op {
                    0 => drop(encoder.push(&bytes[..n])),
                    1 => drop(encoder.start(&[], n as u64)),
                    2 => drop(encoder.feed(&bytes[..n])),
                    3 => {
                        if let Ok(mut frame) = encoder.begin(&[]) {
                            let _ = frame.write(&bytes[..n]);
                            let _ = frame.finish();
                        }
                    }
                    4 => encoder.advance(n),
                    _ => drop(encoder.drain(&mut vec![0; n])),
                }
                assert_eq!(encoder.pending().0.len() + encoder.pending().1.len() + encoder.free(), store);
            }
        }
    }
}
