//! The webhook in GitLab: `configure --webhook`, `webhook status`, `repair`, `rotate` and `follow`, and what `disconnect` takes away.

use crate::gitlab::Scene;
use gitlab_sim::hooks::hook::{Hook, Owner};
use gitlab_sim::{AccessLevel, Source, TokenSpec};

const URL: &str = "http://127.0.0.1:9/hooks/k3v9x2";

fn hooks(scene: &Scene) -> Vec<Hook> {
    scene.gitlab.admin().app().world().hooks.of(Owner::Project(scene.project)).cloned().collect()
}

fn automatic() -> Scene {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    let run = scene.program.run(&["configure", "--project", "ana/handbook", "--webhook", "auto", "--webhook-url", URL]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stdout.contains("Webhook: made webhook 1 of project"), "{}", run.stdout);
    scene
}

#[test]
fn an_address_is_enough_for_a_webhook_and_disconnect_takes_it_away() {
    let scene = automatic();
    assert_eq!(hooks(&scene)[0].url, URL);
    let status = scene.program.run(&["webhook", "status"]).quietly(0);
    for part in ["kept by", "the connector", URL, "ok           webhook Secret token: GitLab has confirmed it"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let json = scene.program.run(&["status", "--json"]).json(0);
    assert_eq!((&json["status"]["webhook"]["settled"], &json["status"]["webhook"]["hook"]), (&true.into(), &1.into()));
    // What is left out stays as it was.
    let run = scene.program.run(&["configure", "--project", "ana/handbook", "--directory", "docs"]);
    assert!(run.stdout.contains("webhook 1 of project 1 is as it should be"), "{}", run.stdout);
    let said = scene.program.run(&["disconnect"]).quietly(0);
    assert!(!said.contains("left in GitLab") && !said.contains("if you pasted"), "{said}");
    assert!(hooks(&scene).is_empty());
}

#[test]
fn what_was_changed_in_gitlab_is_told_and_repaired_and_a_new_secret_is_given() {
    let scene = automatic();
    scene.gitlab.admin().app().world_mut().hooks.get_mut(1).unwrap().verify_tls = false;
    let status = scene.program.run(&["webhook", "status"]);
    assert_eq!(status.status, 1);
    assert!(status.stdout.contains("TLS verification of webhook 1"), "{}", status.stdout);
    // Connecting again took the grant away, and with it all that the connector could do about the webhook.
    scene.connect(&scene.token, &[]).quietly(0);
    let repaired = scene.program.run(&["webhook", "repair"]).quietly(0);
    assert!(repaired.contains("repaired TLS verification of webhook 1 of project 1"), "{repaired}");
    assert!(hooks(&scene)[0].verify_tls);
    let before = hooks(&scene)[0].token.clone();
    let rotated = scene.program.run(&["webhook", "rotate", "--json"]).json(0);
    assert_eq!(rotated["webhook"]["settled"], true);
    let after = hooks(&scene)[0].token.clone();
    assert!(after.is_some() && after != before);
    let secret = scene.program.run(&["webhook", "secret", "--json"]).stdout;
    assert!(secret.contains(after.as_deref().unwrap()), "the present one is the one to show");
    let status = scene.program.run(&["webhook", "status"]).quietly(0);
    assert!(status.contains("the secret before this one is good for 60 minutes"), "{status}");
}

#[test]
fn a_new_secret_is_given_to_gitlab_by_either_command_where_the_connector_looks_after_the_webhook() {
    let scene = automatic();
    let before = hooks(&scene)[0].token.clone();
    let run = scene.program.run(&["webhook", "secret", "--rotate"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("given it to GitLab") && run.stderr.contains("good for 60 minutes"), "{}", run.stderr);
    let after = hooks(&scene)[0].token.clone().unwrap();
    assert!(run.stdout.contains(&after) && Some(after) != before, "{}", run.stdout);
    scene.program.run(&["webhook", "secret", "--retire"]).quietly(0);
    let status = scene.program.run(&["webhook", "status"]).quietly(0);
    assert!(!status.contains("the secret before this one"), "{status}");
}

#[test]
fn where_the_role_is_too_low_a_person_is_told_why_and_what_to_paste() {
    let scene = Scene::new();
    let bob = scene.gitlab.admin().create_user(gitlab_sim::UserSpec::person("bob")).id;
    scene.gitlab.admin().add_member(Source::Project(scene.project), bob, AccessLevel::Developer);
    let token = scene.gitlab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret;
    scene.connect(&token, &[]).quietly(0);
    let run = scene.program.run(&["configure", "--project", "ana/handbook", "--webhook", "auto", "--webhook-url", URL]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    for part in ["to be pasted into GitLab under Settings → Webhooks", URL, "webhooks take the Maintainer role"] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let repair = scene.program.run(&["webhook", "repair"]);
    assert_eq!(repair.status, 3, "{}", repair.stdout);
    assert!(repair.stderr.contains("gitlab-sync webhook secret"), "{}", repair.stderr);
    assert!(!repair.stdout.contains("whsec_"), "only `webhook secret` shows it");
}

#[test]
fn without_an_address_nothing_is_guessed() {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    // By hand too: what nobody knows was a webhook that nobody missed.
    for who in ["auto", "manual"] {
        let refused = scene.program.run(&["configure", "--project", "ana/handbook", "--webhook", who]).complaint(2);
        assert!(refused.contains("--webhook-url URL"), "{refused}");
    }
    for wrong in ["hooks.example.com", "https://me:pass@hooks.example.com/x", "https://hooks.example.com/{{webhook}}"] {
        let run =
            scene.program.run(&["configure", "--project", "ana/handbook", "--webhook", "auto", "--webhook-url", wrong]);
        assert_eq!(run.status, 1, "{wrong}");
        assert!(run.stderr.contains("error: The settings are not valid: the webhook's URL"), "{}", run.stderr);
    }
    assert!(hooks(&scene).is_empty());
}

#[test]
fn a_group_is_followed_by_a_profile_that_reads_records() {
    let scene = Scene::new();
    let group = scene.gitlab.admin().create_group("demo", gitlab_sim::Visibility::Private);
    scene.gitlab.admin().add_member(Source::Group(group), scene.user, AccessLevel::Owner);
    scene.connect(&scene.token, &["--profile", "records-read-only-with-webhook"]).quietly(0);
    let number = group.to_string();
    let followed = scene.program.run(&["webhook", "follow", "--group", &number, "--webhook-url", URL]).quietly(0);
    assert!(followed.contains(&format!("made webhook 1 of group {group}")), "{followed}");
    assert_eq!(scene.gitlab.admin().app().world().hooks.of(Owner::Group(group)).count(), 1);
    scene.program.run(&["disconnect"]).quietly(0);
    assert_eq!(scene.gitlab.admin().app().world().hooks.of(Owner::Group(group)).count(), 0);
}
