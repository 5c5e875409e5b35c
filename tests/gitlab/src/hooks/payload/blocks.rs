//! Parts that payloads of records share: user, short project, repository, labels, commit, times.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::timestamp;
use crate::app::App;
use crate::git::refs;
use crate::world::World;
use crate::world::labels::Label;
use crate::world::members::Source;
use crate::world::projects::Project;

/// `2025-08-05 21:48:25 UTC`.
pub(crate) fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// Who did it. The address is hidden unless the user shows it to everybody.
pub(crate) fn user(world: &World, id: u64) -> Value {
    let Some(user) = world.users.get(id) else { return Value::Null };
    let email = if user.public_email.is_empty() { "[REDACTED]" } else { &user.public_email };
    json!({
        "id": user.id,
        "name": user.name,
        "username": user.username,
        "avatar_url": user.avatar_url(),
        "email": email,
    })
}

/// The project without the keys of older payloads, as pipelines, jobs and others have it.
pub(crate) fn short_project(block: &Value) -> Value {
    without(block, &["homepage", "url", "ssh_url", "http_url"])
}

/// The deprecated `repository` block of records: less than that of pushes.
pub(crate) fn repository(block: &Value) -> Value {
    let keys = ["name", "url", "description", "homepage"];
    keys.iter().map(|key| ((*key).to_owned(), block[*key].clone())).collect::<Map<_, _>>().into()
}

fn without(block: &Value, keys: &[&str]) -> Value {
    let mut block = block.clone();
    if let Value::Object(map) = &mut block {
        keys.iter().for_each(|key| drop(map.remove(*key)));
    }
    block
}

/// The labels of these names, as far as the project or a group above it has them.
pub(crate) fn labels(world: &World, project: &Project, names: &[String]) -> Value {
    let owners = label_owners(world, project);
    names.iter().filter_map(|name| world.labels.named(&owners, name)).map(label).collect()
}

/// Whose labels a project can use.
pub(crate) fn label_owners(world: &World, project: &Project) -> Vec<Source> {
    let groups = world.namespaces.lineage(project.namespace_id).into_iter().map(|group| Source::Group(group.id));
    std::iter::once(Source::Project(project.id)).chain(groups).collect()
}

fn label(label: &Label) -> Value {
    let (kind, project, group) = match label.owner {
        Source::Project(id) => ("ProjectLabel", Some(id), None),
        Source::Group(id) => ("GroupLabel", None, Some(id)),
    };
    json!({
        "id": label.id,
        "title": label.name,
        "color": label.color,
        "project_id": project,
        "created_at": utc(label.created_at),
        "updated_at": utc(label.created_at),
        "template": false,
        "description": label.description,
        "type": kind,
        "group_id": group,
    })
}

/// A commit as records show it; null when the repository does not have it.
pub(crate) fn commit(app: &App, project: &Project, web_url: &str, sha: &str) -> Value {
    let read = app.repositories.with(project.id, |repository| {
        let Some(commit) = refs::commit(repository, sha) else { return Ok(Value::Null) };
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        Ok::<_, git2::Error>(json!({
            "id": sha,
            "title": message.lines().next().unwrap_or_default(),
            "message": message,
            "timestamp": timestamp(&commit),
            "url": format!("{web_url}/-/commit/{sha}"),
            "author": {
                "name": String::from_utf8_lossy(commit.author().name_bytes()),
                "email": String::from_utf8_lossy(commit.author().email_bytes()),
            },
        }))
    });
    read.unwrap_or_default()
}
