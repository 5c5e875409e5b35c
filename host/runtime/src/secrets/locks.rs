//! Keeps the tasks of one process apart, fairly and without polling; the store's locks keep processes apart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use super::names::ConnectionId;
use super::store::{LockName, SecretStore, StoreError, StoreLock};

type Turn = tokio::sync::Mutex<()>;

/// Who is next, by connection and lock.
#[derive(Debug, Default)]
pub(super) struct Locks {
    turns: Mutex<HashMap<(ConnectionId, LockName), Weak<Turn>>>,
}

/// Both locks. Fields are dropped in order: other processes first, then the next task here.
pub(super) struct Held {
    _store: StoreLock,
    _turn: OwnedMutexGuard<()>,
}

impl Locks {
    pub(super) async fn hold(
        &self,
        store: &dyn SecretStore,
        connection: &ConnectionId,
        name: LockName,
    ) -> Result<Held, StoreError> {
        let turn = self.turn(connection, &name).lock_owned().await;
        Ok(Held { _store: store.lock(connection, &name).await?, _turn: turn })
    }

    fn turn(&self, connection: &ConnectionId, name: &LockName) -> Arc<Turn> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (connection.clone(), name.clone());
        if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::default());
        turns.insert(key, Arc::downgrade(&turn));
        turn
    }
}
