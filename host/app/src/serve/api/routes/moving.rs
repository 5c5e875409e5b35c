//! Plans, jobs, and the switch that makes them by themselves.

use super::{Answer, Done, Parameter};
use crate::operations::configure::may_write;
use crate::serve::api::Api;
use crate::serve::api::body::{Asked, Sent};
use crate::serve::api::caller::{Admin, Item, Own, Visitor};
use crate::serve::api::problem::Problem;
use crate::serve::job::{Job, JobNumber, Order};
use crate::serve::live::Progress;
use crate::serve::queue::Seen;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gitlab_sync_host::sync::{Direction, SyncPlan};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Of the list.
const MOST_JOBS: usize = 50;

pub(super) const DIRECTION: [Parameter; 1] = [Parameter {
    name: "direction",
    kind: "string",
    words: "`push`, `pull` or `both`, which it is if left out",
    required: false,
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    #[serde(default)]
    direction: Towards,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Towards {
    Push,
    Pull,
    #[default]
    Both,
}

pub(super) async fn plan(State(api): State<Arc<Api>>, own: Own<Admin>, Asked(way): Asked<Way>) -> Answer<SyncPlan> {
    let direction = match way.direction {
        Towards::Push => Direction::Push,
        Towards::Pull => Direction::Pull,
        Towards::Both => Direction::Both,
    };
    Ok(Json(api.connection(own.id()).await?.plan(direction).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    job: Job,
    /// The plan's digest: that and nothing else is done.
    plan: Option<String>,
    #[serde(default)]
    approve_deletions: bool,
    message: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Started {
    number: JobNumber,
}

pub(super) async fn start(
    State(api): State<Arc<Api>>,
    own: Own<Admin>,
    Sent(wanted): Sent<Wanted>,
) -> Result<(StatusCode, Json<Started>), Problem> {
    let Wanted { job, plan, approve_deletions, message } = wanted;
    if job != Job::Pull {
        must_write(&own)?;
    }
    let number = api.start(own.id(), job, Order { plan, approve_deletions, message }, own.person()).await?;
    Ok((StatusCode::ACCEPTED, Json(Started { number })))
}

fn must_write(own: &Own<Admin>) -> Result<(), Problem> {
    let remedy = "connect again with the profile `files-read-write`";
    may_write(&own.entry)
        .then_some(())
        .ok_or_else(|| Problem::refused("read-only", "this connection may only read", remedy))
}

pub(super) async fn jobs(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Answer<Vec<Seen>> {
    Ok(Json(api.queue.jobs(own.id(), MOST_JOBS).await.map_err(Problem::of)?))
}

pub(super) async fn job(State(api): State<Arc<Api>>, own: Own<Visitor>, Item(number): Item) -> Answer<Seen> {
    let number = number.parse().map(JobNumber).map_err(|_| Problem::not_here())?;
    let seen = api.queue.job(number).await.map_err(Problem::of)?;
    seen.filter(|seen| seen.connection == *own.id()).map(Json).ok_or_else(Problem::not_here)
}

pub(super) async fn progress(State(api): State<Arc<Api>>, own: Own<Visitor>) -> Json<Progress> {
    Json(api.live(own.id()).borrow().clone())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    on: bool,
}

pub(super) async fn auto_sync(State(api): State<Arc<Api>>, own: Own<Admin>, Sent(switch): Sent<Switch>) -> Done {
    must_write(&own)?;
    api.switch_auto_sync(own.id(), switch.on, own.person()).await?;
    Ok(StatusCode::NO_CONTENT)
}
