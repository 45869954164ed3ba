//! What a decoder does, one short test for each method and each promise. Large suites are in `tests/`.

extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::error::{DecodeError, EndError, FilledError, HeaderError};
use crate::format::LengthField;
use crate::formats::{U_8, U16_BE, U32_BE, U32Be, VARINT64};
use crate::frame::{Event, Frame, Status};
use crate::length_field;

/// The payload of a frame that must be there.
fn payload<'a>(frame: Result<Option<Frame<'a>>, DecodeError>) -> &'a [u8] {
    frame.expect("no error").expect("a frame").payload()
}

/// Fills the decoder's space as a reader would.
fn read<F: Format, S: Store>(decoder: &mut Decoder<F, S>, bytes: &[u8]) {
    decoder.space()[..bytes.len()].copy_from_slice(bytes);
    decoder.filled(bytes.len()).expect("it was that long");
}

// Taking frames from chunks.

#[test]
fn frames_returns_every_frame_of_a_chunk() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    let mut chunk = &b"\x02hi\x00\x03you"[..];
    let mut frames = decoder.frames(&mut chunk);
    assert_eq!(payload(frames.next()), b"hi");
    assert_eq!(payload(frames.next()), b"");
    assert_eq!(payload(frames.next()), b"you");
    assert_eq!(frames.next(), Ok(None));
    assert!(chunk.is_empty());
}

#[test]
fn frames_can_stop_early_and_loses_nothing() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    let mut chunk = &b"\x01a\x01b\x01c"[..];
    assert_eq!(payload(decoder.frames(&mut chunk).next()), b"a");
    let _ = decoder.frames(&mut chunk);
    assert_eq!(chunk, b"\x01b\x01c");
    assert_eq!(payload(decoder.frames(&mut chunk).next()), b"b");
    assert_eq!(decoder.stats().frames, 2);
}

#[test]
fn frames_goes_on_after_an_error_in_the_middle() {
    let mut decoder = Decoder::new(U_8, [0; 4]);
    let mut chunk = &b"\x01a\xff\x01b"[..];
    let mut frames = decoder.frames(&mut chunk);
    assert_eq!(payload(frames.next()), b"a");
    let too_long = Err(DecodeError::TooLong { declared: 256, limit: 4 });
    assert_eq!(frames.next(), too_long);
    assert_eq!(frames.next(), too_long);
    assert_eq!(decoder.resync(), 1);
    assert_eq!(payload(decoder.frames(&mut chunk).next()), b"b");
}

#[test]
fn next_frame_gives_the_same_in_any_chunking() {
    let wire = b"\0\0\0\x05hello\0\0\0\0\0\0\0\x02hi";
    for size in 1..=wire.len() {
        let mut decoder = Decoder::new(U32_BE, [0; 9]);
        let mut seen = vec![];
        for mut chunk in wire.chunks(size) {
            while let Some(frame) = decoder.next_frame(&mut chunk).unwrap() {
                seen.push(frame.payload().to_vec());
            }
        }
        assert_eq!(seen, [&b"hello"[..], b"", b"hi"], "chunks of {size}");
    }
}

#[test]
fn a_frame_whole_in_the_chunk_is_lent_without_a_copy() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    let mut chunk = &b"\x02hi"[..];
    let at = chunk[1..].as_ptr();
    assert_eq!(payload(decoder.next_frame(&mut chunk)).as_ptr(), at);
    assert_eq!(decoder.stats().high_water, 0);
}

#[test]
fn an_empty_payload_is_a_frame() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    let frame = decoder.next_frame(&mut &b"\0"[..]).unwrap().unwrap();
    assert!(frame.is_empty() && frame.bytes() == b"\0" && frame.header() == b"\0");
}

#[test]
fn an_error_repeats_until_the_caller_does_something_about_it() {
    let mut decoder = Decoder::new(U_8, [0; 4]);
    let too_long = DecodeError::TooLong { declared: 10, limit: 4 };
    assert_eq!(decoder.next_frame(&mut &b"\x09"[..]), Err(too_long));
    assert_eq!(decoder.next_frame(&mut &b"more"[..]), Err(too_long));
    assert_eq!((decoder.poll(), decoder.missing()), (Err(too_long), 0));
    decoder.reset();
    assert_eq!(payload(decoder.next_frame(&mut &b"\x01x"[..])), b"x");
}

