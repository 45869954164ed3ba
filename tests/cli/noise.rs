//! Authenticated links: every command over one, against an independent library at both ends; and that whoever has no
//! key, or is in between, gets nothing done and nothing unnoticed.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::independent::{HANDSHAKE, HELLO, Independent, TAG, beginning, framed};
use self::middle::{Fault, Middle};
use crate::exec::{all_end, is_gone};
use crate::files::{folder, names, noise, sha256};
use crate::keys::Keys;
use crate::serve::{descriptors, peak_memory};
use crate::support::{Done, Peer, Process, Server, frame, read_frame, reset, ringframe, run, until};

mod independent;
mod middle;

/// Where the first transport message of a client begins, in what it sends.
const CLIENT: usize = HELLO.len() + 2 + HANDSHAKE;

/// The same of a server.
const SERVER: usize = 2 + HANDSHAKE;

/// Length of a message on the wire beside its plaintext.
const AROUND: usize = 2 + TAG;

/// A server with a key, and clients that have it.
struct Keyed {
    keys: Keys,
    server: Server,
}

impl Keyed {
    /// Starts `serve` with these arguments, and the key.
    fn start(args: &[&str]) -> Self {
        let keys = Keys::new(&["key", "wrong"]);
        let server = Server::start(&[args, &["--key-file", &keys.path("key"), "-v"]].concat());
        Self { keys, server }
    }

    /// The key's file.
    fn key(&self) -> String {
        self.keys.path("key")
    }

    fn secret(&self) -> [u8; 32] {
        self.keys.bytes("key")
    }

    /// Runs a client's command with the key; `ADDR` is the server's.
    fn run(&self, args: &[&str]) -> Done {
        self.begin(args).finish(b"")
    }

    fn begin(&self, args: &[&str]) -> Process {
        Process::spawn(ringframe(self.words(args, &self.server.address)))
    }

    /// The same by way of somebody in between.
    fn by(&self, middle: &Middle, args: &[&str]) -> Done {
        run(self.words(args, &middle.address), b"")
    }

    fn words(&self, args: &[&str], address: &str) -> Vec<String> {
        let (command, rest) = args.split_first().unwrap();
        let key = ["--key-file".into(), self.key()];
        let rest = rest.iter().map(|arg| if *arg == "ADDR" { address.into() } else { (*arg).to_owned() });
        [(*command).to_owned()].into_iter().chain(key).chain(rest).collect()
    }

    /// A client of another make.
    fn independent(&self) -> Independent {
        Independent::connect(self.server.connect(), &self.secret())
    }

    /// Checks that a mirror in upper case still serves.
    #[track_caller]
    fn still_serves(&self) {
        self.run(&["call", "ADDR", "still"]).fine().prints("STILL\n");
    }
}

/// A folder of files behind a key, and one for the client.
struct Files {
    keyed: Keyed,
    root: TempDir,
    here: TempDir,
}

impl Files {
    fn start() -> Self {
        let (root, here) = (folder(), folder());
        let keyed = Keyed::start(&["files", "--root", root.path().to_str().unwrap(), "--allow-write"]);
        Self { keyed, root, here }
    }

    fn here(&self, name: &str) -> String {
        self.here.path().join(name).to_str().unwrap().to_owned()
    }

    /// Checks that the server still serves, and what is in its folder.
    #[track_caller]
    fn stop_with(self, expected: &[&str]) -> Done {
        let listed = self.keyed.run(&["ls", "ADDR", "--json"]).fine().json();
        let listed: Vec<_> = listed.iter().map(|file| file["name"].as_str().unwrap()).collect();
        assert_eq!(listed, expected);
        assert_eq!(names(self.root.path()), expected);
        self.keyed.server.stop()
    }
}

#[test]
fn messages() {
    for wire in ["u32be", "u16le", "varint", "offset=1,adjust=-4"] {
        let keyed = Keyed::start(&["upper", "--wire", wire]);
        keyed.run(&["call", "--wire", wire, "ADDR", "hello,server", ""]).fine().prints("HELLO,SERVER\n\n");
        let lines: String = (1..=5000).map(|i| format!("line {i}\n")).collect();
        let client = keyed.begin(&["call", "--wire", wire, "ADDR"]);
        assert!(client.finish(lines.as_bytes()).fine().text() == lines.to_uppercase());
        // The end of each direction is one that was meant.
        keyed.server.wait_for_end(2, "closed");
        keyed.server.stop();
    }
    for (service, reply) in [(&["echo"][..], "Hello\n"), (&["reply", "no"], "no\n")] {
        let keyed = Keyed::start(service);
        keyed.run(&["call", "ADDR", "Hello"]).fine().prints(reply);
        keyed.server.stop();
    }
}

/// A frame of megabytes passes the rings at both ends in pieces, cut into messages of 4 KiB.
#[test]
fn a_frame_larger_than_all_buffers() {
    let keyed = Keyed::start(&["upper"]);
    let long = "long ".repeat(1_500_000);
    let client = keyed.begin(&["call", "ADDR"]);
    let done = client.finish(format!("{long}\n{long}\n").as_bytes()).fine();
    assert!(done.text() == format!("{long}\n{long}\n").to_uppercase());
    assert!(peak_memory(keyed.server.process.pid()).unwrap() < 40 << 20);
    keyed.server.stop();
}

