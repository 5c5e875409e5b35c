//! The webhook's address and secret, and the checks that find out why something does not work.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Fields, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done};
use crate::installation::slot;
use crate::operations::Trouble;
use crate::serve::hooks::Keeper;
use crate::serve::page::Notice;
use crate::serve::page::address::Place;
use crate::serve::page::{check as checks, html as markup, webhook as view};
use axum::extract::State;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Check, WebhookEvents, WebhookMode, WebhookPlace};
use std::sync::Arc;

/// Where the connector keeps the webhook's secret.
const SLOT: &str = "webhook";

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Webhook, "Webhook", &seen.fields).await;
    let (url, secret) = (desk.hook_address(own).await?, desk.secret(own, &slot(SLOT)).await?);
    let (status, state) =
        (desk.connection(own).await?.status().await.map_err(Trouble::from)?, desk.state(own.id()).await?);
    let (configured, kept) = (status.configured, status.webhook);
    let view = view::View {
        id: own.id(),
        kept: kept.as_ref(),
        url: &url,
        secret: secret.as_deref(),
        hooks: configured.as_ref().map(|configured| format!("{}/-/hooks", configured.project.web_url)),
        branch: configured.as_ref().map(|configured| configured.branch.as_str()),
        delivery: state.delivery.as_ref(),
        hook: state.hook.as_ref(),
        is_local: desk.config().public_url.is_none(),
        now_ms: desk.now_ms(),
    };
    Ok(sheet.response(&view::html(&view, own.visitor().proof())))
}

/// Who puts the webhook into GitLab: the connector, or a person.
pub(super) async fn choose(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let keeper = match sent.fields.word("keeper") {
        Some("auto") => Keeper::Auto,
        Some("manual") => Keeper::Manual,
        _ => return Err(Refusal::Malformed),
    };
    let (connection, mode) = desk.keeper(own, keeper).await?;
    if let Err(trouble) = tell(&connection, mode).await {
        let sheet = Sheet::of(&desk, own, Place::Webhook, "Webhook", &Fields::default()).await;
        let problem = desk.problem(trouble);
        return Ok(sheet.refused().response(&markup! { h1 { "Webhook" } (problem.html()) }));
    }
    desk.tell(own, if keeper == Keeper::Auto { "webhook by itself" } else { "webhook by hand" }, "").await?;
    Ok(done(&Place::Webhook.of(own.id()), Notice::WebhookChosen))
}

/// What stands in the way of the connector is a part of how the webhook stands, and no trouble.
async fn tell(connection: &Connection, mode: WebhookMode) -> Result<(), Trouble> {
    if let Some(configured) = connection.status().await?.configured {
        let place = WebhookPlace::Project(configured.project.id);
        connection.set_webhook(place, WebhookEvents::Pushes, mode).await?;
    }
    Ok(())
}

/// Asks GitLab only when somebody wants to know.
pub(super) async fn check(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Check, "Check", &seen.fields).await;
    if !seen.fields.is_ticked("run") {
        return Ok(sheet.response(&checks::ask(own.id())));
    }
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
