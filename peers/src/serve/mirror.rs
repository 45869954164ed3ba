//! `serve upper`, `serve echo`, `serve reply`: every message answered.

use std::convert::Infallible;
use std::io;

use ringframe::{Event, Limited, MAX_HEADER, RuntimeFormat, encode_with};
use ringframe_io::WriteError;
use ringframe_io::tokio::PayloadWriter;

use super::{End, Link, Service};
use crate::args::Server;
use crate::failure::{Code, Failure};
use crate::transport::WriteHalf;
use crate::wire::DEFAULT_MAX_FRAME;

/// How a message is answered.
pub(super) enum Answer {
    Upper,
    Echo,
    Text(Vec<u8>),
}

/// Answers every message.
pub(super) struct Mirror {
    answer: Answer,
}

impl Service for Mirror {
    async fn talk(&self, link: &mut Link) -> End {
        let Err(end) = self.answer_all(link).await;
        end
    }
}

impl Mirror {
    /// A fixed reply that the wire format can't carry is better known at the start.
    pub(super) fn new(answer: Answer, server: &Server) -> Result<Self, Failure> {
        if let Answer::Text(text) = &answer {
            let format = server.wire.format(DEFAULT_MAX_FRAME)?;
            let mut frame = vec![0; text.len() + MAX_HEADER];
            let fields = vec![0; format.get_ref().fields_len()];
            encode_with(&format, &fields, &[text], &mut frame)
                .map_err(|error| Failure::new(Code::Other, format!("the reply can't be sent: {error}")))?;
        }
        Ok(Self { answer })
    }

    /// Answers until the end, which is the only way out.
    async fn answer_all(&self, link: &mut Link) -> Result<Infallible, End> {
        let Self { answer } = self;
        let Link { reader, writer, stopping, frames, bytes } = link;
        let format = *reader.decoder().format();
        let mut room = [0; MAX_HEADER];
        let mut piece = [0; 4096];
        let mut streaming = false;
        loop {
            // Replies wait for each other only while there is more to answer.
            if !reader.is_ready() {
                writer.flush().await?;
            }
            // What has arrived whole is still answered; then it is time to go.
            let may_stop = !streaming && !reader.is_ready();
            let event = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop), if may_stop => return Err(End::Stopped),
                event = reader.next_event() => event,
            };
            match event? {
                None => return Err(End::Closed),
                Some(Event::Frame(frame)) => {
                    *frames += 1;
                    *bytes += frame.bytes().len() as u64;
                    let fields = format.get_ref().fields(frame.header(), &mut room).unwrap_or_default();
                    match answer {
                        Answer::Echo => writer.push_with(fields, &[frame.payload()]).await?,
                        Answer::Text(text) => writer.push_with(fields, &[text]).await?,
                        Answer::Upper => {
                            let payload = frame.payload();
                            let reply = writer.announce(fields, payload.len() as u64).await?;
                            feed(reply, payload, Some(&mut piece)).await?;
                        }
                    }
                }
                Some(Event::Begin { header, payload }) => {
                    *bytes += header.len() as u64;
                    streaming = true;
                    let fields = format.get_ref().fields(header, &mut room).unwrap_or_default();
                    if !matches!(answer, Answer::Text(_)) {
                        // Its pieces go on with it.
                        drop(writer.announce(fields, payload).await?);
                    }
                }
                Some(Event::Data(data)) => {
                    *bytes += data.len() as u64;
                    match answer {
                        Answer::Text(_) => {}
                        Answer::Echo => feed(writer.resume(), data, None).await?,
                        Answer::Upper => feed(writer.resume(), data, Some(&mut piece)).await?,
                    }
                }
                Some(Event::End) => {
                    *frames += 1;
                    streaming = false;
                    if let Answer::Text(text) = answer {
                        writer.push_with(&room[..format.get_ref().fields_len()], &[text]).await?;
                    }
                }
            }
        }
    }
}

/// Queues a piece of a payload, in upper case by way of `upper` if there is one.
async fn feed(
    mut reply: PayloadWriter<'_, WriteHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    mut data: &[u8],
    mut upper: Option<&mut [u8; 4096]>,
) -> Result<(), WriteError<io::Error>> {
    while !data.is_empty() {
        let n = match &mut upper {
            None => reply.feed(data).await?,
            Some(piece) => {
                let n = data.len().min(piece.len());
                piece[..n].copy_from_slice(&data[..n]);
                piece[..n].make_ascii_uppercase();
                reply.feed(&piece[..n]).await?
            }
        };
        data = &data[n..];
    }
    Ok(())
}
