//! Capture files, pcap and pcapng, and the TCP segments in them.
//!
//! `pcap-parser` knows the files and `etherparse` the packets; here is the loop that feeds them, at bounded memory.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::nom::{Err as NomErr, IResult, Needed, Offset};
use pcap_parser::{Block, LegacyPcapBlock, Linktype, PcapError, PcapHeader};

use crate::filter;

/// The longest record that is taken for one, bytes: a packet has 256 KiB at the most, other blocks may hold files of keys.
const LONGEST: usize = 16 << 20;

/// How much is read at a time, bytes.
const READ: usize = 64 << 10;

/// The type of a section header block, and its magic in both byte orders, big-endian first.
const PCAPNG: [[u8; 4]; 3] = [[0x0a, 0x0d, 0x0d, 0x0a], [0x1a, 0x2b, 0x3c, 0x4d], [0x4d, 0x3c, 0x2b, 0x1a]];

/// How many of a file's first bytes tell whether it is a capture, at the most.
pub(crate) const MAGIC: usize = 12;

/// Whether a file that begins with these bytes is a capture; `None` as long as that is open.
pub(crate) fn is_capture(begin: &[u8]) -> Option<bool> {
    // For pcap the magic number, in microseconds or nanoseconds, and version 2.4; for pcapng the type of a section
    // header, its length, whatever it is, and its byte-order magic.
    const PCAP: [[u8; 8]; 4] = [
        [0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4],
        [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4],
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0],
        [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0],
    ];
    let same = |at: usize, magic: &[u8]| {
        let there = begin.get(at..).unwrap_or_default();
        there.iter().zip(magic).all(|(a, b)| a == b).then_some(there.len() >= magic.len())
    };
    let pcap = PCAP.iter().filter_map(|magic| same(0, magic)).max();
    let order = PCAPNG[1..].iter().filter_map(|magic| same(8, magic)).max();
    let pcapng = same(0, &PCAPNG[0]).and(order);
    match pcap.max(pcapng) {
        Some(true) => Some(true),
        Some(false) => None,
        None => Some(false),
    }
}

/// A captured packet.
pub(crate) struct Packet<'a> {
    link: Linktype,
    data: &'a [u8],
}

/// A TCP segment.
pub(crate) struct Segment<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) seq: u32,
    pub(crate) syn: bool,
    pub(crate) fin: bool,
    pub(crate) rst: bool,
    pub(crate) payload: &'a [u8],
    /// How many bytes behind the payload the capture lacks: it has not all of the packet.
    pub(crate) cut: usize,
}

/// What a packet is, for the stream that it may belong to.
pub(crate) enum Content<'a> {
    Segment(Segment<'a>),
    /// A part of a packet that IP sent in several.
    Fragment,
    /// Of a kind of link that is not known here.
    UnknownLink(Linktype),
    /// Other than TCP, or too damaged to tell.
    Other,
}

impl<'a> Packet<'a> {
    /// Looks for TCP in the packet.
    pub(crate) fn content(&self) -> Content<'a> {
        let data = self.data;
        let protocol = |at: usize, header: usize| {
            let bytes = data.get(at..).and_then(|data| data.first_chunk())?;
            let kind = EtherType(u16::from_be_bytes(*bytes));
            Some(LaxSlicedPacket::from_ether_type(kind, data.get(header..)?))
        };
        let ip = |header: usize| LaxSlicedPacket::from_ip(data.get(header..)?).ok();
        let sliced = match self.link {
            Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(data).ok(),
            // IP itself, by three numbers of which two are BSD's own; and of one version.
            Linktype::RAW | Linktype(12 | 14) | Linktype::IPV4 | Linktype::IPV6 => ip(0),
            // Behind an address family, which IP's version makes unnecessary.
            Linktype::NULL | Linktype::LOOP => ip(4),
            // Linux's "any" device: a header in place of Ethernet's.
            Linktype::LINUX_SLL => protocol(14, 16),
            Linktype::LINUX_SLL2 => protocol(0, 20),
            link => return Content::UnknownLink(link),
        };
        let Some(sliced) = sliced else { return Content::Other };
        // With how long the payload is said to be.
        let (from, to, payload, length): (IpAddr, IpAddr, _, _) = match &sliced.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let headers =
                    header.slice().len() + ip.extensions().auth.map_or(0, |auth| auth.slice().len());
                let length = usize::from(header.total_len()).saturating_sub(headers);
                (header.source_addr().into(), header.destination_addr().into(), ip.payload(), length)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let length =
                    usize::from(header.payload_length()).saturating_sub(ip.extensions().slice().len());
                (header.source_addr().into(), header.destination_addr().into(), ip.payload(), length)
            }
            _ => return Content::Other,
        };
        if payload.fragmented {
            return Content::Fragment;
        }
        let Some(TransportSlice::Tcp(tcp)) = sliced.transport else { return Content::Other };
        let cut = if payload.incomplete { length.saturating_sub(payload.payload.len()) } else { 0 };
        // What a reset carries are words about its cause (RFC 1122, section 4.2.2.12), and not of the stream.
        let (payload, cut) = if tcp.rst() { (&[][..], 0) } else { (tcp.payload(), cut) };
        Content::Segment(Segment {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            seq: tcp.sequence_number(),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload,
            cut,
        })
    }
}

