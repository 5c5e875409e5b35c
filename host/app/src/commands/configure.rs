//! `configure`: which project, branch and files.

use super::pickers::{all_branches, project_id};
use crate::cli::{Configure, Policy};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use crate::store::claims::Claim;
use crate::store::connections::Entry;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{ConflictPolicy, Settings, Target};

/// The profile that writes files. Others claim nothing.
const WRITES: &str = "files-read-write";

pub(crate) async fn run(arguments: &Configure, session: &Session) -> Result<Exit, Failure> {
    let entry = session.entry().await?;
    let connection = session.connection().await?;
    let target = target(arguments, &connection).await?;
    if let Target::Existing(project) = target {
        let branch = branch(arguments, &connection, project).await?;
        refuse_clash(&claim(arguments, &entry, project, branch), &entry, session).await?;
    }
    let settings = Settings {
        target,
        branch: arguments.branch.clone(),
        directories: arguments.directories.clone(),
        patterns: arguments.patterns.clone(),
        conflicts: match arguments.conflicts {
            Policy::KeepBoth => ConflictPolicy::KeepBoth,
            Policy::LastWriteWins => ConflictPolicy::LastWriteWins,
            Policy::Fail => ConflictPolicy::Fail,
        },
    };
    let configured = connection.configure(settings).await?;
    let claim = claim(arguments, &entry, configured.project.id, configured.branch.clone());
    let writes = entry.grant.profile.as_deref() == Some(WRITES);
    session.database.claim(&entry.id, writes.then_some(&claim)).await?;
    session.output.result(&configured, || pages::projects::configured(&configured));
    session.output.talk("see what would be synced: gitlab-sync plan");
    Ok(Exit::Done)
}

async fn target(arguments: &Configure, connection: &Connection) -> Result<Target, Failure> {
    match (&arguments.project, &arguments.create) {
        (Some(project), _) => Ok(Target::Existing(project_id(connection, project).await?)),
        (None, Some(name)) => Ok(Target::Create(name.clone())),
        (None, None) => Err(Failure::new("no project was given").hint("give `--project` or `--create`")),
    }
}

/// The one that was named, or GitLab's default; a repository without branches has none that anyone could write.
async fn branch(arguments: &Configure, connection: &Connection, project: u64) -> Result<String, Failure> {
    if let Some(branch) = &arguments.branch {
        return Ok(branch.clone());
    }
    let branches = all_branches(connection, project, "").await?;
    Ok(branches.into_iter().find(|branch| branch.default).map(|branch| branch.name).unwrap_or_default())
}

fn claim(arguments: &Configure, entry: &Entry, project: u64, branch: String) -> Claim {
    Claim { server: entry.server(), project, branch, directories: arguments.directories.clone() }
}

async fn refuse_clash(claim: &Claim, entry: &Entry, session: &Session) -> Result<(), Failure> {
    if entry.grant.profile.as_deref() != Some(WRITES) {
        return Ok(());
    }
    let Some(other) = session.database.clash(&entry.id, claim).await? else { return Ok(()) };
    Err(Failure::new(format!(
        "the connection `{other}` writes to `{}` of project {} already",
        claim.branch, claim.project
    ))
    .hint("choose another branch or other directories, or connect with `--profile files-read-only`")
    .ending(Exit::Refused))
}
