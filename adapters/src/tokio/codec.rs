//! A codec for [`tokio_util::codec`], in every wire format: [`Codec`] takes the place of tokio-util's
//! `LengthDelimitedCodec` in `Framed`, `FramedRead` and `FramedWrite`, with the same items and the same kind of error.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use futures_util::{SinkExt, StreamExt};
//! use ringframe::formats;
//! use ringframe_io::tokio::codec::Codec;
//! use tokio_util::codec::Framed;
//!
//! let (near, far) = tokio::io::duplex(1024);
//! let mut client = Framed::new(near, Codec::new(formats::U32_BE));
//! let mut server = Framed::new(far, Codec::new(formats::U32_BE));
//! client.send(&b"hello"[..]).await?;
//! let request = server.next().await.transpose()?;
//! assert_eq!(request.as_deref(), Some(&b"hello"[..]));
//! # Ok(()) }
//! ```
//!
//! # From `LengthDelimitedCodec`
//! | its builder | here |
//! |---|---|
//! | `LengthDelimitedCodec::new()` | [`Codec::new`]`(formats::U32_BE)` |
//! | `length_field_offset(n)` | `offset: n` of [`LengthField`](ringframe::LengthField). Its encoder leaves those bytes out; ours takes them: [`WithFields`] |
//! | `length_field_length(n)`, `length_field_type::<T>()` | `width`: 1, 2, 3, 4 or 8 bytes, or a varint. 5, 6 and 7 are a [`Format`] of one's own |
//! | `length_adjustment(n)` | `adjust: n` |
//! | `num_skip(n)` | `adjust` grows by `n` - offset - width: theirs moves the end of the frame with `n`. `header: Some(n)` where that reaches past the length field; where it stops before, [`Codec::with_headers`], and the frame's bytes from `n` on |
//! | `big_endian()`, `little_endian()` | `endian` |
//! | `max_frame_length(n)`, `set_max_frame_length(n)` | [`Codec::with_limit`]`(n)`, [`Codec::set_limit`]`(n)`; ours counts the whole frame, theirs the length field's value before the adjustment, or the payload when encoding |
//! | `new_codec()` | [`Codec::new`]`(field.check()?)` |
//! | `new_framed(io)` | `Framed::new(io, codec)` |
//! | `new_read(io)`, `new_write(io)` | `FramedRead::new(io, codec)`, `FramedWrite::new(io, codec)` |
//!
//! What else differs, each with a test that shows both:
//! - What our encoder writes our decoder reads. With an adjustment theirs refuses its own largest frames, or reads much
//!   larger ones than it writes; with an offset or a skip it writes another header than it reads.
//! - A stream that ends right behind a header is truncated. Theirs takes it for a clean end.
//! - A length that makes the frame shorter than its own header is an error. With `num_skip(0)` theirs makes such a frame out
//!   of the header's first bytes; a length of 0 is then an empty frame for ever, which uses up nothing.
//! - A length beyond the limit is refused as soon as it is there, not when all that is to be skipped has come.
//! - A declared length reserves 64 KiB, or as much as has come; theirs reserves all of it.
//!
//! # Errors
//! They are [`io::Error`]s, like those of `LengthDelimitedCodec`, with a [`ReadError`] or a [`WriteError`] in them: a header
//! that can't be and a frame beyond the limit are `InvalidData`, an end inside a frame `UnexpectedEof`, what can't be encoded
//! `InvalidInput`.
//!
//! After an error the bytes at fault stay in the buffer, so that every later call of the decoder repeats it, and never takes
//! what follows for a frame. `Framed` puts a `None` behind each error, whatever its codec, so a loop ends there.
//!
//! # Or without a codec
//! `Framed` gives each frame as a handle of its own on the buffer that it came in. A [`Reader`](super::Reader) lends it
//! instead, from a store of fixed size, which is quicker and allocates nothing, and it takes frames larger than its memory,
//! and limits how long a peer may take. It is no `Stream`, since items can't borrow from one; the loop is as short:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use futures_util::{StreamExt, TryStreamExt, stream};
//! use ringframe::formats;
//! use ringframe_io::tokio::Reader;
//!
//! # let io = &b"\0\x02hi\0\x03you"[..];
//! let mut reader = Reader::with_capacity(io, formats::U16_BE, 4096)?;
//! while let Some(frame) = reader.read_frame().await? {
//!     println!("{} bytes", frame.payload().len());
//! }
//!
//! // Where it has to be a stream, each payload is copied.
//! # let io = &b"\0\x02hi\0\x03you"[..];
//! let reader = Reader::with_capacity(io, formats::U16_BE, 4096)?;
//! let payloads = stream::try_unfold(reader, async |mut reader| {
//!     let payload = reader.read_frame().await?.map(|frame| frame.payload().to_vec());
//!     Ok::<_, ringframe_io::ReadError<std::io::Error>>(payload.map(|payload| (payload, reader)))
//! });
//! assert_eq!(payloads.try_collect::<Vec<_>>().await?, [&b"hi"[..], b"you"]);
//! # Ok(()) }
//! ```

