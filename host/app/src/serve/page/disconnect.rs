//! Disconnect: what goes, what stays, and what is left to delete in GitLab.

use super::address::{GITLAB, Place};
use super::{Markup, form, html, name, web_link};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;

/// What is about to end.
pub(crate) struct Leaving<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) project: Option<&'a str>,
    /// Where the project's webhooks are in GitLab, if a person has to delete one.
    pub(crate) hooks: Option<String>,
    pub(crate) folder: &'a str,
}

pub(crate) fn html(leaving: &Leaving<'_>, proof: &FormProof) -> Markup {
    html! {
        div.narrow {
            h1 { "Disconnect" }
            p.lead {
                @match leaving.project {
                    Some(project) => { "This ends the connection with " strong { (name(project)) } "." },
                    None => "This ends the connection.",
                }
            }
            div.card {
                h2 { "What goes" }
                p { "The token, the webhook’s address and secret, the settings and the open conflicts. Deliveries with the old secret are refused from then on." }
                h2 { "What stays" }
                p { "All files, in GitLab and in the folder " code { (super::stranger::plain(leaving.folder)) } "." }
                @if let Some(hooks) = &leaving.hooks {
                    p { "If you added a webhook in GitLab, delete it there: " (web_link(hooks, html! { "webhooks of the project" })) "." }
                } @else if leaving.project.is_some() {
                    p { "The webhook that the connector made in GitLab is removed." }
                }
                (form(&Place::Disconnect.of(leaving.id), proof, &html! {
                    div.actions {
                        button.danger type="submit" data-busy="Disconnecting…" { "Disconnect" }
                        a.button.quiet href=(Place::Overview.of(leaving.id)) { "Keep it" }
                    }
                }))
            }
        }
    }
}

/// Afterwards: what a person still has to delete in GitLab.
pub(crate) fn left(hooks: Option<&str>, in_gitlab: &[String]) -> Markup {
    html! {
        div.narrow {
            h1 { "Disconnected" }
            div.card {
                h2 { "Left in GitLab" }
                @if !in_gitlab.is_empty() {
                    p { "The connector could not remove this any more. It can do no harm, because its secret is good for nothing; delete it when you like:" }
                    ul { @for what in in_gitlab { li { (name(what)) } } }
                }
                @if let Some(hooks) = hooks {
                    p { "If you added a webhook for this server, delete it: " (web_link(hooks, html! { "webhooks of the project" })) "." }
                }
                div.actions { a.button.main href=(GITLAB) { "To the connections" } }
            }
        }
    }
}
