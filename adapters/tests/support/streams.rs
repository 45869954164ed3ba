//! Streams of frames, each over a store so small that frames meet its end, fill it, and exceed it.

use ringframe::{Endian, Format, LengthField, Limited, RuntimeFormat, Width};

/// Capacity of the stores that go with the streams, bytes.
pub(crate) const STORE: usize = 64;

/// More than any frame of a stream has, bytes.
pub(crate) const LIMIT: u64 = 1024;

/// A frame as its header and its payload.
pub(crate) type Owned = (Vec<u8>, Vec<u8>);

/// Frames, and what they are on the wire.
pub(crate) struct Stream {
    pub(crate) name: &'static str,
    /// With [`LIMIT`], so that frames larger than the store are streamed.
    pub(crate) format: Limited<RuntimeFormat>,
    /// The header's bytes around the length field, of each frame.
    pub(crate) fields: &'static [u8],
    pub(crate) frames: Vec<Owned>,
    pub(crate) wire: Vec<u8>,
}

impl Stream {
    /// Frames with payloads of these lengths. No two bytes that are 251 apart or less are mixed up
    /// unnoticed.
    pub(crate) fn new(name: &'static str, field: LengthField, fields: &'static [u8], lens: &[usize]) -> Self {
        let format = field.check().expect("a description that can be").with_limit(LIMIT);
        let (mut frames, mut wire) = (Vec::new(), Vec::new());
        let mut bytes = (0..=250).cycle();
        for &len in lens {
            let payload: Vec<u8> = bytes.by_ref().take(len).collect();
            let mut frame = vec![0; len + 16];
            let n = ringframe::encode_with(&format, fields, &[&payload], &mut frame).expect("there is room");
            wire.extend_from_slice(&frame[..n]);
            frames.push((frame[..n - len].to_vec(), payload));
        }
        Self { name, format, fields, frames, wire }
    }

    /// Whether all frames fit the store.
    pub(crate) fn is_small(&self) -> bool {
        self.frames.iter().all(|(header, payload)| header.len() + payload.len() <= STORE)
    }
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
        Stream::new("nothing", LengthField::DEFAULT, &[], &[]),
        Stream::new("empty frames", LengthField::DEFAULT, &[], &[0, 0, 0]),
        Stream::new(
            "small frames that meet the store's end",
            LengthField::DEFAULT,
            &[],
            &[5, 0, 20, 17, 1, 33],
        ),
        Stream::new("the store exactly full", LengthField::DEFAULT, &[], &[60, 60, 0, 60]),
        Stream::new("varints", VARINT, &[], &[3, 0, 63, 62, 1]),
        Stream::new("fields around the length", AROUND, &[0xca, 0xfe, 7], &[59, 0, 1, 40]),
        Stream::new("one byte too large", LengthField::DEFAULT, &[], &[1, 61, 2]),
        Stream::new("large between small", LengthField::DEFAULT, &[], &[0, 61, 0, 150, 60, 64, 5, 300]),
        Stream::new("varints of two bytes", VARINT, &[], &[7, 128, 0, 200]),
        Stream::new("large, with fields around the length", AROUND, &[0xca, 0xfe, 7], &[100, 59, 60, 0]),
    ]
}

/// Those of the table whose frames all fit the store.
pub(crate) fn small_streams() -> impl Iterator<Item = Stream> {
    streams().into_iter().filter(Stream::is_small)
}

/// For stores that are to hold one frame and not two: the only stream that some tests need.
pub(crate) fn u32_be(lens: &[usize]) -> Stream {
    Stream::new("u32be", LengthField::DEFAULT, &[], lens)
}
