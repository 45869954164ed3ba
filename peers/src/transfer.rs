//! `put`, `get` and `ls`: the clients of a file service, on a host or on a device.
//!
//! A device is frugal: it holds headers of 512 bytes at most, begins a resumed transfer at 0, and closes as soon as
//! it refuses a put. So headers are short, an offset is the server's choice, and a client reads while it sends.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use ringframe::{Limited, RuntimeFormat};
use ringframe_io::tokio::{Reader, Writer};
use serde_json::json;
use tokio::time::timeout;

use crate::args::{Get, Ls, Put, TransferArgs};
use crate::content::{Pieces, ReceiveError, SendError, Sink, Source, SourceError, blocking, receive, send};
use crate::failure::{Code, Failure};
use crate::file_wire::{Entry, Hash, Kind, Refusal, Reply, Request, from_json, to_json};
use crate::output::{self, Output, Verbosity, buffered_stdout, json_line};
use crate::store::{Name, Partial, Store};
use crate::text::{readable, readable_path};
use crate::transport::{ReadHalf, WriteHalf};
use crate::wire::{DEFAULT_MAX_FRAME, RING, whole_frames_only};
use crate::{net, runtime, transport};

/// How fast a server is expected to hash what it has of a file, bytes per second.
const HASHING: u64 = 64 << 20;

/// How fast a server is expected to bring to its disk what it has received, bytes per second.
const SYNCING: u64 = 4 << 20;

/// How long is waited for a reason after a send that failed.
const REASON: Duration = Duration::from_secs(2);

pub(crate) fn put(args: Put, output: Output) -> Result<(), Failure> {
    runtime::until_interrupted(put_file(args, output))
}

pub(crate) fn get(args: Get, output: Output) -> Result<(), Failure> {
    runtime::until_interrupted(get_file(args, output))
}

pub(crate) fn ls(args: Ls, output: Output) -> Result<(), Failure> {
    runtime::until_interrupted(list_files(args, output))
}

/// A connection to a file service.
struct Client {
    reader: Reader<ReadHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    writer: Writer<WriteHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    pieces: Pieces,
    /// The header bytes around the length field.
    fields: Vec<u8>,
    address: String,
    patience: Duration,
}

impl Client {
    async fn connect(address: &str, args: &TransferArgs, output: Output) -> Result<Self, Failure> {
        let usage = |error: String| Failure::new(Code::Usage, error);
        let format = args.wire.format(DEFAULT_MAX_FRAME)?;
        let fields = args.wire.wire.fields(None).map_err(usage)?;
        let key = args.key.read()?;
        let stream = net::connect(address, args.timeout).await?;
        // The server is given its time; that its machine is gone is noticed.
        net::keep_alive(&stream, net::Keepalive::DEFAULT, args.timeout);
        output.say(Verbosity::Verbose, || format!("connected to {address}"));
        let (read, write) = transport::begin(stream, key.as_ref(), address, args.timeout).await?;
        let reader = Reader::with_capacity(read, format, RING)?;
        let mut writer = Writer::with_capacity(write, format, RING)?;
        writer.set_write_patience_by_progress(Some(args.timeout));
        let (address, patience) = (address.to_owned(), args.timeout);
        Ok(Self { reader, writer, pieces: Pieces::new(), fields, address, patience })
    }

    /// Sends a header.
    async fn say(&mut self, header: &Request) -> Result<(), Failure> {
        let Self { writer, reader, fields, address, .. } = self;
        let sent = async {
            writer.push_with(fields, &[&to_json(header)]).await?;
            writer.flush().await
        };
        match sent.await {
            Ok(()) => Ok(()),
            Err(error) => {
                Err(reason(reader, address).await.unwrap_or_else(|| Failure::write(address, &error)))
            }
        }
    }

