//! `ringframe_io::embedded_io_async` over a transport that does, poll by poll, whatever a transport may do, with
//! futures that are dropped at every point where they wait.
#![cfg(feature = "embedded-io-async")]

/// A call that may wait, to its end.
macro_rules! wait {
    ($call:expr) => {
        crate::support::task::finish($call)
    };
}

mod support {
    pub(crate) mod embedded_suite;
    pub(crate) mod fake;
    pub(crate) mod over_embedded_io;
    pub(crate) mod over_embedded_io_async;
    pub(crate) mod pending;
    pub(crate) mod plans;
    pub(crate) mod streams;
    pub(crate) mod suite;
    pub(crate) mod summed;
    pub(crate) mod task;
}

use std::io::ErrorKind;
use std::task::Poll;

use adapter::{Framed, Incoming};
use embedded_io_async as traits;
use embedded_io_async::{Read as _, Write as _};
use ringframe::EncodeError;
use ringframe_io::WriteError;
use ringframe_io::embedded_io_async as adapter;
use support::embedded_suite::{is_refused, read_error, take_event, write_error};
use support::fake::{Fake, Plan, Step};
use support::streams::{LIMIT, Stream, small_streams, streams, u32_be};
use support::suite::{FakeWriter, assert_sent, fake_reader, fake_reader_of, fake_writer, own};
use support::task::poll_at_most;

/// `WouldBlock` is a future that waits.
const SEEN: &[ErrorKind] = &[ErrorKind::TimedOut];
const VECTORED: &[bool] = &[false];

/// What the fake transport takes for "not now".
const PENDING: Step = Step::Fail(ErrorKind::WouldBlock);

/// More calls, and more polls, than any test needs.
const ENOUGH: usize = 1 << 14;

/// Which futures are dropped, counted by polls over a whole test.
#[derive(Clone, Copy, Debug)]
enum Drops {
    /// The one that waits at every such poll.
    Each(usize),
    /// The one that waits at that poll.
    Once(usize),
}

/// Polls futures, and drops some.
struct Task {
    drops: Drops,
    calls: usize,
    polls: usize,
    dropped: usize,
}

impl Task {
    fn new(drops: Drops) -> Self {
        Self { drops, calls: 0, polls: 0, dropped: 0 }
    }

    /// Polls a future to its end, or drops it where it waits: `None`.
    fn poll<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = std::pin::pin!(future);
        self.calls += 1;
        assert!(self.calls < ENOUGH, "calls that come to no end");
        for _ in 0..ENOUGH {
            if let Some(output) = poll_at_most(1, future.as_mut()) {
                return Some(output);
            }
            self.polls += 1;
            let drops = match self.drops {
                Drops::Each(n) => self.polls % n == 0,
                Drops::Once(n) => self.polls == n,
            };
            if drops {
                self.dropped += 1;
                return None;
            }
        }
        panic!("a future that never ends")
    }
}

/// Runs a test with futures dropped at every point where one waits: at each in turn, and at every second, third
/// and so on. How many futures it dropped is what a test answers.
fn drop_everywhere(mut test: impl FnMut(&mut Task)) {
    for drops in [Drops::Each as fn(usize) -> Drops, Drops::Once] {
        for n in 1..ENOUGH {
            let mut task = Task::new(drops(n));
            test(&mut task);
            if task.dropped == 0 {
                assert!(n > 1, "nothing was dropped");
                break;
            }
        }
    }
}

/// The same with the first few points only, where the streams and transports are many.
fn drop_early(mut test: impl FnMut(&mut Task)) {
    for n in 1..12 {
        test(&mut Task::new(Drops::Each(n)));
        test(&mut Task::new(Drops::Once(n)));
    }
}

/// Calls until a call is not dropped.
fn again<T>(mut call: impl FnMut() -> Option<T>) -> T {
    (0..ENOUGH).find_map(|_| call()).expect("a call that ends")
}

/// Transports that let their user wait before, behind and between pieces of any size.
fn plans() -> impl Iterator<Item = Plan> {
    [1, 2, 3, 7, 63, 64, 65, usize::MAX].into_iter().flat_map(|size| {
        let cut = Step::Move(size);
        let pauses: [&[Step]; 3] = [
            &[PENDING, cut],
            &[cut, cut, PENDING],
            &[PENDING, PENDING, cut, Step::Fail(ErrorKind::Interrupted)],
        ];
        pauses.map(Plan::cycle)
    })
}

