//! The handshake: who is the other, and which keys does this connection have?

use core::fmt;
use core::ops::Range;

use clatter::cipherstate::CipherStates;
use clatter::crypto::cipher::ChaChaPoly;
use clatter::crypto::hash::Blake2s;
use clatter::symmetricstate::SymmetricState;
use ringframe::{encode, formats};

use super::inbox::{Inbox, PREFIX};
use super::{Cipher, Ephemeral, HANDSHAKE_MESSAGE, HandshakeError, Key, Opener, PROLOGUE, Sealer, TAG};

const NAME: &str = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

type Message = [u8; HANDSHAKE_MESSAGE];
type Public = [u8; HANDSHAKE_MESSAGE - TAG];

/// The most that one side has to send.
const OUT: usize = PROLOGUE.len() + PREFIX + HANDSHAKE_MESSAGE;

/// A handshake, by the client or by the server, over any transport. The run loop:
///
/// 1. Send [`pending`](Self::pending), counting by [`advance`](Self::advance), until it is empty.
/// 2. If it [is done](Self::is_done), take the [`session`](Self::session).
/// 3. Read, and give what came to [`read`](Self::read); at the end of the stream there is
///    [`HandshakeError::Closed`]. Back to 1.
///
/// What `read` leaves of its input, once it is done, belongs to the link: give it to the [`Opener`].
///
/// ```
/// use ringframe_io::noise::{Ephemeral, Handshake, Key, Opener, Sealer};
///
/// let key = Key::new([7; 32]); // random ones, in earnest, as are these:
/// let mut client = Handshake::client(&key, Ephemeral::new([1; 32]));
/// let mut server = Handshake::server(core::slice::from_ref(&key), Ephemeral::new([2; 32]));
///
/// server.read(&mut client.pending())?;
/// client.read(&mut server.pending())?;
/// assert!(client.is_done() && server.is_done());
///
/// let (_, mut sealer): (_, Sealer) = client.session().ok_or("not done")?.split();
/// let (mut opener, _): (_, Sealer) = server.session().ok_or("not done")?.split();
/// sealer.seal(b"hello")?;
/// # assert_eq!(sealer.pending().len(), 2 + 5 + 16);
/// assert_eq!(opener.open(&mut sealer.pending())?.data(), Some(&b"hello"[..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Handshake<'k> {
    state: State<'k>,
    inbox: Inbox<HANDSHAKE_MESSAGE>,
    out: [u8; OUT],
    /// What of it is still to be sent.
    pending: Range<usize>,
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

/// The keys of a link, from its handshake.
pub struct Session {
    receive: Cipher,
    send: Cipher,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// The two directions, which know nothing of each other: each can go to a task of its own.
    pub fn split<const N: usize>(self) -> (Opener, Sealer<N>) {
        (Opener::new(self.receive), Sealer::new(self.send))
    }
}

impl<'k> Handshake<'k> {
    /// By the client, which has something to send at once.
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

    /// By the server. Its keys are tried in turn.
    pub fn server(keys: &'k [Key], e: Ephemeral) -> Self {
        Self::new(State::Server { keys, e, prologue: 0 })
    }

    fn new(state: State<'k>) -> Self {
        Self { state, inbox: Inbox::new(), out: [0; OUT], pending: 0..0 }
    }

    fn queue(&mut self, prologue: &[u8], message: &Message) {
        let (front, behind) = self.out.split_at_mut(prologue.len());
        front.copy_from_slice(prologue);
        // There is room for it.
        let framed = encode(&formats::U16_BE, message, behind).unwrap_or_default();
        self.pending = 0..prologue.len().saturating_add(framed);
    }

    /// What is to be sent.
    pub fn pending(&self) -> &[u8] {
        self.out.get(self.pending.clone()).unwrap_or_default()
    }

    /// Counts the first `n` bytes of it as sent.
    pub fn advance(&mut self, n: usize) {
        self.pending.start = self.pending.start.saturating_add(n).min(self.pending.end);
    }

    /// Whether nothing more is to be read; the last message may still be [pending](Self::pending).
    ///
    /// To the client it proves that the server has the key. To the server it proves nothing yet, since a client's
    /// first message can be a repeated one: it must act on nothing before the [`Opener`] has opened a message.
    pub const fn is_done(&self) -> bool {
        matches!(self.state, State::Done(_))
    }

