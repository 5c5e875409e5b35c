//! Hooks as records: create, read, change, delete, limits, single variables and headers.

use base64::Engine as _;
use gitlab_sim::{AccessLevel, Settings, Source, Tier, TokenSpec, UserSpec, Version};
use serde_json::{Value, json};

use crate::support::Lab;

fn version(text: &str) -> Settings {
    Settings { version: text.parse::<Version>().unwrap(), ..Settings::default() }
}

fn signing_token() -> String {
    format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([7; 32]))
}

const URL: &str = "http://127.0.0.1:9/hook";

#[tokio::test]
async fn a_new_hook_has_the_keys_and_defaults_of_gitlab() {
    let lab = Lab::new().await;
    let made = lab.call("POST", &lab.at("/hooks"), json!({ "url": URL, "token": "s3cret", "name": "n" })).await;
    assert_eq!(made.status, 201);
    let hook = made.json();
    let known = [
        "id",
        "url",
        "name",
        "description",
        "project_id",
        "push_events",
        "push_events_branch_filter",
        "branch_filter_strategy",
        "issues_events",
        "confidential_issues_events",
        "merge_requests_events",
        "tag_push_events",
        "note_events",
        "confidential_note_events",
        "job_events",
        "pipeline_events",
        "wiki_page_events",
        "deployment_events",
        "releases_events",
        "milestone_events",
        "feature_flag_events",
        "emoji_events",
        "enable_ssl_verification",
        "repository_update_events",
        "alert_status",
        "disabled_until",
        "url_variables",
        "created_at",
        "resource_access_token_events",
        "custom_webhook_template",
        "custom_headers",
    ];
    for key in known {
        assert!(hook.get(key).is_some(), "{key} is missing: {hook}");
    }
    for (key, expected) in [
        ("push_events", json!(true)),
        ("tag_push_events", json!(false)),
        ("repository_update_events", json!(false)),
        ("enable_ssl_verification", json!(true)),
        ("alert_status", json!("executable")),
        ("disabled_until", json!(null)),
        ("branch_filter_strategy", json!("wildcard")),
        ("push_events_branch_filter", json!(null)),
        ("url_variables", json!([])),
        ("custom_headers", json!([])),
        ("project_id", json!(lab.project)),
        ("name", json!("n")),
    ] {
        assert_eq!(hook[key], expected, "{key}");
    }
    let listed = lab.get(&lab.at("/hooks")).await;
    assert_eq!(listed.header("x-total"), Some("1"));
    let listed = &listed.json()[0];
    assert!(listed.get("url_variables").is_none() && listed.get("custom_headers").is_none());
    assert_eq!(lab.get(&lab.at(&format!("/hooks/{}", hook["id"]))).await.json(), hook);
}

