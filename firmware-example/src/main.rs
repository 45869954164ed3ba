//! The firmware: `ringframe-services` on smoltcp, in one loop.
#![no_std]
#![no_main]

use board::key::KEYS;
use board::leds::{self, Leds};
use board::{clock, random};
use cortex_m_rt::entry;
use defmt::Display2Format;
use heapless::Vec;
use ringframe_services::disk::{BLOCK, Block, Disk};
use ringframe_services::link::{Connection, Report};
use ringframe_services::messages::Counters;
use ringframe_services::sealed::{RECEIVE, SEND, Sealed};
use ringframe_services::{Board, Node, Service};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, Ipv4Cidr};
use static_cell::{ConstStaticCell, StaticCell};

/// The address in QEMU's user network.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(smoltcp::wire::Ipv4Address::new(10, 0, 2, 15), 24);

const SERVICES: [(u16, fn() -> Service); 4] =
    [(7878, || Service::Upper), (7879, || Service::Echo), (7880, || Service::Typed), (7881, Service::files)];

/// The upper service on authenticated links.
const SEALED: u16 = 7882;

/// Connections at once, for each service. smoltcp has no backlog: a peer that connects while all are taken is
/// refused, so there are some more than are meant to be used.
const EACH: usize = 6;

/// The same on authenticated links, each of which has 5 KiB more.
const EACH_SEALED: usize = 2;
const SOCKETS: usize = EACH * SERVICES.len() + EACH_SEALED;

/// Size of a socket's buffers, bytes: the chip's receive FIFO holds 10,560, and drops what is more.
const BUFFER: usize = 4096;

/// Blocks of the RAM disk: 1 MiB.
const BLOCKS: usize = (1 << 20) / BLOCK;

struct Lights(Leds);

impl Board for Lights {
    const LEDS: u8 = leds::COUNT;

    fn uptime(&self) -> u64 {
        clock::now()
    }

    fn set_led(&mut self, index: u8, on: bool) {
        self.0.set(index, on);
    }

    fn leds(&self) -> u8 {
        self.0.lit()
    }

    fn random(&mut self) -> [u8; 32] {
        random::random()
    }
}

#[entry]
fn main() -> ! {
    // Lent once, and for ever: there is no allocator.
    static BUFFERS: ConstStaticCell<[[[u8; BUFFER]; 2]; SOCKETS]> =
        ConstStaticCell::new([[[0; BUFFER]; 2]; SOCKETS]);
    static STORAGE: StaticCell<[SocketStorage<'static>; SOCKETS]> = StaticCell::new();
    static CONNECTIONS: ConstStaticCell<Vec<(SocketHandle, Connection), SOCKETS>> =
        ConstStaticCell::new(Vec::new());
    static STORES: ConstStaticCell<[([u8; RECEIVE], [u8; SEND]); EACH_SEALED]> =
        ConstStaticCell::new([([0; RECEIVE], [0; SEND]); EACH_SEALED]);
    static LINKS: StaticCell<[Sealed; EACH_SEALED]> = StaticCell::new();
    static DISK: ConstStaticCell<[[u8; BLOCK]; BLOCKS]> = ConstStaticCell::new([[0; BLOCK]; BLOCKS]);
    static CHAIN: ConstStaticCell<[Block; BLOCKS]> = ConstStaticCell::new([0; BLOCKS]);

    let board::Board { mut ethernet, leds } = defmt::unwrap!(board::start());
    let mac = EthernetAddress(ethernet.chip().address());
    let mut config = Config::new(mac.into());
    // Where the connections' sequence numbers start.
    config.random_seed = random::seed();
    let mut interface = Interface::new(config, &mut ethernet, now());
    interface.update_ip_addrs(|addresses| {
        // There is room for one.
        let _ = addresses.push(IpCidr::Ipv4(ADDRESS));
    });

    let storage = STORAGE.init_with(|| [SocketStorage::EMPTY; SOCKETS]);
    let mut sockets = SocketSet::new(&mut storage[..]);
    let connections = CONNECTIONS.take();
    let plain = SERVICES.iter().flat_map(|service| [service; EACH]);
    let plain = plain.map(|(port, service)| Connection::new(*port, *service));
    let links = LINKS.init(STORES.take().each_mut().map(|(receive, send)| Sealed::new(&KEYS, receive, send)));
    let sealed = links.iter_mut().map(|link| Connection::sealed(SEALED, || Service::Upper, link));
    for ([receive, send], connection) in BUFFERS.take().iter_mut().zip(plain.chain(sealed)) {
        let socket = Socket::new(SocketBuffer::new(&mut receive[..]), SocketBuffer::new(&mut send[..]));
        // There is room for exactly as many.
        let _ = connections.push((sockets.add(socket), connection));
    }
    let mut node = Node {
        board: Lights(leds),
        disk: Disk::new(DISK.take(), CHAIN.take()),
        counters: Counters::default(),
        version: env!("CARGO_PKG_VERSION"),
    };

    defmt::info!("ringframe {} at {}, {}", node.version, Display2Format(&ADDRESS), Display2Format(&mac));
    let mut ready = false;
    loop {
        // 1. Packets that arrived go to their sockets, and what the sockets have to send leaves.
        let now = now();
        let polled = interface.poll(now, &mut ethernet, &mut sockets);

        // 2. Each connection takes what its peer sent and queues the answers.
        for (socket, connection) in &mut *connections {
            let socket = sockets.get_mut(*socket);
            while let Some(report) = connection.turn(socket, now, &mut node) {
                log(connection.port(), report);
            }
        }
        if !ready {
            ready = true;
            defmt::info!("ready");
        }

        // 3. Sleep until a packet arrives, or a millisecond has passed, unless there is something to send.
        let due = interface.poll_at(now, &sockets).is_some_and(|at| at <= now);
        if polled == PollResult::None && !due {
            ethernet.sleep();
        }
    }
}

fn now() -> Instant {
    Instant::from_millis(clock::now().cast_signed())
}

fn log(port: u16, report: Report) {
    match report {
        Report::Opened(peer) => defmt::info!("{=u16}: opened by {}", port, Display2Format(&peer)),
        Report::Closed(Ok(())) => defmt::info!("{=u16}: closed", port),
        Report::Closed(Err(fault)) if fault.is_protocol() => defmt::error!("{=u16}: closed: {}", port, fault),
        Report::Closed(Err(fault)) => defmt::warn!("{=u16}: closed: {}", port, fault),
    }
}
