//! What arrived in time is taken, though the program is late; and what a caller has to be told is told once. Each
//! test is named after a fault that a reading of the adapters found.
#![cfg(all(feature = "std", feature = "tokio", feature = "embedded-io"))]

use std::cell::Cell;
use std::future::Future;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ringframe::{DecodeError, Decoder, EncodeError, Format, formats};
use ringframe_io::std::WriteTimeout;
use ringframe_io::{
    Patience, ReadError, Watch, WriteError, embedded_io as device, std as blocking, tokio as tasks,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);

/// Polls a future once, and drops it.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn a_frame_that_came_in_time_is_taken_by_a_task_that_runs_late() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut reader = tasks::Reader::with_capacity(near, formats::U_8, 64).unwrap();
    reader.set_patience(Patience::ENDLESS.with_idle(Duration::from_millis(50)));
    let mut reading = pin!(reader.next_frame());
    assert!(reading.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    far.write_all(b"\x02hi").await.unwrap();
    // The thread is busy for longer than the peer is allowed.
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(reading.await.unwrap().unwrap().payload(), b"hi");
}

#[tokio::test(start_paused = true)]
async fn the_clock_of_unframed_bytes_rests_between_calls() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut reader = tasks::Reader::with_capacity(near, formats::U_8, 64).unwrap();
    reader.set_patience(Patience::ENDLESS.with_idle(10 * SECOND));
    assert!(poll_once(reader.unframed().read(&mut [0; 4])).is_pending());
    far.write_all(b"\x02hi").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(reader.next_frame().await.unwrap().unwrap().payload(), b"hi");
}

#[tokio::test(start_paused = true)]
async fn payload_bytes_that_came_in_time_are_taken_after_a_dropped_read() {
    let (near, mut far) = tokio::io::duplex(256);
    let format = formats::U_8.with_limit(256);
    let mut reader = tasks::Reader::with_capacity(near, format, 8).unwrap();
    reader.set_patience(Patience::ENDLESS.with_frame(10 * SECOND));
    far.write_all(b"\x14abc").await.unwrap();
    let Some(tasks::Incoming::Large(mut payload)) = reader.next_incoming().await.unwrap() else { panic!() };
    let mut bytes = [0; 20];
    assert_eq!(payload.read(&mut bytes).await.unwrap(), 3);
    assert!(poll_once(payload.read(&mut bytes)).is_pending());
    far.write_all(&[b'x'; 17]).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    payload.read_exact(&mut bytes[3..]).await.unwrap();
    assert_eq!(payload.left(), 0);
}

/// tokio says "pending" also when a task had its share of reads.
#[tokio::test]
async fn an_idle_time_of_zero_takes_all_that_is_there() {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    far.write_all(&b"\x05hello".repeat(500)).await.unwrap();
    let mut reader = tasks::Reader::with_capacity(near, formats::U_8, 6).unwrap();
    reader.set_patience(Patience::ENDLESS.with_idle(Duration::ZERO));
    for _ in 0..500 {
        assert!(reader.next_frame().await.unwrap().is_some());
    }
    assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
}

/// What a socket has reaches a task only after the runtime has looked.
#[tokio::test]
async fn an_idle_time_of_zero_takes_what_a_socket_has() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut far = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (near, _) = listener.accept().await.unwrap();
    let mut reader = tasks::Reader::with_capacity(near, formats::U_8, 64).unwrap();
    far.write_all(b"\x05hello").unwrap();
    assert!(reader.next_frame().await.unwrap().is_some());
    reader.set_patience(Patience::ENDLESS.with_idle(Duration::ZERO));
    assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
    far.write_all(b"\x05world").unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(reader.next_frame().await.unwrap().unwrap().payload(), b"world");
}

#[tokio::test(start_paused = true)]
async fn the_frame_that_resync_finds_has_all_of_its_time() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut reader = tasks::Reader::with_capacity(near, formats::U_8, 64).unwrap();
    reader.set_patience(Patience::ENDLESS.with_frame(SECOND));
    far.write_all(b"\x1e\x05he").await.unwrap();
    assert!(matches!(reader.next_frame().await, Err(ReadError::TooSlow { .. })));
    assert_eq!(reader.resync(), 1);
    far.write_all(b"llo").await.unwrap();
    assert_eq!(reader.next_frame().await.unwrap().unwrap().payload(), b"hello");
}

/// A transport whose reads are interrupted, always.
struct Interrupted;

impl tokio::io::AsyncRead for Interrupted {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(ErrorKind::Interrupted.into()))
    }
}

#[tokio::test]
async fn interruptions_do_not_stop_the_clock() {
    let mut reader = tasks::Reader::with_capacity(Interrupted, formats::U_8, 64).unwrap();
    reader.set_patience(Patience::ENDLESS.with_idle(Duration::from_millis(20)));
    assert!(matches!(reader.next_frame().await, Err(ReadError::Idle { .. })));
}

/// Bytes that arrive at their times, in milliseconds, by a clock that the test sets.
struct Timetable {
    clock: Rc<Cell<u64>>,
    bytes: Vec<(u64, u8)>,
}

