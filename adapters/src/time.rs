//! How long a reader waits for its peer.

use core::time::Duration;
use std_crate::time::Instant;

use ringframe::{Decoder, Format, Store};

use crate::ReadError;

/// How long a reader waits for its peer: the time between frames, and the time for a frame from its first
/// byte to its last. A peer that sends a byte now and then doesn't lengthen either.
///
/// Only time spent waiting in a read counts: a frame's clock rests while the program does something else,
/// such as writing a reply that the peer is slow to take.
///
/// ```
/// use std::time::Duration;
///
/// // 5 minutes between frames; 10 s for a frame, and 1 s more for every 64 KiB of it that are to come when
/// // its length is known.
/// let patience = ringframe_io::Patience {
///     idle: Some(Duration::from_secs(300)),
///     frame: Some(Duration::from_secs(10)),
///     bytes_per_second: 64 * 1024,
/// };
/// # let _ = patience;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Time between frames, until the first byte of one; `None`: for ever.
    pub idle: Option<Duration>,
    /// Time for a frame, from its first byte; `None`: for ever.
    pub frame: Option<Duration>,
    /// The rate at which what is missing of a frame, when its length is known, adds to `frame`, bytes per
    /// second (whole seconds only); 0: it adds nothing.
    pub bytes_per_second: u64,
}

impl Patience {
    /// Waits for ever.
    pub const ENDLESS: Self = Self { idle: None, frame: None, bytes_per_second: 0 };
}

impl Default for Patience {
    fn default() -> Self {
        Self::ENDLESS
    }
}

/// What a reader remembers of its waiting.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) patience: Patience,
    /// What is waited for: the number of frames so far, and whether the next has begun.
    awaited: (u32, bool),
    /// Time spent in reads that waited for it.
    spent: Duration,
    /// The most bytes that were ever missing of it: once its header is there, all that did not come with it.
    missing: u64,
}

impl Watch {
    pub(crate) const fn new() -> Self {
        Self { patience: Patience::ENDLESS, awaited: (0, false), spent: Duration::ZERO, missing: 0 }
    }

    /// How much longer the next read may wait, `None` for ever. Called after `poll` has returned
    /// `Missing`.
    pub(crate) fn left<F: Format, B: Store, E>(
        &mut self,
        decoder: &Decoder<F, B>,
    ) -> Result<Option<Duration>, ReadError<E>> {
        let begun = decoder.is_mid_frame();
        let awaited = (decoder.stats().frames, begun);
        if awaited != self.awaited {
            self.awaited = awaited;
            self.spent = Duration::ZERO;
            self.missing = 0;
        }
        let allowed = if begun { self.patience.frame } else { self.patience.idle };
        let Some(mut allowed) = allowed else { return Ok(None) };
        self.missing = self.missing.max(decoder.missing() as u64);
        if begun {
            let more = self.missing.checked_div(self.patience.bytes_per_second).unwrap_or(0);
            allowed = allowed.saturating_add(Duration::from_secs(more));
        }
        match allowed.checked_sub(self.spent).filter(|left| !left.is_zero()) {
            Some(left) => Ok(Some(left)),
            None if begun => Err(ReadError::TooSlow { allowed, missing: decoder.missing() }),
            None => {
                // The next call waits again: who goes on after it, having pinged the peer, must not spin.
                self.spent = Duration::ZERO;
                Err(ReadError::Idle { allowed })
            }
        }
    }

    /// Counts the time until the result is dropped as waited. `now` is the clock that the waiting goes by.
    pub(crate) fn waiting(&mut self, now: fn() -> Instant) -> impl Drop + '_ {
        counted(&mut self.spent, now)
    }
}

/// Adds the time until the result is dropped to `spent`, also where a future is cancelled.
pub(crate) fn counted(spent: &mut Duration, now: fn() -> Instant) -> impl Drop + '_ {
    struct Waiting<'w>(&'w mut Duration, Instant, fn() -> Instant);
    impl Drop for Waiting<'_> {
        fn drop(&mut self) {
            let Self(spent, since, now) = self;
            **spent = spent.saturating_add(now().saturating_duration_since(*since));
        }
    }
    Waiting(spent, now(), now)
}
