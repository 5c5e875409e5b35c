//! Choosing what to sync: on a terminal and off it, which way first, and who else is there.

use crate::gitlab::Scene;
use crate::program::Program;
use gitlab_sim::{AccessLevel, CommitSpec, ProjectSpec, Source, TokenSpec, UserSpec};

fn with_projects(count: usize) -> Scene {
    let scene = Scene::new();
    for number in 0..count {
        let path = format!("ana/project-{number:02}");
        let spec = ProjectSpec { creator_id: Some(scene.user), ..ProjectSpec::at(&path) };
        scene.gitlab.admin().create_project(&spec).unwrap();
    }
    scene
        .gitlab
        .admin()
        .commit(scene.project, CommitSpec::on("draft", "Draft\n").by(scene.user).create("d.md", "d\n"))
        .unwrap();
    scene.connect(&scene.token, &[]).quietly(0);
    scene
}

fn chosen(scene: &Scene) -> (String, String, String) {
    let status = scene.program.run(&["status", "--json"]).json(0);
    let configured = &status["status"]["configured"];
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    (text(&configured["project"]["path"]), text(&configured["branch"]), text(&configured["first"]))
}

#[test]
fn on_a_terminal_what_was_left_out_is_asked_for() {
    let scene = with_projects(25);
    // The second screen, back by a search, the only one found, the default branch, a wrong and a right direction.
    let (status, seen) =
        scene.program.run_on_terminal(&["configure", "--color", "never"], "\nhandb\n1\n\nsideways\npull\n");
    assert_eq!(status, 0, "{seen}");
    for part in [
        "ana/project-24",
        "Project, or Enter for more (number, part of a name, or `new NAME`):",
        " 26  ana/handbook",
        "  1  ana/handbook",
        "Branch (`?` lists them) [main]:",
        "`sideways` is none of push, pull and merge.",
        "Configured: ana/handbook",
        "The first sync",
        "would create    there.md  here",
    ] {
        assert!(seen.contains(part), "{part}: {seen}");
    }
    assert_eq!(chosen(&scene), ("ana/handbook".into(), "main".into(), "Pull".into()));
}

#[test]
fn on_a_terminal_another_branch_and_a_new_project_can_be_chosen() {
    let scene = with_projects(0);
    let (status, seen) =
        scene.program.run_on_terminal(&["configure", "--color", "never"], "ana/handbook\n?\nno-such\ndraft\nmerge\n");
    assert_eq!(status, 0, "{seen}");
    assert!(seen.contains("There is no branch with `no-such` in its name."), "{seen}");
    // What was typed after `--first` was planned, and what was answered was not.
    assert!(seen.contains("The first sync\n") && seen.contains("would create    here.md  in GitLab"), "{seen}");
    assert_eq!(chosen(&scene), ("ana/handbook".into(), "draft".into(), "Merge".into()));
    let (status, seen) = scene.program.run_on_terminal(&["configure", "--color", "never"], "new Team Notes\npush\n");
    assert_eq!(status, 0, "{seen}");
    assert_eq!(chosen(&scene).0, "ana/team-notes");
}

#[test]
fn a_bot_token_is_not_offered_a_new_project_and_reads_why() {
    let scene = Scene::new();
    let bot = scene.gitlab.admin().create_token(TokenSpec::project(scene.project, &["api"])).secret;
    scene.connect(&bot, &[]).quietly(0);
    let (status, seen) = scene.program.run_on_terminal(&["configure", "--color", "never"], "1\nmerge\n");
    assert_eq!(status, 0, "{seen}");
    let reason = "This token can't create projects: a project token's bot user has no namespace of its own.";
    assert!(seen.contains(reason) && seen.contains("Project (number or part of a name):"), "{seen}");
    assert!(!seen.contains("new NAME"), "{seen}");
}

#[test]
fn off_a_terminal_nobody_is_asked_and_the_options_are_named() {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    let before = scene.requests();
    let refused = scene.program.run_typing(&["configure"], &[], "1\n").complaint(2);
    assert!(
        refused
            .starts_with("error: no project was given, and nobody can be asked here\nhint: give `--project PROJECT`"),
        "{refused}"
    );
    assert_eq!(scene.requests(), before);
    let (status, seen) = scene.program.run_on_terminal(&["configure", "--json"], "");
    assert_eq!(status, 2, "a program reads JSON, also on a terminal: {seen}");
}

