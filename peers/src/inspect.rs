//! `inspect`: the frames of a recorded stream, or of all TCP streams of a capture.
//!
//! A capture is recognised by its first bytes. Of it, each direction of each connection is a stream of its own, put
//! together by [`Reassembly`] and shown by a [`View`]. Not done: packets that IP sent in fragments, checksums (captures
//! of one's own machine have wrong ones), decryption, what is tunnelled in other protocols, looking for frames again
//! behind a gap.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::path::Path;

use indicatif::ProgressBar;
use ringframe::{Limited, RuntimeFormat};

use crate::args::Inspect;
use crate::capture::{self, Broken, Content, Segment};
use crate::failure::{Code, Failure};
use crate::filter;
use crate::output::{self, Output, Verbosity};
use crate::reassembly::Reassembly;
use crate::view::{PENDING, Sink, View};

/// How much of a raw stream is read at a time, bytes.
const READ: usize = 256 << 10;

pub(crate) fn run(args: Inspect, output: Output) -> Result<(), Failure> {
    let format = args.wire.format(u64::MAX)?;
    let whom = filter::called(&args.file);
    let mut sink = if args.stats { Sink::counting() } else { Sink::new(args.view, output) };
    let mut input = filter::open(&args.file)?;
    let bar = bar(&args.file, &sink, output);
    let begin = begin(&mut input).map_err(|error| cannot_read(&whom, &error))?;
    let whole = bar.wrap_read(Cursor::new(begin.clone()).chain(input));
    let (result, streams) = if capture::is_capture(&begin) == Some(true) && !args.raw {
        let mut streams = Streams::new(&args, format, &mut sink, &bar);
        let result = streams.read(whole, &whom);
        (streams.finish(result, &whom, output), Some(streams.with_data))
    } else if begin.is_empty() {
        let why = format!("{whom}, offset 0: it is empty, there is no frame in it");
        (Err(Failure::new(Code::Other, why)), None)
    } else {
        (raw(whole, whom, format, args.skip, &mut sink), None)
    };
    // Whatever happened, what was good is shown.
    bar.finish_and_clear();
    sink.flush()?;
    if args.stats {
        output.result(&sink.lengths.text(streams), || sink.lengths.json(streams))?;
    }
    result
}

/// The first bytes, as many as it takes to see whether they are a capture's. A stream that is none is not waited for.
fn begin(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut begin = Vec::new();
    while capture::is_capture(&begin).is_none() {
        let mut more = [0; capture::MAGIC];
        let room = capture::MAGIC - begin.len();
        match filter::read_some(input, &mut more[..room])? {
            0 => break,
            n => begin.extend_from_slice(&more[..n]),
        }
    }
    Ok(begin)
}

fn cannot_read(whom: &str, error: &io::Error) -> Failure {
    Failure::new(Code::Other, format!("can't read {whom}: {error}"))
}

/// Progress, where nothing else is shown meanwhile.
fn bar(file: &Path, sink: &Sink, output: Output) -> ProgressBar {
    if !sink.is_off_screen() {
        return ProgressBar::hidden();
    }
    match fs::metadata(file).ok().filter(fs::Metadata::is_file).map(|file| file.len()) {
        Some(size) => output::progress(
            output,
            ProgressBar::new(size),
            "{wide_bar} {percent}% {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left",
        ),
        None => output::progress(
            output,
            ProgressBar::new_spinner(),
            "{spinner} {binary_bytes} {binary_bytes_per_sec}",
        ),
    }
}

/// Shows a stream as it is, at constant memory.
fn raw(
    mut input: impl Read,
    whom: String,
    format: Limited<RuntimeFormat>,
    skip: u64,
    sink: &mut Sink,
) -> Result<(), Failure> {
    let mut view = View::of_all(whom.clone(), format, skip)?;
    let mut chunk = vec![0; READ];
    loop {
        match filter::read_some(&mut input, &mut chunk).map_err(|error| cannot_read(&whom, &error))? {
            0 => return view.end(),
            n => show_all(&mut view, &chunk[..n], sink)?,
        }
        sink.flush()?;
    }
}

fn show_all(view: &mut View, mut chunk: &[u8], sink: &mut Sink) -> Result<(), Failure> {
    while view.next(&mut chunk, sink)? {
        if sink.text.len() >= PENDING {
            sink.flush()?;
        }
    }
    Ok(())
}

