//! Whether another connection is wanted: never more than there are requests on their way.
//!
//! The client's pool starts a connection whenever none is idle at that instant, also when one is about to be: a reply that has
//! just been read gives its connection back a little later. One request after another opened up to eight connections that way,
//! where one does. So while there are as many connections as requests, a new one waits for one of them to come free, and is
//! not made if by then its request has found another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How often the counts are looked at. Giving a connection back takes microseconds on an idle machine.
const MOMENT: Duration = Duration::from_millis(2);
/// After so many moments the connections that are there do not seem to come free, and another one is made.
const PATIENCE: u32 = 125;

/// Counts of one sender.
#[derive(Debug, Default)]
pub(super) struct Demand {
    on_their_way: AtomicUsize,
    waiting: AtomicUsize,
    open: AtomicUsize,
}

/// A request, until its reply is read or given up.
pub(super) struct OnItsWay(Arc<Demand>);

/// A request that has no connection yet.
pub(super) struct Waiting(Arc<Demand>);

/// A connection, from the first attempt to reach the server to its end.
pub(super) struct Open(Arc<Demand>);

impl Demand {
    /// A request begins.
    pub(super) fn on_its_way(self: &Arc<Self>) -> OnItsWay {
        self.on_their_way.fetch_add(1, Ordering::SeqCst);
        OnItsWay(Arc::clone(self))
    }

    /// A request begins to wait for a connection.
    pub(super) fn waiting(self: &Arc<Self>) -> Waiting {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        Waiting(Arc::clone(self))
    }

    /// The right to make a connection; none if nobody waits for one any more.
    pub(super) async fn another(self: &Arc<Self>) -> Option<Open> {
        for _ in 0..PATIENCE {
            if self.waiting.load(Ordering::SeqCst) == 0 {
                return None;
            }
            let below = |open: usize| (open < self.on_their_way.load(Ordering::SeqCst)).then_some(open + 1);
            if self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, below).is_ok() {
                return Some(Open(Arc::clone(self)));
            }
            tokio::time::sleep(MOMENT).await;
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        Some(Open(Arc::clone(self)))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.on_their_way.fetch_sub(1, Ordering::SeqCst);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn as_many_connections_as_requests_and_one_more_only_after_long_patience() {
        let demand = Arc::new(Demand::default());
        assert!(demand.another().await.is_none(), "nobody waits");
        let (_first, _waiting) = (demand.on_its_way(), demand.waiting());
        let open = demand.another().await;
        assert!(open.is_some());

        let begun = tokio::time::Instant::now();
        let stubborn = demand.another().await;
        assert!(stubborn.is_some() && begun.elapsed() >= MOMENT * PATIENCE);

        let _second = demand.on_its_way();
        let begun = tokio::time::Instant::now();
        drop(open);
        assert!(demand.another().await.is_some() && begun.elapsed() == Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_waits_for_any_more_is_not_made() {
        let demand = Arc::new(Demand::default());
        let (_request, waiting) = (demand.on_its_way(), demand.waiting());
        let _open = demand.another().await.unwrap();
        let late = tokio::spawn({
            let demand = Arc::clone(&demand);
            async move { demand.another().await.is_some() }
        });
        tokio::time::sleep(MOMENT).await;
        drop(waiting);
        assert!(!late.await.unwrap());
    }
}
