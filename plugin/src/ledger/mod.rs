//! The base: what both sides had when they last agreed, as it is kept between calls.
//!
//! It is kept in shards, so that saving costs what changed: a path's shard follows from its hash, and there are as many shards
//! as keep each below some hundred files (about 40 kB). An index names the commit and the selection and holds a checksum of
//! every shard, so that a shard which is lost, damaged or left from another time is an error and never an empty one: an empty
//! base would make every deletion a new file. The host commits index and shards together or not at all.
//!
//! Beside each file stands the host's mark of the workspace's file as it was then. As long as the mark is the same, the
//! content is, and is not read again.
//!
//! Which files belong in it is decided by `plan` and the flows; where the bytes go, by the host.

use crate::fingerprint::Fingerprint;
use crate::path::RepoPath;
use crate::tree::{Entry, Mode, Tree};
use coding::{checksum, put_number, put_text, shared_text};
use index::Index;
use shard::{decode_shard, shard_key, shard_of};
use std::collections::{BTreeMap, BTreeSet};

mod coding;
mod index;
mod shard;
#[cfg(test)]
mod tests;
mod walk;

pub use walk::{Known, Walk};

/// Where the index is kept.
pub const INDEX_KEY: &str = "base/index";

/// Of the index and of the shards. A reader refuses any other.
const FORMAT: u8 = 1;
/// Files per shard before there are more shards.
const FULL_SHARD: usize = 512;
/// 4,096 shards: two million files, and an index of 33 kB.
const MAX_BITS: u8 = 12;

const EXECUTABLE: u8 = 1;
const MARKED: u8 = 2;

/// A short digest of the host's opaque mark of a file: two marks of one file are taken for one in 10^19 edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 8]);

/// A value as the host keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The value.
    pub bytes: Vec<u8>,
    /// The host's count of its changes.
    pub version: u64,
}

/// A value to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub key: String,
    /// The value.
    pub bytes: Vec<u8>,
    /// The version that it replaces; 0 for none.
    pub expected: u64,
}

/// Why the base cannot be read. Without it a sync is possible all the same, as the first one is: see [`Ledger::start_over`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Named by the index and not there.
    #[error("`{0}` is missing from the saved state")]
    Missing(String),
    /// Not what was written.
    #[error("`{0}` in the saved state is damaged")]
    Damaged(String),
    /// From another version of this connector.
    #[error("`{key}` in the saved state has format {format}; this version reads format {FORMAT}")]
    Format {
        /// Where.
        key: String,
        /// What it says it is.
        format: u8,
    },
}

/// The base, in memory.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The commit that the files are of; none before the first sync.
    pub head: Option<String>,
    /// The selection that they were synced under.
    pub selection: Option<Fingerprint>,
    files: Tree,
    marks: BTreeMap<RepoPath, Mark>,
    index_version: u64,
    /// A power of two.
    shards: Vec<Shard>,
    unsaved: BTreeSet<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Shard {
    version: u64,
    checksum: [u8; 8],
}

impl Mark {
    /// Of what the host says of a file.
    pub fn of(version: &str) -> Self {
        Mark(checksum(version.as_bytes()))
    }
}

impl Default for Ledger {
    fn default() -> Self {
        let (files, marks) = (Tree::new(), BTreeMap::new());
        let (shards, unsaved) = (vec![Shard::default()], BTreeSet::from([0]));
        Ledger { head: None, selection: None, files, marks, index_version: 0, shards, unsaved }
    }
}

impl Ledger {
    /// Reads what was saved; an empty ledger if nothing was.
    pub fn open<E: From<LedgerError>>(mut get: impl FnMut(&str) -> Result<Option<Stored>, E>) -> Result<Self, E> {
        let Some(stored) = get(INDEX_KEY)? else {
            let is_new = get(&shard_key(0))?.is_none();
            return if is_new { Ok(Ledger::default()) } else { Err(LedgerError::Missing(INDEX_KEY.to_owned()).into()) };
        };
        let index = Index::decode(&stored.bytes)?;
        let mut ledger = Ledger { head: index.head, selection: index.selection, ..Ledger::default() };
        ledger.index_version = stored.version;
        ledger.shards.clear();
        ledger.unsaved.clear();
        let (mut files, mut marks) = (Vec::new(), Vec::new());
        for (number, expected) in index.checksums.into_iter().enumerate() {
            let key = shard_key(number);
            let stored = get(&key)?.ok_or_else(|| LedgerError::Missing(key.clone()))?;
            if checksum(&stored.bytes) != expected {
                return Err(LedgerError::Damaged(key).into());
            }
            decode_shard(&key, &stored.bytes, &mut files, &mut marks)?;
            ledger.shards.push(Shard { version: stored.version, checksum: expected });
        }
        // Collecting packs the nodes of the maps: half the memory of inserting one by one.
        (ledger.files, ledger.marks) = (sorted(files).collect(), sorted(marks).collect());
        Ok(ledger)
    }

    /// The commit and the selection alone, without the files: one value, however many there are.
    pub fn peek<E: From<LedgerError>>(
        get: impl FnOnce(&str) -> Result<Option<Stored>, E>,
    ) -> Result<(Option<String>, Option<Fingerprint>), E> {
        let Some(stored) = get(INDEX_KEY)? else { return Ok((None, None)) };
        let index = Index::decode(&stored.bytes)?;
        Ok((index.head, index.selection))
    }

