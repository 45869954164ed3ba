//! `serve exec`: commands for clients; only those that were named at the start, and never by a shell.
//!
//! Rules for who changes it:
//! - A command has nothing of ours: no environment, no standard input, no open file, a process group of its own.
//! - What was started is killed whatever happens, by [`Running`]'s drop where nothing else did. The group's id is that
//!   of the command, so the command stays unreaped until the group has been killed for the last time: the id
//!   can't have passed to somebody else.
//! - One loop waits for everything at once, `attend`. What it waits for loses nothing when another thing comes first.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use ringframe::{Event, Limited, MAX_HEADER, RuntimeFormat, encode_header};
use ringframe_io::tokio::Writer;
use ringframe_io::{ReadError, WriteError};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::signal::unix::SignalKind;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::budget::{DESCRIPTORS, DISK_THREAD, Needs, descriptors};
use super::{End, Link, Service};
use crate::args::{ExecLimits, ExecServer};
use crate::failure::{Code, Failure};
use crate::json;
use crate::output::{Output, Verbosity};
use crate::transport::WriteHalf;
use crate::wire::{DEFAULT_MAX_FRAME, RING};

/// The most output in one frame. Half of it and more fits the outgoing ring while the other half is sent.
const PIECE: usize = RING / 2 - MAX_HEADER;

/// Payloads of that many bytes must be possible: the longest of our answers that is not output.
const ANSWER: usize = 1024;

/// How long a killed command, or a pipe that somebody outside of its group holds, is waited for.
const GRACE: Duration = Duration::from_secs(1);

/// The most that a pipe holds, bytes: what may still be there after its writers were killed.
const PIPE: usize = 1 << 20;

/// The type byte of a frame of output, for the pipe of that index.
const TYPES: [u8; 2] = [1, 2];

/// The type byte of the last frame.
const LAST: u8 = 0;

type LinkWriter = Writer<WriteHalf, Limited<RuntimeFormat>, Box<[u8]>>;

/// Closes what this process was given open beside its standard streams, for commands would be given it as well. It
/// is the first thing done: nothing else is open yet, and what is opened later is closed for commands by default.
pub(super) fn close_inherited() -> Result<(), Failure> {
    let open = descriptors().map_err(|error| {
        let why = format!("can't list {DESCRIPTORS} for open files that commands must not inherit: {error}");
        Failure::new(Code::Other, why)
    })?;
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The folder itself is in the list and closed already.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

/// Runs commands for clients.
pub(super) struct Exec {
    allowed: HashMap<String, PathBuf>,
    limits: ExecLimits,
    /// How many commands may still begin.
    vacant: Semaphore,
    /// How much output a frame takes.
    piece: usize,
    output: Output,
}

/// What a client asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    cmd: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    stream: bool,
}

/// Why a client does not get what it asks for.
struct Refusal {
    kind: &'static str,
    error: String,
}

impl Refusal {
    fn new(kind: &'static str, error: impl Into<String>) -> Self {
        Self { kind, error: error.into() }
    }

    fn disk(error: &io::Error) -> Self {
        let kind = if error.kind() == io::ErrorKind::StorageFull { "no-space" } else { "internal" };
        Self::new(kind, format!("the server can't keep the command's output: {error}"))
    }
}

/// Why a command, or its reply, ends early.
enum Stop {
    Refused(Refusal),
    End(End),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ReadError<io::Error>> for Stop {
    fn from(error: ReadError<io::Error>) -> Self {
        Self::End(error.into())
    }
}

impl From<WriteError<io::Error>> for Stop {
    fn from(error: WriteError<io::Error>) -> Self {
        Self::End(error.into())
    }
}

impl Service for Exec {
    /// A piece of output.
    const EACH_NEEDS: Needs = Needs { memory: 1 + PIECE, files: 0 };

    /// Commands: for each its request, in pieces as well, and two files with a piece to be written by a thread; two pipes,
    /// those two files, and what starting it needs for a moment.
    fn needs(&self) -> Needs {
        const ARGUMENT: usize = 64;
        let command = 2 * RING + self.limits.max_args.min(RING) * ARGUMENT + 2 * PIECE + DISK_THREAD;
        let commands = usize::from(self.limits.max_commands);
        Needs { memory: commands * command, files: commands * 10 }
    }

