//! `serve`: what all servers have in common; what each does with a client is a [`Service`].
//!
//! One task a connection, on tokio's threads, one for each core. A task that waits costs its state,
//! some KiB, and its two rings, 64 KiB each, allocated when the connection is accepted and never
//! grown: thousands of idle clients take a bounded, known amount of memory, where threads would take a
//! stack each, and a slow client holds up nothing but its own task.
//!
//! All limits are kept here, for every service: how many connections in `Doorkeeper`, how long they may take in
//! `Link::open`, how a server stops in `serve`. What they come to in memory and in open files is in `budget`.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ringframe::{Limited, RuntimeFormat};
use ringframe_io::noise::{self, Key};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError, tcp};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep, timeout};

use self::budget::{Memory, Needs};
use self::files::Files;
use self::mirror::{Answer, Mirror};
use crate::args::{self, Limits, Serve, Server};
use crate::ending::{self, Ending, link_error};
use crate::failure::{Code, Failure, is_connection};
use crate::output::{Output, Verbosity};
use crate::text::count;
use crate::transport::{ReadHalf, WriteHalf};
use crate::wire::{DEFAULT_MAX_FRAME, RING};
use crate::{key, net, runtime, transport};

mod budget;
#[cfg(unix)]
mod exec;
mod files;
mod mirror;
pub(crate) mod proxy;
mod udp;

/// How long replies under way may take once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Longer than any server runs.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// How often is said that connections can't be accepted, as long as that is so.
const COMPLAINT: Duration = Duration::from_secs(10);

/// How long input is still taken after an error, so that replies already sent are not torn up by a reset.
const LINGER: Duration = Duration::from_secs(1);

/// What a server does with each client.
trait Service: Send + Sync + 'static {
    /// What it needs for each client beside the rings, the task and the socket.
    const EACH_NEEDS: Needs = Needs::NOTHING;

    /// What it needs however many clients there are.
    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

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
    on_threads(async {
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
    })
}

