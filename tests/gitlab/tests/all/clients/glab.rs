//! `glab`, GitLab's own command line: what it says and with which code it ends.

use std::path::{Path, PathBuf};
use std::process::Command;

use gitlab_sim::seed;
use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, debian, or_skip};
use crate::support::Lab;

/// A person's glab: a home of its own, signed in by nobody yet.
struct Glab {
    program: PathBuf,
    home: TempDir,
    host: String,
}

impl Glab {
    fn of(lab: &Lab, program: &Path) -> Self {
        let host = lab.gitlab.url().strip_prefix("http://").unwrap().to_owned();
        Self { program: program.to_owned(), home: tempfile::tempdir().unwrap(), host }
    }

    /// glab in `folder`, which is below its home.
    fn run(&self, folder: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = Command::new(&self.program);
        command.current_dir(self.home.path().join(folder)).args(arguments).env_clear();
        let path = std::env::join_paths(
            self.program
                .parent()
                .map(Path::to_owned)
                .into_iter()
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        command.env("PATH", path.unwrap()).env("HOME", self.home.path()).env("NO_COLOR", "1").env("NO_PROMPT", "1");
        command.env("GLAB_CONFIG_DIR", self.home.path().join("config")).env("GLAB_CHECK_UPDATE", "false");
        command.env("GIT_TERMINAL_PROMPT", "0").envs(environment.iter().copied());
        Ran::of(&mut command)
    }

    /// Outside of any clone.
    fn out(&self, arguments: &[&str]) -> Ran {
        self.run("", &[("GITLAB_HOST", &self.host)], arguments)
    }

    /// In the clone. glab drops the port of a remote's address, so here it is signed in for the bare host.
    fn within(&self, arguments: &[&str]) -> Ran {
        self.run("handbook", &[], arguments)
    }

    fn sign_in(&self, token: &str) {
        let both = ["--token", token, "--api-protocol", "http", "--git-protocol", "http"];
        let bare = self.host.split_once(':').unwrap().0;
        for host in [&["--hostname", self.host.as_str()][..], &["--hostname", bare, "--api-host", &self.host]] {
            let arguments = [&["auth", "login"][..], host, &both].concat();
            let ran = self.run("", &[], &arguments);
            assert_eq!(ran.code, 0, "{}", ran.text);
        }
        // What glab writes for those who let it: it is git's credential helper for this host.
        let section = format!("[credential \"http://{}\"]\n\thelper = !glab auth git-credential\n", self.host);
        let person = "[user]\n\tname = Alice\n\temail = alice@example.test\n";
        std::fs::write(self.home.path().join(".gitconfig"), format!("{section}{person}")).unwrap();
    }
}

/// Exit code, and words that must be there.
fn check(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{}", ran.text);
    for word in words {
        assert!(ran.text.contains(word), "no `{word}` in: {}", ran.text);
    }
}

async fn signed_in(lab: &Lab) -> Option<Glab> {
    let program = or_skip("glab", tokio::task::block_in_place(|| debian::program("glab")))?;
    let glab = Glab::of(lab, &program);
    glab.sign_in(&lab.token);
    Some(glab)
}

#[tokio::test(flavor = "multi_thread")]
async fn glab_knows_who_it_is_and_calls_the_api() {
    let lab = Lab::new().await;
    let Some(glab) = signed_in(&lab).await else { return };
    let host = glab.host.as_str();
    check(&glab.out(&["auth", "status", "--hostname", host]), 0, &[&format!("Logged in to {host} as alice")]);
    let wrong = [("GITLAB_HOST", host), ("GITLAB_TOKEN", "glpat-wrong")];
    check(&glab.run("", &wrong, &["auth", "status", "--hostname", host]), 1, &["401 {message: 401 Unauthorized}"]);
    check(&glab.out(&["api", "version"]), 0, &[r#""version":"18.9.0-ee""#]);
    check(&glab.out(&["api", "projects/demo%2Fhandbook/nope"]), 1, &[r#"{"error":"404 Not Found"}"#, "HTTP 404"]);
    check(&glab.out(&["api", "projects/no%2Fsuch"]), 1, &["404 Project Not Found"]);
    for n in 0..5 {
        lab.commit(&format!("f{n}"), "x");
    }
    let pages = glab.out(&["api", "--paginate", "projects/demo%2Fhandbook/repository/tree?per_page=2"]);
    check(&pages, 0, &["f0", "f1", "f2", "f3", "f4"]);
    let path = "projects/demo%2Fhandbook/repository/branches";
    let made = glab.out(&["api", "-X", "POST", path, "-f", "branch=topic", "-f", "ref=main"]);
    check(&made, 0, &[r#""name":"topic""#]);
    // It asks with a slash at the end of the path.
    let query = glab.out(&["api", "graphql", "-f", r#"query={ project(fullPath: "demo/handbook") { fullPath } }"#]);
    check(&query, 0, &[r#""fullPath":"demo/handbook""#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn glab_clones_and_works_in_the_clone() {
    let lab = Lab::new().await;
    let Some(glab) = signed_in(&lab).await else { return };
    lab.commit("README.md", "# How we work\n");
    check(&glab.out(&["repo", "list", "--member"]), 0, &["Showing 1 of 1 projects", "demo/handbook"]);
    check(&glab.out(&["repo", "view", "demo/handbook"]), 0, &["demo / handbook", "# How we work"]);
    check(&glab.out(&["repo", "view", "demo/none"]), 1, &["404 Not Found"]);
    check(&glab.out(&["repo", "archive", "demo/handbook"]), 0, &["demo-handbook.zip"]);
    assert!(std::fs::read(glab.home.path().join("demo-handbook.zip")).unwrap().starts_with(b"PK"));
    check(&glab.out(&["repo", "clone", "demo/handbook"]), 0, &["Cloning into 'handbook'"]);
    assert!(glab.home.path().join("handbook/README.md").exists());
    check(&glab.within(&["api", "projects/:id"]), 0, &[r#""path_with_namespace":"demo/handbook""#]);
    check(&glab.within(&["mr", "list"]), 0, &["No open merge requests available on demo/handbook"]);
    check(&glab.within(&["ci", "status"]), 1, &["No pipeline"]);
    check(&glab.within(&["repo", "contributors"]), 0, &["alice", "1 commit"]);
    check(&glab.within(&["label", "list"]), 0, &["Showing label 0 of 0"]);
    let token = glab.within(&["token", "create", "--scope", "api", "--access-level", "developer", "sync"]);
    check(&token, 0, &["glpat-"]);
    check(&glab.within(&["token", "list"]), 0, &["sync", "developer", "true"]);
    let next = glab.within(&["token", "rotate", "sync"]);
    check(&next, 0, &["glpat-"]);
    assert_ne!(token.text, next.text);
    assert_eq!(lab.as_token(token.text.trim(), "GET", "/user", Value::Null).await.status, 401);
    assert_eq!(lab.as_token(next.text.trim(), "GET", "/user", Value::Null).await.status, 200);
    check(&glab.within(&["token", "revoke", "sync"]), 0, &["revoked sync"]);
    assert_eq!(lab.as_token(next.text.trim(), "GET", "/user", Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn glab_makes_and_deletes_projects() {
    let lab = Lab::new().await;
    let Some(glab) = signed_in(&lab).await else { return };
    // Outside of a repository it asks at the terminal, whatever it is told.
    let folder = glab.home.path().join("notes");
    assert!(Command::new("git").args(["init", "-q"]).arg(&folder).status().unwrap().success());
    let create = |path: &str| glab.run("notes", &[("GITLAB_HOST", &glab.host)], &["repo", "create", path]);
    check(&create("notes"), 0, &["alice/notes"]);
    check(&glab.out(&["repo", "list"]), 0, &["Showing 1 of 1 projects", "alice/notes"]);
    check(&create("notes"), 1, &["has already been taken"]);
    check(&create("demo/notes"), 1, &["namespace", "is not valid"]);
    check(&glab.out(&["repo", "delete", "alice/notes", "-y"]), 0, &[]);
    lab.commit("a.md", "one");
    check(&glab.out(&["repo", "fork", "demo/handbook", "--clone=false", "--remote=false"]), 0, &["alice/handbook"]);
    check(&glab.out(&["repo", "view", "alice/handbook"]), 0, &["alice / handbook"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn glab_reads_merge_requests_and_pipelines() {
    let lab = Lab::new().await;
    let Some(glab) = signed_in(&lab).await else { return };
    let made = tokio::task::block_in_place(|| seed::records(&lab.admin(), 2, 40)).unwrap();
    let environment = [("GITLAB_HOST", glab.host.as_str()), ("GITLAB_TOKEN", &made.token.secret)];
    let run = |arguments: &[&str]| glab.run("", &environment, &[arguments, &["-R", "acme/service-001"]].concat());
    check(&run(&["mr", "list"]), 0, &["open merge requests on acme/service-001", "(main) ← (topic-"]);
    check(&run(&["mr", "list", "--merged", "-P", "3"]), 0, &["Showing 3 merged merge requests"]);
    let all = run(&["mr", "list", "-A", "-F", "json", "-P", "7"]);
    assert_eq!(serde_json::from_str::<Value>(&all.text).unwrap().as_array().unwrap().len(), 7, "{}", all.text);
    check(&run(&["mr", "view", "1", "--comments"]), 0, &["author:", "number:\t1", "comments/notes"]);
    check(&run(&["mr", "approvers", "1"]), 0, &["eligible approvers", "All Members"]);
    check(&run(&["mr", "view", "999"]), 1, &["404"]);
    check(&run(&["ci", "list"]), 0, &["pipelines on acme/service-001", "(success)"]);
    check(&run(&["label", "list"]), 0, &["bug (#d9534f)"]);
}
