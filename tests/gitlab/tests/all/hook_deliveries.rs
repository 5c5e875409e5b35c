//! What hooks are told, to receivers that are really there.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gitlab_sim::hooks::deliveries::{Delivery, Outcome};
use gitlab_sim::{AccessLevel, CommitSpec, ProjectSpec, Settings, Source, TokenSpec, UserSpec, Version};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::receiver::{Manner, Received, Receiver};
use crate::support::Lab;

const ZEROS: &str = "0000000000000000000000000000000000000000";

async fn lab_with_hook(settings: Settings, fields: Value) -> (Lab, Receiver) {
    let lab = Lab::with(settings, "").await;
    let receiver = Receiver::new().await;
    hook(&lab, &receiver.url, fields).await;
    (lab, receiver)
}

async fn hook(lab: &Lab, url: &str, mut fields: Value) {
    fields["url"] = url.into();
    let made = lab.call("POST", &lab.at("/hooks"), fields).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

fn version(text: &str) -> Settings {
    Settings { version: text.parse::<Version>().unwrap(), ..Settings::default() }
}

fn body(delivery: &Delivery) -> Value {
    serde_json::from_slice(&delivery.body).unwrap()
}

#[tokio::test]
async fn a_commit_arrives_with_the_headers_of_its_version() {
    for (text, present, absent) in [
        ("16.1.0-ee", vec!["X-Gitlab-Event"], vec!["X-Gitlab-Webhook-Uuid", "Idempotency-Key", "Webhook-Id"]),
        ("17.3.0-ee", vec!["X-Gitlab-Webhook-Uuid"], vec!["Idempotency-Key"]),
        ("18.9.0-ee", vec!["X-Gitlab-Webhook-Uuid", "Idempotency-Key"], vec!["Webhook-Id", "Webhook-Timestamp"]),
        ("19.0.0-ee", vec!["Idempotency-Key", "Webhook-Id", "Webhook-Timestamp"], vec!["Webhook-Signature"]),
    ] {
        let (lab, receiver) = lab_with_hook(version(text), json!({ "token": "s3cret" })).await;
        lab.commit("a.md", "a\n");
        lab.gitlab.deliveries().await;
        let received = receiver.received();
        assert_eq!(received.len(), 1);
        let one = &received[0];
        assert!(one.head.starts_with("POST /hook HTTP/1.1"), "{}", one.head);
        for (name, expected) in [
            ("Content-Type", "application/json"),
            ("User-Agent", &format!("GitLab/{text}")),
            ("X-Gitlab-Event", "Push Hook"),
            ("X-Gitlab-Token", "s3cret"),
            ("X-Gitlab-Instance", lab.gitlab.url()),
            ("Connection", "close"),
        ] {
            assert_eq!(one.header(name), Some(expected), "{text} {name}");
        }
        assert_eq!(one.header("X-Gitlab-Event-UUID").map(str::len), Some(36));
        for name in present {
            assert!(one.head.contains(&format!("\r\n{name}: ")), "{text} lacks {name}:\n{}", one.head);
        }
        for name in absent {
            assert_eq!(one.header(name), None, "{text} {name}");
        }
    }
}

#[tokio::test]
async fn the_instance_header_has_no_sub_path_and_the_project_url_has_it() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    hook(&lab, "http://127.0.0.1:9/", json!({})).await;
    lab.commit("a.md", "a\n");
    let told = lab.gitlab.deliveries().await;
    assert_eq!(told[0].header("X-Gitlab-Instance"), lab.gitlab.url().strip_suffix("/gitlab"));
    assert_eq!(body(&told[0])["project"]["web_url"], format!("{}/demo/handbook", lab.gitlab.url()));
}

#[tokio::test]
async fn a_signature_is_over_id_time_and_raw_body_with_the_decoded_key() {
    let fields = json!({ "signing_token": format!("whsec_{}", STANDARD.encode([9; 32])) });
    let (lab, receiver) = lab_with_hook(version("19.2.0-ee"), fields).await;
    lab.commit("a.md", "ä\n");
    lab.gitlab.deliveries().await;
    let one = &receiver.received()[0];
    let (id, time) = (one.header("webhook-id").unwrap(), one.header("webhook-timestamp").unwrap());
    assert_eq!(one.header("idempotency-key"), Some(id));
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&[9; 32]).unwrap();
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(&one.body);
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(one.header("webhook-signature"), Some(expected.as_str()));
    let now = jiff::Timestamp::now().as_second();
    assert!((now - time.parse::<i64>().unwrap()).abs() < 5);
}

