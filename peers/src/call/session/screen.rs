//! A prompt at the end of the screen, and what is printed above it.
//!
//! The rules, for whoever changes this:
//! - While the prompt is drawn, the cursor is on row `drawn` of it, counted from its first.
//! - Nothing else is written while it is drawn: first `erase`, and in the end `draw`.
//! - Text above it ends at the beginning of a row. What does not fill a row yet waits in `held` for its rest, so that
//!   the pieces of a large reply look as if they had come at once.
//! - Characters count as `wcwidth` has them, which is what terminals do.

use std::fmt::Write as _;
use std::io::{self, Write};

use unicode_width::UnicodeWidthChar;

const PROMPT: &str = "> ";

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// Where a terminal does not say: what the first ones had.
    pub(super) const USUAL: Self = Self { columns: 80, rows: 24 };
}

/// The end of a terminal's screen. Printed text goes to `O`, the prompt and its escape sequences to `E`.
pub(super) struct Screen<O, E> {
    out: O,
    err: E,
    size: Size,
    /// The line behind the prompt, as it is shown.
    shown: String,
    /// How many bytes of that are in front of the cursor.
    cursor: usize,
    /// Where the cursor is: the row of the prompt, if that is on the screen.
    drawn: Option<usize>,
    /// Whether there is a prompt at all.
    open: bool,
    /// What is printed next, as far as that does not fill a row.
    held: Vec<u8>,
}

impl<O: Write, E: Write> Screen<O, E> {
    pub(super) fn new(out: O, err: E, size: Size) -> Self {
        let (shown, held) = (String::new(), Vec::new());
        Self { out, err, size, shown, cursor: 0, drawn: None, open: true, held }
    }

    /// The line behind the prompt is another now: a text without control characters, and how many of its bytes are
    /// in front of the cursor.
    pub(super) fn show(&mut self, text: String, cursor: usize) -> io::Result<()> {
        (self.shown, self.cursor) = (text, cursor);
        self.redraw()
    }

    /// Draws the prompt if it should be on the screen.
    pub(super) fn draw(&mut self) -> io::Result<()> {
        if !self.open || self.drawn.is_some() {
            return Ok(());
        }
        let text = format!("{PROMPT}{}", self.shown);
        let rows = Rows::of(&text, self.size.columns);
        let (cursor_row, cursor_column) = rows.position(PROMPT.len() + self.cursor);
        // No more than the screen has: the end of the text, or what is around the cursor.
        let height = self.size.rows.max(1);
        let first = rows.starts.len().saturating_sub(height).min(cursor_row);
        let last = (first + height).min(rows.starts.len()) - 1;
        let end = rows.starts.get(last + 1).copied().unwrap_or(text.len());
        let mut drawing = text[rows.starts[first]..end].to_owned();
        if last > first && rows.starts[last] == end {
            // A full row leaves the cursor behind its last column until more comes.
            drawing += "\r\n";
        }
        up(last - cursor_row, &mut drawing);
        drawing.push('\r');
        if cursor_column > 0 {
            let _ = write!(drawing, "\x1b[{cursor_column}C");
        }
        self.drawn = Some(cursor_row - first);
        self.err.write_all(drawing.as_bytes())
    }

    /// Takes the prompt off the screen.
    pub(super) fn erase(&mut self) -> io::Result<()> {
        let Some(row) = self.drawn.take() else { return Ok(()) };
        let mut drawing = String::new();
        up(row, &mut drawing);
        drawing += "\r\x1b[J";
        self.err.write_all(drawing.as_bytes())
    }

    pub(super) fn redraw(&mut self) -> io::Result<()> {
        self.erase()?;
        self.draw()
    }

    /// The line is complete: it stays where it is, and the next one is below it.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        self.cursor = self.shown.len();
        self.redraw()?;
        self.shown.clear();
        self.cursor = 0;
        if self.drawn.take().is_some() { self.err.write_all(b"\r\n") } else { Ok(()) }
    }

    pub(super) fn bell(&mut self) -> io::Result<()> {
        self.err.write_all(b"\x07")
    }

    /// Begins at the top of an empty screen.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.drawn = None;
        self.err.write_all(b"\x1b[H\x1b[J")?;
        self.draw()
    }

    /// The screen has another size.
    pub(super) fn resize(&mut self, size: Size) -> io::Result<()> {
        if let Some(row) = &mut self.drawn {
            // Some terminals have wrapped the text anew, some have not: rather leave some of the old prompt than
            // erase some of a reply.
            let text = format!("{PROMPT}{}", self.shown);
            let rewrapped = Rows::of(&text, size.columns).position(PROMPT.len() + self.cursor).0;
            *row = rewrapped.min(*row).min(size.rows.saturating_sub(1));
        }
        self.size = size;
        self.redraw()
    }

    /// Ends the prompt: an empty one disappears, a line that was begun stays to be seen. What is printed from now on
    /// is only printed.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.shown.is_empty() {
            self.erase()?
        } else {
            self.enter()?
        }
        self.open = false;
        self.flush()
    }

    /// Prints what is held up to the last row that it fills, above the prompt.
    fn print_rows(&mut self) -> io::Result<()> {
        let whole = if self.open { filled(&self.held, self.size.columns) } else { self.held.len() };
        if whole == 0 {
            return Ok(());
        }
        self.erase()?;
        self.out.write_all(&self.held[..whole])?;
        if self.open && self.held[whole - 1] != b'\n' {
            self.out.write_all(b"\n")?;
        }
        self.held.drain(..whole);
        Ok(())
    }
}

/// Prints above the prompt; flushing draws that again.
impl<O: Write, E: Write> Write for Screen<O, E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        self.print_rows()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.print_rows()?;
        self.out.flush()?;
        self.draw()?;
        self.err.flush()
    }
}

fn up(rows: usize, drawing: &mut String) {
    if rows > 0 {
        let _ = write!(drawing, "\x1b[{rows}A");
    }
}

/// Columns that a character takes.
fn width(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// A text as a terminal wraps it.
struct Rows<'t> {
    text: &'t str,
    /// Where each row begins, at least one. A full last row is followed by an empty one, where the cursor goes.
    starts: Vec<usize>,
}

impl<'t> Rows<'t> {
    fn of(text: &'t str, columns: usize) -> Self {
        let (mut starts, mut column) = (vec![0], 0);
        for (at, c) in text.char_indices() {
            if column + width(c) > columns && column > 0 {
                starts.push(at);
                column = 0;
            }
            column += width(c);
        }
        if column >= columns {
            starts.push(text.len());
        }
        Self { text, starts }
    }

    /// Row and column of a place in the text.
    fn position(&self, at: usize) -> (usize, usize) {
        let row = self.starts.partition_point(|start| *start <= at) - 1;
        (row, self.text[self.starts[row]..at].chars().map(width).sum())
    }
}

/// How many of these bytes fill whole rows, or end by themselves. Bytes that are not UTF-8 take a column each.
fn filled(bytes: &[u8], columns: usize) -> usize {
    let (mut whole, mut column, mut at) = (0, 0, 0);
    let mut step = |len: usize, width: usize, ends: bool| {
        if column + width > columns && column > 0 {
            whole = at;
            column = 0;
        }
        column += width;
        at += len;
        if ends {
            whole = at;
            column = 0;
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            step(c.len_utf8(), width(c), c == '\n');
        }
        for _ in chunk.invalid() {
            step(1, 1, false);
        }
    }
    whole
}
