//! Projects: list, get, change, archive, delete. Making one is `create`, their two forms are `entity`.

pub(crate) mod create;
pub(crate) mod entity;

use std::sync::Arc;

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::git::refs;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post, put};
use crate::telling;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::projects::Project;
use crate::world::users::User;

const READ: Access = Access::read("Project: Read");
const UPDATE: Access = Access::write("Project: Update");
const DELETE: Access = Access::write("Project: Delete");

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/projects/{id}";
    Router::new()
        .route("/api/v4/projects", get(endpoint(list)).post(endpoint(create::create)))
        .route(one, get(endpoint(show)).put(endpoint(change)).delete(endpoint(remove)))
        .route(&format!("{one}/archive"), post(endpoint(|call| set_archived(call, true))))
        .route(&format!("{one}/unarchive"), post(endpoint(|call| set_archived(call, false))))
        .route(&format!("{one}/restore"), post(endpoint(restore)))
        .route(&format!("{one}/transfer"), put(endpoint(transfer)))
        .route("/api/v4/users/{id}/projects", get(endpoint(list_of_user)))
        .route("/api/v4/groups/{id}/projects", get(endpoint(list_of_group)))
}

/// What a listing is narrowed to.
struct Filter {
    membership: bool,
    owned: bool,
    archived: Option<bool>,
    visibility: Option<Visibility>,
    search: String,
    namespaces_too: bool,
    level: Option<AccessLevel>,
    after: Option<u64>,
    before: Option<u64>,
    pending: bool,
}

impl Filter {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let mut checks = call.params.checks();
        let level = checks.integer("min_access_level", 0);
        let (after, before) = (checks.integer("id_after", -1), checks.integer("id_before", -1));
        let archived = call.params.has("archived").then(|| checks.flag("archived", false));
        let filter = Self {
            membership: checks.flag("membership", false),
            owned: checks.flag("owned", false),
            archived,
            visibility: call.params.filled("visibility").as_deref().and_then(Visibility::parse),
            search: call.params.filled("search").unwrap_or_default().to_lowercase(),
            namespaces_too: checks.flag("search_namespaces", false),
            level: u8::try_from(level).ok().and_then(|level| AccessLevel::try_from(level).ok()),
            after: u64::try_from(after).ok(),
            before: u64::try_from(before).ok(),
            pending: checks.flag("include_pending_delete", false),
        };
        if call.params.has("min_access_level") && filter.level.is_none() {
            checks.complain("min_access_level does not have a valid value".into());
        }
        if call.params.filled("visibility").is_some() && filter.visibility.is_none() {
            checks.complain("visibility does not have a valid value".into());
        }
        checks.finish()?;
        Ok(filter)
    }

    fn passes(&self, call: &Call, user: Option<&User>, project: &Project) -> bool {
        let world = call.app.world();
        let role = user.and_then(|user| world.project_role(user.id, project));
        let searched = || {
            let path = world.project_path(project).to_lowercase();
            let own = project.name.to_lowercase().contains(&self.search)
                || project.path.to_lowercase().contains(&self.search);
            own || (self.namespaces_too && path.contains(&self.search))
        };
        world.sees_project(user, project)
            && (!self.membership || role.is_some())
            && (!self.owned || role == Some(AccessLevel::Owner))
            && self.archived.is_none_or(|archived| project.archived == archived)
            && self.visibility.is_none_or(|visibility| project.visibility == visibility)
            && self.level.is_none_or(|level| role >= Some(level))
            && self.after.is_none_or(|id| project.id > id)
            && self.before.is_none_or(|id| project.id < id)
            && (self.pending || project.marked_for_deletion_on.is_none())
            && (self.search.is_empty() || searched())
    }
}

