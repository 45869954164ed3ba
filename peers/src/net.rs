//! Addresses and sockets, with errors that say what to do.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use ringframe_io::tcp;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream, UdpSocket, lookup_host};

use crate::failure::{Code, Failure, is_connection};

/// `IDLE/INTERVAL/COUNT` or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive(pub(crate) Option<tcp::Keepalive>);

impl Keepalive {
    /// What servers, and clients that give theirs time, do where nothing else is said.
    pub(crate) const DEFAULT: Self = Self(Some(tcp::Keepalive {
        idle: Duration::from_secs(30),
        interval: Duration::from_secs(10),
        count: 3,
    }));

    /// What to ask of a connection. While something that was sent is not acknowledged, there are no probes, and the
    /// system would go on sending it for a quarter of an hour: a user time-out gives that no longer than the probes.
    /// It would also cut off a peer that answers but takes nothing, for which there is `patience`; so where that is
    /// longer there is none.
    pub(crate) fn options(self, patience: Duration) -> tcp::Options {
        let silence = |tcp::Keepalive { idle, interval, count }| {
            Duration::saturating_add(idle, Duration::saturating_mul(interval, count))
        };
        // Elsewhere there is no such option.
        let possible = cfg!(any(target_os = "linux", target_os = "android", target_os = "fuchsia"));
        let user_timeout = self.0.map(silence).filter(|silence| possible && patience <= *silence);
        tcp::Options { keepalive: self.0, user_timeout, ..tcp::Options::default() }
    }
}

impl fmt::Display for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(tcp::Keepalive { idle, interval, count }) = self.0 else { return f.write_str("off") };
        let [idle, interval] = [idle, interval].map(humantime::format_duration);
        write!(f, "{idle}/{interval}/{count}")
    }
}

impl FromStr for Keepalive {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let seconds = |text: &str| match humantime::parse_duration(text) {
            Ok(time) if time >= Duration::from_secs(1) && time.subsec_nanos() == 0 => Ok(time),
            Ok(_) => Err(format!("`{text}` is not a whole number of seconds")),
            Err(error) => Err(format!("`{text}`: {error}")),
        };
        let parts: Vec<_> = text.split('/').collect();
        let [idle, interval, count] = parts[..] else {
            return Err("say IDLE/INTERVAL/COUNT, such as 30s/10s/3, or off".into());
        };
        let Ok(count @ 1..=127) = count.parse() else {
            return Err(format!("`{count}` is not a number of probes from 1 to 127"));
        };
        Ok(Self(Some(tcp::Keepalive { idle: seconds(idle)?, interval: seconds(interval)?, count })))
    }
}

/// The addresses of `HOST:PORT`.
async fn resolve(address: &str) -> Result<Vec<SocketAddr>, Failure> {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() || (address.matches(':').count() > 1 && !address.starts_with('[')) {
        return Err(Failure::new(
            Code::Usage,
            format!("`{address}` is not an address: say HOST:PORT, IPv6 as [::1]:PORT"),
        ));
    }
    let unknown = |why: String| Failure::new(Code::Other, format!("can't find the host of {address}: {why}"));
    let found: Vec<_> = lookup_host(address).await.map_err(|error| unknown(error.to_string()))?.collect();
    if found.is_empty() { Err(unknown("it has no address".into())) } else { Ok(found) }
}

/// Connects to the first address of `HOST:PORT` that answers, within `timeout`.
pub(crate) async fn connect(address: &str, timeout: Duration) -> Result<TcpStream, Failure> {
    let attempt = async {
        let addresses = resolve(address).await?;
        let stream = TcpStream::connect(&addresses[..]).await;
        stream
            .and_then(|stream| tcp::Options::default().apply(&stream).map(|()| stream))
            .inspect(keep_unsent_short)
            .map_err(|error| refused(address, &error))
    };
    within(address, timeout, attempt).await
}

/// Probes a connected peer when it is silent, see [`Keepalive::options`]. A courtesy: a socket that is closed already
/// fails here, and then says so when read.
pub(crate) fn keep_alive(stream: &TcpStream, keepalive: Keepalive, patience: Duration) {
    let _ = keepalive.options(patience).apply(stream);
}

