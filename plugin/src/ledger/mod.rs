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
//! Which files belong in it is decided by `plan` and the flows; where the bytes go, by the host.

use crate::fingerprint::Fingerprint;
use crate::names::NewNames;
use crate::order;
use crate::path::RepoPath;
use crate::sorted::{Map, Set};
use crate::tree::{Entry, Tree};
use coding::checksum;
use index::Index;
use marks::{Before, Marks};
use names::Names;
use part::Part;
use shard::{Encoder, each_file, shard_key, shard_of};
use since::Since;
use std::collections::BTreeMap;

mod coding;
mod index;
mod mark;
mod marks;
mod names;
mod part;
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

    /// The commit and the selection, and the files of no path: [`Ledger::load`] reads those. None where nothing is known of the
    /// workspace.
    pub fn open_part<E: From<LedgerError>>(
        mut get: impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<Option<Self>, E> {
        let Some(stored) = get(INDEX_KEY)? else { return Ok(None) };
        let index = Index::decode(&stored.bytes)?;
        let Some(kept) = get(SINCE_KEY)? else { return Ok(None) };
        let Some(since) = Since::decode(&kept.bytes, &stored.bytes) else { return Ok(None) };
        let mut ledger = Ledger { head: index.head, selection: index.selection, ..Ledger::default() };
        ledger.index_version = stored.version;
        ledger.shards = index.checksums.into_iter().map(|checksum| Shard { version: 0, checksum }).collect();
        ledger.unsaved.clear();
        ledger.part = Some(Part { elsewhere: since.files, since, version: kept.version, ..Part::default() });
        Ok(Some(ledger))
    }

    /// Reads what a ledger that was opened in part has at these paths, too. Does nothing to one that holds all.
    pub fn load<E: From<LedgerError>>(
        &mut self,
        paths: Vec<RepoPath>,
        mut get: impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<(), E> {
        let Some(part) = &self.part else { return Ok(()) };
        let paths = paths.into_iter().filter(|path| !part.paths.contains(path));
        let wanted: Set<(usize, RepoPath)> = paths.map(|path| (shard_of(&path, self.shards.len()), path)).collect();
        let wanted: Vec<_> = wanted.iter().collect();
        for wanted in wanted.chunk_by(|one, other| one.0 == other.0) {
            let number = wanted[0].0;
            self.read_shard(number, &mut get)?;
            let mut sought = wanted.iter().map(|(_, path)| path).peekable();
            self.take_out(number, &mut |path, _| {
                while sought.next_if(|next| next.as_str() < path).is_some() {}
                sought.next_if(|next| next.as_str() == path).is_some()
            })?;
            self.part.iter_mut().for_each(|part| part.paths.extend(wanted.iter().map(|(_, path)| path.clone())));
        }
        Ok(())
    }

    /// Reads the marks of everything. False: they are lost.
    pub fn load_known<E>(&mut self, get: impl FnOnce(&str) -> Result<Option<Stored>, E>) -> Result<bool, E> {
        let Some(part) = &mut self.part else { return Ok(false) };
        part.marks = part.since.marks(get(MARKS_KEY)?);
        Ok(part.marks.is_some())
    }

    /// The same as [`Ledger::load`] for the paths at which files have these marks, wherever that is. They are in ascending order, and
    /// those of names count for nothing. False: one is of no file, or the marks were not read.
    pub fn load_marked<E: From<LedgerError>>(
        &mut self,
        marks: &[u64],
        mut get: impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<bool, E> {
        let Some(part) = &self.part else { return Ok(true) };
        let here: Set<u64> = part.replaced.iter().map(|(_, number)| *number).collect();
        let is_unknown = |number: &u64| !Mark::from_number(*number).is_of_name() && !here.contains(number);
        let unknown: Vec<u64> = marks.iter().copied().filter(is_unknown).collect();
        let mut missing = unknown.len();
        for number in 0..self.shards.len() {
            let Some(part) = self.part.as_ref().filter(|_| missing > 0) else { break };
            let is_wanted = |mark: &u64| part.marks.as_ref().is_some_and(|marks| marks.is_of_shard(*mark, number));
            let wanted: Vec<u64> = unknown.iter().copied().filter(is_wanted).collect();
            if wanted.is_empty() {
                continue;
            }
            self.read_shard(number, &mut get)?;
            let before = self.marks.len();
            self.take_out(number, &mut |_, mark| {
                mark.is_some_and(|mark| wanted.binary_search(&mark.number()).is_ok())
            })?;
            missing = missing.saturating_sub(self.marks.len() - before);
        }
        Ok(missing == 0)
    }

    /// Whether a file might be in the way of one at a path that was not asked for, or of its folders: a file that comes to one of the
    /// `new` paths, or one that comes back to what is there. True also where that is not known.
    pub fn may_clash<E>(
        &mut self,
        new: Vec<&RepoPath>,
        back: Vec<&RepoPath>,
        get: impl FnOnce(&str) -> Result<Option<Stored>, E>,
    ) -> Result<bool, E> {
        let Some(part) = self.part.as_mut().filter(|_| new.len() + back.len() > 0) else { return Ok(false) };
        let names = part.names(get)?;
        Ok(names.is_none_or(|names| names.may_clash(&NewNames::new(new)) || !names.are_alone(&NewNames::new(back))))
    }

    /// Whether files at all paths that were asked for would need more shards, which takes a ledger that holds all.
    pub fn is_crowded(&self) -> bool {
        self.part.as_ref().is_some_and(|part| part.elsewhere + part.paths.len() > self.shards.len() * FULL_SHARD)
    }

    fn read_shard<E: From<LedgerError>>(
        &mut self,
        number: usize,
        get: impl FnOnce(&str) -> Result<Option<Stored>, E>,
    ) -> Result<(), E> {
        let Some(part) = self.part.as_mut().filter(|part| !part.read.contains_key(&number)) else { return Ok(()) };
        let key = shard_key(number);
        let stored = get(&key)?.ok_or_else(|| LedgerError::Missing(key.clone()))?;
        let shard = &mut self.shards[number];
        if checksum(&stored.bytes) != shard.checksum {
            return Err(LedgerError::Damaged(key).into());
        }
        shard.version = stored.version;
        part.read.insert(number, stored.bytes);
        Ok(())
    }

    /// Puts the files of a shard that are wanted into the maps.
    fn take_out(
        &mut self,
        number: usize,
        is_wanted: &mut dyn FnMut(&str, Option<Mark>) -> bool,
    ) -> Result<(), LedgerError> {
        let Some(part) = &mut self.part else { return Ok(()) };
        each_file(&shard_key(number), part.read.get(&number).expect("it was read just before"), |path, entry, mark| {
            if is_wanted(path, mark) {
                let path = RepoPath::parse(path).ok()?;
                self.marks.extend(mark.map(|mark| (path.clone(), mark)));
                part.replaced.extend(mark.map(|mark| (number, mark.number())));
                part.elsewhere = part.elsewhere.checked_sub(1)?;
                part.former.insert(path.clone());
                part.paths.insert(path.clone());
                self.files.insert(path, entry);
            }
            Some(())
        })
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

    /// What to commit, all at once. If that fails, this ledger is of no more use: open it again.
    pub fn save(&mut self) -> Vec<Write> {
        self.make_room();
        let mut writes = Vec::with_capacity(self.unsaved.len() + 2);
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

    /// The same where both sides are equal, with the marks and the names of all that the workspace holds: of the files here, and of
    /// `others` that are not synced. `gone` are marks of such files that are there no more.
    ///
    /// None are kept unless every file of the base has one: of a file without, that is neither there nor missed, nobody would tell
    /// that it is gone.
    pub fn save_with_marks<E>(
        &mut self,
        others: &[RepoPath],
        gone: &[Mark],
        mut get: impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<Vec<Write>, E> {
        let mut writes = self.save();
        if self.marks.len() != self.files.len() {
            return Ok(writes);
        }
        let (names, marks) = (self.name_edits(others, &mut get)?, self.mark_edits(others, gone));
        let Some((mut since, whole)) = self.since(names, marks, &mut get)? else { return Ok(writes) };
        since.files = self.files.len() + self.elsewhere();
        let version = match &self.part {
            Some(part) => part.version,
            None => get(SINCE_KEY)?.map_or(0, |kept| kept.version),
        };
        let index = writes.last().map_or(&[][..], |index| &index.bytes);
        let written = since.write(index, version);
        writes.extend(whole.into_iter().chain([written]));
        if let Some(part) = &mut self.part {
            let shards = self.shards.len();
            let marks = self.marks.iter().map(|(path, mark)| (shard_of(path, shards), mark.number()));
            part.saved(since, &self.files, marks.collect());
        }
        Ok(writes)
    }

    /// What is known of the workspace with these edits, and what to commit of marks and names: both, where everything was looked at or
    /// the edits are many. None: the marks are lost.
    fn since<E>(
        &self,
        names: Option<Vec<(u64, bool)>>,
        marks: Vec<(usize, u64, bool)>,
        get: &mut impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<Option<(Since, Vec<Write>)>, E> {
        let mut whole = || -> Result<_, E> {
            let kept = [get(MARKS_KEY)?, get(NAMES_KEY)?];
            Ok((kept.each_ref().map(|kept| Before::of(kept.as_ref())), kept))
        };
        let Some(part) = &self.part else {
            let (before, _) = whole()?;
            let names = names.map(|names| Names::none().changed(names));
            return Ok(Some(Since::these(&Marks::of_shards(self.shards.len()).changed(marks), names, before)));
        };
        let since = part.since.and(names, marks);
        if !since.is_long() {
            return Ok(Some((since, Vec::new())));
        }
        let (before, [marks, names]) = whole()?;
        Ok(since.marks(marks).map(|marks| Since::these(&marks, since.names(names), before)))
    }

    /// Each with its group: the shard, and a last one for names.
    fn mark_edits(&self, others: &[RepoPath], gone: &[Mark]) -> Vec<(usize, u64, bool)> {
        let shards = self.shards.len();
        let come = self.marks.iter().map(|(path, mark)| (shard_of(path, shards), mark.number(), true));
        let others = others.iter().map(|path| (shards, Mark::of_name(path).number(), true));
        let gone = gone.iter().map(|mark| (shards, mark.number(), false));
        let replaced = self.part.iter().flat_map(|part| &part.replaced).map(|(shard, number)| (*shard, *number, false));
        come.chain(others).chain(gone).chain(replaced).collect()
    }

    /// None: the names are not known.
    fn name_edits<E>(
        &mut self,
        others: &[RepoPath],
        get: &mut impl FnMut(&str) -> Result<Option<Stored>, E>,
    ) -> Result<Option<Vec<(u64, bool)>>, E> {
        let (files, none) = (&self.files, Names::none());
        let is_new = |path: &&RepoPath| self.part.as_ref().is_none_or(|part| !part.former.contains(*path));
        let mut come: Vec<&RepoPath> = files.keys().filter(is_new).chain(others).collect();
        order::sort(&mut come);
        let former = self.part.iter().flat_map(|part| part.former.iter());
        let gone: Vec<RepoPath> = former.filter(|path| !files.contains_key(*path)).cloned().collect();
        let names = match &mut self.part {
            None => Some(&none),
            // What goes needs nothing of what is there.
            Some(part) if come.is_empty() => part.since.has_names().then_some(&none),
            Some(part) => part.names(get)?,
        };
        Ok(names.and_then(|names| names.edits(&NewNames::new(gone.iter().collect()), &NewNames::new(come))))
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

    /// Shards only ever become more: to have fewer would save nothing. Where only a part is known, so is not how many there are.
    fn make_room(&mut self) {
        if self.part.is_some() {
            return;
        }
        let needed = (self.files.len() / (FULL_SHARD / 2)).next_power_of_two().min(1 << MAX_BITS);
        if self.files.len() <= self.shards.len() * FULL_SHARD || needed <= self.shards.len() {
            return;
        }
        self.shards.resize(needed, Shard::default());
        self.unsaved = (0..needed).collect();
    }

    /// Those that changed, in one pass over the files.
    fn encode_shards(&self) -> Vec<(usize, Vec<u8>)> {
        let mut members: Map<usize, Vec<Member<'_>>> =
            self.unsaved.iter().map(|number| (*number, Vec::new())).collect();
        let mut marks = self.marks.iter().peekable();
        for (path, entry) in &self.files {
            while marks.next_if(|(marked, _)| *marked < path).is_some() {}
            let mark = marks.next_if(|(marked, _)| *marked == path).map(|(_, mark)| mark);
            if let Some(members) = members.get_mut(&shard_of(path, self.shards.len())) {
                members.push((path, entry, mark));
            }
        }
        members.into_iter().map(|(number, files)| (number, self.encode_shard(number, &files))).collect()
    }

    fn encode_shard(&self, number: usize, files: &[Member<'_>]) -> Vec<u8> {
        let files = files.iter().map(|(path, entry, mark)| (*path, **entry, mark.copied()));
        if let Some(part) = &self.part {
            return part.encode(number, files).expect("it was read when its paths were asked for");
        }
        let mut shard = Encoder::default();
        files.for_each(|(path, entry, mark)| shard.add(path, entry, mark));
        shard.finish()
    }
}

/// A file of a shard that is to be written.
type Member<'l> = (&'l RepoPath, &'l Entry, Option<&'l Mark>);

/// In place and before the map is made, which would sort with a copy.
fn sorted<T>(mut items: Vec<(RepoPath, T)>) -> std::vec::IntoIter<(RepoPath, T)> {
    items.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    items.into_iter()
}
