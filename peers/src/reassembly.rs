//! TCP's segments put back into the stream of bytes that they carry: one direction of a connection, as a capture
//! shows it, in any order, several times, overlapping.
//!
//! Where segments disagree about a byte, the first one seen is right. Sequence numbers wrap around at 2^32; offsets
//! in the stream are 64-bit and don't. What is ahead of a gap waits, up to [`WAITING`] bytes.

use std::collections::BTreeMap;

/// What may wait behind a gap, bytes of memory. More than a receiver's window is not under way at a time, and this is a large one.
pub(crate) const WAITING: usize = 8 << 20;

/// What a piece that waits needs beside its bytes, bytes, about.
const EACH_NEEDS: usize = 64;

/// No window is larger (RFC 7323, section 2.3): what is further ahead belongs to something else.
const LARGEST_WINDOW: i64 = 1 << 30;

/// One direction of a connection.
///
/// `delivered` bytes were handed on, the next one of which has the sequence number `next`; everything in `waiting`
/// begins beyond that, by its offset, and nothing in there overlaps.
#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    /// Unknown until there is a SYN, or, in a capture that begins later, a byte.
    next: Option<u32>,
    delivered: u64,
    waiting: BTreeMap<u64, Vec<u8>>,
    /// Bytes in `waiting`.
    held: usize,
    /// Where the stream ends, once that is known.
    end: Option<u64>,
    /// Up to where bytes were sent that the capture may lack.
    reach: u64,
}

impl Reassembly {
    /// The stream's first byte has the sequence number behind that of the SYN; `false` where another number is known,
    /// so that the SYN begins a new connection.
    pub(crate) fn syn(&mut self, seq: u32) -> bool {
        let first = seq.wrapping_add(1);
        let Some(next) = self.next else {
            self.next = Some(first);
            return true;
        };
        // The same one again, whose first byte may be long past.
        next.wrapping_sub(self.delivered as u32) == first
    }

    /// The stream ends before this sequence number.
    pub(crate) fn fin(&mut self, seq: u32) {
        if let (None, Some(offset)) = (self.end, self.offset(seq)) {
            self.end = u64::try_from(offset).ok();
        }
    }

    /// Bytes were sent up to this sequence number, whether or not they are seen.
    pub(crate) fn reaches(&mut self, seq: u32) {
        let offset = self.offset(seq).and_then(|offset| u64::try_from(offset).ok());
        self.reach = self.reach.max(offset.unwrap_or(0));
    }