#[test]
fn the_first_sync_goes_the_way_that_was_chosen_and_the_next_one_both() {
    for (first, here, there) in [("push", None, Some("from here\n")), ("pull", Some("from GitLab\n"), None)] {
        let scene = Scene::new();
        scene.connect(&scene.token, &[]).quietly(0);
        let configured = scene.program.run(&["configure", "--project", "ana/handbook", "--first", first]);
        assert_eq!(configured.status, 0, "{}", configured.stderr);
        assert!(configured.stdout.contains("The first sync\n  would create"), "{}", configured.stdout);
        let dry = scene.program.run(&["sync", "--dry-run"]).quietly(0);
        assert!(dry.contains("1 create"), "{dry}");
        let run = scene.program.run(&["sync"]);
        assert!(run.status == 0 && run.stderr.contains("the next one goes both ways"), "{} {}", run.stdout, run.stderr);
        assert_eq!(
            (scene.here("there.md").as_deref(), scene.in_gitlab("here.md").as_deref()),
            (here, there),
            "{first}"
        );
        scene.program.run(&["sync"]).quietly(0);
        assert!(scene.here("there.md").is_some() && scene.in_gitlab("here.md").is_some(), "{first}");
    }
}

#[test]
fn a_connection_that_only_reads_cannot_push_first() {
    let scene = Scene::new();
    scene.connect(&scene.token, &["--profile", "files-read-only"]).quietly(0);
    let refused = scene.program.run(&["configure", "--project", "ana/handbook", "--first", "push"]).complaint(1);
    assert!(refused.contains("this connection may not push"), "{refused}");
    let configured = scene.program.run(&["configure", "--project", "ana/handbook", "--first", "pull", "--json"]);
    let configured: serde_json::Value = serde_json::from_str(&configured.stdout).unwrap();
    assert_eq!(configured["plan"]["changes"][0]["path"], "there.md", "{configured}");
}

/// A reporter with a token that only reads was told that three checks had failed.
#[test]
fn a_connection_that_only_reads_needs_no_more_than_reading() {
    let scene = Scene::new();
    let admin = scene.gitlab.admin();
    let rita = admin.create_user(UserSpec::person("rita")).id;
    admin.add_member(Source::Project(scene.project), rita, AccessLevel::Reporter);
    let token = admin.create_token(TokenSpec::personal(rita, &["read_api"])).secret;
    scene.connect(&token, &["--profile", "files-read-only"]).quietly(0);
    let number = scene.project.to_string();
    let by_path = scene.program.run(&["configure", "--project", "ana/handbook"]).complaint(1);
    assert!(by_path.contains("by its number"), "{by_path}");
    assert_eq!(scene.program.run(&["configure", "--project", &number, "--webhook", "none"]).status, 0);
    scene.program.run(&["pull"]).quietly(0);
    assert_eq!(scene.here("there.md").as_deref(), Some("from GitLab\n"));
    let checks = scene.program.run(&["diagnose"]).quietly(0);
    for line in [
        "ok           token: it cannot write files, which this connection never does\n",
        "ok           role: it cannot write, which this connection never does\n",
        "ok           branch: it can be read; this connection never pushes\n",
    ] {
        assert!(checks.contains(line), "{line}: {checks}");
    }
    let refused = scene.program.run(&["push"]).complaint(3);
    assert!(refused.contains("connect again with another profile, such as `--profile files-read-write`"), "{refused}");
    assert_eq!(refused.matches("hint: ").count(), 1, "{refused}");
    let writes = scene.connect(&token, &["--profile", "files-read-write"]).quietly(0);
    assert!(writes.contains("cannot   write files"), "{writes}");
    scene.program.run(&["diagnose"]).quietly(1);
}

#[test]
fn two_connections_never_share_a_folder() {
    let scene = Scene::ready();
    std::fs::create_dir_all(scene.program.path("files/docs")).unwrap();
    for (folder, words) in [
        ("files", "is already that of the connection `default`"),
        ("files/docs", "overlaps with"),
        (".", "overlaps with"),
    ] {
        let before = scene.requests();
        let refused = scene.connect_to(folder, &["-c", "second"]).complaint(3);
        assert!(refused.contains(words) && refused.contains("hint: give another folder"), "{refused}");
        assert_eq!(scene.requests(), before, "nothing was asked");
    }
    scene.connect_to("files", &[]).quietly(0);
}

