//! The frames of a stream, shown as they come: what `inspect` and `proxy` have in common.
//!
//! A [`View`] follows one stream: bytes in, cut anywhere, out of them lines in a [`Sink`]. It holds one ring, whatever
//! the frames are; a larger frame passes through it in pieces. One stream among many has a small ring, and of a frame that
//! is larger than that what has arrived: a capture of a few MB may have a hundred thousand streams with little in each.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use hexyl::{BorderStyle, PrinterBuilder};
use ringframe::{Decoder, Event, Limited, RuntimeFormat};
use serde_json::{Value, json};

use crate::args::ViewArgs;
use crate::failure::{Code, Failure};
use crate::histogram::{self, Row};
use crate::output::{Output, frame_json, json_line};
use crate::text::Escaper;
use crate::wire::RING;

/// From how many bytes on what was shown is to be taken out of a sink; what one frame shows may still come on top.
pub(crate) const PENDING: usize = 64 << 10;

/// Capacity of the ring of a stream among others, bytes.
const SMALL_RING: usize = 2 << 10;

/// The width of a preview, characters.
const PREVIEW: usize = 60;

/// How many bytes of a payload are kept for its preview: a character has four at the most.
const HEAD: usize = 4 * (PREVIEW + 1);

/// How many bytes a line of a hex dump has.
const DUMP_LINE: usize = 16;

/// In front of each line of a hex dump.
const INDENT: &[u8] = b"    ";

/// How frames are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Show {
    Lines {
        color: bool,
    },
    Json,
    /// Counted, and nothing else.
    Counted,
}

/// Where what is shown is collected, for the caller to take it on.
#[derive(Debug)]
pub(crate) struct Sink {
    show: Show,
    /// Payloads as well, in hexadecimal.
    hex: bool,
    pub(crate) text: Vec<u8>,
    pub(crate) lengths: Lengths,
}

impl Sink {
    /// How to show it is what the options say, and what standard output is.
    pub(crate) fn new(args: ViewArgs, output: Output) -> Self {
        let color = anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never;
        let show = if output.json { Show::Json } else { Show::Lines { color } };
        Self::with(show, args.hex)
    }

    /// One that counts.
    pub(crate) fn counting() -> Self {
        Self::with(Show::Counted, false)
    }

    fn with(show: Show, hex: bool) -> Self {
        Self { show, hex, text: Vec::new(), lengths: Lengths::default() }
    }

    /// Whether nothing is shown on a screen meanwhile. Behind a pipe there may be one, that of a pager.
    pub(crate) fn is_off_screen(&self) -> bool {
        matches!(self.show, Show::Counted) || stdout_is_a_file()
    }

    /// Writes all of it to standard output.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let result = out.write_all(&self.text).and_then(|()| out.flush()).map_err(Failure::stdout);
        self.text.clear();
        result
    }
}

#[cfg(unix)]
fn stdout_is_a_file() -> bool {
    use std::os::fd::AsFd;

    let file = io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    file.and_then(|file| file.metadata()).is_ok_and(|file| file.is_file())
}

#[cfg(not(unix))]
fn stdout_is_a_file() -> bool {
    false
}

/// One stream.
pub(crate) struct View {
    decoder: Decoder<Limited<RuntimeFormat>, Box<[u8]>>,
    /// What the stream is called.
    name: String,
    /// Whether the name is a part of the results.
    named: bool,
    /// Bytes in front of the first frame that are still to be skipped.
    skip: u64,
    /// How many frames were shown.
    frames: u64,
    /// Where the frame under way begins.
    offset: u64,
    /// A frame larger than the ring.
    large: Option<Large>,
}

/// A frame of which there are only pieces.
struct Large {
    header: Vec<u8>,
    payload: u64,
    /// The first bytes of its payload: all, where it is shown with all.
    head: Vec<u8>,
    /// How many of them are kept at the most.
    keep: usize,
    dump: Dump,
}

impl View {
    /// A view of one stream among others, whose name each frame is shown with.
    pub(crate) fn of_stream(
        name: String,
        format: Limited<RuntimeFormat>,
        skip: u64,
    ) -> Result<Self, Failure> {
        Ok(Self { named: true, ..Self::with_ring(SMALL_RING, name, format, skip)? })
    }

