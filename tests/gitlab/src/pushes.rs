//! Who may push to which branch, and what follows when references moved.
//!
//! Used by every way to write: Commits API, Files API, branch endpoints and `git push`.

use std::sync::Arc;

use crate::app::App;
use crate::events::{Event, PushEvent, RefChange, ZERO_ID};
use crate::git::refs;
use crate::merging;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::protected_branches::{BranchGrant, ProtectedBranch};
use crate::world::users::User;

/// The texts of the push checks, as they appear in API answers and in git's output.
pub mod text {
    /// Push to a protected branch.
    pub const PROTECTED: &str = "You are not allowed to push code to protected branches on this project.";
    /// Force push to a protected branch.
    pub const FORCE: &str = "You are not allowed to force push code to a protected branch on this project.";
    /// A new branch whose name is protected.
    pub const CREATE: &str = "You are not allowed to create protected branches on this project.";
    /// Deleting a protected branch without the role.
    pub const DELETE: &str = "You are not allowed to delete protected branches from this project. \
        Only a project maintainer or owner can delete a protected branch.";
    /// Deleting the default branch.
    pub const DEFAULT: &str = "The default branch of a project cannot be deleted.";
    /// Deleting a protected branch by push.
    pub const WEB_ONLY: &str = "You can only delete protected branches using the web interface.";
    /// A branch that looks like a commit.
    pub const HEX: &str = "You cannot create a branch with a 40-character hexadecimal branch name.";
    /// The API's own text.
    pub const API: &str = "You are not allowed to push into this branch";
}

/// Whether a branch is protected.
pub fn is_protected(project: &Project, branch: &str) -> bool {
    project.protected_branches.iter().any(|protection| protection.covers(branch))
}

/// Whether a user may push to a branch. `empty` is a repository without branches: its first push makes the default branch.
pub fn may_push(world: &World, user: &User, project: &Project, branch: &str, empty: bool) -> bool {
    let role = if user.admin { Some(AccessLevel::Owner) } else { world.project_role(user.id, project) };
    if project.archived || role < Some(AccessLevel::Developer) {
        return false;
    }
    if empty {
        return role >= Some(AccessLevel::Maintainer);
    }
    let mut covering = project.protected_branches.iter().filter(|protection| protection.covers(branch)).peekable();
    covering.peek().is_none() || covering.any(|protection| allows(&protection.push, user, role))
}

/// Whether a user may force a push to a branch.
pub fn may_force(project: &Project, branch: &str) -> bool {
    let mut covering = project.protected_branches.iter().filter(|protection| protection.covers(branch)).peekable();
    covering.peek().is_none() || covering.all(|protection| protection.allow_force_push)
}

fn allows(grants: &[BranchGrant], user: &User, role: Option<AccessLevel>) -> bool {
    grants.iter().any(|grant| match (grant.user_id, grant.access_level) {
        (Some(id), _) => id == user.id,
        (None, 0) => false,
        (None, 60) => user.admin,
        (None, level) => role.is_some_and(|role| u8::from(role) >= level),
    })
}

/// What a push to an empty repository is told when it has no right to make the default branch.
pub fn no_default_branch(app: &App, world: &World, project: &Project) -> String {
    let (path, branch) = (world.project_path(project), &project.default_branch);
    format!(
        "A default branch (e.g. {branch}) does not yet exist for {path}\nAsk a project Owner or Maintainer to create \
         a default branch:\n\n  {}/{path}/-/project_members\n\n",
        app.url()
    )
}

/// Everything that follows when references moved: default branch, protection, activity, event.
pub fn landed(app: &Arc<App>, event: PushEvent) {
    let first = event.changes.iter().find_map(|change| {
        let branch = change.reference.strip_prefix("refs/heads/")?;
        (change.before == ZERO_ID && change.after != ZERO_ID).then(|| branch.to_owned())
    });
    if let Some(branch) = first {
        settle_default_branch(app, event.project_id, branch);
    }
    app.world_mut().touch_project(event.project_id, app.now());
    merging::follow(app, &event);
    app.events.tell(&Event::Push(event));
}

/// The first branch of a repository becomes the default branch, unless the configured one came with it, and is protected.
fn settle_default_branch(app: &App, project_id: u64, pushed: String) {
    let branches = app.repositories.with(project_id, refs::branches).unwrap_or_default();
    let mut world = app.world_mut();
    let Some(project) = world.projects.get(project_id) else { return };
    let configured = branches.iter().any(|(name, _)| *name == project.default_branch);
    if configured && branches.len() > 1 {
        return;
    }
    let default = if configured { project.default_branch.clone() } else { pushed };
    let protected = is_protected(project, &default);
    if let Some(project) = world.projects.get_mut(project_id) {
        project.default_branch.clone_from(&default);
    }
    if !protected {
        protect(&mut world, project_id, &default, 40, 40);
    }
    drop(world);
    let _ = app.repositories.with(project_id, |repository| repository.set_head(&format!("refs/heads/{default}")));
}

/// Protects a branch or pattern.
pub fn protect(world: &mut World, project_id: u64, name: &str, push: u8, merge: u8) -> Option<ProtectedBranch> {
    let push = vec![grant(world, push)];
    let merge = vec![grant(world, merge)];
    let project = world.projects.get_mut(project_id)?;
    let protection = project.protected_branches.add(|id| ProtectedBranch {
        id,
        name: name.to_owned(),
        push,
        merge,
        unprotect: Vec::new(),
        allow_force_push: false,
        code_owner_approval_required: false,
    });
    Some(protection.clone())
}

/// A new line of an access list.
pub fn grant(world: &mut World, access_level: u8) -> BranchGrant {
    world.last_branch_grant += 1;
    BranchGrant { id: world.last_branch_grant, access_level, user_id: None, group_id: None }
}

/// One moved branch.
pub fn branch_change(branch: &str, before: Option<git2::Oid>, after: Option<git2::Oid>) -> RefChange {
    let text = |id: Option<git2::Oid>| id.map_or_else(|| ZERO_ID.to_owned(), |id| id.to_string());
    RefChange { reference: format!("refs/heads/{branch}"), before: text(before), after: text(after) }
}
