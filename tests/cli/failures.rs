//! Everything that can be wrong: the exit code, a sentence with the cause and the numbers, and nothing lost
//! that had arrived before.

use std::io::{Read, Write};

use rustix::process::Signal;

use crate::support::{Peer, Process, Server, file, frame, nobody, read_frame, reset, ringframe, run, until};

#[test]
fn usage_is_2() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["bogus"], &["bogus"]),
        (&["demo", "--bogus"], &["--bogus"]),
        (&["serve", "upper", "--wire", "u33be"], &["u33be", "u32be", "varint", "offset=1"]),
        (&["serve", "upper", "--wire", "width=5"], &["1, 2, 3, 4, 8, varint, varint32 or varint_mqtt", "5"]),
        (&["serve", "upper", "--wire", "width=1,adjust=-300"], &["-300"]),
        (&["call", "[::1]:9", "--wire", "width=4,header=3"], &["impossible", "3 bytes"]),
        (&["decode", "--wire", "offset=1,offset=2"], &["twice"]),
        (&["encode", "--max-frame", "many"], &["many", "64KiB"]),
        (&["serve", "echo", "--max-frame", "3"], &["3", "header of 4 bytes"]),
        // A format may have no frame without a payload.
        (&["serve", "echo", "--wire", "amqp", "--max-frame", "7"], &["--max-frame 7", "8 bytes"]),
        (&["encode", "--max-frame=-5"], &["-5"]),
        (&["encode", "--header", "0g"], &["0g"]),
        (&["encode", "--header", "00"], &["1 bytes", "0 header bytes"]),
        (
            &["call", "127.0.0.1:9", "--wire", "offset=1,adjust=-4", "--header", "5151"],
            &["2 bytes", "1 header"],
        ),
        (&["call", "127.0.0.1"], &["127.0.0.1", "HOST:PORT"]),
        (&["call", "127.0.0.1:65536"], &["65536"]),
        (&["call", "::1:80"], &["[::1]:PORT"]),
        (&["call", "127.0.0.1:9", "--send-hex", "abc"], &["abc", "hexadecimal"]),
        (&["call", "127.0.0.1:9", "--timeout", "10"], &["10s"]),
        (&["call", "127.0.0.1:9", "--timeout", "0s"], &["more than nothing"]),
        (&["call", "127.0.0.1:9", "--replies", "-1"], &["-1"]),
        (&["call", "127.0.0.1:9", "--raw", "--hex"], &["--raw", "--hex"]),
        (&["serve", "upper", "--listen", "127.0.0.1:x"], &["127.0.0.1:x"]),
        (&["serve", "upper", "--max-connections", "0"], &["0"]),
        (&["serve", "upper", "--keepalive", "30s/10s"], &["IDLE/INTERVAL/COUNT"]),
        (&["serve", "upper", "--keepalive", "30s/10ms/3"], &["10ms"]),
        (&["-v", "-q", "demo"], &["--quiet"]),
        (&["--color", "sometimes", "demo"], &["sometimes", "always"]),
        (&["completions", "tcsh"], &["tcsh", "bash"]),
        (&["man", "nope"], &["nope"]),
    ];
    for (args, words) in cases {
        run(*args, b"").code(2).says(words).prints("");
    }
    for args in [&[][..], &["serve"], &["serve", "reply"]] {
        let done = run(args, b"").code(2).prints("");
        assert!(done.stderr.contains("Usage: ringframe"), "{}", done.stderr);
    }
}

