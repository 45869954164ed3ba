//! Time-outs of blocking transports: the operating system keeps the time, read by read and write by write.

use core::time::Duration;
use std_crate::io;
use std_crate::time::Instant;

use ringframe::{Decoder, Format, Store};

use super::fault;
use crate::error::Fault;
use crate::patience::{Patience, Watch};
use crate::time::Time;
use crate::{ReadError, WriteError};

/// A call that failed sooner than this did not wait: the transport is a non-blocking one.
const AT_ONCE: Duration = Duration::from_millis(1);

/// The shortest time-out that is set: a system refuses one of zero.
const SHORTEST: Duration = Duration::from_millis(1);

/// A blocking transport whose reads can be told how long to wait.
pub trait ReadTimeout {
    /// Returns how long reads wait. `None`: for ever.
    ///
    /// # Errors
    /// Those of the transport.
    fn read_timeout(&self) -> io::Result<Option<Duration>>;

    /// Lets reads from now on wait at most that long, `None`: for ever. A read that waited in vain fails with
    /// `WouldBlock` or `TimedOut`.
    ///
    /// # Errors
    /// Those of the transport.
    fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;
}

/// A blocking transport whose writes can be told how long to wait for the peer to take a byte.
pub trait WriteTimeout {
    /// Returns how long writes wait. `None`: for ever.
    ///
    /// # Errors
    /// Those of the transport.
    fn write_timeout(&self) -> io::Result<Option<Duration>>;

    /// Lets writes from now on wait at most that long, `None`: for ever. A write of which no byte was taken
    /// by then fails with `WouldBlock` or `TimedOut`.
    ///
    /// # Errors
    /// Those of the transport.
    fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()>;
}

