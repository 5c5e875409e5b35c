//! Records: merge requests, notes, approvals, labels, statuses, pipelines, deployments, and the generator of all of them.

use std::time::{Duration, Instant};

use gitlab_sim::{Settings, Simulator, Tier, TokenSpec, UserSpec, seed};
use serde_json::{Value, json};

use crate::support::{Lab, Seen};

/// A lab with generated records, and the token that sees them.
async fn lab_with(projects: usize, merge_requests: usize) -> (Lab, seed::Records) {
    let lab = Lab::new().await;
    let made = seed::records(&lab.admin(), projects, merge_requests).unwrap();
    (lab, made)
}

impl Lab {
    async fn seen(&self, made: &seed::Records, path: &str) -> Seen {
        self.as_token(&made.token.secret, "GET", path, json!(null)).await
    }

    async fn rows(&self, made: &seed::Records, path: &str) -> Vec<Value> {
        let seen = self.seen(made, path).await;
        assert_eq!(seen.status, 200, "{path}: {}", seen.text());
        seen.json().as_array().unwrap().clone()
    }
}

fn texts(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter().map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn ten_thousand_merge_requests_are_made_in_a_moment_and_always_the_same() {
    let begun = Instant::now();
    let (lab, made) = lab_with(50, 10_000).await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    let path = format!("/groups/{}/merge_requests?scope=all&per_page=100", made.group);
    let begun = Instant::now();
    let first = lab.seen(&made, &path).await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    // From ten thousand on nobody counts aloud.
    for (header, expected) in [("x-total", None), ("x-total-pages", None), ("x-next-page", Some("2"))] {
        assert_eq!(first.header(header), expected, "{header}");
    }
    assert!(!first.header("link").unwrap().contains("rel=\"last\""));
    assert_eq!(lab.seen(&made, &format!("{path}&page=100")).await.header("x-next-page"), Some(""));
    let (other, again) = lab_with(50, 10_000).await;
    let strip = |lab: &Lab, seen: Seen| seen.text().replace(lab.gitlab.url(), "");
    assert_eq!(strip(&lab, first), strip(&other, other.seen(&again, &path).await));
}

#[tokio::test]
async fn below_ten_thousand_the_totals_are_told() {
    let (lab, made) = lab_with(3, 90).await;
    let path = format!("/groups/{}/merge_requests?per_page=40", made.group);
    let seen = lab.seen(&made, &path).await;
    assert_eq!((seen.header("x-total"), seen.header("x-total-pages")), (Some("90"), Some("3")));
}

#[tokio::test]
async fn lists_keep_what_was_asked_for() {
    let (lab, made) = lab_with(2, 200).await;
    let at = format!("/projects/{}/merge_requests?per_page=100", made.projects[0]);
    let all = lab.rows(&made, &at).await;
    assert_eq!(all.len(), 100);
    let middle = all[50]["updated_at"].as_str().unwrap().to_owned();
    let author = all[0]["author"]["username"].as_str().unwrap().to_owned();
    let author_id = all[0]["author"]["id"].as_u64().unwrap();
    type Check = Box<dyn Fn(&Value) -> bool>;
    let rows: Vec<(String, Check)> = vec![
        ("state=merged".into(), Box::new(|row| row["state"] == "merged" && row["merged_at"].is_string())),
        ("state=closed".into(), Box::new(|row| row["state"] == "closed" && row["closed_by"].is_object())),
        ("labels=bug,docs".into(), Box::new(|row| json!(row["labels"]).to_string().contains("bug"))),
        ("labels=None".into(), Box::new(|row| row["labels"] == json!([]))),
        ("wip=yes".into(), Box::new(|row| row["draft"] == true)),
        (format!("author_id={author_id}"), Box::new(move |row| row["author"]["id"] == author_id)),
        (format!("author_username={author}"), Box::new(move |row| row["author"]["id"] == author_id)),
        ("iids[]=3&iids[]=5".into(), Box::new(|row| row["iid"] == 3 || row["iid"] == 5)),
        ("source_branch=topic-7".into(), Box::new(|row| row["iid"] == 7)),
        ("search=parser".into(), Box::new(|row| row["title"].as_str().unwrap().contains("parser"))),
        ("view=simple".into(), Box::new(|row| row.as_object().unwrap().len() == 9)),
        (
            format!("updated_after={middle}"),
            Box::new({
                let middle = middle.clone();
                move |row| row["updated_at"].as_str().unwrap() >= middle.as_str()
            }),
        ),
    ];
    for (query, check) in rows {
        let kept = lab.rows(&made, &format!("{at}&{query}")).await;
        assert!(!kept.is_empty() && kept.iter().all(check), "{query}");
        assert!(query == "view=simple" || kept.len() < 100, "{query} keeps all");
    }
    // Bounds are kept themselves, and milliseconds count.
    let on = lab.rows(&made, &format!("{at}&updated_after={middle}&updated_before={middle}")).await;
    assert_eq!(on.len(), 1);
    for (query, text) in [
        ("state=open", "state does not have a valid value"),
        ("order_by=size", "order_by does not have a valid value"),
        ("updated_after=soon", "updated_after is invalid"),
        ("scope=mine", "scope does not have a valid value"),
    ] {
        lab.seen(&made, &format!("{at}&{query}")).await.is(400, &json!({ "error": text }));
    }
}

#[tokio::test]
async fn lists_come_in_the_order_that_was_asked_for() {
    let (lab, made) = lab_with(1, 80).await;
    let at = format!("/projects/{}/merge_requests?per_page=100", made.projects[0]);
    for (query, key, rising) in [
        ("", "created_at", false),
        ("&sort=asc", "created_at", true),
        ("&order_by=updated_at", "updated_at", false),
        ("&order_by=updated_at&sort=asc", "updated_at", true),
        ("&order_by=title&sort=asc", "title", true),
        ("&order_by=merged_at&sort=asc&state=merged", "merged_at", true),
    ] {
        let mut found = texts(&lab.rows(&made, &format!("{at}{query}")).await, key);
        if !rising {
            found.reverse();
        }
        assert!(found.is_sorted(), "{query}");
    }
}

#[tokio::test]
async fn the_list_of_everything_means_mine_unless_all_is_said() {
    let (lab, made) = lab_with(2, 60).await;
    let mine = lab.rows(&made, "/merge_requests?per_page=100").await;
    assert!(!mine.is_empty() && mine.iter().all(|row| row["author"]["username"] == "ada"));
    assert_eq!(lab.rows(&made, "/merge_requests?scope=all&per_page=100").await.len(), 60);
    for (scope, key) in [("assigned_to_me", "assignees"), ("reviews_for_me", "reviewers")] {
        let found = lab.rows(&made, &format!("/merge_requests?scope={scope}&per_page=100")).await;
        assert!(!found.is_empty() && found.iter().all(|row| row[key][0]["username"] == "ada"), "{scope}");
    }
    // Somebody else sees nothing, nobody must ask for all.
    assert_eq!(lab.get("/merge_requests?scope=all").await.json(), json!([]));
    lab.as_token("", "GET", "/merge_requests", json!(null)).await.is(401, &json!({ "message": "401 Unauthorized" }));
    lab.as_token("", "GET", "/merge_requests?scope=all", json!(null)).await.is(200, &json!([]));
}

#[tokio::test]
async fn one_merge_request_has_what_its_list_entry_lacks() {
    let (lab, made) = lab_with(1, 40).await;
    let at = format!("/projects/{}/merge_requests", made.projects[0]);
    let listed = lab.rows(&made, &format!("{at}?state=merged")).await[0].clone();
    let one = lab.seen(&made, &format!("{at}/{}", listed["iid"])).await.json();
    for (key, value) in listed.as_object().unwrap() {
        assert_eq!(&one[key], value, "{key}");
    }
    for key in
        ["subscribed", "changes_count", "diff_refs", "head_pipeline", "merge_error", "user", "first_contribution"]
    {
        assert!(one.get(key).is_some() && listed.get(key).is_none(), "{key}");
    }
    assert!(one["changes_count"].is_string());
    assert_eq!(one["diff_refs"]["head_sha"], one["sha"]);
    assert_eq!(one["head_pipeline"]["sha"], one["sha"]);
    assert_eq!(one["merge_user"], one["merged_by"]);
    assert_eq!(one["references"]["full"], format!("acme/service-001!{}", one["iid"]));
    lab.seen(&made, &format!("{at}/999")).await.is(404, &json!({ "message": "404 Not found" }));
    // Right after it was made nothing is known of its differences.
    lab.admin().app().world_mut().merge_requests.get_mut(made.projects[0], 1).unwrap().prepared_at = None;
    lab.admin().app().world_mut().merge_requests.get_mut(made.projects[0], 1).unwrap().files = None;
    let fresh = lab.seen(&made, &format!("{at}/1")).await.json();
    assert_eq!((&fresh["detailed_merge_status"], &fresh["diff_refs"]), (&json!("preparing"), &json!(null)));
    assert_eq!((&fresh["changes_count"], &fresh["prepared_at"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn notes_and_discussions_tell_the_same_story() {
    let (lab, made) = lab_with(1, 60).await;
    let at = format!("/projects/{}/merge_requests", made.projects[0]);
    let (mut kinds, mut threads) = (Vec::new(), 0);
    for row in lab.rows(&made, &format!("{at}?per_page=100")).await {
        let one = format!("{at}/{}", row["iid"]);
        let notes = lab.rows(&made, &format!("{one}/notes?sort=asc")).await;
        assert!(texts(&notes, "created_at").is_sorted());
        let comments = notes.iter().filter(|note| note["system"] == false).count();
        assert_eq!(row["user_notes_count"], comments);
        let discussions = lab.rows(&made, &format!("{one}/discussions")).await;
        let mut within: Vec<Value> =
            discussions.iter().flat_map(|thread| thread["notes"].as_array().unwrap().clone()).collect();
        within.sort_by_key(|note| note["id"].as_u64());
        let mut notes = notes;
        notes.sort_by_key(|note| note["id"].as_u64());
        assert_eq!(within, notes);
        for thread in &discussions {
            assert_eq!(thread["id"].as_str().unwrap().len(), 40);
            threads += usize::from(thread["notes"].as_array().unwrap().len() > 1);
        }
        for note in &notes {
            assert_eq!(note["position"].is_object(), note["type"] == "DiffNote");
        }
        kinds.extend(notes.iter().map(|note| note["type"].to_string()));
    }
    for kind in ["null", "\"DiscussionNote\"", "\"DiffNote\""] {
        assert!(kinds.iter().any(|known| known == kind), "{kind}");
    }
    assert!(threads > 0);
    lab.seen(&made, &format!("{at}/1/notes/99999")).await.is(404, &json!({ "message": "404 Note Not Found" }));
}

#[tokio::test]
async fn approvals_tell_more_with_premium_and_state_only_then() {
    let (lab, made) = lab_with(1, 40).await;
    let at = format!("/projects/{}/merge_requests", made.projects[0]);
    let merged = lab.rows(&made, &format!("{at}?state=merged")).await[0].clone();
    let opened = lab.rows(&made, &format!("{at}?state=opened")).await[0].clone();
    let one = |row: &Value, rest: &str| format!("{at}/{}/{rest}", row["iid"]);
    let told = lab.seen(&made, &one(&merged, "approvals")).await.json();
    assert_eq!((&told["approved"], &told["approvals_left"]), (&json!(true), &json!(0)));
    assert_eq!(told["approved_by"][0]["user"], merged["reviewers"][0]);
    assert!(told["approved_by"][0]["approved_at"].is_string());
    let state = lab.seen(&made, &one(&opened, "approval_state")).await.json();
    assert_eq!(
        (&state["rules"][0]["rule_type"], &state["rules"][0]["approved"]),
        (&json!("any_approver"), &json!(false))
    );
    lab.admin().settings(|settings| settings.tier = Tier::Free);
    let told = lab.seen(&made, &one(&opened, "approvals")).await.json();
    let keys: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["approved", "approved_by", "user_can_approve", "user_has_approved"]);
    assert_eq!(lab.seen(&made, &one(&opened, "approval_state")).await.status, 404);
    lab.admin().settings(|settings| settings.version = "17.0.0-ee".parse().unwrap());
    let told = lab.seen(&made, &one(&merged, "approvals")).await.json();
    assert!(told["approved_by"][0].get("approved_at").is_none());
}

#[tokio::test]
async fn labels_come_by_name_and_count_when_asked() {
    let (lab, made) = lab_with(1, 60).await;
    let at = format!("/projects/{}/labels", made.projects[0]);
    let plain = lab.rows(&made, &at).await;
    assert_eq!(texts(&plain, "name"), ["bug", "chore", "docs", "feature", "security"]);
    assert!(plain[0].get("open_merge_requests_count").is_none());
    let counted = lab.rows(&made, &format!("{at}?with_counts=true&search=bug")).await;
    let open = lab.rows(&made, &format!("/projects/{}/merge_requests?state=opened&labels=bug", made.projects[0])).await;
    assert_eq!(counted[0]["open_merge_requests_count"], open.len());
}

#[tokio::test]
async fn a_status_moves_forward_and_makes_a_pipeline() {
    let lab = Lab::new().await;
    let sha = lab.commit("a.md", "a");
    let at = lab.at(&format!("/statuses/{sha}"));
    let say = async |state: &str, name: &str| {
        lab.call("POST", &at, json!({ "state": state, "name": name, "target_url": "https://ci.test/1" })).await
    };
    let cannot =
        |verb: &str, from: &str| json!({ "message": format!("Cannot transition status via :{verb} from :{from}") });
    let again =
        "Cannot transition status via :enqueue from :pending (Reason(s): Status cannot transition via \"enqueue\")";
    for (state, status, body) in [
        ("pending", 201, json!(null)),
        ("pending", 400, json!({ "message": again })),
        ("running", 201, json!(null)),
        ("running", 400, cannot("run", "running")),
        ("success", 201, json!(null)),
        ("success", 400, cannot("success", "success")),
        ("failed", 400, cannot("drop", "success")),
        ("running", 201, json!(null)),
    ] {
        let seen = say(state, "sync").await;
        assert_eq!(seen.status, status, "{state}: {}", seen.text());
        if status == 400 {
            assert_eq!(seen.json(), body);
        }
    }
    let made = say("failed", "lint").await.json();
    for (key, expected) in [
        ("sha", json!(sha)),
        ("ref", json!("main")),
        ("status", json!("failed")),
        ("name", json!("lint")),
        ("target_url", json!("https://ci.test/1")),
        ("started_at", json!(null)),
        ("allow_failure", json!(false)),
        ("coverage", json!(null)),
    ] {
        assert_eq!(made[key], expected, "{key}");
    }
    let pipeline = lab.get(&lab.at("/pipelines")).await.json();
    assert_eq!(pipeline.as_array().unwrap().len(), 1);
    assert_eq!((&pipeline[0]["source"], &pipeline[0]["status"]), (&json!("external"), &json!("running")));
    assert_eq!(pipeline[0]["id"], made["pipeline_id"]);
    // The newest of each name, or all of them.
    for (query, count) in [("", 2), ("?all=true", 3), ("?name=lint", 1), ("?ref=other", 0)] {
        let listed = lab.get(&lab.at(&format!("/repository/commits/{sha}/statuses{query}"))).await.json();
        assert_eq!(listed.as_array().unwrap().len(), count, "{query}");
    }
}

#[tokio::test]
async fn a_status_that_cannot_be_is_refused() {
    let lab = Lab::new().await;
    let sha = lab.commit("a.md", "a");
    let at = |sha: &str| lab.at(&format!("/statuses/{sha}"));
    let none = "0123456789012345678901234567890123456789";
    for (sha, body, status, expected) in [
        (sha.as_str(), json!({}), 400, json!({ "error": "state is missing" })),
        (&sha, json!({ "state": "done" }), 400, json!({ "error": "state does not have a valid value" })),
        (none, json!({ "state": "success" }), 404, json!({ "message": "404 Commit Not Found" })),
    ] {
        lab.call("POST", &at(sha), body).await.is(status, &expected);
    }
    let git = std::process::Command::new("git")
        .arg("-C")
        .arg(lab.admin().repository_path(lab.project))
        .args(["-c", "user.name=x", "-c", "user.email=x@x", "commit-tree", "-m", "lost"])
        .arg(format!("{sha}^{{tree}}"))
        .output()
        .unwrap();
    let lost = String::from_utf8(git.stdout).unwrap();
    let refused = lab.call("POST", &at(lost.trim()), json!({ "state": "success" })).await;
    refused.is(404, &json!({ "message": "404 References for commit Not Found" }));
    let admin = lab.admin();
    let guest = admin.create_user(UserSpec::person("guest")).id;
    admin.add_member(gitlab_sim::Source::Project(lab.project), guest, gitlab_sim::AccessLevel::Reporter);
    let token = admin.create_token(TokenSpec::personal(guest, &["api"])).secret;
    assert_eq!(lab.as_token(&token, "POST", &at(&sha), json!({ "state": "success" })).await.status, 403);
}

#[tokio::test]
async fn deployments_are_sorted_by_the_time_they_are_filtered_by() {
    let (lab, made) = lab_with(1, 100).await;
    let at = format!("/projects/{}/deployments", made.projects[0]);
    let all = lab.rows(&made, &format!("{at}?per_page=100")).await;
    assert!(all.len() > 5);
    let mut times = texts(&all, "updated_at");
    times.sort();
    let day = times[times.len() / 2].as_str();
    for (query, expected) in [
        (format!("updated_after={day}"), "`updated_at` filter requires `updated_at` sort"),
        (format!("finished_after={day}"), "`finished_at` filter requires `finished_at` sort."),
        (
            format!("finished_after={day}&order_by=finished_at"),
            "`finished_at` filter must be combined with `success` status filter.",
        ),
        (
            format!("finished_after={day}&updated_before={day}&order_by=updated_at"),
            "Both `updated_at` filter and `finished_at` filter can not be specified",
        ),
    ] {
        let refused = lab.seen(&made, &format!("{at}?{query}")).await;
        refused.is(400, &json!({ "message": format!("400 Bad request - {expected}") }));
    }
    for query in [
        format!("updated_after={day}&order_by=updated_at"),
        format!("finished_after={day}&order_by=finished_at&status=success"),
    ] {
        let kept = lab.rows(&made, &format!("{at}?{query}&per_page=100")).await;
        assert!(!kept.is_empty() && kept.len() < all.len(), "{query}");
    }
    let brought = lab.rows(&made, &format!("{at}/{}/merge_requests", all[0]["id"])).await;
    assert_eq!(brought[0]["state"], "merged");
    assert_eq!(brought[0]["merge_commit_sha"], all[0]["sha"]);
}

#[tokio::test]
async fn a_deployment_is_of_a_commit_and_a_branch_that_are_there() {
    let lab = Lab::new().await;
    let sha = lab.commit("a.md", "a");
    let body =
        |sha: &str, name: &str| json!({ "environment": "production", "sha": sha, "ref": name, "status": "success" });
    let none = "0123456789012345678901234567890123456789";
    for (body, status, expected) in [
        (body(none, "main"), 400, json!({ "message": { "sha": ["The commit does not exist"] } })),
        (body(&sha, "none"), 400, json!({ "message": { "ref": ["The branch or tag does not exist"] } })),
        (
            json!({}),
            400,
            json!({ "error": "environment is missing, sha is missing, ref is missing, status is missing" }),
        ),
    ] {
        lab.call("POST", &lab.at("/deployments"), body).await.is(status, &expected);
    }
    let made = lab.call("POST", &lab.at("/deployments"), body(&sha, "main")).await;
    assert_eq!(made.status, 201);
    assert_eq!(lab.get(&lab.at(&format!("/deployments/{}", made.json()["id"]))).await.json(), made.json());
    assert_eq!(made.json()["environment"]["name"], "production");
}

#[tokio::test]
async fn another_seed_makes_other_records() {
    let make = async |seed: u64| {
        let gitlab = Simulator::builder().settings(Settings::default()).seed(seed).start().await.unwrap();
        let made = seed::records(&gitlab.admin(), 1, 5).unwrap();
        let admin = gitlab.admin();
        let world = admin.app().world();
        world.merge_requests.of(made.projects[0]).map(|row| row.sha.clone()).collect::<Vec<_>>()
    };
    assert_eq!(make(1).await, make(1).await);
    assert_ne!(make(1).await, make(2).await);
}

#[tokio::test]
async fn another_process_makes_records_over_http() {
    let lab = Lab::new().await;
    let body = json!({ "projects": 2, "merge_requests": 10 }).to_string();
    let made = lab.send("POST", "/-/sim/records", &[("content-type", "application/json")], body).await.unwrap();
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let rows = lab.as_token(&token, "GET", "/merge_requests?scope=all", json!(null)).await.json();
    assert_eq!(rows.as_array().unwrap().len(), 10);
}
