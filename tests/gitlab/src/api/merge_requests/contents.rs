//! What a merge request holds: commits, differences, their versions, people, and its history of labels and states.

use git2::{Oid, Repository};
use serde_json::{Value, json};

use super::entity::person;
use super::found;
use crate::api::commits::{self, Trailers};
use crate::api::labels;
use crate::api::users::merge;
use crate::call::Call;
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::git::diff::{self, PatchHead, TreeDiff};
use crate::git::history::{self, Order};
use crate::hooks::payload::blocks::label_owners;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::world::World;
use crate::world::merge_requests::{DiffVersion, Happened, MergeRequest, ResourceEvent};
use crate::world::projects::Project;

/// Nothing is there before it is prepared, and of generated ones never.
fn prepared(call: &Call, row: &MergeRequest) -> Option<(Oid, Oid)> {
    row.as_of(call.app.now()).prepared_at?;
    Some((Oid::from_str(&row.base_sha).ok()?, Oid::from_str(&row.sha).ok()?))
}

fn difference(call: &Call, project: &Project, row: &MergeRequest, head: PatchHead) -> Result<TreeDiff, ApiError> {
    let Some((base, tip)) = prepared(call, row) else { return Ok(TreeDiff::default()) };
    let limits = call.app.world().settings.diff.clone();
    call.with_repository(project, |repository| {
        let (Ok(base), Ok(tip)) = (repository.find_commit(base), repository.find_commit(tip)) else {
            return Ok(TreeDiff::default());
        };
        Ok(diff::between(repository, Some(&base.tree()?), Some(&tip.tree()?), &limits, head)?)
    })
}

fn patch_head(call: &Call) -> Result<PatchHead, ApiError> {
    let mut checks = call.params.checks();
    let unified = checks.flag("unidiff", false);
    checks.finish()?;
    Ok(if unified { PatchHead::Unified } else { PatchHead::None })
}

/// Newest first.
fn new_commits(repository: &Repository, row: &MergeRequest, base: Oid, head: Oid) -> Result<Vec<Oid>, git2::Error> {
    if repository.find_commit(head).is_err() {
        return Ok(Vec::new());
    }
    let known: Vec<Oid> = repository
        .find_reference(&format!("refs/heads/{}", row.target_branch))
        .ok()
        .and_then(|reference| reference.target())
        .filter(|_| row.merged.is_none())
        .into_iter()
        .chain([base])
        .collect();
    history::walk(repository, &[head], &known, Order::Topological)
}

pub(super) fn commits(call: &Call) -> Answer {
    let (_, project, row) = found(call)?;
    let page = Page::of(call)?;
    let url = commits::project_url(&call.app, &project);
    let all: Vec<Value> = match prepared(call, &row) {
        None => Vec::new(),
        Some((base, head)) => call.with_repository(&project, |repository| {
            let ids = new_commits(repository, &row, base, head)?;
            let found = ids.into_iter().map(|id| repository.find_commit(id));
            let shown = found.map(|commit| Ok(commits::entity(&url, &commit?, Trailers::Unread)));
            shown.collect::<Result<_, ApiError>>()
        })?,
    };
    page::paged(call, page, &all, Clone::clone)
}

/// One entry per file, in pages.
pub(super) fn diffs(call: &Call) -> Answer {
    let (_, project, row) = found(call)?;
    let page = Page::of(call)?;
    let shown = difference(call, &project, &row, patch_head(call)?)?;
    page::paged(call, page, &shown.files, Clone::clone)
}

/// The merge request with its difference. Deprecated since 15.7.
pub(super) fn changes(call: &Call) -> Answer {
    let (user, project, row) = found(call)?;
    let difference = difference(call, &project, &row, patch_head(call)?)?;
    let world = call.app.world();
    let mut shown = super::entity::full(&call.app, &world, &project, &row.as_of(call.app.now()), user.as_ref());
    merge(&mut shown, json!({ "changes": difference.files, "overflow": difference.overflow }));
    Reply::ok(&shown)
}

fn version(row: &MergeRequest, version: &DiffVersion) -> Value {
    json!({
        "id": version.id,
        "head_commit_sha": version.head,
        "base_commit_sha": version.base,
        "start_commit_sha": version.base,
        "created_at": iso_millis(version.at),
        "merge_request_id": row.id,
        "state": "collected",
        "real_size": row.files.as_ref().map_or_else(|| "0".to_owned(), |files| files.len().to_string()),
        "patch_id_sha": null,
    })
}

/// Newest first.
pub(super) fn versions(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let page = Page::of(call)?;
    let seen = row.as_of(call.app.now());
    let known = if seen.prepared_at.is_some() { row.versions.as_slice() } else { &[] };
    let all: Vec<Value> = known.iter().rev().map(|one| version(&row, one)).collect();
    page::paged(call, page, &all, Clone::clone)
}

