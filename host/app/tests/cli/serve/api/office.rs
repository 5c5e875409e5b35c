//! A server with two organisations, and a GitLab beside it.

use super::super::server::{Server, until};
use super::client::Client;
use crate::gitlab::Scene;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Everything for one test.
pub(crate) struct Office {
    pub(crate) scene: Scene,
    pub(crate) server: Server,
    pub(crate) client: Client,
    /// Of `acme`.
    pub(crate) admin: String,
    pub(crate) viewer: String,
    /// Admin of `globex`.
    pub(crate) stranger: String,
}

impl Office {
    /// With more settings.
    pub(crate) fn new(settings: &str) -> Self {
        let scene = Scene::new();
        let network = "[network]\nprivate-addresses = ['127.0.0.1/32']\nplain-text = true\n";
        scene.program.write("serve.toml", format!("{settings}\n{network}"));
        let person = |name, organisation, role| {
            let added = scene.program.run(&["user", "add", name, "--organisation", organisation, "--role", role]);
            added.stdout.trim().to_owned()
        };
        let admin = person("ana", "acme", "admin");
        let viewer = person("ben", "acme", "viewer");
        let stranger = person("eve", "globex", "admin");
        let server = Server::start(&scene.program, &["--config", "serve.toml"]);
        let client = Client::of(&server);
        Self { scene, server, client, admin, viewer, stranger }
    }

    /// The organisation's connection, configured and synced once.
    pub(crate) fn connected(&self) -> String {
        let id = self.connect();
        self.done("PUT", &format!("/api/v1/connections/{id}/configuration"), json!({ "project": self.scene.project }));
        self.work(&id, json!({ "job": "sync" }));
        id
    }

    pub(crate) fn connect(&self) -> String {
        let new = json!({ "name": "handbook", "url": self.url(), "token": self.scene.token });
        let made = self.done("POST", "/api/v1/connections", new);
        made["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn url(&self) -> String {
        format!("{}/ana/handbook", self.scene.gitlab.url())
    }

    /// By the admin.
    pub(crate) fn done(&self, method: &str, path: &str, body: Value) -> Value {
        self.client.done(&self.admin, method, path, Some(body).filter(|body| !body.is_null()))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.client.done(&self.admin, "GET", path, None)
    }

    /// Starts a job and waits for its end.
    pub(crate) fn work(&self, id: &str, order: Value) -> Value {
        let started = self.done("POST", &format!("/api/v1/connections/{id}/jobs"), order);
        let path = format!("/api/v1/connections/{id}/jobs/{}", started["number"]);
        until("the job ends", || ["done", "dead"].contains(&self.get(&path)["stage"].as_str().unwrap()));
        let job = self.get(&path);
        assert_eq!(job["stage"], "done", "{job}");
        job
    }

    /// A file in the connection's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.scene.program.path("home/workspaces/acme/handbook").join(name)
    }

    pub(crate) fn here(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.file(name)).ok()
    }
}
