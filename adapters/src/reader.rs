//! Readers of all ecosystems: what they have in common, which is everything but the calls to the transport.

#[cfg(feature = "std")]
use std_crate::boxed::Box;
#[cfg(feature = "std")]
use std_crate::vec;

#[cfg(feature = "std")]
use ringframe::ConfigError;
use ringframe::{Decoder, Encoder, Format, Frame, MAX_HEADER, Status, Store};

use crate::time::Time;
use crate::writer::Writer;

/// Reads frames from a transport. Name it by the alias of a module, such as
/// [`std::Reader`](crate::std::Reader), or `Framed` of that module for both directions.
///
/// `C` carries the transport: [`Bare`] by itself, or the [`Writer`] of a `Framed`. `F` is the wire
/// format, `B` the decoder's store, `T` what the module remembers of time. The methods that read are on
/// the page of each alias.
#[derive(Debug)]
pub struct Reader<C, F: Format, B, T> {
    pub(crate) carrier: C,
    pub(crate) decoder: Decoder<F, B>,
    pub(crate) time: T,
    /// Whether the caller was told that the trailer of the payload under way is wrong.
    pub(crate) has_told: bool,
}

/// A transport by itself.
#[derive(Debug)]
pub struct Bare<S>(pub(crate) S);

/// Something that has a transport.
pub trait Carries {
    /// The transport.
    type Io;

    /// Lends the transport.
    fn io(&mut self) -> &mut Self::Io;
}

impl<S> Carries for Bare<S> {
    type Io = S;

    fn io(&mut self) -> &mut S {
        &mut self.0
    }
}

/// A transport for reading only.
impl<S, F: Format, B, T: Time<S>> Reader<Bare<S>, F, B, T> {
    /// Makes a reader that goes on with a decoder, and what is buffered in it.
    pub const fn new(io: S, decoder: Decoder<F, B>) -> Self {
        Self { carrier: Bare(io), decoder, time: T::NEW, has_told: false }
    }

    /// Takes the reader apart: the transport, and the decoder with what is buffered.
    ///
    /// What a [`Patience`](crate::Patience) had set on the transport is restored.
    pub fn into_parts(mut self) -> (S, Decoder<F, B>) {
        self.time.release(&mut self.carrier.0);
        (self.carrier.0, self.decoder)
    }

    /// Lends the transport.
    pub const fn get_ref(&self) -> &S {
        &self.carrier.0
    }

    /// Lends the transport. Bytes that are read from it directly are missing in the stream of frames.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.carrier.0
    }
}

#[cfg(feature = "std")]
impl<S, F: Format, T: Time<S>> Reader<Bare<S>, F, Box<[u8]>, T> {
    /// Makes a reader with a store of `capacity` bytes: the largest frame that is given whole.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`].
    pub fn with_capacity(io: S, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Decoder::try_new(format, store(capacity))?))
    }
}

/// Makes a store of this size.
#[cfg(feature = "std")]
pub(crate) fn store(capacity: usize) -> Box<[u8]> {
    vec![0; capacity].into_boxed_slice()
}

impl<C, F: Format, B, T> Reader<C, F, B, T> {
    /// Lends the decoder, for its questions and its counters.
    pub const fn decoder(&self) -> &Decoder<F, B> {
        &self.decoder
    }

    /// Lends the decoder, to change its limit or its format.
    pub const fn decoder_mut(&mut self) -> &mut Decoder<F, B> {
        &mut self.decoder
    }
}

impl<C: Carries, F: Format, B: Store, T: Time<C::Io>> Reader<C, F, B, T> {
    /// Returns true if an event can be had without reading, so without waiting. It is the time to go on,
    /// rather than to flush replies. An error counts as an event.
    pub fn is_ready(&mut self) -> bool {
        !matches!(self.decoder.poll(), Ok(Status::Missing(_)))
    }

    /// Skips the rest of a payload that is read in pieces, as far as it arrived; what is missing of it is
    /// skipped by the next call that reads. Returns how many bytes of the payload that is.
    pub fn discard(&mut self) -> u64 {
        self.decoder.discard()
    }

    /// Forgets what is buffered, and the frame that has begun, for a new stream: after a fault on a line
    /// that can't be closed, for example. The counters stay.
    ///
    /// Of a `Framed` it is the direction that reads. `encoder_mut().reset()` forgets what is queued. A
    /// `Watch` that the caller keeps must be restarted, too.
    pub fn reset(&mut self) {
        self.decoder.reset();
        self.time.restart();
        self.has_told = false;
    }

    /// Looks for the next plausible frame after a fault or a time-out, and returns how many bytes it skipped:
    /// see [`Decoder::resync`].
    pub fn resync(&mut self) -> usize {
        self.time.restart();
        self.has_told = false;
        self.decoder.resync()
    }

    /// Goes on with a payload that was not read to its end, for instance because the transport would
    /// block. Returns `None` where there is no such payload: ask for the next frame.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # #[cfg(feature = "std")] {
    /// use std::io::Read;
    /// use ringframe::{Format, formats};
    /// use ringframe_io::std::{Incoming, Reader};
    ///
    /// # let wire = [&[20][..], &[b'x'; 20]].concat();
    /// let mut reader = Reader::with_capacity(&wire[..], formats::U_8.with_limit(256), 8)?;
    /// let Some(Incoming::Large(mut payload)) = reader.next_incoming()? else { return Ok(()) };
    /// let mut start = [0; 5];
    /// payload.read_exact(&mut start)?;
    ///
    /// // The reader was needed for something else. Now the rest:
    /// let mut rest = Vec::new();
    /// reader.resume().expect("a payload is under way").read_to_end(&mut rest)?;
    /// assert_eq!((start.len(), rest.len()), (5, 15));
    /// # } Ok(()) }
    /// ```
    pub fn resume(&mut self) -> Option<PayloadReader<'_, C, F, B, T>> {
        self.decoder.is_streaming().then_some(PayloadReader { reader: self, header: Header::NONE })
    }

    /// Bytes that are not framed, from where the last frame ended: a protocol upgrade, or content that a
    /// frame announced. Take no more than belongs there.
    ///
    /// A payload that was not read to its end is skipped first, in the time of its frame.
    pub fn unframed(&mut self) -> Unframed<'_, C, F, B, T> {
        self.decoder.discard();
        Unframed { reader: self }
    }
}

