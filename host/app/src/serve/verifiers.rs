//! Connections that judge deliveries, kept open with what each is judged by.
//!
//! A delivery reads one row of the store: whose path it is, and which edition of that connection holds. Only when that is another one than
//! the last, the rest is read again.

use super::job::Place;
use super::people::Organisation;
use super::remembered::Remembered;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Kept at once. Past it all are made anew, which costs a fraction of a millisecond each.
const MOST: usize = 8_192;

/// One that is open.
#[derive(Clone)]
pub(crate) struct Verifier {
    pub(crate) edition: u64,
    pub(crate) entry: Arc<Entry>,
    pub(crate) owner: Arc<Owner>,
    pub(crate) connection: Connection,
    pub(crate) remembered: Arc<Remembered>,
}

/// Whose a delivery is, and where its job belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) connection: ConnectionId,
    pub(crate) organisation: Organisation,
    pub(crate) place: Place,
}

/// Those that are open, by name.
#[derive(Default)]
pub(crate) struct Verifiers {
    known: Mutex<HashMap<ConnectionId, Verifier>>,
}

impl Verifiers {
    /// Of whichever edition it was last.
    pub(crate) fn get(&self, id: &ConnectionId) -> Option<Verifier> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A later edition is not replaced by an earlier one.
    pub(crate) fn keep(&self, verifier: &Verifier) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let id = &verifier.entry.id;
        if known.get(id).is_none_or(|kept| kept.edition <= verifier.edition) {
            known.insert(id.clone(), verifier.clone());
        }
    }

    pub(crate) fn forget(&self, id: &ConnectionId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
