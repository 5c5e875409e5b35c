//! Members and the end of a membership.

use gitlab_sim::{AccessLevel, ProjectSpec, Source, TokenSpec, UserSpec, Visibility};
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

use crate::git_client::{address, ok, refused};
use crate::support::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_ends_on_its_day_for_the_api_and_for_git() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let day = admin.app().clock.today().checked_add(2.days()).unwrap().to_string();
    let body = json!({ "user_id": bob, "access_level": 30, "expires_at": day });
    let made = lab.call("POST", &lab.at("/members"), body).await;
    assert_eq!((made.status.as_u16(), &made.json()["expires_at"]), (201, &json!(day)));
    let sees = async || lab.as_token(&token, "GET", &lab.at(""), Value::Null).await.status.as_u16();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(sees().await, 200);
    ok(folder.path(), &["ls-remote", &address(&lab, &token)]);

    admin.advance_clock(SignedDuration::from_hours(48));
    assert_eq!(sees().await, 404);
    assert!(refused(folder.path(), &["ls-remote", &address(&lab, &token)]).contains("not found"));
    let left = lab.get(&lab.at("/members")).await.json();
    assert_eq!(left.as_array().unwrap().len(), 1, "{left}");
}

#[tokio::test]
async fn a_membership_of_a_group_ends_for_everything_below_it() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let group = admin.create_group("top", Visibility::Private);
    let project = admin.create_project(&ProjectSpec::at("top/sub/code")).unwrap().id;
    admin.add_member(Source::Group(group), lab.alice, AccessLevel::Owner);
    let bob = admin.create_user(UserSpec::person("bob")).id;
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let body = json!({ "user_id": bob, "access_level": 30 });
    assert_eq!(lab.call("POST", &format!("/groups/{group}/members"), body).await.status, 201);
    let day = admin.app().clock.today().checked_add(1.days()).unwrap().to_string();
    let one = format!("/groups/{group}/members/{bob}");
    let changed = lab.call("PUT", &one, json!({ "access_level": 40, "expires_at": day })).await.json();
    assert_eq!((&changed["access_level"], &changed["expires_at"]), (&json!(40), &json!(day)));
    let path = format!("/projects/{project}");
    assert_eq!(lab.as_token(&token, "GET", &path, Value::Null).await.status, 200);
    // What is lifted in time does not end.
    let lifted = lab.call("PUT", &one, json!({ "access_level": 40, "expires_at": "" })).await.json();
    assert_eq!(lifted["expires_at"], Value::Null);
    admin.advance_clock(SignedDuration::from_hours(30));
    assert_eq!(lab.as_token(&token, "GET", &path, Value::Null).await.status, 200);
    let day = admin.app().clock.today().checked_add(1.days()).unwrap().to_string();
    lab.call("PUT", &one, json!({ "access_level": 40, "expires_at": day })).await;
    admin.advance_clock(SignedDuration::from_hours(24));
    assert_eq!(lab.as_token(&token, "GET", &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_day_that_is_none_or_past_is_refused() {
    let lab = Lab::new().await;
    let bob = lab.admin().create_user(UserSpec::person("bob")).id;
    let body = |day: &str| json!({ "user_id": bob, "access_level": 30, "expires_at": day });
    let soon = lab.call("POST", &lab.at("/members"), body("soon")).await;
    soon.is(400, &json!({ "error": "expires_at is invalid" }));
    let past = lab.call("POST", &lab.at("/members"), body("2020-01-01")).await;
    past.is(400, &json!({ "message": { "expires_at": ["cannot be a date in the past"] } }));
}
