//! Edits in workspaces: noticed, waited for, and made into a push that is on disk.
//!
//! Decided here: that the folder of each connection with auto-sync is listened to (`ears`), that one that is new to this process is pushed
//! once, for what was edited meanwhile, one after the other so that a start is no storm, and that an edit waits for quiet (`debounce`). Not
//! decided here: what is pushed. What our own pull writes is noticed like any other edit; the push then finds that both sides are the same,
//! and commits nothing.
//!
//! Nothing is pushed before the first sync, which is a person's to begin.

mod debounce;
mod ears;
mod folder;
mod heard;

use super::health::{Alive, Part};
use super::job::{Cause, Job, Wake};
use super::server::Server;
use crate::failure::Failure;
use debounce::Debounce;
use ears::{Ears, Swept, Wanted};
use gitlab_sync_host::connection_id::ConnectionId;
use heard::Heard;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks at what events do not tell, and at folders that the system cannot watch.
const SWEEP: Duration = Duration::from_secs(5);

/// Between two folders that are new to this process, if all of them fit into [`MOST_SPREAD`]: as many a second as the queue does in passing.
const APART: Duration = Duration::from_millis(250);
/// The last of them waits so long at most, however many there are.
const MOST_SPREAD: Duration = Duration::from_secs(300);

/// Until the server is to end.
pub(crate) async fn run(server: Arc<Server>, mut end: watch::Receiver<bool>) {
    let mut watcher = Watcher::new(server);
    loop {
        watcher.alive.beat();
        let until = watcher.next().into();
        let (heard, server) = (watcher.heard.clone(), watcher.server.clone());
        tokio::select! {
            () = heard.bell.notified() => {}
            () = server.folders.notified() => watcher.sweep_at = Instant::now(),
            () = tokio::time::sleep_until(until) => {}
            _ = end.wait_for(|end| *end) => return,
        }
        watcher.step().await;
    }
}

struct Watcher {
    server: Arc<Server>,
    /// None while another thread has them.
    ears: Option<Ears>,
    heard: Arc<Heard>,
    debounce: Debounce<ConnectionId>,
    sweep_at: Instant,
    alive: Arc<Alive>,
}

impl Watcher {
    fn new(server: Arc<Server>) -> Self {
        let alive = Arc::new(server.health.alive(Part::Watcher));
        let ears = listening(&alive);
        let (heard, debounce) = (ears.heard(), Debounce::new(server.config.debounce));
        Self { server, ears: Some(ears), heard, debounce, sweep_at: Instant::now(), alive }
    }

    fn next(&self) -> Instant {
        self.debounce.next().map_or(self.sweep_at, |due| due.min(self.sweep_at))
    }

    async fn step(&mut self) {
        self.listen();
        if self.sweep_at <= Instant::now() {
            self.sweep().await;
            self.sweep_at = Instant::now() + SWEEP;
        }
        for id in self.debounce.due(Instant::now()) {
            if let Err(failure) = self.push(&id).await {
                self.server.log.warn("an edit waits", &[("connection", id.as_str()), ("why", failure.innermost())]);
                self.debounce.touch(id, Instant::now());
            }
        }
    }

    fn listen(&mut self) {
        let now = Instant::now();
        self.heard.take().into_iter().for_each(|id| self.debounce.touch(id, now));
    }

    async fn sweep(&mut self) {
        let wanted = match self.wanted().await {
            Ok(wanted) => wanted,
            Err(failure) => {
                self.server.log.warn("folders are not looked after", &[("why", failure.innermost())]);
                return;
            }
        };
        let Some(mut ears) = self.ears.take() else { return };
        let swept = tokio::task::spawn_blocking(move || (ears.sweep(&wanted), ears)).await;
        // After a panic there are new ears, which know of no folder yet.
        let (swept, ears) = swept.unwrap_or_else(|_| (Swept::default(), listening(&self.alive)));
        let (told, looked) = ears.count();
        self.server.metrics.watched(told, looked);
        (self.heard, self.ears) = (ears.heard(), Some(ears));
        self.take_in(swept);
    }

    fn take_in(&mut self, swept: Swept) {
        let log = &self.server.log;
        for id in swept.replaced {
            log.warn("the folder is another one now", &[("connection", id.as_str())]);
            self.server.changed(&id);
        }
        for (id, why) in swept.looked {
            let remedy = "edits are noticed a few seconds later; on Linux raise fs.inotify.max_user_watches";
            let fields = [("connection", id.as_str()), ("why", &why), ("remedy", remedy)];
            log.warn("the system does not tell of edits in this folder, so it is looked at", &fields);
        }
        for id in swept.told {
            log.info("the system tells of edits in this folder again", &[("connection", id.as_str())]);
        }
        let now = Instant::now();
        swept.touched.into_iter().for_each(|id| self.debounce.touch(id, now));
        let apart = APART.min(MOST_SPREAD / u32::try_from(swept.new.len().max(1)).unwrap_or(u32::MAX));
        let turns = (0..).map(|turn| now + apart * turn);
        swept.new.into_iter().zip(turns).for_each(|(id, turn)| self.debounce.touch_later(id, turn));
    }

    /// Folders of connections with auto-sync.
    async fn wanted(&self) -> Result<Wanted, Failure> {
        let states = self.server.states.all().await.map_err(|error| Failure::of(&error))?;
        let on: Vec<_> = states.into_iter().filter(|(_, state)| state.auto_sync).map(|(id, _)| id).collect();
        if on.is_empty() {
            return Ok(Wanted::new());
        }
        let entries = self.server.database.entries().await?;
        let wanted = entries.into_iter().filter(|entry| on.contains(&entry.id));
        Ok(wanted.map(|entry| (entry.workspace, entry.id)).collect())
    }

    async fn push(&self, id: &ConnectionId) -> Result<(), Failure> {
        self.alive.beat();
        let state = self.server.states.get(id).await.map_err(|error| Failure::of(&error))?;
        if !state.auto_sync || !self.server.has_synced(id).await? {
            return Ok(());
        }
        let wake = Wake::new(id.clone(), Job::Push, Cause::Edit);
        self.server.wake(wake).await.map(drop)
    }
}

fn listening(alive: &Arc<Alive>) -> Ears {
    let alive = alive.clone();
    Ears::new(move || alive.beat())
}

#[cfg(test)]
mod tests;
