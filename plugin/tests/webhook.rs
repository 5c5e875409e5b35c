//! Deliveries judged against a vault that compares for real.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use gitlab_sync_connector::host::Secrets as _;
use gitlab_sync_connector::webhook::{Delivery, Event, Proof, Verdict, Work, verify};
use proptest::prelude::*;
use support::{Memory, NOW_S, configured, settings};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const OTHER: &str = "whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const PUSH: &str = r#"{"object_kind":"push","project_id":7,"ref":"refs/heads/main","before":"aa","after":"bb"}"#;

fn host() -> Memory {
    let host = configured(settings());
    host.set_secret("webhook", SECRET);
    host
}

fn delivery(headers: &[(&str, &str)], body: &str) -> Delivery {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Delivery { headers, body: body.as_bytes().to_vec() }
}

fn signed(secret: &str, at: u64, body: &str) -> Delivery {
    let time = at.to_string();
    let signature = format!("v1,{}", support::sign(secret, &format!("id-1.{time}.{body}")));
    delivery(&[("Webhook-Id", "id-1"), ("webhook-timestamp", &time), ("webhook-signature", &signature)], body)
}

fn verified(host: &Memory, delivery: &Delivery) -> Event {
    match verify(host, delivery, None).unwrap() {
        Verdict::Verified(event) => *event,
        Verdict::Rejected(reason) => panic!("rejected: {reason}"),
    }
}

fn is_rejected(host: &Memory, delivery: &Delivery) -> bool {
    matches!(verify(host, delivery, None).unwrap(), Verdict::Rejected(_))
}

#[test]
fn a_token_or_a_signature_proves_the_sender_and_both_must_hold_where_both_are_there() {
    let host = host();
    let token = delivery(&[("X-Gitlab-Token", SECRET)], PUSH);
    assert_eq!(verified(&host, &token).proof, Proof::Token);
    assert_eq!(verified(&host, &signed(SECRET, NOW_S, PUSH)).proof, Proof::Signature);
    let mut both = signed(SECRET, NOW_S, PUSH);
    both.headers.push(("x-gitlab-token".into(), SECRET.into()));
    assert_eq!(verified(&host, &both).proof, Proof::Signature);
    both.headers.last_mut().unwrap().1 = OTHER.into();
    assert!(is_rejected(&host, &both), "a good signature does not excuse a wrong token");
    let mut forged = signed(OTHER, NOW_S, PUSH);
    forged.headers.push(("x-gitlab-token".into(), SECRET.into()));
    assert!(is_rejected(&host, &forged), "a good token does not excuse a wrong signature");
}

#[test]
fn without_a_proof_or_a_secret_everything_is_rejected() {
    let empty = Memory::default();
    let host = host();
    for headers in [&[][..], &[("x-gitlab-token", "")], &[("x-gitlab-token", SECRET), ("X-Gitlab-Token", SECRET)]] {
        assert!(is_rejected(&host, &delivery(headers, PUSH)), "{headers:?}");
        assert!(is_rejected(&empty, &delivery(headers, PUSH)), "{headers:?}");
    }
    assert!(is_rejected(&empty, &delivery(&[("x-gitlab-token", SECRET)], PUSH)));
    assert!(is_rejected(&empty, &signed(SECRET, NOW_S, PUSH)));
}

#[test]
fn a_signed_time_may_be_five_minutes_off_and_no_more() {
    let host = host();
    for (at, good) in
        [(NOW_S, true), (NOW_S - 300, true), (NOW_S + 300, true), (NOW_S - 301, false), (NOW_S + 301, false)]
    {
        assert_eq!(is_rejected(&host, &signed(SECRET, at, PUSH)), !good, "{at}");
    }
    for time in ["", "+5", "1e9", "soon"] {
        let mut delivery = signed(SECRET, NOW_S, PUSH);
        delivery.headers[1].1 = time.into();
        assert!(is_rejected(&host, &delivery), "{time}");
    }
}

