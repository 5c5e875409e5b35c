//! Brings the workspace back to what it was before a batch that did not end, or ends one that was committed.
//!
//! Every step here may be the last one as well: running it again goes on from what it finds. What a person saved after the crash is
//! never overwritten and never removed: a file is only taken back if its bytes are the ones that the batch put there, and what would
//! have to go over it is kept in `kept/`.

use std::collections::BTreeSet;
use std::io;

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing};
use super::home::Held;
use super::journal::{self, DONE, JOURNAL, Op, folder_name, new_name, old_name};
use super::{kept, read};
use crate::files::{FileError, WorkspacePath};

/// Undoes, ends or does nothing, as the host's folder says.
pub(super) fn recover(held: &Held) -> Result<(), FileError> {
    let failed = |error| FileError::storage("cannot clear up an unfinished batch", error);
    if held.own.look(DONE).map_err(failed)?.is_some() {
        end(held).map_err(failed)?;
    }
    if held.own.look(JOURNAL).map_err(failed)?.is_some() {
        undo(held).map_err(failed)?;
    }
    Ok(())
}

/// Takes the batch of `journal` back.
pub(super) fn undo(held: &Held) -> io::Result<()> {
    let ops = journal::read(&held.own, JOURNAL)?.unwrap_or_default();
    let mut chain = Chain::new(&held.root);
    for op in ops.iter().rev() {
        match chain.parent_of(op.path()) {
            Ok(parent) => undo_one(held, &parent, op)?,
            // Where there is no folder any more, nothing can be undone in it.
            Err(Stop::Missing | Stop::File(_) | Stop::Barred(_)) => keep_all(held, op)?,
            Err(Stop::Failed(error)) => return Err(io::Error::other(error)),
        }
        if matches!(op, Op::MakeFolder { .. } | Op::Displace { .. }) {
            chain = Chain::new(&held.root);
        }
    }
    sync_all(held, &ops)?;
    held.own.remove_file(JOURNAL)?;
    clear(&held.stage)
}

/// Makes the batch final: from here on it is never undone.
pub(super) fn commit(held: &Held, ops: &[Op]) -> io::Result<()> {
    sync_all(held, ops)?;
    held.own.move_to(JOURNAL, &held.own, DONE)?;
    held.own.sync().or_else(|error| {
        // Not known to outlast a power cut: then it must not count.
        held.own.move_to(DONE, &held.own, JOURNAL)?;
        Err(error)
    })
}

/// Clears up after a committed batch: folders that its deletes emptied, and what it displaced.
pub(super) fn end(held: &Held) -> io::Result<()> {
    let ops = journal::read(&held.own, DONE)?.unwrap_or_default();
    let deleted = ops.iter().filter(|op| matches!(op, Op::Delete { .. }));
    let emptied: BTreeSet<WorkspacePath> = deleted.flat_map(|op| op.path().ancestors()).collect();
    // From the deepest up: a path sorts after the folders it is in.
    for folder in emptied.iter().rev() {
        if let Ok(parent) = Chain::new(&held.root).parent_of(folder) {
            remove_if_empty(&parent, folder.name())?;
        }
    }
    clear(&held.stage)?;
    held.own.remove_file(DONE)
}

/// The same after a batch that only made new files, which leaves nothing to clear up. The next one may be in the stage already.
pub(super) fn end_of_new(held: &Held) -> io::Result<()> {
    held.own.remove_file(DONE)
}

/// Removes all that is staged: files, and displaced folders, which hold nothing but folders.
pub(super) fn clear(folder: &Folder) -> io::Result<()> {
    for (name, _) in folder.names()? {
        let Some(name) = name.to_str() else { continue };
        match folder.look(name)? {
            Some(Thing::Folder) => {
                clear(&folder.open(name)?)?;
                folder.remove_folder(name)?;
            }
            Some(_) => folder.remove_file(name)?,
            None => {}
        }
    }
    Ok(())
}

fn undo_one(held: &Held, parent: &Folder, op: &Op) -> io::Result<()> {
    let name = op.path().name();
    match op {
        Op::Delete { slot, .. } | Op::Displace { slot, .. } => put_back(held, &old_name(*slot), parent, op.path()),
        Op::MakeFolder { .. } => remove_if_empty(parent, name),
        Op::Create { slot, hash, dated, .. } => {
            if !is_staged(held, op)? && (is_ours(parent, name, hash)? || is_ours_in_part(parent, name, *dated)?) {
                parent.move_to(name, &held.stage, &new_name(*slot))?;
            }
            Ok(())
        }
        Op::Replace { slot, hash, .. } => undo_replace(held, parent, op.path(), *slot, hash),
    }
}

