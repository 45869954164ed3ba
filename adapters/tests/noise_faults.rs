//! The halves of a link over transports at fault. Most tests run in each of the four ecosystems.
#![cfg(all(
    feature = "noise",
    feature = "std",
    feature = "tokio",
    feature = "embedded-io",
    feature = "embedded-io-async"
))]

mod support {
    pub(crate) mod ecosystems;
    pub(crate) mod peer;
    pub(crate) mod task;
}

use std::io::{self, ErrorKind};

use ringframe_io::noise::{
    self, Ephemeral, HalfError, HandshakeError, Key, LinkError, Memory, receive_store,
};
use support::ecosystems::{
    BROKEN, Blocking, Ecosystem, Fault, INTERRUPTED, Lies, Moves, RESET, Transport, boxed, links, memory,
};
use support::peer::{self, KEY, hello};
use support::task::{finish, poll_at_most};

#[test]
fn interrupted_calls_are_made_again() {
    for mut link in links() {
        let name = link.ecosystem;
        let wire = [link.theirs.seal(b"hello"), link.theirs.seal(b"")].concat();
        link.transport.says(&wire);
        link.transport.plan([INTERRUPTED, INTERRUPTED, Moves(1), INTERRUPTED]);
        let mut buf = [0; 10];
        assert_eq!(link.reads.read(&mut buf), Ok(5), "{name:?}");
        assert_eq!(link.reads.read(&mut buf), Ok(0), "{name:?}");

        link.transport.plan([INTERRUPTED, Moves(1), INTERRUPTED, Moves(3), INTERRUPTED]);
        assert_eq!(link.writes.write(b"hello"), Ok(5), "{name:?}");
        link.writes.flush().expect("it goes on");
        // The flush of the transport itself, and the end of its direction.
        link.transport.plan([INTERRUPTED, INTERRUPTED]);
        link.writes.flush().expect("it goes on");
        // The write, the flush, and the end of the transport's direction, where it has one.
        link.transport.plan([INTERRUPTED, Moves(usize::MAX), INTERRUPTED, Moves(0), INTERRUPTED]);
        link.writes.end().expect("it goes on");
        assert_eq!(link.sent(), b"hello", "{name:?}");
    }
}

#[test]
fn an_interrupted_handshake_goes_on() {
    for ecosystem in Ecosystem::ALL {
        let transport = Transport::new();
        // Two writes, the flush, some reads.
        transport.plan([
            INTERRUPTED,
            Moves(9),
            INTERRUPTED,
            Moves(usize::MAX),
            INTERRUPTED,
            Moves(0),
            INTERRUPTED,
            Moves(7),
            INTERRUPTED,
        ]);
        assert!(ecosystem.connect(&transport, 1, 17).is_ok(), "{ecosystem:?}");
    }
}

/// The transport is blamed, and nothing of what it claims is counted.
#[test]
fn a_transport_that_claims_to_have_read_more_than_it_was_given_room_for() {
    for mut link in links() {
        if link.ecosystem == Ecosystem::Tokio {
            continue; // Its buffer does not let a transport do that.
        }
        let wire = link.theirs.seal(b"hello");
        link.transport.says(&wire);
        link.transport.plan([Lies(1)]);
        let room = if link.ecosystem == Ecosystem::Std { 16 * 1024 } else { 700 };
        let error = link.reads.read(&mut [0; 10]);
        assert_eq!(error, Err(Fault::Overrun(room + 1, room)), "{:?}", link.ecosystem);
    }
}

#[test]
fn a_transport_that_claims_to_have_written_more_than_there_was() {
    for mut link in links() {
        let name = link.ecosystem;
        assert_eq!(link.writes.write(b"one"), Ok(3));
        link.writes.flush().expect("a good transport");
        link.transport.plan([Lies(1)]);
        assert_eq!(link.writes.write(b"two"), Ok(3), "{name:?}: it is taken");
        assert_eq!(link.writes.flush(), Err(Fault::Overrun(22, 21)), "{name:?}");
        link.writes.flush().expect("it goes on");
        assert_eq!(link.sent(), b"onetwo", "{name:?}");
    }
}

