//! Pipelined frames over loopback TCP, ours against what else one would write, as ratios of times in one run.
//!
//! `cargo bench -p ringframe-io --all-features` prints all rows, an argument those whose name contains it
//! (`… -- tokio/16`), `--quick` sends less.
//!
//! One sends and one receives, in two threads or two tasks of the same kind of runtime, over a connection of
//! their own. All have buffers of the same size. The receiver looks at each payload, whole in one slice: its
//! length, its first and its last byte. The contenders of a row take turns, and the best round of each
//! counts: a machine's speed drifts.

use std::hint::black_box;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use ringframe::{Event, Limited, formats};
use ringframe_io::std::Incoming;
use ringframe_io::tcp;
use ringframe_io::tokio::codec::Codec;
use tokio_util::codec::{Decoder, Encoder, Framed, LengthDelimitedCodec};

/// Capacity of everybody's buffers, bytes.
const BUFFER: usize = 64 * 1024;

/// Larger than any frame here, bytes.
const LIMIT: u64 = 1 << 20;

/// Frames of any size here, larger than the buffers too.
const FORMAT: Limited<formats::U32Be> = Limited::new(formats::U32_BE, LIMIT);

/// From here on a ratio counts as equal.
const EQUAL: f64 = 0.95;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, Failure>;

/// A contender: what the table calls it, and one round, which answers the sum of what was looked at.
type Contender<'a> = (&'static str, Box<dyn FnMut() -> Result<u64> + 'a>);

/// What a receiver does with a payload.
#[inline(always)]
fn look(payload: &[u8]) -> u64 {
    let ends = payload.first().zip(payload.last()).map_or(0, |(first, last)| u64::from(first ^ last));
    black_box(payload.len() as u64 + ends)
}

/// How much goes over a connection.
#[derive(Clone, Copy)]
struct Load {
    payload: usize,
    frames: usize,
}

impl Load {
    fn payload(self) -> Vec<u8> {
        (0..self.payload).map(|i| i as u8 | 1).collect()
    }

    fn bytes(self) -> usize {
        self.frames * (4 + self.payload)
    }
}

/// Both ends of a connection.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener: TcpListener = tcp::listen(([127, 0, 0, 1], 0).into(), 1)?;
    let near = tcp::connect(listener.local_addr()?, &tcp::Options::default(), None)?;
    let (far, _) = listener.accept()?;
    tcp::Options::default().apply(&far)?;
    Ok((near, far))
}

/// Threads and blocking sockets.
mod blocking {
    use super::*;

    fn round(
        send: impl FnOnce(TcpStream) -> Result<()> + Send + 'static,
        receive: impl FnOnce(TcpStream) -> Result<u64>,
    ) -> Result<u64> {
        let (near, far) = pair()?;
        let sender = thread::spawn(move || send(near));
        let sum = receive(far)?;
        sender.join().map_err(|_| "the sender panicked")??;
        Ok(sum)
    }

    pub(crate) fn ours(load: Load) -> Result<u64> {
        round(move |stream| ours_sends(stream, load), |stream| ours_receives(stream, load))
    }

    #[inline(never)]
    fn ours_sends(stream: TcpStream, load: Load) -> Result<()> {
        let payload = load.payload();
        let mut writer = ringframe_io::std::Writer::with_capacity(stream, FORMAT, BUFFER)?;
        for _ in 0..load.frames {
            writer.push(black_box(&payload))?;
        }
        Ok(writer.flush()?)
    }

    #[inline(never)]
    fn ours_receives(stream: TcpStream, load: Load) -> Result<u64> {
        let mut reader = ringframe_io::std::Reader::with_capacity(stream, FORMAT, BUFFER)?;
        let mut sum = 0;
        if load.payload + 4 <= BUFFER {
            while let Some(frame) = reader.next_frame()? {
                sum += look(frame.payload());
            }
            return Ok(sum);
        }
        let mut whole = Vec::new();
        while let Some(incoming) = reader.next_incoming()? {
            sum += match incoming {
                Incoming::Frame(frame) => look(frame.payload()),
                Incoming::Large(mut payload) => {
                    whole.resize(usize::try_from(payload.left())?, 0);
                    payload.read_exact(&mut whole)?;
                    look(&whole)
                }
            };
        }
        Ok(sum)
    }

