//! The token endpoint: codes, refresh tokens and device codes in, tokens out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Bearer, LIFETIME, Refusal, client, device, issue, scopes};
use crate::call::Call;
use crate::reply::{Answer, Reply};
use crate::world::applications::{Application, Challenge};
use crate::world::oauth_tokens::OAuthToken;

/// The grant type of device codes.
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// One exchange.
pub(super) fn exchange(call: &Call) -> Answer {
    let token = match call.params.filled("grant_type").as_deref() {
        None => Err(Refusal::InvalidRequest),
        Some("authorization_code") => client(call).and_then(|client| of_code(call, &client)),
        Some("refresh_token") => client(call).and_then(|client| of_refresh_token(call, &client)),
        Some("client_credentials") => client(call).and_then(|client| of_application(call, &client)),
        Some("password") if has_password_grant(call) => client(call).and(Err(Refusal::InvalidGrant)),
        Some(DEVICE) => client(call).and_then(|client| device::poll(call, &client)),
        Some(_) => Err(Refusal::UnsupportedGrantType),
    }?;
    let mut shown = json!({
        "access_token": token.secret,
        "token_type": "Bearer",
        "expires_in": LIFETIME.as_secs(),
        "scope": token.scopes.join(" "),
        "created_at": token.created_at.as_second(),
    });
    if let Some(refresh) = &token.refresh_token {
        shown["refresh_token"] = json!(refresh);
    }
    Ok(Reply::ok(&shown)?.with(header::CACHE_CONTROL, "no-store").with(header::PRAGMA, "no-cache"))
}

/// An application gets a token for itself. The API takes it for nobody's.
fn of_application(call: &Call, client: &Application) -> Result<OAuthToken, Refusal> {
    let scopes = scopes(call.params.filled("scope"), client)?;
    Ok(issue(call, &client.uid, Bearer { user_id: None, scopes, previous: None }))
}

fn has_password_grant(call: &Call) -> bool {
    !call.app.world().settings.version.at_least(19, 0)
}

/// A code is good once. Whoever shows it again may have stolen it: what it was exchanged for dies.
fn of_code(call: &Call, client: &Application) -> Result<OAuthToken, Refusal> {
    let code = call.params.filled("code").ok_or(Refusal::InvalidRequest)?;
    let redirect_uri = call.params.filled("redirect_uri").ok_or(Refusal::InvalidRequest)?;
    let verifier = call.params.filled("code_verifier");
    let now = call.app.now();
    let grant = {
        let mut world = call.app.world_mut();
        let grant = world.applications.grants.iter().find(|grant| grant.code == code).cloned();
        let grant = grant.ok_or(Refusal::InvalidGrant)?;
        if let Some(token) = grant.issued.as_ref().and_then(|secret| world.oauth_tokens.get_mut(secret)) {
            token.revoked = true;
            token.refresh_token = None;
        }
        grant
    };
    let good = grant.issued.is_none()
        && grant.application == client.uid
        && grant.redirect_uri == redirect_uri
        && !grant.is_expired(now);
    if !good {
        return Err(Refusal::InvalidGrant);
    }
    match (&grant.challenge, verifier) {
        (None, _) => {}
        (Some(_), None) => return Err(Refusal::InvalidRequest),
        (Some(challenge), Some(verifier)) if matches(challenge, &verifier) => {}
        _ => return Err(Refusal::InvalidGrant),
    }
    let token = issue(call, &client.uid, Bearer { user_id: Some(grant.user_id), scopes: grant.scopes, previous: None });
    let mut world = call.app.world_mut();
    if let Some(grant) = world.applications.grants.iter_mut().find(|grant| grant.code == code) {
        grant.issued = Some(token.secret.clone());
    }
    Ok(token)
}

fn matches(challenge: &Challenge, verifier: &str) -> bool {
    match challenge {
        Challenge::Plain(text) => text == verifier,
        Challenge::Sha256(digest) => *digest == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
    }
}

/// The refresh token stays good until the token it bought is first used: `auth` ends it then.
fn of_refresh_token(call: &Call, client: &Application) -> Result<OAuthToken, Refusal> {
    let refresh = call.params.filled("refresh_token").ok_or(Refusal::InvalidRequest)?;
    let old = {
        let mut world = call.app.world_mut();
        let found = world.oauth_tokens.iter_mut().find(|token| token.refresh_token.as_ref() == Some(&refresh));
        found.filter(|token| !token.revoked && token.application == client.uid).map(|token| token.clone())
    };
    let old = old.ok_or(Refusal::InvalidGrant)?;
    let wanted = match call.params.filled("scope") {
        Some(asked) => scopes(Some(asked), client)?,
        None => old.scopes.clone(),
    };
    if !wanted.iter().all(|scope| old.scopes.contains(scope)) {
        return Err(Refusal::InvalidScope);
    }
    Ok(issue(call, &client.uid, Bearer { user_id: old.user_id, scopes: wanted, previous: Some(refresh) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pair of GitLab's own documentation.
    #[test]
    fn a_verifier_matches_its_challenge() {
        let verifier = "ks02i3jdikdo2k0dkfodf3m39rjfjsdk0wk349rj3jrhf";
        let challenge = Challenge::Sha256("2i0WFA-0AerkjQm4X4oDEhqA17QIAKNjXpagHBXmO_U".into());
        assert!(matches(&challenge, verifier));
        assert!(!matches(&challenge, "another"));
        assert!(matches(&Challenge::Plain(verifier.into()), verifier));
    }
}
