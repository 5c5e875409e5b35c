//! A host in memory and a branch behind it, for flows that must be cut at every place.
//!
//! What GitLab really answers is tested against the simulator; here is just enough of it to see what is left behind when a call
//! ends in the middle, ten thousand times a second.

#![allow(dead_code, unused_imports, reason = "each test uses its part")]

mod branch;
mod memory;
mod sides;
mod wire;

pub(crate) use branch::{Branch, Manner};
pub(crate) use sides::{configured, planned, pull_all, push_all, requests, settings, until_done};
pub(crate) use wire::Wire;

pub(crate) use memory::{Killed, Memory, Moment};

use base64::Engine as _;
use gitlab_sync_connector::pull::{Deletions, Options};
use gitlab_sync_connector::request::Instance;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Where it pretends to be.
pub(crate) fn instance() -> Instance {
    Instance { scheme: "https".into(), authority: "gitlab.example.com".into(), base_path: "/gitlab".into() }
}

/// Nothing special.
pub(crate) fn options() -> Options {
    Options { plan: None, deletions: Deletions::Approved, message: None }
}

/// Seconds since 1970, for ever.
pub(crate) const NOW_S: u64 = 1_790_000_000;

/// The base64 of the signature under a `whsec_` secret.
pub(crate) fn sign(secret: &str, message: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(hmac(secret, message.as_bytes()).expect("a whsec_ secret"))
}

/// The webhook secret of this number.
pub(crate) fn webhook_secret(number: u64) -> String {
    let bytes = Sha256::digest(number.to_be_bytes());
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// HMAC-SHA256 under the bytes behind `whsec_`.
pub(crate) fn hmac(secret: &str, message: &[u8]) -> Option<Vec<u8>> {
    let key = base64::engine::general_purpose::STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().to_vec())
}
