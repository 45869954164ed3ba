//! Clients that mean harm, or know no better: they are closed for the right reason, and an honest client
//! does not notice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::serve::peak_memory;
use crate::support::{DEADLINE, Server, frame, read_frame};

/// Asks and is answered all the time, while `attack` runs; answers how often, and says how long it waited at most.
pub(crate) fn meanwhile(server: &Server, attack: impl FnOnce()) -> usize {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // Accepted before the attack begins.
        let mut client = server.connect();
        let mut ask = move |message: &str| {
            let asked = Instant::now();
            client.write_all(&frame(message.as_bytes())).unwrap();
            assert_eq!(read_frame(&mut client), message.to_uppercase().as_bytes());
            asked.elapsed()
        };
        let (mut replies, mut longest) = (1, ask("the first"));
        let over = &over;
        let honest = scope.spawn(move || {
            while !over.load(Ordering::Relaxed) {
                longest = longest.max(ask(&format!("message {replies}")));
                replies += 1;
            }
            println!("an honest client had {replies} replies and waited {longest:?} at most");
            // Not how fast it is, on a machine that may be busy: only that nobody was in the way.
            assert!(longest < DEADLINE / 2, "{longest:?}");
            replies
        });
        attack();
        over.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    })
}

/// A byte now and then does not lengthen the time of a frame.
#[test]
fn a_byte_now_and_then() {
    // Less than the drips take, and far more than four bytes of the second one do.
    let server = Server::start(&["upper", "-v", "--frame-time", "3s"]);
    let replies = meanwhile(&server, || {
        let drips: Vec<_> = [&b"\0\0\0\x40"[..], b"\0"]
            .into_iter()
            .map(|beginning| {
                let mut client = server.connect();
                client.write_all(beginning).unwrap();
                thread::spawn(move || {
                    for _ in 0..60 {
                        thread::sleep(Duration::from_millis(100));
                        if client.write_all(b"\0").is_err() {
                            return;
                        }
                    }
                    let _ = client.shutdown(Shutdown::Write);
                    let _ = client.read_to_end(&mut Vec::new());
                })
            })
            .collect();
        // The second one's header is a length of 0, again and again: many frames, none of them slow.
        server.wait_for_end(1, "too slow");
        drips.into_iter().for_each(|drip| drip.join().unwrap());
    });
    assert!(replies > 100, "{replies}");
    server.wait_for_end(2, "closed");
    server.stop();
}

#[test]
fn silence_between_frames() {
    let server = Server::start(&["upper", "-v", "--idle", "3s"]);
    let replies = meanwhile(&server, || {
        let silent = server.connect();
        let mut fell_silent = server.connect();
        fell_silent.write_all(&frame(b"once")).unwrap();
        assert_eq!(read_frame(&mut fell_silent), b"ONCE");
        let text = server.wait_for_end(2, "silent");
        assert!(text.contains("no frame began within 3s"), "{text}");
        for mut client in [silent, fell_silent] {
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        }
    });
    assert!(replies > 100, "{replies}");
    server.stop();
}

/// The time of a frame rests while its sender has replies to take, and grows with what was declared.
#[test]
fn slow_but_honest() {
    let server = Server::start(&["upper", "-v", "--frame-time", "1s"]);
    // A long frame in pieces, over more than a second.
    let mut client = server.connect();
    let request = frame(&vec![b'x'; 1 << 20]);
    let mut reader = client.try_clone().unwrap();
    let reading = thread::spawn(move || read_frame(&mut reader));
    for piece in request.chunks((1 << 20) / 12) {
        client.write_all(piece).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    assert!(reading.join().unwrap() == vec![b'X'; 1 << 20]);

    // Many frames, of whose replies none is read for more than a second.
    let mut reader = client.try_clone().unwrap();
    let requests = frame(&[b'y'; 100_000]).repeat(200);
    let writing = thread::spawn(move || client.write_all(&requests).unwrap());
    thread::sleep(Duration::from_millis(2500));
    for _ in 0..200 {
        assert!(read_frame(&mut reader) == [b'Y'; 100_000]);
    }
    writing.join().unwrap();
    drop(reader);
    server.wait_for_end(1, "closed");
    server.stop();
}

#[test]
fn a_flood_of_empty_frames() {
    let server = Server::start(&["upper", "-v"]);
    let replies = meanwhile(&server, || {
        let client = server.connect();
        let mut reader = client.try_clone().unwrap();
        let flood = thread::spawn(move || {
            let zeros = vec![0; 1 << 20];
            for _ in 0..8 {
                (&client).write_all(&zeros).unwrap();
            }
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut answer = Vec::new();
        reader.read_to_end(&mut answer).unwrap();
        assert!(answer == vec![0; 8 << 20]);
        flood.join().unwrap();
    });
    assert!(replies > 10, "{replies}");
    let done = server.stop();
    assert!(done.stderr.contains(": 2097152 frames, 8388608 bytes, closed"), "{}", done.stderr);
}

/// Oversize lengths, at the edges of every type that could count them.
#[test]
fn hostile_lengths() {
    let server = Server::start(&["upper", "-v", "--wire", "u64be"]);
    let lengths = [
        (8 << 20) - 7,
        (1 << 31) - 1,
        1 << 31,
        (1 << 32) - 9,
        u64::from(u32::MAX),
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 8,
        u64::MAX,
    ];
    for length in lengths {
        let mut client = server.connect();
        client.write_all(&length.to_be_bytes()).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "{length}");
    }
    let text = server.wait_for_end(lengths.len(), "broke the protocol");
    assert!(text.contains("8388609 bytes is declared, the limit is 8388608"), "{text}");
    assert!(peak_memory(server.process.pid()).unwrap() < 40 << 20);
    server.stop();
}

/// Other protocols that come to the wrong door.
#[test]
fn strangers() {
    let server = Server::start(&["upper", "-v"]);
    let strangers: [&[u8]; 3] =
        [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc", b"SSH-2.0-x\r\n"];
    for bytes in strangers {
        let mut client = server.connect();
        client.write_all(bytes).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
    server.wait_for_end(strangers.len(), "broke the protocol");
    server.stop();
}

/// Seeded noise: whatever it means, the server is there afterwards.
#[test]
fn noise() {
    let mut random = fastrand::Rng::with_seed(4);
    for wire in ["u8", "u16le", "u32be", "varint", "offset=1,adjust=-4"] {
        let server = Server::start(&["upper", "--wire", wire, "--frame-time", "1s"]);
        for _ in 0..30 {
            let mut client: TcpStream = server.connect();
            let mut noise = vec![0; random.usize(..2000)];
            random.fill(&mut noise);
            // It may be closed before everything is sent.
            let _ = client.write_all(&noise);
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
        assert!(!server.stop().stderr.contains("panicked"));
    }
}
