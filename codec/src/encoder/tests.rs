//! What an encoder does, one short test for each method and each promise. Large suites are in `tests/`.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::error::HeaderError;
use crate::format::Parsed;
use crate::formats::{AMQP, MQTT, U_8, U16_BE, U32_BE, VARINT64};

/// Everything that is pending, in one piece.
fn pending<F: Format, S: Store>(encoder: &Encoder<F, S>) -> Vec<u8> {
    let (first, second) = encoder.pending();
    [first, second].concat()
}

// Into a slice.

#[test]
fn encode_writes_a_frame_or_says_how_much_room_it_needs() {
    let mut out = [0xee; 8];
    assert_eq!(encode(&U16_BE, b"hi", &mut out), Ok(4));
    assert_eq!(out, *b"\0\x02hi\xee\xee\xee\xee");
    let no_room = EncodeError::NoRoom { needed: 9, free: 8, capacity: 8 };
    assert_eq!(encode(&U16_BE, b"seven.!", &mut out), Err(no_room));
    assert_eq!(&out[..4], b"\0\x02hi", "nothing was written");
}

#[test]
fn encode_with_joins_parts_and_puts_fields_around_the_length() {
    let mut out = [0; 16];
    let n = encode_with(&MQTT, &[0x30], &[b"a", b"", b"bc"], &mut out).unwrap();
    assert_eq!(&out[..n], b"\x30\x03abc");
    let fields = EncodeError::Fields { given: 0, wanted: 1 };
    assert_eq!(encode_with(&MQTT, &[], &[b"a"], &mut out), Err(fields));
}

#[test]
fn encode_header_writes_the_header_alone() {
    let mut out = [0; 4];
    assert_eq!(encode_header(&U32_BE, &[], 5 << 20, &mut out), Ok(4));
    assert_eq!(out, [0, 0x50, 0, 0]);
}

#[test]
fn encode_refuses_what_the_format_has_not() {
    let mut out = [0; 512];
    let refused = Err(EncodeError::Unrepresentable { payload: 256 });
    assert_eq!(encode(&U_8, &[0; 256], &mut out), refused);
    let refused = Err(EncodeError::TooLong { frame: 11, limit: 10 });
    assert_eq!(encode(&U_8.with_limit(10), &[0; 10], &mut out), refused);
}

// Into the queue.

#[test]
fn push_queues_whole_frames_and_advance_lets_go_of_what_was_sent() {
    let mut encoder = Encoder::new(U_8, [0; 16]);
    encoder.push(b"hi").unwrap();
    encoder.push_with(&[], &[b"y", b"ou"]).unwrap();
    assert_eq!(pending(&encoder), b"\x02hi\x03you");
    encoder.advance(2);
    assert_eq!((pending(&encoder), encoder.free()), (b"i\x03you".to_vec(), 11));
    encoder.advance(100);
    assert!(encoder.is_empty());
}

#[test]
fn push_is_all_or_nothing_and_tells_not_now_from_never() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    encoder.push(b"four").unwrap();
    let not_now = encoder.push(b"more").unwrap_err();
    assert_eq!(not_now, EncodeError::NoRoom { needed: 5, free: 3, capacity: 8 });
    let never = encoder.push(b"much too long").unwrap_err();
    assert_eq!(never, EncodeError::NoRoom { needed: 14, free: 3, capacity: 8 });
    assert!(not_now.fits_later() && !never.fits_later());
    assert!(encoder.push(b"exactly").unwrap_err().fits_later());
    assert_eq!(pending(&encoder), b"\x04four");
}

#[test]
fn the_outgoing_ring_wraps_anywhere() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    encoder.push(b"12345").unwrap();
    encoder.advance(4);
    encoder.push(b"abcde").unwrap();
    let (first, second) = encoder.pending();
    assert_eq!((first, second), (&b"45\x05a"[..], &b"bcde"[..]));
}

#[test]
fn drain_moves_bytes_out() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    encoder.push(b"hello").unwrap();
    let mut out = [0; 4];
    assert_eq!((encoder.drain(&mut out), out), (4, *b"\x05hel"));
    assert_eq!((encoder.drain(&mut out), &out[..2]), (2, &b"lo"[..]));
}

#[test]
fn begin_and_publish_fill_in_the_length() {
    let mut encoder = Encoder::new(VARINT64, [0; 256]);
    let mut frame = encoder.begin(&[]).unwrap();
    frame.write(&[7; 100]).unwrap();
    frame.write(&[8; 100]).unwrap();
    assert_eq!(frame.written(), 200);
    frame.publish().unwrap();
    assert_eq!(pending(&encoder), [&[200, 1][..], &[7; 100], &[8; 100]].concat());
}

