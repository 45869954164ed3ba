//! Patience of tasks: by tokio's clock, which passes only while all tasks wait. Calls are dropped meanwhile, by a
//! time-out or a `select!`, and transports buffer.

use std::future::pending;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use ringframe::formats::{self, U32Be};
use ringframe::{EncodeError, Event, Format, Limited};
use ringframe_io::tokio::{Incoming, Progress, Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, ReadBuf, duplex,
};
use tokio::time::{Instant, sleep, timeout};

use crate::suite::streams::{STORE, u32_be};
use crate::support::task::poll_at_most;

const SECOND: Duration = Duration::from_secs(1);

/// Longer than any test takes, by its clock.
const HOUR: Duration = Duration::from_secs(3600);

#[track_caller]
fn assert_passed(since: Instant, wanted: Duration) {
    let passed = since.elapsed();
    // The timer counts milliseconds.
    assert!(passed >= wanted && passed < wanted + SECOND / 10, "{passed:?} instead of {wanted:?}");
}

mod reading {
    use super::*;

    type PipeReader = Reader<DuplexStream, Limited<U32Be>, Box<[u8]>>;

    fn reader(patience: Patience) -> (PipeReader, DuplexStream) {
        let (near, far) = duplex(1 << 20);
        let format = formats::U32_BE.with_limit(1 << 20);
        let mut reader = Reader::with_capacity(near, format, 1024).expect("a store");
        reader.set_patience(patience);
        (reader, far)
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_peer_is_idle_each_time_anew() {
        let (mut reader, mut far) = reader(Patience::ENDLESS.with_idle(300 * SECOND));
        for _ in 0..3 {
            let begin = Instant::now();
            let error = reader.next_frame().await.map(|frame| frame.is_some()).expect_err("nothing comes");
            assert!(matches!(error, ReadError::Idle { allowed } if allowed == 300 * SECOND), "{error}");
            assert_passed(begin, 300 * SECOND);
            far.write_all(b"\0\0\0\x02ok").await.expect("a pipe");
            assert!(reader.next_frame().await.expect("a good frame").is_some());
        }
    }

    /// CVE-2007-6750: neither a byte now and then nor dropped calls lengthen a frame's time.
    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_too_slow_however_often_a_call_is_dropped() {
        let patience = Patience::ENDLESS.with_idle(SECOND / 10).with_frame(10 * SECOND);
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
            let reading = async {
                loop {
                    let call = async { reader.next_frame().await.map(|frame| frame.is_some()) };
                    match timeout(dropped_after.unwrap_or(HOUR), call).await {
                        Ok(result) => break result.expect_err("too slow a frame"),
                        Err(_) => continue,
                    }
                }
            };
            let error = timeout(HOUR, reading).await.expect("an end");
            let ReadError::TooSlow { allowed, missing } = error else { panic!("{error}") };
            assert_eq!(allowed, 10 * SECOND);
            // 20 or 21 bytes came.
            assert!((260 - 21..=260 - 20).contains(&missing), "{missing}");
            assert_passed(begin, 10 * SECOND);
            let again = reader.next_frame().await.map(|frame| frame.is_some()).expect_err("it is repeated");
            assert!(matches!(again, ReadError::TooSlow { .. }), "{again}");
            sender.abort();
        }
    }

    /// A peer that is silent, and a caller that has other things to do: its calls are dropped again and again.
    #[tokio::test(start_paused = true)]
    async fn dropped_calls_do_not_lengthen_the_idle_time() {
        let (mut reader, _far) = reader(Patience::ENDLESS.with_idle(10 * SECOND));
        let begin = Instant::now();
        let error = loop {
            match timeout(3 * SECOND, async { reader.next_frame().await.map(|frame| frame.is_some()) }).await
            {
                Ok(result) => break result.expect_err("nothing comes"),
                Err(_) => continue,
            }
        };
        assert!(matches!(error, ReadError::Idle { .. }), "{error}");
        assert_passed(begin, 10 * SECOND);
    }

