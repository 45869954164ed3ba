//! Peers in other languages, each with the library or the language's own means that its users have: their client
//! with our server, our clients with their server, a thousand messages each way. The programs are in `tests/peers`.
//!
//! Those that need more than Python are ignored by a plain `cargo test`; `tests/run` gets what they need and runs
//! them.

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use fastrand::Rng;

use crate::support::{Process, Server, run};

mod tokio_util;

use self::tokio_util::LengthDelimited;

const MESSAGES: usize = 1_000;

/// The longest message, bytes, where a format's length holds it.
const LONGEST: usize = 64 << 10;

/// A message, and what it looks like on the standard streams of a program.
#[derive(Clone, Copy)]
struct Message {
    bytes: &'static [u8],
    hex: &'static str,
}

impl Message {
    /// The same messages in every run: first the lengths at which a prefix or a buffer changes, then short ones and
    /// some long ones.
    fn all(longest: usize) -> Vec<Self> {
        let mut rng = Rng::with_seed(6);
        let edges = [0, 1, 127, 128, 255, 256, 16_383, 16_384, 65_535, 65_536];
        let mut lengths: Vec<_> = edges.into_iter().filter(|length| *length <= longest).collect();
        while lengths.len() < MESSAGES {
            let about = 1 << rng.u32(0..=16).min(rng.u32(0..=16));
            lengths.push(rng.usize(0..=about).min(longest));
        }
        lengths.into_iter().map(|length| Self::random(&mut rng, length)).collect()
    }

    /// A piece of bytes that were made once, as debug builds are slow to make them, and slower to write them in
    /// hexadecimal.
    fn random(rng: &mut Rng, length: usize) -> Self {
        static BYTES: LazyLock<(Vec<u8>, String)> = LazyLock::new(|| {
            let mut bytes = vec![0; 2 * LONGEST];
            Rng::with_seed(7).fill(&mut bytes);
            let hex = hex::encode(&bytes);
            (bytes, hex)
        });
        let (bytes, hex) = &*BYTES;
        let start = rng.usize(0..=bytes.len() - length);
        let end = start + length;
        Self { bytes: &bytes[start..end], hex: &hex[2 * start..2 * end] }
    }
}

/// What a peer received: messages, or lines in hexadecimal.
enum Received {
    Bytes(Vec<Vec<u8>>),
    /// In small letters.
    Lines(String),
}

impl Received {
    fn lengths(&self) -> Vec<usize> {
        match self {
            Self::Bytes(messages) => messages.iter().map(Vec::len).collect(),
            Self::Lines(text) => text.lines().map(|line| line.len() / 2).collect(),
        }
    }

    #[track_caller]
    fn check(&self, who: &str, expected: &[Message]) {
        match self {
            Self::Bytes(messages) => check_same(who, messages, expected.iter().map(|message| message.bytes)),
            Self::Lines(text) => check_same(who, text.lines(), expected.iter().map(|message| message.hex)),
        }
    }
}

/// Compares without showing megabytes.
#[track_caller]
fn check_same<T: AsRef<[u8]>, U: AsRef<[u8]>>(
    who: &str,
    received: impl IntoIterator<Item = T>,
    expected: impl IntoIterator<Item = U>,
) {
    let mut received = received.into_iter();
    let mut count = 0;
    for expected in expected {
        let Some(received) = received.next() else { panic!("{who}: only {count} messages came") };
        assert!(received.as_ref() == expected.as_ref(), "{who}: message {count} is not what was sent");
        count += 1;
    }
    let more = received.count();
    assert_eq!(more, 0, "{who}: {more} messages more came than {count}");
}

/// A peer of another make, for one wire format.
trait Peer {
    /// Sends these messages to a server that echoes, and answers the replies.
    fn call(&self, address: &str, messages: &[Message]) -> Received;

