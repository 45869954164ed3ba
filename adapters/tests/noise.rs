//! `ringframe_io::noise` without a transport, against `snow` and against the bytes that `snow` gave.
#![cfg(feature = "noise")]

mod support {
    pub(crate) mod peer;
}

use proptest::collection::vec;
use proptest::prelude::*;
use ringframe_io::noise::{
    Ephemeral, Handshake, HandshakeError, Key, LinkError, MAX_MESSAGE, MAX_PLAINTEXT, Opened, PROLOGUE, Step,
    StoreTooSmall, receive_store, send_store,
};
use support::peer::{self, KEY, framed, hears, hello, says};

/// The secret halves of the ephemeral keys, where they are fixed.
const CLIENT: [u8; 32] = [0x11; 32];
const SERVER: [u8; 32] = [0x22; 32];

/// What a client sends that says "hello" and ends, with these keys; what a server
/// answers that says "HELLO" and ends. By `snow` 0.10, once; both of its ends and both of ours must say the same.
mod bytes {
    pub(crate) const HELLO: &str = "\
        f152464e010d0a0000307b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f136208eb7aa544\
        a8deea981717c4c76746";
    pub(crate) const CLIENT_SAYS: &str = "0015f08ed4c6b11de43731996e2a085dd58eed37f1c427";
    pub(crate) const CLIENT_ENDS: &str = "0010cf62ad029b453a6086b587a97b81c120";
    pub(crate) const ANSWER: &str = "\
        00300faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f201bc0844832f49a0a09de25a4bc31\
        c13e";
    pub(crate) const SERVER_SAYS: &str = "001520e157ad00e3c07633891d6d94f0f9d2d0691894df";
    pub(crate) const SERVER_ENDS: &str = "0010885bfedacd2a53bb5011152858632f24";
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn key() -> Key {
    Key::new(KEY)
}

/// Our ends, with fixed keys.
fn our_client() -> Handshake<'static> {
    Handshake::client(&key(), Ephemeral::new(CLIENT))
}

fn our_server(keys: &[Key]) -> Handshake<'_> {
    Handshake::server(keys, Ephemeral::new(SERVER))
}

type Opener = ringframe_io::noise::Opener<Box<[u8]>>;
type Sealer = ringframe_io::noise::Sealer<Box<[u8]>>;

/// A link of ours, with both of its ends.
struct Link {
    client: (Opener, Sealer),
    server: (Opener, Sealer),
}

impl Link {
    fn new() -> Self {
        let (mut client, keys) = (our_client(), [key()]);
        let mut server = our_server(&keys);
        server.read(&mut client.pending()).expect("our hello");
        client.read(&mut server.pending()).expect("our answer");
        Self { client: split(client), server: split(server) }
    }
}

/// Both directions, with stores for the largest messages.
fn split(handshake: Handshake<'_>) -> (Opener, Sealer) {
    split_with(handshake, MAX_MESSAGE, send_store(MAX_PLAINTEXT))
}

fn split_with(handshake: Handshake<'_>, receive: usize, send: usize) -> (Opener, Sealer) {
    let session = handshake.session().expect("both messages");
    session.try_split(vec![0; receive].into(), vec![0; send].into()).expect("room")
}

/// What a sealer has to send.
fn sent(sealer: &mut Sealer) -> Vec<u8> {
    let pending = sealer.pending().to_vec();
    sealer.advance(pending.len());
    assert!(sealer.pending().is_empty());
    pending
}

/// One message, whole.
fn seal(sealer: &mut Sealer, plaintext: &[u8]) -> Vec<u8> {
    assert_eq!(sealer.seal(plaintext), Ok(plaintext.len()));
    sent(sealer)
}

fn end(sealer: &mut Sealer) -> Vec<u8> {
    sealer.end().expect("keys are not used up");
    sent(sealer)
}

/// All that an opener gives of a stream that comes in such pieces and then ends.
fn open<'p>(
    opener: &mut Opener,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<u8>, Result<(), LinkError>) {
    let mut plaintext = Vec::new();
    for mut piece in pieces {
        loop {
            match opener.open(&mut piece) {
                Ok(Opened::Data(data)) => {
                    assert!(!data.is_empty());
                    // Some now, the rest later.
                    let n = data.len().div_ceil(2);
                    plaintext.extend_from_slice(&data[..n]);
                    opener.consume(n);
                }
                Ok(Opened::Missing(n)) => {
                    assert!(n > 0 && piece.is_empty());
                    break;
                }
                Ok(Opened::End) => {
                    assert!(piece.is_empty());
                    break;
                }
                Err(error) => {
                    assert_eq!(opener.end_of_input(), Err(error), "it stays");
                    assert_eq!(opener.open(&mut &[][..]), Err(error), "for ever");
                    assert_eq!(opener.open(&mut &b"more"[..]), Err(error), "whatever comes");
                    return (plaintext, Err(error));
                }
            }
        }
    }
    let end = opener.end_of_input();
    assert_eq!(opener.end_of_input(), end);
    (plaintext, end)
}

