//! A format that returns whatever comes to its mind gets wrong frames or errors, never a panic or a
//! hang.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use proptest::prelude::*;
use ringframe::{Decoder, EncodeError, Encoder, Format, HeaderError, Parsed, Trailer};

use super::config;

/// The second type is that of the trailer: with one, or without.
#[derive(Clone)]
struct Liar<T> {
    parsed: Vec<Result<Parsed, HeaderError>>,
    headers: Vec<Result<usize, EncodeError>>,
    lengths: Vec<usize>,
    next: Cell<usize>,
    trailer: PhantomData<T>,
}

/// A trailer that is right now and then.
#[derive(Clone, Copy, Default)]
struct Whim(usize);

impl Trailer for Whim {
    const MAX_LEN: usize = 8;

    fn update(&mut self, bytes: &[u8]) {
        self.0 = self.0.wrapping_add(bytes.len());
    }

    fn write(&self, out: &mut [u8]) {
        out.fill(self.0 as u8);
    }

    fn matches(&self, received: &[u8]) -> bool {
        matches!((self.0 + received.len()) % 3, 1 | 2)
    }
}

impl<T> Liar<T> {
    fn next(&self) -> usize {
        self.next.set(self.next.get().wrapping_add(1));
        self.next.get()
    }

    fn length(&self) -> usize {
        self.lengths[self.next() % self.lengths.len()]
    }
}

impl<T: Trailer> Format for Liar<T> {
    type Trailer = T;

    fn max_header(&self) -> usize {
        self.length()
    }

    fn min_header(&self) -> usize {
        self.length()
    }

    fn trailer_len(&self) -> usize {
        if T::MAX_LEN > 0 { self.length() } else { 0 }
    }

    fn limit(&self) -> Option<u64> {
        let limit = self.next();
        if limit.is_multiple_of(5) { None } else { Some(limit as u64 * 7) }
    }

    fn min_payload(&self) -> u64 {
        self.next() as u64
    }

    fn parse(&self, _: &[u8]) -> Result<Parsed, HeaderError> {
        self.parsed[self.next() % self.parsed.len()]
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, EncodeError> {
        self.headers[self.next() % self.headers.len()]
    }

    fn write(&self, _: &[u8], _: u64, out: &mut [u8]) {
        out.fill(self.next() as u8);
    }
}

fn number() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0..12usize, 4 => 0..80usize, 1 => Just(usize::MAX), 1 => any::<usize>()]
}

fn liar<T: Trailer + fmt::Debug>() -> impl Strategy<Value = Liar<T>> {
    let parsed = prop_oneof![
        4 => number().prop_map(|total| Ok(Parsed::Incomplete { total })),
        8 => (number(), number()).prop_map(|(header, n)| Ok(Parsed::Frame { header, payload: n as u64 })),
        1 => Just(Err(HeaderError::Refused("so"))),
    ];
    let header = prop_oneof![6 => number().prop_map(Ok), 1 => Just(Err(EncodeError::Refused("so")))];
    let length = prop_oneof![8 => 0..16usize, 1 => number()];
    let many = 1..20usize;
    (
        prop::collection::vec(parsed, many.clone()),
        prop::collection::vec(header, many.clone()),
        prop::collection::vec(length, many),
    )
        .prop_map(|(parsed, headers, lengths)| Liar {
            parsed,
            headers,
            lengths,
            next: Cell::new(0),
            trailer: PhantomData,
        })
}

impl<T> fmt::Debug for Liar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.parsed, self.headers, self.lengths)
    }
}

impl fmt::Debug for Whim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Makes a decoder of a format that may be refused: another answer may be accepted.
fn decoder<F: Format + Clone>(format: &F, store: usize) -> Option<Decoder<F, Vec<u8>>> {
    (0..20).find_map(|_| Decoder::try_new(format.clone(), vec![0; store]).ok())
}

fn decodes<F: Format + Clone>(format: &F, store: usize, ops: &[(u8, usize)]) {
    let Some(mut decoder) = decoder(format, store) else { return };
    let bytes = [0; 40];
    for &(op, n) in ops {
        let input = &mut &bytes[..n];
        match op {
            0 => drop(decoder.next_frame(input).map(drop)),
            1 => drop(decoder.next_event(input).map(drop)),
            2 => drop(decoder.unframed(input, n)),
            3 | 4 => {
                let n = decoder.space().len().min(n);
                decoder.filled(n).unwrap();
            }
            5 => drop(decoder.take_event().map(drop)),
            6 => drop(decoder.end_of_input()),
            7 => drop(decoder.discard()),
            8 => drop((decoder.missing(), decoder.is_mid_frame(), decoder.buffered())),
            9 => drop(decoder.poll()),
            10 => {
                let mut frames = decoder.frames(input);
                for _ in 0..n {
                    let _ = frames.next();
                }
            }
            11 => drop(decoder.take_frame().map(drop)),
            12 => drop(decoder.resync()),
            13 => drop(decoder.take_payload(n)),
            14 => drop(decoder.has_large_frame()),
            15 => drop(decoder.replace_format(format.clone())),
            16 => decoder.reset(),
            _ => {
                let parts = decoder.into_parts();
                assert!(parts.buffered.end <= store);
                match Decoder::from_parts(parts) {
                    Ok(again) => decoder = again,
                    Err(_) => return,
                }
            }
        }
        assert!(decoder.buffered() <= store);
    }
}

fn encodes<F: Format + Clone>(format: &F, store: usize, ops: &[(u8, usize)]) {
    let Some(mut encoder) = (0..20).find_map(|_| Encoder::try_new(format.clone(), vec![0; store]).ok())
    else {
        return;
    };
    let bytes = [0; 40];
    for &(op, n) in ops {
        match op {
            0 => drop(encoder.push(&bytes[..n])),
            1 => drop(encoder.announce(&[], n as u64)),
            2 => drop(encoder.feed(&bytes[..n])),
            3 => {
                if let Ok(mut frame) = encoder.begin(&[]) {
                    let _ = frame.write(&bytes[..n]);
                    let _ = frame.publish();
                }
            }
            4 => encoder.advance(n),
            5 => drop(encoder.drain(&mut vec![0; n])),
            6 => drop(encoder.note_sent(&bytes[..n])),
            7 => drop(encoder.push_unframed(&bytes[..n])),
            _ => drop(encoder.replace_format(format.clone())),
        }
        assert_eq!(encoder.pending().0.len() + encoder.pending().1.len() + encoder.free(), store);
    }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn decoder_survives(
        liar in liar::<()>(),
        store in 16..64usize,
        ops in prop::collection::vec((0..18u8, 0..40usize), 0..100),
    ) {
        decodes(&liar, store, &ops);
    }

    #[test]
    fn decoder_survives_with_trailers(
        liar in liar::<Whim>(),
        store in 16..64usize,
        ops in prop::collection::vec((0..18u8, 0..40usize), 0..100),
    ) {
        decodes(&liar, store, &ops);
    }

    #[test]
    fn encoder_survives(
        liar in liar::<()>(),
        store in 16..64usize,
        ops in prop::collection::vec((0..9u8, 0..40usize), 0..100),
    ) {
        encodes(&liar, store, &ops);
    }

    #[test]
    fn encoder_survives_with_trailers(
        liar in liar::<Whim>(),
        store in 16..64usize,
        ops in prop::collection::vec((0..9u8, 0..40usize), 0..100),
    ) {
        encodes(&liar, store, &ops);
    }
}
