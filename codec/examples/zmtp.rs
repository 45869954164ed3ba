//! A custom format after a preamble: ZMTP 3.1, what ZeroMQ speaks over TCP (RFC 37 of its project).
//!
//! ```text
//!  0       1 or 1..9      then
//! | flags | size in 1 or | body
//! |       | 8 bytes      |
//! ```
//! A flag says how wide the size is. Before the frames each side sends a greeting of 64 bytes, which is no frame.

use ringframe::{Decoder, EncodeError, Format, HeaderError, Parsed, StaticFormat, encode_with};

const MORE: u8 = 0x01;
const LONG: u8 = 0x02;
const COMMAND: u8 = 0x04;

/// Length of the greeting.
const GREETING: usize = 64;

#[derive(Clone, Copy, Debug)]
struct Zmtp;

/// The one byte beside the length, `fields`, is the flags; `LONG` in it is for the length to say.
impl Format for Zmtp {
    type Trailer = ();

    fn max_header(&self) -> usize {
        9
    }

    fn min_header(&self) -> usize {
        2
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        let Some((&flags, rest)) = prefix.split_first() else { return Ok(Parsed::Incomplete { total: 1 }) };
        if flags & !(MORE | LONG | COMMAND) != 0 || flags & (MORE | COMMAND) == MORE | COMMAND {
            return Err(HeaderError::Refused("a reserved flag is set, or a command that goes on"));
        }
        let (header, body) = if flags & LONG == 0 {
            match rest.first() {
                Some(&size) => (2, size.into()),
                None => return Ok(Parsed::Incomplete { total: 2 }),
            }
        } else {
            match rest.first_chunk() {
                Some(&size) => (9, u64::from_be_bytes(size)),
                None => return Ok(Parsed::Incomplete { total: 9 }),
            }
        };
        match body.checked_add(header as u64) {
            Some(_) => Ok(Parsed::Frame { header, payload: body }),
            None => Err(HeaderError::Overflow { value: body }),
        }
    }

    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        if fields.len() != 1 {
            return Err(EncodeError::Fields { given: fields.len(), wanted: 1 });
        }
        Ok(if payload <= 255 { 2 } else { 9 })
    }

    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        let flags = fields[0] & !LONG;
        match out {
            [first, size] => (*first, *size) = (flags, payload as u8),
            [first, size @ ..] => {
                *first = flags | LONG;
                size.copy_from_slice(&payload.to_be_bytes());
            }
            [] => {}
        }
    }
}

impl StaticFormat for Zmtp {
    const MAX_HEADER: usize = 9;
}

/// What a peer that accepts anybody sends first: signature, version 3.1, mechanism, "I am no server", filler.
fn greeting() -> [u8; GREETING] {
    let mut greeting = [0; GREETING];
    greeting[0] = 0xff;
    greeting[9..12].copy_from_slice(&[0x7f, 3, 1]);
    greeting[12..16].copy_from_slice(b"NULL");
    greeting
}

/// Reads what a peer sends: the greeting, then its frames.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut sent = greeting().to_vec();
    for (flags, body) in [
        (COMMAND, &b"\x05READY\x0bSocket-Type\0\0\0\x03REQ"[..]),
        (MORE, b""),
        (0, b"Hello"),
        (0, &[b'.'; 300]),
    ] {
        let mut out = [0; 400];
        let n = encode_with(&Zmtp, &[flags], &[body], &mut out)?;
        sent.extend_from_slice(&out[..n]);
    }

    let mut decoder = Decoder::new(Zmtp, [0; 1024]);
    let mut greeting = Vec::new();
    for mut chunk in sent.chunks(50) {
        while greeting.len() < GREETING && !chunk.is_empty() {
            greeting.extend_from_slice(decoder.unframed(&mut chunk, GREETING - greeting.len()));
        }
        while let Some(frame) = decoder.next_frame(&mut chunk)? {
            let kind = if frame.header()[0] & COMMAND != 0 { "command" } else { "message" };
            println!("{kind} of {} bytes", frame.payload().len());
        }
    }
    decoder.end_of_input()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_in_any_chunking() {
        for (flags, n, header) in [
            (0, 0, &b"\0\0"[..]),
            (MORE, 5, b"\x01\x05"),
            (COMMAND, 255, b"\x04\xff"),
            (COMMAND, 256, b"\x06\0\0\0\0\0\0\x01\0"),
            (MORE, 300, b"\x03\0\0\0\0\0\0\x01\x2c"),
        ] {
            let body = vec![0x55; n];
            let wire = [header, &body].concat();
            let mut out = vec![0; 400];
            let written = encode_with(&Zmtp, &[flags], &[&body], &mut out).unwrap();
            assert_eq!(out[..written], wire);
            for cut in 0..=wire.len() {
                let mut decoder = Decoder::new(Zmtp, [0; 400]);
                let mut frames = Vec::new();
                for mut chunk in [&wire[..cut], &wire[cut..]] {
                    while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                        frames.push((frame.header().to_vec(), frame.payload().to_vec()));
                    }
                }
                decoder.end_of_input().unwrap();
                assert_eq!(frames, [(header.to_vec(), body.clone())], "cut at {cut}");
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for wire in [&b"\x08\0"[..], b"\x05\0", b"\xff\0"] {
            let error = Decoder::new(Zmtp, [0; 64]).next_frame(&mut &wire[..]).unwrap_err();
            assert!(error.to_string().contains("reserved flag"), "{error}");
        }
        let endless = [LONG, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let error = Decoder::new(Zmtp, [0; 64]).next_frame(&mut &endless[..]).unwrap_err();
        assert_eq!(error, HeaderError::Overflow { value: u64::MAX }.into());
    }

    #[test]
    fn the_program_runs() {
        main().unwrap();
    }
}
