//! Projects, groups, namespaces, members.

use gitlab_sim::{AccessLevel, ProjectSpec, Source, TokenSpec, UserSpec};
use serde_json::{Value, json};

use crate::support::Lab;

#[tokio::test]
async fn projects_are_found_by_id_or_encoded_path_without_regard_to_case() {
    let lab = Lab::new().await;
    for id in [lab.project.to_string(), "demo%2Fhandbook".into(), "Demo%2FHandBook".into()] {
        assert_eq!(lab.get(&format!("/projects/{id}")).await.json()["id"], lab.project, "{id}");
    }
    let missing = json!({"message": "404 Project Not Found"});
    for id in ["999", "handbook", "demo%2Fnope"] {
        lab.get(&format!("/projects/{id}")).await.is(404, &missing);
    }
    lab.as_token("", "GET", &lab.at(""), Value::Null).await.is(404, &missing);
    let bob = lab.admin().create_user(UserSpec::person("bob")).id;
    let bob = lab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret;
    lab.as_token(&bob, "GET", &lab.at(""), Value::Null).await.is(404, &missing);
}

#[tokio::test]
async fn a_moved_project_redirects_get_and_refuses_everything_else() {
    let lab = Lab::new().await;
    lab.admin().move_project(lab.project, "other/guide").unwrap();
    let old = "/projects/demo%2Fhandbook";
    let seen = lab.get(&format!("{old}/repository/tree?ref=main")).await;
    let url = format!("{}/api/v4/projects/{}/repository/tree?ref=main", lab.gitlab.url(), lab.project);
    assert_eq!((seen.status.as_u16(), seen.header("location")), (301, Some(url.as_str())));
    assert_eq!(seen.text(), format!("This resource has been moved permanently to {url}"));
    let text = json!({"message": "Non GET methods are not allowed for moved projects"});
    lab.call("PUT", old, json!({"description": "x"})).await.is(405, &text);
    assert_eq!(lab.get(&lab.at("")).await.json()["path_with_namespace"], "other/guide");
    // Before 16.7 the old path simply resolved.
    lab.admin().settings(|settings| settings.version = "16.3.0".parse().unwrap());
    assert_eq!(lab.get(old).await.status, 200);
    lab.admin().settings(|settings| settings.version = "18.9.0-ee".parse().unwrap());
    let taker = lab.public_project("demo/handbook");
    assert_eq!(lab.get(old).await.json()["id"], taker);
}

#[tokio::test]
async fn creation_has_its_refusals_and_a_readme_on_request() {
    let lab = Lab::new().await;
    let text = "name, path are missing, at least one parameter must be provided";
    lab.call("POST", "/projects", json!({})).await.is(400, &json!({"error": text}));
    let made = lab
        .call(
            "POST",
            "/projects",
            json!({"name": "My Notes", "initialize_with_readme": true, "default_branch": "trunk"}),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(
        (made["path_with_namespace"].as_str(), made["default_branch"].as_str(), made["empty_repo"].as_bool()),
        (Some("alice/my-notes"), Some("trunk"), Some(false))
    );
    assert!(made["readme_url"].as_str().unwrap().ends_with("/-/blob/trunk/README.md"));
    let again = lab.call("POST", "/projects", json!({"path": "my-notes"})).await;
    assert_eq!((again.status.as_u16(), &again.json()["message"]["path"]), (400, &json!(["has already been taken"])));
    let seen = lab.call("POST", "/projects", json!({"name": "x", "namespace_id": 999})).await;
    seen.is(400, &json!({"message": {"namespace": ["is not valid"]}}));
    assert_eq!(lab.call("POST", "/projects", json!({"path": "a.git"})).await.status, 400);
    let empty = lab.call("POST", "/projects", json!({"name": "empty"})).await.json();
    assert_eq!((empty["empty_repo"].as_bool(), empty["default_branch"].as_str()), (Some(true), Some("main")));
}

#[tokio::test]
async fn archived_and_doomed_projects_can_be_read_and_not_written() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let admin = lab.admin();
    admin.add_member(Source::Project(lab.project), lab.alice, AccessLevel::Owner);
    let body = json!({"branch": "main", "commit_message": "m", "actions": [{"action": "create", "file_path": "b", "content": ""}]});
    assert_eq!(lab.call("POST", &lab.at("/archive"), Value::Null).await.json()["archived"], true);
    assert_eq!(lab.call("POST", &lab.at("/repository/commits"), body.clone()).await.status, 403);
    assert_eq!(lab.get(&lab.at("/repository/tree")).await.status, 200);
    assert_eq!(lab.call("POST", &lab.at("/unarchive"), Value::Null).await.json()["archived"], false);
    let gone = lab.call("DELETE", &lab.at(""), Value::Null).await;
    gone.is(202, &json!({"message": "202 Accepted"}));
    let project = lab.get(&lab.at("")).await.json();
    assert!(project["marked_for_deletion_on"].is_string());
    assert_eq!(project["path"], format!("handbook-deletion_scheduled-{}", lab.project));
    assert_eq!(lab.call("POST", &lab.at("/repository/commits"), body).await.status, 403);
    assert_eq!(lab.call("POST", &lab.at("/restore"), Value::Null).await.json()["path"], "handbook");
}

