//! `call`: messages out, replies in, both at the same time.
//!
//! Two futures in one task: `Sender` and `Receiver`, which tell each other their counts, and a watchdog that
//! looks at both. Standard input is read by a thread, since reading it can't be cancelled; on a terminal, a third
//! future, the [`Session`], makes messages of keys.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::time::Duration;

use ringframe::{Format, Limited, MAX_HEADER, RuntimeFormat, encode_header};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{ReadError, WriteError};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use self::session::Session;
use crate::args::Call;
use crate::ending::{self, Ending, link_error};
use crate::failure::{Code, Failure};
use crate::filter::{Printer, longest_line, read_line};
use crate::output::{Output, Verbosity};
use crate::text::count;
use crate::transport::{ReadHalf, WriteHalf};
use crate::watched::Watched;
use crate::wire::{DEFAULT_MAX_FRAME, RING};
use crate::{net, runtime, transport};

#[cfg_attr(not(unix), path = "call/no_session.rs")]
mod session;
mod udp;

/// How long is waited for more once all replies are there.
const AFTERWARDS: Duration = Duration::from_secs(1);

type Message = Result<Vec<u8>, Failure>;

/// How many batches of messages wait for the sender.
const BATCHES: usize = 2;

/// How many bytes make a batch: what waits is bounded by its bytes, not by its messages.
const BATCH: usize = RING;

pub(crate) fn run(args: Call, output: Output) -> Result<(), Failure> {
    runtime::until_interrupted(async {
        if args.udp { udp::call(args, output).await } else { call(args, output).await }
    })
}

