//! What every adapter does, tested once for all of them, over a transport that does, call by call, whatever a
//! transport may do.
//!
//! # How an adapter takes part
//! It has a root of its own, `over_*.rs`, which says what differs. Before `mod suite;`:
//! - `wait!(call)`: the result of a call that may wait.
//! - `attempt!(call)`: the same, or `None` if the call is dropped where it waits. A call that returns an error
//!   there instead is never dropped.
//!
//! And anywhere:
//! - `adapter` and `traits`: the modules of the adapter, and of the traits `Read` and `Write`.
//! - The impls of these traits for [`Fake`].
//! - `DIFFERS`: see [`Differs`].
//! - `read_error`, `write_error`: our error in one of a payload's reader or writer.
//! - `kind_of_read_error`, `kind_of_write_error`: what generic code sees of our errors.
//! - `split`, `join`: a link in halves, the writer's over another fake, and together again.
//!
//! Then it adds, by `#[path]`, the parts for what not all ecosystems have:
//!
//! | part | for adapters |
//! |---|---|
//! | `attempts` | with `try_next_frame` |
//! | `closing` | with `close` |
//! | `dropped` | whose calls are futures |
//! | `readiness` | whose transports tell whether they are ready |
//! | `clock` | with a clock |
//! | `clock_of_streams` | with a clock of their own, also for payloads, unframed bytes and writing |

use std::io::{self, ErrorKind};

use ringframe::{Decoder, Encoder, Event, Format};
use ringframe_io::reader::Bare;
use ringframe_io::{ReadError, WriteError};

use crate::adapter::{Framed, Incoming, PayloadReader, PayloadWriter, Reader, Writer};
use crate::traits::{Read as _, Write as _};

/// Reads some bytes of a payload, or unframed ones.
macro_rules! read {
    ($from:expr, $buf:expr) => {
        wait!($from.read($buf)).map_err(crate::read_error)
    };
}

/// Writes some bytes of a payload.
macro_rules! put {
    ($to:expr, $bytes:expr) => {
        wait!($to.write($bytes)).map_err(crate::write_error)
    };
}

/// Runs a test over all streams, or over those whose frames fit the store. Their formats are of several types.
macro_rules! each_stream {
    ($which:ident, |$stream:ident| $body:block) => {
        for $stream in each_stream!(@ $which crate::suite::streams::streams()) $body
        for $stream in each_stream!(@ $which crate::suite::streams::summed_streams()) $body
    };
    (@ all $streams:expr) => { &$streams };
    (@ small $streams:expr) => { $streams.iter().filter(|stream| stream.is_small()) };
}

pub(crate) mod fake;
pub(crate) mod plans;
pub(crate) mod streams;
pub(crate) mod summed;

mod announced;
mod calls;
mod errors;
mod large;
mod lies;
mod links;
#[cfg(feature = "postcard")]
mod messages;
mod reading;
mod recovery;
mod stops;
mod trailers;
mod unframed;
mod writing;

use fake::{Fake, Plan};
use plans::STOPS;
use streams::{Owned, Plain, STORE, Stream};

/// What differs between adapters, and is no fault.
pub(crate) struct Differs {
    /// Which of [`STOPS`] come back as errors. To a task, "would block" is a future that waits.
    pub(crate) seen: &'static [ErrorKind],
    /// How the transport may take a vectored write: more than its first slice, or not.
    pub(crate) vectored: &'static [bool],
    /// Whether the transport's errors have a kind for a stream that was cut off.
    pub(crate) tells_cut_off: bool,
    /// Whether a read can claim more than there is memory.
    pub(crate) lies_beyond_memory: bool,
    /// Whether reading ahead goes on until the store is full, not only while the transport is ready.
    pub(crate) reads_ahead_until_full: bool,
}

pub(crate) use crate::DIFFERS;

