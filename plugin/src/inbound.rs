//! Carries out what a plan wants of the workspace.
//!
//! Decided here: the order in which things become durable. A version that loses is kept first, then the workspace changes in
//! one atomic batch, then the ledger says so. A call that is killed in between finds, when it runs again, either nothing done or
//! both sides equal. Every change names what must be there before, so an edit made meanwhile is never overwritten.

use std::borrow::Cow;

use crate::blob::BlobId;
use crate::configure::ConflictPolicy;
use crate::conflict::{self, Decision, Dispute, InPlace, Policy, Reason};
use crate::conflicts::{self, Lost, Which};
use crate::error::{Code, Error, some_of};
use crate::gitlab::blob::{Contents, Pace};
use crate::gitlab::blobs::Batches;
use crate::host::{Expectation, FileChange, FileError, Level};
use crate::merge::{Refusal, merge};
use crate::path::RepoPath;
use crate::plan::{Action, Direction, Merge, Plan};
use crate::remote::Remote;
use crate::report::{Change, Kind};
use crate::session::Session;
use crate::sorted::Map;
use crate::tree::{Entry, Mode, Side, Tree};
use crate::workspace::{Workspace, Written, read_all};

mod contents;
mod task;
mod unpack;

use task::{Task, needed};

/// Requests for contents in one call: the host lends 200, and some are for other things.
const FETCHES: usize = 160;

/// Files that become final together where their contents are here.
const ALONG: usize = 100;

/// Files from which on an archive is asked for; GitLab gives out five a minute.
const ARCHIVE_FROM: usize = 64;
/// The files wanted are at least this part of all: a quarter.
const ARCHIVE_SHARE: usize = 4;
/// From this size on a content is not copied for a moment.
const LARGE: usize = 64 * 1024;

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

/// A content that is here with others, or was fetched for itself.
type Bytes<'c> = Cow<'c, [u8]>;

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
    /// A new file out of an archive, exactly as the branch has it: its base can be noted with many others.
    is_unpacked: bool,
}

/// Changes the workspace and the ledger's memory of it; the caller saves the ledger. Uses up the plan's changes: twice in memory,
/// those of a first pull would take a quarter of it.
pub(crate) fn carry_out(
    session: &mut Session<'_>,
    plan: &mut Plan,
    workspace: &mut Workspace,
    remote: &Remote,
    known: &Contents,
) -> Result<Inbound, Error> {
    let policy = policy(session.configuration.conflicts);
    if policy == Policy::Fail {
        refuse_disputes(session, plan, workspace, known)?;
    }
    let changes = std::mem::take(&mut plan.changes).into_iter().filter(|change| change.side == Side::Workspace);
    let disputes = plan.disputes.iter().cloned().map(Task::Disputed);
    let tasks: Vec<Task> = changes.map(Task::Planned).chain(disputes).collect();
    let direction = plan.direction;
    let twins = twins(&tasks, &workspace.tree);
    let batches = Some(Batches::default());
    let (done, unpacked) = (Inbound::default(), Vec::new());
    let (fetched, since_ms) = (0, session.host().now_ms());
    let mut work = Work {
        session,
        workspace,
        remote,
        known,
        twins,
        policy,
        direction,
        done,
        unpacked,
        batches,
        fetched,
        since_ms,
    };
    if !work.wants_archive(&tasks)? {
        work.run(&tasks)?;
        return Ok(work.done);
    }
    let (first, rest): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(Task::makes_room);
    work.run(&first)?;
    let rest = work.unpack(rest)?;
    work.run(&rest)?;
    Ok(work.done)
}

/// Files of the workspace that have a content which the tasks need: it is copied here and not fetched.
fn twins(tasks: &[Task], workspace: &Tree) -> Map<BlobId, RepoPath> {
    let needed = needed(tasks);
    if needed.is_empty() {
        return Map::new();
    }
    let files = workspace.iter().filter(|(_, entry)| needed.contains(&entry.blob));
    files.map(|(path, entry)| (entry.blob, path.clone())).collect()
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
    /// Files of the workspace that have a content which is needed.
    twins: Map<BlobId, RepoPath>,
    policy: Policy,
    direction: Direction,
    done: Inbound,
    /// Files out of an archive that are not yet in the maps: one by one, each would be searched for six times.
    unpacked: Vec<Written>,
    /// Where small files are asked for together.
    batches: Option<Batches>,
    /// Bytes of contents that were fetched.
    fetched: usize,
    /// When that began.
    since_ms: u64,
}