/// Runs a test over streams and transports with the first few points, and over one stream with all of them.
fn over(
    streams: impl Iterator<Item = Stream>,
    lens: &[usize],
    mut test: impl FnMut(&Stream, &Plan, &mut Task),
) {
    for stream in streams {
        for plan in plans() {
            drop_early(|task| test(&stream, &plan, task));
        }
    }
    for size in [1, 9] {
        let (stream, plan) = (u32_be(lens), Plan::cycle([PENDING, Step::Move(size)]));
        drop_everywhere(|task| test(&stream, &plan, task));
    }
}

mod reading {
    use super::*;

    #[test]
    fn no_byte_is_lost_to_a_dropped_read_frame() {
        over(small_streams(), &[5, 0, 60, 17], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            for wanted in &stream.frames {
                let frame = again(|| task.poll(async { reader.read_frame().await.map(|f| f.map(own)) }));
                assert_eq!(frame.expect("a good stream").as_ref(), Some(wanted), "{:?}", task.drops);
            }
            let end = again(|| task.poll(async { reader.read_frame().await.map(|f| f.is_none()) }));
            assert!(end.expect("a clean end"));
            assert!(reader.get_ref().is_at_end());
        });
    }

    /// Attempts wait for nothing where the transport keeps its word, so nothing of them can be dropped.
    #[test]
    fn an_attempt_never_waits() {
        let stream = u32_be(&[5, 0, 60]);
        for plan in plans() {
            let mut reader = fake_reader(&stream, plan.clone());
            let mut frames = Vec::new();
            loop {
                let attempt = poll_at_most(1, reader.try_read_frame()).expect("an answer at once");
                match attempt {
                    Poll::Ready(Ok(Some(frame))) => frames.push(own(frame)),
                    Poll::Ready(Ok(None)) => break,
                    Poll::Ready(Err(error)) => panic!("{error}"),
                    Poll::Pending => {}
                }
            }
            assert_eq!(frames, stream.frames);
            let mut writer = fake_writer(&stream, plan);
            writer.encoder_mut().push(&stream.frames[0].1).expect("room");
            while poll_at_most(1, writer.try_drain()).expect("an answer at once").is_pending() {}
            assert_sent(&writer, &stream.wire[..9], "in attempts");
        }
    }

    #[test]
    fn no_byte_is_lost_to_a_dropped_read_event() {
        over(streams().into_iter(), &[3, 100, 1], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            let mut frames = Vec::new();
            // What an event lends does not outlive the future's call.
            while again(|| {
                task.poll(async {
                    take_event(&mut frames, reader.read_event().await.expect("a good stream"))
                })
            }) {}
            assert_eq!(frames, stream.frames, "{:?}", task.drops);
        });
    }

    /// All of each payload is read, or the first bytes only; the next frame is in step.
    #[test]
    fn no_byte_is_lost_to_a_dropped_read_of_a_payload() {
        for take in [0, 1, 70, usize::MAX] {
            over(streams().into_iter(), &[3, 100, 1], |stream, plan, task| {
                let mut reader = fake_reader(stream, plan.clone());
                for (header, wanted) in &stream.frames {
                    let incoming = loop {
                        if let Some(incoming) = task.poll(reader.read()) {
                            break incoming.expect("a good stream").expect("a frame");
                        }
                    };
                    match incoming {
                        Incoming::Frame(frame) => assert_eq!(&own(frame), &(header.clone(), wanted.clone())),
                        Incoming::Large(mut payload) => {
                            assert_eq!(payload.header(), header);
                            let mut bytes = vec![0; take.min(wanted.len())];
                            let mut at = 0;
                            while at < bytes.len() {
                                let n = again(|| task.poll(payload.read(&mut bytes[at..])));
                                let n = n.expect("a good stream");
                                assert!(n > 0);
                                at += n;
                            }
                            assert_eq!(bytes, wanted[..at], "{:?}", task.drops);
                            assert_eq!(payload.left(), (wanted.len() - at) as u64);
                        }
                    }
                }
                let end = again(|| task.poll(async { reader.read().await.map(|end| end.is_none()) }));
                assert!(end.expect("a clean end"));
            });
        }
    }

    /// Behind a frame, and behind a payload of which some was not read.
    #[test]
    fn no_byte_is_lost_to_a_dropped_read_of_raw_bytes() {
        let unframed: Vec<u8> = (0..80).collect();
        for (lens, after) in [(&[3, 20][..], 9), (&[100], 0)] {
            for size in [1, 7, usize::MAX] {
                drop_everywhere(|task| {
                    let (before, after) = (u32_be(lens), u32_be(&[after]));
                    let wire = [&before.wire[..], &unframed, &after.wire].concat();
                    let mut reader = fake_reader_of(&before, &wire, Plan::cycle([PENDING, Step::Move(size)]));
                    for _ in lens {
                        let found =
                            again(|| task.poll(async { reader.read().await.map(|frame| frame.is_some()) }));
                        assert!(found.expect("a good stream"));
                    }
                    let (mut bytes, mut at) = ([0; 80], 0);
                    while at < bytes.len() {
                        let n = again(|| task.poll(async { reader.raw().read(&mut bytes[at..]).await }));
                        let n = n.expect("a good stream");
                        assert!(n > 0);
                        at += n;
                    }
                    assert_eq!(bytes, unframed[..], "{:?}", task.drops);
                    let next = again(|| task.poll(async { reader.read_frame().await.map(|f| f.map(own)) }));
                    assert_eq!(next.expect("a good frame").as_ref(), Some(&after.frames[0]));
                });
            }
        }
    }
}

