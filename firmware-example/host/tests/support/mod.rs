//! What the tests of both programs share: peers that know nothing of this project's codec.
#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use ringframe_device::{ANY, Device, build};

pub(crate) const UPPER: u16 = 7878;
pub(crate) const ECHO: u16 = 7879;
pub(crate) const TYPED: u16 = 7880;
pub(crate) const FILES: u16 = 7881;
pub(crate) const SEALED: u16 = 7882;

/// Long enough for a busy machine, short enough to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn firmware() -> Device {
    start("firmware", &[UPPER, ECHO, TYPED, FILES, SEALED])
}

pub(crate) fn start(program: &str, ports: &[u16]) -> Device {
    let forwards: Vec<_> = ports.iter().map(|port| (ANY, *port)).collect();
    let device = Device::start(&build().unwrap().join(program), &forwards).unwrap();
    device.wait_for("ready", PATIENCE).unwrap();
    device
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[..], payload].concat()
}

pub(crate) fn read_frame(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut payload)?;
    Ok(payload)
}

/// One request, one answer, to see that a service is alive.
pub(crate) fn ask(address: SocketAddr, payload: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = connect(address);
    stream.write_all(&frame(payload))?;
    read_frame(&mut stream)
}

/// Sends it all while what comes back is read; then ends the sending direction, and reads to the end.
pub(crate) fn exchange(address: SocketAddr, wire: &[u8], write: usize) -> Vec<u8> {
    let mut stream = connect(address);
    let mut sender = stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for piece in wire.chunks(write) {
                sender.write_all(piece).unwrap();
            }
            sender.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = vec![];
        stream.read_to_end(&mut received).unwrap();
        received
    })
}

/// Closes with a reset.
pub(crate) fn reset(stream: TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// Runs a program of the host's workspace, as a user would.
pub(crate) fn cargo_run(arguments: &[&str], input: &[u8]) -> Output {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut child = Command::new(env!("CARGO"))
        .args(["run", "-q", "--manifest-path", workspace.to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        // A program that does not read is no reason to fail.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().unwrap()
    })
}

/// Repeatable noise.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }

    /// So many messages of 0 to 4 KiB, as one stream; `small`: most of them short.
    pub(crate) fn messages(&mut self, count: usize, small: bool) -> Vec<u8> {
        let mut wire = vec![];
        for i in 0..count {
            let largest = if small && i % 16 > 0 { 64 } else { 4096 };
            let len = match self.below(20) {
                0 => 0,
                1 => largest,
                _ => self.below(largest + 1),
            };
            wire.extend(frame(&self.bytes(len as usize)));
        }
        wire
    }
}

/// The stream with each payload in upper case.
pub(crate) fn upper(wire: &[u8]) -> Vec<u8> {
    let mut reader = wire;
    let mut upper = vec![];
    while !reader.is_empty() {
        upper.extend(frame(&read_frame(&mut reader).unwrap().to_ascii_uppercase()));
    }
    upper
}

/// What any upper-casing service must stand, whichever stack it is on.
pub(crate) mod upper_casing {
    use super::*;
    use ringframe_device::Level;

    pub(crate) fn all(device: &Device) {
        ten_thousand_messages_in_large_writes(device);
        ten_thousand_messages_in_single_bytes(device);
        four_clients_at_once(device);
        frames_far_beyond_the_ring(device);
        hostile_lengths(device);
        abrupt_disconnects(device);
    }

    pub(crate) fn ten_thousand_messages_in_large_writes(device: &Device) {
        let wire = Noise(1).messages(10_000, false);
        assert!(exchange(device.addr(UPPER), &wire, 1 << 20) == upper(&wire));
    }

    /// Each byte is a packet of its own, or nearly.
    pub(crate) fn ten_thousand_messages_in_single_bytes(device: &Device) {
        let wire = Noise(2).messages(10_000, true);
        assert!(exchange(device.addr(UPPER), &wire, 1) == upper(&wire));
    }

    pub(crate) fn four_clients_at_once(device: &Device) {
        thread::scope(|scope| {
            for client in 0..4 {
                scope.spawn(move || {
                    let wire = Noise(10 + client).messages(2500, false);
                    let received = exchange(device.addr(UPPER), &wire, 100 + 700 * client as usize);
                    assert!(received == upper(&wire), "client {client}");
                });
            }
        });
    }

    /// Wherever a peer vanishes, the next one is served, and nobody's bytes reach anybody else.
    pub(crate) fn abrupt_disconnects(device: &Device) {
        let mut noise = Noise(3);
        let wire = noise.messages(20, false);
        for _ in 0..150 {
            let mut stream = connect(device.addr(UPPER));
            let n = noise.below(wire.len() as u64 + 1) as usize;
            stream.set_nonblocking(true).unwrap();
            // As much as there is room for.
            let _ = stream.write(&wire[..n]);
            if noise.below(2) == 0 {
                reset(stream);
            }
        }
        // Their sockets are free again as soon as the device has seen the resets.
        let hello = (0..100).find_map(|_| {
            thread::sleep(Duration::from_millis(20));
            ask(device.addr(UPPER), b"hello").ok()
        });
        assert_eq!(hello.as_deref(), Some(&b"HELLO"[..]));
        four_clients_at_once(device);
    }

    /// A length that can't be is an error in the log and a closed connection, and what was sent before it is answered.
    pub(crate) fn hostile_lengths(device: &Device) {
        for length in [u32::MAX, 1 << 31, (1 << 20) - 3] {
            let errors = |level| device.log().iter().filter(|line| line.level == level).count();
            let before = errors(Level::Error);
            let mut stream = connect(device.addr(UPPER));
            let wire = [&frame(b"before")[..], &length.to_be_bytes(), &[0xff; 3000]].concat();
            stream.write_all(&wire).unwrap();
            assert_eq!(read_frame(&mut stream).unwrap(), b"BEFORE");
            // The end, or a reset, if it still sends by then; but an end.
            let mut rest = vec![];
            let end = stream.read_to_end(&mut rest);
            assert!(rest.is_empty(), "{end:?}, {rest:?}");
            device
                .wait_until("an error", PATIENCE, |lines| {
                    let errors = lines.iter().filter(|line| line.level == Level::Error);
                    let line = errors.clone().next_back()?;
                    let declared = u64::from(length) + 4;
                    (errors.count() > before && line.message.contains(&declared.to_string())).then_some(())
                })
                .unwrap();
            assert_eq!(ask(device.addr(UPPER), b"still there").unwrap(), b"STILL THERE");
        }
    }

    pub(crate) fn frames_far_beyond_the_ring(device: &Device) {
        let mut noise = Noise(4);
        for len in [508, 509, 4096, 100_000, (1 << 20) - 4] {
            let wire = frame(&noise.bytes(len));
            assert!(exchange(device.addr(UPPER), &wire, usize::MAX) == upper(&wire), "{len}");
        }
    }
}
