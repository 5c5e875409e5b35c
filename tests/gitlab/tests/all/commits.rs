//! The Commits API: order of checks, exact messages, sequential actions, staleness, race, LFS.

use gitlab_sim::{CommitSpec, Settings, TokenSpec, UserSpec};
use serde_json::{Value, json};

use crate::support::{Lab, Seen};

async fn post(lab: &Lab, body: Value) -> Seen {
    lab.call("POST", &lab.at("/repository/commits"), body).await
}

#[expect(clippy::needless_pass_by_value, reason = "the tables below read better")]
fn one(action: Value) -> Value {
    json!({"branch": "main", "commit_message": "change", "actions": [action]})
}

fn create(path: &str) -> Value {
    json!({"action": "create", "file_path": path, "content": "x"})
}

async fn messages(lab: &Lab, table: &[(Value, u16, &str)]) {
    for (body, status, message) in table {
        post(lab, body.clone()).await.is(*status, &json!({"message": message}));
    }
}

#[tokio::test]
async fn parameters_are_judged_by_hand_in_order_since_18_7() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let bad = |action: Value| one(action);
    messages(&lab, &[
        (json!({}), 400, "400 Bad request - branch is required"),
        (json!({"branch": "main"}), 400, "400 Bad request - commit_message is required"),
        (json!({"branch": "main", "commit_message": ""}), 400, "400 Bad request - commit_message is required"),
        (json!({"branch": "main", "commit_message": "m"}), 400, "400 Bad request - Provide at least one action, or set allow_empty to true"),
        (json!({"branch": "main", "commit_message": "m", "actions": "x"}), 400, "400 Bad request - actions must be an array"),
        (json!({"branch": "main", "commit_message": "m", "actions": [create("z")], "start_branch": "a", "start_sha": "b"}), 400, "400 Bad request - start_branch, start_sha are mutually exclusive"),
        (bad(json!({})), 400, "400 Bad request - actions[0][action] is required"),
        (bad(json!({"action": "create"})), 400, "400 Bad request - actions[0][file_path] is required"),
        (bad(json!({"action": "nope", "file_path": "a"})), 400, "400 Bad request - actions[0][action] must be one of: create, update, move, delete, chmod"),
        (bad(json!({"action": "create", "file_path": "a", "encoding": "hex"})), 400, "400 Bad request - actions[0][encoding] must be text or base64"),
        (bad(json!({"action": "update", "file_path": "a"})), 400, "400 Bad request - actions[0][content] is required for update action"),
        (bad(json!({"action": "move", "file_path": "a"})), 400, "400 Bad request - actions[0][previous_path] is required for move action"),
        (bad(json!({"action": "chmod", "file_path": "a"})), 400, "400 Bad request - actions[0][execute_filemode] is required for chmod action"),
        (bad(json!({"action": "chmod", "file_path": "a", "execute_filemode": 3})), 400, "400 Bad request - actions[0][execute_filemode] must be a boolean"),
    ]).await;
    let empty = post(&lab, json!({"branch": "main", "commit_message": "m", "allow_empty": true})).await;
    assert_eq!(empty.status, 201, "{}", empty.text());
}

#[tokio::test]
async fn before_18_7_grape_complains_about_everything_at_once() {
    let lab = Lab::with(Settings { version: "18.5.0-ee".parse().unwrap(), ..Settings::default() }, "").await;
    post(&lab, json!({"commit_message": "m"}))
        .await
        .is(400, &json!({"error": "branch is missing, actions is missing"}));
    let wrong = one(json!({"action": "nope", "file_path": "a"}));
    post(&lab, wrong).await.is(400, &json!({"error": "actions[0][action] does not have a valid value"}));
}

