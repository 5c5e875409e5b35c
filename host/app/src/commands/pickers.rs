//! `projects` and `branches`: what there is to choose from, all pages of it.

use crate::cli::{Branches, Projects};
use crate::failure::{Exit, Failure};
use crate::pages;
use crate::session::Session;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Branch, Project};

/// Pages before a listing is narrowed by a search instead: 100 each.
const MOST_PAGES: usize = 200;

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

/// A number as it is, a path by looking for it: only numbers outlive a rename.
pub(crate) async fn project_id(connection: &Connection, typed: &str) -> Result<u64, Failure> {
    if let Ok(id) = typed.parse() {
        return Ok(id);
    }
    let path = typed.trim_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let projects = all_projects(connection, name).await?;
    let found = projects.iter().find(|project| project.path.eq_ignore_ascii_case(path));
    found.map(|project| project.id).ok_or_else(|| {
        Failure::new(format!("there is no project `{path}` that this token can push to"))
            .hint("`gitlab-sync projects` lists those it can")
    })
}

async fn all_projects(connection: &Connection, search: &str) -> Result<Vec<Project>, Failure> {
    let (mut projects, mut cursor) = (vec![], None);
    for _ in 0..MOST_PAGES {
        let page = connection.projects(search, cursor).await?;
        projects.extend(page.projects);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(projects);
        }
    }
    Err(too_many("projects"))
}

pub(crate) async fn all_branches(connection: &Connection, project: u64, search: &str) -> Result<Vec<Branch>, Failure> {
    let (mut branches, mut cursor) = (vec![], None);
    for _ in 0..MOST_PAGES {
        let page = connection.branches(project, search, cursor).await?;
        branches.extend(page.branches);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(branches);
        }
    }
    Err(too_many("branches"))
}

fn too_many(what: &str) -> Failure {
    Failure::new(format!("there are too many {what} to list")).hint("give a part of the name")
}
