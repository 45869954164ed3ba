//! `ringframe_io::std` and `ringframe_io::tcp` over real sockets of this machine. Of times, only what they
//! must be at the least is asserted: a busy machine makes everything longer.
#![cfg(feature = "tcp")]

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use ringframe::Limited;
use ringframe::formats::{self, U32Be};
use ringframe_io::std::{Framed, Incoming, ReadTimeout, Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError, tcp};
use socket2::SockRef;

type Link = Framed<TcpStream, Limited<U32Be>, Box<[u8]>>;
type Failure = Box<dyn Error>;

const STORE: usize = 1024;

/// Frames of any size here, larger than the store too.
const FORMAT: Limited<U32Be> = Limited::new(formats::U32_BE, 1 << 20);

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Both ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = tcp::listen(any_port(), tcp::DEFAULT_BACKLOG).expect("a port");
    let address = listener.local_addr().expect("its address");
    let near =
        tcp::connect(address, &tcp::Options::default(), Some(Duration::from_secs(60))).expect("a connection");
    (near, listener.accept().expect("a connection").0)
}

fn link(stream: TcpStream) -> Link {
    Framed::with_capacity(stream, FORMAT, STORE).expect("a store that holds a header")
}

/// Payload number `n`; some are larger than the store.
fn payload(n: usize) -> Vec<u8> {
    (0..n * 37 % 1500).map(|i| (i + n) as u8).collect()
}

mod two_threads {
    use super::*;

    const FRAMES: usize = 300;

    fn send_all(writer: &mut Writer<TcpStream, Limited<U32Be>, Box<[u8]>>) {
        for n in 0..FRAMES {
            writer.push(&payload(n)).expect("a peer that reads");
        }
        writer.flush().expect("a peer that reads");
    }

    fn read_all(reader: &mut Reader<TcpStream, Limited<U32Be>, Box<[u8]>>) {
        for n in 0..FRAMES {
            match reader.next_incoming().expect("a good stream").expect("a frame") {
                Incoming::Frame(frame) => assert_eq!(frame.payload(), payload(n)),
                Incoming::Large(mut large) => {
                    let mut bytes = Vec::new();
                    large.read_to_end(&mut bytes).expect("a whole payload");
                    assert_eq!(bytes, payload(n));
                }
            }
        }
    }

    /// Both ends send and read at once, each in two threads, then answer each other in one again.
    #[test]
    fn a_link_is_split_and_joined_and_half_closed() {
        let (near, far) = pair();
        thread::scope(|scope| {
            let ends = [(near, true), (far, false)].map(|(stream, asks)| {
                scope.spawn(move || {
                    let (mut reader, mut writer) = link(stream).split().expect("a handle");
                    let sender = thread::spawn(move || {
                        send_all(&mut writer);
                        writer
                    });
                    read_all(&mut reader);
                    let mut link = Framed::join(reader, sender.join().expect("a sender that ends"));
                    if asks {
                        link.send(b"done?").expect("a peer");
                        // Nothing more from here; replies still come.
                        link.close().expect("a connection");
                        let reply = link.next_frame().expect("a reply").expect("a reply");
                        assert_eq!(reply.payload(), b"done");
                    } else {
                        let question = link.next_frame().expect("a question").expect("a question");
                        assert_eq!(question.payload(), b"done?");
                        assert!(link.next_frame().expect("a clean end").is_none());
                        link.send(b"done").expect("a half-closed peer that reads");
                    }
                    (link.decoder().stats().frames, link.encoder().stats().frames)
                })
            });
            for end in ends {
                assert_eq!(end.join().expect("no failures"), (FRAMES as u32 + 1, FRAMES as u32 + 1));
            }
        });
    }

