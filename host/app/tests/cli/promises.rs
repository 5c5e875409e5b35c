//! The sentences that the product documentation promises, word for word, each with what to do about it.

use crate::gitlab::Scene;
use gitlab_sim::world::deploy_tokens::{DeployToken, Holder};
use gitlab_sim::{AccessLevel, Canned, Effect, Fault, Simulator, Source, TokenSpec};

/// A row of the table: what a person does, and what they read.
struct Row {
    row: &'static str,
    does: fn(&Scene) -> crate::program::Run,
    status: i32,
    sentence: &'static str,
    remedy: &'static str,
}

fn developer(scene: &Scene) -> String {
    let bob = scene.gitlab.admin().create_user(gitlab_sim::UserSpec::person("bob")).id;
    scene.gitlab.admin().add_member(Source::Project(scene.project), bob, AccessLevel::Developer);
    scene.gitlab.admin().create_token(TokenSpec::personal(bob, &["api"])).secret
}

const ROWS: &[Row] = &[
    Row {
        row: "D28",
        does: |scene| scene.connect("glpat-mistyped", &[]),
        status: 1,
        sentence: "error: GitLab rejected the token\n",
        remedy: "scope api, check that it was copied whole and has not expired",
    },
    Row {
        row: "D28, expired",
        does: |scene| {
            let day = jiff::civil::date(2024, 1, 1);
            let spec = TokenSpec { expires_at: Some(day), ..TokenSpec::personal(scene.user, &["api"]) };
            scene.connect(&scene.gitlab.admin().create_token(spec).secret, &[])
        },
        status: 1,
        sentence: "error: GitLab rejected the token: it has expired\n",
        remedy: "Create or rotate the token in GitLab and connect again.",
    },
    Row {
        row: "D28, a deploy token",
        does: |scene| {
            let secret = "gldt-1234567890abcdefghij";
            scene.gitlab.admin().app().world_mut().deploy_tokens.table.add(|id| DeployToken {
                id,
                holder: Holder::Project(scene.project),
                name: "reader".into(),
                username: "gitlab+deploy-token-1".into(),
                secret: secret.into(),
                scopes: vec!["read_repository".into()],
                expires_at: None,
                revoked: false,
            });
            scene.connect(secret, &[])
        },
        status: 1,
        sentence: "error: GitLab rejected the token\n",
        remedy: "this looks like a deploy token, which GitLab's API does not accept",
    },
    Row {
        row: "D29",
        does: |scene| {
            let arguments = ["connect", "--url", "http://127.0.0.1:1", "--workspace", "files", "--plain-text"];
            let arguments = [&arguments[..], &["--private-address", "127.0.0.1/32"]].concat();
            scene.program.run_typing(&arguments, &[], &scene.token)
        },
        status: 1,
        sentence: "error: Can't reach `http://127.0.0.1:1`",
        remedy: "a firewall or outbound policy lets this host through",
    },
    Row {
        row: "D30",
        does: |scene| {
            scene.gitlab.admin().fault(Fault::on_any("*", Effect::Answer(Canned::html(404))));
            scene.connect(&scene.token, &[])
        },
        status: 1,
        sentence: " responded 404 for /api/v4/user\n",
        remedy: "give the address of the GitLab instance itself",
    },
    Row {
        row: "D31",
        does: |scene| {
            let bot = scene.gitlab.admin().create_token(TokenSpec::project(scene.project, &["api"])).secret;
            scene.connect(&bot, &[]).quietly(0);
            scene.program.run(&["configure", "--create", "new"])
        },
        status: 1,
        sentence: "error: This token can't create projects: a project token's bot user has no namespace of its own\n",
        remedy: "here: `gitlab-sync configure --project PROJECT`",
    },
    Row {
        row: "D32",
        does: |scene| {
            scene.connect(&developer(scene), &[]).quietly(0);
            let configured = scene.program.run(&["configure", "--project", "ana/handbook"]);
            assert_eq!(configured.status, 0, "configuring succeeds: {}", configured.stderr);
            assert!(configured.stdout.contains("warning: The token may not push"), "{}", configured.stdout);
            scene.program.run(&["push"])
        },
        status: 1,
        sentence: "error: The branch is protected and the token may not push to it",
        remedy: "Grant access in Project → Settings → Repository → Protected branches",
    },
    Row {
        row: "D34",
        does: |scene| {
            let arguments = ["connect", "--url", scene.gitlab.url(), "--workspace", "files", "--plain-text"];
            scene.program.run_typing(&arguments, &[], &scene.token)
        },
        status: 3,
        sentence: "error: The host did not allow it: ",
        remedy: "if this is your server, connect with `--private-address 127.0.0.1/32",
    },
];

