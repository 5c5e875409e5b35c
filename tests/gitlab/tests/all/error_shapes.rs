//! Every shape in which GitLab says no, seen over the wire: one test for each row of the list of error shapes, in its order.
//!
//! Most come from what a client does. Shapes that no endpoint of this instance comes to by itself are planned as a fault.

use gitlab_sim::error::ApiError;
use gitlab_sim::{AccessLevel, Canned, Effect, Fault, Settings, Source, TokenSpec, UserSpec};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::support::{Lab, Seen};

const NONE: Value = Value::Null;

fn message(text: &str) -> Value {
    json!({ "message": text })
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

/// A lab with one file on its default branch.
async fn lab() -> Lab {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    lab
}

/// A token of somebody else, with this role in alice's project.
fn other(lab: &Lab, role: Option<AccessLevel>) -> String {
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    if let Some(role) = role {
        admin.add_member(Source::Project(lab.project), bob, role);
    }
    admin.create_token(TokenSpec::personal(bob, &["api"])).secret
}

/// What `GET /user` says while this refusal is planned for it.
async fn planned(refusal: ApiError) -> Seen {
    let lab = Lab::new().await;
    lab.admin().fault(Fault::on_any("/api/v4/user", Effect::Answer(refusal.into())));
    lab.get("/user").await
}

#[tokio::test]
async fn shape_1_is_no_or_an_unknown_token() {
    let lab = lab().await;
    for token in ["", "glpat-nobody"] {
        lab.as_token(token, "GET", "/user", NONE).await.is(401, &message("401 Unauthorized"));
    }
}

#[tokio::test]
async fn shape_2_is_a_lack_of_rights_with_or_without_a_reason() {
    let lab = lab().await;
    let token = other(&lab, Some(AccessLevel::Developer));
    let hooks = lab.as_token(&token, "GET", &lab.at("/hooks"), NONE).await;
    hooks.is(403, &message("403 Forbidden"));
    let body = json!({ "branch": "main", "commit_message": "m", "actions": [] });
    let commit = lab.as_token(&token, "POST", &lab.at("/repository/commits"), body).await;
    commit.is(403, &message("403 Forbidden - You are not allowed to push into this branch"));
}

#[tokio::test]
async fn shape_3_names_what_is_not_there() {
    let lab = lab().await;
    let none = "0".repeat(40);
    for (path, thing) in [
        ("/projects/999".to_owned(), "Project"),
        ("/groups/999".into(), "Group"),
        ("/namespaces/999".into(), "Namespace"),
        (lab.at("/repository/tree?ref=none"), "Tree"),
        (lab.at("/repository/files/none?ref=main"), "File"),
        (lab.at("/repository/files/a.md?ref=none"), "Commit"),
        (lab.at("/repository/branches/none"), "Branch"),
        (lab.at("/repository/tags/none"), "Tag"),
        (lab.at(&format!("/repository/blobs/{none}")), "Blob"),
        (lab.at("/repository/compare?from=none&to=main"), "Ref"),
    ] {
        lab.get(&path).await.is(404, &message(&format!("404 {thing} Not Found")));
    }
    lab.admin().change_project(lab.project, |project| project.repository_enabled = false).unwrap();
    lab.get(&lab.at("/repository/commits")).await.is(404, &message("404 Repository Not Found"));
    let root = lab.admin().create_user(UserSpec::administrator("root")).id;
    let root = lab.admin().create_token(TokenSpec::personal(root, &["api"])).secret;
    let bare = lab.as_token(&root, "GET", "/personal_access_tokens/999", NONE).await;
    bare.is(404, &message("404 Not Found"));
}

#[tokio::test]
async fn shape_4_is_a_record_that_is_not_there() {
    let lab = lab().await;
    lab.get(&lab.at("/hooks/999")).await.is(404, &message("404 Not found"));
    lab.get(&lab.at("/members/999")).await.is(404, &message("404 Not found"));
}

#[tokio::test]
async fn shape_5_is_a_path_that_no_route_has() {
    let lab = lab().await;
    for path in ["/nope", "/projects/demo/handbook", &lab.at("/repository/files/a/b?ref=main")] {
        lab.get(path).await.is(404, &error("404 Not Found"));
    }
}

#[tokio::test]
async fn shape_6_is_a_bad_request_with_its_reason() {
    let lab = lab().await;
    let body = json!({ "branch": "main", "commit_message": "m" });
    let text = "400 Bad request - Provide at least one action, or set allow_empty to true";
    lab.call("POST", &lab.at("/repository/commits"), body).await.is(400, &message(text));
}

#[tokio::test]
async fn shape_7_is_a_required_attribute_that_is_blank() {
    planned(ApiError::not_given("title")).await.is(400, &message("400 Bad request - \"title\" not given"));
}

#[tokio::test]
async fn shape_8_is_what_the_validation_of_parameters_says() {
    let lab = lab().await;
    let create = async |body: Value| lab.call("POST", &lab.at("/repository/branches"), body).await;
    create(json!({})).await.is(400, &error("branch is missing, ref is missing"));
    create(json!({ "branch": "", "ref": "main" })).await.is(400, &error("branch is empty"));
    let list = lab.get(&lab.at("/merge_requests?state=nope")).await;
    list.is(400, &error("state does not have a valid value"));
}

#[tokio::test]
async fn shape_8b_is_a_service_that_says_error() {
    let lab = lab().await;
    let hook = lab.call("POST", &lab.at("/hooks"), json!({ "url": "nonsense" })).await;
    hook.is(422, &error("Invalid url given"));
    lab.admin().change_user(lab.alice, |user| user.projects_limit = 0).unwrap();
    let seen = lab.call("POST", "/projects", json!({ "name": "x" })).await;
    assert_eq!(seen.status, 403);
    let text = seen.json()["error"][0].as_str().unwrap().to_owned();
    assert!(text.starts_with("Your project limit is"), "{text}");
}

#[tokio::test]
async fn shape_9_is_what_a_model_says_of_its_attributes() {
    let lab = lab().await;
    assert_eq!(lab.call("POST", "/projects", json!({ "name": "x" })).await.status, 201);
    let twice = lab.call("POST", "/projects", json!({ "name": "x" })).await;
    assert_eq!((twice.status.as_u16(), &twice.json()["message"]["path"]), (400, &json!(["has already been taken"])));
}

#[tokio::test]
async fn shape_10_is_a_conflict_told_as_a_list() {
    let lab = lab().await;
    assert_eq!(lab.call("POST", &lab.at("/fork"), json!({})).await.status, 201);
    let twice = lab.call("POST", &lab.at("/fork"), json!({})).await;
    let taken = ["Project namespace name", "Name", "Path"].map(|what| format!("{what} has already been taken"));
    twice.is(409, &json!({ "message": taken }));
    let text = "Another open merge request already exists for this source branch: !1";
    planned(ApiError::conflict_list(text)).await.is(409, &json!({ "message": [text] }));
}

#[tokio::test]
async fn shape_11_is_the_limit_of_one_feature() {
    let lab = lab().await;
    lab.admin().stop_clock();
    lab.admin().settings(|settings| settings.limits.members_all = 1);
    let path = lab.at("/members/all");
    assert_eq!(lab.get(&path).await.status, 200);
    let seen = lab.get(&path).await;
    let text = "This endpoint has been requested too many times. Try again later.";
    seen.is(429, &json!({ "message": { "error": text } }));
    assert_eq!(seen.header("retry-after"), None);
}

#[tokio::test]
async fn shape_12_is_the_throttle_in_front_of_everything() {
    let lab = lab().await;
    lab.admin().stop_clock();
    lab.admin().settings(|settings| settings.throttle.authenticated = Some(1));
    assert_eq!(lab.get("/user").await.status, 200);
    let seen = lab.get("/user").await;
    assert_eq!((seen.status.as_u16(), seen.text().as_str()), (429, "Retry later\n"));
    assert_eq!(seen.header("content-type"), Some("text/plain"));
    assert!(seen.header("retry-after").is_some() && seen.header("ratelimit-resettime").is_some());
}

#[tokio::test]
async fn shape_13_is_a_token_whose_scope_is_too_small() {
    let lab = lab().await;
    let weak = lab.admin().create_token(TokenSpec::personal(lab.alice, &["read_user"])).secret;
    let seen = lab.as_token(&weak, "GET", "/projects", NONE).await;
    seen.is(
        403,
        &json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api read_api",
        }),
    );
    assert_eq!(seen.header("www-authenticate"), None);
}

