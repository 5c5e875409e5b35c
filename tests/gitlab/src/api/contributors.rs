//! What history says of a repository as a whole: who contributed, and where two lines parted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::commits::{self, Trailers};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::history::{self, Order};
use crate::git::refs;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};

const READ: Access = Access::read("Repository: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    let below = "/api/v4/projects/{id}/repository";
    Router::new()
        .route(&format!("{below}/contributors"), get(endpoint(contributors)))
        .route(&format!("{below}/merge_base"), get(endpoint(merge_base)))
}

/// Additions and deletions are there and always 0.
fn contributors(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let order_by = checks.one_of("order_by", &["commits", "name", "email"]);
    let sort = checks.one_of("sort", &["asc", "desc"]);
    checks.finish()?;
    let revision = call.params.filled("ref").unwrap_or_else(|| project.default_branch.clone());
    let counted = call.with_repository(&project, |repository| {
        let Some(tip) = refs::commit(repository, &revision) else { return Ok(BTreeMap::new()) };
        let mut counted: BTreeMap<String, (String, u64)> = BTreeMap::new();
        for id in history::walk(repository, &[tip.id()], &[], Order::Time)? {
            let commit = repository.find_commit(id)?;
            let author = commit.author();
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let row = counted.entry(text(author.email_bytes())).or_insert_with(|| (text(author.name_bytes()), 0));
            row.1 += 1;
        }
        Ok::<_, ApiError>(counted)
    })?;
    let mut all: Vec<(String, String, u64)> =
        counted.into_iter().map(|(email, (name, commits))| (name, email, commits)).collect();
    match order_by {
        "name" => all.sort_by(|a, b| a.0.cmp(&b.0)),
        "email" => {}
        _ => all.sort_by_key(|row| row.2),
    }
    if sort == "desc" {
        all.reverse();
    }
    page::paged(
        call,
        page,
        &all,
        |(name, email, commits)| json!({ "name": name, "email": email, "commits": commits, "additions": 0, "deletions": 0 }),
    )
}

fn merge_base(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let named: Vec<String> = match call.params.get("refs") {
        None => return Err(ApiError::invalid_params("refs is missing")),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) => return Err(ApiError::invalid_params("refs is invalid")),
    };
    if named.len() < 2 {
        return Err(ApiError::bad_request("Provide at least 2 refs"));
    }
    let url = commits::project_url(&call.app, &project);
    let shown = call.with_repository(&project, |repository| {
        let found: Vec<_> = named.iter().map(|name| refs::commit(repository, name).map(|found| found.id())).collect();
        let missing: Vec<&str> =
            named.iter().zip(&found).filter(|(_, id)| id.is_none()).map(|(name, _)| name.as_str()).collect();
        if !missing.is_empty() {
            let word = if missing.len() == 1 { "Could not find ref" } else { "Could not find refs" };
            return Err(ApiError::bad_request(&format!("{word}: {}", missing.join(", "))));
        }
        let ids: Vec<_> = found.into_iter().flatten().collect();
        let base = repository.merge_base_many(&ids).map_err(|_| ApiError::not_found("Merge Base"))?;
        Ok(commits::entity(&url, &repository.find_commit(base)?, Trailers::Unread))
    })?;
    Reply::ok(&shown)
}
