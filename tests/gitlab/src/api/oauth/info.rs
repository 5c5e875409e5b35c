//! What a token is, and the end of one.

use http::StatusCode;
use serde_json::json;

use super::{Refusal, client};
use crate::call::Call;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};

/// `GET /oauth/token/info`.
pub(super) fn show(call: &Call) -> Answer {
    let header = call.headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.split_once(' ')).map(|(_, secret)| secret.to_owned());
    let secret = call.params.filled("access_token").or(bearer).unwrap_or_default();
    let world = call.app.world();
    let refuse = |text: &str| {
        let body = json!({ "error": "invalid_token", "error_description": text, "state": "unauthorized" });
        ApiError::body(StatusCode::UNAUTHORIZED, body)
    };
    let token = world.oauth_tokens.get(&secret).ok_or_else(|| refuse("The access token is invalid"))?;
    let now = call.app.now();
    if token.revoked {
        return Err(refuse("The access token was revoked"));
    }
    if token.is_expired(now) {
        return Err(refuse("The access token expired"));
    }
    let left = (token.created_at + token.lifetime).duration_since(now).as_secs();
    Reply::ok(&json!({
        "resource_owner_id": token.user_id,
        "scope": token.scopes,
        "expires_in": left,
        "application": { "uid": token.application },
        "created_at": token.created_at.as_second(),
        "scopes": token.scopes,
        "expires_in_seconds": left,
    }))
}

/// `POST /oauth/introspect`, as doorkeeper has it when nobody configures it: an application asks about its own tokens, and
/// whatever is not one of them is inactive.
pub(super) fn introspect(call: &Call) -> Answer {
    let client = client(call)?;
    let secret = call.params.filled("token").unwrap_or_default();
    let now = call.app.now();
    let world = call.app.world();
    let token = world.oauth_tokens.get(&secret);
    let active = token.filter(|token| token.application == client.uid && !token.revoked && !token.is_expired(now));
    let Some(token) = active else { return Reply::ok(&json!({ "active": false })) };
    Reply::ok(&json!({
        "active": true,
        "scope": token.scopes.join(" "),
        "client_id": token.application,
        "token_type": "Bearer",
        "exp": (token.created_at + token.lifetime).as_second(),
        "iat": token.created_at.as_second(),
    }))
}

/// `POST /oauth/revoke`, of an access token or a refresh token. One that nobody knows is revoked already.
pub(super) fn revoke(call: &Call) -> Answer {
    let client = client(call).map_err(|_| Refusal::UnauthorizedClient)?;
    let secret = call.params.filled("token").unwrap_or_default();
    let mut world = call.app.world_mut();
    let mut tokens = world.oauth_tokens.iter_mut();
    let token = tokens.find(|token| token.secret == secret || token.refresh_token.as_ref() == Some(&secret));
    if let Some(token) = token {
        if token.application != client.uid {
            return Err(Refusal::UnauthorizedClient.into());
        }
        token.revoked = true;
        token.refresh_token = None;
    }
    Reply::ok(&json!({}))
}
