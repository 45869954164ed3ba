//! Calls of tasks: futures that are dropped at every point where they wait, and transports that are interrupted for
//! ever, over which other tasks go on running.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use ringframe::{EncodeError, Format};
use ringframe_io::WriteError;

use crate::adapter::Incoming;
use crate::suite::fake::{Fake, Plan, Step};
use crate::suite::streams::{Stream, summed, u32_be};
use crate::suite::{
    FakeReader, FakeWriter, assert_sent, fake_link, fake_reader, fake_reader_of, fake_writer, next_large,
    own, take_event,
};
use crate::support::task::poll_at_most;
use crate::traits::{Read as _, Write as _};

/// What the fake transport takes for "not now".
const PENDING: Step = Step::Fail(ErrorKind::WouldBlock);
const INTERRUPTED: Step = Step::Fail(ErrorKind::Interrupted);

/// More calls, and more polls, than any test needs.
const ENOUGH: usize = 1 << 14;

/// Which futures are dropped, by polls that wait.
#[derive(Clone, Copy, Debug)]
enum Drops {
    /// The one that waits at every such poll, counted over a whole test.
    Each(usize),
    /// The one that waits at that poll of a whole test.
    Once(usize),
    /// Each at its poll of that number.
    AfterPolls(usize),
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
        let mut future = pin!(future);
        self.calls += 1;
        assert!(self.calls < ENOUGH, "calls that come to no end");
        for polls in 1..ENOUGH {
            if let Some(output) = poll_at_most(1, future.as_mut()) {
                return Some(output);
            }
            self.polls += 1;
            let drops = match self.drops {
                Drops::Each(n) => self.polls % n == 0,
                Drops::Once(n) => self.polls == n,
                Drops::AfterPolls(n) => polls == n,
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
/// and so on, until none is dropped.
fn drop_everywhere(mut test: impl FnMut(&mut Task)) {
    for drops in [Drops::Each as fn(usize) -> Drops, Drops::Once, Drops::AfterPolls] {
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
        test(&mut Task::new(Drops::AfterPolls(n)));
    }
}

/// Calls until a call is not dropped.
fn again<T>(mut call: impl FnMut() -> Option<T>) -> T {
    (0..ENOUGH).find_map(|_| call()).expect("a call that ends")
}

/// Transports that let their user wait before, after and between pieces of any size.
fn plans() -> impl Iterator<Item = Plan> {
    let cuts = [1, 2, 3, 7, 63, 64, 65, usize::MAX].into_iter().flat_map(|size| {
        let cut = Step::Move(size);
        let pauses: [&[Step]; 4] =
            [&[cut], &[PENDING, cut], &[cut, cut, PENDING], &[PENDING, PENDING, cut, INTERRUPTED]];
        pauses.map(Plan::cycle)
    });
    let uneven = [1, 5, 64, 2, 30].map(|size| [Step::Move(size), PENDING]).concat();
    cuts.chain([Plan::cycle(uneven)])
}

/// Runs a test over streams and transports with the first few points, and over one stream with all of them.
macro_rules! over {
    ($which:ident, $lens:expr, |$stream:ident, $plan:ident, $task:ident| $body:block) => {
        each_stream!($which, |stream| {
            for plan in plans() {
                drop_early(|$task| {
                    let ($stream, $plan) = (stream, &plan);
                    $body
                });
            }
        });
        for size in [1, 9] {
            let plan = Plan::cycle([PENDING, Step::Move(size)]);
            drop_everywhere(|$task| {
                let ($stream, $plan) = (&u32_be($lens), &plan);
                $body
            });
            drop_everywhere(|$task| {
                let ($stream, $plan) = (&summed($lens), &plan);
                $body
            });
        }
    };
}

mod reading {
    use super::*;

    #[test]
    fn no_byte_is_lost_to_a_dropped_next_frame() {
        over!(small, &[5, 0, 60, 17], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            for wanted in &stream.frames {
                let frame = again(|| task.poll(async { reader.next_frame().await.map(|f| f.map(own)) }));
                assert_eq!(frame.expect("a good stream").as_ref(), Some(wanted), "{:?}", task.drops);
            }
            let end = again(|| task.poll(async { reader.next_frame().await.map(|f| f.is_none()) }));
            assert!(end.expect("a clean end"));
            assert!(reader.get_ref().is_at_end());
        });
    }

    #[test]
    fn no_byte_is_lost_to_a_dropped_peek_frame() {
        over!(small, &[5, 0, 60, 17], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            for wanted in &stream.frames {
                let peeked = again(|| task.poll(async { reader.peek_frame().await.map(|f| f.map(own)) }));
                assert_eq!(peeked.expect("a good stream").as_ref(), Some(wanted), "{:?}", task.drops);
                let frame = task.poll(async { reader.next_frame().await.map(|f| f.map(own)) });
                assert_eq!(frame.expect("no wait").expect("a frame").as_ref(), Some(wanted));
            }
        });
    }

    #[test]
    fn no_byte_is_lost_to_a_dropped_next_event() {
        over!(all, &[3, 100, 1], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            let mut frames = Vec::new();
            // What an event lends does not outlive the future's call.
            while again(|| {
                task.poll(async {
                    take_event(&mut frames, reader.next_event().await.expect("a good stream"))
                })
            }) {}
            assert_eq!(frames, stream.frames, "{:?}", task.drops);
            assert_eq!(reader.decoder().stats().frames as usize, stream.frames.len());
        });
    }

