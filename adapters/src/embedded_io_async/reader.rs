//! Reading from transports of a device in tasks.

use core::task::Poll;

use ::embedded_io_async::{ErrorType, Read, ReadReady};
use ringframe::{Event, Format, Frame, Status, Store};

use super::{Framed, Incoming, Request, Tasks};
use crate::ReadError;
use crate::embedded::{fault, ready};
use crate::inbound::{self, After};
use crate::reader::{Carries, Reader};
use crate::tasks::yield_now;

/// What a call that reads returns, over a transport `S`. `None` is the end of the stream.
type Next<T, S> = Result<Option<T>, ReadError<<S as ErrorType>::Error>>;

impl<C, F, B> Reader<C, F, B, Tasks>
where
    C: Carries<Io: Read>,
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
    pub async fn next_frame(&mut self) -> Next<Frame<'_>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload().await?;
        }
        match self.fill().await? {
            true => Ok(self.decoder.take_frame()?),
            false => Ok(None),
        }
    }

    /// Waits for the next frame, and lends it without taking it: see
    /// [`Decoder::peek_frame`](ringframe::Decoder::peek_frame). `None` is the end of the stream. A payload that was
    /// not read to its end is skipped first.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub async fn peek_frame(&mut self) -> Next<Frame<'_>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload().await?;
        }
        if !self.fill().await? {
            return Ok(None);
        }
        if self.decoder.peek_frame().is_none() {
            // A frame that can't be taken is an error, and taking it says which.
            return Ok(self.decoder.take_frame()?);
        }
        Ok(self.decoder.peek_frame())
    }

    /// Like [`next_frame`](Self::next_frame), but `Pending` where it would wait, going by what [`ReadReady`]
    /// says. All state is kept.
    ///
    /// A transport whose `read_ready` stays false at the end of its stream, as some do against its contract,
    /// keeps this `Pending`.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of `next_frame`.
    pub async fn try_next_frame(&mut self) -> Poll<Next<Frame<'_>, C::Io>>
    where
        C::Io: ReadReady,
    {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        loop {
            while let Status::Missing(_) = self.decoder.poll()? {
                if !ready(self.carrier.io().read_ready()).map_err(ReadError::Io)? {
                    return Poll::Pending;
                }
                if !self.read_once().await? {
                    return Poll::Ready(Ok(None));
                }
            }
            if !ends_payload || !self.decoder.is_streaming() {
                return Poll::Ready(self.decoder.take_frame().map_err(ReadError::from));
            }
            // The end of the payload, and its trailer.
            inbound::end_payload(&mut self.decoder, &mut self.has_told)?;
        }
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
    pub async fn next_event(&mut self) -> Next<Event<'_>, C::Io> {
        match self.fill().await? {
            true => Ok(self.decoder.take_event()?),
            false => Ok(None),
        }
    }

    /// Returns the next frame. One larger than the store comes as a reader of its payload, and needs a format
    /// with a limit, see [`Format::with_limit`]. A payload that was not read to its end is skipped first; to
    /// go on with it, [`resume`](Self::resume) it.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of [`next_event`](Self::next_event).
    pub async fn next_incoming(&mut self) -> Next<Incoming<'_, C, F, B>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload().await?;
        }
        match self.fill().await? {
            true => Ok(Incoming::take(self)?),
            false => Ok(None),
        }
    }

    /// Reads ahead of what is asked for, as far as the store has room, while the transport is ready. Returns
    /// true at the end of the stream. A caller that is busy with an answer learns so that nobody waits for it
    /// any more.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError::Io`], [`ReadError::CutOff`] and [`ReadError::Overrun`].
    pub async fn read_ahead(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>>
    where
        C::Io: ReadReady,
    {
        while ready(self.carrier.io().read_ready()).map_err(ReadError::Io)? {
            let space = self.decoder.space();
            if space.is_empty() {
                break;
            }
            match self.carrier.io().read(space).await {
                // Whether it is a good end the next call tells that takes what is there.
                Ok(0) => return Ok(true),
                result => {
                    if inbound::after_read(&mut self.decoder, result, fault)? == After::Interrupted {
                        yield_now().await;
                    }
                }
            }
        }
        Ok(false)
    }

    /// Waits for the trailer of a payload of which all bytes were taken, and compares it.
    async fn end_payload(&mut self) -> Result<(), ReadError<<C::Io as ErrorType>::Error>> {
        self.fill().await?;
        inbound::end_payload(&mut self.decoder, &mut self.has_told)?;
        Ok(())
    }

    /// Reads until something is there to take. Returns false if the stream ended between frames.
    async fn fill(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            if !self.read_once().await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads once to the store. Returns false if the stream ended between frames.
    async fn read_once(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>> {
        let result = self.carrier.io().read(self.decoder.space()).await;
        let after = inbound::after_read(&mut self.decoder, result, fault)?;
        if after == After::Interrupted {
            yield_now().await;
        }
        Ok(after != After::End)
    }
}

impl<S: Read, F: Format, D: Store, E> Framed<S, F, D, E> {
    /// Returns the next frame together with the writer, so that it can be answered while it is lent. `None`
    /// is the end of the stream.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub async fn next_request(&mut self) -> Next<Request<'_, S, F, E>, S> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload().await?;
        }
        if !self.fill().await? {
            return Ok(None);
        }
        Ok(self.decoder.take_frame()?.map(|frame| (frame, &mut self.carrier)))
    }
}