/// One version with its commits and differences.
pub(super) fn show_version(call: &Call) -> Answer {
    let (_, project, row) = found(call)?;
    let id = call.path.get("version_id").parse::<u64>().unwrap_or_default();
    let one = row.versions.iter().find(|version| version.id == id).ok_or_else(ApiError::record_not_found)?;
    let then = MergeRequest { sha: one.head.clone(), base_sha: one.base.clone(), ..row.clone() };
    let url = commits::project_url(&call.app, &project);
    let difference = difference(call, &project, &then, patch_head(call)?)?;
    let commits: Vec<Value> = match prepared(call, &then) {
        None => Vec::new(),
        Some((base, head)) => call.with_repository(&project, |repository| {
            let found = new_commits(repository, &then, base, head)?.into_iter().map(|id| repository.find_commit(id));
            found.map(|commit| Ok(commits::entity(&url, &commit?, Trailers::Unread))).collect::<Result<_, ApiError>>()
        })?,
    };
    let mut shown = version(&row, one);
    merge(&mut shown, json!({ "commits": commits, "diffs": difference.files }));
    Reply::ok(&shown)
}

/// Author, assignees, reviewers and whoever wrote something.
pub(super) fn participants(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let page = Page::of(call)?;
    let mut ids: Vec<u64> = std::iter::once(row.author_id).chain(row.assignee_ids.iter().copied()).collect();
    ids.extend(row.notes.iter().map(|note| note.author_id));
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    let world = call.app.world();
    let all: Vec<Value> = ids.iter().map(|id| person(&call.app, &world, *id)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

/// Who is to look at it and whether they have.
pub(super) fn reviewers(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let world = call.app.world();
    let shown: Vec<Value> = row
        .reviewer_ids
        .iter()
        .map(|id| {
            let approved = row.approvals.iter().any(|(user, _)| user == id);
            json!({
                "user": person(&call.app, &world, *id),
                "state": if approved { "approved" } else { "unreviewed" },
                "created_at": iso_millis(row.created_at),
            })
        })
        .collect();
    Reply::ok(&shown)
}

/// Issues are not modelled: none is closed.
pub(super) fn closes_issues(call: &Call) -> Answer {
    found(call)?;
    page::paged(call, Page::of(call)?, &Vec::<Value>::new(), Clone::clone)
}

/// Milestones are not modelled: none came or went.
pub(super) fn milestone_events(call: &Call) -> Answer {
    found(call)?;
    page::paged(call, Page::of(call)?, &Vec::<Value>::new(), Clone::clone)
}

fn event(call: &Call, world: &World, row: &MergeRequest, event: &ResourceEvent) -> Value {
    let mut shown = json!({
        "id": event.id,
        "user": person(&call.app, world, event.user_id),
        "created_at": iso_millis(event.at),
        "resource_type": "MergeRequest",
        "resource_id": row.id,
    });
    match &event.what {
        Happened::Labelled(name) => merge(&mut shown, json!({ "label": label(world, row, name), "action": "add" })),
        Happened::Unlabelled(name) => {
            merge(&mut shown, json!({ "label": label(world, row, name), "action": "remove" }));
        }
        Happened::Became(state) => {
            let more = json!({ "source_commit": null, "source_merge_request_id": null, "state": state });
            merge(&mut shown, more);
        }
    }
    shown
}

fn label(world: &World, row: &MergeRequest, name: &str) -> Value {
    let owners = world.projects.get(row.project_id).map(|project| label_owners(world, project)).unwrap_or_default();
    world.labels.named(&owners, name).map_or(Value::Null, labels::brief)
}

/// Which part of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// Labels.
    Labels,
    /// States.
    States,
}

impl History {
    fn covers(self, event: &ResourceEvent) -> bool {
        matches!(event.what, Happened::Became(_)) == (self == Self::States)
    }
}

pub(super) fn events(call: &Call, history: History) -> Answer {
    let (_, _, row) = found(call)?;
    let page = Page::of(call)?;
    let world = call.app.world();
    let kept = row.events.iter().filter(|event| history.covers(event));
    let all: Vec<Value> = kept.map(|one| event(call, &world, &row, one)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

pub(super) fn show_event(call: &Call, history: History) -> Answer {
    let (_, _, row) = found(call)?;
    let id = call.path.get("event_id").parse::<u64>().unwrap_or_default();
    let one = row.events.iter().find(|event| event.id == id && history.covers(event));
    let one = one.ok_or_else(ApiError::record_not_found)?;
    Reply::ok(&event(call, &call.app.world(), &row, one))
}
