//! What a command does where GitLab's rate limit stopped it: it waits as long as GitLab says, and goes on from where it was.
//!
//! Decided here: which refusals a command waits for, and how long in all. Not decided here: how long each wait is, which is `Backoff`'s rule
//! for a server's jobs too, and what a call waits out within itself, which the connector decides.

use crate::cli::Waiting;
use crate::operations::Trouble;
use crate::operations::moving::MoveError;
use crate::progress::seconds;
use crate::serve::queue::Backoff;
use crate::session::Session;
use gitlab_sync_host::connection::{Connection, ConnectionError, Refusal};
use std::time::Duration;

/// Longer than this in all nobody waits for a command that gets nothing done in between. GitLab's usual limits are per minute.
const MOST: Duration = Duration::from_secs(15 * 60);

/// For one run of a command.
pub(super) struct Patience<'s> {
    session: &'s Session,
    host: String,
    budget: Budget,
    /// Calls that had come to their end at the last wait.
    done: usize,
}

impl<'s> Patience<'s> {
    pub(super) fn of(waiting: &Waiting, connection: &Connection, session: &'s Session) -> Self {
        let most = if waiting.no_wait { Duration::ZERO } else { MOST };
        let host = connection.permission().site().map_or_else(|_| "GitLab".into(), |site| site.origin().authority());
        Self { session, host, budget: Budget::of(most), done: 0 }
    }

    /// Comes back when the same may be tried again, or with the error where that is not worth waiting for. `done` is how many calls have
    /// come to their end by now.
    pub(super) async fn wait_out(&mut self, error: MoveError, done: usize) -> Result<(), MoveError> {
        let MoveError::Trouble(Trouble::Call(ConnectionError::Refused(refusal))) = &error else { return Err(error) };
        if done > self.done {
            self.budget = self.budget.renewed();
            self.done = done;
        }
        let Some(wait) = self.budget.wait(refusal, Backoff::chance()) else { return Err(error) };
        let Session { output, progress, installation, .. } = self.session;
        let (host, seconds) = (&self.host, seconds(wait));
        output.talk(format!("rate limited by {host}, going on in {seconds} s; Ctrl-C stops, nothing is lost"));
        progress.count_down(wait, &*installation.clock).await;
        Ok(())
    }
}

/// What is left of the time that may be waited.
struct Budget {
    most: Duration,
    left: Duration,
    tries: u32,
}

impl Budget {
    fn of(most: Duration) -> Self {
        Self { most, left: most, tries: 0 }
    }

    fn renewed(&self) -> Self {
        Self::of(self.most)
    }

    /// None: it does not pass by waiting, or not in the time that is left.
    fn wait(&mut self, refusal: &Refusal, chance: u64) -> Option<Duration> {
        if refusal.code != "rate-limited" {
            return None;
        }
        self.tries += 1;
        let wait = Backoff::after(self.tries, refusal.retry_after_ms.map(Duration::from_millis), chance);
        self.left = self.left.checked_sub(wait)?;
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, seconds: u64) -> Refusal {
        let (message, remedy) = (String::new(), String::new());
        Refusal { code: code.into(), message, remedy, retry_after_ms: Some(seconds * 1_000), denials: vec![] }
    }

    #[test]
    fn a_rate_limit_is_waited_for_as_long_as_gitlab_says_and_nothing_else_is() {
        for (code, asked, most, waits) in [
            ("rate-limited", 0, MOST, true),
            ("rate-limited", 60, MOST, true),
            ("rate-limited", 14 * 60, MOST, true),
            ("rate-limited", 15 * 60 + 1, MOST, false),
            ("rate-limited", 2 * 60 * 60, MOST, false),
            ("rate-limited", 0, Duration::ZERO, false),
            ("server-unavailable", 1, MOST, false),
            ("budget-exhausted", 0, MOST, false),
        ] {
            let wait = Budget::of(most).wait(&refusal(code, asked), 7);
            assert_eq!(wait.is_some(), waits, "{code} {asked}");
            assert!(wait.is_none_or(|wait| wait >= Duration::from_secs(asked)), "{wait:?}");
        }
    }

    #[test]
    fn all_waits_together_are_bounded_until_something_is_done_in_between() {
        let mut budget = Budget::of(MOST);
        let mut waited = Duration::ZERO;
        while let Some(wait) = budget.wait(&refusal("rate-limited", 60), 0) {
            waited += wait;
        }
        assert!(waited <= MOST && waited > MOST / 2, "{waited:?}");
        assert!(budget.renewed().wait(&refusal("rate-limited", 60), 0).is_some());
    }
}
