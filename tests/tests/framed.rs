//! Our codec for tokio-util's `Framed`: the table of vectors through it, both ways; the same suite as its
//! `LengthDelimitedCodec`, which it is a drop-in for; random settings of both; and the mistakes of the original, by name.

use std::io::{self, ErrorKind};

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use ringframe::{
    DecodeError, EncodeError, EndError, Endian, Format, HeaderError, LengthField, MAX_HEADER, Parsed,
    RuntimeFormat, Trailer, Width, formats, length_field,
};
use ringframe_io::tokio::codec::{Codec, OwnedFrame, WithFields};
use ringframe_io::{ReadError, WriteError};
use ringframe_tests::vectors::{End, STORE, VECTORS, Vector};
use tokio::io::AsyncWriteExt;
use tokio_util::codec::length_delimited::Builder;
use tokio_util::codec::{Decoder, Encoder, Framed, FramedRead, FramedWrite, LengthDelimitedCodec};

/// Why the decoder refused, or that the input was truncated.
fn read_error(error: &io::Error) -> &ReadError<io::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref()).expect("one of ours")
}

fn protocol(error: &io::Error) -> DecodeError {
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    match read_error(error) {
        ReadError::Protocol(error) => *error,
        other => panic!("{other}"),
    }
}

fn encode_error(error: &io::Error) -> EncodeError {
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(WriteError::<io::Error>::Encode(error)) => *error,
        other => panic!("{other:?}"),
    }
}

/// All frames of a stream that comes in these chunks, and its end; a decoder in whose way an error is must repeat it.
fn decode<C: Decoder<Error = io::Error>>(
    codec: &mut C,
    chunks: impl IntoIterator<Item: AsRef<[u8]>>,
) -> (Vec<C::Item>, io::Result<()>) {
    let mut buffer = BytesMut::new();
    let mut frames = vec![];
    for chunk in chunks {
        buffer.extend_from_slice(chunk.as_ref());
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    buffer.extend_from_slice(b"\0\0\0\0\0\0\0\0");
                    let again = codec.decode(&mut buffer).err().map(|error| error.to_string());
                    assert_eq!(again, Some(error.to_string()), "an error stays");
                    return (frames, Err(error));
                }
            }
        }
    }
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, Ok(())),
            Err(error) => return (frames, Err(error)),
        }
    }
}

/// The chunks of a stream that is cut at these places, in order.
fn cut<'w>(wire: &'w [u8], places: &[usize]) -> Vec<&'w [u8]> {
    let mut chunks = vec![];
    let mut from = 0;
    for &to in places.iter().chain([&wire.len()]) {
        chunks.push(&wire[from..to]);
        from = to;
    }
    chunks
}

mod vectors {
    use super::*;

    /// The frames' fields and payloads, and the end, of a wire in these chunks.
    fn check<F: Format + Copy>(vector: &Vector, format: F, chunks: &[&[u8]]) {
        let described = vector.field.check().unwrap();
        let limit = vector.limit.unwrap_or(STORE as u64);
        let (frames, end) = decode(&mut Codec::with_headers(format).with_limit(limit), chunks);
        let what = format!("{:?} in {chunks:?}", vector.name);
        assert_eq!(frames.len(), vector.frames.len(), "{what}");
        for (frame, (fields, payload)) in frames.iter().zip(vector.frames) {
            assert_eq!(described.fields(frame.header(), &mut [0; MAX_HEADER]), Some(*fields), "{what}");
            assert_eq!(frame.payload(), *payload, "{what}");
        }
        match (vector.end, end) {
            (End::Clean, Ok(())) => {}
            (End::Refused(expected), Err(error)) => assert_eq!(protocol(&error), expected, "{what}"),
            (End::Truncated { have, want }, Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                let expected = EndError::Truncated { have, want };
                assert!(
                    matches!(read_error(&error), ReadError::Truncated(e) if *e == expected),
                    "{what}: {error}"
                );
            }
            (expected, end) => panic!("{what}: {end:?} instead of {expected:?}"),
        }
        // A codec that gives payloads gives the same ones.
        let (payloads, _) = decode(&mut Codec::new(format).with_limit(limit), chunks);
        assert!(payloads.iter().zip(&frames).all(|(payload, frame)| payload == frame.payload()), "{what}");
    }

    fn every_cut<F: Format + Copy>(vector: &Vector, format: F) {
        let wire = vector.wire;
        check(vector, format, &[wire]);
        check(vector, format, &wire.chunks(1).collect::<Vec<_>>());
        for b in 0..=wire.len() {
            check(vector, format, &cut(wire, &[b]));
            if wire.len() <= 24 {
                (0..b).for_each(|a| check(vector, format, &cut(wire, &[a, b])));
            }
        }
    }

    /// The frames go to the wire, and the wire's frames as they came.
    fn encodes<F: Format + Copy>(vector: &Vector, format: F) {
        let mut codec = Codec::with_headers(format).with_limit(vector.limit.unwrap_or(STORE as u64));
        let mut buffer = BytesMut::new();
        for (fields, payload) in vector.frames {
            codec.encode(WithFields(fields, payload), &mut buffer).unwrap();
        }
        assert!(!buffer.is_empty() || vector.frames.is_empty());
        assert_eq!(buffer, vector.wire[..buffer.len()], "{:?}", vector.name);
        let mut passed_on = BytesMut::new();
        for frame in decode(&mut codec.clone(), [vector.wire]).0 {
            codec.encode(frame, &mut passed_on).unwrap();
        }
        assert_eq!(passed_on, buffer, "{:?}", vector.name);
    }

    #[test]
    fn every_vector_as_a_description() {
        for vector in VECTORS {
            let format = vector.field.check().unwrap();
            every_cut(vector, format);
            encodes(vector, format);
        }
    }