async fn call(args: Call, output: Output) -> Result<(), Failure> {
    let Call { address, messages, timeout, send_hex, wire, .. } = args;
    let format = wire.format(DEFAULT_MAX_FRAME)?;
    let max_frame = format.limit().unwrap_or(u64::MAX);
    let fields = wire.wire.fields(args.header).map_err(|error| Failure::new(Code::Usage, error))?;
    let planned = (!messages.is_empty()).then_some(messages.len() as u64);
    let check = {
        let fields = fields.clone();
        move |message: &[u8]| fits_frame(message, &format, &fields)
    };
    let messages = if messages.is_empty() && session::is_possible() {
        None
    } else {
        Some(self::messages(messages, send_hex, Longest::Frame(max_frame), &check)?)
    };

    let key = args.key.read()?;
    let stream = net::connect(&address, timeout).await?;
    net::keep_alive(&stream, args.keepalive, timeout);
    output.say(Verbosity::Verbose, || format!("connected to {address}"));
    let state = State::new(args.replies, planned);
    let (read, write) = transport::begin(stream, key.as_ref(), &address, timeout).await?;
    let reader = Reader::with_capacity(Watched { io: read, moved: &state.progress }, format, RING)?;
    let writer = Writer::with_capacity(Watched { io: write, moved: &state.progress }, format, RING)?;
    let (mut session, messages) = match messages {
        Some(messages) => (None, messages),
        None => {
            let (session, messages) = Session::start(send_hex, check)?;
            (Some(session), messages)
        }
    };
    let on_terminal = session.is_some();
    let printer = match &session {
        Some(session) => Printer::among_others(session.printer(), args.show, output),
        None => Printer::new(args.show, output),
    };
    let address = address.as_str();
    let (ended, is_early) = (None, false);
    let mut receiver = Receiver { reader, printer, address, ended, is_early, state: &state };
    let batch = Vec::new().into_iter();
    let mut sender =
        Sender { writer, messages, batch, fields, half_close: args.half_close, output, state: &state };

    let result = {
        let receiving = receiver.run();
        let sending = sender.run();
        let typing = async {
            match &mut session {
                Some(session) => session.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(receiving, sending, typing);
        let (mut sent, mut received): (Sent, _) = (None, false);
        loop {
            // A peer that has said all that was wanted may still listen to the rest of the input. A user is rather
            // told at once.
            if received && (sent.is_some() || on_terminal || !state.has_enough()) {
                break Ok(sent);
            }
            tokio::select! {
                result = &mut receiving, if !received => match result {
                    Ok(()) => {
                        received = true;
                        if state.has_enough() && !state.all_sent.get() && !on_terminal {
                            output.say(Verbosity::Verbose, || format!("{address} says nothing more, sending goes on"));
                        }
                    }
                    Err(failure) => break Err(failure),
                },
                result = &mut sending, if sent.is_none() => match result {
                    // What can't be encoded, or read here, is our own failure; replies to what was sent still come.
                    // After a failed send they do as well, and say more than it does.
                    Err(failure) => { state.no_more_to_send(); sent = Some(Err(failure)); }
                    Ok(()) => sent = Some(Ok(())),
                },
                Err(failure) = &mut typing => break Err(failure),
                () = watchdog(&state, timeout) => {
                    let (got, of) = (state.received.get(), state.expected_now());
                    break Err(Failure::new(Code::Connection, format!(
                        "{address}: no progress for {}: {got} of {of} replies came",
                        humantime::format_duration(timeout),
                    )));
                }
            }
        }
    };
    receiver.printer.flush()?;
    let all_sent = match &session {
        Some(session) => !session.has_unsent() && (state.all_sent.get() || state.awaits_input.get()),
        None => state.all_sent.get(),
    };
    let was_open = session.as_ref().is_some_and(Session::is_open);
    // What is said from here on is below the line that was being typed.
    drop(session);
    output.say(Verbosity::Verbose, || receiver.report(result.as_ref().ok()));
    // A protocol error or a closed standard output says more than the send that failed because of it.
    conclude(address, &state, result?, all_sent)?;
    if was_open {
        output.say(Verbosity::Normal, || format!("{address} closed the connection"));
    }
    Ok(())
}

/// What becomes of a link that ended between frames.
fn conclude(address: &str, state: &State, sent: Sent, all_sent: bool) -> Result<(), Failure> {
    let (got, of) = (state.received.get(), state.expected_now());
    match sent {
        Some(Err(Unsent::Message(failure))) => return Err(failure),
        Some(Err(Unsent::Write(error))) => {
            return Err(Failure::write(&format!("{address}: {got} of {of} replies came"), &error));
        }
        Some(Ok(())) | None => {}
    }
    let missing = match () {
        () if got < of => "",
        () if !all_sent => ", and not every message was sent",
        () => return Ok(()),
    };
    Err(Failure::new(
        Ending::Closed.code(),
        format!("{address} closed the connection: {got} of {of} replies came{missing}"),
    ))
}

/// Whether the wire format carries a message.
fn fits_frame(message: &[u8], format: &Limited<RuntimeFormat>, fields: &[u8]) -> Result<(), Failure> {
    let header = encode_header(format, fields, message.len() as u64, &mut [0; MAX_HEADER]);
    header.map(drop).map_err(|error| Failure::new(Code::Other, error.to_string()))
}

/// What both directions know of each other.
struct State {
    /// Messages handed to the transport's queue.
    sent: Cell<u64>,
    /// Whether no more are to be sent.
    all_sent: Cell<bool>,
    /// Whether everything so far is sent and the next message is not there yet.
    awaits_input: Cell<bool>,
    /// Whole replies.
    received: Cell<u64>,
    /// `--replies`.
    wanted: Option<u64>,
    /// How many messages there will be, if that is known.
    planned: Option<u64>,
    /// When a byte last moved, in either direction.
    progress: Cell<Instant>,
    /// A count changed.
    changed: Notify,
}

impl State {
    fn new(wanted: Option<u64>, planned: Option<u64>) -> Self {
        Self {
            sent: Cell::new(0),
            all_sent: Cell::new(false),
            awaits_input: Cell::new(false),
            received: Cell::new(0),
            wanted,
            planned,
            progress: Cell::new(Instant::now()),
            changed: Notify::new(),
        }
    }

    /// How many replies there should be, as far as is known now.
    fn expected_now(&self) -> u64 {
        self.wanted.or(self.planned).unwrap_or(self.sent.get())
    }

    /// Whether as many replies are there as were asked for by number.
    fn has_enough(&self) -> bool {
        self.wanted.is_some_and(|wanted| self.received.get() >= wanted)
    }

    /// Whether everything is sent and answered.
    fn is_complete(&self) -> bool {
        self.all_sent.get() && self.received.get() >= self.expected_now()
    }

    /// Whether nothing is owed by the peer: the user, or a program before us, takes its time.
    fn is_at_rest(&self) -> bool {
        let owed = self.wanted.map_or(self.sent.get(), |wanted| wanted.min(self.sent.get()));
        self.awaits_input.get() && self.received.get() >= owed
    }

    fn no_more_to_send(&self) {
        self.all_sent.set(true);
        self.changed.notify_waiters();
    }
}

/// Ends when no byte moved for `patience` while the peer owed something.
async fn watchdog(state: &State, patience: Duration) {
    loop {
        let deadline = state.progress.get() + patience;
        if Instant::now() < deadline {
            sleep_until(deadline).await;
        } else if state.is_at_rest() || state.is_complete() {
            // What is sent next begins to count then.
            sleep(Duration::from_millis(10)).await;
            state.progress.set(Instant::now());
        } else {
            return;
        }
    }
}

/// How sending ended, if it has.
type Sent = Option<Result<(), Unsent>>;

/// Why sending ended early.
enum Unsent {
    /// A message can't be sent.
    Message(Failure),
    Write(WriteError<io::Error>),
}

impl From<WriteError<io::Error>> for Unsent {
    fn from(error: WriteError<io::Error>) -> Self {
        Self::Write(error)
    }
}

/// Puts messages on the wire.
struct Sender<'s> {
    writer: Writer<Watched<'s, WriteHalf>, Limited<RuntimeFormat>, Box<[u8]>>,
    messages: mpsc::Receiver<Vec<Message>>,
    /// What is next of them.
    batch: std::vec::IntoIter<Message>,
    fields: Vec<u8>,
    half_close: bool,
    output: Output,
    state: &'s State,
}

impl Sender<'_> {
    async fn run(&mut self) -> Result<(), Unsent> {
        let result = self.send_all().await;
        if let Err(unsent) = result {
            // What went before it is not held back.
            let _ = self.writer.flush().await;
            return Err(unsent);
        }
        self.state.no_more_to_send();
        while !self.half_close && !self.state.is_complete() {
            self.state.changed.notified().await;
        }
        // The peer may be gone already; the receiver says what that means.
        if self.writer.close().await.is_ok() {
            let sent = self.state.sent.get();
            self.output.say(Verbosity::Verbose, || format!("half-closed after {}", count(sent, "message")));
        }
        Ok(())
    }

    async fn send_all(&mut self) -> Result<(), Unsent> {
        loop {
            let Some(message) = self.next().await? else { break };
            match self.writer.push_with(&self.fields, &[&message]).await {
                Err(WriteError::Encode(error)) => {
                    let number = self.state.sent.get() + 1;
                    let message = format!("message {number}: {error}");
                    return Err(Unsent::Message(Failure::new(Code::Other, message)));
                }
                result => result?,
            }
            self.state.sent.set(self.state.sent.get() + 1);
        }
        Ok(self.writer.flush().await?)
    }

    /// The next message; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Unsent> {
        loop {
            if let Some(message) = self.batch.next() {
                return message.map(Some).map_err(Unsent::Message);
            }
            let batch = match self.messages.try_recv() {
                Ok(batch) => Some(batch),
                Err(mpsc::error::TryRecvError::Disconnected) => None,
                Err(mpsc::error::TryRecvError::Empty) => {
                    self.writer.flush().await?;
                    self.state.awaits_input.set(true);
                    let batch = self.messages.recv().await;
                    if self.state.is_at_rest() {
                        // What is sent now has all its time.
                        self.state.progress.set(Instant::now());
                    }
                    self.state.awaits_input.set(false);
                    batch
                }
            };
            match batch {
                Some(batch) => self.batch = batch.into_iter(),
                None => return Ok(None),
            }
        }
    }
}

