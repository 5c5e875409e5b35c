//! How a job that did not do what it was to do ends: it is tried again, it is given up, or the connection is paused until a person has done
//! something.
//!
//! Decided by the code of the connector's catalogue. What passes by itself is tried again; a token that GitLab rejects pauses the connection, because
//! every further try would be one more failed sign-in; all else waits for a person, and the next wake is a new job anyway.

use super::run::{Stopped, problem};
use crate::failure::Failure;
use crate::operations::Trouble;
use crate::serve::problem::Problem;
use crate::serve::queue::{Backoff, Ending};
use crate::serve::states::Change;
use crate::serve::trail::Outcome;
use gitlab_sync_host::connection::{ConnectionError, Refusal};
use std::time::Duration;

/// What is to be written down.
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) change: Option<Change>,
    pub(super) pause: Option<Problem>,
    pub(super) outcome: Option<Outcome>,
    pub(super) detail: String,
}

/// The token is no good any more.
const PAUSES: [&str; 2] = ["token-rejected", "token-expired"];

/// What may be over at the next try.
const PASSES: [&str; 13] = [
    "host-unreachable",
    "server-unavailable",
    "rate-limited",
    "unexpected-reply",
    "not-a-gitlab",
    "branch-moved",
    "partial-listing",
    "workspace-changed",
    "workspace-failed",
    "state-failed",
    "state-changed",
    "secret-failed",
    "budget-exhausted",
];

pub(super) fn of(stopped: Stopped, attempt: u32, now_ms: u64) -> Ended {
    match stopped {
        Stopped::Ending => {
            let (change, pause, outcome, detail) = (None, None, None, String::new());
            Ended { ending: Ending::BrokenOff, change, pause, outcome, detail }
        }
        Stopped::Failed(Trouble::Call(ConnectionError::Refused(refusal))) => refused(refusal, attempt, now_ms),
        Stopped::Failed(trouble) => again(failed("stopped", &trouble.into(), now_ms), attempt, None, now_ms),
        Stopped::Failure(failure) if failure.code() == Some("connection-gone") => {
            given_up(failed("connection-gone", &failure, now_ms))
        }
        Stopped::Failure(failure) => again(failed("stopped", &failure, now_ms), attempt, None, now_ms),
        Stopped::Deadly => {
            let message = "every try of it ended with the server".into();
            given_up(problem("stopped", message, "look into the server's log, and report this".into(), now_ms))
        }
        Stopped::Endless => {
            let message = "the connector always says that there is more to do".into();
            again(problem("stopped", message, "run diagnose and report this".into(), now_ms), attempt, None, now_ms)
        }
    }
}

fn refused(refusal: Refusal, attempt: u32, now_ms: u64) -> Ended {
    let Refusal { code, message, remedy, retry_after_ms, denials } = refusal;
    // What the host refused comes first: it names what to change.
    let remedy = denials.into_iter().next().unwrap_or(remedy);
    let problem = problem(&code, message, remedy, now_ms);
    if PAUSES.contains(&code.as_str()) {
        return Ended { pause: Some(problem.clone()), ..given_up(problem) };
    }
    if PASSES.contains(&code.as_str()) {
        return again(problem, attempt, retry_after_ms.map(Duration::from_millis), now_ms);
    }
    given_up(problem)
}

fn again(problem: Problem, attempt: u32, asked: Option<Duration>, now_ms: u64) -> Ended {
    if attempt >= Backoff::TRIES {
        return given_up(problem);
    }
    let wait = Backoff::after(attempt, asked, Backoff::chance());
    let due_ms = now_ms + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Ended {
        // The first failure is told, and then only how it ends: not a line for each try.
        outcome: (attempt == 1).then(|| Outcome::Failed { code: problem.code.clone() }),
        detail: problem.message.clone(),
        change: Some(Change::Failed(problem.clone())),
        pause: None,
        ending: Ending::Again { due_ms, problem },
    }
}

fn given_up(problem: Problem) -> Ended {
    Ended {
        outcome: Some(Outcome::GivenUp { code: problem.code.clone() }),
        detail: problem.message.clone(),
        change: Some(Change::Failed(problem.clone())),
        pause: None,
        ending: Ending::GivenUp(problem),
    }
}

fn failed(code: &str, failure: &Failure, now_ms: u64) -> Problem {
    let code = failure.code().unwrap_or(code);
    let remedy = failure.hints().first().cloned().unwrap_or_default();
    problem(code, failure.message().to_owned(), remedy, now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: &str, retry_after_ms: Option<u64>, attempt: u32) -> Ended {
        let refusal = Refusal {
            code: code.into(),
            message: "why".into(),
            remedy: "what to do".into(),
            retry_after_ms,
            denials: vec![],
        };
        of(ConnectionError::Refused(refusal).into(), attempt, 1_000)
    }

    #[test]
    fn a_rejected_token_pauses_the_connection_and_is_not_tried_again() {
        for code in ["token-rejected", "token-expired"] {
            let ended = ended(code, None, 1);
            assert_eq!(ended.pause.map(|problem| problem.code), Some(code.to_owned()));
            assert!(matches!(ended.ending, Ending::GivenUp(_)));
        }
    }

    #[test]
    fn what_passes_is_tried_again_until_it_is_too_often_and_all_else_waits_for_a_person() {
        let table = [
            ("host-unreachable", 1, true),
            ("rate-limited", Backoff::TRIES - 1, true),
            ("rate-limited", Backoff::TRIES, false),
            ("mass-delete-brake", 1, false),
            ("branch-protected", 1, false),
            ("a-code-of-next-year", 1, false),
        ];
        for (code, attempt, tried) in table {
            let ended = ended(code, None, attempt);
            assert_eq!(matches!(ended.ending, Ending::Again { .. }), tried, "{code} {attempt}");
            assert!(ended.pause.is_none());
            assert!(matches!(ended.change, Some(Change::Failed(problem)) if problem.code == code));
        }
    }

    #[test]
    fn the_time_that_gitlab_asked_for_is_kept() {
        let Ending::Again { due_ms, .. } = ended("rate-limited", Some(90_000), 1).ending else { panic!() };
        assert!((91_000..=96_000).contains(&due_ms), "{due_ms}");
    }

    #[test]
    fn every_code_that_is_judged_is_one_of_the_connectors() {
        let known = include_str!("../../../../../plugin/src/error.rs");
        for code in PAUSES.iter().chain(&PASSES) {
            assert!(known.contains(&format!("\"{code}\"")), "{code}");
        }
    }
}