    fn guarded(&self) -> Option<&'static str> {
        Some("commands")
    }

    async fn talk(&self, link: &mut Link) -> End {
        let Err(end) = self.answer_all(link).await;
        end
    }
}

impl Exec {
    /// Everything that can be wrong with the command line is said now.
    pub(super) async fn new(args: &ExecServer, output: Output) -> Result<Self, Failure> {
        let ExecServer { allow, limits, server } = args;
        let format = server.wire.format(DEFAULT_MAX_FRAME)?;
        let piece = largest_payload(&format).saturating_sub(1);
        if piece < ANSWER {
            let why = format!(
                "this service needs frames with {ANSWER} bytes and more: choose another --wire or --max-frame"
            );
            return Err(Failure::new(Code::Usage, why));
        }
        let mut allowed = HashMap::new();
        for command in allow {
            if allowed.insert(command.name.clone(), command.program.clone()).is_some() {
                let why = format!("--allow names `{}` twice", command.name);
                return Err(Failure::new(Code::Usage, why));
            }
        }
        for (name, program) in &allowed {
            is_executable(program).map_err(|why| {
                Failure::new(Code::Other, format!("can't allow `{name}`: {} {why}", program.display()))
            })?;
        }
        let vacant = Semaphore::new(limits.max_commands.into());
        Ok(Self { allowed, limits: *limits, vacant, piece, output })
    }

