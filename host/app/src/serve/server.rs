//! What all routes and tasks share.
//!
//! Opens connections, and keeps them open: each costs a folder's handle and a pool of sockets. Not decided here: who may use one (the
//! routes), and when it is called (`worker`, `intake`).

use super::config::Config;
use super::health::Health;
use super::job::{JobNumber, Wake};
use super::live::{Hearing, Live, Progress};
use super::log::Log;
use super::metrics::{Counted, Metrics};
use super::people::People;
use super::queue::{Arrival, Put, Queue, QueueError};
use super::states::States;
use super::trail::Trail;
use crate::failure::Failure;
use crate::home::Home;
use crate::installation::{Installation, Purpose};
use crate::operations::Trouble;
use crate::store::connections::Entry;
use gitlab_sync_host::audit::AuditTrail;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::LogSink;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Calls at once beside those of jobs: deliveries and the page.
const OTHER_CALLS: u32 = 48;

/// One per process, behind an `Arc`.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) installation: Installation,
    pub(crate) people: Arc<dyn People>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) states: Arc<dyn States>,
    pub(crate) trail: Arc<dyn Trail>,
    pub(crate) log: Arc<Log>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// When the process began to serve.
    pub(crate) since_ms: u64,
    /// A job may have become due.
    pub(crate) due: Notify,
    live: Arc<Live>,
    open: Mutex<HashMap<ConnectionId, Connection>>,
    _served: File,
}

/// Home, store, vault, connector and clock are those of the installation.
impl Deref for Server {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        &self.installation
    }
}

impl Server {
    pub(crate) async fn open(config: Config, home: Home, log: Log) -> Result<Self, Failure> {
        let served = home.served()?;
        let purpose = Purpose::Server { calls: config.jobs + OTHER_CALLS };
        let metrics = Arc::new(Metrics::new());
        let counted = |inner| Arc::new(Counted { metrics: metrics.clone(), inner }) as Arc<dyn AuditTrail>;
        let installation = Installation::open(home, purpose).await?.heard_by(counted);
        let (store, since_ms) = (Arc::new(installation.database.clone()), installation.now_ms());
        Ok(Self {
            config,
            installation,
            people: store.clone(),
            queue: store.clone(),
            states: store.clone(),
            trail: store,
            log: Arc::new(log),
            metrics,
            health: Arc::default(),
            since_ms,
            due: Notify::new(),
            live: Arc::default(),
            open: Mutex::default(),
            _served: served,
        })
    }

    /// As the operator or a person made it.
    pub(crate) async fn entry(&self, id: &ConnectionId) -> Result<Entry, Failure> {
        let entry = self.database.entry(id).await?;
        entry.ok_or_else(|| Failure::new(format!("there is no connection `{id}`")).coded("connection-gone"))
    }

    /// Ready to be called; stays open until it is [`changed`](Self::changed).
    pub(crate) async fn connection(&self, id: &ConnectionId) -> Result<Connection, Failure> {
        if let Some(known) = self.kept().get(id) {
            return Ok(known.clone());
        }
        Ok(self.opened(&self.entry(id).await?).await?)
    }

    /// The same for one whose entry is known.
    pub(crate) async fn opened(&self, entry: &Entry) -> Result<Connection, Trouble> {
        if let Some(known) = self.kept().get(&entry.id) {
            return Ok(known.clone());
        }
        let connection = self.installation.connection(entry, self.hearing(&entry.id)).await?;
        self.kept().insert(entry.id.clone(), connection.clone());
        Ok(connection)
    }

    /// Its grant, its folder or its token is another one now, or it is gone.
    pub(crate) fn changed(&self, id: &ConnectionId) {
        self.kept().remove(id);
    }

    /// The job that will do it. It is on disk when this returns.
    pub(crate) async fn wake(&self, wake: Wake) -> Result<JobNumber, Failure> {
        let arrival = self.arrival(wake).await?;
        let put = self.queue.put(vec![arrival], self.now_ms()).await?;
        self.due.notify_one();
        match put.first() {
            Some(Put::Queued(number) | Put::Joined(number)) => Ok(*number),
            _ => Err(Failure::new("the queue took nothing")),
        }
    }

    /// What the connection does at this moment, and every change of it.
    pub(crate) fn live(&self, id: &ConnectionId) -> watch::Receiver<Progress> {
        self.live.watch(id)
    }

    pub(crate) fn progress(&self) -> &Live {
        &self.live
    }

    async fn arrival(&self, wake: Wake) -> Result<Arrival, Failure> {
        let (organisation, place) = self.database.whose(&wake.connection).await?;
        let Wake { connection, job, cause, order } = wake;
        let due_ms = self.now_ms();
        Ok(Arrival { connection, organisation, place, cause, job: Some(job), order, due_ms })
    }

    /// Hears what a connection's calls tell.
    pub(crate) fn hearing(&self, id: &ConnectionId) -> Arc<dyn LogSink> {
        Arc::new(Hearing { live: self.live.clone(), log: self.log.clone(), id: id.clone() })
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<ConnectionId, Connection>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::of(&error)
    }
}
