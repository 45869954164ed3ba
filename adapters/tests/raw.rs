//! Raw bytes between frames by `ringframe_io::tokio`, in any chunking, with futures that are dropped at every
//! point where they wait.
#![cfg(feature = "tokio")]

mod support {
    #[allow(dead_code, reason = "it does more than these tests need")]
    pub(crate) mod fake;
    pub(crate) mod over_tokio;
    pub(crate) mod pending;
    pub(crate) mod task;
}

use std::io::ErrorKind;

use ringframe::{EncodeError, EndError, Event, Limited, formats};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{ReadError, WriteError};
use support::fake::{ALL, Fake, Plan, Step};
use support::task::{finish, poll_at_most};

const PENDING: Step = Step::Fail(ErrorKind::WouldBlock);
const STORE: usize = 64;

/// Payloads larger than the store are streamed.
const FORMAT: Limited<formats::U8> = Limited::new(formats::U_8, 1000);

/// A header, content larger than the store, a trailer, content shorter than it, and the end.
fn wire() -> (Vec<u8>, Vec<u8>) {
    let content: Vec<u8> = (0..200).collect();
    let wire = [b"\x06header", &content[..], b"\x07trailer", b"\x00", b"raw"].concat();
    (wire, content)
}

fn plans() -> Vec<Plan> {
    let sizes = [1, 2, 3, 7, 13, 63, 64, 65, 199, 200, 207, usize::MAX];
    let cuts = sizes.map(Step::Move).into_iter().flat_map(|cut| {
        [
            Plan::cycle([cut]),
            Plan::cycle([PENDING, cut]),
            Plan::cycle([cut, Step::Fail(ErrorKind::Interrupted), PENDING]),
        ]
    });
    cuts.chain([Plan::cycle([1, 5, 64, 2, 30].map(|size| [Step::Move(size), PENDING]).concat())]).collect()
}

/// Calls until a call is not dropped.
fn again<T>(mut call: impl FnMut() -> Option<T>) -> T {
    (0..1 << 20).find_map(|_| call()).expect("a call that ends")
}

fn read_frame(reader: &mut Reader<Fake, Limited<formats::U8>, Box<[u8]>>, polls: usize) -> Vec<u8> {
    let read = || {
        poll_at_most(polls, async {
            reader.read_frame().await.expect("a good stream").map(|frame| frame.payload().to_vec())
        })
    };
    again(read).expect("a frame")
}

fn read_raw(reader: &mut Reader<Fake, Limited<formats::U8>, Box<[u8]>>, n: usize, polls: usize) -> Vec<u8> {
    let mut content = vec![0; n];
    let mut at = 0;
    while at < n {
        let room = (at + 50).min(n);
        let came = again(|| poll_at_most(polls, reader.read_raw(&mut content[at..room])));
        let came = came.expect("a good stream");
        assert!(came > 0, "not the end");
        at += came;
    }
    content
}

#[test]
fn reading_in_any_chunking() {
    let (wire, content) = wire();
    for plan in plans() {
        for polls in [1, 2, 1 << 20] {
            let fake = Fake::new(&wire, plan.clone());
            let mut reader = Reader::with_capacity(fake, FORMAT, STORE).unwrap();
            assert_eq!(read_frame(&mut reader, polls), b"header");
            assert_eq!(read_raw(&mut reader, content.len(), polls), content, "{plan:?}");
            assert_eq!(read_frame(&mut reader, polls), b"trailer");
            assert_eq!(read_frame(&mut reader, polls), b"");
            assert_eq!(read_raw(&mut reader, 3, polls), b"raw");
            assert_eq!(again(|| poll_at_most(polls, reader.read_raw(&mut [0; 9]))).unwrap(), 0);
            assert_eq!(finish(reader.read_raw(&mut [])).unwrap(), 0);
        }
    }
}

