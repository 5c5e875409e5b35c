//! The base: what both sides had when they last agreed, as it is kept between calls.
//!
//! It is kept in shards, so that saving costs what changed: a path's shard follows from its hash, and there are as many shards
//! as keep each below some hundred files (about 20 kB). An index names the commit and the selection and holds a checksum of
//! every shard, so that a shard which is lost, damaged or left from another time is an error and never an empty one: an empty
//! base would make every deletion a new file. The host commits index and shards together or not at all.
//!
//! Beside each file stands a mark of the workspace's file as it was then. As long as the mark is the same, the content is, and
//! is not read again. Where both sides were equal at the end, a ledger is opened in part the next time, for the paths that matter alone
//! (`part`): what such a call costs follows from what changed. The marks of everything that was there are kept together as well
//! (`marks`): with these the host tells what is new. Whether a new name would be in the way of one of the others is told by
//! hashes of these (`names`). What changes of both is kept apart (`since`), so that neither is read or written without need.
//!
//! What a save writes is decided in `saving`; which files belong in the base, by `plan` and the flows; where the bytes go, by the host.

use crate::fingerprint::Fingerprint;
use crate::path::RepoPath;
use crate::sorted::Set;
use crate::tree::{Entry, Tree};
use coding::checksum;
use index::Index;
use part::Part;
use shard::{each_file, shard_key, shard_of};
use std::collections::BTreeMap;

mod coding;
mod index;
mod mark;
mod marks;
mod names;
mod part;
mod saving;
mod seen;
mod shard;
mod since;
#[cfg(test)]
mod tests;
mod walk;

pub use mark::Mark;
pub use marks::MARKS_KEY;
pub use names::NAMES_KEY;
pub use seen::{SEEN_KEY, Seen};
pub use since::SINCE_KEY;
pub use walk::{Known, Walk};

/// Where the index is kept.
pub const INDEX_KEY: &str = "base/index";

/// Of the index and of the shards. A reader refuses any other.
const FORMAT: u8 = 1;
/// Files per shard before there are more shards, half as many each. A file that changes takes its shard along: fewer files to a shard,
/// and each call would read and write a longer index.
const FULL_SHARD: usize = 256;
/// 4,096 shards: a million files, and an index of 33 kB.
const MAX_BITS: u8 = 12;

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
    unsaved: Set<usize>,
    /// None: the maps hold all of it.
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Shard {
    version: u64,
    checksum: [u8; 8],
}

impl Default for Ledger {
    fn default() -> Self {
        let (files, marks) = (Tree::new(), BTreeMap::new());
        let (shards, unsaved) = (vec![Shard::default()], [0].into_iter().collect());
        Ledger { head: None, selection: None, files, marks, index_version: 0, shards, unsaved, part: None }
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
            each_file(&key, &stored.bytes, |path, entry, mark| {
                let path = RepoPath::parse(path).ok()?;
                marks.extend(mark.map(|mark| (path.clone(), mark)));
                files.push((path, entry));
                Some(())
            })?;
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

    /// The files, of the paths that were asked for.
    pub fn files(&self) -> &Tree {
        &self.files
    }

    /// How many there are at paths that were not asked for.
    pub fn elsewhere(&self) -> usize {
        self.part.as_ref().map_or(0, |part| part.elsewhere)
    }

    /// The paths that were asked for; none if that was all.
    pub fn asked(&self) -> impl Iterator<Item = &RepoPath> {
        self.part.iter().flat_map(|part| part.paths.iter())
    }

    /// The mark under which the workspace holds the file of this path.
    pub fn mark(&self, path: &RepoPath) -> Option<Mark> {
        self.marks.get(path).copied()
    }

    /// What the host is to be told as known: [`Mark::number`] of each mark. Empty unless they were read.
    pub fn known(&self) -> &[u64] {
        self.part.as_ref().and_then(|part| part.marks.as_ref()).map_or(&[], |marks| &marks.numbers)
    }

    /// To be asked for one path after the other.
    pub fn walk(&self) -> Walk<'_> {
        Walk { ledger: self, files: self.files.iter().peekable(), marks: self.marks.iter().peekable(), passed: None }
    }

    /// Notes what both sides have now, and the mark of the workspace's file if it holds exactly that.
    ///
    /// # Panics
    ///
    /// If the ledger was opened in part and this path was never asked for: what it holds there would be there twice.
    pub fn set(&mut self, path: &RepoPath, entry: Entry, mark: Option<Mark>) {
        self.expect_asked(path);
        let marked = match mark {
            Some(mark) => self.marks.insert(path.clone(), mark),
            None => self.marks.remove(path.as_str()),
        };
        if self.files.insert(path.clone(), entry) != Some(entry) || marked != mark {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// The same for many files, at once. Panics as [`Ledger::set`].
    pub fn set_all(&mut self, files: Vec<(RepoPath, Entry, Mark)>) {
        files.iter().for_each(|(path, ..)| self.expect_asked(path));
        let shards = self.shards.len();
        self.unsaved.extend(files.iter().map(|(path, ..)| shard_of(path, shards)));
        self.files.append(&mut files.iter().map(|(path, entry, _)| (path.clone(), *entry)).collect());
        self.marks.append(&mut files.into_iter().map(|(path, _, mark)| (path, mark)).collect());
    }

    /// Notes that neither side has it, or that it is not synced anymore.
    ///
    /// # Panics
    ///
    /// As [`Ledger::set`].
    pub fn remove(&mut self, path: &RepoPath) {
        self.expect_asked(path);
        self.marks.remove(path.as_str());
        if self.files.remove(path.as_str()).is_some() {
            self.unsaved.insert(shard_of(path, self.shards.len()));
        }
    }

    /// Every key that it may occupy, for removing it.
    pub fn keys(&self) -> impl Iterator<Item = String> {
        let apart = [INDEX_KEY, SINCE_KEY, MARKS_KEY, NAMES_KEY, SEEN_KEY];
        (0..self.shards.len()).map(shard_key).chain(apart.map(str::to_owned))
    }

    fn expect_asked(&self, path: &RepoPath) {
        let is_asked = self.part.as_ref().is_none_or(|part| part.paths.contains(path));
        assert!(is_asked, "a ledger in part is changed where it was asked for alone");
    }
}

/// In place and before the map is made, which would sort with a copy.
fn sorted<T>(mut items: Vec<(RepoPath, T)>) -> std::vec::IntoIter<(RepoPath, T)> {
    items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    items.into_iter()
}
