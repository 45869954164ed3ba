//! What commands print: text that can't harm a terminal, JSON, colours, generated help.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use ringframe::{Decoder, formats};

use crate::support::{Peer, Process, Server, frame, ringframe, run, seq};

#[test]
fn the_demo_is_true_and_80_columns_wide() {
    let text = run(["demo"], b"").fine().text();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
    // `recv 1  00 00 00 05 …  ….`: the bytes, then the same as text.
    let mut stream = Vec::new();
    for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("recv ")) {
        let bytes: Vec<u8> = line
            .split(' ')
            .skip(1)
            .skip_while(|word| word.is_empty())
            .map_while(|word| u8::from_str_radix(word, 16).ok().filter(|_| word.len() == 2))
            .collect();
        let shown: String = bytes
            .iter()
            .map(|&byte| if byte.is_ascii_graphic() || byte == b' ' { byte.into() } else { '.' })
            .collect();
        assert!(!bytes.is_empty() && line.ends_with(&shown), "{line}");
        stream.extend(bytes);
    }
    let decoded = decode(&stream);
    assert_eq!(decoded.len(), 4);
    for (i, message) in decoded.iter().enumerate() {
        let line = format!("  {} {message}", i + 1);
        assert_eq!(text.lines().filter(|shown| **shown == line).count(), 2, "`{line}` is sent and decoded");
    }
    assert!(text.contains("The same messages."));
}

#[test]
fn the_demo_in_json() {
    let objects = run(["demo", "--json"], b"").fine().json();
    let stream: Vec<u8> = objects
        .iter()
        .filter_map(|object| object["recv"].as_str())
        .flat_map(|chunk| hex::decode(chunk).unwrap())
        .collect();
    let decoded = serde_json::json!(decode(&stream));
    assert_eq!(objects.first().unwrap()["sent"], decoded);
    assert_eq!(objects.last().unwrap()["decoded"], decoded);
}

fn decode(mut stream: &[u8]) -> Vec<String> {
    let mut decoder = Decoder::new(formats::U32_BE, [0; 64]);
    let mut messages = Vec::new();
    let mut frames = decoder.frames(&mut stream);
    while let Some(frame) = frames.next().unwrap() {
        messages.push(String::from_utf8(frame.payload().to_vec()).unwrap());
    }
    decoder.end_of_input().unwrap();
    messages
}

