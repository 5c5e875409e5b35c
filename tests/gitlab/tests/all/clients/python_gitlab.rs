//! python-gitlab, in a virtual environment of its own. Each script under `python/` is one area; it asserts by itself and says
//! at its end that it is content.

use std::path::{Path, PathBuf};
use std::process::Command;

use gitlab_sim::{
    AccessLevel, Action, Canned, CommitSpec, Effect, Fault, ProjectSpec, Source, TokenSpec, UserSpec, When, seed,
};
use jiff::ToSpan;
use serde_json::{Value, json};

use super::{Ran, installed, or_skip, step};
use crate::receiver::Receiver;
use crate::support::Lab;

const VERSION: &str = "6.5.0";

/// A Python with python-gitlab in it, or why there is none.
fn python() -> Result<PathBuf, String> {
    let folder = installed(&format!("python-gitlab-{VERSION}"), |folder| {
        step(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let package = format!("python-gitlab[graphql]=={VERSION}");
        let quick = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "20"];
        step(Command::new(folder.join("bin/python")).args(["-m", "pip", "install"]).args(quick).arg(package))
    })?;
    Ok(folder.join("bin/python"))
}

fn client() -> Option<PathBuf> {
    or_skip("python-gitlab", tokio::task::block_in_place(python))
}

/// Runs a script with what it has to know.
fn run(python: &Path, lab: &Lab, script: &str, more: &Value) {
    let mut told = json!({ "url": lab.gitlab.url(), "token": lab.token, "project": lab.project });
    told.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let ran = Ran::of(Command::new(python).args(["-W", "ignore", "-c", script]).arg(told.to_string()));
    assert!(ran.code == 0 && ran.text.contains("is content"), "{}", ran.text);
}

async fn lab() -> Lab {
    Lab::with(gitlab_sim::Settings::default(), "/gitlab").await
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_works_with_a_repository() {
    let Some(python) = client() else { return };
    let lab = lab().await;
    let id = git2::Oid::from_str(&"1".repeat(40)).unwrap();
    let first = CommitSpec::on("main", "first").action(Action::Submodule { path: "vendor/lib".into(), id });
    lab.admin().commit(lab.project, first).unwrap();
    run(&python, &lab, include_str!("python/repository.py"), &json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_manages_people_groups_and_tokens() {
    let Some(python) = client() else { return };
    let lab = lab().await;
    let admin = lab.admin();
    admin.create_user(UserSpec::person("bob"));
    let root = admin.create_user(UserSpec::administrator("root")).id;
    let token = |scopes: &[&str]| admin.create_token(TokenSpec::personal(root, scopes)).secret;
    let (root, sudo, oauth) = (token(&["api"]), token(&["api", "sudo"]), lab.oauth_token(&["api"]));
    let later = admin.app().clock.today().checked_add(30.days()).unwrap().to_string();
    let more = json!({ "root": root, "sudo": sudo, "oauth": oauth, "later": later });
    run(&python, &lab, include_str!("python/identity.py"), &more);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_finds_hooks_and_records_as_it_knows_them() {
    let Some(python) = client() else { return };
    let lab = lab().await;
    let admin = lab.admin();
    admin.commit(lab.project, CommitSpec::on("main", "first").create("a.md", "a")).unwrap();
    let group = admin.create_group("demo", gitlab_sim::Visibility::Private);
    admin.add_member(Source::Group(group), lab.alice, AccessLevel::Owner);
    let made = seed::records(&admin, 2, 60).unwrap();
    let receiver = Receiver::new().await;
    let more = json!({ "receiver": receiver.url, "records": made.token.secret });
    run(&python, &lab, include_str!("python/records.py"), &more);
    assert_eq!(receiver.received()[0].header("x-own"), Some("v"));
}

#[tokio::test(flavor = "multi_thread")]
async fn python_gitlab_turns_pages_waits_and_asks_in_graphql() {
    let Some(python) = client() else { return };
    let lab = lab().await;
    let admin = lab.admin();
    for n in 0..24 {
        admin.create_project(&ProjectSpec::at(&format!("many/p{n}")).public()).unwrap();
    }
    let slow_down = || Effect::Answer(Canned::html(429).retry_after(1));
    admin.fault(Fault::on("GET", "/api/v4/version", slow_down()).when(When::Nth(1)));
    admin.fault(Fault::on("GET", "/api/v4/metadata", slow_down()).when(When::Nth(1)));
    admin.fault(Fault::on("GET", "/api/v4/user", Effect::Answer(Canned::html(502))).when(When::Nth(1)));
    run(&python, &lab, include_str!("python/trouble.py"), &json!({ "count": 25 }));
    let asked = |path: &str| admin.log().entries().iter().filter(|entry| entry.path.ends_with(path)).count();
    assert_eq!((asked("/version"), asked("/metadata"), asked("/user")), (2, 1, 2));
}
