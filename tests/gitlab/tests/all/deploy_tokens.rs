//! Deploy tokens: made through the API, good for git, unknown to the API.

use gitlab_sim::{AccessLevel, ProjectSpec, Source, TokenSpec, UserSpec};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::git_client::{ok, refused};
use crate::support::Lab;

fn address(lab: &Lab, path: &str, token: &Value) -> String {
    let login = token["username"].as_str().unwrap().replace('+', "%2B");
    let pair = format!("://{login}:{}@", token["token"].as_str().unwrap());
    format!("{}/{path}.git", lab.gitlab.url().replace("://", &pair))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_token_reads_its_project_and_nothing_else() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let other = lab.admin().create_project(&ProjectSpec::at("demo/other")).unwrap();
    lab.admin().commit(other.id, gitlab_sim::CommitSpec::on("main", "o").create("o.md", "o")).unwrap();
    let path = lab.at("/deploy_tokens");
    let make = async |scopes: &[&str], more: Value| {
        let mut body = json!({ "name": "ci", "scopes": scopes });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        lab.call("POST", &path, body).await
    };
    let good = make(&["read_repository"], json!({})).await;
    assert_eq!(good.status, 201, "{}", good.text());
    let good = good.json();
    assert_eq!(good["username"], format!("gitlab+deploy-token-{}", good["id"]));
    assert_eq!((&good["revoked"], &good["expired"], &good["expires_at"]), (&json!(false), &json!(false), &Value::Null));

    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", &address(&lab, "demo/handbook", &good), "work"]);
    let said = refused(&folder.path().join("work"), &["push", "origin", "HEAD:topic"]);
    assert!(said.contains("403") && !said.contains("pre-receive"), "{said}");
    assert!(refused(folder.path(), &["ls-remote", &address(&lab, "demo/other", &good)]).contains("not found"));
    let registry = make(&["read_registry"], json!({ "username": "machine" })).await.json();
    assert!(refused(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &registry)]).contains("403"));
    // The name belongs to the secret.
    let mixed = json!({ "username": "machine", "token": good["token"] });
    assert!(
        refused(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &mixed)])
            .contains("Authentication failed")
    );

    let short =
        make(&["read_repository"], json!({ "expires_at": lab.admin().app().now() + SignedDuration::from_hours(1) }));
    let short = short.await.json();
    ok(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &short)]);
    lab.admin().advance_clock(SignedDuration::from_hours(2));
    refused(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &short)]);
    let shown = lab.get(&format!("{path}/{}", short["id"])).await.json();
    assert_eq!((&shown["expired"], shown.get("token")), (&json!(true), None));
    assert_eq!(lab.get(&format!("{path}?active=true")).await.json().as_array().unwrap().len(), 2);

    assert_eq!(lab.call("DELETE", &format!("{path}/{}", good["id"]), Value::Null).await.status, 204);
    refused(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &good)]);
    lab.get(&format!("{path}/{}", good["id"])).await.is(404, &json!({ "message": "404 Not found" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_token_of_a_group_reads_what_is_below_it() {
    let lab = Lab::new().await;
    let top = lab.call("POST", "/groups", json!({ "name": "Top", "path": "top" })).await.json()["id"].clone();
    let below = lab.admin().create_project(&ProjectSpec::at("top/sub/code")).unwrap();
    lab.admin().commit(below.id, gitlab_sim::CommitSpec::on("main", "o").create("o.md", "o")).unwrap();
    let body = json!({ "name": "g", "scopes": "read_repository,read_registry" });
    let made = lab.call("POST", &format!("/groups/{top}/deploy_tokens"), body).await.json();
    assert_eq!(made["scopes"], json!(["read_repository", "read_registry"]));
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", &address(&lab, "top/sub/code", &made), "work"]);
    refused(folder.path(), &["ls-remote", &address(&lab, "demo/handbook", &made)]);
}

#[tokio::test]
async fn the_api_knows_no_deploy_token() {
    let lab = Lab::new().await;
    let path = lab.at("/deploy_tokens");
    let made = lab.call("POST", &path, json!({ "name": "d", "scopes": ["read_repository"] })).await.json();
    let secret = made["token"].as_str().unwrap();
    let unauthorized = json!({ "message": "401 Unauthorized" });
    lab.as_token(secret, "GET", "/user", Value::Null).await.is(401, &unauthorized);
    let bearer = format!("Bearer {secret}");
    let at = format!("/api/v4{}", lab.at(""));
    lab.send("GET", &at, &[("authorization", &bearer)], "").await.unwrap().is(401, &unauthorized);
    // Its own header counts on package routes only: here it is nobody.
    let own = lab.send("GET", &at, &[("deploy-token", secret)], "").await.unwrap();
    own.is(404, &json!({ "message": "404 Project Not Found" }));
}

#[tokio::test]
async fn deploy_tokens_are_managed_by_maintainers_and_take_known_scopes_only() {
    let lab = Lab::new().await;
    let path = lab.at("/deploy_tokens");
    for (body, error) in [
        (json!({ "scopes": ["read_repository"] }), "name is missing"),
        (json!({ "name": "x" }), "scopes is missing"),
        (json!({ "name": "x", "scopes": ["write_repository"] }), "scopes does not have a valid value"),
        (json!({ "name": "x", "scopes": ["read_repository"], "expires_at": "soon" }), "expires_at is invalid"),
    ] {
        lab.call("POST", &path, body).await.is(400, &json!({ "error": error }));
    }
    for (body, text) in [
        (json!({ "name": "x", "scopes": [] }), "Scopes can't be blank"),
        (
            json!({ "name": "x", "scopes": ["read_repository"], "username": "a b" }),
            "Username can contain only letters, digits, '_', '-', '+', and '.'",
        ),
    ] {
        lab.call("POST", &path, body).await.is(400, &json!({ "message": text }));
    }
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let forbidden = json!({ "message": "403 Forbidden" });
    lab.as_token(&token, "GET", &path, Value::Null).await.is(403, &forbidden);
    lab.get("/deploy_tokens").await.is(403, &forbidden);
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let root = admin.create_token(TokenSpec::personal(root, &["api"])).secret;
    assert_eq!(lab.as_token(&root, "GET", "/deploy_tokens", Value::Null).await.json(), json!([]));
}
