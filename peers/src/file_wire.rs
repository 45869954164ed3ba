//! The file service's headers, as both sides write and read them: JSON objects, one a frame. What follows
//! a header, and when, is told in `serve::files` and in `transfer`.

use std::fmt;
use std::io;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::failure::Code;

/// Largest frame that holds a header.
pub(crate) const MAX_HEADER_FRAME: usize = crate::wire::RING;

/// What a client may say, in a request and after it; which of it is needed depends. A flat object, so that
/// what is not known is skipped rather than kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// Of the whole content, in a put's header or its trailer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<Hash>,
    /// Where a resumed transfer goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    /// Of what a resumed get has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prefix_sha256: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<String>,
    /// The hash comes in a frame behind the content.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) trailer: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) resume: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) overwrite: bool,
}

/// What a server may say.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Reply {
    pub(crate) ok: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) files: Option<Vec<Entry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) more: Option<bool>,
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self { ok: Some(true), ..Self::default() }
    }
}

impl From<Refusal> for Reply {
    fn from(Refusal { kind, why }: Refusal) -> Self {
        Self { ok: Some(false), kind: Some(kind.name().into()), error: Some(why), ..Self::default() }
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A file of a list.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Why something is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    Exists,
    Forbidden,
    NoSpace,
    Integrity,
    Busy,
    BadRequest,
    Internal,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::NotFound,
        Self::Exists,
        Self::Forbidden,
        Self::NoSpace,
        Self::Integrity,
        Self::Busy,
        Self::BadRequest,
        Self::Internal,
    ];

    /// As on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::Forbidden => "forbidden",
            Self::NoSpace => "no-space",
            Self::Integrity => "integrity",
            Self::Busy => "busy",
            Self::BadRequest => "bad-request",
            Self::Internal => "internal",
        }
    }

    /// One that is not known is a failure all the same.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// How a client that is told so exits.
    pub(crate) const fn code(self) -> Code {
        match self {
            Self::Forbidden => Code::Policy,
            Self::Integrity => Code::Integrity,
            _ => Code::Other,
        }
    }
}

/// A failure to tell, with a sentence for who reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into() }
    }

    /// What the system says of a file, `what` being what could not be done with it.
    pub(crate) fn io(what: &str, error: &io::Error) -> Self {
        use io::ErrorKind as E;
        let kind = match error.kind() {
            E::NotFound => Kind::NotFound,
            E::AlreadyExists => Kind::Exists,
            E::PermissionDenied | E::ReadOnlyFilesystem | E::InvalidFilename => Kind::Forbidden,
            _ if is_link(error) => {
                return Self::new(Kind::Forbidden, "it is a symbolic link, which is not followed");
            }
            // A file too large for its file system, or for the process, is as little use as a full disk.
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => Kind::NoSpace,
            _ => Kind::Internal,
        };
        Self::new(kind, format!("{what}: {error}"))
    }
}

/// Whether a file was not opened because a symbolic link has its name.
fn is_link(error: &io::Error) -> bool {
    #[cfg(unix)]
    return error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    return false;
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A SHA-256, in hexadecimal on the wire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// Of what was hashed so far.
    pub(crate) fn of(hasher: &Sha256) -> Self {
        Self(hasher.clone().finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        match hex::decode_to_slice(&text, &mut hash) {
            Ok(()) => Ok(Self(hash)),
            Err(_) => Err(de::Error::custom("a SHA-256 has 64 hexadecimal digits")),
        }
    }
}

/// A header, unless it is something else than one JSON object; the error is a sentence.
pub(crate) fn from_json<'j, T: Deserialize<'j>>(json: &'j [u8]) -> Result<T, String> {
    // An array would do as well, its elements taken for the fields in their order.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return Err("not a JSON object".into());
    }
    serde_json::from_slice(json).map_err(|error| error.to_string())
}

/// A header as its JSON. Nothing in it can't be written.
pub(crate) fn to_json(header: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(header).expect("its keys are strings")
}

#[cfg(test)]
mod tests {
    use super::{Entry, Hash, Kind, Refusal, Reply, Request, from_json, to_json};
    use crate::failure::Code;

    fn shown(header: &impl serde::Serialize) -> String {
        String::from_utf8(to_json(header)).unwrap()
    }

    #[test]
    fn headers_are_as_documented() {
        let hash: Hash = serde_json::from_str(&format!("\"{}\"", "AB".repeat(32))).unwrap();
        let put = Request {
            op: Some("put".into()),
            name: Some("a.bin".into()),
            size: Some(123),
            trailer: true,
            ..Request::default()
        };
        assert_eq!(shown(&put), r#"{"op":"put","name":"a.bin","size":123,"trailer":true}"#);
        let done = Reply { size: Some(123), sha256: Some(hash), ..Reply::ok() };
        assert_eq!(shown(&done), format!(r#"{{"ok":true,"size":123,"sha256":"{}"}}"#, "ab".repeat(32)));
        let files = Some(vec![Entry { name: "a".into(), size: 5 }]);
        let list = Reply { files, more: Some(false), ..Reply::ok() };
        assert_eq!(shown(&list), r#"{"ok":true,"files":[{"name":"a","size":5}],"more":false}"#);
        let busy = Reply::from(Refusal::new(Kind::Busy, "later"));
        assert_eq!(shown(&busy), r#"{"ok":false,"kind":"busy","error":"later"}"#);
    }

    #[test]
    fn what_is_not_known_is_skipped_and_what_is_wrong_is_not() {
        let request: Request = from_json(br#" {"op":"ls","colour":{"of":["red"]},"after":"b"}"#).unwrap();
        assert_eq!((request.op.as_deref(), request.after.as_deref()), (Some("ls"), Some("b")));
        for wrong in [
            "",
            "[]",
            r#"["put","a",5]"#,
            "7",
            "{",
            r#"{"size":-1}"#,
            r#"{"size":1.5}"#,
            r#"{"size":1e3}"#,
            r#"{"size":18446744073709551616}"#,
            r#"{"name":5}"#,
            r#"{"sha256":"ab"}"#,
            r#"{"op":"ls"} {}"#,
            r#"{"name":"a","name":"b"}"#,
        ] {
            assert!(from_json::<Request>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_kind_has_its_name_and_its_exit_code() {
        for kind in Kind::ALL {
            assert_eq!(Kind::by_name(kind.name()), Some(kind));
        }
        assert_eq!(Kind::by_name("lunch-break"), None);
        assert_eq!(Kind::Forbidden.code(), Code::Policy);
        assert_eq!(Kind::Integrity.code(), Code::Integrity);
        assert_eq!(Kind::NoSpace.code(), Code::Other);
    }
}
