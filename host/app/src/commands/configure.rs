//! `configure`: which project, branch and files. On a terminal, what was not given is asked for.

use super::{choose, hooks};
use crate::ask::Terminal;
use crate::cli::{Configure, First, Policy};
use crate::failure::{Exit, Failure};
use crate::operations::configure::{
    Authorship, Choice, ConfigureError, configure, direction, grant_author, keep_grant, may_write,
};
use crate::operations::pickers::project_id;
use crate::pages;
use crate::session::Session;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Author, Configured, ConflictPolicy, FirstSync, Ownership, SyncPlan, Target};

pub(crate) async fn run(arguments: &Configure, session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let connection = session.connection().await?;
    let writes = may_write(&entry);
    if arguments.first == Some(First::Push) && !writes {
        return Err(ConfigureError::ReadOnly.into());
    }
    let (mut choice, chosen_first) = choice(arguments, &connection, session, writes).await?;
    let mode = hooks::mode(arguments.webhook, arguments.webhook_url.clone(), &connection).await?;
    let before = entry.clone();
    let entry = grant_author(entry, &choice.author, &session.installation).await?;
    let (entry, connection) = hooks::granting(entry, &mode, session).await?;
    choice.webhook = Some(mode);
    let is_first_told = chosen_first.is_some() || choice.first != FirstSync::Merge;
    let configured = match configure(choice, &entry, &connection, &session.installation).await {
        Ok(configured) => configured,
        Err(error) => {
            // What was configured before goes on, and needs what it was granted.
            keep_grant(&before, &session.installation).await?;
            return Err(error.into());
        }
    };
    let plan = match is_first_told {
        true => Some(connection.plan(direction(configured.first)).await?),
        false => None,
    };
    tell(&configured, plan.as_ref(), session);
    Ok(Exit::Done)
}

/// What was typed, and where somebody can be asked, what they answer; and the way of the first sync, if they said.
async fn choice(
    arguments: &Configure,
    connection: &Connection,
    session: &Session,
    writes: bool,
) -> Result<(Choice, Option<First>), Failure> {
    let is_named = arguments.project.is_some() || arguments.create.is_some();
    if arguments.take_over
        && !is_named
        && let Some(configured) = connection.status().await?.configured
    {
        return Ok((as_before(configured), None));
    }
    let asked = Terminal::of(&session.output).filter(|_| !is_named);
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
    let choice = Choice {
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
        message_template: arguments.message_template.clone(),
        author: match (&arguments.author_name, &arguments.author_email) {
            (Some(name), Some(email)) => Authorship::Other(Author { name: name.clone(), email: email.clone() }),
            _ => Authorship::User,
        },
        webhook: None,
        ownership: if arguments.take_over { Ownership::TakeOver } else { Ownership::Respect },
    };
    Ok((choice, first))
}

/// Whoever takes over what is configured already need not say it all again.
fn as_before(configured: Configured) -> Choice {
    Choice {
        target: Target::Existing(configured.project.id),
        branch: Some(configured.branch),
        directories: configured.directories,
        patterns: configured.patterns,
        conflicts: configured.conflicts,
        first: configured.first,
        message_template: configured.message_template,
        author: Authorship::AsBefore,
        webhook: None,
        ownership: Ownership::TakeOver,
    }
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

impl From<ConfigureError> for Failure {
    fn from(error: ConfigureError) -> Self {
        let failure = Self::of(&error);
        match error {
            ConfigureError::Trouble(trouble) => advise(trouble.into()),
            ConfigureError::Pick(error) => error.into(),
            ConfigureError::ReadOnly => failure.hint("connect with `--profile files-read-write`"),
            ConfigureError::Clash { .. } => failure
                .hint("choose another branch or other directories, or connect with `--profile files-read-only`")
                .coded("ownership-clash")
                .ending(Exit::Refused),
        }
    }
}

fn advise(failure: Failure) -> Failure {
    match failure.code() {
        Some("ownership-clash") => {
            failure.instead("if the other one is gone or is to stop, say the same with `--take-over`")
        }
        Some("token-kind-cannot-create") => {
            failure.hint("here: `gitlab-sync configure --project PROJECT`; `gitlab-sync projects` lists them")
        }
        Some("name-taken") => failure.hint("here: `gitlab-sync configure --project PROJECT` takes the existing one"),
        _ => failure,
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
    session.output.advise(match plan {
        Some(_) => "do it: gitlab-sync sync",
        None => "see what would be synced: gitlab-sync plan",
    });
}
