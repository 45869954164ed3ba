//! `ringframe_io::noise::embedded_io` and its asynchronous twin: our client and our server, each on small buffers,
//! over a pipe that is mostly full.
#![cfg(all(feature = "noise", feature = "embedded-io", feature = "embedded-io-async"))]

mod support {
    pub(crate) mod task;
}

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll};
use std::thread;

use embedded_io::ErrorType;
use ringframe::{Decoder, Encoder, Format, formats};
use ringframe_io::noise::{Ephemeral, HalfError, HandshakeError, Key, LinkError, Memory};
use support::task::poll_at_most;

const KEY: [u8; 32] = [7; 32];

/// What a small device lends.
struct Buffers {
    chunk: [u8; 50],
    receive: [u8; 4112],
    send: [u8; 200],
}

impl Buffers {
    const fn new() -> Self {
        Self { chunk: [0; 50], receive: [0; 4112], send: [0; 200] }
    }

    fn lend(&mut self) -> Memory<'_> {
        Memory::new(&mut self.chunk, &mut self.receive, &mut self.send)
    }
}

/// What goes over a link in these tests, larger than every store.
fn bytes() -> Vec<u8> {
    (0..9000_u32).map(|n| ((n * n) >> 5) as u8).collect()
}

mod blocking {
    use embedded_io::{Error as _, ErrorKind, Read, Write};
    use ringframe_io::embedded_io::{Reader, Writer};
    use ringframe_io::noise::embedded_io::{accept, connect};

    use super::*;

    /// The receiving end of a pipe between threads: a chunk is what was written at once.
    struct Reads(Receiver<Vec<u8>>, VecDeque<u8>, Calls);
    struct Writes(Sender<Vec<u8>>, Calls);

    /// Every third call is interrupted.
    #[derive(Default)]
    struct Calls(usize);

    impl Calls {
        fn next(&mut self) -> Result<(), ErrorKind> {
            self.0 += 1;
            if self.0 % 3 == 0 { Err(ErrorKind::Interrupted) } else { Ok(()) }
        }
    }

    impl ErrorType for Reads {
        type Error = ErrorKind;
    }

    impl ErrorType for Writes {
        type Error = ErrorKind;
    }

