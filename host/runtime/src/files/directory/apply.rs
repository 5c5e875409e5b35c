//! Makes a batch: all of it or nothing, also when the process dies, the disk fills up, or someone edits a file in the same moment.
//!
//! In this order: every expectation is checked; every new file is written into the stage and synced; the journal is written and
//! synced; then renames, each of which fails if something new is in its way, and keeps what it displaces; what was displaced is
//! compared with what was expected once more, so that an edit between the check and the rename is noticed; a sync; the commit. Any
//! failure before the commit undoes all of it. The number of syncs is the same for a batch of any size.
//!
//! A folder that was not there is staged with all that goes into it and takes one rename. A batch of nothing but many new files is
//! synced once, after the renames, and what calls it may go on meanwhile (`ahead`): nothing that a person saved is at stake, and
//! the journal tells a new file that a power cut has kept from the disk.
//!
//! Known gaps. A program that keeps a file open and writes to it after it was displaced writes into nothing. Owner, access lists and
//! extended attributes of a replaced file are not carried over; its permission bits are. Hard links to a replaced file keep the old
//! content. A new folder gets the access list that a folder at the top of the workspace would get, not its parent's.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use super::chain::{Chain, Stop};
use super::check::{Checked, cannot, check, is_hollow, other_spelling, same_name};
use super::folder::{Folder, Thing};
use super::home::Held;
use super::journal::{Op, Turn, folder_name, new_name, old_name};
use super::mark::{Seen, Stat};
use super::stage::{self, Staged, StagedFolders, within};
use super::{read, recover};
use crate::files::{Batch, FileError, Version, WorkspacePath};

/// All of a batch in its place. Until [`finish`] it can still be taken back, and is if the process dies.
pub(super) struct Made {
    /// In the order of the batch.
    pub(super) versions: Vec<Version>,
    ops: Vec<Op>,
    is_new: bool,
}

impl Made {
    /// Whether there is nothing in it but new files, and so many that they are synced together. Then nothing that anyone has saved can
    /// depend on when the rest is done.
    pub(super) fn can_wait(&self) -> bool {
        self.is_new
    }
}

/// Makes it and gives the new versions, in order.
pub(super) fn apply(held: &Held, batch: &Batch) -> Result<Vec<Version>, FileError> {
    let made = begin(held, batch, Turn::default(), || Ok(()))?;
    finish(held, &made).map_err(|error| take_back(held, error))?;
    Ok(made.versions)
}

/// Puts all of it in its place. `before` waits for the batch before this one, whose journal has to be gone by then.
pub(super) fn begin(
    held: &Held,
    batch: &Batch,
    turn: Turn,
    before: impl FnOnce() -> Result<(), FileError>,
) -> Result<Made, FileError> {
    let checked = match check(held, batch, turn) {
        Ok(checked) => checked,
        Err(unfit) => return before().map_or_else(|error| Err(take_back(held, error)), |()| Err(unfit)),
    };
    let staged = stage::stage(held, &checked, turn);
    before().and(staged).and_then(|staged| place(held, &checked, staged)).map_err(|error| take_back(held, error))
}

fn place(held: &Held, checked: &Checked<'_>, staged: Staged<'_>) -> Result<Made, FileError> {
    stage::sync(held, &staged).map_err(|error| FileError::storage("cannot write the journal of the batch", error))?;
    let versions = make(held, checked, &staged)?;
    Ok(Made { versions, ops: staged.ops, is_new: staged.is_new })
}

/// Makes it final and outlast a power cut.
pub(super) fn finish(held: &Held, made: &Made) -> Result<(), FileError> {
    recover::commit(held, &made.ops).map_err(|error| FileError::storage("cannot finish the batch", error))?;
    // It is committed: if clearing up fails now, the next use goes on with it.
    _ = if made.is_new { recover::end_of_new(held) } else { recover::end(held) };
    Ok(())
}

pub(super) fn take_back(held: &Held, error: FileError) -> FileError {
    // The journal goes first: with the staged files gone it would be read as if they had been moved to their places.
    match recover::recover(held) {
        Ok(()) => {
            // What stays behind is cleared away by the next batch.
            _ = recover::clear(&held.stage);
            error
        }
        Err(undo) => {
            let cause = std::error::Error::source(&error).map(|cause| format!("{cause}; then ")).unwrap_or_default();
            FileError::storage(format!("{error}; and the batch could not be taken back yet"), format!("{cause}{undo}"))
        }
    }
}

