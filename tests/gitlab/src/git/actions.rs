//! The actions of a commit, applied in order to an in-memory tree, as Gitaly does it: all or nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use git2::{Oid, Repository, Tree};

use super::edits::{Edit, write_tree};
use super::tree::{EXECUTABLE, FILE, SUBMODULE, TREE};

/// One action on one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A new file.
    Create {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
        /// Whether it is a program.
        executable: bool,
    },
    /// New content of an existing file; the mode stays.
    Update {
        /// Where.
        path: String,
        /// What.
        content: Vec<u8>,
    },
    /// Another path; another content too, when one is given.
    Move {
        /// From where.
        from: String,
        /// To where.
        to: String,
        /// New content, or the old one.
        content: Option<Vec<u8>>,
    },
    /// No file any more.
    Delete {
        /// Where.
        path: String,
    },
    /// The executable bit.
    Chmod {
        /// Where.
        path: String,
        /// Set or cleared.
        executable: bool,
    },
    /// Another repository at one of its commits, there or not.
    Submodule {
        /// Where.
        path: String,
        /// At which commit.
        id: Oid,
    },
}

/// Why an action cannot be applied. The texts are Gitaly's, as the API shows them.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// `create` or `move` onto a file.
    #[error("A file with this name already exists")]
    FileExists,
    /// Anything but `create` of a path without a file.
    #[error("A file with this name doesn't exist")]
    NoFile,
    /// No path.
    #[error("You must provide a file path")]
    NoPath,
    /// A path that leaves the repository.
    #[error("Path cannot include directory traversal")]
    Traversal,
    /// A path that git refuses.
    #[error("invalid path: '{0}'")]
    InvalidPath(String),
    /// A file where a directory would have to be.
    #[error("Unknown error performing git operation")]
    FileInTheWay,
    /// The object store.
    #[error("Unknown error performing git operation")]
    Git(#[from] git2::Error),
}