/// The replies that are there, and the end, whichever side is first.
#[test]
fn half_closing() {
    let keyed = Keyed::start(&["upper"]);
    keyed.run(&["call", "--half-close", "ADDR", "a", "b"]).fine().prints("A\nB\n");
    keyed.server.wait_for_end(1, "closed");
    let mut client = keyed.independent();
    client.write_all(&[frame(b"c"), frame(b"d")].concat()).unwrap();
    client.end();
    assert_eq!((read_frame(&mut client), read_frame(&mut client)), (b"C".to_vec(), b"D".to_vec()));
    client.ends();
    keyed.server.wait_for_end(2, "closed");
    keyed.server.stop();
}

#[test]
fn a_benchmark() {
    let keyed = Keyed::start(&["echo"]);
    for (size, depth, count) in [("16", "1", 200), ("1000", "50", 5000), ("100000", "4", 200)] {
        let count_arg = count.to_string();
        let args =
            ["bench", "ADDR", "--size", size, "--depth", depth, "--count", &count_arg, "--connections", "3"];
        let done = keyed.run(&[&args[..], &["--json"]].concat()).fine();
        assert_eq!(done.json()[0]["round_trips"], count);
    }
    keyed.server.wait_for_end(9, "closed");
    keyed.server.stop();
}

/// More than all buffers of the way hold, both ways at once: what is sealed but not sent yet is not forgotten.
#[test]
fn a_full_pipeline_of_large_frames() {
    let keyed = Keyed::start(&["echo"]);
    let args = ["bench", "ADDR", "--size", "1MiB", "--depth", "16", "--count", "100", "--json"];
    let done = keyed.run(&args).fine();
    assert_eq!(done.json()[0]["round_trips"], 100);
    keyed.server.stop();
}

#[test]
fn files_of_64_mib() {
    let files = Files::start();
    let content = noise(64 << 20);
    fs::write(files.here("large"), &content).unwrap();
    let hash = sha256(&content);
    let (there, copy) = (files.here("large"), files.here("copy"));
    files.keyed.run(&["put", "ADDR", &there]).fine().prints(&format!("{hash}  large\n"));
    assert!(fs::read(files.root.path().join("large")).unwrap() == content);
    files.keyed.run(&["get", "ADDR", "large", &copy]).fine().prints(&format!("{hash}  {copy}\n"));
    assert!(fs::read(&copy).unwrap() == content);
    let listed = files.keyed.run(&["ls", "ADDR", "--json"]).fine();
    assert_eq!(listed.json(), [json!({ "name": "large", "size": 64 << 20 })]);
    files.keyed.server.wait_for_end(3, "closed");
    assert!(peak_memory(files.keyed.server.process.pid()).unwrap() < 40 << 20);
    files.stop_with(&["large"]);
}

#[test]
fn refusals_of_files() {
    let files = Files::start();
    let keyed = &files.keyed;
    fs::write(files.here("a"), "a").unwrap();
    keyed.run(&["put", "ADDR", &files.here("a")]).fine();
    keyed.run(&["put", "ADDR", &files.here("a")]).code(1).says(&["exists"]);
    keyed.run(&["get", "ADDR", "b", &files.here("b")]).code(1).says(&["not-found"]);
    keyed.run(&["get", "ADDR", "../a", &files.here("b")]).code(6).says(&["forbidden"]);
    // While megabytes are on their way.
    fs::write(files.here("large"), noise(16 << 20)).unwrap();
    keyed.run(&["put", "ADDR", &files.here("large"), "a"]).code(1).says(&["exists"]);
    // A client that was refused has said so: it is not one whose link was cut.
    keyed.server.wait_for_end(3, "closed");
    keyed.server.wait_for_end(2, "refused");
    files.stop_with(&["a"]);
}

/// A transfer that was cut goes on.
#[test]
fn a_resumed_transfer() {
    let files = Files::start();
    let content = noise(3_000_000);
    fs::write(files.here("a"), &content).unwrap();
    let (a, b) = (files.here("a"), files.here("b"));
    let keyed = &files.keyed;
    let middle = Middle::start(&keyed.server.address, Fault::Cut { at: 1_000_000 }, Fault::None);
    // Nothing is lost of what came genuine, and nothing has that name yet.
    keyed.by(&middle, &["put", "ADDR", &a]).code(7).says(&["cut off"]);
    middle.join();
    keyed.server.wait_for_end(1, "cut off");
    assert_eq!(keyed.run(&["ls", "ADDR"]).fine().text(), "");
    let done = keyed.run(&["put", "ADDR", &a, "--resume", "--json"]).fine();
    assert!(done.json()[0]["offset"].as_u64().unwrap() > 900_000, "{}", done.text());

    let middle = Middle::start(&keyed.server.address, Fault::None, Fault::Cut { at: 2_000_000 });
    keyed.by(&middle, &["get", "ADDR", "a", &b]).code(7).says(&["of 3000000 bytes came", "--resume"]);
    middle.join();
    let done = keyed.run(&["get", "ADDR", "a", &b, "--resume", "--json"]).fine();
    assert!(done.json()[0]["offset"].as_u64().unwrap() > 1_900_000, "{}", done.text());
    assert!(fs::read(&b).unwrap() == content);
    files.stop_with(&["a"]);
}

