//! The services over smoltcp, clients and all on one interface, with a clock that the tests move.

use ringframe_services::disk::{BLOCK, Disk};
use ringframe_services::link::{Connection, Report};
use ringframe_services::messages::{Counters, Reply, Request};
use ringframe_services::sealed::{RECEIVE, SEND, Sealed};
use ringframe_services::{Board, Fault, Kind, MAX_FRAME, Node, RING, Service};

use ringframe::{DecodeError, Decoder, EndError, formats};
use ringframe_io::noise::{Ephemeral, Handshake, HandshakeError, Key, LinkError, Opener, Sealer};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

const ADDRESS: IpAddress = IpAddress::v4(127, 0, 0, 1);
const PORTS: [(u16, fn() -> Service); 4] =
    [(7878, || Service::Upper), (7879, || Service::Echo), (7880, || Service::Typed), (7881, Service::files)];
const UPPER: u16 = 7878;
const ECHO: u16 = 7879;
const TYPED: u16 = 7880;
const FILES: u16 = 7881;
const SEALED: u16 = 7882;

static KEYS: [Key; 2] = [Key::new([1; 32]), Key::new([2; 32])];

/// After so many milliseconds without a byte an exchange is over; the clients delay their acknowledgements by 10.
const QUIET: u64 = 15;

struct FakeBoard {
    uptime: u64,
    leds: u8,
}

impl Board for FakeBoard {
    const LEDS: u8 = 2;

    fn uptime(&self) -> u64 {
        self.uptime
    }

    fn set_led(&mut self, index: u8, on: bool) {
        assert!(index < Self::LEDS);
        self.leds = self.leds & !(1 << index) | u8::from(on) << index;
    }

    fn leds(&self) -> u8 {
        self.leds
    }

    fn random(&mut self) -> [u8; 32] {
        // Nobody listens here.
        [0x22; 32]
    }
}

/// A device, its network and its peers.
struct World {
    now: Instant,
    interface: Interface,
    wire: Loopback,
    sockets: SocketSet<'static>,
    connections: Vec<(SocketHandle, u16, Connection)>,
    node: Node<'static, FakeBoard>,
    reports: Vec<(u16, Report)>,
    next_port: u16,
}

fn socket(size: usize) -> Socket<'static> {
    Socket::new(SocketBuffer::new(vec![0; size]), SocketBuffer::new(vec![0; size]))
}

impl World {
    fn new() -> Self {
        let mut wire = Loopback::new(Medium::Ip);
        let now = Instant::ZERO;
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut wire, now);
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(ADDRESS, 8)).unwrap());
        let mut sockets = SocketSet::new(vec![]);
        let mut connections = vec![];
        for _ in 0..4 {
            for (port, service) in PORTS {
                // Odd sizes, so that the socket's rings wrap anywhere.
                connections.push((sockets.add(socket(3001)), port, Connection::new(port, service)));
            }
        }
        for _ in 0..2 {
            let sealed =
                Sealed::new(&KEYS, Box::leak(Box::new([0; RECEIVE])), Box::leak(Box::new([0; SEND])));
            let connection = Connection::sealed(SEALED, || Service::Upper, Box::leak(Box::new(sealed)));
            connections.push((sockets.add(socket(3001)), SEALED, connection));
        }
        let disk = Disk::new(vec![[0xaa; BLOCK]; 1024].leak(), vec![0xaaaa; 1024].leak());
        let node = Node {
            board: FakeBoard { uptime: 0, leds: 0 },
            disk,
            counters: Counters::default(),
            version: "1.2.3",
        };
        let (reports, next_port) = (vec![], 50_000);
        let mut world = Self { now, interface, wire, sockets, connections, node, reports, next_port };
        world.run(2);
        world
    }

    /// So many milliseconds in the life of the device.
    fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += Duration::from_millis(1);
            self.node.board.uptime += 1;
            self.interface.poll(self.now, &mut self.wire, &mut self.sockets);
            for (handle, port, connection) in &mut self.connections {
                let socket = self.sockets.get_mut(*handle);
                while let Some(report) = connection.turn(socket, self.now, &mut self.node) {
                    self.reports.push((*port, report));
                }
            }
        }
    }

    /// Time passes without a poll in between.
    fn skip(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.run(1);
    }

    fn connect(&mut self, port: u16) -> Client {
        let handle = self.sockets.add(socket(5003));
        self.next_port += 1;
        let socket = self.sockets.get_mut::<Socket>(handle);
        socket.set_nagle_enabled(false);
        socket.connect(self.interface.context(), (ADDRESS, port), self.next_port).unwrap();
        self.run(3);
        assert_eq!(self.sockets.get::<Socket>(handle).state(), State::Established);
        Client(handle)
    }

    /// How connections ended, in order.
    fn ends(&self) -> Vec<(u16, Result<(), Fault>)> {
        let end = |(port, report): &(u16, Report)| match report {
            Report::Closed(end) => Some((*port, *end)),
            Report::Opened(_) => None,
        };
        self.reports.iter().filter_map(end).collect()
    }
}

