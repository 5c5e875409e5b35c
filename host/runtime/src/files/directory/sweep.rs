//! Looks at every file of the workspace, by some threads at once, and keeps what is news.
//!
//! Decided here: how the work is shared out. A folder is one piece of work, and a large one is several, so that it does not matter
//! whether a workspace is deep or flat. Threads are asked for only when a few hundred files have been seen and more are to come; where
//! none can be had, one does it all. What counts as news is the sieve's to say (`files::news`), what a version is is `mark`'s, and
//! what cannot be lent is `walk`'s.
//!
//! A file that is known costs one look, a hash or two and no memory. Folders are taken from the end of the list of what is to do,
//! so that no more are open than lie above the ones that are worked on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

use rustix::fs::FileType;

use super::folder::{Folder, Thing};
use super::mark::{Clock, Stat};
use super::read;
use super::walk::{self, CHANGING, LINK, NO_TEXT, Opened, cannot};
use crate::files::news::{Caught, News, PathHash, Sieve};
use crate::files::{FileError, HOST_FOLDER, Skipped, WorkspacePath};

/// More than these wait for each other in the file system.
const MOST_THREADS: usize = 4;
/// Files that one thread has looked at before it asks for others: they take as long as starting them does.
const FEW: usize = if cfg!(test) { 3 } else { 500 };
/// Names of one folder that are one piece of work.
const SHARE: usize = if cfg!(test) { 4 } else { 250 };

/// What is new beside `known`, and in any case what is at one of `paths`.
pub(super) fn news(root: &Folder, known: Vec<u64>, paths: &[WorkspacePath]) -> Result<News, FileError> {
    let sweep = Sweep {
        sieve: Sieve::new(known, paths),
        clock: Clock::read(root.handle()),
        board: Mutex::new(Board { todo: vec![Job::Folder(root.clone(), String::new())], ..Board::default() }),
        posted: Condvar::new(),
    };
    let mut caught = thread::scope(|scope| sweep.with_helpers(scope));
    if let Some(error) = sweep.board().failure.take() {
        return Err(error);
    }
    caught.entries.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    caught.skipped.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    Ok(sweep.sieve.news(caught))
}

struct Sweep {
    sieve: Sieve,
    clock: Clock,
    board: Mutex<Board>,
    /// Something was put on the board, or nothing will be any more.
    posted: Condvar,
}

#[derive(Default)]
struct Board {
    todo: Vec<Job>,
    /// Jobs that are being done: each may bring more.
    doing: usize,
    /// Threads with nothing to do.
    waiting: usize,
    is_over: bool,
    failure: Option<FileError>,
}

enum Job {
    /// The parent, and the path of the folder in it with a slash at the end.
    Folder(Folder, String),
    Files(Files),
}

/// Some files of one folder.
struct Files {
    folder: Folder,
    prefix: String,
    /// Each with a slash behind it, which no name holds.
    names: String,
    count: usize,
}

/// A job that is being done. Dropped, also by a panic, it is done.
struct Doing<'s>(&'s Sweep);

