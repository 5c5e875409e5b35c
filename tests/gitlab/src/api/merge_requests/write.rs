//! Making and changing merge requests. Merging is `merge`.

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::{changes, entity, filter};
use crate::api::create_commit::chain;
use crate::app::App;
use crate::auth::Access;
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::payload::blocks::label_owners;
use crate::hooks::payload::merge_request::Deed;
use crate::merging::{self, Heads};
use crate::params::Params;
use crate::reply::{Answer, Reply};
use crate::telling;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::labels::Label;
use crate::world::members::Source;
use crate::world::merge_requests::{Happened, MergeRequest, NoteKind, ResourceEvent, State};
use crate::world::projects::Project;
use crate::world::users::User;

const CREATE: Access = Access::write("Merge Request: Create");
pub(super) const UPDATE: Access = Access::write("Merge Request: Update");
/// The colour of a label that a merge request brought into being.
const NEW_LABEL: &str = "#6699cc";
/// What a change can name, in the order of GitLab's complaint.
const FIELDS: [&str; 17] = [
    "assignee_id",
    "assignee_ids",
    "reviewer_ids",
    "description",
    "discussion_locked",
    "labels",
    "add_labels",
    "remove_labels",
    "merge_after",
    "milestone_id",
    "remove_source_branch",
    "allow_collaboration",
    "allow_maintainer_to_push",
    "squash",
    "target_branch",
    "title",
    "state_event",
];

/// The caller and a merge request that it may change: members from Developer on, and its author.
pub(super) fn writable(call: &Call) -> Result<(User, Project, MergeRequest), ApiError> {
    let caller = call.caller(UPDATE)?;
    let project = call.project(Some(&caller.user))?;
    call.require_code(Some(&caller.user), &project)?;
    let iid = call.path.get("iid").parse().map_err(|_| ApiError::invalid_params("merge_request_iid is invalid"))?;
    let row = call.app.world().merge_requests.get(project.id, iid).cloned();
    let row = row.ok_or_else(ApiError::record_not_found)?;
    if row.author_id != caller.user.id {
        call.require_role(&caller.user, &project, AccessLevel::Developer)?;
    }
    call.require_writable(&project)?;
    Ok((caller.user, project, row))
}

pub(super) fn create(call: &Call) -> Answer {
    let (caller, project) = call.managed(CREATE, AccessLevel::Developer)?;
    call.require_writable(&project)?;
    let mut checks = call.params.checks();
    let (title, source, target) =
        (checks.required("title"), checks.required("source_branch"), checks.required("target_branch"));
    let remove_source_branch = checks.flag("remove_source_branch", false);
    let squash = checks.flag("squash", false);
    checks.finish()?;
    judge_branches(call, project.id, &source, &target)?;
    let heads = merging::heads(&call.app, project.id, &source, &target);
    let now = call.app.now();
    let user = caller.user;
    let mut world = call.app.world_mut();
    let labels = filter::words(call.params.get("labels"));
    labels.iter().for_each(|name| provide_label(&mut world, &project, name, now));
    let prepared_at = merging::prepared_at(&world, now);
    let iid = world
        .merge_requests
        .add(project.id, |id, iid| MergeRequest {
            id,
            iid,
            project_id: project.id,
            source_project_id: Some(project.id),
            title,
            description: call.params.text("description").unwrap_or_default(),
            state: State::Opened,
            source_branch: source,
            target_branch: target,
            author_id: user.id,
            assignee_ids: people(&call.params, "assignee").unwrap_or_default(),
            reviewer_ids: people(&call.params, "reviewer").unwrap_or_default(),
            labels: Vec::new(),
            created_at: now,
            updated_at: now,
            prepared_at: Some(prepared_at),
            merged: None,
            closed: None,
            sha: String::new(),
            base_sha: String::new(),
            merge_commit_sha: None,
            squash_commit_sha: None,
            files: None,
            approvals: Vec::new(),
            approvals_required: 0,
            notes: Vec::new(),
            edited: None,
            squash,
            remove_source_branch,
            events: Vec::new(),
            versions: Vec::new(),
        })
        .iid;
    merging::take(&mut world, project.id, iid, &heads, now);
    relabel(&mut world, project.id, iid, &labels, user.id, now);
    let row = world.merge_requests.get(project.id, iid).cloned().ok_or_else(ApiError::internal)?;
    drop(world);
    let deed = Deed { action: Some("open"), changes: changes::of_new(&row), old_head: None };
    telling::merge_request(&call.app, &row.unprepared(), user.id, &deed, chain(call).as_deref());
    // GitLab prepares it later: the answer never has a difference.
    let world = call.app.world();
    Reply::created(&entity::full(&call.app, &world, &project, &row.unprepared(), Some(&user)))
}

