//! Statuses of commits that other systems report, and the external pipelines that hold them.

use std::sync::Arc;

use git2::Repository;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::users;
use crate::app::App;
use crate::auth::Access;
use crate::call::{Call, endpoint};
use crate::clock::iso_millis;
use crate::error::ApiError;
use crate::git::refs;
use crate::page::{self, Page};
use crate::reply::{Answer, Reply};
use crate::routing::{Router, get, post};
use crate::telling;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::pipelines::{CommitStatus, Pipeline, Status};

const READ: Access = Access::read("Commit Status: Read");
const WRITE: Access = Access::write("Commit Status: Create");
/// Longest target URL and description.
const MAX_TEXT: usize = 255;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v4/projects/{id}/statuses/{sha}", post(endpoint(report)))
        .route("/api/v4/projects/{id}/repository/commits/{sha}/statuses", get(endpoint(list)))
}

/// What is reported.
struct Report {
    sha: String,
    reference: String,
    name: String,
    state: Status,
    description: Option<String>,
    target_url: Option<String>,
    coverage: Option<f64>,
    pipeline_id: Option<u64>,
}

fn report(call: &Call) -> Answer {
    let (caller, project) = call.managed(WRITE, AccessLevel::Developer)?;
    let read = read(call, &project)?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let pipeline = place(&mut world, &read, project.id, caller.user.id, now)?;
    let before = world.pipelines.get(pipeline).filter(|row| !row.statuses.is_empty()).map(|row| row.status);
    let known = world.pipelines.get(pipeline).and_then(|row| last(row, &read.name)).cloned();
    let next = match known {
        Some(status) if status.status.is_over() && !read.state.is_over() => {
            fresh(&mut world, &read, caller.user.id, now)
        }
        Some(status) => forward(status, &read, now)?,
        None => fresh(&mut world, &read, caller.user.id, now),
    };
    if let Some(row) = world.pipelines.get_mut(pipeline) {
        row.statuses.retain(|status| status.id != next.id);
        row.statuses.push(next.clone());
        let latest: Vec<Status> = latest(row).iter().map(|status| status.status).collect();
        row.status = Status::of_all(&latest);
        row.updated_at = now;
    }
    let row = world.pipelines.get(pipeline).cloned().ok_or_else(ApiError::internal)?;
    let shown = entity(&call.app, &world, &row, &next);
    drop(world);
    if Some(row.status) != before {
        telling::pipeline(&call.app, &row);
    }
    Reply::created(&shown)
}

fn read(call: &Call, project: &crate::world::projects::Project) -> Result<Report, ApiError> {
    let mut checks = call.params.checks();
    let word = checks.required("state");
    let state = Status::parse(&word);
    if !word.is_empty() && state.is_none() {
        checks.complain("state does not have a valid value".into());
    }
    for key in ["target_url", "description"] {
        if call.params.text(key).is_some_and(|text| text.chars().count() > MAX_TEXT) {
            checks.complain(format!("{key} is too long"));
        }
    }
    let pipeline_id = call.params.filled("pipeline_id").map(|_| checks.integer("pipeline_id", 0).unsigned_abs());
    checks.finish()?;
    let state = state.ok_or_else(|| ApiError::bad_request("State is required"))?;
    let wanted = call.params.filled("ref");
    let (sha, reference) = call.with_repository(project, |repository| {
        let commit = refs::commit(repository, call.path.get("sha")).ok_or_else(|| ApiError::not_found("Commit"))?;
        let holder = wanted.or_else(|| holding(repository, commit.id(), &project.default_branch));
        let holder = holder.ok_or_else(|| ApiError::not_found("References for commit"))?;
        Ok((commit.id().to_string(), holder))
    })?;
    let name = call.params.filled("name").or_else(|| call.params.filled("context"));
    Ok(Report {
        sha,
        reference,
        name: name.unwrap_or_else(|| "default".into()),
        state,
        description: call.params.filled("description"),
        target_url: call.params.filled("target_url"),
        coverage: call.params.text("coverage").and_then(|text| text.parse().ok()),
        pipeline_id,
    })
}

/// A branch that holds the commit, the default branch first.
fn holding(repository: &Repository, id: git2::Oid, default: &str) -> Option<String> {
    let mut branches = refs::branches(repository).ok()?;
    branches.sort_by_key(|(name, _)| name != default);
    let holds = |tip: git2::Oid| tip == id || repository.graph_descendant_of(tip, id).unwrap_or(false);
    branches.into_iter().find(|(_, tip)| holds(*tip)).map(|(name, _)| name)
}

