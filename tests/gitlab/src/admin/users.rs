//! Users and members, by a test's hand.

use serde::{Deserialize, Serialize};

use super::{Admin, AdminError, missing};
use crate::telling;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::members::{Member, Source};
use crate::world::users::{User, UserKind, UserState};

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

impl Admin {
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
}

/// Adds a user and its personal namespace.
pub(crate) fn add_user(world: &mut World, spec: UserSpec, now: jiff::Timestamp) -> User {
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
