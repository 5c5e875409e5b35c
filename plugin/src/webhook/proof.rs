//! Who sent a delivery.
//!
//! Decided here: which proofs count, in which order. The secret is never here: the host compares.
//!
//! Every proof that was presented must hold, so that a forged signature is not excused by a known token or the reverse; while a hook is
//! moved from one to the other it sends both, and each may hold by another of the two secrets that live then. No proof, no secret, a
//! repeated header or an old time: rejected.
//!
//! Known gap: a token proves the sender, not the body. Only the signature does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::delivery::Delivery;
use crate::configure::{WEBHOOK, WEBHOOK_PREVIOUS};
use crate::error::Error;
use crate::hooks::arrival;
use crate::host::{Host, SecretError};

/// How far a signed time may be from ours, as Standard Webhooks advises.
const TOLERANCE_S: u64 = 300;
/// Signatures of one delivery that are looked at. With two slots, and a token beside them, these are the host's 16 comparisons: what holds
/// at the first slot may be asked there once more, and is not asked at the second.
const SIGNATURES: usize = 7;

/// What proved the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// `X-Gitlab-Token`.
    Token,
    /// `webhook-signature`.
    Signature,
}

/// Why the sender is not proved, for the log.
type Reason = &'static str;

/// The outer result is a failure of the vault, the inner one the judgement.
pub(super) fn prove(host: &dyn Host, delivery: &Delivery) -> Result<Result<Proof, Reason>, Error> {
    let (token, signature) = match (delivery.single("x-gitlab-token"), delivery.single("webhook-signature")) {
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
        && let Err(reason) = prove_token(host, candidate)?
    {
        return Ok(Err(reason));
    }
    Ok(Ok(if signature.is_some() { Proof::Signature } else { Proof::Token }))
}

fn prove_token(host: &dyn Host, candidate: &str) -> Result<Result<(), Reason>, Error> {
    if candidate.is_empty() {
        return Ok(Err("the token is empty"));
    }
    Ok(match any_slot(host, |slot| host.matches(slot, candidate.as_bytes()))? {
        Answer::Yes => Ok(()),
        Answer::No => Err("the token does not match"),
        Answer::NoSecret => Err(NO_SECRET),
    })
}

fn prove_signature(host: &dyn Host, delivery: &Delivery, signatures: &str) -> Result<Result<(), Reason>, Error> {
    let (Ok(Some(id)), Ok(Some(time))) = (delivery.single("webhook-id"), delivery.single("webhook-timestamp")) else {
        return Ok(Err("a signature without one id and one time"));
    };
    if !is_fresh(time, host.now_ms() / 1000) {
        return Ok(Err("the signed time is not within five minutes of ours"));
    }
    let message = [id.as_bytes(), b".", time.as_bytes(), b".", &delivery.body].concat();
    for tag in signatures.split_ascii_whitespace().filter_map(tag).take(SIGNATURES) {
        match any_slot(host, |slot| host.verify_signature(slot, &message, &tag))? {
            Answer::Yes => return Ok(Ok(())),
            Answer::No => {}
            Answer::NoSecret => return Ok(Err(NO_SECRET)),
        }
    }
    Ok(Err("no signature verifies"))
}

fn is_fresh(time: &str, now: u64) -> bool {
    let seconds = if time.bytes().all(|byte| byte.is_ascii_digit()) { time.parse::<u64>().ok() } else { None };
    seconds.is_some_and(|seconds| seconds.abs_diff(now) <= TOLERANCE_S)
}

/// The bytes of `v1,<base64>`. Other versions may stand beside it and are passed over.
fn tag(signature: &str) -> Option<Vec<u8>> {
    STANDARD.decode(signature.strip_prefix("v1,")?).ok().filter(|tag| tag.len() == 32)
}

const NO_SECRET: Reason = "there is no secret to compare with";

enum Answer {
    Yes,
    No,
    NoSecret,
}

/// Whether the secret, or the one before it, says yes. One that was pasted as a token need not be a key for signatures, and then says no.
fn any_slot(host: &dyn Host, ask: impl Fn(&str) -> Result<bool, SecretError>) -> Result<Answer, Error> {
    let mut answer = Answer::NoSecret;
    for slot in [WEBHOOK, WEBHOOK_PREVIOUS] {
        match ask(slot) {
            Ok(true) if arrival::counts(host, slot, &|| ask(slot) == Ok(true))? => return Ok(Answer::Yes),
            Ok(true) => answer = Answer::No,
            Ok(false) | Err(SecretError::NotAKey(_)) => answer = Answer::No,
            Err(SecretError::Empty(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}
