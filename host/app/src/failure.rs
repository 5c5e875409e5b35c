//! How a command ends badly: one sentence, its causes, and what to do about it.
//!
//! Every error of the library becomes a `Failure` here, with its exit status. The hint is never part of the sentence.

use crate::operations::Trouble;
use crate::store::DatabaseError;
use gitlab_sync_host::about::AboutError;
use gitlab_sync_host::audit::AuditError;
use gitlab_sync_host::connection::{ConnectionError, OpenError};
use gitlab_sync_host::engine::EngineError;
use gitlab_sync_host::files::directory;
use gitlab_sync_host::load::LoadError;
use gitlab_sync_host::secrets::secret::RandomError;
use gitlab_sync_host::secrets::vault::VaultError;
use gitlab_sync_host::sync::Step;
use serde::Serialize;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done,
    /// It could not be done.
    Failed,
    /// An argument is missing that nobody can be asked for.
    Misused,
    /// A policy said no, or something lies outside the contract.
    Refused,
    /// Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

impl Exit {
    /// The number that a shell sees. 2 is clap's too, for wrong arguments.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Misused => 2,
            Self::Refused => 3,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    exit: Exit,
    /// Of the connector's catalogue, for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
    /// Calls that had come to their end before.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    done: Box<[Step]>,
}

impl Failure {
    /// A sentence in lower case without full stop, as in the library.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            code: None,
            message: message.into(),
            causes: vec![],
            hints: vec![],
            done: Box::default(),
        }
    }

    /// Ctrl-C: whatever was finished stays, and the same command goes on from there.
    pub(crate) fn interrupted() -> Self {
        Self::new("interrupted").hint("nothing is half done; run it again to go on").ending(Exit::Interrupted)
    }

    /// From an error: its sentence and those of its causes.
    pub(crate) fn of(error: &dyn Error) -> Self {
        Self::new(error.to_string()).because(error)
    }

    /// Adds the causes of an error whose own sentence is already told.
    pub(crate) fn because(mut self, error: &dyn Error) -> Self {
        let mut cause = error.source();
        while let Some(error) = cause {
            self.causes.push(error.to_string());
            cause = error.source();
        }
        self
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(as_option(hint.into()));
        self
    }

    /// The only thing to do about it.
    pub(crate) fn instead(mut self, hint: &str) -> Self {
        self.hints.clear();
        self.hint(hint)
    }

    /// Adds a hint of the library, if it has one.
    pub(crate) fn hints_of(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint.map(as_option));
        self
    }

    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// What was done stays, and is told before the failure.
    pub(crate) fn after(mut self, done: Vec<Step>) -> Self {
        self.done = done.into();
        self
    }

    /// Puts the file that it is about before the sentence.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.message = format!("`{}`: {}", path.display(), self.message);
        self
    }

    /// The same as one of the connector's.
    pub(crate) fn coded(mut self, code: &str) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Of the connector's catalogue.
    pub(crate) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The last cause, which is the most exact.
    pub(crate) fn innermost(&self) -> &str {
        self.causes.last().unwrap_or(&self.message)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn done(&self) -> &[Step] {
        &self.done
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

/// Lines of a grant, when to write them, and the options of `connect` that do. The library speaks of lines, because it knows no
/// command line; here there is no file to write them to.
const OPTIONS: [(&str, &str, &str); 5] = [
    ("`private-addresses = [\"", "if this is your server", "--private-address"),
    ("`plain-text = true`", "if the token may cross the network in the clear", "--plain-text"),
    ("`ca-pem", "if the server has a certificate of your own authority", "--ca-file FILE"),
    ("`proxy = ", "to go through a proxy", "--proxy http://proxy.example.com:3128"),
    ("`approved = ", "read what it wants with `gitlab-sync inspect`, and to approve it, connect again", ""),
];

/// When a line of a grant that a hint speaks of should be written, and the option of `connect` that does.
pub(crate) fn option(hint: &str) -> Option<(&'static str, String)> {
    let (line, when, option) = OPTIONS.iter().find(|(line, _, _)| hint.contains(line))?;
    let value = match *option {
        "--private-address" => hint.split_once(line).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default(),
        _ => "",
    };
    Some((when, format!("{option} {value}").trim_end().to_owned()))
}

/// The option instead of the line. Never a whole command: without the address that was typed, it would mean gitlab.com.
fn as_option(hint: String) -> String {
    match option(&hint) {
        Some((when, option)) if option.is_empty() => when.to_owned(),
        Some((when, option)) => format!("{when}, connect with `{option}`"),
        None => GRANTED.iter().fold(hint, |hint, (grant, typed)| hint.replace(grant, typed)),
    }
}

/// What was typed stands in the grant, which nobody has seen here.
const GRANTED: [(&str, &str); 3] = [
    ("the host name in `origin` of the grant", "the host name in the address"),
    (
        "no grant can allow it under this profile; another profile may want it, see `inspect`",
        "if it is to be allowed, connect again with another profile, such as `--profile files-read-write`",
    ),
    ("`proxy` under `[network]` of the grant", "the address given with `--proxy`"),
];

/// Codes of the connector that say that a rule held, not that something broke.
const REFUSALS: [&str; 3] = ["denied", "mass-delete-brake", "ownership-clash"];

/// What the connector calls by its functions' names is a command here, so these are told instead of its remedies.
const REMEDIES: [(&str, &str); 11] = [
    (
        "push-rule",
        "change what the rule names: the file, or the message with `--message` or `configure --message-template`; or ask a maintainer of the project to allow it",
    ),
    (
        "state-failed",
        "see that the disk of the home folder is well, then try again; what is damaged goes with `gitlab-sync disconnect`, and files stay",
    ),
    (
        "host-unreachable",
        "check the address, and that a firewall or outbound policy lets this host through; for a private certificate, connect with `--ca-file FILE`",
    ),
    (
        "settings-damaged",
        "choose it anew: `gitlab-sync configure --project PROJECT`; the next sync compares all files, and no file or conflict is lost",
    ),
    ("not-configured", "choose what to sync: `gitlab-sync configure --project PROJECT`"),
    ("plan-outdated", "see what is to be done now: `gitlab-sync plan`"),
    ("edited-since", "push it and choose then; or keep what is there now: give it with `--file`"),
    ("not-mergeable", "choose `--ours` or `--theirs`, or give the content with `--file`"),
    ("conflict-unknown", "it may be resolved already; what waits: `gitlab-sync conflicts`"),
    (
        "mass-delete-brake",
        "look at it with `gitlab-sync plan`; if the deletions are meant, call again with `--approve-deletions`; if the files are gone by mistake, put them back, or disconnect and connect again: the first sync brings them from the other side",
    ),
    (
        "ownership-clash",
        "nothing was lost; if the other one is gone or is to stop: `gitlab-sync configure --take-over`",
    ),
];

/// What to do about one of the connector's codes, where a command line has better words than the connector's remedy.
pub(crate) fn remedy(code: &str) -> Option<&'static str> {
    REMEDIES.iter().find(|(known, _)| *known == code).map(|(_, remedy)| *remedy)
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Call(error) => error.into(),
            Trouble::Open(error) => error.into(),
            Trouble::About(error) => error.into(),
            Trouble::Folder(error) => error.into(),
            Trouble::Files(error) => Self::of(&error),
            Trouble::Store(error) => error.into(),
            Trouble::Vault(error) => error.into(),
            Trouble::Audit(error) => error.into(),
            Trouble::Random(error) => error.into(),
            Trouble::Busy => Self::of(&trouble).hint("wait for it or end it, and run this again"),
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        let ConnectionError::Refused(refusal) = error else {
            return Self::of(&error).hint(error.hint());
        };
        let mut failure = Self::new(refusal.message);
        // What the host refused names the option, and the connector's own remedy no more than that there is one.
        let names_all = refusal.code == "denied" && !refusal.denials.is_empty();
        let is_told = names_all || refusal.denials.iter().any(|denial| option(denial).is_some());
        // A name that nobody knows, or a proxy that is not there, is no policy's no.
        let is_policy = is_told || refusal.code != "host-unreachable" && !refusal.denials.is_empty();
        let refused = REFUSALS.contains(&refusal.code.as_str()) || is_policy;
        failure = refusal.denials.into_iter().fold(failure, Self::hint);
        if !is_told {
            failure = failure.hint(remedy(&refusal.code).map_or(refusal.remedy, String::from));
        }
        failure.code = Some(refusal.code);
        let wait = refusal.retry_after_ms.map(|wait| format!("it can succeed again in {} s", wait.div_ceil(1000)));
        failure.hints_of(wait).ending(if refused { Exit::Refused } else { Exit::Failed })
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::of(&error).hint(error.hint()).ending(Exit::Refused)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = match error {
            LoadError::Foreign(_) | LoadError::MissingExport(_) | LoadError::Unusual(_) | LoadError::Digest { .. } => {
                Exit::Refused
            }
            _ => Exit::Failed,
        };
        Self { exit, ..Self::of(&error).hint(error.hint()) }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::of(&error).hint(error.hint())
    }
}