    #[test]
    fn every_vector_as_a_type() {
        fn as_type<F: Format + Copy>(field: LengthField, format: F) {
            let mut count = 0;
            for vector in VECTORS.iter().filter(|vector| vector.field == field) {
                every_cut(vector, format);
                encodes(vector, format);
                count += 1;
            }
            assert!(count > 0, "no vector for {field:?}");
        }
        macro_rules! types {
            ($($format:ident),*) => {$(
                as_type($format::FIELD, $format);
            )*};
        }
        use formats::{U8, U16Be, U16Le, U24Be, U24Le, U32Be, U32Le, U64Be, U64Le, Varint64};
        length_field! { struct OfMqtt(offset: 1, width: Varint28); }
        length_field! { struct Long(width: U24, header: Some(9), adjust: 6); }
        types!(U8, U16Be, U16Le, U24Be, U24Le, U32Be, U32Le, U64Be, U64Le, Varint64, OfMqtt, Long);
    }

    /// Two magic bytes, a length, and a checksum over all of them.
    #[derive(Clone, Copy)]
    struct Sealed;

    impl Format for Sealed {
        type Trailer = ();

        fn max_header(&self) -> usize {
            5
        }

        fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
            match *prefix {
                [b'R', b'F', high, low, sum, ..] if sum == high ^ low => {
                    Ok(Parsed::Frame { header: 5, payload: u16::from_be_bytes([high, low]).into() })
                }
                [b'R', b'F', _, _, _, ..] => Err(HeaderError::Refused("its checksum is another one")),
                [b'R', b'F', ..] => Ok(Parsed::Incomplete { total: 5 }),
                [] | [b'R'] => Ok(Parsed::Incomplete { total: prefix.len() + 1 }),
                _ => Err(HeaderError::Refused("it does not begin with RF")),
            }
        }

        fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
            if !fields.is_empty() {
                return Err(EncodeError::Fields { given: fields.len(), wanted: 0 });
            }
            u16::try_from(payload).map(|_| 5).map_err(|_| EncodeError::Unrepresentable { payload })
        }

        fn write(&self, _: &[u8], payload: u64, out: &mut [u8]) {
            let [high, low] = (payload as u16).to_be_bytes();
            out.copy_from_slice(&[b'R', b'F', high, low, high ^ low]);
        }
    }

    #[test]
    fn a_header_of_ones_own() {
        let mut codec = Codec::new(Sealed);
        let mut wire = BytesMut::new();
        for payload in ["one", "", "three"] {
            codec.encode(payload, &mut wire).unwrap();
        }
        assert_eq!(wire, b"RF\0\x03\x03oneRF\0\0\0RF\0\x05\x05three"[..]);
        for b in 0..=wire.len() {
            let (payloads, end) = decode(&mut codec, cut(&wire, &[b]));
            assert_eq!(payloads, [&b"one"[..], b"", b"three"]);
            end.unwrap();
        }
        let refused = decode(&mut codec, [&b"RF\0\x01\x01xRF\0\x01\x02x"[..]]);
        assert_eq!(refused.0, [&b"x"[..]]);
        let expected = DecodeError::Header(HeaderError::Refused("its checksum is another one"));
        assert_eq!(protocol(&refused.1.unwrap_err()), expected);
    }

    /// The sum of all bytes before it.
    #[derive(Clone, Copy, Default)]
    struct Sum(u16);

    impl Trailer for Sum {
        const MAX_LEN: usize = 2;

        fn update(&mut self, bytes: &[u8]) {
            self.0 = bytes.iter().fold(self.0, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        }

        fn write(&self, out: &mut [u8]) {
            out.copy_from_slice(&self.0.to_be_bytes());
        }

        fn matches(&self, received: &[u8]) -> bool {
            received == self.0.to_be_bytes()
        }
    }

    /// A length of one byte, a payload, and the sum.
    #[derive(Clone, Copy)]
    struct Summed;

    impl Format for Summed {
        type Trailer = Sum;

        fn max_header(&self) -> usize {
            formats::U_8.max_header()
        }

        fn parse(&self, prefix: &[u8]) -> Result<Parsed, HeaderError> {
            formats::U_8.parse(prefix)
        }

        fn header_len(&self, fields: &[u8], payload: u64) -> Result<usize, EncodeError> {
            formats::U_8.header_len(fields, payload)
        }

        fn write(&self, fields: &[u8], payload: u64, out: &mut [u8]) {
            formats::U_8.write(fields, payload, out);
        }
    }

    #[test]
    fn a_trailer_is_written_compared_and_cut_off() {
        let mut codec = Codec::with_headers(Summed);
        let mut wire = BytesMut::new();
        for payload in [&b"one"[..], b"", &[0xff; 100]] {
            codec.encode(payload, &mut wire).unwrap();
        }
        let sum = 100 + 100 * 0xff;
        let expected = [&b"\x03one\x01\x45\0\0\0\x64"[..], &[0xff; 100], &u16::to_be_bytes(sum)].concat();
        assert_eq!(wire, expected);
        for b in 0..=wire.len() {
            let (frames, end) = decode(&mut codec, cut(&wire, &[b]));
            end.unwrap();
            let [one, empty, large] = <[OwnedFrame; 3]>::try_from(frames).unwrap();
            assert_eq!((one.header(), one.payload(), one.bytes()), (&b"\x03"[..], &b"one"[..], &wire[..6]));
            assert_eq!(one.as_frame().bytes(), &wire[..6]);
            assert_eq!(empty.payload(), b"");
            // Passed on, they are as they came. Their payloads are without the trailer.
            let mut passed_on = BytesMut::new();
            for frame in [one.clone(), empty.clone(), large.clone()] {
                codec.encode(frame, &mut passed_on).unwrap();
            }
            assert_eq!(passed_on, wire);
            assert_eq!(one.clone().into_bytes(), wire[..6]);
            assert_eq!((one.into_payload(), empty.into_payload()), (b"one"[..].into(), b""[..].into()));
            assert_eq!(large.into_payload(), [0xff; 100][..]);
            let (payloads, end) = decode(&mut Codec::new(Summed), cut(&wire, &[b]));
            end.unwrap();
            assert_eq!(payloads, [&b"one"[..], b"", &[0xff; 100]]);
        }
        // A damaged one is an error that stays, and one that is cut off is truncated.
        for damaged in 1..6 {
            let mut wire = wire.clone();
            wire[damaged] ^= 1;
            let (frames, end) = decode(&mut codec, [&wire]);
            assert!(frames.is_empty());
            assert_eq!(protocol(&end.unwrap_err()), DecodeError::Corrupt);
        }
        let (_, end) = decode(&mut codec, [&wire[..5]]);
        let error = end.unwrap_err();
        let truncated = EndError::Truncated { have: 5, want: 6 };
        assert!(matches!(read_error(&error), ReadError::Truncated(e) if *e == truncated), "{error}");
        // The limit counts it.
        codec.set_limit(6);
        codec.encode(&b"one"[..], &mut BytesMut::new()).unwrap();
        let mut buffer = BytesMut::new();
        let error = codec.encode(&b"four"[..], &mut buffer).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: 7, limit: 6 });
        assert!(buffer.is_empty());
    }

    /// A frame that is one's own has what a lent one has, typed messages too.
    #[test]
    fn typed_messages() {
        let mut codec = Codec::with_headers(formats::U16_BE);
        let mut wire = BytesMut::new();
        codec.encode(postcard::to_slice(&("boiler", 64_u8), &mut [0; 16]).unwrap(), &mut wire).unwrap();
        let (frames, _) = decode(&mut codec, [&wire]);
        assert_eq!(frames[0].as_frame().message(), Ok(("boiler", 64_u8)));
        assert_eq!(frames[0].as_frame().bytes(), wire);
    }

    /// A frame of another format is not passed on as one of this.
    #[test]
    fn frames_of_another_format() {
        let (frames, _) = decode(&mut Codec::with_headers(formats::U16_BE), [&b"\0\x02hi"[..]]);
        let [frame] = <[OwnedFrame; 1]>::try_from(frames).unwrap();
        assert_eq!(
            (frame.clone().into_bytes(), frame.clone().into_payload()),
            ((&b"\0\x02hi"[..]).into(), (&b"hi"[..]).into())
        );
        let mut buffer = BytesMut::new();
        let error = Codec::new(formats::U_8).encode(frame.clone(), &mut buffer).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::Refused("it is not a frame of this wire format"));
        let error = Codec::new(formats::U16_BE).with_limit(3).encode(frame, &mut buffer).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: 4, limit: 3 });
        assert!(buffer.is_empty());
    }
}

