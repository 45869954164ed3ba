//! `ringframe_io::std` and `ringframe_io::tcp` over real sockets of this machine. Of times, only what they
//! must be at the least is asserted: a busy machine makes everything longer.
#![cfg(feature = "tcp")]

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ringframe::Limited;
use ringframe::formats::{self, U32Be};
use ringframe_io::std::{Framed, Incoming, Reader, Writer};
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
            writer.push(&[], &payload(n)).expect("a peer that reads");
        }
        writer.flush().expect("a peer that reads");
    }

    fn read_all(reader: &mut Reader<TcpStream, Limited<U32Be>, Box<[u8]>>) {
        for n in 0..FRAMES {
            match reader.read().expect("a good stream").expect("a frame") {
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
                    let (mut reader, mut writer) =
                        link(stream).split(TcpStream::try_clone).expect("a handle");
                    let sender = thread::spawn(move || {
                        send_all(&mut writer);
                        writer
                    });
                    read_all(&mut reader);
                    let mut link = Framed::join(reader, sender.join().expect("a sender that ends"));
                    if asks {
                        link.send(b"done?").expect("a peer");
                        // Nothing more from here; replies still come.
                        link.get_ref().shutdown(Shutdown::Write).expect("a connection");
                        let reply = link.read_frame().expect("a reply").expect("a reply");
                        assert_eq!(reply.payload(), b"done");
                    } else {
                        let question = link.read_frame().expect("a question").expect("a question");
                        assert_eq!(question.payload(), b"done?");
                        assert!(link.read_frame().expect("a clean end").is_none());
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
            while let Some(incoming) = reader.read().expect("a good stream") {
                lens.push(match incoming {
                    Incoming::Frame(frame) => frame.payload().len() as u64,
                    Incoming::Large(payload) => payload.len(),
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

    #[test]
    fn a_silent_peer_is_idle_before_and_between_frames() {
        let (near, far) = pair();
        let (mut near, mut far) = (link(near), link(far));
        near.set_patience(Patience { idle: Some(SHORT), ..Patience::ENDLESS });
        for _ in 0..2 {
            let begin = Instant::now();
            let Err(ReadError::Idle { allowed }) = near.read_frame() else { panic!("not idle") };
            assert_eq!(allowed, SHORT);
            assert!(begin.elapsed() >= SHORT, "{:?}", begin.elapsed());
            // It is a pause, not an end.
            far.send(b"still there").expect("a peer");
            assert!(near.read_frame().expect("a good frame").is_some());
        }
    }

    /// The same for a payload that is skipped before unframed bytes: it is on the clock of its frame.
    #[test]
    fn a_payload_skipped_before_unframed_bytes_is_too_slow() {
        let (near, mut far) = pair();
        let mut near = link(near);
        let patience =
            Patience { idle: Some(Duration::from_secs(60)), frame: Some(SHORT), bytes_per_second: 0 };
        near.set_patience(patience);
        let (stop, stopped) = mpsc::channel::<()>();
        let sender = thread::spawn(move || {
            far.write_all(&[0, 1, 0, 0]).expect("a peer");
            while stopped.recv_timeout(Duration::from_millis(10)) == Err(mpsc::RecvTimeoutError::Timeout) {
                far.write_all(&[7]).expect("a peer");
            }
        });
        assert!(matches!(near.read(), Ok(Some(Incoming::Large(_)))));
        let error = near.raw().read(&mut [0; 16]).expect_err("it never ends");
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
            near.set_patience(Patience { idle: None, frame: Some(frame), bytes_per_second });
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
            let error = match near.read().map(|incoming| incoming.is_some()) {
                // The header came in time: 64 KiB are not worth a second at that rate.
                Ok(_) => near.read_frame().expect_err("it is skipped as slowly"),
                Err(error) => error,
            };
            let ReadError::TooSlow { allowed, missing } = error else { panic!("{error}") };
            assert_eq!(allowed, frame);
            assert!(missing > 0 && missing <= 65536, "{missing}");
            assert!(begin.elapsed() >= frame, "{:?}", begin.elapsed());
            assert!(matches!(near.read_frame(), Err(ReadError::TooSlow { .. })), "it is repeated");
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
        near.set_patience(Patience { idle: None, frame: Some(frame), bytes_per_second: 1000 });
        let begin = Instant::now();
        let Err(ReadError::TooSlow { allowed, missing }) = near.read_frame() else { panic!("not slow") };
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
        near.set_patience(Patience { idle: Some(frame), frame: Some(frame), bytes_per_second: 0 });
        let Ok(Some(Incoming::Large(mut payload))) = near.read() else { panic!("a large frame") };
        thread::sleep(frame + SHORT);
        let mut bytes = Vec::new();
        payload.read_to_end(&mut bytes).expect("what arrived meanwhile");
        assert_eq!(bytes, [7; 5000]);
        thread::sleep(frame + SHORT);
        far.send(b"next").expect("a peer");
        assert!(near.read_frame().expect("a good frame").is_some());
    }

    /// What a frame's deadline left of the socket's time-out is not for bytes that are no frame.
    #[test]
    fn raw_bytes_have_the_time_between_frames() {
        let (near, mut far) = pair();
        let mut near = link(near);
        near.set_patience(Patience {
            idle: None,
            frame: Some(Duration::from_millis(20)),
            bytes_per_second: 0,
        });
        far.write_all(&[0]).expect("a peer");
        assert!(matches!(near.read_frame(), Err(ReadError::TooSlow { .. })));
        let sender = thread::spawn(move || {
            thread::sleep(SHORT);
            far.write_all(b"raw").expect("a peer");
        });
        let mut bytes = [0xff; 4];
        near.raw().read_exact(&mut bytes).expect("bytes, in the end");
        assert_eq!(&bytes, b"\0raw");
        sender.join().expect("no failures");
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets_have_it_too() {
        let (near, _far) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let mut reader = Reader::with_capacity(&near, formats::U32_BE, STORE).expect("a store");
        let begin = Instant::now();
        reader.set_patience(Patience { idle: Some(SHORT), ..Patience::ENDLESS });
        assert!(matches!(reader.read_frame(), Err(ReadError::Idle { .. })));
        assert!(begin.elapsed() >= SHORT);
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