#[test]
fn what_cannot_be_read_or_sent_is_1() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let at_folder = format!("@{folder}");
    let long = "x".repeat(300);
    let long_line = format!("a\n{long}\nb\n");
    let nowhere = format!("{}.invalid:80", "x".repeat(64));
    /// Arguments, standard input, words of the message, standard output.
    type Case<'a> = (&'a [&'a str], &'a [u8], &'a [&'a str], &'a str);
    let cases: &[Case<'_>] = &[
        (&["decode", "no-such-file"], b"", &["no-such-file", "No such file"], ""),
        (&["encode", "no-such-file"], b"", &["no-such-file", "No such file"], ""),
        (&["decode", folder], b"", &[folder, "directory"], ""),
        (&["encode", folder], b"", &[folder, "directory"], ""),
        (&["call", "127.0.0.1:9", "@no-such-file"], b"", &["no-such-file", "No such file"], ""),
        (&["call", "127.0.0.1:9", &at_folder], b"", &[folder, "directory"], ""),
        (&["call", ":80", "x"], b"", &[":80", "host"], ""),
        (&["call", &nowhere, "x"], b"", &[&nowhere, "host"], ""),
        (&["call", "127.0.0.1:9", "--wire", "u8", "a", &long], b"", &["message 2", "300 bytes"], ""),
        (
            &["call", "127.0.0.1:9", "--max-frame", "7", "abc", "abcd"],
            b"",
            &["message 2", "8 bytes", "is 7"],
            "",
        ),
        (&["serve", "reply", &long, "--wire", "u8"], b"", &["reply", "300 bytes"], ""),
        (&["serve", "reply", "four", "--max-frame", "7"], b"", &["reply", "8 bytes", "is 7"], ""),
        // The good lines before the bad one are not lost.
        (&["encode", "--hex"], b"6869\nzz\n", &["line 2", "'z'"], "\0\0\0\x02hi"),
        (&["encode", "--wire", "u8"], long_line.as_bytes(), &["line 2", "300 bytes"], "\x01a"),
        (&["encode", "--max-frame", "6"], b"hi\nyou\n", &["line 2", "7 bytes", "is 6"], "\0\0\0\x02hi"),
    ];
    for (args, stdin, words, stdout) in cases {
        run(*args, stdin).code(1).says(words).prints(stdout);
    }
}

/// Each stream has one good frame in front, which is printed.
#[test]
fn frames_that_cannot_be_are_5() {
    let cases: &[(&[&str], &[u8], &[&str])] = &[
        (&["--wire", "adjust=-4"], b"\0\0\0\x05a\0\0\0\x03", &["offset 5", "length field is 3", "4 bytes"]),
        (
            &["--wire", "u64be"],
            b"\0\0\0\0\0\0\0\x01a\xff\xff\xff\xff\xff\xff\xff\xff",
            &["offset 9", "18446744073709551615", "64 bits"],
        ),
        (&["--wire", "varint"], b"\x01a\x80\0", &["offset 2", "varint", "2 bytes"]),
        (
            &["--wire", "varint"],
            b"\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            &["offset 2", "10 bytes"],
        ),
        (&["--wire", "varint"], b"\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", &["offset 2", "varint"]),
        (&["--max-frame", "1KiB"], b"\0\0\0\x01a\0\x01\0\0", &["offset 5", "65540", "1024"]),
        (&[], b"\0\0\0\x01a\0\0", &["offset 5", "inside a frame", "2 bytes of at least 4"]),
        (&[], b"\0\0\0\x01a\0\0\0\x05he", &["offset 5", "inside a frame", "6 bytes of at least 9"]),
        (&["--wire", "u8"], b"\x01a\x05he", &["offset 2", "inside a frame", "3 bytes of at least 6"]),
    ];
    for (args, stream, words) in cases {
        let decode = || ["decode"].iter().chain(*args);
        run(decode(), stream).code(5).says(words).prints("a\n");
        run(decode().chain(&["--hex"]), stream).code(5).prints("61\n");
        let json = run(decode().chain(&["--json"]), stream).code(5).json();
        assert_eq!(json.len(), 1);

        // The same from a peer, which does not wait for what we would say.
        let bytes = stream.to_vec();
        let peer = Peer::start(move |mut peer| {
            peer.write_all(&bytes).unwrap();
            peer.shutdown(std::net::Shutdown::Write).unwrap();
            let _ = peer.read_to_end(&mut Vec::new());
        });
        let call = ["call", &peer.address, "x", "y"];
        // The numbers of the sentence, not its place, which is another here.
        run(call.iter().chain(*args), b"").code(5).says(&words[1..]).says(&["reply 2"]).prints("a\n");
        peer.join();
    }
}

