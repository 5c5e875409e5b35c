//! `connect`, `projects`, `branches`, `configure`, `status`, `diagnose`, `webhook` and `disconnect`, against the simulator.

use crate::gitlab::Scene;
use crate::program::{Program, Run};
use gitlab_sim::{AccessLevel, ProjectSpec, Source, TokenSpec, UserSpec, Visibility};
use serde_json::{Value, json};

#[test]
fn a_pasted_project_page_and_a_token_from_a_pipe_make_a_connection() {
    let scene = Scene::new();
    let said = scene.connect(&scene.token, &[]).quietly(0);
    assert!(said.starts_with(&format!("Connected to {} (GitLab ", scene.gitlab.url())), "{said}");
    assert!(said.contains("(@ana)") && said.contains("personal access token"), "{said}");
    let status = scene.program.run(&["status"]).quietly(0);
    assert!(status.contains("none yet\nnext: gitlab-sync configure"), "{status}");
}

#[test]
fn connect_says_the_roles_of_whoevers_token_it_is() {
    let scene = Scene::new();
    let admin = scene.gitlab.admin();
    let person = |name: &str| admin.create_user(UserSpec::person(name)).id;
    let (few, many) = (person("few"), person("many"));
    let acme = admin.create_group("acme", Visibility::Private);
    admin.add_member(Source::Group(acme), few, AccessLevel::Owner);
    admin.add_member(Source::Project(scene.project), few, AccessLevel::Developer);
    for number in 0..6 {
        let project = admin.create_project(&ProjectSpec::at(&format!("tools/p{number}"))).unwrap().id;
        admin.add_member(Source::Project(project), many, AccessLevel::Reporter);
    }
    let token = |spec: TokenSpec| admin.create_token(spec).secret;
    let few = token(TokenSpec::personal(few, &["api"]));
    let bot = TokenSpec { access_level: Some(AccessLevel::Reporter), ..TokenSpec::project(scene.project, &["api"]) };
    for (token, expected) in [
        (&scene.token, "  role     Owner in ana/handbook\n"),
        (&few, "  role     Owner in the group acme, Developer in ana/handbook\n"),
        (
            &token(TokenSpec::personal(many, &["api"])),
            "  role     Reporter in tools/p5, Reporter in tools/p4, Reporter in tools/p3, Reporter in tools/p2, \
             Reporter in tools/p1, and maybe others: `gitlab-sync configure` says which counts\n",
        ),
        (
            &token(TokenSpec::granular(scene.user, &[])),
            "  role     each project has its own: `gitlab-sync configure` says it\n",
        ),
        (
            &token(bot),
            "  role     Reporter in ana/handbook\n  \
             can      read files, read records\n  \
             cannot   write files: it needs role Developer, and is Reporter in ana/handbook\n  \
             cannot   create project: a project token's bot user has no namespace of its own\n  \
             cannot   manage webhooks: it needs role Maintainer, and is Reporter in ana/handbook\n\
             warning: With role Reporter in ana/handbook, this token can read and not write. To write, use one of role \
             Developer; to make the webhook too, Maintainer.\n",
        ),
    ] {
        let said = scene.connect(token, &[]).quietly(0);
        assert!(said.contains(expected), "{said}");
    }
    let told = scene.connect(&few, &["--json"]).json(0);
    let role = |role: &str, place: &str, path: &str| json!({ "role": role, "place": place, "path": path });
    assert_eq!(told["roles"], json!([role("Owner", "Group", "acme"), role("Developer", "Project", "ana/handbook")]));
    assert_eq!(told["more_roles"], false);
}

#[test]
fn the_token_is_written_nowhere_in_the_clear() {
    let scene = Scene::ready();
    scene.program.run(&["push"]).quietly(0);
    scene.program.run(&["diagnose"]);
    let mut folders = vec![scene.program.folder().to_path_buf()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&entry).unwrap();
            let found = bytes.windows(scene.token.len()).any(|window| window == scene.token.as_bytes());
            assert!(!found, "{}", entry.display());
        }
    }
    assert!(files > 4, "the store, the key, the trail and the files were looked at");
}

