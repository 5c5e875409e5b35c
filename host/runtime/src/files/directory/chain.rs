//! The way from the top of the workspace to a path, folder by folder, never through a link.

use std::io;

use super::folder::{Folder, Thing};
use crate::files::{FileError, WorkspacePath};

/// Opens folders and keeps those on the way to the last one, so that paths in order cost one open for each new folder.
pub(super) struct Chain {
    root: Folder,
    /// So many parts of every path stand for the root.
    skip: usize,
    open: Vec<(String, Folder)>,
}

/// Why a folder could not be reached.
pub(super) enum Stop {
    /// It does not exist.
    Missing,
    /// A file is in its place or in that of a folder above it.
    File(WorkspacePath),
    /// A link, a device or the like is.
    Barred(FileError),
    /// The file system failed.
    Failed(FileError),
}

impl Chain {
    pub(super) fn new(root: &Folder) -> Self {
        Self::below(root, 0)
    }

    /// Of paths whose first `skip` parts are this folder, wherever it is.
    pub(super) fn below(folder: &Folder, skip: usize) -> Self {
        Self { root: folder.clone(), skip, open: Vec::new() }
    }

    /// The folder that `path` is in.
    pub(super) fn parent_of(&mut self, path: &WorkspacePath) -> Result<Folder, Stop> {
        match path.parent() {
            Some(parent) => self.folder(&parent),
            None => Ok(self.root.clone()),
        }
    }

    /// The folder `path`.
    pub(super) fn folder(&mut self, path: &WorkspacePath) -> Result<Folder, Stop> {
        let known = path.parts().skip(self.skip).zip(&self.open).take_while(|(part, (name, _))| part == name).count();
        self.open.truncate(known);
        for part in path.parts().skip(self.skip + known) {
            let last = self.last();
            let next = last.open(part).map_err(|error| self.stop(&last, path, part, error))?;
            self.open.push((part.to_owned(), next));
        }
        Ok(self.last())
    }

    fn last(&self) -> Folder {
        self.open.last().map_or(&self.root, |(_, folder)| folder).clone()
    }

    /// What is in the way of `part`, by a second look: the error alone does not tell a file from a link.
    fn stop(&self, folder: &Folder, path: &WorkspacePath, part: &str, error: io::Error) -> Stop {
        let names: Vec<&str> = self.open.iter().map(|(name, _)| name.as_str()).chain([part]).collect();
        let here = names.join("/");
        match folder.look(part) {
            Ok(None) => Stop::Missing,
            Ok(Some(Thing::File(_))) => match WorkspacePath::parse(&here) {
                Ok(file) => Stop::File(file),
                Err(reason) => Stop::Barred(FileError::unsafe_path(path, reason)),
            },
            Ok(Some(Thing::Link)) => {
                Stop::Barred(FileError::unsafe_path(path, format_args!("`{here}` is a symbolic link")))
            }
            Ok(Some(Thing::Special)) => {
                Stop::Barred(FileError::unsafe_path(path, format_args!("`{here}` is not a file or folder")))
            }
            Ok(Some(Thing::Folder)) | Err(_) => {
                Stop::Failed(FileError::storage(format!("cannot open the folder `{here}`"), error))
            }
        }
    }
}
