//! What there is to choose from: projects and branches, all pages of them.

use super::Trouble;
use gitlab_sync_host::connection::Connection;
use gitlab_sync_host::sync::{Branch, Project};

/// Pages before a listing is narrowed by a search instead: 100 each.
const MOST_PAGES: usize = 200;

/// Why there is nothing to choose from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PickError {
    #[error("there is no project `{0}` that this token can push to")]
    NoProject(String),
    #[error("there are too many {0} to list")]
    TooMany(&'static str),
    #[error(transparent)]
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for PickError {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// A number as it is, a path by looking for it: only numbers outlive a rename.
pub(crate) async fn project_id(connection: &Connection, typed: &str) -> Result<u64, PickError> {
    if let Ok(id) = typed.parse() {
        return Ok(id);
    }
    let path = typed.trim_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let projects = all_projects(connection, name).await?;
    let found = projects.iter().find(|project| project.path.eq_ignore_ascii_case(path));
    found.map(|project| project.id).ok_or_else(|| PickError::NoProject(path.into()))
}

pub(crate) async fn all_projects(connection: &Connection, search: &str) -> Result<Vec<Project>, PickError> {
    let (mut projects, mut cursor) = (vec![], None);
    for _ in 0..MOST_PAGES {
        let page = connection.projects(search, cursor).await?;
        projects.extend(page.projects);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(projects);
        }
    }
    Err(PickError::TooMany("projects"))
}

pub(crate) async fn all_branches(
    connection: &Connection,
    project: u64,
    search: &str,
) -> Result<Vec<Branch>, PickError> {
    let (mut branches, mut cursor) = (vec![], None);
    for _ in 0..MOST_PAGES {
        let page = connection.branches(project, search, cursor).await?;
        branches.extend(page.branches);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(branches);
        }
    }
    Err(PickError::TooMany("branches"))
}
