//! Carries out what a plan wants of the branch.
//!
//! Decided here: what goes into one commit, how many commits one call makes, and the order in which things become durable. A commit is
//! made, and then the ledger says so; a call that is killed in between finds, when it runs again, both sides equal. After that the next
//! commit follows from the same plan, on the commit just made: to look at everything again before each would cost a first push of
//! 100,000 files more than the pushing itself. What was edited meanwhile is not sent: it is not what was planned, and is for the next call.
//! So is any trouble after the first commit: what was done is told of, and the next call meets the trouble first.

use crate::blob::BlobId;
use crate::body::{self, LARGE};
use crate::conflicts::{self, Lost, Which};
use crate::error::Error;
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::gitlab::blob;
use crate::gitlab::commit::{self, Commit, Draft};
use crate::host::{Content, FileError, Level, Portion};
use crate::message::{Facts, Template};
use crate::owner;
use crate::path::RepoPath;
use crate::plan::{Action, Change as Planned, Plan};
use crate::pull::{Options, remember_rest};
use crate::remote::Remote;
use crate::report::Change;
use crate::session::Session;
use crate::tree::{Entry, Mode, Side, Skip, Tree};
use crate::workspace::{Workspace, batches, read_all};

/// Commits of a call that does an approved plan: after each, what is left is planned anew and noted as approved, which takes twice as long
/// as a commit of small files.
const COMMITS_OF_A_PLAN: u32 = 3;

/// How far it came.
#[derive(Default)]
pub(crate) struct Outbound {
    /// What was done.
    pub(crate) changes: Vec<Change>,
    /// Whether the rest is for another call.
    pub(crate) cut: bool,
    /// Of the branch, if there was a commit.
    pub(crate) head: Option<String>,
    /// How many there were.
    pub(crate) commits: u32,
}

/// A push on its way out.
pub(crate) struct Work<'w, 's> {
    pub(crate) session: &'w mut Session<'s>,
    pub(crate) workspace: &'w mut Workspace,
    pub(crate) remote: &'w mut Remote,
    pub(crate) options: &'w Options,
    pub(crate) template: &'w Template,
    /// When the call began.
    pub(crate) since_ms: u64,
}

/// A change, and the bytes that it takes along.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    change: &'p Planned,
    size: u64,
}

/// What one commit takes to the branch.
struct Shipment<'p> {
    draft: Draft,
    changes: Vec<&'p Planned>,
}

/// What has arrived there.
struct Sent<'p> {
    commit: Commit,
    changes: Vec<&'p Planned>,
    bytes: usize,
    /// Whether it was larger than commits are, of a single file.
    is_oversized: bool,
    /// The room of its text.
    text: Vec<u8>,
}

/// What the commits of a call have taken so far.
#[derive(Default)]
struct Taken {
    commits: u32,
    bytes: usize,
    /// By the longest of them.
    millis: u64,
    /// By the whole call.
    passed_ms: u64,
    /// Whether one was of the largest files: there is no memory for another commit beside what they leave.
    is_oversized: bool,
}

impl Taken {
    fn add(&mut self, sent: &Sent<'_>, began_ms: u64, now_ms: u64, since_ms: u64) {
        self.commits += 1;
        self.bytes += sent.bytes;
        self.millis = self.millis.max(now_ms.saturating_sub(began_ms));
        self.passed_ms = now_ms.saturating_sub(since_ms);
        self.is_oversized |= sent.is_oversized;
    }

    /// Whether another one like these fits into the call. The first one always does.
    fn leaves_room(&self, portion: &Portion) -> bool {
        let is_in_time = self.passed_ms + self.millis <= portion.millis;
        self.commits == 0 || !self.is_oversized && self.bytes + portion.commit <= portion.commits && is_in_time
    }
}

