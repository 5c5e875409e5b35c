//! `GET /projects/:id/repository/tree`: flat or recursive, by offset, by keyset or all at once.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::refs;
use crate::git::tree::{self, Depth, Entry};
use crate::page::{self, Page, Total};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};

const READ: Access = Access::read("Repository: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/api/v4/projects/{id}/repository/tree", get(endpoint(list)))
}

fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let depth = if checks.flag("recursive", false) { Depth::Recursive } else { Depth::Flat };
    let pagination = checks.one_of("pagination", &["legacy", "keyset", "none"]);
    if pagination == "none" && depth == Depth::Flat {
        checks.complain("pagination cannot be \"none\" unless \"recursive\" is true".into());
    }
    checks.finish()?;
    let revision = call.params.filled("ref").unwrap_or_else(|| project.default_branch.clone());
    let path = call.params.filled("path").unwrap_or_default();
    // Up to 17.6 a missing path was an empty list.
    let strict = call.app.world().settings.version.at_least(17, 7);
    let entries = call.with_repository(&project, |repository| {
        let commit = refs::commit(repository, &revision).ok_or_else(|| ApiError::not_found("Tree"))?;
        match tree::at(repository, &commit, &path) {
            Some(tree) => Ok(tree::list(repository, &tree, &path, depth)?),
            None if strict => Err(ApiError::message(StatusCode::NOT_FOUND, "404 invalid revision or path Not Found")),
            None => Ok(Vec::new()),
        }
    })?;
    match pagination {
        "none" => Reply::ok(&tree::grouped(entries)),
        "keyset" => keyset(call, &entries, page),
        _ => {
            let total = Total::Known(entries.len() as u64);
            let shown = tree::grouped(page.slice(&entries).to_vec());
            page::with_headers(call, page, total, Reply::ok(&shown)?)
        }
    }
}

/// The token of a page is the last entry of the one before: its path, or its object id in the older form.
fn keyset(call: &Call, entries: &[Entry], page: Page) -> Answer {
    let from = match call.params.filled("page_token") {
        None => 0,
        Some(token) => {
            let last = find(entries, &token);
            last.map(|at| at + 1).ok_or_else(|| {
                let text = "invalid page token";
                ApiError::message(StatusCode::BAD_REQUEST, format!("400 Bad request - {text}"))
            })?
        }
    };
    let to = from.saturating_add(page.size as usize).min(entries.len());
    let reply = Reply::ok(&tree::grouped(entries[from..to].to_vec()))?;
    let reply = reply.with(HeaderName::from_static("x-per-page"), &page.size.to_string());
    let Some(last) = entries[from..to].last().filter(|_| to < entries.len()) else { return Ok(reply) };
    let token = STANDARD.encode(json!({ "file_name": last.path }).to_string());
    Ok(page::with_next_link(call, &[("page_token", token), ("per_page", page.size.to_string())], reply))
}

fn find(entries: &[Entry], token: &str) -> Option<usize> {
    let decoded = STANDARD.decode(token).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    match decoded.as_ref().and_then(|token| token.get("file_name")).and_then(Value::as_str) {
        Some(path) => entries.iter().position(|entry| entry.path == path),
        None => entries.iter().position(|entry| entry.id == token),
    }
}
