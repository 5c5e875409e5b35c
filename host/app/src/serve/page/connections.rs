//! All connections of the organisation: how each is doing, and what to do where there is none.

use super::address::{CONNECT, Place};
use super::overview::Mood;
use super::{Markup, html, name};
use crate::serve::people::Role;
use gitlab_sync_host::connection_id::ConnectionId;

/// One line of the list.
pub(crate) struct Listed {
    pub(crate) id: ConnectionId,
    /// What the folder is called.
    pub(crate) folder: String,
    /// `acme/handbook`, once there is a project.
    pub(crate) project: Option<String>,
    pub(crate) branch: Option<String>,
    /// Host and sub-path of the GitLab.
    pub(crate) server: String,
    pub(crate) mood: Mood,
}

pub(crate) fn html(connections: &[Listed], role: Role) -> Markup {
    if connections.is_empty() {
        return empty(role);
    }
    html! {
        div.heading {
            h1 { "GitLab" }
            @if role == Role::Admin { a.button href=(CONNECT) { "Connect another project" } }
        }
        p.lead { "Each connection keeps a folder of Markdown and YAML files and one branch of a GitLab project in step." }
        ul.cards { @for connection in connections { li { (card(connection)) } } }
    }
}

fn card(connection: &Listed) -> Markup {
    html! {
        a.card href=(Place::Overview.of(&connection.id)) {
            span.title {
                @match &connection.project { Some(project) => (name(project)), None => "No project yet" }
            }
            (connection.mood.pill())
            span.sub {
                (name(&connection.server))
                @if let Some(branch) = &connection.branch { " · branch " (name(branch)) }
                " · folder " (name(&connection.folder))
            }
        }
    }
}

fn empty(role: Role) -> Markup {
    html! {
        div.narrow {
            h1 { "GitLab" }
            @if role == Role::Admin {
                p.lead { "Nothing is connected yet." }
                div.card.empty {
                    p { "Keep a folder of Markdown and YAML files and a GitLab project in step. You need an access token from GitLab; it takes about a minute." }
                    a.button.main href=(CONNECT) { "Connect with GitLab" }
                }
            } @else {
                div.card.empty {
                    p { "Nothing is connected yet. An admin of your organisation can connect a GitLab project here." }
                }
            }
        }
    }
}
