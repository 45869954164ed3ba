//! Payloads in pieces, and bytes outside frames, as `Read` and `Write`.

use ::embedded_io_async::{ErrorType, Read, Write};
#[cfg(doc)]
use ringframe::EncodeError;
use ringframe::{Format, Store};

use super::Tasks;
use crate::WriteError;
use crate::embedded::fault;
use crate::inbound::{self, After};
use crate::outbound::{self, Rest};
use crate::reader::{Carries, PayloadReader, Reader, Unframed};
use crate::tasks::yield_now;
use crate::writer::PayloadWriter;
#[cfg(doc)]
use crate::writer::Writer;

/// The bytes of the payload, then 0. A read takes as many bytes as `buf` has room for.
///
/// Cancel-safe: a byte that was read is kept for the next call.
impl<C: Carries<Io: Read>, F: Format, B: Store> Read for PayloadReader<'_, C, F, B, Tasks>
where
    <C::Io as ErrorType>::Error: 'static,
{
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let Reader { carrier, decoder, has_told, .. } = &mut *self.reader;
        loop {
            if let Some(n) = inbound::take_payload(decoder, has_told, buf)? {
                return Ok(n);
            }
            let result = carrier.io().read(inbound::payload_space(decoder, buf)).await;
            match inbound::after_payload_read(decoder, buf, result, fault)? {
                After::Taken(n) => return Ok(n),
                After::End => return Ok(0),
                After::Stored => {}
                After::Interrupted => yield_now().await,
            }
        }
    }
}

/// The bytes of the stream, the buffered ones first, then 0 at its end.
///
/// Cancel-safe: a byte that was read is kept for the next call.
impl<C: Carries<Io: Read>, F: Format, B: Store> Read for Unframed<'_, C, F, B, Tasks>
where
    <C::Io as ErrorType>::Error: 'static,
{
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if buf.is_empty() {
            return Ok(0);
        }
        let Reader { carrier, decoder, .. } = &mut *self.reader;
        loop {
            match inbound::take_unframed(decoder, buf) {
                0 => {}
                n => return Ok(n),
            }
            let result = carrier.io().read(inbound::unframed_space(decoder, buf)).await;
            match inbound::after_unframed_read(decoder, buf.len(), result, fault)? {
                After::Taken(n) => return Ok(n),
                After::End => return Ok(0),
                After::Stored => {}
                After::Interrupted => yield_now().await,
            }
        }
    }
}

impl<W: Write, F: Format, B: Store> PayloadWriter<'_, W, F, B, Tasks> {
    /// Takes the next bytes of the payload, and returns how many it took: all that fit the store, or as many as
    /// the transport takes, without a copy. [`Write::write`] is the same.
    ///
    /// Cancel-safe: dropped, it has taken none of them.
    ///
    /// # Errors
    /// [`WriteError`]; [`EncodeError::Overrun`] beyond the announced length. None of `bytes` was taken then.
    pub async fn feed(&mut self, bytes: &[u8]) -> Result<usize, WriteError<W::Error>> {
        let writer = &mut *self.writer;
        let bytes = outbound::within_announced(&writer.encoder, bytes)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let parts = [bytes];
        while outbound::go_past(&writer.encoder, bytes.len()) {
            let mut rest = Rest::new(&parts);
            if let Some(sent @ 1..) = writer.write_once(&rest).await? {
                rest.sent(&mut writer.encoder, sent)?;
                return Ok(sent);
            }
        }
        Ok(writer.encoder.feed(bytes)?)
    }

    /// Sends what is queued.
    ///
    /// Cancel-safe: all of the payload is queued or sent by then, and [`Writer::flush`] goes on.
    ///
    /// # Errors
    /// [`EncodeError::MidPayload`] if not all of the announced length was written. Else those of
    /// [`Writer::flush`].
    pub async fn finish(self) -> Result<(), WriteError<W::Error>> {
        outbound::check_complete(&self.writer.encoder)?;
        self.writer.flush().await
    }
}

/// Takes the bytes of the payload. It writes only where there is no room, and then as many as the transport
/// takes, without a copy.
///
/// Cancel-safe: a `write` that is dropped has taken none of its bytes, and `flush` goes on.
impl<W: Write, F: Format, B: Store> Write for PayloadWriter<'_, W, F, B, Tasks>
where
    W::Error: 'static,
{
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        self.feed(bytes).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.writer.flush().await
    }
}