#[test]
fn each_promised_message_is_there_word_for_word_with_a_remedy() {
    for Row { row, does, status, sentence, remedy } in ROWS {
        let scene = Scene::new();
        let run = does(&scene);
        assert_eq!(run.status, *status, "{row}: {}", run.stderr);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(sentence), "{row}: {}", run.stderr);
        let hints: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("hint: ")).collect();
        assert!(hints.iter().any(|hint| hint.contains(remedy)), "{row}: {}", run.stderr);
    }
}

#[test]
fn the_checklist_of_a_webhook_that_triggers_nothing_is_what_diagnose_says() {
    let scene = Scene::new();
    scene.connect(&developer(&scene), &[]).quietly(0);
    scene.program.run(&["configure", "--project", "ana/handbook"]);
    let run = scene.program.run(&["diagnose"]);
    for line in ["webhook URL: ", "webhook Secret token: ", "webhook Push events: ", "webhook branch: "] {
        let found = run.stdout.lines().find(|found| found.contains(line));
        assert!(found.is_some_and(|found| found.starts_with("not checked")), "{line}: {}", run.stdout);
    }
    assert_eq!(run.stdout.matches("hint: In Settings → Webhooks").count(), 4, "{}", run.stdout);
    assert_eq!(run.stdout.matches("hint: this prints it: `gitlab-sync webhook secret`").count(), 1, "{}", run.stdout);
    assert_eq!(run.status, 1, "the protected branch has failed: {}", run.stdout);
    assert!(run.stdout.contains("failed       branch: The branch is protected"), "{}", run.stdout);
    let json = scene.program.run(&["diagnose", "--json"]);
    let checks: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let branch = checks.as_array().unwrap().iter().find(|check| check["name"] == "branch").unwrap();
    assert_eq!((&branch["outcome"], &branch["code"]), (&"Failed".into(), &"branch-protected".into()), "{branch}");
}

#[test]
fn a_private_certificate_names_the_option_that_trusts_it() {
    let scene = Scene::of(Simulator::builder().tls());
    let arguments = ["connect", "--url", scene.gitlab.url(), "--workspace", "files"];
    let arguments = [&arguments[..], &["--private-address", "127.0.0.1/32"]].concat();
    let refused = scene.program.run_typing(&arguments, &[], &scene.token).complaint(3);
    assert!(refused.contains("certificate") && refused.contains("connect with `--ca-file FILE`"), "{refused}");
    scene.program.write("ca.pem", scene.gitlab.ca_pem().unwrap());
    let trusted = [&arguments[..], &["--ca-file", "ca.pem"]].concat();
    scene.program.run_typing(&trusted, &[], &scene.token).quietly(0);
}

#[test]
fn connecting_takes_three_requests_whatever_page_was_pasted() {
    for (base, page) in [
        ("", ""),
        ("", "/"),
        ("", "/ana/handbook"),
        ("", "/ana/handbook/-/tree/main"),
        ("/code", ""),
        ("/gitlab", "/ana/handbook"),
    ] {
        let scene = Scene::at(base);
        let url = format!("{}{page}", scene.gitlab.url());
        let arguments = ["connect", "--url", &url, "--workspace", "files", "--plain-text"];
        let arguments = [&arguments[..], &["--private-address", "127.0.0.1/32"]].concat();
        let before = scene.requests();
        let said = scene.program.run_typing(&arguments, &[], &scene.token).quietly(0);
        assert_eq!(scene.requests() - before, 3, "`{base}` `{page}`: the address, the token, its user and the version");
        assert!(said.contains(&format!("Connected to {} (GitLab 18.9.0-ee)", scene.gitlab.url())), "{said}");
        assert!(said.contains("Expires") || said.contains("expires"), "{said}");
        let first = scene.gitlab.admin().log().entries()[before].clone();
        assert_eq!(first.header("authorization"), None, "nobody knows yet who answers there");
    }
}
