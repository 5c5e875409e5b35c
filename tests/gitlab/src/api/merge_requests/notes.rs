//! Notes of a merge request, one by one and as discussions.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::entity::person;
use super::found;
use crate::app::App;
use crate::call::Call;
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::hooks::payload::note::position;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::world::World;
use crate::world::merge_requests::{MergeRequest, Note, NoteKind};

pub(super) fn entity(app: &App, world: &World, row: &MergeRequest, note: &Note) -> Value {
    let mut shown = json!({
        "id": note.id,
        "type": note.kind.word(),
        "body": note.body,
        "author": person(app, world, note.author_id),
        "created_at": iso_millis(note.created_at),
        "updated_at": iso_millis(note.updated_at),
        "system": note.kind == NoteKind::System,
        "noteable_id": row.id,
        "noteable_type": "MergeRequest",
        "project_id": row.project_id,
        "noteable_iid": row.iid,
        "resolvable": note.kind.is_resolvable(),
        "confidential": false,
        "internal": false,
        "imported": false,
        "imported_from": "none",
        "commands_changes": {},
    });
    if !world.settings.version.at_least(17, 0) {
        shown["attachment"] = Value::Null;
    }
    if note.kind.is_resolvable() {
        shown["resolved"] = note.resolved.is_some().into();
        shown["resolved_by"] = json!(note.resolved.map(|(_, user)| person(app, world, user)));
        shown["resolved_at"] = json!(note.resolved.map(|(at, _)| iso_millis(at)));
    }
    if let Some(position) = position(row, note) {
        shown["commit_id"] = Value::Null;
        shown["suggestions"] = json!([]);
        shown["position"] = position;
    }
    shown
}

/// The newest first unless something else is said.
pub(super) fn list(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let order = checks.one_of("order_by", &["created_at", "updated_at"]);
    let falling = checks.one_of("sort", &["desc", "asc"]) == "desc";
    let kept = checks.one_of("activity_filter", &["all_notes", "only_comments", "only_activity"]);
    checks.finish()?;
    let keeps = |note: &&Note| match kept {
        "only_comments" => note.kind != NoteKind::System,
        "only_activity" => note.kind == NoteKind::System,
        _ => true,
    };
    let mut notes: Vec<&Note> = row.notes.iter().filter(keeps).collect();
    notes.sort_by_key(|note| (if order == "updated_at" { note.updated_at } else { note.created_at }, note.id));
    if falling {
        notes.reverse();
    }
    let world = call.app.world();
    let shown: Vec<Value> = page.slice(&notes).iter().map(|note| entity(&call.app, &world, &row, note)).collect();
    drop(world);
    page::with_headers(call, page, page::Total::Known(notes.len() as u64), Reply::ok(&shown)?)
}

pub(super) fn show(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let id = call.path.get("note_id").parse::<u64>().unwrap_or_default();
    let note = row.notes.iter().find(|note| note.id == id).ok_or_else(|| ApiError::not_found("Note"))?;
    Reply::ok(&entity(&call.app, &call.app.world(), &row, note))
}

/// Threads in the order in which they began.
pub(super) fn discussions(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let page = Page::of(call)?;
    let mut threads: Vec<Vec<&Note>> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for note in &row.notes {
        let index = *known.entry(&note.discussion_id).or_insert(threads.len());
        if index == threads.len() {
            threads.push(Vec::new());
        }
        threads[index].push(note);
    }
    let world = call.app.world();
    let shown: Vec<Value> = page.slice(&threads).iter().map(|notes| thread(&call.app, &world, &row, notes)).collect();
    drop(world);
    page::with_headers(call, page, page::Total::Known(threads.len() as u64), Reply::ok(&shown)?)
}

/// One thread.
pub(super) fn thread(app: &App, world: &World, row: &MergeRequest, notes: &[&Note]) -> Value {
    let first = notes.first();
    json!({
        "id": first.map(|note| &note.discussion_id),
        "individual_note": first.is_some_and(|note| !note.kind.is_resolvable()),
        "notes": notes.iter().map(|note| entity(app, world, row, note)).collect::<Vec<_>>(),
    })
}

pub(super) fn discussion(call: &Call) -> Answer {
    let (_, _, row) = found(call)?;
    let id = call.path.get("discussion_id");
    let notes: Vec<&Note> = row.notes.iter().filter(|note| note.discussion_id == id).collect();
    if notes.is_empty() {
        return Err(ApiError::not_found("Discussion"));
    }
    Reply::ok(&thread(&call.app, &call.app.world(), &row, &notes))
}
