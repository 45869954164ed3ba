//! `bench`: how many frames a second come back, and how long each takes.
//!
//! One thread a core, each with its share of the connections, its own clock-work and its own histogram: nothing
//! is shared while measuring but two counters. What happens on a connection is in `link`, what is printed in
//! `report`.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use hdrhistogram::Histogram;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ringframe::{Encoder, Limited, RuntimeFormat};
use ringframe_io::noise::Key;
use tokio::sync::{Barrier, mpsc};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::Instant;

use self::link::{Link, Pattern};
use self::report::Report;
use crate::args::Bench;
use crate::failure::{Code, Failure};
use crate::output::{Output, Verbosity};
use crate::wire::DEFAULT_MAX_FRAME;
use crate::{net, runtime, transport};

mod link;
mod report;

/// The most frames under way: what is remembered of each takes 16 bytes.
const MOST_UNDER_WAY: u64 = 1 << 20;

/// Longer latencies count as this one.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// What is the same for all connections.
struct Plan {
    address: String,
    key: Option<Key>,
    format: Limited<RuntimeFormat>,
    /// Header bytes beside the length field.
    fields: Vec<u8>,
    /// Length of a payload, bytes.
    size: u64,
    /// The same with its header.
    frame: u64,
    connections: u32,
    depth: usize,
    warmup: Duration,
    extent: Extent,
    timeout: Duration,
    pattern: Pattern,
    /// Where the connections wait for each other: before anything is sent, and between warming up and measuring.
    meeting: Barrier,
    /// When measuring began.
    began: OnceLock<Instant>,
    /// Measured so far.
    done: AtomicU64,
}

/// How much is measured.
enum Extent {
    Time(Duration),
    /// So many, and how many of them are not sent yet.
    Count(u64, AtomicU64),
}

impl Plan {
    fn new(args: &Bench) -> Result<Self, Failure> {
        let usage = |why: String| Failure::new(Code::Usage, why);
        let format = args.wire.format(DEFAULT_MAX_FRAME)?;
        let fields = args.wire.wire.fields(None).map_err(usage)?;
        // Everything that could be wrong with the frame, before a peer is troubled.
        let mut probe =
            Encoder::try_new(format, [0; ringframe::MAX_HEADER]).map_err(|error| usage(error.to_string()))?;
        probe
            .announce(&fields, args.size)
            .map_err(|error| usage(format!("--size {}: {error}", args.size)))?;
        let under_way = u64::from(args.connections) * u64::from(args.depth);
        if under_way > MOST_UNDER_WAY {
            return Err(usage(format!(
                "--connections {} and --depth {} make {under_way} frames under way; {MOST_UNDER_WAY} are the most",
                args.connections, args.depth
            )));
        }
        let extent = match args.count {
            Some(count) => Extent::Count(count, AtomicU64::new(count)),
            None => Extent::Time(args.time),
        };
        let usual = if args.count.is_some() { Duration::ZERO } else { Duration::from_millis(500) };
        Ok(Self {
            address: args.address.clone(),
            key: args.key.read()?,
            format,
            fields,
            size: args.size,
            frame: probe.pending().0.len() as u64 + args.size,
            connections: args.connections,
            depth: args.depth as usize,
            warmup: args.warmup.unwrap_or(usual),
            extent,
            timeout: args.timeout,
            pattern: Pattern::new(),
            meeting: Barrier::new(args.connections as usize),
            began: OnceLock::new(),
            done: AtomicU64::new(0),
        })
    }
}

/// What a thread has measured.
struct Tally {
    /// In nanoseconds.
    latencies: Histogram<u64>,
    /// When the last reply came.
    ended: Option<Instant>,
}

impl Tally {
    fn new() -> Self {
        let longest = u64::try_from(LONGEST.as_nanos()).unwrap_or(u64::MAX);
        let latencies = Histogram::new_with_bounds(1, longest, 3).expect("bounds that are known");
        Self { latencies, ended: None }
    }

    fn record(&mut self, latency: Duration, now: Instant) {
        self.latencies.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        self.ended = Some(now);
    }

    fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies).expect("the same bounds");
        self.ended = self.ended.max(other.ended);
    }
}

pub(crate) fn run(args: Bench, output: Output) -> Result<(), Failure> {
    let plan = Arc::new(Plan::new(&args)?);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(plan.connections as usize);
    let (to, tallies) = mpsc::channel(threads);
    for first in 0..threads {
        let (plan, to) = (Arc::clone(&plan), to.clone());
        thread::spawn(move || {
            let result = work(&plan, first, threads);
            let _ = to.blocking_send(result);
        });
    }
    drop(to);
    let tally = runtime::until_interrupted(gather(&plan, threads, tallies, output))?;
    let report = Report::new(&plan, &tally);
    let drawn = args.histogram || io::stdout().is_terminal();
    output.result(&report.text(drawn), || report.json())
}

/// Runs a thread's share of the connections: every `step`th, from `first` on.
fn work(plan: &Arc<Plan>, first: usize, step: usize) -> Result<Tally, Failure> {
    let tally = Rc::new(RefCell::new(Tally::new()));
    let all = async {
        let mut open = Vec::new();
        for number in (0..plan.connections).skip(first).step_by(step) {
            let opened = async {
                let stream = net::connect(&plan.address, plan.timeout).await?;
                transport::begin(stream, plan.key.as_ref(), &plan.address, plan.timeout).await
            };
            let halves = opened.await.map_err(|failure| {
                let (number, of) = (number + 1, plan.connections);
                if of == 1 { failure } else { failure.of(&format!("connection {number} of {of}")) }
            })?;
            open.push((number, halves));
        }
        let mut links = JoinSet::new();
        for (number, halves) in open {
            links.spawn_local(Link::run(Arc::clone(plan), number, halves, Rc::clone(&tally)));
        }
        while let Some(result) = links.join_next().await {
            result.unwrap_or_else(|_| Err(panicked()))?;
        }
        Ok::<(), Failure>(())
    };
    let runtime = runtime::on_this_thread()?;
    LocalSet::new().block_on(&runtime, all)?;
    Ok(Rc::into_inner(tally).map(RefCell::into_inner).expect("all that shared it have ended"))
}

/// What a thread says that ended without a result.
fn panicked() -> Failure {
    Failure::new(Code::Other, "a bug in the benchmark; see above")
}

/// Waits for all threads, or the first failure, and shows how far they are.
async fn gather(
    plan: &Plan,
    threads: usize,
    mut tallies: mpsc::Receiver<Result<Tally, Failure>>,
    output: Output,
) -> Result<Tally, Failure> {
    let bar = bar(plan, output);
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    let mut all = Tally::new();
    let mut missing = threads;
    while missing > 0 {
        tokio::select! {
            result = tallies.recv() => {
                // The rest of the threads end with the process.
                all.add(&result.unwrap_or_else(|| Err(panicked()))?);
                missing -= 1;
            }
            _ = ticks.tick(), if !bar.is_hidden() => show(&bar, plan),
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

/// The live line, on a terminal that can move its cursor.
fn bar(plan: &Plan, output: Output) -> ProgressBar {
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if output.verbosity == Verbosity::Quiet || dumb {
        return ProgressBar::hidden();
    }
    let length = match &plan.extent {
        Extent::Time(time) => millis(*time),
        Extent::Count(count, _) => *count,
    };
    let style =
        ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}").expect("a template that is known");
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.set_style(style);
    bar
}

fn show(bar: &ProgressBar, plan: &Plan) {
    let Some(began) = plan.began.get() else {
        bar.set_message("warming up");
        bar.tick();
        return;
    };
    let (done, elapsed) = (plan.done.load(Relaxed), began.elapsed());
    bar.set_position(match plan.extent {
        Extent::Time(time) => millis(elapsed.min(time)),
        Extent::Count(..) => done,
    });
    bar.set_message(format!("{:.0} round trips/s", done as f64 / elapsed.as_secs_f64()));
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