#[tokio::test]
async fn permission_comes_before_parameters_and_is_a_403_here() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let admin = lab.admin();
    let bob = admin.create_user(UserSpec::person("bob")).id;
    admin.add_member(gitlab_sim::Source::Project(lab.project), bob, gitlab_sim::AccessLevel::Developer);
    let token = admin.create_token(TokenSpec::personal(bob, &["api"])).secret;
    let refused = json!({"message": "403 Forbidden - You are not allowed to push into this branch"});
    let path = lab.at("/repository/commits");
    lab.as_token(&token, "POST", &path, json!({"branch": "main"})).await.is(403, &refused);
    let other = json!({"branch": "topic", "start_branch": "main", "commit_message": "m", "actions": [create("b")]});
    assert_eq!(lab.as_token(&token, "POST", &path, other).await.status, 201);
    lab.as_token("", "POST", &path, json!({})).await.is(401, &json!({"message": "401 Unauthorized"}));
    // The Files API says the same with 400.
    let body = json!({"branch": "main", "commit_message": "m", "content": "x"});
    let files = lab.as_token(&token, "POST", &lab.at("/repository/files/b"), body).await;
    files.is(400, &json!({"message": "You are not allowed to push into this branch"}));
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_are_refused_first() {
    let settings = Settings::default();
    let lab = Lab::with(settings, "").await;
    lab.admin().stop_clock();
    let path = format!("/api/v4{}", lab.at("/repository/commits"));
    let headers = [("private-token", lab.token.as_str()), ("content-type", "application/json")];
    let seen = lab.send("POST", &path, &headers, "{nope").await.unwrap();
    seen.is(400, &json!({"message": "Invalid json", "error": "Invalid json"}));
    lab.admin().settings(|settings| {
        settings.limits.commit_body_bytes = 1000;
        settings.limits.large_commit_bytes = 100;
    });
    let big = one(json!({"action": "create", "file_path": "a", "content": "x".repeat(2000)})).to_string();
    let size = big.len();
    let seen = lab.send("POST", &path, &headers, big).await.unwrap();
    let text = format!(
        "RequestBody: upload failed: the upload size {size} is over maximum of 1000 bytes: entity is too large"
    );
    assert_eq!((seen.status.as_u16(), seen.text()), (413, text));
    let large = |n: usize| one(json!({"action": "create", "file_path": format!("f{n}"), "content": "x".repeat(200)}));
    let mut last = None;
    for n in 0..4 {
        last = Some(post(&lab, large(n)).await);
    }
    let text = "This endpoint has been requested too many times. Try again later.";
    last.unwrap().is(429, &json!({"message": {"error": text}}));
}

#[tokio::test]
async fn multipart_files_are_refused_and_multipart_fields_are_read() {
    let lab = Lab::new().await;
    let path = format!("/api/v4{}", lab.at("/repository/commits"));
    let kind = "multipart/form-data; boundary=xx";
    let headers = [("private-token", lab.token.as_str()), ("content-type", kind)];
    let field =
        |name: &str, value: &str| format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let fields = [
        ("branch", "main"),
        ("commit_message", "m"),
        ("actions[][action]", "create"),
        ("actions[][file_path]", "a"),
        ("actions[][content]", "x"),
    ];
    let body: String = fields.iter().map(|(name, value)| field(name, value)).collect();
    let seen = lab.send("POST", &path, &headers, format!("{body}--xx--\r\n")).await.unwrap();
    assert_eq!(seen.status, 201, "{}", seen.text());
    let file = "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nx\r\n--xx--\r\n";
    let seen = lab.send("POST", &path, &headers, format!("{}{file}", field("branch", "main"))).await.unwrap();
    let text = "400 Bad request - This endpoint does not support form encoded file uploads";
    seen.is(400, &json!({"message": text}));
}

