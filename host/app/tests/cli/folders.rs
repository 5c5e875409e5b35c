//! Where the files are: a folder that is away, another one, one that was moved, and one that holds more than files.

use crate::gitlab::Scene;
use crate::program::Run;
use std::path::Path;
use std::process::Command;

/// Renames what is below the program's folder.
fn rename(scene: &Scene, from: &str, to: &str) {
    std::fs::rename(scene.program.path(from), scene.program.path(to)).unwrap();
}

#[test]
fn a_folder_that_is_away_deletes_nothing_and_every_command_says_so() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    rename(&scene, "files", "elsewhere");
    for command in ["plan", "push", "pull", "sync"] {
        let complaint = scene.program.run(&[command]).complaint(1);
        assert!(complaint.starts_with("error: cannot open the workspace `"), "{command}: {complaint}");
        assert!(complaint.contains("hint: bring the folder back"), "{command}: {complaint}");
    }
    // Both ended with the same complaint, and said nothing of the rest.
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(
        status.contains("/files: No such file or directory") && status.contains("project    ana/handbook"),
        "{status}"
    );
    assert!(status.ends_with("next: gitlab-sync diagnose\n"), "{status}");
    let diagnosed = scene.program.run(&["diagnose"]).quietly(1);
    assert!(
        diagnosed.contains("failed       workspace: the folder `") && diagnosed.contains("hint: Bring it back"),
        "{diagnosed}"
    );
    assert!(diagnosed.contains("ok           branch: ") && diagnosed.contains("1 check failed."), "{diagnosed}");
    rename(&scene, "elsewhere", "files");
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(said.starts_with("In step: nothing changed"), "{said}");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
}

#[test]
fn an_emptied_folder_empties_nothing_and_gets_its_files_back() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    rename(&scene, "files", "elsewhere");
    std::fs::create_dir(scene.program.path("files")).unwrap();
    let refused = scene.program.run(&["sync"]).complaint(3);
    assert!(
        refused.contains("2 of 2 files would be deleted") && refused.contains("disconnect and connect again"),
        "{refused}"
    );
    scene.program.run(&["disconnect"]).quietly(0);
    scene.connect(&scene.token, &[]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(said.contains("In step: 2 create"), "{said}");
    assert_eq!(scene.here("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
}

/// The files of the first folder counted as deleted in the second.
#[test]
fn another_folder_is_another_connection_and_a_moved_one_the_same() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    std::fs::create_dir(scene.program.path("other")).unwrap();
    let before = scene.requests();
    let refused = scene.connect_to("other", &[]).complaint(3);
    assert!(refused.starts_with("error: the connection `default` was synced with the folder `"), "{refused}");
    assert!(refused.contains("hint: to go on with it, leave `--workspace` out"), "{refused}");
    assert!(scene.requests() <= before + 1, "the token was sent to nobody");
    scene.program.write("files/here.md", "edited before the move\n");
    std::fs::remove_dir(scene.program.path("other")).unwrap();
    rename(&scene, "files", "other");
    scene.connect_to("other", &[]).quietly(0);
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(said.contains("In step: 1 update"), "{said}");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("edited before the move\n"));
}

/// It took the folder that the person stood in, and a profile that may write.
#[test]
fn a_new_token_changes_neither_the_folder_nor_the_profile() {
    let scene = Scene::new();
    scene.connect(&scene.token, &["--profile", "files-read-only"]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    scene.program.run(&["pull"]).quietly(0);
    let renew = ["connect", "--url", scene.gitlab.url(), "--plain-text", "--private-address", "127.0.0.1/32"];
    scene.program.run_typing(&renew, &[], &scene.token).quietly(0);
    let status = scene.program.run(&["status", "--json"]).json(0);
    assert_eq!(status["profile"], "files-read-only");
    let folder = status["workspace"].as_str().unwrap();
    assert_eq!(Path::new(folder), scene.program.path("files").canonicalize().unwrap());
}

#[test]
fn a_folder_that_holds_the_keys_is_no_workspace() {
    let scene = Scene::new();
    for folder in [".", "home"] {
        let refused = scene.connect_to(folder, &[]).complaint(3);
        assert!(refused.starts_with("error: connections and keys are kept below the folder `"), "{refused}");
        assert!(refused.contains("hint: give a folder with nothing but the files"), "{refused}");
    }
    assert_eq!(scene.requests(), 0, "nothing was asked");
}

#[test]
fn a_working_copy_of_git_can_be_the_folder() {
    let scene = Scene::ready();
    std::fs::create_dir_all(scene.program.path("files/.git/info")).unwrap();
    scene.program.write("files/.git/description.md", "git's\n");
    std::fs::create_dir_all(scene.program.path("files/vendor/.git")).unwrap();
    scene.program.write("files/vendor/.git/head.md", "git's\n");
    scene.program.write("files/vendor/readme.md", "ours\n");
    let said = scene.program.run(&["sync"]).quietly(0);
    for line in
        ["  skip      .git  (`.git` is git's own folder)\n", "  skip      vendor/.git  (", "In step: 3 create, 2 skip"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(scene.in_gitlab("vendor/readme.md").as_deref(), Some("ours\n"));
    assert_eq!((scene.in_gitlab(".git/description.md"), scene.in_gitlab("vendor/.git/head.md")), (None, None));
    assert_eq!(scene.here(".git/description.md").as_deref(), Some("git's\n"));
}

/// A shell in a namespace where file systems can be mounted; `$0` is the program. None where no such namespace can be made.
#[expect(clippy::print_stderr, reason = "a test says there what it could not do")]
fn with_mounts(scene: &Scene, script: &str) -> Option<Run> {
    let possible = Command::new("unshare").args(["-Urm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: no namespace of one's own can be made here, so no disk is filled");
        return None;
    }
    let shell = scene.program.start_under(&["unshare", "-Urm", "sh", "-c", script]);
    Some(Run::of(shell.wait_with_output().unwrap()))
}

#[test]
fn a_full_disk_keeps_what_is_there_and_more_room_ends_the_pull() {
    let scene = Scene::ready();
    let size = 300_000;
    scene.edit_in_gitlab(|commit| commit.create("large.md", "l".repeat(size)));
    let script = r#"mount -t tmpfs -o size=128k tmpfs files && echo mine > files/here.md
        "$0" pull; echo "ended with $?"; cat files/here.md; ls files
        mount -o remount,size=4m files && "$0" sync && wc -c < files/large.md"#;
    let Some(run) = with_mounts(&scene, script) else { return };
    assert!(run.stderr.starts_with("error: The workspace's storage failed: "), "{}", run.stderr);
    assert!(run.stderr.contains("free space where the workspace is"), "{}", run.stderr);
    assert!(run.stdout.starts_with("ended with 1\nmine\nhere.md\n"), "{}", run.stdout);
    assert!(run.stdout.contains("In step: 3 create") && run.stdout.ends_with(&format!("\n{size}\n")), "{}", run.stdout);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("mine\n"));
}

#[test]
fn a_folder_that_cannot_be_written_is_pushed_and_a_pull_says_why_it_is_not() {
    let scene = Scene::ready();
    let script = r#"mount -t tmpfs tmpfs files && echo mine > files/here.md && mount -o remount,ro files
        "$0" pull; echo "ended with $?"; "$0" push"#;
    let Some(run) = with_mounts(&scene, script) else { return };
    assert!(run.stderr.contains("the workspace is on a read-only file system"), "{}", run.stderr);
    assert!(run.stdout.starts_with("ended with 1\n") && run.stdout.contains("Pushed: 1 create"), "{}", run.stdout);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("mine\n"));
}