#[test]
fn another_installation_is_told_who_writes_there_and_can_take_over() {
    let scene = Scene::ready();
    scene.program.run(&["push"]).quietly(0);
    let other = Program::new();
    std::fs::create_dir(other.path("files")).unwrap();
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let connect = [&connect[..], &["--private-address", "127.0.0.1/32"]].concat();
    other.run_typing(&connect, &[], &scene.token).quietly(0);
    let configure = ["configure", "--project", "ana/handbook"];
    let refused = other.run(&configure).complaint(3);
    assert!(refused.starts_with("error: Another installation already writes this project and branch: "), "{refused}");
    assert!(
        refused.ends_with("hint: if the other one is gone or is to stop, say the same with `--take-over`\n"),
        "{refused}"
    );
    let json = other.run(&[&configure[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["error"]["code"], "ownership-clash");
    assert_eq!(other.run(&[&configure[..], &["--take-over"]].concat()).status, 0);
    // The first one stays the same installation after it has disconnected: its own commits do not lock it out.
    scene.program.run(&["disconnect"]).quietly(0);
    scene.connect(&scene.token, &[]).quietly(0);
    assert_eq!(scene.program.run(&configure).status, 0, "the other has not pushed yet");
}

#[test]
fn who_was_taken_over_is_told_at_the_next_sync_and_takes_back_with_one_word() {
    let scene = Scene::ready();
    scene.program.run(&["push"]).quietly(0);
    let other = Program::new();
    std::fs::create_dir(other.path("files")).unwrap();
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let connect = [&connect[..], &["--private-address", "127.0.0.1/32"]].concat();
    other.run_typing(&connect, &[], &scene.token).quietly(0);
    let configure = ["configure", "--project", "ana/handbook"];
    assert_eq!(other.run(&[&configure[..], &["--take-over"]].concat()).status, 0);
    other.write("files/theirs.md", "theirs\n");
    assert_eq!(other.run(&["sync"]).status, 0);
    let refused = scene.program.run(&["pull"]).complaint(3);
    assert!(refused.contains("another installation committed to `main`"), "{refused}");
    assert!(
        refused.ends_with(
            "hint: nothing was lost; if the other one is gone or is to stop: `gitlab-sync configure --take-over`\n"
        ),
        "{refused}"
    );
    assert_eq!(scene.program.run(&["configure", "--take-over"]).status, 0);
    scene.program.run(&["sync"]).quietly(0);
    assert_eq!(scene.here("theirs.md").as_deref(), Some("theirs\n"));
    let kept = ["--directory", "docs", "--conflicts", "last-write-wins", "--message-template", "docs: {summary}"];
    assert_eq!(scene.program.run(&[&configure[..], &kept, &["--take-over"]].concat()).status, 0);
    let before = scene.program.run(&["status"]).quietly(0);
    for line in ["  below      docs\n", "  policy     the last write wins", "  message    docs: {summary}\n"] {
        assert!(before.contains(line), "{line}: {before}");
    }
    assert_eq!(scene.program.run(&["configure", "--take-over"]).status, 0);
    assert_eq!(scene.program.run(&["status"]).quietly(0), before);
}

#[test]
fn a_name_that_is_taken_says_how_to_select_the_existing_project() {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    let refused = scene.program.run(&["configure", "--create", "handbook"]).complaint(1);
    assert!(refused.starts_with("error: A project of this name exists already"), "{refused}");
    assert!(refused.contains("configure --project PROJECT"), "{refused}");
}

#[test]
fn disconnecting_says_what_is_left_in_gitlab_and_the_old_secret_is_good_for_nothing() {
    let scene = Scene::ready();
    let secret = |scene: &Scene| {
        let secret = scene.program.run(&["webhook", "secret", "--json"]);
        let secret: serde_json::Value = serde_json::from_str(&secret.stdout).unwrap();
        secret["secret"].as_str().unwrap().to_owned()
    };
    let old = secret(&scene);
    // Nothing of this needs GitLab.
    scene.gitlab.admin().revoke_token(1);
    let before = scene.requests();
    let said = scene.program.run(&["disconnect"]).quietly(0);
    assert_eq!(scene.requests(), before);
    assert!(said.contains("/ana/handbook/-/hooks"), "{said}");
    let token = scene.gitlab.admin().create_token(TokenSpec::personal(scene.user, &["api"])).secret;
    scene.connect(&token, &[]).quietly(0);
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    assert_ne!(secret(&scene), old);
    scene.program.write("headers", format!("X-Gitlab-Event: Push Hook\r\nX-Gitlab-Token: {old}\r\n"));
    scene.program.write("body", "{}");
    scene.program.run(&["webhook", "verify", "--headers", "headers", "--body", "body"]).quietly(3);
}
