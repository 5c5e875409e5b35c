//! Groups: list, one, below, create, change, delete.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::projects::entity;
use super::users::merge;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint, is_integer};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::telling;
use crate::version::Tier;
use crate::world::World;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::groups::Group;
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::users::User;

const READ: Access = Access::read("Group: Read");
const WRITE: Access = Access::write("Group: Create");

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/groups/{id}";
    Router::new()
        .route("/api/v4/groups", get(endpoint(list)).post(endpoint(create)))
        .route(one, get(endpoint(show)).put(endpoint(change)).delete(endpoint(remove)))
        .route(&format!("{one}/subgroups"), get(endpoint(|call| list_below(call, Below::Direct))))
        .route(&format!("{one}/descendant_groups"), get(endpoint(|call| list_below(call, Below::All))))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Below {
    Direct,
    All,
}

/// The group entity.
pub(crate) fn basic(app: &App, world: &World, group: &Group) -> Value {
    let path = world.namespaces.group_full_path(group.id);
    let mut shown = json!({
        "id": group.id,
        "web_url": format!("{}/groups/{path}", app.url()),
        "name": group.name,
        "path": group.path,
        "description": group.description,
        "visibility": group.visibility.word(),
        "share_with_group_lock": false, "require_two_factor_authentication": false, "two_factor_grace_period": 48,
        "project_creation_level": "developer", "auto_devops_enabled": null, "subgroup_creation_level": "maintainer",
        "emails_disabled": false, "emails_enabled": true, "mentions_disabled": null, "lfs_enabled": true,
        "archived": false, "math_rendering_limits_enabled": true, "lock_math_rendering_limits_enabled": false,
        "default_branch": null, "default_branch_protection": 2,
        "default_branch_protection_defaults": {
            "allowed_to_push": [{ "access_level": 40 }], "allow_force_push": false,
            "allowed_to_merge": [{ "access_level": 40 }],
        },
        "avatar_url": null, "request_access_enabled": true,
        "full_name": world.namespaces.group_full_name(group.id),
        "full_path": path,
        "created_at": iso_millis(group.created_at),
        "parent_id": group.parent_id,
        "organization_id": 1,
        "shared_runners_setting": "enabled",
        "max_artifacts_size": null,
        "marked_for_deletion_on": group.marked_for_deletion_on.map(|day| day.to_string()),
        "ldap_cn": null, "ldap_access": null, "wiki_access_level": "enabled",
        "repository_storage": "default",
    });
    if world.settings.version.at_least(18, 0) {
        merge(&mut shown, json!({ "show_diff_preview_in_email": true, "web_based_commit_signing_enabled": false }));
    }
    if world.settings.tier >= Tier::Premium {
        merge(&mut shown, json!({ "file_template_project_id": null }));
        if world.settings.version.at_least(16, 10) {
            merge(&mut shown, json!({ "duo_features_enabled": true, "lock_duo_features_enabled": false }));
        }
    }
    shown
}

/// Sizes, with `statistics=true`: nothing is measured here.
fn statistics() -> Value {
    json!({
        "storage_size": 0, "repository_size": 0, "wiki_size": 0, "lfs_objects_size": 0, "job_artifacts_size": 0,
        "pipeline_artifacts_size": 0, "packages_size": 0, "snippets_size": 0, "uploads_size": 0,
    })
}

