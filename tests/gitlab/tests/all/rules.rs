//! The shortest list of what makes a stand-in faithful, each point under its own name. The details have tests of their own.

use std::collections::BTreeSet;

use gitlab_sim::error::ApiError;
use gitlab_sim::hooks::breaker::{AlertStatus, Breaker};
use gitlab_sim::world::users::UserState;
use gitlab_sim::{Canned, CommitSpec, Effect, Fault, Settings, TokenSpec, UserSpec};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::receiver::Receiver;
use crate::support::{Lab, Seen};

/// A lab whose alice owns everything, with one commit.
async fn lab(settings: Settings) -> Lab {
    let lab = Lab::with(settings, "").await;
    lab.commit("a.md", "one");
    lab
}

async fn with(lab: &Lab, headers: &[(&str, &str)], method: &str, path: &str) -> Seen {
    let mut all = vec![("private-token", lab.token.as_str()), ("content-type", "application/json")];
    all.extend(headers);
    lab.send(method, &format!("/api/v4{path}"), &all, "").await.unwrap()
}

/// Every error shape by number: the answer must be this, whatever the numbers and names in it.
#[tokio::test]
async fn shapes_1_to_27_of_errors_come_over_the_wire() {
    let lab = lab(Settings::default()).await;
    let admin = lab.admin();
    let mut seen: Vec<(&str, Seen, u16, &str)> = Vec::new();
    seen.push((
        "1",
        lab.as_token("nonsense", "GET", "/user", Value::Null).await,
        401,
        r#"{"message":"401 Unauthorized"}"#,
    ));
    let bob = admin.create_user(UserSpec::person("bob"));
    let bobs = admin.create_token(TokenSpec::personal(bob.id, &["api"])).secret;
    let public = lab.public_project("demo/open");
    let hooks = format!("/projects/{public}/hooks");
    seen.push(("2", lab.as_token(&bobs, "GET", &hooks, Value::Null).await, 403, r#"{"message":"403 Forbidden"}"#));
    seen.push(("3", lab.get("/projects/999").await, 404, r#"{"message":"404 Project Not Found"}"#));
    seen.push(("4", lab.get(&lab.at("/hooks/999")).await, 404, r#"{"message":"404 Not found"}"#));
    seen.push(("5", lab.get("/nothing").await, 404, r#"{"error":"404 Not Found"}"#));
    let oauth = lab.oauth_token(&["api"]);
    let bearer = format!("Bearer {oauth}");
    let own = lab.send("GET", "/api/v4/personal_access_tokens/self", &[("authorization", &bearer)], "").await.unwrap();
    let text = r#"{"message":"400 Bad request - This endpoint requires token type to be a personal access token"}"#;
    seen.push(("6", own, 400, text));
    let missing = lab.get(&lab.at("/repository/files/a.md")).await;
    seen.push(("8", missing, 400, r#"{"error":"ref is missing"}"#));
    let hook = lab.call("POST", &lab.at("/hooks"), json!({ "url": "nonsense" })).await;
    seen.push(("8b", hook, 422, r#"{"error":"Invalid url given"}"#));
    let deployment = json!({ "environment": "e", "sha": "1", "ref": "no", "status": "success" });
    let missing = lab.call("POST", &lab.at("/deployments"), deployment).await;
    seen.push(("9", missing, 400, r#"{"message":{"ref":["The branch or tag does not exist"]}}"#));
    let twin = json!({ "title": "t", "source_branch": "s", "target_branch": "main" });
    lab.call("POST", &lab.at("/merge_requests"), twin.clone()).await;
    let text = r#"{"message":["Another open merge request already exists for this source branch: !1"]}"#;
    seen.push(("10", lab.call("POST", &lab.at("/merge_requests"), twin).await, 409, text));
    admin.settings(|settings| settings.limits.members_all = 1);
    lab.get(&lab.at("/members/all")).await;
    let text = r#"{"message":{"error":"This endpoint has been requested too many times. Try again later."}}"#;
    seen.push(("11", lab.get(&lab.at("/members/all")).await, 429, text));
    let narrow = admin.create_token(TokenSpec::personal(lab.alice, &["read_api"])).secret;
    let denied = lab.as_token(&narrow, "POST", &lab.at("/repository/branches"), json!({})).await;
    let text = r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges than provided by the access token.","scope":"api"}"#;
    seen.push(("13", denied, 403, text));
    let dead = admin.create_token(TokenSpec::personal(lab.alice, &["api"]));
    admin.revoke_token(dead.id);
    let text =
        r#"{"error":"invalid_token","error_description":"Token was revoked. You have to re-authorize from the user."}"#;
    seen.push(("14", lab.as_token(&dead.secret, "GET", "/user", Value::Null).await, 401, text));
    let fine = admin.create_token(TokenSpec::granular(lab.alice, &["Project: Read"])).secret;
    let denied = lab.as_token(&fine, "GET", "/user", Value::Null).await;
    assert!(
        denied.text().starts_with(r#"{"error":"insufficient_granular_scope","error_description":"#),
        "{}",
        denied.text()
    );
    assert_eq!(denied.status, 403, "15");
    let text = r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type Group. Remaining records can be retrieved using keyset pagination."}"#;
    seen.push(("16", lab.get("/groups?page=502&per_page=100").await, 405, text));
    admin.move_project(public, "demo/moved").unwrap();
    let moved = with(&lab, &[], "DELETE", "/projects/demo%2Fopen").await;
    seen.push(("17", moved, 405, r#"{"message":"Non GET methods are not allowed for moved projects"}"#));
    let old = [("if-unmodified-since", "Mon, 01 Jan 2001 00:00:00 GMT")];
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "x", "ref": "main" })).await;
    let kept = with(&lab, &old, "DELETE", &lab.at("/repository/branches/x")).await;
    seen.push(("18", kept, 412, r#"{"message":"412 Precondition Failed"}"#));
    let graphql = lab.send("POST", "/api/graphql", &[("authorization", "Bearer no")], "{}").await.unwrap();
    seen.push(("22", graphql, 401, r#"{"errors":[{"message":"Invalid token"}]}"#));
    let moved = with(&lab, &[], "GET", "/projects/demo%2Fopen").await;
    assert_eq!((moved.status.as_u16(), moved.header("content-type")), (301, Some("text/plain")), "27");
    assert!(moved.text().starts_with("This resource has been moved permanently to http://"), "27");
    for (number, error, status, text) in [
        ("7", ApiError::not_given("title"), 400, r#"{"message":"400 Bad request - \"title\" not given"}"#),
        ("19", ApiError::too_large(), 413, r#"{"message":"413 Request Entity Too Large"}"#),
        ("20", ApiError::too_many_requests(), 429, r#"{"message":"429 Too Many Requests"}"#),
        ("21", ApiError::internal(), 500, r#"{"message":"500 Internal Server Error"}"#),
        (
            "23",
            ApiError::oauth(StatusCode::BAD_REQUEST, "invalid_grant", "x"),
            400,
            r#"{"error":"invalid_grant","error_description":"x"}"#,
        ),
        ("25", ApiError::resource_lock(), 409, r#"{"message":"409 Conflict: Resource lock"}"#),
        ("26", ApiError::unavailable("busy", 30), 503, r#"{"message":"busy"}"#),
    ] {
        admin.clear_faults();
        admin.fault(Fault::on_any("/api/v4/user", Effect::Answer(Canned::from(error.clone()))));
        seen.push((number, lab.get("/user").await, status, text));
    }
    admin.clear_faults();
    for (number, seen, status, text) in &seen {
        assert_eq!((seen.status.as_u16(), seen.text().as_str()), (*status, *text), "shape {number}");
    }
}

#[tokio::test]
async fn the_throttle_speaks_plain_text_and_the_front_speaks_html() {
    let lab = lab(Settings::default()).await;
    lab.admin().settings(|settings| settings.throttle.authenticated = Some(1));
    lab.get("/user").await;
    let refused = lab.get("/user").await;
    assert_eq!((refused.text().as_str(), refused.header("content-type")), ("Retry later\n", Some("text/plain")));
    lab.admin().settings(|settings| settings.throttle.authenticated = None);
    for status in [502, 503, 504, 520] {
        lab.admin().clear_faults();
        lab.admin().fault(Fault::on_any("/api/v4/user", Effect::Answer(Canned::html(status))));
        let seen = lab.get("/user").await;
        assert_eq!(seen.status, status);
        assert!(seen.header("content-type").unwrap().starts_with("text/html"), "{status}");
    }
}

#[tokio::test]
async fn the_action_engine_goes_one_by_one_with_both_stale_texts_and_the_race_error() {
    let lab = lab(Settings::default()).await;
    let first = lab.get(&lab.at("/repository/files/a.md?ref=main")).await.json()["last_commit_id"].clone();
    // One by one: what the first action makes, the second changes and the third moves.
    let actions = json!([
        { "action": "create", "file_path": "b.md", "content": "b" },
        { "action": "update", "file_path": "b.md", "content": "c" },
        { "action": "move", "file_path": "d.md", "previous_path": "b.md" },
    ]);
    let commit = |actions: Value| json!({ "branch": "main", "commit_message": "m", "actions": actions });
    assert_eq!(lab.call("POST", &lab.at("/repository/commits"), commit(actions)).await.status, 201);
    assert_eq!(lab.get(&lab.at("/repository/files/d.md/raw?ref=main")).await.text(), "c");
    // A commit that knows the version that was read is a good guard, whichever it is.
    let tip = lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"].clone();
    let update = |id: &Value, content: &str| json!([{ "action": "update", "file_path": "a.md", "content": content, "last_commit_id": id }]);
    assert_eq!(lab.call("POST", &lab.at("/repository/commits"), commit(update(&tip, "two"))).await.status, 201);
    let stale = lab.call("POST", &lab.at("/repository/commits"), commit(update(&first, "three"))).await;
    stale.is(400, &json!({ "message": "The file has changed since you started editing it: a.md" }));
    let file = json!({ "branch": "main", "commit_message": "m", "content": "x", "last_commit_id": first });
    let stale = lab.call("PUT", &lab.at("/repository/files/a.md"), file).await;
    stale.is(
        400,
        &json!({ "message": "You are attempting to update a file that has changed since you started editing it." }),
    );
    lab.admin().land_during_next_commit(lab.project, CommitSpec::on("main", "rival").create("r.md", "r")).unwrap();
    let create = commit(json!([{ "action": "create", "file_path": "e.md", "content": "" }]));
    let lost = lab.call("POST", &lab.at("/repository/commits"), create).await;
    lost.is(400, &json!({ "message": "9:reference update: reference does not point to expected object." }));
}

#[tokio::test]
async fn pagers_count_to_10_000_and_reach_to_50_000_and_commits_have_no_totals() {
    let settings = Settings::default();
    assert_eq!((settings.count_limit, settings.offset_limit), (10_000, 50_000));
    let lab = lab(settings).await;
    lab.admin().settings(|settings| settings.count_limit = 1);
    let seen = lab.get(&lab.at("/repository/branches")).await;
    assert_eq!((seen.header("x-total"), seen.header("x-next-page")), (None, Some("")));
    assert!(!seen.header("link").unwrap().contains("rel=\"last\""));
    lab.admin().settings(|settings| settings.count_limit = 10_000);
    assert_eq!(lab.get("/users?page=501&per_page=100").await.status, 200);
    assert_eq!(lab.get("/users?page=502&per_page=100").await.status, 405);
    let full = lab.get(&lab.at("/repository/commits?per_page=1")).await;
    assert_eq!((full.header("x-total"), full.header("x-next-page")), (None, Some("2")));
    let empty = lab.get(&lab.at("/repository/commits?per_page=1&page=2")).await;
    assert_eq!((empty.json(), empty.header("x-next-page")), (json!([]), Some("")));
    // Keyset has a link and nothing else.
    let keyset = lab.get("/projects?pagination=keyset&order_by=id&sort=asc&per_page=1").await;
    assert_eq!((keyset.header("x-page"), keyset.header("x-total")), (None, None));
    assert!(keyset.header("link").unwrap().contains("id_after="));
}

#[test]
fn a_hook_rests_from_the_4th_failure_twice_as_long_each_time_and_ends_with_the_40th() {
    let start = jiff::Timestamp::UNIX_EPOCH;
    let mut breaker = Breaker::default();
    for failure in 1..=3 {
        breaker.fail(start);
        assert_eq!(breaker.status(start), AlertStatus::Executable, "{failure}");
    }
    let mut now = start;
    for failure in 4..=39_u32 {
        breaker.fail(now);
        let pause = SignedDuration::from_mins(1 << (failure - 4).min(20)).min(SignedDuration::from_hours(24));
        assert_eq!(breaker.until(), Some(now + pause), "{failure}");
        assert_eq!(breaker.status(now), AlertStatus::TemporarilyDisabled, "{failure}");
        now += pause + SignedDuration::from_secs(1);
        assert_eq!(breaker.status(now), AlertStatus::Executable, "{failure}");
    }
    breaker.fail(now);
    assert_eq!(breaker.status(now + SignedDuration::from_hours(1000)), AlertStatus::Disabled);
    breaker.succeed();
    assert_eq!(breaker.status(now), AlertStatus::Executable);
}

#[tokio::test]
async fn deliveries_have_fresh_ids_a_signature_ten_seconds_and_a_token_that_a_new_url_takes_away() {
    assert_eq!(Settings::default().hooks.timeout_ms, 10_000);
    let lab = lab(Settings { version: "19.1.0-ee".parse().unwrap(), ..Settings::default() }).await;
    let receiver = Receiver::new().await;
    let key = format!("whsec_{}", "A".repeat(43) + "=");
    let fields = json!({ "url": receiver.url, "token": "secret", "signing_token": key });
    let hook = lab.call("POST", &lab.at("/hooks"), fields).await.json()["id"].clone();
    for name in ["b", "c"] {
        lab.commit(&format!("{name}.md"), name);
    }
    let told = lab.gitlab.deliveries().await;
    let ids = |name: &str| told.iter().filter_map(|one| one.header(name).map(str::to_owned)).collect::<BTreeSet<_>>();
    for name in ["X-Gitlab-Webhook-UUID", "X-Gitlab-Event-UUID", "Idempotency-Key", "webhook-id"] {
        assert_eq!(ids(name).len(), 2, "{name}");
    }
    assert_eq!(ids("X-Gitlab-Token"), BTreeSet::from(["secret".to_owned()]));
    assert!(told.iter().all(|one| one.header("webhook-signature").unwrap().starts_with("v1,")));
    let elsewhere = json!({ "url": format!("{}/elsewhere", receiver.url) });
    let changed = lab.call("PUT", &lab.at(&format!("/hooks/{hook}")), elsewhere).await;
    assert_eq!(changed.json()["token_present"], false);
    lab.commit("d.md", "d");
    assert_eq!(lab.gitlab.deliveries().await.last().unwrap().header("X-Gitlab-Token"), None);
}

#[tokio::test]
async fn a_push_tells_20_commits_nothing_beyond_3_refs_renames_by_their_new_name_and_zeros() {
    let lab = lab(Settings::default()).await;
    let receiver = Receiver::new().await;
    lab.call("POST", &lab.at("/hooks"), json!({ "url": receiver.url })).await;
    let body = |one: &gitlab_sim::hooks::deliveries::Delivery| serde_json::from_slice::<Value>(&one.body).unwrap();
    lab.admin().commit(lab.project, CommitSpec::on("main", "Rename").rename("a.md", "z.md")).unwrap();
    let renamed = body(lab.gitlab.deliveries().await.last().unwrap());
    let commit = &renamed["commits"][0];
    assert_eq!((&commit["added"], &commit["removed"], &commit["modified"]), (&json!(["z.md"]), &json!([]), &json!([])));
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "x", "ref": "main" })).await;
    let made = body(lab.gitlab.deliveries().await.last().unwrap());
    assert_eq!(made["before"], "0".repeat(40));
    lab.call("DELETE", &lab.at("/repository/branches/x"), Value::Null).await;
    let gone = body(lab.gitlab.deliveries().await.last().unwrap());
    assert_eq!((&gone["after"], &gone["checkout_sha"]), (&json!("0".repeat(40)), &Value::Null));
    assert_eq!(lab.admin().app().world().settings.hooks.push_ref_limit, 3);
    // Twenty and three with real pushes: `hook_deliveries`.
}

#[tokio::test]
async fn tokens_have_bots_and_families_and_accounts_can_be_blocked() {
    let lab = lab(Settings::default()).await;
    let admin = lab.admin();
    let group = admin.app().world().namespace_by_path("demo").unwrap();
    for (spec, prefix) in [
        (TokenSpec::project(lab.project, &["api"]), format!("project_{}_bot_", lab.project)),
        (TokenSpec::group(group, &["api"]), "group_".to_owned()),
    ] {
        let token = admin.create_token(spec).secret;
        let user = lab.as_token(&token, "GET", "/user", Value::Null).await.json();
        assert!(user["username"].as_str().unwrap().starts_with(&prefix) && user["bot"] == true, "{user}");
    }
    let first = admin.create_token(TokenSpec::personal(lab.alice, &["api"])).secret;
    let second = lab.as_token(&first, "POST", "/personal_access_tokens/self/rotate", json!({})).await.json();
    let second = second["token"].as_str().unwrap().to_owned();
    assert_eq!(lab.as_token(&second, "GET", "/user", Value::Null).await.status, 200);
    assert_eq!(lab.as_token(&first, "POST", "/personal_access_tokens/self/rotate", json!({})).await.status, 401);
    assert_eq!(lab.as_token(&second, "GET", "/user", Value::Null).await.status, 401, "the family dies with a replay");
    admin.change_user(lab.alice, |user| user.state = UserState::Blocked).unwrap();
    lab.get("/user").await.is(403, &json!({ "message": "403 Forbidden - Your account has been blocked." }));
}

#[tokio::test]
async fn a_sub_path_a_spelling_in_other_case_and_an_old_path_lead_to_the_project() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    lab.commit("a.md", "one");
    let project = lab.get("/projects/DEMO%2FHandBook").await.json();
    assert_eq!(project["id"], lab.project);
    assert!(project["web_url"].as_str().unwrap().ends_with("/gitlab/demo/handbook"));
    lab.admin().move_project(lab.project, "demo/manual").unwrap();
    let moved = lab.get("/projects/demo%2Fhandbook/repository/tree?ref=main").await;
    let location = format!("{}/api/v4/projects/{}/repository/tree?ref=main", lab.gitlab.url(), lab.project);
    assert_eq!((moved.status.as_u16(), moved.header("location")), (301, Some(location.as_str())));
}
