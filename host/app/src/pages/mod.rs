//! The connector's answers as pages for people. With `--json` the answers themselves are printed instead.

pub(crate) mod account;
pub(crate) mod changes;
pub(crate) mod conflicts;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod projects;
pub(crate) mod time;
pub(crate) mod users;
pub(crate) mod webhook;

/// `1 file`, `2 files`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// The first letters of a commit's id, as GitLab shows it.
pub(crate) fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}
