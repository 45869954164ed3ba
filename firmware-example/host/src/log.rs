//! The log: decoded by one thread, read by others while it grows.

use std::fmt;
use std::io::Read;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use defmt_decoder::{DecodeError, Frame, Table};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every detail.
    Trace,
    /// For who looks for a fault.
    Debug,
    /// What happens.
    Info,
    /// What should not happen.
    Warn,
    /// What failed.
    Error,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in seconds since the start, as the device says.
    pub time: String,
    /// How bad it is.
    pub level: Level,
    /// What.
    pub message: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, level, message } = self;
        write!(f, "{time:>9} {:5} {message}", format!("{level:?}").to_uppercase())
    }
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<Line>,
    complete: bool,
}

impl Log {
    /// Decodes a log until its end.
    pub(crate) fn read(&self, mut stream: impl Read, table: &Table) {
        let mut decoder = table.new_stream_decoder();
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            decoder.received(&buffer[..n]);
            loop {
                let line = match decoder.decode() {
                    Ok(frame) => line(&frame),
                    Err(DecodeError::UnexpectedEof) => break,
                    // The decoder goes on behind it.
                    Err(DecodeError::Malformed) => malformed(),
                };
                self.state().lines.push(line);
                self.grown.notify_all();
            }
        }
        self.state().complete = true;
        self.grown.notify_all();
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.state().lines.clone()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state().complete
    }

    /// The line of that index, which may not have been written yet; `None`: it won't be.
    pub(crate) fn line(&self, index: usize) -> Option<Line> {
        let waiting = |state: &mut State| state.lines.len() <= index && !state.complete;
        let state = self.grown.wait_while(self.state(), waiting).unwrap_or_else(PoisonError::into_inner);
        state.lines.get(index).cloned()
    }

    /// What `check` finds in the lines, waiting for more of them; `None`: nothing until then, or until the end.
    pub(crate) fn wait_until<T>(&self, until: Instant, check: impl Fn(&[Line]) -> Option<T>) -> Option<T> {
        let mut state = self.state();
        loop {
            let found = check(&state.lines);
            let left = until.saturating_duration_since(Instant::now());
            if found.is_some() || state.complete || left.is_zero() {
                return found;
            }
            state = self.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A check that panicked has changed nothing.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(frame: &Frame<'_>) -> Line {
    let level = match frame.level().map(|level| level.as_str()) {
        Some("trace") => Level::Trace,
        Some("debug") => Level::Debug,
        Some("warn") => Level::Warn,
        Some("error") => Level::Error,
        // `println!` has none.
        _ => Level::Info,
    };
    let time = frame.display_timestamp().map(|time| time.to_string()).unwrap_or_default();
    Line { time, level, message: frame.display_message().to_string() }
}

fn malformed() -> Line {
    Line { time: String::new(), level: Level::Error, message: "a log line that can't be decoded".to_owned() }
}