#[tokio::test]
async fn a_switched_off_repository_and_a_guest_have_different_refusals() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let guest = lab.admin().create_user(UserSpec::person("guest")).id;
    lab.admin().add_member(Source::Project(lab.project), guest, AccessLevel::Guest);
    let token = lab.admin().create_token(TokenSpec::personal(guest, &["api"])).secret;
    let tree = lab.at("/repository/tree");
    lab.as_token(&token, "GET", &tree, Value::Null).await.is(403, &json!({"message": "403 Forbidden"}));
    assert_eq!(lab.as_token(&token, "GET", &lab.at(""), Value::Null).await.status, 200);
    lab.admin().change_project(lab.project, |project| project.repository_enabled = false).unwrap();
    lab.get(&tree).await.is(404, &json!({"message": "404 Repository Not Found"}));
}

#[tokio::test]
async fn default_branches_can_only_be_set_to_what_exists() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let text = json!({"message": {"base": ["Could not change HEAD: branch 'x' does not exist"]}});
    lab.call("PUT", &lab.at(""), json!({"default_branch": "x"})).await.is(400, &text);
    lab.call("POST", &lab.at("/repository/branches"), json!({"branch": "x", "ref": "main"})).await;
    assert_eq!(lab.call("PUT", &lab.at(""), json!({"default_branch": "x"})).await.json()["default_branch"], "x");
}

#[tokio::test]
async fn groups_namespaces_and_members_hang_together() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let top = lab.call("POST", "/groups", json!({"name": "Top", "path": "top"})).await.json();
    let sub = lab.call("POST", "/groups", json!({"name": "Sub", "path": "sub", "parent_id": top["id"]})).await.json();
    assert_eq!((sub["full_path"].as_str(), sub["full_name"].as_str()), (Some("top/sub"), Some("Top / Sub")));
    let project = admin.create_project(&ProjectSpec::at("top/sub/p")).unwrap().id;
    let bob = admin.create_user(UserSpec::person("bob")).id;
    let add =
        lab.call("POST", &format!("/groups/{}/members", top["id"]), json!({"user_id": bob, "access_level": 30})).await;
    assert_eq!((add.status.as_u16(), add.json()["membership_state"].as_str()), (201, Some("active")));
    let again = lab.call("POST", "/groups/top/members", json!({"user_id": bob, "access_level": 30})).await;
    again.is(409, &json!({"message": "Member already exists"}));
    let names = |seen: Value| {
        seen.as_array().unwrap().iter().map(|m| m["username"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(names(lab.get(&format!("/projects/{project}/members")).await.json()).is_empty());
    assert_eq!(names(lab.get(&format!("/projects/{project}/members/all")).await.json()), ["alice", "bob"]);
    assert_eq!(lab.get("/groups/top/projects").await.json().as_array().unwrap().len(), 0);
    assert_eq!(lab.get("/groups/top/projects?include_subgroups=true").await.json().as_array().unwrap().len(), 1);
    assert_eq!(lab.get("/groups/top/subgroups").await.json()[0]["path"], "sub");
    assert_eq!(lab.get("/namespaces/top%2Fsub").await.json()["kind"], "group");
    assert_eq!(lab.get("/namespaces?owned_only=true").await.json().as_array().unwrap().len(), 3);
    lab.get("/namespaces/bob").await.is(404, &json!({"message": "404 Namespace Not Found"}));
    lab.get("/groups/nope").await.is(404, &json!({"message": "404 Group Not Found"}));
    assert_eq!(lab.get("/users?username=BOB").await.json()[0]["id"], bob);
}
