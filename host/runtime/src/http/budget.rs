//! What one call of the connector may spend on the network. Each limit is its own error.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use thiserror::Error;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests decided, denied ones included.
    pub requests: u32,
    /// Requests on their way at once, until the reply is read to its end or dropped. What is asked beyond waits, in the order of
    /// asking: a component that starts many and reads them in that order always gets on.
    pub in_flight: u32,
    /// Bytes of request bodies.
    pub bytes_up: u64,
    /// Decoded bytes of reply bodies.
    pub bytes_down: u64,
}

/// The limit that struck.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BudgetError {
    /// Too many requests.
    #[error("the call has made its {limit} requests")]
    Requests {
        /// Requests in one call.
        limit: u32,
    },
    /// A place in flight did not come free in time.
    #[error("{limit} requests were in flight for too long, so none of their replies was read to its end")]
    InFlight {
        /// Requests in flight at once.
        limit: u32,
    },
    /// Too much sent.
    #[error("the call has sent its {limit} bytes")]
    BytesUp {
        /// Bytes in one call.
        limit: u64,
    },
    /// Too much received.
    #[error("the call has received its {limit} bytes")]
    BytesDown {
        /// Bytes in one call.
        limit: u64,
    },
}

/// What one call has spent so far.
#[derive(Debug)]
pub struct CallBudget {
    limits: Limits,
    requests: AtomicU32,
    bytes_up: AtomicU64,
    bytes_down: AtomicU64,
    places: Arc<Semaphore>,
}

/// A place in flight; free again when dropped.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A turn to get a place in flight. Given up when dropped.
pub struct Turn(Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>);

impl Default for Limits {
    /// For one bounded call of a sync: pages, one archive, or one commit of up to 20 MB and what settles it.
    fn default() -> Self {
        Self { requests: 200, in_flight: 8, bytes_up: 128 << 20, bytes_down: 1 << 30 }
    }
}

impl CallBudget {
    /// A fresh budget.
    pub fn new(limits: Limits) -> Self {
        let places = usize::try_from(limits.in_flight).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        Self {
            limits,
            requests: AtomicU32::new(0),
            bytes_up: AtomicU64::new(0),
            bytes_down: AtomicU64::new(0),
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// Counts one request.
    pub fn count_request(&self) -> Result<(), BudgetError> {
        let limit = self.limits.requests;
        let spend = |spent: u32| (spent < limit).then_some(spent + 1);
        let counted = self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend);
        counted.map(drop).map_err(|_| BudgetError::Requests { limit })
    }

    /// Queues for a place in flight, behind everyone who has queued before, whoever waits for it first.
    pub fn turn(&self) -> Turn {
        let mut turn = Box::pin(Arc::clone(&self.places).acquire_owned());
        // The semaphore queues a waiter when it is first polled. Who gets a place meanwhile keeps it for the poll that counts.
        let now = turn.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match now {
            Poll::Ready(permit) => Turn(Box::pin(std::future::ready(permit))),
            Poll::Pending => Turn(turn),
        }
    }

    /// The error of a wait that took too long.
    pub fn no_place(&self) -> BudgetError {
        BudgetError::InFlight { limit: self.limits.in_flight }
    }

    /// Counts bytes to be sent.
    pub fn count_up(&self, bytes: u64) -> Result<(), BudgetError> {
        let limit = self.limits.bytes_up;
        add(&self.bytes_up, bytes, limit).ok_or(BudgetError::BytesUp { limit })
    }

    /// Counts bytes received.
    pub fn count_down(&self, bytes: u64) -> Result<(), BudgetError> {
        let limit = self.limits.bytes_down;
        add(&self.bytes_down, bytes, limit).ok_or(BudgetError::BytesDown { limit })
    }
}

impl Turn {
    /// Waits for it. The caller bounds the wait, and reports [`BudgetError::InFlight`] when it is over.
    pub async fn place(self) -> Place {
        Place { _permit: self.0.await.expect("the semaphore is never closed") }
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turn(..)")
    }
}

fn add(counter: &AtomicU64, bytes: u64, limit: u64) -> Option<()> {
    let spend = |spent: u64| spent.checked_add(bytes).filter(|total| *total <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_given_in_the_order_of_asking_whoever_waits_first() {
        let budget = CallBudget::new(Limits { in_flight: 1, ..Limits::default() });
        let [first, given_up, second, third] = std::array::from_fn(|_| budget.turn());
        drop(given_up);
        let third = tokio::spawn(third.place());
        tokio::task::yield_now().await;
        let first = first.place().await;
        assert!(!third.is_finished());
        drop(first);
        let second = second.place().await;
        assert!(!third.is_finished(), "it has waited longer, but asked later");
        drop(second);
        third.await.unwrap();
    }

    #[test]
    fn each_limit_strikes_with_its_own_error() {
        let budget = CallBudget::new(Limits { requests: 2, in_flight: 1, bytes_up: 10, bytes_down: 5 });
        assert_eq!([budget.count_request(), budget.count_request()], [Ok(()), Ok(())]);
        assert_eq!(budget.count_request(), Err(BudgetError::Requests { limit: 2 }));
        assert_eq!(budget.count_up(10), Ok(()));
        assert_eq!(budget.count_up(1), Err(BudgetError::BytesUp { limit: 10 }));
        assert_eq!(budget.count_down(6), Err(BudgetError::BytesDown { limit: 5 }));
        assert_eq!(budget.count_down(u64::MAX), Err(BudgetError::BytesDown { limit: 5 }));
        assert_eq!(budget.count_down(5), Ok(()), "a refused spending is not counted");
    }
}
