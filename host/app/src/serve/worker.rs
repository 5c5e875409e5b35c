//! Takes jobs from the queue and does them, as many at once as the settings say.
//!
//! Decided here: when a job is taken, prolonged and broken off, and that jobs run beside the rest of the server, on threads that come after
//! its own (`background`). What a job does and how its end is judged is in [`run`]. A server that is killed
//! leaves its jobs running in the queue; the next one of the same home gives them back before it takes any.

mod background;
mod ending;
mod run;

use super::health::Part;
use super::job::JobNumber;
use super::queue::{Ending, Holder, Taken, Taking};
use super::server::Server;
use crate::failure::Failure;
use background::Background;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// How long a job is this server's without a sign of life, and how often there is one.
const LEASE: Duration = Duration::from_secs(60);
const SIGN: Duration = Duration::from_secs(15);
/// Between two looks for jobs that nobody told of: those of another server on the same store.
const LOOK: Duration = Duration::from_secs(5);
/// After a look that found nothing, although something is due.
const PAUSE: Duration = Duration::from_millis(200);
/// Between two looks at the queue, however often it is told that there is something: a look costs as much as a small job.
const PACE: Duration = Duration::from_millis(10);
/// Between two times that what is old goes.
const TIDY: Duration = Duration::from_secs(60 * 60);

/// Works until `end` says so; then what runs may end, for as long as the settings say.
pub(crate) async fn work(server: Arc<Server>, mut end: watch::Receiver<bool>) -> Result<(), Failure> {
    let alive = server.health.alive(Part::Worker);
    let mut worker = Worker::new(server.clone(), end.clone()).await?;
    let (mut sign, mut tidy) = (tokio::time::interval(SIGN), tokio::time::interval(TIDY));
    while !*end.borrow() {
        let taken = Instant::now();
        let wait = worker.take().await;
        alive.beat();
        tokio::select! {
            () = server.due.notified() => {}
            () = worker.ended() => {}
            () = tokio::time::sleep(wait) => {}
            _ = sign.tick() => worker.sign().await,
            _ = tidy.tick() => worker.tidy().await,
            () = told(&mut end) => break,
        }
        tokio::time::sleep_until(taken + PACE).await;
    }
    worker.finish().await;
    Ok(())
}

/// Returns when the server is to end.
async fn told(end: &mut watch::Receiver<bool>) {
    let _ = end.wait_for(|end| *end).await;
}

struct Worker {
    server: Arc<Server>,
    holder: Holder,
    end: watch::Receiver<bool>,
    background: Background,
    tasks: JoinSet<()>,
    running: HashMap<JobNumber, (Taken, AbortHandle)>,
}

impl Worker {
    /// Whoever held jobs under this name is dead: one server at a time works with a home.
    async fn new(server: Arc<Server>, end: watch::Receiver<bool>) -> Result<Self, Failure> {
        let holder = Holder(server.database.mark().await?);
        let back = server.queue.give_back(&holder, server.now_ms()).await?;
        if back > 0 {
            server.log.info("jobs of a server that was killed are done again", &[("jobs", &back.to_string())]);
        }
        // A kill may have come before something was cleared up after a connection that was disconnected.
        server.clear_up_after(server.states.all().await?.into_iter().map(|(id, _)| id).collect()).await;
        // A crash may have come between the two parts of a pause.
        for (id, _) in server.states.all().await?.into_iter().filter(|(_, state)| state.paused.is_some()) {
            server.queue.hold(&id).await?;
        }
        let background = Background::start(server.config.jobs).map_err(|error| Failure::of(&error))?;
        Ok(Self { server, holder, end, background, tasks: JoinSet::new(), running: HashMap::new() })
    }

    /// Begins what is due and fits. How long nothing more can be due.
    async fn take(&mut self) -> Duration {
        let running = u32::try_from(self.running.len()).unwrap_or(u32::MAX);
        let most = self.server.config.jobs.saturating_sub(running);
        if most == 0 {
            return LOOK;
        }
        let now_ms = self.server.now_ms();
        let taking = Taking {
            now_ms,
            until_ms: now_ms + LEASE.as_millis() as u64,
            most,
            most_per_organisation: self.server.config.jobs_per_organisation,
        };
        let taken = match self.server.queue.take(&self.holder, taking).await {
            Ok(taken) => taken,
            Err(error) => {
                self.server.log.error("the queue cannot be read", &[("why", Failure::of(&error).innermost())]);
                return LOOK;
            }
        };
        taken.into_iter().for_each(|taken| self.begin(taken));
        match self.server.queue.next_due_ms().await {
            Ok(Some(due_ms)) => Duration::from_millis(due_ms.saturating_sub(now_ms)).clamp(PAUSE, LOOK),
            _ => LOOK,
        }
    }

    fn begin(&mut self, taken: Taken) {
        let job = run::run(self.server.clone(), taken.clone(), self.end.clone());
        let handle = self.tasks.spawn_on(job, self.background.handle());
        // Its own lease ran out, as after the machine slept: only the later try may end it.
        if let Some((_, earlier)) = self.running.insert(taken.ticket.number, (taken, handle)) {
            earlier.abort();
        }
    }

    /// One or more jobs have ended; for ever while nothing runs.
    async fn ended(&mut self) {
        if self.tasks.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
        while self.tasks.try_join_next().is_some() {}
        self.running.retain(|_, (_, handle)| !handle.is_finished());
    }

    /// What is not this server's any more is not worked on.
    async fn sign(&mut self) {
        let until_ms = self.server.now_ms() + LEASE.as_millis() as u64;
        let numbers = self.running.keys().copied().collect();
        let Ok(own) = self.server.queue.prolong(&self.holder, numbers, until_ms).await else { return };
        let lost = self.running.iter().filter(|(number, _)| !own.contains(number));
        lost.for_each(|(_, (_, handle))| handle.abort());
    }

