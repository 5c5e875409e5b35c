//! Writing notes, threads and approvals.

use http::StatusCode;
use serde_json::json;

use super::write::{may_merge, writable};
use super::{approvals, changes, found, notes};
use crate::api::create_commit::chain;
use crate::call::Call;
use crate::error::ApiError;
use crate::hooks::payload::merge_request::Deed;
use crate::merging;
use crate::reply::{Answer, Reply};
use crate::telling;
use crate::world::access::AccessLevel;
use crate::world::merge_requests::{MergeRequest, Note, NoteKind, State};
use crate::world::users::User;

/// Comments of one user per minute on GitLab.com; a fresh installation has the same number.
const NOTES_PER_MINUTE: u32 = 300;

/// The caller, the merge request and the text: everybody who sees the project may talk.
fn speaker(call: &Call) -> Result<(User, MergeRequest, String), ApiError> {
    let caller = call.caller(super::write::UPDATE)?;
    let project = call.project(Some(&caller.user))?;
    call.require_code(Some(&caller.user), &project)?;
    call.require_writable(&project)?;
    let (_, _, row) = found(call)?;
    let mut checks = call.params.checks();
    let body = checks.required("body");
    checks.finish()?;
    call.limit(&format!("notes_create:{}", caller.user.id), NOTES_PER_MINUTE, 60)?;
    Ok((caller.user, row, body))
}

fn add(call: &Call, user: &User, row: &MergeRequest, kind: NoteKind, body: &str) -> Result<Note, ApiError> {
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let note = merging::add_note(&mut world, row, kind, body, user.id, now);
    touch(&mut world, row, now);
    note.ok_or_else(ApiError::internal)
}

fn touch(world: &mut crate::world::World, row: &MergeRequest, now: jiff::Timestamp) {
    if let Some(row) = world.merge_requests.get_mut(row.project_id, row.iid) {
        row.updated_at = now;
    }
}

fn tell(call: &Call, row: &MergeRequest, note: &Note, action: &'static str) {
    let row = call.app.world().merge_requests.get(row.project_id, row.iid).cloned();
    if let Some(row) = row {
        telling::note(&call.app, &row, note, action, chain(call).as_deref());
    }
}

/// A comment of its own.
pub(super) fn comment(call: &Call) -> Answer {
    let (user, row, body) = speaker(call)?;
    let note = add(call, &user, &row, NoteKind::Comment, &body)?;
    tell(call, &row, &note, "create");
    Reply::created(&notes::entity(&call.app, &call.app.world(), &row, &note))
}

/// A thread, at a line of the difference when a position is given.
pub(super) fn start(call: &Call) -> Answer {
    let (user, row, body) = speaker(call)?;
    let note = add(call, &user, &row, position(call)?, &body)?;
    tell(call, &row, &note, "create");
    Reply::created(&notes::thread(&call.app, &call.app.world(), &row, &[&note]))
}

