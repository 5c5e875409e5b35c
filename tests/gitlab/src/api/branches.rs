//! Branches: list, one, create, delete.

use std::sync::Arc;

use git2::{Oid, Repository};
use http::StatusCode;
use regex::Regex;
use serde_json::{Value, json};

use super::commits::{self, Trailers};
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint};
use crate::committing::{self, GuardedAction, Order, Overwrite, Start, is_hex_name};
use crate::error::ApiError;
use crate::events::PushEvent;
use crate::git::actions::Action;
use crate::git::refs::{self, MoveError};
use crate::page::{self, Page};
use crate::pushes::{self, text};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, delete, get};
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::users::User;

const READ: Access = Access::read("Branch: Read");
const CREATE: Access = Access::write("Branch: Create");
const DELETE: Access = Access::write("Branch: Delete");

pub(crate) fn routes() -> Router<Arc<App>> {
    let all = "/api/v4/projects/{id}/repository/branches";
    let one = get(endpoint(show)).head(endpoint(exists)).delete(endpoint(remove));
    Router::new()
        .route(all, get(endpoint(list)).post(endpoint(create)))
        .route(&format!("{all}/{{branch}}"), one)
        .route("/api/v4/projects/{id}/repository/merged_branches", delete(endpoint(remove_merged)))
}

/// The branch entity.
fn entity(
    call: &Call,
    project: &Project,
    user: Option<&User>,
    repository: &Repository,
    branch: &str,
    tip: Oid,
) -> Value {
    let url = commits::project_url(&call.app, project);
    let commit = repository.find_commit(tip).map(|commit| commits::entity(&url, &commit, Trailers::Unread));
    let covering = || project.protected_branches.iter().filter(|protection| protection.covers(branch));
    let developers = |grants: fn(&crate::world::protected_branches::ProtectedBranch) -> &Vec<_>| {
        covering().any(|protection| {
            grants(protection)
                .iter()
                .any(|grant: &crate::world::protected_branches::BranchGrant| grant.access_level == 30)
        })
    };
    let merged = refs::tip(repository, &project.default_branch).is_some_and(|default| {
        branch != project.default_branch && repository.graph_descendant_of(default.id(), tip).unwrap_or(false)
    });
    json!({
        "name": branch,
        "commit": commit.ok(),
        "merged": merged,
        "protected": covering().next().is_some(),
        "developers_can_push": developers(|protection| &protection.push),
        "developers_can_merge": developers(|protection| &protection.merge),
        "can_push": user.is_some_and(|user| pushes::may_push(&call.app.world(), user, project, branch, false)),
        "default": branch == project.default_branch,
        "web_url": format!("{url}/-/tree/{branch}"),
    })
}

/// `^term` and `term$` anchor; without them any part counts, without regard to case.
pub(crate) fn fits(search: &str, name: &str) -> bool {
    let (search, name) = (search.to_lowercase(), name.to_lowercase());
    match (search.strip_prefix('^'), search.strip_suffix('$')) {
        (Some(_), Some(_)) => name == search.trim_start_matches('^').trim_end_matches('$'),
        (Some(start), None) => name.starts_with(start),
        (None, Some(end)) => name.ends_with(end),
        (None, None) => name.contains(&search),
    }
}

