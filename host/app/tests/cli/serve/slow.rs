//! A tenant whose GitLab is slow, beside others.

use super::server::until;
use super::tenant::Tenant;
use gitlab_sim::{CommitSpec, Effect, Fault, ProjectSpec};
use rusqlite::Connection;

/// One job of an organisation at a time, and two together: the slow one has all that its organisation can have.
const TIGHT: &str = "settle-milliseconds = 0\njobs = 2\njobs-per-organisation = 1\n";
/// Longer than any test.
const NEVER: Effect = Effect::Latency { ms: 3_600_000, jitter_ms: 0 };

#[test]
fn a_tenant_whose_gitlab_never_answers_delays_nobody_else() {
    let tenant = Tenant::new();
    let slow = Slow::beside(&tenant);
    give_to(&tenant, "default", "acme");
    let server = tenant.serve_with(TIGHT);
    let body = slow.push_event();
    let tell = |key: &str| {
        let headers =
            [("x-gitlab-token", slow.secret.as_str()), ("x-gitlab-event", "Push Hook"), ("idempotency-key", key)];
        server.post(&slow.path, &headers, &body)
    };
    assert_eq!(tell("slow").body, "queued\n");
    let hangs = "SELECT count(*) FROM jobs WHERE connection = 'slow' AND stage = 'running'";
    until("its job runs", || tenant.count(hangs) == 1);
    for round in 0..3 {
        let text = format!("edited in round {round}\n");
        tenant.scene.edit_in_gitlab(|commit| commit.update("there.md", text.as_str()));
        assert_eq!(tenant.tell(&server, &format!("quick-{round}")).body, "queued\n");
        until("the file is here", || tenant.scene.here("there.md").as_deref() == Some(&text));
        assert_eq!(tell(&format!("slow-{round}")).body, "queued\n", "it is heard, too");
    }
    assert_eq!(tenant.count(hangs), 1, "it has hung all the time");
    let waits = "SELECT wakes FROM jobs WHERE connection = 'slow' AND stage = 'waiting'";
    assert_eq!(tenant.count(waits), 3, "and what it was told meanwhile waits behind it");
}

/// A connection to another project of the same GitLab, which answers nothing about that one any more.
struct Slow {
    project: u64,
    path: String,
    secret: String,
}

impl Slow {
    fn beside(tenant: &Tenant) -> Self {
        let scene = &tenant.scene;
        let admin = scene.gitlab.admin();
        let spec = ProjectSpec { creator_id: Some(scene.user), ..ProjectSpec::at("ana/slow") };
        let project = admin.create_project(&spec).unwrap().id;
        admin.commit(project, CommitSpec::on("main", "Begin\n").by(scene.user).create("a.md", "a\n")).unwrap();
        std::fs::create_dir(scene.program.path("slow-files")).unwrap();
        scene.connect_to("slow-files", &["-c", "slow"]).quietly(0);
        let run = |arguments: &[&str]| {
            let run = scene.program.run(&[&["-c", "slow"], arguments].concat());
            assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
            run.stdout.trim().to_owned()
        };
        run(&["configure", "--project", "ana/slow"]);
        run(&["sync"]);
        let (path, secret) = (run(&["webhook", "path"]), run(&["webhook", "secret"]));
        admin.fault(Fault::on_any(&format!("*/projects/{project}*"), NEVER));
        Self { project, path, secret }
    }

    fn push_event(&self) -> Vec<u8> {
        let body = serde_json::json!({
            "object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
            "before": "1".repeat(40), "after": "2".repeat(40), "checkout_sha": "2".repeat(40),
            "project_id": self.project, "project": { "id": self.project }, "commits": [], "total_commits_count": 0,
        });
        body.to_string().into_bytes()
    }
}

/// As if it had been made on that organisation's page.
fn give_to(tenant: &Tenant, connection: &str, organisation: &str) {
    let store = Connection::open(tenant.scene.program.path("home/store.sqlite")).unwrap();
    store.execute("INSERT OR REPLACE INTO owners VALUES (?1, ?2)", (connection, organisation)).unwrap();
}
