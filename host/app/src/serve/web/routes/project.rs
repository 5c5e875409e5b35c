//! Choose a project and what of it to sync.

use super::super::caller::Caller as _;
use super::super::{Admin, Desk, Fields, Own, Refusal, Seen, Sent};
use super::{Answer, Sheet, done};
use crate::operations::Trouble;
use crate::operations::configure::{Authorship, Choice, ConfigureError, may_write};
use crate::operations::pickers::{PickError, all_branches};
use crate::serve::deeds::DeedError;
use crate::serve::page::address::Place;
use crate::serve::page::project::{self as picker, html};
use crate::serve::page::settings::{self as form, Target, Typed, View, first_of, policy_of};
use crate::serve::page::{Notice, Problem};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gitlab_sync_host::sync::{self, Author, Branch, ConflictPolicy, FirstSync, Ownership, ProjectPage};
use std::sync::Arc;

pub(super) async fn show(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let (own, fields) = (&seen.caller, &seen.fields);
    let (search, after) = (fields.text("search").trim(), fields.word("after"));
    let (page, problem) = match listed(&desk, own, search, after).await {
        Ok(page) => (page, None),
        Err(trouble) => (ProjectPage { projects: vec![], next: None }, Some(desk.problem(trouble))),
    };
    let view = picker::View {
        id: own.id(),
        account: own.entry().account.as_ref(),
        token_expires_ms: desk.token_expires_ms(own.id()).await?,
        search,
        projects: &page.projects,
        next: page.next.as_deref(),
        is_later: after.is_some(),
        problem: problem.as_ref(),
    };
    Ok(Sheet::of(&desk, own, Place::Project, "Project", fields).await.response(&html(&view)))
}

async fn listed(desk: &Desk, own: &Own<Admin>, search: &str, after: Option<&str>) -> Result<ProjectPage, Trouble> {
    Ok(desk.connection(own).await?.projects(search, after.map(String::from)).await?)
}

pub(super) async fn show_settings(State(desk): State<Arc<Desk>>, seen: Seen<Own<Admin>>) -> Answer {
    let (own, fields) = (&seen.caller, &seen.fields);
    let Some(target) = target(&desk, own, fields).await? else {
        return Ok(Redirect::to(&Place::Project.of(own.id())).into_response());
    };
    let typed = usual(&desk, own, &target).await;
    let sheet = Sheet::of(&desk, own, Place::Settings, "What to sync", fields).await;
    let main = filled(&desk, own, &target, &typed, None, false).await;
    Ok(sheet.response(&main))
}

/// What is in force, if it is the same project again; otherwise what most people want.
async fn usual(desk: &Desk, own: &Own<Admin>, target: &Target) -> Typed {
    let first = match (target, may_write(own.entry())) {
        (_, false) => FirstSync::Pull,
        (Target::New(_), _) => FirstSync::Push,
        (Target::Existing { .. }, _) => FirstSync::Merge,
    };
    let fresh = Typed {
        branch: String::new(),
        directories: String::new(),
        patterns: String::new(),
        message: String::new(),
        author_name: String::new(),
        author_email: String::new(),
        first,
        conflicts: ConflictPolicy::KeepBoth,
    };
    let status = match desk.connection(own).await {
        Ok(connection) => connection.status().await.ok(),
        Err(_) => None,
    };
    match (status.and_then(|status| status.configured), target) {
        (Some(known), Target::Existing { project, .. }) if known.project.id == *project => {
            let (author_name, author_email) =
                known.author.map(|author| (author.name, author.email)).unwrap_or_default();
            Typed {
                branch: known.branch,
                directories: known.directories.join("\n"),
                patterns: known.patterns.join(" "),
                message: known.message_template.unwrap_or_default(),
                author_name,
                author_email,
                conflicts: known.conflicts,
                ..fresh
            }
        }
        _ => fresh,
    }
}

/// The project that was chosen or is to be made. Its path is only for the eye; the number counts.
async fn target(desk: &Desk, own: &Own<Admin>, fields: &Fields) -> Result<Option<Target>, Refusal> {
    if let Some(new) = fields.word("new") {
        return Ok(Some(Target::New(new.into())));
    }
    let Some(project) = fields.word("project").and_then(|number| number.parse().ok()) else { return Ok(None) };
    let path = match fields.word("path") {
        Some(path) => path.to_owned(),
        None => path_of(desk, own, project).await.unwrap_or_else(|| format!("project {project}")),
    };
    Ok(Some(Target::Existing { project, path }))
}

