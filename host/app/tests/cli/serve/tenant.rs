//! A connection with a hook, and deliveries as GitLab sends them.

use super::server::{Answer, Server, post, until};
use crate::gitlab::Scene;
use rusqlite::{Connection, OpenFlags};
use std::net::SocketAddr;

/// A scene whose connection is configured and was synced once, and its hook.
pub(crate) struct Tenant {
    pub(crate) scene: Scene,
    pub(crate) path: String,
    pub(crate) secret: String,
}

impl Tenant {
    pub(crate) fn new() -> Self {
        Self::of(Scene::ready())
    }

    pub(crate) fn of(scene: Scene) -> Self {
        let synced = scene.program.run(&["sync"]);
        assert_eq!(synced.status, 0, "{}", synced.stderr);
        let told = |command: &str| scene.program.run(&["webhook", command]).stdout.trim().to_owned();
        let (path, secret) = (told("path"), told("secret"));
        assert!(path.starts_with("/hooks/") && secret.len() >= 50, "{path} {}", secret.len());
        Self { scene, path, secret }
    }

    /// Jobs begin as soon as they are there.
    pub(crate) fn serve(&self) -> Server {
        self.serve_with("settle-milliseconds = 0\n")
    }

    pub(crate) fn serve_with(&self, settings: &str) -> Server {
        self.scene.program.write("serve.toml", settings);
        Server::start(&self.scene.program, &["--config", "serve.toml"])
    }

    pub(crate) fn push_event(&self) -> Vec<u8> {
        let body = serde_json::json!({
            "object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
            "before": "1".repeat(40), "after": "2".repeat(40), "checkout_sha": "2".repeat(40),
            "project_id": self.scene.project, "project": { "id": self.scene.project }, "commits": [],
            "total_commits_count": 0,
        });
        body.to_string().into_bytes()
    }

    /// A push, told with this key.
    pub(crate) fn tell(&self, server: &Server, key: &str) -> Answer {
        self.tell_at(server.address, key).unwrap()
    }

    pub(crate) fn tell_at(&self, address: SocketAddr, key: &str) -> std::io::Result<Answer> {
        let headers =
            [("x-gitlab-token", self.secret.as_str()), ("x-gitlab-event", "Push Hook"), ("idempotency-key", key)];
        post(address, &self.path, &headers, &self.push_event())
    }

    pub(crate) fn send(&self, server: &Server, secret: &str, body: &[u8]) -> Answer {
        server.post(&self.path, &[("x-gitlab-token", secret), ("x-gitlab-event", "Push Hook")], body)
    }

    /// One number of the store.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let path = self.scene.program.path("home/store.sqlite");
        let store = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        store.busy_timeout(super::server::PATIENCE).unwrap();
        store.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Nothing waits and nothing runs.
    pub(crate) fn wait_until_idle(&self) {
        until("the queue is empty", || {
            self.count("SELECT count(*) FROM jobs WHERE stage IN ('waiting', 'running')") == 0
        });
    }
}
