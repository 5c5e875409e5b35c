//! What one call of the connector may spend on the network. Each limit is its own error.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests decided, denied ones included.
    pub requests: u32,
    /// Requests on their way at once, until the reply is read to its end or dropped.
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
    #[error("{limit} requests were in flight for too long")]
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

    /// Waits for a place in flight. The caller bounds the wait, and reports [`BudgetError::InFlight`] when it is over.
    pub async fn place(&self) -> Place {
        let permit = Arc::clone(&self.places).acquire_owned().await;
        Place { _permit: permit.expect("the semaphore is never closed") }
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

fn add(counter: &AtomicU64, bytes: u64, limit: u64) -> Option<()> {
    let spend = |spent: u64| spent.checked_add(bytes).filter(|total| *total <= limit);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

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
