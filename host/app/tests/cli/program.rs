//! A run of the program in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder, and the program run in it without anything of this machine's environment.
pub(crate) struct Program {
    folder: tempfile::TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// A component from its text form.
    pub(crate) fn component(&self, name: &str, text: &str) {
        self.write(name, wat::parse_str(text).unwrap());
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitlab-sync"));
        command.current_dir(self.folder()).env_clear().envs(environment.iter().copied());
        let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
        Run {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    /// stdout of a run that ended so and said nothing on stderr.
    pub(crate) fn quietly(self, status: i32) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (status, ""), "{}", self.stdout);
        self.stdout
    }

    /// stderr of a run that failed and put nothing on stdout.
    pub(crate) fn complaint(self, status: i32) -> String {
        assert_eq!((self.status, self.stdout.as_str()), (status, ""), "{}", self.stderr);
        self.stderr
    }

    pub(crate) fn json(self, status: i32) -> serde_json::Value {
        serde_json::from_str(&self.quietly(status)).unwrap()
    }
}