fn detail(call: &Call, group: &Group, user: Option<&User>) -> Value {
    let mut shown = basic(&call.app, &call.app.world(), group);
    merge(
        &mut shown,
        json!({
            "shared_with_groups": [], "prevent_sharing_groups_outside_hierarchy": false, "shared_runners_minutes_limit": null,
            "extra_shared_runners_minutes_limit": null, "prevent_forking_outside_group": null, "membership_lock": false,
            "enabled_git_access_protocol": "all",
        }),
    );
    let settings = call.app.world().settings.clone();
    let owner = user
        .is_some_and(|user| user.admin || call.app.world().group_role(user.id, group.id) == Some(AccessLevel::Owner));
    if owner {
        shown["runners_token"] = Value::Null;
    }
    if settings.tier >= Tier::Premium {
        shown["ip_restriction_ranges"] = Value::Null;
        shown["allowed_email_domains_list"] = Value::Null;
    }
    if call.params.text("with_projects").as_deref() != Some("false") {
        let all: Vec<Project> = call.app.world().projects.table.iter().cloned().collect();
        let own = all.iter().filter(|project| project.namespace_id == group.id);
        let own = own.filter(|project| call.app.world().sees_project(user, project)).take(100);
        shown["projects"] = own.map(|project| entity::full(&call.app, project, None)).collect();
        shown["shared_projects"] = json!([]);
    }
    shown
}

/// The group of the route's `id`, as far as `user` sees it.
pub(crate) fn found(call: &Call, user: Option<&User>) -> Result<Group, ApiError> {
    let world = call.app.world();
    let wanted = call.path.get("id");
    let group = if is_integer(wanted) {
        wanted.parse().ok().and_then(|id| world.namespaces.group(id))
    } else {
        world.namespaces.group_by_path(wanted)
    };
    let group = group.filter(|group| world.sees_group(user, group.id)).cloned();
    group.ok_or_else(|| ApiError::not_found("Group"))
}

/// The caller and a group in which it has at least this role.
pub(crate) fn managed(call: &Call, access: Access, role: AccessLevel) -> Result<(User, Group), ApiError> {
    let user = call.caller(access)?.user;
    let group = found(call, Some(&user))?;
    let have = call.app.world().group_role(user.id, group.id);
    if user.admin || have >= Some(role) { Ok((user, group)) } else { Err(ApiError::forbidden()) }
}

fn answer(call: &Call, user: Option<&User>, mut groups: Vec<Group>) -> Answer {
    let page = Page::of(call)?.cap(call, "Group")?;
    let mut checks = call.params.checks();
    let order = checks.one_of("order_by", &["name", "path", "id", "similarity"]);
    let sort = checks.one_of("sort", &["asc", "desc"]);
    let (owned, all) = (checks.flag("owned", false), checks.flag("all_available", true));
    let top = checks.flag("top_level_only", false);
    let measured = checks.flag("statistics", false);
    let level = checks.integer("min_access_level", 0);
    checks.finish()?;
    let search = call.params.filled("search").unwrap_or_default().to_lowercase();
    let world = call.app.world();
    groups.retain(|group| {
        let role = user.and_then(|user| world.group_role(user.id, group.id));
        let text = format!("{} {}", world.namespaces.group_full_path(group.id), group.name).to_lowercase();
        world.sees_group(user, group.id)
            && (!owned || role == Some(AccessLevel::Owner))
            && (all || user.is_none() || role.is_some())
            && !(top && group.parent_id.is_some())
            && i64::from(role.map_or(0, u8::from)) >= level
            && text.contains(&search)
    });
    match order {
        "id" => groups.sort_by_key(|group| group.id),
        "path" => groups.sort_by_key(|group| group.path.to_lowercase()),
        _ => groups.sort_by_key(|group| group.name.to_lowercase()),
    }
    if sort == "desc" {
        groups.reverse();
    }
    let show = |group: &Group| {
        let mut shown = basic(&call.app, &world, group);
        if measured {
            shown["statistics"] = statistics();
        }
        shown
    };
    let shown: Vec<Value> = page.slice(&groups).iter().map(show).collect();
    let total = page::Total::Known(groups.len() as u64);
    drop(world);
    page::with_headers(call, page, total, Reply::ok(&shown)?)
}

fn list(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let all = call.app.world().namespaces.groups().cloned().collect();
    answer(call, caller.as_ref().map(|caller| &caller.user), all)
}

fn list_below(call: &Call, below: Below) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let top = found(call, user)?.id;
    let groups = {
        let world = call.app.world();
        let fits = |group: &&Group| match below {
            Below::Direct => group.parent_id == Some(top),
            Below::All => group.id != top && world.namespaces.is_within(group.id, top),
        };
        world.namespaces.groups().filter(fits).cloned().collect()
    };
    answer(call, user, groups)
}