pub(crate) type FakeReader<F = Plain> = Reader<Fake, F, [u8; STORE]>;
pub(crate) type FakeWriter<F = Plain> = Writer<Fake, F, [u8; STORE]>;
pub(crate) type FakeLink<F = Plain> = Framed<Fake, F, [u8; STORE]>;
pub(crate) type Payload<'r, F = Plain> = PayloadReader<'r, Bare<Fake>, F, [u8; STORE]>;
pub(crate) type Announced<'w, F = Plain> = PayloadWriter<'w, Fake, F, [u8; STORE]>;

pub(crate) type Reading<T> = Result<T, ReadError<io::Error>>;
pub(crate) type Writing<T> = Result<T, WriteError<io::Error>>;

pub(crate) fn decoder<F: Format>(format: F) -> Decoder<F, [u8; STORE]> {
    Decoder::try_new(format, [0; STORE]).expect("a store that holds a header")
}

pub(crate) fn encoder<F: Format>(format: F) -> Encoder<F, [u8; STORE]> {
    Encoder::try_new(format, [0; STORE]).expect("a store that holds a header")
}

pub(crate) fn fake_reader<F: Format + Copy>(stream: &Stream<F>, plan: Plan) -> FakeReader<F> {
    fake_reader_of(stream, &stream.wire, plan)
}

pub(crate) fn fake_reader_of<F: Format + Copy>(stream: &Stream<F>, wire: &[u8], plan: Plan) -> FakeReader<F> {
    Reader::new(Fake::new(wire, plan), decoder(stream.format))
}

pub(crate) fn fake_writer<F: Format + Copy>(stream: &Stream<F>, plan: Plan) -> FakeWriter<F> {
    Writer::new(Fake::sink(plan), encoder(stream.format))
}

pub(crate) fn fake_link<F: Format + Copy>(stream: &Stream<F>, plan: Plan) -> FakeLink<F> {
    Framed::new(Fake::new(&stream.wire, plan), decoder(stream.format), encoder(stream.format))
}

pub(crate) fn own(frame: ringframe::Frame<'_>) -> Owned {
    (frame.header().to_vec(), frame.payload().to_vec())
}

/// Returns true if the operation can be called again after this error.
pub(crate) fn goes_on(error: &io::Error) -> bool {
    STOPS.contains(&error.kind())
}

