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
//! content.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use super::chain::{Chain, Stop};
use super::check::{Checked, cannot, check, is_hollow, other_spelling, same_name};
use super::folder::{Folder, Thing};
use super::home::Held;
use super::journal::{self, Op, PathText, Turn, folder_name, new_name, old_name};
use super::mark::{self, Seen, Stat};
use super::{read, recover};
use crate::files::{Batch, FileError, Version, WorkspacePath, Write};

/// Files are staged by at most so many threads: beyond, they wait for each other in the file system.
const MOST_THREADS: usize = 4;
/// Below this a thread costs more than it brings.
const FILES_PER_THREAD: usize = 128;

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
    let staged = stage(held, &checked, turn);
    before().and(staged).and_then(|staged| place(held, &checked, staged)).map_err(|error| take_back(held, error))
}

fn place(held: &Held, checked: &Checked<'_>, staged: Staged<'_>) -> Result<Made, FileError> {
    sync_stage(held, &staged).map_err(|error| FileError::storage("cannot write the journal of the batch", error))?;
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

// ---- Stage ----

/// What waits in the stage, and the journal of what becomes of it.
struct Staged<'a> {
    ops: Vec<Op>,
    /// By slot.
    files: BTreeMap<usize, Stat>,
    /// New folders whose parents are there, with their numbers: each waits with all that goes into it, and is moved whole.
    tops: BTreeMap<&'a WorkspacePath, usize>,
    is_new: bool,
}

/// A file to be staged.
struct Job<'a> {
    path: &'a WorkspacePath,
    slot: usize,
    write: &'a Write,
    replaced: Option<&'a Stat>,
    within: Option<Within>,
}

/// The number of the new folder that a file waits in, and how many parts of its path that folder is.
type Within = (usize, usize);

fn stage<'a>(held: &Held, checked: &'a Checked<'_>, turn: Turn) -> Result<Staged<'a>, FileError> {
    recover::clear(&held.stage).map_err(|error| FileError::storage("cannot clear the stage", error))?;
    let tops = stage_folders(held, checked, turn)?;
    let text = |path: &WorkspacePath| PathText(path.clone());
    let is_new = checked.deletes.is_empty()
        && checked.displaced.is_empty()
        && checked.writes.values().all(|(_, _, replaced)| replaced.is_none())
        && is_many(checked.writes.len());
    let mut ops = Vec::with_capacity(checked.deletes.len() + checked.folders.len() + checked.writes.len());
    ops.extend(checked.deletes.iter().map(|(slot, path, _)| Op::Delete { path: text(path), slot: *slot }));
    ops.extend(checked.displaced.iter().map(|(slot, path)| Op::Displace { path: text(path), slot: *slot }));
    ops.extend(checked.folders.iter().map(|path| Op::MakeFolder { path: text(path) }));
    let date = mark::date_for_new_files();
    let dated = i64::try_from(date).ok().filter(|_| is_new);
    let jobs = jobs(checked, &tops);
    let mut files = BTreeMap::new();
    for (job, (stat, hash)) in jobs.iter().zip(stage_all(held, &jobs, date)?) {
        files.insert(job.slot, stat);
        let (path, slot, within) = (text(job.path), job.slot, job.within);
        ops.push(match job.replaced {
            None => Op::Create { path, slot, hash, within, dated },
            Some(_) => Op::Replace { path, slot, hash },
        });
    }
    Ok(Staged { ops, files, tops, is_new })
}

/// Makes the new folders in the stage. Not those whose new files would belong to another group there.
fn stage_folders<'a>(
    held: &Held,
    checked: &'a Checked<'_>,
    turn: Turn,
) -> Result<BTreeMap<&'a WorkspacePath, usize>, FileError> {
    let group = held.stage.group_for_new().map_err(|error| FileError::storage("cannot look at the stage", error))?;
    let mut chain = Chain::new(&held.root);
    let mut tops = BTreeMap::new();
    for path in &checked.folders {
        let is_top = path.parent().is_none_or(|parent| !checked.folders.contains(&parent));
        let failed = |error| cannot("make the folder", path, error);
        if is_top && parent(&mut chain, path)?.group_for_new().map_err(failed)? == group {
            let number = turn.number(tops.len());
            held.stage.make_folder(&folder_name(number), 0o777).map_err(failed)?;
            tops.insert(path, number);
        }
    }
    let mut staged = StagedFolders::new(held);
    for path in &checked.folders {
        if let Some(within) = within(&tops, path) {
            let made = staged.parent_of(path, within)?.make_folder(path.name(), 0o777);
            made.map_err(|error| cannot("make the folder", path, error))?;
        }
    }
    Ok(tops)
}

/// Where a path below one of the new folders is staged.
fn within(tops: &BTreeMap<&WorkspacePath, usize>, path: &WorkspacePath) -> Option<Within> {
    if tops.is_empty() {
        return None;
    }
    path.ancestors().find_map(|folder| Some((*tops.get(&folder)?, folder.parts().count())))
}

/// The new folders in the stage, opened one after the other.
struct StagedFolders<'h> {
    held: &'h Held,
    open: Option<(usize, Chain)>,
}

impl<'h> StagedFolders<'h> {
    fn new(held: &'h Held) -> Self {
        Self { held, open: None }
    }