impl Work<'_, '_> {
    /// Whether one archive costs less than its files one by one: where many are wanted, and they are a good part of what is there.
    fn wants_archive(&self, tasks: &[Task]) -> Result<bool, Error> {
        let missing = |task: &&Task| task.new_content().is_some_and(|(_, id)| !self.is_here(id));
        let wanted = tasks.iter().filter(missing).count();
        let is_worth_it = wanted >= ARCHIVE_FROM && wanted >= self.remote.len() / ARCHIVE_SHARE;
        Ok(is_worth_it && !self.is_archive_used_up()?)
    }

    fn is_here(&self, id: &BlobId) -> bool {
        self.known.contains_key(id) || self.twin(id).is_some()
    }

    /// A file of the workspace that still has this content.
    fn twin(&self, id: &BlobId) -> Option<&RepoPath> {
        self.twins.get(id).filter(|path| self.workspace.tree.get(*path).is_some_and(|entry| entry.blob == *id))
    }

    /// Whether the rest is better left to another call.
    fn is_late(&self) -> bool {
        let host = self.session.host();
        host.now_ms().saturating_sub(self.since_ms) > host.portion().millis
    }

    fn run(&mut self, tasks: &[Task]) -> Result<(), Error> {
        let mut pace = Pace::new();
        let (mut at, mut asked, mut one_by_one) = (0, 0, 0);
        let most_bytes = self.session.host().portion().fetched;
        while at < tasks.len() && !self.done.cut {
            // A merge and a conflict need two contents, the others at most one.
            let room = FETCHES.saturating_sub(asked) / 2;
            if room == 0 || self.fetched > most_bytes || self.is_late() {
                self.done.cut = true;
                break;
            }
            let most = if at < one_by_one { 1 } else { pace.next().max(self.along(&tasks[at..])).min(room) };
            let batch = &tasks[at..tasks.len().min(at + most)];
            let (batch, requests, mut contents) = self.contents_for_some(batch)?;
            let bytes: usize = contents.values().map(Vec::len).sum();
            let ready = self.prepare_all(batch, &mut contents)?;
            drop(contents);
            self.fetched += bytes;
            asked += requests;
            match self.apply(ready)? {
                None => {}
                // Alone, the others are done and this one is left out.
                Some(_) if batch.len() > 1 => {
                    one_by_one = at + batch.len();
                    continue;
                }
                Some(refused) => self.leave_out(&refused),
            }
            pace.learn(batch.len(), bytes);
            at += batch.len();
            self.session.host().progress(at as u64, tasks.len() as u64, "files");
        }
        Ok(())
    }

    /// How many of the next tasks need only what came along with a comparison: nothing is fetched for them, and it is held already.
    fn along(&self, tasks: &[Task]) -> usize {
        let came = |task: &&Task| task.new_content().is_some_and(|(_, id)| self.known.contains_key(id));
        tasks.iter().take(ALONG).take_while(came).count()
    }

    /// Each with everything it needs. A large content is handed on where nobody else needs it: held twice, the largest would fill
    /// a call's memory.
    fn prepare_all(&self, tasks: &[Task], contents: &mut Contents) -> Result<Vec<Ready>, Error> {
        let mut ready = Vec::with_capacity(tasks.len());
        for (at, task) in tasks.iter().enumerate() {
            let is_last = |id: &BlobId| !needed(&tasks[at + 1..]).contains(id);
            let is_large = |id: &BlobId| contents.get(id).is_none_or(|bytes| bytes.len() >= LARGE);
            match task.new_content() {
                Some((_, id)) if is_large(id) && is_last(id) => {
                    let taken = contents.remove(id).map_or_else(
                        || Ok(self.version(contents, id)?.map(Cow::into_owned)),
                        |bytes| Ok::<_, Error>(Some(bytes)),
                    )?;
                    ready.push(self.with_content(task, taken.ok_or_else(|| gone(id))?)?);
                }
                _ => ready.push(self.prepare(task, contents)?),
            }
        }
        Ok(ready)
    }