#[tokio::test]
async fn shape_14_is_a_token_that_is_no_longer_good() {
    let lab = lab().await;
    let admin = lab.admin();
    let body = |text: &str| json!({ "error": "invalid_token", "error_description": text });
    let revoked = admin.create_token(TokenSpec::personal(lab.alice, &["api"]));
    admin.revoke_token(revoked.id);
    let seen = lab.as_token(&revoked.secret, "GET", "/user", NONE).await;
    seen.is(401, &body("Token was revoked. You have to re-authorize from the user."));
    assert!(seen.header("www-authenticate").unwrap().starts_with("Bearer "));
    let kind = gitlab_sim::world::tokens::TokenKind::Impersonation;
    let spec = TokenSpec { kind, ..TokenSpec::personal(lab.alice, &["api"]) };
    let impersonation = admin.create_token(spec).secret;
    admin.settings(|settings| settings.impersonation_enabled = false);
    let seen = lab.as_token(&impersonation, "GET", "/user", NONE).await;
    seen.is(401, &body("Token is an impersonation token but impersonation was disabled."));
    admin.advance_clock(SignedDuration::from_hours(24 * 366));
    let text = "Token is expired. You can either do re-authorization or token refresh.";
    lab.get("/user").await.is(401, &body(text));
}

#[tokio::test]
async fn shape_15_is_a_fine_grained_token_without_the_permission() {
    let lab = lab().await;
    let token = lab.admin().create_token(TokenSpec::granular(lab.alice, &["User: Read"])).secret;
    assert_eq!(lab.as_token(&token, "GET", "/user", NONE).await.status, 200);
    let text = "Access denied: Your Personal Access Token lacks the required permissions: [Repository: Read] for \
                \"demo/handbook\".";
    let seen = lab.as_token(&token, "GET", &lab.at("/repository/tree"), NONE).await;
    seen.is(403, &json!({ "error": "insufficient_granular_scope", "error_description": text }));
}

