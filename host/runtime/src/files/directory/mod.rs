//! A workspace that is a directory on disk.
//!
//! Decided here: that a batch is made whole or not at all (`stage`, `apply`, `ahead`, `journal`, `recover`), that no path is followed
//! through a symbolic link, neither out of the directory nor within it (`folder`, `chain`), and what a version is (`mark`). What cannot
//! be lent is listed as skipped: links, devices, pipes, sockets, names that are not UTF-8 or not safe everywhere, git's own folder.
//! The host keeps its journal and lock in `.gitlab-sync`, which is never listed.
//!
//! A folder goes when a batch deletes the last file in it; a folder that was empty before stays.
//!
//! Known gap: a hard link to a file outside cannot be told from a file, so it is listed and read. Writing to it replaces the name
//! and leaves the file outside alone. Unix only: on Windows there is no rename that refuses or exchanges.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use thiserror::Error;

use super::news::News;
use super::{Batch, Content, Entry, FileError, Listing, Version, Workspace, WorkspacePath};
use ahead::Ahead;
use steps::Steps;

pub use kept::Kept;

mod ahead;
mod apply;
mod chain;
mod check;
#[cfg(test)]
mod edits;
mod folder;
mod home;
mod journal;
mod kept;
mod look;
mod mark;
#[cfg(test)]
mod new_files;
mod read;
mod recover;
mod stage;
mod steps;
mod sweep;
#[cfg(test)]
mod tests;
mod walk;
#[cfg(test)]
mod walks;

/// A directory, opened once: moving or replacing it by a link later changes nothing.
#[derive(Clone)]
pub struct Directory {
    dir: Arc<Dir>,
    steps: Steps,
    ahead: Arc<Mutex<Option<Ahead>>>,
}

/// Why a directory cannot be a workspace.
#[derive(Debug, Error)]
pub enum OpenError {
    /// It is not there, not a directory, or not ours to read.
    #[error("cannot open the workspace `{}`", path.display())]
    Open {
        /// As given.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A batch that a crash left unfinished cannot be cleared up.
    #[error("cannot bring the workspace `{}` back into order", path.display())]
    Recover {
        /// As given.
        path: PathBuf,
        /// Why.
        #[source]
        source: FileError,
    },
}

impl Directory {
    /// Opens an existing directory, and undoes or ends what a crash left behind. Blocks for as long as that takes.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .map_err(|source| OpenError::Open { path: path.to_owned(), source })?;
        let directory = Self { dir: Arc::new(dir), steps: Steps::default(), ahead: Arc::default() };
        home::together(&directory.dir, &directory.steps)
            .map_err(|source| OpenError::Recover { path: path.to_owned(), source })?;
        Ok(directory)
    }

    /// Versions of files that undoing a broken batch had to put aside, because something new was in their places. For a person to look
    /// at: a product should say that they are there.
    pub async fn kept(&self) -> Result<Vec<Kept>, FileError> {
        self.blocking(|dir, steps| kept::list(&home::together(dir, steps)?.root)).await
    }

    /// File systems block, so each operation has a thread of its own. It runs to its end even if the caller goes away.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Dir, &Steps) -> Result<T, FileError> + Send + 'static,
    ) -> Result<T, FileError> {
        let Self { dir, steps, .. } = self.clone();
        let done = tokio::task::spawn_blocking(move || operation(&dir, &steps)).await;
        done.unwrap_or_else(|error| Err(FileError::storage("the operation on the workspace broke off", error)))
    }
}

#[async_trait]
impl Workspace for Directory {
    async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError> {
        let (below, after) = (below.cloned(), after.map(str::to_owned));
        self.blocking(move |dir, steps| {
            let shared = home::together(dir, steps)?;
            walk::list(&shared.root, below.as_ref(), after.as_deref())
        })
        .await
    }

    async fn news(&self, known: Vec<u64>, paths: &[WorkspacePath]) -> Result<News, FileError> {
        let paths = paths.to_vec();
        self.blocking(move |dir, steps| {
            let shared = home::together(dir, steps)?;
            sweep::news(&shared.root, known, &paths)
        })
        .await
    }

    async fn look(&self, paths: &[WorkspacePath]) -> Result<Vec<Option<Entry>>, FileError> {
        let paths = paths.to_vec();
        self.blocking(move |dir, steps| {
            let shared = home::together(dir, steps)?;
            look::look(&shared.root, &paths)
        })
        .await
    }

    async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError> {
        let paths = paths.to_vec();
        self.blocking(move |dir, steps| {
            let shared = home::together(dir, steps)?;
            read::read(&shared.root, &paths)
        })
        .await
    }

    async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        self.settle().await?;
        self.blocking(move |dir, steps| {
            let held = home::alone(dir, steps)?;
            apply::apply(&held, &batch)
        })
        .await
    }

    async fn begin(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        let ahead = self.ahead.clone();
        self.blocking(move |dir, steps| {
            // Not kept locked while it works: who comes meanwhile waits at the workspace's own lock.
            let before = take(&ahead);
            let (versions, next) = ahead::begin(dir, steps, before, &batch)?;
            if let Some(replaced) = std::mem::replace(&mut *lock(&ahead), next) {
                replaced.settle(dir, steps)?;
            }
            Ok(versions)
        })
        .await
    }

    async fn settle(&self) -> Result<(), FileError> {
        match take(&self.ahead) {
            None => Ok(()),
            Some(ahead) => self.blocking(move |dir, steps| ahead.settle(dir, steps)).await,
        }
    }
}

fn lock(ahead: &Mutex<Option<Ahead>>) -> std::sync::MutexGuard<'_, Option<Ahead>> {
    ahead.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take(ahead: &Mutex<Option<Ahead>>) -> Option<Ahead> {
    lock(ahead).take()
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