    fn parent_of(&mut self, path: &WorkspacePath, (number, depth): Within) -> Result<Folder, FileError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != number) {
            let folder = self.held.stage.open(&folder_name(number)).map_err(|error| cannot("write", path, error))?;
            self.open = Some((number, Chain::below(&folder, depth)));
        }
        let (_, chain) = self.open.as_mut().expect("it was opened above");
        parent(chain, path)
    }
}

fn jobs<'a>(checked: &'a Checked<'_>, tops: &BTreeMap<&WorkspacePath, usize>) -> Vec<Job<'a>> {
    let job = |(path, (slot, write, replaced)): (&&'a WorkspacePath, &'a (usize, &'a Write, Option<Seen>))| Job {
        path,
        slot: *slot,
        write,
        replaced: replaced.as_ref().map(|seen| &seen.stat),
        within: within(tops, path),
    };
    checked.writes.iter().map(job).collect()
}

/// What is known of a new file: its stat and the hash of its bytes.
type StagedFile = (Stat, String);

/// All new files, in order. Many of them by some threads at once: making a file and copying its bytes is kernel time of one core, and
/// more of it than all the rest of a batch takes.
fn stage_all(held: &Held, jobs: &[Job<'_>], date: i128) -> Result<Vec<StagedFile>, FileError> {
    let each_is_synced = !is_many(jobs.len());
    let stage_some = |jobs: &[Job<'_>]| {
        let mut folders = StagedFolders::new(held);
        jobs.iter().map(|job| stage_one(&mut folders, job, date, each_is_synced)).collect::<Result<Vec<_>, _>>()
    };
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS));
    let share = jobs.len().div_ceil(threads).max(FILES_PER_THREAD);
    let (first, rest) = jobs.split_at(share.min(jobs.len()));
    std::thread::scope(|scope| {
        let spawn = |some| {
            let spawned = std::thread::Builder::new().spawn_scoped(scope, move || stage_some(some));
            (some, spawned)
        };
        let others: Vec<_> = rest.chunks(share).map(spawn).collect();
        let mut staged = stage_some(first);
        for (some, other) in others {
            // Every thread is waited for, also after a failure: what it writes must not come after the clearing up. And where there
            // was no thread to be had, it is done here.
            let more = match other {
                Ok(thread) => thread.join().unwrap_or_else(|_| Err(broke_off())),
                Err(_) if staged.is_ok() => stage_some(some),
                Err(_) => Ok(Vec::new()),
            };
            staged = staged.and_then(|mut staged| {
                staged.extend(more?);
                Ok(staged)
            });
        }
        staged
    })
}

fn broke_off() -> FileError {
    FileError::storage("cannot write the batch", "a thread that wrote a part of it broke off")
}

fn stage_one(
    folders: &mut StagedFolders<'_>,
    job: &Job<'_>,
    date: i128,
    is_synced: bool,
) -> Result<StagedFile, FileError> {
    let (folder, name) = match job.within {
        None => (folders.held.stage.clone(), Cow::Owned(new_name(job.slot))),
        Some(within) => (folders.parent_of(job.path, within)?, Cow::Borrowed(job.path.name())),
    };
    match create_staged(&folder, &name, job, date, is_synced) {
        Ok(stat) => Ok((stat, mark::digest(&job.write.bytes))),
        // Two names of one batch that are one name here.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match other_spelling(&folder, job.path)? {
            Some(other) => Err(same_name(job.path, &other)),
            None => Err(cannot("write", job.path, error)),
        },
        Err(error) => Err(cannot("write", job.path, error)),
    }
}

fn create_staged(folder: &Folder, name: &str, job: &Job<'_>, date: i128, is_synced: bool) -> io::Result<Stat> {
    let mode = if job.write.executable { 0o777 } else { 0o666 };
    let file = folder.create(name, &job.write.bytes, mode, date)?;
    let mut stat = Stat::of(&file)?;
    if let Some(wanted) = job.replaced.map(|old| with_executable(old.mode, job.write.executable))
        && wanted != stat.mode
    {
        folder.set_mode(&file, wanted)?;
        stat = Stat::of(&file)?;
    }
    if is_synced {
        folder.sync_file(&file)?;
    }
    Ok(stat)
}

/// A file that a person made private stays so; who may read it may execute it.
fn with_executable(mode: u32, executable: bool) -> u32 {
    let plain = mode & 0o666;
    if executable { plain | (plain & 0o444) >> 2 } else { plain }
}

/// Makes the journal outlast a power cut, and before it what was staged. New files alone need not: until the batch is final, one that
/// was cut short is told by its date and taken back with the others.
fn sync_stage(held: &Held, staged: &Staged<'_>) -> io::Result<()> {
    match staged.files.len() {
        _ if staged.is_new => {}
        #[cfg(any(target_os = "linux", target_os = "android"))]
        files if is_many(files) => held.own.sync_file_system()?,
        _ => held.stage.sync()?,
    }
    journal::write(&held.own, &staged.ops)
}

/// Whether one sync of the file system does for all files. Only Linux has it.
fn is_many(files: usize) -> bool {
    cfg!(any(target_os = "linux", target_os = "android")) && files > recover::FEW
}

// ---- Make ----

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

fn parent(chain: &mut Chain, path: &WorkspacePath) -> Result<Folder, FileError> {
    chain.parent_of(path).map_err(|stop| match stop {
        Stop::Missing | Stop::File(_) => changed(path),
        Stop::Barred(error) | Stop::Failed(error) => error,
    })
}

fn changed(path: &WorkspacePath) -> FileError {
    FileError::Changed(vec![path.clone()])
}