/// What a program does with `LengthDelimitedCodec`, with either.
mod drop_in {
    use super::*;

    trait DropIn:
        Decoder<Item = BytesMut, Error = io::Error>
        + Encoder<Bytes, Error = io::Error>
        + for<'a> Encoder<&'a [u8], Error = io::Error>
        + Clone
        + Send
        + Unpin
        + 'static
    {
    }

    impl<C> DropIn for C where
        C: Decoder<Item = BytesMut, Error = io::Error>
            + Encoder<Bytes, Error = io::Error>
            + for<'a> Encoder<&'a [u8], Error = io::Error>
            + Clone
            + Send
            + Unpin
            + 'static
    {
    }

    /// Runs a check with the codec that everybody has, and with ours in its place.
    macro_rules! both {
        ($($name:ident)*) => {$(
            #[tokio::test]
            async fn $name() {
                super::drop_in::checks::$name(LengthDelimitedCodec::new(), "theirs").await;
                super::drop_in::checks::$name(Codec::new(formats::U32_BE), "ours").await;
            }
        )*};
    }

    both! {
        framed_over_duplex framed_over_tcp halves with_capacity_and_parts the_wire decoder_alone
        an_oversized_frame_each_way an_end_inside_a_frame many_small_reads
    }

    mod checks {
        use super::*;

        fn payloads() -> impl Iterator<Item = Bytes> {
            [0, 1, 2, 5, 100, 1000, 8188, 8192, 70_000, 0, 300_000, 3]
                .into_iter()
                .enumerate()
                .map(|(i, len)| (0..len).map(|at| (at * 7 + i) as u8).collect())
        }

        /// Sends everything, closes, and sees that it comes back, in order, and then the end.
        async fn echoes<C: DropIn, T>(codec: C, near: T, far: T, who: &str)
        where
            T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
        {
            let server = Framed::new(far, codec.clone());
            let echo = tokio::spawn(async move {
                let (sink, stream) = server.split();
                stream.map(|payload| payload.map(BytesMut::freeze)).forward(sink).await
            });
            let (mut sink, mut stream) = Framed::new(near, codec).split();
            let sender = tokio::spawn(async move {
                for (i, payload) in payloads().enumerate() {
                    if i % 2 == 0 { sink.feed(payload).await? } else { sink.send(payload).await? }
                }
                SinkExt::<Bytes>::close(&mut sink).await
            });
            for expected in payloads() {
                let payload: BytesMut = stream.next().await.expect("as many as were sent").unwrap();
                assert_eq!(payload, expected, "{who}");
            }
            assert!(stream.next().await.is_none(), "{who}");
            sender.await.unwrap().unwrap();
            echo.await.unwrap().unwrap();
        }

        pub(crate) async fn framed_over_duplex<C: DropIn>(codec: C, who: &str) {
            for capacity in [1, 7, 4096, 1 << 20] {
                let (near, far) = tokio::io::duplex(capacity);
                echoes(codec.clone(), near, far, who).await;
            }
        }

        pub(crate) async fn framed_over_tcp<C: DropIn>(codec: C, who: &str) {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let near = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (far, _) = listener.accept().await.unwrap();
            echoes(codec, near, far, who).await;
        }

