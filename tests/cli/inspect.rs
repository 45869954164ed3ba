//! `inspect`: recorded streams, and captures that are put together here, packet by packet.

use std::path::PathBuf;

use etherparse::PacketBuilder;
use serde_json::{Value, json};

use crate::support::{Process, file, frame, ringframe, run};

#[test]
fn a_line_for_each_frame() {
    let large = vec![b'.'; 100_000];
    let stream = [frame(b"hello"), frame(b""), frame("\x1b[2J grüß".as_bytes()), frame(&large)].concat();
    let lines = "     0          0  00000005        5  hello\n     \
                      1          9  00000000        0\n     \
                      2         13  0000000b       11  \\x1b[2J grüß\n     \
                      3         28  000186a0   100000  "
        .to_owned()
        + &".".repeat(60)
        + "…\n";
    run(["inspect"], &stream).fine().prints(&lines);
    run(["inspect", "-"], &stream).fine().prints(&lines);
    let path = file("inspect-lines.bin", &stream);
    run(["inspect".as_ref(), path.as_os_str()], b"").fine().prints(&lines);
    // Bytes in front are skipped, and count.
    let skipped = run(["inspect", "-", "--skip", "3"], &[b"pre", &stream[..]].concat()).fine().text();
    assert!(skipped.starts_with("     0          3  00000005        5  hello\n"), "{skipped}");
}

#[test]
fn an_object_for_each_frame() {
    let stream = [b"Q\0\0\0\x0dSELECT 1\0".to_vec(), b"X\0\0\0\x04".to_vec()].concat();
    let objects = run(["inspect", "-", "--json", "--wire", "postgres"], &stream).fine().json();
    let expected = [
        json!({"index": 0, "offset": 0, "length": 14, "header_length": 5, "payload_length": 9}),
        json!({"index": 1, "offset": 14, "length": 5, "header_length": 5, "payload_length": 0}),
    ];
    assert_eq!(objects, expected);
    let objects = run(["inspect", "-", "--json", "-x", "--wire", "postgres"], &stream).fine().json();
    assert_eq!(objects[0]["header"], "510000000d");
    assert_eq!(objects[0]["payload"], hex::encode(b"SELECT 1\0"));
}

#[test]
fn a_hex_dump() {
    let text = run(["inspect", "-", "-x"], &frame(b"\x1b[2J and more than a lin")).fine().text();
    let expected = "     0          0  00000018       24\n     \
                    00000000  1b 5b 32 4a 20 61 6e 64   20 6d 6f 72 65 20 74 68  •[2J and  more th\n     \
                    00000010  61 6e 20 61 20 6c 69 6e                            an a lin\n";
    assert_eq!(text, expected);
    let coloured = run(["inspect", "-", "-x", "--color", "always"], &frame(b"abc")).fine().text();
    assert!(coloured.contains("\x1b["), "{coloured:?}");
}

#[test]
fn totals_and_a_histogram() {
    let stream = [frame(b"abc"), frame(b"def"), frame(&[0; 100_000])].concat();
    let text = run(["inspect", "-", "--stats"], &stream).fine().text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("3 frames, 100018 bytes (97.7 KiB), 100006 in payloads"));
    assert_eq!(lines.next(), Some("length: min 7, mean 33339.3, max 100004"));
    assert_eq!(lines.clone().count(), 15);
    assert!(lines.next().unwrap().starts_with("     4 …      7          2  66.7 %  ████"));
    let object = run(["inspect", "-", "--stats", "--json"], &stream).fine().json().remove(0);
    assert_eq!(object["frames"], 3);
    assert_eq!((&object["min_length"], &object["max_length"]), (&json!(7), &json!(100_004)));
    let counts: u64 =
        object["histogram"].as_array().unwrap().iter().map(|bucket| bucket["count"].as_u64().unwrap()).sum();
    assert_eq!(counts, 3);
    // What was good before an error counts.
    let done = run(["inspect", "-", "--stats"], &stream[..20]).code(5).says(&["offset 14"]);
    assert!(done.text().starts_with("2 frames, 14 bytes"), "{}", done.text());
}

