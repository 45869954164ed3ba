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
//! | `max_frame_length(n)`, `set_max_frame_length(n)` | [`Codec::with_limit`]`(n)`, [`Codec::set_limit`]`(n)`, or one limit for each direction by [`Codec::with_limits`]; ours counts the whole frame, theirs the length field's value before the adjustment, or the payload when encoding |
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
//! They are [`io::Error`](std_crate::io::Error)s, like those of `LengthDelimitedCodec`, with a [`ReadError`] or a [`WriteError`] in them: a header
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
//! while let Some(frame) = reader.next_frame().await? {
//!     println!("{} bytes", frame.payload().len());
//! }
//!
//! // Where it has to be a stream, each payload is copied.
//! # let io = &b"\0\x02hi\0\x03you"[..];
//! let reader = Reader::with_capacity(io, formats::U16_BE, 4096)?;
//! let payloads = stream::try_unfold(reader, async |mut reader| {
//!     let payload = reader.next_frame().await?.map(|frame| frame.payload().to_vec());
//!     Ok::<_, ringframe_io::ReadError<std::io::Error>>(payload.map(|payload| (payload, reader)))
//! });
//! assert_eq!(payloads.try_collect::<Vec<_>>().await?, [&b"hi"[..], b"you"]);
//! # Ok(()) }
//! ```

#[cfg(doc)]
use bytes::Bytes;
use bytes::BytesMut;
use core::fmt;
use core::marker::PhantomData;
use ringframe::{DecodeError, EncodeError, Format, Limited, MAX_HEADER, Peek, Trailer, encode_header, peek};

pub use framing::WithFields;
pub use owned_frame::OwnedFrame;

#[cfg(doc)]
use crate::{ReadError, WriteError};

mod framing;
mod owned_frame;

/// The largest frame where neither the format nor the user says otherwise, bytes, header included. As in tokio-util.
const DEFAULT_LIMIT: u64 = 8 << 20;

/// Frames in one wire format, for `Framed` and its relatives.
///
/// `F` is the format. `I` is what decoding gives: the payload as [`BytesMut`] or [`Bytes`], or an [`OwnedFrame`] with
/// its header. Encoding takes payloads, anything that is bytes, as they are; [`WithFields`] where the header has other
/// bytes than the length field; and an `OwnedFrame`, to pass it on.
///
/// It keeps nothing between calls: what is in `Framed`'s buffer decides. So it can be replaced by another between any two
/// frames.
pub struct Codec<F, I = BytesMut> {
    format: F,
    decode_limit: u64,
    encode_limit: u64,
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
        Self { format, decode_limit: limit, encode_limit: limit, item: PhantomData }
    }

    /// Returns the same codec with other items: [`Bytes`], or any type that is made from an [`OwnedFrame`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// use bytes::Bytes;
    /// use futures_util::StreamExt;
    /// use ringframe::formats;
    /// use ringframe_io::tokio::codec::Codec;
    /// use tokio_util::codec::FramedRead;
    ///
    /// let codec = Codec::new(formats::U_8).with_items::<Bytes>();
    /// let mut frames = FramedRead::new(&b"\x05hello"[..], codec);
    /// let payload: Option<Bytes> = frames.next().await.transpose()?;
    /// assert_eq!(payload.as_deref(), Some(&b"hello"[..]));
    /// # Ok(()) }
    /// ```
    pub fn with_items<J: From<OwnedFrame>>(self) -> Codec<F, J> {
        let Self { format, decode_limit, encode_limit, .. } = self;
        Codec { format, decode_limit, encode_limit, item: PhantomData }
    }

    /// Returns the same codec with frames of at most `limit` bytes, header and trailer included, in
    /// both directions.
    ///
    /// It replaces the default of 8 MiB, but never widens: if the format has a smaller limit of its
    /// own, that one counts.
    #[must_use]
    pub fn with_limit(self, limit: u64) -> Self {
        self.with_limits(limit, limit)
    }

    /// Returns the same codec with frames of at most `decode` bytes that come in, and at most `encode` bytes that
    /// go out. Else it is [`with_limit`](Self::with_limit).
    #[must_use]
    pub fn with_limits(mut self, decode: u64, encode: u64) -> Self {
        self.set_limits(decode, encode);
        self
    }

    /// Sets the limit of both directions anew, for a codec in use. It counts from the next call on, also for a frame
    /// that has begun. The format's own limit still counts.
    pub const fn set_limit(&mut self, limit: u64) {
        self.set_limits(limit, limit);
    }

    /// Sets the limits anew, that of frames that come in and that of frames that go out, as
    /// [`set_limit`](Self::set_limit) does.
    pub const fn set_limits(&mut self, decode: u64, encode: u64) {
        self.decode_limit = decode;
        self.encode_limit = encode;
    }

    /// Returns the limit of frames that come in: the codec's, or the format's own if that is smaller.
    pub fn decode_limit(&self) -> u64 {
        self.decode_format().limit().unwrap_or(self.decode_limit)
    }

    /// Returns the limit of frames that go out: the codec's, or the format's own if that is smaller.
    pub fn encode_limit(&self) -> u64 {
        self.encode_format().limit().unwrap_or(self.encode_limit)
    }

    fn decode_format(&self) -> Limited<&F> {
        (&self.format).with_limit(self.decode_limit)
    }

    fn encode_format(&self) -> Limited<&F> {
        (&self.format).with_limit(self.encode_limit)
    }

    /// Returns the wire format, without the codec's limits.
    pub const fn format(&self) -> &F {
        &self.format
    }

    /// Takes the frame at the front of `buffer`, if it is whole. Else returns how many bytes of it are needed.
    pub(super) fn take(&self, buffer: &mut BytesMut) -> Result<Result<OwnedFrame, usize>, DecodeError> {
        Ok(match peek(&self.decode_format(), buffer)? {
            Peek::Incomplete { total } => Err(total),
            Peek::Frame(frame) => {
                let (header, payload) = (frame.header().len(), frame.len());
                let len = frame.bytes().len();
                Ok(OwnedFrame::of(buffer.split_to(len), header, payload))
            }
        })
    }

    fn put(&self, fields: &[u8], payload: &[u8], buffer: &mut BytesMut) -> Result<(), EncodeError> {
        let format = self.encode_format();
        let mut header = [0; MAX_HEADER];
        let n = encode_header(&format, fields, payload.len() as u64, &mut header)?;
        let header = header.get(..n).unwrap_or_default();
        let trailer_len = format.trailer_len();
        buffer.reserve(n + payload.len() + trailer_len);
        buffer.extend_from_slice(header);
        buffer.extend_from_slice(payload);
        if trailer_len > 0 {
            let mut check = format.begin_trailer(header);
            check.update(payload);
            let mut trailer = [0; MAX_HEADER];
            let trailer = trailer.get_mut(..trailer_len).unwrap_or_default();
            check.write(trailer);
            buffer.extend_from_slice(trailer);
        }
        Ok(())
    }
}

impl<F: Clone, I> Clone for Codec<F, I> {
    fn clone(&self) -> Self {
        Self { format: self.format.clone(), ..*self }
    }
}

impl<F: Copy, I> Copy for Codec<F, I> {}

impl<F: fmt::Debug, I> fmt::Debug for Codec<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { format, decode_limit, encode_limit, .. } = self;
        f.debug_struct("Codec")
            .field("format", format)
            .field("decode_limit", decode_limit)
            .field("encode_limit", encode_limit)
            .finish()
    }
}
