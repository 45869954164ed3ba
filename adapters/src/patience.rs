//! How long a reader waits for its peer.

use core::time::Duration;

use ringframe::{Decoder, Format, Store};

use crate::ReadError;

/// How long a reader waits for its peer: the time between frames, and the time for a frame from its first
/// byte to its last. A peer that sends a byte now and then doesn't lengthen either.
///
/// Only time spent waiting in a read counts: a frame's clock rests while the program does something else,
/// such as writing a reply that the peer is slow to take. A payload that is skipped is on the clock of its
/// frame. Unframed bytes have the idle time for each read.
///
/// A time of zero means "only what is there": a read takes what has arrived, and does not wait for more. (It waits
/// a few milliseconds: a system does not tell sooner what has arrived.)
///
/// ```
/// use std::time::Duration;
/// use ringframe_io::Patience;
///
/// // 5 minutes between frames. 10 s for a frame, and 1 s more for every 64 KiB of it that are missing when
/// // its length is known.
/// let patience = Patience::ENDLESS
///     .with_idle(Duration::from_secs(300))
///     .with_frame(Duration::from_secs(10))
///     .with_bytes_per_second(64 * 1024);
/// # let _ = patience;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// Time between frames, until the first byte of one. `None`: for ever.
    pub idle: Option<Duration>,
    /// Time for a frame, from its first byte. `None`: for ever.
    pub frame: Option<Duration>,
    /// The rate at which what is missing of a frame, when its length is known, adds to `frame`, in bytes per
    /// second (whole seconds only). 0: it adds nothing.
    pub bytes_per_second: u64,
}

impl Patience {
    /// Waits for ever.
    pub const ENDLESS: Self = Self { idle: None, frame: None, bytes_per_second: 0 };

    /// The same with this time between frames.
    #[must_use]
    pub const fn with_idle(self, idle: Duration) -> Self {
        Self { idle: Some(idle), ..self }
    }

    /// The same with this time for a frame.
    #[must_use]
    pub const fn with_frame(self, frame: Duration) -> Self {
        Self { frame: Some(frame), ..self }
    }

    /// The same with this rate for what is missing of a frame, in bytes per second.
    #[must_use]
    pub const fn with_bytes_per_second(self, bytes_per_second: u64) -> Self {
        Self { bytes_per_second, ..self }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::ENDLESS
    }
}

/// How long a reader goes on when the time is spent, for what arrived in time while the program was late.
const OVERTIME: Duration = Duration::from_millis(5);

/// A [`Patience`] in use: what a reader remembers of its waiting.
///
/// The readers of hosts have one inside. Where there is no clock, a caller that has one keeps it: see
/// `embedded_io::Reader::next_frame_within`.
#[derive(Clone, Debug)]
pub struct Watch {
    pub(crate) patience: Patience,
    /// What is waited for: the number of frames so far, and whether the next has begun.
    awaited: (u32, bool),
    /// The most bytes that were ever missing of it: once its header is there, all that did not come with it.
    missing: u64,
    /// The time that it is allowed.
    allowed: Duration,
    /// Time spent in reads that waited for it, and after that was all of `allowed`.
    spent: Duration,
    overtime: Duration,
    /// Whether a read waited in vain for all the time that was left.
    is_over: bool,
}

impl Watch {
    /// Starts with no time spent.
    #[must_use]
    pub const fn new(patience: Patience) -> Self {
        Self {
            patience,
            awaited: (0, false),
            missing: 0,
            allowed: Duration::ZERO,
            spent: Duration::ZERO,
            overtime: Duration::ZERO,
            is_over: false,
        }
    }

    /// Returns how much longer the next read may wait, `None` for ever. Call it after `poll` has returned
    /// `Missing`.
    pub(crate) fn left<F: Format, B: Store, E>(
        &mut self,
        decoder: &Decoder<F, B>,
    ) -> Result<Option<Duration>, ReadError<E>> {
        let has_begun = decoder.is_mid_frame();
        let awaited = (decoder.stats().frames, has_begun);
        if awaited != self.awaited {
            self.restart();
            self.awaited = awaited;
        }
        let allowed = if has_begun { self.patience.frame } else { self.patience.idle };
        let Some(mut allowed) = allowed else {
            self.allowed = Duration::MAX;
            return Ok(None);
        };
        if has_begun {
            self.missing = self.missing.max(decoder.missing() as u64);
            let more = self.missing.checked_div(self.patience.bytes_per_second).unwrap_or(0);
            allowed = allowed.saturating_add(Duration::from_secs(more));
        }
        self.allowed = allowed;
        let left = match self.is_spent() {
            false => allowed.saturating_sub(self.spent),
            true => OVERTIME.saturating_sub(self.overtime),
        };
        if !self.is_over && !left.is_zero() {
            return Ok(Some(left));
        }
        if has_begun {
            return Err(ReadError::TooSlow { allowed, missing: decoder.missing() });
        }
        // A caller that pings the peer and reads again waits anew instead of spinning.
        self.restart();
        Err(ReadError::Idle { allowed })
    }

    /// Counts time that a read spent waiting.
    pub(crate) fn spend(&mut self, time: Duration) {
        let spent = if self.is_spent() { &mut self.overtime } else { &mut self.spent };
        *spent = spent.saturating_add(time);
    }

    /// Returns true if all of the time is spent.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= self.allowed
    }

    /// Records that a read waited in vain for all the time that was left.
    pub(crate) fn set_over(&mut self) {
        self.is_over = true;
    }

    /// Forgets the time that was spent: bytes arrived that belong to no frame, or the reader was reset.
    pub fn restart(&mut self) {
        self.missing = 0;
        self.spent = Duration::ZERO;
        self.overtime = Duration::ZERO;
        self.is_over = false;
    }
}