fn judge_branches(call: &Call, project_id: u64, source: &str, target: &str) -> Result<(), ApiError> {
    if source == target {
        let text = "You can't use same project/branch for source and target";
        return Err(ApiError::body(StatusCode::UNPROCESSABLE_ENTITY, serde_json::json!({ "message": [text] })));
    }
    let world = call.app.world();
    let twin = world
        .merge_requests
        .of(project_id)
        .find(|row| row.state == State::Opened && row.source_branch == source && row.target_branch == target);
    match twin {
        Some(twin) => {
            let text = format!("Another open merge request already exists for this source branch: !{}", twin.iid);
            Err(ApiError::conflict_list(&text))
        }
        None => Ok(()),
    }
}

/// `assignee_ids`, or `assignee_id` alone; 0 or nothing in it takes everybody off. Nothing when neither was sent.
fn people(params: &Params, role: &str) -> Option<Vec<u64>> {
    let many = format!("{role}_ids");
    let one = format!("{role}_id");
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|&id| id > 0);
    if let Some(sent) = params.get(&many) {
        return Some(match sent {
            Value::Array(list) => list.iter().filter_map(number).collect(),
            other => number(other).into_iter().collect(),
        });
    }
    params.has(&one).then(|| params.get(&one).and_then(number).into_iter().collect())
}

/// A label that nobody has comes into being in the project.
fn provide_label(world: &mut World, project: &Project, name: &str, now: Timestamp) {
    let owners = label_owners(world, project);
    if world.labels.named(&owners, name).is_none() {
        world.labels.table.add(|id| Label {
            id,
            owner: Source::Project(project.id),
            name: name.to_owned(),
            color: NEW_LABEL.into(),
            description: None,
            created_at: now,
        });
    }
}

/// Puts labels on and takes them off, each in an event of its own.
fn relabel(world: &mut World, project_id: u64, iid: u64, wanted: &[String], user_id: u64, at: Timestamp) {
    let Some(row) = world.merge_requests.get(project_id, iid) else { return };
    let gone = row.labels.iter().filter(|name| !wanted.contains(name)).cloned().map(Happened::Unlabelled);
    let new = wanted.iter().filter(|name| !row.labels.contains(name)).cloned().map(Happened::Labelled);
    let happened: Vec<Happened> = gone.chain(new).collect();
    for what in happened {
        happen(world, project_id, iid, user_id, at, what);
    }
    if let Some(row) = world.merge_requests.get_mut(project_id, iid) {
        row.labels = wanted.to_vec();
    }
}

/// Writes an event down.
pub(super) fn happen(world: &mut World, project_id: u64, iid: u64, user_id: u64, at: Timestamp, what: Happened) {
    let id = world.merge_requests.next_event_id();
    if let Some(row) = world.merge_requests.get_mut(project_id, iid) {
        row.events.push(ResourceEvent { id, user_id, at, what });
    }
}

pub(super) fn change(call: &Call) -> Answer {
    let (user, project, before) = writable(call)?;
    let mut checks = call.params.checks();
    if !FIELDS.iter().any(|field| call.params.has(field)) {
        checks.complain(format!("{} are missing, at least one parameter must be provided", FIELDS.join(", ")));
    }
    let event = checks.one_of("state_event", &["", "close", "reopen"]);
    let flags = (
        call.params.has("squash").then(|| checks.flag("squash", false)),
        call.params.has("remove_source_branch").then(|| checks.flag("remove_source_branch", false)),
    );
    if call.params.has("title") {
        checks.required("title");
    }
    checks.finish()?;
    let heads = retarget(call, &before)?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let row = world.merge_requests.get_mut(project.id, before.iid).ok_or_else(ApiError::internal)?;
    fill(&call.params, row, &user, flags, now);
    settle_labels(call, &mut world, &project, &before, &user, now);
    if let Some(heads) = &heads {
        merging::take(&mut world, project.id, before.iid, heads, now);
    }
    let action = settle_state(&mut world, &before, event, &user, now);
    let after = world.merge_requests.get(project.id, before.iid).cloned().ok_or_else(ApiError::internal)?;
    tell_in_notes(&mut world, &before, &after, &user, now);
    let changes = changes::between(&world, &project, &before, &after);
    drop(world);
    let deed = Deed { action: Some(action), changes, old_head: None };
    telling::merge_request(&call.app, &after, user.id, &deed, chain(call).as_deref());
    let world = call.app.world();
    let row = world.merge_requests.get(project.id, before.iid).ok_or_else(ApiError::internal)?;
    Reply::ok(&entity::full(&call.app, &world, &project, &row.as_of(now), Some(&user)))
}