    /// The next header of the server, which has the usual time, and what it works on the content.
    async fn reply(&mut self, work: Duration) -> Result<Reply, Failure> {
        let allowed = self.patience.saturating_add(work);
        match timeout(allowed, reply(&mut self.reader, &self.address)).await {
            Ok(Ok(Some(reply))) => Ok(reply),
            Ok(Ok(None)) => Err(self.lost(Code::Connection, "closed the connection before its reply")),
            Ok(Err(failure)) => {
                // Nothing more will be asked.
                transport::end(&mut self.writer).await;
                Err(failure)
            }
            Err(_) => {
                let allowed = humantime::format_duration(Duration::from_secs(allowed.as_secs().max(1)));
                Err(self.lost(Code::Connection, &format!("did not reply within {allowed}")))
            }
        }
    }

    fn lost(&self, code: Code, what: &str) -> Failure {
        Failure::new(code, format!("{} {what}", self.address))
    }

    /// The server said something that can't be.
    fn strange(&self, what: &str) -> Failure {
        Failure::new(Code::Protocol, format!("{}: {what}", self.address))
    }
}

/// The next header of a server; `None`: it closed the connection. A refusal is a failure.
async fn reply(
    reader: &mut Reader<ReadHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    address: &str,
) -> Result<Option<Reply>, Failure> {
    let frame = reader.next_frame().await.map_err(whole_frames_only);
    let Some(frame) = frame.map_err(|error| Failure::read(address, &error))? else {
        return Ok(None);
    };
    let reply: Reply = from_json(frame.payload()).map_err(|error| {
        let error = readable(error.as_bytes());
        Failure::new(Code::Protocol, format!("{address}: its reply is no header of a file service: {error}"))
    })?;
    match reply.ok {
        Some(true) => Ok(Some(reply)),
        Some(false) => {
            let kind = reply.kind.as_deref().unwrap_or("no kind given");
            let code = Kind::by_name(kind).map_or(Code::Other, Kind::code);
            let why = reply.error.as_deref().unwrap_or("no reason given");
            let (kind, why) = (readable(kind.as_bytes()), readable(why.as_bytes()));
            Err(Failure::new(code, format!("{address} refused: {kind}: {why}")))
        }
        None => {
            let why = "its reply says neither that it is `ok` nor that it is not";
            Err(Failure::new(Code::Protocol, format!("{address}: {why}")))
        }
    }
}

/// Why a send failed, if the server has said so.
async fn reason(
    reader: &mut Reader<ReadHalf, Limited<RuntimeFormat>, Box<[u8]>>,
    address: &str,
) -> Option<Failure> {
    match timeout(REASON, reply(reader, address)).await {
        Ok(Err(failure)) if !failure.is(Code::Connection) => Some(failure),
        _ => None,
    }
}

async fn put_file(args: Put, output: Output) -> Result<(), Failure> {
    let Put { address, file, name, overwrite, resume, link } = args;
    let shown = shown(&file);
    let name = match name {
        Some(name) => name,
        None => match file.file_name().and_then(|name| name.to_str()) {
            Some(name) => name.to_owned(),
            None => {
                let why = format!("{shown} has no name that can be sent: say NAME as well");
                return Err(Failure::new(Code::Usage, why));
            }
        },
    };
    let source = open(file, output).await?;
    let size = source.size();

    let mut client = Client::connect(&address, &link, output).await?;
    let request = Request {
        op: Some("put".into()),
        name: Some(name.clone()),
        size: Some(size),
        trailer: true,
        resume,
        overwrite,
        ..Request::default()
    };
    client.say(&request).await?;
    let offset;
    let source = if resume {
        let offer = client.reply(seconds(size, HASHING)).await?;
        let beginning;
        (beginning, offset) = check_offer(source, &offer).await.map_err(|error| unsent(&shown, &error))?;
        output.say(Verbosity::Verbose, || match offer.offset {
            Some(there @ 1..) if offset == 0 => {
                format!("{there} bytes that are there are others: beginning at 0")
            }
            _ => format!("going on at byte {offset} of {size}"),
        });
        client.say(&Request { offset: Some(offset), ..Request::default() }).await?;
        beginning
    } else {
        offset = 0;
        source
    };

    let since = Instant::now();
    let bar = bar(output, offset, size);
    let sha256 = send_all(&mut client, source, &shown, &bar).await;
    bar.finish_and_clear();
    let sha256 = sha256?;
    let done = client.reply(seconds(size, SYNCING)).await?;
    match (done.size, done.sha256) {
        (Some(there), Some(hash)) if there == size && hash == sha256 => {}
        (Some(_), Some(_)) => {
            let why = format!("{address} received something else: it says so by its size and its SHA-256");
            return Err(Failure::new(Code::Integrity, why));
        }
        _ => return Err(client.strange("its reply to a put lacks `size` or `sha256`")),
    }
    transport::end(&mut client.writer).await;
    say_rate(output, size - offset, since);
    tell(output, &name, size, offset, sha256)
}

