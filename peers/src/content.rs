//! Content of files: raw bytes between frames, from a file or into one, at constant memory.
//!
//! Two pieces change places: while one is under way on the network, a thread for blocking work reads and
//! hashes, or hashes and writes, the other. So neither waits for the other, and tokio's own threads never
//! for a disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::{Duration, SystemTime};

use ringframe::{Limited, RuntimeFormat};
use ringframe_io::tokio::{Reader, Writer};
use ringframe_io::{Patience, ReadError, WriteError};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::file_wire::Hash;

/// Size of a piece: large enough that handing it over costs nothing beside it, small enough for the cache.
pub(crate) const PIECE: usize = 256 << 10;

/// Memory for the content of one connection.
#[derive(Debug)]
pub(crate) struct Pieces([Vec<u8>; 2]);

impl Pieces {
    /// How much that is, bytes.
    pub(crate) const SIZE: usize = 2 * PIECE;

    pub(crate) fn new() -> Self {
        Self([vec![0; PIECE], vec![0; PIECE]])
    }

    /// Takes one. One that was lost with a transfer that was given up is made anew.
    fn take(&mut self) -> Vec<u8> {
        let [first, second] = &mut self.0;
        let piece = std::mem::take(if first.is_empty() { second } else { first });
        if piece.is_empty() { vec![0; PIECE] } else { piece }
    }

    fn put_back(&mut self, piece: Vec<u8>) {
        let [first, second] = &mut self.0;
        *(if first.is_empty() { first } else { second }) = piece;
    }
}

/// Runs what blocks in a thread where that is no harm.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    // An error is a panic, which was reported, or the end of the program.
    spawn_blocking(work).await.map_err(io::Error::other)
}

/// A file on its way out.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    hasher: Sha256,
    /// How long it was, and when it was last changed, at the beginning.
    before: (u64, Option<SystemTime>),
    at: u64,
}

/// Why the rest of a file can't be sent, or must not be taken for it.
#[derive(Debug)]
pub(crate) enum SourceError {
    Io(io::Error),
    /// It ended before its size at the beginning.
    Shrank {
        to: u64,
        from: u64,
    },
    Grew {
        to: u64,
        from: u64,
    },
    /// It was written to.
    Changed,
}

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "can't be read: {error}"),
            Self::Shrank { to, from } => write!(f, "shrank from {from} to {to} bytes while it was sent"),
            Self::Grew { to, from } => write!(f, "grew from {from} to {to} bytes while it was sent"),
            Self::Changed => write!(f, "was changed while it was sent"),
        }
    }
}

impl Source {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let before = (metadata.len(), metadata.modified().ok());
        Ok(Self { file, hasher: Sha256::new(), before, at: 0 })
    }

    pub(crate) const fn size(&self) -> u64 {
        self.before.0
    }

    /// How much is still to be read.
    pub(crate) const fn left(&self) -> u64 {
        self.before.0.saturating_sub(self.at)
    }

    /// The hash of what was read.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.hasher)
    }

    /// Back to the beginning.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()?;
        self.hasher.reset();
        self.at = 0;
        Ok(())
    }

    /// Reads the next piece, as much as there is room for.
    fn read(&mut self, piece: &mut [u8]) -> Result<usize, SourceError> {
        let room = piece.len();
        let want = usize::try_from(self.left()).map_or(room, |left| left.min(room));
        let mut n = 0;
        while n < want {
            match self.file.read(&mut piece[n..want]) {
                Ok(0) => {
                    let (from, at) = (self.before.0, self.at + n as u64);
                    let to = self.file.metadata().map_or(at, |metadata| metadata.len().min(at));
                    return Err(SourceError::Shrank { to, from });
                }
                Ok(more) => n += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::Io(error)),
            }
        }
        self.hasher.update(&piece[..n]);
        self.at += n as u64;
        Ok(n)
    }

    /// Reads the first bytes, so that their hash is known; the rest is to be sent.
    pub(crate) async fn skip(mut self, n: u64) -> Result<Self, SourceError> {
        let mut piece = vec![0; PIECE];
        while self.at < n {
            let max = usize::try_from(n - self.at).map_or(PIECE, |left| left.min(PIECE));
            (self, piece) = blocking(move || {
                self.read(&mut piece[..max])?;
                Ok((self, piece))
            })
            .await
            .map_err(SourceError::Io)??;
        }
        Ok(self)
    }

    /// The hash of what was read, if the file is still what it was at the beginning.
    pub(crate) async fn finish(self) -> Result<Hash, SourceError> {
        let Self { file, hasher, before: (from, modified), .. } = self;
        let after = async { blocking(move || file.metadata()).await? };
        let after = after.await.map_err(SourceError::Io)?;
        match after.len() {
            to if to < from => Err(SourceError::Shrank { to, from }),
            to if to > from => Err(SourceError::Grew { to, from }),
            _ if after.modified().ok() != modified => Err(SourceError::Changed),
            _ => Ok(Hash::of(&hasher)),
        }
    }
}

/// Why content was not sent to its end.
#[derive(Debug)]
pub(crate) enum SendError {
    Source(SourceError),
    Write(WriteError<io::Error>),
}