#[test]
fn a_varint_in_a_longer_form_than_it_needs_is_refused() {
    let mut decoder = Decoder::new(VARINT64, [0; 16]);
    let refused = DecodeError::Header(HeaderError::VarintNotCanonical { bytes: 2 });
    assert_eq!(decoder.next_frame(&mut &b"\x85\0hello"[..]), Err(refused));
}

// Frames larger than the store.

#[test]
fn next_event_gives_a_large_frame_in_pieces() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05hello\x01!"[..];
    assert_eq!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { header: b"\x05", payload: 5 })));
    assert_eq!(decoder.next_event(&mut chunk), Ok(Some(Event::Data(b"hello"))));
    assert_eq!(decoder.next_event(&mut chunk), Ok(Some(Event::End)));
    let Ok(Some(Event::Frame(frame))) = decoder.next_event(&mut chunk) else { panic!("it fits") };
    assert_eq!(frame.payload(), b"!");
}

#[test]
fn without_a_named_limit_nothing_is_streamed() {
    let mut decoder = Decoder::new(U_8, [0; 4]);
    let too_long = Err(DecodeError::TooLong { declared: 6, limit: 4 });
    assert_eq!(decoder.next_event(&mut &b"\x05hello"[..]), too_long);
}

#[test]
fn next_frame_refuses_what_only_events_can_bring() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05hello"[..];
    assert_eq!(decoder.next_frame(&mut chunk), Err(DecodeError::TooLong { declared: 6, limit: 4 }));
    assert!(matches!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { .. }))));
    assert_eq!(decoder.next_frame(&mut chunk), Err(DecodeError::MidPayload { left: 5 }));
}

#[test]
fn has_large_frame_tells_what_comes_next() {
    let mut decoder = Decoder::new(U16_BE.with_limit(100), [0; 4]);
    read(&mut decoder, b"\0");
    assert!(!decoder.has_large_frame(), "the header is not whole");
    read(&mut decoder, b"\x05h");
    assert!(decoder.has_large_frame());
    assert!(matches!(decoder.take_event(), Ok(Some(Event::Begin { .. }))));
    assert!(!decoder.has_large_frame(), "it has begun");
    assert_eq!(decoder.next_frame(&mut &b"ello"[..]), Err(DecodeError::MidPayload { left: 5 }));
    decoder.reset();
    read(&mut decoder, b"\0\x02ok");
    assert!(!decoder.has_large_frame(), "it fits");
}

#[test]
fn discard_skips_exactly_the_rest() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05he"[..];
    assert!(matches!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { .. }))));
    assert_eq!(decoder.next_event(&mut chunk), Ok(Some(Event::Data(b"he"))));
    assert_eq!(decoder.discard(), 3);
    assert_eq!(decoder.missing(), 3);
    assert_eq!(payload(decoder.next_frame(&mut &b"llo\x02ok"[..])), b"ok");
    assert_eq!((decoder.stats().frames, decoder.discard()), (2, 0));
}

#[test]
fn take_payload_returns_no_more_than_its_caller_has_room_for() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    assert!(matches!(decoder.next_event(&mut &b"\x05"[..]), Ok(Some(Event::Begin { .. }))));
    read(&mut decoder, b"hell");
    assert_eq!(decoder.take_payload(3), b"hel");
    assert_eq!(decoder.take_payload(3), b"l");
    assert_eq!(decoder.take_payload(3), b"");
    assert_eq!(decoder.missing(), 1);
}

// Bytes outside frames.

#[test]
fn unframed_returns_bytes_as_they_come() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    let mut chunk = &b"MAGIC\x02hi"[..];
    assert_eq!(decoder.unframed(&mut chunk, 5), b"MAGIC");
    assert_eq!(payload(decoder.next_frame(&mut chunk)), b"hi");
}

#[test]
fn peek_frame_leaves_the_frame() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    assert_eq!(decoder.peek_frame(), None);
    decoder.space()[..5].copy_from_slice(b"\x02hi\x09p");
    decoder.filled(5).unwrap();
    assert_eq!(decoder.peek_frame().unwrap().payload(), b"hi");
    assert_eq!(decoder.peek_frame(), decoder.clone().take_frame().unwrap());
    decoder.take_frame().unwrap();
    assert_eq!(decoder.peek_frame(), None, "the next is not whole");
}

