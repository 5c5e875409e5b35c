//! The SQLite file: opening, its tables, and work on it away from the async threads.
//!
//! One connection writes (`writer`), others read. WAL, so that readers never wait, not even for the disk that a writer waits for;
//! `synchronous = FULL`, so that what was committed survives a power cut; every change takes the write lock first (`BEGIN IMMEDIATE`), so
//! that what it read is still true when it writes.
//!
//! SQLite would empty its log whenever the last connection is closed: a command that notes one thing would sync the disk six times for
//! it. So a short log stays if nothing but ledgers was written ([`Trace`]), and it is twice: the log, and the folder.

use super::writer::{Trace, Writer};
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two tries where SQLite does not wait by itself.
const PAUSE: Duration = Duration::from_millis(5);

/// Connections for reading that stay open. More are opened when more read at once.
const KEPT_READERS: usize = 16;

/// Statements that a connection keeps compiled: more than this program has.
const STATEMENTS: usize = 128;

/// Each step takes the tables from one version to the next; `user_version` counts them.
const STEPS: &[&str] = &[
    "
    CREATE TABLE connections (
        id TEXT PRIMARY KEY,
        created_ms INTEGER NOT NULL,
        entry TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE claims (
        connection TEXT PRIMARY KEY,
        claim TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE state (
        connection TEXT NOT NULL,
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (connection, key)
    ) STRICT;
    CREATE TABLE floors (
        connection TEXT PRIMARY KEY,
        version INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE secrets (
        connection TEXT NOT NULL,
        record TEXT NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (connection, record)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE installation (mark TEXT NOT NULL) STRICT;
    INSERT INTO installation VALUES (lower(hex(randomblob(8))));
",
    "
    CREATE TABLE users (
        organisation TEXT NOT NULL,
        name TEXT NOT NULL,
        role TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (organisation, name)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE owners (
        connection TEXT PRIMARY KEY,
        organisation TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE hooks (
        digest BLOB PRIMARY KEY,
        connection TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX hooks_of_connection ON hooks (connection);
    CREATE TABLE deliveries (
        connection TEXT NOT NULL,
        key TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        job INTEGER,
        PRIMARY KEY (connection, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_by_time ON deliveries (at_ms);
    CREATE TABLE jobs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        organisation TEXT NOT NULL,
        connection TEXT NOT NULL,
        place TEXT NOT NULL,
        job TEXT NOT NULL,
        cause TEXT NOT NULL,
        how TEXT NOT NULL,
        wakes INTEGER NOT NULL,
        stage TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        ended_ms INTEGER,
        holder TEXT,
        held_until_ms INTEGER,
        problem TEXT
    ) STRICT;
    CREATE UNIQUE INDEX jobs_that_wait ON jobs (connection, job) WHERE stage = 'waiting';
    CREATE INDEX jobs_in_turn ON jobs (organisation, due_ms, number) WHERE stage = 'waiting';
    CREATE INDEX jobs_due ON jobs (due_ms) WHERE stage = 'waiting';
    CREATE UNIQUE INDEX places_in_use ON jobs (place) WHERE stage = 'running';
    CREATE UNIQUE INDEX connections_in_use ON jobs (connection) WHERE stage = 'running';
    CREATE INDEX jobs_of_connection ON jobs (connection, number);
    CREATE INDEX jobs_that_ended ON jobs (stage, ended_ms) WHERE ended_ms IS NOT NULL;
    CREATE TABLE turns (
        organisation TEXT PRIMARY KEY,
        turn INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE holds (connection TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE states (
        connection TEXT PRIMARY KEY,
        state TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE trail (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        organisation TEXT NOT NULL,
        connection TEXT,
        actor TEXT NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        detail TEXT NOT NULL
    ) STRICT;
    CREATE INDEX trail_of_organisation ON trail (organisation, number);
    CREATE INDEX trail_of_connection ON trail (organisation, connection, number);
",
    "
    CREATE TABLE sessions (
        digest BLOB PRIMARY KEY,
        token BLOB NOT NULL,
        begun_ms INTEGER NOT NULL,
        seen_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_of_token ON sessions (token, seen_ms);
  ",
    "
    CREATE TABLE editions (
        connection TEXT PRIMARY KEY,
        edition INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE INDEX trail_by_time ON trail (at_ms);
",
    "
    CREATE INDEX sizes_of_state ON state (connection, length(bytes));
",
];

/// What deliveries are judged by, and the column that names the connection: every change counts its edition up (`serve::remembered`). One
/// more of them takes a step more, if only an empty one.
const COUNTED: [(&str, &str); 5] = [
    ("connections", "id"),
    ("owners", "connection"),
    ("claims", "connection"),
    ("state", "connection"),
    ("secrets", "connection"),
];

/// The open file. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Database {
    /// Those that nobody reads with now. Closed before the writer, which decides what becomes of the log.
    readers: Arc<Mutex<Vec<Connection>>>,
    writer: Arc<Writer>,
    path: PathBuf,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// Made by a later version of this program.
    #[error("`{}` was written by a newer gitlab-sync", .0.display())]
    Newer(PathBuf),
    /// SQLite.
    #[error("`{}` cannot be used", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The system gives no thread to write with.
    #[error("`{}` cannot be written to", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The thread that worked on it died.
    #[error("the work on the store was cut off")]
    CutOff,
    /// Of one connection; the others are whole.
    #[error("what is kept of the connection `{id}` cannot be read")]
    Entry {
        /// The connection.
        id: String,
        /// Why.
        source: rusqlite::Error,
    },
}

impl DatabaseError {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Newer(_) => Some("use that version, or another `--home`".into()),
            Self::Sqlite { source, .. } => advice(source).map(String::from),
            Self::Thread { .. } | Self::CutOff => None,
            Self::Entry { id, .. } => {
                let named = if id == "default" { String::new() } else { format!(" --connection {id}") };
                Some(format!(
                    "put a copy of the store back; without one, remove this connection with `gitlab-sync disconnect{named}` and connect again: files and all other connections stay, and what waited in conflicts goes"
                ))
            }
        }
    }
}

/// What a person can do about it.
fn advice(error: &rusqlite::Error) -> Option<&'static str> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType};
    const DAMAGED: &str = "it is damaged: put a copy of it back; without one, move it away and connect again. Files are safe on both sides, but conflicts that wait to be resolved are kept in it";
    if matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..)) {
        return Some(DAMAGED);
    }
    match error.sqlite_error_code()? {
        ErrorCode::DatabaseBusy => Some("another gitlab-sync is writing; try again"),
        ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => Some(DAMAGED),
        ErrorCode::DiskFull => Some("its disk is full: make room, then try again"),
        ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::SystemIoFailure => {
            Some("see that this user may read and write it and its folder, and that the disk is well and has room")
        }
        _ => None,
    }
}

impl Database {
    /// Opens the file, made with its tables if it is not there. Its folder has to belong to this user alone.
    pub(crate) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let sqlite = |source| DatabaseError::Sqlite { path: path.into(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(sqlite)?;
        prepare(&mut connection).map_err(sqlite)?.then_some(()).ok_or_else(|| DatabaseError::Newer(path.into()))?;
        let writer =
            Writer::start(connection, path).map_err(|source| DatabaseError::Thread { path: path.into(), source })?;
        let database = Self { readers: Arc::default(), writer: Arc::new(writer), path: path.into() };
        // A reader that knows the tables is ready for whoever asks first.
        database.glance(|reader| reader.prepare_cached("SELECT mark FROM installation").map(drop))?;
        Ok(database)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads as much as it likes, as of one moment, away from the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let database = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            database.with_reader(|reader| {
                reader.prepare_cached("BEGIN")?.execute([])?;
                let done = work(reader)?;
                reader.prepare_cached("COMMIT")?.execute([])?;
                Ok(done)
            })
        });
        done.await.map_err(|_| DatabaseError::CutOff)?
    }

    /// Reads a few rows that are found by their keys, in one statement, where it is called: a reader waits for nobody, and such a statement
    /// costs less than the way to another thread, of which a delivery alone would take five.
    pub(crate) fn glance<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DatabaseError> {
        self.with_reader(work)
    }

    /// One that failed is closed, and with it what it had begun.
    fn with_reader<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, DatabaseError> {
        let kept = locked(&self.readers).pop();
        let done = kept.map_or_else(|| reader(&self.path), Ok).and_then(|reader| Ok((work(&reader)?, reader)));
        let (done, reader) = done.map_err(|source| DatabaseError::Sqlite { path: self.path.clone(), source })?;
        let mut readers = locked(&self.readers);
        if readers.len() < KEPT_READERS {
            readers.push(reader);
        }
        Ok(done)
    }

    /// Changes everything that `work` changes, or nothing if it fails or gives back `Err`.
    pub(crate) async fn write<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError> {
        self.write_rows(1, work).await
    }

    /// As `write`, for what changes so many rows that it comes before others of the same time.
    pub(crate) async fn write_rows<T: Send + 'static, E: Send + 'static>(
        &self,
        rows: usize,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError> {
        self.write_leaving(Trace::Goes, rows, work).await
    }

    /// As `write`, for what may be read in SQLite's log for some time.
    pub(crate) async fn write_openly<T: Send + 'static, E: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError> {
        self.write_leaving(Trace::MayStay, 1, work).await
    }

    async fn write_leaving<T: Send + 'static, E: Send + 'static>(
        &self,
        trace: Trace,
        rows: usize,
        work: impl FnOnce(&Connection) -> rusqlite::Result<Result<T, E>> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError> {
        let made = self.writer.write(trace, rows, work).await.map_err(|_| DatabaseError::CutOff)?;
        made.map_err(|source| DatabaseError::Sqlite { path: self.path.clone(), source })
    }

    /// As `write`, where only SQLite can fail.
    pub(crate) async fn change(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<(), DatabaseError> {
        let Ok(()) = self.write(move |connection| work(connection).map(Ok::<_, Infallible>)).await?;
        Ok(())
    }

    /// Whether it can be written to.
    pub(crate) async fn touch(&self) -> Result<(), DatabaseError> {
        self.change(|connection| connection.execute("UPDATE installation SET mark = mark", []).map(drop)).await
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(connection)
}

/// Whether its version is known. A file of this version is not written to, so that nobody who writes is waited for.
fn prepare(connection: &mut Connection) -> rusqlite::Result<bool> {
    connection.busy_timeout(PATIENCE)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let is_known = version(connection)? == STEPS.len() || bring_up(connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    Ok(is_known)
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Takes a new file, or one of an older version, to this one. False: it is of a newer one.
fn bring_up(connection: &mut Connection) -> rusqlite::Result<bool> {
    write_ahead(connection)?;
    let change = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = version(&change)?;
    let Some(missing) = STEPS.get(version..) else { return Ok(false) };
    for (step, version) in missing.iter().zip(version + 1..) {
        change.execute_batch(step)?;
        change.pragma_update(None, "user_version", version)?;
    }
    change.execute_batch(&count_editions())?;
    change.commit()?;
    Ok(true)
}

fn count_editions() -> String {
    let triggers = COUNTED.iter().flat_map(|(table, column)| {
        [("insert", "new"), ("update", "new"), ("delete", "old")].map(|(event, row)| {
            format!(
                "CREATE TRIGGER IF NOT EXISTS {table}_edition_{event} AFTER {event} ON {table} BEGIN
                    INSERT INTO editions VALUES ({row}.{column}, 1)
                        ON CONFLICT (connection) DO UPDATE SET edition = edition + 1;
                END;"
            )
        })
    });
    triggers.collect()
}

/// SQLite does not wait by itself for another process that changes a new file to WAL at the same moment.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

/// What a column of JSON says. One that says something else is damage, and never as good as nothing.
pub(crate) fn parsed<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    let damaged = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error));
    serde_json::from_str(text).map_err(damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::writer;

    #[tokio::test]
    async fn a_change_is_whole_or_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let database = Database::open(&path).unwrap();
        let insert = |connection: &Connection, record: &str| {
            connection.execute("INSERT INTO secrets VALUES ('a', ?1, x'00')", [record])
        };
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM secrets", [], |row| row.get::<_, u32>(0))
        };
        let refused = database.write(move |connection| insert(connection, "one").map(|_| Err::<(), _>("no"))).await;
        assert_eq!(refused.unwrap(), Err("no"));
        let twice = move |connection: &Connection| {
            insert(connection, "one")?;
            insert(connection, "one").map(Ok::<_, ()>)
        };
        assert!(matches!(database.write(twice).await, Err(DatabaseError::Sqlite { .. })));
        assert_eq!(database.read(count).await.unwrap(), 0);
        database.write(move |connection| insert(connection, "one").map(Ok::<_, ()>)).await.unwrap().unwrap();
        let other = Database::open(&path).unwrap();
        assert_eq!(other.read(count).await.unwrap(), 1);
    }

    #[test]
    fn processes_that_begin_at_once_share_one_new_file() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..10 {
            let path = folder.path().join(format!("{round}.sqlite"));
            let begin = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        begin.wait();
                        Database::open(&path).map(drop).unwrap();
                    });
                }
            });
        }
    }

    /// Opening took the lock of a writer each time, and found every trigger that was there already.
    #[test]
    fn a_store_is_opened_while_another_process_writes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Database::open(&path).unwrap());
        let mut other = Connection::open(&path).unwrap();
        let change = other.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let begun = Instant::now();
        drop(Database::open(&path).unwrap());
        assert!(begun.elapsed() < PATIENCE, "it waited for the lock");
        change.commit().unwrap();
    }

    /// The bytes of SQLite's log after each of these, with the store opened and closed for it.
    async fn logs(path: &Path, rounds: usize, write: impl AsyncFn(&Database, usize)) -> Vec<u64> {
        let mut logs = vec![];
        for round in 0..rounds {
            let store = Database::open(path).unwrap();
            store.read(|store| store.query_row("SELECT count(*) FROM floors", [], |_| Ok(()))).await.unwrap();
            write(&store, round).await;
            drop(store);
            logs.push(std::fs::metadata(path.with_extension("sqlite-wal")).map_or(0, |log| log.len()));
        }
        logs
    }

    #[tokio::test]
    async fn the_log_stays_short_and_nothing_but_ledgers_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let floor = |round: usize| {
            move |store: &Connection| {
                store.execute("INSERT INTO floors VALUES (?1, 1)", [round.to_string()])?;
                Ok(Ok::<_, Infallible>(()))
            }
        };
        let openly = logs(&path, 100, async |store, round| {
            let Ok(()) = store.write_openly(floor(round)).await.unwrap();
        })
        .await;
        let emptied = openly.iter().filter(|log| **log == 0).count();
        assert!((1..30).contains(&emptied), "it was emptied {emptied} times: {openly:?}");
        assert!(openly.iter().all(|log| *log < writer::MOST_LOG_BYTES + 64 * 1024), "{openly:?}");
        let store = Database::open(&path).unwrap();
        let found =
            store.read(|store| store.query_row("SELECT count(*) FROM floors", [], |row| row.get::<_, u32>(0))).await;
        assert_eq!(found.unwrap(), 100);
        drop(store);
        logs(&path, 1, async |store, _| {
            let Ok(()) = store.write_openly(floor(100)).await.unwrap();
        })
        .await;
        let gone = logs(&path, 1, async |store, _| store.touch().await.unwrap()).await;
        assert_eq!(gone, [0], "with what was there before");
    }

    #[test]
    fn a_file_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        drop(Database::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Database::open(&path), Err(DatabaseError::Newer(_))));
        std::fs::write(&path, "no database, but long enough to be looked at, as anyone can see who reads on and on")
            .unwrap();
        assert!(matches!(Database::open(&path), Err(DatabaseError::Sqlite { .. })));
    }
}
