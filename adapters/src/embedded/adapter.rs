//! The adapters for embedded-io, the blocking one and the asynchronous one, written once. They differ in three
//! words, which each of them says before it invokes [`adapter`]:
//!
//! - `async`, or nothing, is the macro's argument;
//! - `wait!(call)` calls what may wait;
//! - `cancel_safe!("why")` is what the docs of such a method say of being dropped.

/// The methods that read, the same for a reader and for both together.
macro_rules! reading {
    ($S:ident, $B:ident $(, $async:tt)?) => {
        /// The next frame, or `None` at the end of the stream, if that is between frames. A payload that was
        /// not read to its end is skipped first.
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        ///
        /// # Errors
        /// [`ReadError`]; a frame larger than the store is [`DecodeError::TooLong`](ringframe::DecodeError::TooLong).
        pub $($async)? fn read_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<$S::Error>> {
            self.decoder.discard();
            match wait!(fill(&mut self.io, &mut self.decoder))? {
                true => Ok(self.decoder.take_frame()?),
                false => Ok(None),
            }
        }

        /// Like [`read_frame`](Self::read_frame), but where it would wait, going by what [`ReadReady`] says, the
        /// answer is `Pending`. All state is kept.
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        ///
        /// # Errors
        /// Those of `read_frame`.
        pub $($async)? fn try_read_frame(&mut self) -> Poll<Result<Option<Frame<'_>>, ReadError<$S::Error>>>
        where
            $S: ReadReady,
        {
            self.decoder.discard();
            match wait!(try_fill(&mut self.io, &mut self.decoder))? {
                Poll::Ready(true) => Poll::Ready(Ok(self.decoder.take_frame()?)),
                Poll::Ready(false) => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            }
        }

        /// The next frame: one larger than the store comes as a reader of its payload. Such a frame
        /// needs a format with a limit, see [`Format::with_limit`].
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        ///
        /// # Errors
        /// [`ReadError`]; a frame beyond the format's limit is
        /// [`DecodeError::TooLong`](ringframe::DecodeError::TooLong). Without one, the store is the
        /// limit.
        pub $($async)? fn read(&mut self) -> Result<Option<Incoming<'_, $S, F, $B>>, ReadError<$S::Error>> {
            self.decoder.discard();
            if !wait!(fill(&mut self.io, &mut self.decoder))? {
                return Ok(None);
            }
            Ok(match incoming::Large::begin(&mut self.decoder)? {
                None => self.decoder.take_frame()?.map(Incoming::Frame),
                Some(large) => {
                    let (io, decoder) = (&mut self.io, &mut self.decoder);
                    Some(Incoming::Large(PayloadReader { io, decoder, large }))
                }
            })
        }

        /// The next event: a frame, or one larger than the store in pieces that the store lends.
        /// `None` at the end of the stream. A frame larger than the store needs a format with a
        /// limit, see [`Format::with_limit`].
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        ///
        /// # Errors
        /// Those of [`read`](Self::read).
        pub $($async)? fn read_event(&mut self) -> Result<Option<Event<'_>>, ReadError<$S::Error>> {
            match wait!(fill(&mut self.io, &mut self.decoder))? {
                true => Ok(self.decoder.take_event()?),
                false => Ok(None),
            }
        }

        /// Bytes that are not framed, from where the last frame ended: a protocol upgrade, or content that a
        /// frame announced. Take no more than belongs there. A payload that was not read to its end is skipped
        /// first.
        pub fn raw(&mut self) -> Raw<'_, $S, F, $B> {
            self.decoder.discard();
            Raw { io: &mut self.io, decoder: &mut self.decoder }
        }

        /// Skips what is left of a payload that [`Event::Begin`] announced, and answers how many bytes that is.
        pub fn discard(&mut self) -> u64 {
            self.decoder.discard()
        }

        /// Whether an event can be had without reading, so without waiting: the time to go on, rather than to
        /// flush replies. An error counts as one.
        pub fn is_ready(&mut self) -> bool {
            !matches!(self.decoder.poll(), Ok(Status::Missing(_)))
        }

        /// The decoder, for its counters, and for `is_mid_frame`, which a time-out needs to know.
        pub const fn decoder(&self) -> &Decoder<F, $B> {
            &self.decoder
        }
    };
}
pub(crate) use reading;

