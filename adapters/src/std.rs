//! Any [`std::io::Read`](std_crate::io::Read) and [`std::io::Write`](std_crate::io::Write).
//!
//! `Interrupted` is retried. `WouldBlock` and `TimedOut` come back as [`ReadError::Io`] or
//! [`WriteError::Io`] with all state kept, so that the next call goes on where this one stopped; on
//! non-blocking transports the `try_` methods say `Pending` instead.
//!
//! A small frame leaves in one system call, header and payload together. A payload larger than the store
//! is a reader, or a writer, of its own. Such frames need a format that names a limit: see
//! [`Format::with_limit`].
//!
//! ```
//! use std::io::Read;
//! use ringframe::{Format, formats};
//! use ringframe_io::std::{Incoming, Reader};
//!
//! # let wire = [&[0, 1, 0, 0][..], &[7; 65536], &[0, 0, 0, 2], b"ok"].concat();
//! # let mut seen = Vec::new();
//! let mut reader = Reader::with_capacity(&wire[..], formats::U32_BE.with_limit(1 << 20), 1024)?;
//! while let Some(incoming) = reader.read()? {
//!     match incoming {
//!         Incoming::Frame(frame) => println!("{:?}", frame.payload()),
//!         Incoming::Large(mut payload) => {
//!             let mut start = [0; 16];
//!             payload.read_exact(&mut start)?;
//!             println!("{} bytes that begin with {start:?}", payload.len());
//! #           seen.push(payload.len());
//!             // What was not read is skipped.
//!         }
//!     }
//! }
//! # assert_eq!(seen, [65536]);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

use core::task::Poll;
use core::time::Duration;
use std_crate::boxed::Box;
use std_crate::io::{self, Read, Write};
use std_crate::time::Instant;
use std_crate::vec;

use ringframe::{ConfigError, Decoder, EncodeError, Encoder, Format, Frame, Status, Store};

use crate::access::{access, large};
use crate::patience::Watch;
use crate::{ReadError, WriteError, incoming, outgoing};

/// Reads frames from `R`.
#[derive(Debug)]
pub struct Reader<R, F: Format, B> {
    io: R,
    decoder: Decoder<F, B>,
    timer: Timer<R>,
}

/// Writes frames to `W`.
#[derive(Debug)]
pub struct Writer<W, F: Format, B> {
    io: W,
    encoder: Encoder<F, B>,
}

/// Both over one transport.
#[derive(Debug)]
pub struct Framed<S, F: Format, B> {
    io: S,
    decoder: Decoder<F, B>,
    encoder: Encoder<F, B>,
    timer: Timer<S>,
}

/// The two halves of a [`Framed`].
pub type Halves<S, F, B> = (Reader<S, F, B>, Writer<S, F, B>);

/// What [`Reader::read`] found.
#[derive(Debug)]
pub enum Incoming<'r, R, F: Format, B> {
    /// A whole frame.
    Frame(Frame<'r>),
    /// A frame larger than the store.
    Large(PayloadReader<'r, R, F, B>),
}

// The loops. Everything else in this file hands its parts to them.

/// Reads until something is there to take; `false`: the stream ended between frames.
#[inline]
fn fill<R: Read, F: Format, B: Store>(
    io: &mut R,
    decoder: &mut Decoder<F, B>,
    timer: &mut Timer<R>,
) -> Result<bool, ReadError<io::Error>> {
    // Most frames arrive with others.
    match decoder.poll() {
        Ok(Status::Ready) => Ok(true),
        _ => fill_by_reading(io, decoder, timer),
    }
}

#[inline(never)]
fn fill_by_reading<R: Read, F: Format, B: Store>(
    io: &mut R,
    decoder: &mut Decoder<F, B>,
    timer: &mut Timer<R>,
) -> Result<bool, ReadError<io::Error>> {
    while let Status::Missing(_) = decoder.poll()? {
        let result = match timer.set {
            None => io.read(decoder.space()),
            Some(set) => {
                set(io, timer.watch.left(decoder)?).map_err(ReadError::Io)?;
                let _waiting = timer.watch.waiting(Instant::now);
                io.read(decoder.space())
            }
        };
        match result {
            Ok(0) => return decoder.end_of_input().map(|()| false).map_err(ReadError::from),
            Ok(n) => decoder.filled(n)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The time is up, or nearly: the watch says it better.
            Err(error) if timer.set.is_some() && is_timeout(&error) => {}
            Err(error) => return Err(ReadError::Io(error)),
        }
    }
    Ok(true)
}

/// A socket whose time-out expired says either, depending on the system. But on Unix the system's own
/// `TimedOut` is a connection that keep-alive or the user time-out gave up, and reading on would find what
/// looks like a clean end.
fn is_timeout(error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::WouldBlock => true,
        io::ErrorKind::TimedOut => cfg!(windows) || error.raw_os_error().is_none(),
        _ => false,
    }
}