    /// A view of all that there is.
    pub(crate) fn of_all(name: String, format: Limited<RuntimeFormat>, skip: u64) -> Result<Self, Failure> {
        Self::with_ring(RING, name, format, skip)
    }

    fn with_ring(
        ring: usize,
        name: String,
        format: Limited<RuntimeFormat>,
        skip: u64,
    ) -> Result<Self, Failure> {
        let decoder = Decoder::try_new(format, vec![0; ring].into_boxed_slice())?;
        Ok(Self { decoder, name, named: false, skip, frames: 0, offset: skip, large: None })
    }

    /// How many frames were shown.
    pub(crate) fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether the stream is between frames.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.large.is_none() && !self.decoder.is_mid_frame()
    }

    /// Shows the next frame, or takes the next piece of one; `false` once all of the chunk is used.
    ///
    /// # Errors
    /// Bytes that can't be: there is no going on.
    pub(crate) fn next(&mut self, chunk: &mut &[u8], sink: &mut Sink) -> Result<bool, Failure> {
        if self.skip > 0 {
            let n = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
            *chunk = &chunk[n..];
            self.skip -= n as u64;
        }
        let event = match self.decoder.next_event(chunk) {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(false),
            Err(error) => return Err(failure(&self.name, self.offset, &error)),
        };
        let stream = self.named.then_some(&*self.name);
        match event {
            Event::Frame(frame) => {
                let (header, payload) = (frame.header(), frame.payload());
                let shown = Shown {
                    stream,
                    index: self.frames,
                    offset: self.offset,
                    header,
                    payload: payload.len() as u64,
                    head: payload,
                };
                sink.show(&shown, Some(payload));
                self.frames += 1;
                self.offset += frame.bytes().len() as u64;
            }
            Event::Begin { header, payload } => {
                let header = header.to_vec();
                let is_kept = sink.hex && header.len() as u64 + payload <= RING as u64;
                let keep = if is_kept { RING } else { HEAD };
                let large = Large { header, payload, head: Vec::new(), keep, dump: Dump::default() };
                if sink.is_dumping() && !large.is_kept() {
                    sink.line(&self.shown(&large));
                }
                self.large = Some(large);
            }
            Event::Data(piece) => {
                let Some(large) = &mut self.large else { return Ok(true) };
                let n = piece.len().min(large.keep.saturating_sub(large.head.len()));
                large.head.extend_from_slice(&piece[..n]);
                if sink.is_dumping() && !large.is_kept() {
                    sink.dump(&mut large.dump, piece);
                }
            }
            Event::End => {
                let Some(mut large) = self.large.take() else { return Ok(true) };
                if large.is_kept() {
                    sink.show(&self.shown(&large), Some(&large.head));
                } else if sink.is_dumping() {
                    sink.end_dump(&mut large.dump);
                    sink.lengths.count(large.len(), large.payload);
                } else {
                    sink.show(&self.shown(&large), None);
                }
                self.frames += 1;
                self.offset += large.len();
            }
        }
        Ok(true)
    }

    fn shown<'a>(&'a self, large: &'a Large) -> Shown<'a> {
        Shown {
            stream: self.named.then_some(&*self.name),
            index: self.frames,
            offset: self.offset,
            header: &large.header,
            payload: large.payload,
            head: &large.head,
        }
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// An end inside a frame.
    pub(crate) fn end(&mut self) -> Result<(), Failure> {
        if self.skip > 0 {
            let at = self.offset - self.skip;
            let why = format!("the stream ended inside the {} bytes to skip", self.offset);
            return Err(failure(&self.name, at, &why));
        }
        self.decoder.end_of_input().map_err(|error| failure(&self.name, self.offset, &error))
    }
}

impl Large {
    fn len(&self) -> u64 {
        self.header.len() as u64 + self.payload
    }

    /// Whether it is shown with its payload once that is there, as one that fits a large ring is.
    fn is_kept(&self) -> bool {
        self.keep == RING
    }
}

/// What is wrong with a stream, and where.
fn failure(name: &str, offset: u64, what: &impl std::fmt::Display) -> Failure {
    Failure::new(Code::Protocol, format!("{name}, offset {offset}: {what}"))
}

/// What is shown of a frame.
struct Shown<'a> {
    stream: Option<&'a str>,
    index: u64,
    offset: u64,
    header: &'a [u8],
    payload: u64,
    /// The first bytes of the payload.
    head: &'a [u8],
}