mod handshake {
    use super::*;

    #[test]
    fn its_bytes_are_those_of_snow() {
        let (mut client, mut server) = (peer::client(&KEY, Some(&CLIENT)), peer::server(&KEY, Some(&SERVER)));
        let first = hello(&mut client);
        assert_eq!(hex(&first), bytes::HELLO);
        hears(&mut server, &first[PROLOGUE.len()..]).expect("the same key");
        let second = says(&mut server);
        assert_eq!(hex(&second), bytes::ANSWER);
        hears(&mut client, &second).expect("the same key");
        let (mut client, mut server) = (peer::Link::new(client), peer::Link::new(server));
        assert_eq!(hex(&client.seal(b"hello")), bytes::CLIENT_SAYS);
        assert_eq!(hex(&client.seal(b"")), bytes::CLIENT_ENDS);
        assert_eq!(hex(&server.seal(b"HELLO")), bytes::SERVER_SAYS);
        assert_eq!(hex(&server.seal(b"")), bytes::SERVER_ENDS);

        let (client, keys) = (our_client(), [key()]);
        assert_eq!(hex(client.pending()), bytes::HELLO);
        let mut server = our_server(&keys);
        server.read(&mut client.pending()).expect("the same key");
        assert_eq!(hex(server.pending()), bytes::ANSWER);
        let mut link = Link::new();
        assert_eq!(hex(&seal(&mut link.client.1, b"hello")), bytes::CLIENT_SAYS);
        assert_eq!(hex(&end(&mut link.client.1)), bytes::CLIENT_ENDS);
        assert_eq!(hex(&seal(&mut link.server.1, b"HELLO")), bytes::SERVER_SAYS);
        assert_eq!(hex(&end(&mut link.server.1)), bytes::SERVER_ENDS);
    }

    #[test]
    fn snow_is_a_client_of_our_server() {
        let (mut client, keys) = (peer::client(&KEY, None), [key()]);
        let mut server = our_server(&keys);
        server.read(&mut &hello(&mut client)[..]).expect("the same key");
        hears(&mut client, server.pending()).expect("the same key");
        assert!(server.is_done());
        both_ways(peer::Link::new(client), split(server));
    }

    #[test]
    fn snow_is_a_server_of_our_client() {
        let (mut client, mut server) = (our_client(), peer::server(&KEY, None));
        assert!(!client.is_done());
        let hello = client.pending().strip_prefix(&PROLOGUE).expect("the prologue").to_vec();
        hears(&mut server, &hello).expect("the same key");
        client.read(&mut &says(&mut server)[..]).expect("the same key");
        assert!(client.is_done());
        both_ways(peer::Link::new(server), split(client));
    }

    fn both_ways(mut theirs: peer::Link, (mut opener, mut sealer): (Opener, Sealer)) {
        let wire = [theirs.seal(b"hello"), theirs.seal(&[7; MAX_PLAINTEXT]), theirs.seal(b"")].concat();
        let all = [&b"hello"[..], &[7; MAX_PLAINTEXT]].concat();
        assert_eq!(open(&mut opener, [&wire[..]]), (all, Ok(())));
        let wire =
            [seal(&mut sealer, b"hello"), seal(&mut sealer, &[7; MAX_PLAINTEXT]), end(&mut sealer)].concat();
        assert_eq!(theirs.open(&wire), [&b"hello"[..], &[7; MAX_PLAINTEXT], b""]);
    }

    #[test]
    fn it_takes_its_own_bytes_and_no_more() {
        let keys = [key()];
        let client = our_client();
        let wire = [client.pending(), b"behind"].concat();
        let (mut server, mut input) = (our_server(&keys), &wire[..]);
        server.read(&mut input).expect("the same key");
        assert_eq!(input, b"behind");
        server.read(&mut input).expect("nothing more to do");
        assert_eq!(input, b"behind");

        let (mut client, wire) = (client, [server.pending(), b"behind"].concat());
        let mut input = &wire[..];
        client.read(&mut input).expect("the same key");
        assert_eq!(input, b"behind");
    }

