//! What is measured: ours and its rivals, each in a function of its own that is never inlined, because
//! where the code lands moves small frames by a third.
//!
//! All of a kind do the same work: of each frame the length, the first and the last byte are added up,
//! and the sum is the answer, which the callers compare. Sizes are arguments, so that no compiler knows
//! them. State outlives a pass, as it does on a link.

use std::hint::black_box;
use std::io::{BufReader, Read};

use bytes::BytesMut;
use ringframe::formats::{U32_BE, U32Be};
use ringframe::{Decoder, Encoder, Status};
use tokio_util::codec::{Decoder as _, Encoder as _, LengthDelimitedCodec};
use wire_codec::framing::{Endian, LengthPrefixed, LengthWidth, StreamDecoder};

/// Bytes of a stream, at least; then whole frames.
pub(crate) const STREAM: usize = 512 * 1024;

/// Our store, where nothing else is said.
pub(crate) const STORE: usize = 64 * 1024;

/// Length of a frame on the wire.
pub(crate) fn frame_len(payload: usize) -> usize {
    payload + size_of::<u32>()
}

/// A stream of so many frames with payloads of that many bytes.
pub(crate) fn stream(payload: usize, frames: usize) -> Vec<u8> {
    let mut stream = Vec::with_capacity(frames * frame_len(payload));
    for number in 0..frames {
        stream.extend_from_slice(&(payload as u32).to_be_bytes());
        stream.extend((0..payload).map(|at| (number + at * 7) as u8));
    }
    stream
}

/// What a receiver does with a frame.
#[inline(always)]
fn look(payload: &[u8]) -> u64 {
    let first = payload.first().copied().unwrap_or(0);
    let last = payload.last().copied().unwrap_or(0);
    payload.len() as u64 + u64::from(first) + u64::from(last)
}

/// Decoding what comes in chunks.
pub(crate) mod decode {
    use super::*;

    pub(crate) fn ours_new() -> Decoder<U32Be, Box<[u8]>> {
        Decoder::try_new(U32_BE, vec![0; STORE].into()).expect("the store holds a header")
    }

    #[inline(never)]
    pub(crate) fn ours(decoder: &mut Decoder<U32Be, Box<[u8]>>, stream: &[u8], chunk: usize) -> u64 {
        let mut sum = 0_u64;
        for mut input in stream.chunks(chunk) {
            let mut frames = decoder.frames(&mut input);
            while let Some(frame) = frames.next().expect("a good frame") {
                sum = sum.wrapping_add(look(frame.payload()));
            }
        }
        sum
    }

    #[derive(Default)]
    pub(crate) struct TokioUtil {
        codec: LengthDelimitedCodec,
        buffer: BytesMut,
    }

    #[inline(never)]
    pub(crate) fn tokio_util(state: &mut TokioUtil, stream: &[u8], chunk: usize) -> u64 {
        let mut sum = 0_u64;
        for chunk in stream.chunks(chunk) {
            state.buffer.extend_from_slice(chunk);
            while let Some(payload) = state.codec.decode(&mut state.buffer).expect("a good frame") {
                sum = sum.wrapping_add(look(&payload));
            }
        }
        sum
    }

    pub(crate) struct WireCodec {
        decoder: StreamDecoder<LengthPrefixed>,
        buffer: Vec<u8>,
    }

    pub(crate) fn wire_codec_new() -> WireCodec {
        let framer = LengthPrefixed::bounded(LengthWidth::U32, Endian::Big);
        WireCodec { decoder: StreamDecoder::new(framer), buffer: Vec::new() }
    }

    /// The loop of wire-codec's own documentation.
    #[inline(never)]
    pub(crate) fn wire_codec(state: &mut WireCodec, stream: &[u8], chunk: usize) -> u64 {
        let mut sum = 0_u64;
        for chunk in stream.chunks(chunk) {
            state.buffer.extend_from_slice(chunk);
            let mut at = 0;
            while let Some(frame) = state.decoder.decode(&state.buffer[at..]).expect("a good frame") {
                sum = sum.wrapping_add(look(frame.payload()));
                at += frame.consumed();
            }
            state.buffer.drain(..at);
        }
        sum
    }

    /// What people write by hand. Without a limit, which makes it the harder rival.
    #[inline(never)]
    pub(crate) fn by_hand(buffer: &mut Vec<u8>, stream: &[u8], chunk: usize) -> u64 {
        let mut sum = 0_u64;
        for chunk in stream.chunks(chunk) {
            buffer.extend_from_slice(chunk);
            let mut at = 0;
            while let Some((header, rest)) = buffer[at..].split_first_chunk() {
                let Some(payload) = rest.get(..u32::from_be_bytes(*header) as usize) else { break };
                sum = sum.wrapping_add(look(payload));
                at += header.len() + payload.len();
            }
            buffer.drain(..at);
        }
        sum
    }

    /// Copies the same bytes, all at once.
    #[inline(never)]
    pub(crate) fn memcpy_all(copy: &mut [u8], stream: &[u8]) -> u64 {
        copy[..stream.len()].copy_from_slice(stream);
        black_box(copy).len() as u64
    }