    /// The system's own `WouldBlock`, in the middle of frames of every kind.
    #[test]
    fn a_peer_that_does_not_read_blocks_and_nothing_is_lost() -> Result<(), Failure> {
        let (near, far) = pair();
        near.set_nonblocking(true)?;
        let mut writer = Writer::with_capacity(near, FORMAT, STORE)?;
        let large = vec![7; 100_000];
        // Until the peer's window is full.
        let sent = (1..).find_map(|n| writer.send(&large).err().map(|error| (n, error)));
        let (sent, error) = sent.ok_or("no end")?;
        assert!(matches!(&error, WriteError::Io(error) if error.kind() == ErrorKind::WouldBlock), "{error}");
        assert!(writer.try_flush().is_pending() || writer.encoder().is_empty());

        let peer = thread::spawn(move || {
            let mut reader = Reader::with_capacity(far, FORMAT, STORE).expect("a store");
            let mut lens = Vec::new();
            while let Some(incoming) = reader.next_incoming().expect("a good stream") {
                lens.push(match incoming {
                    Incoming::Frame(frame) => frame.payload().len() as u64,
                    Incoming::Large(payload) => payload.left(),
                });
            }
            lens
        });
        let mut rest = usize::try_from(writer.encoder().left())?;
        while rest > 0 {
            match writer.resume().write(&large[..rest]) {
                Ok(n) => rest -= n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                Err(error) => return Err(error.into()),
            }
        }
        writer.get_ref().set_nonblocking(false)?;
        writer.send(b"small")?;
        drop(writer);
        let lens = peer.join().expect("no failures");
        assert_eq!(lens[..lens.len() - 1], vec![100_000; sent]);
        assert_eq!(lens.last(), Some(&5));
        Ok(())
    }
}

mod patience {
    use super::*;

    const SHORT: Duration = Duration::from_millis(150);

    /// Longer than any test takes.
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_silent_peer_is_idle_before_and_between_frames() {
        let (near, far) = pair();
        let (mut near, mut far) = (link(near), link(far));
        near.set_patience(Patience::ENDLESS.with_idle(SHORT));
        for _ in 0..2 {
            let begin = Instant::now();
            let Err(ReadError::Idle { allowed }) = near.next_frame() else { panic!("not idle") };
            assert_eq!(allowed, SHORT);
            assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
            // It is a pause, not an end.
            far.send(b"still there").expect("a peer");
            assert!(near.next_frame().expect("a good frame").is_some());
        }
    }

