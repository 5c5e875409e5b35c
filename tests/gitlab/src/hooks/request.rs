//! One delivery's headers and body.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use super::deliveries::{Delivery, Outcome};
use super::hook::{Hook, Owner};
use super::target::{self, Target};
use super::template;
use super::tls::Check;
use super::trigger::Trigger;
use crate::app::App;

/// Larger bodies are not sent.
const MAX_BODY: usize = 25 * 1024 * 1024;

/// Something to be told to a hook.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    /// To which hook.
    pub(crate) hook: Hook,
    /// What about.
    pub(crate) trigger: Trigger,
    /// In which words, before the hook's template.
    pub(crate) payload: Value,
    /// The chain of a receiver that echoed `X-Gitlab-Event-UUID`.
    pub(crate) chain: Option<String>,
    /// The key of the delivery that this one repeats.
    pub(crate) repeats: Option<String>,
}

/// A delivery that is ready, where it goes or why it cannot be sent, and how much of the receiver is checked.
pub(crate) type Ready = (Delivery, Result<Target, String>, Check);

/// Makes the request.
pub(crate) fn build(app: &App, errand: &Errand) -> Ready {
    let hook = &errand.hook;
    let (payload, problem) = payload(errand);
    let body = Bytes::from(payload.to_string());
    let problem = problem.or_else(|| (body.len() > MAX_BODY).then(|| "request body is too large".to_owned()));
    let target = target::interpolate(&hook.url, &hook.variables).and_then(|url| Target::parse(&url));
    let target = target.map_err(|error| error.to_string());
    let (mut headers, secret) = headers(app, errand, &body);
    let logged = headers.len();
    if let Ok(target) = &target {
        headers.extend(transport(target, body.len()));
    }
    let delivery = Delivery {
        id: 0,
        hook_id: hook.id,
        trigger: errand.trigger,
        url: target.as_ref().map_or_else(|_| hook.url.clone(), Target::without_secrets),
        headers,
        body,
        at: app.now(),
        outcome: Outcome::UnderWay,
        hook_url: hook.url.clone(),
        payload,
        logged,
        secret,
        took: Duration::ZERO,
    };
    let target = match problem {
        Some(problem) => Err(problem),
        None => target,
    };
    let check = if hook.verify_tls { Check::Trusted } else { Check::Nothing };
    (delivery, target, check)
}

/// The payload as the hook's template has it. A template that fails leaves nothing.
fn payload(errand: &Errand) -> (Value, Option<String>) {
    let Some(wanted) = &errand.hook.template else { return (errand.payload.clone(), None) };
    match template::render(wanted, &errand.payload) {
        Ok(made) => (made, None),
        Err(error) => (Value::Object(serde_json::Map::new()), Some(error.to_string())),
    }
}

/// The headers of GitLab's own, custom ones first, and the names of those whose values the hook log hides.
fn headers(app: &App, errand: &Errand, body: &[u8]) -> (Vec<(String, String)>, Vec<String>) {
    let hook = &errand.hook;
    let mut world = app.world_mut();
    let version = world.settings.version.clone();
    let key = errand.repeats.clone().unwrap_or_else(|| world.dice.uuid());
    let mut own = vec![("Content-Type", "application/json".to_owned()), ("User-Agent", format!("GitLab/{version}"))];
    if version.at_least(17, 4) {
        own.push(("Idempotency-Key", key.clone()));
    }
    let event = if hook.owner == Owner::System { "System Hook" } else { errand.trigger.header() };
    own.push(("X-Gitlab-Event", event.to_owned()));
    if version.at_least(16, 2) {
        own.push(("X-Gitlab-Webhook-UUID", world.dice.uuid()));
    }
    own.push(("X-Gitlab-Instance", app.origin().to_owned()));
    let token = hook.token.as_ref().map(|token| token.replace(['\r', '\n'], ""));
    own.extend(token.map(|token| ("X-Gitlab-Token", token)));
    own.push(("X-Gitlab-Event-UUID", errand.chain.clone().unwrap_or_else(|| world.dice.uuid())));
    drop(world);
    if version.at_least(19, 0) {
        sign(hook, &key, app.now(), body, &mut own);
    }
    let overridden = |name: &String| own.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
    let custom: Vec<_> = hook.headers.iter().filter(|(name, _)| !overridden(name)).collect();
    let mut secret: Vec<String> = custom.iter().map(|(name, _)| (*name).clone()).collect();
    secret.push("X-Gitlab-Token".into());
    let custom = custom.into_iter().map(|(name, value)| (name.clone(), value.clone()));
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    (custom.chain(own).collect(), secret)
}

/// Id and time come with every delivery, the signature only with a key.
fn sign(hook: &Hook, key: &str, now: Timestamp, body: &[u8], headers: &mut Vec<(&'static str, String)>) {
    let timestamp = now.as_second();
    headers.push(("webhook-id", key.to_owned()));
    headers.push(("webhook-timestamp", timestamp.to_string()));
    if let Some(signing) = &hook.signing {
        headers.push(("webhook-signature", signing.sign(key, timestamp, body)));
    }
}

/// What Ruby's HTTP client adds.
fn transport(target: &Target, length: usize) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Accept-Encoding", "gzip;q=1.0,deflate;q=0.6,identity;q=0.3".to_owned()),
        ("Accept", "*/*".to_owned()),
        ("Connection", "close".to_owned()),
        ("Host", target.authority()),
        ("Content-Length", length.to_string()),
    ];
    headers.extend(target.basic_auth().map(|value| ("Authorization", value)));
    headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