#[test]
fn one_of_several_signatures_is_enough_and_other_versions_are_passed_over() {
    let host = host();
    let good = signed(SECRET, NOW_S, PUSH).headers[2].1.clone();
    let bad = signed(OTHER, NOW_S, PUSH).headers[2].1.clone();
    for (signatures, accepted) in [
        (format!("{bad} {good}"), true),
        (format!("v2,AAAA {good}"), true),
        (format!("{good}x"), false),
        (good.replace("v1,", "v1="), false),
        (String::new(), false),
    ] {
        let mut delivery = signed(SECRET, NOW_S, PUSH);
        delivery.headers[2].1.clone_from(&signatures);
        assert_eq!(is_rejected(&host, &delivery), !accepted, "{signatures}");
    }
}

#[test]
fn as_many_signatures_are_looked_at_as_the_host_compares() {
    let host = host();
    let good = signed(SECRET, NOW_S, PUSH).headers[2].1.clone();
    let bad = signed(OTHER, NOW_S, PUSH).headers[2].1.clone();
    for (before, accepted) in [(6, true), (7, false)] {
        let mut delivery = signed(SECRET, NOW_S, PUSH);
        delivery.headers[2].1 = format!("{}{good}", format!("{bad} ").repeat(before));
        assert_eq!(is_rejected(&host, &delivery), !accepted, "{before}");
    }
}

#[test]
fn names_in_any_case_order_and_white_space_are_the_same_headers() {
    let host = host();
    let mut delivery = signed(SECRET, NOW_S, PUSH);
    delivery.headers.push(("X-GITLAB-TOKEN ".into(), format!(" {SECRET}\t")));
    for (name, value) in &mut delivery.headers {
        *name = name.to_ascii_uppercase();
        *value = format!("\t {value} ");
    }
    let signatures = &mut delivery.headers[2].1;
    *signatures = format!("v1a,AAAA \t {}  v2,x", signatures.trim());
    for _ in 0..delivery.headers.len() {
        delivery.headers.rotate_left(1);
        assert_eq!(verified(&host, &delivery).proof, Proof::Signature, "{:?}", delivery.headers);
    }
    delivery.headers.push(("Webhook-Id".into(), "id-1".into()));
    assert!(is_rejected(&host, &delivery), "whoever stands before us might read the other one");
}

#[test]
fn a_hook_on_its_way_from_a_token_to_a_signature_sends_both_each_of_its_own_secret() {
    let host = host();
    let pasted = "a token that is no key";
    for (now, before) in [(SECRET, pasted), (pasted, SECRET)] {
        host.set_secret("webhook", now);
        host.set_secret("webhook-previous", before);
        let mut both = signed(SECRET, NOW_S, PUSH);
        both.headers.push(("X-Gitlab-Token".into(), pasted.into()));
        assert_eq!(verified(&host, &both).proof, Proof::Signature);
        assert_eq!(verified(&host, &delivery(&[("X-Gitlab-Token", pasted)], PUSH)).proof, Proof::Token);
        assert!(is_rejected(&host, &signed(OTHER, NOW_S, PUSH)));
        let token_as_signature =
            delivery(&[("webhook-signature", pasted), ("webhook-id", "1"), ("webhook-timestamp", "1")], PUSH);
        assert!(is_rejected(&host, &token_as_signature));
    }
    host.forget("webhook-previous").unwrap();
    host.set_secret("webhook", pasted);
    assert!(is_rejected(&host, &signed(SECRET, NOW_S, PUSH)), "without a key nothing is signed");
}

#[test]
fn since_19_0_an_id_and_a_time_may_come_without_a_signature() {
    let time = NOW_S.to_string();
    let headers = [("webhook-id", "id-9"), ("webhook-timestamp", &*time)];
    assert!(is_rejected(&host(), &delivery(&headers, PUSH)));
    let with_token = [&headers[..], &[("X-Gitlab-Token", SECRET)]].concat();
    let event = verified(&host(), &delivery(&with_token, PUSH));
    assert_eq!((event.proof, event.deduplication_key.as_str()), (Proof::Token, "id-9"));
}

#[test]
fn two_secrets_live_during_a_rotation() {
    let host = host();
    host.set_secret("webhook-previous", OTHER);
    assert_eq!(verified(&host, &signed(OTHER, NOW_S, PUSH)).proof, Proof::Signature);
    assert_eq!(verified(&host, &delivery(&[("x-gitlab-token", OTHER)], PUSH)).proof, Proof::Token);
    host.forget("webhook-previous").unwrap();
    assert!(is_rejected(&host, &signed(OTHER, NOW_S, PUSH)));
}

