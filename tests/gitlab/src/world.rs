//! Everything the instance knows beside the contents of repositories.
//!
//! One struct behind one lock, one file per noun under `world/`. Requests hold the lock for map look-ups only and never
//! while git works. A further noun (hooks, merge requests, OAuth applications, ...) is a further field here.

pub mod access;
pub mod applications;
pub mod deploy_tokens;
pub mod deployments;
pub mod dice;
pub mod groups;
pub mod labels;
pub mod members;
pub mod merge_requests;
pub mod oauth_tokens;
pub mod pipelines;
pub mod projects;
pub mod protected_branches;
pub mod protected_tags;
pub mod push_rules;
pub mod settings;
pub mod table;
pub mod tokens;
pub mod users;

use jiff::Timestamp;

use crate::hooks::hook::Hooks;
use access::{AccessLevel, Visibility};
use applications::Applications;
use deploy_tokens::DeployTokens;
use deployments::Deployments;
use dice::Dice;
use groups::{NamespaceKind, Namespaces};
use labels::Labels;
use members::{Members, Source};
use merge_requests::MergeRequests;
use oauth_tokens::OAuthTokens;
use pipelines::Pipelines;
use projects::{Project, Projects};
use settings::Settings;
use tokens::Tokens;
use users::{User, Users};

/// The state of the instance.
#[derive(Debug)]
pub struct World {
    /// Version, tier, limits and other switches.
    pub settings: Settings,
    /// Where secrets and bot names come from.
    pub dice: Dice,
    /// Accounts.
    pub users: Users,
    /// Groups and personal namespaces.
    pub namespaces: Namespaces,
    /// Projects.
    pub projects: Projects,
    /// Memberships.
    pub members: Members,
    /// Personal, project and group access tokens.
    pub tokens: Tokens,
    /// Deploy tokens.
    pub deploy_tokens: DeployTokens,
    /// OAuth access tokens.
    pub oauth_tokens: OAuthTokens,
    /// Merge requests.
    pub merge_requests: MergeRequests,
    /// Labels.
    pub labels: Labels,
    /// Pipelines and commit statuses.
    pub pipelines: Pipelines,
    /// Deployments.
    pub deployments: Deployments,
    /// OAuth applications and their grants.
    pub applications: Applications,
    /// Webhooks.
    pub hooks: Hooks,
    /// Ids of access-list lines of protected branches.
    pub last_branch_grant: u64,
}

/// Why a project cannot have the path it should get.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// Another project has it.
    #[error("`{0}` has already been taken")]
    Taken(String),
    /// There is no such project.
    #[error("there is no project `{0}`")]
    NoProject(u64),
}

