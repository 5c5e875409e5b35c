//! Look at a plan, push, pull, and let edits be pushed by themselves.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done};
use crate::operations::Trouble;
use crate::operations::configure::may_write;
use crate::operations::moving::ways;
use crate::serve::job::{Job, Order};
use crate::serve::page::address::Place;
use crate::serve::page::overview::is_first;
use crate::serve::page::plan::{View, html};
use crate::serve::page::{Notice, html as markup};
use crate::serve::states::State as Known;
use axum::extract::State;
use gitlab_sync_host::sync::{Direction, SyncPlan};
use std::sync::Arc;

pub(super) async fn plan(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let own = &seen.caller;
    let sheet = Sheet::of(&desk, own, Place::Plan, "Plan", &seen.fields).await;
    let state = desk.state(own.id()).await?;
    let Planned { job, is_first, conflicts, plan } =
        match planned(&desk, own, &state, seen.fields.text("direction")).await {
            Ok(planned) => planned,
            Err(trouble) => {
                let problem = desk.problem(trouble);
                let main = markup! { h1 { "What would happen" } (problem.html()) };
                return Ok(sheet.refused().response(&main));
            }
        };
    let may_push = may_write(own.entry());
    let role = own.visitor().person().role;
    let view = View { id: own.id(), job, is_first, plan: &plan, role, may_push, conflicts };
    Ok(sheet.response(&html(&view, own.visitor().proof())))
}

/// What a sync would do, and of what it is the plan.
struct Planned {
    job: Job,
    is_first: bool,
    conflicts: u32,
    plan: SyncPlan,
}

/// The first sync goes the way that was configured; later ones as asked for.
async fn planned(desk: &Desk, own: &Own<Admin>, state: &Known, asked: &str) -> Result<Planned, Trouble> {
    let connection = desk.connection(own).await?;
    let status = connection.status().await?;
    let is_first = is_first(&status, state);
    let direction = match (is_first, asked) {
        (true, _) => ways(&connection).await?.1,
        (false, "push") => Direction::Push,
        (false, "pull") => Direction::Pull,
        (false, _) if may_write(own.entry()) => Direction::Both,
        (false, _) => Direction::Pull,
    };
    let job = match direction {
        Direction::Push => Job::Push,
        Direction::Pull => Job::Pull,
        Direction::Both => Job::Sync,
    };
    Ok(Planned { job, is_first, conflicts: status.conflicts, plan: connection.plan(direction).await? })
}

pub(super) async fn push(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    start(&desk, &sent, Job::Push).await
}

pub(super) async fn pull(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    start(&desk, &sent, Job::Pull).await
}

pub(super) async fn sync(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    start(&desk, &sent, Job::Sync).await
}

async fn start(desk: &Desk, sent: &Sent<Own<Admin>>, job: Job) -> Answer {
    if job != Job::Pull && !may_write(sent.caller.entry()) {
        return Err(Refusal::Malformed);
    }
    let order = Order {
        plan: sent.fields.word("plan").map(String::from),
        approve_deletions: sent.fields.is_ticked("approve_deletions"),
        message: None,
    };
    desk.start(&sent.caller, job, order).await?;
    Ok(done(&Place::Overview.of(sent.caller.id()), Notice::Started))
}

pub(super) async fn auto_sync(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let own = &sent.caller;
    if !may_write(own.entry()) {
        return Err(Refusal::Malformed);
    }
    let on = sent.fields.is_ticked("on");
    desk.auto_sync(own, on).await?;
    Ok(done(&Place::Overview.of(own.id()), if on { Notice::AutoSyncOn } else { Notice::AutoSyncOff }))
}
