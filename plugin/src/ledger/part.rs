//! A ledger of which only some paths were asked for: reading these, and leaving the rest as it is.

use super::coding::checksum;
use super::index::Index;
use super::marks::{MARKS_KEY, Marks};
use super::names::{NAMES_KEY, Names};
use super::shard::{Encoder, each_file, shard_key, shard_of};
use super::since::{SINCE_KEY, Since};
use super::{FULL_SHARD, INDEX_KEY, Ledger, LedgerError, Mark, Shard, Stored};
use crate::names::NewNames;
use crate::path::RepoPath;
use crate::sorted::{Map, Set};
use crate::tree::{Entry, Tree};

/// What the maps of such a ledger do not hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    /// Shards that were read, as they were saved.
    pub(super) read: Map<usize, Vec<u8>>,
    /// The paths that were asked for. What is at these, the maps say and the shards no more.
    pub(super) paths: Set<RepoPath>,
    /// Of everything, as it was, with the version of what is kept of that.
    pub(super) since: Since,
    pub(super) version: u64,
    /// Of everything, as it was, once that was asked for.
    pub(super) marks: Option<Marks>,
    pub(super) names: Option<Names>,
    /// The marks that were of the paths asked for, with their shards.
    pub(super) replaced: Vec<(usize, u64)>,
    /// The paths asked for at which there was a file.
    pub(super) former: Set<RepoPath>,
    /// Files at other paths.
    pub(super) elsewhere: usize,
}

impl Ledger {
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
}

impl Part {
    /// The names of everything. None: they are not known.
    pub(super) fn names<E>(
        &mut self,
        get: impl FnOnce(&str) -> Result<Option<Stored>, E>,
    ) -> Result<Option<&Names>, E> {
        if self.names.is_none() {
            self.names = self.since.names(get(NAMES_KEY)?);
        }
        Ok(self.names.as_ref())
    }

    /// Takes note of what a call has saved that goes on with these files.
    pub(super) fn saved(&mut self, since: Since, files: &Tree, marks: Vec<(usize, u64)>) {
        self.since = since;
        self.version += 1;
        (self.marks, self.names) = (None, None);
        self.replaced = marks;
        self.former = files.keys().cloned().collect();
    }

    /// The shard with what the maps say of its paths, both in order.
    pub(super) fn encode<'f>(
        &self,
        number: usize,
        files: impl Iterator<Item = (&'f RepoPath, Entry, Option<Mark>)>,
    ) -> Result<Vec<u8>, LedgerError> {
        let (mut shard, mut files) = (Encoder::default(), files.peekable());
        let mut asked = self.paths.iter().peekable();
        let read = self.read.get(&number).ok_or_else(|| LedgerError::Missing(shard_key(number)))?;
        each_file(&shard_key(number), read, |path, entry, mark| {
            while let Some((path, entry, mark)) = files.next_if(|(next, ..)| next.as_str() < path) {
                shard.add(path, entry, mark);
            }
            while asked.next_if(|asked| asked.as_str() < path).is_some() {}
            if asked.next_if(|asked| asked.as_str() == path).is_none() {
                shard.add(path, entry, mark);
            }
            Some(())
        })?;
        files.for_each(|(path, entry, mark)| shard.add(path, entry, mark));
        Ok(shard.finish())
    }
}
