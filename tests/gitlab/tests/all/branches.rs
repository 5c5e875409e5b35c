//! Branches and their protection.

use gitlab_sim::{CommitSpec, TokenSpec, UserSpec};
use serde_json::{Value, json};

use crate::support::Lab;

#[tokio::test]
async fn branches_have_their_exact_refusals() {
    let lab = Lab::new().await;
    let first = lab.commit("a.md", "one");
    let branches = lab.at("/repository/branches");
    let made = lab.call("POST", &branches, json!({"branch": "feature/x", "ref": "main"})).await;
    assert_eq!((made.status.as_u16(), made.json()["commit"]["id"].as_str()), (201, Some(first.as_str())));
    for (branch, start, message) in [
        ("feature/x", "main", "Branch already exists"),
        ("a b", "main", "Branch name is invalid"),
        ("y", "nope", "Invalid reference name: nope"),
        ("feature", "main", "Failed to create branch 'feature': Branch name conflicts with existing branch hierarchy."),
        (&"a".repeat(40), "main", "You cannot create a branch with a 40-character hexadecimal branch name."),
    ] {
        let seen = lab.call("POST", &branches, json!({"branch": branch, "ref": start})).await;
        seen.is(400, &json!({"message": message}));
    }
    lab.call("POST", &branches, json!({})).await.is(400, &json!({"error": "branch is missing, ref is missing"}));
    lab.get(&format!("{branches}/nope")).await.is(404, &json!({"message": "404 Branch Not Found"}));
    lab.get(&format!("{branches}/a%20b")).await.is(400, &json!({"message": "The branch refname is invalid"}));
    assert_eq!(lab.call("HEAD", &format!("{branches}/feature%2Fx"), Value::Null).await.status, 204);
    assert_eq!(lab.call("HEAD", &format!("{branches}/nope"), Value::Null).await.status, 404);
    let seen = lab.call("DELETE", &format!("{branches}/main"), Value::Null).await;
    seen.is(400, &json!({"message": "The default branch of a project cannot be deleted."}));
    assert_eq!(lab.call("DELETE", &format!("{branches}/feature%2Fx"), Value::Null).await.status, 204);
    let headers = [("private-token", lab.token.as_str()), ("if-unmodified-since", "Fri, 01 Jan 2010 00:00:00 GMT")];
    let path = format!("/api/v4{branches}/main");
    lab.send("DELETE", &path, &headers, "").await.unwrap().is(412, &json!({"message": "412 Precondition Failed"}));
}

#[tokio::test]
async fn a_branch_of_an_empty_repository_brings_the_default_branch_with_it() {
    let lab = Lab::new().await;
    lab.get(&lab.at("/repository/branches")).await.is(200, &json!([]));
    let made = lab.call("POST", &lab.at("/repository/branches"), json!({"branch": "topic", "ref": "main"})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let commits = lab.get(&lab.at("/repository/commits")).await.json();
    assert_eq!(commits[0]["title"], "Add README.md");
    assert_eq!(lab.get(&lab.at("/repository/branches")).await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn branches_are_searched_with_anchors_and_paged_by_keyset() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    for name in ["alpha", "alphabet", "beta"] {
        lab.admin().commit(lab.project, CommitSpec::on(name, "m").create(name, "x")).unwrap();
    }
    for (query, expected) in
        [("search=alpha", 2), ("search=%5Ealpha", 2), ("search=bet%24", 1), ("regex=%5Ea.*t%24", 1)]
    {
        let seen = lab.get(&lab.at(&format!("/repository/branches?{query}"))).await;
        assert_eq!(seen.json().as_array().unwrap().len(), expected, "{query}");
    }
    let mut path = lab.at("/repository/branches?pagination=keyset&per_page=3");
    let mut names = Vec::new();
    loop {
        let seen = lab.get(&path).await;
        assert_eq!(seen.header("x-total"), None);
        names.extend(seen.json().as_array().unwrap().iter().map(|b| b["name"].as_str().unwrap().to_owned()));
        let Some(next) = seen.header("link").and_then(|link| link.split_once("/api/v4")) else { break };
        path = next.1.split('>').next().unwrap().to_owned();
    }
    assert_eq!(names, ["alpha", "alphabet", "beta", "main"]);
}

#[tokio::test]
async fn protection_follows_patterns_and_roles() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let all = lab.at("/protected_branches");
    let made =
        lab.call("POST", &all, json!({"name": "release/*", "push_access_level": 30, "allow_force_push": true})).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["push_access_levels"][0]["access_level_description"], "Developers + Maintainers");
    let again = lab.call("POST", &all, json!({"name": "main"})).await;
    again.is(409, &json!({"message": "Protected branch 'main' already exists"}));
    lab.call("POST", &all, json!({})).await.is(400, &json!({"error": "name is missing"}));
    let encoded = format!("{all}/release%2F%2A");
    assert_eq!(lab.get(&encoded).await.json()["allow_force_push"], true);
    assert_eq!(lab.call("PATCH", &encoded, json!({"allow_force_push": false})).await.json()["allow_force_push"], false);
    let twice = lab.call("PATCH", &encoded, json!({"allowed_to_push": [{"access_level": 30}]})).await;
    twice.is(422, &json!({"message": "Push access levels access level has already been taken"}));
    let bob = lab.admin().create_user(UserSpec::person("bob")).id;
    lab.admin().add_member(gitlab_sim::Source::Project(lab.project), bob, gitlab_sim::AccessLevel::Developer);
    let token = lab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret;
    let push = |branch: &str| json!({"branch": branch, "start_branch": "main", "commit_message": "m", "actions": [{"action": "create", "file_path": "b", "content": ""}]});
    let commits = lab.at("/repository/commits");
    assert_eq!(lab.as_token(&token, "POST", &commits, push("release/1")).await.status, 201);
    assert_eq!(lab.as_token(&token, "POST", &commits, push("main")).await.status, 403);
    assert_eq!(lab.call("DELETE", &encoded, Value::Null).await.status, 204);
    assert_eq!(lab.get(&encoded).await.status, 404);
}
