//! The same cases for ringframe and for tokio-util's `LengthDelimitedCodec`, whose decoder is used
//! widely enough to be a second opinion. They must see the same frames, and both an error or
//! neither. Where they differ, a comment says why tokio-util is not followed; everything else
//! counts as our bug.

use bytes::{Bytes, BytesMut};
use fastrand::Rng;
use ringframe::{
    Decoder, EncodeError, Endian, Format, LengthField, RuntimeFormat, Status, Width, encode_with,
};
use tokio_util::codec::length_delimited::Builder;
use tokio_util::codec::{Decoder as _, Encoder as _, LengthDelimitedCodec};

const CASES: usize = 100_000;

/// A description that both can have, and a limit that both understand in the same way.
struct Case {
    field: LengthField,
    format: RuntimeFormat,
    width: usize,
    /// The largest length value that passes.
    max_value: u64,
    /// The same, as the largest frame.
    limit: u64,
}

impl Case {
    fn random(rng: &mut Rng) -> Self {
        let (width, bytes) = *rng
            .choice(
                [(Width::U8, 1), (Width::U16, 2), (Width::U24, 3), (Width::U32, 4), (Width::U64, 8)].iter(),
            )
            .unwrap();
        let adjust = match rng.u8(0..4) {
            0 => rng.i64(-20..20),
            1 => rng.i64(-250..200),
            _ => 0,
        };
        let offset = if rng.bool() { 0 } else { rng.usize(0..9) };
        let endian = if rng.bool() { Endian::Big } else { Endian::Little };
        let field = LengthField { offset, width, endian, adjust, header: None };
        let most = if bytes == 1 { 255 } else { 300 };
        // tokio-util's limit is one of the length value, not of the frame (tokio#4815). It is given
        // the value at which a frame reaches our limit, so that the two mean the same.
        let max_value = rng.u64(adjust.min(0).unsigned_abs()..=most);
        let limit = (max_value as i64 + adjust) as u64 + (offset + bytes) as u64;
        Self { field, format: field.check().unwrap(), width: bytes, max_value, limit }
    }

    fn tokio(&self) -> LengthDelimitedCodec {
        let mut builder = Builder::new();
        builder
            .length_field_offset(self.field.offset)
            .length_field_length(self.width)
            .length_adjustment(self.field.adjust as isize)
            .max_frame_length(self.max_value as usize);
        match self.field.endian {
            Endian::Big => builder.big_endian(),
            Endian::Little => builder.little_endian(),
        };
        builder.new_codec()
    }

    /// tokio-util lowers its limit by a negative adjustment and then compares it with the length
    /// value, which that adjustment is part of: it refuses its own largest frames (tokio#4815).
    /// Whether a value is one.
    fn refused_by_tokio_alone(&self, value: u64) -> bool {
        let most = if self.width == 8 { u64::MAX } else { (1 << (8 * self.width)) - 1 };
        let lowered = most.saturating_add_signed(self.field.adjust.min(0));
        value <= self.max_value && value > lowered
    }

    fn header(&self, rng: &mut Rng, value: u64, wire: &mut Vec<u8>) {
        wire.extend((0..self.field.offset).map(|_| rng.u8(..)));
        match self.field.endian {
            Endian::Big => wire.extend(&value.to_be_bytes()[8 - self.width..]),
            Endian::Little => wire.extend(&value.to_le_bytes()[..self.width]),
        }
    }

    /// Frames, some of which are too long or shorter than their header, junk, and an end anywhere.
    fn stream(&self, rng: &mut Rng) -> Vec<u8> {
        let mut wire = Vec::new();
        for _ in 0..rng.usize(0..8) {
            let value = match rng.u8(0..16) {
                0 => rng.u64(..),
                1 => self.max_value + 1,
                2 | 3 => self.max_value,
                4 => self.field.adjust.min(0).unsigned_abs(),
                _ => rng.u64(..=self.max_value),
            };
            self.header(rng, value, &mut wire);
            let payload = value.saturating_add_signed(self.field.adjust).min(600);
            wire.extend((0..payload).map(|_| rng.u8(..)));
        }
        if rng.u8(0..8) == 0 {
            wire.extend((0..rng.usize(0..20)).map(|_| rng.u8(..)));
        }
        if rng.bool() {
            wire.truncate(rng.usize(0..=wire.len()));
        }
        wire
    }
}

/// Where a stream is cut.
fn chunks<'w>(rng: &mut Rng, mut wire: &'w [u8]) -> Vec<&'w [u8]> {
    let most = *rng.choice([1, 3, 20, 1000].iter()).unwrap();
    let mut chunks = Vec::new();
    while !wire.is_empty() {
        let (chunk, rest) = wire.split_at(rng.usize(1..=most).min(wire.len()));
        chunks.push(chunk);
        wire = rest;
    }
    chunks
}

/// The payloads, and whether an error came and whether the end was a clean one.
#[derive(Debug, PartialEq)]
struct Outcome {
    payloads: Vec<Vec<u8>>,
    failed: bool,
    clean: bool,
}

fn by_tokio(case: &Case, chunks: &[&[u8]]) -> Outcome {
    let mut codec = case.tokio();
    let mut buffer = BytesMut::new();
    let mut outcome = Outcome { payloads: vec![], failed: false, clean: false };
    for chunk in chunks {
        buffer.extend_from_slice(chunk);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(payload)) => outcome.payloads.push(payload.to_vec()),
                Ok(None) => break,
                Err(_) => {
                    outcome.failed = true;
                    return outcome;
                }
            }
        }
    }
    outcome.clean = matches!(codec.decode_eof(&mut buffer), Ok(None));
    outcome
}

