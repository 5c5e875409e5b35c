//! OAuth access tokens, as far as authentication needs them. Applications, codes, refresh and device grants belong
//! to the OAuth endpoints, which fill this table.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// One OAuth access token.
#[derive(Debug, Clone)]
pub struct OAuthToken {
    /// The secret: 64 hex digits.
    pub secret: String,
    /// Whose rights it carries; nobody's when an application got it for itself.
    pub user_id: Option<u64>,
    /// The `client_id` of the application it was made for.
    pub application: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long it lives: 7200 s on every current version.
    pub lifetime: SignedDuration,
    /// Revoked by the user, the application or a refresh.
    pub revoked: bool,
    /// The refresh token that came with it.
    pub refresh_token: Option<String>,
    /// The refresh token that was given for it, and that dies when this token is first used.
    pub previous_refresh_token: Option<String>,
}

impl OAuthToken {
    /// Whether its lifetime is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.created_at + self.lifetime <= now
    }
}

/// All OAuth access tokens by secret.
#[derive(Debug, Default)]
pub struct OAuthTokens {
    rows: HashMap<String, OAuthToken>,
}

impl OAuthTokens {
    /// Adds a token.
    pub fn add(&mut self, token: OAuthToken) {
        self.rows.insert(token.secret.clone(), token);
    }

    /// The token with this secret, dead or alive.
    pub fn get(&self, secret: &str) -> Option<&OAuthToken> {
        self.rows.get(secret)
    }

    /// The token with this secret, to change.
    pub fn get_mut(&mut self, secret: &str) -> Option<&mut OAuthToken> {
        self.rows.get_mut(secret)
    }

    /// All tokens in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut OAuthToken> {
        self.rows.values_mut()
    }
}
