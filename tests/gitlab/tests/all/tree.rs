//! The tree.

use gitlab_sim::{CommitSpec, Settings};
use serde_json::json;

use crate::support::Lab;

#[tokio::test]
async fn an_empty_repository_is_404_for_the_tree_and_has_its_own_answer_everywhere_else() {
    let lab = Lab::new().await;
    for (rest, status, body) in [
        ("tree", 404, json!({"message": "404 Tree Not Found"})),
        ("commits", 200, json!([])),
        ("branches", 200, json!([])),
        ("files/a.md?ref=main", 404, json!({"message": "404 Commit Not Found"})),
        ("archive", 404, json!({"message": "404 File Not Found"})),
        ("compare?from=main&to=main", 404, json!({"message": "404 Ref Not Found"})),
    ] {
        lab.get(&lab.at(&format!("/repository/{rest}"))).await.is(status, &body);
    }
}

#[tokio::test]
async fn a_missing_path_is_404_since_17_7_and_an_empty_list_before() {
    let lab = Lab::new().await;
    lab.commit("a/b.md", "x");
    let path = lab.at("/repository/tree?path=nope");
    lab.get(&path).await.is(404, &json!({"message": "404 invalid revision or path Not Found"}));
    lab.admin().settings(|settings| settings.version = "17.6.0".parse().unwrap());
    lab.get(&path).await.is(200, &json!([]));
}

#[tokio::test]
async fn trees_come_flat_recursive_by_keyset_or_all_at_once() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    let mut spec = CommitSpec::on("main", "m");
    for n in 0..25 {
        spec = spec.create(&format!("dir{}/f{n}.md", n % 3), "x");
    }
    lab.admin().commit(lab.project, spec).unwrap();
    assert_eq!(lab.get(&lab.at("/repository/tree")).await.json().as_array().unwrap().len(), 3);
    let first = lab.get(&lab.at("/repository/tree?recursive=true")).await;
    assert_eq!((first.header("x-total"), first.json().as_array().unwrap().len()), (Some("28"), 20));
    let all = lab.get(&lab.at("/repository/tree?recursive=true&pagination=none")).await.json();
    let kinds: Vec<&str> = all.as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.len(), 28);
    assert!(kinds[..3].iter().all(|kind| *kind == "tree") && kinds[3..].iter().all(|kind| *kind == "blob"));
    let text = "pagination cannot be \"none\" unless \"recursive\" is true";
    lab.get(&lab.at("/repository/tree?pagination=none")).await.is(400, &json!({"error": text}));
    let mut path = lab.at("/repository/tree?recursive=true&pagination=keyset&per_page=10");
    let mut paths = std::collections::BTreeSet::new();
    let mut requests = 0;
    loop {
        let seen = lab.get(&path).await;
        requests += 1;
        assert_eq!((seen.header("x-total"), seen.header("x-page")), (None, None));
        paths.extend(seen.json().as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap().to_owned()));
        let Some(link) = seen.header("link") else { break };
        path = link.split_once("/api/v4").unwrap().1.split('>').next().unwrap().to_owned();
    }
    assert_eq!((requests, paths.len()), (3, 28));
    // The path of a subtree stays a full path.
    let below = lab.get(&lab.at("/repository/tree?path=dir1&per_page=1")).await.json();
    assert_eq!(below[0]["path"], "dir1/f1.md");
}
