//! Writers of all ecosystems: what they have in common, which is everything but the calls to the transport.

#[cfg(feature = "std")]
use std_crate::boxed::Box;

#[cfg(feature = "std")]
use ringframe::ConfigError;
use ringframe::{Encoder, Format, Store};

use crate::reader::Carries;
#[cfg(feature = "std")]
use crate::reader::store;
use crate::time::Time;

/// Writes frames to a transport. Name it by the alias of a module, such as
/// [`std::Writer`](crate::std::Writer).
///
/// `F` is the wire format, `B` the encoder's store, `T` what the module remembers of time. The methods that
/// write are on the page of each alias.
///
/// Dropping a writer drops what is queued: nothing is written in `drop`, which could block, and could not
/// report an error. Flush it, or close it, or [take it apart](Self::into_parts).
#[derive(Debug)]
pub struct Writer<W, F: Format, B, T> {
    pub(crate) io: W,
    pub(crate) encoder: Encoder<F, B>,
    pub(crate) time: T,
}

impl<W, F: Format, B, T> Carries for Writer<W, F, B, T> {
    type Io = W;

    fn io(&mut self) -> &mut W {
        &mut self.io
    }
}

impl<W, F: Format, B, T: Time<W>> Writer<W, F, B, T> {
    /// Makes a writer that goes on with an encoder, and what is queued in it.
    pub const fn new(io: W, encoder: Encoder<F, B>) -> Self {
        Self { io, encoder, time: T::NEW }
    }

    /// Takes the writer apart: the transport, and the encoder with what is queued.
    ///
    /// What was set on the transport is restored.
    pub fn into_parts(mut self) -> (W, Encoder<F, B>) {
        self.time.release(&mut self.io);
        (self.io, self.encoder)
    }
}

#[cfg(feature = "std")]
impl<W, F: Format, T: Time<W>> Writer<W, F, Box<[u8]>, T> {
    /// Makes a writer with an outgoing store of `capacity` bytes. Larger frames go out past it, if the
    /// format has a limit that allows them.
    ///
    /// # Errors
    /// Those of [`Encoder::try_new`].
    pub fn with_capacity(io: W, format: F, capacity: usize) -> Result<Self, ConfigError> {
        Ok(Self::new(io, Encoder::try_new(format, store(capacity))?))
    }
}

impl<W, F: Format, B, T> Writer<W, F, B, T> {
    /// Lends the transport.
    pub const fn get_ref(&self) -> &W {
        &self.io
    }

    /// Lends the transport. Bytes that are written to it directly get between the frames.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.io
    }

    /// Lends the encoder, for its questions and its counters. A frame that fits
    /// [`free`](Encoder::free) is queued without writing.
    pub const fn encoder(&self) -> &Encoder<F, B> {
        &self.encoder
    }

    /// Lends the encoder, to queue frames in the other ways it has, or to change its limit or its format.
    pub const fn encoder_mut(&mut self) -> &mut Encoder<F, B> {
        &mut self.encoder
    }

    /// Goes on with a payload that was announced and not written to its end. Where there is none, nothing is
    /// left to write.
    pub const fn resume(&mut self) -> PayloadWriter<'_, W, F, B, T> {
        PayloadWriter { writer: self }
    }
}

/// The payload of a frame of announced length.
///
/// It takes exactly the announced length. More is an error,
/// [`EncodeError::Overrun`](ringframe::EncodeError::Overrun), and `finish` refuses less. Dropped before its
/// end, it leaves the writer refusing every other frame with
/// [`EncodeError::MidPayload`](ringframe::EncodeError::MidPayload); [`Writer::resume`] goes on with it.
#[derive(Debug)]
#[must_use = "only `finish` sends the last bytes"]
pub struct PayloadWriter<'w, W, F: Format, B, T> {
    pub(crate) writer: &'w mut Writer<W, F, B, T>,
}

impl<W, F: Format, B: Store, T> PayloadWriter<'_, W, F, B, T> {
    /// Returns how many bytes are still to be written.
    pub fn left(&self) -> u64 {
        self.writer.encoder.left()
    }
}
