//! `demo`: what TCP does to messages, in ten seconds, with the bytes of this very run.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::{TcpListener, TcpStream};

use anstyle::{AnsiColor, Style};
use ringframe::{Decoder, encode, formats};
use serde_json::json;

use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::text::readable;

const MESSAGES: [&str; 4] = ["hello", "one message", "and another", "bye"];

/// What one `recv` asks for: a line of the picture.
const RECV: usize = 16;

const COLORS: [AnsiColor; 4] = [AnsiColor::Cyan, AnsiColor::Yellow, AnsiColor::Green, AnsiColor::Magenta];

pub(crate) fn run(output: Output) -> Result<(), Failure> {
    let received = over_loopback()
        .map_err(|error| Failure::new(Code::Other, format!("the demo needs loopback TCP: {error}")))?;
    let decoded = decode(&received)
        .map_err(|error| Failure::new(Code::Other, format!("the stream did not decode: {error}")))?;
    if output.json {
        output.result("", || json!({ "sent": MESSAGES }))?;
        for chunk in &received {
            output.result("", || json!({ "recv": hex::encode(chunk) }))?;
        }
        return output.result("", || json!({ "decoded": decoded }));
    }
    output.result(&picture(&received, &decoded), || unreachable!("JSON is above"))
}

/// Sends each message as a frame with one `send`, and takes the bytes with `recv` calls as TCP gives them.
fn over_loopback() -> io::Result<Vec<Vec<u8>>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    sender.set_nodelay(true)?;
    let (mut receiver, _) = listener.accept()?;
    let mut frame = [0; 64];
    for message in MESSAGES {
        let n = encode(&formats::U32_BE, message.as_bytes(), &mut frame).map_err(io::Error::other)?;
        sender.write_all(&frame[..n])?;
    }
    drop(sender);
    let mut received = Vec::new();
    loop {
        let mut chunk = vec![0; RECV];
        match receiver.read(&mut chunk)? {
            0 => return Ok(received),
            n => chunk.truncate(n),
        }
        received.push(chunk);
    }
}

/// Gives the decoder exactly these chunks.
fn decode(received: &[Vec<u8>]) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let mut decoded = Vec::new();
    let mut decoder = Decoder::new(formats::U32_BE, [0; 64]);
    for chunk in received {
        let mut chunk = &chunk[..];
        let mut frames = decoder.frames(&mut chunk);
        while let Some(frame) = frames.next()? {
            decoded.push(readable(frame.payload()));
        }
    }
    decoder.end_of_input()?;
    Ok(decoded)
}

fn picture(received: &[Vec<u8>], decoded: &[String]) -> String {
    let bold = Style::new().bold();
    let mut out = String::new();
    let _ = writeln!(out, "{bold}TCP carries bytes, not messages.{bold:#}\n");
    let _ = writeln!(out, "Sent, each by one send(), its length in front in 4 bytes:\n");
    for (i, message) in MESSAGES.iter().enumerate() {
        let color = color(i);
        let _ = writeln!(out, "  {} {color}{message}{color:#}", i + 1);
    }
    let _ = writeln!(out, "\nReceived over loopback, by recv({RECV}), merged and split:\n");
    let owners = owners(received);
    let mut at = 0;
    for (i, chunk) in received.iter().enumerate() {
        let owners = &owners[at..at + chunk.len()];
        at += chunk.len();
        let _ = writeln!(out, "  recv {:<2} {}", i + 1, bytes(chunk, owners));
        let _ = writeln!(out, "          {}", braces(owners));
    }
    let _ = writeln!(out, "\nDecoded from exactly these pieces:\n");
    for (i, message) in decoded.iter().enumerate() {
        let color = color(i);
        let _ = writeln!(out, "  {} {color}{message}{color:#}", i + 1);
    }
    let same = decoded.iter().eq(MESSAGES.iter());
    let verdict = if same { "The same messages." } else { "Not the same messages!" };
    let _ = write!(out, "\n{bold}{verdict}{bold:#} Try it with a server and a client:\n\n");
    let _ = write!(out, "  ringframe serve upper\n  ringframe call 127.0.0.1:7878 hello,server");
    out
}

fn color(message: usize) -> Style {
    COLORS[message % COLORS.len()].on_default()
}

/// Which message each byte of the stream belongs to, and whether it is of the length in front.
fn owners(received: &[Vec<u8>]) -> Vec<(usize, bool)> {
    let total = received.iter().map(Vec::len).sum();
    let frames = MESSAGES.iter().enumerate();
    let mut owners: Vec<_> =
        frames.flat_map(|(i, message)| (0..4 + message.len()).map(move |at| (i, at < 4))).collect();
    owners.resize(total, (MESSAGES.len(), false));
    owners
}

/// A line of bytes: in hexadecimal, then as text.
fn bytes(chunk: &[u8], owners: &[(usize, bool)]) -> String {
    let (mut hex, mut text) = (String::new(), String::new());
    for (&byte, &(message, length)) in chunk.iter().zip(owners) {
        let style = if length { color(message).dimmed() } else { color(message).bold() };
        let _ = write!(hex, "{style}{byte:02x}{style:#} ");
        let shown = if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
        let _ = write!(text, "{style}{shown}{style:#}");
    }
    let width = 3 * (RECV - chunk.len().min(RECV));
    format!("{hex}{:width$} {text}", "")
}

/// The line below it, which is readable without colours: whose bytes these are.
fn braces(owners: &[(usize, bool)]) -> String {
    let mut line = String::new();
    for run in owners.chunk_by(|a, b| a.0 == b.0) {
        let message = run[0].0;
        let color = color(message);
        let width = 3 * run.len() - 1;
        let label = if width >= 4 { format!(" {} ", message + 1) } else { (message + 1).to_string() };
        let _ = write!(line, "{color}{label:-^width$}{color:#} ");
    }
    line.trim_end().to_owned()
}
