//! Forks, and commits that start in another project of the fork network.

use gitlab_sim::{AccessLevel, CommitSpec, ProjectSpec, Source};
use serde_json::{Value, json};

use crate::support::Lab;

/// Alice's project with two commits, and her empty fork of it.
async fn fork(lab: &Lab) -> u64 {
    lab.commit("a.md", "one");
    lab.commit("b/b.md", "two");
    let admin = lab.admin();
    let spec = ProjectSpec { forked_from: Some(lab.project), ..ProjectSpec::at("alices/handbook") };
    let fork = admin.create_project(&spec).unwrap().id;
    admin.add_member(Source::Project(fork), lab.alice, AccessLevel::Maintainer);
    fork
}

fn body(more: &Value) -> Value {
    let actions = json!([{ "action": "create", "file_path": "c.md", "content": "c" }]);
    let mut body = json!({ "branch": "topic", "commit_message": "m", "actions": actions });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_branch_of_a_fork_starts_where_its_source_is() {
    let lab = Lab::new().await;
    let fork = fork(&lab).await;
    let tip = lab.get(&lab.at("/repository/commits/main")).await.json();
    let commits = format!("/projects/{fork}/repository/commits");
    let from = |more: Value| {
        let mut all = json!({ "start_project": lab.project });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body(&all)
    };
    let made = lab.call("POST", &commits, from(json!({ "start_branch": "main" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["parent_ids"], json!([tip["id"]]));
    let tree = lab.get(&format!("/projects/{fork}/repository/tree?ref=topic&recursive=true")).await.json();
    assert_eq!(tree.as_array().unwrap().len(), 4);
    // git itself finds all that the commit needs.
    let path = lab.admin().repository_path(fork);
    let fsck = std::process::Command::new("git").arg("-C").arg(path).args(["fsck", "--strict"]).output().unwrap();
    assert!(fsck.status.success(), "{}", String::from_utf8_lossy(&fsck.stderr));

    let parent = tip["parent_ids"][0].clone();
    let again = lab.call("POST", &commits, from(json!({ "branch": "second", "start_sha": parent }))).await.json();
    assert_eq!(again["parent_ids"], json!([parent]));
    for (more, text) in [
        (
            json!({ "start_branch": "none", "branch": "x" }),
            "You can only create or edit files when you are on a branch",
        ),
        (
            json!({ "start_branch": "main" }),
            "A branch called 'topic' already exists. Switch to that branch in order to make changes",
        ),
        (
            json!({ "start_sha": "2".repeat(40), "branch": "x" }),
            "Cannot find start_sha '2222222222222222222222222222222222222222'",
        ),
    ] {
        lab.call("POST", &commits, from(more)).await.is(400, &json!({ "message": text }));
    }
}

#[tokio::test]
async fn a_project_that_is_no_relation_cannot_be_started_from() {
    let lab = Lab::new().await;
    fork(&lab).await;
    let stranger = lab.public_project("demo/stranger");
    lab.admin().commit(stranger, CommitSpec::on("main", "s").create("s.md", "s")).unwrap();
    let commits = lab.at("/repository/commits");
    let refused = lab.call("POST", &commits, body(&json!({ "start_project": stranger, "start_branch": "main" }))).await;
    let text = "403 Forbidden - Project is not included in the fork network for handbook";
    refused.is(403, &json!({ "message": text }));
    let unseen = lab.call("POST", &commits, body(&json!({ "start_project": "no/such" }))).await;
    unseen.is(404, &json!({ "message": "404 Project Not Found" }));
}

#[tokio::test]
async fn a_fork_has_all_branches_and_tags_of_its_source() {
    let lab = Lab::new().await;
    let tip = lab.commit("a.md", "one");
    lab.call("POST", &lab.at("/repository/tags"), json!({ "tag_name": "v1", "ref": "main", "message": "One" })).await;
    lab.call("POST", &lab.at("/repository/branches"), json!({ "branch": "topic", "ref": "main" })).await;
    let made = lab.call("POST", &lab.at("/fork"), json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!((&made["path_with_namespace"], &made["empty_repo"]), (&json!("alice/handbook"), &json!(false)));
    assert_eq!(made["forked_from_project"]["id"], lab.project);
    let at = |rest: &str| format!("/projects/{}{rest}", made["id"]);
    assert_eq!(lab.get(&at("/repository/commits/main")).await.json()["id"], tip);
    assert_eq!(lab.get(&at("/repository/branches")).await.json().as_array().unwrap().len(), 2);
    assert_eq!(lab.get(&at("/repository/branches/main")).await.json()["protected"], true);
    assert_eq!(lab.get(&at("/repository/tags/v1")).await.json()["message"], "One");
    assert_eq!(lab.get(&lab.at("/forks")).await.json()[0]["id"], made["id"]);
    assert_eq!(lab.get(&lab.at("")).await.json()["forks_count"], 1);
    // What is written to one is not in the other.
    let body = json!({ "branch": "main", "commit_message": "m", "content": "b" });
    assert_eq!(lab.call("POST", &at("/repository/files/b.md"), body).await.status, 201);
    assert_eq!(lab.get(&lab.at("/repository/files/b.md?ref=main")).await.status, 404);
}

#[tokio::test]
async fn a_fork_is_refused_where_its_place_is_taken_unknown_or_not_ones_own() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    lab.admin().create_group("closed", gitlab_sim::Visibility::Public);
    let fork = async |body: Value| lab.call("POST", &lab.at("/fork"), body).await;
    assert_eq!(
        fork(json!({ "name": "Mine", "path": "mine", "visibility": "public" })).await.json()["visibility"],
        "private"
    );
    assert_eq!(fork(json!({})).await.status, 201);
    let taken = json!({
        "message": [
            "Project namespace name has already been taken", "Name has already been taken", "Path has already been taken",
        ]
    });
    fork(json!({})).await.is(409, &taken);
    fork(json!({ "namespace_path": "none" })).await.is(404, &json!({ "message": "404 Namespace Not Found" }));
    fork(json!({ "namespace": "closed" })).await.is(404, &json!({ "message": "404 Target Namespace Not Found" }));
}
