//! How far each connection's job is, for whoever looks at this moment. Nothing here is kept.

use super::job::{Job, JobNumber};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::{self, Event, Level, LogSink};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// What is going on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    /// None: nothing runs.
    pub(crate) running: Option<Running>,
    /// Of the last job that ran, also after its end.
    pub(crate) done: u64,
    /// 0: not known.
    pub(crate) total: u64,
    /// A plural, such as `files`.
    pub(crate) unit: String,
}

/// A job that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Running {
    pub(crate) number: JobNumber,
    pub(crate) job: Job,
    /// What it does now: a sync pulls and then pushes.
    pub(crate) phase: Job,
    pub(crate) since_ms: u64,
}

/// One channel for each connection that was called or looked at.
#[derive(Default)]
pub(crate) struct Live {
    channels: Mutex<HashMap<ConnectionId, watch::Sender<Progress>>>,
}

impl Live {
    /// Sees every change from now on, and the present state at once.
    pub(crate) fn watch(&self, id: &ConnectionId) -> watch::Receiver<Progress> {
        self.sender(id).subscribe()
    }

    pub(crate) fn change(&self, id: &ConnectionId, change: impl FnOnce(&mut Progress)) {
        self.sender(id).send_modify(change);
    }

    pub(crate) fn forget(&self, id: &ConnectionId) {
        self.channels().remove(id);
    }

    fn sender(&self, id: &ConnectionId) -> watch::Sender<Progress> {
        self.channels().entry(id.clone()).or_default().clone()
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<ConnectionId, watch::Sender<Progress>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears the calls of one connection.
pub(crate) struct Hearing {
    pub(crate) live: Arc<Live>,
    pub(crate) log: Arc<super::log::Log>,
    pub(crate) id: ConnectionId,
}

impl LogSink for Hearing {
    fn event(&self, event: Event) {
        if event.level >= Level::Info {
            self.log.of_connection(&self.id, &event);
        }
    }

    fn progress(&self, progress: log::Progress) {
        let log::Progress { done, total, unit } = progress;
        self.live.change(&self.id, |seen| (seen.done, seen.total, seen.unit) = (done, total, unit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_later_sees_how_far_it_is_and_others_see_nothing_of_it() {
        let live = Arc::new(Live::default());
        let [one, two] = ["one", "two"].map(|id| ConnectionId::parse(id).unwrap());
        let hearing = Hearing { live: live.clone(), log: Arc::default(), id: one.clone() };
        hearing.progress(log::Progress { done: 3, total: 7, unit: "files".into() });
        let seen = live.watch(&one).borrow().clone();
        assert_eq!((seen.done, seen.total, seen.unit.as_str()), (3, 7, "files"));
        assert_eq!(*live.watch(&two).borrow(), Progress::default());
    }
}
