//! The tables of `codec/MIGRATION.md`: what stands there is read and written by the tool.

use crate::support::{Process, ringframe};

const PAGE: &str = include_str!("../../codec/MIGRATION.md");

/// A row: a wire, and a header with its length field in brackets.
struct Row<'p> {
    line: &'p str,
    wire: &'p str,
    header: Vec<u8>,
    /// The header's bytes around the length field.
    fields: Vec<u8>,
}

fn hex(text: &str) -> Vec<u8> {
    hex::decode(text.replace(' ', "")).expect("hexadecimal")
}

fn rows() -> Vec<Row<'static>> {
    let code = |cell: &'static str| cell.trim().strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    PAGE.lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.rsplit('|');
            let header = code(cells.next()?).filter(|cell| cell.contains('['))?;
            let wire = code(cells.next()?).expect("a wire before a header");
            let (before, rest) = header.split_once('[')?;
            let (length, behind) = rest.split_once(']').expect("the length field's end");
            let (before, behind) = (hex(before), hex(behind));
            let header = [&before[..], &hex(length), &behind].concat();
            Some(Row { line, wire, header, fields: [before, behind].concat() })
        })
        .collect()
}

#[test]
fn every_row_of_the_page_is_what_it_says() {
    let rows = rows();
    // Each line of a table that is neither its head nor the rule below that.
    let lines = PAGE.lines().filter(|line| line.starts_with("| ") && !line.ends_with("| wire | `hello` |"));
    assert_eq!(rows.len(), lines.count());
    assert!(rows.len() > 30, "{} rows", rows.len());
    for Row { line, wire, header, fields } in rows {
        let frame = [&header[..], b"hello"].concat();
        let mut encode = ringframe(["encode", "--wire", wire]);
        if !fields.is_empty() {
            encode.args(["--header", &hex::encode(fields)]);
        }
        let written = Process::spawn(encode).finish(b"hello\n").fine();
        assert_eq!(written.stdout, frame, "{line}");
        // Twice, so that it is known to end where it does.
        let read =
            Process::spawn(ringframe(["decode", "--json", "--wire", wire])).finish(&frame.repeat(2)).fine();
        for object in read.json() {
            assert_eq!(object["text"], "hello", "{line}");
            assert_eq!(object["header_length"], header.len(), "{line}");
        }
        assert_eq!(read.json().len(), 2, "{line}");
    }
}
