//! `--udp`: a message a datagram.

use std::io::{self, Read};
use std::net::UdpSocket;
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::Signal;

use crate::serve::{descriptors, peak_memory};
use crate::support::{DEADLINE, Process, Server, file, own_address, ringframe, run, seq, until};

/// The largest message over IPv4, bytes.
const LARGEST: usize = 1472;

/// A socket in this process.
fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// A server in this process that does what it is told, and its address.
fn peer(converse: impl FnOnce(UdpSocket) + Send + 'static) -> (String, JoinHandle<()>) {
    let socket = socket("127.0.0.1:0");
    let address = socket.local_addr().unwrap().to_string();
    (address, thread::spawn(move || converse(socket)))
}

/// Answers the next datagram with each of these, and returns it.
fn answer(socket: &UdpSocket, answers: &[&[u8]]) -> Vec<u8> {
    let mut buffer = [0; 65536];
    let (n, from) = socket.recv_from(&mut buffer).unwrap();
    for answer in answers {
        socket.send_to(answer, from).unwrap();
    }
    buffer[..n].to_vec()
}

#[track_caller]
fn has_nothing(socket: &UdpSocket) {
    socket.set_nonblocking(true).unwrap();
    let error = socket.recv(&mut [0; 9]).expect_err("a datagram came");
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    socket.set_nonblocking(false).unwrap();
}

/// A question to the server that has an answer within a few attempts: among many others, one can get lost.
fn ask(server: &Server, question: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.connect(&server.address).unwrap();
    until("an answer", || {
        socket.send(question).unwrap();
        let mut buffer = [0; 64];
        socket.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec())
    })
}

#[test]
fn each_service_answers_in_its_way() {
    for (args, shown) in [
        (&["upper"][..], "HELLO,SERVER\n\nGRüß 1\n"),
        (&["echo"], "hello,server\n\ngrüß 1\n"),
        (&["reply", "at your service"], "at your service\nat your service\nat your service\n"),
        (&["reply", ""], "\n\n\n"),
    ] {
        let server = Server::start(&[args, &["--udp", "-v"]].concat());
        run(["call", "--udp", &server.address, "hello,server", "", "grüß 1"], b"").fine().prints(shown);
        run(["call", "--udp", &server.address], "hello,server\n\ngrüß 1\n".as_bytes()).fine().prints(shown);
        let done = server.stop();
        assert_eq!(done.text().lines().count(), 1, "{}", done.text());
        assert_eq!(done.stderr, "6 datagrams, 40 bytes, 6 answered\n");
    }
}

#[test]
fn a_datagram_holds_the_message_and_nothing_else() {
    let (address, thread) = peer(|socket| {
        for message in [&b"hello"[..], b"", b"\0\xff\n", &[7; LARGEST]] {
            assert_eq!(answer(&socket, &[b"ok"]), message);
        }
        has_nothing(&socket);
    });
    let largest = file("largest-datagram.bin", &[7; LARGEST]);
    let messages = ["68656c6c6f", "", "00ff0a", &format!("@{}", largest.display())];
    let call = ["call", "--udp", "--send-hex", &address].into_iter().chain(messages);
    run(call, b"").fine().prints("ok\nok\nok\nok\n");
    thread.join().unwrap();
}

#[test]
fn replies_are_shown_in_every_way() {
    let server = Server::start(&["echo", "--udp"]);
    let call = |more: &[&str], stdin: &[u8]| {
        run(["call", "--udp", &server.address].iter().chain(more), stdin).fine().text()
    };
    assert_eq!(call(&["--send-hex", "1b5b324a", "e280ae"], b""), "\\x1b[2J\n\\u{202e}\n");
    assert_eq!(call(&["--hex"], b"hi\n\n"), "6869\n\n");
    assert_eq!(call(&["--raw", "one", "", "two"], b""), "onetwo");
    assert_eq!(call(&["--send-hex"], b"6869\n\n"), "hi\n\n");
    assert_eq!(call(&["@-"], b"two\nlines"), "two\\x0alines\n");
    let json = run(["call", "--udp", "--json", &server.address, "--send-hex", "6869", "", "ff"], b"").fine();
    let json = json.json();
    assert_eq!(json.len(), 3);
    assert_eq!((&json[0]["index"], &json[0]["payload_length"]), (&0.into(), &2.into()));
    assert_eq!((&json[0]["header_length"], &json[0]["text"]), (&0.into(), &"hi".into()));
    assert_eq!((&json[1]["length"], &json[1]["text"]), (&0.into(), &"".into()));
    assert_eq!((&json[2]["index"], &json[2]["hex"]), (&2.into(), &"ff".into()));
    server.stop();
}

