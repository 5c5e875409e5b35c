//! Takes the contents of many files out of one archive.
//!
//! Decided here: what of an archive counts (only what a task wants and whose blob id is right), and how much of it is held before it
//! is written. What an archive does not give is left to be fetched otherwise.
//!
//! And how much of an archive one call reads: GitLab gives it from its beginning only, so a call that goes on passes over what the ones
//! before have read. Once that is half of what a call reads at most, or took all of its time, the archive of that commit is not asked for
//! again.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::{Ready, Task, Work};
use crate::blob::BlobId;
use crate::error::Error;
use crate::gitlab::archive::{self, Tar};
use crate::host::{HttpError, Level, Put};
use crate::ledger::Mark;
use crate::order;
use crate::path::{RepoPath, in_byte_order};
use crate::plan::Action;
use crate::session::ARCHIVE;
use crate::tree::Entry;
use crate::workspace::{MAX_FILE, Written};

/// Files out of an archive that are put into the maps together, at least; and at least half as many as are there, since that goes through
/// all of a map.
const TOGETHER: usize = 8_192;
/// Of an archive, held until they are written together.
const HELD_BYTES: usize = 4 * 1024 * 1024;
const HELD_FILES: usize = 2_048;

impl Work<'_, '_> {
    /// Whether calls before have read so much of this commit's archive that the rest costs less in batches.
    pub(super) fn is_archive_used_up(&self) -> Result<bool, Error> {
        let kept = self.session.host().get(ARCHIVE)?;
        Ok(kept.is_some_and(|kept| self.remote.head.as_deref().is_some_and(|head| kept.bytes == head.as_bytes())))
    }

    /// Takes what it can out of one archive and gives back the tasks that are left.
    pub(super) fn unpack(&mut self, tasks: Vec<Task>) -> Result<Vec<Task>, Error> {
        let Some(head) = self.remote.head.as_deref().filter(|_| !self.done.cut) else { return Ok(tasks) };
        let wanted = Wanted::new(&tasks, |id| !self.is_here(id));
        let client = self.session.client;
        let request = client.get(archive::target(self.session.configuration.project, head));
        let mut unpacking = Unpacking {
            work: self,
            tasks,
            wanted,
            ahead: Ahead::default(),
            held: Vec::new(),
            bytes: 0,
            read: 0,
            failure: None,
        };
        let mut tar = Tar::default();
        let outcome = client.stream(&request, &mut |bytes| unpacking.take(&mut tar, bytes));
        unpacking.finish();
        if let Some(failure) = unpacking.failure.take() {
            return Err(failure);
        }
        let (wanted, tasks, read) = (unpacking.wanted, unpacking.tasks, unpacking.read);
        self.note_unpacked();
        let most = self.session.host().portion().archive;
        let is_too_much = read > most || outcome == Err(HttpError::ReplyTooLarge) || self.is_late();
        self.done.cut |= is_too_much;
        if is_too_much || self.done.cut && read > most / 2 {
            self.use_up_archive(head)?;
        }
        if let Err(error) = client.checked(&request, outcome) {
            self.session.host().event(
                Level::Info,
                "no archive: fetching files one by one",
                &[("reason", &error.message)],
            );
        }
        let left = tasks.into_iter().enumerate().filter(|(at, _)| !wanted.done[*at]);
        Ok(left.map(|(_, task)| task).collect())
    }

    fn use_up_archive(&self, head: &str) -> Result<(), Error> {
        let host = self.session.host();
        let expected = host.get(ARCHIVE)?.map_or(0, |kept| kept.version);
        Ok(host.commit(vec![Put { key: ARCHIVE.into(), bytes: Some(head.into()), expected }])?)
    }

    fn with_unpacked(&self, task: &Task, bytes: Vec<u8>) -> Result<Ready, Error> {
        let mut ready = self.with_content(task, bytes)?;
        let is_new = matches!(task, Task::Planned(change) if matches!(change.action, Action::Create { .. }));
        let is_alone = ready.based.len() == 1;
        let is_theirs = |(entry, _): (Entry, u64)| self.remote.tree.get(&ready.path) == Some(&entry);
        ready.is_unpacked = is_new && is_alone && ready.written.is_some_and(is_theirs);
        Ok(ready)
    }

    /// Whether what came out of an archive is enough for the maps.
    fn has_many_unpacked(&self) -> bool {
        self.unpacked.len() >= TOGETHER.max(self.workspace.tree.len() / 2)
    }

    /// Puts what came out of an archive into the maps.
    fn note_unpacked(&mut self) {
        let mut files = std::mem::take(&mut self.unpacked);
        order::sort_by(&mut files, |one, other| one.path.cmp(&other.path));
        let mark = |file: &Written| Mark::of_content(&file.path, &file.version, file.entry.mode);
        let noted = |file: &Written| (file.path.clone(), file.entry, mark(file));
        self.session.ledger.set_all(files.iter().map(noted).collect());
        self.workspace.written_anew(files);
    }
}

