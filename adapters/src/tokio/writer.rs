//! Writing in tasks.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std_crate::io;

use ::tokio::io::AsyncWrite;
use ringframe::{EncodeError, Format, Store};

use super::WriteTime;
use super::time::{Call, Progress};
use crate::WriteError;
use crate::outbound::{self, Rest};
use crate::std::{fault, slices};
use crate::time::Time;
use crate::writer::{PayloadWriter, Writer};

impl<W: AsyncWrite + Unpin, F: Format, B: Store> Writer<W, F, B, WriteTime<W>> {
    /// Sends a frame now, in one system call unless the transport takes less. A frame larger than the store
    /// needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe for frames that fit the store, in that the stream stays in step. Dropped early, the frame was
    /// not queued, or it was, whole, and the next [`flush`](Self::flush) sends the rest. A larger one that is
    /// dropped half-way leaves the writer refusing every other frame with [`EncodeError::MidPayload`], until
    /// [`resume`](Self::resume) has written the missing bytes.
    ///
    /// # Errors
    /// [`WriteError`]. After [`Io`](WriteError::Io) the frame is queued, and [`flush`](Self::flush) goes on
    /// with it. After [`NotQueued`](WriteError::NotQueued) and [`Encode`](WriteError::Encode) it is not.
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
        self.push(payload).await?;
        self.flush().await
    }

    /// Queues a frame, to be sent with others by [`flush`](Self::flush). It writes only where there is no
    /// room. A frame larger than the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe for frames that fit the store: dropped, it has queued nothing. For larger ones see
    /// [`send`](Self::send).
    ///
    /// # Errors
    /// [`WriteError`]. A frame that fits the store is queued, or after any error not.
    pub async fn push(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
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
    pub async fn push_with(&mut self, fields: &[u8], parts: &[&[u8]]) -> Result<(), WriteError<io::Error>> {
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
    ) -> Result<(), WriteError<io::Error>> {
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
    ) -> Result<(), WriteError<io::Error>> {
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
    ) -> Result<PayloadWriter<'_, W, F, B, WriteTime<W>>, WriteError<io::Error>> {
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
    pub async fn write_unframed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<io::Error>> {
        outbound::check_complete(&self.encoder)?;
        let parts = [bytes];
        let rest = Rest::new(&parts);
        while !self.encoder.is_empty() || !rest.is_empty() {
            match self.write_once(&rest).await? {
                0 => {}
                n => return Ok(n),
            }
        }
        Ok(0)
    }

    /// Hands all that is queued to the transport, and does not flush the transport.
    ///
    /// Cancel-safe: what was not sent stays queued.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued, and the next call goes on.
    pub async fn drain(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain_with(Rest::NONE).await
    }

    /// Sends all that is queued, and what the transport may have queued itself.
    ///
    /// Cancel-safe: what was not sent stays queued, and the next call goes on.
    ///
    /// # Errors
    /// [`WriteError`]. What was not sent stays queued.
    pub async fn flush(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain().await?;
        let writer = Paused(self);
        poll_fn(|cx| writer.0.poll_call(cx, AsyncWrite::poll_flush)).await
    }

    /// Sends all that is queued, then the end of the stream. Reading goes on: it is a half-close.
    ///
    /// Cancel-safe: the next call goes on.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] inside a frame of announced length, before anything is sent. Else those
    /// of [`flush`](Self::flush).
    pub async fn close(&mut self) -> Result<(), WriteError<io::Error>> {
        outbound::check_complete(&self.encoder)?;
        self.drain().await?;
        let writer = Paused(self);
        poll_fn(|cx| writer.0.poll_call(cx, AsyncWrite::poll_shutdown)).await
    }

    /// Sets how long the peer may take no byte before a write is given up as [`WriteError::Stalled`]. `None`,
    /// the default: for ever. It needs tokio's time driver.
    ///
    /// Only time spent waiting in a call counts, and dropping one does not begin anew. A flush is not limited
    /// by it, since most transports do not tell whether the peer takes what they buffer: for those that do
    /// there is [`set_write_patience_by_progress`](Self::set_write_patience_by_progress), for others
    /// [`set_flush_timeout`](Self::set_flush_timeout). TCP and Unix sockets buffer nothing that a flush would
    /// wait for.
    pub const fn set_write_patience(&mut self, patience: Option<Duration>) {
        self.time.patience = patience;
        self.time.progress = None;
    }

    /// Sets how long the peer may take no byte before a write, a flush or a close is given up as
    /// [`WriteError::Stalled`]. The transport tells what the peer took.
    pub fn set_write_patience_by_progress(&mut self, patience: Option<Duration>)
    where
        W: Progress,
    {
        self.time.patience = patience;
        self.time.progress = Some(W::bytes_sent);
    }

    /// Sets how long one flush of the transport may take, or its shutdown, until it is given up as
    /// [`WriteError::NotFlushed`]. `None`, the default: for ever. It needs tokio's time driver.
    ///
    /// It is for a transport that buffers: it ends the whole flush, also one in which the peer takes byte
    /// after byte. Writes are not limited by it.
    pub const fn set_flush_timeout(&mut self, timeout: Option<Duration>) {
        self.time.flush_timeout = timeout;
    }

    /// Writes what is pending, then `rest`, which belongs to an announced payload.
    async fn drain_with(&mut self, mut rest: Rest<'_>) -> Result<(), WriteError<io::Error>> {
        while !self.encoder.is_empty() || !rest.is_empty() {
            let sent = self.write_once(&rest).await?;
            if sent > 0 {
                rest.sent(&mut self.encoder, sent)?;
            }
        }
        Ok(())
    }

    /// Writes once. Returns how many bytes of `rest` went out.
    async fn write_once(&mut self, rest: &Rest<'_>) -> Result<usize, WriteError<io::Error>> {
        let writer = Paused(self);
        poll_fn(|cx| writer.0.poll_write_once(cx, rest)).await
    }

    pub(super) fn poll_write_once(
        &mut self,
        cx: &mut Context<'_>,
        rest: &Rest<'_>,
    ) -> Poll<Result<usize, WriteError<io::Error>>> {
        let (first, second) = self.encoder.pending();
        let (offered, result) = if rest.is_empty() && second.is_empty() {
            let write = |cx: &mut Context<'_>, io: &mut W| Pin::new(io).poll_write(cx, first);
            (first.len(), ready!(self.time.poll(cx, &mut self.io, Call::Write, write))?)
        } else {
            let (slices, offered) = slices(first, second, rest);
            let write = |cx: &mut Context<'_>, io: &mut W| Pin::new(io).poll_write_vectored(cx, &slices);
            (offered, ready!(self.time.poll(cx, &mut self.io, Call::Write, write))?)
        };
        Poll::Ready(Ok(outbound::after_write(&mut self.encoder, offered, result, fault)?.unwrap_or(0)))
    }

    /// Flushes the transport, or shuts it down.
    fn poll_call(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(Pin<&mut W>, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<Result<(), WriteError<io::Error>>> {
        let call = |cx: &mut Context<'_>, io: &mut W| call(Pin::new(io), cx);
        let result = ready!(self.time.poll(cx, &mut self.io, Call::Flush, call))?;
        outbound::after_flush(result, fault)?;
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), WriteError<io::Error>>> {
        while !self.encoder.is_empty() {
            ready!(self.poll_write_once(cx, &Rest::NONE))?;
        }
        self.poll_call(cx, AsyncWrite::poll_flush)
    }
}

/// A writer whose clock stops when its call ends, or is dropped.
pub(super) struct Paused<'w, W, F: Format, B>(pub(super) &'w mut Writer<W, F, B, WriteTime<W>>);

impl<W, F: Format, B> Drop for Paused<'_, W, F, B> {
    fn drop(&mut self) {
        self.0.time.pause();
    }
}
