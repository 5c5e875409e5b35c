//! The handle with which a test changes the world past the API, and looks at what happened.
//!
//! The same over HTTP, for other processes, is `control`.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use serde::{Deserialize, Serialize};

use crate::api::oauth;
use crate::app::App;
use crate::committing::{self, CommitError, GuardedAction, Order, Overwrite, Start};
use crate::events::Event;
use crate::git::actions::Action;
use crate::git::refs;
use crate::pushes;
use crate::server::fault::Fault;
use crate::server::log::RequestLog;
use crate::telling;
use crate::world::PathError;
use crate::world::access::{AccessLevel, Visibility};
use crate::world::applications::Application;
use crate::world::groups::Group;
use crate::world::members::{Member, Source};
use crate::world::projects::Project;
use crate::world::settings::Settings;
use crate::world::table::Table;
use crate::world::tokens::{Token, TokenKind};
use crate::world::users::{User, UserKind, UserState};

/// The handle. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    app: Arc<App>,
}

/// A user to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSpec {
    /// Login.
    pub username: String,
    /// Display name; made from the login when empty.
    pub name: String,
    /// What sort of account.
    pub kind: UserKind,
    /// Whether it administers the instance.
    pub admin: bool,
    /// Whether it is external.
    pub external: bool,
}

impl UserSpec {
    /// A person of this login.
    pub fn person(username: &str) -> Self {
        Self { username: username.into(), ..Self::default() }
    }

    /// An administrator of this login.
    pub fn administrator(username: &str) -> Self {
        Self { username: username.into(), admin: true, ..Self::default() }
    }
}

/// A project to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSpec {
    /// Full path. Groups on the way are made when they are missing.
    pub path: String,
    /// Who may see it.
    #[serde(default)]
    pub visibility: Visibility,
    /// Default branch; the instance's when none is given.
    #[serde(default)]
    pub default_branch: Option<String>,
    /// Who makes it, and becomes its owner's equal; the first user when none is given.
    #[serde(default)]
    pub creator_id: Option<u64>,
    /// What it was forked from.
    #[serde(default)]
    pub forked_from: Option<u64>,
}

impl ProjectSpec {
    /// A private project at this full path.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.into(),
            visibility: Visibility::Private,
            default_branch: None,
            creator_id: None,
            forked_from: None,
        }
    }

    /// The same for everybody to see.
    #[must_use]
    pub fn public(mut self) -> Self {
        self.visibility = Visibility::Public;
        self
    }
}

/// A token to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSpec {
    /// Whose rights it carries. For project and group tokens a bot is made when this is 0.
    pub user_id: u64,
    /// What it is for.
    pub kind: TokenKind,
    /// Display name.
    pub name: String,
    /// Scopes; `["granular"]` with permissions for a fine-grained token.
    pub scopes: Vec<String>,
    /// Permissions of a fine-grained token.
    pub permissions: Vec<String>,
    /// Role of the bot; Maintainer when none is given.
    pub access_level: Option<AccessLevel>,
    /// The day on which it dies; in a year when none is given.
    pub expires_at: Option<Date>,
    /// The secret; made up when none is given.
    pub secret: Option<String>,
}

impl TokenSpec {
    /// A personal token with these scopes.
    pub fn personal(user_id: u64, scopes: &[&str]) -> Self {
        let scopes = scopes.iter().map(|&scope| scope.to_owned()).collect();
        Self { user_id, name: "test token".into(), scopes, ..Self::default() }
    }

    /// A project token with these scopes and its own bot.
    pub fn project(project_id: u64, scopes: &[&str]) -> Self {
        Self { kind: TokenKind::Project(project_id), ..Self::personal(0, scopes) }
    }

    /// A group token with these scopes and its own bot.
    pub fn group(group_id: u64, scopes: &[&str]) -> Self {
        Self { kind: TokenKind::Group(group_id), ..Self::personal(0, scopes) }
    }

    /// A fine-grained token with these permissions.
    pub fn granular(user_id: u64, permissions: &[&str]) -> Self {
        let permissions = permissions.iter().map(|&permission| permission.to_owned()).collect();
        Self { permissions, ..Self::personal(user_id, &["granular"]) }
    }
}

/// An OAuth application to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplicationSpec {
    /// Display name.
    pub name: String,
    /// Where codes may be sent.
    pub redirect_uris: Vec<String>,
    /// Scopes that it may ask for; the first is what it gets when it does not say.
    pub scopes: Vec<String>,
    /// Whether it can keep a secret.
    #[serde(default)]
    pub confidential: bool,
}

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

