//! What things cost, in calls to the transport: on a host each is a system call.

use super::fake::{ALL, Step};
use super::streams::u32_be;
use super::*;
use ringframe::formats::{self, U32Be};
use ringframe::{Limited, encode_header};

const MIB: usize = 1 << 20;

/// The caller's own buffer.
const BUFFER: usize = 1 << 16;

/// A store far smaller than the payload and than the buffer.
const SMALL: usize = 512;

const FORMAT: Limited<U32Be> = Limited::new(formats::U32_BE, 2 << 20);

fn megabyte() -> (Vec<u8>, Vec<u8>) {
    let payload: Vec<u8> = (0..MIB).map(|n| (n % 251) as u8).collect();
    let wire = [&u32::to_be_bytes(MIB as u32)[..], &payload].concat();
    (payload, wire)
}

#[test]
fn a_large_payload_is_read_in_few_calls() {
    let (payload, wire) = megabyte();
    let fake = Fake::new(&wire, Plan::cycle([ALL]));
    let mut reader = Reader::new(fake, Decoder::new(FORMAT, [0; SMALL]));
    let Ok(Some(Incoming::Large(mut large))) = wait!(reader.next_incoming()) else { panic!("a large frame") };
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; BUFFER]);
    loop {
        match read!(large, &mut buffer).expect("a good stream") {
            0 => break,
            n => bytes.extend_from_slice(&buffer[..n]),
        }
    }
    assert!(bytes == payload);
    let calls = reader.get_ref().calls.len();
    assert!(calls <= 20, "{calls} reads");
}

#[test]
fn a_large_payload_is_written_in_few_calls() {
    let (payload, wire) = megabyte();
    for &vectored in DIFFERS.vectored {
        let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), Encoder::new(FORMAT, [0; SMALL]));
        writer.get_mut().vectored = vectored;
        let mut large = wait!(writer.announce(&[], MIB as u64)).expect("room");
        for piece in payload.chunks(BUFFER) {
            let mut rest = piece;
            while !rest.is_empty() {
                let n = put!(large, rest).expect("a good transport");
                rest = &rest[n..];
            }
        }
        wait!(large.finish()).expect("a whole payload");
        assert!(writer.get_ref().out == wire);
        let calls = writer.get_ref().calls.len();
        assert!(calls <= 20, "{calls} writes");
    }
}

#[test]
fn a_large_frame_that_is_there_is_sent_in_few_calls() {
    let (payload, wire) = megabyte();
    for &vectored in DIFFERS.vectored {
        let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), Encoder::new(FORMAT, [0; SMALL]));
        writer.get_mut().vectored = vectored;
        wait!(writer.send(&payload)).expect("a good transport");
        assert!(writer.get_ref().out == wire);
        assert_eq!(writer.get_ref().calls.len(), if vectored { 1 } else { 2 });
    }
}

#[test]
fn unframed_bytes_are_moved_in_few_calls() {
    let (payload, _) = megabyte();
    let fake = Fake::new(&payload, Plan::cycle([ALL]));
    let mut reader = Reader::new(fake, Decoder::new(FORMAT, [0; SMALL]));
    let mut buffer = vec![0; BUFFER];
    while read!(reader.unframed(), &mut buffer).expect("a good stream") > 0 {}
    assert_eq!(reader.get_ref().calls.len(), MIB / BUFFER + 1);

    let mut writer = Writer::new(Fake::sink(Plan::cycle([ALL])), Encoder::new(FORMAT, [0; SMALL]));
    assert_eq!(wait!(writer.write_unframed(&payload)).expect("a good transport"), MIB);
    assert_eq!(writer.get_ref().calls.len(), 1);
}

