//! Real sockets.

use ringframe::formats;
use ringframe_io::tokio::{Framed, Reader, Writer};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a connection");
    (near, listener.accept().await.expect("a connection").0)
}

/// The futures can be spawned, and a stream's own halves are transports.
#[tokio::test]
async fn a_server_answers_over_tcp_until_the_peer_half_closes() {
    let (stream, mut far) = pair().await;
    let server = tokio::spawn(async move {
        let (reader, writer) = far.split();
        let mut reader = Reader::with_capacity(reader, formats::U32_BE, 1024).expect("a store");
        let mut writer = Writer::with_capacity(writer, formats::U32_BE, 1024).expect("a store");
        while let Some(frame) = reader.next_frame().await.expect("a good stream") {
            let reply = frame.payload().to_ascii_uppercase();
            writer.push(&reply).await.expect("a peer that reads");
            if !reader.is_ready() {
                writer.flush().await.expect("a peer that reads");
            }
        }
        writer.close().await.expect("a peer that reads");
    });
    #[cfg(feature = "tcp")]
    {
        ringframe_io::tcp::Options::default().apply(&stream).expect("a socket like `std`'s");
        assert!(stream.nodelay().expect("an option"));
    }
    let (reader, writer) = stream.into_split();
    let mut reader = Reader::with_capacity(reader, formats::U32_BE, 1024).expect("a store");
    let mut writer = Writer::with_capacity(writer, formats::U32_BE, 1024).expect("a store");
    for _ in 0..100 {
        writer.push(b"hello").await.expect("a peer that reads");
    }
    writer.close().await.expect("a peer");
    for _ in 0..100 {
        let frame = reader.next_frame().await.expect("a good stream").expect("a reply");
        assert_eq!(frame.payload(), b"HELLO");
    }
    assert!(reader.next_frame().await.expect("a clean end").is_none());
    server.await.expect("no failures");
}

/// One link, in a task that is spawned, answers each request while it is lent.
#[tokio::test]
async fn a_link_is_split_by_its_own_method_and_joined_again() {
    let (near, far) = pair().await;
    let server = tokio::spawn(async move {
        let mut link = Framed::with_capacity(far, formats::U32_BE, 1024).expect("a store");
        while let Some((frame, writer)) = link.next_request().await.expect("a good stream") {
            writer.send(frame.payload()).await.expect("a peer that reads");
        }
    });
    let link = Framed::with_capacity(near, formats::U32_BE, 1024).expect("a store");
    let (mut reader, mut writer) = link.split(TcpStream::into_split);
    let sender = tokio::spawn(async move {
        writer.send(b"by a half").await.expect("a peer");
        writer
    });
    let frame = reader.next_frame().await.expect("a good stream").expect("an echo");
    assert_eq!(frame.payload(), b"by a half");
    let writer = sender.await.expect("no failures");
    let mut link = Framed::join(reader, writer, OwnedReadHalf::reunite).expect("halves of one stream");
    link.send(b"by the whole").await.expect("a peer");
    let frame = link.next_frame().await.expect("a good stream").expect("an echo");
    assert_eq!(frame.payload(), b"by the whole");
    drop(link);
    server.await.expect("no failures");
}
