//! Merge requests over the repository: what is different, what new heads do to them, and merging.
//!
//! Not here: who may do it and in which words it is refused (`api/merge_requests`).

use git2::{Oid, Repository};
use jiff::{SignedDuration, Timestamp};

use crate::app::App;
use crate::events::{PushEvent, ZERO_ID};
use crate::git::diff;
use crate::git::refs::{self, MoveError};
use crate::git::write::Person;
use crate::hooks::payload::merge_request::Deed;
use crate::pushes;
use crate::telling;
use crate::world::World;
use crate::world::merge_requests::{DiffVersion, FileStats, MergeRequest, Note, NoteKind, State};
use crate::world::projects::Project;
use crate::world::users::User;

/// Where a source branch stands, and what it changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heads {
    /// Its head; empty when the branch is not there.
    pub(crate) head: String,
    /// Where it left the target branch; the head itself when they share nothing.
    pub(crate) base: String,
    /// Files that it changes.
    pub(crate) files: Vec<FileStats>,
}

/// Reads both branches. A source branch that is not there has no head.
pub(crate) fn heads(app: &App, project_id: u64, source: &str, target: &str) -> Heads {
    let read = app.repositories.with(project_id, |repository| {
        let Some(head) = refs::tip(repository, source) else { return Ok(None) };
        let base = refs::tip(repository, target)
            .and_then(|target| repository.merge_base(head.id(), target.id()).ok())
            .unwrap_or_else(|| head.id());
        let trees = (repository.find_commit(base)?.tree()?, head.tree()?);
        let files = diff::per_file(repository, Some(&trees.0), Some(&trees.1))?;
        Ok::<_, git2::Error>(Some(Heads { head: head.id().to_string(), base: base.to_string(), files }))
    });
    read.ok().flatten().unwrap_or(Heads { head: String::new(), base: String::new(), files: Vec::new() })
}

/// Puts what was read into a merge request: a new version of its difference.
pub(crate) fn take(world: &mut World, project_id: u64, iid: u64, heads: &Heads, now: Timestamp) {
    let id = world.merge_requests.next_event_id();
    let Some(row) = world.merge_requests.get_mut(project_id, iid) else { return };
    row.sha.clone_from(&heads.head);
    row.base_sha.clone_from(&heads.base);
    row.files = Some(heads.files.clone());
    row.versions.push(DiffVersion { id, head: heads.head.clone(), base: heads.base.clone(), at: now });
}

/// Open merge requests of a branch that got new commits: they have a new head, say so in a note, and their hooks are told
/// with the old one.
pub(crate) fn follow(app: &App, push: &PushEvent) {
    for change in &push.changes {
        let Some(branch) = change.reference.strip_prefix("refs/heads/") else { continue };
        if change.after == ZERO_ID {
            continue;
        }
        let open: Vec<MergeRequest> = {
            let world = app.world();
            let rows = world.merge_requests.of(push.project_id).filter(|row| {
                row.state == State::Opened
                    && row.source_branch == branch
                    && row.sha != change.after
                    && !row.sha.is_empty()
            });
            rows.cloned().collect()
        };
        for row in open {
            advance(app, &row, push);
        }
    }
}

fn advance(app: &App, row: &MergeRequest, push: &PushEvent) {
    let heads = heads(app, row.project_id, &row.source_branch, &row.target_branch);
    let count = app.repositories.with(row.project_id, |repository| between(repository, &row.sha, &heads.head));
    let count = count.unwrap_or(1);
    let now = app.now();
    let (after, changes) = {
        let mut world = app.world_mut();
        take(&mut world, row.project_id, row.iid, &heads, now);
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("added {count} commit{plural}");
        add_note(&mut world, row, NoteKind::System, &text, push.user_id, now);
        let Some(after) = touched(&mut world, row, now) else { return };
        (after, crate::api::merge_requests::changes::times(row.updated_at, now))
    };
    let deed = Deed { action: Some("update"), changes, old_head: Some(row.sha.clone()) };
    telling::merge_request(app, &after, push.user_id, &deed, push.chain.as_deref());
}

fn between(repository: &Repository, old: &str, new: &str) -> Result<usize, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.push(Oid::from_str(new)?)?;
    walk.hide(Oid::from_str(old)?)?;
    Ok(walk.count())
}

fn touched(world: &mut World, row: &MergeRequest, now: Timestamp) -> Option<MergeRequest> {
    let row = world.merge_requests.get_mut(row.project_id, row.iid)?;
    row.updated_at = now;
    Some(row.clone())
}

