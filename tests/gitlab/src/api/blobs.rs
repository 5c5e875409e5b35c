//! Blobs by object id, and how blob contents are sent.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use git2::Oid;
use http::header;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::projects::Project;

const READ: Access = Access::read("Repository: Read");
/// What is left as it is in a file name of a header.
const FILE_NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');
/// From this size on a blob has a limit of its own.
const LARGE: usize = 10 * 1024 * 1024;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/projects/{id}/repository/blobs/{sha}", get(endpoint(show)))
        .route("/api/v4/projects/{id}/repository/blobs/{sha}/raw", get(endpoint(raw)))
}

/// Counts a read of a large blob, since 18.1.
pub(crate) fn limit_large(call: &Call, project: &Project, id: Oid, size: usize) -> Result<(), ApiError> {
    let (since, limit) = {
        let settings = &call.app.world().settings;
        (settings.version.at_least(18, 1), settings.limits.large_blob)
    };
    if !since || size <= LARGE {
        return Ok(());
    }
    call.limit(&format!("large_blob:{}:{id}", project.id), limit, 60)
}

/// Contents as workhorse sends them.
pub(crate) fn inline(content: Vec<u8>, name: Option<&str>) -> Reply {
    let binary = content.iter().take(512).any(|&byte| byte == 0);
    let kind = if binary { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    let disposition = match name {
        Some(name) => {
            let encoded = utf8_percent_encode(name, FILE_NAME);
            let ascii: String = name.chars().map(|c| if c.is_ascii() && c != '"' { c } else { '?' }).collect();
            format!("inline; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
        }
        None => "inline".to_owned(),
    };
    Reply::bytes(kind, content)
        .with(header::CONTENT_DISPOSITION, &disposition)
        .with(header::CACHE_CONTROL, "max-age=0, private, must-revalidate, no-store, no-cache")
}

fn blob(call: &Call, project: &Project) -> Result<(Oid, Vec<u8>), ApiError> {
    let missing = || ApiError::not_found("Blob");
    let sha = call.path.get("sha");
    call.with_repository(project, |repository| {
        let blob = Oid::from_str(sha).and_then(|id| repository.find_blob(id)).map_err(|_| missing())?;
        Ok((blob.id(), blob.content().to_vec()))
    })
}

fn show(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let (id, content) = blob(call, &project)?;
    limit_large(call, &project, id, content.len())?;
    Reply::ok(&json!({
        "size": content.len(),
        "encoding": "base64",
        "content": STANDARD.encode(&content),
        "sha": id.to_string(),
    }))
}

fn raw(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let (_, content) = blob(call, &project)?;
    Ok(inline(content, None))
}
