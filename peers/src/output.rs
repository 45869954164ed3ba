//! Where results and everything else go: results to standard output, the rest to standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::text::is_harmful;

/// Whether colours are used. `auto` asks the terminal, `NO_COLOR`, `CLICOLOR` and `TERM`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes the choice that of all output.
    pub(crate) fn apply(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

/// How much is said besides results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    Quiet,
    Normal,
    /// `-v`.
    Verbose,
    /// `-vv`.
    Debug,
}

/// How results are printed, and what else is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) verbosity: Verbosity,
}

impl Output {
    /// Prints a result line at once: as `text`, or as the JSON object.
    pub(crate) fn result(self, text: &str, json: impl FnOnce() -> Value) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        let result =
            if self.json { writeln!(out, "{}", json_line(&json())) } else { writeln!(out, "{text}") };
        result.and_then(|()| out.flush()).map_err(Failure::stdout)
    }

    /// Says something on standard error, from that verbosity on.
    pub(crate) fn say(self, from: Verbosity, message: impl FnOnce() -> String) {
        if self.verbosity >= from {
            // Nobody is left to be told that standard error is closed.
            let _ = writeln!(anstream::stderr().lock(), "{}", message());
        }
    }
}

/// Says on standard error why the command fails. The message is ours; bytes from a peer in it are readable.
pub(crate) fn complain(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(anstream::stderr().lock(), "{style}error:{style:#} {message}");
}

/// A value as JSON in which nothing can do anything to a terminal: JSON itself escapes only some of that.
pub(crate) fn json_line(value: &Value) -> String {
    let mut line = String::new();
    // Outside of strings there is only ASCII; in them, every character may be escaped.
    for c in value.to_string().chars() {
        let _ = if is_harmful(c) { write!(line, "\\u{:04x}", u32::from(c)) } else { line.write_char(c) };
    }
    line
}

/// A frame in a JSON object: which one it is, where it begins in the stream, and its lengths.
pub(crate) fn frame_json(index: u64, offset: u64, header: usize, payload: u64) -> Map<String, Value> {
    let header = header as u64;
    [
        ("index", index),
        ("offset", offset),
        ("length", header + payload),
        ("header_length", header),
        ("payload_length", payload),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into_iter()
    .collect()
}

/// A payload in a JSON object: as `text` where it is text, else as `hex`.
pub(crate) fn payload_json(object: &mut Map<String, Value>, payload: &[u8]) {
    match std::str::from_utf8(payload) {
        Ok(text) => object.insert("text".into(), text.into()),
        Err(_) => object.insert("hex".into(), hex::encode(payload).into()),
    };
}

/// Shows a bar in that form where somebody sees it.
pub(crate) fn progress(output: Output, bar: ProgressBar, template: &str) -> ProgressBar {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if output.verbosity < Verbosity::Normal || dumb || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    let bar = bar.with_style(style).with_finish(ProgressFinish::AndClear);
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Standard output with a buffer, for many results; flush it before waiting.
pub(crate) fn buffered_stdout() -> io::BufWriter<io::Stdout> {
    io::BufWriter::with_capacity(64 * 1024, io::stdout())
}
