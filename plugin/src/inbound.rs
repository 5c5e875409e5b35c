//! Carries out what a plan wants of the workspace.
//!
//! Decided here: the order in which things become durable. A version that loses is kept first, then the workspace changes in
//! one atomic batch, then the ledger says so. A call that is killed in between finds, when it runs again, either nothing done or
//! both sides equal. Every change names what must be there before, so an edit made meanwhile is never overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::blob::BlobId;
use crate::configure::ConflictPolicy;
use crate::conflict::{self, Decision, Dispute, InPlace, Policy, Reason};
use crate::conflicts::{self, Lost, Version};
use crate::error::{Code, Error, some_of};
use crate::gitlab::archive::{self, Tar};
use crate::gitlab::blob::{self, Contents, Pace};
use crate::host::{Expectation, FileChange, FileError, Level};
use crate::merge::merge;
use crate::path::RepoPath;
use crate::plan::{Action, Direction, Merge, Plan};
use crate::remote::Remote;
use crate::report::{Change, Kind};
use crate::session::Session;
use crate::tree::{Entry, Mode, Side};
use crate::workspace::{MAX_FILE, Workspace, read_all};

/// Contents fetched in one call: the host lends 200 requests, and some are for other things.
const FETCHES: usize = 160;

/// Files from which on an archive is asked for; GitLab gives out five a minute.
const ARCHIVE_FROM: usize = 64;
/// The files wanted are at least this part of all: a quarter.
const ARCHIVE_SHARE: usize = 4;
/// Of an archive, held until they are written together.
const HELD_BYTES: usize = 4 * 1024 * 1024;
const HELD_FILES: usize = 512;

/// How far it came.
#[derive(Default)]
pub(crate) struct Inbound {
    /// What was done.
    pub(crate) changes: Vec<Change>,
    /// Whether the rest is for another call.
    pub(crate) cut: bool,
    /// Whether the workspace cannot hold something, now or later.
    pub(crate) left_out: bool,
}

/// One file of the workspace to be changed.
#[derive(Clone)]
enum Task {
    Planned(crate::plan::Change),
    Disputed(Dispute),
}

impl Task {
    /// The content that is wanted from the branch, for tasks that need nothing else.
    fn new_content(&self) -> Option<(&RepoPath, &BlobId)> {
        let Self::Planned(change) = self else { return None };
        match &change.action {
            Action::Create { entry } => Some((&change.path, &entry.blob)),
            Action::Update { was, entry } if was.blob != entry.blob => Some((&change.path, &entry.blob)),
            _ => None,
        }
    }

    /// Whether others may have to wait for it.
    fn makes_room(&self) -> bool {
        matches!(self, Self::Planned(change) if matches!(change.action, Action::Delete { .. } | Action::Move { .. }))
    }
}

/// A task with everything it needs.
struct Ready {
    path: RepoPath,
    changes: Vec<FileChange>,
    /// What each written path holds afterwards.
    written: Option<(Entry, u64)>,
    removed: Option<RepoPath>,
    lost: Option<Lost>,
    report: Change,
    /// Paths whose base is the branch's version afterwards.
    based: Vec<RepoPath>,
}

/// Changes the workspace and the ledger's memory of it; the caller saves the ledger.
pub(crate) fn carry_out(
    session: &mut Session<'_>,
    plan: &Plan,
    workspace: &mut Workspace,
    remote: &Remote,
    known: &Contents,
) -> Result<Inbound, Error> {
    let policy = policy(session.configuration.conflicts);
    if policy == Policy::Fail {
        refuse_disputes(session, plan, workspace, known)?;
    }
    let planned = plan.changes_of(Side::Workspace).cloned().map(Task::Planned);
    let tasks: Vec<Task> = planned.chain(plan.disputes.iter().cloned().map(Task::Disputed)).collect();
    let direction = plan.direction;
    let mut work = Work { session, workspace, remote, known, policy, direction, done: Inbound::default() };
    if !from_archive(&tasks, remote, known) {
        work.run(&tasks)?;
        return Ok(work.done);
    }
    let (first, rest): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(Task::makes_room);
    work.run(&first)?;
    let rest = work.unpack(rest)?;
    work.run(&rest)?;
    Ok(work.done)
}

/// Whether one archive costs less than its files one by one: where many are wanted, and they are a good part of what is there.
fn from_archive(tasks: &[Task], remote: &Remote, known: &Contents) -> bool {
    let missing = |task: &&Task| task.new_content().is_some_and(|(_, id)| !known.contains_key(id));
    let wanted = tasks.iter().filter(missing).count();
    wanted >= ARCHIVE_FROM && wanted >= remote.tree.len() / ARCHIVE_SHARE
}