/// What another target branch makes of the difference.
fn retarget(call: &Call, row: &MergeRequest) -> Result<Option<Heads>, ApiError> {
    let wanted = call.params.filled("target_branch").filter(|name| *name != row.target_branch);
    let Some(wanted) = wanted else { return Ok(None) };
    judge_branches(call, row.project_id, &row.source_branch, &wanted)?;
    Ok(Some(merging::heads(&call.app, row.project_id, &row.source_branch, &wanted)))
}

fn fill(
    params: &Params,
    row: &mut MergeRequest,
    user: &User,
    (squash, remove): (Option<bool>, Option<bool>),
    now: Timestamp,
) {
    let (title, description) = (params.filled("title"), params.text("description"));
    let edited = title.as_ref().is_some_and(|title| *title != row.title)
        || description.as_ref().is_some_and(|text| *text != row.description);
    row.title = title.unwrap_or_else(|| row.title.clone());
    row.description = description.unwrap_or_else(|| row.description.clone());
    if edited {
        row.edited = Some((now, user.id));
    }
    if let Some(branch) = params.filled("target_branch") {
        row.target_branch = branch;
    }
    if let Some(ids) = people(params, "assignee") {
        row.assignee_ids = ids;
    }
    if let Some(ids) = people(params, "reviewer") {
        row.reviewer_ids = ids;
    }
    row.squash = squash.unwrap_or(row.squash);
    row.remove_source_branch = remove.unwrap_or(row.remove_source_branch);
    row.updated_at = now;
}

/// `labels` replaces them, `add_labels` and `remove_labels` change them.
fn settle_labels(call: &Call, world: &mut World, project: &Project, row: &MergeRequest, user: &User, now: Timestamp) {
    let params = &call.params;
    let mut wanted = if params.has("labels") { filter::words(params.get("labels")) } else { row.labels.clone() };
    let taken = filter::words(params.get("remove_labels"));
    wanted.extend(filter::words(params.get("add_labels")));
    wanted.retain(|name| !taken.contains(name));
    wanted.sort();
    wanted.dedup();
    wanted.iter().for_each(|name| provide_label(world, project, name, now));
    relabel(world, project.id, row.iid, &wanted, user.id, now);
}

/// Closes or reopens, and says which action hooks are told.
fn settle_state(world: &mut World, row: &MergeRequest, event: &str, user: &User, now: Timestamp) -> &'static str {
    let (state, word, action) = match (event, row.state) {
        ("close", State::Opened) => (State::Closed, "closed", "close"),
        ("reopen", State::Closed) => (State::Opened, "reopened", "reopen"),
        _ => return "update",
    };
    if let Some(row) = world.merge_requests.get_mut(row.project_id, row.iid) {
        row.state = state;
        row.closed = (state == State::Closed).then_some((now, user.id));
    }
    happen(world, row.project_id, row.iid, user.id, now, Happened::Became(word));
    action
}

/// What GitLab writes under a merge request by itself.
fn tell_in_notes(world: &mut World, before: &MergeRequest, after: &MergeRequest, user: &User, now: Timestamp) {
    let mut texts = Vec::new();
    if before.title != after.title {
        texts.push(format!("changed title from **{}** to **{}**", before.title, after.title));
    }
    if before.description != after.description {
        texts.push("changed the description".into());
    }
    if before.target_branch != after.target_branch {
        texts.push(format!("changed target branch from `{}` to `{}`", before.target_branch, after.target_branch));
    }
    let name = |id: &u64| world.users.get(*id).map(|user| format!("@{}", user.username));
    let new = |old: &[u64], ids: &[u64]| -> Vec<String> {
        ids.iter().filter(|id| !old.contains(id)).filter_map(name).collect()
    };
    let assigned = new(&before.assignee_ids, &after.assignee_ids);
    if !assigned.is_empty() {
        texts.push(format!("assigned to {}", assigned.join(" and ")));
    }
    let asked = new(&before.reviewer_ids, &after.reviewer_ids);
    if !asked.is_empty() {
        texts.push(format!("requested review from {}", asked.join(" and ")));
    }
    for text in texts {
        merging::add_note(world, after, NoteKind::System, &text, user.id, now);
    }
}

/// Deletes one. For owners of the project and administrators.
pub(super) fn remove(call: &Call) -> Answer {
    let (user, project, row) = writable(call)?;
    call.require_role(&user, &project, AccessLevel::Owner)?;
    crate::api::branches::require_unmodified(call, row.updated_at.as_second())?;
    call.app.world_mut().merge_requests.remove(project.id, row.iid);
    Reply::no_content()
}

/// Who may approve and merge: everybody who may push to the target branch.
pub(super) fn may_merge(app: &Arc<App>, user: &User, project: &Project, row: &MergeRequest) -> bool {
    crate::pushes::may_push(&app.world(), user, project, &row.target_branch, false)
}
