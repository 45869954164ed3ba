//! `serve`: what all servers have in common; what each does with a client is a [`Service`].
//!
//! One task a connection, on tokio's threads, one for each core. A task that waits costs its state,
//! some KiB, and its two rings, 64 KiB each, allocated when the connection is accepted and never
//! grown: thousands of idle clients take a bounded, known amount of memory, where threads would take a
//! stack each, and a slow client holds up nothing but its own task.
//!
//! All limits are in this file: how many connections in `Doorkeeper`, how long they may take in
//! `Link::new`, how a server stops in `serve`.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringframe::{Checked, Limited};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError, tcp};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use self::files::Files;
use self::mirror::{Answer, Mirror};
use crate::args::{self, Limits, Serve, Server};
use crate::failure::{Code, Failure, is_connection};
use crate::output::{Output, Verbosity};
use crate::transport::{ReadHalf, WriteHalf};
use crate::wire::{DEFAULT_MAX_FRAME, RING};
use crate::{net, runtime, transport};

#[cfg(unix)]
mod exec;
mod files;
mod mirror;
pub(crate) mod proxy;
mod udp;

/// How long replies under way may take once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// How long input is still taken after an error, so that replies already sent are not torn up by a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What a server does with each client.
trait Service: Send + Sync + 'static {
    /// Memory that it holds for each client beside the rings, bytes.
    const MEMORY: usize = 0;

    /// What of it other machines must not reach as long as there is no key.
    fn guarded(&self) -> Option<&'static str> {
        None
    }

    /// Talks with a client until the end.
    fn talk(&self, link: &mut Link) -> impl Future<Output = End> + Send;
}

pub(crate) fn run(args: Serve, output: Output) -> Result<(), Failure> {
    #[cfg(unix)]
    if matches!(args.service, args::Service::Exec(_)) {
        // Before anything is opened here.
        exec::close_inherited()?;
    }
    let runtime = runtime::start(tokio::runtime::Builder::new_multi_thread())?;
    let result = runtime.block_on(async {
        match args.service {
            args::Service::Upper(args) => mirror(Answer::Upper, args, output).await,
            args::Service::Echo(args) => mirror(Answer::Echo, args, output).await,
            args::Service::Reply { text, mirror: args } => {
                mirror(Answer::Text(text.into_bytes()), args, output).await
            }
            #[cfg(unix)]
            args::Service::Exec(exec) => {
                serve(exec::Exec::new(&exec, output).await?, &exec.server, output).await
            }
            args::Service::Files(args) => serve(Files::new(&args, output).await?, &args.server, output).await,
        }
    });
    // A task that did not finish in time is not waited for.
    runtime.shutdown_background();
    result
}

async fn mirror(answer: Answer, args: args::Mirror, output: Output) -> Result<(), Failure> {
    let args::Mirror { udp, server } = args;
    if udp {
        return udp::serve(answer, &server, output).await;
    }
    serve(Mirror::new(answer, &server)?, &server, output).await
}

async fn serve<S: Service>(service: S, server: &Server, output: Output) -> Result<(), Failure> {
    let format = server.wire.format(DEFAULT_MAX_FRAME)?;
    let service = Arc::new(service);
    let limits = &server.limits;
    let listener = net::listen(&server.listen, server.expose, service.guarded(), limits.backlog).await?;
    let mut signals = Signals::new()?;
    let address =
        listener.local_addr().map_err(|error| Failure::new(Code::Other, format!("can't listen: {error}")))?;
    output.result(&format!("listening on {address}"), || json!({ "listening": address.to_string() }))?;
    output.say(Verbosity::Verbose, || {
        let connections = u64::from(limits.max_connections);
        let each = (2 * RING + S::MEMORY) as u64;
        format!(
            "at most {connections} connections with {} of buffers each: {} of buffers",
            bytesize::ByteSize(each),
            bytesize::ByteSize(connections * each)
        )
    });

    // Told to all connections at once: finish what is under way.
    let (stop, stopping) = watch::channel(false);
    let mut door = Doorkeeper::new(limits, output);
    loop {
        tokio::select! {
            accepted = accept(&listener, output) => {
                let (stream, peer) = accepted;
                door.admit(stream, peer, |stream| {
                    let link = Link::new(stream, format, limits, &stopping);
                    let service = Arc::clone(&service);
                    async move { link.run(&*service).await }
                });
            }
            Some(ended) = door.tasks.join_next_with_id() => door.goodbye(ended),
            () = signals.next() => break,
        }
    }
    drop(listener);
    output.say(Verbosity::Verbose, || format!("stopping: {} connections are open", door.tasks.len()));
    let _ = stop.send(true);
    let farewell = async {
        while let Some(ended) = door.tasks.join_next_with_id().await {
            door.goodbye(ended);
        }
    };
    let result = tokio::select! {
        result = timeout(FAREWELL, farewell) => {
            if result.is_err() {
                output.say(Verbosity::Normal, || "some replies were not finished in time".into());
            }
            Ok(())
        }
        () = signals.next() => Err(Failure::interrupted()),
    };
    // What is left behind is dropped here and not by the end of the process: a command is killed then.
    let _ = timeout(LINGER, door.tasks.shutdown()).await;
    result
}