    #[test]
    fn any_chunking_will_do() {
        let keys = [key()];
        for first in 0..=58 {
            for step in [1, 2, 7, 58] {
                let at = format!("{first} bytes, then {step} at a time");
                let (mut client, mut server) = (our_client(), our_server(&keys));
                pieces(&mut server, client.pending(), first, step, &at);
                assert_eq!(hex(server.pending()), bytes::ANSWER, "{at}");
                pieces(&mut client, server.pending(), first, step, &at);
            }
        }
    }

    fn pieces(to: &mut Handshake<'_>, wire: &[u8], first: usize, step: usize, at: &str) {
        let (front, rest) = wire.split_at(first.min(wire.len()));
        for mut piece in [front].into_iter().chain(rest.chunks(step)) {
            to.read(&mut piece).expect(at);
            assert!(piece.is_empty(), "{at}");
        }
        assert!(to.is_done(), "{at}");
    }

    #[test]
    fn what_is_sent_in_parts_is_sent_once() {
        let (mut client, mut sent) = (our_client(), Vec::new());
        while let Some(&byte) = client.pending().first() {
            sent.push(byte);
            client.advance(1);
        }
        assert_eq!(hex(&sent), bytes::HELLO);
        client.advance(usize::MAX);
        assert!(client.pending().is_empty());
    }

    /// What a loop does that only asks what is next.
    #[test]
    fn it_says_what_is_next() {
        let keys = [key()];
        let (mut client, mut server) = (our_client(), our_server(&keys));
        assert_eq!(server.next(), Step::Read, "with nothing to flush");
        assert_eq!(client.next(), Step::Write(client.pending()));
        server.read(&mut client.pending()).expect("the same key");
        client.advance(57);
        assert_eq!(client.next(), Step::Write(client.pending()), "the last byte");
        client.advance(1);
        assert_eq!(client.next(), Step::Flush);
        client.flushed();
        assert_eq!(client.next(), Step::Read);

        assert!(server.is_done());
        assert_eq!(server.next(), Step::Write(server.pending()), "it is done, but has to say so");
        client.read(&mut server.pending()).expect("the same key");
        assert_eq!(client.next(), Step::Done);
        server.advance(50);
        assert_eq!(server.next(), Step::Flush);
        server.flushed();
        assert_eq!(server.next(), Step::Done);
    }

    #[test]
    fn without_every_byte_it_is_not_done() {
        let keys = [key()];
        let client = our_client();
        let mut whole = our_server(&keys);
        whole.read(&mut client.pending()).expect("the same key");
        for cut in 0..client.pending().len() {
            let mut server = our_server(&keys);
            server.read(&mut &client.pending()[..cut]).expect("good so far");
            assert!(!server.is_done() && server.pending().is_empty(), "cut at {cut}");
            assert!(server.session().is_none());
        }
        for cut in 0..whole.pending().len() {
            let mut client = our_client();
            client.read(&mut &whole.pending()[..cut]).expect("good so far");
            assert!(!client.is_done(), "cut at {cut}");
            assert!(client.session().is_none());
        }
    }

    /// What a handshake says to a stream of which one bit is wrong.
    fn refusal(mut handshake: Handshake<'_>, wire: &[u8], bit: usize) -> Option<HandshakeError> {
        let mut wire = wire.to_vec();
        wire[bit / 8] ^= 1 << (bit % 8);
        let error = handshake.read(&mut &wire[..]).err()?;
        assert_eq!(handshake.read(&mut &wire[..]), Err(error), "it stays");
        assert!(!handshake.is_done());
        Some(error)
    }

    #[test]
    fn each_wrong_bit_is_found() {
        let keys = [key()];
        let client = our_client();
        let mut server = our_server(&keys);
        server.read(&mut client.pending()).expect("the same key");
        // The top bit of a public key says nothing (RFC 7748, section 5), but is authenticated.
        for bit in 0..client.pending().len() * 8 {
            let refused = refusal(our_server(&keys), client.pending(), bit).expect("it is wrong");
            match (bit / 8, refused) {
                (byte @ 0..8, HandshakeError::Prologue { at, found }) => {
                    assert_eq!((at, found), (byte, PROLOGUE[byte] ^ 1 << (bit % 8)));
                }
                (8..10, HandshakeError::Length { declared }) => assert_ne!(declared, 48),
                (10.., HandshakeError::Authentication) => {}
                (byte, error) => panic!("bit {bit} of byte {byte}: {error}"),
            }
        }
        for bit in 0..server.pending().len() * 8 {
            let refused = refusal(our_client(), server.pending(), bit).expect("it is wrong");
            match (bit / 8, refused) {
                (0..2, HandshakeError::Length { declared }) => assert_ne!(declared, 48),
                (2.., HandshakeError::Authentication) => {}
                (byte, error) => panic!("bit {bit} of byte {byte}: {error}"),
            }
        }
    }

