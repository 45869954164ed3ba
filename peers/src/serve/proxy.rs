//! `proxy`: passes connections on, byte for byte, and shows the frames in them as `inspect` would.
//!
//! A direction is a buffer, from which bytes go on as soon as the other side takes them; while it does not, nothing more is
//! read. What is shown follows by itself: where the bytes stop being frames, that is said, and they still go on. Lines are
//! printed by a thread of its own, behind a queue of a fixed length, so that a reader who is slow slows the connections
//! down, as in any pipeline, but does not keep the program from stopping.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::budget::Needs;
use super::{End, LINGER, Link, Service, on_threads, serve};
use crate::args::{self, Server};
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::view::{PENDING, Sink, View};
use crate::wire::RING;
use crate::{net, transport};

/// Bytes of a direction that may be under way.
const BUFFER: usize = 64 << 10;

/// How many pieces of text may wait to be printed.
const QUEUE: usize = 16;

/// How long the upstream may take to answer.
const CONNECT: Duration = Duration::from_secs(10);

pub(crate) fn run(args: args::Proxy, output: Output) -> Result<(), Failure> {
    // A format that can't be is better known at the start.
    args.wire.format(u64::MAX)?;
    let args::Proxy { listen, upstream, expose, chaos, view, skip, wire, limits } = args;
    let server = Server { listen, expose, keys: args::ServerKeys::default(), wire: wire.clone(), limits };
    on_threads(async {
        let (lines, mut printed) = printer();
        let proxy = Proxy {
            upstream,
            server: server.clone(),
            chaos,
            view,
            skip,
            output,
            lines,
            connections: AtomicU64::new(0),
        };
        tokio::select! {
            result = serve(proxy, &server, output) => {
                // What was shown is printed, unless nobody takes it.
                let _ = timeout(LINGER, printed).await;
                result
            }
            // Standard output can't be written.
            Ok(failure) = &mut printed => Err(failure),
        }
    })
}

/// A thread that prints; the other end says why it stopped, unless it was by the end of the queue.
fn printer() -> (mpsc::Sender<Vec<u8>>, oneshot::Receiver<Failure>) {
    let (lines, mut queue) = mpsc::channel::<Vec<u8>>(QUEUE);
    let (stopped, printed) = oneshot::channel();
    thread::spawn(move || {
        while let Some(text) = queue.blocking_recv() {
            let mut out = io::stdout().lock();
            if let Err(error) = out.write_all(&text).and_then(|()| out.flush()) {
                let _ = stopped.send(Failure::stdout(error));
                return;
            }
        }
    });
    (lines, printed)
}

struct Proxy {
    upstream: String,
    server: Server,
    chaos: Option<u64>,
    view: args::ViewArgs,
    /// The length of a client's preamble, bytes.
    skip: u64,
    output: Output,
    lines: mpsc::Sender<Vec<u8>>,
    /// How many there were.
    connections: AtomicU64,
}

impl Service for Proxy {
    /// A buffer and a view's ring for each direction; the connection to the server.
    const EACH_NEEDS: Needs = Needs { memory: 2 * (BUFFER + RING), files: 1 };

    async fn talk(&self, link: &mut Link) -> End {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let connected = tokio::select! {
            connected = net::connect(&self.upstream, CONNECT) => connected,
            // Nothing is under way yet.
            _ = link.stopping.wait_for(|stop| *stop) => return End::Stopped,
        };
        let stream = match connected {
            Ok(stream) => stream,
            Err(failure) => {
                let detail = failure.message().unwrap_or_default().to_owned();
                output::complain(&detail);
                return End::Reset(detail);
            }
        };
        let limits = &self.server.limits;
        net::keep_alive(&stream, limits.keepalive, limits.write_time);
        match self.pass_on(link, stream, number).await {
            Ok(()) if *link.stopping.borrow() => End::Stopped,
            Ok(()) => End::Closed,
            Err(end) => end,
        }
    }
}

