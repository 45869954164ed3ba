//! Bytes from elsewhere, made safe to show.

use std::fmt::Write;

/// Turns bytes into text that can't do anything to a terminal: control characters, DEL and bytes that are
/// not UTF-8 become `\xHH`, C1 controls and bidirectional controls `\u{…}`. A backslash stays as it is.
///
/// Bytes may come in pieces, cut anywhere: a character that is cut in two waits for its rest.
#[derive(Debug, Default)]
pub(crate) struct Escaper {
    cut: Vec<u8>,
}

impl Escaper {
    /// Appends the readable form of a piece to `out`.
    pub(crate) fn push(&mut self, piece: &[u8], out: &mut String) {
        let joined;
        let mut bytes = piece;
        if !self.cut.is_empty() {
            self.cut.extend_from_slice(piece);
            joined = std::mem::take(&mut self.cut);
            bytes = &joined;
        }
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            escape(chunk.valid(), out);
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && begins_a_character(invalid) {
                self.cut = invalid.to_vec();
            } else {
                hex(invalid, out);
            }
        }
    }

    /// Ends the text: a character that never got its rest is invalid.
    pub(crate) fn finish(&mut self, out: &mut String) {
        hex(&std::mem::take(&mut self.cut), out);
    }
}

/// The readable form of a whole text.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let mut escaper = Escaper::default();
    escaper.push(bytes, &mut out);
    escaper.finish(&mut out);
    out
}

/// A number of things: `1 frame`, `2 frames`.
pub(crate) fn plural(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Whether more bytes could make these, which are not valid, a character.
fn begins_a_character(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        let _ = write!(out, "\\x{byte:02x}");
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        let _ = match c {
            c if !is_harmful(c) => out.write_char(c),
            c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
}

/// Whether a character could do something to a terminal: control characters, DEL, C1 and bidirectional controls.
pub(crate) fn is_harmful(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::{Escaper, readable};

    #[test]
    fn shows_what_could_harm_a_terminal() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain \\ text", "plain \\ text"),
            ("grüß 日本 🦀".as_bytes(), "grüß 日本 🦀"),
            (b"\x1b[2J\x07\t\r\n\x7f", "\\x1b[2J\\x07\\x09\\x0d\\x0a\\x7f"),
            ("\u{9b}2J \u{202e}gnp.exe \u{2066}".as_bytes(), "\\u{9b}2J \\u{202e}gnp.exe \\u{2066}"),
            (b"\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(readable(bytes), *shown);
            // Any chunking, same text.
            for cut in 0..=bytes.len() {
                let (mut out, mut escaper) = (String::new(), Escaper::default());
                escaper.push(&bytes[..cut], &mut out);
                escaper.push(&bytes[cut..], &mut out);
                escaper.finish(&mut out);
                assert_eq!(out, *shown, "cut at {cut}");
            }
        }
    }
}
