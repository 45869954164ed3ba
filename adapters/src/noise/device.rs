//! What the halves on a device share, whether they block or not: the memory that the caller lends.

use core::fmt;

#[cfg(doc)]
use super::Session;
use super::receiver::Receiver;
use super::{Opener, Sealer, StoreTooSmall, opener, sealer};

/// The memory of one link, which the caller lends: nothing of it is ever on the stack.
///
/// ```
/// use ringframe_io::noise::{Memory, receive_store, send_store};
///
/// // In a `StaticCell`, or wherever the device has its buffers.
/// let mut chunk = [0; 256];
/// let mut receive = [0; receive_store(4096)]; // for messages of any peer
/// let mut send = [0; send_store(512)];
/// let memory = Memory::new(&mut chunk, &mut receive, &mut send);
/// # let _ = memory;
/// ```
pub struct Memory<'m> {
    pub(super) chunk: &'m mut [u8],
    pub(super) receive: &'m mut [u8],
    pub(super) send: &'m mut [u8],
}

/// The smallest chunk, bytes.
const MIN_CHUNK: usize = 1;

impl<'m> Memory<'m> {
    /// Takes three arrays:
    ///
    /// - `chunk` is where bytes are read to. It must hold one; some hundred save calls to the transport.
    /// - `receive` and `send` are those of [`Session::split`].
    ///
    /// An array that is too small does not compile:
    /// ```compile_fail
    /// # use ringframe_io::noise::Memory;
    /// Memory::new(&mut [0; 1], &mut [0; 16], &mut [0; 37]); // one byte more is needed to receive
    /// ```
    pub const fn new<const C: usize, const R: usize, const S: usize>(
        chunk: &'m mut [u8; C],
        receive: &'m mut [u8; R],
        send: &'m mut [u8; S],
    ) -> Self {
        const {
            assert!(C >= MIN_CHUNK, "the chunk can't hold a byte");
            assert!(opener::check_store(R).is_ok(), "the store can't hold a message to receive");
            assert!(sealer::check_store(S).is_ok(), "the store can't hold a message to send and the end");
        }
        Self { chunk, receive, send }
    }

    /// Takes three slices, like [`new`](Self::new).
    ///
    /// # Errors
    /// [`StoreTooSmall`] if one of them is.
    pub const fn try_new(
        chunk: &'m mut [u8],
        receive: &'m mut [u8],
        send: &'m mut [u8],
    ) -> Result<Self, StoreTooSmall> {
        if chunk.len() < MIN_CHUNK {
            return Err(StoreTooSmall { store: chunk.len(), needed: MIN_CHUNK });
        }
        match (opener::check_store(receive.len()), sealer::check_store(send.len())) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            _ => Ok(Self { chunk, receive, send }),
        }
    }
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chunk, receive, send } = self;
        f.debug_struct("Memory")
            .field("chunk", &chunk.len())
            .field("receive", &receive.len())
            .field("send", &send.len())
            .finish()
    }
}

/// The receiving half, without its transport.
pub(super) type Inbound<'m> = Receiver<&'m mut [u8], &'m mut [u8]>;

/// What a half that reads was made of, see `into_parts`.
#[derive(Debug)]
pub struct ReadParts<'m, R> {
    /// The transport.
    pub io: R,
    /// The direction of the link. It may hold plaintext that was not read, and part of a message.
    pub opener: Opener<&'m mut [u8]>,
    /// Bytes that were read from the transport and come after those that the opener has.
    pub unread: &'m [u8],
}

/// What a half that writes was made of, see `into_parts`.
#[derive(Debug)]
pub struct WriteParts<'m, W> {
    /// The transport.
    pub io: W,
    /// The direction of the link. What is [pending](Sealer::pending) in it was not sent.
    pub sealer: Sealer<&'m mut [u8]>,
}

pub(super) fn read_parts<'m, R>(io: R, inbound: Inbound<'m>) -> ReadParts<'m, R> {
    let (opener, chunk) = inbound.into_parts();
    let (store, unread) = chunk.into_parts();
    let store: &'m [u8] = store;
    ReadParts { io, opener, unread: store.get(unread).unwrap_or_default() }
}