#[tokio::test]
async fn service_errors_have_their_exact_texts() {
    let lab = Lab::new().await;
    let first = lab.commit("a.md", "one");
    let with = |more: Value| {
        let mut body = one(create("new"));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let unknown = "1".repeat(40);
    messages(
        &lab,
        &[
            (with(json!({"branch": "t", "start_sha": "abc"})), 400, "Invalid start_sha 'abc'"),
            (with(json!({"branch": "t", "start_sha": unknown})), 400, &format!("Cannot find start_sha '{unknown}'")),
            (with(json!({"branch": "t"})), 400, "You can only create or edit files when you are on a branch"),
            (
                with(json!({"branch": "t", "start_branch": "nope"})),
                400,
                "You can only create or edit files when you are on a branch",
            ),
            (
                with(json!({"start_sha": first})),
                400,
                "A branch called 'main' already exists. Switch to that branch in order to make changes",
            ),
            (
                with(json!({"branch": "a b", "start_branch": "main"})),
                400,
                "Something went wrong when we tried to create 'a b' for you: Branch name is invalid",
            ),
            (
                with(json!({"start_sha": first, "force": true})),
                400,
                "You are not allowed to force push code to a protected branch on this project.",
            ),
            (one(create("a.md")), 400, "A file with this name already exists"),
            (one(json!({"action": "delete", "file_path": "zz"})), 400, "A file with this name doesn't exist"),
            (one(create("../x")), 400, "Path cannot include directory traversal"),
            (one(create("a//b")), 400, "invalid path: 'a//b'"),
            (one(create(".git/config")), 400, "invalid path: '.git/config'"),
        ],
    )
    .await;
    // All or nothing: none of that left a trace.
    assert_eq!(lab.get(&lab.at("/repository/branches")).await.json().as_array().unwrap().len(), 1);
    assert_eq!(lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"], first);
}

#[tokio::test]
async fn a_commit_is_one_commit_with_the_tip_as_its_parent_whatever_the_actions() {
    let lab = Lab::new().await;
    let first = lab.commit("a.md", "one\n");
    let seen = post(&lab, json!({
        "branch": "main", "commit_message": "Many\n\nSync-Id: 7", "author_name": "Zoe", "author_email": "zoe@example.test",
        "actions": [
            {"action": "create", "file_path": "/dir/b.md", "content": "Yg==", "encoding": "base64", "execute_filemode": true},
            {"action": "update", "file_path": "a.md", "content": "two\n"},
            {"action": "move", "previous_path": "a.md", "file_path": "c.md"},
            {"action": "create", "file_path": "d.md", "content": ""},
            {"action": "delete", "file_path": "d.md"},
        ],
    })).await;
    assert_eq!(seen.status, 201, "{}", seen.text());
    let commit = seen.json();
    assert_eq!(commit["parent_ids"], json!([first]));
    assert_eq!(
        (commit["title"].as_str(), commit["author_name"].as_str(), commit["committer_name"].as_str()),
        (Some("Many"), Some("Zoe"), Some("alice"))
    );
    assert_eq!(commit["message"], "Many\n\nSync-Id: 7");
    assert!(commit["stats"]["total"].as_u64().unwrap() > 0);
    assert_eq!(commit["status"], Value::Null);
    let tree = lab.get(&lab.at("/repository/tree?recursive=true")).await.json();
    let paths: Vec<&str> = tree.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["dir", "c.md", "dir/b.md"]);
    assert_eq!(tree[2]["mode"], "100755");
    assert_eq!(lab.get(&lab.at("/repository/files/c.md/raw")).await.text(), "two\n");
    let trailers = lab.get(&lab.at("/repository/commits?trailers=true&per_page=1")).await.json();
    assert_eq!(trailers[0]["trailers"]["Sync-Id"], "7");
}

#[tokio::test]
async fn a_file_is_stale_if_the_branch_touched_it_after_the_version_that_was_read() {
    let lab = Lab::new().await;
    let admin = lab.admin();
    let read_at = lab.commit("a.md", "one");
    let other = lab.commit("b.md", "one");
    let update =
        |guard: &str| one(json!({"action": "update", "file_path": "a.md", "content": "x", "last_commit_id": guard}));
    // Any commit that contains the version that was read will do, the tip included.
    assert_eq!(post(&lab, update(&other)).await.status, 201);
    let stale = json!({"message": "The file has changed since you started editing it: a.md"});
    post(&lab, update(&read_at)).await.is(400, &stale);
    for (action, path) in [("delete", "a.md"), ("chmod", "a.md")] {
        let body =
            one(json!({"action": action, "file_path": path, "execute_filemode": true, "last_commit_id": read_at}));
        post(&lab, body).await.is(400, &stale);
    }
    let moved = one(json!({"action": "move", "previous_path": "a.md", "file_path": "z.md", "last_commit_id": read_at}));
    post(&lab, moved).await.is(400, &stale);
    // A guard that resolves to nothing is no guard.
    for guard in ["", "no-such-commit"] {
        assert_eq!(post(&lab, update(guard)).await.status, 201);
    }
    // A file that was deleted meanwhile changed too.
    let tip = lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"].as_str().unwrap().to_owned();
    admin.commit(lab.project, CommitSpec::on("main", "gone").delete("a.md")).unwrap();
    post(&lab, update(&tip)).await.is(400, &stale);
    // Before 16 the id had to be the last commit of the path itself.
    admin.settings(|settings| settings.version = "15.11.0".parse().unwrap());
    let last = lab.commit("c.md", "one");
    lab.commit("d.md", "one");
    let body =
        |guard: &str| one(json!({"action": "update", "file_path": "c.md", "content": "x", "last_commit_id": guard}));
    let tip = lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"].as_str().unwrap().to_owned();
    assert_eq!(post(&lab, body(&tip)).await.status, 400);
    assert_eq!(post(&lab, body(&last)).await.status, 201);
}

#[tokio::test]
async fn a_lost_race_says_so_in_the_words_of_the_git_service() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let admin = lab.admin();
    let rival = |n: usize| CommitSpec::on("main", "rival").create(&format!("rival{n}.md"), "x");
    admin.land_during_next_commit(lab.project, rival(1)).unwrap();
    let text = "9:reference update: reference does not point to expected object.";
    post(&lab, one(create("mine.md"))).await.is(400, &json!({"message": text}));
    assert_eq!(lab.get(&lab.at("/repository/files/rival1.md?ref=main")).await.status, 200);
    assert_eq!(lab.get(&lab.at("/repository/files/mine.md?ref=main")).await.status, 404);
    assert_eq!(post(&lab, one(create("mine.md"))).await.status, 201);
    admin.settings(|settings| settings.version = "15.11.0".parse().unwrap());
    admin.land_during_next_commit(lab.project, rival(2)).unwrap();
    let text = "Could not update refs/heads/main. Please refresh and try again.";
    post(&lab, one(create("mine2.md"))).await.is(400, &json!({"message": text}));
}

