//! What a command works with: the installation, and the one connection that was named.

use crate::cli::Global;
use crate::failure::Failure;
use crate::home::Home;
use crate::installation::{Installation, Purpose};
use crate::operations::moving::Mover;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::connections::Entry;
use gitlab_sync_host::clock::Clock;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::files::directory::Kept;
use std::sync::Arc;

/// Everything that stays the same for one run of a command.
pub(crate) struct Session {
    pub(crate) id: ConnectionId,
    pub(crate) output: Arc<Output>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) installation: Installation,
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
        let installation = Installation::open(home, Purpose::Command).await?;
        Ok(Self { id, output: output.clone(), progress: Progress::new(output), installation })
    }

    /// The same at another time.
    pub(crate) fn at_time(mut self, clock: Arc<dyn Clock>) -> Self {
        self.installation.clock = clock;
        self
    }

    /// The connection that was named.
    pub(crate) async fn entry(&self) -> Result<Entry, Failure> {
        let entry = self.installation.database.entry(&self.id).await?;
        entry.ok_or_else(|| {
            Failure::new(format!("there is no connection `{}`", self.id)).hint("make it with `gitlab-sync connect`")
        })
    }

    /// The same, ready to be called.
    pub(crate) async fn connection(&self) -> Result<Connection, Failure> {
        Ok(self.installation.connection(&self.entry().await?, self.progress.clone()).await?)
    }

    /// To move its files.
    pub(crate) fn mover<'m>(&'m self, connection: &'m Connection) -> Mover<'m> {
        Mover { id: &self.id, connection, database: &self.installation.database }
    }

    /// Older versions of files that the folder's journal had to put aside.
    pub(crate) async fn kept(&self) -> Result<Vec<Kept>, Failure> {
        Ok(self.installation.kept(&self.entry().await?).await?)
    }
}
