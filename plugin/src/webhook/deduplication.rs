//! The key by which a repeated delivery is known.

use sha1::{Digest, Sha1};

use super::delivery::Delivery;
use super::payload::Payload;
use super::proof::Proof;

/// Bytes of GitLab's key that are kept as they are.
const LONGEST: usize = 128;

/// GitLab's own, which is the same for repeats; of a signed delivery the signed one. Older servers send none.
pub(super) fn key(delivery: &Delivery, proof: Proof, payload: &Payload<'_>, project: Option<u64>) -> String {
    let header = |name| delivery.single(name).ok().flatten().filter(|value: &&str| !value.is_empty());
    let names = match proof {
        Proof::Signature => ["webhook-id", "idempotency-key"],
        Proof::Token => ["idempotency-key", "webhook-id"],
    };
    match names.into_iter().find_map(header) {
        Some(key) if key.len() <= LONGEST && key.bytes().all(|byte| byte.is_ascii_graphic()) => key.to_owned(),
        Some(key) => digest(&[key.as_bytes()]),
        None => by_content(delivery, header(EVENT).unwrap_or_default(), payload, project),
    }
}

/// What versions 14 to 17 name the cause by, for all that it causes. A branch that is pushed back and forth moves twice from the same
/// commit to the same, and only this tells the second time from a repeat.
const EVENT: &str = "x-gitlab-event-uuid";

fn by_content(delivery: &Delivery, event: &str, payload: &Payload<'_>, project: Option<u64>) -> String {
    let event = event.as_bytes();
    match (project, payload.reference.get(), payload.before.get(), payload.after.get()) {
        (Some(project), Some(reference), Some(before), Some(after)) => {
            let project = project.to_string();
            digest(&[event, project.as_bytes(), reference.as_bytes(), before.as_bytes(), after.as_bytes()])
        }
        _ => digest(&[event, &delivery.body]),
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