mod writing {
    use super::*;

    /// The transport's `flush` waits, too.
    fn waiting_writer(stream: &Stream, plan: &Plan) -> FakeWriter {
        let mut writer = fake_writer(stream, plan.clone());
        let [wait, once_more] = [ErrorKind::WouldBlock, ErrorKind::Interrupted];
        writer.get_mut().flush_fails = vec![wait, wait, once_more, wait];
        writer
    }

    /// Queues a frame although calls are dropped.
    fn push(writer: &mut FakeWriter, fields: &[u8], payload: &[u8], task: &mut Task) {
        let frames = writer.encoder().stats().frames;
        loop {
            match task.poll(writer.push(fields, payload)) {
                Some(result) => return result.expect("a good transport"),
                None if writer.encoder().left() > 0 => return write_rest(writer, payload, task),
                // Of a large frame the last bytes may be on their way.
                None if writer.encoder().stats().frames > frames => {
                    assert!(payload.len() > 60, "dropped, it has not queued a frame that fits");
                    return;
                }
                None => {}
            }
        }
    }

    /// Half-way through a large frame: the writer refuses all others, and then gets what is missing.
    fn write_rest(writer: &mut FakeWriter, payload: &[u8], task: &mut Task) {
        let left = writer.encoder().left();
        let refusal = EncodeError::MidPayload { left };
        let is_refused = |error| matches!(error, WriteError::Encode(error) if error == refusal);
        let pending = writer.encoder().pending().0.len();
        assert!(is_refused(wait!(writer.push(&[], b"another")).expect_err("it is poisoned")));
        assert!(is_refused(wait!(writer.send(b"another")).expect_err("it is poisoned")));
        assert!(is_refused(wait!(writer.payload(&[], 7)).map(|_| ()).expect_err("it is poisoned")));
        assert_eq!(writer.encoder().pending().0.len(), pending, "nothing is queued");
        let mut rest = &payload[payload.len() - left as usize..];
        let mut payload = writer.resume();
        while !rest.is_empty() {
            match task.poll(payload.write(rest)) {
                Some(n) => {
                    let n = n.expect("a good transport");
                    assert!(n > 0);
                    rest = &rest[n..];
                }
                None => assert_eq!(payload.left(), rest.len() as u64, "dropped, it has taken nothing"),
            }
        }
    }

    fn flush(writer: &mut FakeWriter, task: &mut Task) {
        again(|| task.poll(writer.flush())).expect("a good transport");
    }

