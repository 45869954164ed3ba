//! What the readers share: taking what a decoder has buffered where it is not a whole frame.

use ringframe::{DecodeError, Decoder, Event, FilledError, Format, HeaderError, MAX_HEADER, Store};

use crate::copy::copy;

/// A frame larger than the store, of which a reader hands out the payload.
#[derive(Debug)]
pub(crate) struct Large {
    header: [u8; MAX_HEADER],
    header_len: usize,
    len: u64,
    left: u64,
    /// Whether the frame is complete, and its trailer right.
    ended: bool,
}

impl Large {
    /// Begins with the frame that is there. Returns `None` if it is to be taken whole.
    pub(crate) fn begin<F: Format, B: Store>(
        decoder: &mut Decoder<F, B>,
    ) -> Result<Option<Self>, DecodeError> {
        if !decoder.has_large_frame() {
            return Ok(None);
        }
        let Some(Event::Begin { header: bytes, payload }) = decoder.take_event()? else {
            return Ok(None);
        };
        // The payload's reader needs the decoder, so the header can't be lent by it.
        let mut header = [0; MAX_HEADER];
        // A longer one was refused when the decoder was made, unless a `Format` says otherwise each
        // time.
        let room = header.get_mut(..bytes.len()).ok_or(DecodeError::Header(HeaderError::Inconsistent))?;
        copy(room, bytes);
        Ok(Some(Self { header, header_len: bytes.len(), len: payload, left: payload, ended: false }))
    }

    pub(crate) fn header(&self) -> &[u8] {
        self.header.get(..self.header_len).unwrap_or_default()
    }

    pub(crate) const fn len(&self) -> u64 {
        self.len
    }

    pub(crate) const fn left(&self) -> u64 {
        self.left
    }

    pub(crate) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes what is buffered of the payload, as far as there is room for it. Returns 0 once the
    /// frame has ended.
    pub(crate) fn take<F: Format, B: Store>(
        &mut self,
        decoder: &mut Decoder<F, B>,
        buf: &mut [u8],
    ) -> Result<usize, DecodeError> {
        let n = copy(buf, decoder.take_payload(buf.len()));
        self.left = self.left.saturating_sub(n as u64);
        // Without a trailer the last byte is the end. With one, the call after it compares the
        // trailer.
        if self.left == 0 && (n == 0 || decoder.format().trailer_len() == 0) {
            self.ended = matches!(decoder.take_event()?, Some(Event::End));
        }
        Ok(n)
    }
}

/// Takes what is buffered, without looking for frames in it, as far as there is room for it.
pub(crate) fn take<F: Format, B: Store>(decoder: &mut Decoder<F, B>, buf: &mut [u8]) -> usize {
    copy(buf, decoder.take_unframed(buf.len()))
}

/// Returns where the next unframed bytes are to be read to, while nothing is buffered: to where
/// their reader wants them; but through the store, which skips it, as long as a payload that was
/// not read has not ended.
pub(crate) fn space<'a, F: Format, B: Store>(
    decoder: &'a mut Decoder<F, B>,
    buf: &'a mut [u8],
) -> &'a mut [u8] {
    if decoder.is_mid_frame() { decoder.space() } else { buf }
}

/// Counts `n` bytes as read to [`space`] and returns how many of them are in a `buf` of that
/// length.
pub(crate) fn arrived<F: Format, B: Store>(
    decoder: &mut Decoder<F, B>,
    buf: usize,
    n: usize,
) -> Result<usize, FilledError> {
    if decoder.is_mid_frame() {
        decoder.filled(n).map(|()| 0)
    } else if n > buf {
        Err(FilledError { filled: n, space: buf })
    } else {
        Ok(n)
    }
}