fn position(call: &Call) -> Result<NoteKind, ApiError> {
    let Some(position) = call.params.get("position").filter(|position| position.is_object()) else {
        return Ok(NoteKind::Discussion);
    };
    let text = |key: &str| position.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let number = |key: &str| {
        let value = position.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let path = text("new_path").or_else(|| text("old_path"));
    let line = number("new_line").or_else(|| number("old_line")).and_then(|line| u32::try_from(line).ok());
    match (path, line) {
        (Some(path), Some(line)) => Ok(NoteKind::Diff { path, line }),
        _ => {
            let text = "400 Bad request - Note {:line_code=>[\"can't be blank\", \"must be a valid line code\"]}";
            Err(ApiError::message(StatusCode::BAD_REQUEST, text))
        }
    }
}

/// A further note of a thread.
pub(super) fn answer(call: &Call) -> Answer {
    let (user, row, body) = speaker(call)?;
    let wanted = call.path.get("discussion_id");
    let first = row.notes.iter().find(|note| note.discussion_id == wanted);
    let first = first.ok_or_else(|| ApiError::not_found("Discussion"))?;
    let mut note = add(call, &user, &row, first.kind.clone(), &body)?;
    first.discussion_id.clone_into(&mut note.discussion_id);
    edit(call, &row, note.id, |kept| first.discussion_id.clone_into(&mut kept.discussion_id));
    tell(call, &row, &note, "create");
    Reply::created(&notes::entity(&call.app, &call.app.world(), &row, &note))
}

/// Resolves a thread or opens it again.
pub(super) fn resolve(call: &Call) -> Answer {
    let (user, _, row) = writable(call)?;
    let mut checks = call.params.checks();
    let wanted = call.params.has("resolved");
    if !wanted {
        checks.complain("resolved is missing".into());
    }
    let resolved = checks.flag("resolved", true);
    checks.finish()?;
    let id = call.path.get("discussion_id");
    let now = call.app.now();
    let ids: Vec<u64> = row.notes.iter().filter(|note| note.discussion_id == id).map(|note| note.id).collect();
    if ids.is_empty() {
        return Err(ApiError::not_found("Discussion"));
    }
    ids.iter().for_each(|&id| edit(call, &row, id, |note| note.resolved = resolved.then_some((now, user.id))));
    let (_, _, row) = found(call)?;
    let thread: Vec<&Note> = row.notes.iter().filter(|note| note.discussion_id == id).collect();
    Reply::ok(&notes::thread(&call.app, &call.app.world(), &row, &thread))
}

fn edit(call: &Call, row: &MergeRequest, note_id: u64, change: impl FnOnce(&mut Note)) {
    let mut world = call.app.world_mut();
    let row = world.merge_requests.get_mut(row.project_id, row.iid);
    if let Some(note) = row.and_then(|row| row.notes.iter_mut().find(|note| note.id == note_id)) {
        change(note);
    }
}

/// The note of the route, which the caller wrote or may administer.
fn own(call: &Call) -> Result<(MergeRequest, Note), ApiError> {
    let (user, project, row) = {
        let caller = call.caller(super::write::UPDATE)?;
        let (_, project, row) = found(call)?;
        (caller.user, project, row)
    };
    let id = call.path.get("note_id").parse::<u64>().unwrap_or_default();
    let note = row.notes.iter().find(|note| note.id == id).cloned();
    let note = note.ok_or_else(|| ApiError::not_found("Note"))?;
    if note.author_id != user.id {
        call.require_role(&user, &project, AccessLevel::Maintainer)?;
    }
    Ok((row, note))
}

pub(super) fn change(call: &Call) -> Answer {
    let (row, note) = own(call)?;
    let mut checks = call.params.checks();
    let body = checks.required("body");
    checks.finish()?;
    let note = Note { body, updated_at: call.app.now(), ..note };
    edit(call, &row, note.id, |kept| *kept = note.clone());
    tell(call, &row, &note, "update");
    Reply::ok(&notes::entity(&call.app, &call.app.world(), &row, &note))
}

pub(super) fn remove(call: &Call) -> Answer {
    let (row, note) = own(call)?;
    crate::api::branches::require_unmodified(call, note.updated_at.as_second())?;
    if let Some(row) = call.app.world_mut().merge_requests.get_mut(row.project_id, row.iid) {
        row.notes.retain(|kept| kept.id != note.id);
    }
    Reply::no_content()
}

/// Approves. The author and those who did already may not.
pub(super) fn approve(call: &Call) -> Answer {
    let (user, project, row) = writable(call)?;
    let mine = row.approvals.iter().any(|(id, _)| *id == user.id);
    if mine || row.author_id == user.id || !may_merge(&call.app, &user, &project, &row) {
        return Err(ApiError::unauthorized());
    }
    if call.params.filled("sha").is_some_and(|sha| sha != row.sha) {
        let text = format!("SHA does not match HEAD of source branch: {}", row.sha);
        return Err(ApiError::body(StatusCode::CONFLICT, json!({ "message": text })));
    }
    let now = call.app.now();
    let after = vote(call, &row, &user, "approved this merge request", |row| row.approvals.push((user.id, now)))?;
    let done = approvals::is_met(&after) && !approvals::is_met(&row) || after.approvals_required == 0;
    tell_vote(call, &row, &after, &user, if done { "approved" } else { "approval" });
    approvals::answer(call, Some(&user), &after, StatusCode::CREATED)
}

/// Takes an approval back.
pub(super) fn unapprove(call: &Call) -> Answer {
    let (user, _, row) = writable(call)?;
    if !row.approvals.iter().any(|(id, _)| *id == user.id) {
        return Err(ApiError::nothing_found());
    }
    let after =
        vote(call, &row, &user, "unapproved this merge request", |row| row.approvals.retain(|(id, _)| *id != user.id))?;
    let undone = approvals::is_met(&row) && !approvals::is_met(&after) || after.approvals_required == 0;
    tell_vote(call, &row, &after, &user, if undone { "unapproved" } else { "unapproval" });
    approvals::answer(call, Some(&user), &after, StatusCode::CREATED)
}

fn vote(
    call: &Call,
    row: &MergeRequest,
    user: &User,
    text: &str,
    change: impl FnOnce(&mut MergeRequest),
) -> Result<MergeRequest, ApiError> {
    if row.state != State::Opened {
        return Err(ApiError::unauthorized());
    }
    let now = call.app.now();
    let mut world = call.app.world_mut();
    merging::add_note(&mut world, row, NoteKind::System, text, user.id, now);
    let row = world.merge_requests.get_mut(row.project_id, row.iid).ok_or_else(ApiError::internal)?;
    change(row);
    row.updated_at = now;
    Ok(row.clone())
}

fn tell_vote(call: &Call, before: &MergeRequest, after: &MergeRequest, user: &User, action: &'static str) {
    let changes = changes::times(before.updated_at, after.updated_at);
    let deed = Deed { action: Some(action), changes, old_head: None };
    telling::merge_request(&call.app, after, user.id, &deed, chain(call).as_deref());
}