    /// Echoes one client's messages. Answers where, and what waits until the client has closed.
    fn serve(&self) -> (String, Box<dyn FnOnce() -> Received>);
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
    fn call(&self, address: &str, messages: &[Message]) -> Received {
        let (host, port) = address.split_once(':').unwrap();
        let input: String = messages.iter().flat_map(|message| [message.hex, "\n"]).collect();
        let done = self.spawn(&["client", host, port]).finish(input.as_bytes()).fine();
        Received::Lines(done.text().to_ascii_lowercase())
    }

    fn serve(&self) -> (String, Box<dyn FnOnce() -> Received>) {
        let process = self.spawn(&["server"]);
        let text = process.stdout.wait_for(1, &[""]);
        let port = text.lines().next().unwrap();
        let received = || {
            let text = process.finish(b"").fine().text();
            Received::Lines(text.split_once('\n').unwrap().1.to_ascii_lowercase())
        };
        (format!("127.0.0.1:{port}"), Box::new(received))
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

/// What is between a client and a server.
#[derive(Clone, Copy, Debug)]
enum Link {
    Loopback,
    /// What splits, merges and delays.
    Chaos,
}

impl Link {
    /// Calls a client with the address to connect to, so that it reaches the server at this one.
    #[track_caller]
    fn join<T>(self, wire: &str, server: &str, client: impl FnOnce(&str) -> T) -> T {
        match self {
            Self::Loopback => client(server),
            Self::Chaos => {
                let proxy = Server::proxy(server, &["--wire", wire, "--chaos", "6", "-v"]);
                let result = client(&proxy.address);
                let log = proxy.wait_for_end(1, "closed");
                // Each message, and its reply.
                assert!(log.contains(&format!(" {} frames, ", 2 * MESSAGES)), "{wire}: {log}");
                proxy.stop();
                result
            }
        }
    }
}

/// Lets a peer talk with our server and with our client. `head` is what it writes in front of a message of a given
/// length, in hexadecimal, if it has a type for messages.
#[track_caller]
fn talk(peer: &dyn Peer, wire: &str, head: fn(usize) -> String, link: Link) {
    let messages = Message::all(match wire {
        "u8" => 0xff,
        "u16be" | "u16le" => 0xffff,
        _ => LONGEST,
    });

    let server = Server::start(&["echo", "--wire", wire, "-v"]);
    let replies = link.join(wire, &server.address, |address| peer.call(address, &messages));
    replies.check(&format!("{wire}, {link:?}, their client"), &messages);
    let log = server.wait_for_end(1, "closed");
    assert!(log.contains(&format!(" {MESSAGES} frames, ")), "{wire}: {log}");
    server.stop();

    let input: String =
        messages.iter().map(|message| head(message.bytes.len()) + message.hex + "\n").collect();
    let (server, received) = peer.serve();
    let done = link.join(wire, &server, |address| {
        let args = ["call", address, "--wire", wire, "--send-hex", "--hex", "--timeout", "100s"];
        run(args, input.as_bytes()).fine()
    });
    check_same(&format!("{wire}, {link:?}, our client"), done.text().lines(), input.lines());
    received().check(&format!("{wire}, {link:?}, their server"), &messages);
}

/// Measures a peer's server.
#[track_caller]
fn bench(peer: &dyn Peer, wire: &str) {
    let (address, received) = peer.serve();
    let args =
        ["bench", &address, "--wire", wire, "--size", "255", "--depth", "20", "--count", "500", "--json"];
    assert_eq!(run(args, b"").fine().json()[0]["round_trips"], 500, "{wire}");
    assert_eq!(received().lengths(), [255; 500], "{wire}");
}

/// Lets a peer of plain bytes do all of it in each of its formats, through chaos in the last one.
#[track_caller]
fn talk_all(peers: &[(&str, &dyn Peer)]) {
    let plain = |_| String::new();
    for (wire, peer) in peers {
        talk(*peer, wire, plain, Link::Loopback);
        bench(*peer, wire);
    }
    if let Some((wire, peer)) = peers.last() {
        talk(*peer, wire, plain, Link::Chaos);
    }
}

/// The same for a program, by our name of each format and its own.
#[track_caller]
fn talk_all_by(command: &[String], formats: &[(&str, &'static str)]) {
    let program = |format| Program { command: command.to_vec(), format: Some(format) };
    let programs: Vec<_> = formats.iter().map(|(wire, format)| (*wire, program(format))).collect();
    talk_all(&programs.iter().map(|(wire, program)| (*wire, program as &dyn Peer)).collect::<Vec<_>>());
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
    talk_all_by(&python("struct", "python3", "plain.py"), &formats);
}

#[test]
fn tokio_util_length_delimited() {
    let formats = ["u8", "u16be", "u16le", "u24be", "u24le", "u32be", "u32le", "u64be", "u64le"];
    let codecs = formats.map(LengthDelimited::new);
    let peers = std::iter::zip(formats, codecs.iter().map(|codec| codec as &dyn Peer));
    talk_all(&peers.collect::<Vec<_>>());
}

#[test]
#[ignore = "needs python3-twisted, which tests/run gets"]
fn twisted() {
    let command = python("twisted", "python3-twisted", "twisted_strings.py");
    talk_all_by(&command, &[("u8", "8"), ("u16be", "16"), ("u32be", "32")]);
}

#[test]
#[ignore = "needs python3-protobuf, which tests/run gets"]
fn protobuf_delimited() {
    let command = python("google.protobuf", "python3-protobuf", "protobuf_delimited.py");
    let program = Program { command, format: None };
    for link in [Link::Loopback, Link::Chaos] {
        talk(&program, "varint", bytes_value, link);
    }
}

/// What is in front of the value in a serialised `google.protobuf.BytesValue`: field 1, the length; nothing where it
/// is empty.
fn bytes_value(mut length: usize) -> String {
    let mut head = if length == 0 { String::new() } else { "0a".into() };
    while length > 0x7f {
        head += &format!("{:02x}", length & 0x7f | 0x80);
        length >>= 7;
    }
    if length > 0 { head + &format!("{length:02x}") } else { head }
}

#[test]
#[ignore = "needs erlang-base, which tests/run gets"]
fn erlang_packet() {
    let has_erlang = runs(&["erl", "-noshell", "-eval", "halt()."]);
    assert!(has_erlang, "this test needs Erlang: sudo apt-get install erlang-base");
    let command = ["escript".to_owned(), file("packet.escript")];
    talk_all_by(&command, &[("u8", "1"), ("u16be", "2"), ("u32be", "4")]);
}

#[test]
#[ignore = "needs a JDK, which tests/run gets"]
fn java_data_streams() {
    assert!(
        runs(&["javac", "--version"]),
        "this test needs a JDK: sudo apt-get install default-jdk-headless"
    );
    // `java Peer.java` does both, each time anew.
    let classes = format!("{}/java", env!("CARGO_TARGET_TMPDIR"));
    let compiled = Command::new("javac").args(["-d", &classes, &file("Peer.java")]).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let command = ["java", "-cp", &classes, "Peer"].map(str::to_owned);
    talk_all_by(&command, &[("u8", "byte"), ("u16be", "short"), ("u32be", "int"), ("u64be", "long")]);
}

#[test]
#[ignore = "needs npm and its registry; tests/run deep"]
fn node_it_length_prefixed() {
    assert!(runs(&["npm", "--version"]), "this test needs Node, of version 20 or later: https://nodejs.org");
    // Node looks for a program's libraries beside it.
    let folder = format!("{}/node", env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(file("varint.mjs"), format!("{folder}/varint.mjs")).unwrap();
    let install =
        ["npm", "install", "--prefix", &folder, "--no-audit", "--no-fund", "it-length-prefixed@11.0.1"];
    assert!(runs(&install), "this test needs npm's registry: {}", install.join(" "));
    let program = Program { command: vec!["node".to_owned(), format!("{folder}/varint.mjs")], format: None };
    talk_all(&[("varint", &program)]);
}
