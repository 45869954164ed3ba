//! Writing whole frames.

use super::fake::{ALL, Call, Step};
use super::plans::plans;
use super::streams::u32_be;
use super::*;
use ringframe::{EncodeError, formats};

#[test]
fn a_frame_is_sent() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    wait!(writer.send(&[0, 1, 2, 3, 4])).expect("no failures");
    assert_eq!(writer.get_ref().out, [0, 0, 0, 5, 0, 1, 2, 3, 4]);
}

#[test]
fn bytes_are_the_same_however_the_transport_cuts_and_fails() {
    each_stream!(all, |stream| {
        for (plan_name, plan) in plans(stream.wire.len()) {
            for &vectored in DIFFERS.vectored {
                let mut writer = fake_writer(stream, plan.clone());
                writer.get_mut().vectored = vectored;
                write_all(&mut writer, stream);
                assert_sent(&writer, &stream.wire, &format!("{}, {plan_name}", stream.name));
                assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len());
            }
        }
    });
}

/// Two small writes meet Nagle and delayed acknowledgement: 40 ms a message. So the header of a frame that fits the
/// store never leaves alone, nor any where the transport has vectored writes. A larger frame goes out past the store,
/// without a copy: over a transport that takes one slice a call it costs one call more.
#[test]
fn nagle_never_sees_a_header_alone() {
    for len in [0, 1, 59, 60, 61, 62, 100, 1000] {
        for &vectored in DIFFERS.vectored {
            let stream = u32_be(&[len, len, len]);
            let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
            writer.get_mut().vectored = vectored;
            for (_, payload) in &stream.frames {
                let before = writer.get_ref().calls.len();
                wait!(writer.send(payload)).expect("room");
                let moved = &writer.get_ref().moved()[before..];
                if len <= 60 || vectored {
                    assert_eq!(moved, [4 + len]);
                } else {
                    assert_eq!(moved, [4, len]);
                }
            }
            assert_sent(&writer, &stream.wire, "no failures");
            assert_eq!(writer.get_ref().flushed, 3);
        }
    }
}

