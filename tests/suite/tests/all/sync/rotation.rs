//! The webhook's secrets: one takes the other's place, and deliveries are verified all the while.

use super::hook_scene::Scene;
use crate::support::canary::Canary;
use gitlab_sim::Settings;
use gitlab_sync_host::sync::{Settings as Choice, WebhookDeed, WebhookEvents, WebhookMode, WebhookPlace};

#[tokio::test]
async fn two_secrets_are_good_while_one_takes_the_others_place() {
    let scene = Scene::of("19.1.0-ee").await;
    let (id, old) = (scene.hook().id, scene.product.webhook_secret().await);
    scene.assert_it_arrives("before\n").await;
    let under_way = scene.receiver.arrivals().pop().unwrap().delivery;
    let report = scene.rotate().await;
    assert!(report.webhook.settled && report.webhook.previous_until_ms.is_some_and(|until| until > 0), "{report:?}");
    let new = scene.product.webhook_secret().await;
    assert_ne!(new, old);
    assert_eq!(scene.hook().id, id, "in place");
    scene.assert_good("rotated").await;
    let verifies = async || {
        let verdict = scene.product.told(scene.product.connection.verify_webhook(under_way.clone()).await).unwrap();
        matches!(verdict, gitlab_sync_host::sync::Verdict::Verified(_))
    };
    assert!(verifies().await, "a delivery that was under way is still good");
    let hour = report.webhook.previous_until_ms.unwrap();
    scene.assert_it_arrives("after\n").await;
    let soon = scene.ensure().await.webhook.previous_until_ms.unwrap();
    assert!(hour - soon > 50 * 60_000, "the first delivery with the new one cuts the old one's time");
    assert!(verifies().await, "but not at once");
    scene.product.later(61);
    assert!(!verifies().await, "its time is over");
    assert_eq!(scene.ensure().await.webhook.previous_until_ms, None);
    scene.assert_it_arrives("much later\n").await;
}

#[tokio::test]
async fn where_a_person_pastes_it_the_old_secret_is_good_until_the_new_one_comes() {
    let scene = Scene::bare(Settings::default()).await;
    let manual = Choice { webhook: WebhookMode::Manual(Some(scene.receiver.url())), ..scene.auto() };
    scene.product.configure_as(manual).await.unwrap();
    let first = scene.product.webhook_secret().await;
    scene.paste(|hook| hook.token = Some(first.clone()));
    scene.assert_it_arrives("first\n").await;
    assert_eq!(scene.rotate().await.webhook.previous_until_ms, Some(0));
    scene.product.later(24 * 60 * 60);
    scene.assert_it_arrives("nobody has pasted it yet\n").await;
    let second = scene.product.webhook_secret().await;
    assert_ne!(second, first);
    scene.change(|hook| hook.token = Some(second));
    scene.assert_it_arrives("pasted\n").await;
    scene.product.later(61);
    scene.change(|hook| hook.token = Some(first));
    scene.receiver.forget();
    scene.push("with the old one\n").await;
    assert!(scene.receiver.events().is_empty());
}

#[tokio::test]
async fn a_secret_that_a_person_made_up_makes_way_for_one_that_can_sign() {
    let scene = Scene::bare(Settings { version: "19.1.0-ee".parse().unwrap(), ..Settings::default() }).await;
    let manual = Choice { webhook: WebhookMode::Manual(None), ..scene.auto() };
    scene.product.configure_as(manual).await.unwrap();
    scene.product.put_secret("webhook", "made up by a person").await;
    scene.paste(|hook| hook.token = Some("made up by a person".into()));
    scene.assert_it_arrives("typed\n").await;
    let report = scene.configure().await;
    assert_eq!((report.deed, report.webhook.settled, report.webhook.signed), (WebhookDeed::Adopted, true, true));
    scene.assert_good("adopted").await;
    scene.assert_it_arrives("signed\n").await;
}

#[tokio::test]
async fn a_role_that_is_lowered_during_a_rotation_leaves_both_secrets_good() {
    let scene = Scene::of("18.9.0-ee").await;
    scene.lab.admin().fault(gitlab_sim::Fault::on("PUT", "*/hooks/*", gitlab_sim::Effect::Answer(forbidden())));
    let report = scene.rotate().await;
    assert_eq!(report.webhook.by_hand.unwrap().code, "role-too-low");
    assert_eq!(report.webhook.previous_until_ms, Some(0), "until a person has pasted it");
    scene.product.later(24 * 60 * 60);
    scene.assert_it_arrives("with the old one\n").await;
    scene.lab.admin().clear_faults();
    let report = scene.ensure().await;
    assert!(report.webhook.settled && report.webhook.by_hand.is_none());
    scene.assert_good("role raised").await;
    scene.assert_it_arrives("with the new one\n").await;
}

