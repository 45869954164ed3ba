//! `proxy`: what goes through it, what it shows, and what it must not change.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::{Peer, Process, Server, frame, nobody, read_frame, reset, ringframe, run, seq};

/// A peer that sends back what it gets, and ends when the other side does.
fn echo() -> Peer {
    Peer::start(|mut stream| {
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match stream.read(&mut chunk).unwrap() {
                0 => break,
                n => bytes.extend_from_slice(&chunk[..n]),
            }
            stream.write_all(&bytes).unwrap();
            bytes.clear();
        }
    })
}

fn random(seed: u64, n: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| rng.u8(..)).take(n).collect()
}

/// Sends all of it and takes as much back, at the same time.
fn exchange(stream: &TcpStream, bytes: &[u8]) -> Vec<u8> {
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut out = stream;
            out.write_all(bytes).unwrap();
            out.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        let mut from = stream;
        from.read_to_end(&mut back).unwrap();
        back
    })
}

#[test]
fn frames_go_through_and_are_shown_both_ways() {
    let upper = Server::start(&["upper"]);
    let proxy = Server::proxy(&upper.address, &["-v"]);
    run(["call", &proxy.address, "hello,server", "again"], b"").fine().prints("HELLO,SERVER\nAGAIN\n");
    let to_upstream = format!("> {}", upper.address);
    let from_upstream = format!("{} >", upper.address);
    proxy.process.stdout.wait_for(1, &[&to_upstream, "     0          0  0000000c       12  hello,server"]);
    proxy.process.stdout.wait_for(1, &[&to_upstream, "     1         16  00000005        5  again"]);
    proxy.process.stdout.wait_for(1, &[&from_upstream, "     0          0  0000000c       12  HELLO,SERVER"]);
    proxy.process.stdout.wait_for(1, &[&from_upstream, "     1         16  00000005        5  AGAIN"]);
    proxy.process.stderr.wait_for(1, &["4 frames, 50 bytes, closed"]);
    proxy.stop();
    upper.stop();
}

#[test]
fn frames_as_objects_with_their_payloads() {
    let upstream = echo();
    let proxy = Server::proxy(&upstream.address, &["--json", "-x", "--wire", "u16le"]);
    let stream = proxy.connect();
    let mine = stream.local_addr().unwrap().to_string();
    let back = exchange(&stream, b"\x03\0abc");
    assert_eq!(back, b"\x03\0abc");
    upstream.join();
    proxy.process.stdout.wait_for(2, &["\"payload\":\"616263\""]);
    let done = proxy.stop();
    let objects = done.json();
    let there =
        objects.iter().find(|it| it["stream"].as_str().is_some_and(|it| it.starts_with(&mine))).unwrap();
    assert_eq!(there["header"], "0300");
    assert_eq!((&there["index"], &there["length"]), (&0.into(), &5.into()));
    assert!(done.stderr.is_empty(), "{}", done.stderr);
}

/// What is no frame is said once for each direction, and goes on as it came.
#[test]
fn other_bytes_go_through_unchanged() {
    let upstream = echo();
    let proxy = Server::proxy(&upstream.address, &["--max-frame", "1MiB"]);
    let bytes = [&frame(b"a frame")[..], b"GET / HTTP/1.1\r\n\r\n", &random(1, 500_000)].concat();
    assert!(exchange(&proxy.connect(), &bytes) == bytes);
    upstream.join();
    proxy.process.stdout.wait_for(2, &["a frame"]);
    proxy.process.stderr.wait_for(2, &["error:", "offset 11", "1195725860", "goes on"]);
    let done = proxy.stop();
    assert_eq!(done.stderr.matches("error:").count(), 2, "{}", done.stderr);
}

/// A client's preamble is not looked at; the server sends none.
#[test]
fn a_preamble_of_the_client() {
    let upstream = Peer::start(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all[24..]).unwrap();
    });
    let proxy = Server::proxy(&upstream.address, &["--wire", "http2", "--skip", "24"]);
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let all = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings].concat();
    assert_eq!(exchange(&proxy.connect(), &all), settings);
    upstream.join();
    proxy.process.stdout.wait_for(1, &["     0         24  000000040000000000        0"]);
    proxy.process.stdout.wait_for(1, &["     0          0  000000040000000000        0"]);
    let done = proxy.stop();
    assert!(done.stderr.is_empty(), "{}", done.stderr);
}