/// Takes replies off the wire.
struct Receiver<'s> {
    reader: Reader<Watched<'s, ReadHalf>, Limited<RuntimeFormat>, Box<[u8]>>,
    printer: Printer,
    address: &'s str,
    /// How the link ended, and what there is to say of that.
    ended: Option<(Ending, String)>,
    /// Whether it ended while there was more to send.
    is_early: bool,
    state: &'s State,
}

impl Receiver<'_> {
    /// Until the peer closes, or a while after everything is there.
    async fn run(&mut self) -> Result<(), Failure> {
        let state = self.state;
        let afterwards = afterwards(state);
        tokio::pin!(afterwards);
        loop {
            if !self.reader.is_ready() {
                // Show what there is before waiting for more.
                self.printer.flush()?;
                // The reader of our output may have kept us waiting. The peer has not.
                state.progress.set(Instant::now());
            }
            // The end comes first, so that a peer that never stops is not listened to for ever.
            let event = tokio::select! {
                biased;
                () = &mut afterwards => return Ok(()),
                event = self.reader.next_event() => event,
            };
            let event = match event {
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.ended = Some((Ending::Closed, String::new()));
                    self.is_early = !state.all_sent.get();
                    return Ok(());
                }
                Err(error) => {
                    self.printer.flush()?;
                    return self.ended(&error);
                }
            };
            let whole = matches!(event, ringframe::Event::Frame(_) | ringframe::Event::End);
            self.printer.event(event)?;
            // Whoever reads our output may have kept us waiting; the peer has not.
            state.progress.set(Instant::now());
            if whole {
                state.received.set(state.received.get() + 1);
                state.changed.notify_waiters();
            }
        }
    }

    /// How the link ended, as servers say it, and `sent` how sending to it did.
    fn report(&self, sent: Option<&Sent>) -> String {
        let (ending, detail) = match (sent, &self.ended) {
            // The end that is read after a failed write says less.
            (Some(Some(Err(Unsent::Write(error)))), _) => ending::of(error),
            (Some(Some(Ok(()))), Some((Ending::Closed, _))) if self.is_early => {
                (Ending::HalfClosed, String::new())
            }
            (_, Some((ending, detail))) => (*ending, detail.clone()),
            // Here it was no end of the link that ended the conversation.
            (_, None) => (Ending::Left, String::new()),
        };
        let Printer { frames, offset, .. } = self.printer;
        let colon = if detail.is_empty() { "" } else { ": " };
        let (address, frames, why) = (self.address, count(frames, "frame"), ending.word());
        format!("{address}: {frames}, {offset} bytes, {why}{colon}{detail}")
    }

    fn ended(&mut self, error: &ReadError<io::Error>) -> Result<(), Failure> {
        self.ended = Some(ending::of(error));
        // A peer that resets after its last reply has said everything.
        if self.state.is_complete() && matches!(error, ReadError::Io(error) if link_error(error).is_none()) {
            return Ok(());
        }
        let (got, of) = (self.state.received.get(), self.state.expected_now());
        let whom = match error {
            ReadError::Io(_) | ReadError::CutOff(_) => {
                format!("{}: {got} of {of} replies came", self.address)
            }
            _ => format!("{}: reply {}", self.address, got + 1),
        };
        Err(Failure::read(&whom, error))
    }
}