impl Sink {
    /// Whether payloads are dumped as they come, below the line of their frame.
    fn is_dumping(&self) -> bool {
        self.hex && matches!(self.show, Show::Lines { .. })
    }

    /// Shows a frame that has arrived whole, of which there is the payload if it fits a ring.
    #[inline]
    fn show(&mut self, frame: &Shown<'_>, payload: Option<&[u8]>) {
        self.lengths.count(frame.header.len() as u64 + frame.payload, frame.payload);
        match self.show {
            Show::Counted => {}
            Show::Lines { .. } => {
                self.line(frame);
                if self.hex
                    && let Some(payload) = payload
                {
                    let mut dump = Dump::default();
                    self.dump(&mut dump, payload);
                    self.end_dump(&mut dump);
                }
            }
            Show::Json => self.object(frame, payload.filter(|_| self.hex)),
        }
    }

    fn object(&mut self, frame: &Shown<'_>, payload: Option<&[u8]>) {
        let mut object = frame_json(frame.index, frame.offset, frame.header.len(), frame.payload);
        if let Some(stream) = frame.stream {
            object.insert("stream".into(), stream.into());
        }
        if let Some(payload) = payload {
            object.insert("header".into(), hex::encode(frame.header).into());
            object.insert("payload".into(), hex::encode(payload).into());
        }
        let _ = writeln!(self.text, "{}", json_line(&Value::Object(object)));
    }

    /// Number, offset, header, length of the payload, preview; with a dump to come, no preview.
    fn line(&mut self, frame: &Shown<'_>) {
        let Show::Lines { color } = self.show else { return };
        let style = |style: Style| if color { style } else { Style::new() };
        let (dim, bold) = (style(AnsiColor::Cyan.on_default()), style(Style::new().bold()));
        let Shown { stream, index, offset, header, payload, head } = frame;
        let header = hex::encode(header);
        // Writing to a vector can't fail.
        if let Some(stream) = stream {
            let _ = write!(self.text, "{dim}{stream}{dim:#}  ");
        }
        let _ = write!(self.text, "{index:>6} {offset:>10}  {bold}{header}{bold:#} {payload:>8}");
        if !self.hex && *payload > 0 {
            let _ = write!(self.text, "  {}", preview(head, *payload > head.len() as u64));
        }
        self.text.push(b'\n');
    }

    /// Appends a piece to a dump, in lines that don't depend on how it was cut.
    fn dump(&mut self, dump: &mut Dump, mut piece: &[u8]) {
        if !dump.rest.is_empty() {
            let n = piece.len().min(DUMP_LINE - dump.rest.len());
            dump.rest.extend_from_slice(&piece[..n]);
            piece = &piece[n..];
            if dump.rest.len() < DUMP_LINE {
                return;
            }
            self.end_dump(dump);
        }
        let (lines, rest) = piece.split_at(piece.len() / DUMP_LINE * DUMP_LINE);
        self.hex_lines(dump, lines);
        dump.rest.extend_from_slice(rest);
    }

    /// The last line of a dump.
    fn end_dump(&mut self, dump: &mut Dump) {
        let rest = std::mem::take(&mut dump.rest);
        self.hex_lines(dump, &rest);
    }

    fn hex_lines(&mut self, dump: &mut Dump, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut lines = Vec::new();
        let mut printer = PrinterBuilder::new(&mut lines)
            .show_color(matches!(self.show, Show::Lines { color: true }))
            .with_border_style(BorderStyle::None)
            // A dump in pieces would be squeezed piece by piece.
            .enable_squeezing(false)
            .build();
        // Neither reading a slice nor writing a vector can fail.
        let _ = printer.display_offset(dump.offset).print_all(bytes);
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            self.text.extend_from_slice(INDENT);
            self.text.extend_from_slice(line.trim_ascii_end());
            self.text.push(b'\n');
        }
        dump.offset += bytes.len() as u64;
    }
}

/// A payload's dump under way.
#[derive(Default)]
struct Dump {
    /// What was dumped, bytes.
    offset: u64,
    /// What is not a whole line yet.
    rest: Vec<u8>,
}