fn forbidden() -> gitlab_sim::Canned {
    let (content_type, body) = (Some("application/json".into()), Some(r#"{"message":"403 Forbidden"}"#.into()));
    gitlab_sim::Canned { status: 403, content_type, body, headers: Vec::new() }
}

#[tokio::test]
async fn no_delivery_is_lost_while_secrets_are_rotated() {
    let scene = Scene::of("19.1.0-ee").await;
    for round in 0..5 {
        let rotating = async { scene.product.told(scene.product.connection.rotate_webhook().await) };
        let pushing = async {
            for number in 0..4 {
                scene.lab.commit(scene.project, scene.lab.edit("Edit\n").update("1.md", format!("{round} {number}\n")));
                tokio::task::yield_now().await;
            }
        };
        let (rotated, ()) = tokio::join!(rotating, pushing);
        rotated.unwrap();
        scene.lab.gitlab.deliveries().await;
    }
    let arrivals = scene.receiver.arrivals();
    assert_eq!(arrivals.len(), 20);
    assert!(arrivals.iter().all(|arrival| arrival.event.is_some()), "one was rejected");
}

#[tokio::test]
async fn calls_at_the_same_time_make_one_webhook_and_keep_one_secret() {
    for _ in 0..8 {
        let scene = Scene::bare(Settings::default()).await;
        let manual = Choice { webhook: WebhookMode::Manual(None), ..scene.auto() };
        scene.product.configure_as(manual).await.unwrap();
        let set = || {
            let mode = WebhookMode::Auto(scene.receiver.url());
            scene.product.connection.set_webhook(WebhookPlace::Project(scene.project), WebhookEvents::Pushes, mode)
        };
        let ensure = || scene.product.connection.ensure_webhook();
        let (a, b, c) = tokio::join!(set(), ensure(), ensure());
        for outcome in [a, b, c] {
            if let Err(refusal) = scene.product.told(outcome) {
                assert_eq!(refusal.code, "state-changed", "{refusal:?}");
            }
        }
        let settled = scene.ensure().await.webhook.settled;
        assert!(settled);
        scene.assert_good("at the same time").await;
        let (a, b) = tokio::join!(scene.product.connection.rotate_webhook(), scene.product.connection.rotate_webhook());
        for outcome in [a, b] {
            if let Err(refusal) = scene.product.told(outcome) {
                assert_eq!(refusal.code, "state-changed", "{refusal:?}");
            }
        }
        scene.ensure().await;
        scene.assert_good("rotated at the same time").await;
        scene.assert_it_arrives("edited\n").await;
    }
}

#[tokio::test]
async fn no_secret_of_a_webhook_is_anywhere_but_in_the_vault_and_in_gitlab() {
    let scene = Scene::of("19.1.0-ee").await;
    let first = Canary::of(&scene.product.webhook_secret().await);
    scene.rotate().await;
    let second = Canary::of(&scene.product.webhook_secret().await);
    // A branch whose name reads as if the host were to fill in a secret.
    scene.lab.commit(
        scene.project,
        gitlab_sim::CommitSpec::on("{{webhook}}", "B\n").by(scene.lab.alice).update("1.md", "b\n"),
    );
    let odd = Choice { branch: Some("{{webhook}}".into()), ..scene.auto() };
    scene.product.configure_as(odd).await.unwrap();
    assert_eq!(scene.hook().branches.pattern(), Some("{{webhook}}"));
    let checks = scene.product.told(scene.product.connection.check_webhook().await).unwrap();
    assert!(!format!("{checks:?}").contains("whsec_"));
    for canary in [&first, &second] {
        assert!(canary.found_in(scene.product.log().as_bytes()).is_empty());
        assert_eq!(canary.found_below(scene.product.folder()), Vec::<String>::new());
        let hook = scene.hook();
        let shown = format!("{} {:?} {:?}", hook.url, hook.description, hook.branches);
        assert!(canary.found_in(shown.as_bytes()).is_empty(), "{shown}");
    }
}
