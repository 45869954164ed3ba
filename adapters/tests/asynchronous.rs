//! `ringframe_io::tokio` over a transport that does, poll by poll, whatever a transport may do, with futures
//! that are dropped at every point where they wait.
#![cfg(feature = "tokio")]

mod support {
    pub(crate) mod fake;
    pub(crate) mod over_tokio;
    pub(crate) mod pending;
    pub(crate) mod streams;
    pub(crate) mod summed;
    pub(crate) mod task;
}

use std::io::ErrorKind;
use std::time::Duration;

use ringframe::{DecodeError, EncodeError, EndError, Event, Format, Limited, RuntimeFormat};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use support::fake::{ALL, Call, Fake, Plan, Step};
use support::streams::{LIMIT, Owned, STORE, Stream, small_streams, streams, u32_be};
use support::task::{finish, poll_at_most};

type FakeReader = Reader<Fake, Limited<RuntimeFormat>, Box<[u8]>>;
type FakeWriter = Writer<Fake, Limited<RuntimeFormat>, Box<[u8]>>;

/// What the fake transport takes for "not now".
const PENDING: Step = Step::Fail(ErrorKind::WouldBlock);

/// More polls than any future here needs: never dropped early.
const PATIENTLY: usize = 1 << 20;

fn fake_reader(stream: &Stream, plan: Plan) -> FakeReader {
    fake_reader_of(stream, &stream.wire, plan)
}

fn fake_reader_of(stream: &Stream, wire: &[u8], plan: Plan) -> FakeReader {
    Reader::with_capacity(Fake::new(wire, plan), stream.format, STORE).expect("a store that holds a header")
}

fn fake_writer(stream: &Stream, plan: Plan) -> FakeWriter {
    Writer::with_capacity(Fake::sink(plan), stream.format, STORE).expect("a store that holds a header")
}

/// Ways in which a transport cuts a stream and lets its user wait. In each, futures wait somewhere else.
fn plans() -> impl Iterator<Item = Plan> {
    let sizes = [1, 2, 3, 7, 63, 64, 65, usize::MAX];
    let cuts = sizes.map(Step::Move).into_iter().flat_map(|cut| {
        let pauses: [&[Step]; 4] = [
            &[cut],
            &[PENDING, cut],
            &[cut, cut, PENDING],
            &[PENDING, PENDING, cut, Step::Fail(ErrorKind::Interrupted)],
        ];
        pauses.map(Plan::cycle)
    });
    let uneven = [1, 5, 64, 2, 30].map(|size| [Step::Move(size), PENDING]).concat();
    cuts.chain([Plan::cycle(uneven)])
}

/// How often a future is polled before it is dropped: at the first point where it waits, the second, and so
/// on, and never.
fn patiences() -> impl Iterator<Item = usize> {
    (1..40).chain([PATIENTLY])
}

/// Calls until a call is not dropped.
fn again<T>(mut call: impl FnMut() -> Option<T>) -> T {
    (0..PATIENTLY).find_map(|_| call()).expect("a call that ends")
}

fn own(frame: ringframe::Frame<'_>) -> Owned {
    (frame.header().to_vec(), frame.payload().to_vec())
}

/// All frames, to the end; each call is dropped after so many polls.
fn read_frames(reader: &mut FakeReader, polls: usize) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match again(|| poll_at_most(polls, async { reader.read_frame().await.map(|frame| frame.map(own)) })) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return frames,
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames, to the end, from events.
fn read_events(reader: &mut FakeReader, polls: usize) -> Vec<Owned> {
    let mut frames: Vec<Owned> = Vec::new();
    let mut left = None;
    loop {
        // `false`: the end. What an event lends does not outlive the future's call.
        let more = again(|| {
            poll_at_most(polls, async {
                let event = reader.read_event().await.expect("a good stream");
                match event {
                    None => return false,
                    Some(Event::Frame(frame)) => frames.push(own(frame)),
                    Some(Event::Begin { header, payload }) => {
                        frames.push((header.to_vec(), Vec::new()));
                        left = Some(payload);
                    }
                    Some(Event::Data(piece)) => {
                        assert!(!piece.is_empty());
                        frames.last_mut().expect("it has begun").1.extend_from_slice(piece);
                        left = left.and_then(|left| left.checked_sub(piece.len() as u64));
                        assert!(left.is_some(), "no more than was announced");
                    }
                    Some(Event::End) => assert_eq!(left.take(), Some(0)),
                }
                true
            })
        });
        if !more {
            assert_eq!(left, None);
            return frames;
        }
    }
}

