//! Options of TCP sockets, through `socket2`: for [`std::net`](std_crate::net) streams, and for those of tokio, which are
//! the same sockets.
//!
//! ```
//! use ringframe::formats;
//! use ringframe_io::{std::Framed, tcp};
//!
//! let listener = tcp::listen("127.0.0.1:0".parse()?, tcp::DEFAULT_BACKLOG)?;
//! let address = listener.local_addr()?;
//! let server = std::thread::spawn(move || {
//!     let (stream, _) = listener.accept()?;
//!     tcp::Options::default().apply(&stream)?;
//!     let mut link = Framed::with_capacity(stream, formats::U32_BE, 65536)?;
//!     while let Some(frame) = link.next_frame()? {
//!         let reply = frame.payload().to_ascii_uppercase();
//!         link.send(&reply)?;
//!     }
//!     Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! });
//!
//! let stream = tcp::connect(address, &tcp::Options::default(), None)?;
//! let mut link = Framed::with_capacity(stream, formats::U32_BE, 65536)?;
//! link.send(b"hello")?;
//! link.close()?; // nothing more from here; replies still come
//! assert_eq!(link.next_frame()?.map(|frame| frame.payload().to_vec()), Some(b"HELLO".to_vec()));
//! assert!(link.next_frame()?.is_none());
//! # server.join().unwrap().unwrap();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::time::Duration;
use std_crate::io;
use std_crate::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// How many connections wait to be accepted, where nothing else is said.
pub const DEFAULT_BACKLOG: u32 = 128;

/// Options of a connected socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Send small frames at once instead of waiting for more to send (`TCP_NODELAY`); on by default. Without
    /// it, two small writes meet delayed acknowledgement: 40 ms a message.
    pub nodelay: bool,
    /// Probe a silent peer; off by default.
    pub keepalive: Option<Keepalive>,
    /// How long sent data may stay unacknowledged before the connection is given up (`TCP_USER_TIMEOUT`, on Linux,
    /// Android and Fuchsia); the system's own by default.
    pub user_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self { nodelay: true, keepalive: None, user_timeout: None }
    }
}

/// When a silent peer is given up: after `idle + interval * count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe; whole seconds, at least 1.
    pub idle: Duration,
    /// Time between probes; whole seconds, at least 1.
    pub interval: Duration,
    /// How many probes go unanswered.
    pub count: u32,
}

impl Options {
    /// Sets the options of a connected socket, `std`'s or tokio's.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::Unsupported`] for a user time-out where there is none.
    #[cfg(unix)]
    pub fn apply(&self, socket: &impl std_crate::os::fd::AsFd) -> io::Result<()> {
        self.set(SockRef::from(socket))
    }

    /// Sets the options of a connected socket, `std`'s or tokio's.
    ///
    /// # Errors
    /// Those of the system; [`io::ErrorKind::Unsupported`] for a user time-out where there is none.
    #[cfg(windows)]
    pub fn apply(&self, socket: &impl std_crate::os::windows::io::AsSocket) -> io::Result<()> {
        self.set(SockRef::from(socket))
    }

    fn set(&self, socket: SockRef<'_>) -> io::Result<()> {
        socket.set_tcp_nodelay(self.nodelay)?;
        if let Some(Keepalive { idle, interval, count }) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(count);
            socket.set_tcp_keepalive(&keepalive)?;
        }
        match self.user_timeout {
            None => Ok(()),
            #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
            timeout => socket.set_tcp_user_timeout(timeout),
            #[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Connects, within `timeout` if one is given, and sets the options.
///
/// # Errors
/// Those of the system.
pub fn connect(address: SocketAddr, options: &Options, timeout: Option<Duration>) -> io::Result<TcpStream> {
    let stream = match timeout {
        None => TcpStream::connect(address),
        Some(timeout) => TcpStream::connect_timeout(&address, timeout),
    }?;
    options.apply(&stream)?;
    Ok(stream)
}

/// Listens. The address can be used again at once after a server ended; `[::]` means IPv6 only, so that
/// it never depends on a setting of the system.
///
/// # Errors
/// Those of the system: most often that the port is in use.
pub fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // On Windows the option would let a second server take the port of the first.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