/// Sorts, pages and shows projects.
fn answer(call: &Call, user: Option<&User>, mut all: Vec<Project>, keyset_too: bool) -> Answer {
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let orders = ["created_at", "id", "name", "path", "updated_at", "last_activity_at", "similarity", "star_count"];
    let order = checks.one_of("order_by", &orders);
    let sort = checks.one_of("sort", &["desc", "asc"]);
    let simple = checks.flag("simple", false) || user.is_none();
    checks.finish()?;
    match order {
        "name" => all.sort_by_key(|project| project.name.to_lowercase()),
        "path" => all.sort_by_key(|project| project.path.to_lowercase()),
        "updated_at" => all.sort_by_key(|project| (project.updated_at, project.id)),
        "last_activity_at" => all.sort_by_key(|project| (project.last_activity_at, project.id)),
        "id" => all.sort_by_key(|project| project.id),
        _ => all.sort_by_key(|project| (project.created_at, project.id)),
    }
    if sort == "desc" {
        all.reverse();
    }
    let show = |project: &Project| {
        if simple { entity::basic(&call.app, project) } else { entity::full(&call.app, project, user) }
    };
    if keyset_too && call.params.text("pagination").as_deref() == Some("keyset") {
        if order != "id" {
            return Err(ApiError::no_keyset());
        }
        let picked = &all[..all.len().min(page.size as usize)];
        let reply = Reply::ok(&picked.iter().map(show).collect::<Vec<_>>())?;
        let Some(last) = picked.last().filter(|_| picked.len() as u64 == page.size) else { return Ok(reply) };
        let key = if sort == "asc" { "id_after" } else { "id_before" };
        return Ok(page::with_next_link(call, &[(key, last.id.to_string())], reply));
    }
    let page = if order == "id" { page.cap(call, "Project")? } else { page };
    page::paged(call, page, &all, show)
}

fn list(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let filter = Filter::read(call)?;
    let all: Vec<Project> = call.app.world().projects.table.iter().cloned().collect();
    let passing = all.into_iter().filter(|project| filter.passes(call, user, project)).collect();
    answer(call, user, passing, true)
}

fn list_of_user(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let filter = Filter::read(call)?;
    let id = call.path.get("id");
    let namespace = {
        let world = call.app.world();
        let by_id = id.parse().ok().and_then(|id| world.users.get(id));
        by_id.or_else(|| world.users.by_username(id)).map(|user| user.namespace_id)
    };
    let namespace = namespace.ok_or_else(|| ApiError::not_found("User"))?;
    let all: Vec<Project> = call.app.world().projects.table.iter().cloned().collect();
    let own = all.into_iter().filter(|project| project.namespace_id == namespace);
    let passing = own.filter(|project| filter.passes(call, user, project)).collect();
    answer(call, user, passing, true)
}

fn list_of_group(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let group = super::groups::found(call, user)?.id;
    let filter = Filter::read(call)?;
    let mut checks = call.params.checks();
    let below = checks.flag("include_subgroups", false);
    checks.finish()?;
    let all: Vec<Project> = {
        let world = call.app.world();
        let inside = |project: &&Project| {
            project.namespace_id == group || (below && world.namespaces.is_within(project.namespace_id, group))
        };
        world.projects.table.iter().filter(inside).cloned().collect()
    };
    let passing = all.into_iter().filter(|project| filter.passes(call, user, project)).collect();
    answer(call, user, passing, false)
}

fn show(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let project = call.project(user)?;
    let mut shown =
        if user.is_some() { entity::full(&call.app, &project, user) } else { entity::basic(&call.app, &project) };
    let wants = call.params.text("statistics").as_deref() == Some("true");
    if wants && user.is_some_and(|user| call.require_role(user, &project, AccessLevel::Reporter).is_ok()) {
        shown["statistics"] = statistics(call, &project)?;
    }
    Reply::ok(&shown)
}

