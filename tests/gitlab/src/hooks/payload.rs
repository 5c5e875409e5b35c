//! What hooks are told of pushes: one payload per branch or tag, and one per push for system hooks. What they are told of
//! records is one file per kind below.
//!
//! The traps are GitLab's: no more than twenty commits, a rename only under its new path, zeros for what was not or is
//! not there, an annotated tag under the id of its object.

pub(crate) mod access_token;
pub(crate) mod blocks;
pub(crate) mod deployment;
pub(crate) mod job;
pub(crate) mod merge_request;
pub(crate) mod note;
pub(crate) mod pipeline;

use git2::{Commit, Oid, Repository};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::events::{PushEvent, RefChange, ZERO_ID};
use crate::git::diff;
use crate::git::history::{self, Order};
use crate::git::refs;
use crate::pushes;
use crate::world::World;
use crate::world::projects::Project;
use crate::world::users::User;

/// The newest commits of a push that are told.
const TOLD_COMMITS: usize = 20;
/// Commits of a sample.
const SAMPLE_COMMITS: usize = 3;
const BRANCH: &str = "refs/heads/";
const TAG: &str = "refs/tags/";

/// Push or tag push. Nothing when project or user are gone.
pub(crate) fn push(app: &App, push: &PushEvent, change: &RefChange) -> Option<Value> {
    let scene = Scene::of(app, push.project_id, push.user_id)?;
    let told = scene.read(app, |repository| {
        if change.reference.starts_with(TAG) {
            tag(repository, change, &scene)
        } else {
            branch(repository, change, &scene)
        }
    })?;
    Some(scene.describe(change, &told, &push_options(&push.push_options)))
}

/// `repository_update`, once for a push of any size.
pub(crate) fn repository_update(app: &App, push: &PushEvent) -> Option<Value> {
    let scene = Scene::of(app, push.project_id, push.user_id)?;
    let mut refs: Vec<&str> = push.changes.iter().map(|change| change.reference.as_str()).collect();
    refs.dedup();
    let change =
        |change: &RefChange| json!({ "before": change.before, "after": change.after, "ref": change.reference });
    Some(json!({
        "event_name": "repository_update",
        "user_id": scene.user.id,
        "user_name": scene.user.name,
        "user_email": scene.user.public_email,
        "user_avatar": scene.user.avatar_url(),
        "project_id": scene.project.id,
        "project": scene.block,
        "changes": push.changes.iter().map(change).collect::<Vec<_>>(),
        "refs": refs,
    }))
}

/// What a test of a hook is told: the last commits of the default branch, newest first, or the newest tag.
pub(crate) fn sample(app: &App, project: &Project, user: &User, tags: bool) -> Option<Value> {
    let scene = Scene::of(app, project.id, user.id)?;
    let (change, told) = scene.read(app, |repository| {
        let tip = refs::tip(repository, &project.default_branch).ok_or_else(gone)?;
        if tags && let Some(change) = newest_tag(repository)? {
            let told = tag(repository, &change, &scene)?;
            return Ok((change, told));
        }
        let ids: Vec<Oid> =
            history::walk(repository, &[tip.id()], &[], Order::Time)?.into_iter().take(SAMPLE_COMMITS).collect();
        let commits = ids.iter().map(|&id| scene.commit(repository, id)).collect::<Result<Vec<_>, _>>()?;
        let change = RefChange {
            reference: format!("{}{}", if tags { TAG } else { BRANCH }, project.default_branch),
            before: ids.last().map(Oid::to_string).unwrap_or_default(),
            after: tip.id().to_string(),
        };
        let told = Told { total: commits.len(), commits, checkout: Some(change.after.clone()), message: None };
        Ok((change, told))
    })?;
    Some(scene.describe(&change, &told, &Value::Object(Map::new())))
}

