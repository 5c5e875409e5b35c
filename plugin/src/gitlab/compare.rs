//! What changed between a known commit and a branch, by path. Costs what changed, where a listing costs what is there.
//!
//! GitLab cuts large comparisons short and says so; then, and wherever anything is not as expected, the caller lists the files instead.
//! Two points are compared (`straight`): from the merge base on, a rewritten history would look as if it had only added.
//!
//! The commits in between are told whole even then. If the branch follows from the known commit, that is the parent of one of them.

use super::client::Client;
use super::commit::Commit;
use crate::error::Code;
use crate::history::History;
use crate::json;
use crate::request::Target;

/// What has become of the branch.
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
        /// Whether it follows from that commit.
        history: History,
    },
    /// It is at another one, and what is different must be found out by listing the files.
    Unlisted(History),
}

impl Comparison {
    /// Whether the branch follows from the known commit.
    pub fn history(&self) -> History {
        match self {
            Self::Same => History::Continued,
            Self::Moved { history, .. } | Self::Unlisted(history) => *history,
        }
    }
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

/// None: nothing is known of it; list the files instead.
pub fn compare(client: &Client<'_>, project: u64, from: &str, branch: &str) -> Option<Comparison> {
    let wire: Wire = match client.read(target(project, from, branch)) {
        Ok(wire) => wire,
        // GitLab clears away in time what no branch has.
        Err(error) if error.code == Code::HistoryRewritten => return Some(Comparison::Unlisted(History::Rewritten)),
        Err(_) => return None,
    };
    let Some(tip) = wire.commit else {
        // Without commits in between, the branch is either at the commit or was taken back to an older one.
        let is_same = wire.compare_same_ref && wire.diffs.is_empty() && !wire.compare_timeout;
        return Some(if is_same { Comparison::Same } else { Comparison::Unlisted(History::Rewritten) });
    };
    let follows = wire.commits.iter().any(|commit| commit.parent_ids.iter().any(|parent| parent == from));
    let history = if follows { History::Continued } else { History::Rewritten };
    if wire.compare_timeout {
        return Some(Comparison::Unlisted(history));
    }
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
    Some(Comparison::Moved { head: tip.id, present, gone, marked, history })
}
