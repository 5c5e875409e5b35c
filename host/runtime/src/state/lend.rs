//! How the component reaches its notes: `wit/state.wit` over [`StateStore`](super::StateStore).
//!
//! Decided here: that every key is one of the call's own connection. The component has no word for another.

use super::{Key, Put, StateError, StateStore};
use crate::bindings::gitlab_sync::connector::state as wit;
use crate::call::CallState;
use crate::connection_id::ConnectionId;
use std::sync::Arc;

/// A call's use of its connection's notes.
pub(crate) struct LentState {
    store: Arc<dyn StateStore>,
    connection: ConnectionId,
}

impl LentState {
    pub(crate) fn new(store: Arc<dyn StateStore>, connection: ConnectionId) -> Self {
        Self { store, connection }
    }

    async fn get(&self, key: &str) -> Result<Option<wit::Value>, StateError> {
        let value = self.store.get(&self.connection, &Key::parse(key)?).await?;
        Ok(value.map(|value| wit::Value { bytes: value.bytes, version: value.version }))
    }

    async fn commit(&self, writes: Vec<wit::Put>) -> Result<(), StateError> {
        let put = |put: wit::Put| Ok(Put { key: Key::parse(&put.key)?, bytes: put.bytes, expected: put.expected });
        let writes = writes.into_iter().map(put).collect::<Result<Vec<_>, StateError>>()?;
        self.store.commit(&self.connection, writes).await
    }
}

impl wit::Host for CallState {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<wit::Value>, wit::StateError>> {
        self.count_host_call()?;
        Ok(self.lent.state.get(&key).await.map_err(wit::StateError::from))
    }

    async fn commit(&mut self, writes: Vec<wit::Put>) -> wasmtime::Result<Result<(), wit::StateError>> {
        self.count_host_call()?;
        // What it notes of files must not outlast them.
        if let Err(error) = self.lent.files.settle().await {
            return Ok(Err(wit::StateError::Storage(error.to_string())));
        }
        Ok(self.lent.state.commit(writes).await.map_err(wit::StateError::from))
    }
}

impl From<StateError> for wit::StateError {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Changed(keys) => Self::Changed(keys.iter().map(ToString::to_string).collect()),
            StateError::Invalid(text) => Self::Invalid(text),
            error @ StateError::Storage { .. } => Self::Storage(error.to_string()),
        }
    }
}
