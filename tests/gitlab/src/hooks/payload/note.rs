//! What hooks are told of a comment: on a merge request or on a commit.

use serde_json::{Value, json};

use super::blocks::{self, utc};
use super::{merge_request, project_block};
use crate::app::App;
use crate::world::merge_requests::{MergeRequest, Note, NoteKind};

/// The payload. System notes have none; older versions tell of new notes only, which is for the caller to know.
pub(crate) fn on_merge_request(app: &App, row: &MergeRequest, note: &Note, action: &str) -> Option<Value> {
    if note.kind == NoteKind::System {
        return None;
    }
    let world = app.world();
    let project = world.projects.get(row.project_id)?;
    let block = project_block(app, &world, project);
    let web = format!("{}/{}", app.url(), world.project_path(project));
    let mut attributes = json!({
        "attachment": null,
        "author_id": note.author_id,
        "change_position": null,
        "commit_id": null,
        "created_at": utc(note.created_at),
        "discussion_id": note.discussion_id,
        "id": note.id,
        "line_code": null,
        "note": note.body,
        "noteable_id": row.id,
        "noteable_type": "MergeRequest",
        "original_position": null,
        "position": null,
        "project_id": row.project_id,
        "resolved_at": note.resolved.map(|(at, _)| utc(at)),
        "resolved_by_id": note.resolved.map(|(_, user)| user),
        "resolved_by_push": null,
        "st_diff": null,
        "system": false,
        "type": note.kind.word(),
        "updated_at": utc(note.updated_at),
        "updated_by_id": null,
        "internal": false,
        "description": note.body,
        "url": format!("{web}/-/merge_requests/{}#note_{}", row.iid, note.id),
    });
    if let Some(position) = position(row, note) {
        attributes["position"] = position.clone();
        attributes["original_position"] = position;
    }
    if world.settings.version.at_least(16, 11) {
        attributes["action"] = action.into();
    }
    Some(json!({
        "object_kind": "note",
        "event_type": "note",
        "user": blocks::user(&world, note.author_id),
        "project_id": row.project_id,
        "repository": blocks::repository(&block),
        "project": block,
        "object_attributes": attributes,
        "merge_request": merge_request::attributes(app, &world, project, row, note.author_id),
    }))
}

/// Where in the difference a note stands.
pub(crate) fn position(row: &MergeRequest, note: &Note) -> Option<Value> {
    let NoteKind::Diff { path, line } = &note.kind else { return None };
    Some(json!({
        "base_sha": row.base_sha, "start_sha": row.base_sha, "head_sha": row.sha,
        "old_path": path, "new_path": path, "position_type": "text",
        "old_line": null, "new_line": line, "line_range": null,
    }))
}
