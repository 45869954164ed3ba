//! What the adapters for embedded-io share, the blocking one and the asynchronous one.

use ::embedded_io::{Error, ErrorKind, ErrorType, ReadReady};
use ringframe::{Format, Store};

use crate::error::Fault;
use crate::reader::{Bare, Carries, PayloadReader, Reader, Unframed};
use crate::time::Time;
use crate::writer::{PayloadWriter, Writer};
use crate::{ReadError, WriteError};

/// What an adapter without a clock remembers of time: nothing.
pub trait Clockless {}

/// Tells what an error of a transport means.
pub(crate) fn fault<E: Error>(error: &E) -> Fault {
    match error.kind() {
        ErrorKind::Interrupted => Fault::Interrupted,
        // embedded-io has no kind for an end that came too early. Our encrypted links report this one.
        ErrorKind::ConnectionAborted => Fault::CutOff,
        _ => Fault::Other,
    }
}

/// Returns whether a transport is ready. Interrupted, it is not, now.
pub(crate) fn ready<E: Error>(result: Result<bool, E>) -> Result<bool, E> {
    match result {
        Err(error) if fault(&error) == Fault::Interrupted => Ok(false),
        result => result,
    }
}

/// The two halves of a `Framed`.
type Halves<R, W, F, D, E, T> = (Reader<Bare<R>, F, D, T>, Writer<W, F, E, T>);

impl<S, F: Format, D, E, T> Reader<Writer<S, F, E, T>, F, D, T>
where
    T: Clockless + Time<S>,
{
    /// Makes a half for each direction. `split` makes two of the transport, as its own method of that name most
    /// often does: `link.split(|socket| socket.split())`.
    pub fn split<R, W>(self, split: impl FnOnce(S) -> (R, W)) -> Halves<R, W, F, D, E, T>
    where
        T: Time<R> + Time<W>,
    {
        let (io, decoder, encoder) = self.into_parts();
        let (read, write) = split(io);
        (Reader::<Bare<R>, F, D, T>::new(read, decoder), Writer::new(write, encoder))
    }

    /// Puts two halves together again. `join` makes one transport of theirs.
    pub fn join<R, W>(
        reader: Reader<Bare<R>, F, D, T>,
        writer: Writer<W, F, E, T>,
        join: impl FnOnce(R, W) -> S,
    ) -> Self
    where
        T: Time<R> + Time<W>,
    {
        let (read, decoder) = reader.into_parts();
        let (write, encoder) = writer.into_parts();
        Self::new(join(read, write), decoder, encoder)
    }
}

/// The errors are those of reading frames. The transport's own, `'static`, is in [`ReadError::Io`].
impl<C: Carries<Io: ErrorType>, F: Format, B, T: Clockless> ErrorType for PayloadReader<'_, C, F, B, T>
where
    <C::Io as ErrorType>::Error: 'static,
{
    type Error = ReadError<<C::Io as ErrorType>::Error>;
}

impl<C: Carries<Io: ErrorType>, F: Format, B, T: Clockless> ErrorType for Unframed<'_, C, F, B, T>
where
    <C::Io as ErrorType>::Error: 'static,
{
    type Error = ReadError<<C::Io as ErrorType>::Error>;
}

impl<W: ErrorType, F: Format, B, T: Clockless> ErrorType for PayloadWriter<'_, W, F, B, T>
where
    W::Error: 'static,
{
    type Error = WriteError<W::Error>;
}

/// What is buffered, and the end of the payload, can be had without waiting.
impl<C: Carries<Io: ReadReady>, F: Format, B: Store, T: Clockless> ReadReady for PayloadReader<'_, C, F, B, T>
where
    <C::Io as ErrorType>::Error: 'static,
{
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        let is_at_hand = !self.reader.decoder.is_streaming() || self.reader.decoder.missing() == 0;
        let io = self.reader.carrier.io();
        Ok(is_at_hand || ready(io.read_ready()).map_err(ReadError::Io)?)
    }
}

/// What is buffered can be had without waiting.
impl<C: Carries<Io: ReadReady>, F: Format, B: Store, T: Clockless> ReadReady for Unframed<'_, C, F, B, T>
where
    <C::Io as ErrorType>::Error: 'static,
{
    fn read_ready(&mut self) -> Result<bool, Self::Error> {
        let is_at_hand = !self.reader.decoder.peek_unframed().is_empty();
        let io = self.reader.carrier.io();
        Ok(is_at_hand || ready(io.read_ready()).map_err(ReadError::Io)?)
    }
}
