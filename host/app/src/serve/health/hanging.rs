//! Tasks of a real server that hang although they live.

use super::*;
use crate::serve::journal::Journal;
use crate::serve::stand::stuck::{Question, Stuck};
use crate::serve::{poller, stand, watcher, worker};
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use tokio::sync::watch;

#[tokio::test]
async fn a_task_that_hangs_although_it_lives_makes_the_server_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = stand::server(folder.path(), |config| config.poll = Duration::from_millis(50)).await;
    stand::entry(&server, "one", Path::new("/srv/one")).await;
    let asked = Arc::new(AtomicUsize::new(0));
    server.states = Arc::new(Stuck { inner: server.states.clone(), question: Question::All, asked: asked.clone() });
    let server = Arc::new(server);
    let (_stop, end) = watch::channel(false);
    let (_journal, _) = Journal::open(server.clone());
    tokio::spawn(worker::work(server.clone(), end.clone()));
    tokio::spawn(watcher::run(server.clone(), end.clone()));
    tokio::spawn(poller::run(server.clone(), end));
    let pause = || tokio::time::sleep(Duration::from_millis(5));
    while asked.load(Ordering::Relaxed) < 2 || !readiness(&server, Instant::now()).await.ready {
        pause().await;
    }
    // From here on the two that wait for the store give no sign, and the others go on doing so.
    let moment = Instant::now() + Duration::from_millis(1);
    let shortly_after_the_bound_of = |part: Part| moment + part.bound();
    let mut seen = readiness(&server, shortly_after_the_bound_of(Part::Worker)).await;
    while !(seen.journal && seen.poller) {
        pause().await;
        seen = readiness(&server, shortly_after_the_bound_of(Part::Worker)).await;
    }
    assert!(!seen.worker && !seen.ready && seen.store, "{seen:?}");
    assert!(seen.watcher, "it has more time");
    let seen = readiness(&server, shortly_after_the_bound_of(Part::Watcher)).await;
    assert!(!seen.watcher && !seen.ready, "{seen:?}");
}
