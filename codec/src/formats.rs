//! Wire formats by name.
//!
//! Each is a zero-sized type and a constant of it: `Decoder<formats::U32Be, …>` names the type, and
//! `Decoder::new(formats::U32_BE, …)` makes a value. [`ALL`] lists them for choosing at run time.
//! Unused formats cost no code.
//!
//! The plain prefixes have no document that defines them: a length, then the payload. The protocols
//! have one, and [`document`] names it. Of a protocol this is the framing alone. What its header says
//! beside the length (a magic number, a version, a type) is in
//! [`Frame::header`](crate::Frame::header), unchecked. Limits of a protocol are in its docs.
//! [`with_limit`](crate::Format::with_limit) sets them.
//!
//! # What one length field can't say
//! - Bytes before the first frame, such as HTTP/2's connection preface: take them with
//!   [`Decoder::unframed`](crate::Decoder::unframed).
//! - A first message of another form, such as PostgreSQL's start-up message: read it with a decoder
//!   for that form, and go on with [`Decoder::from_parts`](crate::Decoder::from_parts).
//! - A header whose form depends on its own bytes, such as that of WebSocket or ZMTP: implement
//!   [`Format`](crate::Format) in some 30 lines, as the crate's examples `websocket` and `zmtp` do.
//! - A message over several frames, such as MySQL's of 16 MiB and more: each packet is a frame.

use crate::format::LengthField;
use crate::length_field;

