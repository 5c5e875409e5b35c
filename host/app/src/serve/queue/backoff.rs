//! When a job that failed is tried again, and a command that a rate limit stopped.
//!
//! Twice as long after each try, at most half an hour, a random part of it less so that many do not come back at once; never before the
//! time that GitLab asked for. After [`Backoff::TRIES`] tries, which is a little under two hours, a job is given up: the next poll makes a new one.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The longest that a server's own wish is followed. GitLab's limits are per minute or hour.
const MOST_ASKED: Duration = Duration::from_secs(2 * 60 * 60);

/// The rule.
pub(crate) struct Backoff;

impl Backoff {
    /// Tries of one job.
    pub(crate) const TRIES: u32 = 12;

    /// No wait is longer.
    pub(crate) const LONGEST: Duration = MOST_ASKED.saturating_add(FIRST);

    /// How long to wait after this many tries. `chance` is any number; `asked` is the server's `Retry-After`.
    pub(crate) fn after(attempt: u32, asked: Option<Duration>, chance: u64) -> Duration {
        let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
        let less = doubled.mul_f64((chance % 1_000) as f64 / 2_000.0);
        // What a server asks for is a least time: the random part comes on top.
        let asked = asked.map_or(Duration::ZERO, |asked| asked.min(MOST_ASKED) + less.min(FIRST));
        (doubled - less).max(asked)
    }

    /// Spreads waits; nothing secret depends on it.
    pub(crate) fn chance() -> u64 {
        RandomState::new().build_hasher().finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_half_an_hour_and_is_never_under_half_of_that() {
        let table = [(1, 5), (2, 10), (3, 20), (9, 1_280), (10, 1_800), (12, 1_800), (u32::MAX, 1_800)];
        for (attempt, seconds) in table {
            let full = Duration::from_secs(seconds);
            assert_eq!(Backoff::after(attempt, None, 0), full);
            for chance in 0..1_000 {
                let wait = Backoff::after(attempt, None, chance);
                assert!(wait <= full && wait * 2 > full, "{attempt} {chance}: {wait:?}");
            }
        }
    }

    #[test]
    fn nothing_is_tried_before_the_time_that_the_server_asked_for() {
        for chance in 0..1_000 {
            let asked = Duration::from_secs(60);
            let wait = Backoff::after(1, Some(asked), chance);
            assert!((asked..=asked + FIRST).contains(&wait), "{wait:?}");
            assert!(Backoff::after(u32::MAX, Some(Duration::MAX), chance) <= Backoff::LONGEST);
        }
        assert_eq!(Backoff::after(1, Some(Duration::MAX), 0), MOST_ASKED, "a day is not believed");
    }
}
