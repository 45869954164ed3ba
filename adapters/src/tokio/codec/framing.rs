//! The codec as tokio-util's `Decoder` and `Encoder`.

use std_crate::io;

use bytes::BytesMut;
use ringframe::{DecodeError, EncodeError, EndError, Format, Peek, peek};
use tokio_util::codec::{Decoder, Encoder};

use super::{Codec, OwnedFrame};
use crate::{ReadError, WriteError};

/// How many bytes are reserved ahead at the most, where less than that has come of a frame.
const AHEAD: usize = 64 << 10;

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
        match peek(&self.encode_format(), frame.bytes()) {
            Ok(Peek::Frame(whole)) if whole.bytes().len() == frame.bytes().len() => {
                buffer.extend_from_slice(frame.bytes());
                Ok(())
            }
            Err(DecodeError::TooLong { declared: frame, limit }) => {
                Err(WriteError::from(EncodeError::TooLong { frame, limit }).into())
            }
            _ => Err(WriteError::from(EncodeError::Refused("it is not a frame of this wire format")).into()),
        }
    }
}
