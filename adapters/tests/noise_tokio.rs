//! `ringframe_io::noise::tokio`: links over transports in memory.
#![cfg(all(feature = "noise", feature = "tokio"))]

use ringframe::formats;
use ringframe_io::noise::Key;
use ringframe_io::noise::tokio::{accept, connect};
use ringframe_io::tokio::{Reader, Writer};
use tokio::io::{AsyncReadExt, split};

/// A link of two ends, over a pipe of that size.
macro_rules! link {
    ($size:expr) => {{
        let (near, far) = tokio::io::duplex($size);
        let (near, far) = (split(near), split(far));
        let (key, keys) = (Key::new([7; 32]), [Key::new([7; 32])]);
        tokio::try_join!(connect(near.0, near.1, &key), accept(far.0, far.1, &keys)).expect("one key")
    }};
}

#[tokio::test]
async fn frames_and_raw_bytes_run_on_a_link_as_on_any_transport() {
    let ((_, writes), (reads, _)) = link!(100);
    let sends = async {
        let mut writer = Writer::with_capacity(writes, formats::U32_BE, 1 << 10).expect("room");
        writer.send(b"hello").await.expect("a good link");
        writer.send(&[7; 100_000]).await.expect("a good link");
        let mut rest = &b"raw"[..];
        while !rest.is_empty() {
            let n = writer.write_raw(rest).await.expect("a good link");
            rest = &rest[n..];
        }
        writer.shutdown().await.expect("a good link");
    };
    let receives = async {
        let mut reader = Reader::with_capacity(reads, formats::U32_BE, 1 << 20).expect("room");
        assert_eq!(reader.read_frame().await.unwrap().unwrap().payload(), b"hello");
        assert_eq!(reader.read_frame().await.unwrap().unwrap().payload(), [7; 100_000]);
        let (mut reads, decoder) = reader.into_parts();
        let (_, store, buffered) = decoder.into_parts();
        let mut raw = store[buffered].to_vec();
        reads.read_to_end(&mut raw).await.expect("a clean end");
        assert_eq!(raw, b"raw");
    };
    tokio::join!(sends, receives);
}