impl Proxy {
    async fn pass_on(
        &self,
        link: &mut Link,
        upstream: tokio::net::TcpStream,
        number: u64,
    ) -> Result<(), End> {
        let client = link.reader.get_ref().peer_addr().map_err(broken)?;
        let server = upstream.peer_addr().map_err(broken)?;
        let (mut from_server, mut to_server) = transport::plain(upstream);
        let moved = Mutex::new(Instant::now());
        let mut chaos = self.chaos.map(|seed| Chaos::pair(seed, number));
        let [there, back] = [(client, server, self.skip), (server, client, 0)].map(|(from, to, skip)| {
            let chaos = chaos.as_mut().and_then(Iterator::next);
            Direction::new(self, format!("{from} > {to}"), skip, chaos, link.stopping.clone(), &moved)
        });
        let (mut there, mut back) = (there?, back?);
        let idle = self.server.limits.idle;
        let result = tokio::select! {
            result = async {
                tokio::try_join!(
                    there.pass(link.reader.get_mut(), &mut to_server),
                    back.pass(&mut from_server, link.writer.get_mut()),
                )
            } => result.map(|_| ()),
            () = silence(&moved, idle) => Err(End::Other {
                why: "silent",
                detail: format!("no byte moved within {}", humantime::format_duration(idle)),
            }),
        };
        for direction in [&there, &back] {
            link.frames += direction.frames;
            link.bytes += direction.bytes;
        }
        if let Err(End::Reset(_)) = &result {
            // As the one side ended, so does the other.
            transport::reset(from_server, to_server);
        }
        result
    }
}

fn broken(error: io::Error) -> End {
    End::Reset(error.to_string())
}

/// Waits until no byte has moved for so long.
async fn silence(moved: &Mutex<Instant>, idle: Duration) {
    loop {
        let until = *moved.lock().unwrap_or_else(PoisonError::into_inner) + idle;
        if until <= Instant::now() {
            return;
        }
        sleep_until(until).await;
    }
}

/// One direction of a connection.
struct Direction<'p> {
    proxy: &'p Proxy,
    /// None once the bytes were no frames.
    view: Option<View>,
    sink: Sink,
    chaos: Option<Chaos>,
    stopping: watch::Receiver<bool>,
    moved: &'p Mutex<Instant>,
    frames: u64,
    bytes: u64,
}

impl<'p> Direction<'p> {
    fn new(
        proxy: &'p Proxy,
        name: String,
        skip: u64,
        chaos: Option<Chaos>,
        stopping: watch::Receiver<bool>,
        moved: &'p Mutex<Instant>,
    ) -> Result<Self, End> {
        let format = proxy.server.wire.format(u64::MAX);
        let view = format.and_then(|format| View::of_stream(name, format, skip));
        let view = view.map_err(|failure| End::Other {
            why: "failed",
            detail: failure.message().unwrap_or_default().to_owned(),
        })?;
        let sink = Sink::new(proxy.view, proxy.output);
        Ok(Self { proxy, view: Some(view), sink, chaos, stopping, moved, frames: 0, bytes: 0 })
    }

    /// Passes on what comes until its end, and then the end.
    async fn pass(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), End> {
        let mut buffer = vec![0; BUFFER];
        let mut have = 0;
        let mut ended = false;
        while !ended || have > 0 {
            let piece = self.chaos.as_mut().map_or(Piece::AT_ONCE, Chaos::next);
            let mut left = piece.size;
            while left > 0 && (!ended || have > 0) {
                let mut patience = None;
                while have < left.min(BUFFER) && !ended {
                    let n = if have == 0 {
                        tokio::select! {
                            biased;
                            n = from.read(&mut buffer) => n,
                            // Between frames, and with nothing on its way.
                            _ = self.stopping.wait_for(|stop| *stop), if self.may_stop() => Ok(0),
                        }
                    } else if piece.hold.is_zero() {
                        break;
                    } else {
                        let patience = *patience.get_or_insert_with(|| Instant::now() + piece.hold);
                        match timeout_at(patience, from.read(&mut buffer[have..])).await {
                            Ok(n) => n,
                            Err(_) => break,
                        }
                    };
                    let n = n.map_err(broken)?;
                    ended = n == 0;
                    self.show(&buffer[have..have + n]).await;
                    have += n;
                }
                if have > 0 {
                    if !piece.delay.is_zero() {
                        sleep(piece.delay).await;
                    }
                    let n = left.min(have);
                    self.write(to, &buffer[..n]).await?;
                    buffer.copy_within(n..have, 0);
                    have -= n;
                    left -= n;
                }
            }
        }
        // An end inside a frame. There is nothing behind it to go on.
        if let Some(Err(failure)) = self.view.take().map(|mut view| view.end()) {
            failure.message().map(output::complain);
        }
        to.shutdown().await.map_err(broken)
    }

    fn may_stop(&self) -> bool {
        self.view.as_ref().is_none_or(View::is_between_frames)
    }

