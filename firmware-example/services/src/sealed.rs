//! An authenticated link between a socket and the codec: what a connection passes its bytes through.

use core::mem;

use ringframe_io::noise::{
    Ephemeral, Handshake, HandshakeError, Key, Opener, Sealer, Step, receive_store, send_store,
};

use crate::{Fault, OUTGOING, Sender};

/// The store that receives: a message of any peer.
pub const RECEIVE: usize = receive_store(4096);

/// The store that sends: all that a connection has queued, in one message.
pub const SEND: usize = send_store(OUTGOING);

/// One authenticated link after another.
pub struct Sealed {
    keys: &'static [Key],
    state: State,
}

/// The memory of one link. It is lent once, and handed from one link to the next.
struct Stores {
    receive: &'static mut [u8; RECEIVE],
    send: &'static mut [u8; SEND],
}

enum State {
    /// Nobody is connected.
    Idle(Stores),
    Handshake(Handshake<'static>, Stores),
    Open(Opener<&'static mut [u8; RECEIVE]>, Sealer<&'static mut [u8; SEND]>),
    /// Only while it changes.
    Changing,
}

impl Sealed {
    /// Serves peers that have one of the keys.
    pub fn new(
        keys: &'static [Key],
        receive: &'static mut [u8; RECEIVE],
        send: &'static mut [u8; SEND],
    ) -> Self {
        Self { keys, state: State::Idle(Stores { receive, send }) }
    }

    /// Begins a link, with fresh random bytes.
    pub(crate) fn begin(&mut self, random: [u8; 32]) {
        self.reset();
        self.change(|state, keys| match state {
            State::Idle(stores) => State::Handshake(Handshake::server(keys, Ephemeral::new(random)), stores),
            state => state,
        });
    }

    /// Forgets the peer.
    pub(crate) fn reset(&mut self) {
        self.change(|state, _| match state {
            State::Handshake(_, stores) => State::Idle(stores),
            State::Open(opener, sealer) => {
                State::Idle(Stores { receive: opener.into_store(), send: sealer.into_store() })
            }
            state => state,
        });
    }

    fn change(&mut self, change: impl FnOnce(State, &'static [Key]) -> State) {
        let state = mem::replace(&mut self.state, State::Changing);
        self.state = change(state, self.keys);
    }

    /// Whether it is not known yet who the peer is.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        matches!(self.state, State::Handshake(..))
    }

    /// Hands the plaintext of what arrived to `serve`, which leaves what has to wait, and calls that at least once.
    pub(crate) fn take(
        &mut self,
        input: &mut &[u8],
        mut serve: impl FnMut(&mut &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let opener = match &mut self.state {
            State::Open(opener, _) => opener,
            // What follows the handshake waits in the socket until our answer is out.
            State::Handshake(handshake, _) => return handshake.read(input).map_err(Fault::Handshake),
            State::Idle(_) | State::Changing => return Ok(()),
        };
        loop {
            let Some(mut plaintext) = opener.open(input).map_err(Fault::Link)?.data() else {
                return serve(&mut &[][..]);
            };
            let before = plaintext.len();
            let served = serve(&mut plaintext);
            let left = plaintext.len();
            opener.consume(before - left);
            served?;
            if left > 0 {
                return Ok(());
            }
        }
    }

    /// Moves what the sender has queued to `space`, sealed, and returns how many bytes that is.
    pub(crate) fn give(&mut self, sender: &mut Sender, space: &mut [u8]) -> usize {
        match &mut self.state {
            State::Open(_, sealer) => {
                let mut given = 0;
                loop {
                    let n = copy(&mut space[given..], sealer.pending());
                    sealer.advance(n);
                    given += n;
                    if !sealer.pending().is_empty() {
                        return given;
                    }
                    match sealer.seal(sender.pending().0) {
                        Ok(n @ 1..) => sender.advance(n),
                        // There is nothing more, or it has ended.
                        _ => return given,
                    }
                }
            }
            State::Handshake(handshake, _) => {
                let n = copy(space, handshake.pending());
                handshake.advance(n);
                if handshake.next() == Step::Flush {
                    // The socket sends by itself.
                    handshake.flushed();
                }
                if handshake.next() == Step::Done {
                    self.open();
                }
                n
            }
            State::Idle(_) | State::Changing => 0,
        }
    }

    fn open(&mut self) {
        self.change(|state, _| {
            let State::Handshake(handshake, stores) = state else { return state };
            let Some(session) = handshake.session() else { return State::Idle(stores) };
            match session.try_split(stores.receive, stores.send) {
                Ok((opener, sealer)) => State::Open(opener, sealer),
                // They are large enough, see above.
                Err(_) => State::Changing,
            }
        });
    }

    /// Whether something is sealed that is still to be sent.
    pub(crate) fn has_pending(&self) -> bool {
        match &self.state {
            State::Open(_, sealer) => !sealer.pending().is_empty(),
            State::Handshake(handshake, _) => !handshake.pending().is_empty(),
            State::Idle(_) | State::Changing => false,
        }
    }

    /// Queues the end of the link, if there is one.
    pub(crate) fn end(&mut self) {
        if let State::Open(_, sealer) = &mut self.state {
            // It fails where the keys are used up, in some million years.
            let _ = sealer.end();
        }
    }

    /// Tells whether the peer has ended the link, after the end of its stream.
    pub(crate) fn end_of_input(&self) -> Result<(), Fault> {
        match &self.state {
            State::Open(opener, _) => opener.end_of_input().map_err(Fault::Link),
            State::Handshake(..) | State::Idle(_) | State::Changing => {
                Err(Fault::Handshake(HandshakeError::Closed))
            }
        }
    }
}

/// Copies what there is room for.
fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let n = to.len().min(from.len());
    to[..n].copy_from_slice(&from[..n]);
    n
}