/// A [`Patience`](crate::Patience) and how to tell the transport of it.
#[derive(Debug)]
struct Timer<S> {
    watch: Watch,
    set: Option<SetTimeout<S>>,
}

type SetTimeout<S> = fn(&S, Option<Duration>) -> io::Result<()>;

impl<S> Timer<S> {
    const fn new() -> Self {
        Self { watch: Watch::new(), set: None }
    }
}

/// A blocking transport whose reads can be told how long to wait.
pub trait ReadTimeout {
    /// Lets reads from now on wait at most that long, `None`: for ever. One that waited in vain fails with
    /// `WouldBlock` or `TimedOut`.
    ///
    /// # Errors
    /// Those of the transport.
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()>;
}

impl ReadTimeout for std_crate::net::TcpStream {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)
    }
}

#[cfg(unix)]
impl ReadTimeout for std_crate::os::unix::net::UnixStream {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(timeout)
    }
}

/// A transport with an end to each direction.
pub trait HalfClose {
    /// Ends the sending direction: the peer sees the end of the stream, and can still send.
    ///
    /// # Errors
    /// Those of the transport.
    fn half_close(&self) -> io::Result<()>;
}

impl HalfClose for std_crate::net::TcpStream {
    fn half_close(&self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl HalfClose for std_crate::os::unix::net::UnixStream {
    fn half_close(&self) -> io::Result<()> {
        self.shutdown(std_crate::net::Shutdown::Write)
    }
}

impl<S: HalfClose + ?Sized> HalfClose for &S {
    fn half_close(&self) -> io::Result<()> {
        (**self).half_close()
    }
}

impl<S: ReadTimeout + ?Sized> ReadTimeout for &S {
    fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(timeout)
    }
}

/// Writes what is pending, then `direct`, which belongs to an announced payload.
fn drain<W: Write, F: Format, B: Store>(
    io: &mut W,
    encoder: &mut Encoder<F, B>,
    mut direct: &[u8],
) -> Result<(), WriteError<io::Error>> {
    while !encoder.is_empty() || !direct.is_empty() {
        match io.write_vectored(&outgoing::slices(encoder, direct)) {
            Ok(0) => return Err(WriteError::WriteZero),
            Ok(n) => direct = outgoing::sent(encoder, direct, n)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(WriteError::Io(error)),
        }
    }
    Ok(())
}

/// Queues a frame, making room by writing; one larger than the store goes out past it.
#[inline]
fn push<W: Write, F: Format, B: Store>(
    io: &mut W,
    encoder: &mut Encoder<F, B>,
    fields: &[u8],
    payload: &[u8],
) -> Result<(), WriteError<io::Error>> {
    match outgoing::queue(encoder, fields, payload) {
        Ok(()) => Ok(()),
        Err(error) => push_by_writing(io, encoder, fields, payload, error),
    }
}

#[inline(never)]
fn push_by_writing<W: Write, F: Format, B: Store>(
    io: &mut W,
    encoder: &mut Encoder<F, B>,
    fields: &[u8],
    payload: &[u8],
    error: EncodeError,
) -> Result<(), WriteError<io::Error>> {
    let EncodeError::NoRoom { .. } = error else { return Err(error.into()) };
    drain(io, encoder, &[])?;
    match outgoing::begin(encoder, fields, payload)? {
        [] => Ok(()),
        direct => drain(io, encoder, direct),
    }
}

/// Sends all that is queued, and what the transport may have queued itself.
fn flush<W: Write, F: Format, B: Store>(
    io: &mut W,
    encoder: &mut Encoder<F, B>,
) -> Result<(), WriteError<io::Error>> {
    drain(io, encoder, &[])?;
    loop {
        match io.flush() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(WriteError::Io),
        }
    }
}

