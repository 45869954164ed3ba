//! Typed messages: any serde type as the payload of a frame, in postcard's format
//! (<https://postcard.jamesmunns.com/wire-format>).

use core::fmt;

use postcard::ser_flavors::Flavor;

use crate::encoder::{Encoder, FrameWriter};
use crate::error::EncodeError;
use crate::frame::Frame;
use crate::header::Header;
use crate::store::Store;

/// The frame is a good one, but its payload is not a message of the expected type. The link is still in
/// step.
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
    /// The payload goes on behind the message.
    Trailing {
        /// How many bytes of it were not part of the message.
        bytes: usize,
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
            Self::Trailing { bytes } => write!(f, "{bytes} bytes of the frame are left behind the message"),
            Self::Invalid => f.write_str("the frame's payload is not a message of this type"),
        }
    }
}

impl core::error::Error for MessageError {}

impl<'a> Frame<'a> {
    /// The payload as a message. Its borrowed fields (`&str`, `&[u8]`) borrow the frame.
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
    /// let frame = decoder.decode(&mut encoder.pending().0)?.ok_or("incomplete")?;
    /// assert_eq!(frame.message::<Reading>()?, reading);
    /// # Ok::<(), Box<dyn core::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`MessageError`]: the whole payload must be exactly one message.
    pub fn message<T: serde::Deserialize<'a>>(&self) -> Result<T, MessageError> {
        match postcard::take_from_bytes(self.payload()) {
            Ok((message, [])) => Ok(message),
            Ok((_, rest)) => Err(MessageError::Trailing { bytes: rest.len() }),
            Err(postcard::Error::DeserializeUnexpectedEnd) => {
                Err(MessageError::Truncated { payload: self.payload().len() })
            }
            Err(_) => Err(MessageError::Invalid),
        }
    }
}

impl<H: Header, B: Store> Encoder<H, B> {
    /// Queues a message as one frame, serialised straight into the ring.
    ///
    /// # Errors
    /// Those of [`begin`](Self::begin) and [`FrameWriter::finish`], and [`EncodeError::Serialize`]. Nothing
    /// is queued then. How large the rest of a message would have been is not known, so the `needed` of
    /// [`EncodeError::NoRoom`] is a lower bound.
    pub fn push_message<T: serde::Serialize + ?Sized>(&mut self, message: &T) -> Result<(), EncodeError> {
        let mut refused = None;
        let writer = self.begin(&[])?;
        match postcard::serialize_with_flavor(message, Sink { writer, refused: &mut refused }) {
            Ok(writer) => writer.finish(),
            Err(_) => Err(refused.unwrap_or(EncodeError::Serialize)),
        }
    }
}

/// Lets postcard write into the ring; postcard's error has no numbers, so ours is kept aside.
struct Sink<'e, 'r, H, B> {
    writer: FrameWriter<'e, H, B>,
    refused: &'r mut Option<EncodeError>,
}

impl<'e, H: Header, B: Store> Flavor for Sink<'e, '_, H, B> {
    type Output = FrameWriter<'e, H, B>;

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