#[tokio::test]
async fn deliveries_are_kept_byte_for_byte_with_and_without_a_receiver() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({ "token": "t" })).await;
    hook(&lab, "https://hooks.example.test/away", json!({})).await;
    lab.commit("a.md", "a\n");
    let told = lab.gitlab.deliveries().await;
    assert_eq!(told.len(), 2);
    let one = &receiver.received()[0];
    assert_eq!(told[0].body, one.body);
    for (name, value) in &told[0].headers {
        assert_eq!(one.header(name), Some(value.as_str()), "{name}");
    }
    assert!(matches!(&told[0].outcome, Outcome::Answered(answer) if answer.status == 200 && answer.body == "thanks"));
    assert_eq!(told[1].url, "https://hooks.example.test/away");
    assert_eq!(told[1].body, told[0].body);
    assert!(matches!(&told[1].outcome, Outcome::Failed(why) if why.contains("hooks.example.test:443")));
}

#[tokio::test]
async fn a_push_payload_has_gitlabs_keys_and_says_what_changed() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({})).await;
    let first = lab.commit("a.md", "one\ntwo\nthree\nfour\n");
    let spec = CommitSpec::on("main", "Move it\n\nBecause.\n").by(lab.alice).rename("a.md", "b.md");
    let second = lab.admin().commit(lab.project, spec).unwrap();
    lab.gitlab.deliveries().await;
    let mut told: Vec<Value> = receiver.received().iter().map(Received::json).collect();
    told.sort_by_key(|payload| payload["before"] != ZEROS);
    let keys: Vec<&String> = told[0].as_object().unwrap().keys().collect();
    let expected = [
        "after",
        "before",
        "checkout_sha",
        "commits",
        "event_name",
        "message",
        "object_kind",
        "project",
        "project_id",
        "push_options",
        "ref",
        "ref_protected",
        "repository",
        "total_commits_count",
        "user_avatar",
        "user_email",
        "user_id",
        "user_name",
        "user_username",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&told[0]["before"], &told[0]["after"]), (&json!(ZEROS), &json!(first)));
    assert_eq!(told[0]["commits"][0]["added"], json!(["a.md"]));
    let push = &told[1];
    assert_eq!((&push["object_kind"], &push["event_name"]), (&json!("push"), &json!("push")));
    assert_eq!(
        (&push["before"], &push["after"], &push["checkout_sha"]),
        (&json!(first), &json!(second), &json!(second))
    );
    assert_eq!((&push["ref"], &push["ref_protected"]), (&json!("refs/heads/main"), &json!(true)));
    assert_eq!((&push["user_username"], &push["total_commits_count"]), (&json!("alice"), &json!(1)));
    assert_eq!(push["project"]["namespace"], "demo");
    assert_eq!(push["project"]["visibility_level"], 0);
    let commit = &push["commits"][0];
    assert_eq!(commit["message"], "Move it\n\nBecause.\n");
    assert_eq!(commit["title"], "Move it");
    // A rename is told under its new path only; the old one is nowhere.
    assert_eq!((&commit["added"], &commit["modified"], &commit["removed"]), (&json!(["b.md"]), &json!([]), &json!([])));
    assert!(commit["timestamp"].as_str().unwrap().ends_with("+00:00"), "{commit}");
    assert_eq!(commit["url"], format!("{}/demo/handbook/-/commit/{second}", lab.gitlab.url()));
}

