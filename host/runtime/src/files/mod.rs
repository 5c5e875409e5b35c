//! The product's workspace: what the connector may list, read and change, and nothing else.
//!
//! Decided here: the shape of a workspace ([`Workspace`]), its limits, and what a batch may hold ([`Batch`]). Not decided here:
//! whether a connection has a workspace at all and may write to it (`grant`), and what a path may look like ([`WorkspacePath`]).
//!
//! Two workspaces come with the host: a directory on disk ([`directory::Directory`]) and one in memory ([`memory::Memory`]). A
//! product that keeps its files in a database or an object store implements [`Workspace`] and holds it against
//! [`conformance::check`].

use std::error::Error as StdError;
use std::fmt;
use std::io;

use async_trait::async_trait;
use thiserror::Error;

mod batch;
pub mod conformance;
#[cfg(unix)]
pub mod directory;
pub(crate) mod lend;
mod look;
pub mod memory;
pub mod news;
mod path;
mod underway;

use news::News;

pub use batch::{Batch, Change, Delete, Expectation, Write};
pub use path::{HOST_FOLDER, PathError, WorkspacePath};

/// Entries in one listing, and paths in one `look`.
pub const MOST_ENTRIES: usize = 10_000;

/// Bytes of several files in one `read`.
pub const MOST_READ_BYTES: u64 = 8 << 20;

/// Bytes of a file that is read alone: half of a guest's memory.
pub const MOST_FILE_BYTES: u64 = 32 << 20;

/// A place that holds files by path.
///
/// What an implementation must keep, beside the words of each function:
/// - a [`Version`] changes with the bytes: equal versions of one path mean equal bytes, also for an edit right after a write;
/// - an error is an error: what cannot be listed is never left out in silence, it is in `skipped` or the call fails;
/// - there are no folders: one exists while a file is in it, so a path can be a file or a folder and never both.
///
/// The host calls it from async code and may drop the future; a batch that was begun is then still made whole or not at all.
#[async_trait]
pub trait Workspace: Send + Sync {
    /// The files below the folder `below` (none: all) whose paths are greater than `after`, in the order of their paths' bytes, at
    /// most [`MOST_ENTRIES`]. A folder that does not exist has no files.
    async fn list(&self, below: Option<&WorkspacePath>, after: Option<&str>) -> Result<Listing, FileError>;

    /// What is new beside `known` ([`news`]), and in any case the files at `paths`. Worth an implementation of its own where a file
    /// can be looked at for less than an entry costs.
    async fn news(&self, known: Vec<u64>, paths: &[WorkspacePath]) -> Result<News, FileError> {
        news::by_listing(self, known, paths).await
    }

    /// The file at each of these paths, as a listing tells of it, in the order asked; none where it would not. Past [`MOST_ENTRIES`],
    /// [`FileError::TooLarge`]. Lists until it has seen all of them: worth an implementation of its own where there are many files.
    async fn look(&self, paths: &[WorkspacePath]) -> Result<Vec<Option<Entry>>, FileError> {
        look::by_listing(self, paths).await
    }

    /// The contents, in the order asked. Past [`MOST_READ_BYTES`], or [`MOST_FILE_BYTES`] for one file alone,
    /// [`FileError::TooLarge`].
    async fn read(&self, paths: &[WorkspacePath]) -> Result<Vec<Content>, FileError>;

    /// All changes or none, also when the process dies in the middle, and on disk when it returns. Every expectation is checked
    /// before anything is seen to change. The new version of each written path, in the batch's order.
    async fn apply(&self, batch: Batch) -> Result<Vec<Version>, FileError>;

    /// As [`Workspace::apply`], but what was made need not be on disk when it returns: until [`Workspace::settle`] has, a process
    /// that dies may find none of it. The host settles before it commits the connection's state and before a call returns, so that no
    /// one is told of files that may not be there. Worth an implementation of its own where syncing takes long.
    async fn begin(&self, batch: Batch) -> Result<Vec<Version>, FileError> {
        self.apply(batch).await
    }

    /// Waits until all that was begun is on disk. An error: the last of it is not, and was taken back.
    async fn settle(&self) -> Result<(), FileError> {
        Ok(())
    }
}

/// A cheap mark of one path's content. Opaque outside the workspace that gave it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Version(String);

impl Version {
    /// What an implementation chose to tell contents apart.
    pub fn new(mark: impl Into<String>) -> Self {
        Self(mark.into())
    }

    /// The mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: WorkspacePath,
    /// In bytes.
    pub size: u64,
    /// Of its content.
    pub version: Version,
    /// Always false where the storage does not know.
    pub executable: bool,
}

/// One stretch of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In order of their paths.
    pub entries: Vec<Entry>,
    /// What is in the same stretch and cannot be lent.
    pub skipped: Vec<Skipped>,
    /// Whether more follow after the last entry.
    pub more: bool,
}

/// Something that no one may sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// As well as it can be told: what is not UTF-8 is replaced. A folder stands for all that is in it.
    pub path: String,
    /// In plain words.
    pub reason: String,
}

/// One file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Where.
    pub path: WorkspacePath,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Of exactly these bytes.
    pub version: Version,
}

/// Why the workspace did not do what was asked. Nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// These paths are not what the batch expected.
    #[error("changed since they were read: {}", quoted(.0))]
    Changed(Vec<WorkspacePath>),
    /// This path cannot exist on some platform, leaves the workspace or passes through a link.
    #[error("`{path}` cannot be used: {reason}")]
    UnsafePath {
        /// As asked for.
        path: String,
        /// In plain words.
        reason: String,
    },
    /// No such file.
    #[error("`{0}` does not exist")]
    NotFound(WorkspacePath),
    /// More bytes or paths than are lent in one call.
    #[error("more than {limit} bytes or paths in one call")]
    TooLarge {
        /// What would have been fine.
        limit: u64,
    },
    /// The storage failed.
    #[error("{what}")]
    Storage {
        /// What was being done, such as ``cannot read `a.md` ``.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl FileError {
    /// For an implementation's own failures.
    pub fn storage(what: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Storage { what: what.into(), source: source.into() }
    }

    /// What to change, for a person, where that is known.
    pub fn hint(&self) -> Option<&'static str> {
        let Self::Storage { source, .. } = self else { return None };
        match source.downcast_ref::<io::Error>()?.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Some("free space where the workspace is"),
            io::ErrorKind::ReadOnlyFilesystem => Some("the workspace is on a read-only file system"),
            io::ErrorKind::PermissionDenied => Some("give the host's user read and write permission in the workspace"),
            io::ErrorKind::CrossesDevices => Some("the workspace must be on one file system, without mounts inside"),
            _ => None,
        }
    }

    fn unsafe_path(path: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self::UnsafePath { path: path.to_string(), reason: reason.to_string() }
    }
}

/// At most ten by name: a batch can hold thousands.
fn quoted(paths: &[WorkspacePath]) -> String {
    let named: Vec<String> = paths.iter().take(10).map(|path| format!("`{path}`")).collect();
    match paths.len().saturating_sub(named.len()) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}
