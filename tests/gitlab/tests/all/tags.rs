//! Tags and protected tags, by API and by `git push`, and the webhooks they fire.

use gitlab_sim::events::{Event, ZERO_ID};
use gitlab_sim::{AccessLevel, Source, TokenSpec, UserSpec};
use serde_json::{Value, json};

use crate::git_client::{address, ok, refused};
use crate::support::Lab;

fn message(text: &str) -> Value {
    json!({ "message": text })
}

#[tokio::test]
async fn a_tag_points_at_a_commit_and_an_annotated_one_at_its_own_object() {
    let lab = Lab::new().await;
    let commit = lab.commit("a.md", "one");
    let mut events = lab.admin().app().events.listen();
    let path = lab.at("/repository/tags");
    let plain = lab.call("POST", &path, json!({ "tag_name": "v1", "ref": "main" })).await;
    assert_eq!(plain.status, 201, "{}", plain.text());
    let plain = plain.json();
    assert_eq!((&plain["target"], &plain["commit"]["id"]), (&json!(commit), &json!(commit)));
    assert_eq!((&plain["message"], &plain["created_at"], &plain["release"]), (&json!(""), &Value::Null, &Value::Null));
    let Some(Event::Push(push)) = events.recv().await else { panic!("no push") };
    let change = &push.changes[0];
    assert_eq!((change.reference.as_str(), change.before.as_str(), &change.after), ("refs/tags/v1", ZERO_ID, &commit));

    let noted = lab.call("POST", &path, json!({ "tag_name": "a/v2", "ref": "v1", "message": " Two \n" })).await.json();
    assert_ne!(noted["target"], noted["commit"]["id"]);
    assert_eq!((&noted["message"], &noted["commit"]["id"]), (&json!("Two"), &json!(commit)));
    assert!(noted["created_at"].is_string());
    assert_eq!(lab.get(&lab.at("/repository/tags/a%2Fv2")).await.json(), noted);
    lab.get(&lab.at("/repository/tags/a%2Fv2/signature")).await.is(404, &message("404 Signature Not Found"));
    lab.get(&lab.at("/repository/tags/none")).await.is(404, &message("404 Tag Not Found"));
    assert_eq!(lab.call("DELETE", &lab.at("/repository/tags/v1"), Value::Null).await.status, 204);
    assert_eq!(lab.get(&lab.at("/repository/tags")).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_tag_is_refused_in_gitlabs_words() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let path = lab.at("/repository/tags");
    lab.call("POST", &path, json!({ "tag_name": "v1", "ref": "main" })).await;
    for (name, target, text) in [
        ("v1", "main", "Tag v1 already exists"),
        ("a..b", "main", "Tag name invalid"),
        ("-x", "main", "Tag name invalid"),
        ("v2", "nowhere", "Target nowhere is invalid"),
        ("main", "main", "You cannot use default branch name to create a tag"),
        (&"a".repeat(41), "main", "You cannot create a tag with a SHA-1 or SHA-256 tag name."),
    ] {
        lab.call("POST", &path, json!({ "tag_name": name, "ref": target })).await.is(400, &message(text));
    }
    let none = lab.call("POST", &path, json!({ "tag_name": "v2" })).await;
    none.is(400, &json!({ "error": "ref is missing" }));
    let old = [("private-token", lab.token.as_str()), ("if-unmodified-since", "Fri, 01 Jan 2016 00:00:00 GMT")];
    let stale = lab.send("DELETE", &format!("/api/v4{}", lab.at("/repository/tags/v1")), &old, "").await.unwrap();
    stale.is(412, &message("412 Precondition Failed"));
}

#[tokio::test]
async fn tags_are_sorted_by_date_name_or_version_and_paged_by_name() {
    let lab = Lab::new().await;
    lab.admin().stop_clock();
    for (name, file) in [("v1.10", "a"), ("v1.9", "b"), ("beta", "c")] {
        lab.commit(file, "x");
        lab.call("POST", &lab.at("/repository/tags"), json!({ "tag_name": name, "ref": "main" })).await;
        lab.admin().advance_clock(jiff::SignedDuration::from_secs(60));
    }
    let names = async |query: &str| -> Vec<String> {
        let seen = lab.get(&lab.at(&format!("/repository/tags?{query}"))).await.json();
        seen.as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("", ["beta", "v1.9", "v1.10"].as_slice()),
        ("sort=asc", &["v1.10", "v1.9", "beta"]),
        ("order_by=name&sort=asc", &["beta", "v1.10", "v1.9"]),
        ("order_by=version&sort=asc", &["beta", "v1.9", "v1.10"]),
        ("search=^v&order_by=version", &["v1.10", "v1.9"]),
        ("search=9$", &["v1.9"]),
        ("per_page=1&page=2", &["v1.9"]),
    ] {
        assert_eq!(names(query).await, expected, "{query}");
    }
    let first = lab.get(&lab.at("/repository/tags?pagination=keyset&per_page=2")).await;
    let link = first.header("link").unwrap();
    assert!(link.contains("page_token=v1.9") && first.header("x-total").is_none(), "{link}");
    assert_eq!(names("pagination=keyset&per_page=2&page_token=v1.9").await, ["v1.10"]);
    assert_eq!(lab.get(&lab.at("/repository/tags?pagination=keyset&page_token=no")).await.status, 422);
    let wrong = lab.get(&lab.at("/repository/tags?order_by=size")).await;
    wrong.is(400, &json!({ "error": "order_by does not have a valid value" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_tags_are_made_by_some_and_moved_by_nobody() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    lab.commit("b.md", "two");
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let fence = lab.call("POST", &lab.at("/protected_tags"), json!({ "name": "v*" })).await;
    assert_eq!((fence.status.as_u16(), &fence.json()["create_access_levels"][0]["access_level"]), (201, &json!(40)));
    let twice = lab.call("POST", &lab.at("/protected_tags"), json!({ "name": "v*" })).await;
    twice.is(422, &json!({ "message": ["Name has already been taken"] }));
    lab.get(&lab.at("/protected_tags/none")).await.is(404, &message("404 Not found"));
    let path = lab.at("/repository/tags");
    let made = lab.as_token(&token, "POST", &path, json!({ "tag_name": "v1", "ref": "main" })).await;
    made.is(400, &message("You are not allowed to create this tag as it is protected."));
    assert_eq!(lab.as_token(&token, "POST", &path, json!({ "tag_name": "x1", "ref": "main" })).await.status, 201);
    assert_eq!(lab.call("POST", &path, json!({ "tag_name": "v1", "ref": "main" })).await.json()["protected"], true);
    let gone = lab.as_token(&token, "DELETE", &lab.at("/repository/tags/v1"), Value::Null).await;
    gone.is(403, &message("403 Forbidden"));

    let folder = tempfile::tempdir().unwrap();
    let (alice, bob) = (address(&lab, &lab.token), address(&lab, &token));
    ok(folder.path(), &["clone", "-q", &alice, "work"]);
    let work = folder.path().join("work");
    for (who, push, text) in [
        (&bob, "HEAD:refs/tags/v2", "You are not allowed to create this tag as it is protected."),
        (&alice, "+HEAD~1:refs/tags/v1", "Protected tags cannot be updated."),
        (&alice, ":refs/tags/v1", "You can only delete protected tags using the web interface."),
        (&bob, ":refs/tags/v1", "Only a project maintainer or owner can delete a protected tag."),
        (&alice, "HEAD:refs/tags/main", "You cannot use default branch name to create a tag"),
    ] {
        let said = refused(&work, &["push", "-q", who, push]);
        assert!(said.contains("GitLab: ") && said.contains(text), "{push}: {said}");
    }
    ok(&work, &["push", "-q", &alice, "HEAD:refs/tags/v2", "+HEAD~1:refs/tags/x1"]);
    ok(&work, &["push", "-q", &bob, ":refs/tags/x1"]);
    assert_eq!(lab.call("DELETE", &lab.at("/repository/tags/v2"), Value::Null).await.status, 204);
    assert_eq!(lab.call("DELETE", &lab.at("/protected_tags/v*"), Value::Null).await.status, 204);
    assert_eq!(lab.as_token(&token, "POST", &path, json!({ "tag_name": "v3", "ref": "main" })).await.status, 201);
}

#[tokio::test]
async fn a_tag_made_by_api_is_told_as_a_tag_push() {
    let lab = Lab::new().await;
    let commit = lab.commit("a.md", "one");
    let body = json!({ "url": "http://127.0.0.1:9/hook", "push_events": false, "tag_push_events": true });
    assert_eq!(lab.call("POST", &lab.at("/hooks"), body).await.status, 201);
    let path = lab.at("/repository/tags");
    let tag = lab.call("POST", &path, json!({ "tag_name": "v1", "ref": "main", "message": "One" })).await.json();
    assert_eq!(lab.call("DELETE", &lab.at("/repository/tags/v1"), Value::Null).await.status, 204);
    let told = lab.gitlab.deliveries().await;
    let bodies: Vec<Value> = told.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    let (made, gone) = (&bodies[0], &bodies[1]);
    assert_eq!((&made["object_kind"], &made["ref"]), (&json!("tag_push"), &json!("refs/tags/v1")));
    assert_eq!((&made["before"], &made["after"]), (&json!(ZERO_ID), &tag["target"]));
    assert_eq!((&made["checkout_sha"], &made["message"]), (&json!(commit), &json!("One")));
    assert_eq!((&gone["after"], &gone["checkout_sha"]), (&json!(ZERO_ID), &Value::Null));
}
