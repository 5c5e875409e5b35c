//! Who is asking, and whether the credential is good for this endpoint.
//!
//! Decided here: which of several credentials counts, whether it is known, alive and of sufficient scope, and whether its
//! user may use the API at all. Not decided here: what that user may do with a project (`call`), throttles (`server::throttle`),
//! and who speaks git over HTTP (`git`).
//!
//! Order: bearer as OAuth token, then `private_token` parameter, `PRIVATE-TOKEN` header, bearer as personal token. Of the
//! token found: expired, revoked, scope (or fine-grained permission), impersonation; then the user's state; then sudo.
//! An unknown token refuses even what is public. Job tokens are not modelled: a value with their prefix counts as nothing.

pub(crate) mod git;

use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;

use crate::error::ApiError;
use crate::params::Params;
use crate::world::World;
use crate::world::tokens::{Token, TokenKind};
use crate::world::users::{User, UserState};

/// What an endpoint asks of a token.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    scopes: &'static [&'static str],
    permission: &'static str,
}

impl Access {
    /// A read: `api` or `read_api`, or the permission of a fine-grained token.
    pub const fn read(permission: &'static str) -> Self {
        Self { scopes: &["api", "read_api"], permission }
    }

    /// A write: `api`, or the permission of a fine-grained token.
    pub const fn write(permission: &'static str) -> Self {
        Self { scopes: &["api"], permission }
    }

    /// Exactly these scopes; none means that any will do.
    pub const fn scopes(scopes: &'static [&'static str], permission: &'static str) -> Self {
        Self { scopes, permission }
    }
}

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user whose rights count.
    pub user: User,
    /// With what it came.
    pub credential: Credential,
}

/// The credential that counted.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A personal, project or group access token.
    Token(Token),
    /// An OAuth access token, by its secret.
    OAuth(String),
}

impl Caller {
    /// The access token, unless the caller came by OAuth.
    pub fn token(&self) -> Option<&Token> {
        match &self.credential {
            Credential::Token(token) => Some(token),
            Credential::OAuth(_) => None,
        }
    }
}

/// The prefix of CI job tokens, which are ignored.
const JOB_TOKEN_PREFIX: &str = "glcbt-";
const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";
const REVOKED: &str = "Token was revoked. You have to re-authorize from the user.";
const IMPERSONATION: &str = "Token is an impersonation token but impersonation was disabled.";

/// What of a request authentication looks at.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its parameters.
    pub params: &'a Params,
    /// Its method.
    pub method: &'a Method,
    /// Its path below the base path, as sent.
    pub path: &'a str,
}

/// Finds the caller. `Ok(None)` is an anonymous request. Records the use of the token.
pub fn authenticate(
    world: &mut World,
    now: Timestamp,
    presented: Presented<'_>,
    access: Access,
    boundary: Option<&str>,
) -> Result<Option<Caller>, ApiError> {
    world.members.end_expired(now.to_zoned(jiff::tz::TimeZone::UTC).date());
    let Some(credential) = find_credential(world, presented)? else { return Ok(None) };
    check_credential(world, now, presented, &credential, access, boundary)?;
    let user_id = match &credential {
        Credential::Token(token) => Some(token.user_id),
        // A token that an application got for itself is nobody's.
        Credential::OAuth(secret) => world.oauth_tokens.get(secret).and_then(|token| token.user_id),
    };
    let user = user_id.and_then(|id| world.users.get(id)).cloned().ok_or_else(ApiError::unauthorized)?;
    check_state(&user)?;
    record_use(world, now, &credential);
    let user = sudo(world, presented, user, &credential)?;
    Ok(Some(Caller { user, credential }))
}

/// The user a request would count for in a throttle: no check beyond "is there such a token".
pub fn throttled_user(world: &World, presented: Presented<'_>) -> Option<u64> {
    match find_credential(world, presented).ok()?? {
        Credential::Token(token) => Some(token.user_id),
        Credential::OAuth(secret) => world.oauth_tokens.get(&secret).and_then(|token| token.user_id),
    }
}

fn find_credential(world: &World, presented: Presented<'_>) -> Result<Option<Credential>, ApiError> {
    let header = |name: &str| presented.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let from_header = header("authorization").and_then(|value| {
        let (scheme, rest) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim().to_owned())
    });
    let bearer =
        presented.params.filled("access_token").or_else(|| presented.params.filled("bearer_token")).or(from_header);
    if let Some(token) = bearer.as_deref().and_then(|secret| world.oauth_tokens.get(secret)) {
        return Ok(Some(Credential::OAuth(token.secret.clone())));
    }
    let private = presented.params.filled("private_token").or_else(|| header("private-token"));
    let candidate =
        private.filter(|secret| !secret.trim().is_empty() && !secret.starts_with(JOB_TOKEN_PREFIX)).or(bearer);
    let Some(secret) = candidate.filter(|secret| !secret.starts_with(JOB_TOKEN_PREFIX)) else { return Ok(None) };
    match world.tokens.by_secret(secret.trim()) {
        Some(token) => Ok(Some(Credential::Token(token.clone()))),
        None => Err(ApiError::unauthorized()),
    }
}

