//! What changed between a known commit and a branch, by path. Costs what changed, where a listing costs what is there.
//!
//! GitLab cuts large comparisons short and says so; then, and wherever anything is not as expected, there is no answer here and
//! the caller lists the files instead. Two points are compared (`straight`): from the merge base on, a rewritten history would
//! look as if it had only added.

use serde::Deserialize;

use super::client::Client;
use super::commit::Commit;
use crate::request::Target;

/// A complete comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The branch is at that commit.
    Same,
    /// The branch is at another one.
    Moved {
        /// Where.
        head: String,
        /// Paths that are there and may be new or different.
        present: Vec<String>,
        /// Paths that are there no more.
        gone: Vec<String>,
        /// The commits in between that an installation of ours made, the oldest first.
        marked: Vec<Commit>,
    },
}

#[derive(Deserialize)]
struct Wire {
    commit: Option<Tip>,
    #[serde(default)]
    commits: Vec<Commit>,
    diffs: Vec<Diff>,
    compare_timeout: bool,
    #[serde(default)]
    compare_same_ref: bool,
}

#[derive(Deserialize)]
struct Tip {
    id: String,
}

#[derive(Deserialize)]
struct Diff {
    old_path: String,
    new_path: String,
    #[serde(default)]
    renamed_file: bool,
    #[serde(default)]
    deleted_file: bool,
}

/// The request.
pub fn target(project: u64, from: &str, branch: &str) -> Target {
    let target = Target::project(project, "repository/compare");
    target.query("from", from).query("to", branch).query("straight", "true")
}

/// None: it is not known; list the files instead.
pub fn compare(client: &Client<'_>, project: u64, from: &str, branch: &str) -> Option<Comparison> {
    let wire: Wire = client.read(target(project, from, branch)).ok()?;
    if wire.compare_timeout {
        return None;
    }
    let Some(tip) = wire.commit else {
        // Without commits in between, the branch is either at the commit or was taken back to an older one.
        return (wire.compare_same_ref && wire.diffs.is_empty()).then_some(Comparison::Same);
    };
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for diff in wire.diffs {
        if diff.deleted_file || diff.renamed_file {
            gone.push(diff.old_path);
        }
        if !diff.deleted_file {
            present.push(diff.new_path);
        }
    }
    let marked = wire.commits.into_iter().filter(|commit| commit.owner(project, branch).is_some()).collect();
    Some(Comparison::Moved { head: tip.id, present, gone, marked })
}