/// Sends the content and its hash, while it listens for a refusal.
async fn send_all(
    client: &mut Client,
    source: Source,
    shown: &str,
    bar: &ProgressBar,
) -> Result<Hash, Failure> {
    let Client { reader, writer, pieces, fields, address, .. } = client;
    let (size, sent) = (source.size(), Cell::new(source.size() - source.left()));
    let sending = async {
        let source = send(writer, source, pieces, |n| {
            sent.set(sent.get() + n);
            bar.inc(n);
        });
        let sha256 = source.await?.finish().await?;
        let trailer = to_json(&Request { sha256: Some(sha256), ..Request::default() });
        writer.push_with(fields, &[&trailer]).await?;
        writer.flush().await?;
        Ok(sha256)
    };
    let so_far = || format!("{} of {size} bytes were sent", sent.get());
    let result = tokio::select! {
        // Its reply can only come once everything is sent: then this is over first.
        biased;
        result = sending => result,
        early = reply(reader, address) => return Err(match early {
            Err(failure) => failure.with(&so_far()),
            Ok(Some(_)) => {
                let why = format!("{address} replied before it had everything: {}", so_far());
                Failure::new(Code::Protocol, why)
            }
            Ok(None) => {
                Failure::new(Code::Connection, format!("{address} closed the connection: {}", so_far()))
            }
        }),
    };
    match result {
        Ok(sha256) => Ok(sha256),
        Err(SendError::Source(error)) => Err(unsent(shown, &error)),
        // A server that had enough said so before it closed.
        Err(SendError::Write(error)) => Err(match reason(reader, address).await {
            Some(failure) => failure,
            None => Failure::write(&format!("{address}: {}", so_far()), &error),
        }),
    }
}

/// The file to put. What is no ordinary file has no size yet: its content is kept in one without a name first.
async fn open(path: PathBuf, output: Output) -> Result<Source, Failure> {
    let shown = shown(&path);
    let cannot = |error: io::Error| Failure::new(Code::Other, format!("can't read {shown}: {error}"));
    let stdin = path.as_os_str() == "-";
    let opened = blocking(move || {
        let file = if stdin { None } else { Some(File::open(&path)?) };
        let metadata = file.as_ref().map(File::metadata).transpose()?;
        io::Result::Ok((file, metadata))
    });
    let (file, metadata) = opened.await.flatten().map_err(cannot)?;
    match (file, metadata) {
        (Some(_), Some(metadata)) if metadata.is_dir() => {
            Err(Failure::new(Code::Other, format!("{shown} is a folder, not a file")))
        }
        (Some(file), Some(metadata)) if metadata.is_file() => Source::new(file).map_err(cannot),
        (file, _) => {
            output.say(Verbosity::Verbose, || format!("reading {shown} to its end, to know its size"));
            let spinner = output::progress(
                output,
                ProgressBar::new_spinner(),
                "{spinner} {binary_bytes} {binary_bytes_per_sec}",
            );
            let spool = blocking(move || {
                let mut spool = tempfile::tempfile()?;
                let mut count = spinner.wrap_write(&mut spool);
                match file {
                    Some(mut file) => io::copy(&mut file, &mut count)?,
                    None => io::copy(&mut io::stdin().lock(), &mut count)?,
                };
                io::Seek::rewind(&mut spool)?;
                Source::new(spool)
            });
            spool.await.flatten().map_err(|error| {
                let hint = match error.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        " (it is kept in a temporary file first: TMPDIR says where)"
                    }
                    _ => "",
                };
                Failure::new(Code::Other, format!("can't keep what comes from {shown}: {error}{hint}"))
            })
        }
    }
}