fn statistics(call: &Call, project: &Project) -> Result<Value, ApiError> {
    let commits = call.with_repository(project, |repository| {
        let Some(tip) = refs::tip(repository, &project.default_branch) else { return Ok(0) };
        Ok(crate::git::history::walk(repository, &[tip.id()], &[], crate::git::history::Order::Time)?.len())
    })?;
    Ok(json!({
        "commit_count": commits, "storage_size": 0, "repository_size": 0, "wiki_size": 0, "lfs_objects_size": 0,
        "job_artifacts_size": 0, "pipeline_artifacts_size": 0, "packages_size": 0, "snippets_size": 0, "uploads_size": 0,
        "container_registry_size": 0,
    }))
}

/// Words GitLab does not take for the last part of a path.
fn is_path(path: &str) -> bool {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    let ends = [".", "_", "-", ".git", ".atom"].iter().any(|end| path.ends_with(end));
    plain && !path.is_empty() && !ends && !path.starts_with(['-', '_', '.'])
}

const PATH_RULE: &str =
    "can contain only letters, digits, '_', '-' and '.'. Cannot start with '-', end in '.git' or end in '.atom'";

/// Settings that are kept and shown, and change nothing else.
const PLAIN_SETTINGS: [&str; 16] = [
    "merge_method",
    "squash_option",
    "only_allow_merge_if_pipeline_succeeds",
    "request_access_enabled",
    "only_allow_merge_if_all_discussions_are_resolved",
    "remove_source_branch_after_merge",
    "issues_enabled",
    "merge_requests_enabled",
    "wiki_enabled",
    "jobs_enabled",
    "snippets_enabled",
    "issues_access_level",
    "merge_requests_access_level",
    "wiki_access_level",
    "builds_access_level",
    "ci_config_path",
];

fn change(call: &Call) -> Answer {
    let (caller, project) = call.managed(UPDATE, AccessLevel::Maintainer)?;
    if let Some(branch) = call.params.filled("default_branch") {
        let known = call.with_repository(&project, |repository| Ok(refs::tip(repository, &branch).is_some()))?;
        if !known {
            let text = format!("Could not change HEAD: branch '{branch}' does not exist");
            return Err(ApiError::invalid_record(&json!({ "base": [text] })));
        }
        call.with_repository(&project, |repository| Ok(repository.set_head(&format!("refs/heads/{branch}"))?))?;
    }
    let path = call.params.filled("path").filter(|path| *path != project.path);
    if path.as_ref().is_some_and(|path| !is_path(path)) {
        return Err(ApiError::invalid_record(&json!({ "path": [PATH_RULE] })));
    }
    let mut world = call.app.world_mut();
    if let Some(path) = path {
        let moved = world.move_project(project.id, project.namespace_id, &path);
        moved.map_err(|_| ApiError::invalid_record(&json!({ "path": ["has already been taken"] })))?;
    }
    let now = call.app.now();
    let target = world.projects.get_mut(project.id).ok_or_else(|| ApiError::not_found("Project"))?;
    apply(call, target, now)?;
    let changed = target.clone();
    let old_path = format!("{}/{}", world.namespace_path(project.namespace_id), project.path);
    drop(world);
    if changed.path == project.path {
        telling::project(&call.app, &changed, "project_update");
    } else {
        telling::project_moved(&call.app, &changed, "project_rename", &old_path);
    }
    Reply::ok(&entity::full(&call.app, &changed, Some(&caller.user)))
}

