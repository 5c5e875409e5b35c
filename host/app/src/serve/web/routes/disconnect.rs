//! Disconnect, after a look at what goes and what stays.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Seen, Sent};
use super::{Answer, Sheet, done, framed};
use crate::operations::disconnect::Left;
use crate::serve::page::address::{GITLAB, Place};
use crate::serve::page::disconnect::{Leaving, html, left};
use crate::serve::page::{Crumb, Notice};
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_host::sync::WebhookMode;
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let status = match desk.connection(own).await {
        Ok(connection) => connection.status().await.ok(),
        Err(_) => None,
    };
    let by_hand = status
        .as_ref()
        .and_then(|status| status.webhook.as_ref())
        .is_none_or(|webhook| !matches!(webhook.mode, WebhookMode::Auto(_)) || webhook.by_hand.is_some());
    let project = status.and_then(|status| status.configured).map(|configured| configured.project);
    let leaving = Leaving {
        id: own.id(),
        project: project.as_ref().map(|project| project.path.as_str()),
        hooks: project.as_ref().filter(|_| by_hand).map(|project| format!("{}/-/hooks", project.web_url)),
        folder: &own.entry().workspace.to_string_lossy(),
    };
    let main = html(&leaving, own.visitor().proof());
    Ok(Sheet::of(&desk, own, Place::Disconnect, "Disconnect", &seen.fields).await.response(&main))
}

pub(super) async fn disconnect(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let Left { hooks, in_gitlab, .. } = desk.disconnect(own).await?;
    if hooks.is_none() && in_gitlab.is_empty() {
        return Ok(done(GITLAB, Notice::Disconnected));
    }
    let main = left(hooks.as_deref(), &in_gitlab);
    let crumbs = [Crumb { words: "Disconnected".into(), address: None }];
    Ok(framed(own.visitor(), "Disconnected", &crumbs, Some(Notice::Disconnected), None, StatusCode::OK, &main))
}
