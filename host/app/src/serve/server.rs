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
use crate::session;
use crate::store::Database;
use crate::store::connections::Entry;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{Flush, JsonLines};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector};
use gitlab_sync_host::files::directory::Directory;
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::secrets::vault::Vault;
use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// Calls at once beside those of jobs: deliveries and the page.
const OTHER_CALLS: u32 = 48;

/// The trail of all connections is one file, so that a thousand of them do not need a thousand files; each line says whose it is.
const MOST_AUDIT_BYTES: u64 = 256 << 20;
const KEPT_AUDIT_FILES: u32 = 7;

/// One per process, behind an `Arc`.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) home: Home,
    pub(crate) database: Database,
    pub(crate) vault: Arc<Vault>,
    pub(crate) connector: Connector,
    pub(crate) people: Arc<dyn People>,
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) states: Arc<dyn States>,
    pub(crate) trail: Arc<dyn Trail>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<Log>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// When the process began to serve.
    pub(crate) since_ms: u64,
    /// A job may have become due.
    pub(crate) due: Notify,
    live: Arc<Live>,
    audit: Arc<Counted>,
    open: Mutex<HashMap<ConnectionId, Connection>>,
    _locks: [File; 2],
}

impl Server {
    pub(crate) async fn open(config: Config, home: Home, log: Log) -> Result<Self, Failure> {
        let locks = [home.served()?, home.together()?];
        let database = Database::open(&home.database())?;
        let key = tokio::task::spawn_blocking({
            let home = home.clone();
            move || home.master_key()
        });
        let key = key.await.map_err(|error| Failure::of(&error))??;
        let allocation = Allocation::Pooled(config.jobs + OTHER_CALLS);
        let connector = session::load(CONNECTOR.to_vec(), Some(home.cache()), allocation, Limits::standard()).await?;
        let audit = JsonLines::open(&home.audit_of_the_server(), Flush::System, MOST_AUDIT_BYTES, KEPT_AUDIT_FILES)?;
        let metrics = Arc::new(Metrics::new());
        let audit = Arc::new(Counted { metrics: metrics.clone(), inner: audit });
        let store = Arc::new(database.clone());
        Ok(Self {
            config,
            home,
            vault: Arc::new(Vault::new(store.clone(), key)),
            connector,
            people: store.clone(),
            queue: store.clone(),
            states: store.clone(),
            trail: store,
            database,
            clock: Arc::new(SystemClock),
            log: Arc::new(log),
            metrics,
            health: Arc::default(),
            since_ms: SystemClock.now_ms(),
            due: Notify::new(),
            live: Arc::default(),
            audit,
            open: Mutex::default(),
            _locks: locks,
        })
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// As the operator or a person made it.
    pub(crate) async fn entry(&self, id: &ConnectionId) -> Result<Entry, Failure> {
        let entry = self.database.entry(id.as_str()).await?;
        entry.ok_or_else(|| Failure::new(format!("there is no connection `{id}`")).coded("connection-gone"))
    }

    /// Ready to be called; stays open until it is [`changed`](Self::changed).
    pub(crate) async fn connection(&self, id: &ConnectionId) -> Result<Connection, Failure> {
        if let Some(known) = self.kept().get(id) {
            return Ok(known.clone());
        }
        let connection = self.open_connection(&self.entry(id).await?).await?;
        self.kept().insert(id.clone(), connection.clone());
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

    async fn open_connection(&self, entry: &Entry) -> Result<Connection, Failure> {
        let id = ConnectionId::parse(&entry.id).map_err(|error| Failure::of(&error))?;
        let hearing = Hearing { live: self.live.clone(), log: self.log.clone(), id: id.clone() };
        let parts = ConnectionParts {
            id,
            grant: entry.grant.clone(),
            workspace: Some(Arc::new(Directory::open(&entry.workspace)?)),
            state: Arc::new(self.database.clone()),
            vault: self.vault.clone(),
            log: Arc::new(hearing),
            audit: self.audit.clone(),
            clock: self.clock.clone(),
        };
        Ok(Connection::open(&self.connector, parts).await?)
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