/// Why reading a capture ended early.
pub(crate) enum Broken<E> {
    /// The file can't be read.
    Io(io::Error),
    /// The file is not one, from this offset on.
    Bad { offset: u64, why: String },
    /// What was done with a packet failed.
    Other(E),
}

type ParseRecord = for<'a> fn(&'a [u8]) -> IResult<&'a [u8], LegacyPcapBlock<'a>, PcapError<&'a [u8]>>;

/// What has been learned of the file.
enum Kind {
    /// Nothing yet.
    Unknown,
    Pcap {
        link: Linktype,
        parse: ParseRecord,
    },
    PcapNg {
        big_endian: bool,
        /// Of the interfaces of this section, and how much of a packet each captures at the most, bytes.
        links: Vec<(Linktype, u32)>,
    },
}

/// What is at the beginning of some bytes.
enum Found<'a> {
    /// A record, of so many bytes.
    Record(usize, Option<Packet<'a>>),
    /// A part of one. So many bytes are missing at least.
    Part(usize),
    Bad(&'static str),
}

/// Hands each packet of a capture to `handle`, and `None` whenever it is about to wait for more of the file.
pub(crate) fn read<E>(
    mut input: impl Read,
    mut handle: impl FnMut(Option<Packet<'_>>) -> Result<(), E>,
) -> Result<(), Broken<E>> {
    let (mut buffer, mut start, mut offset) = (Vec::new(), 0, 0);
    let mut kind = Kind::Unknown;
    loop {
        let window: &[u8] = &buffer[start..];
        let bad = |why: String| Broken::Bad { offset, why };
        match kind.find(window) {
            Found::Record(length, packet) => {
                if packet.is_some() {
                    handle(packet).map_err(Broken::Other)?;
                }
                start += length;
                offset += length as u64;
                continue;
            }
            Found::Part(missing) if window.len().saturating_add(missing) > LONGEST => {
                return Err(bad(format!("a record of {missing} bytes and more can't be")));
            }
            Found::Part(_) => {}
            Found::Bad(why) => return Err(bad(why.into())),
        }
        handle(None).map_err(Broken::Other)?;
        buffer.drain(..start);
        start = 0;
        let have = buffer.len();
        buffer.resize(have + READ, 0);
        let n = filter::read_some(&mut input, &mut buffer[have..]).map_err(Broken::Io)?;
        buffer.truncate(have + n);
        match (n, have) {
            (0, 0) => return Ok(()),
            (0, _) => {
                return Err(bad(format!(
                    "the capture ends inside a record, of which {have} bytes are there"
                )));
            }
            _ => {}
        }
    }
}

impl Kind {
    fn find<'a>(&mut self, bytes: &'a [u8]) -> Found<'a> {
        if bytes.is_empty() {
            return Found::Part(1);
        }
        match self {
            Self::Unknown if bytes[0] == 0x0a => {
                *self = Self::PcapNg { big_endian: false, links: Vec::new() };
                self.find(bytes)
            }
            Self::Unknown => match pcap_parser::parse_pcap_header(bytes) {
                Ok((rest, header)) => {
                    *self = Self::Pcap { link: link_of(&header), parse: parser_of(&header) };
                    Found::Record(bytes.offset(rest), None)
                }
                Err(error) => part(&error, "not the header of a pcap file"),
            },
            Self::Pcap { link, parse } => match parse(bytes) {
                Ok((rest, record)) => {
                    let packet = Packet { link: *link, data: record.data };
                    Found::Record(bytes.offset(rest), Some(packet))
                }
                Err(error) => part(&error, "not a record of a pcap file"),
            },
            Self::PcapNg { big_endian, links } => {
                let parse =
                    if *big_endian { pcap_parser::parse_block_be } else { pcap_parser::parse_block_le };
                let (rest, block) = match parse(bytes) {
                    Ok(found) => found,
                    Err(error) => {
                        let why = "not a block of a pcapng file";
                        // What a block that is there as a whole still lacks is not what comes behind it.
                        let is_whole = length_of_block(bytes, *big_endian).is_some_and(|n| n <= bytes.len());
                        return if is_whole { Found::Bad(why) } else { part(&error, why) };
                    }
                };
                let link_of = |interface: u32| links.get(interface as usize).map(|(link, _)| *link);
                let packet = match &block {
                    Block::SectionHeader(section) => {
                        *big_endian = section.big_endian();
                        links.clear();
                        None
                    }
                    Block::InterfaceDescription(interface) => {
                        // No limit is written as 0.
                        let longest = Some(interface.snaplen).filter(|&longest| longest > 0);
                        links.push((interface.linktype, longest.unwrap_or(u32::MAX)));
                        None
                    }
                    Block::EnhancedPacket(packet) => {
                        Some((link_of(packet.if_id), packet.data, packet.caplen))
                    }
                    Block::SimplePacket(packet) => {
                        let longest = links.first().map_or(u32::MAX, |(_, longest)| *longest);
                        Some((link_of(0), packet.data, packet.origlen.min(longest)))
                    }
                    _ => None,
                };
                let length = bytes.offset(rest);
                match packet {
                    None => Found::Record(length, None),
                    Some((None, ..)) => Found::Bad("a packet of an interface that was not described"),
                    // Without the padding.
                    Some((Some(link), data, captured)) => {
                        let data = data.get(..captured as usize).unwrap_or(data);
                        Found::Record(length, Some(Packet { link, data }))
                    }
                }
            }
        }
    }
}

