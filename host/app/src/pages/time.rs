//! Spans of time as people say them.

use super::counted;

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

#[cfg(test)]
mod tests {
    use super::*;

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
