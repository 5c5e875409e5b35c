//! One job: a loop of bounded calls, and what is written down when it ends.

use super::ending::{self, Ended};
use crate::failure::Failure;
use crate::operations::moving::{self, Mover, Way};
use crate::pages;
use crate::serve::job::{Cause, Job, Wake};
use crate::serve::live::{Progress, Running};
use crate::serve::metrics::Ended as Tried;
use crate::serve::problem::Problem;
use crate::serve::queue::{Backoff, Ending, Taken};
use crate::serve::server::Server;
use crate::serve::states::{Change, Done};
use crate::serve::trail::{Actor, Entry, Outcome};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Action, Options, Step};
use std::sync::Arc;
use tokio::sync::watch;

/// Calls before something is wrong: each does at least a part of the work.
const MOST_CALLS: usize = 10_000;

/// What was moved so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    files: u32,
    head: Option<String>,
    conflicts: u32,
}

/// Why a job stopped before its end.
pub(super) enum Stopped {
    /// The server is to end.
    Ending,
    Failed(crate::operations::Trouble),
    Failure(Failure),
    Endless,
    /// Each of its tries ended with the server, or took longer than anyone held it.
    Deadly,
}

impl<E: Into<crate::operations::Trouble>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Does the job and ends it in the queue. What cannot be written down is tried again when the lease has run out.
pub(super) async fn run(server: Arc<Server>, taken: Taken, end: watch::Receiver<bool>) {
    let shown = Shown::new(&server, &taken);
    let moved = work(&server, &taken, &end).await;
    let outdated = matches!(&moved, Err(Stopped::Failed(trouble)) if trouble.code() == Some("plan-outdated"));
    if outdated && let Err(failure) = do_without_plan(&server, &taken).await {
        server.log.error("a job without its plan could not be begun", &[("why", failure.innermost())]);
    }
    if let Err(why) = settle(&server, &taken, moved).await {
        server.log.error("a job's end could not be written down", &[("why", &why)]);
    }
    drop(shown);
    server.clear_up_after(vec![taken.connection]).await;
}

/// People see that it runs until this is dropped, also where it is broken off.
struct Shown {
    server: Arc<Server>,
    connection: ConnectionId,
    running: Running,
}

impl Shown {
    fn new(server: &Arc<Server>, taken: &Taken) -> Self {
        let Taken { ticket, job, connection, .. } = taken;
        let running = Running { number: ticket.number, job: *job, phase: *job, since_ms: server.now_ms() };
        let progress = Progress { running: Some(running), ..Progress::default() };
        server.progress().change(connection, |seen| *seen = progress);
        Self { server: server.clone(), connection: connection.clone(), running }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let Running { number, since_ms, .. } = self.running;
        // Unless another try shows itself by now.
        self.server.progress().change(&self.connection, |seen| {
            seen.running = seen.running.filter(|running| (running.number, running.since_ms) != (number, since_ms));
        });
    }
}

/// Deliveries and edits that joined the job meant no plan, and are still to be seen to. Nothing begins here that would not begin by itself.
async fn do_without_plan(server: &Server, taken: &Taken) -> Result<(), Failure> {
    let by_itself = match taken.job {
        Job::Pull => true,
        Job::Push => server.states.get(&taken.connection).await?.auto_sync,
        Job::Sync => false,
    };
    let job = server.queue.job(taken.ticket.number).await?;
    if by_itself && job.is_some_and(|job| job.wakes > 1) {
        server.wake(Wake::new(taken.connection.clone(), taken.job, Cause::Poll)).await?;
    }
    Ok(())
}

async fn work(server: &Server, taken: &Taken, end: &watch::Receiver<bool>) -> Result<Moved, Stopped> {
    if taken.ticket.attempt > Backoff::TRIES {
        return Err(Stopped::Deadly);
    }
    let connection = server.connection(&taken.connection).await.map_err(Stopped::Failure)?;
    let ways = match taken.job {
        Job::Pull => &[Way::Pull][..],
        Job::Push => &[Way::Push],
        Job::Sync => moving::ways(&connection).await?.0,
    };
    let mut moved = Moved::default();
    // Which way the first sync goes is decided by somebody who has seen its plan.
    if !matches!(taken.cause, Cause::Person { .. }) && connection.status().await?.synced_ms.is_none() {
        return Ok(moved);
    }
    for way in ways {
        let phase = if *way == Way::Pull { Job::Pull } else { Job::Push };
        server.progress().change(&taken.connection, |seen| {
            if let Some(running) = &mut seen.running {
                running.phase = phase;
            }
        });
        let mover = Mover { id: &taken.connection, connection: &connection, database: &server.database };
        all_steps(mover, *way, taken.order.options(), end, &mut moved).await?;
    }
    Ok(moved)
}

