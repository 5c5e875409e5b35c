//! The webhook in GitLab: made, put right, woken and removed by the connector, with deliveries that arrive.

use super::hook_scene::{Scene, hooks_of, product};
use super::receiver::Receiver;
use gitlab_sim::hooks::branch_filter::BranchFilter;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::hooks::trigger::Trigger;
use gitlab_sim::{AccessLevel, Settings, Source, Tier, TokenSpec, Visibility};
use gitlab_sync_host::sync::{
    CheckOutcome, Settings as Choice, WebhookDeed, WebhookEvents, WebhookMode, WebhookPlace, WebhookReport,
};
use std::collections::BTreeSet;

/// What somebody does to a hook by hand, and what is put right then.
type Change = (fn(&mut Hook), &'static [&'static str]);

#[tokio::test]
async fn a_push_reaches_the_receiver_and_is_verified() {
    for (version, signed) in [("16.11.0-ee", false), ("18.9.0-ee", false), ("19.1.0-ee", true)] {
        let scene = Scene::of(version).await;
        scene.assert_good(version).await;
        assert_eq!(scene.hook().signing.is_some(), signed, "{version}");
        scene.assert_it_arrives("edited\n").await;
        let (report, asked) = scene.lab.requests(scene.ensure()).await;
        assert_eq!(
            (report.deed, report.webhook.settled, report.webhook.signed),
            (WebhookDeed::Unchanged, true, signed)
        );
        assert!(asked.len() <= 2 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    }
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_put_right_in_place() {
    let scene = Scene::of("19.1.0-ee").await;
    let id = scene.hook().id;
    let cases: [Change; 9] = [
        (|hook| hook.url = "https://elsewhere.example.com/".into(), &["URL"]),
        (|hook| hook.triggers = [Trigger::Push, Trigger::Issues].into(), &["events"]),
        (|hook| hook.triggers = [Trigger::TagPush].into(), &["events"]),
        (|hook| hook.branches = BranchFilter::Wildcard(Some("release/*".into())), &["branch filter"]),
        (|hook| hook.branches = BranchFilter::Regex("main".into()), &["branch filter"]),
        (|hook| hook.verify_tls = false, &["TLS verification"]),
        (|hook| hook.template = Some("{}".into()), &["template"]),
        (|hook| hook.token = Some("typed beside the key".into()), &["token"]),
        (|hook| hook.signing = None, &["secret", "signing"]),
    ];
    for (change, expected) in cases {
        scene.change(change);
        let report = scene.ensure().await;
        assert_eq!(
            (report.deed, report.repaired),
            (WebhookDeed::Repaired, expected.iter().map(|it| (*it).into()).collect())
        );
        assert_eq!(scene.hook().id, id, "in place");
        scene.assert_good(expected[0]).await;
        assert!(scene.hook().signing.is_some());
    }
    scene.assert_it_arrives("edited\n").await;
}

#[tokio::test]
async fn a_deleted_webhook_is_made_again_and_one_with_our_url_is_adopted() {
    let scene = Scene::of("18.9.0-ee").await;
    scene.delete();
    assert_eq!(scene.ensure().await.deed, WebhookDeed::Created);
    scene.assert_good("deleted").await;
    scene.delete();
    let pasted = scene.paste(|hook| hook.token = Some("what a person typed".into()));
    let other = scene.paste(|hook| hook.url = "https://elsewhere.example.com/".into());
    let report = scene.ensure().await;
    assert_eq!((report.deed, report.webhook.hook), (WebhookDeed::Adopted, Some(pasted)));
    let all = scene.hooks();
    assert_eq!(all.iter().map(|hook| hook.id).collect::<Vec<_>>(), [pasted, other]);
    assert_eq!(all[1].url, "https://elsewhere.example.com/", "others are not touched");
    scene.assert_it_arrives("edited\n").await;
}

#[tokio::test]
async fn a_second_one_with_our_url_goes_and_another_installations_stays() {
    let scene = Scene::of("18.9.0-ee").await;
    let ours = scene.hook().id;
    scene.paste(|_| {});
    let theirs = scene
        .paste(|hook| hook.description = Some("Kept by gitlab-sync (theirs). Changes made here are undone.".into()));
    let report = scene.ensure().await;
    assert_eq!(report.repaired, ["duplicate"]);
    assert_eq!(scene.hooks().iter().map(|hook| hook.id).collect::<Vec<_>>(), [ours, theirs]);
}

#[tokio::test]
async fn a_disabled_webhook_is_woken_by_a_test_that_arrives() {
    let scene = Scene::of("18.9.0-ee").await;
    scene.lab.admin().settings(|settings| settings.hooks.auto_disable = true);
    for failures in [4, 45] {
        let app = scene.lab.admin().app().clone();
        scene.change(|hook| {
            for failure in 0..failures {
                let later = app.now() + std::time::Duration::from_secs(failure * 86_401);
                hook.breaker.fail(later);
            }
        });
        scene.receiver.answer(500);
        let refused = scene.product.told(scene.product.connection.ensure_webhook().await).unwrap_err();
        assert_eq!(refused.code, "hook-disabled", "{refused:?}");
        scene.receiver.answer(0);
        scene.receiver.forget();
        let report = scene.ensure().await;
        assert_eq!((report.deed, report.repaired), (WebhookDeed::Repaired, vec!["disabled".to_owned()]), "{failures}");
        assert_eq!(scene.receiver.events().len(), 1);
        scene.assert_it_arrives(&format!("after {failures}\n")).await;
        assert_eq!(scene.ensure().await.deed, WebhookDeed::Unchanged);
        scene.lab.admin().app().limiter.reset();
    }
}

#[tokio::test]
async fn where_no_test_can_be_made_a_new_webhook_takes_the_disabled_ones_place() {
    let scene = Scene::of("16.10.0-ee").await;
    scene.lab.admin().settings(|settings| settings.hooks.auto_disable = true);
    let (id, now) = (scene.hook().id, scene.lab.admin().app().now());
    scene.change(|hook| (0..5).for_each(|_| hook.breaker.fail(now)));
    assert_eq!(scene.ensure().await.repaired, ["disabled"]);
    assert_ne!(scene.hook().id, id);
    scene.assert_good("made anew").await;
    scene.assert_it_arrives("edited\n").await;
}

#[tokio::test]
async fn what_takes_a_person_is_said_with_its_reason_and_done_when_it_can_be() {
    let scene = Scene::bare(Settings::default()).await;
    let admin = scene.lab.admin();
    admin.add_member(Source::Project(scene.project), scene.lab.alice, AccessLevel::Developer);
    let by_hand = |report: &WebhookReport| report.webhook.by_hand.clone().map(|error| error.code);
    let configured = scene.product.configure_as(scene.auto()).await.unwrap();
    assert_eq!(by_hand(&configured.webhook.unwrap()).as_deref(), Some("role-too-low"));
    assert!(configured.warnings.iter().any(|line| line.contains("Maintainer")), "{:?}", configured.warnings);
    assert!(!scene.product.webhook_secret().await.is_empty(), "there is something to paste");
    admin.add_member(Source::Project(scene.project), scene.lab.alice, AccessLevel::Maintainer);
    admin.settings(|settings| settings.hooks.per_project = 0);
    assert_eq!(by_hand(&scene.ensure().await).as_deref(), Some("hook-limit"));
    admin.settings(|settings| (settings.hooks.per_project, settings.hooks.allow_local) = (100, false));
    assert_eq!(by_hand(&scene.ensure().await).as_deref(), Some("hook-url"));
    admin.settings(|settings| settings.hooks.allow_local = true);
    let narrow = admin.create_token(TokenSpec::personal(scene.lab.alice, &["read_api"])).secret;
    scene.product.put_token(&narrow).await;
    let report = scene.ensure().await;
    assert_eq!((by_hand(&report).as_deref(), report.webhook.settled), (Some("token-scope"), false));
    scene.product.put_token(scene.lab.canary.secret()).await;
    let report = scene.ensure().await;
    assert_eq!((report.deed, by_hand(&report), report.webhook.settled), (WebhookDeed::Created, None, true));
    scene.assert_it_arrives("edited\n").await;
    // The role is lowered after all was well: what GitLab has still works, and it is no longer called settled.
    admin.add_member(Source::Project(scene.project), scene.lab.alice, AccessLevel::Developer);
    let report = scene.ensure().await;
    assert_eq!((by_hand(&report).as_deref(), report.webhook.settled), (Some("role-too-low"), false));
    scene.assert_it_arrives("and again\n").await;
}

#[tokio::test]
async fn the_host_lets_webhooks_call_the_granted_url_and_no_other() {
    let scene = Scene::bare(Settings::default()).await;
    let elsewhere = Choice { webhook: WebhookMode::Auto("https://elsewhere.example.com/x".into()), ..scene.auto() };
    let report = scene.product.configure_as(elsewhere).await.unwrap().webhook.unwrap();
    let error = report.webhook.by_hand.unwrap();
    assert!(error.code == "denied" && error.message.contains("webhook-url"), "{error:?}");
    assert!(scene.hooks().is_empty());
    for bad in ["ftp://h/x", "https://", "https://me:pass@h/x", "https://h/{{webhook}}", "https://h/a b", "h/x"] {
        let choice = Choice { webhook: WebhookMode::Auto(bad.into()), ..scene.auto() };
        assert_eq!(scene.product.configure_as(choice).await.unwrap_err().code, "invalid-settings", "{bad}");
    }
}

#[tokio::test]
async fn a_group_has_one_webhook_for_all_below_it() {
    let scene = Scene::bare(Settings { tier: Tier::Premium, ..Settings::default() }).await;
    let admin = scene.lab.admin();
    let group = admin.create_group("demo", Visibility::Private);
    let product = product(&scene.lab, &scene.receiver.url()).await;
    let product = product.granting(|grant| grant.profile = Some("records-read-only-with-webhook".into())).await;
    let place = WebhookPlace::Group(group);
    let follow = async || {
        let mode = WebhookMode::Auto(scene.receiver.url());
        product.told(product.connection.set_webhook(place, WebhookEvents::Records, mode).await).unwrap()
    };
    admin.add_member(Source::Group(group), scene.lab.alice, AccessLevel::Maintainer);
    assert_eq!(follow().await.webhook.by_hand.unwrap().code, "tier-required");
    admin.add_member(Source::Group(group), scene.lab.alice, AccessLevel::Owner);
    admin.settings(|settings| settings.tier = Tier::Free);
    assert_eq!(follow().await.webhook.by_hand.unwrap().code, "tier-required");
    admin.settings(|settings| settings.tier = Tier::Premium);
    assert_eq!(follow().await.deed, WebhookDeed::Created);
    let hooks = hooks_of(&scene.lab, Owner::Group(group));
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].triggers, BTreeSet::from([Trigger::MergeRequests, Trigger::Note]));
    assert_eq!(follow().await.deed, WebhookDeed::Unchanged);
    // Leaving takes it away; a project's goes the same way.
    let mode = WebhookMode::Auto(scene.receiver.url());
    let project = WebhookPlace::Project(scene.project);
    product.told(product.connection.set_webhook(project, WebhookEvents::Records, mode).await).unwrap();
    assert!(hooks_of(&scene.lab, Owner::Group(group)).is_empty());
    assert_eq!(scene.hook().triggers, BTreeSet::from([Trigger::MergeRequests, Trigger::Note]));
    assert_eq!(product.told(product.connection.disconnect().await).unwrap(), Vec::<String>::new());
    assert!(scene.hooks().is_empty());
}

