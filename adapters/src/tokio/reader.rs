//! Reading in tasks.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std_crate::io;

use ::tokio::io::{AsyncRead, ReadBuf};
use ringframe::{Event, Format, Frame, Status, Store};

use super::time::unless_interrupted;
use super::{Framed, Incoming, ReadTime, Request};
use crate::ReadError;
use crate::inbound::{self, After};
use crate::patience::Patience;
use crate::reader::{Carries, Reader};
use crate::std::fault;
use crate::time::Time;

impl<C, F, B> Reader<C, F, B, ReadTime>
where
    C: Carries<Io: AsyncRead + Unpin>,
    F: Format,
    B: Store,
{
    /// Returns the next frame, or `None` at the end of the stream, if that is between frames. A payload that
    /// was not read to its end is skipped first.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError`]. A frame larger than the store is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong).
    pub async fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        if (ends_payload || !self.is_filled()) && !self.fill_frame(ends_payload).await? {
            return Ok(None);
        }
        Ok(self.decoder.take_frame()?)
    }

    /// Waits for the next frame, and lends it without taking it: see
    /// [`Decoder::peek_frame`](ringframe::Decoder::peek_frame). `None` is the end of the stream. A payload that was
    /// not read to its end is skipped first.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// ```
    /// use ringframe::{Frame, formats::U8};
    /// use ringframe_io::{ReadError, tokio::Reader};
    /// use tokio::io::AsyncRead;
    ///
    /// /// Returns the next frame that is not empty: an empty one only keeps the link alive.
    /// async fn next_message<R: AsyncRead + Unpin>(
    ///     reader: &mut Reader<R, U8, Box<[u8]>>,
    /// ) -> Result<Option<Frame<'_>>, ReadError<std::io::Error>> {
    ///     while reader.peek_frame().await?.is_some_and(|frame| frame.is_empty()) {
    ///         reader.next_frame().await?;
    ///     }
    ///     reader.next_frame().await
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut reader = Reader::with_capacity(&b"\0\0\x02hi"[..], U8, 256)?;
    /// assert_eq!(next_message(&mut reader).await?.unwrap().payload(), b"hi");
    /// assert!(next_message(&mut reader).await?.is_none());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub async fn peek_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        if (ends_payload || !self.is_filled()) && !self.fill_frame(ends_payload).await? {
            return Ok(None);
        }
        if self.decoder.peek_frame().is_none() {
            // A frame that can't be taken is an error, and taking it says which.
            return Ok(self.decoder.take_frame()?);
        }
        Ok(self.decoder.peek_frame())
    }

    /// Returns the next event: a frame, or one larger than the store in pieces that the store lends. `None`
    /// is the end of the stream. A frame larger than the store needs a format with a limit, see
    /// [`Format::with_limit`].
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError`]. A frame beyond the format's limit is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the limit.
    pub async fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError<io::Error>> {
        if !self.is_filled() && !self.fill().await? {
            return Ok(None);
        }
        Ok(self.decoder.take_event()?)
    }

    /// Returns the next frame. One larger than the store comes as a reader of its payload, and needs a format
    /// with a limit, see [`Format::with_limit`]. A payload that was not read to its end is skipped first; to
    /// go on with it, [`resume`](Self::resume) it.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of [`next_event`](Self::next_event).
    pub async fn next_incoming(&mut self) -> Result<Option<Incoming<'_, C, F, B>>, ReadError<io::Error>> {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        if (ends_payload || !self.is_filled()) && !self.fill_frame(ends_payload).await? {
            return Ok(None);
        }
        Ok(Incoming::take(self)?)
    }

    /// Reads ahead of what is asked for, as far as the store has room, until the stream ends. Returns true at
    /// its end, false if there is no more room. No patience applies. A caller that is busy with an answer learns so
    /// that nobody waits for it any more.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError::Io`], [`ReadError::CutOff`] and [`ReadError::Overrun`].
    pub async fn read_ahead(&mut self) -> Result<bool, ReadError<io::Error>> {
        poll_fn(|cx| {
            loop {
                let space = self.decoder.space();
                if space.is_empty() {
                    return Poll::Ready(Ok(false));
                }
                let result = poll_read(self.carrier.io(), cx, space);
                match ready!(unless_interrupted(cx, result)) {
                    // Whether it is a good end the next call tells that takes what is there.
                    Ok(0) => return Poll::Ready(Ok(true)),
                    result => _ = inbound::after_read(&mut self.decoder, result, fault)?,
                }
            }
        })
        .await
    }

    /// Sets how long reading waits for the peer, from now on. [`ReadError::Idle`] and [`ReadError::TooSlow`]
    /// say that it was too long. It needs tokio's time driver.
    pub const fn set_patience(&mut self, patience: Patience) {
        self.time.watch.patience = patience;
    }

    /// Returns how long reading waits for the peer.
    pub const fn patience(&self) -> Patience {
        self.time.watch.patience
    }

    /// Returns true if something is there to take: most frames arrive with others.
    #[inline(always)]
    fn is_filled(&mut self) -> bool {
        matches!(self.decoder.poll(), Ok(Status::Ready))
    }

    /// Reads until a frame is there to take, or the stream has ended: then it returns false. A payload of which all
    /// bytes were taken ends first, by its trailer.
    async fn fill_frame(&mut self, ends_payload: bool) -> Result<bool, ReadError<io::Error>> {
        if ends_payload {
            self.fill().await?;
            inbound::end_payload(&mut self.decoder, &mut self.has_told)?;
        }
        self.fill().await
    }

    /// Reads until something is there to take. Returns false if the stream ended between frames.
    async fn fill(&mut self) -> Result<bool, ReadError<io::Error>> {
        self.time.begin();
        let reader = Paused(self);
        poll_fn(|cx| reader.0.poll_fill(cx)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, ReadError<io::Error>>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            let io = self.carrier.io();
            let read = self
                .time
                .poll_read(cx, &mut self.decoder, |cx, decoder| poll_read(io, cx, decoder.space()))?;
            let Some(result) = ready!(read) else { continue };
            match inbound::after_read(&mut self.decoder, result, fault)? {
                After::End => return Poll::Ready(Ok(false)),
                After::Stored | After::Taken(_) | After::Interrupted => {}
            }
        }
        Poll::Ready(Ok(true))
    }
}

/// A reader whose clock stops when its call ends, or is dropped.
struct Paused<'r, C: Carries, F: Format, B>(&'r mut Reader<C, F, B, ReadTime>);

impl<C: Carries, F: Format, B> Drop for Paused<'_, C, F, B> {
    fn drop(&mut self) {
        Time::<C::Io>::pause(&mut self.0.time);
    }
}

pub(super) fn poll_read<R: AsyncRead + Unpin>(
    io: &mut R,
    cx: &mut Context<'_>,
    space: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(space);
    Pin::new(io).poll_read(cx, &mut buf).map_ok(|()| buf.filled().len())
}

impl<S: AsyncRead + Unpin, F: Format, D: Store, E> Framed<S, F, D, E> {
    /// Returns the next frame together with the writer, so that it can be answered while it is lent. `None`
    /// is the end of the stream. The front page of this module shows it.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub async fn next_request(&mut self) -> Result<Option<Request<'_, S, F, E>>, ReadError<io::Error>> {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        if (ends_payload || !self.is_filled()) && !self.fill_frame(ends_payload).await? {
            return Ok(None);
        }
        Ok(self.decoder.take_frame()?.map(|frame| (frame, &mut self.carrier)))
    }
}
