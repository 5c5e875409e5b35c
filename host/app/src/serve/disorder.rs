//! Deliveries in whatever order and number, with a worker that dies between them: the same end.

use super::config::Config;
use super::intake;
use super::job::{Cause, Job, Wake};
use super::journal::Journal;
use super::server::Server;
use super::{hooks, stand, worker};
use crate::installation::slot;
use crate::operations::configure::{Choice, configure};
use crate::operations::connect::{Wish, find, keep};
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
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_service::Service;

const CASES: u32 = 24;
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Somebody edits in GitLab.
    Edit,
    /// GitLab tells of one of the edits so far, perhaps again, perhaps later than of a newer one.
    Tell(prop::sample::Index),
    /// The worker dies in the middle of what it does, and another one takes its place.
    Die,
}

fn story() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Edit),
        5 => any::<prop::sample::Index>().prop_map(Step::Tell),
        1 => Just(Step::Die),
    ];
    prop::collection::vec(step, 1..16)
}

/// A connection to a real GitLab, of which every edit can be told.
struct Scene {
    server: Arc<Server>,
    router: Router,
    gitlab: Running,
    project: u64,
    user: u64,
    id: ConnectionId,
    folder: PathBuf,
    path: String,
    secret: String,
    end: watch::Receiver<bool>,
}

impl Scene {
    async fn new(folder: &Path, end: watch::Receiver<bool>) -> Self {
        let gitlab = Simulator::builder().start().await.unwrap();
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec::person("ana")).id;
        let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at("ana/handbook") };
        let project = admin.create_project(&spec).unwrap().id;
        admin.commit(project, CommitSpec::on("main", "Begin\n").by(user).create("last.md", "begin\n")).unwrap();
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let server = Arc::new(stand::server(folder, |config: &mut Config| config.jobs = 4).await);
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

    fn worker(&self) -> JoinHandle<()> {
        let (server, end) = (self.server.clone(), self.end.clone());
        tokio::spawn(async move { worker::work(server, end).await.unwrap() })
    }

    fn edit(&self, name: &str) {
        let commit = CommitSpec::on("main", "Edit\n").by(self.user);
        let commit = commit.update("last.md", format!("{name}\n")).create(&format!("{name}.md"), "edited\n");
        self.gitlab.admin().commit(self.project, commit).unwrap();
    }

    /// What it was answered.
    async fn tell(&self, key: &str) -> String {
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

    async fn wake(&self, job: Job, cause: Cause) {
        self.server.wake(Wake::new(self.id.clone(), job, cause)).await.unwrap();
    }

    async fn wait_until_idle(&self) {
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

    fn here(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.join(name)).ok()
    }

    async fn number(&self, sql: String) -> usize {
        self.server.database.read(move |store| store.query_row(&sql, [], |row| row.get(0))).await.unwrap()
    }

    async fn live(&self, case: u32, story: &[Step]) {
        let name = |edit: usize| format!("case-{case}-{edit}");
        let (mut worker, mut edits, mut told, mut is_told) = (self.worker(), 0, BTreeSet::new(), true);
        for step in story {
            match step {
                Step::Edit => {
                    self.edit(&name(edits));
                    (edits, is_told) = (edits + 1, false);
                }
                Step::Tell(_) if edits == 0 => {}
                Step::Tell(which) => {
                    let key = name(which.index(edits));
                    let is_new = told.insert(key.clone());
                    assert_eq!(self.tell(&key).await, if is_new { "queued\n" } else { "known already\n" });
                    is_told |= is_new;
                }
                Step::Die => {
                    worker.abort();
                    let _ = worker.await;
                    worker = self.worker();
                }
            }
        }
        if !is_told {
            // As the poller does where nothing is told.
            self.wake(Job::Pull, Cause::Poll).await;
        }
        self.wait_until_idle().await;
        for edit in 0..edits {
            assert_eq!(self.here(&format!("{}.md", name(edit))).as_deref(), Some("edited\n"));
        }
        if let Some(last) = edits.checked_sub(1) {
            assert_eq!(self.here("last.md"), Some(format!("{}\n", name(last))));
        }
        let of_this = format!("FROM deliveries WHERE key LIKE 'case-{case}-%'");
        assert_eq!(self.number(format!("SELECT count(*) {of_this}")).await, told.len(), "each once");
        let ended = "SELECT number FROM jobs WHERE stage IN ('done', 'joined')";
        assert_eq!(self.number(format!("SELECT count(*) {of_this} AND job NOT IN ({ended})")).await, 0);
        worker.abort();
        let _ = worker.await;
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
        webhook: None,
        ownership: Ownership::Respect,
    }
}

#[test]
fn whatever_order_and_number_deliveries_come_in_and_whenever_the_worker_dies_the_same_state_is_reached() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (_stop, end) = watch::channel(false);
    let scene = runtime.block_on(Scene::new(folder.path(), end));
    runtime.block_on(async {
        let worker = scene.worker();
        scene.wake(Job::Sync, Cause::Person { name: "ana".into() }).await;
        scene.wait_until_idle().await;
        worker.abort();
        let _ = worker.await;
    });
    assert_eq!(scene.here("last.md").as_deref(), Some("begin\n"));
    let case = Cell::new(0);
    let settings = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let told = TestRunner::new(settings).run(&story(), |story| {
        case.set(case.get() + 1);
        runtime.block_on(scene.live(case.get(), &story));
        Ok(())
    });
    told.unwrap();
}
