//! Why a commit was refused.
//!
//! Decided here: that what is the case is looked at, since a status says too little and GitLab's words may be in any language. Costs its
//! requests only where a push has failed. Not decided here: what GitLab's statuses mean by themselves (`gitlab::refusal`).

use crate::error::{Code, Error};
use crate::gitlab::project::{self, Branch, Project};
use crate::gitlab::role::Role;
use crate::remote;
use crate::session::Session;

/// The same error, or what is behind it.
pub(crate) fn explain(session: &Session<'_>, error: Error) -> Error {
    let cause = match error.code {
        Code::BranchMissing => return remote::branch_is_gone(session),
        Code::RoleTooLow | Code::RepositoryDisabled => by_project(session, error.code),
        // Rules of a project refuse with the status that the protection of a branch may have too.
        Code::PushRule => (door(session) == Some(Door::Closed)).then(|| protected(session)),
        _ => None,
    };
    cause.unwrap_or(error)
}

fn by_project(session: &Session<'_>, code: Code) -> Option<Error> {
    let project: Project = session.client.read(project::project(session.configuration.project)).ok()?;
    if let Some(obstacle) = project.obstacle() {
        return Some(obstacle.into());
    }
    if code != Code::RoleTooLow || !project.may_write() {
        return None;
    }
    let is_protected = match door(session)? {
        Door::Open => false,
        Door::Closed => true,
        // What GitLab protects in an empty project, maintainers may make.
        Door::NotThere => project.role() == Some(Role::Developer),
    };
    is_protected.then(|| protected(session))
}

fn protected(session: &Session<'_>) -> Error {
    Error::because(Code::BranchProtected, &format!("`{}`", session.configuration.branch))
}

/// The branch, for whoever wants to push to it.
#[derive(PartialEq, Eq)]
enum Door {
    Open,
    /// By its protection.
    Closed,
    NotThere,
}

/// None: it cannot be told.
fn door(session: &Session<'_>) -> Option<Door> {
    let target = project::branch(session.configuration.project, &session.configuration.branch);
    match session.client.read::<Branch>(target) {
        Ok(branch) if branch.protected && !branch.can_push => Some(Door::Closed),
        Ok(_) => Some(Door::Open),
        Err(error) => (error.code == Code::BranchMissing).then_some(Door::NotThere),
    }
}
