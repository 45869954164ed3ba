//! The figures to reach: ours against its rivals, as ratios of times in one run.
//!
//! `cargo bench -p ringframe` prints all rows, an argument those whose name contains it
//! (`cargo bench -p ringframe -- decode/64/`), `--quick` measures less long.
//!
//! A harness of its own, because what is wanted is a ratio, and criterion measures one contender after
//! the other and then compares with the run before: a machine whose speed drifts in between, as a shared one
//! does, spoils that. Here the contenders of a row take turns (A B C A B C …), and the best of each one's
//! rounds counts.

mod contenders;

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use contenders::{STORE, STREAM, decode, encode, frame_len, read, stream};

/// From here on a ratio counts as equal.
const EQUAL: f64 = 0.95;

struct Options {
    filters: Vec<String>,
    /// Length of a round, at least.
    round: Duration,
    rounds: u32,
}

impl Options {
    /// `cargo bench` says `--bench`; `cargo test --benches` doesn't, and then one pass of each is enough.
    fn from_args() -> Self {
        let mut options = Self { filters: Vec::new(), round: Duration::from_millis(30), rounds: 5 };
        let mut bench = false;
        for arg in std::env::args().skip(1) {
            match arg.as_str() {
                "--bench" => bench = true,
                "--quick" => options.round = Duration::from_millis(4),
                _ if arg.starts_with('-') => {
                    eprintln!("usage: cargo bench -p ringframe -- [--quick] [part of a row's name]…");
                    std::process::exit(2);
                }
                _ => options.filters.push(arg),
            }
        }
        if !bench {
            println!("One pass of each, to see that they agree: these are no measurements.");
            (options.round, options.rounds) = (Duration::ZERO, 1);
        }
        options
    }

    fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| name.contains(filter.as_str()))
    }
}

type Pass<'a> = Box<dyn FnMut() -> u64 + 'a>;

/// A contender: what the table calls it, and one pass of its work.
type Contender<'a> = (&'static str, Pass<'a>);

/// One line of a table.
struct Row<'a> {
    name: String,
    /// Frames and bytes on the wire, of one pass.
    frames: usize,
    bytes: usize,
    ours: Pass<'a>,
    rivals: Vec<Contender<'a>>,
    /// Whether all passes answer the same sum.
    same: bool,
    /// What is to be reached against which rival; `None` is the best of them.
    figures: Vec<(Option<&'static str>, f64)>,
}

/// The table under way, and what was reached so far.
struct Report {
    options: Options,
    /// Heading of a table that has no row yet.
    heading: String,
    reached: u32,
    short: Vec<String>,
}

impl Report {
    /// Begins a table, which is printed with its first row.
    fn table(&mut self, title: &str, rivals: &[&str]) {
        self.heading = format!(
            "\n### {title}\n\n\
            | row | ours, ns a frame | ours, MB/s | {} | figure to reach | |\n\
            |---|--:|--:|{}---|---|",
            rivals.join(" | "),
            "--:|".repeat(rivals.len())
        );
    }

    fn row(&mut self, mut row: Row<'_>) {
        let times = self.measure(&mut row);
        let (ours, rivals) = times.split_first().expect("ours is the first");
        let ratios: Vec<f64> = rivals.iter().map(|rival| rival / ours).collect();
        let mut wanted = Vec::new();
        let mut verdicts = Vec::new();
        for &(rival, figure) in &row.figures {
            let ratio = row
                .rivals
                .iter()
                .zip(&ratios)
                .filter(|((name, _), _)| rival.is_none_or(|rival| rival == *name))
                .fold(f64::INFINITY, |least, (_, &ratio)| least.min(ratio));
            let against = rival.unwrap_or("the best");
            let least = if figure == 1.0 { EQUAL } else { figure };
            wanted.push(format!("{figure} × {against}"));
            if ratio >= least {
                self.reached += 1;
                verdicts.push("reached".to_owned());
            } else {
                let verdict = format!("**short by {:.0} %**", ((1.0 - ratio / figure) * 100.0).ceil());
                self.short.push(format!("{}: {ratio:.2}, wanted {figure} × {against}", row.name));
                verdicts.push(verdict);
            }
        }
        if !self.heading.is_empty() {
            println!("{}", std::mem::take(&mut self.heading));
        }
        let ratios: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect();
        println!(
            "| {} | {:.2} | {:.0} | {} | {} | {} |",
            row.name,
            ours * 1e9 / row.frames as f64,
            row.bytes as f64 / ours / 1e6,
            ratios.join(" | "),
            wanted.join("; "),
            verdicts.join("; "),
        );
        // Through a pipe too, a row appears when it is measured.
        std::io::stdout().flush().expect("standard output");
    }