/// Queues a frame although each call is dropped after so many polls.
fn push(writer: &mut FakeWriter, stream: &Stream, payload: &[u8], polls: usize) {
    let frames = writer.encoder().stats().frames;
    loop {
        match poll_at_most(polls, writer.push(stream.fields, payload)) {
            Some(result) => return result.expect("a good transport"),
            None if writer.encoder().left() > 0 => return feed_rest(writer, payload, polls),
            None => assert_eq!(writer.encoder().stats().frames, frames, "dropped, it has queued nothing"),
        }
    }
}

/// Feeds what is missing of a payload that went out past the store.
fn feed_rest(writer: &mut FakeWriter, payload: &[u8], polls: usize) {
    let refused = finish(writer.push(&[], b"another")).expect_err("a payload is under way");
    assert!(matches!(refused, WriteError::Encode(EncodeError::MidPayload { .. })), "{refused}");
    loop {
        let left = writer.encoder().left() as usize;
        let rest = &payload[payload.len() - left..];
        if rest.is_empty() {
            return;
        }
        if let Some(result) = poll_at_most(polls, writer.feed(rest)) {
            let n = result.expect("a good transport");
            assert!(n > 0 && writer.encoder().left() as usize == left - n);
        } else {
            assert_eq!(writer.encoder().left() as usize, left, "dropped, it has queued nothing");
        }
    }
}

fn flush(writer: &mut FakeWriter, polls: usize) {
    again(|| poll_at_most(polls, writer.flush())).expect("a good transport");
}

#[track_caller]
fn assert_sent(writer: &FakeWriter, stream: &Stream, polls: usize) {
    let name = stream.name;
    assert!(writer.get_ref().out == stream.wire, "{name}, {polls} polls: {:?}", writer.get_ref().out);
    assert!(writer.encoder().is_empty() && writer.encoder().left() == 0, "{name}, {polls} polls");
    assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len(), "{name}, {polls} polls");
}

mod reading {
    use super::*;

    #[test]
    fn no_byte_is_lost_to_a_dropped_read_frame() {
        for stream in small_streams() {
            for plan in plans() {
                for polls in patiences() {
                    let mut reader = fake_reader(&stream, plan.clone());
                    assert_eq!(
                        read_frames(&mut reader, polls),
                        stream.frames,
                        "{}, {plan:?}, {polls}",
                        stream.name
                    );
                    assert!(reader.get_ref().is_at_end());
                }
            }
        }
    }

