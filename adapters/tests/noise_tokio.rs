//! `ringframe_io::noise::tokio`: links over transports in memory, that cut, pause and fail, with futures that are
//! dropped at every point where they wait.
#![cfg(all(feature = "noise", feature = "tokio"))]

mod support {
    pub(crate) mod peer;
    pub(crate) mod task;
}

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ringframe::{Format, formats};
use ringframe_io::noise::tokio::{Halves, MEMORY_PER_LINK, accept, connect};
use ringframe_io::noise::{HandshakeError, Key, LinkError, MAX_MESSAGE, MAX_PLAINTEXT, PROLOGUE};
use ringframe_io::tokio::{Reader, Writer};
use support::peer::{self, KEY, hears, hello, says};
use support::task::{finish, poll_at_most};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf, WriteHalf, duplex,
    split,
};

/// More turns than any exchange here needs.
const ENDLESS: usize = 1 << 20;

fn key() -> Key {
    Key::new(KEY)
}

/// A transport that moves so much at a time, waits before every other call if it pauses, and can fail.
struct Slow<T> {
    inner: T,
    step: usize,
    pauses: bool,
    paused: bool,
    /// What the next call fails with.
    fails: Option<ErrorKind>,
    /// What each write moved.
    writes: Vec<usize>,
}

impl<T> Slow<T> {
    fn new(inner: T, step: usize, pauses: bool) -> Self {
        Self { inner, step, pauses, paused: false, fails: None, writes: Vec::new() }
    }

