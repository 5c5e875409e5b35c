//! Push rules and secret push protection: the same judgement of an API commit and of `git push`.

use gitlab_sim::{Settings, Terms, Tier};
use serde_json::{Value, json};

use crate::git_client::{address, ok, refused};
use crate::support::Lab;

/// Put together, so that nobody takes this file for a leak.
fn secret() -> String {
    format!("{}-{}", "glpat", "x1".repeat(10))
}

/// A rule, a commit that breaks it by one file, and what GitLab says.
struct Row {
    terms: Terms,
    path: &'static str,
    content: String,
    says: &'static str,
    /// Where git's own commit differs from the API's: another author.
    says_to_git: Option<&'static str>,
}

fn rows() -> Vec<Row> {
    let none = Terms::default;
    let row = |terms, says| Row { terms, path: "docs/new.md", content: "new\n".into(), says, says_to_git: None };
    vec![
        row(
            Terms { commit_message_regex: r"JIRA-\d+".into(), ..none() },
            r"Commit message does not follow the pattern 'JIRA-\d+'",
        ),
        row(
            Terms { commit_message_negative_regex: "^A n".into(), ..none() },
            "Commit message contains the forbidden pattern '^A n'",
        ),
        Row {
            says_to_git: Some("Committer's email 'gina@example.test' does not follow the pattern '@acme.example$'"),
            ..row(
                Terms { author_email_regex: "@acme.example$".into(), ..none() },
                "Committer's email 'alice@example.test' does not follow the pattern '@acme.example$'",
            )
        },
        row(
            Terms { file_name_regex: r"^docs/.*\.md$".into(), ..none() },
            r#"File name docs/new.md was prohibited by the pattern "^docs/.*\\.md$"."#,
        ),
        Row {
            content: "x".repeat((1 << 20) + 1),
            ..row(
                Terms { max_file_size: 1, ..none() },
                r#"File "docs/new.md" is larger than the allowed size of 1 MiB. Use Git LFS to manage this file."#,
            )
        },
        Row {
            path: "keys/id_rsa",
            ..row(
                Terms { prevent_secrets: true, ..none() },
                r#"File name keys/id_rsa was prohibited by the pattern "id_(rsa|dsa|ed25519|ecdsa)$"."#,
            )
        },
        row(Terms { reject_non_dco_commits: true, ..none() }, "Commit message must contain a DCO signoff"),
    ]
}

async fn by_api(lab: &Lab, path: &str, content: &str) -> (u16, Value) {
    let action = json!({ "action": "create", "file_path": path, "content": content });
    let body = json!({ "branch": "main", "commit_message": "A new one", "actions": [action] });
    let answer = lab.call("POST", &lab.at("/repository/commits"), body).await;
    (answer.status.as_u16(), answer.json())
}