#[tokio::test]
async fn a_webhook_goes_with_its_connection_and_a_dead_token_keeps_nobody() {
    let scene = Scene::of("18.9.0-ee").await;
    let other = scene.paste(|hook| hook.url = "https://elsewhere.example.com/".into());
    let old = scene.product.webhook_secret().await;
    assert_eq!(scene.product.told(scene.product.connection.disconnect().await).unwrap(), Vec::<String>::new());
    assert_eq!(scene.hooks().iter().map(|hook| hook.id).collect::<Vec<_>>(), [other]);
    scene.lab.admin().app().world_mut().hooks.remove(other);
    scene.configure().await;
    assert_ne!(scene.product.webhook_secret().await, old);
    let hook = scene.hook().id;
    scene.lab.admin().revoke_token(scene.lab.token);
    let left = scene.product.told(scene.product.connection.disconnect().await).unwrap();
    assert!(left.len() == 1 && left[0].starts_with(&format!("webhook {hook} of project")), "{left:?}");
    assert!(scene.product.told(scene.product.connection.status().await).unwrap().webhook.is_none());
    scene.receiver.forget();
    scene.push("after the end\n").await;
    assert!(
        scene.receiver.arrivals().len() == 1 && scene.receiver.events().is_empty(),
        "its secret is good for nothing"
    );
}

