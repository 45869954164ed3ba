//! The decoder: what comes out must be the stream, and what it says about itself must be so.

use std::fmt;
use std::mem;

use proptest::prelude::*;
use ringframe::{
    ConfigError, DecodeError, Decoder, EndError, Event, Format, Frame, Limited, RuntimeFormat, Status,
};
use ringframe_tests::rule::{Call, compare};

use super::{FORMATS, Family, SUMMED, Summed, check_format, config, frame, lengths, limit, parse, trailer};

#[derive(Clone, Debug)]
enum Op {
    /// `next_frame` with a chunk of that size.
    NextFrame(usize),
    /// `frames` with a chunk of that size, and the number of calls of `next`.
    Frames(usize, usize),
    NextEvent(usize),
    TakeFrame,
    TakeEvent,
    TakePayload(usize),
    Discard,
    Unframed(usize, usize),
    TakeUnframed(usize),
    /// That many bytes into `space`, fewer where it is smaller.
    Fill(usize),
    Filled(usize),
    Poll,
    Reset,
    Resync,
    SetLimit(u64),
    Replace(usize, u64),
    Parts,
    Clone,
}

fn op() -> impl Strategy<Value = Op> {
    let size = || prop_oneof![2 => 0..4usize, 4 => 0..40usize, 1 => 0..600usize, 1 => 0..3000usize];
    prop_oneof![
        10 => size().prop_map(Op::NextFrame),
        10 => (size(), 1..4usize).prop_map(|(size, count)| Op::Frames(size, count)),
        10 => size().prop_map(Op::NextEvent),
        6 => Just(Op::TakeFrame),
        8 => Just(Op::TakeEvent),
        2 => size().prop_map(Op::TakePayload),
        3 => Just(Op::Discard),
        1 => (size(), size()).prop_map(|(size, max)| Op::Unframed(size, max)),
        1 => size().prop_map(Op::TakeUnframed),
        14 => size().prop_map(Op::Fill),
        1 => Just(Op::Filled(usize::MAX)),
        6 => Just(Op::Poll),
        1 => Just(Op::Reset),
        3 => Just(Op::Resync),
        2 => prop_oneof![4 => limit(), 1 => 0..12u64].prop_map(Op::SetLimit),
        1 => (0..FORMATS, limit()).prop_map(|(index, limit)| Op::Replace(index, limit)),
        1 => Just(Op::Parts),
        1 => Just(Op::Clone),
    ]
}

/// Frames of the format, mostly small, some larger than the store, now and then one that is
/// damaged, and bytes of no meaning.
fn stream(index: usize) -> impl Strategy<Value = Stream> {
    let piece = prop_oneof![
        10 => (0..12usize).prop_map(Ok),
        6 => (0..60usize).prop_map(Ok),
        2 => (0..300usize).prop_map(Ok),
        1 => (0..3000usize).prop_map(Ok),
        1 => prop::collection::vec(any::<u8>(), 1..9).prop_map(Err),
    ];
    let damage = prop_oneof![15 => Just(0u8), 1 => 1..=255u8];
    prop::collection::vec((piece, damage), 0..60).prop_map(move |pieces| {
        let mut bytes = vec![];
        for (piece, damage) in pieces {
            match piece {
                Ok(len) => {
                    let payload: Vec<u8> =
                        (0..len).map(|i| (i as u8).wrapping_mul(7).wrapping_add(len as u8)).collect();
                    bytes.extend(frame(index, &payload).unwrap_or_default());
                    if let Some(last) = bytes.last_mut() {
                        *last ^= damage;
                    }
                }
                Err(junk) => bytes.extend(junk),
            }
        }
        Stream(bytes)
    })
}

/// A stream, a decoder for it, and what is done with it.
#[derive(Clone, Debug)]
struct Case {
    index: usize,
    limit: Option<u64>,
    store: usize,
    stream: Stream,
    ops: Vec<Op>,
}

fn case() -> impl Strategy<Value = Case> {
    // In a large store a small partial frame moves to the front before the end is reached.
    let store = prop_oneof![8 => 10..120usize, 2 => 120..400usize, 1 => 4200..9000usize];
    (0..FORMATS, prop::option::weighted(0.8, limit()), store).prop_flat_map(|(index, limit, store)| {
        let ops = prop::collection::vec(op(), 0..200);
        (stream(index), ops).prop_map(move |(stream, ops)| Case { index, limit, store, stream, ops })
    })
}

