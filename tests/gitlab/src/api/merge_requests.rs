//! Merge requests: three lists, one, and everything below it.
//!
//! What a list keeps and in which order is `filter`; how they look is `entity`. Making and changing them is `write`, merging
//! `merge`, what people say about them `notes` and `talk`, what is in them `contents`; `changes` is what hooks are told.

mod approvals;
pub(crate) mod changes;
mod contents;
pub(crate) mod entity;
mod filter;
mod merge;
mod notes;
mod talk;
mod write;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;

use self::filter::Filter;
use super::groups;
use super::pipelines;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::page::{self, Page, Total};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post, put};
use crate::world::World;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::merge_requests::MergeRequest;
use crate::world::projects::Project;
use crate::world::users::User;

const READ: Access = Access::read("Merge Request: Read");

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/projects/{id}/merge_requests/{iid}";
    Router::new()
        .route("/api/v4/merge_requests", get(endpoint(list_all)))
        .route("/api/v4/groups/{id}/merge_requests", get(endpoint(list_of_group)))
        .route("/api/v4/projects/{id}/merge_requests", get(endpoint(list_of_project)).post(endpoint(write::create)))
        .route(one, get(endpoint(show)).put(endpoint(write::change)).delete(endpoint(write::remove)))
        .route(&format!("{one}/merge"), put(endpoint(merge::merge)))
        .route(&format!("{one}/approvals"), get(endpoint(approvals::show)))
        .route(&format!("{one}/approval_state"), get(endpoint(approvals::state)))
        .route(&format!("{one}/approve"), post(endpoint(talk::approve)))
        .route(&format!("{one}/unapprove"), post(endpoint(talk::unapprove)))
        .route(&format!("{one}/pipelines"), get(endpoint(list_pipelines)))
        .merge(talking(one))
        .merge(inside(one))
}

fn talking(one: &str) -> Router<Arc<App>> {
    let note = get(endpoint(notes::show)).put(endpoint(talk::change)).delete(endpoint(talk::remove));
    let thread = format!("{one}/discussions/{{discussion_id}}");
    let further = get(endpoint(notes::show)).put(endpoint(talk::change)).delete(endpoint(talk::remove));
    Router::new()
        .route(&format!("{one}/notes"), get(endpoint(notes::list)).post(endpoint(talk::comment)))
        .route(&format!("{one}/notes/{{note_id}}"), note)
        .route(&format!("{one}/discussions"), get(endpoint(notes::discussions)).post(endpoint(talk::start)))
        .route(&thread, get(endpoint(notes::discussion)).put(endpoint(talk::resolve)))
        .route(&format!("{thread}/notes"), post(endpoint(talk::answer)))
        .route(&format!("{thread}/notes/{{note_id}}"), further)
}

fn inside(one: &str) -> Router<Arc<App>> {
    let mut router = Router::new()
        .route(&format!("{one}/commits"), get(endpoint(contents::commits)))
        .route(&format!("{one}/diffs"), get(endpoint(contents::diffs)))
        .route(&format!("{one}/changes"), get(endpoint(contents::changes)))
        .route(&format!("{one}/versions"), get(endpoint(contents::versions)))
        .route(&format!("{one}/versions/{{version_id}}"), get(endpoint(contents::show_version)))
        .route(&format!("{one}/participants"), get(endpoint(contents::participants)))
        .route(&format!("{one}/reviewers"), get(endpoint(contents::reviewers)))
        .route(&format!("{one}/closes_issues"), get(endpoint(contents::closes_issues)))
        .route(&format!("{one}/resource_milestone_events"), get(endpoint(contents::milestone_events)));
    for (name, history) in
        [("resource_label_events", contents::History::Labels), ("resource_state_events", contents::History::States)]
    {
        router =
            router.route(&format!("{one}/{name}"), get(endpoint(move |call| contents::events(call, history)))).route(
                &format!("{one}/{name}/{{event_id}}"),
                get(endpoint(move |call| contents::show_event(call, history))),
            );
    }
    router
}

