//! A transport that does what a plan says, call by call, and records what it was asked.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// What one call does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Moves at most that many bytes.
    Move(usize),
    /// Fails and moves nothing. For tasks, `WouldBlock` is `Pending`.
    Fail(ErrorKind),
    /// Answers 0 and moves nothing.
    Zero,
    /// Says that it moved that many bytes more than it was offered.
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
}

impl Plan {
    pub(crate) fn new(once: impl Into<Vec<Step>>, then: impl Into<Vec<Step>>) -> Self {
        Self { once: once.into(), then: then.into(), calls: 0 }
    }

    /// The steps in turn, for ever.
    pub(crate) fn cycle(then: impl Into<Vec<Step>>) -> Self {
        Self::new([], then)
    }

    /// The steps once, then everything at once.
    pub(crate) fn once(once: impl Into<Vec<Step>>) -> Self {
        Self::new(once, [ALL])
    }

    pub(crate) fn next(&mut self) -> Step {
        let n = self.calls;
        self.calls += 1;
        match n.checked_sub(self.once.len()) {
            None => self.once[n],
            Some(n) => self.then[n % self.then.len()],
        }
    }
}

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
    /// What the next flushes fail with, the last first.
    pub(crate) flush_fails: Vec<ErrorKind>,
    /// Whether a vectored write takes more than its first buffer; `std`'s and tokio's default doesn't.
    pub(crate) vectored: bool,
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
            flush_fails: Vec::new(),
            vectored: true,
        }
    }

    /// For a writer.
    pub(crate) fn sink(plan: Plan) -> Self {
        Self::new(&[], plan)
    }

    /// The wire arrived in full.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.wire.len()
    }

    /// How many bytes each call so far moved.
    pub(crate) fn moved(&self) -> Vec<usize> {
        self.calls.iter().map(|call| call.moved).collect()
    }

    fn step(&mut self, offered: Vec<usize>, available: usize) -> io::Result<(usize, usize)> {
        let room: usize = offered.iter().sum();
        assert!(room > 0, "a call with nothing to move");
        let result = match self.plan.next() {
            Step::Move(n) => Ok(n.min(room).min(available)).map(|n| (n, n)),
            Step::Zero => Ok((0, 0)),
            Step::Lie(more) => Ok((0, room + more)),
            Step::Fail(kind) => Err(kind.into()),
        };
        self.failed += usize::from(result.is_err());
        let moved = result.as_ref().map_or(0, |&(moves, _)| moves);
        self.calls.push(Call { offered, moved });
        result
    }
}

impl Read for Fake {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (n, says) = self.step(vec![buf.len()], self.wire.len() - self.at)?;
        buf[..n].copy_from_slice(&self.wire[self.at..][..n]);
        self.at += n;
        Ok(says)
    }
}

impl Write for Fake {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = if self.vectored { usize::MAX } else { 1 };
        let bufs = || bufs.iter().filter(|buf| !buf.is_empty()).take(taken);
        let (n, says) = self.step(bufs().map(|buf| buf.len()).collect(), usize::MAX)?;
        self.out.extend(bufs().flat_map(|buf| buf.iter()).take(n));
        Ok(says)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.flush_fails.pop() {
            Some(kind) => Err(kind.into()),
            None => {
                self.flushed += 1;
                Ok(())
            }
        }
    }
}
