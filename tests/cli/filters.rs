//! `encode` and `decode`, against lengths written by hand.

use crate::support::{file, frame, run};

/// What a format puts in front of a payload of `n` bytes, from its documentation alone.
fn prefix(format: &str, n: usize) -> Option<Vec<u8>> {
    let n = n as u64;
    let be = |width: usize| {
        (n >> (8 * width).min(63) == 0 || width == 8).then(|| n.to_be_bytes()[8 - width..].to_vec())
    };
    let le = |width: usize| {
        be(width).map(|mut bytes| {
            bytes.reverse();
            bytes
        })
    };
    match format {
        "u8" => be(1),
        "u16be" => be(2),
        "u16le" => le(2),
        "u24be" => be(3),
        "u24le" => le(3),
        "u32be" => be(4),
        "u32le" => le(4),
        "u64be" => be(8),
        "u64le" => le(8),
        "varint" => {
            let (mut rest, mut bytes) = (n, Vec::new());
            while rest >= 0x80 {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
            Some(bytes)
        }
        // Frame = value + 3: the six bytes of the header after the length count.
        "width=3,header=9" => {
            let value = u32::try_from(n + 6).unwrap();
            (value < 1 << 24).then(|| [&value.to_be_bytes()[1..], &[0; 6]].concat())
        }
        // HTTP/2 itself: they do not count.
        "width=3,adjust=6,header=9" => (n < 1 << 24).then(|| [&n.to_be_bytes()[5..], &[0; 6]].concat()),
        // PostgreSQL: a type, and a length that counts itself.
        "offset=1,adjust=-4" => Some([&[0], &(n as u32 + 4).to_be_bytes()[..]].concat()),
        "adjust=-4,header=5,offset=1,endian=be,width=4" => prefix("offset=1,adjust=-4", n as usize),
        // The length counts the whole frame, little-endian, and a header goes on after it.
        "width=2,endian=le,adjust=-2,header=4" => {
            let value = u16::try_from(n + 4).ok()?;
            Some([value.to_le_bytes(), [0; 2]].concat())
        }
        "offset=2,width=varint" => Some([vec![0; 2], prefix("varint", n as usize)?].concat()),
        _ => unreachable!("{format}"),
    }
}

const NAMES: [&str; 10] =
    ["u8", "u16be", "u16le", "u24be", "u24le", "u32be", "u32le", "u64be", "u64le", "varint"];

const DESCRIPTIONS: [&str; 6] = [
    "width=3,header=9",
    "width=3,adjust=6,header=9",
    "offset=1,adjust=-4",
    "adjust=-4,header=5,offset=1,endian=be,width=4",
    "width=2,endian=le,adjust=-2,header=4",
    "offset=2,width=varint",
];

const LENGTHS: [usize; 17] = [
    0, 1, 2, 127, 128, 255, 256, 300, 16_383, 16_384, 65_526, 65_531, 65_532, 65_535, 65_536, 70_000,
    3_000_000,
];

#[test]
fn every_format_there_and_back() {
    let mut random = fastrand::Rng::with_seed(1);
    for format in NAMES.iter().chain(&DESCRIPTIONS) {
        let fits = LENGTHS.iter().filter(|&&n| prefix(format, n).is_some());
        let payloads: Vec<Vec<u8>> =
            fits.map(|&n| std::iter::repeat_with(|| random.u8(..)).take(n).collect()).collect();
        assert!(payloads.len() >= 6, "{format}");
        let stream: Vec<u8> = payloads
            .iter()
            .flat_map(|payload| {
                prefix(format, payload.len()).unwrap().into_iter().chain(payload.iter().copied())
            })
            .collect();
        let hex: String = payloads.iter().map(|payload| hex::encode(payload) + "\n").collect();

        let encoded = run(["encode", "--hex", "--wire", format], hex.as_bytes()).fine().stdout;
        assert!(encoded == stream, "{format}: encode --hex");
        let decoded = run(["decode", "--hex", "--wire", format], &stream).fine().stdout;
        assert!(decoded == hex.as_bytes(), "{format}: decode --hex");
        let raw = run(["decode", "--raw", "--wire", format], &stream).fine().stdout;
        assert!(raw == payloads.concat(), "{format}: decode --raw");
        let objects = run(["decode", "--json", "--wire", format], &stream).fine().json();
        let mut offset = 0;
        for (i, payload) in payloads.iter().enumerate() {
            let header = prefix(format, payload.len()).unwrap().len();
            let object = &objects[i];
            assert_eq!(object["index"], i, "{format}");
            assert_eq!(object["offset"], offset, "{format}");
            assert_eq!(object["length"], header + payload.len(), "{format}");
            assert_eq!(object["header_length"], header, "{format}");
            assert_eq!(object["payload_length"], payload.len(), "{format}");
            offset += header + payload.len();
        }
        assert_eq!(objects.len(), payloads.len(), "{format}");
    }
}

#[test]
fn lines_of_text_there_and_back() {
    let long = "long ".repeat(20_000);
    // An empty line is an empty frame; the last line needs no end.
    let text = format!("hello\n\n\ngrüß dich\n{long}\nlast");
    let stream: Vec<u8> = text.split('\n').flat_map(|line| frame(line.as_bytes())).collect();
    let encoded = run(["encode"], text.as_bytes()).fine().stdout;
    assert!(encoded == stream);
    let decoded = run(["decode"], &stream).fine();
    assert!(decoded.text() == text.clone() + "\n");

    let (lines, frames) = (file("lines.txt", text.as_bytes()), file("lines.frames", &stream));
    assert!(run(["encode", lines.to_str().unwrap()], b"not read").fine().stdout == stream);
    assert!(run(["decode", frames.to_str().unwrap()], b"not read").fine().text() == text + "\n");
    run(["encode", "-"], b"a").fine().prints("\0\0\0\x01a");
    run(["decode", "-"], b"\0\0\0\x01a").fine().prints("a\n");
    run(["encode"], b"").fine().prints("");
    run(["decode"], b"").fine().prints("");
    run(["encode"], b"\n").fine().prints("\0\0\0\0");
    run(["decode", "--hex"], b"\0\0\0\0").fine().prints("\n");
    run(["decode", "--raw"], b"\0\0\0\0\0\0\0\x01a\0\0\0\x01b").fine().prints("ab");
}

#[test]
fn header_bytes_beside_the_length() {
    let encode = |wire, header| run(["encode", "--wire", wire, "--header", header], b"hi\n").fine().stdout;
    assert_eq!(encode("offset=1,adjust=-4", "51"), b"Q\0\0\0\x06hi");
    assert_eq!(encode("width=3,adjust=6,header=9", "01022A2b2c2d"), b"\0\0\x02\x01\x02*+,-hi");
    assert_eq!(encode("offset=2,width=varint", "ABCD"), b"\xab\xcd\x02hi");
    // They are not part of what is printed.
    run(["decode", "--wire", "offset=1,adjust=-4"], b"Q\0\0\0\x06hi").fine().prints("hi\n");
}

/// Neither a buffer nor the rest of an unfinished line holds up a line that is whole.
#[test]
fn a_line_or_a_frame_is_passed_on_at_once() {
    use crate::support::{Process, ringframe};

    let mut encode = Process::spawn(ringframe(["encode"]));
    encode.write(b"first\nsec");
    encode.stdout.wait_for(1, &["first"]);
    encode.write(b"ond\nthird");
    encode.stdout.wait_for(1, &["first", "second"]);
    let done = encode.finish(b"").fine();
    assert_eq!(done.stdout, [frame(b"first"), frame(b"second"), frame(b"third")].concat());

    let mut decode = Process::spawn(ringframe(["decode"]));
    decode.write(b"\0\0\0\x05first\0\0");
    decode.stdout.wait_for(1, &["first"]);
    decode.write(b"\0\x06second");
    decode.stdout.wait_for(1, &["second"]);
    decode.finish(b"").fine().prints("first\nsecond\n");
}

/// Lengths that no memory holds cost nothing until the bytes come.
#[test]
fn a_declared_length_is_no_allocation() {
    for (wire, header, missing) in [
        ("u32be", &b"\xff\xff\xff\xff"[..], "4294967292"),
        ("u64be", b"\x7f\xff\xff\xff\xff\xff\xff\xff", "9223372036854775804"),
        ("varint", b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "9223372036854775804"),
    ] {
        let stream = [header, b"abc"].concat();
        let done = run(["decode", "--wire", wire], &stream).code(5).says(&["inside a frame", missing]);
        done.prints("abc");
    }
}