impl From<SourceError> for SendError {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<WriteError<io::Error>> for SendError {
    fn from(error: WriteError<io::Error>) -> Self {
        Self::Write(error)
    }
}

/// Sends the rest of a file, behind what is queued. `moved` hears of every byte.
pub(crate) async fn send<W: AsyncWrite + Unpin>(
    writer: &mut Writer<W, Limited<RuntimeFormat>, Box<[u8]>>,
    source: Source,
    pieces: &mut Pieces,
    mut moved: impl FnMut(u64),
) -> Result<Source, SendError> {
    type Reading = JoinHandle<Result<(Source, Vec<u8>, usize), SourceError>>;
    fn start(mut source: Source, mut piece: Vec<u8>) -> Reading {
        spawn_blocking(move || {
            let n = source.read(&mut piece)?;
            Ok((source, piece, n))
        })
    }
    let mut reading = start(source, pieces.take());
    loop {
        let (source, piece, n) =
            reading.await.map_err(|error| SourceError::Io(io::Error::other(error)))??;
        let next = if source.left() > 0 { Ok(start(source, pieces.take())) } else { Err(source) };
        let mut rest = &piece[..n];
        while !rest.is_empty() {
            let n = writer.write_unframed(rest).await?;
            moved(n as u64);
            rest = &rest[n..];
        }
        pieces.put_back(piece);
        reading = match next {
            Ok(reading) => reading,
            Err(source) => return Ok(source),
        };
    }
}

/// Where content goes.
#[derive(Debug)]
pub(crate) struct Sink {
    file: File,
    hasher: Sha256,
}

impl Sink {
    pub(crate) fn new(file: File) -> Self {
        Self { file, hasher: Sha256::new() }
    }

    /// A file that was received in part: at its end, `n` bytes of it hashed; `n` is less where it is shorter.
    pub(crate) async fn resume(file: File, n: u64) -> io::Result<(Self, u64)> {
        let mut source = Source::new(file)?;
        source.before.0 = source.before.0.min(n);
        let n = source.before.0;
        source = source.skip(n).await.map_err(|error| match error {
            SourceError::Io(error) => error,
            error => io::Error::other(error.to_string()),
        })?;
        Ok((Self { file: source.file, hasher: source.hasher }, n))
    }

    /// Goes on behind the first `n` bytes, which are those that were hashed, or at the beginning.
    pub(crate) fn cut(&mut self, n: u64) -> io::Result<()> {
        if n == 0 {
            self.hasher.reset();
        }
        self.file.set_len(n)?;
        self.file.seek(SeekFrom::Start(n)).map(|_| ())
    }

    /// The hash of all that is in it.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.hasher)
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hasher.update(piece);
        self.file.write_all(piece)
    }
}

/// Why content was not received to its end.
#[derive(Debug)]
pub(crate) enum ReceiveError {
    Read(ReadError<io::Error>),
    /// The stream ended before as many bytes as were announced.
    Short {
        missing: u64,
    },
    /// No byte came for so long.
    Silent {
        allowed: Duration,
    },
    /// It can't be written here.
    Sink(io::Error),
}

/// Receives `left` bytes, and waits at most `allowed` for each piece of them. `moved` hears of every byte that
/// arrived. Also after an error all that arrived is written, unless that is what failed.
pub(crate) async fn receive<R: AsyncRead + Unpin>(
    reader: &mut Reader<R, Limited<RuntimeFormat>, Box<[u8]>>,
    sink: Sink,
    left: u64,
    pieces: &mut Pieces,
    allowed: Duration,
    moved: impl FnMut(u64),
) -> Result<Sink, ReceiveError> {
    let usual = reader.patience();
    reader.set_patience(Patience::ENDLESS.with_idle(allowed));
    let received = receive_all(reader, sink, left, pieces, moved).await;
    reader.set_patience(usual);
    received
}

async fn receive_all<R: AsyncRead + Unpin>(
    reader: &mut Reader<R, Limited<RuntimeFormat>, Box<[u8]>>,
    sink: Sink,
    mut left: u64,
    pieces: &mut Pieces,
    mut moved: impl FnMut(u64),
) -> Result<Sink, ReceiveError> {
    type Writing = JoinHandle<(Sink, Vec<u8>, io::Result<()>)>;
    enum Disk {
        Idle(Sink),
        Busy(Writing),
    }
    let mut disk = Disk::Idle(sink);
    let (mut piece, mut filled) = (pieces.take(), 0);
    let mut trouble = None;
    loop {
        // What has come goes to the disk as soon as that is free; meanwhile more comes.
        disk = match disk {
            Disk::Idle(mut sink) if filled > 0 => {
                let full = std::mem::replace(&mut piece, pieces.take());
                let n = std::mem::take(&mut filled);
                Disk::Busy(spawn_blocking(move || {
                    let result = sink.write(&full[..n]);
                    (sink, full, result)
                }))
            }
            Disk::Idle(sink) if left == 0 || trouble.is_some() => {
                pieces.put_back(piece);
                return trouble.map_or(Ok(sink), Err);
            }
            disk => disk,
        };
        let free = &mut piece[filled..];
        let max = usize::try_from(left).map_or(free.len(), |left| left.min(free.len()));
        let room = &mut free[..max];
        let wants = max > 0 && trouble.is_none();
        let came = async {
            match reader.unframed().read(room).await.map_err(ReadError::from) {
                Ok(0) => Err(ReceiveError::Short { missing: left }),
                Err(ReadError::Idle { allowed }) => Err(ReceiveError::Silent { allowed }),
                result => result.map_err(ReceiveError::Read),
            }
        };
        let written = async {
            match &mut disk {
                Disk::Busy(writing) => writing.await.map_err(io::Error::other),
                Disk::Idle(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            written = written => {
                let (sink, free, result) = written.map_err(ReceiveError::Sink)?;
                result.map_err(ReceiveError::Sink)?;
                pieces.put_back(free);
                disk = Disk::Idle(sink);
            }
            came = came, if wants => match came {
                Ok(n) => {
                    filled += n;
                    left -= n as u64;
                    moved(n as u64);
                }
                Err(error) => trouble = Some(error),
            }
        }
    }
}