#[tokio::test]
async fn many_commits_at_once_lose_or_land_but_never_vanish() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one");
    let bodies: Vec<Value> = (0..16).map(|n| one(create(&format!("f{n}")))).collect();
    let answers = futures_util::future::join_all(bodies.into_iter().map(|body| post(&lab, body))).await;
    let landed = answers.iter().filter(|seen| seen.status == 201).count();
    for lost in answers.iter().filter(|seen| seen.status != 201) {
        assert!(lost.text().contains("9:reference update: reference "), "{}", lost.text());
    }
    let files = lab.get(&lab.at("/repository/tree?per_page=100")).await.json().as_array().unwrap().len();
    assert!(landed >= 1);
    assert_eq!(files, landed + 1);
}

#[tokio::test]
async fn created_files_become_lfs_pointers_and_updated_ones_do_not() {
    let lab = Lab::new().await;
    lab.commit(".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n");
    assert_eq!(
        post(&lab, one(json!({"action": "create", "file_path": "a.bin", "content": "hello"}))).await.status,
        201
    );
    let raw = lab.get(&lab.at("/repository/files/a.bin/raw")).await.text();
    assert!(raw.starts_with("version https://git-lfs.github.com/spec/v1\noid sha256:2cf24dba"), "{raw}");
    assert_eq!(lab.get(&lab.at("/repository/files/a.bin/raw?lfs=true")).await.text(), "hello");
    assert_eq!(
        post(&lab, one(json!({"action": "update", "file_path": "a.bin", "content": "plain"}))).await.status,
        201
    );
    assert_eq!(lab.get(&lab.at("/repository/files/a.bin/raw?lfs=true")).await.text(), "plain");
}

#[tokio::test]
async fn an_empty_repository_takes_only_creations_and_names_its_branch_after_the_first() {
    let lab = Lab::new().await;
    let text = "A file with this name doesn't exist";
    post(&lab, one(json!({"action": "update", "file_path": "a", "content": "x"})))
        .await
        .is(400, &json!({"message": text}));
    let body = json!({"branch": "trunk", "commit_message": "m", "actions": [create("a")]});
    assert_eq!(post(&lab, body).await.status, 201);
    let project = lab.get(&lab.at("")).await.json();
    assert_eq!((project["default_branch"].as_str(), project["empty_repo"].as_bool()), (Some("trunk"), Some(false)));
    assert_eq!(lab.get(&lab.at("/protected_branches")).await.json()[0]["name"], "trunk");
}

#[tokio::test]
async fn lists_of_commits_never_tell_a_total_and_full_pages_always_promise_another() {
    let lab = Lab::new().await;
    for n in 0..4 {
        lab.commit(&format!("f{n}"), "x");
    }
    let full = lab.get(&lab.at("/repository/commits?per_page=2&page=2")).await;
    assert_eq!(
        (full.header("x-total"), full.header("x-total-pages"), full.header("x-next-page")),
        (None, None, Some("3"))
    );
    assert!(!full.header("link").unwrap().contains("rel=\"last\""));
    let last = lab.get(&lab.at("/repository/commits?per_page=2&page=3")).await;
    assert_eq!((last.json(), last.header("x-next-page")), (json!([]), Some("")));
    for (query, expected) in [
        ("ref_name=nope", 0),
        ("path=f1", 1),
        ("ref_name=main~2..main", 2),
        ("author=alice", 4),
        ("with_stats=true", 4),
    ] {
        let seen = lab.get(&lab.at(&format!("/repository/commits?{query}"))).await;
        assert_eq!(seen.json().as_array().unwrap().len(), expected, "{query}");
    }
    for query in ["ref_name=-x", "ref_name=a%20b"] {
        lab.get(&lab.at(&format!("/repository/commits?{query}")))
            .await
            .is(400, &json!({"error": "ref_name is invalid"}));
    }
    lab.get(&lab.at("/repository/commits/nope")).await.is(404, &json!({"message": "404 Commit Not Found"}));
    lab.get(&lab.at("/repository/commits/main/signature"))
        .await
        .is(404, &json!({"message": "404 GPG Signature Not Found"}));
}
