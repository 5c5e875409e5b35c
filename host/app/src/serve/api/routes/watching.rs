//! The webhook, the checks, and who did what.

use super::{Answer, Parameter};
use crate::installation::slot;
use crate::serve::api::Api;
use crate::serve::api::body::Asked;
use crate::serve::api::caller::{Admin, Own, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::hooks;
use crate::serve::states::{Delivered, Hook};
use crate::serve::trail::{MOST_ON_A_PAGE, Numbered, Page};
use axum::Json;
use axum::extract::State;
use gitlab_sync_host::sync::Check;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where the connector keeps the webhook's secret.
const SLOT: &str = "webhook";

/// For admins alone: with both of these somebody can send deliveries.
#[derive(Serialize)]
pub(super) struct Webhook {
    url: String,
    /// None: nothing is configured yet.
    secret: Option<String>,
    /// The last delivery whose sender was proved.
    delivery: Option<Delivered>,
    hook: Option<Hook>,
}

pub(super) async fn webhook(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Webhook> {
    let path = hooks::path(own.id(), &api.vault, &api.database, api.now_ms()).await?;
    let stored = api.vault.reveal(own.id(), &slot(SLOT)).await.map_err(Problem::of)?;
    let secret = stored.map(|stored| String::from_utf8_lossy(stored.secret.expose()).into_owned());
    let state = api.states.get(own.id()).await.map_err(Problem::of)?;
    let url = format!("{}/hooks/{}", api.config.base(), path.as_str());
    Ok(Json(Webhook { url, secret, delivery: state.delivery, hook: state.hook }))
}

pub(super) async fn diagnose(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Vec<Check>> {
    Ok(Json(api.connection(own.id()).await?.diagnose().await?))
}

pub(super) const BEFORE: [Parameter; 1] =
    [Parameter { name: "before", kind: "integer", words: "Only entries with a smaller number" }];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Before {
    before: Option<i64>,
}

pub(super) async fn history(
    State(api): State<Arc<Api>>,
    own: Own<Visitor>,
    Asked(Before { before }): Asked<Before>,
) -> Answer<Vec<Numbered>> {
    let (organisation, connection) = (own.person().organisation.clone(), Some(own.id().clone()));
    let page = Page { organisation, connection, before, most: MOST_ON_A_PAGE };
    Ok(Json(api.trail.page(page).await.map_err(Problem::of)?))
}
