//! Addresses and sockets, with errors that say what to do.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use ringframe_io::tcp;
use tokio::net::{TcpListener, TcpStream, lookup_host};

use crate::failure::{Code, Failure, is_connection};

/// `IDLE/INTERVAL/COUNT` or `off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keepalive(pub(crate) Option<tcp::Keepalive>);

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
            .map_err(|error| refused(address, &error))
    };
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

/// Listens on the first address of `HOST:PORT`.
pub(crate) async fn listen(address: &str, expose: bool, backlog: u32) -> Result<TcpListener, Failure> {
    let resolved = resolve(address).await?[0];
    if !resolved.ip().is_loopback() && !expose {
        return Err(Failure::new(
            Code::Policy,
            format!("{address} can be reached by other machines: say --expose if that is meant"),
        ));
    }
    let listener = tcp::listen(resolved, backlog).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    listener.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there; choose another port by --listen HOST:PORT (port 0 picks a free one)"
                    .to_owned()
            }
            _ => error.to_string(),
        };
        Failure::new(Code::Other, format!("can't listen on {address}: {hint}"))
    })
}
