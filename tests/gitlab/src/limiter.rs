//! Counts requests per key and period, for throttles and for limits of single features.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Counters by key. Periods are aligned to the epoch, as `Rack::Attack` has them.
#[derive(Debug, Default)]
pub struct Limiter {
    counters: Mutex<HashMap<String, Counter>>,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    period: i64,
    count: u32,
}

/// Where a key stands after one more request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Requests allowed in the period.
    pub limit: u32,
    /// Requests seen in the period, this one included.
    pub observed: u32,
    /// Unix second at which the next period begins.
    pub reset: i64,
}

impl Standing {
    /// Whether this request is one too many.
    pub fn is_over(&self) -> bool {
        self.observed > self.limit
    }
}

impl Limiter {
    /// Counts one request of `key`.
    pub fn count(&self, key: &str, limit: u32, period_seconds: u32, now: Timestamp) -> Standing {
        let length = i64::from(period_seconds.max(1));
        let period = now.as_second() / length;
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Counter { period, count: 0 };
        let counter = counters.entry(key.to_owned()).or_insert(fresh);
        if counter.period != period {
            *counter = fresh;
        }
        counter.count += 1;
        Standing { limit, observed: counter.count, reset: (period + 1) * length }
    }

    /// Forgets all counts.
    pub fn reset(&self) {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
