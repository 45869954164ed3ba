//! All streams over a small alphabet, in all chunkings, over all small stores, by every method,
//! pushed and pulled. The results must be those of a plain oracle that sees the whole stream at
//! once and shares no code with the codec. Small stores and short streams reach every wrap, move
//! and limit there is.
//!
//! `RINGFRAME_EXHAUSTIVE` is the length of the longest stream: 7 takes three minutes of one core in
//! a release build, which has it by default; 9 is for a night.

use std::env;

use ringframe::formats::*;
use ringframe::{
    DecodeError, Decoder, EncodeError, EndError, Event, Format, HeaderError, Parsed, Status, Trailer,
    length_field,
};

/// The oracle's idea of a length field.
#[derive(Clone, Copy, Debug)]
enum Plain {
    /// So many bytes, the most significant first.
    Big(usize),
    /// So many bytes, the least significant first.
    Little(usize),
    /// At most so many bytes, and bits.
    Varint(usize, u32),
    /// One byte, and a trailer of two bytes: all bytes of the frame before it, combined by
    /// exclusive or, and the last of them.
    Checked,
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
            Self::Checked => match bytes {
                [] => return Told::Need(1),
                [length, ..] => (u128::from(*length), 1),
            },
        };
        let frame = value + header as u128;
        if frame >> 64 > 0 {
            return Told::Never(HeaderError::Overflow { value: value as u64 });
        }
        Told::Frame { header, frame: frame + self.trailer() as u128 }
    }

    const fn trailer(self) -> usize {
        if matches!(self, Self::Checked) { 2 } else { 0 }
    }

    /// Returns true if a whole frame has the right trailer.
    fn is_intact(self, frame: &[u8]) -> bool {
        match frame {
            _ if self.trailer() == 0 => true,
            [before @ .., all, last] => {
                before.iter().fold(0, |sum, byte| sum ^ byte) == *all && before.last() == Some(last)
            }
            _ => false,
        }
    }
}

/// The same format for the codec.
#[derive(Clone, Copy)]
struct Checked;

#[derive(Clone, Copy, Default)]
struct Check {
    all: u8,
    last: u8,
}

impl Trailer for Check {
    const MAX_LEN: usize = 2;

    fn update(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            *self = Self { all: self.all ^ byte, last: byte };
        }
    }

    fn write(&self, _: &mut [u8]) {
        unreachable!("nothing is encoded here");
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == [self.all, self.last]
    }
}

impl Format for Checked {
    type Trailer = Check;

    fn max_header(&self) -> usize {
        1
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match prefix {
            [] => Ok(Parsed::Incomplete { total: 1 }),
            [length, ..] => Ok(Parsed::Frame { header: 1, payload: u64::from(*length) }),
        }
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, EncodeError> {
        Err(EncodeError::Refused("nothing is encoded here"))
    }

    fn write(&self, _: &[u8], _: u64, _: &mut [u8]) {}
}

/// A frame in the stream: where it begins, where its payload does, and where payload and frame end
/// or the stream does.
#[derive(Clone, Copy, Debug, Default)]
struct Item {
    start: usize,
    body: usize,
    body_end: usize,
    end: usize,
    payload: u64,
    streamed: bool,
    /// All of it is in the stream, and its trailer is right.
    complete: bool,
}

/// How a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Clean,
    Truncated { have: usize, want: usize },
    TruncatedPayload { missing: u64 },
    Fault,
}

/// What a stream means to a store of some size.
#[derive(Debug)]
struct Oracle {
    items: [Item; 16],
    count: usize,
    error: Option<DecodeError>,
    end: End,
    /// How many bytes tell the length of a frame that has not begun.
    first: usize,
    /// `poll` does not know of the error, because by another method there is something to take.
    poll_is_ready: bool,
}

