//! Makes a batch: all of it or nothing, also when the process dies, the disk fills up, or someone edits a file in the same moment.
//!
//! In this order: every expectation is checked; every new file is written into the stage and synced; the journal is written and
//! synced; then renames, each of which fails if something new is in its way, and keeps what it displaces; what was displaced is
//! compared with what was expected once more, so that an edit between the check and the rename is noticed; a sync; the commit. Any
//! failure before the commit undoes all of it. Three syncs for a batch of any size.
//!
//! Known gaps. A program that keeps a file open and writes to it after it was displaced writes into nothing. Owner, access lists and
//! extended attributes of a replaced file are not carried over; its permission bits are. Hard links to a replaced file keep the old
//! content.

use std::collections::{BTreeMap, HashSet};
use std::io;

use super::chain::{Chain, Stop};
use super::check::{Checked, cannot, check, is_hollow, other_spelling, same_name};
use super::folder::{Folder, Thing};
use super::home::Held;
use super::journal::{self, Op, PathText, new_name, old_name};
use super::mark::{self, Seen, Stat};
use super::{read, recover};
use crate::files::{Batch, FileError, Version, WorkspacePath, Write};

/// Makes it and gives the new versions, in order.
pub(super) fn apply(held: &Held, batch: &Batch) -> Result<Vec<Version>, FileError> {
    let checked = check(held, batch)?;
    let staged = stage(held, &checked).map_err(|error| take_back(held, error))?;
    let made = make(held, &checked, &staged).and_then(|versions| {
        recover::commit(held, &staged.ops).map_err(|error| FileError::storage("cannot finish the batch", error))?;
        Ok(versions)
    });
    match made {
        Ok(versions) => {
            // It is committed: if clearing up fails now, the next use goes on with it.
            _ = recover::end(held);
            Ok(versions)
        }
        Err(error) => Err(take_back(held, error)),
    }
}

fn take_back(held: &Held, error: FileError) -> FileError {
    // The journal goes first: with the staged files gone it would be read as if they had been moved to their places.
    match recover::recover(held) {
        Ok(()) => {
            // What stays behind is cleared away by the next batch.
            _ = recover::clear(&held.stage);
            error
        }
        Err(undo) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(" ({cause})")).unwrap_or_default();
            FileError::storage(format!("{error}{cause}; and the batch could not be taken back yet"), undo)
        }
    }
}

// ---- Stage ----

/// What waits in the stage, and the journal of what becomes of it.
struct Staged {
    ops: Vec<Op>,
    /// By slot.
    files: BTreeMap<usize, Stat>,
}

fn stage(held: &Held, checked: &Checked<'_>) -> Result<Staged, FileError> {
    recover::clear(&held.stage).map_err(|error| FileError::storage("cannot clear the stage", error))?;
    let text = |path: &WorkspacePath| PathText(path.clone());
    let mut ops = Vec::with_capacity(checked.deletes.len() + checked.writes.len());
    ops.extend(checked.deletes.iter().map(|(slot, path, _)| Op::Delete { path: text(path), slot: *slot }));
    ops.extend(checked.displaced.iter().map(|(slot, path)| Op::Displace { path: text(path), slot: *slot }));
    ops.extend(checked.folders.iter().map(|path| Op::MakeFolder { path: text(path) }));
    let mut files = BTreeMap::new();
    for (path, (slot, write, replaced)) in &checked.writes {
        let stat = stage_one(held, *slot, write, replaced.as_ref().map(|seen| &seen.stat), checked.writes.len())
            .map_err(|error| cannot("write", path, error))?;
        files.insert(*slot, stat);
        let (path, slot, hash) = (text(path), *slot, mark::digest(&write.bytes));
        ops.push(match replaced {
            None => Op::Create { path, slot, hash },
            Some(_) => Op::Replace { path, slot, hash },
        });
    }
    let journal = sync_stage(held, checked.writes.len()).and_then(|()| journal::write(&held.own, &ops));
    journal.map_err(|error| FileError::storage("cannot write the journal of the batch", error))?;
    Ok(Staged { ops, files })
}

fn stage_one(held: &Held, slot: usize, write: &Write, replaced: Option<&Stat>, of: usize) -> io::Result<Stat> {
    let mode = if write.executable { 0o777 } else { 0o666 };
    let file = held.stage.create(&new_name(slot), &write.bytes, mode, mark::date_for_new_files())?;
    let mut stat = Stat::of(&file)?;
    if let Some(wanted) = replaced.map(|old| with_executable(old.mode, write.executable))
        && wanted != stat.mode
    {
        held.stage.set_mode(&file, wanted)?;
        stat = Stat::of(&file)?;
    }
    if !is_many(of) {
        held.stage.sync_file(&file)?;
    }
    Ok(stat)
}

/// A file that a person made private stays so; who may read it may execute it.
fn with_executable(mode: u32, executable: bool) -> u32 {
    let plain = mode & 0o666;
    if executable { plain | (plain & 0o444) >> 2 } else { plain }
}

fn sync_stage(held: &Held, files: usize) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if is_many(files) {
        return held.own.sync_file_system();
    }
    let _ = files;
    held.stage.sync()
}

/// Whether one sync of the file system does for all files. Only Linux has it.
fn is_many(files: usize) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && files > recover::FEW
}

// ---- Make ----

fn make(held: &Held, checked: &Checked<'_>, staged: &Staged) -> Result<Vec<Version>, FileError> {
    make_room(held, checked)?;
    let mut chain = Chain::new(&held.root);
    for path in &checked.folders {
        make_folder(&mut chain, path)?;
    }
    let mut versions = BTreeMap::new();
    for (path, (slot, _, replaced)) in &checked.writes {
        let parent = parent(&mut chain, path)?;
        match replaced {
            Some(seen) => replace(held, &parent, path, *slot, seen)?,
            None => create(held, &parent, path, *slot)?,
        }
        versions.insert(*slot, version_of(&parent, path, &staged.files[slot])?);
    }
    Ok(versions.into_values().collect())
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

fn create(held: &Held, parent: &Folder, path: &WorkspacePath, slot: usize) -> Result<(), FileError> {
    match held.stage.move_to(&new_name(slot), parent, path.name()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Two names of one batch, or of a batch and a person, that are one name here.
            match other_spelling(&mut Chain::new(&held.root), path)? {
                Some(other) => Err(same_name(path, &other)),
                None => Err(changed(path)),
            }
        }
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
            create(held, parent, path, slot)
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

fn parent(chain: &mut Chain, path: &WorkspacePath) -> Result<Folder, FileError> {
    chain.parent_of(path).map_err(|stop| match stop {
        Stop::Missing | Stop::File(_) => changed(path),
        Stop::Barred(error) | Stop::Failed(error) => error,
    })
}

fn changed(path: &WorkspacePath) -> FileError {
    FileError::Changed(vec![path.clone()])
}
