//! Each connection's ledger in the `state` table, written with compare-and-swap.

use super::Database;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::state::{Key, MOST_KEYS, MOST_ROOM_BYTES, MOST_VALUE_BYTES, Put, StateError, StateStore, Value};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;

#[async_trait]
impl StateStore for Database {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let (id, key) = (connection.to_string(), key.to_string());
        let value = self.read(move |connection| {
            let select = "SELECT bytes, version FROM state WHERE connection = ?1 AND key = ?2";
            let value = |row: &rusqlite::Row<'_>| Ok(Value { bytes: row.get(0)?, version: row.get(1)? });
            connection.query_row(select, (id, key), value).optional()
        });
        value.await.map_err(|error| StateError::storage("the ledger could not be read", error))
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        well_formed(&writes)?;
        let id = connection.to_string();
        let done = self.write(move |connection| {
            let changed = changed(connection, &id, &writes)?;
            if !changed.is_empty() {
                return Ok(Err(StateError::Changed(changed)));
            }
            for put in &writes {
                write(connection, &id, put)?;
            }
            within_limits(connection, &id)
        });
        done.await.map_err(|error| StateError::storage("the ledger could not be written", error))?
    }
}

fn well_formed(writes: &[Put]) -> Result<(), StateError> {
    let mut seen = HashSet::new();
    for put in writes {
        let size = put.bytes.as_ref().map_or(0, Vec::len);
        if !seen.insert(&put.key) {
            return Err(StateError::Invalid(format!("`{}` is written twice in one commit", put.key)));
        }
        if size > MOST_VALUE_BYTES {
            return Err(StateError::Invalid(format!("`{}` has {size} bytes, more than {MOST_VALUE_BYTES}", put.key)));
        }
    }
    Ok(())
}

/// The keys that do not have the version they were read at.
fn changed(connection: &Connection, id: &str, writes: &[Put]) -> rusqlite::Result<Vec<Key>> {
    let mut select = connection.prepare("SELECT version FROM state WHERE connection = ?1 AND key = ?2")?;
    let mut changed = vec![];
    for put in writes {
        let version: Option<u64> = select.query_row((id, put.key.as_str()), |row| row.get(0)).optional()?;
        if version.unwrap_or(0) != put.expected {
            changed.push(put.key.clone());
        }
    }
    Ok(changed)
}

/// A new key starts above every version that a removed one had.
fn write(connection: &Connection, id: &str, put: &Put) -> rusqlite::Result<()> {
    let key = put.key.as_str();
    let Some(bytes) = &put.bytes else {
        connection.execute(
            "INSERT INTO floors VALUES (?1, ?2) ON CONFLICT (connection) DO UPDATE SET version = max(version, excluded.version)",
            (id, put.expected),
        )?;
        return connection.execute("DELETE FROM state WHERE connection = ?1 AND key = ?2", (id, key)).map(drop);
    };
    let floor = || {
        let select = "SELECT version FROM floors WHERE connection = ?1";
        connection.query_row(select, [id], |row| row.get(0)).optional().map(Option::unwrap_or_default)
    };
    let before = if put.expected == 0 { floor()? } else { put.expected };
    let insert = "INSERT OR REPLACE INTO state (connection, key, version, bytes) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(insert, (id, key, before + 1, bytes)).map(drop)
}

fn within_limits(connection: &Connection, id: &str) -> rusqlite::Result<Result<(), StateError>> {
    let select = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM state WHERE connection = ?1";
    let (keys, bytes): (usize, u64) = connection.query_row(select, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if keys > MOST_KEYS {
        let sentence = format!("the connection has {keys} keys, more than {MOST_KEYS}");
        return Ok(Err(StateError::Invalid(sentence)));
    }
    if bytes > MOST_ROOM_BYTES {
        let sentence = format!("the connection's values have {bytes} bytes, more than {MOST_ROOM_BYTES}");
        return Ok(Err(StateError::Invalid(sentence)));
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gitlab_sync_host::state::conformance;
    use std::cell::RefCell;

    #[tokio::test]
    async fn the_sqlite_store_conforms() {
        let folders = RefCell::new(vec![]);
        conformance::check(|| {
            let folder = tempfile::tempdir().unwrap();
            let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
            folders.borrow_mut().push(folder);
            database
        })
        .await;
    }

    #[tokio::test]
    async fn a_ledger_is_there_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Database::open(&folder.path().join("store.sqlite")).unwrap();
        let (id, key) = (ConnectionId::parse("one").unwrap(), Key::parse("a/b").unwrap());
        let put = |bytes: Option<&[u8]>, expected| Put { key: key.clone(), bytes: bytes.map(Vec::from), expected };
        open().commit(&id, vec![put(Some(b"1"), 0)]).await.unwrap();
        open().commit(&id, vec![put(None, 1)]).await.unwrap();
        open().commit(&id, vec![put(Some(b"2"), 0)]).await.unwrap();
        assert_eq!(open().get(&id, &key).await.unwrap(), Some(Value { bytes: b"2".to_vec(), version: 2 }));
    }
}
