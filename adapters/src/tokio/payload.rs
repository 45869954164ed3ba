//! Payloads in pieces, and bytes outside frames, as `AsyncRead` and `AsyncWrite`.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std_crate::io;

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(doc)]
use ringframe::EncodeError;
use ringframe::{Format, Store};

use super::reader::poll_read;
use super::writer::Paused;
use super::{ReadTime, WriteTime};
use crate::inbound::{self, After};
use crate::outbound::{self, Rest};
#[cfg(doc)]
use crate::patience::Patience;
use crate::reader::{Carries, PayloadReader, Reader, Unframed};
use crate::std::fault;
use crate::writer::{PayloadWriter, Writer};
use crate::{ReadError, WriteError};

impl<C, F, B> Reader<C, F, B, ReadTime>
where
    C: Carries<Io: AsyncRead + Unpin>,
    F: Format,
    B: Store,
{
    fn poll_payload(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, ReadError<io::Error>>> {
        loop {
            if let Some(n) = inbound::take_payload(&mut self.decoder, &mut self.has_told, buf)? {
                return Poll::Ready(Ok(n));
            }
            let io = self.carrier.io();
            let read = self.time.poll_read(cx, &mut self.decoder, |cx, decoder| {
                poll_read(io, cx, inbound::payload_space(decoder, buf))
            })?;
            let Some(result) = ready!(read) else { continue };
            match inbound::after_payload_read(&mut self.decoder, buf, result, fault)? {
                After::Taken(n) => return Poll::Ready(Ok(n)),
                After::End => return Poll::Ready(Ok(0)),
                After::Stored | After::Interrupted => {}
            }
        }
    }

    fn poll_unframed(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<Result<usize, ReadError<io::Error>>> {
        loop {
            match inbound::take_unframed(&mut self.decoder, buf) {
                0 => {}
                n => return Poll::Ready(Ok(n)),
            }
            let io = self.carrier.io();
            let read = self.time.poll_read(cx, &mut self.decoder, |cx, decoder| {
                poll_read(io, cx, inbound::unframed_space(decoder, buf))
            })?;
            let Some(result) = ready!(read) else { continue };
            match inbound::after_unframed_read(&mut self.decoder, buf.len(), result, fault)? {
                After::Taken(n) => {
                    self.time.watch.restart();
                    return Poll::Ready(Ok(n));
                }
                After::End => return Poll::Ready(Ok(0)),
                After::Stored | After::Interrupted => {}
            }
        }
    }
}

impl<W: AsyncWrite + Unpin, F: Format, B: Store> Writer<W, F, B, WriteTime<W>> {
    fn poll_payload(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, WriteError<io::Error>>> {
        let bytes = outbound::within_announced(&self.encoder, bytes)?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let parts = [bytes];
        while outbound::go_past(&self.encoder, bytes.len()) {
            let mut rest = Rest::new(&parts);
            match ready!(self.poll_write_once(cx, &rest))? {
                0 => {}
                sent => {
                    rest.sent(&mut self.encoder, sent)?;
                    return Poll::Ready(Ok(sent));
                }
            }
        }
        Poll::Ready(Ok(self.encoder.feed(bytes)?))
    }
}

/// The bytes of the payload, then none. A read takes as many bytes as there is room for.
///
/// A stream that ends inside the payload is [`io::ErrorKind::UnexpectedEof`] with [`ReadError::Truncated`] in
/// it, a peer that takes too long [`io::ErrorKind::TimedOut`] with [`ReadError::TooSlow`], a wrong trailer
/// [`io::ErrorKind::InvalidData`] with [`ReadError::Protocol`].
///
/// Cancel-safe: a byte that was read is kept for the next call. The time of the frame counts from one poll
/// that has to wait to the next.
impl<C, F, B> AsyncRead for PayloadReader<'_, C, F, B, ReadTime>
where
    C: Carries<Io: AsyncRead + Unpin>,
    F: Format,
    B: Store,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let n = ready!(self.get_mut().reader.poll_payload(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

/// The bytes of the stream, the buffered ones first, then none at its end. With a [`Patience`] each read waits
/// as long as between frames.
///
/// Cancel-safe: a byte that was read is kept for the next call. The time counts from one poll that has to wait to
/// the next.
impl<C, F, B> AsyncRead for Unframed<'_, C, F, B, ReadTime>
where
    C: Carries<Io: AsyncRead + Unpin>,
    F: Format,
    B: Store,
{
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let n = ready!(self.get_mut().reader.poll_unframed(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin, F: Format, B: Store> PayloadWriter<'_, W, F, B, WriteTime<W>> {
    /// Takes the next bytes of the payload, and returns how many it took: all that fit the store, or as many as
    /// the transport takes, without a copy. As [`AsyncWrite`] it does the same with an [`io::Error`].
    ///
    /// Cancel-safe: dropped, it has taken none of them.
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::Overrun`] beyond the announced length. None of `bytes` was taken then.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<io::Error>> {
        let writer = Paused(self.writer);
        poll_fn(|cx| writer.0.poll_payload(cx, bytes)).await
    }

    /// Sends what is queued.
    ///
    /// Cancel-safe: all of the payload is queued or sent by then, and [`Writer::flush`] goes on.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] if not all of the announced length was written. Else those of
    /// [`Writer::flush`].
    pub async fn finish(self) -> Result<(), WriteError<io::Error>> {
        outbound::check_complete(&self.writer.encoder)?;
        self.writer.flush().await
    }
}

/// Takes the bytes of the payload. It writes only where there is no room, and then as many as the transport
/// takes, without a copy.
///
/// Cancel-safe: a write that is dropped has taken none of its bytes, and a flush goes on. Shutting it down
/// flushes it; [`Writer::close`] ends the stream.
impl<W: AsyncWrite + Unpin, F: Format, B: Store> AsyncWrite for PayloadWriter<'_, W, F, B, WriteTime<W>> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(ready!(self.get_mut().writer.poll_payload(cx, bytes))?))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(ready!(self.get_mut().writer.poll_flush_all(cx))?))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
