//! The other end of a link, by `snow`: it shares no code with ours, and puts its own lengths in front of messages.

use ringframe_io::noise::PROLOGUE;
use snow::{Builder, HandshakeState, TransportState};

/// The key of these tests: 00 01 02 … 1f.
pub(crate) const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut i = 0;
    while i < key.len() {
        key[i] = i as u8;
        i += 1;
    }
    key
};

fn builder<'b>(key: &'b [u8; 32], e: Option<&'b [u8; 32]>) -> Builder<'b> {
    let params = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s".parse().expect("a protocol of its own");
    let builder = Builder::new(params).psk(0, key).and_then(|builder| builder.prologue(&PROLOGUE));
    let builder = builder.expect("a key and a prologue");
    match e {
        Some(e) => builder.fixed_ephemeral_key_for_testing_only(e),
        None => builder,
    }
}

/// A client, by default with an ephemeral key of its own.
pub(crate) fn client(key: &[u8; 32], e: Option<&[u8; 32]>) -> HandshakeState {
    builder(key, e).build_initiator().expect("a client")
}

/// A server.
pub(crate) fn server(key: &[u8; 32], e: Option<&[u8; 32]>) -> HandshakeState {
    builder(key, e).build_responder().expect("a server")
}

/// A message with its length in front.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).expect("a message of Noise");
    [&len.to_be_bytes()[..], message].concat()
}

/// The next handshake message.
pub(crate) fn says(handshake: &mut HandshakeState) -> Vec<u8> {
    let mut message = [0; 100];
    let n = handshake.write_message(&[], &mut message).expect("its turn");
    framed(&message[..n])
}

/// All that a client sends first.
pub(crate) fn hello(client: &mut HandshakeState) -> Vec<u8> {
    [&PROLOGUE[..], &says(client)].concat()
}

/// Takes a handshake message, with its length in front.
pub(crate) fn hears(handshake: &mut HandshakeState, message: &[u8]) -> Result<(), snow::Error> {
    assert_eq!(message.len(), 50);
    let n = handshake.read_message(message.strip_prefix(&[0, 48]).expect("its length"), &mut [])?;
    assert_eq!(n, 0, "payloads are empty");
    Ok(())
}

/// What came of a handshake.
pub(crate) struct Link(pub(crate) TransportState);

impl Link {
    pub(crate) fn new(handshake: HandshakeState) -> Self {
        Self(handshake.into_transport_mode().expect("both messages"))
    }

    /// One message.
    pub(crate) fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut message = vec![0; plaintext.len() + 16];
        let n = self.0.write_message(plaintext, &mut message).expect("room");
        framed(&message[..n])
    }

    /// The plaintexts of all messages.
    pub(crate) fn open(&mut self, mut wire: &[u8]) -> Vec<Vec<u8>> {
        let mut plaintexts = Vec::new();
        while let Some((len, rest)) = wire.split_first_chunk() {
            let (message, rest) = rest.split_at(u16::from_be_bytes(*len).into());
            let mut plaintext = vec![0; message.len()];
            let n = self.0.read_message(message, &mut plaintext).expect("a good message");
            plaintext.truncate(n);
            plaintexts.push(plaintext);
            wire = rest;
        }
        assert!(wire.is_empty());
        plaintexts
    }
}