/// What a block says that its length is.
fn length_of_block(bytes: &[u8], big_endian: bool) -> Option<usize> {
    let length = *bytes.get(4..)?.first_chunk()?;
    // That of a section is in the byte order of the section that it begins.
    let big_endian = match bytes.get(8..12) {
        Some(magic) if bytes.starts_with(&PCAPNG[0]) => *magic == PCAPNG[1],
        _ => big_endian,
    };
    let length = if big_endian { u32::from_be_bytes(length) } else { u32::from_le_bytes(length) };
    usize::try_from(length).ok()
}

/// The upper bits say whether packets end in a checksum, which IP's own length leaves out.
fn link_of(header: &PcapHeader) -> Linktype {
    Linktype(header.network.0 & 0xffff)
}

fn parser_of(header: &PcapHeader) -> ParseRecord {
    if header.is_bigendian() { pcap_parser::parse_pcap_frame_be } else { pcap_parser::parse_pcap_frame }
}

fn part<'a, E>(error: &NomErr<E>, why: &'static str) -> Found<'a> {
    match error {
        NomErr::Incomplete(Needed::Size(missing)) => Found::Part(missing.get()),
        NomErr::Incomplete(Needed::Unknown) => Found::Part(1),
        _ => Found::Bad(why),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use etherparse::PacketBuilder;
    use proptest::prelude::*;

    use super::{Broken, Content, is_capture, read};

    /// A capture of two packets: as pcap, and as pcapng.
    fn captures() -> [Vec<u8>; 2] {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64);
        builder.tcp(1, 2, 3, 4).write(&mut packet, b"payload").unwrap();
        let length = (packet.len() as u32).to_le_bytes();
        let record = [&[0; 8][..], &length, &length, &packet].concat();
        let header = [&b"\xd4\xc3\xb2\xa1\x02\0\x04\0"[..], &[0; 8], &[0, 0, 4, 0], &[1, 0, 0, 0]].concat();
        let section = section();
        let interface = block(1, b"\x01\0\0\0\0\0\x04\0");
        let padding = vec![0; packet.len().wrapping_neg() % 4];
        let packet = block(6, &[&[0; 12][..], &length, &length, &packet, &padding].concat());
        [[&header[..], &record, &record].concat(), [&section[..], &interface, &packet, &packet].concat()]
    }

    /// What a block of a pcapng file, little-endian, is.
    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, body, &length].concat()
    }

    fn section() -> Vec<u8> {
        block(0x0a0d_0d0a, &[&b"\x4d\x3c\x2b\x1a\x01\0\0\0"[..], &[0xff; 8]].concat())
    }

    /// The payloads in a capture, and the offset of what is wrong with it.
    fn payloads(capture: &[u8]) -> (Vec<Vec<u8>>, Option<u64>) {
        let mut payloads = Vec::new();
        let result = read(capture, |packet| {
            if let Some(Content::Segment(segment)) = packet.map(|packet| packet.content()) {
                payloads.push(segment.payload.to_vec());
            }
            Ok::<_, ()>(())
        });
        match result {
            Ok(()) => (payloads, None),
            Err(Broken::Bad { offset, .. }) => (payloads, Some(offset)),
            Err(_) => panic!("a slice can be read"),
        }
    }

    proptest! {
        /// Whatever a file has in it, reading it comes to an end, inside the file.
        #[test]
        fn damaged_captures(which in 0..2_usize, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5), cut in any::<prop::sample::Index>()) {
            let mut capture = captures()[which].clone();
            for (at, byte) in &damage {
                let at = at.index(capture.len());
                capture[at] = *byte;
            }
            let cut = cut.index(capture.len() + 1);
            let (payloads, bad) = payloads(&capture[..cut]);
            prop_assert!(payloads.len() <= 2);
            prop_assert!(bad.is_none_or(|bad| bad <= cut as u64));
        }
    }

    /// A packet that its block has no room for is not looked for in the rest of the file.
    #[test]
    fn a_packet_longer_than_its_block() {
        let length = 1000_u32.to_le_bytes();
        let packet = block(6, &[&[0; 12][..], &length, &length, b"only"].concat());
        let begin = [&section()[..], &block(1, b"\x01\0\0\0\0\0\x04\0"), &packet].concat();
        let mut rest = std::io::repeat(0).take(64 << 20);
        let result = read(begin.chain(&mut rest), |_| Ok::<_, ()>(()));
        assert!(matches!(result, Err(Broken::Bad { offset: 48, .. })));
        assert!(rest.limit() > 63 << 20, "{} bytes are left", rest.limit());
    }

    /// Of a packet that the interface's limit cut, the padding behind it is none.
    #[test]
    fn a_simple_packet_cut_by_its_interface() {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64);
        builder.tcp(1, 2, 3, 4).write(&mut packet, b"payload").unwrap();
        let original = (packet.len() as u32).to_le_bytes();
        packet.truncate(packet.len() - 4);
        for longest in [packet.len() as u32, 0] {
            let interface = block(1, &[&[1, 0, 0, 0][..], &longest.to_le_bytes()].concat());
            let mut padded = packet.clone();
            padded.resize(packet.len().next_multiple_of(4), 0xee);
            let simple = block(3, &[&original[..], &padded].concat());
            let (payloads, bad) = payloads(&[section(), interface, simple].concat());
            // Without a limit, nothing tells where the packet ends.
            let expected: &[u8] = if longest > 0 { b"pay" } else { b"pay\xee\xee\xee" };
            assert_eq!((payloads, bad), (vec![expected.to_vec()], None));
        }
    }

    #[test]
    fn whole_captures() {
        for capture in captures() {
            let (payloads, bad) = payloads(&capture);
            assert_eq!((payloads, bad), (vec![b"payload".to_vec(); 2], None));
        }
    }

    #[test]
    fn captures_are_told_by_their_first_bytes() {
        let files: [&[u8]; 4] = [
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            b"\xa1\xb2\x3c\x4d\0\x02\0\x04",
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
            b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d",
        ];
        for file in files {
            for n in 0..file.len() {
                assert_eq!(is_capture(&file[..n]), None, "{:02x?}", &file[..n]);
                // Other bytes at that place, unless any will do there.
                let mut other = file[..=n].to_vec();
                other[n] ^= 0x55;
                let any = file[0] == 0x0a && (4..8).contains(&n);
                assert_eq!(is_capture(&other), if any { None } else { Some(false) }, "{other:02x?}");
            }
            assert_eq!(is_capture(file), Some(true));
            assert_eq!(is_capture(&[file, b"more"].concat()), Some(true));
        }
        assert_eq!(is_capture(b"\0"), Some(false));
    }
}