#[test]
fn token_and_address_come_from_the_environment_too() {
    let scene = Scene::new();
    let environment = [("GITLAB_TOKEN", scene.token.as_str()), ("GITLAB_OAUTH_BASE_URL", scene.gitlab.url())];
    let arguments = ["connect", "--workspace", "files", "--plain-text", "--private-address", "127.0.0.1/32"];
    scene.program.run_with(&arguments, &environment).quietly(0);
    let nothing = scene.program.run_with(&arguments, &environment[1..]).complaint(1);
    assert!(nothing.starts_with("error: no token was given\nhint: set GITLAB_TOKEN"), "{nothing}");
    let half = scene.program.run_with(&arguments, &[("GITLAB_TOKEN", "glpat-x"), environment[1]]).complaint(1);
    let sentence = "error: a secret of 7 bytes cannot be kept out of replies and logs: it needs at least 8\nhint: give the whole secret";
    assert!(half.starts_with(sentence), "{half}");
}

/// What was pasted in the moment of the question was once shown, or lost.
#[test]
fn a_token_is_asked_for_without_showing_it_and_never_an_argument() {
    let scene = Scene::new();
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let connect = [&connect[..], &["--private-address", "127.0.0.1/32", "--color", "never"]].concat();
    let question = "Access token (not shown):";
    let (status, seen) = scene.program.run_on_terminal_asked(&connect, &[], question, &format!("{}\n", scene.token));
    assert_eq!(status, 0, "{seen}");
    assert!(seen.contains("Connected to") && !seen.contains(&scene.token), "{seen}");
    let refused = scene.program.run(&["connect", "--token", "glpat-canary"]).complaint(2);
    assert!(refused.starts_with("error: unexpected argument '--token'") && !refused.contains("canary"), "{refused}");
}

#[test]
fn a_connection_keeps_its_server_until_it_is_disconnected() {
    let scene = Scene::ready();
    let token = scene.gitlab.admin().create_token(TokenSpec::personal(scene.user, &["api"])).secret;
    scene.connect(&token, &[]).quietly(0);
    let status = scene.program.run(&["status", "--json"]).json(0);
    assert_eq!(status["status"]["configured"]["project"]["path"], "ana/handbook", "a new token changes nothing else");
    let other = Scene::new();
    let url = other.gitlab.url();
    let arguments =
        ["connect", "--url", url, "--workspace", "files", "--plain-text", "--private-address", "127.0.0.1/32"];
    let refused = scene.program.run_typing(&arguments, &[], &other.token).complaint(3);
    assert!(refused.contains("hint: disconnect it first, or name another one with `--connection NAME`"), "{refused}");
    std::fs::create_dir(scene.program.path("other")).unwrap();
    let elsewhere =
        ["connect", "--url", url, "--workspace", "other", "--plain-text", "--private-address", "127.0.0.1/32"];
    let named = [&elsewhere[..], &["-c", "other"]].concat();
    scene.program.run_typing(&named, &[], &other.token).quietly(0);
}

/// It was asked of gitlab.com, and the advice was to disconnect.
#[test]
fn a_new_token_needs_no_address_and_no_grant_once_more() {
    let scene = Scene::ready();
    let token = scene.gitlab.admin().create_token(TokenSpec::personal(scene.user, &["api"])).secret;
    for environment in [&[][..], &[("GITLAB_OAUTH_BASE_URL", "")]] {
        let said = scene.program.run_typing(&["connect"], environment, &token).quietly(0);
        assert!(said.starts_with(&format!("Connected to {} (", scene.gitlab.url())), "{said}");
    }
    scene.program.run(&["push"]).quietly(0);
    let narrower = scene.program.run_typing(&["connect", "--plain-text"], &[], &token).complaint(3);
    assert!(
        narrower.contains("--private-address 127.0.0.1/32"),
        "what is granted anew is all that is granted: {narrower}"
    );
}

/// Who copied them was told to sync, take over or disconnect the usual connection.
#[test]
fn commands_that_are_told_next_are_for_the_connection_that_was_named() {
    let scene = Scene::new();
    scene.connect(&scene.token, &["-c", "second"]).quietly(0);
    let run = |arguments: &[&str]| scene.program.run(&[arguments, &["-c", "second"]].concat());
    let json = |arguments: &[&str]| run(&[arguments, &["--json"]].concat()).json(0);
    assert_eq!(json(&["status"])["next"], "gitlab-sync -c second configure");
    let configured = run(&["configure", "--project", "ana/handbook", "--first", "push"]);
    assert!(configured.stderr.ends_with("do it: gitlab-sync -c second sync\n"), "{}", configured.stderr);
    assert!(run(&["sync"]).stderr.ends_with("both ways: gitlab-sync -c second sync\n"));
    assert!(run(&["status"]).quietly(0).ends_with("next: gitlab-sync -c second plan\n"));
    let unknown = run(&["resolve", "0", "--ours"]).complaint(1);
    assert!(unknown.ends_with("what waits: `gitlab-sync -c second conflicts`\n"), "{unknown}");
    let unknown = run(&["resolve", "0", "--ours", "--json"]);
    assert!(unknown.stdout.contains("what waits: `gitlab-sync -c second conflicts`"), "{}", unknown.stdout);
    let none = scene.program.run(&["status"]).complaint(1);
    assert!(none.ends_with("hint: make it with `gitlab-sync connect`\n"), "{none}");
}

