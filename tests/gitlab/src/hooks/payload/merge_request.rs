//! What hooks are told of a merge request.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::blocks::{self, utc};
use super::project_block;
use crate::api::merge_requests::entity::merge_status;
use crate::app::App;
use crate::version::Tier;
use crate::world::World;
use crate::world::merge_requests::{MergeRequest, State};
use crate::world::projects::Project;

/// What was done to a merge request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deed {
    /// `open`, `update`, `close`, ...; nothing in a test.
    pub(crate) action: Option<&'static str>,
    /// What is different: `{field: {previous, current}}`.
    pub(crate) changes: Value,
    /// The head before new commits.
    pub(crate) old_head: Option<String>,
}

/// The payload. Nothing when its project is gone.
pub(crate) fn payload(app: &App, row: &MergeRequest, user_id: u64, deed: &Deed) -> Option<Value> {
    let world = app.world();
    let project = world.projects.get(row.project_id)?;
    let block = project_block(app, &world, project);
    let mut attributes = attributes(app, &world, project, row, user_id);
    if let Some(action) = deed.action {
        attributes["action"] = action.into();
        // Since 18.5 every change says whether a person made it.
        if world.settings.version.at_least(18, 5) {
            attributes["system"] = false.into();
        }
    }
    if let Some(old) = &deed.old_head {
        attributes["oldrev"] = old.clone().into();
    }
    let mut payload = json!({
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": blocks::user(&world, user_id),
        "repository": blocks::repository(&block),
        "project": block,
        "labels": attributes["labels"],
        "object_attributes": attributes,
        "changes": if deed.changes.is_object() { deed.changes.clone() } else { json!({}) },
    });
    // Absent rather than empty.
    if !row.assignee_ids.is_empty() {
        payload["assignees"] = people(&world, &row.assignee_ids);
    }
    if !row.reviewer_ids.is_empty() {
        payload["reviewers"] = reviewers(&world, row);
    }
    Some(payload)
}

/// Users as payloads list them.
pub(crate) fn people(world: &World, ids: &[u64]) -> Value {
    ids.iter().map(|id| blocks::user(world, *id)).collect()
}

fn reviewers(world: &World, row: &MergeRequest) -> Value {
    let tells_state = world.settings.version.at_least(18, 2);
    let reviewer = |id: &u64| {
        let mut shown = blocks::user(world, *id);
        if tells_state && shown.is_object() {
            let approved = row.approvals.iter().any(|(user, _)| user == id);
            shown["state"] = if approved { "approved" } else { "unreviewed" }.into();
            shown["re_requested"] = false.into();
        }
        shown
    };
    row.reviewer_ids.iter().map(reviewer).collect()
}

/// `object_attributes` without what was done, which is also the `merge_request` of a note.
pub(crate) fn attributes(app: &App, world: &World, project: &Project, row: &MergeRequest, user_id: u64) -> Value {
    let block = project_block(app, world, project);
    let web = format!("{}/{}", app.url(), world.project_path(project));
    let head = world.pipelines.of(project.id).rev().find(|pipeline| pipeline.sha == row.sha);
    let source = row.source_project_id.and_then(|id| world.projects.get(id));
    let (old, new) = merge_status(row);
    let mut shown = json!({
        "id": row.id,
        "iid": row.iid,
        "author_id": row.author_id,
        "assignee_id": row.assignee_ids.first(),
        "assignee_ids": row.assignee_ids,
        "reviewer_ids": row.reviewer_ids,
        "title": row.title,
        "description": row.description,
        "draft": row.is_draft(),
        "work_in_progress": row.is_draft(),
        "state": row.state.word(),
        "state_id": state_id(row.state),
        "source_branch": row.source_branch,
        "target_branch": row.target_branch,
        "source_project_id": row.source_project_id,
        "target_project_id": row.project_id,
        "head_pipeline_id": head.map(|pipeline| pipeline.id),
        "merge_status": old,
        "detailed_merge_status": new,
        "blocking_discussions_resolved": row.is_resolved(),
        "first_contribution": false,
        "labels": blocks::labels(world, project, &row.labels),
        "url": format!("{web}/-/merge_requests/{}", row.iid),
        "source": source.map(|project| project_block(app, world, project)),
        "target": block,
        "last_commit": blocks::commit(app, source.unwrap_or(project), &web, &row.sha),
    });
    crate::api::users::merge(&mut shown, times(row, user_id));
    if world.settings.tier >= Tier::Premium {
        shown["approval_rules"] = json!([]);
    }
    shown
}

fn times(row: &MergeRequest, user_id: u64) -> Value {
    let when = |event: Option<(Timestamp, u64)>| event.map(|(at, _)| utc(at));
    let touched = row.updated_at > row.created_at;
    json!({
        "created_at": utc(row.created_at),
        "updated_at": utc(row.updated_at),
        "updated_by_id": touched.then_some(user_id),
        "last_edited_at": when(row.edited),
        "last_edited_by_id": row.edited.map(|(_, user)| user),
        "prepared_at": row.prepared_at.map(utc),
        "merge_commit_sha": row.merge_commit_sha,
        "merge_error": null,
        "merge_params": { "force_remove_source_branch": if row.remove_source_branch { "1" } else { "0" } },
        "merge_user_id": null,
        "merge_when_pipeline_succeeds": false,
        "milestone_id": null,
        "time_estimate": 0,
        "time_change": 0,
        "total_time_spent": 0,
        "human_time_change": null,
        "human_time_estimate": null,
        "human_total_time_spent": null,
    })
}

/// GitLab's number of a state.
pub(crate) fn state_id(state: State) -> u8 {
    match state {
        State::Opened => 1,
        State::Closed => 2,
        State::Merged => 3,
        State::Locked => 4,
    }
}