#[test]
fn the_same_of_a_frame_larger_than_the_ring() {
    let mut stream = frame(b"a");
    stream.extend_from_slice(&frame(&[b'b'; 100_000])[..70_000]);
    let done = run(["decode"], &stream).code(5).says(&["offset 5", "inside a frame", "30004 bytes"]);
    assert_eq!(done.stdout, [b"a\n", &[b'b'; 69_996][..]].concat());
    let peer = Peer::start(move |mut peer| {
        // All of it, since closing with unread input would be a reset.
        assert_eq!([read_frame(&mut peer), read_frame(&mut peer)], [b"x", b"y"]);
        peer.write_all(&stream).unwrap();
    });
    let done = run(["call", &peer.address, "x", "y"], b"").code(5).says(&["reply 2", "30004 bytes"]);
    assert_eq!(done.stdout, [b"a\n", &[b'b'; 69_996][..]].concat());
    peer.join();
}

#[test]
fn no_server_is_4() {
    let address = nobody();
    run(["call", &address, "x"], b"").code(4).says(&[&address, "refused"]).prints("");
    // Also when there are lines to read.
    run(["call", &address], b"x\n").code(4).says(&[&address, "refused"]).prints("");
}

#[test]
fn a_peer_that_hangs_up_between_frames_is_4() {
    let answer_one = |mut peer: std::net::TcpStream| {
        for _ in 0..3 {
            read_frame(&mut peer);
        }
        peer.write_all(&frame(b"one")).unwrap();
    };
    let peer = Peer::start(answer_one);
    run(["call", &peer.address, "a", "b", "c"], b"").code(4).says(&["closed", "1 of 3"]).prints("one\n");
    peer.join();
    let peer = Peer::start(answer_one);
    run(["call", &peer.address, "a", "b", "c", "--half-close"], b"")
        .code(4)
        .says(&["1 of 3"])
        .prints("one\n");
    peer.join();
    let peer = Peer::start(answer_one);
    run(["call", &peer.address], b"a\nb\nc\n").code(4).says(&["closed", "1 of 3"]).prints("one\n");
    peer.join();
    let peer = Peer::start(answer_one);
    run(["call", &peer.address, "a", "b", "c", "--replies", "2"], b"").code(4).says(&["1 of 2"]);
    peer.join();
    let peer = Peer::start(answer_one);
    run(["call", &peer.address, "a", "b", "c", "--replies", "1"], b"").fine().prints("one\n");
    peer.join();
}

/// What was not sent is not done, although each message that was sent has its reply.
#[test]
fn a_peer_that_hangs_up_before_the_last_line_is_4() {
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"one")).unwrap();
    });
    let mut call = Process::spawn(ringframe(["call", &peer.address]));
    call.write(b"a\n");
    peer.join();
    // The input stays open: there may be more.
    let stdin = call.stdin.take();
    call.finish(b"").code(4).says(&["closed", "1 of 1", "not every message"]).prints("one\n");
    drop(stdin);
}

#[test]
fn a_reset_is_4() {
    let peer = Peer::start(|mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"one")).unwrap();
        // Only once the reply is printed: a reset may overtake it.
        assert_eq!(read_frame(&mut peer), b"b");
        reset(peer);
    });
    let mut call = Process::spawn(ringframe(["call", &peer.address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["one"]);
    call.write(b"b\n");
    call.finish(b"").code(4).says(&["1 of 2", "reset"]).prints("one\n");
    peer.join();
}

/// Whether the write or the read notices first: the same exit code, and the numbers.
#[test]
fn a_reset_under_load_is_4() {
    for _ in 0..5 {
        let peer = Peer::start(|mut peer| {
            read_frame(&mut peer);
            reset(peer);
        });
        let done = run(["call", &peer.address], seq_of_long_lines().as_bytes()).code(4);
        done.says(&["0 of ", "replies came"]).prints("");
        peer.join();
    }
}

fn seq_of_long_lines() -> String {
    format!("{}\n", "x".repeat(1000)).repeat(20_000)
}

#[test]
fn a_silent_peer_is_4() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |mut peer| {
        read_frame(&mut peer);
        peer.write_all(&frame(b"one")).unwrap();
        let _ = stopped.recv();
    });
    let call = ["call", &peer.address, "a", "b", "c", "--timeout", "2500ms"];
    run(call, b"").code(4).says(&[&peer.address, "2s 500ms", "1 of 3"]).prints("one\n");
    drop(stop);
    peer.join();
}

