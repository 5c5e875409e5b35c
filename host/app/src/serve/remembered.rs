//! What deliveries of one connection are judged by, kept in memory: its settings and its sealed secrets, as they are in the store.
//!
//! Nothing here is older than the edition that a delivery has found for its connection: the store counts one up with every change of what
//! it keeps of a connection, in the same transaction, also when another process makes it. Secrets stay sealed here as they are there.

use crate::store::Database;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::secrets::store::{Change, LockName, Records, SecretStore, StoreError, StoreLock};
use gitlab_sync_host::state::{Key, Put, StateError, StateStore, Value};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The store, as one connection sees it.
pub(crate) struct Remembered {
    database: Database,
    connection: ConnectionId,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// The newest that was asked for.
    edition: u64,
    /// Counts how often all was forgotten: what was read before that is not kept after it.
    forgotten: u64,
    values: HashMap<Key, Option<Value>>,
    records: Option<Records>,
}

impl Memory {
    fn forget(&mut self) {
        self.forgotten += 1;
        self.values.clear();
        self.records = None;
    }
}

impl Remembered {
    pub(crate) fn new(database: Database, connection: ConnectionId) -> Self {
        Self { database, connection, memory: Mutex::default() }
    }

    /// What is given from now on is of this edition or a later one.
    pub(crate) fn since(&self, edition: u64) {
        let mut memory = self.memory();
        if memory.edition < edition {
            memory.edition = edition;
            memory.forget();
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was read, unless that may have changed meanwhile.
    fn keep(&self, forgotten: u64, keep: impl FnOnce(&mut Memory)) {
        let mut memory = self.memory();
        if memory.forgotten == forgotten {
            keep(&mut memory);
        }
    }
}

#[async_trait]
impl StateStore for Remembered {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        if *connection != self.connection {
            return self.database.get(connection, key).await;
        }
        let forgotten = {
            let memory = self.memory();
            if let Some(value) = memory.values.get(key) {
                return Ok(value.clone());
            }
            memory.forgotten
        };
        let value = self.database.get(connection, key).await?;
        self.keep(forgotten, |memory| drop(memory.values.insert(key.clone(), value.clone())));
        Ok(value)
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        let done = self.database.commit(connection, writes).await;
        self.memory().forget();
        done
    }
}

#[async_trait]
impl SecretStore for Remembered {
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        self.database.connections().await
    }

    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
        if *connection != self.connection {
            return SecretStore::read(&self.database, connection).await;
        }
        let forgotten = {
            let memory = self.memory();
            if let Some(records) = &memory.records {
                return Ok(records.clone());
            }
            memory.forgotten
        };
        let records = SecretStore::read(&self.database, connection).await?;
        self.keep(forgotten, |memory| memory.records = Some(records.clone()));
        Ok(records)
    }

    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
        let done = self.database.apply(connection, changes).await;
        self.memory().forget();
        done
    }

    async fn lock(&self, connection: &ConnectionId, name: &LockName) -> Result<StoreLock, StoreError> {
        self.database.lock(connection, name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::connections::Entry;
    use gitlab_sync_host::grant::Grant;
    use gitlab_sync_host::secrets::envelope::Stored;
    use gitlab_sync_host::secrets::master::MasterKey;
    use gitlab_sync_host::secrets::names::SlotName;
    use gitlab_sync_host::secrets::secret::Secret;
    use gitlab_sync_host::secrets::vault::Vault;
    use std::sync::Arc;

    fn edition(database: &Database) -> u64 {
        let select = "SELECT coalesce(max(edition), 0) FROM editions WHERE connection = 'one'";
        database.glance(|reader| reader.query_row(select, [], |row| row.get(0))).unwrap()
    }

    #[tokio::test]
    async fn every_change_of_a_connection_is_another_edition_whoever_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        // The second stands for a command beside the server.
        let (own, other) = (Database::open(&path).unwrap(), Database::open(&path).unwrap());
        let id = ConnectionId::parse("one").unwrap();
        let entry = Entry { id: id.clone(), workspace: "/srv/one".into(), grant: Grant::default(), account: None };
        let (key, slot) = (Key::parse("a").unwrap(), SlotName::parse("webhook").unwrap());
        let vault = Vault::new(Arc::new(other.clone()), MasterKey::from_bytes([7; 32]));
        let put =
            |bytes: Option<&[u8]>, expected| vec![Put { key: key.clone(), bytes: bytes.map(Vec::from), expected }];
        let stored =
            |text: &str| Stored { secret: Secret::new(text.as_bytes()).unwrap(), created_ms: 1, expires_ms: None };
        let organisation = crate::serve::people::Organisation::of_the_command_line();
        let mut last = edition(&own);
        let mut counts = |what: &str| {
            let now = edition(&own);
            assert!(now > last, "{what}");
            last = now;
        };
        other.give_to(&id, &organisation).await.unwrap();
        counts("an owner");
        other.save_entry(&entry, 1).await.unwrap().unwrap();
        counts("a connection");
        other.save_entry(&entry, 2).await.unwrap().unwrap();
        counts("another grant");
        other.commit(&id, put(Some(b"1"), 0)).await.unwrap();
        counts("a value");
        other.commit(&id, put(Some(b"2"), 1)).await.unwrap();
        counts("another value");
        other.commit(&id, put(None, 2)).await.unwrap();
        counts("no value");
        vault.put(&id, &slot, &stored("canary-of-the-first")).await.unwrap();
        counts("a secret");
        vault.put(&id, &slot, &stored("canary-of-the-second")).await.unwrap();
        counts("another secret");
        vault.forget(&id, &slot).await.unwrap();
        counts("no secret");
        other.remove_entry(&id).await.unwrap();
        counts("no connection");
    }

    #[tokio::test]
    async fn what_is_remembered_is_never_older_than_the_edition_that_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let (own, other) = (Database::open(&path).unwrap(), Database::open(&path).unwrap());
        let id = ConnectionId::parse("one").unwrap();
        let key = Key::parse("a").unwrap();
        let remembered = Remembered::new(own.clone(), id.clone());
        let value = async || remembered.get(&id, &key).await.unwrap().map(|value| value.bytes);
        let put = |text: &str, expected| vec![Put { key: key.clone(), bytes: Some(text.into()), expected }];
        remembered.since(edition(&own));
        assert_eq!(value().await, None);
        other.commit(&id, put("1", 0)).await.unwrap();
        assert_eq!(value().await, None, "nobody has asked for more");
        remembered.since(edition(&own));
        assert_eq!(value().await, Some(b"1".to_vec()));
        let late = edition(&own);
        other.commit(&id, put("2", 1)).await.unwrap();
        remembered.since(edition(&own));
        assert_eq!(value().await, Some(b"2".to_vec()));
        remembered.since(late);
        assert_eq!(value().await, Some(b"2".to_vec()), "a delivery that was late takes nothing back");
        remembered.commit(&id, put("3", 2)).await.unwrap();
        assert_eq!(value().await, Some(b"3".to_vec()), "its own change is seen at once");
        // Read before a change, kept after it: the change would be forgotten.
        let forgotten = remembered.memory().forgotten;
        remembered.commit(&id, put("4", 3)).await.unwrap();
        remembered.keep(forgotten, |memory| drop(memory.values.insert(key.clone(), None)));
        assert_eq!(value().await, Some(b"4".to_vec()));
    }
}
