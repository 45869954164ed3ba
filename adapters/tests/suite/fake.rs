//! A transport that does what a plan says, call by call, and records what it was asked.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// What one call does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Moves at most that many bytes.
    Move(usize),
    /// Fails and moves nothing. For tasks, `WouldBlock` is `Pending`.
    Fail(ErrorKind),
    /// Fails with [`Broken`].
    Break,
    /// Returns 0 and moves nothing.
    Zero,
    /// Says that it moved that many bytes more than it was offered, and moves nothing.
    Lie(usize),
}

/// As much as possible.
pub(crate) const ALL: Step = Step::Move(usize::MAX);

/// What the calls do: first some steps once, then others in turn, for ever.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    once: Vec<Step>,
    then: Vec<Step>,
    calls: usize,
    /// How many bytes move until a call fails, and with what; in order.
    stops: Vec<(usize, ErrorKind)>,
}

impl Plan {
    pub(crate) fn new(once: impl Into<Vec<Step>>, then: impl Into<Vec<Step>>) -> Self {
        Self { once: once.into(), then: then.into(), calls: 0, stops: Vec::new() }
    }

    /// The steps in turn, for ever.
    pub(crate) fn cycle(then: impl Into<Vec<Step>>) -> Self {
        Self::new([], then)
    }

    /// The steps once, then everything at once.
    pub(crate) fn once(once: impl Into<Vec<Step>>) -> Self {
        Self::new(once, [ALL])
    }

    /// Everything at once, but a call fails when so many bytes have moved.
    pub(crate) fn stop(at: usize, kind: ErrorKind) -> Self {
        Self::cycle([ALL]).and_stop(at, kind)
    }

    /// The same, and a call fails when so many bytes have moved.
    pub(crate) fn and_stop(mut self, at: usize, kind: ErrorKind) -> Self {
        self.stops.push((at, kind));
        self
    }

    pub(crate) fn next(&mut self) -> Step {
        let n = self.calls;
        self.calls += 1;
        match n.checked_sub(self.once.len()) {
            None => self.once[n],
            Some(n) => self.then[n % self.then.len()],
        }
    }

    /// The next step of a transport that has moved so many bytes.
    fn next_after(&mut self, moved: usize) -> Step {
        let Some(&(at, kind)) = self.stops.first() else { return self.next() };
        if moved == at {
            self.stops.remove(0);
            return Step::Fail(kind);
        }
        match self.next() {
            Step::Move(n) => Step::Move(n.min(at - moved)),
            step => step,
        }
    }
}

/// An error with a source, as those of TLS and of serial ports are.
#[derive(Debug)]
pub(crate) struct Broken(Cause);

#[derive(Debug)]
struct Cause;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the link is down")
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("somebody pulled the cable")
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl Error for Cause {}

/// What one call was asked, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Lengths of the buffers, those of a vectored write that are not empty.
    pub(crate) offered: Vec<usize>,
    pub(crate) moved: usize,
}

/// The transport. It panics where a call breaks the rules: a buffer of no length, whose `Ok(0)` would look
/// like the end.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) plan: Plan,
    /// What a reader gets, then the end.
    wire: Vec<u8>,
    at: usize,
    /// What a writer gave.
    pub(crate) out: Vec<u8>,
    pub(crate) calls: Vec<Call>,
    /// How often a step failed, by plan.
    pub(crate) failed: usize,
    pub(crate) flushed: usize,
    /// What flushing and closing do: `Move` is to succeed.
    pub(crate) flushes: Plan,
    /// The sending direction has ended.
    pub(crate) closed: bool,
    /// Whether a vectored write takes more than its first buffer. This one is strict: an empty first buffer is
    /// a call with nothing to move.
    pub(crate) vectored: bool,
    /// Where the buffers of the last write were.
    pub(crate) addresses: Vec<usize>,
    /// Whether what is written comes back.
    is_echo: bool,
    /// Whether it fails to tell if it is ready, or to give a second handle.
    #[allow(dead_code, reason = "only some transports are asked")]
    pub(crate) refuses: bool,
}