impl embedded_io::ErrorType for Timetable {
    type Error = core::convert::Infallible;
}

impl embedded_io::Read for Timetable {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        let there = self.bytes.iter().take_while(|(time, _)| *time <= self.clock.get()).count();
        let n = there.min(buf.len());
        for (slot, (_, byte)) in buf.iter_mut().zip(self.bytes.drain(..n)) {
            *slot = byte;
        }
        Ok(n)
    }
}

impl embedded_io::ReadReady for Timetable {
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        Ok(self.bytes.first().is_some_and(|(time, _)| *time <= self.clock.get()))
    }
}

#[test]
fn a_watch_takes_what_came_in_time_though_its_clock_jumped() {
    let clock = Rc::new(Cell::new(0));
    let bytes = vec![(5, 2), (5, b'h'), (5, b'i')];
    let io = Timetable { clock: clock.clone(), bytes };
    let mut reader = device::Reader::new(io, Decoder::new(formats::U_8, [0; 64]));
    let mut watch = Watch::new(Patience::ENDLESS.with_idle(Duration::from_millis(10)));
    // An interrupt takes the processor from 1 to 20 ms.
    let mut times = [0, 1, 20, 21, 22].into_iter();
    let now = || {
        clock.set(times.next().unwrap_or(30));
        Duration::from_millis(clock.get())
    };
    assert_eq!(reader.next_frame_within(&mut watch, now).unwrap().unwrap().payload(), b"hi");
}

/// A transport that takes nothing, for as long as it is told to wait.
struct Full(Option<Duration>);

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        std::thread::sleep(self.0.unwrap_or_default());
        Err(ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl WriteTimeout for Full {
    fn write_timeout(&self) -> io::Result<Option<Duration>> {
        Ok(self.0)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.0 = timeout;
        Ok(())
    }
}

#[test]
fn stalled_tells_whether_the_frame_was_queued() {
    for (before, is_queued) in [(0, true), (6, false)] {
        let mut writer = blocking::Writer::with_capacity(Full(None), formats::U_8, 8).unwrap();
        writer.set_write_patience(Some(Duration::from_millis(5)));
        writer.encoder_mut().push_unframed(&vec![0; before]).unwrap();
        let Err(WriteError::Stalled { queued, .. }) = writer.send(b"hello") else { panic!("not stalled") };
        assert_eq!((queued, writer.encoder().stats().frames), (is_queued, u32::from(is_queued)));
    }
}

/// It waited for the peer first.
#[test]
fn a_frame_that_can_never_fit_is_refused_at_once() {
    let mut writer = blocking::Writer::with_capacity(Full(None), formats::U_8, 8).unwrap();
    writer.push(b"hi").unwrap();
    let too_long = EncodeError::TooLong { frame: 21, limit: 8 };
    assert!(matches!(writer.push(&[0; 20]), Err(WriteError::Encode(error)) if error == too_long));
    assert!(
        matches!(writer.push_with(&[], &[&[0; 20]]), Err(WriteError::Encode(error)) if error == too_long)
    );
}

/// Frames with the sum of their bytes behind them.
#[derive(Clone, Copy, Debug)]
struct Summed;

#[derive(Clone, Copy, Default)]
struct Sum(u8);

impl ringframe::Trailer for Sum {
    const MAX_LEN: usize = 1;

    fn update(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(*byte));
    }

    fn write(&self, out: &mut [u8]) {
        out.copy_from_slice(&[self.0]);
    }

    fn matches(&self, received: &[u8]) -> bool {
        received == [self.0]
    }
}

impl Format for Summed {
    type Trailer = Sum;

    fn max_header(&self) -> usize {
        1
    }

    fn limit(&self) -> Option<u64> {
        Some(200)
    }

    fn parse(&self, prefix: &[u8]) -> Result<ringframe::Parsed, ringframe::HeaderError> {
        formats::U_8.parse(prefix)
    }

    fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
        formats::U_8.header_len(fields, payload)
    }

    fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
        formats::U_8.write(fields, payload, out);
    }
}

/// A payload that was read by its length was never compared with its trailer.
#[test]
fn a_wrong_trailer_is_told_once_by_the_next_call() {
    // The sum of the second frame, its header included, is that of `y`.
    let wire = b"\x0aaaaaaaaaaa!\x01xy";
    let mut reader = blocking::Reader::with_capacity(&wire[..], Summed, 4).unwrap();
    let Some(blocking::Incoming::Large(mut payload)) = reader.next_incoming().unwrap() else { panic!() };
    payload.read_exact(&mut [0; 10]).unwrap();
    assert!(matches!(reader.next_frame(), Err(ReadError::Protocol(DecodeError::Corrupt))));
    assert_eq!(reader.next_frame().unwrap().unwrap().payload(), b"x");

    let mut reader = blocking::Reader::with_capacity(&wire[..], Summed, 4).unwrap();
    let Some(blocking::Incoming::Large(mut payload)) = reader.next_incoming().unwrap() else { panic!() };
    let error = payload.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(matches!(error.into(), ReadError::Protocol(DecodeError::Corrupt)));
    assert_eq!(reader.next_frame().unwrap().unwrap().payload(), b"x", "it was told already");
}
