//! Typed messages: any serde type as the payload of a frame, in postcard's format
//! (<https://postcard.jamesmunns.com/wire-format>).

mod bounded;

use core::fmt;

use postcard::ser_flavors::Flavor;

use crate::encoder::{Encoder, FrameWriter};
use crate::error::EncodeError;
use crate::format::Format;
use crate::frame::Frame;
use crate::store::Store;

/// Why the payload of a frame is not a message of the expected type. The link is still in step.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MessageError {
    /// The payload ended inside the message.
    Truncated {
        /// Length of the payload, bytes.
        payload: usize,
    },
    /// The payload goes on after the message.
    Trailing {
        /// How many bytes of it were not part of the message.
        bytes: usize,
    },
    /// The message has too many elements that take no bytes.
    TooManyElements {
        /// How many elements a message of this payload can have.
        max: usize,
    },
    /// The bytes are not a value of the type.
    Invalid,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { payload } => {
                write!(f, "the message is cut off after the frame's {payload} bytes")
            }
            Self::Trailing { bytes } => write!(f, "{bytes} bytes of the frame are left after the message"),
            Self::TooManyElements { max } => write!(f, "the message has more than {max} elements"),
            Self::Invalid => f.write_str("the frame's payload is not a message of this type"),
        }
    }
}

impl core::error::Error for MessageError {}

impl<'a> Frame<'a> {
    /// The payload as a message. Its borrowed fields (`&str`, `&[u8]`) borrow the frame.
    ///
    /// The sequences and maps of a message can have as many elements as the payload has bytes, all
    /// together, and 1,024 more. This limits only elements that take no bytes, like those of
    /// `Vec<()>`. Without it, a payload of ten bytes could hold 2^64 - 1 of them.
    ///
    /// ```
    /// # use ringframe::{Decoder, Encoder, formats};
    /// #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
    /// struct Reading<'a> {
    ///     sensor: &'a str,
    ///     celsius: i16,
    /// }
    /// let reading = Reading { sensor: "boiler", celsius: 64 };
    ///
    /// let mut encoder = Encoder::new(formats::U16_BE, [0; 64]);
    /// encoder.push_message(&reading)?;
    ///
    /// let mut decoder = Decoder::new(formats::U16_BE, [0; 64]);
    /// let frame = decoder.next_frame(&mut encoder.pending().0)?.ok_or("incomplete")?;
    /// assert_eq!(frame.message::<Reading>()?, reading);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`]: the whole payload must be exactly one message.
    pub fn message<T: serde::Deserialize<'a>>(&self) -> Result<T, MessageError> {
        let payload = self.payload();
        let max = payload.len() + bounded::ELEMENTS_WITHOUT_BYTES;
        match bounded::take_from_bytes(payload, max).ok_or(MessageError::TooManyElements { max })? {
            Ok((message, [])) => Ok(message),
            Ok((_, rest)) => Err(MessageError::Trailing { bytes: rest.len() }),
            Err(postcard::Error::DeserializeUnexpectedEnd) => {
                Err(MessageError::Truncated { payload: payload.len() })
            }
            Err(_) => Err(MessageError::Invalid),
        }
    }
}

impl<F: Format, S: Store + ?Sized> Encoder<F, S> {
    /// Queues a message as one frame, serialised straight into the ring.
    ///
    /// # Errors
    /// Those of [`begin`](Self::begin) and [`FrameWriter::publish`], and [`EncodeError::Serialize`]. Nothing
    /// is queued then. How large the rest of a message would have been is not known, so the `needed` of
    /// [`EncodeError::NoRoom`] is a lower bound.
    pub fn push_message<T: serde::Serialize + ?Sized>(&mut self, message: &T) -> Result<(), EncodeError> {
        let mut refused = None;
        let writer = self.begin(&[])?;
        match postcard::serialize_with_flavor(message, Sink { writer, refused: &mut refused }) {
            Ok(writer) => writer.publish(),
            Err(_) => Err(refused.unwrap_or(EncodeError::Serialize)),
        }
    }
}

/// Lets postcard write into the ring; postcard's error has no numbers, so ours is kept aside.
struct Sink<'e, 'r, F: Format, S: ?Sized> {
    writer: FrameWriter<'e, F, S>,
    refused: &'r mut Option<EncodeError>,
}

impl<'e, F: Format, S: Store + ?Sized> Flavor for Sink<'e, '_, F, S> {
    type Output = FrameWriter<'e, F, S>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.try_extend(&[byte])
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.writer.write(bytes).map_err(|error| {
            *self.refused = Some(error);
            postcard::Error::SerializeBufferFull
        })
    }

    fn finalize(self) -> postcard::Result<Self::Output> {
        Ok(self.writer)
    }
}

#[cfg(test)]
mod tests;
