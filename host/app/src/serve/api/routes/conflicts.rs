//! What both sides changed, and which version counts.

use super::{Answer, Done};
use crate::serve::api::Api;
use crate::serve::api::body::Sent;
use crate::serve::api::caller::{Admin, Item, Own, Visitor};
use crate::serve::api::problem::Problem;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitlab_sync_host::sync::{Conflict, Resolution};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub(super) async fn list(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Answer<Vec<Conflict>> {
    Ok(Json(api.connection(own.id()).await?.conflicts().await?))
}

/// None: the file was not there.
#[derive(Serialize)]
pub(super) struct Versions {
    path: String,
    base: Option<Content>,
    ours: Option<Content>,
    theirs: Option<Content>,
}

/// A file's content: as text where it is UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Content {
    Text(String),
    Base64(String),
}

pub(super) async fn show(State(api): State<Arc<Api>>, own: Own<Visitor>, Item(id): Item) -> Answer<Versions> {
    let versions = api.connection(own.id()).await?.conflict_versions(&id).await?;
    let content = |bytes: Option<Vec<u8>>| bytes.map(Content::of);
    let [base, ours, theirs] = [versions.base, versions.ours, versions.theirs].map(content);
    Ok(Json(Versions { path: versions.path, base, ours, theirs }))
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
        Chosen::Content(content) => ("edited", Resolution::Content(content.bytes()?)),
    };
    let connection = api.connection(own.id()).await?;
    let path =
        connection.conflicts().await?.into_iter().find(|conflict| conflict.id == id).map(|conflict| conflict.path);
    connection.resolve(&id, resolution).await?;
    let left = connection.conflicts().await?.len();
    api.resolved(own.id(), left, format!("`{}`: {word}", path.unwrap_or_default()), own.person()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Base64(STANDARD.encode(error.into_bytes())), Self::Text)
    }

    fn bytes(self) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).map_err(|_| Problem::misread("the content is no base64")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_of_any_bytes_comes_back_the_same() {
        for bytes in [&b""[..], b"text\n", "ä\u{0}".as_bytes(), b"\xff\xfe\x00"] {
            let json = serde_json::to_string(&Content::of(bytes.to_vec())).unwrap();
            assert_eq!(serde_json::from_str::<Content>(&json).unwrap().bytes().unwrap(), bytes, "{json}");
        }
    }
}