    /// The same of a large payload that drips: as it is read, and as it is skipped before unframed bytes.
    #[tokio::test(start_paused = true)]
    async fn dropped_reads_of_a_payload_do_not_lengthen_its_time() {
        for is_skipped in [false, true] {
            let (mut reader, mut far) = reader(Patience::ENDLESS.with_frame(10 * SECOND));
            let sender = tokio::spawn(async move {
                far.write_all(&[0, 0, 0x40, 0]).await.expect("a pipe");
                loop {
                    far.write_all(&[7]).await.expect("a pipe");
                    sleep(SECOND / 2).await;
                }
            });
            assert!(matches!(reader.next_incoming().await, Ok(Some(Incoming::Large(_)))));
            let begin = Instant::now();
            let reading = async {
                loop {
                    let mut buf = [0; 16];
                    let read = async {
                        if is_skipped {
                            reader.unframed().read(&mut buf).await
                        } else {
                            reader.resume().expect("it is under way").read(&mut buf).await
                        }
                    };
                    match timeout(SECOND / 3, read).await {
                        Ok(Ok(_)) | Err(_) => {}
                        Ok(Err(error)) => break error,
                    }
                }
            };
            let error = timeout(HOUR, reading).await.expect("an end");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
            assert!(matches!(crate::read_error(error), ReadError::TooSlow { .. }));
            assert_passed(begin, 10 * SECOND);
            sender.abort();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_declared_length_adds_to_the_time() {
        let patience = Patience::ENDLESS.with_frame(10 * SECOND).with_bytes_per_second(100);
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
                            .next_event()
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
        let patience = Patience::ENDLESS.with_idle(SECOND).with_frame(SECOND);
        let (mut reader, mut far) = reader(patience);
        far.write_all(b"\0\0\x08\0").await.expect("a pipe");
        let event = reader.next_event().await.expect("a good frame");
        assert!(matches!(event, Some(Event::Begin { payload: 2048, .. })));
        for _ in 0..2 {
            sleep(100 * SECOND).await;
            far.write_all(&[7; 1024]).await.expect("a pipe");
            let event = reader.next_event().await.expect("a piece in time");
            assert!(matches!(event, Some(Event::Data(piece)) if piece.len() == 1024));
        }
        let event = reader.next_event().await.expect("the end in time");
        assert!(matches!(event, Some(Event::End)));
        sleep(100 * SECOND).await;
        let begin = Instant::now();
        let error = reader.next_frame().await.map(|frame| frame.is_some()).expect_err("nothing comes");
        assert!(matches!(error, ReadError::Idle { .. }), "{error}");
        assert_passed(begin, SECOND);
    }

    /// Also after a call that was dropped: what was missing came meanwhile.
    #[tokio::test(start_paused = true)]
    async fn the_clock_rests_after_a_call_that_was_dropped() {
        let (mut reader, mut far) = reader(Patience::ENDLESS.with_idle(SECOND).with_frame(SECOND));
        far.write_all(b"\0\0\0\x05he").await.expect("a pipe");
        timeout(SECOND / 2, reader.next_frame()).await.map(|_| ()).expect_err("not yet");
        far.write_all(b"llo").await.expect("a pipe");
        sleep(100 * SECOND).await;
        let frame = reader.next_frame().await.expect("it is there").expect("a frame");
        assert_eq!(frame.payload(), b"hello");
    }

    /// A read of a payload, or of unframed bytes, that was dropped: what was missing came meanwhile.
    #[tokio::test(start_paused = true)]
    async fn payload_bytes_that_came_in_time_are_taken_after_a_dropped_read() {
        let (mut reader, mut far) = reader(Patience::ENDLESS.with_frame(10 * SECOND));
        far.write_all(&[&[0, 0, 8, 0], &[7; 1000][..]].concat()).await.expect("a pipe");
        let Some(Incoming::Large(mut payload)) = reader.next_incoming().await.expect("a good stream") else {
            panic!("a large frame")
        };
        payload.read_exact(&mut [0; 1000]).await.expect("what arrived");
        assert!(poll_at_most(1, payload.read(&mut [0; 10])).is_none());
        far.write_all(&[7; 1048]).await.expect("a pipe");
        sleep(100 * SECOND).await;
        payload.read_exact(&mut [0; 1048]).await.expect("it came in time");
        assert_eq!(payload.left(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_of_unframed_bytes_rests_between_calls() {
        let (mut reader, mut far) = reader(Patience::ENDLESS.with_idle(10 * SECOND));
        assert!(poll_at_most(1, reader.unframed().read(&mut [0; 4])).is_none());
        far.write_all(b"\0\0\0\x02ok").await.expect("a pipe");
        sleep(100 * SECOND).await;
        let frame = reader.next_frame().await.expect("it is there").expect("a frame");
        assert_eq!(frame.payload(), b"ok");
    }

    /// With the frame, what was spent on waiting for it is forgotten.
    #[tokio::test(start_paused = true)]
    async fn a_reset_begins_the_idle_time_anew() {
        let (mut reader, _far) = reader(Patience::ENDLESS.with_idle(10 * SECOND));
        assert!(timeout(6 * SECOND, reader.next_frame()).await.is_err(), "not yet");
        reader.reset();
        let begin = Instant::now();
        assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
        assert_passed(begin, 10 * SECOND);
    }

    /// By the real clock: a thread is busy for longer than the peer is allowed.
    #[tokio::test]
    async fn a_frame_that_came_in_time_is_taken_by_a_task_that_runs_late() {
        let (mut reader, mut far) = reader(Patience::ENDLESS.with_idle(SECOND / 20));
        let mut reading = pin!(reader.next_frame());
        assert!(poll_at_most(1, reading.as_mut()).is_none());
        far.write_all(b"\0\0\0\x02ok").await.expect("a pipe");
        std::thread::sleep(SECOND / 10);
        assert_eq!(reading.await.expect("in time").expect("a frame").payload(), b"ok");
    }

    /// tokio says "pending" also when a task had its share of reads.
    #[tokio::test]
    async fn no_idle_time_takes_all_that_is_there() {
        let (near, mut far) = duplex(1 << 16);
        far.write_all(&b"\x05hello".repeat(500)).await.expect("a pipe");
        let mut reader = Reader::with_capacity(near, formats::U_8, 6).expect("a store");
        reader.set_patience(Patience::ENDLESS.with_idle(Duration::ZERO));
        for _ in 0..500 {
            assert!(reader.next_frame().await.expect("it is there").is_some());
        }
        assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
    }

    /// What a socket has reaches a task only after the runtime has looked.
    #[tokio::test]
    async fn no_idle_time_takes_what_a_socket_has() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut far = std::net::TcpStream::connect(address).expect("a connection");
        let (near, _) = listener.accept().await.expect("a connection");
        let mut reader = Reader::with_capacity(near, formats::U_8, 64).expect("a store");
        io::Write::write_all(&mut far, b"\x05hello").expect("a peer");
        assert!(reader.next_frame().await.expect("a good stream").is_some());
        reader.set_patience(Patience::ENDLESS.with_idle(Duration::ZERO));
        assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
        io::Write::write_all(&mut far, b"\x05world").expect("a peer");
        std::thread::sleep(SECOND / 20);
        assert_eq!(reader.next_frame().await.expect("it is there").expect("a frame").payload(), b"world");
    }

    /// A transport whose reads are interrupted, always.
    struct Interrupted;

    impl AsyncRead for Interrupted {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::Interrupted.into()))
        }
    }

    #[tokio::test]
    async fn interruptions_do_not_stop_the_clock() {
        let mut reader = Reader::with_capacity(Interrupted, formats::U_8, 64).expect("a store");
        reader.set_patience(Patience::ENDLESS.with_idle(SECOND / 50));
        assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
    }

    /// A half that goes to another task has the patience of its link.
    #[tokio::test(start_paused = true)]
    async fn the_reader_of_a_link_that_was_split_keeps_its_patience() {
        let (near, _far) = duplex(64);
        let mut link =
            ringframe_io::tokio::Framed::with_capacity(near, formats::U32_BE, 64).expect("a store");
        link.set_patience(Patience::ENDLESS.with_idle(5 * SECOND));
        let (mut reader, writer) = link.split(tokio::io::split);
        let begin = Instant::now();
        assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
        assert_passed(begin, 5 * SECOND);
        let join = |read: tokio::io::ReadHalf<DuplexStream>, write| Ok::<_, ()>(read.unsplit(write));
        let mut link = ringframe_io::tokio::Framed::join(reader, writer, join).expect("one link");
        let begin = Instant::now();
        assert!(matches!(link.next_frame().await, Err(ReadError::Idle { .. })));
        assert_passed(begin, 5 * SECOND);
    }
}

mod writing {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_stalls_and_what_is_queued_stays() {
        let (near, mut far) = duplex(16);
        let stream = u32_be(&[30, 150, 20]);
        let mut writer = Writer::with_capacity(near, stream.format, STORE).expect("a store");
        writer.set_write_patience(Some(5 * SECOND));
        let [(_, first), (_, large), (_, last)] = &stream.frames[..] else { panic!("three frames") };
        let mut sent = Vec::new();
        for _ in 0..2 {
            let begin = Instant::now();
            let error = if sent.is_empty() { writer.send(first).await } else { writer.flush().await };
            let error = error.expect_err("the peer takes nothing");
            assert!(matches!(error, WriteError::Stalled { allowed, .. } if allowed == 5 * SECOND), "{error}");
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
            let mut payload = writer.resume();
            payload.write_all(&large[150 - left..]).await.expect("a peer that takes bytes");
            writer.push(last).await.expect("a peer that takes bytes");
            writer.close().await.expect("a peer that takes bytes");
        };
        let read = async { far.read_to_end(&mut sent).await.expect("what was sent") };
        tokio::join!(rest, read);
        assert_eq!(sent, stream.wire);
    }

