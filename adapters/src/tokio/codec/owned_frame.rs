//! Frames that belong to their receiver.

use bytes::{Buf, Bytes, BytesMut};
use ringframe::Frame;

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
    /// Makes a frame of its bytes, and of the lengths of header and payload, which are those of a whole frame.
    pub(super) fn of(bytes: BytesMut, header: usize, payload: usize) -> Self {
        Self { bytes, header, payload }
    }

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

/// The payload.
impl From<OwnedFrame> for Bytes {
    fn from(frame: OwnedFrame) -> Self {
        frame.into_payload().freeze()
    }
}
