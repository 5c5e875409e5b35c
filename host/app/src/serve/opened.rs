//! Connections that are kept open, because each costs a folder's handle and a pool of sockets. One is made anew when its entry has changed,
//! also by a command beside the server.

use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::connection_id::ConnectionId;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Kept at once. Past it all are made anew, which costs a fraction of a millisecond each.
const MOST: usize = 8_192;

/// Open connections by name, each with the entry that it was opened with.
#[derive(Default)]
pub(crate) struct Opened {
    known: Mutex<HashMap<ConnectionId, (Entry, Connection)>>,
}

impl Opened {
    /// The one that was opened with just this entry.
    pub(crate) fn get(&self, entry: &Entry) -> Option<Connection> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&entry.id).filter(|(opened, _)| opened == entry).map(|(_, connection)| connection.clone())
    }

    pub(crate) fn keep(&self, entry: Entry, connection: &Connection) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(entry.id.clone(), (entry, connection.clone()));
    }

    pub(crate) fn forget(&self, id: &ConnectionId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}
