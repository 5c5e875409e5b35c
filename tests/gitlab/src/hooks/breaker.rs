//! When a failing hook is left alone: for a while from the fourth failure in a row, for good from the fortieth.
//!
//! Whether the instance does this at all is a switch ([`super::switches`]). It never does it to system hooks.

use jiff::{SignedDuration, Timestamp};

/// From one more failure in a row than this a hook is left alone for a while.
const TEMPORARY: u32 = 3;
/// From one more failure in a row than this it is left alone for good.
const PERMANENT: u32 = 39;
/// First pause; every further one is twice as long.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// Longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(24);

/// The state of one hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaker {
    failures: u32,
    until: Option<Timestamp>,
}

/// What the hook entity calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertStatus {
    /// It is told everything.
    Executable,
    /// It is left alone for a while.
    TemporarilyDisabled,
    /// It is left alone until a test of it succeeds.
    Disabled,
}

impl AlertStatus {
    /// GitLab's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Executable => "executable",
            Self::TemporarilyDisabled => "temporarily_disabled",
            Self::Disabled => "disabled",
        }
    }
}

impl Breaker {
    /// Failures in a row.
    pub fn failures(self) -> u32 {
        self.failures
    }

    /// Until when it is left alone.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// Where it stands.
    pub fn status(self, now: Timestamp) -> AlertStatus {
        if self.failures > PERMANENT {
            return AlertStatus::Disabled;
        }
        let paused = self.failures > TEMPORARY && self.until.is_some_and(|until| until >= now);
        if paused { AlertStatus::TemporarilyDisabled } else { AlertStatus::Executable }
    }

    /// The receiver answered well: everything is forgotten.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// The receiver did not. Deliveries that were under way when the hook was disabled do not count.
    pub fn fail(&mut self, now: Timestamp) {
        if self.status(now) != AlertStatus::Executable {
            return;
        }
        let pause = pause_after(self.failures);
        self.failures = (self.failures + 1).min(PERMANENT + 1);
        if self.failures > TEMPORARY {
            self.until = now.checked_add(pause).ok();
        }
    }
}

/// The pause when `failures` came before this one: GitLab computes it from the counter before it is raised.
fn pause_after(failures: u32) -> SignedDuration {
    let doublings = failures.saturating_sub(TEMPORARY).min(20);
    (FIRST_PAUSE * (1_i32 << doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_failures_pause_a_hook_and_forty_end_it() {
        let mut breaker = Breaker::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut pauses = Vec::new();
        for failure in 1..=40 {
            breaker.fail(now);
            match failure {
                1..=3 => assert_eq!(breaker.status(now), AlertStatus::Executable, "failure {failure}"),
                4..=39 => {
                    assert_eq!(breaker.status(now), AlertStatus::TemporarilyDisabled, "failure {failure}");
                    let until = breaker.until().unwrap();
                    pauses.push(until.duration_since(now).as_mins());
                    now = until + SignedDuration::from_secs(1);
                }
                _ => assert_eq!(breaker.status(now), AlertStatus::Disabled),
            }
        }
        assert_eq!(pauses[..6], [1, 2, 4, 8, 16, 32]);
        assert_eq!(pauses.last(), Some(&(24 * 60)));
        breaker.succeed();
        assert_eq!(breaker.status(now), AlertStatus::Executable);
    }

    #[test]
    fn failures_of_a_paused_hook_do_not_count() {
        let mut breaker = Breaker::default();
        (0..9).for_each(|_| breaker.fail(Timestamp::UNIX_EPOCH));
        assert_eq!(breaker.failures(), 4);
    }
}