/// Runs a server on tokio's threads, until it stops.
fn on_threads(server: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.thread_keep_alive(FOR_EVER);
    let runtime = runtime::start(builder)?;
    let result = runtime.block_on(async {
        // A first thread for work that blocks, which stays: where the system has no more of them, work waits for it.
        let _ = spawn_blocking(|| ()).await;
        server.await
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
    let keys: Arc<[Key]> = key::read_all(&server.keys.key_file)?.into();
    let handshake_time = server.keys.handshake_time;
    // Who has a key may do what the service does, wherever he is.
    let guarded = if keys.is_empty() { service.guarded() } else { None };
    let listener = net::listen(&server.listen, server.expose, guarded, limits.backlog).await?;
    let mut signals = Signals::new()?;
    let address =
        listener.local_addr().map_err(|error| Failure::new(Code::Other, format!("can't listen: {error}")))?;
    output.result(&format!("listening on {address}"), || json!({ "listening": address.to_string() }))?;
    let max_connections = budget::connections(limits, &*service, output);

    // Told to all connections at once: finish what is under way.
    let (stop, stopping) = watch::channel(false);
    let connection = |stream| {
        let (service, keys) = (Arc::clone(&service), Arc::clone(&keys));
        let (limits, stopping) = (limits.clone(), stopping.clone());
        async move {
            match Link::open(stream, &keys, handshake_time, format, &limits, stopping).await {
                Ok(link) => link.run(&*service).await,
                Err(ended) => ended,
            }
        }
    };
    output.say(Verbosity::Verbose, || {
        let sealed = if keys.is_empty() { 0 } else { noise::tokio::MEMORY_PER_LINK };
        Memory::of(&*service, max_connections, size_of_result(&connection) + sealed).to_string()
    });

    let mut listener = Listener { listener, complained: None, output };
    let mut door = Doorkeeper::new(max_connections, limits, output);
    // An end by a signal is one in order; nobody to print for is the other reason to stop.
    let mut result = Ok(());
    while result.is_ok() {
        tokio::select! {
            biased;
            () = signals.next() => break,
            // Who is gone makes room for who comes.
            Some(ended) = door.tasks.join_next_with_id() => result = door.goodbye(ended),
            (stream, peer) = listener.accept() => result = door.admit(stream, peer, connection),
        }
    }
    drop(listener);
    output.say(Verbosity::Verbose, || format!("stopping: {} open", door.count()));
    let _ = stop.send(true);
    tokio::select! {
        finished = timeout(FAREWELL, door.empty()) => {
            if finished.is_err() {
                output.say(Verbosity::Normal, || {
                    format!("{} closed with replies that were not finished in time", door.count())
                });
            }
        }
        () = signals.next() => result = Err(Failure::interrupted()),
    }
    drop(stop);
    // Those who are not gone yet are dropped here and not by the end of the process: a command is killed then.
    if timeout(LINGER, door.empty()).await.is_err() {
        let _ = timeout(LINGER, door.tasks.shutdown()).await;
    }
    result.and(door.close())
}

/// How large what a function answers is, bytes: the state of a task.
fn size_of_result<A, R>(_: &impl Fn(A) -> R) -> usize {
    size_of::<R>()
}

/// Takes connections as they come.
struct Listener {
    listener: TcpListener,
    /// When it was last said that none can be taken.
    complained: Option<Instant>,
    output: Output,
}

impl Listener {
    /// The next connection. A failure to accept concerns one connection, or passes once others end.
    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_connection(&error) => {}
                Err(error) => {
                    if self.complained.is_none_or(|complained| complained.elapsed() >= COMPLAINT) {
                        self.complained = Some(Instant::now());
                        self.output.say(Verbosity::Normal, || {
                            format!(
                                "can't accept connections: {error}; those that come wait until others end"
                            )
                        });
                    }
                    sleep(Duration::from_millis(100)).await;
                }
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
    admitted: u64,
    turned_away: u64,
    output: Output,
}

impl Doorkeeper {
    fn new(max_connections: u32, limits: &Limits, output: Output) -> Self {
        Self {
            tasks: JoinSet::new(),
            inside: HashMap::new(),
            max_connections: max_connections as usize,
            max_per_address: limits.max_per_address,
            options: limits.keepalive.options(limits.write_time),
            admitted: 0,
            turned_away: 0,
            output,
        }
    }

    fn admit<F: Future<Output = Ended> + Send + 'static>(
        &mut self,
        stream: TcpStream,
        peer: SocketAddr,
        connection: impl FnOnce(TcpStream) -> F,
    ) -> Result<(), Failure> {
        let too_many = !peer.ip().is_loopback()
            && self.inside.values().filter(|inside| **inside == peer.ip()).count()
                >= self.max_per_address as usize;
        if too_many || self.tasks.len() >= self.max_connections {
            // First of all, whatever becomes of what is said.
            drop(stream);
            self.turned_away += 1;
            let why = if too_many { "too many from this address" } else { "too many connections" };
            let ended = Ended { frames: 0, bytes: 0, why: "turned away", detail: Some(why.into()) };
            return self.tell(peer, &ended, || {
                format!("{peer}: {}, {why} ({} so far)", ended.why, self.turned_away)
            });
        }
        self.output.say(Verbosity::Debug, || format!("{peer}: connected"));
        // Options are a courtesy: a socket that is closed already fails here, and then says so when read.
        let _ = self.options.apply(&stream);
        net::keep_unsent_short(&stream);
        let connection = connection(stream);
        let task = self.tasks.spawn(async move { (peer, connection.await) });
        self.inside.insert(task.id(), peer.ip());
        self.admitted += 1;
        Ok(())
    }

    fn goodbye(&mut self, ended: Result<(task::Id, (SocketAddr, Ended)), JoinError>) -> Result<(), Failure> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        self.inside.remove(&id);
        // An error is a bug of ours, which the panic has reported.
        let Ok((_, (peer, ended))) = ended else { return Ok(()) };
        self.tell(peer, &ended, || {
            let Ended { frames, bytes, why, detail } = &ended;
            let detail = detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
            format!("{peer}: {}, {bytes} bytes, {why}{detail}", count(*frames, "frame"))
        })
    }

    /// How many are inside, in words.
    fn count(&self) -> String {
        count(self.tasks.len() as u64, "connection")
    }

    /// Waits until all are gone.
    async fn empty(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            // Whether or not anybody can be told any more.
            let _ = self.goodbye(ended);
        }
    }

    /// With `-v`, what became of a connection: in words, or as JSON.
    fn tell(&self, peer: SocketAddr, ended: &Ended, words: impl FnOnce() -> String) -> Result<(), Failure> {
        let Ended { frames, bytes, why, detail } = ended;
        self.output.event(Verbosity::Verbose, words, || {
            json!({ "peer": peer.to_string(), "frames": frames, "bytes": bytes, "end": why, "detail": detail })
        })
    }

    /// With `-v`, how many there were.
    fn close(&self) -> Result<(), Failure> {
        let Self { admitted, turned_away, .. } = self;
        self.output.event(
            Verbosity::Verbose,
            || format!("stopped: {} served, {turned_away} turned away", count(*admitted, "connection")),
            || json!({ "served": admitted, "turned_away": turned_away }),
        )
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
    reader: Reader<ReadHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    writer: Writer<WriteHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    stopping: watch::Receiver<bool>,
    frames: u64,
    bytes: u64,
}

