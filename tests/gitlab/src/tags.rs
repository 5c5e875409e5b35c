//! Who may make, move and delete which tag. Used by the tag endpoints and by `git push`.

use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::projects::Project;
use crate::world::users::User;

/// The texts of the checks, as they appear in API answers and in git's output.
pub mod text {
    /// Moving or deleting a tag without the role.
    pub const CHANGE: &str = "You are not allowed to change existing tags on this project.";
    /// Moving a protected tag.
    pub const UPDATE_PROTECTED: &str = "Protected tags cannot be updated.";
    /// Deleting a protected tag without the role.
    pub const DELETE_PROTECTED: &str = "You are not allowed to delete protected tags from this project. \
        Only a project maintainer or owner can delete a protected tag.";
    /// Deleting a protected tag by push.
    pub const WEB_ONLY: &str = "You can only delete protected tags using the web interface.";
    /// Making a tag whose name is protected.
    pub const CREATE_PROTECTED: &str = "You are not allowed to create this tag as it is protected.";
    /// A tag that is named like the default branch.
    pub const DEFAULT: &str = "You cannot use default branch name to create a tag";
    /// A tag that begins like a commit.
    pub const HEX: &str = "You cannot create a tag with a SHA-1 or SHA-256 tag name.";
}

/// What is to happen to a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Create,
    /// It gets another target.
    Move,
    /// It goes.
    Delete,
}

/// By which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By an endpoint, which counts as the web interface.
    Api,
    /// By `git push`.
    Push,
}

/// Whether a tag is protected.
pub fn is_protected(project: &Project, tag: &str) -> bool {
    project.protected_tags.iter().any(|protection| protection.covers(tag))
}

/// Why a change of a tag is refused, if it is. Order as in GitLab: existing tags, names, protection.
pub fn refusal(
    world: &World,
    user: &User,
    project: &Project,
    tag: &str,
    change: Change,
    way: Way,
) -> Option<&'static str> {
    let role = if user.admin { Some(AccessLevel::Owner) } else { world.project_role(user.id, project) };
    if change != Change::Create && role < Some(AccessLevel::Developer) {
        return Some(text::CHANGE);
    }
    if change == Change::Create && tag == project.default_branch {
        return Some(text::DEFAULT);
    }
    if change != Change::Delete && begins_like_a_commit(tag) {
        return Some(text::HEX);
    }
    if !is_protected(project, tag) {
        return None;
    }
    match change {
        Change::Move => Some(text::UPDATE_PROTECTED),
        Change::Delete if role < Some(AccessLevel::Maintainer) => Some(text::DELETE_PROTECTED),
        Change::Delete if way == Way::Push => Some(text::WEB_ONLY),
        Change::Create | Change::Delete => (!may_create(project, user, role, tag)).then_some(text::CREATE_PROTECTED),
    }
}

fn may_create(project: &Project, user: &User, role: Option<AccessLevel>, tag: &str) -> bool {
    let mut covering = project.protected_tags.iter().filter(|protection| protection.covers(tag));
    covering.any(|protection| {
        protection.create.iter().any(|grant| match (grant.user_id, grant.access_level) {
            (Some(id), _) => id == user.id,
            (None, 0) => false,
            (None, 60) => user.admin,
            (None, level) => role.is_some_and(|role| u8::from(role) >= level),
        })
    })
}

fn begins_like_a_commit(tag: &str) -> bool {
    tag.len() >= 40 && tag.bytes().take(40).all(|byte| byte.is_ascii_hexdigit())
}