fn pending<T>(result: Result<T, ReadError<io::Error>>) -> Poll<Result<T, ReadError<io::Error>>> {
    match result {
        Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn pending_write(result: Result<(), WriteError<io::Error>>) -> Poll<Result<(), WriteError<io::Error>>> {
    match result {
        Err(WriteError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn read<'r, R: Read, F: Format, B: Store>(
    io: &'r mut R,
    decoder: &'r mut Decoder<F, B>,
    timer: &'r mut Timer<R>,
) -> Result<Option<Incoming<'r, R, F, B>>, ReadError<io::Error>> {
    decoder.discard();
    if !fill(io, decoder, timer)? {
        return Ok(None);
    }
    Ok(match incoming::Large::begin(decoder)? {
        None => decoder.take_frame()?.map(Incoming::Frame),
        Some(large) => Some(Incoming::Large(PayloadReader { io, decoder, timer, large })),
    })
}

/// The payload of a frame larger than the store. What is not read of it is skipped, exactly, when the
/// next frame is asked for.
#[derive(Debug)]
pub struct PayloadReader<'r, R, F: Format, B> {
    io: &'r mut R,
    decoder: &'r mut Decoder<F, B>,
    timer: &'r mut Timer<R>,
    large: incoming::Large,
}

impl<R, F: Format, B> PayloadReader<'_, R, F, B> {
    large!();
}

/// If the format has a trailer, it is compared before the end of the payload is reported: a wrong
/// one is [`io::ErrorKind::InvalidData`] with [`ReadError::Protocol`] in it.
///
/// A stream that ends inside the payload is [`io::ErrorKind::UnexpectedEof`] with [`ReadError::Truncated`] in it,
/// a peer that takes too long [`io::ErrorKind::TimedOut`] with [`ReadError::TooSlow`].
impl<R: Read, F: Format, B: Store> Read for PayloadReader<'_, R, F, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.large.has_ended() {
            return Ok(0);
        }
        fill(self.io, self.decoder, self.timer)?;
        Ok(self.large.take(self.decoder, buf).map_err(ReadError::from)?)
    }
}

/// Bytes that are not framed, the buffered ones first; see [`Reader::raw`].
#[derive(Debug)]
pub struct Raw<'r, R, F: Format, B> {
    io: &'r mut R,
    decoder: &'r mut Decoder<F, B>,
    timer: &'r mut Timer<R>,
}

