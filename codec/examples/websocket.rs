//! A custom format: the frames of WebSocket (RFC 6455, section 5.2), which no single length field describes.
//!
//! ```text
//!  0      1       2..            2..4, 2..10          then
//! | FIN, | mask, | 16 or 64 bits | masking key if the | payload
//! | op   | 7 bits| if 126 or 127 | mask bit is set    |
//! ```
//! Two bytes say how long the header is. The opening handshake before it is HTTP; `Decoder::unframed`
//! takes its bytes.

use ringframe::{Decoder, EncodeError, Encoder, Format, HeaderError, Parsed, StaticFormat, encode_with};

const MASK: u8 = 0x80;
const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const CONTROL: u8 = 0x08;
const TEXT: u8 = 0x01;
const PING: u8 = 0x09;
const PONG: u8 = 0x0a;

/// One direction of a connection. A client masks its frames, a server doesn't (section 5.1).
#[derive(Clone, Copy, Debug)]
struct WebSocket {
    masked: bool,
}

impl WebSocket {
    /// What clients send.
    const CLIENT: Self = Self { masked: true };
    /// What servers send.
    const SERVER: Self = Self { masked: false };

    fn key_len(self) -> usize {
        if self.masked { 4 } else { 0 }
    }
}

/// The header's bytes beside the length, `fields`, are FIN and opcode, then the masking key if there is one.
impl Format for WebSocket {
    type Trailer = ();

    fn max_header(&self) -> usize {
        10 + self.key_len()
    }

    fn min_header(&self) -> usize {
        2 + self.key_len()
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        let Some((&[first, second], rest)) = prefix.split_first_chunk() else {
            return Ok(Parsed::Incomplete { total: 2 });
        };
        // What is refused here is refused before anything behind it is waited for.
        if first & RESERVED != 0 {
            return Err(HeaderError::Refused("a reserved bit is set, and no extension was agreed on"));
        }
        if matches!(first & 0x0f, 0x3..=0x7 | 0xb..=0xf) {
            return Err(HeaderError::Refused("the opcode is reserved"));
        }
        if (second & MASK != 0) != self.masked {
            return Err(HeaderError::Refused("clients mask their frames, servers don't"));
        }
        let short = second & !MASK;
        if first & CONTROL != 0 && (first & FIN == 0 || short > 125) {
            return Err(HeaderError::Refused("a control frame is fragmented or longer than 125 bytes"));
        }
        let (payload, width, least) = match short {
            126 => match rest.first_chunk() {
                Some(&long) => (u16::from_be_bytes(long).into(), 2, 126),
                None => return Ok(Parsed::Incomplete { total: 4 }),
            },
            127 => match rest.first_chunk() {
                Some(&long) => (u64::from_be_bytes(long), 8, 1 << 16),
                None => return Ok(Parsed::Incomplete { total: 10 }),
            },
            _ => (short.into(), 0, 0),
        };
        if payload < least {
            return Err(HeaderError::Refused("the length is not in its shortest form"));
        }
        if payload > i64::MAX as u64 {
            return Err(HeaderError::Refused("the top bit of a 64-bit length is set"));
        }
        let header = 2 + width + self.key_len();
        Ok(Parsed::Frame { header, payload })
    }

    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        let wanted = 1 + self.key_len();
        if fields.len() != wanted {
            return Err(EncodeError::Fields { given: fields.len(), wanted });
        }
        if fields[0] & CONTROL != 0 && (fields[0] & FIN == 0 || payload > 125) {
            return Err(EncodeError::Refused("a control frame has at most 125 bytes and is not fragmented"));
        }
        let width = match payload {
            0..126 => 0,
            126..0x1_0000 => 2,
            0x1_0000..0x8000_0000_0000_0000 => 8,
            _ => return Err(EncodeError::Unrepresentable { payload }),
        };
        Ok(2 + width + self.key_len())
    }

    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        let mask = if self.masked { MASK } else { 0 };
        let key_at = out.len() - self.key_len();
        let (length, key) = out[1..].split_at_mut(key_at - 1);
        match length {
            [short] => *short = payload as u8 | mask,
            [short, long @ ..] => {
                *short = if long.len() == 2 { 126 } else { 127 } | mask;
                long.copy_from_slice(&payload.to_be_bytes()[8 - long.len()..]);
            }
            [] => {}
        }
        key.copy_from_slice(&fields[1..]);
        out[0] = fields[0];
    }
}

impl StaticFormat for WebSocket {
    const MAX_HEADER: usize = 14;
}

/// Masks a payload, or unmasks it.
fn mask(key: &[u8], payload: &[u8]) -> Vec<u8> {
    payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
}

