//! A RAM disk: blocks of [`BLOCK`] bytes, chained. A file that is being received takes its blocks at once, so
//! that it can't run out of them half-way, and appears under its name when it is complete.

/// Size of a block, bytes.
pub const BLOCK: usize = 1024;

/// Longest name, bytes.
pub const NAME: usize = 64;

/// How many files there can be.
pub const FILES: usize = 16;

/// How many of them can be replaced at the same time.
const REPLACEMENTS: usize = 8;

type Name = heapless::String<NAME>;

/// A block's number, from 1; 0 is none.
pub type Block = u16;

/// The files.
pub struct Disk<'d> {
    blocks: &'d mut [[u8; BLOCK]],
    /// For each block the one behind it, in its file or among the free ones.
    next: &'d mut [Block],
    /// The first of the free blocks that were used before.
    free: Block,
    /// How many of the others were never used: the last ones.
    fresh: usize,
    free_blocks: usize,
    files: [File; FILES + REPLACEMENTS],
    /// Counts files, so that a handle of one that is gone is known as such.
    stamp: u32,
}

struct File {
    name: Name,
    size: u32,
    first: Block,
    stamp: u32,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Vacant,
    /// Being received.
    Partial,
    Visible,
}

const VACANT: File = File { name: Name::new(), size: 0, first: 0, stamp: 0, state: State::Vacant };

/// A file that is being received. It takes room until [`Disk::commit`] or [`Disk::abort`].
#[derive(Debug)]
#[must_use]
pub struct Upload {
    file: usize,
    cursor: Cursor,
}

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    file: usize,
    stamp: u32,
    size: u32,
    cursor: Cursor,
}

#[derive(Debug)]
struct Cursor {
    block: Block,
    /// In the block.
    at: usize,
}

/// Why there is no such file, or can't be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskError {
    /// No file has that name.
    NotFound,
    /// A file has that name, and was not to be replaced.
    Exists,
    /// The name is not one path component of 1 to [`NAME`] bytes without control characters.
    Name,
    /// Another peer is sending a file of that name.
    Busy,
    /// It does not fit.
    Full {
        /// How many bytes would.
        free: u32,
    },
    /// There are as many files as there can be.
    TooManyFiles,
}

impl<'d> Disk<'d> {
    /// An empty disk in memory of whatever content; there are as many blocks as the shorter has, at most
    /// 65,535.
    pub fn new(blocks: &'d mut [[u8; BLOCK]], chain: &'d mut [Block]) -> Self {
        let n = blocks.len().min(chain.len()).min(Block::MAX as usize);
        Self {
            blocks: &mut blocks[..n],
            next: &mut chain[..n],
            free: 0,
            fresh: n,
            free_blocks: n,
            files: [VACANT; FILES + REPLACEMENTS],
            stamp: 0,
        }
    }

    /// How many bytes a file could have.
    pub fn free(&self) -> u32 {
        u32::try_from(self.free_blocks.saturating_mul(BLOCK)).unwrap_or(u32::MAX)
    }

    /// Begins a file of `size` bytes. One that it replaces keeps its room until then.
    ///
    /// # Errors
    /// All but [`DiskError::NotFound`].
    pub fn create(&mut self, name: &str, size: u64, overwrite: bool) -> Result<Upload, DiskError> {
        check(name)?;
        let called = |file: &&File| file.state != State::Vacant && file.name == name;
        for file in self.files.iter().filter(called) {
            match file.state {
                State::Partial => return Err(DiskError::Busy),
                _ if !overwrite => return Err(DiskError::Exists),
                _ => {}
            }
        }
        let full = DiskError::Full { free: self.free() };
        let size = u32::try_from(size).map_err(|_| full)?;
        let blocks = (size as usize).div_ceil(BLOCK);
        if blocks > self.free_blocks {
            return Err(full);
        }
        let others = self.files.iter().filter(|file| file.state != State::Vacant && file.name != name);
        // Two of one name count as one.
        let names = others.filter(|file| !(file.state == State::Partial && self.find(&file.name).is_some()));
        if names.count() >= FILES {
            return Err(DiskError::TooManyFiles);
        }
        let vacant = self.files.iter().position(|file| file.state == State::Vacant);
        let file = vacant.ok_or(DiskError::TooManyFiles)?;
        let mut first = 0;
        for _ in 0..blocks {
            first = self.allocate(first);
        }
        let name = Name::try_from(name).map_err(|_| DiskError::Name)?;
        self.stamp = self.stamp.wrapping_add(1);
        self.files[file] = File { name, size, first, stamp: self.stamp, state: State::Partial };
        Ok(Upload { file, cursor: Cursor { block: first, at: 0 } })
    }

