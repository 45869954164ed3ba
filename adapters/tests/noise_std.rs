//! `ringframe_io::noise::std`: links over sockets and over a transport that does, call by call, whatever one may do.
#![cfg(all(feature = "noise", feature = "std"))]

mod support {
    pub(crate) mod peer;
}

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use ringframe::{Format, formats};
use ringframe_io::noise::std::{ReadHalf, WriteHalf, accept, connect};
use ringframe_io::noise::{HandshakeError, Key, LinkError, PROLOGUE};
use ringframe_io::std::{HalfClose, Reader, Writer};
use ringframe_io::{Patience, ReadError};
use support::peer::{self, KEY, hears, hello, says};

/// Both ends of a connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback");
    let near = TcpStream::connect(listener.local_addr().expect("an address")).expect("loopback");
    (near, listener.accept().expect("a connection").0)
}

fn client(stream: &TcpStream, key: [u8; 32]) -> Result<Halves<'_>, HandshakeError<io::Error>> {
    connect(stream, stream, &Key::new(key))
}

type Halves<'s> = (ReadHalf<&'s TcpStream>, WriteHalf<&'s TcpStream>);

#[test]
fn frames_go_both_ways_over_sockets() {
    let (near, far) = pair();
    let server = thread::spawn(move || {
        let keys = [Key::new([1; 32]), Key::new(KEY)];
        let (reads, writes) = accept(&far, &far, &keys).expect("one of its keys");
        let mut reader = Reader::with_capacity(reads, formats::U32_BE, 1 << 20).expect("room");
        let mut writer =
            Writer::with_capacity(writes, formats::U32_BE.with_limit(1 << 20), 100).expect("room");
        while let Some(frame) = reader.next_frame().expect("a good stream") {
            writer.send(&frame.payload().to_ascii_uppercase()).expect("an open stream");
        }
        writer.close().expect("an open stream");
    });
    let (reads, writes) = client(&near, KEY).expect("the same key");
    let mut reader = Reader::with_capacity(reads, formats::U32_BE, 1 << 20).expect("room");
    let mut writer = Writer::with_capacity(writes, formats::U32_BE.with_limit(1 << 20), 100).expect("room");
    for len in [0, 1, 99, 5000, 100_000] {
        writer.send(&vec![b'a'; len]).expect("an open stream");
        let frame = reader.next_frame().expect("a good stream").expect("an answer");
        assert_eq!(frame.payload(), vec![b'A'; len]);
    }
    writer.close().expect("an open stream");
    assert!(reader.next_frame().expect("a clean end").is_none());
    server.join().expect("a server that ends");
}

#[test]
fn snow_is_a_client() {
    let (mut near, far) = pair();
    let server = thread::spawn(move || {
        let (mut reads, mut writes) = accept(&far, &far, &[Key::new(KEY)]).expect("the same key");
        let mut request = String::new();
        reads.read_to_string(&mut request).expect("a clean end");
        writes.write_all(request.to_uppercase().as_bytes()).expect("an open stream");
        writes.close().expect("an open stream");
    });
    let mut client = peer::client(&KEY, None);
    near.write_all(&hello(&mut client)).expect("an open stream");
    let mut answer = [0; 50];
    near.read_exact(&mut answer).expect("an answer");
    hears(&mut client, &answer).expect("the same key");
    let mut client = peer::Link::new(client);
    let wire = [client.seal(b"hello"), client.seal(b"")].concat();
    near.write_all(&wire).expect("an open stream");
    near.shutdown(Shutdown::Write).expect("an open stream");
    let mut wire = Vec::new();
    near.read_to_end(&mut wire).expect("an open stream");
    assert_eq!(client.open(&wire), [&b"HELLO"[..], b""]);
    server.join().expect("a server that ends");
}

#[test]
fn another_key_is_refused() {
    let (near, far) = pair();
    let server = thread::spawn(move || {
        let refused = accept(&far, &far, &[Key::new(KEY)]).expect_err("another key");
        assert!(matches!(refused, HandshakeError::Authentication), "{refused}");
    });
    let refused = client(&near, [1; 32]).expect_err("another key");
    assert!(matches!(refused, HandshakeError::Closed), "{refused}");
    server.join().expect("a server that ends");
}

#[test]
fn a_stream_that_is_cut_off_is_no_clean_end() {
    let (near, far) = pair();
    let server = thread::spawn(move || {
        let (_, mut writes) = accept(&far, &far, &[Key::new(KEY)]).expect("the same key");
        writes.write_all(b"hel").expect("an open stream");
        far.shutdown(Shutdown::Write).expect("an open stream");
        assert!((&far).read(&mut [0; 1]).is_ok(), "until the client has read it");
    });
    let (mut reads, _) = client(&near, KEY).expect("the same key");
    let mut read = Vec::new();
    let error = reads.read_to_end(&mut read).expect_err("no end came");
    assert_eq!((error.kind(), &read[..]), (ErrorKind::UnexpectedEof, &b"hel"[..]));
    assert_eq!(error.get_ref().and_then(|error| error.downcast_ref()), Some(&LinkError::Truncated));
    near.shutdown(Shutdown::Write).expect("an open stream");
    server.join().expect("a server that ends");
}

#[test]
fn patience_reaches_through_a_link() {
    let (near, far) = pair();
    let server = thread::spawn(move || {
        let (_, mut writes) = accept(&far, &far, &[Key::new(KEY)]).expect("the same key");
        writes.write_all(b"\0\0\0\x05hel").expect("an open stream");
        assert_eq!((&far).read(&mut [0; 1]).expect("the client goes"), 0);
    });
    let (reads, _) = client(&near, KEY).expect("the same key");
    let mut reader = Reader::with_capacity(reads, formats::U32_BE, 100).expect("room");
    reader.set_patience(Patience::ENDLESS.with_frame(Duration::from_millis(50)));
    let error = reader.next_frame().expect_err("it never comes");
    assert!(matches!(error, ReadError::TooSlow { missing: 2, .. }), "{error}");
    near.shutdown(Shutdown::Both).expect("an open stream");
    server.join().expect("a server that ends");
}

