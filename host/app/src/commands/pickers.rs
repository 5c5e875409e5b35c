//! `projects` and `branches`: what there is to choose from.

use crate::cli::{Branches, Projects};
use crate::failure::{Exit, Failure};
use crate::operations::pickers::{PickError, all_branches, all_projects, project_id};
use crate::pages;
use crate::session::Session;
use gitlab_sync_host::connection::Connection;

pub(crate) async fn projects(arguments: &Projects, session: &Session) -> Result<Exit, Failure> {
    let projects = all_projects(&session.connection().await?, &arguments.search).await?;
    session.output.result(&projects, || pages::projects::projects(&projects));
    Ok(Exit::Done)
}

pub(crate) async fn branches(arguments: &Branches, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let project = match &arguments.project {
        Some(project) => project_id(&connection, project).await?,
        None => configured_project(&connection).await?,
    };
    let branches = all_branches(&connection, project, &arguments.search).await?;
    session.output.result(&branches, || pages::projects::branches(&branches));
    Ok(Exit::Done)
}

async fn configured_project(connection: &Connection) -> Result<u64, Failure> {
    let configured = connection.status().await?.configured;
    configured.map(|configured| configured.project.id).ok_or_else(|| {
        Failure::new("no project was given, and none is configured")
            .hint("name one: `gitlab-sync branches PROJECT`; `gitlab-sync projects` lists them")
            .ending(Exit::Misused)
    })
}

impl From<PickError> for Failure {
    fn from(error: PickError) -> Self {
        let failure = Self::of(&error);
        match error {
            PickError::Trouble(trouble) => trouble.into(),
            PickError::NoProject(_) => {
                failure.hint("`gitlab-sync projects` lists those it can; give one that it may only read by its number")
            }
            PickError::TooMany(_) => failure.hint("give a part of the name"),
        }
    }
}