    /// Writes the next bytes; those beyond the size that was announced are dropped.
    pub fn write(&mut self, upload: &mut Upload, mut bytes: &[u8]) {
        while let Some(room) = self.blocks.get_mut(index(upload.cursor.block)) {
            let room = &mut room[upload.cursor.at..];
            let n = room.len().min(bytes.len());
            let (now, later) = bytes.split_at(n);
            room[..n].copy_from_slice(now);
            bytes = later;
            self.step(&mut upload.cursor, n);
            if bytes.is_empty() {
                break;
            }
        }
    }

    /// Makes a file visible, in place of another of the same name, and answers its size.
    pub fn commit(&mut self, upload: Upload) -> u32 {
        let name = self.files[upload.file].name.clone();
        if let Some(old) = self.find(&name) {
            self.remove(old);
        }
        let file = &mut self.files[upload.file];
        file.state = State::Visible;
        file.size
    }

    /// Gives up a file that was being received.
    pub fn abort(&mut self, upload: Upload) {
        self.remove(upload.file);
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`DiskError::Name`], [`DiskError::NotFound`].
    pub fn open(&self, name: &str) -> Result<Reading, DiskError> {
        check(name)?;
        let file = self.find(name).ok_or(DiskError::NotFound)?;
        let File { size, first, stamp, .. } = self.files[file];
        Ok(Reading { file, stamp, size, cursor: Cursor { block: first, at: 0 } })
    }

    /// The next bytes of a file in one piece, at most `max`; empty at its end, `None` if it is not there
    /// any more.
    pub fn read(&self, reading: &Reading, max: u64) -> Option<&[u8]> {
        let file = &self.files[reading.file];
        if file.stamp != reading.stamp || file.state != State::Visible {
            return None;
        }
        let block = self.blocks.get(index(reading.cursor.block));
        let piece = block.map_or(&[][..], |block| &block[reading.cursor.at..]);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Some(piece.get(..max).unwrap_or(piece))
    }

    /// Goes on behind the first `n` bytes of the piece that [`read`](Self::read) gave.
    pub fn advance(&self, reading: &mut Reading, n: usize) {
        self.step(&mut reading.cursor, n);
    }

    /// The file whose name comes next behind `after`, and its size; names are sorted by their bytes.
    pub fn next_name(&self, after: &str) -> Option<(&str, u32)> {
        let visible = self.files.iter().filter(|file| file.state == State::Visible);
        let behind = visible.filter(|file| file.name.as_str() > after);
        behind.min_by(|a, b| a.name.cmp(&b.name)).map(|file| (file.name.as_str(), file.size))
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.files.iter().position(|file| file.state == State::Visible && file.name == name)
    }

    /// Moves on by `n` bytes, at most to the end of the block.
    fn step(&self, cursor: &mut Cursor, n: usize) {
        cursor.at += n;
        if cursor.at >= BLOCK {
            *cursor = Cursor { block: self.behind(cursor.block), at: 0 };
        }
    }

    fn behind(&self, block: Block) -> Block {
        self.next.get(index(block)).copied().unwrap_or(0)
    }

    /// Takes a free block, of which there is one, and chains it in front of `rest`.
    fn allocate(&mut self, rest: Block) -> Block {
        let block = match self.free {
            0 => {
                self.fresh -= 1;
                (self.fresh + 1) as Block
            }
            free => {
                self.free = self.behind(free);
                free
            }
        };
        self.free_blocks -= 1;
        self.next[index(block)] = rest;
        block
    }

