//! Time-outs of tasks. They need tokio's time driver.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std_crate::boxed::Box;
use std_crate::io;

use ::tokio::time::{Instant, Sleep, sleep_until};
use ringframe::{Decoder, Format, Store};

use crate::patience::{Patience, Watch};
use crate::tasks::poll_again;
use crate::time::Time;
use crate::{ReadError, WriteError};

/// A transport that buffers, and tells how far it got with that: an encrypted half, for instance.
pub trait Progress {
    /// Returns how many bytes were passed on so far, also while flushing or shutting down. The number may wrap.
    /// `None`: the transport buffers nothing, so that what it takes is passed on.
    fn bytes_sent(&self) -> Option<u64>;
}

impl<S: Progress + ?Sized> Progress for &mut S {
    fn bytes_sent(&self) -> Option<u64> {
        (**self).bytes_sent()
    }
}

impl<S: Progress + ?Sized> Progress for Box<S> {
    fn bytes_sent(&self) -> Option<u64> {
        (**self).bytes_sent()
    }
}

/// An alarm that is made when it is needed first.
#[derive(Debug)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Waits for a point in time.
    fn poll(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() != at {
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(cx)
    }
}

/// Waits after `Interrupted`, and lets other tasks run: a transport that is interrupted for ever must not keep
/// them from running, nor stop the clock.
pub(super) fn unless_interrupted<T>(cx: &Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    match result {
        Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => poll_again(cx),
        result => result,
    }
}

/// What a reader remembers of time.
#[derive(Debug)]
pub struct ReadTime {
    pub(super) watch: Watch,
    /// Since when a read waits, and until when it may. It goes on when the read is polled again.
    waiting: Option<(Instant, Instant)>,
    alarm: Alarm,
}

impl ReadTime {
    /// Reads once, in the time that is left for what the decoder waits for. `Ready(None)`: the time is over,
    /// and the next call says of what.
    pub(super) fn poll_read<F: Format, B: Store>(
        &mut self,
        cx: &mut Context<'_>,
        decoder: &mut Decoder<F, B>,
        read: impl FnOnce(&mut Context<'_>, &mut Decoder<F, B>) -> Poll<io::Result<usize>>,
    ) -> Result<Poll<Option<io::Result<usize>>>, ReadError<io::Error>> {
        let until = match self.waiting {
            Some((_, until)) => Some(until),
            None => {
                let left = self.watch.left(decoder)?;
                left.and_then(|left| Instant::now().checked_add(left))
            }
        };
        let result = read(cx, decoder);
        if let Poll::Ready(result) = unless_interrupted(cx, result) {
            Time::<()>::pause(self);
            return Ok(Poll::Ready(Some(result)));
        }
        let Some(until) = until else { return Ok(Poll::Pending) };
        self.waiting.get_or_insert_with(|| (Instant::now(), until));
        if self.alarm.poll(cx, until).is_pending() {
            return Ok(Poll::Pending);
        }
        Time::<()>::pause(self);
        self.watch.set_over();
        Ok(Poll::Ready(None))
    }

    /// Begins a call. Whatever waited before was dropped.
    pub(super) fn begin(&mut self) {
        self.waiting = None;
    }
}

impl<S> Time<S> for ReadTime {
    const NEW: Self = Self { watch: Watch::new(Patience::ENDLESS), waiting: None, alarm: Alarm(None) };

    fn pause(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.watch.spend(since.elapsed());
        }
    }

    fn restart(&mut self) {
        self.waiting = None;
        self.watch.restart();
    }
}

/// What a call of a writer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Write,
    /// A flush or a shutdown: the transport sends what it has buffered itself.
    Flush,
}