#[derive(Clone, Copy)]
struct Client(SocketHandle);

impl Client {
    fn socket(self, world: &mut World) -> &mut Socket<'static> {
        world.sockets.get_mut(self.0)
    }

    /// Sends as much as the device takes, at most `piece` bytes in a millisecond, and takes what it answers.
    fn exchange(self, world: &mut World, mut out: &[u8], piece: usize) -> Vec<u8> {
        let mut received = vec![];
        let mut quiet = 0u64;
        while quiet < QUIET {
            let socket = self.socket(world);
            let mut moved = 0;
            if socket.can_send() && !out.is_empty() {
                let n = socket.send_slice(&out[..piece.min(out.len())]).unwrap();
                out = &out[n..];
                moved += n;
            }
            if socket.can_recv() {
                moved += socket
                    .recv(|bytes| {
                        received.extend_from_slice(bytes);
                        (bytes.len(), bytes.len())
                    })
                    .unwrap();
            }
            world.run(1);
            quiet = if moved > 0 { 0 } else { quiet + 1 };
        }
        assert!(out.is_empty() || !self.socket(world).may_send(), "{} bytes were not taken", out.len());
        received
    }

    fn close(self, world: &mut World) {
        self.socket(world).close();
        world.run(5);
    }

    fn json(self, world: &mut World, value: &Value, content: &[u8]) -> (Vec<Value>, Vec<u8>) {
        let wire = [frame(value.to_string().as_bytes()), content.to_vec()].concat();
        parse(&self.exchange(world, &wire, usize::MAX))
    }
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[..], payload].concat()
}

/// Frames of JSON, and the content behind the first that announces some.
fn parse(mut bytes: &[u8]) -> (Vec<Value>, Vec<u8>) {
    let mut frames: Vec<Value> = vec![];
    let mut content = vec![];
    while let Some((length, rest)) = bytes.split_at_checked(4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let (json, rest) = rest.split_at(length);
        frames.push(serde_json::from_slice(json).unwrap());
        bytes = rest;
        let last = frames.last().unwrap();
        if let Some(size) = last["size"].as_u64().filter(|_| last.get("sha256").is_none()) {
            let (now, rest) = rest.split_at(size as usize);
            content = now.to_vec();
            bytes = rest;
        }
    }
    assert!(bytes.is_empty());
    (frames, content)
}

