//! Writing a tree again with some paths changed: only the directories on the way are made anew.

use std::collections::BTreeMap;

use git2::{Oid, Repository, Tree};

use super::tree::TREE;

/// What becomes of one name in a tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit {
    /// This object with this mode.
    Put(Oid, i32),
    /// Only when it is no directory: a directory may have come in its place.
    RemoveFile,
    /// Whatever it is.
    RemoveAll,
}

/// Writes a tree with edits at paths relative to it. `None` when nothing is left in it.
pub(super) fn write_tree(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    edits: &BTreeMap<&str, Edit>,
) -> Result<Option<Oid>, git2::Error> {
    let mut builder = repository.treebuilder(base)?;
    let mut below: BTreeMap<&str, BTreeMap<&str, Edit>> = BTreeMap::new();
    let mut here: Vec<(&str, Edit)> = Vec::new();
    for (path, edit) in edits {
        match path.split_once('/') {
            Some((directory, rest)) => {
                below.entry(directory).or_default().insert(rest, *edit);
            }
            None => here.push((path, *edit)),
        }
    }
    // Removals first, so that a file may become a directory and the other way round.
    for (name, edit) in &here {
        let mode = builder.get(name)?.map(|entry| entry.filemode());
        match (edit, mode) {
            (Edit::RemoveAll, Some(_)) => builder.remove(name)?,
            (Edit::RemoveFile, Some(mode)) if mode != TREE => builder.remove(name)?,
            _ => {}
        }
    }
    for (directory, edits) in &below {
        let old = builder.get(directory)?.map(|entry| entry.id());
        let old = old.and_then(|id| repository.find_tree(id).ok());
        match write_tree(repository, old.as_ref(), edits)? {
            Some(id) => {
                builder.insert(directory, id, TREE)?;
            }
            None if builder.get(directory)?.is_some() => builder.remove(directory)?,
            None => {}
        }
    }
    for (name, edit) in here {
        if let Edit::Put(id, mode) = edit {
            builder.insert(name, id, mode)?;
        }
    }
    if builder.is_empty() { Ok(None) } else { builder.write().map(Some) }
}