#[test]
fn the_master_key_of_the_environment_is_the_only_one_that_opens() {
    let scene = Scene::new();
    let key = "0".repeat(64);
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let connect = [&connect[..], &["--private-address", "127.0.0.1/32"]].concat();
    let with = |key: &str, arguments: &[&str]| {
        scene.program.run_with(arguments, &[("GITLAB_SYNC_MASTER_KEY", key), ("GITLAB_TOKEN", &scene.token)])
    };
    with(&key, &connect).quietly(0);
    assert!(!scene.program.path("home/master.key").exists());
    with(&key, &["projects"]).quietly(0);
    let other = with(&"1".repeat(64), &["projects"]);
    assert_eq!(other.status, 1, "{}", other.stderr);
    let none = with("canary", &["projects"]).complaint(1);
    assert!(none.contains("hint: make one with `openssl rand -hex 32`") && !none.contains("canary"), "{none}");
}

#[test]
fn a_token_that_gitlab_rejects_is_not_kept() {
    let scene = Scene::new();
    let complaint = scene.connect("glpat-wrong", &[]).complaint(1);
    assert!(complaint.starts_with("error: GitLab rejected the token"), "{complaint}");
    assert!(complaint.contains("hint: ") && !complaint.contains("glpat-wrong"), "{complaint}");
    let status = scene.program.run(&["status"]).complaint(1);
    assert_eq!(status, "error: there is no connection `default`\nhint: make it with `gitlab-sync connect`\n");
}

#[test]
fn what_was_not_granted_is_refused_with_the_option_to_add() {
    let scene = Scene::new();
    let connect = |more: &[&str]| {
        let arguments = [&["connect", "--url", scene.gitlab.url(), "--workspace", "files"][..], more].concat();
        scene.program.run_typing(&arguments, &[], &scene.token)
    };
    let plain = connect(&["--private-address", "127.0.0.1/32"]).complaint(3);
    assert!(plain.contains("is not encrypted") && plain.contains("add `--plain-text`"), "{plain}");
    let before = scene.requests();
    let private = connect(&["--plain-text"]).complaint(3);
    assert!(
        private.contains("hint: if this is your server, connect with `--private-address 127.0.0.1/32"),
        "{private}"
    );
    let both = connect(&[]).complaint(3);
    assert!(both.contains("not encrypted, and the address 127.0.0.1 is this machine's own"), "{both}");
    assert!(both.contains("add `--plain-text --private-address 127.0.0.1/32:"), "{both}");
    for said in [plain, private, both] {
        assert!(
            !said.contains("private-addresses") && !said.contains("= true"),
            "a grant file is nothing here: {said}"
        );
        assert_eq!(said.matches("hint: ").count(), 1, "{said}");
    }
    assert_eq!(scene.requests(), before, "nothing was sent");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let program = Program::new();
    std::fs::create_dir(program.path("files")).unwrap();
    let arguments = ["connect", "--url", "http://127.0.0.1:1", "--workspace", "files", "--plain-text"];
    let arguments = [&arguments[..], &["--private-address", "127.0.0.1/32"]].concat();
    let complaint = program.run_typing(&arguments, &[], "glpat-xyz").complaint(1);
    assert!(complaint.starts_with("error: Can't reach"), "{complaint}");
}

/// By a proxy that is not there, so that nothing leaves this machine.
#[test]
fn without_an_address_gitlab_com_is_meant() {
    let program = Program::new();
    std::fs::create_dir(program.path("files")).unwrap();
    let arguments = ["connect", "--workspace", "files", "--proxy", "http://127.0.0.1:1"];
    let arguments = [&arguments[..], &["--private-address", "127.0.0.1/32"]].concat();
    for environment in [&[][..], &[("GITLAB_OAUTH_BASE_URL", "")]] {
        let complaint = program.run_typing(&arguments, environment, "glpat-xyz").complaint(1);
        assert!(complaint.starts_with("error: Can't reach `https://gitlab.com`"), "{complaint}");
        assert!(complaint.contains("hint: ") && !complaint.contains("the grant"), "{complaint}");
    }
}