fn undo_replace(held: &Held, parent: &Folder, path: &WorkspacePath, slot: usize, hash: &str) -> io::Result<()> {
    let name = path.name();
    let (new, old) = (new_name(slot), old_name(slot));
    if held.stage.look(&old)?.is_some() {
        if held.stage.look(&new)?.is_none() && is_ours(parent, name, hash)? {
            parent.move_to(name, &held.stage, &new)?;
        }
        return put_back(held, &old, parent, path);
    }
    // An exchange: what waits under the new name is the old file if it was done, and the new one if not.
    let displaced = match held.stage.look(&new)? {
        None => false,
        Some(Thing::File(_)) => !is_ours(&held.stage, &new, hash)?,
        Some(_) => true,
    };
    match displaced {
        true if is_ours(parent, name, hash)? => held.stage.exchange(&new, parent, name),
        true => put_back(held, &new, parent, path),
        false => Ok(()),
    }
}

/// Whether a new file still waits in the stage.
fn is_staged(held: &Held, op: &Op) -> io::Result<bool> {
    let Op::Create { path, slot, within, .. } = op else { return Ok(false) };
    let Some((folder, depth)) = within else { return Ok(held.stage.look(&new_name(*slot))?.is_some()) };
    let folder = folder_name(*folder);
    if held.stage.look(&folder)?.is_none() {
        return Ok(false);
    }
    match Chain::below(&held.stage.open(&folder)?, *depth).parent_of(&path.0) {
        Ok(parent) => Ok(parent.look(path.0.name())?.is_some()),
        Err(_) => Ok(false),
    }
}

/// Whether it is a new file that a power cut has kept from the disk. Its date is a moment some seconds before it was written, to the
/// nanosecond, which no edit leaves; and a file without a byte holds nothing that anyone could have saved.
fn is_ours_in_part(folder: &Folder, name: &str, dated: Option<i64>) -> io::Result<bool> {
    let Some(dated) = dated else { return Ok(false) };
    Ok(matches!(folder.look(name)?, Some(Thing::File(stat)) if stat.modified == i128::from(dated) || stat.size == 0))
}

/// Whether the bytes there are the ones the batch wrote.
fn is_ours(folder: &Folder, name: &str, hash: &str) -> io::Result<bool> {
    Ok(read::hash_of(folder, name)?.as_deref() == Some(hash))
}

/// Back to its place; if that is taken, or gone, it is kept aside.
fn put_back(held: &Held, staged: &str, parent: &Folder, path: &WorkspacePath) -> io::Result<()> {
    if held.stage.look(staged)?.is_none() {
        return Ok(());
    }
    match held.stage.move_to(staged, parent, path.name()) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => kept::keep(held, staged, path),
        done => done,
    }
}

/// Keeps what an operation displaced, when there is no folder to put it back to.
fn keep_all(held: &Held, op: &Op) -> io::Result<()> {
    let displaced = match op {
        Op::Delete { slot, .. } => old_name(*slot),
        Op::Replace { slot, .. } if held.stage.look(&old_name(*slot))?.is_some() => old_name(*slot),
        Op::Replace { slot, hash, .. } if !is_ours(&held.stage, &new_name(*slot), hash)? => new_name(*slot),
        _ => return Ok(()),
    };
    match held.stage.look(&displaced)? {
        Some(_) => kept::keep(held, &displaced, op.path()),
        None => Ok(()),
    }
}

fn remove_if_empty(parent: &Folder, name: &str) -> io::Result<()> {
    let full = |error: &io::Error| {
        use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound, ResourceBusy};
        // Linux and BSD differ in what they say of a folder that holds something.
        matches!(error.kind(), DirectoryNotEmpty | NotADirectory | NotFound | ResourceBusy)
            || error.raw_os_error() == Some(rustix::io::Errno::EXIST.raw_os_error())
    };
    match parent.remove_folder(name) {
        Err(error) if full(&error) => Ok(()),
        done => done,
    }
}

/// Past this many changes one sync of the file system is cheaper than one for each file and folder.
pub(super) const FEW: usize = 16;

/// Makes the renames of these operations outlast a power cut.
fn sync_all(held: &Held, ops: &[Op]) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if ops.len() > FEW {
        return held.own.sync_file_system();
    }
    let mut chain = Chain::new(&held.root);
    let parents: BTreeSet<Option<WorkspacePath>> = ops.iter().map(|op| op.path().parent()).collect();
    for parent in parents {
        let folder = match &parent {
            None => Ok(held.root.clone()),
            Some(parent) => chain.folder(parent),
        };
        // A folder that is gone has nothing left to sync.
        if let Ok(folder) = folder {
            folder.sync()?;
        }
    }
    held.stage.sync()
}