impl Sweep {
    /// What this thread caught and those that it asks for help.
    fn with_helpers<'s>(&'s self, scope: &'s Scope<'s, '_>) -> Caught {
        let mut helpers: Option<Vec<ScopedJoinHandle<'s, Caught>>> = None;
        let mut caught = self.sieve.empty();
        let mut seen = 0;
        while let Some((job, _doing)) = self.next_job() {
            seen += self.work(job, &mut caught);
            if helpers.is_none() && seen > FEW && !self.board().todo.is_empty() {
                helpers = Some(self.helpers(scope));
            }
        }
        for helper in helpers.into_iter().flatten() {
            match helper.join() {
                Ok(more) => caught.add(more),
                Err(_) => {
                    let source = "a thread that did a part of it broke off";
                    self.fail(FileError::storage("cannot list the workspace", source));
                }
            }
        }
        caught
    }

    fn helpers<'s>(&'s self, scope: &'s Scope<'s, '_>) -> Vec<ScopedJoinHandle<'s, Caught>> {
        let threads = thread::available_parallelism().map_or(1, |cores| cores.get().min(MOST_THREADS));
        let help = || {
            let mut caught = self.sieve.empty();
            while let Some((job, _doing)) = self.next_job() {
                self.work(job, &mut caught);
            }
            caught
        };
        (1..threads).map_while(|_| thread::Builder::new().spawn_scoped(scope, help).ok()).collect()
    }

    /// Waits for one. None: all is done, or the rest does not matter.
    fn next_job(&self) -> Option<(Job, Doing<'_>)> {
        let mut board = self.board();
        loop {
            if board.is_over {
                return None;
            }
            if let Some(job) = board.todo.pop() {
                board.doing += 1;
                return Some((job, Doing(self)));
            }
            board.waiting += 1;
            board = self.posted.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.waiting -= 1;
        }
    }

    fn post(&self, jobs: impl IntoIterator<Item = Job>) {
        let mut board = self.board();
        board.todo.extend(jobs);
        if board.waiting > 0 {
            self.posted.notify_all();
        }
    }

    fn fail(&self, error: FileError) {
        let mut board = self.board();
        board.failure.get_or_insert(error);
        self.end(&mut board);
    }

    fn end(&self, board: &mut Board) {
        board.is_over = true;
        self.posted.notify_all();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many files were looked at.
    fn work(&self, job: Job, caught: &mut Caught) -> usize {
        let done = match job {
            Job::Files(files) => self.files(&files, caught),
            Job::Folder(parent, path) => self.folder(&parent, &path, caught),
        };
        if caught.is_too_much() {
            self.end(&mut self.board());
        }
        done.unwrap_or_else(|error| {
            self.fail(error);
            0
        })
    }

    fn folder(&self, parent: &Folder, path: &str, caught: &mut Caught) -> Result<usize, FileError> {
        let folder = match walk::open(parent, path)? {
            Opened::Folder(folder) => folder,
            Opened::Gone => return Ok(0),
            Opened::Link => {
                skip(caught, path.trim_end_matches('/').to_owned(), LINK);
                return Ok(0);
            }
        };
        let mut found = Found { files: Files::of(&folder, path), jobs: Vec::new(), caught };
        let mut unsure = Vec::new();
        let listed = folder.each_name(|name, kind| match (name.to_str(), kind) {
            (None, _) => skip(found.caught, format!("{path}{}", name.to_string_lossy()), NO_TEXT),
            (Some(HOST_FOLDER), _) if path.is_empty() => {}
            (Some(name), None) => unsure.push(name.to_owned()),
            (Some(name), Some(kind)) => found.add(name, kind),
        });
        listed.map_err(|error| cannot("list", path, error))?;
        for name in unsure {
            if let Some(kind) = walk::kind_of(&folder, path, &name)? {
                found.add(&name, kind);
            }
        }
        let Found { files, jobs, caught } = found;
        if !jobs.is_empty() {
            self.post(jobs);
        }
        self.files(&files, caught)
    }

    fn files(&self, files: &Files, caught: &mut Caught) -> Result<usize, FileError> {
        let start = PathHash::of(&files.prefix);
        for name in files.names.split_terminator('/') {
            self.file(files, start.then(name), name, caught)?;
        }
        Ok(files.count)
    }

    fn file(&self, files: &Files, hash: PathHash, name: &str, caught: &mut Caught) -> Result<(), FileError> {
        let path = || format!("{}{name}", files.prefix);
        let failed = |error| cannot("read", &path(), error);
        match files.folder.look(name).map_err(failed)? {
            None => {}
            Some(Thing::File(stat)) if stat.is_racy(&self.clock) => match read::hashed(&files.folder, name) {
                Ok((stat, version)) => self.sift(caught, &stat, version.as_str(), hash, path)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            },
            Some(Thing::File(stat)) => self.sift(caught, &stat, stat.digits().as_str(), hash, path)?,
            Some(Thing::Link) => skip(caught, path(), LINK),
            Some(Thing::Folder | Thing::Special) => skip(caught, path(), CHANGING),
        }
        Ok(())
    }

    fn sift(
        &self,
        caught: &mut Caught,
        stat: &Stat,
        version: &str,
        hash: PathHash,
        path: impl FnOnce() -> String,
    ) -> Result<(), FileError> {
        if self.sieve.holds(caught, hash, version, stat.is_executable()) {
            caught.entries.push(walk::entry(&path(), stat, crate::files::Version::new(version))?);
        }
        Ok(())
    }
}

impl Drop for Doing<'_> {
    fn drop(&mut self) {
        let mut board = self.0.board();
        board.doing -= 1;
        if board.doing == 0 && board.todo.is_empty() || thread::panicking() {
            self.0.end(&mut board);
        }
    }
}

/// What a folder holds, as it is sorted out.
struct Found<'c> {
    /// Those for the thread that lists the folder.
    files: Files,
    /// The rest, for anyone.
    jobs: Vec<Job>,
    caught: &'c mut Caught,
}

impl Found<'_> {
    fn add(&mut self, name: &str, kind: FileType) {
        let Files { folder, prefix, .. } = &self.files;
        match walk::fault(prefix, name, kind) {
            Some(reason) => skip(self.caught, format!("{prefix}{name}"), &reason),
            None if kind == FileType::Directory => {
                self.jobs.push(Job::Folder(folder.clone(), format!("{prefix}{name}/")));
            }
            None => {
                if self.files.count == SHARE {
                    let next = Files::of(folder, prefix);
                    self.jobs.push(Job::Files(std::mem::replace(&mut self.files, next)));
                }
                self.files.names.extend([name, "/"]);
                self.files.count += 1;
            }
        }
    }
}

impl Files {
    fn of(folder: &Folder, prefix: &str) -> Self {
        Self { folder: folder.clone(), prefix: prefix.to_owned(), names: String::new(), count: 0 }
    }
}

fn skip(caught: &mut Caught, path: String, reason: &str) {
    caught.skipped.push(Skipped { path, reason: reason.to_owned() });
}