    pub(crate) fn by_hand(load: Load) -> Result<u64> {
        round(move |stream| by_hand_sends(stream, load), |stream| by_hand_receives(stream, load))
    }

    #[inline(never)]
    fn by_hand_sends(stream: TcpStream, load: Load) -> Result<()> {
        let payload = load.payload();
        let mut writer = BufWriter::with_capacity(BUFFER, stream);
        for _ in 0..load.frames {
            let payload = black_box(&payload);
            writer.write_all(&u32::try_from(payload.len())?.to_be_bytes())?;
            writer.write_all(payload)?;
        }
        Ok(writer.flush()?)
    }

    #[inline(never)]
    fn by_hand_receives(stream: TcpStream, load: Load) -> Result<u64> {
        let mut reader = BufReader::with_capacity(BUFFER, stream);
        let (mut sum, mut payload) = (0, Vec::new());
        // It knows how many come: telling a clean end from a truncated one is not in `read_exact`.
        for _ in 0..load.frames {
            let mut header = [0; 4];
            reader.read_exact(&mut header)?;
            payload.resize(u32::from_be_bytes(header) as usize, 0);
            reader.read_exact(&mut payload)?;
            sum += look(&payload);
        }
        Ok(sum)
    }
}

/// Tasks of a tokio runtime of two threads.
mod tasks {
    use ringframe_io::noise::Key;
    use ringframe_io::noise::tokio::{accept, connect};
    use tokio::io::{AsyncRead, AsyncWrite};
    use tokio::net::TcpStream;
    use tokio::runtime::Runtime;

    use super::*;

    fn round<S, R>(
        runtime: &Runtime,
        send: impl FnOnce(TcpStream) -> S,
        receive: impl FnOnce(TcpStream) -> R,
    ) -> Result<u64>
    where
        S: Future<Output = Result<()>> + Send + 'static,
        R: Future<Output = Result<u64>> + Send + 'static,
    {
        let (near, far) = pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let _context = runtime.enter();
        let receiver = runtime.spawn(receive(TcpStream::from_std(far)?));
        let sender = runtime.spawn(send(TcpStream::from_std(near)?));
        runtime.block_on(async {
            sender.await??;
            receiver.await?
        })
    }

    pub(crate) fn ours(runtime: &Runtime, load: Load) -> Result<u64> {
        round(runtime, move |stream| ours_sends(stream, load), move |stream| ours_receives(stream, load))
    }

    async fn ours_sends(stream: impl AsyncWrite + Unpin, load: Load) -> Result<()> {
        let payload = load.payload();
        let mut writer = ringframe_io::tokio::Writer::with_capacity(stream, FORMAT, BUFFER)?;
        for _ in 0..load.frames {
            writer.push(black_box(&payload)).await?;
        }
        Ok(writer.close().await?)
    }

    async fn ours_receives(stream: impl AsyncRead + Unpin, load: Load) -> Result<u64> {
        let mut reader = ringframe_io::tokio::Reader::with_capacity(stream, FORMAT, BUFFER)?;
        let mut sum = 0;
        if load.payload + 4 <= BUFFER {
            while let Some(frame) = reader.next_frame().await? {
                sum += look(frame.payload());
            }
            return Ok(sum);
        }
        let mut whole = Vec::new();
        while let Some(event) = reader.next_event().await? {
            match event {
                Event::Frame(frame) => sum += look(frame.payload()),
                Event::Begin { .. } => whole.clear(),
                Event::Data(piece) => whole.extend_from_slice(piece),
                Event::End => sum += look(&whole),
            }
        }
        Ok(sum)
    }

    /// Ours on an authenticated link, its handshake included.
    pub(crate) fn sealed(runtime: &Runtime, load: Load) -> Result<u64> {
        round(
            runtime,
            move |stream| async move {
                let (reads, writes) = stream.into_split();
                let (_reads, writes) = connect(reads, writes, &KEY).await?;
                ours_sends(writes, load).await
            },
            move |stream| async move {
                let (reads, writes) = stream.into_split();
                let (reads, _writes) = accept(reads, writes, &[KEY]).await?;
                ours_receives(reads, load).await
            },
        )
    }

