//! Writing to transports of a device in tasks.

use core::task::Poll;

use ::embedded_io_async::{Write, WriteReady};
use ringframe::{EncodeError, Format, Store};

use super::Tasks;
use crate::WriteError;
use crate::embedded::{fault, ready};
use crate::outbound::{self, Rest};
use crate::tasks::yield_now;
use crate::writer::{PayloadWriter, Writer};

impl<W: Write, F: Format, B: Store> Writer<W, F, B, Tasks> {
    /// Sends a frame now, in one write unless the transport takes less. A frame larger than the store needs a
    /// format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe as [`push`](Self::push) is. What was queued stays queued.
    ///
    /// # Errors
    /// [`WriteError`]. After [`Io`](WriteError::Io) the frame is queued, and [`flush`](Self::flush) goes on
    /// with it. After [`NotQueued`](WriteError::NotQueued) and [`Encode`](WriteError::Encode) it is not. A
    /// frame larger than the store goes out past it. If that stops half-way, every later frame is refused with
    /// [`EncodeError::MidPayload`], until [`resume`](Self::resume) has written the missing bytes.
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<W::Error>> {
        self.push(payload).await?;
        self.flush().await
    }

    /// Queues a frame, to be sent with others by [`flush`](Self::flush). It writes only where there is no
    /// room. A frame larger than the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe for a frame that fits the store: dropped, it has queued nothing. A larger one that is dropped
    /// half-way is one that stopped half-way, see [`send`](Self::send).
    ///
    /// # Errors
    /// [`WriteError`]. A frame that fits the store is queued, or after any error not. For larger ones see
    /// [`send`](Self::send).
    pub async fn push(&mut self, payload: &[u8]) -> Result<(), WriteError<W::Error>> {
        match self.encoder.push(payload) {
            Ok(()) => Ok(()),
            Err(error) => self.push_by_writing(&[], &[payload], error).await,
        }
    }

    /// Queues a frame whose payload is given in parts, as [`push`](Self::push) does. `fields` are the header's
    /// bytes other than the length field, in order.
    ///
    /// Cancel-safe as `push` is.
    ///
    /// # Errors
    /// Those of `push`.
    pub async fn push_with(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), WriteError<W::Error>> {
        match self.encoder.push_with(fields, parts) {
            Ok(()) => Ok(()),
            Err(error) => self.push_by_writing(fields, parts, error).await,
        }
    }

    async fn push_by_writing(
        &mut self,
        fields: &[u8],
        parts: &[&[u8]],
        error: EncodeError,
    ) -> Result<(), WriteError<W::Error>> {
        outbound::check_later(&self.encoder, error)?;
        self.drain().await.map_err(WriteError::before_queueing)?;
        let rest = outbound::begin(&mut self.encoder, fields, parts)?;
        if rest.is_empty() { Ok(()) } else { self.drain_with(rest).await }
    }

    /// Queues a typed message as one frame, in postcard's format.
    ///
    /// Cancel-safe: dropped, it has queued nothing.
    ///
    /// # Errors
    /// [`WriteError`]. Nothing is queued then. Messages larger than the store are [`EncodeError::NoRoom`].
    #[cfg(feature = "postcard")]
    pub async fn push_message<T: serde::Serialize + ?Sized>(
        &mut self,
        message: &T,
    ) -> Result<(), WriteError<W::Error>> {
        match self.encoder.push_message(message) {
            Err(EncodeError::NoRoom { .. }) if !self.encoder.is_empty() => {
                self.drain().await.map_err(WriteError::before_queueing)?;
                Ok(self.encoder.push_message(message)?)
            }
            result => Ok(result?),
        }
    }

    /// Begins a frame whose payload of `len` bytes is written in pieces. A frame larger than the store needs
    /// a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe: dropped, it has begun nothing.
    ///
    /// # Errors
    /// [`WriteError`]; nothing is begun then. A frame beyond the format's limit is [`EncodeError::TooLong`].
    /// Without one, the store is the limit.
    pub async fn announce(
        &mut self,
        fields: &[u8],
        len: u64,
    ) -> Result<PayloadWriter<'_, W, F, B, Tasks>, WriteError<W::Error>> {
        match self.encoder.announce(fields, len) {
            Err(EncodeError::NoRoom { .. }) => {
                self.drain().await.map_err(WriteError::before_queueing)?;
                self.encoder.announce(fields, len)?;
            }
            result => result?,
        }
        Ok(self.resume())
    }

    /// Sends what is queued and then some of `bytes`, which are not framed, without a copy. Returns how many
    /// of them went out, 0 only where there are none.
    ///
    /// Cancel-safe: dropped, it has sent none of them.
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::MidPayload`] inside a frame of announced length. No byte of `bytes` went
    /// out then.
    pub async fn write_unframed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<W::Error>> {
        outbound::check_complete(&self.encoder)?;
        let parts = [bytes];
        let rest = Rest::new(&parts);
        while let Some(sent) = self.write_once(&rest).await? {
            if sent > 0 {
                return Ok(sent);
            }
        }
        Ok(0)
    }

    /// Sends all that is queued, and what the transport may have queued itself.
    ///
    /// Cancel-safe: what was not sent stays queued.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub async fn flush(&mut self) -> Result<(), WriteError<W::Error>> {
        self.drain().await?;
        while !outbound::after_flush(self.io.flush().await, fault)? {
            yield_now().await;
        }
        Ok(())
    }

    /// Hands all that is queued to the transport, and does not flush the transport.
    ///
    /// Cancel-safe: what was not sent stays queued.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub async fn drain(&mut self) -> Result<(), WriteError<W::Error>> {
        self.drain_with(Rest::NONE).await
    }

    /// Like [`drain`](Self::drain), but `Pending` where it would wait, going by what [`WriteReady`] says. All
    /// state is kept.
    ///
    /// Cancel-safe: what was not sent stays queued.
    ///
    /// # Errors
    /// Those of `drain`.
    pub async fn try_drain(&mut self) -> Poll<Result<(), WriteError<W::Error>>>
    where
        W: WriteReady,
    {
        while !self.encoder.is_empty() {
            if !ready(self.io.write_ready()).map_err(WriteError::Io)? {
                return Poll::Pending;
            }
            self.write_once(&Rest::NONE).await?;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what is pending, then `rest`, which belongs to an announced payload.
    async fn drain_with(&mut self, mut rest: Rest<'_>) -> Result<(), WriteError<W::Error>> {
        while let Some(sent) = self.write_once(&rest).await? {
            if sent > 0 {
                rest.sent(&mut self.encoder, sent)?;
            }
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes of `rest` went out, or `None` if nothing is left to write.
    pub(super) async fn write_once(
        &mut self,
        rest: &Rest<'_>,
    ) -> Result<Option<usize>, WriteError<W::Error>> {
        let Some(bytes) = outbound::next(&self.encoder, rest) else { return Ok(None) };
        let (offered, result) = (bytes.len(), self.io.write(bytes).await);
        let sent = outbound::after_write(&mut self.encoder, offered, result, fault)?;
        if sent.is_none() {
            yield_now().await;
        }
        Ok(Some(sent.unwrap_or(0)))
    }
}