fn by_ringframe(case: &Case, chunks: &[&[u8]], pull: bool) -> Outcome {
    let store = vec![0; (case.limit as usize).max(case.format.max_header())];
    let mut decoder = Decoder::try_new(case.format.with_limit(case.limit), store).unwrap();
    let mut outcome = Outcome { payloads: vec![], failed: false, clean: false };
    for mut chunk in chunks.iter().copied() {
        loop {
            if pull && let Ok(Status::Missing(_)) = decoder.poll() {
                let space = decoder.space();
                let n = space.len().min(chunk.len());
                space[..n].copy_from_slice(&chunk[..n]);
                chunk = &chunk[n..];
                decoder.filled(n).unwrap();
                if n == 0 {
                    break;
                }
            }
            let frame = if pull { decoder.take_frame() } else { decoder.next_frame(&mut chunk) };
            match frame {
                Ok(Some(frame)) => outcome.payloads.push(frame.payload().to_vec()),
                Ok(None) if chunk.is_empty() => break,
                Ok(None) => assert!(pull, "nothing, but input is left"),
                Err(_) => {
                    outcome.failed = true;
                    return outcome;
                }
            }
        }
    }
    outcome.clean = decoder.end_of_input().is_ok();
    outcome
}

#[test]
fn decodes_what_tokio_util_decodes() {
    let mut rng = Rng::with_seed(0x7269_6e67);
    let (mut frames, mut failures, mut truncations, mut excused) = (0, 0, 0, 0);
    for number in 0..CASES {
        let case = Case::random(&mut rng);
        let wire = case.stream(&mut rng);
        let chunks = chunks(&mut rng, &wire);
        let mut ours = by_ringframe(&case, &chunks, rng.bool());
        let theirs = by_tokio(&case, &chunks);

        // Where the frames that both saw end, and what follows there.
        let header = case.field.offset + case.width;
        let end = theirs.payloads.iter().map(|payload| header + payload.len()).sum::<usize>();
        let rest = &wire[end..];
        if theirs.failed && ours.payloads.len() >= theirs.payloads.len() && rest.len() >= header {
            let value = &rest[case.field.offset..header];
            let shift = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
            let value = match case.field.endian {
                Endian::Big => value.iter().fold(0, shift),
                Endian::Little => value.iter().rev().fold(0, shift),
            };
            if case.refused_by_tokio_alone(value) {
                excused += 1;
                ours.payloads.truncate(theirs.payloads.len());
                (ours.failed, ours.clean) = (true, false);
            }
        }
        // tokio-util takes the header out of the buffer before the payload is there, and an empty
        // buffer for a clean end: a stream cut off right after a header ends cleanly for it.
        if !theirs.failed && theirs.clean && rest.len() == header {
            excused += 1;
            assert!(!ours.clean, "case {number}: {:?}", case.field);
            ours.clean = true;
        }
        assert_eq!(ours, theirs, "case {number}: {:?}, limit {}, {chunks:?}", case.field, case.limit);
        frames += ours.payloads.len();
        failures += usize::from(ours.failed);
        truncations += usize::from(!ours.failed && !ours.clean);
    }
    println!(
        "{CASES} cases: {frames} frames, {failures} errors, {truncations} truncated ends, {excused} excused"
    );
    assert!(frames > CASES && failures > CASES / 20 && truncations > CASES / 20 && excused < CASES / 20);
}

#[test]
fn encodes_what_tokio_util_encodes() {
    let mut rng = Rng::with_seed(0x6672_616d);
    let (mut frames, mut refused) = (0, 0);
    for number in 0..CASES {
        let case = Case::random(&mut rng);
        let payload: Vec<u8> = (0..rng.usize(0..320)).map(|_| rng.u8(..)).collect();
        let fields: Vec<u8> = (0..case.field.offset).map(|_| rng.u8(..)).collect();

        let mut ours = [0; 400];
        let encoded = encode_with(&case.format, &fields, &[&payload], &mut ours);
        // tokio-util counts its limit here in payload bytes, elsewhere in length values: none is
        // set.
        let mut codec = case.tokio();
        codec.set_max_frame_length(1000);
        let mut theirs = BytesMut::new();
        let accepted = codec.encode(Bytes::from(payload.clone()), &mut theirs).is_ok();

        let value = (payload.len() as i64).checked_sub(case.field.adjust).filter(|&value| value >= 0);
        let most = if case.width == 1 { 255 } else { 0xffff };
        let Some(value) = value.filter(|&value| value <= most) else {
            // With too long a payload tokio-util writes the low bytes of the length, or refuses by
            // its lowered limit; with one shorter than the adjustment it refuses, too.
            assert_eq!(encoded, Err(EncodeError::Unrepresentable { payload: payload.len() as u64 }));
            assert!(!accepted || payload.len() as i64 - case.field.adjust > most);
            refused += 1;
            continue;
        };
        let ours =
            &ours[..encoded.unwrap_or_else(|error| panic!("case {number}: {:?}: {error}", case.field))];
        if !accepted {
            // The limit that tokio-util lowers or raises by the adjustment counts its payload here.
            assert!(payload.len() as i64 > most + case.field.adjust.min(0), "case {number}: {value}");
            continue;
        }
        // tokio-util leaves the bytes before the length field out, and can't read what it wrote.
        assert_eq!(&ours[..case.field.offset], fields);
        assert_eq!(ours[case.field.offset..], theirs, "case {number}: {:?}", case.field);
        frames += 1;
    }
    println!("{CASES} cases: {frames} frames, {refused} refused");
    assert!(frames > CASES / 2 && refused > CASES / 50);
}
