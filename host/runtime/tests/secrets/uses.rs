//! The small methods: who may, how often, who hears of it, and that nothing is printed.

use std::sync::Arc;

use gitlab_sync_host::secrets::connection::{MAX_COMPARISONS, UseError};
use gitlab_sync_host::secrets::memory::MemoryStore;
use gitlab_sync_host::secrets::secret::{KeyForm, Recipe, Secret};

use crate::support::{Bench, Server, connection, slot, stored, text};

fn bench() -> Bench {
    Bench::new(Arc::new(MemoryStore::default()))
}

#[tokio::test]
async fn a_webhook_secret_is_made_compared_moved_and_forgotten_and_each_use_is_heard() {
    let bench = bench();
    let call = bench.call(Server::says(500, ""));
    call.generate("webhook", Recipe::Whsec).await.unwrap();
    let made = text(&bench.vault, "1", "webhook").await.unwrap();
    assert!(made.starts_with("whsec_"));
    assert!(call.matches("webhook", made.as_bytes()).await.unwrap());
    assert!(!call.matches("webhook", b"").await.unwrap());
    assert!(!call.verify_hmac_sha256("webhook", KeyForm::Whsec, b"message", &[0; 32]).await.unwrap());
    call.rename("webhook", "next").await.unwrap();
    assert!(matches!(call.matches("webhook", made.as_bytes()).await, Err(UseError::Empty(_))));
    assert!(call.status("webhook").await.unwrap().present.is_none());
    assert!(call.status("next").await.unwrap().present.is_some());
    call.forget("next").await.unwrap();
    assert_eq!(
        bench.heard.take(),
        [
            "generate webhook done",
            "matches webhook right",
            "matches webhook wrong",
            "verify webhook wrong",
            "rename webhook done",
            "rename next done",
            "matches webhook empty",
            "forget next done"
        ]
    );
}

#[tokio::test]
async fn what_the_profile_does_not_list_is_denied_and_heard() {
    let bench = bench();
    let call = bench.call(Server::says(500, ""));
    bench.vault.put(&connection("1"), &slot("token"), &stored("canary")).await.unwrap();
    bench.vault.put(&connection("1"), &slot("hidden"), &stored("canary")).await.unwrap();
    let denied = |error: UseError| assert!(matches!(error, UseError::Denied(_)), "{error}");
    for name in ["token", "hidden", "@key", "@pending:token", "", "../x"] {
        denied(call.generate(name, Recipe::Hex).await.unwrap_err());
        denied(call.rename(name, "webhook").await.unwrap_err());
        denied(call.rename("webhook", name).await.unwrap_err());
        denied(call.forget(name).await.unwrap_err());
        denied(call.matches(name, b"a-canary").await.unwrap_err());
        denied(call.verify_hmac_sha256(name, KeyForm::Text, b"", b"").await.unwrap_err());
    }
    denied(call.verify_hmac_sha256("look", KeyForm::Text, b"", b"").await.unwrap_err());
    call.status("token").await.unwrap();
    denied(call.status("hidden").await.unwrap_err());
    assert!(bench.heard.take().iter().all(|line| line.ends_with(" denied")));
    assert_eq!(text(&bench.vault, "1", "token").await.as_deref(), Some("canary"));
}

#[tokio::test]
async fn a_call_has_sixteen_comparisons_and_the_next_call_has_its_own() {
    let bench = bench();
    let call = bench.call(Server::says(500, ""));
    call.put("webhook", Secret::new("a-canary").unwrap(), None).await.unwrap();
    for _ in 0..MAX_COMPARISONS / 2 {
        assert!(call.matches("webhook", b"a-canary").await.unwrap());
        call.verify_hmac_sha256("webhook", KeyForm::Text, b"", b"").await.unwrap();
    }
    for _ in 0..3 {
        assert!(matches!(call.matches("webhook", b"a-canary").await, Err(UseError::Exhausted)));
        let verified = call.verify_hmac_sha256("webhook", KeyForm::Text, b"", b"").await;
        assert!(matches!(verified, Err(UseError::Exhausted)));
    }
    assert!(bench.call(Server::says(500, "")).matches("webhook", b"a-canary").await.unwrap());
}

#[tokio::test]
async fn a_secret_that_is_no_signing_key_is_an_error_and_not_a_wrong_signature() {
    let bench = bench();
    let call = bench.call(Server::says(500, ""));
    call.put("webhook", Secret::new("plain-canary").unwrap(), None).await.unwrap();
    let error = call.verify_hmac_sha256("webhook", KeyForm::Whsec, b"", b"").await.unwrap_err();
    assert_eq!(error.to_string(), "the secret in slot `webhook` is not `whsec_` and base64");
}

#[tokio::test]
async fn nothing_that_can_be_printed_prints_a_secret() {
    let bench = bench();
    let call = bench.call(Server::says(500, ""));
    call.put("token", Secret::new("canary-token").unwrap(), Some(7)).await.unwrap();
    let stored = call.reveal("token").await.unwrap();
    assert_eq!((stored.secret.expose(), stored.expires_ms), (b"canary-token".as_slice(), Some(7)));
    // A secret given where a name belongs is cut, too short to be of use.
    let misplaced = call.matches("glpat-canary-in-the-wrong-place", b"x").await.unwrap_err();
    let printed = format!(
        "{stored:?} {:?} {:?} {misplaced} {misplaced:?} {:?}",
        bench.vault,
        call.status("token").await.unwrap(),
        bench.heard.take(),
    );
    assert!(!printed.contains("canary-token") && !printed.contains("canary-in"), "{printed}");
}