/// The beginning of a payload, of which there may be more, made harmless and cut to fit a line.
fn preview(head: &[u8], more: bool) -> String {
    let (mut text, mut escaper) = (String::new(), Escaper::default());
    for byte in head {
        let before = text.len();
        escaper.push(&[*byte], &mut text);
        if text.chars().count() > PREVIEW {
            text.truncate(before);
            text.push('…');
            return text;
        }
    }
    if more {
        text.push('…');
    } else {
        escaper.finish(&mut text);
    }
    text
}

/// Totals of frames, and how long they were.
#[derive(Debug)]
pub(crate) struct Lengths {
    frames: u64,
    bytes: u64,
    payload: u64,
    min: u64,
    max: u64,
    /// How many frames there are of each number of bits: of 2^(i-1) to 2^i - 1 bytes.
    of_bits: [u64; 65],
}

impl Default for Lengths {
    fn default() -> Self {
        Self { frames: 0, bytes: 0, payload: 0, min: u64::MAX, max: 0, of_bits: [0; 65] }
    }
}

impl Lengths {
    #[inline]
    fn count(&mut self, length: u64, payload: u64) {
        self.frames += 1;
        self.bytes = self.bytes.saturating_add(length);
        self.payload = self.payload.saturating_add(payload);
        self.min = self.min.min(length);
        self.max = self.max.max(length);
        self.of_bits[(u64::BITS - length.leading_zeros()) as usize] += 1;
    }

