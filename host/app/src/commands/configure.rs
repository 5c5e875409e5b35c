//! `configure`: which project, branch and files.

use super::pickers::project_id;
use crate::cli::{Configure, Policy};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use gitlab_sync_host::sync::{ConflictPolicy, Settings, Target};

pub(crate) async fn run(arguments: &Configure, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let target = match (&arguments.project, &arguments.create) {
        (Some(project), _) => Target::Existing(project_id(&connection, project).await?),
        (None, Some(name)) => Target::Create(name.clone()),
        (None, None) => return Err(Failure::new("no project was given").hint("give `--project` or `--create`")),
    };
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
    session.output.result(&configured, || pages::projects::configured(&configured));
    session.output.talk("see what would be synced: gitlab-sync plan");
    Ok(Exit::Done)
}