fn policy(configured: ConflictPolicy) -> Policy {
    match configured {
        ConflictPolicy::KeepBoth => Policy::KeepBoth,
        ConflictPolicy::LastWriteWins => Policy::LastWriteWins,
        ConflictPolicy::Fail => Policy::Fail,
    }
}

struct Work<'w, 'a> {
    session: &'w mut Session<'a>,
    workspace: &'w mut Workspace,
    remote: &'w Remote,
    /// Contents that are here already.
    known: &'w Contents,
    policy: Policy,
    direction: Direction,
    done: Inbound,
}

impl Work<'_, '_> {
    fn run(&mut self, tasks: &[Task]) -> Result<(), Error> {
        let mut pace = Pace::new();
        let (mut at, mut fetched) = (0, 0);
        while at < tasks.len() && !self.done.cut {
            // A merge and a conflict need two contents, the others at most one.
            let room = (FETCHES - fetched) / 2;
            if room == 0 {
                self.done.cut = true;
                break;
            }
            let batch = &tasks[at..tasks.len().min(at + pace.next().min(room))];
            let (batch, ids, contents) = self.contents_for_some(batch)?;
            let bytes: usize = contents.values().map(Vec::len).sum();
            let ready = batch.iter().map(|task| self.prepare(task, &contents)).collect::<Result<Vec<_>, _>>()?;
            // Each content is in what is ready now; held twice, the largest would fill a call's memory.
            drop(contents);
            self.apply(ready)?;
            pace.learn(batch.len(), bytes);
            (at, fetched) = (at + batch.len(), fetched + ids);
            self.session.host().progress(at as u64, tasks.len() as u64, "files");
        }
        Ok(())
    }

