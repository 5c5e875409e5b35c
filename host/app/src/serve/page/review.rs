//! What this connector may do, for the person who has to answer for it: the same data as `gitlab-sync inspect`.

use super::problem::sentence;
use super::{Markup, html, name};
use crate::review::{Granted, Import, Review, words};
use gitlab_sync_host::manifest::{Rule, Slot};

pub(crate) fn html(review: &Review) -> Markup {
    html! {
        h1 { "What this connector may do" }
        p.lead {
            "For whoever has to answer for it. The connector is one sandboxed component. It has no network, no files and no secrets of its own: everything is lent to it by this server, within what stands here. "
            "This page is made from the component itself, by the code behind " code { "gitlab-sync inspect" } "."
        }
        @match &review.granted { Some(granted) => (granted_html(granted)), None => {} }
        (never())
        (imports(&review.imports))
        (component(review))
    }
}

fn granted_html(granted: &Granted) -> Markup {
    let allowed = match granted {
        Granted::Allowed(allowed) => allowed,
        Granted::Nothing { hint } => {
            return html! { section.card { h2 { "Granted" } p { strong { "Nothing." } " " (sentence(hint)) } } };
        }
        Granted::Refused { reason, hint } => {
            return html! { section.card { h2 { "Granted" } p { strong { "Nothing: " } (sentence(reason)) } p { (sentence(hint)) } } };
        }
    };
    let limits = &allowed.limits;
    html! {
        section.card {
            h2 { "This connection" }
            dl.facts {
                dt { "Profile" } dd { code { (allowed.profile) } }
                dt { "Server" } dd { (name(&allowed.server)) ", and no other" }
                dt { "Network" } dd { @for words in &allowed.network { div { (sentence(words)) } } }
                dt { "Files" } dd { (words::workspace(allowed.workspace)) ", in this connection’s folder" }
                dt { "Token" } dd { "added by the host, never seen by the connector: " (sentence(&allowed.credential)) }
                dt { "Each call" } dd {
                    (limits.requests) " requests, " (limits.in_flight) " at once, " (words::size(limits.bytes_up)) " up, " (words::size(limits.bytes_down)) " down"
                }
            }
        }
        section.card {
            h2 { "Requests it may make" }
            p { "All others are refused before a connection is opened." }
            (rules(&allowed.rules))
        }
        section.card {
            h2 { "Secrets it may use, without seeing them" }
            (slots(&allowed.slots))
        }
    }
}

fn rules(rules: &[Rule]) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label="Requests" {
            table.requests {
                thead { tr { th scope="col" { "Request" } th scope="col" { "What for, and within which bounds" } } }
                tbody {
                    @for rule in rules {
                        tr {
                            td.path { code { (rule.method) " " (super::stranger::plain(&rule.path)) } }
                            td { (sentence(&rule.purpose)) span.sub { (sentence(&words::terms(rule))) } }
                        }
                    }
                }
            }
        }
    }
}

fn slots(slots: &[Slot]) -> Markup {
    html! {
        ul {
            @for slot in slots {
                li {
                    code { (slot.name) } ": " (sentence(&slot.purpose)) " "
                    span.sub {
                        @if slot.uses.is_empty() { "Only within requests." }
                        @else { (sentence(&slot.uses.iter().map(|slot_use| words::slot_use(*slot_use)).collect::<Vec<_>>().join(", "))) }
                    }
                }
            }
        }
    }
}

/// What holds for every connector here, because the host has no such thing to lend.
fn never() -> Markup {
    html! {
        section.card {
            h2 { "What it can never do" }
            ul {
                li { "Read the token or the webhook’s secret: not in its memory, its arguments, its results or its logs." }
                li { "Open a connection by itself, follow a redirect, or reach another server than the one above." }
                li { "Touch a file outside this connection’s folder, start a program, or read the environment." }
                li { "See another organisation’s files, state or secrets. Each call runs in a fresh instance that is thrown away." }
            }
        }
    }
}

fn imports(imports: &[Import]) -> Markup {
    html! {
        section.card {
            h2 { "Everything it asks the host for" }
            dl.facts.wide {
                @for import in imports { dt { code { (super::stranger::plain(&import.interface)) } } dd { (sentence(&import.meaning)) } }
            }
        }
    }
}

fn component(review: &Review) -> Markup {
    html! {
        section.card {
            h2 { "The component" }
            dl.facts {
                @if let Some(wants) = &review.wants {
                    dt { "Name" } dd { (name(&wants.description.name)) " " (name(&wants.description.version)) ", " (name(&wants.description.license)) }
                }
                dt { "Digest" } dd { code { (review.digest) } }
                dt { "Size" } dd { (words::size(review.bytes as u64)) }
                @if let Some(contract) = &review.contract { dt { "Contract" } dd { code { (super::stranger::plain(contract)) } } }
                dt { "Verdict" } dd {
                    @if review.is_inside() { "Everything lies inside the contract." }
                    @else { @for reason in &review.outside { div { "Outside: it " (sentence(reason)) } } }
                }
            }
        }
    }
}