impl Work<'_, '_> {
    /// Makes commits until everything is there or the call has done its part, and saves the ledger after each.
    pub(crate) fn carry_out(mut self, plan: &Plan) -> Result<Outbound, Error> {
        let host = self.session.host();
        let wanted: Vec<Wanted<'_>> = plan.changes_of(Side::Branch).map(|change| self.wanted(change)).collect();
        if wanted.is_empty() {
            self.session.save(self.remote, self.workspace, &plan.skips)?;
        }
        let (mut left, mut head, mut on_plan) = (wanted.as_slice(), None, true);
        let (mut text, mut taken) = (Vec::new(), Taken::default());
        let most = self.options.plan.as_ref().map_or(u32::MAX, |_| COMMITS_OF_A_PLAN);
        while on_plan && !left.is_empty() && taken.commits < most && taken.leaves_room(&host.portion()) {
            let began_ms = host.now_ms();
            let sent = self.load(left, std::mem::take(&mut text)).and_then(|shipment| self.send(shipment));
            let sent = match sent {
                Err(error) if head.is_some() => {
                    host.event(Level::Info, "the rest is for another call", &[("reason", &error.message)]);
                    break;
                }
                sent => sent?,
            };
            left = &left[sent.changes.len()..];
            on_plan = self.land(&sent, left.is_empty().then_some(plan.skips.as_slice()))?;
            host.progress((wanted.len() - left.len()) as u64, wanted.len() as u64, "files pushed");
            taken.add(&sent, began_ms, host.now_ms(), self.since_ms);
            (head, text) = (Some(sent.commit.id), sent.text);
        }
        // The changes take as much memory as the text, which is needed no more.
        drop(text);
        let done = &wanted[..wanted.len() - left.len()];
        let changes = done.iter().map(|wanted| Change::planned(wanted.change, self.size_of(wanted.change))).collect();
        Ok(Outbound { changes, cut: !on_plan || !left.is_empty(), head, commits: taken.commits })
    }

    fn wanted<'p>(&self, change: &'p Planned) -> Wanted<'p> {
        Wanted { change, size: content_of(change).map_or(0, |_| self.size_of(change)) }
    }

    fn size_of(&self, change: &Planned) -> u64 {
        self.workspace.size(&change.path).unwrap_or_default()
    }

    /// Reads what is to be shipped, as much as fits into one commit. The text is room that one before has used.
    fn load<'p>(&self, wanted: &[Wanted<'p>], text: Vec<u8>) -> Result<Shipment<'p>, Error> {
        let (host, size) = (self.session.host(), |wanted: &Wanted<'_>| wanted.size);
        let draft = Draft::new(self.remote.head.as_deref(), text, room(wanted, &host.portion()), host.portion().commit);
        let mut shipment = Shipment { draft, changes: Vec::new() };
        for whole in batches(wanted, size) {
            let batch = &whole[..fitting(&shipment.draft, whole)];
            let with_content = batch.iter().filter(|wanted| content_of(wanted.change).is_some());
            let paths: Vec<String> = with_content.map(|wanted| wanted.change.path.to_string()).collect();
            let mut contents = read_all(host, &paths)?.into_iter();
            for Wanted { change, .. } in batch {
                let content = content_of(change).and_then(|_| contents.next());
                if !shipment.draft.add(actions(change, content, self.workspace)?) {
                    return Ok(shipment);
                }
                shipment.changes.push(change);
            }
            if batch.len() < whole.len() {
                break;
            }
        }
        Ok(shipment)
    }

    fn send<'p>(&self, shipment: Shipment<'p>) -> Result<Sent<'p>, Error> {
        let Shipment { draft, changes } = shipment;
        let (session, summary, is_oversized) = (&*self.session, subject(&changes), draft.is_oversized());
        let facts = Facts { summary: &summary, files: changes.len(), branch: &session.configuration.branch };
        let operation = operation(self.remote.head.as_deref(), &changes);
        let request = draft.finish(&session.client, &session.place(), &self.template.fill(&facts), &operation);
        let commit = commit::send(&session.client, &session.place(), &request, &operation)?;
        let body = request.body.unwrap_or_default();
        Ok(Sent { commit, changes, bytes: body.length(), is_oversized, text: body.into_text() })
    }

    /// The branch and the ledger with what was committed. False: the commit landed on another head than planned.
    /// `left` is what the plan leaves alone, once that is all that is left.
    fn land(&mut self, sent: &Sent<'_>, left: Option<&[Skip]>) -> Result<bool, Error> {
        let (Sent { commit, changes: shipped, .. }, session, remote) = (sent, &mut *self.session, &mut *self.remote);
        let on_plan = commit.parent_ids.first() == remote.head.as_ref();
        let (mut new, others) = created(shipped);
        let noted = new.iter().map(|(path, entry)| (path.clone(), *entry, self.workspace.mark(path, entry))).collect();
        // Last, as in the commit: a new file may be where another one was before it moved.
        land_on(&mut remote.tree, &others);
        remote.tree.append(&mut new);
        others.iter().for_each(|change| session.agree(change.base_paths(), self.workspace, remote));
        session.ledger.set_all(noted);
        if !on_plan {
            overtaken(session, shipped, commit)?;
            session.landed = Some(commit.id.clone());
        }
        (remote.head, remote.is_assumed) = (Some(commit.id.clone()).filter(|_| on_plan), false);
        match left {
            Some(skips) => session.save(remote, self.workspace, skips)?,
            None => session.save_on_the_way(remote)?,
        }
        remember_rest(session, self.options, self.workspace, remote)?;
        if !session.configuration.standing.untold().is_empty() {
            owner::told(session.host())?;
            session.configuration.standing.told = true;
        }
        if let Some(parent) = commit.parent_ids.first().filter(|_| !on_plan) {
            owner::overtaken(session, parent, commit)?;
        }
        Ok(on_plan)
    }
}