    #[track_caller]
    fn assert_all_sent(writer: &FakeWriter, stream: &Stream, task: &Task) {
        assert_sent(writer, &stream.wire, &format!("{}, {:?}", stream.name, task.drops));
        assert_eq!(writer.encoder().left(), 0);
        assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len(), "{}", stream.name);
    }

    /// Through the store, and past it.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_push_or_flush() {
        for lens in [&[5, 0, 60, 17][..], &[3, 100, 1], &[200]] {
            over(streams().into_iter(), lens, |stream, plan, task| {
                let mut writer = waiting_writer(stream, plan);
                for (_, payload) in &stream.frames {
                    push(&mut writer, stream.fields, payload, task);
                }
                flush(&mut writer, task);
                assert_all_sent(&writer, stream, task);
                assert!(writer.get_ref().flushed > 0);
            });
        }
    }

    /// Dropped, `send` has queued its frame whole or not at all, which the count of frames tells; or, of a
    /// large one, the encoder says how much is missing.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_send() {
        for lens in [&[5, 0, 60, 17][..], &[3, 100, 1], &[200]] {
            let streams = streams().into_iter().filter(|stream| stream.fields.is_empty());
            over(streams, lens, |stream, plan, task| {
                let mut writer = waiting_writer(stream, plan);
                for (n, (_, payload)) in stream.frames.iter().enumerate() {
                    while writer.encoder().stats().frames as usize == n {
                        match task.poll(writer.send(payload)) {
                            Some(result) => result.expect("a good transport"),
                            None if writer.encoder().left() > 0 => write_rest(&mut writer, payload, task),
                            None => {}
                        }
                    }
                }
                flush(&mut writer, task);
                assert_all_sent(&writer, stream, task);
            });
        }
    }

    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_write_of_a_payload() {
        over(streams().into_iter(), &[3, 100, 1], |stream, plan, task| {
            let mut writer = fake_writer(stream, plan.clone());
            for (_, bytes) in &stream.frames {
                let len = bytes.len() as u64;
                // Behind frames that wait in the store.
                while task.poll(async { writer.payload(stream.fields, len).await.map(|_| ()) }).is_none() {
                    assert_eq!(writer.encoder().left(), 0, "dropped, it has begun nothing");
                }
                let mut payload = writer.resume();
                for (n, mut piece) in bytes.chunks(50).enumerate() {
                    // Now and then it is flushed.
                    if n % 2 == 1 {
                        again(|| task.poll(payload.flush())).expect("a good transport");
                    }
                    while !piece.is_empty() {
                        let n = again(|| task.poll(payload.write(piece))).expect("a good transport");
                        assert!(n > 0);
                        piece = &piece[n..];
                    }
                }
                // All of it is queued: some are sent with the next.
                if len % 2 == 0 && task.poll(payload.finish()).is_none() {
                    assert_eq!(writer.encoder().left(), 0, "`flush` goes on");
                }
            }
            flush(&mut writer, task);
            assert_all_sent(&writer, stream, task);
        });
    }

    #[cfg(feature = "postcard")]
    #[test]
    fn a_dropped_message_is_not_queued() {
        let messages = ["a".repeat(40), "b".repeat(40), String::new()];
        drop_everywhere(|task| {
            let stream = u32_be(&[]);
            let mut writer = fake_writer(&stream, Plan::cycle([PENDING, Step::Move(9)]));
            for (n, message) in messages.iter().enumerate() {
                while task.poll(writer.push_message(message)).is_none() {
                    assert_eq!(writer.encoder().stats().frames as usize, n);
                }
            }
            flush(&mut writer, task);
            let mut reader = fake_reader_of(&stream, &writer.get_ref().out, Plan::cycle([Step::Move(7)]));
            for message in &messages {
                let frame = wait!(reader.read_frame()).expect("a good stream").expect("a frame");
                assert_eq!(frame.message::<&str>().expect("a message"), message);
            }
        });
    }
}

/// A reader and a writer in one task each: where one waits, the other goes on.
#[test]
fn halves_work_side_by_side() {
    use ringframe::{Decoder, Encoder, Format, formats};
    let stream = u32_be(&[5, 100, 0]);
    let plan = Plan::cycle([PENDING, Step::Move(3)]);
    let decoder = Decoder::new(formats::U32_BE.with_limit(LIMIT), [0; 128]);
    let encoder = Encoder::new(formats::U32_BE.with_limit(LIMIT), [0; 32]);
    let link = Framed::new(Fake::new(&stream.wire, plan.clone()), decoder, encoder);
    let (mut reader, mut writer) = link.split(|fake| (fake, Fake::sink(plan)));
    let mut read = Vec::new();
    {
        let mut reads = std::pin::pin!(async {
            while let Some(frame) = reader.read_frame().await.expect("a good stream") {
                read.push(own(frame));
            }
        });
        let mut writes = std::pin::pin!(async {
            for (_, payload) in &stream.frames {
                writer.send(payload).await.expect("a good transport");
            }
        });
        let (mut has_read, mut has_written) = (false, false);
        while !(has_read && has_written) {
            has_read = has_read || poll_at_most(1, reads.as_mut()).is_some();
            has_written = has_written || poll_at_most(1, writes.as_mut()).is_some();
        }
    }
    assert_eq!(read, stream.frames);
    assert_eq!(writer.get_ref().out, stream.wire);
}
