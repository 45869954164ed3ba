//! A folder in which files are read, listed and received, all by operations relative to its descriptor.
//!
//! What a peer names is one component of a path, opened without following a symbolic link: nothing is looked
//! at first and opened afterwards. A file is received in a hidden one beside it, whose name follows from the
//! file's, so that an interrupted transfer finds it again; whoever holds its lock is the one writer of that name. In
//! the end it is synced and gets its name in one step, which can't replace another file unless that is
//! asked for. Everything here blocks.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use sha2::{Digest, Sha256};

use crate::file_wire::{Entry, Kind, Refusal};

/// How long a partial file may wait for its transfer to go on.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest name of a file, as most file systems have it, bytes.
const LONGEST_NAME: usize = 255;

const HIDDEN: &str = ".ringframe-";
const PART: &str = ".part";

/// A folder.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    dir: Arc<Dir>,
}

/// A name that can't mean another place than the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(OsString);

impl Name {
    /// A name that a peer gave.
    pub(crate) fn from_peer(name: &str) -> Result<Self, Refusal> {
        let wrong = if name.is_empty() {
            "a name is not empty".into()
        } else if name.len() > LONGEST_NAME {
            format!("a name has at most {LONGEST_NAME} bytes")
        } else if name.contains(['/', '\\']) {
            "a name is one path component, without a separator".into()
        } else if name.contains(char::is_control) {
            "a name has no control characters".into()
        } else {
            return Self::from_here(OsStr::new(name));
        };
        Err(Refusal::new(Kind::Forbidden, wrong))
    }

    /// A name that the user gave, who may choose odd ones.
    pub(crate) fn from_here(name: &OsStr) -> Result<Self, Refusal> {
        let mut components = Path::new(name).components();
        let one = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
        let wrong = if !one || Path::new(name).file_name() != Some(name) {
            "a name is one path component, and not `.` or `..`"
        } else if name.to_str().is_some_and(is_partial) {
            "this is the name of a partial file"
        } else {
            return Ok(Self(name.into()));
        };
        Err(Refusal::new(Kind::Forbidden, wrong))
    }

    /// The name of the hidden file in which this one is received.
    fn partial(&self) -> String {
        let hash = Sha256::digest(self.0.as_encoded_bytes());
        format!("{HIDDEN}{}{PART}", hex::encode(&hash[..16]))
    }
}

fn is_partial(name: &str) -> bool {
    name.strip_prefix(HIDDEN).is_some_and(|rest| rest.ends_with(PART))
}

impl Store {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(Self { dir: Arc::new(Dir::open_ambient_dir(path, ambient_authority())?) })
    }

    /// Opens a file for reading.
    pub(crate) fn read(&self, Name(name): &Name) -> Result<File, Refusal> {
        let mut options = OpenOptions::new();
        options.read(true);
        let file = self.open_itself(name, &mut options).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::new(Kind::NotFound, "no file has that name"),
            _ => Refusal::io("the file can't be opened", &error),
        })?;
        if !file.metadata().map_err(|error| Refusal::io("the file can't be read", &error))?.is_file() {
            return Err(Refusal::new(Kind::Forbidden, "that is not an ordinary file"));
        }
        Ok(file)
    }

    /// Opens what has that name, if it is not a symbolic link, and without waiting for the other end of a
    /// pipe.
    fn open_itself(&self, name: &OsStr, options: &mut OpenOptions) -> io::Result<File> {
        options.follow(FollowSymlinks::No);
        #[cfg(unix)]
        {
            use cap_std::fs::OpenOptionsExt;
            use rustix::fs::OFlags;
            options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
        }
        Ok(self.dir.open_with(name, options)?.into_std())
    }

    /// Whether a file can get that name: none has it, or an ordinary one that may be replaced. Only the end
    /// decides, this spares a transfer in vain.
    pub(crate) fn check_vacant(&self, Name(name): &Name, replace: bool) -> Result<(), Refusal> {
        match self.dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Refusal::io("the name can't be used", &error)),
            Ok(_) if !replace => Err(exists()),
            Ok(metadata) if metadata.is_file() => Ok(()),
            Ok(_) => Err(Refusal::new(Kind::Forbidden, "what has that name is not an ordinary file")),
        }
    }

    /// How many bytes more fit, if that can be said.
    pub(crate) fn free(&self) -> Option<u64> {
        #[cfg(unix)]
        {
            let stat = rustix::fs::fstatvfs(&*self.dir).ok()?;
            stat.f_bavail.checked_mul(stat.f_frsize)
        }
        #[cfg(not(unix))]
        None
    }

    /// Begins to receive a file, or goes on with it: what came of it before is still there, locked.
    pub(crate) fn partial(&self, name: &Name) -> Result<Partial, Refusal> {
        let hidden = name.partial();
        let cannot = |error| Refusal::io("a partial file can't be opened", &error);
        // Once more, where another writer made an end of the file between its opening and its locking.
        for _ in 0..100 {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true);
            let file = self.open_itself(OsStr::new(&hidden), &mut options).map_err(cannot)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
            if !self.is_still(&hidden, &file).map_err(cannot)? {
                continue;
            }
            if has_other_names(&file).map_err(cannot)? {
                // A completion that was cut short, or a trap: writing here would change another file.
                self.dir.remove_file(&hidden).map_err(cannot)?;
                continue;
            }
            let (dir, name) = (Arc::clone(&self.dir), name.clone());
            return Ok(Partial { dir, file, hidden: Some(hidden), name });
        }
        Err(Refusal::new(Kind::Busy, "a file of that name is being received"))
    }

    /// Whether a file that was opened by that name still has it.
    fn is_still(&self, name: &str, file: &File) -> io::Result<bool> {
        let there = match self.dir.symlink_metadata(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            there => there?,
        };
        #[cfg(unix)]
        {
            use cap_std::fs::MetadataExt as _;
            use std::os::unix::fs::MetadataExt as _;
            let opened = file.metadata()?;
            Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino()))
        }
        #[cfg(not(unix))]
        {
            // What is open can't be renamed or removed there.
            let _ = file;
            Ok(there.is_file())
        }
    }

    /// The ordinary files with names behind `after`, in order, as many as their JSON fits into `room` bytes, and
    /// whether there are more. What can't be asked for is not listed.
    pub(crate) fn list(&self, after: &str, room: usize) -> io::Result<(Vec<Entry>, bool)> {
        /// What JSON needs around a name, and for the largest size.
        const AROUND: usize = r#"{"name":,"size":18446744073709551615},"#.len();
        // The first names so far, each with what it takes.
        let mut first = BTreeMap::new();
        let (mut taken, mut more) = (0, false);
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.as_str() <= after || !entry.file_type()?.is_file() || Name::from_peer(&name).is_err() {
                continue;
            }
            let size = serde_json::to_string(&name).map_or(0, |json| json.len()) + AROUND;
            taken += size;
            first.insert(name, size);
            while taken > room
                && let Some((_, size)) = first.pop_last()
            {
                taken -= size;
                more = true;
            }
        }
        let mut files = Vec::new();
        for name in first.into_keys() {
            // It may be gone, or something else by now.
            match self.dir.symlink_metadata(&name) {
                Ok(metadata) if metadata.is_file() => files.push(Entry { name, size: metadata.len() }),
                _ => {}
            }
        }
        Ok((files, more))
    }

    /// Removes partial files with which nobody went on for a day, and answers how many.
    pub(crate) fn sweep(&self) -> io::Result<usize> {
        let mut removed = 0;
        for entry in self.dir.entries()? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if is_partial(&name) && self.is_stale(&name).unwrap_or(false) {
                removed += usize::from(self.dir.remove_file(&name).is_ok());
            }
        }
        Ok(removed)
    }

    fn is_stale(&self, name: &str) -> io::Result<bool> {
        let file = self.open_itself(OsStr::new(name), OpenOptions::new().read(true))?;
        let age = SystemTime::now().duration_since(file.metadata()?.modified()?);
        // Not one that somebody is at; who opens it after this sees that it is gone.
        Ok(age.is_ok_and(|age| age > KEPT) && file.try_lock().is_ok() && self.is_still(name, &file)?)
    }
}