/// A transport for both directions.
impl<S, F: Format, D, E, T: Time<S>, U: Time<S>> Reader<Writer<S, F, E, U>, F, D, T> {
    /// Joins a transport with a decoder and an encoder.
    pub const fn new(io: S, decoder: Decoder<F, D>, encoder: Encoder<F, E>) -> Self {
        Self { carrier: Writer::new(io, encoder), decoder, time: T::NEW, has_told: false }
    }

    /// Takes both directions apart: the transport, the decoder with what is buffered, and the encoder with
    /// what is queued. What was set on the transport is restored.
    pub fn into_parts(mut self) -> (S, Decoder<F, D>, Encoder<F, E>) {
        self.time.release(&mut self.carrier.io);
        let (io, encoder) = self.carrier.into_parts();
        (io, self.decoder, encoder)
    }

    /// Lends the writer: its [`resume`](Writer::resume) has the same name as the reader's.
    pub const fn writer(&mut self) -> &mut Writer<S, F, E, U> {
        &mut self.carrier
    }
}

#[cfg(feature = "std")]
impl<S, F: Format + Clone, T: Time<S>, U: Time<S>> Reader<Writer<S, F, Box<[u8]>, U>, F, Box<[u8]>, T> {
    /// Joins a transport with a store of `capacity` bytes for each direction.
    ///
    /// # Errors
    /// Those of [`Decoder::try_new`].
    pub fn with_capacity(io: S, format: F, capacity: usize) -> Result<Self, ConfigError> {
        let decoder = Decoder::try_new(format.clone(), store(capacity))?;
        Ok(Self::new(io, decoder, Encoder::try_new(format, store(capacity))?))
    }
}

/// All methods of the [`Writer`], where the reader has none of the same name.
impl<S, F: Format, D, E, T, U> core::ops::Deref for Reader<Writer<S, F, E, U>, F, D, T> {
    type Target = Writer<S, F, E, U>;

    fn deref(&self) -> &Self::Target {
        &self.carrier
    }
}

impl<S, F: Format, D, E, T, U> core::ops::DerefMut for Reader<Writer<S, F, E, U>, F, D, T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.carrier
    }
}

/// What `next_incoming` found.
#[derive(Debug)]
pub enum Incoming<'r, C, F: Format, B, T> {
    /// A whole frame.
    Frame(Frame<'r>),
    /// A frame larger than the store.
    Large(PayloadReader<'r, C, F, B, T>),
}

/// The payload of a frame larger than the store.
///
/// Dropped before its end, it leaves the rest to [`Reader::resume`]. What is left when the next frame is
/// asked for is skipped, exactly.
///
/// If the format has a trailer, it is compared before the end of the payload is reported. A wrong one is
/// [`DecodeError::Corrupt`](ringframe::DecodeError::Corrupt).
#[derive(Debug)]
pub struct PayloadReader<'r, C, F: Format, B, T> {
    pub(crate) reader: &'r mut Reader<C, F, B, T>,
    header: Header,
}

impl<C, F: Format, B: Store, T> PayloadReader<'_, C, F, B, T> {
    /// The frame's header. It is empty after [`Reader::resume`]: keep what you need of it.
    pub fn header(&self) -> &[u8] {
        self.header.bytes.get(..self.header.len).unwrap_or_default()
    }

    /// Returns how many bytes of the payload were not read yet: at first, its length.
    pub fn left(&self) -> u64 {
        self.reader.decoder.left()
    }
}

/// A copy of a frame's header: the payload's reader needs the decoder, which so can't lend it.
#[derive(Debug)]
pub(crate) struct Header {
    bytes: [u8; MAX_HEADER],
    len: usize,
}

impl Header {
    const NONE: Self = Self { bytes: [0; MAX_HEADER], len: 0 };
}

impl<'r, C, F: Format, B: Store, T> Incoming<'r, C, F, B, T> {
    /// Takes the frame that is there, whole or as a reader of its payload.
    pub(crate) fn take(reader: &'r mut Reader<C, F, B, T>) -> Result<Option<Self>, ringframe::DecodeError> {
        use ringframe::{DecodeError, Event, HeaderError};

        if !reader.decoder.has_large_frame() {
            return Ok(reader.decoder.take_frame()?.map(Incoming::Frame));
        }
        let Some(Event::Begin { header, .. }) = reader.decoder.take_event()? else { return Ok(None) };
        let mut copy = Header { len: header.len(), ..Header::NONE };
        // A longer one was refused when the decoder was made, unless a `Format` is inconsistent.
        let room =
            copy.bytes.get_mut(..header.len()).ok_or(DecodeError::Header(HeaderError::Inconsistent))?;
        crate::copy::copy(room, header);
        Ok(Some(Incoming::Large(PayloadReader { reader, header: copy })))
    }
}

/// Bytes that are not framed, the buffered ones first; see [`Reader::unframed`]. The stream ends where the
/// transport's does.
#[derive(Debug)]
pub struct Unframed<'r, C, F: Format, B, T> {
    pub(crate) reader: &'r mut Reader<C, F, B, T>,
}
