//! All streams over a small alphabet, in all chunkings, over all small stores, by every verb, pushed and
//! pulled: the answers must be those of a plain oracle that sees the whole stream at once and shares no code
//! with the codec. Small stores and short streams reach every wrap, move and limit there is.
//!
//! `RINGFRAME_EXHAUSTIVE` is the length of the longest stream: 7 takes about a minute in a release build,
//! which has it by default; 9 is for a night.

use std::env;

use ringframe::formats::*;
use ringframe::{DecodeError, Decoder, Event, FinishError, Header, HeaderError, Status, length_field};

/// The oracle's idea of a length field.
#[derive(Clone, Copy, Debug)]
enum Plain {
    /// So many bytes, the most significant first.
    Big(usize),
    /// So many bytes, the least significant first.
    Little(usize),
    /// At most so many bytes, and bits.
    Varint(usize, u32),
}

enum Told {
    Need(usize),
    Frame { header: usize, frame: u128 },
    Never(HeaderError),
}

impl Plain {
    fn tell(self, bytes: &[u8]) -> Told {
        let (value, header) = match self {
            Self::Big(width) | Self::Little(width) if bytes.len() < width => return Told::Need(width),
            Self::Big(width) => (bytes[..width].iter().fold(0, |sum, &b| sum * 256 + u128::from(b)), width),
            Self::Little(width) => {
                (bytes[..width].iter().rev().fold(0, |sum, &b| sum * 256 + u128::from(b)), width)
            }
            Self::Varint(max, bits) => {
                // What has gone too far already is refused whether or not it would end.
                let (mut value, mut scale) = (0u128, 1u128);
                let mut i = 0;
                loop {
                    let Some(&byte) = bytes.get(i) else { return Told::Need(i + 1) };
                    value += u128::from(byte % 128) * scale;
                    scale *= 128;
                    i += 1;
                    if value >> bits > 0 || (i == max && byte >= 128) {
                        return Told::Never(HeaderError::VarintTooLong { max });
                    }
                    if byte == 0 && i > 1 {
                        return Told::Never(HeaderError::VarintNotCanonical { bytes: i });
                    }
                    if byte < 128 {
                        break (value, i);
                    }
                }
            }
        };
        let frame = value + header as u128;
        if frame >> 64 > 0 {
            return Told::Never(HeaderError::Overflow { value: value as u64 });
        }
        Told::Frame { header, frame }
    }
}

/// A frame in the stream: where it begins, where its payload does, and where it ends or the stream does.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    start: usize,
    body: usize,
    end: usize,
    payload: u64,
    streamed: bool,
    complete: bool,
}

/// What a stream means to a store of some size.
#[derive(Debug)]
struct Oracle {
    items: [Item; 16],
    count: usize,
    error: Option<DecodeError>,
    finish: Result<(), FinishError>,
}

impl Oracle {
    /// `stream` is the limit of frames that are given in pieces, 0 for none.
    fn new(plain: Plain, bytes: &[u8], store: usize, stream: u64) -> Self {
        let mut this = Self { items: [Item::default(); 16], count: 0, error: None, finish: Ok(()) };
        let mut start = 0;
        while start < bytes.len() {
            let rest = &bytes[start..];
            let (header, frame) = match plain.tell(rest) {
                Told::Need(want) => {
                    this.finish = Err(FinishError::Truncated { have: rest.len(), want });
                    break;
                }
                Told::Never(error) => {
                    this.error = Some(DecodeError::Header(error));
                    this.finish = Err(FinishError::Protocol(DecodeError::Header(error)));
                    break;
                }
                Told::Frame { header, frame } => (header, frame),
            };
            let fits = frame <= store as u128;
            if !fits && frame > u128::from(stream) {
                let error = |limit| DecodeError::TooLong { declared: frame as u64, limit };
                this.error = Some(error(stream.max(store as u64)));
                // Where no frame is streamed, the store is the limit.
                this.finish = Err(FinishError::Protocol(error(store as u64)));
                break;
            }
            let complete = frame <= rest.len() as u128;
            if fits && !complete {
                this.finish = Err(FinishError::Truncated { have: rest.len(), want: frame as usize });
                break;
            }
            let end = if complete { start + frame as usize } else { bytes.len() };
            let payload = (frame - header as u128) as u64;
            this.items[this.count] =
                Item { start, body: start + header, end, payload, streamed: !fits, complete };
            this.count += 1;
            if !complete {
                let missing = (frame - rest.len() as u128) as u64;
                this.finish = Err(FinishError::TruncatedPayload { missing });
            }
            start = end;
        }
        this
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Decode,
    Event(u64),
    Discard(u64),
}

impl Verb {
    const fn limit(self) -> u64 {
        match self {
            Self::Decode => 0,
            Self::Event(limit) | Self::Discard(limit) => limit,
        }
    }
}

/// 12 lets some frames pass that stores of up to 10 bytes can't hold, 300 lets nearly all.
const VERBS: [Verb; 4] = [Verb::Decode, Verb::Event(12), Verb::Event(300), Verb::Discard(300)];

/// One stream in one chunking, while it runs.
struct Run<'a> {
    oracle: &'a Oracle,
    bytes: &'a [u8],
    verb: Verb,
    /// The item that comes next, or that is under way.
    item: usize,
    /// Where in it, while it is streamed.
    at: Option<usize>,
}