#[tokio::test]
async fn another_project_branch_or_mode_takes_the_webhook_along() {
    let scene = Scene::of("18.9.0-ee").await;
    let other = scene.lab.project_with("acme/other", &[("1.md", "one\n")]);
    let choice = Choice { target: gitlab_sync_host::sync::Target::Existing(other), ..scene.auto() };
    scene.product.configure_as(choice).await.unwrap();
    assert!(scene.hooks().is_empty());
    assert_eq!(hooks_of(&scene.lab, Owner::Project(other)).len(), 1);
    scene.configure().await;
    assert!(hooks_of(&scene.lab, Owner::Project(other)).is_empty());
    scene
        .lab
        .commit(scene.project, gitlab_sim::CommitSpec::on("next", "Next\n").by(scene.lab.alice).update("1.md", "n\n"));
    let id = scene.hook().id;
    let next = Choice { branch: Some("next".into()), ..scene.auto() };
    let report = scene.product.configure_as(next).await.unwrap().webhook.unwrap();
    assert_eq!((report.repaired, scene.hook().id), (vec!["branch filter".to_owned()], id));
    let none = Choice { webhook: WebhookMode::None, ..scene.auto() };
    let report = scene.product.configure_as(none).await.unwrap().webhook.unwrap();
    assert_eq!(report.deed, WebhookDeed::Removed);
    assert!(scene.hooks().is_empty());
    scene.paste(|hook| hook.token = Some("anything".into()));
    scene.push("nobody hears\n").await;
    assert!(scene.receiver.events().is_empty());
}

