//! The contents that tasks need: what is here is copied, the rest is fetched.
//!
//! Decided here: which way it is fetched. Small files many at once, by their paths, as long as GitLab answers that; the others in a
//! request each. That a content is what its id says is seen to where it is fetched.

use std::borrow::Cow;

use super::{Bytes, Task, Work, needed};
use crate::blob::BlobId;
use crate::error::Error;
use crate::gitlab::blob::{self, Contents};
use crate::gitlab::blobs;
use crate::host::FileError;
use crate::path::RepoPath;
use crate::session;
use crate::sorted::Set;

/// From so many on they are asked for together: fewer, at once, take no longer one by one.
const TOGETHER: usize = 8;

impl Work<'_, '_> {
    /// The first of these tasks, as many as memory has room for, with what they need and how many requests that took. What even one
    /// alone has no room for is fetched piece by piece when its turn comes.
    pub(super) fn contents_for_some<'t>(&mut self, tasks: &'t [Task]) -> Result<(&'t [Task], usize, Contents), Error> {
        let (asked, contents, later) = self.contents(tasks)?;
        let is_whole =
            |task: &&Task| later.is_empty() || !needed(std::slice::from_ref(*task)).iter().any(|id| later.contains(id));
        let whole = tasks.iter().take_while(is_whole).count();
        if whole > 0 {
            return Ok((&tasks[..whole], asked, contents));
        }
        drop(contents);
        let (more, contents, later) = self.contents(&tasks[..1])?;
        let contents = if later.is_empty() { contents } else { Contents::new() };
        Ok((&tasks[..1], asked + more, contents))
    }

    /// What these tasks need, how many requests that took, and what there was no room for.
    fn contents(&mut self, tasks: &[Task]) -> Result<(usize, Contents, Set<BlobId>), Error> {
        let (here, mut missing): (Vec<BlobId>, Vec<BlobId>) =
            needed(tasks).iter().copied().partition(|id| self.is_here(id));
        let (mut contents, gone) = self.copies(&here)?;
        missing.extend(gone);
        let asked = self.fetch_together(tasks, &mut contents)?;
        missing.retain(|id| !contents.contains_key(id));
        let (fetched, later) = blob::fetch_some(&self.session.client, self.session.configuration.project, &missing)?;
        contents.extend(fetched);
        Ok((asked + missing.len(), contents, later))
    }

    /// Asks for what is missing by its paths, and says how many requests that took. What does not come is fetched one by one.
    fn fetch_together(&mut self, tasks: &[Task], contents: &mut Contents) -> Result<usize, Error> {
        let mut asked = 0;
        // What a batch did not bring before is not asked for in another.
        if let Some(head) = self.remote.head.as_deref().filter(|_| self.known.is_empty()) {
            asked += self.fetch_at(head, tasks.iter().filter_map(Task::theirs), contents);
        }
        let base: Vec<_> = tasks.iter().filter_map(Task::base).collect();
        if base.len() >= TOGETHER
            && let Some(synced) = session::synced(self.session.host())?
        {
            asked += self.fetch_at(&synced.head, base.into_iter(), contents);
        }
        Ok(asked)
    }

    /// The same of one commit. Where a path has another content there by now, or none, that does not come.
    fn fetch_at<'t>(
        &mut self,
        commit: &str,
        wanted: impl Iterator<Item = (&'t RepoPath, &'t BlobId)>,
        contents: &mut Contents,
    ) -> usize {
        let missing = wanted.filter(|(_, id)| !contents.contains_key(*id));
        let paths: Vec<String> = missing.map(|(path, _)| path.to_string()).collect();
        let Some(mut batches) = self.batches.take_if(|_| paths.len() >= TOGETHER) else { return 0 };
        let before = batches.sent;
        let session = &self.session;
        let found = blobs::fetch(&session.client, &session.configuration.path, commit, &paths, &mut batches);
        let asked = batches.sent - before;
        if let Some(found) = found {
            contents.extend(found.into_iter().filter_map(|file| Some((file.blob, file.content?))));
            self.batches = Some(batches);
        }
        asked
    }

    /// Contents that are here, and those that turned out not to be: what the workspace has may change at any moment.
    fn copies(&self, ids: &[BlobId]) -> Result<(Contents, Vec<BlobId>), Error> {
        let (mut copies, mut gone) = (Contents::new(), Vec::new());
        for id in ids {
            let known = self.known.get(id).cloned();
            match known.map_or_else(|| self.copy(id), |bytes| Ok(Some(bytes)))? {
                Some(bytes) => drop(copies.insert(*id, bytes)),
                None => gone.push(*id),
            }
        }
        Ok((copies, gone))
    }

    fn copy(&self, id: &BlobId) -> Result<Option<Vec<u8>>, Error> {
        let Some(path) = self.twin(id) else { return Ok(None) };
        match self.session.host().read(&[path.to_string()]) {
            Ok(contents) => {
                Ok(contents.into_iter().map(|content| content.bytes).find(|bytes| BlobId::of(bytes) == *id))
            }
            Err(FileError::NotFound(_) | FileError::Changed(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// One version for a record: what was fetched with the others, else fetched now. None: GitLab has it no more.
    pub(super) fn version<'c>(&self, contents: &'c Contents, id: &BlobId) -> Result<Option<Bytes<'c>>, Error> {
        if let Some(bytes) = contents.get(id) {
            return Ok(Some(Cow::Borrowed(bytes)));
        }
        let mut fetched = blob::fetch(&self.session.client, self.session.configuration.project, &[*id])?;
        Ok(fetched.remove(id).map(Cow::Owned))
    }
}