    /// Answers requests, one after another, until the end, which is the only way out.
    async fn answer_all(&self, link: &mut Link) -> Result<Infallible, End> {
        let format = *link.reader.decoder().format();
        let mut room = [0; MAX_HEADER];
        let mut buffer = vec![0; 1 + self.piece].into_boxed_slice();
        loop {
            let Link { reader, stopping, frames, bytes, .. } = link;
            let event = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => return Err(End::Stopped),
                event = reader.next_event() => event,
            };
            let (fields, request) = match event? {
                None => return Err(End::Closed),
                Some(Event::Frame(frame)) => {
                    *frames += 1;
                    *bytes += frame.bytes().len() as u64;
                    (format.get_ref().fields(frame.header(), &mut room), self.parse(frame.payload()))
                }
                Some(Event::Begin { header, payload }) => {
                    *bytes += header.len() as u64;
                    let fields = format.get_ref().fields(header, &mut room);
                    let most = RING - header.len();
                    reader.discard();
                    let why = format!("a request has at most {most} bytes; this one has {payload}");
                    (fields, Err(Refusal::new("bad-request", why)))
                }
                // Discarded.
                Some(Event::Data(_) | Event::End) => continue,
            };
            let fields = fields.unwrap_or_default();
            let result = match request {
                Ok(request) => self.perform(link, fields, &request, &mut buffer).await,
                Err(refusal) => Err(refusal.into()),
            };
            match result {
                Ok(()) => {}
                Err(Stop::Refused(Refusal { kind, error })) => {
                    self.say(link, || {
                        format!("refused, {kind}: {}", crate::text::readable(error.as_bytes()))
                    });
                    let reply = json!({ "ok": false, "kind": kind, "error": error });
                    link.writer.push_with(fields, &[reply.to_string().as_bytes()]).await?;
                }
                Err(Stop::End(end)) => return Err(end),
            }
            link.writer.flush().await?;
        }
    }

    /// With `-v`, what becomes of each request.
    fn say(&self, link: &Link, what: impl FnOnce() -> String) {
        self.output.say(Verbosity::Verbose, || {
            // A connection that is gone has no address any more.
            let peer = link.reader.get_ref().peer_addr();
            format!("{}: {}", peer.map_or_else(|_| "client".into(), |peer| peer.to_string()), what())
        });
    }

    fn parse(&self, payload: &[u8]) -> Result<Request, Refusal> {
        let bad = |why: String| Refusal::new("bad-request", why);
        let request: Request = json::object(payload).map_err(|error| {
            // It may quote the request.
            let why: String = error.to_string().chars().take(ANSWER / 16).collect();
            bad(format!("not a request such as {{\"cmd\":\"NAME\",\"args\":[]}}: {why}"))
        })?;
        let (most, n) = (self.limits.max_args, request.args.len());
        if n > most {
            return Err(bad(format!("a request gives at most {most} arguments; this one gives {n}")));
        }
        match request.args.iter().position(|arg| arg.contains('\0')) {
            Some(i) => {
                Err(bad(format!("argument {} has a NUL character, which no program can be given", i + 1)))
            }
            None => Ok(request),
        }
    }

    /// Runs a command and replies.
    async fn perform(
        &self,
        link: &mut Link,
        fields: &[u8],
        request: &Request,
        buffer: &mut [u8],
    ) -> Result<(), Stop> {
        let Some((name, program)) = self.allowed.get_key_value(&request.cmd) else {
            return Err(Refusal::new("forbidden", "the server does not allow this command").into());
        };
        let Ok(permit) = self.vacant.try_acquire() else {
            let n = self.limits.max_commands;
            let why = format!("the server runs {n} commands already, its limit; try again later");
            return Err(Refusal::new("busy", why).into());
        };
        let mut sink = if request.stream { Sink::stream() } else { Sink::collect(self.limits.max_output)? };
        let began = Instant::now();
        let mut running = Running::start(program, &request.args).map_err(|error| refusal(&error))?;
        if request.stream {
            link.writer.push_with(fields, &[br#"{"ok":true,"stream":true}"#]).await?;
        }
        let outcome = match self.attend(link, fields, &mut running, &mut sink, buffer).await {
            Ok(outcome) => outcome,
            Err(stop) => {
                self.say(link, || format!("{name} killed"));
                return Err(stop);
            }
        };
        drop((running, permit));
        self.say(link, || format!("{name}: {} after {:?}", outcome.json(), began.elapsed()));
        let Link { writer, .. } = link;
        let mut reply = outcome.json();
        let Some(files) = &mut sink.files else {
            writer.push_with(fields, &[&[&[LAST], reply.to_string().as_bytes()].concat()]).await?;
            return Ok(());
        };
        for file in files.iter_mut() {
            file.rewind().await.map_err(|error| Refusal::disk(&error))?;
        }
        reply["ok"] = true.into();
        [reply["stdout"], reply["stderr"]] = sink.sizes.map(Value::from);
        writer.push_with(fields, &[reply.to_string().as_bytes()]).await?;
        for (file, size) in files.iter_mut().zip(sink.sizes) {
            send(writer, &mut file.take(size), size, buffer).await?;
        }
        Ok(())
    }

    /// Takes a command's output until it has ended: its process, and whoever else writes there.
    async fn attend(
        &self,
        link: &mut Link,
        fields: &[u8],
        running: &mut Running,
        sink: &mut Sink,
        buffer: &mut [u8],
    ) -> Result<Outcome, Stop> {
        let Link { reader, writer, .. } = link;
        let mut outcome = Outcome::default();
        let mut exited = false;
        // What has left the ring may still wait below it.
        let mut unsent = true;
        let mut time_is_up = pin!(sleep(self.limits.command_time));
        while !exited || running.pipes.iter().any(Option::is_some) {
            let Running { pipes: [stdout, stderr], end, group, .. } = &mut *running;
            // Back-pressure: what the client doesn't take stays in the pipe, and the command waits.
            let room = has_room(writer, buffer);
            unsent |= !writer.encoder().is_empty();
            let which = tokio::select! {
                ended = reader.read_ahead() => return Err(Stop::End(match ended? {
                    true => End::Closed,
                    false => End::Other {
                        why: "broke the protocol",
                        detail: format!("sent {RING} bytes of requests ahead of the reply"),
                    },
                })),
                () = &mut time_is_up => {
                    outcome.timeout = true;
                    break;
                }
                () = end.wait(*group), if !exited => {
                    exited = true;
                    continue;
                }
                result = writer.flush(), if unsent => {
                    result?;
                    unsent = false;
                    continue;
                }
                () = readable(stdout), if room => 0,
                () = readable(stderr), if room => 1,
            };
            if !running.read(which, writer, fields, sink, buffer).await? {
                outcome.truncated = true;
                break;
            }
        }
        // Before its pipes are closed, which would end it in another way.
        let status = running.finish().await;
        if outcome.truncated {
            running.pipes = [None, None];
        }
        // What was written before the end is not lost.
        let until = Instant::now() + GRACE;
        for which in 0..TYPES.len() {
            let most = sink.sizes[which] + PIPE as u64;
            while running.pipes[which].is_some() && sink.sizes[which] < most {
                if !has_room(writer, buffer) {
                    writer.flush().await?;
                }
                if timeout_at(until, readable(&running.pipes[which])).await.is_err() {
                    break;
                }
                if !running.read(which, writer, fields, sink, buffer).await? {
                    outcome.truncated = true;
                    break;
                }
            }
        }
        outcome.ended(status);
        Ok(outcome)
    }
}

/// The largest payload that the format can carry, up to a piece.
fn largest_payload(format: &Limited<RuntimeFormat>) -> usize {
    let fields = vec![0; format.get_ref().fields_len()];
    let (mut possible, mut impossible) = (0, PIECE + 1);
    while impossible - possible > 1 {
        let payload = possible.midpoint(impossible);
        match encode_header(format, &fields, payload as u64, &mut [0; MAX_HEADER]) {
            Ok(_) => possible = payload,
            Err(_) => impossible = payload,
        }
    }
    possible
}

/// Whether a program can be run, or why not.
fn is_executable(program: &Path) -> Result<(), String> {
    let metadata = std::fs::metadata(program).map_err(|error| format!("can't be found: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".into());
    }
    rustix::fs::access(program, rustix::fs::Access::EXEC_OK)
        .map_err(|error| format!("is not executable: {}", io::Error::from(error)))
}

/// Why a command could not begin.
fn refusal(error: &io::Error) -> Refusal {
    match error.kind() {
        io::ErrorKind::NotFound => Refusal::new(
            "not-found",
            "the command's program, or the interpreter that it names, is not there any more",
        ),
        io::ErrorKind::ArgumentListTooLong => Refusal::new(
            "bad-request",
            "the arguments are longer than the server's system can give to a program",
        ),
        _ => Refusal::new("internal", format!("the server can't run the command: {error}")),
    }
}

/// Whether a frame of output finds room without waiting.
fn has_room(writer: &LinkWriter, buffer: &[u8]) -> bool {
    writer.encoder().free() >= buffer.len() + MAX_HEADER
}

/// Waits until there is something to read, or the end; for ever where that has been seen.
async fn readable(pipe: &Option<pipe::Receiver>) {
    match pipe {
        // A failure is found again by reading.
        Some(pipe) => drop(pipe.readable().await),
        None => pending().await,
    }
}

/// Sends exactly `size` bytes of a file behind the frames.
async fn send(
    writer: &mut LinkWriter,
    from: &mut (impl AsyncRead + Unpin),
    size: u64,
    buffer: &mut [u8],
) -> Result<(), WriteError<io::Error>> {
    let mut left = size;
    while left > 0 {
        let n = from.read(buffer).await.map_err(WriteError::Io)?;
        if n == 0 {
            return Err(WriteError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        left -= n as u64;
        let mut bytes = &buffer[..n];
        while !bytes.is_empty() {
            let sent = writer.write_unframed(bytes).await?;
            bytes = &bytes[sent..];
        }
    }
    Ok(())
}

/// How a command ended.
#[derive(Clone, Copy, Default)]
struct Outcome {
    code: u8,
    signal: Option<i32>,
    timeout: bool,
    truncated: bool,
}

impl Outcome {
    /// `None`: killed, but not gone yet.
    fn ended(&mut self, status: Option<ExitStatus>) {
        let signal = status.map_or(Some(Signal::KILL.as_raw()), |status| status.signal());
        let code = match (self.timeout, signal, status.and_then(|status| status.code())) {
            (true, ..) => 124,
            (_, Some(signal), _) => {
                self.signal = Some(signal);
                128 + signal
            }
            (.., code) => code.unwrap_or_default(),
        };
        // A code has eight bits, and signals end at 64.
        self.code = code as u8;
    }

    fn json(self) -> Value {
        let mut object = json!({ "code": self.code });
        if let Some(signal) = self.signal {
            object["signal"] = signal.into();
        }
        for (key, is_so) in [("timeout", self.timeout), ("truncated", self.truncated)] {
            if is_so {
                object[key] = true.into();
            }
        }
        object
    }
}

/// Where output goes.
struct Sink {
    /// How much of each kind came.
    sizes: [u64; 2],
    /// Files without a name, until the command ends. `None`: to the client at once, in frames.
    files: Option<[File; 2]>,
    /// How much the files may still take, together.
    left: u64,
}

impl Sink {
    fn stream() -> Self {
        Self { sizes: [0, 0], files: None, left: u64::MAX }
    }

    fn collect(most: u64) -> Result<Self, Refusal> {
        let file = || tempfile::tempfile().map(File::from_std).map_err(|error| Refusal::disk(&error));
        Ok(Self { sizes: [0, 0], files: Some([file()?, file()?]), left: most })
    }
}

/// A command that runs; dropped, it is killed, with all that is left of its process group.
struct Running {
    /// `None` once it is reaped.
    child: Option<Child>,
    /// Its process group, which has the command's own id.
    group: Pid,
    end: Death,
    /// Its standard output and standard error, until their ends.
    pipes: [Option<pipe::Receiver>; 2],
}

impl Running {
    fn start(program: &Path, args: &[String]) -> io::Result<Self> {
        let end = Death(tokio::signal::unix::signal(SignalKind::child())?);
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes: [Option<OwnedFd>; 2] =
            [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
        let group = Pid::from_child(&child);
        let mut running = Self { child: Some(child), group, end, pipes: [None, None] };
        for (to, pipe) in running.pipes.iter_mut().zip(pipes) {
            *to = pipe.map(pipe::Receiver::from_owned_fd).transpose()?;
        }
        Ok(running)
    }

    /// Takes what is there of some output; a frame of it has room. `false`: no more is wanted.
    async fn read(
        &mut self,
        which: usize,
        writer: &mut LinkWriter,
        fields: &[u8],
        sink: &mut Sink,
        buffer: &mut [u8],
    ) -> Result<bool, Stop> {
        let (kind, data) = buffer.split_at_mut(1);
        let Some(pipe) = &self.pipes[which] else { return Ok(true) };
        let n = match pipe.try_read(data) {
            Ok(n @ 1..) => n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Ok(0) | Err(_) => {
                self.pipes[which] = None;
                return Ok(true);
            }
        };
        let wanted = u64::min(n as u64, sink.left);
        match &mut sink.files {
            None => {
                kind[0] = TYPES[which];
                writer.encoder_mut().push_with(fields, &[&buffer[..=n]]).map_err(WriteError::Encode)?;
            }
            Some(files) => {
                let written = files[which].write_all(&data[..wanted as usize]).await;
                written.map_err(|error| Refusal::disk(&error))?;
                sink.left -= wanted;
            }
        }
        sink.sizes[which] += wanted;
        Ok(wanted == n as u64)
    }

    fn kill(&self) {
        // It fails where nobody is left.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Ends what is left of the group, reaps the command, and answers how it ended.
    async fn finish(&mut self) -> Option<ExitStatus> {
        self.kill();
        // Not even a kill ends a process that waits for a broken disk.
        timeout(GRACE, self.end.wait(self.group)).await.ok()?;
        self.child.take()?.wait().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.kill();
            // It ends soon, but nobody should have to wait for it. Where there is no thread to be had, it stays as an
            // entry in the system's list of processes until the server ends.
            let _ = std::thread::Builder::new().spawn(move || child.wait());
        }
    }
}

/// Learns of the end of a command without reaping it.
struct Death(tokio::signal::unix::Signal);

impl Death {
    async fn wait(&mut self, command: Pid) {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(command), options) {
            // Of any child.
            self.0.recv().await;
        }
    }
}
