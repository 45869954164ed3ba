//! Both directions over one transport.

use super::fake::{ALL, Step};
use super::streams::{STORE, u32_be};
use super::*;
use ringframe::formats;

#[test]
fn a_request_is_answered_while_it_is_lent() {
    let stream = u32_be(&[5, 0, 60, 17]);
    for size in 1..=stream.wire.len() {
        for kind in [ErrorKind::Interrupted, ErrorKind::TimedOut] {
            let plan = Plan::cycle([Step::Move(size), Step::Fail(kind)]);
            let mut link = fake_link(&stream, plan);
            let mut answered = 0;
            loop {
                match wait!(link.next_request()) {
                    Ok(Some((frame, writer))) => {
                        if wait!(writer.send(frame.payload())).is_err() {
                            // It is queued.
                            while wait!(link.flush()).is_err() {}
                        }
                        answered += 1;
                    }
                    Ok(None) => break,
                    Err(ReadError::Io(error)) if goes_on(&error) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(answered, 4);
            assert_eq!(link.get_ref().out, stream.wire, "{size} bytes a call, {kind}");
        }
    }
}

/// It skips what is left of a payload, as `next_frame` does, and has its errors.
#[test]
fn a_request_is_what_next_frame_gives() {
    let stream = u32_be(&[150, 5]);
    let mut link = fake_link(&stream, Plan::cycle([ALL]));
    assert!(wait!(link.next_request()).map(|_| ()).is_err(), "larger than the store");
    assert!(matches!(wait!(link.next_incoming()), Ok(Some(Incoming::Large(_)))));
    let request = wait!(link.next_request()).expect("a good stream").map(|(frame, _)| own(frame));
    assert_eq!(request.as_ref(), Some(&stream.frames[1]));
    assert!(wait!(link.next_request()).expect("a clean end").is_none());
}

#[test]
fn a_link_reads_and_writes_large_frames() {
    let stream = u32_be(&[150, 5]);
    let mut link = fake_link(&stream, Plan::cycle([ALL]));
    let Ok(Some(Incoming::Large(mut payload))) = wait!(link.next_incoming()) else { panic!("a large frame") };
    let mut bytes = [0; 150];
    let (half, rest) = bytes.split_at_mut(70);
    fill(half, |buf| read!(payload, buf)).expect("a payload");
    // Each direction has a payload under way.
    wait!(link.announce(&[], 150)).map(|_| ()).expect("room");
    let mut payload = link.resume().expect("a payload is under way");
    fill(rest, |buf| read!(payload, buf)).expect("a payload");
    let mut at = 0;
    while at < 150 {
        at += put!(link.writer().resume(), &bytes[at..]).expect("a good transport");
    }
    wait!(link.flush()).expect("a good transport");
    assert_eq!(link.get_ref().out, stream.wire[..154]);
}

#[test]
fn both_ways_share_a_transport_and_part_and_meet_again() {
    let stream = u32_be(&[5, 0, 20, 7]);
    let mut link = fake_link(&stream, Plan::cycle([Step::Move(15)]));
    assert_eq!(wait!(link.next_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[0]));
    wait!(link.push(b"queued")).expect("room");

    // What is buffered and what is queued come along.
    let (mut reader, mut writer) = crate::split(link);
    assert_eq!(next_frame(&mut reader).expect("a good frame").as_ref(), Some(&stream.frames[1]));
    assert_eq!(reader.decoder().buffered(), 2);
    wait!(writer.send(b"and sent")).expect("a good transport");
    assert_eq!(writer.get_ref().out, b"\0\0\0\x06queued\0\0\0\x08and sent");
    wait!(writer.push(b"again")).expect("room");

    let mut link = crate::join(reader, writer);
    assert_eq!(wait!(link.next_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[2]));
    wait!(link.flush()).expect("a good transport");
    assert_eq!(link.get_ref().out, b"\0\0\0\x05again");

    let (fake, decoder, encoder) = link.into_parts();
    let mut link = Framed::new(fake, decoder, encoder);
    assert_eq!(wait!(link.next_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[3]));
    assert!(wait!(link.next_frame()).expect("a clean end").is_none());
    assert_eq!((link.decoder().stats().frames, link.encoder().stats().frames), (4, 3));
}

/// Of two sizes, as a device has it that hears more than it says; and over a transport that is lent.
#[test]
fn the_stores_of_a_link_may_differ() {
    let stream = u32_be(&[5]);
    let mut fake = Fake::new(&stream.wire, Plan::cycle([ALL]));
    let (decoder, encoder) = (Decoder::new(formats::U32_BE, [0; 64]), Encoder::new(formats::U32_BE, [0; 32]));
    let mut link = Framed::new(&mut fake, decoder, encoder);
    assert_eq!(wait!(link.next_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[0]));
    wait!(link.send(&[0, 1, 2, 3, 4])).expect("a good transport");
    assert!(wait!(link.send(&[7; 30])).is_err(), "larger than the store");
    assert_eq!(fake.out, stream.wire);
}

/// The two ends of a link that are made alike understand each other: what one refuses to read, the other refuses
/// to write.
#[test]
fn links_of_the_same_making_take_what_they_send() {
    let format = formats::U32_BE;
    for len in [0, 59, 60, 61, 2048] {
        let payload = vec![7; len];
        let near =
            Framed::new(Fake::echo(), Decoder::new(format, [0; STORE]), Encoder::new(format, [0; STORE]));
        let mut link = near;
        match wait!(link.send(&payload)) {
            Ok(()) => {
                let frame = wait!(link.next_frame()).expect("what was sent").expect("a frame");
                assert_eq!(frame.payload(), payload);
                assert!(len <= 60);
            }
            Err(error) => {
                assert!(matches!(error, WriteError::Encode(_)), "{error}");
                assert!(len > 60 && link.get_ref().calls.is_empty());
            }
        }
    }
}

#[test]
fn a_reset_link_goes_on_reading_and_keeps_what_is_queued() {
    let stream = u32_be(&[5]);
    let mut link = fake_link(&stream, Plan::cycle([ALL]));
    link.get_mut().arrive(&[0xff; 4]);
    assert!(matches!(wait!(link.next_frame()), Ok(Some(_))));
    assert!(matches!(wait!(link.next_frame()), Err(ReadError::Protocol(_))));
    wait!(link.push(b"sorry?")).expect("room");
    link.reset();
    link.get_mut().arrive(&stream.wire);
    assert_eq!(wait!(link.next_frame()).expect("a good frame").map(own).as_ref(), Some(&stream.frames[0]));
    wait!(link.flush()).expect("a good transport");
    assert_eq!(link.get_ref().out, b"\0\0\0\x06sorry?");
    // The other direction has a reset of its own.
    wait!(link.push(b"never mind")).expect("room");
    link.encoder_mut().reset();
    wait!(link.flush()).expect("a good transport");
    assert_eq!(link.get_ref().out.len(), 10);
}
