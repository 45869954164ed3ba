//! The firmware on smoltcp, under QEMU, with real sockets on this side.

mod support;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::thread;

use ringframe_device::{ANY, Device, Error, build};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::{
    ECHO, FILES, Noise, PATIENCE, TYPED, UPPER, ask, cargo_run, connect, exchange, firmware, frame,
    read_frame, reset, start, upper_casing,
};

#[test]
fn upper_stands_it_all() {
    upper_casing::all(&firmware());
}

#[test]
fn echo_answers_the_same_bytes() {
    let device = firmware();
    let wire = Noise(5).messages(10_000, false);
    assert!(exchange(device.addr(ECHO), &wire, 1460) == wire);
}

/// The services share one loop: all of them at once, each with a client that is busy.
#[test]
fn all_services_at_once() {
    let device = firmware();
    thread::scope(|scope| {
        scope.spawn(|| upper_casing::ten_thousand_messages_in_large_writes(&device));
        scope.spawn(|| {
            let wire = Noise(6).messages(3000, false);
            assert!(exchange(device.addr(ECHO), &wire, 999) == wire);
        });
        scope.spawn(|| {
            let ping = frame(&[0]).repeat(5000);
            assert!(exchange(device.addr(TYPED), &ping, 4096) == ping);
        });
        scope.spawn(|| there_and_back(&device, 300_000));
    });
}

