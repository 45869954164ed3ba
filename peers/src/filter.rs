//! `encode` and `decode`: filters, so that `nc` and files can take part.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use ringframe::{Event, Format, Store};
use ringframe_io::std::{Incoming, Reader, Writer};
use serde_json::Value;

use crate::args::{Decode, Encode, Show};
use crate::failure::{Code, Failure};
use crate::output::{Output, buffered_stdout, frame_json, json_line, payload_json};
use crate::text::{Escaper, readable_path};
use crate::wire::RING;

/// A file, or standard input for `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let cannot =
        |error: io::Error| Failure::new(Code::Other, format!("can't read {}: {error}", readable_path(path)));
    let file = File::open(path).map_err(cannot)?;
    if file.metadata().map_err(cannot)?.is_dir() {
        return Err(cannot(io::ErrorKind::IsADirectory.into()));
    }
    Ok(Box::new(file))
}

/// Reads what there is, whatever interrupts it; 0 bytes are the end.
pub(crate) fn read_some(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What a file is called in a sentence.
pub(crate) fn called(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { readable_path(path) }
}

/// Takes the line end off; `false` at the end of the input. An empty line is an empty message. A line of more
/// than `longest` bytes is [invalid](io::ErrorKind::InvalidData), and not kept in memory.
pub(crate) fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>, longest: u64) -> io::Result<bool> {
    line.clear();
    if input.take(longest.saturating_add(1)).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > longest {
        let why = format!("more than {longest} bytes, which no message within --max-frame has");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(true)
}

/// The longest line to look at: somewhat more than fits a frame, so that the usual mistake is told exactly.
pub(crate) fn longest_line(max_frame: u64, hex: bool) -> u64 {
    max_frame.saturating_add(RING as u64).saturating_mul(if hex { 2 } else { 1 })
}

pub(crate) fn encode(args: Encode) -> Result<(), Failure> {
    let fields = args.wire.wire.fields(args.header).map_err(|error| Failure::new(Code::Usage, error))?;
    let format = args.wire.format(u64::MAX)?;
    let max_frame = format.limit().unwrap_or(u64::MAX);
    let mut input = BufReader::with_capacity(RING, open(&args.file)?);
    let mut writer = Writer::with_capacity(io::stdout(), format, RING)?;
    let write = |error: ringframe_io::WriteError<io::Error>| match error {
        ringframe_io::WriteError::Io(error) | ringframe_io::WriteError::NotQueued(error) => {
            Failure::stdout(error)
        }
        error => Failure::write("standard output", &error),
    };
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        number += 1;
        let bad = |writer: &mut Writer<_, _, _>, why: String| {
            // The good lines before it are not lost.
            let _ = writer.flush();
            Failure::new(Code::Other, format!("line {number}: {why}"))
        };
        match read_line(&mut input, &mut line, longest_line(max_frame, args.hex)) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(bad(&mut writer, error.to_string())),
        }
        if args.hex {
            line = match hex::decode(line.trim_ascii()) {
                Ok(bytes) => bytes,
                Err(error) => return Err(bad(&mut writer, format!("not hexadecimal: {error}"))),
            };
        }
        match writer.push_with(&fields, &[&line]) {
            Err(ringframe_io::WriteError::Encode(error)) => return Err(bad(&mut writer, error.to_string())),
            result => result.map_err(write)?,
        }
        // A line never waits for one that is not there yet.
        if !input.buffer().contains(&b'\n') {
            writer.flush().map_err(write)?;
        }
    }
    writer.flush().map_err(write)
}

pub(crate) fn decode(args: Decode, output: Output) -> Result<(), Failure> {
    let format = args.wire.format(u64::MAX)?;
    let whom = called(&args.file);
    let mut reader = Reader::with_capacity(open(&args.file)?, format, RING)?;
    let mut printer = Printer::new(args.show, output);
    let result = print_all(&mut reader, &mut printer);
    // Whatever happened, what was good has been printed.
    printer.flush()?;
    result.map_err(|error| match error {
        Stopped::Failure(failure) => failure,
        Stopped::Read(error) => Failure::read(&format!("{whom}, offset {}", printer.offset), &error),
    })
}

