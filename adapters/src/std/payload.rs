//! Payloads in pieces, and bytes outside frames, as `Read`, `BufRead` and `Write`.

use std_crate::io::{self, BufRead, Read, Write};

#[cfg(doc)]
use ringframe::EncodeError;
use ringframe::{Decoder, Format, Store};

use super::time::Outcome;
use super::{ReadTime, WriteTime, fault};
use crate::inbound::{self, After};
use crate::outbound::{self, Rest};
#[cfg(doc)]
use crate::patience::Patience;
use crate::reader::{Carries, PayloadReader, Reader, Unframed};
use crate::writer::PayloadWriter;
#[cfg(doc)]
use crate::writer::Writer;
use crate::{ReadError, WriteError};

impl<C: Carries<Io: Read>, F: Format, B: Store> Reader<C, F, B, ReadTime<C::Io>> {
    fn read_payload(&mut self, buf: &mut [u8]) -> Result<usize, ReadError<io::Error>> {
        loop {
            if let Some(n) = inbound::take_payload(&mut self.decoder, &mut self.has_told, buf)? {
                return Ok(n);
            }
            let io = self.carrier.io();
            let outcome = self
                .time
                .read(io, &mut self.decoder, |io, decoder| io.read(inbound::payload_space(decoder, buf)))?;
            let Outcome::Answer(result) = outcome else { continue };
            match inbound::after_payload_read(&mut self.decoder, buf, result, fault)? {
                After::Taken(n) => return Ok(n),
                After::End => return Ok(0),
                After::Stored | After::Interrupted => {}
            }
        }
    }

    fn read_unframed(&mut self, buf: &mut [u8]) -> Result<usize, ReadError<io::Error>> {
        loop {
            match inbound::take_unframed(&mut self.decoder, buf) {
                0 => {}
                n => return Ok(n),
            }
            let io = self.carrier.io();
            let outcome = self
                .time
                .read(io, &mut self.decoder, |io, decoder| io.read(inbound::unframed_space(decoder, buf)))?;
            let Outcome::Answer(result) = outcome else { continue };
            match inbound::after_unframed_read(&mut self.decoder, buf.len(), result, fault)? {
                After::Taken(n) => {
                    self.time.watch.restart();
                    return Ok(n);
                }
                After::End => return Ok(0),
                After::Stored | After::Interrupted => {}
            }
        }
    }

    /// Reads to the store, until something is there or the stream has ended.
    fn fill_store(&mut self, is_there: impl Fn(&Decoder<F, B>) -> bool) -> io::Result<()> {
        while !is_there(&self.decoder) {
            let io = self.carrier.io();
            let outcome = self.time.read(io, &mut self.decoder, |io, decoder| io.read(decoder.space()))?;
            let Outcome::Answer(result) = outcome else { continue };
            if inbound::after_read(&mut self.decoder, result, fault)? == After::End {
                break;
            }
        }
        Ok(())
    }
}

/// The bytes of the payload, then 0. A read takes as many bytes as `buf` has room for.
///
/// A stream that ends inside the payload is [`io::ErrorKind::UnexpectedEof`] with [`ReadError::Truncated`] in
/// it, a peer that takes too long [`io::ErrorKind::TimedOut`] with [`ReadError::TooSlow`], a wrong trailer
/// [`io::ErrorKind::InvalidData`] with [`ReadError::Protocol`].
impl<C: Carries<Io: Read>, F: Format, B: Store> Read for PayloadReader<'_, C, F, B, ReadTime<C::Io>> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() { Ok(0) } else { Ok(self.reader.read_payload(buf)?) }
    }
}

impl<C: Carries<Io: Read>, F: Format, B: Store> BufRead for PayloadReader<'_, C, F, B, ReadTime<C::Io>> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_store(|decoder| decoder.left() == 0 || !decoder.peek_payload().is_empty())?;
        if self.reader.decoder.left() == 0 {
            // The end, and a trailer, if there is one.
            self.reader.read_payload(&mut [0])?;
        }
        Ok(self.reader.decoder.peek_payload())
    }

    fn consume(&mut self, n: usize) {
        let decoder = &mut self.reader.decoder;
        if decoder.is_streaming() {
            decoder.take_payload(n);
            // Where there is no trailer, nothing can be wrong.
            let _ = inbound::end_without_trailer(decoder);
        }
    }
}

/// The bytes of the stream, the buffered ones first, then 0 at its end. With a [`Patience`] each read waits as
/// long as between frames.
impl<C: Carries<Io: Read>, F: Format, B: Store> Read for Unframed<'_, C, F, B, ReadTime<C::Io>> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() { Ok(0) } else { Ok(self.reader.read_unframed(buf)?) }
    }
}

impl<C: Carries<Io: Read>, F: Format, B: Store> BufRead for Unframed<'_, C, F, B, ReadTime<C::Io>> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_store(|decoder| !decoder.peek_unframed().is_empty())?;
        self.reader.time.watch.restart();
        Ok(self.reader.decoder.peek_unframed())
    }

    fn consume(&mut self, n: usize) {
        self.reader.decoder.take_unframed(n);
    }
}

impl<W: Write, F: Format, B: Store> PayloadWriter<'_, W, F, B, WriteTime<W>> {
    /// Takes the next bytes of the payload, and returns how many it took: all that fit the store, or as many as
    /// the transport takes, without a copy. [`Write::write`] is the same with an [`io::Error`].
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::Overrun`] beyond the announced length. None of `bytes` was taken then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<io::Error>> {
        let writer = &mut *self.writer;
        let bytes = outbound::within_announced(&writer.encoder, bytes)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let parts = [bytes];
        while outbound::go_past(&writer.encoder, bytes.len()) {
            let mut rest = Rest::new(&parts);
            match writer.write_once(&rest)? {
                0 => {}
                sent => {
                    rest.sent(&mut writer.encoder, sent)?;
                    return Ok(sent);
                }
            }
        }
        Ok(writer.encoder.feed(bytes)?)
    }

    /// Sends what is queued.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] if not all of the announced length was written. Else those of
    /// [`Writer::flush`].
    pub fn finish(self) -> Result<(), WriteError<io::Error>> {
        outbound::check_complete(&self.writer.encoder)?;
        self.writer.flush()
    }
}

/// Takes the bytes of the payload. It writes only where there is no room, and then as many as the transport
/// takes, without a copy.
impl<W: Write, F: Format, B: Store> Write for PayloadWriter<'_, W, F, B, WriteTime<W>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.feed(bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(self.writer.flush()?)
    }
}