    /// How much the next call may move.
    fn call(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        self.paused = self.pauses && !self.paused;
        if self.paused {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.fails.take().map_or(Ok(self.step), |kind| Err(kind.into())))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Slow<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        assert!(buf.remaining() > 0, "an empty buffer looks like the end");
        let mut few = buf.take(ready!(this.call(cx))?);
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut few))?;
        let n = few.filled().len();
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Slow<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        assert!(!buf.is_empty(), "nothing to write");
        let few = buf.len().min(ready!(this.call(cx))?);
        let n = ready!(Pin::new(&mut this.inner).poll_write(cx, &buf[..few]))?;
        this.writes.push(n);
        Poll::Ready(Ok(n))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.call(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.call(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

type Reads = Slow<ReadHalf<DuplexStream>>;
type Writes = Slow<WriteHalf<DuplexStream>>;

fn slow(stream: DuplexStream, step: usize, pauses: bool) -> (Reads, Writes) {
    let (reads, writes) = split(stream);
    (Slow::new(reads, step, pauses), Slow::new(writes, step, pauses))
}

/// Both ends of a link, the client's first, over a pipe of that size.
async fn link(size: usize, step: usize, pauses: bool) -> (Halves<Reads, Writes>, Halves<Reads, Writes>) {
    let (near, far) = duplex(size);
    let (near, far) = (slow(near, step, pauses), slow(far, step, pauses));
    let (key, keys) = (key(), [key()]);
    tokio::try_join!(connect(near.0, near.1, &key), accept(far.0, far.1, &keys)).expect("one key")
}

/// What is wrong with a link, out of the error of a read or write.
fn fault(error: &io::Error) -> LinkError {
    let inner = error.get_ref().and_then(|error| error.downcast_ref());
    *inner.unwrap_or_else(|| panic!("no fault of the link: {error}"))
}

/// Our client on a link to `snow`, whose end is a plain stream.
async fn with_snow() -> (Halves<ReadHalf<DuplexStream>, WriteHalf<DuplexStream>>, peer::Link, DuplexStream) {
    let (near, mut far) = duplex(1 << 16);
    let near = split(near);
    let key = key();
    let theirs = async {
        let mut server = peer::server(&KEY, None);
        let mut hello = [0; 58];
        far.read_exact(&mut hello).await.expect("a hello");
        hears(&mut server, hello.strip_prefix(&PROLOGUE).expect("the prologue")).expect("the same key");
        far.write_all(&says(&mut server)).await.expect("an open pipe");
        peer::Link::new(server)
    };
    let (ours, theirs) = tokio::join!(connect(near.0, near.1, &key), theirs);
    (ours.expect("one key"), theirs, far)
}

mod handshake {
    use super::*;

    #[tokio::test]
    async fn snow_is_a_client_byte_by_byte() {
        for (size, step, pauses) in [(1, 1, true), (1, 1, false), (7, 3, true), (1 << 16, usize::MAX, false)]
        {
            let (near, mut far) = duplex(size);
            let near = slow(near, step, pauses);
            let keys = [key()];
            let ours = async {
                let (mut reads, mut writes) = accept(near.0, near.1, &keys).await.expect("one key");
                let mut request = String::new();
                reads.read_to_string(&mut request).await.expect("a clean end");
                writes.write_all(request.to_uppercase().as_bytes()).await.expect("an open pipe");
                writes.shutdown().await.expect("an open pipe");
            };
            let theirs = async {
                let mut client = peer::client(&KEY, None);
                far.write_all(&hello(&mut client)).await.expect("an open pipe");
                let mut answer = [0; 50];
                far.read_exact(&mut answer).await.expect("an answer");
                hears(&mut client, &answer).expect("the same key");
                let mut client = peer::Link::new(client);
                let wire = [client.seal(b"hel"), client.seal(b"lo"), client.seal(b"")].concat();
                far.write_all(&wire).await.expect("an open pipe");
                far.shutdown().await.expect("an open pipe");
                let mut wire = Vec::new();
                far.read_to_end(&mut wire).await.expect("an open pipe");
                assert_eq!(client.open(&wire), [&b"HELLO"[..], b""]);
            };
            tokio::join!(ours, theirs);
        }
    }

    /// What comes in one piece with the last message of the handshake belongs to the link.
    #[tokio::test]
    async fn bytes_behind_the_answer_are_kept() {
        let (near, mut far) = duplex(1 << 16);
        let near = split(near);
        let key = key();
        let theirs = async {
            let mut server = peer::server(&KEY, None);
            let mut hello = [0; 58];
            far.read_exact(&mut hello).await.expect("a hello");
            hears(&mut server, &hello[8..]).expect("the same key");
            let answer = says(&mut server);
            let mut server = peer::Link::new(server);
            let wire = [answer, server.seal(b"at "), server.seal(b"once"), server.seal(b"")].concat();
            far.write_all(&wire).await.expect("an open pipe");
            far.shutdown().await.expect("an open pipe");
            far
        };
        let (ours, _far) = tokio::join!(connect(near.0, near.1, &key), theirs);
        let mut said = String::new();
        ours.expect("one key").0.read_to_string(&mut said).await.expect("a clean end");
        assert_eq!(said, "at once");
    }

    #[tokio::test]
    async fn another_key_is_refused_in_silence() {
        let (near, far) = duplex(1 << 16);
        let (near, far) = (split(near), split(far));
        let (key, keys) = (Key::new([1; 32]), [key()]);
        let server = async {
            // Its halves are dropped here, as a server's are.
            accept(far.0, far.1, &keys).await.map(drop)
        };
        let (client, server) = tokio::join!(connect(near.0, near.1, &key), server);
        assert!(matches!(server, Err(HandshakeError::Authentication)), "{server:?}");
        let client = client.map(drop);
        assert!(matches!(client, Err(HandshakeError::Closed)), "{client:?}");
    }

    /// Every peer that says something else, or not all of it, and closes.
    #[tokio::test]
    async fn other_peers_are_refused() {
        async fn against(client: bool, wire: &[u8]) -> HandshakeError<io::Error> {
            let (near, mut far) = duplex(1 << 16);
            let near = split(near);
            far.write_all(wire).await.expect("an open pipe");
            far.shutdown().await.expect("an open pipe");
            let (key, keys) = (key(), [key()]);
            let result = match client {
                true => connect(near.0, near.1, &key).await,
                false => accept(near.0, near.1, &keys).await,
            };
            result.map(drop).expect_err("no peer of ours")
        }
        let full = hello(&mut peer::client(&KEY, None));
        for cut in 0..full.len() {
            assert!(matches!(against(false, &full[..cut]).await, HandshakeError::Closed), "cut at {cut}");
        }
        for cut in 0..50 {
            let answer = [&[0, 48][..], &[7; 48]].concat();
            assert!(matches!(against(true, &answer[..cut]).await, HandshakeError::Closed), "cut at {cut}");
        }
        let plain = against(false, b"\0\0\0\x05hello").await;
        assert!(matches!(plain, HandshakeError::Prologue { at: 0, found: 0 }), "{plain}");
        let plain = against(true, b"\0\0\0\x05hello").await;
        assert!(matches!(plain, HandshakeError::Length { declared: 0 }), "{plain}");
        let forged = against(true, &[&[0, 48][..], &[7; 48]].concat()).await;
        assert!(matches!(forged, HandshakeError::Authentication), "{forged}");
    }

    #[tokio::test]
    async fn an_error_of_the_transport_is_told() {
        for client in [true, false] {
            let (near, _far) = duplex(1 << 16);
            let (mut reads, mut writes) = slow(near, usize::MAX, true);
            let failing = if client { &mut writes.fails } else { &mut reads.fails };
            *failing = Some(ErrorKind::ConnectionReset);
            let (key, keys) = (key(), [key()]);
            let result = match client {
                true => connect(reads, writes, &key).await,
                false => accept(reads, writes, &keys).await,
            };
            let error = result.map(drop).expect_err("no connection");
            assert!(
                matches!(&error, HandshakeError::Io(error) if error.kind() == ErrorKind::ConnectionReset)
            );
        }
    }
}

mod link {
    use super::*;

    #[tokio::test]
    async fn frames_and_raw_bytes_run_on_it_as_on_any_transport() {
        for (size, step, pauses) in [(1, 1, false), (100, 61, true), (1 << 16, usize::MAX, false)] {
            let large = vec![7; if size == 1 { 1000 } else { 100_000 }];
            let ((_client, writes), (reads, _server)) = link(size, step, pauses).await;
            let sends = async {
                let mut writer = Writer::with_capacity(writes, formats::U32_BE.with_limit(1 << 20), 1 << 10)
                    .expect("room");
                writer.send(b"hello").await.expect("a good link");
                writer.send(&large).await.expect("a good link");
                let mut rest = &b"raw"[..];
                while !rest.is_empty() {
                    rest = &rest[writer.write_unframed(rest).await.expect("a good link")..];
                }
                writer.close().await.expect("a good link");
            };
            let receives = async {
                let mut reader = Reader::with_capacity(reads, formats::U32_BE, 1 << 20).expect("room");
                assert_eq!(reader.next_frame().await.unwrap().unwrap().payload(), b"hello");
                assert_eq!(reader.next_frame().await.unwrap().unwrap().payload(), large);
                let (mut raw, mut buf) = (Vec::new(), [0; 10]);
                loop {
                    match reader.unframed().read(&mut buf).await.expect("a clean end") {
                        0 => break,
                        n => raw.extend_from_slice(&buf[..n]),
                    }
                }
                assert_eq!(raw, b"raw");
            };
            tokio::join!(sends, receives);
        }
    }

    /// Much, both ways at once, in pieces of all sizes, through a pipe that is mostly full.
    #[tokio::test]
    async fn both_directions_are_independent() {
        const TOTAL: usize = 1 << 20;
        async fn send(mut writes: impl AsyncWrite + Unpin, seed: u64) {
            let mut random = Random(seed);
            let mut left = TOTAL;
            while left > 0 {
                let piece: Vec<u8> = (0..(random.next() as usize % 20_000).min(left))
                    .map(|at| at as u8 ^ seed as u8)
                    .collect();
                writes.write_all(&piece).await.expect("a good link");
                left -= piece.len();
            }
            writes.shutdown().await.expect("a good link");
        }
        async fn receive(mut reads: impl AsyncRead + Unpin, seed: u64) {
            let mut random = Random(seed);
            let mut left = TOTAL;
            while left > 0 {
                let mut piece = vec![0; (random.next() as usize % 20_000).min(left)];
                reads.read_exact(&mut piece).await.expect("a good link");
                assert!(piece.iter().enumerate().all(|(at, &byte)| byte == at as u8 ^ seed as u8));
                left -= piece.len();
            }
            assert_eq!(reads.read(&mut [0; 1]).await.expect("a clean end"), 0);
            assert_eq!(reads.read(&mut [0; 1]).await.expect("still"), 0);
        }
        let (client, server) = link(5000, 3001, true).await;
        tokio::join!(send(client.1, 1), receive(client.0, 2), receive(server.0, 1), send(server.1, 2));
    }

    /// The same numbers at both ends.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.0 >> 33
        }
    }

    #[tokio::test]
    async fn a_small_frame_leaves_in_one_write() {
        let ((_reads, writes), _server) = link(1 << 16, usize::MAX, false).await;
        let mut writer =
            Writer::with_capacity(writes, formats::U32_BE.with_limit(1 << 20), 64).expect("room");
        for payload in [&b"hello"[..], b""] {
            writer.send(payload).await.expect("a good link");
            let last = writer.get_ref().get_ref().writes.last();
            assert_eq!(last, Some(&(2 + 4 + payload.len() + 16)));
        }
        assert_eq!(writer.get_ref().get_ref().writes.len(), 3, "the first is the hello");
        // One that is larger than the writer's store: the header leaves with the beginning of the payload.
        writer.send(&[7; 12_000]).await.expect("a good link");
        assert_eq!(writer.get_ref().get_ref().writes[3..], [3 * 18 + 4 + 12_000]);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_link_is_told_and_stays() {
        /// What a peer sends before it closes, what of it is read, and what is wrong.
        type Case = (fn(&mut peer::Link) -> Vec<u8>, &'static str, LinkError);
        let cases: [Case; 11] = [
            (|_| vec![], "", LinkError::Truncated),
            (|_| vec![0], "", LinkError::Truncated),
            (|peer| peer.seal(b"good"), "good", LinkError::Truncated),
            (|peer| peer.seal(b"good")[..21].to_vec(), "", LinkError::Truncated),
            (
                |peer| [peer.seal(b"good"), peer.seal(b""), peer.seal(b"")].concat(),
                "good",
                LinkError::AfterEnd,
            ),
            (|peer| [&peer.seal(b"good")[..], &peer.seal(b""), b"x"].concat(), "good", LinkError::AfterEnd),
            (
                |peer| [&peer.seal(b"good")[..], &[0, 16], &[9; 16]].concat(),
                "good",
                LinkError::Authentication,
            ),
            (
                |peer| [&peer.seal(b"good")[..], &[0, 0]].concat(),
                "good",
                LinkError::Length { declared: 0, limit: 4112 },
            ),
            (
                |peer| [&peer.seal(b"good")[..], &[0, 15]].concat(),
                "good",
                LinkError::Length { declared: 15, limit: 4112 },
            ),
            (
                |peer| [&peer.seal(b"good")[..], &[16, 17]].concat(),
                "good",
                LinkError::Length { declared: 4113, limit: 4112 },
            ),
            (
                |peer| [&peer.seal(b"good")[..], &[255; 2]].concat(),
                "good",
                LinkError::Length { declared: 65535, limit: 4112 },
            ),
        ];
        for (n, (sends, expected, wrong)) in cases.into_iter().enumerate() {
            let ((mut reads, _writes), mut theirs, mut far) = with_snow().await;
            far.write_all(&sends(&mut theirs)).await.expect("an open pipe");
            far.shutdown().await.expect("an open pipe");
            let mut read = Vec::new();
            let error = reads.read_to_end(&mut read).await.expect_err("it is wrong");
            assert_eq!(fault(&error), wrong, "case {n}");
            assert_eq!(read, expected.as_bytes(), "case {n}");
            let again = reads.read(&mut [0; 10]).await.expect_err("it stays wrong");
            assert_eq!(fault(&again), wrong, "case {n}");
        }
    }

    /// The end is one only where the transport ends, too: what comes later is not missed.
    #[tokio::test]
    async fn the_end_waits_for_that_of_the_transport() {
        let ((mut reads, _writes), mut theirs, mut far) = with_snow().await;
        far.write_all(&theirs.seal(b"")).await.expect("an open pipe");
        assert!(poll_at_most(10, reads.read(&mut [0; 1])).is_none(), "it waits");
        far.write_all(b"x").await.expect("an open pipe");
        let error = reads.read(&mut [0; 1]).await.expect_err("data behind the end");
        assert_eq!(fault(&error), LinkError::AfterEnd);
    }

    #[tokio::test]
    async fn shutdown_sends_the_end_once() {
        let ((_reads, mut writes), mut theirs, mut far) = with_snow().await;
        writes.write_all(b"hello").await.expect("an open pipe");
        for _ in 0..3 {
            writes.shutdown().await.expect("an open pipe");
        }
        let error = writes.write(b"more").await.expect_err("it has ended");
        assert_eq!((error.kind(), fault(&error)), (ErrorKind::BrokenPipe, LinkError::Ended));
        let mut wire = Vec::new();
        far.read_to_end(&mut wire).await.expect("an open pipe");
        assert_eq!(theirs.open(&wire), [&b"hello"[..], b""]);
    }

    #[tokio::test]
    async fn a_half_that_is_dropped_leaves_the_stream_cut_off() {
        let ((_reads, mut writes), (mut reads, _)) = link(1 << 16, usize::MAX, false).await;
        writes.write_all(b"hello").await.expect("an open pipe");
        drop((_reads, writes));
        let mut read = Vec::new();
        let error = reads.read_to_end(&mut read).await.expect_err("no end came");
        assert_eq!(fault(&error), LinkError::Truncated);
        assert_eq!(read, b"hello");
    }

    /// What was taken is not refused afterwards: the next call tells why it did not go out, and the one behind it
    /// goes on.
    #[tokio::test]
    async fn a_failing_transport_is_told_once_and_loses_nothing() {
        let (near, mut far) = duplex(1 << 16);
        let (reads, writes) = slow(near, usize::MAX, false);
        let key = key();
        let server = async {
            let mut server = peer::server(&KEY, None);
            let mut hello = [0; 58];
            far.read_exact(&mut hello).await.expect("a hello");
            hears(&mut server, &hello[8..]).expect("the same key");
            far.write_all(&says(&mut server)).await.expect("an open pipe");
            peer::Link::new(server)
        };
        let (ours, mut theirs) = tokio::join!(connect(reads, writes, &key), server);
        let (_reads, mut writes) = ours.expect("one key");
        writes.get_mut().fails = Some(ErrorKind::TimedOut);
        assert_eq!(writes.write(b"hel").await.expect("it is taken"), 3);
        let error = writes.write(b"lo").await.expect_err("the transport failed");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(writes.write(b"lo").await.expect("it goes on"), 2);
        // Before anything is taken, it is told at once.
        writes.get_mut().fails = Some(ErrorKind::TimedOut);
        assert!(writes.flush().await.is_err());
        writes.shutdown().await.expect("it goes on");
        let mut wire = Vec::new();
        far.read_to_end(&mut wire).await.expect("an open pipe");
        assert_eq!(theirs.open(&wire), [&b"hel"[..], b"lo", b""]);
    }

    #[tokio::test]
    async fn calls_that_move_nothing_do_nothing() {
        let ((mut reads, mut writes), _server) = link(1 << 16, usize::MAX, false).await;
        assert_eq!(reads.read(&mut []).await.expect("nothing asked for"), 0);
        assert_eq!(writes.write(&[]).await.expect("nothing given"), 0);
        writes.flush().await.expect("an open pipe");
        assert_eq!(writes.get_ref().writes.len(), 1, "the hello");
        assert!((2 * MAX_MESSAGE + MAX_PLAINTEXT..48 * 1024).contains(&MEMORY_PER_LINK));
    }
}

/// Futures that are dropped wherever they wait. Without a runtime: tokio's would let nothing be polled that often.
mod dropped {
    use super::*;

    /// Ways in which the transport cuts, and how often a future is polled before it is dropped.
    fn ways() -> impl Iterator<Item = (usize, usize, usize)> {
        let steps = [1, 3, 60, usize::MAX];
        let polls = (1..6).chain([20, 100]);
        polls.flat_map(move |polls| steps.map(|step| [(step, 50, polls), (step, 1 << 16, polls)]).concat())
    }

    #[test]
    fn no_byte_is_lost_or_sent_twice() {
        let bytes: Vec<u8> = (0..9_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
        for (step, size, polls) in ways() {
            let at = format!("{step} bytes at a time, a pipe of {size}, dropped after {polls}");
            let ((_client, mut writes), (mut reads, _server)) = finish(link(size, step, true));
            let (mut rest, mut read, mut buf) = (&bytes[..], Vec::new(), [0; 700]);
            let (mut flushed, mut ended, mut turns) = (false, false, 0);
            loop {
                turns += 1;
                assert!(turns < ENDLESS, "it stands still: {at}");
                if !rest.is_empty() {
                    let piece = &rest[..rest.len().min(1000)];
                    if let Some(n) = poll_at_most(polls, writes.write(piece)) {
                        rest = &rest[n.expect(&at)..];
                    }
                } else if !flushed {
                    flushed = poll_at_most(polls, writes.flush()).map(|done| done.expect(&at)).is_some();
                } else if !ended {
                    ended = poll_at_most(polls, writes.shutdown()).map(|done| done.expect(&at)).is_some();
                }
                match poll_at_most(polls, reads.read(&mut buf)) {
                    Some(Ok(0)) => break,
                    Some(n) => read.extend_from_slice(&buf[..n.expect(&at)]),
                    None => {}
                }
            }
            assert!(ended && read == bytes, "{at}");
        }
    }

    /// The same through a writer and a reader of frames.
    #[test]
    fn no_frame_is_lost_or_sent_twice() {
        let lengths = [0, 1, 40, 500, 0, 64];
        for (step, size, polls) in ways() {
            let at = format!("{step} bytes at a time, a pipe of {size}, dropped after {polls}");
            let ((_client, writes), (reads, _server)) = finish(link(size, step, true));
            let mut writer = Writer::with_capacity(writes, formats::U32_BE, 600).expect("room");
            let mut reader = Reader::with_capacity(reads, formats::U32_BE, 600).expect("room");
            let (mut sent, mut read, mut turns) = (0, Vec::new(), 0);
            loop {
                turns += 1;
                assert!(turns < ENDLESS, "it stands still: {at}");
                if let Some(&len) = lengths.get(sent) {
                    if let Some(pushed) = poll_at_most(polls, writer.push(&vec![7; len])) {
                        pushed.expect(&at);
                        sent += 1;
                    }
                } else {
                    let _ = poll_at_most(polls, writer.close()).map(|done| done.expect(&at));
                }
                match poll_at_most(polls, reader.next_frame()) {
                    Some(Ok(None)) => break,
                    Some(frame) => read.push(frame.expect(&at).expect("a frame").payload().len()),
                    None => {}
                }
            }
            assert_eq!(read, lengths, "{at}");
        }
    }
}
