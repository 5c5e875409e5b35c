//! Tokens and OAuth applications, by a test's hand.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Admin, UserSpec, add_user};
use crate::api::oauth;
use crate::world::World;
use crate::world::access::AccessLevel;
use crate::world::applications::Application;
use crate::world::members::{Member, Source};
use crate::world::oauth_tokens::OAuthToken;
use crate::world::tokens::{Token, TokenKind};
use crate::world::users::UserKind;

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

impl Admin {
    /// Adds an OAuth token of this user, as an application gets it.
    pub fn create_oauth_token(&self, user_id: u64, scopes: &[&str]) -> String {
        let created_at = self.app.now();
        let mut world = self.app.world_mut();
        let secret = world.dice.hex(64);
        world.oauth_tokens.add(OAuthToken {
            secret: secret.clone(),
            user_id: Some(user_id),
            application: "test".into(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            created_at,
            lifetime: jiff::SignedDuration::from_hours(2),
            revoked: false,
            refresh_token: None,
            previous_refresh_token: None,
        });
        secret
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

/// Adds the bot of a project or group token and makes it a member.
pub(crate) fn add_bot(world: &mut World, spec: &TokenSpec, now: jiff::Timestamp) -> u64 {
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