#[tokio::test]
async fn no_more_than_twenty_commits_are_told_and_all_are_counted() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({})).await;
    lab.commit("a.md", "0\n");
    let rounds = (1..=25).map(|n| format!("{n}\n"));
    let commit = |branch: &str, content: &str| {
        lab.admin().commit(lab.project, CommitSpec::on(branch, content).update("a.md", content)).unwrap()
    };
    let ids: Vec<String> = rounds.map(|content| commit("main", &content)).collect();
    let path = lab.admin().repository_path(lab.project);
    // One push that brings all of them: the branch goes back and comes again.
    let git = |arguments: &[&str]| {
        let done = std::process::Command::new("git").arg("-C").arg(&path).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    git(&["update-ref", "refs/heads/main", &format!("{}~24", ids[24])]);
    let admin = lab.admin();
    let change = gitlab_sim::events::RefChange {
        reference: "refs/heads/main".into(),
        before: ids[0].clone(),
        after: ids[24].clone(),
    };
    git(&["update-ref", "refs/heads/main", &ids[24]]);
    admin.app().events.tell(&push_of(&lab, vec![change]));
    let told = lab.gitlab.deliveries().await;
    let payload = body(told.last().unwrap());
    assert_eq!(payload["total_commits_count"], 24);
    let told: Vec<&str> =
        payload["commits"].as_array().unwrap().iter().map(|commit| commit["id"].as_str().unwrap()).collect();
    // The newest twenty, oldest first.
    assert_eq!(told, ids[5..].iter().map(String::as_str).collect::<Vec<_>>());
}

fn push_of(lab: &Lab, changes: Vec<gitlab_sim::events::RefChange>) -> gitlab_sim::events::Event {
    gitlab_sim::events::Event::Push(gitlab_sim::events::PushEvent {
        project_id: lab.project,
        user_id: lab.alice,
        changes,
        push_options: Vec::new(),
        chain: None,
    })
}

#[tokio::test]
async fn new_and_deleted_branches_have_zeros_on_one_side() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({})).await;
    let base = lab.commit("a.md", "a\n");
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "empty", "ref": "main" })).await;
    let spec = CommitSpec::on("topic", "On a topic").create("b.md", "b\n");
    let tip = lab.admin().commit(lab.project, spec).unwrap();
    lab.call("DELETE", &lab.at("/repository/branches/topic"), json!(null)).await;
    let told: Vec<Value> = lab.gitlab.deliveries().await.iter().map(body).collect();
    let row = |payload: &Value| {
        let commits = payload["commits"].as_array().unwrap().len();
        json!([payload["ref"], payload["before"], payload["after"], payload["checkout_sha"], commits])
    };
    let expected = [
        json!(["refs/heads/main", ZEROS, base, base, 1]),
        json!(["refs/heads/empty", ZEROS, base, base, 0]),
        json!(["refs/heads/topic", ZEROS, tip, tip, 1]),
        json!(["refs/heads/topic", tip, ZEROS, null, 0]),
    ];
    assert_eq!(told.iter().map(row).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_real_git_push_fires_the_same_hooks_and_tags_have_their_own() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({ "tag_push_events": true })).await;
    lab.commit("a.md", "a\n");
    lab.gitlab.deliveries().await;
    lab.admin().app().deliveries.clear();
    let folder = tempfile::tempdir().unwrap();
    let remote = lab.gitlab.url().replace("http://", &format!("http://oauth2:{}@", lab.token)) + "/demo/handbook.git";
    let git = async |arguments: &[&str]| {
        let done = tokio::process::Command::new("git")
            .args(["-c", "user.name=Git Author", "-c", "user.email=git@example.test"])
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .await
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    git(&["clone", "-q", &remote, "."]).await;
    std::fs::write(folder.path().join("b.md"), "b\n").unwrap();
    git(&["add", "."]).await;
    git(&["commit", "-qm", "From git"]).await;
    git(&["tag", "-am", "The first", "v1"]).await;
    let (tip, tag) = (git(&["rev-parse", "HEAD"]).await, git(&["rev-parse", "v1"]).await);
    git(&["push", "-q", "-o", "ci.skip", "origin", "main", "v1"]).await;
    let told = lab.gitlab.deliveries().await;
    assert_eq!(told.len(), 2, "{told:?}");
    let (push, tagged) = (body(&told[0]), body(&told[1]));
    assert_eq!((&push["after"], &push["push_options"]), (&json!(tip), &json!({ "ci": { "skip": true } })));
    assert_eq!(push["commits"][0]["author"], json!({ "name": "Git Author", "email": "git@example.test" }));
    assert_eq!(told[1].header("x-gitlab-event"), Some("Tag Push Hook"));
    // An annotated tag: its object in `after`, the commit in `checkout_sha`.
    let expected = (&json!("tag_push"), &json!(tag), &json!(tip), &json!("The first"));
    assert_eq!((&tagged["object_kind"], &tagged["after"], &tagged["checkout_sha"], &tagged["message"]), expected);
}

