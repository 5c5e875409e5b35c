//! A run of the program in a folder of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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
        let program = Self { folder: tempfile::tempdir().unwrap() };
        share_compiled_code(&program.path("home"));
        program
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
        self.run_typing(arguments, environment, "")
    }

    /// With this on stdin.
    pub(crate) fn run_typing(&self, arguments: &[&str], environment: &[(&str, &str)], typed: &str) -> Run {
        let mut child = self.start(arguments, environment);
        // A program that does not read closes its end; that is its right.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        Run::of(child.wait_with_output().unwrap())
    }

    /// On a terminal, where these lines are typed. What it wrote to stdout and stderr is one text there, as is what was typed.
    pub(crate) fn run_on_terminal(&self, arguments: &[&str], typed: &str) -> (i32, String) {
        self.run_on_terminal_with(arguments, &[], typed)
    }

    pub(crate) fn run_on_terminal_with(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        typed: &str,
    ) -> (i32, String) {
        self.run_on_terminal_asked(arguments, environment, "", typed)
    }

    /// The same, typed as soon as this question is there.
    pub(crate) fn run_on_terminal_asked(
        &self,
        arguments: &[&str],
        environment: &[(&str, &str)],
        question: &str,
        typed: &str,
    ) -> (i32, String) {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let mut command = self.command(arguments, environment);
        command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap()).stderr(terminal);
        let mut child = command.spawn().unwrap();
        // It holds copies of the terminal, without which reading comes to an end.
        drop(command);
        let mut master = File::from(master);
        let (mut seen, mut piece) = (Vec::new(), [0; 4096]);
        while !String::from_utf8_lossy(&seen).contains(question) {
            // Linux ends a terminal that nobody holds any more with an error.
            let count = master.read(&mut piece).unwrap_or(0);
            assert!(count > 0, "`{question}` was not asked: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&piece[..count]);
        }
        master.write_all(typed.as_bytes()).unwrap();
        let _ = master.read_to_end(&mut seen);
        (child.wait().unwrap().code().unwrap(), String::from_utf8(seen).unwrap().replace("\r\n", "\n"))
    }

    /// With stdout into this file; how it ended, and what it said on stderr.
    pub(crate) fn run_into(&self, arguments: &[&str], stdout: File) -> (i32, String) {
        let output = self.command(arguments, &[]).stdin(Stdio::null()).stdout(stdout).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }

    /// Running, with its stdin open.
    pub(crate) fn start(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Child {
        let mut command = self.command(arguments, environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Running under another program, which is given the path of this one as its last argument.
    pub(crate) fn start_under(&self, other: &[&str]) -> Child {
        let mut command = Command::new(other[0]);
        command.current_dir(self.folder()).env_clear().env("GITLAB_SYNC_HOME", self.path("home"));
        command.env("PATH", std::env::var_os("PATH").unwrap()).args(&other[1..]).arg(env!("CARGO_BIN_EXE_gitlab-sync"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitlab-sync"));
        command.current_dir(self.folder()).env_clear().env("GITLAB_SYNC_HOME", self.path("home"));
        command.envs(environment.iter().copied()).args(arguments);
        command
    }
}

impl Run {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

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

/// Compiling the connector takes seconds without optimisation, so that all tests of this folder share what comes of it.
fn share_compiled_code(home: &Path) {
    use std::os::unix::fs::{DirBuilderExt, symlink};
    let private = |path: &Path| std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).unwrap();
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    private(&shared);
    private(home);
    symlink(shared, home.join("cache")).unwrap();
}