/// One direction of a connection.
struct Stream {
    name: String,
    reassembly: Reassembly,
    /// None before there is a byte, and once there is nothing more to show.
    view: Option<View>,
    over: bool,
    /// The capture has its beginning.
    from_its_beginning: bool,
}

impl Stream {
    /// A stream that begins inside a frame has wrong lengths, and nobody has sent them.
    fn of_capture(&self, failure: Failure) -> Failure {
        if self.from_its_beginning { failure } else { failure.with("the capture begins inside this stream") }
    }
}

/// All streams of a capture.
struct Streams<'a> {
    args: &'a Inspect,
    format: Limited<RuntimeFormat>,
    sink: &'a mut Sink,
    bar: &'a ProgressBar,
    all: Vec<Stream>,
    /// The latest one of each pair of ends.
    by_ends: HashMap<(SocketAddr, SocketAddr), usize>,
    /// The streams with at least a byte.
    with_data: usize,
    worst: Option<Code>,
    tally: Tally,
}

/// What there is in a capture.
#[derive(Default)]
struct Tally {
    packets: u64,
    segments: u64,
    cut: u64,
    fragments: u64,
    unknown_links: u64,
    /// The last such link's number.
    link: i32,
}

impl Tally {
    fn text(&self) -> String {
        let Self { packets, segments, cut, fragments, unknown_links, link } = self;
        let mut text = format!("{packets} packets, {segments} TCP segments");
        for (count, what) in [
            (*cut, "of them cut short in the capture".to_owned()),
            (*fragments, "fragments of IP packets, which are not put together".to_owned()),
            (*unknown_links, format!("packets of a kind of link that is not known here, {link}")),
        ] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        text
    }
}

impl<'a> Streams<'a> {
    fn new(
        args: &'a Inspect,
        format: Limited<RuntimeFormat>,
        sink: &'a mut Sink,
        bar: &'a ProgressBar,
    ) -> Self {
        let tally = Tally::default();
        let (all, by_ends) = (Vec::new(), HashMap::new());
        Self { args, format, sink, bar, all, by_ends, with_data: 0, worst: None, tally }
    }

    fn read(&mut self, input: impl Read, whom: &str) -> Result<(), Failure> {
        let result = capture::read(input, |packet| match packet {
            Some(packet) => self.packet(&packet.content()),
            None => self.sink.flush(),
        });
        result.map_err(|broken| match broken {
            Broken::Io(error) => cannot_read(whom, &error),
            Broken::Bad { offset, why } => {
                Failure::new(Code::Other, format!("{whom}, offset {offset}: {why}"))
            }
            Broken::Other(failure) => failure,
        })
    }

    fn packet(&mut self, content: &Content<'_>) -> Result<(), Failure> {
        self.tally.packets += 1;
        match content {
            Content::Segment(segment) => self.segment(segment)?,
            Content::Fragment => self.tally.fragments += 1,
            Content::UnknownLink(link) => {
                self.tally.unknown_links += 1;
                self.tally.link = link.0;
            }
            Content::Other => {}
        }
        Ok(())
    }

    fn segment(&mut self, segment: &Segment<'_>) -> Result<(), Failure> {
        self.tally.segments += 1;
        self.tally.cut += u64::from(segment.cut > 0);
        let Inspect { from, to, .. } = self.args;
        let wanted = match (from, to) {
            (None, None) => true,
            _ => *from == Some(segment.from.port()) || *to == Some(segment.to.port()),
        };
        if !wanted {
            return Ok(());
        }
        let ends = (segment.from, segment.to);
        let mut known = self.by_ends.get(&ends).copied();
        if segment.syn
            && let Some(stream) = known
            && !self.all[stream].reassembly.syn(segment.seq)
        {
            // The same ends, another connection.
            self.end_of(stream)?;
            known = None;
        }
        let stream = match known {
            Some(stream) => stream,
            None if segment.syn || !segment.payload.is_empty() => {
                let mut reassembly = Reassembly::default();
                if segment.syn {
                    reassembly.syn(segment.seq);
                }
                self.all.push(Stream {
                    name: format!("{} > {}", segment.from, segment.to),
                    reassembly,
                    view: None,
                    over: false,
                    from_its_beginning: segment.syn,
                });
                self.by_ends.insert(ends, self.all.len() - 1);
                self.all.len() - 1
            }
            None => return Ok(()),
        };
        // The SYN itself counts as a byte, in front of the others.
        let seq = segment.seq.wrapping_add(u32::from(segment.syn));
        self.bytes(stream, seq, segment.payload)?;
        let this = &mut self.all[stream];
        // An IP packet has less than 64 KiB, also what of it was not captured.
        let end = seq.wrapping_add((segment.payload.len() + segment.cut) as u32);
        if segment.cut > 0 {
            this.reassembly.reaches(end);
        }
        if segment.fin {
            this.reassembly.fin(end);
        }
        if this.reassembly.is_complete() || this.reassembly.has_a_gap() || segment.rst {
            self.end_of(stream)?;
        }
        if segment.rst
            && let Some(&back) = self.by_ends.get(&(segment.to, segment.from))
        {
            self.end_of(back)?;
        }
        Ok(())
    }

