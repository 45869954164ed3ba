//! The file service against the RAM disk: a frame of JSON, then, where it announces content, exactly that many
//! unframed bytes. Ordinary peers put and get files here as they do with a host.
//!
//! ```text
//! put  {"op":"put","name":"a.bin","size":5} h e l l o         -> {"ok":true,"size":5,"sha256":"2cf2…"}
//! get  {"op":"get","name":"a.bin"}    -> {"ok":true,"size":5} h e l l o {"ok":true,"sha256":"2cf2…"}
//! ls   {"op":"ls","after":""}         -> {"ok":true,"files":[{"name":"a.bin","size":5}],"more":false}
//! ```
//!
//! A partial file is not kept here, so a resumed put begins at 0, and so does a resumed get; which peers know
//! how to take.

use core::fmt::{self, Write};

use ringframe::{EncodeError, FrameWriter};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::disk::{Disk, DiskError, FILES, NAME, Reading, Upload};
use crate::{Fault, OUTGOING, RING, Receiver, Sender, Wire, log_frame};

/// Room that an answer finds before a request is taken, bytes. Only a list is larger, and it is cut.
const ANSWER: usize = 256;

/// Room for a list, bytes.
const LIST: usize = OUTGOING / 2;

/// Where a connection is in its conversation.
#[derive(Default)]
enum State {
    /// A request comes next.
    #[default]
    Request,
    /// A peer that wants to resume was told where; its answer comes next.
    Offset(Put),
    /// The content of a file comes next.
    Content(Put),
    /// A frame with the hash of the content comes next.
    Trailer(Put),
    /// The content of a file goes out.
    Sending(Get),
}

struct Put {
    upload: Upload,
    left: u64,
    hash: Sha256,
    /// What the content's hash must be.
    expected: Option<Hash>,
    trailer: bool,
}

struct Get {
    reading: Reading,
    left: u64,
    hash: Sha256,
}

/// A connection of the file service.
#[derive(Default)]
pub struct Session {
    state: State,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Kind {
    /// No file has that name.
    NotFound,
    /// A file has that name.
    Exists,
    /// Such a name is not allowed.
    Forbidden,
    /// It does not fit.
    NoSpace,
    /// The content's hash is another than was announced.
    Integrity,
    /// Another peer is sending a file of that name.
    Busy,
    /// It is not a request of this protocol.
    BadRequest,
}

impl Kind {
    /// As on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::Forbidden => "forbidden",
            Self::NoSpace => "no-space",
            Self::Integrity => "integrity",
            Self::Busy => "busy",
            Self::BadRequest => "bad-request",
        }
    }
}

/// All that a frame of this protocol can hold; which of it is needed depends.
#[derive(Deserialize)]
struct Words {
    op: Option<heapless::String<16>>,
    /// Longer than any name there can be, to tell a long one from nonsense.
    name: Option<heapless::String<RING>>,
    size: Option<u64>,
    sha256: Option<Hash>,
    offset: Option<u64>,
    after: Option<heapless::String<RING>>,
    #[serde(default)]
    trailer: bool,
    #[serde(default)]
    resume: bool,
    #[serde(default)]
    overwrite: bool,
}

impl Session {
    pub(crate) fn is_receiving(&self) -> bool {
        matches!(self.state, State::Offset(_) | State::Content(_) | State::Trailer(_))
    }

    pub(crate) fn is_sending(&self) -> bool {
        matches!(self.state, State::Sending(_))
    }

    /// Gives up a file that is under way, and answers how much of it is missing.
    pub(crate) fn abandon(&mut self, disk: &mut Disk<'_>) -> Option<u64> {
        match core::mem::take(&mut self.state) {
            State::Request => None,
            State::Offset(put) | State::Content(put) | State::Trailer(put) => {
                disk.abort(put.upload);
                Some(put.left)
            }
            State::Sending(get) => Some(get.left),
        }
    }