#[test]
fn all_formats_are_listed() {
    let prefixes = ["u8", "u16be", "u16le", "u24be", "u24le", "u32be", "u32le", "u64be", "u64le", "varint"];
    let protocols = [
        "amqp",
        "bgp",
        "diameter",
        "dns-tcp",
        "http2",
        "kafka",
        "modbus-tcp",
        "mongodb",
        "mqtt",
        "mysql",
        "ninep",
        "noise",
        "pcapng",
        "postgres",
        "thrift",
        "tls",
        "tpkt",
    ];
    let text = run(["formats"], b"").fine().text();
    let objects = run(["--json", "formats"], b"").fine().json();
    assert_eq!(objects.len(), prefixes.len() + protocols.len());
    for name in prefixes.iter().chain(&protocols) {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}");
        let object = objects.iter().find(|object| object["name"] == **name).expect(name);
        assert!(!object["spoken_by"].as_array().unwrap().contains(&"".into()), "{name}");
        assert_eq!(object["document"].is_string(), protocols.contains(name), "{name}");
        // A description is a format as well, and the same.
        let description = object["description"].as_str().unwrap();
        let encode = |wire| run(["encode", "--wire", wire], b"hello\n").fine().stdout;
        assert_eq!(encode(description), encode(name), "{name}");
        run(["decode", "--wire", name], &encode(name)).fine().prints("hello\n");
    }
    let of = |name| objects.iter().find(|object| object["name"] == name).unwrap();
    assert_eq!(of("mqtt")["largest_length"], 268_435_455);
    assert_eq!(of("mqtt")["header_length"], serde_json::json!([2, 5]));
    assert_eq!(of("http2")["header_length"], 9);
    assert_eq!(of("http2")["document"], "RFC 9113, section 4.1");
    for word in [
        "Erlang {packet,4}",
        "Int32StringReceiver",
        "'!I'",
        "'<i'",
        "Netty",
        "tokio-util",
        "protobuf",
        "Java",
        "RFC 9113, section 4.1",
        "Mosquitto",
    ] {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn completions_and_manual_pages() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(["completions", shell], b"").fine().text();
        for word in ["ringframe", "half-close", "decode"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let page = run(["man"], b"").fine().text();
    assert!(page.contains(".TH ringframe 1"), "{page}");
    for command in [
        "demo",
        "serve",
        "call",
        "put",
        "get",
        "ls",
        "encode",
        "decode",
        "inspect",
        "proxy",
        "formats",
        "completions",
        "man",
    ] {
        assert!(page.contains(&format!("ringframe\\-{command}")), "{command}");
        let of_it = run(["man", command], b"").fine().text();
        assert!(of_it.contains(&format!(".TH ringframe-{command} 1")), "{of_it}");
    }
    assert!(run(["man", "call"], b"").fine().text().contains("\\-\\-half\\-close"));
}

#[test]
fn help_and_version() {
    for args in
        [&["--help"][..], &["-h"], &["call", "--help"], &["serve", "upper", "--help"], &["help", "call"]]
    {
        let text = run(args, b"").fine().text();
        assert!(text.contains("Usage: ringframe"), "{text}");
        assert!(!text.contains('\x1b'));
    }
    let version = format!("ringframe {}\n", env!("CARGO_PKG_VERSION"));
    run(["--version"], b"").fine().prints(&version);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let colourful = |args: &[&str], set: &[(&str, &str)]| {
        let mut command = ringframe(args);
        command.envs(set.iter().copied());
        let done = Process::spawn(command).finish(b"");
        (done.text().contains('\x1b'), done.stderr.contains('\x1b'))
    };
    let refused = ["call", "127.0.0.1:x"];
    assert_eq!(colourful(&["demo"], &[]), (false, false));
    assert_eq!(colourful(&["demo", "--color", "always"], &[]), (true, false));
    assert_eq!(colourful(&["demo", "--color", "never"], &[("CLICOLOR_FORCE", "1")]), (false, false));
    assert_eq!(colourful(&["--color=always", refused[0], refused[1]], &[]), (false, true));
    assert_eq!(colourful(&refused, &[]), (false, false));
    assert_eq!(colourful(&["demo"], &[("NO_COLOR", "1")]), (false, false));
    // Somebody who says so has the last word.
    assert_eq!(colourful(&["demo", "--color", "always"], &[("NO_COLOR", "1")]), (true, false));
    assert_eq!(colourful(&["demo", "--color", "always"], &[("TERM", "dumb")]), (true, false));
    // JSON has none, whatever is said.
    assert_eq!(colourful(&["demo", "--json", "--color", "always"], &[]), (false, false));
    assert_eq!(colourful(&["formats", "--json", "--color", "always"], &[]), (false, false));
}

const NASTY: &[(&[u8], &str)] = &[
    (b"plain \\ text", "plain \\ text"),
    ("grüß 日本 🦀".as_bytes(), "grüß 日本 🦀"),
    (b"\x1b[2J\x07\t\r\n\0\x7f", "\\x1b[2J\\x07\\x09\\x0d\\x0a\\x00\\x7f"),
    (
        "\u{9b}2J \u{202e}gnp.exe \u{2066}\u{61c}\u{200f}".as_bytes(),
        "\\u{9b}2J \\u{202e}gnp.exe \\u{2066}\\u{61c}\\u{200f}",
    ),
    (b"\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82"),
];

#[test]
fn what_a_peer_says_cannot_harm_a_terminal() {
    let stream: Vec<u8> = NASTY.iter().flat_map(|(bytes, _)| frame(bytes)).collect();
    let shown: String = NASTY.iter().map(|(_, shown)| format!("{shown}\n")).collect();
    let hexadecimal: String = NASTY.iter().map(|(bytes, _)| hex::encode(bytes) + "\n").collect();
    let raw: Vec<u8> = NASTY.iter().flat_map(|(bytes, _)| bytes.to_vec()).collect();

    run(["decode"], &stream).fine().prints(&shown);
    run(["decode", "--hex"], &stream).fine().prints(&hexadecimal);
    assert_eq!(run(["decode", "--raw"], &stream).fine().stdout, raw);
    let json = run(["decode", "--json"], &stream).fine();
    check_json(&json.text());

    let server = Server::start(&["echo"]);
    let call = |more: &[&str]| {
        let args = ["call", &server.address, "--send-hex"];
        run(args.iter().chain(more), hexadecimal.as_bytes()).fine()
    };
    assert_eq!(call(&[]).text(), shown);
    assert_eq!(call(&["--hex"]).text(), hexadecimal);
    assert_eq!(call(&["--raw"]).stdout, raw);
    check_json(&call(&["--json"]).text());
    server.stop();
}

/// The same content, and nothing in it that a terminal would obey.
fn check_json(text: &str) {
    assert!(
        text.chars().all(|c| c == '\n' || !(c.is_control() || "\u{202e}\u{2066}\u{61c}\u{200f}".contains(c))),
        "{text:?}"
    );
    assert_eq!(text.lines().count(), NASTY.len());
    for (line, (bytes, _)) in text.lines().zip(NASTY) {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        match std::str::from_utf8(bytes) {
            Ok(text) => assert_eq!(object["text"], text),
            Err(_) => assert_eq!(object["hex"], hex::encode(bytes)),
        }
    }
}

#[test]
fn a_character_that_a_large_frame_cuts_in_two_is_shown() {
    let text = "ü".repeat(100_000);
    for lead in ["", "x"] {
        let message = format!("{lead}{text}");
        assert!(run(["decode"], &frame(message.as_bytes())).fine().text() == message.clone() + "\n");
    }
}

#[test]
fn a_closed_standard_output_ends_quietly() {
    let server = Server::start(&["upper"]);
    let lines = seq(200_000);
    let stream: Vec<u8> = lines.lines().flat_map(|line| frame(line.as_bytes())).collect();
    let cases: &[(&[&str], &[u8], &str)] = &[
        (&["call", &server.address], lines.as_bytes(), "1"),
        (&["call", &server.address, "--json"], lines.as_bytes(), "{"),
        (&["call", &server.address, "--raw"], lines.as_bytes(), "1234"),
        (&["decode"], &stream, "1"),
        (&["decode", "--raw"], &stream, "1234"),
        (&["encode"], lines.as_bytes(), "\0\0\0"),
        (&["demo"], b"", "TCP"),
        (&["formats"], b"", "NAME"),
        (&["formats", "--json"], b"", "{"),
        (&["man"], b"", "."),
        (&["completions", "zsh"], b"", "#compdef"),
        (&["--help"], b"", "Messages"),
    ];
    for (args, stdin, beginning) in cases {
        let mut command = ringframe(*args);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        // As `| head -1` does: some bytes, then no more.
        let (reader, writer) = std::io::pipe().unwrap();
        command.stdout(writer);
        let process = Process::spawn_as_is(command);
        let head = std::thread::spawn(move || {
            let mut reader = BufReader::with_capacity(4096, reader);
            let n = reader.fill_buf().unwrap().len();
            String::from_utf8_lossy(&reader.buffer()[..n]).into_owned()
        });
        let done = process.finish(stdin);
        let head = head.join().unwrap();
        assert!(head.starts_with(beginning), "{args:?}: {:?}", head.get(..100));
        done.fine();
    }
    server.stop();
}

/// Closed before the start, which is not the same for the system.
#[test]
fn no_standard_output_at_all() {
    let server = Server::start(&["upper"]);
    for args in ["call ADDRESS a b", "demo", "formats --json"] {
        let line = format!("exec \"$0\" {} >&-", args.replace("ADDRESS", &server.address));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_ringframe")]).env("RUST_BACKTRACE", "0");
        Process::spawn(command).finish(b"").fine();
    }
    server.stop();
}

#[test]
fn a_server_in_json() {
    let server = Process::spawn(ringframe(["serve", "upper", "--json", "-v", "--listen", "127.0.0.1:0"]));
    let line = server.stdout.wait_for(1, &["listening"]);
    let first: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first.as_object().unwrap().len(), 1);
    let address = first["listening"].as_str().unwrap();
    let replies = run(["call", address, "--json", "a", "bc"], b"").fine().json();
    assert_eq!(replies[0]["text"], "A");
    assert_eq!(replies[1]["text"], "BC");
    assert_eq!(replies[1]["offset"], 5);
    assert_eq!(replies[1]["length"], 6);
    server.stdout.wait_for(1, &["\"peer\""]);
    server.signal(rustix::process::Signal::TERM);
    let done = server.finish(b"").code(0);
    let last = &done.json()[1];
    assert_eq!(last["end"], "closed");
    assert_eq!(last["frames"], 2);
    assert_eq!(last["bytes"], 11);
}

