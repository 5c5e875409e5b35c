//! Connections: which there are, new ones, one of them, and its end.

use super::Answer;
use crate::installation::{TOKEN, slot};
use crate::operations::connect::token;
use crate::operations::named::PROFILE;
use crate::serve::api::Api;
use crate::serve::api::body::Sent;
use crate::serve::api::caller::{Admin, Own, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::deeds::NewConnection as Wanted;
use crate::serve::live::Progress;
use crate::serve::people::Role;
use crate::serve::states::State as Known;
use crate::server::Server as Address;
use crate::store::DatabaseError;
use crate::store::connections::{Account, Entry};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Connected, SyncStatus};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    summary: Summary,
    /// Nothing of it can be read but its name.
    problem: Option<Problem>,
}

#[derive(Default, Serialize)]
struct Summary {
    id: String,
    server: String,
    profile: Option<String>,
    account: Option<Account>,
    state: Known,
}

pub(super) async fn list(State(api): State<Arc<Api>>, Visitor(person): Visitor) -> Answer<Vec<Listed>> {
    let mut all = vec![];
    for entry in api.database.connections_of(&person.organisation).await? {
        all.push(listed(&api, entry).await?);
    }
    Ok(Json(all))
}

async fn listed(api: &Api, entry: Result<Entry, DatabaseError>) -> Result<Listed, Problem> {
    let error = match entry {
        Ok(entry) => return Ok(Listed { summary: summary(api, &entry).await?, problem: None }),
        Err(error) => error,
    };
    let DatabaseError::Entry { id, .. } = &error else { return Err(error.into()) };
    Ok(Listed { summary: Summary { id: id.clone(), ..Summary::default() }, problem: Some(error.into()) })
}

async fn summary(api: &Api, entry: &Entry) -> Result<Summary, Problem> {
    Ok(Summary {
        id: entry.id.to_string(),
        server: entry.server(),
        profile: entry.grant.profile.clone(),
        account: entry.account.clone(),
        state: api.states.get(&entry.id).await.map_err(Problem::of)?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
    /// Of the folder; empty for the first usual one that is free.
    #[serde(default)]
    name: String,
    /// Empty for gitlab.com.
    #[serde(default)]
    url: String,
    token: String,
    profile: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Made {
    id: ConnectionId,
    #[serde(flatten)]
    connected: Connected,
}

pub(super) async fn connect(
    State(api): State<Arc<Api>>,
    Admin(admin): Admin,
    Sent(new): Sent<NewConnection>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let (secret, server) = (token(&new.token)?, Address::parse(&new.url)?);
    let profile = new.profile.unwrap_or_else(|| PROFILE.into());
    let new = Wanted { name: &new.name, server, profile, secret };
    let (id, connected) = api.connect(new, &admin).await?;
    Ok((StatusCode::CREATED, Json(Made { id, connected })))
}

#[derive(Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    summary: Summary,
    token_expires_ms: Option<u64>,
    /// None: it could not be asked, and `problem` says why.
    status: Option<SyncStatus>,
    problem: Option<Problem>,
    progress: Progress,
}

pub(super) async fn show(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Answer<Whole> {
    let token = api.vault.status(own.id(), &slot(TOKEN)).await.map_err(Problem::of)?.present;
    let (status, problem) = match status(&api, own.id()).await {
        // The webhook's address is for admins alone.
        Ok(status) if own.person().role < Role::Admin => (Some(SyncStatus { webhook: None, ..status }), None),
        Ok(status) => (Some(status), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(Json(Whole {
        summary: summary(&api, &own.entry).await?,
        token_expires_ms: token.and_then(|dates| dates.expires_ms),
        status,
        problem,
        progress: api.live(own.id()).borrow().clone(),
    }))
}

async fn status(api: &Api, id: &ConnectionId) -> Result<SyncStatus, Problem> {
    Ok(api.connection(id).await?.status().await?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    token: String,
}

pub(super) async fn replace_token(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Sent(new): Sent<NewToken>,
) -> Answer<Connected> {
    Ok(Json(api.replace_token(&own.entry, token(&new.token)?, own.person()).await?))
}

#[derive(Serialize)]
pub(super) struct Left {
    /// Where a webhook that a person pasted has to be deleted.
    hooks: Option<String>,
    /// What of the connector's own could not be removed in GitLab, in words.
    in_gitlab: Vec<String>,
    /// What the connector could not clear up.
    failure: Option<Problem>,
}

pub(super) async fn disconnect(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Left> {
    let left = api.disconnect(&own.entry, own.person()).await?;
    Ok(Json(Left { hooks: left.hooks, in_gitlab: left.in_gitlab, failure: left.failure.map(Problem::from) }))
}