/// A sentence with the offset, the right code, and every good frame before it.
#[test]
fn bad_input_is_told_exactly() {
    let good = frame(b"good");
    // Options, input, exit code, words of the sentence, frames before.
    type Case<'a> = (&'a [&'a str], Vec<u8>, i32, &'a [&'a str], usize);
    let cases: &[Case<'_>] = &[
        (&[], Vec::new(), 1, &["standard input, offset 0", "empty"], 0),
        (&[], [&good[..], b"\0\0"].concat(), 5, &["offset 8", "2 bytes of at least 4"], 1),
        (&[], [&good[..], b"\0\0\0\x09hal"].concat(), 5, &["offset 8", "7 bytes of at least 13"], 1),
        (&[], [&good[..], b"\0\x10\0\0hal"].concat(), 5, &["offset 8", "1048573 bytes", "missing"], 1),
        (&["--max-frame", "100"], [&good[..], b"\0\0\0\x61"].concat(), 5, &["offset 8", "101", "100"], 1),
        (&["--wire", "postgres"], b"X\0\0\0\x04Q\0\0\0\x03".to_vec(), 5, &["offset 5", "field is 3"], 1),
        (&["--wire", "varint"], b"\x01a\x80\0".to_vec(), 5, &["offset 2", "more than its value needs"], 1),
        (&["--skip", "10"], b"\0\0\0\0".to_vec(), 5, &["offset 4", "10 bytes to skip"], 0),
    ];
    for (args, input, code, words, frames) in cases {
        let done = run(["inspect", "-"].iter().chain(*args), input).code(*code).says(words);
        assert_eq!(done.text().lines().count(), *frames, "{args:?}");
    }
    run(["inspect", env!("CARGO_TARGET_TMPDIR")], b"").code(1).says(&["directory"]);
    run(["inspect", "/nonexistent"], b"").code(1).says(&["/nonexistent"]);
    run(["inspect", "-", "--skip", "some"], b"").code(2);
    // Whatever the bytes, it ends with a sentence: a frame, or an error with an offset.
    let mut rng = fastrand::Rng::with_seed(6);
    for wire in ["u8", "u16le", "u32be", "varint", "mqtt", "http2", "bgp", "mongodb"] {
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(300_000).collect();
        run(["inspect", "-", "--wire", wire, "--stats"], &noise).code(5).says(&["offset"]);
    }
}

#[test]
fn a_frame_is_shown_as_soon_as_it_is_there() {
    let mut process = Process::spawn(ringframe(["inspect", "-"]));
    process.write(&[&frame(b"first")[..], b"\0\0"].concat());
    process.stdout.wait_for(1, &["first"]);
    process.write(b"\0\x06second");
    process.stdout.wait_for(1, &["second"]);
    process.finish(b"").fine();
}

#[test]
fn a_closed_output_is_a_quiet_end() {
    let stream = frame(b"again").repeat(100_000);
    let path = file("inspect-closed.bin", &stream);
    let mut command = ringframe(["inspect".as_ref(), path.as_os_str()]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    command.stdin(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
    Process::spawn_as_is(command).finish(b"").fine();
}

/// What a segment carries besides its place in the stream.
#[derive(Clone, Copy, PartialEq)]
enum Flag {
    None,
    Syn,
    Fin,
    Rst,
}

/// A packet of a capture, as a client's or a server's.
#[derive(Clone)]
struct Packet {
    from: u16,
    to: u16,
    seq: u32,
    flag: Flag,
    payload: Vec<u8>,
}

const CLIENT: u16 = 40_000;
const SERVER: u16 = 7878;

fn client(seq: u32, payload: &[u8]) -> Packet {
    Packet { from: CLIENT, to: SERVER, seq, flag: Flag::None, payload: payload.to_vec() }
}

fn server(seq: u32, payload: &[u8]) -> Packet {
    Packet { from: SERVER, to: CLIENT, ..client(seq, payload) }
}

impl Packet {
    fn flag(self, flag: Flag) -> Self {
        Self { flag, ..self }
    }

    fn port(self, from: u16) -> Self {
        Self { from, ..self }
    }
}

/// How packets are captured.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Link {
    Ethernet,
    Vlan,
    Raw,
    Null,
    Sll,
    Sll2,
}

impl Link {
    const ALL: [Self; 6] = [Self::Ethernet, Self::Vlan, Self::Raw, Self::Null, Self::Sll, Self::Sll2];

    fn number(self) -> u32 {
        match self {
            Self::Ethernet | Self::Vlan => 1,
            Self::Raw => 101,
            Self::Null => 0,
            Self::Sll => 113,
            Self::Sll2 => 276,
        }
    }
}

fn packet(packet: &Packet, link: Link, v6: bool) -> Vec<u8> {
    let mut tcp = etherparse::TcpHeader::new(packet.from, packet.to, packet.seq, 65535);
    tcp.ack = true;
    tcp.syn = packet.flag == Flag::Syn;
    tcp.fin = packet.flag == Flag::Fin;
    tcp.rst = packet.flag == Flag::Rst;
    let mut bytes = Vec::new();
    let ethernet = || PacketBuilder::ethernet2([1; 6], [2; 6]);
    macro_rules! on {
        ($builder:expr) => {
            if v6 {
                let mut one = [0; 16];
                one[15] = 1;
                $builder.ipv6(one, one, 64).tcp_header(tcp).write(&mut bytes, &packet.payload).unwrap()
            } else {
                let one = [127, 0, 0, 1];
                $builder.ipv4(one, one, 64).tcp_header(tcp).write(&mut bytes, &packet.payload).unwrap()
            }
        };
    }
    match link {
        Link::Ethernet => on!(ethernet()),
        Link::Vlan => on!(ethernet().single_vlan(etherparse::VlanId::try_new(5).unwrap())),
        _ => on!(ethernet()),
    }
    let protocol = if v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let head = match link {
        // Ethernet's frames have 60 bytes at least, whatever is in them.
        Link::Ethernet | Link::Vlan => {
            bytes.resize(bytes.len().max(60), 0);
            return bytes;
        }
        Link::Raw => Vec::new(),
        Link::Null => (if v6 { 10_u32 } else { 2 }).to_le_bytes().to_vec(),
        Link::Sll => [&[0; 14][..], &protocol].concat(),
        Link::Sll2 => [&protocol[..], &[0; 18]].concat(),
    };
    [&head, &bytes[14..]].concat()
}

/// The forms of capture files.
#[derive(Clone, Copy, Debug)]
enum Form {
    Pcap { big: bool, nanos: bool },
    PcapNg { big: bool },
}

const PCAP: Form = Form::Pcap { big: false, nanos: false };

impl Form {
    const ALL: [Self; 6] = [
        PCAP,
        Self::Pcap { big: true, nanos: false },
        Self::Pcap { big: false, nanos: true },
        Self::Pcap { big: true, nanos: true },
        Self::PcapNg { big: false },
        Self::PcapNg { big: true },
    ];
}

fn capture(form: Form, link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let (Form::Pcap { big, .. } | Form::PcapNg { big }) = form;
    let u32 = |n: u32| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let u16 = |n: u16| if big { n.to_be_bytes() } else { n.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let length = u32(body.len() as u32 + 12);
        [&u32(kind)[..], &length, body, &length].concat()
    };
    let mut out = match form {
        Form::Pcap { nanos, .. } => {
            let magic = u32(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 });
            [&magic[..], &u16(2), &u16(4), &[0; 8], &u32(262_144), &u32(link)].concat()
        }
        Form::PcapNg { .. } => {
            let section = [&u32(0x1a2b_3c4d)[..], &u16(1), &u16(0), &[0xff; 8]].concat();
            let interface = [&u16(link as u16)[..], &u16(0), &u32(262_144)].concat();
            // A block of an unknown kind in between is nothing to mind.
            [block(0x0a0d_0d0a, &section), block(0x777, b"four"), block(1, &interface)].concat()
        }
    };
    for packet in packets {
        let length = u32(packet.len() as u32);
        match form {
            Form::Pcap { .. } => out.extend([&[0; 8][..], &length, &length, packet].concat()),
            Form::PcapNg { .. } => {
                let padding = vec![0; packet.len().wrapping_neg() % 4];
                out.extend(block(6, &[&[0; 12][..], &length, &length, packet, &padding].concat()));
            }
        }
    }
    out
}

/// Inspects packets, captured on Ethernet, and answers what was printed and the process' end.
fn inspect(name: &str, packets: &[Packet], args: &[&str]) -> crate::support::Done {
    let packets: Vec<_> = packets.iter().map(|it| packet(it, Link::Ethernet, false)).collect();
    inspect_file(file(name, &capture(PCAP, 1, &packets)), args)
}

fn inspect_file(path: PathBuf, args: &[&str]) -> crate::support::Done {
    run([&["inspect", path.to_str().unwrap(), "--json"], args].concat(), b"")
}

const THERE: &str = "127.0.0.1:40000 > 127.0.0.1:7878";
const BACK: &str = "127.0.0.1:7878 > 127.0.0.1:40000";

/// The streams and payload lengths of what was printed.
fn frames(objects: &[Value]) -> Vec<(String, u64, u64)> {
    objects
        .iter()
        .map(|it| {
            let number = |key: &str| it[key].as_u64().unwrap();
            (it["stream"].as_str().unwrap().to_owned(), number("offset"), number("payload_length"))
        })
        .collect()
}

/// A conversation: a request in two segments, an answer, ends of both directions.
fn conversation() -> Vec<Packet> {
    vec![
        client(99, b"").flag(Flag::Syn),
        server(u32::MAX - 3, b"").flag(Flag::Syn),
        client(100, b"\0\0\0\x05he"),
        client(106, b"llo\0\0\0\x02hi"),
        server(u32::MAX - 2, b"\0\0\0\x05HELLO"),
        client(115, b"").flag(Flag::Fin),
        server(6, b"\0\0\0\x02HI").flag(Flag::Fin),
    ]
}

fn expected() -> Vec<(String, u64, u64)> {
    [(THERE, 0, 5), (THERE, 9, 2), (BACK, 0, 5), (BACK, 9, 2)]
        .map(|(name, at, n)| (name.into(), at, n))
        .to_vec()
}

#[test]
fn every_form_of_capture_and_kind_of_link() {
    for (f, form) in Form::ALL.into_iter().enumerate() {
        for link in Link::ALL {
            for v6 in [false, true] {
                let packets: Vec<_> = conversation().iter().map(|it| packet(it, link, v6)).collect();
                let bytes = capture(form, link.number(), &packets);
                let path = file(&format!("inspect-{f}-{link:?}-{v6}.bin"), &bytes);
                let objects = inspect_file(path, &[]).fine().json();
                let plain = |name: &str| if v6 { name.replace("127.0.0.1", "[::1]") } else { name.into() };
                let expected: Vec<_> =
                    expected().iter().map(|(name, at, n)| (plain(name), *at, *n)).collect();
                assert_eq!(frames(&objects), expected, "{form:?} {link:?} {v6}");
                if f == 0 {
                    assert_eq!(objects[1]["index"], 1);
                    assert_eq!(objects[1].as_object().unwrap().len(), 6);
                }
            }
        }
    }
    // From a pipe, as `tcpdump -w -` writes it, shown while it goes on.
    let packets: Vec<_> = conversation().iter().map(|it| packet(it, Link::Ethernet, false)).collect();
    let bytes = capture(Form::PcapNg { big: false }, 1, &packets);
    let mut process = Process::spawn(ringframe(["inspect", "-"]));
    let (first, rest) = bytes.split_at(bytes.len() - 10);
    process.write(first);
    process.stdout.wait_for(1, &["> 127.0.0.1:7878", "hello"]);
    process.stdout.wait_for(1, &["> 127.0.0.1:40000", "HELLO"]);
    process.finish(rest).fine();
}

#[test]
fn segments_in_any_order_and_several_times() {
    let mut packets = conversation();
    // The second half comes first, then all of it at once, then again.
    packets.swap(2, 3);
    packets.insert(4, client(98, b"x"));
    packets.insert(5, client(102, b"\0\x05hello\0"));
    packets.push(client(100, b"\0\0\0\x05hello"));
    packets.push(client(115, b"").flag(Flag::Fin));
    assert_eq!(frames(&inspect("inspect-order.pcap", &packets, &[]).fine().json()), expected());
}

#[test]
fn connections_side_by_side_and_one_after_another() {
    let mut packets = Vec::new();
    let of = |port| {
        conversation()
            .into_iter()
            .map(move |it| if it.from == CLIENT { it.port(port) } else { Packet { to: port, ..it } })
    };
    for (a, b) in of(CLIENT).zip(of(50_000)) {
        packets.extend([a, b]);
    }
    // The same ends again, with other numbers.
    packets.extend(of(CLIENT).map(|it| Packet { seq: it.seq.wrapping_add(1_000_000), ..it }));
    let objects = inspect("inspect-many.pcap", &packets, &[]).fine().json();
    let seen = frames(&objects);
    let count = |name: &str| seen.iter().filter(|it| it.0 == name).count();
    assert_eq!((seen.len(), count(THERE), count(BACK)), (12, 4, 4));
    assert_eq!(objects.iter().filter(|it| it["index"] == 0).count(), 6);
    let stats = inspect("inspect-many.pcap", &packets, &["--stats"]).fine().json().remove(0);
    assert_eq!((&stats["streams"], &stats["frames"]), (&json!(6), &json!(12)));
    // Some of them.
    for (args, n) in [
        (&["--from", "50000"][..], 2),
        (&["--to", "50000"], 2),
        (&["--from", "50000", "--to", "50000"], 4),
        (&["--to", "7878"], 6),
    ] {
        assert_eq!(inspect("inspect-some.pcap", &packets, args).fine().json().len(), n, "{args:?}");
    }
    inspect("inspect-some.pcap", &packets, &["--to", "1"]).code(1).says(&["no TCP data", "that port"]);
}

/// One stream with a gap, or that breaks the protocol, is reported; the others, and what was before, are shown.
#[test]
fn gaps_and_broken_streams() {
    let mut lost = conversation();
    lost.remove(3);
    let done = inspect("inspect-gap.pcap", &lost, &[]).code(1);
    let done = done.says(&[THERE, "offset 6", "9 bytes are missing"]);
    assert_eq!(frames(&done.json()), expected()[2..]);

    let mut late = conversation();
    late.insert(5, client(200, b"\0\0\0\0"));
    let done =
        inspect("inspect-late.pcap", &late[..6], &[]).code(1).says(&["offset 15", "85 bytes are missing"]);
    assert_eq!(frames(&done.json()), expected()[..3]);

    let mut broken = conversation();
    broken[4].payload[..4].copy_from_slice(b"HTTP");
    broken.insert(6, server(9, b"more"));
    let done = inspect("inspect-broken.pcap", &broken, &["--max-frame", "1MiB"]).code(5);
    let done = done.says(&[BACK, "offset 0", "1213486164"]);
    assert_eq!(frames(&done.json()), expected()[..2]);

    let mut cut = conversation();
    cut[6] = server(6, b"\0\0\0\x02H");
    // What a reset says of its cause is not of the stream.
    cut.push(server(11, b"gone").flag(Flag::Rst));
    let done = inspect("inspect-reset.pcap", &cut, &[]).code(5);
    let done = done.says(&[BACK, "offset 9", "inside a frame: 5 bytes of at least 6"]);
    assert_eq!(frames(&done.json()), expected()[..3]);

    // A capture that begins later: as long as it is between frames, nothing is wrong.
    let done = inspect("inspect-later.pcap", &conversation()[3..], &["--to", "7878"]).code(5);
    done.says(&["offset 0", "the capture begins inside this stream"]);
    let objects = inspect("inspect-later.pcap", &conversation()[4..], &[]).fine().json();
    assert_eq!(frames(&objects), expected()[2..]);
}

/// What is wrong with the file is not the peer's doing.
#[test]
fn damaged_captures() {
    let packets: Vec<_> = conversation().iter().map(|it| packet(it, Link::Ethernet, false)).collect();
    for form in [PCAP, Form::PcapNg { big: true }] {
        let whole = capture(form, 1, &packets);
        let path = file("inspect-cut.pcap", &whole[..whole.len() - 30]);
        let done =
            inspect_file(path, &[]).code(1).says(&["inspect-cut.pcap, offset", "ends inside a record"]);
        assert_eq!(frames(&done.json()), expected()[..3], "{form:?}");
        // A record that no capture has.
        let at = whole.len() - 30;
        let broken = [&whole[..at], &[0xff; 30], &whole].concat();
        let done = inspect_file(file("inspect-bad.pcap", &broken), &[]).code(1);
        assert!(done.stderr.contains("offset"), "{}", done.stderr);
        // As the stream that it is not.
        let wrong = run(["inspect", "-", "--raw", "--max-frame", "1MiB"], &whole).code(5);
        wrong.says(&["offset 0"]);
    }
    let other = capture(PCAP, 105, &packets);
    let done = inspect_file(file("inspect-link.pcap", &other), &[]).code(1);
    done.says(&["no TCP data", "7 packets of a kind of link that is not known here, 105"]);
    let none = capture(PCAP, 1, &[]);
    inspect_file(file("inspect-none.pcap", &none), &[]).code(1).says(&["no TCP data", "0 packets"]);

    // Only the first bytes of each packet.
    let short: Vec<_> = packets.iter().map(|packet| packet[..packet.len().min(62)].to_vec()).collect();
    let done = inspect_file(file("inspect-snap.pcap", &capture(PCAP, 1, &short)), &[]).code(1);
    assert!(done.stderr.contains("cut short"), "{}", done.stderr);
    // The end of the last one: what it had is known to be missing, and not the peer's fault.
    for (v6, end) in [(false, 54 + 5), (true, 74 + 5)] {
        let mut last: Vec<_> = conversation()[..3].iter().map(|it| packet(it, Link::Ethernet, v6)).collect();
        last[2].truncate(end);
        let done = inspect_file(file("inspect-last.pcap", &capture(PCAP, 1, &last)), &[]).code(1);
        done.says(&["offset 5", "1 bytes are missing", "cut short"]);
    }
}

/// Streams that have hardly begun take hardly any memory: what many there are in a small file is no way to fill a machine.
#[test]
fn many_streams_in_little_memory() {
    const STREAMS: u16 = 10_000;
    let packets: Vec<_> =
        (0..STREAMS).map(|port| packet(&client(1, b"\0\0\0\x05h").port(port), Link::Raw, false)).collect();
    let path = file("inspect-streams.pcap", &capture(PCAP, Link::Raw.number(), &packets));
    // So much address space that a large ring for each would not fit.
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -v 400000; exec \"$RINGFRAME\" inspect \"$FILE\" --stats --json"]);
    command.env("RINGFRAME", env!("CARGO_BIN_EXE_ringframe")).env("FILE", &path);
    let done = Process::spawn(command).finish(b"").code(5);
    assert_eq!(done.json()[0]["streams"], STREAMS);
}

