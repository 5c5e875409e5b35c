//! One file per connection in a folder that belongs to the vault alone.
//!
//! ```text
//! FOLDER (0700)/CONNECTION.secrets (0600):  "gitlab-sync secrets 1\n", per record NAME " " BASE64 "\n", then "end\n"
//! FOLDER/CONNECTION.lock, CONNECTION.SLOT.lock: while somebody holds them; other processes wait
//! FOLDER/.CONNECTION.new: a change that has not happened yet; after a kill it is overwritten by the next one
//! ```
//!
//! `CONNECTION` is the id with every byte but `a-z 0-9 _ -` as `%XX`, so that no id leaves the folder or meets another one on a
//! file system that ignores case. A change writes the whole file anew beside the old one, syncs it, renames it over the old one and
//! syncs the folder: a kill or power cut leaves the old or the new one. Files are opened relative to the folder's descriptor and
//! without following links; modes are judged on what was opened.
//!
//! Not decided here: what the records mean. Known gap: on network file systems without working `flock` two machines could write
//! at once; one of two changes is then lost, never both.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::names::ConnectionId;
use super::secret::BASE64;
use super::store::{Change, LockName, RecordName, Records, SecretStore, StoreError, StoreLock};

const HEADER: &str = "gitlab-sync secrets 1\n";

/// Without it a file cut off at the end of a line would read as one with fewer secrets.
const END: &str = "end\n";

/// Far above what one connection's slots can hold; a file beyond it is not ours.
const MAX_FILE: u64 = 64 << 20;

/// How often a lock that another process holds is tried, and for how long: an exchange may wait for a slow server.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
const LOCK_TRIES: usize = 9_000;

/// Files in one folder. Several processes may share it.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl DirectoryStore {
    /// Opens the folder; makes it, but not its parents, when it is missing.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let failed = |error: Errno| StoreError::Io { path: path.clone(), source: error.into() };
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed(error)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::LOOP | Errno::NOTDIR) => return Err(StoreError::Foreign(path)),
            Err(error) => return Err(failed(error)),
        };
        let mode = rustix::fs::fstat(&handle).map_err(failed)?.st_mode & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Open { path, mode, needed: 0o700 });
        }
        Ok(Self { folder: Arc::new(Folder { handle, path }) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let folder = self.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.map_err(|error| StoreError::Other(Box::new(error)))?
    }
}

