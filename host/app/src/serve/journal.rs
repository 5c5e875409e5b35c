//! Puts verified deliveries on disk, many in one transaction: a sync of the disk costs milliseconds, and while one is under way the next
//! ones gather.
//!
//! Decided here: what an event of the connector becomes in the queue and in the states. A delivery is answered after it is on disk; when it was
//! last heard of a connection is only written down once in a while, because nothing depends on it. A job begins a little after the first
//! delivery of it, so that a burst leads to one.

use super::health::Part;
use super::job::{Cause, Job, Order};
use super::queue::{Arrival, Put};
use super::server::Server;
use super::states::{Change, Delivered};
use super::verifiers::Owner;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Event, Proof, Work};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Deliveries of one transaction, and that wait for the next.
const MOST_AT_ONCE: usize = 1_024;
/// Between two writes of what was last heard.
const HEARD: Duration = Duration::from_secs(2);

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Journaled {
    Queued,
    Noted,
    Repeat,
}

/// Where deliveries are put. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Journal {
    pages: mpsc::Sender<Page>,
}

struct Page {
    owner: Arc<Owner>,
    event: Event,
    written: oneshot::Sender<Journaled>,
}

impl Journal {
    /// The task ends when all clones are gone and everything is written.
    pub(crate) fn open(server: Arc<Server>) -> (Self, JoinHandle<()>) {
        let (pages, waiting) = mpsc::channel(MOST_AT_ONCE);
        (Self { pages }, tokio::spawn(write_all(server, waiting)))
    }

    /// On disk when it returns. None: it is not, because too many wait or the disk failed.
    pub(crate) async fn write(&self, owner: Arc<Owner>, event: Event) -> Option<Journaled> {
        let (written, done) = oneshot::channel();
        self.pages.try_send(Page { owner, event, written }).ok()?;
        done.await.ok()
    }
}

async fn write_all(server: Arc<Server>, mut waiting: mpsc::Receiver<Page>) {
    let (mut pages, mut heard) = (Vec::with_capacity(MOST_AT_ONCE), HashMap::new());
    let mut tick = tokio::time::interval(HEARD);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let alive = server.health.alive(Part::Journal);
    loop {
        alive.beat();
        tokio::select! {
            count = waiting.recv_many(&mut pages, MOST_AT_ONCE) => {
                if count == 0 {
                    break;
                }
                write(&server, std::mem::take(&mut pages), &mut heard).await;
            }
            _ = tick.tick() => note(&server, &mut heard).await,
        }
    }
    note(&server, &mut heard).await;
}

/// One transaction. Whoever waits for a page that is not written hears that it is not.
async fn write(server: &Server, pages: Vec<Page>, heard: &mut HashMap<ConnectionId, Vec<Change>>) {
    let now_ms = server.now_ms();
    let due_ms = now_ms + server.config.settle.as_millis() as u64;
    let arrivals = pages.iter().map(|page| arrival(page, due_ms)).collect();
    let became = match server.queue.put(arrivals, now_ms).await {
        Ok(became) => became,
        Err(error) => return server.log.error("deliveries could not be kept", &[("why", &error.to_string())]),
    };
    if became.iter().any(|put| matches!(put, Put::Queued(_))) {
        server.due.notify_one();
    }
    for (page, put) in pages.into_iter().zip(became) {
        heard.insert(page.owner.connection.clone(), changes(&page.event, now_ms));
        // Whoever sent it may not wait any more.
        let _ = page.written.send(match put {
            Put::Queued(_) | Put::Joined(_) => Journaled::Queued,
            Put::Noted => Journaled::Noted,
            Put::Repeat => Journaled::Repeat,
        });
    }
}

fn arrival(page: &Page, due_ms: u64) -> Arrival {
    let Owner { connection, organisation, place } = &*page.owner;
    Arrival {
        connection: connection.clone(),
        organisation: organisation.clone(),
        place: place.clone(),
        cause: Cause::Delivery { key: page.event.deduplication_key.clone(), kind: page.event.kind.clone() },
        job: job(&page.event),
        order: Order::default(),
        due_ms,
    }
}

async fn note(server: &Server, heard: &mut HashMap<ConnectionId, Vec<Change>>) {
    if heard.is_empty() {
        return;
    }
    let ids = heard.keys().cloned().collect();
    if let Err(error) = server.states.change_all(heard.drain().collect()).await {
        server.log.warn("what was heard could not be noted", &[("why", &error.to_string())]);
    }
    server.clear_up_after(ids).await;
}

/// The branch is all that this server keeps in step; records and CI runs are for products that embed the library.
fn job(event: &Event) -> Option<Job> {
    event.work.iter().any(|work| matches!(work, Work::Pull(_))).then_some(Job::Pull)
}

fn changes(event: &Event, now_ms: u64) -> Vec<Change> {
    let proof = match event.proof {
        Proof::Token => "token",
        Proof::Signature => "signature",
    };
    let delivered = Delivered { at_ms: now_ms, kind: event.kind.clone(), proof: proof.into() };
    vec![Change::Delivered(delivered)]
}
