//! `bench`: what it counts is true, and no wrong reply goes unnoticed.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};

use crate::serve::peak_memory;
use crate::support::{Peer, Process, Server, frame, nobody, read_frame, reset, ringframe, run, until};

/// Runs it to a good end, and answers what it found.
#[track_caller]
fn bench(address: &str, more: &[&str]) -> Value {
    let mut json = run(["bench", address, "--json"].iter().chain(more), b"").fine().json();
    assert_eq!(json.len(), 1);
    json.remove(0)
}

/// Answers every frame with itself, until the client closes.
fn echo(mut peer: TcpStream) {
    let mut buffer = [0; 512];
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        if peer.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

/// How many frames came on all connections, as a server with `-v` tells.
fn frames(text: &str) -> u64 {
    let ends = text.lines().filter(|line| line.ends_with("closed"));
    ends.map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap()).sum()
}

#[test]
fn every_size_depth_and_wire() {
    for service in ["echo", "upper"] {
        for wire in ["u32be", "varint", "offset=1,width=4,adjust=-4,header=7"] {
            let server = Server::start(&[service, "--wire", wire, "-v"]);
            for (size, depth, connections, count) in [
                ("0", 1, 1, 1),
                ("1", 3, 2, 500),
                ("16", 1000, 1, 5_000),
                ("64", 1, 1, 100),
                // Around the rings of 64 KiB.
                ("65529", 2, 1, 10),
                ("65532", 2, 1, 10),
                ("65536", 2, 3, 10),
                ("65537", 4, 1, 10),
                ("1MiB", 3, 2, 12),
            ] {
                let [depth, connections] = [depth, connections].map(|n: u32| n.to_string());
                let count = count.to_string();
                let found = bench(
                    &server.address,
                    &[
                        "--wire",
                        wire,
                        "--size",
                        size,
                        "--depth",
                        &depth,
                        "--connections",
                        &connections,
                        "--count",
                        &count,
                    ],
                );
                assert_eq!(found["round_trips"].to_string(), count, "{size}");
            }
            server.wait_for_end(13, "closed");
            let done = server.stop();
            // With a count, no frame more is sent than that.
            assert_eq!(frames(&done.stderr), 5_653, "{}", done.stderr);
        }
    }
}

#[test]
fn the_numbers_agree_with_each_other() {
    let server = Server::start(&["echo"]);
    let found =
        bench(&server.address, &["--size", "100", "--time", "300ms", "--depth", "4", "--connections", "3"]);
    let number = |name: &str| found[name].as_f64().unwrap_or_else(|| panic!("{name} in {found}"));
    let (trips, seconds) = (number("round_trips"), number("seconds"));
    assert!(trips > 10.0 && seconds >= 0.25, "{found}");
    assert_eq!((number("payload_length"), number("length")), (100.0, 104.0));
    assert_eq!((number("depth"), number("connections")), (4.0, 3.0));
    for (name, each) in [
        ("round_trips_per_second", 1.0),
        ("payload_bytes_per_second", 100.0),
        ("wire_bytes_per_second", 104.0),
    ] {
        let expected = trips * each / seconds;
        assert!((number(name) - expected).abs() < expected * 1e-9, "{name} in {found}");
    }
    let latency =
        |name: &str| found["latency_ns"][name].as_u64().unwrap_or_else(|| panic!("{name} in {found}"));
    let ordered = ["min", "p50", "p90", "p99", "p99.9", "max"].map(latency);
    assert!(ordered.is_sorted() && ordered[0] > 0, "{found}");
    let buckets = found["histogram"].as_array().unwrap();
    let edge = |bucket: &Value, name: &str| bucket[name].as_u64().unwrap();
    assert_eq!(buckets.iter().map(|bucket| edge(bucket, "count")).sum::<u64>() as f64, trips);
    assert!(buckets.windows(2).all(|pair| edge(&pair[0], "to_ns") == edge(&pair[1], "from_ns")));
    let (first, last) = (buckets.first().unwrap(), buckets.last().unwrap());
    assert!(edge(first, "count") > 0 && edge(last, "count") > 0);
    assert!(edge(first, "from_ns") <= ordered[0] && edge(last, "to_ns") > ordered[5], "{found}");
    // A time that is over before it begins.
    let found = bench(&server.address, &["--time", "1ns", "--depth", "9", "--connections", "2"]);
    assert!((2..=18).contains(&found["round_trips"].as_u64().unwrap()), "{found}");
    server.stop();
}