type Wrong = &'static str;

impl Run<'_> {
    /// One call; `Ok(false)` where it gave nothing, `Err` the error that the oracle has, too.
    #[inline]
    fn take<H: Header>(
        &mut self,
        decoder: &mut Decoder<H, &mut [u8]>,
        input: &mut &[u8],
    ) -> Result<Result<bool, DecodeError>, Wrong> {
        let event = match self.verb {
            Verb::Decode => decoder.decode(input).map(|frame| frame.map(Event::Frame)),
            Verb::Event(limit) | Verb::Discard(limit) => decoder.event(input, limit),
        };
        let event = match event {
            Ok(None) => return Ok(Ok(false)),
            Ok(Some(event)) => event,
            Err(error) => return Ok(Err(error)),
        };
        let Some(item) = self.oracle.items[..self.oracle.count].get(self.item) else {
            return Err("a frame too many");
        };
        match event {
            Event::Frame(frame) => {
                let same = !item.streamed
                    && frame.bytes() == &self.bytes[item.start..item.end]
                    && frame.header().len() == item.body - item.start;
                if !same {
                    return Err("another frame");
                }
                self.item += 1;
            }
            Event::Begin { header, payload } => {
                let same = item.streamed
                    && self.at.is_none()
                    && header == &self.bytes[item.start..item.body]
                    && payload == item.payload;
                if !same {
                    return Err("another frame begins");
                }
                if let Verb::Discard(_) = self.verb {
                    if decoder.discard() != payload {
                        return Err("`discard` skips another length");
                    }
                    self.item += 1;
                } else {
                    self.at = Some(item.body);
                }
            }
            Event::Data(piece) => {
                let Some(at) = self.at else { return Err("data of no frame") };
                if piece.is_empty() || self.bytes[at..item.end].get(..piece.len()) != Some(piece) {
                    return Err("other data");
                }
                self.at = Some(at + piece.len());
            }
            Event::End => {
                if !item.complete || self.at != Some(item.end) {
                    return Err("an end too early");
                }
                self.at = None;
                self.item += 1;
            }
        }
        Ok(Ok(true))
    }

    /// An error must be the oracle's, use up nothing from here on, and stay.
    fn stays<H: Header>(
        &mut self,
        decoder: &mut Decoder<H, &mut [u8]>,
        error: DecodeError,
        input: &mut &[u8],
    ) -> Result<(), Wrong> {
        if self.oracle.error != Some(error) {
            return Err("another error");
        }
        let left = input.len();
        if self.take(decoder, input)? != Err(error) || self.take(decoder, &mut &[][..])? != Err(error) {
            return Err("the error was not repeated");
        }
        if decoder.poll_event(self.verb.limit()) != Err(error) {
            return Err("the error was not repeated by `poll`");
        }
        if input.len() != left { Err("a repeated error used input") } else { Ok(()) }
    }

    fn ended<H: Header>(&self, decoder: &mut Decoder<H, &mut [u8]>, failed: bool) -> Result<(), Wrong> {
        if failed != self.oracle.error.is_some() {
            return Err("an error is missing");
        }
        let cut_off = self.at.is_some();
        if self.item + usize::from(cut_off) != self.oracle.count {
            return Err("frames are missing");
        }
        if cut_off && self.at != Some(self.bytes.len()) {
            return Err("data is missing");
        }
        if decoder.finish() != self.oracle.finish { Err("another end") } else { Ok(()) }
    }

    /// Chunks go in, and all that is in them is taken at once.
    fn pushed<H: Header>(&mut self, decoder: &mut Decoder<H, &mut [u8]>, cuts: u32) -> Result<(), Wrong> {
        let mut failed = false;
        for mut chunk in chunks(self.bytes, cuts) {
            loop {
                match self.take(decoder, &mut chunk)? {
                    Ok(true) => {}
                    Ok(false) if chunk.is_empty() => break,
                    Ok(false) => return Err("nothing, but input is left"),
                    Err(error) => {
                        failed = true;
                        self.stays(decoder, error, &mut chunk)?;
                        break;
                    }
                }
            }
        }
        self.ended(decoder, failed)
    }

    /// The store is filled as far as it goes, and one frame taken only where that is needed to go on: frames
    /// wait in the store while others arrive behind them.
    fn pulled<H: Header>(&mut self, decoder: &mut Decoder<H, &mut [u8]>, cuts: u32) -> Result<(), Wrong> {
        let limit = self.verb.limit();
        for mut chunk in chunks(self.bytes, cuts) {
            loop {
                let space = decoder.space();
                let n = space.len().min(chunk.len());
                let (now, later) = chunk.split_at(n);
                space[..n].copy_from_slice(now);
                chunk = later;
                if decoder.commit(n).is_err() {
                    return Err("the space that was offered was refused");
                }
                if chunk.is_empty() {
                    break;
                }
                match decoder.poll_event(limit) {
                    Ok(Status::Need(_)) if n == 0 && decoder.space().is_empty() => {
                        return Err("no space although more is needed");
                    }
                    Ok(Status::Need(_)) => {}
                    Ok(Status::Ready) => {
                        if self.take(decoder, &mut &[][..])? != Ok(true) {
                            return Err("`poll` said ready, and there is nothing");
                        }
                    }
                    Err(error) => {
                        self.stays(decoder, error, &mut chunk)?;
                        return self.ended(decoder, true);
                    }
                }
            }
        }
        loop {
            match decoder.poll_event(limit) {
                Ok(Status::Need(0)) => return Err("nothing is needed, and nothing is there"),
                Ok(Status::Need(_)) => return self.ended(decoder, false),
                Ok(Status::Ready) => {
                    if self.take(decoder, &mut &[][..])? != Ok(true) {
                        return Err("`poll` said ready, and there is nothing");
                    }
                }
                Err(error) => {
                    self.stays(decoder, error, &mut &[][..])?;
                    return self.ended(decoder, true);
                }
            }
        }
    }
}