#[tokio::test]
async fn more_than_three_branches_at_once_are_told_to_nobody_but_the_instance() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({})).await;
    let admin = lab.admin();
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let base = lab.commit("a.md", "a\n");
    lab.gitlab.deliveries().await;
    lab.as_token(&roots, "POST", "/hooks", json!({ "url": "http://127.0.0.1:9/" })).await;
    for (branches, pushes) in [(3, 3), (4, 0)] {
        admin.app().deliveries.clear();
        let change = |n| gitlab_sim::events::RefChange {
            reference: format!("refs/heads/b{n}"),
            before: ZEROS.into(),
            after: base.clone(),
        };
        admin.app().events.tell(&push_of(&lab, (0..branches).map(change).collect()));
        let told = lab.gitlab.deliveries().await;
        let count = |event: &str| told.iter().filter(|one| one.header("x-gitlab-event") == Some(event)).count();
        assert_eq!((count("Push Hook"), count("System Hook")), (pushes, 1), "{branches} branches");
        let update = body(told.last().unwrap());
        assert_eq!(update["event_name"], "repository_update");
        assert_eq!(update["refs"].as_array().unwrap().len(), branches);
    }
}

#[tokio::test]
async fn a_branch_filter_keeps_other_branches_away() {
    for (fields, expected) in [
        (json!({ "push_events_branch_filter": "release/*" }), vec!["release/1"]),
        (json!({ "push_events_branch_filter": "^m", "branch_filter_strategy": "regex" }), vec!["main"]),
        (
            json!({ "push_events_branch_filter": "none", "branch_filter_strategy": "all_branches" }),
            vec!["main", "release/1"],
        ),
    ] {
        let (lab, _receiver) = lab_with_hook(Settings::default(), fields.clone()).await;
        lab.commit("a.md", "a\n");
        lab.admin().commit(lab.project, CommitSpec::on("release/1", "x").create("b.md", "b\n")).unwrap();
        let told = lab.gitlab.deliveries().await;
        let branches: Vec<String> =
            told.iter().map(|one| body(one)["ref"].as_str().unwrap()[11..].to_owned()).collect();
        assert_eq!(branches, expected, "{fields}");
    }
}

#[tokio::test]
async fn group_hooks_hear_of_projects_below_and_system_hooks_of_new_ones() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let group = admin.create_group("demo", gitlab_sim::Visibility::Private);
    admin.add_member(Source::Group(group), lab.alice, AccessLevel::Owner);
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let body_of = |rest: &str| json!({ "url": format!("http://127.0.0.1:9/{rest}"), "project_events": true });
    lab.call("POST", &format!("/groups/{group}/hooks"), body_of("group")).await;
    lab.as_token(&roots, "POST", "/hooks", body_of("system")).await;
    let below = admin.create_project(&ProjectSpec::at("demo/sub/deep")).unwrap().id;
    admin.commit(below, CommitSpec::on("main", "x").create("a.md", "a\n")).unwrap();
    let told = lab.gitlab.deliveries().await;
    let row = |one: &Delivery| {
        let kind = body(one)["event_name"].as_str().unwrap().to_owned();
        (one.url.rsplit_once('/').unwrap().1.to_owned(), one.header("x-gitlab-event").unwrap().to_owned(), kind)
    };
    let expected = [
        ("group", "Project Hook", "project_create"),
        ("system", "System Hook", "project_create"),
        ("group", "Push Hook", "push"),
        ("system", "System Hook", "repository_update"),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(told.iter().map(row).collect::<Vec<_>>(), expected);
    assert_eq!(body(&told[0])["path_with_namespace"], "demo/sub/deep");
    assert_eq!(body(&told[0])["project_visibility"], "private");
}