#[test]
fn as_text() {
    let server = Server::start(&["upper"]);
    let text = run(["bench", &server.address, "--count", "50"], b"").fine().text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[0],
        format!("{}: 1 connection, depth 1, payloads of 64 bytes, frames of 68", server.address)
    );
    assert!(lines[1].starts_with("round trips  ") && lines[1].contains("/s, 50 in 0."), "{text}");
    assert!(lines[2].starts_with("payload  ") && lines[2].ends_with("/s each way"), "{text}");
    assert!(lines[3].starts_with("wire  ") && lines[3].ends_with("/s each way"), "{text}");
    let names: Vec<_> = lines[4].split_whitespace().collect();
    assert_eq!(names, ["latency", "min", "p50", "p90", "p99", "p99.9", "max"]);
    assert_eq!(lines[5].split_whitespace().count(), 12, "{text}");
    assert_eq!(lines.len(), 6, "no histogram where nobody asked: {text}");

    let args = ["bench", &server.address, "--count", "1000", "--depth", "8", "--histogram"];
    let text = run(args, b"").fine().text();
    let bars: Vec<_> = text.lines().skip_while(|line| !line.is_empty()).skip(1).collect();
    let counts = bars.iter().map(|line| line.split_whitespace().nth(5).unwrap().parse::<u64>().unwrap());
    assert_eq!(counts.sum::<u64>(), 1000, "{text}");
    assert!(bars.iter().any(|line| line.ends_with(&"█".repeat(40))), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    server.stop();
}

#[test]
fn its_help_says_what_is_measured() {
    let long = run(["bench", "--help"], b"").fine().text();
    let long = long.split_whitespace().collect::<Vec<_>>().join(" ");
    for word in ["byte for byte", "handed to the transport", "coordinated omission", "closed loop"] {
        assert!(long.contains(word), "{word}: {long}");
    }
    let list = run(["--help"], b"").fine().text();
    assert!(list.contains("bench        Measure round trips a second"), "{list}");
}

/// Frames of warming up go out and come back, and are not measured.
#[test]
fn warming_up() {
    let server = Server::start(&["echo", "-v"]);
    let found = bench(&server.address, &["--warmup", "1s", "--count", "7"]);
    assert_eq!(found["round_trips"], 7);
    assert!(found["seconds"].as_f64().unwrap() < 1.0, "{found}");
    let text = server.wait_for_end(1, "closed");
    assert!(frames(&text) > 7, "{text}");
    server.stop();
}

/// A peer that takes its time has the latency that it has, in every percentile.
#[test]
fn latency_is_the_peers() {
    let peer = Peer::start(|mut peer| {
        for i in 0..20 {
            let request = read_frame(&mut peer);
            thread::sleep(Duration::from_millis(if i == 10 { 300 } else { 20 }));
            peer.write_all(&frame(&request)).unwrap();
        }
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    let found = bench(&peer.address, &["--count", "20"]);
    peer.join();
    let latency = |name: &str| Duration::from_nanos(found["latency_ns"][name].as_u64().unwrap());
    // The histogram knows three digits.
    assert!(latency("min") >= Duration::from_micros(19_950), "{found}");
    assert!(latency("max") >= Duration::from_micros(299_500), "{found}");
    assert!(latency("p50") < Duration::from_millis(300), "{found}");
    assert!(found["seconds"].as_f64().unwrap() >= 0.68, "{found}");
}

/// Fills what is there of buffers, and answers while it reads: whoever would send all before he reads waits for ever.
#[test]
fn a_device_with_small_buffers() {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    // Accepted sockets inherit these.
    listener.set_recv_buffer_size(4096).unwrap();
    listener.set_send_buffer_size(4096).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(6).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || echo(stream.unwrap()));
        }
    });
    for (size, depth, count) in [("64", "1", "300"), ("64", "1000", "20000"), ("300000", "8", "30")] {
        let options = ["--size", size, "--depth", depth, "--connections", "6", "--count", count];
        assert_eq!(bench(&address, &options)["round_trips"].to_string(), count);
    }
}

#[test]
fn two_hundred_connections() {
    let server = Server::start(&["echo", "--max-connections", "200"]);
    let found = bench(&server.address, &["--connections", "200", "--depth", "5", "--count", "20000"]);
    assert_eq!(found["round_trips"], 20_000);
    server.stop();
    // One more than the server lets in.
    let server = Server::start(&["echo", "--max-connections", "2"]);
    run(["bench", &server.address, "--connections", "3", "--time", "1min"], b"")
        .code(4)
        .says(&[&server.address, "of 3", "0 of 1 replies"])
        .prints("");
    server.stop();
}

