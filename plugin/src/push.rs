//! Brings the branch to what the workspace says.
//!
//! Where both sides were equal at a known head, nothing is listed first: the commit itself says for each file which version it
//! was made against, so GitLab refuses it if one of these files has changed, and then the branch is read and planned anew. Two
//! things GitLab does not refuse: other files that changed meanwhile, and a rewritten history. Both show in the parent of the
//! commit that was made, and are reconciled at once.

use crate::blob::BlobId;
use crate::body::{self, LARGE};
use crate::configure::Configuration;
use crate::conflicts::{self, Lost, Which};
use crate::error::{Code, Error};
use crate::fingerprint::{Fingerprint, Fingerprinter};
use crate::gather::{Gathered, Need, compare, gather};
use crate::gitlab::blob::{self, Contents};
use crate::gitlab::client::Client;
use crate::gitlab::commit::{self, Commit, Draft};
use crate::gitlab::compare::Comparison;
use crate::host::{Content, FileError, Host, Level};
use crate::inbound;
use crate::message::{Facts, Template};
use crate::owner;
use crate::path::RepoPath;
use crate::plan::{Action, Change as Planned, Direction, Plan};
use crate::pull::{self, Options, check, remember_rest, settle};
use crate::refused;
use crate::remote::Remote;
use crate::report::{Change, Step};
use crate::request::Instance;
use crate::session::{Peek, Session};
use crate::tree::{Entry, Mode, Side, Tree};
use crate::workspace::{Workspace, batches, read_all};

/// How often a branch that keeps moving is planned on anew in one call.
const ATTEMPTS: usize = 3;

/// One bounded piece of a push. One request where both sides were equal before.
pub fn push(host: &dyn Host, instance: &Instance, options: &Options) -> Result<Step, Error> {
    let peek = Peek::open(host)?;
    template(options, &peek.configuration)?;
    // The commit itself says what it was made against, so the branch is looked at only to hold a plan against it.
    let is_assumed = options.plan.is_none() && peek.settled_head.is_some();
    let compared = if is_assumed { Some(Comparison::Same) } else { compare(&Client { host, instance }, &peek) };
    let mut gathered = gather(host, instance, compared, Need::Both)?;
    gathered.remote.is_assumed = is_assumed;
    let mut changes = Vec::new();
    for _ in 0..ATTEMPTS {
        let error = match attempt(&mut gathered, options, &mut changes) {
            Ok(End { more, head }) => return Ok(Step { changes, more, head, conflicts: conflicts::count(host)? }),
            Err(error) => error,
        };
        // In another language than ours, that a file has changed meanwhile reads like a rule of the project.
        let is_unclear = error.code == Code::PushRule && gathered.remote.is_assumed;
        if error.code != Code::BranchMoved && !is_unclear {
            return Err(refused::explain(&gathered.session, error));
        }
        let compared = compare(&Client { host, instance }, &Peek::open(host)?);
        if is_unclear && compared == Some(Comparison::Same) {
            return Err(refused::explain(&gathered.session, error));
        }
        host.event(Level::Info, "the branch moved: planning anew", &[("reason", &error.message)]);
        gathered = gather(host, instance, compared, Need::Both)?;
    }
    Err(Code::BranchMoved.into())
}

struct End {
    more: bool,
    head: Option<String>,
}

/// What one commit takes to the branch.
struct Shipment<'p> {
    draft: Draft,
    changes: Vec<&'p Planned>,
    cut: bool,
}

fn attempt(gathered: &mut Gathered<'_>, options: &Options, changes: &mut Vec<Change>) -> Result<End, Error> {
    let Gathered { session, remote, workspace, .. } = gathered;
    let (host, remote) = (session.host(), &*remote);
    if workspace.is_in_part() {
        return Ok(End { more: true, head: remote.head.clone() });
    }
    let mut planned = pull::compare(session, workspace, remote, Direction::Push);
    let both = || pull::compare(session, workspace, remote, Direction::Both);
    check(host, &planned, options, &[Side::Branch, Side::Workspace], both)?;
    // Settling one file can make a move of another certain, so this may take more than one round.
    while planned.changes_of(Side::Workspace).next().is_some() || !planned.disputes.is_empty() {
        let inbound = inbound::carry_out(session, &mut planned, workspace, remote, &Contents::new())?;
        changes.extend(inbound.changes);
        if !inbound.cut {
            settle(session, &planned, workspace);
        }
        session.save(remote, workspace, &planned.skips)?;
        if inbound.cut {
            remember_rest(session, options, workspace, remote)?;
            return Ok(End { more: true, head: remote.head.clone() });
        }
        planned = pull::compare(session, workspace, remote, Direction::Push);
        if inbound.left_out {
            break;
        }
    }
    settle(session, &planned, workspace);
    let Some(shipment) = load(session, &planned, workspace, remote)? else {
        session.save(remote, workspace, &planned.skips)?;
        changes.extend(Change::skipped(&planned.skips));
        return Ok(End { more: false, head: remote.head.clone() });
    };
    let message = message(&template(options, &session.configuration)?, session, &shipment.changes);
    let cut = shipment.cut;
    let (commit, shipped) = send(session, shipment, remote, &message)?;
    let mut after = landed(remote, &commit, &shipped);
    for change in &shipped {
        session.agree(change.base_paths(), workspace, &after);
        changes.push(Change::planned(change, size_of(workspace, change)));
    }
    let on_plan = commit.parent_ids.first() == remote.head.as_ref();
    if !on_plan {
        overtaken(session, &shipped, &commit)?;
    }
    after.head = after.head.filter(|_| on_plan);
    session.save(&after, workspace, &planned.skips)?;
    remember_rest(session, options, workspace, &after)?;
    if !session.configuration.standing.untold().is_empty() {
        owner::told(host)?;
        session.configuration.standing.told = true;
    }
    if let Some(parent) = commit.parent_ids.first().filter(|_| !on_plan) {
        owner::overtaken(session, parent, &commit)?;
    }
    let more = cut || !on_plan;
    if !more {
        changes.extend(Change::skipped(&planned.skips));
    }
    Ok(End { more, head: Some(commit.id) })
}

