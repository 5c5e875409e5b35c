//! What is at a few paths, for a workspace that can only list.
//!
//! Decided here: how many paths are looked at in one call.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, FileError, MOST_ENTRIES, Workspace, WorkspacePath};

/// Refuses more than are looked at in one call.
pub(super) fn bounded(paths: &[WorkspacePath]) -> Result<(), FileError> {
    if paths.len() > MOST_ENTRIES { Err(FileError::TooLarge { limit: MOST_ENTRIES as u64 }) } else { Ok(()) }
}

/// Lists until past the last of them.
pub(super) async fn by_listing<W: Workspace + ?Sized>(
    workspace: &W,
    paths: &[WorkspacePath],
) -> Result<Vec<Option<Entry>>, FileError> {
    bounded(paths)?;
    let wanted: BTreeSet<&WorkspacePath> = paths.iter().collect();
    let mut found: BTreeMap<WorkspacePath, Entry> = BTreeMap::new();
    let mut after: Option<WorkspacePath> = None;
    while wanted.last().is_some_and(|last| after.as_ref().is_none_or(|after| after < *last)) {
        let listing = workspace.list(None, after.as_ref().map(WorkspacePath::as_str)).await?;
        after = listing.entries.last().map(|entry| entry.path.clone()).or(after);
        let entries = listing.entries.into_iter().filter(|entry| wanted.contains(&entry.path));
        found.extend(entries.map(|entry| (entry.path.clone(), entry)));
        if !listing.more {
            break;
        }
    }
    Ok(paths.iter().map(|path| found.get(path).cloned()).collect())
}