/// A transport to `snow`, with an answer to each call, in turn: so many bytes at most, or an error.
struct Scripted {
    plan: Vec<Result<usize, ErrorKind>>,
    calls: usize,
    theirs: Option<snow::HandshakeState>,
    /// What is to be read, then the end.
    says: Vec<u8>,
    wrote: Vec<u8>,
    ended: bool,
}

impl Scripted {
    fn new(plan: Vec<Result<usize, ErrorKind>>) -> RefCell<Self> {
        let theirs = Some(peer::server(&KEY, None));
        RefCell::new(Self { plan, calls: 0, theirs, says: Vec::new(), wrote: Vec::new(), ended: false })
    }

    fn step(&mut self, room: usize) -> io::Result<usize> {
        assert!(room > 0, "a call with nothing to move");
        self.calls += 1;
        Ok(self.plan[self.calls % self.plan.len()]?.min(room))
    }

    /// Once the hello is whole, `snow` answers.
    fn answer(&mut self) {
        let Some(first) = self.wrote.strip_prefix(&PROLOGUE) else { return };
        if let (50, Some(theirs)) = (first.len(), &mut self.theirs) {
            hears(theirs, first).expect("the same key");
            self.says.extend(says(theirs));
            self.wrote.clear();
        }
    }
}

/// One of its handles.
struct Handle<'s>(&'s RefCell<Scripted>);

impl Read for Handle<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut script = self.0.borrow_mut();
        let n = script.step(buf.len())?.min(script.says.len());
        buf.iter_mut().zip(script.says.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(n)
    }
}

impl Write for Handle<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let mut script = self.0.borrow_mut();
        let n = script.step(buf.len())?;
        script.wrote.extend_from_slice(&buf[..n]);
        script.answer();
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().step(1).map(drop)
    }
}

impl HalfClose for Handle<'_> {
    fn half_close(&mut self) -> io::Result<()> {
        self.0.borrow_mut().ended = true;
        Ok(())
    }
}

/// A link over it, and the other end.
fn over(script: &RefCell<Scripted>) -> ((ReadHalf<Handle<'_>>, WriteHalf<Handle<'_>>), peer::Link) {
    let halves = connect(Handle(script), Handle(script), &Key::new(KEY)).expect("the same key");
    (halves, peer::Link::new(script.borrow_mut().theirs.take().expect("it has answered")))
}

/// Interrupted calls go on by themselves; those that would block, when they are made again.
#[test]
fn a_transport_may_do_whatever_a_transport_may_do() {
    const BLOCK: Result<usize, ErrorKind> = Err(ErrorKind::WouldBlock);
    const AGAIN: Result<usize, ErrorKind> = Err(ErrorKind::Interrupted);
    let plans = [
        vec![Ok(1)],
        vec![Ok(7), AGAIN],
        vec![BLOCK, Ok(5)],
        vec![Ok(1), BLOCK, AGAIN, Ok(100), BLOCK, Ok(3)],
    ];
    for plan in plans {
        let script = Scripted::new(vec![Ok(11), AGAIN, Ok(1)]);
        let ((mut reads, mut writes), mut theirs) = over(&script);
        let all = [b'x'; 20_000];
        script.borrow_mut().says =
            [theirs.seal(&all[..4000]), theirs.seal(b"end"), theirs.seal(b"")].concat();
        script.borrow_mut().plan = plan;

        let mut rest = &all[..];
        while !rest.is_empty() {
            rest = &rest[again(|| writes.write(&rest[..rest.len().min(5000)]))..];
        }
        again(|| writes.flush());
        again(|| writes.close());
        let wrote = theirs.open(&script.borrow().wrote);
        assert_eq!(wrote.concat(), all);
        assert_eq!(wrote.last(), Some(&vec![]), "the end");
        assert!(script.borrow().ended);
        assert_eq!(writes.write(b"more").expect_err("it has ended").kind(), ErrorKind::BrokenPipe);

        let (mut read, mut buf) = (Vec::new(), [0; 600]);
        loop {
            match again(|| reads.read(&mut buf)) {
                0 => break,
                n => read.extend_from_slice(&buf[..n]),
            }
        }
        assert_eq!(read, [&all[..4000], b"end"].concat());
    }
}

/// What could not go out at once waits, and says nothing; what failed says so at the next call.
#[test]
fn what_was_taken_is_not_refused_afterwards() {
    for (kind, told) in [(ErrorKind::WouldBlock, false), (ErrorKind::ConnectionReset, true)] {
        let script = Scripted::new(vec![Ok(usize::MAX)]);
        let ((_reads, mut writes), mut theirs) = over(&script);
        script.borrow_mut().plan = vec![Err(kind)];
        assert_eq!(writes.write(b"one").expect("it is taken"), 3);
        script.borrow_mut().plan = vec![Ok(usize::MAX)];
        let next = writes.write(b"two");
        assert_eq!(next.as_ref().map_err(io::Error::kind).err(), Some(kind).filter(|_| told));
        writes.flush().expect("it goes on");
        let expected: &[&[u8]] = if told { &[b"one"] } else { &[b"one", b"two"] };
        assert_eq!(theirs.open(&script.borrow().wrote), expected);
    }
}

/// Calls until it does not block.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result.expect("nothing else is wrong"),
        }
    }
}