/// The `project` block of every payload.
pub(crate) fn project_block(app: &App, world: &World, project: &Project) -> Value {
    let path = world.project_path(project);
    let web = format!("{}/{path}", app.url());
    let origin = app.origin();
    let host = origin.split_once("://").map_or(origin, |(_, rest)| rest).split(':').next().unwrap_or_default();
    let (ssh, http) = (format!("git@{host}:{path}.git"), format!("{web}.git"));
    let namespace = world.namespaces.group(project.namespace_id).map(|group| group.name.clone());
    json!({
        "id": project.id,
        "name": project.name,
        "description": project.description,
        "web_url": web,
        "avatar_url": null,
        "git_ssh_url": ssh,
        "git_http_url": http,
        "namespace": namespace.unwrap_or_else(|| world.namespace_name(project.namespace_id)),
        "visibility_level": project.visibility.level(),
        "path_with_namespace": path,
        "default_branch": project.default_branch,
        "ci_config_path": null,
        "homepage": web,
        "url": ssh,
        "ssh_url": ssh,
        "http_url": http,
    })
}

/// The deprecated `repository` block: part of the project's.
pub(crate) fn repository_block(project: &Value) -> Value {
    let keys = ["name", "url", "description", "homepage", "git_http_url", "git_ssh_url", "visibility_level"];
    keys.iter().map(|key| ((*key).to_owned(), project[*key].clone())).collect::<Map<_, _>>().into()
}

/// Who pushed where.
struct Scene {
    project: Project,
    user: User,
    block: Value,
    web: String,
    tells_protection: bool,
}

/// What a payload says of commits.
struct Told {
    commits: Vec<Value>,
    total: usize,
    checkout: Option<String>,
    message: Option<String>,
}

impl Scene {
    fn of(app: &App, project_id: u64, user_id: u64) -> Option<Self> {
        let world = app.world();
        let project = world.projects.get(project_id)?.clone();
        let user = world.users.get(user_id)?.clone();
        let block = project_block(app, &world, &project);
        let web = format!("{}/{}", app.url(), world.project_path(&project));
        Some(Self { project, user, block, web, tells_protection: world.settings.version.at_least(17, 0) })
    }

    fn read<T>(&self, app: &App, run: impl FnOnce(&Repository) -> Result<T, git2::Error>) -> Option<T> {
        app.repositories.with(self.project.id, run).ok()
    }

    fn describe(&self, change: &RefChange, told: &Told, push_options: &Value) -> Value {
        let kind = if change.reference.starts_with(TAG) { "tag_push" } else { "push" };
        let mut payload = json!({
            "object_kind": kind,
            "event_name": kind,
            "before": change.before,
            "after": change.after,
            "ref": change.reference,
            "checkout_sha": told.checkout,
            "message": told.message,
            "user_id": self.user.id,
            "user_name": self.user.name,
            "user_username": self.user.username,
            "user_email": self.user.public_email,
            "user_avatar": self.user.avatar_url(),
            "project_id": self.project.id,
            "project": self.block,
            "commits": told.commits,
            "total_commits_count": told.total,
            "push_options": push_options,
            "repository": repository_block(&self.block),
        });
        if self.tells_protection {
            let branch = change.reference.strip_prefix(BRANCH);
            payload["ref_protected"] = branch.is_some_and(|name| pushes::is_protected(&self.project, name)).into();
        }
        payload
    }

    fn commit(&self, repository: &Repository, id: Oid) -> Result<Value, git2::Error> {
        let commit = repository.find_commit(id)?;
        let parent = commit.parent(0).ok().map(|parent| parent.tree()).transpose()?;
        let [added, modified, removed] = diff::paths(repository, parent.as_ref(), Some(&commit.tree()?))?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        Ok(json!({
            "id": id.to_string(),
            "message": message,
            "title": message.lines().next().unwrap_or_default(),
            "timestamp": timestamp(&commit),
            "url": format!("{}/-/commit/{id}", self.web),
            "author": {
                "name": String::from_utf8_lossy(commit.author().name_bytes()),
                "email": String::from_utf8_lossy(commit.author().email_bytes()),
            },
            "added": added, "modified": modified, "removed": removed,
        }))
    }
}

