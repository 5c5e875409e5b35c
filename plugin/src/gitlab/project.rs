//! Projects and their branches: finding, looking, creating.

use serde::Serialize;

use super::client::{Client, json};
use super::commit::Commit;
use super::role::Role;
use crate::error::{Code, Error};
use crate::json;
use crate::request::{Request, Target};

/// Of one page; projects come with every field, so fewer than GitLab's 100.
const PROJECTS: &str = "50";
const BRANCHES: &str = "100";
/// Who may push.
const DEVELOPER_LEVEL: &str = "30";

/// What we read of a project. It can carry `runners_token`, which is not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Project {
    /// Numeric; the only identity that lasts.
    pub id: u64,
    /// With the group: `group/project`.
    pub path_with_namespace: String,
    /// For people.
    pub name: String,
    /// None while there is no branch.
    pub default_branch: Option<String>,
    /// For people to click on.
    pub web_url: String,
    /// Cannot be written.
    pub archived: bool,
    /// There is no commit yet.
    pub empty_repo: bool,
    /// `disabled`, `private` or `enabled`.
    pub repository_access_level: Option<String>,
    /// A date, when it will be deleted.
    pub marked_for_deletion_on: Option<String>,
    /// `sha1`, or `sha256`, or missing on older servers.
    pub repository_object_format: Option<String>,
    permissions: Option<Permissions>,
}

/// What the token's user may do, as a member of the project and of its group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Permissions {
    project_access: Option<Membership>,
    group_access: Option<Membership>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Membership {
    access_level: u64,
}

json::object!(Project {
    id, path_with_namespace;
    name, default_branch, web_url, archived, empty_repo, repository_access_level, marked_for_deletion_on,
    repository_object_format, permissions
});
json::object!(Permissions { ; project_access, group_access });
json::object!(Membership { access_level; });
json::object!(Branch { name, commit; default, can_push, protected });
json::object!(Namespace { id; });

impl Project {
    /// The higher of the user's two roles. None: it is no member, or an administrator.
    pub fn role(&self) -> Option<Role> {
        let permissions = self.permissions.as_ref()?;
        let both = [&permissions.project_access, &permissions.group_access];
        both.into_iter().flatten().map(|membership| membership.access_level).max().map(Role::of)
    }

    /// Whether the role allows it. False where that is not known.
    pub fn may_write(&self) -> bool {
        self.role() >= Some(Role::Developer)
    }

    /// Why it cannot be synced.
    pub fn obstacle(&self) -> Option<Code> {
        if self.marked_for_deletion_on.is_some() {
            return Some(Code::ProjectPendingDeletion);
        }
        if self.archived {
            return Some(Code::ProjectArchived);
        }
        if self.repository_access_level.as_deref() == Some("disabled") {
            return Some(Code::RepositoryDisabled);
        }
        (self.repository_object_format.as_deref() == Some("sha256")).then_some(Code::RepositoryUnsupported)
    }
}

/// What we read of a branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// Without `refs/heads/`.
    pub name: String,
    /// Its head.
    pub commit: Commit,
    /// Of the project.
    pub default: bool,
    /// Whether the token may push to it.
    pub can_push: bool,
    /// Whether a protection says who may push.
    pub protected: bool,
}

#[derive(Serialize)]
struct NewProject<'a> {
    name: &'a str,
    visibility: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_id: Option<u64>,
}

/// What we read of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// Numeric.
    pub id: u64,
}

/// One project by its number.
pub fn project(id: u64) -> Target {
    Target::project(id, "")
}

/// One branch.
pub fn branch(project: u64, name: &str) -> Target {
    Target::project(project, "repository/branches").part(name)
}

/// Projects the token can push to, newest first; empty `search` for all.
pub fn projects(search: &str) -> Target {
    let target = Target::api("projects")
        .query("membership", "true")
        .query("min_access_level", DEVELOPER_LEVEL)
        .query("archived", "false")
        .query("order_by", "id")
        .query("sort", "desc")
        .query("pagination", "keyset")
        .query("per_page", PROJECTS);
    if search.is_empty() {
        return target;
    }
    target.query("search", search).query("search_namespaces", "true")
}

/// Those with this in their name or path, archived ones too.
pub fn alike(name: &str) -> Target {
    Target::api("projects").query("membership", "true").query("search", name).query("per_page", PROJECTS)
}

/// Branches by name; empty `search` for all.
pub fn branch_list(project: u64, search: &str) -> Target {
    let target = Target::project(project, "repository/branches").query("per_page", BRANCHES);
    if search.is_empty() { target } else { target.query("search", search) }
}

/// A group by its path.
pub fn namespace(path: &str) -> Target {
    Target::api("namespaces").part(path)
}

/// Makes a private project, without any commit, in a group or else in the namespace of the token's user.
pub fn creation(client: &Client<'_>, name: &str, namespace_id: Option<u64>) -> Request {
    let body = serde_json::to_vec(&NewProject { name, visibility: "private", namespace_id }).expect("plain data");
    Request::post(client.instance, Target::api("projects"), body)
}

/// A new private project.
pub fn create(client: &Client<'_>, name: &str, namespace_id: Option<u64>) -> Result<Project, Error> {
    let request = creation(client, name, namespace_id);
    let reply = client.send(&request)?;
    json(&request, &reply)
}

/// Who has the name, or the path that GitLab would make of it, in this namespace.
pub fn namesake(client: &Client<'_>, name: &str, namespace: &str) -> Result<Option<Project>, Error> {
    let projects: Vec<Project> = client.read(alike(name))?;
    let path = path_of(name);
    let is_it = |project: &Project| {
        let Some((place, last)) = project.path_with_namespace.rsplit_once('/') else { return false };
        place.eq_ignore_ascii_case(namespace) && (project.name == name || last.eq_ignore_ascii_case(&path))
    };
    Ok(projects.into_iter().find(is_it))
}

/// As GitLab does it: small letters, and one dash for all that is between words.
fn path_of(name: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = name.split(|letter| !is_word(letter)).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}
