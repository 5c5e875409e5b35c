//! Deploy tokens: a name and a secret with which machines read repositories. They are no users, and the API knows none.

use jiff::Timestamp;

use super::groups::Namespaces;
use super::projects::Project;
use super::table::Table;

/// What a deploy token may be given.
pub const SCOPES: [&str; 7] = [
    "read_repository",
    "read_registry",
    "write_registry",
    "read_package_registry",
    "write_package_registry",
    "read_virtual_registry",
    "write_virtual_registry",
];

/// One deploy token.
#[derive(Debug, Clone)]
pub struct DeployToken {
    /// Numeric id.
    pub id: u64,
    /// What it is for.
    pub holder: Holder,
    /// Display name.
    pub name: String,
    /// The name that goes with the secret.
    pub username: String,
    /// The secret.
    pub secret: String,
    /// Out of [`SCOPES`].
    pub scopes: Vec<String>,
    /// When it dies.
    pub expires_at: Option<Timestamp>,
    /// Revoked by deletion.
    pub revoked: bool,
}

/// What a deploy token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// This project.
    Project(u64),
    /// All projects of this group and below.
    Group(u64),
}

impl DeployToken {
    /// Whether it is past its time.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether it can be used.
    pub fn is_active(&self, now: Timestamp) -> bool {
        !self.revoked && !self.is_expired(now)
    }

    /// Whether it is good for this project.
    pub fn reaches(&self, namespaces: &Namespaces, project: &Project) -> bool {
        match self.holder {
            Holder::Project(id) => id == project.id,
            Holder::Group(id) => namespaces.is_within(project.namespace_id, id),
        }
    }

    /// Whether it may read code.
    pub fn reads_code(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "read_repository")
    }
}

/// All deploy tokens.
#[derive(Debug, Default)]
pub struct DeployTokens {
    /// Rows by id.
    pub table: Table<DeployToken>,
}

impl DeployTokens {
    /// The token with this name and secret, dead or alive.
    pub fn by_credentials(&self, username: &str, secret: &str) -> Option<&DeployToken> {
        self.table.iter().find(|token| token.secret == secret && token.username == username)
    }
}
