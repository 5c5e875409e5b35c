//! `git lfs` against the batch API: contents that are pushed are beside the repository, and a clone gets them.

use std::path::{Path, PathBuf};
use std::process::Command;

use gitlab_sim::{AccessLevel, Source, TokenSpec, UserSpec};
use serde_json::json;

use super::{Ran, debian, or_skip};
use crate::support::Lab;

/// git that finds git-lfs, with a home that has its filters.
struct Person {
    home: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl Person {
    fn new(program: &Path) -> Self {
        let own = program.parent().unwrap().to_owned();
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&rest))).unwrap();
        let person = Self { home: tempfile::tempdir().unwrap(), path };
        std::fs::write(person.home.path().join(".gitconfig"), "[user]\n\tname = A\n\temail = a@example.test\n")
            .unwrap();
        person.done("", &["lfs", "install"]);
        person
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> Ran {
        let mut git = Command::new("git");
        git.current_dir(self.home.path().join(folder)).args(arguments).env_clear().env("PATH", &self.path);
        Ran::of(git.env("HOME", self.home.path()).env("GIT_TERMINAL_PROMPT", "0"))
    }

    fn done(&self, folder: &str, arguments: &[&str]) {
        let ran = self.git(folder, arguments);
        assert_eq!(ran.code, 0, "git {arguments:?}: {}", ran.text);
    }

    fn file(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }
}

fn address(lab: &Lab, login: &str, token: &str) -> String {
    format!("{}/demo/handbook.git", lab.gitlab.url().replace("://", &format!("://{login}:{token}@")))
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_travel_beside_the_repository() {
    let Some(program) = or_skip("git-lfs", tokio::task::block_in_place(|| debian::program("git-lfs"))) else { return };
    let lab = Lab::with(gitlab_sim::Settings::default(), "/gitlab").await;
    lab.commit("README.md", "# Here\n");
    let person = Person::new(&program);
    let remote = address(&lab, "oauth2", &lab.token);
    person.done("", &["clone", "-q", &remote, "work"]);
    person.done("work", &["lfs", "track", "*.bin"]);
    let content: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    std::fs::write(person.file("work/big.bin"), &content).unwrap();
    person.done("work", &["add", "."]);
    person.done("work", &["commit", "-q", "-m", "A large file"]);
    person.done("work", &["push", "-q", "origin", "main"]);

    let pointer = lab.get(&lab.at("/repository/files/big.bin/raw?ref=main")).await.text();
    assert!(pointer.starts_with("version https://git-lfs.github.com/spec/v1\n"), "{pointer}");
    let raw = lab.get(&lab.at("/repository/files/big.bin/raw?ref=main&lfs=true")).await;
    assert_eq!(raw.body.as_ref(), content.as_slice());

    // A deploy token reads them too.
    let wanted = json!({ "name": "d", "scopes": ["read_repository"] });
    let made = lab.call("POST", &lab.at("/deploy_tokens"), wanted).await.json();
    let (login, secret) = (made["username"].as_str().unwrap(), made["token"].as_str().unwrap());
    person.done("", &["clone", "-q", &address(&lab, &login.replace('+', "%2B"), secret), "again"]);
    assert_eq!(std::fs::read(person.file("again/big.bin")).unwrap(), content);

    // Who may not push may not upload either.
    let guest = lab.admin().create_user(UserSpec::person("gus")).id;
    lab.admin().add_member(Source::Project(lab.project), guest, AccessLevel::Reporter);
    let weak = lab.admin().create_token(TokenSpec::personal(guest, &["api"])).secret;
    std::fs::write(person.file("work/other.bin"), "other").unwrap();
    person.done("work", &["add", "."]);
    person.done("work", &["commit", "-q", "-m", "Another"]);
    // A pointer alone is not enough.
    let alone = person.git("work", &["push", "--no-verify", "origin", "main"]);
    assert!(alone.code != 0 && alone.text.contains("GitLab: LFS objects are missing."), "{}", alone.text);
    let refused = person.git("work", &["lfs", "push", &address(&lab, "gus", &weak), "main"]);
    assert!(
        refused.code != 0 && refused.text.contains("Access forbidden. Check your access level."),
        "{}",
        refused.text
    );
}
