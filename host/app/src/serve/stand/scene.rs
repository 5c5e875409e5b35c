//! A connection to a real GitLab that is simulated beside the server, in the same process.

use crate::installation::slot;
use crate::operations::configure::{Authorship, Choice, configure};
use crate::operations::connect::{Wish, find, keep};
use crate::serve::config::Config;
use crate::serve::intake;
use crate::serve::job::{Cause, Job, Wake};
use crate::serve::journal::Journal;
use crate::serve::server::Server;
use crate::serve::{hooks, worker};
use crate::server::Server as Address;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use gitlab_sim::{CommitSpec, ProjectSpec, Running, Simulator, TokenSpec, UserSpec};
use gitlab_sync_host::connection_id::ConnectionId;
use gitlab_sync_host::grant::Network;
use gitlab_sync_host::secrets::secret::Secret;
use gitlab_sync_host::sync::{ConflictPolicy, FirstSync, Ownership, Target};
use http_body_util::BodyExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_service::Service;

const PATIENCE: Duration = Duration::from_secs(60);

/// Configured; every edit in GitLab can be told.
pub(in crate::serve) struct Scene {
    pub(in crate::serve) server: Arc<Server>,
    router: Router,
    pub(in crate::serve) gitlab: Running,
    project: u64,
    user: u64,
    pub(in crate::serve) id: ConnectionId,
    pub(in crate::serve) folder: PathBuf,
    path: String,
    secret: String,
    end: watch::Receiver<bool>,
}

impl Scene {
    async fn new(folder: &Path, end: watch::Receiver<bool>, change: impl FnOnce(&mut Config)) -> Self {
        let gitlab = Simulator::builder().start().await.unwrap();
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec::person("ana")).id;
        let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at("ana/handbook") };
        let project = admin.create_project(&spec).unwrap().id;
        admin.commit(project, CommitSpec::on("main", "Begin\n").by(user).create("last.md", "begin\n")).unwrap();
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let server = Arc::new(super::server(folder, change).await);
        let (journal, _) = Journal::open(server.clone());
        let router = intake::router(server.clone(), journal);
        let id = ConnectionId::parse("handbook").unwrap();
        let workspace = folder.join("handbook");
        std::fs::create_dir(&workspace).unwrap();
        let network =
            Network { private_addresses: vec!["127.0.0.1/32".into()], plain_text: true, ..Network::default() };
        let address = Address::parse(gitlab.url()).unwrap();
        let wish = Wish { id: id.clone(), server: address, workspace, profile: "files-read-write".into(), network };
        let entry = find(wish, &server.installation, server.hearing(&id)).await.unwrap();
        let token = Secret::new(token.as_bytes()).unwrap();
        keep(&entry, token, &server.installation, server.hearing(&id)).await.unwrap();
        let connection = server.connection(&id).await.unwrap();
        configure(choice(project), &entry, &connection, &server.installation).await.unwrap();
        let path = hooks::path(&id, &server.vault, &server.database, 1).await.unwrap().route();
        let secret = server.vault.reveal(&id, &slot("webhook")).await.unwrap().unwrap().secret;
        let secret = String::from_utf8(secret.expose().to_vec()).unwrap();
        Self { server, router, gitlab, project, user, id, folder: entry.workspace, path, secret, end }
    }

    /// A first sync has ended, and no worker is there.
    pub(in crate::serve) async fn synced(
        folder: &Path,
        end: watch::Receiver<bool>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let scene = Self::new(folder, end, change).await;
        let worker = scene.worker();
        scene.wake(Job::Sync, Cause::Person { name: "ana".into() }).await;
        scene.wait_until_idle().await;
        worker.abort();
        let _ = worker.await;
        assert_eq!(scene.here("last.md").as_deref(), Some("begin\n"));
        scene
    }

    pub(in crate::serve) fn worker(&self) -> JoinHandle<()> {
        let (server, end) = (self.server.clone(), self.end.clone());
        tokio::spawn(async move { worker::work(server, end).await.unwrap() })
    }

    pub(in crate::serve) fn edit(&self, name: &str) {
        let commit = CommitSpec::on("main", "Edit\n").by(self.user);
        let commit = commit.update("last.md", format!("{name}\n")).create(&format!("{name}.md"), "edited\n");
        self.gitlab.admin().commit(self.project, commit).unwrap();
    }

    /// What it was answered.
    pub(in crate::serve) async fn tell(&self, key: &str) -> String {
        let body = serde_json::json!({
            "object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "project_id": self.project,
            "before": "1".repeat(40), "after": "2".repeat(40), "project": { "id": self.project },
        });
        let request = Request::post(&self.path).header("x-gitlab-token", &self.secret);
        let request = request.header("x-gitlab-event", "Push Hook").header("idempotency-key", key);
        let answer = self.router.clone().call(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    pub(in crate::serve) async fn wake(&self, job: Job, cause: Cause) {
        self.server.wake(Wake::new(self.id.clone(), job, cause)).await.unwrap();
    }

    pub(in crate::serve) async fn wait_until_idle(&self) {
        let since = Instant::now();
        loop {
            let depth = self.server.queue.depth(self.server.now_ms()).await.unwrap();
            if depth.waiting + depth.running == 0 {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "{depth:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(in crate::serve) fn here(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(name)).ok()
    }

    pub(in crate::serve) async fn number(&self, sql: String) -> usize {
        self.server.database.read(move |store| store.query_row(&sql, [], |row| row.get(0))).await.unwrap()
    }
}

fn choice(project: u64) -> Choice {
    Choice {
        target: Target::Existing(project),
        branch: None,
        directories: vec![],
        patterns: vec![],
        conflicts: ConflictPolicy::KeepBoth,
        first: FirstSync::Merge,
        message_template: None,
        author: Authorship::AsBefore,
        webhook: None,
        ownership: Ownership::Respect,
    }
}
