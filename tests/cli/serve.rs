//! `serve` under honest load: many clients, any chunking, any length, and an orderly end.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::thread;

use ringframe::{Format, formats};
use ringframe_io::std::{Reader, Writer};
use rustix::process::Signal;

use crate::support::{Process, Server, file, frame, read_frame, ringframe, run, seq, until};

/// The most memory that a process ever had, bytes.
pub(crate) fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// How many files a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).expect("this system has /proc").count()
}

#[test]
fn thirty_two_clients_at_once() {
    let server = Server::start(&["upper", "-v"]);
    thread::scope(|scope| {
        for client in 0..32 {
            let address = &server.address;
            scope.spawn(move || {
                let lines = seq(500).replace('\n', &format!(" of client {client}\n"));
                let done = run(["call", address], lines.as_bytes()).fine();
                assert!(done.text() == lines.to_uppercase(), "client {client}");
            });
        }
    });
    server.wait_for_end(32, "closed");
    let done = server.stop();
    assert_eq!(done.stderr.matches(": 500 frames, ").count(), 32, "{}", done.stderr);
}

#[test]
fn a_half_closed_client_gets_all_its_replies() {
    let server = Server::start(&["upper", "-v"]);
    let mut client = server.connect();
    client.write_all(&[frame(b"one"), frame(b""), frame(&[b'x'; 200_000]), frame(b"two")].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    for reply in [&b"ONE"[..], b"", &[b'X'; 200_000], b"TWO"] {
        assert!(read_frame(&mut client) == reply);
    }
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.wait_for_end(1, "closed");
    let done = server.stop();
    assert!(done.stderr.contains(": 4 frames, 200022 bytes, closed\n"), "{}", done.stderr);
}

#[test]
fn one_byte_writes() {
    let server = Server::start(&["upper"]);
    let client = server.connect();
    let mut reader = client.try_clone().unwrap();
    let payloads: Vec<Vec<u8>> = (0..40).map(|n| vec![b'a' + (n % 26) as u8; n]).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for byte in payloads.iter().flat_map(|payload| frame(payload)) {
                (&client).write_all(&[byte]).unwrap();
            }
        });
        for payload in &payloads {
            assert_eq!(read_frame(&mut reader), payload.to_ascii_uppercase());
        }
    });
    server.stop();
}

#[test]
fn each_service_answers_in_its_way() {
    for (args, small, large) in [
        (&["upper"][..], &b"HI 1"[..], b'X'),
        (&["echo"], b"hi 1", b'x'),
        (&["reply", "grüß dich"], "grüß dich".as_bytes(), 0),
    ] {
        let server = Server::start(args);
        let mut client = server.connect();
        for _ in 0..3 {
            client.write_all(&frame(b"hi 1")).unwrap();
            assert_eq!(read_frame(&mut client), small);
        }
        // Larger than a connection's memory.
        for n in [65_531, 65_532, 65_533, 65_536, 65_537, 1_000_000] {
            let mut writer = client.try_clone().unwrap();
            let sending = thread::spawn(move || writer.write_all(&frame(&vec![b'x'; n])).unwrap());
            let reply = read_frame(&mut client);
            if large == 0 {
                assert_eq!(reply, small);
            } else {
                assert!(reply == vec![large; n]);
            }
            sending.join().unwrap();
        }
        client.write_all(&frame(b"hi 1")).unwrap();
        assert_eq!(read_frame(&mut client), small);
        server.stop();
    }
}

/// Random contents, lengths from 0 to 64 KiB, and many of those where something changes.
#[test]
fn ten_thousand_messages_byte_for_byte() {
    const EDGES: [usize; 12] = [0, 1, 2, 3, 4, 5, 65_531, 65_532, 65_533, 65_534, 65_535, 65_536];
    let messages = || {
        let mut random = fastrand::Rng::with_seed(3);
        (0..10_000).map(move |i| {
            let n = match i % 50 {
                0 => EDGES[i / 50 % EDGES.len()],
                // Short ones more often than long ones, which are fewer but most of the bytes.
                _ => random.usize(..=65_536) >> random.u32(..12),
            };
            let mut message = vec![0; n];
            random.fill(&mut message);
            message
        })
    };
    let server = Server::start(&["echo"]);
    let stream = server.connect();
    let mut reader = Reader::with_capacity(stream.try_clone().unwrap(), formats::U32_BE, 66_000).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Some are larger than its store.
            let format = formats::U32_BE.with_limit(66_000);
            let mut writer = Writer::with_capacity(&stream, format, 4096).unwrap();
            for message in messages() {
                writer.push(&message).unwrap();
            }
            writer.flush().unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        });
        for (i, message) in messages().enumerate() {
            let frame = reader.next_frame().unwrap().unwrap_or_else(|| panic!("message {i} did not come"));
            assert!(frame.payload() == message, "message {i} of {} bytes", message.len());
        }
        assert!(reader.next_frame().unwrap().is_none());
    });
    server.stop();
}

