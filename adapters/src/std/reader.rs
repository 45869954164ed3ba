//! Reading from blocking and non-blocking transports.

use core::task::Poll;
use std_crate::io::{self, Read};

use ringframe::{Event, Format, Frame, Status, Store};

use super::time::Outcome;
use super::{Framed, Incoming, ReadTime, ReadTimeout, Request, fault};
use crate::ReadError;
use crate::inbound::{self, After};
use crate::patience::Patience;
use crate::reader::{Carries, Reader};

impl<C, F, B> Reader<C, F, B, ReadTime<C::Io>>
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
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
        self.leave_payload()?;
        match self.fill()? {
            true => Ok(self.decoder.take_frame()?),
            false => Ok(None),
        }
    }

    /// Waits for the next frame, and lends it without taking it: see
    /// [`Decoder::peek_frame`](ringframe::Decoder::peek_frame). `None` is the end of the stream. A payload that was
    /// not read to its end is skipped first.
    ///
    /// ```
    /// use std::io::Read;
    /// use ringframe::{Frame, formats::U8};
    /// use ringframe_io::{ReadError, std::Reader};
    ///
    /// /// Returns the next frame that is not empty: an empty one only keeps the link alive.
    /// fn next_message<R: Read>(
    ///     reader: &mut Reader<R, U8, Box<[u8]>>,
    /// ) -> Result<Option<Frame<'_>>, ReadError<std::io::Error>> {
    ///     while reader.peek_frame()?.is_some_and(|frame| frame.is_empty()) {
    ///         reader.next_frame()?;
    ///     }
    ///     reader.next_frame()
    /// }
    ///
    /// let mut reader = Reader::with_capacity(&b"\0\0\x02hi"[..], U8, 256)?;
    /// assert_eq!(next_message(&mut reader)?.unwrap().payload(), b"hi");
    /// assert!(next_message(&mut reader)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub fn peek_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
        self.leave_payload()?;
        if !self.fill()? {
            return Ok(None);
        }
        if self.decoder.peek_frame().is_none() {
            // A frame that can't be taken is an error, and taking it says which.
            return Ok(self.decoder.take_frame()?);
        }
        Ok(self.decoder.peek_frame())
    }

    /// Like [`next_frame`](Self::next_frame) on a non-blocking transport: `Pending` where it would block,
    /// whatever the patience is. All state is kept.
    ///
    /// # Errors
    /// Those of `next_frame`.
    pub fn try_next_frame(&mut self) -> Poll<Result<Option<Frame<'_>>, ReadError<io::Error>>> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            match self.fill_without_waiting() {
                Ok(_) => _ = inbound::end_payload(&mut self.decoder, &mut self.has_told)?,
                Err(error) => return pending(error),
            }
        }
        match self.fill_without_waiting() {
            Ok(true) => Poll::Ready(self.decoder.take_frame().map_err(ReadError::from)),
            Ok(false) => Poll::Ready(Ok(None)),
            Err(error) => pending(error),
        }
    }

    /// Returns the next event: a frame, or one larger than the store in pieces that the store lends. `None`
    /// is the end of the stream. A frame larger than the store needs a format with a limit, see
    /// [`Format::with_limit`].
    ///
    /// # Errors
    /// [`ReadError`]. A frame beyond the format's limit is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the limit.
    pub fn next_event(&mut self) -> Result<Option<Event<'_>>, ReadError<io::Error>> {
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
    pub fn next_incoming(&mut self) -> Result<Option<Incoming<'_, C, F, B>>, ReadError<io::Error>> {
        self.leave_payload()?;
        match self.fill()? {
            true => Ok(Incoming::take(self)?),
            false => Ok(None),
        }
    }

    /// Reads ahead of what is asked for, as far as the store has room, until the stream ends. Returns true at
    /// its end, false if there is no more room. No patience applies. It is for a transport that does not block: a
    /// caller that is busy with an answer learns so that nobody waits for it any more.
    ///
    /// # Errors
    /// [`ReadError::Io`], [`ReadError::CutOff`] and [`ReadError::Overrun`]. After `WouldBlock` the next call goes on.
    pub fn read_ahead(&mut self) -> Result<bool, ReadError<io::Error>> {
        loop {
            let space = self.decoder.space();
            if space.is_empty() {
                return Ok(false);
            }
            match self.carrier.io().read(space) {
                // Whether it is a good end the next call tells that takes what is there.
                Ok(0) => return Ok(true),
                result => _ = inbound::after_read(&mut self.decoder, result, fault)?,
            }
        }
    }

    /// Sets how long reading waits for the peer, from now on. [`ReadError::Idle`] and [`ReadError::TooSlow`]
    /// say that it was too long.
    ///
    /// It is for blocking transports, and sets their read time-out. [`Patience::ENDLESS`] restores the
    /// transport's own, and so does [`into_parts`](Self::into_parts); a reader that is dropped leaves it as it is.
    /// While a patience is set, leave that time-out to the reader.
    ///
    /// On a non-blocking transport a patience of more than a few milliseconds has no effect: calls fail with
    /// `WouldBlock` at once, as without it.
    pub fn set_patience(&mut self, patience: Patience)
    where
        C::Io: ReadTimeout,
    {
        self.time.set_patience(patience);
    }

    /// Returns how long reading waits for the peer.
    pub const fn patience(&self) -> Patience {
        self.time.watch.patience
    }

    /// Leaves a payload that was not read to its end. One of which all bytes were taken ends here: its trailer is
    /// compared.
    #[inline(always)]
    fn leave_payload(&mut self) -> Result<(), ReadError<io::Error>> {
        if inbound::leave_payload(&mut self.decoder, &mut self.has_told) {
            self.fill()?;
            inbound::end_payload(&mut self.decoder, &mut self.has_told)?;
        }
        Ok(())
    }

    /// Reads until something is there to take. Returns false if the stream ended between frames.
    #[inline]
    fn fill(&mut self) -> Result<bool, ReadError<io::Error>> {
        // Most frames arrive with others.
        match self.decoder.poll() {
            Ok(Status::Ready) => Ok(true),
            _ => self.fill_by_reading(),
        }
    }

    #[inline(never)]
    fn fill_by_reading(&mut self) -> Result<bool, ReadError<io::Error>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            let io = self.carrier.io();
            let outcome = self.time.read(io, &mut self.decoder, |io, decoder| io.read(decoder.space()))?;
            if let Outcome::Answer(result) = outcome {
                if inbound::after_read(&mut self.decoder, result, fault)? == After::End {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The same, but the transport's own time-out, or none, decides how long a read waits.
    fn fill_without_waiting(&mut self) -> Result<bool, ReadError<io::Error>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            let result = self.carrier.io().read(self.decoder.space());
            if inbound::after_read(&mut self.decoder, result, fault)? == After::End {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Tells "not now" from the other failures.
fn pending<T>(error: ReadError<io::Error>) -> Poll<Result<T, ReadError<io::Error>>> {
    match error {
        ReadError::Io(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        error => Poll::Ready(Err(error)),
    }
}

impl<S: Read, F: Format, D: Store, E> Framed<S, F, D, E> {
    /// Returns the next frame together with the writer, so that it can be answered while it is lent. `None`
    /// is the end of the stream.
    ///
    /// ```
    /// use ringframe::formats;
    /// use ringframe_io::std::Framed;
    ///
    /// # use std::io::{self, Read, Write};
    /// # struct Duplex(&'static [u8], Vec<u8>);
    /// # impl Read for Duplex {
    /// #     fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> { self.0.read(buf) }
    /// # }
    /// # impl Write for Duplex {
    /// #     fn write(&mut self, buf: &[u8]) -> io::Result<usize> { self.1.write(buf) }
    /// #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
    /// # }
    /// # let stream = Duplex(b"\x02hi\x03you", Vec::new());
    /// let mut link = Framed::with_capacity(stream, formats::U_8, 256)?;
    /// while let Some((frame, writer)) = link.next_request()? {
    ///     writer.send(frame.payload())?; // an echo
    /// }
    /// # assert_eq!(link.get_ref().1, b"\x02hi\x03you");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`next_frame`](Self::next_frame).
    pub fn next_request(&mut self) -> Result<Option<Request<'_, S, F, E>>, ReadError<io::Error>> {
        self.leave_payload()?;
        if !self.fill()? {
            return Ok(None);
        }
        Ok(self.decoder.take_frame()?.map(|frame| (frame, &mut self.carrier)))
    }
}
