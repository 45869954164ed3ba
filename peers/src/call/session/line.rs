//! The line being typed: keys in, messages out.
//!
//! What keys do is what readline's do. The text and its words are `rustyline`'s; the reading is not, because its
//! `readline` keeps a thread and the screen to itself until a line is complete, and here the peer has its say
//! meanwhile.

use anstyle_parse::{Params, Parser, Perform};
use rustyline::history::{History, MemHistory, SearchDirection};
use rustyline::line_buffer::{ChangeListener, DeleteListener, Direction, LineBuffer};
use rustyline::{At, Word};

/// What came of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// The line looks different now, or its cursor stands elsewhere.
    Edit,
    /// Nothing happened, and the user should know.
    Bell,
    /// The screen is to be cleared around it.
    Clear,
    /// The line is complete.
    Enter,
    /// There will be no other line.
    End,
}

/// A line, the cursor in it, and the lines before it.
pub(super) struct Line {
    keys: Parser,
    /// The byte before, for what the parser takes as part of no key.
    last: u8,
    edited: Edited,
}

impl Line {
    /// An empty line that has room for `capacity` bytes.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            keys: Parser::default(),
            last: 0,
            edited: Edited {
                text: LineBuffer::with_capacity(capacity),
                killed: Killed::default(),
                history: MemHistory::new(),
                recalled: None,
                unfinished: String::new(),
                verbatim: false,
                single_shift: false,
                typed: None,
            },
        }
    }

    pub(super) fn text(&self) -> &str {
        self.edited.text.as_str()
    }

    /// How many bytes of the text are in front of the cursor.
    pub(super) fn cursor(&self) -> usize {
        self.edited.text.pos()
    }

    /// Takes the next byte of the keyboard; `None`: it is not a whole key yet, or one without a meaning.
    pub(super) fn key(&mut self, byte: u8) -> Option<Typed> {
        let last = std::mem::replace(&mut self.last, byte);
        let edited = &mut self.edited;
        edited.typed = None;
        if std::mem::take(&mut edited.verbatim) && byte < b' ' {
            return Some(edited.insert(byte.into()));
        }
        if (last, byte) == (0x1b, 0x7f) {
            // Alt and backspace, of which the parser would drop the second byte and keep the first.
            self.keys = Parser::default();
            edited.kill(|text, killed| text.delete_prev_word(Word::Emacs, 1, killed));
        } else {
            self.keys.advance(edited, byte);
        }
        edited.typed.take()
    }

    /// Takes the complete line, and remembers it. The next one is empty.
    pub(super) fn take(&mut self) -> String {
        let text = self.text().to_owned();
        // Nothing can go wrong in memory. Empty lines, and the same again, are not kept.
        let _ = self.edited.history.add(&text);
        self.edited.recalled = None;
        self.edited.replace("");
        text
    }

    /// Puts a line back that was taken, to be corrected.
    pub(super) fn put_back(&mut self, text: &str) {
        self.edited.replace(text);
    }
}

/// What keys act on.
struct Edited {
    text: LineBuffer,
    killed: Killed,
    history: MemHistory,
    /// Which line of the history is shown.
    recalled: Option<usize>,
    /// The new line, while one of the history is shown.
    unfinished: String,
    /// The next control character is text.
    verbatim: bool,
    /// The next character is the end of a key that began with `ESC O`.
    single_shift: bool,
    typed: Option<Typed>,
}

impl Edited {
    fn insert(&mut self, c: char) -> Typed {
        match self.text.insert(c, 1, &mut Unheard) {
            Some(_) => Typed::Edit,
            None => Typed::Bell,
        }
    }

    fn replace(&mut self, text: &str) {
        self.text.update(text, text.len(), &mut Unheard);
    }

    /// An edit that answers whether it did something.
    fn edit(&mut self, edit: impl FnOnce(&mut LineBuffer) -> bool) {
        self.typed = Some(if edit(&mut self.text) { Typed::Edit } else { Typed::Bell });
    }

    /// The same of one that removes what can be put back.
    fn kill(&mut self, kill: impl FnOnce(&mut LineBuffer, &mut Killed) -> bool) {
        let mut killed = Killed::default();
        self.edit(|text| kill(text, &mut killed));
        if !killed.0.is_empty() {
            self.killed = killed;
        }
    }

    fn yank(&mut self) {
        let Self { text, killed, .. } = self;
        self.typed = Some(match text.yank(&killed.0, 1, &mut Unheard) {
            Some(_) => Typed::Edit,
            None => Typed::Bell,
        });
    }

    /// Shows the line before this one in the history.
    fn older(&mut self) {
        match self.recalled.unwrap_or(self.history.len()).checked_sub(1) {
            Some(index) => {
                if self.recalled.is_none() {
                    self.unfinished = self.text.as_str().to_owned();
                }
                self.recall(index);
            }
            None => self.typed = Some(Typed::Bell),
        }
    }