fn check_credential(
    world: &mut World,
    now: Timestamp,
    presented: Presented<'_>,
    credential: &Credential,
    access: Access,
    boundary: Option<&str>,
) -> Result<(), ApiError> {
    match credential {
        Credential::Token(token) => check_token(world, now, presented, token, access, boundary),
        Credential::OAuth(secret) => {
            let token = world.oauth_tokens.get(secret).ok_or_else(ApiError::unauthorized)?;
            check_alive(token.is_expired(now), token.revoked)?;
            check_scopes(&token.scopes, access)
        }
    }
}

/// Of one that is both, GitLab says that it has expired.
fn check_alive(expired: bool, revoked: bool) -> Result<(), ApiError> {
    match (expired, revoked) {
        (true, _) => Err(ApiError::invalid_token(EXPIRED)),
        (false, true) => Err(ApiError::invalid_token(REVOKED)),
        (false, false) => Ok(()),
    }
}

fn check_token(
    world: &mut World,
    now: Timestamp,
    presented: Presented<'_>,
    token: &Token,
    access: Access,
    boundary: Option<&str>,
) -> Result<(), ApiError> {
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    if token.revoked && is_rotation(presented) {
        world.tokens.revoke_family(token.family);
    }
    check_alive(token.is_expired(today), token.revoked)?;
    if token.is_granular() {
        if !token.permissions.iter().any(|have| have == access.permission) {
            return Err(ApiError::insufficient_granular_scope(token.kind_name(), access.permission, boundary));
        }
    } else {
        check_scopes(&token.scopes, access)?;
    }
    if token.kind == TokenKind::Impersonation && !world.settings.impersonation_enabled {
        return Err(ApiError::invalid_token(IMPERSONATION));
    }
    Ok(())
}

fn check_scopes(have: &[String], access: Access) -> Result<(), ApiError> {
    let enough =
        access.scopes.is_empty() || access.scopes.iter().any(|wanted| have.iter().any(|scope| scope == wanted));
    if enough { Ok(()) } else { Err(ApiError::insufficient_scope(access.scopes)) }
}

/// A revoked token on `access_tokens/:id/rotate` is a replay: whoever holds it may have stolen it.
fn is_rotation(presented: Presented<'_>) -> bool {
    let Some(head) = presented.path.strip_suffix("/rotate") else { return false };
    let Some((head, id)) = head.rsplit_once('/') else { return false };
    *presented.method == Method::POST
        && head.ends_with("access_tokens")
        && (id == "self" || id.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check_state(user: &User) -> Result<(), ApiError> {
    match user.state {
        UserState::Active => Ok(()),
        UserState::Blocked => Err(ApiError::forbidden_because("Your account has been blocked.")),
        UserState::BlockedPendingApproval => Err(ApiError::forbidden_because(
            "Your account is pending approval from your administrator and hence blocked.",
        )),
        UserState::Deactivated => Err(ApiError::forbidden_because(
            "Your account has been deactivated by your administrator. \
             Please log back in from a web browser to reactivate your account.",
        )),
    }
}

fn record_use(world: &mut World, now: Timestamp, credential: &Credential) {
    match credential {
        Credential::Token(token) => {
            if let Some(token) = world.tokens.get_mut(token.id) {
                token.last_used_at = Some(now);
            }
        }
        // The first use of a refreshed token is what kills the refresh token it was bought with.
        Credential::OAuth(secret) => {
            let dead = world.oauth_tokens.get_mut(secret).and_then(|token| token.previous_refresh_token.take());
            let Some(dead) = dead else { return };
            for token in world.oauth_tokens.iter_mut().filter(|token| token.refresh_token.as_ref() == Some(&dead)) {
                token.refresh_token = None;
                token.revoked = true;
            }
        }
    }
}

fn sudo(world: &World, presented: Presented<'_>, user: User, credential: &Credential) -> Result<User, ApiError> {
    let header = presented.headers.get("sudo").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Some(wanted) = presented.params.filled("sudo").or(header) else { return Ok(user) };
    if !user.admin {
        return Err(ApiError::forbidden_because("Must be admin to use sudo"));
    }
    let scopes = match credential {
        Credential::Token(token) => token.scopes.as_slice(),
        Credential::OAuth(secret) => world.oauth_tokens.get(secret).map_or(&[][..], |token| token.scopes.as_slice()),
    };
    if !scopes.iter().any(|scope| scope == "sudo") {
        return Err(ApiError::insufficient_scope(&["sudo"]));
    }
    let by_id = wanted.parse().ok().and_then(|id| world.users.get(id));
    by_id.or_else(|| world.users.by_username(&wanted)).cloned().ok_or_else(|| {
        ApiError::message(StatusCode::NOT_FOUND, format!("404 User with ID or username '{wanted}' Not Found"))
    })
}