fn has_other_names(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok(file.metadata()?.nlink() > 1)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

fn exists() -> Refusal {
    Refusal::new(Kind::Exists, "a file has that name already")
}

/// A file that is being received. Dropped, what came of it stays for a day, for its transfer to go on.
#[derive(Debug)]
pub(crate) struct Partial {
    dir: Arc<Dir>,
    /// Locked.
    file: File,
    /// Its name so far; `None` once it has another, or none.
    hidden: Option<String>,
    name: Name,
}

impl Partial {
    /// Another handle of it, under the same lock.
    pub(crate) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// How much of it is there.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Makes it visible, all of it on the disk.
    pub(crate) fn commit(mut self, replace: bool) -> Result<(), Refusal> {
        let cannot = |error| Refusal::io("the file can't be completed", &error);
        self.file.sync_all().map_err(cannot)?;
        let Some(hidden) = self.hidden.take() else { return Ok(()) };
        let named = if replace {
            self.dir.rename(&hidden, &self.dir, &self.name.0)
        } else {
            rename_new(&self.dir, &hidden, &self.name.0)
        };
        if let Err(error) = named {
            self.hidden = Some(hidden);
            self.discard();
            return Err(if error.kind() == io::ErrorKind::AlreadyExists { exists() } else { cannot(error) });
        }
        sync_dir(&self.dir).map_err(cannot)
    }

    /// Removes it.
    pub(crate) fn discard(mut self) {
        self.remove();
    }

    fn remove(&mut self) {
        // One that can't be removed is removed with the others after a day.
        let _ = self.hidden.take().map(|hidden| self.dir.remove_file(hidden));
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Nothing is no use to anybody.
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            self.remove();
        }
    }
}

/// Gives a file another name, unless something has that.
fn rename_new(dir: &Dir, from: &str, to: &OsStr) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
            // Not every file system can.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            result => return Ok(result?),
        }
    }
    link_new(dir, from, to)
}

/// The same in two steps, of which the first decides.
fn link_new(dir: &Dir, from: &str, to: &OsStr) -> io::Result<()> {
    dir.hard_link(from, dir, to)?;
    dir.remove_file(from)
}

/// A name is only safe once its folder is.
fn sync_dir(dir: &Dir) -> io::Result<()> {
    #[cfg(unix)]
    {
        use rustix::fs::{Mode, OFlags, fsync, openat};
        // The descriptor at hand is one for paths, which can't be synced.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        fsync(openat(dir, ".", flags, Mode::empty())?)?;
    }
    #[cfg(not(unix))]
    let _ = dir;
    Ok(())
}

#[cfg(test)]
mod tests;
