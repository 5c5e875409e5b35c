//! What a sync would do, before it is done.

use super::address::Place;
use super::problem::sentence;
use super::{Markup, form, html, name};
use crate::pages::changes::unselected;
use crate::pages::{counted, short};
use crate::serve::job::Job;
use crate::serve::people::Role;
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Action, Change, Side, SyncPlan};

/// Lines before the rest is only counted.
const MOST_LINES: usize = 500;

/// A plan and what it is a plan of.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) job: Job,
    /// Nothing was synced yet.
    pub(crate) is_first: bool,
    pub(crate) plan: &'a SyncPlan,
    pub(crate) role: Role,
    /// The first sync brings files this way; it is changed in the settings.
    pub(crate) may_push: bool,
    /// That wait to be resolved.
    pub(crate) conflicts: u32,
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    let work: Vec<_> = view.plan.changes.iter().filter(|change| change.action != Action::Skip).collect();
    let skipped: Vec<_> = view.plan.changes.iter().filter(|change| change.action == Action::Skip).collect();
    html! {
        h1 { @if view.is_first { "The first sync" } @else { "What would happen" } }
        p.lead { (lead(view)) " Nothing has been done yet." }
        @if !view.is_first { (ways(view)) }
        @if work.is_empty() {
            (nothing(view))
        } @else {
            p.totals { (totals(&work)) @if let Some(head) = &view.plan.head { " · branch at " code { (short(head)) } } }
            (table(&work, "Changes"))
        }
        @if !skipped.is_empty() {
            details {
                summary { (counted(skipped.len(), "file")) " left alone" }
                (table(&skipped, "Left alone"))
            }
        }
        @if let Some(kinds) = unselected(&view.plan.unselected) {
            p { "Not selected by the patterns of the settings: " (kinds) "." }
        }
        (actions(view, &work, proof))
    }
}

fn nothing(view: &View<'_>) -> Markup {
    html! {
        div.card.empty {
            @match view.conflicts {
                0 => p { strong { "Nothing to do." } " Both sides say the same." },
                conflicts => {
                    p { strong { "Nothing to do" } " but " (counted(conflicts as usize, "conflict")) " to resolve: until then both sides keep their own version." }
                    a.button.main href=(Place::Conflicts.of(view.id)) { "Resolve the conflicts" }
                },
            }
        }
    }
}

/// `2 to create, 1 to delete`.
fn totals(work: &[&Change]) -> String {
    let actions = [Action::Create, Action::Update, Action::Move, Action::Delete, Action::Merge];
    let count = |action| work.iter().filter(|change| change.action == action).count();
    let of = |action| Some(count(action)).filter(|count| *count > 0);
    let mut parts: Vec<_> = actions
        .iter()
        .filter_map(|action| of(*action).map(|count| format!("{count} to {}", word(*action).0)))
        .collect();
    parts.extend(of(Action::Conflict).map(|count| counted(count, "conflict")));
    format!("{}: {}", counted(work.len(), "change"), parts.join(", "))
}

fn lead(view: &View<'_>) -> &'static str {
    match (view.is_first, view.job) {
        (true, Job::Push) => "GitLab gets what the folder has; nothing is changed in the folder.",
        (true, Job::Pull) => "The folder gets what GitLab has; nothing is changed in GitLab.",
        (true, _) => "Both sides get what the other has.",
        (false, Job::Push) => "A push brings these changes of the folder to GitLab.",
        (false, Job::Pull) => "A pull brings these changes of GitLab into the folder.",
        (false, _) => "A sync pulls, then pushes.",
    }
}

fn ways(view: &View<'_>) -> Markup {
    let ways = [("both", Job::Sync, "Both ways"), ("pull", Job::Pull, "Pull only"), ("push", Job::Push, "Push only")];
    html! {
        nav.tabs aria-label="Direction" {
            @for (word, job, words) in ways {
                a href=(Place::Plan.with(view.id, &[("direction", word)])) aria-current=[(job == view.job).then_some("page")] { (words) }
            }
        }
    }
}

fn table(changes: &[&Change], called: &str) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(called) {
            // The roles stay where a narrow screen has the cells one below the other.
            table.changes role="table" {
                thead role="rowgroup" {
                    tr role="row" { @for words in ["What", "File", "Where"] { th scope="col" role="columnheader" { (words) } } }
                }
                tbody role="rowgroup" { @for change in changes.iter().take(MOST_LINES) { (row(change)) } }
            }
        }
        @if changes.len() > MOST_LINES { p.hint { "… and " (counted(changes.len() - MOST_LINES, "more change")) "." } }
    }
}

fn row(change: &Change) -> Markup {
    let (word, kind) = word(change.action);
    html! {
        tr role="row" {
            td role="cell" { span.tag.(kind) { (word) } }
            td.path role="cell" {
                (name(&change.path))
                @if let Some(from) = &change.from { span.sub { "from " (name(from)) } }
                @if let Some(reason) = &change.reason { span.sub { (sentence(reason)) } }
            }
            td role="cell" { @if change.action != Action::Skip { @match change.side { Side::Workspace => "in the folder", Side::Branch => "in GitLab" } } }
        }
    }
}

fn word(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("create", "good"),
        Action::Update => ("update", "plain"),
        Action::Move => ("move", "plain"),
        Action::Delete => ("delete", "bad"),
        Action::Merge => ("merge", "plain"),
        Action::Conflict => ("conflict", "warn"),
        Action::Skip => ("left", "dim"),
    }
}

fn actions(view: &View<'_>, work: &[&Change], proof: &FormProof) -> Markup {
    let deletions = work.iter().filter(|change| change.action == Action::Delete).count();
    let (place, words) = match view.job {
        Job::Push => (Place::Push, if view.is_first { "Start: push to GitLab" } else { "Push to GitLab" }),
        Job::Pull => (Place::Pull, if view.is_first { "Start: pull from GitLab" } else { "Pull from GitLab" }),
        _ => (Place::Sync, if view.is_first { "Start: sync both ways" } else { "Sync both ways" }),
    };
    if view.role == Role::Viewer {
        return html! { p.hint { "An admin of your organisation can start it." } };
    }
    let may = view.may_push || view.job == Job::Pull;
    html! {
        @if may && (!work.is_empty() || view.is_first) {
            (form(&place.of(view.id), proof, &html! {
                input type="hidden" name="plan" value=(view.plan.digest);
                @if deletions > 0 {
                    label.check {
                        input type="checkbox" name="approve_deletions" value="yes";
                        " Go on even if many files would be deleted (" (counted(deletions, "deletion")) " here)"
                    }
                }
                div.actions {
                    button.main type="submit" data-busy="Starting…" { (words) }
                    @if view.is_first { a.button.quiet href=(Place::Project.of(view.id)) { "Choose differently" } }
                    a.button.quiet href=(Place::Overview.of(view.id)) { "Not now" }
                }
            }))
        } @else {
            div.actions { a.button href=(Place::Overview.of(view.id)) { "Back" } }
        }
    }
}
