//! Disconnect: what goes, what stays, and what is left to delete in GitLab.

use super::address::Place;
use super::{Markup, form, html, name, web_link};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;

/// Where the webhooks of the project are in GitLab.
pub(crate) struct Leaving<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) project: Option<&'a str>,
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