#[test]
fn left_and_peek_payload_tell_of_a_payload_in_pieces() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x09ab"[..];
    decoder.next_event(&mut chunk).unwrap();
    assert_eq!((decoder.left(), decoder.is_streaming()), (9, true));
    decoder.space()[..2].copy_from_slice(chunk);
    decoder.filled(2).unwrap();
    assert_eq!((decoder.peek_payload(), decoder.left()), (&b"ab"[..], 9));
    decoder.take_payload(1);
    assert_eq!((decoder.peek_payload(), decoder.left()), (&b"b"[..], 8));
    decoder.discard();
    assert_eq!((decoder.peek_payload(), decoder.left(), decoder.is_streaming()), (&b""[..], 0, false));
}

#[test]
fn take_unframed_returns_what_is_buffered_first() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    read(&mut decoder, b"\x09part");
    assert_eq!(decoder.poll(), Ok(Status::Missing(5)));
    assert_eq!(decoder.take_unframed(2), b"\x09p");
    assert_eq!(decoder.take_unframed(9), b"art");
    assert_eq!(decoder.take_unframed(9), b"");
}

#[test]
fn unframed_returns_nothing_inside_a_payload() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05hello"[..];
    assert!(matches!(decoder.next_event(&mut chunk), Ok(Some(Event::Begin { .. }))));
    assert_eq!(decoder.unframed(&mut chunk, 9), b"");
    assert_eq!(chunk, b"hello");
}

// Reading straight into the store.

#[test]
fn poll_space_filled_take_frame_is_a_read_loop() {
    let mut decoder = Decoder::new(U_8, [0; 8]);
    assert_eq!(decoder.poll(), Ok(Status::Missing(1)));
    read(&mut decoder, b"\x02h");
    assert_eq!(decoder.poll(), Ok(Status::Missing(1)));
    read(&mut decoder, b"i\x00");
    assert_eq!(decoder.poll(), Ok(Status::Ready));
    assert_eq!(payload(decoder.take_frame()), b"hi");
    assert_eq!(payload(decoder.take_frame()), b"");
    assert_eq!(decoder.take_frame(), Ok(None));
}

#[test]
fn take_event_is_next_event_without_a_chunk() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    read(&mut decoder, b"\x05hel");
    assert_eq!(decoder.poll(), Ok(Status::Ready));
    assert!(matches!(decoder.take_event(), Ok(Some(Event::Begin { payload: 5, .. }))));
    assert_eq!(decoder.take_event(), Ok(Some(Event::Data(b"hel"))));
    assert_eq!(decoder.take_event(), Ok(None));
    assert_eq!(decoder.poll(), Ok(Status::Missing(2)));
}

#[test]
fn filled_refuses_more_than_the_space() {
    let mut decoder = Decoder::new(U_8, [0; 8]);
    assert_eq!(decoder.filled(9), Err(FilledError { filled: 9, space: 8 }));
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn the_space_is_never_empty_while_bytes_are_missing() {
    let mut decoder = Decoder::new(U_8, [0; 4]);
    read(&mut decoder, b"\x00\x00\x00\x03");
    while decoder.poll() == Ok(Status::Ready) {
        assert_eq!(payload(decoder.take_frame()), b"");
    }
    assert_eq!((decoder.poll(), decoder.space().len()), (Ok(Status::Missing(3)), 3));
}

#[test]
fn a_frame_is_one_slice_although_the_ring_wraps() {
    let mut decoder = Decoder::new(U_8, [0; 8]);
    read(&mut decoder, b"\x03one\x03two");
    assert_eq!(payload(decoder.take_frame()), b"one");
    assert_eq!(decoder.space(), b"\x03one");
    read(&mut decoder, b"\x03abc");
    assert_eq!(payload(decoder.take_frame()), b"two");
    assert_eq!(payload(decoder.take_frame()), b"abc");
}

// What is missing, and how the input ended.

#[test]
fn missing_counts_down() {
    let mut decoder = Decoder::new(U16_BE, [0; 16]);
    assert_eq!(decoder.missing(), 2);
    for (byte, missing) in [(0, 1), (3, 3), (b'a', 2), (b'b', 1)] {
        assert_eq!(decoder.next_frame(&mut &[byte][..]), Ok(None));
        assert_eq!(decoder.missing(), missing);
    }
}

#[test]
fn missing_looks_at_what_a_reader_filled_in() {
    let mut decoder = Decoder::new(U16_BE, [0; 16]);
    assert_eq!(decoder.poll(), Ok(Status::Missing(2)));
    read(&mut decoder, b"\0");
    assert_eq!(decoder.poll(), Ok(Status::Missing(1)));
    read(&mut decoder, b"\x05");
    assert_eq!((decoder.missing(), decoder.is_mid_frame()), (5, true));
}

#[test]
fn is_mid_frame_between_the_first_byte_and_the_last() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    assert!(!decoder.is_mid_frame());
    assert_eq!(decoder.next_frame(&mut &b"\x02h"[..]), Ok(None));
    assert!(decoder.is_mid_frame());
    read(&mut decoder, b"i");
    assert!(!decoder.is_mid_frame(), "a whole frame waits");
    assert_eq!(payload(decoder.take_frame()), b"hi");
    assert!(!decoder.is_mid_frame());
}

