//! Peers in other languages, each with the library or the language's own means that its users have: their client
//! with our server, our clients with their server, a thousand messages each way. The programs are in `tests/peers`.
//!
//! Those that need more than Python are ignored by a plain `cargo test`; `tests/run` gets what they need and runs
//! them.

use std::process::Command;

use fastrand::Rng;

use crate::support::{Process, Server, run};

const MESSAGES: usize = 1_000;

/// The longest message, bytes, where a format's length holds it.
const LONGEST: usize = 64 << 10;

/// What a peer received, once it has ended.
type Transcript = Box<dyn FnOnce() -> Vec<Vec<u8>>>;

/// A peer of another make, for one wire format.
trait Peer {
    /// Sends these messages to a server, and answers the replies.
    fn call(&self, address: &str, messages: &[Vec<u8>]) -> Vec<Vec<u8>>;

    /// Echoes one client's messages; answers where.
    fn serve(&self) -> (String, Transcript);
}

/// A program of `tests/peers`.
struct Program {
    /// How it is run.
    command: Vec<String>,
    /// What it calls the format.
    format: Option<&'static str>,
}

impl Program {
    fn spawn(&self, role: &[&str]) -> Process {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(role).args(self.format);
        Process::spawn(command)
    }
}

impl Peer for Program {
    fn call(&self, address: &str, messages: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let (host, port) = address.split_once(':').unwrap();
        from_hex(&self.spawn(&["client", host, port]).finish(to_hex(messages).as_bytes()).fine().text())
    }

    fn serve(&self) -> (String, Transcript) {
        let process = self.spawn(&["server"]);
        let text = process.stdout.wait_for(1, &[""]);
        let port = text.lines().next().unwrap();
        let transcript = || {
            let text = process.finish(b"").fine().text();
            from_hex(text.split_once('\n').unwrap().1)
        };
        (format!("127.0.0.1:{port}"), Box::new(transcript))
    }
}

/// A file of `tests/peers`.
fn file(name: &str) -> String {
    format!("{}/../tests/peers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether this can be run, to its good end.
fn runs(command: &[&str]) -> bool {
    Command::new(command[0]).args(&command[1..]).output().is_ok_and(|output| output.status.success())
}

/// The command for a program in Python that needs a module, from a package. Debian's packages are seen by Debian's
/// Python only, which may not be the first one.
#[track_caller]
fn python(module: &str, package: &str, name: &str) -> Vec<String> {
    let import = format!("import {module}");
    let python = ["python3", "/usr/bin/python3"].into_iter().find(|python| runs(&[python, "-c", &import]));
    let python = python.unwrap_or_else(|| panic!("this test needs {module}: sudo apt-get install {package}"));
    vec![python.to_owned(), file(name)]
}

fn to_hex(messages: &[Vec<u8>]) -> String {
    let mut text = String::new();
    for message in messages {
        text += &hex::encode(message);
        text.push('\n');
    }
    text
}

fn from_hex(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| hex::decode(line.trim_end()).expect("hexadecimal")).collect()
}

/// The same messages in every run: first the lengths at which a prefix or a buffer changes, then as many short ones
/// as long ones, in powers of two.
fn messages(longest: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(6);
    let edges = [0, 1, 127, 128, 255, 256, 16_383, 16_384, 65_535, 65_536];
    let mut lengths: Vec<_> = edges.into_iter().filter(|length| *length <= longest).collect();
    while lengths.len() < MESSAGES {
        let about = 1 << rng.u32(0..=16);
        lengths.push(rng.usize(0..=about).min(longest));
    }
    lengths.iter().map(|length| (0..*length).map(|_| rng.u8(..)).collect()).collect()
}

/// Compares without showing megabytes.
#[track_caller]
fn check_same(what: &str, got: &[Vec<u8>], expected: &[Vec<u8>]) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(got == expected, "{what}: message {i}: {} bytes for {}", got.len(), expected.len());
    }
    assert_eq!(got.len(), expected.len(), "{what}: the number of messages");
}