    /// An empty ledger that can be saved over a damaged one.
    pub fn start_over<E>(mut get: impl FnMut(&str) -> Result<Option<Stored>, E>) -> Result<Self, E> {
        let mut version = |key: &str| get(key).map(|stored| stored.map_or(0, |stored| stored.version));
        let mut ledger = Ledger { index_version: version(INDEX_KEY)?, ..Ledger::default() };
        let versions = (0..1 << MAX_BITS).map(|number| version(&shard_key(number))).collect::<Result<Vec<_>, _>>()?;
        let used = versions.iter().rposition(|version| *version > 0).map_or(1, |last| last + 1).next_power_of_two();
        ledger.shards =
            versions[..used].iter().map(|version| Shard { version: *version, ..Shard::default() }).collect();
        ledger.unsaved = (0..used).collect();
        Ok(ledger)
    }

    /// The files.
    pub fn files(&self) -> &Tree {
        &self.files
    }

    /// To be asked for one path after the other.
    pub fn walk(&self) -> Walk<'_> {
        Walk { ledger: self, files: self.files.iter().peekable(), marks: self.marks.iter().peekable(), passed: None }
    }

    /// Notes what both sides have now, and the mark of the workspace's file if it holds exactly that.
    pub fn set(&mut self, path: &RepoPath, entry: Entry, mark: Option<Mark>) {
        let marked = match mark {
            Some(mark) => self.marks.insert(path.clone(), mark),
            None => self.marks.remove(path.as_str()),
        };
        if self.files.insert(path.clone(), entry) != Some(entry) || marked != mark {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// The same for many files, at once.
    pub fn set_all(&mut self, files: Vec<(RepoPath, Entry, Mark)>) {
        let shards = self.shards.len();
        self.unsaved.extend(files.iter().map(|(path, ..)| shard_of(path, shards)));
        self.files.append(&mut files.iter().map(|(path, entry, _)| (path.clone(), *entry)).collect());
        self.marks.append(&mut files.into_iter().map(|(path, _, mark)| (path, mark)).collect());
    }

    /// Notes that neither side has it, or that it is not synced anymore.
    pub fn remove(&mut self, path: &RepoPath) {
        self.marks.remove(path.as_str());
        if self.files.remove(path.as_str()).is_some() {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// What to commit, all at once. If that fails, this ledger is of no more use: open it again.
    pub fn save(&mut self) -> Vec<Write> {
        self.make_room();
        let mut writes = Vec::with_capacity(self.unsaved.len() + 1);
        for (number, bytes) in self.encode_shards() {
            let shard = &mut self.shards[number];
            shard.checksum = checksum(&bytes);
            writes.push(Write { key: shard_key(number), bytes, expected: shard.version });
            shard.version += 1;
        }
        self.unsaved.clear();
        let checksums = self.shards.iter().map(|shard| shard.checksum).collect();
        let index = Index { head: self.head.clone(), selection: self.selection, checksums };
        writes.push(Write { key: INDEX_KEY.to_owned(), bytes: index.encode(), expected: self.index_version });
        self.index_version += 1;
        writes
    }

    /// Every key that it may occupy, for removing it.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        (0..self.shards.len()).map(shard_key).chain([INDEX_KEY.to_owned()])
    }

    /// Shards only ever become more: to have fewer would save nothing.
    fn make_room(&mut self) {
        let needed = (self.files.len() / (FULL_SHARD / 2)).next_power_of_two().min(1 << MAX_BITS);
        if self.files.len() <= self.shards.len() * FULL_SHARD || needed <= self.shards.len() {
            return;
        }
        self.shards.resize(needed, Shard::default());
        self.unsaved = (0..needed).collect();
    }

    /// Those that changed, in one pass over the files.
    fn encode_shards(&self) -> Vec<(usize, Vec<u8>)> {
        let mut members: BTreeMap<usize, Vec<(&RepoPath, &Entry)>> =
            self.unsaved.iter().map(|number| (*number, Vec::new())).collect();
        for file in &self.files {
            if let Some(members) = members.get_mut(&shard_of(file.0, self.shards.len())) {
                members.push(file);
            }
        }
        members.into_iter().map(|(number, files)| (number, self.encode_shard(&files))).collect()
    }

    /// The format, the number of files, and for each: how much of its path is that of the one before, the rest, flags, blob id
    /// and mark.
    fn encode_shard(&self, files: &[(&RepoPath, &Entry)]) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        put_number(&mut bytes, files.len());
        let mut previous: &str = "";
        for (path, entry) in files {
            let shared = shared_text(previous, path);
            put_number(&mut bytes, shared);
            put_text(&mut bytes, &path.as_bytes()[shared..]);
            let mark = self.marks.get(*path);
            let executable = if entry.mode == Mode::Executable { EXECUTABLE } else { 0 };
            bytes.push(executable | mark.map_or(0, |_| MARKED));
            bytes.extend_from_slice(entry.blob.as_bytes());
            bytes.extend(mark.iter().flat_map(|mark| mark.0));
            previous = path;
        }
        bytes
    }
}

/// In place and before the map is made, which would sort with a copy.
fn sorted<T>(mut items: Vec<(RepoPath, T)>) -> std::vec::IntoIter<(RepoPath, T)> {
    items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    items.into_iter()
}
