//! The webhook's address and secret, and the checks that find out why something does not work.

use super::super::caller::Caller as _;
use super::super::desk::Hooked;
use super::super::{Admin, Desk, Fields, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done};
use crate::operations::Trouble;
use crate::operations::diagnose::diagnose;
use crate::serve::hooks::Keeper;
use crate::serve::page::address::Place;
use crate::serve::page::{Markup, Notice, Problem};
use crate::serve::page::{check as checks, html as markup, webhook as view};
use axum::extract::State;
use axum::response::{Redirect, Response};
use gitlab_sync_host::sync::Check;
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Webhook, "Webhook", &seen.fields).await;
    Ok(sheet.response(&shown(&desk, own, None).await?))
}

async fn shown(desk: &Desk, own: &Own<Admin>, problem: Option<&Problem>) -> Result<Markup, Refusal> {
    let Hooked { url, secret, former, status } = desk.webhook(own).await?;
    let state = desk.state(own.id()).await?;
    let (configured, kept) = (status.configured, status.webhook);
    let view = view::View {
        id: own.id(),
        kept: kept.as_ref(),
        url: url.as_deref(),
        secret: secret.as_deref(),
        former,
        hooks: configured.as_ref().map(|configured| format!("{}/-/hooks", configured.project.web_url)),
        branch: configured.as_ref().map(|configured| configured.branch.as_str()),
        delivery: state.delivery.as_ref(),
        hook: state.hook.as_ref(),
        is_local: desk.config().public_url.is_none(),
        problem,
        now_ms: desk.now_ms(),
    };
    Ok(view::html(&view, own.visitor().proof()))
}

/// Who puts the webhook into GitLab: the connector, or a person.
pub(super) async fn choose(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let keeper = match sent.fields.word("keeper") {
        Some("auto") => Keeper::Auto,
        Some("manual") => Keeper::Manual,
        _ => return Err(Refusal::Malformed),
    };
    match desk.choose_keeper(own, keeper).await {
        Ok(()) => Ok(done(&Place::Webhook.of(own.id()), Notice::WebhookChosen)),
        Err(error) => refused(&desk, own, &desk.not_done(error)?).await,
    }
}

/// A new address, where the old one has become known.
pub(super) async fn address(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    match desk.readdress(own).await {
        Ok(()) => Ok(done(&Place::Webhook.of(own.id()), Notice::AddressMade)),
        Err(error) => refused(&desk, own, &desk.not_done(error)?).await,
    }
}

/// A new secret, or the end of the one before it.
pub(super) async fn secret(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    let notice = match sent.fields.word("secret") {
        Some("new") => match desk.rotate(own).await {
            Ok(()) => Notice::SecretMade,
            Err(error) => return refused(&desk, own, &desk.not_done(error)?).await,
        },
        Some("end-former") => {
            desk.retire(own).await?;
            Notice::SecretEnded
        }
        _ => return Err(Refusal::Malformed),
    };
    Ok(done(&Place::Webhook.of(own.id()), notice))
}

/// For somebody who loads the address of the form again.
pub(super) async fn back(seen: Seen<Own<Admin>>) -> Redirect {
    Redirect::to(&Place::Webhook.of(seen.caller.id()))
}

async fn refused(desk: &Desk, own: &Own<Admin>, problem: &Problem) -> Result<Response, Refusal> {
    let sheet = Sheet::of(desk, own, Place::Webhook, "Webhook", &Fields::default()).await;
    Ok(sheet.refused().response(&shown(desk, own, Some(problem)).await?))
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
    Ok(diagnose(own.entry(), &desk.connection(own).await?).await?)
}
