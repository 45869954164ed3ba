//! `call`: where messages come from, how replies are printed, when it ends.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{Peer, Process, Server, file, frame, read_frame, ringframe, run, seq};

#[test]
fn ten_thousand_lines_in_order() {
    let server = Server::start(&["upper"]);
    let lines = seq(10_000).replace('\n', " line\n");
    let done = run(["call", &server.address], lines.as_bytes()).fine();
    assert!(done.text() == lines.to_uppercase());
    server.stop();
}

#[test]
fn the_two_commands_of_the_readme() {
    let server = Server::start(&["upper"]);
    run(["call", &server.address, "hello,server"], b"").fine().prints("HELLO,SERVER\n");
    server.stop();
}

#[test]
fn messages_from_everywhere() {
    let server = Server::start(&["upper"]);
    let call = |args: &[&str], stdin: &[u8]| {
        let done = run(["call", &server.address].iter().chain(args), stdin).fine();
        done.stdout
    };
    let path = file("message.bin", b"line 1\nline 2\n\xff");
    let at_path = format!("@{}", path.display());

    assert_eq!(call(&["a", "", "bc"], b"not read"), b"A\n\nBC\n");
    assert_eq!(call(&[], b"a\n\nbc"), b"A\n\nBC\n");
    assert_eq!(call(&[], b""), b"");
    assert_eq!(call(&[], b"\n"), b"\n");
    assert_eq!(call(&[&at_path, "--raw"], b""), b"LINE 1\nLINE 2\n\xff");
    assert_eq!(call(&[&at_path], b""), b"LINE 1\\x0aLINE 2\\x0a\\xff\n");
    assert_eq!(call(&["@-", "b", "--raw"], b"from\nhere"), b"FROM\nHEREB");
    assert_eq!(call(&["--send-hex", "6162", "", "Ff"], b""), b"AB\n\n\\xff\n");
    assert_eq!(call(&["--send-hex"], b"6162\n\n ff \r\n"), b"AB\n\n\\xff\n");
    assert_eq!(call(&["--hex", "ab", ""], b""), b"4142\n\n");
    assert_eq!(call(&["--raw", "a", "", "b"], b""), b"AB");
    assert_eq!(call(&["--", "-x", "--raw"], b""), b"-X\n--RAW\n");
    // Binary lines are messages as well.
    assert_eq!(call(&["--raw"], b"\0\xff\r\x1b\n\x80"), b"\0\xff\r\x1b\x80");
    server.stop();
}

#[test]
fn every_wire_format_between_call_and_serve() {
    for wire in [
        "u8",
        "u16be",
        "u16le",
        "u24be",
        "u24le",
        "u32be",
        "u32le",
        "u64be",
        "u64le",
        "varint",
        "width=3,header=9",
        "offset=1,adjust=-4",
        "width=2,endian=le,adjust=-2,header=4",
    ] {
        let server = Server::start(&["upper", "--wire", wire]);
        let long = "x".repeat(if wire == "u8" { 255 } else { 65_530 });
        let huge = "y".repeat(if wire.contains('8') || wire.contains("16") || wire.contains("=2") {
            0
        } else {
            300_000
        });
        let done =
            run(["call", &server.address, "--wire", wire], format!("hi\n\n{long}\n{huge}\n").as_bytes());
        assert!(done.fine().text() == format!("HI\n\n{long}\n{huge}\n").to_uppercase(), "{wire}");
        server.stop();
    }
}

#[test]
fn over_ipv6() {
    let server = Server::listen("[::1]:0", &["upper"]);
    assert!(server.address.starts_with("[::1]:"), "{}", server.address);
    run(["call", &server.address, "six"], b"").fine().prints("SIX\n");
    let port = server.address.rsplit_once(':').unwrap().1;
    let refused = format!("127.0.0.1:{port}");
    // `[::1]` is IPv6 alone. Another test may have that port of the other family.
    let done = run(["call", &refused, "--timeout", "5s", "x"], b"");
    assert!(done.code == 4 || done.code == 0, "{}", done.stderr);
    server.stop();
}

/// By default the sending direction stays open until the replies are there.
#[test]
fn half_close() {
    let eof_first = |early: bool| {
        Peer::start(move |mut peer| {
            assert_eq!(read_frame(&mut peer), b"a");
            if early {
                assert_eq!(peer.read(&mut [0]).unwrap(), 0, "the end comes before the reply");
            }
            peer.write_all(&frame(b"A")).unwrap();
            assert_eq!(peer.read(&mut [0]).unwrap(), 0);
            // More than was asked for is printed as well.
            peer.write_all(&frame(b"bye")).unwrap();
        })
    };
    let peer = eof_first(true);
    run(["call", &peer.address, "--half-close", "a"], b"").fine().prints("A\nbye\n");
    peer.join();
    let peer = eof_first(false);
    run(["call", &peer.address, "a"], b"").fine().prints("A\nbye\n");
    peer.join();
    let server = Server::start(&["upper"]);
    let lines = seq(1000);
    run(["call", &server.address, "--half-close"], lines.as_bytes()).fine().prints(&lines);
    server.stop();
}

