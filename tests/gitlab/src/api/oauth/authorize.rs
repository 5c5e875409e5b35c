//! The authorization endpoint: what a browser sees, and the code that goes back to the application.

use http::{StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Refusal, page, scopes};
use crate::call::Call;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};
use crate::world::applications::{Application, Challenge, Grant};

/// What a query may carry as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A request that can be answered to its redirection URI.
struct Wish {
    application: Application,
    redirect_uri: String,
    state: Option<String>,
}

impl Wish {
    /// Reads it. Who it is from and where to go back to must be right, or there is nowhere to go back to.
    fn read(call: &Call) -> Result<Self, Reply> {
        let refuse = |status, text: &str| Err(page::refusal(status, text));
        let uid = call.params.filled("client_id").unwrap_or_default();
        let Some(application) = call.app.world().applications.by_uid(&uid).cloned() else {
            return refuse(StatusCode::UNAUTHORIZED, Refusal::InvalidClient.description());
        };
        let redirect_uri = call.params.filled("redirect_uri").unwrap_or_default();
        if !application.redirect_uris.contains(&redirect_uri) {
            return refuse(StatusCode::BAD_REQUEST, "The redirect URI included is not valid.");
        }
        Ok(Self { application, redirect_uri, state: call.params.filled("state") })
    }

    /// Back to the application.
    fn answer(&self, pairs: &[(&str, &str)]) -> Answer {
        let mut url = self.redirect_uri.clone();
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        for (key, value) in pairs.chain(self.state.iter().map(|state| ("state", state.clone()))) {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{key}={}", utf8_percent_encode(&value, QUERY)));
        }
        Ok(page::notice("Redirecting", &url).status(StatusCode::FOUND).with(header::LOCATION, &url))
    }

    fn refuse(&self, refusal: Refusal) -> Answer {
        self.answer(&[("error", refusal.code()), ("error_description", refusal.description())])
    }
}

/// The rest of a request.
fn read_rest(call: &Call, wish: &Wish) -> Result<(Vec<String>, Option<Challenge>), Refusal> {
    match call.params.text("response_type").as_deref() {
        None | Some("") => return Err(Refusal::InvalidRequest),
        Some("code") => {}
        Some(_) => return Err(Refusal::UnsupportedResponseType),
    }
    let scopes = scopes(call.params.filled("scope"), &wish.application)?;
    let method = call.params.filled("code_challenge_method");
    let challenge = match (call.params.filled("code_challenge"), method.as_deref()) {
        (None, _) => None,
        (Some(text), Some("S256")) => Some(Challenge::Sha256(text)),
        (Some(text), None | Some("plain")) => Some(Challenge::Plain(text)),
        _ => return Err(Refusal::InvalidRequest),
    };
    Ok((scopes, challenge))
}

/// The page with the question.
pub(super) fn show(call: &Call) -> Answer {
    let wish = match Wish::read(call) {
        Ok(wish) => wish,
        Err(page) => return Ok(page),
    };
    let (scopes, _) = match read_rest(call, &wish) {
        Ok(rest) => rest,
        Err(refusal) => return wish.refuse(refusal),
    };
    let keys =
        ["client_id", "redirect_uri", "state", "response_type", "scope", "code_challenge", "code_challenge_method"];
    let fields: Vec<(&str, String)> =
        keys.iter().filter_map(|key| call.params.filled(key).map(|value| (*key, value))).collect();
    let lines =
        [format!("It asks for: {}", scopes.join(", ")), format!("You will be redirected to {}", wish.redirect_uri)];
    let title = format!("Authorize {} to use your account?", wish.application.name);
    Ok(page::question(&call.app, &title, "/oauth/authorize", &fields, &lines))
}

/// What the page posts.
pub(super) fn decide(call: &Call) -> Answer {
    let denied = call.params.text("decision").as_deref() == Some("deny")
        || call.params.text("_method").as_deref() == Some("delete");
    if denied {
        return deny(call);
    }
    let wish = match Wish::read(call) {
        Ok(wish) => wish,
        Err(page) => return Ok(page),
    };
    let (scopes, challenge) = match read_rest(call, &wish) {
        Ok(rest) => rest,
        Err(refusal) => return wish.refuse(refusal),
    };
    let user_id = decider(call)?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let code = world.dice.hex(64);
    world.applications.grants.push(Grant {
        code: code.clone(),
        application: wish.application.uid.clone(),
        user_id,
        redirect_uri: wish.redirect_uri.clone(),
        scopes,
        challenge,
        created_at: now,
        issued: None,
    });
    drop(world);
    wish.answer(&[("code", &code)])
}

/// The person said no.
pub(super) fn deny(call: &Call) -> Answer {
    match Wish::read(call) {
        Ok(wish) => wish.refuse(Refusal::AccessDenied),
        Err(page) => Ok(page),
    }
}

/// As whom the page was posted.
pub(super) fn decider(call: &Call) -> Result<u64, ApiError> {
    let name = call.params.filled("username").unwrap_or_default();
    let world = call.app.world();
    let user = world.users.by_username(&name);
    user.map(|user| user.id).ok_or_else(|| ApiError::text(StatusCode::UNPROCESSABLE_ENTITY, "username is missing\n"))
}