/// Frames of 8 MiB, four clients at a time, through 128 KiB of memory each.
#[test]
fn large_frames_take_no_memory() {
    for service in ["echo", "upper"] {
        let server = Server::start(&[service]);
        thread::scope(|scope| {
            for seed in 0..4 {
                let client = server.connect();
                scope.spawn(move || {
                    let mut content = vec![0; (8 << 20) - 4];
                    fastrand::Rng::with_seed(seed).fill(&mut content);
                    let mut writer = client.try_clone().unwrap();
                    let request = frame(&content);
                    let sending = thread::spawn(move || writer.write_all(&request.repeat(2)).unwrap());
                    if service == "upper" {
                        content.make_ascii_uppercase();
                    }
                    for _ in 0..2 {
                        assert!(read_frame(&mut &client) == content);
                    }
                    sending.join().unwrap();
                });
            }
        });
        let memory = peak_memory(server.process.pid()).expect("this system has /proc");
        assert!(memory < 40 << 20, "{memory} bytes");
        server.stop();
    }
}

/// A real process that ends without a farewell, half of its message still here.
#[test]
fn a_client_killed_in_mid_frame() {
    let server = Server::start(&["echo", "-v", "--max-frame", "64MiB"]);
    let content = file("killed.bin", b"");
    std::fs::File::options().write(true).open(&content).unwrap().set_len(60 << 20).unwrap();
    let message = format!("@{}", content.display());
    let mut command = ringframe(["call", &server.address, &message, "--raw", "--max-frame", "64MiB"]);
    // What it prints is read up to the first byte only, so that it can't come to the end.
    let (mut reader, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    let client = Process::spawn_as_is(command);
    reader.read_exact(&mut [0]).unwrap();
    client.signal(Signal::KILL);
    assert_eq!(client.finish(b"").code, -9);
    let text = server.process.stderr.wait_for(1, &["0 frames", "bytes, "]);
    assert!(text.contains("closed inside a frame") || text.contains("reset"), "{text}");
    run(["call", &server.address, "still there"], b"").fine().prints("still there\n");
    server.stop();
}

#[test]
fn clients_that_end_inside_a_frame_or_by_a_reset() {
    let server = Server::start(&["upper", "-v"]);
    let mut client = server.connect();
    client.write_all(b"\0\0\0\x03one\0\0\0\x05tw").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_frame(&mut client), b"ONE", "what arrived whole is answered");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let text = server.wait_for_end(1, "closed inside a frame");
    assert!(text.contains(": 1 frame, ") && text.contains("6 bytes of at least 9"), "{text}");

    let mut client = server.connect();
    client.write_all(b"\0\0\0\x03one\0\0\0\x05tw").unwrap();
    assert_eq!(read_frame(&mut client), b"ONE");
    crate::support::reset(client);
    server.wait_for_end(1, "reset");
    server.stop();
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_apart() {
    for (wire, good, reply, bad, words) in [
        (
            "u32be",
            &b"\0\0\0\x01a"[..],
            &b"\0\0\0\x01A"[..],
            &b"\xff\xff\xff\xff"[..],
            &["4294967299", "8388608"][..],
        ),
        ("adjust=-4", b"\0\0\0\x05a", b"\0\0\0\x05A", b"\0\0\0\x03", &["length field is 3", "4 bytes"]),
        ("varint", b"\x01a", b"\x01A", b"\x80\0", &["2 bytes"]),
        ("varint", b"\x01a", b"\x01A", &[0xff; 20], &["10 bytes"]),
    ] {
        let server = Server::start(&["upper", "--wire", wire, "-v"]);
        let mut client = server.connect();
        // All at once, and more behind it: the reply to the good one is still to be had.
        client.write_all(&[good, bad, &[0; 10_000]].concat()).unwrap();
        let mut got = vec![0; reply.len()];
        client.read_exact(&mut got).unwrap();
        assert_eq!(got, reply, "{wire}");
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop(client);
        let text = server.wait_for_end(1, "broke the protocol");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        run(["call", &server.address, "--wire", wire, "b"], b"").fine().prints("B\n");
        server.stop();
    }
}

#[test]
fn one_connection_too_many_is_closed_at_once() {
    let server = Server::start(&["upper", "-v", "--max-connections", "2", "--max-per-address", "1"]);
    let mut inside: Vec<TcpStream> = (0..2).map(|_| server.connect()).collect();
    for client in &mut inside {
        // Loopback is exempt from the limit of an address.
        client.write_all(&frame(b"a")).unwrap();
        assert_eq!(read_frame(client), b"A");
    }
    for count in 1..=3 {
        assert_eq!(server.connect().read(&mut [0]).unwrap(), 0);
        server.process.stderr.wait_for(1, &["too many connections", &format!("({count} so far)")]);
    }
    run(["call", &server.address, "x"], b"").code(4).says(&["0 of 1"]);
    for client in &mut inside {
        client.write_all(&frame(b"b")).unwrap();
        assert_eq!(read_frame(client), b"B");
    }
    drop(inside.pop());
    server.wait_for_end(1, "closed");
    run(["call", &server.address, "x"], b"").fine().prints("X\n");
    server.stop();
}

#[test]
fn no_descriptor_is_left_behind() {
    let server = Server::start(&["upper", "-v", "--frame-time", "1s"]);
    run(["call", &server.address, "x"], b"").fine();
    server.wait_for_end(1, "closed");
    let before = descriptors(server.process.pid());
    let clients: Vec<_> = (0..50).map(|_| server.connect()).collect();
    until("all to be accepted", || (descriptors(server.process.pid()) >= before + 50).then_some(()));
    for (i, mut client) in clients.into_iter().enumerate() {
        match i % 5 {
            0 => drop(client),
            1 => client.write_all(b"\0\0").unwrap(),
            2 => client.write_all(&frame(b"no reply is read")).unwrap(),
            3 => client.write_all(&[0xff; 50]).unwrap(),
            _ => crate::support::reset(client),
        }
    }
    server.process.stderr.wait_for(51, &[" bytes, "]);
    until("all descriptors to be closed", || (descriptors(server.process.pid()) == before).then_some(()));
    server.stop();
}

#[test]
fn sigterm_and_interrupt_end_in_order() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start(&["upper"]);
        let idle = server.connect();
        run(["call", &server.address, "x"], b"").fine();
        server.process.signal(signal);
        server.process.finish(b"").code(0);
        // An idle connection ends in order as well.
        assert_eq!((&idle).read(&mut [0]).unwrap(), 0);
    }
}

