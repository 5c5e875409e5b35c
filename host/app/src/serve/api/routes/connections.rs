//! Connections: which there are, new ones, one of them, and its end.

use super::Answer;
use crate::failure::Failure;
use crate::installation::{TOKEN, slot};
use crate::operations::Trouble;
use crate::operations::connect::{Wish, find, keep, renew, token};
use crate::operations::disconnect::disconnect as end;
use crate::serve::api::Api;
use crate::serve::api::body::Sent;
use crate::serve::api::caller::{Admin, Own, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::live::Progress;
use crate::serve::people::Person;
use crate::serve::states::State as Known;
use crate::server::Server as Address;
use crate::store::connections::{Account, Entry};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::secret::{Recipe, Secret};
use gitlab_sync_host::sync::{Connected, SyncStatus};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// What is chosen if nobody says.
const PROFILE: &str = "files-read-write";
/// Of a name, so that an id with it is not too long.
const MOST_LETTERS: usize = 24;
/// Of an id's end.
const RANDOM_LETTERS: usize = 10;

#[derive(Serialize)]
pub(super) struct Summary {
    id: ConnectionId,
    server: String,
    profile: Option<String>,
    account: Option<Account>,
    state: Known,
}

pub(super) async fn list(State(api): State<Arc<Api>>, Visitor(person): Visitor) -> Answer<Vec<Summary>> {
    let mut all = vec![];
    for id in api.database.connections_of(&person.organisation).await.map_err(Problem::of)? {
        if let Some(entry) = api.database.entry(&id).await.map_err(Problem::of)? {
            all.push(summary(&api, &entry).await?);
        }
    }
    Ok(Json(all))
}

async fn summary(api: &Api, entry: &Entry) -> Result<Summary, Problem> {
    Ok(Summary {
        id: entry.id.clone(),
        server: entry.server(),
        profile: entry.grant.profile.clone(),
        account: entry.account.clone(),
        state: api.states.get(&entry.id).await.map_err(Problem::of)?,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewConnection {
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
    let (id, workspace) = place(&api, &admin, &new.name).await?;
    let profile = new.profile.unwrap_or_else(|| PROFILE.into());
    let wish = Wish { id: id.clone(), server, workspace, profile, network: api.config.network.clone() };
    let connected = kept(&api, &admin, wish, secret).await?;
    api.changed(&id);
    api.tell(&admin, Some(&id), "connect", format!("as @{}", connected.username)).await?;
    Ok((StatusCode::CREATED, Json(Made { id, connected })))
}

/// An id that no other organisation can guess or meet, and a folder below that of the organisation: nobody chooses a path of the machine.
async fn place(api: &Api, admin: &Person, name: &str) -> Result<(ConnectionId, PathBuf), Problem> {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if name.is_empty() || !letters || name.len() > MOST_LETTERS || name.starts_with('-') {
        return Err(Problem::misread(format!("`name` is 1 to {MOST_LETTERS} small letters, digits and dashes")));
    }
    let workspace = api.config.workspaces.join(admin.organisation.as_str()).join(name);
    std::fs::create_dir_all(&workspace).map_err(Problem::of)?;
    let random = Secret::generate(Recipe::Hex).map_err(Problem::of)?;
    let random: String = random.expose().iter().take(RANDOM_LETTERS).copied().map(char::from).collect();
    let id = ConnectionId::parse(&format!("{name}-{random}")).map_err(Problem::of)?;
    Ok((id, workspace))
}

/// It is the organisation's before it is saved, so that it never shows up elsewhere.
async fn kept(api: &Api, admin: &Person, wish: Wish, secret: Secret) -> Result<Connected, Problem> {
    let (id, installation) = (wish.id.clone(), &api.installation);
    let entry = find(wish, installation, api.hearing(&id)).await?;
    api.database.give_to(&id, &admin.organisation).await.map_err(Problem::of)?;
    match keep(&entry, secret, installation, api.hearing(&id)).await {
        Ok(connected) => Ok(connected),
        Err(error) => {
            api.database.remove_entry(&id).await.map_err(Problem::of)?;
            Err(error.into())
        }
    }
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
    let secret = token(&new.token)?;
    let connected = renew(&own.entry, secret, &api.installation, api.hearing(own.id())).await?;
    api.changed(own.id());
    api.tell(own.person(), Some(own.id()), "token", format!("as @{}", connected.username)).await?;
    Ok(Json(connected))
}

#[derive(Serialize)]
pub(super) struct Left {
    /// Where a webhook that a person pasted has to be deleted.
    hooks: Option<String>,
    /// What the connector could not clear up.
    failure: Option<Problem>,
}

pub(super) async fn disconnect(State(api): State<Arc<Api>>, own: Own<Admin>) -> Answer<Left> {
    let left = end(&own.entry, &api.installation, api.hearing(own.id())).await?;
    api.gone(own.id()).await?;
    api.tell(own.person(), Some(own.id()), "disconnect", "").await?;
    let failure = left.failure.map(|trouble: Trouble| {
        api.log.warn("the connector could not clear up", &[("why", Failure::of(&trouble).innermost())]);
        trouble.into()
    });
    Ok(Json(Left { hooks: left.hooks, failure }))
}
