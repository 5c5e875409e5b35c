//! Commits, by a test's hand: past all permissions.

use std::collections::BTreeMap;

use super::{Admin, AdminError, missing};
use crate::committing::{self, GuardedAction, Order, Overwrite, Start};
use crate::git::actions::Action;
use crate::git::refs;
use crate::world::projects::Project;
use crate::world::table::Table;
use crate::world::users::User;

/// A commit to be, past all permissions.
#[derive(Debug, Clone)]
pub struct CommitSpec {
    /// On which branch. An empty repository gets it.
    pub branch: String,
    /// Full message.
    pub message: String,
    /// By whom; the project's creator when none is given.
    pub user_id: Option<u64>,
    /// The actions, in order.
    pub actions: Vec<Action>,
}

impl CommitSpec {
    /// A commit on this branch.
    pub fn on(branch: &str, message: &str) -> Self {
        Self { branch: branch.into(), message: message.into(), user_id: None, actions: Vec::new() }
    }

    /// By this user.
    #[must_use]
    pub fn by(mut self, user_id: u64) -> Self {
        self.user_id = Some(user_id);
        self
    }

    /// A further new file.
    #[must_use]
    pub fn create(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.action(Action::Create { path: path.into(), content: content.into(), executable: false })
    }

    /// A further changed file.
    #[must_use]
    pub fn update(self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.action(Action::Update { path: path.into(), content: content.into() })
    }

    /// A further deleted file.
    #[must_use]
    pub fn delete(self, path: &str) -> Self {
        self.action(Action::Delete { path: path.into() })
    }

    /// A further renamed file.
    #[must_use]
    pub fn rename(self, from: &str, to: &str) -> Self {
        self.action(Action::Move { from: from.into(), to: to.into(), content: None })
    }

    /// Any further action.
    #[must_use]
    pub fn action(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }
}

impl Admin {
    /// Makes a commit and tells of it as of any other; its id. Blocks while git works.
    pub fn commit(&self, project_id: u64, spec: CommitSpec) -> Result<String, AdminError> {
        let (project, user, order) = self.order(project_id, spec)?;
        Ok(committing::commit(&self.app, &project, &user, &order)?.to_string())
    }

    /// Lets this commit land in the middle of the next API commit on its branch, between reading the branch and moving it.
    pub fn land_during_next_commit(&self, project_id: u64, spec: CommitSpec) -> Result<(), AdminError> {
        let (project, user, order) = self.order(project_id, spec)?;
        self.app.rivals.plan(project.id, user, order);
        Ok(())
    }

    fn order(&self, project_id: u64, spec: CommitSpec) -> Result<(Project, User, Order), AdminError> {
        let world = self.app.world();
        let project =
            world.projects.get(project_id).ok_or_else(|| missing("project", &project_id.to_string()))?.clone();
        let user = spec.user_id.unwrap_or(project.creator_id);
        let user = world.users.get(user).ok_or_else(|| missing("user", &user.to_string()))?.clone();
        drop(world);
        let known = self.app.repositories.with(project_id, refs::branches)?;
        let start = if known.is_empty() || known.iter().any(|(name, _)| *name == spec.branch) {
            Start::Target
        } else {
            Start::Branch(project.default_branch.clone())
        };
        let guard = |action| GuardedAction { action, last_commit_id: None };
        let order = Order {
            branch: spec.branch,
            start,
            overwrite: Overwrite::Refuse,
            message: spec.message,
            author: (None, None),
            actions: spec.actions.into_iter().map(guard).collect(),
            chain: None,
        };
        // Permissions, rules and archiving do not bind the test's hand.
        let (protected_branches, settings) = (Table::default(), BTreeMap::new());
        let project = Project { archived: false, protected_branches, push_rule: None, settings, ..project };
        Ok((project, User { admin: true, ..user }, order))
    }
}