fn show(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    let group = found(call, user)?;
    Reply::ok(&detail(call, &group, user))
}

fn create(call: &Call) -> Answer {
    let caller = call.caller(WRITE)?;
    let mut checks = call.params.checks();
    let (name, path) = (checks.required("name"), checks.required("path"));
    let parent = checks.integer("parent_id", 0);
    let visibility = checks.one_of("visibility", &["private", "internal", "public"]);
    checks.finish()?;
    let parent_id = u64::try_from(parent).ok().filter(|&id| id > 0);
    let mut world = call.app.world_mut();
    if let Some(parent) = parent_id {
        let role = world.group_role(caller.user.id, parent);
        if !caller.user.admin && role < Some(AccessLevel::Maintainer) {
            return Err(ApiError::forbidden());
        }
    } else if caller.user.external {
        return Err(ApiError::forbidden());
    }
    let full = parent_id.map_or_else(|| path.clone(), |id| format!("{}/{path}", world.namespace_path(id)));
    if world.namespace_by_path(&full).is_some() {
        let text = "Failed to save group {:path=>[\"has already been taken\"]}";
        return Err(ApiError::message(StatusCode::BAD_REQUEST, text));
    }
    let now = call.app.now();
    let description = call.params.text("description").unwrap_or_default();
    let visibility = Visibility::parse(visibility).unwrap_or_default();
    let id = world.namespaces.add_group(|id| Group {
        id,
        parent_id,
        name,
        path,
        description,
        visibility,
        created_at: now,
        marked_for_deletion_on: None,
    });
    let source = Source::Group(id);
    let user_id = caller.user.id;
    world.members.set(Member {
        source,
        user_id,
        access_level: AccessLevel::Owner,
        created_at: now,
        created_by: None,
        expires_at: None,
    });
    let group = world.namespaces.group(id).cloned().ok_or_else(ApiError::internal)?;
    drop(world);
    telling::group(&call.app, &group, "create");
    Reply::created(&detail(call, &group, Some(&caller.user)))
}

fn change(call: &Call) -> Answer {
    let (user, group) = managed(call, WRITE, AccessLevel::Owner)?;
    let path = call.params.filled("path").filter(|path| *path != group.path);
    let mut world = call.app.world_mut();
    let old_path = world.namespaces.group_full_path(group.id);
    if let Some(path) = &path {
        let parent = group.parent_id.map(|id| format!("{}/", world.namespaces.group_full_path(id)));
        if world.namespace_by_path(&format!("{}{path}", parent.unwrap_or_default())).is_some() {
            return Err(ApiError::invalid_record(&json!({ "path": ["has already been taken"] })));
        }
    }
    let target = world.namespaces.group_mut(group.id).ok_or_else(|| ApiError::not_found("Group"))?;
    if let Some(name) = call.params.filled("name") {
        target.name = name;
    }
    if let Some(description) = call.params.text("description") {
        target.description = description;
    }
    if let Some(visibility) = call.params.filled("visibility").as_deref().and_then(Visibility::parse) {
        target.visibility = visibility;
    }
    if let Some(path) = path {
        target.path = path;
    }
    let changed = target.clone();
    drop(world);
    if changed.path != group.path {
        call.app.world_mut().move_projects_of(&old_path);
        telling::group_renamed(&call.app, &changed, &group.path, &old_path);
    }
    Reply::ok(&detail(call, &changed, Some(&user)))
}

fn remove(call: &Call) -> Answer {
    let (_, group) = managed(call, WRITE, AccessLevel::Owner)?;
    let today = call.app.clock.today();
    if let Some(group) = call.app.world_mut().namespaces.group_mut(group.id) {
        group.marked_for_deletion_on = Some(today);
    }
    telling::group(&call.app, &group, "destroy");
    Reply::accepted()
}