    /// A segment. What of it comes next in the stream is to be taken at once; then, by [`pop`](Self::pop), what
    /// waited for that.
    pub(crate) fn segment<'a>(&mut self, seq: u32, payload: &'a [u8]) -> &'a [u8] {
        if payload.is_empty() {
            return &[];
        }
        // A capture that begins in the middle of a connection: so does the stream.
        self.next.get_or_insert(seq);
        let Some(offset) = self.offset(seq) else { return &[] };
        let old = usize::try_from(self.delivered as i64 - offset).unwrap_or(0);
        let Some(new) = payload.get(old..) else { return &[] };
        let from = u64::try_from(offset).unwrap_or(0).max(self.delivered);
        if from == self.delivered {
            // Bytes that wait were seen first, and what is behind them is for later.
            let until = self.waiting.first_key_value().map_or(u64::MAX, |(&offset, _)| offset);
            let n = clamp(until - from).min(new.len());
            let (now, later) = new.split_at(n);
            self.deliver(n);
            self.wait(self.delivered, later);
            return now;
        }
        self.wait(from, new);
        &[]
    }

    /// What waited and comes next; to be called until there is none.
    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        let next = self.waiting.first_entry().filter(|entry| *entry.key() == self.delivered)?.remove();
        self.held -= next.len();
        self.deliver(next.len());
        Some(next)
    }

    /// How many bytes are missing between what was handed on and what waits, or else what was sent in all; 0 where none
    /// are.
    pub(crate) fn missing(&self) -> u64 {
        let waiting = self.waiting.first_key_value().map(|(&offset, _)| offset);
        waiting.unwrap_or(self.end.unwrap_or(0).max(self.reach)).saturating_sub(self.delivered)
    }

    /// Whether waiting for missing bytes has become vain: more waits than would be on its way.
    pub(crate) fn has_a_gap(&self) -> bool {
        self.held + self.waiting.len() * EACH_NEEDS > WAITING
    }

    /// Whether all of the stream was handed on.
    pub(crate) fn is_complete(&self) -> bool {
        self.end.is_some_and(|end| self.delivered >= end)
    }

    /// How many bytes were handed on: where in the stream the next one is.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Lets go of what waits.
    pub(crate) fn forget(&mut self) {
        self.waiting.clear();
        self.held = 0;
    }

    /// Where in the stream a sequence number is, which may be before its beginning.
    fn offset(&self, seq: u32) -> Option<i64> {
        let ahead = i64::from(seq.wrapping_sub(self.next?).cast_signed());
        (ahead <= LARGEST_WINDOW).then_some(self.delivered as i64 + ahead)
    }

    fn deliver(&mut self, n: usize) {
        self.delivered += n as u64;
        // Less than 4 GiB at a time.
        self.next = self.next.map(|next| next.wrapping_add(n as u32));
    }

    /// Keeps what of it does not wait already.
    fn wait(&mut self, mut from: u64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // What is there up to here covers the beginning …
            let covered = self.waiting.range(..=from).next_back().map(|(&at, held)| at + held.len() as u64);
            let old = clamp(covered.unwrap_or(0).saturating_sub(from)).min(bytes.len());
            (from, bytes) = (from + old as u64, &bytes[old..]);
            // … and what begins behind it the rest.
            let until = self.waiting.range(from..).next().map_or(u64::MAX, |(&at, _)| at);
            let n = clamp(until - from).min(bytes.len());
            if n > 0 {
                self.waiting.insert(from, bytes[..n].to_vec());
                self.held += n;
            }
            (from, bytes) = (from + n as u64, &bytes[n..]);
        }
    }
}

fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Reassembly, WAITING};

    /// Hands segments in, each a range of the stream, and collects what comes out.
    fn reassemble(stream: &[u8], first: u32, segments: &[(usize, usize)]) -> (Vec<u8>, Reassembly) {
        let mut reassembly = Reassembly::default();
        assert!(reassembly.syn(first.wrapping_sub(1)));
        let mut out = Vec::new();
        for &(from, to) in segments {
            out.extend_from_slice(reassembly.segment(first.wrapping_add(from as u32), &stream[from..to]));
            while let Some(piece) = reassembly.pop() {
                assert!(!piece.is_empty());
                out.extend(piece);
            }
            assert_eq!(reassembly.delivered(), out.len() as u64);
        }
        (out, reassembly)
    }

    /// The model: the longest beginning of which every byte was in a segment.
    fn model(length: usize, segments: &[(usize, usize)]) -> usize {
        let mut seen = vec![false; length];
        for &(from, to) in segments {
            seen[from..to].fill(true);
        }
        seen.iter().take_while(|seen| **seen).count()
    }

    proptest! {
        /// Any segments, in any order, repeated, overlapping, some lost, with sequence numbers that wrap around.
        #[test]
        fn any_segments(
            length in 1_usize..300,
            first in prop_oneof![any::<u32>(), (u32::MAX - 300)..=u32::MAX],
            cuts in prop::collection::vec((0.0..1.0, 0.0..0.3), 0..40),
        ) {
            let stream: Vec<u8> = (0..length).map(|i| (i * 7 + i / 256) as u8).collect();
            let segments: Vec<_> = cuts
                .iter()
                .map(|(from, len)| {
                    let from = (from * length as f64) as usize;
                    (from, (from + (len * length as f64) as usize).min(length))
                })
                .collect();
            let (out, mut reassembly) = reassemble(&stream, first, &segments);
            let whole = model(length, &segments);
            prop_assert_eq!(&out[..], &stream[..whole]);
            // Nothing is held twice, and what is missing is known once the end is.
            let beyond = (whole..length).filter(|i| segments.iter().any(|(a, b)| (*a..*b).contains(i))).count();
            prop_assert_eq!(reassembly.held, beyond);
            reassembly.fin(first.wrapping_add(length as u32));
            prop_assert_eq!(reassembly.is_complete(), whole == length);
            prop_assert_eq!(reassembly.missing() == 0, whole == length);
        }

        /// A whole stream, cut at random, shuffled, gives itself.
        #[test]
        fn shuffled(
            (segments, first) in (prop::collection::btree_set(1_usize..999, 0..60), any::<u32>())
                .prop_flat_map(|(cuts, first)| {
                    let edges: Vec<_> = [0].into_iter().chain(cuts).chain([1000]).collect();
                    let segments: Vec<_> = edges.windows(2).map(|pair| (pair[0], pair[1])).collect();
                    (Just(segments).prop_shuffle(), Just(first))
                })
        ) {
            let stream: Vec<u8> = (0..1000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
            let (out, reassembly) = reassemble(&stream, first, &segments);
            prop_assert!(out == stream && reassembly.held == 0);
        }
    }

    #[test]
    fn the_first_one_seen_is_right() {
        let mut reassembly = Reassembly::default();
        reassembly.syn(99);
        assert_eq!(reassembly.segment(102, b"CD"), b"");
        assert_eq!(reassembly.segment(100, b"abcdef"), b"ab");
        assert_eq!(reassembly.pop().unwrap(), b"CD");
        assert_eq!(reassembly.pop().unwrap(), b"ef");
        assert_eq!(reassembly.pop(), None);
        assert_eq!(reassembly.segment(100, b"ABCDEFgh"), b"gh");
    }

    #[test]
    fn without_a_syn_it_begins_with_the_first_byte() {
        let mut reassembly = Reassembly::default();
        assert_eq!(reassembly.segment(5000, b""), b"");
        assert_eq!(reassembly.segment(5000, b"abc"), b"abc");
        assert_eq!(reassembly.segment(4998, b"..abcd"), b"d");
    }

    #[test]
    fn a_syn_again_and_another_one() {
        let mut reassembly = Reassembly::default();
        assert!(reassembly.syn(u32::MAX));
        assert_eq!(reassembly.segment(0, b"abc"), b"abc");
        assert!(reassembly.syn(u32::MAX));
        assert!(!reassembly.syn(77));
    }

    #[test]
    fn an_end_before_the_last_bytes() {
        let mut reassembly = Reassembly::default();
        reassembly.syn(0);
        reassembly.fin(4);
        assert_eq!((reassembly.missing(), reassembly.is_complete()), (3, false));
        assert_eq!(reassembly.segment(1, b"abc"), b"abc");
        assert_eq!((reassembly.missing(), reassembly.is_complete()), (0, true));
    }

    /// Bytes that were sent and that nobody has seen are missing, until they are sent again.
    #[test]
    fn bytes_that_the_capture_lacks() {
        let mut reassembly = Reassembly::default();
        reassembly.syn(0);
        assert_eq!(reassembly.segment(1, b"abc"), b"abc");
        reassembly.reaches(6);
        assert_eq!((reassembly.missing(), reassembly.is_complete()), (2, false));
        reassembly.fin(6);
        assert_eq!((reassembly.missing(), reassembly.is_complete()), (2, false));
        assert_eq!(reassembly.segment(1, b"abcde"), b"de");
        assert_eq!((reassembly.missing(), reassembly.is_complete()), (0, true));
    }

    /// A piece takes memory, however short it is.
    #[test]
    fn many_short_pieces_ahead() {
        let mut reassembly = Reassembly::default();
        reassembly.syn(0);
        let mut pieces = 0;
        while !reassembly.has_a_gap() {
            let _ = reassembly.segment(10 + 2 * pieces, b"x");
            pieces += 1;
        }
        assert!(pieces as usize <= WAITING / 64, "{pieces} pieces wait");
    }

    /// What waits is bounded, by who asks; and a number that is no window's is none of the stream's.
    #[test]
    fn too_much_ahead() {
        let mut reassembly = Reassembly::default();
        reassembly.syn(0);
        assert_eq!(reassembly.segment(1 + (1 << 30) + 1, b"far"), b"");
        assert_eq!((reassembly.held, reassembly.missing()), (0, 0));
        let piece = vec![0; 1 << 20];
        for i in 0..8_u32 {
            assert!(!reassembly.has_a_gap(), "{WAITING}");
            let _ = reassembly.segment(2 + (i << 20), &piece);
        }
        assert!(reassembly.has_a_gap());
        assert_eq!(reassembly.missing(), 1);
    }
}