    /// A caller that waits for other things as well drops the write each time one comes.
    #[tokio::test(start_paused = true)]
    async fn dropped_writes_to_a_peer_that_takes_nothing() {
        let (near, mut far) = duplex(16);
        let stream = u32_be(&[60]);
        let mut writer = Writer::with_capacity(near, stream.format, STORE).expect("a store");
        writer.set_write_patience(Some(5 * SECOND));
        writer.push(&stream.frames[0].1).await.expect("room for it");
        for unframed in [false, true] {
            let begin = Instant::now();
            let writing = async {
                loop {
                    let write = async {
                        if unframed {
                            writer.write_unframed(b"raw").await.map(|_| ())
                        } else {
                            writer.flush().await
                        }
                    };
                    tokio::select! {
                        biased;
                        result = write => break result.expect_err("the peer takes nothing"),
                        () = sleep(3 * SECOND / 2) => {}
                    }
                }
            };
            let error = timeout(HOUR, writing).await.expect("an end");
            assert!(matches!(error, WriteError::Stalled { allowed, .. } if allowed == 5 * SECOND), "{error}");
            assert_passed(begin, 5 * SECOND);
        }
        // A byte that goes begins the time anew.
        assert!(timeout(4 * SECOND, writer.flush()).await.is_err(), "not yet");
        far.read_exact(&mut [0; 16]).await.expect("what was sent");
        let begin = Instant::now();
        assert!(timeout(4 * SECOND, writer.flush()).await.is_err(), "not yet");
        assert!(writer.flush().await.is_err(), "the peer takes nothing");
        assert_passed(begin, 5 * SECOND);
    }