/// How long a client may take.
fn patience(limits: &Limits) -> Patience {
    Patience::ENDLESS.with_idle(limits.idle).with_frame(limits.frame_time).with_bytes_per_second(64 << 10)
}

/// Why a connection ends.
enum End {
    /// The client closed its sending direction between frames.
    Closed,
    /// The server stops, between replies.
    Stopped,
    /// The server stops, and does not wait any longer.
    Cut,
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
    /// Where there are keys, a client proves that it has one of them before anything else.
    async fn open(
        stream: TcpStream,
        keys: &[Key],
        handshake_time: Duration,
        format: Limited<RuntimeFormat>,
        limits: &Limits,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<Self, Ended> {
        let ended = |why, detail| Ended { frames: 0, bytes: 0, why, detail };
        let failed = |detail: String| ended("handshake failed", Some(detail));
        let (read, write) = tokio::select! {
            biased;
            result = timeout(handshake_time, transport::accept(stream, keys)) => result
                .map_err(|_| failed(format!("it was not complete within {handshake_time:?}")))?
                .map_err(|error| failed(error.to_string()))?,
            _ = stopping.wait_for(|stop| *stop) => return Err(ended("server stopped", None)),
        };
        let ring = || vec![0; RING].into_boxed_slice();
        let fits = "a ring of 64 KiB holds any header";
        let mut reader = Reader::new(read, ringframe::Decoder::try_new(format, ring()).expect(fits));
        let mut writer = Writer::new(write, ringframe::Encoder::try_new(format, ring()).expect(fits));
        reader.set_patience(patience(limits));
        writer.set_write_patience_by_progress(Some(limits.write_time));
        Ok(Self { reader, writer, stopping, frames: 0, bytes: 0 })
    }

    async fn run<S: Service>(mut self, service: &S) -> Ended {
        let mut stopping = self.stopping.clone();
        // Who tells it to stop is gone once there is no more time.
        let cut = async move { while stopping.changed().await.is_ok() {} };
        let end = tokio::select! {
            end = service.talk(&mut self) => end,
            () = cut => End::Cut,
        };
        let Self { reader, mut writer, frames, bytes, .. } = self;
        let (why, detail) = match &end {
            End::Closed => (Ending::Closed.word(), None),
            End::Stopped => ("server stopped", None),
            End::Read(error) => describe(ending::of(error)),
            End::Write(error) => describe(ending::of(error)),
            End::Cut => ("server stopped", Some("before a reply was finished".into())),
            End::Reset(detail) => (Ending::Reset.word(), Some(detail.clone())),
            End::Other { why, detail } => (*why, Some(detail.clone())),
        };
        let ended = Ended { frames, bytes, why, detail };
        if let End::Reset(_) = end {
            transport::reset(reader.into_parts().0, writer.into_parts().0);
            return ended;
        }
        // Replies to what arrived whole are not lost to what came after it.
        let farewell = match &end {
            // Somebody is in between, or was: the client is not told that this end is one that we mean.
            End::Read(ReadError::Io(error) | ReadError::CutOff(error)) if link_error(error).is_some() => {
                let flushed = writer.flush().await;
                drop(writer);
                flushed
            }
            End::Closed | End::Stopped | End::Read(_) | End::Other { .. } => writer.close().await,
            End::Write(_) | End::Cut | End::Reset(_) => Err(WriteError::WriteZero),
        };
        if farewell.is_ok() && !matches!(end, End::Closed) {
            // Closing with unread input would reset the connection, and the client might never see the replies on
            // their way.
            let _ = timeout(LINGER, reader.get_ref().drain()).await;
        }
        ended
    }
}

fn describe((ending, said): (Ending, String)) -> (&'static str, Option<String>) {
    (ending.word(), Some(said))
}
