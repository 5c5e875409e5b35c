//! Deployments: list with its rules of pairing, one, its merge requests, and reporting one.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::users::{self, merge};
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::git::refs;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get};
use crate::telling;
use crate::version::Tier;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::deployments::{Deployment, DeploymentStatus};

const READ: Access = Access::read("Deployment: Read");
const WRITE: Access = Access::write("Deployment: Create");
/// What a change can say.
const CHANGES: [DeploymentStatus; 4] =
    [DeploymentStatus::Running, DeploymentStatus::Success, DeploymentStatus::Failed, DeploymentStatus::Canceled];

pub(crate) fn routes() -> Router<Arc<App>> {
    let one = "/api/v4/projects/{id}/deployments/{deployment_id}";
    Router::new()
        .route("/api/v4/projects/{id}/deployments", get(endpoint(list)).post(endpoint(report)))
        .route(one, get(endpoint(show)).put(endpoint(change)).delete(endpoint(remove)))
        .route(&format!("{one}/merge_requests"), get(endpoint(merge_requests)))
}

fn entity(app: &App, world: &World, row: &Deployment) -> Value {
    let user = world.users.get(row.user_id).map(|user| users::basic(app, user));
    json!({
        "id": row.id,
        "iid": row.iid,
        "ref": row.reference,
        "sha": row.sha,
        "created_at": iso_millis(row.created_at),
        "updated_at": iso_millis(row.updated_at),
        "user": user,
        "environment": {
            "id": 1, "name": row.environment, "slug": row.slug(), "external_url": null,
            "created_at": iso_millis(row.created_at), "updated_at": iso_millis(row.created_at),
        },
        "deployable": null,
        "status": row.status.word(),
    })
}

/// Alone: Premium adds who approved it.
fn alone(app: &App, world: &World, row: &Deployment) -> Value {
    let mut shown = entity(app, world, row);
    if world.settings.tier >= Tier::Premium {
        let more = json!({ "pending_approval_count": 0, "approvals": [], "approval_summary": { "rules": [] } });
        merge(&mut shown, more);
    }
    shown
}

/// What a list is asked for.
struct Filter {
    order_by: &'static str,
    falling: bool,
    status: Option<DeploymentStatus>,
    updated: (Option<Timestamp>, Option<Timestamp>),
    finished: (Option<Timestamp>, Option<Timestamp>),
}

impl Filter {
    fn read(call: &Call) -> Result<Self, ApiError> {
        let mut checks = call.params.checks();
        let orders = ["id", "iid", "created_at", "updated_at", "finished_at", "ref"];
        let order_by = checks.one_of("order_by", &orders);
        let falling = checks.one_of("sort", &["asc", "desc"]) == "desc";
        let updated = (checks.time("updated_after"), checks.time("updated_before"));
        let finished = (checks.time("finished_after"), checks.time("finished_before"));
        let word = call.params.filled("status");
        let status = word.as_deref().and_then(DeploymentStatus::parse);
        if word.is_some() && status.is_none() {
            checks.complain("status does not have a valid value".into());
        }
        checks.finish()?;
        let filter = Self { order_by, falling, status, updated, finished };
        filter.judge(call.app.world().settings.version.at_least(17, 0))?;
        Ok(filter)
    }

    /// A filter by time wants to be sorted by that time.
    fn judge(&self, spells_out: bool) -> Result<(), ApiError> {
        let some = |bounds: (Option<Timestamp>, Option<Timestamp>)| bounds.0.is_some() || bounds.1.is_some();
        let (updated, finished) = (some(self.updated), some(self.finished));
        let refuse = |text: &str| Err(ApiError::bad_request(text));
        if updated && finished {
            return refuse("Both `updated_at` filter and `finished_at` filter can not be specified");
        }
        if !spells_out && updated != (self.order_by == "updated_at") {
            return refuse("`updated_at` filter and `updated_at` sorting must be paired");
        }
        if updated && self.order_by != "updated_at" {
            return refuse("`updated_at` filter requires `updated_at` sort");
        }
        if finished && self.order_by != "finished_at" {
            return refuse("`finished_at` filter requires `finished_at` sort.");
        }
        if finished && self.status != Some(DeploymentStatus::Success) {
            return refuse("`finished_at` filter must be combined with `success` status filter.");
        }
        Ok(())
    }

    fn passes(&self, row: &Deployment) -> bool {
        let within = |(after, before): (Option<Timestamp>, Option<Timestamp>), time: Option<Timestamp>| {
            after.is_none_or(|after| time.is_some_and(|time| time >= after))
                && before.is_none_or(|before| time.is_some_and(|time| time <= before))
        };
        self.status.is_none_or(|status| row.status == status)
            && within(self.updated, Some(row.updated_at))
            && within(self.finished, row.finished_at)
    }

    fn sort(&self, rows: &mut [&Deployment]) {
        match self.order_by {
            "created_at" => rows.sort_by_key(|row| (row.created_at, row.id)),
            "updated_at" => rows.sort_by_key(|row| (row.updated_at, row.id)),
            "finished_at" => rows.sort_by_key(|row| (row.finished_at, row.id)),
            "ref" => rows.sort_by(|a, b| (&a.reference, a.id).cmp(&(&b.reference, b.id))),
            _ => rows.sort_by_key(|row| row.id),
        }
        if self.falling {
            rows.reverse();
        }
    }
}

fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let filter = Filter::read(call)?;
    let environment = call.params.filled("environment");
    let world = call.app.world();
    let mut rows: Vec<&Deployment> = world
        .deployments
        .of(project.id)
        .filter(|row| filter.passes(row) && environment.as_ref().is_none_or(|name| *name == row.environment))
        .collect();
    filter.sort(&mut rows);
    let all: Vec<Value> = rows.into_iter().map(|row| entity(&call.app, &world, row)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

fn found(call: &Call) -> Result<Deployment, ApiError> {
    let (_, project) = call.code(READ)?;
    let id = call.path.get("deployment_id").parse::<u64>();
    let id = id.map_err(|_| ApiError::invalid_params("deployment_id is invalid"))?;
    let world = call.app.world();
    let row = world.deployments.table.get(id).filter(|row| row.project_id == project.id).cloned();
    row.ok_or_else(|| ApiError::not_found("Deployment"))
}

fn show(call: &Call) -> Answer {
    let row = found(call)?;
    Reply::ok(&alone(&call.app, &call.app.world(), &row))
}

fn merge_requests(call: &Call) -> Answer {
    let row = found(call)?;
    let page = Page::of(call)?;
    let world = call.app.world();
    let brought = row.merge_requests.iter().filter_map(|iid| world.merge_requests.get(row.project_id, *iid));
    let all: Vec<Value> =
        brought.map(|brought| super::merge_requests::entity::basic(&call.app, &world, brought)).collect();
    drop(world);
    page::paged(call, page, &all, Clone::clone)
}

/// Says what became of one. What is over stays as it is.
fn change(call: &Call) -> Answer {
    call.managed(WRITE, AccessLevel::Developer)?;
    let row = found(call)?;
    let mut checks = call.params.checks();
    let word = checks.required("status");
    let status = DeploymentStatus::parse(&word).filter(|status| CHANGES.contains(status));
    if !word.is_empty() && status.is_none() {
        checks.complain("status does not have a valid value".into());
    }
    checks.finish()?;
    let status = status.unwrap_or(row.status);
    if status == row.status || row.status.is_over() {
        let text = format!("Cannot transition status via :{} from :{}", verb(status), row.status.word());
        return Err(ApiError::invalid_record(&json!({ "status": [text] })));
    }
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let row = world.deployments.table.get_mut(row.id).ok_or_else(|| ApiError::not_found("Deployment"))?;
    row.status = status;
    row.updated_at = now;
    row.finished_at = status.is_over().then_some(now);
    let row = row.clone();
    drop(world);
    telling::deployment(&call.app, &row);
    Reply::ok(&alone(&call.app, &call.app.world(), &row))
}

/// The verb of the state machine that leads to a state.
fn verb(status: DeploymentStatus) -> &'static str {
    match status {
        DeploymentStatus::Created => "create",
        DeploymentStatus::Running => "run",
        DeploymentStatus::Success => "succeed",
        DeploymentStatus::Failed => "drop",
        DeploymentStatus::Canceled => "cancel",
        DeploymentStatus::Skipped => "skip",
        DeploymentStatus::Blocked => "block",
    }
}

/// Deletes one that is neither running nor the last of its environment.
fn remove(call: &Call) -> Answer {
    let (_, project) = call.managed(WRITE, AccessLevel::Developer)?;
    let row = found(call)?;
    let refuse = |text: &str| Err(ApiError::bad_request(text));
    if row.status == DeploymentStatus::Running {
        return refuse("Cannot destroy running deployment");
    }
    let world = call.app.world();
    let newer = world.deployments.of(project.id).any(|other| {
        other.environment == row.environment && other.status == DeploymentStatus::Success && other.id > row.id
    });
    drop(world);
    if row.status == DeploymentStatus::Success && !newer {
        return refuse("Deployment currently deployed to environment");
    }
    call.app.world_mut().deployments.table.remove(row.id);
    Reply::no_content()
}

/// Reports one. The commit must be there, and so must the branch or tag.
fn report(call: &Call) -> Answer {
    let (caller, project) = call.managed(WRITE, AccessLevel::Developer)?;
    let mut checks = call.params.checks();
    let environment = checks.required("environment");
    let sha = checks.required("sha");
    let reference = checks.required("ref");
    let tag = checks.flag("tag", false);
    let word = checks.required("status");
    let status = DeploymentStatus::parse(&word);
    if !word.is_empty() && status.is_none() {
        checks.complain("status does not have a valid value".into());
    }
    checks.finish()?;
    let full = if tag { format!("refs/tags/{reference}") } else { format!("refs/heads/{reference}") };
    let refuse = |key: &str, text: &str| ApiError::invalid_record(&json!({ key: [text] }));
    call.with_repository(&project, |repository| {
        repository.find_reference(&full).map_err(|_| refuse("ref", "The branch or tag does not exist"))?;
        refs::commit(repository, &sha).map(|_| ()).ok_or_else(|| refuse("sha", "The commit does not exist"))
    })?;
    let status = status.unwrap_or(DeploymentStatus::Created);
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let iid = world.deployments.of(project.id).count() as u64 + 1;
    let made = world.deployments.table.add(|id| Deployment {
        id,
        iid,
        project_id: project.id,
        reference,
        sha,
        environment,
        status,
        user_id: caller.user.id,
        created_at: now,
        updated_at: now,
        finished_at: status.is_over().then_some(now),
        merge_requests: Vec::new(),
    });
    let made = made.clone();
    drop(world);
    telling::deployment(&call.app, &made);
    Reply::created(&alone(&call.app, &call.app.world(), &made))
}