impl Oracle {
    fn new(plain: Plain, bytes: &[u8], store: usize, method: Method, limit: Option<u64>) -> Self {
        let Told::Need(first) = plain.tell(&[]) else { panic!("no bytes tell nothing") };
        let mut this = Self {
            items: [Item::default(); 16],
            count: 0,
            error: None,
            end: End::Clean,
            first,
            poll_is_ready: false,
        };
        let mut start = 0;
        while start < bytes.len() && this.end == End::Clean {
            let rest = &bytes[start..];
            let (header, frame) = match plain.tell(rest) {
                Told::Need(want) => {
                    this.end = End::Truncated { have: rest.len(), want };
                    break;
                }
                Told::Never(error) => {
                    this.fail(DecodeError::Header(error));
                    break;
                }
                Told::Frame { header, frame } => (header, frame),
            };
            let limit = limit.unwrap_or(store as u64);
            let too_long = |limit| DecodeError::TooLong { declared: frame as u64, limit };
            let fits = frame <= store as u128;
            if frame > u128::from(limit) {
                this.fail(too_long(limit));
                break;
            }
            if !fits && !method.streams() {
                this.fail(too_long(store as u64));
                this.poll_is_ready = true;
                break;
            }
            let is_there = frame <= rest.len() as u128;
            if fits && !is_there {
                this.end = End::Truncated { have: rest.len(), want: frame as usize };
                break;
            }
            let end = if is_there { start + frame as usize } else { bytes.len() };
            // Nobody compares the trailer of a frame that is skipped.
            let skipped = !fits && method == Method::Discard;
            let complete = is_there && (skipped || plain.is_intact(&bytes[start..end]));
            let payload = (frame - (header + plain.trailer()) as u128) as u64;
            if is_there && !complete {
                this.fail(DecodeError::Corrupt);
                this.poll_is_ready = !fits;
                if fits {
                    break;
                }
            }
            let body = start + header;
            let body_end = bytes.len().min(body.saturating_add(payload as usize));
            this.items[this.count] = Item { start, body, body_end, end, payload, streamed: !fits, complete };
            this.count += 1;
            if !is_there {
                this.end = End::TruncatedPayload { missing: (frame - rest.len() as u128) as u64 };
            }
            start = end;
        }
        this
    }

    fn fail(&mut self, error: DecodeError) {
        (self.error, self.end) = (Some(error), End::Fault);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    NextFrame,
    /// `frames`, with cursors that are dropped after two frames.
    Frames,
    NextEvent,
    /// `next_event`, and `discard` where a frame begins that is larger than the store.
    Discard,
}

impl Method {
    const fn streams(self) -> bool {
        matches!(self, Self::NextEvent | Self::Discard)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    None,
    /// A limit of the whole frame.
    At(u64),
    /// A header and two bytes: less than most stores.
    Small,
}

/// 12 lets some frames pass that stores of up to 10 bytes can't hold, 300 lets nearly all.
const WAYS: [(Method, Limit); 7] = [
    (Method::NextFrame, Limit::None),
    (Method::Frames, Limit::None),
    (Method::NextFrame, Limit::At(300)),
    (Method::Frames, Limit::Small),
    (Method::NextEvent, Limit::At(12)),
    (Method::NextEvent, Limit::At(300)),
    (Method::Discard, Limit::At(300)),
];

/// One stream in one chunking, while it runs.
struct Run<'a> {
    oracle: &'a Oracle,
    bytes: &'a [u8],
    method: Method,
    /// The item that comes next, or that is under way.
    item: usize,
    /// Where in it, while it is streamed.
    at: Option<usize>,
}

type Wrong = &'static str;

impl Run<'_> {
    /// Runs the stream. An error says what was wrong, and shows the decoder.
    fn run<F: Format>(
        mut self,
        format: F,
        store: &mut [u8],
        cuts: u32,
        pull: bool,
    ) -> Result<(), (Wrong, String)> {
        let mut decoder = Decoder::try_new(format, store).unwrap();
        let result = if pull { self.pulled(&mut decoder, cuts) } else { self.pushed(&mut decoder, cuts) };
        result.map_err(|wrong| (wrong, format!("{decoder:?}")))
    }

    /// Makes one call. Returns `Ok(false)` if there was nothing, and the error that must be the
    /// oracle's.
    #[inline]
    fn take<F: Format>(
        &mut self,
        decoder: &mut Decoder<F, &mut [u8]>,
        input: &mut &[u8],
    ) -> Result<Result<bool, DecodeError>, Wrong> {
        let event = match self.method {
            Method::Frames => return self.take_frames(decoder, input, 1),
            Method::NextFrame => decoder.next_frame(input).map(|frame| frame.map(Event::Frame)),
            Method::NextEvent | Method::Discard => decoder.next_event(input),
        };
        match event {
            Ok(None) => return Ok(Ok(false)),
            Ok(Some(event)) => self.see(event)?,
            Err(error) => return Ok(Err(error)),
        }
        if self.method == Method::Discard && self.at.take().is_some() {
            if decoder.discard() != self.oracle.items[self.item].payload {
                return Err("`discard` skips another length");
            }
            self.item += 1;
        }
        Ok(Ok(true))
    }