#[async_trait]
impl SecretStore for DirectoryStore {
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        self.blocking(Folder::connections).await
    }

    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError> {
        let name = file_name(connection);
        self.blocking(move |folder| folder.read(&name)).await
    }

    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError> {
        let name = file_name(connection);
        self.blocking(move |folder| {
            let mut records = folder.read(&name)?;
            changes.into_iter().for_each(|change| change.apply_to(&mut records));
            folder.write(&name, &records)
        })
        .await
    }

    async fn lock(&self, connection: &ConnectionId, name: &LockName) -> Result<StoreLock, StoreError> {
        let name = match name {
            LockName::Write => format!("{}.lock", encoded(connection)),
            LockName::Slot(slot) => format!("{}.{slot}.lock", encoded(connection)),
        };
        for _ in 0..LOCK_TRIES {
            if let Some(file) = self.folder.try_lock(&name)? {
                return Ok(Box::new(FileLock { folder: self.folder.clone(), name, _file: file }));
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(StoreError::Busy(self.folder.path.join(name)))
    }
}

impl Folder {
    fn failed(&self, name: &str, source: impl Into<io::Error>) -> StoreError {
        StoreError::Io { path: self.path.join(name), source: source.into() }
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<File, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        rustix::fs::openat(&self.handle, name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    fn connections(&self) -> Result<Vec<ConnectionId>, StoreError> {
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.handle).map_err(|error| self.failed("", error))? {
            let entry = entry.map_err(|error| self.failed("", error))?;
            let Some(name) = Path::new(std::ffi::OsStr::from_bytes(entry.file_name().to_bytes())).to_str() else {
                continue;
            };
            if let Some(id) = name.strip_suffix(".secrets") {
                found.push(decoded(id).ok_or_else(|| StoreError::Foreign(self.path.join(name)))?);
            }
        }
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Records, StoreError> {
        let file = match self.open(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(Records::new()),
            Err(Errno::LOOP) => return Err(StoreError::Foreign(self.path.join(name))),
            Err(error) => return Err(self.failed(name, error)),
        };
        let facts = file.metadata().map_err(|error| self.failed(name, error))?;
        if !facts.is_file() {
            return Err(StoreError::Foreign(self.path.join(name)));
        }
        let mode = facts.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(StoreError::Open { path: self.path.join(name), mode, needed: 0o600 });
        }
        let mut text = Vec::new();
        file.take(MAX_FILE).read_to_end(&mut text).map_err(|error| self.failed(name, error))?;
        parse(&text).map_err(|what| StoreError::Damaged { path: self.path.join(name), what })
    }

    fn write(&self, name: &str, records: &Records) -> Result<(), StoreError> {
        let failed = |error: Errno| self.failed(name, error);
        if records.is_empty() {
            match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(failed(error)),
            }
        } else {
            let beside = format!(".{}.new", name.trim_end_matches(".secrets"));
            self.write_beside(&beside, &print(records)).map_err(|error| self.failed(&beside, error))?;
            rustix::fs::renameat(&self.handle, &beside, &self.handle, name).map_err(failed)?;
        }
        rustix::fs::fsync(&self.handle).map_err(failed)
    }

    fn write_beside(&self, name: &str, text: &str) -> io::Result<()> {
        // What a killed process left is removed rather than reused: it may be a link, or have another mode.
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let mut file = self.open(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// `None` while somebody else has it.
    fn try_lock(&self, name: &str) -> Result<Option<File>, StoreError> {
        let file = self.open(name, OFlags::RDWR | OFlags::CREATE).map_err(|error| self.failed(name, error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
            Err(std::fs::TryLockError::Error(error)) => return Err(self.failed(name, error)),
        }
        // The file is removed when a lock ends. Who opened it before that now holds a lock on a file without a name.
        let held = rustix::fs::fstat(&file).map_err(|error| self.failed(name, error))?;
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino) => Ok(Some(file)),
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }
}

/// A taken lock. The name goes before the lock does, so that nobody takes a lock on it in between unnoticed.
struct FileLock {
    folder: Arc<Folder>,
    name: String,
    _file: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // A file that stays is only untidy.
        let _ = rustix::fs::unlinkat(&self.folder.handle, &self.name, AtFlags::empty());
    }
}

fn print(records: &Records) -> String {
    let mut text = HEADER.to_owned();
    for (name, sealed) in records {
        text.push_str(&name.to_string());
        text.push(' ');
        BASE64.encode_string(sealed, &mut text);
        text.push('\n');
    }
    text + END
}

fn parse(text: &[u8]) -> Result<Records, &'static str> {
    let text = str::from_utf8(text).map_err(|_| "not text")?;
    let body = text.strip_prefix(HEADER).ok_or("not a file of secrets of version 1")?;
    let body = body.strip_suffix(END).ok_or("cut off")?;
    let mut records = Records::new();
    for line in body.lines() {
        let (name, sealed) = line.split_once(' ').ok_or("a line without a record")?;
        let name = RecordName::parse(name).ok_or("an unknown record name")?;
        let sealed = BASE64.decode(sealed).map_err(|_| "a record that is not base64")?;
        if records.insert(name, sealed).is_some() {
            return Err("a record twice");
        }
    }
    Ok(records)
}

fn file_name(connection: &ConnectionId) -> String {
    format!("{}.secrets", encoded(connection))
}

fn encoded(connection: &ConnectionId) -> String {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    connection
        .as_str()
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn decoded(name: &str) -> Option<ConnectionId> {
    let mut text = String::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if first == '%' {
            text.push(char::from(u8::from_str_radix(rest.get(1..3)?, 16).ok()?));
            rest = &rest[3..];
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    let id = ConnectionId::parse(&text).ok()?;
    (encoded(&id) == name).then_some(id)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Who takes the lock of a file that its last holder has just removed must not go in beside the next one.
    #[test]
    fn two_never_hold_a_lock_however_often_it_changes_hands() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("vault");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let folder = DirectoryStore::open(&path).unwrap().folder;
                    for _ in 0..300 {
                        let file = loop {
                            match folder.try_lock("1.lock").unwrap() {
                                Some(file) => break file,
                                None => std::thread::yield_now(),
                            }
                        };
                        let lock = FileLock { folder: folder.clone(), name: "1.lock".to_owned(), _file: file };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
    }
}
