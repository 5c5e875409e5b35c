//! Whether a batch fits what is there, and what it comes to then. Changes nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use super::chain::{Chain, Stop};
use super::folder::{Folder, Thing};
use super::home::Held;
use super::journal::Turn;
use super::mark::{Seen, Stat};
use super::read;
use crate::files::{Batch, Change, Expectation, FileError, Version, WorkspacePath, Write};

/// What a batch comes to, given what is there.
pub(super) struct Checked<'a> {
    /// With their slots.
    pub(super) deletes: Vec<(usize, &'a WorkspacePath, Seen)>,
    /// Folders in the place of files to write.
    pub(super) displaced: Vec<(usize, &'a WorkspacePath)>,
    pub(super) folders: BTreeSet<WorkspacePath>,
    /// In the order of paths, so that each folder is opened once.
    pub(super) writes: BTreeMap<&'a WorkspacePath, (usize, &'a Write, Option<Seen>)>,
}

/// What is at a change's path.
enum Spot {
    Absent,
    File(Stat),
    Folder,
    /// A file is where a folder of the path should be.
    Under(WorkspacePath),
}

pub(super) fn check<'a>(held: &Held, batch: &'a Batch, turn: Turn) -> Result<Checked<'a>, FileError> {
    let mut slots: Vec<usize> = (0..batch.changes().len()).collect();
    slots.sort_unstable_by_key(|slot| batch.changes()[*slot].path());
    let mut chain = Chain::new(&held.root);
    let mut spots = Vec::with_capacity(slots.len());
    // The last folder that is not there: whatever else is below it need not be looked for.
    let mut missing: Option<WorkspacePath> = None;
    for slot in slots {
        let change = &batch.changes()[slot];
        if missing.as_ref().is_some_and(|folder| change.path().is_below(folder)) {
            spots.push((slot, change, Spot::Absent));
            continue;
        }
        let spot = match chain.parent_of(change.path()) {
            Err(Stop::Missing) => {
                missing = change.path().parent();
                Spot::Absent
            }
            reached => locate(reached, change.path())?,
        };
        spots.push((slot, change, spot));
    }
    let leaving = Leaving::of(&spots);
    let mut checked = Checked { deletes: vec![], displaced: vec![], folders: BTreeSet::new(), writes: BTreeMap::new() };
    let mut unexpected = Vec::new();
    for (slot, change, spot) in &spots {
        let fits = match change {
            Change::Delete(_) => check_delete(&mut chain, &mut checked, turn.number(*slot), change, spot)?,
            Change::Write(write) => check_write(&mut chain, &mut checked, turn.number(*slot), write, spot, &leaving)?,
        };
        if !fits {
            unexpected.push(*slot);
        }
    }
    if unexpected.is_empty() {
        return Ok(checked);
    }
    unexpected.sort_unstable();
    Err(FileError::Changed(unexpected.into_iter().map(|slot| batch.changes()[slot].path().clone()).collect()))
}

/// The files that the batch deletes.
struct Leaving {
    paths: HashSet<WorkspacePath>,
    inodes: HashSet<u64>,
}

impl Leaving {
    fn of(spots: &[(usize, &Change, Spot)]) -> Self {
        let mut leaving = Self { paths: HashSet::new(), inodes: HashSet::new() };
        for (_, change, spot) in spots {
            if let (Change::Delete(delete), Spot::File(stat)) = (change, spot) {
                leaving.paths.insert(delete.path.clone());
                leaving.inodes.insert(stat.inode);
            }
        }
        leaving
    }
}

fn locate(parent: Result<Folder, Stop>, path: &WorkspacePath) -> Result<Spot, FileError> {
    let folder = match parent {
        Ok(folder) => folder,
        Err(Stop::Missing) => return Ok(Spot::Absent),
        Err(Stop::File(file)) => return Ok(Spot::Under(file)),
        Err(Stop::Barred(error) | Stop::Failed(error)) => return Err(error),
    };
    match folder.look(path.name()).map_err(|error| cannot("look at", path, error))? {
        None => Ok(Spot::Absent),
        Some(Thing::File(stat)) => Ok(Spot::File(stat)),
        Some(Thing::Folder) => Ok(Spot::Folder),
        Some(Thing::Link) => Err(FileError::unsafe_path(path, "a symbolic link is in its place")),
        Some(Thing::Special) => Err(FileError::unsafe_path(path, "a device, a pipe or a socket is in its place")),
    }
}