    #[inline]
    fn see(&mut self, event: Event<'_>) -> Result<(), Wrong> {
        let Some(item) = self.oracle.items[..self.oracle.count].get(self.item) else {
            return Err("a frame too many");
        };
        match event {
            Event::Frame(frame) => {
                let same = !item.streamed
                    && frame.bytes() == &self.bytes[item.start..item.end]
                    && frame.header().len() == item.body - item.start
                    && frame.payload() == &self.bytes[item.body..item.body_end];
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
                self.at = Some(item.body);
            }
            Event::Data(piece) => {
                let Some(at) = self.at else { return Err("data of no frame") };
                if piece.is_empty() || self.bytes[at..item.body_end].get(..piece.len()) != Some(piece) {
                    return Err("other data");
                }
                self.at = Some(at + piece.len());
            }
            Event::End => {
                if !item.complete || self.at != Some(item.body_end) {
                    return Err("an end too early");
                }
                self.at = None;
                self.item += 1;
            }
        }
        Ok(())
    }

    /// An error must be the oracle's, use up nothing from here on, and stay.
    fn stays<F: Format>(
        &mut self,
        decoder: &mut Decoder<F, &mut [u8]>,
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
        let status = if self.oracle.poll_is_ready { Ok(Status::Ready) } else { Err(error) };
        if decoder.poll() != status {
            return Err("the error was not repeated by `poll`");
        }
        if input.len() != left { Err("a repeated error used input") } else { Ok(()) }
    }

    fn ended<F: Format>(&self, decoder: &mut Decoder<F, &mut [u8]>, failed: bool) -> Result<(), Wrong> {
        if failed != self.oracle.error.is_some() {
            return Err("an error is missing");
        }
        let cut_off = self.at.is_some();
        if self.item + usize::from(cut_off) != self.oracle.count {
            return Err("frames are missing");
        }
        if cut_off && self.at != Some(self.oracle.items[self.item].body_end) {
            return Err("data is missing");
        }
        let buffered = decoder.buffered();
        let (end, missing) = match self.oracle.end {
            End::Clean => (Ok(()), self.oracle.first),
            End::Truncated { have, want } => (Err(EndError::Truncated { have, want }), want - have),
            End::TruncatedPayload { missing } => {
                let all = Err(EndError::TruncatedPayload { missing });
                // Payload and trailer are taken one after the other, if they are not skipped.
                let trailer = missing.saturating_sub(self.payload_missing());
                let now = if cut_off && missing > trailer { missing - trailer } else { missing };
                (all, now as usize)
            }
            End::Fault if buffered == 0 => return Err("what is at fault is gone"),
            End::Fault => (Err(EndError::Unread { bytes: buffered }), 0),
        };
        if decoder.end_of_input() != end {
            return Err("another end");
        }
        if decoder.missing() != missing {
            return Err("something else is missing");
        }
        if decoder.is_mid_frame() != (missing > 0 && self.oracle.end != End::Clean) {
            return Err("wrong about whether a frame is under way");
        }
        Ok(())
    }

    /// Returns how many bytes are missing of the payload that is cut off.
    fn payload_missing(&self) -> u64 {
        let item = &self.oracle.items[self.oracle.count - 1];
        item.payload - (item.body_end - item.body) as u64
    }