use core::fmt;
use core::marker::PhantomData;
use std_crate::io;

use bytes::{Buf, BytesMut};
use ringframe::{
    DecodeError, EncodeError, EndError, Format, Frame, Limited, MAX_HEADER, Peek, Trailer, encode_header,
    peek,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::{ReadError, WriteError};

/// The largest frame where neither the format nor the user says otherwise, bytes, header included. As in tokio-util.
const DEFAULT_LIMIT: u64 = 8 << 20;

/// How many bytes are reserved ahead at the most, where less than that has come of a frame.
const AHEAD: usize = 64 << 10;

/// Frames in one wire format, for `Framed` and its relatives.
///
/// `F` is the format; `I` is what decoding gives: the payload, a [`BytesMut`], or an [`OwnedFrame`] with its header.
/// Encoding takes payloads, anything that is bytes, as they are; [`WithFields`] where the header has bytes around the length
/// field; and an `OwnedFrame`, to pass it on.
///
/// It keeps nothing between calls: what is in `Framed`'s buffer decides. So it can be replaced by another between any two
/// frames.
pub struct Codec<F, I = BytesMut> {
    format: Limited<F>,
    item: PhantomData<fn() -> I>,
}

impl<F: Format> Codec<F> {
    /// A codec that gives payloads. Its limit is the format's own, see [`Format::with_limit`], or
    /// else 8 MiB.
    pub fn new(format: F) -> Self {
        Self::giving(format)
    }
}

impl<F: Format> Codec<F, OwnedFrame> {
    /// A codec that gives whole frames, with their headers; else like [`new`](Codec::new).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use futures_util::{SinkExt, StreamExt};
    /// use ringframe::length_field;
    /// use ringframe_io::tokio::codec::{Codec, WithFields};
    /// use tokio_util::codec::Framed;
    ///
    /// # let (near, far) = tokio::io::duplex(1024);
    /// // PostgreSQL messages: a type byte, then a length that counts itself but not the type byte.
    /// let postgres = length_field!(offset: 1, adjust: -4);
    /// let mut client = Framed::new(near, Codec::with_headers(postgres));
    /// client.send(WithFields(b"Q", "SELECT 1\0")).await?;
    ///
    /// let mut server = Framed::new(far, Codec::with_headers(postgres));
    /// let Some(frame) = server.next().await.transpose()? else { return Ok(()) };
    /// assert_eq!((frame.header(), frame.payload()), (&b"Q\0\0\0\x0d"[..], &b"SELECT 1\0"[..]));
    /// # Ok(()) }
    /// ```
    pub fn with_headers(format: F) -> Self {
        Self::giving(format)
    }
}

impl<F: Format, I> Codec<F, I> {
    fn giving(format: F) -> Self {
        let limit = format.limit().unwrap_or(DEFAULT_LIMIT);
        Self { format: format.with_limit(limit), item: PhantomData }
    }

    /// Returns the same codec with frames of at most `limit` bytes, header and trailer included, in
    /// both directions.
    ///
    /// It replaces the default of 8 MiB, but never widens: if the format has a smaller limit of its
    /// own, that one counts.
    #[must_use]
    pub fn with_limit(mut self, limit: u64) -> Self {
        self.set_limit(limit);
        self
    }

    /// Sets the limit anew, for a codec in use. It counts from the next call on, also for a frame
    /// that has begun. The format's own limit still counts.
    pub const fn set_limit(&mut self, limit: u64) {
        self.format.set_limit(limit);
    }

    /// The wire format, with the limit.
    pub const fn format(&self) -> &Limited<F> {
        &self.format
    }

    /// Takes the frame at the front of `buffer`, if it is whole; else answers how many bytes of it are needed.
    fn take(&self, buffer: &mut BytesMut) -> Result<Result<OwnedFrame, usize>, DecodeError> {
        Ok(match peek(&self.format, buffer)? {
            Peek::Incomplete { total } => Err(total),
            Peek::Frame(frame) => {
                let (header, payload) = (frame.header().len(), frame.len());
                let len = frame.bytes().len();
                Ok(OwnedFrame { bytes: buffer.split_to(len), header, payload })
            }
        })
    }

    fn put(&self, fields: &[u8], payload: &[u8], buffer: &mut BytesMut) -> Result<(), EncodeError> {
        let mut header = [0; MAX_HEADER];
        let n = encode_header(&self.format, fields, payload.len() as u64, &mut header)?;
        let header = header.get(..n).unwrap_or_default();
        let trailer_len = self.format.trailer_len();
        buffer.reserve(n + payload.len() + trailer_len);
        buffer.extend_from_slice(header);
        buffer.extend_from_slice(payload);
        if trailer_len > 0 {
            let mut check = self.format.begin_trailer(header);
            check.update(payload);
            let mut trailer = [0; MAX_HEADER];
            let trailer = trailer.get_mut(..trailer_len).unwrap_or_default();
            check.write(trailer);
            buffer.extend_from_slice(trailer);
        }
        Ok(())
    }
}

impl<F: Format, I: From<OwnedFrame>> Decoder for Codec<F, I> {
    type Item = I;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<I>> {
        match self.take(buffer).map_err(ReadError::from)? {
            Ok(frame) => Ok(Some(frame.into())),
            Err(need) => {
                // The declared length is the peer's word, and costs it nothing.
                let missing = need - buffer.len();
                buffer.reserve(missing.min(AHEAD.max(buffer.len())));
                Ok(None)
            }
        }
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<I>> {
        match self.take(buffer).map_err(ReadError::from)? {
            Ok(frame) => Ok(Some(frame.into())),
            Err(_) if buffer.is_empty() => Ok(None),
            Err(want) => Err(ReadError::from(EndError::Truncated { have: buffer.len(), want }).into()),
        }
    }
}

/// A payload. Header bytes around the length field there must be none; for those, [`WithFields`].
impl<F: Format, I, P: AsRef<[u8]>> Encoder<P> for Codec<F, I> {
    type Error = io::Error;

    fn encode(&mut self, payload: P, buffer: &mut BytesMut) -> io::Result<()> {
        Ok(self.put(&[], payload.as_ref(), buffer).map_err(WriteError::from)?)
    }
}

/// The header's bytes around the length field, in order, and a payload: what to send in a format that has such bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithFields<F, P>(pub F, pub P);

impl<F: Format, I, A: AsRef<[u8]>, P: AsRef<[u8]>> Encoder<WithFields<A, P>> for Codec<F, I> {
    type Error = io::Error;

    fn encode(&mut self, item: WithFields<A, P>, buffer: &mut BytesMut) -> io::Result<()> {
        let WithFields(fields, payload) = item;
        Ok(self.put(fields.as_ref(), payload.as_ref(), buffer).map_err(WriteError::from)?)
    }
}

/// A frame as it came, header and all.
impl<F: Format, I> Encoder<OwnedFrame> for Codec<F, I> {
    type Error = io::Error;

    fn encode(&mut self, frame: OwnedFrame, buffer: &mut BytesMut) -> io::Result<()> {
        match peek(&self.format, &frame.bytes) {
            Ok(Peek::Frame(whole)) if whole.bytes().len() == frame.bytes.len() => {
                buffer.extend_from_slice(&frame.bytes);
                Ok(())
            }
            Err(DecodeError::TooLong { declared: frame, limit }) => {
                Err(WriteError::from(EncodeError::TooLong { frame, limit }).into())
            }
            _ => Err(WriteError::from(EncodeError::Refused("it is not a frame of this wire format")).into()),
        }
    }
}

impl<F: Clone, I> Clone for Codec<F, I> {
    fn clone(&self) -> Self {
        Self { format: self.format.clone(), item: PhantomData }
    }
}

impl<F: Copy, I> Copy for Codec<F, I> {}

impl<F: fmt::Debug, I> fmt::Debug for Codec<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec").field("format", &self.format).finish()
    }
}

/// A whole frame that is its receiver's own: a header, a payload, and in some formats a trailer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct OwnedFrame {
    bytes: BytesMut,
    /// Length of the header.
    header: usize,
    /// Length of the payload. With the header it is at most that of `bytes`; the rest is the
    /// trailer.
    payload: usize,
}

impl OwnedFrame {
    /// The frame as a decoder would lend it: also for typed messages.
    pub fn as_frame(&self) -> Frame<'_> {
        Frame::new(&self.bytes, self.header, self.payload).expect("the lengths are those of a whole frame")
    }

    /// The whole frame, as it was on the wire.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The header: the length field and the bytes around it.
    pub fn header(&self) -> &[u8] {
        self.as_frame().header()
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.as_frame().payload()
    }

    /// The whole frame, without a copy.
    pub fn into_bytes(self) -> BytesMut {
        self.bytes
    }

    /// The payload, without a copy.
    pub fn into_payload(mut self) -> BytesMut {
        self.bytes.advance(self.header);
        self.bytes.truncate(self.payload);
        self.bytes
    }
}

/// The payload.
impl From<OwnedFrame> for BytesMut {
    fn from(frame: OwnedFrame) -> Self {
        frame.into_payload()
    }
}
