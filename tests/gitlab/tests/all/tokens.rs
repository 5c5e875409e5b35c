//! Tokens: what they say of themselves, bots, rotation and its replay.

use gitlab_sim::{AccessLevel, Source, TokenSpec, UserSpec};
use jiff::ToSpan;
use serde_json::{Value, json};

use crate::support::Lab;

#[tokio::test]
async fn any_scope_may_look_at_its_own_token_and_oauth_is_told_apart() {
    let lab = Lab::new().await;
    let token = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_registry"])).secret;
    let seen = lab.as_token(&token, "GET", "/personal_access_tokens/self", Value::Null).await.json();
    assert_eq!(
        (seen["active"].as_bool(), seen["user_id"].as_u64(), &seen["scopes"]),
        (Some(true), Some(lab.alice), &json!(["read_registry"]))
    );
    assert!(seen["last_used_at"].is_string() && seen.get("token").is_none());
    let bearer = format!("Bearer {}", lab.oauth_token(&["api"]));
    let seen = lab.send("GET", "/api/v4/personal_access_tokens/self", &[("authorization", &bearer)], "").await.unwrap();
    let text = "400 Bad request - This endpoint requires token type to be a personal access token";
    seen.is(400, &json!({"message": text}));
}

#[tokio::test]
async fn project_tokens_have_a_bot_of_their_own_that_sees_nothing_else() {
    let lab = Lab::new().await;
    lab.admin().create_project(&gitlab_sim::ProjectSpec::at("demo/secret")).unwrap();
    let body = json!({"name": "sync", "scopes": ["api"], "access_level": 30});
    let made = lab.call("POST", &lab.at("/access_tokens"), body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!((made["access_level"].as_u64(), made["resource_type"].as_str()), (Some(30), Some("project")));
    let token = made["token"].as_str().unwrap();
    let user = lab.as_token(token, "GET", "/user", Value::Null).await.json();
    let name = user["username"].as_str().unwrap();
    assert!(name.starts_with(&format!("project_{}_bot_", lab.project)), "{name}");
    assert_eq!((user["bot"].as_bool(), user["name"].as_str()), (Some(true), Some("sync")));
    let projects = lab.as_token(token, "GET", "/projects?membership=true", Value::Null).await.json();
    assert_eq!(projects.as_array().unwrap().len(), 1);
    let text = "400 Bad request - User does not have permission to create project access token";
    lab.as_token(token, "POST", &lab.at("/access_tokens"), body).await.is(400, &json!({ "message": text }));
    let shown = lab.get(&lab.at(&format!("/access_tokens/{}", made["id"]))).await.json();
    assert!(shown.get("token").is_none());
}

#[tokio::test]
async fn rotation_kills_the_old_token_at_once_and_replay_kills_the_family() {
    let lab = Lab::new().await;
    let first =
        lab.call("POST", &lab.at("/access_tokens"), json!({"name": "t", "scopes": ["self_rotate"]})).await.json();
    let first = first["token"].as_str().unwrap().to_owned();
    let rotate = lab.at("/access_tokens/self/rotate");
    let second = lab.as_token(&first, "POST", &rotate, json!({})).await;
    assert_eq!(second.status, 200, "{}", second.text());
    let second = second.json()["token"].as_str().unwrap().to_owned();
    let own = "/personal_access_tokens/self";
    assert_eq!(lab.as_token(&first, "GET", own, Value::Null).await.json()["error"], "invalid_token");
    // Using the dead one elsewhere does no harm.
    assert_eq!(lab.as_token(&second, "GET", own, Value::Null).await.status, 200);
    assert_eq!(lab.as_token(&first, "POST", &rotate, json!({})).await.status, 401);
    assert_eq!(lab.as_token(&second, "GET", own, Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_token_without_the_scope_cannot_rotate_itself_and_others_cannot_be_seen() {
    let lab = Lab::new().await;
    let weak = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_api"]));
    let seen = lab.as_token(&weak.secret, "POST", "/personal_access_tokens/self/rotate", json!({})).await;
    assert_eq!((seen.status.as_u16(), seen.json()["scope"].as_str()), (403, Some("api self_rotate")));
    let bob = lab.admin().create_user(UserSpec::person("bob")).id;
    let other = lab.admin().create_token(TokenSpec::personal(bob, &["api"]));
    assert_eq!(lab.get(&format!("/personal_access_tokens/{}", other.id)).await.status, 401);
    assert_eq!(lab.get(&format!("/personal_access_tokens/{}", weak.id)).await.status, 200);
    let gone = lab.as_token(&weak.secret, "DELETE", "/personal_access_tokens/self", Value::Null).await;
    assert_eq!(gone.status, 204);
    assert_eq!(lab.as_token(&weak.secret, "GET", "/user", Value::Null).await.status, 401);
}

#[tokio::test]
async fn an_expiry_is_a_day_within_the_allowed_lifetime() {
    let lab = Lab::new().await;
    lab.admin().stop_clock();
    let last = lab.admin().app().clock.today().checked_add(365.days()).unwrap();
    let late = format!("Expiration date must be before {last}");
    let root = lab.admin().create_user(UserSpec::administrator("root")).id;
    let root = lab.admin().create_token(TokenSpec::personal(root, &["api"])).secret;
    let body = |day: &str| json!({ "name": "t", "scopes": ["api"], "expires_at": day });
    let at = lab.at("/access_tokens");
    lab.call("POST", &at, body("2999-01-01")).await.is(400, &json!({ "message": format!("400 Bad request - {late}") }));
    lab.call("POST", &at, body("soon")).await.is(400, &json!({ "error": "expires_at is invalid" }));
    assert_eq!(lab.call("POST", &at, body("2020-01-01")).await.status, 400);
    assert_eq!(lab.call("POST", &at, body(&last.to_string())).await.json()["expires_at"], last.to_string());
    // For a user it is the same sentence with another status.
    let users = format!("/users/{}/personal_access_tokens", lab.alice);
    lab.as_token(&root, "POST", &users, body("2999-01-01")).await.is(422, &json!({ "message": late }));
    for scopes in [json!(["nope"]), json!(["api", "read_user"])] {
        let wrong = lab.call("POST", &at, json!({ "name": "t", "scopes": scopes })).await;
        wrong.is(400, &json!({ "error": "scopes does not have a valid value" }));
    }
}

#[tokio::test]
async fn tokens_of_a_project_are_for_those_who_manage_it() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let body = json!({ "name": "t", "scopes": ["api"], "access_level": 30 });
    let made = lab.call("POST", &lab.at("/access_tokens"), body.clone()).await.json();
    let one = lab.at(&format!("/access_tokens/{}", made["id"]));
    let bob = admin.create_user(UserSpec::person("bob")).id;
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let hidden = lab.as_token(&token, "GET", &lab.at("/access_tokens"), Value::Null).await;
    hidden.is(404, &json!({ "message": "404 Project Not Found" }));
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let unauthorized = json!({ "message": "401 Unauthorized" });
    lab.as_token(&token, "GET", &lab.at("/access_tokens"), Value::Null).await.is(401, &unauthorized);
    lab.as_token(&token, "GET", &one, Value::Null).await.is(401, &unauthorized);
    lab.as_token(&token, "POST", &format!("{one}/rotate"), json!({})).await.is(401, &unauthorized);
    let text = |text: &str| json!({ "message": format!("400 Bad request - {text}") });
    lab.as_token(&token, "DELETE", &one, Value::Null).await.is(400, &text("bob cannot delete t"));
    let refused = lab.as_token(&token, "POST", &lab.at("/access_tokens"), body).await;
    refused.is(400, &text("User does not have permission to create project access token"));
    let above = json!({ "name": "t", "scopes": ["api"], "access_level": 50 });
    let refused = lab.call("POST", &lab.at("/access_tokens"), above).await;
    refused.is(400, &text("Access level of the token contains permissions not held by the creating user"));
    let none = lab.get(&lab.at("/access_tokens/999")).await;
    none.is(404, &json!({ "message": "404 project Access Token Not Found" }));
    assert_eq!(lab.call("DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(lab.get(&one).await.json()["revoked"], true);
}

#[tokio::test]
async fn service_accounts_belong_to_a_group_and_need_premium() {
    let lab = Lab::new().await;
    let group = lab.call("POST", "/groups", json!({"name": "Top", "path": "top"})).await.json()["id"].clone();
    let accounts = format!("/groups/{group}/service_accounts");
    let made = lab.call("POST", &accounts, json!({"name": "sync"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert!(made["username"].as_str().unwrap().starts_with("service_account_group_"));
    let path = format!("{accounts}/{}/personal_access_tokens", made["id"]);
    let token = lab.call("POST", &path, json!({"name": "t", "scopes": ["api"]})).await.json();
    let user = lab.as_token(token["token"].as_str().unwrap(), "GET", "/user", Value::Null).await.json();
    assert_eq!((user["id"].clone(), user["bot"].as_bool()), (made["id"].clone(), Some(true)));
    assert_eq!(lab.get(&accounts).await.json().as_array().unwrap().len(), 1);
    let one = format!("{accounts}/{}", made["id"]);
    assert_eq!(lab.call("PATCH", &one, json!({ "name": "Robot" })).await.json()["name"], "Robot");
    assert_eq!(lab.get(&path).await.json()[0]["id"], token["id"]);
    let next = lab.call("POST", &format!("{path}/{}/rotate", token["id"]), json!({})).await.json();
    assert_eq!(lab.as_token(token["token"].as_str().unwrap(), "GET", "/user", Value::Null).await.status, 401);
    assert_eq!(lab.as_token(next["token"].as_str().unwrap(), "GET", "/user", Value::Null).await.status, 200);
    let gone = format!("{path}/{}", next["id"]);
    assert_eq!(lab.call("DELETE", &gone, Value::Null).await.status, 204);
    let missing = lab.call("DELETE", &format!("{path}/999"), Value::Null).await;
    missing.is(404, &json!({ "message": "404 Personal Access Token Not Found" }));
    assert_eq!(lab.as_token(next["token"].as_str().unwrap(), "GET", "/user", Value::Null).await.status, 401);
    let human = lab.call("PATCH", &format!("{accounts}/{}", lab.alice), json!({})).await;
    human.is(400, &json!({ "message": "400 Bad request - User is not of type Service Account" }));
    assert_eq!(lab.call("DELETE", &one, Value::Null).await.status, 204);
    lab.call("DELETE", &one, Value::Null).await.is(404, &json!({ "message": "404 User Not Found" }));
    assert_eq!(lab.get(&accounts).await.json(), json!([]));
    lab.admin().settings(|settings| settings.tier = gitlab_sim::Tier::Free);
    assert_eq!(lab.call("POST", &accounts, json!({})).await.status, 403);
}

#[tokio::test]
async fn a_token_lists_what_it_reaches() {
    let lab = Lab::new().await;
    let seen = lab.get("/personal_access_tokens/self/associations").await.json();
    let project = &seen["projects"][0];
    assert_eq!(project["path_with_namespace"], "demo/handbook");
    assert_eq!(project["access_levels"], json!({"project_access_level": 40, "group_access_level": null}));
}

#[tokio::test]
async fn impersonation_tokens_are_for_administrators_to_make_and_to_see() {
    let lab = Lab::new().await;
    let root = lab.admin().create_user(UserSpec::administrator("root")).id;
    let root = lab.admin().create_token(TokenSpec::personal(root, &["api"])).secret;
    let path = format!("/users/{}/impersonation_tokens", lab.alice);
    let body = json!({ "name": "as alice", "scopes": ["read_user"] });
    lab.call("POST", &path, body.clone()).await.is(403, &json!({ "message": "403 Forbidden" }));
    let made = lab.as_token(&root, "POST", &path, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let secret = made["token"].as_str().unwrap();
    assert_eq!(lab.as_token(secret, "GET", "/user", Value::Null).await.json()["username"], "alice");
    let listed = lab.as_token(&root, "GET", &format!("{path}?state=active"), Value::Null).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["impersonation"]), (&made["id"], &json!(true)));
    assert!(listed[0].get("token").is_none() && listed.as_array().unwrap().len() == 1);
    let one = format!("{path}/{}", made["id"]);
    assert_eq!(lab.as_token(&root, "DELETE", &one, Value::Null).await.status, 204);
    assert_eq!(lab.as_token(&root, "GET", &one, Value::Null).await.json()["revoked"], true);
    assert_eq!(lab.as_token(secret, "GET", "/user", Value::Null).await.status, 401);
    let none = lab.as_token(&root, "GET", &format!("{path}/999"), Value::Null).await;
    none.is(404, &json!({ "message": "404 Impersonation Token Not Found" }));
    let none = lab.as_token(&root, "GET", "/users/999/impersonation_tokens", Value::Null).await;
    none.is(404, &json!({ "message": "404 User Not Found" }));
}