fn make(held: &Held, checked: &Checked<'_>, staged: &Staged<'_>) -> Result<Vec<Version>, FileError> {
    make_room(held, checked)?;
    let mut chain = Chain::new(&held.root);
    // Those that are there by now, so that what was staged in them goes to its place file by file.
    let mut scattered = BTreeSet::new();
    for path in &checked.folders {
        match (staged.tops.get(path), within(&staged.tops, path)) {
            (Some(number), _) if place_folder(held, &mut chain, path, *number)? => {}
            (Some(number), _) => drop(scattered.insert(*number)),
            (None, Some((number, _))) if !scattered.contains(&number) => {}
            (None, _) => make_folder(&mut chain, path)?,
        }
    }
    let mut folders = StagedFolders::new(held);
    let mut versions = BTreeMap::new();
    for (path, (slot, _, replaced)) in &checked.writes {
        let file = &staged.files[slot];
        let within = within(&staged.tops, path);
        if within.is_some_and(|(number, _)| !scattered.contains(&number)) {
            // It came with its folder, which leaves all that is in it as it was.
            versions.insert(*slot, file.version());
            continue;
        }
        let parent = parent(&mut chain, path)?;
        match (replaced, within) {
            (Some(seen), _) => replace(held, &parent, path, *slot, seen)?,
            (None, None) => create(&held.stage, &new_name(*slot), &parent, path)?,
            (None, Some(within)) => create(&folders.parent_of(path, within)?, path.name(), &parent, path)?,
        }
        versions.insert(*slot, version_of(&parent, path, file)?);
    }
    if !scattered.is_empty() {
        recover::clear(&held.stage).map_err(|error| FileError::storage("cannot clear the stage", error))?;
    }
    Ok(versions.into_values().collect())
}

/// Whether the folder went to its place whole: someone may have made it since the check.
fn place_folder(held: &Held, chain: &mut Chain, path: &WorkspacePath, number: usize) -> Result<bool, FileError> {
    match held.stage.move_to(&folder_name(number), &parent(chain, path)?, path.name()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(cannot("make the folder", path, error)),
    }
}

fn make_room(held: &Held, checked: &Checked<'_>) -> Result<(), FileError> {
    let mut chain = Chain::new(&held.root);
    for (slot, path, seen) in &checked.deletes {
        let parent = parent(&mut chain, path)?;
        move_aside(held, &parent, path, *slot, seen)?;
    }
    for (slot, path) in &checked.displaced {
        let failed = |error| cannot("make room for", path, error);
        let old = old_name(*slot);
        parent(&mut chain, path)?.move_to(path.name(), &held.stage, &old).map_err(failed)?;
        let folder = held.stage.open(&old).map_err(failed)?;
        if !is_hollow(&folder, path.as_str(), &HashSet::new()).map_err(failed)? {
            return Err(changed(path));
        }
    }
    Ok(())
}

fn make_folder(chain: &mut Chain, path: &WorkspacePath) -> Result<(), FileError> {
    let parent = parent(chain, path)?;
    match parent.make_folder(path.name(), 0o777) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(cannot("make the folder", path, error)),
        _ => Ok(()),
    }
}

fn create(from: &Folder, staged: &str, parent: &Folder, path: &WorkspacePath) -> Result<(), FileError> {
    match from.move_to(staged, parent, path.name()) {
        Ok(()) => Ok(()),
        // Two names of one batch, or of a batch and a person, that are one name here.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match other_spelling(parent, path)? {
            Some(other) => Err(same_name(path, &other)),
            None => Err(changed(path)),
        },
        Err(error) => Err(cannot("write", path, error)),
    }
}

fn replace(held: &Held, parent: &Folder, path: &WorkspacePath, slot: usize, expected: &Seen) -> Result<(), FileError> {
    let new = new_name(slot);
    match held.stage.exchange(&new, parent, path.name()) {
        Ok(()) => verify(held, path, &new, expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(changed(path)),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            move_aside(held, parent, path, slot, expected)?;
            create(&held.stage, &new, parent, path)
        }
        Err(error) => Err(cannot("write", path, error)),
    }
}

fn move_aside(
    held: &Held,
    parent: &Folder,
    path: &WorkspacePath,
    slot: usize,
    expected: &Seen,
) -> Result<(), FileError> {
    let old = old_name(slot);
    match parent.move_to(path.name(), &held.stage, &old) {
        Ok(()) => verify(held, path, &old, expected),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(changed(path)),
        Err(error) => Err(cannot("remove", path, error)),
    }
}

/// Whether what was displaced is what was expected: someone may have saved it since the check.
fn verify(held: &Held, path: &WorkspacePath, displaced: &str, expected: &Seen) -> Result<(), FileError> {
    let failed = |error| cannot("look at", path, error);
    let Some(Thing::File(stat)) = held.stage.look(displaced).map_err(failed)? else { return Err(changed(path)) };
    let same = expected.stat.is_same_content(&stat)
        && match &expected.hash {
            None => true,
            hash => read::hash_of(&held.stage, displaced).map_err(failed)? == *hash,
        };
    if same { Ok(()) } else { Err(changed(path)) }
}

/// The version of what was written, also if someone has edited it since: then it is that of a file that is there no more.
fn version_of(parent: &Folder, path: &WorkspacePath, staged: &Stat) -> Result<Version, FileError> {
    match parent.look(path.name()).map_err(|error| cannot("look at", path, error))? {
        Some(Thing::File(stat)) if stat.is_same_content(staged) => Ok(stat.version()),
        _ => Ok(staged.version()),
    }
}

pub(super) fn parent(chain: &mut Chain, path: &WorkspacePath) -> Result<Folder, FileError> {
    chain.parent_of(path).map_err(|stop| match stop {
        Stop::Missing | Stop::File(_) => changed(path),
        Stop::Barred(error) | Stop::Failed(error) => error,
    })
}

fn changed(path: &WorkspacePath) -> FileError {
    FileError::Changed(vec![path.clone()])
}