#[test]
fn a_transport_that_takes_nothing() {
    for mut link in links() {
        let name = link.ecosystem;
        link.transport.plan([Moves(0)]);
        assert_eq!(link.writes.write(b"one"), Ok(3));
        assert_eq!(link.writes.flush(), Err(Fault::WriteZero), "{name:?}");
        link.writes.flush().expect("it goes on");
        assert_eq!(link.sent(), b"one", "{name:?}");
    }
}

#[test]
fn a_handshake_over_a_transport_at_fault_blames_it() {
    for ecosystem in Ecosystem::ALL {
        let fails = |plan: Vec<support::ecosystems::Does>| {
            let transport = Transport::new();
            transport.plan(plan);
            ecosystem.connect(&transport, 700, 17).map(drop).expect_err("it is at fault")
        };
        assert_eq!(fails(vec![RESET]), HandshakeError::Io(BROKEN));
        assert_eq!(fails(vec![Moves(3), RESET]), HandshakeError::Io(BROKEN));
        assert_eq!(fails(vec![Moves(0)]), HandshakeError::WriteZero);
        assert_eq!(fails(vec![Lies(2)]), HandshakeError::Overrun { claimed: 60, offered: 58 });
        let all = Moves(usize::MAX);
        assert_eq!(fails(vec![all, RESET]), HandshakeError::Io(BROKEN), "the flush");
        assert_eq!(fails(vec![all, all, RESET]), HandshakeError::Io(BROKEN), "the read");
        assert_eq!(fails(vec![all, all, Moves(0)]), HandshakeError::Closed);
    }
    let error: HandshakeError<io::Error> = HandshakeError::Overrun { claimed: 60, offered: 58 };
    let text = "the transport is at fault: it claims to have moved 60 bytes of 58";
    assert_eq!(error.to_string(), text);
}

/// Each failure is told by one call, and each byte that was taken is sent once.
#[test]
fn a_failing_write_is_told_once_and_loses_nothing() {
    for mut link in links() {
        let name = link.ecosystem;
        link.transport.plan([Moves(5), RESET]);
        assert_eq!(link.writes.write(b"one"), Ok(3), "{name:?}: it is taken");
        assert_eq!(link.writes.flush(), Err(BROKEN), "{name:?}: told");
        assert_eq!(link.writes.write(b"two"), Ok(3), "{name:?}: not told again");
        link.writes.flush().expect("it goes on");

        // A call that fails before it takes anything says so itself.
        if link.ecosystem.is_host() {
            link.transport.plan([RESET, RESET]);
            assert_eq!(link.writes.write(b"three"), Ok(5), "{name:?}: it is taken");
            assert_eq!(link.writes.write(b"never"), Err(BROKEN), "{name:?}: that of the write before");
            assert_eq!(link.writes.write(b"never"), Err(BROKEN), "{name:?}: its own");
        } else {
            link.transport.plan([RESET, RESET]);
            assert_eq!(link.writes.write(b"three"), Ok(5), "{name:?}: there is room");
            assert_eq!(link.writes.write(&[7; 200]), Err(BROKEN), "{name:?}: its own");
            assert_eq!(link.writes.flush(), Err(BROKEN), "{name:?}: its own");
        }
        link.writes.flush().expect("it goes on");

        // Neither is an end lost.
        link.transport.plan([Moves(5), RESET]);
        assert_eq!(link.writes.end(), Err(BROKEN), "{name:?}");
        assert_eq!(link.writes.write(b"more"), Err(Fault::Link(LinkError::Ended)), "{name:?}");
        link.writes.end().expect("it goes on");
        assert_eq!(link.transport.0.borrow().closed, link.ecosystem.is_host());
        let wrote = link.transport.wrote();
        assert_eq!(link.theirs.open(&wrote), [&b"one"[..], b"two", b"three", b""], "{name:?}");
    }
}