/// Adds a note in a discussion of its own.
pub(crate) fn add_note(
    world: &mut World,
    row: &MergeRequest,
    kind: NoteKind,
    body: &str,
    author_id: u64,
    now: Timestamp,
) -> Option<Note> {
    let discussion_id = world.dice.hex(40);
    let note = Note {
        id: world.merge_requests.next_note_id(),
        discussion_id,
        kind,
        body: body.to_owned(),
        author_id,
        created_at: now,
        updated_at: now,
        resolved: None,
    };
    let row = world.merge_requests.get_mut(row.project_id, row.iid)?;
    row.notes.push(note.clone());
    Some(note)
}

/// When a merge request that is made now has a difference.
pub(crate) fn prepared_at(world: &World, now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_millis(world.settings.preparing_ms)).unwrap_or(now)
}

/// In which words and how a merge is made.
#[derive(Debug, Clone)]
pub(crate) struct MergeOrder {
    /// Message of the merge commit.
    pub(crate) message: String,
    /// Message of the one commit that its commits become; nothing leaves them as they are.
    pub(crate) squash: Option<String>,
}

/// Why a merge was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// Both sides changed the same lines, or a branch is not there.
    #[error("Branch cannot be merged")]
    Conflict,
    /// The target branch moved meanwhile.
    #[error("{0}")]
    Moved(#[from] MoveError),
    /// The repository.
    #[error(transparent)]
    Git(#[from] git2::Error),
}

/// What a merge left.
#[derive(Debug, Clone)]
pub(crate) struct Merged {
    /// The target branch before.
    pub(crate) before: Oid,
    /// The merge commit.
    pub(crate) commit: Oid,
    /// The squashed commit.
    pub(crate) squashed: Option<Oid>,
}

/// Whether both branches merge without a conflict.
pub(crate) fn merges(app: &App, row: &MergeRequest) -> bool {
    let tried = app.repositories.with(row.project_id, |repository| {
        let (Some(ours), Some(theirs)) =
            (refs::tip(repository, &row.target_branch), refs::tip(repository, &row.source_branch))
        else {
            return Ok(false);
        };
        Ok::<_, git2::Error>(!repository.merge_commits(&ours, &theirs, None)?.has_conflicts())
    });
    tried.unwrap_or(false)
}

/// Makes a merge commit on the target branch. No hook is told.
pub(crate) fn merge(app: &App, row: &MergeRequest, user: &User, order: &MergeOrder) -> Result<Merged, MergeError> {
    let now = app.now();
    let person = Person { name: user.name.clone(), email: user.commit_email().to_owned() };
    app.repositories.with(row.project_id, |repository| {
        let ours = refs::tip(repository, &row.target_branch).ok_or(MergeError::Conflict)?;
        let theirs = refs::tip(repository, &row.source_branch).ok_or(MergeError::Conflict)?;
        let mut index = repository.merge_commits(&ours, &theirs, None)?;
        if index.has_conflicts() {
            return Err(MergeError::Conflict);
        }
        let tree = repository.find_tree(index.write_tree_to(repository)?)?;
        let signature = person.signature(now)?;
        let squashed = match &order.squash {
            Some(message) => {
                let base = repository.find_commit(repository.merge_base(ours.id(), theirs.id())?)?;
                let made = repository.commit(None, &signature, &signature, message, &theirs.tree()?, &[&base])?;
                Some(made)
            }
            None => None,
        };
        let side = squashed.map(|id| repository.find_commit(id)).transpose()?.unwrap_or(theirs);
        let commit = repository.commit(None, &signature, &signature, &order.message, &tree, &[&ours, &side])?;
        let name = format!("refs/heads/{}", row.target_branch);
        refs::compare_and_swap(repository, &name, Some(ours.id()), commit)?;
        Ok(Merged { before: ours.id(), commit, squashed })
    })
}

/// Tells of the target branch that moved, and takes the source branch away when that was wanted.
pub(crate) fn landed(
    app: &std::sync::Arc<App>,
    project: &Project,
    row: &MergeRequest,
    user: &User,
    merged: &Merged,
    chain: Option<&str>,
) {
    let tell = |change| {
        let push = PushEvent {
            project_id: project.id,
            user_id: user.id,
            changes: vec![change],
            push_options: Vec::new(),
            chain: chain.map(str::to_owned),
        };
        pushes::landed(app, push);
    };
    tell(pushes::branch_change(&row.target_branch, Some(merged.before), Some(merged.commit)));
    if !row.remove_source_branch || pushes::is_protected(project, &row.source_branch) {
        return;
    }
    let removed = app.repositories.with(project.id, |repository| {
        let mut reference = repository.find_reference(&format!("refs/heads/{}", row.source_branch))?;
        let before = reference.target();
        reference.delete()?;
        Ok::<_, git2::Error>(before)
    });
    if let Ok(Some(before)) = removed {
        tell(pushes::branch_change(&row.source_branch, Some(before), None));
    }
}