/// Calls until nothing is left to do, or the server is to end. A plan that was ordered holds for every call: the connector knows what of it
/// is left, also for the other way and after a restart.
async fn all_steps(
    mover: Mover<'_>,
    way: Way,
    options: Options,
    end: &watch::Receiver<bool>,
    moved: &mut Moved,
) -> Result<(), Stopped> {
    for _ in 0..MOST_CALLS {
        if *end.borrow() {
            return Err(Stopped::Ending);
        }
        let step = mover.step(way, &options).await?;
        let more = step.more;
        moved.add(step);
        if !more {
            return Ok(());
        }
    }
    Err(Stopped::Endless)
}

impl Moved {
    fn add(&mut self, step: Step) {
        let files = step.changes.iter().filter(|change| change.action != Action::Skip).count();
        self.files = self.files.saturating_add(u32::try_from(files).unwrap_or(u32::MAX));
        self.head = step.head.or(self.head.take());
        self.conflicts = step.conflicts;
    }

    fn detail(&self) -> String {
        let head =
            self.head.as_deref().map_or_else(String::new, |head| format!(", head {}", &head[..head.len().min(8)]));
        format!("{}{head}", pages::counted(self.files as usize, "file"))
    }
}

fn counted(ending: &Ending) -> Tried {
    match ending {
        Ending::Done => Tried::Done,
        Ending::Again { .. } => Tried::Again,
        Ending::GivenUp(_) => Tried::GivenUp,
        Ending::BrokenOff => Tried::BrokenOff,
    }
}

/// First the states and the trail, then the queue: a job that is done in the queue is done for everyone.
async fn settle(server: &Server, taken: &Taken, moved: Result<Moved, Stopped>) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| Failure::of(error).innermost().to_owned();
    let now_ms = server.now_ms();
    let Ended { ending, change, pause, outcome, detail } = match moved {
        Ok(moved) => well(taken, &moved, now_ms),
        Err(stopped) => ending::of(stopped, taken.ticket.attempt, now_ms),
    };
    if let Some(change) = change {
        server.states.change(&taken.connection, vec![change]).await.map_err(|error| text(&error))?;
    }
    if let Some(problem) = pause {
        server.pause(&taken.connection, problem).await.map_err(|failure| failure.innermost().to_owned())?;
    }
    if let Some(outcome) = outcome {
        server.trail.add(entry(taken, outcome, detail, now_ms)).await.map_err(|error| text(&error))?;
    }
    server.metrics.ended(taken.job, counted(&ending));
    server.queue.end(&taken.ticket, ending, now_ms).await.map_err(|error| text(&error))?;
    server.due.notify_one();
    Ok(())
}

/// A look at an unchanged branch is not worth a line, unless a person asked for it.
fn well(taken: &Taken, moved: &Moved, now_ms: u64) -> Ended {
    let done = Done { job: taken.job, at_ms: now_ms, files: moved.files, head: moved.head.clone() };
    let worth = moved.files > 0 || matches!(taken.cause, Cause::Person { .. });
    Ended {
        ending: Ending::Done,
        change: Some(Change::Done { done, conflicts: moved.conflicts }),
        pause: None,
        outcome: worth.then_some(Outcome::Done),
        detail: moved.detail(),
    }
}

fn entry(taken: &Taken, outcome: Outcome, detail: String, at_ms: u64) -> Entry {
    let actor = match &taken.cause {
        Cause::Delivery { .. } => Actor::Delivery,
        Cause::Person { name } => Actor::Person { name: name.clone() },
        Cause::Edit => Actor::Edit,
        Cause::Poll => Actor::Poll,
    };
    Entry {
        at_ms,
        organisation: taken.organisation.clone(),
        connection: Some(taken.connection.clone()),
        actor,
        action: taken.job.to_string(),
        outcome,
        detail,
    }
}

/// What people are told.
pub(super) fn problem(code: &str, message: String, remedy: String, since_ms: u64) -> Problem {
    Problem { code: code.into(), message, remedy, since_ms }
}
