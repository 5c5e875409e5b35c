//! The two forms of a project: the basic one of simple and anonymous listings, and the full one.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::api::namespaces;
use crate::api::users::{self, merge};
use crate::app::App;
use crate::clock::iso_millis;
use crate::git::{refs, tree};
use crate::version::{Tier, Version};
use crate::world::World;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::groups::NamespaceKind;
use crate::world::members::Source;
use crate::world::projects::Project;
use crate::world::users::User;

/// What the repository says about a project.
struct Contents {
    empty: bool,
    readme: Option<String>,
}

impl Contents {
    fn of(app: &App, project: &Project) -> Self {
        let seen = app.repositories.with(project.id, |repository| {
            let readme = refs::tip(repository, &project.default_branch).and_then(|tip| {
                let tree = tip.tree().ok()?;
                ["README.md", "README", "readme.md"].into_iter().find(|name| tree::find(&tree, name).is_some())
            });
            let empty = refs::is_empty(repository);
            Ok::<_, git2::Error>(Self { empty, readme: readme.map(str::to_owned) })
        });
        seen.unwrap_or(Self { empty: true, readme: None })
    }
}

/// The basic form.
pub(crate) fn basic(app: &App, project: &Project) -> Value {
    let contents = Contents::of(app, project);
    basic_with(app, &app.world(), project, &contents)
}

fn basic_with(app: &App, world: &World, project: &Project, contents: &Contents) -> Value {
    let path = world.project_path(project);
    let url = format!("{}/{path}", app.url());
    let readme = contents.readme.as_ref().map(|name| format!("{url}/-/blob/{}/{name}", project.default_branch));
    json!({
        "id": project.id,
        "description": project.description,
        "name": project.name,
        "name_with_namespace": format!("{} / {}", world.namespace_name(project.namespace_id), project.name),
        "path": project.path,
        "path_with_namespace": path,
        "created_at": iso_millis(project.created_at),
        "default_branch": project.default_branch,
        "tag_list": project.topics,
        "topics": project.topics,
        "ssh_url_to_repo": format!("git@{}:{path}.git", host(app.origin())),
        "http_url_to_repo": format!("{url}.git"),
        "web_url": url,
        "readme_url": readme,
        "forks_count": world.projects.table.iter().filter(|other| other.forked_from == Some(project.id)).count(),
        "avatar_url": null,
        "star_count": 0,
        "last_activity_at": iso_millis(project.last_activity_at),
        "visibility": project.visibility.word(),
        "namespace": namespaces::basic(app, world, project.namespace_id),
    })
}

fn host(origin: &str) -> &str {
    let rest = origin.split_once("://").map_or(origin, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

/// The full form, as this user sees it.
pub(crate) fn full(app: &App, project: &Project, viewer: Option<&User>) -> Value {
    let contents = Contents::of(app, project);
    let world = app.world();
    let mut shown = basic_with(app, &world, project, &contents);
    let url = format!("{}/api/v4/projects/{}", app.url(), project.id);
    let deletion = project.marked_for_deletion_on.map(|day| day.to_string());
    merge(&mut shown, features(project));
    merge(
        &mut shown,
        json!({
            "_links": {
                "self": url,
                "issues": format!("{url}/issues"),
                "merge_requests": format!("{url}/merge_requests"),
                "repo_branches": format!("{url}/repository/branches"),
                "labels": format!("{url}/labels"),
                "events": format!("{url}/events"),
                "members": format!("{url}/members"),
                "cluster_agents": format!("{url}/cluster_agents"),
            },
            "empty_repo": contents.empty,
            "archived": project.archived,
            "marked_for_deletion_at": deletion,
            "marked_for_deletion_on": deletion,
            "lfs_enabled": project.lfs_enabled,
            "creator_id": project.creator_id,
            "updated_at": iso_millis(project.updated_at),
            "repository_access_level": if project.repository_enabled { "enabled" } else { "disabled" },
            "permissions": viewer.map(|user| permissions(&world, project, user)),
        }),
    );
    if let Some(NamespaceKind::User(owner)) = world.namespaces.kind(project.namespace_id)
        && let Some(owner) = world.users.get(owner)
    {
        merge(&mut shown, json!({ "owner": users::basic(app, owner) }));
    }
    if world.settings.tier >= Tier::Premium {
        merge(&mut shown, premium());
    }
    merge(&mut shown, of_age(&world.settings.version));
    if viewer.is_some_and(|user| user.admin) {
        merge(&mut shown, json!({ "repository_storage": "default" }));
    }
    for (key, value) in &project.settings {
        shown[key] = value.clone();
    }
    let parent = project.forked_from.and_then(|id| world.projects.get(id)).cloned();
    drop(world);
    if let Some(parent) = parent {
        merge(&mut shown, json!({ "forked_from_project": basic(app, &parent) }));
    }
    shown
}

fn permissions(world: &World, project: &Project, user: &User) -> Value {
    let access = |level: AccessLevel| json!({ "access_level": level, "notification_level": 3 });
    let own = world.members.get(Source::Project(project.id), user.id).map(|member| member.access_level);
    json!({
        "project_access": own.map(access),
        "group_access": world.group_role(user.id, project.namespace_id).map(access),
    })
}

/// Switches of features that are not modelled: a fresh project's values.
fn features(project: &Project) -> Value {
    let pages = if project.visibility == Visibility::Public { "enabled" } else { "private" };
    // A file of its own because the macro gives up at this size.
    static DEFAULTS: LazyLock<Value> = LazyLock::new(|| {
        serde_json::from_str(include_str!("defaults.json")).expect("the file beside this one is JSON")
    });
    let mut shown = DEFAULTS.clone();
    shown["pages_access_level"] = json!(pages);
    shown
}

/// What older versions have, and what only newer ones do.
fn of_age(version: &Version) -> Value {
    let mut shown = json!({});
    if !version.at_least(16, 0) {
        merge(&mut shown, json!({ "operations_access_level": "enabled", "build_coverage_regex": null }));
    }
    if !version.at_least(17, 0) {
        merge(&mut shown, json!({ "ci_opt_in_jwt": false }));
    }
    if version.at_least(17, 10) {
        let titles = json!({ "merge_request_title_regex": null, "merge_request_title_regex_description": null });
        merge(&mut shown, titles);
    }
    if version.at_least(18, 5) {
        let more =
            json!({ "web_based_commit_signing_enabled": false, "resource_group_default_process_mode": "unordered" });
        merge(&mut shown, more);
    }
    shown
}

fn premium() -> Value {
    json!({
        "approvals_before_merge": 0, "mirror": false, "requirements_enabled": false,
        "requirements_access_level": "enabled", "security_and_compliance_enabled": true,
        "compliance_frameworks": [], "issues_template": null, "merge_requests_template": null,
        "merge_pipelines_enabled": false, "merge_trains_enabled": false, "merge_trains_skip_train_allowed": false,
        "only_allow_merge_if_all_status_checks_passed": false, "allow_pipeline_trigger_approve_deployment": false,
        "prevent_merge_without_jira_issue": false, "ci_restrict_pipeline_cancellation_role": "developer",
        "pre_receive_secret_detection_enabled": false, "secret_push_protection_enabled": false,
        "spp_repository_pipeline_access": false, "auto_duo_code_review_enabled": null,
    })
}
