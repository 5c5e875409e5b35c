//! What of the project to sync: branch, folders, files, and what the first sync brings where.

use super::address::Place;
use super::{Markup, Problem, form, html, name, stranger};
use crate::serve::web::session::FormProof;
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::sync::{Branch, ConflictPolicy, FirstSync};

/// Which project it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Existing {
        project: u64,
        path: String,
    },
    /// By name; made when the form is sent.
    New(String),
}

/// What was typed, or what is usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Typed {
    pub(crate) branch: String,
    /// One in each line.
    pub(crate) directories: String,
    pub(crate) patterns: String,
    pub(crate) message: String,
    /// Both empty: the token's user.
    pub(crate) author_name: String,
    pub(crate) author_email: String,
    pub(crate) first: FirstSync,
    pub(crate) conflicts: ConflictPolicy,
}

/// The form.
pub(crate) struct View<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) target: &'a Target,
    pub(crate) typed: &'a Typed,
    /// Of an existing project.
    pub(crate) branches: &'a [Branch],
    pub(crate) may_write: bool,
    /// Another installation wrote here of late; the person may say that it is no more.
    pub(crate) may_take_over: bool,
    pub(crate) problem: Option<&'a Problem>,
}

pub(crate) fn html(view: &View<'_>, proof: &FormProof) -> Markup {
    html! {
        div.narrow {
            h1 { "What to sync" }
            @if let Some(problem) = view.problem { (problem.html()) }
            p.lead {
                @match view.target {
                    Target::Existing { path, .. } => { "With the project " strong { (name(path)) } ". " a href=(Place::Project.of(view.id)) { "Another one" } },
                    Target::New(new) => { "With the new private project " strong { (name(new)) } ", which is created now." },
                }
            }
            div.card { (form(&Place::Settings.of(view.id), proof, &fields(view))) }
        }
    }
}

fn fields(view: &View<'_>) -> Markup {
    html! {
        @match view.target {
            Target::Existing { project, path } => {
                input type="hidden" name="project" value=(project);
                input type="hidden" name="path" value=(path);
                (branch(view))
            },
            Target::New(new) => input type="hidden" name="new" value=(new);,
        }
        div.field {
            label for="directories" { "Folders of the project" }
            textarea id="directories" name="directories" rows="2" spellcheck="false" aria-describedby="directories-hint" { "\n" (view.typed.directories) }
            p.hint id="directories-hint" { "One in each line, such as " code { "docs" } ". Leave it empty to sync all of them." }
        }
        @if view.may_write { (first(view)) } @else { input type="hidden" name="first" value="pull"; }
        (more(view))
        @if view.may_take_over {
            label.check { input type="checkbox" name="take_over" value="yes"; " The other installation has stopped: write here from now on" }
        }
        div.actions {
            button.main type="submit" data-busy="Asking GitLab…" { "Save, and show what would happen" }
            a.button.quiet href=(Place::Overview.of(view.id)) { "Cancel" }
        }
        p.hint { "No file is moved yet." }
    }
}

fn branch(view: &View<'_>) -> Markup {
    html! {
        div.field {
            label for="branch" { "Branch" }
            @if view.branches.is_empty() {
                p.hint { "The project is empty; GitLab’s default branch is made by the first push." }
            } @else {
                select id="branch" name="branch" {
                    @for branch in view.branches {
                        option value=(branch.name) selected[is_chosen(view, branch)] {
                            (stranger::plain(&branch.name))
                            @if branch.default { " (default)" }
                            @if !branch.can_push { " – this token cannot push to it" }
                        }
                    }
                }
            }
        }
    }
}

fn is_chosen(view: &View<'_>, branch: &Branch) -> bool {
    match view.typed.branch.as_str() {
        "" => branch.default,
        typed => branch.name == typed,
    }
}

