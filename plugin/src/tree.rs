//! What one side holds: a map of paths to contents by name. No bytes, no sizes, no times: nothing but what decides a sync.

use crate::blob::BlobId;
use crate::error::Code;
use crate::path::RepoPath;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The files of one side, in byte order of their paths.
pub type Tree = BTreeMap<RepoPath, Entry>;

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Its content.
    pub blob: BlobId,
    /// Its mode.
    pub mode: Mode,
}

/// The two modes of git that both sides can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// `100644`.
    Regular,
    /// `100755`.
    Executable,
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The product's files: "local", "ours".
    Workspace,
    /// The branch at its head: "remote", "theirs".
    Branch,
}

impl Side {
    /// The opposite one.
    pub fn other(self) -> Side {
        match self {
            Side::Workspace => Side::Branch,
            Side::Branch => Side::Workspace,
        }
    }
}

/// Something that one side holds and that is left alone, on both sides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skip {
    /// As the side spells it; it need not be a good path.
    pub path: Arc<str>,
    /// Who holds it.
    pub side: Side,
    /// Why it is left alone.
    pub reason: SkipReason,
}

/// Why a path is left alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum SkipReason {
    /// It is in none of the directories.
    OutsideDirectories,
    /// Its name matches no pattern.
    NoPattern,
    /// The path is not safe everywhere; why.
    UnsafePath(Box<str>),
    /// A symbolic link.
    Symlink,
    /// Another repository.
    Submodule,
    /// Kept in LFS: an update through the API would put raw bytes into git.
    Lfs,
    /// Too large for a single request.
    TooLarge {
        /// Its bytes.
        size: u64,
        /// What is synced at most.
        most: u64,
    },
    /// Some platforms take it for this other path, or spell one of its folders as this one does.
    Collision(RepoPath),
    /// This path needs a folder where the other needs a file.
    DirectoryAgainstFile(RepoPath),
    /// What the product says.
    Other(Box<str>),
}

impl Skip {
    /// Whether a person may want to know: what nobody has selected is left alone too.
    pub(crate) fn is_selected(&self) -> bool {
        !matches!(self.reason, SkipReason::OutsideDirectories | SkipReason::NoPattern)
    }

    /// The same as an error. None: it was not asked for, only waits, or is what the product alone can tell.
    pub fn code(&self) -> Option<Code> {
        match &self.reason {
            SkipReason::UnsafePath(_) => Some(Code::UnsafePath),
            SkipReason::Symlink | SkipReason::Submodule => Some(Code::NotAFile),
            SkipReason::Lfs => Some(Code::LfsPath),
            SkipReason::TooLarge { .. } => Some(Code::TooLarge),
            SkipReason::Collision(_) | SkipReason::DirectoryAgainstFile(_) => Some(Code::NameClash),
            SkipReason::Other(_) if RepoPath::parse(&self.path).is_err() => Some(Code::UnsafePath),
            SkipReason::OutsideDirectories | SkipReason::NoPattern | SkipReason::Other(_) => None,
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SkipReason::OutsideDirectories => f.write_str("not in a synced directory"),
            SkipReason::NoPattern => f.write_str("matches no synced pattern"),
            SkipReason::UnsafePath(why) => write!(f, "not safe on every platform: {why}"),
            SkipReason::Symlink => f.write_str("a symbolic link"),
            SkipReason::Submodule => f.write_str("a submodule"),
            SkipReason::Lfs => f.write_str("kept in Git LFS"),
            SkipReason::TooLarge { size, most } => write!(f, "too large to sync: {size} bytes; the most is {most}"),
            SkipReason::Collision(with) => write!(f, "the same file as `{with}` on some platforms: rename one of them"),
            SkipReason::DirectoryAgainstFile(with) => {
                write!(f, "`{with}` is a file where this needs a folder, or the reverse: rename one of them")
            }
            SkipReason::Other(why) => f.write_str(why),
        }
    }
}