#[test]
fn a_failing_read_is_told_and_loses_nothing() {
    for mut link in links() {
        let name = link.ecosystem;
        let wire = link.theirs.seal(b"hello");
        link.transport.says(&wire);
        link.transport.plan([Moves(1), RESET, Moves(9), RESET]);
        let mut buf = [0; 10];
        assert_eq!(link.reads.read(&mut buf), Err(BROKEN), "{name:?}");
        assert_eq!(link.reads.read(&mut buf), Err(BROKEN), "{name:?}");
        assert_eq!(link.reads.read(&mut buf), Ok(5), "{name:?}");
        assert_eq!(&buf[..5], b"hello");
    }
}

/// The end, clean or not, is found once, and the transport is not read after it.
#[test]
fn a_link_that_was_cut_stays_cut() {
    for (end, found) in [(true, Ok(0)), (false, Err(Fault::Link(LinkError::Truncated)))] {
        for mut link in links() {
            let mut wire = link.theirs.seal(b"hello");
            if end {
                wire.extend(link.theirs.seal(b""));
            }
            link.transport.says(&wire);
            let mut buf = [0; 10];
            assert_eq!(link.reads.read(&mut buf), Ok(5));
            assert_eq!(link.reads.read(&mut buf), found, "{:?}", link.ecosystem);
            let calls = link.transport.calls();
            assert_eq!(link.reads.read(&mut buf), found, "{:?}", link.ecosystem);
            assert_eq!(link.transport.calls(), calls);
        }
    }
}

#[test]
fn errors_of_a_link_have_the_kinds_of_their_ecosystem() {
    use embedded_io::Error as _;

    let cases = [
        (LinkError::Truncated, ErrorKind::UnexpectedEof, embedded_io::ErrorKind::ConnectionAborted),
        (LinkError::Authentication, ErrorKind::InvalidData, embedded_io::ErrorKind::InvalidData),
        (LinkError::AfterEnd, ErrorKind::InvalidData, embedded_io::ErrorKind::InvalidData),
        (LinkError::Ended, ErrorKind::BrokenPipe, embedded_io::ErrorKind::BrokenPipe),
        (LinkError::Exhausted, ErrorKind::Other, embedded_io::ErrorKind::Other),
    ];
    for (error, host, device) in cases {
        let io = io::Error::from(error);
        assert_eq!((io.kind(), Fault::from(io)), (host, Fault::Link(error)));
        assert_eq!(HalfError::<io::Error>::from(error).kind(), device);
    }
    let zero = io::Error::from(HalfError::WriteZero);
    assert_eq!((zero.kind(), Fault::from(zero)), (ErrorKind::WriteZero, Fault::WriteZero));
    let overrun = || HalfError::<io::Error>::Overrun { claimed: 2, offered: 1 };
    assert_eq!(overrun().kind(), embedded_io::ErrorKind::Other);
    assert_eq!(io::Error::from(overrun()).kind(), ErrorKind::Other);
}

/// A peer that sends any message, to a device that has less memory than that.
#[test]
fn a_message_larger_than_the_store_is_refused_at_its_length() {
    for ecosystem in [Ecosystem::Blocking, Ecosystem::Async] {
        let transport = Transport::new();
        let (mut reads, _writes) =
            ecosystem.connect(&transport, 50, receive_store(100)).expect("the same key");
        let theirs = transport.0.borrow_mut().theirs.take();
        let mut theirs = peer::Link::new(theirs.expect("it has answered"));
        let wire = [&theirs.seal(&[7; 100])[..], &theirs.seal(&[7; 101])[..2]].concat();
        transport.says(&wire);
        let mut buf = [0; 200];
        assert_eq!(reads.read(&mut buf), Ok(100), "{ecosystem:?}");
        let refused = LinkError::Length { declared: 117, limit: 116 };
        assert_eq!(reads.read(&mut buf), Err(Fault::Link(refused)), "{ecosystem:?}");
    }
}

#[test]
fn a_host_that_is_configured_so_sends_small_messages() {
    let t = Transport::new();
    let (_reads, mut writes) = noise::std::connect(t.clone(), t.clone(), &Key::new(KEY)).expect("one key");
    let mut theirs = peer::Link::new(t.0.borrow_mut().theirs.take().expect("it has answered"));
    writes.set_max_plaintext(100);
    io::Write::write_all(&mut writes, &[7; 250]).expect("a good transport");
    let lengths: Vec<_> = theirs.open(&t.wrote()).iter().map(Vec::len).collect();
    assert_eq!(lengths, [100, 100, 50]);
}