impl World {
    /// An empty world.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            dice: Dice::new(seed),
            users: Users::default(),
            namespaces: Namespaces::default(),
            projects: Projects::default(),
            members: Members::default(),
            tokens: Tokens::default(),
            deploy_tokens: DeployTokens::default(),
            oauth_tokens: OAuthTokens::default(),
            merge_requests: MergeRequests::default(),
            labels: Labels::default(),
            pipelines: Pipelines::default(),
            deployments: Deployments::default(),
            applications: Applications::default(),
            hooks: Hooks::default(),
            last_branch_grant: 0,
        }
    }

    /// The full path of any namespace.
    pub fn namespace_path(&self, id: u64) -> String {
        match self.namespaces.kind(id) {
            Some(NamespaceKind::User(user)) => {
                self.users.get(user).map(|user| user.username.clone()).unwrap_or_default()
            }
            _ => self.namespaces.group_full_path(id),
        }
    }

    /// The full name of any namespace.
    pub fn namespace_name(&self, id: u64) -> String {
        match self.namespaces.kind(id) {
            Some(NamespaceKind::User(user)) => self.users.get(user).map(|user| user.name.clone()).unwrap_or_default(),
            _ => self.namespaces.group_full_name(id),
        }
    }

    /// The namespace of this full path, without regard to case.
    pub fn namespace_by_path(&self, full_path: &str) -> Option<u64> {
        let group = self.namespaces.group_by_path(full_path).map(|group| group.id);
        group.or_else(|| self.users.by_username(full_path).map(|user| user.namespace_id))
    }

    /// `namespace/project`.
    pub fn project_path(&self, project: &Project) -> String {
        format!("{}/{}", self.namespace_path(project.namespace_id), project.path)
    }

    /// Adds the project that `build` makes for the next id, unless its path is taken.
    pub fn add_project(&mut self, build: impl FnOnce(u64) -> Project) -> Result<u64, PathError> {
        let id = self.projects.table.next_id();
        let project = build(id);
        let key = self.project_path(&project).to_lowercase();
        if self.projects.by_path.contains_key(&key) {
            return Err(PathError::Taken(key));
        }
        // A new project takes the path over from one that moved away.
        self.projects.moved.remove(&key);
        self.projects.by_path.insert(key, id);
        self.projects.table.put(id, project);
        Ok(id)
    }

    /// Renames or transfers a project. The old path redirects until somebody takes it.
    pub fn move_project(&mut self, id: u64, namespace_id: u64, path: &str) -> Result<(), PathError> {
        let project = self.projects.get(id).ok_or(PathError::NoProject(id))?;
        let old = self.project_path(project).to_lowercase();
        let new = format!("{}/{path}", self.namespace_path(namespace_id)).to_lowercase();
        if new != old && self.projects.by_path.contains_key(&new) {
            return Err(PathError::Taken(new));
        }
        self.projects.by_path.remove(&old);
        self.projects.moved.insert(old, id);
        self.projects.moved.remove(&new);
        self.projects.by_path.insert(new, id);
        if let Some(project) = self.projects.get_mut(id) {
            project.namespace_id = namespace_id;
            path.clone_into(&mut project.path);
        }
        Ok(())
    }

    /// Files the projects below a group that has another path now. Their old paths redirect, as those of moved projects do.
    pub fn move_projects_of(&mut self, old_path: &str) {
        let below = format!("{}/", old_path.to_lowercase());
        let moved: Vec<(String, u64)> = {
            let known = self.projects.by_path.iter().filter(|(path, _)| path.starts_with(&below));
            known.map(|(path, id)| (path.clone(), *id)).collect()
        };
        for (old, id) in moved {
            let Some(new) = self.projects.get(id).map(|project| self.project_path(project).to_lowercase()) else {
                continue;
            };
            self.projects.by_path.remove(&old);
            self.projects.moved.insert(old, id);
            self.projects.moved.remove(&new);
            self.projects.by_path.insert(new, id);
        }
    }

    /// Takes a project out for good.
    pub fn remove_project(&mut self, id: u64) -> Option<Project> {
        let key = self.project_path(self.projects.get(id)?).to_lowercase();
        self.projects.by_path.remove(&key);
        self.projects.moved.retain(|_, target| *target != id);
        self.members.remove_source(Source::Project(id));
        self.projects.table.remove(id)
    }

    /// The highest role of a user in a project: own, inherited from groups, or as owner of the namespace.
    pub fn project_role(&self, user_id: u64, project: &Project) -> Option<AccessLevel> {
        if self.namespaces.kind(project.namespace_id) == Some(NamespaceKind::User(user_id)) {
            return Some(AccessLevel::Owner);
        }
        let own = self.members.get(Source::Project(project.id), user_id).map(|member| member.access_level);
        own.max(self.group_role(user_id, project.namespace_id))
    }

    /// The highest role of a user in a group, inherited from the groups above included.
    pub fn group_role(&self, user_id: u64, group_id: u64) -> Option<AccessLevel> {
        let lineage = self.namespaces.lineage(group_id);
        lineage
            .iter()
            .filter_map(|group| self.members.get(Source::Group(group.id), user_id))
            .map(|m| m.access_level)
            .max()
    }

    /// Whether a project is visible at all.
    pub fn sees_project(&self, user: Option<&User>, project: &Project) -> bool {
        let by_right = |user: &User| user.admin || self.project_role(user.id, project).is_some();
        sees(project.visibility, user) || user.is_some_and(by_right)
    }

    /// Whether a group is visible at all.
    pub fn sees_group(&self, user: Option<&User>, group_id: u64) -> bool {
        let Some(group) = self.namespaces.group(group_id) else { return false };
        let by_right = |user: &User| user.admin || self.group_role(user.id, group_id).is_some();
        sees(group.visibility, user) || user.is_some_and(|user| by_right(user) || self.works_below(user.id, group_id))
    }

    /// Notes that something happened in a project.
    pub fn touch_project(&mut self, id: u64, now: Timestamp) {
        if let Some(project) = self.projects.get_mut(id) {
            project.last_activity_at = now;
            project.updated_at = now;
        }
    }

    /// Members of a project or subgroup see the groups above it.
    fn works_below(&self, user_id: u64, group_id: u64) -> bool {
        self.members.of_user(user_id).any(|member| match member.source {
            Source::Group(id) => self.namespaces.is_within(id, group_id),
            Source::Project(id) => {
                self.projects.get(id).is_some_and(|project| self.namespaces.is_within(project.namespace_id, group_id))
            }
        })
    }
}

fn sees(visibility: Visibility, user: Option<&User>) -> bool {
    match visibility {
        Visibility::Public => true,
        Visibility::Internal => user.is_some_and(|user| !user.external),
        Visibility::Private => false,
    }
}
