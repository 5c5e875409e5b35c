//! `plan`, `push`, `pull`, `sync`, `conflicts` and `resolve`, against the simulator.

use crate::gitlab::Scene;
use crate::program::Run;
use gitlab_sim::{Effect, Fault};

#[test]
fn what_is_only_on_one_side_goes_to_the_other() {
    let scene = Scene::ready();
    let plan = scene.program.run(&["plan"]).quietly(0);
    assert!(plan.contains("would create") && plan.contains("here.md") && plan.contains("there.md"), "{plan}");
    assert_eq!((scene.in_gitlab("here.md"), scene.here("there.md")), (None, None), "a plan changes nothing");
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(said.contains("In step: 2 create"), "{said}");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
    let again = scene.program.run(&["plan"]).quietly(0);
    assert!(again.contains("Nothing to do"), "{again}");
}

#[test]
fn a_dry_run_changes_nothing() {
    let scene = Scene::ready();
    for command in ["push", "pull", "sync"] {
        let said = scene.program.run(&[command, "--dry-run"]).quietly(0);
        assert!(said.contains("would create"), "{said}");
    }
    assert_eq!((scene.in_gitlab("here.md"), scene.here("there.md")), (None, None));
}

#[test]
fn a_plan_that_is_outdated_is_refused() {
    let scene = Scene::ready();
    let plan = scene.program.run(&["plan", "push", "--json"]).json(0);
    let digest = plan["digest"].as_str().unwrap();
    scene.program.write("files/here.md", "changed since\n");
    let refused = scene.program.run(&["push", "--plan", digest, "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!((refused.status, &answer["error"]["code"]), (1, &"plan-outdated".into()), "{}", refused.stderr);
    assert_eq!(scene.in_gitlab("here.md"), None);
}

#[test]
fn a_plan_of_both_directions_is_carried_out_as_it_was_read() {
    let scene = Scene::ready();
    let digest = |scene: &Scene| {
        let plan = scene.program.run(&["sync", "--dry-run", "--json"]).json(0);
        plan["digest"].as_str().unwrap().to_owned()
    };
    let outdated = digest(&scene);
    scene.program.write("files/more.md", "more\n");
    let refused = scene.program.run(&["sync", "--plan", &outdated]).complaint(1);
    assert!(refused.contains("hint: see what is to be done now: `gitlab-sync plan`"), "{refused}");
    assert_eq!((scene.in_gitlab("here.md"), scene.here("there.md")), (None, None));
    let said = scene.program.run(&["sync", "--plan", &digest(&scene)]).quietly(0);
    assert!(said.contains("In step: 3 create"), "{said}");
    assert_eq!(scene.in_gitlab("more.md").as_deref(), Some("more\n"));
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
}

#[test]
fn a_clash_is_shown_and_resolved_and_nobody_loses_an_edit() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    scene.edit_in_gitlab(|commit| commit.update("here.md", "edited there\n"));
    scene.program.write("files/here.md", "edited here\n");
    let said = scene.program.run(&["pull"]).quietly(0);
    assert!(said.contains("1 conflict to resolve"), "{said}");
    let conflicts = scene.program.run(&["conflicts", "--json"]).json(0);
    let id = conflicts[0]["id"].as_str().unwrap();
    let shown = scene.program.run(&["conflicts", "show", id]).quietly(0);
    assert!(shown.contains("-edited there") && shown.contains("+edited here"), "{shown}");
    scene.program.run(&["resolve", id]).complaint(2);
    scene.program.run(&["resolve", id, "--ours"]).quietly(0);
    assert_eq!(scene.here("here.md").as_deref(), Some("edited here\n"));
    scene.program.run(&["push", "-m", "Ours it is"]).quietly(0);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("edited here\n"));
    assert_eq!(scene.program.run(&["conflicts"]).quietly(0), "No conflicts.\n");
    let gone = scene.program.run(&["resolve", id, "--theirs"]).complaint(1);
    assert!(gone.contains("There is no conflict of this id"), "{gone}");
}

#[test]
fn a_clash_is_resolved_with_the_lines_of_both() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    scene.edit_in_gitlab(|commit| commit.update("here.md", "edited there\n"));
    scene.program.write("files/here.md", "edited here\n");
    scene.program.run(&["pull"]).quietly(0);
    let conflicts = scene.program.run(&["conflicts", "--json"]).json(0);
    scene.program.run(&["resolve", conflicts[0]["id"].as_str().unwrap(), "--merged"]).quietly(0);
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("edited here\nedited there\n"));
}

