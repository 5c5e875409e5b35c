//! The instance's clock: the real time, moved by what a test wants it to be moved.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

/// Real time plus an offset, so that tokens can expire without waiting; or a time that stands still.
#[derive(Debug, Default)]
pub struct Clock {
    offset_ms: AtomicI64,
    // 0 while the clock runs.
    stopped_at_ms: AtomicI64,
}

impl Clock {
    /// The time the instance believes in, in whole milliseconds as GitLab's database has it.
    pub fn now(&self) -> Timestamp {
        let real = match self.stopped_at_ms.load(Ordering::Relaxed) {
            0 => Timestamp::now().as_millisecond(),
            stopped => stopped,
        };
        Timestamp::from_millisecond(real + self.offset_ms.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The day in UTC.
    pub fn today(&self) -> Date {
        self.now().to_zoned(TimeZone::UTC).date()
    }

    /// Stops the clock. It can still be moved.
    pub fn stop(&self) {
        self.stopped_at_ms.store(Timestamp::now().as_millisecond(), Ordering::Relaxed);
    }

    /// Moves the clock, forward or back.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.offset_ms.fetch_add(by, Ordering::Relaxed);
    }
}

/// `2026-02-13T09:10:10.123Z`, the form of the JSON API.
pub fn iso_millis(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// `2026-02-13T09:10:10Z`, the form of system hooks.
pub fn iso_seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `Mon, 31 Aug 2026 08:33:43 GMT`, the form of HTTP headers.
pub fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
