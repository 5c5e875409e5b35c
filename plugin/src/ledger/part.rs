//! A ledger of which only some paths were asked for: what it needs to read and to save these, and to leave the rest as it is.

use super::marks::Marks;
use super::names::{NAMES_KEY, Names};
use super::shard::{Encoder, each_file};
use super::since::Since;
use super::{LedgerError, Mark, Stored};
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
        let read = self.read.get(&number).ok_or_else(|| LedgerError::Missing(super::shard_key(number)))?;
        each_file(&super::shard_key(number), read, |path, entry, mark| {
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
