//! Real git against the simulator: clone, shallow, fetch, push, refusals.

use std::path::Path;
use std::process::{Command, Output};

use gitlab_sim::events::{Event, ZERO_ID};
use gitlab_sim::{AccessLevel, CommitSpec, ProjectSpec, Settings, Simulator, Source, TokenSpec, UserSpec};
use serde_json::json;

use crate::support::Lab;

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Output {
    let identity = ["-c", "user.name=Gina", "-c", "user.email=gina@example.test", "-c", "protocol.version=2"];
    Command::new("git")
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // It would outvote the authority that a test names.
        .env_remove("GIT_SSL_CAINFO")
        .args(identity)
        .args(arguments)
        .output()
        .unwrap()
}

pub(crate) fn ok(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments);
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = git(folder, arguments);
    assert!(!output.status.success(), "git {arguments:?} was not refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(crate) fn address(lab: &Lab, token: &str) -> String {
    format!("{}/demo/handbook.git", lab.gitlab.url().replace("://", &format!("://oauth2:{token}@")))
}

fn basic(token: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("oauth2:{token}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_through_the_api_is_cloned_and_what_is_pushed_shows_in_the_api() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    lab.commit("a.md", "one\n");
    lab.admin().commit(lab.project, CommitSpec::on("main", "Second").update("a.md", "two\n")).unwrap();
    let mut events = lab.admin().app().events.listen();
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", &address(&lab, &lab.token), "work"]);
    let work = folder.path().join("work");
    assert_eq!(std::fs::read_to_string(work.join("a.md")).unwrap(), "two\n");
    let before = ok(&work, &["rev-parse", "HEAD"]);
    std::fs::write(work.join("b.md"), "pushed\n").unwrap();
    ok(&work, &["add", "."]);
    ok(&work, &["commit", "-q", "-m", "From git"]);
    ok(&work, &["tag", "v1"]);
    ok(&work, &["push", "-q", "-o", "ci.skip", "origin", "main", "v1"]);
    let after = ok(&work, &["rev-parse", "HEAD"]);
    assert_eq!(lab.get(&lab.at("/repository/files/b.md/raw")).await.text(), "pushed\n");
    assert_eq!(lab.get(&lab.at("/repository/commits/main")).await.json()["id"], after);
    let Some(Event::Push(push)) = events.recv().await else { panic!("no push") };
    assert_eq!((push.user_id, push.push_options), (lab.alice, vec!["ci.skip".to_owned()]));
    let moved: Vec<(&str, &str, &str)> =
        push.changes.iter().map(|c| (c.reference.as_str(), c.before.as_str(), c.after.as_str())).collect();
    assert_eq!(
        moved,
        [("refs/heads/main", before.as_str(), after.as_str()), ("refs/tags/v1", ZERO_ID, after.as_str())]
    );
    // And the other way round once more.
    let api = lab.commit("c.md", "api\n");
    ok(&work, &["pull", "-q"]);
    assert_eq!(ok(&work, &["rev-parse", "HEAD"]), api);
}

#[tokio::test(flavor = "multi_thread")]
async fn shallow_and_partial_clones_work() {
    let lab = Lab::new().await;
    for n in 0..5 {
        lab.commit(&format!("f{n}"), "x");
    }
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["clone", "-q", "--depth", "1", &address(&lab, &lab.token), "shallow"]);
    assert_eq!(ok(&folder.path().join("shallow"), &["rev-list", "--count", "HEAD"]), "1");
    ok(&folder.path().join("shallow"), &["fetch", "-q", "--unshallow"]);
    assert_eq!(ok(&folder.path().join("shallow"), &["rev-list", "--count", "HEAD"]), "5");
    ok(folder.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &address(&lab, &lab.token), "partial"]);
    // The first request of a clone speaks version 2, and the server answers in it.
    let asked = lab.admin().log().entries();
    let protocol = |entry: &gitlab_sim::server::log::Entry| {
        entry.headers.iter().any(|(name, value)| name == "git-protocol" && value == b"version=2")
    };
    assert!(asked.iter().all(protocol), "{asked:?}");
    let second = lab
        .send(
            "GET",
            "/demo/handbook.git/info/refs?service=git-upload-pack",
            &[("git-protocol", "version=2"), ("authorization", &format!("Basic {}", basic(&lab.token)))],
            "",
        )
        .await
        .unwrap();
    assert!(second.text().starts_with("000eversion 2\n"), "{}", second.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn git_is_refused_in_gitlabs_words() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one\n");
    lab.commit("b.md", "one\n");
    let admin = lab.admin();
    let folder = tempfile::tempdir().unwrap();
    let text = refused(folder.path(), &["clone", "-q", &address(&lab, "glpat-wrong"), "x"]);
    assert!(text.contains("Authentication failed") || text.contains("HTTP Basic: Access denied"), "{text}");
    let weak = admin.create_token(TokenSpec::personal(lab.alice, &["read_repository"])).secret;
    ok(folder.path(), &["clone", "-q", &address(&lab, &weak), "work"]);
    let work = folder.path().join("work");
    let text = refused(&work, &["push", "-q", "origin", "HEAD:topic"]);
    assert!(text.contains("The requested URL returned error: 403"), "{text}");
    let blind = admin.create_token(TokenSpec::personal(lab.alice, &["read_user"])).secret;
    let text = refused(folder.path(), &["ls-remote", &address(&lab, &blind)]);
    assert!(text.contains("error: 403"), "{text}");
    let text = refused(folder.path(), &["ls-remote", &address(&lab, &lab.token).replace("handbook", "nothing")]);
    assert!(text.contains("not found"), "{text}");
    let bob = admin.create_user(UserSpec::person("bob")).id;
    admin.add_member(Source::Project(lab.project), bob, AccessLevel::Developer);
    let bob = address(&lab, &admin.create_token(TokenSpec::personal(bob, &["write_repository"])).secret);
    std::fs::write(work.join("c.md"), "x").unwrap();
    ok(&work, &["add", "."]);
    ok(&work, &["commit", "-q", "-m", "c"]);
    let text = refused(&work, &["push", "-q", &bob, "HEAD:main"]);
    assert!(text.contains("GitLab: You are not allowed to push code to protected branches on this project."), "{text}");
    ok(&work, &["push", "-q", &bob, "HEAD:topic"]);
    let alice = address(&lab, &lab.token);
    let text = refused(&work, &["push", "-q", "--force", &alice, "HEAD~1^:main"]);
    assert!(text.contains("GitLab: You are not allowed to force push code to a protected branch"), "{text}");
    let text = refused(&work, &["push", "-q", &alice, ":main"]);
    assert!(text.contains("GitLab: The default branch of a project cannot be deleted."), "{text}");
    ok(&work, &["push", "-q", "--force", &alice, "HEAD~1^:topic"]);
    ok(&work, &["push", "-q", &alice, ":topic"]);
    let branches = lab.get(&lab.at("/repository/branches")).await.json();
    assert_eq!(branches.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_push_makes_the_default_branch_and_protects_it() {
    let lab = Lab::new().await;
    let folder = tempfile::tempdir().unwrap();
    ok(folder.path(), &["init", "-q", "-b", "trunk", "."]);
    std::fs::write(folder.path().join("a.md"), "x").unwrap();
    ok(folder.path(), &["add", "."]);
    ok(folder.path(), &["commit", "-q", "-m", "a"]);
    ok(folder.path(), &["push", "-q", &address(&lab, &lab.token), "trunk"]);
    let project = lab.get(&lab.at("")).await.json();
    assert_eq!((project["default_branch"].as_str(), project["empty_repo"].as_bool()), (Some("trunk"), Some(false)));
    assert_eq!(lab.get(&lab.at("/repository/branches/trunk")).await.json()["protected"], json!(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn git_follows_a_project_that_moved() {
    let lab = Lab::with(Settings::default(), "/gitlab").await;
    lab.commit("a.md", "one\n");
    lab.admin().move_project(lab.project, "demo/manual").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cloned = git(folder.path(), &["clone", &address(&lab, &lab.token), "work"]);
    let text = String::from_utf8_lossy(&cloned.stderr);
    assert!(cloned.status.success() && text.contains("redirecting to"), "{text}");
    assert!(text.contains("/gitlab/demo/manual.git"), "{text}");
    assert_eq!(std::fs::read_to_string(folder.path().join("work/a.md")).unwrap(), "one\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_and_pushes_over_tls() {
    let gitlab = Simulator::builder().tls().base_path("/gitlab").start().await.unwrap();
    let admin = gitlab.admin();
    let alice = admin.create_user(UserSpec::person("alice")).id;
    let project = admin.create_project(&ProjectSpec::at("demo/handbook")).unwrap().id;
    admin.add_member(Source::Project(project), alice, AccessLevel::Maintainer);
    let token = admin.create_token(TokenSpec::personal(alice, &["write_repository"])).secret;
    admin.commit(project, CommitSpec::on("main", "first").create("a.md", "one")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, gitlab.ca_pem().unwrap()).unwrap();
    let address = format!("{}/demo/handbook.git", gitlab.url().replace("://", &format!("://oauth2:{token}@")));
    let text = refused(folder.path(), &["clone", "-q", &address, "distrust"]);
    assert!(text.contains("certificate"), "{text}");
    let trust = format!("http.sslCAInfo={}", authority.display());
    ok(folder.path(), &["-c", &trust, "clone", "-q", &address, "work"]);
    let work = folder.path().join("work");
    std::fs::write(work.join("b.md"), "two").unwrap();
    ok(&work, &["add", "."]);
    ok(&work, &["commit", "-q", "-m", "b"]);
    ok(&work, &["-c", &trust, "push", "-q", "origin", "HEAD:topic"]);
    let tips = ok(&work, &["-c", &trust, "ls-remote", "--heads", "origin"]);
    assert_eq!(tips.lines().count(), 2, "{tips}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_goes_with_every_kind_of_password() {
    let lab = Lab::new().await;
    lab.commit("a.md", "one\n");
    let folder = tempfile::tempdir().unwrap();
    let oauth = lab.oauth_token(&["read_repository"]);
    let own = lab.token.clone();
    for (name, password, good) in [
        ("oauth2", &oauth, true),
        ("alice", &oauth, false),
        ("oauth2", &own, true),
        ("whoever", &own, true),
        ("", &own, false),
    ] {
        let url = format!("{}/demo/handbook.git", lab.gitlab.url().replace("://", &format!("://{name}:{password}@")));
        assert_eq!(git(folder.path(), &["ls-remote", &url]).status.success(), good, "{name}");
    }
    // What an OAuth token may not do is not its name's fault.
    let url = format!("{}/demo/handbook.git", lab.gitlab.url().replace("://", &format!("://oauth2:{oauth}@")));
    ok(folder.path(), &["clone", "-q", &url, "work"]);
    let text = refused(&folder.path().join("work"), &["push", "-q", "origin", "HEAD:topic"]);
    assert!(text.contains("error: 403"), "{text}");
}