#[test]
fn memory_that_is_too_small_is_refused() {
    let refused = |chunk: usize, receive: usize, send: usize| {
        let (mut chunk, mut receive, mut send) = (vec![0; chunk], vec![0; receive], vec![0; send]);
        let error = Memory::try_new(&mut chunk, &mut receive, &mut send).err()?;
        Some((error.store, error.needed))
    };
    assert_eq!(refused(0, 17, 37), Some((0, 1)));
    assert_eq!(refused(1, 16, 37), Some((16, 17)));
    assert_eq!(refused(1, 17, 36), Some((36, 37)));
    assert_eq!(refused(1, 17, 37), None);
}

mod taken_apart {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::rc::Rc;

    use super::{Blocking, Ephemeral, KEY, Key, Moves, RESET, Transport, memory, noise, peer};

    /// What was read and not asked for is in the parts, to the byte.
    #[test]
    fn nothing_that_was_read_is_lost() {
        let t = Transport::new();
        let (mut reads, _writes) =
            noise::std::connect(t.clone(), t.clone(), &Key::new(KEY)).expect("one key");
        let mut theirs = peer::Link::new(t.0.borrow_mut().theirs.take().expect("it has answered"));
        let wire = [theirs.seal(b"hello"), theirs.seal(b"world"), theirs.seal(b"")].concat();
        t.says(&wire);
        let mut buf = [0; 3];
        assert_eq!(reads.read(&mut buf).expect("a good link"), 3);
        let noise::std::ReadParts { io, mut opener, unread } = reads.into_parts();
        assert!(Rc::ptr_eq(&io.0, &t.0));
        assert_eq!(unread, wire[2 + 5 + 16..], "the second message and the end");
        let (mut input, mut rest) = (&unread[..], Vec::new());
        while let Some(data) = opener.open(&mut input).expect("a good link").data() {
            rest.extend_from_slice(data);
            opener.consume(usize::MAX);
        }
        assert_eq!((rest.as_slice(), opener.end_of_input()), (&b"loworld"[..], Ok(())));
    }

    /// What was taken and not sent is in the parts, and why if no call has told it.
    #[test]
    fn nothing_that_was_written_is_lost() {
        let t = Transport::new();
        let (_reads, mut writes) =
            noise::std::connect(t.clone(), t.clone(), &Key::new(KEY)).expect("one key");
        let mut theirs = peer::Link::new(t.0.borrow_mut().theirs.take().expect("it has answered"));
        t.plan([Moves(4), RESET]);
        writes.write_all(b"hello").expect("it is taken");
        let noise::std::WriteParts { sealer, failed, .. } = writes.into_parts();
        assert_eq!(failed.map(|error| error.kind()), Some(ErrorKind::ConnectionReset));
        let wire = [&t.wrote()[..], sealer.pending()].concat();
        assert_eq!(theirs.open(&wire), [b"hello"]);
    }

    #[test]
    fn a_device_loses_nothing_either() {
        let t = Transport::new();
        let (e, lent) = (Ephemeral::new([1; 32]), memory(700, 4112));
        let link =
            noise::embedded_io::connect(Blocking(t.clone()), Blocking(t.clone()), &Key::new(KEY), e, lent);
        let (mut reads, mut writes) = link.expect("one key");
        let mut theirs = peer::Link::new(t.0.borrow_mut().theirs.take().expect("it has answered"));
        let wire = [theirs.seal(b"hello"), theirs.seal(b"world")].concat();
        t.says(&wire);
        let mut buf = [0; 3];
        assert_eq!(embedded_io::Read::read(&mut reads, &mut buf).expect("a good link"), 3);
        let parts = reads.into_parts();
        assert_eq!(parts.unread, &wire[2 + 5 + 16..]);
        let (mut opener, mut input) = (parts.opener, parts.unread);
        assert_eq!(opener.open(&mut input).expect("a good link").data(), Some(&b"lo"[..]));

        embedded_io::Write::write(&mut writes, b"hello").expect("there is room");
        assert_eq!(theirs.open(writes.into_parts().sealer.pending()), [b"hello"]);
    }
}

