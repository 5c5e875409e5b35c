//! What changed between a known commit and a branch, by path. Costs what changed, where a listing costs what is there.
//!
//! GitLab cuts large comparisons short and says so; then, and wherever anything is not as expected, there is no answer here and
//! the caller lists the files instead. Two points are compared (`straight`): from the merge base on, a rewritten history would
//! look as if it had only added.

use super::client::Client;
use super::commit::Commit;
use crate::json;
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

#[derive(Default)]
struct Wire {
    commit: Option<Tip>,
    commits: Vec<Commit>,
    diffs: Vec<Diff>,
    compare_timeout: bool,
    compare_same_ref: bool,
}

#[derive(Default)]
struct Tip {
    id: String,
}

#[derive(Default)]
struct Diff {
    old_path: String,
    new_path: String,
    renamed_file: bool,
    deleted_file: bool,
}

json::object!(Wire { diffs, compare_timeout; commit, commits, compare_same_ref });
json::object!(Tip { id; });
json::object!(Diff { old_path, new_path; renamed_file, deleted_file });

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
