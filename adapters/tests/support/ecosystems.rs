//! Links over a transport that follows a plan, to `snow`, in all four ecosystems, which are alike here.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ringframe_io::noise::{
    self, Ephemeral, HalfError, HandshakeError, Key, LinkError, Memory, PROLOGUE, send_store,
};
use ringframe_io::std::HalfClose;
use tokio::io::ReadBuf;

use super::peer::{self, KEY, hears, says};
use super::task::finish;

/// What a call to the transport does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    /// Moves at most this many bytes.
    Moves(usize),
    /// Fails and moves nothing.
    Fails(ErrorKind),
    /// Moves all, and claims that it was this many more.
    Lies(usize),
}

pub(crate) use Does::{Fails, Lies, Moves};

pub(crate) const INTERRUPTED: Does = Fails(ErrorKind::Interrupted);
pub(crate) const RESET: Does = Fails(ErrorKind::ConnectionReset);
pub(crate) const BROKEN: Fault = Fault::Io(ErrorKind::ConnectionReset);

/// A transport to `snow`. It does what the plan says, then all that it can.
pub(crate) struct Script {
    pub(crate) plan: VecDeque<Does>,
    pub(crate) calls: usize,
    pub(crate) theirs: Option<snow::HandshakeState>,
    /// What is to be read, then the end.
    pub(crate) says: VecDeque<u8>,
    pub(crate) wrote: Vec<u8>,
    pub(crate) closed: bool,
}

#[derive(Clone)]
pub(crate) struct Transport(pub(crate) Rc<RefCell<Script>>);

impl Transport {
    pub(crate) fn new() -> Self {
        let theirs = Some(peer::server(&KEY, None));
        let (plan, says, wrote) = (VecDeque::new(), VecDeque::new(), Vec::new());
        Self(Rc::new(RefCell::new(Script { plan, calls: 0, theirs, says, wrote, closed: false })))
    }

    pub(crate) fn plan(&self, plan: impl IntoIterator<Item = Does>) {
        self.0.borrow_mut().plan = plan.into_iter().collect();
    }

    pub(crate) fn says(&self, bytes: &[u8]) {
        self.0.borrow_mut().says.extend(bytes);
    }

    pub(crate) fn wrote(&self) -> Vec<u8> {
        self.0.borrow().wrote.clone()
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.borrow().calls
    }

    /// Returns how many bytes the next call moves of that many, and how many it claims.
    fn call(&self, most: usize) -> io::Result<(usize, usize)> {
        let mut script = self.0.borrow_mut();
        script.calls += 1;
        match script.plan.pop_front().unwrap_or(Moves(usize::MAX)) {
            Moves(n) => Ok((n.min(most), n.min(most))),
            Fails(kind) => Err(kind.into()),
            Lies(more) => Ok((most, most + more)),
        }
    }

    fn read_some(&self, buf: &mut [u8]) -> io::Result<usize> {
        assert!(!buf.is_empty(), "an empty buffer looks like the end");
        let there = buf.len().min(self.0.borrow().says.len());
        let (n, claims) = self.call(there)?;
        buf.iter_mut().zip(self.0.borrow_mut().says.drain(..n)).for_each(|(to, from)| *to = from);
        Ok(if claims > n { buf.len() + (claims - n) } else { n })
    }

    fn write_some(&self, buf: &[u8]) -> io::Result<usize> {
        assert!(!buf.is_empty(), "nothing to write");
        let (n, claims) = self.call(buf.len())?;
        let mut script = self.0.borrow_mut();
        // One that lies is not to be relied upon in anything else.
        let n = if claims > n { 0 } else { n };
        script.wrote.extend_from_slice(&buf[..n]);
        let first = script.wrote.strip_prefix(&PROLOGUE).unwrap_or_default().to_vec();
        if let (50, Some(theirs)) = (first.len(), &mut script.theirs) {
            hears(theirs, &first).expect("the same key");
            let answer = says(theirs);
            script.says.extend(answer);
            script.wrote.clear();
        }
        Ok(claims)
    }

    fn end(&self) -> io::Result<()> {
        self.call(0)?;
        self.0.borrow_mut().closed = true;
        Ok(())
    }
}

impl io::Read for Transport {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_some(buf)
    }
}

impl io::Write for Transport {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_some(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.call(0).map(drop)
    }
}

impl HalfClose for Transport {
    fn half_close(&mut self) -> io::Result<()> {
        self.end()
    }
}

impl tokio::io::AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let n = self.read_some(buf.initialize_unfilled())?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_some(buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.call(0).map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.end())
    }
}

impl embedded_io::ErrorType for Transport {
    type Error = io::Error;
}

/// The blocking one, by itself: the names of its methods are those of `std`.
pub(crate) struct Blocking(pub(crate) Transport);

impl embedded_io::ErrorType for Blocking {
    type Error = io::Error;
}

impl embedded_io::Read for Blocking {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read_some(buf)
    }
}

impl embedded_io::Write for Blocking {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write_some(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.call(0).map(drop)
    }
}

impl embedded_io_async::Read for Transport {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_some(buf)
    }
}

impl embedded_io_async::Write for Transport {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_some(buf)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.call(0).map(drop)
    }
}

/// What went wrong, whichever the ecosystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Io(ErrorKind),
    WriteZero,
    Overrun(usize, usize),
    Link(LinkError),
}

impl From<HalfError<io::Error>> for Fault {
    fn from(error: HalfError<io::Error>) -> Self {
        match error {
            HalfError::Io(error) => Self::Io(error.kind()),
            HalfError::WriteZero => Self::WriteZero,
            HalfError::Overrun { claimed, offered } => Self::Overrun(claimed, offered),
            HalfError::Link(error) => Self::Link(error),
            error => panic!("an error that is new: {error}"),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if let Some(link) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Self::Link(*link);
        }
        match error.downcast::<HalfError<io::Error>>() {
            Ok(error) => error.into(),
            Err(error) => Self::Io(error.kind()),
        }
    }
}