/// Room for all of it or for one commit, with an eighth for escapes and the names around each.
fn room(wanted: &[Wanted<'_>], portion: &Portion) -> usize {
    let mut room = 0;
    for Wanted { size, .. } in wanted {
        let written = usize::try_from(*size).unwrap_or(usize::MAX);
        room += if written < LARGE { written + written / 8 } else { 0 } + 256;
        if room >= portion.commit {
            break;
        }
    }
    room
}

/// How many of these may fit in. What does not need not even be read: a call has no memory for a large one beside a large body.
fn fitting(draft: &Draft, batch: &[Wanted<'_>]) -> usize {
    let mut bytes = 0;
    let fit = batch.iter().take_while(|wanted| {
        bytes += wanted.size;
        draft.has_room(bytes)
    });
    fit.count().max(usize::from(draft.is_empty()))
}

/// The content that a change takes along.
fn content_of(change: &Planned) -> Option<&Entry> {
    match &change.action {
        Action::Create { entry } => Some(entry),
        Action::Update { was, entry } => Some(entry).filter(|entry| entry.blob != was.blob),
        _ => None,
    }
}

fn actions<'p>(
    change: &'p Planned,
    content: Option<Content>,
    workspace: &Workspace,
) -> Result<Vec<commit::Action<'p>>, Error> {
    let path = change.path.as_str();
    // Equal marks mean equal bytes, and what was hashed under this one need not be again.
    let is_known = |content: &Content, blob: BlobId| {
        let is_here = workspace.tree.get(&change.path).is_some_and(|here| here.blob == blob);
        is_here && workspace.version(&change.path) == Some(&content.version)
    };
    let content: body::Content = match (content_of(change), content) {
        (Some(Entry { blob, .. }), Some(content))
            if is_known(&content, *blob) || BlobId::of(&content.bytes) == *blob =>
        {
            content.bytes.into()
        }
        (None, _) => Vec::new().into(),
        _ => return Err(FileError::Changed(vec![path.to_owned()]).into()),
    };
    let executable = |mode: Mode| mode == Mode::Executable;
    Ok(match &change.action {
        Action::Create { entry } => {
            let mut actions = vec![commit::Action::Create { path, content }];
            if executable(entry.mode) {
                actions.push(commit::Action::ChmodNew { path, executable: true });
            }
            actions
        }
        Action::Update { was, entry } => {
            let mut actions = Vec::new();
            if was.blob != entry.blob {
                actions.push(commit::Action::Update { path, content });
            }
            if was.mode != entry.mode {
                actions.push(commit::Action::Chmod { path, executable: executable(entry.mode) });
            }
            actions
        }
        Action::Move { from, was, entry } => {
            let mut actions = vec![commit::Action::Move { path, from }];
            if was.mode != entry.mode {
                actions.push(commit::Action::ChmodNew { path, executable: executable(entry.mode) });
            }
            actions
        }
        Action::Delete { .. } => vec![commit::Action::Delete { path }],
        Action::Merge(_) => Vec::new(),
    })
}

/// Equal for equal changes on an equal head, so that a commit whose answer was lost is recognised.
fn operation(head: Option<&str>, changes: &[&Planned]) -> Fingerprint {
    let mut fields = Fingerprinter::new("operation");
    fields.field(head.unwrap_or_default().as_bytes());
    for change in changes {
        fields.field(change.path.as_bytes());
        let (kind, entry, from) = match &change.action {
            Action::Create { entry } => (b"create", Some(entry), None),
            Action::Update { entry, .. } => (b"update", Some(entry), None),
            Action::Move { from, entry, .. } => (b"rename", Some(entry), Some(from)),
            Action::Delete { .. } => (b"delete", None, None),
            Action::Merge(_) => (b"merges", None, None),
        };
        fields.field(kind);
        fields.field(entry.map_or(&[][..], |entry| entry.blob.as_bytes().as_slice()));
        fields.field(&[u8::from(entry.is_some_and(|entry| entry.mode == Mode::Executable))]);
        fields.field(from.map_or(&[][..], |from| from.as_bytes()));
    }
    fields.finish()
}

