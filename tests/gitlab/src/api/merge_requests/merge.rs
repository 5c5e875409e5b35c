//! Merging a merge request.

use http::StatusCode;
use serde_json::json;

use super::write::{happen, may_merge, writable};
use super::{changes, entity};
use crate::api::create_commit::chain;
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::payload::merge_request::Deed;
use crate::merging::{self, MergeError, MergeOrder};
use crate::reply::{Answer, Reply};
use crate::telling;
use crate::world::merge_requests::{Happened, MergeRequest, State};

/// In GitLab's order: the right, the state, the head that the caller saw, and whether it can be done at all.
pub(super) fn merge(call: &Call) -> Answer {
    let (user, project, row) = writable(call)?;
    let mut checks = call.params.checks();
    let squash = checks.flag("squash", row.squash);
    let remove_source_branch = checks.flag("should_remove_source_branch", row.remove_source_branch);
    checks.finish()?;
    if !may_merge(&call.app, &user, &project, &row) {
        return Err(ApiError::unauthorized());
    }
    let ready = row.as_of(call.app.now()).prepared_at.is_some();
    if row.state != State::Opened || row.is_draft() || !ready {
        return Err(ApiError::method_not_allowed());
    }
    judge_head(call, &row)?;
    let unmergeable = || ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, "Branch cannot be merged");
    if !merging::merges(&call.app, &row) {
        return Err(unmergeable());
    }
    let row = MergeRequest { remove_source_branch, squash, ..row };
    let order = order(call, &row, &call.app.world().project_path(&project));
    let merged = merging::merge(&call.app, &row, &user, &order).map_err(|error| match error {
        MergeError::Conflict => unmergeable(),
        MergeError::Moved(_) | MergeError::Git(_) => ApiError::message(StatusCode::CONFLICT, error.to_string()),
    })?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let target = world.merge_requests.get_mut(project.id, row.iid).ok_or_else(ApiError::internal)?;
    target.state = State::Merged;
    target.merged = Some((now, user.id));
    target.updated_at = now;
    target.squash = squash;
    target.remove_source_branch = remove_source_branch;
    target.merge_commit_sha = Some(merged.commit.to_string());
    target.squash_commit_sha = merged.squashed.map(|id| id.to_string());
    happen(&mut world, project.id, row.iid, user.id, now, Happened::Became("merged"));
    let after = world.merge_requests.get(project.id, row.iid).cloned().ok_or_else(ApiError::internal)?;
    let changes = changes::between(&world, &project, &row, &after);
    drop(world);
    let deed = Deed { action: Some("merge"), changes, old_head: None };
    telling::merge_request(&call.app, &after, user.id, &deed, chain(call).as_deref());
    merging::landed(&call.app, &project, &after, &user, &merged, chain(call).as_deref());
    Reply::ok(&entity::full(&call.app, &call.app.world(), &project, &after, Some(&user)))
}

fn judge_head(call: &Call, row: &MergeRequest) -> Result<(), ApiError> {
    match call.params.filled("sha") {
        Some(sha) if sha != row.sha => {
            let text = format!("SHA does not match HEAD of source branch: {}", row.sha);
            Err(ApiError::body(StatusCode::CONFLICT, json!({ "message": text })))
        }
        _ => Ok(()),
    }
}

/// The messages that were asked for, or GitLab's own.
fn order(call: &Call, row: &MergeRequest, path: &str) -> MergeOrder {
    let own = format!(
        "Merge branch '{}' into '{}'\n\n{}\n\nSee merge request {path}!{}",
        row.source_branch, row.target_branch, row.title, row.iid
    );
    let squash = || call.params.filled("squash_commit_message").unwrap_or_else(|| row.title.clone());
    MergeOrder { message: call.params.filled("merge_commit_message").unwrap_or(own), squash: row.squash.then(squash) }
}
