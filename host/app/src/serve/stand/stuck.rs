//! A store of states with one question that is never answered, as on a disk that is gone.

use crate::serve::states::{Change, State, States, StatesError};
use async_trait::async_trait;
use gitlab_sync_host::connection_id::ConnectionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is never answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::serve) enum Question {
    All,
    Change,
}

pub(in crate::serve) struct Stuck {
    pub(in crate::serve) inner: Arc<dyn States>,
    pub(in crate::serve) question: Question,
    /// How often it was asked that.
    pub(in crate::serve) asked: Arc<AtomicUsize>,
}

impl Stuck {
    async fn hear(&self, question: Question) {
        if question == self.question {
            self.asked.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl States for Stuck {
    async fn get(&self, id: &ConnectionId) -> Result<State, StatesError> {
        self.inner.get(id).await
    }

    async fn change(&self, id: &ConnectionId, changes: Vec<Change>) -> Result<State, StatesError> {
        self.hear(Question::Change).await;
        self.inner.change(id, changes).await
    }

    async fn change_all(&self, changes: Vec<(ConnectionId, Vec<Change>)>) -> Result<(), StatesError> {
        self.inner.change_all(changes).await
    }

    async fn all(&self) -> Result<Vec<(ConnectionId, State)>, StatesError> {
        self.hear(Question::All).await;
        self.inner.all().await
    }

    async fn forget(&self, id: &ConnectionId) -> Result<(), StatesError> {
        self.inner.forget(id).await
    }
}