#[test]
fn queued_frames_leave_together() {
    let stream = u32_be(&[5, 0, 20, 17]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    for (_, payload) in &stream.frames {
        wait!(writer.push(payload)).expect("room");
    }
    assert!(writer.get_ref().calls.is_empty(), "queued only");
    flush(&mut writer);
    let call = Call { offered: vec![stream.wire.len()], moved: stream.wire.len() };
    assert_eq!(writer.get_ref().calls, [call]);
    assert_sent(&writer, &stream.wire, "together");
}

/// Parts are not joined first. The first slice that is offered is never empty, whichever parts are: a transport
/// that takes only that one would say that it takes no more.
#[test]
fn a_payload_in_parts_is_the_same_as_in_one_piece() {
    for len in [0, 20, 60, 61, 100, 300] {
        let stream = u32_be(&[len, 3]);
        let payload = &stream.frames[0].1[..];
        let (half, third) = (len / 2, len / 3);
        let cuts: [&[&[u8]]; 7] = [
            &[payload],
            &[b"", payload],
            &[payload, b""],
            &[b"", b"", &payload[..half], b"", b"", &payload[half..], b""],
            &[&payload[..third], &payload[third..2 * third], &payload[2 * third..]],
            &payload.chunks(1).collect::<Vec<_>>(),
            &payload.chunks(7).flat_map(|piece| [b"", piece]).collect::<Vec<_>>(),
        ];
        for (parts, &vectored) in cuts.iter().flat_map(|cut| DIFFERS.vectored.iter().map(move |v| (cut, v))) {
            for size in [1, 5, 64, usize::MAX] {
                let mut writer = fake_writer(&stream, Plan::cycle([Step::Move(size)]));
                writer.get_mut().vectored = vectored;
                wait!(writer.push_with(&[], parts)).expect("no failures");
                wait!(writer.send(&stream.frames[1].1)).expect("in step");
                assert_sent(&writer, &stream.wire, &format!("{len} bytes in {}, {size} a call", parts.len()));
            }
        }
    }
}

/// Whatever was sent of the parts, a failure leaves the rest to `resume`.
#[test]
fn a_payload_in_parts_survives_a_failure_at_every_byte() {
    let stream = u32_be(&[150, 3]);
    let payload = &stream.frames[0].1[..];
    let parts = [b"", &payload[..70], b"", &payload[70..71], &payload[71..], b""];
    for &vectored in DIFFERS.vectored {
        for kind in [ErrorKind::Interrupted, ErrorKind::TimedOut] {
            for cut in 0..154 {
                let mut writer = fake_writer(&stream, Plan::stop(cut, kind));
                writer.get_mut().vectored = vectored;
                match wait!(writer.push_with(&[], &parts)) {
                    Ok(()) => assert_eq!(kind, ErrorKind::Interrupted),
                    Err(error) => {
                        assert!(matches!(error, WriteError::Io(_)), "{error}");
                        let left = writer.encoder().left() as usize;
                        write_rest(&mut writer, &payload[150 - left..]);
                    }
                }
                wait!(writer.send(&stream.frames[1].1)).expect("in step");
                assert_sent(&writer, &stream.wire, &format!("{kind} at {cut}"));
            }
        }
    }
}

/// A vectored write takes what is large from where it is.
#[test]
fn large_parts_go_out_without_a_copy() {
    let stream = u32_be(&[900]);
    let payload = &stream.frames[0].1[..];
    let parts = [&payload[..200], b"", &payload[200..500], &payload[500..]];
    let of_payload = |at: usize| payload[at..].as_ptr() as usize;
    for &vectored in DIFFERS.vectored {
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().vectored = vectored;
        wait!(writer.push_with(&[], &parts)).expect("no failures");
        flush(&mut writer);
        assert_sent(&writer, &stream.wire, "parts");
        let fake = writer.get_ref();
        if vectored {
            assert_eq!(fake.calls, [Call { offered: vec![4, 200, 300, 400], moved: 904 }]);
            assert_eq!(fake.addresses[1..], [0, 200, 500].map(of_payload));
        } else {
            assert_eq!(fake.moved(), [4, 200, 300, 400]);
            assert_eq!(fake.addresses, [of_payload(500)]);
        }
    }
}

/// More parts than one vectored write has slices.
#[test]
fn many_parts_go_out_in_few_writes() {
    let stream = u32_be(&[1000]);
    let parts: Vec<&[u8]> = stream.frames[0].1.chunks(10).collect();
    for &vectored in DIFFERS.vectored {
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        writer.get_mut().vectored = vectored;
        wait!(writer.push_with(&[], &parts)).expect("no failures");
        assert_sent(&writer, &stream.wire, "parts");
        let calls = writer.get_ref().calls.len();
        assert!(calls <= if vectored { 20 } else { 101 }, "{calls} writes");
    }
}

#[test]
fn a_large_frame_survives_a_short_write_at_every_byte() {
    let stream = u32_be(&[3, 150, 4]);
    for &vectored in DIFFERS.vectored {
        for cut in 1..stream.wire.len() {
            for cut_again in [1, 64, 1000] {
                let mut writer = fake_writer(&stream, Plan::once([Step::Move(cut), Step::Move(cut_again)]));
                writer.get_mut().vectored = vectored;
                write_all(&mut writer, &stream);
                assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
            }
        }
    }
}

#[test]
fn a_large_frame_that_stops_half_way_holds_back_the_others_until_it_is_resumed() {
    let stream = u32_be(&[150, 4]);
    let [(_, large), (_, small)] = &stream.frames[..] else { panic!("two frames") };
    for &kind in DIFFERS.seen {
        for cut in 0..154 {
            let mut writer = fake_writer(&stream, Plan::stop(cut, kind));
            let Err(WriteError::Io(error)) = wait!(writer.send(large)) else { panic!("{cut}: sent") };
            assert_eq!(error.kind(), kind);
            let left = writer.encoder().left();
            assert!(left > 0 && left <= (154 - cut as u64).min(150), "{cut}: {left}");
            let refused = EncodeError::MidPayload { left };
            for _ in 0..2 {
                let send = wait!(writer.send(small));
                assert!(matches!(send, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                let parts = wait!(writer.push_with(&[], &[small, small]));
                assert!(matches!(parts, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                let unframed = wait!(writer.write_unframed(small));
                assert!(matches!(unframed, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                let payload = wait!(writer.announce(&[], 7)).map(|_| ());
                assert!(matches!(payload, Err(WriteError::Encode(e)) if e == refused), "{cut}");
                let finish = wait!(writer.resume().finish());
                assert!(matches!(finish, Err(WriteError::Encode(e)) if e == refused), "{cut}");
            }
            let mut payload = writer.resume();
            write_payload(&mut payload, &large[150 - left as usize..]);
            wait!(payload.finish()).expect("a whole payload");
            wait!(writer.send(small)).expect("in step again");
            assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
            assert_eq!(writer.encoder().stats().frames, 2);
        }
    }
}

#[test]
fn a_write_that_returns_0_is_an_error_and_neither_a_panic_nor_a_loop() {
    let stream = u32_be(&[5, 100]);
    let mut writer =
        fake_writer(&stream, Plan::once([Step::Zero, Step::Zero, ALL, Step::Move(50), Step::Zero]));
    assert!(matches!(wait!(writer.send(&stream.frames[0].1)), Err(WriteError::WriteZero)));
    assert!(matches!(wait!(writer.flush()), Err(WriteError::WriteZero)));
    wait!(writer.flush()).expect("it takes bytes again");
    assert!(matches!(wait!(writer.send(&stream.frames[1].1)), Err(WriteError::WriteZero)));
    let left = writer.encoder().left() as usize;
    write_rest(&mut writer, &stream.frames[1].1[100 - left..]);
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "in the end");

    let mut writer = fake_writer(&stream, Plan::cycle([Step::Zero]));
    assert!(matches!(wait!(writer.write_unframed(b"raw")), Err(WriteError::WriteZero)));
    let mut payload = wait!(writer.announce(&[], 100)).expect("room");
    assert!(matches!(wait!(payload.flush()).map_err(crate::write_error), Err(WriteError::WriteZero)));
    // The store takes 60 bytes.
    assert_eq!(put!(payload, &[7; 60]).expect("room"), 60);
    assert!(matches!(put!(payload, &[7; 40]), Err(WriteError::WriteZero)));
    assert_eq!(payload.left(), 40);
}

#[test]
fn interrupted_is_retried_by_flush_too() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    let [again, other] = [ErrorKind::Interrupted, ErrorKind::Other].map(Step::Fail);
    writer.get_mut().flushes = Plan::once([again, again, other, again]);
    let Err(WriteError::Io(error)) = wait!(writer.send(&stream.frames[0].1)) else { panic!("flushed") };
    assert_eq!(error.kind(), ErrorKind::Other);
    wait!(writer.flush()).expect("it is flushed now");
    assert_sent(&writer, &stream.wire, "flushed");
    // Also by a payload's writer.
    writer.get_mut().flushes = Plan::once([again, other]);
    let mut payload = wait!(writer.announce(&[], 3)).expect("room");
    let flushed = wait!(payload.flush()).map_err(crate::write_error);
    assert!(matches!(flushed, Err(WriteError::Io(error)) if error.kind() == ErrorKind::Other));
}

#[test]
fn a_frame_that_can_not_be_encoded_queues_nothing() {
    let encoder = Encoder::new(formats::U_8, [0; STORE]);
    let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), encoder);
    let refused = wait!(writer.send(&[0; 256])).expect_err("more than a byte can say");
    assert!(matches!(refused, WriteError::Encode(EncodeError::Unrepresentable { payload: 256 })));
    assert!(wait!(writer.push_with(&[1], &[])).is_err(), "it has no fields");
    assert!(wait!(writer.announce(&[1], 3)).map(|_| ()).is_err(), "it has no fields");
    wait!(writer.send(b"ok")).expect("room");
    assert_eq!(writer.get_ref().out, b"\x02ok");
}

/// The store is the limit of a format that names none.
#[test]
fn a_frame_larger_than_the_store_needs_a_format_with_a_limit() {
    let stream = u32_be(&[61, 60]);
    let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), encoder(*stream.format.get_ref()));
    let refusal = EncodeError::TooLong { frame: 65, limit: STORE as u64 };
    let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
    for _ in 0..2 {
        assert!(is_refusal(wait!(writer.send(&stream.frames[0].1)).expect_err("no limit")));
        assert!(is_refusal(wait!(writer.push(&stream.frames[0].1)).expect_err("no limit")));
        assert!(is_refusal(wait!(writer.announce(&[], 61)).map(|_| ()).expect_err("no limit")));
        assert!(writer.encoder().is_empty() && writer.encoder().left() == 0, "nothing is queued");
        assert_eq!(writer.encoder().stats().frames, 0);
    }
    assert!(writer.get_ref().calls.is_empty(), "nothing was written");
    wait!(writer.send(&stream.frames[1].1)).expect("it fits");
    assert_eq!(writer.get_ref().out, stream.wire[65..]);
}

/// It does not wait for the peer first.
#[test]
fn a_frame_that_can_never_fit_is_refused_at_once() {
    let format = *u32_be(&[]).format.get_ref();
    let fails = Plan::cycle([Step::Fail(ErrorKind::TimedOut)]);
    let mut writer = Writer::new(Fake::sink(fails), encoder(format));
    wait!(writer.push(b"queued")).expect("room");
    let refusal = EncodeError::TooLong { frame: 104, limit: STORE as u64 };
    let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
    assert!(is_refusal(wait!(writer.push(&[7; 100])).expect_err("no limit")));
    assert!(is_refusal(wait!(writer.send(&[7; 100])).expect_err("no limit")));
    assert!(is_refusal(wait!(writer.push_with(&[], &[&[7; 50], &[7; 50]])).expect_err("no limit")));
    assert!(is_refusal(wait!(writer.announce(&[], 100)).map(|_| ()).expect_err("no limit")));
    assert!(writer.get_ref().calls.is_empty(), "nothing was written");
    assert_eq!(writer.encoder().stats().frames, 1);
}

/// An application's own encoding, without a copy into a buffer first.
#[test]
fn frames_can_be_queued_in_any_way_the_encoder_has() {
    let stream = u32_be(&[5]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    let mut frame = writer.encoder_mut().begin(&[]).expect("room");
    frame.write(&stream.frames[0].1).expect("room");
    frame.publish().expect("room");
    flush(&mut writer);
    assert_sent(&writer, &stream.wire, "by way of the encoder");
}

/// A frame of the encoder's own that doesn't fit: now, or never.
#[test]
fn no_room_says_whether_there_will_be() {
    let mut writer = fake_writer(&u32_be(&[]), Plan::cycle([ALL]));
    wait!(writer.push(&[7; 40])).expect("room");
    let later = writer.encoder_mut().push(&[7; 40]).expect_err("no room now");
    assert_eq!(later, EncodeError::NoRoom { needed: 44, free: 20, capacity: STORE });
    assert!(later.fits_later());
    let never = writer.encoder_mut().push(&[7; 100]).expect_err("no room ever");
    assert!(matches!(never, EncodeError::NoRoom { needed: 104, .. }) && !never.fits_later());
}

#[test]
fn a_full_store_is_emptied_before_the_next_frame() {
    let stream = u32_be(&[30, 30, 60, 0, 100, 0]);
    let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
    write_all(&mut writer, &stream);
    // 34; 34; 64; the empty one, as the large one has no room after it; the large one; the empty one.
    let moved = writer.get_ref().moved();
    match DIFFERS.vectored {
        [false] => assert_eq!(moved, [34, 34, 64, 4, 4, 100, 4]),
        _ => assert_eq!(moved, [34, 34, 64, 4, 104, 4]),
    }
    assert_sent(&writer, &stream.wire, "no failures");
}

#[test]
fn a_wrapped_store_leaves_in_as_few_writes_as_there_can_be() {
    let stream = u32_be(&[40, 30]);
    for sent in 14..44 {
        let mut writer = fake_writer(&stream, Plan::stop(sent, ErrorKind::TimedOut));
        assert!(wait!(writer.send(&stream.frames[0].1)).is_err());
        wait!(writer.push(&stream.frames[1].1)).expect("room, around the end");
        flush(&mut writer);
        let calls = &writer.get_ref().calls;
        match DIFFERS.vectored {
            [false] => assert_eq!(writer.get_ref().moved()[2..], [64 - sent, 14]),
            _ => assert_eq!(calls[2..], [Call { offered: vec![64 - sent, 14], moved: 78 - sent }]),
        }
        assert_sent(&writer, &stream.wire, "wrapped");
    }
}

#[test]
fn a_frame_that_is_queued_is_not_sent_again() {
    let stream = u32_be(&[20, 3]);
    for &kind in DIFFERS.seen {
        for cut in 0..24 {
            let mut writer = fake_writer(&stream, Plan::stop(cut, kind).and_stop(cut, kind));
            for again in [false, true] {
                let payload = &stream.frames[0].1;
                let result = if again { wait!(writer.flush()) } else { wait!(writer.send(payload)) };
                let Err(WriteError::Io(error)) = result else { panic!("sent") };
                assert_eq!(error.kind(), kind);
                assert_eq!(writer.encoder().stats().frames, 1, "it is queued");
            }
            wait!(writer.flush()).expect("it goes on");
            wait!(writer.send(&stream.frames[1].1)).expect("in step");
            assert_sent(&writer, &stream.wire, &format!("cut at {cut}"));
        }
    }
}

#[test]
fn a_frame_that_is_not_queued_is_sent_again() {
    let stream = u32_be(&[40, 30]);
    let fail = Step::Fail(ErrorKind::TimedOut);
    let mut writer = fake_writer(&stream, Plan::once([fail, fail]));
    wait!(writer.push(&stream.frames[0].1)).expect("room");
    for _ in 0..2 {
        let error = wait!(writer.send(&stream.frames[1].1)).expect_err("no room");
        assert!(matches!(error, WriteError::NotQueued(_)), "{error}");
        assert_eq!(writer.encoder().stats().frames, 1);
    }
    wait!(writer.send(&stream.frames[1].1)).expect("room again");
    assert_sent(&writer, &stream.wire, "retried");
}

/// That could block, and could not report an error. What is queued can be had by `into_parts`.
#[test]
fn dropping_a_writer_writes_nothing() {
    let stream = u32_be(&[]);
    let mut fake = Fake::sink(Plan::cycle([ALL]));
    {
        let mut writer = Writer::new(&mut fake, encoder(stream.format));
        wait!(writer.push(b"queued")).expect("room");
    }
    assert!(fake.calls.is_empty() && fake.flushed == 0);
}

/// It takes what it has queued along.
#[test]
fn a_writer_can_be_taken_apart_and_put_together() {
    let stream = u32_be(&[20, 5]);
    let mut writer = fake_writer(&stream, Plan::stop(7, ErrorKind::TimedOut));
    assert!(wait!(writer.send(&stream.frames[0].1)).is_err());
    let (io, encoder) = writer.into_parts();
    assert_eq!((io.out.len(), encoder.pending().0.len()), (7, 17));
    let mut writer = Writer::new(io, encoder);
    wait!(writer.send(&stream.frames[1].1)).expect("room");
    assert_sent(&writer, &stream.wire, "both");
}

#[test]
fn a_store_can_be_lent() {
    let mut store = [0; STORE];
    let encoder = Encoder::try_new(formats::U16_BE.with_limit(1024), &mut store[..]).expect("a store");
    let mut writer = Writer::new(Fake::sink(Plan::cycle([Step::Move(7)])), encoder);
    for len in [5, 200] {
        wait!(writer.send(&vec![7; len])).expect("a good transport");
    }
    assert_eq!(writer.get_ref().out, [&[0, 5][..], &[7; 5], &[0, 200], &[7; 200]].concat());
}
