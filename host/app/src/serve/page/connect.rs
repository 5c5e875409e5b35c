//! Connect: paste a token. And replace it, when it is about to end.

use super::address::{CONNECT, GITLAB, Place};
use super::{Markup, Problem, form, html, name};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;

/// What was typed, to show it again. Never the token.
#[derive(Default)]
pub(crate) struct Typed {
    pub(crate) url: String,
    pub(crate) name: String,
}

pub(crate) fn html(typed: &Typed, problem: Option<&Problem>, proof: &FormProof) -> Markup {
    html! {
        div.narrow {
            h1 { "Connect with GitLab" }
            @if let Some(problem) = problem { (problem.html()) }
            div.card {
                (form(CONNECT, proof, &html! {
                    (token_field(problem.is_none()))
                    details open[!typed.url.is_empty()] {
                        summary { "Using self-hosted GitLab?" }
                        div.field {
                            label for="url" { "Address of your GitLab" }
                            input id="url" name="url" type="text" inputmode="url" value=(typed.url) placeholder="https://gitlab.your-company.com"
                                autocapitalize="off" spellcheck="false" autocomplete="off" aria-describedby="url-hint";
                            p.hint id="url-hint" { "Any page of it will do. Leave it empty for gitlab.com." }
                        }
                    }
                    details open[!typed.name.is_empty()] {
                        summary { "Name of the folder" }
                        div.field {
                            label for="name" { "Name" }
                            input id="name" name="name" type="text" value=(typed.name) placeholder="gitlab" maxlength="24" autocapitalize="off"
                                spellcheck="false" autocomplete="off" aria-describedby="name-hint";
                            p.hint id="name-hint" { "Small letters, digits and dashes. The files are kept in a folder of this name on the server." }
                        }
                    }
                    div.actions {
                        button.main type="submit" data-busy="Asking GitLab…" { "Connect with GitLab" }
                        a.button.quiet href=(GITLAB) { "Cancel" }
                    }
                }))
            }
            (how())
        }
    }
}

fn token_field(focused: bool) -> Markup {
    html! {
        div.field {
            label for="token" { "GitLab access token" }
            input id="token" name="token" type="password" required autocomplete="off" autocapitalize="off" spellcheck="false"
                placeholder="glpat-…" aria-describedby="token-hint" autofocus[focused];
            p.hint id="token-hint" {
                "With the scope " code { "api" } ". It is tried with GitLab first, then kept sealed. No page shows it again."
            }
        }
    }
}

fn how() -> Markup {
    html! {
        details {
            summary { "How do I get a token?" }
            ol.steps {
                li { "In GitLab, click your picture, then " b { "Edit profile" } " → " b { "Access tokens" } " → " b { "Add new token" } "." }
                li { "Give it any name, and tick the scope " code { "api" } "." }
                li { "Choose when it ends. You are told here before it does." }
                li { "Copy the token; GitLab shows it only once. Paste it above." }
            }
            p {
                "A " b { "project" } " or " b { "group access token" } " works too, and does not end when a person leaves. It reaches only its own project or group, and cannot create a project."
            }
        }
    }
}

/// A new token for a connection that is there.
pub(crate) fn replace(id: &ConnectionId, server: &str, problem: Option<&Problem>, proof: &FormProof) -> Markup {
    html! {
        div.narrow {
            h1 { "New token" }
            @if let Some(problem) = problem { (problem.html()) }
            p.lead { "For " (name(server)) ". Project, branch and files stay as they are." }
            div.card {
                (form(&Place::Token.of(id), proof, &html! {
                    (token_field(problem.is_none()))
                    div.actions {
                        button.main type="submit" data-busy="Asking GitLab…" { "Use this token" }
                        a.button.quiet href=(Place::Overview.of(id)) { "Cancel" }
                    }
                }))
            }
            (how())
        }
    }
}