    /// Only time spent waiting in a call counts.
    #[tokio::test(start_paused = true)]
    async fn the_clock_rests_while_nobody_writes() {
        let (near, mut far) = duplex(16);
        let mut writer = Writer::with_capacity(near, formats::U32_BE, STORE).expect("a store");
        writer.set_write_patience(Some(5 * SECOND));
        writer.push(&[7; 28]).await.expect("room for it");
        for _ in 0..2 {
            assert!(timeout(2 * SECOND, writer.flush()).await.is_err(), "not yet");
            sleep(100 * SECOND).await;
        }
        let read = async { far.read_exact(&mut [0; 32]).await.map(|_| ()) };
        let (flushed, read) = tokio::join!(writer.flush(), read);
        flushed.expect("it takes bytes again");
        read.expect("what was sent");
    }
}

/// A transport that takes all that is written at once, and passes it on while it is flushed: an encrypting one, or
/// any `BufWriter`.
struct Buffering {
    buffer: Vec<u8>,
    pipe: DuplexStream,
    /// How many bytes went on.
    sent: u64,
    /// How many bytes it buffers at most.
    room: usize,
}

impl Buffering {
    fn new(pipe: DuplexStream) -> Self {
        Self { buffer: Vec::new(), pipe, sent: 0, room: usize::MAX }
    }

