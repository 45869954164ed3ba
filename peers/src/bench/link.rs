//! A connection that keeps its pipeline full, and checks and times what comes back.
//!
//! One future: it fills the outgoing ring while fewer than `depth` frames are without a reply, then waits for
//! whichever comes first, room at the transport or a reply. So it never stops reading because it can't
//! write, which against a peer that answers as it reads would be the end of both. Frames larger than the
//! rings go out and are compared in pieces.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use ringframe::{Encoder, Event, Limited, RuntimeFormat};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{ReadError, WriteError};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Extent, Plan, Tally};
use crate::ending::link_error;
use crate::failure::{Code, Failure};
use crate::transport::{ReadHalf, WriteHalf};
use crate::watched::Watched;
use crate::wire::RING;

/// How long the peer may take to close after us.
const FAREWELL: Duration = Duration::from_secs(1);

/// What frames carry: characters from space to grave accent, none of which has an upper case, in an order without a
/// pattern. Each frame begins at another place, so that a reply to another frame is no right one.
pub(super) struct Pattern {
    /// Twice the same, so that every [`LENGTH`](Self::LENGTH) bytes from any place are in one piece.
    twice: Vec<u8>,
}

impl Pattern {
    /// A prime: no block size of anybody's fits in it, and so many frames on end are all different.
    const LENGTH: u64 = 65_521;

    pub(super) fn new() -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        let once: Vec<_> = (0..Self::LENGTH).map(|_| random.u8(b' '..=b'`')).collect();
        Self { twice: once.repeat(2) }
    }

    /// What frame `number` of a connection has from `offset` on, at most `limit` bytes of it.
    fn piece(&self, connection: u32, number: u64, offset: u64, limit: u64) -> &[u8] {
        let place = u64::from(connection) * 40_503 + number % Self::LENGTH * 257 + offset % Self::LENGTH;
        let place = (place % Self::LENGTH) as usize;
        let length = limit.min(Self::LENGTH) as usize;
        &self.twice[place..place + length]
    }
}

/// What the time-out looks at.
struct Counts {
    /// Frames begun.
    sent: Cell<u64>,
    /// Replies that came whole.
    received: Cell<u64>,
    /// When a byte was last sent, or was last due to be.
    moved_out: Cell<Instant>,
    /// When a byte last came.
    moved_in: Cell<Instant>,
}

pub(super) struct Link<'c> {
    reader: Reader<Watched<'c, ReadHalf>, Limited<RuntimeFormat>, Box<[u8]>>,
    writer: Writer<Watched<'c, WriteHalf>, Limited<RuntimeFormat>, Box<[u8]>>,
    ledger: Ledger<'c>,
}

/// What of this connection is under way.
struct Ledger<'c> {
    plan: &'c Plan,
    connection: u32,
    counts: &'c Counts,
    tally: &'c RefCell<Tally>,
    /// When each frame without a reply was handed over, the oldest first.
    under_way: VecDeque<Instant>,
    /// How many frames were sent before this phase.
    before: u64,
    /// How much of the reply under way has come.
    offset: u64,
    /// Measured, but not in the plan's counter yet.
    fresh: u64,
}

/// What frames are for.
#[derive(Clone, Copy)]
enum Phase {
    Warmup { until: Instant },
    Measuring { began: Instant },
}