    /// The best time of a pass, in seconds, of ours and then of each rival.
    fn measure(&self, row: &mut Row<'_>) -> Vec<f64> {
        let mut passes: Vec<&mut Pass<'_>> = vec![&mut row.ours];
        passes.extend(row.rivals.iter_mut().map(|(_, pass)| pass));

        let sums: Vec<u64> = passes.iter_mut().map(|pass| pass()).collect();
        if row.same {
            assert!(sums.iter().all(|sum| *sum == sums[0]), "{}: the sums differ: {sums:?}", row.name);
        }
        let repeats: Vec<u32> = passes.iter_mut().map(|pass| self.calibrate(pass)).collect();
        let mut best = vec![f64::INFINITY; passes.len()];
        for _ in 0..self.options.rounds {
            for ((pass, &repeats), best) in passes.iter_mut().zip(&repeats).zip(&mut best) {
                let begin = Instant::now();
                for _ in 0..repeats {
                    black_box(pass());
                }
                *best = best.min(begin.elapsed().as_secs_f64() / f64::from(repeats));
            }
        }
        best
    }

    /// How many passes make a round.
    fn calibrate(&self, pass: &mut Pass<'_>) -> u32 {
        let mut repeats = 1;
        loop {
            let begin = Instant::now();
            for _ in 0..repeats {
                black_box(pass());
            }
            let taken = begin.elapsed();
            if taken >= self.options.round {
                return repeats;
            }
            let missing = self.options.round.as_secs_f64() / taken.as_secs_f64().max(1e-7);
            repeats = (f64::from(repeats) * missing.clamp(1.2, 100.0)).ceil() as u32;
        }
    }
}

/// Every pair of frame size and chunk size.
fn decode_pairs(report: &mut Report) {
    const RIVALS: [&str; 3] = ["tokio-util", "wire-codec", "by hand"];
    report.table("Decode, `decode/payload/chunk`", &RIVALS);
    for payload in [0, 16, 64, 256, 1024, 16384] {
        let frames = STREAM.div_ceil(frame_len(payload));
        let stream = stream(payload, frames);
        let stream = stream.as_slice();
        for chunk in [1, 7, 64, 1460, 65536] {
            let name = format!("decode/{payload}/{chunk}");
            if !report.options.wants(&name) {
                continue;
            }
            let figures = match (payload, chunk) {
                (16 | 64, 65536) => vec![(Some(RIVALS[0]), 8.0), (None, 1.1)],
                (64, 1460) => vec![(Some(RIVALS[0]), 6.0), (None, 1.1)],
                _ => vec![(None, 1.0)],
            };
            let mut ours = decode::ours_new();
            let mut tokio_util = decode::TokioUtil::default();
            let mut wire_codec = decode::wire_codec_new();
            let mut by_hand = Vec::new();
            report.row(Row {
                name,
                frames,
                bytes: stream.len(),
                ours: Box::new(move || decode::ours(&mut ours, stream, black_box(chunk))),
                rivals: vec![
                    (
                        RIVALS[0],
                        Box::new(move || decode::tokio_util(&mut tokio_util, stream, black_box(chunk))),
                    ),
                    (
                        RIVALS[1],
                        Box::new(move || decode::wire_codec(&mut wire_codec, stream, black_box(chunk))),
                    ),
                    (RIVALS[2], Box::new(move || decode::by_hand(&mut by_hand, stream, black_box(chunk)))),
                ],
                same: true,
                figures,
            });
        }
    }
}

/// Frames that are whole in the chunk, against copying their bytes once.
fn decode_whole(report: &mut Report) {
    const RIVALS: [&str; 2] = ["memcpy of all", "memcpy of each"];
    report.table("Decode of frames whole in the chunk, `whole/payload`", &RIVALS);
    for payload in [1024, 4096, 16384, 65532] {
        let name = format!("whole/{payload}");
        if !report.options.wants(&name) {
            continue;
        }
        let frame = frame_len(payload);
        let frames = STREAM.div_ceil(frame);
        let stream = stream(payload, frames);
        let stream = stream.as_slice();
        let mut ours = decode::ours_new();
        let mut all = vec![0; stream.len()];
        let mut each = vec![0; frame];
        report.row(Row {
            name,
            frames,
            bytes: stream.len(),
            ours: Box::new(move || decode::ours(&mut ours, stream, black_box(stream.len()))),
            rivals: vec![
                (RIVALS[0], Box::new(move || decode::memcpy_all(&mut all, stream))),
                (RIVALS[1], Box::new(move || decode::memcpy_frames(&mut each, stream, black_box(frame)))),
            ],
            same: false,
            figures: vec![(None, 1.0)],
        });
    }
}