    /// Shows the line after this one; after the last comes what was not finished.
    fn newer(&mut self) {
        match self.recalled {
            Some(index) if index + 1 < self.history.len() => self.recall(index + 1),
            Some(_) => {
                self.recalled = None;
                let unfinished = std::mem::take(&mut self.unfinished);
                self.replace(&unfinished);
                self.typed = Some(Typed::Edit);
            }
            None => self.typed = Some(Typed::Bell),
        }
    }

    fn recall(&mut self, index: usize) {
        if let Ok(Some(found)) = self.history.get(index, SearchDirection::Reverse) {
            let line = found.entry.into_owned();
            self.replace(&line);
            self.recalled = Some(index);
            self.typed = Some(Typed::Edit);
        }
    }

    fn delete_or_end(&mut self) {
        if self.text.is_empty() {
            self.typed = Some(Typed::End);
        } else {
            self.edit(|text| text.delete(1, &mut Unheard).is_some());
        }
    }

    /// A key with a name, and whether by words.
    fn named(&mut self, key: u8, words: bool) {
        match key {
            b'A' => self.older(),
            b'B' => self.newer(),
            b'C' if words => self.edit(|text| text.move_to_next_word(At::AfterEnd, Word::Emacs, 1)),
            b'D' if words => self.edit(|text| text.move_to_prev_word(Word::Emacs, 1)),
            b'C' => self.edit(|text| text.move_forward(1)),
            b'D' => self.edit(|text| text.move_backward(1)),
            b'F' => self.edit(LineBuffer::move_end),
            b'H' => self.edit(LineBuffer::move_home),
            _ => {}
        }
    }
}

impl Perform for Edited {
    fn print(&mut self, c: char) {
        if std::mem::take(&mut self.single_shift) {
            return self.named(u8::try_from(c).unwrap_or(0), false);
        }
        match c {
            '\x7f' => self.edit(|text| text.backspace(1, &mut Unheard)),
            // What is not UTF-8 would be sent as something else than what was typed.
            char::REPLACEMENT_CHARACTER => self.typed = Some(Typed::Bell),
            c => self.typed = Some(self.insert(c)),
        }
    }