    #[test]
    fn reading_ahead_changes_nothing_but_tells_the_end() {
        for stream in small_streams() {
            for plan in plans() {
                for polls in patiences() {
                    let at = format!("{}, {plan:?}, {polls}", stream.name);
                    let mut reader = fake_reader(&stream, plan.clone());
                    for frame in &stream.frames {
                        // As one does who is busy: for some time, whatever comes of it.
                        match poll_at_most(polls, reader.read_ahead()) {
                            Some(Ok(true)) => assert!(reader.get_ref().is_at_end(), "{at}"),
                            Some(Ok(false)) => {
                                assert!(reader.is_ready(), "a full store holds a frame: {at}");
                            }
                            Some(Err(error)) => panic!("{at}: {error}"),
                            None => {}
                        }
                        let read = again(|| {
                            poll_at_most(polls, async {
                                reader.read_frame().await.map(|frame| frame.map(own))
                            })
                        });
                        assert_eq!(read.expect("a good stream").as_ref(), Some(frame), "{at}");
                    }
                    assert!(
                        again(|| poll_at_most(polls, reader.read_ahead())).expect("a good transport"),
                        "{at}"
                    );
                    assert!(finish(reader.read_frame()).expect("the end").is_none(), "{at}");
                }
            }
        }
        // Not even the end is told from behind what has no room, and a failure is one.
        let stream = u32_be(&[60, 0]);
        let mut reader = fake_reader(&stream, Plan::cycle([ALL]));
        assert!(!finish(reader.read_ahead()).unwrap());
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Fail(ErrorKind::ConnectionReset)]));
        let error = finish(reader.read_ahead()).unwrap_err();
        assert!(matches!(error, ReadError::Io(error) if error.kind() == ErrorKind::ConnectionReset));
    }

    #[test]
    fn no_byte_is_lost_to_a_dropped_read_event() {
        for stream in streams() {
            for plan in plans() {
                for polls in patiences() {
                    let mut reader = fake_reader(&stream, plan.clone());
                    assert_eq!(
                        read_events(&mut reader, polls),
                        stream.frames,
                        "{}, {plan:?}, {polls}",
                        stream.name
                    );
                    assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
                }
            }
        }
    }

    #[test]
    fn what_is_discarded_of_a_payload_is_skipped_exactly() {
        let stream = u32_be(&[150, 3, 61, 0]);
        for plan in plans() {
            for polls in [1, 2, 3, PATIENTLY] {
                let mut reader = fake_reader(&stream, plan.clone());
                let begun = again(|| {
                    poll_at_most(polls, async {
                        matches!(reader.read_event().await, Ok(Some(Event::Begin { payload: 150, .. })))
                    })
                });
                assert!(begun);
                assert_eq!(reader.discard(), 150);
                assert_eq!(read_events(&mut reader, polls), stream.frames[1..]);

                // Asking for a frame discards, too.
                let mut reader = fake_reader(&stream, plan.clone());
                while poll_at_most(polls, reader.read_event()).is_none_or(|event| event.is_err()) {}
                let next =
                    again(|| poll_at_most(polls, async { reader.read_frame().await.map(|f| f.map(own)) }));
                assert_eq!(next.expect("a good frame").as_ref(), Some(&stream.frames[1]));
            }
        }
    }

    #[test]
    fn errors_come_behind_the_good_frames_and_stay() {
        let stream = u32_be(&[5, 0]);
        let wire = [&stream.wire[..], &[0xff; 4]].concat();
        for plan in plans() {
            // Without a named limit, the store is the limit.
            let formats: [&dyn Format<Trailer = ()>; 2] = [stream.format.get_ref(), &stream.format];
            for (format, wanted) in formats.into_iter().zip([64, LIMIT]) {
                let fake = Fake::new(&wire, plan.clone());
                let mut reader = Reader::with_capacity(fake, format, STORE).expect("a store");
                for frame in &stream.frames {
                    let read = finish(reader.read_frame()).expect("a good frame").map(own);
                    assert_eq!(read.as_ref(), Some(frame));
                }
                for _ in 0..2 {
                    let error = finish(reader.read_frame()).expect_err("too long a frame");
                    assert!(
                        matches!(
                            error,
                            ReadError::Protocol(DecodeError::TooLong { limit, .. }) if limit == wanted
                        ),
                        "{error}"
                    );
                    assert!(reader.is_ready(), "an error can be had without waiting");
                }
            }

            let mut reader = fake_reader_of(&stream, &stream.wire[..7], plan.clone());
            for _ in 0..2 {
                let error = finish(reader.read_frame()).expect_err("an end inside a frame");
                assert!(
                    matches!(error, ReadError::Truncated(EndError::Truncated { have: 7, want: 9 })),
                    "{error}"
                );
            }
        }
        for kind in [ErrorKind::TimedOut, ErrorKind::ConnectionReset] {
            let plan = Plan::once([Step::Move(3), Step::Fail(kind)]);
            let mut reader = fake_reader(&stream, plan);
            let error = finish(reader.read_frame()).expect_err("the failure");
            assert!(matches!(&error, ReadError::Io(error) if error.kind() == kind), "{error}");
            assert_eq!(read_frames(&mut reader, PATIENTLY), stream.frames, "what arrived is kept");
        }
    }

    #[test]
    fn ready_means_that_no_read_is_needed() {
        let stream = u32_be(&[5, 0, 100]);
        let mut reader = fake_reader(&stream, Plan::cycle([Step::Move(15)]));
        assert!(!reader.is_ready());
        assert!(finish(reader.read_frame()).expect("a good frame").is_some());
        assert!(reader.is_ready());
        assert!(finish(reader.read_frame()).expect("a good frame").is_some());
        assert!(!reader.is_ready(), "two bytes of a header");
        assert_eq!(reader.get_ref().calls.len(), 1);
        assert!(matches!(finish(reader.read_event()), Ok(Some(Event::Begin { payload: 100, .. }))));
        assert!(reader.is_ready(), "the payload's first bytes");
    }
}

