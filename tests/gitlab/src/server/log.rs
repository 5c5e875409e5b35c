//! The log of every request received, for tests to assert on. Requests to the simulator's own `/-/sim/` are not in it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Position in the log, from 0.
    pub number: usize,
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// Method.
    pub method: String,
    /// Path as sent, base path included.
    pub path: String,
    /// Query as sent, without the question mark.
    pub query: String,
    /// Headers as received, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the request body read so far.
    pub request_bytes: Arc<AtomicU64>,
    /// Status of the answer; 0 while there is none, or when the connection was cut before one.
    pub status: u16,
    /// Bytes of the response body sent so far, as they went over the wire.
    pub response_bytes: Arc<AtomicU64>,
    /// The route that answered, such as `/api/v4/projects/{id}`; the path when no route did.
    pub route: String,
}

/// One entry as plain data.
#[derive(Debug, Clone, Serialize)]
pub struct EntryData {
    /// Position in the log, from 0.
    pub number: usize,
    /// Which connection it came on, from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// Method.
    pub method: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent.
    pub query: String,
    /// Headers as received.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of the response body.
    pub response_bytes: u64,
    /// The route that answered.
    pub route: String,
}

impl Entry {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// This entry as plain data.
    pub fn data(&self) -> EntryData {
        let headers =
            self.headers.iter().map(|(key, value)| (key.clone(), String::from_utf8_lossy(value).into_owned()));
        EntryData {
            number: self.number,
            connection: self.connection,
            protocol: self.protocol.clone(),
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: headers.collect(),
            request_bytes: self.request_bytes.load(Ordering::Relaxed),
            status: self.status,
            response_bytes: self.response_bytes.load(Ordering::Relaxed),
            route: self.route.clone(),
        }
    }
}

/// Totals since the start or the last clearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Requests.
    pub requests: usize,
    /// Connections accepted.
    pub connections: u64,
    /// Most requests in flight at once.
    pub max_in_flight: usize,
    /// Bytes of request bodies.
    pub request_bytes: u64,
    /// Bytes of response bodies.
    pub response_bytes: u64,
}

/// The log.
#[derive(Debug, Default)]
pub struct RequestLog {
    entries: Mutex<Vec<Entry>>,
    connections: AtomicU64,
    accepted: AtomicU64,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

impl RequestLog {
    /// Every request so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// Requests whose method and route or path are these. `*` in the path stands for any text.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let fits = |entry: &&Entry| entry.method == method && (entry.route == path || glob(path, &entry.path));
        self.lock().iter().filter(fits).count()
    }

    /// How often each route was asked, by method and route.
    pub fn per_route(&self) -> std::collections::BTreeMap<String, usize> {
        let mut counts = std::collections::BTreeMap::new();
        for entry in self.lock().iter() {
            *counts.entry(format!("{} {}", entry.method, entry.route)).or_default() += 1;
        }
        counts
    }

    /// Totals.
    pub fn totals(&self) -> Totals {
        let entries = self.lock();
        let sum = |count: fn(&Entry) -> &AtomicU64| entries.iter().map(|e| count(e).load(Ordering::Relaxed)).sum();
        Totals {
            requests: entries.len(),
            connections: self.connections.load(Ordering::Relaxed),
            max_in_flight: self.max_in_flight.load(Ordering::Relaxed),
            request_bytes: sum(|entry| &entry.request_bytes),
            response_bytes: sum(|entry| &entry.response_bytes),
        }
    }

    /// Forgets everything so far. Requests in flight keep counting as in flight.
    pub fn clear(&self) {
        self.lock().clear();
        self.connections.store(0, Ordering::Relaxed);
        self.max_in_flight.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// A connection was accepted; its number.
    pub(crate) fn connected(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A request begins.
    pub(crate) fn begin(&self, mut entry: Entry) -> usize {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_in_flight.fetch_max(now, Ordering::Relaxed);
        let mut entries = self.lock();
        entry.number = entries.len();
        entries.push(entry);
        entries.len() - 1
    }

    /// The head of the answer is known.
    pub(crate) fn answered(&self, number: usize, status: u16, route: Option<&str>) {
        let mut entries = self.lock();
        // The log may have been cleared meanwhile.
        let Some(entry) = entries.get_mut(number) else { return };
        entry.status = status;
        if let Some(route) = route {
            route.clone_into(&mut entry.route);
        }
    }

    /// A request ended, one way or another.
    pub(crate) fn ended(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a pattern with `*` covers a path.
pub fn glob(pattern: &str, path: &str) -> bool {
    crate::world::protected_branches::matches_pattern(pattern, path)
}
