//! Every way a call can end without doing what was asked: one catalogue of codes, sentences and remedies.
//!
//! Decided here: which codes exist and what they mean to a person. Not decided here: which reply of GitLab leads to which code
//! (`gitlab::refusal`). The codes are a promise to products, which switch on them.

use std::fmt::{self, Display};

use crate::host::{FileError, SecretError, StateError};

macro_rules! catalogue {
    ($($variant:ident $code:literal $sentence:literal $remedy:literal)*) => {
        /// What went wrong, as products switch on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $sentence] $variant,)*
        }

        impl Code {
            /// All codes, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// What it means, without the details of one case.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)* }
            }

            /// What to do about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

catalogue! {
    TokenRejected "token-rejected"
        "GitLab rejected the token"
        "Create a token with scope api, check that it was copied whole and has not expired, and connect again."
    TokenExpired "token-expired"
        "GitLab rejected the token: it has expired"
        "Create or rotate the token in GitLab and connect again."
    TokenScope "token-scope"
        "The token lacks a scope or permission for this"
        "Use a token with scope api; for a fine-grained token, add the permission that the message names."
    TokenKindCannotCreate "token-kind-cannot-create"
        "This token can't create projects"
        "Create the project in GitLab and select it, or connect with a personal access token."
    RoleTooLow "role-too-low"
        "The token's user may not do this in the project"
        "Ask a maintainer of the project for the Developer role or higher."
    TierRequired "tier-required"
        "This needs a paid tier of GitLab"
        "Use the project's own settings instead, or upgrade the group."
    HostUnreachable "host-unreachable"
        "Can't reach the GitLab server"
        "Check the URL, that a firewall or outbound policy lets this host through, and, for a private certificate, the CA file of the grant."
    NotAGitlab "not-a-gitlab"
        "The server did not answer like a GitLab instance"
        "Check the URL: give the address of the GitLab instance itself, with its sub-path if it has one."
    VersionTooOld "version-too-old"
        "This GitLab is too old for that"
        "Upgrade GitLab; `about` lists the oldest version of each feature."
    ServerUnavailable "server-unavailable"
        "GitLab is there but could not answer"
        "Try again later; if it stays so, ask the administrator of the instance."
    RateLimited "rate-limited"
        "GitLab allows no more requests for now"
        "Wait as long as the error says, then call again."
    UnexpectedReply "unexpected-reply"
        "GitLab's answer could not be understood"
        "Run diagnose; if it stays so, report it with the message."
    ProjectNotFound "project-not-found"
        "The project is not there, or the token may not see it"
        "Check that the project exists and that the token's user is a member, then configure again."
    ProjectMoved "project-moved"
        "The project has moved"
        "Configure again and select the project at its new place."
    ProjectArchived "project-archived"
        "The project is archived and cannot be written"
        "Unarchive it in Settings → General, or select another project."
    ProjectPendingDeletion "project-pending-deletion"
        "The project is marked for deletion"
        "Restore it in Settings → General, or select another project."
    NameTaken "name-taken"
        "A project of this name exists already"
        "Select the existing project, or choose another name."
    RepositoryDisabled "repository-disabled"
        "The project has no repository the token may use"
        "Enable the repository in Settings → General → Visibility, or give the token's user a role that may read it."
    RepositoryEmpty "repository-empty"
        "The repository has no commit yet"
        "Push first: the first push makes the branch."
    RepositoryUnsupported "repository-unsupported"
        "The repository uses an object format that is not supported"
        "Use a repository with the sha1 object format."
    BranchMissing "branch-missing"
        "The branch does not exist"
        "Create the branch in GitLab, or configure another one."
    BranchProtected "branch-protected"
        "The branch is protected and the token may not push to it"
        "Grant access in Project → Settings → Repository → Protected branches, or configure another branch."
    BranchMoved "branch-moved"
        "The branch moved while it was written, and nothing was changed"
        "Call again: the next call plans anew."
    PushRule "push-rule"
        "GitLab refused the commit by a rule of the project"
        "Change what the rule names, or ask a maintainer of the project to allow it."
    Conflict "conflict"
        "Both sides changed the same files and the policy is not to go on"
        "Resolve the conflicts, then call again."
    ConflictUnknown "conflict-unknown"
        "There is no conflict of this id"
        "List the conflicts again: it may be resolved already."
    EditedSince "edited-since"
        "The file was edited after the conflict was found, and nothing else holds that edit"
        "Push it and choose then, or choose the content that is there now."
    NotMergeable "not-mergeable"
        "The lines of both sides cannot be put together"
        "Choose one side, or give the content."
    HistoryRewritten "history-rewritten"
        "The commit of the last sync is no longer in the branch"
        "Call again: the files are compared as they are now, and no edit is dropped."
    TooLarge "too-large"
        "Something is larger than one request may be"
        "Leave the file out with directories or patterns, or make it smaller."
    LfsPath "lfs-path"
        "The file is kept in Git LFS, which the API cannot update"
        "Update it with git, or leave it out with patterns."
    NotAFile "not-a-file"
        "It is a symbolic link or a submodule, which are not synced"
        "Put a file in its place, or leave it out with directories or patterns."
    NameClash "name-clash"
        "Another name is the same one on some platforms, or is a file where this one needs a folder"
        "Rename one of the two."
    PartialListing "partial-listing"
        "The list of files did not reach its end, so nothing was deleted or changed by it"
        "Call again."
    HookDisabled "hook-disabled"
        "GitLab has disabled the webhook after failed deliveries"
        "Check that the address can be reached, then send a test in Settings → Webhooks."
    HookSecret "hook-secret"
        "The webhook's secret in GitLab is not the one of this connection"
        "Paste the secret of this connection into the webhook in Settings → Webhooks."
    HookFailing "hook-failing"
        "The webhook's last delivery failed"
        "Check that the webhook's URL is right and can be reached from GitLab, then send a test in Settings → Webhooks."
    HookMissing "hook-missing"
        "The webhook is not there"
        "Add it in Settings → Webhooks with the URL, the secret and Push events."
    HookChanged "hook-changed"
        "The webhook in GitLab is not as it should be"
        "Repair the webhook: in mode auto it is done by itself, else change in Settings → Webhooks what the message names."
    HookLimit "hook-limit"
        "The project or group has as many webhooks as GitLab allows"
        "Delete a webhook that is no longer needed under Settings → Webhooks, then repair the webhook."
    HookUrl "hook-url"
        "GitLab refuses the webhook's URL"
        "Give a public address; an administrator of GitLab can allow local ones under Settings → Network → Outbound requests."
    OwnershipClash "ownership-clash"
        "Another installation already writes this project and branch"
        "Nothing was lost: take over if the other one is to stop, or use another branch, other directories or a profile that only reads."
    MassDeleteBrake "mass-delete-brake"
        "Far more files would be deleted than usual, so nothing was done"
        "Look at the plan; if the deletions are meant, call again with them approved."
    PlanOutdated "plan-outdated"
        "Something moved since the plan was made, and nothing was done"
        "Plan again."
    NotConfigured "not-configured"
        "It is not yet configured what to sync"
        "Call configure with a project first."
    SettingsDamaged "settings-damaged"
        "What was chosen for this connection cannot be read"
        "Call configure again; files and conflicts stay as they are."
    InvalidSettings "invalid-settings"
        "The settings are not valid"
        "Change what the message names."
    UnsafePath "unsafe-path"
        "A file's path cannot be used on this workspace"
        "Rename the file."
    WorkspaceChanged "workspace-changed"
        "The workspace changed while it was synced; what was finished is kept"
        "Call again."
    WorkspaceFailed "workspace-failed"
        "The workspace's storage failed"
        "Look at the storage, then call again."
    StateFailed "state-failed"
        "The connection's own notes could not be read or written"
        "Look at the storage, then call again."
    StateChanged "state-changed"
        "Another call of this connection finished in between"
        "Call again."
    SecretMissing "secret-missing"
        "A secret of the connection is not there"
        "Connect or create the webhook secret again."
    SecretFailed "secret-failed"
        "The vault failed"
        "Look at the vault's storage and key, then call again."
    BudgetExhausted "budget-exhausted"
        "A limit of the host for one call struck"
        "Call again to go on, or raise the limit in the grant."
    Denied "denied"
        "The host did not allow it"
        "Add what the message names to the grant of this connection, or ask who runs the host."
}

/// Why a call did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What to switch on.
    pub code: Code,
    /// What happened in this case.
    pub message: String,
    /// How long to wait, where the server said so.
    pub retry_after_ms: Option<u64>,
}