/// The pieces of a stream that is cut behind byte `i` where bit `i` is set.
fn chunks(bytes: &[u8], mut cuts: u32) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let n = (cuts.trailing_zeros() as usize + 1).min(rest.len());
        let (now, later) = rest.split_at_checked(n).filter(|(now, _)| !now.is_empty())?;
        (rest, cuts) = (later, cuts.checked_shr(n as u32).unwrap_or(0));
        Some(now)
    })
}

/// The length of the longest streams.
fn longest() -> usize {
    let default = if cfg!(debug_assertions) { 6 } else { 7 };
    env::var("RINGFRAME_EXHAUSTIVE").map_or(default, |text| text.parse().expect("a number of bytes"))
}

/// Runs all streams of up to `longest` bytes; `zeros` are put into each of them at `zeros_at`, so that wide
/// length fields have small values.
fn all_streams<H: Header + Copy>(
    name: &str,
    format: H,
    plain: Plain,
    alphabet: [u8; 4],
    longest: usize,
    (zeros, zeros_at): (usize, usize),
) {
    let (mut streams, mut chunkings, mut runs) = (0u64, 0u64, 0u64);
    let (mut frames, mut pieces, mut errors) = (0u64, 0u64, 0u64);
    let mut bytes = [0; 16];
    let mut store = [0; 10];
    for length in 1..=longest {
        for number in 0..4usize.pow(length as u32) {
            let bytes = &mut bytes[..length + zeros];
            bytes.fill(0);
            for i in 0..length {
                let at = if i < zeros_at { i } else { i + zeros };
                bytes[at] = alphabet[number >> (2 * i) & 3];
            }
            let bytes = &*bytes;
            let all_cuts = 1u32 << (bytes.len() - 1);
            streams += 1;
            chunkings += u64::from(all_cuts);
            for size in format.max_len().max(3)..=store.len() {
                for verb in VERBS {
                    let oracle = Oracle::new(plain, bytes, size, verb.limit());
                    frames += oracle.count as u64;
                    pieces += oracle.items[..oracle.count].iter().filter(|item| item.streamed).count() as u64;
                    errors += u64::from(oracle.error.is_some());
                    for cuts in 0..all_cuts {
                        for pull in [false, true] {
                            let mut decoder = Decoder::try_new(format, &mut store[..size]).unwrap();
                            let mut run = Run { oracle: &oracle, bytes, verb, item: 0, at: None };
                            let result = if pull {
                                run.pulled(&mut decoder, cuts)
                            } else {
                                run.pushed(&mut decoder, cuts)
                            };
                            if let Err(wrong) = result {
                                let cut: Vec<_> = chunks(bytes, cuts).collect();
                                panic!(
                                    "{wrong}: {name}, store of {size}, {verb:?}, pulled: {pull}, \
                                     {cut:?}\n{decoder:?}\n{oracle:?}"
                                );
                            }
                        }
                    }
                    runs += 2 * u64::from(all_cuts);
                }
            }
        }
    }
    // A shape of streams that never gets anywhere would test nothing.
    assert!(frames > 0 && pieces > 0 && errors > 0, "{frames} frames, {pieces} streamed, {errors} errors");
    println!(
        "{name}: {streams} streams of up to {longest} bytes, {chunkings} chunkings, {runs} runs; the \
         oracle has {frames} frames, {pieces} of them in pieces, and {errors} errors"
    );
}