#[tokio::test]
async fn failures_in_a_row_pause_a_hook_and_a_good_test_wakes_it() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({})).await;
    lab.admin().settings(|settings| settings.hooks.auto_disable = true);
    receiver.set(Manner::Answers(500, "no"));
    let status = async || lab.get(&lab.at("/hooks/1")).await.json()["alert_status"].as_str().unwrap().to_owned();
    let mut count = 0;
    let mut push = async || {
        count += 1;
        lab.commit(&format!("{count}.md"), "x\n");
        lab.gitlab.deliveries().await.len()
    };
    for (told, expected) in [(1, "executable"), (2, "executable"), (3, "executable"), (4, "temporarily_disabled")] {
        assert_eq!((push().await, status().await.as_str()), (told, expected));
    }
    assert_eq!(push().await, 4, "nothing is told while it is paused");
    lab.admin().advance_clock(jiff::SignedDuration::from_secs(61));
    assert_eq!((push().await, status().await.as_str()), (5, "temporarily_disabled"));
    let until =
        lab.get(&lab.at("/hooks/1")).await.json()["disabled_until"].as_str().unwrap().parse::<jiff::Timestamp>();
    let pause = until.unwrap().duration_since(lab.admin().app().now()).as_secs();
    assert!((110..=120).contains(&pause), "the second pause is two minutes: {pause}");
    receiver.set(Manner::Answers(204, ""));
    let tested = lab.call("POST", &lab.at("/hooks/1/test/push_events"), json!({})).await;
    tested.is(201, &json!({ "message": "201 Created" }));
    assert_eq!(status().await, "executable");
    assert_eq!(push().await, 7);
}

#[tokio::test]
async fn redirects_count_as_success_and_silence_and_cuts_as_failure() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({})).await;
    for (manner, status) in [
        (Manner::Answers(200, "ok"), "200"),
        (Manner::Answers(302, ""), "302"),
        (Manner::Answers(418, "teapot"), "418"),
        (Manner::Hangs, "internal error"),
        (Manner::Cuts, "internal error"),
    ] {
        let patience = if matches!(manner, Manner::Hangs) { 200 } else { 10_000 };
        lab.admin().settings(|settings| settings.hooks.timeout_ms = patience);
        receiver.set(manner.clone());
        let begun = Instant::now();
        lab.commit(&format!("{status}{manner:?}.md").replace(['(', ')', '"', ' ', ','], "-"), "x\n");
        lab.gitlab.deliveries().await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{manner:?}");
        let log = lab.get(&lab.at("/hooks/1/events")).await.json();
        assert_eq!(log[0]["response_status"], status, "{manner:?}");
    }
    assert_eq!(receiver.received().len(), 5, "a failed delivery is never tried again");
    for (filter, count) in [("successful", 1), ("client_failure", 1), ("server_failure", 2), ("418", 1), ("418,200", 2)]
    {
        let log = lab.get(&lab.at(&format!("/hooks/1/events?status={filter}"))).await.json();
        assert_eq!(log.as_array().unwrap().len(), count, "{filter}");
    }
    let refused = lab.get(&lab.at("/hooks/1/events?per_page=21")).await;
    refused.is(400, &json!({ "error": "per_page does not have a valid value" }));
}

#[tokio::test]
async fn the_log_hides_secrets_and_a_repetition_keeps_the_key() {
    let fields = json!({ "token": "s3cret", "custom_headers": [{ "key": "X-Own", "value": "s3cret-too" }] });
    let (lab, receiver) = lab_with_hook(Settings::default(), fields).await;
    lab.commit("a.md", "a\n");
    lab.gitlab.deliveries().await;
    let log = lab.get(&lab.at("/hooks/1/events")).await;
    assert!(!log.text().contains("s3cret"), "{}", log.text());
    let entry = &log.json()[0];
    for (key, expected) in [
        ("trigger", json!("push_hooks")),
        ("url", json!(receiver.url)),
        ("response_status", json!("200")),
        ("response_body", json!("thanks")),
    ] {
        assert_eq!(entry[key], expected, "{key}");
    }
    assert_eq!(entry["request_headers"]["X-Gitlab-Token"], "[REDACTED]");
    assert_eq!(entry["request_headers"]["X-Own"], "[REDACTED]");
    assert!(entry["request_headers"].get("Host").is_none());
    assert_eq!(entry["response_headers"]["X-Kept-By"], "receiver");
    assert_eq!(entry["request_data"]["object_kind"], "push");
    assert_eq!(receiver.received()[0].header("x-own"), Some("s3cret-too"));

    let again = lab.at(&format!("/hooks/1/events/{}/resend", entry["id"]));
    lab.call("POST", &again, json!({})).await.is(201, &json!({ "response_status": 200 }));
    let received = receiver.received();
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(received[0].header("idempotency-key"), received[1].header("idempotency-key"));
    assert_ne!(received[0].header("x-gitlab-webhook-uuid"), received[1].header("x-gitlab-webhook-uuid"));
    let missing = lab.call("POST", &lab.at("/hooks/1/events/99/resend"), json!({})).await;
    missing.is(404, &json!({ "message": "404 Not found" }));
    lab.call("PUT", &lab.at("/hooks/1"), json!({ "url": "http://127.0.0.1:9/" })).await;
    let text = "The hook URL has changed, and this log entry cannot be retried";
    lab.call("POST", &again, json!({})).await.is(422, &json!({ "message": text }));
    for _ in 0..2 {
        lab.call("POST", &again, json!({})).await;
    }
    assert_eq!(lab.call("POST", &again, json!({})).await.status, 429);
}