    fn execute(&mut self, byte: u8) {
        // By the letter that is pressed together with the control key.
        match byte | 0x40 {
            b'A' => self.edit(LineBuffer::move_home),
            b'B' => self.edit(|text| text.move_backward(1)),
            b'D' => self.delete_or_end(),
            b'E' => self.edit(LineBuffer::move_end),
            b'F' => self.edit(|text| text.move_forward(1)),
            b'H' => self.edit(|text| text.backspace(1, &mut Unheard)),
            b'I' => self.typed = Some(self.insert('\t')),
            b'J' | b'M' => self.typed = Some(Typed::Enter),
            b'K' => self.kill(LineBuffer::kill_line),
            b'L' => self.typed = Some(Typed::Clear),
            b'N' => self.newer(),
            b'P' => self.older(),
            b'T' => self.edit(|text| text.transpose_chars(&mut Unheard)),
            b'U' => self.kill(LineBuffer::discard_line),
            b'V' => self.verbatim = true,
            b'W' => self.kill(|text, killed| text.delete_prev_word(Word::Big, 1, killed)),
            b'Y' => self.yank(),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: u8) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        let mut params = params.iter().map(|param| param.first().copied().unwrap_or(0));
        let number = params.next().unwrap_or(0);
        // With Alt or with Ctrl.
        let words = matches!(params.next(), Some(3 | 5));
        match (action, number) {
            (b'~', 1 | 7) => self.named(b'H', false),
            (b'~', 4 | 8) => self.named(b'F', false),
            (b'~', 3) => self.edit(|text| text.delete(1, &mut Unheard).is_some()),
            (action, _) => self.named(action, words),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        match byte.to_ascii_uppercase() {
            _ if byte == b'O' => self.single_shift = true,
            b'B' => self.named(b'D', true),
            b'F' => self.named(b'C', true),
            b'D' => self.kill(|text, killed| text.delete_word(At::AfterEnd, Word::Emacs, 1, killed)),
            _ => {}
        }
    }
}

/// What was removed last by words or lines.
#[derive(Default)]
struct Killed(String);

impl DeleteListener for Killed {
    fn delete(&mut self, _: usize, text: &str, _: Direction) {
        self.0.push_str(text);
    }
}

/// Edits that nobody needs to hear of.
struct Unheard;

impl DeleteListener for Unheard {
    fn delete(&mut self, _: usize, _: &str, _: Direction) {}
}

impl ChangeListener for Unheard {
    fn insert_char(&mut self, _: usize, _: char) {}
    fn insert_str(&mut self, _: usize, _: &str) {}
    fn replace(&mut self, _: usize, _: &str, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::{Line, Typed};

    /// Types keys and answers the lines, the last one with its cursor as `|`.
    fn typed(keys: &str) -> Vec<String> {
        let mut line = Line::new(64);
        let mut lines = Vec::new();
        for byte in keys.bytes() {
            if line.key(byte) == Some(Typed::Enter) {
                lines.push(line.take());
            }
        }
        let (before, after) = line.text().split_at(line.cursor());
        lines.push(format!("{before}|{after}"));
        lines
    }

    #[test]
    fn keys_edit_as_in_readline() {
        for (keys, result) in [
            ("hello", "hello|"),
            ("helo\x1b[Dl", "hell|o"),
            ("helo\x02l", "hell|o"),
            ("ab\x7f\x7f\x7fc", "c|"),
            ("ab\x08c", "ac|"),
            ("bc\x01a\x05d", "abcd|"),
            ("bc\x1b[Ha\x1b[Fd", "abcd|"),
            ("bc\x1bOHa\x1bOFd", "abcd|"),
            ("bc\x1b[1~a\x1b[4~d", "abcd|"),
            ("abc\x01\x1b[3~", "|bc"),
            ("abc\x01\x04", "|bc"),
            ("one two.three\x17", "one |"),
            ("one two.three\x1b\x7f", "one two.|"),
            ("one two\x1b[1;5D", "one |two"),
            ("one two\x1bb\x1bb\x1bf", "one| two"),
            ("one two\x01\x1bd", "| two"),
            ("one two\x1b[D\x1b[D\x0b", "one t|"),
            ("one two\x1b[D\x1b[D\x15", "|wo"),
            ("one two\x17\x01\x19 ", "two |one "),
            ("ab\x14", "ba|"),
            ("a\tb\x16\x1bc", "a\tb\x1bc|"),
            // A letter with its accent, and one of two columns, are one step each.
            ("e\u{301}日\x1b[Dx\x1b[D\x7f", "|x日"),
            // Unknown keys are none.
            ("a\x1b[15~\x1b[99;5u\x1bxb\x00\x1c", "ab|"),
        ] {
            assert_eq!(typed(keys), [result], "{keys:?}");
        }
    }

    #[test]
    fn history_and_back_to_what_was_not_finished() {
        assert_eq!(typed("a\rb\rnew\x1b[A\x1b[A"), ["a", "b", "a|"]);
        assert_eq!(typed("a\rb\rnew\x1b[A\x1b[A\x1b[A\x1b[B"), ["a", "b", "b|"]);
        assert_eq!(typed("a\rb\rnew\x10\x10\x0e\x0e\x0e"), ["a", "b", "new|"]);
        assert_eq!(typed("a\r\r\x1b[A!\r\x1bOA"), ["a", "", "a!", "a!|"]);
    }

    #[test]
    fn what_cannot_be_done_rings() {
        let mut line = Line::new(4);
        for key in [0x7f, 0x02, 0x06, 0x10, 0x0e, 0x19] {
            assert_eq!(line.key(key), Some(Typed::Bell), "{key}");
        }
        for _ in 0..4 {
            assert_eq!(line.key(b'x'), Some(Typed::Edit));
        }
        assert_eq!(line.key(b'x'), Some(Typed::Bell));
        // Latin-1, which is not UTF-8 together with what follows.
        line.take();
        let bells = b"\xe4\xe4a".iter().filter(|byte| line.key(**byte) == Some(Typed::Bell)).count();
        assert!(bells >= 1);
        line.take();
        assert_eq!(line.key(0x04), Some(Typed::End));
    }

    /// Nothing that is typed, or pasted, is more than the line can take or breaks it.
    #[test]
    fn any_keys_at_all() {
        let mut random = fastrand::Rng::with_seed(7);
        let keys = [
            "\x1b[A",
            "\x1b[B",
            "\x1b[1;5C",
            "\x1b\x7f",
            "\x1bb",
            "\x1bd",
            "日",
            "e\u{301}",
            "🦀",
            " ",
            "x.",
        ];
        let mut line = Line::new(32);
        for _ in 0..200_000 {
            let typed = match random.u8(..4) {
                0 => vec![random.u8(..)],
                1 => vec![random.u8(..32)],
                _ => random.choice(keys).expect("there are some").as_bytes().to_vec(),
            };
            for key in typed {
                if line.key(key) == Some(Typed::Enter) {
                    line.take();
                }
            }
            assert!(line.text().len() <= 32 && line.text().is_char_boundary(line.cursor()));
        }
    }
}
