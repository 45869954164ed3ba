//! Links over the transports of embedded-io, blocking and asynchronous, written once as the adapters for them are:
//! each says the same three words, see `embedded/adapter.rs`, before it invokes [`halves`].

use core::fmt;

use ::embedded_io::ErrorKind;

use super::LinkError;

/// Why a half of a link did not read or write. `E` is the transport's own error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error<E> {
    /// The transport failed. All state is kept: the next call goes on.
    Io(E),
    /// The transport takes no more bytes.
    WriteZero,
    /// The link is at fault. Every later call repeats it.
    Link(LinkError),
}

impl<E> From<LinkError> for Error<E> {
    fn from(error: LinkError) -> Self {
        Self::Link(error)
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::WriteZero => f.write_str("the transport takes no more bytes"),
            Self::Link(error) => error.fmt(f),
        }
    }
}

// No `source`: `Display` says it all.
impl<E: core::error::Error> core::error::Error for Error<E> {}

impl<E: ::embedded_io::Error> ::embedded_io::Error for Error<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io(error) => error.kind(),
            Self::WriteZero => ErrorKind::WriteZero,
            Self::Link(LinkError::Ended) => ErrorKind::BrokenPipe,
            Self::Link(LinkError::Exhausted) => ErrorKind::Other,
            Self::Link(_) => ErrorKind::InvalidData,
        }
    }
}

/// After a call to the transport; `None`: interrupted, so once more.
pub(super) fn done<T, E: ::embedded_io::Error>(result: Result<T, E>) -> Result<Option<T>, E> {
    match result {
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
        result => result.map(Some),
    }
}