    pub(crate) fn serve(
        &mut self,
        receiver: &mut Receiver,
        sender: &mut Sender,
        input: &mut &[u8],
        disk: &mut Disk<'_>,
    ) -> Result<(), Fault> {
        loop {
            match &mut self.state {
                State::Content(put) if put.left > 0 => {
                    let max = usize::try_from(put.left).unwrap_or(usize::MAX);
                    let piece = receiver.unframed(input, max);
                    if piece.is_empty() {
                        return Ok(());
                    }
                    put.left -= piece.len() as u64;
                    put.hash.update(piece);
                    disk.write(&mut put.upload, piece);
                }
                State::Sending(get) if get.left > 0 => {
                    let Some(piece) = disk.read(&get.reading, get.left) else {
                        return Err(Fault::Replaced);
                    };
                    let n = sender.push_unframed(piece)?;
                    if n == 0 {
                        return Ok(());
                    }
                    get.hash.update(&piece[..n]);
                    get.left -= n as u64;
                    disk.advance(&mut get.reading, n);
                }
                _ if sender.free() < ANSWER.max(LIST) => return Ok(()),
                _ => {
                    if !self.turn(receiver, sender, input, disk)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// One step between contents; `false`: it needs more input.
    fn turn(
        &mut self,
        receiver: &mut Receiver,
        sender: &mut Sender,
        input: &mut &[u8],
        disk: &mut Disk<'_>,
    ) -> Result<bool, Fault> {
        match core::mem::take(&mut self.state) {
            State::Sending(get) => {
                answer(sender, format_args!(r#"{{"ok":true,"sha256":"{}"}}"#, Hash::of(get.hash)))?;
            }
            State::Content(put) if put.trailer => self.state = State::Trailer(put),
            State::Content(put) => complete(put, sender, disk)?,
            state => {
                let frame = match receiver.next_frame(input) {
                    Ok(Some(frame)) => frame,
                    nothing => {
                        // What was under way is not to be forgotten: somebody has to give it up.
                        self.state = state;
                        return Ok(nothing.map(|_| false)?);
                    }
                };
                log_frame("files", frame.len() as u64);
                match (state, words(frame.payload())) {
                    (State::Offset(put), Some(Words { offset: Some(0), .. })) => {
                        self.state = State::Content(put);
                    }
                    (State::Trailer(mut put), Some(Words { sha256: Some(hash), .. })) => {
                        if *put.expected.get_or_insert(hash) != hash {
                            disk.abort(put.upload);
                            let why = format_args!("the hashes before and behind the content differ");
                            return Err(refuse(sender, Kind::Integrity, why));
                        }
                        complete(put, sender, disk)?;
                    }
                    (State::Request, Some(words)) => self.request(&words, sender, disk)?,
                    (State::Offset(put) | State::Trailer(put), _) => {
                        disk.abort(put.upload);
                        return Err(refuse(sender, Kind::BadRequest, format_args!("not what was agreed")));
                    }
                    (_, _) => {
                        let why = format_args!("not a JSON object with members as they should be");
                        return Err(refuse(sender, Kind::BadRequest, why));
                    }
                }
            }
        }
        Ok(true)
    }

    fn request(&mut self, words: &Words, sender: &mut Sender, disk: &mut Disk<'_>) -> Result<(), Fault> {
        let name = words.name.as_deref();
        match (words.op.as_deref(), name, words.size) {
            (Some("put"), Some(name), Some(size)) => {
                let upload = match disk.create(name, size, words.overwrite) {
                    Ok(upload) => upload,
                    // The content follows all the same, so this is the end.
                    Err(error) => return Err(refuse_for(sender, error)),
                };
                let expected = words.sha256;
                let put = Put { upload, left: size, hash: Sha256::new(), expected, trailer: words.trailer };
                if words.resume {
                    let none = Hash::of(Sha256::new());
                    self.state = State::Offset(put);
                    return answer(sender, format_args!(r#"{{"ok":true,"offset":0,"sha256":"{none}"}}"#));
                }
                self.state = State::Content(put);
                Ok(())
            }
            (Some("get"), Some(name), _) => {
                let reading = match disk.open(name) {
                    Ok(reading) => reading,
                    Err(error) => return tell(refuse_for(sender, error)),
                };
                let size = reading.size();
                let offset = if words.offset.is_some() { r#","offset":0"# } else { "" };
                answer(sender, format_args!(r#"{{"ok":true,"size":{size}{offset}}}"#))?;
                self.state = State::Sending(Get { reading, left: u64::from(size), hash: Sha256::new() });
                Ok(())
            }
            (Some("ls"), _, _) => list(sender, disk, words.after.as_deref().unwrap_or_default()),
            (Some("put"), _, _) => {
                Err(refuse(sender, Kind::BadRequest, format_args!("a put has a name and a size")))
            }
            _ => {
                tell(refuse(sender, Kind::BadRequest, format_args!("there are put, get with a name, and ls")))
            }
        }
    }
}

/// All of a file's content is there.
fn complete(put: Put, sender: &mut Sender, disk: &mut Disk<'_>) -> Result<(), Fault> {
    let hash = Hash::of(put.hash);
    if put.expected.is_some_and(|expected| expected != hash) {
        disk.abort(put.upload);
        return tell(refuse(sender, Kind::Integrity, format_args!("the content's SHA-256 is {hash}")));
    }
    let size = disk.commit(put.upload);
    answer(sender, format_args!(r#"{{"ok":true,"size":{size},"sha256":"{hash}"}}"#))
}

/// The files behind `after`, as many as there is room for.
fn list(sender: &mut Sender, disk: &Disk<'_>, after: &str) -> Result<(), Fault> {
    // Room for a name in which every byte is escaped, and what goes around it.
    let mut entry = [0; NAME * 6 + 2];
    let mut after = after;
    let mut frame = Json(sender.begin(&[])?);
    frame.text(format_args!(r#"{{"ok":true,"files":["#))?;
    let mut comma = "";
    let more = loop {
        let Some((name, size)) = disk.next_name(after) else { break false };
        let quoted = serde_json_core::to_slice(name, &mut entry).unwrap_or(0);
        let quoted = core::str::from_utf8(&entry[..quoted]).unwrap_or_default();
        if frame.0.written() + quoted.len() + 64 > LIST {
            break true;
        }
        frame.text(format_args!(r#"{comma}{{"name":{quoted},"size":{size}}}"#))?;
        comma = ",";
        after = name;
    };
    frame.text(format_args!(r#"],"more":{more}}}"#))?;
    Ok(frame.0.publish()?)
}

/// Tells the peer why its request is refused, and answers the fault that this is where what follows can't be
/// understood.
fn refuse(sender: &mut Sender, kind: Kind, why: fmt::Arguments<'_>) -> Fault {
    let told = answer(sender, format_args!(r#"{{"ok":false,"kind":"{}","error":"{why}"}}"#, kind.name()));
    told.err().unwrap_or(Fault::Refused(kind))
}

fn refuse_for(sender: &mut Sender, error: DiskError) -> Fault {
    match error {
        DiskError::NotFound => refuse(sender, Kind::NotFound, format_args!("no file has that name")),
        DiskError::Exists => refuse(sender, Kind::Exists, format_args!("a file has that name")),
        DiskError::Name => refuse(
            sender,
            Kind::Forbidden,
            format_args!("a name is one path component of 1 to {NAME} bytes without control characters"),
        ),
        DiskError::Busy => {
            refuse(sender, Kind::Busy, format_args!("another peer is sending a file of that name"))
        }
        DiskError::Full { free } => refuse(sender, Kind::NoSpace, format_args!("{free} bytes are free")),
        DiskError::TooManyFiles => {
            refuse(sender, Kind::NoSpace, format_args!("there are {FILES} files already"))
        }
    }
}

/// A refusal after which the link is still in step.
fn tell(fault: Fault) -> Result<(), Fault> {
    match fault {
        Fault::Refused(_) => Ok(()),
        fault => Err(fault),
    }
}

fn answer(sender: &mut Sender, text: fmt::Arguments<'_>) -> Result<(), Fault> {
    let mut frame = Json(sender.begin(&[])?);
    frame.text(text)?;
    Ok(frame.0.publish()?)
}

/// Text written into a frame.
struct Json<'e>(FrameWriter<'e, Wire, [u8; OUTGOING]>);

impl Json<'_> {
    fn text(&mut self, text: fmt::Arguments<'_>) -> Result<(), Fault> {
        // The formatting machinery has no error of its own to hand on.
        self.write_fmt(text).map_err(|_| Fault::Answer(EncodeError::Serialize))
    }
}

impl Write for Json<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

/// How deep a request can be nested; nothing in it needs to be. The parser calls itself for each level, and what
/// it could take is the stack's size.
const DEPTH: usize = 8;

/// Whether brackets are nested no deeper than that.
fn is_shallow(json: &[u8]) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => depth += 1,
            b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            return false;
        }
    }
    true
}

/// The words of a frame, unless it holds something else than one JSON object.
fn words(json: &[u8]) -> Option<Words> {
    if !is_shallow(json) {
        return None;
    }
    let mut unescaped = [0; RING];
    let (words, used) = serde_json_core::from_slice_escaped(json, &mut unescaped).ok()?;
    json.get(used..)?.iter().all(u8::is_ascii_whitespace).then_some(words)
}

/// A SHA-256, in hexadecimal on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash([u8; 32]);

impl Hash {
    fn of(hash: Sha256) -> Self {
        Self(hash.finalize().into())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        let text = text.as_bytes();
        if text.len() != 2 * hash.len() {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.chunks_exact(2)) {
            for digit in digits {
                *byte = *byte << 4 | char::from(*digit).to_digit(16)? as u8;
            }
        }
        Some(Self(hash))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = heapless::String::<64>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not a SHA-256"))
    }
}