#[tokio::test]
async fn two_installations_have_a_webhook_each() {
    let scene = Scene::of("18.9.0-ee").await;
    let theirs = Receiver::start().await;
    let other = product(&scene.lab, &theirs.url()).await;
    theirs.judged_by(&other.connection);
    let choice = Choice {
        webhook: WebhookMode::Auto(theirs.url()),
        owner: Some("other".into()),
        directories: vec!["x".into()],
        ..scene.auto()
    };
    other.configure_as(choice).await.unwrap();
    assert_eq!(scene.hooks().len(), 2);
    assert_eq!(scene.ensure().await.deed, WebhookDeed::Unchanged);
    scene.push("edited\n").await;
    assert_eq!((scene.receiver.events().len(), theirs.events().len()), (1, 1));
    other.told(other.connection.disconnect().await).unwrap();
    scene.assert_good("the other one left").await;
}

#[tokio::test]
async fn a_secret_that_gitlab_lost_is_noticed_by_the_deliveries_that_are_refused() {
    let scene = Scene::of("18.9.0-ee").await;
    scene.change(|hook| hook.token = Some("typed over by hand".into()));
    scene.push("refused\n").await;
    assert!(scene.receiver.events().is_empty());
    let report = scene.ensure().await;
    assert_eq!((report.deed, report.repaired), (WebhookDeed::Repaired, vec!["secret".to_owned()]));
    assert_eq!(scene.ensure().await.deed, WebhookDeed::Unchanged, "once for each delivery");
    scene.assert_it_arrives("edited\n").await;
}

#[tokio::test]
async fn the_checklist_finds_what_is_wrong_and_changes_nothing() {
    let scene = Scene::of("19.1.0-ee").await;
    scene.assert_it_arrives("edited\n").await;
    let failed = async || {
        let (checks, asked) = scene.lab.requests(scene.product.connection.check_webhook()).await;
        assert!(asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
        let checks = scene.product.told(checks).unwrap();
        let bad = checks.into_iter().filter(|check| check.outcome != CheckOutcome::Passed);
        bad.map(|check| format!("{}: {}", check.name, check.code.unwrap_or_default())).collect::<Vec<_>>()
    };
    assert_eq!(failed().await, Vec::<String>::new());
    let cases: [Change; 5] = [
        (|hook| hook.url = "https://elsewhere.example.com/".into(), &["webhook URL: hook-changed"]),
        (|hook| hook.signing = None, &["webhook Secret token: hook-changed"]),
        (|hook| hook.triggers.clear(), &["webhook Push events: hook-missing", "webhook settings: hook-changed"]),
        (|hook| hook.branches = BranchFilter::Wildcard(Some("x".into())), &["webhook branch: hook-missing"]),
        (|hook| hook.verify_tls = false, &["webhook settings: hook-changed"]),
    ];
    for (change, expected) in cases {
        scene.change(change);
        assert_eq!(failed().await, expected);
        scene.ensure().await;
    }
    scene.delete();
    assert_eq!(failed().await, ["webhook: hook-missing"]);
}
