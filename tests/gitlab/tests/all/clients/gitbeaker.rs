//! `@gitbeaker/rest`, the client of JavaScript, in Node.

use std::path::PathBuf;
use std::process::Command;

use gitlab_sim::CommitSpec;
use jiff::ToSpan;
use serde_json::json;

use super::{Ran, installed, on_path, or_skip, step};
use crate::support::Lab;

const VERSION: &str = "43.8.0";

/// A folder with the package in it.
fn package() -> Result<PathBuf, String> {
    on_path("node").ok_or("`node` is not on PATH")?;
    installed(&format!("gitbeaker-{VERSION}"), |folder| {
        let quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=20000"];
        let mut npm = Command::new("npm");
        npm.arg("install").args(quiet).arg("--prefix").arg(folder).arg(format!("@gitbeaker/rest@{VERSION}"));
        step(&mut npm)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn gitbeaker_cannot_tell_the_difference() {
    let Some(folder) = or_skip("gitbeaker", tokio::task::block_in_place(package)) else { return };
    let lab = Lab::with(gitlab_sim::Settings::default(), "/gitlab").await;
    lab.admin().commit(lab.project, CommitSpec::on("main", "first").create("a.md", "a")).unwrap();
    // Node looks for packages beside the script.
    std::fs::write(folder.join("script.mjs"), include_str!("gitbeaker.mjs")).unwrap();
    let later = lab.admin().app().clock.today().checked_add(30.days()).unwrap().to_string();
    let told = json!({ "url": lab.gitlab.url(), "token": lab.token, "project": lab.project, "later": later });
    let ran = Ran::of(Command::new("node").arg(folder.join("script.mjs")).arg(told.to_string()));
    assert!(ran.code == 0 && ran.text.contains("is content"), "{}", ran.text);
}