#[tokio::test]
async fn a_test_tells_samples_and_says_what_the_receiver_said() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({})).await;
    let test = async |trigger: &str| lab.call("POST", &lab.at(&format!("/hooks/1/test/{trigger}")), json!({})).await;
    let text = "Ensure the project has at least one commit.";
    test("push_events").await.is(422, &json!({ "message": text }));
    let ids: Vec<String> = (0..4).map(|n| lab.commit(&format!("{n}.md"), "x\n")).collect();
    lab.gitlab.deliveries().await;
    receiver.set(Manner::Answers(503, "not now"));
    test("push_events").await.is(422, &json!({ "message": "not now" }));
    test("nonsense").await.is(400, &json!({ "error": "trigger does not have a valid value" }));
    let sample = receiver.received().last().unwrap().json();
    assert_eq!((&sample["before"], &sample["after"]), (&json!(ids[1]), &json!(ids[3])));
    assert_eq!((&sample["commits"][0]["id"], &sample["total_commits_count"]), (&json!(ids[3]), &json!(3)));
    receiver.set(Manner::Answers(200, ""));
    test("tag_push_events").await.is(201, &json!({ "message": "201 Created" }));
    test("issues_events").await.is(422, &json!({ "message": "Ensure the project has issues." }));
    assert_eq!(test("push_events").await.status, 201);
    let limited =
        json!({ "message": { "error": "This endpoint has been requested too many times. Try again later." } });
    test("push_events").await.is(429, &limited);
}

#[tokio::test]
async fn templates_and_url_variables_shape_the_request() {
    let lab = Lab::new().await;
    let receiver = Receiver::new().await;
    let url = receiver.url.replace("http://", "http://user:p%40ss@").replace("/hook", "/{place}");
    let fields = json!({
        "url_variables": [{ "key": "place", "value": "deep" }],
        "custom_webhook_template": "{\"what\": \"{{object_kind}}\", \"where\": {{project.id}}}",
        "custom_headers": [{ "key": "User-Agent", "value": "mine" }],
    });
    hook(&lab, &url, fields).await;
    lab.commit("a.md", "a\n");
    let told = lab.gitlab.deliveries().await;
    assert_eq!(told[0].url, receiver.url.replace("/hook", "/deep"));
    let one = &receiver.received()[0];
    assert!(one.head.starts_with("POST /deep "), "{}", one.head);
    assert_eq!(one.json(), json!({ "what": "push", "where": lab.project }));
    let basic = format!("Basic {}", STANDARD.encode("user:p@ss"));
    assert_eq!(one.header("authorization"), Some(basic.as_str()));
    assert_eq!(one.header("user-agent"), Some("GitLab/18.9.0-ee"), "own headers win over custom ones");
}

#[tokio::test]
async fn a_receiver_that_echoes_the_event_id_does_not_cause_itself() {
    let (lab, receiver) = lab_with_hook(Settings::default(), json!({})).await;
    lab.commit("a.md", "a\n");
    lab.gitlab.deliveries().await;
    let chain = receiver.received()[0].header("x-gitlab-event-uuid").unwrap().to_owned();
    let commit = async |path: &str, headers: &[(&str, &str)]| {
        let body = json!({
            "branch": "main", "commit_message": "m", "actions": [{ "action": "create", "file_path": path, "content": "x" }],
        });
        let mut all = vec![("private-token", lab.token.as_str()), ("content-type", "application/json")];
        all.extend_from_slice(headers);
        let path = format!("/api/v4{}", lab.at("/repository/commits"));
        assert_eq!(lab.send("POST", &path, &all, body.to_string()).await.unwrap().status, 201);
        lab.gitlab.deliveries().await.len()
    };
    assert_eq!(commit("b.md", &[("x-gitlab-event-uuid", chain.as_str())]).await, 1);
    assert_eq!(commit("c.md", &[]).await, 2);
}