        pub(crate) async fn halves<C: DropIn>(codec: C, who: &str) {
            let (near, far) = tokio::io::duplex(64);
            let mut writer = FramedWrite::new(near, codec.clone());
            writer.send(&b"slice"[..]).await.unwrap();
            writer.send(Bytes::from_static(b"bytes")).await.unwrap();
            drop(writer);
            let mut reader = FramedRead::new(far, codec);
            for expected in ["slice", "bytes"] {
                assert_eq!(reader.next().await.unwrap().unwrap(), expected.as_bytes(), "{who}");
            }
            assert!(reader.next().await.is_none(), "{who}");
        }

        pub(crate) async fn with_capacity_and_parts<C: DropIn>(codec: C, who: &str) {
            let (near, mut far) = tokio::io::duplex(64);
            let mut framed = Framed::with_capacity(near, codec, 16);
            framed.set_backpressure_boundary(16);
            far.write_all(b"\0\0\0\x02hi\0\0\0\x05he").await.unwrap();
            assert_eq!(framed.next().await.unwrap().unwrap(), b"hi"[..], "{who}");
            let rest = framed.read_buffer().clone();
            assert_eq!(rest, b"\0\0\0\x05he"[..], "{who}");
            // The connection goes on elsewhere, with what was read ahead.
            let parts = framed.into_parts();
            let mut other = Framed::from_parts(parts);
            far.write_all(b"llo").await.unwrap();
            assert_eq!(other.next().await.unwrap().unwrap(), b"hello"[..], "{who}");
        }

        pub(crate) async fn the_wire<C: DropIn>(mut codec: C, who: &str) {
            let mut wire = BytesMut::new();
            codec.encode(&b"hello"[..], &mut wire).unwrap();
            codec.encode(Bytes::new(), &mut wire).unwrap();
            assert_eq!(wire, b"\0\0\0\x05hello\0\0\0\0"[..], "{who}");
        }

        pub(crate) async fn decoder_alone<C: DropIn>(mut codec: C, who: &str) {
            let wire = b"\0\0\0\x05hello\0\0\0\0\0\0\0\x01!";
            for (a, b) in (0..=wire.len()).flat_map(|b| (0..=b).map(move |a| (a, b))) {
                let (payloads, end) = decode(&mut codec, cut(wire, &[a, b]));
                assert_eq!(payloads, [&b"hello"[..], b"", b"!"], "{who}");
                end.unwrap();
            }
        }

        pub(crate) async fn an_oversized_frame_each_way<C: DropIn>(mut codec: C, who: &str) {
            let large = vec![0; (8 << 20) + 1];
            let mut wire = BytesMut::new();
            let error = codec.encode(&large[..], &mut wire).unwrap_err();
            assert_eq!((error.kind(), wire.len()), (ErrorKind::InvalidInput, 0), "{who}");
            let (_, end) = decode(&mut codec, [&b"\0\x80\0\x01"[..]]);
            assert_eq!(end.unwrap_err().kind(), ErrorKind::InvalidData, "{who}");
        }

        pub(crate) async fn an_end_inside_a_frame<C: DropIn>(codec: C, who: &str) {
            for cut in [1, 2, 3, 5, 8] {
                let wire = &b"\0\0\0\x02hi\0\0\0\x05hello"[..6 + cut];
                let mut reader = FramedRead::new(wire, codec.clone());
                assert_eq!(reader.next().await.unwrap().unwrap(), b"hi"[..], "{who}");
                assert!(reader.next().await.unwrap().is_err(), "{who}, {cut} bytes");
                assert!(reader.next().await.is_none(), "{who}, {cut} bytes");
            }
        }

        pub(crate) async fn many_small_reads<C: DropIn>(codec: C, who: &str) {
            let (mut near, far) = tokio::io::duplex(3);
            let writing = tokio::spawn(async move {
                for _ in 0..100 {
                    near.write_all(b"\0\0\0\x03abc\0\0\0\0").await.unwrap();
                }
            });
            let frames: Vec<BytesMut> = FramedRead::new(far, codec).map(Result::unwrap).collect().await;
            writing.await.unwrap();
            assert_eq!(frames.len(), 200, "{who}");
            assert!(frames.chunks(2).all(|pair| pair[0] == b"abc"[..] && pair[1].is_empty()), "{who}");
        }
    }
}

/// Random settings of the original, and what ours makes of the same streams.
mod differential {
    use super::*;

    #[derive(Clone, Debug)]
    struct Settings {
        offset: usize,
        width: usize,
        adjustment: i64,
        skip: Option<usize>,
        little: bool,
        /// The largest length value that passes. The limits mean different things, see `limit`.
        max_value: u64,
    }

    impl Settings {
        /// Where the length field ends.
        fn field_end(&self) -> usize {
            self.offset + self.width
        }

        /// Bytes that the original takes off before it counts.
        fn skipped(&self) -> usize {
            self.skip.unwrap_or(self.field_end())
        }

        /// As the table in the docs has it.
        fn format(&self) -> RuntimeFormat {
            LengthField {
                offset: self.offset,
                width: match self.width {
                    1 => Width::U8,
                    2 => Width::U16,
                    3 => Width::U24,
                    4 => Width::U32,
                    _ => Width::U64,
                },
                endian: if self.little { Endian::Little } else { Endian::Big },
                adjust: self.adjustment + self.skipped() as i64 - self.field_end() as i64,
                header: self.skip.filter(|&skip| skip > self.field_end()),
            }
            .check()
            .expect("a description that can be")
        }

        /// The frame whose length value is the largest that passes.
        fn limit(&self) -> u64 {
            (self.max_value as i64 + self.adjustment) as u64 + self.skipped() as u64
        }

        fn ours(&self) -> Codec<RuntimeFormat, OwnedFrame> {
            Codec::with_headers(self.format()).with_limit(self.limit())
        }

        fn theirs(&self) -> LengthDelimitedCodec {
            let mut builder = Builder::new();
            builder
                .length_field_offset(self.offset)
                .length_field_length(self.width)
                .length_adjustment(self.adjustment as isize)
                .max_frame_length(self.max_value as usize);
            if let Some(skip) = self.skip {
                builder.num_skip(skip);
            }
            if self.little {
                builder.little_endian();
            }
            builder.new_codec()
        }

