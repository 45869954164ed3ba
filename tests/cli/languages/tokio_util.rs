//! A peer that frames by tokio-util's `LengthDelimitedCodec`, in this process.

use std::net::TcpListener;
use std::thread;

use futures_util::{SinkExt as _, StreamExt as _, stream};
use tokio::net::TcpStream;
use tokio::runtime;
use tokio_util::bytes::Bytes;
use tokio_util::codec::{Framed, FramedRead, FramedWrite, LengthDelimitedCodec};

use super::{Message, Peer, Received};

pub(super) struct LengthDelimited(LengthDelimitedCodec);

impl LengthDelimited {
    /// By our name of the format: `u24le`.
    pub(super) fn new(wire: &str) -> Self {
        let bits: usize = wire.trim_matches(|letter: char| letter.is_alphabetic()).parse().unwrap();
        let mut builder = LengthDelimitedCodec::builder();
        builder.length_field_length(bits / 8);
        if wire.ends_with("le") {
            builder.little_endian();
        }
        Self(builder.new_codec())
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
}

impl Peer for LengthDelimited {
    fn call(&self, address: &str, messages: &[Message]) -> Received {
        run(async {
            let (read, write) = TcpStream::connect(address).await.unwrap().into_split();
            let replies = FramedRead::new(read, self.0.clone()).take(messages.len());
            let mut sink = FramedWrite::new(write, self.0.clone());
            let mut messages = stream::iter(messages).map(|message| Ok(Bytes::from_static(message.bytes)));
            // The sink stays open until the replies have come.
            let replies = replies.map(|reply| reply.unwrap().to_vec()).collect();
            let (sent, replies) = tokio::join!(sink.send_all(&mut messages), replies);
            sent.unwrap();
            Received::Bytes(replies)
        })
    }

    fn serve(&self) -> (String, Box<dyn FnOnce() -> Received>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let codec = self.0.clone();
        let server = thread::spawn(move || {
            let (peer, _) = listener.accept().unwrap();
            peer.set_nonblocking(true).unwrap();
            run(async {
                let mut framed = Framed::new(TcpStream::from_std(peer).unwrap(), codec);
                let mut received = Vec::new();
                while let Some(message) = framed.next().await {
                    let message = message.unwrap().freeze();
                    received.push(message.to_vec());
                    framed.send(message).await.unwrap();
                }
                Received::Bytes(received)
            })
        });
        (address, Box::new(|| server.join().expect("the peer found what it expected")))
    }
}
