//! The master key in the system's keyring: the choice, and a real GNOME Keyring where there is one.

use crate::program::Program;

const KEYRING: (&str, &str) = ("GITLAB_SYNC_MASTER_KEY", "keyring:");

#[cfg(not(feature = "os-keyring"))]
#[test]
fn a_program_without_the_keyring_says_so_and_takes_no_other_place() {
    let program = Program::new();
    let complaint = program.run_with(&["status"], &[KEYRING]).complaint(1);
    assert!(complaint.contains("was built without the system's keyring\nhint: build it with"), "{complaint}");
    assert!(!program.path("home/master.key").exists());
}

#[cfg(feature = "os-keyring")]
mod with_the_feature {
    use super::{KEYRING, Program};
    use crate::gitlab::Scene;
    use crate::program::Run;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[cfg(all(unix, not(target_os = "macos")))]
    #[test]
    fn a_keyring_that_is_not_there_is_an_error_and_no_other_place_is_taken() {
        let program = Program::new();
        let nowhere = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
        let complaint = program.run_with(&["status"], &[KEYRING, nowhere]).complaint(1);
        assert!(complaint.starts_with("error: the system's keyring cannot be reached: "), "{complaint}");
        assert!(complaint.contains("\nhint: start one"), "{complaint}");
        assert!(!program.path("home/master.key").exists());
    }

    /// The program in a D-Bus session of its own, with a GNOME Keyring that this password unlocks.
    fn in_a_session(scene: &Scene, unlock: &str, arguments: &[&str]) -> Run {
        let user = scene.program.path("user");
        std::fs::create_dir_all(&user).unwrap();
        let mut command = Command::new("dbus-run-session");
        command.args(["--", "sh", "-c", unlock, "sh", env!("CARGO_BIN_EXE_gitlab-sync")]).args(arguments);
        command.current_dir(scene.program.folder()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.env("GITLAB_SYNC_HOME", scene.program.path("home")).env("GITLAB_TOKEN", &scene.token);
        command.env("HOME", &user).env("XDG_RUNTIME_DIR", &user).env(KEYRING.0, KEYRING.1);
        Run::of(command.stdin(Stdio::null()).output().unwrap())
    }

    const UNLOCKED: &str = r#"echo good | gnome-keyring-daemon --unlock --components=secrets >&2 && exec "$@""#;
    const LOCKED: &str = r#"exec "$@""#;

    #[test]
    fn a_key_in_gnome_keyring_outlives_the_session_and_a_locked_one_is_refused() {
        let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !there("dbus-run-session") || !there("gnome-keyring-daemon") {
            // Not by the macro, whose words the harness swallows.
            let needs = "SKIPPED: needs `dbus-run-session` and `gnome-keyring-daemon` (Debian: dbus, gnome-keyring)";
            writeln!(std::io::stderr(), "{needs}").unwrap();
            return;
        }
        let scene = Scene::new();
        let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
        let connect = [&connect[..], &["--private-address", "127.0.0.1/32"]].concat();
        let first = in_a_session(&scene, UNLOCKED, &connect);
        assert_eq!(first.status, 0, "{}", first.stderr);
        assert!(!scene.program.path("home/master.key").exists());
        let second = in_a_session(&scene, UNLOCKED, &["projects"]);
        assert!(second.status == 0 && second.stdout.contains("ana/handbook"), "{}", second.stderr);
        let locked = in_a_session(&scene, LOCKED, &["projects"]);
        assert_eq!(locked.status, 1, "{}", locked.stdout);
        assert!(
            locked.stderr.contains("is locked and was not opened") && locked.stderr.contains("hint: unlock it"),
            "{}",
            locked.stderr
        );
        assert!(!scene.program.path("home/master.key").exists());
        let without = scene.program.run(&["projects"]);
        assert_eq!(without.status, 1, "the key of the file opens nothing: {}", without.stdout);
    }
}
