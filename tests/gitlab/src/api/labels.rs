//! Labels of projects and of the projects of a group.

use std::sync::Arc;

use serde_json::{Value, json};

use super::groups;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::page::{self, Page};
use crate::reply::Answer;
use crate::routing::{Router, get};
use crate::world::World;
use crate::world::labels::Label;
use crate::world::merge_requests::State;

const READ: Access = Access::read("Label: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/projects/{id}/labels", get(endpoint(list)))
        .route("/api/v4/groups/{id}/labels", get(endpoint(list_of_group)))
}

fn list(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let project = call.project(caller.as_ref().map(|caller| &caller.user))?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let counted = checks.flag("with_counts", false);
    checks.finish()?;
    let search = call.params.filled("search").unwrap_or_default().to_lowercase();
    let world = call.app.world();
    let found = world.labels.of(project.id).into_iter();
    let found = found.filter(|label| label.name.to_lowercase().contains(&search));
    let all: Vec<Value> = found.map(|label| entity(&world, label, counted)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

/// Labels of groups are not modelled: a group has none.
fn list_of_group(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    groups::found(call, caller.as_ref().map(|caller| &caller.user))?;
    page::paged(call, Page::of(call)?, &Vec::<Value>::new(), Clone::clone)
}

fn entity(world: &World, label: &Label, counted: bool) -> Value {
    let mut shown = json!({
        "id": label.id,
        "name": label.name,
        "description": label.description,
        "description_html": label.description.clone().unwrap_or_default(),
        "text_color": "#FFFFFF",
        "color": label.color,
        "archived": false,
        "subscribed": false,
        "priority": null,
        "is_project_label": true,
    });
    if counted {
        let open = world.merge_requests.of(label.project_id);
        let open = open.filter(|row| row.state == State::Opened && row.labels.contains(&label.name)).count();
        shown["open_issues_count"] = 0.into();
        shown["closed_issues_count"] = 0.into();
        shown["open_merge_requests_count"] = open.into();
    }
    shown
}