/// Neither does one that takes nothing keep us for ever, nor as much as we have in memory.
#[test]
fn a_peer_that_reads_nothing_is_4() {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |_peer| {
        let _ = stopped.recv();
    });
    let input = format!("{}\n", "x".repeat(4_000_000)).repeat(40);
    let call = Process::spawn(ringframe(["call", &peer.address, "--timeout", "2s"]));
    let pid = call.pid();
    let (done, memory) = std::thread::scope(|scope| {
        let done = scope.spawn(move || call.finish(input.as_bytes()));
        let mut memory = 0;
        until("the end", || {
            memory = crate::serve::peak_memory(pid).unwrap_or(0).max(memory);
            done.is_finished().then_some(())
        });
        (done.join().unwrap(), memory)
    });
    done.code(4).says(&["no progress for 2s", "0 of "]).prints("");
    assert!(memory < 64 << 20, "{memory} bytes");
    drop(stop);
    peer.join();
}

#[test]
fn policy_is_6() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        run(["serve", "upper", "--listen", address], b"").code(6).says(&[address, "--expose"]).prints("");
    }
    let server = Server::listen("0.0.0.0:0", &["upper", "--expose"]);
    let port = server.address.rsplit_once(':').unwrap().1;
    run(["call", &format!("127.0.0.1:{port}"), "x"], b"").fine().prints("X\n");
    server.stop();
}

#[test]
fn a_port_in_use_is_1() {
    let server = Server::start(&["upper"]);
    let second = run(["serve", "upper", "--listen", &server.address], b"").code(1).prints("");
    second.says(&[&server.address, "another program", "--listen"]);
    run(["call", &server.address, "x"], b"").fine().prints("X\n");
    server.stop();
}

#[test]
fn a_line_longer_than_any_message_is_not_kept_in_memory() {
    let server = Server::start(&["upper"]);
    // 40 MB without a line end; nobody reads beyond what can be a message.
    let input = [b"good\n", &vec![b'x'; 40_000_000][..]].concat();
    let done = run(["call", &server.address], &input).code(1).says(&["line 2", "more than", "--max-frame"]);
    done.prints("GOOD\n");
    let done = run(["encode", "--max-frame", "1MiB"], &input).code(1).says(&["line 2", "more than"]);
    assert_eq!(done.stdout, frame(b"good"));
    let line = "x".repeat(9_000_000);
    run(["encode", "--max-frame", "8.99MB"], line.as_bytes()).code(1).says(&["9000004 bytes"]).prints("");
    server.stop();
}

/// The messages before a bad one are sent, and their replies come.
#[test]
fn a_bad_line_does_not_lose_the_good_ones() {
    let server = Server::start(&["upper"]);
    let call = ["call", &server.address, "--send-hex"];
    run(call, b"6161\n6262\nxx\n6464\n").code(1).says(&["line 3", "hexadecimal"]).prints("AA\nBB\n");
    let call = ["call", &server.address, "--max-frame", "7"];
    run(call, b"a\nbb\nccccc\nd\n").code(1).says(&["message 3", "9 bytes", "is 7"]).prints("A\nBB\n");
    server.stop();
}

#[test]
fn standard_output_that_is_full_is_1() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let stream = frame(b"hello");
    let path = file("full.frames", &stream);
    let server = Server::start(&["upper"]);
    let path = path.to_str().unwrap();
    for args in [
        &["demo"][..],
        &["formats"],
        &["man"],
        &["completions", "bash"],
        &["decode", path],
        &["encode", path],
        &["call", &server.address, "x"],
    ] {
        let mut command = ringframe(args);
        command.stdin(std::process::Stdio::null()).stdout(full()).stderr(std::process::Stdio::piped());
        Process::spawn_as_is(command).finish(b"").code(1).says(&["standard output"]);
    }
    server.stop();
}

#[test]
fn interrupted_is_130() {
    let server = Server::start(&["upper"]);
    let mut call = Process::spawn(ringframe(["call", &server.address]));
    call.write(b"a\n");
    call.stdout.wait_for(1, &["A"]);
    call.signal(Signal::INT);
    let stdin = call.stdin.take();
    let done = call.finish(b"").code(130).prints("A\n");
    assert_eq!(done.stderr, "");
    drop(stdin);
    server.stop();
}