    const KEY: Key = Key::new([7; 32]);

    /// A codec of `Framed`: tokio-util's or ours.
    pub(crate) trait Framing:
        Decoder<Item = BytesMut, Error = io::Error>
        + Encoder<Bytes, Error = io::Error>
        + Unpin
        + Send
        + 'static
    {
    }

    impl<C> Framing for C where
        C: Decoder<Item = BytesMut, Error = io::Error>
            + Encoder<Bytes, Error = io::Error>
            + Unpin
            + Send
            + 'static
    {
    }

    /// As it comes, or with buffers of the size of the others.
    fn framed<C: Framing>(stream: TcpStream, codec: C, tuned: bool) -> Framed<TcpStream, C> {
        if !tuned {
            return Framed::new(stream, codec);
        }
        let mut framed = Framed::with_capacity(stream, codec, BUFFER);
        framed.set_backpressure_boundary(BUFFER);
        framed
    }

    pub(crate) fn framed_round<C: Framing>(
        runtime: &Runtime,
        load: Load,
        codec: fn() -> C,
        tuned: bool,
    ) -> Result<u64> {
        round(
            runtime,
            move |stream| framed_sends(framed(stream, codec(), tuned), load),
            move |stream| framed_receives(framed(stream, codec(), tuned)),
        )
    }

    async fn framed_sends<C: Framing>(mut framed: Framed<TcpStream, C>, load: Load) -> Result<()> {
        let payload = Bytes::from(load.payload());
        for _ in 0..load.frames {
            framed.feed(black_box(&payload).clone()).await?;
        }
        Ok(SinkExt::<Bytes>::close(&mut framed).await?)
    }

    async fn framed_receives<C: Framing>(mut framed: Framed<TcpStream, C>) -> Result<u64> {
        let mut sum = 0;
        while let Some(payload) = framed.next().await {
            sum += look(&payload?);
        }
        Ok(sum)
    }
}

struct Options {
    filters: Vec<String>,
    /// Bytes that a round sends, about.
    bytes: usize,
    rounds: u32,
}

