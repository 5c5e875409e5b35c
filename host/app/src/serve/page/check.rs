//! Everything a sync needs, probed one after the other.

use super::address::Place;
use super::problem::sentence;
use super::{Markup, html, name};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Check, CheckOutcome};

/// Before anything was probed.
pub(crate) fn ask(id: &ConnectionId) -> Markup {
    html! {
        h1 { "Check the connection" }
        p.lead { "If something does not work, this finds out what: the address, the token, the project, the branch, the webhook. It only reads." }
        div.actions { a.button.main href=(Place::Check.with(id, &[("run", "yes")])) data-busy="Checking…" { "Run the checks" } }
    }
}

pub(crate) fn html(id: &ConnectionId, checks: &[Check]) -> Markup {
    let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
    let (failed, unchecked) = (count(CheckOutcome::Failed), count(CheckOutcome::Unchecked));
    html! {
        h1 { "Check the connection" }
        p.lead role="status" {
            @match (failed, unchecked) {
                (0, 0) => "Everything a sync needs is there.",
                (0, _) => { "Nothing failed. " (unchecked) " to look at by hand." },
                (1, _) => "One check failed.",
                _ => { (failed) " checks failed." },
            }
        }
        ul.checks {
            @for check in checks {
                li class=(mark(check.outcome).1) {
                    span.tag.(mark(check.outcome).1) { (mark(check.outcome).0) }
                    div {
                        strong { (name(&check.name)) }
                        p { (sentence(&check.finding)) }
                        @if let Some(remedy) = &check.remedy { p.remedy { (sentence(remedy)) } }
                    }
                }
            }
        }
        div.actions { a.button href=(Place::Check.with(id, &[("run", "yes")])) data-busy="Checking…" { "Run again" } }
    }
}

fn mark(outcome: CheckOutcome) -> (&'static str, &'static str) {
    match outcome {
        CheckOutcome::Passed => ("ok", "good"),
        CheckOutcome::Failed => ("failed", "bad"),
        CheckOutcome::Unchecked => ("by hand", "warn"),
    }
}
