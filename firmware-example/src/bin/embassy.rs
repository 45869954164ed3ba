//! The upper service on embassy-net, plain and on authenticated links, by the adapters for `embedded-io-async`: a task for
//! each connection.
#![no_std]
#![no_main]

use board::key::KEYS;
use board::{Board, random};
use cortex_m_rt::entry;
use defmt::Display2Format;
use embassy_net::tcp::{self, TcpSocket, TcpWriter};
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_time::{Duration, TimeoutError, Timer, with_timeout};
use embedded_io_async::{Read, Write};
use ringframe::formats::U32_BE;
use ringframe::{Decoder, Encoder, Format};
use ringframe_io::embedded_io_async::{Incoming, Reader, Writer};
use ringframe_io::noise::embedded_io_async::{WriteHalf, accept};
use ringframe_io::noise::{Ephemeral, HalfError, HandshakeError, Memory};
use ringframe_io::{ReadError, WriteError};
use ringframe_services::sealed::{RECEIVE, SEND};
use ringframe_services::{Fault, MAX_FRAME, OUTGOING, RING, Wire};
use static_cell::{ConstStaticCell, StaticCell};

/// What QEMU's user network expects.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);

const UPPER: u16 = 7878;

/// The same on authenticated links.
const SEALED: u16 = 7882;

/// How many connections there can be at once on each port; one more is refused.
const PEERS: usize = 6;
const SEALED_PEERS: usize = 2;

/// Size of a socket's buffers, bytes: the chip's receive FIFO holds 10,560, and drops what is more.
const BUFFER: usize = 4096;

/// How long a peer may take for a frame, and to take the answer, both from the end of the frame before: the largest
/// at 17 KB/s.
const FRAME: Duration = Duration::from_secs(60);

/// How long the handshake of an authenticated link may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A peer that acknowledges nothing for so long, keep-alives included, is gone.
const GONE: Duration = Duration::from_secs(60);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long, at the end, what a peer still sends is taken and dropped: so it can read the last answers before a
/// reset makes it forget them.
const LINGER: Duration = Duration::from_secs(1);