    /// As one does who is busy: for some time, whatever comes of it.
    #[test]
    fn no_byte_is_lost_to_a_dropped_read_ahead() {
        over!(small, &[5, 0, 60, 17], |stream, plan, task| {
            let mut reader = fake_reader(stream, plan.clone());
            for wanted in &stream.frames {
                match task.poll(reader.read_ahead()) {
                    Some(Ok(true)) => assert!(reader.get_ref().is_at_end()),
                    Some(Ok(false)) | None => {}
                    Some(Err(error)) => panic!("{error}"),
                }
                let frame = again(|| task.poll(async { reader.next_frame().await.map(|f| f.map(own)) }));
                assert_eq!(frame.expect("a good stream").as_ref(), Some(wanted), "{:?}", task.drops);
            }
            while !again(|| task.poll(reader.read_ahead())).expect("a good transport") {}
            assert!(wait!(reader.next_frame()).expect("the end").is_none());
        });
    }

    /// All of each payload is read, or the first bytes only; the next frame is in step. At each drop the caller goes
    /// back to where it came from, or not.
    #[test]
    fn no_byte_is_lost_to_a_dropped_read_of_a_payload() {
        for (take, resumes) in [(0, false), (1, true), (70, false), (usize::MAX, false), (usize::MAX, true)] {
            over!(all, &[3, 100, 1], |stream, plan, task| {
                let mut reader = fake_reader(stream, plan.clone());
                for frame in &stream.frames {
                    read_frame_or_payload(&mut reader, frame, take, resumes, task);
                }
                let end =
                    again(|| task.poll(async { reader.next_incoming().await.map(|end| end.is_none()) }));
                assert!(end.expect("a clean end"));
            });
        }
    }

    fn read_frame_or_payload<F: Format>(
        reader: &mut FakeReader<F>,
        (header, wanted): &(Vec<u8>, Vec<u8>),
        take: usize,
        resumes: bool,
        task: &mut Task,
    ) {
        let mut payload = loop {
            match task.poll(reader.next_incoming()) {
                None => {}
                Some(incoming) => match incoming.expect("a good stream").expect("a frame") {
                    Incoming::Frame(frame) => {
                        assert_eq!(own(frame), (header.clone(), wanted.clone()));
                        return;
                    }
                    Incoming::Large(payload) => break payload,
                },
            }
        };
        assert_eq!(payload.header(), header);
        let mut bytes = vec![0; take.min(wanted.len())];
        let mut at = 0;
        if resumes {
            while at < bytes.len() {
                let mut payload = reader.resume().expect("it is under way");
                at += task.poll(payload.read(&mut bytes[at..])).map_or(0, |n| n.expect("a good stream"));
            }
        } else {
            while at < bytes.len() {
                let n = again(|| task.poll(payload.read(&mut bytes[at..]))).expect("a good stream");
                assert!(n > 0);
                at += n;
            }
            assert_eq!(payload.left(), (wanted.len() - at) as u64);
        }
        assert_eq!(bytes, wanted[..at], "{:?}", task.drops);
    }