    /// The first of these tasks, as many as memory has room for, with what they need and how much of it had to be fetched.
    fn contents_for_some<'t>(&self, tasks: &'t [Task]) -> Result<(&'t [Task], usize, Contents), Error> {
        let (asked, mut contents, later) = self.contents(tasks)?;
        let is_whole = |task: &&Task| later.is_empty() || needed(std::slice::from_ref(*task)).is_disjoint(&later);
        let whole = tasks.iter().take_while(is_whole).count();
        if whole > 0 {
            return Ok((&tasks[..whole], asked, contents));
        }
        contents.clear();
        let (more, mut contents, later) = self.contents(&tasks[..1])?;
        for id in &later {
            contents.extend(blob::fetch(&self.session.client, self.session.configuration.project, &[*id])?);
        }
        Ok((&tasks[..1], asked + more + later.len(), contents))
    }

    /// What these tasks need, how much of it had to be asked for, and what there was no room for.
    fn contents(&self, tasks: &[Task]) -> Result<(usize, Contents, BTreeSet<BlobId>), Error> {
        let (here, missing): (Vec<BlobId>, Vec<BlobId>) =
            needed(tasks).into_iter().partition(|id| self.known.contains_key(id));
        let project = self.session.configuration.project;
        let (mut contents, later) = blob::fetch_some(&self.session.client, project, &missing)?;
        contents.extend(here.iter().filter_map(|id| Some((*id, self.known.get(id)?.clone()))));
        Ok((missing.len(), contents, later))
    }

    /// Takes what it can out of one archive and gives back the tasks that are left.
    fn unpack(&mut self, tasks: Vec<Task>) -> Result<Vec<Task>, Error> {
        let Some(head) = self.remote.head.as_deref().filter(|_| !self.done.cut) else { return Ok(tasks) };
        let wanted = tasks.iter().enumerate();
        let wanted: BTreeMap<RepoPath, usize> =
            wanted.filter_map(|(at, task)| task.new_content().map(|(path, _)| (path.clone(), at))).collect();
        let client = self.session.client;
        let request = client.get(archive::target(self.session.configuration.project, head));
        let mut unpacking = Unpacking { work: self, tasks, wanted, held: Vec::new(), bytes: 0, failure: None };
        let mut tar = Tar::default();
        let outcome = client.host.stream(&request, &mut |bytes| unpacking.take(&mut tar, bytes));
        if outcome.is_ok() {
            unpacking.flush();
        }
        if let Some(failure) = unpacking.failure.take() {
            return Err(failure);
        }
        let (wanted, tasks) = (unpacking.wanted, unpacking.tasks);
        if let Err(error) = client.checked(&request, outcome) {
            self.session.host().event(
                Level::Info,
                "no archive: fetching files one by one",
                &[("reason", &error.message)],
            );
        }
        let left: BTreeSet<usize> = wanted.into_values().collect();
        let is_left = |(at, task): &(usize, Task)| task.new_content().is_none() || left.contains(at);
        Ok(tasks.into_iter().enumerate().filter(is_left).map(|(_, task)| task).collect())
    }

    fn prepare(&self, task: &Task, contents: &Contents) -> Result<Ready, Error> {
        let mut ready = self.make(task, contents)?;
        if let Task::Planned(change) = task {
            ready.based = change.base_paths().cloned().collect();
        }
        Ok(ready)
    }

    fn make(&self, task: &Task, contents: &Contents) -> Result<Ready, Error> {
        match task {
            Task::Disputed(dispute) => self.settle(dispute, dispute.reason, contents),
            Task::Planned(change) => match &change.action {
                Action::Create { entry } => {
                    Ok(self.write(change, *entry, content(contents, &entry.blob)?, Expectation::Absent))
                }
                Action::Update { was, entry } if was.blob == entry.blob => {
                    let bytes = self.own(&change.path, was)?;
                    Ok(self.write(change, *entry, bytes, self.expected(&change.path)))
                }
                Action::Update { entry, .. } => {
                    let bytes = content(contents, &entry.blob)?;
                    Ok(self.write(change, *entry, bytes, self.expected(&change.path)))
                }
                Action::Move { from, was, entry } => {
                    let bytes = self.own(from, was)?;
                    let mut ready = self.write(change, *entry, bytes, Expectation::Absent);
                    ready.changes.push(FileChange::Delete { path: from.to_string(), expected: self.expected(from) });
                    ready.removed = Some(from.clone());
                    Ok(ready)
                }
                Action::Delete { .. } => Ok(self.delete(&change.path, Change::planned(change, 0))),
                Action::Merge(versions) => self.merge(change, versions, contents),
            },
        }
    }

    fn merge(&self, change: &crate::plan::Change, versions: &Merge, contents: &Contents) -> Result<Ready, Error> {
        let ours = self.own(&change.path, &versions.ours)?;
        let (base, theirs) = (contents.get(&versions.base.blob), content(contents, &versions.theirs.blob)?);
        // A base that GitLab has no more, after a rewritten history, is nothing that lines could be compared with.
        let merged = base.map_or(Err(crate::merge::Refusal::Overlap), |base| merge(base, &ours, &theirs));
        match merged {
            Ok(bytes) => {
                let entry = Entry { blob: BlobId::of(&bytes), mode: versions.mode };
                Ok(self.write(change, entry, bytes, self.expected(&change.path)))
            }
            Err(refusal) => self.settle(&disputed(&change.path, versions), Reason::BothEdited(refusal), contents),
        }
    }

    /// What the policy says of a file on which both sides disagree.
    fn settle(&self, dispute: &Dispute, reason: Reason, contents: &Contents) -> Result<Ready, Error> {
        let in_place = match conflict::decide(reason, self.policy, self.direction) {
            Decision::Settle(in_place) => in_place,
            Decision::Refuse => return Err(Error::because(Code::Conflict, &format!("`{}`", dispute.path))),
        };
        let report = Change::because(Kind::Conflict, &dispute.path, Side::Workspace, &reason.to_string());
        let lost = self.versions(dispute, reason, contents)?;
        let mut ready = match (in_place, dispute.theirs, &lost.theirs) {
            (InPlace::Theirs, Some(entry), Some(theirs)) => {
                let expected = dispute.ours.map_or(Expectation::Absent, |_| self.expected(&dispute.path));
                self.write_as(&dispute.path, entry, theirs.bytes.clone(), expected, report)
            }
            (InPlace::Theirs, ..) if dispute.ours.is_some() => self.delete(&dispute.path, report),
            _ => Ready::new(&dispute.path, Vec::new(), report),
        };
        ready.lost = Some(lost);
        Ok(ready)
    }

    fn versions(&self, dispute: &Dispute, reason: Reason, contents: &Contents) -> Result<Lost, Error> {
        let kept = |entry: Option<Entry>| {
            let bytes = entry.and_then(|entry| contents.get(&entry.blob).cloned());
            entry.zip(bytes).map(|(entry, bytes)| Version { bytes, mode: entry.mode })
        };
        let ours = match dispute.ours {
            Some(entry) => Some(Version { bytes: self.own(&dispute.path, &entry)?, mode: entry.mode }),
            None => None,
        };
        let theirs = match dispute.theirs {
            Some(entry) => Some(Version { bytes: content(contents, &entry.blob)?, mode: entry.mode }),
            None => None,
        };
        let (path, reason) = (dispute.path.clone(), reason.to_string());
        Ok(Lost { path, reason, base: kept(dispute.base), ours, theirs, open: false })
    }

    fn write(&self, change: &crate::plan::Change, entry: Entry, bytes: Vec<u8>, expected: Expectation) -> Ready {
        let report = Change::planned(change, bytes.len() as u64);
        self.write_as(&change.path, entry, bytes, expected, report)
    }

    fn write_as(
        &self,
        path: &RepoPath,
        entry: Entry,
        bytes: Vec<u8>,
        expected: Expectation,
        mut report: Change,
    ) -> Ready {
        let size = bytes.len() as u64;
        report.size = size;
        let executable = entry.mode == Mode::Executable;
        let write = FileChange::Write { path: path.to_string(), bytes, executable, expected };
        Ready { written: Some((entry, size)), ..Ready::new(path, vec![write], report) }
    }

    fn delete(&self, path: &RepoPath, report: Change) -> Ready {
        let delete = FileChange::Delete { path: path.to_string(), expected: self.expected(path) };
        Ready { removed: Some(path.clone()), ..Ready::new(path, vec![delete], report) }
    }

    /// The workspace's bytes, which must still be what was planned on.
    fn own(&self, path: &RepoPath, entry: &Entry) -> Result<Vec<u8>, Error> {
        let read = read_all(self.session.host(), &[path.to_string()])?;
        let bytes = read.into_iter().next().map(|content| content.bytes).unwrap_or_default();
        if BlobId::of(&bytes) == entry.blob {
            return Ok(bytes);
        }
        Err(FileError::Changed(vec![path.to_string()]).into())
    }

    fn expected(&self, path: &RepoPath) -> Expectation {
        self.workspace.versions.get(path).map_or(Expectation::Absent, |version| Expectation::Version(version.clone()))
    }

    /// One atomic batch. What the platform cannot hold is left out; what changed meanwhile ends the call.
    fn apply(&mut self, mut ready: Vec<Ready>) -> Result<(), Error> {
        let host = self.session.host();
        let lost: Vec<Lost> = ready.iter_mut().filter_map(|ready| ready.lost.take()).collect();
        conflicts::keep(host, &lost)?;
        loop {
            let batch: Vec<FileChange> = ready.iter().flat_map(|ready| ready.changes.clone()).collect();
            let outcome = if batch.is_empty() { Ok(Vec::new()) } else { host.apply(batch) };
            match outcome {
                Ok(versions) => {
                    self.note(ready, versions);
                    return Ok(());
                }
                Err(FileError::Unsafe(path, reason)) if ready.iter().any(|ready| ready.touches(&path)) => {
                    host.event(
                        Level::Warn,
                        "the workspace cannot hold a file",
                        &[("path", &path), ("reason", &reason)],
                    );
                    self.done.left_out = true;
                    self.done.changes.push(Change::because(Kind::Skip, &path, Side::Workspace, &reason));
                    ready.retain(|ready| !ready.touches(&path));
                }
                Err(FileError::Changed(paths)) if !self.done.changes.is_empty() => {
                    let paths = some_of(&paths);
                    host.event(Level::Info, "the workspace changed meanwhile", &[("paths", &paths)]);
                    self.done.cut = true;
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn note(&mut self, ready: Vec<Ready>, versions: Vec<String>) {
        let mut versions = versions.into_iter();
        for ready in ready {
            if let Some(from) = &ready.removed {
                self.workspace.removed(from);
            }
            if let Some((entry, size)) = ready.written {
                self.workspace.written(&ready.path, entry, versions.next().unwrap_or_default(), size);
            }
            self.session.agree(ready.based.iter(), self.workspace, self.remote);
            self.done.changes.push(ready.report);
        }
    }
}

/// An archive on its way into the workspace.
struct Unpacking<'u, 'w, 'a> {
    work: &'u mut Work<'w, 'a>,
    tasks: Vec<Task>,
    /// Places of the tasks that are still to be done.
    wanted: BTreeMap<RepoPath, usize>,
    held: Vec<(RepoPath, BlobId, Vec<u8>)>,
    bytes: usize,
    failure: Option<Error>,
}

impl Unpacking<'_, '_, '_> {
    fn take(&mut self, tar: &mut Tar, bytes: &[u8]) -> ControlFlow<()> {
        let mut found = Vec::new();
        let wants = |path: &str, size: u64| size <= MAX_FILE && self.wanted.contains_key(path);
        let read = tar.read(bytes, &wants, &mut |path, content| found.push((path, content)));
        for (path, content) in found {
            self.hold(&path, content);
        }
        // A damaged archive is no failure: what it did not give is fetched one by one.
        if read.is_err() || tar.is_finished() || self.failure.is_some() || self.work.done.cut {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// What an attribute of git has changed in the archive is not what was asked for, and is left for later.
    fn hold(&mut self, path: &str, content: Vec<u8>) {
        let Some((path, at)) = self.wanted.get_key_value(path) else { return };
        let id = BlobId::of(&content);
        if self.tasks[*at].new_content().is_none_or(|(_, wanted)| *wanted != id) {
            return;
        }
        self.bytes += content.len();
        self.held.push((path.clone(), id, content));
        if self.bytes >= HELD_BYTES || self.held.len() >= HELD_FILES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.bytes = 0;
        if held.is_empty() || self.failure.is_some() || self.work.done.cut {
            return;
        }
        let mut tasks = Vec::with_capacity(held.len());
        let mut contents = Contents::new();
        for (path, id, content) in held {
            if let Some(at) = self.wanted.remove(&path) {
                contents.insert(id, content);
                tasks.push(self.tasks[at].clone());
            }
        }
        let ready = tasks.iter().map(|task| self.work.prepare(task, &contents)).collect::<Result<Vec<_>, _>>();
        drop(contents);
        self.failure = ready.and_then(|ready| self.work.apply(ready)).err();
        let all = self.tasks.len() as u64;
        self.work.session.host().progress(all - self.wanted.len() as u64, all, "files");
    }
}

impl Ready {
    fn new(path: &RepoPath, changes: Vec<FileChange>, report: Change) -> Self {
        let (path, based) = (path.clone(), vec![path.clone()]);
        Self { path, changes, written: None, removed: None, lost: None, report, based }
    }

    fn touches(&self, path: &str) -> bool {
        self.path.as_str() == path || self.removed.as_ref().is_some_and(|removed| removed.as_str() == path)
    }
}

/// Blobs of the branch that these tasks cannot be done without, each once.
fn needed(tasks: &[Task]) -> BTreeSet<BlobId> {
    let mut ids = BTreeSet::new();
    let mut need = |entry: Option<Entry>| ids.extend(entry.map(|entry| entry.blob));
    for task in tasks {
        match task {
            Task::Disputed(dispute) => {
                need(dispute.base);
                need(dispute.theirs);
            }
            Task::Planned(change) => match &change.action {
                Action::Create { entry } => need(Some(*entry)),
                Action::Update { was, entry } if was.blob != entry.blob => need(Some(*entry)),
                Action::Merge(versions) => {
                    need(Some(versions.base));
                    need(Some(versions.theirs));
                }
                Action::Update { .. } | Action::Move { .. } | Action::Delete { .. } => {}
            },
        }
    }
    ids
}

fn content(contents: &Contents, id: &BlobId) -> Result<Vec<u8>, Error> {
    let missing = || Error::because(Code::HistoryRewritten, &format!("the content of blob {id} is gone"));
    contents.get(id).cloned().ok_or_else(missing)
}

fn disputed(path: &RepoPath, versions: &Merge) -> Dispute {
    Dispute {
        path: path.clone(),
        base: Some(versions.base),
        ours: Some(versions.ours),
        theirs: Some(versions.theirs),
        reason: Reason::BothEdited(crate::merge::Refusal::Overlap),
    }
}

/// Under the policy `fail` nothing at all is done while there is a dispute; it is kept so that someone can resolve it.
fn refuse_disputes(
    session: &mut Session<'_>,
    plan: &Plan,
    workspace: &mut Workspace,
    known: &Contents,
) -> Result<(), Error> {
    let remote = Remote::default();
    let work = Work {
        session,
        workspace,
        remote: &remote,
        known,
        policy: Policy::KeepBoth,
        direction: plan.direction,
        done: Inbound::default(),
    };
    let merges = plan.changes_of(Side::Workspace).filter(|change| matches!(change.action, Action::Merge(_)));
    let tasks = merges.cloned().map(Task::Planned).chain(plan.disputes.iter().cloned().map(Task::Disputed));
    let mut lost = Vec::new();
    for task in tasks {
        let (_, _, contents) = work.contents_for_some(std::slice::from_ref(&task))?;
        lost.extend(work.prepare(&task, &contents)?.lost);
    }
    if lost.is_empty() {
        return Ok(());
    }
    lost.iter_mut().for_each(|lost| lost.open = true);
    conflicts::keep(work.session.host(), &lost)?;
    let paths: Vec<String> = lost.iter().map(|lost| lost.path.to_string()).collect();
    Err(Error::because(Code::Conflict, &some_of(&paths)))
}