/// Declares a format's type, its constant, its row of [`ALL`], and where it is defined.
macro_rules! formats {
    ($($(#[$meta:meta])* $type:ident $const:ident $name:literal
        ($($description:tt)*) $(in $document:literal)?;)*) => {
        $(
            length_field! {
                $(#[$meta])*
                $(#[doc = concat!("\n\nDefined in: ", $document, ".")])?
                pub struct $type($($description)*);
            }
            #[doc = concat!("The format [`", stringify!($type), "`], `", $name, "` on the command line.")]
            pub const $const: $type = $type;
        )*

        /// Every format of this module: its name and its description.
        pub const ALL: &[(&str, LengthField)] =
            &[$(($name, $type::FIELD)),*];

        /// Not part of `ALL`: a device that looks a format up by name has no use for these words.
        const DOCUMENTS: &[(&str, &str)] = &[$($(($name, $document),)?)*];
    };
}

formats! {
    /// A length of one byte: payloads of 0 to 255 bytes.
    U8 U_8 "u8" (width: U8);
    /// A length of two bytes, the most significant first.
    U16Be U16_BE "u16be" (width: U16);
    /// A length of two bytes, the least significant first.
    U16Le U16_LE "u16le" (width: U16, endian: Little);
    /// A length of three bytes, the most significant first.
    U24Be U24_BE "u24be" (width: U24);
    /// A length of three bytes, the least significant first.
    U24Le U24_LE "u24le" (width: U24, endian: Little);
    /// A length of four bytes, the most significant first: Erlang's `{packet, 4}`, Python's `'!I'`.
    U32Be U32_BE "u32be" (width: U32);
    /// A length of four bytes, the least significant first: Python's `'<I'`.
    U32Le U32_LE "u32le" (width: U32, endian: Little);
    /// A length of eight bytes, the most significant first.
    U64Be U64_BE "u64be" (width: U64);
    /// A length of eight bytes, the least significant first.
    U64Le U64_LE "u64le" (width: U64, endian: Little);
    /// An unsigned LEB128 varint of 1 to 10 bytes, as protobuf's "delimited" messages have it (Protocol
    /// Buffers, "Encoding", section "Base 128 Varints"). Only the shortest form of a number is accepted.
    Varint64 VARINT64 "varint" (width: Varint64);

    /// AMQP 0-9-1: type, channel, size of the payload, and after the payload an octet of 0xce, which is the last of
    /// the frame's payload here and not checked. So the smallest payload is one byte.
    ///
    /// A client begins with 8 bytes that are no frame: `AMQP`, 0, and the version. AMQP 1.0 has another framing,
    /// `length_field!(adjust: -4, header: Some(8))`.
    Amqp AMQP "amqp" (offset: 3, width: U32, adjust: 1)
        in "AMQP 0-9-1, sections 2.3.5 and 4.2.3";
    /// BGP-4: a marker of 16 octets of ones, which is not checked, the length of the whole message, a type. At
    /// most 4,096 octets, or 65,535 where both sides have agreed to that (RFC 8654).
    Bgp BGP "bgp" (offset: 16, width: U16, adjust: -18, header: Some(19))
        in "RFC 4271, section 4.1";
    /// Diameter: version, the length of the whole message with its padding, flags, command code, three
    /// identifiers.
    Diameter DIAMETER "diameter" (offset: 1, width: U24, adjust: -4, header: Some(20))
        in "RFC 6733, section 3";
    /// DNS over TCP: two octets that give the length of the message after them. DNS over TLS is the same, decrypted.
    DnsTcp DNS_TCP "dns-tcp" (width: U16)
        in "RFC 1035, section 4.2.2; RFC 7766, section 8";
    /// HTTP/2: the length of the payload, type, flags, stream identifier. At most 16,384 octets of payload unless
    /// SETTINGS_MAX_FRAME_SIZE allows more.
    ///
    /// A client begins with a preface of 24 octets (section 3.4).
    Http2 HTTP2 "http2" (width: U24, adjust: 6, header: Some(9))
        in "RFC 9113, section 4.1";
    /// Apache Kafka: the size of the request or response after it. It is signed there, so set a limit below 2 GiB.
    Kafka KAFKA "kafka" (width: U32)
        in "Apache Kafka protocol guide, \"Common Request and Response Structure\"";
    /// Modbus over TCP: transaction, protocol (0), the length of what follows it, unit. The unit is the last byte of
    /// the header and counts as well, the function code begins the payload. At most 260 bytes in all.
    ModbusTcp MODBUS_TCP "modbus-tcp" (offset: 4, width: U16, header: Some(7))
        in "MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1.3";
    /// MongoDB: the length of the whole message, request, response to which, operation; little-endian. It is
    /// signed there; servers tell their limit, 48,000,000 bytes, as `maxMessageSizeBytes`.
    Mongodb MONGODB "mongodb" (width: U32, endian: Little, adjust: -4, header: Some(16))
        in "MongoDB Wire Protocol, \"Standard Message Header\"";
    /// MQTT, 3.1.1 and 5.0: a byte of type and flags, then the "Remaining Length" as a varint of 1 to 4 bytes. Longer
    /// forms of a number than the shortest are refused, which the standard asks of senders of 5.0 only.
    Mqtt MQTT "mqtt" (offset: 1, width: Varint28)
        in "MQTT 5.0, sections 1.5.5 and 2.1; MQTT 3.1.1, section 2.2";
    /// MySQL and MariaDB: the length of the payload, little-endian, and a sequence number. A message of 16,777,215 bytes
    /// or more goes on in the next packet; each packet is a frame here.
    ///
    /// Once TLS or compression has been agreed on, the stream is another.
    Mysql MYSQL "mysql" (width: U24, endian: Little, adjust: 1, header: Some(4))
        in "MySQL Source Code Documentation, \"MySQL Packets\"";
    /// 9P2000: the size of the whole message, little-endian, type, tag. Both sides agree on a limit (`msize`).
    NineP NINE_P "ninep" (width: U32, endian: Little, adjust: -4, header: Some(7))
        in "Plan 9 manual, section 5, intro(5)";
    /// Noise messages on a stream, as the framework recommends it: a length of two bytes, big-endian.
    Noise NOISE "noise" (width: U16)
        in "The Noise Protocol Framework, revision 34, section 13";
    /// The blocks of a pcapng capture file: type, the length of the whole block, body, and the same length again, which
    /// is the last of the payload here and not compared.
    ///
    /// Little-endian, as most machines write it. The byte-order magic in the section header block tells; for the
    /// others it is `length_field!(offset: 4, width: U32, adjust: -8)`.
    Pcapng PCAPNG "pcapng" (offset: 4, width: U32, endian: Little, adjust: -8)
        in "draft-ietf-opsawg-pcapng, section 3.1";
    /// PostgreSQL, version 3 of the protocol: a type byte, then a length that counts itself but not the type.
    ///
    /// What a client sends first (StartupMessage, SSLRequest, GSSENCRequest, CancelRequest) has no type byte,
    /// `length_field!(adjust: -4)`, and the answer to SSLRequest and GSSENCRequest is one byte.
    Postgres POSTGRES "postgres" (offset: 1, width: U32, adjust: -4)
        in "PostgreSQL documentation, \"Frontend/Backend Protocol\", section \"Message Formats\"";
    /// Apache Thrift's framed transport: the length of the message after it. It is signed there; the libraries'
    /// usual limit is 16,384,000 bytes.
    Thrift THRIFT "thrift" (width: U32)
        in "Apache Thrift, doc/specs/thrift-rpc.md, \"Framed vs. unframed transport\"";
    /// The records of TLS, all versions from SSL 3 on: type, version, length. At most 16,384 octets and what encryption
    /// adds: 256 in TLS 1.3, 2,048 before.
    Tls TLS "tls" (offset: 3, width: U16)
        in "RFC 8446, section 5.1; RFC 5246, section 6.2.1";
    /// TPKT, which carries ISO transport (RDP, H.323, S7) over TCP: version (3), a reserved octet, the length of the whole
    /// packet, at least 7.
    Tpkt TPKT "tpkt" (offset: 2, width: U16, adjust: -4)
        in "RFC 1006, section 6";
}

/// The description of the format that has this name.
///
/// ```
/// # use ringframe::{LengthField, Width, Endian, formats};
/// let field = formats::by_name("u16le").ok_or("no such format")?;
/// assert_eq!(field, LengthField { width: Width::U16, endian: Endian::Little, ..LengthField::DEFAULT });
/// # Ok::<(), &str>(())
/// ```
pub fn by_name(name: &str) -> Option<LengthField> {
    ALL.iter().find(|(known, _)| *known == name).map(|&(_, field)| field)
}

/// The document that defines the format of this name, and where in it; `None` for a plain prefix.
///
/// ```
/// # use ringframe::formats;
/// assert_eq!(formats::document("http2"), Some("RFC 9113, section 4.1"));
/// assert_eq!(formats::document("u32be"), None);
/// ```
pub fn document(name: &str) -> Option<&'static str> {
    DOCUMENTS.iter().find(|(known, _)| *known == name).map(|&(_, document)| document)
}