/// A server that allows a shell.
fn shell() -> Keyed {
    Keyed::start(&["exec", "--allow", "sh=/bin/sh"])
}

#[test]
fn commands() {
    let keyed = shell();
    let done = keyed.run(&["exec", "ADDR", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]).code(7);
    assert_eq!((done.text(), &*done.stderr), ("out\n".into(), "err\n"));
    let many = "head -c 30000000 /dev/zero; head -c 30000000 /dev/zero >&2";
    let done = keyed.run(&["exec", "ADDR", "--", "sh", "-c", many]).code(0);
    assert_eq!((done.stdout.len(), done.stderr.len()), (30_000_000, 30_000_000));
    keyed.run(&["exec", "ADDR", "--", "rm"]).code(255).says(&["forbidden"]);
    keyed.server.wait_for_end(3, "closed");
    keyed.server.stop();
}

/// Output comes as it is written, not only at the end.
#[test]
fn a_command_that_says_something_now_and_then() {
    let keyed = shell();
    let gate = keyed.keys.path("gate");
    let script = format!("echo one; while ! [ -e {gate} ]; do sleep 0.02; done; echo two");
    let client = keyed.begin(&["exec", "ADDR", "--", "sh", "-c", &script]);
    client.stdout.wait_for(1, &["one"]);
    fs::write(&gate, "").unwrap();
    client.finish(b"").fine().prints("one\ntwo\n");
    keyed.server.stop();
}

