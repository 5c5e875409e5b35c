//! How a command ends badly: one sentence, its causes, and what to do about it.
//!
//! Every error of the library becomes a `Failure` here, with its exit status. The hint is never part of the sentence.

use gitlab_sync_host::load::LoadError;
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
    /// A policy said no, or something lies outside the contract.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.status())
    }
}

impl Exit {
    /// The number that a shell sees. 2 is clap's, for wrong arguments.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Refused => 3,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    #[serde(skip)]
    exit: Exit,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

impl Failure {
    /// A sentence in lower case without full stop, as in the library.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), causes: vec![], hints: vec![] }
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
        self.hints.push(hint.into());
        self
    }

    /// Adds a hint of the library, if it has one.
    pub(crate) fn hints_of(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    pub(crate) fn ending(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Puts the file that it is about before the sentence.
    pub(crate) fn about(mut self, path: &Path) -> Self {
        self.message = format!("`{}`: {}", path.display(), self.message);
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn causes(&self) -> &[String] {
        &self.causes
    }

    pub(crate) fn hints(&self) -> &[String] {
        &self.hints
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = match error {
            LoadError::Foreign(_) | LoadError::MissingExport(_) | LoadError::Digest { .. } => Exit::Refused,
            _ => Exit::Failed,
        };
        Self { exit, ..Self::of(&error).hint(error.hint()) }
    }
}