    /// The same for a payload that is skipped before unframed bytes: it is on the clock of its frame.
    #[test]
    fn a_payload_skipped_before_unframed_bytes_is_too_slow() {
        let (near, mut far) = pair();
        let mut near = link(near);
        near.set_patience(Patience::ENDLESS.with_idle(HOUR).with_frame(SHORT));
        let (stop, stopped) = mpsc::channel::<()>();
        let sender = thread::spawn(move || {
            far.write_all(&[0, 1, 0, 0]).expect("a peer");
            while stopped.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout) {
                far.write_all(&[7]).expect("a peer");
            }
        });
        assert!(matches!(near.next_incoming(), Ok(Some(Incoming::Large(_)))));
        let error = near.unframed().read(&mut [0; 16]).expect_err("it never ends");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(error.to_string().contains("a frame was not complete"), "{error}");
        drop(stop);
        sender.join().expect("no panic");
    }

    /// CVE-2007-6750: a byte now and then must not hold a connection.
    #[test]
    fn a_byte_now_and_then_is_too_slow() {
        for bytes_per_second in [0, 100_000] {
            let (near, mut far) = pair();
            let mut near = link(near);
            let frame = SHORT;
            near.set_patience(Patience::ENDLESS.with_frame(frame).with_bytes_per_second(bytes_per_second));
            let (stop, stopped) = mpsc::channel::<()>();
            let sender = thread::spawn(move || {
                let header = [0, 1, 0, 0];
                let mut bytes = header.iter().chain(std::iter::repeat(&7));
                while stopped.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout)
                {
                    let byte = bytes.next().expect("endless");
                    far.write_all(&[*byte]).expect("a peer");
                }
            });
            let begin = Instant::now();
            let error = match near.next_incoming().map(|incoming| incoming.is_some()) {
                // The header came in time: 64 KiB are not worth a second at that rate.
                Ok(_) => near.next_frame().expect_err("it is skipped as slowly"),
                Err(error) => error,
            };
            let ReadError::TooSlow { allowed, missing } = error else { panic!("{error}") };
            assert_eq!(allowed, frame);
            assert!(missing > 0 && missing <= 65536, "{missing}");
            assert!(begin.elapsed() >= frame, "{:?}", begin.elapsed());
            assert!(matches!(near.next_frame(), Err(ReadError::TooSlow { .. })), "it is repeated");
            drop(stop);
            sender.join().expect("no failures");
        }
    }

    #[test]
    fn a_declared_length_adds_to_the_time() {
        let (near, mut far) = pair();
        let mut near = Framed::with_capacity(near, formats::U32_BE, STORE).expect("a store");
        far.write_all(&[0, 0, 3, 232]).expect("a peer");
        let frame = Duration::from_millis(100);
        near.set_patience(Patience::ENDLESS.with_frame(frame).with_bytes_per_second(1000));
        let begin = Instant::now();
        let Err(ReadError::TooSlow { allowed, missing }) = near.next_frame() else { panic!("not slow") };
        assert_eq!((allowed, missing), (frame + Duration::from_secs(1), 1000));
        assert!(begin.elapsed() >= allowed, "{:?}", begin.elapsed());
    }

    /// A reader that is busy elsewhere, with a reply that the peer is slow to take, isn't waiting.
    #[test]
    fn the_clock_rests_while_nobody_reads() {
        let (near, far) = pair();
        let (mut near, mut far) = (link(near), link(far));
        let frame = Duration::from_millis(400);
        far.send(&[7; 5000]).expect("a peer");
        near.set_patience(Patience::ENDLESS.with_idle(frame).with_frame(frame));
        let Ok(Some(Incoming::Large(mut payload))) = near.next_incoming() else { panic!("a large frame") };
        thread::sleep(frame + SHORT);
        let mut bytes = Vec::new();
        payload.read_to_end(&mut bytes).expect("what arrived meanwhile");
        assert_eq!(bytes, [7; 5000]);
        thread::sleep(frame + SHORT);
        far.send(b"next").expect("a peer");
        assert!(near.next_frame().expect("a good frame").is_some());
    }

    /// What a frame's deadline left of the socket's time-out is not for bytes that are no frame.
    #[test]
    fn unframed_bytes_have_the_time_between_frames() {
        let (near, mut far) = pair();
        let mut near = link(near);
        near.set_patience(Patience::ENDLESS.with_frame(Duration::from_millis(20)));
        far.write_all(&[0]).expect("a peer");
        assert!(matches!(near.next_frame(), Err(ReadError::TooSlow { .. })));
        let sender = thread::spawn(move || {
            thread::sleep(SHORT);
            far.write_all(b"raw").expect("a peer");
        });
        let mut bytes = [0xff; 4];
        near.unframed().read_exact(&mut bytes).expect("bytes, in the end");
        assert_eq!(&bytes, b"\0raw");
        sender.join().expect("no failures");
    }

    /// Not "Resource temporarily unavailable".
    #[test]
    fn a_silent_peer_is_idle_for_unframed_bytes_too() {
        let (near, _far) = pair();
        let mut near = link(near);
        near.set_patience(Patience::ENDLESS.with_idle(SHORT));
        let error = near.unframed().read(&mut [0; 4]).expect_err("nothing comes");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
        assert!(error.to_string().contains("no frame began"), "{error}");
    }

    /// The system's own time-out, in the middle of a frame larger than all that is on its way.
    #[test]
    fn a_peer_that_does_not_read_stalls_and_the_rest_can_be_resumed() {
        let (near, far) = pair();
        let (mut near, mut far) = (Framed::with_capacity(near, HUGE, STORE).expect("a store"), far);
        near.set_write_patience(Some(SHORT));
        let payload = vec![7; 64 << 20];
        let begin = Instant::now();
        let Err(WriteError::Stalled { allowed, .. }) = near.send(&payload) else { panic!("not stalled") };
        assert_eq!(allowed, SHORT);
        assert!(begin.elapsed() >= SHORT);
        let peer = thread::spawn(move || {
            let mut sum = 0;
            let mut bytes = vec![0; 1 << 20];
            while let n @ 1.. = far.read(&mut bytes).expect("a stream") {
                sum += n;
            }
            sum
        });
        near.set_write_patience(None);
        let left = usize::try_from(near.encoder().left()).expect("a part");
        assert!(left > 0);
        near.writer().resume().write_all(&payload[..left]).expect("a peer that reads");
        near.close().expect("a peer that reads");
        assert_eq!(peer.join().expect("no failures"), payload.len() + 4);
    }
}