    /// After a frame, and after a payload of which some was not read.
    #[test]
    fn no_byte_is_lost_to_a_dropped_read_of_unframed_bytes() {
        for (lens, after) in [(&[3, 20][..], 9), (&[100], 0)] {
            for size in [1, 7, usize::MAX] {
                drop_everywhere(|task| {
                    read_between(&u32_be(lens), &u32_be(&[after]), size, task);
                });
                drop_everywhere(|task| {
                    read_between(&summed(lens), &summed(&[after]), size, task);
                });
            }
        }
    }

    fn read_between<F: Format + Copy>(before: &Stream<F>, after: &Stream<F>, size: usize, task: &mut Task) {
        let unframed: Vec<u8> = (0..80).collect();
        let wire = [&before.wire[..], &unframed, &after.wire].concat();
        let mut reader = fake_reader_of(before, &wire, Plan::cycle([PENDING, Step::Move(size)]));
        for _ in &before.frames {
            let found =
                again(|| task.poll(async { reader.next_incoming().await.map(|frame| frame.is_some()) }));
            assert!(found.expect("a good stream"));
        }
        let (mut bytes, mut at) = ([0; 80], 0);
        while at < bytes.len() {
            let n = again(|| task.poll(async { reader.unframed().read(&mut bytes[at..]).await }));
            let n = n.expect("a good stream");
            assert!(n > 0);
            at += n;
        }
        assert_eq!(bytes, unframed[..], "{:?}", task.drops);
        let next = again(|| task.poll(async { reader.next_frame().await.map(|f| f.map(own)) }));
        assert_eq!(next.expect("a good frame").as_ref(), Some(&after.frames[0]));
    }

    #[test]
    fn what_is_discarded_of_a_payload_is_skipped_exactly() {
        let stream = u32_be(&[150, 3, 61, 0]);
        for plan in plans() {
            for discards in [true, false] {
                drop_early(|task| {
                    let mut reader = fake_reader(&stream, plan.clone());
                    again(|| task.poll(async { reader.next_event().await.map(|event| event.is_some()) }))
                        .expect("a good stream");
                    // Asking for a frame discards, too.
                    if discards {
                        assert_eq!(reader.discard(), 150);
                    }
                    let next = again(|| task.poll(async { reader.next_frame().await.map(|f| f.map(own)) }));
                    assert_eq!(next.expect("a good frame").as_ref(), Some(&stream.frames[1]));
                });
            }
        }
    }
}

mod writing {
    use super::*;

    /// The transport's `flush` waits, too.
    fn waiting_writer<F: Format + Copy>(stream: &Stream<F>, plan: &Plan) -> FakeWriter<F> {
        let mut writer = fake_writer(stream, plan.clone());
        writer.get_mut().flushes = Plan::once([PENDING, INTERRUPTED, PENDING, PENDING]);
        writer
    }

    /// Queues a frame although calls are dropped.
    fn push<F: Format>(writer: &mut FakeWriter<F>, fields: &[u8], payload: &[u8], task: &mut Task) {
        let frames = writer.encoder().stats().frames;
        loop {
            match task.poll(writer.push_with(fields, &[payload])) {
                Some(result) => return result.expect("a good transport"),
                None if writer.encoder().left() > 0 => return write_rest(writer, payload, task),
                // Of a large frame the last bytes may be on their way.
                None if writer.encoder().stats().frames > frames => {
                    assert!(payload.len() + 2 > 60, "dropped, it has not queued a frame that fits");
                    return;
                }
                None => {}
            }
        }
    }