/// What a length field and its neighbours are made of.
const EDGES: [u8; 4] = [0, 1, 2, 255];

/// One test for each format, so that they share the cores.
macro_rules! exhaustive {
    ($($name:ident: $format:expr, $plain:expr, $alphabet:expr, $shorter:literal, $zeros:expr;)*) => {
        $(#[test]
        fn $name() {
            all_streams(stringify!($name), $format, $plain, $alphabet, longest().saturating_sub($shorter), $zeros);
        })*
    };
}

exhaustive! {
    u8_edges: U_8, Plain::Big(1), EDGES, 0, (0, 0);
    // Many small frames of several lengths: the most wraps.
    u8_frames: U_8, Plain::Big(1), [0, 1, 3, 11], 0, (0, 0);
    u16be: U16_BE, Plain::Big(2), EDGES, 0, (0, 0);
    u16le: U16_LE, Plain::Little(2), EDGES, 0, (0, 0);
    u24be: U24_BE, Plain::Big(3), EDGES, 0, (0, 0);
    u24le: U24_LE, Plain::Little(3), EDGES, 0, (0, 0);
    u32be: U32_BE, Plain::Big(4), EDGES, 0, (0, 0);
    u32le: U32_LE, Plain::Little(4), EDGES, 0, (0, 0);
    u64be: U64_BE, Plain::Big(8), EDGES, 2, (6, 0);
    u64le: U64_LE, Plain::Little(8), EDGES, 2, (6, 2);
    varint: VARINT, Plain::Varint(10, 64), EDGES, 0, (0, 0);
    varint_32: length_field!(width = varint32), Plain::Varint(5, 32), [0, 2, 0x80, 255], 0, (0, 0);
    varint_mqtt: length_field!(width = varint_mqtt), Plain::Varint(4, 28), [1, 3, 0x80, 255], 0, (0, 0);
}
