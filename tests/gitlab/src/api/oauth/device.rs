//! The device grant: a device asks, a person types a code, the device polls. Since 17.3.

use serde_json::json;

use super::{Bearer, Refusal, authorize, issue, page, scopes};
use crate::call::Call;
use crate::error::ApiError;
use crate::reply::{Answer, Reply};
use crate::world::applications::{Application, DEVICE_INTERVAL, DEVICE_LIFETIME, Decision, DeviceGrant};
use crate::world::oauth_tokens::OAuthToken;

/// A device asks.
pub(super) fn begin(call: &Call) -> Answer {
    if !call.app.world().settings.version.at_least(17, 3) {
        return Err(ApiError::no_route());
    }
    let uid = call.params.filled("client_id").unwrap_or_default();
    let application = call.app.world().applications.by_uid(&uid).cloned().ok_or(Refusal::InvalidClient)?;
    let scopes = scopes(call.params.filled("scope"), &application)?;
    let now = call.app.now();
    let mut world = call.app.world_mut();
    let grant = DeviceGrant {
        device_code: world.dice.hex(43),
        user_code: world.dice.hex(8).to_uppercase(),
        application: uid,
        scopes,
        created_at: now,
        polled_at: None,
        decision: Decision::Pending,
    };
    world.applications.devices.push(grant.clone());
    drop(world);
    let page = format!("{}/oauth/device", call.app.url());
    Reply::ok(&json!({
        "device_code": grant.device_code,
        "user_code": grant.user_code,
        "verification_uri_complete": format!("{page}?user_code={}", grant.user_code),
        "verification_uri": page,
        "expires_in": DEVICE_LIFETIME.as_secs(),
        "interval": DEVICE_INTERVAL.as_secs(),
    }))
}

/// The page: first for the code, then with the question.
pub(super) fn show(call: &Call) -> Answer {
    let Some(code) = call.params.filled("user_code") else { return Ok(page::code_form(&call.app)) };
    let (known, name) = {
        let world = call.app.world();
        let grant = world.applications.devices.iter().find(|grant| grant.user_code == code).cloned();
        let application = grant.as_ref().and_then(|grant| world.applications.by_uid(&grant.application));
        (grant, application.map(|application| application.name.clone()).unwrap_or_default())
    };
    let Some(grant) = known.filter(|grant| grant.decision == Decision::Pending) else {
        return Ok(page::notice("Device authorization", "The code is invalid or was used already."));
    };
    let title = format!("Authorize {name} to use your account?");
    let lines = [format!("It asks for: {}", grant.scopes.join(", "))];
    Ok(page::question(&call.app, &title, "/oauth/device", &[("user_code", code)], &lines))
}

/// What the page posts.
pub(super) fn decide(call: &Call) -> Answer {
    let code = call.params.filled("user_code").unwrap_or_default();
    let denied = call.params.text("decision").as_deref() == Some("deny");
    let decision = if denied { Decision::Denied } else { Decision::Approved(authorize::decider(call)?) };
    let mut world = call.app.world_mut();
    let grant = world.applications.devices.iter_mut().find(|grant| grant.user_code == code);
    let Some(grant) = grant.filter(|grant| grant.decision == Decision::Pending) else {
        return Ok(page::notice("Device authorization", "The code is invalid or was used already."));
    };
    grant.decision = decision;
    let text = if denied { "Device authorization was denied." } else { "Device successfully authorized." };
    Ok(page::notice("Device authorization", text))
}

/// The device asks whether somebody decided. It must not ask too often.
pub(super) fn poll(call: &Call, client: &Application) -> Result<OAuthToken, Refusal> {
    let code = call.params.filled("device_code").ok_or(Refusal::InvalidRequest)?;
    let now = call.app.now();
    let grant = {
        let mut world = call.app.world_mut();
        let devices = &mut world.applications.devices;
        let known = devices.iter().position(|grant| grant.device_code == code && grant.application == client.uid);
        let index = known.ok_or(Refusal::InvalidGrant)?;
        let grant = &mut devices[index];
        if now.duration_since(grant.created_at) >= DEVICE_LIFETIME {
            return Err(Refusal::ExpiredToken);
        }
        let last = grant.polled_at.replace(now);
        match grant.decision {
            Decision::Pending if last.is_some_and(|last| now.duration_since(last) < DEVICE_INTERVAL) => {
                return Err(Refusal::SlowDown);
            }
            Decision::Pending => return Err(Refusal::AuthorizationPending),
            // Both end the grant.
            Decision::Approved(_) | Decision::Denied => devices.remove(index),
        }
    };
    match grant.decision {
        Decision::Approved(user) => {
            Ok(issue(call, &client.uid, Bearer { user_id: Some(user), scopes: grant.scopes, previous: None }))
        }
        _ => Err(Refusal::AccessDenied),
    }
}
