//! The time, as the product decides it: the system's, or a fixed one in a test or a replay.

use crate::bindings::gitlab_sync::connector::clock;
use crate::call::CallState;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC.
    fn now_ms(&self) -> u64;

    /// Lets this much time pass. A test or a replay may be back at once.
    fn wait(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// The longest that one wait may be.
const MOST_WAIT: Duration = Duration::from_secs(60);

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl clock::Host for CallState {
    async fn now(&mut self) -> wasmtime::Result<u64> {
        self.count_host_call()?;
        Ok(self.lent.clock.now_ms())
    }

    async fn wait(&mut self, milliseconds: u32) -> wasmtime::Result<bool> {
        self.count_host_call()?;
        let time = Duration::from_millis(milliseconds.into());
        let has_time = time <= MOST_WAIT && time <= self.time_left() / 2;
        if has_time {
            self.lent.clock.wait(time).await;
        }
        Ok(has_time)
    }
}
