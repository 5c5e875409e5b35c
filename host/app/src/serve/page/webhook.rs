//! The webhook: who looks after it; by hand, address and secret to paste into GitLab; and whether a delivery has come.

use super::address::Place;
use super::problem::sentence;
use super::{Markup, form, html, name, web_link};
use crate::pages::time;
use crate::serve::states::{Delivered, Hook};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Webhook, WebhookMode};

/// For admins only: it holds the secret.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    /// How it stands, as the connector knows.
    pub(crate) kept: Option<&'a Webhook>,
    pub(crate) url: &'a str,
    /// None: there is no project yet, so there is no secret either.
    pub(crate) secret: Option<&'a str>,
    /// Where the project's webhooks are in GitLab.
    pub(crate) hooks: Option<String>,
    pub(crate) branch: Option<&'a str>,
    pub(crate) delivery: Option<&'a Delivered>,
    pub(crate) hook: Option<&'a Hook>,
    /// Whether the address is one of this machine only, which GitLab can hardly reach.
    pub(crate) is_local: bool,
    pub(crate) now_ms: u64,
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    let Some(secret) = view.secret else {
        return html! {
            h1 { "Webhook" }
            div.card.empty { p { "Choose a project first. Then the address and the secret of its webhook are here." } }
        };
    };
    html! {
        h1 { "Webhook" }
        p.lead { "With a webhook GitLab tells us of each push at once. Without it we look by ourselves every few minutes." }
        (health(view))
        @if view.is_local {
            div.problem.soft {
                p { "The address below is one of this machine only. For a GitLab elsewhere, the operator has to set " code { "public-url" } " in the server’s settings." }
            }
        }
        (keeper(view, proof))
        @if !looks_after(view) { (by_hand(view, secret)) }
        (checklist(view))
    }
}

/// Whether the connector has put it there.
fn looks_after(view: &View<'_>) -> bool {
    view.kept.is_some_and(|kept| matches!(kept.mode, WebhookMode::Auto(_)) && kept.by_hand.is_none())
}

fn keeper(view: &View<'_>, proof: &FormProof) -> Markup {
    let is_auto = view.kept.is_some_and(|kept| matches!(kept.mode, WebhookMode::Auto(_)));
    let refused = view.kept.and_then(|kept| kept.by_hand.as_ref()).filter(|_| is_auto);
    html! {
        section.card {
            h2 { "Who looks after it" }
            @if let Some(error) = refused {
                p { (sentence(&error.message)) " " (error.remedy) }
                p { "Until then, add it by hand as below." }
            } @else if is_auto {
                p { "The connector made it in GitLab, and puts it right when somebody changes or deletes it there." }
            } @else {
                p { "You, by hand as below. Or the connector makes it with the token of this connection, if its role is Maintainer or above." }
            }
            (form(&Place::Webhook.of(view.id), proof, &html! {
                @if is_auto {
                    button type="submit" name="keeper" value="manual" { "Look after it by hand" }
                    @if refused.is_some() { button type="submit" name="keeper" value="auto" { "Try again" } }
                } @else {
                    button type="submit" name="keeper" value="auto" { "Let the connector make it" }
                }
            }))
        }
    }
}

fn by_hand(view: &View<'_>, secret: &str) -> Markup {
    html! {
        div.card {
            h2 { "Add it in GitLab" }
            ol.steps {
                li {
                    "Open "
                    @match &view.hooks {
                        Some(hooks) => (web_link(hooks, html! { "the project’s webhooks" })),
                        None => "the project",
                    }
                    " (" b { "Settings → Webhooks" } ") and click " b { "Add new webhook" } "."
                }
                li { "Paste the address as " b { "URL" } ":" (copied("url", "Address", view.url)) }
                li { "Paste the secret as " b { "Secret token" } ":" (copied("secret", "Secret", secret)) }
                li {
                    "Tick " b { "Push events" } "."
                    @if let Some(branch) = view.branch { " You may limit it to the branch " (name(branch)) "." }
                }
                li { "Click " b { "Add webhook" } ", then " b { "Test → Push events" } ". This page tells when it has arrived." }
            }
        }
    }
}

fn health(view: &View<'_>) -> Markup {
    html! {
        p.state {
            @match view.delivery {
                Some(delivery) => {
                    span.tag.good { "works" }
                    " Last delivery " (time::ago(view.now_ms.saturating_sub(delivery.at_ms))) ", a " (name(&delivery.kind)) " event."
                },
                None => { span.tag.dim { "waiting" } " No delivery has come yet." },
            }
        }
        @if let Some(hook) = view.hook {
            @if hook.health != "manual" { p { "GitLab says of the hook: " (name(&hook.health)) ". " (name(&hook.note)) } }
        }
    }
}

/// A value to copy; by hand, where there is no script.
fn copied(id: &str, label: &str, value: &str) -> Markup {
    html! {
        div.copy {
            label.unseen for=(id) { (label) }
            input id=(id) type="text" readonly value=(value) data-select spellcheck="false";
            button type="button" data-copy=(id) hidden { "Copy" span.unseen { " " (label.to_lowercase()) } }
        }
    }
}

fn checklist(view: &View<'_>) -> Markup {
    html! {
        details {
            summary { "It does not trigger a pull" }
            ul {
                li { "The URL in GitLab is exactly the address above." }
                li { "The secret token is exactly the secret above. It changes when the project is disconnected and connected again." }
                li { b { "Push events" } " is ticked." }
                li {
                    "The push was to the branch "
                    @match view.branch { Some(branch) => (name(branch)), None => "that is synced" }
                    "."
                }
                li { "GitLab can reach this server. Its " b { "Recent events" } " show what it got as an answer; 200 is good." }
            }
        }
    }
}