#[test]
fn a_frame_that_is_not_published_was_never_there() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    encoder.begin(&[]).unwrap().write(b"draft").unwrap();
    assert!(encoder.is_empty());
    encoder.push(b"real").unwrap();
    assert_eq!(pending(&encoder), b"\x04real");
}

#[test]
fn begin_refuses_a_piece_that_does_not_fit() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    let mut frame = encoder.begin(&[]).unwrap();
    frame.write(b"12345").unwrap();
    let no_room = EncodeError::NoRoom { needed: 9, free: 8, capacity: 8 };
    assert_eq!(frame.write(b"678"), Err(no_room));
    frame.write(b"67").unwrap();
    frame.publish().unwrap();
}

#[test]
fn begin_leaves_room_for_the_header_of_the_smallest_payload() {
    // The frame-end octet of AMQP counts as payload here.
    let mut encoder = Encoder::new(AMQP, [0; 16]);
    let refused = encoder.begin(&[8, 0, 0]).unwrap().publish();
    assert_eq!(refused, Err(EncodeError::Unrepresentable { payload: 0 }));
    assert!(encoder.is_empty());
}

#[test]
fn announce_and_feed_send_a_payload_larger_than_the_store() {
    let mut encoder = Encoder::new(U_8.with_limit(100), [0; 4]);
    encoder.announce(&[], 6).unwrap();
    assert_eq!(encoder.feed(b"stream"), Ok(3));
    assert_eq!((pending(&encoder), encoder.left()), (b"\x06str".to_vec(), 3));
    assert_eq!(encoder.push(b"x"), Err(EncodeError::MidPayload { left: 3 }));
    encoder.advance(4);
    assert_eq!(encoder.feed(b"eam!"), Err(EncodeError::Overrun { given: 4, left: 3 }));
    assert_eq!((encoder.feed(b"eam"), encoder.left()), (Ok(3), 0));
    assert_eq!(encoder.stats().frames, 1);
}

#[test]
fn without_a_named_limit_nothing_larger_than_the_store_is_announced() {
    let mut encoder = Encoder::new(U_8, [0; 4]);
    assert_eq!(encoder.announce(&[], 4), Err(EncodeError::TooLong { frame: 5, limit: 4 }));
    assert_eq!(encoder.announce(&[], 3), Ok(()));
}

#[test]
fn note_sent_counts_a_payload_that_went_out_by_other_means() {
    let mut encoder = Encoder::new(U_8.with_limit(100), [0; 4]);
    encoder.announce(&[], 6).unwrap();
    assert_eq!(encoder.note_sent(b"str"), Err(EncodeError::OutOfOrder { pending: 1 }));
    encoder.advance(1);
    encoder.note_sent(b"str").unwrap();
    assert_eq!((encoder.left(), encoder.feed(b"eam")), (3, Ok(3)));
}

#[test]
fn push_unframed_queues_bytes_outside_frames() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    assert_eq!(encoder.push_unframed(b"MAGIC"), Ok(5));
    encoder.push(b"x").unwrap();
    assert_eq!(encoder.push_unframed(b"rest"), Ok(1), "as much as fits");
    assert_eq!(pending(&encoder), b"MAGIC\x01xr");
}

#[test]
fn set_limit_and_replace_format_take_effect_with_the_next_frame() {
    let mut encoder = Encoder::new(U_8.with_limit(4), [0; 16]);
    let too_long = Err(EncodeError::TooLong { frame: 5, limit: 4 });
    assert_eq!(encoder.push(b"four"), too_long);
    encoder.set_limit(8).unwrap();
    encoder.push(b"four").unwrap();
    let refused = ConfigError::LimitTooSmall { limit: 0, needed: 1 };
    assert_eq!(encoder.set_limit(0), Err(refused));
    assert_eq!(encoder.replace_format(U_8.with_limit(4)), Ok(U_8.with_limit(8)));
    assert_eq!(encoder.push(b"four"), too_long);
}

#[test]
fn reset_forgets_what_is_pending_and_keeps_the_counters() {
    let mut encoder = Encoder::new(U_8.with_limit(100), [0; 8]);
    encoder.push(b"hello").unwrap();
    encoder.announce(&[], 50).unwrap();
    encoder.reset();
    assert_eq!((encoder.left(), encoder.free()), (0, 8));
    assert_eq!((encoder.stats().frames, encoder.stats().high_water), (1, 7));
}

