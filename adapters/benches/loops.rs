//! One workload of an adapter's loop, ours or another, for an instruction counter around it: see the script
//! `instructions` in the codec's `benches`, which runs it under Valgrind and subtracts. The transport is memory, so
//! that nothing but user-space work is counted, and the copies that the system would make are the same for all.
//!
//! `loops <std-read|std-write|tokio-read|tokio-write> <ours|hand> <payload> <frames>`

use std::hint::black_box;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use ringframe::{Limited, formats};
use ringframe_io::{std as blocking, tokio as tasks};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

/// Capacity of everybody's buffers, bytes.
const BUFFER: usize = 64 * 1024;

const FORMAT: Limited<formats::U32Be> = Limited::new(formats::U32_BE, 1 << 20);

/// A transport from which the same frame comes again and again, and to which anything goes.
struct Memory {
    wire: Vec<u8>,
    at: usize,
    left: usize,
}

impl Memory {
    fn new(payload: usize, frames: usize) -> Self {
        let frame =
            [&u32::try_from(payload).expect("a length").to_be_bytes()[..], &vec![7; payload]].concat();
        // A whole number of frames, so that it can begin anew at its end.
        let wire = frame.repeat((4 * BUFFER).div_ceil(frame.len()));
        Self { wire, at: 0, left: frame.len() * frames }
    }
}

impl Read for Memory {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(self.wire.len() - self.at).min(self.left);
        buf[..n].copy_from_slice(&self.wire[self.at..self.at + n]);
        self.left -= n;
        self.at = (self.at + n) % self.wire.len();
        Ok(n)
    }
}

impl Write for Memory {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Ok(black_box(buf).len())
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        Ok(black_box(bufs).iter().map(|buf| buf.len()).sum())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // What is not initialised is not made so, as by a socket.
        let n = buf.remaining().min(self.wire.len() - self.at).min(self.left);
        buf.put_slice(&self.wire[self.at..self.at + n]);
        self.left -= n;
        self.at = (self.at + n) % self.wire.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Memory {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[inline(always)]
fn look(payload: &[u8]) {
    let ends = payload.first().zip(payload.last()).map_or(0, |(first, last)| u64::from(first ^ last));
    black_box(payload.len() as u64 + ends);
}

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

fn std_read(io: Memory, payload: usize) -> Result {
    let mut reader = blocking::Reader::with_capacity(io, FORMAT, BUFFER)?;
    if payload + 4 <= BUFFER {
        while let Some(frame) = reader.next_frame()? {
            look(frame.payload());
        }
        return Ok(());
    }
    let mut whole = Vec::new();
    while let Some(incoming) = reader.next_incoming()? {
        if let blocking::Incoming::Large(mut payload) = incoming {
            whole.resize(usize::try_from(payload.left())?, 0);
            payload.read_exact(&mut whole)?;
            look(&whole);
        }
    }
    Ok(())
}

fn std_read_by_hand(io: Memory, frames: usize) -> Result {
    let mut reader = BufReader::with_capacity(BUFFER, io);
    let mut payload = Vec::new();
    for _ in 0..frames {
        let mut header = [0; 4];
        reader.read_exact(&mut header)?;
        payload.resize(u32::from_be_bytes(header) as usize, 0);
        reader.read_exact(&mut payload)?;
        look(&payload);
    }
    Ok(())
}

fn std_write(io: Memory, payload: &[u8], frames: usize) -> Result {
    let mut writer = blocking::Writer::with_capacity(io, FORMAT, BUFFER)?;
    for _ in 0..frames {
        writer.push(black_box(payload))?;
    }
    Ok(writer.flush()?)
}

fn std_write_by_hand(io: Memory, payload: &[u8], frames: usize) -> Result {
    let mut writer = BufWriter::with_capacity(BUFFER, io);
    for _ in 0..frames {
        let payload = black_box(payload);
        writer.write_all(&u32::try_from(payload.len())?.to_be_bytes())?;
        writer.write_all(payload)?;
    }
    Ok(writer.flush()?)
}

async fn tokio_read(io: Memory, payload: usize) -> Result {
    let mut reader = tasks::Reader::with_capacity(io, FORMAT, BUFFER)?;
    if payload + 4 <= BUFFER {
        while let Some(frame) = reader.next_frame().await? {
            look(frame.payload());
        }
        return Ok(());
    }
    let mut whole = Vec::new();
    while let Some(incoming) = reader.next_incoming().await? {
        if let tasks::Incoming::Large(mut payload) = incoming {
            whole.resize(usize::try_from(payload.left())?, 0);
            tokio::io::AsyncReadExt::read_exact(&mut payload, &mut whole).await?;
            look(&whole);
        }
    }
    Ok(())
}

async fn tokio_read_by_framed(io: Memory) -> Result {
    let mut frames = FramedRead::with_capacity(io, LengthDelimitedCodec::new(), BUFFER);
    while let Some(payload) = frames.next().await {
        let payload: BytesMut = payload?;
        look(&payload);
    }
    Ok(())
}

async fn tokio_write(io: Memory, payload: &[u8], frames: usize) -> Result {
    let mut writer = tasks::Writer::with_capacity(io, FORMAT, BUFFER)?;
    for _ in 0..frames {
        writer.push(black_box(payload)).await?;
    }
    Ok(writer.flush().await?)
}

async fn tokio_write_by_framed(io: Memory, payload: &[u8], frames: usize) -> Result {
    let payload = Bytes::from(payload.to_vec());
    let mut sink = FramedWrite::new(io, LengthDelimitedCodec::new());
    sink.set_backpressure_boundary(BUFFER);
    for _ in 0..frames {
        sink.feed(black_box(&payload).clone()).await?;
    }
    Ok(SinkExt::<Bytes>::flush(&mut sink).await?)
}

fn main() -> Result {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [workload, contender, payload, frames] = args.as_slice() else {
        eprintln!("usage: loops <std-read|std-write|tokio-read|tokio-write> <ours|hand> <payload> <frames>");
        return Ok(());
    };
    let (len, frames): (usize, usize) = (payload.parse()?, frames.parse()?);
    let io = Memory::new(len, frames);
    let payload = vec![7; len];
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    match (workload.as_str(), contender.as_str()) {
        ("std-read", "ours") => std_read(io, len),
        ("std-read", _) => std_read_by_hand(io, frames),
        ("std-write", "ours") => std_write(io, &payload, frames),
        ("std-write", _) => std_write_by_hand(io, &payload, frames),
        ("tokio-read", "ours") => runtime.block_on(tokio_read(io, len)),
        ("tokio-read", _) => runtime.block_on(tokio_read_by_framed(io)),
        ("tokio-write", "ours") => runtime.block_on(tokio_write(io, &payload, frames)),
        _ => runtime.block_on(tokio_write_by_framed(io, &payload, frames)),
    }
}
