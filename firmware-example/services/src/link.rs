//! The codec on smoltcp's sockets, without a buffer in between: the decoder is fed from `recv(|bytes| …)`, the
//! encoder drained into `send(|space| …)`.

use ringframe::formats::U32_BE;
use ringframe::{Decoder, Encoder, Format};
use smoltcp::socket::tcp::{Socket, State};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpEndpoint;

use crate::sealed::Sealed;
use crate::{Board, Fault, MAX_FRAME, Node, OUTGOING, RING, Receiver, Sender, Service};

/// How long a frame may take from its first byte to its last: the largest, at 35 KB/s.
const FRAME: Duration = Duration::from_secs(30);

/// How long a peer may pause inside a file, or in taking answers.
const PAUSE: Duration = Duration::from_secs(30);

/// How long a peer may do nothing between frames.
const IDLE: Duration = Duration::from_secs(300);

/// How long the handshake of an authenticated link may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// A peer that acknowledges nothing for so long, keep-alives included, is gone. More than the 60 s that smoltcp
/// lets pass, in the end, between asking a peer whose window is full.
const GONE: Duration = Duration::from_secs(150);
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How long, after a fault, what a peer still sends is taken and dropped: so it can read why before a reset makes
/// it forget.
const LINGER: Duration = Duration::from_secs(1);

/// One connection after another on one socket.
pub struct Connection {
    port: u16,
    service: fn() -> Service,
    session: Service,
    receiver: Receiver,
    sender: Sender,
    /// What its bytes pass through, if it is an authenticated one.
    sealed: Option<&'static mut Sealed>,
    phase: Phase,
    /// When the peer connected.
    opened: Instant,
    /// When bytes last moved; and when last there was nothing to send, or some of it went out.
    active: Instant,
    given: Instant,
    /// Since when the frame behind so many others is under way.
    begun: Option<(u32, Instant)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nobody is connected.
    Listening,
    Serving,
    /// What is queued goes out, what arrives is dropped, until then.
    Ending(Instant),
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A peer connected.
    Opened(IpEndpoint),
    /// Its connection ended, cleanly or not.
    Closed(Result<(), Fault>),
}

impl Connection {
    /// Serves peers on a port, each with a new `service`.
    pub fn new(port: u16, service: fn() -> Service) -> Self {
        let session = service();
        Self {
            port,
            service,
            receiver: Decoder::new(U32_BE.with_limit(session.max_frame()), [0; RING]),
            sender: Encoder::new(U32_BE.with_limit(MAX_FRAME), [0; OUTGOING]),
            session,
            sealed: None,
            phase: Phase::Listening,
            opened: Instant::ZERO,
            active: Instant::ZERO,
            given: Instant::ZERO,
            begun: None,
        }
    }