/// A reply that has begun comes to its end.
#[test]
fn replies_under_way_finish() {
    let server = Server::start(&["upper", "-v"]);
    let mut client = server.connect();
    let request = frame(&vec![b'x'; 4 << 20]);
    let (first, rest) = request.split_at(1 << 20);
    client.write_all(first).unwrap();
    let mut length = [0; 4];
    client.read_exact(&mut length).unwrap();
    server.process.signal(Signal::TERM);
    server.process.stderr.wait_for(1, &["stopping", "1 connection"]);
    let mut writer = client.try_clone().unwrap();
    let rest = rest.to_vec();
    let sending = thread::spawn(move || writer.write_all(&rest).unwrap());
    let mut payload = vec![0; 4 << 20];
    client.read_exact(&mut payload).unwrap();
    assert!(payload == vec![b'X'; 4 << 20]);
    sending.join().unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let done = server.process.finish(b"").code(0);
    assert!(done.stderr.contains("server stopped"), "{}", done.stderr);
}

#[test]
fn a_second_signal_ends_at_once() {
    let stuck = || {
        let server = Server::start(&["echo", "-v"]);
        let mut client = server.connect();
        client.write_all(&frame(&vec![b'x'; 4 << 20])[..100_000]).unwrap();
        client.read_exact(&mut [0]).unwrap();
        server.process.signal(Signal::INT);
        server.process.stderr.wait_for(1, &["stopping", "1 connection"]);
        (server, client)
    };
    let (server, _client) = stuck();
    server.process.signal(Signal::INT);
    let done = server.process.finish(b"").code(130);
    assert!(done.stderr.contains("server stopped: before a reply was finished\n"), "{}", done.stderr);
    // One that does not come to an end is not waited for longer than ten seconds.
    let (server, _client) = stuck();
    let done = server.process.finish(b"").code(0);
    assert!(done.stderr.contains("not finished in time"), "{}", done.stderr);
}

#[test]
fn a_port_can_be_used_again_at_once() {
    let server = Server::start(&["upper"]);
    let address = server.address.clone();
    let client = server.connect();
    // The server closes first, so the connection stays in TIME_WAIT at its side.
    server.stop();
    drop(client);
    Server::listen(&address, &["upper"]).stop();
}