/// Why the world could not be changed that way.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The path of a project.
    #[error("the project could not be placed")]
    Path(#[from] PathError),
    /// Something that is not there.
    #[error("there is no {what} `{which}`")]
    Missing {
        /// What was looked for.
        what: &'static str,
        /// Under which name or id.
        which: String,
    },
    /// The repository.
    #[error("the repository refused")]
    Git(#[from] git2::Error),
    /// A commit.
    #[error("the commit could not be made")]
    Commit(#[from] CommitError),
}

impl Admin {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// The instance itself, for everything this handle has no word for.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The log of requests.
    pub fn log(&self) -> &RequestLog {
        &self.app.log
    }

    /// Plans a fault.
    pub fn fault(&self, fault: Fault) {
        self.app.faults.add(fault);
    }

    /// Drops all planned faults.
    pub fn clear_faults(&self) {
        self.app.faults.clear();
    }

    /// Moves the instance's clock.
    pub fn advance_clock(&self, by: SignedDuration) {
        self.app.clock.advance(by);
    }

    /// Stops the instance's clock, so that no limit's period ends in the middle of a test. It can still be moved.
    pub fn stop_clock(&self) {
        self.app.clock.stop();
    }

    /// Changes the switches.
    pub fn settings(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.app.world_mut().settings);
    }

    /// Adds a user and its personal namespace.
    pub fn create_user(&self, spec: UserSpec) -> User {
        let user = self.add_user(spec);
        telling::user(&self.app, &user, "user_create");
        user
    }

    fn add_user(&self, spec: UserSpec) -> User {
        let now = self.app.now();
        add_user(&mut self.app.world_mut(), spec, now)
    }

    /// Adds a group, and those above it that are missing. An existing one is left as it is.
    pub fn create_group(&self, full_path: &str, visibility: Visibility) -> u64 {
        let now = self.app.now();
        let mut world = self.app.world_mut();
        let mut parent = None;
        let mut so_far = String::new();
        for part in full_path.split('/') {
            so_far = if so_far.is_empty() { part.to_owned() } else { format!("{so_far}/{part}") };
            let known = world.namespaces.group_by_path(&so_far).map(|group| group.id);
            let above = parent;
            parent = Some(known.unwrap_or_else(|| {
                world.namespaces.add_group(|id| Group {
                    id,
                    parent_id: above,
                    name: part.to_owned(),
                    path: part.to_owned(),
                    description: String::new(),
                    visibility,
                    created_at: now,
                    marked_for_deletion_on: None,
                })
            }));
        }
        parent.unwrap_or_default()
    }

    /// Adds a project with an empty repository.
    pub fn create_project(&self, spec: &ProjectSpec) -> Result<Project, AdminError> {
        let (above, path) = spec.path.rsplit_once('/').ok_or_else(|| missing("namespace of", &spec.path))?;
        let known = self.app.world().namespace_by_path(above);
        let namespace_id = known.unwrap_or_else(|| self.create_group(above, spec.visibility));
        let now = self.app.now();
        let mut world = self.app.world_mut();
        let creator = spec.creator_id.or_else(|| world.users.table.iter().next().map(|user| user.id));
        let branch = spec.default_branch.clone().unwrap_or_else(|| world.settings.default_branch_name.clone());
        let id = world.add_project(|id| Project {
            id,
            namespace_id,
            name: path.to_owned(),
            path: path.to_owned(),
            description: None,
            visibility: spec.visibility,
            default_branch: branch.clone(),
            archived: false,
            marked_for_deletion_on: None,
            creator_id: creator.unwrap_or_default(),
            created_at: now,
            updated_at: now,
            last_activity_at: now,
            topics: Vec::new(),
            forked_from: spec.forked_from,
            lfs_enabled: true,
            repository_enabled: true,
            protected_branches: Table::default(),
            settings: std::collections::BTreeMap::new(),
        })?;
        self.app.repositories.init(id, &branch)?;
        let project = world.projects.get(id).cloned().ok_or(PathError::NoProject(id))?;
        drop(world);
        self.app.events.tell(&Event::ProjectCreated { project_id: id });
        Ok(project)
    }

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

    /// Protects a branch or pattern: who may push and merge (0, 30, 40).
    pub fn protect_branch(&self, project_id: u64, name: &str, push: u8, merge: u8) {
        pushes::protect(&mut self.app.world_mut(), project_id, name, push, merge);
    }

    /// Where the bare repository of a project is on disk.
    pub fn repository_path(&self, project_id: u64) -> PathBuf {
        self.app.repositories.path(project_id)
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
        // Permissions and archiving do not bind the test's hand.
        let project = Project { archived: false, protected_branches: Table::default(), ..project };
        Ok((project, User { admin: true, ..user }, order))
    }

    /// Renames or transfers a project; the old path redirects from then on.
    pub fn move_project(&self, id: u64, new_full_path: &str) -> Result<(), AdminError> {
        let (above, path) = new_full_path.rsplit_once('/').ok_or_else(|| missing("namespace of", new_full_path))?;
        let known = self.app.world().namespace_by_path(above);
        let namespace_id = known.unwrap_or_else(|| self.create_group(above, Visibility::Private));
        Ok(self.app.world_mut().move_project(id, namespace_id, path)?)
    }

    /// Changes what is known of a project beside its path.
    pub fn change_project(&self, id: u64, change: impl FnOnce(&mut Project)) -> Result<(), AdminError> {
        let mut world = self.app.world_mut();
        let project = world.projects.get_mut(id).ok_or_else(|| missing("project", &id.to_string()))?;
        change(project);
        Ok(())
    }

    /// Changes what is known of a user.
    pub fn change_user(&self, id: u64, change: impl FnOnce(&mut User)) -> Result<(), AdminError> {
        let mut world = self.app.world_mut();
        let user = world.users.table.get_mut(id).ok_or_else(|| missing("user", &id.to_string()))?;
        change(user);
        Ok(())
    }

    /// Adds a member or changes its role.
    pub fn add_member(&self, source: Source, user_id: u64, access_level: AccessLevel) {
        let created_at = self.app.now();
        let member = Member { source, user_id, access_level, created_at, created_by: None, expires_at: None };
        self.app.world_mut().members.set(member);
    }

    /// Ends a membership.
    pub fn remove_member(&self, source: Source, user_id: u64) {
        self.app.world_mut().members.remove(source, user_id);
    }

    /// Adds a token, and a bot for it when it is for a project or group.
    pub fn create_token(&self, spec: TokenSpec) -> Token {
        let now = self.app.now();
        let today = self.app.clock.today();
        let mut world = self.app.world_mut();
        let days = i64::from(world.settings.token_lifetime_days);
        let user_id = if spec.user_id == 0 { add_bot(&mut world, &spec, now) } else { spec.user_id };
        let secret = spec.secret.unwrap_or_else(|| world.dice.token("glpat-"));
        let expires_at = spec.expires_at.or_else(|| today.checked_add(days.days()).ok());
        let build = |id| Token {
            id,
            user_id,
            kind: spec.kind,
            name: spec.name,
            description: None,
            secret,
            scopes: spec.scopes,
            permissions: spec.permissions,
            created_at: now,
            expires_at,
            revoked: false,
            last_used_at: None,
            family: 0,
        };
        world.tokens.add(build).clone()
    }

    /// Adds an OAuth application that can keep a secret (`confidential`) or cannot.
    pub fn create_application(&self, spec: &ApplicationSpec) -> Application {
        let redirect_uris: Vec<&str> = spec.redirect_uris.iter().map(String::as_str).collect();
        let scopes: Vec<&str> = spec.scopes.iter().map(String::as_str).collect();
        oauth::add(&mut self.app.world_mut(), &spec.name, &redirect_uris, &scopes, spec.confidential)
    }

    /// Revokes a token.
    pub fn revoke_token(&self, id: u64) {
        if let Some(token) = self.app.world_mut().tokens.get_mut(id) {
            token.revoked = true;
        }
    }
}

fn missing(what: &'static str, which: &str) -> AdminError {
    AdminError::Missing { what, which: which.to_owned() }
}

/// Adds a user and its personal namespace.
pub(crate) fn add_user(world: &mut crate::world::World, spec: UserSpec, now: jiff::Timestamp) -> User {
    let id = world.users.table.next_id();
    let namespace_id = world.namespaces.add_personal(id);
    let user = User {
        id,
        email: format!("{}@example.test", spec.username),
        name: if spec.name.is_empty() { spec.username.clone() } else { spec.name },
        username: spec.username,
        public_email: String::new(),
        state: UserState::Active,
        kind: spec.kind,
        admin: spec.admin,
        external: spec.external,
        projects_limit: 100_000,
        created_at: now,
        namespace_id,
    };
    world.users.table.put(id, user.clone());
    user
}

/// Adds the bot of a project or group token and makes it a member.
pub(crate) fn add_bot(world: &mut crate::world::World, spec: &TokenSpec, now: jiff::Timestamp) -> u64 {
    let (word, id, kind, source) = match spec.kind {
        TokenKind::Project(id) => ("project", id, UserKind::ProjectBot, Source::Project(id)),
        TokenKind::Group(id) => ("group", id, UserKind::GroupBot, Source::Group(id)),
        TokenKind::Personal | TokenKind::Impersonation => return 0,
    };
    let username = format!("{word}_{id}_bot_{}", world.dice.hex(16));
    let bot = UserSpec { username, name: spec.name.clone(), kind, external: true, ..UserSpec::default() };
    let user = add_user(world, bot, now);
    if let Some(user) = world.users.table.get_mut(user.id) {
        user.email = format!("{}@noreply.127.0.0.1", user.username);
    }
    let access_level = spec.access_level.unwrap_or(AccessLevel::Maintainer);
    world.members.set(Member {
        source,
        user_id: user.id,
        access_level,
        created_at: now,
        created_by: None,
        expires_at: None,
    });
    user.id
}