    fn poll_empty(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let n = ready!(Pin::new(&mut self.pipe).poll_write(cx, &self.buffer))?;
            self.buffer.drain(..n);
            self.sent += n as u64;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Buffering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.buffer.len() >= self.room {
            ready!(self.poll_empty(cx))?;
        }
        self.buffer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_empty(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_empty(cx))?;
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

impl Progress for Buffering {
    fn bytes_sent(&self) -> Option<u64> {
        Some(self.sent)
    }
}

/// A transport that buffers nothing, and says so: what it takes is passed on.
struct Direct(DuplexStream);

impl AsyncWrite for Direct {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl Progress for Direct {
    fn bytes_sent(&self) -> Option<u64> {
        None
    }
}

/// Writers over transports that buffer.
mod buffered {
    use super::*;

    const FORMAT: Limited<U32Be> = Limited::new(formats::U32_BE, 1 << 20);

    fn writer<W: AsyncWrite + Unpin>(transport: W) -> Writer<W, Limited<U32Be>, Box<[u8]>> {
        Writer::with_capacity(transport, FORMAT, 64).expect("a store")
    }

    /// Takes some bytes at a time, for ever.
    async fn takes(mut far: DuplexStream, bytes: usize, every: Duration) {
        loop {
            sleep(every).await;
            if far.read(&mut vec![0; bytes]).await.expect("a pipe") == 0 {
                return;
            }
        }
    }

    /// What such a peer makes of a frame of 12,000 bytes, which takes it 200 s or more.
    async fn send_to_a_steady_peer<W: AsyncWrite + Unpin>(
        mut writer: Writer<W, Limited<U32Be>, Box<[u8]>>,
        far: DuplexStream,
        close: bool,
    ) -> Result<(), WriteError<io::Error>> {
        let peer = tokio::spawn(takes(far, 60, SECOND));
        let mut result = writer.push(&[7; 12_000]).await;
        if result.is_ok() {
            result = if close { writer.close().await } else { writer.flush().await };
        }
        peer.abort();
        result
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_peer_after_a_buffer_that_tells_its_progress_does_not_stall() {
        for close in [false, true] {
            let (near, far) = duplex(64);
            let mut writer = writer(Buffering::new(near));
            writer.set_write_patience_by_progress(Some(5 * SECOND));
            send_to_a_steady_peer(writer, far, close).await.expect("a steady peer");
        }
    }

    /// Without a word from the transport a flush is not limited: it may be one that gets on well.
    #[tokio::test(start_paused = true)]
    async fn a_steady_peer_after_a_buffer_that_tells_nothing_does_not_stall() {
        for close in [false, true] {
            let (near, far) = duplex(64);
            let mut buffering = writer(Buffering::new(near));
            buffering.set_write_patience(Some(5 * SECOND));
            send_to_a_steady_peer(buffering, far, close).await.expect("a steady peer");

            let (near, far) = duplex(64);
            let mut buffered = writer(BufWriter::with_capacity(1 << 16, near));
            buffered.set_write_patience(Some(5 * SECOND));
            send_to_a_steady_peer(buffered, far, close).await.expect("a steady peer");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_transport_that_buffers_nothing_has_the_patience_of_its_writes() {
        let (near, far) = duplex(64);
        let mut steady = writer(Direct(near));
        steady.set_write_patience_by_progress(Some(5 * SECOND));
        send_to_a_steady_peer(steady, far, false).await.expect("a steady peer");

        let (near, _far) = duplex(64);
        let mut dead = writer(Direct(near));
        dead.set_write_patience_by_progress(Some(5 * SECOND));
        let begin = Instant::now();
        assert!(matches!(dead.send(&[7; 12_000]).await, Err(WriteError::Stalled { .. })));
        assert_passed(begin, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_peer_after_a_small_buffer_does_not_stall() {
        for room in [1, 64, 1000] {
            let (near, far) = duplex(64);
            let mut writer = writer(Buffering { room, ..Buffering::new(near) });
            writer.set_write_patience_by_progress(Some(5 * SECOND));
            send_to_a_steady_peer(writer, far, false).await.expect("a steady peer");
        }
        // A `BufWriter` empties its buffer as it is written to.
        for room in [1, 64] {
            let (near, far) = duplex(64);
            let mut writer = writer(BufWriter::with_capacity(room, near));
            writer.set_write_patience(Some(5 * SECOND));
            send_to_a_steady_peer(writer, far, false).await.expect("a steady peer");
        }
    }

    /// Flushes, or closes, until an error comes; each call is dropped after so long.
    async fn flush_in_vain<W: AsyncWrite + Unpin>(
        writer: &mut Writer<W, Limited<U32Be>, Box<[u8]>>,
        dropped_after: Option<Duration>,
        close: bool,
    ) -> WriteError<io::Error> {
        for _ in 0..10_000 {
            let call = async { if close { writer.close().await } else { writer.flush().await } };
            match dropped_after {
                None => return call.await.expect_err("a dead peer"),
                Some(time) => tokio::select! {
                    biased;
                    result = call => return result.expect_err("a dead peer"),
                    () = sleep(time) => {}
                },
            }
        }
        panic!("it never stalls")
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_peer_after_a_buffer_that_tells_its_progress_stalls_however_often_a_flush_is_dropped() {
        for close in [false, true] {
            for dropped_after in [None, Some(SECOND / 10), Some(4 * SECOND)] {
                let (near, _far) = duplex(64);
                let mut writer = writer(Buffering::new(near));
                writer.set_write_patience_by_progress(Some(5 * SECOND));
                writer.push(&[7; 1000]).await.expect("a buffer takes it");
                let begin = Instant::now();
                let error = flush_in_vain(&mut writer, dropped_after, close).await;
                assert!(
                    matches!(error, WriteError::Stalled { allowed, .. } if allowed == 5 * SECOND),
                    "{error}"
                );
                assert_passed(begin, 5 * SECOND);
                // What is queued stays, and the next call waits as long again.
                let begin = Instant::now();
                let error = flush_in_vain(&mut writer, dropped_after, close).await;
                assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
                assert_passed(begin, 5 * SECOND);
            }
        }
    }

    /// More writes, which the buffer takes, are no progress of the peer.
    #[tokio::test(start_paused = true)]
    async fn a_dead_peer_stalls_although_the_buffer_takes_more() {
        let (near, _far) = duplex(64);
        let mut writer = writer(Buffering::new(near));
        writer.set_write_patience_by_progress(Some(5 * SECOND));
        let begin = Instant::now();
        let writing = async {
            loop {
                writer.push(&[7; 1000]).await.expect("a buffer takes it");
                if let Ok(result) = timeout(SECOND, writer.flush()).await {
                    break result.expect_err("a dead peer");
                }
            }
        };
        let error = timeout(HOUR, writing).await.expect("an end");
        assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
        assert_passed(begin, 5 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_peer_after_a_buffer_that_tells_nothing_is_not_flushed_in_time() {
        for close in [false, true] {
            for dropped_after in [None, Some(SECOND / 10), Some(4 * SECOND)] {
                for passes_through in [false, true] {
                    let (near, _far) = duplex(64);
                    let room = if passes_through { 1 } else { 1 << 16 };
                    let mut writer = writer(BufWriter::with_capacity(room, near));
                    writer.set_flush_timeout(Some(5 * SECOND));
                    writer.set_write_patience(Some(50 * SECOND));
                    if !passes_through {
                        writer.push(&[7; 1000]).await.expect("a buffer takes it");
                    }
                    writer.push(b"hello").await.expect("room");
                    writer.push(&[7; 52]).await.expect("room");
                    let begin = Instant::now();
                    let error = flush_in_vain(&mut writer, dropped_after, close).await;
                    if passes_through {
                        assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
                        assert_passed(begin, 50 * SECOND);
                    } else {
                        let is_late =
                            matches!(error, WriteError::NotFlushed { allowed } if allowed == 5 * SECOND);
                        assert!(is_late, "{error}");
                        assert_passed(begin, 5 * SECOND);
                    }
                }
            }
        }
    }

    /// It ends the whole flush, also one in which the peer takes byte after byte: so it is off by default.
    #[tokio::test(start_paused = true)]
    async fn a_flush_time_out_limits_the_whole_flush() {
        for close in [false, true] {
            let (near, far) = duplex(64);
            let mut writer = writer(Buffering::new(near));
            writer.set_write_patience_by_progress(Some(5 * SECOND));
            writer.set_flush_timeout(Some(100 * SECOND));
            let begin = Instant::now();
            let error = send_to_a_steady_peer(writer, far, close).await.expect_err("it takes 200 s");
            assert!(
                matches!(error, WriteError::NotFlushed { allowed } if allowed == 100 * SECOND),
                "{error}"
            );
            assert_passed(begin, 100 * SECOND);
        }
        // Each flush has the whole time.
        let (near, far) = duplex(64);
        let mut writer = writer(Buffering::new(near));
        writer.set_flush_timeout(Some(5 * SECOND));
        let peer = tokio::spawn(takes(far, 60, SECOND));
        for _ in 0..10 {
            writer.send(&[7; 200]).await.expect("in time");
        }
        peer.abort();
    }

    /// Patience by progress, then without, and off: the last one counts.
    #[tokio::test(start_paused = true)]
    async fn the_patience_of_a_writer_in_use_can_be_changed() {
        let (near, far) = duplex(64);
        let mut writer = writer(Buffering::new(near));
        writer.set_write_patience_by_progress(Some(SECOND));
        writer.push(&[7; 1000]).await.expect("a buffer takes it");
        assert!(matches!(writer.flush().await, Err(WriteError::Stalled { .. })));
        writer.set_write_patience(Some(SECOND));
        assert!(timeout(100 * SECOND, writer.flush()).await.is_err(), "a flush is not limited");
        writer.set_write_patience_by_progress(None);
        assert!(timeout(100 * SECOND, writer.flush()).await.is_err(), "nothing is limited");
        let peer = tokio::spawn(takes(far, 600, SECOND));
        writer.flush().await.expect("in the end");
        peer.abort();
    }

    /// A payload that is written in pieces goes by the same clock.
    #[tokio::test(start_paused = true)]
    async fn a_dead_peer_stalls_a_payload_too() {
        let (near, _far) = duplex(64);
        let mut writer = writer(near);
        writer.set_write_patience(Some(5 * SECOND));
        let mut payload = writer.announce(&[], 10_000).await.expect("room");
        let begin = Instant::now();
        let error = payload.write_all(&[7; 10_000]).await.expect_err("a dead peer");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(matches!(crate::write_error(error), WriteError::Stalled { .. }));
        assert_passed(begin, 5 * SECOND);
        let left = payload.left() as usize;
        assert!(left > 0 && left < 10_000);
        let error = payload.feed(&[7; 100]).await.expect_err("still dead");
        assert!(matches!(error, WriteError::Stalled { .. }), "{error}");
        assert_eq!(payload.left() as usize, left, "it has taken nothing");
    }
}

/// Without a patience no timer is made, so a runtime without one will do.
#[test]
fn without_patience_no_time_driver_is_needed() {
    let (near, mut far) = duplex(64);
    let (mut reader, mut writer) = ringframe_io::tokio::Framed::with_capacity(near, formats::U32_BE, 64)
        .expect("a store")
        .split(tokio::io::split);
    let mut context = Context::from_waker(Waker::noop());
    let mut read = Box::pin(reader.next_frame());
    assert!(read.as_mut().poll(&mut context).is_pending());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        writer.send(b"hello").await.expect("a pipe");
        far.read_exact(&mut [0; 9]).await.expect("what was sent");
        far.write_all(b"\0\0\0\x02ok").await.expect("a pipe");
    });
    assert!(read.as_mut().poll(&mut context).is_ready());
}