#[test]
fn is_mid_frame_inside_a_streamed_and_a_skipped_payload() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    assert!(matches!(decoder.next_event(&mut &b"\x05"[..]), Ok(Some(Event::Begin { .. }))));
    read(&mut decoder, b"hell");
    assert!(decoder.is_mid_frame(), "one byte is missing");
    assert_eq!(decoder.take_payload(9), b"hell");
    read(&mut decoder, b"o");
    assert!(!decoder.is_mid_frame(), "all of it is there to take");
    assert_eq!((decoder.missing(), decoder.discard(), decoder.is_mid_frame()), (0, 1, false));
    assert!(matches!(decoder.next_event(&mut &b"\x05"[..]), Ok(Some(Event::Begin { .. }))));
    assert_eq!((decoder.discard(), decoder.is_mid_frame(), decoder.missing()), (5, true, 5));
    read(&mut decoder, b"hell");
    assert_eq!((decoder.is_mid_frame(), decoder.missing()), (true, 1));
}

#[test]
fn end_of_input_tells_a_clean_end_from_a_truncated_frame() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    assert_eq!(decoder.end_of_input(), Ok(()));
    assert_eq!(decoder.next_frame(&mut &b"\x05hel"[..]), Ok(None));
    let truncated = EndError::Truncated { have: 4, want: 6 };
    assert_eq!(decoder.end_of_input(), Err(truncated));
    assert!(truncated.is_protocol());
}

#[test]
fn end_of_input_tells_frames_that_were_not_taken() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    read(&mut decoder, b"\x02hi");
    assert_eq!(decoder.poll(), Ok(Status::Ready));
    let unread = EndError::Unread { bytes: 3 };
    assert_eq!(decoder.end_of_input(), Err(unread));
    assert!(!unread.is_protocol());
}

#[test]
fn end_of_input_inside_a_streamed_and_a_skipped_payload() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05he"[..];
    while decoder.next_event(&mut chunk).unwrap().is_some() {}
    assert_eq!(decoder.end_of_input(), Err(EndError::TruncatedPayload { missing: 3 }));
    decoder.discard();
    assert_eq!(decoder.end_of_input(), Err(EndError::TruncatedPayload { missing: 3 }));
    read(&mut decoder, b"llo");
    assert_eq!(decoder.end_of_input(), Ok(()));
}

/// Named after the fault: the end of input blamed the peer for a frame that a larger limit accepts.
#[test]
fn end_of_input_never_blames_the_peer_for_a_frame_that_a_larger_limit_accepts() {
    let mut decoder = Decoder::new(U_8.with_limit(4), [0; 16]);
    assert!(decoder.next_frame(&mut &b"\x05hello"[..]).is_err());
    let end = decoder.end_of_input().unwrap_err();
    assert!(matches!(end, EndError::Unread { .. }) && !end.is_protocol());
}