#[test]
fn a_thousand_lines_and_many_clients() {
    let server = Server::start(&["upper", "--udp", "-v"]);
    thread::scope(|scope| {
        for client in 0..8 {
            let address = &server.address;
            scope.spawn(move || {
                let lines = seq(1000).replace('\n', &format!(" of client {client}\n"));
                let done = run(["call", "--udp", address, "--timeout", "60s"], lines.as_bytes()).fine();
                assert!(done.text() == lines.to_uppercase(), "client {client}");
            });
        }
    });
    assert!(server.stop().stderr.starts_with("8000 datagrams, "));
}

/// `--listen` and the limit of IPv6, whose header is 20 bytes longer.
#[test]
fn the_largest_message_and_one_byte_more() {
    for (listen, largest) in [("127.0.0.1:0", LARGEST), ("[::1]:0", 1452)] {
        if UdpSocket::bind(listen).is_err() {
            assert!(listen.starts_with('['), "this machine has no loopback");
            continue;
        }
        let server = Server::listen(listen, &["echo", "--udp", "-v"]);
        let fits = "x".repeat(largest);
        let call = |messages: &[&str], stdin: &str| {
            run(["call", "--udp", &server.address].iter().chain(messages), stdin.as_bytes())
        };
        call(&[&fits], "").fine().prints(&format!("{fits}\n"));
        let (over, limit) = (format!("{fits}x"), format!("{largest} "));
        let size = format!("{} bytes", largest + 1);
        // Nothing is sent, not even the good message before it.
        call(&["a", &over], "").code(2).says(&["message 2", &size, &limit]).prints("");
        let at_file = file(&format!("over-{largest}.bin"), over.as_bytes());
        let at_file = format!("@{}", at_file.display());
        call(&["a", &at_file], "").code(2).says(&[&at_file[1..], "more than", &limit]).prints("");
        call(&["a", "@-"], &over).code(2).says(&["more than", &limit]).prints("");
        // Of lines the good ones are gone by then.
        call(&[], &format!("a\n{over}\nb\n")).code(2).says(&["message 2", &size, &limit]).prints("a\n");
        let long = "x".repeat(1 << 20);
        call(&[], &format!("a\n{long}\nb\n")).code(2).says(&["line 2", "more than", &limit]).prints("a\n");
        let done = server.stop();
        assert_eq!(done.stderr, format!("3 datagrams, {} bytes, 3 answered\n", largest + 2));
    }
}

#[test]
fn what_makes_no_sense_with_datagrams_is_2() {
    for option in [
        &["--wire", "u16be"][..],
        &["--max-frame", "1KiB"],
        &["--header", "00"],
        &["--replies", "2"],
        &["--half-close"],
    ] {
        let args = ["call", "127.0.0.1:9", "x", "--udp"].iter().chain(option);
        run(args, b"").code(2).says(&["--udp", "cannot be used with", option[0]]).prints("");
    }
    for option in [
        ["--wire", "u16be"],
        ["--max-frame", "1KiB"],
        ["--max-connections", "5"],
        ["--max-per-address", "5"],
        ["--idle", "5s"],
        ["--frame-time", "5s"],
        ["--write-time", "5s"],
        ["--keepalive", "off"],
        ["--backlog", "5"],
    ] {
        for service in [&["upper"][..], &["echo"], &["reply", "x"]] {
            let args = [&["serve"], service, &["--udp"], &option[..]].concat();
            run(args, b"").code(2).says(&["--udp", "cannot be used with", option[0]]).prints("");
        }
    }
    for (args, words) in [
        (&["call", "--udp", "127.0.0.1"][..], &["HOST:PORT"][..]),
        (&["call", "--udp", "127.0.0.1:9", "--send-hex", "abc"], &["abc", "hexadecimal"]),
        (&["call", "--udp", "127.0.0.1:9", "--raw", "--hex", "x"], &["--raw"]),
        (&["serve", "echo", "--udp", "--listen", "x"], &["HOST:PORT"]),
    ] {
        run(args, b"").code(2).says(words).prints("");
    }
}

