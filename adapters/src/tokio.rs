//! Any [`tokio::io::AsyncRead`] and [`AsyncWrite`]: what is there behaves as its namesake in
//! [`std`](mod@crate::std). Payloads larger than the store come as events here, and go out by
//! `start` and `feed`; such frames need a format that names a limit, see [`Format::with_limit`].
//! For tokio-util's `Framed` there is a [`codec`].
//!
//! Reading is as cancel-safe as the transport's `read`, which for tokio's own is entirely. Writing is
//! cancel-safe where a frame passes through the store. Each method says so.

use core::future::Future;
use core::time::Duration;
use std_crate::boxed::Box;
use std_crate::{io, vec};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ::tokio::time::Instant;
use ringframe::{ConfigError, Decoder, EncodeError, Encoder, Event, Format, Frame, Status, Store};

use crate::access::access;
use crate::patience::{Watch, counted};
use crate::{Patience, ReadError, WriteError, incoming, outgoing};

pub mod codec;

/// Reads frames from `R`.
#[derive(Debug)]
pub struct Reader<R, F: Format, B> {
    io: R,
    decoder: Decoder<F, B>,
    watch: Watch,
}

impl<R, F: Format> Reader<R, F, Box<[u8]>> {
    /// A reader with a store of `capacity` bytes: the largest frame that is given whole.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`].
    pub fn with_capacity(io: R, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Decoder::try_new(format, vec![0; capacity].into_boxed_slice())?))
    }
}

impl<R, F: Format, B> Reader<R, F, B> {
    /// A reader that goes on with a decoder, and what is buffered in it.
    pub const fn new(io: R, decoder: Decoder<F, B>) -> Self {
        Self { io, decoder, watch: Watch::new() }
    }

    /// Sets how long reading waits for the peer, from now on; it needs tokio's time driver.
    pub const fn set_patience(&mut self, patience: Patience) {
        self.watch.patience = patience;
    }

    /// The decoder, for its counters.
    pub const fn decoder(&self) -> &Decoder<F, B> {
        &self.decoder
    }

    /// The transport, and the decoder with what is buffered.
    pub fn into_parts(self) -> (R, Decoder<F, B>) {
        (self.io, self.decoder)
    }

    access!(R);
}