/// The new commits of a branch, oldest first: of a new branch those that the default branch does not have, of the
/// default branch all.
fn branch(repository: &Repository, change: &RefChange, scene: &Scene) -> Result<Told, git2::Error> {
    if change.after == ZERO_ID {
        return Ok(Told { commits: Vec::new(), total: 0, checkout: None, message: None });
    }
    let default = &scene.project.default_branch;
    let is_default = change.reference.strip_prefix(BRANCH) == Some(default);
    let known = match change.before.as_str() {
        ZERO_ID if is_default => None,
        ZERO_ID => refs::tip(repository, default).map(|tip| tip.id()),
        before => Some(Oid::from_str(before)?),
    };
    let mut ids = history::walk(repository, &[Oid::from_str(&change.after)?], known.as_slice(), Order::Topological)?;
    let total = ids.len();
    ids.truncate(TOLD_COMMITS);
    let commits = ids.iter().rev().map(|&id| scene.commit(repository, id)).collect::<Result<Vec<_>, _>>()?;
    Ok(Told { commits, total, checkout: Some(change.after.clone()), message: None })
}

/// The one commit that a tag is at.
fn tag(repository: &Repository, change: &RefChange, scene: &Scene) -> Result<Told, git2::Error> {
    if change.after == ZERO_ID {
        return Ok(Told { commits: Vec::new(), total: 0, checkout: None, message: None });
    }
    let id = Oid::from_str(&change.after)?;
    let annotation = repository.find_tag(id).ok().and_then(|tag| tag.message().ok().flatten().map(str::to_owned));
    let commit = repository.find_object(id, None)?.peel_to_commit().ok();
    let commits = commit.iter().map(|commit| scene.commit(repository, commit.id())).collect::<Result<Vec<_>, _>>()?;
    let message = annotation.map(|text| text.trim_end().to_owned()).unwrap_or_default();
    Ok(Told {
        total: commits.len(),
        commits,
        checkout: commit.map(|commit| commit.id().to_string()),
        message: Some(message),
    })
}

fn newest_tag(repository: &Repository) -> Result<Option<RefChange>, git2::Error> {
    let mut newest = None;
    for reference in repository.references_glob("refs/tags/*")?.flatten() {
        let (Some(target), Ok(commit)) = (reference.target(), reference.peel_to_commit()) else { continue };
        let name = String::from_utf8_lossy(reference.name_bytes()).into_owned();
        newest = newest.max(Some((commit.time().seconds(), name, target.to_string())));
    }
    Ok(newest.map(|(_, reference, after)| RefChange { reference, before: ZERO_ID.into(), after }))
}

fn gone() -> git2::Error {
    git2::Error::from_str("the default branch is gone")
}

/// ISO 8601 with the committer's own offset.
pub(crate) fn timestamp(commit: &Commit<'_>) -> String {
    let time = commit.time();
    let at = Timestamp::from_second(time.seconds()).unwrap_or_default();
    let offset = Offset::from_seconds(time.offset_minutes() * 60).unwrap_or(Offset::UTC);
    at.to_zoned(TimeZone::fixed(offset)).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// `ci.skip` and `ci.variable=a` as GitLab nests them.
fn push_options(options: &[String]) -> Value {
    let mut nested = Map::new();
    for option in options {
        let (key, value) = option.split_once('=').map_or((option.as_str(), None), |(key, value)| (key, Some(value)));
        let Some((space, name)) = key.split_once('.') else { continue };
        let value = value.map_or(Value::Bool(true), Value::from);
        if let Value::Object(space) = nested.entry(space).or_insert_with(|| Value::Object(Map::new())) {
            space.insert(name.to_owned(), value);
        }
    }
    Value::Object(nested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_options_nest_by_their_first_part() {
        let options = ["ci.skip", "ci.variable=A=1", "merge_request.title=New", "odd"].map(str::to_owned);
        let expected = json!({ "ci": { "skip": true, "variable": "A=1" }, "merge_request": { "title": "New" } });
        assert_eq!(push_options(&options), expected);
    }
}