#[test]
fn the_end_of_one_direction_is_not_that_of_the_other() {
    let upstream = Peer::start(|mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        assert_eq!(all, frame(b"all I have"));
        stream.write_all(&frame(b"a late answer")).unwrap();
    });
    let proxy = Server::proxy(&upstream.address, &[]);
    let mut stream = proxy.connect();
    stream.write_all(&frame(b"all I have")).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_frame(&mut stream), b"a late answer");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    upstream.join();
    // An end inside a frame is said, and no less an end.
    let upstream = echo();
    let proxy = Server::proxy(&upstream.address, &[]);
    assert_eq!(exchange(&proxy.connect(), b"\0\0\0\x05he"), b"\0\0\0\x05he");
    let said = proxy.process.stderr.wait_for(2, &["error:", "offset 0", "inside a frame"]);
    assert!(!said.contains("goes on"), "{said}");
    upstream.join();
}

#[test]
fn a_reset_is_passed_on() {
    let (seen, told) = mpsc::channel();
    let upstream = Peer::start(move |mut stream| {
        assert_eq!(read_frame(&mut stream), b"hello");
        seen.send(()).unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
    let proxy = Server::proxy(&upstream.address, &["-v"]);
    let mut stream = proxy.connect();
    stream.write_all(&frame(b"hello")).unwrap();
    told.recv().unwrap();
    reset(stream);
    upstream.join();
    proxy.process.stderr.wait_for(1, &["1 frame, 9 bytes, reset"]);

    let upstream = Peer::start(|mut stream| {
        assert_eq!(read_frame(&mut stream), b"hello");
        reset(stream);
    });
    let proxy = Server::proxy(&upstream.address, &[]);
    let mut stream = proxy.connect();
    stream.write_all(&frame(b"hello")).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    upstream.join();
}

#[test]
fn an_upstream_where_nobody_listens() {
    let nobody = nobody();
    let proxy = Server::proxy(&nobody, &[]);
    let error = proxy.connect().read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    proxy.process.stderr.wait_for(1, &["error:", &nobody, "refused"]);
    proxy.stop();
}

/// A stop does not wait for an upstream that does not answer.
#[cfg(target_os = "linux")]
#[test]
fn a_stop_while_the_upstream_is_silent() {
    use socket2::{Domain, SockAddr, Socket, Type};

    // Where as many wait to be accepted as may, the system does not answer the next one.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    socket.listen(0).unwrap();
    let silent = TcpListener::from(socket);
    let address = silent.local_addr().unwrap();
    let _waits = TcpStream::connect(address).unwrap();

    let proxy = Server::proxy(&address.to_string(), &["-vv"]);
    let mut stream = proxy.connect();
    proxy.process.stderr.wait_for(1, &["connected"]);
    let done = proxy.stop();
    assert!(done.stderr.contains("0 bytes, server stopped"), "{}", done.stderr);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

/// Many connections, in pieces that chance decides: to the ends it is all the same.
#[test]
fn chaos_changes_no_byte() {
    let echo = Server::start(&["echo"]);
    for seed in ["0", "42"] {
        let proxy = Server::proxy(&echo.address, &["--chaos", seed, "--json"]);
        thread::scope(|scope| {
            for number in 0..8 {
                let proxy = &proxy;
                scope.spawn(move || {
                    let mut rng = fastrand::Rng::with_seed(number);
                    let stream: Vec<u8> =
                        (0..40).flat_map(|i| frame(&random(i, rng.usize(..20_000)))).collect();
                    assert!(exchange(&proxy.connect(), &stream) == stream, "{number}");
                });
            }
        });
        proxy.process.stdout.wait_for(8 * 2 * 40, &["payload_length"]);
        let done = proxy.stop();
        assert!(done.stderr.is_empty(), "{}", done.stderr);
    }
    // Line by line, there and back.
    let proxy = Server::proxy(&echo.address, &["--chaos", "7"]);
    run(["call", &proxy.address], seq(200).as_bytes()).fine().prints(&seq(200));
}

/// Who does not read is not sent more than fits the sockets and a buffer; then all of it comes.
#[test]
fn a_slow_side_slows_the_other() {
    const ALL: usize = 256 << 20;
    let (ready, go) = mpsc::channel::<()>();
    let upstream = Peer::start(move |mut stream| {
        go.recv().unwrap();
        let n = io::copy(&mut stream, &mut io::sink()).unwrap();
        assert_eq!(n, ALL as u64);
    });
    let proxy = Server::proxy(&upstream.address, &["-q"]);
    let stream = proxy.connect();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let writer = thread::spawn(move || {
        let mut stream = stream;
        // One frame after another, of one byte more than the ring.
        let piece = frame(&[0; (64 << 10) + 1 - 4 - 5]);
        let mut left = ALL;
        while left > 0 {
            let n = left.min(piece.len());
            stream.write_all(&piece[..n]).unwrap();
            counter.fetch_add(n, Ordering::Relaxed);
            left -= n;
        }
    });
    // Until nothing moves any more.
    let mut before = 0;
    loop {
        thread::sleep(Duration::from_millis(300));
        match sent.load(Ordering::Relaxed) {
            n if n == before && n > 0 => break,
            n => before = n,
        }
    }
    assert!(before < ALL / 2, "{before} bytes were taken that nobody reads");
    ready.send(()).unwrap();
    writer.join().unwrap();
    upstream.join();
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.process.pid()));
    if let Ok(status) = status {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(kib < 64 << 10, "{kib} KiB at the most");
    }
    proxy.stop();
}

#[test]
fn limits_are_those_of_a_server() {
    let echo = Server::start(&["echo"]);
    let proxy = Server::proxy(&echo.address, &["--max-connections", "1", "-v"]);
    let mut first = proxy.connect();
    first.write_all(&frame(b"in")).unwrap();
    assert_eq!(read_frame(&mut first), b"in");
    assert_eq!(proxy.connect().read(&mut [0]).unwrap_or(0), 0);
    proxy.process.stderr.wait_for(1, &["turned away"]);
    first.write_all(&frame(b"still")).unwrap();
    assert_eq!(read_frame(&mut first), b"still");
    proxy.stop();

    let silent = Server::proxy(&echo.address, &["--idle", "100ms", "-v"]);
    assert_eq!(silent.connect().read(&mut [0]).unwrap_or(0), 0);
    silent.wait_for_end(1, "silent");
    silent.stop();

    run(["proxy", "0.0.0.0:0", &echo.address], b"").code(6).says(&["--expose"]);
    run(["proxy", "127.0.0.1:0", &echo.address, "--wire", "u33"], b"").code(2);
    run(["proxy", "127.0.0.1:0"], b"").code(2);
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = busy.local_addr().unwrap().to_string();
    run(["proxy", &taken, &echo.address], b"").code(1).says(&[&taken, "port 0"]);
    drop(busy);
}

/// What is under way is finished, what is not is closed.
#[test]
fn a_stop_in_order() {
    let (seen, told) = mpsc::channel();
    let upstream = Peer::start(move |mut stream| {
        let mut half = [0; 6];
        stream.read_exact(&mut half).unwrap();
        seen.send(()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!([&half[..], &rest].concat(), frame(b"under way"));
    });
    let busy = Server::proxy(&upstream.address, &["-v"]);
    let mut stream = busy.connect();
    stream.write_all(&frame(b"under way")[..6]).unwrap();
    told.recv().unwrap();
    busy.process.signal(Signal::TERM);
    busy.process.stderr.wait_for(1, &["stopping", "1 connection"]);
    stream.write_all(&frame(b"under way")[6..]).unwrap();
    upstream.join();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    busy.process.finish(b"").code(0);

    let upstream = echo();
    let idle = Server::proxy(&upstream.address, &[]);
    let mut stream = idle.connect();
    stream.write_all(&frame(b"done")).unwrap();
    assert_eq!(read_frame(&mut stream), b"done");
    let done = idle.stop();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    upstream.join();
    assert!(done.stderr.is_empty(), "{}", done.stderr);
}

#[test]
fn a_closed_output_is_a_quiet_end() {
    let echo = Server::start(&["echo"]);
    let (reader, writer) = io::pipe().unwrap();
    let mut command = ringframe(["proxy", "127.0.0.1:0", &echo.address]);
    command.stdin(std::process::Stdio::null()).stdout(writer).stderr(std::process::Stdio::piped());
    let process = Process::spawn_as_is(command);
    let mut lines = io::BufReader::new(reader);
    let mut first = String::new();
    io::BufRead::read_line(&mut lines, &mut first).unwrap();
    drop(lines);
    let address = first.trim().strip_prefix("listening on ").unwrap();
    // Until it ends: a process that another test starts just now may still have the reader for a moment.
    let mut stream = TcpStream::connect(address).unwrap();
    let shown = frame(b"to be shown");
    while stream.write_all(&shown).is_ok() && stream.read_exact(&mut [0; 15]).is_ok() {}
    process.finish(b"").fine();
}
