//! The handshake: who is the peer, and which keys does this connection have?

use core::fmt;
use core::ops::Range;

use clatter::cipherstate::CipherStates;
use ringframe::{encode, formats};

use super::inbox::{Inbox, WrongLength};
use super::symmetric::{Message, Symmetric};
use super::{Ephemeral, HANDSHAKE_MESSAGE, HandshakeError, Key, PREFIX, PROLOGUE, Session};

/// The most that one side has to send.
const OUT: usize = PROLOGUE.len() + PREFIX + HANDSHAKE_MESSAGE;

/// A handshake, by the client or by the server, over any transport. Its loop does what [`next`](Self::next) says:
///
/// 1. [`Step::Write`]: write some of the bytes, then count them by [`advance`](Self::advance).
/// 2. [`Step::Flush`]: flush the transport, if it has buffers, then call [`flushed`](Self::flushed).
/// 3. [`Step::Read`]: read, and hand what came to [`read`](Self::read). At the end of the stream the handshake has
///    failed with [`HandshakeError::Closed`].
/// 4. [`Step::Done`]: take the [`session`](Self::session). What `read` left of its input belongs to the link: hand it
///    to the [`Opener`](super::Opener).
///
/// Where nothing is buffered, [`pending`](Self::pending) and `read` are enough:
/// ```
/// use ringframe_io::noise::{Ephemeral, Handshake, Key, receive_store, send_store};
///
/// let key = Key::new([7; 32]); // Use random bytes here and in the next two lines.
/// let mut client = Handshake::client(&key, Ephemeral::new([1; 32]));
/// let mut server = Handshake::server(core::slice::from_ref(&key), Ephemeral::new([2; 32]));
///
/// server.read(&mut client.pending())?;
/// client.read(&mut server.pending())?;
/// assert!(client.is_done() && server.is_done());
///
/// // Both receive messages of up to 1,024 bytes, and send such of up to 100.
/// let client = client.session().ok_or("not done")?;
/// let (_, mut sealer) = client.split([0; receive_store(1024)], [0; send_store(100)]);
/// let server = server.session().ok_or("not done")?;
/// let (mut opener, _) = server.split([0; receive_store(1024)], [0; send_store(100)]);
///
/// sealer.seal(b"hello")?;
/// # assert_eq!(sealer.pending().len(), 2 + 5 + 16);
/// assert_eq!(opener.open(&mut sealer.pending())?.data(), Some(&b"hello"[..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Handshake<'k> {
    state: State<'k>,
    inbox: Inbox<Message>,
    out: [u8; OUT],
    /// What of it is still to be sent.
    pending: Range<usize>,
    /// The transport may still have buffered some of what was sent.
    unflushed: bool,
}

/// What is awaited.
enum State<'k> {
    /// By the client: message 2.
    Client { symmetric: Symmetric, e: Ephemeral },
    /// By the server: the rest of the prologue, of which so many bytes came, and message 1.
    Server { keys: &'k [Key], e: Ephemeral, prologue: usize },
    /// Nothing more.
    Done(Session),
    /// Nothing more either.
    Failed(HandshakeError),
}

/// What a [`Handshake`] does next.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'h> {
    /// Write these bytes, or the first of them.
    Write(&'h [u8]),
    /// Flush what was written.
    Flush,
    /// Read some bytes.
    Read,
    /// Nothing: the session is there.
    Done,
}

impl<'k> Handshake<'k> {
    /// Begins a handshake as the client, which has something to send at once.
    pub fn client(key: &Key, e: Ephemeral) -> Self {
        let mut symmetric = Symmetric::new(key);
        match symmetric.first(&e) {
            Ok(message) => {
                let mut handshake = Self::new(State::Client { symmetric, e });
                handshake.queue(&PROLOGUE, &message);
                handshake
            }
            Err(error) => Self::new(State::Failed(error)),
        }
    }

    /// Begins a handshake as the server. Its keys are tried in turn.
    pub fn server(keys: &'k [Key], e: Ephemeral) -> Self {
        Self::new(State::Server { keys, e, prologue: 0 })
    }

    fn new(state: State<'k>) -> Self {
        Self {
            state,
            inbox: Inbox::new([0; HANDSHAKE_MESSAGE]),
            out: [0; OUT],
            pending: 0..0,
            unflushed: false,
        }
    }