/// More than any system buffers.
const HUGE: Limited<U32Be> = Limited::new(formats::U32_BE, 1 << 30);

/// What every socket of `std` does.
macro_rules! of_every_socket {
    ($(#[$cfg:meta] $name:ident: $Socket:ty, $pair:expr;)*) => {$(
        #[$cfg]
        mod $name {
            use super::*;

            type Link = Framed<$Socket, Limited<U32Be>, Box<[u8]>>;

            /// Both ends of a connection, the near one with time-outs of its user's own.
            fn pair() -> (Link, $Socket) {
                let (near, far): ($Socket, $Socket) = $pair;
                near.set_read_timeout(Some(OWN)).expect("a time-out");
                near.set_write_timeout(Some(2 * OWN)).expect("a time-out");
                (Framed::with_capacity(near, FORMAT, STORE).expect("a store"), far)
            }

            fn timeouts(socket: &$Socket) -> [Option<Duration>; 2] {
                [socket.read_timeout(), socket.write_timeout()].map(|timeout| timeout.expect("a socket"))
            }

            /// Sets patience, and uses it.
            fn wait_in_vain(link: &mut Link) {
                link.set_patience(Patience::ENDLESS.with_idle(SHORT));
                link.set_write_patience(Some(SHORT));
                let begin = Instant::now();
                assert!(matches!(link.next_frame(), Err(ReadError::Idle { .. })));
                assert!(begin.elapsed() >= SHORT);
                link.send(b"hello").expect("a peer");
                assert_ne!(timeouts(link.get_ref()), OWN_TIMEOUTS);
            }

            #[test]
            fn into_parts_restores_the_users_own_time_outs() {
                let (mut link, _far) = pair();
                wait_in_vain(&mut link);
                let (socket, ..) = link.into_parts();
                assert_eq!(timeouts(&socket), OWN_TIMEOUTS);
            }

            /// The user's own time-out is what a reader without patience has.
            #[test]
            fn endless_patience_restores_the_users_own_time_outs() {
                let (mut link, _far) = pair();
                wait_in_vain(&mut link);
                link.set_patience(Patience::ENDLESS);
                link.set_write_patience(None);
                let error = link.next_frame().map(|_| ()).expect_err("nothing comes");
                let ReadError::Io(error) = error else { panic!("{error}") };
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
                link.send(b"hello").expect("a peer");
                assert_eq!(timeouts(link.get_ref()), OWN_TIMEOUTS);
            }

            /// The halves are one socket, and keep the patience.
            #[test]
            fn split_and_join_keep_the_patience_and_restore_the_users_own_time_outs() {
                let (mut link, _far) = pair();
                wait_in_vain(&mut link);
                let (mut reader, mut writer) = link.split().expect("a handle");
                assert!(matches!(reader.next_frame(), Err(ReadError::Idle { .. })));
                writer.send(b"hello").expect("a peer");
                let mut link = Framed::join(reader, writer);
                assert!(matches!(link.next_frame(), Err(ReadError::Idle { .. })));
                let (reader, writer) = link.split().expect("a handle");
                let (socket, _) = reader.into_parts();
                assert_eq!(timeouts(&socket)[0], OWN_TIMEOUTS[0]);
                drop(writer.into_parts());
                assert_eq!(timeouts(&socket), OWN_TIMEOUTS);
            }

            /// A lent socket is a transport, too.
            #[test]
            fn a_reader_of_a_lent_socket_has_patience() {
                let (link, _far) = pair();
                let (socket, ..) = link.into_parts();
                let mut reader = Reader::with_capacity(&socket, FORMAT, STORE).expect("a store");
                reader.set_patience(Patience::ENDLESS.with_idle(SHORT));
                let begin = Instant::now();
                assert!(matches!(reader.next_frame(), Err(ReadError::Idle { .. })));
                assert!(begin.elapsed() >= SHORT);
                let mut writer = Writer::with_capacity(&socket, FORMAT, STORE).expect("a store");
                writer.set_write_patience(Some(SHORT));
                writer.send(b"hello").expect("a peer");
                writer.close().expect("a peer");
                drop((reader.into_parts(), writer.into_parts()));
                assert_eq!(timeouts(&socket), OWN_TIMEOUTS);
            }

            #[test]
            fn an_attempt_on_a_non_blocking_socket_is_pending_after_one_read() {
                let (link, mut far) = pair();
                let (socket, decoder, encoder) = link.into_parts();
                socket.set_nonblocking(true).expect("a socket");
                let mut link = Framed::new(Counting { socket, reads: 0 }, decoder, encoder);
                for patience in [Patience::ENDLESS, Patience::ENDLESS.with_idle(SHORT).with_frame(SHORT)] {
                    link.set_patience(patience);
                    link.get_mut().reads = 0;
                    for reads in 1..=100 {
                        assert!(link.try_next_frame().is_pending());
                        assert_eq!(link.get_ref().reads, reads);
                    }
                }
                far.write_all(b"\0\0\0\x02ok").expect("a peer");
                let payload = loop {
                    if let Poll::Ready(frame) = link.try_next_frame() {
                        break frame.expect("a good stream").expect("a frame").payload().to_vec();
                    }
                    thread::yield_now();
                };
                assert_eq!(payload, b"ok");
                assert!(link.try_next_frame().is_pending());
            }

            #[test]
            fn closing_leaves_the_other_direction_open() {
                let (mut link, mut far) = pair();
                link.push(b"hello").expect("room");
                link.close().expect("a peer");
                let mut bytes = Vec::new();
                far.read_to_end(&mut bytes).expect("an end");
                assert_eq!(bytes, b"\0\0\0\x05hello");
                far.write_all(b"\0\0\0\x02ok").expect("a peer that reads");
                assert!(link.next_frame().expect("a good stream").is_some());
            }
        }
    )*};
}