        fn header(&self, value: u64) -> Vec<u8> {
            let mut header = vec![0xa5; self.skipped().max(self.field_end())];
            let field = &mut header[self.offset..self.offset + self.width];
            if self.little {
                field.copy_from_slice(&value.to_le_bytes()[..self.width]);
            } else {
                field.copy_from_slice(&value.to_be_bytes()[8 - self.width..]);
            }
            header
        }

        /// A frame of this length value; one that is shorter than its header is the header.
        fn frame(&self, value: u64) -> Vec<u8> {
            let mut frame = self.header(value);
            let len = (value as i64 + self.adjustment + self.skipped() as i64) as usize;
            let from = frame.len();
            (from..len).for_each(|i| frame.push(i as u8));
            frame
        }

        /// The smallest length value of a frame that holds its own header.
        fn min_value(&self) -> u64 {
            let header = self.skipped().max(self.field_end()) as i64;
            (header - self.skipped() as i64 - self.adjustment).max(0) as u64
        }
    }

    prop_compose! {
        fn settings()(
            offset in 0usize..9,
            width in prop::sample::select(&[1usize, 2, 3, 4, 8][..]),
            adjustment in prop_oneof![Just(0), -20i64..20, -100i64..100],
            skip in prop::option::of(0usize..20),
            little: bool,
            more in 0u64..100,
        ) -> Settings {
            let mut settings = Settings { offset, width, adjustment, skip, little, max_value: 0 };
            settings.max_value = settings.min_value() + more;
            if width == 1 {
                // Beyond that the original refuses its own largest frames: tokio#4815.
                settings.max_value = settings.max_value.min(255u64.saturating_add_signed(adjustment.min(0)));
            }
            settings
        }
    }

    /// The rows of `codec/MIGRATION.md`: the header of a frame of `hello`, by the original's settings. The last is how much of
    /// the header it leaves in front of the payload.
    #[test]
    fn the_rows_of_the_migration_page() {
        let row = |set: fn(&mut Builder) -> &mut Builder, header: &[u8], left: usize| {
            let mut codec = set(&mut LengthDelimitedCodec::builder()).new_codec();
            let frame = [header, b"hello"].concat();
            let (items, end) = decode(&mut codec, [frame.repeat(2)]);
            assert_eq!(items, [&frame[header.len() - left..]; 2], "{header:x?}");
            end.unwrap();
        };
        row(|builder| builder, &[0, 0, 0, 5], 0);
        row(|builder| builder.little_endian(), &[5, 0, 0, 0], 0);
        row(|builder| builder.length_field_type::<u16>(), &[0, 5], 0);
        row(|builder| builder.length_field_type::<u16>().length_adjustment(-2), &[0, 7], 0);
        fn three(builder: &mut Builder) -> &mut Builder {
            builder.length_field_length(3)
        }
        row(|builder| three(builder).length_adjustment(5).num_skip(0), &[0, 0, 5, 0xca, 0xfe], 5);
        row(|builder| three(builder).num_skip(4), &[0, 0, 5, 0xff], 0);
        fn middle(builder: &mut Builder) -> &mut Builder {
            builder.length_field_offset(1).length_field_length(2).num_skip(3)
        }
        row(|builder| middle(builder).length_adjustment(1), &[0xca, 0, 5, 0xfe], 1);
        row(|builder| middle(builder).length_adjustment(-3), &[0xca, 0, 9, 0xfe], 1);
    }

    /// Length values: most pass, some are one too large, or far too large, or leave no frame.
    fn values() -> impl Strategy<Value = Vec<(u8, u64)>> {
        prop::collection::vec((any::<u8>(), any::<u64>()), 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

        /// The same payloads, and an error from both or from neither.
        #[test]
        fn decoding(
            settings in settings(),
            values in values(),
            keep in prop::option::of(any::<prop::sample::Index>()),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            prop_assume!(settings.min_value() <= settings.max_value);
            let span = settings.max_value - settings.min_value() + 1;
            let mut wire = vec![];
            for (kind, value) in values {
                let most = if settings.width == 8 { u64::MAX } else { (1 << (8 * settings.width)) - 1 };
                let value = match kind {
                    0..8 => settings.max_value.saturating_add(1).min(most),
                    8..12 => value & most,
                    12..40 => settings.max_value,
                    40..60 => settings.min_value(),
                    _ => settings.min_value() + value % span,
                };
                if value <= settings.max_value && value >= settings.min_value() {
                    wire.extend(settings.frame(value));
                } else if value > settings.max_value || value as i64 + settings.adjustment < 0 {
                    // With `num_skip` smaller than the header the original takes for a frame what is shorter than its own
                    // header, and goes on inside it: the values between are not sent.
                    wire.extend(settings.header(value));
                }
            }
            if let Some(keep) = keep {
                wire.truncate(keep.index(wire.len() + 1));
            }
            let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
            places.sort_unstable();
            let chunks = cut(&wire, &places);

            let (theirs, their_end) = decode(&mut settings.theirs(), &chunks);
            let (ours, our_end) = decode(&mut settings.ours(), &chunks);
            let skip = settings.skipped();
            let seen: Vec<_> = ours.into_iter().map(|frame| frame.into_bytes().split_off(skip)).collect();
            prop_assert_eq!(seen, theirs);
            match our_end {
                // The original takes an end right behind what it skips for a clean one.
                Err(error)
                    if their_end.is_ok()
                        && matches!(
                            read_error(&error),
                            ReadError::Truncated(EndError::Truncated { have, .. }) if *have == skip
                        ) => {}
                end => prop_assert_eq!(end.is_ok(), their_end.is_ok(), "{:?}, {:?}", end, their_end),
            }
        }

        /// The same bytes, where the original can encode: with nothing in front of the length field or behind it.
        #[test]
        fn encoding(mut settings in settings(), payload in prop::collection::vec(any::<u8>(), 0..300)) {
            settings.offset = 0;
            settings.skip = None;
            // The original's limit is one of payloads here. Half of the cases are beyond it.
            let most = 255u64.saturating_add_signed(settings.adjustment.min(0)).min(200);
            settings.max_value = most;
            let mut theirs = BytesMut::new();
            let mut codec = settings.theirs();
            codec.set_max_frame_length(most as usize);
            let they = codec.encode(&payload[..], &mut theirs);
            let mut ours = BytesMut::new();
            let mut codec = Codec::new(settings.format()).with_limit(most + settings.width as u64);
            let we = codec.encode(&payload, &mut ours);
            prop_assert_eq!(we.is_ok(), they.is_ok(), "{:?}, {:?}", we, they);
            prop_assert_eq!(ours, theirs);
        }
    }
}

/// What the original gets wrong, and others got wrong, each by its name. Where it is the original that is wrong, that is
/// shown first: when it is put right there, the docs here are to follow.
mod pitfalls {
    use super::*;