#[test]
fn stats_count_frames_and_remember_the_fullest_moment() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    read(&mut decoder, b"\x03one\x03two");
    assert_eq!(payload(decoder.take_frame()), b"one");
    read(&mut decoder, b"\x00");
    assert_eq!((decoder.stats().frames, decoder.stats().high_water), (1, 8));
    assert_eq!((decoder.buffered(), decoder.capacity()), (5, 16));
}

#[test]
fn reset_notes_the_high_water_mark_before_it_forgets() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    assert_eq!(decoder.next_frame(&mut &b"\x09abc"[..]), Ok(None));
    assert_eq!(decoder.next_frame(&mut &b"de"[..]), Ok(None));
    decoder.reset();
    assert_eq!((decoder.buffered(), decoder.stats().high_water), (0, 6));
    assert_eq!(decoder.end_of_input(), Ok(()));
}

// Starting over.

#[test]
fn resync_finds_the_next_place_where_a_frame_can_begin() {
    let mut decoder = Decoder::new(U_8.with_limit(8), [0; 16]);
    let mut chunk = &b"\xff\xee\xdd\x02hi"[..];
    assert!(decoder.next_frame(&mut chunk).is_err());
    let mut dropped = decoder.resync();
    while decoder.next_frame(&mut chunk).is_err() {
        dropped += decoder.resync();
    }
    assert_eq!((dropped, decoder.stats().frames), (3, 1));
}

#[test]
fn resync_gives_up_a_payload() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    assert!(matches!(decoder.next_event(&mut &b"\x63"[..]), Ok(Some(Event::Begin { .. }))));
    read(&mut decoder, b"\x02h");
    assert_eq!(decoder.resync(), 0, "a frame can begin with what is buffered");
    assert_eq!(payload(decoder.next_frame(&mut &b"i"[..])), b"hi");
}

#[test]
fn set_limit_takes_effect_with_the_next_frame() {
    let mut decoder = Decoder::new(U_8.with_limit(8), [0; 16]);
    assert_eq!(decoder.next_frame(&mut &b"\x05he"[..]), Ok(None));
    decoder.set_limit(4).unwrap();
    assert_eq!(payload(decoder.next_frame(&mut &b"llo"[..])), b"hello");
    let too_long = Err(DecodeError::TooLong { declared: 6, limit: 4 });
    assert_eq!(decoder.next_frame(&mut &b"\x05"[..]), too_long);
}

#[test]
fn replace_format_keeps_the_buffered_bytes() {
    let field = |width| LengthField { width, ..LengthField::DEFAULT }.check().unwrap();
    let mut decoder = Decoder::try_new(field(crate::Width::U8), [0; 16]).unwrap();
    read(&mut decoder, b"\x01a\x00\x01b");
    assert_eq!(payload(decoder.take_frame()), b"a");
    decoder.replace_format(field(crate::Width::U16)).unwrap();
    assert_eq!(payload(decoder.take_frame()), b"b");
}

#[test]
fn replace_format_is_refused_inside_a_payload() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    assert!(matches!(decoder.next_event(&mut &b"\x63"[..]), Ok(Some(Event::Begin { .. }))));
    let refused = decoder.replace_format(U_8.with_limit(9));
    assert_eq!(refused, Err(ConfigError::MidPayload { left: 99 }));
}

#[test]
fn into_parts_returns_what_was_not_taken() {
    let mut decoder = Decoder::new(U_8, [0; 8]);
    read(&mut decoder, b"\x01a\x05he");
    assert_eq!(payload(decoder.take_frame()), b"a");
    let parts = decoder.into_parts();
    assert_eq!((&parts.store[parts.buffered.clone()], parts.frame_left), (&b"\x05he"[..], 0));
    let mut decoder = Decoder::from_parts(parts).unwrap();
    assert_eq!(payload(decoder.next_frame(&mut &b"llo"[..])), b"hello");
}

/// Named after the fault: `into_parts` after a skip returned bytes of the skipped payload.
#[test]
fn into_parts_after_a_skip_returns_no_byte_of_the_skipped_payload() {
    let mut decoder = Decoder::new(U16_BE.with_limit(100), [0; 16]);
    assert!(matches!(decoder.next_event(&mut &b"\0\x14"[..]), Ok(Some(Event::Begin { .. }))));
    assert_eq!(decoder.discard(), 20);
    read(&mut decoder, &[7; 15]);
    assert_eq!(decoder.take_frame(), Ok(None));
    read(&mut decoder, b"\x07\x07\x07\x07\x07\0\x02ok");
    let parts = decoder.into_parts();
    assert_eq!((&parts.store[parts.buffered.clone()], parts.frame_left), (&b"\0\x02ok"[..], 0));
}

