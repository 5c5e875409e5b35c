//! Push rules: what a project asks of every commit that is pushed.

use jiff::Timestamp;
use regex::Regex;
use serde::{Deserialize, Serialize};

/// The setting of a project that has pushed contents searched for secrets.
pub const SECRET_PROTECTION: &str = "secret_push_protection_enabled";

/// The rule of one project.
#[derive(Debug, Clone)]
pub struct PushRule {
    /// Numeric id.
    pub id: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it asks for.
    pub terms: Terms,
}

/// What a rule asks for; empty and zero ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terms {
    /// Of every message.
    pub commit_message_regex: String,
    /// Of no message.
    pub commit_message_negative_regex: String,
    /// Of every branch but the default one.
    pub branch_name_regex: String,
    /// Of the author's and the committer's address.
    pub author_email_regex: String,
    /// Of no new file's path.
    pub file_name_regex: String,
    /// Of a file, in MiB.
    pub max_file_size: u64,
    /// Whether names that secrets have are refused.
    pub prevent_secrets: bool,
    /// Whether authors have to be known.
    pub member_check: bool,
    /// Whether the committer's address is one of the pusher's.
    pub commit_committer_check: bool,
    /// Whether the author's name is the pusher's.
    pub commit_committer_name_check: bool,
    /// Whether no tag is deleted by a push.
    pub deny_delete_tag: bool,
    /// Whether pushed commits are signed.
    pub reject_unsigned_commits: bool,
    /// Whether every message is signed off.
    pub reject_non_dco_commits: bool,
}

impl Terms {
    /// The patterns by the names of their fields.
    pub fn patterns(&self) -> [(&'static str, &str); 5] {
        [
            ("commit_message_regex", &self.commit_message_regex),
            ("commit_message_negative_regex", &self.commit_message_negative_regex),
            ("branch_name_regex", &self.branch_name_regex),
            ("author_email_regex", &self.author_email_regex),
            ("file_name_regex", &self.file_name_regex),
        ]
    }

    /// The first pattern that is none: its field, and why.
    pub fn broken_pattern(&self) -> Option<(&'static str, String)> {
        let why = |pattern: &str| {
            Regex::new(pattern).err().map(|error| match error {
                regex::Error::Syntax(text) => {
                    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
                }
                other => other.to_string(),
            })
        };
        self.patterns().into_iter().find_map(|(field, pattern)| Some((field, why(pattern)?)))
    }
}
