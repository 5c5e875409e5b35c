//! Compare: three dots and two, renames, limits.

use gitlab_sim::CommitSpec;
use serde_json::json;

use crate::support::Lab;

#[tokio::test]
async fn three_dots_hide_what_only_the_old_side_has_and_two_dots_show_it() {
    let lab = Lab::new().await;
    let base = lab.commit("a.md", "one\n");
    lab.admin().commit(lab.project, CommitSpec::on("topic", "t").create("t.md", "t\n")).unwrap();
    lab.admin().commit(lab.project, CommitSpec::on("main", "m").create("m.md", "m\n").rename("a.md", "b.md")).unwrap();
    let names = |seen: &serde_json::Value| {
        let diffs = seen["diffs"].as_array().unwrap().iter();
        diffs
            .map(|diff| format!("{}>{}", diff["old_path"].as_str().unwrap(), diff["new_path"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let dots = lab.get(&lab.at("/repository/compare?from=main&to=topic")).await.json();
    assert_eq!(names(&dots), ["t.md>t.md"]);
    assert_eq!(dots["commit"]["title"], "t");
    let straight = lab.get(&lab.at("/repository/compare?from=main&to=topic&straight=true")).await.json();
    assert_eq!(names(&straight), ["b.md>a.md", "m.md>m.md", "t.md>t.md"]);
    let renamed = lab.get(&lab.at(&format!("/repository/compare?from={base}&to=main"))).await.json();
    let diff = &renamed["diffs"][0];
    assert_eq!((diff["renamed_file"].as_bool(), diff["new_path"].as_str()), (Some(true), Some("b.md")));
    let added = &renamed["diffs"][1];
    assert_eq!(
        (added["a_mode"].as_str(), added["b_mode"].as_str(), added["diff"].as_str()),
        (Some("0"), Some("100644"), Some("@@ -0,0 +1 @@\n+m\n"))
    );
    let same = lab.get(&lab.at("/repository/compare?from=main&to=main")).await.json();
    assert_eq!(
        (same["compare_same_ref"].as_bool(), &same["commit"], &same["diffs"]),
        (Some(true), &json!(null), &json!([]))
    );
    lab.get(&lab.at("/repository/compare?from=nope&to=main")).await.is(404, &json!({"message": "404 Ref Not Found"}));
    let other = lab.public_project("demo/other");
    let text = format!("Target project id:{other} is not a fork of project id:{}", lab.project);
    let path = lab.at(&format!("/repository/compare?from=main&to=main&from_project_id={other}"));
    lab.get(&path).await.is(400, &json!({"message": text}));
}

#[tokio::test]
async fn a_difference_beyond_the_limits_says_that_it_is_not_all() {
    let lab = Lab::new().await;
    let base = lab.commit("a.md", "one\n");
    lab.admin().settings(|settings| {
        settings.diff.max_files = 2;
        settings.diff.max_patch_bytes = 100;
    });
    let big = "line\n".repeat(100);
    let spec = CommitSpec::on("main", "m").create("b", big).create("c", "c\n").create("d", "d\n");
    lab.admin().commit(lab.project, spec).unwrap();
    let seen = lab.get(&lab.at(&format!("/repository/compare?from={base}&to=main"))).await.json();
    assert_eq!(seen["compare_timeout"], true);
    assert_eq!(seen["diffs"].as_array().unwrap().len(), 2);
    assert_eq!((seen["diffs"][0]["too_large"].as_bool(), seen["diffs"][0]["diff"].as_str()), (Some(true), Some("")));
    assert_eq!(seen["commits"].as_array().unwrap().len(), 1);
}
