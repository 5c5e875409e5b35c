//! What the system told of folders, until somebody asks.
//!
//! Decided here: what counts as an edit, to whose folder it belongs, and what a lost or failed event comes to. Which folders are
//! listened to, and what happens to one that is broken, is for `ears`.

use super::folder::is_own;
use gitlab_sync_host::connection_id::ConnectionId;
use notify::Event;
use notify::event::{EventKind, Flag, ModifyKind};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What the system told, until somebody asks.
#[derive(Default)]
pub(super) struct Heard {
    told: Mutex<Told>,
    /// Rings when there is something.
    pub(super) bell: Notify,
}

#[derive(Default)]
pub(super) struct Told {
    /// The folders that are listened to.
    pub(super) roots: HashMap<PathBuf, ConnectionId>,
    touched: HashSet<ConnectionId>,
    /// Folders of which the system tells no longer everything.
    deaf: HashMap<PathBuf, String>,
    /// Folders that were deleted or moved away, also if another one is there by now.
    pub(super) lost: HashSet<PathBuf>,
}

impl Heard {
    /// Those that were touched since the last time.
    pub(super) fn take(&self) -> HashSet<ConnectionId> {
        std::mem::take(&mut self.told().touched)
    }

    /// Folders that went, and folders of which the system tells no longer everything, with the reason.
    pub(super) fn take_broken(&self) -> (HashSet<PathBuf>, HashMap<PathBuf, String>) {
        let mut told = self.told();
        (std::mem::take(&mut told.lost), std::mem::take(&mut told.deaf))
    }

    pub(super) fn event(&self, event: notify::Result<Event>) {
        let mut told = self.told();
        let rings = match event {
            Ok(event) if event.flag() == Some(Flag::Rescan) => told.touch_all(),
            Ok(event) if is_edit(event.kind) => told.touch(&event),
            Ok(_) => false,
            Err(error) => told.deafen(&error),
        };
        drop(told);
        if rings {
            self.bell.notify_one();
        }
    }

    pub(super) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// Events were lost.
    fn touch_all(&mut self) -> bool {
        self.touched.extend(self.roots.values().cloned());
        !self.touched.is_empty()
    }

    fn touch(&mut self, event: &Event) -> bool {
        let mut any = false;
        for path in &event.paths {
            let Some((root, connection)) = self.root(path) else { continue };
            let Ok(within) = path.strip_prefix(root) else { continue };
            if within.as_os_str().is_empty() && !matches!(event.kind, EventKind::Create(_)) {
                // The folder itself went; a new one of its name is not listened to yet.
                let root = root.to_owned();
                self.lost.insert(root);
            } else if !is_own(within) {
                let connection = connection.clone();
                self.touched.insert(connection);
                any = true;
            }
        }
        any
    }

    /// A limit was reached after the folder was first watched.
    fn deafen(&mut self, error: &notify::Error) -> bool {
        let roots: Vec<_> =
            error.paths.iter().filter_map(|path| self.root(path)).map(|(root, _)| root.to_owned()).collect();
        let all = || self.roots.keys().cloned().collect();
        let roots = if error.paths.is_empty() { all() } else { roots };
        self.deaf.extend(roots.into_iter().map(|root| (root, words(error))));
        !self.deaf.is_empty()
    }

    fn root(&self, path: &Path) -> Option<(&Path, &ConnectionId)> {
        path.ancestors().find_map(|it| self.roots.get_key_value(it)).map(|(root, id)| (root.as_path(), id))
    }
}

/// Reading and attributes are no edits; everything else may be one, and the plan knows.
fn is_edit(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

/// For a person.
pub(super) fn words(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => "the system's limit of watches is reached".into(),
        _ => error.to_string(),
    }
}