fn list(call: &Call) -> Answer {
    let (caller, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let sort = checks.one_of("sort", &["name_asc", "updated_asc", "updated_desc"]);
    let pagination = checks.one_of("pagination", &["legacy", "keyset"]);
    checks.finish()?;
    let regex = call.params.filled("regex").map(|regex| Regex::new(&regex)).transpose();
    let regex = regex.map_err(|_| {
        ApiError::message(StatusCode::BAD_REQUEST, "400 Bad request - regex is an invalid regular expression")
    })?;
    let search = call.params.filled("search");
    let user = caller.as_ref().map(|caller| &caller.user);
    let token = call.params.filled("page_token");
    let (shown, total, last) = call.with_repository(&project, |repository| {
        let mut all = refs::branches(repository)?;
        all.retain(|(name, _)| {
            search.as_ref().is_none_or(|search| fits(search, name))
                && regex.as_ref().is_none_or(|regex| regex.is_match(name))
        });
        let time = |id: Oid| repository.find_commit(id).map(|commit| commit.committer().when().seconds()).unwrap_or(0);
        match sort {
            "updated_asc" => all.sort_by_key(|(_, id)| time(*id)),
            "updated_desc" => all.sort_by_key(|(_, id)| std::cmp::Reverse(time(*id))),
            _ => {}
        }
        let total = all.len();
        if pagination == "keyset" {
            let from = token.as_ref().map_or(0, |token| all.partition_point(|(name, _)| name <= token));
            all.drain(..from);
        }
        let picked = if pagination == "keyset" { &all[..all.len().min(page.size as usize)] } else { page.slice(&all) };
        let last = picked.last().map(|(name, _)| name.clone()).filter(|_| picked.len() < all.len());
        let shown: Vec<Value> =
            picked.iter().map(|(name, id)| entity(call, &project, user, repository, name, *id)).collect();
        Ok((shown, total, last))
    })?;
    let reply = Reply::ok(&shown)?;
    match (pagination, last) {
        ("keyset", Some(last)) => {
            Ok(page::with_next_link(call, &[("page_token", last), ("per_page", page.size.to_string())], reply))
        }
        ("keyset", None) => Ok(reply),
        _ => page::with_headers(call, page, page::Total::Known(total as u64), reply),
    }
}

fn valid_name(call: &Call) -> Result<&str, ApiError> {
    let name = call.path.get("branch");
    let refusal = || ApiError::message(StatusCode::BAD_REQUEST, "The branch refname is invalid");
    if refs::is_branch_name(name) { Ok(name) } else { Err(refusal()) }
}

fn show(call: &Call) -> Answer {
    let (caller, project) = call.code(READ)?;
    let name = valid_name(call)?;
    let shown = call.with_repository(&project, |repository| {
        let tip = refs::tip(repository, name).ok_or_else(|| ApiError::not_found("Branch"))?;
        Ok(entity(call, &project, caller.as_ref().map(|caller| &caller.user), repository, name, tip.id()))
    })?;
    Reply::ok(&shown)
}

fn exists(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let name = valid_name(call)?;
    let found = call.with_repository(&project, |repository| Ok(refs::tip(repository, name).is_some()))?;
    if found { Reply::no_content() } else { Err(ApiError::not_found("Branch")) }
}

fn create(call: &Call) -> Answer {
    let (caller, project) = call.managed(CREATE, AccessLevel::Developer)?;
    let mut checks = call.params.checks();
    let branch = checks.required("branch");
    let revision = checks.required("ref");
    checks.finish()?;
    call.require_writable(&project)?;
    let refuse = |text: String| ApiError::message(StatusCode::BAD_REQUEST, text);
    let empty = call.with_repository(&project, |repository| Ok(refs::is_empty(repository)))?;
    let protected = pushes::is_protected(&project, &branch);
    if !pushes::may_push(&call.app.world(), &caller.user, &project, &branch, empty) {
        return Err(refuse(if protected { text::CREATE.into() } else { text::PROTECTED.into() }));
    }
    if empty {
        seed_default_branch(call, &project, &caller)?;
    }
    let made = call.with_repository(&project, |repository| {
        if refs::tip(repository, &branch).is_some() {
            return Err(refuse("Branch already exists".into()));
        }
        if !refs::is_branch_name(&branch) {
            return Err(refuse("Branch name is invalid".into()));
        }
        if is_hex_name(&branch) {
            return Err(refuse(text::HEX.into()));
        }
        let start = refs::commit(repository, &revision);
        let start = start.ok_or_else(|| refuse(no_such_start(call, &branch, &revision)))?.id();
        let moved = refs::compare_and_swap(repository, &format!("refs/heads/{branch}"), None, start);
        moved.map_err(|error| match error {
            MoveError::Hierarchy => refuse(format!(
                "Failed to create branch '{branch}': Branch name conflicts with existing branch hierarchy."
            )),
            _ => refuse("Branch already exists".into()),
        })?;
        Ok(start)
    });
    let start = made?;
    announce(call, &project, &caller, &branch, None, Some(start));
    let shown = call.with_repository(&project, |repository| {
        Ok(entity(call, &project, Some(&caller.user), repository, &branch, start))
    })?;
    Reply::created(&shown)
}

fn no_such_start(call: &Call, branch: &str, revision: &str) -> String {
    if call.app.world().settings.version.at_least(19, 0) {
        format!("Failed to create branch '{branch}': invalid reference name '{revision}'")
    } else {
        format!("Invalid reference name: {revision}")
    }
}

/// A branch of an empty repository begins with the default branch and an empty README.
fn seed_default_branch(call: &Call, project: &Project, caller: &Caller) -> Result<(), ApiError> {
    let readme = Action::Create { path: "README.md".into(), content: Vec::new(), executable: false };
    let order = Order {
        branch: project.default_branch.clone(),
        start: Start::Target,
        overwrite: Overwrite::Refuse,
        message: "Add README.md".into(),
        author: (None, None),
        actions: vec![GuardedAction { action: readme, last_commit_id: None }],
        chain: None,
    };
    let made = committing::commit(&call.app, project, &caller.user, &order);
    made.map(|_| ()).map_err(|error| ApiError::message(StatusCode::BAD_REQUEST, error.to_string()))
}

fn announce(call: &Call, project: &Project, caller: &Caller, branch: &str, before: Option<Oid>, after: Option<Oid>) {
    pushes::landed(
        &call.app,
        PushEvent {
            project_id: project.id,
            user_id: caller.user.id,
            changes: vec![pushes::branch_change(branch, before, after)],
            push_options: Vec::new(),
            chain: super::create_commit::chain(call),
        },
    );
}

fn remove(call: &Call) -> Answer {
    let (caller, project) = call.managed(DELETE, AccessLevel::Developer)?;
    let name = valid_name(call)?;
    call.require_writable(&project)?;
    let refuse = |text: &str| ApiError::message(StatusCode::BAD_REQUEST, text);
    let (before, authored) = call.with_repository(&project, |repository| {
        let tip = refs::tip(repository, name).ok_or_else(|| ApiError::not_found("Branch"))?;
        Ok((tip.id(), tip.author().when().seconds()))
    })?;
    require_unmodified(call, authored)?;
    if name == project.default_branch {
        return Err(refuse(text::DEFAULT));
    }
    let role = call.app.world().project_role(caller.user.id, &project);
    if pushes::is_protected(&project, name) && role < Some(AccessLevel::Maintainer) {
        return Err(refuse(text::DELETE));
    }
    call.with_repository(&project, |repository| {
        let mut reference = repository.find_reference(&format!("refs/heads/{name}"))?;
        reference.delete().map_err(|_| refuse("Failed to remove branch"))
    })?;
    announce(call, &project, &caller, name, Some(before), None);
    Reply::no_content()
}

/// 412 when the resource is newer than the client says it knows.
pub(crate) fn require_unmodified(call: &Call, changed_at: i64) -> Result<(), ApiError> {
    let header = call.headers.get(http::header::IF_UNMODIFIED_SINCE).and_then(|value| value.to_str().ok());
    let Some(text) = header else { return Ok(()) };
    let known = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    match known {
        Ok(known) if known.as_second() < changed_at => Err(ApiError::precondition_failed()),
        _ => Ok(()),
    }
}

fn remove_merged(call: &Call) -> Answer {
    let (caller, project) = call.managed(DELETE, AccessLevel::Developer)?;
    call.require_writable(&project)?;
    let gone = call.with_repository(&project, |repository| {
        let Some(default) = refs::tip(repository, &project.default_branch) else { return Ok(Vec::new()) };
        let mut gone = Vec::new();
        for (name, id) in refs::branches(repository)? {
            let merged = repository.graph_descendant_of(default.id(), id).unwrap_or(false);
            if merged && !pushes::is_protected(&project, &name) && name != project.default_branch {
                repository.find_reference(&format!("refs/heads/{name}"))?.delete()?;
                gone.push((name, id));
            }
        }
        Ok(gone)
    })?;
    for (name, id) in gone {
        announce(call, &project, &caller, &name, Some(id), None);
    }
    Reply::accepted()
}