    impl Read for Reads {
        fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
            assert!(!buf.is_empty());
            self.2.next()?;
            if self.1.is_empty() {
                self.1.extend(self.0.recv().unwrap_or_default());
            }
            let n = buf.len().min(self.1.len());
            buf.iter_mut().zip(self.1.drain(..n)).for_each(|(to, from)| *to = from);
            Ok(n)
        }
    }

    impl Write for Writes {
        /// 61 bytes at a time; none once the other end is gone.
        fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
            self.1.next()?;
            let few = buf[..buf.len().min(61)].to_vec();
            let n = few.len();
            Ok(self.0.send(few).map_or(0, |()| n))
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            self.1.next()
        }
    }

    fn pipe() -> (Writes, Reads) {
        let (sender, receiver) = channel();
        (Writes(sender, Calls::default()), Reads(receiver, VecDeque::new(), Calls::default()))
    }

    #[test]
    fn frames_go_both_ways() {
        let ((to_server, at_server), (to_client, at_client)) = (pipe(), pipe());
        let server = thread::spawn(move || {
            let (e, mut buffers) = (Ephemeral::new([2; 32]), Buffers::new());
            let (reads, writes) =
                accept(at_server, to_client, &[Key::new(KEY)], e, buffers.lend()).expect("the same key");
            let mut reader = Reader::new(reads, Decoder::new(formats::U16_BE, [0; 10_000]));
            let mut writer = Writer::new(writes, Encoder::new(formats::U16_BE.with_limit(10_000), [0; 64]));
            while let Some(frame) = reader.next_frame().expect("a good stream") {
                writer.send(frame.payload()).expect("an open pipe");
            }
            let (mut writes, _) = writer.into_parts();
            writes.end().expect("an open pipe");
            // The transport's end, which the client waits for.
        });
        let e = Ephemeral::new([1; 32]);
        // Its store takes the largest messages.
        let (mut chunk, mut receive, mut send) = ([0; 700], [0; 5000], [0; 5000]);
        let memory = Memory::try_new(&mut chunk, &mut receive, &mut send).expect("room");
        let (reads, writes) = connect(at_client, to_server, &Key::new(KEY), e, memory).expect("the same key");
        let mut reader = Reader::new(reads, Decoder::new(formats::U16_BE, [0; 10_000]));
        let mut writer = Writer::new(writes, Encoder::new(formats::U16_BE.with_limit(10_000), [0; 64]));
        for len in [0, 1, 60, 9000] {
            writer.send(&bytes()[..len]).expect("an open pipe");
            let frame = reader.next_frame().expect("a good stream").expect("an answer");
            assert_eq!(frame.payload(), &bytes()[..len]);
        }
        let (mut writes, _) = writer.into_parts();
        writes.end().expect("an open pipe");
        assert_eq!(writes.write(b"more"), Err(HalfError::Link(LinkError::Ended)));
        drop(writes);
        assert!(reader.next_frame().expect("a clean end").is_none());
        server.join().expect("a server that ends");
    }

    #[test]
    fn what_is_wrong_is_told() {
        let ((to_server, mut at_server), (mut to_client, at_client)) = (pipe(), pipe());
        let server = thread::spawn(move || {
            let (e, keys, mut buffers) = (Ephemeral::new([2; 32]), [Key::new([1; 32])], Buffers::new());
            accept(&mut at_server, &mut to_client, &keys, e, buffers.lend()).map(drop)
        });
        let (e, mut buffers) = (Ephemeral::new([1; 32]), Buffers::new());
        let result = connect(at_client, to_server, &Key::new(KEY), e, buffers.lend()).map(drop);
        assert_eq!(result, Err(HandshakeError::Closed));
        assert_eq!(server.join().expect("no panic"), Err(HandshakeError::Authentication));

        let ((to_server, at_server), (to_client, at_client)) = (pipe(), pipe());
        drop(at_server);
        let (e, mut buffers) = (Ephemeral::new([1; 32]), Buffers::new());
        let result = connect(at_client, to_server, &Key::new(KEY), e, buffers.lend()).map(drop);
        assert_eq!(result, Err(HandshakeError::WriteZero));
        drop(to_client);

        let cut: HalfError<ErrorKind> = LinkError::Truncated.into();
        assert_eq!(cut.kind(), ErrorKind::ConnectionAborted);
        assert_eq!(cut.to_string(), LinkError::Truncated.to_string());
    }

    #[test]
    fn what_has_room_in_one_message_is_not_cut_in_two() {
        let ((to_server, mut at_server), (to_client, at_client)) = (pipe(), pipe());
        let server = thread::spawn(move || {
            let (e, mut buffers) = (Ephemeral::new([2; 32]), Buffers::new());
            accept(&mut at_server, to_client, &[Key::new(KEY)], e, buffers.lend())
                .map(drop)
                .expect("the same key");
            at_server
        });
        let (e, mut buffers) = (Ephemeral::new([1; 32]), Buffers::new());
        let (_reads, mut writes) =
            connect(at_client, to_server, &Key::new(KEY), e, buffers.lend()).expect("the same key");
        // The first leaves 46 of 164 bytes.
        assert_eq!(writes.write(&[7; 100]), Ok(100));
        assert_eq!(writes.write(&[7; 100]), Ok(100));
        writes.flush().expect("an open pipe");
        drop(writes);
        let (mut at_server, mut sent) = (server.join().expect("no panic"), 0);
        while let Some(n) = again(|| at_server.read(&mut [0; 50])) {
            sent += n;
        }
        assert_eq!(sent, 2 * (2 + 100 + 16));
    }

    /// Calls until it is not interrupted; `None`: the end.
    fn again(mut read: impl FnMut() -> Result<usize, ErrorKind>) -> Option<usize> {
        loop {
            match read() {
                Err(ErrorKind::Interrupted) => {}
                result => return Some(result.expect("nothing else is wrong")).filter(|&n| n > 0),
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_is_no_clean_end() {
        let ((to_server, at_server), (to_client, at_client)) = (pipe(), pipe());
        let server = thread::spawn(move || {
            let (e, mut buffers) = (Ephemeral::new([2; 32]), Buffers::new());
            let (_, mut writes) =
                accept(at_server, to_client, &[Key::new(KEY)], e, buffers.lend()).expect("the same key");
            writes.write_all(b"hel").expect("an open pipe");
            writes.flush().expect("an open pipe");
        });
        let (e, mut buffers) = (Ephemeral::new([1; 32]), Buffers::new());
        let (mut reads, _writes) =
            connect(at_client, to_server, &Key::new(KEY), e, buffers.lend()).expect("the same key");
        let mut buf = [0; 10];
        assert_eq!(reads.read(&mut buf), Ok(3));
        for _ in 0..2 {
            assert_eq!(reads.read(&mut buf), Err(HalfError::Link(LinkError::Truncated)));
        }
        server.join().expect("a server that ends");
    }
}

mod asynchronous {
    use embedded_io_async::{Read, Write};
    use ringframe_io::noise::embedded_io_async::{accept, connect};

    use super::*;

    /// A pipe in one thread that holds 20 bytes, moves a few at a time, and waits before every other call.
    #[derive(Default)]
    struct Pipe {
        bytes: VecDeque<u8>,
        ended: bool,
        /// Of readers and of writers.
        calls: [usize; 2],
    }

    impl Pipe {
        fn call(&mut self, whose: usize, most: usize) -> Poll<usize> {
            self.calls[whose] += 1;
            if self.calls[whose] % 2 == 0 || most == 0 { Poll::Pending } else { Poll::Ready(most.min(13)) }
        }
    }

    struct End<'p>(&'p RefCell<Pipe>);

    impl ErrorType for End<'_> {
        type Error = Infallible;
    }

    impl Read for End<'_> {
        async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
            assert!(!buf.is_empty());
            poll_fn(|_| {
                let mut pipe = self.0.borrow_mut();
                if pipe.bytes.is_empty() && pipe.ended {
                    return Poll::Ready(Ok(0));
                }
                let there = pipe.bytes.len();
                pipe.call(0, buf.len().min(there)).map(|n| {
                    buf.iter_mut().zip(pipe.bytes.drain(..n)).for_each(|(to, from)| *to = from);
                    Ok(n)
                })
            })
            .await
        }
    }

    impl Write for End<'_> {
        async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
            assert!(!buf.is_empty());
            poll_fn(|_| {
                let mut pipe = self.0.borrow_mut();
                let room = 20 - pipe.bytes.len();
                pipe.call(1, buf.len().min(room)).map(|n| {
                    pipe.bytes.extend(&buf[..n]);
                    Ok(n)
                })
            })
            .await
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    /// Polls a future, unless it is done.
    fn poll_once<F: Future>(done: &mut Option<F::Output>, future: Pin<&mut F>, cx: &mut Context<'_>) {
        if done.is_some() {
            return;
        }
        if let Poll::Ready(output) = future.poll(cx) {
            *done = Some(output);
        }
    }

    /// Polls both in turn until both are done.
    fn together<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
        let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
        let (mut done_a, mut done_b) = (None, None);
        let both = poll_fn(|cx| {
            poll_once(&mut done_a, a.as_mut(), cx);
            poll_once(&mut done_b, b.as_mut(), cx);
            match (done_a.take(), done_b.take()) {
                (Some(a), Some(b)) => Poll::Ready((a, b)),
                (a, b) => {
                    (done_a, done_b) = (a, b);
                    Poll::Pending
                }
            }
        });
        support::task::finish(both)
    }

    /// With futures that are dropped wherever they wait, no byte is lost or sent twice.
    #[test]
    fn bytes_go_both_ways_whatever_is_dropped() {
        for polls in (1..8).chain([100]) {
            let (up, down) = (RefCell::new(Pipe::default()), RefCell::new(Pipe::default()));
            let (key, keys) = (Key::new(KEY), [Key::new(KEY)]);
            let (mut ours, mut theirs) = (Buffers::new(), Buffers::new());
            let (client, server) = together(
                connect(End(&down), End(&up), &key, Ephemeral::new([1; 32]), ours.lend()),
                accept(End(&up), End(&down), &keys, Ephemeral::new([2; 32]), theirs.lend()),
            );
            let (mut client, mut server) = (client.expect("the same key"), server.expect("the same key"));
            let bytes = bytes();
            for (from, to, pipe) in
                [(&mut client.1, &mut server.0, &up), (&mut server.1, &mut client.0, &down)]
            {
                let (mut rest, mut read, mut buf) = (&bytes[..], Vec::new(), [0; 100]);
                let mut turns = 0;
                loop {
                    turns += 1;
                    assert!(turns < 1 << 20, "it stands still, dropped after {polls}");
                    if !rest.is_empty() {
                        if let Some(n) = poll_at_most(polls, from.write(rest)) {
                            rest = &rest[n.expect("a good link")..];
                        }
                    } else if poll_at_most(polls, from.end()).is_some() {
                        pipe.borrow_mut().ended = true;
                    }
                    match poll_at_most(polls, to.read(&mut buf)) {
                        Some(Ok(0)) => break,
                        Some(n) => read.extend_from_slice(&buf[..n.expect("a good link")]),
                        None => {}
                    }
                }
                assert!(read == bytes, "dropped after {polls}");
            }
        }
    }
}