/// What came of an attempt to read, or `None` if the transport stopped it: by an error, or because its future
/// was dropped.
#[track_caller]
pub(crate) fn unless_stopped<T>(attempt: Option<Reading<T>>) -> Option<T> {
    match attempt? {
        Ok(value) => Some(value),
        Err(ReadError::Io(error)) if goes_on(&error) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The next frame.
pub(crate) fn next_frame<F: Format>(reader: &mut FakeReader<F>) -> Reading<Option<Owned>> {
    Ok(wait!(reader.next_frame())?.map(own))
}

/// The payload of the next frame, which is larger than the store.
#[track_caller]
pub(crate) fn next_large<F: Format>(reader: &mut FakeReader<F>) -> Payload<'_, F> {
    match wait!(reader.next_incoming()) {
        Ok(Some(Incoming::Large(payload))) => payload,
        _ => panic!("no large frame"),
    }
}

pub(crate) fn read_unframed<F: Format>(reader: &mut FakeReader<F>, buf: &mut [u8]) -> Reading<usize> {
    read!(reader.unframed(), buf)
}

/// Fills a buffer, as far as there is something; what the transport failed with is tried again.
pub(crate) fn fill(buf: &mut [u8], mut read: impl FnMut(&mut [u8]) -> Reading<usize>) -> Reading<usize> {
    let mut at = 0;
    while at < buf.len() {
        match read(&mut buf[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

/// Fills a buffer with the next bytes of a payload.
#[track_caller]
pub(crate) fn fill_from<F: Format>(payload: &mut Payload<'_, F>, buf: &mut [u8]) -> usize {
    fill(buf, |buf| read!(payload, buf)).expect("a payload")
}

/// All frames, to the end. What the transport failed with is tried again.
pub(crate) fn read_frames<F: Format>(reader: &mut FakeReader<F>) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match next_frame(reader) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames of any size, to the end. What the transport failed with is tried again.
pub(crate) fn read_any<F: Format>(reader: &mut FakeReader<F>) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match wait!(reader.next_incoming()) {
            Ok(Some(Incoming::Frame(frame))) => frames.push(own(frame)),
            Ok(Some(Incoming::Large(mut payload))) => {
                let len = payload.left();
                // More room than there is payload: it must not be filled with what follows.
                let mut bytes = vec![0; len as usize + 50];
                let n = fill_from(&mut payload, &mut bytes);
                assert_eq!((payload.left(), n as u64), (0, len));
                bytes.truncate(n);
                frames.push((payload.header().to_vec(), bytes));
            }
            Ok(None) => return frames,
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// All frames of any size, to the end, from events. What the transport failed with is tried again.
pub(crate) fn read_events<F: Format>(reader: &mut FakeReader<F>) -> Vec<Owned> {
    let mut frames = Vec::new();
    loop {
        match wait!(reader.next_event()) {
            Ok(event) if !take_event(&mut frames, event) => return frames,
            Ok(_) => {}
            Err(ReadError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// Adds what an event brings; `false`: it is the end.
pub(crate) fn take_event(frames: &mut Vec<Owned>, event: Option<Event<'_>>) -> bool {
    match event {
        None => return false,
        Some(Event::Frame(frame)) => frames.push(own(frame)),
        Some(Event::Begin { header, .. }) => frames.push((header.to_vec(), Vec::new())),
        Some(Event::Data(piece)) => {
            assert!(!piece.is_empty());
            frames.last_mut().expect("it has begun").1.extend_from_slice(piece);
        }
        Some(Event::End) => {}
    }
    true
}

/// All frames, queued and then sent. What the transport failed with is tried again, as the docs say how.
pub(crate) fn write_all<F: Format>(writer: &mut FakeWriter<F>, stream: &Stream<F>) {
    for (_, payload) in &stream.frames {
        loop {
            match wait!(writer.push_with(stream.fields, &[payload])) {
                Ok(()) => break,
                Err(WriteError::NotQueued(error)) if goes_on(&error) => {}
                Err(WriteError::Io(error)) if goes_on(&error) => {
                    let left = writer.encoder().left() as usize;
                    write_rest(writer, &payload[payload.len() - left..]);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
    flush(writer);
}

/// The missing bytes of a payload.
pub(crate) fn write_rest<F: Format>(writer: &mut FakeWriter<F>, rest: &[u8]) {
    let mut payload = writer.resume();
    assert_eq!(payload.left(), rest.len() as u64);
    write_payload(&mut payload, rest);
}

/// Writes all of these bytes. What the transport failed with is tried again.
pub(crate) fn write_payload<F: Format>(payload: &mut Announced<'_, F>, mut rest: &[u8]) {
    while !rest.is_empty() {
        match put!(payload, rest) {
            Ok(0) => panic!("it takes no more"),
            Ok(n) => rest = &rest[n..],
            Err(WriteError::Io(error)) if goes_on(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn flush<F: Format>(writer: &mut FakeWriter<F>) {
    while let Err(error) = wait!(writer.flush()) {
        assert!(matches!(&error, WriteError::Io(error) if goes_on(error)), "{error}");
    }
}

#[track_caller]
pub(crate) fn assert_sent<F: Format>(writer: &FakeWriter<F>, wire: &[u8], name: &str) {
    assert!(writer.get_ref().out == wire, "{name}: {:?} instead of {wire:?}", writer.get_ref().out);
    assert!(writer.encoder().is_empty(), "{name}: bytes are pending");
    assert_eq!(writer.encoder().left(), 0, "{name}: a payload is under way");
}