    /// Half-way through a large frame: the writer refuses all others, and then gets what is missing.
    fn write_rest<F: Format>(writer: &mut FakeWriter<F>, payload: &[u8], task: &mut Task) {
        let left = writer.encoder().left();
        let refusal = EncodeError::MidPayload { left };
        let is_refused = |error| matches!(error, WriteError::Encode(error) if error == refusal);
        let pending = writer.encoder().pending().0.len();
        assert!(is_refused(wait!(writer.push(b"another")).expect_err("it is poisoned")));
        assert!(is_refused(wait!(writer.send(b"another")).expect_err("it is poisoned")));
        assert!(is_refused(wait!(writer.write_unframed(b"another")).expect_err("it is poisoned")));
        assert!(is_refused(wait!(writer.announce(&[], 7)).map(|_| ()).expect_err("it is poisoned")));
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

    fn flush<F: Format>(writer: &mut FakeWriter<F>, task: &mut Task) {
        again(|| task.poll(writer.flush())).expect("a good transport");
    }

    #[track_caller]
    fn assert_all_sent<F: Format>(writer: &FakeWriter<F>, stream: &Stream<F>, task: &Task) {
        assert_sent(writer, &stream.wire, &format!("{}, {:?}", stream.name, task.drops));
        assert_eq!(writer.encoder().stats().frames as usize, stream.frames.len(), "{}", stream.name);
    }

    /// Through the store, and past it.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_push_or_flush() {
        for lens in [&[5, 0, 60, 17][..], &[3, 100, 1], &[200]] {
            for &vectored in crate::DIFFERS.vectored {
                over!(all, lens, |stream, plan, task| {
                    let mut writer = waiting_writer(stream, plan);
                    writer.get_mut().vectored = vectored;
                    for (_, payload) in &stream.frames {
                        push(&mut writer, stream.fields, payload, task);
                    }
                    flush(&mut writer, task);
                    assert_all_sent(&writer, stream, task);
                    assert!(writer.get_ref().flushed > 0);
                });
            }
        }
    }