/// Where to go on with a put: where the server offers to, if it has the same, or at the beginning.
async fn check_offer(source: Source, offer: &Reply) -> Result<(Source, u64), SourceError> {
    let (Some(offset @ 1..), Some(sha256)) = (offer.offset, offer.sha256) else { return Ok((source, 0)) };
    if offset > source.size() {
        return Ok((source, 0));
    }
    let mut source = source.skip(offset).await?;
    if source.hash() == sha256 {
        return Ok((source, offset));
    }
    source.rewind().map_err(SourceError::Io)?;
    Ok((source, 0))
}

fn unsent(shown: &str, error: &SourceError) -> Failure {
    match error {
        SourceError::Io(error) => Failure::new(Code::Other, format!("can't read {shown}: {error}")),
        error => {
            let why = format!("{shown} {error}: nothing is kept under that name");
            Failure::new(Code::Integrity, why)
        }
    }
}

/// Where a get writes to.
enum Target {
    Stdout,
    File { store: Store, partial: Partial, shown: String },
}

async fn get_file(args: Get, output: Output) -> Result<(), Failure> {
    let Get { address, name, file, resume, link } = args;
    let to_stdout = file.as_deref() == Some(Path::new("-"));
    if to_stdout && resume {
        let why = "standard output can't be resumed: say a FILE, or leave out --resume";
        return Err(Failure::new(Code::Usage, why));
    }
    let (target, sink, have) = if to_stdout {
        (Target::Stdout, Sink::new(stdout().map_err(Failure::stdout)?), 0)
    } else {
        target(&name, file, resume).await?
    };
    let mut request = Request { op: Some("get".into()), name: Some(name.clone()), ..Request::default() };
    if have > 0 {
        request.offset = Some(have);
        request.prefix_sha256 = Some(sink.hash());
    }

    let mut client = Client::connect(&address, &link, output).await?;
    client.say(&request).await?;
    let begun = client.reply(seconds(have, HASHING)).await?;
    let Some(size) = begun.size else { return Err(client.strange("its reply to a get lacks `size`")) };
    let offset = match begun.offset.unwrap_or(0) {
        0 => 0,
        offset if offset == have && offset <= size => offset,
        offset => {
            return Err(client.strange(&format!("it goes on at byte {offset}, which it was not asked to")));
        }
    };
    if have > 0 {
        output.say(Verbosity::Verbose, || match offset {
            0 => format!("the {have} bytes that are here are not used: beginning at 0"),
            _ => format!("going on at byte {offset} of {size}"),
        });
    }
    let sink = target.prepare(sink, offset, size).await?;

    let since = Instant::now();
    let bar = bar(output, offset, size);
    let Client { reader, pieces, .. } = &mut client;
    let came = Cell::new(offset);
    let received = receive(reader, sink, size - offset, pieces, link.timeout, |n| {
        came.set(came.get() + n);
        bar.inc(n);
    })
    .await;
    bar.finish_and_clear();
    let so_far = format!("{} of {size} bytes came{}", came.get(), target.hint(came.get()));
    let sink = received.map_err(|error| match error {
        ReceiveError::Read(error) => Failure::read(&address, &error).with(&so_far),
        ReceiveError::Short { .. } => {
            client.lost(Code::Integrity, &format!("ended the content early: {so_far}"))
        }
        ReceiveError::Silent { allowed } => {
            let allowed = humantime::format_duration(allowed);
            client.lost(Code::Connection, &format!("sent no byte for {allowed}: {so_far}"))
        }
        ReceiveError::Sink(error) => target.cannot_write(error).with(&so_far),
    })?;

    let end = match timeout(link.timeout, reply(&mut client.reader, &address)).await {
        Ok(Ok(Some(end))) => end,
        Ok(Err(failure)) => {
            if failure.is(Code::Integrity) {
                target.forget();
            }
            return Err(failure);
        }
        Ok(Ok(None)) => {
            return Err(client.lost(Code::Integrity, "closed the connection before the content's SHA-256"));
        }
        Err(_) => return Err(client.lost(Code::Connection, "did not send the content's SHA-256")),
    };
    let sha256 = sink.hash();
    match end.sha256 {
        Some(hash) if hash == sha256 => {}
        Some(hash) => {
            target.forget();
            let why = format!("what came from {address} has the SHA-256 {sha256}, what was sent {hash}");
            return Err(Failure::new(Code::Integrity, why));
        }
        None => return Err(client.strange("the frame behind its content lacks `sha256`")),
    }
    drop(sink);
    transport::end(&mut client.writer).await;
    say_rate(output, size - offset, since);
    match target {
        Target::Stdout => Ok(()),
        Target::File { partial, shown, .. } => {
            let committed = blocking(move || partial.commit(false)).await;
            let committed =
                committed.unwrap_or_else(|error| Err(Refusal::io("the file can't be completed", &error)));
            committed.map_err(|refusal| local(&shown, &refusal))?;
            tell(output, &shown, size, offset, sha256)
        }
    }
}