/// Both versions were known, and the third, which only the folder had, was written over.
#[test]
fn an_edit_that_came_after_a_clash_is_not_lost_to_the_choice() {
    let (scene, conflicts) = Scene::in_conflict("edited there\n", "edited here\n");
    let id = conflicts[0]["id"].as_str().unwrap();
    scene.program.write("files/here.md", "edited since\n");
    for choice in ["--ours", "--theirs", "--merged"] {
        let refused = scene.program.run(&["resolve", id, choice]).complaint(1);
        assert!(refused.starts_with("error: The file was edited after the conflict was found"), "{refused}");
        assert!(refused.contains("hint: push it and choose then"), "{refused}");
        assert_eq!(scene.here("here.md").as_deref(), Some("edited since\n"), "{choice}");
    }
    scene.program.run(&["push"]).quietly(0);
    scene.program.run(&["resolve", id, "--ours"]).quietly(0);
    assert_eq!(scene.here("here.md").as_deref(), Some("edited here\n"));
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("edited here\n"));
}

#[test]
fn what_is_there_now_can_be_the_choice() {
    let (scene, conflicts) = Scene::in_conflict("there\0\n", "here\0\n");
    let id = conflicts[0]["id"].as_str().unwrap();
    let shown = scene.program.run(&["conflicts", "show", id, "--json"]).json(0);
    let told = serde_json::json!({
        "path": "here.md",
        "base": { "text": "from here\n" },
        "ours": { "text": "here\0\n" },
        "theirs": { "text": "there\0\n" },
    });
    assert_eq!(shown, told);
    let refused = scene.program.run(&["resolve", id, "--merged"]).complaint(1);
    assert!(refused.starts_with("error: The lines of both sides cannot be put together: `here.md`: "), "{refused}");
    assert!(refused.contains("hint: choose `--ours` or `--theirs`, or give the content with `--file`"), "{refused}");
    scene.program.write("files/here.md", "by hand\n");
    scene.program.run(&["resolve", id, "--file", "files/here.md"]).quietly(0);
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("by hand\n"));
    assert_eq!(scene.program.run(&["conflicts"]).quietly(0), "No conflicts.\n");
}

