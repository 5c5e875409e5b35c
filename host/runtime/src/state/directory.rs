//! State in a directory, for products without a database: one file per connection, to which each commit is appended.
//!
//! Decided here: who reads and writes when. A commit costs one append and one sync. Several processes may use one directory: each
//! connection has a lock file. Not decided here: what is in a file, and when it is worn (`log`), and what it looks like (`record`).

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::log::Log;
use super::record;
use super::{Key, Put, StateError, StateStore, Value};
use crate::connection_id::ConnectionId;

/// Larger values, and whatever a file has to be read for, are left to another thread.
const MOST_AT_A_GLANCE: u64 = 64 << 10;

/// One file per connection.
#[derive(Clone, Debug)]
pub struct Directory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// What has been read of each file, so that only what was appended since has to be.
    known: Mutex<HashMap<ConnectionId, Log>>,
}

impl Directory {
    /// A directory, made if it is not there, that only this user can read.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |error| StateError::storage(format!("cannot use `{}`", path.display()), error);
        make_private_folder(path).map_err(failed)?;
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), known: Mutex::default() }) })
    }

    /// File systems block, so an operation has a thread of its own.
    async fn blocking<T: Send + 'static>(
        &self,
        connection: &ConnectionId,
        operation: impl FnOnce(&Inner, &ConnectionId) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let (inner, connection) = (self.inner.clone(), connection.clone());
        let done = tokio::task::spawn_blocking(move || operation(&inner, &connection)).await;
        done.unwrap_or_else(|error| Err(StateError::storage("the operation on the state broke off", error)))
    }
}

#[async_trait]
impl StateStore for Directory {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        if let Some(value) = self.inner.glance(connection, key) {
            return value;
        }
        let key = key.clone();
        self.blocking(connection, move |inner, connection| inner.get(connection, &key)).await
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        self.blocking(connection, move |inner, connection| inner.commit(connection, &writes)).await
    }
}

impl Inner {
    /// A small value of a file that is known, where it is asked for: that costs less than the way to another thread. None: it is not
    /// that, or somebody writes now.
    fn glance(&self, connection: &ConnectionId, key: &Key) -> Option<Result<Option<Value>, StateError>> {
        let is_small = |log: &&Log| log.room().get(key).is_none_or(|held| held.size <= MOST_AT_A_GLANCE);
        self.known().get(connection).filter(is_small)?;
        let lock = self.lock_file(connection).ok()?;
        lock.try_lock_shared().ok()?;
        Some(self.read(connection, key))
    }

    fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let failed = |error| StateError::storage(format!("cannot read the state of `{connection}`"), error);
        let lock = self.lock_file(connection).map_err(failed)?;
        lock.lock_shared().map_err(failed)?;
        self.read(connection, key)
    }

    /// While nobody writes.
    fn read(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let failed = |error| StateError::storage(format!("cannot read the state of `{connection}`"), error);
        let mut file = match File::open(self.file(connection, "log")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        let log = Log::refresh(self.known().remove(connection), &mut file).map_err(failed)?;
        let value = log.value(&mut file, key).map_err(failed);
        self.known().insert(connection.clone(), log);
        value
    }

    fn commit(&self, connection: &ConnectionId, writes: &[Put]) -> Result<(), StateError> {
        let failed = |error| StateError::storage(format!("cannot write the state of `{connection}`"), error);
        let lock = self.lock_file(connection).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut file = self.log_file(connection).map_err(failed)?;
        // Out of what is known until the commit has succeeded: after a failure it is read again.
        let mut log = Log::refresh(self.known().remove(connection), &mut file).map_err(failed)?;
        log.room().check(writes)?;
        log.append(&mut file, writes).map_err(failed)?;
        if log.is_worn() {
            // The commit is made; a file that could not be made shorter only stays long.
            log = self.rewrite(connection, log, &mut file).unwrap_or_else(|(log, _)| log);
        }
        self.known().insert(connection.clone(), log);
        Ok(())
    }

    /// Never held while a file is read or written: connections don't wait for each other.
    fn known(&self) -> MutexGuard<'_, HashMap<ConnectionId, Log>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name cannot be a device's on Windows, as the connection's alone could.
    fn file(&self, connection: &ConnectionId, kind: &str) -> PathBuf {
        self.path.join(format!("room-{connection}.{kind}"))
    }

    fn lock_file(&self, connection: &ConnectionId) -> io::Result<File> {
        private().read(true).write(true).create(true).truncate(false).open(self.file(connection, "lock"))
    }

    /// Opened for appending; made with its first line if it is not there.
    fn log_file(&self, connection: &ConnectionId) -> io::Result<File> {
        let path = self.file(connection, "log");
        match OpenOptions::new().read(true).write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.put_in_place(connection, |file| file.write_all(record::start(number()).as_bytes()))?;
                OpenOptions::new().read(true).write(true).open(&path)
            }
            opened => opened,
        }
    }

    /// Writes a file aside and, once it is on disk, puts it in the place of the log.
    fn put_in_place(
        &self,
        connection: &ConnectionId,
        write: impl FnOnce(&mut File) -> io::Result<()>,
    ) -> io::Result<()> {
        let aside = self.file(connection, "new");
        let mut file = private().write(true).create(true).truncate(true).open(&aside)?;
        write(&mut file)?;
        file.sync_all()?;
        fs::rename(&aside, self.file(connection, "log"))?;
        sync_folder(&self.path)
    }

    /// Leaves out what is of no more use. Gives the old log back if that fails.
    fn rewrite(&self, connection: &ConnectionId, log: Log, file: &mut File) -> Result<Log, (Log, io::Error)> {
        let rewritten = self.put_in_place(connection, |aside| log.copy(file, aside, number()));
        let read = rewritten.and_then(|()| Log::refresh(None, &mut self.log_file(connection)?));
        read.map_err(|error| (log, error))
    }
}

/// Tells a file from the one that was in its place before.
fn number() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // The low bits of the time are what differs; the upper ones only change after 584 years.
    since.as_nanos() as u64 ^ u64::from(std::process::id()) << 40
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Windows has no handle for it.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