mod writing {
    use super::*;

    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_push_or_feed_or_flush() {
        for stream in streams() {
            for plan in plans() {
                for polls in patiences() {
                    for vectored in [true, false] {
                        let mut writer = fake_writer(&stream, plan.clone());
                        writer.get_mut().vectored = vectored;
                        for (_, payload) in &stream.frames {
                            push(&mut writer, &stream, payload, polls);
                        }
                        flush(&mut writer, polls);
                        assert_sent(&writer, &stream, polls);
                    }
                }
            }
        }
    }

    /// Dropped, `send` has queued its frame whole or not at all, which the count of frames tells; or, of a
    /// large one, the encoder says how much is missing.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_send() {
        for stream in streams().into_iter().filter(|stream| stream.fields.is_empty()) {
            for plan in plans() {
                for polls in patiences() {
                    let mut writer = fake_writer(&stream, plan.clone());
                    for (n, (_, payload)) in stream.frames.iter().enumerate() {
                        while writer.encoder().stats().frames as usize == n {
                            match poll_at_most(polls, writer.send(payload)) {
                                Some(result) => result.expect("a good transport"),
                                None if writer.encoder().left() > 0 => feed_rest(&mut writer, payload, polls),
                                None => {}
                            }
                        }
                    }
                    flush(&mut writer, polls);
                    assert_sent(&writer, &stream, polls);
                }
            }
        }
    }

    #[test]
    fn announced_payloads_are_fed_in_pieces_however_often_a_call_is_dropped() {
        for stream in streams() {
            for plan in plans() {
                for polls in [1, 2, 3, 5, PATIENTLY] {
                    let mut writer = fake_writer(&stream, plan.clone());
                    for (_, payload) in &stream.frames {
                        let len = payload.len() as u64;
                        again(|| poll_at_most(polls, writer.start(stream.fields, len))).expect("a header");
                        for mut piece in payload.chunks(50) {
                            while !piece.is_empty() {
                                let n = again(|| poll_at_most(polls, writer.feed(piece))).expect("a piece");
                                piece = &piece[n..];
                            }
                        }
                    }
                    again(|| poll_at_most(polls, writer.shutdown())).expect("a good transport");
                    assert_sent(&writer, &stream, polls);
                }
            }
        }
        let stream = u32_be(&[5]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        finish(writer.start(&[], 5)).expect("a header");
        let overrun = finish(writer.feed(&[7; 6])).expect_err("more than was announced");
        assert!(
            matches!(overrun, WriteError::Encode(EncodeError::Overrun { given: 6, left: 5 })),
            "{overrun}"
        );
    }

    /// The store is the limit of a format that names none.
    #[test]
    fn a_frame_larger_than_the_store_needs_a_format_with_a_limit() {
        let stream = u32_be(&[61, 60]);
        let sink = Fake::sink(Plan::cycle([ALL]));
        let mut writer = Writer::with_capacity(sink, *stream.format.get_ref(), STORE).expect("a store");
        let refusal = EncodeError::TooLong { frame: 65, limit: STORE as u64 };
        let is_refusal = |error| matches!(error, WriteError::Encode(error) if error == refusal);
        for _ in 0..2 {
            assert!(is_refusal(finish(writer.send(&stream.frames[0].1)).expect_err("no limit")));
            assert!(is_refusal(finish(writer.push(&[], &stream.frames[0].1)).expect_err("no limit")));
            assert!(is_refusal(finish(writer.start(&[], 61)).expect_err("no limit")));
            assert!(writer.encoder().is_empty() && writer.encoder().left() == 0, "nothing is queued");
            assert_eq!(writer.encoder().stats().frames, 0);
        }
        assert!(writer.get_ref().calls.is_empty(), "nothing was written");
        finish(writer.send(&stream.frames[1].1)).expect("it fits");
        assert_eq!(writer.get_ref().out, stream.wire[65..]);
    }

    #[test]
    fn a_frame_leaves_in_one_piece_and_queued_ones_together() {
        for len in [0, 1, 60, 61, 1000] {
            for vectored in [true, false] {
                let stream = u32_be(&[len]);
                let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
                writer.get_mut().vectored = vectored;
                finish(writer.send(&stream.frames[0].1)).expect("a good transport");
                assert_sent(&writer, &stream, PATIENTLY);
                let moved = writer.get_ref().moved();
                // Nagle never sees a header alone, also where a vectored write takes the first slice only.
                assert!(moved == [4 + len] || (!vectored && moved == [STORE, 4 + len - STORE]), "{moved:?}");
            }
        }
        let stream = u32_be(&[5, 0, 20, 17]);
        let mut writer = fake_writer(&stream, Plan::cycle([ALL]));
        for (_, payload) in &stream.frames {
            finish(writer.push(&[], payload)).expect("room");
        }
        finish(writer.flush()).expect("a good transport");
        let call = Call { offered: vec![stream.wire.len()], moved: stream.wire.len() };
        assert_eq!(writer.get_ref().calls, [call]);
    }

    #[test]
    fn failures_are_told_and_what_is_queued_stays() {
        let stream = u32_be(&[5]);
        let zero = [Step::Zero, Step::Fail(ErrorKind::ConnectionReset), Step::Lie(1), Step::Move(3)];
        let mut writer = fake_writer(&stream, Plan::once(zero));
        let payload = &stream.frames[0].1;
        assert!(matches!(finish(writer.send(payload)), Err(WriteError::WriteZero)));
        let Err(WriteError::Io(error)) = finish(writer.flush()) else { panic!("no failure") };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(matches!(finish(writer.flush()), Err(WriteError::Encode(EncodeError::Overrun { .. }))));
        writer.get_mut().flush_fails = vec![ErrorKind::Other, ErrorKind::Interrupted];
        let Err(WriteError::Io(error)) = finish(writer.flush()) else { panic!("no failure") };
        assert_eq!(error.kind(), ErrorKind::Other, "`Interrupted` is retried");
        flush(&mut writer, PATIENTLY);
        assert_sent(&writer, &stream, PATIENTLY);
    }
}