#[test]
fn into_parts_inside_a_payload_says_how_much_of_it_is_left() {
    let mut decoder = Decoder::new(U_8.with_limit(100), [0; 4]);
    let mut chunk = &b"\x05he"[..];
    while decoder.next_event(&mut chunk).unwrap().is_some() {}
    let parts = decoder.into_parts();
    assert_eq!(parts.frame_left, 3);
    let mut decoder = Decoder::from_parts(parts).unwrap();
    assert_eq!(payload(decoder.next_frame(&mut &b"llo\x02ok"[..])), b"ok");
}

// Making one.

#[test]
fn try_new_refuses_what_can_not_work() {
    let format = LengthField { width: crate::Width::Varint64, ..LengthField::DEFAULT }.check().unwrap();
    let refused = Decoder::try_new(format, [0; 9]).err();
    assert_eq!(refused, Some(ConfigError::StoreTooSmall { store: 9, needed: 10 }));
    assert!(Decoder::try_new(format, [0; 10]).is_ok());
}

/// Named after the fault: a limit smaller than a header was accepted.
#[test]
fn a_limit_smaller_than_a_header_is_refused() {
    let refused = ConfigError::LimitTooSmall { limit: 3, needed: 4 };
    assert_eq!(Decoder::try_new(U32_BE.with_limit(3), [0; 16]).err(), Some(refused));
    assert!(Decoder::try_new(U32_BE.with_limit(4), [0; 16]).is_ok());
    let mut decoder = Decoder::new(U32_BE.with_limit(8), [0; 16]);
    assert_eq!(decoder.set_limit(3), Err(refused));
    // The smallest payload of this format has 100 bytes.
    let format = length_field!(adjust: 100).with_limit(103);
    let refused = ConfigError::LimitTooSmall { limit: 103, needed: 104 };
    assert_eq!(Decoder::try_new(format, [0; 256]).err(), Some(refused));
}

#[test]
fn decoders_with_and_without_a_limit_fit_in_a_static() {
    static PLAIN: Decoder<U32Be, [u8; 64]> = Decoder::new(U32_BE, [0; 64]);
    static LIMITED: Decoder<Limited<U32Be>, [u8; 64]> = Decoder::new(Limited::new(U32_BE, 32), [0; 64]);
    assert_eq!((PLAIN.missing(), LIMITED.missing()), (4, 4));
}

#[test]
fn a_store_can_be_lent_boxed_or_unsized() {
    let mut memory = [0; 16];
    let mut lent = Decoder::try_new(U_8, &mut memory[..]).unwrap();
    assert_eq!(payload(lent.next_frame(&mut &b"\x02hi"[..])), b"hi");
    let mut boxed = Decoder::try_new(U_8, vec![0; 16].into_boxed_slice()).unwrap();
    assert_eq!(payload(boxed.next_frame(&mut &b"\x02hi"[..])), b"hi");
    let mut array = Decoder::new(U_8, [0; 16]);
    let any_size: &mut Decoder<_, [u8]> = &mut array;
    assert_eq!(payload(any_size.next_frame(&mut &b"\x02hi"[..])), b"hi");
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut decoder = Decoder::new(U_8, [0; 16]);
    assert_eq!(decoder.next_frame(&mut &b"\x02h"[..]), Ok(None));
    let mut clone = decoder.clone();
    assert_eq!(payload(clone.next_frame(&mut &b"a"[..])), b"ha");
    assert_eq!(payload(decoder.next_frame(&mut &b"i"[..])), b"hi");
}

#[test]
fn formats_of_several_types_are_chosen_behind_one() {
    let formats: [&dyn Format<Trailer = ()>; 2] = [&U_8, &U16_BE];
    for (format, wire) in formats.into_iter().zip([&b"\x02hi"[..], b"\0\x02hi"]) {
        let mut decoder = Decoder::try_new(format, [0; 16]).unwrap();
        assert_eq!(payload(decoder.next_frame(&mut &wire[..])), b"hi");
    }
}