    /// Shows the frames that these bytes complete.
    async fn show(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let Some(view) = &mut self.view else { return };
        let shown = loop {
            let more = view.next(&mut bytes, &mut self.sink);
            let pending = self.sink.text.len();
            if pending >= PENDING || (pending > 0 && !matches!(more, Ok(true))) {
                // It fails where nobody prints any more, and the program ends.
                let _ = self.proxy.lines.send(std::mem::take(&mut self.sink.text)).await;
            }
            match more {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(failure) => break Err(failure),
            }
        };
        self.frames = view.frames();
        if let Err(failure) = shown {
            self.give_up(&failure);
        }
    }

    /// What comes is no frame: from here on it only goes on.
    fn give_up(&mut self, failure: &Failure) {
        self.view = None;
        if let Some(why) = failure.message() {
            output::complain(&format!("{why} (what follows goes on and is not shown)"));
        }
    }

    async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin), mut bytes: &[u8]) -> Result<(), End> {
        let patience = self.proxy.server.limits.write_time;
        while !bytes.is_empty() {
            let Ok(written) = timeout(patience, to.write(bytes)).await else {
                let detail = format!("no byte was taken within {}", humantime::format_duration(patience));
                return Err(End::Other { why: "too slow", detail });
            };
            let n = written.map_err(broken)?;
            bytes = &bytes[n..];
            *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        // Not every transport sends at once what it has taken.
        to.flush().await.map_err(broken)
    }
}

/// How the next bytes go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// No write crosses the end of this many bytes.
    size: usize,
    /// How long it may wait for more, to be written at once.
    hold: Duration,
    /// How long it waits, then, whatever is there.
    delay: Duration,
}

impl Piece {
    /// Everything as it comes.
    const AT_ONCE: Self = Self { size: usize::MAX, hold: Duration::ZERO, delay: Duration::ZERO };
}

/// Splits, merges and delays, by a sequence that its seed alone decides.
#[derive(Debug)]
struct Chaos(Rng);

impl Chaos {
    /// One for each direction of the connection of that number.
    fn pair(seed: u64, number: u64) -> impl Iterator<Item = Self> {
        // Neighbouring numbers must not give neighbouring states.
        let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        std::iter::repeat_with(move || Self(rng.fork()))
    }

    fn next(&mut self) -> Piece {
        let rng = &mut self.0;
        // Some bytes, some packets, or many: cuts inside of headers, of frames, and between many frames.
        let size = match rng.u8(..10) {
            0..3 => rng.usize(1..=8),
            3..7 => rng.usize(1..=1500),
            _ => rng.usize(1..=BUFFER),
        };
        let millis = |rng: &mut Rng, most| Duration::from_millis(rng.u64(1..=most));
        let hold = if rng.u8(..4) == 0 { millis(rng, 5) } else { Duration::ZERO };
        let delay = match rng.u8(..20) {
            0 => millis(rng, 10),
            1..4 => millis(rng, 1),
            _ => Duration::ZERO,
        };
        Piece { size, hold, delay }
    }
}

#[cfg(test)]
mod tests {
    use super::{BUFFER, Chaos, Piece};

    fn pieces(seed: u64, number: u64, direction: usize) -> Vec<Piece> {
        let mut chaos = Chaos::pair(seed, number).nth(direction).unwrap();
        (0..1000).map(|_| chaos.next()).collect()
    }

    #[test]
    fn the_same_seed_does_the_same() {
        for (seed, number, direction) in [(0, 0, 0), (42, 1, 1), (u64::MAX, 7, 0)] {
            assert_eq!(pieces(seed, number, direction), pieces(seed, number, direction));
        }
        let one = pieces(42, 0, 0);
        for other in [pieces(43, 0, 0), pieces(42, 1, 0), pieces(42, 0, 1)] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn there_is_some_of_everything() {
        let pieces = pieces(1, 0, 0);
        assert!(pieces.iter().all(|piece| (1..=BUFFER).contains(&piece.size)));
        for wanted in [
            |piece: &Piece| piece.size == 1,
            |piece: &Piece| piece.size > BUFFER / 2,
            |piece: &Piece| piece.hold.is_zero(),
            |piece: &Piece| !piece.hold.is_zero(),
            |piece: &Piece| !piece.delay.is_zero(),
        ] {
            assert!(pieces.iter().any(wanted));
        }
    }
}
