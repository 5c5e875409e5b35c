//! All connections of the organisation: how each is doing, and what to do where there is none.

use super::address::{CONNECT, Place};
use super::overview::Mood;
use super::problem::sentence;
use super::{Markup, Problem, html, name};
use crate::serve::people::Role;
use gitlab_sync_host::connection_id::ConnectionId;

/// One line of the list.
pub(crate) enum Line {
    Whole(Listed),
    /// Nothing of it can be read but its name.
    Unreadable(Problem),
}

/// What is known of one at a glance.
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

pub(crate) fn html(connections: &[Line], role: Role) -> Markup {
    if connections.is_empty() {
        return empty(role);
    }
    html! {
        div.heading {
            h1 { "GitLab" }
            @if role == Role::Admin { a.button href=(CONNECT) { "Connect another project" } }
        }
        p.lead { "Each connection keeps a folder of Markdown and YAML files and one branch of a GitLab project in step." }
        ul.cards {
            @for line in connections {
                li { @match line { Line::Whole(connection) => (card(connection)), Line::Unreadable(problem) => (unreadable(problem)) } }
            }
        }
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

fn unreadable(problem: &Problem) -> Markup {
    html! {
        div.card.attention {
            p { strong { (sentence(&problem.sentence)) } " " (Mood::Trouble.pill()) }
            @for remedy in &problem.remedies { p.hint { (sentence(remedy)) } }
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
