//! `keys rotate`: a new master key under a connection that works.

use crate::gitlab::Scene;
use std::fs;

#[test]
fn after_a_change_the_old_key_file_opens_nothing_and_the_new_one_everything() {
    let scene = Scene::ready();
    let (key, next) = (scene.program.path("home/master.key"), scene.program.path("home/master.key.next"));
    let old = fs::read(&key).unwrap();
    let said = scene.program.run(&["keys", "rotate"]).quietly(0);
    assert!(said.starts_with("Changed the master key: what 1 connection keeps is sealed with the new one\n"), "{said}");
    scene.program.run(&["projects"]).quietly(0);
    let new = fs::read(&key).unwrap();
    assert!(new != old && !next.exists());
    fs::write(&key, &old).unwrap();
    let complaint = scene.program.run(&["projects"]).complaint(1);
    assert!(complaint.contains("hint: start with the master key"), "{complaint}");
    fs::write(&key, &new).unwrap();
    scene.program.run(&["push"]).quietly(0);
}

#[test]
fn a_change_that_was_interrupted_is_told_and_ended_by_the_next_one() {
    let scene = Scene::ready();
    let (key, next) = (scene.program.path("home/master.key"), scene.program.path("home/master.key.next"));
    // As a kill leaves it: the new key is there and seals nothing yet, or, with the files the other way round, everything.
    fs::copy(&key, &next).unwrap();
    fs::write(&next, "7".repeat(64)).unwrap();
    for _ in 0..2 {
        let complaint = scene.program.run(&["projects"]).complaint(1);
        let told = "error: a change of the master key was interrupted\nhint: run `gitlab-sync keys rotate` to end it; nothing is lost\n";
        assert_eq!(complaint, told);
        let old = fs::read(&key).unwrap();
        scene.program.run(&["keys", "rotate"]).quietly(0);
        scene.program.run(&["projects"]).quietly(0);
        fs::rename(&key, &next).unwrap();
        fs::copy(&next, &key).unwrap();
        fs::write(&key, old).unwrap();
    }
}

#[test]
fn a_key_of_the_environment_is_changed_to_another_one_of_the_environment() {
    let scene = Scene::new();
    let [one, two] = ["1", "2"].map(|digit| digit.repeat(64));
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let connect = [&connect[..], &["--private-address", "127.0.0.1/32"]].concat();
    let token = ("GITLAB_TOKEN", scene.token.as_str());
    let run = |key: &str, new: Option<&str>, arguments: &[&str]| {
        let new = new.map(|new| ("GITLAB_SYNC_NEW_MASTER_KEY", new));
        let variables: Vec<_> = [("GITLAB_SYNC_MASTER_KEY", key), token].into_iter().chain(new).collect();
        scene.program.run_with(arguments, &variables)
    };
    run(&one, None, &connect).quietly(0);
    let lonely = run(&one, None, &["keys", "rotate"]).complaint(1);
    assert!(lonely.contains("hint: give it in GITLAB_SYNC_NEW_MASTER_KEY"), "{lonely}");
    let wrong = run(&one, Some("canary"), &["keys", "rotate"]).complaint(1);
    assert!(
        wrong.starts_with("error: GITLAB_SYNC_NEW_MASTER_KEY holds no master key") && !wrong.contains("canary"),
        "{wrong}"
    );
    // Twice: whoever does not know whether it went through may run it again.
    for _ in 0..2 {
        let said = run(&one, Some(&two), &["keys", "rotate"]).quietly(0);
        assert!(said.contains("from now on give it in GITLAB_SYNC_MASTER_KEY"), "{said}");
    }
    run(&two, None, &["projects"]).quietly(0);
    run(&one, None, &["projects"]).complaint(1);
    assert!(!scene.program.path("home/master.key").exists());
}

#[test]
fn keys_are_not_changed_while_another_program_works_with_them() {
    let scene = Scene::ready();
    let lock = fs::File::options().write(true).open(scene.program.path("home/lock")).unwrap();
    lock.lock_shared().unwrap();
    let complaint = scene.program.run(&["keys", "rotate"]).complaint(1);
    assert!(complaint.starts_with("error: another gitlab-sync works with this home folder\n"), "{complaint}");
    scene.program.run(&["status"]).quietly(0);
    drop(lock);
    scene.program.run(&["keys", "rotate"]).quietly(0);
}
