//! Conflicts: the list, one of them, and how it is resolved.

use super::super::caller::Caller as _;
use super::super::sent::LARGE;
use super::super::{Admin, Desk, Own, Refusal, Seen, Sent, Visitor};
use super::{Answer, Fields, Sheet, done};
use crate::operations::Trouble;
use crate::serve::page::address::Place;
use crate::serve::page::conflict::{View, draft, edited, html, list as list_html};
use crate::serve::page::{Notice, Problem};
use crate::serve::people::Role;
use axum::extract::State;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Conflict, Resolution, Versions};
use std::sync::Arc;

pub(super) async fn list(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Conflicts, "Conflicts", &seen.fields).await;
    let conflicts = desk.opened(own.entry()).await?.conflicts().await.map_err(Trouble::from)?;
    Ok(sheet.response(&list_html(own.id(), &conflicts, desk.now_ms())))
}

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Conflicts, "Conflict", &seen.fields).await;
    let id = seen.conflict.as_deref().ok_or(Refusal::NotHere)?;
    let (conflict, versions) = found(&desk.opened(own.entry()).await?, id).await?;
    let draft = draft(&versions);
    let view = View {
        id: own.id(),
        conflict: id,
        reason: &conflict.reason,
        versions: &versions,
        draft: draft.as_deref(),
        role: own.visitor().person().role,
        problem: None,
    };
    Ok(sheet.response(&html(&view, own.visitor().proof())))
}

/// One that was resolved meanwhile is not here any more.
async fn found(connection: &Connection, id: &str) -> Result<(Conflict, Versions), Refusal> {
    let conflicts = connection.conflicts().await.map_err(Trouble::from)?;
    let conflict = conflicts.into_iter().find(|conflict| conflict.id == id).ok_or(Refusal::NotHere)?;
    let versions = connection.conflict_versions(id).await.map_err(Trouble::from)?;
    Ok((conflict, versions))
}

pub(super) async fn resolve(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>, LARGE>) -> Answer {
    let own = &sent.caller;
    let id = sent.conflict.as_deref().ok_or(Refusal::NotHere)?;
    let connection = desk.connection(own).await?;
    let (conflict, versions) = found(&connection, id).await?;
    let (word, resolution) = match sent.fields.text("keep") {
        "ours" => ("the folder’s version", Resolution::Ours),
        "theirs" => ("GitLab’s version", Resolution::Theirs),
        "edited" => ("edited", Resolution::Content(edited(sent.fields.text("text"), &versions).into_bytes())),
        _ => return Err(Refusal::Malformed),
    };
    if let Err(error) = connection.resolve(id, resolution).await {
        let problem = desk.problem(Trouble::from(error));
        return refused(&desk, &sent, id, &conflict, &versions, &problem).await;
    }
    let left = connection.conflicts().await.map_err(Trouble::from)?;
    desk.resolved(own, left.len(), format!("`{}`: {word}", versions.path)).await?;
    let next = if left.is_empty() { Place::Overview } else { Place::Conflicts };
    Ok(done(&next.of(own.id()), Notice::Resolved))
}

/// What was typed is not lost.
async fn refused(
    desk: &Desk,
    sent: &Sent<Own<Admin>, LARGE>,
    id: &str,
    conflict: &Conflict,
    versions: &Versions,
    problem: &Problem,
) -> Answer {
    let own = &sent.caller;
    let typed = edited(sent.fields.text("text"), versions);
    let draft = if typed.is_empty() { draft(versions) } else { Some(typed) };
    let view = View {
        id: own.id(),
        conflict: id,
        reason: &conflict.reason,
        versions,
        draft: draft.as_deref(),
        role: Role::Admin,
        problem: Some(problem),
    };
    let sheet = Sheet::of(desk, own, Place::Conflicts, "Conflict", &Fields::default()).await;
    Ok(sheet.refused().response(&html(&view, own.visitor().proof())))
}