    /// The lengths from the shortest to the longest, in powers of two, those between that no frame has as well.
    fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let bits = |length: u64| (u64::BITS - length.leading_zeros()) as usize;
        let used = if self.frames == 0 { 0..0 } else { bits(self.min)..bits(self.max) + 1 };
        used.map(|bits| {
            let below = 1_u64.checked_shl(bits as u32).unwrap_or(0).wrapping_sub(1);
            (below / 2 + 1, below, self.of_bits[bits])
        })
    }

    /// The totals on a line, and a histogram.
    pub(crate) fn text(&self, streams: Option<usize>) -> String {
        let Self { frames, bytes, payload, min, max, .. } = self;
        let s = if *frames == 1 { "" } else { "s" };
        let mut text =
            format!("{frames} frame{s}, {bytes} bytes ({}), {payload} in payloads", ByteSize(*bytes));
        if let Some(streams) = streams {
            text += &format!(", {streams} stream{}", if streams == 1 { "" } else { "s" });
        }
        if *frames > 0 {
            let mean = *bytes as f64 / *frames as f64;
            text += &format!("\nlength: min {min}, mean {mean:.1}, max {max}");
            let rows = self.buckets().map(|(from, to, count)| Row {
                from: from.to_string(),
                to: to.to_string(),
                count,
            });
            histogram::draw(rows, &mut text);
        }
        text
    }

    pub(crate) fn json(&self, streams: Option<usize>) -> Value {
        let Self { frames, bytes, payload, min, max, .. } = self;
        let some = |value: &u64| if *frames > 0 { json!(value) } else { Value::Null };
        let buckets: Vec<_> = self
            .buckets()
            .map(|(from, to, count)| json!({ "from": from, "to": to, "count": count }))
            .collect();
        let mut object = json!({
            "frames": frames,
            "bytes": bytes,
            "payload_bytes": payload,
            "min_length": some(min),
            "max_length": some(max),
            "histogram": buckets,
        });
        if let Some(streams) = streams {
            object["streams"] = streams.into();
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use ringframe::{Format, LengthField};

    use super::{Lengths, SMALL_RING, Show, Sink, View, preview};

    const LINES: Show = Show::Lines { color: false };

    fn view(stream: &[u8], chunk: usize, show: Show, hex: bool) -> (String, Option<String>) {
        let format = LengthField::DEFAULT.check().unwrap().with_limit(u64::MAX);
        let mut view = View::of_stream("a".into(), format, 3).unwrap();
        let mut sink = Sink::with(show, hex);
        let mut all = || {
            for mut chunk in stream.chunks(chunk) {
                while view.next(&mut chunk, &mut sink)? {}
            }
            view.end()
        };
        let error = all().err().and_then(|failure| failure.message().map(str::to_owned));
        (String::from_utf8(sink.text).unwrap(), error)
    }

    /// A preamble, a small frame, one larger than the ring, and one that ends too early.
    fn stream() -> Vec<u8> {
        let large = vec![b'x'; 100_000];
        [b"pre", &[0, 0, 0, 20][..], b"small\x1b[2J and more!!", &100_000_u32.to_be_bytes(), &large, &[0; 6]]
            .concat()
    }

    #[test]
    fn any_chunking_shows_the_same() {
        let stream = stream();
        for (show, hex) in [(LINES, false), (LINES, true), (Show::Json, false), (Show::Json, true)] {
            let whole = view(&stream, stream.len(), show, hex);
            assert_eq!(
                whole.1.as_deref(),
                Some("a, offset 100035: the stream ended inside a frame: 2 bytes of at least 4 arrived")
            );
            for chunk in [1, 7, 4096, 70_000] {
                assert!(view(&stream, chunk, show, hex) == whole, "chunks of {chunk}");
            }
        }
        let (lines, _) = view(&stream, 5, LINES, false);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines[0], "a       0          3  00000014       20  small\\x1b[2J and more!!");
        assert!(
            lines[1].starts_with("a       1         27  000186a0   100000  xxxxx")
                && lines[1].ends_with("x…")
        );
        assert_eq!(lines[2], "a       2     100031  00000000        0");
        let (dump, _) = view(&stream, 5, LINES, true);
        assert_eq!(dump.lines().count(), 3 + 2 + 6250);
        assert!(!dump.contains('\x1b'));
    }

    /// A frame that fits a large ring is shown with its payload, whatever ring there is.
    #[test]
    fn a_small_ring_shows_what_a_large_one_does() {
        let payload: Vec<u8> = (0..10_000_u32).map(|i| (i / 7) as u8).collect();
        let stream = [&10_000_u32.to_be_bytes()[..], &payload, &[0; 4]].concat();
        let format = || LengthField::DEFAULT.check().unwrap().with_limit(u64::MAX);
        for (show, hex) in [(LINES, false), (LINES, true), (Show::Json, false), (Show::Json, true)] {
            let shown = |mut view: View, chunk| {
                let mut sink = Sink::with(show, hex);
                for mut chunk in stream.chunks(chunk) {
                    while view.next(&mut chunk, &mut sink).unwrap() {}
                }
                view.end().unwrap();
                (sink.text, sink.lengths.text(None))
            };
            let small = || View::with_ring(SMALL_RING, String::new(), format(), 0).unwrap();
            let expected = shown(View::of_all(String::new(), format(), 0).unwrap(), stream.len());
            for chunk in [1, 1000, 20_000] {
                assert!(shown(small(), chunk) == expected, "{show:?} {hex} {chunk}");
            }
        }
    }

    #[test]
    fn a_preamble_that_is_too_short() {
        let (_, error) = view(b"pr", 1, LINES, false);
        assert_eq!(error.as_deref(), Some("a, offset 2: the stream ended inside the 3 bytes to skip"));
    }

    #[test]
    fn previews_fit_their_line() {
        let whole = |payload: &[u8]| preview(payload, false);
        assert_eq!(whole(b"plain"), "plain");
        assert_eq!(whole("grüß".as_bytes()), "grüß");
        assert_eq!(whole(b"gr\xc3"), "gr\\xc3");
        assert_eq!(whole(&[b'x'; 60]), "x".repeat(60));
        assert_eq!(whole(&[b'x'; 61]), "x".repeat(60) + "…");
        assert_eq!(whole(&[0; 16]), "\\x00".repeat(15) + "…");
        assert_eq!(preview(b"gr\xc3", true), "gr…");
        assert_eq!(preview(&"🦀".repeat(70).into_bytes()[..super::HEAD], true), "🦀".repeat(60) + "…");
    }

    #[test]
    fn lengths_are_in_their_buckets() {
        let mut lengths = Lengths::default();
        assert_eq!(lengths.buckets().count(), 0);
        assert_eq!(lengths.text(None), "0 frames, 0 bytes (0 B), 0 in payloads");
        for length in [4, 7, 8, 1024, u64::MAX] {
            lengths.count(length, 0);
        }
        let buckets: Vec<_> = lengths.buckets().filter(|bucket| bucket.2 > 0).collect();
        assert_eq!(buckets, [(4, 7, 2), (8, 15, 1), (1024, 2047, 1), (1 << 63, u64::MAX, 1)]);
        assert_eq!(lengths.buckets().count(), 62);
    }
}
