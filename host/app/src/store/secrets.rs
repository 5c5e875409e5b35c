//! The vault's sealed records in the `secrets` table. Never a secret or a key: what arrives here is sealed already.

use super::{Database, DatabaseError};
use async_trait::async_trait;
use gitlab_sync_host::secrets::names::ConnectionId;
use gitlab_sync_host::secrets::store::{Change, LockName, RecordName, Records, SecretStore, StoreError, StoreLock};
use rusqlite::types::Type;
use std::fs::{File, TryLockError};
use std::path::PathBuf;
use std::time::Duration;

/// How often a lock of another process is tried, and for how long together: an exchange may wait for a slow server.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const LOCK_TRIES: u32 = 6_000;

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self::Other(Box::new(error))
    }
}

#[async_trait]
impl SecretStore for Database {
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let names = self.read(|connection| {
            let mut select = connection.prepare("SELECT DISTINCT connection FROM secrets ORDER BY connection")?;
            select
                .query_map([], |row| named(&row.get::<_, String>(0)?, |text| ConnectionId::parse(text).ok()))?
                .collect()
        });
        Ok(names.await?)
    }

    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
        let records = self.glance(|reader| {
            let mut select = reader.prepare_cached("SELECT record, sealed FROM secrets WHERE connection = ?1")?;
            select
                .query_map([connection.as_str()], |row| {
                    Ok((named(&row.get::<_, String>(0)?, RecordName::parse)?, row.get(1)?))
                })?
                .collect()
        });
        Ok(records?)
    }

    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
        let id = connection.to_string();
        self.change(move |connection| {
            for change in changes {
                match change {
                    Change::Put(record, sealed) => connection.execute(
                        "INSERT OR REPLACE INTO secrets VALUES (?1, ?2, ?3)",
                        (&id, record.to_string(), sealed),
                    )?,
                    Change::Delete(record) => connection.execute(
                        "DELETE FROM secrets WHERE connection = ?1 AND record = ?2",
                        (&id, record.to_string()),
                    )?,
                };
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// A file beside the database, never removed, so that two processes never hold locks on two files of one name.
    async fn lock(&self, connection: &ConnectionId, name: &LockName) -> Result<StoreLock, StoreError> {
        let name = match name {
            LockName::Write => format!("{connection}.lock"),
            LockName::Slot(slot) => format!("{connection}.{slot}.lock"),
        };
        let path = self.path().with_extension("locks").join(name);
        for _ in 0..LOCK_TRIES {
            if let Some(file) = try_lock(&path).map_err(|source| StoreError::Io { path: path.clone(), source })? {
                return Ok(Box::new(file));
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(StoreError::Busy(path))
    }
}

/// Free again when the file is closed, also by a kill.
fn try_lock(path: &PathBuf) -> std::io::Result<Option<File>> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = File::options().create(true).append(true).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// A name that only this program writes; anything else is damage.
pub(crate) fn named<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    parse(text)
        .ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, format!("`{text}` is no name").into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_host::secrets::envelope::Stored;
    use gitlab_sync_host::secrets::master::MasterKey;
    use gitlab_sync_host::secrets::names::SlotName;
    use gitlab_sync_host::secrets::secret::Secret;
    use gitlab_sync_host::secrets::vault::Vault;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_vault_finds_its_secrets_again_and_the_file_never_shows_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let (one, other) = (ConnectionId::parse("one").unwrap(), ConnectionId::parse("other").unwrap());
        let slot = SlotName::parse("token").unwrap();
        let vault = || Vault::new(Arc::new(Database::open(&path).unwrap()), MasterKey::from_bytes([7; 32]));
        let secret = Secret::new(*b"canary-of-the-store").unwrap();
        let stored = Stored { secret, created_ms: 1, expires_ms: None };
        vault().put(&one, &slot, &stored).await.unwrap();
        let found = vault().reveal(&one, &slot).await.unwrap().unwrap();
        assert_eq!(found.secret.expose(), b"canary-of-the-store");
        assert!(vault().reveal(&other, &slot).await.unwrap().is_none());
        for entry in
            std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file())
        {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"canary"), "{:?}", entry.path());
        }
        vault().forget_connection(&one).await.unwrap();
        assert!(vault().reveal(&one, &slot).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_lock_keeps_others_out_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let id = ConnectionId::parse("one").unwrap();
        let held = database.lock(&id, &LockName::Write).await.unwrap();
        let path = folder.path().join("store.locks").join("one.lock");
        assert!(try_lock(&path).unwrap().is_none());
        drop(held);
        assert!(try_lock(&path).unwrap().is_some());
    }
}