/// A payload that was not taken to its end does not leak into what is raw.
#[test]
fn reading_behind_a_payload_that_is_skipped() {
    let payload = [b'p'; 200];
    let wire = [b"\xc8", &payload[..], b"raw"].concat();
    for plan in plans() {
        for take_a_piece in [false, true] {
            let mut reader = Reader::with_capacity(Fake::new(&wire, plan.clone()), FORMAT, STORE).unwrap();
            assert!(matches!(finish(reader.read_event()), Ok(Some(Event::Begin { payload: 200, .. }))));
            if take_a_piece {
                assert!(matches!(finish(reader.read_event()), Ok(Some(Event::Data(_)))));
            }
            assert_eq!(read_raw(&mut reader, 3, 1 << 20), b"raw", "{plan:?}");
        }
    }
    // The end inside of it is not the end that was meant.
    let mut reader =
        Reader::with_capacity(Fake::new(&wire[..100], Plan::cycle([ALL])), FORMAT, STORE).unwrap();
    assert!(matches!(finish(reader.read_event()), Ok(Some(Event::Begin { .. }))));
    let end = finish(reader.read_raw(&mut [0; 9]));
    assert!(matches!(end, Err(ReadError::Truncated(EndError::TruncatedPayload { missing: 101 }))), "{end:?}");
}

#[test]
fn writing_in_any_chunking() {
    let (wire, content) = wire();
    for vectored in [true, false] {
        for plan in plans() {
            for polls in [1, 2, 1 << 20] {
                let mut fake = Fake::sink(plan.clone());
                fake.vectored = vectored;
                let mut writer = Writer::with_capacity(fake, FORMAT, STORE).unwrap();
                again(|| poll_at_most(polls, writer.push(&[], b"header"))).unwrap();
                write_raw(&mut writer, &content, polls);
                again(|| poll_at_most(polls, writer.push(&[], b"trailer"))).unwrap();
                again(|| poll_at_most(polls, writer.push(&[], b""))).unwrap();
                write_raw(&mut writer, b"raw", polls);
                assert_eq!(finish(writer.write_raw(&[])).unwrap(), 0);
                assert!(writer.get_ref().out == wire, "{plan:?}, {polls}");
            }
        }
    }
}

fn write_raw(writer: &mut Writer<Fake, Limited<formats::U8>, Box<[u8]>>, mut bytes: &[u8], polls: usize) {
    while !bytes.is_empty() {
        let n = again(|| poll_at_most(polls, writer.write_raw(bytes))).unwrap();
        assert!(n > 0);
        bytes = &bytes[n..];
    }
}

#[test]
fn a_header_and_its_content_leave_together() {
    let mut writer = Writer::with_capacity(Fake::sink(Plan::cycle([ALL])), FORMAT, STORE).unwrap();
    finish(writer.push(&[], b"header")).unwrap();
    assert_eq!(finish(writer.write_raw(b"content")).unwrap(), 7);
    assert_eq!(writer.get_ref().moved(), [14]);
}

#[test]
fn raw_bytes_inside_a_payload_are_refused() {
    let mut writer = Writer::with_capacity(Fake::sink(Plan::cycle([ALL])), FORMAT, STORE).unwrap();
    finish(writer.start(&[], 5)).unwrap();
    let refused = finish(writer.write_raw(b"raw"));
    assert!(matches!(refused, Err(WriteError::Encode(EncodeError::MidPayload { left: 5 }))), "{refused:?}");
    assert!(writer.get_ref().calls.is_empty());
}

/// Transports that break their own rules.
#[test]
fn transports_that_lie() {
    for (step, refusal) in [(Step::Zero, "no more bytes"), (Step::Lie(1), "4 bytes")] {
        let mut writer = Writer::with_capacity(Fake::sink(Plan::cycle([step])), FORMAT, STORE).unwrap();
        let error = finish(writer.write_raw(b"raw")).unwrap_err();
        assert!(error.to_string().contains(refusal), "{error}");
    }
}