    fn queue(&mut self, prologue: &[u8], message: &Message) {
        let (front, rest) = self.out.split_at_mut(prologue.len());
        front.copy_from_slice(prologue);
        // There is room for it.
        let framed = encode(&formats::U16_BE, message, rest).unwrap_or_default();
        self.pending = 0..prologue.len().saturating_add(framed);
        self.unflushed = true;
    }

    /// Returns what to do next.
    pub fn next(&self) -> Step<'_> {
        match self.pending() {
            [] if self.unflushed => Step::Flush,
            [] if self.is_done() => Step::Done,
            [] => Step::Read,
            bytes => Step::Write(bytes),
        }
    }

    /// Returns what is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.out.get(self.pending.clone()).unwrap_or_default()
    }

    /// Counts the first `n` bytes of it as sent.
    pub fn advance(&mut self, n: usize) {
        self.pending.start = self.pending.start.saturating_add(n).min(self.pending.end);
    }

    /// Notes that the transport has flushed what was sent.
    pub fn flushed(&mut self) {
        self.unflushed = false;
    }

    /// Returns true if nothing more is to be read. The last message may still be [pending](Self::pending).
    ///
    /// To the client it proves that the server has the key. To the server it proves nothing yet, since a client's
    /// first message can be a repeated one: it must act on nothing before the [`Opener`](super::Opener) has opened a
    /// message.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// Returns the keys of the link, or `None` if the handshake is not done.
    pub fn session(self) -> Option<Session> {
        match self.state {
            State::Done(session) => Some(session),
            _ => None,
        }
    }

    /// Takes bytes that came in, cut anywhere. It leaves those after the handshake, which belong to the link.
    ///
    /// # Errors
    /// [`HandshakeError`], as soon as it is certain. Every later call repeats it.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<(), HandshakeError> {
        let result = self.step(input);
        if let Err(error) = result {
            self.state = State::Failed(error);
        }
        result
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<(), HandshakeError> {
        if let State::Server { prologue, .. } = &mut self.state {
            expect_prologue(prologue, input)?;
            if *prologue < PROLOGUE.len() {
                return Ok(());
            }
        }
        match &mut self.state {
            State::Client { symmetric, e } => {
                let Some(message) = next(&mut self.inbox, input)? else { return Ok(()) };
                symmetric.read_second(e, &message)?;
                let CipherStates { initiator_to_responder, responder_to_initiator } = symmetric.split()?;
                self.state = State::Done(Session::new(responder_to_initiator, initiator_to_responder));
            }
            State::Server { keys, e, .. } => {
                let Some(message) = next(&mut self.inbox, input)? else { return Ok(()) };
                let mut keys = keys.iter();
                let (mut symmetric, re) = keys
                    .find_map(|key| {
                        let mut symmetric = Symmetric::new(key);
                        symmetric.read_first(&message).ok().map(|re| (symmetric, re))
                    })
                    .ok_or(HandshakeError::Authentication)?;
                let second = symmetric.second(e, &re)?;
                let CipherStates { initiator_to_responder, responder_to_initiator } = symmetric.split()?;
                self.state = State::Done(Session::new(initiator_to_responder, responder_to_initiator));
                self.queue(&[], &second);
            }
            State::Done(_) => {}
            State::Failed(error) => return Err(*error),
        }
        Ok(())
    }
}

impl fmt::Debug for Handshake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let awaited = match &self.state {
            State::Client { .. } => "message 2",
            State::Server { .. } => "message 1",
            State::Done(_) => "nothing, it is done",
            State::Failed(_) => "nothing, it has failed",
        };
        f.debug_struct("Handshake").field("awaited", &awaited).finish_non_exhaustive()
    }
}

/// Compares what comes with the prologue, byte by byte, so that a plain client is told from its first.
fn expect_prologue(at: &mut usize, input: &mut &[u8]) -> Result<(), HandshakeError> {
    while let (Some(&wanted), Some((&found, rest))) = (PROLOGUE.get(*at), input.split_first()) {
        if found != wanted {
            return Err(HandshakeError::Prologue { at: *at, found });
        }
        *at = at.saturating_add(1);
        *input = rest;
    }
    Ok(())
}

fn next(inbox: &mut Inbox<Message>, input: &mut &[u8]) -> Result<Option<Message>, HandshakeError> {
    match inbox.next(input, HANDSHAKE_MESSAGE) {
        Ok(message) => Ok(message.and_then(|message| Message::try_from(&*message).ok())),
        Err(WrongLength(declared)) => Err(HandshakeError::Length { declared }),
    }
}
