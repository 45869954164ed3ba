//! Streams of frames, each over a store so small that frames meet its end, fill it, and exceed it.

use ringframe::{Endian, Format, LengthField, Limited, RuntimeFormat, Width};

use super::summed::Summed;

/// Capacity of the stores that go with the streams, bytes.
pub(crate) const STORE: usize = 64;

/// More than any frame of a stream has, bytes.
pub(crate) const LIMIT: u64 = 1024;

/// The format of most streams: chosen at run time, with [`LIMIT`], so that frames larger than the store are
/// streamed.
pub(crate) type Plain = Limited<RuntimeFormat>;

/// A frame as its header and its payload.
pub(crate) type Owned = (Vec<u8>, Vec<u8>);

/// Frames, and what they are on the wire.
pub(crate) struct Stream<F = Plain> {
    pub(crate) name: &'static str,
    pub(crate) format: F,
    /// The header's bytes other than the length field, of each frame.
    pub(crate) fields: &'static [u8],
    pub(crate) frames: Vec<Owned>,
    pub(crate) wire: Vec<u8>,
    /// Where each frame ends in the wire.
    pub(crate) ends: Vec<usize>,
}

impl<F: Format> Stream<F> {
    /// Frames with payloads of these lengths. No two bytes that are 251 apart or less are mixed up
    /// unnoticed.
    fn new(name: &'static str, format: F, fields: &'static [u8], lens: &[usize]) -> Self {
        let (mut frames, mut wire, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = (0..=250).cycle();
        for &len in lens {
            let payload: Vec<u8> = bytes.by_ref().take(len).collect();
            let mut frame = vec![0; len + 16];
            let n = ringframe::encode_with(&format, fields, &[&payload], &mut frame).expect("there is room");
            wire.extend_from_slice(&frame[..n]);
            ends.push(wire.len());
            frames.push((frame[..n - len - format.trailer_len()].to_vec(), payload));
        }
        Self { name, format, fields, frames, wire, ends }
    }

    /// Returns whether all frames fit the store.
    pub(crate) fn is_small(&self) -> bool {
        let begins = [0].iter().chain(&self.ends);
        self.ends.iter().zip(begins).all(|(end, begin)| end - begin <= STORE)
    }
}

fn plain(name: &'static str, field: LengthField, fields: &'static [u8], lens: &[usize]) -> Stream {
    let format = field.check().expect("a description that is possible").with_limit(LIMIT);
    Stream::new(name, format, fields, lens)
}

/// The table. The first rows fit the store, the last don't.
pub(crate) fn streams() -> Vec<Stream> {
    const VARINT: LengthField = LengthField { width: Width::Varint64, ..LengthField::DEFAULT };
    /// Magic, a little-endian length, flags.
    const AROUND: LengthField = LengthField {
        offset: 2,
        width: Width::U16,
        endian: Endian::Little,
        header: Some(5),
        ..LengthField::DEFAULT
    };
    vec![
        plain("nothing", LengthField::DEFAULT, &[], &[]),
        plain("empty frames", LengthField::DEFAULT, &[], &[0, 0, 0]),
        plain("small frames that meet the store's end", LengthField::DEFAULT, &[], &[5, 0, 20, 17, 1, 33]),
        plain("the store exactly full", LengthField::DEFAULT, &[], &[60, 60, 0, 60]),
        plain("varints", VARINT, &[], &[3, 0, 63, 62, 1]),
        plain("fields around the length", AROUND, &[0xca, 0xfe, 7], &[59, 0, 1, 40]),
        plain("one byte too large", LengthField::DEFAULT, &[], &[1, 61, 2]),
        plain("large between small", LengthField::DEFAULT, &[], &[0, 61, 0, 150, 60, 64, 5, 300]),
        plain("varints of two bytes", VARINT, &[], &[7, 128, 0, 200]),
        plain("large, with fields around the length", AROUND, &[0xca, 0xfe, 7], &[100, 59, 60, 0]),
    ]
}

/// The same for a format whose frames end with a check.
pub(crate) fn summed_streams() -> Vec<Stream<Summed>> {
    vec![
        Stream::new("small frames with a check", Summed, &[], &[5, 0, 60, 33, 1]),
        Stream::new("large frames with a check", Summed, &[], &[5, 0, 61, 60, 100, 62, 200, 1]),
    ]
}

/// Frames with headers of four bytes: the only stream that some tests need.
pub(crate) fn u32_be(lens: &[usize]) -> Stream {
    plain("u32be", LengthField::DEFAULT, &[], lens)
}

/// Frames with a check.
pub(crate) fn summed(lens: &[usize]) -> Stream<Summed> {
    Stream::new("summed", Summed, &[], lens)
}