/// Cleans a path as Gitaly does: leading slashes go, `a/./b` is `a/b`.
pub fn clean_path(path: &str) -> Result<String, ActionError> {
    let trimmed = path.trim_start_matches('/');
    if trimmed.is_empty() {
        return Err(ActionError::NoPath);
    }
    let invalid = || ActionError::InvalidPath(trimmed.to_owned());
    let mut parts: Vec<&str> = Vec::new();
    for part in trimmed.split('/') {
        match part {
            "" => return Err(invalid()),
            "." => {}
            ".." => {
                parts.pop().ok_or(ActionError::Traversal)?;
            }
            part if part.eq_ignore_ascii_case(".git") || part.contains('\0') => return Err(invalid()),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { Err(ActionError::NoPath) } else { Ok(parts.join("/")) }
}

/// The directories above a path, outermost first.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}

/// A tree that is being changed: the overlay over what the base tree holds, by path.
struct Draft<'r> {
    repository: &'r Repository,
    base: Option<Tree<'r>>,
    // Directories of the base tree that were looked into: libgit2 reads a large one anew each time it is asked for.
    folders: RefCell<BTreeMap<String, Option<Tree<'r>>>>,
    // Files put or taken away since.
    changed: BTreeMap<String, Option<(Oid, i32)>>,
    // Paths where a file took the place of a directory, with all that the base tree has below.
    cleared: BTreeSet<String>,
}

/// Applies actions to a tree and writes the result.
pub fn apply(repository: &Repository, base: Option<Tree<'_>>, actions: &[Action]) -> Result<Oid, ActionError> {
    let (folders, changed, cleared) = (RefCell::default(), BTreeMap::new(), BTreeSet::new());
    let mut draft = Draft { repository, base, folders, changed, cleared };
    for action in actions {
        draft.apply(action)?;
    }
    draft.write()
}

impl<'r> Draft<'r> {
    fn apply(&mut self, action: &Action) -> Result<(), ActionError> {
        match action {
            Action::Create { path, content, executable } => {
                let path = clean_path(path)?;
                let mode = if *executable { EXECUTABLE } else { FILE };
                let id = self.repository.blob(content)?;
                self.put(path, id, mode)
            }
            Action::Update { path, content } => {
                let path = clean_path(path)?;
                let (_, mode) = self.file(&path).ok_or(ActionError::NoFile)?;
                let id = self.repository.blob(content)?;
                self.changed.insert(path, Some((id, mode)));
                Ok(())
            }
            Action::Move { from, to, content } => {
                let (from, to) = (clean_path(from)?, clean_path(to)?);
                let (old, mode) = self.file(&from).ok_or(ActionError::NoFile)?;
                let id = match content {
                    Some(content) => self.repository.blob(content)?,
                    None => old,
                };
                // Gitaly takes the old path away first, so a file can move into a directory of its own name.
                self.changed.insert(from, None);
                self.put(to, id, mode)
            }
            Action::Delete { path } => {
                let path = clean_path(path)?;
                self.file(&path).ok_or(ActionError::NoFile)?;
                self.changed.insert(path, None);
                Ok(())
            }
            Action::Chmod { path, executable } => {
                let path = clean_path(path)?;
                let (id, mode) = self.file(&path).ok_or(ActionError::NoFile)?;
                let mode = match (*executable, mode) {
                    (true, _) => EXECUTABLE,
                    (false, EXECUTABLE) => FILE,
                    (false, other) => other,
                };
                self.changed.insert(path, Some((id, mode)));
                Ok(())
            }
            Action::Submodule { path, id } => {
                self.changed.insert(clean_path(path)?, Some((*id, SUBMODULE)));
                Ok(())
            }
        }
    }

    /// The file at a path: not a directory, and not a submodule.
    fn file(&self, path: &str) -> Option<(Oid, i32)> {
        if let Some(changed) = self.changed.get(path) {
            return changed.filter(|(_, mode)| *mode != SUBMODULE);
        }
        let gone = ancestors(path).any(|above| self.cleared.contains(above));
        let (id, mode) = if gone { None } else { self.entry(path) }?;
        let is_file = mode & 0o170_000 != TREE && mode != SUBMODULE;
        is_file.then_some((id, mode))
    }

    /// What the base tree has at a path.
    fn entry(&self, path: &str) -> Option<(Oid, i32)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let tree = self.folder(folder)?;
        tree.get_name(name).map(|entry| (entry.id(), entry.filemode()))
    }

    fn folder(&self, path: &str) -> Option<Tree<'r>> {
        if path.is_empty() {
            return self.base.clone();
        }
        if let Some(known) = self.folders.borrow().get(path) {
            return known.clone();
        }
        let id = self.entry(path).filter(|(_, mode)| *mode == TREE).map(|(id, _)| id);
        let tree = id.and_then(|id| self.repository.find_tree(id).ok());
        self.folders.borrow_mut().insert(path.to_owned(), tree.clone());
        tree
    }

    /// Puts a file where no file is. A directory of that name is replaced with all it holds.
    fn put(&mut self, path: String, id: Oid, mode: i32) -> Result<(), ActionError> {
        if self.file(&path).is_some() {
            return Err(ActionError::FileExists);
        }
        if ancestors(&path).any(|above| self.file(above).is_some()) {
            return Err(ActionError::FileInTheWay);
        }
        let prefix = format!("{path}/");
        let below: Vec<String> = self
            .changed
            .range(prefix.clone()..)
            .map(|(known, _)| known.clone())
            .take_while(|known| known.starts_with(&prefix))
            .collect();
        for known in below {
            self.changed.remove(&known);
        }
        self.cleared.insert(path.clone());
        self.changed.insert(path, Some((id, mode)));
        Ok(())
    }

    fn write(self) -> Result<Oid, ActionError> {
        let edits = self.changed.iter().map(|(path, change)| {
            let edit = match change {
                Some((id, mode)) => Edit::Put(*id, *mode),
                None if self.cleared.contains(path) => Edit::RemoveAll,
                None => Edit::RemoveFile,
            };
            (path.as_str(), edit)
        });
        match write_tree(self.repository, self.base.as_ref(), &edits.collect())? {
            Some(id) => Ok(id),
            None => Ok(self.repository.treebuilder(None)?.write()?),
        }
    }
}

#[cfg(test)]
mod tests;