#[test]
fn wrong_input_of_connect_gets_a_sentence_and_a_hint_before_anything_is_sent() {
    let program = Program::new();
    program.write("page.md", "no certificate\n");
    let table: [(&[&str], &str); 7] = [
        (&["--url", "https://me:glpat-canary@gitlab.example.com"], "user name or password"),
        (&["--url", "ssh://gitlab.example.com"], "not the web"),
        (&["--url", "https://gitlab.invalid", "--profile", "all"], "has no profile `all`"),
        (&["--url", "https://gitlab.invalid", "--workspace", "nowhere"], "workspace `nowhere` cannot be used"),
        (&["--url", "https://gitlab.invalid", "--ca-file", "nothing.pem"], "`nothing.pem` cannot be read"),
        (&["--url", "https://gitlab.invalid", "--ca-file", "page.md"], "`page.md` holds no certificate"),
        (&["--url", "https://gitlab.invalid", "--connection", "Not A Name"], "is not a connection"),
    ];
    for (arguments, sentence) in table {
        let run = program.run_typing(&[&["connect"][..], arguments].concat(), &[], "glpat-canary");
        assert_eq!(run.status, 1, "{}", run.stderr);
        assert!(run.stderr.contains(sentence) && run.stderr.contains("hint: "), "{}", run.stderr);
        assert!(!run.stderr.contains("canary"), "{}", run.stderr);
    }
}

#[test]
fn pickers_list_what_the_token_can_push_to() {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    let projects = scene.program.run(&["projects", "--json"]).json(0);
    assert_eq!(projects[0]["path"], "ana/handbook");
    let branches = scene.program.run(&["branches", "ana/handbook"]).quietly(0);
    assert!(branches.starts_with("main") && branches.contains("default"), "{branches}");
    let none = scene.program.run(&["branches"]).complaint(2);
    assert!(none.contains("none is configured") && none.contains("`gitlab-sync branches PROJECT`"), "{none}");
    assert_eq!(scene.program.run(&["configure", "--project", "ana/handbook"]).status, 0);
    assert_eq!(scene.program.run(&["branches"]).quietly(0), branches);
    let none = scene.program.run(&["branches", "ana/nothing"]).complaint(1);
    assert!(none.contains("hint: `gitlab-sync projects` lists"), "{none}");
}

#[test]
fn a_project_is_chosen_or_made_but_not_both() {
    let scene = Scene::new();
    scene.connect(&scene.token, &[]).quietly(0);
    scene.program.run(&["configure", "--branch", "main"]).complaint(2);
    scene.program.run(&["configure", "--project", "1", "--create", "other"]).complaint(2);
    let made = scene.program.run(&["configure", "--create", "other", "--directory", "docs", "--json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    assert_eq!(made["project"]["path"], "ana/other", "{made}");
}

#[test]
fn a_second_connection_that_would_write_the_same_is_refused() {
    let scene = Scene::ready();
    std::fs::create_dir(scene.program.path("other")).unwrap();
    scene.connect_to("other", &["-c", "second"]).quietly(0);
    let configure = |more: &[&str]| {
        scene.program.run(&[&["configure", "--project", "ana/handbook", "-c", "second"][..], more].concat())
    };
    let refused = configure(&[]).complaint(3);
    assert!(refused.starts_with("error: the connection `default` writes to `main` of project"), "{refused}");
    scene.program.run(&["plan", "-c", "second"]).complaint(1);
    scene.connect_to("other", &["-c", "second", "--profile", "files-read-only"]).quietly(0);
    assert_eq!(configure(&[]).status, 0, "who only reads is welcome");
}

#[test]
fn ctrl_c_ends_the_wait_for_a_token_with_130() {
    let scene = Scene::new();
    let connect = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
    let mut waiting = scene.program.start(&[&connect[..], &["--private-address", "127.0.0.1/32"]].concat(), &[]);
    let _open = waiting.stdin.take();
    // It has found the server, and is now reading stdin.
    while scene.requests() == 0 {
        assert!(waiting.try_wait().unwrap().is_none(), "it ended before it asked");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(200));
    let process = rustix::process::Pid::from_child(&waiting);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let complaint = Run::of(waiting.wait_with_output().unwrap()).complaint(130);
    assert!(complaint.starts_with("error: interrupted\nhint: "), "{complaint}");
}

#[test]
fn a_connection_can_be_asked_how_it_is() {
    let scene = Scene::ready();
    let status = scene.program.run(&["status", "--json"]).json(0);
    assert_eq!(status["status"]["configured"]["project"]["path"], "ana/handbook");
    assert_eq!(status["profile"], "files-read-write");
    let checks = scene.program.run(&["diagnose", "--json"]).json(0);
    assert!(checks.as_array().unwrap().len() > 2, "{checks}");
    let manual = ["manual", "--webhook-url", "https://product.example.com/hook"];
    for (webhook, expected) in [(&manual[..], 1), (&["none"], 0)] {
        scene.program.run(&[&["configure", "--project", "ana/handbook", "--webhook"], webhook].concat());
        let diagnosed = scene.program.run(&["diagnose"]);
        assert_eq!(diagnosed.status, expected, "{webhook:?}: {}", diagnosed.stdout);
    }
    scene.gitlab.admin().revoke_token(1);
    let failed = scene.program.run(&["diagnose"]);
    assert_eq!(failed.status, 1, "{}{}", failed.stdout, failed.stderr);
    // The connector's remedy names its function; here it is a command.
    let other = Scene::new();
    other.connect(&other.token, &[]).quietly(0);
    let fresh = other.program.run(&["diagnose"]).quietly(1);
    assert!(fresh.contains("hint: choose what to sync: `gitlab-sync configure --project PROJECT`\n"), "{fresh}");
}

#[test]
fn a_delivery_is_judged_by_its_secret() {
    let scene = Scene::ready();
    let secret = scene.program.run(&["webhook", "secret", "--json"]);
    let secret: Value = serde_json::from_str(&secret.stdout).unwrap();
    let secret = secret["secret"].as_str().unwrap();
    let body = json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": scene.project,
    });
    scene.program.write("body", body.to_string());
    let verify = |token: &str| {
        scene.program.write("headers", format!("X-Gitlab-Event: Push Hook\r\nX-Gitlab-Token: {token}\r\n"));
        scene.program.run(&["webhook", "verify", "--headers", "headers", "--body", "body"])
    };
    let verified = verify(secret).quietly(0);
    assert!(verified.contains("pull"), "{verified}");
    let rejected = verify("guessed").quietly(3);
    assert!(rejected.starts_with("Rejected"), "{rejected}");
}