/// `--replies 0` sends and is done, and a pause of whoever writes the messages is no silence of the peer.
#[test]
fn as_many_replies_as_are_wanted() {
    let (got, wait) = mpsc::channel();
    let peer = Peer::start(move |mut peer| {
        for message in [b"a", b"b"] {
            assert_eq!(read_frame(&mut peer), message);
            got.send(()).unwrap();
        }
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    let mut call = Process::spawn(ringframe(["call", &peer.address, "--replies", "0", "--timeout", "300ms"]));
    call.write(b"a\n");
    wait.recv().unwrap();
    // Longer than the time-out, which is for the peer alone.
    std::thread::sleep(Duration::from_millis(900));
    call.write(b"b\n");
    wait.recv().unwrap();
    call.finish(b"").fine().prints("");
    peer.join();

    let peer = Peer::start(move |mut peer| {
        read_frame(&mut peer);
        for reply in [b"1", b"2", b"3"] {
            peer.write_all(&frame(reply)).unwrap();
        }
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    run(["call", &peer.address, "--replies", "3", "a"], b"").fine().prints("1\n2\n3\n");
    peer.join();
}

#[test]
fn a_pause_in_the_input_is_no_timeout() {
    let server = Server::start(&["upper"]);
    let mut call = Process::spawn(ringframe(["call", &server.address, "--timeout", "1500ms"]));
    for (line, reply) in [(&b"a\n"[..], "A"), (b"b\nc", "B"), (b"c\n", "CC")] {
        call.write(line);
        // Each reply is shown as it comes, also while half a line waits for its rest.
        call.stdout.wait_for(1, &[reply]);
        std::thread::sleep(Duration::from_secs(2));
    }
    call.finish(b"d").fine().prints("A\nB\nCC\nD\n");
    server.stop();
}

/// One second after the last reply that was asked for, whatever else comes.
#[test]
fn a_peer_that_never_stops_talking() {
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        while peer.write_all(&frame(b"tick")).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let done = run(["call", &peer.address, "a"], b"").fine();
    assert!(done.text().lines().all(|line| line == "tick") && done.text().lines().count() > 1);
    peer.join();
    // Nor does one that leaves no pause.
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        let flood = frame(b"tick").repeat(1000);
        while peer.write_all(&flood).is_ok() {}
    });
    run(["call", &peer.address, "a"], b"").fine();
    peer.join();
}

/// One that keeps the connection open after its last reply is left after a second.
#[test]
fn a_peer_that_does_not_close() {
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"A")).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        // The client is gone only when even this direction fails.
        while peer.write_all(&[]).is_ok() && socket2::SockRef::from(&peer).take_error().unwrap().is_none() {
            if peer.write_all(&frame(b"")).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    run(["call", &peer.address, "a"], b"").fine();
    peer.join();
}

/// Replies to what arrived whole are no less good for a reset after the last of them.
#[test]
fn a_reset_after_everything() {
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"A")).unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        crate::support::reset(peer);
    });
    run(["call", &peer.address, "a"], b"").fine().prints("A\n");
    peer.join();
}

/// Whoever reads the output may take his time: that is no silence of the peer.
#[test]
fn an_output_that_is_read_late() {
    let server = Server::start(&["echo"]);
    let lines = format!("{}\n", "x".repeat(1000)).repeat(20_000);
    let mut command = ringframe(["call", &server.address, "--timeout", "2s"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdin(std::process::Stdio::piped()).stdout(writer).stderr(std::process::Stdio::piped());
    let call = Process::spawn_as_is(command);
    let printed = std::thread::spawn(move || {
        let mut printed = vec![0; 1000];
        reader.read_exact(&mut printed).unwrap();
        std::thread::sleep(Duration::from_secs(3));
        reader.read_to_end(&mut printed).unwrap();
        printed
    });
    call.finish(lines.as_bytes()).fine();
    assert!(printed.join().unwrap() == lines.as_bytes());
    server.stop();
}

/// The longest time that can be said is not longer than clocks count.
#[test]
fn times_without_end() {
    let server =
        Server::start(&["upper", "--idle", "580000000000years", "--frame-time", "580000000000years"]);
    run(["call", &server.address, "--timeout", "580000000000years", "a"], b"").fine().prints("A\n");
    server.stop();
}

#[test]
fn a_large_message_passes_both_ways() {
    let server = Server::start(&["upper"]);
    let mut content = vec![0; (8 << 20) - 4];
    fastrand::Rng::with_seed(2).fill(&mut content);
    let path = file("large.bin", &content);
    let done = run(["call", &server.address, &format!("@{}", path.display()), "--raw"], b"").fine();
    content.make_ascii_uppercase();
    assert!(done.stdout == content);
    content.push(0);
    std::fs::write(&path, &content).unwrap();
    let done = run(["call", &server.address, &format!("@{}", path.display())], b"").code(1);
    done.says(&["message 1", "8388609 bytes", "8388608"]);
    // The server has its own limit.
    let args = ["call", &server.address, &format!("@{}", path.display()), "--max-frame", "9MiB"];
    let done = run(args, b"").code(4);
    done.says(&["0 of 1"]);
    server.stop();
}