/// A client that is gone, by its end message or without, has its command killed.
#[test]
fn a_command_whose_client_is_gone() {
    let keyed = shell();
    let ask = |client: &mut Independent| {
        let script = "echo $$; exec sleep 300";
        let request = json!({ "cmd": "sh", "args": ["-c", script], "stream": true });
        client.write_all(&frame(request.to_string().as_bytes())).unwrap();
        assert_eq!(read_frame(client), br#"{"ok":true,"stream":true}"#);
        let pid = String::from_utf8(read_frame(client)[1..].trim_ascii().into()).unwrap();
        assert!(!is_gone(&pid));
        [pid]
    };
    let mut client = keyed.independent();
    let pid = ask(&mut client);
    client.end();
    all_end(&pid);
    client.ends();
    keyed.server.wait_for_end(1, "closed");
    let mut client = keyed.independent();
    let pid = ask(&mut client);
    client.stream.shutdown(Shutdown::Write).unwrap();
    all_end(&pid);
    keyed.server.wait_for_end(1, "cut off");
    let mut client = keyed.independent();
    let pid = ask(&mut client);
    let mut message = client.seal(&frame(b"{}"));
    message[5] ^= 1;
    client.stream.write_all(&message).unwrap();
    all_end(&pid);
    keyed.server.wait_for_end(1, "tampered");
    let mut client = keyed.independent();
    let pid = ask(&mut client);
    reset(client.stream);
    all_end(&pid);
    keyed.server.wait_for_end(1, "reset");
    keyed.server.stop();
}

/// Frames and messages know nothing of each other: a message holds a part of one, or several.
#[test]
fn an_independent_client() {
    let keyed = Keyed::start(&["upper"]);
    let mut client = keyed.independent();
    let request = [frame(b"hello"), frame(b""), frame(b"server")].concat();
    client.send(&request);
    for reply in [&b"HELLO"[..], b"", b"SERVER"] {
        assert_eq!(read_frame(&mut client), reply);
    }
    for byte in &request {
        client.send(&[*byte]);
    }
    for reply in [&b"HELLO"[..], b"", b"SERVER"] {
        assert_eq!(read_frame(&mut client), reply);
    }
    // The largest message, and all sizes of frames around it.
    for size in [1, 15, 16, 4079, 4091, 4092, 4093, 4096, 4097, 8192, 100_000] {
        let payload = vec![b'x'; size];
        client.write_all(&frame(&payload)).unwrap();
        assert!(read_frame(&mut client) == payload.to_ascii_uppercase(), "{size}");
    }
    // The wire cut into single bytes.
    let bytes = client.seal(&frame(b"slow"));
    for byte in bytes {
        client.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(read_frame(&mut client), b"SLOW");
    client.end();
    client.ends();
    keyed.server.wait_for_end(1, "closed");
    keyed.server.stop();
}

#[test]
fn an_independent_server() {
    let keys = Keys::new(&["key"]);
    let (path, secret) = (keys.path("key"), keys.bytes("key"));
    let peer = Peer::start(move |stream| {
        let mut link = Independent::accept(stream, &secret);
        for expected in [&b"hello"[..], b""] {
            assert_eq!(read_frame(&mut link), expected);
            // A byte at a time.
            for byte in frame(&expected.to_ascii_uppercase()) {
                link.send(&[byte]);
            }
        }
        link.ends();
        link.end();
    });
    run(["call", &peer.address, "--key-file", &path, "hello", ""], b"").fine().prints("HELLO\n\n");
    peer.join();
}

/// A small frame leaves in one message, and so in one packet.
#[test]
fn a_frame_is_a_message() {
    let keyed = Keyed::start(&["upper"]);
    let middle = Middle::start(&keyed.server.address, Fault::None, Fault::None);
    keyed.by(&middle, &["call", "ADDR", "hello"]).fine().prints("HELLO\n");
    let [there, back] = middle.join();
    let message = AROUND + 4 + 5;
    assert_eq!((there.len(), back.len()), (CLIENT + message + AROUND, SERVER + message + AROUND));
    assert_eq!(there[..8], HELLO);
    // The secret is not what passes.
    assert!(!there.windows(5).any(|bytes| bytes == b"hello"));
    assert!(!back.windows(5).any(|bytes| bytes == b"HELLO"));
    keyed.server.stop();
}

#[test]
fn four_keys() {
    let keys = Keys::new(&["0", "1", "2", "3", "4"]);
    let paths: Vec<_> = (0..5).map(|i| keys.path(&i.to_string())).collect();
    let [a, b, c, d, e] = &paths[..] else { unreachable!() };
    let all = ["--key-file", a, "--key-file", b, "--key-file", c, "--key-file", d];
    let server = Server::start(&[&["upper", "-v"][..], &all].concat());
    for path in [a, b, c, d] {
        run(["call", &server.address, "--key-file", path, "hello"], b"").fine().prints("HELLO\n");
    }
    server.wait_for_end(4, "closed");
    run(["call", &server.address, "--key-file", e, "hello"], b"").code(3).prints("");
    server.wait_for_end(1, "handshake failed");
    run(["call", &server.address, "--key-file", a, "hello"], b"").fine().prints("HELLO\n");
    server.stop();
}

/// The command lines of all clients that have exit codes of their own.
fn every_client<'a>(address: &'a str, from: &'a str, to: &'a str) -> [Vec<&'a str>; 5] {
    [
        vec!["put", address, from],
        vec!["get", address, "a", to],
        vec!["ls", address],
        vec!["call", address, "x"],
        vec!["bench", address, "--count", "1"],
    ]
}

/// A wrong key is no key: every client says so, and nothing was done.
#[test]
fn a_wrong_key() {
    let files = Files::start();
    let wrong = files.keyed.keys.path("wrong");
    fs::write(files.here("a"), "a").unwrap();
    let (a, b) = (files.here("a"), files.here("b"));
    let address = &files.keyed.server.address;
    for args in every_client(address, &a, &b) {
        let done = run(args.iter().chain(&["--key-file", &wrong]), b"");
        done.code(3).says(&[address, "closed the connection in the handshake", "key"]).prints("");
    }
    run(["exec", address, "--key-file", &wrong, "--", "x"], b"").code(255).says(&["handshake"]).prints("");
    let log = files.keyed.server.wait_for_end(6, "handshake failed");
    assert!(log.contains(": 0 frames, 0 bytes, handshake failed: "), "{log}");
    assert_eq!(names(files.here.path()), ["a"]);
    files.stop_with(&[]);
}

/// Who has no key hears nothing at all, whatever he says.
#[test]
fn a_plain_client_of_a_server_with_a_key() {
    let files = Files::start();
    fs::write(files.here("a"), "a").unwrap();
    let (a, b) = (files.here("a"), files.here("b"));
    let address = &files.keyed.server.address;
    for args in every_client(address, &a, &b) {
        run(args, b"").code(4).says(&[address]).prints("");
    }
    run(["exec", address, "--", "x"], b"").code(255).prints("");
    files.keyed.server.wait_for_end(6, "handshake failed");
    let request = json!({ "op": "put", "name": "b", "size": 1 }).to_string();
    let strangers: [&[u8]; 6] = [
        &[&frame(request.as_bytes())[..], b"b"].concat(),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc",
        // Another version.
        &[&HELLO[..4], &[2], &HELLO[5..]].concat(),
        b"\0",
        &[HELLO[0], HELLO[1], 0],
    ];
    for bytes in strangers {
        let mut stranger = files.keyed.server.connect();
        stranger.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset, where it was sent more than it looked at.
        let _ = stranger.read_to_end(&mut answer);
        assert_eq!(answer, b"");
    }
    let log = files.keyed.server.wait_for_end(12, "handshake failed");
    assert_eq!(log.matches("byte 4 is 0x02").count(), 1, "{log}");
    assert_eq!(names(files.here.path()), ["a"]);
    files.stop_with(&[]);
}

/// The hello is an oversize length to a plain server, which fails at once.
#[test]
fn a_client_with_a_key_of_a_plain_server() {
    let keys = Keys::new(&["key"]);
    for wire in ["u32be", "u32le"] {
        let server = Server::start(&["upper", "-v", "--wire", wire]);
        let args = ["call", &server.address, "--wire", wire, "--key-file", &keys.path("key"), "x"];
        run(args, b"").code(3).says(&["closed the connection in the handshake"]).prints("");
        let log = server.wait_for_end(1, "broke the protocol");
        assert!(log.contains("the limit is 8388608"), "{log}");
        run(["call", &server.address, "--wire", wire, "still"], b"").fine().prints("STILL\n");
        server.stop();
    }
    // One that answers, with what is no message of a handshake.
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\x31", b"\0\x2f", &[0; 50], b"\0\x30"] {
        let peer = Peer::start(move |mut stream| {
            stream.read_exact(&mut [0; CLIENT]).unwrap();
            stream.write_all(answer).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            // The client has sent no more than that.
            assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
        });
        run(["call", &peer.address, "--key-file", &keys.path("key"), "x"], b"").code(3).prints("");
        peer.join();
    }
    // One that resets, and one that says nothing.
    let peer = Peer::start(|mut stream| {
        stream.read_exact(&mut [0; CLIENT]).unwrap();
        reset(stream);
    });
    run(["call", &peer.address, "--key-file", &keys.path("key"), "x"], b"").code(3).says(&["handshake"]);
    peer.join();
    let peer = Peer::start(|mut stream| {
        let mut came = Vec::new();
        stream.read_to_end(&mut came).unwrap();
        assert_eq!(came.len(), CLIENT);
    });
    let args = ["call", &peer.address, "--key-file", &keys.path("key"), "--timeout", "300ms", "x"];
    run(args, b"").code(4).says(&["did not answer the handshake within 300ms"]).prints("");
    peer.join();
}