impl<R: Read, F: Format, B: Store> Read for Raw<'_, R, F, B> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match incoming::take(self.decoder, buf) {
                0 => {}
                n => return Ok(n),
            }
            // A payload that is skipped first is on the clock of its frame.
            let is_skipping = self.decoder.is_mid_frame();
            let mut waiting = None;
            if let Some(set) = self.timer.set {
                let left = match is_skipping {
                    true => self.timer.watch.left(self.decoder)?,
                    false => self.timer.watch.patience.idle,
                };
                set(self.io, left)?;
                waiting = Some(self.timer.watch.waiting(Instant::now));
            }
            let result = self.io.read(incoming::space(self.decoder, buf));
            drop(waiting);
            match result {
                Ok(0) => {
                    // Not the end that was meant, if a payload that is being skipped is not complete.
                    return Ok(self.decoder.end_of_input().map(|()| 0).map_err(ReadError::from)?);
                }
                Ok(n) => match incoming::arrived(self.decoder, buf.len(), n).map_err(io::Error::other)? {
                    0 => {}
                    n => return Ok(n),
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The time of the frame is up, or nearly: the watch says it better.
                Err(error) if self.timer.set.is_some() && is_skipping && is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The payload of a frame of announced length; see [`Writer::payload`].
///
/// Nothing but the announced length is accepted: `write` answers 0 behind it, and
/// [`finish`](Self::finish) refuses less. Dropped before its end, it leaves the writer refusing every other
/// frame with [`EncodeError::MidPayload`]; [`Writer::resume`] goes on with it.
#[derive(Debug)]
#[must_use = "only `finish` sends the last bytes"]
pub struct PayloadWriter<'w, W, F: Format, B> {
    io: &'w mut W,
    encoder: &'w mut Encoder<F, B>,
}

impl<W: Write, F: Format, B: Store> PayloadWriter<'_, W, F, B> {
    /// How many bytes are still to be written.
    pub fn left(&self) -> u64 {
        self.encoder.left()
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] if not all of the announced length was written; those of
    /// [`Writer::flush`].
    pub fn finish(self) -> Result<(), WriteError<io::Error>> {
        match self.encoder.left() {
            0 => flush(self.io, self.encoder),
            left => Err(EncodeError::MidPayload { left }.into()),
        }
    }
}

impl<W: Write, F: Format, B: Store> Write for PayloadWriter<'_, W, F, B> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !outgoing::has_room(self.encoder) {
            drain(self.io, self.encoder, &[])?;
        }
        outgoing::feed(self.encoder, bytes).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(flush(self.io, self.encoder)?)
    }
}

/// The methods that read, the same for a reader and for both together.
macro_rules! reading {
    () => {
        /// The next frame, or `None` at the end of the stream, if that is between frames. A payload that was
        /// not read to its end is skipped first.
        ///
        /// # Errors
        /// [`ReadError`]; a frame larger than the store is [`DecodeError::TooLong`](ringframe::DecodeError::TooLong).
        #[inline]
        pub fn read_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<io::Error>> {
            self.decoder.discard();
            match fill(&mut self.io, &mut self.decoder, &mut self.timer)? {
                true => Ok(self.decoder.take_frame()?),
                false => Ok(None),
            }
        }

        /// The next frame: one larger than the store comes as a reader of its payload. Such a frame
        /// needs a format with a limit, see [`Format::with_limit`].
        ///
        /// # Errors
        /// [`ReadError`]; a frame beyond the format's limit is
        /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the
        /// limit.
        pub fn read(&mut self) -> Result<Option<Incoming<'_, S, F, B>>, ReadError<io::Error>> {
            read(&mut self.io, &mut self.decoder, &mut self.timer)
        }

        /// Like [`read_frame`](Self::read_frame) on a non-blocking transport: `Pending` where it would block. All state
        /// is kept.
        pub fn try_read_frame(&mut self) -> Poll<Result<Option<Frame<'_>>, ReadError<io::Error>>> {
            pending(self.read_frame())
        }

        /// Bytes that are not framed, from where the last frame ended: a protocol upgrade, or content
        /// that a frame announced. Take no more than belongs there: `raw().take(n)`. A payload that
        /// was not read to its end is skipped first, in the time of its frame. With a
        /// [`Patience`](crate::Patience), each read after that waits as long as between frames.
        pub fn raw(&mut self) -> Raw<'_, S, F, B> {
            self.decoder.discard();
            Raw { io: &mut self.io, decoder: &mut self.decoder, timer: &mut self.timer }
        }

        /// Sets how long reading waits for the peer, from now on: [`ReadError::Idle`] and
        /// [`ReadError::TooSlow`] say that it was too long. For blocking transports; it sets their read time-out.
        pub fn set_patience(&mut self, patience: crate::Patience)
        where
            S: ReadTimeout,
        {
            self.timer.watch.patience = patience;
            self.timer.set = Some(S::set_read_timeout);
        }

        /// The decoder, for its counters.
        pub const fn decoder(&self) -> &Decoder<F, B> {
            &self.decoder
        }
    };
}

