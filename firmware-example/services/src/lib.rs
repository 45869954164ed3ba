//! What the firmware example serves, free of hardware: so it is tested on a host, over the same TCP/IP stack.
//!
//! | port | service | frames |
//! |---|---|---|
//! | 7878 | [`Service::Upper`] | answered with their ASCII letters in upper case |
//! | 7879 | [`Service::Echo`] | answered as they are |
//! | 7880 | [`Service::Typed`] | [`messages::Request`] and [`messages::Reply`], by postcard |
//! | 7881 | [`Service::Files`] | headers of files in JSON, the content unframed after them |
//! | 7882 | [`Service::Upper`] | the first, on an authenticated link: [`sealed`] |
//!
//! All with a length of 32 bits, big-endian. [`link`] joins them to smoltcp's sockets.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod disk;
mod files;
pub mod link;
mod mirror;
pub mod sealed;
mod typed;

use core::fmt;

pub use files::{Kind, Session};
use ringframe::formats::U32Be;
use ringframe::{DecodeError, Decoder, EncodeError, Encoder, EndError, Limited};
use ringframe_io::noise::{HandshakeError, LinkError};
pub use ringframe_messages as messages;

/// Size of a connection's receive ring, bytes: the largest frame that is taken whole. Larger ones, and files,
/// pass through it in pieces.
pub const RING: usize = 512;

/// Size of a connection's outgoing ring, bytes. An answer is no longer than what it answers, so with twice
/// the receive ring there is always room for one when it is empty.
pub const OUTGOING: usize = 2 * RING;

/// The largest frame that is upper-cased or echoed, bytes with its header.
pub const MAX_FRAME: u64 = 1 << 20;

/// The wire format. Its limit is [`Service::max_frame`] when receiving, [`MAX_FRAME`] when sending.
pub type Wire = Limited<U32Be>;

/// A connection's receiving side.
pub type Receiver = Decoder<Wire, [u8; RING]>;

/// A connection's sending side.
pub type Sender = Encoder<Wire, [u8; OUTGOING]>;

/// What the services know of the board.
pub trait Board {
    /// How many LEDs there are, at most 8.
    const LEDS: u8;

    /// Time since the start, ms.
    fn uptime(&self) -> u64;

    /// Switches an LED below [`LEDS`](Self::LEDS).
    fn set_led(&mut self, index: u8, on: bool);

    /// Reads the LEDs back, a bit each.
    fn leds(&self) -> u8;

    /// Returns fresh bytes of a cryptographically secure source. Authenticated links are as secure as these.
    fn random(&mut self) -> [u8; 32];
}

/// What all connections share.
pub struct Node<'d, B> {
    /// The board.
    pub board: B,
    /// The files.
    pub disk: disk::Disk<'d>,
    /// What happened so far.
    pub counters: messages::Counters,
    /// Version of the firmware.
    pub version: &'static str,
}

/// What a connection's peer wants, and how far that has come.
pub enum Service {
    /// Every frame is answered with its ASCII letters in upper case.
    Upper,
    /// Every frame is answered as it is.
    Echo,
    /// Typed requests.
    Typed,
    /// Files.
    Files(Session),
}

impl Service {
    /// The file service, with no file under way.
    pub fn files() -> Self {
        Self::Files(Session::default())
    }

    /// Returns the length of the largest frame that it takes, in bytes with its header.
    pub const fn max_frame(&self) -> u64 {
        match self {
            Self::Upper | Self::Echo => MAX_FRAME,
            Self::Typed | Self::Files(_) => RING as u64,
        }
    }

    /// Takes what it can out of the receiver and `input`, and queues answers as long as there is room for
    /// them; what is left of `input` waits in the socket, and so, in the end, does the peer.
    ///
    /// # Errors
    /// [`Fault`]: the connection is of no more use, but what is queued should still go out.
    pub fn serve<B: Board>(
        &mut self,
        receiver: &mut Receiver,
        sender: &mut Sender,
        input: &mut &[u8],
        node: &mut Node<'_, B>,
    ) -> Result<(), Fault> {
        match self {
            Self::Upper => mirror::serve(receiver, sender, input, "upper", mirror::upper),
            Self::Echo => mirror::serve(receiver, sender, input, "echo", mirror::same),
            Self::Typed => typed::serve(receiver, sender, input, node),
            Self::Files(session) => session.serve(receiver, sender, input, &mut node.disk),
        }
    }