#[tokio::test]
async fn shape_16_is_an_offset_that_goes_too_far() {
    let lab = lab().await;
    let seen = lab.get("/groups?page=1002&per_page=50").await;
    let text = "Offset pagination has a maximum allowed offset of 50000 for requests that return objects of type Group. \
                Remaining records can be retrieved using keyset pagination.";
    seen.is(405, &error(text));
}

#[tokio::test]
async fn shape_17_is_a_method_that_is_not_allowed_here() {
    let lab = lab().await;
    let rotate = lab.call("POST", &lab.at("/access_tokens/self/rotate"), json!({})).await;
    rotate.is(405, &message("405 Method Not Allowed"));
    lab.admin().move_project(lab.project, "demo/manual").unwrap();
    let moved = lab.call("POST", "/projects/demo%2Fhandbook/repository/branches", json!({})).await;
    moved.is(405, &message("Non GET methods are not allowed for moved projects"));
}

#[tokio::test]
async fn shape_18_is_a_resource_that_changed_since() {
    let lab = lab().await;
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "topic", "ref": "main" })).await;
    let headers = [("private-token", lab.token.as_str()), ("if-unmodified-since", "Fri, 01 Jan 2016 00:00:00 GMT")];
    let path = format!("/api/v4{}", lab.at("/repository/branches/topic"));
    lab.send("DELETE", &path, &headers, "").await.unwrap().is(412, &message("412 Precondition Failed"));
}