impl Fake {
    pub(crate) fn new(wire: &[u8], plan: Plan) -> Self {
        Self {
            plan,
            wire: wire.to_vec(),
            at: 0,
            out: Vec::new(),
            calls: Vec::new(),
            failed: 0,
            flushed: 0,
            flushes: Plan::cycle([ALL]),
            closed: false,
            vectored: true,
            addresses: Vec::new(),
            is_echo: false,
            refuses: false,
        }
    }

    /// For a writer.
    pub(crate) fn sink(plan: Plan) -> Self {
        Self::new(&[], plan)
    }

    /// What is written to it can be read from it.
    pub(crate) fn echo() -> Self {
        Self { is_echo: true, ..Self::sink(Plan::cycle([ALL])) }
    }

    /// The wire arrived in full.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.wire.len()
    }

    /// More arrives.
    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        self.wire.extend_from_slice(bytes);
    }

    /// How many bytes each call so far moved.
    pub(crate) fn moved(&self) -> Vec<usize> {
        self.calls.iter().map(|call| call.moved).collect()
    }

    /// How many bytes moved.
    pub(crate) fn total(&self) -> usize {
        self.moved().iter().sum()
    }

    /// `given`: the length of all buffers, of which a call may look at the first alone.
    fn step(&mut self, offered: Vec<usize>, given: usize, available: usize) -> io::Result<(usize, usize)> {
        let room: usize = offered.iter().sum();
        assert!(room > 0, "a call with nothing to move");
        assert!(self.calls.len() < 1 << 20, "it spins");
        let result = match self.plan.next_after(self.at + self.out.len()) {
            Step::Move(n) => Ok(n.min(room).min(available)).map(|n| (n, n)),
            Step::Zero => Ok((0, 0)),
            Step::Lie(more) => Ok((0, given + more)),
            Step::Fail(kind) => Err(kind.into()),
            Step::Break => Err(io::Error::other(Broken(Cause))),
        };
        self.failed += usize::from(result.is_err());
        let moved = result.as_ref().map_or(0, |&(moves, _)| moves);
        self.calls.push(Call { offered, moved });
        result
    }

    /// Returns whether the next call would not block. If it would, or if the question is interrupted, that was
    /// the plan's step: time passes.
    #[allow(dead_code, reason = "only some transports tell")]
    pub(crate) fn is_ready(&mut self) -> io::Result<bool> {
        if self.refuses {
            return Err(ErrorKind::Other.into());
        }
        let mut ahead = self.plan.clone();
        let answer = match ahead.next_after(self.at + self.out.len()) {
            Step::Fail(ErrorKind::WouldBlock) => Ok(false),
            Step::Fail(ErrorKind::Interrupted) => Err(ErrorKind::Interrupted.into()),
            _ => return Ok(true),
        };
        self.plan = ahead;
        self.failed += 1;
        answer
    }

    /// Ends the sending direction, or fails as flushing does.
    #[allow(dead_code, reason = "only some transports have an end of their own")]
    pub(crate) fn close(&mut self) -> io::Result<()> {
        self.flush_step()?;
        self.closed = true;
        Ok(())
    }

    fn flush_step(&mut self) -> io::Result<()> {
        match self.flushes.next() {
            Step::Fail(kind) => Err(kind.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Fake {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (n, says) = self.step(vec![buf.len()], buf.len(), self.wire.len() - self.at)?;
        buf[..n].copy_from_slice(&self.wire[self.at..][..n]);
        self.at += n;
        Ok(says)
    }
}

impl Write for Fake {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, given: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.closed, "a write after the end");
        let taken = if self.vectored { usize::MAX } else { 1 };
        let bufs = || given.iter().take(taken).filter(|buf| !buf.is_empty());
        self.addresses = bufs().map(|buf| buf.as_ptr() as usize).collect();
        let total = given.iter().map(|buf| buf.len()).sum();
        let (n, says) = self.step(bufs().map(|buf| buf.len()).collect(), total, usize::MAX)?;
        let bytes: Vec<u8> = bufs().flat_map(|buf| buf.iter()).take(n).copied().collect();
        if self.is_echo {
            self.arrive(&bytes);
        } else {
            self.out.extend(bytes);
        }
        Ok(says)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flush_step()?;
        self.flushed += 1;
        Ok(())
    }
}
