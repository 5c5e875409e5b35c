//! One connection at a glance.

use super::super::caller::Caller as _;
use super::super::{Desk, Own, Seen, Visitor};
use super::{Answer, Sheet};
use crate::operations::Trouble;
use crate::operations::configure::may_write;
use crate::serve::page::Problem;
use crate::serve::page::address::Place;
use crate::serve::page::overview::{View, html};
use crate::store::connections::Entry;
use axum::extract::State;
use gitlab_sync_host::sync::{Conflict, SyncStatus};
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Visitor>>) -> Answer {
    let own = &seen.caller;
    let (status, conflicts, problem) = match known(&desk, own.entry()).await {
        Ok((status, conflicts)) => (status, conflicts, None),
        Err(trouble) => (nothing(), vec![], Some(desk.problem(trouble))),
    };
    let state = desk.state(own.id()).await?;
    let progress = desk.progress(own).borrow().clone();
    let view = View {
        id: own.id(),
        role: own.visitor().person().role,
        server: &own.entry().server(),
        folder: &own.entry().workspace.to_string_lossy(),
        account: own.entry().account.as_ref(),
        token_expires_ms: desk.token_expires_ms(own.id()).await.unwrap_or_default(),
        may_write: may_write(own.entry()),
        status: &status,
        conflicts: &conflicts,
        state: &state,
        progress: &progress,
        problem: problem.as_ref() as Option<&Problem>,
        now_ms: desk.now_ms(),
    };
    let main = html(&view, own.visitor().proof());
    let sheet = Sheet::of(&desk, own, Place::Overview, "", &seen.fields).await;
    Ok(sheet.changing(progress.running.is_some()).response(&main))
}

/// Without asking GitLab.
async fn known(desk: &Desk, entry: &Entry) -> Result<(SyncStatus, Vec<Conflict>), Trouble> {
    let connection = desk.opened(entry).await?;
    Ok((connection.status().await?, connection.conflicts().await?))
}

fn nothing() -> SyncStatus {
    SyncStatus { configured: None, synced_head: None, synced_ms: None, left_alone: 0, conflicts: 0, webhook: None }
}