#[test]
fn after_a_disconnect_nothing_is_left_but_the_files() {
    let scene = Scene::ready();
    scene.program.run(&["push"]).quietly(0);
    scene.program.run(&["disconnect"]).quietly(0);
    assert_eq!(scene.here("here.md").as_deref(), Some("from here\n"));
    assert_eq!(scene.in_gitlab("here.md").as_deref(), Some("from here\n"));
    scene.program.run(&["status"]).complaint(1);
    scene.connect(&scene.token, &[]).quietly(0);
    let status = scene.program.run(&["status", "--json"]).json(0);
    assert!(status["status"]["configured"].is_null(), "{status}");
}

#[test]
fn a_token_that_was_revoked_keeps_nobody_from_disconnecting() {
    let scene = Scene::ready();
    scene.gitlab.admin().revoke_token(1);
    let run = scene.program.run(&["disconnect"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    scene.program.run(&["status"]).complaint(1);
}

#[test]
fn a_token_with_a_narrow_scope_connects_and_says_what_it_cannot_do() {
    let scene = Scene::new();
    let token = scene.gitlab.admin().create_token(TokenSpec::personal(scene.user, &["read_api"])).secret;
    let said = scene.connect(&token, &[]).quietly(0);
    assert!(
        said.contains("cannot   write files: it needs scope api")
            && said.contains("can      read files, read records\n"),
        "{said}"
    );
}

#[test]
fn the_status_says_when_it_was_and_what_to_do_next() {
    let scene = Scene::ready();
    let status = || scene.program.run(&["status"]).quietly(0);
    let fresh = status();
    assert!(fresh.contains("synced     both sides were never equal yet"), "{fresh}");
    assert!(fresh.contains(", expires in ") && fresh.ends_with("next: gitlab-sync plan\n"), "{fresh}");
    scene.program.run(&["sync"]).quietly(0);
    let synced = status();
    assert!(synced.contains("synced     just now, at ") && synced.ends_with("next: gitlab-sync sync\n"), "{synced}");
    scene.edit_in_gitlab(|commit| commit.update("here.md", "edited there\n"));
    scene.program.write("files/here.md", "edited here\n");
    scene.program.run(&["pull"]).quietly(0);
    let clash = status();
    assert!(clash.contains("conflicts  1 conflict to resolve\nnext: gitlab-sync conflicts\n"), "{clash}");
    let coloured = scene.program.run(&["status", "--color", "always"]).quietly(0);
    assert!(coloured.contains("\u{1b}[33m1 conflict to resolve"), "{coloured}");
}