impl Error {
    /// With the details of this case.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after_ms: None }
    }

    /// The catalogue's sentence and what is particular to this case.
    pub fn because(code: Code, detail: &str) -> Self {
        Self::new(code, format!("{}: {detail}", code.sentence()))
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self::new(code, code.sentence())
    }
}

impl Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Changed(paths) => Self::because(Code::WorkspaceChanged, &some_of(&paths)),
            FileError::Unsafe(path, reason) => Self::because(Code::UnsafePath, &format!("`{path}`: {reason}")),
            FileError::NotFound(path) => Self::because(Code::WorkspaceChanged, &format!("`{path}` is gone")),
            FileError::TooLarge(limit) => {
                Self::because(Code::TooLarge, &format!("the host lends {limit} bytes of files in one call"))
            }
            FileError::Denied(reason) => Self::because(Code::Denied, &reason),
            FileError::Storage(reason) => Self::because(Code::WorkspaceFailed, &reason),
        }
    }
}

impl From<StateError> for Error {
    fn from(error: StateError) -> Self {
        match error {
            StateError::Changed(_) => Code::StateChanged.into(),
            StateError::Invalid(reason) | StateError::Storage(reason) => Self::because(Code::StateFailed, &reason),
        }
    }
}

impl From<SecretError> for Error {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Denied(reason) => Self::because(Code::Denied, &reason),
            SecretError::Empty(slot) => Self::because(Code::SecretMissing, &format!("slot `{slot}` is empty")),
            SecretError::Exhausted => Code::BudgetExhausted.into(),
            SecretError::NotAKey(reason) | SecretError::Storage(reason) => Self::because(Code::SecretFailed, &reason),
        }
    }
}

