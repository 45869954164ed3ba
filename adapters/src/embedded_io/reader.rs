//! Reading from blocking transports of a device.

use core::task::Poll;
use core::time::Duration;

use ::embedded_io::{ErrorType, Read, ReadReady};
use ringframe::{Event, Format, Frame, Status, Store};

use super::{Blocking, Framed, Incoming, Request};
use crate::ReadError;
use crate::embedded::{fault, ready};
use crate::inbound::{self, After};
use crate::patience::Watch;
use crate::reader::{Carries, Reader};

/// What a call that reads returns, over a transport `S`. `None` is the end of the stream.
type Next<T, S> = Result<Option<T>, ReadError<<S as ErrorType>::Error>>;

impl<C, F, B> Reader<C, F, B, Blocking>
where
    C: Carries<Io: Read>,
    F: Format,
    B: Store,
{
    /// Returns the next frame, or `None` at the end of the stream, if that is between frames. A payload that
    /// was not read to its end is skipped first.
    ///
    /// # Errors
    /// [`ReadError`]. A frame larger than the store is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong).
    pub fn next_frame(&mut self) -> Next<Frame<'_>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload()?;
        }
        match self.fill()? {
            true => Ok(self.decoder.take_frame()?),
            false => Ok(None),
        }
    }

    /// Waits for the next frame, and lends it without taking it: see
    /// [`Decoder::peek_frame`](ringframe::Decoder::peek_frame). `None` is the end of the stream. A payload that was
    /// not read to its end is skipped first.
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub fn peek_frame(&mut self) -> Next<Frame<'_>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload()?;
        }
        if !self.fill()? {
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
    /// # Errors
    /// Those of `next_frame`.
    pub fn try_next_frame(&mut self) -> Poll<Next<Frame<'_>, C::Io>>
    where
        C::Io: ReadReady,
    {
        let ends_payload = inbound::leave_payload(&mut self.decoder, &mut self.has_told);
        loop {
            while let Status::Missing(_) = self.decoder.poll()? {
                if !ready(self.carrier.io().read_ready()).map_err(ReadError::Io)? {
                    return Poll::Pending;
                }
                if !self.read_once()? {
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

    /// Like [`next_frame`](Self::next_frame), in the time that a [`Watch`] allows. `now` returns the time since
    /// any fixed point, and is called again and again while the transport is not ready.
    ///
    /// ```
    /// use std::time::Instant;
    /// use embedded_io::{Read, ReadReady};
    /// use ringframe::{Decoder, formats};
    /// use ringframe_io::embedded_io::Reader;
    /// use ringframe_io::{Patience, ReadError, Watch};
    /// # use core::{convert::Infallible, time::Duration};
    ///
    /// # struct Uart(&'static [u8]);
    /// # impl embedded_io::ErrorType for Uart { type Error = Infallible; }
    /// # impl Read for Uart {
    /// #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> { self.0.read(buf) }
    /// # }
    /// # impl ReadReady for Uart {
    /// #     fn read_ready(&mut self) -> Result<bool, Infallible> { Ok(!self.0.is_empty()) }
    /// # }
    /// # let uart = Uart(b"\x02hi\x05he");
    /// let mut reader = Reader::new(uart, Decoder::new(formats::U_8, [0; 64]));
    /// let mut watch = Watch::new(Patience::ENDLESS.with_frame(Duration::from_millis(20)));
    /// let start = Instant::now();
    /// let now = || start.elapsed();
    /// assert_eq!(reader.next_frame_within(&mut watch, now)?.unwrap().payload(), b"hi");
    ///
    /// // The next one does not come to its end.
    /// let result = reader.next_frame_within(&mut watch, now);
    /// assert!(matches!(result, Err(ReadError::TooSlow { missing: 3, .. })));
    /// reader.reset(); // forget what came of it
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of `next_frame`, [`ReadError::Idle`] and [`ReadError::TooSlow`].
    pub fn next_frame_within(
        &mut self,
        watch: &mut Watch,
        mut now: impl FnMut() -> Duration,
    ) -> Next<Frame<'_>, C::Io>
    where
        C::Io: ReadReady,
    {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload()?;
        }
        let mut before = now();
        while let Status::Missing(_) = self.decoder.poll()? {
            watch.left(&self.decoder)?;
            if ready(self.carrier.io().read_ready()).map_err(ReadError::Io)? {
                if !self.read_once()? {
                    return Ok(None);
                }
            } else if watch.is_spent() {
                watch.set_over();
            }
            let after = now();
            watch.spend(after.saturating_sub(before));
            before = after;
        }
        Ok(self.decoder.take_frame()?)
    }

    /// Returns the next event: a frame, or one larger than the store in pieces that the store lends. `None`
    /// is the end of the stream. A frame larger than the store needs a format with a limit, see
    /// [`Format::with_limit`].
    ///
    /// # Errors
    /// [`ReadError`]. A frame beyond the format's limit is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the limit.
    pub fn next_event(&mut self) -> Next<Event<'_>, C::Io> {
        match self.fill()? {
            true => Ok(self.decoder.take_event()?),
            false => Ok(None),
        }
    }

    /// Returns the next frame. One larger than the store comes as a reader of its payload, and needs a format
    /// with a limit, see [`Format::with_limit`]. A payload that was not read to its end is skipped first; to
    /// go on with it, [`resume`](Self::resume) it.
    ///
    /// # Errors
    /// Those of [`next_event`](Self::next_event).
    pub fn next_incoming(&mut self) -> Next<Incoming<'_, C, F, B>, C::Io> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload()?;
        }
        match self.fill()? {
            true => Ok(Incoming::take(self)?),
            false => Ok(None),
        }
    }

    /// Reads ahead of what is asked for, as far as the store has room, while the transport is ready. Returns
    /// true at the end of the stream. A caller that is busy with an answer learns so that nobody waits for it
    /// any more.
    ///
    /// # Errors
    /// [`ReadError::Io`], [`ReadError::CutOff`] and [`ReadError::Overrun`].
    pub fn read_ahead(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>>
    where
        C::Io: ReadReady,
    {
        while ready(self.carrier.io().read_ready()).map_err(ReadError::Io)? {
            let space = self.decoder.space();
            if space.is_empty() {
                break;
            }
            match self.carrier.io().read(space) {
                // Whether it is a good end the next call tells that takes what is there.
                Ok(0) => return Ok(true),
                result => _ = inbound::after_read(&mut self.decoder, result, fault)?,
            }
        }
        Ok(false)
    }

    /// Waits for the trailer of a payload of which all bytes were taken, and compares it.
    fn end_payload(&mut self) -> Result<(), ReadError<<C::Io as ErrorType>::Error>> {
        self.fill()?;
        inbound::end_payload(&mut self.decoder, &mut self.has_told)?;
        Ok(())
    }

    /// Reads until something is there to take. Returns false if the stream ended between frames.
    fn fill(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            if !self.read_once()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads once to the store. Returns false if the stream ended between frames.
    fn read_once(&mut self) -> Result<bool, ReadError<<C::Io as ErrorType>::Error>> {
        let result = self.carrier.io().read(self.decoder.space());
        Ok(inbound::after_read(&mut self.decoder, result, fault)? != After::End)
    }
}

impl<S: Read, F: Format, D: Store, E> Framed<S, F, D, E> {
    /// Returns the next frame together with the writer, so that it can be answered while it is lent. `None`
    /// is the end of the stream.
    ///
    /// ```
    /// # use embedded_io::{ErrorType, Read, Write};
    /// use ringframe::{Decoder, Encoder, formats};
    /// use ringframe_io::embedded_io::Framed;
    ///
    /// # struct Uart(&'static [u8], Vec<u8>);
    /// # impl ErrorType for Uart { type Error = core::convert::Infallible; }
    /// # impl Read for Uart {
    /// #     fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> { self.0.read(buf) }
    /// # }
    /// # impl Write for Uart {
    /// #     fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
    /// #         self.1.extend_from_slice(buf);
    /// #         Ok(buf.len())
    /// #     }
    /// #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
    /// # }
    /// # let uart = Uart(b"\x02hi\x03you", Vec::new());
    /// let decoder = Decoder::new(formats::U_8, [0; 64]);
    /// let mut link = Framed::new(uart, decoder, Encoder::new(formats::U_8, [0; 64]));
    /// while let Some((frame, writer)) = link.next_request()? {
    ///     writer.send(frame.payload())?; // an echo, without a copy
    /// }
    /// # assert_eq!(link.get_ref().1, b"\x02hi\x03you");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub fn next_request(&mut self) -> Next<Request<'_, S, F, E>, S> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.end_payload()?;
        }
        if !self.fill()? {
            return Ok(None);
        }
        Ok(self.decoder.take_frame()?.map(|frame| (frame, &mut self.carrier)))
    }
}
