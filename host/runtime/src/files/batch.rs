//! Changes that are made together or not at all.
//!
//! Decided here, without looking at the workspace: that no path occurs twice and that nothing is written below a path that is itself
//! written. Whether the changes fit what is there is decided by the workspace.

use std::collections::HashSet;

use super::{FileError, Version, WorkspacePath};

/// Changes that can be made together.
#[derive(Clone, Debug, Default)]
pub struct Batch(Vec<Change>);

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Create or replace a file.
    Write(Write),
    /// Remove a file. Folders that the batch leaves empty go with it.
    Delete(Delete),
}

/// A file to create or replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Where.
    pub path: WorkspacePath,
    /// All of it.
    pub bytes: Vec<u8>,
    /// Kept where the storage can.
    pub executable: bool,
    /// What must be there.
    pub expected: Expectation,
}

/// A file to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Where.
    pub path: WorkspacePath,
    /// What must be there. `Absent` asks for nothing to be done, provided that nothing is there.
    pub expected: Expectation,
}

/// What must be there for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// No file.
    Absent,
    /// A file of this version.
    Version(Version),
}

impl Batch {
    /// Refuses changes that contradict each other.
    pub fn new(changes: Vec<Change>) -> Result<Self, FileError> {
        let mut seen = HashSet::with_capacity(changes.len());
        for change in &changes {
            if !seen.insert(change.path()) {
                return Err(FileError::unsafe_path(change.path(), "it is in the batch twice"));
            }
        }
        let written: HashSet<_> = changes.iter().filter_map(Change::write).map(|write| &write.path).collect();
        for path in &written {
            if let Some(file) = path.ancestors().find(|folder| written.contains(folder)) {
                return Err(FileError::unsafe_path(path, format_args!("`{file}` is a file in the same batch")));
            }
        }
        Ok(Self(changes))
    }

    /// In the order given.
    pub fn changes(&self) -> &[Change] {
        &self.0
    }

    /// Of all files to write.
    pub fn bytes(&self) -> u64 {
        self.0.iter().filter_map(Change::write).map(|write| write.bytes.len() as u64).sum()
    }

    /// The changes alone.
    pub fn into_changes(self) -> Vec<Change> {
        self.0
    }
}

impl Change {
    /// What it is about.
    pub fn path(&self) -> &WorkspacePath {
        match self {
            Self::Write(write) => &write.path,
            Self::Delete(delete) => &delete.path,
        }
    }

    /// What must be there.
    pub fn expected(&self) -> &Expectation {
        match self {
            Self::Write(write) => &write.expected,
            Self::Delete(delete) => &delete.expected,
        }
    }

    fn write(&self) -> Option<&Write> {
        match self {
            Self::Write(write) => Some(write),
            Self::Delete(_) => None,
        }
    }
}