/// As the list has it; the list is at most a few pages until it is found, and the number does without.
async fn path_of(desk: &Desk, own: &Own<Admin>, project: u64) -> Option<String> {
    const MOST_PAGES: usize = 5;
    let connection = desk.connection(own).await.ok()?;
    let mut cursor = None;
    for _ in 0..MOST_PAGES {
        let page = connection.projects("", cursor).await.ok()?;
        if let Some(found) = page.projects.into_iter().find(|found| found.id == project) {
            return Some(found.path);
        }
        cursor = Some(page.next?);
    }
    None
}

/// The form with the branches there are. If GitLab does not tell them, that is the problem.
async fn filled(
    desk: &Desk,
    own: &Own<Admin>,
    target: &Target,
    typed: &Typed,
    problem: Option<Problem>,
    may_take_over: bool,
) -> crate::serve::page::Markup {
    let (branches, problem) = match branches(desk, own, target).await {
        Ok(branches) => (branches, problem),
        Err(error) => (vec![], problem.or_else(|| Some(error.into()))),
    };
    let view = View {
        id: own.id(),
        target,
        typed,
        branches: &branches,
        may_write: may_write(own.entry()),
        may_take_over,
        problem: problem.as_ref(),
    };
    form::html(&view, own.visitor().proof())
}

async fn branches(desk: &Desk, own: &Own<Admin>, target: &Target) -> Result<Vec<Branch>, PickError> {
    match target {
        Target::New(_) => Ok(vec![]),
        Target::Existing { project, .. } => all_branches(&desk.connection(own).await?, *project, "").await,
    }
}

pub(super) async fn save(State(desk): State<Arc<Desk>>, sent: Sent<Own<Admin>>) -> Answer {
    let (own, fields) = (&sent.caller, &sent.fields);
    let target = target(&desk, own, fields).await?.ok_or(Refusal::Malformed)?;
    let typed = typed(fields).ok_or(Refusal::Malformed)?;
    match desk.configure(own, choice(&target, &typed, fields)).await {
        Ok(_) => Ok(done(&Place::Plan.of(own.id()), Notice::Configured)),
        Err(error) => refused(&desk, own, &target, &typed, error).await,
    }
}

async fn refused(
    desk: &Desk,
    own: &Own<Admin>,
    target: &Target,
    typed: &Typed,
    error: DeedError<ConfigureError>,
) -> Result<Response, Refusal> {
    let may_take_over = matches!(&error, DeedError::Refused(ConfigureError::Trouble(trouble)) if trouble.code() == Some("ownership-clash"));
    let problem = desk.not_done(error)?;
    let sheet = Sheet::of(desk, own, Place::Settings, "What to sync", &Fields::default()).await;
    let main = filled(desk, own, target, typed, Some(problem), may_take_over).await;
    Ok(sheet.refused().response(&main))
}

fn typed(fields: &Fields) -> Option<Typed> {
    Some(Typed {
        branch: fields.word("branch").unwrap_or_default().into(),
        directories: fields.lines("directories").join("\n"),
        patterns: fields.words("patterns").join(" "),
        message: fields.text("message").trim().into(),
        author_name: fields.text("author_name").trim().into(),
        author_email: fields.text("author_email").trim().into(),
        first: first_of(fields.text("first"))?,
        conflicts: policy_of(fields.text("conflicts"))?,
    })
}

fn choice(target: &Target, typed: &Typed, fields: &Fields) -> Choice {
    Choice {
        target: match target {
            Target::Existing { project, .. } => sync::Target::Existing(*project),
            Target::New(name) => sync::Target::Create(name.clone()),
        },
        branch: Some(typed.branch.clone()).filter(|branch| !branch.is_empty()),
        directories: fields.lines("directories"),
        patterns: fields.words("patterns"),
        conflicts: typed.conflicts,
        first: typed.first,
        message_template: Some(typed.message.clone()).filter(|message| !message.is_empty()),
        author: author(typed),
        webhook: None,
        ownership: if fields.is_ticked("take_over") { Ownership::TakeOver } else { Ownership::Respect },
    }
}

/// A name without an address is none either, which the connector says.
fn author(typed: &Typed) -> Authorship {
    match (&typed.author_name, &typed.author_email) {
        (name, email) if name.is_empty() && email.is_empty() => Authorship::User,
        (name, email) => Authorship::Other(Author { name: name.clone(), email: email.clone() }),
    }
}
