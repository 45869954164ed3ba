//! The table of operations in the docs of `ringframe_io`: what it says is there is there, what is there it says, and
//! neither can change alone. A ✓ is held to a call that compiles, and each public method to a ✓.
#![cfg(all(
    feature = "std",
    feature = "tokio",
    feature = "embedded-io",
    feature = "embedded-io-async",
    feature = "postcard"
))]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::net::TcpStream;
use std::path::Path;

use ringframe::formats::U32Be;
use ringframe_io::{Patience, Watch};

const DOCS: &str = include_str!("../src/lib.rs");

/// The columns, as the docs name them, and the modules.
const ECOSYSTEMS: [(&str, &str); 4] = [
    ("std", "std"),
    ("tokio", "tokio"),
    ("embedded-io", "embedded_io"),
    ("embedded-io-async", "embedded_io_async"),
];

const TABLES: [&str; 3] = ["reading", "writing", "both directions"];

/// Public methods of readers and writers that are no operations.
const OTHERS: [&str; 13] = [
    // How one is made, and what it lends.
    "new",
    "with_capacity",
    "decoder",
    "encoder",
    "get_ref",
    "get_mut",
    "writer",
    "patience",
    // Of the payload's reader and writer that `next_incoming` and `announce` give.
    "header",
    "left",
    "feed",
    "finish",
    // `set_write_patience`, by what a transport of tokio tells.
    "set_write_patience_by_progress",
];

/// An operation: its table, and its name.
type Operation = (&'static str, String);

/// What the docs say of an operation.
struct Row {
    operation: Operation,
    /// Of each ecosystem: ✓, or why not.
    cells: Vec<String>,
}

/// The rows of all tables.
fn rows() -> Vec<Row> {
    let (mut rows, mut table) = (Vec::new(), None);
    for line in DOCS.lines() {
        let Some(line) = line.strip_prefix("//! |") else {
            table = None;
            continue;
        };
        let mut cells = line.trim_end().trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let first = cells.next().expect("a cell");
        let cells: Vec<String> = cells.collect();
        if cells == ECOSYSTEMS.map(|(column, _)| column) {
            table = Some(*TABLES.iter().find(|name| **name == first).expect("a table that the test knows"));
        } else if let Some(table) = table.filter(|_| !first.starts_with('-')) {
            let name = first.trim_matches('`').to_owned();
            assert_eq!(first, format!("`{name}`"), "an operation");
            assert_eq!(cells.len(), ECOSYSTEMS.len(), "{first}");
            rows.push(Row { operation: (table, name), cells });
        }
    }
    rows
}

/// The operations that have a ✓ in a column.
fn ticked(column: usize) -> BTreeSet<Operation> {
    rows().into_iter().filter(|row| row.cells[column] == "✓").map(|row| row.operation).collect()
}

/// A value that is never made: of calls that are never made it is the types that count.
fn value<T>() -> T {
    panic!("only for its type")
}

fn unused<T>(_: T) {}

/// Compiles calls that are never made, and lists them.
macro_rules! calls {
    ($calls:ident, $table:literal: $on:ident . $method:ident ($($argument:expr),*); $($rest:tt)*) => {
        let _ = || {
            unused($on().$method($($argument),*));
        };
        $calls.insert(($table, stringify!($method).to_owned()));
        calls!($calls, $table: $($rest)*);
    };
    ($calls:ident, $table:literal: $Type:ident :: $function:ident ($($argument:expr),*); $($rest:tt)*) => {
        let _ = || {
            unused($Type::$function($($argument),*));
        };
        $calls.insert(($table, stringify!($function).to_owned()));
        calls!($calls, $table: $($rest)*);
    };
    ($calls:ident, $table:literal:) => {};
}

/// The operations of an ecosystem, by calls: those that all have, and its own.
macro_rules! operations {
    (
        $module:ident, $Io:ty;
        reading: $reading:tt
        writing: $writing:tt
        both: { $($both:tt)* }
    ) => {{
        use ringframe_io::$module::{Framed, Reader, Writer};

        fn reader() -> Reader<$Io, U32Be, [u8; 64]> {
            value()
        }
        fn writer() -> Writer<$Io, U32Be, [u8; 64]> {
            value()
        }
        fn link() -> Framed<$Io, U32Be, [u8; 64]> {
            value()
        }

        let mut calls = BTreeSet::new();
        calls! { calls, "reading":
            reader.next_frame();
            reader.peek_frame();
            reader.next_event();
            reader.next_incoming();
            link.next_request();
            reader.resume();
            reader.unframed();
            reader.read_ahead();
            reader.is_ready();
            reader.discard();
            reader.reset();
            reader.resync();
            reader.decoder_mut();
        }
        operations!(@ calls, "reading", $reading);
        calls! { calls, "writing":
            writer.send(b"");
            writer.push(b"");
            writer.push_with(b"", &[b""]);
            writer.push_message("");
            writer.announce(b"", 0);
            writer.resume();
            writer.write_unframed(b"");
            writer.flush();
            writer.drain();
            writer.encoder_mut();
        }
        operations!(@ calls, "writing", $writing);
        calls! { calls, "both directions":
            link.into_parts();
            $($both)*
        }
        calls
    }};
    (@ $calls:ident, $table:literal, { $($own:tt)* }) => {
        calls!($calls, $table: $($own)*);
    };
}

/// The operations that compile, of each ecosystem.
fn called() -> [BTreeSet<Operation>; 4] {
    let of_std = operations! {
        std, TcpStream;
        reading: {
            reader.try_next_frame();
            reader.set_patience(Patience::ENDLESS);
        }
        writing: {
            writer.try_flush();
            writer.try_drain();
            writer.close();
            writer.set_write_patience(None);
        }
        both: {
            link.split();
            Framed::join(reader(), writer());
        }
    };
    let of_tokio = operations! {
        tokio, tokio::net::TcpStream;
        reading: {
            reader.set_patience(Patience::ENDLESS);
        }
        writing: {
            writer.close();
            writer.set_write_patience(None);
            writer.set_flush_timeout(None);
        }
        both: {
            link.split(tokio::io::split);
            Framed::join(reader(), writer(), |read, _| Ok::<tokio::net::TcpStream, Infallible>(read));
        }
    };
    let of_embedded_io = operations! {
        embedded_io, Device;
        reading: {
            reader.try_next_frame();
            reader.next_frame_within(&mut Watch::new(Patience::ENDLESS), value);
        }
        writing: {
            writer.try_drain();
        }
        both: {
            link.split(|device| (device, value::<Device>()));
            Framed::join(reader(), writer(), |read, _| -> Device { read });
        }
    };
    let of_embedded_io_async = operations! {
        embedded_io_async, Device;
        reading: {
            reader.try_next_frame();
        }
        writing: {
            writer.try_drain();
        }
        both: {
            link.split(|device| (device, value::<Device>()));
            Framed::join(reader(), writer(), |read, _| -> Device { read });
        }
    };
    [of_std, of_tokio, of_embedded_io, of_embedded_io_async]
}

/// A transport of a device that tells whether it is ready.
enum Device {}

impl embedded_io::ErrorType for Device {
    type Error = Infallible;
}

impl embedded_io::Read for Device {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        match *self {}
    }
}

