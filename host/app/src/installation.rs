//! What every command and the server work with: the home folder, the store, the vault, and the engine with the connector.
//!
//! Opens connections. Not decided here: which one is meant, who may call it, and where its progress is shown.

use crate::failure::Failure;
use crate::home::Home;
use crate::operations::Trouble;
use crate::store::Database;
use crate::store::connections::Entry;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{AuditError, AuditTrail, Flush, JsonLines};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::files::directory::{Directory, Kept};
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::log::LogSink;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::store::SecretStore;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::StateStore;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// The slot of the access token.
pub(crate) const TOKEN: &str = "token";

/// The trail's file is put away past this size, and so many of those are kept: of a connection's own about a million lines.
const MOST_AUDIT_BYTES: u64 = 32 << 20;
const MOST_SHARED_AUDIT_BYTES: u64 = 256 << 20;
const KEPT_AUDIT_FILES: u32 = 7;

/// What the program is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One command, for one connection.
    Command,
    /// A server with at most so many calls at once. The trail of all its connections is one file, so that a thousand of them do not
    /// need a thousand files; each line says whose it is.
    Server { calls: u32 },
}

/// Everything that stays the same for one run.
pub(crate) struct Installation {
    pub(crate) home: Home,
    pub(crate) database: Database,
    pub(crate) vault: Arc<Vault>,
    pub(crate) connector: Connector,
    pub(crate) clock: Arc<dyn Clock>,
    /// None: each connection has its own.
    audit: Option<Arc<dyn AuditTrail>>,
    /// The master key stays the one that was read.
    _together: File,
}

impl Installation {
    pub(crate) async fn open(home: Home, purpose: Purpose) -> Result<Self, Failure> {
        let together = home.together()?;
        let (allocation, audit) = match purpose {
            Purpose::Command => (Allocation::OnDemand, None),
            Purpose::Server { calls } => (
                Allocation::Pooled(calls),
                Some(Arc::new(shared_audit(&home.audit_of_the_server())?) as Arc<dyn AuditTrail>),
            ),
        };
        let options = EngineOptions { cache: Some(home.cache()), allocation, limits: Limits::standard() };
        // Takes longer than all the rest, which is done beside it.
        let connector = tokio::spawn(load(CONNECTOR, options));
        let database = Database::open(&home.database())?;
        // Beside this task, so that Ctrl-C ends a wait for somebody to unlock the keyring.
        let key = tokio::task::spawn_blocking({
            let home = home.clone();
            move || home.master_key()
        });
        let key = key.await.map_err(|error| Failure::of(&error))??;
        let vault = Arc::new(Vault::new(Arc::new(database.clone()), key));
        let connector = connector.await.map_err(|error| Failure::of(&error))??;
        let clock = Arc::new(SystemClock);
        Ok(Self { home, database, vault, connector, clock, audit, _together: together })
    }

    /// With somebody between the connections and the trail that they share.
    pub(crate) fn heard_by(mut self, by: impl FnOnce(Arc<dyn AuditTrail>) -> Arc<dyn AuditTrail>) -> Self {
        self.audit = self.audit.map(by);
        self
    }

    /// Ready to be called.
    pub(crate) async fn connection(&self, entry: &Entry, log: Arc<dyn LogSink>) -> Result<Connection, Trouble> {
        // Of another master key the connector could only say that the token is not there.
        self.vault.status(&entry.id, &slot(TOKEN)).await?;
        self.connection_with(entry, self.vault.clone(), log).await
    }

    /// A connection over another vault, such as one that is gone afterwards.
    pub(crate) async fn connection_with(
        &self,
        entry: &Entry,
        vault: Arc<Vault>,
        log: Arc<dyn LogSink>,
    ) -> Result<Connection, Trouble> {
        let parts = ConnectionParts {
            id: entry.id.clone(),
            grant: entry.grant.clone(),
            workspace: Some(Arc::new(Directory::open(&entry.workspace)?)),
            state: Arc::new(self.database.clone()),
            vault,
            log,
            audit: self.audit(&entry.id)?,
            clock: self.clock.clone(),
        };
        Ok(Connection::open(&self.connector, parts).await?)
    }

    /// For what was noted, without the folder, which may be away.
    pub(crate) async fn notes(&self, entry: &Entry, log: Arc<dyn LogSink>) -> Result<Connection, Trouble> {
        self.verifier(entry, Arc::new(self.database.clone()), None, log).await
    }

    /// To verify deliveries with, by what this way to the store says: without a workspace, so that one is judged also while the folder is
    /// away. The trail is the connection's own unless another is given.
    pub(crate) async fn verifier<S: StateStore + SecretStore + 'static>(
        &self,
        entry: &Entry,
        store: Arc<S>,
        trail: Option<Arc<dyn AuditTrail>>,
        log: Arc<dyn LogSink>,
    ) -> Result<Connection, Trouble> {
        let audit = trail.map_or_else(|| self.audit(&entry.id), Ok)?;
        let parts = ConnectionParts {
            id: entry.id.clone(),
            grant: entry.grant.clone(),
            workspace: None,
            vault: Arc::new(self.vault.over(store.clone())),
            state: store,
            log,
            audit,
            clock: self.clock.clone(),
        };
        Ok(Connection::open(&self.connector, parts).await?)
    }

    /// Older versions of files that the folder's journal had to put aside.
    pub(crate) async fn kept(&self, entry: &Entry) -> Result<Vec<Kept>, Trouble> {
        Ok(Directory::open(&entry.workspace)?.kept().await?)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Lines outlast the process at once; a sync for each would double the time of a small call.
    fn audit(&self, id: &ConnectionId) -> Result<Arc<dyn AuditTrail>, AuditError> {
        if let Some(shared) = &self.audit {
            return Ok(shared.clone());
        }
        let path = self.home.audit(id.as_str());
        Ok(Arc::new(JsonLines::open(&path, Flush::System, MOST_AUDIT_BYTES, KEPT_AUDIT_FILES)?))
    }
}

/// A trail of many connections.
pub(crate) fn shared_audit(path: &Path) -> Result<JsonLines, AuditError> {
    JsonLines::open(path, Flush::System, MOST_SHARED_AUDIT_BYTES, KEPT_AUDIT_FILES)
}

/// A slot's name that is known to be one.
pub(crate) fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("the name is written in this program")
}

/// Compiles a component, or takes it compiled from the cache; away from the async threads, because it takes a while.
pub(crate) async fn load(
    bytes: impl AsRef<[u8]> + Send + 'static,
    options: EngineOptions,
) -> Result<Connector, Failure> {
    let work = move || Ok(Engine::new(options)?.load(bytes.as_ref())?);
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::of(&error))?
}