/// A time-out of the user's own, short enough to wait for.
const OWN: Duration = Duration::from_millis(80);
const OWN_TIMEOUTS: [Option<Duration>; 2] = [Some(OWN), Some(Duration::from_millis(160))];
const SHORT: Duration = Duration::from_millis(40);

of_every_socket! {
    #[cfg(feature = "tcp")] tcp_sockets: TcpStream, super::pair();
    #[cfg(unix)] unix_sockets: std::os::unix::net::UnixStream,
        std::os::unix::net::UnixStream::pair().expect("a pair");
}

/// Counts the reads.
struct Counting<S> {
    socket: S,
    reads: usize,
}

impl<S: Read> Read for Counting<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        self.socket.read(buf)
    }
}

impl<S: Write> Write for Counting<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl<S: ReadTimeout> ReadTimeout for Counting<S> {
    fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.socket.read_timeout()
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }
}

mod options {
    use super::*;

    #[test]
    fn options_arrive_at_the_socket() -> Result<(), Failure> {
        let (near, _far) = pair();
        let socket = SockRef::from(&near);
        assert!(socket.tcp_nodelay()?, "the default");
        assert!(!socket.keepalive()?, "the default");

        let keepalive =
            tcp::Keepalive { idle: Duration::from_secs(77), interval: Duration::from_secs(11), count: 5 };
        let options = tcp::Options { nodelay: false, keepalive: Some(keepalive), ..tcp::Options::default() };
        options.apply(&near)?;
        assert!(!socket.tcp_nodelay()?);
        assert!(socket.keepalive()?);
        // Where a system has no way to ask, that it took them is all there is to see.
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time()?, keepalive.idle);
            assert_eq!(socket.tcp_keepalive_interval()?, keepalive.interval);
            assert_eq!(socket.tcp_keepalive_retries()?, keepalive.count);
        }

        let options =
            tcp::Options { user_timeout: Some(Duration::from_millis(4321)), ..tcp::Options::default() };
        let applied = options.apply(&near);
        assert!(socket.tcp_nodelay()?, "set before the time-out is tried");
        #[cfg(target_os = "linux")]
        {
            applied?;
            assert_eq!(socket.tcp_user_timeout()?, options.user_timeout);
        }
        #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
        assert_eq!(applied.map_err(|error| error.kind()), Err(ErrorKind::Unsupported));
        Ok(())
    }

    #[test]
    fn a_port_in_use_is_an_error() -> Result<(), Failure> {
        let first = tcp::listen(any_port(), 1)?;
        let second = tcp::listen(first.local_addr()?, 1).expect_err("the port is in use");
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
        Ok(())
    }

    /// The side that closes first keeps the port in TIME_WAIT; a server must be able to start again.
    #[test]
    fn the_port_of_a_server_that_ended_can_be_used_at_once() -> Result<(), Failure> {
        let listener = tcp::listen(any_port(), tcp::DEFAULT_BACKLOG)?;
        let address = listener.local_addr()?;
        #[cfg(not(windows))]
        assert!(SockRef::from(&listener).reuse_address()?);
        let mut client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        drop((server, listener));
        assert_eq!(client.read(&mut [0])?, 0, "the server closed first");
        drop(client);
        tcp::listen(address, tcp::DEFAULT_BACKLOG)?;
        Ok(())
    }

    #[test]
    fn connections_wait_to_be_accepted() -> Result<(), Failure> {
        for backlog in [5, u32::MAX] {
            let listener = tcp::listen(any_port(), backlog)?;
            let address = listener.local_addr()?;
            let options = tcp::Options::default();
            let clients: Result<Vec<_>, _> = (0..5).map(|_| tcp::connect(address, &options, None)).collect();
            for client in clients? {
                let (server, peer) = listener.accept()?;
                assert_eq!((client.local_addr()?, server.local_addr()?), (peer, address));
            }
        }
        Ok(())
    }

    /// Whether `[::]` takes IPv4 too is a setting on some systems.
    #[test]
    fn ipv6_is_only_ipv6() -> Result<(), Failure> {
        let any = SocketAddr::from(([0_u16; 8], 0));
        if TcpListener::bind(any).is_err() {
            return Ok(()); // This machine has no IPv6.
        }
        let v6 = tcp::listen(any, 1)?;
        assert!(SockRef::from(&v6).only_v6()?);
        Ok(())
    }

    #[test]
    fn nobody_listening_is_an_error() -> Result<(), Failure> {
        // Bound and not listening, so that nobody else gets the port.
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&any_port().into())?;
        let address = socket.local_addr()?.as_socket().ok_or("not an address of IP")?;
        for timeout in [None, Some(Duration::from_secs(60))] {
            let error = tcp::connect(address, &tcp::Options::default(), timeout).expect_err("nobody listens");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        }
        Ok(())
    }
}