/// What a writer remembers of time.
#[derive(Debug)]
pub struct WriteTime<W> {
    /// The longest time in which the peer takes no byte.
    pub(super) patience: Option<Duration>,
    /// The longest time for one flush of the transport, or for its shutdown.
    pub(super) flush_timeout: Option<Duration>,
    /// How the transport tells what the peer took.
    pub(super) progress: Option<fn(&W) -> Option<u64>>,
    /// What it told last.
    sent: u64,
    /// Time spent waiting since the peer took a byte, also in calls that were dropped.
    stalled: Duration,
    /// Time spent waiting in this flush, also in calls that were dropped.
    flushing: Duration,
    /// Since when a call waits, and for what.
    since: Option<(Instant, Call)>,
    alarm: Alarm,
}

impl<W> WriteTime<W> {
    /// Goes on with another transport, which can't be asked as the first could.
    pub(super) fn of_another_transport<V>(self) -> WriteTime<V> {
        let patience = if self.progress.is_some() { None } else { self.patience };
        WriteTime { patience, flush_timeout: self.flush_timeout, ..WriteTime::NEW }
    }

    /// Makes one call to the transport, in the time that is left for it.
    pub(super) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut W,
        call: Call,
        poll: impl FnOnce(&mut Context<'_>, &mut W) -> Poll<io::Result<T>>,
    ) -> Poll<Result<io::Result<T>, WriteError<io::Error>>> {
        self.pause();
        let result = poll(cx, io);
        let is_buffering = self.note_progress(io);
        if let Poll::Ready(result) = unless_interrupted(cx, result) {
            // What a transport buffers the peer has not taken.
            if result.is_err() || call == Call::Flush || !is_buffering {
                self.restart();
            }
            return Poll::Ready(Ok(result));
        }
        let error = ready!(self.poll_over(cx, call));
        self.restart();
        Poll::Ready(Err(error))
    }

    /// Begins the time anew if the transport tells that bytes were passed on. Returns true if it is one that
    /// tells.
    fn note_progress(&mut self, io: &W) -> bool {
        let Some(sent) = self.progress.and_then(|progress| progress(io)) else { return false };
        if sent != self.sent {
            self.sent = sent;
            self.stalled = Duration::ZERO;
        }
        true
    }

    /// Waits until the time is over, for a call that has to wait.
    fn poll_over(&mut self, cx: &mut Context<'_>, call: Call) -> Poll<WriteError<io::Error>> {
        // Without a word from the transport, a flush that takes long may be one that gets on well.
        let is_watched = call == Call::Write || self.progress.is_some();
        let stalled = self.patience.filter(|_| is_watched).map(|allowed| {
            (allowed.saturating_sub(self.stalled), WriteError::Stalled { allowed, queued: true })
        });
        let flushing = self
            .flush_timeout
            .filter(|_| call == Call::Flush)
            .map(|allowed| (allowed.saturating_sub(self.flushing), WriteError::NotFlushed { allowed }));
        let first = stalled.into_iter().chain(flushing).min_by_key(|(left, _)| *left);
        let Some((left, error)) = first else { return Poll::Pending };
        let now = Instant::now();
        self.since = Some((now, call));
        match now.checked_add(left) {
            _ if left.is_zero() => {}
            Some(end) => ready!(self.alarm.poll(cx, end)),
            None => return Poll::Pending,
        }
        Poll::Ready(error)
    }
}

impl<W> Time<W> for WriteTime<W> {
    const NEW: Self = Self {
        patience: None,
        flush_timeout: None,
        progress: None,
        sent: 0,
        stalled: Duration::ZERO,
        flushing: Duration::ZERO,
        since: None,
        alarm: Alarm(None),
    };

    fn pause(&mut self) {
        let Some((since, call)) = self.since.take() else { return };
        let waited = since.elapsed();
        self.stalled = self.stalled.saturating_add(waited);
        if call == Call::Flush {
            self.flushing = self.flushing.saturating_add(waited);
        }
    }

    fn restart(&mut self) {
        self.stalled = Duration::ZERO;
        self.flushing = Duration::ZERO;
        self.since = None;
    }
}