/// Keeps what the system has taken and not sent short, so that a peer that takes bytes slowly is seen to take them: the
/// queue grows to megabytes otherwise, and has room for more only once a third of it has gone. A courtesy as well.
pub(crate) fn keep_unsent_short(stream: &TcpStream) {
    /// Some of what it takes to keep a fast link busy: what was sent and is not acknowledged does not count.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    const UNSENT: u32 = 32 << 10;
    // Elsewhere there is no such option.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = stream;
}

async fn within<T>(
    address: &str,
    timeout: Duration,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| {
        Err(Failure::new(
            Code::Connection,
            format!("{address} did not answer within {}", humantime::format_duration(timeout)),
        ))
    })
}

fn refused(address: &str, error: &io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{address} refused the connection: is a server running there?")
        }
        _ => format!("can't connect to {address}: {error}"),
    };
    Failure::new(if is_connection(error) { Code::Connection } else { Code::Other }, message)
}

/// The first address of `HOST:PORT`, to listen on. What is `guarded` must not be reached by other machines.
async fn to_listen_on(address: &str, expose: bool, guarded: Option<&str>) -> Result<SocketAddr, Failure> {
    let resolved = resolve(address).await?[0];
    let loopback = resolved.ip().is_loopback();
    let why = match guarded {
        Some(what) if expose || !loopback => format!(
            "{} is refused: {what} may be reached by other machines only over authenticated links, for which this \
             server has no key; give it one by --key-file, or listen on loopback, such as 127.0.0.1:7878, without \
             --expose",
            if loopback { "--expose" } else { address },
        ),
        None if !loopback && !expose => {
            format!("{address} can be reached by other machines: say --expose if that is meant")
        }
        _ => return Ok(resolved),
    };
    Err(Failure::new(Code::Policy, why))
}

fn cannot_listen(address: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; choose another port by --listen HOST:PORT (port 0 picks a free one)"
                .to_owned()
        }
        _ => error.to_string(),
    };
    Failure::new(Code::Other, format!("can't listen on {address}: {hint}"))
}

/// Listens on the first address of `HOST:PORT`. What is `guarded` must not be reached by other machines.
pub(crate) async fn listen(
    address: &str,
    expose: bool,
    guarded: Option<&str>,
    backlog: u32,
) -> Result<TcpListener, Failure> {
    let resolved = to_listen_on(address, expose, guarded).await?;
    let listener = tcp::listen(resolved, backlog).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    listener.map_err(|error| cannot_listen(address, &error))
}

/// Receives datagrams on the first address of `HOST:PORT`; `[::]` means IPv6 only, as it does for TCP.
pub(crate) async fn listen_udp(address: &str, expose: bool) -> Result<UdpSocket, Failure> {
    let resolved = to_listen_on(address, expose, None).await?;
    let bind = || {
        let socket = Socket::new(Domain::for_address(resolved), Type::DGRAM, Some(Protocol::UDP))?;
        if resolved.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&resolved.into())?;
        UdpSocket::from_std(socket.into())
    };
    bind().map_err(|error| cannot_listen(address, &error))
}

/// A socket that exchanges datagrams with the first address of `HOST:PORT`, and that address.
pub(crate) async fn connect_udp(
    address: &str,
    timeout: Duration,
) -> Result<(UdpSocket, SocketAddr), Failure> {
    let attempt = async {
        let peer = resolve(address).await?[0];
        let any: IpAddr =
            if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let cannot = |error: io::Error| refused(address, &error);
        let socket = UdpSocket::bind((any, 0)).await.map_err(cannot)?;
        socket.connect(peer).await.map_err(cannot)?;
        Ok((socket, peer))
    };
    within(address, timeout, attempt).await
}

/// The largest message in a datagram to or from there, bytes: an Ethernet packet of 1,500, whole, less the headers
/// of IP and UDP. What is larger goes in fragments, of which one lost is all lost.
pub(crate) fn largest_message(ip: IpAddr) -> usize {
    if ip.to_canonical().is_ipv4() { 1500 - 20 - 8 } else { 1500 - 40 - 8 }
}

/// Larger than any datagram, bytes: into a buffer of that size each comes whole, and what fills it did not.
pub(crate) const DATAGRAM: usize = 64 << 10;
