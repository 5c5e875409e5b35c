//! Whether another connection is wanted.
//!
//! The client's pool starts a connection whenever none is idle at that instant, also when one is about to be: a reply that has
//! just been read gives its connection back a few microseconds later. One request after another opened up to eight connections
//! that way, where one does. So where a connection is open already, the next one waits a moment, and is not made if by then
//! every request has found its connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Long against giving a connection back, short against making one.
const MOMENT: Duration = Duration::from_millis(5);

/// Counts of one sender.
#[derive(Debug, Default)]
pub(super) struct Demand {
    waiting: AtomicUsize,
    open: AtomicUsize,
}

/// A request without a connection.
pub(super) struct Waiting(Arc<Demand>);

/// An open connection.
pub(super) struct Open(Arc<Demand>);

impl Demand {
    /// A request begins to wait.
    pub(super) fn waiting(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(Arc::clone(self))
    }

    /// A connection is open.
    pub(super) fn open(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::SeqCst);
        Open(Arc::clone(self))
    }

    /// Whether a connection should be made, now or after a moment.
    pub(super) async fn wants_another(&self) -> bool {
        if self.open.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(MOMENT).await;
        }
        self.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}
