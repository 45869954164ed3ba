//! Writing to blocking and non-blocking transports.

use core::task::Poll;
use core::time::Duration;
use std_crate::io::{self, IoSlice, Write};

use ringframe::{EncodeError, Format, Store};

use super::time::Outcome;
use super::{HalfClose, WriteTime, WriteTimeout, fault};
use crate::WriteError;
use crate::outbound::{self, Rest, SLICES};
use crate::writer::{PayloadWriter, Writer};

impl<W: Write, F: Format, B: Store> Writer<W, F, B, WriteTime<W>> {
    /// Sends a frame now, in one system call unless the transport takes less. A frame larger than the store
    /// needs a format with a limit, see [`Format::with_limit`].
    ///
    /// # Errors
    /// [`WriteError`]. After [`Io`](WriteError::Io) the frame is queued, and [`flush`](Self::flush) goes on
    /// with it. After [`NotQueued`](WriteError::NotQueued) and [`Encode`](WriteError::Encode) it is not. A
    /// frame larger than the store goes out past it. If that stops half-way, every later frame is refused with
    /// [`EncodeError::MidPayload`], until [`resume`](Self::resume) has written the missing bytes.
    #[inline]
    pub fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
        self.push(payload)?;
        self.flush()
    }

    /// Queues a frame, to be sent with others by [`flush`](Self::flush). It writes only where there is no
    /// room. A frame larger than the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// # Errors
    /// [`WriteError`]. A frame that fits the store is queued, or after any error not. For larger ones see
    /// [`send`](Self::send).
    #[inline]
    pub fn push(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
        match self.encoder.push(payload) {
            Ok(()) => Ok(()),
            Err(error) => self.push_by_writing(&[], &[payload], error),
        }
    }

    /// Queues a frame whose payload is given in parts, as [`push`](Self::push) does. `fields` are the header's
    /// bytes other than the length field, in order.
    ///
    /// # Errors
    /// Those of `push`.
    #[inline]
    pub fn push_with(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), WriteError<io::Error>> {
        match self.encoder.push_with(fields, parts) {
            Ok(()) => Ok(()),
            Err(error) => self.push_by_writing(fields, parts, error),
        }
    }

    #[inline(never)]
    fn push_by_writing(
        &mut self,
        fields: &[u8],
        parts: &[&[u8]],
        error: EncodeError,
    ) -> Result<(), WriteError<io::Error>> {
        outbound::check_later(&self.encoder, error)?;
        self.drain().map_err(WriteError::before_queueing)?;
        let rest = outbound::begin(&mut self.encoder, fields, parts)?;
        if rest.is_empty() { Ok(()) } else { self.drain_with(rest) }
    }

    /// Queues a typed message as one frame, in postcard's format.
    ///
    /// # Errors
    /// [`WriteError`]. Nothing is queued then. Messages larger than the store are [`EncodeError::NoRoom`].
    #[cfg(feature = "postcard")]
    pub fn push_message<T: serde::Serialize + ?Sized>(
        &mut self,
        message: &T,
    ) -> Result<(), WriteError<io::Error>> {
        match self.encoder.push_message(message) {
            Err(EncodeError::NoRoom { .. }) if !self.encoder.is_empty() => {
                self.drain().map_err(WriteError::before_queueing)?;
                Ok(self.encoder.push_message(message)?)
            }
            result => Ok(result?),
        }
    }

    /// Begins a frame whose payload of `len` bytes is written in pieces. A frame larger than the store needs
    /// a format with a limit, see [`Format::with_limit`].
    ///
    /// # Errors
    /// [`WriteError`]; nothing is begun then. A frame beyond the format's limit is [`EncodeError::TooLong`].
    /// Without one, the store is the limit.
    pub fn announce(
        &mut self,
        fields: &[u8],
        len: u64,
    ) -> Result<PayloadWriter<'_, W, F, B, WriteTime<W>>, WriteError<io::Error>> {
        match self.encoder.announce(fields, len) {
            Err(EncodeError::NoRoom { .. }) => {
                self.drain().map_err(WriteError::before_queueing)?;
                self.encoder.announce(fields, len)?;
            }
            result => result?,
        }
        Ok(self.resume())
    }

    /// Sends what is queued and then some of `bytes`, which are not framed, without a copy. Returns how many
    /// of them went out, 0 only where there are none.
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::MidPayload`] inside a frame of announced length. No byte of `bytes` went
    /// out then.
    pub fn write_unframed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<io::Error>> {
        outbound::check_complete(&self.encoder)?;
        let parts = [bytes];
        let rest = Rest::new(&parts);
        while !self.encoder.is_empty() || !rest.is_empty() {
            match self.write_once(&rest)? {
                0 => {}
                n => return Ok(n),
            }
        }
        Ok(0)
    }

    /// Hands all that is queued to the transport, and does not flush the transport.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub fn drain(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain_with(Rest::NONE)
    }

    /// Sends all that is queued, and what the transport may have queued itself.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    #[inline]
    pub fn flush(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain()?;
        loop {
            let Outcome::Answer(result) = self.time.call(&mut self.io, W::flush)? else { continue };
            if outbound::after_flush(result, fault)? {
                return Ok(());
            }
        }
    }

    /// Like [`flush`](Self::flush) on a non-blocking transport: `Pending` where it would block, whatever the
    /// patience is. All state is kept.
    ///
    /// # Errors
    /// Those of `flush`.
    pub fn try_flush(&mut self) -> Poll<Result<(), WriteError<io::Error>>> {
        pending(self.drain_without_waiting().and_then(|()| {
            while !outbound::after_flush(self.io.flush(), fault)? {}
            Ok(())
        }))
    }

    /// Like [`drain`](Self::drain) on a non-blocking transport: `Pending` where it would block, whatever the
    /// patience is. All state is kept.
    ///
    /// # Errors
    /// Those of `drain`.
    pub fn try_drain(&mut self) -> Poll<Result<(), WriteError<io::Error>>> {
        pending(self.drain_without_waiting())
    }

    /// Sends all that is queued, then the end of the stream. Reading goes on: it is a half-close.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] inside a frame of announced length, before anything is sent. Else those
    /// of [`flush`](Self::flush).
    pub fn close(&mut self) -> Result<(), WriteError<io::Error>>
    where
        W: HalfClose,
    {
        outbound::check_complete(&self.encoder)?;
        self.flush()?;
        while !outbound::after_flush(self.io.half_close(), fault)? {}
        Ok(())
    }

    /// Sets how long the peer may take no byte before a write is given up as [`WriteError::Stalled`]. `None`,
    /// the default: for ever.
    ///
    /// It is for blocking transports, and sets their write time-out. `None` restores the transport's own, and
    /// so does [`into_parts`](Self::into_parts). On a non-blocking transport a patience of more than a few
    /// milliseconds has no effect.
    pub fn set_write_patience(&mut self, patience: Option<Duration>)
    where
        W: WriteTimeout,
    {
        self.time.set_patience(patience);
    }

    /// Writes what is pending, then `rest`, which belongs to an announced payload.
    #[inline]
    fn drain_with(&mut self, mut rest: Rest<'_>) -> Result<(), WriteError<io::Error>> {
        while !self.encoder.is_empty() || !rest.is_empty() {
            let sent = self.write_once(&rest)?;
            if sent > 0 {
                rest.sent(&mut self.encoder, sent)?;
            }
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes of `rest` went out.
    pub(super) fn write_once(&mut self, rest: &Rest<'_>) -> Result<usize, WriteError<io::Error>> {
        let (first, second) = self.encoder.pending();
        let (offered, outcome) = if rest.is_empty() && second.is_empty() {
            (first.len(), self.time.call(&mut self.io, |io| io.write(first))?)
        } else {
            let (slices, offered) = slices(first, second, rest);
            (offered, self.time.call(&mut self.io, |io| io.write_vectored(&slices))?)
        };
        let Outcome::Answer(result) = outcome else { return Ok(0) };
        Ok(outbound::after_write(&mut self.encoder, offered, result, fault)?.unwrap_or(0))
    }

    /// Writes what is pending. The transport's own time-out, or none, decides how long a write waits.
    fn drain_without_waiting(&mut self) -> Result<(), WriteError<io::Error>> {
        while !self.encoder.is_empty() {
            let (first, second) = self.encoder.pending();
            let (slices, offered) = slices(first, second, &Rest::NONE);
            let result = self.io.write_vectored(&slices);
            outbound::after_write(&mut self.encoder, offered, result, fault)?;
        }
        Ok(())
    }
}

/// Tells "not now" from the other failures.
fn pending(result: Result<(), WriteError<io::Error>>) -> Poll<Result<(), WriteError<io::Error>>> {
    match result {
        Err(WriteError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// The slices of one vectored write, the empty ones last, and their length together.
pub(crate) fn slices<'a>(
    first: &'a [u8],
    second: &'a [u8],
    rest: &Rest<'a>,
) -> ([IoSlice<'a>; SLICES], usize) {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let mut offered = 0;
    let pending = [first, second].into_iter().filter(|slice| !slice.is_empty());
    for (slot, slice) in slices.iter_mut().zip(pending.chain(rest.slices())) {
        offered += slice.len();
        *slot = IoSlice::new(slice);
    }
    (slices, offered)
}