/// The sync said that the push was refused, and not a word of what it had pulled.
#[test]
fn what_was_done_before_a_failure_is_told_too() {
    let archived = || {
        let scene = Scene::ready();
        scene.gitlab.admin().change_project(scene.project, |project| project.archived = true).unwrap();
        scene
    };
    let run = archived().program.run(&["sync"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.starts_with("error: The project is archived and cannot be written\n"), "{}", run.stderr);
    assert!(
        run.stdout.starts_with("  create    there.md  here\nDone until then: 1 create, the branch is at "),
        "{}",
        run.stdout
    );
    let run = archived().program.run(&["sync", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(told["error"]["code"], "project-archived");
    assert_eq!(told["error"]["done"][0]["changes"][0]["path"], "there.md", "{told}");
}

/// Ctrl-C while a request of this kind waits for its answer; then the same command again.
fn interrupted(command: &str, waiting: &str) -> Scene {
    let scene = Scene::ready();
    let late = Effect::Latency { ms: 60_000, jitter_ms: 0 };
    scene.gitlab.admin().log().clear();
    scene.gitlab.admin().fault(Fault::on_any(waiting, late));
    let running = scene.program.start(&[command], &[]);
    let is_there = || scene.gitlab.admin().log().entries().iter().any(|entry| entry.path.contains("/repository/"));
    while !is_there() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let process = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let complaint = Run::of(running.wait_with_output().unwrap()).complaint(130);
    assert_eq!(complaint, "error: interrupted\nhint: nothing is half done; run it again to go on\n");
    scene.gitlab.admin().clear_faults();
    scene.program.run(&[command]).quietly(0);
    scene
}

#[test]
fn ctrl_c_in_the_middle_ends_with_130_and_the_next_run_finishes() {
    let scene = interrupted("push", "*/repository/*");
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.here("here.md").as_deref(), Some("from here\n"));
    let scene = interrupted("pull", "*/repository/*");
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
    assert_eq!(scene.here("here.md").as_deref(), Some("from here\n"));
}

#[test]
fn a_summary_says_what_was_done_and_what_was_left_alone() {
    let scene = Scene::ready();
    scene.program.write("files/con.md", "reserved\n");
    let said = scene.program.run(&["push"]).quietly(0);
    let lines = [
        "  create    here.md  in GitLab\n",
        "  skip      con.md  (`con.md` is a device on Windows)\n",
        "Pushed: 1 create, 1 skip, the branch is at ",
    ];
    assert!(said.starts_with(&lines.concat()), "{said}");
    // Each direction leaves it alone, and one file is left alone.
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(said.contains("In step: 1 create, 1 skip, the branch is at "), "{said}");
    assert_eq!(said.matches("con.md").count(), 2, "the name and the reason: {said}");
    let plan = scene.program.run(&["plan"]).quietly(0);
    assert!(plan.ends_with("Nothing to do: what is not left alone is the same on both sides.\n"), "{plan}");
}

/// It said that both sides were never equal, for ever.
#[test]
fn status_says_when_both_sides_were_equal_but_for_what_is_left_alone() {
    let scene = Scene::ready();
    scene.program.write("files/There.md", "another\n");
    scene.program.run(&["sync"]).quietly(0);
    let status = scene.program.run(&["status"]).quietly(0);
    let line = status.lines().find(|line| line.starts_with("  synced ")).unwrap();
    assert!(line.contains(", at ") && line.ends_with(", but for 1 file left alone: see `gitlab-sync plan`"), "{line}");
    let plan = scene.program.run(&["plan"]).quietly(0);
    assert!(plan.contains("there.md") && plan.contains("the same file as"), "{plan}");
    assert_eq!(scene.program.run(&["status", "--json"]).json(0)["status"]["left_alone"], 1);
    std::fs::rename(scene.program.path("files/There.md"), scene.program.path("files/renamed.md")).unwrap();
    scene.program.run(&["sync"]).quietly(0);
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(status.contains(", at ") && !status.contains("left alone"), "{status}");
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
    assert_eq!(scene.in_gitlab("renamed.md").as_deref(), Some("another\n"));
}

/// Files that nobody had selected were nowhere told of.
#[test]
fn the_first_plan_says_once_what_the_patterns_leave_out() {
    let scene = Scene::ready();
    for name in ["one.txt", "two.TXT", "photo.png", "Makefile", ".hidden"] {
        scene.program.write(&format!("files/{name}"), "not selected\n");
    }
    scene.edit_in_gitlab(|commit| commit.create("photo.png", "there too\n").create("more.txt", "there\n"));
    let line = "not selected by the patterns: 3 .txt, 1 .png, 1 other; `configure --pattern` chooses others\n";
    for command in [&["plan"][..], &["push", "--dry-run"], &["plan", "pull"]] {
        let plan = scene.program.run(command).quietly(0);
        assert_eq!(plan.matches(line).count(), 1, "{plan}");
    }
    let configured = scene.program.run(&["configure", "--project", "ana/handbook", "--first", "merge"]);
    assert!(configured.stdout.contains(line), "{}", configured.stdout);
    let told = scene.program.run(&["plan", "--json"]).json(0)["unselected"].clone();
    assert_eq!(told[0], serde_json::json!({ "ending": "txt", "files": 3 }));
    let said = scene.program.run(&["sync"]).quietly(0);
    assert!(!said.contains("not selected"), "{said}");
    scene.program.write("files/here.md", "again\n");
    let plan = scene.program.run(&["plan"]).quietly(0);
    assert!(plan.contains("would update") && !plan.contains("not selected"), "{plan}");
}

#[test]
fn a_plan_says_what_a_merge_depends_on() {
    let scene = Scene::ready();
    scene.program.run(&["sync"]).quietly(0);
    scene.edit_in_gitlab(|commit| commit.update("here.md", "edited there\n"));
    scene.program.write("files/here.md", "edited here\n");
    let plan = scene.program.run(&["plan"]).quietly(0);
    assert!(
        plan.contains("would merge     here.md  here  (by lines; a conflict if both changed the same ones)\n"),
        "{plan}"
    );
}

#[test]
fn a_message_template_is_kept_shown_and_overridden() {
    let scene = Scene::ready();
    let configure = ["configure", "--project", "ana/handbook", "--message-template"];
    let refused = scene.program.run(&[&configure[..], &["{when}"]].concat()).complaint(1);
    assert!(refused.contains("`{when}` is no placeholder") && refused.contains("`{summary}`"), "{refused}");
    assert_eq!(scene.program.run(&[&configure[..], &["docs: {summary}\n\nDOC-7"]].concat()).status, 0);
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(status.contains("  message    docs: {summary}\\n\\nDOC-7\n"), "{status}");
    scene.program.run(&["push"]).quietly(0);
    assert!(scene.newest_message().starts_with("docs: Add here.md\n\nDOC-7\n\n"), "{}", scene.newest_message());
    scene.program.write("files/here.md", "again\n");
    scene.program.run(&["push", "-m", "Once: {files}"]).quietly(0);
    assert!(scene.newest_message().starts_with("Once: 1\n\n"), "{}", scene.newest_message());
}

#[test]
fn an_author_is_approved_by_naming_it_kept_shown_and_given_up() {
    let scene = Scene::ready();
    let configure = |more: &[&str]| scene.program.run(&[&["configure", "--project", "ana/handbook"], more].concat());
    assert_eq!(configure(&["--author-name", "Docs"]).status, 2, "a name without an address");
    let refused = configure(&["--author-name", "Docs <x>", "--author-email", "docs@example.com"]).complaint(1);
    assert!(refused.contains("cannot be the author of a commit"), "{refused}");
    assert_eq!(configure(&["--author-name", "Docs", "--author-email", "docs@example.com"]).status, 0);
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(status.contains("  author     Docs <docs@example.com>\n"), "{status}");
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.newest_author(), "Docs <docs@example.com>");
    // It took the grant away although the settings stayed, and each later push was refused.
    scene.program.run(&["configure", "--project", "ana/nothing"]).complaint(1);
    scene.program.run(&["configure", "--project", "ana/handbook", "--branch", "nothing"]).complaint(1);
    scene.program.write("files/here.md", "again\n");
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.newest_author(), "Docs <docs@example.com>");
    assert_eq!(configure(&[]).status, 0);
    scene.program.write("files/here.md", "once more\n");
    scene.program.run(&["push"]).quietly(0);
    assert_eq!(scene.newest_author(), "ana <ana@example.test>", "the token's user");
}