/// The methods that write, the same for a writer and for both together.
macro_rules! writing {
    () => {
        /// Sends a frame now, in one system call unless the transport takes less. A frame larger
        /// than the store needs a format with a limit, see [`Format::with_limit`].
        ///
        /// # Errors
        /// [`WriteError`]. After an [`Io`](WriteError::Io) error a frame that fits the store is queued, and
        /// [`flush`](Self::flush) goes on with it; unless others were queued before and left no room for it,
        /// which the encoder's count of frames tells ([`push`](Self::push), then `flush`, need no such
        /// question). One larger than the store goes out past it; if that stops half-way, every later frame is
        /// refused with [`EncodeError::MidPayload`] until [`resume`](Self::resume) has written the missing bytes.
        pub fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<io::Error>> {
            self.push(&[], payload)?;
            self.flush()
        }

        /// Queues a frame, to be sent with others by [`flush`](Self::flush); writes only where
        /// there is no room. `fields` are the header's bytes around the length field. A frame
        /// larger than the store needs a format with a limit, see [`Format::with_limit`].
        ///
        /// # Errors
        /// [`WriteError`]. A frame that fits the store is queued or, after any error, not; for larger ones
        /// see [`send`](Self::send).
        #[inline]
        pub fn push(&mut self, fields: &[u8], payload: &[u8]) -> Result<(), WriteError<io::Error>> {
            push(&mut self.io, &mut self.encoder, fields, payload)
        }

        /// Sends all that is queued.
        ///
        /// # Errors
        /// [`WriteError`]; what was not sent stays queued, and the next call goes on.
        pub fn flush(&mut self) -> Result<(), WriteError<io::Error>> {
            flush(&mut self.io, &mut self.encoder)
        }

        /// Like [`flush`](Self::flush) on a non-blocking transport: `Pending` where it would block. All state
        /// is kept.
        pub fn try_flush(&mut self) -> Poll<Result<(), WriteError<io::Error>>> {
            pending_write(self.flush())
        }

        /// Sends all that is queued, then the end of the stream; reading goes on.
        ///
        /// # Errors
        /// [`WriteError`]; what was not sent stays queued, and the next call goes on.
        pub fn half_close(&mut self) -> Result<(), WriteError<io::Error>>
        where
            S: HalfClose,
        {
            self.flush()?;
            self.io.half_close().map_err(WriteError::Io)
        }

        /// Begins a frame whose payload of `len` bytes is written in pieces. A frame larger than
        /// the store needs a format with a limit, see [`Format::with_limit`].
        ///
        /// # Errors
        /// [`WriteError`]; nothing is begun then. A frame beyond the format's limit is
        /// [`EncodeError::TooLong`]. Without one, the store is the limit.
        pub fn payload(
            &mut self,
            fields: &[u8],
            len: u64,
        ) -> Result<PayloadWriter<'_, S, F, B>, WriteError<io::Error>> {
            match self.encoder.announce(fields, len) {
                Err(EncodeError::NoRoom { .. }) => {
                    drain(&mut self.io, &mut self.encoder, &[])?;
                    self.encoder.announce(fields, len)?;
                }
                result => result?,
            }
            Ok(self.resume())
        }

        /// Goes on with a payload that was begun and not written to its end; where there is none, nothing is
        /// left to write.
        pub const fn resume(&mut self) -> PayloadWriter<'_, S, F, B> {
            PayloadWriter { io: &mut self.io, encoder: &mut self.encoder }
        }

        /// Queues a typed message as one frame, in postcard's format.
        ///
        /// # Errors
        /// [`WriteError`]; nothing is queued then. Messages larger than the store are
        /// [`EncodeError::NoRoom`].
        #[cfg(feature = "postcard")]
        pub fn push_message<T: serde::Serialize + ?Sized>(
            &mut self,
            message: &T,
        ) -> Result<(), WriteError<io::Error>> {
            match self.encoder.push_message(message) {
                Err(EncodeError::NoRoom { .. }) if !self.encoder.is_empty() => {
                    drain(&mut self.io, &mut self.encoder, &[])?;
                    Ok(self.encoder.push_message(message)?)
                }
                result => Ok(result?),
            }
        }

        /// The encoder, for its counters.
        pub const fn encoder(&self) -> &Encoder<F, B> {
            &self.encoder
        }
    };
}