    /// Chunks go in, and all that is in them is taken at once.
    fn pushed<F: Format>(&mut self, decoder: &mut Decoder<F, &mut [u8]>, cuts: u32) -> Result<(), Wrong> {
        let mut failed = false;
        for mut chunk in chunks(self.bytes, cuts) {
            loop {
                let taken = if self.method == Method::Frames {
                    self.take_frames(decoder, &mut chunk, 2)?
                } else {
                    self.take(decoder, &mut chunk)?
                };
                match taken {
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

    /// Takes some frames by one cursor.
    fn take_frames<F: Format>(
        &mut self,
        decoder: &mut Decoder<F, &mut [u8]>,
        input: &mut &[u8],
        count: usize,
    ) -> Result<Result<bool, DecodeError>, Wrong> {
        let mut frames = decoder.frames(input);
        for _ in 0..count {
            match frames.next() {
                Ok(Some(frame)) => self.see(Event::Frame(frame))?,
                Ok(None) => return Ok(Ok(false)),
                Err(error) => {
                    // The cursor repeats it, too.
                    return if frames.next() == Err(error) { Ok(Err(error)) } else { Err("another error") };
                }
            }
        }
        Ok(Ok(true))
    }

    /// The store is filled as far as it goes, and one frame taken only where that is needed to go
    /// on: frames wait in the store while others arrive after them.
    fn pulled<F: Format>(&mut self, decoder: &mut Decoder<F, &mut [u8]>, cuts: u32) -> Result<(), Wrong> {
        for mut chunk in chunks(self.bytes, cuts) {
            loop {
                let space = decoder.space();
                let n = space.len().min(chunk.len());
                let (now, later) = chunk.split_at(n);
                space[..n].copy_from_slice(now);
                chunk = later;
                if decoder.filled(n).is_err() {
                    return Err("the space that was offered was refused");
                }
                if chunk.is_empty() {
                    break;
                }
                match self.poll(decoder, &mut chunk)? {
                    Ok(Status::Missing(_)) if n == 0 && decoder.space().is_empty() => {
                        return Err("no space although more is needed");
                    }
                    Ok(_) => {}
                    Err(_) => return self.ended(decoder, true),
                }
            }
        }
        loop {
            match self.poll(decoder, &mut &[][..])? {
                Ok(Status::Missing(_)) => return self.ended(decoder, false),
                Ok(Status::Ready) => {}
                Err(_) => return self.ended(decoder, true),
            }
        }
    }

    /// Takes what `poll` says there is.
    fn poll<F: Format>(
        &mut self,
        decoder: &mut Decoder<F, &mut [u8]>,
        chunk: &mut &[u8],
    ) -> Result<Result<Status, DecodeError>, Wrong> {
        let result = match decoder.poll() {
            Ok(Status::Missing(n)) if n == 0 || n != decoder.missing() => return Err("nothing is missing"),
            Ok(Status::Missing(n)) => return Ok(Ok(Status::Missing(n))),
            Ok(Status::Ready) => self.take(decoder, &mut &[][..])?,
            Err(error) => Err(error),
        };
        match result {
            Ok(true) => Ok(Ok(Status::Ready)),
            Ok(false) => Err("`poll` said ready, and there is nothing"),
            Err(error) => {
                self.stays(decoder, error, chunk)?;
                Ok(Err(error))
            }
        }
    }
}

/// The pieces of a stream that is cut after byte `i` where bit `i` is set.
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

/// Runs all streams of up to `longest` bytes; `zeros` are put into each of them at `zeros_at`, so
/// that wide length fields have small values.
fn all_streams<F: Format + Copy>(
    name: &str,
    format: F,
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
            for size in (format.max_header() + plain.trailer()).max(3)..=store.len() {
                for (method, limit) in WAYS {
                    let limit = match limit {
                        Limit::None => None,
                        Limit::At(limit) => Some(limit),
                        Limit::Small => Some((format.max_header() + plain.trailer()) as u64 + 2),
                    };
                    let oracle = Oracle::new(plain, bytes, size, method, limit);
                    frames += oracle.count as u64;
                    pieces += oracle.items[..oracle.count].iter().filter(|item| item.streamed).count() as u64;
                    errors += u64::from(oracle.error.is_some());
                    // There is no batch without a chunk.
                    let pulls = if method == Method::Frames { &[false][..] } else { &[false, true] };
                    for cuts in 0..all_cuts {
                        for &pull in pulls {
                            let run = Run { oracle: &oracle, bytes, method, item: 0, at: None };
                            let store = &mut store[..size];
                            let result = match limit {
                                None => run.run(format, store, cuts, pull),
                                Some(limit) => run.run(format.with_limit(limit), store, cuts, pull),
                            };
                            if let Err((wrong, decoder)) = result {
                                let cut: Vec<_> = chunks(bytes, cuts).collect();
                                panic!(
                                    "{wrong}: {name}, store of {size}, {method:?}, limit {limit:?}, pulled: \
                                     {pull}, {cut:?}\n{decoder}\n{oracle:?}"
                                );
                            }
                        }
                    }
                    runs += pulls.len() as u64 * u64::from(all_cuts);
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
    // Each byte of a frame, combined with others, is one of these: some frames are intact.
    checked: Checked, Plain::Checked, [0, 1, 2, 3], 0, (0, 0);
    varint: VARINT64, Plain::Varint(10, 64), EDGES, 0, (0, 0);
    varint_32: length_field!(width: Varint32), Plain::Varint(5, 32), [0, 2, 0x80, 255], 0, (0, 0);
    varint_mqtt: length_field!(width: Varint28), Plain::Varint(4, 28), [1, 3, 0x80, 255], 0, (0, 0);
}
