//! Whose turn it is to move the files of a connection.
//!
//! A lock of the file system beside the database, so that it holds between processes and is free again when one is killed.

use super::Database;
use crate::installation::slot;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::store::{LockName, SecretStore as _, StoreError, StoreLock};

impl Database {
    /// Waits for it, for as long as one call may take. It is the turn of others when this is dropped.
    pub(crate) async fn turn(&self, id: &ConnectionId) -> Result<StoreLock, StoreError> {
        self.lock(id, &LockName::Slot(slot("moving"))).await
    }
}
