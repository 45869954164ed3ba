//! `serve files`: the files of a folder, handed out and, where that is allowed, taken in.
//!
//! A conversation is one request after another. A header is a frame; content follows it unframed:
//!
//! ```text
//! put  {"op":"put","name":"a","size":5} h e l l o     -> {"ok":true,"size":5,"sha256":"…"}
//! get  {"op":"get","name":"a"}   -> {"ok":true,"size":5} h e l l o {"ok":true,"sha256":"…"}
//! ls   {"op":"ls"}               -> {"ok":true,"files":[{"name":"a","size":5}],"more":false}
//! ```
//!
//! A put that is refused ends the connection, since content that nobody wants may follow; its client reads
//! while it sends. Every other refusal leaves both in step.

use std::io;
use std::time::Duration;

use ringframe::{DecodeError, MAX_HEADER};
use ringframe_io::{Patience, ReadError, WriteError};
use tokio::time::{MissedTickBehavior, interval};

use super::budget::{DISK_THREAD, Needs};
use super::{End, Link, Service};
use crate::args;
use crate::content::{
    PIECE, Pieces, ReceiveError, SendError, Sink, Source, SourceError, blocking, receive, send,
};
use crate::failure::{Code, Failure};
use crate::file_wire::{Kind, MAX_HEADER_FRAME, Refusal, Reply, Request, from_json, to_json};
use crate::output::{Output, Verbosity};
use crate::store::{Name, Partial, Store};
use crate::text::{readable, readable_path};
use crate::wire::whole_frames_only;

/// How often is looked for partial files that nobody wants any more.
const SWEEP: Duration = Duration::from_secs(60 * 60);

/// How fast a client is expected to hash what it has of a file, bytes per second.
const HASHING: u64 = 64 << 20;

/// Hands out the files of a folder.
pub(super) struct Files {
    store: Store,
    allow_write: bool,
    overwrite: bool,
    content_time: Duration,
    patience: Patience,
}

impl Files {
    pub(super) async fn new(args: &args::Files, output: Output) -> Result<Self, Failure> {
        let root = &args.root;
        let store = Store::open(root).map_err(|error| {
            let why = format!("can't open the folder {}: {error}", readable_path(root));
            Failure::new(Code::Other, why)
        })?;
        if args.allow_write {
            tokio::spawn(sweep(store.clone(), output));
        }
        let limits = &args.server.limits;
        Ok(Self {
            store,
            allow_write: args.allow_write,
            overwrite: args.overwrite,
            content_time: args.content_time,
            patience: super::patience(limits),
        })
    }
}

/// Removes stale partial files, now and again.
async fn sweep(store: Store, output: Output) {
    let mut turn = interval(SWEEP);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turn.tick().await;
        let store = store.clone();
        let said = match blocking(move || store.sweep()).await.flatten() {
            Ok(0) => continue,
            Ok(1) => "a partial file was removed: nobody went on with it for a day".into(),
            Ok(n) => format!("{n} partial files were removed: nobody went on with them for a day"),
            Err(error) => format!("can't look for partial files: {error}"),
        };
        output.say(Verbosity::Verbose, || said);
    }
}

impl Service for Files {
    /// Pieces of content, and one more while a beginning is hashed; a thread for the disk; a list of files, as names and as
    /// a reply. A file with two handles, and for a moment the folder.
    const EACH_NEEDS: Needs =
        Needs { memory: Pieces::SIZE + PIECE + DISK_THREAD + 4 * MAX_HEADER_FRAME, files: 3 };

    fn guarded(&self) -> Option<&'static str> {
        self.allow_write.then_some("--allow-write")
    }

    async fn talk(&self, link: &mut Link) -> End {
        let mut session =
            Session { files: self, link, fields: Vec::new(), pieces: Pieces::new(), page: MAX_HEADER_FRAME };
        loop {
            match session.request().await {
                Ok(()) => {}
                Err(Stop::End(end)) => return end,
                Err(Stop::Refused(refusal)) => return session.refuse_and_close(refusal).await,
            }
        }
    }
}