/// The methods that write, the same for a writer and for both together.
macro_rules! writing {
    ($S:ident, $B:ident $(, $async:tt)?) => {
        /// Sends a frame now, in one write unless the transport takes less. A frame larger than the
        /// store needs a format with a limit, see [`Format::with_limit`].
        ///
        #[doc = cancel_safe!("what an error would leave behind, see below, is left behind by a call that is dropped.")]
        ///
        /// # Errors
        /// [`WriteError`]. After an [`Io`](WriteError::Io) error a frame that fits the store is queued, and
        /// [`flush`](Self::flush) goes on with it; unless others were queued before and left no room for it,
        /// which the encoder's count of frames tells. One larger than the store goes out past it; if that stops
        /// half-way, every other frame is refused with [`EncodeError::MidPayload`] until
        /// [`resume`](Self::resume) has written the missing bytes.
        pub $($async)? fn send(&mut self, payload: &[u8]) -> Result<(), WriteError<$S::Error>> {
            wait!(self.push(&[], payload))?;
            wait!(self.flush())
        }

        /// Queues a frame, to be sent with others by [`flush`](Self::flush); writes only where
        /// there is no room. `fields` are the header's bytes around the length field. A frame
        /// larger than the store needs a format with a limit, see [`Format::with_limit`].
        ///
        #[doc = cancel_safe!("dropped, it has not queued a frame that fits the store; for larger ones see `send`.")]
        ///
        /// # Errors
        /// [`WriteError`]. A frame that fits the store is queued or, after any error, not; for larger ones
        /// see [`send`](Self::send).
        pub $($async)? fn push(&mut self, fields: &[u8], payload: &[u8]) -> Result<(), WriteError<$S::Error>> {
            match outgoing::queue(&mut self.encoder, fields, payload) {
                Err(EncodeError::NoRoom { .. }) => {
                    wait!(self.drain())?;
                    match outgoing::begin(&mut self.encoder, fields, payload)? {
                        [] => Ok(()),
                        direct => wait!(drain(&mut self.io, &mut self.encoder, direct)),
                    }
                }
                result => Ok(result?),
            }
        }

        /// Sends all that is queued, and what the transport may have queued itself.
        ///
        #[doc = cancel_safe!("what was not sent stays queued.")]
        ///
        /// # Errors
        /// [`WriteError`]; what was not sent stays queued, and the next call goes on.
        pub $($async)? fn flush(&mut self) -> Result<(), WriteError<$S::Error>> {
            wait!(flush(&mut self.io, &mut self.encoder))
        }

        /// Hands all that is queued to the transport, and does not flush the transport.
        ///
        #[doc = cancel_safe!("what was not sent stays queued.")]
        ///
        /// # Errors
        /// [`WriteError`]; what was not sent stays queued, and the next call goes on.
        pub $($async)? fn drain(&mut self) -> Result<(), WriteError<$S::Error>> {
            wait!(drain(&mut self.io, &mut self.encoder, &[]))
        }

        /// Like [`drain`](Self::drain), but where it would wait, going by what [`WriteReady`] says, the answer is
        /// `Pending`. All state is kept.
        ///
        #[doc = cancel_safe!("what was not sent stays queued.")]
        ///
        /// # Errors
        /// Those of `drain`.
        pub $($async)? fn try_drain(&mut self) -> Poll<Result<(), WriteError<$S::Error>>>
        where
            $S: WriteReady,
        {
            wait!(try_drain(&mut self.io, &mut self.encoder))
        }

        /// Begins a frame whose payload of `len` bytes is written in pieces. A frame larger than
        /// the store needs a format with a limit, see [`Format::with_limit`].
        ///
        #[doc = cancel_safe!("dropped, it has begun nothing.")]
        ///
        /// # Errors
        /// [`WriteError`]; nothing is begun then. A frame beyond the format's limit is
        /// [`EncodeError::TooLong`]. Without one, the store is the limit.
        pub $($async)? fn payload(
            &mut self,
            fields: &[u8],
            len: u64,
        ) -> Result<PayloadWriter<'_, $S, F, $B>, WriteError<$S::Error>> {
            match self.encoder.announce(fields, len) {
                Err(EncodeError::NoRoom { .. }) => {
                    wait!(self.drain())?;
                    self.encoder.announce(fields, len)?;
                }
                result => result?,
            }
            Ok(self.resume())
        }

        /// Queues a typed message as one frame, in postcard's format.
        ///
        #[doc = cancel_safe!("dropped, it has queued nothing.")]
        ///
        /// # Errors
        /// [`WriteError`]; nothing is queued then. Messages larger than the store are
        /// [`EncodeError::NoRoom`].
        #[cfg(feature = "postcard")]
        pub $($async)? fn push_message<T: serde::Serialize + ?Sized>(
            &mut self,
            message: &T,
        ) -> Result<(), WriteError<$S::Error>> {
            match self.encoder.push_message(message) {
                Err(EncodeError::NoRoom { .. }) if !self.encoder.is_empty() => {
                    wait!(self.drain())?;
                    Ok(self.encoder.push_message(message)?)
                }
                result => Ok(result?),
            }
        }

        /// Goes on with a payload that was begun and not written to its end; where there is none, nothing is
        /// left to write.
        pub const fn resume(&mut self) -> PayloadWriter<'_, $S, F, $B> {
            PayloadWriter { io: &mut self.io, encoder: &mut self.encoder }
        }

        /// The encoder, for its counters, and for the room in it: a frame that fits `free()` is queued without
        /// writing.
        pub const fn encoder(&self) -> &Encoder<F, $B> {
            &self.encoder
        }

        /// The encoder: queue frames in it, in whatever way it has, then flush.
        pub const fn encoder_mut(&mut self) -> &mut Encoder<F, $B> {
            &mut self.encoder
        }
    };
}
pub(crate) use writing;

