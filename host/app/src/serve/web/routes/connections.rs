//! All connections of the visitor's organisation.

use super::super::{Desk, Refusal, Seen, Visitor};
use super::{Answer, page};
use crate::operations::named::folder_name;
use crate::serve::page::connections::{self as view, Line, Listed};
use crate::serve::page::overview::Mood;
use crate::store::DatabaseError;
use crate::store::connections::Entry;
use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt, stream};
use gitlab_sync_host::sync::SyncStatus;
use std::sync::Arc;

/// Connections that are asked at once how they are. Each answers from what it has noted, without GitLab, in a call of its own.
const AT_ONCE: usize = 8;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Visitor>) -> Answer {
    let entries = stream::iter(desk.entries(&seen.caller).await?);
    // A task each, so that all processors work on them.
    let lines = entries.map(|entry| tokio::spawn(line(desk.clone(), entry))).buffered(AT_ONCE);
    let listed: Vec<_> = lines.map(|line| line.expect("nobody ends a line before it is done")).try_collect().await?;
    let role = seen.caller.person().role;
    Ok(page(&seen.caller, "GitLab", &[], &seen.fields, &view::html(&listed, role)))
}

async fn line(desk: Arc<Desk>, entry: Result<Entry, DatabaseError>) -> Result<Line, Refusal> {
    match entry {
        Ok(entry) => Ok(Line::Whole(listed(&desk, entry).await?)),
        Err(error) => Ok(Line::Unreadable(error.into())),
    }
}

/// One that cannot be opened is listed all the same, so that it can be looked at.
async fn listed(desk: &Desk, entry: Entry) -> Result<Listed, Refusal> {
    let status = match desk.opened(&entry).await {
        Ok(connection) => connection.status().await.ok(),
        Err(_) => None,
    };
    let mood = match &status {
        Some(status) => mood(desk, &entry, status).await?,
        None => Mood::Trouble,
    };
    let configured = status.and_then(|status| status.configured);
    Ok(Listed {
        id: entry.id.clone(),
        folder: folder_name(&entry),
        branch: configured.as_ref().map(|configured| configured.branch.clone()),
        project: configured.map(|configured| configured.project.path),
        server: entry.server(),
        mood,
    })
}

async fn mood(desk: &Desk, entry: &Entry, status: &SyncStatus) -> Result<Mood, Refusal> {
    let state = desk.state(&entry.id).await?;
    let expires_ms = desk.token_expires_ms(&entry.id).await?;
    Ok(Mood::of(status, &state, &desk.progress_of(&entry.id), expires_ms, desk.now_ms()))
}