impl Options {
    /// `cargo bench` says `--bench`; `cargo test --benches` doesn't, and then one small round of each is
    /// enough. `None`: the arguments are not understood.
    fn from_args() -> Option<Self> {
        let mut options = Self { filters: Vec::new(), bytes: 1 << 28, rounds: 15 };
        let mut bench = false;
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--bench" => bench = true,
                "--quick" => options.bytes = 1 << 25,
                _ if arg.starts_with('-') => return None,
                _ => options.filters.push(arg),
            }
        }
        if !bench {
            println!("One round of each, to see that they agree: these are no measurements.");
            (options.bytes, options.rounds) = (1 << 18, 1);
        }
        Some(options)
    }

    fn load(&self, payload: usize) -> Load {
        // Small frames take longer than their bytes.
        Load { payload, frames: (self.bytes / (payload + 64)).max(2) }
    }

    fn table(&self, name: &str, rivals: &str, columns: usize) {
        println!("\n### Loopback TCP, {name}\n");
        println!("| payload | ours, frames/s | ours, MB/s | {rivals} | figure to reach | |");
        println!("|---|--:|--:|{}---|---|", "--:|".repeat(columns));
    }

    /// Measures the contenders, ours first, and answers whether ours was as fast as the best of the others.
    fn row(&self, table: &str, load: Load, contenders: &mut [Contender<'_>]) -> Result<bool> {
        let name = format!("{table}/{}", load.payload);
        let Some(best) = self.measure(&name, contenders)? else { return Ok(true) };
        let ours = best[0];
        let ratios: Vec<f64> = best[1..].iter().map(|rival| rival / ours).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let reached = least >= EQUAL;
        let verdict = if reached {
            "reached".to_owned()
        } else {
            format!("**short by {:.0} %**", (1.0 - least) * 100.0)
        };
        let cells: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!(
            "| {name} | {:.0} | {:.0} | {} | never slower | {verdict} |",
            load.frames as f64 / ours,
            load.bytes() as f64 / ours / 1e6,
            cells.join(" | ")
        );
        Ok(reached)
    }

    /// The best time of each contender, seconds; `None`: this row was not asked for.
    fn measure(&self, name: &str, contenders: &mut [Contender<'_>]) -> Result<Option<Vec<f64>>> {
        if !self.filters.is_empty() && !self.filters.iter().any(|filter| name.contains(filter.as_str())) {
            return Ok(None);
        }
        let mut best = vec![f64::INFINITY; contenders.len()];
        for _ in 0..self.rounds {
            let mut sums = Vec::new();
            for ((_, round), best) in contenders.iter_mut().zip(&mut best) {
                let begin = Instant::now();
                sums.push(round()?);
                *best = best.min(begin.elapsed().as_secs_f64());
            }
            if sums.iter().any(|sum| *sum != sums[0]) {
                return Err(format!("{name}: they received different things: {sums:?}").into());
            }
        }
        Ok(Some(best))
    }
}

fn run(options: &Options) -> Result<()> {
    // The last is a frame that goes past the buffer.
    const PAYLOADS: [usize; 4] = [16, 1024, 16 * 1024, BUFFER];
    let mut short = 0;

    options.table("threads", "BufReader and BufWriter by hand", 1);
    for payload in PAYLOADS {
        let load = options.load(payload);
        let mut contenders: [Contender<'_>; 2] =
            [("ours", Box::new(|| blocking::ours(load))), ("by hand", Box::new(|| blocking::by_hand(load)))];
        short += u32::from(!options.row("std", load, &mut contenders)?);
    }

    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    options.table("tokio tasks", "tokio-util `Framed` | with buffers as large", 2);
    for payload in PAYLOADS {
        let load = options.load(payload);
        let mut contenders: [Contender<'_>; 3] = [
            ("ours", Box::new(|| tasks::ours(&runtime, load))),
            ("framed", Box::new(|| tasks::framed_round(&runtime, load, LengthDelimitedCodec::new, false))),
            (
                "framed, tuned",
                Box::new(|| tasks::framed_round(&runtime, load, LengthDelimitedCodec::new, true)),
            ),
        ];
        short += u32::from(!options.row("tokio", load, &mut contenders)?);
    }

    let ours = || Codec::new(formats::U32_BE);
    for (table, name, tuned) in [
        ("framed", "`Framed` with our `Codec`, as it comes", false),
        ("framed-tuned", "the same with buffers of 64 KiB", true),
    ] {
        options.table(name, "`LengthDelimitedCodec`", 1);
        for payload in [16, 64, 1024, 16 * 1024, BUFFER] {
            let load = options.load(payload);
            let mut contenders: [Contender<'_>; 2] = [
                ("ours", Box::new(|| tasks::framed_round(&runtime, load, ours, tuned))),
                (
                    "theirs",
                    Box::new(|| tasks::framed_round(&runtime, load, LengthDelimitedCodec::new, tuned)),
                ),
            ];
            short += u32::from(!options.row(table, load, &mut contenders)?);
        }
    }

    println!("\n### Loopback TCP, tokio tasks: an authenticated link, against a plain connection\n");
    println!("| payload | link, MB/s | plain, MB/s | ratio |\n|---|--:|--:|--:|");
    for payload in PAYLOADS {
        let load = options.load(payload);
        let name = format!("link/{payload}");
        let mut contenders: [Contender<'_>; 2] = [
            ("link", Box::new(|| tasks::sealed(&runtime, load))),
            ("plain", Box::new(|| tasks::ours(&runtime, load))),
        ];
        if let Some(best) = options.measure(&name, &mut contenders)? {
            let speed = |seconds: f64| load.bytes() as f64 / seconds / 1e6;
            let (link, plain) = (speed(best[0]), speed(best[1]));
            println!("| {name} | {link:.0} | {plain:.0} | {:.2} |", link / plain);
        }
    }
    println!("\n{short} short.");
    Ok(())
}

fn main() -> ExitCode {
    let Some(options) = Options::from_args() else {
        eprintln!("usage: cargo bench -p ringframe-io --all-features -- [--quick] [part of a row's name]…");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