impl Link<'_> {
    /// Plays a connection's part to the end.
    pub(super) async fn run(
        plan: Arc<Plan>,
        connection: u32,
        (read, write): (ReadHalf, WriteHalf),
        tally: Rc<RefCell<Tally>>,
    ) -> Result<(), Failure> {
        let now = Instant::now();
        let counts = Counts {
            sent: Cell::new(0),
            received: Cell::new(0),
            moved_out: Cell::new(now),
            moved_in: Cell::new(now),
        };
        let fits = "a ring of 64 KiB holds any header";
        let read = Watched { io: read, moved: &counts.moved_in };
        let write = Watched { io: write, moved: &counts.moved_out };
        let mut link = Link {
            reader: Reader::with_capacity(read, plan.format, RING).expect(fits),
            writer: Writer::with_capacity(write, plan.format, RING).expect(fits),
            ledger: Ledger {
                plan: &plan,
                connection,
                counts: &counts,
                tally: &tally,
                under_way: VecDeque::new(),
                before: 0,
                offset: 0,
                fresh: 0,
            },
        };
        tokio::select! {
            biased;
            result = link.converse(&plan) => result,
            () = silence(&counts, plan.timeout) => Err(Failure::new(Code::Connection, format!(
                "{}: no progress for {}: {}",
                whom(&plan, connection),
                humantime::format_duration(plan.timeout),
                k_of_n(&counts)
            ))),
        }
    }

    async fn converse(&mut self, plan: &Plan) -> Result<(), Failure> {
        plan.meeting.wait().await;
        if !plan.warmup.is_zero() {
            self.exchange(Phase::Warmup { until: Instant::now() + plan.warmup }).await?;
            plan.meeting.wait().await;
        }
        let began = *plan.began.get_or_init(Instant::now);
        self.exchange(Phase::Measuring { began }).await?;
        self.farewell().await
    }

    /// Sends frames as long as the phase goes, and takes all their replies.
    async fn exchange(&mut self, phase: Phase) -> Result<(), Failure> {
        let Self { reader, writer, ledger } = self;
        ledger.before = ledger.counts.sent.get();
        let mut more = true;
        // What has left the ring may still wait below it.
        let mut unsent = false;
        loop {
            ledger.fill(writer.encoder_mut(), phase, &mut more)?;
            unsent |= !writer.encoder().is_empty();
            if ledger.under_way.is_empty() {
                ledger.publish();
                return Ok(());
            }
            let event = tokio::select! {
                biased;
                result = writer.flush(), if unsent => match result {
                    Ok(()) => {
                        unsent = false;
                        continue;
                    }
                    Err(error) => return Err(self.cannot_write(error).await),
                },
                event = reader.next_event() => event,
            };
            ledger.take(event, phase)?;
            // All that has come, before anything is sent for it: replies of one packet make one packet.
            while reader.is_ready() {
                let event = reader.next_event().await;
                ledger.take(event, phase)?;
            }
            ledger.publish();
        }
    }

    /// Why writing failed: what the peer said last explains it better.
    async fn cannot_write(&mut self, error: WriteError<std::io::Error>) -> Failure {
        let Self { reader, ledger, .. } = self;
        loop {
            let event = reader.next_event().await;
            if matches!(&event, Ok(None)) || matches!(&event, Err(error) if is_gone(error)) {
                return Failure::write(&format!("{}: {}", ledger.whom(), k_of_n(ledger.counts)), &error);
            }
            // Warming up, so that nothing is counted any more.
            if let Err(failure) = ledger.take(event, Phase::Warmup { until: Instant::now() }) {
                return failure;
            }
        }
    }

    /// Says good-bye, and listens for what nobody asked for.
    async fn farewell(&mut self) -> Result<(), Failure> {
        let Self { reader, writer, ledger } = self;
        if writer.close().await.is_err() {
            return Ok(());
        }
        match timeout(FAREWELL, reader.next_event()).await {
            Ok(Ok(Some(event))) => ledger.event(event, None),
            Ok(Err(error)) if !is_gone(&error) => Err(ledger.cannot_read(&error)),
            _ => Ok(()),
        }
    }
}

