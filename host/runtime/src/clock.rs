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

const DAY_MS: u64 = 86_400_000;

/// The beginning of `YYYY-MM-DD`, whatever follows it.
pub fn day_ms(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let dashes = text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    if !dashes || year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day; 719 468 days lie between 1 March of year 0 and 1970.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((days - 719_468) * DAY_MS)
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