enum Stopped {
    Failure(Failure),
    Read(ringframe_io::ReadError<io::Error>),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn print_all<R: Read, F: Format, S: Store>(
    reader: &mut Reader<R, F, S>,
    printer: &mut Printer,
) -> Result<(), Stopped> {
    let mut piece = vec![0; RING];
    loop {
        match reader.next_incoming().map_err(Stopped::Read)? {
            None => return Ok(()),
            Some(Incoming::Frame(frame)) => printer.event(Event::Frame(frame))?,
            Some(Incoming::Large(mut payload)) => {
                printer.event(Event::Begin { header: payload.header(), payload: payload.left() })?;
                loop {
                    match payload.read(&mut piece) {
                        Ok(0) => break,
                        Ok(n) => printer.event(Event::Data(&piece[..n]))?,
                        Err(error) => return Err(Stopped::Read(error.into())),
                    }
                }
                printer.event(Event::End)?;
            }
        }
        // Show what there is before waiting for more.
        if reader.decoder().missing() > 0 {
            printer.flush()?;
        }
    }
}

/// Prints payloads, as whole frames or in the pieces of large ones, at constant memory.
pub(crate) struct Printer {
    out: Box<dyn Write>,
    show: Show,
    json: bool,
    /// Whether payloads that are printed as they are get a line end, where they have none.
    apart: bool,
    /// Whether the payload under way has none yet.
    needs_end: bool,
    line: String,
    escaper: Escaper,
    /// How many frames were printed.
    pub(crate) frames: u64,
    /// Where in the stream the next frame begins.
    pub(crate) offset: u64,
    /// Length of the frame under way.
    length: u64,
}

impl Printer {
    pub(crate) fn new(show: Show, output: Output) -> Self {
        Self::to(Box::new(buffered_stdout()), false, show, output)
    }

    /// One that prints among other things: each payload on lines of its own.
    pub(crate) fn among_others(out: impl Write + 'static, show: Show, output: Output) -> Self {
        Self::to(Box::new(io::BufWriter::with_capacity(RING, out)), true, show, output)
    }

    fn to(out: Box<dyn Write>, apart: bool, show: Show, output: Output) -> Self {
        Self {
            out,
            show,
            json: output.json,
            apart,
            needs_end: false,
            line: String::new(),
            escaper: Escaper::default(),
            frames: 0,
            offset: 0,
            length: 0,
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(Failure::stdout)
    }

    /// Prints an event; the end of a frame is the end of a line.
    pub(crate) fn event(&mut self, event: Event<'_>) -> Result<(), Failure> {
        match event {
            Event::Frame(frame) => {
                self.begin(frame.header(), frame.payload().len() as u64, Some(frame.payload()))?;
                self.data(frame.payload())?;
                self.end()
            }
            Event::Begin { header, payload } => self.begin(header, payload, None),
            Event::Data(piece) => self.data(piece),
            Event::End => self.end(),
        }
    }

    /// Prints a datagram, a message without a header.
    pub(crate) fn datagram(&mut self, message: &[u8]) -> Result<(), Failure> {
        self.begin(&[], message.len() as u64, Some(message))?;
        self.data(message)?;
        self.end()
    }

    /// A frame larger than the ring has no content in JSON, which would need it in one piece.
    fn begin(&mut self, header: &[u8], payload: u64, whole: Option<&[u8]>) -> Result<(), Failure> {
        self.length = header.len() as u64 + payload;
        self.needs_end = self.apart;
        if !self.json {
            return Ok(());
        }
        let mut object = frame_json(self.frames, self.offset, header.len(), payload);
        if let Some(whole) = whole {
            payload_json(&mut object, whole);
        }
        writeln!(self.out, "{}", json_line(&Value::Object(object))).map_err(Failure::stdout)
    }

    fn data(&mut self, piece: &[u8]) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        if self.show.raw {
            self.needs_end = self.apart && piece.last() != Some(&b'\n');
            return self.out.write_all(piece).map_err(Failure::stdout);
        }
        self.line.clear();
        if self.show.hex {
            self.line.push_str(&hex::encode(piece));
        } else {
            self.escaper.push(piece, &mut self.line);
        }
        self.out.write_all(self.line.as_bytes()).map_err(Failure::stdout)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.frames += 1;
        self.offset += self.length;
        if self.json || (self.show.raw && !self.needs_end) {
            return Ok(());
        }
        self.line.clear();
        self.escaper.finish(&mut self.line);
        self.line.push('\n');
        self.out.write_all(self.line.as_bytes()).map_err(Failure::stdout)
    }
}
