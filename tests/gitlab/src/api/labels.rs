//! Labels of projects and groups: list, one, create, change, delete.

use std::sync::Arc;

use http::StatusCode;
use regex::Regex;
use serde_json::{Value, json};

use super::groups;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::hooks::payload::blocks::label_owners;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::labels::Label;
use crate::world::members::Source;
use crate::world::merge_requests::State;

const READ: Access = Access::read("Label: Read");
const WRITE: Access = Access::write("Label: Create");
/// What a label may be coloured: `#` and six hex digits, or a word of CSS.
static COLOR: std::sync::LazyLock<Regex> = std::sync::LazyLock::new(|| {
    Regex::new("^(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3}|[a-z]+)$").expect("a constant expression")
});

pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for base in ["/api/v4/projects/{id}/labels", "/api/v4/groups/{id}/labels"] {
        router = router
            .route(base, get(endpoint(list)).post(endpoint(create)))
            .route(&format!("{base}/{{name}}"), get(endpoint(show)).put(endpoint(change)).delete(endpoint(remove)));
    }
    router
}

/// Whose labels a route is about.
struct Place {
    owner: Source,
    /// The owner and the groups above it.
    above: Vec<Source>,
}

fn place(call: &Call) -> Result<Place, ApiError> {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.as_ref().map(|caller| &caller.user);
    if call.uri.path().starts_with("/api/v4/projects/") {
        let project = call.project(user)?;
        let above = label_owners(&call.app.world(), &project);
        return Ok(Place { owner: Source::Project(project.id), above });
    }
    let group = groups::found(call, user)?;
    let world = call.app.world();
    let above = world.namespaces.lineage(group.id).into_iter().map(|group| Source::Group(group.id)).collect();
    Ok(Place { owner: Source::Group(group.id), above })
}

/// The same for those who may change labels: from Reporter on.
fn managed(call: &Call) -> Result<Place, ApiError> {
    if call.uri.path().starts_with("/api/v4/projects/") {
        call.managed(WRITE, AccessLevel::Reporter)?;
    } else {
        groups::managed(call, WRITE, AccessLevel::Reporter)?;
    }
    place(call)
}

fn list(call: &Call) -> Answer {
    let place = place(call)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let counted = checks.flag("with_counts", false);
    let inherited = checks.flag("include_ancestor_groups", true);
    checks.finish()?;
    let search = call.params.filled("search").unwrap_or_default().to_lowercase();
    let world = call.app.world();
    let owners = if inherited { place.above } else { vec![place.owner] };
    let found = world.labels.of(&owners).into_iter();
    let found = found.filter(|label| label.name.to_lowercase().contains(&search));
    let all: Vec<Value> = found.map(|label| entity(&world, label, place.owner, counted)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

/// The label of the route, by name or id.
fn found(call: &Call, owners: &[Source]) -> Result<Label, ApiError> {
    let wanted = call.path.get("name");
    let world = call.app.world();
    let by_id = wanted.parse().ok().and_then(|id| world.labels.table.get(id));
    let by_id = by_id.filter(|label| owners.contains(&label.owner));
    let label = world.labels.named(owners, wanted).or(by_id).cloned();
    label.ok_or_else(|| ApiError::not_found("Label"))
}

fn show(call: &Call) -> Answer {
    let place = place(call)?;
    let label = found(call, &place.above)?;
    Reply::ok(&entity(&call.app.world(), &label, place.owner, false))
}

fn create(call: &Call) -> Answer {
    let place = managed(call)?;
    let mut checks = call.params.checks();
    let (name, color) = (checks.required("name"), checks.required("color"));
    checks.finish()?;
    judge_color(&color)?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    if world.labels.named(&place.above, &name).is_some() {
        return Err(ApiError::message(StatusCode::CONFLICT, "Label already exists"));
    }
    let description = call.params.text("description");
    let made = world.labels.table.add(|id| Label { id, owner: place.owner, name, color, description, created_at: now });
    let made = made.clone();
    Reply::created(&entity(&world, &made, place.owner, false))
}

fn judge_color(color: &str) -> Result<(), ApiError> {
    let text = "must be a valid color code";
    if COLOR.is_match(color) { Ok(()) } else { Err(ApiError::invalid_record(&json!({ "color": [text] }))) }
}

/// Merge requests keep a renamed label.
fn change(call: &Call) -> Answer {
    let place = managed(call)?;
    let label = found(call, &[place.owner])?;
    let mut checks = call.params.checks();
    if !["new_name", "color", "description", "priority"].iter().any(|key| call.params.has(key)) {
        let fields = "new_name, color, description, priority, archived";
        checks.complain(format!("{fields} are missing, at least one parameter must be provided"));
    }
    checks.finish()?;
    let color = call.params.filled("color");
    color.as_deref().map_or(Ok(()), judge_color)?;
    let mut world = call.app.world_mut();
    let row = world.labels.table.get_mut(label.id).ok_or_else(|| ApiError::not_found("Label"))?;
    row.color = color.unwrap_or_else(|| row.color.clone());
    row.description = call.params.text("description").or_else(|| row.description.clone());
    row.name = call.params.filled("new_name").unwrap_or_else(|| row.name.clone());
    let row = row.clone();
    world.merge_requests.rename_label(&label.name, &row.name, label.owner);
    Reply::ok(&entity(&world, &row, place.owner, false))
}

fn remove(call: &Call) -> Answer {
    let place = managed(call)?;
    let label = found(call, &[place.owner])?;
    super::branches::require_unmodified(call, label.created_at.as_second())?;
    call.app.world_mut().labels.table.remove(label.id);
    Reply::no_content()
}

/// A label where something else is told of.
pub(super) fn brief(label: &Label) -> Value {
    json!({
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "description_html": label.description.clone().unwrap_or_default(),
        "text_color": "#FFFFFF",
        "color": label.color,
        "archived": false,
    })
}

fn entity(world: &World, label: &Label, seen_from: Source, counted: bool) -> Value {
    let mut shown = brief(label);
    shown["subscribed"] = false.into();
    // A group's list says neither.
    if matches!(seen_from, Source::Project(_)) {
        shown["priority"] = Value::Null;
        shown["is_project_label"] = matches!(label.owner, Source::Project(_)).into();
    }
    if counted {
        let open = world.merge_requests.iter().filter(|row| match seen_from {
            Source::Project(id) => row.project_id == id,
            Source::Group(id) => world
                .projects
                .get(row.project_id)
                .is_some_and(|project| world.namespaces.is_within(project.namespace_id, id)),
        });
        let open = open.filter(|row| row.state == State::Opened && row.labels.contains(&label.name)).count();
        shown["open_issues_count"] = 0.into();
        shown["closed_issues_count"] = 0.into();
        shown["open_merge_requests_count"] = open.into();
    }
    shown
}