#[tokio::test]
async fn silent_mode_and_the_rate_limit_drop_deliveries() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({})).await;
    lab.admin().settings(|settings| settings.hooks.silent = true);
    lab.commit("a.md", "a\n");
    assert!(lab.gitlab.deliveries().await.is_empty());
    lab.admin().settings(|settings| (settings.hooks.silent, settings.hooks.per_minute) = (false, 2));
    lab.admin().app().clock.stop();
    for n in 0..4 {
        lab.commit(&format!("{n}.md"), "x\n");
    }
    assert_eq!(lab.gitlab.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_system_hook_is_tested_by_a_post_to_itself() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let receiver = Receiver::new().await;
    lab.as_token(&roots, "POST", "/hooks", json!({ "url": receiver.url })).await;
    let tested = lab.as_token(&roots, "POST", "/hooks/1", json!(null)).await;
    assert_eq!(tested.status, 201);
    assert_eq!(tested.json(), receiver.received()[0].json());
    assert_eq!(receiver.received()[0].header("x-gitlab-event"), Some("System Hook"));
}

#[tokio::test]
async fn another_process_reads_deliveries_over_http() {
    let (lab, _receiver) = lab_with_hook(Settings::default(), json!({})).await;
    lab.commit("a.md", "a\n");
    let told = lab.gitlab.deliveries().await;
    let read = lab.send("GET", "/-/sim/deliveries", &[], "").await.unwrap().json();
    assert_eq!(read[0]["body"].as_str().unwrap().as_bytes(), told[0].body);
    assert_eq!((&read[0]["status"], &read[0]["hook_id"]), (&json!(200), &json!(1)));
    assert!(read[0]["headers"].as_array().unwrap().contains(&json!(["X-Gitlab-Event", "Push Hook"])));
    assert_eq!(lab.send("DELETE", "/-/sim/deliveries", &[], "").await.unwrap().status, 204);
    assert!(lab.gitlab.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_slow_receiver_holds_up_neither_the_commit_nor_other_hooks() {
    let (lab, slow) = lab_with_hook(Settings::default(), json!({})).await;
    let quick = Receiver::new().await;
    hook(&lab, &quick.url, json!({})).await;
    lab.admin().settings(|settings| settings.hooks.timeout_ms = 1500);
    slow.set(Manner::Hangs);
    let begun = Instant::now();
    lab.commit("a.md", "a\n");
    while quick.received().is_empty() {
        assert!(begun.elapsed() < Duration::from_millis(1400), "the quick one waits for the slow one");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = lab.gitlab.deliveries().await;
    assert!(begun.elapsed() >= Duration::from_millis(1400), "settling waits for the slow one");
    assert_eq!(told[0].outcome, Outcome::Failed("Net::ReadTimeout with #<TCPSocket:(closed)>".into()));
}

#[tokio::test]
async fn a_receiver_on_https_is_checked_unless_the_hook_says_not_to() {
    // Another instance is a receiver with a certificate of its own; its way to the sign-in page counts as success.
    let receiver = gitlab_sim::Simulator::builder().tls().start().await.unwrap();
    let url = format!("{}/hook", receiver.url());
    for (verify, trusted, arrives) in [(true, false, false), (true, true, true), (false, false, true)] {
        let lab = Lab::new().await;
        hook(&lab, &url, json!({ "enable_ssl_verification": verify })).await;
        if trusted {
            let authority = receiver.ca_pem().unwrap().to_owned();
            lab.admin().settings(|settings| settings.hooks.trusted_authorities = authority);
        }
        receiver.admin().log().clear();
        lab.commit("a.md", "a\n");
        let told = lab.gitlab.deliveries().await;
        assert_eq!(receiver.admin().log().count("POST", "/hook") == 1, arrives, "{:?}", told[0].outcome);
        match &told[0].outcome {
            Outcome::Answered(answer) => assert!(arrives && answer.is_good()),
            Outcome::Failed(why) => assert!(!arrives && why.starts_with("SSL_connect"), "{why}"),
            Outcome::UnderWay => panic!("settled deliveries are not under way"),
        }
    }
}
