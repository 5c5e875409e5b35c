//! What a ledger writes: the shards that changed, the index over all of them, and what is known of the workspace beside.

use super::coding::checksum;
use super::index::Index;
use super::marks::{Before, MARKS_KEY, Marks};
use super::names::{NAMES_KEY, Names};
use super::shard::{Encoder, shard_key, shard_of};
use super::since::{SINCE_KEY, Since};
use super::{FULL_SHARD, INDEX_KEY, Ledger, MAX_BITS, Mark, Shard, Stored, Write};
use crate::names::NewNames;
use crate::order;
use crate::path::RepoPath;
use crate::sorted::Map;
use crate::tree::Entry;

impl Ledger {
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
