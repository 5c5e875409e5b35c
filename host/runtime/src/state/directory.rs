//! State in a directory, for products without a database: one file per connection, to which each commit is appended.
//!
//! A commit costs one append and one sync. The file is written anew when more than half of it (and a MiB) is no longer needed. Several
//! processes may use one directory: each connection has a lock file.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::record::{self, HEAD_BYTES, Item, START_BYTES};
use super::room::{Held, Room};
use super::{Key, Put, StateError, StateStore, Value};
use crate::connection_id::ConnectionId;

/// How much of a file may be of no more use before it is written anew, beside as much as is of use.
const MOST_GARBAGE: u64 = 1 << 20;

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

/// One connection's file, as far as it has been read.
#[derive(Debug)]
struct Log {
    number: u64,
    /// The end of the last whole record.
    end: u64,
    /// With where each value begins.
    room: Room<u64>,
}

impl Directory {
    /// A directory, made if it is not there, that only this user can read.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let failed = |error| StateError::storage(format!("cannot use `{}`", path.display()), error);
        make_private_folder(path).map_err(failed)?;
        Ok(Self { inner: Arc::new(Inner { path: path.to_owned(), known: Mutex::default() }) })
    }

    /// File systems block, so each operation has a thread of its own.
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
        let key = key.clone();
        self.blocking(connection, move |inner, connection| inner.get(connection, &key)).await
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        self.blocking(connection, move |inner, connection| inner.commit(connection, &writes)).await
    }
}

impl Inner {
    fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let failed = |error| StateError::storage(format!("cannot read the state of `{connection}`"), error);
        let lock = self.lock_file(connection).map_err(failed)?;
        lock.lock_shared().map_err(failed)?;
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
        log.room.check(writes)?;
        log.append(&mut file, writes).map_err(failed)?;
        if log.end > 2 * log.room.bytes() + MOST_GARBAGE {
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
        let rewritten = self.put_in_place(connection, |aside| {
            aside.write_all(record::start(number()).as_bytes())?;
            aside.write_all(&record::encode([Item::Floor { version: log.room.floor() }]))?;
            for (key, held) in log.room.iter() {
                let bytes = read_at(file, held.place, held.size)?;
                let item = Item::Put { key: key.as_str(), version: held.version, bytes: &bytes };
                aside.write_all(&record::encode([item]))?;
            }
            Ok(())
        });
        let read = rewritten.and_then(|()| Log::refresh(None, &mut self.log_file(connection)?));
        read.map_err(|error| (log, error))
    }
}

impl Log {
    /// What the file holds, given what was known of it.
    fn refresh(known: Option<Self>, file: &mut File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        let mut start = [0; START_BYTES];
        file.read_exact(&mut start).map_err(|_| damaged(0))?;
        let number = record::parse_start(&start).ok_or_else(|| damaged(0))?;
        let length = file.metadata()?.len();
        let mut log = match known {
            Some(log) if log.number == number && log.end <= length => log,
            _ => Self { number, end: START_BYTES as u64, room: Room::default() },
        };
        while log.read_record(file, length)? {}
        Ok(log)
    }

    /// False: that was the last whole one.
    fn read_record(&mut self, file: &mut File, length: u64) -> io::Result<bool> {
        let Some(left) = (length - self.end).checked_sub(HEAD_BYTES as u64) else { return Ok(false) };
        file.seek(SeekFrom::Start(self.end))?;
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head)?;
        let begin = self.end + HEAD_BYTES as u64;
        let size = match record::length(&head) {
            Some(size) if size > left => return Ok(false),
            Some(size) => size,
            // A cut record in a file whose length was set before it was filled.
            None if is_zero_to_the_end(file, begin)? => return Ok(false),
            None => return Err(damaged(self.end)),
        };
        file.seek(SeekFrom::Start(begin))?;
        let mut writes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
        file.read_exact(&mut writes)?;
        let Some(items) = record::decode(&head, &writes) else {
            // Of the last one not all may have reached the disk.
            return if is_zero_to_the_end(file, begin + size)? { Ok(false) } else { Err(damaged(self.end)) };
        };
        for (item, at) in items {
            self.take(item, begin + at as u64)?;
        }
        self.end = begin + size;
        Ok(true)
    }

    fn take(&mut self, item: Item<'_>, place: u64) -> io::Result<()> {
        let parse = |key: &str| Key::parse(key).map_err(io::Error::other);
        match item {
            Item::Put { key, version, bytes } => {
                self.room.insert(parse(key)?, Held { version, size: bytes.len() as u64, place });
            }
            Item::Remove { key } => self.room.remove(&parse(key)?),
            Item::Floor { version } => self.room.raise_floor(version),
        }
        Ok(())
    }

    fn value(&self, file: &mut File, key: &Key) -> io::Result<Option<Value>> {
        let Some(held) = self.room.get(key) else { return Ok(None) };
        let bytes = read_at(file, held.place, held.size)?;
        Ok(Some(Value { bytes, version: held.version }))
    }

    /// One record at the end, over whatever broken one is there.
    fn append(&mut self, file: &mut File, writes: &[Put]) -> io::Result<()> {
        let items = writes.iter().map(|put| match &put.bytes {
            None => Item::Remove { key: put.key.as_str() },
            Some(bytes) => Item::Put { key: put.key.as_str(), version: self.room.next_version(&put.key), bytes },
        });
        let record = record::encode(items);
        file.set_len(self.end)?;
        file.seek(SeekFrom::Start(self.end))?;
        let written = file.write_all(&record).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // If this fails too, what was written is a broken record at the end, or a whole one that no one was told of.
            _ = file.set_len(self.end);
            return Err(error);
        }
        let length = self.end + record.len() as u64;
        while self.read_record(file, length)? {}
        Ok(())
    }
}

fn read_at(file: &mut File, place: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.seek(SeekFrom::Start(place))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn is_zero_to_the_end(file: &mut File, from: u64) -> io::Result<bool> {
    file.seek(SeekFrom::Start(from))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(true),
            count if buffer[..count].iter().any(|byte| *byte != 0) => return Ok(false),
            _ => {}
        }
    }
}

fn damaged(at: u64) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the file is damaged at byte {at}; restore it from a backup"))
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
