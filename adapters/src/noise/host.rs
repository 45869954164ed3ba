//! What the halves on a host share, whether threads or tasks use them: memory from the allocator, and errors that
//! are told by the call after the one whose bytes were taken.

use std_crate::boxed::Box;
use std_crate::io::{self, IoSlice};
use std_crate::vec;
use std_crate::vec::Vec;

use super::receiver::{Chunk, Receiver};
use super::transport::{Called, Turn};
use super::{
    HalfError, Handshake, MAX_MESSAGE, MAX_PLAINTEXT, OVERHEAD, Opener, PREFIX, Sealer, Session, send_store,
};
use super::{driver, opener};

/// How much is read at once, bytes.
const CHUNK: usize = 16 * 1024;

/// What is kept to be sent, bytes: three of the largest messages, and the end.
const STORE: usize = 3 * (PREFIX + MAX_MESSAGE) + OVERHEAD;

const _: () = assert!(STORE > send_store(MAX_PLAINTEXT) && opener::check_store(MAX_MESSAGE).is_ok());

/// What both halves of a link keep in memory beside themselves, bytes.
pub const MEMORY_PER_LINK: usize = CHUNK + MAX_MESSAGE + STORE;

pub(super) type Driver<'k> = driver::Driver<'k, Box<[u8]>>;

/// The receiving half, without its transport.
pub(super) type Inbound = Receiver<Box<[u8]>, Box<[u8]>>;

pub(super) fn driver(handshake: Handshake<'_>) -> Driver<'_> {
    Driver::new(handshake, memory(CHUNK))
}

fn memory(len: usize) -> Box<[u8]> {
    vec![0; len].into_boxed_slice()
}

/// Returns both halves without their transports.
pub(super) fn halves((session, chunk): (Session, Chunk<Box<[u8]>>)) -> (Inbound, Outbound) {
    let (opener, sealer) = session.split_checked(memory(MAX_MESSAGE), memory(STORE));
    (Receiver::new(opener, chunk), Outbound { sealer, sent: 0, failed: None })
}

/// What a half that reads was made of, see `into_parts`.
#[derive(Debug)]
pub struct ReadParts<R> {
    /// The transport.
    pub io: R,
    /// The direction of the link. It may hold plaintext that was not read, and part of a message.
    pub opener: Opener<Box<[u8]>>,
    /// Bytes that were read from the transport and come after those that the opener has.
    pub unread: Vec<u8>,
}

/// What a half that writes was made of, see `into_parts`.
#[derive(Debug)]
pub struct WriteParts<W> {
    /// The transport.
    pub io: W,
    /// The direction of the link. What is [pending](Sealer::pending) in it was not sent.
    pub sealer: Sealer<Box<[u8]>>,
    /// Why that was not sent, if no call has told it yet.
    pub failed: Option<io::Error>,
}

pub(super) fn read_parts<R>(io: R, inbound: Inbound) -> ReadParts<R> {
    let (opener, chunk) = inbound.into_parts();
    let (store, unread) = chunk.into_parts();
    ReadParts { io, opener, unread: store.get(unread).unwrap_or_default().to_vec() }
}

/// The sending half, without its transport.
#[derive(Debug)]
pub(super) struct Outbound {
    sealer: Sealer<Box<[u8]>>,
    /// How many bytes the transport took.
    sent: u64,
    /// Why nothing more went out. For the next call, since this one's bytes were taken.
    failed: Option<io::Error>,
}

impl Outbound {
    /// Returns the error that is still to be told.
    pub(super) fn tell(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    /// Keeps an error for the next call. That something blocks is none: the next call finds out for itself.
    pub(super) fn tell_later(&mut self, result: io::Result<()>) {
        self.failed = result.err().filter(|error| error.kind() != io::ErrorKind::WouldBlock);
    }

    pub(super) fn seal(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.sealer.seal_parts(bufs.iter().map(|buf| &**buf))?)
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        Ok(self.sealer.end()?)
    }

    pub(super) fn set_max_plaintext(&mut self, bytes: usize) {
        self.sealer.set_max_plaintext(bytes);
    }

    /// Returns what is to be written, or `None`.
    pub(super) fn pending(&self) -> Option<&[u8]> {
        Some(self.sealer.pending()).filter(|bytes| !bytes.is_empty())
    }

    /// Takes what came of writing that.
    pub(super) fn wrote(&mut self, called: Called<usize, io::Error>) -> Result<Turn, HalfError<io::Error>> {
        let before = self.sealer.pending().len();
        let turn = self.sealer.wrote(called)?;
        let taken = before.saturating_sub(self.sealer.pending().len());
        self.sent = self.sent.saturating_add(taken as u64);
        Ok(turn)
    }

    pub(super) const fn sealer(&self) -> &Sealer<Box<[u8]>> {
        &self.sealer
    }

    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn into_parts<W>(self, io: W) -> WriteParts<W> {
        WriteParts { io, sealer: self.sealer, failed: self.failed }
    }
}