fn apply(call: &Call, target: &mut Project, now: Timestamp) -> Result<(), ApiError> {
    let params = &call.params;
    let mut checks = params.checks();
    target.lfs_enabled = checks.flag("lfs_enabled", target.lfs_enabled);
    checks.finish()?;
    if let Some(name) = params.filled("name") {
        target.name = name;
    }
    if params.has("description") {
        target.description = params.text("description");
    }
    if let Some(branch) = params.filled("default_branch") {
        target.default_branch = branch;
    }
    if let Some(visibility) = params.filled("visibility") {
        let invalid = || ApiError::invalid_params("visibility does not have a valid value");
        target.visibility = Visibility::parse(&visibility).ok_or_else(invalid)?;
    }
    if let Some(Value::Array(topics)) = params.get("topics") {
        target.topics = topics.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    if let Some(level) = params.filled("repository_access_level") {
        target.repository_enabled = level != "disabled";
    }
    for key in PLAIN_SETTINGS {
        if let Some(value) = params.get(key) {
            target.settings.insert(key.to_owned(), value.clone());
        }
    }
    target.updated_at = now;
    Ok(())
}

fn set_archived(call: &Call, archived: bool) -> Answer {
    let (caller, project) = call.managed(UPDATE, AccessLevel::Owner)?;
    change_and_show(call, &caller.user, project.id, |project| project.archived = archived)
}

fn change_and_show(call: &Call, user: &User, id: u64, change: impl FnOnce(&mut Project)) -> Answer {
    let mut world = call.app.world_mut();
    let project = world.projects.get_mut(id).ok_or_else(|| ApiError::not_found("Project"))?;
    change(project);
    let project = project.clone();
    drop(world);
    Reply::created(&entity::full(&call.app, &project, Some(user)))
}

/// The first deletion renames and marks; a second one with `permanently_remove` takes the project out.
fn remove(call: &Call) -> Answer {
    let (_, project) = call.managed(DELETE, AccessLevel::Owner)?;
    let mut checks = call.params.checks();
    let permanently = checks.flag("permanently_remove", false);
    checks.finish()?;
    if permanently && project.marked_for_deletion_on.is_some() {
        telling::project(&call.app, &project, "project_destroy");
        call.app.world_mut().remove_project(project.id);
        let _ = call.app.repositories.remove(project.id);
        return Reply::accepted();
    }
    if project.marked_for_deletion_on.is_some() {
        return Err(ApiError::message(StatusCode::BAD_REQUEST, "Project has been already marked for deletion"));
    }
    let today = call.app.clock.today();
    let mut world = call.app.world_mut();
    if world.settings.version.at_least(18, 0) {
        let path = format!("{}-deletion_scheduled-{}", project.path, project.id);
        let _ = world.move_project(project.id, project.namespace_id, &path);
    }
    if let Some(project) = world.projects.get_mut(project.id) {
        project.marked_for_deletion_on = Some(today);
    }
    drop(world);
    Reply::accepted()
}

fn restore(call: &Call) -> Answer {
    let (caller, project) = call.managed(UPDATE, AccessLevel::Owner)?;
    let suffix = format!("-deletion_scheduled-{}", project.id);
    if let Some(path) = project.path.strip_suffix(&suffix) {
        let _ = call.app.world_mut().move_project(project.id, project.namespace_id, path);
    }
    change_and_show(call, &caller.user, project.id, |project| project.marked_for_deletion_on = None)
}

fn transfer(call: &Call) -> Answer {
    let (caller, project) = call.managed(UPDATE, AccessLevel::Owner)?;
    let mut checks = call.params.checks();
    let target = checks.required("namespace");
    checks.finish()?;
    let namespace = {
        let world = call.app.world();
        target
            .parse()
            .ok()
            .filter(|&id| world.namespaces.kind(id).is_some())
            .or_else(|| world.namespace_by_path(&target))
    };
    let namespace = namespace.ok_or_else(|| ApiError::not_found("Namespace"))?;
    create::check_namespace(call, &caller.user, namespace, project.visibility)
        .map_err(|_| ApiError::message(StatusCode::BAD_REQUEST, "400 Namespace is not valid"))?;
    let old_path = call.app.world().project_path(&project);
    call.app.world_mut().move_project(project.id, namespace, &project.path).map_err(|_| {
        ApiError::message(StatusCode::BAD_REQUEST, "Project with same name or path in target namespace already exists")
    })?;
    let moved = call.app.world().projects.get(project.id).cloned().unwrap_or(project);
    telling::project_moved(&call.app, &moved, "project_transfer", &old_path);
    Reply::ok(&entity::full(&call.app, &moved, Some(&caller.user)))
}
