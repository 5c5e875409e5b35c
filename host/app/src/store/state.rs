//! Each connection's ledger in the `state` table, written with compare-and-swap.

use super::Database;
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::state::{Full, Key, Put, Replaced, StateError, StateStore, Value, judge};
use rusqlite::{Connection, OptionalExtension};

#[async_trait]
impl StateStore for Database {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let value = self.glance(|reader| {
            let select = "SELECT bytes, version FROM state WHERE connection = ?1 AND key = ?2";
            let value = |row: &rusqlite::Row<'_>| Ok(Value { bytes: row.get(0)?, version: row.get(1)? });
            reader.prepare_cached(select)?.query_row((connection.as_str(), key.as_str()), value).optional()
        });
        value.map_err(|error| StateError::storage("the ledger could not be read", error))
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        let id = connection.to_string();
        let done = self.write_openly(move |connection| {
            if let Err(error) = judge(&writes, &replaced(connection, &id, &writes)?, full(connection, &id)?) {
                return Ok(Err(error));
            }
            for put in &writes {
                write(connection, &id, put)?;
            }
            Ok(Ok(()))
        });
        done.await.map_err(|error| StateError::storage("the ledger could not be written", error))?
    }
}

/// What each write finds under its key.
fn replaced(connection: &Connection, id: &str, writes: &[Put]) -> rusqlite::Result<Vec<Option<Replaced>>> {
    let mut select =
        connection.prepare_cached("SELECT version, length(bytes) FROM state WHERE connection = ?1 AND key = ?2")?;
    let found = |row: &rusqlite::Row<'_>| Ok(Replaced { version: row.get(0)?, size: row.get(1)? });
    writes.iter().map(|put| select.query_row((id, put.key.as_str()), found).optional()).collect()
}

/// Counted in the index `sizes_of_state` alone: a page of each value would be read otherwise, at every commit.
fn full(connection: &Connection, id: &str) -> rusqlite::Result<Full> {
    let select = "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM state WHERE connection = ?1";
    connection.prepare_cached(select)?.query_row([id], |row| Ok(Full { keys: row.get(0)?, bytes: row.get(1)? }))
}

/// A new key starts above every version that a removed one had.
fn write(connection: &Connection, id: &str, put: &Put) -> rusqlite::Result<()> {
    let key = put.key.as_str();
    let Some(bytes) = &put.bytes else {
        let floor = "INSERT INTO floors VALUES (?1, ?2)
            ON CONFLICT (connection) DO UPDATE SET version = max(version, excluded.version)";
        connection.prepare_cached(floor)?.execute((id, put.expected))?;
        let delete = "DELETE FROM state WHERE connection = ?1 AND key = ?2";
        return connection.prepare_cached(delete)?.execute((id, key)).map(drop);
    };
    let floor = || {
        let select = "SELECT version FROM floors WHERE connection = ?1";
        connection.prepare_cached(select)?.query_row([id], |row| row.get(0)).optional().map(Option::unwrap_or_default)
    };
    let before = if put.expected == 0 { floor()? } else { put.expected };
    let insert = "INSERT OR REPLACE INTO state (connection, key, version, bytes) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(insert)?.execute((id, key, before + 1, bytes)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::scratch::Scratch;
    use gitlab_sync_host::state::conformance;

    #[tokio::test]
    async fn the_sqlite_store_conforms() {
        let scratch = Scratch::new();
        conformance::check(|| scratch.store()).await;
    }

    #[tokio::test]
    async fn how_full_a_room_is_counts_one_connection_and_what_is_in_it_now() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let [one, two] = ["one", "two"].map(|id| ConnectionId::parse(id).unwrap());
        let put = |key: &str, bytes: Option<&[u8]>, expected| {
            vec![Put { key: Key::parse(key).unwrap(), bytes: bytes.map(Vec::from), expected }]
        };
        let full = async |id: &str| {
            let id = id.to_owned();
            database.read(move |connection| full(connection, &id)).await.unwrap()
        };
        assert_eq!(full("one").await, Full::default());
        database.commit(&one, put("a", Some(b"12345"), 0)).await.unwrap();
        database.commit(&one, put("b", Some(b"\0\0\xff"), 0)).await.unwrap();
        database.commit(&two, put("a", Some(b"1"), 0)).await.unwrap();
        assert_eq!(full("one").await, Full { keys: 2, bytes: 8 });
        database.commit(&one, put("a", Some(b"1"), 1)).await.unwrap();
        database.commit(&one, put("b", None, 1)).await.unwrap();
        assert_eq!(full("one").await, Full { keys: 1, bytes: 1 });
    }

    /// At 100,000 files, a pull with nothing new read 300 pages to note when it was.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_small_commit_reads_little_however_full_the_room_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let database = Database::open(&path).unwrap();
        let id = ConnectionId::parse("one").unwrap();
        let put = |number: usize| {
            let key = Key::parse(&format!("shard-{number}")).unwrap();
            Put { key, bytes: Some(vec![7; 20_000]), expected: 0 }
        };
        database.commit(&id, (0..400).map(put).collect()).await.unwrap();
        drop(database);
        let store = Connection::open(&path).unwrap();
        let begun = bytes_read();
        let found = full(&store, "one").unwrap();
        let read = bytes_read() - begun;
        assert_eq!(found, Full { keys: 400, bytes: 8_000_000 });
        assert!(read < 64 << 10, "{read} bytes");
    }

    /// By this thread, so far.
    #[cfg(target_os = "linux")]
    fn bytes_read() -> u64 {
        let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
        let count = counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap();
        count.parse().unwrap()
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
