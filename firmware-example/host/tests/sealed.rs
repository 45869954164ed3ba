//! The service on authenticated links, under QEMU, on smoltcp and on embassy-net: by the host's command line, and by peers
//! that misbehave.

mod support;

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use ringframe_device::{Device, Level};
use ringframe_io::noise::std::{ReadHalf, WriteHalf, connect};
use ringframe_io::noise::{HandshakeError, Key, LinkError};
use support::{Noise, PATIENCE, SEALED, UPPER, cargo_run, firmware, frame, read_frame, start, upper};

/// The line that the firmware has its key from.
const LINE: &str = include_str!("../../example.key");

fn key() -> Key {
    let bytes = Base64::decode_vec(LINE.trim_end()).unwrap();
    Key::new(bytes.try_into().unwrap())
}

/// A key file as the command line wants it, which nobody else can read.
fn key_file(name: &str, line: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
    path
}

/// What the command line prints, and its exit code.
fn call(device: &Device, key: &Path, message: &str) -> (Option<i32>, String, String) {
    let address = device.addr(SEALED).to_string();
    let output = cargo_run(&["--", "call", "--key-file", key.to_str().unwrap(), &address, message], b"");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Both programs.
fn devices() -> impl Iterator<Item = Device> {
    [firmware as fn() -> Device, || start("embassy", &[UPPER, SEALED])].into_iter().map(|start| start())
}

type Link<'s> = (ReadHalf<&'s TcpStream>, WriteHalf<&'s TcpStream>);

fn link(stream: &TcpStream) -> Link<'_> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    connect(stream, stream, &key()).expect("the same key")
}

fn ends_with(device: &Device, words: &str, level: Level) {
    let line = device.wait_for(words, PATIENCE).unwrap();
    assert_eq!((line.message.as_str(), line.level), (words, level));
}

#[test]
fn the_command_line_calls_it_by_its_key() {
    for device in devices() {
        let key = key_file("device.key", LINE);
        assert_eq!(
            call(&device, &key, "hello,device"),
            (Some(0), "HELLO,DEVICE\n".to_owned(), String::new())
        );
        ends_with(&device, "7882: closed", Level::Info);
    }
}

#[test]
fn a_client_with_another_key_is_refused_and_the_next_one_is_served() {
    for device in devices() {
        let other = key_file("other.key", &format!("{}\n", Base64::encode_string(&[1; 32])));
        let (code, out, error) = call(&device, &other, "hello");
        assert_eq!((code, out.as_str()), (Some(3), ""), "{error}");
        ends_with(&device, "7882: closed: Handshake(Authentication)", Level::Error);
        let key = key_file("device-2.key", LINE);
        assert_eq!(call(&device, &key, "hello").1, "HELLO\n");
    }
}

#[test]
fn a_plain_client_gets_no_answer() {
    for device in devices() {
        let mut stream = support::connect(device.addr(SEALED));
        stream.write_all(&frame(b"hello")).unwrap();
        let mut answer = vec![];
        // The end, or a reset, if it still sends by then.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty());
        ends_with(&device, "7882: closed: Handshake(Prologue { at: 0, found: 0 })", Level::Error);
    }
}

#[test]
fn ten_thousand_messages_on_two_links_at_once() {
    for device in devices() {
        std::thread::scope(|scope| {
            for seed in [20, 21] {
                let device = &device;
                scope.spawn(move || {
                    let wire = Noise(seed).messages(5000, false);
                    let stream = TcpStream::connect(device.addr(SEALED)).unwrap();
                    let (mut reads, mut writes) = link(&stream);
                    let mut received = vec![];
                    std::thread::scope(|scope| {
                        scope.spawn(|| {
                            writes.write_all(&wire).unwrap();
                            writes.close().unwrap();
                        });
                        reads.read_to_end(&mut received).expect("a clean end");
                    });
                    assert!(received == upper(&wire));
                });
            }
        });
    }
}

/// The link's end is missing: what was whole is answered, and both sides know that something was cut off.
#[test]
fn a_link_that_is_cut() {
    for device in devices() {
        let stream = TcpStream::connect(device.addr(SEALED)).unwrap();
        let (mut reads, mut writes) = link(&stream);
        writes.write_all(&frame(b"whole")).unwrap();
        writes.flush().unwrap();
        assert_eq!(read_frame(&mut reads).unwrap(), b"WHOLE");
        stream.shutdown(Shutdown::Write).unwrap();
        ends_with(&device, "7882: closed: Link(Truncated)", Level::Error);
        let error = reads.read(&mut [0; 10]).expect_err("the device says no end");
        assert_eq!(error.get_ref().and_then(|error| error.downcast_ref()), Some(&LinkError::Truncated));
    }
}

/// Anything else than the peer's message, in its place.
#[test]
fn a_link_that_is_tampered_with() {
    for device in devices() {
        let stream = TcpStream::connect(device.addr(SEALED)).unwrap();
        let (mut reads, _writes) = link(&stream);
        (&stream).write_all(&[&[0, 24][..], &[9; 24]].concat()).unwrap();
        ends_with(&device, "7882: closed: Link(Authentication)", Level::Error);
        reads.read(&mut [0; 10]).expect_err("no end");
    }
}

/// Its memory goes from one link to the next, however they end.
#[test]
fn links_that_vanish_leave_room_for_others() {
    for device in devices() {
        for round in 0..12 {
            let stream = TcpStream::connect(device.addr(SEALED)).unwrap();
            let (mut reads, mut writes) = link(&stream);
            let message = Noise(round).bytes(3000);
            writes.write_all(&frame(&message)).unwrap();
            writes.flush().unwrap();
            assert!(read_frame(&mut reads).unwrap() == message.to_ascii_uppercase());
            drop((reads, writes));
            support::reset(stream);
            // Until both sockets are free again, the next one may be refused.
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Each handshake has random numbers of its own: the same client gets another answer.
#[test]
fn no_two_answers_are_the_same() {
    for device in devices() {
        let mut hello = vec![];
        let mut answers = vec![];
        // What a client sends, recorded once and sent twice.
        let error = connect(&[][..], &mut hello, &key()).expect_err("nobody is there");
        assert!(matches!(error, HandshakeError::Closed));
        for _ in 0..2 {
            let mut stream = support::connect(device.addr(SEALED));
            stream.write_all(&hello).unwrap();
            let mut answer = [0; 50];
            stream.read_exact(&mut answer).unwrap();
            answers.push(answer);
        }
        assert_ne!(answers[0], answers[1]);
    }
}
