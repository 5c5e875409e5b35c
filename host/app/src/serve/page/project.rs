//! Choose the project: from the list of those the token can push to, or a new one.

use super::address::Place;
use super::problem::sentence;
use super::{Markup, Problem, html, name};
use crate::pages::time;
use crate::store::connections::Account;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::Project;

/// One page of the list.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) account: Option<&'a Account>,
    pub(crate) token_expires_ms: Option<u64>,
    pub(crate) search: &'a str,
    pub(crate) projects: &'a [Project],
    /// Where the next page begins.
    pub(crate) next: Option<&'a str>,
    /// Whether this is a later page than the first.
    pub(crate) is_later: bool,
    pub(crate) problem: Option<&'a Problem>,
}

pub(crate) fn html(view: &View<'_>) -> Markup {
    html! {
        h1 { "Choose a project" }
        (who(view))
        @if let Some(problem) = view.problem { (problem.html()) }
        section.card {
            h2 { "Select existing project" " " span.tag.dim { "recommended" } }
            (search(view))
            (list(view))
        }
        @match view.account.and_then(|account| account.cannot_create.as_deref()) {
            None => (create(view)),
            Some(reason) => div.problem.soft {
                p.sentence { "This token can't create projects." }
                p { (sentence(reason)) }
                p { "Select a project above, or connect with a personal access token to create one." }
            },
        }
    }
}

/// Whose token it is, and until when.
fn who(view: &View<'_>) -> Markup {
    let Some(account) = view.account else { return html! {} };
    html! {
        p.lead {
            "GitLab knows this token as " strong { (name(&account.name)) }
            @if !account.username.is_empty() { " (@" (name(&account.username)) ")" }
            ": a " (account.kind)
            @match view.token_expires_ms {
                Some(end) => { " that ends on " (time::day(end)) "." },
                None => ".",
            }
        }
    }
}

fn search(view: &View<'_>) -> Markup {
    html! {
        form.search method="get" action=(Place::Project.of(view.id)) role="search" {
            label.unseen for="search" { "Part of the name" }
            input id="search" name="search" type="search" value=(view.search) placeholder="Part of the name" autocomplete="off";
            button type="submit" { "Search" }
            @if !view.search.is_empty() { a.button.quiet href=(Place::Project.of(view.id)) { "All" } }
        }
    }
}

fn list(view: &View<'_>) -> Markup {
    html! {
        @if view.projects.is_empty() {
            p.hint {
                @if view.search.is_empty() {
                    "This token can push to no project. Give it a role of Developer or more in one, or create one."
                } @else {
                    "No project that this token can push to has “" (name(view.search)) "” in its name."
                }
            }
        }
        ul.choices {
            @for project in view.projects { li { (choice(view.id, project)) } }
        }
        @if view.is_later || view.next.is_some() { div.actions {
            @if view.is_later { a.button.quiet href=(Place::Project.with(view.id, &[("search", view.search)])) { "First page" } }
            @if let Some(next) = view.next {
                a.button href=(Place::Project.with(view.id, &[("search", view.search), ("after", next)])) { "More projects" }
            }
        } }
    }
}

fn choice(id: &ConnectionId, project: &Project) -> Markup {
    let inner = html! {
        span.title { (name(&project.path)) }
        span.sub {
            @match (&project.obstacle, &project.default_branch) {
                (Some(obstacle), _) => { "cannot be synced: " (name(&obstacle.replace('-', " "))) },
                (None, Some(branch)) => { "branch " (name(branch)) },
                (None, None) => "empty, no branch yet",
            }
        }
    };
    match &project.obstacle {
        Some(_) => html! { span.choice.off { (inner) } },
        None => html! { a.choice href=(Place::Settings.with(id, &[("project", &project.id.to_string())])) { (inner) } },
    }
}

fn create(view: &View<'_>) -> Markup {
    html! {
        section.card {
            h2 { "Create new project" }
            form method="get" action=(Place::Settings.of(view.id)) {
                div.field {
                    label for="new" { "Name of the new project" }
                    input id="new" name="new" type="text" required maxlength="200" autocomplete="off" aria-describedby="new-hint";
                    p.hint id="new-hint" { "It becomes a private project of yours. " code { "group/name" } " makes it in a group. Nothing is created before the next page." }
                }
                button type="submit" { "Continue" }
            }
        }
    }
}