#[tokio::test]
async fn secrets_are_written_and_never_read() {
    let lab = Lab::with(version("19.1.0-ee"), "").await;
    let body = json!({
        "url": "http://127.0.0.1:9/{place}", "token": "canary-token", "signing_token": signing_token(),
        "url_variables": [{ "key": "place", "value": "canary-place" }],
        "custom_headers": [{ "key": "X-Key", "value": "canary-header" }],
    });
    let made = lab.call("POST", &lab.at("/hooks"), body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let hook = made.json();
    assert_eq!((&hook["token_present"], &hook["signing_token_present"]), (&json!(true), &json!(true)));
    assert_eq!(hook["url"], "http://127.0.0.1:9/{place}");
    assert_eq!(hook["url_variables"], json!([{ "key": "place" }]));
    assert_eq!(hook["custom_headers"], json!([{ "key": "X-Key" }]));
    for text in [made.text(), lab.get(&lab.at("/hooks")).await.text(), lab.get(&lab.at("/hooks/1")).await.text()] {
        assert!(!text.contains("canary") && !text.contains("whsec_"), "{text}");
    }
}

#[tokio::test]
async fn before_19_0_a_signing_token_is_ignored_without_a_word() {
    let lab = Lab::with(version("18.11.0-ee"), "").await;
    let made = lab.call("POST", &lab.at("/hooks"), json!({ "url": URL, "signing_token": "nonsense" })).await;
    assert_eq!(made.status, 201);
    assert!(made.json().get("signing_token_present").is_none());
    let lab = Lab::with(version("19.0.0-ee"), "").await;
    let refused = lab.call("POST", &lab.at("/hooks"), json!({ "url": URL, "signing_token": "nonsense" })).await;
    refused.is(400, &json!({ "error": "signing_token is invalid" }));
}

#[tokio::test]
async fn what_gitlab_refuses_it_refuses_in_these_words() {
    let lab = Lab::new().await;
    lab.call("POST", &lab.at("/hooks"), json!({ "url": URL })).await;
    let pairs = |count: usize| -> Value {
        (0..count).map(|n| json!({ "key": format!("X-H{n}"), "value": "v" })).collect::<Vec<_>>().into()
    };
    let long = "x".repeat(4097);
    let (post, put) = (lab.at("/hooks"), lab.at("/hooks/1"));
    for (method, path, body, status, expected) in [
        ("POST", &post, json!({}), 400, json!({ "error": "url is missing" })),
        ("POST", &post, json!({ "url": "ftp://x" }), 422, json!({ "error": "Invalid url given" })),
        ("POST", &post, json!({ "url": "http://h/{none}" }), 422, json!({ "error": "Invalid url given" })),
        (
            "POST",
            &post,
            json!({ "url": URL, "push_events_branch_filter": "a b" }),
            422,
            json!({ "error": "Invalid branch filter given" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "branch_filter_strategy": "regex", "push_events_branch_filter": "(" }),
            422,
            json!({ "error": "Invalid branch filter given" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "branch_filter_strategy": "glob" }),
            400,
            json!({ "error": "branch_filter_strategy does not have a valid value" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "push_events": "maybe" }),
            400,
            json!({ "error": "push_events is invalid" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "custom_headers": [{ "key": "X--A", "value": "v" }] }),
            422,
            json!({ "error": "Custom headers must be a valid json schema" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "custom_headers": pairs(21) }),
            422,
            json!({ "error": "Custom headers must be a valid json schema" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "custom_headers": [{ "key": "X-A" }] }),
            400,
            json!({ "error": "custom_headers[0][value] is missing" }),
        ),
        (
            "POST",
            &post,
            json!({ "url": URL, "custom_webhook_template": long }),
            422,
            json!({ "error": "Custom webhook template is too long (maximum is 4096 characters)" }),
        ),
        ("PUT", &put, json!({}), 400, json!({ "error": "No parameters provided" })),
        ("PUT", &put, json!({ "unknown": 1 }), 400, json!({ "error": "No parameters provided" })),
        ("PUT", &put, json!({ "url": "x" }), 422, json!({ "error": "Invalid url given" })),
        (
            "PUT",
            &put,
            json!({ "custom_webhook_template": long }),
            422,
            json!({ "message": { "custom_webhook_template": ["is too long (maximum is 4096 characters)"] } }),
        ),
        ("GET", &lab.at("/hooks/99"), json!(null), 404, json!({ "message": "404 Not found" })),
        ("DELETE", &lab.at("/hooks/99"), json!(null), 404, json!({ "message": "404 Not found" })),
        ("GET", &lab.at("/hooks/x"), json!(null), 400, json!({ "error": "hook_id is invalid" })),
    ] {
        lab.call(method, path, body).await.is(status, &expected);
    }
}

#[tokio::test]
async fn a_change_merges_by_key_and_a_new_url_takes_the_secrets_with_it() {
    let lab = Lab::with(version("19.0.0-ee"), "").await;
    let header = |key: &str| json!({ "key": key, "value": "v" });
    let body = json!({ "url": URL, "token": "t", "custom_headers": [header("X-A"), header("X-B")] });
    lab.call("POST", &lab.at("/hooks"), body).await;
    for (change, token, headers) in [
        (json!({ "custom_headers": [header("X-C")] }), true, json!(["X-A", "X-B", "X-C"])),
        (json!({ "url": URL, "push_events": false }), true, json!(["X-A", "X-B", "X-C"])),
        (json!({ "url": "http://127.0.0.1:9/new", "custom_headers": [header("X-D")] }), false, json!(["X-D"])),
        (json!({ "url": URL, "token": "again" }), true, json!([])),
        (json!({ "token": "" }), false, json!([])),
    ] {
        let hook = lab.call("PUT", &lab.at("/hooks/1"), change.clone()).await.json();
        let keys: Vec<&Value> = hook["custom_headers"].as_array().unwrap().iter().map(|one| &one["key"]).collect();
        assert_eq!((&hook["token_present"], json!(keys)), (&json!(token), headers), "{change}");
    }
    assert_eq!(lab.get(&lab.at("/hooks/1")).await.json()["push_events"], false);
}

#[tokio::test]
async fn single_variables_and_headers_are_set_and_unset() {
    let lab = Lab::new().await;
    let body = json!({ "url": "http://127.0.0.1:9/{a}", "url_variables": [{ "key": "a", "value": "1" }] });
    lab.call("POST", &lab.at("/hooks"), body).await;
    let one = |rest: &str| lab.at(&format!("/hooks/1/{rest}"));
    for (method, path, body, status) in [
        ("PUT", one("url_variables/b"), json!({ "value": "2" }), 204),
        ("PUT", one("url_variables/b"), json!({}), 400),
        ("PUT", one("url_variables/9x"), json!({ "value": "2" }), 422),
        ("DELETE", one("url_variables/b"), json!(null), 204),
        ("DELETE", one("url_variables/b"), json!(null), 404),
        ("DELETE", one("url_variables/a"), json!(null), 422),
        ("PUT", one("custom_headers/X-K"), json!({ "value": "2" }), 204),
        ("DELETE", one("custom_headers/X-K"), json!(null), 204),
        ("DELETE", one("custom_headers/X-K"), json!(null), 404),
    ] {
        assert_eq!(lab.call(method, &path, body).await.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_project_has_a_hundred_hooks_at_most_and_a_group_fifty() {
    let lab = Lab::new().await;
    lab.admin().settings(|settings| (settings.hooks.per_project, settings.hooks.per_group) = (2, 1));
    let admin = lab.admin();
    let group = admin.create_group("demo", gitlab_sim::Visibility::Private);
    admin.add_member(Source::Group(group), lab.alice, AccessLevel::Owner);
    let at_group = format!("/groups/{group}/hooks");
    for (path, count, noun) in [(lab.at("/hooks"), 2, "project"), (at_group, 1, "group")] {
        for _ in 0..count {
            assert_eq!(lab.call("POST", &path, json!({ "url": URL })).await.status, 201);
        }
        let text = format!("Maximum number of {noun} hooks ({count}) exceeded");
        lab.call("POST", &path, json!({ "url": URL })).await.is(422, &json!({ "error": text }));
    }
    assert_eq!(Settings::default().hooks.per_project, 100);
    assert_eq!(Settings::default().hooks.per_group, 50);
}

#[tokio::test]
async fn who_may_manage_hooks_depends_on_role_owner_and_tier() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let bobs = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let roots = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    let reads = admin.create_token(TokenSpec::personal(lab.alice, &["read_api"])).secret;
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let group = admin.create_group("demo", gitlab_sim::Visibility::Private);
    admin.add_member(Source::Group(group), lab.alice, AccessLevel::Owner);
    let (at_project, at_group) = (lab.at("/hooks"), format!("/groups/{group}/hooks"));
    for (token, method, path, status) in [
        ("", "GET", &at_project, 401),
        (&bobs, "GET", &at_project, 403),
        (&reads, "GET", &at_project, 200),
        (&reads, "POST", &at_project, 403),
        (&lab.token, "POST", &at_project, 201),
        (&lab.token, "POST", &at_group, 201),
        (&bobs, "GET", &at_group, 403),
        (&lab.token, "GET", &"/hooks".to_owned(), 403),
        (&roots, "POST", &"/hooks".to_owned(), 201),
    ] {
        let body = if method == "POST" { json!({ "url": URL }) } else { json!(null) };
        assert_eq!(lab.as_token(token, method, path, body).await.status, status, "{method} {path}");
    }
    admin.settings(|settings| settings.tier = Tier::Free);
    lab.get(&at_group).await.is(403, &json!({ "message": "403 Forbidden" }));
}

#[tokio::test]
async fn a_hook_is_deleted_unless_the_client_knows_an_older_one() {
    let lab = Lab::new().await;
    lab.call("POST", &lab.at("/hooks"), json!({ "url": URL })).await;
    let path = format!("/api/v4{}", lab.at("/hooks/1"));
    let old = [("private-token", lab.token.as_str()), ("if-unmodified-since", "Tue, 01 Jan 2019 00:00:00 GMT")];
    let refused = lab.send("DELETE", &path, &old, "").await.unwrap();
    refused.is(412, &json!({ "message": "412 Precondition Failed" }));
    assert_eq!(lab.call("DELETE", &lab.at("/hooks/1"), json!(null)).await.status, 204);
    assert_eq!(lab.get(&lab.at("/hooks/1")).await.status, 404);
}

#[tokio::test]
async fn what_a_version_does_not_have_is_not_there() {
    for (text, path, status) in [
        ("17.2.0-ee", "/hooks/1/events", 404),
        ("17.3.0-ee", "/hooks/1/events", 200),
        ("16.10.0-ee", "/hooks/1/custom_headers/X-A", 404),
    ] {
        let lab = Lab::with(version(text), "").await;
        lab.call("POST", &lab.at("/hooks"), json!({ "url": URL })).await;
        let method = if status == 404 && path.contains("custom") { "PUT" } else { "GET" };
        assert_eq!(lab.call(method, &lab.at(path), json!({ "value": "v" })).await.status, status, "{text} {path}");
    }
    let lab = Lab::with(version("17.0.0-ee"), "").await;
    let hook = lab.call("POST", &lab.at("/hooks"), json!({ "url": URL, "name": "n" })).await.json();
    assert!(hook.get("name").is_none() && hook.get("token_present").is_none());
}

#[tokio::test]
async fn addresses_in_the_own_network_are_refused_when_the_instance_says_so() {
    let lab = Lab::new().await;
    lab.admin().settings(|settings| settings.hooks.allow_local = false);
    for (url, status) in [
        ("http://127.0.0.1/x", 422),
        ("http://localhost:8080/x", 422),
        ("http://10.1.2.3/x", 422),
        ("http://[::1]/x", 422),
        ("https://hooks.example.test/x", 201),
    ] {
        assert_eq!(lab.call("POST", &lab.at("/hooks"), json!({ "url": url })).await.status, status, "{url}");
    }
}
