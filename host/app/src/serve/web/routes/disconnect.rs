//! Disconnect, after a look at what goes and what stays.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Seen, Sent};
use super::{Answer, Sheet, done};
use crate::serve::page::Notice;
use crate::serve::page::address::{GITLAB, Place};
use crate::serve::page::disconnect::{Leaving, html};
use axum::extract::State;
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let status = match desk.connection(own).await {
        Ok(connection) => connection.status().await.ok(),
        Err(_) => None,
    };
    let project = status.and_then(|status| status.configured).map(|configured| configured.project);
    let leaving = Leaving {
        id: own.id(),
        project: project.as_ref().map(|project| project.path.as_str()),
        hooks: project.as_ref().map(|project| format!("{}/-/hooks", project.web_url)),
        folder: &own.entry().workspace.to_string_lossy(),
    };
    let main = html(&leaving, own.visitor().proof());
    Ok(Sheet::of(&desk, own, Place::Disconnect, "Disconnect", &seen.fields).await.response(&main))
}

pub(super) async fn disconnect(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    desk.disconnect(own).await?;
    Ok(done(GITLAB, Notice::Disconnected))
}
