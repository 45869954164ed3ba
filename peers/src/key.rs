//! Keys of authenticated links: 32 random bytes, as a line of base64 in a file that nobody but its owner can read.
//!
//! Rules for who changes it: a key is never shown, not even a part of it in an error. Who may read a file is asked of
//! the open descriptor, which can't become another file meanwhile. Opening never waits, whatever lies there.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64ct::{Base64, Encoding};
use ringframe_io::noise::Key;
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{KeyArgs, Keygen};
use crate::failure::{Code, Failure};
use crate::output::Output;
use crate::text::readable_path;

/// Length of its line without the end of it: 4 characters for each 3 bytes.
const LINE: usize = Key::LEN.div_ceil(3) * 4;

/// The most keys of a server, each of which costs a stranger's first message an attempt.
const MOST: usize = 4;

/// `keygen`: a new key in a new file, which is there whole or not at all.
pub(crate) fn generate(args: &Keygen, output: Output) -> Result<(), Failure> {
    let Keygen { file: path } = args;
    let shown = readable_path(path);
    if path.as_os_str() == "-" {
        let why = "a key is not shown, and standard output is for what is: say a FILE";
        return Err(Failure::new(Code::Usage, why));
    }
    let mut key = Zeroizing::new([0; Key::LEN]);
    getrandom::fill(&mut *key)
        .map_err(|error| Failure::new(Code::Other, format!("the system gives no random bytes: {error}")))?;
    write_new(path, &key).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "it exists already, and no key is written over: say another FILE".into()
            }
            _ => format!("can't write it: {error}"),
        };
        Failure::new(Code::Other, format!("{shown}: {why}"))
    })?;
    output.result(&format!("a new key is in {shown}"), || json!({ "key_file": path.to_string_lossy() }))
}

/// Writes a key's file in one step, which can't replace another.
fn write_new(path: &Path, key: &[u8; Key::LEN]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut line = Zeroizing::new([b'\n'; LINE + 1]);
    Base64::encode(key, &mut line[..LINE]).map_err(io::Error::other)?;
    // With mode 0600 from its first moment on.
    let mut file = tempfile::Builder::new().prefix(".ringframe-key-").tempfile_in(folder)?;
    file.write_all(&*line)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// The keys of a server, in the order in which they are tried.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Key>, Failure> {
    if paths.len() > MOST {
        let why = format!("a server takes up to {MOST} keys; {} are given by --key-file", paths.len());
        return Err(Failure::new(Code::Usage, why));
    }
    paths.iter().map(|path| read(path)).collect()
}

impl KeyArgs {
    /// The key of a client, if it has one.
    pub(crate) fn read(&self) -> Result<Option<Key>, Failure> {
        self.key_file.as_deref().map(read).transpose()
    }
}

/// Reads a key.
fn read(path: &Path) -> Result<Key, Failure> {
    let cannot = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "; `ringframe keygen FILE` makes one",
            _ => "",
        };
        Failure::new(Code::Other, format!("can't read the key file {}: {error}{hint}", readable_path(path)))
    };
    let mut file = open(path).map_err(cannot)?;
    check_who_can_read(&file, path)?;
    // One byte more than a key with the longest end of line, to tell that there is more.
    let mut text = Zeroizing::new([0; LINE + 3]);
    let mut length = 0;
    while length < text.len() {
        match file.read(&mut text[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cannot(error)),
        }
    }
    let text = &text[..length];
    let line = text.strip_suffix(b"\n").unwrap_or(text);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut key = Zeroizing::new([0; Key::LEN]);
    match Base64::decode(line, &mut *key) {
        Ok(bytes) if bytes.len() == Key::LEN => Ok(Key::new(*key)),
        _ => {
            let why = if text.is_empty() {
                "it is empty".into()
            } else {
                format!("it is not one line of {LINE} characters of base64, {} bytes", Key::LEN)
            };
            let why =
                format!("{} is no key file: {why}; `ringframe keygen FILE` makes one", readable_path(path));
            Err(Failure::new(Code::Other, why))
        }
    }
}

/// Opens a file for reading, without waiting for a writer where it is a named pipe.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
    }
    options.open(path)
}

/// Refuses what is no ordinary file, and one that others can read or change.
fn check_who_can_read(file: &File, path: &Path) -> Result<(), Failure> {
    let refuse =
        |code, why: &str| Err(Failure::new(code, format!("the key file {} {why}", readable_path(path))));
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return refuse(Code::Other, &format!("can't be looked at: {error}")),
    };
    if !metadata.is_file() {
        return refuse(Code::Other, "is not an ordinary file");
    }
    // Elsewhere a mode does not tell.
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return refuse(
                Code::Policy,
                "is refused: it belongs to another user, who can read and change it",
            );
        }
        let mode = metadata.mode() & 0o777;
        if mode & 0o077 != 0 {
            let why = format!(
                "is refused: others than its owner can get at it (mode {mode:03o}); `chmod 600` it, or make a new \
                 key if they may have read this one"
            );
            return refuse(Code::Policy, &why);
        }
    }
    Ok(())
}