/// Why a session does not go on.
enum Stop {
    End(End),
    /// The client is to be told so.
    Refused(Refusal),
}

impl<E: Into<End>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::End(error.into())
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A client's conversation.
struct Session<'s> {
    files: &'s Files,
    link: &'s mut Link,
    /// The header bytes around the length field, which are the request's own.
    fields: Vec<u8>,
    pieces: Pieces,
    /// How large the frame of a list may be.
    page: usize,
}

impl Session<'_> {
    async fn request(&mut self) -> Result<(), Stop> {
        let Some(request) = self.header(true).await? else { return Err(End::Closed.into()) };
        match (request.op.as_deref(), &request.name) {
            (Some("put"), Some(name)) => self.put(name, &request).await,
            (Some("get"), Some(name)) => match self.get(name, &request).await {
                // Nothing of it was sent, and nothing follows the request.
                Err(Stop::Refused(refusal)) => Ok(self.answer(&refusal.into()).await?),
                result => result,
            },
            (Some("ls"), _) => match self.ls(request.after.as_deref().unwrap_or_default()).await {
                Err(Stop::Refused(refusal)) => Ok(self.answer(&refusal.into()).await?),
                result => result,
            },
            (Some("put" | "get"), None) => Err(bad_request("a put or a get has a name")),
            _ => Err(bad_request("there are put, get and ls")),
        }
    }

    /// The next header; `None`: the client is done. Between requests, the server may want to stop.
    async fn header(&mut self, between: bool) -> Result<Option<Request>, Stop> {
        let Link { reader, stopping, frames, bytes, .. } = &mut *self.link;
        let format = *reader.decoder().format();
        let may_stop = between && !reader.is_ready();
        let frame = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop), if may_stop => return Err(End::Stopped.into()),
            frame = reader.next_frame() => frame.map_err(whole_frames_only),
        };
        let frame = match frame {
            Err(ReadError::Protocol(DecodeError::TooLong { declared, limit })) => {
                let why = format!("a header's frame has at most {limit} bytes, not {declared}");
                return Err(bad_request(why));
            }
            frame => frame?,
        };
        let Some(frame) = frame else { return Ok(None) };
        *frames += 1;
        *bytes += frame.bytes().len() as u64;
        let mut room = [0; MAX_HEADER];
        let fields = format.get_ref().fields(frame.header(), &mut room);
        self.fields = fields.unwrap_or_default().to_vec();
        from_json(frame.payload()).map(Some).map_err(bad_request)
    }

    /// A header that has to come.
    async fn next_header(&mut self, what: &str) -> Result<Request, Stop> {
        let missing = || End::Other { why: "closed inside a frame", detail: format!("{what} is missing") };
        self.header(false).await?.ok_or_else(|| missing().into())
    }

    async fn answer(&mut self, reply: &Reply) -> Result<(), WriteError<io::Error>> {
        let writer = &mut self.link.writer;
        writer.push_with(&self.fields, &[&to_json(reply)]).await?;
        writer.flush().await
    }

    /// Tells the client, and ends the connection: what follows can't be understood, or nobody wants it.
    async fn refuse_and_close(&mut self, refusal: Refusal) -> End {
        let why = if refusal.kind == Kind::BadRequest { "broke the protocol" } else { "refused" };
        let detail = format!("{}: {}", refusal.kind.name(), readable(refusal.why.as_bytes()));
        match self.answer(&refusal.into()).await {
            Ok(()) => End::Other { why, detail },
            Err(error) => End::Write(error),
        }
    }

    async fn put(&mut self, name: &str, request: &Request) -> Result<(), Stop> {
        let size = request.size.ok_or_else(|| bad_request("a put has a size"))?;
        let partial = self.begin(name, size, request.overwrite).await?;
        let (sink, offset) = self.agree_on_offset(&partial, size, request.resume).await?;
        let sink = blocking(move || {
            let mut sink = sink;
            sink.cut(offset).map(|()| sink)
        });
        let cannot = |error| Refusal::io("the file can't be written", &error);
        let sink = sink.await.flatten().map_err(cannot)?;

        let Link { reader, bytes, .. } = &mut *self.link;
        let allowed = self.files.content_time;
        let received = receive(reader, sink, size - offset, &mut self.pieces, allowed, |n| *bytes += n);
        let sink = match received.await {
            Ok(sink) => sink,
            // What came is kept, and a client can go on with it.
            Err(ReceiveError::Read(error)) => return Err(error.into()),
            Err(ReceiveError::Short { missing }) => {
                let detail = format!("{missing} of {size} bytes of a file's content are missing");
                return Err(End::Other { why: "closed inside a frame", detail }.into());
            }
            Err(ReceiveError::Silent { allowed }) => {
                let detail = format!("no byte of a file's content came within {allowed:?}");
                return Err(End::Other { why: "silent", detail }.into());
            }
            Err(ReceiveError::Sink(error)) => {
                let refusal = cannot(error);
                if refusal.kind == Kind::NoSpace {
                    // Others need it.
                    let _ = blocking(move || partial.discard()).await;
                }
                return Err(refusal.into());
            }
        };

        let mut expected = request.sha256;
        if request.trailer {
            let trailer = self.next_header("the frame behind a file's content").await?;
            expected = Some(trailer.sha256.ok_or_else(|| bad_request("a trailer has a sha256"))?);
        }
        let sha256 = sink.hash();
        if expected.is_some_and(|expected| expected != sha256) {
            let _ = blocking(move || partial.discard()).await;
            let why = format!("what came has the SHA-256 {sha256}");
            return Ok(self.answer(&Refusal::new(Kind::Integrity, why).into()).await?);
        }
        let replace = request.overwrite && self.files.overwrite;
        let committed = blocking(move || partial.commit(replace)).await;
        let committed = committed.unwrap_or_else(|error| Err(cannot(error)));
        let reply = match committed {
            Ok(()) => Reply { size: Some(size), sha256: Some(sha256), ..Reply::ok() },
            Err(refusal) => refusal.into(),
        };
        Ok(self.answer(&reply).await?)
    }

    /// The beginning of a put: all that can be known before its content has come.
    async fn begin(&self, name: &str, size: u64, overwrite: bool) -> Result<Partial, Refusal> {
        if !self.files.allow_write {
            return Err(Refusal::new(
                Kind::Forbidden,
                "this server takes no files (it runs without --allow-write)",
            ));
        }
        let name = Name::from_peer(name)?;
        let (store, may_replace) = (self.files.store.clone(), self.files.overwrite);
        let begun = blocking(move || {
            store.check_vacant(&name, overwrite && may_replace).map_err(|refusal| match refusal.kind {
                Kind::Exists if overwrite => Refusal::new(
                    Kind::Forbidden,
                    "a file has that name, and this server replaces none (it runs without --overwrite)",
                ),
                Kind::Exists if may_replace => Refusal::new(
                    Kind::Exists,
                    "a file has that name already: a put that says `overwrite` replaces it",
                ),
                _ => refusal,
            })?;
            let partial = store.partial(&name)?;
            let there = partial.len().map_err(|error| Refusal::io("a partial file can't be read", &error))?;
            match store.free() {
                Some(free) if size.saturating_sub(there) > free => {
                    Err(Refusal::new(Kind::NoSpace, format!("{size} bytes don't fit: {free} are free")))
                }
                _ => Ok(partial),
            }
        });
        begun.await.unwrap_or_else(|error| Err(Refusal::io("it can't be begun", &error)))
    }

    /// Where the content begins, and the file with that much of it hashed.
    async fn agree_on_offset(
        &mut self,
        partial: &Partial,
        size: u64,
        resume: bool,
    ) -> Result<(Sink, u64), Stop> {
        let cannot = |error| Refusal::io("a partial file can't be read", &error);
        let file = partial.file().map_err(cannot)?;
        if !resume {
            return Ok((Sink::new(file), 0));
        }
        let (sink, there) = Sink::resume(file, size).await.map_err(cannot)?;
        self.answer(&Reply { offset: Some(there), sha256: Some(sink.hash()), ..Reply::ok() }).await?;
        // The client hashes as much of its own.
        let usual = self.files.patience;
        let more = Duration::from_secs(there / HASHING);
        let mut longer = usual;
        longer.idle = usual.idle.map(|idle| idle.saturating_add(more));
        self.link.reader.set_patience(longer);
        let answer = self.next_header("where the content begins").await?;
        self.link.reader.set_patience(usual);
        match answer.offset {
            Some(offset) if offset == 0 || offset == there => Ok((sink, offset)),
            _ => Err(bad_request(format!("the offset is {there} or 0"))),
        }
    }

    async fn get(&mut self, name: &str, request: &Request) -> Result<(), Stop> {
        let name = Name::from_peer(name)?;
        let cannot = |error: io::Error| Refusal::io("the file can't be read", &error);
        let store = self.files.store.clone();
        let opened = blocking(move || Source::new(store.read(&name)?).map_err(cannot)).await;
        let mut source = opened.unwrap_or_else(|error| Err(cannot(error)))?;
        let size = source.size();
        let mut reply = Reply { size: Some(size), ..Reply::ok() };
        if let Some(offset) = request.offset {
            if let Some(prefix) = request.prefix_sha256
                && offset <= size
            {
                source = source.skip(offset).await.map_err(|error| match error {
                    SourceError::Io(error) => cannot(error),
                    error => Refusal::new(Kind::Internal, format!("the file {error}")),
                })?;
                if source.hash() != prefix {
                    source.rewind().map_err(cannot)?;
                }
            }
            reply.offset = Some(size - source.left());
        }

        let Self { link: Link { writer, .. }, fields, pieces, .. } = self;
        writer.push_with(fields, &[&to_json(&reply)]).await?;
        let source = match send(writer, source, pieces, |_| {}).await {
            Ok(source) => source,
            Err(SendError::Write(error)) => return Err(error.into()),
            Err(SendError::Source(error)) => {
                return Err(End::Other { why: "failed", detail: format!("a file {error}") }.into());
            }
        };
        let reply = match source.finish().await {
            Ok(sha256) => Reply { sha256: Some(sha256), ..Reply::ok() },
            Err(error) => Refusal::new(Kind::Integrity, format!("the file {error}")).into(),
        };
        Ok(self.answer(&reply).await?)
    }

    async fn ls(&mut self, after: &str) -> Result<(), Stop> {
        /// What goes around the entries.
        const AROUND: usize = MAX_HEADER + br#"{"ok":true,"files":[],"more":false}"#.len();
        loop {
            let (store, after, room) = (self.files.store.clone(), after.to_owned(), self.page - AROUND);
            let listed = blocking(move || store.list(&after, room)).await.flatten();
            let (files, more) = listed.map_err(|error| Refusal::io("the folder can't be read", &error))?;
            if more && files.is_empty() {
                let why = "a file's name does not fit a frame of this wire format";
                return Err(Refusal::new(Kind::Internal, why).into());
            }
            let reply = Reply { files: Some(files), more: Some(more), ..Reply::ok() };
            match self.answer(&reply).await {
                // The wire format, or --max-frame, has less room.
                Err(WriteError::Encode(_)) if room > 0 => self.page = (self.page / 2).max(AROUND),
                answered => return Ok(answered?),
            }
        }
    }
}

fn bad_request(why: impl Into<String>) -> Stop {
    Stop::Refused(Refusal::new(Kind::BadRequest, why))
}
