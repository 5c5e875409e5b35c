//! The webhook: who looks after it; by hand, address and secret to paste into GitLab; and whether a delivery has come.

use super::address::Place;
use super::problem::sentence;
use super::{Markup, Problem, form, html, name, web_link};
use crate::operations::hooks::Former;
use crate::pages::{counted, time};
use crate::serve::states::{Delivered, Hook};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Webhook, WebhookMode};

/// For admins only: it holds the secret.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    /// How it stands, as the connector knows.
    pub(crate) kept: Option<&'a Webhook>,
    /// None: it has no address yet.
    pub(crate) url: Option<&'a str>,
    /// None: there is no project yet, so there is no secret either.
    pub(crate) secret: Option<&'a str>,
    /// How long the secret before that one is good, too.
    pub(crate) former: Option<Former>,
    /// Where the project's webhooks are in GitLab.
    pub(crate) hooks: Option<String>,
    pub(crate) branch: Option<&'a str>,
    pub(crate) delivery: Option<&'a Delivered>,
    pub(crate) hook: Option<&'a Hook>,
    /// Whether the address is one of this machine only, which GitLab can hardly reach.
    pub(crate) is_local: bool,
    /// Why the last thing asked for was not done.
    pub(crate) problem: Option<&'a Problem>,
    pub(crate) now_ms: u64,
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    let Some(secret) = view.secret else {
        return html! {
            h1 { "Webhook" }
            div.card.empty {
                p { "Choose a project first. Then the address and the secret of its webhook are here." }
                a.button.main href=(Place::Project.of(view.id)) { "Choose a project" }
            }
        };
    };
    html! {
        h1 { "Webhook" }
        p.lead { "With a webhook GitLab tells us of each push at once. Without it we look by ourselves every few minutes." }
        @if let Some(problem) = view.problem { (problem.html()) }
        @match view.url {
            None => (first_address(view, proof)),
            Some(url) => {
                (health(view))
                @if view.is_local { (local(url)) }
                (keeper(view, proof))
                @if !looks_after(view) { (by_hand(view, &Pasted { url, secret })) }
                (new_secret(view, proof))
                (new_address(view, proof))
                (checklist(view))
            },
        }
    }
}

/// What a person pastes into GitLab.
struct Pasted<'a> {
    url: &'a str,
    secret: &'a str,
}

fn local(url: &str) -> Markup {
    html! {
        div.problem.soft {
            p { "GitLab is to call " code { (super::stranger::plain(url.split("/hooks/").next().unwrap_or_default())) } ", which only this machine can reach. For a GitLab elsewhere, the operator of this server has to set " code { "public-url" } " in its settings." }
        }
    }
}

