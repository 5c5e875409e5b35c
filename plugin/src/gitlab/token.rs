//! Whose token it is: the user with its memberships, the token itself, and the instance's version.
//!
//! One GraphQL query knows user, memberships and version; GitLab refuses it to tokens of narrow scope, which REST still tells their name.

use serde::Serialize;

use super::client::Client;
use super::membership::Memberships;
use crate::json::{self, Any};
use crate::request::{Request, Target};

/// The only query of its kind.
pub const QUERY: &str = "query{currentUser{username name bot \
    projectMemberships(first:10){nodes{accessLevel{integerValue}place:project{fullPath}}pageInfo{hasNextPage}}\
    groupMemberships(first:10){nodes{accessLevel{integerValue}place:group{fullPath}}pageInfo{hasNextPage}}\
    }metadata{version}}";

/// Of the query's `currentUser`, and of `GET /users/:id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub username: String,
    /// For people.
    pub name: String,
    /// Project and group tokens and service accounts have one.
    pub bot: bool,
    pub(crate) projects: Any,
    pub(crate) groups: Any,
}

/// Of `GET /personal_access_tokens/self`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// What it was called.
    pub name: String,
    /// Whose it is.
    pub user_id: Option<u64>,
    /// Such as `api`.
    pub scopes: Vec<String>,
    /// `2027-01-31`.
    pub expires_at: Option<String>,
    /// Fine-grained, since 18.10.
    pub granular: bool,
}

/// Of `GET /oauth/token/info`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OauthToken {
    /// Whose it is.
    pub resource_owner_id: Option<u64>,
    /// Such as `api`.
    pub scope: Vec<String>,
}

/// What the query tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// None for a token that may not know.
    pub user: Option<User>,
    /// None for a token that may not know.
    metadata: Option<Metadata>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Metadata {
    version: String,
}

#[derive(Default)]
struct Answer {
    data: Option<Identity>,
}

#[derive(Serialize)]
struct Question {
    query: &'static str,
}

json::object!(User { username; name, bot, projects as "projectMemberships", groups as "groupMemberships" });
json::object!(Token { ; name, user_id, scopes, expires_at, granular });
json::object!(OauthToken { ; resource_owner_id, scope });
json::object!(Identity { ; user as "currentUser", metadata });
json::object!(Metadata { version; });
json::object!(Answer { ; data });

impl User {
    /// All unknown, where REST has told of the user.
    pub fn memberships(&self) -> Memberships {
        Memberships::of(&self.projects, &self.groups)
    }
}

impl Identity {
    /// Nothing, where the answer is not one.
    pub fn read(body: &[u8]) -> Self {
        json::read::<Answer>(body).ok().and_then(|answer| answer.data).unwrap_or_default()
    }

    /// Of the server, such as `18.5.0-ee`.
    pub fn version(&self) -> Option<&str> {
        self.metadata.as_ref().map(|metadata| metadata.version.as_str())
    }
}

/// Asked without credential: every GitLab answers 401 in JSON.
pub fn probe() -> Target {
    Target::api("user")
}

/// What the token may do. Refused for OAuth tokens.
pub fn own_token() -> Target {
    Target::api("personal_access_tokens/self")
}

/// Who the token is, and the server's version.
pub fn identity(client: &Client<'_>) -> Request {
    let body = serde_json::to_vec(&Question { query: QUERY }).expect("plain data");
    Request::post(client.instance, Target::graphql(), body)
}

/// One user, for tokens that may not ask the query.
pub fn user(id: u64) -> Target {
    Target::api("users").part(&id.to_string())
}

/// What an OAuth token may do. Below `/oauth`, not below the API.
pub fn oauth_token() -> Target {
    Target::oauth("token/info")
}
