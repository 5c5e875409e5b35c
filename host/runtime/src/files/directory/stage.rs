//! The new files of a batch, written where no one sees them, and the journal of what becomes of them.
//!
//! Decided here: where each waits. A folder that was not there is staged with all that goes into it, so that one rename brings all of
//! it to its place; every other file waits by itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use super::apply::parent;
use super::chain::Chain;
use super::check::{Checked, cannot, other_spelling, same_name};
use super::folder::Folder;
use super::home::Held;
use super::journal::{self, Op, PathText, Turn, folder_name, new_name};
use super::mark::{self, Seen, Stat};
use super::recover;
use crate::files::{FileError, WorkspacePath, Write};

/// Files are staged by at most so many threads: beyond, they wait for each other in the file system.
const MOST_THREADS: usize = 4;
/// Below this a thread costs more than it brings.
const FILES_PER_THREAD: usize = 128;

/// What waits in the stage, and the journal of what becomes of it.
pub(super) struct Staged<'a> {
    pub(super) ops: Vec<Op>,
    /// By slot.
    pub(super) files: BTreeMap<usize, Stat>,
    /// New folders whose parents are there, with their numbers: each waits with all that goes into it, and is moved whole.
    pub(super) tops: BTreeMap<&'a WorkspacePath, usize>,
    /// Whether there is nothing but new files, and so many that they are synced together.
    pub(super) is_new: bool,
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
pub(super) type Within = (usize, usize);

pub(super) fn stage<'a>(held: &Held, checked: &'a Checked<'_>, turn: Turn) -> Result<Staged<'a>, FileError> {
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
            match staged.parent_of(path, within)?.make_folder(path.name(), 0o777) {
                // Two folders of the batch that are one here.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(cannot("make the folder", path, error));
                }
                _ => {}
            }
        }
    }
    Ok(tops)
}

/// Where a path below one of the new folders is staged.
pub(super) fn within(tops: &BTreeMap<&WorkspacePath, usize>, path: &WorkspacePath) -> Option<Within> {
    if tops.is_empty() {
        return None;
    }
    path.ancestors().find_map(|folder| Some((*tops.get(&folder)?, folder.parts().count())))
}

/// The new folders in the stage, opened one after the other.
pub(super) struct StagedFolders<'h> {
    held: &'h Held,
    open: Option<(usize, Chain)>,
}

impl<'h> StagedFolders<'h> {
    pub(super) fn new(held: &'h Held) -> Self {
        Self { held, open: None }
    }

    pub(super) fn parent_of(&mut self, path: &WorkspacePath, (number, depth): Within) -> Result<Folder, FileError> {
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
pub(super) fn sync(held: &Held, staged: &Staged<'_>) -> io::Result<()> {
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