/// Reads what is to be shipped, as much as fits into one commit. None: there is nothing.
fn load<'p>(
    session: &Session<'_>,
    planned: &'p Plan,
    workspace: &Workspace,
    remote: &Remote,
) -> Result<Option<Shipment<'p>>, Error> {
    let wanted: Vec<&Planned> = planned.changes_of(Side::Branch).collect();
    if wanted.is_empty() {
        return Ok(None);
    }
    let size = |change: &&Planned| content_of(change).map_or(0, |_| size_of(workspace, change));
    // With an eighth for escapes, and the names around each.
    let room = wanted.iter().map(size).filter(|size| *size < LARGE as u64).fold(0, |room, size| room + size + size / 8);
    let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_add(wanted.len() * 256);
    let draft = Draft::new(remote.head.as_deref(), room, session.host().portion().commit);
    let mut shipment = Shipment { draft, changes: Vec::with_capacity(wanted.len()), cut: false };
    for batch in batches(&wanted, size) {
        let (batch, later) = batch.split_at(fitting(&shipment.draft, batch, size));
        let paths: Vec<String> =
            batch.iter().filter(|change| content_of(change).is_some()).map(|change| change.path.to_string()).collect();
        let mut contents = read_all(session.host(), &paths)?.into_iter();
        for change in batch {
            let content = content_of(change).and_then(|_| contents.next());
            if !shipment.draft.add(actions(change, content)?) {
                shipment.cut = true;
                return Ok(Some(shipment));
            }
            shipment.changes.push(change);
        }
        if !later.is_empty() {
            shipment.cut = true;
            break;
        }
    }
    Ok(Some(shipment))
}

/// How many of these may fit in. What does not need not even be read: a call has no memory for a large one beside a large body.
fn fitting<'p>(draft: &Draft, batch: &[&'p Planned], size: impl Fn(&&'p Planned) -> u64) -> usize {
    let mut bytes = 0;
    let fit = batch.iter().take_while(|change| {
        bytes += size(change);
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

fn actions(change: &Planned, content: Option<Content>) -> Result<Vec<commit::Action<'_>>, Error> {
    let path = change.path.as_str();
    let content: body::Content = match (content_of(change), content) {
        (Some(entry), Some(content)) if BlobId::of(&content.bytes) == entry.blob => content.bytes.into(),
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

fn send<'p>(
    session: &Session<'_>,
    shipment: Shipment<'p>,
    remote: &Remote,
    message: &str,
) -> Result<(Commit, Vec<&'p Planned>), Error> {
    let operation = operation(remote.head.as_deref(), &shipment.changes);
    let request = shipment.draft.finish(&session.client, &session.place(), message, &operation);
    let commit = commit::send(&session.client, &session.place(), &request, &operation)?;
    Ok((commit, shipment.changes))
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

/// As asked for now, else as configured.
fn template(options: &Options, configuration: &Configuration) -> Result<Template, Error> {
    let asked = options.message.as_deref().or(configuration.message.as_deref());
    asked.map_or(Ok(Template::default()), Template::parse)
}

fn message(template: &Template, session: &Session<'_>, changes: &[&Planned]) -> String {
    let (summary, branch) = (subject(changes), session.configuration.branch.as_str());
    template.fill(&Facts { summary: &summary, files: changes.len(), branch })
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

/// The branch with what was committed.
fn landed(remote: &Remote, commit: &Commit, shipped: &[&Planned]) -> Remote {
    let mut after = Remote { head: Some(commit.id.clone()), is_assumed: false, ..remote.clone() };
    for change in shipped {
        match &change.action {
            Action::Create { entry } | Action::Update { entry, .. } => {
                after.tree.insert(change.path.clone(), *entry);
            }
            Action::Move { from, entry, .. } => {
                after.tree.remove(from);
                after.tree.insert(change.path.clone(), *entry);
            }
            Action::Delete { .. } => drop(after.tree.remove(&change.path)),
            Action::Merge(_) => {}
        }
    }
    after
}

fn size_of(workspace: &Workspace, change: &Planned) -> u64 {
    workspace.size(&change.path).unwrap_or_default()
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