pub(crate) trait Reads {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault>;
}

pub(crate) trait Writes {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault>;
    fn flush(&mut self) -> Result<(), Fault>;
    fn end(&mut self) -> Result<(), Fault>;
}

impl Reads for noise::std::ReadHalf<Transport> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        Ok(io::Read::read(self, buf)?)
    }
}

impl Writes for noise::std::WriteHalf<Transport> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault> {
        Ok(io::Write::write(self, buf)?)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(io::Write::flush(self)?)
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(self.close()?)
    }
}

impl Reads for noise::tokio::ReadHalf<Transport> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        Ok(finish(tokio::io::AsyncReadExt::read(self, buf))?)
    }
}

impl Writes for noise::tokio::WriteHalf<Transport> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault> {
        Ok(finish(tokio::io::AsyncWriteExt::write(self, buf))?)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(finish(tokio::io::AsyncWriteExt::flush(self))?)
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(finish(self.close())?)
    }
}

impl Reads for noise::embedded_io::ReadHalf<'_, Blocking> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        Ok(embedded_io::Read::read(self, buf)?)
    }
}

impl Writes for noise::embedded_io::WriteHalf<'_, Blocking> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault> {
        Ok(embedded_io::Write::write(self, buf)?)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(embedded_io::Write::flush(self)?)
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(self.end()?)
    }
}

impl Reads for noise::embedded_io_async::ReadHalf<'_, Transport> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Fault> {
        Ok(finish(embedded_io_async::Read::read(self, buf))?)
    }
}

impl Writes for noise::embedded_io_async::WriteHalf<'_, Transport> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Fault> {
        Ok(finish(embedded_io_async::Write::write(self, buf))?)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        Ok(finish(embedded_io_async::Write::flush(self))?)
    }

    fn end(&mut self) -> Result<(), Fault> {
        Ok(finish(self.end())?)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ecosystem {
    Std,
    Tokio,
    Blocking,
    Async,
}

impl Ecosystem {
    pub(crate) const ALL: [Self; 4] = [Self::Std, Self::Tokio, Self::Blocking, Self::Async];

    /// On a host, a write goes out at once; on a device, when there is no room or it is flushed.
    pub(crate) fn is_host(self) -> bool {
        matches!(self, Self::Std | Self::Tokio)
    }

    /// Makes a link as the client, with a chunk and a receiving store of these sizes on a device.
    pub(crate) fn connect(
        self,
        transport: &Transport,
        chunk: usize,
        receive: usize,
    ) -> Result<Halves, HandshakeError<Fault>> {
        let (key, e) = (Key::new(KEY), Ephemeral::new([7; 32]));
        let (t, u) = (transport.clone(), transport.clone());
        match self {
            Self::Std => boxed(noise::std::connect(t, u, &key)),
            Self::Tokio => boxed(finish(noise::tokio::connect(t, u, &key))),
            Self::Blocking => {
                let memory = memory(chunk, receive);
                boxed(noise::embedded_io::connect(Blocking(t), Blocking(u), &key, e, memory))
            }
            Self::Async => {
                let memory = memory(chunk, receive);
                boxed(finish(noise::embedded_io_async::connect(t, u, &key, e, memory)))
            }
        }
    }
}

pub(crate) type Halves = (Box<dyn Reads>, Box<dyn Writes>);

pub(crate) fn boxed<R: Reads + 'static, W: Writes + 'static>(
    result: Result<(R, W), HandshakeError<io::Error>>,
) -> Result<Halves, HandshakeError<Fault>> {
    match result {
        Ok((reads, writes)) => Ok((Box::new(reads), Box::new(writes))),
        Err(HandshakeError::Io(error)) => Err(HandshakeError::Io(error.into())),
        Err(HandshakeError::WriteZero) => Err(HandshakeError::WriteZero),
        Err(HandshakeError::Overrun { claimed, offered }) => {
            Err(HandshakeError::Overrun { claimed, offered })
        }
        Err(HandshakeError::Closed) => Err(HandshakeError::Closed),
        Err(error) => panic!("not an error of the transport's: {error}"),
    }
}

pub(crate) fn memory(chunk: usize, receive: usize) -> Memory<'static> {
    let memory = |len: usize| Box::leak(vec![0; len].into_boxed_slice());
    Memory::try_new(memory(chunk), memory(receive), memory(send_store(100))).expect("room")
}

/// A link with `snow` at its other end.
pub(crate) struct Link {
    pub(crate) ecosystem: Ecosystem,
    pub(crate) reads: Box<dyn Reads>,
    pub(crate) writes: Box<dyn Writes>,
    pub(crate) transport: Transport,
    pub(crate) theirs: peer::Link,
}

impl Link {
    pub(crate) fn new(ecosystem: Ecosystem) -> Self {
        let transport = Transport::new();
        let (reads, writes) = ecosystem.connect(&transport, 700, 4112).expect("the same key");
        let theirs = peer::Link::new(transport.0.borrow_mut().theirs.take().expect("it has answered"));
        transport.0.borrow_mut().calls = 0;
        Self { ecosystem, reads, writes, transport, theirs }
    }

    /// What `snow` finds in all that was written.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
        self.theirs.open(&self.transport.wrote()).concat()
    }
}

pub(crate) fn links() -> impl Iterator<Item = Link> {
    Ecosystem::ALL.into_iter().map(Link::new)
}
