//! Who sent a delivery, and what it asks for.
//!
//! Decided here: which proofs count, in which order, and what a verified event leads to. The secret is never here: the host
//! compares. A delivery is a hint and the branch's head is the truth, so an event asks for a pull or for nothing.
//!
//! Order: every proof that was presented must hold, so that a forged signature is not excused by a known token or the reverse.
//! No proof, no secret, a repeated header or an old time: rejected. What is verified but not for us is not an error, because
//! GitLab stops calling those who answer with errors.
//!
//! Known gap: a token proves the sender, not the body. Only the signature does.

use serde_json::Value;
use sha1::{Digest, Sha1};

use crate::configure::{Configuration, WEBHOOK, WEBHOOK_PREVIOUS};
use crate::error::Error;
use crate::hooks;
use crate::host::{Host, SecretError};

/// How far a signed time may be from ours, as Standard Webhooks advises.
const TOLERANCE_S: u64 = 300;
/// Signatures of one delivery that are looked at. With two slots this stays below the host's 16 comparisons.
const SIGNATURES: usize = 4;
/// Bytes of an idempotency key that are kept as they are.
const KEY: usize = 128;

/// A request as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Names in any case.
    pub headers: Vec<(String, String)>,
    /// Byte for byte.
    pub body: Vec<u8>,
}

/// What proved the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// `X-Gitlab-Token`.
    Token,
    /// `webhook-signature`.
    Signature,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The branch may have moved.
    Pull,
    /// Nothing, and why.
    Nothing(String),
}

/// A delivery whose sender is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// By what.
    pub proof: Proof,
    /// Such as `push`.
    pub kind: String,
    /// Its number.
    pub project: Option<u64>,
    /// Equal for repeats.
    pub deduplication_key: String,
    /// What to do.
    pub work: Work,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To be answered with success.
    Verified(Event),
    /// To be answered 401; the reason is for the log.
    Rejected(&'static str),
}

/// Judges one delivery. Does not reach the network.
pub fn verify(host: &dyn Host, delivery: &Delivery) -> Result<Verdict, Error> {
    let proof = match prove(host, delivery)? {
        Ok(proof) => proof,
        Err(reason) => return Ok(Verdict::Rejected(reason)),
    };
    let body: Value = serde_json::from_slice(&delivery.body).unwrap_or(Value::Null);
    let kind = kind(delivery, &body);
    let configuration = Configuration::load(host)?;
    Ok(Verdict::Verified(Event {
        proof,
        project: project(&body),
        deduplication_key: deduplication_key(delivery, proof, &body),
        work: work(configuration.as_ref(), &kind, &body),
        kind,
    }))
}

/// The outer result is a failure of the vault, the inner one the judgement.
fn prove(host: &dyn Host, delivery: &Delivery) -> Result<Result<Proof, &'static str>, Error> {
    let (token, signature) = match (single(delivery, "x-gitlab-token"), single(delivery, "webhook-signature")) {
        (Ok(None), Ok(None)) => return Ok(Err("neither a token nor a signature")),
        (Ok(token), Ok(signature)) => (token, signature),
        _ => return Ok(Err("a header of the proof is repeated")),
    };
    if let Some(signatures) = signature
        && let Err(reason) = prove_signature(host, delivery, signatures)?
    {
        return Ok(Err(reason));
    }
    if let Some(candidate) = token
        && (candidate.is_empty() || !any_slot(host, |slot| host.matches(slot, candidate.as_bytes()))?)
    {
        return Ok(Err("the token does not match"));
    }
    Ok(Ok(if signature.is_some() { Proof::Signature } else { Proof::Token }))
}

fn prove_signature(host: &dyn Host, delivery: &Delivery, signatures: &str) -> Result<Result<(), &'static str>, Error> {
    let (Ok(Some(id)), Ok(Some(time))) = (single(delivery, "webhook-id"), single(delivery, "webhook-timestamp")) else {
        return Ok(Err("a signature without one id and one time"));
    };
    let now = host.now_ms() / 1000;
    let fresh = time.bytes().all(|byte| byte.is_ascii_digit())
        && time.parse::<u64>().is_ok_and(|time| time.abs_diff(now) <= TOLERANCE_S);
    if !fresh {
        return Ok(Err("the signed time is not within five minutes of ours"));
    }
    let mut message = format!("{id}.{time}.").into_bytes();
    message.extend_from_slice(&delivery.body);
    for tag in signatures.split(' ').filter_map(tag).take(SIGNATURES) {
        if any_slot(host, |slot| host.verify_signature(slot, &message, &tag))? {
            return Ok(Ok(()));
        }
    }
    Ok(Err("no signature verifies"))
}