#[entry]
fn main() -> ! {
    // Lent once, and for ever: there is no allocator.
    static RESOURCES: StaticCell<StackResources<{ PEERS + SEALED_PEERS }>> = StaticCell::new();
    static BUFFERS: ConstStaticCell<[[[u8; BUFFER]; 2]; PEERS]> =
        ConstStaticCell::new([[[0; BUFFER]; 2]; PEERS]);
    static SEALED_BUFFERS: ConstStaticCell<[[[u8; BUFFER]; 2]; SEALED_PEERS]> =
        ConstStaticCell::new([[[0; BUFFER]; 2]; SEALED_PEERS]);
    static STORES: ConstStaticCell<[Stores; SEALED_PEERS]> =
        ConstStaticCell::new([const { Stores::new() }; SEALED_PEERS]);

    let Board { ethernet, leds: _ } = defmt::unwrap!(board::start());
    let config = Config::ipv4_static(StaticConfigV4 {
        address: ADDRESS,
        gateway: None,
        dns_servers: Default::default(),
    });
    // Where the connections' sequence numbers start.
    let seed = random::seed();
    let resources = RESOURCES.init_with(StackResources::new);
    let (stack, runner) = embassy_net::new(ethernet, config, resources, seed);
    board::embassy::run(|spawner| {
        // There is room for just that many tasks.
        spawner.spawn(defmt::unwrap!(network(runner)));
        for [receive, send] in BUFFERS.take() {
            spawner.spawn(defmt::unwrap!(peers(stack, receive, send)));
        }
        for ([receive, send], stores) in SEALED_BUFFERS.take().iter_mut().zip(STORES.take()) {
            spawner.spawn(defmt::unwrap!(sealed_peers(stack, receive, send, stores)));
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
    let mut socket = socket(stack, receive, send);
    loop {
        if opened(&mut socket, UPPER).await {
            let (reads, writes) = socket.split();
            let (end, _) = serve(reads, writes).await;
            closed(UPPER, end);
            close(&mut socket).await;
        }
    }
}

/// Does the same on authenticated links, one of which after another has the stores.
#[embassy_executor::task(pool_size = SEALED_PEERS)]
async fn sealed_peers(
    stack: Stack<'static>,
    receive: &'static mut [u8],
    send: &'static mut [u8],
    stores: &'static mut Stores,
) -> ! {
    let mut socket = socket(stack, receive, send);
    loop {
        if opened(&mut socket, SEALED).await {
            let end = serve_sealed(&mut socket, stores.lend()).await;
            closed(SEALED, end);
            close(&mut socket).await;
        }
    }
}

/// The memory of an authenticated link.
struct Stores {
    chunk: [u8; 256],
    receive: [u8; RECEIVE],
    send: [u8; SEND],
}

impl Stores {
    const fn new() -> Self {
        Self { chunk: [0; 256], receive: [0; RECEIVE], send: [0; SEND] }
    }

    fn lend(&mut self) -> Memory<'_> {
        Memory::new(&mut self.chunk, &mut self.receive, &mut self.send)
    }
}

fn socket(stack: Stack<'static>, receive: &'static mut [u8], send: &'static mut [u8]) -> TcpSocket<'static> {
    let mut socket = TcpSocket::new(stack, receive, send);
    socket.set_nagle_enabled(false);
    socket.set_timeout(Some(GONE));
    socket.set_keep_alive(Some(KEEP_ALIVE));
    socket
}

/// Waits for a peer. `false`: it is gone already.
async fn opened(socket: &mut TcpSocket<'_>, port: u16) -> bool {
    // The port is not 0, and the socket is closed.
    let _ = socket.accept(port).await;
    let Some(peer) = socket.remote_endpoint() else { return false };
    defmt::info!("{=u16}: opened by {}", port, Display2Format(&peer));
    true
}

fn closed(port: u16, end: Result<(), Fault>) {
    match end {
        Ok(()) => defmt::info!("{=u16}: closed", port),
        Err(fault) if fault.is_protocol() => defmt::error!("{=u16}: closed: {}", port, fault),
        Err(fault) => defmt::warn!("{=u16}: closed: {}", port, fault),
    }
}

/// Answers frames on an authenticated link, and ends it.
async fn serve_sealed(socket: &mut TcpSocket<'_>, memory: Memory<'_>) -> Result<(), Fault> {
    let (reads, writes) = socket.split();
    let e = Ephemeral::new(random::random());
    let link = with_timeout(HANDSHAKE, accept(reads, writes, &KEYS, e, memory)).await;
    let (reads, writes) = match link {
        Ok(link) => link.map_err(not_accepted)?,
        Err(TimeoutError) => return Err(Fault::TooSlow),
    };
    let (end, mut writes) = serve(reads, writes).await;
    if !matches!(end, Err(Fault::Link(_))) {
        // The peer learns that nothing was cut off. If this fails, it learns the opposite.
        let _ = with_timeout(LINGER, writes.end()).await;
    }
    end
}

/// Answers frames until the peer has no more, and returns what it wrote to.
async fn serve<R: Read<Error: Why>, W: Sends>(reads: R, writes: W) -> (Result<(), Fault>, W) {
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
            Err(TimeoutError) if !writer.encoder().is_empty() || writer.get_ref().has_pending() => {
                return (Err(Fault::Stalled), writer.into_parts().0);
            }
            Err(TimeoutError) if reader.decoder().is_mid_frame() => break Err(Fault::TooSlow),
            Err(TimeoutError) => break Err(Fault::Idle),
        }
    };
    // What was answered before the end, or before a fault, still arrives.
    let end = match with_timeout(FRAME, writer.flush()).await {
        Ok(Ok(())) => end,
        _ => end.and(Err(Fault::Reset)),
    };
    (end, writer.into_parts().0)
}

/// Answers the next frame with its ASCII letters in upper case; `false`: there is none.
async fn answer<R: Read<Error: Why>, W: Sends>(
    reader: &mut Reader<R, Wire, [u8; RING]>,
    writer: &mut Writer<W, Wire, [u8; OUTGOING]>,
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
        writer.get_mut().send().await.map_err(Why::fault)?;
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

/// What answers are written to.
trait Sends: Write<Error: Why> {
    /// Sends what it has gathered, and does not wait until the peer has it.
    async fn send(&mut self) -> Result<(), Self::Error>;

    fn has_pending(&self) -> bool;
}

impl Sends for TcpWriter<'_> {
    async fn send(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn has_pending(&self) -> bool {
        false
    }
}

/// It seals what is written, and gathers it.
impl Sends for WriteHalf<'_, TcpWriter<'_>> {
    async fn send(&mut self) -> Result<(), Self::Error> {
        self.drain().await
    }

    fn has_pending(&self) -> bool {
        !self.sealer().pending().is_empty()
    }
}

/// What an error of a transport means for its connection.
trait Why: 'static {
    fn fault(self) -> Fault;
}

impl Why for tcp::Error {
    fn fault(self) -> Fault {
        Fault::Reset
    }
}

impl Why for HalfError<tcp::Error> {
    fn fault(self) -> Fault {
        match self {
            Self::Link(error) => Fault::Link(error),
            _ => Fault::Reset,
        }
    }
}

fn not_read(error: ReadError<impl Why>) -> Fault {
    match error {
        ReadError::Protocol(error) => Fault::Protocol(error),
        ReadError::Truncated(error) => Fault::Truncated(error),
        ReadError::Io(error) | ReadError::CutOff(error) => error.fault(),
        _ => Fault::Reset,
    }
}

fn not_written(error: WriteError<impl Why>) -> Fault {
    match error {
        WriteError::Encode(error) => Fault::Answer(error),
        WriteError::Io(error) | WriteError::NotQueued(error) => error.fault(),
        _ => Fault::Reset,
    }
}

fn not_accepted(error: HandshakeError<tcp::Error>) -> Fault {
    Fault::Handshake(match error {
        HandshakeError::Prologue { at, found } => HandshakeError::Prologue { at, found },
        HandshakeError::Length { declared } => HandshakeError::Length { declared },
        HandshakeError::Authentication => HandshakeError::Authentication,
        HandshakeError::Closed => HandshakeError::Closed,
        _ => return Fault::Reset,
    })
}
