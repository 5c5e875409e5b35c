//! A connection's own ledger: small values by key, written with compare-and-swap.
//!
//! Decided here: what a key is ([`Key`]), how large a value and a room may be, and what a commit means ([`StateStore`]). Every
//! function takes the connection, which the host puts in, so that a guest has no words for another one's keys. Not decided here: what
//! the connector keeps.
//!
//! Two stores come with the host: [`memory::Memory`] and, for products without a database, [`directory::Directory`]. A product that
//! has one implements [`StateStore`] over it, has [`judge`] say what can be written, and holds it against [`conformance::check`].

use std::error::Error as StdError;
use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

use crate::connection_id::ConnectionId;

pub mod conformance;
pub mod directory;
pub(crate) mod lend;
mod log;
pub mod memory;
mod record;
mod room;

pub use room::{Full, Replaced, judge};

/// Bytes of one value.
pub const MOST_VALUE_BYTES: usize = 8 << 20;

/// Bytes of all values of one connection: a connector that goes wrong fills its own room and no disk.
pub const MOST_ROOM_BYTES: u64 = 256 << 20;

/// Keys of one connection.
pub const MOST_KEYS: usize = 10_000;

/// A place that keeps values by connection and key.
///
/// A version counts up by one with each put of its key. It begins at 1, but above every version that a removed key of the connection
/// had: so a key that comes back never has an old version again, and an old expectation cannot fit it by chance.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// None: the connection has no such key.
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError>;

    /// All writes or none, also when the process dies in the middle, and on disk when it returns. No key may occur twice.
    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError>;
}

/// 1 to 128 of `a-z 0-9 - . /`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<str>);

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Counts up with each put.
    pub version: u64,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Where.
    pub key: Key,
    /// None removes the key.
    pub bytes: Option<Vec<u8>>,
    /// The version that was read; 0 for a key that was not there.
    pub expected: u64,
}

/// Why a store did not do what was asked. Nothing was written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// These keys have changed since they were read.
    #[error("changed since they were read: {}", quoted(.0))]
    Changed(Vec<Key>),
    /// A key, a value or a room that is not as it may be.
    #[error("{0}")]
    Invalid(String),
    /// The storage failed.
    #[error("{what}")]
    Storage {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl StateError {
    /// For an implementation's own failures.
    pub fn storage(what: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Storage { what: what.into(), source: source.into() }
    }
}

impl Key {
    /// Checks length and letters.
    pub fn parse(text: &str) -> Result<Self, StateError> {
        let letters = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'/');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(letters) {
            let start: String = text.chars().take(128).collect();
            return Err(StateError::Invalid(format!("`{start}` is not a key: 1 to 128 of `a-z 0-9 - . /`")));
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

fn quoted(keys: &[Key]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    keys.join(", ")
}