    /// Does the same on authenticated links.
    pub fn sealed(port: u16, service: fn() -> Service, sealed: &'static mut Sealed) -> Self {
        Self { sealed: Some(sealed), ..Self::new(port, service) }
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Does what can be done now, after the stack was polled. A reset that it decides upon goes out with the
    /// next poll.
    pub fn turn<B: Board>(
        &mut self,
        socket: &mut Socket<'_>,
        now: Instant,
        node: &mut Node<'_, B>,
    ) -> Option<Report> {
        match self.phase {
            Phase::Listening => match socket.state() {
                State::Closed => {
                    self.listen(socket);
                    None
                }
                State::Listen | State::SynReceived => None,
                _ => {
                    self.phase = Phase::Serving;
                    (self.opened, self.active, self.given) = (now, now, now);
                    if let Some(sealed) = &mut self.sealed {
                        sealed.begin(node.board.random());
                    }
                    node.counters.connections = node.counters.connections.wrapping_add(1);
                    socket.remote_endpoint().map(Report::Opened)
                }
            },
            Phase::Serving => {
                let served = self.pump(socket, now, node).and_then(|()| self.in_time(now));
                let end = match served {
                    Ok(()) if !socket.is_active() => Err(Fault::Reset),
                    Ok(()) if socket.may_recv() || self.has_pending() || self.session.is_sending() => {
                        return None;
                    }
                    Ok(()) => self.finish(node),
                    Err(fault) => Err(fault),
                };
                self.session.abandon(node);
                if let (Err(Fault::Handshake(_) | Fault::Link(_)), Some(sealed)) = (&end, &mut self.sealed) {
                    // Nothing more is said, not even the end: the peer, if it is one, learns that something is wrong.
                    sealed.reset();
                    self.sender.reset();
                }
                self.phase = Phase::Ending(now + if end.is_ok() { PAUSE } else { LINGER });
                if end.is_err() {
                    node.counters.faults = node.counters.faults.wrapping_add(1);
                }
                Some(Report::Closed(end))
            }
            Phase::Ending(until) => {
                self.give(socket, node);
                if let (true, Some(sealed)) = (self.sender.is_empty(), &mut self.sealed) {
                    // The peer learns that nothing was cut off.
                    sealed.end();
                    self.give(socket, node);
                }
                while socket.can_recv() {
                    // It is of no use any more, whatever it is.
                    let _ = socket.recv(|bytes| (bytes.len(), ()));
                }
                if !self.has_pending() {
                    socket.close();
                }
                let over = matches!(socket.state(), State::Closed | State::TimeWait);
                if over || now >= until {
                    self.reset();
                    if socket.state() == State::Closed {
                        // At once: a peer that connects before the next turn would be refused.
                        self.listen(socket);
                    } else {
                        socket.abort();
                    }
                }
                None
            }
        }
    }

    /// Moves bytes both ways until nothing moves any more.
    fn pump<B: Board>(
        &mut self,
        socket: &mut Socket<'_>,
        now: Instant,
        node: &mut Node<'_, B>,
    ) -> Result<(), Fault> {
        loop {
            let frames = self.receiver.stats().frames;
            let mut taken = 0;
            let served = socket.recv(|bytes| {
                let mut input = &*bytes;
                let served = self.serve(&mut input, node);
                taken = bytes.len() - input.len();
                (taken, served)
            });
            // With nothing to receive, what was received before may have found room for its answer.
            let served = served.unwrap_or_else(|_| self.serve(&mut &[][..], node));
            node.counters.add(self.receiver.stats().frames.wrapping_sub(frames), taken, 0);
            let given = self.give(socket, node);
            if taken > 0 || given > 0 {
                self.active = now;
            }
            if given > 0 || !self.has_pending() {
                self.given = now;
            }
            served?;
            if taken == 0 && given == 0 {
                return Ok(());
            }
        }
    }

    /// Serves what arrived.
    fn serve<B: Board>(&mut self, input: &mut &[u8], node: &mut Node<'_, B>) -> Result<(), Fault> {
        let Self { session, receiver, sender, sealed, .. } = self;
        match sealed {
            None => session.serve(receiver, sender, input, node),
            Some(sealed) => sealed.take(input, |plaintext| session.serve(receiver, sender, plaintext, node)),
        }
    }

    /// Lets the stack have what is queued, as far as it has room.
    fn give<B>(&mut self, socket: &mut Socket<'_>, node: &mut Node<'_, B>) -> usize {
        let given = socket.send(|space| {
            let n = match &mut self.sealed {
                None => self.sender.drain(space),
                Some(sealed) => sealed.give(&mut self.sender, space),
            };
            (n, n)
        });
        let given = given.unwrap_or(0);
        node.counters.add(0, 0, given);
        given
    }

    /// Whether something is queued that the stack does not have yet.
    fn has_pending(&self) -> bool {
        !self.sender.is_empty() || self.sealed.as_ref().is_some_and(|sealed| sealed.has_pending())
    }

    /// The peer's end of the stream: a clean one, or not.
    fn finish<B>(&mut self, node: &mut Node<'_, B>) -> Result<(), Fault> {
        if let Some(sealed) = &self.sealed {
            sealed.end_of_input()?;
        }
        self.session.finish(&mut self.receiver, node)
    }

    /// Whether the peer keeps to the times.
    fn in_time(&mut self, now: Instant) -> Result<(), Fault> {
        let shaking_hands = self.sealed.as_ref().is_some_and(|sealed| sealed.is_shaking_hands());
        if shaking_hands && now >= self.opened + HANDSHAKE {
            return Err(Fault::TooSlow);
        }
        if self.has_pending() {
            // As long as it takes no answers, none of its bytes are taken either: no other clock runs.
            self.begun = None;
            return if now < self.given + PAUSE { Ok(()) } else { Err(Fault::Stalled) };
        }
        let frames = self.receiver.stats().frames;
        if !self.receiver.is_mid_frame() {
            self.begun = None;
            let allowed = if self.session.is_mid_content() { PAUSE } else { IDLE };
            return if now < self.active + allowed { Ok(()) } else { Err(Fault::Idle) };
        }
        match self.begun {
            Some((before, since)) if before == frames => {
                if now < since + FRAME {
                    Ok(())
                } else {
                    Err(Fault::TooSlow)
                }
            }
            _ => {
                self.begun = Some((frames, now));
                Ok(())
            }
        }
    }

    fn listen(&self, socket: &mut Socket<'_>) {
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.set_timeout(Some(GONE));
        socket.set_keep_alive(Some(KEEP_ALIVE));
        // The port is not 0, and the socket is closed.
        let _ = socket.listen(self.port);
    }

    /// Forgets the peer.
    fn reset(&mut self) {
        self.session = (self.service)();
        self.receiver.reset();
        self.sender.reset();
        if let Some(sealed) = &mut self.sealed {
            sealed.reset();
        }
        self.phase = Phase::Listening;
        self.begun = None;
    }
}