fn first(view: &View<'_>) -> Markup {
    let ways = [
        (
            FirstSync::Merge,
            "merge",
            "Both ways",
            "Each side gets what the other has. What both have and differs becomes a conflict for you to look at.",
        ),
        (
            FirstSync::Push,
            "push",
            "Folder → GitLab",
            "GitLab gets the files of the folder. Where both have a file, the folder’s wins; the other is kept as a conflict.",
        ),
        (
            FirstSync::Pull,
            "pull",
            "GitLab → folder",
            "The folder gets the files of GitLab. Where both have a file, GitLab’s wins; the other is kept as a conflict.",
        ),
    ];
    html! {
        fieldset {
            legend { "First sync" }
            @for (way, word, title, words) in ways {
                label.radio {
                    input type="radio" name="first" value=(word) checked[view.typed.first == way];
                    span { strong { (title) } span.sub { (words) } }
                }
            }
        }
    }
}

fn more(view: &View<'_>) -> Markup {
    let policies = [
        (ConflictPolicy::KeepBoth, "keep-both", "GitLab’s version in place, the folder’s kept as a conflict"),
        (
            ConflictPolicy::LastWriteWins,
            "last-write-wins",
            "The side that pushes or pulls wins, the other is kept as a conflict",
        ),
        (ConflictPolicy::Fail, "fail", "Sync nothing until somebody resolves it"),
    ];
    let Typed { patterns, message, author_name, author_email, conflicts, .. } = view.typed;
    let says = view.may_write && [message, author_name, author_email].iter().any(|typed| !typed.is_empty());
    let is_usual = patterns.is_empty() && !says && *conflicts == ConflictPolicy::KeepBoth;
    html! {
        details open[!is_usual] {
            summary { "More" }
            div.field {
                label for="patterns" { "Files" }
                input id="patterns" name="patterns" type="text" value=(view.typed.patterns) placeholder="*.md *.markdown *.yaml *.yml" spellcheck="false"
                    autocapitalize="off" autocomplete="off" aria-describedby="patterns-hint";
                p.hint id="patterns-hint" { "Names with " code { "*" } ", separated by blanks. Empty: Markdown and YAML." }
            }
            @if view.may_write {
                div.field {
                    label for="message" { "Commit message" }
                    input id="message" name="message" type="text" value=(view.typed.message) placeholder="{summary}" maxlength="2000" autocomplete="off"
                        aria-describedby="message-hint";
                    p.hint id="message-hint" {
                        code { "{summary}" } " becomes what was done, " code { "{files}" } " the number of files, " code { "{branch}" } " the branch. Empty: the summary."
                    }
                }
                (author(view.typed))
            }
            div.field {
                label for="conflicts" { "If both sides changed the same lines" }
                select id="conflicts" name="conflicts" {
                    @for (policy, word, words) in policies { option value=(word) selected[view.typed.conflicts == policy] { (words) } }
                }
            }
        }
    }
}

fn author(typed: &Typed) -> Markup {
    html! {
        fieldset {
            legend { "Author of the commits" }
            div.field {
                label for="author_name" { "Name" }
                input id="author_name" name="author_name" type="text" value=(typed.author_name) maxlength="255" autocomplete="off" aria-describedby="author-hint";
            }
            div.field {
                label for="author_email" { "Address" }
                input id="author_email" name="author_email" type="email" value=(typed.author_email) maxlength="255" autocomplete="off" aria-describedby="author-hint";
            }
            p.hint id="author-hint" { "Empty: the user of the token. Whom you name here is approved with it, and nobody else." }
        }
    }
}

/// What the form's words mean. None: nobody has sent such a word from our form.
pub(crate) fn first_of(word: &str) -> Option<FirstSync> {
    Some(match word {
        "merge" => FirstSync::Merge,
        "push" => FirstSync::Push,
        "pull" => FirstSync::Pull,
        _ => return None,
    })
}

/// The same for conflicts.
pub(crate) fn policy_of(word: &str) -> Option<ConflictPolicy> {
    Some(match word {
        "keep-both" => ConflictPolicy::KeepBoth,
        "last-write-wins" => ConflictPolicy::LastWriteWins,
        "fail" => ConflictPolicy::Fail,
        _ => return None,
    })
}