macro_rules! socket {
    ($($(#[$cfg:meta])? $socket:ty;)*) => {$(
        $(#[$cfg])?
        impl ReadTimeout for $socket {
            fn read_timeout(&self) -> io::Result<Option<Duration>> {
                <$socket>::read_timeout(self)
            }

            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }
        }

        $(#[$cfg])?
        impl ReadTimeout for &$socket {
            fn read_timeout(&self) -> io::Result<Option<Duration>> {
                <$socket>::read_timeout(self)
            }

            fn set_read_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_read_timeout(self, timeout)
            }
        }

        $(#[$cfg])?
        impl WriteTimeout for $socket {
            fn write_timeout(&self) -> io::Result<Option<Duration>> {
                <$socket>::write_timeout(self)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }
        }

        $(#[$cfg])?
        impl WriteTimeout for &$socket {
            fn write_timeout(&self) -> io::Result<Option<Duration>> {
                <$socket>::write_timeout(self)
            }

            fn set_write_timeout(&mut self, timeout: Option<Duration>) -> io::Result<()> {
                <$socket>::set_write_timeout(self, timeout)
            }
        }
    )*};
}

socket! {
    std_crate::net::TcpStream;
    #[cfg(unix)] std_crate::os::unix::net::UnixStream;
}

/// One time-out of a transport: how to set it, and what was set.
#[derive(Debug)]
struct Control<S> {
    get: fn(&S) -> io::Result<Option<Duration>>,
    set: fn(&mut S, Option<Duration>) -> io::Result<()>,
    /// The transport's own time-out, while another one is set.
    own: Option<Option<Duration>>,
    /// The one that is set.
    current: Option<Duration>,
}

impl<S> Control<S> {
    /// Sets a time-out, or with `None` restores the transport's own.
    fn set(&mut self, io: &mut S, timeout: Option<Duration>) -> io::Result<()> {
        match (timeout, self.own) {
            (None, None) => return Ok(()),
            (None, Some(own)) => {
                (self.set)(io, own)?;
                self.own = None;
                return Ok(());
            }
            (Some(_), None) => self.own = Some((self.get)(io)?),
            (Some(_), Some(_)) if self.current == timeout => return Ok(()),
            (Some(_), Some(_)) => {}
        }
        (self.set)(io, timeout)?;
        self.current = timeout;
        Ok(())
    }
}

/// How a call with a time-out ended.
pub(super) enum Outcome<T> {
    /// The transport's own answer.
    Answer(io::Result<T>),
    /// The call waited, and nothing came or went.
    Waited,
}

/// Tells how a call ended that had a time-out of `left`, and took so long.
fn judge<T>(result: io::Result<T>, took: Duration, left: Duration) -> Outcome<T> {
    match result {
        Err(error) if is_timeout(&error) && (took >= AT_ONCE || left <= AT_ONCE) => Outcome::Waited,
        result => Outcome::Answer(result),
    }
}

/// A socket whose time-out expired says either, depending on the system. But on Unix the system's own
/// `TimedOut` is a connection that keep-alive or the user time-out gave up, and reading on would find what
/// looks like a clean end.
fn is_timeout(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => cfg!(windows) || error.raw_os_error().is_none(),
        _ => false,
    }
}

/// What a reader remembers of time.
#[derive(Debug)]
pub struct ReadTime<S> {
    pub(super) watch: Watch,
    control: Option<Control<S>>,
}

impl<S> ReadTime<S> {
    pub(super) fn set_patience(&mut self, patience: Patience)
    where
        S: ReadTimeout,
    {
        self.watch.patience = patience;
        self.control.get_or_insert(Control {
            get: S::read_timeout,
            set: S::set_read_timeout,
            own: None,
            current: None,
        });
    }

    /// Reads once, in the time that is left for what the decoder waits for.
    pub(super) fn read<F: Format, B: Store>(
        &mut self,
        io: &mut S,
        decoder: &mut Decoder<F, B>,
        read: impl FnOnce(&mut S, &mut Decoder<F, B>) -> io::Result<usize>,
    ) -> Result<Outcome<usize>, ReadError<io::Error>> {
        let Some(control) = &mut self.control else { return Ok(Outcome::Answer(read(io, decoder))) };
        let left = self.watch.left(decoder)?;
        control.set(io, left.map(|left| left.max(SHORTEST))).map_err(ReadError::Io)?;
        let Some(left) = left else { return Ok(Outcome::Answer(read(io, decoder))) };
        let start = Instant::now();
        let result = read(io, decoder);
        let took = start.elapsed();
        let outcome = judge(result, took, left);
        match &outcome {
            // A call that would block did not wait.
            Outcome::Answer(Err(error)) if is_timeout(error) => {}
            Outcome::Answer(_) => self.watch.spend(took),
            Outcome::Waited => {
                self.watch.spend(took);
                if left <= took.max(AT_ONCE) {
                    self.watch.set_over();
                }
            }
        }
        Ok(outcome)
    }
}

impl<S> Time<S> for ReadTime<S> {
    const NEW: Self = Self { watch: Watch::new(Patience::ENDLESS), control: None };

    fn restart(&mut self) {
        self.watch.restart();
    }

    fn release(&mut self, io: &mut S) {
        if let Some(control) = &mut self.control {
            // A transport that refuses is broken: its next call says so.
            let _ = control.set(io, None);
        }
    }
}

/// What a writer remembers of time.
#[derive(Debug)]
pub struct WriteTime<S> {
    patience: Option<Duration>,
    /// Time spent in writes since the peer took a byte.
    stalled: Duration,
    control: Option<Control<S>>,
}

impl<S> WriteTime<S> {
    pub(super) fn set_patience(&mut self, patience: Option<Duration>)
    where
        S: WriteTimeout,
    {
        self.patience = patience;
        self.control.get_or_insert(Control {
            get: S::write_timeout,
            set: S::set_write_timeout,
            own: None,
            current: None,
        });
    }

    /// Makes one call that writes, or flushes, in the time that is left for the peer to take a byte.
    pub(super) fn call<T>(
        &mut self,
        io: &mut S,
        call: impl FnOnce(&mut S) -> io::Result<T>,
    ) -> Result<Outcome<T>, WriteError<io::Error>> {
        let Some(control) = &mut self.control else { return Ok(Outcome::Answer(call(io))) };
        let left = self.patience.map(|allowed| allowed.saturating_sub(self.stalled));
        control.set(io, left.map(|left| left.max(SHORTEST))).map_err(WriteError::Io)?;
        let (Some(allowed), Some(left)) = (self.patience, left) else {
            return Ok(Outcome::Answer(call(io)));
        };
        let start = Instant::now();
        let result = call(io);
        let took = start.elapsed();
        let outcome = judge(result, took, left);
        let waited = match &outcome {
            Outcome::Waited => took.max(AT_ONCE),
            // A signal is no progress.
            Outcome::Answer(Err(error)) if fault(error) == Fault::Interrupted => took,
            Outcome::Answer(_) => {
                self.stalled = Duration::ZERO;
                return Ok(outcome);
            }
        };
        self.stalled = self.stalled.saturating_add(waited);
        if self.stalled >= allowed {
            self.stalled = Duration::ZERO;
            return Err(WriteError::Stalled { allowed, queued: true });
        }
        Ok(outcome)
    }
}

impl<S> Time<S> for WriteTime<S> {
    const NEW: Self = Self { patience: None, stalled: Duration::ZERO, control: None };

    fn restart(&mut self) {
        self.stalled = Duration::ZERO;
    }

    fn release(&mut self, io: &mut S) {
        if let Some(control) = &mut self.control {
            let _ = control.set(io, None);
        }
    }
}
