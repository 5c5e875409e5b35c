//! `projects` and `branches`: what there is to choose from.

use crate::cli::{Branches, Projects};
use crate::failure::{Exit, Failure};
use crate::operations::pickers::{PickError, all_branches, all_projects, project_id};
use crate::pages;
use crate::session::Session;

pub(crate) async fn projects(arguments: &Projects, session: &Session) -> Result<Exit, Failure> {
    let projects = all_projects(&session.connection().await?, &arguments.search).await?;
    session.output.result(&projects, || pages::projects::projects(&projects));
    Ok(Exit::Done)
}

pub(crate) async fn branches(arguments: &Branches, session: &Session) -> Result<Exit, Failure> {
    let connection = session.connection().await?;
    let project = project_id(&connection, &arguments.project).await?;
    let branches = all_branches(&connection, project, &arguments.search).await?;
    session.output.result(&branches, || pages::projects::branches(&branches));
    Ok(Exit::Done)
}

impl From<PickError> for Failure {
    fn from(error: PickError) -> Self {
        let failure = Self::of(&error);
        match error {
            PickError::Trouble(trouble) => trouble.into(),
            PickError::NoProject(_) => failure.hint("`gitlab-sync projects` lists those it can"),
            PickError::TooMany(_) => failure.hint("give a part of the name"),
        }
    }
}
