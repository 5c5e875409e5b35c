//! Records that end with the process: for tests, and for products that connect anew at each start.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::names::ConnectionId;
use super::store::{Change, Records, SecretStore, StoreError};

/// A store in memory, for one vault.
#[derive(Debug, Default)]
pub struct MemoryStore {
    connections: Mutex<BTreeMap<ConnectionId, Records>>,
}

impl MemoryStore {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<ConnectionId, Records>> {
        // Nothing below can panic half-way through a change.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SecretStore for MemoryStore {
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        Ok(self.locked().keys().cloned().collect())
    }

    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
        Ok(self.locked().get(connection).cloned().unwrap_or_default())
    }

    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut connections = self.locked();
        let records = connections.entry(connection.clone()).or_default();
        changes.into_iter().for_each(|change| change.apply_to(records));
        if records.is_empty() {
            connections.remove(connection);
        }
        Ok(())
    }
}
