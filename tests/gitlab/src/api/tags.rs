//! Tags: list, one, create, delete, signature. What the checks say is `tags`.

use std::cmp::Ordering;
use std::sync::Arc;

use git2::{Oid, Repository};
use http::StatusCode;
use serde_json::{Value, json};

use super::branches::{fits, require_unmodified};
use super::commits::{self, Trailers};
use super::create_commit;
use crate::app::App;
use crate::auth::{Access, Caller};
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::events::{PushEvent, RefChange, ZERO_ID};
use crate::git::refs::{self, MoveError, Tag};
use crate::git::write::Person;
use crate::page::{self, Page};
use crate::pushes;
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::tags::{self, Change, Way};
use crate::world::access::AccessLevel;
use crate::world::projects::Project;

const READ: Access = Access::read("Tag: Read");
const CREATE: Access = Access::write("Tag: Create");
const DELETE: Access = Access::write("Tag: Delete");

pub(crate) fn routes() -> Router<Arc<App>> {
    let all = "/api/v4/projects/{id}/repository/tags";
    Router::new()
        .route(all, get(endpoint(list)).post(endpoint(create)))
        .route(&format!("{all}/{{tag_name}}"), get(endpoint(show)).delete(endpoint(remove)))
        .route(&format!("{all}/{{tag_name}}/signature"), get(endpoint(signature)))
}

fn entity(call: &Call, project: &Project, repository: &Repository, tag: &Tag) -> Value {
    let url = commits::project_url(&call.app, project);
    let commit = tag.commit.and_then(|id| repository.find_commit(id).ok());
    let own_time = jiff::Timestamp::from_second(tag.seconds).ok().filter(|_| tag.annotated);
    json!({
        "name": tag.name,
        "message": tag.message.clone().unwrap_or_default(),
        "target": tag.target.to_string(),
        "commit": commit.map(|commit| commits::entity(&url, &commit, Trailers::Unread)),
        "release": null,
        "protected": tags::is_protected(project, &tag.name),
        "created_at": own_time.map(iso_millis),
    })
}

/// Numbers within names by value, everything else as text: `v1.9` before `v1.10`.
fn by_version(left: &str, right: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let mut parts = Vec::new();
        for piece in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
            let digits: String = piece.chars().take_while(char::is_ascii_digit).collect();
            parts.push((digits.parse().unwrap_or(0), piece[digits.len()..].to_owned()));
        }
        parts
    };
    parts(left).cmp(&parts(right))
}

fn sorted(all: &mut [Tag], order_by: &str, sort: &str) {
    match order_by {
        "name" => all.sort_by(|a, b| a.name.cmp(&b.name)),
        "version" => all.sort_by(|a, b| by_version(&a.name, &b.name)),
        _ => all.sort_by_key(|tag| tag.seconds),
    }
    if sort == "desc" {
        all.reverse();
    }
}

fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let sort = checks.one_of("sort", &["desc", "asc"]);
    let order_by = checks.one_of("order_by", &["updated", "name", "version"]);
    let pagination = checks.one_of("pagination", &["legacy", "keyset"]);
    checks.finish()?;
    let search = call.params.filled("search");
    let token = call.params.filled("page_token");
    let keyset = pagination == "keyset";
    let (shown, total, last) = call.with_repository(&project, |repository| {
        let mut all = refs::tags(repository)?;
        all.retain(|tag| search.as_ref().is_none_or(|search| fits(search, &tag.name)));
        sorted(&mut all, order_by, sort);
        let total = all.len();
        if let Some(token) = token.filter(|_| keyset) {
            let at = all.iter().position(|tag| tag.name == token);
            let at = at.ok_or_else(|| ApiError::message(StatusCode::UNPROCESSABLE_ENTITY, "Invalid page token"))?;
            all.drain(..=at);
        }
        let picked = if keyset { &all[..all.len().min(page.size as usize)] } else { page.slice(&all) };
        let last = picked.last().map(|tag| tag.name.clone()).filter(|_| picked.len() < all.len());
        let shown: Vec<Value> = picked.iter().map(|tag| entity(call, &project, repository, tag)).collect();
        Ok::<_, ApiError>((shown, total, last))
    })?;
    let reply = Reply::ok(&shown)?;
    match last {
        Some(last) if keyset => {
            Ok(page::with_next_link(call, &[("page_token", last), ("per_page", page.size.to_string())], reply))
        }
        _ if keyset => Ok(reply),
        _ => page::with_headers(call, page, page::Total::Known(total as u64), reply),
    }
}

fn found(call: &Call, repository: &Repository) -> Result<Tag, ApiError> {
    refs::tag(repository, call.path.get("tag_name")).ok_or_else(|| ApiError::not_found("Tag"))
}