#[test]
fn a_server_that_cannot_start() {
    let over = "x".repeat(LARGEST + 1);
    run(["serve", "reply", &over, "--udp", "--listen", "127.0.0.1:0"], b"")
        .code(2)
        .says(&["reply", "1473 bytes", "1472"])
        .prints("");
    Server::start(&["reply", &over[1..], "--udp"]).stop();
    for listen in ["0.0.0.0:0", "[::]:0"] {
        run(["serve", "echo", "--udp", "--listen", listen], b"")
            .code(6)
            .says(&[listen, "--expose"])
            .prints("");
    }
    // Not of 127.0.0.1, where another test may have the port of TCP with this number.
    let taken = socket("127.0.0.2:0");
    let address = taken.local_addr().unwrap().to_string();
    run(["serve", "echo", "--udp", "--listen", &address], b"")
        .code(1)
        .says(&[&address, "another program", "--listen"])
        .prints("");
    // The same port is free for TCP: these are different ports.
    let server = Server::listen(&address, &["echo"]);
    run(["call", &server.address, "hi"], b"").fine().prints("hi\n");
    server.stop();
}

#[test]
fn one_message_at_a_time() {
    let (address, thread) = peer(|socket| {
        for message in [b"a", b"b", b"c"] {
            let (n, from) = socket.recv_from(&mut [0; 9]).unwrap();
            assert_eq!(n, message.len());
            // Time for the next to come, which it must not.
            thread::sleep(Duration::from_millis(100));
            has_nothing(&socket);
            socket.send_to(message, from).unwrap();
        }
    });
    run(["call", "--udp", &address, "a", "b", "c"], b"").fine().prints("a\nb\nc\n");
    thread.join().unwrap();
}

