//! OAuth 2.0: authorization codes with PKCE, refresh, device codes, client credentials, revocation, introspection, token
//! info, and the applications.
//!
//! Nobody signs in to this instance, so its pages ask as whom one wants to decide, and the password grant, which ended with
//! 19.0, refuses every password before. Not modelled: `root_namespace_id`, `OpenID` Connect, CORS.

mod applications;
mod authorize;
mod device;
mod info;
mod page;
mod token;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::SignedDuration;

use crate::app::App;
use crate::call::{Call, endpoint};
use crate::error::ApiError;
use crate::routing::{Router, delete, get, post};
use crate::world::applications::Application;
use crate::world::oauth_tokens::OAuthToken;

pub(crate) use applications::add;

/// How long an access token lives.
const LIFETIME: SignedDuration = SignedDuration::from_secs(7200);

pub(crate) fn routes() -> Router<Arc<App>> {
    let decide = get(endpoint(authorize::show)).post(endpoint(authorize::decide)).delete(endpoint(authorize::deny));
    Router::new()
        .route("/oauth/authorize", decide)
        .route("/oauth/token", post(endpoint(token::exchange)))
        .route("/oauth/token/info", get(endpoint(info::show)))
        .route("/oauth/introspect", post(endpoint(info::introspect)))
        .route("/oauth/revoke", post(endpoint(info::revoke)))
        .route("/oauth/authorize_device", post(endpoint(device::begin)))
        .route("/oauth/device", get(endpoint(device::show)).post(endpoint(device::decide)))
        .route("/api/v4/applications", get(endpoint(applications::list)).post(endpoint(applications::create)))
        .route("/api/v4/applications/{id}", delete(endpoint(applications::remove)))
}

/// What the token endpoint says no with: doorkeeper's code and sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnsupportedGrantType,
    UnsupportedResponseType,
    AccessDenied,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    UnauthorizedClient,
}

impl Refusal {
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::UnauthorizedClient => "unauthorized_client",
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => {
                "The request is missing a required parameter, includes an unsupported parameter value, or is otherwise \
                 malformed."
            }
            Self::InvalidClient => {
                "Client authentication failed due to unknown client, no client authentication included, or \
                 unsupported authentication method."
            }
            Self::InvalidGrant => {
                "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used \
                 in the authorization request, or was issued to another client."
            }
            Self::InvalidScope => "The requested scope is invalid, unknown, or malformed.",
            Self::UnsupportedGrantType => "The authorization grant type is not supported by the authorization server.",
            Self::UnsupportedResponseType => "The authorization server does not support this response type.",
            Self::AccessDenied => "The resource owner or authorization server denied the request.",
            Self::AuthorizationPending => {
                "The authorization request is still pending as the end user hasn't yet completed the user interaction \
                 steps."
            }
            Self::SlowDown => {
                "The authorization request is still pending and polling should continue, but the interval must be \
                 increased by 5 seconds for this and all subsequent requests."
            }
            Self::ExpiredToken => "The device_code has expired, and the device authorization session has concluded.",
            Self::UnauthorizedClient => "You are not authorized to revoke this token",
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal {
            Refusal::InvalidClient => StatusCode::UNAUTHORIZED,
            Refusal::UnauthorizedClient => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::oauth(status, refusal.code(), refusal.description())
    }
}

/// The application that is asking, by parameters or Basic authentication. One that can keep a secret must show it.
fn client(call: &Call) -> Result<Application, Refusal> {
    let header = call.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = header.and_then(|value| value.strip_prefix("Basic ")).and_then(|text| STANDARD.decode(text).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok());
    let basic = basic.as_ref().and_then(|pair| pair.split_once(':'));
    let (uid, secret) = match basic {
        Some((uid, secret)) => (uid.to_owned(), Some(secret.to_owned())),
        None => (call.params.filled("client_id").unwrap_or_default(), call.params.filled("client_secret")),
    };
    let world = call.app.world();
    let application = world.applications.by_uid(&uid).ok_or(Refusal::InvalidClient)?;
    let proven = match secret {
        Some(secret) => secret == application.secret,
        None => !application.confidential,
    };
    if proven { Ok(application.clone()) } else { Err(Refusal::InvalidClient) }
}

/// The scopes that are asked for: the first that the application has when nobody says.
fn scopes(asked: Option<String>, application: &Application) -> Result<Vec<String>, Refusal> {
    let Some(asked) = asked else { return Ok(application.scopes.first().cloned().into_iter().collect()) };
    let wanted: Vec<String> = asked.split_whitespace().map(str::to_owned).collect();
    let known = wanted.iter().all(|scope| application.scopes.contains(scope));
    if known && !wanted.is_empty() { Ok(wanted) } else { Err(Refusal::InvalidScope) }
}

/// Whose token is made, and for what.
struct Bearer {
    /// Nobody when an application gets it for itself: then there is no refresh token either.
    user_id: Option<u64>,
    scopes: Vec<String>,
    /// The refresh token that it was bought with.
    previous: Option<String>,
}

/// Makes a token.
fn issue(call: &Call, uid: &str, bearer: Bearer) -> OAuthToken {
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let token = OAuthToken {
        secret: world.dice.hex(64),
        user_id: bearer.user_id,
        application: uid.to_owned(),
        scopes: bearer.scopes,
        created_at: now,
        lifetime: LIFETIME,
        revoked: false,
        refresh_token: bearer.user_id.map(|_| world.dice.hex(64)),
        previous_refresh_token: bearer.previous,
    };
    world.oauth_tokens.add(token.clone());
    token
}