    #[test]
    fn the_key_decides() {
        let other = |n: u8| Key::new([n; 32]);
        let client = our_client();
        for at in 0..4 {
            let mut keys = [other(1), other(2), other(3), other(4)];
            keys[at] = key();
            let mut server = our_server(&keys);
            server.read(&mut client.pending()).expect("one of its keys");
            assert_eq!(hex(server.pending()), bytes::ANSWER, "whichever it is");
        }
        for keys in [&[][..], &[other(1)], &[other(1), other(2), other(3), other(4)]] {
            let mut server = our_server(keys);
            assert_eq!(server.read(&mut client.pending()), Err(HandshakeError::Authentication));
            assert!(server.pending().is_empty(), "not a word");
        }
        // Nobody without the key can answer.
        let mut client = client;
        assert_eq!(client.read(&mut &framed(&[9; 48])[..]), Err(HandshakeError::Authentication));
        let mut client = our_client();
        let itself = client.pending()[PROLOGUE.len()..].to_vec();
        assert_eq!(client.read(&mut &itself[..]), Err(HandshakeError::Authentication), "its own words");
    }

    #[test]
    fn a_plain_peer_is_told_from_its_first_bytes() {
        let keys = [key()];
        // A client with a frame of 5 bytes.
        let refused = our_server(&keys).read(&mut &[0][..]);
        assert_eq!(refused, Err(HandshakeError::Prologue { at: 0, found: 0 }));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("byte 0 is 0x00 where its hello has 0xf1"), "{text}");
        // Another version.
        let refused = our_server(&keys).read(&mut &[0xF1, b'R', b'F', b'N', 2][..]);
        assert_eq!(refused, Err(HandshakeError::Prologue { at: 4, found: 2 }));
        // A server that answers with a frame, its length in four bytes.
        let refused = our_client().read(&mut &[0, 0][..]);
        assert_eq!(refused, Err(HandshakeError::Length { declared: 0 }));
    }

    #[test]
    fn a_wrong_length_is_refused_before_the_message() {
        let keys = [key()];
        for declared in [0_u16, 1, 15, 16, 47, 49, 4113, 65535] {
            let refused = Err(HandshakeError::Length { declared });
            assert_eq!(our_client().read(&mut &declared.to_be_bytes()[..]), refused);
            let wire = [&PROLOGUE[..], &declared.to_be_bytes()].concat();
            assert_eq!(our_server(&keys).read(&mut &wire[..]), refused);
        }
    }

    #[test]
    fn a_plain_server_takes_the_hello_for_a_frame_too_long() {
        for length in [u32::from_be_bytes, u32::from_le_bytes] {
            let declared = length(*PROLOGUE.first_chunk().expect("four bytes"));
            assert!(declared > 1 << 30, "{declared}");
        }
    }

    /// A server can't tell a first message that is repeated; but nobody can go on behind it.
    #[test]
    fn what_followed_a_repeated_first_message_opens_nothing() {
        let keys = [key()];
        let client = our_client();
        let recorded = client.pending().to_vec();
        let mut server = our_server(&keys);
        server.read(&mut &recorded[..]).expect("the same key");
        let mut client = client;
        client.read(&mut server.pending()).expect("the same key");
        let message = seal(&mut split(client).1, b"launch");
        assert_eq!(open(&mut split(server).0, [&message[..]]).0, b"launch");

        let mut server = Handshake::server(&keys, Ephemeral::new([0x33; 32]));
        server.read(&mut &recorded[..]).expect("it is genuine");
        assert!(server.is_done());
        let opened = open(&mut split(server).0, [&message[..]]);
        assert_eq!(opened, (Vec::new(), Err(LinkError::Authentication)));
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(format!("{:?}", key()), "Key(…)");
        assert_eq!(format!("{:?}", Ephemeral::new(CLIENT)), "Ephemeral(…)");
    }
}

mod link {
    use super::*;

