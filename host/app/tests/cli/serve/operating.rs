//! What operators look at: health, readiness, counts.

use super::api::office::Office;
use super::server::{Server, post, until};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

#[test]
fn a_server_is_ready_when_its_store_can_be_written_to_and_says_what_is_missing() {
    let office = Office::new("");
    assert_eq!((office.server.get("/healthz").status, office.server.get("/healthz").body), (200, "ok\n".into()));
    let ready = || {
        let answer = office.server.get("/readyz");
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    until("every part runs", || ready().0 == 200);
    let all = json!({ "ready": true, "store": true, "worker": true, "poller": true, "watcher": true, "journal": true, "ending": false });
    assert_eq!(ready().1, all);
    let store = Connection::open(office.scene.program.path("home/store.sqlite")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, said) = ready();
    assert_eq!((status, &said["store"], &said["worker"]), (503, &json!(false), &json!(true)));
    assert_eq!(office.server.get("/healthz").status, 200, "the process itself is well");
    store.execute_batch("ROLLBACK").unwrap();
    until("it is ready again", || ready().0 == 200);
}

#[test]
fn counts_are_read_here_or_with_the_token_and_name_no_tenant() {
    let token = "a-token-of-the-settings-for-counts";
    let office = Office::new(&format!("metrics-token = '{token}'"));
    let id = office.connected();
    let webhook = office.get(&format!("/api/v1/connections/{id}/webhook"));
    let path = format!("/hooks/{}", webhook["url"].as_str().unwrap().rsplit('/').next().unwrap());
    let tell = |secret: &str| {
        let headers = [("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook"), ("idempotency-key", "k")];
        let body = json!({
            "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": office.scene.project,
            "before": "1".repeat(40), "after": "2".repeat(40), "project": { "id": office.scene.project },
        });
        post(office.server.address, &path, &headers, body.to_string().as_bytes()).unwrap().status
    };
    let secret = webhook["secret"].as_str().unwrap();
    assert_eq!((tell(secret), tell(secret), tell(&"f".repeat(50))), (200, 200, 401));
    let page = || office.server.get("/metrics").body;
    let line = |start: &str| {
        let page = page();
        let line = page.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned));
        line.unwrap_or_else(|| panic!("{start}: {page}")).trim().parse::<f64>().unwrap()
    };
    until("the pull is done", || line("gitlab_sync_jobs_total{job=\"pull\",outcome=\"done\"}") >= 1.0);
    for (start, value) in [
        ("gitlab_sync_deliveries_total{verdict=\"taken\"}", 1.0),
        ("gitlab_sync_deliveries_total{verdict=\"repeat\"}", 1.0),
        ("gitlab_sync_deliveries_total{verdict=\"rejected\"}", 1.0),
        ("gitlab_sync_jobs_total{job=\"sync\",outcome=\"done\"}", 1.0),
        ("gitlab_sync_queue_jobs{stage=\"waiting\"}", 0.0),
        ("gitlab_sync_call_seconds_count{call=\"verify-webhook\"}", 3.0),
    ] {
        assert_eq!(line(start), value, "{start}");
    }
    assert!(line("gitlab_sync_gitlab_requests_total{class=\"2xx\"}") >= 5.0);
    let page = page();
    for name in ["acme", "handbook", "ana", &id, "/hooks/", "127.0.0.1", "main"] {
        assert!(!page.contains(name), "{name}");
    }
    let forwarded = |token: &str| {
        let mut stream = TcpStream::connect(office.server.address).unwrap();
        let head = "GET /metrics HTTP/1.1\r\nhost: it\r\nconnection: close\r\nx-forwarded-for: 192.0.2.7\r\n";
        write!(stream, "{head}authorization: Bearer {token}\r\n\r\n").unwrap();
        super::server::answer(stream).unwrap().status
    };
    assert_eq!((forwarded("wrong"), forwarded(&office.admin), forwarded(token)), (404, 404, 200));
}

#[test]
fn each_answer_has_an_id_that_its_line_has_too() {
    let office = Office::new("");
    let ids = [(); 3].map(|()| {
        let mut stream = office.server.connect();
        let head = "GET /api/v1/me HTTP/1.1\r\nhost: it\r\nconnection: close\r\n";
        write!(stream, "{head}authorization: Bearer {}\r\n\r\n", office.viewer).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap().to_owned()
    });
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    let Office { server, .. } = office;
    let (_, lines) = Server::end(server);
    for id in &ids {
        let line = lines.iter().find(|line| line.contains(&format!("\"request\":\"{id}\""))).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["fields"]["route"], &line["fields"]["status"]), (&json!("/api/v1/me"), &json!("200")));
    }
}

/// A net below webhooks: none is sent here.
#[test]
fn a_branch_head_is_looked_at_now_and_then_and_costs_one_request() {
    let office = Office::new("poll-seconds = 10");
    let id = office.connected();
    let before = office.scene.requests();
    office.work(&id, json!({ "job": "pull" }));
    assert_eq!(office.scene.requests(), before + 1, "a look at a branch that is as it was");
    office.scene.edit_in_gitlab(|commit| commit.update("there.md", "edited there\n"));
    until("somebody has looked", || office.here("there.md").as_deref() == Some("edited there\n"));
    let jobs = office.get(&format!("/api/v1/connections/{id}/jobs"));
    assert_eq!(jobs[0]["cause"], json!({ "by": "poll" }), "{jobs}");
}
