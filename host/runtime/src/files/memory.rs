//! A workspace in memory: for tests, and for products that hold a few files at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Batch, Change, Content, Entry, Expectation, FileError, Listing, MOST_ENTRIES, MOST_FILE_BYTES, MOST_READ_BYTES,
    Version, Workspace, WorkspacePath, look,
};

/// Files by path, gone with the process.
#[derive(Debug, Default)]
pub struct Memory {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<WorkspacePath, File>,
    /// Counts writes, so that no content is ever taken for another.
    writes: u64,
}

#[derive(Debug)]
struct File {
    bytes: Vec<u8>,
    executable: bool,
    version: Version,
}

impl Memory {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere leaves no half-made batch: all checks come before the first change.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Workspace for Memory {
    async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
        let inner = self.lock();
        let wanted = |path: &WorkspacePath| {
            below.is_none_or(|folder| path.is_below(folder)) && after.is_none_or(|after| path.as_str() > after)
        };
        let mut files = inner.files.iter().filter(|(path, _)| wanted(path));
        let entries = files.by_ref().take(MOST_ENTRIES).map(|(path, file)| file.entry(path)).collect();
        Ok(Listing { entries, skipped: Vec::new(), more: files.next().is_some() })
    }

    async fn look(&self, paths: &[WorkspacePath]) -> Result<Vec<Option<Entry>>, FileError> {
        look::bounded(paths)?;
        let inner = self.lock();
        Ok(paths.iter().map(|path| inner.files.get(path).map(|file| file.entry(path))).collect())
    }

    async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
        let inner = self.lock();
        let limit = if paths.len() == 1 { MOST_FILE_BYTES } else { MOST_READ_BYTES };
        let mut total = 0;
        let mut contents = Vec::with_capacity(paths.len());
        for path in paths {
            let file = inner.files.get(path).ok_or_else(|| FileError::NotFound(path.clone()))?;
            total += file.bytes.len() as u64;
            if total > limit {
                return Err(FileError::TooLarge { limit });
            }
            contents.push(Content { path: path.clone(), bytes: file.bytes.clone(), version: file.version.clone() });
        }
        Ok(contents)
    }

    async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        let mut inner = self.lock();
        let unexpected = inner.unexpected(&batch);
        if !unexpected.is_empty() {
            return Err(FileError::Changed(unexpected));
        }
        Ok(inner.make(batch))
    }
}

impl Inner {
    fn unexpected(&self, batch: &Batch) -> Vec<WorkspacePath> {
        let deleted: BTreeSet<&WorkspacePath> =
            batch.changes().iter().filter(|change| matches!(change, Change::Delete(_))).map(Change::path).collect();
        let fits = |change: &Change| {
            let as_expected = match (change.expected(), self.files.get(change.path())) {
                (Expectation::Absent, None) => true,
                (Expectation::Version(version), Some(file)) => *version == file.version,
                _ => false,
            };
            as_expected && (matches!(change, Change::Delete(_)) || self.has_room(change.path(), &deleted))
        };
        batch.changes().iter().filter(|change| !fits(change)).map(|change| change.path().clone()).collect()
    }

    /// Whether no file stays where `path` needs a folder, and no folder where it is a file.
    fn has_room(&self, path: &WorkspacePath, deleted: &BTreeSet<&WorkspacePath>) -> bool {
        let stays = |path: &WorkspacePath| self.files.contains_key(path) && !deleted.contains(path);
        let greater = self.files.range((Bound::Excluded(path), Bound::Unbounded));
        let with_this_start =
            greater.map(|(other, _)| other).take_while(|other| other.as_str().starts_with(path.as_str()));
        !path.ancestors().any(|folder| stays(&folder))
            && !with_this_start.into_iter().any(|other| other.is_below(path) && stays(other))
    }

    fn make(&mut self, batch: Batch) -> Vec<Version> {
        let mut versions = Vec::new();
        for change in batch.into_changes() {
            match change {
                Change::Delete(delete) => _ = self.files.remove(&delete.path),
                Change::Write(write) => {
                    self.writes += 1;
                    let version = Version::new(self.writes.to_string());
                    versions.push(version.clone());
                    let file = File { bytes: write.bytes, executable: write.executable, version };
                    self.files.insert(write.path, file);
                }
            }
        }
        versions
    }
}

impl File {
    fn entry(&self, path: &WorkspacePath) -> Entry {
        Entry {
            path: path.clone(),
            size: self.bytes.len() as u64,
            version: self.version.clone(),
            executable: self.executable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::conformance;

    #[tokio::test]
    async fn the_memory_workspace_conforms() {
        conformance::check(Memory::new).await;
    }
}
