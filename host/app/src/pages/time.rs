//! Spans and points of time as people say them.

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

/// `2027-01-31`, UTC.
pub(crate) fn day(ms: u64) -> String {
    let (year, month, day) = date(ms / DAY_MS);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2027-01-31T09:05:00Z`.
pub(crate) fn stamp(ms: u64) -> String {
    let seconds = ms % DAY_MS / 1_000;
    format!("{}T{:02}:{:02}:{:02}Z", day(ms), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Year, month and day so many days after 1970-01-01, by counting years from March on, so that a leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
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