/// The pipeline to report into: the one that was named, the newest of this commit and branch, or a new external one.
fn place(world: &mut World, read: &Report, project_id: u64, user_id: u64, now: Timestamp) -> Result<u64, ApiError> {
    if let Some(id) = read.pipeline_id {
        let found = world.pipelines.of(project_id).rev().find(|row| row.id == id && row.sha == read.sha);
        return found.map(|row| row.id).ok_or_else(|| ApiError::not_found("Pipeline"));
    }
    let fits = |row: &&Pipeline| row.sha == read.sha && row.reference == read.reference;
    let known = world.pipelines.of(project_id).rev().find(fits).map(|row| row.id);
    if let Some(id) = known {
        return Ok(id);
    }
    let made = world.pipelines.add(project_id, |id, iid| Pipeline {
        id,
        iid,
        project_id,
        sha: read.sha.clone(),
        reference: read.reference.clone(),
        source: "external",
        status: read.state,
        user_id,
        created_at: now,
        updated_at: now,
        statuses: Vec::new(),
        jobs: Vec::new(),
    });
    Ok(made)
}

fn fresh(world: &mut World, read: &Report, author_id: u64, now: Timestamp) -> CommitStatus {
    let status = CommitStatus {
        id: world.pipelines.next_status_id(),
        name: read.name.clone(),
        status: read.state,
        description: None,
        target_url: None,
        coverage: None,
        author_id,
        created_at: now,
        started_at: None,
        finished_at: None,
    };
    moved(status, read, now)
}

/// The state machine's next step, or its complaint.
fn forward(status: CommitStatus, read: &Report, now: Timestamp) -> Result<CommitStatus, ApiError> {
    if !status.status.leads_to(read.state) {
        let text = format!("Cannot transition status via :{} from :{}", read.state.verb(), status.status.word());
        let text = if read.state == Status::Pending {
            format!("{text} (Reason(s): Status cannot transition via \"{}\")", read.state.verb())
        } else {
            text
        };
        return Err(ApiError::message(StatusCode::BAD_REQUEST, text));
    }
    Ok(moved(status, read, now))
}

fn moved(status: CommitStatus, read: &Report, now: Timestamp) -> CommitStatus {
    CommitStatus {
        status: read.state,
        description: read.description.clone().or(status.description),
        target_url: read.target_url.clone().or(status.target_url),
        coverage: read.coverage.or(status.coverage),
        started_at: status.started_at.or_else(|| (read.state == Status::Running).then_some(now)),
        finished_at: read.state.is_over().then_some(now),
        ..status
    }
}

fn last<'r>(row: &'r Pipeline, name: &str) -> Option<&'r CommitStatus> {
    row.statuses.iter().rev().find(|status| status.name == name)
}

/// The newest status of each name.
fn latest(row: &Pipeline) -> Vec<&CommitStatus> {
    row.statuses.iter().filter(|status| last(row, &status.name).is_some_and(|last| last.id == status.id)).collect()
}

fn entity(app: &App, world: &World, row: &Pipeline, status: &CommitStatus) -> Value {
    json!({
        "id": status.id,
        "sha": row.sha,
        "ref": row.reference,
        "status": status.status.word(),
        "name": status.name,
        "target_url": status.target_url,
        "description": status.description,
        "created_at": iso_millis(status.created_at),
        "started_at": status.started_at.map(iso_millis),
        "finished_at": status.finished_at.map(iso_millis),
        "allow_failure": false,
        "coverage": status.coverage,
        "pipeline_id": row.id,
        "author": world.users.get(status.author_id).map(|user| users::basic(app, user)),
    })
}

/// The newest of each name, unless all are asked for.
fn list(call: &Call) -> Answer {
    let (_, project) = call.code(READ)?;
    let page = Page::of(call)?;
    let mut checks = call.params.checks();
    let all = checks.flag("all", false);
    let order = checks.one_of("order_by", &["id", "pipeline_id"]);
    let falling = checks.one_of("sort", &["asc", "desc"]) == "desc";
    let pipeline = call.params.filled("pipeline_id").map(|_| checks.integer("pipeline_id", 0).unsigned_abs());
    checks.finish()?;
    let sha = call.with_repository(&project, |repository| {
        let commit = refs::commit(repository, call.path.get("sha")).ok_or_else(|| ApiError::not_found("Commit"))?;
        Ok(commit.id().to_string())
    })?;
    let (name, reference) = (call.params.filled("name"), call.params.filled("ref"));
    let world = call.app.world();
    let rows = world.pipelines.of(project.id).filter(|row| {
        row.sha == sha
            && pipeline.is_none_or(|id| row.id == id)
            && reference.as_ref().is_none_or(|name| *name == row.reference)
    });
    let kept = rows.flat_map(|row| {
        let statuses = if all { row.statuses.iter().collect() } else { latest(row) };
        statuses.into_iter().map(move |status| (row, status))
    });
    let kept = kept.filter(|(_, status)| name.as_ref().is_none_or(|name| *name == status.name));
    let mut found: Vec<(&Pipeline, &CommitStatus)> = kept.collect();
    found.sort_by_key(|(row, status)| (if order == "pipeline_id" { row.id } else { 0 }, status.id));
    if falling {
        found.reverse();
    }
    let shown: Vec<Value> = found.into_iter().map(|(row, status)| entity(&call.app, &world, row, status)).collect();
    drop(world);
    page::paged(call, page, &shown, Clone::clone)
}