fn noise(seed: usize, len: usize) -> Vec<u8> {
    let mut state = seed as u32 * 2 + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn frames_of_every_size_in_every_cut() {
    let mut world = World::new();
    let edges = [0, 1, 4, RING - 5, RING - 4, RING - 3, RING, 2 * RING - 4, 2 * RING, 4096, 100_000];
    for (port, change) in
        [(UPPER, <[u8]>::to_ascii_uppercase as fn(&[u8]) -> Vec<u8>), (ECHO, <[u8]>::to_vec)]
    {
        for piece in [1, 7, 511, 4096] {
            let client = world.connect(port);
            let sizes = if piece < 511 { &edges[..9] } else { &edges[..] };
            let messages: Vec<_> = sizes.iter().enumerate().map(|(i, len)| noise(i, *len)).collect();
            let wire: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
            let expected: Vec<u8> = messages.iter().flat_map(|message| frame(&change(message))).collect();
            assert!(client.exchange(&mut world, &wire, piece) == expected, "{port}, by {piece}");
            client.close(&mut world);
        }
    }
    assert_eq!(world.ends().len(), 8);
    assert!(world.ends().iter().all(|(_, end)| end.is_ok()));
    assert_eq!(world.node.counters.frames as usize, 2 * (2 * 9 + 2 * 11));
    assert_eq!(world.node.counters.received, world.node.counters.sent);
}

#[test]
fn the_largest_frame_and_one_byte_more() {
    let mut world = World::new();
    let largest = noise(3, MAX_FRAME as usize - 4);
    let client = world.connect(ECHO);
    assert!(client.exchange(&mut world, &frame(&largest), usize::MAX) == frame(&largest));
    client.close(&mut world);
    let client = world.connect(ECHO);
    let wire = [frame(b"before"), frame(&[0; MAX_FRAME as usize - 3])].concat();
    assert_eq!(client.exchange(&mut world, &wire, usize::MAX), frame(b"before"));
    let too_long = DecodeError::TooLong { declared: MAX_FRAME + 1, limit: MAX_FRAME };
    assert_eq!(world.ends(), [(ECHO, Ok(())), (ECHO, Err(Fault::Protocol(too_long)))]);
}

#[test]
fn hostile_lengths_never_stop_the_device() {
    let mut world = World::new();
    for round in 0..20 {
        let client = world.connect(UPPER);
        let answer = client.exchange(&mut world, &[0xff; 40], usize::MAX);
        assert_eq!(answer, b"");
        assert!(!client.socket(&mut world).may_recv(), "closed by the device");
        assert_eq!(world.ends().len(), round + 1);
        client.close(&mut world);
        let honest = world.connect(UPPER);
        assert_eq!(honest.exchange(&mut world, &frame(b"still there"), 3), frame(b"STILL THERE"));
        honest.socket(&mut world).abort();
        world.run(5);
        world.reports.retain(|(_, report)| *report != Report::Closed(Err(Fault::Reset)));
    }
    assert_eq!(world.node.counters.faults, 40);
    let Counters { frames, received, sent, .. } = world.node.counters;
    assert_eq!((frames, sent), (20, 20 * 15));
    assert!(received >= 20 * 15, "{received}");
}

#[test]
fn four_at_once_and_one_that_never_reads() {
    let mut world = World::new();
    let clients: Vec<_> = (0..4).map(|_| world.connect(UPPER)).collect();
    // One sends until the device takes no more: nothing is lost, and the device still has its memory.
    let message = frame(&[b'x'; 300]);
    let flood = message.repeat(100);
    let mut sent = 0;
    for _ in 0..200 {
        sent += clients[0].socket(&mut world).send_slice(&flood[sent..]).unwrap();
        world.run(1);
    }
    assert!(
        sent < flood.len(),
        "the device took {sent} bytes of {} that it can't have answered",
        flood.len()
    );
    for (i, client) in clients.iter().enumerate().skip(1) {
        let text = format!("client {i}");
        let answer = client.exchange(&mut world, &frame(text.as_bytes()), 1);
        assert_eq!(answer, frame(text.to_uppercase().as_bytes()));
    }
    let answers = clients[0].exchange(&mut world, &flood[sent..], usize::MAX);
    assert!(answers == flood.to_ascii_uppercase());
}

#[test]
fn the_answers_to_a_half_closed_peer() {
    let mut world = World::new();
    let client = world.connect(ECHO);
    let wire = frame(&noise(1, 700)).repeat(4);
    let n = client.socket(&mut world).send_slice(&wire).unwrap();
    assert_eq!(n, wire.len());
    client.socket(&mut world).close();
    assert!(client.exchange(&mut world, &[], 1) == wire);
    assert_eq!(world.ends(), [(ECHO, Ok(()))]);
}

#[test]
fn ends_inside_a_frame() {
    let mut world = World::new();
    for (wire, error) in [
        (&b"\0\0\0\x09hel"[..], EndError::Truncated { have: 7, want: 13 }),
        (b"\0\0", EndError::Truncated { have: 2, want: 4 }),
        (b"\0\0\x10\0part", EndError::TruncatedPayload { missing: 4092 }),
    ] {
        let client = world.connect(UPPER);
        client.exchange(&mut world, wire, usize::MAX);
        client.close(&mut world);
        assert_eq!(world.ends().last(), Some(&(UPPER, Err(Fault::Truncated(error)))));
    }
}

#[test]
fn times() {
    let mut world = World::new();
    let slow = world.connect(UPPER);
    let idle = world.connect(TYPED);
    let paused = world.connect(FILES);
    let put = frame(br#"{"op":"put","name":"a","size":10}"#);
    paused.exchange(&mut world, &put, usize::MAX);
    slow.exchange(&mut world, b"\0\0\0\x50a", usize::MAX);
    for _ in 0..29 {
        world.skip(1000);
        slow.exchange(&mut world, b"a", 1);
    }
    assert_eq!(world.ends(), []);
    world.skip(2000);
    let ends = world.ends();
    assert!(ends.contains(&(UPPER, Err(Fault::TooSlow))), "{ends:?}");
    assert!(ends.contains(&(FILES, Err(Fault::Idle))), "{ends:?}");
    for _ in 0..260 {
        world.skip(1000);
    }
    assert_eq!(world.ends().len(), 2);
    for _ in 0..20 {
        world.skip(1000);
    }
    assert_eq!(world.ends()[2], (TYPED, Err(Fault::Idle)));
    assert_eq!(world.node.disk.free(), 1 << 20, "the file that was never complete is gone");
    assert!(!idle.socket(&mut world).may_recv());
}

/// Its buffers are full, and the device's; nobody else has to wait for it, and in the end not the device either.
#[test]
fn a_peer_that_takes_no_answers() {
    let mut world = World::new();
    let client = world.connect(FILES);
    let content = noise(1, 100_000);
    client.json(&mut world, &json!({"op": "put", "name": "a", "size": 100_000}), &content);
    let reader = world.connect(FILES);
    reader.socket(&mut world).send_slice(&frame(br#"{"op":"get","name":"a"}"#)).unwrap();
    let flooder = world.connect(ECHO);
    for _ in 0..29 {
        // It sends all the time, but takes nothing.
        let _ = flooder.socket(&mut world).send_slice(&frame(&[0; 1000]).repeat(5));
        world.run(20);
        world.skip(1000);
        assert_eq!(world.ends(), []);
    }
    world.skip(2000);
    let mut ends = world.ends();
    ends.sort_by_key(|(port, _)| *port);
    assert_eq!(ends, [(ECHO, Err(Fault::Stalled)), (FILES, Err(Fault::Stalled))]);
}

#[test]
fn pauses_around_the_content_of_a_file_are_short_as_well() {
    for (request, content) in [
        (&br#"{"op":"put","name":"a","size":1048576,"resume":true}"#[..], &b""[..]),
        (br#"{"op":"put","name":"a","size":3,"trailer":true}"#, b"abc"),
    ] {
        let mut world = World::new();
        let client = world.connect(FILES);
        client.exchange(&mut world, &[&frame(request)[..], content].concat(), usize::MAX);
        assert!(world.node.disk.free() < 1 << 20);
        world.skip(31_000);
        assert_eq!(world.ends(), [(FILES, Err(Fault::Idle))]);
        assert_eq!(world.node.disk.free(), 1 << 20);
    }
}

/// After its last packet a socket does not wait for another turn: who connects before that would be refused.
#[test]
fn a_closed_socket_listens_at_once() {
    let mut world = World::new();
    for _ in 0..20 {
        let clients: Vec<_> = (0..4).map(|_| world.connect(UPPER)).collect();
        for client in clients {
            client.socket(&mut world).close();
        }
        for _ in 0..30 {
            world.run(1);
            for (handle, ..) in &world.connections {
                assert_ne!(world.sockets.get::<Socket>(*handle).state(), State::Closed);
            }
        }
        let states =
            world.connections.iter().map(|(handle, ..)| world.sockets.get::<Socket>(*handle).state());
        assert!(states.into_iter().all(|state| state == State::Listen));
    }
}

#[test]
fn typed_requests() {
    let mut world = World::new();
    let client = world.connect(TYPED);
    let ask = |world: &mut World, request: &[u8]| {
        let answer = client.exchange(world, &frame(request), 1);
        let mut decoder = Decoder::new(formats::U32_BE, [0; 256]);
        let mut input = &answer[..];
        let frame = decoder.next_frame(&mut input).unwrap().unwrap();
        assert!(input.is_empty());
        match frame.message::<Reply>().unwrap() {
            Reply::Info(info) => {
                assert_eq!((info.version, info.ring_free), ("1.2.3", RING as u32));
                assert_eq!((info.disk_free, info.counters.connections), (1 << 20, 1));
                let now = world.node.board.uptime;
                assert!((now - 2 * QUIET..now).contains(&info.uptime), "{info:?} at {now}");
                Reply::Pong
            }
            Reply::Pong => Reply::Pong,
            Reply::Leds { lit, count } => Reply::Leds { lit, count },
            Reply::NoSuchLed { count } => Reply::NoSuchLed { count },
            Reply::NotUnderstood => Reply::NotUnderstood,
        }
    };
    let bytes = |request: Request| postcard_bytes(&request);
    assert_eq!(ask(&mut world, &bytes(Request::Ping)), Reply::Pong);
    assert_eq!(ask(&mut world, &bytes(Request::Info)), Reply::Pong);
    for (index, on, lit) in [(1, true, 2), (0, true, 3), (1, false, 1), (1, false, 1)] {
        let reply = Reply::Leds { lit, count: 2 };
        assert_eq!(ask(&mut world, &bytes(Request::SetLed { index, on })), reply);
        assert_eq!(ask(&mut world, &bytes(Request::ReadLeds)), reply);
    }
    for index in [2, 8, 255] {
        let request = bytes(Request::SetLed { index, on: true });
        assert_eq!(ask(&mut world, &request), Reply::NoSuchLed { count: 2 });
    }
    // A good frame that is no request leaves the link in step.
    let noise = noise(1, 400);
    for nonsense in [&b""[..], b"\xff", b"\0\0", b"\x02\0", b"\x02\0\x07", &noise] {
        assert_eq!(ask(&mut world, nonsense), Reply::NotUnderstood, "{nonsense:?}");
    }
    assert_eq!(ask(&mut world, &bytes(Request::Ping)), Reply::Pong);
    // Requests that come together are answered in order.
    let pings = frame(&bytes(Request::Ping)).repeat(1000);
    assert_eq!(client.exchange(&mut world, &pings, usize::MAX), frame(&[0]).repeat(1000));
    // A frame larger than the ring can't be a request.
    client.exchange(&mut world, &frame(&[0; RING - 3]), usize::MAX);
    let too_long = DecodeError::TooLong { declared: RING as u64 + 1, limit: RING as u64 };
    assert_eq!(world.ends(), [(TYPED, Err(Fault::Protocol(too_long)))]);
}

fn postcard_bytes(request: &Request) -> Vec<u8> {
    let mut encoder = ringframe::Encoder::new(formats::U32_BE, [0; 64]);
    encoder.push_message(request).unwrap();
    encoder.pending().0[4..].to_vec()
}

#[test]
fn files_of_every_size_there_and_back() {
    let mut world = World::new();
    let client = world.connect(FILES);
    for size in [0, 1, RING, BLOCK - 1, BLOCK, BLOCK + 1, 100_000, 1 << 20] {
        let content = noise(size, size);
        let hash = sha256(&content);
        let put = json!({"op": "put", "name": "a", "size": size, "overwrite": true});
        if size == 1 << 20 {
            // The old one stays until the new one is complete, so they don't fit together.
            let (answers, _) = client.json(&mut world, &put, &content);
            assert_eq!(answers, [json!({"ok": false, "kind": "no-space", "error": "948224 bytes are free"})]);
            world = World::new();
        }
        let client = if size == 1 << 20 { world.connect(FILES) } else { client };
        let (answers, _) = client.json(&mut world, &put, &content);
        assert_eq!(answers, [json!({"ok": true, "size": size, "sha256": hash})]);
        let (answers, back) = client.json(&mut world, &json!({"op": "get", "name": "a"}), &[]);
        assert_eq!(answers, [json!({"ok": true, "size": size}), json!({"ok": true, "sha256": hash})]);
        assert!(back == content);
    }
    assert_eq!(world.node.disk.free(), 0);
}

/// Everything at once, cut into single bytes.
#[test]
fn a_conversation_byte_by_byte() {
    let mut world = World::new();
    let client = world.connect(FILES);
    let content = noise(5, 3000);
    let hash = sha256(&content);
    let wire = [
        frame(br#"{"op":"put","name":"\u00fc \"quoted\"","size":3000,"trailer":true}"#),
        content.clone(),
        frame(json!({ "sha256": hash.to_uppercase() }).to_string().as_bytes()),
        frame(br#" { "future": [1, {"a": null}], "op" : "ls" } "#),
        frame(br#"{"op":"put","name":"b","size":3000,"resume":true}"#),
        frame(br#"{"offset":0,"nested":[[[[[[["]]{{"]]]]]]]}"#),
        content.clone(),
        frame(br#"{"\u006fp":"l\u0073","after":"b"}"#),
        frame(br#"{"op":"get","name":"\u00fc \"quoted\"","offset":17,"prefix_sha256":"00"}"#),
    ];
    let (answers, back) = parse(&client.exchange(&mut world, &wire.concat(), 1));
    let name = "ü \"quoted\"";
    assert_eq!(answers[0], json!({"ok": true, "size": 3000, "sha256": hash}));
    assert_eq!(answers[1], json!({"ok": true, "files": [{"name": name, "size": 3000}], "more": false}));
    assert_eq!(answers[2], json!({"ok": true, "offset": 0, "sha256": sha256(b"")}));
    assert_eq!(answers[3], json!({"ok": true, "size": 3000, "sha256": hash}));
    assert_eq!(answers[4], json!({"ok": true, "files": [{"name": name, "size": 3000}], "more": false}));
    assert_eq!(answers[5], json!({"ok": true, "size": 3000, "offset": 0}));
    assert_eq!(answers[6], json!({"ok": true, "sha256": hash}));
    assert_eq!(answers.len(), 7);
    assert!(back == content);
}

#[test]
fn refusals_after_which_the_link_is_in_step() {
    let mut world = World::new();
    let client = world.connect(FILES);
    for (request, kind) in [
        (json!({"op": "get", "name": "nobody"}), "not-found"),
        (json!({"op": "get", "name": "../etc/passwd"}), "forbidden"),
        (json!({"op": "get", "name": "x".repeat(65)}), "forbidden"),
        (json!({"op": "get"}), "bad-request"),
        (json!({"op": "delete", "name": "a"}), "bad-request"),
        (json!({}), "bad-request"),
    ] {
        let (answers, _) = client.json(&mut world, &request, &[]);
        assert_eq!(answers.len(), 1, "{request}");
        assert_eq!((&answers[0]["ok"], &answers[0]["kind"]), (&json!(false), &json!(kind)), "{request}");
    }
    assert_eq!(world.ends(), []);
}

#[test]
fn refusals_that_end_the_connection() {
    let mut world = World::new();
    let client = world.connect(FILES);
    let (answers, _) = client.json(&mut world, &json!({"op": "put", "name": "a", "size": 1}), b"x");
    assert_eq!(answers[0]["ok"], json!(true));
    let nested = "[".repeat(RING - 4);
    let too_deep = format!(r#"{{"op":"ls","x":{}{}}}"#, "[".repeat(8), "]".repeat(8));
    let put = |name: &str, size: u64| json!({"op": "put", "name": name, "size": size}).to_string();
    for (request, kind) in [
        (put("a", 1), Kind::Exists),
        (put("..", 1), Kind::Forbidden),
        (put("b\u{1b}[2J", 1), Kind::Forbidden),
        (put("b", (1 << 20) - 1023), Kind::NoSpace),
        (put("b", u64::MAX), Kind::NoSpace),
        (r#"{"op":"put","name":"b"}"#.into(), Kind::BadRequest),
        (r#"{"op":"put","name":"b","size":-1}"#.into(), Kind::BadRequest),
        (r#"{"op":"put","name":"b","size":1,"sha256":"short"}"#.into(), Kind::BadRequest),
        (r#"{"op":"put","name":"b","size":1} {"#.into(), Kind::BadRequest),
        ("\u{0}".into(), Kind::BadRequest),
        (String::new(), Kind::BadRequest),
        (nested, Kind::BadRequest),
        (too_deep, Kind::BadRequest),
    ] {
        let client = world.connect(FILES);
        let wire = [frame(request.as_bytes()), b"and its content".to_vec()].concat();
        let (answers, _) = parse(&client.exchange(&mut world, &wire, usize::MAX));
        assert_eq!(answers.len(), 1, "{request}");
        assert_eq!(
            (&answers[0]["ok"], &answers[0]["kind"]),
            (&json!(false), &json!(kind.name())),
            "{request}"
        );
        assert_eq!(world.ends().pop(), Some((FILES, Err(Fault::Refused(kind)))), "{request}");
        assert!(!client.socket(&mut world).may_recv());
        client.close(&mut world);
        assert_eq!(world.node.disk.free(), (1 << 20) - BLOCK as u32, "nothing of it is kept");
    }
}

#[test]
fn content_with_another_hash_never_appears() {
    let mut world = World::new();
    let wrong = sha256(b"something else");
    for put in [
        json!({"op": "put", "name": "a", "size": 5, "sha256": wrong}),
        json!({"op": "put", "name": "a", "size": 5, "trailer": true}),
    ] {
        let client = world.connect(FILES);
        let trailer = frame(json!({ "sha256": wrong }).to_string().as_bytes());
        let content =
            if put.get("trailer").is_some() { [b"hello", &trailer[..]].concat() } else { b"hello".to_vec() };
        let (answers, _) = client.json(&mut world, &put, &content);
        assert_eq!(answers[0]["kind"], json!("integrity"));
        let (answers, _) = client.json(&mut world, &json!({"op": "ls"}), &[]);
        assert_eq!(answers, [json!({"ok": true, "files": [], "more": false})]);
    }
    // A trailer must not contradict what was announced.
    let client = world.connect(FILES);
    let put = json!({"op": "put", "name": "a", "size": 5, "sha256": wrong, "trailer": true});
    let trailer = frame(json!({ "sha256": sha256(b"hello") }).to_string().as_bytes());
    let (answers, _) = client.json(&mut world, &put, &[b"hello", &trailer[..]].concat());
    assert_eq!(answers[0]["error"], json!("the hashes before and behind the content differ"));
    assert_eq!(world.node.disk.free(), 1 << 20);
}

#[test]
fn uploads_that_stop_leave_nothing_behind() {
    let mut world = World::new();
    let begun = [frame(br#"{"op":"put","name":"a","size":5000}"#), vec![1; 2000]].concat();
    let trailer =
        [frame(br#"{"op":"put","name":"b","size":2,"trailer":true}"#), vec![0, 0, 0xff, 0xff]].concat();
    for abrupt in [true, false] {
        let first = world.connect(FILES);
        first.exchange(&mut world, &begun, usize::MAX);
        let second = world.connect(FILES);
        let (answers, _) = second.json(&mut world, &json!({"op": "put", "name": "a", "size": 1}), b"x");
        assert_eq!(answers[0]["kind"], json!("busy"));
        if abrupt {
            first.socket(&mut world).abort();
        } else {
            first.socket(&mut world).close();
        }
        world.run(5);
        let fault = if abrupt { Fault::Reset } else { Fault::Content { missing: 3000 } };
        assert_eq!(world.ends().pop(), Some((FILES, Err(fault))));
        assert_eq!(world.node.disk.free(), 1 << 20);
    }
    // All of the content, and then the end instead of the trailer.
    let client = world.connect(FILES);
    client.exchange(&mut world, &trailer[..trailer.len() - 2], usize::MAX);
    client.close(&mut world);
    assert_eq!(world.ends().pop(), Some((FILES, Err(Fault::Content { missing: 0 }))));
    // A trailer that is no frame: the file that waits for it is given up as well.
    let client = world.connect(FILES);
    client.exchange(&mut world, &[&trailer[..], &[0xff; 8]].concat(), usize::MAX);
    assert!(matches!(world.ends().pop(), Some((FILES, Err(Fault::Protocol(_))))));
    assert_eq!(world.node.disk.free(), 1 << 20);
}

#[test]
fn a_file_that_is_replaced_while_it_is_sent() {
    let mut world = World::new();
    let writer = world.connect(FILES);
    let content = noise(1, 200_000);
    writer.json(&mut world, &json!({"op": "put", "name": "a", "size": 200_000}), &content);
    let reader = world.connect(FILES);
    let get = frame(br#"{"op":"get","name":"a"}"#);
    reader.socket(&mut world).send_slice(&get).unwrap();
    world.run(20);
    writer.json(&mut world, &json!({"op": "put", "name": "a", "size": 3, "overwrite": true}), b"new");
    let received = reader.exchange(&mut world, &[], 1);
    assert!(received.len() < 200_000, "{}", received.len());
    assert_eq!(world.ends(), [(FILES, Err(Fault::Replaced))]);
}

#[test]
fn a_list_that_is_cut_goes_on_where_it_stopped() {
    let mut world = World::new();
    let client = world.connect(FILES);
    let names: Vec<String> = (0..16).map(|i| format!("{i:02}{}", "\"".repeat(50))).collect();
    for name in &names {
        client.json(&mut world, &json!({"op": "put", "name": name, "size": 1}), b"x");
    }
    let (answers, _) = client.json(&mut world, &json!({"op": "put", "name": "z", "size": 1}), b"x");
    assert_eq!(answers[0]["error"], json!("there are 16 files already"));
    let client = world.connect(FILES);
    let mut listed = vec![];
    let mut pages = 0;
    loop {
        let after = listed.last().cloned().unwrap_or_default();
        let (answers, _) = client.json(&mut world, &json!({"op": "ls", "after": after}), &[]);
        let files = answers[0]["files"].as_array().unwrap();
        listed.extend(files.iter().map(|file| file["name"].as_str().unwrap().to_string()));
        pages += 1;
        if answers[0]["more"] == json!(false) {
            break;
        }
        assert!(!files.is_empty());
    }
    assert_eq!(listed, names);
    assert!(pages > 1);
}

/// The same service on authenticated links.
mod sealed {
    use super::*;

    /// A client's end of a link.
    struct Link {
        client: Client,
        opener: Opener<Vec<u8>>,
        sealer: Sealer<Vec<u8>>,
    }

    impl Link {
        fn new(world: &mut World, key: &Key, piece: usize) -> Self {
            let client = world.connect(SEALED);
            let mut handshake = Handshake::client(key, Ephemeral::new([0x11; 32]));
            let answer = client.exchange(world, handshake.pending(), piece);
            handshake.read(&mut &answer[..]).unwrap();
            let session = handshake.session().expect("the device has the key");
            let (opener, sealer) = session.try_split(vec![0; 4112], vec![0; 1 << 16]).unwrap();
            Self { client, opener, sealer }
        }

        fn seal(&mut self, mut plaintext: &[u8]) -> Vec<u8> {
            let mut wire = vec![];
            while !plaintext.is_empty() {
                let n = self.sealer.seal(plaintext).unwrap();
                plaintext = &plaintext[n..];
                wire.extend_from_slice(self.sealer.pending());
                self.sealer.advance(usize::MAX);
            }
            wire
        }

        fn end(&mut self) -> Vec<u8> {
            self.sealer.end().unwrap();
            self.sealer.pending().to_vec()
        }

        fn open(&mut self, mut wire: &[u8]) -> Vec<u8> {
            let mut plaintext = vec![];
            while let Some(data) = self.opener.open(&mut wire).unwrap().data() {
                plaintext.extend_from_slice(data);
                self.opener.consume(usize::MAX);
            }
            plaintext
        }

        fn exchange(&mut self, world: &mut World, plaintext: &[u8], piece: usize) -> Vec<u8> {
            let wire = self.seal(plaintext);
            let received = self.client.exchange(world, &wire, piece);
            self.open(&received)
        }
    }

    #[test]
    fn frames_of_every_size_in_every_cut_one_link_after_another() {
        let mut world = World::new();
        let sizes = [0, 1, RING - 4, RING - 3, 2 * RING, 4092, 4096, 20_000];
        let messages: Vec<_> = sizes.iter().enumerate().map(|(i, len)| noise(i, *len)).collect();
        let wire: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let upper: Vec<u8> =
            messages.iter().flat_map(|message| frame(&message.to_ascii_uppercase())).collect();
        for (round, piece) in [7, 511, 4096, usize::MAX].into_iter().enumerate() {
            let mut link = Link::new(&mut world, &KEYS[round % 2], piece);
            assert!(link.exchange(&mut world, &wire, piece) == upper, "by {piece}");
            assert_eq!(link.opener.end_of_input(), Err(LinkError::Truncated), "not yet");
            let end = link.end();
            link.client.socket(&mut world).send_slice(&end).unwrap();
            link.client.socket(&mut world).close();
            let rest = link.client.exchange(&mut world, &[], 1);
            assert_eq!((link.open(&rest), link.opener.end_of_input()), (vec![], Ok(())));
        }
        assert_eq!(world.ends(), [(SEALED, Ok(())); 4]);
    }

    #[test]
    fn two_at_once_and_one_that_never_reads() {
        let mut world = World::new();
        let mut links = [0, 1].map(|i| Link::new(&mut world, &KEYS[i], usize::MAX));
        let flood = frame(&[b'x'; 300]).repeat(100);
        let wire = links[0].seal(&flood);
        let mut sent = 0;
        for _ in 0..200 {
            sent += links[0].client.socket(&mut world).send_slice(&wire[sent..]).unwrap();
            world.run(1);
        }
        assert!(sent < wire.len(), "the device took all without room for the answers");
        assert_eq!(links[1].exchange(&mut world, &frame(b"hello"), 1), frame(b"HELLO"));
        let answers = links[0].client.exchange(&mut world, &wire[sent..], usize::MAX);
        assert!(links[0].open(&answers) == flood.to_ascii_uppercase());
    }

    #[test]
    fn who_has_no_key_gets_no_answer() {
        let mut world = World::new();
        let hello = |key| Handshake::client(&Key::new(key), Ephemeral::new([0x11; 32])).pending().to_vec();
        for (wire, error) in [
            (hello([3; 32]), HandshakeError::Authentication),
            (frame(b"plain"), HandshakeError::Prologue { at: 0, found: 0 }),
            (b"GET / HTTP/1.1".to_vec(), HandshakeError::Prologue { at: 0, found: b'G' }),
            (hello([1; 32])[..57].to_vec(), HandshakeError::Closed),
        ] {
            let client = world.connect(SEALED);
            client.socket(&mut world).send_slice(&wire).unwrap();
            if error == HandshakeError::Closed {
                client.socket(&mut world).close();
            }
            assert_eq!(client.exchange(&mut world, &[], 1), b"", "not a byte");
            assert!(!client.socket(&mut world).may_recv(), "closed by the device");
            client.close(&mut world);
            assert_eq!(world.ends().pop(), Some((SEALED, Err(Fault::Handshake(error)))));
            world.run(1100);
        }
        // And those who have one are served.
        let mut link = Link::new(&mut world, &KEYS[1], 1);
        assert_eq!(link.exchange(&mut world, &frame(b"hello"), 1), frame(b"HELLO"));
    }

    #[test]
    fn a_handshake_has_ten_seconds() {
        let mut world = World::new();
        let client = world.connect(SEALED);
        client.exchange(&mut world, b"\xf1", 1);
        world.skip(9_900);
        assert_eq!(world.ends(), []);
        world.skip(200);
        assert_eq!(world.ends(), [(SEALED, Err(Fault::TooSlow))]);
    }

    /// The peer finds no clean end either, where the device has found something wrong.
    #[test]
    fn links_that_are_cut_or_tampered_with() {
        let mut world = World::new();
        for (tamper, error) in [(false, LinkError::Truncated), (true, LinkError::Authentication)] {
            let mut link = Link::new(&mut world, &KEYS[0], usize::MAX);
            assert_eq!(link.exchange(&mut world, &frame(b"whole"), 1), frame(b"WHOLE"));
            let mut wire = link.seal(&frame(b"not"));
            wire[10] ^= u8::from(tamper);
            let client = link.client;
            let n = if tamper { wire.len() } else { 20 };
            client.socket(&mut world).send_slice(&wire[..n]).unwrap();
            client.socket(&mut world).close();
            let rest = client.exchange(&mut world, &[], 1);
            assert_eq!(rest, b"", "not even the end");
            assert_eq!(link.opener.end_of_input(), Err(LinkError::Truncated));
            assert_eq!(world.ends().pop(), Some((SEALED, Err(Fault::Link(error)))));
        }
    }

    /// What is wrong in the frames is no fault of the link: the answers before it arrive, and a clean end.
    #[test]
    fn a_hostile_length_ends_the_link_in_order() {
        let mut world = World::new();
        let mut link = Link::new(&mut world, &KEYS[0], usize::MAX);
        let wire = [frame(b"before"), vec![0xff; 40]].concat();
        assert_eq!(link.exchange(&mut world, &wire, usize::MAX), frame(b"BEFORE"));
        assert_eq!(link.opener.end_of_input(), Ok(()));
        assert!(matches!(world.ends()[..], [(SEALED, Err(Fault::Protocol(_)))]));
    }
}
