//! A batch that is made while the component goes on.
//!
//! Decided here: that there is one at most, that it is made to its end whatever becomes of the call, and that what became of it is kept
//! until it is asked for.

use std::sync::Arc;

use super::{Batch, FileError, Version, Workspace};
use crate::bindings::gitlab_sync::connector::files as wit;
use tokio::task::JoinHandle;

/// What the component hears of a batch.
pub(super) type Outcome = Result<Vec<String>, wit::FileError>;

#[derive(Default)]
pub(super) enum Underway {
    #[default]
    Nothing,
    Going(JoinHandle<Result<Vec<Version>, FileError>>),
    Over(Outcome),
}

impl Underway {
    pub(super) async fn begin(&mut self, workspace: Arc<dyn Workspace>, batch: Batch) {
        *self = Self::Going(tokio::spawn(async move { workspace.begin(batch).await }));
        // The component leaves this thread to no one while it computes: where there is no other, the batch has begun by then.
        tokio::task::yield_now().await;
    }

    /// It is over before it began.
    pub(super) fn refuse(&mut self, why: wit::FileError) {
        *self = Self::Over(Err(why));
    }

    /// Waits until nothing is being made. A word for what became of it, if that is new. Whoever stops waiting leaves all as it is.
    pub(super) async fn wait(&mut self) -> Option<&'static str> {
        let Self::Going(going) = self else { return None };
        let outcome = match going.await {
            Ok(Ok(versions)) => Ok(versions.into_iter().map(|version| version.as_str().into()).collect()),
            Ok(Err(error)) => Err(error.into()),
            Err(broke) => Err(FileError::storage("the batch broke off", broke).into()),
        };
        let word = outcome.as_ref().map_or_else(outcome_word, |_| "done");
        *self = Self::Over(outcome);
        Some(word)
    }

    /// Whether what became of the last one was not told.
    pub(super) fn is_untold(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// What became of it: once, after it was waited for.
    pub(super) fn tell(&mut self) -> Outcome {
        match std::mem::take(self) {
            Self::Over(outcome) => outcome,
            _ => Ok(Vec::new()),
        }
    }
}

/// For the audit trail: the kind of failure, without paths.
pub(super) fn outcome_word(error: &wit::FileError) -> &'static str {
    match error {
        wit::FileError::Changed(_) => "changed",
        wit::FileError::UnsafePath(_) => "unsafe-path",
        wit::FileError::NotFound(_) => "not-found",
        wit::FileError::TooLarge(_) => "too-large",
        wit::FileError::Denied(_) => "denied",
        wit::FileError::Storage(_) => "storage",
    }
}