/// The tasks that a file of an archive can do, by its path.
struct Wanted {
    /// Sorted, with the places of the tasks.
    paths: Vec<(RepoPath, usize)>,
    /// By place.
    done: Vec<bool>,
    /// Where the next file is expected: an archive has nearly the same order.
    next: Cell<usize>,
}

impl Wanted {
    fn new(tasks: &[Task], wants: impl Fn(&BlobId) -> bool) -> Self {
        let wanted = |(at, task): (usize, &Task)| {
            let (path, id) = task.new_content()?;
            wants(id).then(|| (path.clone(), at))
        };
        let mut paths: Vec<_> = tasks.iter().enumerate().filter_map(wanted).collect();
        order::sort(&mut paths);
        Self { paths, done: vec![false; tasks.len()], next: Cell::new(0) }
    }

    /// The place of the task, if it is still to be done.
    fn at(&self, path: &str) -> Option<usize> {
        let is_it = |at: &usize| self.paths.get(*at).is_some_and(|(wanted, _)| in_byte_order(wanted, path).is_eq());
        let search = || self.paths.binary_search_by(|(wanted, _)| in_byte_order(wanted, path)).ok();
        // Each is asked for twice: before its content is read and after.
        let found = [self.next.get(), self.next.get() + 1].into_iter().find(is_it).or_else(search)?;
        self.next.set(found);
        Some(self.paths[found].1).filter(|at| !self.done[*at])
    }

    fn left(&self) -> usize {
        self.done.iter().filter(|done| !**done).count()
    }
}

/// An archive on its way into the workspace.
struct Unpacking<'u, 'w, 'a> {
    work: &'u mut Work<'w, 'a>,
    tasks: Vec<Task>,
    wanted: Wanted,
    /// Contents, and the places of their tasks.
    held: Vec<(usize, Vec<u8>)>,
    bytes: usize,
    ahead: Ahead,
    /// Bytes of the archive.
    read: usize,
    failure: Option<Error>,
}

impl Unpacking<'_, '_, '_> {
    fn take(&mut self, tar: &mut Tar, bytes: &[u8]) -> ControlFlow<()> {
        let mut found = Vec::new();
        let wants = |path: &str, size: u64| size <= MAX_FILE && self.wanted.at(path).is_some();
        let read = tar.read(bytes, &wants, &mut |path, content| found.push((path, content)));
        for (path, content) in found {
            self.hold(&path, content);
        }
        // A damaged archive is no failure: what it did not give is fetched one by one.
        self.read += bytes.len();
        let most = self.work.session.host().portion().archive;
        let is_enough = self.work.done.cut || self.read > most || self.work.is_late();
        if read.is_err() || tar.is_finished() || self.failure.is_some() || is_enough {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// What an attribute of git has changed in the archive is not what was asked for, and is left for later.
    fn hold(&mut self, path: &str, content: Vec<u8>) {
        let Some(at) = self.wanted.at(path) else { return };
        let is_it = self.tasks[at].new_content().is_some_and(|(_, id)| BlobId::of(&content) == *id);
        if !is_it {
            return;
        }
        self.bytes += content.len();
        self.held.push((at, content));
        if self.bytes >= HELD_BYTES || self.held.len() >= HELD_FILES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.work.fetched += std::mem::take(&mut self.bytes);
        if held.is_empty() || self.failure.is_some() || self.work.done.cut {
            return;
        }
        let places: Vec<usize> = held.iter().map(|(at, _)| *at).collect();
        let ready: Result<Vec<_>, _> =
            held.into_iter().map(|(at, content)| self.work.with_unpacked(&self.tasks[at], content)).collect();
        match ready {
            Ok(ready) => self.hand_over(Ahead { places, ready }),
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// The workspace takes in one batch while the next one is read. What became of the one before is known now.
    fn hand_over(&mut self, mut next: Ahead) {
        let batch = next.ready.iter_mut().flat_map(|ready| std::mem::take(&mut ready.changes)).collect();
        let outcome = self.work.session.host().apply_ahead(batch);
        // If the one before failed, this one was not begun.
        let next = if outcome.is_ok() { next } else { Ahead::default() };
        let Ahead { places, ready } = std::mem::replace(&mut self.ahead, next);
        match self.work.judge(ready, outcome) {
            Ok(None) => {
                places.iter().for_each(|at| self.wanted.done[*at] = true);
                self.work.done.cut |= self.work.fetched > self.work.session.host().portion().fetched;
            }
            // Each of them is tried by itself later.
            Ok(Some(_)) => {}
            Err(failure) => self.failure = Some(failure),
        }
        // Not with the batch still here: this is when the most is held.
        if self.work.has_many_unpacked() {
            self.work.note_unpacked();
        }
        let all = self.tasks.len();
        self.work.session.host().progress((all - self.wanted.left()) as u64, all as u64, "files");
    }

    /// Hands over what is held, and waits for all of it.
    fn finish(&mut self) {
        self.flush();
        if !self.ahead.ready.is_empty() {
            self.hand_over(Ahead::default());
        }
    }
}

/// A batch that was handed over, and the places of its tasks.
#[derive(Default)]
struct Ahead {
    places: Vec<usize>,
    ready: Vec<Ready>,
}