/// As long as bytes move, a slow peer is not a silent one.
#[test]
fn slow_is_not_silent() {
    let peer = Peer::start(|mut peer| {
        let request = frame(&read_frame(&mut peer));
        for byte in &request {
            thread::sleep(Duration::from_millis(60));
            peer.write_all(&[*byte]).unwrap();
        }
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
    let found = bench(&peer.address, &["--count", "1", "--size", "30", "--timeout", "1s"]);
    assert!(found["seconds"].as_f64().unwrap() > 2.0, "{found}");
    peer.join();
}

/// How a peer can fail, and what is said then.
type Case = (fn(TcpStream), i32, &'static [&'static str]);

#[test]
fn every_peer_that_fails() {
    let cases: &[Case] = &[
        // Gone, between frames.
        (|mut peer| drop((0..4).map(|_| read_frame(&mut peer)).last()), 4, &["closed by the peer", "0 of 4"]),
        (
            |mut peer| {
                for _ in 0..3 {
                    let request = read_frame(&mut peer);
                    peer.write_all(&frame(&request)).unwrap();
                }
                // All of what comes, since closing with unread input would be a reset.
                for _ in 0..4 {
                    read_frame(&mut peer);
                }
            },
            4,
            &["closed by the peer", "3 of 7 replies"],
        ),
        (
            |mut peer| {
                read_frame(&mut peer);
                reset(peer);
            },
            4,
            &["0 of 4 replies"],
        ),
        // Silent.
        (
            |mut peer| {
                for answered in [true, false] {
                    let request = read_frame(&mut peer);
                    if answered {
                        peer.write_all(&frame(&request)).unwrap();
                    }
                }
                let _ = peer.read_to_end(&mut Vec::new());
            },
            4,
            &["no progress for 400ms", "1 of 5 replies"],
        ),
        // Gone inside a frame.
        (
            |mut peer| {
                let request = frame(&read_frame(&mut peer));
                peer.write_all(&request[..20]).unwrap();
                peer.shutdown(std::net::Shutdown::Write).unwrap();
                let _ = peer.read_to_end(&mut Vec::new());
            },
            5,
            &["reply 1", "inside a frame", "20 bytes of at least 68"],
        ),
        // Wrong replies.
        (|peer| answer(peer, |request| request[17] ^= 1), 5, &["reply 3: byte 17 is 0x", "where 0x"]),
        (|peer| answer(peer, |request| request[63] = 0xff), 5, &["reply 3: byte 63 is 0xff"]),
        (
            |peer| answer(peer, |request| request.truncate(63)),
            5,
            &["reply 3: it has 63 bytes where 64 were sent"],
        ),
        (|peer| answer(peer, |request| request.push(0)), 5, &["reply 3: it has 65 bytes where 64 were sent"]),
        (|peer| answer(peer, Vec::clear), 5, &["reply 3: it has 0 bytes where 64 were sent"]),
        (|peer| answer(peer, |request| request.resize(100_000, 0)), 5, &["it has 100000 bytes where 64"]),
        (|peer| answer(peer, |request| request.make_ascii_lowercase()), 5, &["reply 3: byte "]),
        // Two replies in each other's place.
        (
            |mut peer| {
                let [first, second] = [read_frame(&mut peer), read_frame(&mut peer)];
                peer.write_all(&[frame(&second), frame(&first)].concat()).unwrap();
                let _ = peer.read_to_end(&mut Vec::new());
            },
            5,
            &["reply 1: byte 0 is"],
        ),
        // More than was asked for.
        (
            |mut peer| {
                peer.write_all(&frame(b"welcome")).unwrap();
                let _ = peer.read_to_end(&mut Vec::new());
            },
            5,
            &["reply 1: it has 7 bytes where 64"],
        ),
        // No frames at all.
        (
            |mut peer| {
                peer.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
                let _ = peer.read_to_end(&mut Vec::new());
            },
            5,
            &["reply 1", "1213486164"],
        ),
    ];
    for (converse, code, words) in cases {
        let peer = Peer::start(converse);
        let args = [
            "bench",
            &peer.address,
            "--depth",
            "4",
            "--time",
            "1min",
            "--warmup",
            "0s",
            "--timeout",
            if words[0].ends_with("400ms") { "400ms" } else { "60s" },
        ];
        run(args, b"").code(*code).says(&[&[peer.address.as_str()], *words].concat()).prints("");
        peer.join();
    }
}

/// Echoes, but the third reply is changed.
fn answer(mut peer: TcpStream, change: fn(&mut Vec<u8>)) {
    for i in 1.. {
        let mut head = [0; 4];
        if peer.read_exact(&mut head).is_err() {
            return;
        }
        let mut request = vec![0; u32::from_be_bytes(head) as usize];
        peer.read_exact(&mut request).unwrap();
        if i == 3 {
            change(&mut request);
        }
        if peer.write_all(&frame(&request)).is_err() {
            return;
        }
    }
}

/// After the last reply nothing may come but the end.
#[test]
fn a_reply_too_many() {
    let peer = Peer::start(|mut peer| {
        let request = read_frame(&mut peer);
        peer.write_all(&frame(&request).repeat(2)).unwrap();
        let _ = peer.read_to_end(&mut Vec::new());
    });
    run(["bench", &peer.address, "--count", "1"], b"")
        .code(5)
        .says(&["reply 2", "64 bytes that nobody asked for"])
        .prints("");
    peer.join();
}

#[test]
fn one_wrong_byte_of_a_large_frame() {
    let peer = Peer::start(|mut peer| {
        let mut request = read_frame(&mut peer);
        request[777_777] ^= 0x80;
        let _ = peer.write_all(&frame(&request));
        let _ = peer.read_to_end(&mut Vec::new());
    });
    run(["bench", &peer.address, "--count", "1", "--size", "1000000"], b"")
        .code(5)
        .says(&["reply 1: byte 777777 is 0x"])
        .prints("");
    peer.join();
    let server = Server::start(&["reply", "hello"]);
    run(["bench", &server.address], b"").code(5).says(&["reply 1: it has 5 bytes where 64"]).prints("");
    // A server that refuses the length.
    let server = Server::start(&["echo", "--max-frame", "1KiB"]);
    run(["bench", &server.address, "--size", "2KiB"], b"").code(4).says(&["0 of 1 replies"]).prints("");
}

#[test]
fn what_cannot_be_measured() {
    let address = nobody();
    run(["bench", &address], b"").code(4).says(&[&address, "refused"]).prints("");
    run(["bench", &address, "--connections", "4"], b"").code(4).says(&[&address, "of 4", "refused"]);
    let cases: &[(&[&str], &[&str])] = &[
        (&["--connections", "0"], &["0", "1..=10000"]),
        (&["--connections", "10001"], &["10001", "1..=10000"]),
        (&["--depth", "0"], &["0", "1..=65536"]),
        (&["--depth", "65537"], &["65537", "1..=65536"]),
        (&["--connections", "1000", "--depth", "2000"], &["2000000", "1048576"]),
        (&["--count", "0"], &["--count"]),
        (&["--time", "0s"], &["--time", "more than nothing"]),
        (&["--timeout", "0s"], &["--timeout", "more than nothing"]),
        (&["--time", "5"], &["--time", "10s"]),
        (&["--warmup", "5"], &["--warmup", "10s"]),
        (&["--time", "5s", "--count", "5"], &["--time", "--count", "cannot be used"]),
        (&["--size", "many"], &["many", "64KiB"]),
        (&["--size=-1"], &["-1"]),
        (&["--size", "8MiB"], &["--size 8388608", "8388612", "limit is 8388608"]),
        (&["--size", "300", "--wire", "u8"], &["--size 300", "300 bytes"]),
        (&["--size", "97", "--max-frame", "100"], &["--size 97", "101"]),
        (&["--max-frame", "3"], &["--max-frame 3", "header of 4 bytes"]),
        (&["--wire", "u33be"], &["u33be"]),
        (&["--raw"], &["--raw"]),
    ];
    for (options, words) in cases {
        run(["bench", &address].iter().chain(*options), b"").code(2).says(words).prints("");
    }
    run(["bench", "127.0.0.1"], b"").code(2).says(&["HOST:PORT"]).prints("");
}

/// Frames pass through; they are never in memory.
#[test]
fn large_frames_take_no_memory() {
    let server = Server::start(&["echo"]);
    let args = ["bench", &server.address, "--size", "8388604", "--depth", "16", "--time", "5min"];
    let process = Process::spawn(ringframe(args));
    // By then it has seen several.
    let peak = until("its memory to be in use", || {
        thread::sleep(Duration::from_millis(1500));
        peak_memory(process.pid())
    });
    assert!(peak < 20 << 20, "{peak} bytes");
    process.signal(Signal::INT);
    process.finish(b"").code(130).prints("");
    server.stop();
}

#[test]
fn a_closed_standard_output_ends_it_quietly() {
    let server = Server::start(&["echo"]);
    let (reader, writer) = io::pipe().unwrap();
    let mut command = ringframe(["bench", &server.address, "--count", "10"]);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
    drop(reader);
    Process::spawn_as_is(command).finish(b"").fine();
    server.stop();
}

/// Wherever the end of a frame falls in the rings.
#[test]
#[ignore = "long: tests/run deep"]
fn every_size_around_the_rings() {
    let server = Server::start(&["upper"]);
    for size in (0..300).chain(65_536 - 150..65_536 + 150).chain(131_072 - 50..131_072 + 50) {
        let size = size.to_string();
        let found = bench(&server.address, &["--size", &size, "--depth", "5", "--count", "50"]);
        assert_eq!(found["round_trips"], 50, "{size}");
    }
    server.stop();
}

#[test]
#[ignore = "long: tests/run deep"]
fn nine_hundred_connections() {
    let server = Server::start(&["echo", "--max-connections", "900"]);
    let found =
        bench(&server.address, &["--connections", "900", "--depth", "20", "--size", "2000", "--time", "10s"]);
    assert!(found["round_trips"].as_u64().unwrap() > 900 * 20, "{found}");
    server.stop();
}
