//! Whose token it is: the user, the token itself, and the instance's version.

use serde::Deserialize;

use crate::request::Target;

/// Of `GET /user`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct User {
    /// Numeric.
    pub id: u64,
    /// The login name.
    pub username: String,
    /// For people.
    #[serde(default)]
    pub name: String,
    /// Project and group tokens and service accounts have one.
    #[serde(default)]
    pub bot: bool,
}

/// Of `GET /personal_access_tokens/self`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Token {
    /// What it was called.
    #[serde(default)]
    pub name: String,
    /// Such as `api`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// `2027-01-31`.
    pub expires_at: Option<String>,
    /// Fine-grained, since 18.10.
    #[serde(default)]
    pub granular: bool,
}

/// Of `GET /oauth/token/info`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct OauthToken {
    /// Such as `api`.
    #[serde(default)]
    pub scope: Vec<String>,
}

/// Of `GET /metadata`, and of `GET /version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Such as `18.5.0-ee`.
    pub version: String,
}

/// Who the token is.
pub fn user() -> Target {
    Target::api("user")
}

/// What the token may do. Refused for OAuth tokens.
pub fn own_token() -> Target {
    Target::api("personal_access_tokens/self")
}

/// What an OAuth token may do. Below `/oauth`, not below the API.
pub fn oauth_token() -> Target {
    Target::oauth("token/info")
}

/// The version, for those who may know. Not `/version`, so that the permission table can tell it from the probe.
pub fn metadata() -> Target {
    Target::api("metadata")
}

/// Asked without credential: every GitLab answers 401 in JSON.
pub fn probe() -> Target {
    Target::api("version")
}