#[test]
fn only_a_push_to_our_branch_of_our_project_is_work() {
    let host = host();
    for (body, kind, pulls) in [
        (PUSH, "push", true),
        (r#"{"event_name":"push","project":{"id":7},"ref":"refs/heads/main"}"#, "push", true),
        (r#"{"object_kind":"push","project_id":7,"ref":"refs/heads/main","after":"0000000000"}"#, "push", true),
        (
            r#"{"event_name":"repository_update","project_id":7,"refs":["refs/tags/v1","refs/heads/main"]}"#,
            "repository_update",
            true,
        ),
        (r#"{"object_kind":"push","project_id":8,"ref":"refs/heads/main"}"#, "push", false),
        (r#"{"object_kind":"push","ref":"refs/heads/main"}"#, "push", false),
        (r#"{"object_kind":"push","project_id":7,"ref":"refs/heads/main2"}"#, "push", false),
        (r#"{"object_kind":"push","project_id":7,"ref":"refs/tags/main"}"#, "push", false),
        (r#"{"object_kind":"tag_push","project_id":7,"ref":"refs/tags/main"}"#, "tag_push", false),
        (r#"{"object_kind":"merge_request","project":{"id":7}}"#, "merge_request", false),
        (r#"{"event_name":"project_rename","project_id":7}"#, "project_rename", false),
        ("[1,2]", "system", false),
        ("not json", "system", false),
    ] {
        let delivery = delivery(&[("x-gitlab-token", SECRET), ("X-Gitlab-Event", "System Hook")], body);
        let event = verified(&host, &delivery);
        assert_eq!((event.kind.as_str(), matches!(event.work[..], [Work::Pull(_)])), (kind, pulls), "{body}");
    }
}

#[test]
fn repeats_have_one_key_and_different_deliveries_have_different_ones() {
    let host = host();
    let key = |headers: &[(&str, &str)], body: &str| {
        let headers = [&[("x-gitlab-token", SECRET)], headers].concat();
        verified(&host, &delivery(&headers, body)).deduplication_key
    };
    assert_eq!(key(&[("Idempotency-Key", "k-1"), ("webhook-id", "other")], PUSH), "k-1");
    assert_eq!(key(&[("webhook-id", "w-1")], PUSH), "w-1");
    assert_eq!(key(&[], PUSH), key(&[("x-gitlab-webhook-uuid", "random")], PUSH), "older servers send no key");
    assert_ne!(key(&[], PUSH), key(&[], &PUSH.replace("bb", "cc")));
    // From A to B, back to A and to B again: the third is no repeat of the first.
    let event = |id| key(&[("x-gitlab-event-uuid", id)], PUSH);
    assert_eq!(event("one"), event("one"));
    assert_ne!(event("one"), event("two"));
    assert_ne!(key(&[], "[1]"), key(&[], "[2]"));
    let long = "k".repeat(500);
    assert!(key(&[("idempotency-key", &long)], PUSH).starts_with("sha1:"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Of a signed delivery every byte that was signed is protected, and so is every byte of the proof.
    #[test]
    fn a_flipped_bit_anywhere_is_rejected(place in 0..1_000_usize, bit in 0..7_u8) {
        let host = host();
        let mut delivery = signed(SECRET, NOW_S, PUSH);
        let signature = delivery.headers[2].1.len();
        let (header, at) = match place % (PUSH.len() + signature + 14) {
            at if at < PUSH.len() => (None, at),
            at if at < PUSH.len() + signature => (Some(2), at - PUSH.len()),
            at if at < PUSH.len() + signature + 4 => (Some(0), at - PUSH.len() - signature),
            at => (Some(1), at - PUSH.len() - signature - 4),
        };
        match header {
            None => delivery.body[at] ^= 1 << bit,
            Some(header) => {
                let mut bytes = delivery.headers[header].1.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                delivery.headers[header].1 = String::from_utf8(bytes).unwrap();
            }
        }
        prop_assert!(is_rejected(&host, &delivery));
    }
}