impl<S, F: Format> Reader<S, F, Box<[u8]>> {
    /// A reader with a store of `capacity` bytes: the largest frame that is given whole.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`].
    pub fn with_capacity(io: S, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Decoder::try_new(format, vec![0; capacity].into_boxed_slice())?))
    }
}

impl<S, F: Format, B> Reader<S, F, B> {
    /// A reader that goes on with a decoder, and what is buffered in it.
    pub const fn new(io: S, decoder: Decoder<F, B>) -> Self {
        Self { io, decoder, timer: Timer::new() }
    }

    /// The transport, and the decoder with what is buffered.
    pub fn into_parts(self) -> (S, Decoder<F, B>) {
        (self.io, self.decoder)
    }

    access!(S);
}

impl<S: Read, F: Format, B: Store> Reader<S, F, B> {
    reading!();
}

impl<S, F: Format> Writer<S, F, Box<[u8]>> {
    /// A writer with an outgoing store of `capacity` bytes. Larger frames go out past it, if the
    /// format has a limit that allows them.
    ///
    /// # Errors
    /// Those of [`Encoder::try_new`].
    pub fn with_capacity(io: S, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Encoder::try_new(format, vec![0; capacity].into_boxed_slice())?))
    }
}

impl<S, F: Format, B> Writer<S, F, B> {
    /// A writer that goes on with an encoder, and what is queued in it.
    pub const fn new(io: S, encoder: Encoder<F, B>) -> Self {
        Self { io, encoder }
    }

    /// The transport, and the encoder with what is queued.
    pub fn into_parts(self) -> (S, Encoder<F, B>) {
        (self.io, self.encoder)
    }

    access!(S);
}

impl<S: Write, F: Format, B: Store> Writer<S, F, B> {
    writing!();
}

impl<S, F: Format + Clone> Framed<S, F, Box<[u8]>> {
    /// Both ways over one transport, with a store of `capacity` bytes each.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`].
    pub fn with_capacity(io: S, format: F, capacity: usize) -> Result<Self, ConfigError> {
        let decoder = Decoder::try_new(format.clone(), vec![0; capacity].into_boxed_slice())?;
        Ok(Self::new(io, decoder, Encoder::try_new(format, vec![0; capacity].into_boxed_slice())?))
    }
}

impl<S, F: Format, B> Framed<S, F, B> {
    /// Both ways over one transport.
    pub const fn new(io: S, decoder: Decoder<F, B>, encoder: Encoder<F, B>) -> Self {
        Self { io, decoder, encoder, timer: Timer::new() }
    }

    /// The transport, the decoder with what is buffered, and the encoder with what is queued.
    pub fn into_parts(self) -> (S, Decoder<F, B>, Encoder<F, B>) {
        (self.io, self.decoder, self.encoder)
    }

    /// A half for each direction, so that two threads can use them. `second` makes another handle of the
    /// transport: `TcpStream::try_clone`.
    ///
    /// # Errors
    /// Whatever `second` fails with.
    pub fn split<E>(self, second: impl FnOnce(&S) -> Result<S, E>) -> Result<Halves<S, F, B>, E> {
        let other = second(&self.io)?;
        let reader = Reader { io: self.io, decoder: self.decoder, timer: self.timer };
        Ok((reader, Writer::new(other, self.encoder)))
    }

    /// Puts two halves of one transport together again; the writer's handle is dropped.
    pub fn join(reader: Reader<S, F, B>, writer: Writer<S, F, B>) -> Self {
        Self { io: reader.io, decoder: reader.decoder, encoder: writer.encoder, timer: reader.timer }
    }

    access!(S);
}

impl<S: Read, F: Format, B: Store> Framed<S, F, B> {
    reading!();
}

impl<S: Write, F: Format, B: Store> Framed<S, F, B> {
    writing!();
}
