//! One workload of the codec for `Framed`, ours or tokio-util's, for an instruction counter around it: see the script
//! `instructions` in the codec's `benches`, which runs it under Valgrind and subtracts.
//!
//! `codec <framed-decode|framed-encode> <ours|hand> <payload> <frames>`

use std::hint::black_box;

use bytes::{Bytes, BytesMut};
use ringframe::formats;
use ringframe_io::tokio::codec::Codec;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// The set-up is the same for any number of frames: they go in passes of this many.
const PASS: usize = 128;

#[inline(never)]
fn decode<C: Decoder<Item = BytesMut>>(codec: &mut C, buffer: &mut BytesMut) -> u64 {
    let mut sum = 0;
    while let Ok(Some(payload)) = codec.decode(buffer) {
        let ends = payload.first().zip(payload.last()).map_or(0, |(first, last)| u64::from(first ^ last));
        sum += payload.len() as u64 + ends;
    }
    sum
}

#[inline(never)]
fn encode<C: Encoder<Bytes>>(codec: &mut C, payload: &Bytes, buffer: &mut BytesMut) -> u64 {
    buffer.clear();
    for _ in 0..PASS {
        let _ = codec.encode(black_box(payload).clone(), buffer);
    }
    buffer.len() as u64
}

fn run<C: Decoder<Item = BytesMut> + Encoder<Bytes>>(
    mut codec: C,
    decodes: bool,
    payload: usize,
    passes: usize,
) {
    let payload = Bytes::from(vec![7; payload]);
    let mut wire = BytesMut::new();
    encode(&mut codec, &payload, &mut wire);
    let mut buffer = BytesMut::with_capacity(wire.len());
    for _ in 0..passes {
        if decodes {
            // The frames of the last pass are gone, so that their room is had again, as in `Framed`.
            buffer.extend_from_slice(&wire);
            black_box(decode(&mut codec, &mut buffer));
        } else {
            black_box(encode(&mut codec, &payload, &mut buffer));
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [workload, contender, payload, frames] = args.as_slice() else {
        eprintln!("usage: codec <framed-decode|framed-encode> <ours|hand> <payload> <frames>");
        return;
    };
    let decodes = workload == "framed-decode";
    let payload = payload.parse().expect("bytes of payload");
    let passes = frames.parse::<usize>().expect("a number of frames").div_ceil(PASS);
    match contender.as_str() {
        "ours" => run(Codec::new(formats::U32_BE), decodes, payload, passes),
        _ => run(LengthDelimitedCodec::new(), decodes, payload, passes),
    }
}