#[test]
fn a_small_frame_leaves_in_one_write() {
    for len in [0, 1, 60] {
        let stream = u32_be(&[len]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        wait!(writer.send(&stream.frames[0].1)).expect("a good transport");
        assert_eq!(writer.get_ref().moved(), [4 + len]);
    }
}

/// In parts, too.
#[test]
fn a_header_and_its_content_leave_together() {
    let mut writer = fake_writer(&u32_be(&[]), Plan::cycle([ALL]));
    wait!(writer.push(b"header")).expect("room");
    let mut sent = 0;
    while sent < 7 {
        sent += wait!(writer.write_unframed(&b"content"[sent..])).expect("a good transport");
    }
    if DIFFERS.vectored != [false] {
        assert_eq!(writer.get_ref().moved(), [17]);
    }
    assert_eq!(writer.get_ref().out, b"\0\0\0\x06headercontent");
}

#[test]
fn frames_that_arrived_together_need_one_read() {
    let stream = u32_be(&[5, 0, 20, 17]);
    let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
    for _ in &stream.frames {
        assert!(next_frame(&mut reader).expect("a good stream").is_some());
    }
    assert_eq!(reader.get_ref().moved(), [stream.wire.len()]);
}

/// What waits in the store is not waited for: no read, and no flush of what is not asked to be flushed.
#[test]
fn an_answer_to_frames_that_came_together_leaves_in_one_write() {
    let stream = u32_be(&[5, 0, 20, 17]);
    let mut link = fake_link(&stream, Plan::cycle([ALL]));
    while let Some((frame, writer)) = wait!(link.next_request()).expect("a good stream") {
        wait!(writer.push(frame.payload())).expect("room");
        if !link.is_ready() {
            wait!(link.flush()).expect("a good transport");
        }
    }
    // One read, one write, and the read of the end.
    assert_eq!(link.get_ref().moved(), [stream.wire.len(), stream.wire.len(), 0]);
    assert_eq!(link.get_ref().out, stream.wire);
}

const PACKET: [u8; 64] = [7; 64];

#[test]
fn lockstep_costs_two_calls_a_message() {
    let (decoder, encoder) = (Decoder::new(FORMAT, [0; 8192]), Encoder::new(FORMAT, [0; 8192]));
    let mut link = Framed::new(Fake::echo(), decoder, encoder);
    for _ in 0..100 {
        wait!(link.send(&PACKET)).expect("a good transport");
        let frame = wait!(link.next_frame()).expect("a good stream").expect("an echo");
        assert_eq!(frame.payload(), PACKET);
    }
    assert_eq!(link.get_ref().calls.len(), 200);
}

#[test]
fn pipelined_messages_cost_a_twentieth_of_a_call_each() {
    let (decoder, encoder) = (Decoder::new(FORMAT, [0; 8192]), Encoder::new(FORMAT, [0; 8192]));
    let mut link = Framed::new(Fake::echo(), decoder, encoder);
    let (depth, rounds) = (64, 100);
    for _ in 0..rounds {
        for _ in 0..depth {
            wait!(link.push(&PACKET)).expect("room");
        }
        wait!(link.flush()).expect("a good transport");
        for _ in 0..depth {
            let frame = wait!(link.next_frame()).expect("a good stream").expect("an echo");
            assert_eq!(frame.payload(), PACKET);
        }
    }
    let calls = link.get_ref().calls.len() as f64;
    assert!(calls <= 0.05 * f64::from(depth * rounds), "{calls} calls");
}

/// Skipping goes through the store: there is nowhere else.
#[test]
fn what_is_skipped_costs_a_call_for_each_store_of_it() {
    let mut header = [0; 4];
    encode_header(&FORMAT, &[], 10 * SMALL as u64, &mut header).expect("room");
    let wire = [&header[..], &[7; 10 * SMALL], b"\0\0\0\x02ok"].concat();
    let mut reader = Reader::new(Fake::new(&wire, Plan::cycle([ALL])), Decoder::new(FORMAT, [0; SMALL]));
    assert!(matches!(wait!(reader.next_incoming()), Ok(Some(Incoming::Large(_)))));
    let frame = wait!(reader.next_frame()).expect("a good stream").expect("a frame");
    assert_eq!(frame.payload(), b"ok");
    let calls = reader.get_ref().calls.len();
    assert!(calls <= 12, "{calls} reads");
}

/// Interruptions cost what they are, no more.
#[test]
fn an_interrupted_call_is_made_once_more() {
    let stream = u32_be(&[5]);
    let plan = Plan::once([Step::Fail(ErrorKind::Interrupted)]);
    let mut reader = fake_reader(&stream, plan.clone());
    assert!(next_frame(&mut reader).expect("a good stream").is_some());
    assert_eq!(reader.get_ref().moved(), [0, 9]);
    let mut writer = fake_writer(&stream, plan);
    wait!(writer.send(&stream.frames[0].1)).expect("a good transport");
    assert_eq!(writer.get_ref().moved(), [0, 9]);
}
