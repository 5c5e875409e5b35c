//! People, bots and service accounts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::table::Table;

/// One account.
#[derive(Debug, Clone)]
pub struct User {
    /// Numeric id.
    pub id: u64,
    /// Login, unique without regard to case.
    pub username: String,
    /// Display name.
    pub name: String,
    /// Primary e-mail.
    pub email: String,
    /// E-mail shown to others, often empty.
    pub public_email: String,
    /// Whether the account may be used.
    pub state: UserState,
    /// What sort of account it is.
    pub kind: UserKind,
    /// Whether it administers the instance.
    pub admin: bool,
    /// External users do not see internal projects.
    pub external: bool,
    /// How many personal projects it may create.
    pub projects_limit: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its personal namespace. Bots have none that anyone can create in.
    pub namespace_id: u64,
}

/// What sort of account this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person.
    #[default]
    Human,
    /// The user behind a project access token.
    ProjectBot,
    /// The user behind a group access token.
    GroupBot,
    /// A service account.
    ServiceAccount,
}

/// Whether an account may be used, and why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// May sign in.
    #[default]
    Active,
    /// Blocked by an administrator.
    Blocked,
    /// Waits for approval.
    BlockedPendingApproval,
    /// Put to sleep by an administrator.
    Deactivated,
}

impl UserState {
    /// The word of the user entity.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Blocked => "blocked",
            Self::BlockedPendingApproval => "blocked_pending_approval",
            Self::Deactivated => "deactivated",
        }
    }
}

impl User {
    /// The `bot` flag: true for token bots and for service accounts.
    pub fn is_bot(&self) -> bool {
        self.kind != UserKind::Human
    }

    /// Where its picture is: at the public service that a fresh installation uses, under a digest of the e-mail.
    pub fn avatar_url(&self) -> String {
        let digest = Sha256::digest(self.email.trim().to_lowercase());
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("https://www.gravatar.com/avatar/{digest}?s=80&d=identicon")
    }

    /// The e-mail that API commits carry when none is given.
    pub fn commit_email(&self) -> &str {
        &self.email
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub struct Users {
    /// Rows by id.
    pub table: Table<User>,
}

impl Users {
    /// The user with this id.
    pub fn get(&self, id: u64) -> Option<&User> {
        self.table.get(id)
    }

    /// The user of this name, without regard to case.
    pub fn by_username(&self, username: &str) -> Option<&User> {
        self.table.iter().find(|user| user.username.eq_ignore_ascii_case(username))
    }
}