    /// Dropped, `send` has queued its frame whole or not at all, which the count of frames tells; or, of a
    /// large one, the encoder says how much is missing.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_send() {
        for lens in [&[5, 0, 60, 17][..], &[3, 100, 1], &[200]] {
            over!(all, lens, |stream, plan, task| {
                if !stream.fields.is_empty() {
                    return;
                }
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
        over!(all, &[3, 100, 1], |stream, plan, task| {
            let mut writer = waiting_writer(stream, plan);
            for (_, bytes) in &stream.frames {
                let len = bytes.len() as u64;
                // After frames that wait in the store.
                while task.poll(async { writer.announce(stream.fields, len).await.map(|_| ()) }).is_none() {
                    assert_eq!(writer.encoder().left(), 0, "dropped, it has begun nothing");
                }
                let mut payload = writer.resume();
                for (n, mut piece) in bytes.chunks(50).enumerate() {
                    // Now and then it is flushed.
                    if n % 2 == 1 {
                        again(|| task.poll(payload.flush())).expect("a good transport");
                    }
                    while !piece.is_empty() {
                        // By the trait of the ecosystem, or with errors of our own: the same.
                        let n = if n % 2 == 0 {
                            again(|| task.poll(payload.write(piece))).expect("a good transport")
                        } else {
                            again(|| task.poll(payload.feed(piece))).expect("a good transport")
                        };
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

    /// Dropped, it has sent none of them.
    #[test]
    fn no_byte_is_lost_or_doubled_by_a_dropped_write_of_unframed_bytes() {
        let stream = u32_be(&[5, 20]);
        let unframed: Vec<u8> = (0..200).collect();
        let wire = [&stream.wire[..9], &unframed, &stream.wire[9..], b"raw"].concat();
        for plan in plans() {
            for &vectored in crate::DIFFERS.vectored {
                drop_early(|task| {
                    let mut writer = fake_writer(&stream, plan.clone());
                    writer.get_mut().vectored = vectored;
                    for ((_, payload), mut bytes) in stream.frames.iter().zip([&unframed[..], b"raw"]) {
                        push(&mut writer, &[], payload, task);
                        while !bytes.is_empty() {
                            let n =
                                again(|| task.poll(writer.write_unframed(bytes))).expect("a good transport");
                            assert!(n > 0);
                            bytes = &bytes[n..];
                        }
                    }
                    assert_sent(&writer, &wire, &format!("{plan:?}, {:?}", task.drops));
                });
            }
        }
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
                let frame = wait!(reader.next_frame()).expect("a good stream").expect("a frame");
                assert_eq!(frame.message::<&str>().expect("a message"), message);
            }
        });
    }
}

/// Both directions in one task: where one waits, the other goes on.
#[test]
fn halves_work_side_by_side() {
    let stream = u32_be(&[5, 100, 0]);
    let plan = Plan::cycle([PENDING, Step::Move(3)]);
    let (mut reader, mut writer) = crate::split(fake_link(&stream, plan.clone()));
    writer.get_mut().plan = plan;
    let mut read = Vec::new();
    {
        let mut reads =
            pin!(async { while take_event(&mut read, reader.next_event().await.expect("a good stream")) {} });
        let mut writes = pin!(async {
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

/// A transport that is interrupted for ever: each poll ends, so that other tasks run, and asks for another, so that
/// the call goes on when the transport does.
mod interrupted_for_ever {
    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls a call, and checks that it lets others run.
    #[track_caller]
    fn assert_yields<T>(call: impl Future<Output = T>) {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let (mut call, mut context) = (pin!(call), Context::from_waker(&waker));
        for polls in 1..=1000 {
            assert!(call.as_mut().poll(&mut context).is_pending(), "it never ends");
            assert_eq!(wakes.0.load(Ordering::Relaxed), polls, "it asks for another poll");
        }
    }

    /// A reader of a large frame whose transport is interrupted after so many bytes, for ever.
    fn reader(bytes: usize) -> FakeReader {
        fake_reader(&u32_be(&[150]), Plan::new([Step::Move(bytes)], [INTERRUPTED]))
    }

    fn writer() -> FakeWriter {
        let mut writer = fake_writer(&u32_be(&[]), Plan::cycle([INTERRUPTED]));
        writer.encoder_mut().push(&[7; 58]).expect("room");
        writer
    }

    #[test]
    fn reading_lets_other_tasks_run() {
        let mut interrupted = reader(2);
        assert_yields(interrupted.next_frame());
        assert_yields(interrupted.peek_frame());
        assert_yields(interrupted.next_event());
        assert_yields(interrupted.next_incoming());
        let mut link = fake_link(&u32_be(&[9]), Plan::cycle([INTERRUPTED]));
        assert_yields(link.next_request());
    }

    #[test]
    fn reading_a_payload_lets_other_tasks_run() {
        for room in [10, 200] {
            let mut interrupted = reader(4);
            let mut payload = next_large(&mut interrupted);
            assert_yields(payload.read(&mut vec![0; room]));
            // Also while it is skipped.
            assert_yields(async { interrupted.unframed().read(&mut [0; 10]).await });
            assert_yields(interrupted.next_frame());
            let mut interrupted = reader(4);
            interrupted.get_mut().plan = Plan::cycle([INTERRUPTED]);
            assert_yields(async { interrupted.unframed().read(&mut vec![0; room]).await });
        }
    }

    #[test]
    fn writing_lets_other_tasks_run() {
        let mut interrupted = writer();
        assert_yields(interrupted.flush());
        assert_yields(interrupted.send(&[7; 50]));
        assert_yields(interrupted.push(&[7; 150]));
        assert_yields(interrupted.push_with(&[], &[&[7; 50], &[7; 50]]));
        assert_yields(interrupted.announce(&[], 60));
        assert_yields(interrupted.write_unframed(b"raw"));
        #[cfg(feature = "postcard")]
        assert_yields(interrupted.push_message("a message of some length"));
        assert_eq!((interrupted.encoder().stats().frames, interrupted.encoder().left()), (1, 0));
    }

    #[test]
    fn writing_a_payload_lets_other_tasks_run() {
        let mut interrupted = fake_writer(&u32_be(&[]), Plan::cycle([INTERRUPTED]));
        let mut payload = wait!(interrupted.announce(&[], 150)).expect("room");
        assert_yields(payload.flush());
        assert_eq!(wait!(payload.write(&[7; 60])).expect("room"), 60);
        assert_yields(payload.write(&[7; 90]));
        assert_eq!(payload.left(), 90);
        assert_yields(interrupted.flush());
    }

    #[test]
    fn flushing_lets_other_tasks_run() {
        let mut interrupted = Fake::sink(Plan::cycle([INTERRUPTED]));
        interrupted.flushes = Plan::cycle([INTERRUPTED]);
        let mut interrupted =
            crate::adapter::Writer::new(interrupted, crate::suite::encoder(u32_be(&[]).format));
        assert_yields(interrupted.flush());
        let payload = interrupted.resume();
        assert_yields(payload.finish());
    }
}
