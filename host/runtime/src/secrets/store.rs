//! Where sealed records lie: the narrow border behind which a product may put its own database.
//!
//! A store sees names and sealed bytes, never a secret or a key, and judges nothing. Decided here: what a store must promise. Not
//! decided here: what the bytes are (`envelope`) and when they are written (`vault`).

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use thiserror::Error;

use super::names::{ConnectionId, SlotName};

/// Sealed records of connections.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// Every connection that has a record.
    async fn connections(&self) -> Result<Vec<ConnectionId>, StoreError>;

    /// All records of one connection, as of one moment. None at all is an empty answer; what cannot be read is an error.
    async fn read(&self, connection: &ConnectionId) -> Result<Records, StoreError>;

    /// Makes all of these changes or none, and returns when they would survive a power cut. After an error either may be the case.
    /// The vault holds [`LockName::Write`] of the connection meanwhile.
    async fn apply(&self, connection: &ConnectionId, changes: Vec<Change>) -> Result<(), StoreError>;

    /// Waits until nobody else holds this lock, in any process that shares the store. It is free again when the answer is dropped
    /// or the process dies. Threads of one process are kept apart by the vault already, so a store that one process uses alone
    /// has nothing to do.
    async fn lock(&self, connection: &ConnectionId, name: &LockName) -> Result<StoreLock, StoreError> {
        let _ = (connection, name);
        Ok(Box::new(()))
    }
}

/// Records of one connection.
pub type Records = BTreeMap<RecordName, Vec<u8>>;

/// Holds a lock until dropped.
pub type StoreLock = Box<dyn Send + Sync>;

/// The name of a record; `Display` and [`RecordName::parse`] give the text a database would keep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordName {
    /// `@key`: the connection's wrapped data key.
    Key,
    /// `SLOT`: a secret.
    Slot(SlotName),
    /// `@pending:SLOT`: an exchange for this slot whose outcome is not known.
    Pending(SlotName),
}

/// One change to a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make or replace.
    Put(RecordName, Vec<u8>),
    /// Remove, if it is there.
    Delete(RecordName),
}

/// What a lock is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockName {
    /// Held for milliseconds, while the connection's records change.
    Write,
    /// Held as long as an exchange with this slot lasts.
    Slot(SlotName),
}

/// Why a store failed.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file system.
    #[error("cannot use `{path}`")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could read or change it.
    #[error("`{path}` has mode {mode:04o}; it needs {needed:04o}")]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they must be.
        needed: u32,
    },
    /// A symlink, or a thing of another kind.
    #[error("`{0}` is not what the vault put there")]
    Foreign(PathBuf),
    /// The content is not the store's.
    #[error("`{path}` is damaged: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// A lock stayed taken.
    #[error("somebody else holds the lock `{0}`")]
    Busy(PathBuf),
    /// An embedder's own store.
    #[error("the store failed")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// What to change.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { path, needed, .. } => Some(format!("`chmod {needed:o} {}`", path.display())),
            Self::Damaged { .. } => Some("restore the file from a backup, or remove it and connect again".to_owned()),
            _ => None,
        }
    }
}

impl RecordName {
    /// Reads the text of `Display`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix('@') {
            Some("key") => Some(Self::Key),
            Some(rest) => SlotName::parse(rest.strip_prefix("pending:")?).ok().map(Self::Pending),
            None => SlotName::parse(text).ok().map(Self::Slot),
        }
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key => formatter.write_str("@key"),
            Self::Slot(slot) => write!(formatter, "{slot}"),
            Self::Pending(slot) => write!(formatter, "@pending:{slot}"),
        }
    }
}

impl Change {
    /// Makes the change.
    pub fn apply_to(self, records: &mut Records) {
        match self {
            Self::Put(name, sealed) => drop(records.insert(name, sealed)),
            Self::Delete(name) => drop(records.remove(&name)),
        }
    }
}