async fn tip(lab: &Lab) -> Value {
    lab.get(&lab.at("/repository/branches/main")).await.json()["commit"]["id"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_forbids_comes_by_no_way_and_what_it_allows_by_each() {
    for Row { terms, path, content, says, says_to_git } in rows() {
        let lab = Lab::new().await;
        lab.commit("a.md", "one\n");
        let before = tip(&lab).await;
        let folder = tempfile::tempdir().unwrap();
        ok(folder.path(), &["clone", "-q", &address(&lab, &lab.token), "work"]);
        let work = folder.path().join("work");
        lab.admin().set_push_rule(lab.project, terms).unwrap();
        assert_eq!(by_api(&lab, path, &content).await, (400, json!({ "message": says })));
        std::fs::create_dir_all(work.join(path).parent().unwrap()).unwrap();
        std::fs::write(work.join(path), &content).unwrap();
        ok(&work, &["add", "."]);
        ok(&work, &["commit", "-q", "-m", "A new one"]);
        let told = refused(&work, &["push", "-q", "origin", "main"]);
        let words = says_to_git.unwrap_or(says);
        assert!(told.contains(&format!("GitLab: {words}")), "{words}: {told}");
        assert_eq!(tip(&lab).await, before, "nothing moved");
        lab.admin().set_push_rule(lab.project, Terms::default()).unwrap();
        ok(&work, &["push", "-q", "origin", "main"]);
        assert_ne!(tip(&lab).await, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_named_with_its_line_and_commit_and_can_be_let_through_on_purpose() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one\n");
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", &address(&lab, &lab.token), "work"]);
    let work = folder.path().join("work");
    let on = lab.call("PUT", &lab.at("/security_settings"), json!({ "secret_push_protection_enabled": true })).await;
    assert_eq!((on.status.as_u16(), on.json()["secret_push_protection_enabled"].clone()), (200, json!(true)));
    assert_eq!(lab.get(&lab.at("")).await.json()["secret_push_protection_enabled"], json!(true));
    let content = format!("first line\ntoken = {}\n", secret());
    let (status, body) = by_api(&lab, "notes.md", &content).await;
    let text = body["message"].as_str().unwrap();
    assert_eq!(status, 400, "{text}");
    for part in [
        "PUSH BLOCKED: Secrets detected in code changes\n\nSecret push protection found the following secrets in commit: ",
        "\n-- notes.md:2 | GitLab Personal Access Token\n",
        "\nTo push your changes you must remove the identified secrets.\nFor guidance, see ",
    ] {
        assert!(text.contains(part), "{part:?}: {text}");
    }
    assert_eq!(by_api(&lab, "harmless.md", "token = glpat-\n").await.0, 201);
    ok(&work, &["pull", "-q"]);
    std::fs::write(work.join("notes.md"), &content).unwrap();
    ok(&work, &["add", "."]);
    ok(&work, &["commit", "-q", "-m", "Leak"]);
    let told = refused(&work, &["push", "-q", "origin", "main"]);
    let commit = ok(&work, &["rev-parse", "HEAD"]);
    assert!(told.contains("PUSH BLOCKED") && told.contains(&format!("in commit: {commit}")), "{told}");
    ok(&work, &["push", "-q", "-o", "secret_push_protection.skip_all", "origin", "main"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_new_is_judged_and_a_rule_for_branches_spares_the_default_one() {
    let lab = Lab::new().await;
    lab.commit("old.pem", "there before\n");
    let terms =
        Terms { prevent_secrets: true, branch_name_regex: "^topic/".into(), deny_delete_tag: true, ..Terms::default() };
    lab.admin().set_push_rule(lab.project, terms).unwrap();
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", &address(&lab, &lab.token), "work"]);
    let work = folder.path().join("work");
    std::fs::write(work.join("old.pem"), "changed\n").unwrap();
    ok(&work, &["commit", "-q", "-a", "-m", "Change what is there"]);
    ok(&work, &["tag", "v1"]);
    ok(&work, &["push", "-q", "origin", "main", "v1"]);
    let told = refused(&work, &["push", "-q", "origin", "main:refs/heads/other"]);
    assert!(told.contains("Branch name does not follow the pattern '^topic/'"), "{told}");
    ok(&work, &["push", "-q", "origin", "main:refs/heads/topic/one"]);
    let told = refused(&work, &["push", "-q", "origin", ":refs/tags/v1"]);
    assert!(told.contains("You cannot delete a tag"), "{told}");
}

#[tokio::test]
async fn a_rule_is_made_changed_and_removed_by_maintainers_of_a_paid_instance() {
    let lab = Lab::new().await;
    let at = lab.at("/push_rule");
    assert_eq!(lab.get(&at).await.json(), Value::Null);
    lab.call("PUT", &at, json!({ "max_file_size": 5 })).await.is(404, &json!({ "message": "404 Push Rule Not Found" }));
    let broken = lab.call("POST", &at, json!({ "file_name_regex": "+" })).await;
    assert_eq!(broken.status, 400);
    assert!(broken.text().contains("not valid RE2 syntax"), "{}", broken.text());
    let made = lab.call("POST", &at, json!({ "commit_message_regex": "DOC-", "member_check": true })).await;
    assert_eq!((made.status.as_u16(), &made.json()["commit_message_regex"]), (201, &json!("DOC-")));
    lab.call("POST", &at, json!({})).await.is(422, &json!({ "error": "Project push rule exists" }));
    let changed = lab.call("PUT", &at, json!({ "max_file_size": 5 })).await.json();
    assert_eq!((&changed["max_file_size"], &changed["member_check"]), (&json!(5), &json!(true)), "{changed}");
    assert_eq!(lab.call("DELETE", &at, Value::Null).await.status, 204);
    assert_eq!(lab.call("DELETE", &at, Value::Null).await.status, 404);
    let free = Lab::with(Settings { tier: Tier::Free, ..Settings::default() }, "").await;
    assert_eq!(free.get(&free.at("/push_rule")).await.status, 404);
}

#[tokio::test]
async fn another_process_sets_rules_through_the_control_interface() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one\n");
    let control = format!("/-/sim/projects/{}", lab.project);
    let json = [("content-type", "application/json")];
    let (lab, json) = (&lab, &json);
    let set =
        |path: String, body: Value| async move { lab.send("PUT", &path, json, body.to_string()).await.unwrap().status };
    assert_eq!(set(format!("{control}/push-rule"), json!({ "file_name_regex": "new" })).await, 204);
    assert_eq!(set(format!("{control}/push-rule"), json!({ "no_such_term": 1 })).await, 422);
    assert_eq!(by_api(lab, "new.md", "new\n").await.0, 400);
    assert_eq!(set(format!("{control}/push-rule"), json!({})).await, 204);
    assert_eq!(set(format!("{control}/secret-protection"), json!({})).await, 204);
    assert_eq!(by_api(lab, "new.md", &secret()).await.0, 400);
    assert_eq!(set(format!("{control}/secret-protection"), json!({ "enabled": false })).await, 204);
    assert_eq!(by_api(lab, "new.md", &secret()).await.0, 201);
}