/// The first three, and how many more there are.
pub(crate) fn some_of(paths: &[String]) -> String {
    let shown: Vec<String> = paths.iter().take(3).map(|path| format!("`{path}`")).collect();
    match paths.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_code_is_named_once_and_has_a_sentence_and_a_remedy() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(!code.sentence().ends_with('.'), "{code:?}");
            assert!(code.remedy().ends_with('.'), "{code:?}");
        }
    }

    /// Of the catalogue that the design names, in its order.
    #[test]
    fn the_codes_that_every_product_needs_are_there() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        let needed = "token-rejected token-expired token-scope token-kind-cannot-create role-too-low tier-required \
                      host-unreachable not-a-gitlab project-not-found project-moved project-archived \
                      repository-disabled repository-empty branch-missing branch-protected push-rule conflict \
                      history-rewritten too-large lfs-path rate-limited partial-listing hook-disabled hook-missing \
                      ownership-clash mass-delete-brake budget-exhausted denied";
        let missing: Vec<&str> = needed.split_whitespace().filter(|name| !names.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// A code that nothing says would be a promise to products that is never kept.
    #[test]
    fn every_code_can_occur() {
        let mut sources = String::new();
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = std::fs::read_to_string(path).unwrap();
                    sources += text.split("#[cfg(test)]").next().unwrap();
                }
            }
        }
        let said: BTreeSet<&str> = sources
            .split("Code::")
            .skip(1)
            .filter_map(|rest| rest.split(|letter: char| !letter.is_alphanumeric()).next())
            .collect();
        for code in Code::ALL {
            assert!(said.contains(format!("{code:?}").as_str()), "{code:?}");
        }
    }

    #[test]
    fn the_sentences_that_were_promised_are_word_for_word() {
        assert_eq!(Code::TokenRejected.sentence(), "GitLab rejected the token");
        assert_eq!(Code::TokenKindCannotCreate.sentence(), "This token can't create projects");
        assert!(Code::BranchProtected.remedy().contains("Project → Settings → Repository → Protected branches"));
    }
}