/// Of a connection that was made on the command line.
fn first_address(view: &View<'_>, proof: &FormProof) -> Markup {
    html! {
        div.card.empty {
            p { "This connection has no address yet at which GitLab could call this server." }
            (form(&Place::Address.of(view.id), proof, &html! {
                button.main type="submit" { "Make an address" }
            }))
        }
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

fn by_hand(view: &View<'_>, pasted: &Pasted<'_>) -> Markup {
    let is_known = view.former.is_some_and(Former::is_needed);
    html! {
        section.card {
            h2 { @if is_known { "Paste the new secret into GitLab" } @else { "Add it in GitLab" } }
            ol.steps {
                @if is_known { (changed(view, pasted)) } @else { (added(view, pasted)) }
            }
        }
    }
}

fn added(view: &View<'_>, pasted: &Pasted<'_>) -> Markup {
    html! {
        li { "Open " (hooks_page(view)) " and click " b { "Add new webhook" } "." }
        li { "Paste the address as " b { "URL" } ":" (copied("url", "Address", pasted.url)) }
        li { "Paste the secret as " b { "Secret token" } ":" (copied("secret", "Secret", pasted.secret)) }
        li {
            "Tick " b { "Push events" } "."
            @if let Some(branch) = view.branch { " You may limit it to the branch " (name(branch)) "." }
        }
        li { "Click " b { "Add webhook" } ", then " b { "Test → Push events" } ". Then reload this page: it tells whether that has arrived." }
    }
}

/// Of a webhook that is there.
fn changed(view: &View<'_>, pasted: &Pasted<'_>) -> Markup {
    html! {
        li { "Open " (hooks_page(view)) " and click " b { "Edit" } " at the one with this address:" (copied("url", "Address", pasted.url)) }
        li { "Paste the new secret as " b { "Secret token" } ":" (copied("secret", "Secret", pasted.secret)) }
        li { "Click " b { "Save changes" } ", then " b { "Test → Push events" } "." }
    }
}

fn hooks_page(view: &View<'_>) -> Markup {
    html! {
        @match &view.hooks {
            Some(hooks) => (web_link(hooks, html! { "the project’s webhooks" })),
            None => "the project",
        }
        " (" b { "Settings → Webhooks" } ")"
    }
}

/// Two are good at once, and never a third: a delivery with the first one would be refused.
fn new_secret(view: &View<'_>, proof: &FormProof) -> Markup {
    let by_itself = looks_after(view);
    let is_waiting = !by_itself && view.former.is_some_and(Former::is_needed);
    html! {
        section.card {
            h2 { "A new secret" }
            @match view.former {
                Some(Former::Delivery | Former::Ended) if by_itself => p { "GitLab has not taken the new secret yet; the old one still works. Make it once more to try again." },
                Some(Former::Delivery) => p { "The old secret still works until GitLab has used the new one, so nothing is lost meanwhile." },
                Some(Former::Ended) => p { "The old secret still works until you end it. Do that once GitLab has the new one." },
                Some(Former::Until { ms }) => p {
                    "The old secret still works for " (minutes(ms.saturating_sub(view.now_ms))) ", for deliveries that are under way."
                },
                None if by_itself => p { "Make one if somebody may have seen the secret. The connector gives it to GitLab; the old one still works for an hour, so nothing is lost." },
                None => p { "Make one if somebody may have seen the secret. You paste it into GitLab; the old one still works until GitLab has used the new one, so nothing is lost." },
            }
            (form(&Place::Secret.of(view.id), proof, &html! {
                div.actions {
                    @if !is_waiting {
                        button type="submit" name="secret" value="new" data-busy=[by_itself.then_some("Telling GitLab…")] { "Make a new secret" }
                    }
                    @if view.former.is_some() {
                        button type="submit" name="secret" value="end-former" { "End the old one now" }
                    }
                }
            }))
        }
    }
}

/// Unlike of secrets, no two are good at once: whoever knows the old one should not keep us busy any longer.
fn new_address(view: &View<'_>, proof: &FormProof) -> Markup {
    let by_itself = looks_after(view);
    html! {
        section.card {
            h2 { "A new address" }
            @if by_itself {
                p { "Make one if somebody may have seen the address. The old one stops working at once; the connector gives the new one to GitLab." }
            } @else {
                p { "Make one if somebody may have seen the address. The old one stops working at once. Paste the new one into GitLab then; what is pushed meanwhile is still found within minutes." }
            }
            (form(&Place::Address.of(view.id), proof, &html! {
                button type="submit" data-busy=[by_itself.then_some("Telling GitLab…")] { "Make a new address" }
            }))
        }
    }
}

fn minutes(ms: u64) -> String {
    counted(usize::try_from(ms.div_ceil(60_000)).unwrap_or(usize::MAX), "minute")
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
            summary { "Webhook isn't triggering pulls" }
            ul {
                @if looks_after(view) {
                    li { "The page " a href=(Place::Check.of(view.id)) { "Check" } " says how the webhook stands in GitLab; the connector puts it right by itself." }
                } @else {
                    li { "The URL in GitLab is exactly the address above." }
                    li { "The secret token is exactly the secret above. It changes when the project is disconnected and connected again." }
                }
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