impl<R: AsyncRead + Unpin, F: Format, B: Store> Reader<R, F, B> {
    /// The next frame, or `None` at the end of the stream, if that is between frames. A payload that was
    /// not taken to its end is skipped first.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError`]; a frame larger than the store is [`DecodeError::TooLong`](ringframe::DecodeError::TooLong).
    pub async fn read_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
        self.decoder.discard();
        match self.fill().await? {
            true => Ok(self.decoder.take_frame()?),
            false => Ok(None),
        }
    }

    /// The next event: a frame, or one larger than the store in pieces. `None` at the end of the
    /// stream. A frame larger than the store needs a format with a limit, see
    /// [`Format::with_limit`].
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError`]; a frame beyond the format's limit is
    /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the
    /// limit.
    pub async fn read_event(&mut self) -> Result<Option<Event<'_>>, ReadError<io::Error>> {
        match self.fill().await? {
            true => Ok(self.decoder.take_event()?),
            false => Ok(None),
        }
    }

    /// Whether an event can be had without reading, so without waiting: the time to go on, rather than to
    /// flush replies. An error counts as one.
    pub fn is_ready(&mut self) -> bool {
        !matches!(self.decoder.poll(), Ok(Status::Missing(_)))
    }

    /// Reads ahead of what is asked for, as far as the store has room, until the stream ends: so one who is
    /// busy with an answer learns that nobody waits for it any more. `true`: the stream has ended; `false`: no
    /// room is left. No patience applies.
    ///
    /// Cancel-safe: a byte that was read is kept for the next call.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub async fn read_ahead(&mut self) -> Result<bool, ReadError<io::Error>> {
        loop {
            let space = self.decoder.space();
            if space.is_empty() {
                return Ok(false);
            }
            match self.io.read(space).await {
                Ok(0) => return Ok(true),
                Ok(n) => self.decoder.filled(n).map_err(|error| ReadError::Io(io::Error::other(error)))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Io(error)),
            }
        }
    }

    /// Skips what is left of a payload that [`Event::Begin`] announced.
    pub fn discard(&mut self) -> u64 {
        self.decoder.discard()
    }

    /// Reads bytes that are not framed, from where the last frame ended: a protocol upgrade, or content that a
    /// frame announced. Lend no more room than belongs there. Answers how many came; 0 at the end of the
    /// stream. A payload that was not taken to its end is skipped first. The reader's patience is for frames:
    /// put a time-out of your own around it.
    ///
    /// Cancel-safe: dropped, it has taken nothing of yours.
    ///
    /// # Errors
    /// [`ReadError::Io`]; [`ReadError::Truncated`] if the stream ends inside a payload that is being skipped.
    pub async fn read_raw(&mut self, buf: &mut [u8]) -> Result<usize, ReadError<io::Error>> {
        self.decoder.discard();
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match incoming::take(&mut self.decoder, buf) {
                0 => {}
                n => return Ok(n),
            }
            match self.io.read(incoming::space(&mut self.decoder, buf)).await {
                Ok(0) => return Ok(self.decoder.end_of_input().map(|()| 0)?),
                Ok(n) => match incoming::arrived(&mut self.decoder, buf.len(), n)? {
                    0 => {}
                    n => return Ok(n),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ReadError::Io(error)),
            }
        }
    }

    async fn fill(&mut self) -> Result<bool, ReadError<io::Error>> {
        while let Status::Missing(_) = self.decoder.poll()? {
            let left = self.watch.left(&self.decoder)?;
            let waiting = left.map(|_| self.watch.waiting(|| Instant::now().into_std()));
            let result = within(left, self.io.read(self.decoder.space())).await;
            drop(waiting);
            match result {
                Some(Ok(0)) => return self.decoder.end_of_input().map(|()| false).map_err(ReadError::from),
                Some(Ok(n)) => self.decoder.filled(n)?,
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(error)) => return Err(ReadError::Io(error)),
                // The time is up: the watch says of what.
                None => {}
            }
        }
        Ok(true)
    }
}

/// Waits for a future, `None`: not that long.
async fn within<F: Future>(time: Option<Duration>, future: F) -> Option<F::Output> {
    match time {
        None => Some(future.await),
        Some(time) => ::tokio::time::timeout(time, future).await.ok(),
    }
}

/// Writes frames to `W`.
#[derive(Debug)]
pub struct Writer<W, F: Format, B> {
    io: W,
    encoder: Encoder<F, B>,
    patience: Option<Duration>,
    /// Time spent in writes since the last byte went, also in those that were dropped.
    stalled: Duration,
}

impl<W, F: Format> Writer<W, F, Box<[u8]>> {
    /// A writer with an outgoing store of `capacity` bytes. Larger frames go out past it, if the
    /// format has a limit that allows them.
    ///
    /// # Errors
    /// Those of [`Encoder::try_new`].
    pub fn with_capacity(io: W, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Encoder::try_new(format, vec![0; capacity].into_boxed_slice())?))
    }
}

impl<W, F: Format, B> Writer<W, F, B> {
    /// A writer that goes on with an encoder, and what is queued in it.
    pub const fn new(io: W, encoder: Encoder<F, B>) -> Self {
        Self { io, encoder, patience: None, stalled: Duration::ZERO }
    }

    /// Sets how long the peer may take no byte before a write is given up as [`WriteError::Stalled`]; `None`, the
    /// default: for ever. Only time spent waiting in a write counts, and dropping one does not begin anew. It needs
    /// tokio's time driver.
    pub const fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// The encoder: queue frames in it, then [`flush`](Self::flush).
    pub const fn encoder(&self) -> &Encoder<F, B> {
        &self.encoder
    }

    /// The encoder: queue frames in it, then [`flush`](Self::flush).
    pub const fn encoder_mut(&mut self) -> &mut Encoder<F, B> {
        &mut self.encoder
    }

    /// The transport, and the encoder with what is queued.
    pub fn into_parts(self) -> (W, Encoder<F, B>) {
        (self.io, self.encoder)
    }

    access!(W);
}

impl<W: AsyncWrite + Unpin, F: Format, B: Store> Writer<W, F, B> {
    /// Sends a frame now, in one system call unless the transport takes less. A frame larger than
    /// the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe for frames that fit the store, in that the stream stays in step: dropped early the frame
    /// was not queued, or it was, whole, and the next [`flush`](Self::flush) sends the rest. A larger one that is
    /// dropped half-way leaves the writer refusing every other frame with [`EncodeError::MidPayload`], until
    /// the missing bytes are [fed](Self::feed).
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
        self.push(&[], payload).await?;
        self.flush().await
    }

    /// Queues a frame, to be sent with others by [`flush`](Self::flush); writes only where there is
    /// no room. `fields` are the header's bytes around the length field. A frame larger than the
    /// store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe for frames that fit the store: dropped, it has queued nothing. For larger ones see
    /// [`send`](Self::send).
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn push(&mut self, fields: &[u8], payload: &[u8]) -> Result<(), WriteError<io::Error>> {
        match outgoing::queue(&mut self.encoder, fields, payload) {
            Err(EncodeError::NoRoom { .. }) => {
                self.drain(&[]).await?;
                match outgoing::begin(&mut self.encoder, fields, payload)? {
                    [] => Ok(()),
                    direct => self.drain(direct).await,
                }
            }
            result => Ok(result?),
        }
    }

    /// Begins a frame whose payload of `len` bytes then goes through [`feed`](Self::feed). A frame
    /// larger than the store needs a format with a limit, see [`Format::with_limit`].
    ///
    /// Cancel-safe: dropped, it has begun nothing.
    ///
    /// # Errors
    /// [`WriteError`]. A frame beyond the format's limit is [`EncodeError::TooLong`]. Without one,
    /// the store is the limit.
    pub async fn start(&mut self, fields: &[u8], len: u64) -> Result<(), WriteError<io::Error>> {
        match self.encoder.announce(fields, len) {
            Err(EncodeError::NoRoom { .. }) => {
                self.drain(&[]).await?;
                Ok(self.encoder.announce(fields, len)?)
            }
            result => Ok(result?),
        }
    }

    /// Queues some of the next piece of an announced payload and answers how much; writes only where there
    /// is no room.
    ///
    /// Cancel-safe: dropped, it has queued nothing.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn feed(&mut self, piece: &[u8]) -> Result<usize, WriteError<io::Error>> {
        if !outgoing::has_room(&self.encoder) {
            self.drain(&[]).await?;
        }
        Ok(self.encoder.feed(piece)?)
    }

    /// Sends all that is queued.
    ///
    /// Cancel-safe: what was not sent stays queued, and the next call goes on.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn flush(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain(&[]).await?;
        loop {
            let result = within(self.patience, self.io.flush()).await;
            if let Some(done) = self.done(result) {
                return done;
            }
        }
    }

    /// Sends what is queued and then some of `bytes`, which are not framed, without a copy; answers how many
    /// of them went out, 0 only where there are none.
    ///
    /// Cancel-safe: dropped, it has sent none of them.
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::MidPayload`] inside a frame of announced length.
    pub async fn write_raw(&mut self, bytes: &[u8]) -> Result<usize, WriteError<io::Error>> {
        self.encoder.push_unframed(&[])?;
        while !self.encoder.is_empty() || !bytes.is_empty() {
            let queued = self.encoder.capacity() - self.encoder.free();
            let n = self.write(bytes).await?;
            self.encoder.advance(n);
            match n.saturating_sub(queued) {
                0 => {}
                raw if raw <= bytes.len() => return Ok(raw),
                given => return Err(EncodeError::Overrun { given, left: bytes.len() as u64 }.into()),
            }
        }
        Ok(0)
    }

    /// Sends all that is queued, then the end of the stream; reading goes on (a half-close).
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn shutdown(&mut self) -> Result<(), WriteError<io::Error>> {
        self.drain(&[]).await?;
        loop {
            let result = within(self.patience, self.io.shutdown()).await;
            if let Some(done) = self.done(result) {
                return done;
            }
        }
    }

    /// Writes what is pending, then `direct`, which belongs to an announced payload.
    async fn drain(&mut self, mut direct: &[u8]) -> Result<(), WriteError<io::Error>> {
        while !self.encoder.is_empty() || !direct.is_empty() {
            let n = self.write(direct).await?;
            direct = outgoing::sent(&mut self.encoder, direct, n)?;
        }
        Ok(())
    }

    /// Writes some of what is pending and of `direct`; answers how many bytes went, which are still to be counted as
    /// sent.
    async fn write(&mut self, direct: &[u8]) -> Result<usize, WriteError<io::Error>> {
        loop {
            let slices = outgoing::slices(&self.encoder, direct);
            let left = self.patience.map(|allowed| allowed.saturating_sub(self.stalled));
            let waiting = left.map(|_| counted(&mut self.stalled, || Instant::now().into_std()));
            let result = within(left, self.io.write_vectored(&slices)).await;
            drop(waiting);
            match result {
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                // What comes next has all of the time again.
                _ => self.stalled = Duration::ZERO,
            }
            return match result {
                Some(Ok(0)) => Err(WriteError::WriteZero),
                Some(result) => result.map_err(WriteError::Io),
                None => Err(WriteError::Stalled { allowed: self.patience.unwrap_or_default() }),
            };
        }
    }

    /// What came of an operation that moves no bytes; `None`: once more.
    fn done(&self, result: Option<io::Result<()>>) -> Option<Result<(), WriteError<io::Error>>> {
        match result {
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => None,
            Some(result) => Some(result.map_err(WriteError::Io)),
            None => Some(Err(WriteError::Stalled { allowed: self.patience.unwrap_or_default() })),
        }
    }
}
