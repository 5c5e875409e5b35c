//! Personal, impersonation, project and group access tokens. GitLab keeps all of them in one table, so do we.
//!
//! OAuth access tokens are in `oauth_tokens`: they live by other rules.

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::table::Table;

/// One token with its secret.
#[derive(Debug, Clone)]
pub struct Token {
    /// Numeric id.
    pub id: u64,
    /// Whose rights it carries: a person, a bot, a service account.
    pub user_id: u64,
    /// What it was made for.
    pub kind: TokenKind,
    /// Display name.
    pub name: String,
    /// Free text; null when none was given.
    pub description: Option<String>,
    /// The secret, in clear: the simulator has no one to hide it from.
    pub secret: String,
    /// Scopes as given. Exactly `["granular"]` for fine-grained tokens.
    pub scopes: Vec<String>,
    /// Permissions of a fine-grained token, such as `Repository: Read`.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The day on which it dies, at 00:00 UTC.
    pub expires_at: Option<Date>,
    /// Revoked by hand, by rotation or because its family was.
    pub revoked: bool,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
    /// The id of the first token in the line of rotations.
    pub family: u64,
}

/// What a token was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// By a user for itself, or for a service account.
    #[default]
    Personal,
    /// By an administrator in the name of a user.
    Impersonation,
    /// For the bot of this project.
    Project(u64),
    /// For the bot of this group.
    Group(u64),
}

impl Token {
    /// Whether it is a fine-grained token.
    pub fn is_granular(&self) -> bool {
        self.scopes.iter().any(|scope| scope == "granular")
    }

    /// Whether it is past its day.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires_at.is_some_and(|day| day <= today)
    }

    /// Whether it can be used.
    pub fn is_active(&self, today: Date) -> bool {
        !self.revoked && !self.is_expired(today)
    }

    /// What error texts call it.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            TokenKind::Personal | TokenKind::Impersonation => "Personal Access Token",
            TokenKind::Project(_) => "Project Access Token",
            TokenKind::Group(_) => "Group Access Token",
        }
    }
}

/// All tokens, by id and by secret.
#[derive(Debug, Default)]
pub struct Tokens {
    table: Table<Token>,
    by_secret: HashMap<String, u64>,
}

impl Tokens {
    /// Adds the token that `build` makes for the next id. A family of 0 means that it begins its own.
    pub fn add(&mut self, build: impl FnOnce(u64) -> Token) -> &Token {
        let token = self.table.add(build);
        if token.family == 0 {
            token.family = token.id;
        }
        self.by_secret.insert(token.secret.clone(), token.id);
        token
    }

    /// The token with this id.
    pub fn get(&self, id: u64) -> Option<&Token> {
        self.table.get(id)
    }

    /// The token with this id, to change.
    pub fn get_mut(&mut self, id: u64) -> Option<&mut Token> {
        self.table.get_mut(id)
    }

    /// The token with this secret, dead or alive.
    pub fn by_secret(&self, secret: &str) -> Option<&Token> {
        self.by_secret.get(secret).and_then(|&id| self.table.get(id))
    }

    /// All tokens by rising id.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Token> {
        self.table.iter()
    }

    /// Revokes every token that came from the same first one: the answer to a replayed rotation.
    pub fn revoke_family(&mut self, family: u64) {
        for token in self.table.iter_mut().filter(|token| token.family == family) {
            token.revoked = true;
        }
    }
}