    /// Messages of a client, the plaintext of each, and the end.
    fn stream() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
        let plaintexts: Vec<Vec<u8>> = [1, 5, 100].map(|n| (0..n).collect()).to_vec();
        let mut sealer = Link::new().client.1;
        let mut wire: Vec<_> = plaintexts.iter().map(|plaintext| seal(&mut sealer, plaintext)).collect();
        wire.push(end(&mut sealer));
        (wire, plaintexts)
    }

    fn opener() -> Opener {
        Link::new().server.0
    }

    #[test]
    fn any_chunking_gives_the_same() {
        let (wire, plaintexts) = stream();
        let (wire, all) = (wire.concat(), (plaintexts.concat(), Ok(())));
        for step in 1..=wire.len() {
            assert_eq!(open(&mut opener(), wire.chunks(step)), all, "{step} at a time");
            assert_eq!(open(&mut opener(), [&wire[..step], &wire[step..]]), all, "cut at {step}");
        }
    }

    #[test]
    fn a_cut_anywhere_is_found_and_what_came_whole_is_given() {
        let (wire, plaintexts) = stream();
        let ends: Vec<usize> = (1..=wire.len()).map(|n| wire[..n].concat().len()).collect();
        let whole = wire.concat();
        for cut in 0..whole.len() {
            let messages = ends.iter().filter(|&&end| end <= cut).count();
            let expected = (plaintexts[..messages].concat(), Err(LinkError::Truncated));
            assert_eq!(open(&mut opener(), [&whole[..cut]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn each_wrong_bit_is_found_and_nothing_of_its_message_is_given() {
        let (wire, plaintexts) = stream();
        let ends: Vec<usize> = (1..=wire.len()).map(|n| wire[..n].concat().len()).collect();
        let whole = wire.concat();
        for bit in 0..whole.len() * 8 {
            let mut wire = whole.clone();
            wire[bit / 8] ^= 1 << (bit % 8);
            let message = ends.iter().filter(|&&end| end <= bit / 8).count();
            let at = bit / 8 - if message == 0 { 0 } else { ends[message - 1] };
            let (plaintext, result) = open(&mut opener(), [&wire[..]]);
            assert_eq!(plaintext, plaintexts[..message].concat(), "bit {bit}");
            match (at, result.expect_err("it is wrong")) {
                // Another length can be too short or too long, reach beyond the end, or end elsewhere.
                (0..2, LinkError::Length { .. } | LinkError::Truncated | LinkError::Authentication) => {}
                (2.., LinkError::Authentication) => {}
                (at, error) => panic!("bit {bit}, byte {at} of message {message}: {error}"),
            }
        }
    }

    #[test]
    fn messages_left_out_repeated_or_in_another_order_are_found() {
        let (wire, plaintexts) = stream();
        let orders: [&[usize]; 6] = [&[1], &[0, 0], &[0, 2], &[0, 1, 3], &[3], &[0, 1, 0]];
        for order in orders {
            let (last, good) = order.split_last().expect("some");
            let pieces = order.iter().map(|&n| &wire[n][..]);
            let expected = good.iter().flat_map(|&n| plaintexts[n].clone()).collect();
            assert_eq!(
                open(&mut opener(), pieces),
                (expected, Err(LinkError::Authentication)),
                "{last} after {good:?}"
            );
        }
        // One's own, sent back.
        let mut link = Link::new();
        let own = seal(&mut link.client.1, b"mine");
        assert_eq!(open(&mut link.client.0, [&own[..]]), (Vec::new(), Err(LinkError::Authentication)));
    }

    #[test]
    fn a_wrong_length_is_refused_before_the_message() {
        for declared in [0_u16, 1, 15, 4113, 65535] {
            for wire in [&declared.to_be_bytes()[..], &[&declared.to_be_bytes()[..], &[0; 70_000]].concat()] {
                let refused = (Vec::new(), Err(LinkError::Length { declared, limit: 4112 }));
                assert_eq!(open(&mut opener(), [wire]), refused);
                assert_eq!(open(&mut opener(), wire.chunks(1)), refused);
            }
        }
        // The shortest and the longest are waited for.
        for declared in [16_u16, 4112] {
            let mut opener = opener();
            assert_eq!(opener.open(&mut &declared.to_be_bytes()[..]), Ok(Opened::Missing(declared.into())));
        }
        assert_eq!(opener().open(&mut &[][..]), Ok(Opened::Missing(2)));
    }

    #[test]
    fn data_behind_the_end_is_refused() {
        let (mut wire, plaintexts) = stream();
        wire.push(vec![0]);
        let refused = (plaintexts.concat(), Err(LinkError::AfterEnd));
        assert_eq!(open(&mut opener(), wire.iter().map(|piece| &piece[..])), refused);
        assert_eq!(open(&mut opener(), [&wire.concat()[..]]), refused);
        // Even a genuine message; ours does not make one, but `snow` does.
        let keys = [key()];
        let (mut client, mut server) = (peer::client(&KEY, None), our_server(&keys));
        server.read(&mut &hello(&mut client)[..]).expect("the same key");
        hears(&mut client, server.pending()).expect("the same key");
        let mut client = peer::Link::new(client);
        let wire = [client.seal(b""), client.seal(b"more")].concat();
        assert_eq!(open(&mut split(server).0, [&wire[..]]), (Vec::new(), Err(LinkError::AfterEnd)));
    }

    #[test]
    fn a_plaintext_stays_until_it_is_consumed() {
        let mut link = Link::new();
        let wire = seal(&mut link.client.1, b"hello");
        let mut input = &wire[..];
        let opener = &mut link.server.0;
        for _ in 0..2 {
            assert_eq!(opener.open(&mut input), Ok(Opened::Data(b"hello")));
        }
        opener.consume(3);
        assert_eq!(opener.open(&mut input), Ok(Opened::Data(b"lo")));
        opener.consume(usize::MAX);
        assert_eq!(opener.open(&mut input), Ok(Opened::Missing(2)));
        opener.consume(1);
        assert_eq!(opener.open(&mut input), Ok(Opened::Missing(2)), "there was nothing to consume");
    }

    #[test]
    fn a_stream_that_ends_before_all_is_taken_is_cut_off() {
        let mut link = Link::new();
        let wire = [seal(&mut link.client.1, b"hello"), end(&mut link.client.1)].concat();
        let mut input = &wire[..];
        assert_eq!(link.server.0.open(&mut input), Ok(Opened::Data(b"hello")));
        assert_eq!(link.server.0.end_of_input(), Err(LinkError::Truncated));
    }

    #[test]
    fn an_empty_plaintext_is_no_message() {
        let mut sealer = Link::new().client.1;
        assert_eq!(sealer.seal(b""), Ok(0));
        assert_eq!(sealer.seal_parts([&b""[..], b""]), Ok(0));
        assert_eq!(sealer.seal_parts([]), Ok(0));
        assert!(sealer.pending().is_empty());
    }

    #[test]
    fn nothing_is_sealed_behind_the_end() {
        let mut sealer = Link::new().client.1;
        let ended = end(&mut sealer);
        assert_eq!(ended.len(), 18);
        assert_eq!(sealer.seal(b"more"), Err(LinkError::Ended));
        assert_eq!(sealer.seal(b""), Err(LinkError::Ended));
        sealer.end().expect("it was");
        assert!(sealer.pending().is_empty(), "and only once");
    }

    #[test]
    fn parts_leave_in_one_message() {
        let mut link = Link::new();
        assert_eq!(link.client.1.seal_parts([&b"head"[..], b"", b"er", b"payload"]), Ok(13));
        let wire = sent(&mut link.client.1);
        assert_eq!(wire.len(), 2 + 13 + 16);
        assert_eq!(link.server.0.open(&mut &wire[..]), Ok(Opened::Data(b"headerpayload")));
    }

    #[test]
    fn no_message_is_longer_than_may_be_and_the_end_always_has_room() {
        let mut link = Link::new();
        assert_eq!(link.client.1.free(), MAX_PLAINTEXT);
        assert_eq!(link.client.1.seal(&[7; 5000]), Ok(MAX_PLAINTEXT));
        assert_eq!(link.client.1.free(), 0);
        assert_eq!(link.client.1.pending().len(), 2 + MAX_MESSAGE);
        assert_eq!(link.client.1.seal(&[7; 904]), Ok(0), "no room");
        link.client.1.end().expect("room is kept");
        assert_eq!(link.client.1.pending().len(), 2 + MAX_MESSAGE + 18);
        let wire = sent(&mut link.client.1);
        assert_eq!(open(&mut link.server.0, wire.chunks(1)), (vec![7; MAX_PLAINTEXT], Ok(())));
    }

    /// Sends bytes through a store of that size, and returns how many messages they took.
    fn through(store: usize, bytes: &[u8], mut send: impl FnMut(&mut Sealer) -> usize) -> usize {
        let keys = [key()];
        let (mut client, mut server) = (our_client(), our_server(&keys));
        server.read(&mut client.pending()).expect("the same key");
        client.read(&mut server.pending()).expect("the same key");
        let mut sealer = split_with(client, MAX_MESSAGE, store).1;
        let mut opener = split(server).0;
        let (mut wire, mut rest) = (Vec::new(), bytes);
        while !rest.is_empty() || !sealer.pending().is_empty() {
            rest = &rest[sealer.seal(rest).expect("good keys")..];
            let n = send(&mut sealer);
            wire.extend_from_slice(&sealer.pending()[..n]);
            sealer.advance(n);
        }
        sealer.end().expect("good keys");
        wire.extend_from_slice(&sent(&mut sealer));
        assert_eq!(open(&mut opener, wire.chunks(61)), (bytes.to_vec(), Ok(())));
        (wire.len() - bytes.len()) / 18 - 1
    }

    #[test]
    fn stores_of_all_sizes_do() {
        let bytes: Vec<u8> = (0..20_000_u32).map(|n| ((n * 7) >> 3) as u8).collect();
        let all = |sealer: &mut Sealer| sealer.pending().len();
        assert_eq!(through(37, &bytes[..300], all), 300, "a byte in each");
        assert_eq!(through(100, &bytes[..640], all), 10);
        assert_eq!(through(send_store(MAX_PLAINTEXT), &bytes, all), 5);
        assert_eq!(through(65536, &bytes, all), 5);
        assert_eq!(through(200, &bytes[..164 * 3], all), 3);
        // And such as send one byte at a time.
        through(37, &bytes, |_| 1);
        through(5000, &bytes, |_| 1);
    }

    #[test]
    fn stores_that_hold_no_byte_are_refused() {
        let refused = |receive: usize, send: usize| {
            let keys = [key()];
            let mut server = our_server(&keys);
            server.read(&mut our_client().pending()).expect("the same key");
            let session = server.session().expect("both messages");
            session.try_split(vec![0; receive], vec![0; send]).map(drop)
        };
        assert_eq!(refused(16, 37), Err(StoreTooSmall { store: 16, needed: 17 }));
        assert_eq!(refused(17, 36), Err(StoreTooSmall { store: 36, needed: 37 }));
        assert_eq!(refused(0, 0), Err(StoreTooSmall { store: 0, needed: 17 }));
        assert_eq!(refused(receive_store(1), send_store(1)), Ok(()));
        let text = StoreTooSmall { store: 16, needed: 17 }.to_string();
        assert_eq!(text, "a store of 16 bytes is too small for a link: it needs at least 17");
    }

    /// Both ends are configured for messages of 100 bytes, or only the one that receives.
    #[test]
    fn a_smaller_store_takes_smaller_messages_and_refuses_larger_ones_at_their_length() {
        let keys = [key()];
        let (mut client, mut server) = (our_client(), our_server(&keys));
        server.read(&mut client.pending()).expect("the same key");
        client.read(&mut server.pending()).expect("the same key");
        let mut sealer = split(client).1;
        let mut opener = split_with(server, receive_store(100), 37).0;
        sealer.set_max_plaintext(100);
        assert_eq!(sealer.free(), 100);
        let bytes: Vec<u8> = (0..250).collect();
        assert_eq!(sealer.seal(&bytes), Ok(250), "in three messages");
        let wire = sent(&mut sealer);
        assert_eq!(wire.len(), 250 + 3 * 18);
        let mut plaintext = Vec::new();
        let mut input = &wire[..];
        while let Opened::Data(data) = opener.open(&mut input).expect("a good link") {
            assert!(data.len() <= 100);
            plaintext.extend_from_slice(data);
            opener.consume(usize::MAX);
        }
        assert_eq!(plaintext, bytes);

        // The limits of the link are those of the setting.
        sealer.set_max_plaintext(0);
        assert_eq!(sealer.free(), 1);
        sealer.set_max_plaintext(usize::MAX);
        assert_eq!(sealer.free(), MAX_PLAINTEXT);

        let wire = seal(&mut sealer, &bytes[..101]);
        let refused = LinkError::Length { declared: 117, limit: 116 };
        assert_eq!(opener.open(&mut &wire[..2]), Err(refused));
        assert!(!refused.is_protocol(), "a larger store would take it");
        assert_eq!(
            refused.to_string(),
            "an encrypted message of 117 bytes is announced, 16 to 116 are allowed"
        );
    }

    #[test]
    fn a_store_larger_than_every_message_widens_nothing() {
        let keys = [key()];
        let mut server = our_server(&keys);
        server.read(&mut our_client().pending()).expect("the same key");
        let mut opener = split_with(server, 65536, 37).0;
        let refused = LinkError::Length { declared: 4113, limit: 4112 };
        assert_eq!(opener.open(&mut &4113_u16.to_be_bytes()[..]), Err(refused));
        assert!(refused.is_protocol());
    }

    /// Stores may be lent, so that both directions are small and their memory is anywhere.
    #[test]
    fn stores_may_be_lent() {
        let keys = [key()];
        let (mut client, mut server) = (our_client(), our_server(&keys));
        server.read(&mut client.pending()).expect("the same key");
        client.read(&mut server.pending()).expect("the same key");
        let (mut receive, mut send) = ([0; 100], [0; 100]);
        let client = client.session().expect("both messages");
        let (opener, mut sealer) = client.try_split(&mut receive[..], &mut send[..]).expect("room");
        assert!(size_of_val(&opener) + size_of_val(&sealer) < 300);
        assert_eq!(sealer.seal(b"hello"), Ok(5));
        let (mut opener, _) = server.session().expect("both messages").split([0; 100], [0; 100]);
        assert_eq!(opener.open(&mut sealer.pending()), Ok(Opened::Data(b"hello")));
    }

    #[test]
    fn to_ask_for_the_end_of_input_changes_nothing() {
        let (wire, plaintexts) = stream();
        let (wire, mut opener, mut read) = (wire.concat(), opener(), Vec::new());
        for mut piece in wire.chunks(7) {
            assert_eq!(opener.end_of_input(), Err(LinkError::Truncated));
            while let Opened::Data(data) = opener.open(&mut piece).expect("it goes on") {
                read.extend_from_slice(data);
                assert_eq!(opener.end_of_input(), Err(LinkError::Truncated), "not all was taken");
                opener.consume(usize::MAX);
            }
        }
        assert_eq!((opener.end_of_input(), read), (Ok(()), plaintexts.concat()));
    }
}

proptest! {
    #[test]
    fn what_is_sealed_in_any_parts_is_opened_in_any_pieces(
        writes in vec(vec(vec(any::<u8>(), 0..3000), 0..4), 0..8),
        sends in vec(1_usize..5000, 1..10),
        pieces in vec(1_usize..6000, 1..10),
    ) {
        let mut link = Link::new();
        let (mut wire, mut sends) = (Vec::new(), sends.into_iter().cycle());
        let mut send = |sealer: &mut Sealer| {
            let n = sends.next().unwrap_or(1).min(sealer.pending().len());
            wire.extend_from_slice(&sealer.pending()[..n]);
            sealer.advance(n);
        };
        for parts in &writes {
            let whole = parts.concat();
            let mut rest = &whole[..];
            let mut n = link.client.1.seal_parts(parts.iter().map(|part| &part[..])).expect("good keys");
            loop {
                rest = &rest[n..];
                if rest.is_empty() {
                    break;
                }
                send(&mut link.client.1);
                n = link.client.1.seal(rest).expect("good keys");
            }
        }
        link.client.1.end().expect("good keys");
        while !link.client.1.pending().is_empty() {
            send(&mut link.client.1);
        }
        let mut rest = &wire[..];
        let cut = pieces.into_iter().cycle().map_while(|n| {
            let piece;
            (piece, rest) = rest.split_at(n.min(rest.len()));
            Some(piece).filter(|piece| !piece.is_empty())
        });
        prop_assert_eq!(open(&mut link.server.0, cut), (writes.concat().concat(), Ok(())));
    }

    #[test]
    fn bytes_that_nobody_sealed_open_nothing(wire in vec(any::<u8>(), 0..6000), valid in any::<bool>()) {
        let wire = if valid { framed(&wire[..wire.len().min(MAX_MESSAGE)]) } else { wire };
        let (plaintext, result) = open(&mut Link::new().server.0, wire.chunks(1000));
        prop_assert!(plaintext.is_empty() && result.is_err());
        let keys = [key()];
        let mut server = our_server(&keys);
        let _ = server.read(&mut &[&PROLOGUE[..], &wire].concat()[..]);
        let mut client = our_client();
        let _ = client.read(&mut &wire[..]);
        prop_assert!(!server.is_done() && !client.is_done());
    }
}
