//! What is different after a change: `{field: {previous, current}}`, as hooks are told it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::hooks::payload::blocks::{self, utc};
use crate::hooks::payload::merge_request::{people, state_id};
use crate::world::World;
use crate::world::merge_requests::MergeRequest;
use crate::world::projects::Project;

/// The time of the last change alone.
pub(crate) fn times(before: Timestamp, after: Timestamp) -> Value {
    json!({ "updated_at": { "previous": utc(before), "current": utc(after) } })
}

/// Everything that hooks are told of.
pub(super) fn between(world: &World, project: &Project, before: &MergeRequest, after: &MergeRequest) -> Value {
    let mut changes = Map::new();
    let mut note = |key: &str, old: Value, new: Value| {
        if old != new {
            changes.insert(key.to_owned(), json!({ "previous": old, "current": new }));
        }
    };
    let edited = |row: &MergeRequest| (json!(row.edited.map(|(at, _)| utc(at))), json!(row.edited.map(|(_, by)| by)));
    note("title", json!(before.title), json!(after.title));
    note("draft", json!(before.is_draft()), json!(after.is_draft()));
    note("description", json!(before.description), json!(after.description));
    note("target_branch", json!(before.target_branch), json!(after.target_branch));
    note("state_id", json!(state_id(before.state)), json!(state_id(after.state)));
    note("updated_at", json!(utc(before.updated_at)), json!(utc(after.updated_at)));
    note("last_edited_at", edited(before).0, edited(after).0);
    note("last_edited_by_id", edited(before).1, edited(after).1);
    if before.labels != after.labels {
        let labels = |row: &MergeRequest| blocks::labels(world, project, &row.labels);
        note("labels", labels(before), labels(after));
    }
    if before.assignee_ids != after.assignee_ids {
        note("assignees", people(world, &before.assignee_ids), people(world, &after.assignee_ids));
    }
    if before.reviewer_ids != after.reviewer_ids {
        note("reviewers", people(world, &before.reviewer_ids), people(world, &after.reviewer_ids));
    }
    Value::Object(changes)
}

/// What a new merge request is told with: everything was nothing.
pub(super) fn of_new(row: &MergeRequest) -> Value {
    let fields = json!({
        "author_id": row.author_id,
        "created_at": utc(row.created_at),
        "description": row.description,
        "id": row.id,
        "iid": row.iid,
        "source_branch": row.source_branch,
        "source_project_id": row.source_project_id,
        "target_branch": row.target_branch,
        "target_project_id": row.project_id,
        "title": row.title,
        "updated_at": utc(row.updated_at),
    });
    let Value::Object(fields) = fields else { return Value::Null };
    let told = |(key, value): (String, Value)| (key, json!({ "previous": null, "current": value }));
    fields.into_iter().map(told).collect::<Map<_, _>>().into()
}