    async fn tidy(&self) {
        let now_ms = self.server.now_ms();
        let old_ms = now_ms.saturating_sub(KEPT.as_millis() as u64);
        let done = (self.server.queue.prune(now_ms).await.is_ok(), self.server.trail.prune(old_ms).await.is_ok());
        if done != (true, true) {
            self.server.log.warn("what is old could not be removed", &[]);
        }
    }

    /// Jobs see the end between two calls. Those in the middle of one have the rest of the time; then they are broken off, which loses nothing.
    async fn finish(mut self) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.server.config.grace, all).await.is_ok() {
            return;
        }
        self.tasks.shutdown().await;
        for (taken, _) in self.running.into_values() {
            let ended = self.server.queue.end(&taken.ticket, Ending::BrokenOff, self.server.now_ms()).await;
            if let Err(error) = ended {
                self.server.log.warn("a job could not be given back", &[("why", &error.to_string())]);
            }
        }
    }
}

/// What people see of who did what.
const KEPT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::installation::{TOKEN, slot};
    use crate::serve::intake::tests::open;
    use crate::serve::job::{Cause, Job, Order, Place};
    use crate::serve::people::Organisation;
    use crate::serve::queue::{Arrival, Backoff, Stage};
    use crate::serve::stand;
    use crate::serve::stand::stuck::{Question, Stuck};
    use gitlab_sync_host::connection_id::ConnectionId;
    use gitlab_sync_host::secrets::envelope::Stored;
    use gitlab_sync_host::secrets::secret::Secret;
    use std::path::Path;
    use std::sync::atomic::Ordering;

    /// Taken so often, with each lease but the last one run out.
    async fn taken(server: &Server, holder: &Holder, times: u32) -> Taken {
        let entry = stand::entry(server, "handbook", Path::new("/srv/handbook")).await;
        let arrival = Arrival {
            connection: entry.id,
            organisation: Organisation::of_the_command_line(),
            place: Place("handbook".into()),
            cause: Cause::Poll,
            job: Some(Job::Pull),
            order: Order::default(),
            due_ms: 1,
        };
        server.queue.put(vec![arrival], 1).await.unwrap();
        let mut all = vec![];
        for now_ms in 1..=u64::from(times) {
            let taking = Taking { now_ms, until_ms: now_ms, most: 1, most_per_organisation: 1 };
            all.extend(server.queue.take(holder, taking).await.unwrap());
        }
        assert_eq!(all.len(), times as usize);
        all.pop().unwrap()
    }

    /// A later connection of that name would have found itself paused, with a token that nobody gave it.
    #[tokio::test]
    async fn what_was_written_down_for_a_connection_that_is_gone_is_cleared_up_at_the_latest_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let (server, _router) = open(folder.path()).await;
        let there = stand::tenant(&server, 1).await.id;
        let gone = ConnectionId::parse("gone").unwrap();
        for id in [&there, &gone] {
            server.pause(id, run::problem("token-rejected", "why".into(), "what".into(), 1)).await.unwrap();
            let stored =
                Stored { secret: Secret::new(*b"glpat-canary-0123456789").unwrap(), created_ms: 1, expires_ms: None };
            server.vault.put(id, &slot(TOKEN), &stored).await.unwrap();
        }
        Worker::new(server.clone(), watch::channel(false).1).await.unwrap();
        let rows = |table: &str, id: &ConnectionId| {
            let (select, id) = (format!("SELECT count(*) FROM {table} WHERE connection = ?1"), id.to_string());
            server.database.glance(|it| it.query_row(&select, [id], |row| row.get::<_, u32>(0))).unwrap()
        };
        for table in ["states", "holds", "secrets"] {
            assert!(rows(table, &gone) == 0 && rows(table, &there) > 0, "{table}");
        }
    }

    /// It was tried at every start, for ever.
    #[tokio::test]
    async fn a_job_that_ends_its_server_each_time_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let (server, _router) = open(folder.path()).await;
        let taken = taken(&server, &Holder("it".into()), Backoff::TRIES + 1).await;
        let number = taken.ticket.number;
        run::run(server.clone(), taken, watch::channel(false).1).await;
        let seen = server.queue.job(number).await.unwrap().unwrap();
        let problem = seen.problem.unwrap();
        assert_eq!((seen.stage, problem.code.as_str()), (Stage::Dead, "stopped"), "{}", problem.message);
    }

    /// After the machine slept, both tries went on, and the page showed for ever that something runs.
    #[tokio::test]
    async fn of_two_tries_of_one_job_the_earlier_is_broken_off() {
        let folder = tempfile::tempdir().unwrap();
        let mut server = stand::server(folder.path(), |_| {}).await;
        // So that it never ends by itself.
        let asked = Arc::default();
        server.states =
            Arc::new(Stuck { inner: server.states.clone(), question: Question::Change, asked: Arc::clone(&asked) });
        let server = Arc::new(server);
        let mut worker = Worker::new(server.clone(), watch::channel(false).1).await.unwrap();
        let first = taken(&server, &worker.holder, 1).await;
        let (number, id) = (first.ticket.number, first.connection.clone());
        worker.begin(first.clone());
        while asked.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let running = || server.live(&id).borrow().running.is_some();
        assert!(running());
        worker.begin(first);
        let earlier = worker.tasks.join_next().await.unwrap();
        assert!(earlier.is_err_and(|error| error.is_cancelled()));
        worker.running[&number].1.abort();
        worker.tasks.shutdown().await;
        assert!(!running(), "what was broken off is over for those who look, too");
    }
}
