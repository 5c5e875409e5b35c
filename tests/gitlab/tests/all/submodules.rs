//! A submodule moves to another commit, and what history says of a repository as a whole.

use gitlab_sim::{Action, CommitSpec};
use serde_json::json;

use crate::support::Lab;

async fn lab() -> Lab {
    let lab = Lab::new().await;
    let id = git2::Oid::from_str(&"1".repeat(40)).unwrap();
    let first = CommitSpec::on("main", "first").create("a.md", "a");
    let first = first.action(Action::Submodule { path: "vendor/lib".into(), id });
    lab.admin().commit(lab.project, first).unwrap();
    lab
}

#[tokio::test]
async fn a_submodule_moves_to_another_commit_in_a_commit_of_its_own() {
    let lab = lab().await;
    let path = lab.at("/repository/submodules/vendor%2Flib");
    let sha = "2".repeat(40);
    let moved = lab.call("PUT", &path, json!({ "branch": "main", "commit_sha": sha })).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    let moved = moved.json();
    assert_eq!(moved["message"], format!("Update submodule vendor/lib with oid {sha}"));
    assert_eq!(moved["author_name"], "alice");
    let tree = lab.get(&lab.at("/repository/tree?path=vendor")).await.json();
    assert_eq!((&tree[0]["id"], &tree[0]["type"], &tree[0]["mode"]), (&json!(sha), &json!("commit"), &json!("160000")));
    assert_eq!(lab.get(&lab.at("/repository/files/a.md/raw")).await.text(), "a");
}

#[tokio::test]
async fn a_submodule_that_is_not_there_or_does_not_move_is_refused() {
    let lab = lab().await;
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    let same = format!("The submodule vendor/lib is already at {one}");
    for (submodule, branch, sha, text) in [
        ("vendor%2Flib", "main", one.as_str(), same.as_str()),
        ("vendor%2Flib", "none", &two, "You can only create or edit files when you are on a branch"),
        ("vendor%2Flib", "main", "12", "Invalid parameters"),
        ("a.md", "main", &two, "Invalid submodule path"),
        ("nowhere", "main", &two, "Invalid submodule path"),
    ] {
        let path = lab.at(&format!("/repository/submodules/{submodule}"));
        let seen = lab.call("PUT", &path, json!({ "branch": branch, "commit_sha": sha })).await;
        seen.is(400, &json!({ "message": text }));
    }
    let path = lab.at("/repository/submodules/vendor%2Flib");
    let missing = lab.call("PUT", &path, json!({})).await;
    missing.is(400, &json!({ "error": "commit_sha is missing, branch is missing" }));
    let empty = Lab::new().await;
    let path = empty.at("/repository/submodules/x");
    let refused = empty.call("PUT", &path, json!({ "branch": "main", "commit_sha": two })).await;
    refused.is(400, &json!({ "message": "The repository is empty" }));
}

#[tokio::test]
async fn contributors_are_counted_and_two_lines_have_a_common_commit() {
    let lab = lab().await;
    let base = lab.get(&lab.at("/repository/commits/main")).await.json()["id"].clone();
    lab.admin().commit(lab.project, CommitSpec::on("topic", "t").create("t.md", "t")).unwrap();
    lab.admin().commit(lab.project, CommitSpec::on("main", "m").create("m.md", "m").by(lab.alice)).unwrap();
    let seen = lab.get(&lab.at("/repository/contributors")).await.json();
    assert_eq!((&seen[0]["name"], &seen[0]["commits"], &seen[0]["additions"]), (&json!("alice"), &json!(2), &json!(0)));
    let merge_base = async |query: &str| lab.get(&lab.at(&format!("/repository/merge_base{query}"))).await;
    assert_eq!(merge_base("?refs[]=main&refs[]=topic").await.json()["id"], base);
    merge_base("").await.is(400, &json!({ "error": "refs is missing" }));
    let text = |reason: &str| json!({ "message": format!("400 Bad request - {reason}") });
    merge_base("?refs[]=main").await.is(400, &text("Provide at least 2 refs"));
    merge_base("?refs[]=main&refs[]=no").await.is(400, &text("Could not find ref: no"));
}
