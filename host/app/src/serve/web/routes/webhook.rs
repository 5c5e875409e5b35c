//! The webhook's address and secret, and the checks that find out why something does not work.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Seen};
use super::{Answer, Sheet};
use crate::installation::slot;
use crate::operations::Trouble;
use crate::serve::page::address::Place;
use crate::serve::page::{check as checks, html as markup, webhook as view};
use axum::extract::State;
use gitlab_sync_host::sync::{Check, Configured};
use std::sync::Arc;

/// Where the connector keeps the webhook's secret.
const SLOT: &str = "webhook";

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Webhook, "Webhook", &seen.fields).await;
    let (url, secret) = (desk.hook_address(own).await?, desk.secret(own, &slot(SLOT)).await?);
    let (configured, state) = (configured(&desk, own).await?, desk.state(own.id()).await?);
    let view = view::View {
        url: &url,
        secret: secret.as_deref(),
        hooks: configured.as_ref().map(|configured| format!("{}/-/hooks", configured.project.web_url)),
        branch: configured.as_ref().map(|configured| configured.branch.as_str()),
        delivery: state.delivery.as_ref(),
        hook: state.hook.as_ref(),
        is_local: desk.config().public_url.is_none(),
        now_ms: desk.now_ms(),
    };
    Ok(sheet.response(&view::html(&view)))
}

async fn configured(desk: &Desk, own: &Own<Admin>) -> Result<Option<Configured>, Trouble> {
    Ok(desk.connection(own).await?.status().await?.configured)
}

/// Asks GitLab only when somebody wants to know.
pub(super) async fn check(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Check, "Check", &seen.fields).await;
    if !seen.fields.is_ticked("run") {
        return Ok(sheet.response(&checks::ask(own.id())));
    }
    let _ = own.visitor();
    Ok(match diagnosed(&desk, own).await {
        Ok(found) => sheet.response(&checks::html(own.id(), &found)),
        Err(trouble) => {
            let problem = desk.problem(trouble);
            sheet.refused().response(&markup! { h1 { "Check the connection" } (problem.html()) })
        }
    })
}

async fn diagnosed(desk: &Desk, own: &Own<Admin>) -> Result<Vec<Check>, Trouble> {
    Ok(desk.connection(own).await?.diagnose().await?)
}
