//! For load balancers and monitoring: `/healthz`, `/readyz` and `/metrics`.
//!
//! `/healthz`: the process answers. `/readyz`: it is worth sending it something, because the store can be written to, every task of the
//! server runs, and it is not ending. `/metrics`: counts (`metrics`), for this machine alone or with the `metrics-token` of the settings;
//! others learn as much as of a path that is not there. A request that a proxy on this machine passes on is not of this machine.
//!
//! A task that ended or panicked runs no longer; one that lives and hangs gives no sign of life, and after a while counts as not running
//! either. Jobs are not meant: their calls are bounded by the library, and those of one tenant say nothing of the server.

use super::listener::Peer;
use super::server::Server;
use crate::store::Database;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The store is busy for longer only when it is stuck.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a proxy adds.
const FORWARDED: [&str; 4] = ["forwarded", "via", "x-forwarded-for", "x-real-ip"];

pub(crate) fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(server)
}

/// A task that the server cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Worker,
    Poller,
    Watcher,
    Journal,
}

impl Part {
    const ALL: [Self; 4] = [Self::Worker, Self::Poller, Self::Watcher, Self::Journal];

    /// How long it may be without a sign of life. Each gives one every ten seconds at the latest while it waits, and between two pieces
    /// of work; the longest piece is a folder of the watcher's, on a slow disk or with very many files.
    fn bound(self) -> Duration {
        match self {
            Self::Worker | Self::Poller | Self::Journal => Duration::from_secs(60),
            Self::Watcher => Duration::from_secs(5 * 60),
        }
    }
}

/// What the server knows of its own tasks.
#[derive(Default)]
pub(crate) struct Health {
    running: [Mutex<Vec<Arc<Pulse>>>; Part::ALL.len()],
    ending: AtomicBool,
    /// When somebody last began to write to the store, and whether that worked.
    tried: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

/// Signs of life of one task.
struct Pulse {
    since: Instant,
    /// After `since`.
    last_ms: AtomicU64,
}

/// Held by a task while it runs.
pub(crate) struct Alive {
    health: Arc<Health>,
    part: Part,
    pulse: Arc<Pulse>,
}

impl Health {
    /// To be held by the task until it ends, however it ends.
    pub(crate) fn alive(self: &Arc<Self>, part: Part) -> Alive {
        let pulse = Arc::new(Pulse { since: Instant::now(), last_ms: AtomicU64::new(0) });
        self.pulses(part).push(pulse.clone());
        Alive { health: self.clone(), part, pulse }
    }

    /// The server is told to end.
    pub(crate) fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Whether the store can be written to. Anyone may ask, and each try waits for the disk: there is one at a time, for all who have asked
    /// before it began.
    async fn is_writable(&self, store: &Database) -> bool {
        let asked = Instant::now();
        let mut tried = self.tried.lock().await;
        if let Some((begun, writable)) = *tried
            && begun >= asked
        {
            return writable;
        }
        let begun = Instant::now();
        let touched = tokio::time::timeout(PATIENCE, store.touch()).await;
        let writable = matches!(touched, Ok(Ok(())));
        *tried = Some((begun, writable));
        writable
    }

    /// There is such a task, and all of them have given a sign of life not too long before.
    fn is_running(&self, part: Part, now: Instant) -> bool {
        let pulses = self.pulses(part);
        !pulses.is_empty() && pulses.iter().all(|pulse| now.saturating_duration_since(pulse.last()) <= part.bound())
    }