fn check_delete<'a>(
    chain: &mut Chain,
    checked: &mut Checked<'a>,
    slot: usize,
    change: &'a Change,
    spot: &Spot,
) -> Result<bool, FileError> {
    let path = change.path();
    match (change.expected(), spot) {
        (Expectation::Absent, spot) => Ok(!matches!(spot, Spot::File(_))),
        (Expectation::Version(version), Spot::File(_)) => {
            let Some(seen) = fitting(chain, path, version)? else { return Ok(false) };
            checked.deletes.push((slot, path, seen));
            Ok(true)
        }
        (Expectation::Version(_), _) => Ok(false),
    }
}

fn check_write<'a>(
    chain: &mut Chain,
    checked: &mut Checked<'a>,
    slot: usize,
    write: &'a Write,
    spot: &Spot,
    leaving: &Leaving,
) -> Result<bool, FileError> {
    let mut replaced = None;
    match (&write.expected, spot) {
        (Expectation::Absent, Spot::Absent) => {}
        (Expectation::Absent, Spot::Under(file)) if leaving.paths.contains(file) => {}
        (Expectation::Absent, Spot::Folder) if is_emptied(chain, &write.path, leaving)? => {
            checked.displaced.push((slot, &write.path));
        }
        (Expectation::Absent, Spot::File(stat)) => match spelled_otherwise(chain, &write.path)? {
            // The same file in other letters, and it leaves: a rename of letters only.
            Some(_) if leaving.inodes.contains(&stat.inode) => {}
            Some(other) => return Err(same_name(&write.path, &other)),
            None => return Ok(false),
        },
        (Expectation::Version(version), Spot::File(_)) => {
            replaced = fitting(chain, &write.path, version)?;
            if replaced.is_none() {
                return Ok(false);
            }
        }
        _ => return Ok(false),
    }
    for folder in write.path.ancestors() {
        if checked.folders.contains(&folder) || chain.folder(&folder).is_ok() {
            break;
        }
        checked.folders.insert(folder);
    }
    checked.writes.insert(&write.path, (slot, write, replaced));
    Ok(true)
}

/// Whether the batch deletes every file in the folder.
fn is_emptied(chain: &mut Chain, path: &WorkspacePath, leaving: &Leaving) -> Result<bool, FileError> {
    let Ok(folder) = chain.folder(path) else { return Ok(false) };
    is_hollow(&folder, path.as_str(), &leaving.paths).map_err(|error| cannot("look into", path, error))
}

/// The file, if it is of that version now.
fn fitting(chain: &mut Chain, path: &WorkspacePath, version: &Version) -> Result<Option<Seen>, FileError> {
    let Ok(folder) = chain.parent_of(path) else { return Ok(None) };
    read::of_version(&folder, path.name(), version).map_err(|error| cannot("look at", path, error))
}

fn spelled_otherwise(chain: &mut Chain, path: &WorkspacePath) -> Result<Option<String>, FileError> {
    let Ok(folder) = chain.parent_of(path) else { return Ok(None) };
    other_spelling(&folder, path)
}

/// The name under which the file system really holds the file, if it is not the one asked for: it does not tell case apart, or
/// composed letters from decomposed ones.
pub(super) fn other_spelling(folder: &Folder, path: &WorkspacePath) -> Result<Option<String>, FileError> {
    let failed = |error| cannot("list the folder of", path, error);
    let names = folder.names().map_err(failed)?;
    let names: Vec<&str> = names.iter().filter_map(|(name, _)| name.to_str()).collect();
    if names.contains(&path.name()) {
        return Ok(None);
    }
    let Some(Thing::File(stat)) = folder.look(path.name()).map_err(failed)? else { return Ok(None) };
    for name in names {
        if let Some(Thing::File(other)) = folder.look(name).map_err(failed)?
            && other.inode == stat.inode
        {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

pub(super) fn same_name(path: &WorkspacePath, other: &str) -> FileError {
    FileError::unsafe_path(path, format_args!("the file system does not tell it from `{other}`"))
}

/// Whether nothing but folders is left in it without the files `leaving`, which are paths below `prefix`.
pub(super) fn is_hollow(folder: &Folder, prefix: &str, leaving: &HashSet<WorkspacePath>) -> io::Result<bool> {
    for (name, _) in folder.names()? {
        let Some(name) = name.to_str() else { return Ok(false) };
        // Also bounds how deep this goes.
        let Ok(path) = WorkspacePath::parse(&format!("{prefix}/{name}")) else { return Ok(false) };
        let goes = match folder.look(name)? {
            Some(Thing::Folder) => is_hollow(&folder.open(name)?, path.as_str(), leaving)?,
            Some(Thing::File(_)) => leaving.contains(&path),
            _ => false,
        };
        if !goes {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn cannot(verb: &str, path: &WorkspacePath, error: io::Error) -> FileError {
    FileError::storage(format!("cannot {verb} `{path}`"), error)
}