/// The next connection. A failure to accept concerns one connection, or passes once others end.
async fn accept(listener: &TcpListener, output: Output) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_connection(&error) => {}
            Err(error) => {
                output.say(Verbosity::Normal, || format!("can't accept a connection: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// ^C and SIGTERM.
struct Signals {
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
    #[cfg(unix)]
    int: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let cannot = |error| Failure::new(Code::Other, format!("can't handle signals: {error}"));
            Ok(Self {
                term: signal(SignalKind::terminate()).map_err(cannot)?,
                int: signal(SignalKind::interrupt()).map_err(cannot)?,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Knows who is inside, and lets nobody in beyond the limits.
struct Doorkeeper {
    tasks: JoinSet<(SocketAddr, Ended)>,
    /// Where each connection comes from.
    inside: HashMap<task::Id, IpAddr>,
    max_connections: usize,
    max_per_address: u32,
    options: tcp::Options,
    turned_away: u64,
    output: Output,
}

impl Doorkeeper {
    fn new(limits: &Limits, output: Output) -> Self {
        Self {
            tasks: JoinSet::new(),
            inside: HashMap::new(),
            max_connections: limits.max_connections as usize,
            max_per_address: limits.max_per_address,
            options: tcp::Options { keepalive: limits.keepalive.0, ..tcp::Options::default() },
            turned_away: 0,
            output,
        }
    }

    fn admit<F: Future<Output = Ended> + Send + 'static>(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        connection: impl FnOnce(TcpStream) -> F,
    ) {
        let too_many = !peer.ip().is_loopback()
            && self.inside.values().filter(|inside| **inside == peer.ip()).count()
                >= self.max_per_address as usize;
        if too_many || self.tasks.len() >= self.max_connections {
            self.turned_away += 1;
            let count = self.turned_away;
            self.output.say(Verbosity::Verbose, || {
                let why = if too_many { "too many from this address" } else { "too many connections" };
                format!("{peer}: turned away, {why} ({count} so far)")
            });
            return;
        }
        self.output.say(Verbosity::Debug, || format!("{peer}: connected"));
        // Options are a courtesy: a socket that is closed already fails here, and then says so when read.
        let _ = self.options.apply(&stream);
        let connection = connection(stream);
        let task = self.tasks.spawn(async move { (peer, connection.await) });
        self.inside.insert(task.id(), peer.ip());
    }

    fn goodbye(&mut self, ended: Result<(task::Id, (SocketAddr, Ended)), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.inside.remove(&id);
        // An error is a bug of ours, which the panic has reported.
        let Ok((_, (peer, ended))) = ended else { return };
        if self.output.verbosity < Verbosity::Verbose {
            return;
        }
        let Ended { frames, bytes, why, detail } = ended;
        if self.output.json {
            let _ = self.output.result("", || {
                json!({ "peer": peer.to_string(), "frames": frames, "bytes": bytes, "end": why, "detail": detail })
            });
        } else {
            let detail = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            self.output.say(Verbosity::Verbose, || {
                let s = if frames == 1 { "" } else { "s" };
                format!("{peer}: {frames} frame{s}, {bytes} bytes, {why}{detail}")
            });
        }
    }
}

/// What became of a connection.
struct Ended {
    /// Messages that were received whole.
    frames: u64,
    /// The bytes of those and, of a frame larger than a ring, of what came of it.
    bytes: u64,
    why: &'static str,
    detail: Option<String>,
}

/// One client.
struct Link {
    reader: Reader<ReadHalf, Limited<Checked>, Box<[u8]>>,
    writer: Writer<WriteHalf, Limited<Checked>, Box<[u8]>>,
    stopping: watch::Receiver<bool>,
    frames: u64,
    bytes: u64,
}

/// How long a client may take.
fn patience(limits: &Limits) -> Patience {
    Patience { idle: Some(limits.idle), frame: Some(limits.frame_time), bytes_per_second: 64 << 10 }
}

/// Why a connection ends.
enum End {
    /// The client closed its sending direction between frames.
    Closed,
    /// The server stops.
    Stopped,
    Read(ReadError<io::Error>),
    Write(WriteError<io::Error>),
    /// By a reset, which the client is to see as one, too.
    Reset(String),
    /// For a reason that belongs to the service.
    Other {
        why: &'static str,
        detail: String,
    },
}

impl From<ReadError<io::Error>> for End {
    fn from(error: ReadError<io::Error>) -> Self {
        Self::Read(error)
    }
}

impl From<WriteError<io::Error>> for End {
    fn from(error: WriteError<io::Error>) -> Self {
        Self::Write(error)
    }
}

impl Link {
    fn new(
        stream: TcpStream,
        format: Limited<Checked>,
        limits: &Limits,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let (read, write) = stream.into_split();
        let ring = || vec![0; RING].into_boxed_slice();
        let fits = "a ring of 64 KiB holds any header";
        let mut reader = Reader::new(read, ringframe::Decoder::try_new(format, ring()).expect(fits));
        let mut writer = Writer::new(write, ringframe::Encoder::try_new(format, ring()).expect(fits));
        reader.set_patience(patience(limits));
        writer.set_patience(Some(limits.write_time));
        Self { reader, writer, stopping: stopping.clone(), frames: 0, bytes: 0 }
    }

    async fn run<S: Service>(mut self, service: &S) -> Ended {
        let end = service.talk(&mut self).await;
        let (why, detail) = match &end {
            End::Closed => ("closed", None),
            End::Stopped => ("server stopped", None),
            End::Read(error) => describe_read(error),
            End::Write(error) => describe_write(error),
            End::Reset(detail) => ("reset", Some(detail.clone())),
            End::Other { why, detail } => (*why, Some(detail.clone())),
        };
        let (frames, bytes) = (self.frames, self.bytes);
        if let End::Reset(_) = end {
            transport::reset(self.reader.into_inner(), self.writer.into_inner());
            return Ended { frames, bytes, why, detail };
        }
        // Replies to what arrived whole are not lost to what came after it.
        let farewell = match end {
            End::Closed | End::Stopped | End::Read(_) | End::Other { .. } => self.writer.shutdown().await,
            End::Write(_) | End::Reset(_) => Err(WriteError::WriteZero),
        };
        if farewell.is_ok() && !matches!(end, End::Closed) {
            self.linger().await;
        }
        Ended { frames, bytes, why, detail }
    }

    /// Takes and forgets what still comes: closing with unread input would reset the connection, and the
    /// client might never see the replies on their way.
    async fn linger(&mut self) {
        let mut sink = [0; 4096];
        let drain = async { while matches!(self.reader.get_mut().read(&mut sink).await, Ok(1..)) {} };
        let _ = timeout(LINGER, drain).await;
    }
}

/// Why reading ended, in the words of the command line's contract.
fn describe_read(error: &ReadError<io::Error>) -> (&'static str, Option<String>) {
    let why = match error {
        ReadError::Protocol(_) => "broke the protocol",
        ReadError::Truncated(_) => "closed inside a frame",
        ReadError::Idle { .. } => "silent",
        ReadError::TooSlow { .. } => "too slow",
        ReadError::Io(error) => return describe_io(error),
        _ => "failed",
    };
    (why, Some(error.to_string()))
}

fn describe_write(error: &WriteError<io::Error>) -> (&'static str, Option<String>) {
    let why = match error {
        WriteError::Stalled { .. } => "too slow",
        WriteError::WriteZero => "reset",
        WriteError::Io(error) => return describe_io(error),
        _ => "failed",
    };
    (why, Some(error.to_string()))
}

fn describe_io(error: &io::Error) -> (&'static str, Option<String>) {
    let why = match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "reset"
        }
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable => "silent",
        _ => "failed",
    };
    (why, Some(error.to_string()))
}