#[tokio::test]
async fn shape_19_is_a_body_that_is_too_large() {
    planned(ApiError::too_large()).await.is(413, &message("413 Request Entity Too Large"));
}

#[tokio::test]
async fn shape_20_is_too_many_requests_with_a_time_to_wait() {
    let seen = planned(ApiError::too_many_requests()).await;
    seen.is(429, &message("429 Too Many Requests"));
    assert_eq!(seen.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn shape_21_is_what_nobody_expected() {
    let lab = lab().await;
    let action = json!({ "action": "create", "file_path": "b", "content": "!", "encoding": "base64" });
    let body = json!({ "branch": "main", "commit_message": "m", "actions": [action] });
    let seen = lab.call("POST", &lab.at("/repository/commits"), body).await;
    seen.is(500, &message("500 Internal Server Error"));
}

#[tokio::test]
async fn shape_22_is_a_bad_token_for_graphql() {
    let lab = lab().await;
    let headers = [("private-token", "glpat-nobody"), ("content-type", "application/json")];
    let seen = lab.send("POST", "/api/graphql", &headers, r#"{"query":"{ currentUser { id } }"}"#).await.unwrap();
    seen.is(401, &json!({ "errors": [{ "message": "Invalid token" }] }));
}

#[tokio::test]
async fn shape_23_is_a_refusal_of_the_token_endpoint() {
    let lab = lab().await;
    let headers = [("content-type", "application/json")];
    let seen = lab.send("POST", "/oauth/token", &headers, r#"{"grant_type":"authorization_code"}"#).await.unwrap();
    let text = "Client authentication failed due to unknown client, no client authentication included, or unsupported \
                authentication method.";
    seen.is(401, &json!({ "error": "invalid_client", "error_description": text }));
}

#[tokio::test]
async fn shape_24_is_the_page_of_whatever_stands_in_front() {
    let lab = lab().await;
    for status in [502, 503, 504, 520] {
        lab.admin().clear_faults();
        lab.admin().fault(Fault::on_any("/api/v4/user", Effect::Answer(Canned::html(status))));
        let seen = lab.get("/user").await;
        assert_eq!(seen.status.as_u16(), status);
        assert!(seen.header("content-type").unwrap().starts_with("text/html"));
    }
    let page = lab.send("GET", "/dashboard", &[], "").await.unwrap();
    let sign_in = format!("{}/users/sign_in", lab.gitlab.url());
    assert_eq!((page.status.as_u16(), page.header("location")), (302, Some(sign_in.as_str())));
}

#[tokio::test]
async fn shape_25_is_a_lock_that_was_not_obtained() {
    planned(ApiError::resource_lock()).await.is(409, &message("409 Conflict: Resource lock"));
}

#[tokio::test]
async fn shape_26_is_an_instance_that_cannot_now() {
    let seen = planned(ApiError::unavailable("Upstream Gitaly has been exhausted", 30)).await;
    seen.is(503, &message("Upstream Gitaly has been exhausted"));
    assert_eq!(seen.header("retry-after"), Some("30"));
    let lab = Lab::with(Settings { maintenance: Some(String::new()), ..Settings::default() }, "").await;
    let write = lab.call("POST", "/groups", json!({ "name": "x", "path": "x" })).await;
    write.is(503, &message("GitLab is undergoing maintenance"));
    assert_eq!(write.header("retry-after"), Some("900"));
    assert_eq!(lab.get("/user").await.status, 200);
}

#[tokio::test]
async fn shape_27_is_a_project_that_moved() {
    let lab = lab().await;
    lab.admin().move_project(lab.project, "demo/manual").unwrap();
    let seen = lab.get("/projects/demo%2Fhandbook/repository/tree?ref=main").await;
    let url = format!("{}/api/v4{}", lab.gitlab.url(), lab.at("/repository/tree?ref=main"));
    assert_eq!((seen.status.as_u16(), seen.header("location")), (301, Some(url.as_str())));
    assert_eq!(seen.text(), format!("This resource has been moved permanently to {url}"));
}