    /// Copies the same bytes frame by frame to the same place, which stays cached.
    #[inline(never)]
    pub(crate) fn memcpy_frames(copy: &mut [u8], stream: &[u8], frame: usize) -> u64 {
        for frame in stream.chunks(frame) {
            copy[..frame.len()].copy_from_slice(frame);
            black_box(&mut *copy);
        }
        stream.len() as u64
    }
}

/// Reading from something that fills a buffer.
pub(crate) mod read {
    use super::*;

    /// A stream again and again, at most `most` bytes a read.
    pub(crate) struct Endless<'s> {
        stream: &'s [u8],
        rest: &'s [u8],
        most: usize,
    }

    impl<'s> Endless<'s> {
        pub(crate) fn new(stream: &'s [u8], most: usize) -> Self {
            Self { stream, rest: stream, most }
        }
    }

    impl Read for Endless<'_> {
        #[inline]
        fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
            if self.rest.is_empty() {
                self.rest = self.stream;
            }
            let n = space.len().min(self.most);
            self.rest.read(&mut space[..n])
        }
    }

    pub(crate) struct Ours<'s> {
        decoder: Decoder<U32Be, Box<[u8]>>,
        reader: Endless<'s>,
    }

    pub(crate) fn ours_new(reader: Endless<'_>, store: usize) -> Ours<'_> {
        let decoder = Decoder::try_new(U32_BE, vec![0; store].into()).expect("the store holds a header");
        Ours { decoder, reader }
    }

    #[inline(never)]
    pub(crate) fn ours(state: &mut Ours<'_>, frames: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..frames {
            while let Status::Missing(_) = state.decoder.poll().expect("a good frame") {
                let n = state.reader.read(state.decoder.space()).expect("memory");
                state.decoder.filled(n).expect("that was the space");
            }
            let frame = state.decoder.take_frame().expect("a good frame").expect("it was there");
            sum = sum.wrapping_add(look(frame.payload()));
        }
        sum
    }

    pub(crate) struct ByHand<'s> {
        reader: BufReader<Endless<'s>>,
        payload: Vec<u8>,
    }

    pub(crate) fn by_hand_new(reader: Endless<'_>, capacity: usize) -> ByHand<'_> {
        ByHand { reader: BufReader::with_capacity(capacity, reader), payload: Vec::new() }
    }

    #[inline(never)]
    pub(crate) fn by_hand(state: &mut ByHand<'_>, frames: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..frames {
            let mut header = [0; 4];
            state.reader.read_exact(&mut header).expect("memory");
            state.payload.resize(u32::from_be_bytes(header) as usize, 0);
            state.reader.read_exact(&mut state.payload).expect("memory");
            sum = sum.wrapping_add(look(&state.payload));
        }
        sum
    }
}

/// Encoding in batches: the payloads of `source`, so many times. A batch is what leaves in one write.
pub(crate) mod encode {
    use super::*;

    /// Bytes of payload in a batch, where a payload is not larger.
    pub(crate) const BATCH: usize = 16 * 1024;

    /// What a transport does with a batch.
    #[inline(always)]
    fn send(batch: &[u8]) -> u64 {
        look(black_box(batch))
    }

    #[inline(never)]
    pub(crate) fn ours_slice(out: &mut [u8], source: &[u8], payload: usize, batches: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..batches {
            let mut at = 0;
            for payload in source.chunks_exact(payload) {
                at += ringframe::encode(&U32_BE, payload, &mut out[at..]).expect("there is room");
            }
            sum = sum.wrapping_add(send(&out[..at]));
        }
        sum
    }

    pub(crate) fn ours_ring_new(store: usize) -> Encoder<U32Be, Box<[u8]>> {
        Encoder::try_new(U32_BE, vec![0; store].into()).expect("the store holds a header")
    }

    #[inline(never)]
    pub(crate) fn ours_ring(
        encoder: &mut Encoder<U32Be, Box<[u8]>>,
        source: &[u8],
        payload: usize,
        batches: usize,
    ) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..batches {
            for payload in source.chunks_exact(payload) {
                encoder.push(payload).expect("there is room");
            }
            // All of it was sent each time, so the ring has not wrapped.
            let sent = encoder.pending().0;
            let n = sent.len();
            sum = sum.wrapping_add(send(sent));
            encoder.advance(n);
        }
        sum
    }

    #[derive(Default)]
    pub(crate) struct TokioUtil {
        codec: LengthDelimitedCodec,
        out: BytesMut,
    }

    #[inline(never)]
    pub(crate) fn tokio_util(state: &mut TokioUtil, source: &[u8], payload: usize, batches: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..batches {
            for payload in source.chunks_exact(payload) {
                state.codec.encode(payload, &mut state.out).expect("short enough");
            }
            sum = sum.wrapping_add(send(&state.out));
            state.out.clear();
        }
        sum
    }

    #[inline(never)]
    pub(crate) fn by_hand(out: &mut Vec<u8>, source: &[u8], payload: usize, batches: usize) -> u64 {
        let mut sum = 0_u64;
        for _ in 0..batches {
            for payload in source.chunks_exact(payload) {
                out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
                out.extend_from_slice(payload);
            }
            sum = sum.wrapping_add(send(out));
            out.clear();
        }
        sum
    }
}