/// It ended with 0, and half a plan was in the file.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_does_not_fit_on_the_disk_is_a_failure() {
    let scene = Scene::ready();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let (status, said) = scene.program.run_into(&["plan", "--json"], full);
    assert_eq!(status, 1);
    assert!(said.starts_with("error: the result could not be written: "), "{said}");
}

#[test]
fn a_profile_that_never_writes_is_refused_a_push_outside_the_connector() {
    let scene = Scene::new();
    scene.connect(&scene.token, &["--profile", "files-read-only"]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    scene.program.run(&["pull"]).quietly(0);
    let refused = scene.program.run(&["push"]).complaint(3);
    assert!(refused.contains("hint: "), "{refused}");
    assert_eq!(scene.in_gitlab("here.md"), None);
}

/// `plan` offered what `sync` was then refused, each time.
#[test]
fn a_profile_that_never_writes_makes_of_both_ways_one() {
    let scene = Scene::new();
    scene.connect(&scene.token, &["--profile", "files-read-only"]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    for command in ["plan", "sync", "sync"] {
        let run = scene.program.run(&[command]);
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stderr.contains("nothing is pushed: the profile is files-read-only\n"), "{}", run.stderr);
        assert!(!run.stdout.contains(" here.md"), "{}", run.stdout);
    }
    assert_eq!(scene.in_gitlab("here.md"), None);
}

#[test]
fn what_is_not_connected_or_not_configured_says_what_to_do_first() {
    let scene = Scene::new();
    let complaint = scene.program.run(&["push"]).complaint(1);
    assert!(complaint.contains("hint: make it with `gitlab-sync connect`"), "{complaint}");
    scene.connect(&scene.token, &[]).quietly(0);
    let complaint = scene.program.run(&["push"]).complaint(1);
    assert!(complaint.contains("not yet configured"), "{complaint}");
}

#[test]
fn a_version_that_a_crash_put_aside_is_named_until_it_is_gone() {
    let scene = Scene::ready();
    let clean = scene.program.run(&["sync"]).quietly(0);
    assert!(!clean.contains("kept"), "{clean}");
    let file = ".gitlab-sync/kept/1795132800000000000-n0-docs%2Fa.md";
    scene.program.write(&format!("files/{file}"), "older words\n");
    let sentence = format!("an older version of docs/a.md lies in {file}: look at it and remove it");
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(status.contains(&sentence), "{status}");
    let status = scene.program.run(&["status", "--json"]).json(0);
    let told = serde_json::json!([{ "file": file, "path": "docs/a.md", "since_ms": 1_795_132_800_000_u64 }]);
    assert_eq!(status["kept"], told);
    let pushed = scene.program.run(&["push"]);
    assert_eq!((pushed.status, pushed.stderr), (0, format!("warning: {sentence}\n")));
    std::fs::remove_file(scene.program.path("files").join(file)).unwrap();
    scene.program.run(&["push"]).quietly(0);
}