/// An adapter: its types, its loops, its methods. Each of the two has types of its own, because a transport may be
/// both, blocking and asynchronous, and methods of the same name would collide.
macro_rules! adapter {
    ($($async:tt)?) => {
        /// Reads frames from `R`. `B` is the decoder's store.
        #[derive(Debug)]
        pub struct Reader<R, F: Format, B> {
            io: R,
            decoder: Decoder<F, B>,
        }

        /// Writes frames to `W`. `B` is the encoder's store.
        #[derive(Debug)]
        pub struct Writer<W, F: Format, B> {
            io: W,
            encoder: Encoder<F, B>,
        }

        /// Both over one transport. `D` is the decoder's store, `E` the encoder's.
        #[derive(Debug)]
        pub struct Framed<S, F: Format, D, E = D> {
            io: S,
            decoder: Decoder<F, D>,
            encoder: Encoder<F, E>,
        }

        /// What [`Reader::read`] found.
        #[derive(Debug)]
        pub enum Incoming<'r, R, F: Format, B> {
            /// A whole frame.
            Frame(Frame<'r>),
            /// A frame larger than the store.
            Large(PayloadReader<'r, R, F, B>),
        }

        /// The payload of a frame larger than the store. What is not read of it is skipped, exactly, when the
        /// next frame is asked for.
        #[derive(Debug)]
        pub struct PayloadReader<'r, R, F: Format, B> {
            io: &'r mut R,
            decoder: &'r mut Decoder<F, B>,
            large: incoming::Large,
        }

        /// Bytes that are not framed, the buffered ones first; see [`Reader::raw`].
        #[derive(Debug)]
        pub struct Raw<'r, R, F: Format, B> {
            io: &'r mut R,
            decoder: &'r mut Decoder<F, B>,
        }

        /// The payload of a frame of announced length; see [`Writer::payload`].
        ///
        /// Nothing but the announced length is accepted: a write behind it is refused with
        /// [`EncodeError::Overrun`], and [`finish`](Self::finish) refuses less. Dropped before its end, it leaves the
        /// writer refusing every other frame with [`EncodeError::MidPayload`]; [`Writer::resume`] goes on with it.
        #[derive(Debug)]
        #[must_use = "only `finish` sends the last bytes"]
        pub struct PayloadWriter<'w, W, F: Format, B> {
            io: &'w mut W,
            encoder: &'w mut Encoder<F, B>,
        }

        impl<R, F: Format, B> Reader<R, F, B> {
            /// A reader that goes on with a decoder, and what is buffered in it.
            pub const fn new(io: R, decoder: Decoder<F, B>) -> Self {
                Self { io, decoder }
            }

            /// The transport, and the decoder with what is buffered.
            pub fn into_parts(self) -> (R, Decoder<F, B>) {
                (self.io, self.decoder)
            }

            access!(R);
        }

        impl<W, F: Format, B> Writer<W, F, B> {
            /// A writer that goes on with an encoder, and what is queued in it.
            pub const fn new(io: W, encoder: Encoder<F, B>) -> Self {
                Self { io, encoder }
            }

            /// The transport, and the encoder with what is queued.
            pub fn into_parts(self) -> (W, Encoder<F, B>) {
                (self.io, self.encoder)
            }

            access!(W);
        }

        impl<S, F: Format, D, E> Framed<S, F, D, E> {
            /// Both ways over one transport.
            pub const fn new(io: S, decoder: Decoder<F, D>, encoder: Encoder<F, E>) -> Self {
                Self { io, decoder, encoder }
            }

            /// The transport, the decoder with what is buffered, and the encoder with what is queued.
            pub fn into_parts(self) -> (S, Decoder<F, D>, Encoder<F, E>) {
                (self.io, self.decoder, self.encoder)
            }

            /// A half for each direction. `split` makes two of the transport, as its own method of that name most
            /// often does: `framed.split(|socket| socket.split())`.
            pub fn split<R, W>(self, split: impl FnOnce(S) -> (R, W)) -> (Reader<R, F, D>, Writer<W, F, E>) {
                let (reads, writes) = split(self.io);
                (Reader::new(reads, self.decoder), Writer::new(writes, self.encoder))
            }

            /// Puts two halves together again. `join` makes one transport of theirs.
            pub fn join<R, W>(
                reader: Reader<R, F, D>,
                writer: Writer<W, F, E>,
                join: impl FnOnce(R, W) -> S,
            ) -> Self {
                Self::new(join(reader.io, writer.io), reader.decoder, writer.encoder)
            }

            access!(S);
        }

        impl<R, F: Format, B> PayloadReader<'_, R, F, B> {
            large!();
        }

        /// The errors are those of reading frames; the transport's own, `'static`, is the source of such a one.
        impl<R: ErrorType, F: Format, B> ErrorType for PayloadReader<'_, R, F, B>
        where
            R::Error: 'static,
        {
            type Error = ReadError<R::Error>;
        }

        /// What is buffered, and the end of the payload, can be had without waiting.
        impl<R: ReadReady, F: Format, B: Store> ReadReady for PayloadReader<'_, R, F, B>
        where
            R::Error: 'static,
        {
            fn read_ready(&mut self) -> Result<bool, Self::Error> {
                let at_hand = self.large.has_ended() || self.decoder.missing() == 0;
                Ok(at_hand || embedded::ready(self.io.read_ready()).map_err(ReadError::Io)?)
            }
        }

        impl<R: ErrorType, F: Format, B> ErrorType for Raw<'_, R, F, B>
        where
            R::Error: 'static,
        {
            type Error = ReadError<R::Error>;
        }

        impl<W: ErrorType, F: Format, B> ErrorType for PayloadWriter<'_, W, F, B>
        where
            W::Error: 'static,
        {
            type Error = WriteError<W::Error>;
        }

        impl<W, F: Format, B: Store> PayloadWriter<'_, W, F, B> {
            /// How many bytes are still to be written.
            pub fn left(&self) -> u64 {
                self.encoder.left()
            }
        }

        // The loops. Everything else hands its parts to them. Between a call to the transport and what counts its
        // bytes nothing waits, so there no future can be dropped.

        /// Reads until something is there to take; `false`: the stream ended between frames.
        $($async)? fn fill<R: Read, F: Format, B: Store>(
            io: &mut R,
            decoder: &mut Decoder<F, B>,
        ) -> Result<bool, ReadError<R::Error>> {
            while let Status::Missing(_) = decoder.poll()? {
                let result = wait!(io.read(decoder.space()));
                if !embedded::arrived(decoder, result)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }

        /// The same, as long as the transport is ready.
        $($async)? fn try_fill<R: Read + ReadReady, F: Format, B: Store>(
            io: &mut R,
            decoder: &mut Decoder<F, B>,
        ) -> Poll<Result<bool, ReadError<R::Error>>> {
            while let Status::Missing(_) = decoder.poll()? {
                if !embedded::ready(io.read_ready()).map_err(ReadError::Io)? {
                    return Poll::Pending;
                }
                let result = wait!(io.read(decoder.space()));
                if !embedded::arrived(decoder, result)? {
                    return Poll::Ready(Ok(false));
                }
            }
            Poll::Ready(Ok(true))
        }

        /// Writes what is pending, then `direct`, which belongs to an announced payload.
        $($async)? fn drain<W: Write, F: Format, B: Store>(
            io: &mut W,
            encoder: &mut Encoder<F, B>,
            mut direct: &[u8],
        ) -> Result<(), WriteError<W::Error>> {
            while let Some(bytes) = embedded::next(encoder, direct) {
                let (offered, result) = (bytes.len(), wait!(io.write(bytes)));
                direct = embedded::wrote(encoder, direct, offered, result)?;
            }
            Ok(())
        }

        /// Writes what is pending, as long as the transport is ready.
        $($async)? fn try_drain<W: Write + WriteReady, F: Format, B: Store>(
            io: &mut W,
            encoder: &mut Encoder<F, B>,
        ) -> Poll<Result<(), WriteError<W::Error>>> {
            while let Some(bytes) = embedded::next(encoder, &[]) {
                if !embedded::ready(io.write_ready()).map_err(WriteError::Io)? {
                    return Poll::Pending;
                }
                let (offered, result) = (bytes.len(), wait!(io.write(bytes)));
                embedded::wrote(encoder, &[], offered, result)?;
            }
            Poll::Ready(Ok(()))
        }

        $($async)? fn flush<W: Write, F: Format, B: Store>(
            io: &mut W,
            encoder: &mut Encoder<F, B>,
        ) -> Result<(), WriteError<W::Error>> {
            wait!(drain(io, encoder, &[]))?;
            while !embedded::flushed(wait!(io.flush()))? {}
            Ok(())
        }

        /// The bytes of the payload, then 0. If the format has a trailer, it is compared before
        /// that: a wrong one is [`DecodeError::Corrupt`](ringframe::DecodeError::Corrupt).
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        impl<R: Read, F: Format, B: Store> Read for PayloadReader<'_, R, F, B>
        where
            R::Error: 'static,
        {
            $($async)? fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
                if buf.is_empty() || self.large.has_ended() {
                    return Ok(0);
                }
                wait!(fill(self.io, self.decoder))?;
                Ok(self.large.take(self.decoder, buf)?)
            }
        }

        /// The bytes of the stream, 0 at its end.
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        impl<R: Read, F: Format, B: Store> Read for Raw<'_, R, F, B>
        where
            R::Error: 'static,
        {
            $($async)? fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
                if buf.is_empty() {
                    return Ok(0);
                }
                loop {
                    match incoming::take(self.decoder, buf) {
                        0 => {}
                        n => return Ok(n),
                    }
                    let result = wait!(self.io.read(incoming::space(self.decoder, buf)));
                    if let Some(n) = embedded::arrived_raw(self.decoder, buf.len(), result)? {
                        return Ok(n);
                    }
                }
            }
        }

        impl<W: Write, F: Format, B: Store> PayloadWriter<'_, W, F, B> {
            /// Sends what is queued.
            ///
            #[doc = cancel_safe!("all of the payload is queued or sent by then, and `Writer::flush` goes on.")]
            ///
            /// # Errors
            /// [`EncodeError::MidPayload`] if not all of the announced length was written; those of [`Writer::flush`].
            pub $($async)? fn finish(self) -> Result<(), WriteError<W::Error>> {
                match self.encoder.left() {
                    0 => wait!(flush(self.io, self.encoder)),
                    left => Err(EncodeError::MidPayload { left }.into()),
                }
            }
        }

        /// Takes the bytes of the payload, writing only where there is no room.
        ///
        #[doc = cancel_safe!("a `write` that is dropped has taken none of its bytes, and `flush` goes on.")]
        impl<W: Write, F: Format, B: Store> Write for PayloadWriter<'_, W, F, B>
        where
            W::Error: 'static,
        {
            $($async)? fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
                if !embedded::has_room(self.encoder, bytes)? {
                    wait!(drain(self.io, self.encoder, &[]))?;
                }
                Ok(outgoing::feed(self.encoder, bytes)?)
            }

            $($async)? fn flush(&mut self) -> Result<(), Self::Error> {
                wait!(flush(self.io, self.encoder))
            }
        }

        impl<R: Read, F: Format, B: Store> Reader<R, F, B> {
            reading!(R, B $(, $async)?);
        }

        impl<W: Write, F: Format, B: Store> Writer<W, F, B> {
            writing!(W, B $(, $async)?);
        }

        impl<S: Read, F: Format, D: Store, E> Framed<S, F, D, E> {
            reading!(S, D $(, $async)?);
        }

        impl<S: Write, F: Format, D, E: Store> Framed<S, F, D, E> {
            writing!(S, E $(, $async)?);
        }
    };
}
pub(crate) use adapter;