    /// Whether it goes on sending although no input is left.
    pub fn is_sending(&self) -> bool {
        matches!(self, Self::Files(session) if session.is_sending())
    }

    /// Whether more of a file is awaited, or of what is said of it.
    pub fn is_mid_content(&self) -> bool {
        matches!(self, Self::Files(session) if session.is_receiving())
    }

    /// The peer's end of the stream: a clean one, or not. Whatever was under way is given up.
    ///
    /// # Errors
    /// [`Fault::Truncated`] inside a frame, [`Fault::Content`] inside a file.
    pub fn finish<B>(&mut self, receiver: &mut Receiver, node: &mut Node<'_, B>) -> Result<(), Fault> {
        let missing = self.abandon(node);
        receiver.end_of_input().map_err(Fault::Truncated)?;
        missing.map_or(Ok(()), |missing| Err(Fault::Content { missing }))
    }

    /// Gives up whatever is under way, and answers how many bytes of a file are missing, if it was one.
    pub fn abandon<B>(&mut self, node: &mut Node<'_, B>) -> Option<u64> {
        match self {
            Self::Files(session) => session.abandon(&mut node.disk),
            Self::Upper | Self::Echo | Self::Typed => None,
        }
    }
}

/// A line for each frame, for who builds the firmware with `DEFMT_LOG=debug`.
fn log_frame(service: &str, payload: u64) {
    #[cfg(feature = "defmt")]
    defmt::debug!("{=str}: a frame with {=u64} bytes of payload", service, payload);
    #[cfg(not(feature = "defmt"))]
    let _ = (service, payload);
}

/// Why a connection is of no more use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Fault {
    /// The peer broke the protocol.
    Protocol(DecodeError),
    /// The peer's stream ended inside a frame.
    Truncated(EndError),
    /// The peer's stream ended inside a file, or before what was to be said of it.
    Content {
        /// How many bytes of its content are missing.
        missing: u64,
    },
    /// A file that was being sent was replaced, so that the rest of what was promised is not there any more.
    Replaced,
    /// A request was refused, which the peer was told; what follows it is not to be understood.
    Refused(Kind),
    /// An answer was not encoded: a bug.
    Answer(EncodeError),
    /// No frame began for too long.
    Idle,
    /// A frame began but was not complete for too long.
    TooSlow,
    /// Answers were not taken for too long.
    Stalled,
    /// The connection was reset, or the peer is gone.
    Reset,
    /// The peer has none of the keys, or did not begin an authenticated link.
    Handshake(HandshakeError),
    /// An authenticated link was tampered with, or cut.
    Link(LinkError),
}

impl Fault {
    /// Whether the peer broke the protocol.
    pub const fn is_protocol(&self) -> bool {
        match self {
            Self::Protocol(_) | Self::Truncated(_) | Self::Handshake(_) => true,
            Self::Link(error) => error.is_protocol(),
            _ => false,
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self::Protocol(error)
    }
}

impl From<EncodeError> for Fault {
    fn from(error: EncodeError) -> Self {
        Self::Answer(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Truncated(error) => error.fmt(f),
            Self::Content { missing } => write!(f, "{missing} bytes of a file are missing"),
            Self::Replaced => f.write_str("the file that was being sent was replaced"),
            Self::Refused(kind) => write!(f, "request refused: {}", kind.name()),
            Self::Answer(error) => error.fmt(f),
            Self::Idle => f.write_str("no frame began for too long"),
            Self::TooSlow => f.write_str("a frame was not complete for too long"),
            Self::Stalled => f.write_str("answers were not taken for too long"),
            Self::Reset => f.write_str("reset, or the peer is gone"),
            Self::Handshake(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Fault {}
