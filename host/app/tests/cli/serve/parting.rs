//! What becomes of a connection that is disconnected while things happen for it.

use super::api::office::Office;
use super::server::{Answer, until};
use super::tenant::Tenant;
use gitlab_sim::{Effect, Fault};
use serde_json::{Value, json};

/// Tables that speak of connections, but for the trail, which people read.
const TABLES: [&str; 9] = ["jobs", "deliveries", "holds", "hooks", "states", "state", "claims", "owners", "secrets"];

struct Hook {
    path: String,
    secret: String,
}

fn hook(office: &Office, id: &str) -> Hook {
    let shown = office.get(&format!("/api/v1/connections/{id}/webhook"));
    let path = format!("/hooks/{}", shown["url"].as_str().unwrap().rsplit('/').next().unwrap());
    Hook { path, secret: shown["secret"].as_str().unwrap().into() }
}

fn tell(office: &Office, path: &str, secret: &str, key: &str) -> Answer {
    let headers = [("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook"), ("idempotency-key", key)];
    let body = json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": office.scene.project,
        "before": "1".repeat(40), "after": "2".repeat(40), "project": { "id": office.scene.project },
    });
    office.server.post(path, &headers, body.to_string().as_bytes())
}

fn left_of(office: &Office, id: &str) -> Vec<&'static str> {
    let store = rusqlite::Connection::open(office.scene.program.path("home/store.sqlite")).unwrap();
    store.busy_timeout(super::server::PATIENCE).unwrap();
    let rows = |table: &str| {
        let select = format!("SELECT count(*) FROM {table} WHERE connection = ?1");
        store.query_row(&select, [id], |row| row.get::<_, u32>(0)).unwrap()
    };
    TABLES.into_iter().filter(|table| rows(table) > 0).collect()
}

/// Jobs of any kind whose end was written down.
fn ended(office: &Office) -> f64 {
    let page = office.server.get("/metrics").body;
    let counts = page.lines().filter(|line| line.starts_with("gitlab_sync_jobs_total{"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// It was once left to the worker to find out that there is nobody to work for, and the end of a job brought its state back.
#[test]
fn of_a_disconnected_connection_nothing_is_left_although_a_job_runs_and_others_wait() {
    let office = Office::new("");
    let id = office.connected();
    let old = hook(&office, &id);
    // A job that waits for GitLab, and two behind it.
    let compare = format!("/api/v4/projects/{}/repository/*", office.scene.project);
    office.scene.gitlab.admin().fault(Fault::on_any(&compare, Effect::Latency { ms: 3_000, jitter_ms: 0 }));
    let jobs = format!("/api/v1/connections/{id}/jobs");
    office.done("POST", &jobs, json!({ "job": "pull" }));
    until("it waits for GitLab", || office.get(&jobs)[0]["stage"] == "running");
    office.done("POST", &jobs, json!({ "job": "push" }));
    assert_eq!(tell(&office, &old.path, &old.secret, "a").body, "queued\n");
    let before = ended(&office);
    office.done("DELETE", &format!("/api/v1/connections/{id}"), Value::Null);
    assert!(!left_of(&office, &id).iter().any(|table| ["jobs", "deliveries", "hooks", "secrets"].contains(table)));
    let nobodys = tell(&office, &format!("/hooks/{}", "a".repeat(43)), &old.secret, "b");
    assert_eq!(nobodys.status, 401);
    assert_eq!(tell(&office, &old.path, &old.secret, "b"), nobodys, "also with the secret that was right");
    until("the job that ran has ended", || ended(&office) > before);
    until("nothing is left of it", || left_of(&office, &id).is_empty());
    office.scene.gitlab.admin().clear_faults();
    // The same folder and the same name again: another connection, with another path and another secret.
    let again = office.connected();
    let new = hook(&office, &again);
    assert!(again != id && new.path != old.path && new.secret != old.secret);
    for (path, secret) in [(&old.path, &old.secret), (&old.path, &new.secret), (&new.path, &old.secret)] {
        assert_eq!(tell(&office, path, secret, "c"), nobodys);
    }
    assert_eq!(tell(&office, &new.path, &new.secret, "a").body, "queued\n", "what the old one was told is forgotten");
    let jobs = office.get(&format!("/api/v1/connections/{again}/jobs"));
    assert!(jobs.as_array().unwrap().iter().all(|job| job["cause"]["by"] != "delivery" || job["wakes"] == 1), "{jobs}");
}

/// On the command line a connection keeps its name, so whatever was left would be the next one's.
#[test]
fn a_connection_that_is_made_again_by_the_command_line_beside_the_server_has_another_path_and_secret() {
    let tenant = Tenant::new();
    let server = tenant.serve();
    assert_eq!(tenant.tell(&server, "a").status, 200);
    tenant.wait_until_idle();
    let run = |arguments: &[&str]| {
        let run = tenant.scene.program.run(arguments);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout.trim().to_owned()
    };
    run(&["disconnect"]);
    let nobodys = server.post("/hooks/nobodys", &[], b"");
    assert_eq!(tenant.tell(&server, "b").status, 401);
    tenant.scene.connect(&tenant.scene.token, &[]).quietly(0);
    run(&["configure", "--project", "ana/handbook"]);
    let (path, secret) = (run(&["webhook", "path"]), run(&["webhook", "secret"]));
    assert!(path != tenant.path && secret != tenant.secret);
    let tell = |path: &str, secret: &str| {
        server.post(path, &[("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook")], &tenant.push_event())
    };
    assert_eq!(tell(&tenant.path, &tenant.secret), nobodys);
    assert_eq!(tell(&tenant.path, &secret), nobodys);
    assert_eq!(tell(&path, &tenant.secret), nobodys, "the former secret of the same name");
    assert_eq!(tell(&path, &secret).body, "queued\n");
}