/// A file's name may have been chosen by somebody else.
#[test]
fn the_name_of_a_file_is_made_harmless() {
    let path = file("inspect-\x1b[2J.bin", b"\0");
    let done = run(["inspect".as_ref(), path.as_os_str(), "--color=always".as_ref()], b"").code(5);
    done.says(&["inspect-\\x1b[2J.bin, offset 0"]);
    let mut nowhere = path.into_os_string();
    nowhere.push("/nowhere");
    let done = run(["inspect".as_ref(), nowhere.as_os_str(), "--color=always".as_ref()], b"").code(1);
    done.says(&["can't read", "inspect-\\x1b[2J.bin/nowhere"]);
}

#[test]
fn the_blocks_of_a_capture_are_frames() {
    let packets: Vec<_> = conversation().iter().map(|it| packet(it, Link::Raw, false)).collect();
    let whole = capture(Form::PcapNg { big: false }, 101, &packets);
    let objects = run(["inspect", "-", "--raw", "--wire", "pcapng", "--json"], &whole).fine().json();
    assert_eq!(objects.len(), 3 + packets.len());
    assert_eq!(objects[0]["length"], 28);
}

/// `ringframe` beside `cat FILE | wc -c`, in turns; memory as of the whole process.
#[test]
#[ignore = "a gibibyte: run by tests/run deep"]
fn a_gibibyte_fast_at_constant_memory() {
    use std::process::{Command, Stdio};
    use std::time::Instant;

    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("inspect-gibibyte.bin");
    let frames = frame(&[b'x'; 1020]).repeat(1024);
    let mut big = std::fs::File::create(&path).unwrap();
    for _ in 0..1024 {
        std::io::Write::write_all(&mut big, &frames).unwrap();
    }
    let shell = |line: &str| {
        let begun = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("FILE", &path).env("RINGFRAME", env!("CARGO_BIN_EXE_ringframe"));
        let out = command.stdin(Stdio::null()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        (begun.elapsed(), String::from_utf8(out.stdout).unwrap())
    };
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        let (counted, bytes) = shell("cat \"$FILE\" | wc -c");
        let (inspected, text) = shell("\"$RINGFRAME\" inspect \"$FILE\" --stats");
        assert_eq!(bytes.trim(), "1073741824");
        assert!(text.starts_with("1048576 frames, 1073741824 bytes"), "{text}");
        best = best.min(inspected.as_secs_f64() / counted.as_secs_f64());
    }
    println!("inspect --stats takes {best:.2} times as long as cat | wc -c");
    // From a pipe, with an address space that could not hold it.
    let (_, text) = shell("ulimit -v 400000; cat \"$FILE\" | \"$RINGFRAME\" inspect - --stats");
    assert!(text.starts_with("1048576 frames"), "{text}");
    let random = "head -c 1073741824 /dev/urandom | \"$RINGFRAME\" inspect - --stats; test $? = 5";
    shell(&format!("ulimit -v 400000; {random}"));
    std::fs::remove_file(&path).unwrap();
    assert!(best <= 3.0, "{best:.2} times as long as cat | wc -c");
}