fn json(stream: &mut (impl Read + Write), value: &Value, content: &[u8]) -> Value {
    let wire = [frame(value.to_string().as_bytes()), content.to_vec()].concat();
    stream.write_all(&wire).unwrap();
    serde_json::from_slice(&read_frame(stream).unwrap()).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn there_and_back(device: &Device, size: usize) {
    let content = Noise(7).bytes(size);
    let hash = sha256(&content);
    let mut stream = connect(device.addr(FILES));
    let put = json!({"op": "put", "name": "a.bin", "size": size, "sha256": hash});
    assert_eq!(json(&mut stream, &put, &content), json!({"ok": true, "size": size, "sha256": hash}));
    let get = json!({"op": "get", "name": "a.bin"});
    assert_eq!(json(&mut stream, &get, &[]), json!({"ok": true, "size": size}));
    let mut back = vec![0; size];
    stream.read_exact(&mut back).unwrap();
    assert!(back == content);
    let end: Value = serde_json::from_slice(&read_frame(&mut stream).unwrap()).unwrap();
    assert_eq!(end, json!({"ok": true, "sha256": hash}));
}

/// Through a ring of 512 bytes.
#[test]
fn a_file_that_fills_the_disk() {
    let device = firmware();
    there_and_back(&device, 1 << 20);
    let mut stream = connect(device.addr(FILES));
    let full = json(&mut stream, &json!({"op": "put", "name": "b", "size": 1}), b"x");
    assert_eq!(full, json!({"ok": false, "kind": "no-space", "error": "0 bytes are free"}));
}

#[test]
fn an_upload_whose_peer_vanishes_gives_its_room_back() {
    let device = firmware();
    for _ in 0..10 {
        let mut stream = connect(device.addr(FILES));
        stream.write_all(&frame(br#"{"op":"put","name":"a","size":1048576}"#)).unwrap();
        stream.write_all(&[7; 100_000]).unwrap();
        reset(stream);
        device.wait_for("7881: closed", PATIENCE).unwrap();
    }
    // The device may not have seen the last of them yet.
    thread::sleep(std::time::Duration::from_millis(200));
    there_and_back(&device, 1 << 20);
}

#[test]
fn the_host_program_asks_the_typed_service() {
    let device = firmware();
    let address = device.addr(TYPED).to_string();
    let ask = |words: &[&str]| {
        let output = cargo_run(&[&["--example", "device", "--", &address], words].concat(), b"");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let ok = |out: &str| (Some(0), out.to_owned(), String::new());
    assert!(ask(&["ping"]).1.starts_with("pong after "));
    assert_eq!(ask(&["leds"]), ok("led 0 off\nled 1 off\n"));
    assert_eq!(ask(&["led", "1", "on"]), ok("led 0 off\nled 1 on\n"));
    assert_eq!(ask(&["led", "0", "on"]), ok("led 0 on\nled 1 on\n"));
    assert_eq!(ask(&["led", "1", "off"]), ok("led 0 on\nled 1 off\n"));
    assert_eq!(ask(&["leds"]), ok("led 0 on\nled 1 off\n"));
    let no_such = "error: there are 2 LEDs, counted from 0\n".to_owned();
    assert_eq!(ask(&["led", "2", "on"]), (Some(1), String::new(), no_such));
    let (code, info, error) = ask(&["info"]);
    assert_eq!((code, error.as_str()), (Some(0), ""));
    assert!(
        info.contains("\nfree         512 bytes of this connection's ring, 1048576 of the RAM disk\n"),
        "{info}"
    );
    // This one is the eighth connection, and its frame is not counted before it is answered.
    assert!(
        info.contains("\nconnections  8, 0 of them not ended cleanly\nreceived     7 frames, "),
        "{info}"
    );
    assert_eq!(ask(&["dim"]).0, Some(2));
}

#[test]
fn the_command_line_calls_the_device() {
    let device = firmware();
    let address = device.addr(UPPER).to_string();
    let lines: String = (0..10_000).map(|i| format!("line {i}\n")).collect();
    let output = cargo_run(&["--", "call", &address], lines.as_bytes());
    assert_eq!((output.status.code(), &*output.stderr), (Some(0), &b""[..]));
    assert!(output.stdout == lines.to_uppercase().as_bytes());
}

/// `put`, `ls`, `get` and `bench` know nothing of devices.
#[test]
fn the_command_line_has_files_there_and_measures_it() {
    let device = firmware();
    let address = device.addr(FILES).to_string();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (there, back) = (folder.join("there.bin"), folder.join("back.bin"));
    let content = Noise(8).bytes(300_000);
    std::fs::write(&there, &content).unwrap();
    let _ = std::fs::remove_file(&back);
    let run = |arguments: &[&str]| {
        let output = cargo_run(&[&["--"], arguments].concat(), b"");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (there, back) = (there.to_str().unwrap(), back.to_str().unwrap());
    let ok = |out: String| (Some(0), out, String::new());
    assert_eq!(run(&["put", &address, there]), ok(format!("{}  there.bin\n", sha256(&content))));
    let (code, list, _) = run(&["ls", &address]);
    assert_eq!((code, list.split_whitespace().collect::<Vec<_>>()), (Some(0), vec!["300000", "there.bin"]));
    assert_eq!(run(&["get", &address, "there.bin", back]).0, Some(0));
    assert!(std::fs::read(back).unwrap() == content);
    // What it refuses is said here, with the code that it has everywhere.
    let (code, _, error) = run(&["put", &address, there]);
    assert!(code == Some(1) && error.contains("a file has that name"), "{code:?} {error}");
    let (code, _, error) = run(&["get", &address, "nobody", "-"]);
    assert!(code == Some(1) && error.contains("no file has that name"), "{code:?} {error}");

    let echo = device.addr(ECHO).to_string();
    let many = ["--count", "2000", "--connections", "4", "--depth", "8", "--size", "700"];
    let (code, report, error) = run(&[&["bench", &echo, "--json"][..], &many].concat());
    assert_eq!(code, Some(0), "{error}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["round_trips"], 2000);
}

/// A conversation's log, as a whole. Times and the peers' ports are different each time.
#[test]
fn the_log_is_as_expected() {
    let device = firmware();
    let closed = |count: usize| {
        let closed = |lines: &[ringframe_device::Line]| {
            (lines.iter().filter(|line| line.message.contains(": closed")).count() == count).then_some(())
        };
        device.wait_until("a closed connection", PATIENCE, closed).unwrap();
    };
    // One after another, each seen to its end, so that the order is always the same.
    exchange(device.addr(UPPER), &frame(b"hello"), 100);
    closed(1);
    exchange(device.addr(UPPER), b"\0\0\0\x09hel", 100);
    closed(2);
    exchange(device.addr(ECHO), b"\xff\xff\xff\xff", 100);
    closed(3);
    exchange(device.addr(TYPED), &frame(&[0; 509]), 100);
    closed(4);
    exchange(device.addr(FILES), &frame(br#"{"op":"put","name":"../a","size":1}"#), 100);
    closed(5);
    exchange(
        device.addr(FILES),
        &[&frame(br#"{"op":"put","name":"a","size":10}"#)[..], b"hello"].concat(),
        100,
    );
    closed(6);
    let stream = connect(device.addr(ECHO));
    ask(device.addr(ECHO), b"x").unwrap();
    closed(7);
    reset(stream);
    closed(8);
    let log: String =
        device.stop().iter().map(|line| format!("{:?} {}\n", line.level, line.message)).collect();
    let mask = |line: &str| match line.split_once("opened by ") {
        Some((before, _)) => format!("{before}opened by PEER\n"),
        None => format!("{line}\n"),
    };
    let log: String = log.lines().map(mask).collect();
    let expected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected.log");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&expected, &log).unwrap();
    }
    let expected = std::fs::read_to_string(expected).unwrap();
    assert!(log == expected, "the log is\n{log}and should be (BLESS=1 writes it)\n{expected}");
}

/// The host's table of vectors on a machine whose words have 32 bits.
#[test]
fn the_vectors_pass_on_the_device() {
    let mut device = Device::start(&build().unwrap().join("vectors"), &[]).unwrap();
    let code = device.wait_for_exit(PATIENCE).unwrap();
    let log = device.stop();
    assert_eq!(code, 0, "{log:#?}");
    let message = &log.last().unwrap().message;
    let passed: u32 = message.split(' ').next().unwrap().parse().unwrap();
    assert!(passed > 100 && message.ends_with(" 0 failed"), "{message}");
}

#[test]
fn a_half_closed_peer_gets_its_answers() {
    let device = firmware();
    let mut stream = connect(device.addr(UPPER));
    stream.write_all(&frame(b"last words")).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap(), b"LAST WORDS");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    match Device::start(&build().unwrap().join("firmware"), &[(ANY, ECHO), (port, UPPER)]) {
        Err(Error::PortInUse(named)) => assert_eq!(named, port),
        other => panic!("{other:?}"),
    }
    drop(start("firmware", &[UPPER]));
}
