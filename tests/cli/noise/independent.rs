//! The other end of an authenticated link, made from the description alone on another Noise library.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use snow::{Builder, HandshakeState, StatelessTransportState};

/// What a client sends first, and both take into the handshake.
pub(crate) const HELLO: [u8; 8] = [0xf1, 0x52, 0x46, 0x4e, 1, 0x0d, 0x0a, 0];

/// Length of a handshake message, bytes.
pub(crate) const HANDSHAKE: usize = 48;

/// The most plaintext in a message, bytes.
pub(crate) const MOST: usize = 4096;

/// Length of a tag, bytes.
pub(crate) const TAG: usize = 16;

fn builder(key: &[u8; 32]) -> Builder<'_> {
    let name = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";
    let builder = Builder::new(name.parse().unwrap());
    builder.prologue(&HELLO).unwrap().psk(0, key).unwrap()
}

fn write(handshake: &mut HandshakeState) -> Vec<u8> {
    let mut message = [0; HANDSHAKE];
    assert_eq!(handshake.write_message(&[], &mut message).unwrap(), HANDSHAKE);
    framed(&message)
}

fn read(handshake: &mut HandshakeState, stream: &mut impl Read) {
    let message = read_message(stream).expect("a message of the handshake");
    assert_eq!(message.len(), HANDSHAKE);
    assert_eq!(handshake.read_message(&message, &mut []).expect("it is by who has the key"), 0);
}

/// A message with its length in front.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// The next message.
pub(crate) fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// The beginning of a client: its hello, and its first message.
pub(crate) fn beginning(key: &[u8; 32]) -> (HandshakeState, Vec<u8>) {
    let mut handshake = builder(key).build_initiator().unwrap();
    let message = write(&mut handshake);
    (handshake, [&HELLO[..], &message].concat())
}

/// A link, as `Read` and `Write` of its plaintext.
pub(crate) struct Independent {
    pub(crate) stream: TcpStream,
    session: StatelessTransportState,
    sent: u64,
    received: u64,
    /// What was opened and not read yet.
    opened: Vec<u8>,
    ended: bool,
}

impl Independent {
    fn new(stream: TcpStream, handshake: HandshakeState) -> Self {
        let session = handshake.into_stateless_transport_mode().unwrap();
        Self { stream, session, sent: 0, received: 0, opened: Vec::new(), ended: false }
    }

    pub(crate) fn connect(mut stream: TcpStream, key: &[u8; 32]) -> Self {
        let (mut handshake, bytes) = beginning(key);
        stream.write_all(&bytes).unwrap();
        read(&mut handshake, &mut stream);
        Self::new(stream, handshake)
    }

    pub(crate) fn accept(mut stream: TcpStream, key: &[u8; 32]) -> Self {
        let mut hello = [0; HELLO.len()];
        stream.read_exact(&mut hello).unwrap();
        assert_eq!(hello, HELLO);
        let mut handshake = builder(key).build_responder().unwrap();
        read(&mut handshake, &mut stream);
        stream.write_all(&write(&mut handshake)).unwrap();
        Self::new(stream, handshake)
    }

    /// Seals a message, with its length in front, that is then to be sent.
    pub(crate) fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut message = vec![0; plaintext.len() + TAG];
        let n = self.session.write_message(self.sent, plaintext, &mut message).unwrap();
        self.sent += 1;
        assert_eq!(n, message.len());
        framed(&message)
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        let message = self.seal(plaintext);
        self.stream.write_all(&message).unwrap();
    }

    /// Ends this direction. Who has had the last word waits for that a second, and may be gone.
    pub(crate) fn end(&mut self) {
        let message = self.seal(b"");
        let _ = self.stream.write_all(&message).and_then(|()| self.stream.shutdown(Shutdown::Write));
    }

    /// Receives a message, not more than may be sent; the empty one is the end of the other direction.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let message = read_message(&mut self.stream)?;
        assert!((TAG..=MOST + TAG).contains(&message.len()), "{}", message.len());
        let mut plaintext = vec![0; message.len()];
        let n = self.session.read_message(self.received, &message, &mut plaintext).expect("it is genuine");
        self.received += 1;
        plaintext.truncate(n);
        Ok(plaintext)
    }

    /// Checks that the other direction ends as it should, with nothing before that.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        assert_eq!(self.read(&mut [0]).unwrap(), 0);
        assert_eq!(self.stream.read(&mut [0]).unwrap(), 0);
    }
}

impl Read for Independent {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.opened.is_empty() && !self.ended {
            self.opened = self.receive()?;
            self.ended = self.opened.is_empty();
        }
        let n = buf.len().min(self.opened.len());
        buf[..n].copy_from_slice(&self.opened[..n]);
        self.opened.drain(..n);
        Ok(n)
    }
}

impl Write for Independent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(MOST);
        let message = self.seal(&bytes[..n]);
        self.stream.write_all(&message)?;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
