//! What the probes of authenticated links share: one recorded handshake, and transports.
//!
//! A program has one side of a handshake only, as firmware has. So what the other side said is recorded: it is that of
//! the table in `adapters/tests/noise.rs`, by other code than ours.

use core::convert::Infallible;

use ringframe_io::noise::{Memory, receive_store, send_store};

use crate::link;

/// The key that both sides share.
pub const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut i = 0;
    while i < key.len() {
        key[i] = i as u8;
        i += 1;
    }
    key
};

/// The secret halves of the ephemeral keys.
pub const CLIENT: [u8; 32] = [0x11; 32];
pub const SERVER: [u8; 32] = [0x22; 32];

/// What the client sends: the handshake's [`HELLO`] bytes, then `hello` in a record.
pub const CLIENT_SAYS: [u8; HELLO + 23] = hex(
    b"f152464e010d0a0000307b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f136208eb7aa544a8deea981717c4c76746\
      0015f08ed4c6b11de43731996e2a085dd58eed37f1c427",
);
pub const HELLO: usize = 58;

/// What the server sends: the handshake's [`ANSWER`] bytes, then `HELLO` in a record.
pub const SERVER_SAYS: [u8; ANSWER + 23] = hex(
    b"00300faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f201bc0844832f49a0a09de25a4bc31c13e\
      001520e157ad00e3c07633891d6d94f0f9d2d0691894df",
);
pub const ANSWER: usize = 50;

const fn hex<const N: usize>(digits: &[u8]) -> [u8; N] {
    const fn digit(digit: u8) -> u8 {
        if digit < b'a' { digit - b'0' } else { digit - b'a' + 10 }
    }
    let mut bytes = [0; N];
    let mut i = 0;
    while i < N {
        bytes[i] = digit(digits[2 * i]) << 4 | digit(digits[2 * i + 1]);
        i += 1;
    }
    bytes
}

/// What a link is lent here: some bytes to read ahead, messages of any peer, and records of 1 KiB to send. Each program has it
/// in a `static`, as firmware has.
pub struct Buffers {
    chunk: [u8; 128],
    receive: [u8; receive_store(4096)],
    send: [u8; send_store(1024)],
}

impl Buffers {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { chunk: [0; 128], receive: [0; receive_store(4096)], send: [0; send_store(1024)] }
    }

    pub fn lend(&mut self) -> Memory<'_> {
        Memory::new(&mut self.chunk, &mut self.receive, &mut self.send)
    }
}

/// A transport that gives what was recorded, in reads as large as the reader likes.
pub struct Recorded<'r>(pub &'r [u8]);

/// A transport that compares what is written with what was recorded.
pub struct Expected<'r>(pub &'r [u8]);

/// The transport of a program that is not run.
pub struct Nowhere;

fn take(from: &mut &[u8], buf: &mut [u8]) -> usize {
    let n = buf.len().min(from.len());
    for (to, from) in buf.iter_mut().zip(from.iter()) {
        *to = *from;
    }
    *from = from.get(n..).unwrap_or_default();
    n
}

fn compare(with: &mut &[u8], bytes: &[u8]) -> usize {
    match with.strip_prefix(bytes) {
        Some(rest) => {
            *with = rest;
            bytes.len()
        }
        // The link says that the transport takes nothing.
        None => 0,
    }
}

macro_rules! no_error {
    ($($Transport:ty),*) => {
        $(impl embedded_io::ErrorType for $Transport {
            type Error = Infallible;
        })*
    };
}
no_error!(Recorded<'_>, Expected<'_>, Nowhere);

impl embedded_io::Read for Recorded<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(take(&mut self.0, buf))
    }
}

impl embedded_io::Write for Expected<'_> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(compare(&mut self.0, buf))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io_async::Read for Recorded<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(take(&mut self.0, buf))
    }
}

impl embedded_io_async::Write for Expected<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(compare(&mut self.0, buf))
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl embedded_io::Read for Nowhere {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        Ok(take(&mut link::receive(), buf))
    }
}

impl embedded_io::Write for Nowhere {
    fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(link::send(buf))
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
