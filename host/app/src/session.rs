//! What a command works with: the home folder, the store, the engine with the connector, and one connection over them.

use crate::cli::Global;
use crate::failure::Failure;
use crate::home::Home;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::Database;
use crate::store::connections::Entry;
use gitlab_sync_component::CONNECTOR;
use gitlab_sync_host::audit::{Flush, JsonLines};
use gitlab_sync_host::clock::{Clock, SystemClock};
use gitlab_sync_host::connection::{Connection, ConnectionParts};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::engine::{Allocation, Connector, Engine, EngineOptions};
use gitlab_sync_host::files::directory::{Directory, Kept};
use gitlab_sync_host::limits::Limits;
use gitlab_sync_host::secrets::names::SlotName;
use gitlab_sync_host::secrets::vault::Vault;
use gitlab_sync_host::state::StateStore;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

/// The slot of the access token.
pub(crate) const TOKEN: &str = "token";

/// The trail's file is put away past this size, and so many of those are kept: about a million lines.
const MOST_AUDIT_BYTES: u64 = 32 << 20;
const KEPT_AUDIT_FILES: u32 = 7;

/// Everything that stays the same for one run.
pub(crate) struct Session {
    pub(crate) id: ConnectionId,
    pub(crate) home: Home,
    pub(crate) database: Database,
    pub(crate) vault: Arc<Vault>,
    pub(crate) connector: Connector,
    pub(crate) output: Arc<Output>,
    progress: Arc<Progress>,
    /// The master key stays the one that was read.
    _together: File,
}

impl Session {
    pub(crate) async fn open(global: &Global, output: &Arc<Output>) -> Result<Self, Failure> {
        Self::at(Home::open(global.home.as_deref())?, &global.connection, output).await
    }

    /// For the connection of this name, below this home.
    pub(crate) async fn at(home: Home, name: &str, output: &Arc<Output>) -> Result<Self, Failure> {
        let id = ConnectionId::parse(name).map_err(|error| {
            Failure::of(&error).hint("give it with `--connection`, such as `--connection handbook`")
        })?;
        let together = home.together()?;
        let database = Database::open(&home.database())?;
        // Beside this task, so that Ctrl-C ends a wait for somebody to unlock the keyring.
        let key = tokio::task::spawn_blocking({
            let home = home.clone();
            move || home.master_key()
        });
        let key = key.await.map_err(|error| Failure::of(&error))??;
        let vault = Arc::new(Vault::new(Arc::new(database.clone()), key));
        let connector = load(CONNECTOR.to_vec(), Some(home.cache()), Allocation::OnDemand, Limits::standard()).await?;
        let progress = Progress::new(output);
        Ok(Self { id, home, database, vault, connector, output: output.clone(), progress, _together: together })
    }

    /// The connection that was named.
    pub(crate) async fn entry(&self) -> Result<Entry, Failure> {
        let entry = self.database.entry(self.id.as_str()).await?;
        let name = if self.id.as_str() == "default" { String::new() } else { format!(" --connection {}", self.id) };
        entry.ok_or_else(|| {
            Failure::new(format!("there is no connection `{}`", self.id))
                .hint(format!("make it with `gitlab-sync connect{name}`"))
        })
    }

    /// The same, ready to be called.
    pub(crate) async fn connection(&self) -> Result<Connection, Failure> {
        let entry = self.entry().await?;
        // Of another master key the connector could only say that the token is not there.
        self.vault.status(&self.id, &slot(TOKEN)).await?;
        self.open_with(&entry, self.vault.clone(), Arc::new(self.database.clone())).await
    }

    /// Older versions of files that the folder's journal had to put aside.
    pub(crate) async fn kept(&self) -> Result<Vec<Kept>, Failure> {
        let folder = Directory::open(&self.entry().await?.workspace)?;
        folder.kept().await.map_err(|error| Failure::of(&error))
    }

    /// A connection over other storage, such as none that lasts.
    pub(crate) async fn open_with(
        &self,
        entry: &Entry,
        vault: Arc<Vault>,
        state: Arc<dyn StateStore>,
    ) -> Result<Connection, Failure> {
        let parts = ConnectionParts {
            id: self.id.clone(),
            grant: entry.grant.clone(),
            workspace: Some(Arc::new(Directory::open(&entry.workspace)?)),
            state,
            vault,
            log: self.progress.clone(),
            audit: Arc::new(self.audit()?),
            clock: Arc::new(SystemClock),
        };
        Ok(Connection::open(&self.connector, parts).await?)
    }

    /// Lines outlast the process at once; a sync for each would double the time of a small call.
    fn audit(&self) -> Result<JsonLines, Failure> {
        let path = self.home.audit(self.id.as_str());
        Ok(JsonLines::open(&path, Flush::System, MOST_AUDIT_BYTES, KEPT_AUDIT_FILES)?)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        SystemClock.now_ms()
    }
}

/// A slot's name that is known to be one.
pub(crate) fn slot(name: &str) -> SlotName {
    SlotName::parse(name).expect("the name is written in this program")
}

/// Compiles a component, or takes it compiled from the cache; away from the async threads, because it takes a while.
pub(crate) async fn load(
    bytes: Vec<u8>,
    cache: Option<PathBuf>,
    allocation: Allocation,
    limits: Limits,
) -> Result<Connector, Failure> {
    let work = move || {
        let options = EngineOptions { cache, allocation, limits };
        Ok(Engine::new(options)?.load(&bytes)?)
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Failure::of(&error))?
}
