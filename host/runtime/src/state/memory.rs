//! State in memory: for tests, and for connections that may start anew with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::room::{Held, Room};
use super::{Key, Put, StateError, StateStore, Value};
use crate::connection_id::ConnectionId;

/// Values by connection and key, gone with the process.
#[derive(Debug, Default)]
pub struct Memory {
    rooms: Mutex<HashMap<ConnectionId, Room<Vec<u8>>>>,
}

impl Memory {
    /// Nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere leaves no half-made commit: all checks come before the first change.
    fn lock(&self) -> MutexGuard<'_, HashMap<ConnectionId, Room<Vec<u8>>>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateStore for Memory {
    async fn get(&self, connection: &ConnectionId, key: &Key) -> Result<Option<Value>, StateError> {
        let rooms = self.lock();
        let held = rooms.get(connection).and_then(|room| room.get(key));
        Ok(held.map(|held| Value { bytes: held.place.clone(), version: held.version }))
    }

    async fn commit(&self, connection: &ConnectionId, writes: Vec<Put>) -> Result<(), StateError> {
        let mut rooms = self.lock();
        let room = rooms.entry(connection.clone()).or_default();
        room.check(&writes)?;
        for put in writes {
            match put.bytes {
                None => room.remove(&put.key),
                Some(bytes) => {
                    let version = room.next_version(&put.key);
                    room.insert(put.key, Held { version, size: bytes.len() as u64, place: bytes });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::conformance;

    #[tokio::test]
    async fn the_memory_store_conforms() {
        conformance::check(Memory::new).await;
    }
}
