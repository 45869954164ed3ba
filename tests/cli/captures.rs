//! `inspect` against Wireshark: captures of real programs, and the frames that its dissectors see in them. How they
//! were made is in `tests/captures`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::support::run;

/// What Wireshark says of a capture.
#[derive(Deserialize)]
struct Expected {
    wire: String,
    streams: Vec<Stream>,
}

/// One direction of a connection.
#[derive(Deserialize)]
struct Stream {
    /// `a:p > b:q`.
    stream: String,
    /// Bytes before the first frame: a start-up message, a preface.
    skip: u64,
    /// Whole frames, in order; nothing is between them.
    lengths: Vec<u64>,
}

/// Offset and length of each frame, by stream.
type Frames = BTreeMap<String, Vec<(u64, u64)>>;

impl Stream {
    fn frames(&self) -> Vec<(u64, u64)> {
        let mut offset = self.skip;
        let after = |length: &u64| {
            offset += length;
            (offset - length, *length)
        };
        self.lengths.iter().map(after).collect()
    }
}

/// Offset and length, as `inspect` has them.
fn place(frame: &Value) -> (u64, u64) {
    (frame["offset"].as_u64().unwrap(), frame["length"].as_u64().unwrap())
}

/// What `inspect` finds in a capture.
#[track_caller]
fn inspect(capture: &Path, wire: &str, more: &[&str]) -> Frames {
    let args = ["inspect", capture.to_str().unwrap(), "--json", "--wire", wire];
    let mut frames = Frames::new();
    for object in run(args.iter().chain(more), b"").fine().json() {
        let stream = frames.entry(object["stream"].as_str().unwrap().to_owned()).or_default();
        stream.push(place(&object));
    }
    frames
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures")
}

/// What is in the file of the same name that ends in `.json`.
#[track_caller]
fn expected(path: &Path) -> Expected {
    let path = path.with_extension("json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn frames_are_where_wireshark_sees_them() {
    let mut wires = BTreeSet::new();
    let captures = folder().read_dir().unwrap().map(|entry| entry.unwrap().path());
    for capture in captures.filter(|path| path.extension().is_some_and(|it| it == "pcap" || it == "pcapng")) {
        let Expected { wire, streams } = expected(&capture);
        let name = capture.file_name().unwrap().display();
        // Only clients send something before the first frame. Their streams are read apart from the others.
        let preamble = streams.iter().find(|stream| stream.skip > 0);
        let found = match preamble {
            None => inspect(&capture, &wire, &[]),
            Some(Stream { stream, skip, .. }) => {
                let port = stream.rsplit_once(':').unwrap().1;
                let mut found = inspect(&capture, &wire, &["--to", port, "--skip", &skip.to_string()]);
                found.append(&mut inspect(&capture, &wire, &["--from", port]));
                found
            }
        };
        let expected: Frames =
            streams.iter().map(|stream| (stream.stream.clone(), stream.frames())).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
        for (stream, frames) in &expected {
            assert_eq!(&found[stream], frames, "{name}, {stream}");
        }
        wires.insert(wire);
    }
    // As many as there are; each new one counts.
    assert_eq!(wires.len(), 11, "{wires:?}");
}

#[test]
fn a_capture_is_frames_itself() {
    let Expected { wire, streams } = expected(&folder().join("pcapng"));
    assert!(!streams.is_empty());
    for blocks in streams {
        let capture = folder().join(&blocks.stream);
        let done =
            run(["inspect", capture.to_str().unwrap(), "--raw", "--json", "--wire", &wire], b"").fine();
        let found: Vec<_> = done.json().iter().map(place).collect();
        assert_eq!(found, blocks.frames(), "{}", blocks.stream);
    }
}