/// The project and merge request of the route.
fn found(call: &Call) -> Result<(Option<User>, Project, MergeRequest), ApiError> {
    let (caller, project) = call.code(READ)?;
    let iid = call.path.get("iid").parse().map_err(|_| ApiError::invalid_params("merge_request_iid is invalid"))?;
    let row = call.app.world().merge_requests.get(project.id, iid).cloned();
    let row = row.ok_or_else(ApiError::record_not_found)?;
    Ok((caller.map(|caller| caller.user), project, row))
}

fn reads_code(world: &World, user: Option<&User>, project: &Project) -> bool {
    let role = user.and_then(|user| world.project_role(user.id, project));
    let member = role >= Some(AccessLevel::Reporter) || user.is_some_and(|user| user.admin);
    world.sees_project(user, project) && (project.visibility != Visibility::Private || member)
}

/// Everywhere. Those of the caller unless it says otherwise; nobody must say so.
fn list_all(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.map(|caller| caller.user);
    let filter = Filter::read(call, user.as_ref(), "created_by_me")?;
    if user.is_none() && call.params.text("scope").as_deref() != Some("all") {
        return Err(ApiError::unauthorized());
    }
    let projects: HashSet<u64> = {
        let world = call.app.world();
        let fits = |project: &&Project| reads_code(&world, user.as_ref(), project);
        world.projects.table.iter().filter(fits).map(|project| project.id).collect()
    };
    answer(call, &filter, |world| of_projects(world, &projects))
}

fn list_of_group(call: &Call) -> Answer {
    let caller = call.caller_or_nobody(READ)?;
    let user = caller.map(|caller| caller.user);
    let group = groups::found(call, user.as_ref())?;
    let filter = Filter::read(call, user.as_ref(), "all")?;
    let projects: HashSet<u64> = {
        let world = call.app.world();
        let within = |project: &&Project| world.namespaces.is_within(project.namespace_id, group.id);
        let fits = |project: &&Project| reads_code(&world, user.as_ref(), project);
        world.projects.table.iter().filter(within).filter(fits).map(|project| project.id).collect()
    };
    answer(call, &filter, |world| of_projects(world, &projects))
}

fn list_of_project(call: &Call) -> Answer {
    let (caller, project) = call.code(READ)?;
    let user = caller.map(|caller| caller.user);
    let filter = Filter::read(call, user.as_ref(), "all")?;
    answer(call, &filter, |world| world.merge_requests.of(project.id).collect())
}

fn of_projects<'w>(world: &'w World, projects: &HashSet<u64>) -> Vec<&'w MergeRequest> {
    world.merge_requests.iter().filter(|row| projects.contains(&row.project_id)).collect()
}

fn answer(call: &Call, filter: &Filter, candidates: impl FnOnce(&World) -> Vec<&MergeRequest>) -> Answer {
    let page = Page::of(call)?;
    let world = call.app.world();
    let mut rows = candidates(&world);
    rows.retain(|row| filter.passes(&world, row));
    filter.sort(&mut rows);
    let shown: Vec<Value> = page.slice(&rows).iter().map(|row| filter.show(&call.app, &world, row)).collect();
    let total = Total::Known(rows.len() as u64);
    drop(world);
    page::with_headers(call, page, total, Reply::ok(&shown)?)
}

fn show(call: &Call) -> Answer {
    let (user, project, row) = found(call)?;
    let world = call.app.world();
    Reply::ok(&entity::full(&call.app, &world, &project, &row.as_of(call.app.now()), user.as_ref()))
}

fn list_pipelines(call: &Call) -> Answer {
    let (_, project, row) = found(call)?;
    let page = Page::of(call)?;
    let world = call.app.world();
    let of_head = world.pipelines.of(project.id).rev().filter(|pipeline| pipeline.sha == row.sha);
    let all: Vec<Value> = of_head.map(|pipeline| pipelines::reference(&call.app, &world, pipeline)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}