impl embedded_io::ReadReady for Device {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        match *self {}
    }
}

impl embedded_io::Write for Device {
    fn write(&mut self, _: &[u8]) -> Result<usize, Infallible> {
        match *self {}
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        match *self {}
    }
}

impl embedded_io::WriteReady for Device {
    fn write_ready(&mut self) -> Result<bool, Infallible> {
        match *self {}
    }
}

impl embedded_io_async::Read for Device {
    async fn read(&mut self, _: &mut [u8]) -> Result<usize, Infallible> {
        match *self {}
    }
}

impl embedded_io_async::Write for Device {
    async fn write(&mut self, _: &[u8]) -> Result<usize, Infallible> {
        match *self {}
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        match *self {}
    }
}

/// The names of the public methods in a file of the source, or in all files of a folder.
fn public_methods(path: &Path, methods: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            let path = entry.expect("a file").path();
            // A codec for another crate's readers and writers.
            if path.file_stem().is_some_and(|name| name != "codec") {
                public_methods(&path, methods);
            }
        }
    } else if let Ok(source) = fs::read_to_string(path) {
        let starts = ["pub fn ", "pub const fn ", "pub async fn "];
        let names = source.lines().filter_map(|line| {
            let rest = starts.iter().find_map(|start| line.trim_start().strip_prefix(start))?;
            rest.split(['(', '<']).next().map(str::to_owned)
        });
        methods.extend(names);
    }
}

#[test]
fn the_tables_are_in_the_docs() {
    let rows = rows();
    for table in TABLES {
        assert!(rows.iter().any(|row| row.operation.0 == table), "the docs have no table of {table}");
    }
    let names: BTreeSet<_> = rows.iter().map(|row| &row.operation).collect();
    assert_eq!(names.len(), rows.len(), "a row is there twice");
}

#[test]
fn what_the_docs_tick_can_be_called_and_what_can_be_called_is_ticked() {
    for (column, calls) in called().into_iter().enumerate() {
        let name = ECOSYSTEMS[column].0;
        let ticked = ticked(column);
        let missing: Vec<_> = ticked.difference(&calls).collect();
        assert!(missing.is_empty(), "{name}: a ✓ without a call in this test: {missing:?}");
        let missing: Vec<_> = calls.difference(&ticked).collect();
        assert!(missing.is_empty(), "{name}: a call without a ✓ in the docs: {missing:?}");
    }
}

#[test]
fn where_an_operation_is_missing_the_docs_say_why() {
    for Row { operation, cells } in rows() {
        for cell in cells {
            assert!(
                cell == "✓" || cell.split_whitespace().count() >= 2,
                "{operation:?}: {cell:?} is no reason"
            );
        }
    }
}

#[test]
fn each_public_method_is_ticked() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut used = BTreeSet::new();
    for (column, (name, module)) in ECOSYSTEMS.into_iter().enumerate() {
        let mut methods = BTreeSet::new();
        for part in ["reader.rs", "writer.rs", &format!("{module}.rs"), module] {
            public_methods(&source.join(part), &mut methods);
        }
        assert!(methods.len() > 20, "{name}: where is the source?");
        let ticked: BTreeSet<String> = ticked(column).into_iter().map(|(_, name)| name).collect();
        for method in methods {
            assert!(ticked.contains(&method) || OTHERS.contains(&&*method), "{name}: {method} has no ✓");
            used.insert(method);
        }
    }
    for other in OTHERS {
        assert!(used.contains(other), "{other} is not there any more");
    }
}
