//! What both sides changed, and which version counts.

use super::{Answer, Done};
use crate::operations::versions::{Content, Versions};
use crate::serve::api::Api;
use crate::serve::api::body::Sent;
use crate::serve::api::caller::{Admin, Item, Own, Visitor};
use crate::serve::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_host::sync::{Conflict, Resolution};
use serde::Deserialize;
use std::sync::Arc;

pub(super) async fn list(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Answer<Vec<Conflict>> {
    Ok(Json(api.connection(own.id()).await?.conflicts().await?))
}

pub(super) async fn show(State(api): State<Arc<Api>>, own: Own<Visitor>, Item(id): Item) -> Answer<Versions> {
    Ok(Json(api.connection(own.id()).await?.conflict_versions(&id).await?.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Chosen {
    Keep(Side),
    Content(Content),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Side {
    /// The folder's.
    Ours,
    /// GitLab's.
    Theirs,
    /// The lines of both.
    Merged,
}

pub(super) async fn resolve(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Item(id): Item,
    Sent(chosen): Sent<Chosen>,
) -> Done {
    let (word, resolution) = match chosen {
        Chosen::Keep(Side::Ours) => ("ours", Resolution::Ours),
        Chosen::Keep(Side::Theirs) => ("theirs", Resolution::Theirs),
        Chosen::Keep(Side::Merged) => ("merged", Resolution::Merged),
        Chosen::Content(content) => ("edited", Resolution::Content(decoded(content)?)),
    };
    let connection = api.connection(own.id()).await?;
    let path =
        connection.conflicts().await?.into_iter().find(|conflict| conflict.id == id).map(|conflict| conflict.path);
    connection.resolve(&id, resolution).await?;
    let left = connection.conflicts().await?.len();
    api.resolved(own.id(), left, format!("`{}`: {word}", path.unwrap_or_default()), own.person()).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn decoded(content: Content) -> Result<Vec<u8>, Problem> {
    content.bytes().map_err(|_| Problem::misread("the content is no base64"))
}