fn show(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let shown = call.with_repository(&project, |repository| {
        Ok::<_, ApiError>(entity(call, &project, repository, &found(call, repository)?))
    })?;
    Reply::ok(&shown)
}

/// No tag of this instance is signed.
fn signature(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    call.with_repository(&project, |repository| found(call, repository))?;
    Err(ApiError::not_found("Signature"))
}

fn refuse(text: impl Into<String>) -> ApiError {
    ApiError::message(StatusCode::BAD_REQUEST, text)
}

fn create(call: &Call) -> Answer {
    let (caller, project) = call.managed(CREATE, AccessLevel::Developer)?;
    let mut checks = call.params.checks();
    let name = checks.required("tag_name");
    let target = checks.required("ref");
    checks.finish()?;
    call.require_writable(&project)?;
    if !git2::Reference::is_valid_name(&format!("refs/tags/{name}")) || name.starts_with('-') {
        return Err(refuse("Tag name invalid"));
    }
    let message = call.params.filled("message").map(|message| message.trim().to_owned());
    let refusal = tags::refusal(&call.app.world(), &caller.user, &project, &name, Change::Create, Way::Api);
    let (shown, id) = call.with_repository(&project, |repository| {
        if refs::tag(repository, &name).is_some() {
            return Err(refuse(format!("Tag {name} already exists")));
        }
        let commit = refs::commit(repository, &target).ok_or_else(|| refuse(format!("Target {target} is invalid")))?;
        if let Some(refusal) = refusal {
            return Err(refuse(refusal));
        }
        let id = match message {
            Some(message) => annotate(call, &caller, repository, &name, commit.as_object(), &message)?,
            None => commit.id(),
        };
        let moved = refs::compare_and_swap(repository, &format!("refs/tags/{name}"), None, id);
        moved.map_err(|error| match error {
            MoveError::Race => refuse(format!("Tag {name} already exists")),
            _ => refuse(format!("Failed to create a tag: {name}")),
        })?;
        Ok((entity(call, &project, repository, &found_named(repository, &name)?), id))
    })?;
    announce(call, &project, &caller, &name, None, Some(id));
    Reply::created(&shown)
}

fn found_named(repository: &Repository, name: &str) -> Result<Tag, ApiError> {
    refs::tag(repository, name).ok_or_else(ApiError::internal)
}

/// The tag object of a message.
fn annotate(
    call: &Call,
    caller: &Caller,
    repository: &Repository,
    name: &str,
    target: &git2::Object<'_>,
    message: &str,
) -> Result<Oid, ApiError> {
    let person = Person { name: caller.user.name.clone(), email: caller.user.commit_email().to_owned() };
    let tagger = person.signature(call.app.now())?;
    Ok(repository.tag_annotation_create(name, target, &tagger, message)?)
}

fn remove(call: &Call) -> Answer {
    let (caller, project) = call.managed(DELETE, AccessLevel::Developer)?;
    call.require_writable(&project)?;
    let name = call.path.get("tag_name");
    let (tag, authored) = call.with_repository(&project, |repository| {
        let tag = found(call, repository)?;
        let commit = tag.commit.and_then(|id| repository.find_commit(id).ok());
        Ok::<_, ApiError>((tag, commit.map_or(0, |commit| commit.author().when().seconds())))
    })?;
    let refusal = tags::refusal(&call.app.world(), &caller.user, &project, name, Change::Delete, Way::Api);
    // The policy stands before the service: a protected tag is for maintainers.
    if refusal == Some(tags::text::DELETE_PROTECTED) {
        return Err(ApiError::forbidden());
    }
    require_unmodified(call, authored)?;
    if let Some(refusal) = refusal {
        return Err(refuse(refusal));
    }
    call.with_repository(&project, |repository| {
        let mut reference = repository.find_reference(&format!("refs/tags/{name}"))?;
        reference.delete().map_err(|_| refuse("Failed to remove tag"))
    })?;
    announce(call, &project, &caller, name, Some(tag.target), None);
    Reply::no_content()
}

fn announce(call: &Call, project: &Project, caller: &Caller, tag: &str, before: Option<Oid>, after: Option<Oid>) {
    let text = |id: Option<Oid>| id.map_or_else(|| ZERO_ID.to_owned(), |id| id.to_string());
    let change = RefChange { reference: format!("refs/tags/{tag}"), before: text(before), after: text(after) };
    pushes::landed(
        &call.app,
        PushEvent {
            project_id: project.id,
            user_id: caller.user.id,
            changes: vec![change],
            push_options: Vec::new(),
            chain: create_commit::chain(call),
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_number_by_number() {
        let mut names = ["v1.10", "v1.9", "v1.9.1", "v2", "alpha"];
        names.sort_by(|a, b| by_version(a, b));
        assert_eq!(names, ["alpha", "v1.9", "v1.9.1", "v1.10", "v2"]);
    }
}