    fn theirs(set: impl FnOnce(&mut Builder) -> &mut Builder) -> LengthDelimitedCodec {
        set(&mut LengthDelimitedCodec::builder()).new_codec()
    }

    fn adjusted(adjust: i64) -> RuntimeFormat {
        LengthField { adjust, ..LengthField::DEFAULT }.check().unwrap()
    }

    /// A frame of exactly the limit goes out and comes in, one byte more does neither.
    fn keeps_its_limit<F: Format + Copy>(format: F, limit: u64, largest: usize) {
        let mut codec = Codec::new(format).with_limit(limit);
        let mut wire = BytesMut::new();
        codec.encode(vec![7; largest], &mut wire).unwrap();
        assert_eq!(wire.len() as u64, limit);
        let (payloads, end) = decode(&mut codec, [&wire]);
        assert_eq!((payloads.len(), payloads[0].len()), (1, largest));
        end.unwrap();

        let error = codec.encode(vec![7; largest + 1], &mut wire).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: limit + 1, limit });
        let mut wire = BytesMut::new();
        Codec::new(format).encode(vec![7; largest + 1], &mut wire).unwrap();
        let (payloads, end) = decode(&mut codec, [&wire]);
        assert!(payloads.is_empty());
        assert_eq!(protocol(&end.unwrap_err()), DecodeError::TooLong { declared: limit + 1, limit });
    }

    /// With an adjustment of -4 and a maximum of 10 the original refuses the largest frame that it writes itself.
    #[test]
    fn tokio_4815_its_own_largest_frame() {
        let mut codec = theirs(|builder| builder.length_adjustment(-4).max_frame_length(10));
        let mut wire = BytesMut::new();
        codec.encode(&[7; 10][..], &mut wire).unwrap();
        assert!(decode(&mut codec, [&wire]).1.is_err());

        keeps_its_limit(adjusted(-4), 14, 10);
    }

    /// With one of +100 it lets a payload of 110 bytes through a maximum of 10.
    #[test]
    fn tokio_4815_a_limit_passed_by_the_adjustment() {
        let mut codec = theirs(|builder| builder.length_adjustment(100).max_frame_length(10));
        let (payloads, _) = decode(&mut codec, [&[&[0, 0, 0, 10][..], &[7; 110]].concat()]);
        assert_eq!(payloads[0].len(), 110);

        keeps_its_limit(adjusted(100), 114, 110);
        let too_long = DecodeError::TooLong { declared: 114, limit: 10 };
        let (_, end) = decode(&mut Codec::new(adjusted(100)).with_limit(10), [[0, 0, 0, 10]]);
        assert_eq!(protocol(&end.unwrap_err()), too_long);
    }

    /// The limit counts the header, also what of it is around the length field.
    #[test]
    fn the_limit_counts_the_whole_frame() {
        keeps_its_limit(formats::U32_BE, 14, 10);
        keeps_its_limit(formats::VARINT64, 202, 200);
        // One that the format brings is kept. Another can be set, and never widens that.
        let mut codec = Codec::new(formats::U_8.with_limit(3));
        assert!(codec.encode("abc", &mut BytesMut::new()).is_err());
        codec.set_limit(4);
        let error = codec.encode("abc", &mut BytesMut::new()).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: 4, limit: 3 });
        assert_eq!(codec.decode_limit(), 3);
        // Within it, it can be set anew.
        let mut codec = Codec::new(formats::U_8.with_limit(5)).with_limit(3);
        assert!(codec.encode("abc", &mut BytesMut::new()).is_err());
        codec.set_limit(4);
        codec.encode("abc", &mut BytesMut::new()).unwrap();
        assert!(codec.encode("abcd", &mut BytesMut::new()).is_err());
        codec.set_limit(100);
        codec.encode("abcd", &mut BytesMut::new()).unwrap();
        assert!(codec.encode("abcde", &mut BytesMut::new()).is_err());
        // The default is none of the format's own.
        let mut codec = Codec::new(formats::U32_BE).with_limit(9 << 20);
        codec.encode(vec![7; (9 << 20) - 4], &mut BytesMut::new()).unwrap();
    }

    #[test]
    fn each_direction_has_a_limit_of_its_own() {
        let mut codec = Codec::new(formats::U_8.with_limit(200)).with_limits(3, 5);
        codec.encode("abcd", &mut BytesMut::new()).unwrap();
        let error = codec.encode("abcde", &mut BytesMut::new()).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: 6, limit: 5 });
        assert_eq!(codec.decode(&mut BytesMut::from(&b"\x02ab"[..])).unwrap().unwrap(), b"ab"[..]);
        let error = codec.decode(&mut BytesMut::from(&b"\x03abc"[..])).unwrap_err();
        assert_eq!(protocol(&error), DecodeError::TooLong { declared: 4, limit: 3 });
        codec.set_limits(1000, 2);
        assert_eq!((codec.decode_limit(), codec.encode_limit()), (200, 2), "it never widens");
    }

    /// A format that names the largest limit there is has one. It does not get the default of 8 MiB.
    #[test]
    fn an_explicit_limit_of_u64_max_is_no_default() {
        let large = vec![7; (8 << 20) + 1];
        let declared = [1, 0, 0, 0];
        let mut unlimited = Codec::new(formats::U32_BE.with_limit(u64::MAX));
        assert_eq!(unlimited.decode_limit(), u64::MAX);
        unlimited.encode(&large, &mut BytesMut::new()).unwrap();
        assert!(unlimited.decode(&mut BytesMut::from(&declared[..])).unwrap().is_none());

        let mut by_default = Codec::new(formats::U32_BE);
        assert_eq!(by_default.decode_limit(), 8 << 20);
        let error = by_default.encode(&large, &mut BytesMut::new()).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::TooLong { frame: (8 << 20) + 5, limit: 8 << 20 });
        let error = by_default.decode(&mut BytesMut::from(&declared[..])).unwrap_err();
        let too_long = DecodeError::TooLong { declared: (1 << 24) + 4, limit: 8 << 20 };
        assert_eq!(protocol(&error), too_long);
    }

    /// With an offset of 2 the original's encoder leaves the two bytes out, and its decoder then takes the payload for a
    /// length.
    #[test]
    fn length_field_offset_when_encoding() {
        let mut codec = theirs(|builder| builder.length_field_offset(2).length_field_length(2));
        let mut wire = BytesMut::new();
        codec.encode(&b"hello"[..], &mut wire).unwrap();
        assert_eq!(wire, b"\0\x05hello"[..]);
        assert!(decode(&mut codec, [&wire]).1.is_err());

        let mut codec = Codec::with_headers(length_field!(offset: 2, width: U16));
        let mut wire = BytesMut::new();
        codec.encode(WithFields(b"\xca\xfe", "hello"), &mut wire).unwrap();
        assert_eq!(wire, b"\xca\xfe\0\x05hello"[..]);
        let (frames, end) = decode(&mut codec, [&wire]);
        assert_eq!((frames[0].header(), frames[0].payload()), (&b"\xca\xfe\0\x05"[..], &b"hello"[..]));
        end.unwrap();
        // Left out, they are not made up.
        let error = codec.encode("hello", &mut wire).unwrap_err();
        assert_eq!(encode_error(&error), EncodeError::Fields { given: 0, wanted: 2 });
        assert_eq!(wire.len(), 9, "and nothing was written");
    }

    /// With `num_skip(0)` the original takes a frame that is shorter than its header, and looks for the next one inside it:
    /// a length of 0 is a frame of none of its bytes, again and again.
    #[test]
    fn num_skip_0_and_a_frame_shorter_than_its_header() {
        let mut codec = theirs(|builder| builder.length_field_length(2).num_skip(0));
        let mut buffer = BytesMut::from(&b"\0\0"[..]);
        for _ in 0..1000 {
            assert_eq!(codec.decode(&mut buffer).unwrap(), Some(BytesMut::new()));
        }
        assert_eq!(buffer, b"\0\0"[..]);

        let (frames, end) =
            decode(&mut Codec::with_headers(length_field!(width: U16, adjust: -2)), [b"\0\0"]);
        assert!(frames.is_empty());
        let shorter = HeaderError::ShorterThanHeader { value: 0, header: 2 };
        assert_eq!(protocol(&end.unwrap_err()), DecodeError::Header(shorter));
    }

    /// With `num_skip` past the length field the original waits for what it skips before it looks at the length. An error is
    /// one as soon as the length is there.
    #[test]
    fn num_skip_delays_the_refusal() {
        let mut codec = theirs(|builder| builder.num_skip(60).max_frame_length(10));
        assert!(codec.decode(&mut BytesMut::from(&[0xff; 59][..])).unwrap().is_none());

        let format = length_field!(header: Some(60), adjust: 56);
        let mut codec = Codec::with_headers(format).with_limit(70);
        assert!(codec.decode(&mut BytesMut::from(&[0xff; 3][..])).unwrap().is_none());
        assert!(codec.decode(&mut BytesMut::from(&[0xff; 4][..])).is_err());
    }

    /// A stream that ends right behind a header, with the payload missing, is a clean end to the original.
    #[test]
    fn an_end_right_behind_a_header() {
        let wire = [b"\0\0\0\x05"];
        assert!(decode(&mut LengthDelimitedCodec::new(), wire).1.is_ok());

        let error = decode(&mut Codec::new(formats::U32_BE), wire).1.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(error.to_string(), "the stream ended inside a frame: 4 bytes of at least 9 arrived");
        assert!(matches!(read_error(&error), ReadError::Truncated(EndError::Truncated { have: 4, want: 9 })));
    }

    /// `FramedRead` says `Err, None, Err, None`, whatever its codec. What follows an error is never a frame.
    #[tokio::test]
    async fn err_none_err_none() {
        let (mut near, far) = tokio::io::duplex(64);
        near.write_all(b"\0\0\0\x01!\xff\xff\xff\xff").await.unwrap();
        let mut reader = FramedRead::new(far, Codec::new(formats::U32_BE));
        assert_eq!(reader.next().await.unwrap().unwrap(), b"!"[..]);
        for _ in 0..3 {
            let error = reader.next().await.unwrap().unwrap_err();
            assert!(matches!(protocol(&error), DecodeError::TooLong { declared: 0x1_0000_0003, .. }));
            assert!(reader.next().await.is_none());
            near.write_all(b"\0\0\0\x01?").await.unwrap();
        }
        assert!(reader.next().await.unwrap().is_err());
        assert!(reader.next().await.is_none());
        near.shutdown().await.unwrap();
        assert!(reader.next().await.unwrap().is_err(), "at the end, too");
        assert!(reader.next().await.is_none());
        assert!(reader.next().await.is_none(), "and that is all");
    }

    /// A length of more than 32 bits is not cut to what a pointer has.
    #[test]
    fn tokio_8275_a_length_beyond_usize() {
        for (wire, declared) in [
            ([0, 0, 0, 1, 0, 0, 0, 3], (1 << 32) + 11),
            ([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], (1 << 63) + 7),
            ([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf7], u64::MAX),
        ] {
            let error = decode(&mut Codec::new(formats::U64_BE), [wire]).1.unwrap_err();
            assert_eq!(protocol(&error), DecodeError::TooLong { declared, limit: 8 << 20 });
        }
    }

    /// A length of `u64::MAX` is refused at once (asynchronous-codec waits for ever), and the largest that a slice can have
    /// reserves next to nothing (CVE-2026-25541: `BytesMut::reserve`).
    #[test]
    fn asynchronous_codec_a_length_of_all_ones() {
        let mut codec = Codec::new(formats::U64_BE).with_limit(u64::MAX);
        let error = codec.decode(&mut BytesMut::from(&[0xff; 8][..])).unwrap_err();
        assert_eq!(protocol(&error), DecodeError::Header(HeaderError::Overflow { value: u64::MAX }));
        let error = codec.decode(&mut BytesMut::from(&[0xff, 0, 0, 0, 0, 0, 0, 0][..])).unwrap_err();
        assert!(matches!(protocol(&error), DecodeError::TooLong { limit, .. } if limit == isize::MAX as u64));
        let largest = (isize::MAX - 8) as u64;
        let mut buffer = BytesMut::from(&largest.to_be_bytes()[..]);
        assert!(codec.decode(&mut buffer).unwrap().is_none());
        assert!(buffer.capacity() <= 128 << 10, "{}", buffer.capacity());
    }

    /// russh, websocket, rmpv and others reserve what a peer declares. Ours reserves a step, and then as much as has come.
    #[test]
    fn cve_2024_43410_allocation_from_a_declared_length() {
        let mut theirs = LengthDelimitedCodec::new();
        let mut buffer = BytesMut::from(&[0, 0x7f, 0xff, 0xff][..]);
        theirs.decode(&mut buffer).unwrap();
        assert!(buffer.capacity() >= 0x7f_ffff);

        let mut codec = Codec::new(formats::U32_BE);
        let mut buffer = BytesMut::from(&[0, 0x7f, 0xff, 0xfc][..]);
        while codec.decode(&mut buffer).unwrap().is_none() {
            assert!(
                buffer.capacity() <= (128 << 10).max(4 * buffer.len()),
                "{buffer:?}",
                buffer = buffer.len()
            );
            // Whatever was reserved is filled: as fast as it can grow.
            let room = (buffer.capacity() - buffer.len()).clamp(1, (8 << 20) - buffer.len());
            buffer.extend(std::iter::repeat_n(7, room));
        }
        assert!(buffer.is_empty());
    }

    /// An empty frame costs its header, and is given.
    #[tokio::test]
    async fn rustsec_2026_0258_a_flood_of_empty_frames() {
        let wire = vec![0; 1 << 20];
        let mut reader = FramedRead::new(&wire[..], Codec::new(formats::U16_BE));
        let mut count = 0;
        while let Some(payload) = reader.next().await {
            assert!(payload.unwrap().is_empty());
            count += 1;
            assert!(reader.read_buffer().capacity() <= 16 << 10);
        }
        assert_eq!(count, 1 << 19);
    }

    /// What `FramedRead` reads at once is up to the room that the codec leaves.
    #[tokio::test]
    async fn no_more_reads_than_the_original() {
        struct Counting<'w>(&'w [u8], usize);
        impl tokio::io::AsyncRead for Counting<'_> {
            fn poll_read(
                mut self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> std::task::Poll<io::Result<()>> {
                let (now, later) = self.0.split_at(self.0.len().min(buf.remaining()));
                buf.put_slice(now);
                self.0 = later;
                self.1 += 1;
                Ok(()).into()
            }
        }

        async fn reads<C: Decoder<Item = BytesMut, Error = io::Error>>(
            codec: C,
            wire: &[u8],
            room: usize,
        ) -> usize {
            let mut reader = FramedRead::with_capacity(Counting(wire, 0), codec, room);
            while let Some(payload) = reader.next().await {
                payload.unwrap();
            }
            reader.get_ref().1
        }

        for payload in [0usize, 16, 64, 1000, 8188, 16 << 10, 65_532, 1 << 16, 1 << 20] {
            let mut wire = BytesMut::new();
            while wire.len() < 4 << 20 {
                Codec::new(formats::U32_BE).encode(vec![7; payload], &mut wire).unwrap();
            }
            for room in [8 << 10, 64 << 10] {
                let ours = reads(Codec::new(formats::U32_BE), &wire, room).await;
                let theirs = reads(LengthDelimitedCodec::new(), &wire, room).await;
                // Once, while the buffer grows by doubling.
                let growing = (payload >> 16).checked_ilog2().unwrap_or(0) as usize;
                assert!(
                    ours <= theirs + growing,
                    "{payload} bytes, room for {room}: {ours} reads, theirs {theirs}"
                );
            }
        }
    }

    /// A codec keeps nothing, so that another can take over between any two frames: a protocol upgrade.
    #[tokio::test]
    async fn another_codec_takes_over() {
        let wire = &b"\0\0\0\x02hi\x03you\0\x01!"[..];
        let mut first = FramedRead::new(wire, Codec::new(formats::U32_BE));
        assert_eq!(first.next().await.unwrap().unwrap(), b"hi"[..]);
        let mut second = first.map_decoder(|_| Codec::new(formats::U_8));
        assert_eq!(second.next().await.unwrap().unwrap(), b"you"[..]);
        let mut third = second.map_decoder(|_| Codec::new(formats::U16_BE));
        assert_eq!(third.next().await.unwrap().unwrap(), b"!"[..]);
        assert!(third.next().await.is_none());
    }
}