mod tasks {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake, Waker};

    use embedded_io_async::{Read as _, Write as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::{Ephemeral, INTERRUPTED, KEY, Key, Transport, finish, memory, noise};

    /// A future whose transport is interrupted for ever waits after each call, and wakes its task.
    #[test]
    fn a_transport_that_is_interrupted_for_ever_lets_other_tasks_run() {
        /// Polls ten times, with one call each.
        fn waits<T>(name: &str, transport: &Transport, future: impl Future<Output = T>) {
            let (mut future, woken) = (pin!(future), Arc::new(Wakes::default()));
            let waker = Waker::from(woken.clone());
            transport.plan([INTERRUPTED; 100]);
            for polls in 1..=10 {
                let before = transport.calls();
                assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending(), "{name}");
                assert_eq!(transport.calls() - before, 1, "{name}");
                assert_eq!(woken.0.load(Ordering::Relaxed), polls, "{name}");
            }
            transport.plan([]);
        }

        let mut buf = [0; 10];
        let (key, keys) = (Key::new(KEY), [Key::new(KEY)]);
        let (t, u) = (Transport::new(), Transport::new());
        waits("connect", &t, noise::tokio::connect(t.clone(), t.clone(), &key));
        waits("accept", &t, noise::tokio::accept(t.clone(), t.clone(), &keys));
        let (e, lent) = (Ephemeral::new([1; 32]), memory(50, 50));
        waits("connect", &t, noise::embedded_io_async::connect(t.clone(), t.clone(), &key, e, lent));
        let (e, lent) = (Ephemeral::new([1; 32]), memory(50, 50));
        waits("accept", &t, noise::embedded_io_async::accept(t.clone(), t.clone(), &keys, e, lent));

        let t = Transport::new();
        let (mut reads, mut writes) =
            finish(noise::tokio::connect(t.clone(), t.clone(), &key)).expect("one key");
        waits("read", &t, reads.read(&mut buf));
        waits("flush", &t, writes.flush());
        t.plan([INTERRUPTED]);
        assert_eq!(finish(writes.write(b"taken")).expect("it is taken"), 5);
        waits("write", &t, writes.write(b"more"));
        waits("flush with something to write", &t, writes.flush());
        waits("close", &t, writes.close());

        let (e, lent) = (Ephemeral::new([1; 32]), memory(50, 50));
        let link = noise::embedded_io_async::connect(u.clone(), u.clone(), &key, e, lent);
        let (mut reads, mut writes) = finish(link).expect("one key");
        waits("read", &u, reads.read(&mut buf));
        waits("flush", &u, writes.flush());
        finish(writes.write(b"taken")).expect("there is room");
        waits("write", &u, writes.write(&[7; 100]));
        waits("flush with something to write", &u, writes.flush());
        waits("end", &u, writes.end());
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The count grows with each write that the transport takes, also inside a call that then fails or is dropped.
#[test]
fn bytes_sent_are_counted_as_the_transport_takes_them() {
    let t = Transport::new();
    let (_reads, mut writes) = noise::std::connect(t.clone(), t.clone(), &Key::new(KEY)).expect("one key");
    assert_eq!(writes.bytes_sent(), 0, "the handshake is not counted");
    t.plan([Moves(4), RESET]);
    io::Write::write_all(&mut writes, b"hello").expect("it is taken");
    assert_eq!(writes.bytes_sent(), 4);
    io::Write::flush(&mut writes).expect_err("told now");
    t.plan([Moves(3), RESET]);
    io::Write::flush(&mut writes).expect_err("its own");
    assert_eq!(writes.bytes_sent(), 7, "in a flush");
    t.plan([Moves(16), Moves(1), RESET]);
    writes.close().expect_err("the end is not out");
    assert_eq!(writes.bytes_sent(), 24, "in a close");
    writes.close().expect("it goes on");
    assert_eq!(writes.bytes_sent(), 23 + 18);
    assert_eq!(writes.bytes_sent(), t.wrote().len() as u64);

    let t = Transport::new();
    let (_reads, mut writes) =
        finish(noise::tokio::connect(t.clone(), t.clone(), &Key::new(KEY))).expect("one key");
    t.plan([Moves(4), INTERRUPTED]);
    finish(tokio::io::AsyncWriteExt::write(&mut writes, b"hello")).expect("it is taken");
    assert_eq!(writes.bytes_sent(), 4);
    t.plan([Moves(3), INTERRUPTED]);
    assert!(poll_at_most(1, tokio::io::AsyncWriteExt::flush(&mut writes)).is_none());
    assert_eq!(writes.bytes_sent(), 7, "in a flush that was dropped");
    t.plan([Moves(16), Moves(1), INTERRUPTED]);
    assert!(poll_at_most(1, writes.close()).is_none());
    assert_eq!(writes.bytes_sent(), 24, "in a close that was dropped");
    finish(writes.close()).expect("it goes on");
    assert_eq!(writes.bytes_sent(), t.wrote().len() as u64);
}

/// A writer of frames on a device that drains has its frame sealed, and sent once its half is drained, too.
#[test]
fn a_device_drains_without_a_flush() {
    use embedded_io::Write as _;

    let (t, key) = (Transport::new(), Key::new(KEY));
    let (e, lent) = (Ephemeral::new([1; 32]), memory(700, 4112));
    let link = noise::embedded_io::connect(Blocking(t.clone()), Blocking(t.clone()), &key, e, lent);
    let mut writes = link.expect("one key").1;
    let before = t.calls();
    writes.write(b"hello").expect("there is room");
    assert_eq!((t.calls() - before, writes.sealer().pending().len()), (0, 2 + 5 + 16));
    writes.drain().expect("a good transport");
    assert_eq!((t.calls() - before, writes.sealer().pending().len()), (1, 0), "one write, and no flush");

    let t = Transport::new();
    let (e, lent) = (Ephemeral::new([1; 32]), memory(700, 4112));
    let link = noise::embedded_io_async::connect(t.clone(), t.clone(), &key, e, lent);
    let mut writes = finish(link).expect("one key").1;
    let before = t.calls();
    finish(embedded_io_async::Write::write(&mut writes, b"hello")).expect("there is room");
    finish(writes.drain()).expect("a good transport");
    assert_eq!((t.calls() - before, writes.sealer().pending().len()), (1, 0), "one write, and no flush");
}

/// What follows the handshake in one read belongs to the link.
#[test]
fn bytes_after_the_answer_are_kept() {
    for ecosystem in Ecosystem::ALL {
        let key = Key::new(KEY);
        let mut client = peer::client(&KEY, None);
        let transport = Transport::new();
        transport.says(&hello(&mut client));
        let (e, keys) = (Ephemeral::new([7; 32]), [key]);
        let (t, u) = (transport.clone(), transport.clone());
        // The server's first message can't follow the client's in one read; what follows is not genuine.
        transport.says(&[0, 17]);
        transport.says(&[9; 17]);
        let link = match ecosystem {
            Ecosystem::Std => boxed(noise::std::accept(t, u, &keys)),
            Ecosystem::Tokio => boxed(finish(noise::tokio::accept(t, u, &keys))),
            Ecosystem::Blocking => {
                boxed(noise::embedded_io::accept(Blocking(t), Blocking(u), &keys, e, memory(700, 50)))
            }
            Ecosystem::Async => {
                boxed(finish(noise::embedded_io_async::accept(t, u, &keys, e, memory(700, 50))))
            }
        };
        let (mut reads, _writes) = link.expect("the same key");
        let calls = transport.calls();
        let error = reads.read(&mut [0; 10]);
        assert_eq!(error, Err(Fault::Link(LinkError::Authentication)), "{ecosystem:?}");
        assert_eq!(transport.calls(), calls, "it was read already");
    }
}
