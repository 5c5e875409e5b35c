//! What the library and the store say when they cannot, as they say it.

use crate::store::DatabaseError;
use gitlab_sync_host::about::AboutError;
use gitlab_sync_host::audit::AuditError;
use gitlab_sync_host::connection::{ConnectionError, OpenError};
use gitlab_sync_host::files::FileError;
use gitlab_sync_host::files::directory;
use gitlab_sync_host::secrets::secret::RandomError;
use gitlab_sync_host::secrets::store::StoreError;
use gitlab_sync_host::secrets::vault::VaultError;

/// Any operation may meet these.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The connector said no, or did not end.
    #[error(transparent)]
    Call(#[from] ConnectionError),
    /// Grant and connector do not fit.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The connector could not say what it wants.
    #[error(transparent)]
    About(#[from] AboutError),
    /// The workspace is not there.
    #[error(transparent)]
    Folder(#[from] directory::OpenError),
    /// The workspace cannot be read.
    #[error(transparent)]
    Files(#[from] FileError),
    #[error(transparent)]
    Store(#[from] DatabaseError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Random(#[from] RandomError),
    /// For as long as a call may take.
    #[error("another process moves files of this connection and does not come to an end")]
    Busy,
}

impl Trouble {
    /// Why it did not become this process's turn.
    pub(super) fn of_turn(error: StoreError) -> Self {
        match error {
            StoreError::Busy(_) => Self::Busy,
            error => Self::Vault(error.into()),
        }
    }

    /// Of the connector's catalogue, if it was the connector that said no.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Call(ConnectionError::Refused(refusal)) => Some(&refusal.code),
            _ => None,
        }
    }
}