/// Replies to what a client sent, as a server would: to a ping with a pong, to a text with itself.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let mut sent = Vec::new();
    for (opcode, text) in [(TEXT, &b"Hello"[..]), (PING, b"are you there?"), (TEXT, &[b'.'; 300])] {
        let mut out = [0; 400];
        let [a, b, c, d] = key;
        let n = encode_with(&WebSocket::CLIENT, &[FIN | opcode, a, b, c, d], &[&mask(&key, text)], &mut out)?;
        sent.extend_from_slice(&out[..n]);
    }

    let mut decoder = Decoder::new(WebSocket::CLIENT, [0; 1024]);
    let mut encoder = Encoder::new(WebSocket::SERVER, [0; 1024]);
    for mut chunk in sent.chunks(7) {
        while let Some(frame) = decoder.next_frame(&mut chunk)? {
            let (first, key) = (frame.header()[0], &frame.header()[frame.header().len() - 4..]);
            let payload = mask(key, frame.payload());
            println!("opcode {}, {}", first & 0x0f, String::from_utf8_lossy(&payload));
            let reply = if first & 0x0f == PING { FIN | PONG } else { first };
            encoder.push_with(&[reply], &[&payload])?;
        }
    }
    decoder.end_of_input()?;
    let (replies, _) = encoder.pending();
    println!("replied with {} bytes", replies.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of section 5.7, and lengths at the edges of the three forms.
    fn vectors() -> Vec<(WebSocket, Vec<u8>, Vec<u8>)> {
        let hello = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
        let mut vectors = vec![
            (WebSocket::SERVER, b"\x81".to_vec(), b"\x81\x05Hello".to_vec()),
            (WebSocket::CLIENT, b"\x81\x37\xfa\x21\x3d".to_vec(), hello.to_vec()),
            (WebSocket::SERVER, b"\x01".to_vec(), b"\x01\x03Hel".to_vec()),
            (WebSocket::SERVER, b"\x80".to_vec(), b"\x80\x02lo".to_vec()),
            (WebSocket::SERVER, b"\x89".to_vec(), b"\x89\x05Hello".to_vec()),
        ];
        for (n, header) in [
            (125, &b"\x82\x7d"[..]),
            (126, b"\x82\x7e\0\x7e"),
            (256, b"\x82\x7e\x01\0"),
            (65_535, b"\x82\x7e\xff\xff"),
            (65_536, b"\x82\x7f\0\0\0\0\0\x01\0\0"),
        ] {
            vectors.push((WebSocket::SERVER, b"\x82".to_vec(), [header, &vec![0x55; n]].concat()));
        }
        vectors
    }

    #[test]
    fn both_ways_in_any_chunking() {
        for (format, fields, wire) in vectors() {
            let mut decoder = Decoder::try_new(format, vec![0; 70_000]).unwrap();
            for cut in (0..=wire.len()).filter(|cut| *cut <= 16 || wire.len() - cut <= 2) {
                let mut frames = Vec::new();
                for mut chunk in [&wire[..cut], &wire[cut..]] {
                    while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                        frames.push((frame.bytes().to_vec(), frame.payload().to_vec()));
                    }
                }
                decoder.end_of_input().unwrap();
                assert_eq!(frames.len(), 1, "cut at {cut}");
                let (bytes, payload) = &frames[0];
                assert_eq!(*bytes, wire);
                let mut out = vec![0; 70_000];
                let n = encode_with(&format, &fields, &[payload], &mut out).unwrap();
                assert_eq!(out[..n], wire);
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_with_its_reason() {
        for (format, wire, reason) in [
            (WebSocket::SERVER, &b"\xc1\x05"[..], "reserved bit"),
            (WebSocket::SERVER, b"\x83\x00", "opcode"),
            (WebSocket::SERVER, b"\x81\x85", "mask"),
            (WebSocket::CLIENT, b"\x81\x05", "mask"),
            (WebSocket::SERVER, b"\x09\x00", "control frame"),
            (WebSocket::SERVER, b"\x89\x7e", "control frame"),
            (WebSocket::SERVER, b"\x82\x7e\0\x7d", "shortest form"),
            (WebSocket::SERVER, b"\x82\x7f\0\0\0\0\0\0\xff\xff", "shortest form"),
            (WebSocket::SERVER, b"\x82\x7f\x80\0\0\0\0\0\0\0", "top bit"),
        ] {
            let mut decoder = Decoder::new(format, [0; 64]);
            let error = decoder.next_frame(&mut &wire[..]).unwrap_err();
            assert!(error.is_protocol() && error.to_string().contains(reason), "{wire:02x?}: {error}");
        }
        let mut out = [0; 200];
        let refused = encode_with(&WebSocket::SERVER, &[FIN | PING], &[&[0; 126]], &mut out);
        assert!(matches!(refused, Err(EncodeError::Refused(_))));
        let refused = encode_with(&WebSocket::CLIENT, &[FIN | TEXT], &[], &mut out);
        assert_eq!(refused, Err(EncodeError::Fields { given: 1, wanted: 5 }));
    }

    #[test]
    fn the_program_runs() {
        main().unwrap();
    }
}