/// Makes sure that a file can be written here, before anything is asked for; and answers how much of it came
/// before, with its hash.
async fn target(name: &str, file: Option<PathBuf>, resume: bool) -> Result<(Target, Sink, u64), Failure> {
    // The user has typed that name, so it may become one here; but only here.
    let path = match file {
        Some(path) => path,
        None => {
            Name::from_peer(name).map_err(|refusal| {
                let name = readable(name.as_bytes());
                let why = format!("`{name}` can't be the name of a file here: {refusal}; say a FILE");
                Failure::new(refusal.kind.code(), why)
            })?;
            name.into()
        }
    };
    let shown = shown(&path);
    let begun = blocking(move || {
        let Some(name) = path.file_name() else {
            return Err(Refusal::new(Kind::Internal, "this is no name of a file"));
        };
        let name = Name::from_here(name)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let store = Store::open(folder).map_err(|error| Refusal::io("the folder can't be opened", &error))?;
        store.check_vacant(&name, false).map_err(|refusal| match refusal.kind {
            Kind::Exists => {
                Refusal::new(Kind::Exists, "it exists already, and a get replaces nothing: say another FILE")
            }
            _ => refusal,
        })?;
        // Whoever fetches files here has an interest in that.
        let _ = store.sweep();
        let partial = store.partial(&name)?;
        let file = partial.file().map_err(|error| Refusal::io("it can't be written", &error))?;
        Ok((store, partial, file))
    });
    let begun = begun.await.unwrap_or_else(|error| Err(Refusal::io("it can't be written", &error)));
    let (store, partial, file) = begun.map_err(|refusal| local(&shown, &refusal))?;
    let (sink, have) = if resume {
        Sink::resume(file, u64::MAX)
            .await
            .map_err(|error| local(&shown, &Refusal::io("what came before can't be read", &error)))?
    } else {
        (Sink::new(file), 0)
    };
    Ok((Target::File { store, partial, shown }, sink, have))
}

impl Target {
    /// Once it is known that there is something to write.
    async fn prepare(&self, mut sink: Sink, offset: u64, size: u64) -> Result<Sink, Failure> {
        let Self::File { store, shown, .. } = self else { return Ok(sink) };
        let store = store.clone();
        let prepared = blocking(move || {
            sink.cut(offset).map_err(|error| Refusal::io("it can't be written", &error))?;
            match store.free() {
                Some(free) if size - offset > free => {
                    Err(Refusal::new(Kind::NoSpace, format!("{size} bytes don't fit: {free} are free")))
                }
                _ => Ok(sink),
            }
        });
        let prepared = prepared.await.unwrap_or_else(|error| Err(Refusal::io("it can't be written", &error)));
        prepared.map_err(|refusal| local(shown, &refusal))
    }