#[test]
fn verbose_and_quiet() {
    let server = Server::start(&["upper", "-v"]);
    let done = run(["call", &server.address, "-v", "a"], b"").code(0).prints("A\n");
    assert!(done.stderr.contains(&server.address), "{}", done.stderr);
    server.wait_for_end(1, "closed");
    server.stop();
    let server = Server::start(&["upper", "-q"]);
    run(["call", &server.address, "-q", "a"], b"").fine().prints("A\n");
    let done = run(["serve", "upper", "-q", "--listen", &server.address], b"").code(1);
    done.says(&["another program"]);
    assert_eq!(server.stop().stderr, "");
}

/// A reply with a `--header` of its own prints like any other.
#[test]
fn headers_go_out_and_come_back() {
    let peer = Peer::start(|mut peer| {
        let mut request = [0; 7];
        std::io::Read::read_exact(&mut peer, &mut request).unwrap();
        assert_eq!(&request, b"Q\0\0\0\x06hi");
        std::io::Write::write_all(&mut peer, b"Z\0\0\0\x05!").unwrap();
    });
    run(["call", &peer.address, "--wire", "offset=1,adjust=-4", "--header", "51", "hi"], b"")
        .fine()
        .prints("!\n");
    peer.join();
    // A server returns the request's own, with the length rewritten.
    for (service, reply) in
        [("upper", &b"Q\0\0\0\x06HI"[..]), ("echo", b"Q\0\0\0\x06hi"), ("reply", b"Q\0\0\0\x07you")]
    {
        let more: &[&str] = if service == "reply" { &["you"] } else { &[] };
        let args: Vec<_> = [&[service], more, &["--wire", "offset=1,adjust=-4"]].concat();
        let server = Server::start(&args);
        let mut client = server.connect();
        std::io::Write::write_all(&mut client, b"Q\0\0\0\x06hi").unwrap();
        let mut bytes = vec![0; reply.len()];
        std::io::Read::read_exact(&mut client, &mut bytes).unwrap();
        assert_eq!(bytes, reply, "{service}");
        server.stop();
    }
}
