//! `POST /projects`: parameters, limit, path, namespace and visibility, in that order.

use http::StatusCode;
use serde_json::{Value, json};

use super::{PATH_RULE, entity, is_path};
use crate::auth::Access;
use crate::call::Call;
use crate::committing::{self, GuardedAction, Order, Overwrite, Start};
use crate::error::ApiError;
use crate::events::Event;
use crate::git::actions::Action;
use crate::reply::{Answer, Reply};
use crate::world::access::{AccessLevel, Visibility};
use crate::world::groups::NamespaceKind;
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::table::Table;
use crate::world::users::User;

const CREATE: Access = Access::write("Project: Create");

/// What was asked for.
struct Wish {
    name: String,
    path: String,
    namespace_id: u64,
    visibility: Visibility,
    readme: Readme,
    lfs_enabled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Readme {
    Wanted,
    Unwanted,
}

pub(super) fn create(call: &Call) -> Answer {
    let caller = call.caller(CREATE)?;
    let wish = read(call, &caller.user)?;
    if caller.user.external || caller.user.projects_limit == 0 {
        let limit = caller.user.projects_limit;
        let text = format!("Your project limit is {limit} projects! Please contact your administrator to increase it");
        return Err(ApiError::service(StatusCode::FORBIDDEN, json!([text])));
    }
    if !is_path(&wish.path) {
        return Err(ApiError::invalid_record(&json!({ "path": [PATH_RULE] })));
    }
    check_namespace(call, &caller.user, wish.namespace_id, wish.visibility)?;
    let readme = wish.readme;
    let project = add(call, &caller.user, wish)?;
    call.app.repositories.init(project.id, &project.default_branch)?;
    call.app.events.tell(&Event::ProjectCreated { project_id: project.id });
    if readme == Readme::Wanted {
        add_readme(call, &project, &caller.user)?;
    }
    let project = call.app.world().projects.get(project.id).cloned().unwrap_or(project);
    Reply::created(&entity::full(&call.app, &project, Some(&caller.user)))
}

fn read(call: &Call, user: &User) -> Result<Wish, ApiError> {
    let (name, path) = (call.params.filled("name"), call.params.filled("path"));
    let Some(name) = name.or_else(|| path.clone()) else {
        return Err(ApiError::invalid_params("name, path are missing, at least one parameter must be provided"));
    };
    let mut checks = call.params.checks();
    let namespace = checks.integer("namespace_id", -1);
    let readme = if checks.flag("initialize_with_readme", false) { Readme::Wanted } else { Readme::Unwanted };
    let visibility = checks.one_of("visibility", &["private", "internal", "public"]);
    let lfs_enabled = checks.flag("lfs_enabled", true);
    checks.finish()?;
    Ok(Wish {
        path: path.unwrap_or_else(|| slug(&name)),
        name,
        namespace_id: u64::try_from(namespace).unwrap_or(user.namespace_id),
        visibility: Visibility::parse(visibility).unwrap_or_default(),
        readme,
        lfs_enabled,
    })
}

fn slug(name: &str) -> String {
    let dashed: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '-' })
        .collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Whether this user may put a project of this visibility there.
pub(crate) fn check_namespace(
    call: &Call,
    user: &User,
    namespace_id: u64,
    visibility: Visibility,
) -> Result<(), ApiError> {
    let world = call.app.world();
    let invalid = || ApiError::invalid_record(&json!({ "namespace": ["is not valid"] }));
    match world.namespaces.kind(namespace_id) {
        Some(NamespaceKind::User(owner)) if owner == user.id => Ok(()),
        Some(NamespaceKind::Group) => {
            let role = world.group_role(user.id, namespace_id);
            if !user.admin && role < Some(AccessLevel::Developer) {
                return Err(invalid());
            }
            let group = world.namespaces.group(namespace_id).ok_or_else(invalid)?;
            if visibility > group.visibility {
                let text = format!("{} is not allowed in a {} namespace.", visibility.word(), group.visibility.word());
                return Err(ApiError::invalid_record(&json!({ "visibility_level": [text] })));
            }
            Ok(())
        }
        _ => Err(invalid()),
    }
}

/// Adds the project and makes its maker the owner.
fn add(call: &Call, user: &User, wish: Wish) -> Result<Project, ApiError> {
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let named = call.params.filled("default_branch").filter(|_| wish.readme == Readme::Wanted);
    let default_branch = named.unwrap_or_else(|| world.settings.default_branch_name.clone());
    let topics = match call.params.get("topics").or_else(|| call.params.get("tag_list")) {
        Some(Value::Array(topics)) => topics.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let made = world.add_project(|id| Project {
        id,
        namespace_id: wish.namespace_id,
        name: wish.name,
        path: wish.path,
        description: call.params.filled("description"),
        visibility: wish.visibility,
        default_branch,
        archived: false,
        marked_for_deletion_on: None,
        creator_id: user.id,
        created_at: now,
        updated_at: now,
        last_activity_at: now,
        topics,
        forked_from: None,
        lfs_enabled: wish.lfs_enabled,
        repository_enabled: true,
        protected_branches: Table::default(),
        protected_tags: Table::default(),
        push_rule: None,
        settings: std::collections::BTreeMap::new(),
    });
    let taken = ["has already been taken"];
    let id = made.map_err(|_| {
        ApiError::invalid_record(&json!({ "project_namespace.name": taken, "name": taken, "path": taken }))
    })?;
    world.members.set(Member {
        source: Source::Project(id),
        user_id: user.id,
        access_level: AccessLevel::Owner,
        created_at: now,
        created_by: None,
        expires_at: None,
    });
    world.projects.get(id).cloned().ok_or_else(ApiError::internal)
}

fn add_readme(call: &Call, project: &Project, user: &User) -> Result<(), ApiError> {
    let content = format!("# {}\n\n", project.name).into_bytes();
    let order = Order {
        branch: project.default_branch.clone(),
        start: Start::Target,
        overwrite: Overwrite::Refuse,
        message: "Initial commit".into(),
        author: (None, None),
        actions: vec![GuardedAction {
            action: Action::Create { path: "README.md".into(), content, executable: false },
            last_commit_id: None,
        }],
        chain: None,
    };
    let made = committing::commit(&call.app, project, user, &order);
    made.map(|_| ()).map_err(|error| ApiError::message(StatusCode::BAD_REQUEST, error.to_string()))
}