    /// The keys of the link; `None`: it is not done.
    pub fn session(self) -> Option<Session> {
        match self.state {
            State::Done(session) => Some(session),
            _ => None,
        }
    }

    /// Takes bytes that came in, cut anywhere, and leaves those behind the handshake, which belong to the link.
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
                let session = Session { send: initiator_to_responder, receive: responder_to_initiator };
                self.state = State::Done(session);
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
                let session = Session { receive: initiator_to_responder, send: responder_to_initiator };
                self.state = State::Done(session);
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

/// Compares what comes with the prologue, byte by byte: a plain client is told from its first.
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

fn next(inbox: &mut Inbox<HANDSHAKE_MESSAGE>, input: &mut &[u8]) -> Result<Option<Message>, HandshakeError> {
    match inbox.next(input, HANDSHAKE_MESSAGE) {
        Ok(message) => Ok(message.and_then(|message| Message::try_from(&*message).ok())),
        Err(declared) => Err(HandshakeError::Length { declared }),
    }
}

/// The handshake's state as the Noise specification (revision 34, section 5.2) has it, and the two messages of the
/// pattern NNpsk0 (sections 7.4 and 9) in its tokens. Written out they need neither a table of patterns on a device
/// nor a random number generator of a type that the library chooses.
///
/// ```text
/// -> psk, e
/// <- e, ee
/// ```
struct Symmetric(SymmetricState<ChaChaPoly, Blake2s>);

impl Symmetric {
    /// The beginning, with the first token: `psk`.
    fn new(key: &Key) -> Self {
        let mut state = SymmetricState::new(NAME);
        state.mix_hash(&PROLOGUE);
        state.mix_key_and_hash(key.bytes());
        Self(state)
    }

    /// Message 1, by the client.
    fn first(&mut self, e: &Ephemeral) -> Result<Message, HandshakeError> {
        let public = e.public();
        self.e(&public);
        self.seal(public)
    }

    /// Message 1, by the server: the client's public key.
    fn read_first(&mut self, message: &Message) -> Result<Public, HandshakeError> {
        let (re, tag) = split(message)?;
        self.e(re);
        self.open(tag)?;
        Ok(*re)
    }

    /// Message 2, by the server.
    fn second(&mut self, e: &Ephemeral, re: &Public) -> Result<Message, HandshakeError> {
        let public = e.public();
        self.e(&public);
        self.ee(e, re)?;
        self.seal(public)
    }

    /// Message 2, by the client.
    fn read_second(&mut self, e: &Ephemeral, message: &Message) -> Result<(), HandshakeError> {
        let (re, tag) = split(message)?;
        self.e(re);
        self.ee(e, re)?;
        self.open(tag)
    }

    /// The token `e`, which in a handshake with a `psk` goes into the key, too.
    fn e(&mut self, public: &Public) {
        self.0.mix_hash(public);
        self.0.mix_key(public);
    }

    /// The token `ee`.
    fn ee(&mut self, e: &Ephemeral, re: &Public) -> Result<(), HandshakeError> {
        let shared = e.agree(re).ok_or(HandshakeError::Authentication)?;
        self.0.mix_key(&*shared);
        Ok(())
    }

    /// Ends a message that begins with a public key and has an empty payload: only the tag of that is behind it.
    fn seal(&mut self, public: Public) -> Result<Message, HandshakeError> {
        let mut message = [0; HANDSHAKE_MESSAGE];
        let (front, tag) = message.split_at_mut(public.len());
        front.copy_from_slice(&public);
        self.0.encrypt_and_hash(&[], tag).map_err(|_| HandshakeError::Authentication)?;
        Ok(message)
    }

    fn open(&mut self, tag: &[u8; TAG]) -> Result<(), HandshakeError> {
        self.0.decrypt_and_hash(tag, &mut []).map_err(|_| HandshakeError::Authentication)
    }

    fn split(&self) -> Result<CipherStates<ChaChaPoly>, HandshakeError> {
        self.0.split().map_err(|_| HandshakeError::Authentication)
    }
}

/// A message's public key and its tag.
fn split(message: &Message) -> Result<(&Public, &[u8; TAG]), HandshakeError> {
    match (message.first_chunk(), message.last_chunk()) {
        (Some(public), Some(tag)) => Ok((public, tag)),
        _ => Err(HandshakeError::Authentication),
    }
}