/// A place in what one side sends: where it begins, its length, and what comes of a wrong bit or of a cut there.
struct Region {
    what: &'static str,
    at: usize,
    length: usize,
    /// Which bit of each byte: one for which nobody waits for more.
    bit: u8,
    /// The client's exit code, and the end that the server tells of.
    flipped: (i32, &'static str),
    cut: (i32, &'static str),
}

/// All that a client sends in `call ADDR hello`.
fn from_client() -> Vec<Region> {
    let failed = (3, "handshake failed");
    let (tampered, cut_off, broken) = ((7, "tampered"), (7, "cut off"), (7, "broke the protocol"));
    let region = |what, at, length, bit, flipped, cut| Region { what, at, length, bit, flipped, cut };
    let message = CLIENT + 2 + 4 + 5 + TAG;
    vec![
        region("hello", 0, HELLO.len(), 4, failed, failed),
        region("length of message 1", 8, 2, 7, failed, failed),
        region("message 1", 10, HANDSHAKE, 3, failed, failed),
        // Longer than any, shorter than it is.
        region("first length byte", CLIENT, 1, 7, broken, cut_off),
        region("second length byte", CLIENT + 1, 1, 0, tampered, cut_off),
        region("request", CLIENT + 2, 4 + 5 + TAG, 5, tampered, cut_off),
        region("first length byte of the end", message, 1, 7, broken, cut_off),
        region("second length byte of the end", message + 1, 1, 4, broken, cut_off),
        region("end", message + 2, TAG, 0, tampered, cut_off),
    ]
}

/// All that a server sends.
fn from_server() -> Vec<Region> {
    let failed = (3, "cut off");
    let (tampered, broken) = ((7, ""), (5, ""));
    let region = |what, at, length, bit, flipped, cut| Region { what, at, length, bit, flipped, cut };
    let message = SERVER + 2 + 4 + 5 + TAG;
    vec![
        region("length of message 2", 0, 2, 7, failed, failed),
        region("message 2", 2, HANDSHAKE, 3, failed, failed),
        region("first length byte", SERVER, 1, 7, broken, tampered),
        region("second length byte", SERVER + 1, 1, 0, tampered, tampered),
        region("reply", SERVER + 2, 4 + 5 + TAG, 5, tampered, tampered),
        region("first length byte of the end", message, 1, 7, broken, tampered),
        region("second length byte of the end", message + 1, 1, 4, broken, tampered),
        region("end", message + 2, TAG, 0, tampered, tampered),
    ]
}

#[test]
fn a_wrong_bit_and_a_cut_at_every_byte() {
    let keyed = Keyed::start(&["upper"]);
    let mut ends = 0;
    let mut check = |what: &str, there, back, (code, end): (i32, &str)| {
        let middle = Middle::start(&keyed.server.address, there, back);
        let done = keyed.by(&middle, &["call", "ADDR", "hello"]);
        let (stderr, stdout) = (done.stderr.clone(), done.text());
        assert_eq!(done.code, code, "{what}, {there:?}, {back:?}: {stdout}{stderr}");
        // Genuine or not at all.
        assert!(["", "HELLO\n"].contains(&&*stdout), "{what}: {stdout}");
        done.code(code).says(&[]);
        middle.join();
        ends += 1;
        let log = keyed.server.process.stderr.wait_for(ends, &[" bytes, "]);
        let last = log.lines().rfind(|line| line.contains(" bytes, ")).unwrap();
        assert!(last.contains(&format!(" bytes, {end}")), "{what}, {there:?}, {back:?}: {last}");
    };
    for region in from_client() {
        for at in region.at..region.at + region.length {
            check(region.what, Fault::Flip { at, bit: region.bit }, Fault::None, region.flipped);
            check(region.what, Fault::Cut { at }, Fault::None, region.cut);
        }
    }
    for region in from_server() {
        for at in region.at..region.at + region.length {
            check(region.what, Fault::None, Fault::Flip { at, bit: region.bit }, region.flipped);
            check(region.what, Fault::None, Fault::Cut { at }, region.cut);
        }
    }
    keyed.still_serves();
    keyed.server.stop();
}

/// What a client once sent brings nothing when it is sent again, all of it or its beginning: no command runs, and
/// no file appears.
#[test]
fn a_replay() {
    let keyed = shell();
    let trace = keyed.keys.path("trace");
    let middle = Middle::start(&keyed.server.address, Fault::None, Fault::None);
    let script = format!("echo run >> {trace}");
    keyed.by(&middle, &["exec", "ADDR", "--", "sh", "-c", &script]).fine();
    let [recorded, _] = middle.join();
    assert_eq!(fs::read(&trace).unwrap(), b"run\n");
    let replay = |server: &Server, recorded: &[u8]| {
        let mut client = server.connect();
        client.write_all(recorded).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer);
        // Message 2 of a new handshake, whose keys are others, and nothing behind it.
        assert_eq!((answer.len(), &answer[..2]), (SERVER, &[0, 48][..]));
    };
    replay(&keyed.server, &recorded[..CLIENT]);
    let log = keyed.server.wait_for_end(1, "cut off");
    assert!(log.contains(": 0 frames, 0 bytes, cut off"), "{log}");
    replay(&keyed.server, &recorded);
    let log = keyed.server.wait_for_end(1, "tampered");
    assert!(log.contains(": 0 frames, 0 bytes, tampered"), "{log}");
    assert_eq!(fs::read(&trace).unwrap(), b"run\n");
    keyed.run(&["exec", "ADDR", "--", "sh", "-c", "echo served"]).fine().prints("served\n");
    keyed.server.stop();

    let files = Files::start();
    fs::write(files.here("a"), "a").unwrap();
    let server = &files.keyed.server;
    let middle = Middle::start(&server.address, Fault::None, Fault::None);
    files.keyed.by(&middle, &["put", "ADDR", &files.here("a"), "b"]).fine();
    let [recorded, _] = middle.join();
    fs::remove_file(files.root.path().join("b")).unwrap();
    replay(server, &recorded[..CLIENT]);
    replay(server, &recorded);
    server.wait_for_end(1, "cut off");
    server.wait_for_end(1, "tampered");
    files.stop_with(&[]);
}

/// Messages of one link in another order, twice, left out, or of the other direction.
#[test]
fn messages_out_of_order() {
    let keyed = Keyed::start(&["upper"]);
    let mut ends = 0;
    let mut check = |bytes: &mut dyn FnMut(&mut Independent) -> Vec<u8>| {
        let mut client = keyed.independent();
        let bytes = bytes(&mut client);
        client.stream.write_all(&bytes).unwrap();
        // Without an end message, so that the client learns of it.
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        drop(client);
        ends += 1;
        keyed.server.wait_for_end(ends, "tampered");
        rest.len()
    };
    let reply = AROUND + 4 + 1;
    let [a, b] = [frame(b"a"), frame(b"b")];
    let twice = check(&mut |client| client.seal(&a).repeat(2));
    let swapped = check(&mut |client| {
        let first = client.seal(&a);
        [client.seal(&b), first].concat()
    });
    let left_out = check(&mut |client| {
        client.seal(&a);
        client.seal(&b)
    });
    let turned_back = check(&mut |client| {
        client.send(&a);
        framed(&independent::read_message(&mut client.stream).unwrap())
    });
    // What came in order was answered.
    assert_eq!([twice, swapped, left_out, turned_back], [reply, 0, 0, 0]);
    keyed.still_serves();
    keyed.server.stop();
}

#[test]
fn data_behind_the_end() {
    let keyed = Keyed::start(&["upper"]);
    // At once, and when the server has seen the end.
    for wait in [false, true] {
        let mut client = keyed.independent();
        client.send(&frame(b"a"));
        client.send(b"");
        assert_eq!(read_frame(&mut client), b"A");
        if wait {
            thread::sleep(Duration::from_millis(50));
        }
        client.send(&frame(b"b"));
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
    let log = keyed.server.wait_for_end(2, "broke the protocol");
    assert!(log.contains("1 frame, 5 bytes, broke the protocol: "), "{log}");
    keyed.still_serves();
    keyed.server.stop();

    let keys = Keys::new(&["key"]);
    for end in [&b""[..], b"more"] {
        let secret = keys.bytes("key");
        let peer = Peer::start(move |stream| {
            let mut link = Independent::accept(stream, &secret);
            assert_eq!(read_frame(&mut link), b"a");
            link.send(&frame(b"A"));
            link.send(b"");
            // Another end is none of the first's.
            link.send(end);
            let _ = link.stream.read_to_end(&mut Vec::new());
        });
        let args = ["call", &peer.address, "--key-file", &keys.path("key"), "a"];
        run(args, b"").code(5).says(&["follows the message that ends"]).prints("A\n");
        peer.join();
    }
}

/// A length that can't be ends the link as soon as it is there.
#[test]
fn lengths_that_can_not_be() {
    let keyed = Keyed::start(&["upper"]);
    let lengths = [0, 1, 15, 4113, 65535];
    for length in lengths {
        let mut client = keyed.independent();
        client.write_all(&frame(b"a")).unwrap();
        assert_eq!(read_frame(&mut client), b"A");
        client.stream.write_all(&u16::to_be_bytes(length)).unwrap();
        assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
        drop(client);
        let log = keyed.server.process.stderr.wait_for(1, &[&format!("message of {length} bytes")]);
        assert!(log.contains("1 frame, 5 bytes, broke the protocol: "), "{log}");
    }
    keyed.server.wait_for_end(lengths.len(), "broke the protocol");
    keyed.still_serves();
    keyed.server.stop();

    let keys = Keys::new(&["key"]);
    for length in lengths {
        let secret = keys.bytes("key");
        let peer = Peer::start(move |stream| {
            let mut link = Independent::accept(stream, &secret);
            assert_eq!(read_frame(&mut link), b"a");
            link.send(&frame(b"A"));
            link.stream.write_all(&u16::to_be_bytes(length)).unwrap();
            let _ = link.stream.read_to_end(&mut Vec::new());
        });
        let args = ["call", &peer.address, "--key-file", &keys.path("key"), "a"];
        run(args, b"").code(5).says(&[&format!("message of {length} bytes")]).prints("A\n");
        peer.join();
    }
    // In a handshake.
    let keyed = Keyed::start(&["upper"]);
    for length in [0, 15, 47, 49, 4113, 65535] {
        let mut stranger = keyed.server.connect();
        stranger.write_all(&HELLO).unwrap();
        stranger.write_all(&u16::to_be_bytes(length)).unwrap();
        assert_eq!(stranger.read(&mut [0]).unwrap(), 0);
        keyed.server.process.stderr.wait_for(1, &["handshake failed", &format!("message of {length} bytes")]);
    }
    keyed.still_serves();
    keyed.server.stop();
}

/// A message that comes a byte now and then is no frame yet, and no sign of life.
#[test]
fn a_message_that_never_ends() {
    let keyed = Keyed::start(&["upper", "--idle", "3s"]);
    let mut client = keyed.independent();
    client.write_all(&frame(b"a")).unwrap();
    assert_eq!(read_frame(&mut client), b"A");
    let message = client.seal(&[0; 4096]);
    let mut stream = client.stream.try_clone().unwrap();
    let drip = thread::spawn(move || {
        for byte in message {
            if stream.write_all(&[byte]).is_err() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    });
    keyed.server.wait_for_end(1, "silent");
    client.ends();
    assert!(drip.join().unwrap(), "it was let to the end");
    keyed.still_serves();
    keyed.server.stop();
}

/// The two ends that were not meant, as a client meets them, behind all replies and before.
#[test]
fn an_end_without_its_message() {
    let keys = Keys::new(&["key"]);
    for (replies, code) in [(0, 7), (1, 7)] {
        let secret = keys.bytes("key");
        let peer = Peer::start(move |stream| {
            let mut link = Independent::accept(stream, &secret);
            assert_eq!(read_frame(&mut link), b"a");
            for _ in 0..replies {
                link.send(&frame(b"A"));
            }
            link.stream.shutdown(Shutdown::Write).unwrap();
            let _ = link.stream.read_to_end(&mut Vec::new());
        });
        let done = run(["call", &peer.address, "--key-file", &keys.path("key"), "a"], b"");
        done.code(code).says(&["cut off"]).prints(if replies == 1 { "A\n" } else { "" });
        peer.join();
    }
    // One that was meant comes too early, and is a closed connection as on any link.
    let secret = keys.bytes("key");
    let peer = Peer::start(move |stream| {
        let mut link = Independent::accept(stream, &secret);
        assert_eq!(read_frame(&mut link), b"a");
        link.end();
        let _ = link.stream.read_to_end(&mut Vec::new());
    });
    run(["call", &peer.address, "--key-file", &keys.path("key"), "a"], b"").code(4).says(&["0 of 1 replies"]);
    peer.join();
    // And inside a frame.
    let secret = keys.bytes("key");
    let peer = Peer::start(move |stream| {
        let mut link = Independent::accept(stream, &secret);
        assert_eq!(read_frame(&mut link), b"a");
        link.send(b"\0\0\0\x05half");
        link.end();
        let _ = link.stream.read_to_end(&mut Vec::new());
    });
    run(["call", &peer.address, "--key-file", &keys.path("key"), "a"], b"").code(5).says(&["inside a frame"]);
    peer.join();
}

/// A handshake has its time, in which nobody else is held up, and counts as a connection.
#[test]
fn strangers_that_wait() {
    let keys = Keys::new(&["key"]);
    let key = keys.path("key");
    let args = ["upper", "-v", "--key-file", &key, "--handshake-time", "3s", "--max-connections", "101"];
    let server = Server::start(&args);
    let before = descriptors(server.process.pid());
    let (_, first) = beginning(&keys.bytes("key"));
    let strangers: Vec<_> = (0..100)
        .map(|i| {
            let mut stranger = server.connect();
            // Every part of the first message but its last byte.
            stranger.write_all(&first[..i % CLIENT]).unwrap();
            stranger
        })
        .collect();
    let call = || run(["call", &server.address, "--key-file", &key, "meanwhile"], b"");
    call().fine().prints("MEANWHILE\n");
    let log = server.wait_for_end(100, "handshake failed");
    assert!(log.matches("handshake failed: it was not complete within 3s").count() >= 100, "{log}");
    for mut stranger in strangers {
        assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0);
    }
    call().fine();
    server.wait_for_end(2, "closed");
    until("all descriptors to be closed", || (descriptors(server.process.pid()) <= before).then_some(()));
    server.stop();
}

/// Seeded noise in every phase of a link: whatever it means, nothing is answered to a stranger, and the server is there
/// afterwards.
#[test]
fn noise_of_strangers_and_of_clients() {
    let keyed = Keyed::start(&["upper"]);
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = |most| {
        let mut noise = vec![0; random.usize(..most)];
        random.fill(&mut noise);
        noise
    };
    let (_, beginning) = beginning(&keyed.secret());
    for i in 0..60 {
        let mut stranger = keyed.server.connect();
        // It may be closed before everything is sent.
        // Never so much of a genuine beginning that chance could complete it.
        let _ = stranger.write_all(&beginning[..i % (CLIENT - TAG)]);
        let _ = stranger.write_all(&noise(2000));
        let _ = stranger.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stranger.read_to_end(&mut answer);
        assert_eq!(answer, b"");
    }
    keyed.server.wait_for_end(60, "handshake failed");
    for _ in 0..30 {
        let mut client = keyed.independent();
        let _ = client.stream.write_all(&noise(10_000));
        let _ = client.stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = client.stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
        // And from who has the key: frames that are none.
        let mut client = keyed.independent();
        let _ = client.write_all(&noise(10_000));
        let _ = client.stream.shutdown(Shutdown::Write);
        let _ = client.stream.read_to_end(&mut Vec::new());
    }
    keyed.server.process.stderr.wait_for(120, &[" bytes, "]);
    keyed.still_serves();
    assert!(!keyed.server.stop().stderr.contains("panicked"));
}

#[test]
fn many_at_once() {
    let keyed = Keyed::start(&["upper"]);
    let clients: Vec<_> = (0..40).map(|i| keyed.begin(&["call", "ADDR", &format!("client {i}")])).collect();
    for (i, client) in clients.into_iter().enumerate() {
        client.finish(b"").fine().prints(&format!("CLIENT {i}\n"));
    }
    keyed.server.wait_for_end(40, "closed");
    keyed.server.stop();
}

#[test]
fn a_stranger_counts_as_a_connection() {
    let keys = Keys::new(&["key"]);
    let args = ["upper", "-vv", "--key-file", &keys.path("key"), "--max-connections", "1"];
    let server = Server::start(&args);
    let stranger = server.connect();
    server.process.stderr.wait_for(1, &["connected"]);
    let mut second = server.connect();
    assert_eq!(second.read(&mut [0]).unwrap_or(0), 0);
    server.process.stderr.wait_for(1, &["turned away, too many connections (1 so far)"]);
    // A server that is told to stop does not wait for a handshake.
    let log = server.stop().stderr;
    assert!(log.contains("0 frames, 0 bytes, server stopped"), "{log}");
    drop(stranger);
}

/// A stop lets replies under way end as they should.
#[test]
fn a_stop() {
    let keyed = Keyed::start(&["upper"]);
    let mut client = keyed.independent();
    client.write_all(&frame(b"a")).unwrap();
    assert_eq!(read_frame(&mut client), b"A");
    keyed.server.process.signal(Signal::TERM);
    client.ends();
    client.end();
    let log = keyed.server.process.finish(b"").code(0).stderr;
    assert!(log.contains("1 frame, 5 bytes, server stopped"), "{log}");
}

/// With a key, other machines may do what they may not without.
#[test]
fn exposed() {
    let keys = Keys::new(&["key"]);
    let key = keys.path("key");
    let root = folder();
    let root = root.path().to_str().unwrap();
    for service in [&["exec", "--allow", "true=/bin/true"][..], &["files", "--root", root, "--allow-write"]] {
        let exposed = [&["serve"], service, &["--listen", "0.0.0.0:0"]].concat();
        run(exposed.iter().chain(&["--expose"]), b"").code(6).says(&["no key", "--key-file"]).prints("");
        // It still has to be meant.
        run(exposed.iter().copied().chain(["--key-file", &*key]), b"")
            .code(6)
            .says(&["say --expose"])
            .prints("");
        let server = Server::listen("0.0.0.0:0", &[service, &["--expose", "--key-file", &key]].concat());
        let port = server.address.rsplit_once(':').unwrap().1;
        let address = format!("127.0.0.1:{port}");
        match service[0] {
            "exec" => run(["exec", &address, "--key-file", &key, "--", "true"], b"").fine(),
            _ => run(["ls", &address, "--key-file", &key], b"").fine(),
        }
        .prints("");
        server.stop();
    }
}

/// The bound that is printed counts what an authenticated link takes besides.
#[test]
fn the_memory_of_a_link() {
    let keyed = Keyed::start(&["upper", "--max-connections", "1000"]);
    let log = keyed.server.process.stderr.wait_for(1, &["at most 1000 connections with"]);
    let plain = Server::start(&["upper", "--max-connections", "1000", "-v"]);
    let without = plain.process.stderr.wait_for(1, &["at most 1000 connections with"]);
    assert_ne!(log.lines().next(), without.lines().next());
    keyed.server.stop();
    plain.stop();
}

#[test]
fn json_of_a_link() {
    let keys = Keys::new(&["key", "wrong"]);
    let key = keys.path("key");
    let args = ["serve", "upper", "--json", "-v", "--listen", "127.0.0.1:0", "--key-file", &key];
    let server = Process::spawn(ringframe(args));
    let line = server.stdout.wait_for(1, &["listening"]);
    let line: Value = serde_json::from_str(&line).unwrap();
    let address = line["listening"].as_str().unwrap();
    run(["call", address, "--key-file", &keys.path("wrong"), "x"], b"").code(3);
    server.stdout.wait_for(1, &["handshake failed"]);
    server.signal(Signal::TERM);
    let done = server.finish(b"").code(0).json();
    let end = &done[1];
    assert_eq!((&end["end"], &end["frames"]), (&json!("handshake failed"), &Value::from(0)));
    assert!(end["detail"].is_string());
}
