//! The times of a delivery. GitLab writes them in several ways, by version and by field.

use crate::date::{DAY_MS, days_since_1970};

/// Milliseconds since 1970 UTC. `2013-12-03T17:23:34Z`, `2017-09-20T08:31:45.944Z`, `2013-12-03 17:23:34 UTC`,
/// `2021-04-28 21:50:00 +0200`, `2011-12-12T14:27:31+02:00`, or a day.
pub(super) fn time_ms(text: &str) -> Option<u64> {
    let midnight = u64::try_from(days_since_1970(text)?).ok()? * DAY_MS;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some(midnight);
    }
    let clock = rest.strip_prefix(['T', ' '])?;
    let (hours, minutes, seconds) = (two(clock, 0)?, two(clock, 3)?, two(clock, 6)?);
    if clock.get(2..3)? != ":" || clock.get(5..6)? != ":" || hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let (fraction_ms, zone) = fraction(&clock[8..]);
    let local = midnight + ((hours * 60 + minutes) * 60 + seconds) * 1000 + fraction_ms;
    local.checked_add_signed(-offset_ms(zone)?)
}

fn two(text: &str, at: usize) -> Option<u64> {
    let digits = text.get(at..at + 2)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Milliseconds of `.944`, and what follows.
fn fraction(text: &str) -> (u64, &str) {
    let Some(digits) = text.strip_prefix('.') else { return (0, text) };
    let end = digits.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let ms = digits[..end].bytes().chain(*b"000").take(3).fold(0, |ms, digit| ms * 10 + u64::from(digit - b'0'));
    (ms, &digits[end..])
}

/// `Z`, `UTC`, `+0200`, `+02:00`, with a space before it or without; nothing is UTC.
fn offset_ms(zone: &str) -> Option<i64> {
    let zone = zone.trim_start_matches(' ');
    let sign = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return matches!(zone, "Z" | "UTC" | "GMT").then_some(0),
    };
    let digits = zone[1..].replace(':', "");
    let minutes = i64::try_from(two(&digits, 0)? * 60 + two(&digits, 2)?).ok()?;
    (digits.len() == 4).then_some(sign * minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_that_gitlab_writes_a_time_is_read() {
        for (text, seconds) in [
            ("2013-12-03T17:23:34Z", Some(1_386_091_414)),
            ("2013-12-03 17:23:34 UTC", Some(1_386_091_414)),
            ("2013-12-03T19:23:34+02:00", Some(1_386_091_414)),
            ("2013-12-03 19:23:34 +0200", Some(1_386_091_414)),
            ("2013-12-03 12:23:34 -0500", Some(1_386_091_414)),
            ("2013-12-03T17:23:34", Some(1_386_091_414)),
            ("2015-05-17", Some(1_431_820_800)),
            ("1970-01-01T00:00:00+14:00", None),
            ("2013-12-03T17:23:34 CEST", None),
            ("2013-12-03T17:23:34+2", None),
            ("2013-12-03T25:23:34Z", None),
            ("2013-12-03T1\u{e9}:23:34Z", None),
            ("2013-12-03x", None),
            ("2013-12-03T17:23", None),
            ("1386091414", None),
            ("", None),
        ] {
            assert_eq!(time_ms(text), seconds.map(|seconds: u64| seconds * 1000), "{text}");
        }
        assert_eq!(time_ms("2017-09-20T08:31:45.944Z"), Some(1_505_896_305_944));
        assert_eq!(time_ms("2017-09-20T08:31:45.9Z"), Some(1_505_896_305_900));
    }
}