fn run(case: &Case, by_rule: bool) {
    match (case.index, case.limit) {
        (SUMMED, None) => Model::<Summed>::new(case, by_rule).run(&case.ops),
        (SUMMED, Some(_)) => Model::<Limited<Summed>>::new(case, by_rule).run(&case.ops),
        (_, None) => Model::<RuntimeFormat>::new(case, by_rule).run(&case.ops),
        (_, Some(_)) => Model::<Limited<RuntimeFormat>>::new(case, by_rule).run(&case.ops),
    }
}

proptest! {
    #![proptest_config(config(3000))]

    /// The methods that callers use, each compared with the rule before it is called.
    #[test]
    fn keeps_every_byte(case in case()) {
        run(&case, false);
    }

    /// The rule alone, against the same model.
    #[test]
    fn keeps_every_byte_by_the_rule(case in case()) {
        run(&case, true);
    }
}

/// The bytes that the decoder awaits, as far as its user can know.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// A frame.
    Frame,
    /// So much of the payload of a frame, which began here, and then its trailer.
    Payload { start: usize, left: u64 },
    /// So much of a frame that is skipped.
    Skip(u64),
}

/// The last finding about the frame at the front: so many bytes of it are needed next. If its
/// length was within the limit then, no limit that is set later refuses it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Verdict {
    wanted: usize,
    is_accepted: bool,
}

/// The bytes at the front, judged without more bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Front {
    /// The beginning of a frame: so many bytes of it are needed.
    Part(Verdict),
    Frame {
        header: usize,
        payload: usize,
        len: usize,
    },
    /// The header of a frame that is larger than the store.
    Large {
        header: usize,
        payload: u64,
        len: u64,
    },
    Fault(DecodeError),
}

/// A stream that a failure shows in one line.
#[derive(Clone)]
struct Stream(Vec<u8>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string())
    }
}

/// A method that returns frames or events.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    NextFrame,
    NextEvent,
    TakeFrame,
    TakeEvent,
}

impl Method {
    const fn is_for_events(self) -> bool {
        matches!(self, Self::NextEvent | Self::TakeEvent)
    }
}

type Expected<'s> = Result<Option<Event<'s>>, DecodeError>;

struct Model<'s, F: Format> {
    index: usize,
    limit: Option<u64>,
    store: usize,
    stream: &'s [u8],
    decoder: Decoder<F, Vec<u8>>,
    /// Shortcuts are not taken.
    by_rule: bool,
    /// Where in the stream the first byte is that was not taken yet.
    at: usize,
    /// How much of the stream the decoder was given. What is between is buffered.
    fed: usize,
    mode: Mode,
    verdict: Option<Verdict>,
    frames: u32,
    high_water: usize,
}

impl<'s, F: Family> Model<'s, F> {
    fn new(case: &'s Case, by_rule: bool) -> Self {
        let Case { index, limit, store, .. } = *case;
        Self {
            index,
            limit,
            store,
            stream: &case.stream.0,
            decoder: Decoder::try_new(F::make(index, limit), vec![0; store]).unwrap(),
            by_rule,
            at: 0,
            fed: 0,
            mode: Mode::Frame,
            verdict: None,
            frames: 0,
            high_water: 0,
        }
    }

    fn buffered(&self) -> usize {
        self.fed - self.at
    }

    fn trailer_len(&self) -> usize {
        lengths(self.index).trailer
    }

    /// Buffers what the decoder is given, up to this place.
    fn buffer(&mut self, to: usize) {
        self.fed = to;
        self.high_water = self.high_water.max(self.buffered());
    }