/// Lets a peer talk with our server and with our clients.
#[track_caller]
fn talk(peer: &dyn Peer, wire: &str) {
    talk_typed(peer, wire, <[u8]>::to_vec);

    let (address, received) = peer.serve();
    let done = run(
        ["bench", &address, "--wire", wire, "--size", "255", "--depth", "20", "--count", "500", "--json"],
        b"",
    );
    assert_eq!(done.fine().json()[0]["round_trips"], 500, "{wire}");
    let lengths: Vec<_> = received().iter().map(Vec::len).collect();
    assert_eq!(lengths, [255; 500], "{wire}");
}

/// The same for a peer that makes something else of a message: `payload`.
#[track_caller]
fn talk_typed(peer: &dyn Peer, wire: &str, payload: fn(&[u8]) -> Vec<u8>) {
    let longest = match wire {
        "u8" => 0xff,
        "u16be" | "u16le" => 0xffff,
        _ => LONGEST,
    };
    let messages = messages(longest);
    let payloads: Vec<_> = messages.iter().map(|message| payload(message)).collect();

    let server = Server::start(&["echo", "--wire", wire, "-v"]);
    check_same(&format!("{wire}, their client"), &peer.call(&server.address, &messages), &messages);
    let log = server.wait_for_end(1, "closed");
    assert!(log.contains(&format!(" {MESSAGES} frames, ")), "{wire}: {log}");
    server.stop();

    let (address, received) = peer.serve();
    let args = ["call", &address, "--wire", wire, "--send-hex", "--hex", "--timeout", "100s"];
    let done = run(args, to_hex(&payloads).as_bytes()).fine();
    check_same(&format!("{wire}, our client"), &from_hex(&done.text()), &payloads);
    check_same(&format!("{wire}, their server"), &received(), &messages);
}

/// Lets a program talk in each of these formats: our name and the program's.
#[track_caller]
fn talk_all(command: &[String], formats: &[(&str, &'static str)]) {
    for (wire, format) in formats {
        talk(&Program { command: command.to_vec(), format: Some(format) }, wire);
    }
}

#[test]
fn python_struct() {
    let formats = [
        ("u8", "!B"),
        ("u16be", "!H"),
        ("u16le", "<H"),
        ("u32be", "!I"),
        ("u32le", "<i"),
        ("u64be", "!Q"),
        ("u64le", "<Q"),
    ];
    talk_all(&python("struct", "python3", "plain.py"), &formats);
}

#[test]
#[ignore = "needs python3-twisted, which tests/run gets"]
fn twisted() {
    let command = python("twisted", "python3-twisted", "twisted_strings.py");
    talk_all(&command, &[("u8", "8"), ("u16be", "16"), ("u32be", "32")]);
}

#[test]
#[ignore = "needs python3-protobuf, which tests/run gets"]
fn protobuf_delimited() {
    let command = python("google.protobuf", "python3-protobuf", "protobuf_delimited.py");
    talk_typed(&Program { command, format: None }, "varint", bytes_value);
}

/// A serialised `google.protobuf.BytesValue`: field 1, its length, its bytes; and nothing where it is empty.
fn bytes_value(message: &[u8]) -> Vec<u8> {
    if message.is_empty() {
        return Vec::new();
    }
    let mut payload = vec![0x0a];
    let mut length = message.len();
    while length > 0x7f {
        payload.push(length as u8 | 0x80);
        length >>= 7;
    }
    payload.push(length as u8);
    [payload, message.to_vec()].concat()
}

#[test]
#[ignore = "needs erlang-base, which tests/run gets"]
fn erlang_packet() {
    let has_erlang = runs(&["erl", "-noshell", "-eval", "halt()."]);
    assert!(has_erlang, "this test needs Erlang: sudo apt-get install erlang-base");
    let command = ["escript".to_owned(), file("packet.escript")];
    talk_all(&command, &[("u8", "1"), ("u16be", "2"), ("u32be", "4")]);
}

#[test]
#[ignore = "needs a JDK, which tests/run gets"]
fn java_data_streams() {
    let has_jdk = runs(&["javac", "--version"]);
    assert!(
        has_jdk,
        "this test needs a JDK, of version 17 or later: sudo apt-get install default-jdk-headless"
    );
    let command = ["java".to_owned(), file("Peer.java")];
    talk_all(&command, &[("u8", "byte"), ("u16be", "short"), ("u32be", "int"), ("u64be", "long")]);
}