    /// Shows what a segment brings, and what waited for it.
    fn bytes(&mut self, stream: usize, seq: u32, payload: &[u8]) -> Result<(), Failure> {
        let this = &mut self.all[stream];
        if this.over {
            return Ok(());
        }
        let mut shown = Ok(());
        let now = this.reassembly.segment(seq, payload);
        if !now.is_empty() {
            if this.view.is_none() {
                this.view = Some(View::of_stream(this.name.clone(), self.format, self.args.skip)?);
                self.with_data += 1;
            }
            let Some(view) = &mut this.view else { return Ok(()) };
            shown = show_all(view, now, self.sink);
            while shown.is_ok()
                && let Some(later) = this.reassembly.pop()
            {
                shown = show_all(view, &later, self.sink);
            }
        }
        match shown {
            Err(failure) if failure.is(Code::Protocol) => {
                let begun = this.from_its_beginning;
                self.forget(stream);
                let failure =
                    if begun { failure } else { failure.with("the capture begins inside this stream") };
                self.complain(Code::Protocol, &failure)
            }
            shown => shown,
        }
    }

    /// A stream has ended, or the capture has.
    fn end_of(&mut self, stream: usize) -> Result<(), Failure> {
        let this = &mut self.all[stream];
        if this.over {
            return Ok(());
        }
        let missing = this.reassembly.missing();
        let gap = (missing > 0).then(|| {
            let Stream { name, reassembly, .. } = &this;
            let mut why = format!(
                "{name}, offset {}: {missing} bytes are missing in the capture, nothing behind them is shown",
                reassembly.delivered()
            );
            if self.tally.cut > 0 {
                why += &format!(
                    " ({} of its packets are cut short: record them whole, as by tcpdump -s 0)",
                    self.tally.cut
                );
            }
            Failure::new(Code::Other, why)
        });
        let ended = this.view.as_mut().map_or(Ok(()), View::end).map_err(|failure| this.of_capture(failure));
        self.forget(stream);
        match (gap, ended) {
            (Some(gap), _) => self.complain(Code::Other, &gap),
            (None, Err(failure)) => self.complain(Code::Protocol, &failure),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Keeps of a stream only that it was there, so that its last segments, seen again, begin no other.
    fn forget(&mut self, stream: usize) {
        let this = &mut self.all[stream];
        this.view = None;
        this.over = true;
        this.reassembly.forget();
    }

    /// Says what is wrong with one stream; the others go on.
    fn complain(&mut self, code: Code, failure: &Failure) -> Result<(), Failure> {
        // In the order of events, where both go to the same place.
        self.sink.flush()?;
        self.bar.suspend(|| failure.message().map(output::complain));
        if self.worst != Some(Code::Protocol) {
            self.worst = Some(code);
        }
        Ok(())
    }

    /// Ends what is open, and sums up.
    fn finish(&mut self, read: Result<(), Failure>, whom: &str, output: Output) -> Result<(), Failure> {
        output.say(Verbosity::Verbose, || format!("{whom}: {}", self.tally.text()));
        // Frames that are incomplete in half a capture are nobody's fault; and a closed standard output is no fault.
        read?;
        for stream in 0..self.all.len() {
            self.end_of(stream)?;
        }
        match self.worst {
            Some(code) => Err(Failure::reported(code)),
            None if self.with_data == 0 => {
                let which =
                    if self.args.from.or(self.args.to).is_some() { " from or to that port" } else { "" };
                let why =
                    format!("{whom}: there is no TCP data{which} in this capture ({})", self.tally.text());
                Err(Failure::new(Code::Other, why))
            }
            None => Ok(()),
        }
    }
}
