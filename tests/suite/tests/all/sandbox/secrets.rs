//! Which secrets a guest can guess, use, send and see.

use crate::support::canary::Canary;
use crate::support::server::CAPTURED;
use crate::support::tenant::Tenant;
use gitlab_sync_host::secrets::names::SlotName;
use hostile_guest::Mode;

/// The token is still what it was.
async fn token_is_untouched(tenant: &Tenant) {
    let stored = tenant.vault.reveal(&tenant.id, &SlotName::parse("token").unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.secret.expose(), tenant.token.secret().as_bytes());
    tenant.stands().await;
}

pub(super) async fn guesses_are_counted() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::MatchesGuessing, "webhook\n40").await.seen();
    assert_eq!(seen.iter().filter(|line| *line == "Ok(false)").count(), 16, "{seen:?}");
    assert_eq!(seen.iter().filter(|line| *line == "Err(SecretError::Exhausted)").count(), 24, "{seen:?}");
    let uses = tenant.audit.records().iter().filter(|record| format!("{record:?}").contains("matches")).count();
    assert_eq!(uses, 40, "each guess is in the audit trail");
    token_is_untouched(&tenant).await;
}

/// The guest's only clock is the host's, and here it stands still. How long a comparison takes is measured in the host's own tests.
pub(super) async fn guesses_tell_nothing_but_the_answer() {
    let tenant = Tenant::usual().await;
    let secret = tenant.webhook.secret().to_owned();
    let candidates = (0..12).map(|right| format!("{}{}", &secret[..right], "x".repeat(secret.len() - right)));
    let lengths = ["x".to_owned(), "x".repeat(4_000)];
    let candidates: Vec<_> = candidates.chain(lengths).collect();
    let seen = tenant.run(Mode::MatchesTiming, format!("webhook\n{}", candidates.join("\n"))).await.seen();
    assert_eq!(seen, vec!["Ok(false) after 0 ms"; candidates.len()]);
    token_is_untouched(&tenant).await;
}

pub(super) async fn a_piece_of_a_signature_is_none() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::TagGuessing, "").await.seen();
    assert!(seen.iter().all(|line| !line.contains("Ok(true)")), "{seen:?}");
    assert_eq!(seen.iter().filter(|line| line.contains("Ok(false)")).count(), 16, "{seen:?}");
    token_is_untouched(&tenant).await;
}

pub(super) async fn only_listed_slots_exist() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::SlotNames, "").await.seen();
    assert!(seen.len() > 100);
    assert!(seen.iter().all(|line| line.contains("SecretError::Denied")), "{seen:?}");
    token_is_untouched(&tenant).await;
}

pub(super) async fn the_credential_is_no_slot_to_use() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::CredentialAsSlot, "token").await.seen();
    assert_eq!(seen[0], "status token: Ok(true)");
    assert!(seen[1..].iter().all(|line| line.contains("SecretError::Denied")), "{seen:?}");
    token_is_untouched(&tenant).await;
}

pub(super) async fn the_credential_cannot_be_moved() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::RenameCredential, "token").await.seen();
    assert!(seen[0].contains("Denied") && seen[2].contains("Denied") && seen[3].contains("Denied"), "{seen:?}");
    token_is_untouched(&tenant).await;
}

/// Only what these labels name was sent, and where it was sent is the path of the rule.
pub(super) async fn secrets_go_only_to_their_path(mode: Mode, allowed: &[&str]) {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(mode, "").await.seen();
    assert!(seen.len() >= 7);
    let sent = seen.iter().filter_map(|line| line.split_once(": reply ")).map(|(label, _)| label);
    assert_eq!(sent.collect::<Vec<_>>(), allowed, "{seen:?}");
    assert_eq!(tenant.server.requests().len(), allowed.len());
    for request in tenant.server.requests() {
        assert_eq!(request.line(), "POST /secret/1 HTTP/1.1");
        assert!(
            !request.head.contains("stolen") && !request.head.contains(tenant.webhook.secret()),
            "{}",
            request.head
        );
        assert_eq!(request.values("content-length"), [request.body.len().to_string()]);
    }
    token_is_untouched(&tenant).await;
}

pub(super) async fn only_listed_slots_go_out() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::ExchangeSlots, "token").await.seen();
    let sent: Vec<_> = seen.iter().filter(|line| line.contains(": reply ")).collect();
    // What is no placeholder goes out as the text it is.
    assert_eq!(sent.len(), 4, "{seen:?}");
    for request in tenant.server.requests() {
        let body = String::from_utf8_lossy(&request.body);
        assert!(body.contains("{{") || body.contains(tenant.webhook.secret()), "{body}");
    }
    token_is_untouched(&tenant).await;
}

pub(super) async fn placeholders_are_filled_once_and_only_in_texts() {
    let tenant = Tenant::usual().await;
    let seen = tenant.run(Mode::ExchangePlaceholders, "").await.seen();
    assert_eq!(seen.len(), 22);
    for request in tenant.server.requests() {
        let body = String::from_utf8_lossy(&request.body);
        let json = request.values("content-type") == ["application/json"];
        assert!(!json || serde_json::from_str::<serde_json::Value>(&body).is_ok(), "{body}");
        assert!(body.matches(tenant.webhook.secret()).count() <= 2, "{body}");
    }
    token_is_untouched(&tenant).await;
}

pub(super) async fn a_captured_secret_is_never_shown() {
    let tenant = Tenant::usual().await;
    let captured = Canary::of(CAPTURED);
    for path in ["1", "2"] {
        let seen = tenant.run(Mode::ExchangeCaptures, format!("{path}\n{}", captured.needles())).await.seen();
        assert_eq!(seen.len(), 8);
        assert!(seen.iter().all(|line| line.ends_with("found 0")), "{path}: {seen:?}");
    }
    let kept = tenant.vault.reveal(&tenant.id, &SlotName::parse("webhook-next").unwrap()).await.unwrap().unwrap();
    assert_eq!(kept.secret.expose(), CAPTURED.as_bytes());
    assert_eq!(captured.found_below(tenant.folder()), Vec::<String>::new());
    token_is_untouched(&tenant).await;
}

pub(super) async fn an_echoed_secret_is_never_shown() {
    let tenant = Tenant::usual().await;
    let needles = format!("{}\n{}", tenant.webhook.needles(), tenant.token.needles());
    let seen = tenant.run(Mode::ExchangeEcho, format!("3\n{needles}")).await.seen();
    assert!(seen[0].starts_with("echo: reply 200") && seen[0].ends_with("found 0"), "{seen:?}");
    let sent = tenant.server.requests();
    assert!(String::from_utf8_lossy(&sent[0].body).contains(tenant.webhook.secret()), "it was sent");
    token_is_untouched(&tenant).await;
}

/// A description, a hook's address: what a server was sent in one request it may show in the reply to another.
pub(super) async fn a_secret_that_was_sent_is_not_shown_later() {
    let tenant = Tenant::usual().await;
    let needles = format!("{}\n{}", tenant.webhook.needles(), tenant.token.needles());
    let seen = tenant.run(Mode::ParkedSecret, format!("/hostile/parked /open/parked\n{needles}")).await.seen();
    assert!(seen[0].starts_with("sent: reply 200"), "{seen:?}");
    assert!(String::from_utf8_lossy(&tenant.server.raw()).contains(tenant.webhook.secret()), "it was sent");
    assert!(seen[1..].iter().all(|line| line.contains("reply 200") && line.ends_with("found 0")), "{seen:?}");
    token_is_untouched(&tenant).await;
}