fn subject(changes: &[&Planned]) -> String {
    let one = |change: &Planned| match &change.action {
        Action::Create { .. } => format!("Add {}", change.path),
        Action::Move { from, .. } => format!("Move {from} to {}", change.path),
        Action::Delete { .. } => format!("Delete {}", change.path),
        Action::Update { .. } | Action::Merge(_) => format!("Update {}", change.path),
    };
    match changes {
        [change] => one(change),
        changes => format!("Update {} files", changes.len()),
    }
}

/// New files apart from all else: many of them are noted at once, which packs the maps.
fn created<'p>(shipped: &[&'p Planned]) -> (Tree, Vec<&'p Planned>) {
    let (mut new, mut others) = (Vec::new(), Vec::new());
    for change in shipped {
        match &change.action {
            // What has moved here has left something behind.
            Action::Create { entry } if change.former.is_none() => new.push((change.path.clone(), *entry)),
            _ => others.push(*change),
        }
    }
    (new.into_iter().collect(), others)
}

/// The branch's files with what was committed.
fn land_on(tree: &mut Tree, shipped: &[&Planned]) {
    for change in shipped {
        match &change.action {
            Action::Create { entry } | Action::Update { entry, .. } => drop(tree.insert(change.path.clone(), *entry)),
            Action::Move { from, entry, .. } => {
                tree.remove(from);
                tree.insert(change.path.clone(), *entry);
            }
            Action::Delete { .. } => drop(tree.remove(&change.path)),
            Action::Merge(_) => {}
        }
    }
}

/// The commit landed on another head than planned. What it replaced there without having seen it is kept as a conflict.
fn overtaken(session: &mut Session<'_>, shipped: &[&Planned], commit: &Commit) -> Result<(), Error> {
    let host = session.host();
    host.event(Level::Warn, "the branch had moved when the commit landed: reconciling", &[("commit", &commit.id)]);
    let Some(parent) = commit.parent_ids.first() else { return Ok(()) };
    let before = Remote::listed(session, parent.clone())?;
    let mut lost = Vec::new();
    for change in shipped {
        for (path, theirs) in below(&before.tree, change) {
            lost.push(replaced(session, None, path, theirs)?);
        }
        let (path, was) = match &change.action {
            Action::Update { was, .. } | Action::Delete { was } => (&change.path, was),
            Action::Move { from, was, .. } => (from, was),
            Action::Create { .. } | Action::Merge(_) => continue,
        };
        let Some(theirs) = before.tree.get(path).filter(|theirs| *theirs != was) else { continue };
        lost.push(replaced(session, Some(change), path, theirs)?);
    }
    conflicts::keep(host, lost)
}

/// The files of a folder in whose place a new file was put: GitLab replaces it without a word.
fn below<'t>(tree: &'t Tree, change: &Planned) -> impl Iterator<Item = (&'t RepoPath, &'t Entry)> {
    let is_new = matches!(change.action, Action::Create { .. } | Action::Move { .. });
    let folder = format!("{}/", change.path);
    tree.iter().filter(move |(path, _)| is_new && path.starts_with(&folder))
}

fn replaced(session: &Session<'_>, change: Option<&Planned>, path: &RepoPath, theirs: &Entry) -> Result<Lost, Error> {
    let host = session.host();
    let ours = change.and_then(content_of);
    let reason = "changed on the branch in the very moment of the push";
    let mut lost = Lost::new(path, reason, ours.map(|entry| entry.blob), Some(theirs.blob));
    if let Some((entry, change)) = ours.zip(change)
        && let Some(content) = read_all(host, &[change.path.to_string()])?.into_iter().next()
    {
        lost.keep(host, Which::Ours, &content.bytes, entry.mode)?;
    }
    let contents = blob::fetch(&session.client, session.configuration.project, &[theirs.blob])?;
    if let Some(bytes) = contents.get(&theirs.blob) {
        lost.keep(host, Which::Theirs, bytes, theirs.mode)?;
    }
    Ok(lost)
}
