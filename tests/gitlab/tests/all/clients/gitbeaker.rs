//! `@gitbeaker/rest`, the client of JavaScript, in Node.

use gitlab_sim::CommitSpec;
use jiff::ToSpan;
use serde_json::json;

use super::{npm, or_skip};
use crate::support::Lab;

const VERSION: &str = "43.8.0";

#[tokio::test(flavor = "multi_thread")]
async fn gitbeaker_cannot_tell_the_difference() {
    let Some(folder) = or_skip("gitbeaker", tokio::task::block_in_place(|| npm::package("@gitbeaker/rest", VERSION)))
    else {
        return;
    };
    let lab = Lab::with(gitlab_sim::Settings::default(), "/gitlab").await;
    lab.admin().commit(lab.project, CommitSpec::on("main", "first").create("a.md", "a")).unwrap();
    let later = lab.admin().app().clock.today().checked_add(30.days()).unwrap().to_string();
    let told = json!({ "url": lab.gitlab.url(), "token": lab.token, "project": lab.project, "later": later });
    let ran = npm::node(&folder, include_str!("gitbeaker.mjs"), &told);
    assert!(ran.code == 0 && ran.text.contains("is content"), "{}", ran.text);
}
