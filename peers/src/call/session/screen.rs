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

use crate::text::begins_a_character;

const PROMPT: &str = "> ";

/// The most that is held of a row, bytes: far more than one has. A peer can send characters without a width as long as it
/// likes, and each time that some come all that is held is measured again.
const ROW: usize = 8 << 10;

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
            self.erase()?;
        } else {
            self.enter()?;
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
        if (column + width > columns && column > 0) || at + len > whole + ROW {
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
        // A character that waits for its rest has no width yet.
        let invalid = chunk.invalid();
        for _ in invalid.iter().filter(|_| !begins_a_character(invalid)) {
            step(1, 1, false);
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io::{self, Write};
    use std::num::NonZero;
    use std::rc::Rc;

    use super::{PROMPT, Screen, Size};

    /// A terminal, which both standard output and standard error are.
    #[derive(Clone)]
    struct Terminal(Rc<RefCell<vt100::Parser>>);

    impl Terminal {
        fn new(size: Size) -> Self {
            let [rows, columns] = [size.rows, size.columns].map(|n| NonZero::new(n as u16).unwrap());
            Self(Rc::new(RefCell::new(vt100::Parser::new(rows, columns, 0))))
        }

        /// Each row of the screen, and where the cursor is.
        fn shown(&self) -> (Vec<String>, (u16, u16)) {
            let terminal = self.0.borrow();
            let screen = terminal.screen();
            (screen.rows(0, screen.size().1.into()).collect(), screen.cursor_position())
        }
    }

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // What the system makes of line ends.
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                match piece.split_last() {
                    Some((b'\n', line)) => self.0.borrow_mut().process(&[line, b"\r\n"].concat()),
                    _ => self.0.borrow_mut().process(piece),
                }
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn on(size: Size) -> (Terminal, Screen<Terminal, Terminal>) {
        let terminal = Terminal::new(size);
        let mut screen = Screen::new(terminal.clone(), terminal.clone(), size);
        screen.draw().unwrap();
        (terminal, screen)
    }

    fn random_text(random: &mut fastrand::Rng, longest: usize) -> String {
        let letters = ['a', 'b', ' ', 'ß', '日', '🦀'];
        (0..random.usize(..=longest)).map(|_| random.choice(letters).unwrap()).collect()
    }

    /// However replies are cut and whatever is typed meanwhile, in the end it looks as if they had come first.
    #[test]
    fn pieces_look_like_the_whole() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..500 {
            let size = Size { columns: random.usize(3..30), rows: random.usize(2..12) };
            let (terminal, mut screen) = on(size);
            let mut printed = String::new();
            for _ in 0..random.usize(1..4) {
                let reply = random_text(&mut random, 100) + "\n";
                printed += &reply;
                let mut rest = reply.as_bytes();
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at(random.usize(1..=rest.len()));
                    screen.write_all(piece).unwrap();
                    rest = more;
                    match random.u8(..3) {
                        0 => screen.flush().unwrap(),
                        // One row, since what more rows scroll does not come back.
                        1 => screen.show(random_text(&mut random, (size.columns - 3) / 2), 0).unwrap(),
                        _ => {}
                    }
                }
            }
            let line = random_text(&mut random, (size.columns - 3) / 2);
            screen.show(line.clone(), line.len()).unwrap();
            screen.flush().unwrap();

            let mut plain = Terminal::new(size);
            write!(plain, "{printed}").unwrap();
            let (plain, mut below) = (plain.clone(), Screen::new(plain.clone(), plain, size));
            below.show(line.clone(), line.len()).unwrap();
            assert_eq!(terminal.shown().0, plain.shown().0, "{size:?} {printed:?} {line:?}");
            assert_eq!(terminal.shown().1, plain.shown().1, "{size:?} {printed:?} {line:?}");
        }
    }

    /// The prompt and the line are what a terminal makes of them, the cursor is where it belongs, and all of it is
    /// taken off again.
    #[test]
    fn a_line_of_any_width() {
        let mut random = fastrand::Rng::with_seed(6);
        for _ in 0..500 {
            let size = Size { columns: random.usize(2..30), rows: 20 };
            let (terminal, mut screen) = on(size);
            let empty = terminal.shown();
            let line = random_text(&mut random, 2 * size.columns);
            let cursor =
                line.char_indices().map(|(at, _)| at).nth(random.usize(..=line.len())).unwrap_or(line.len());
            screen.show(line.clone(), cursor).unwrap();
            let mut plain = Terminal::new(size);
            write!(plain, "{PROMPT}{line}").unwrap();
            assert_eq!(terminal.shown().0, plain.shown().0, "{size:?} {line:?}");

            let mut before = Terminal::new(size);
            write!(before, "{PROMPT}{}", &line[..cursor]).unwrap();
            let (row, column) = before.shown().1;
            let (shown_row, shown_column) = terminal.shown().1;
            let next_is_wide = line[cursor..].chars().next().is_some_and(|c| super::width(c) > 1);
            let full = usize::from(column) >= size.columns - usize::from(next_is_wide);
            let wanted = if full { (row + 1, 0) } else { (row, column) };
            assert_eq!((shown_row, shown_column), wanted, "{size:?} {line:?} {cursor}");

            screen.show(String::new(), 0).unwrap();
            assert_eq!(terminal.shown(), empty, "{size:?} {line:?}");
        }
    }

    #[test]
    fn a_line_longer_than_the_screen_is_shown_around_its_cursor() {
        let size = Size { columns: 10, rows: 3 };
        let (terminal, mut screen) = on(size);
        let line: String = (b'a'..=b'z').cycle().take(75).map(char::from).collect();
        let text = format!("{PROMPT}{line}");
        let rows: Vec<_> =
            text.as_bytes().chunks(10).map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        screen.show(line.clone(), 75).unwrap();
        assert_eq!(terminal.shown(), (rows[5..].to_vec(), (2, 7)));
        screen.show(line.clone(), 20).unwrap();
        assert_eq!(terminal.shown(), (rows[2..5].to_vec(), (0, 2)));
        screen.write_all(b"reply\n").unwrap();
        screen.show(line, 0).unwrap();
        screen.flush().unwrap();
        assert_eq!(terminal.shown(), (rows[..3].to_vec(), (0, 2)));
    }

    /// A row that never fills, since nothing on it has a width, is not held for ever.
    #[test]
    fn characters_without_a_width() {
        let (terminal, mut screen) = on(Size::USUAL);
        screen.show("half".into(), 4).unwrap();
        let mut most = 0;
        for _ in 0..20 {
            screen.write_all("\u{301}".repeat(1000).as_bytes()).unwrap();
            most = most.max(screen.held.len());
        }
        assert!(most <= super::ROW, "{most}");
        screen.write_all(b"\nok\n").unwrap();
        screen.flush().unwrap();
        let (rows, cursor) = terminal.shown();
        assert!(rows[usize::from(cursor.0) - 1].starts_with("ok"), "{rows:?}");
        assert!(rows[usize::from(cursor.0)].starts_with("> half"), "{rows:?}");
    }

    #[test]
    fn closing_keeps_what_was_begun() {
        for (line, held, shown) in
            [("", "", ""), ("half", "", "> half"), ("", "part", "part"), ("half", "part", "> half part")]
        {
            let (terminal, mut screen) = on(Size::USUAL);
            screen.show(line.into(), 0).unwrap();
            screen.write_all(held.as_bytes()).unwrap();
            screen.close().unwrap();
            screen.write_all(b"\nlater\n").unwrap();
            screen.flush().unwrap();
            let rows = terminal.shown().0.join(" ");
            assert_eq!(
                rows.split_whitespace().collect::<Vec<_>>().join(" "),
                format!("{shown} later").trim_start()
            );
        }
    }
}
