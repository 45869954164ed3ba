//! What the readers share: taking what a decoder has buffered where it is not a whole frame.

use ringframe::{CommitError, DecodeError, Decoder, Event, Header, HeaderError, MAX_HEADER, Store};

use crate::copy::copy;

/// A frame larger than the store, of which a reader hands out the payload.
#[derive(Debug)]
pub(crate) struct Large {
    header: [u8; MAX_HEADER],
    header_len: usize,
    len: u64,
    left: u64,
}

impl Large {
    /// Begins with the frame that is there, if it is such a one; `None`: it is to be taken whole.
    pub(crate) fn begin<H: Header, B: Store>(
        decoder: &mut Decoder<H, B>,
        limit: u64,
    ) -> Result<Option<Self>, DecodeError> {
        // Without a limit only whole frames are ready: so it tells them from the others without a borrow.
        if let Ok(ringframe::Status::Ready) = decoder.poll() {
            return Ok(None);
        }
        let Some(Event::Begin { header: bytes, payload }) = decoder.next_event(limit)? else {
            return Ok(None);
        };
        // The payload's reader needs the decoder, so the header can't be lent by it.
        let mut header = [0; MAX_HEADER];
        // A longer one was refused when the decoder was made, unless a `Header` says otherwise each time.
        let room = header.get_mut(..bytes.len()).ok_or(DecodeError::Header(HeaderError::Inconsistent))?;
        copy(room, bytes);
        Ok(Some(Self { header, header_len: bytes.len(), len: payload, left: payload }))
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

    /// Takes what is buffered of the payload, as far as there is room for it.
    pub(crate) fn take<H: Header, B: Store>(&mut self, decoder: &mut Decoder<H, B>, buf: &mut [u8]) -> usize {
        let n = take(decoder, buf);
        self.left = self.left.saturating_sub(n as u64);
        if self.left == 0 {
            // Its end is not a thing of its own that is still to be taken.
            decoder.discard();
        }
        n
    }
}

/// Takes what is buffered, without looking for frames in it, as far as there is room for it.
pub(crate) fn take<H: Header, B: Store>(decoder: &mut Decoder<H, B>, buf: &mut [u8]) -> usize {
    copy(buf, decoder.raw(&mut &[][..], buf.len()))
}

/// Where the next unframed bytes are to be read to, while nothing is buffered: to where their reader wants
/// them; but through the store, which skips it, as long as a payload that was not read has not ended.
pub(crate) fn space<'a, H: Header, B: Store>(
    decoder: &'a mut Decoder<H, B>,
    buf: &'a mut [u8],
) -> &'a mut [u8] {
    if decoder.is_mid_frame() { decoder.space() } else { buf }
}

/// Counts `n` bytes as read to [`space`] and answers how many of them are in a `buf` of that length.
pub(crate) fn arrived<H: Header, B: Store>(
    decoder: &mut Decoder<H, B>,
    buf: usize,
    n: usize,
) -> Result<usize, CommitError> {
    if decoder.is_mid_frame() {
        decoder.commit(n).map(|()| 0)
    } else if n > buf {
        Err(CommitError { committed: n, space: buf })
    } else {
        Ok(n)
    }
}