    /// A task that needs nothing but this content.
    fn with_content(&self, task: &Task, bytes: Vec<u8>) -> Result<Ready, Error> {
        let Task::Planned(change) = task else { return Err(Code::UnexpectedReply.into()) };
        let mut ready = match &change.action {
            Action::Create { entry } => self.write(change, *entry, bytes, Expectation::Absent),
            Action::Update { entry, .. } => self.write(change, *entry, bytes, self.expected(&change.path)),
            _ => return Err(Code::UnexpectedReply.into()),
        };
        ready.based = change.base_paths().cloned().collect();
        Ok(ready)
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
        let merged = match (contents.get(&versions.base.blob), contents.get(&versions.theirs.blob)) {
            (Some(base), Some(theirs)) => merge(base, &self.own(&change.path, &versions.ours)?, theirs),
            // A base that GitLab has no more, after a rewritten history, is nothing that lines could be compared with.
            (None, Some(_)) => Err(Refusal::Overlap),
            (_, None) => Err(Refusal::TooLarge),
        };
        match merged {
            Ok(bytes) => {
                let entry = Entry { blob: BlobId::of(&bytes), mode: versions.mode };
                Ok(self.write(change, entry, bytes, self.expected(&change.path)))
            }
            Err(refusal) => self.settle(&disputed(&change.path, versions), Reason::BothEdited(refusal), contents),
        }
    }

    /// What the policy says of a file on which both sides disagree. Every version is kept before it says anything.
    fn settle(&self, dispute: &Dispute, reason: Reason, contents: &Contents) -> Result<Ready, Error> {
        let in_place = match conflict::decide(reason, self.policy, self.direction) {
            Decision::Settle(in_place) => in_place,
            Decision::Refuse => return Err(Error::because(Code::Conflict, &format!("`{}`", dispute.path))),
        };
        let report = Change::because(Kind::Conflict, &dispute.path, Side::Workspace, &reason.to_string());
        let (lost, theirs) = self.keep(dispute, reason, contents)?;
        let mut ready = match (in_place, dispute.theirs, theirs) {
            (InPlace::Theirs, Some(entry), Some(theirs)) => {
                let expected = dispute.ours.map_or(Expectation::Absent, |_| self.expected(&dispute.path));
                self.write_as(&dispute.path, entry, theirs.into_owned(), expected, report)
            }
            (InPlace::Theirs, ..) if dispute.ours.is_some() => self.delete(&dispute.path, report),
            _ => Ready::new(&dispute.path, Vec::new(), report),
        };
        ready.lost = Some(lost);
        Ok(ready)
    }