impl From<AboutError> for Failure {
    fn from(error: AboutError) -> Self {
        Self::of(&error).hint(error.hint())
    }
}

impl From<DatabaseError> for Failure {
    fn from(error: DatabaseError) -> Self {
        Self::of(&error).hints_of(error.hint())
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::of(&error).hints_of(error.hint())
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        Self::of(&error).hint("nothing is done that cannot be written down; see that the file can be written")
    }
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        Self::of(&error)
    }
}

impl From<directory::OpenError> for Failure {
    fn from(error: directory::OpenError) -> Self {
        Self::of(&error).hint("bring the folder back, or mount its disk: nothing counts as deleted meanwhile")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_grant_is_told_as_the_option_that_writes_it() {
        let table = [
            (
                "add `private-addresses = [\"10.0.0.7/32:443\"]` to it",
                "if this is your server, connect with `--private-address 10.0.0.7/32:443`",
            ),
            (
                "or add `plain-text = true` under it",
                "if the token may cross the network in the clear, connect with `--plain-text`",
            ),
            (
                "to approve this one write `approved = \"sha256:1\"`",
                "read what it wants with `gitlab-sync inspect`, and to approve it, connect again",
            ),
            (
                "no such name; check the host name in `origin` of the grant",
                "no such name; check the host name in the address",
            ),
            ("wait", "wait"),
        ];
        for (hint, expected) in table {
            assert_eq!(Failure::new("no").hint(hint).hints(), [expected]);
        }
    }

    #[test]
    fn causes_are_told_once_each() {
        let source = std::io::Error::other("the disk is gone");
        let error = AuditError { path: "trail".into(), source };
        let failure = Failure::from(error);
        assert_eq!(
            (failure.message(), failure.causes()),
            ("cannot write the audit trail `trail`", &["the disk is gone".to_owned()][..])
        );
    }
}
