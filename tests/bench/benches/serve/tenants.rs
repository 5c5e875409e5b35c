//! A GitLab with a project for each tenant, and a home folder with a configured connection to each, made by the program itself.

use crate::load::Hook;
use bench::program::command;
use gitlab_sim::{CommitSpec, ProjectSpec, Running, Simulator, TokenSpec, UserSpec};
use rusqlite::{Connection, OpenFlags};
use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Commands at once while tenants are made.
const AT_ONCE: usize = 4;
/// What a push of a few commits comes to.
const BODY_BYTES: usize = 20_000;

pub(crate) struct Scene {
    _kept: tempfile::TempDir,
    pub(crate) folder: PathBuf,
    _gitlab: Running,
    pub(crate) hooks: Arc<Vec<Hook>>,
}

/// What the server had done when nothing was left to do.
pub(crate) struct Idle {
    pub(crate) after: Duration,
    pub(crate) pulls: u64,
    pub(crate) deliveries: u64,
}

impl Scene {
    pub(crate) async fn set(tenants: usize) -> Self {
        let kept = tempfile::tempdir().expect("a folder");
        let folder = kept.path().to_path_buf();
        let gitlab = Simulator::builder().start().await.expect("a simulator");
        let admin = gitlab.admin();
        let user = admin.create_user(UserSpec::person("ana")).id;
        let token = admin.create_token(TokenSpec::personal(user, &["api"])).secret;
        let projects: Vec<u64> = (0..tenants)
            .map(|number| {
                let path = format!("ana/handbook-{number}");
                let spec = ProjectSpec { creator_id: Some(user), ..ProjectSpec::at(&path) };
                let project = admin.create_project(&spec).expect("a project").id;
                let commit = CommitSpec::on("main", "Begin\n").by(user).create("there.md", "from GitLab\n");
                admin.commit(project, commit).expect("a commit");
                project
            })
            .collect();
        let (url, place) = (gitlab.url().to_owned(), folder.clone());
        let made = tokio::task::spawn_blocking(move || make_all(&place, &url, &token, &projects));
        let hooks = Arc::new(made.await.expect("tenants"));
        Self { _kept: kept, folder, _gitlab: gitlab, hooks }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(&self.folder, arguments)
    }

    /// Waits until the server has worked off everything.
    pub(crate) async fn until_idle(&self) -> Idle {
        let begun = Instant::now();
        let store = self.store();
        let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a number");
        while count("SELECT count(*) FROM jobs WHERE stage IN ('waiting', 'running')") > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let pulls = count("SELECT count(*) FROM jobs WHERE stage = 'done'").cast_unsigned();
        let deliveries = count("SELECT count(*) FROM deliveries").cast_unsigned();
        Idle { after: begun.elapsed(), pulls, deliveries }
    }
}

impl Scene {
    fn store(&self) -> Connection {
        let path = self.folder.join("home/store.sqlite");
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store")
    }

    /// The keys of deliveries whose job was done, or was taken over by one that was.
    pub(crate) fn worked_off(&self) -> HashSet<String> {
        let store = self.store();
        let sql =
            "SELECT key FROM deliveries JOIN jobs ON jobs.number = deliveries.job WHERE stage IN ('done', 'joined')";
        let mut select = store.prepare(sql).expect("SQL");
        let keys = select.query_map([], |row| row.get(0)).expect("rows");
        keys.map(|key| key.expect("a key")).collect()
    }
}

fn make_all(folder: &Path, url: &str, token: &str, projects: &[u64]) -> Vec<Hook> {
    let next = AtomicUsize::new(0);
    // The first one makes the master key, the tables and the compiled connector.
    let first = make(folder, url, token, 0, projects[0]);
    next.store(1, Ordering::Relaxed);
    let mut made: Vec<(usize, Hook)> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                scope.spawn(|| {
                    let mut own = vec![];
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let Some(project) = projects.get(number) else { break own };
                        own.push((number, make(folder, url, token, number, *project)));
                    }
                })
            })
            .collect();
        makers.into_iter().flat_map(|maker| maker.join().expect("a maker")).collect()
    });
    made.push((0, first));
    made.sort_unstable_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, hook)| hook).collect()
}

fn make(folder: &Path, url: &str, token: &str, number: usize, project: u64) -> Hook {
    let (name, workspace) = (format!("tenant-{number}"), folder.join(format!("files-{number}")));
    std::fs::create_dir(&workspace).expect("a folder");
    let workspace = workspace.to_str().expect("a path of text");
    let run = |arguments: &[&str]| run(folder, &[&["-c", &name], arguments].concat(), token);
    run(&["connect", "--url", url, "--workspace", workspace, "--plain-text", "--private-address", "127.0.0.1/32"]);
    run(&["configure", "--project", &project.to_string()]);
    run(&["sync"]);
    let path = run(&["webhook", "path"]);
    let secret = run(&["webhook", "secret"]);
    Hook { path, key: key(&secret), body: body(project) }
}

/// The key of a signature.
fn key(secret: &str) -> Vec<u8> {
    use base64::Engine as _;
    let digits = secret.strip_prefix("whsec_").expect("a secret of that form");
    base64::engine::general_purpose::STANDARD.decode(digits).expect("base64")
}

fn body(project: u64) -> bytes::Bytes {
    let filler = "a".repeat(BODY_BYTES - 300);
    let body = serde_json::json!({
        "object_kind": "push", "event_name": "push", "ref": "refs/heads/main",
        "before": "1".repeat(40), "after": "2".repeat(40), "project_id": project, "project": { "id": project },
        "commits": [{ "id": "2".repeat(40), "message": filler, "added": ["docs/a.md"], "modified": [], "removed": [] }],
        "total_commits_count": 1,
    });
    body.to_string().into()
}

fn run(folder: &Path, arguments: &[&str], token: &str) -> String {
    let mut command = command(folder, arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let _ = child.stdin.take().expect("a pipe").write_all(format!("{token}\n").as_bytes());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
