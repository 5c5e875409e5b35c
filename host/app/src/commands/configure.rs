//! `configure`: which project, branch and files. On a terminal, what was not given is asked for.

use super::pickers::{all_branches, project_id};
use super::{choose, hooks};
use crate::ask::Terminal;
use crate::cli::{Configure, First, Policy};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use crate::store::claims::Claim;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Configured, ConflictPolicy, Direction, FirstSync, Ownership, Settings, SyncPlan, Target};

/// The profile that writes files. Others claim nothing.
const WRITES: &str = "files-read-write";

pub(crate) async fn run(arguments: &Configure, session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let connection = session.connection().await?;
    let writes = entry.grant.profile.as_deref() == Some(WRITES);
    if arguments.first == Some(First::Push) && !writes {
        return Err(Failure::new("this connection may not push").hint("connect with `--profile files-read-write`"));
    }
    let settings = settings(arguments, &connection, session, writes).await?;
    if let (Target::Existing(project), true) = (&settings.target, writes) {
        let branch = branch(&settings, &connection, *project).await?;
        refuse_clash(&claim(arguments, &entry, *project, branch), &entry, session).await?;
    }
    let first = settings.first;
    let connection = hooks::granting(&settings.webhook, session).await?;
    let configured = connection.configure(settings).await.map_err(|error| advise(error.into()))?;
    let claim = claim(arguments, &entry, configured.project.id, configured.branch.clone());
    session.database.claim(&entry.id, writes.then_some(&claim)).await?;
    let plan = match arguments.first {
        None if first == FirstSync::Merge => None,
        _ => Some(connection.plan(direction(configured.first)).await?),
    };
    tell(&configured, plan.as_ref(), session);
    Ok(Exit::Done)
}

/// What was typed, and where somebody can be asked, what they answer.
async fn settings(
    arguments: &Configure,
    connection: &Connection,
    session: &Session,
    writes: bool,
) -> Result<Settings, Failure> {
    let asked = Terminal::of(&session.output).filter(|_| arguments.project.is_none() && arguments.create.is_none());
    let (mut branch, mut first) = (arguments.branch.clone(), arguments.first);
    let target = match asked {
        None => target(arguments, connection).await?,
        Some(terminal) => {
            let target = choose::project(terminal, connection).await?;
            if let (Target::Existing(project), None) = (&target, &branch) {
                branch = choose::branch(terminal, connection, *project).await?;
            }
            if first.is_none() && writes {
                first = Some(choose::first(terminal).await?);
            }
            target
        }
    };
    Ok(Settings {
        target,
        branch,
        directories: arguments.directories.clone(),
        patterns: arguments.patterns.clone(),
        conflicts: match arguments.conflicts {
            Policy::KeepBoth => ConflictPolicy::KeepBoth,
            Policy::LastWriteWins => ConflictPolicy::LastWriteWins,
            Policy::Fail => ConflictPolicy::Fail,
        },
        first: match first {
            Some(First::Push) => FirstSync::Push,
            Some(First::Pull) => FirstSync::Pull,
            Some(First::Merge) | None => FirstSync::Merge,
        },
        owner: if writes { Some(session.database.mark().await?) } else { None },
        ownership: if arguments.take_over { Ownership::TakeOver } else { Ownership::Respect },
        webhook: hooks::mode(arguments.webhook, arguments.webhook_url.clone(), connection).await?,
    })
}

async fn target(arguments: &Configure, connection: &Connection) -> Result<Target, Failure> {
    match (&arguments.project, &arguments.create) {
        (Some(project), _) => Ok(Target::Existing(project_id(connection, project).await?)),
        (None, Some(name)) => Ok(Target::Create(name.clone())),
        (None, None) => Err(Failure::new("no project was given, and nobody can be asked here")
            .hint("give `--project PROJECT` or `--create NAME`; `gitlab-sync projects` lists them")
            .ending(Exit::Misused)),
    }
}

/// The one that was named, or GitLab's default; a repository without branches has none that anyone could write.
async fn branch(settings: &Settings, connection: &Connection, project: u64) -> Result<String, Failure> {
    if let Some(branch) = &settings.branch {
        return Ok(branch.clone());
    }
    let branches = all_branches(connection, project, "").await?;
    Ok(branches.into_iter().find(|branch| branch.default).map(|branch| branch.name).unwrap_or_default())
}

fn claim(arguments: &Configure, entry: &Entry, project: u64, branch: String) -> Claim {
    Claim { server: entry.server(), project, branch, directories: arguments.directories.clone() }
}

/// Between the connections of this store; between stores, the connector looks for marks in the branch.
async fn refuse_clash(claim: &Claim, entry: &Entry, session: &Session) -> Result<(), Failure> {
    let Some(other) = session.database.clash(&entry.id, claim).await? else { return Ok(()) };
    Err(Failure::new(format!(
        "the connection `{other}` writes to `{}` of project {} already",
        claim.branch, claim.project
    ))
    .hint("choose another branch or other directories, or connect with `--profile files-read-only`")
    .coded("ownership-clash")
    .ending(Exit::Refused))
}

fn advise(failure: Failure) -> Failure {
    match failure.code() {
        Some("ownership-clash") => {
            failure.hint("if that one is gone or is to stop, say so: `gitlab-sync configure --take-over ...`")
        }
        Some("token-kind-cannot-create") => {
            failure.hint("here: `gitlab-sync configure --project PROJECT`; `gitlab-sync projects` lists them")
        }
        Some("name-taken") => failure.hint("here: `gitlab-sync configure --project PROJECT` takes the existing one"),
        _ => failure,
    }
}

fn direction(first: FirstSync) -> Direction {
    match first {
        FirstSync::Push => Direction::Push,
        FirstSync::Pull => Direction::Pull,
        FirstSync::Merge => Direction::Both,
    }
}

/// With `--json`, the plan is a part of what was configured.
fn tell(configured: &Configured, plan: Option<&SyncPlan>, session: &Session) {
    let mut value = serde_json::to_value(configured).expect("plain data");
    if let Some(plan) = plan {
        value["plan"] = serde_json::to_value(plan).expect("plain data");
    }
    session.output.result(&value, || {
        let mut page = pages::projects::configured(configured);
        if let Some(report) = &configured.webhook {
            page.append(pages::hooks::report(report));
        }
        if let Some(plan) = plan {
            page.heading("The first sync");
            page.append(pages::changes::plan(plan));
        }
        page
    });
    session.output.talk(match plan {
        Some(_) => "do it: gitlab-sync sync",
        None => "see what would be synced: gitlab-sync plan",
    });
}