impl Ledger<'_> {
    /// Hands frames over, as many as may be under way and as there is room for.
    fn fill(
        &mut self,
        encoder: &mut Encoder<Limited<RuntimeFormat>, Box<[u8]>>,
        phase: Phase,
        more: &mut bool,
    ) -> Result<(), Failure> {
        let Self { plan, counts, .. } = *self;
        let cannot = |error| {
            Failure::write(&whom(plan, self.connection), &WriteError::<std::io::Error>::Encode(error))
        };
        loop {
            let left = encoder.left();
            if left > 0 {
                let number = counts.sent.get() - 1;
                let piece = plan.pattern.piece(self.connection, number, plan.size - left, left);
                if encoder.feed(piece).map_err(cannot)? == 0 {
                    return Ok(());
                }
                continue;
            }
            // A frame's time begins when nothing of it has to wait for room in the ring.
            let room = usize::try_from(plan.frame).unwrap_or(usize::MAX).min(encoder.capacity());
            if !*more || self.under_way.len() >= plan.depth || encoder.free() < room {
                return Ok(());
            }
            let now = Instant::now();
            *more = match (phase, &plan.extent) {
                (Phase::Warmup { until }, _) => now < until,
                (Phase::Measuring { .. }, Extent::Count(_, left)) => {
                    left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
                }
                // However short the time is, something is measured.
                (Phase::Measuring { began }, Extent::Time(time)) => {
                    now < began + *time || counts.sent.get() == self.before
                }
            };
            if !*more {
                return Ok(());
            }
            encoder.announce(&plan.fields, plan.size).map_err(cannot)?;
            if self.under_way.is_empty() {
                // From now on the peer owes something.
                counts.moved_out.set(now);
            }
            self.under_way.push_back(now);
            counts.sent.set(counts.sent.get() + 1);
        }
    }

    fn take(
        &mut self,
        event: Result<Option<Event<'_>>, ReadError<std::io::Error>>,
        phase: Phase,
    ) -> Result<(), Failure> {
        match event {
            Ok(Some(event)) => self.event(event, Some(phase)),
            Ok(None) => {
                let why = format!("{}: closed by the peer: {}", self.whom(), k_of_n(self.counts));
                Err(Failure::new(Code::Connection, why))
            }
            Err(error) => Err(self.cannot_read(&error)),
        }
    }

    fn event(&mut self, event: Event<'_>, phase: Option<Phase>) -> Result<(), Failure> {
        match event {
            Event::Frame(frame) => {
                self.begin(frame.payload().len() as u64)?;
                self.data(frame.payload())?;
                self.end(phase);
            }
            Event::Begin { payload, .. } => self.begin(payload)?,
            Event::Data(piece) => self.data(piece)?,
            Event::End => self.end(phase),
        }
        Ok(())
    }

    fn begin(&mut self, length: u64) -> Result<(), Failure> {
        let size = self.plan.size;
        self.offset = 0;
        if self.under_way.is_empty() {
            Err(self.nonsense(&format!("{length} bytes that nobody asked for")))
        } else if length != size {
            Err(self.nonsense(&format!("it has {length} bytes where {size} were sent")))
        } else {
            Ok(())
        }
    }

    /// Compares a piece of a reply with what was sent.
    fn data(&mut self, mut piece: &[u8]) -> Result<(), Failure> {
        while !piece.is_empty() {
            let (number, limit) = (self.counts.received.get(), piece.len() as u64);
            let sent = self.plan.pattern.piece(self.connection, number, self.offset, limit);
            let (now, later) = piece.split_at(sent.len());
            if now != sent {
                let (at, (is, was)) =
                    now.iter().zip(sent).enumerate().find(|(_, (is, was))| is != was).expect("they differ");
                let at = self.offset + at as u64;
                return Err(self.nonsense(&format!("byte {at} is {is:#04x} where {was:#04x} was sent")));
            }
            self.offset += sent.len() as u64;
            piece = later;
        }
        Ok(())
    }

    /// A reply is complete, and as it should be.
    fn end(&mut self, phase: Option<Phase>) {
        let Some(handed_over) = self.under_way.pop_front() else { return };
        self.counts.received.set(self.counts.received.get() + 1);
        if let Some(Phase::Measuring { .. }) = phase {
            // When the read ended that brought its last byte, not when its turn came here.
            let now = self.counts.moved_in.get();
            self.tally.borrow_mut().record(now.saturating_duration_since(handed_over), now);
            self.fresh += 1;
        }
    }

    /// Tells the other threads.
    fn publish(&mut self) {
        if self.fresh > 0 {
            self.plan.done.fetch_add(self.fresh, Relaxed);
            self.fresh = 0;
        }
    }

    fn whom(&self) -> String {
        whom(self.plan, self.connection)
    }

    fn nonsense(&self, what: &str) -> Failure {
        let reply = self.counts.received.get() + 1;
        Failure::new(Code::Protocol, format!("{}, reply {reply}: {what}", self.whom()))
    }

    fn cannot_read(&self, error: &ReadError<std::io::Error>) -> Failure {
        match error {
            ReadError::Io(_) | ReadError::CutOff(_) => {
                Failure::read(&format!("{}: {}", self.whom(), k_of_n(self.counts)), error)
            }
            _ => Failure::read(&format!("{}, reply {}", self.whom(), self.counts.received.get() + 1), error),
        }
    }
}

/// Whether no more can be read, for no fault of the peer's.
fn is_gone(error: &ReadError<std::io::Error>) -> bool {
    matches!(error, ReadError::Io(error) if link_error(error).is_none())
}

fn whom(plan: &Plan, connection: u32) -> String {
    match plan.connections {
        1 => plan.address.clone(),
        connections => format!("{}, connection {} of {connections}", plan.address, connection + 1),
    }
}

fn k_of_n(counts: &Counts) -> String {
    format!("{} of {} replies came", counts.received.get(), counts.sent.get())
}

/// Ends when no byte moved for `patience` while the peer owed something.
async fn silence(counts: &Counts, patience: Duration) {
    loop {
        let now = Instant::now();
        let moved = counts.moved_out.get().max(counts.moved_in.get());
        if counts.sent.get() == counts.received.get() {
            // What is sent next begins to count then.
            sleep_until(now + patience).await;
        } else if now < moved + patience {
            sleep_until(moved + patience).await;
        } else {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn frames_differ_and_upper_case_is_the_same() {
        let pattern = Pattern::new();
        assert_eq!(pattern.twice.to_ascii_uppercase(), pattern.twice);
        let of = |connection, number| pattern.piece(connection, number, 0, 64);
        for connection in [0, 1, 9_999] {
            for number in 0..1000 {
                assert_ne!(of(connection, number), of(connection, number + 1));
                assert_ne!(of(connection, number), of(connection + 1, number));
            }
        }
        assert_eq!(of(3, u64::MAX).len(), 64);
    }

    /// In whatever pieces, a frame has the same bytes.
    #[test]
    fn pieces_of_a_frame() {
        let pattern = Pattern::new();
        let size = 200_000;
        let mut pieces = [Vec::new(), Vec::new()];
        for (limit, frame) in [7_001, u64::MAX].into_iter().zip(&mut pieces) {
            while frame.len() < size {
                let left = (size - frame.len()) as u64;
                frame.extend_from_slice(pattern.piece(7, 12_345, frame.len() as u64, left.min(limit)));
            }
        }
        assert!(pieces[0] == pieces[1]);
        assert_eq!(pieces[0].len(), size);
    }
}
