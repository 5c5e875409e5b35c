//! Who did what, and when.

use super::address::Place;
use super::problem::coded;
use super::{Markup, html, name};
use crate::pages::time;
use crate::serve::trail::{Actor, Numbered, Outcome};
use gitlab_sync_host::connection_id::ConnectionId;

/// One page of it.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    /// The newest first.
    pub(crate) entries: &'a [Numbered],
    /// Whether there are older ones.
    pub(crate) more: bool,
    pub(crate) now_ms: u64,
}

pub(crate) fn html(view: &View<'_>) -> Markup {
    html! {
        h1 { "History" }
        @if view.entries.is_empty() {
            div.card.empty { p { "Nothing has happened yet. What people and the server do for this connection will be listed here." } }
        } @else {
            div.scroll tabindex="0" role="region" aria-label="History" {
                // The roles stay where a narrow screen has the cells one below the other.
                table.history role="table" {
                    thead role="rowgroup" {
                        tr role="row" { @for words in ["When", "Who", "What", "How it went"] { th scope="col" role="columnheader" { (words) } } }
                    }
                    tbody role="rowgroup" { @for numbered in view.entries { (row(numbered, view.now_ms)) } }
                }
            }
            @if view.more {
                @if let Some(last) = view.entries.last() {
                    div.actions { a.button href=(Place::History.with(view.id, &[("before", &last.number.to_string())])) { "Older" } }
                }
            }
        }
    }
}

fn row(numbered: &Numbered, now_ms: u64) -> Markup {
    let entry = &numbered.entry;
    html! {
        tr role="row" {
            td role="cell" { time datetime=(time::stamp(entry.at_ms)) title=(time::stamp(entry.at_ms)) { (time::ago(now_ms.saturating_sub(entry.at_ms))) } }
            td role="cell" { (who(&entry.actor)) }
            td role="cell" { (name(&entry.action)) }
            td role="cell" {
                @match &entry.outcome {
                    Outcome::Done => span.tag.good { "done" },
                    Outcome::Failed { .. } => span.tag.warn { "will be tried again" },
                    Outcome::GivenUp { .. } => span.tag.bad { "failed" },
                }
                @if !entry.detail.is_empty() { " " bdi { (coded(&entry.detail)) } }
            }
        }
    }
}

fn who(actor: &Actor) -> Markup {
    match actor {
        Actor::Person { name: who } => name(who),
        Actor::Delivery => html! { "GitLab’s webhook" },
        Actor::Edit => html! { "an edit in the folder" },
        Actor::Poll => html! { "the regular look" },
        Actor::Operator => html! { "the operator" },
    }
}