/// The two halves, and what makes them.
macro_rules! halves {
    ($($async:tt)?) => {
        /// Makes a link by the client, over both directions of a connection.
        ///
        /// `e` is made of fresh random bytes. `chunk` is where bytes are read to: some hundred of them spare calls to
        /// the transport; it must hold one. `N` is the size of the outgoing store, see [`Sealer`].
        ///
        #[doc = cancel_safe!("no; dropped, it leaves a connection that is of no use.")]
        ///
        /// # Errors
        /// [`HandshakeError`]; [`Closed`](HandshakeError::Closed) is how a server refuses another key. The connection
        /// is of no use then.
        pub $($async)? fn connect<R: Read, W: Write<Error = R::Error>, B: Store, const N: usize>(
            read: R,
            write: W,
            key: &Key,
            e: Ephemeral,
            chunk: B,
        ) -> Result<Halves<R, W, B, N>, HandshakeError<R::Error>> {
            wait!(shake_hands(Handshake::client(key, e), read, write, chunk))
        }

        /// Makes a link by the server, whose keys are tried in turn; the rest is as for [`connect`].
        ///
        /// A client's first message can be a repeated one, so this proves nothing yet: act on nothing, and send
        /// nothing, before the first byte is read from the link.
        ///
        #[doc = cancel_safe!("no; dropped, it leaves a connection that is of no use.")]
        ///
        /// # Errors
        /// [`HandshakeError`]. Close the connection then without a word.
        pub $($async)? fn accept<R: Read, W: Write<Error = R::Error>, B: Store, const N: usize>(
            read: R,
            write: W,
            keys: &[Key],
            e: Ephemeral,
            chunk: B,
        ) -> Result<Halves<R, W, B, N>, HandshakeError<R::Error>> {
            wait!(shake_hands(Handshake::server(keys, e), read, write, chunk))
        }

        /// The two directions of a link.
        pub type Halves<R, W, B, const N: usize> = (ReadHalf<R, B>, WriteHalf<W, N>);

        $($async)? fn shake_hands<R: Read, W: Write<Error = R::Error>, B: Store, const N: usize>(
            mut handshake: Handshake<'_>,
            mut read: R,
            mut write: W,
            chunk: B,
        ) -> Result<Halves<R, W, B, N>, HandshakeError<R::Error>> {
            let mut chunk = Chunk::new(chunk);
            loop {
                while !handshake.pending().is_empty() {
                    match done(wait!(write.write(handshake.pending()))).map_err(HandshakeError::Io)? {
                        Some(0) => return Err(HandshakeError::WriteZero),
                        Some(n) => handshake.advance(n),
                        None => {}
                    }
                }
                while done(wait!(write.flush())).map_err(HandshakeError::Io)?.is_none() {}
                if handshake.is_done() {
                    break;
                }
                match done(wait!(read.read(chunk.space()))).map_err(HandshakeError::Io)? {
                    Some(0) => return Err(HandshakeError::Closed),
                    Some(n) => chunk.arrived(n),
                    None => {}
                }
                chunk.lend(|input| handshake.read(input)).map_err(HandshakeError::over)?;
            }
            let Some(session) = handshake.session() else { return Err(HandshakeError::Closed) };
            let (opener, sealer) = session.split();
            let read = ReadHalf { io: read, receiver: Receiver::new(opener, chunk) };
            Ok((read, WriteHalf { io: write, sealer }))
        }

        /// The receiving direction of a link. `B` is where bytes are read to.
        #[derive(Debug)]
        pub struct ReadHalf<R, B> {
            io: R,
            receiver: Receiver<B>,
        }

        /// The sending direction of a link, with a store of `N` bytes, see [`Sealer`].
        #[derive(Debug)]
        pub struct WriteHalf<W, const N: usize> {
            io: W,
            sealer: Sealer<N>,
        }

        impl<R, B> ReadHalf<R, B> {
            $crate::access::refs!(R, "on the link, which ends it");
        }

        impl<W, const N: usize> WriteHalf<W, N> {
            $crate::access::refs!(W, "on the link, which ends it");
        }

        impl<R: ErrorType, B> ErrorType for ReadHalf<R, B> {
            type Error = Error<R::Error>;
        }

        impl<W: ErrorType, const N: usize> ErrorType for WriteHalf<W, N> {
            type Error = Error<W::Error>;
        }

        /// The stream ends where the peer has ended its direction and then the transport's.
        ///
        #[doc = cancel_safe!("a byte that was read is kept for the next call.")]
        impl<R: Read, B: Store> Read for ReadHalf<R, B> {
            $($async)? fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
                if buf.is_empty() {
                    return Ok(0);
                }
                loop {
                    if let Some(n) = self.receiver.take(buf)? {
                        return Ok(n);
                    }
                    match done(wait!(self.io.read(self.receiver.space()))).map_err(Error::Io)? {
                        Some(n) if self.receiver.arrived(n)? => {}
                        Some(_) => return Ok(0),
                        None => {}
                    }
                }
            }
        }

        /// What is written is sealed, and goes out once there is no room for more, or when it is flushed.
        ///
        #[doc = cancel_safe!("a write that was dropped has taken nothing; what was taken is kept for the next call.")]
        impl<W: Write, const N: usize> Write for WriteHalf<W, N> {
            $($async)? fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
                if buf.is_empty() {
                    return Ok(0);
                }
                // Not in two messages what has room in one.
                if self.sealer.free() < buf.len() {
                    wait!(self.drain())?;
                }
                Ok(self.sealer.seal(buf)?)
            }

            $($async)? fn flush(&mut self) -> Result<(), Self::Error> {
                wait!(self.drain())?;
                while done(wait!(self.io.flush())).map_err(Error::Io)?.is_none() {}
                Ok(())
            }
        }

        impl<W: Write, const N: usize> WriteHalf<W, N> {
            /// Sends what waits, then the end of this direction; then close the transport's, which the peer waits
            /// for. Without this the peer finds the stream [cut off](LinkError::Truncated).
            ///
            #[doc = cancel_safe!("what was not sent is kept for the next call.")]
            ///
            /// # Errors
            /// The transport's; the next call goes on.
            pub $($async)? fn end(&mut self) -> Result<(), Error<W::Error>> {
                self.sealer.end()?;
                wait!(self.flush())
            }

            /// Writes all that is sealed.
            $($async)? fn drain(&mut self) -> Result<(), Error<W::Error>> {
                while !self.sealer.pending().is_empty() {
                    match done(wait!(self.io.write(self.sealer.pending()))).map_err(Error::Io)? {
                        Some(0) => return Err(Error::WriteZero),
                        Some(n) => self.sealer.advance(n),
                        None => {}
                    }
                }
                Ok(())
            }
        }
    };
}
pub(super) use halves;
