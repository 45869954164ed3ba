//! The upper service on embassy-net, by the adapter for `embedded-io-async`: a task for each connection.
#![no_std]
#![no_main]

use board::Board;
use cortex_m_rt::entry;
use defmt::Display2Format;
use embassy_net::tcp::{self, TcpReader, TcpSocket, TcpWriter};
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_time::{Duration, TimeoutError, Timer, with_timeout};
use embedded_io_async::{Read, Write};
use ringframe::formats::U32_BE;
use ringframe::{Decoder, Encoder, Format};
use ringframe_io::embedded_io_async::{Incoming, Reader, Writer};
use ringframe_io::{ReadError, WriteError};
use ringframe_services::{Fault, MAX_FRAME, OUTGOING, RING, Wire};
use static_cell::{ConstStaticCell, StaticCell};

/// What QEMU's user network expects.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);

const PORT: u16 = 7878;

/// How many connections there can be at once; one more is refused.
const PEERS: usize = 6;

/// Size of a socket's buffers, bytes: the chip's receive FIFO holds 10,560, and drops what is more.
const BUFFER: usize = 4096;

/// How long a peer may take for a frame, and to take the answer, both from the end of the frame before: the largest
/// at 17 KB/s.
const FRAME: Duration = Duration::from_secs(60);

/// A peer that acknowledges nothing for so long, keep-alives included, is gone.
const GONE: Duration = Duration::from_secs(60);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long, at the end, what a peer still sends is taken and dropped: so it can read the last answers before a
/// reset makes it forget them.
const LINGER: Duration = Duration::from_secs(1);

#[entry]
fn main() -> ! {
    // Lent once, and for ever: there is no allocator.
    static RESOURCES: StaticCell<StackResources<PEERS>> = StaticCell::new();
    static BUFFERS: ConstStaticCell<[[[u8; BUFFER]; 2]; PEERS]> =
        ConstStaticCell::new([[[0; BUFFER]; 2]; PEERS]);

    let Board { ethernet, leds: _ } = defmt::unwrap!(board::start());
    let config = Config::ipv4_static(StaticConfigV4 {
        address: ADDRESS,
        gateway: None,
        dns_servers: Default::default(),
    });
    // Where the connections' sequence numbers start.
    let seed = board::random::seed();
    let resources = RESOURCES.init_with(StackResources::new);
    let (stack, runner) = embassy_net::new(ethernet, config, resources, seed);
    board::embassy::run(|spawner| {
        // There is room for just that many tasks.
        spawner.spawn(defmt::unwrap!(network(runner)));
        for [receive, send] in BUFFERS.take() {
            spawner.spawn(defmt::unwrap!(peers(stack, receive, send)));
        }
        spawner.spawn(defmt::unwrap!(announce()));
    })
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, board::ethernet::Ethernet>) -> ! {
    runner.run().await
}

/// By the next tick all the other tasks have run, so all listen.
#[embassy_executor::task]
async fn announce() {
    Timer::after_millis(1).await;
    defmt::info!("ready");
}

/// Serves one peer after another.
#[embassy_executor::task(pool_size = PEERS)]
async fn peers(stack: Stack<'static>, receive: &'static mut [u8], send: &'static mut [u8]) -> ! {
    let mut socket = TcpSocket::new(stack, receive, send);
    socket.set_nagle_enabled(false);
    socket.set_timeout(Some(GONE));
    socket.set_keep_alive(Some(KEEP_ALIVE));
    loop {
        // The port is not 0, and the socket is closed.
        let _ = socket.accept(PORT).await;
        let Some(peer) = socket.remote_endpoint() else { continue };
        defmt::info!("{=u16}: opened by {}", PORT, Display2Format(&peer));
        match serve(&mut socket).await {
            Ok(()) => defmt::info!("{=u16}: closed", PORT),
            Err(fault) if fault.is_protocol() => defmt::error!("{=u16}: closed: {}", PORT, fault),
            Err(fault) => defmt::warn!("{=u16}: closed: {}", PORT, fault),
        }
        close(&mut socket).await;
    }
}

/// Answers frames until the peer has no more.
async fn serve(socket: &mut TcpSocket<'_>) -> Result<(), Fault> {
    let (reads, writes) = socket.split();
    // Both sides have frames that are larger than their rings.
    let format = U32_BE.with_limit(MAX_FRAME);
    let mut reader = Reader::new(reads, Decoder::new(format, [0; RING]));
    let mut writer = Writer::new(writes, Encoder::new(format, [0; OUTGOING]));
    let end = loop {
        match with_timeout(FRAME, answer(&mut reader, &mut writer)).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => break Ok(()),
            Ok(Err(fault)) => break Err(fault),
            // It had the time for an answer. It does not get it again for the flush.
            Err(TimeoutError) if !writer.encoder().is_empty() => return Err(Fault::Stalled),
            Err(TimeoutError) if reader.decoder().is_mid_frame() => break Err(Fault::TooSlow),
            Err(TimeoutError) => break Err(Fault::Idle),
        }
    };
    // What was answered before the end, or before a fault, still arrives.
    match with_timeout(FRAME, writer.flush()).await {
        Ok(Ok(())) => end,
        _ => end.and(Err(Fault::Reset)),
    }
}

/// Answers the next frame with its ASCII letters in upper case; `false`: there is none.
async fn answer(
    reader: &mut Reader<TcpReader<'_>, Wire, [u8; RING]>,
    writer: &mut Writer<TcpWriter<'_>, Wire, [u8; OUTGOING]>,
) -> Result<bool, Fault> {
    let mut buffer = [0; RING];
    match reader.next_incoming().await.map_err(not_read)? {
        None => return Ok(false),
        Some(Incoming::Frame(frame)) => {
            let answer = &mut buffer[..frame.payload().len()];
            answer.copy_from_slice(frame.payload());
            answer.make_ascii_uppercase();
            writer.push(answer).await.map_err(not_written)?;
        }
        // Larger than the ring: it passes through in pieces.
        Some(Incoming::Large(mut payload)) => {
            let mut answer = writer.announce(&[], payload.left()).await.map_err(not_written)?;
            while payload.left() > 0 {
                let n = payload.read(&mut buffer).await.map_err(not_read)?;
                buffer[..n].make_ascii_uppercase();
                answer.write_all(&buffer[..n]).await.map_err(not_written)?;
            }
        }
    }
    // Answers to frames that came together leave together.
    if !reader.is_ready() {
        writer.drain().await.map_err(not_written)?;
    }
    Ok(true)
}

/// Ends a connection, so that the socket can have another.
async fn close(socket: &mut TcpSocket<'_>) {
    socket.close();
    let _ = with_timeout(LINGER, async {
        let mut dropped = [0; 256];
        while let Ok(1..) = socket.read(&mut dropped).await {}
        socket.flush().await
    })
    .await;
    socket.abort();
    // Until the reset is out, if there was one to be sent.
    let _ = with_timeout(LINGER, socket.flush()).await;
}

fn not_read(error: ReadError<tcp::Error>) -> Fault {
    match error {
        ReadError::Protocol(error) => Fault::Protocol(error),
        ReadError::Truncated(error) => Fault::Truncated(error),
        _ => Fault::Reset,
    }
}

fn not_written(error: WriteError<tcp::Error>) -> Fault {
    match error {
        WriteError::Encode(error) => Fault::Answer(error),
        _ => Fault::Reset,
    }
}
