//! What all routes and tasks share.
//!
//! Opens connections, and keeps them open: each costs a folder's handle and a pool of sockets. Not decided here: who may use one (the
//! routes), and when it is called (`worker`, `intake`).

use super::config::Config;
use super::health::Health;
use super::hooks::{self, HookPath, Keeper, Led};
use super::job::{JobNumber, Wake};
use super::live::{Hearing, Live, Progress};
use super::log::Log;
use super::metrics::{Counted, Metrics};
use super::opened::Opened;
use super::people::People;
use super::problem::Problem;
use super::queue::{Arrival, Put, Queue, QueueError};
use super::remembered::Remembered;
use super::sessions::Sessions;
use super::states::{Change, States, StatesError};
use super::trail::Trail;
use super::verifiers::{Owner, Verifier, Verifiers};
use crate::failure::Failure;
use crate::home::Home;
use crate::installation::{self, Installation, Purpose};
use crate::operations::Trouble;
use crate::operations::hooks::grant;
use crate::store::connections::Entry;
use gitlab_sync_host::audit::AuditTrail;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::sync::WebhookMode;
use std::fs::File;
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Calls at once beside those of jobs: deliveries and the page.
const OTHER_CALLS: u32 = 48;

/// One per process, behind an `Arc`.
pub(crate) struct Server {
    pub(crate) config: Config,
    pub(crate) installation: Installation,
    pub(crate) people: Arc<dyn People>,
    pub(crate) sessions: Arc<dyn Sessions>,
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
    /// Other folders may have to be watched.
    pub(crate) folders: Notify,
    live: Arc<Live>,
    open: Opened,
    verifiers: Verifiers,
    strangers: Verifiers,
    strangers_trail: Arc<dyn AuditTrail>,
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
        let strangers_trail = installation::shared_audit(&installation.home.audit_of_strangers())?;
        let (store, since_ms) = (Arc::new(installation.database.clone()), installation.now_ms());
        Ok(Self {
            config,
            installation,
            people: store.clone(),
            sessions: store.clone(),
            queue: store.clone(),
            states: store.clone(),
            trail: store,
            log: Arc::new(log),
            metrics,
            health: Arc::default(),
            since_ms,
            due: Notify::new(),
            folders: Notify::new(),
            live: Arc::default(),
            open: Opened::default(),
            verifiers: Verifiers::default(),
            strangers: Verifiers::default(),
            strangers_trail: Arc::new(strangers_trail),
            _served: served,
        })
    }

    /// As the operator or a person made it.
    pub(crate) async fn entry(&self, id: &ConnectionId) -> Result<Entry, Failure> {
        let entry = self.database.entry(id).await?;
        entry.ok_or_else(|| Failure::new(format!("there is no connection `{id}`")).coded("connection-gone"))
    }

    /// Ready to be called, as the entry is now.
    pub(crate) async fn connection(&self, id: &ConnectionId) -> Result<Connection, Failure> {
        Ok(self.opened(self.entry(id).await?).await?)
    }

    /// The same for one whose entry is known.
    pub(crate) async fn opened(&self, entry: Entry) -> Result<Connection, Trouble> {
        if let Some(known) = self.open.get(&entry) {
            return Ok(known);
        }
        let connection = self.installation.connection(&entry, self.hearing(&entry.id)).await?;
        self.open.keep(entry, &connection);
        Ok(connection)
    }

    /// Whom a delivery to this path has to convince. None: there is no path at all.
    pub(crate) async fn judge(&self, path: &HookPath) -> Result<Option<Judge>, Failure> {
        let Some(led) = self.database.hook(path)? else { return Ok(None) };
        let known = if led.own { &self.verifiers } else { &self.strangers };
        let kept = known.get(&led.connection);
        let verifier = match kept {
            Some(kept) if kept.edition >= led.edition => kept,
            kept => {
                let verifier = self.verifier(&led, kept).await?;
                known.keep(&verifier);
                verifier
            }
        };
        Ok(Some(Judge { connection: verifier.connection, owner: led.own.then_some(verifier.owner) }))
    }

    /// As the store has it now. What was opened with the same entry stays open.
    async fn verifier(&self, led: &Led, kept: Option<Verifier>) -> Result<Verifier, Failure> {
        let entry = self.entry(&led.connection).await?;
        let (organisation, place) = self.database.whose(&entry.id).await?;
        let owner = Arc::new(Owner { connection: entry.id.clone(), organisation, place });
        if let Some(kept) = kept.filter(|kept| *kept.entry == entry) {
            kept.remembered.since(led.edition);
            return Ok(Verifier { edition: led.edition, owner, ..kept });
        }
        let remembered = Arc::new(Remembered::new(self.database.clone(), entry.id.clone()));
        remembered.since(led.edition);
        let trail = (!led.own).then(|| self.strangers_trail.clone());
        let hearing = self.hearing(&entry.id);
        let connection = self.installation.verifier(&entry, remembered.clone(), trail, hearing).await?;
        Ok(Verifier { edition: led.edition, entry: Arc::new(entry), owner, connection, remembered })
    }

    /// The connection is gone, or its folder is another one under the same name.
    pub(crate) fn changed(&self, id: &ConnectionId) {
        self.open.forget(id);
        for known in [&self.verifiers, &self.strangers] {
            known.forget(id);
        }
        self.folders.notify_one();
    }

    /// The connection was disconnected: nothing here remembers it.
    pub(crate) async fn gone(&self, id: &ConnectionId) -> Result<(), Failure> {
        self.changed(id);
        self.queue.forget(id).await?;
        self.states.forget(id).await?;
        self.live.forget(id);
        Ok(())
    }

    /// After something was written down for these. What ran or was heard while a connection was disconnected ends after it, and must leave
    /// nothing that a later one of the same name would find.
    pub(crate) async fn clear_up_after(&self, ids: Vec<ConnectionId>) {
        let cleared = async {
            for id in self.database.unlisted(ids).await? {
                if self.database.remove_what_is_left(&id).await? {
                    self.gone(&id).await?;
                }
            }
            Ok::<_, Failure>(())
        };
        if let Err(failure) = cleared.await {
            self.log.warn("what is left of a connection could not be removed", &[("why", failure.innermost())]);
        }
    }

    /// From now on the webhook is looked after by this one: gives the entry with the address granted. The connector is still to be told,
    /// by a connection that is opened with it.
    pub(crate) async fn keeper(&self, entry: Entry, keeper: Keeper) -> Result<(Entry, WebhookMode), Failure> {
        let path = hooks::path(&entry.id, &self.vault, &self.database, self.now_ms()).await?;
        let url = format!("{}{}", self.config.base(), path.route());
        let mode = match keeper {
            Keeper::Auto => WebhookMode::Auto(url),
            Keeper::Manual => WebhookMode::Manual(Some(url)),
            Keeper::None => WebhookMode::None,
        };
        let entry = grant(entry, &mode, &self.installation).await?;
        self.changed(&entry.id);
        Ok((entry, mode))
    }

    /// Whether edits are pushed by themselves from now on.
    pub(crate) async fn auto_sync(&self, id: &ConnectionId, on: bool) -> Result<(), Failure> {
        self.states.change(id, vec![Change::AutoSync(on)]).await?;
        self.folders.notify_one();
        Ok(())
    }

    /// Whether a first sync has ended. Before that, nothing is moved without a person, who sees the plan.
    pub(crate) async fn has_synced(&self, id: &ConnectionId) -> Result<bool, Failure> {
        Ok(self.connection(id).await?.status().await?.synced_ms.is_some())
    }

    /// Nothing is done for it until it is resumed; deliveries are taken and wait.
    pub(crate) async fn pause(&self, id: &ConnectionId, problem: Problem) -> Result<(), Failure> {
        self.queue.hold(id).await?;
        self.states.change(id, vec![Change::Paused(problem)]).await?;
        Ok(())
    }

    /// What has waited is done now.
    pub(crate) async fn resume(&self, id: &ConnectionId) -> Result<(), Failure> {
        self.states.change(id, vec![Change::Resumed]).await?;
        self.queue.let_go(id).await?;
        self.due.notify_one();
        Ok(())
    }

    /// The job that will do it. It is on disk when this returns.
    pub(crate) async fn wake(&self, wake: Wake) -> Result<JobNumber, Failure> {
        self.entry(&wake.connection).await?;
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
}

/// Whom a delivery has to convince.
pub(crate) struct Judge {
    pub(crate) connection: Connection,
    /// Whose path it is. None: nobody's, and nothing comes of what is judged.
    pub(crate) owner: Option<Arc<Owner>>,
}

impl From<QueueError> for Failure {
    fn from(error: QueueError) -> Self {
        Self::of(&error)
    }
}

impl From<StatesError> for Failure {
    fn from(error: StatesError) -> Self {
        Self::of(&error)
    }
}