/// A while after everything was sent and answered.
async fn afterwards(state: &State) {
    while !state.is_complete() {
        state.changed.notified().await;
    }
    sleep(AFTERWARDS).await;
}

/// The length beyond which a message need not be read to the end: no frame, or datagram, holds it.
#[derive(Clone, Copy)]
enum Longest {
    Frame(u64),
    Datagram(u64),
}

impl Longest {
    const fn bytes(self) -> u64 {
        let (Self::Frame(bytes) | Self::Datagram(bytes)) = self;
        bytes
    }

    /// `what` is longer.
    fn refuse(self, what: &str) -> Failure {
        match self {
            Self::Frame(limit) => {
                let why =
                    format!("{what} has more than {limit} bytes, the limit of a frame (see --max-frame)");
                Failure::new(Code::Other, why)
            }
            Self::Datagram(limit) => {
                let why = format!("{what} has more than {limit} bytes, the limit of a datagram (see --udp)");
                Failure::new(Code::Usage, why)
            }
        }
    }
}

/// Where messages come from: the command line, or lines of standard input.
fn messages(
    arguments: Vec<String>,
    hex: bool,
    longest: Longest,
    check: impl Fn(&[u8]) -> Result<(), Failure>,
) -> Result<mpsc::Receiver<Vec<Message>>, Failure> {
    let (to, messages) = mpsc::channel(BATCHES);
    if arguments.is_empty() {
        std::thread::spawn(move || read_lines(&to, hex, longest));
        return Ok(messages);
    }
    // Everything that can be wrong with arguments is better known before anything is sent.
    let mut all = Vec::new();
    for argument in arguments {
        let message = argument_bytes(&argument, hex, longest)?;
        check(&message).map_err(|failure| failure.of(&format!("message {}", all.len() + 1)))?;
        all.push(Ok(message));
    }
    // There is room: this is the first batch, and the only one.
    let _ = to.try_send(all);
    Ok(messages)
}

