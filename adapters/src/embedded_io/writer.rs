//! Writing to blocking transports of a device.

use core::task::Poll;

use ::embedded_io::{Write, WriteReady};
use ringframe::{EncodeError, Format, Store};

use super::Blocking;
use crate::WriteError;
use crate::embedded::{fault, ready};
use crate::outbound::{self, Rest};
use crate::writer::{PayloadWriter, Writer};

impl<W: Write, F: Format, B: Store> Writer<W, F, B, Blocking> {
    /// Sends a frame now, in one write unless the transport takes less. A frame larger than the store needs a
    /// format with a limit, see [`Format::with_limit`].
    ///
    /// # Errors
    /// [`WriteError`]. After [`Io`](WriteError::Io) the frame is queued, and [`flush`](Self::flush) goes on
    /// with it. After [`NotQueued`](WriteError::NotQueued) and [`Encode`](WriteError::Encode) it is not. A
    /// frame larger than the store goes out past it. If that stops half-way, every later frame is refused with
    /// [`EncodeError::MidPayload`], until [`resume`](Self::resume) has written the missing bytes.
    pub fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<W::Error>> {
        self.push(payload)?;
        self.flush()
    }

    /// Queues a frame, to be sent with others by [`flush`](Self::flush). It writes only where there is no
    /// room. A frame larger than the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// # Errors
    /// [`WriteError`]. A frame that fits the store is queued, or after any error not. For larger ones see
    /// [`send`](Self::send).
    pub fn push(&mut self, payload: &[u8]) -> Result<(), WriteError<W::Error>> {
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
    pub fn push_with(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), WriteError<W::Error>> {
        match self.encoder.push_with(fields, parts) {
            Ok(()) => Ok(()),
            Err(error) => self.push_by_writing(fields, parts, error),
        }
    }

    fn push_by_writing(
        &mut self,
        fields: &[u8],
        parts: &[&[u8]],
        error: EncodeError,
    ) -> Result<(), WriteError<W::Error>> {
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
    ) -> Result<(), WriteError<W::Error>> {
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
    ) -> Result<PayloadWriter<'_, W, F, B, Blocking>, WriteError<W::Error>> {
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
    pub fn write_unframed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<W::Error>> {
        outbound::check_complete(&self.encoder)?;
        let parts = [bytes];
        let rest = Rest::new(&parts);
        while let Some(sent) = self.write_once(&rest)? {
            if sent > 0 {
                return Ok(sent);
            }
        }
        Ok(0)
    }

    /// Sends all that is queued, and what the transport may have queued itself.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub fn flush(&mut self) -> Result<(), WriteError<W::Error>> {
        self.drain()?;
        while !outbound::after_flush(self.io.flush(), fault)? {}
        Ok(())
    }

    /// Hands all that is queued to the transport, and does not flush the transport.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub fn drain(&mut self) -> Result<(), WriteError<W::Error>> {
        self.drain_with(Rest::NONE)
    }

    /// Like [`drain`](Self::drain), but `Pending` where it would wait, going by what [`WriteReady`] says. All
    /// state is kept.
    ///
    /// # Errors
    /// Those of `drain`.
    pub fn try_drain(&mut self) -> Poll<Result<(), WriteError<W::Error>>>
    where
        W: WriteReady,
    {
        while !self.encoder.is_empty() {
            if !ready(self.io.write_ready()).map_err(WriteError::Io)? {
                return Poll::Pending;
            }
            self.write_once(&Rest::NONE)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is pending, then `rest`, which belongs to an announced payload.
    fn drain_with(&mut self, mut rest: Rest<'_>) -> Result<(), WriteError<W::Error>> {
        while let Some(sent) = self.write_once(&rest)? {
            if sent > 0 {
                rest.sent(&mut self.encoder, sent)?;
            }
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes of `rest` went out, or `None` if nothing is left to write.
    pub(super) fn write_once(&mut self, rest: &Rest<'_>) -> Result<Option<usize>, WriteError<W::Error>> {
        let Some(bytes) = outbound::next(&self.encoder, rest) else { return Ok(None) };
        let (offered, result) = (bytes.len(), self.io.write(bytes));
        Ok(Some(outbound::after_write(&mut self.encoder, offered, result, fault)?.unwrap_or(0)))
    }
}
