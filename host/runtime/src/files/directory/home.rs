//! The host's own folder in the workspace and the lock in it.
//!
//! One batch at a time, and no reader while one is made: among processes too, by `flock` on `lock`. Reading leaves no trace: where
//! no batch was ever made there is no folder, no lock, and nothing to wait for.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::folder::Folder;
use super::journal::{DONE, JOURNAL};
use super::recover;
use super::steps::Steps;
use crate::files::{FileError, HOST_FOLDER};

/// For a batch of another process to end: the largest take about a second.
const PATIENCE: Duration = Duration::from_secs(30);

const STAGE: &str = "stage";
pub(super) const KEPT: &str = "kept";
const LOCK: &str = "lock";

/// The workspace, held alone. Released when dropped, or when the process dies.
pub(super) struct Held {
    pub(super) root: Folder,
    pub(super) own: Folder,
    pub(super) stage: Folder,
    pub(super) kept: Folder,
    _lock: File,
}

/// The workspace, held with other readers.
pub(super) struct Shared {
    pub(super) root: Folder,
    _lock: Option<File>,
}

/// Holds it alone, with what a crash left behind cleared up.
pub(super) fn alone(dir: &Dir, steps: &Steps) -> Result<Held, FileError> {
    let failed = |error| FileError::storage(format!("cannot use the folder `{HOST_FOLDER}`"), error);
    let root = root(dir, steps)?;
    let own = make_own(&root).map_err(failed)?;
    let lock = lock_file(&own).map_err(failed)?;
    wait(|| lock.try_lock())?;
    let stage = make(&own, STAGE).map_err(failed)?;
    let kept = make(&own, KEPT).map_err(failed)?;
    let held = Held { root, own, stage, kept, _lock: lock };
    recover::recover(&held)?;
    Ok(held)
}

/// Holds it with other readers, with what a crash left behind cleared up.
pub(super) fn together(dir: &Dir, steps: &Steps) -> Result<Shared, FileError> {
    let failed = |error| FileError::storage(format!("cannot use the folder `{HOST_FOLDER}`"), error);
    let root = root(dir, steps)?;
    loop {
        if root.look(HOST_FOLDER).map_err(failed)?.is_none() {
            return Ok(Shared { root, _lock: None });
        }
        let own = root.open(HOST_FOLDER).map_err(failed)?;
        if own.look(LOCK).map_err(failed)?.is_none() {
            return Ok(Shared { root, _lock: None });
        }
        let lock = own.open_file(LOCK).map_err(failed)?;
        wait(|| lock.try_lock_shared())?;
        let crashed = [JOURNAL, DONE].iter().try_fold(false, |any, name| Ok(any | own.look(name)?.is_some()));
        if !crashed.map_err(failed)? {
            return Ok(Shared { root, _lock: Some(lock) });
        }
        drop(lock);
        drop(alone(dir, steps)?);
    }
}

pub(super) fn root(dir: &Dir, steps: &Steps) -> Result<Folder, FileError> {
    // The handle that cap-std holds is good for look-ups only; a sync needs one that was opened for reading.
    let root = dir.try_clone().and_then(|dir| Folder::new(dir, steps.clone()).open("."));
    root.map_err(|error| FileError::storage("cannot open the workspace", error))
}

fn make_own(root: &Folder) -> io::Result<Folder> {
    let own = make(root, HOST_FOLDER)?;
    // So that a workspace that is also a git checkout stays clean.
    if own.look(".gitignore")?.is_none() {
        match own.create(".gitignore", b"*\n", 0o600, super::mark::now()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(own)
}

fn make(folder: &Folder, name: &str) -> io::Result<Folder> {
    if folder.look(name)?.is_none() {
        match folder.make_folder(name, 0o700) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    folder.open(name)
}

fn lock_file(own: &Folder) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    Ok(own.handle().open_with(LOCK, &options)?.into_std())
}

fn wait(try_lock: impl Fn() -> Result<(), TryLockError>) -> Result<(), FileError> {
    let start = Instant::now();
    loop {
        match try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(FileError::storage("cannot lock the workspace", error)),
            Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                let source = format!("another process has held it for {} s", PATIENCE.as_secs());
                return Err(FileError::storage("cannot lock the workspace", source));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