    fn pulses(&self, part: Part) -> MutexGuard<'_, Vec<Arc<Pulse>>> {
        self.running[part as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pulse {
    fn last(&self) -> Instant {
        self.since + Duration::from_millis(self.last_ms.load(Ordering::Relaxed))
    }
}

impl Alive {
    /// A sign of life.
    pub(crate) fn beat(&self) {
        let passed = u64::try_from(self.pulse.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.pulse.last_ms.store(passed, Ordering::Relaxed);
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.health.pulses(self.part).retain(|pulse| !Arc::ptr_eq(pulse, &self.pulse));
    }
}

/// Nothing in it is about a tenant, so that anyone may read it.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    store: bool,
    worker: bool,
    poller: bool,
    watcher: bool,
    journal: bool,
    ending: bool,
}

async fn ready(State(server): State<Arc<Server>>) -> Response {
    let readiness = readiness(&server, Instant::now()).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

async fn readiness(server: &Server, now: Instant) -> Readiness {
    let store = server.health.is_writable(&server.database).await;
    let [worker, poller, watcher, journal] = Part::ALL.map(|part| server.health.is_running(part, now));
    let ending = server.health.ending.load(Ordering::Relaxed);
    let ready = store && worker && poller && watcher && journal && !ending;
    Readiness { ready, store, worker, poller, watcher, journal, ending }
}

async fn metrics(State(server): State<Arc<Server>>, Extension(peer): Extension<Peer>, headers: HeaderMap) -> Response {
    if !may_read(peer, &headers, server.config.metrics_token.as_ref()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let now_ms = server.now_ms();
    let Ok(depth) = server.queue.depth(now_ms).await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
    ([kind], server.metrics.text(&depth, now_ms)).into_response()
}

/// The token is compared by its digest; how long that takes tells nothing of the token.
fn may_read(peer: Peer, headers: &HeaderMap, token: Option<&[u8; 32]>) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    let proved = given.zip(token).is_some_and(|(given, token)| Sha256::digest(given)[..] == token[..]);
    let forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    proved || (peer.0.ip().to_canonical().is_loopback() && !forwarded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_for_this_machine_or_with_the_token() {
        let token: [u8; 32] = Sha256::digest(b"a-long-metrics-token").into();
        let right = ("authorization", "Bearer a-long-metrics-token");
        let wrong = ("authorization", "Bearer another-token");
        let (here, there) = ("127.0.0.1:9", "192.0.2.7:9");
        type Given<'a> = &'a [(&'static str, &'a str)];
        let table = [
            (here, &[] as Given<'_>, None, true),
            ("[::1]:9", &[], Some(&token), true),
            ("[::ffff:127.0.0.1]:9", &[], None, true),
            (there, &[], Some(&token), false),
            (there, &[right], Some(&token), true),
            (there, &[wrong], Some(&token), false),
            (there, &[right], None, false),
            (here, &[("x-forwarded-for", "192.0.2.7")], None, false),
            (here, &[("via", "1.1 proxy"), right], Some(&token), true),
        ];
        for (peer, given, token, expected) in table {
            let mut headers = HeaderMap::new();
            given.iter().for_each(|(name, value)| drop(headers.insert(*name, value.parse().unwrap())));
            assert_eq!(may_read(Peer(peer.parse().unwrap()), &headers, token), expected, "{peer} {given:?}");
        }
    }

    /// Whoever asked without a pause kept the one writer busy with syncs of the disk.
    #[tokio::test]
    async fn many_who_ask_at_once_share_one_write() {
        let folder = tempfile::tempdir().unwrap();
        let store = Database::open(&folder.path().join("store.sqlite")).unwrap();
        let counted = "CREATE TABLE touches (at INTEGER);
            CREATE TRIGGER touched AFTER UPDATE ON installation BEGIN INSERT INTO touches VALUES (1); END";
        store.change(move |connection| connection.execute_batch(counted)).await.unwrap();
        let health = Health::default();
        let asked = futures_util::future::join_all((0..50).map(|_| health.is_writable(&store)));
        assert!(asked.await.into_iter().all(|writable| writable));
        let touches = async || {
            let count = |connection: &rusqlite::Connection| {
                connection.query_row("SELECT count(*) FROM touches", [], |row| row.get::<_, u32>(0))
            };
            store.read(count).await.unwrap()
        };
        assert!(touches().await <= 2, "the first one's, and one for all who came while it went on");
        let before = touches().await;
        assert!(health.is_writable(&store).await);
        assert_eq!(touches().await, before + 1, "an answer is never older than the question");
    }

    #[test]
    fn a_task_that_panics_is_no_longer_running() {
        let health = Arc::new(Health::default());
        let runs = |part| health.is_running(part, Instant::now());
        assert!(!runs(Part::Poller));
        let held = health.alive(Part::Poller);
        assert!(runs(Part::Poller) && !runs(Part::Worker));
        let task = std::thread::spawn(move || {
            let _held = held;
            std::panic::resume_unwind(Box::new("as a bug would"));
        });
        assert!(task.join().is_err());
        assert!(!runs(Part::Poller));
    }

    #[test]
    fn a_task_without_a_sign_of_life_counts_as_not_running_until_it_gives_one() {
        for part in Part::ALL {
            let health = Arc::new(Health::default());
            let moment = Duration::from_millis(5);
            let held = health.alive(part);
            let begun = held.pulse.since;
            assert!(health.is_running(part, begun + part.bound()));
            let late = begun + part.bound() + moment;
            std::thread::sleep(moment);
            assert!(!health.is_running(part, late + moment), "{part:?}");
            held.beat();
            assert!(health.is_running(part, late), "{part:?}");
            let another = health.alive(part);
            drop(held);
            assert!(health.is_running(part, late), "the one that is left");
            drop(another);
            assert!(!health.is_running(part, late));
        }
    }
}

#[cfg(test)]
mod hanging;