#[test]
fn into_parts_returns_what_was_not_sent() {
    let mut encoder = Encoder::new(U_8.with_limit(100), [0; 8]);
    encoder.push(b"hi").unwrap();
    encoder.announce(&[], 50).unwrap();
    let parts = encoder.into_parts();
    assert_eq!((&parts.store[parts.pending.clone()], parts.payload_left), (&b"\x02hi\x32"[..], 50));
}

#[test]
fn a_clone_and_an_unsized_store() {
    let mut encoder = Encoder::new(U_8, [0; 8]);
    encoder.push(b"a").unwrap();
    let mut clone = encoder.clone();
    let any_size: &mut Encoder<_, [u8]> = &mut clone;
    any_size.push(b"b").unwrap();
    assert_eq!((pending(&encoder), pending(&clone)), (b"\x01a".to_vec(), b"\x01a\x01b".to_vec()));
}

/// A trailer of four bytes.
#[derive(Clone, Copy, Default)]
struct Four;

impl Trailer for Four {
    const MAX_LEN: usize = 4;

    fn update(&mut self, _: &[u8]) {}

    fn write(&self, out: &mut [u8]) {
        out.fill(0xff);
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == [0xff; 4]
    }
}

/// A length of one byte, and that trailer.
struct Checked;

impl Format for Checked {
    type Trailer = Four;

    fn max_header(&self) -> usize {
        1
    }

    fn limit(&self) -> Option<u64> {
        Some(100)
    }

    fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
        match prefix {
            [length, ..] => Ok(Parsed::Frame { header: 1, payload: (*length).into() }),
            [] => Ok(Parsed::Incomplete { total: 1 }),
        }
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, EncodeError> {
        Ok(1)
    }

    fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
        out.fill(payload as u8);
    }
}

#[test]
fn feed_holds_only_the_last_byte_back_for_the_trailer() {
    let mut encoder = Encoder::try_new(Checked, [0; 8]).unwrap();
    encoder.announce(&[], 8).unwrap();
    assert_eq!(encoder.feed(&[1; 8]), Ok(7));
    encoder.advance(3);
    assert_eq!(encoder.feed(&[1]), Ok(0), "no room for the trailer");
    encoder.advance(2);
    assert_eq!((encoder.feed(&[1]), encoder.left()), (Ok(1), 0));
    assert_eq!(pending(&encoder), b"\x01\x01\x01\x01\xff\xff\xff\xff");
}

/// A format whose header has the lengths that it is told to have.
struct Odd {
    max_header: usize,
    header_len: fn(u64) -> usize,
}

impl Format for Odd {
    type Trailer = ();

    fn max_header(&self) -> usize {
        self.max_header
    }

    fn parse(&self, _: &[u8]) -> Result<Parsed, HeaderError> {
        Err(HeaderError::Refused("it only writes"))
    }

    fn header_len(&self, _: &[u8], payload: u64) -> Result<usize, EncodeError> {
        Ok((self.header_len)(payload))
    }

    fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
        out.fill(payload as u8);
    }
}

/// Named after the fault: a format with a header beyond the maximum was accepted, or panicked.
#[test]
fn a_header_beyond_the_maximum_is_refused() {
    for (max_header, header) in [(72, 72), (4, 5)] {
        let format = Odd { max_header, header_len: if header == 72 { |_| 72 } else { |_| 5 } };
        let refused = EncodeError::Refused("the header is longer than its format allows");
        for room in [0, 71, 200] {
            let mut out = vec![0; room];
            assert_eq!(encode(&format, b"x", &mut out), Err(refused));
            assert_eq!(encode_with(&format, &[], &[b"x"], &mut out), Err(refused));
            assert_eq!(encode_header(&format, &[], 1, &mut out), Err(refused));
        }
    }
    let format = Odd { max_header: 65, header_len: |_| 65 };
    let refused = Encoder::try_new(format, [0; 100]).err();
    assert_eq!(refused, Some(ConfigError::HeaderTooLong { max: 64 }));
}

/// Named after the fault: a `FrameWriter` whose header shrinks sent a malformed frame.
#[test]
fn a_header_that_shrinks_is_refused_and_nothing_is_queued() {
    let format = Odd { max_header: 4, header_len: |payload| if payload == 0 { 4 } else { 2 } };
    let mut encoder = Encoder::try_new(format, [0; 16]).unwrap();
    let mut frame = encoder.begin(&[]).unwrap();
    frame.write(b"payload").unwrap();
    let refused = EncodeError::Refused("the header became shorter as the payload grew");
    assert_eq!(frame.publish(), Err(refused));
    assert!(encoder.is_empty() && encoder.stats().frames == 0);
}
