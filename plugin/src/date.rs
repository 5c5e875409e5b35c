//! Days of the calendar, as far as GitLab's answers have them.

/// Milliseconds of a day.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Days from 1970-01-01 to the day that a text begins with: `2027-01-31`, or a time of that day.
pub(crate) fn days_since_1970(text: &str) -> Option<i64> {
    let mut parts = text.get(..10)?.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    days(parts.next()??, parts.next()??, parts.next()??)
}

/// Milliseconds from 1970 to a time in an HTTP header: `Wed, 21 Oct 2026 07:28:00 GMT`.
pub(crate) fn http_time_ms(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.strip_suffix(" GMT")?.split(' ').skip(1);
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let days = days(words.next()?.parse().ok()?, i64::try_from(month).ok()?, day)?;
    let mut clock = words.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    Some(u64::try_from(days).ok()? * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000)
}

/// The proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_like_the_calendar() {
        for (date, days) in [
            ("1970-01-01", Some(0)),
            ("2000-02-29", Some(11_016)),
            ("2024-12-31", Some(20_088)),
            ("2027-01-31", Some(20_849)),
            ("2027-01-31T23:59:59.000+02:00", Some(20_849)),
            ("2027-13-01", None),
            ("2027-1-1", None),
            ("soon", None),
        ] {
            assert_eq!(days_since_1970(date), days, "{date}");
        }
    }

    #[test]
    fn the_time_of_a_header_is_counted_from_1970() {
        for (text, time) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777_000)),
            ("Sun, 06 Foo 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 99:49:37 GMT", None),
            ("120", None),
        ] {
            assert_eq!(http_time_ms(text), time, "{text}");
        }
    }
}