/// A reader that fills the ring, against one that fills a `BufReader`.
fn read_through(report: &mut Report) {
    const RIVALS: [&str; 2] = ["BufReader of that size", "BufReader of 8 KiB"];
    report.table("Read through the ring, `read/payload/size of the ring`", &RIVALS);
    for payload in [16, 64, 1024, 16384] {
        let frame = frame_len(payload);
        let frames = STREAM.div_ceil(frame);
        let stream = stream(payload, frames);
        let endless = || read::Endless::new(&stream, black_box(usize::MAX));
        // The size that `BufReader` has by default, or one frame; and a large one, whose bytes leave the
        // first-level cache before they are looked at. Where all is copied out of the cache, only the
        // same size compares.
        let small = frame.max(8 * 1024);
        for store in [small, STORE] {
            let name = format!("read/{payload}/{store}");
            if !report.options.wants(&name) {
                continue;
            }
            let mut ours = read::ours_new(endless(), store);
            let mut same = read::by_hand_new(endless(), store);
            let mut usual = read::by_hand_new(endless(), 8 * 1024);
            let against = if store == small { None } else { Some(RIVALS[0]) };
            report.row(Row {
                name,
                frames,
                bytes: stream.len(),
                ours: Box::new(move || read::ours(&mut ours, black_box(frames))),
                rivals: vec![
                    (RIVALS[0], Box::new(move || read::by_hand(&mut same, black_box(frames)))),
                    (RIVALS[1], Box::new(move || read::by_hand(&mut usual, black_box(frames)))),
                ],
                same: true,
                figures: vec![(against, 1.3), (against, 1.0)],
            });
        }
    }
}

/// Into a slice and into the outgoing ring.
fn encode(report: &mut Report) {
    const RIVALS: [&str; 2] = ["tokio-util", "by hand"];
    report.table("Encode, into a slice and into the ring", &RIVALS);
    for payload in [16, 64, 256, 1024, 16384, 65536] {
        let batch = (encode::BATCH / payload).max(1);
        let batches = STREAM.div_ceil(batch * payload);
        let source = vec![7; batch * payload];
        let source = source.as_slice();
        let size = batch * frame_len(payload);
        for ring in [false, true] {
            let name = format!("encode/{}/{payload}", if ring { "ring" } else { "slice" });
            if !report.options.wants(&name) {
                continue;
            }
            let ours: Pass<'_> = if ring {
                let mut ours = encode::ours_ring_new(STORE.max(size));
                Box::new(move || encode::ours_ring(&mut ours, source, black_box(payload), batches))
            } else {
                let mut ours = vec![0; size];
                Box::new(move || encode::ours_slice(&mut ours, source, black_box(payload), batches))
            };
            let mut tokio_util = encode::TokioUtil::default();
            let mut by_hand = Vec::new();
            report.row(Row {
                name,
                frames: batch * batches,
                bytes: batches * size,
                ours,
                rivals: vec![
                    (
                        RIVALS[0],
                        Box::new(move || {
                            encode::tokio_util(&mut tokio_util, source, black_box(payload), batches)
                        }),
                    ),
                    (
                        RIVALS[1],
                        Box::new(move || encode::by_hand(&mut by_hand, source, black_box(payload), batches)),
                    ),
                ],
                same: true,
                figures: vec![(None, 1.0)],
            });
        }
    }
}

// Loopback TCP is not here: it needs the adapters, which depend on this crate. Its rows are printed by the
// benchmark `loopback` of `ringframe-io`.

fn main() {
    let mut report =
        Report { options: Options::from_args(), heading: String::new(), reached: 0, short: Vec::new() };
    println!(
        "Ratios are the rival's time divided by ours: above 1, ours is faster; {EQUAL} counts as equal."
    );
    decode_pairs(&mut report);
    decode_whole(&mut report);
    read_through(&mut report);
    encode(&mut report);
    println!("\n{} figures reached, {} not.", report.reached, report.short.len());
    for short in &report.short {
        println!("- {short}");
    }
}
