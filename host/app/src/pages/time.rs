//! Spans and points of time as people say them.

use super::counted;
use jiff::Timestamp;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(crate) const DAY_MS: u64 = 24 * HOUR_MS;

/// `3 minutes ago`.
pub(crate) fn ago(ms: u64) -> String {
    let of = |unit: u64, noun| format!("{} ago", counted(usize::try_from(ms / unit).unwrap_or(usize::MAX), noun));
    match ms {
        0..MINUTE_MS => "just now".into(),
        MINUTE_MS..HOUR_MS => of(MINUTE_MS, "minute"),
        HOUR_MS..DAY_MS => of(HOUR_MS, "hour"),
        _ => of(DAY_MS, "day"),
    }
}

/// `2027-01-31`, UTC.
pub(crate) fn day(ms: u64) -> String {
    at(ms, "%F")
}

/// `2027-01-31T09:05:00Z`.
pub(crate) fn stamp(ms: u64) -> String {
    at(ms, "%FT%TZ")
}

/// A time past the end of the calendar is its end.
fn at(ms: u64, form: &str) -> String {
    let stamp = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    stamp.unwrap_or(Timestamp::MAX).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_as_gitlab_tells_it() {
        for text in ["1970-01-01", "1999-12-31", "2000-02-29", "2026-11-21", "2027-01-31", "2028-02-29", "2100-03-01"] {
            let ms = gitlab_sync_host::clock::day_ms(text).unwrap();
            assert_eq!(day(ms), text);
            assert_eq!(stamp(ms + 32_700_999), format!("{text}T09:05:00Z"));
        }
        assert_eq!(day(u64::MAX), "9999-12-30");
    }

    #[test]
    fn a_span_is_told_in_its_largest_unit() {
        for (ms, words) in [
            (0, "just now"),
            (59_999, "just now"),
            (60_000, "1 minute ago"),
            (3_599_999, "59 minutes ago"),
            (2 * HOUR_MS, "2 hours ago"),
            (DAY_MS, "1 day ago"),
            (400 * DAY_MS, "400 days ago"),
        ] {
            assert_eq!(ago(ms), words);
        }
    }
}
