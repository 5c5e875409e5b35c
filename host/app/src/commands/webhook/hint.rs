//! What people run into with deliveries that were saved.

use super::saved::Saved;
use crate::cli::WebhookVerify;
use gitlab_sync_host::sync::{Event, Verdict, Work};
use jiff::Timestamp;

/// What GitLab's own log of deliveries has instead of the token.
const HIDDEN: &str = "[REDACTED]";
/// The connector's tolerance, in seconds.
const FRESH_S: u64 = 300;

/// When a delivery says that it was signed, if that is too far from when it is judged.
pub(super) fn out_of_time(saved: &Saved, now_ms: u64) -> Option<u64> {
    saved.header("webhook-signature")?;
    let signed: u64 = saved.header("webhook-timestamp")?.trim().parse().ok()?;
    (signed.abs_diff(now_ms / 1_000) > FRESH_S).then_some(signed)
}

/// Of a delivery that is out of time, given what it would be in its time.
pub(super) fn timely(signed: u64, then: &Verdict) -> String {
    let how = format!("a saved delivery is judged as of when it came with `--received-at {signed}`");
    let when = i64::try_from(signed).ok().and_then(|it| Timestamp::from_second(it).ok());
    let when = when.map_or_else(|| "then".to_owned(), |time| format!("as of then, {time},"));
    match then {
        Verdict::Verified(_) => format!("{how}; {when} its signature is right"),
        Verdict::Rejected(reason) => format!("{how}; {when} it is rejected too: {reason}"),
    }
}

/// Of one that was rejected for something else.
pub(super) fn rejected(saved: &Saved) -> Option<&'static str> {
    let has = |name: &str| saved.header(name).is_some();
    if saved.header("x-gitlab-token") == Some(HIDDEN) {
        return Some("GitLab's log hides the token; save a delivery where it arrives");
    }
    if saved.delivery.headers.is_empty() {
        return Some("no header was read; give them as they were received, one `Name: value` per line");
    }
    if ["object_kind", "event_name", "object_attributes", "ref"].into_iter().any(has) {
        return Some("the headers look like a body: `--headers` and `--body` may be swapped");
    }
    if !has("webhook-signature") {
        return None;
    }
    let body = &saved.delivery.body;
    if body.starts_with(b"\xef\xbb\xbf") {
        return Some("the body starts with a byte order mark, which GitLab does not send: save it byte for byte");
    }
    if body.ends_with(b"\n") {
        return Some("the body ends with a line break, which GitLab does not send: save it byte for byte");
    }
    body.contains(&b'\n')
        .then_some("the body has lines, and GitLab sends one: save it byte for byte, not as it is shown")
}

/// Of one that is verified, and yet asks for nothing.
pub(super) fn idle(
    event: &Event,
    saved: &Saved,
    arguments: &WebhookVerify,
    is_unconnected: bool,
) -> Option<&'static str> {
    if !matches!(event.work[..], [Work::Nothing(_)]) {
        return None;
    }
    let body = saved.delivery.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&saved.delivery.body);
    if serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err() {
        return Some("the body is not JSON; a whole delivery says more");
    }
    if !matches!(event.kind.as_str(), "push" | "repository_update") {
        return None;
    }
    if event.project.is_none() || event.moves.is_empty() {
        return Some("a template of the webhook's owner needs `project_id` and `ref` to wake a sync");
    }
    (is_unconnected && arguments.project.is_none())
        .then_some("say what is synced with `--project ID` and `--branch NAME`")
}
