//! How a merge request looks: simple, in lists, and alone.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::pipelines;
use crate::api::users::{self, merge};
use crate::app::App;
use crate::clock::iso_millis;
use crate::version::Tier;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::merge_requests::{MergeRequest, State};
use crate::world::projects::Project;
use crate::world::users::User;

/// Changed files are counted up to this.
const MAX_COUNTED: usize = 1000;

/// A user as everything shows it; null when it is gone.
pub(super) fn person(app: &App, world: &World, id: u64) -> Value {
    world.users.get(id).map(|user| users::basic(app, user)).unwrap_or_default()
}

fn people(app: &App, world: &World, ids: &[u64]) -> Vec<Value> {
    ids.iter().map(|id| person(app, world, *id)).filter(|user| !user.is_null()).collect()
}

fn web_url(app: &App, world: &World, row: &MergeRequest) -> (String, String) {
    let path = world.projects.get(row.project_id).map(|project| world.project_path(project)).unwrap_or_default();
    (format!("{}/{path}/-/merge_requests/{}", app.url(), row.iid), path)
}

/// `view=simple`.
pub(super) fn simple(app: &App, world: &World, row: &MergeRequest) -> Value {
    json!({
        "id": row.id,
        "iid": row.iid,
        "project_id": row.project_id,
        "title": row.title,
        "description": row.description,
        "state": row.state.word(),
        "created_at": iso_millis(row.created_at),
        "updated_at": iso_millis(row.updated_at),
        "web_url": web_url(app, world, row).0,
    })
}

/// In lists.
pub(crate) fn basic(app: &App, world: &World, row: &MergeRequest) -> Value {
    let mut shown = simple(app, world, row);
    merge(&mut shown, people_and_times(app, world, row));
    merge(&mut shown, branches_and_labels(app, world, row));
    // Only what comes from elsewhere can be opened to the members of the target.
    if row.source_project_id != Some(row.project_id) {
        merge(&mut shown, json!({ "allow_collaboration": null, "allow_maintainer_to_push": null }));
    }
    if world.settings.tier >= Tier::Premium {
        merge(&mut shown, json!({ "approvals_before_merge": null }));
    }
    shown
}

fn people_and_times(app: &App, world: &World, row: &MergeRequest) -> Value {
    let when = |event: Option<(Timestamp, u64)>| event.map(|(at, _)| iso_millis(at));
    let who = |event: Option<(Timestamp, u64)>| event.map(|(_, user)| person(app, world, user));
    let assignees = people(app, world, &row.assignee_ids);
    json!({
        "merged_by": who(row.merged),
        "merge_user": who(row.merged),
        "merged_at": when(row.merged),
        "closed_by": who(row.closed),
        "closed_at": when(row.closed),
        "author": person(app, world, row.author_id),
        "assignee": assignees.first(),
        "assignees": assignees,
        "reviewers": people(app, world, &row.reviewer_ids),
        "user_notes_count": row.user_notes(),
        "upvotes": 0, "downvotes": 0,
        "prepared_at": row.prepared_at.map(iso_millis),
    })
}

fn branches_and_labels(app: &App, world: &World, row: &MergeRequest) -> Value {
    let (_, path) = web_url(app, world, row);
    let short = format!("!{}", row.iid);
    let (old, new) = merge_status(row);
    json!({
        "target_branch": row.target_branch,
        "source_branch": row.source_branch,
        "source_project_id": row.source_project_id,
        "target_project_id": row.project_id,
        "labels": row.labels,
        "draft": row.is_draft(),
        "work_in_progress": row.is_draft(),
        "imported": false, "imported_from": "none",
        "milestone": null,
        "merge_when_pipeline_succeeds": false,
        "merge_status": old,
        "detailed_merge_status": new,
        "merge_after": null,
        "sha": (!row.sha.is_empty()).then_some(&row.sha),
        "merge_commit_sha": row.merge_commit_sha,
        "squash_commit_sha": row.squash_commit_sha,
        "discussion_locked": null,
        "should_remove_source_branch": null,
        "force_remove_source_branch": row.remove_source_branch,
        "reference": short,
        "references": { "short": short, "relative": short, "full": format!("{path}{short}") },
        "time_stats": {
            "time_estimate": 0, "total_time_spent": 0, "human_time_estimate": null, "human_total_time_spent": null,
        },
        "squash": row.squash,
        "squash_on_merge": row.squash,
        "task_completion_status": { "count": 0, "completed_count": 0 },
        "has_conflicts": false,
        "blocking_discussions_resolved": row.is_resolved(),
    })
}

/// The deprecated word and the present one.
pub(crate) fn merge_status(row: &MergeRequest) -> (&'static str, &'static str) {
    match (row.state, row.prepared_at) {
        (_, None) => ("preparing", "preparing"),
        (State::Opened, Some(_)) if row.is_draft() => ("can_be_merged", "draft_status"),
        (State::Opened, Some(_)) => ("can_be_merged", "mergeable"),
        (_, Some(_)) => ("can_be_merged", "not_open"),
    }
}

/// Alone.
pub(super) fn full(app: &App, world: &World, project: &Project, row: &MergeRequest, viewer: Option<&User>) -> Value {
    let mut shown = basic(app, world, row);
    let prepared = row.prepared_at.is_some();
    let count = row.files.as_ref().map(|files| match files.len() {
        more if more > MAX_COUNTED => format!("{MAX_COUNTED}+"),
        count => count.to_string(),
    });
    let head = world.pipelines.of(project.id).rev().find(|pipeline| pipeline.sha == row.sha);
    let refs = json!({ "base_sha": row.base_sha, "head_sha": row.sha, "start_sha": row.base_sha });
    let role = viewer.and_then(|user| world.project_role(user.id, project));
    merge(
        &mut shown,
        json!({
            "subscribed": viewer.is_some_and(|user| user.id == row.author_id),
            "changes_count": count,
            "latest_build_started_at": null,
            "latest_build_finished_at": null,
            "first_deployed_to_production_at": null,
            "pipeline": head.map(|pipeline| pipelines::reference(app, world, pipeline)),
            "head_pipeline": head.map(|pipeline| pipelines::detail(app, world, pipeline)),
            "diff_refs": if prepared { refs } else { Value::Null },
            "merge_error": null,
            "rebase_in_progress": false,
            "first_contribution": false,
            "user": { "can_merge": role >= Some(AccessLevel::Maintainer) },
        }),
    );
    shown
}