    /// Takes bytes, which need not have been buffered.
    fn take(&mut self, n: usize) -> &'s [u8] {
        let taken = &self.stream[self.at..self.at + n];
        self.at += n;
        self.fed = self.fed.max(self.at);
        taken
    }

    /// Returns how many bytes of a streamed or skipped frame are left, with its trailer.
    fn frame_left(&self) -> u64 {
        match self.mode {
            Mode::Frame => 0,
            Mode::Payload { left, .. } => left + self.trailer_len() as u64,
            Mode::Skip(left) => left,
        }
    }

    /// Returns the error for a frame of this length, if it is beyond the limit.
    fn too_long(&self, len: u64) -> Option<DecodeError> {
        let limit = self.limit.unwrap_or(self.store as u64);
        (len > limit).then_some(DecodeError::TooLong { declared: len, limit })
    }

    /// Judges the bytes up to `to`, in mode `Frame`.
    fn front(&self, to: usize) -> Front {
        let bytes = &self.stream[self.at..to];
        let (header, payload) = match parse(self.index, bytes) {
            Err(wanted) => return Front::Part(Verdict { wanted, is_accepted: false }),
            Ok(Err(error)) => return Front::Fault(DecodeError::Header(error)),
            Ok(Ok(parsed)) => parsed,
        };
        let len = payload.saturating_add((header + self.trailer_len()) as u64);
        let was_accepted = self.verdict.is_some_and(|verdict| verdict.is_accepted);
        let refused = if was_accepted { None } else { self.too_long(len) };
        if let Some(error) = refused {
            Front::Fault(error)
        } else if len > self.store as u64 {
            match header <= bytes.len() {
                true => Front::Large { header, payload, len },
                false => Front::Part(Verdict { wanted: header, is_accepted: false }),
            }
        } else if len > bytes.len() as u64 {
            Front::Part(Verdict { wanted: len as usize, is_accepted: true })
        } else {
            let (frame, len) = (&bytes[..len as usize], len as usize);
            let (before, after) = frame.split_at(len - self.trailer_len());
            if after == trailer(self.index, before) {
                Front::Frame { header, payload: payload as usize, len }
            } else {
                Front::Fault(DecodeError::Corrupt)
            }
        }
    }

    /// Skips what the stream has up to `to` of a frame that is skipped.
    fn skip(&mut self, to: usize) {
        if let Mode::Skip(left) = self.mode {
            let n = left.min((to - self.at) as u64);
            self.take(n as usize);
            self.mode = Mode::Skip(left - n);
            if n == left {
                self.mode = Mode::Frame;
                self.frames += 1;
            }
        }
    }

    /// Finds the next frame or error in the stream, which is given up to `to`. Buffers no more than
    /// is needed to find the same again.
    fn find(&mut self, to: usize) -> Option<Front> {
        self.skip(to);
        if let Mode::Skip(_) = self.mode {
            return None;
        }
        loop {
            if let Some(Verdict { wanted, .. }) = self.verdict {
                self.buffer(to.min(self.at + wanted).max(self.fed));
                if self.buffered() < wanted {
                    return None;
                }
            }
            let is_buffered = self.buffered() > 0;
            let to = if is_buffered { self.fed } else { to };
            if to == self.at {
                return None;
            }
            let front = self.front(to);
            self.verdict = Some(match front {
                Front::Part(verdict) => verdict,
                Front::Frame { .. } => return Some(front),
                Front::Large { .. } | Front::Fault(_) if is_buffered => return Some(front),
                // It must be in the store, to be found there again.
                Front::Large { header, .. } => Verdict { wanted: header, is_accepted: false },
                Front::Fault(DecodeError::Corrupt) => {
                    let (header, payload) = parse(self.index, &self.stream[self.at..to]).unwrap().unwrap();
                    let wanted = header + payload as usize + self.trailer_len();
                    Verdict { wanted, is_accepted: true }
                }
                Front::Fault(_) => {
                    let wanted = lengths(self.index).longest.min(to - self.at);
                    Verdict { wanted, is_accepted: false }
                }
            });
        }
    }

    /// Returns the result that a method must have which is given the stream up to `to`.
    fn expect(&mut self, to: usize, method: Method) -> Expected<'s> {
        if let Mode::Payload { start, left } = self.mode {
            return if method.is_for_events() {
                self.expect_piece(to, start, left)
            } else {
                Err(DecodeError::MidPayload { left })
            };
        }
        match self.find(to) {
            None => Ok(None),
            Some(Front::Part(_)) => unreachable!(),
            Some(Front::Fault(error)) => Err(error),
            Some(Front::Frame { header, payload, len }) => {
                self.verdict = None;
                self.frames += 1;
                Ok(Frame::new(self.take(len), header, payload).map(Event::Frame))
            }
            Some(Front::Large { len, .. }) if !method.is_for_events() => {
                Err(DecodeError::TooLong { declared: len, limit: self.store as u64 })
            }
            Some(Front::Large { header, payload, .. }) => {
                self.verdict = None;
                self.mode = Mode::Payload { start: self.at, left: payload };
                Ok(Some(Event::Begin { header: self.take(header), payload }))
            }
        }
    }

    fn expect_piece(&mut self, to: usize, start: usize, left: u64) -> Expected<'s> {
        if left > 0 {
            let there = if self.buffered() > 0 { self.buffered() } else { to - self.fed };
            let n = left.min(there as u64);
            self.mode = Mode::Payload { start, left: left - n };
            let piece = self.take(n as usize);
            return Ok((n > 0).then_some(Event::Data(piece)));
        }
        let len = self.trailer_len();
        self.buffer(to.min(self.at + len).max(self.fed));
        if self.buffered() < len {
            return Ok(None);
        }
        if self.stream[self.at..][..len] != trailer(self.index, &self.stream[start..self.at]) {
            return Err(DecodeError::Corrupt);
        }
        self.take(len);
        self.mode = Mode::Frame;
        self.frames += 1;
        Ok(Some(Event::End))
    }

    /// Returns how many bytes are missing until there is something to take.
    fn missing(&self) -> usize {
        let buffered = self.buffered();
        match self.mode {
            Mode::Frame => match self.verdict {
                Some(Verdict { wanted, .. }) if wanted > buffered => wanted - buffered,
                _ => match self.front(self.fed) {
                    Front::Part(verdict) => verdict.wanted - buffered,
                    _ => 0,
                },
            },
            Mode::Payload { left: 0, .. } => self.trailer_len().saturating_sub(buffered),
            Mode::Payload { .. } if buffered > 0 => 0,
            Mode::Payload { left, .. } | Mode::Skip(left) => usize::try_from(left).unwrap_or(usize::MAX),
        }
    }

    /// Returns where a chunk of this size ends.
    fn chunk(&self, size: usize) -> usize {
        self.stream.len().min(self.fed + size)
    }

    /// Compares the next call with the rule, if it is not made by the rule.
    fn compare(&self, to: usize, call: Call) {
        if !self.by_rule {
            assert_eq!(compare(&self.decoder, &self.stream[self.fed..to], call), Ok(()), "{call:?}");
        }
    }

    fn call(&mut self, size: usize, method: Method) {
        let to = self.chunk(size);
        self.compare(
            to,
            match method {
                Method::NextFrame => Call::NextFrame,
                Method::NextEvent => Call::NextEvent,
                Method::TakeFrame => Call::TakeFrame,
                Method::TakeEvent => Call::TakeEvent,
            },
        );
        let mut input = &self.stream[self.fed..to];
        let in_payload = matches!(self.mode, Mode::Payload { .. });
        let expected = self.expect(to, method);
        let decoder = &mut self.decoder;
        let found = match method {
            Method::NextFrame | Method::TakeFrame if self.by_rule => {
                decoder.__frame_by_rule(&mut input).map(|frame| frame.map(Event::Frame))
            }
            Method::NextEvent | Method::TakeEvent if self.by_rule && !in_payload => {
                decoder.__event_by_rule(&mut input)
            }
            Method::NextFrame => decoder.next_frame(&mut input).map(|frame| frame.map(Event::Frame)),
            Method::TakeFrame => decoder.take_frame().map(|frame| frame.map(Event::Frame)),
            Method::NextEvent => decoder.next_event(&mut input),
            Method::TakeEvent => decoder.take_event(),
        };
        assert_eq!(found, expected);
        assert_eq!(to - input.len(), self.fed, "another part of the chunk was used");
    }

    fn frames(&mut self, size: usize, count: usize) {
        let to = self.chunk(size);
        for count in 1..=count {
            self.compare(to, Call::Frames(count));
        }
        let mut input = &self.stream[self.fed..to];
        if self.by_rule {
            for _ in 0..count {
                let expected = self.expect(to, Method::NextFrame);
                let found = self.decoder.__frame_by_rule(&mut input);
                assert_eq!(found.map(|frame| frame.map(Event::Frame)), expected);
            }
        } else {
            // The decoder is lent to the cursor.
            let expected: Vec<_> = (0..count).map(|_| self.expect(to, Method::NextFrame)).collect();
            let mut frames = self.decoder.frames(&mut input);
            for expected in expected {
                assert_eq!(frames.next().map(|frame| frame.map(Event::Frame)), expected);
            }
        }
        assert_eq!(to - input.len(), self.fed, "another part of the chunk was used");
    }

    fn poll(&mut self) {
        self.compare(self.fed, Call::Poll);
        let front = if self.mode == Mode::Frame { self.find(self.fed) } else { None };
        let expected = match (self.mode, front) {
            (Mode::Frame, Some(Front::Fault(error))) => Err(error),
            (Mode::Frame, Some(_)) => Ok(Status::Ready),
            _ => match self.missing() {
                0 => Ok(Status::Ready),
                missing => Ok(Status::Missing(missing)),
            },
        };
        let status = if self.by_rule { self.decoder.__poll_by_rule() } else { self.decoder.poll() };
        assert_eq!(status, expected);
        if let Ok(Status::Missing(_)) = status {
            assert!(!self.decoder.space().is_empty(), "no space although more is needed");
        }
    }

    fn fill(&mut self, n: usize) {
        // Only frames that wait to be taken leave no space, or data, or an error, or the end of a
        // payload.
        let waits = self.missing() == 0 || matches!(self.mode, Mode::Payload { left: 0, .. });
        let space = self.decoder.space();
        assert!(waits || !space.is_empty(), "no space, and nothing to take");
        let n = n.min(space.len()).min(self.stream.len() - self.fed);
        // All of it may be written to; only what is filled counts.
        space.fill(0xee);
        space[..n].copy_from_slice(&self.stream[self.fed..self.fed + n]);
        assert_eq!(self.decoder.filled(n), Ok(()));
        self.buffer(self.fed + n);
        self.skip(self.fed);
    }

    fn unframed(&mut self, size: usize, max: usize, with_chunk: bool) {
        let to = if with_chunk { self.chunk(size) } else { self.fed };
        let mut input = &self.stream[self.fed..to];
        self.skip(to);
        // Without a byte to take, nothing changes.
        let expected = if self.mode == Mode::Frame && max > 0 {
            self.verdict = None;
            let there = if self.buffered() > 0 { self.buffered() } else { to - self.fed };
            self.take(there.min(max))
        } else {
            &[]
        };
        let found = match with_chunk {
            true => self.decoder.unframed(&mut input, max),
            false => self.decoder.take_unframed(max),
        };
        assert_eq!(found, expected);
        assert_eq!(to - input.len(), self.fed, "another part of the chunk was used");
    }

    fn take_payload(&mut self, max: usize) {
        let expected = match self.mode {
            Mode::Payload { start, left } => {
                let n = left.min(self.buffered().min(max) as u64);
                self.mode = Mode::Payload { start, left: left - n };
                self.take(n as usize)
            }
            _ => &[],
        };
        assert_eq!(self.decoder.take_payload(max), expected);
    }

    fn end_of_input(&self) {
        let bytes = self.buffered();
        let wanted = self.verdict.map_or(0, |verdict| verdict.wanted);
        let expected = match self.mode {
            Mode::Frame if bytes == 0 => Ok(()),
            Mode::Frame if wanted > bytes => Err(EndError::Truncated { have: bytes, want: wanted }),
            Mode::Frame => Err(EndError::Unread { bytes }),
            _ => match self.frame_left().checked_sub(bytes as u64) {
                Some(missing) if missing > 0 => Err(EndError::TruncatedPayload { missing }),
                _ => Err(EndError::Unread { bytes }),
            },
        };
        assert_eq!(self.decoder.end_of_input(), expected);
    }

    fn resync(&mut self) {
        let before = self.buffered();
        self.verdict = None;
        if mem::replace(&mut self.mode, Mode::Frame) == Mode::Frame && before > 0 {
            self.take(1);
        }
        while self.buffered() > 0
            && matches!(
                self.front(self.fed),
                Front::Fault(DecodeError::Header(_) | DecodeError::TooLong { .. })
            )
        {
            self.take(1);
        }
        assert_eq!(self.decoder.resync(), before - self.buffered());
    }

    fn set_limit(&mut self, limit: u64) {
        let Some(result) = F::set_limit(&mut self.decoder, limit) else { return };
        let needed = lengths(self.index).smallest;
        if limit < needed {
            assert_eq!(result, Err(ConfigError::LimitTooSmall { limit, needed }));
        } else {
            assert_eq!(result, Ok(()));
            self.limit = Some(limit);
        }
    }

    fn replace(&mut self, index: usize, limit: u64) {
        let (index, limit) = (F::index(index), self.limit.map(|_| limit));
        let expected = match check_format(index, self.store, limit) {
            _ if self.mode != Mode::Frame => Err(ConfigError::MidPayload { left: self.frame_left() }),
            Err(error) => Err(error),
            Ok(()) => Ok(F::make(self.index, self.limit)),
        };
        assert_eq!(self.decoder.replace_format(F::make(index, limit)), expected);
        if expected.is_ok() {
            (self.index, self.limit, self.verdict) = (index, limit, None);
        }
    }

    /// Takes the decoder apart and makes another one of its parts. The rest of a streamed frame is
    /// skipped.
    fn parts(&mut self) {
        let parts = self.decoder.clone().into_parts();
        assert_eq!(&parts.store[parts.buffered.clone()], &self.stream[self.at..self.fed]);
        assert_eq!(parts.frame_left, self.frame_left());
        assert_eq!(parts.format, F::make(self.index, self.limit));
        self.decoder = Decoder::from_parts(parts).unwrap();
        (self.verdict, self.frames, self.high_water) = (None, 0, self.buffered());
        self.mode = match self.mode {
            Mode::Payload { .. } if self.frame_left() == 0 => Mode::Frame,
            Mode::Payload { .. } => Mode::Skip(self.frame_left()),
            mode => mode,
        };
        self.skip(self.fed);
    }

    fn run(mut self, ops: &[Op]) {
        for op in ops {
            match *op {
                Op::NextFrame(size) => self.call(size, Method::NextFrame),
                Op::Frames(size, count) => self.frames(size, count),
                Op::NextEvent(size) => self.call(size, Method::NextEvent),
                Op::TakeFrame => self.call(0, Method::TakeFrame),
                Op::TakeEvent => self.call(0, Method::TakeEvent),
                Op::TakePayload(max) => self.take_payload(max),
                Op::Discard => {
                    let left = self.frame_left();
                    match self.mode {
                        Mode::Payload { left: payload, .. } => {
                            assert_eq!(self.decoder.discard(), payload);
                            self.mode = Mode::Skip(left);
                            self.skip(self.fed);
                        }
                        _ => assert_eq!(self.decoder.discard(), 0),
                    }
                }
                Op::Unframed(size, max) => self.unframed(size, max, true),
                Op::TakeUnframed(max) => self.unframed(0, max, false),
                Op::Fill(n) => self.fill(n),
                Op::Filled(n) => {
                    let space = self.decoder.space().len();
                    let error = self.decoder.filled(n).unwrap_err();
                    assert_eq!((error.filled, error.space), (n, space));
                }
                Op::Poll => self.poll(),
                Op::Reset => {
                    self.decoder.reset();
                    self.at = self.fed;
                    (self.mode, self.verdict) = (Mode::Frame, None);
                }
                Op::Resync => self.resync(),
                Op::SetLimit(limit) => self.set_limit(limit),
                Op::Replace(index, limit) => self.replace(index, limit),
                Op::Parts => self.parts(),
                Op::Clone => self.decoder = self.decoder.clone(),
            }
            self.check(op);
        }
        self.parts();
    }

    /// Compares what the decoder says about itself.
    fn check(&self, op: &Op) {
        let decoder = &self.decoder;
        assert_eq!(decoder.buffered(), self.buffered(), "after {op:?}");
        assert_eq!(decoder.missing(), self.missing(), "after {op:?}");
        let is_mid_frame = match self.mode {
            Mode::Frame => self.buffered() > 0 && self.missing() > 0,
            _ => self.frame_left() > self.buffered() as u64,
        };
        assert_eq!(decoder.is_mid_frame(), is_mid_frame, "after {op:?}");
        let (left, is_streaming) = match self.mode {
            Mode::Payload { left, .. } => (left, true),
            _ => (0, false),
        };
        assert_eq!((decoder.left(), decoder.is_streaming()), (left, is_streaming), "after {op:?}");
        let buffered = &self.stream[self.at..self.fed];
        let payload = left.min(buffered.len() as u64) as usize;
        assert_eq!(decoder.peek_payload(), &buffered[..payload], "after {op:?}");
        let unframed = decoder.peek_unframed();
        assert!(buffered.starts_with(unframed), "after {op:?}");
        let has_unframed = self.mode == Mode::Frame && !buffered.is_empty();
        assert_eq!(!unframed.is_empty(), has_unframed, "after {op:?}");
        let mut copy = decoder.clone();
        assert_eq!(decoder.peek_frame(), copy.take_frame().unwrap_or(None), "after {op:?}");
        let is_large = self.mode == Mode::Frame
            && self.missing() == 0
            && matches!(self.front(self.fed), Front::Large { .. });
        assert_eq!(decoder.has_large_frame(), is_large, "after {op:?}");
        let stats = decoder.stats();
        assert_eq!((stats.frames, stats.high_water), (self.frames, self.high_water), "after {op:?}");
        assert_eq!((decoder.capacity(), decoder.format()), (self.store, &F::make(self.index, self.limit)));
        self.end_of_input();
    }
}
