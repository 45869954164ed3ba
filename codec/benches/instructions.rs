//! One workload over so many frames, for an instruction counter around it: see the script `instructions`
//! beside this file, which runs it under Valgrind and subtracts.
//!
//! `instructions <workload> <ours|hand> <payload> <frames>`

mod contenders;

use std::hint::black_box;

use contenders::{STORE, decode, encode, frame_len, read, stream};

/// What a packet brings.
const PACKET: usize = 1460;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [workload, contender, payload, frames] = args.as_slice() else {
        eprintln!(
            "usage: instructions <through|packets|ring|bytes|slice|queue> <ours|hand> <payload> <frames>"
        );
        return;
    };
    let ours = contender == "ours";
    let payload: usize = payload.parse().expect("bytes of payload");
    let frames: usize = frames.parse().expect("a number of frames");
    // The set-up is the same for any number of frames: they go in passes of this many.
    const PASS: usize = 128;
    let passes = frames.div_ceil(PASS);
    let stream = stream(payload, PASS);
    let source = vec![7; PASS * payload];
    let size = PASS * frame_len(payload);

    let mut pass: Box<dyn FnMut() -> u64> = match (workload.as_str(), ours) {
        ("through" | "packets" | "bytes", _) => {
            let chunk = match workload.as_str() {
                "through" => stream.len(),
                "packets" => PACKET,
                _ => 1,
            };
            let mut decoder = decode::ours_new();
            let mut buffer = Vec::new();
            let stream = &stream;
            Box::new(move || {
                let chunk = black_box(chunk);
                if ours {
                    decode::ours(&mut decoder, stream, chunk)
                } else {
                    decode::by_hand(&mut buffer, stream, chunk)
                }
            })
        }
        ("ring", true) => {
            let mut state = read::ours_new(read::Endless::new(&stream, PACKET), STORE);
            Box::new(move || read::ours(&mut state, black_box(PASS)))
        }
        ("ring", false) => {
            let mut state = read::by_hand_new(read::Endless::new(&stream, PACKET), 8 * 1024);
            Box::new(move || read::by_hand(&mut state, black_box(PASS)))
        }
        ("slice", true) => {
            let mut out = vec![0; size];
            let source = &source;
            Box::new(move || encode::ours_slice(&mut out, source, black_box(payload), 1))
        }
        ("queue", true) => {
            let mut encoder = encode::ours_ring_new(size);
            let source = &source;
            Box::new(move || encode::ours_ring(&mut encoder, source, black_box(payload), 1))
        }
        ("slice" | "queue", false) => {
            let mut out = Vec::with_capacity(size);
            let source = &source;
            Box::new(move || encode::by_hand(&mut out, source, black_box(payload), 1))
        }
        _ => panic!("no workload is called {workload}"),
    };
    for _ in 0..passes {
        black_box(pass());
    }
}