/// Formats whose frames end with a check.
mod trailers {
    use super::*;
    use crate::support::summed::{LENS, Summed, payload, wire};

    /// The payload of the next frame, or what is wrong with it.
    fn read_next(reader: &mut Reader<Fake, Summed, Box<[u8]>>) -> Result<Vec<u8>, DecodeError> {
        let mut bytes = vec![];
        loop {
            match finish(reader.read_event()) {
                Ok(Some(Event::Frame(frame))) => return Ok(frame.payload().to_vec()),
                Ok(Some(Event::Begin { .. })) => {}
                Ok(Some(Event::Data(piece))) => bytes.extend_from_slice(piece),
                Ok(Some(Event::End)) => return Ok(bytes),
                Ok(None) => panic!("the end"),
                Err(ReadError::Protocol(error)) => return Err(error),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn frames_of_any_size_are_read_and_a_wrong_trailer_is_an_error() {
        let (wire, begins) = wire();
        for size in [1, 3, 64, usize::MAX] {
            let plan = Plan::cycle([Step::Move(size)]);
            let mut reader = Reader::with_capacity(Fake::new(&wire, plan.clone()), Summed, STORE).unwrap();
            for len in LENS {
                assert_eq!(read_next(&mut reader), Ok(payload(len)), "{size} bytes a call");
            }
            assert!(finish(reader.read_event()).expect("a clean end").is_none());

            for (n, len) in LENS.into_iter().enumerate() {
                let mut wire = wire.clone();
                wire[begins[n] + 2 + len] ^= 1;
                let mut reader =
                    Reader::with_capacity(Fake::new(&wire, plan.clone()), Summed, STORE).unwrap();
                for len in &LENS[..n] {
                    assert_eq!(read_next(&mut reader), Ok(payload(*len)), "{size} bytes a call");
                }
                for _ in 0..2 {
                    assert_eq!(read_next(&mut reader), Err(DecodeError::Corrupt), "{size} bytes a call");
                }
            }
        }
    }

    /// Also of frames that go out past the store, or in pieces.
    #[test]
    fn trailers_are_written_however_often_a_call_is_dropped() {
        let (wire, _) = wire();
        for plan in plans() {
            for polls in [1, 2, 3, PATIENTLY] {
                let mut writer =
                    Writer::with_capacity(Fake::sink(plan.clone()), Summed, STORE).expect("a store");
                for len in LENS {
                    let bytes = payload(len);
                    again(|| poll_at_most(polls, writer.start(&[], len as u64))).expect("a header");
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let n = again(|| poll_at_most(polls, writer.feed(rest))).expect("a piece");
                        assert!(n > 0, "it stands still");
                        rest = &rest[n..];
                    }
                }
                again(|| poll_at_most(polls, writer.flush())).expect("a good transport");
                assert_eq!(writer.get_ref().out, wire);
            }
            let mut writer = Writer::with_capacity(Fake::sink(plan), Summed, STORE).expect("a store");
            for len in LENS {
                finish(writer.push(&[], &payload(len))).expect("a good transport");
            }
            finish(writer.flush()).expect("a good transport");
            assert_eq!(writer.get_ref().out, wire);
        }
    }
}

/// Time is tokio's, which passes only while all tasks wait.
mod patience {
    use std::future::pending;

    use ringframe::formats::{self, U32Be};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    type PipeReader = Reader<DuplexStream, Limited<U32Be>, Box<[u8]>>;

    fn reader(patience: Patience) -> (PipeReader, DuplexStream) {
        let (near, far) = duplex(1 << 20);
        let format = formats::U32_BE.with_limit(1 << 20);
        let mut reader = Reader::with_capacity(near, format, 1024).expect("a store");
        reader.set_patience(patience);
        (reader, far)
    }

    #[track_caller]
    fn assert_passed(since: Instant, wanted: Duration) {
        let passed = since.elapsed();
        // The timer counts milliseconds.
        assert!(passed >= wanted && passed < wanted + SECOND / 10, "{passed:?} instead of {wanted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_idle_each_time_anew() {
        let (mut reader, mut far) = reader(Patience { idle: Some(300 * SECOND), ..Patience::ENDLESS });
        for _ in 0..3 {
            let begin = Instant::now();
            let error = reader.read_frame().await.map(|frame| frame.is_some()).expect_err("nothing comes");
            assert!(matches!(error, ReadError::Idle { allowed } if allowed == 300 * SECOND), "{error}");
            assert_passed(begin, 300 * SECOND);
            far.write_all(b"\0\0\0\x02ok").await.expect("a pipe");
            assert!(reader.read_frame().await.expect("a good frame").is_some());
        }
    }

    /// CVE-2007-6750: neither a byte now and then nor dropped calls lengthen a frame's time.
    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow() {
        let patience = Patience { idle: Some(SECOND / 10), frame: Some(10 * SECOND), bytes_per_second: 0 };
        for dropped_after in [None, Some(SECOND / 3)] {
            let (mut reader, mut far) = reader(patience);
            let sender = tokio::spawn(async move {
                for byte in [0, 0, 1, 0].into_iter().chain([7; 200]) {
                    far.write_all(&[byte]).await.expect("a pipe");
                    sleep(SECOND / 2).await;
                }
                pending::<()>().await;
            });
            let begin = Instant::now();
            let error = loop {
                let call = async { reader.read_frame().await.map(|frame| frame.is_some()) };
                let result = match dropped_after {
                    None => call.await,
                    Some(time) => match timeout(time, call).await {
                        Ok(result) => result,
                        Err(_) => continue,
                    },
                };
                break result.expect_err("too slow a frame");
            };
            let ReadError::TooSlow { allowed, missing } = error else { panic!("{error}") };
            assert_eq!(allowed, 10 * SECOND);
            // 20 or 21 bytes came.
            assert!((260 - 21..=260 - 20).contains(&missing), "{missing}");
            assert_passed(begin, 10 * SECOND);
            let again = reader.read_frame().await.map(|frame| frame.is_some()).expect_err("it is repeated");
            assert!(matches!(again, ReadError::TooSlow { .. }), "{again}");
            sender.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_declared_length_adds_to_the_time() {
        let patience = Patience { idle: None, frame: Some(10 * SECOND), bytes_per_second: 100 };
        for (len, streamed) in [(0_u32, false), (99, false), (1000, false), (100_000, true)] {
            let (mut reader, mut far) = reader(patience);
            let (header, payload) = (len.to_be_bytes(), vec![7; len as usize]);
            let allowed = (10 + u64::from(len) / 100) as u32 * SECOND;
            // The last byte comes in time, or never.
            for in_time in [true, false] {
                sleep(1000 * SECOND).await; // between frames there is no hurry
                let begin = Instant::now();
                far.write_all(&header[..3]).await.expect("a pipe");
                let ends = async {
                    sleep(SECOND).await;
                    far.write_all(&header[3..]).await.expect("a pipe");
                    sleep(SECOND / 2).await; // from here on the length is known, and all of it missing
                    let Some((last, first)) = payload.split_last() else { return };
                    far.write_all(first).await.expect("a pipe");
                    sleep(if in_time { allowed - 2 * SECOND } else { allowed }).await;
                    far.write_all(&[*last]).await.expect("a pipe");
                };
                let reads = async {
                    loop {
                        match reader
                            .read_event()
                            .await
                            .map(|event| matches!(event, Some(Event::Frame(_) | Event::End)))
                        {
                            Ok(true) => return None,
                            Ok(false) => {}
                            Err(error) => return Some(error),
                        }
                    }
                };
                let ((), error) = tokio::join!(ends, reads);
                match error {
                    None => assert!(in_time || len == 0, "{len} bytes"),
                    Some(ReadError::TooSlow { allowed: told, missing }) => {
                        assert!(!in_time, "{len} bytes, streamed {streamed}");
                        assert_eq!((told, missing), (allowed, 1), "{len} bytes");
                        assert!(begin.elapsed() >= allowed);
                    }
                    Some(error) => panic!("{error}"),
                }
            }
        }
    }

    /// A reader that writes a reply meanwhile, which the peer is slow to take, isn't waiting.
    #[tokio::test(start_paused = true)]
    async fn the_clock_rests_while_nobody_reads() {
        let patience = Patience { idle: Some(SECOND), frame: Some(SECOND), bytes_per_second: 0 };
        let (mut reader, mut far) = reader(patience);
        far.write_all(b"\0\0\x08\0").await.expect("a pipe");
        let event = reader.read_event().await.expect("a good frame");
        assert!(matches!(event, Some(Event::Begin { payload: 2048, .. })));
        for _ in 0..2 {
            sleep(100 * SECOND).await;
            far.write_all(&[7; 1024]).await.expect("a pipe");
            let event = reader.read_event().await.expect("a piece in time");
            assert!(matches!(event, Some(Event::Data(piece)) if piece.len() == 1024));
        }
        let event = reader.read_event().await.expect("the end in time");
        assert!(matches!(event, Some(Event::End)));
        sleep(100 * SECOND).await;
        let begin = Instant::now();
        let error = reader.read_frame().await.map(|frame| frame.is_some()).expect_err("nothing comes");
        assert!(matches!(error, ReadError::Idle { .. }), "{error}");
        assert_passed(begin, SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_stalls_and_what_is_queued_stays() {
        let (near, mut far) = duplex(16);
        let stream = u32_be(&[30, 150, 20]);
        let mut writer = Writer::with_capacity(near, stream.format, STORE).expect("a store");
        writer.set_patience(Some(5 * SECOND));
        let [(_, first), (_, large), (_, last)] = &stream.frames[..] else { panic!("three frames") };
        let mut sent = Vec::new();
        for _ in 0..2 {
            let begin = Instant::now();
            let error = if sent.is_empty() { writer.send(first).await } else { writer.flush().await };
            let error = error.expect_err("the peer takes nothing");
            assert!(matches!(error, WriteError::Stalled { allowed } if allowed == 5 * SECOND), "{error}");
            assert_passed(begin, 5 * SECOND);
            let mut piece = [0; 16];
            far.read_exact(&mut piece).await.expect("what was sent");
            sent.extend(piece);
        }
        // A peer that takes a byte now and then does not stall.
        let slow = async {
            while sent.len() < 34 + 100 {
                sleep(4 * SECOND).await;
                let mut piece = [0; 3];
                let n = far.read(&mut piece).await.expect("what was sent");
                sent.extend_from_slice(&piece[..n]);
            }
        };
        let send = async { writer.send(large).await };
        let ((), result) = tokio::join!(slow, send);
        assert!(matches!(result, Err(WriteError::Stalled { .. })), "the peer stopped");
        let left = writer.encoder().left() as usize;
        assert!(left > 0 && left < 150, "{left}");
        let refused = writer.send(last).await.expect_err("a payload is under way");
        assert!(matches!(refused, WriteError::Encode(EncodeError::MidPayload { .. })), "{refused}");
        let rest = async {
            let mut rest = &large[150 - left..];
            while !rest.is_empty() {
                let n = writer.feed(rest).await.expect("a peer that takes bytes");
                rest = &rest[n..];
            }
            writer.push(&[], last).await.expect("a peer that takes bytes");
            writer.shutdown().await.expect("a peer that takes bytes");
        };
        let read = async { far.read_to_end(&mut sent).await.expect("what was sent") };
        tokio::join!(rest, read);
        assert_eq!(sent, stream.wire);
    }

    /// Who waits for other things as well drops the write each time one comes.
    #[tokio::test(start_paused = true)]
    async fn dropped_writes_to_a_peer_that_takes_nothing() {
        let (near, mut far) = duplex(16);
        let stream = u32_be(&[60]);
        let mut writer = Writer::with_capacity(near, stream.format, STORE).expect("a store");
        writer.set_patience(Some(5 * SECOND));
        writer.push(&[], &stream.frames[0].1).await.expect("room for it");
        for raw in [false, true] {
            let begin = Instant::now();
            let error = loop {
                let write = async {
                    if raw { writer.write_raw(b"raw").await.map(|_| ()) } else { writer.flush().await }
                };
                tokio::select! {
                    biased;
                    result = write => break result.expect_err("the peer takes nothing"),
                    () = sleep(3 * SECOND / 2) => {}
                }
            };
            assert!(matches!(error, WriteError::Stalled { allowed } if allowed == 5 * SECOND), "{error}");
            assert_passed(begin, 5 * SECOND);
        }
        // A byte that goes begins the time anew.
        timeout(4 * SECOND, writer.flush()).await.expect_err("not yet");
        far.read_exact(&mut [0; 16]).await.expect("what was sent");
        let begin = Instant::now();
        timeout(4 * SECOND, writer.flush()).await.expect_err("not yet");
        writer.flush().await.expect_err("the peer takes nothing");
        assert_passed(begin, 5 * SECOND);
    }
}

mod sockets {
    use ringframe::formats;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// The futures can be spawned, and a stream's own halves are transports.
    #[tokio::test]
    async fn a_server_answers_over_tcp_until_the_peer_half_closes() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let (reader, writer) = stream.split();
            let mut reader = Reader::with_capacity(reader, formats::U32_BE, 1024).expect("a store");
            let mut writer = Writer::with_capacity(writer, formats::U32_BE, 1024).expect("a store");
            while let Some(frame) = reader.read_frame().await.expect("a good stream") {
                let reply = frame.payload().to_ascii_uppercase();
                writer.push(&[], &reply).await.expect("a peer that reads");
                if !reader.is_ready() {
                    writer.flush().await.expect("a peer that reads");
                }
            }
            writer.shutdown().await.expect("a peer that reads");
        });
        let stream = TcpStream::connect(address).await.expect("a connection");
        #[cfg(feature = "tcp")]
        {
            ringframe_io::tcp::Options::default().apply(&stream).expect("a socket like `std`'s");
            assert!(stream.nodelay().expect("an option"));
        }
        let (reader, writer) = stream.into_split();
        let mut reader = Reader::with_capacity(reader, formats::U32_BE, 1024).expect("a store");
        let mut writer = Writer::with_capacity(writer, formats::U32_BE, 1024).expect("a store");
        for _ in 0..100 {
            writer.push(&[], b"hello").await.expect("a peer that reads");
        }
        writer.shutdown().await.expect("a peer");
        for _ in 0..100 {
            let frame = reader.read_frame().await.expect("a good stream").expect("a reply");
            assert_eq!(frame.payload(), b"HELLO");
        }
        assert!(reader.read_frame().await.expect("a clean end").is_none());
        server.await.expect("no failures");
    }
}