/// The bytes of `v1,<base64>`. Other versions may stand beside it and are passed over.
fn tag(signature: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text = signature.strip_prefix("v1,")?;
    base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|tag| tag.len() == 32)
}

/// Whether the secret, or the one before it, says yes. An empty slot says no: without a secret everything is rejected.
fn any_slot(host: &dyn Host, ask: impl Fn(&str) -> Result<bool, SecretError>) -> Result<bool, Error> {
    for slot in [WEBHOOK, WEBHOOK_PREVIOUS] {
        match ask(slot) {
            Ok(true) => return hooks::counts(host, slot),
            Ok(false) | Err(SecretError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// The only value of a header; repeated ones could be read differently by whoever stands before us.
fn single<'a>(delivery: &'a Delivery, name: &str) -> Result<Option<&'a str>, ()> {
    let mut values = delivery.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let first = values.next().map(|(_, value)| value.as_str());
    if values.next().is_some() { Err(()) } else { Ok(first) }
}

/// Lifecycle events of system hooks have no `object_kind`.
fn kind(delivery: &Delivery, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let named = text("object_kind").or_else(|| text("event_name"));
    let header = || single(delivery, "x-gitlab-event").ok().flatten().map(|name| name.trim_end_matches(" Hook"));
    let kind = named.or_else(header).unwrap_or("unknown");
    kind.chars()
        .map(|c| if c == ' ' { '_' } else { c.to_ascii_lowercase() })
        .filter(|c| !c.is_control())
        .take(64)
        .collect()
}

fn project(body: &Value) -> Option<u64> {
    let nested = || body.get("project").and_then(|project| project.get("id")).and_then(Value::as_u64);
    body.get("project_id").and_then(Value::as_u64).or_else(nested)
}

fn work(configuration: Option<&Configuration>, kind: &str, body: &Value) -> Work {
    let nothing = |reason: String| Work::Nothing(reason);
    let Some(configuration) = configuration else { return nothing("nothing is configured yet".into()) };
    let refs: Vec<&str> = match kind {
        "push" => body.get("ref").and_then(Value::as_str).into_iter().collect(),
        "repository_update" => {
            body.get("refs").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
        }
        "unknown" => return nothing("the body is not an event that is known".into()),
        _ => return nothing(format!("a `{kind}` event does not move the branch")),
    };
    match project(body) {
        Some(id) if id == configuration.project => {}
        Some(id) => return nothing(format!("project {id} is not the one that is synced")),
        None => return nothing("the event names no project".into()),
    }
    let ours = |name: &&str| name.strip_prefix("refs/heads/") == Some(configuration.branch.as_str());
    if refs.iter().any(ours) {
        return Work::Pull;
    }
    nothing(format!("another branch than `{}` was pushed", configuration.branch))
}

/// GitLab's own key, which is the same for repeats; of a signed delivery the signed one. Older servers send none.
fn deduplication_key(delivery: &Delivery, proof: Proof, body: &Value) -> String {
    let header = |name| single(delivery, name).ok().flatten().filter(|value: &&str| !value.is_empty());
    let names = match proof {
        Proof::Signature => ["webhook-id", "idempotency-key"],
        Proof::Token => ["idempotency-key", "webhook-id"],
    };
    match names.into_iter().find_map(header) {
        Some(key) if key.len() <= KEY && key.bytes().all(|byte| byte.is_ascii_graphic()) => key.to_owned(),
        Some(key) => digest(&[key.as_bytes()]),
        None => by_content(delivery, body),
    }
}

fn by_content(delivery: &Delivery, body: &Value) -> String {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (project(body), text("ref"), text("before"), text("after")) {
        (Some(project), Some(reference), Some(before), Some(after)) => {
            let project = project.to_string();
            digest(&[project.as_bytes(), reference.as_bytes(), before.as_bytes(), after.as_bytes()])
        }
        _ => digest(&[&delivery.body]),
    }
}

/// Each part with its length before it, so that no two lists of parts read the same.
fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha1::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let hex: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha1:{hex}")
}