/// A format that says that it has no header.
struct Headless;

impl Format for Headless {
    type Trailer = ();

    fn max_header(&self) -> usize {
        0
    }

    fn parse(&self, _: &[u8]) -> Result<crate::Parsed, HeaderError> {
        Err(HeaderError::Refused("always"))
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, crate::EncodeError> {
        Ok(0)
    }

    fn write(&self, _: &[u8], _: u64, _: &mut [u8]) {}
}

/// A format that refuses even no bytes must not make an empty decoder ready: its reader would take
/// that for the end of the stream, or ask again for ever.
#[test]
fn nothing_is_ready_while_nothing_is_buffered() {
    let mut decoder = Decoder::try_new(Headless, [0; 4]).unwrap();
    assert_eq!(decoder.poll(), Ok(Status::Missing(1)));
    assert_eq!((decoder.missing(), decoder.take_frame()), (1, Ok(None)));
}

/// A header that is longer than the store after all, by a constant that is too small.
struct TooSmall;

impl Format for TooSmall {
    type Trailer = ();

    fn max_header(&self) -> usize {
        4
    }

    fn parse(&self, _: &[u8]) -> Result<crate::Parsed, HeaderError> {
        Ok(crate::Parsed::Incomplete { total: 4 })
    }

    fn header_len(&self, _: &[u8], _: u64) -> Result<usize, crate::EncodeError> {
        Ok(4)
    }

    fn write(&self, _: &[u8], _: u64, _: &mut [u8]) {}
}

impl StaticFormat for TooSmall {
    const MAX_HEADER: usize = 2;
}

#[test]
fn a_constant_that_is_too_small_loses_no_byte_and_does_not_hang() {
    let mut decoder = Decoder::new(TooSmall, [0; 2]);
    let mut chunk = &b"abc"[..];
    let inconsistent = Err(HeaderError::Inconsistent.into());
    assert_eq!(decoder.frames(&mut chunk).next(), inconsistent);
    assert_eq!(decoder.next_frame(&mut chunk), inconsistent);
    assert_eq!((chunk, decoder.buffered()), (&b"abc"[..], 0));
}

#[test]
fn a_format_that_contradicts_itself_does_not_hang() {
    let mut decoder = Decoder::try_new(Headless, [0; 4]).unwrap();
    let mut chunk = &b"xy"[..];
    for _ in 0..2 {
        assert_eq!(decoder.next_frame(&mut chunk), Err(HeaderError::Refused("always").into()));
    }
    assert_eq!(decoder.resync(), 1);
}

/// A store that is as long as it likes.
struct Changing(Vec<u8>);

impl AsRef<[u8]> for Changing {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Changing {
    fn as_mut(&mut self) -> &mut [u8] {
        let half = self.0.len() / 2;
        self.0.truncate(half);
        &mut self.0
    }
}

/// Named after the fault: a store that changed its length made debug builds panic.
#[test]
fn a_store_that_changes_its_length_does_not_panic() {
    for n in 0..200 {
        let mut decoder = Decoder::try_new(U_8.with_limit(100), Changing(vec![0; n + 2])).unwrap();
        for mut chunk in b"\x09hello wor\x01a\x30ld and more".chunks(n % 7 + 1) {
            let _ = decoder.next_event(&mut chunk);
            let n = decoder.space().len();
            let _ = (decoder.filled(n.min(3)), decoder.poll().is_ok(), decoder.take_frame().is_ok());
            let _ = (decoder.missing(), decoder.end_of_input(), decoder.resync());
        }
    }
}

/// Named after the fault: `with_limit` widened.
#[test]
fn with_limit_never_widens() {
    assert_eq!(U16_BE.with_limit(100).with_limit(1000).limit(), Some(100));
    let mut decoder = Decoder::new(U_8.with_limit(4).with_limit(1000), [0; 64]);
    decoder.set_limit(500).unwrap();
    let too_long = Err(DecodeError::TooLong { declared: 6, limit: 4 });
    assert_eq!(decoder.next_frame(&mut &b"\x05hello"[..]), too_long);
}