    fn cannot_write(&self, error: io::Error) -> Failure {
        match self {
            Self::Stdout => Failure::stdout(error),
            Self::File { shown, .. } => local(shown, &Refusal::io("it can't be written", &error)),
        }
    }

    /// What to do about an early end.
    fn hint(&self, came: u64) -> &'static str {
        match self {
            Self::File { .. } if came > 0 => ", and get --resume goes on with them",
            _ => "",
        }
    }

    /// What came is no use.
    fn forget(self) {
        if let Self::File { partial, .. } = self {
            partial.discard();
        }
    }
}

/// Standard output, without the buffer for lines.
fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    let stdout = std::os::fd::AsFd::as_fd(&io::stdout()).try_clone_to_owned();
    #[cfg(windows)]
    let stdout = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned();
    stdout.map(File::from)
}

async fn list_files(args: Ls, output: Output) -> Result<(), Failure> {
    let mut client = Client::connect(&args.address, &args.link, output).await?;
    let mut out = buffered_stdout();
    let mut after: Option<String> = None;
    loop {
        client.say(&Request { op: Some("ls".into()), after: after.clone(), ..Request::default() }).await?;
        let page = client.reply(Duration::ZERO).await?;
        let (Some(files), Some(more)) = (page.files, page.more) else {
            return Err(client.strange("its reply to ls lacks `files` or `more`"));
        };
        for Entry { name, size } in &files {
            let line = if output.json {
                json_line(&json!({ "name": name, "size": size }))
            } else {
                format!("{size:>14}  {}", readable(name.as_bytes()))
            };
            writeln!(out, "{line}").map_err(Failure::stdout)?;
        }
        out.flush().map_err(Failure::stdout)?;
        if !more {
            transport::end(&mut client.writer).await;
            return Ok(());
        }
        // A server that goes round in circles is not followed.
        let last = files.into_iter().next_back().map(|entry| entry.name);
        if last.is_none() || last <= after {
            return Err(client.strange("it says that there are more files, but lists none behind the last"));
        }
        after = last;
    }
}

fn local(shown: &str, refusal: &Refusal) -> Failure {
    Failure::new(refusal.kind.code(), format!("{shown}: {refusal}"))
}

/// A path for a sentence.
fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "standard input".into();
    }
    readable_path(path)
}

/// How long work on so many bytes may take.
fn seconds(bytes: u64, per_second: u64) -> Duration {
    Duration::from_secs(bytes / per_second)
}

/// The result, a line as `sha256sum` has it.
fn tell(output: Output, name: &str, size: u64, offset: u64, sha256: Hash) -> Result<(), Failure> {
    output.result(
        &format!("{sha256}  {}", readable(name.as_bytes())),
        || json!({ "name": name, "size": size, "offset": offset, "sha256": sha256 }),
    )
}

fn say_rate(output: Output, bytes: u64, since: Instant) {
    output.say(Verbosity::Verbose, || {
        let seconds = since.elapsed().as_secs_f64();
        let rate = bytesize::ByteSize((bytes as f64 / seconds) as u64);
        format!("{} in {seconds:.2} s, {rate}/s", bytesize::ByteSize(bytes))
    });
}

/// The progress of a transfer that begins at `offset`.
fn bar(output: Output, offset: u64, size: u64) -> ProgressBar {
    let bar = output::progress(
        output,
        ProgressBar::with_draw_target(Some(size), ProgressDrawTarget::hidden()),
        "{wide_bar} {percent}% {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} left",
    );
    // The rate is that of what moves now.
    bar.set_position(offset);
    bar.reset_eta();
    bar
}