    fn remove(&mut self, file: usize) {
        let mut block = self.files[file].first;
        self.files[file] = VACANT;
        while block != 0 {
            let behind = self.behind(block);
            self.next[index(block)] = self.free;
            self.free = block;
            self.free_blocks += 1;
            block = behind;
        }
    }
}

impl Reading {
    /// Size of the file, bytes.
    pub const fn size(&self) -> u32 {
        self.size
    }
}

/// Where a block is; for none, where no block is.
fn index(block: Block) -> usize {
    (block as usize).wrapping_sub(1)
}

fn check(name: &str) -> Result<(), DiskError> {
    let component = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']);
    let plain = !name.contains(char::is_control);
    if component && plain && name.len() <= NAME { Ok(()) } else { Err(DiskError::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn content(seed: usize, size: usize) -> Vec<u8> {
        (0..size).map(|i| (i * 7 + seed * 13 + i / 251) as u8).collect()
    }

    fn store(disk: &mut Disk<'_>, name: &str, bytes: &[u8], overwrite: bool) -> Result<(), DiskError> {
        let mut upload = disk.create(name, bytes.len() as u64, overwrite)?;
        for piece in bytes.chunks(700) {
            disk.write(&mut upload, piece);
        }
        disk.commit(upload);
        Ok(())
    }

    fn load(disk: &Disk<'_>, name: &str) -> Result<Vec<u8>, DiskError> {
        let mut reading = disk.open(name)?;
        let mut bytes = Vec::new();
        while bytes.len() < reading.size() as usize {
            let piece = disk.read(&reading, 300.min(u64::from(reading.size()) - bytes.len() as u64)).unwrap();
            bytes.extend_from_slice(piece);
            let n = piece.len();
            disk.advance(&mut reading, n);
        }
        Ok(bytes)
    }

    #[test]
    fn every_block_can_be_used_and_comes_back() {
        let (mut blocks, mut chain) = ([[0; BLOCK]; 16], [0; 16]);
        let mut disk = Disk::new(&mut blocks, &mut chain);
        for round in 0..20 {
            let bytes = content(round, 16 * BLOCK - round);
            assert_eq!(store(&mut disk, "a", &bytes, false), Ok(()));
            assert_eq!(disk.free(), 0);
            assert_eq!(load(&disk, "a").unwrap(), bytes);
            assert_eq!(store(&mut disk, "b", &[1], false), Err(DiskError::Full { free: 0 }));
            assert_eq!(store(&mut disk, "empty", &[], true), Ok(()));
            let file = disk.find("a").unwrap();
            disk.remove(file);
            assert_eq!(disk.free() as usize, 16 * BLOCK);
        }
    }

    #[test]
    fn names() {
        let (mut blocks, mut chain) = ([[0; BLOCK]; 4], [0; 4]);
        let mut disk = Disk::new(&mut blocks, &mut chain);
        let long = "x".repeat(NAME + 1);
        for name in ["", ".", "..", "a/b", "/", "a\\b", "a\nb", "\u{7f}", "\u{85}", &long] {
            assert_eq!(store(&mut disk, name, b"x", true), Err(DiskError::Name), "{name:?}");
            assert_eq!(disk.open(name).unwrap_err(), DiskError::Name, "{name:?}");
        }
        for name in ["...", " ", "ü", &long[1..]] {
            assert_eq!(store(&mut disk, name, name.as_bytes(), false), Ok(()), "{name:?}");
            assert_eq!(load(&disk, name).unwrap(), name.as_bytes());
        }
    }

    #[test]
    fn a_reader_learns_that_its_file_was_replaced() {
        let (mut blocks, mut chain) = ([[0; BLOCK]; 4], [0; 4]);
        let mut disk = Disk::new(&mut blocks, &mut chain);
        store(&mut disk, "a", &content(1, 1500), false).unwrap();
        let mut reading = disk.open("a").unwrap();
        assert_eq!(disk.read(&reading, 2000).unwrap().len(), BLOCK);
        disk.advance(&mut reading, BLOCK);
        assert_eq!(store(&mut disk, "a", b"new", false), Err(DiskError::Exists));
        let upload = disk.create("a", 3, true).unwrap();
        assert_eq!(disk.create("a", 3, true).unwrap_err(), DiskError::Busy);
        assert!(disk.read(&reading, 2000).is_some(), "not before it is complete");
        disk.commit(upload);
        assert_eq!(disk.read(&reading, 2000), None);
    }

    #[test]
    fn as_many_files_as_there_can_be_can_still_be_replaced() {
        let (mut blocks, mut chain) = ([[0; BLOCK]; 64], [0; 64]);
        let mut disk = Disk::new(&mut blocks, &mut chain);
        for i in 0..FILES {
            assert_eq!(store(&mut disk, &i.to_string(), b"old", false), Ok(()));
        }
        assert_eq!(store(&mut disk, "one more", b"", true), Err(DiskError::TooManyFiles));
        let uploads: Vec<_> =
            (0..REPLACEMENTS).map(|i| disk.create(&i.to_string(), 3, true).unwrap()).collect();
        assert_eq!(disk.create("15", 3, true).unwrap_err(), DiskError::TooManyFiles);
        for mut upload in uploads {
            disk.write(&mut upload, b"new");
            disk.commit(upload);
        }
        assert_eq!(store(&mut disk, "15", b"new", true), Ok(()));
        assert_eq!(
            (load(&disk, "0").unwrap(), load(&disk, "8").unwrap()),
            (b"new".to_vec(), b"old".to_vec())
        );
        assert_eq!(disk.free() as usize, (64 - FILES) * BLOCK);
        // New names that are not complete yet count as well.
        let file = disk.find("15").unwrap();
        disk.remove(file);
        let upload = disk.create("new", 0, false).unwrap();
        assert_eq!(disk.create("newer", 0, false).unwrap_err(), DiskError::TooManyFiles);
        disk.abort(upload);
        assert_eq!(store(&mut disk, "newer", b"", false), Ok(()));
    }

    /// Against a map, with uploads that are given up in between.
    #[test]
    fn random_files_against_a_map() {
        let (mut blocks, mut chain) = ([[0; BLOCK]; 64], [0; 64]);
        let mut disk = Disk::new(&mut blocks, &mut chain);
        let mut map = BTreeMap::<String, Vec<u8>>::new();
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..5000 {
            let name = (b'a' + random(20) as u8) as char;
            let name = name.to_string();
            let bytes = content(round, random(9000) as usize);
            if random(4) == 0 {
                if let Ok(mut upload) = disk.create(&name, bytes.len() as u64, true) {
                    disk.write(&mut upload, &bytes[..bytes.len() / 2]);
                    disk.abort(upload);
                }
                continue;
            }
            let used: usize = map.values().map(|bytes| bytes.len().div_ceil(BLOCK)).sum();
            assert_eq!(disk.free() as usize, (64 - used) * BLOCK);
            match store(&mut disk, &name, &bytes, true) {
                Ok(()) => drop(map.insert(name.clone(), bytes)),
                Err(DiskError::Full { .. }) => {
                    assert!(used + bytes.len().div_ceil(BLOCK) > 64);
                    if let Some(file) = disk.find(&name) {
                        disk.remove(file);
                        map.remove(&name);
                    }
                }
                Err(error) => {
                    assert_eq!((error, map.len()), (DiskError::TooManyFiles, FILES));
                    map.clear();
                    disk = Disk::new(&mut blocks, &mut chain);
                    continue;
                }
            }
            match map.get(&name) {
                Some(bytes) => assert_eq!(&load(&disk, &name).unwrap(), bytes),
                None => assert_eq!(load(&disk, &name), Err(DiskError::NotFound)),
            }
            let mut listed = std::vec![];
            let mut after = String::new();
            while let Some((name, size)) = disk.next_name(&after) {
                listed.push((name.to_string(), size as usize));
                after = name.to_string();
            }
            let expected = map.iter().map(|(name, bytes)| (name.clone(), bytes.len()));
            assert_eq!(listed, expected.collect::<Vec<_>>());
        }
    }
}