#[test]
fn a_silent_peer_is_4_and_nothing_is_sent_again() {
    let (address, thread) = peer(|socket| {
        assert_eq!(answer(&socket, &[b"one"]), b"a");
        assert_eq!(answer(&socket, &[]), b"b");
        socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        assert_eq!(socket.recv(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    });
    run(["call", "--udp", &address, "a", "b", "c"], b"")
        .code(4)
        .says(&[&address, "within 2s", "1 of 3", "lost"])
        .prints("one\n");
    thread.join().unwrap();
    let (address, thread) = peer(|socket| assert_eq!(answer(&socket, &[]), b"a"));
    run(["call", "--udp", &address, "--timeout", "100ms"], b"a\nb\n")
        .code(4)
        .says(&["within 100ms", "0 of 1"])
        .prints("");
    thread.join().unwrap();
}

#[test]
fn nobody_there_is_4() {
    // A port that was free a moment ago; the system says so by ICMP.
    let address = socket("127.0.0.2:0").local_addr().unwrap().to_string();
    for stdin in [&b""[..], b"x\ny\n"] {
        let messages: &[&str] = if stdin.is_empty() { &["x"] } else { &[] };
        run(["call", "--udp", &address].iter().chain(messages), stdin)
            .code(4)
            .says(&[&address, "--udp", "0 of 1"])
            .prints("");
    }
    // A server that ends between two messages.
    let (address, thread) = peer(|socket| assert_eq!(answer(&socket, &[b"one"]), b"a"));
    let mut call = Process::spawn(ringframe(["call", "--udp", &address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["one"]);
    thread.join().unwrap();
    call.finish(b"b\n").code(4).says(&["1 of 2"]).prints("one\n");
}

/// What nobody asked for is shown as well, and is no answer.
#[test]
fn more_datagrams_than_messages() {
    let (go, wait) = std::sync::mpsc::channel();
    let (address, thread) = peer(move |socket| {
        assert_eq!(answer(&socket, &[b"one", b"one again"]), b"a");
        wait.recv().unwrap();
        assert_eq!(answer(&socket, &[b"two"]), b"b");
    });
    let mut call = Process::spawn(ringframe(["call", "--udp", "-v", &address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["one again"]);
    call.stderr.wait_for(1, &["9 bytes that answer nothing"]);
    go.send(()).unwrap();
    call.finish(b"b\n").code(0).prints("one\none again\ntwo\n");
    thread.join().unwrap();
}

/// Larger than what we would send: it came in fragments, and is shown whole.
#[test]
fn the_largest_reply_there_is() {
    const LARGEST_EVER: usize = 65_507;
    let (address, thread) = peer(|socket| {
        answer(&socket, &[&[b'x'; LARGEST_EVER]]);
    });
    let done = run(["call", "--udp", &address, "x", "--raw"], b"").fine();
    assert!(done.stdout == [b'x'; LARGEST_EVER], "{} bytes", done.stdout.len());
    thread.join().unwrap();
}

/// Neither cut nor answered, and the next one is.
#[test]
fn datagrams_larger_than_a_message() {
    let server = Server::start(&["echo", "--udp", "-v"]);
    let client = socket("127.0.0.1:0");
    client.connect(&server.address).unwrap();
    for n in [LARGEST + 1, 9_000, 65_507] {
        client.send(&vec![b'x'; n]).unwrap();
    }
    client.send(b"after").unwrap();
    let mut buffer = [0; 65536];
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    assert_eq!(&buffer[..5], b"after");
    let done = server.stop();
    assert_eq!(done.stderr, "4 datagrams, 75985 bytes, 1 answered, 3 of more than 1472 bytes\n");
}

/// Clients that are gone when the answer comes: the system says so by ICMP.
#[test]
fn clients_that_are_gone_do_not_stop_a_server() {
    let server = Server::start(&["upper", "--udp", "-v"]);
    let open = descriptors(server.process.pid());
    for _ in 0..500 {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.send_to(b"bye", &server.address).unwrap();
    }
    assert_eq!(ask(&server, b"still there"), b"STILL THERE");
    assert_eq!(descriptors(server.process.pid()), open);
    let done = server.stop();
    assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains(" datagrams, "), "{}", done.stderr);
}

/// Nothing is kept for a client.
#[test]
fn a_flood_from_many_ports_takes_no_memory() {
    let server = Server::start(&["echo", "--udp"]);
    for _ in 0..20 {
        let clients: Vec<_> = (0..200).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        for _ in 0..10 {
            for client in &clients {
                client.send_to(&[b'x'; LARGEST], &server.address).unwrap();
            }
        }
        assert_eq!(ask(&server, b"still there"), b"still there");
    }
    let memory = peak_memory(server.process.pid()).expect("this system has /proc");
    assert!(memory < 20 << 20, "{memory} bytes");
    server.stop();
}

/// To an address of this machine that others could have as well, no answer is larger than its question.
#[test]
fn no_amplifier() {
    // No network: `nobody_is_made_to_attack_another` has the rule.
    let Some(ip) = own_address() else { return };
    let server = Server::listen(&format!("{ip}:0"), &["reply", "five+", "--udp", "--expose", "-vv"]);
    let client = socket(&format!("{ip}:0"));
    client.connect(&server.address).unwrap();
    for question in [&b""[..], b"four", b"five+"] {
        client.send(question).unwrap();
    }
    let mut buffer = [0; 64];
    assert_eq!(client.recv(&mut buffer).unwrap(), 5);
    server.process.stderr.wait_for(2, &["not answered: the answer would be larger"]);
    has_nothing(&client);
    let done = server.stop();
    assert!(
        done.stderr.ends_with("3 datagrams, 9 bytes, 1 answered, 2 smaller than their answer\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn an_orderly_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let args = ["serve", "echo", "--udp", "--listen", "127.0.0.1:0", "--json", "-v"];
        let process = Process::spawn(ringframe(args));
        let line = process.stdout.wait_for(1, &["listening"]);
        let first: serde_json::Value = serde_json::from_str(&line).unwrap();
        let client = socket("127.0.0.1:0");
        client.send_to(b"hi", first["listening"].as_str().unwrap()).unwrap();
        assert_eq!(client.recv(&mut [0; 9]).unwrap(), 2);
        process.signal(signal);
        let json = process.finish(b"").fine().json();
        assert_eq!(json.len(), 2);
        assert_eq!(json[1]["datagrams"], 1);
        assert_eq!((&json[1]["bytes"], &json[1]["answered"]), (&2.into(), &1.into()));
    }
    let (address, thread) = peer(|socket| assert_eq!(answer(&socket, &[]), b"a"));
    let call = Process::spawn(ringframe(["call", "--udp", &address, "a", "--timeout", "5min"]));
    thread.join().unwrap();
    call.signal(Signal::INT);
    call.finish(b"").code(130).prints("");
}

#[test]
fn a_closed_standard_output_ends_it_quietly() {
    let server = Server::start(&["echo", "--udp"]);
    let mut command = ringframe(["call", "--udp", &server.address]);
    let (mut reader, writer) = io::pipe().unwrap();
    command.stdin(Stdio::piped()).stdout(writer).stderr(Stdio::piped());
    let mut call = Process::spawn_as_is(command);
    call.write(b"x\n");
    reader.read_exact(&mut [0; 2]).unwrap();
    drop(reader);
    call.finish(b"y\nz\n").fine();
    server.stop();
}