/// A message of the command line. Of a file no more is read than shows that it is too large.
fn argument_bytes(argument: &str, hex: bool, longest: Longest) -> Result<Vec<u8>, Failure> {
    if let Some(path) = argument.strip_prefix('@') {
        let cannot = |error: io::Error| Failure::new(Code::Other, format!("can't read {path}: {error}"));
        let file: Box<dyn Read> =
            if path == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(cannot)?) };
        let mut bytes = Vec::new();
        file.take(longest.bytes().saturating_add(1)).read_to_end(&mut bytes).map_err(cannot)?;
        if bytes.len() as u64 > longest.bytes() {
            return Err(longest.refuse(path));
        }
        return Ok(bytes);
    }
    if !hex {
        return Ok(argument.as_bytes().to_vec());
    }
    hex::decode(argument)
        .map_err(|error| Failure::new(Code::Usage, format!("`{argument}` is not hexadecimal: {error}")))
}

/// Runs in a thread of its own, until the end of standard input.
fn read_lines(to: &mpsc::Sender<Vec<Message>>, hex: bool, longest: Longest) {
    let prompt = io::stdin().is_terminal() && io::stderr().is_terminal();
    let mut input = BufReader::with_capacity(RING, io::stdin());
    let mut number = 0_u64;
    let (mut batch, mut bytes) = (Vec::new(), 0);
    loop {
        if prompt {
            let _ = write!(io::stderr(), "> ");
        }
        let mut line = Vec::new();
        number += 1;
        let message = match read_line(&mut input, &mut line, longest_line(longest.bytes(), hex)) {
            Ok(false) => break,
            Ok(true) => line_bytes(line, hex, &format!("line {number}")),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(longest.refuse(&format!("standard input, line {number},")))
            }
            Err(error) => Err(Failure::new(Code::Other, format!("standard input, line {number}: {error}"))),
        };
        let failed = message.is_err();
        bytes += message.as_ref().map_or(0, Vec::len) + size_of::<Message>();
        batch.push(message);
        // A line never waits for one that is not there yet.
        if failed || bytes >= BATCH || !input.buffer().contains(&b'\n') {
            bytes = 0;
            if to.blocking_send(std::mem::take(&mut batch)).is_err() || failed {
                return;
            }
        }
    }
    let _ = to.blocking_send(batch);
}

/// The message that a line is.
fn line_bytes(line: Vec<u8>, hex: bool, which: &str) -> Result<Vec<u8>, Failure> {
    if !hex {
        return Ok(line);
    }
    hex::decode(line.trim_ascii())
        .map_err(|error| Failure::new(Code::Other, format!("{which} is not hexadecimal: {error}")))
}