    /// Puts all versions beside, one after the other, and gives the branch's back.
    fn keep<'c>(
        &self,
        dispute: &Dispute,
        reason: Reason,
        contents: &'c Contents,
    ) -> Result<(Lost, Option<Bytes<'c>>), Error> {
        let host = self.session.host();
        let blob = |entry: Option<Entry>| entry.map(|entry| entry.blob);
        let mut lost = Lost::new(&dispute.path, &reason.to_string(), blob(dispute.ours), blob(dispute.theirs));
        if let Some(entry) = dispute.base
            && let Some(bytes) = self.version(contents, &entry.blob)?
        {
            lost.keep(host, Which::Base, &bytes, entry.mode)?;
        }
        if let Some(entry) = dispute.ours {
            lost.keep(host, Which::Ours, &self.own(&dispute.path, &entry)?, entry.mode)?;
        }
        let Some(entry) = dispute.theirs else { return Ok((lost, None)) };
        let theirs = self.version(contents, &entry.blob)?.ok_or_else(|| gone(&entry.blob))?;
        lost.keep(host, Which::Theirs, &theirs, entry.mode)?;
        Ok((lost, Some(theirs)))
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
        let write = FileChange::Write { path: path.as_str().to_owned(), bytes, executable, expected };
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
        self.workspace.version(path).map_or(Expectation::Absent, |version| Expectation::Version(version.into()))
    }

    /// One atomic batch. Gives back the path that the platform cannot hold, if there is one; then nothing was done. What changed
    /// meanwhile ends the call.
    fn apply(&mut self, mut ready: Vec<Ready>) -> Result<Option<Refused>, Error> {
        let host = self.session.host();
        conflicts::keep(host, ready.iter_mut().filter_map(|ready| ready.lost.take()).collect())?;
        let batch: Vec<FileChange> = ready.iter_mut().flat_map(|ready| std::mem::take(&mut ready.changes)).collect();
        let outcome = if batch.is_empty() { Ok(Vec::new()) } else { host.apply(batch) };
        self.judge(ready, outcome)
    }

    /// What became of a batch.
    fn judge(&mut self, ready: Vec<Ready>, outcome: Result<Vec<String>, FileError>) -> Result<Option<Refused>, Error> {
        match outcome {
            Ok(versions) => self.note(ready, versions),
            Err(FileError::Unsafe(path, reason)) if ready.iter().any(|ready| ready.touches(&path)) => {
                return Ok(Some(Refused { path, reason }));
            }
            Err(FileError::Changed(paths)) if !self.done.changes.is_empty() => {
                let paths = some_of(&paths);
                self.session.host().event(Level::Info, "the workspace changed meanwhile", &[("paths", &paths)]);
                self.done.cut = true;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    fn leave_out(&mut self, refused: &Refused) {
        let Refused { path, reason } = refused;
        self.session.host().event(
            Level::Warn,
            "the workspace cannot hold a file",
            &[("path", path), ("reason", reason)],
        );
        self.done.left_out = true;
        let skipped = Change::because(Kind::Skip, path, Side::Workspace, reason);
        self.done.changes.push(Change { code: Some(Code::UnsafePath), ..skipped });
    }

    fn note(&mut self, ready: Vec<Ready>, versions: Vec<String>) {
        let mut versions = versions.into_iter();
        for ready in ready {
            if let Some(from) = &ready.removed {
                self.workspace.removed(from);
            }
            if let Some((entry, size)) = ready.written {
                let version = versions.next().unwrap_or_default();
                if ready.is_unpacked {
                    self.keep_unpacked(Written { path: ready.path, entry, version, size });
                    self.done.changes.push(ready.report);
                    continue;
                }
                self.workspace.written(&ready.path, entry, version, size);
            }
            self.session.agree(ready.based.iter(), self.workspace, self.remote);
            self.done.changes.push(ready.report);
        }
    }
}

/// A path that the workspace's platform cannot hold.
struct Refused {
    path: String,
    reason: String,
}

impl Ready {
    fn new(path: &RepoPath, changes: Vec<FileChange>, report: Change) -> Self {
        let (path, based) = (path.clone(), vec![path.clone()]);
        Self { path, changes, written: None, removed: None, lost: None, report, based, is_unpacked: false }
    }

    fn touches(&self, path: &str) -> bool {
        self.path.as_str() == path || self.removed.as_ref().is_some_and(|removed| removed.as_str() == path)
    }
}

fn content(contents: &Contents, id: &BlobId) -> Result<Vec<u8>, Error> {
    contents.get(id).cloned().ok_or_else(|| gone(id))
}

fn gone(id: &BlobId) -> Error {
    Error::because(Code::HistoryRewritten, &format!("the content of blob {id} is gone"))
}

fn disputed(path: &RepoPath, versions: &Merge) -> Dispute {
    Dispute {
        path: path.clone(),
        base: Some(versions.base),
        ours: Some(versions.ours),
        theirs: Some(versions.theirs),
        reason: Reason::BothEdited(Refusal::Overlap),
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
    let mut work = Work {
        session,
        workspace,
        remote: &remote,
        known,
        twins: Map::new(),
        policy: Policy::KeepBoth,
        direction: plan.direction,
        done: Inbound::default(),
        unpacked: Vec::new(),
        batches: None,
        fetched: 0,
        since_ms: 0,
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
    lost.iter_mut().for_each(Lost::open);
    let paths: Vec<String> = lost.iter().map(|lost| lost.path().to_owned()).collect();
    conflicts::keep(work.session.host(), lost)?;
    Err(Error::because(Code::Conflict, &some_of(&paths)))
}
